#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Size and build time of a table with 230 k routed prefixes, 1 M entries of a feed in them and
200 k end-site lengths, with the parts left out one by one.

  perf/end_sites_scale.py --mxgate build/bin/mxgate [--routes FILE]
  perf/end_sites_scale.py --mxgate build/bin/mxgate --objects 5000000

--routes FILE: an IPv6 routing table, a prefix a line (.xz or plain); without it one is generated.
--objects N: in place of that, a registry with N inet6num objects, and the memory it takes."""
import argparse
import gzip
import ipaddress
import json
import lzma
import os
import random
import resource
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


def compiled(mxgate, folder):
    run = subprocess.run([mxgate, "compile", f"{folder}/config.yaml", "-o", f"{folder}/table",
                          "--state-dir", f"{folder}/none", "--json"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def registry(mxgate, count):
    """As registries have them: providers that aggregate, and single assignments."""
    with tempfile.TemporaryDirectory() as folder:
        with gzip.open(f"{folder}/objects.gz", "wt", compresslevel=6) as out:
            for i in range(count):
                if i % 20 == 0:
                    prefix, status = text(0x2a << 120 | i << 84, 40), "AGGREGATED-BY-LIR\nassignment-size: 56"
                else:
                    prefix, status = text(0x2c << 120 | i << 82, 48), "ASSIGNED"
                out.write(f"inet6num:       {prefix}\nnetname:        NET-{i}\ncountry:        EU\n"
                          f"status:         {status}\nmnt-by:         MNT-{i % 9973}\nsource:         TEST\n\n")
        with open(f"{folder}/config.yaml", "w") as file:
            file.write("gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n"
                       "aggregation: {feeds: [{name: registry, format: rpsl, path: objects.gz}]}\n")
        lines = compiled(mxgate, folder)
        packed = os.path.getsize(f"{folder}/objects.gz")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{count} objects, {packed / 1e6:.0f} MB packed: {lines[0]['entries']} entries, "
          f"{lines[0]['rejected']} rejected; table {lines[-1]['plane_bytes'] / 2**20:.1f} MiB, "
          f"{lines[-1]['seconds']:.1f} s, at most {peak / 1e3:.0f} MB in one process")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mxgate", default="build/bin/mxgate")
    parser.add_argument("--routes")
    parser.add_argument("--objects", type=int)
    options = parser.parse_args()
    if options.objects:
        return registry(options.mxgate, options.objects)
    rng = random.Random(1)
    routes = list(read(options.routes)) if options.routes else generated(rng)
    print(f"{'routed':>8}{'feed':>9}{'lengths':>9} {'widened':<8}{'prefixes':>9}{'intervals':>11}"
          f"{'table MiB':>11}{'file MiB':>10}{'seconds':>9}")
    with tempfile.TemporaryDirectory() as folder:
        write(folder, routes, rng)
        for feed, lengths, widen in ((0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)):
            config(folder, feed, lengths, widen)
            runs = [compiled(options.mxgate, folder)[-1] for _ in range(3)]
            best = min(runs, key=lambda r: r["seconds"])
            print(f"{len(routes):>8}{feed * FEED:>9}{lengths * LENGTHS:>9} {'yes' if widen else 'no':<8}"
                  f"{best['prefixes']:>9}{best['intervals']:>11}{best['plane_bytes'] / 2**20:>11.1f}"
                  f"{best['file_bytes'] / 2**20:>10.1f}{best['seconds']:>9.2f}")


if __name__ == "__main__":
    main()
