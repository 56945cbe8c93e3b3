#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Trace points of a built library: all that docs/tracing.md names, three arguments each, and a no-op at each place.

trace_points.py LIBRARY
"""
import re
import subprocess
import sys


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def points(text):
    """Name, place and arguments of each note."""
    pattern = (r"Provider: (\S+)\s+Name: (\S+)\s+Location: (0x[0-9a-f]+), Base: \S+"
               r" Semaphore: (\S+)\s+Arguments: (.*)")
    return re.findall(pattern, text)


def main():
    library = sys.argv[1]
    with open("docs/tracing.md", encoding="utf-8") as page:
        expected = set(re.findall(r"^\| `([a-z_]+)` \|", page.read(), re.M))
    found = points(run("readelf", "-n", library))
    code = dict(re.findall(r"^ *([0-9a-f]+):\t(\S+)", run("objdump", "-d", "--no-show-raw-insn", library), re.M))
    bad = []
    if {name for _, name, *_ in found} != expected or not expected:
        bad.append(f"points {sorted({name for _, name, *_ in found})}, expected {sorted(expected)}")
    for provider, name, place, semaphore, arguments in found:
        where = f"{name} at {place}"
        if provider != "libptw" or int(semaphore, 16):
            bad.append(f"{where}: provider {provider}, semaphore {semaphore}")
        if len(re.findall(r"8@", arguments)) != 3:
            bad.append(f"{where}: arguments {arguments}")
        if code.get(f"{int(place, 16):x}") != "nop":
            bad.append(f"{where}: {code.get(f'{int(place, 16):x}')} and not nop")
    for line in bad:
        print(line)
    print(f"{len(found)} places of {len(expected)} trace points")
    return bool(bad)


sys.exit(main())
