#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How many source prefixes a day a gate tracks at /128, /64 and true length, over a trace of mail
arrivals (tab-separated: Unix time, MX, client address, ...; .xz or plain).

  perf/trace_report.py --mxgate build/bin/mxgate --trace a.tsv.xz --trace b.tsv.xz \\
      --sites senders.txt --delegated delegated-afrinic-extended.xz --routes routes.tsv.xz --svg docs/end-sites.svg

Lengths come through mxgate itself: from what senders publish as theirs (--sites: each prefix of
at most /64 is one end site) and what registries list as assigned to end users (a prefix in
delegated statistics with status `assigned` is one end site), then from what `mxgate lengths learn`
finds in the trace, then the default /64; IPv4 by the address."""
import argparse
import collections
import datetime
import ipaddress
import json
import lzma
import os
import statistics
import subprocess
import tempfile


def lines_of(path):
    opener = lzma.open if path.endswith(".xz") else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as file:
        yield from file


def read_trace(paths):
    """(day, address) of each delivery."""
    for path in paths:
        for line in lines_of(path):
            fields = line.split("\t")
            if line.startswith("#") or len(fields) < 3:
                continue
            day = datetime.datetime.fromtimestamp(int(fields[0]), datetime.timezone.utc).date()
            yield day, fields[2]


def write_assigned(paths, to):
    count = 0
    with open(to, "w") as out:
        out.write("prefix,length\n")
        for path in paths:
            for line in lines_of(path):
                fields = line.rstrip("\n").split("|")
                if len(fields) > 6 and fields[2] == "ipv6" and fields[6] == "assigned" and int(fields[4]) <= 64:
                    out.write(f"{fields[3]}/{fields[4]},{fields[4]}\n")
                    count += 1
    return count


def write_sites(paths, to):
    with open(to, "w") as out:
        for path in paths:
            for line in lines_of(path):
                prefix = line.split("#")[0].strip()
                if ":" in prefix and "/" in prefix and int(prefix.split("/")[1]) <= 64:
                    out.write(prefix + "\n")


def source_prefixes(mxgate, folder, addresses, delegated, sites, routes):
    """The gate's own answer for each address."""
    table, assigned, learned = (f"{folder}/{name}" for name in ("table", "assigned.csv", "learned.csv"))
    count = write_assigned(delegated, assigned)
    write_sites(sites, f"{folder}/sites")
    with open(f"{folder}/addresses", "w") as out:
        out.writelines(f"{address}\n" for address in addresses)
    with open(f"{folder}/routes", "w") as out:
        for path in routes:
            out.writelines(line.split("\t")[0].strip() + "\n" for line in lines_of(path))
    with open(learned, "w") as out:
        subprocess.run([mxgate, "lengths", "learn", "--prefixes", f"{folder}/routes", f"{folder}/addresses"],
                       stdout=out, check=True)
    with open(f"{folder}/config.yaml", "w") as out:
        out.write("gate: {services: [{name: mx, addresses: [192.0.2.25]}]}\n"
                  "aggregation:\n  learned: apply\n  feeds:\n"
                  "    - {name: senders, format: geofeed, path: sites, guard: {min_entries: 0}}\n"
                  "    - {name: assigned, format: csv, path: assigned.csv, guard: {min_entries: 0}}\n"
                  "    - {name: learned, format: learned, path: learned.csv, guard: {min_entries: 0}}\n")
    subprocess.run([mxgate, "compile", f"{folder}/config.yaml", "-o", table, "--state-dir", f"{folder}/none"],
                   stdout=subprocess.DEVNULL, check=True)
    answers = {}
    with open(f"{folder}/addresses") as file:
        run = subprocess.run([mxgate, "lookup", table, "-", "--json"], stdin=file, capture_output=True, check=True)
    for line in run.stdout.splitlines():
        answer = json.loads(line)
        answers[answer["address"]] = (answer["source_prefix"], answer["length_origin"])
    with open(learned) as file:
        hints = [line.strip() for line in file if not line.startswith("#")]
    return answers, count, hints


LEVELS = ("/128", "/64", "true length")
COLOURS = ("#c0392b", "#2471a3", "#1e8449")


