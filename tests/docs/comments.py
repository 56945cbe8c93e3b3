#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Does every public function say what its caller must know? Prints TAP.

usage: comments.py HEADER_FOLDER

A public function is a declaration that starts with PTW_API, or a static inline function of a public
header outside port/. Its comment names Context, Ordering, Progress and Errors.
"""
import pathlib
import re
import sys

WANTED = ("Context", "Ordering", "Progress", "Errors")
FUNCTION = re.compile(
    r"/\*\*((?:(?!\*/).)*)\*/\s*(PTW_API[^;{]*?|static inline[^;{]*?)\b(ptw_\w+)\(", re.S)
DECLARED = re.compile(r"^(?:PTW_API|static inline)\b[^;{]*?\b(ptw_\w+)\(", re.S | re.M)


def main():
    if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).is_dir():
        print("usage: comments.py HEADER_FOLDER", file=sys.stderr)
        return 2
    number = failed = 0
    for header in sorted(pathlib.Path(sys.argv[1]).glob("*.h")):
        text = header.read_text()
        comments = {match[3]: match[1] for match in FUNCTION.finditer(text)}
        for name in DECLARED.findall(text):
            number += 1
            missing = [word for word in WANTED if word not in comments.get(name, "")]
            if missing:
                failed += 1
                print(f"not ok {number} - {header.name}: {name} says nothing of "
                      + ", ".join(missing))
            else:
                print(f"ok {number} - {header.name}: {name}")
    print(f"1..{number}")
    return 1 if failed or not number else 0


sys.exit(main())
