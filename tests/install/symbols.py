#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The symbol rule: symbols.py LIBRARY.so LIBRARY.a MAP HEADER_FOLDER

Every global symbol, of the archive too, starts with ptw_. The shared library exports exactly what
the headers mark with PTW_API, each under the release that MAP tells.
"""
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "scripts/lib"))
from symbol_map import declared, nodes  # noqa: E402


def symbols(path, *options):
    text = subprocess.run(
        ["nm", "--defined-only", "--extern-only", "--format=posix", *options, path],
        check=True, capture_output=True, text=True).stdout
    # Archives have lines "lib.a[member.o]:" between the symbols.
    return {line.split()[0] for line in text.splitlines() if len(line.split()) > 1}


def complain(what, names):
    if names:
        print(f"{what}: {' '.join(sorted(names))}", file=sys.stderr)
    return bool(names)


shared, archive, symbol_map, folder = sys.argv[1:]
listed = nodes(pathlib.Path(symbol_map).read_text(encoding="utf-8"))
# The nodes themselves are symbols, too.
versioned = {s for s in symbols(shared, "--dynamic") if s.split("@")[0] not in dict(listed)}
exported = {s.split("@")[0] for s in versioned}
everything = exported | symbols(archive)
public = declared(pathlib.Path(folder).glob("*.h"))
# The last one is what tracers know trace points by (docs/tracing.md): weak, hidden, the same in every library that has some.
allowed = {s for s in everything if s.startswith("ptw_")} | {"_.stapsdt.base"}
bad = complain("global symbols without ptw_", everything - allowed)
bad |= complain("exported but not marked PTW_API", exported - public)
bad |= complain("marked PTW_API but not exported", public - exported)
bad |= complain("not under the release that the map tells",
                {f"{name}@@{node}" for node, names in listed for name in names} ^ versioned)
bad |= complain("nothing exported by", set() if exported else {shared})
if bad:
    sys.exit(1)
print(f"{len(exported)} exported symbols, {len(everything)} global ones in all")
