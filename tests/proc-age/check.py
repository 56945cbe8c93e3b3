#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Judges what proc-age wrote. usage: check.py writes|given-back|reads|metrics FILE [PAGES]"""
import json
import re
import sys


def writes(report, pages):
    """Each page that the child wrote was told once a turn; its C library writes some, too."""
    told = sum(scan["used_bytes"] for scan in report["scans"]) // 4096
    assert pages <= told <= pages + 120, f"{told} pages were told, {pages} written"
    assert sum(report["bytes_by_idle_scans"]) == report["scans"][-1]["known_bytes"]
    assert all(scan["used_bytes"] <= scan["known_bytes"] for scan in report["scans"])


def given_back(report, pages):
    """So many pages were known once, and next to none of them at the end."""
    known = [scan["known_bytes"] // 4096 for scan in report["scans"]]
    assert max(known) >= pages > 1000 and known[-1] <= 200, known
    assert sum(report["bytes_by_idle_scans"]) == report["scans"][-1]["known_bytes"]


def reads(report, pages):
    """The mapping lies idle at the end."""
    ages = report["bytes_by_idle_scans"]
    assert sum(ages) == report["scans"][-1]["known_bytes"] >= pages * 4096, sum(ages)
    assert sum(ages[2:]) >= pages * 4096, ages[:8]
    assert report["scans"][-1]["used_bytes"] < pages * 4096


def metrics(text):
    assert text.endswith("# EOF\n")
    buckets = [int(n) for n in re.findall(r"idle_bytes\{.*up_to=.*\} (\d+)", text)]
    assert len(buckets) == 9 and buckets == sorted(buckets), buckets
    assert int(re.search(r"known_bytes\{.*\} (\d+)", text)[1]) == buckets[-1] > 0


with open(sys.argv[2], encoding="utf-8") as file:
    if sys.argv[1] == "metrics":
        metrics(file.read())
    else:
        {"writes": writes, "given-back": given_back, "reads": reads}[sys.argv[1]](json.load(file), int(sys.argv[3]))
