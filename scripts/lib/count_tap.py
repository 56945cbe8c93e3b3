#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Counts test results: count_tap.py FILE... prints "PASSED FAILED SKIPPED".

A FILE is either TAP or meson's testlog.json. A program that ended badly without a "not ok" line,
or before its plan was fulfilled, counts as one failure more.
"""
import json
import re
import sys

PLAN = re.compile(r"^1\.\.(\d+)", re.M)
LINE = re.compile(r"^(not )?ok\b(.*)$", re.M)


def count(text, ended_well):
    passed = failed = skipped = 0
    for bad, rest in LINE.findall(text):
        if bad:
            failed += 1
        elif re.search(r"#\s*skip", rest, re.I):
            skipped += 1
        else:
            passed += 1
    plan = PLAN.search(text)
    fulfilled = plan is None or passed + failed + skipped >= int(plan.group(1))
    if not failed and not (ended_well and fulfilled):
        failed = 1
    return passed, failed, skipped


def results(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        if not path.endswith(".json"):
            yield count(file.read(), True)
            return
        for line in file:
            test = json.loads(line)
            output = test.get("stdout") or ""
            if LINE.search(output):
                yield count(output, test["result"] in ("OK", "SKIP"))
            elif test["result"] == "SKIP":
                yield 0, 0, 1
            else:
                yield (1, 0, 0) if test["result"] == "OK" else (0, 1, 0)


totals = [0, 0, 0]
for name in sys.argv[1:]:
    for numbers in results(name):
        totals = [a + b for a, b in zip(totals, numbers)]
print(*totals)
