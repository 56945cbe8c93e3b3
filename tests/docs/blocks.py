#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Is every code block of the documents right? Prints TAP, a line for each block.

usage: blocks.py BUILD DOCUMENT... | blocks.py --selftest BUILD

The word after the fence says what a block is, and by that what is checked:

  ```c FILE       an excerpt: its lines are in FILE, in this order (FILE is built by the tests; blanks do not count)
  ```make FILE, ```python FILE, ```rust FILE   likewise
  ```sh run       run by bash -eu, all of a document in order, in a folder of their own
  ```sh           every program is one of this tree, whose --help names every long option given, or one of OUTSIDE
  ```sh FILE      an excerpt, as of c
  ```text         no code
  ```json, ```csv, ```metrics   what a program printed: json must parse

A block that is indented instead of fenced is refused, and so is any other word. BUILD is a folder that meson has built.
"""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXCERPTS = {"c", "make", "python", "rust", "sh"}
PRINTED = {"text", "json", "csv", "metrics"}
# Programs of other people that documents may name without our knowing their options.
OUTSIDE = set("""$ afl-fuzz apt-get awk bash bpftrace cargo cat cc cd cp curl docker dpkg-buildpackage echo export
    find firefox gcc gdb git gnuplot head insmod ldconfig ls make man meson mkdir nc ninja node_exporter parallel
    perf pidof pkg-config prometheus python3 qemu-system-x86_64 rm rmmod rustc sbatch sed sort ssh sudo tail tee
    time uname valgrind xdg-open zcat""".split())
PROGRAMS = {"ptw-sim": "examples/sim/ptw-sim", "ptw-bench": "bench/ptw-bench",
            "ptw-stress": "tests/stress/ptw-stress", "kvm-age": "examples/kvm-age/kvm-age", "proc-age": "examples/proc-age/proc-age",
            "vmm-min": "examples/vmm-min/vmm-min"}


def blocks(text):
    """Yields (line number, info words, lines); info is None for an indented block."""
    info = lines = None
    start, blank, listed = 0, True, False
    for number, line in enumerate(text.split("\n"), 1):
        if lines is not None:
            if line.strip() == "```":
                yield start, info, lines
                lines = None
            else:
                lines.append(line)
        elif line.lstrip().startswith("```"):
            start, info, lines = number, line.strip()[3:].split(), []
        else:
            if line.startswith("    ") and line.strip() and blank and not listed:
                yield number, None, [line]
            if line.strip() and not line.startswith(" "):
                listed = bool(re.match(r"([-*]|\d+\.) ", line))
        blank = not line.strip()
    if lines is not None:
        yield start, ["never ends"], lines


def flat(line):
    """The line without blanks and comments."""
    return "".join(re.sub(r"/\*.*?\*/|//.*", "", line).split())


def excerpt(document, name, lines):
    """None, or what is wrong."""
    path = next((p for p in (document.parent / name, ROOT / name) if p.is_file()), None)
    if not path:
        return f"there is no {name}"
    rest = iter([flat(line) for line in path.read_text().split("\n")])
    for line in lines:
        if flat(line) and not any(flat(line) == have for have in rest):
            return f"{name} does not have, at this place: {line.strip()}"
    return None


def commands(lines):
    """The commands of a block of shell, as lists of words."""
    text = "\n".join(lines).replace("\\\n", " ")
    line = ""
    for part in text.split("\n"):
        line = line + "\n" + part if line else part
        words = shlex.shlex(line, posix=True, punctuation_chars="|&;()<>")
        words.whitespace_split = True
        words.commenters = "#"
        try:
            words = list(words)
        except ValueError:
            continue  # a quote that goes on
        line, command = "", []
        for word in words + [";"]:
            if not re.fullmatch(r"[|&;()]+", word):
                command.append(word)
            elif command:
                yield command
                command = []
    if line:
        raise ValueError("a quote that does not end")


helps = {}


def help_of(program):
    """What the program's --help says; None if there is no such program, '' if it has none."""
    if program not in helps:
        out = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=600,
                             stdin=subprocess.DEVNULL, check=False)
        helps[program] = out.stdout + out.stderr
    return helps[program]


