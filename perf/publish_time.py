#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""From a changed feed to the table in force: how long mxgated takes, with its guards on.

Runs mxgated with the XDP plane in a network namespace of its own (as root), with one feed of many
prefixes in a file. Each turn replaces the file by one in which a share of the prefixes differs, and
takes the time until the event that says the new table is in force, and the CPU time that mxgated and
its worker take meanwhile, which a busy machine changes less.

    sudo perf/publish_time.py [--prefixes 1000000] [--turns 9] [--bin build/bin]
"""

import argparse
import http.client
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

CONFIG = """
gate:
  interfaces: [gate0]
  services: [{{name: mx, addresses: ["2001:db8:2::25", 192.0.2.25]}}]
feeds:
  - {{name: own, format: prefixes, path: {folder}/own.txt, class: good, priority: 9}}
  - {{name: big, format: prefixes, path: {folder}/list.txt, class: bad,
     guard: {{min_entries: 1000, max_change: 50%}}}}
"""


class UnixHttp(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def get(run, path):
    http_client = UnixHttp(run + "/control.sock")
    http_client.request("GET", path)
    return json.loads(http_client.getresponse().read())


def write_list(path, prefixes):
    with open(path + ".new", "w", encoding="ascii") as out:
        out.writelines(
            f"2{p >> 44:03x}:{p >> 28 & 0xffff:x}:{p >> 12 & 0xffff:x}:{(p & 0xfff) << 4:x}::/64\n"
            for p in prefixes)


def start(args, folder):
    name = "mxgate-perf"
    subprocess.run(["ip", "netns", "add", name], check=True)
    inside = ["ip", "netns", "exec", name]
    subprocess.run(inside + ["ip", "link", "add", "gate0", "type", "veth", "peer", "name", "wire"],
                   check=True)
    for interface in ("gate0", "wire"):
        subprocess.run(inside + ["ip", "link", "set", interface, "up"], check=True)
    pins = f"/sys/fs/bpf/{name}"
    return inside, [os.path.join(args.bin, "mxgated"), "--config", folder + "/gate.yaml", "--run-dir",
                    folder + "/run", "--state-dir", folder + "/state", "--pin-dir", pins], pins


def wait_for(condition, seconds):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            raise SystemExit("mxgated does not get there; see its log above")
        time.sleep(0.01)


def cpu_seconds(pid):
    """Of a process and its children that have ended."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        ticks = stat.read().rsplit(")", maxsplit=1)[1].split()[11:15]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def turns(args, folder, prefixes, daemon):
    """Seconds of each turn, and of CPU time."""
    run, out = folder + "/run", []
    for _ in range(args.turns):
        for _ in range(len(prefixes) // 100):
            prefixes[random.randrange(len(prefixes))] = random.getrandbits(56)
        write_list(folder + "/list.txt", sorted(prefixes))
        time.sleep(3)  # keeps the last good table, and its disk is calm again
        before = get(run, "/v1/status")["table"]["generation"]
        changed, worked = time.time(), cpu_seconds(daemon.pid)
        os.rename(folder + "/list.txt.new", folder + "/list.txt")
        wait_for(lambda: get(run, "/v1/status")["table"]["generation"] > before, 60)
        made = [e["time"] for e in get(run, "/v1/events") if e["kind"] == "generation"]
        out.append((made[-1] - changed, cpu_seconds(daemon.pid) - worked))
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--prefixes", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--bin", default="build/bin")
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="mxgate-perf-")
    daemon = None
    try:
        random.seed(1)
        prefixes = [random.getrandbits(56) for _ in range(args.prefixes)]
        write_list(folder + "/list.txt", sorted(prefixes))
        os.rename(folder + "/list.txt.new", folder + "/list.txt")
        with open(folder + "/own.txt", "w", encoding="ascii") as own:
            own.write("198.51.100.0/24\n")
        with open(folder + "/gate.yaml", "w", encoding="ascii") as config:
            config.write(CONFIG.format(folder=folder))
        inside, command, pins = start(args, folder)
        daemon = subprocess.Popen(inside + command)
        wait_for(lambda: os.path.exists(folder + "/run/control.sock"), 60)
        for what, seconds in zip(("seconds", "CPU seconds"),
                                 zip(*turns(args, folder, prefixes, daemon))):
            print(f"{args.prefixes} prefixes, load {os.getloadavg()[0]:.1f}: from changed file to "
                  f"enforced, {what}: median {statistics.median(seconds):.2f}, "
                  f"least {min(seconds):.2f}, most {max(seconds):.2f}")
    finally:
        if daemon:
            daemon.terminate()
            daemon.wait()
            subprocess.run(inside + [os.path.join(args.bin, "mxgate"), "--pin-dir", pins, "--run-dir",
                                     folder + "/run", "detach"], check=False)
        subprocess.run(["ip", "netns", "del", "mxgate-perf"], check=False)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
