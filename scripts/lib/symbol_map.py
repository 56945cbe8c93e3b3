#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The symbol map of the shared library against the headers.

  symbol_map.py MAP FOLDER OUTPUT DEPFILE  copies MAP to OUTPUT if it names exactly what the headers in FOLDER mark with
                                           PTW_API; writes for make what was read
  symbol_map.py --renew MAP FOLDER         puts what is new into the newest node and takes out what is gone

The map is a version script of the linker: a node for each release that added functions. What a release had stays in its
node for ever; only the node of the release that is being made changes.

Exit status: 0, 1 if map and headers differ, 2 if they cannot be read.
"""
import pathlib
import re
import sys

NODE = re.compile(r"^(LIBPTW_[0-9.]+) \{\n(.*?)^\}(?: (LIBPTW_[0-9.]+))?;$", re.M | re.S)


def declared(headers):
    """The functions that headers mark as public."""
    names = set()
    for header in headers:
        text = re.sub(r"/\*.*?\*/", " ", header.read_text(encoding="utf-8"), flags=re.S)
        text = re.sub(r"^\s*#.*(\\\n.*)*$", "", text, flags=re.M)
        names.update(re.findall(r"\bPTW_API\b[^;{]*?\b(\w+)\s*(?:\(|\[|;)", text))
    return names


def nodes(text):
    """Nodes of a map in their order: [(name, [functions])]."""
    return [(name, re.findall(r"^\t(ptw_\w+);$", body, re.M)) for name, body, _ in NODE.findall(text)]


def differences(listed, public):
    """What to do so that the map is right, for people."""
    every = [name for _, names in listed for name in names]
    for name in sorted(public - set(every)):
        yield f"{name} is new: it belongs into the newest node, {listed[-1][0]}"
    for name in sorted(set(every) - public):
        yield f"{name} is gone: no header marks it with PTW_API"
    for name in sorted({name for name in every if every.count(name) > 1}):
        yield f"{name} is there more than once"


def renewed(text, public):
    """The map with its newest node made right."""
    listed = nodes(text)
    newest = listed[-1][0]
    older = {name for _, names in listed[:-1] for name in names}
    lines = "".join(f"\t{name};\n" for name in sorted(public - older))
    pattern = re.compile(rf"^({re.escape(newest)} \{{\nglobal:\n).*?(^local:\n|^\}})", re.M | re.S)
    return pattern.sub(lambda match: match[1] + lines + match[2], text)


def main(arguments):
    renew = arguments[:1] == ["--renew"]
    if len(arguments) != (3 if renew else 4):
        print(__doc__, file=sys.stderr)
        return 2
    symbol_map, folder = (pathlib.Path(name) for name in arguments[renew:][:2])
    try:
        text = symbol_map.read_text(encoding="utf-8")
        headers = sorted(folder.glob("*.h"))
        public = declared(headers)
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    if not nodes(text) or not public:
        print(f"{symbol_map}: no node LIBPTW_x.y, or nothing in {folder} is marked with PTW_API", file=sys.stderr)
        return 2
    if renew:
        text = renewed(text, public)
    wrong = list(differences(nodes(text), public))
    for line in wrong:
        print(f"{symbol_map}: {line}", file=sys.stderr)
    if wrong:
        print("`scripts/abi renew` changes the map", file=sys.stderr)
        return 1
    if renew:
        symbol_map.write_text(text, encoding="utf-8")
        return 0
    output, depfile = (pathlib.Path(name) for name in arguments[2:])
    output.write_text(text, encoding="utf-8")
    read = " ".join(str(path).replace(" ", "\\ ") for path in (symbol_map, folder, *headers))
    depfile.write_text(f"{output}: {read}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
