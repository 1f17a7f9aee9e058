#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Size and build time of a table with 230 k routed prefixes, 1 M entries of a feed in them and
200 k end-site lengths, with the parts left out one by one.

  perf/end_sites_scale.py --mxgate build/bin/mxgate [--routes FILE]

--routes FILE: an IPv6 routing table, a prefix a line (.xz or plain); without it one is generated."""
import argparse
import ipaddress
import json
import lzma
import random
import subprocess
import tempfile

FEED, LENGTHS, ROUTED = 1_000_000, 200_000, 230_000


def text(value, length):
    return f"{ipaddress.IPv6Address(value >> (128 - length) << (128 - length))}/{length}"


def generated(rng):
    seen = set()
    while len(seen) < ROUTED:
        site = rng.choice((0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c0f)) + rng.randrange(16) << 112
        site |= rng.randrange(4096) << 99
        seen.add((site, rng.choice((29, 32))))
        for _ in range(rng.randrange(25)):
            length = rng.choice((48, 48, 48, 48, 44, 40, 36, 46, 47))
            value = site | rng.getrandbits(128 - 32)
            seen.add((value >> (128 - length) << (128 - length), length))
    return sorted(seen)


def read(path):
    opener = lzma.open if path.endswith(".xz") else open
    with opener(path, "rt") as file:
        for line in file:
            if line.startswith("#"):
                continue
            network = ipaddress.IPv6Network(line.split()[0])
            yield int(network.network_address), network.prefixlen


def inside(rng, route, length):
    value, around = route
    length = max(length, around)
    return value | rng.getrandbits(128 - around) if around < 128 else value, length


def write(folder, routes, rng):
    with open(f"{folder}/routes", "w") as out:
        out.writelines(text(*route) + "\n" for route in routes)
    with open(f"{folder}/feed", "w") as out:
        for _ in range(FEED):
            out.write(text(*inside(rng, rng.choice(routes), rng.choice((64, 64, 128, 128, 128, 56, 48)))) + "\n")
    with open(f"{folder}/lengths", "w") as out:
        seen = set()
        while len(seen) < LENGTHS:  # nested in the routed prefixes, each once
            route = rng.choice(routes)
            value, length = inside(rng, route, route[1] + rng.randrange(12))
            prefix = text(value, min(length, 128))
            if prefix in seen:
                continue
            seen.add(prefix)
            site = rng.choice([n for n in (48, 52, 56, 60, 62, 64, 80, 96, 128) if n >= length] or [128])
            out.write(f"{prefix},{site},\n")


def config(folder, feed, lengths, widen):
    out = "gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n"
    if lengths:
        out += "aggregation: {feeds: [{name: lengths, format: prefixlen, path: lengths}]}\n"
    out += "feeds:\n  - {name: routes, format: prefixes, path: routes, class: mixed}\n"
    if feed:
        out += ("  - {name: feed, format: prefixes, path: feed, class: bad, priority: 1, widen: "
                + ("end_site" if widen else "none") + "}\n")
    with open(f"{folder}/config.yaml", "w") as file:
        file.write(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mxgate", default="build/bin/mxgate")
    parser.add_argument("--routes")
    options = parser.parse_args()
    rng = random.Random(1)
    routes = list(read(options.routes)) if options.routes else generated(rng)
    print(f"{'routed':>8}{'feed':>9}{'lengths':>9} {'widened':<8}{'prefixes':>9}{'intervals':>11}"
          f"{'table MiB':>11}{'file MiB':>10}{'seconds':>9}")
    with tempfile.TemporaryDirectory() as folder:
        write(folder, routes, rng)
        for feed, lengths, widen in ((0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)):
            config(folder, feed, lengths, widen)
            runs = []
            for _ in range(3):
                run = subprocess.run([options.mxgate, "compile", f"{folder}/config.yaml", "-o", f"{folder}/table",
                                      "--state-dir", f"{folder}/none", "--json"],
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
                runs.append(json.loads(run.stdout.splitlines()[-1]))
            best = min(runs, key=lambda r: r["seconds"])
            print(f"{len(routes):>8}{feed * FEED:>9}{lengths * LENGTHS:>9} {'yes' if widen else 'no':<8}"
                  f"{best['prefixes']:>9}{best['intervals']:>11}{best['plane_bytes'] / 2**20:>11.1f}"
                  f"{best['file_bytes'] / 2**20:>10.1f}{best['seconds']:>9.2f}")


if __name__ == "__main__":
    main()
