#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Prints what a JSON report of guest-age.so says, phase by phase.

summary.py REPORT       example: examples/qemu-plugin/summary.py build/guest-x86/report.json
"""
import json
import sys


def phases(report):
    """Of each phase: name, instructions at its begin and end, and the columns that end in it."""
    marks = [{"text": "loader", "instructions": 0}] + report["marks"]
    ends = [mark["instructions"] for mark in marks[1:]] + [report["instructions"]]
    for mark, end in zip(marks, ends):
        begin = mark["instructions"]
        yield mark["text"], begin, end, [column for column in report["columns"]
                                         if begin < column["instructions"] <= end]


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
    print(f"{'':<14}{'million':>9}{'working set:':>15}{'':>14}{'used':>14}{'there, with':>22}\n"
          f"{'phase':<14}{'instr.':>9}{'at most':>15}{'at the end':>14}{'so far':>14}{'proactive reclaim':>22}")
    for name, begin, end, inside in phases(report):
        # Shorter than a column: there is none that tells of this phase alone.
        pages = [max(column["working_set"] for column in inside)] + [
            inside[-1][what] for what in ("working_set", "ever", "resident")] if inside else [None] * 4
        print(f"{name:<14}{(end - begin) / 1e6:>9.0f}" + "".join(
            f"{'-' if count is None else f'{count * mib:.1f} MiB':>{width}}"
            for count, width in zip(pages, (15, 14, 14, 22))))
    if report["columns"]:
        last = report["columns"][-1]
        print(f"proactive reclaim: {counters['evicted']} pages put out, {counters['refaults']} brought back; "
              f"{(last['ever'] - last['resident']) * mib:.1f} MiB saved at the end")


main()