def named(build, document, lines):
    """None, or what is wrong with the programs and options that the block names."""
    for command in commands(lines):
        while command and (re.match(r"\w+=", command[0]) or command[0] in ("then", "do", "sudo", "time")):
            command = command[1:]
        if not command or command[0] in OUTSIDE or command[0].startswith("/"):
            continue
        name = command[0]
        if pathlib.Path(name).name in PROGRAMS:
            program = build / PROGRAMS[pathlib.Path(name).name]
        elif name.startswith("build/"):
            continue  # of a build that the block has just made
        else:
            program = next((p for p in (ROOT / name, document.parent / name) if p.is_file()), None)
        if program is None or not program.is_file():
            return f"no program {name}" + (f": {program} is not built" if program else "")
        options = [w.split("=")[0] for w in command[1:] if re.match(r"--\w", w)]
        if not options:
            continue
        said = help_of(program)
        verb = next((w for w in command[1:] if re.fullmatch(r"[a-z]+", w)), None)
        if verb and program.name in PROGRAMS:
            out = subprocess.run([program, verb, "--help"], capture_output=True, text=True,
                                 timeout=600, stdin=subprocess.DEVNULL, check=False)
            said += out.stdout + out.stderr
        for option in options:
            if not re.search(re.escape(option) + r"(?![\w-])", said):
                return f"{name} --help does not name {option}"
    return None


def run(build, lines, folder):
    path = ":".join(str((build / p).parent) for p in PROGRAMS.values())
    env = dict(os.environ, PATH=f"{path}:{os.environ['PATH']}", PTW_SOURCE=str(ROOT), PTW_BUILD=str(build), NO_COLOR="1")
    out = subprocess.run(["bash", "-eu", "-c", "\n".join(lines)], cwd=folder, env=env, text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         timeout=1200, check=False)
    for line in out.stdout.split("\n")[-12:]:
        print("# " + line)
    return f"ended with status {out.returncode}" if out.returncode else None


def wrong(build, document, info, lines, folder):
    if info is None:
        return "is indented: fence it, and say what it is"
    kind, rest = (info[0], info[1:]) if info else ("", [])
    if kind == "sh" and rest == ["run"]:
        return run(build, lines, folder)
    if kind == "sh" and not rest:
        return named(build, document, lines)
    if kind in EXCERPTS and len(rest) == 1:
        return excerpt(document, rest[0], lines)
    if kind in PRINTED and not rest:
        if kind == "json":
            json.loads("\n".join(lines))
        return None
    return f"does not say what it is in a way that is known: '{' '.join(info)}'"


# Documents that must be refused, and what must be said of them.
PLANTED = {
    "    gcc main.c\n": "indented",
    "```\nint x;\n```\n": "does not say what it is",
    "```c\nint x;\n```\n": "does not say what it is",
    "```c examples/no.c\nint x;\n```\n": "there is no",
    "```c examples/race-safe.c\nptw_pgtable_destroy(pgtable);\nstruct ptw_config config;\n```\n": "at this place",
    "```sh\nptw-sim run TRACE --no-such\n```\n": "--no-such",
    "```sh\nscripts/no-such\n```\n": "no program",
    "```sh run\necho so | grep -q thus\n```\n": "status 1",
    "```json\n{\n```\n": "Expecting",
}


def selftest(build):
    failed = 0
    for number, (text, wanted) in enumerate(PLANTED.items(), 1):
        with tempfile.TemporaryDirectory() as folder:
            document = pathlib.Path(folder) / "planted.md"
            document.write_text(text)
            (_, info, lines), = blocks(text)
            try:
                what = wrong(build, document, info, lines, folder)
            except ValueError as error:
                what = str(error)
        right = wanted in (what or "")
        failed += not right
        print(f"{'ok' if right else 'not ok'} {number} - a planted block is refused: {wanted}")
    print(f"1..{len(PLANTED)}")
    return 1 if failed else 0


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--selftest"] and len(arguments) == 2:
        return selftest(pathlib.Path(arguments[1]).resolve())
    if len(arguments) < 2:
        print("usage: blocks.py BUILD DOCUMENT... | --selftest BUILD", file=sys.stderr)
        return 2
    build = pathlib.Path(arguments[0]).resolve()
    number = failed = 0
    for name in arguments[1:]:
        document = pathlib.Path(name).resolve()
        with tempfile.TemporaryDirectory() as folder:
            for line, info, lines in blocks(document.read_text()):
                number += 1
                try:
                    what = wrong(build, document, info, lines, folder)
                except (ValueError, subprocess.TimeoutExpired) as error:
                    what = str(error)
                failed += bool(what)
                print(f"{'not ok' if what else 'ok'} {number} - {name}:{line}" + (f" {what}" if what else ""))
    print(f"1..{number}")
    return 1 if failed or not number else 0


sys.exit(main())
