#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The symbol rule: symbols.py LIBRARY.so LIBRARY.a HEADER...

Every global symbol, of the archive too, starts with ptw_. The shared library exports exactly what
the headers mark with PTW_API.
"""
import re
import subprocess
import sys


def symbols(path, *options):
    text = subprocess.run(
        ["nm", "--defined-only", "--extern-only", "--format=posix", *options, path],
        check=True, capture_output=True, text=True).stdout
    # Archives have lines "lib.a[member.o]:" between the symbols.
    return {line.split()[0].split("@")[0] for line in text.splitlines() if len(line.split()) > 1}


def declared(paths):
    names = set()
    for path in paths:
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", " ", file.read(), flags=re.S)
        text = re.sub(r"^\s*#.*(\\\n.*)*$", "", text, flags=re.M)
        names.update(re.findall(r"\bPTW_API\b[^;{]*?\b(\w+)\s*(?:\(|\[|;)", text))
    return names


def complain(what, names):
    if names:
        print(f"{what}: {' '.join(sorted(names))}", file=sys.stderr)
    return bool(names)


shared, archive, *headers = sys.argv[1:]
exported = symbols(shared, "--dynamic")
everything = exported | symbols(archive)
public = declared(headers)
# The last one is what tracers know trace points by (docs/tracing.md): weak, hidden, the same in every library that has some.
allowed = {s for s in everything if s.startswith("ptw_")} | {"_.stapsdt.base"}
bad = complain("global symbols without ptw_", everything - allowed)
bad |= complain("exported but not marked PTW_API", exported - public)
bad |= complain("marked PTW_API but not exported", public - exported)
bad |= complain("nothing exported by", set() if exported else {shared})
if bad:
    sys.exit(1)
print(f"{len(exported)} exported symbols, {len(everything)} global ones in all")
