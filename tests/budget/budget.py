#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Instructions per entry, and whether they are within the budget.

  budget.py callgrind FILE               what callgrind wrote for tests/budget/budget.c
  budget.py loop CASE FUNCTION FILE      the loop of a function in its disassembly (objdump -d)
  budget.py judge BUDGET MEASURED [PREFIX...]
  budget.py update BUDGET MEASURED COMPILER

The first two print lines of a case and a number. A loop that cannot be counted ends with status 1
and the reason. judge prints a line for each case, whose first word is ok, bad, or skip; with a
PREFIX, only cases that begin so. BUDGET has lines of case, instructions and tolerance in percent;
# begins a comment.
"""
import re
import sys

TOLERANCE = 2.0  # counts are exact: this is for other patch levels of the compiler and liburcu
HEAD = """\
# Instructions per entry (test-*: per page, pruned*: per table left out), and the tolerance in
# percent. Written by tests/budget/run.sh --update. scan-KERNEL-YOUNG%, harvest-KERNEL-YOUNG%: the
# whole range; calls64: 64 pages a call; loop-KERNEL: by disassembly.
"""


def fail(why):
    sys.exit(f"budget.py: {why}")


# ---- callgrind: two sizes of each case, of which the difference counts


def callgrind(path):
    sizes, case = {}, None
    for line in open(path):
        if line.startswith("desc: Trigger: Client Request: "):
            case, units = line.split(": ", 3)[-1].rsplit(" ", 1)
        elif line.startswith("totals: ") and case:
            sizes.setdefault(case, []).append((int(units), int(line.split()[1])))
            case = None
    for case, runs in sizes.items():
        if len(runs) != 2 or runs[0][0] >= runs[1][0]:
            fail(f"{case} has not been run with two sizes")
        (few, less), (many, more) = runs
        yield case, (more - less) / (many - few)


# ---- disassembly: a loop is a jump back to an instruction that every way there leads through

INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*?)\s*(?://.*|#.*)?$")
JUMP = re.compile(r"^(j[a-z]+|b|b\.[a-z]+|cbn?z|tbn?z)$")
NO_FURTHER = ("jmp", "b", "ret", "retq")
WORD = 64  # entries of one turn of the outer loop


def instructions(function, path):
    """Address: mnemonic and operands."""
    code, inside = {}, False
    for line in open(path):
        if re.match(r"^[0-9a-f]+ <", line):
            inside = f"<{function}>:" in line
        match = inside and INSTRUCTION.match(line)
        if match:
            code[int(match[1], 16)] = match[2], match[3]
    return code


def successors(code):
    addresses = sorted(code)
    after = dict(zip(addresses, addresses[1:]))
    result = {}
    for address, (mnemonic, operands) in code.items():
        result[address] = []
        if mnemonic not in NO_FURTHER and address in after:
            result[address].append(after[address])
        match = JUMP.match(mnemonic) and re.search(r"(?:^|,\s*)(?:0x)?([0-9a-f]+) <", operands)
        if match and int(match[1], 16) in code:
            result[address].append(int(match[1], 16))
    return result


def reached(start, edges, without):
    seen, todo = set(), [start]
    while todo:
        node = todo.pop()
        if node not in seen and node != without:
            seen.add(node)
            todo += edges[node]
    return seen


def loop_bodies(code):
    """By their first instruction, the addresses of each loop; all ways through it count."""
    forward, bodies = successors(code), {}
    backward = {address: [] for address in code}
    for address, targets in forward.items():
        for target in targets:
            backward[target].append(address)
    for address, targets in forward.items():
        for target in targets:
            if target <= address and address not in reached(min(code), forward, target):
                body = {target} | reached(address, backward, target)
                bodies.setdefault(target, set()).update(body)
    return list(bodies.values())


def entries_read(mnemonic, operands):
    """Entries that an instruction reads by a vector register; not the stack's, not constants."""
    if re.search(r"\((%rsp|%rbp|%rip)|\[sp", operands):
        return 0
    if "%zmm" in operands and re.search(r"\([^)]*\)[^(]*,", operands):
        return 8
    registers = len(re.findall(r"\bq\d+", operands.split("[")[0]))
    return 2 * registers if mnemonic in ("ldr", "ldur", "ldp", "ldnp") else 0


def loop(case, function, path):
    code = instructions(function, path)
    if not code:
        fail(f"{path} has no {function}")
    bodies = loop_bodies(code)

    def entries(body):
        return sum(entries_read(*code[address]) for address in body)

    def cost(outer):
        inner = [body for body in bodies if body < outer]
        if not inner:
            return len(outer) / entries(outer)
        # A loop over lines within the loop over words, and nothing else.
        if len(inner) > 1 or entries(inner[0]) != entries(outer):
            fail(f"{function} has loops in its loop: its instructions cannot be counted")
        return len(inner[0]) / entries(outer) + len(outer - inner[0]) / WORD

    costs = [cost(body) for body in bodies
             if entries(body) and not any(body < other for other in bodies)]
    if not costs:
        fail(f"{function} has no loop that reads entries by vector registers")
    # Bits in the upper half have a loop of their own, which shifts: the shorter one is used.
    yield case, min(costs)


# ---- budgets


def read_pairs(path):
    lines = (line.split("#")[0].split() for line in open(path))
    return [words for words in lines if words]


def unit(case):
    if case.startswith("pruned"):
        return "table"
    return "page" if case.startswith("test-") else "entry"


def judge(budget, measured, *prefixes):
    values = {w[0]: float(w[1]) for w in read_pairs(measured) if w[0] != "absent"}
    absent = [w[1] for w in read_pairs(measured) if w[0] == "absent"]
    known = set()
    for case, allowed, percent in read_pairs(budget):
        if prefixes and not case.startswith(prefixes):
            continue
        known.add(case)
        allowed, percent = float(allowed), float(percent)
        if case in values:
            value = values[case]
            bad = value > allowed * (1 + percent / 100)
            yield (f"{'bad' if bad else 'ok'} {case}: {value:.3f} instructions per {unit(case)}, "
                   f"budget {allowed:.3f} + {percent:g} %")
            if value < allowed * (1 - percent / 100):
                yield f"# {case} costs less than its budget: lower it, by run.sh --update"
        elif any(a in case.split("-") for a in absent):
            yield f"skip {case}: not on this machine"
        else:
            yield f"bad {case}: it was not measured"
    for case in values:
        if case not in known and (not prefixes or case.startswith(prefixes)):
            yield f"bad {case}: {values[case]:.3f} instructions, and no budget"


def update(budget, measured, compiler):
    try:
        lines = {w[0]: w for w in read_pairs(budget)}
    except FileNotFoundError:
        lines = {}
    absent = [w[1] for w in read_pairs(measured) if w[0] == "absent"]
    kept = {c: w for c, w in lines.items() if any(a in c.split("-") for a in absent)}
    for case, value, *_ in read_pairs(measured):
        if case != "absent":
            percent = float(lines[case][2]) if case in lines else TOLERANCE
            kept[case] = [case, f"{float(value):.3f}", f"{percent:g}"]
    with open(budget, "w") as out:
        out.write(HEAD + f"# compiler: {compiler}\n")
        for case, value, percent in kept.values():
            out.write(f"{case:<24} {value:>9} {percent:>4}\n")


def main(words):
    commands = {"callgrind": callgrind, "loop": loop, "judge": judge, "update": update}
    what = commands.get(words[0] if words else "")
    if not what:
        fail(__doc__)
    for line in what(*words[1:]) or ():
        print(line if isinstance(line, str) else f"{line[0]} {line[1]:.4f}")


main(sys.argv[1:])
