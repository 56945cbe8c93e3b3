#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Make the stress test's roles out of the pairwise table of <ptw/change.h>.

    pairs.py HEADER OUTPUT SOURCE...   write the C header OUTPUT; SOURCE: where the roles' functions are
    pairs.py --selftest HEADER         damage the table in every way that must be refused (TAP)

Example: tests/stress/pairs.py include/ptw/change.h /tmp/pairs.h tests/stress/roles_*.c

The table is the contract, so whatever does not fit ends the build: a cell that is not y, c or n, a
pair that is allowed one way round only, rows and columns that differ, a role that the stress test does
not play and one that it plays although the table does not know it.
"""
import os
import re
import sys

LINE = re.compile(r"^ \* \|(.*)\|\s*$", re.M)
ROW = re.compile(r"([A-Z]) (\S.*)")
FUNCTION = re.compile(r"^int stress_role_(\w+)\(", re.M)


class Refused(Exception):
    pass


def parse(text):
    """Letters, names and rows of cells of the table in `text`."""
    lines = [[cell.strip() for cell in line.split("|")] for line in LINE.findall(text)]
    if len(lines) < 3:
        raise Refused("no pairwise table: lines that start with ' * |' are missing")
    letters = lines[0][1:]
    names, rows = [], []
    for letter in letters:
        if not re.fullmatch("[A-Z]", letter):
            raise Refused(f"column {letter!r} is no role: one capital letter is wanted")
    if len(set(letters)) != len(letters):
        raise Refused("a letter stands over two columns")
    if any(set(cell) != {"-"} for cell in lines[1]):
        raise Refused("the line under the letters is missing")
    for cells in lines[2:]:
        match = ROW.fullmatch(cells[0])
        if not match:
            raise Refused(f"row {cells[0]!r} does not start with its letter and a name")
        if len(cells) != len(letters) + 1:
            raise Refused(f"row {match[1]} has {len(cells) - 1} cells, not {len(letters)}")
        for cell in cells[1:]:
            if cell not in ("y", "c", "n"):
                raise Refused(f"row {match[1]} has the cell {cell!r}: y, c or n are known")
        names.append(match[2])
        rows.append((match[1], cells[1:]))
    if [row[0] for row in rows] != letters:
        raise Refused("rows and columns are not the same letters in the same order")
    for i, (letter, cells) in enumerate(rows):
        for j, (other, back) in enumerate(rows):
            if cells[j] != back[i]:
                raise Refused(f"{letter} next to {other} says {cells[j]}, "
                              f"{other} next to {letter} says {back[i]}")
    return letters, names, [cells for _, cells in rows]


def compare(letters, sources):
    """The roles that the test plays are those of the table."""
    played = FUNCTION.findall(sources)
    for letter in letters:
        if letter not in played:
            raise Refused(f"role {letter} of the table has no function stress_role_{letter}()")
    for letter in played:
        if letter not in letters:
            raise Refused(f"stress_role_{letter}() plays a role that the table does not know")


def header(letters, names, rows):
    # REUSE-IgnoreStart: the licence line of what is written
    out = ["/* SPDX-License-Identifier: GPL-2.0-only OR MIT */",
           # REUSE-IgnoreEnd
           "/* Made by tests/stress/pairs.py from <ptw/change.h>. */",
           "#ifndef PTW_STRESS_PAIRS_H",
           "#define PTW_STRESS_PAIRS_H",
           "",
           "#define STRESS_ROLES(ROLE) \\"]
    out += [f'\tROLE({letter}, "{name}") \\' for letter, name in zip(letters, names)]
    out += ["", "enum stress_role {"]
    out += [f"\tROLE_{letter}," for letter in letters]
    out += ["\tROLE_COUNT", "};", "",
            f'#define STRESS_LETTERS "{"".join(letters)}"', "",
            "/* y: yes. c: yes, but PTW_CHECK_COUNTS needs rest. n: no. */",
            "#define STRESS_PAIRS \\", "\t{ \\"]
    out += ["\t\t{ " + ", ".join(f"'{cell}'" for cell in row) + " }, \\" for row in rows]
    out += ["\t}", "", "#endif /* PTW_STRESS_PAIRS_H */", ""]
    return "\n".join(out)


def make(header_path, output, source_paths):
    with open(header_path, encoding="utf-8") as file:
        letters, names, rows = parse(file.read())
    sources = ""
    for path in source_paths:
        with open(path, encoding="utf-8") as file:
            sources += file.read()
    compare(letters, sources)
    with open(output + ".new", "w", encoding="utf-8") as file:
        file.write(header(letters, names, rows))
    os.replace(output + ".new", output)


def selftest(header_path):
    with open(header_path, encoding="utf-8") as file:
        text = file.read()
    letters, names, rows = parse(text)
    played = "".join(f"int stress_role_{letter}(\n" for letter in letters)
    first = LINE.findall(text)[2]
    last = LINE.findall(text)[-1]

    def without(line):
        return text.replace(f" * |{line}|\n", "")

    damaged = [
        ("no table", LINE.sub("", text), played),
        ("a missing row", without(last), played),
        ("an asymmetric pair", text.replace(first, first[:-3] + " y "), played),
        ("an unknown cell", text.replace(first, first.replace(" y ", " ? ", 1)), played),
        ("a short row", text.replace(first, first[:-4]), played),
        ("a row without letter", text.replace(first, first.replace(" H ", " h ", 1)), played),
        ("two columns of one letter", text.replace("| H | D |", "| H | H |"), played),
        ("a column that is no letter", text.replace("| H | D |", "| H | d2 |"), played),
        ("a missing rule", text.replace("|---", "| x ", 1), played),
        ("rows in another order", text.replace(first, "@").replace(last, first).replace("@", last),
         played),
        ("a role without function", text, played.replace("role_S(", "rule_S(")),
        ("a function without role", text, played + "int stress_role_Z(\n"),
    ]
    tests = [("the header's table is accepted", text, played, True)]
    tests += [(f"refused: {what}", table, sources, False) for what, table, sources in damaged]
    failed = 0
    print(f"1..{len(tests) + 1}")
    for number, (what, table, sources, wanted) in enumerate(tests, 1):
        try:
            compare(parse(table)[0], sources)
            got, why = True, ""
        except Refused as refused:
            got, why = False, f" ({refused})"
        # What a damage did not change would pass for the undamaged table.
        ok = got == wanted and (wanted or (table, sources) != (text, played))
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {number} - {what}")
        if why:
            print(f"#{why}")
    made = header(letters, names, rows)
    ok = all(f"ROLE_{letter}," in made for letter in letters)
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {len(tests) + 1} - every role is in the header that is made")
    return 1 if failed else 0


def main(arguments):
    if arguments in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    try:
        if len(arguments) == 2 and arguments[0] == "--selftest":
            return selftest(arguments[1])
        if len(arguments) < 3 or arguments[0].startswith("-"):
            print("pairs.py: wanted HEADER OUTPUT SOURCE..., or --selftest HEADER; see --help",
                  file=sys.stderr)
            return 2
        make(arguments[0], arguments[1], arguments[2:])
    except Refused as refused:
        print(f"pairs.py: {refused}: make the table in {arguments[0]} and tests/stress agree",
              file=sys.stderr)
        return 2
    except OSError as error:
        print(f"pairs.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
