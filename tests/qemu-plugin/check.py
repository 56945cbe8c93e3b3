#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Checks a JSON report of guest-age.so; says what is wrong on standard error.

check.py shape REPORT       names, types, and what must add up
check.py exact REPORT       of guest.c: these pages and no others, step by step
check.py boot REPORT        of a kernel that the demo booted: phases can be told apart
check.py trace FILE         a trace of guest.c, as 64-bit words
"""
import json
import struct
import sys

SMALL, BIG, LOADED, MAPPED = 64, 4096, 3, 64
MIB = 256  # pages


def fail(text):
    sys.exit("check.py: " + text)


def want(what, found, wanted):
    if found != wanted:
        fail(f"{what}: {found} instead of {wanted}")


COUNTERS = {"loads", "stores", "asked", "io", "outside", "walks", "tlb_hits", "faults", "refaults",
            "evicted", "step_us"}
COLUMN = {"steps", "instructions", "ms", "touched", "touched_most", "working_set", "ever",
          "resident", "refaults", "evicted", "idle"}
NUMBERS = {"version", "page_size", "pages", "processors", "every", "interval_ms", "window",
           "target_millionths", "instructions", "ms", "steps"}


def numbers(what, found, names):
    want(what, set(found), names)
    for name in names:
        if name != "idle" and (not isinstance(found[name], int) or found[name] < 0):
            fail(f"{what}.{name}: {found[name]!r} is no count")


def shape(report):
    want("format", (report["format"], report["version"]), ("ptw-guest-age", 1))
    want("names", set(report), NUMBERS | {"format", "target", "table", "fetches", "counters", "marks",
                                          "columns", "used"})
    numbers("report", {name: report[name] for name in NUMBERS}, NUMBERS)
    numbers("counters", {name: value for name, value in report["counters"].items() if name != "wrong"},
            COUNTERS)
    want("hits of the cache that QEMU denied", report["counters"].get("wrong", 0), 0)
    before = None
    for number, column in enumerate(report["columns"]):
        what = f"columns[{number}]"
        numbers(what, column, COLUMN)
        want(what + ".idle in all", sum(column["idle"]), column["ever"])
        want(what + ".resident", column["resident"],
             column["ever"] - column["evicted"] + column["refaults"])
        if not column["touched"] <= column["touched_most"] <= column["ever"]:
            fail(f"{what}: touched {column['touched']}, {column['touched_most']}, ever {column['ever']}")
        if before and any(column[name] < before[name] for name in
                          ("instructions", "ms", "ever", "refaults", "evicted")):
            fail(f"{what}: something has become less")
        before = column
    want("steps of all columns", sum(column["steps"] for column in report["columns"]), report["steps"])
    want("pages used", sum(count for _, count in report["used"]), before["ever"])
    want("faults", report["counters"]["faults"], before["ever"])


def known():
    pages = set(range(16 * MIB, 16 * MIB + SMALL)) | set(range(32 * MIB, 32 * MIB + BIG))
    pages |= {24 * MIB, 80 * MIB, 80 * MIB + 1} | set(range(96 * MIB, 96 * MIB + LOADED))
    for page in range(MAPPED):
        pages |= {64 * MIB + 2 * page, 72 * MIB + 2 * page}
    return pages


def compare(found):
    """Below and above are firmware and the program itself."""
    found = {page for page in found if 16 * MIB <= page < 128 * MIB}
    if found != known():
        fail(f"missing {sorted(known() - found)[:9]}, too many {sorted(found - known())[:9]}")


def exact(report):
    compare(page for first, count in report["used"] for page in range(first, first + count))
    touched = [column["touched"] for column in report["columns"]]
    # The program's own page is one more.
    for phase, pages, steps in (("small", SMALL + 1, 20), ("big", BIG + 1, 5)):
        if touched.count(pages) < steps:
            fail(f"{touched.count(pages)} steps with {pages} pages ({phase}): {touched}")
    sizes = [pages for pages in touched if pages in (SMALL + 1, BIG + 1)]
    changes = [pages for number, pages in enumerate(sizes) if not number or pages != sizes[number - 1]]
    want("order of the phases", changes, [SMALL + 1, BIG + 1, SMALL + 1])


def boot(report):
    """As their names say: in one phase 64 MiB are worked on, in those around it 4."""
    marks = {mark["text"]: mark["instructions"] for mark in report["marks"]}
    for text in ("kernel", "drivers", "user space", "4 MiB", "64 MiB", "4 MiB again", "end"):
        if text not in marks:
            fail(f"no mark {text!r} in {sorted(marks)}")
    big = 64 * MIB

    def most(begin, end):
        inside = [column["working_set"] for column in report["columns"]
                  if marks[begin] < column["instructions"] <= marks[end]]
        if not inside:
            fail(f"no column between {begin!r} and {end!r}")
        return max(inside)

    if most("64 MiB", "4 MiB again") < big:
        fail(f"working set while 64 MiB are used: {most('64 MiB', '4 MiB again')} pages, below {big}")
    if most("4 MiB", "64 MiB") > big // 2:
        fail(f"working set before, with 4 MiB: {most('4 MiB', '64 MiB')} pages")
    end = report["columns"][-1]["working_set"]
    if end > big // 2:
        fail(f"working set at the end: {end} pages")


def trace(path):
    with open(path, "rb") as file:
        data = file.read()
    words = struct.unpack(f"<{len(data) // 8}Q", data)
    compare(set(words) - {2 ** 64 - 1})
    if words.count(2 ** 64 - 1) < 50:
        fail("hardly any ticks")


def main():
    checks = {"exact": exact, "boot": boot}
    if len(sys.argv) != 3 or sys.argv[1] not in {"shape", "trace", *checks}:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    if sys.argv[1] == "trace":
        return trace(sys.argv[2])
    with open(sys.argv[2], encoding="ascii") as file:
        report = json.load(file)
    shape(report)
    if sys.argv[1] in checks:
        checks[sys.argv[1]](report)


main()
