#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Prints what a JSON report of guest-age.so says, phase by phase.

summary.py REPORT       example: examples/qemu-plugin/summary.py build/guest-x86/report.json
"""
import json
import sys


def main():
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__, file=sys.stderr)
        sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
    try:
        with open(sys.argv[1], encoding="ascii") as file:
            report = json.load(file)
        if report["format"] != "ptw-guest-age":
            raise ValueError("it is something else")
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"summary.py: '{sys.argv[1]}' is no report of guest-age.so: {error}", file=sys.stderr)
        sys.exit(2)

    mib = report["page_size"] / (1 << 20)
    counters = report["counters"]
    print(f"{report['target']}, {report['processors']} processors, {report['pages'] * mib:.0f} MiB, "
          f"table {report['table']}: {report['instructions'] / 1e6:.0f} million instructions, "
          f"{counters['loads'] / 1e6:.0f} million loads, {counters['stores'] / 1e6:.0f} million stores")
    print(f"{'phase':<14}{'million instr.':>16}{'working set':>14}{'used so far':>14}{'not put out':>14}")
    marks = [{"text": "loader", "instructions": 0}] + report["marks"]
    for number, mark in enumerate(marks):
        end = marks[number + 1]["instructions"] if number + 1 < len(marks) else report["instructions"]
        inside = [column for column in report["columns"]
                  if mark["instructions"] < column["instructions"] <= end]
        if not inside:
            continue
        last = inside[-1]
        print(f"{mark['text']:<14}{(end - mark['instructions']) / 1e6:>16.0f}"
              f"{max(column['working_set'] for column in inside) * mib:>10.1f} MiB"
              f"{last['ever'] * mib:>10.1f} MiB{last['resident'] * mib:>10.1f} MiB")
    print(f"proactive reclaim: {counters['evicted']} pages put out, {counters['refaults']} brought back; "
          f"{(last['ever'] - last['resident']) * mib:.1f} MiB saved at the end")


main()
