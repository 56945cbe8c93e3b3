#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Manual pages of section 3: one for each public header, under the name of each of its functions.

section3.py DOXYFILE SOURCE VERSION OUTPUT_FOLDER

Doxygen writes the pages. This gives them names that are the library's own (ptw_harvest.h.3, not harvest.h.3), lists the
functions in the NAME section, where man and apropos look, and leaves out what is for ports only.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

NOT_FOR_USERS = {"port", "entry", "types", "ptw"}
DECLARED = re.compile(r"^(?:extern )?PTW_API[^;{]*?\b(ptw_\w+)(?:\(|;)", re.M)


def doxygen(doxyfile, source, version, work):
    """The pages as Doxygen writes them; structs stand in the page of their header."""
    settings = (f"@INCLUDE={doxyfile}\nGENERATE_HTML=NO\nGENERATE_MAN=YES\nINLINE_SIMPLE_STRUCTS=YES\n"
                "EXTRACT_STATIC=YES\nSORT_MEMBER_DOCS=NO\n")
    environment = dict(os.environ, PTW_SOURCE=str(source), PTW_OUTPUT=str(work), PTW_VERSION=version)
    subprocess.run(["doxygen", "-"], input=settings, text=True, check=True, env=environment)
    return work / "man/man3"


def page(text, header, functions, version):
    """The page of a header as it is installed."""
    text = re.sub(r'^\.TH .*$', f'.TH "ptw_{header}.h" "3" "" "libptw {version}" "libptw manual"', text, 1, re.M)
    about = re.search(rf"^ptw/{header}\.h \\- (.*(?:\n[^.\n].*)*)", text, re.M)
    what = re.sub(r"\\fB(.*?)\\fP", r"\1", about[1].replace("\n", " ").strip())
    names = ", ".join(functions)
    text = text[:about.start()] + f"{names} \\- {what.rstrip('.')}\n" + text[about.end():]
    # Doxygen shows what the header includes, and not how it is included.
    text = re.sub(r"(^\.SH SYNOPSIS\n).*?(^\.SS)", rf"\1.PP\n\\fB#include <ptw/{header}.h>\\fP\n.br\n\2", text, 1,
                  re.M | re.S)
    text = re.sub(r"^'", r"\\&'", text, 0, re.M)
    text = re.sub(r'^\.SH "Author".*', "", text, 1, re.M | re.S)
    return text + '.SH "SEE ALSO"\nlibptw(7), libptw-concurrency(7)\n'


def main():
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    doxyfile, source, version, output = sys.argv[1:]
    source, output = pathlib.Path(source), pathlib.Path(output)
    output.mkdir(parents=True, exist_ok=True)
    for old in output.glob("*.3"):
        old.unlink()
    count = 0
    with tempfile.TemporaryDirectory() as work:
        pages = doxygen(doxyfile, source, version, pathlib.Path(work))
        for header in sorted((source / "include/ptw").glob("*.h")):
            functions = DECLARED.findall(header.read_text(encoding="utf-8"))
            if header.stem in NOT_FOR_USERS or not functions:
                continue
            text = (pages / f"{header.name}.3").read_text(encoding="utf-8")
            text = page(text, header.stem, functions, version)
            (output / f"ptw_{header.name}.3").write_text(text, encoding="utf-8")
            for name in functions:
                (output / f"{name}.3").write_text(f".so man3/ptw_{header.name}.3\n", encoding="utf-8")
                count += 1
    print(f"{count} functions")
    return 0 if count else 1


sys.exit(main())