def svg(months, series, path):
    """A line for each level: the mean of a day, by month."""
    width, height, left, bottom, top = 860, 360, 56, 40, 24
    most = max(max(values) for values in series.values()) * 1.1
    x = lambda i: left + i * (width - left - 150) / max(len(months) - 1, 1)
    y = lambda v: height - bottom - v * (height - bottom - top) / most
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
           f'<text x="{left}" y="15">IPv6 source prefixes tracked a day (mean of the month)</text>']
    step = max(1, round(most / 6))
    for value in range(0, int(most) + 1, step):
        out.append(f'<line x1="{left}" x2="{x(len(months) - 1):.0f}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#dddddd"/>')
        out.append(f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>')
    for i, month in enumerate(months):
        if month.endswith("-01"):
            out.append(f'<text x="{x(i):.1f}" y="{height - bottom + 18}" text-anchor="middle">{month[:4]}</text>')
            out.append(f'<line x1="{x(i):.1f}" x2="{x(i):.1f}" y1="{height - bottom}" y2="{height - bottom + 5}" stroke="#333333"/>')
    for number, (level, colour) in enumerate(zip(LEVELS, COLOURS)):
        points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(series[level]))
        out.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        at = top + 18 + number * 18
        out.append(f'<line x1="{width - 130}" x2="{width - 105}" y1="{at - 4}" y2="{at - 4}" stroke="{colour}" stroke-width="3"/>')
        out.append(f'<text x="{width - 98}" y="{at}">{level}</text>')
    out.append("</svg>")
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mxgate", default="build/bin/mxgate")
    parser.add_argument("--trace", action="append", required=True)
    parser.add_argument("--delegated", action="append", default=[])
    parser.add_argument("--sites", action="append", default=[])
    parser.add_argument("--routes", action="append", default=[])
    parser.add_argument("--svg")
    options = parser.parse_args()

    deliveries = [(day, ipaddress.ip_address(address)) for day, address in read_trace(options.trace)]
    ipv6 = sorted({str(address) for _, address in deliveries if address.version == 6})
    with tempfile.TemporaryDirectory() as folder:
        answers, assigned, hints = source_prefixes(os.path.abspath(options.mxgate), folder, ipv6,
                                                   options.delegated, options.sites, options.routes)
    daily = collections.defaultdict(lambda: {level: set() for level in LEVELS})
    monthly = collections.defaultdict(lambda: {level: set() for level in LEVELS})
    whole = {level: set() for level in LEVELS}
    ipv4 = collections.defaultdict(set)
    origins = collections.Counter()
    for day, address in deliveries:
        if address.version == 4:
            ipv4[day].add(address)
            continue
        prefix, origin = answers[str(address)]
        origins[origin] += 1
        keys = (str(address), int(address) >> 64, prefix)
        for level, key in zip(LEVELS, keys):
            daily[day][level].add(key)
            monthly[day.strftime("%Y-%m")][level].add(key)
            whole[level].add(key)
    by_month = collections.defaultdict(lambda: {level: [] for level in LEVELS})
    for day, sets in daily.items():
        for level in LEVELS:
            by_month[day.strftime("%Y-%m")][level].append(len(sets[level]))
    months = sorted(by_month)
    series = {level: [statistics.mean(by_month[m][level]) for m in months] for level in LEVELS}

    total = sum(1 for _, address in deliveries if address.version == 6)
    print(f"{len(deliveries)} deliveries on {len(daily)} days with IPv6, {total} over IPv6 from {len(ipv6)} addresses")
    print(f"{assigned} assigned prefixes; {len(hints)} learned; deliveries by origin of length: "
          + ", ".join(f"{origin} {count}" for origin, count in origins.most_common()))
    for hint in hints:
        print("  " + hint)
    print(f"{'IPv6 source prefixes':<22}{'mean a day':>11}{'busiest day':>12}{'mean a month':>13}{'whole trace':>12}")
    for level in LEVELS:
        counts = [len(sets[level]) for sets in daily.values()]
        print(f"{level:<22}{statistics.mean(counts):>11.1f}{max(counts):>12}"
              f"{statistics.mean(len(s[level]) for s in monthly.values()):>13.1f}{len(whole[level]):>12}")
    counts = [len(addresses) for addresses in ipv4.values()]
    print(f"IPv4, by the address: {statistics.mean(counts):.1f} a day, {max(counts)} on the busiest")
    if options.svg:
        svg(months, series, options.svg)


if __name__ == "__main__":
    main()
