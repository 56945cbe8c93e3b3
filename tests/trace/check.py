#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Checks the break-before-make of a trace (Arm ARM D8.16), independently of the library.

usage: check.py [--bbm-level 0|2] TRACE      example: check.py build/trace/all.trace

Reads the records that ports/casemate writes, follows every entry that the root leads to, and
demands between two valid values of an entry that differ in more than permissions, accessed, dirty and
software's bits: an invalid value, a DSB, a TLBI that covers what the old value translated, and a DSB,
all by the thread that made it invalid. A table may be linked in one place only, and not before what
led to it earlier was flushed. Exit status: 0 obeyed, 1 broken, 2 not a trace."""

import re
import sys

RECORD = re.compile(
    r"\((?P<kind>[a-z-]+) \(id (?P<id>\d+)\) \(tid (?P<tid>\d+)\)(?P<rest>.*)"
    r' \(src "(?P<src>[^"]+:\d+)"\)\)$'
)
HEX = r"(0x[0-9a-f]+|0)"
FIELDS = {
    "mem-init": re.compile(rf" \(address {HEX}\) \(size {HEX}\)$"),
    "mem-write": re.compile(rf" \(mem-order (plain|release)\) \(address {HEX}\) \(value {HEX}\)$"),
    "barrier": re.compile(r" (isb|dsb \(kind (ish|ishst|nsh)\))$"),
    "tlbi": re.compile(rf" (vmalls12e1is|alle1is|vmalle1is|ipas2e1is \(value {HEX}\))$"),
    "sysreg-write": re.compile(rf" \(sysreg (vtcr_el2|vttbr_el2)\) \(value {HEX}\)$"),
}

AF, DBM, CONTIG = 1 << 10, 1 << 51, 1 << 52
S2AP, XN = 3 << 6, 3 << 53
SOFTWARE = 0xF << 55
# What may change without a break: permissions, accessed, dirty, software's bits.
FREE = AF | DBM | S2AP | XN | SOFTWARE
# Software's word on a leaf of a table entry: bits 58:52 and 63:59 are not an address.
TABLE_FREE = ~(((1 << 48) - 1) & ~0xFFF | 3) & (1 << 64) - 1


class Broken(Exception):
    """The rule was not obeyed."""


class Entry:
    """One entry of a table that hardware can reach."""

    __slots__ = ("address", "level", "start", "size", "value", "old", "by", "step")

    def __init__(self, address, level, start, size, value):
        self.address, self.level, self.start, self.size = address, level, start, size
        self.value = value
        self.old = None  # valid value that translations may still come from
        self.by = None  # the thread that made it invalid
        self.step = 0  # 0: written, 1: DSB, 2: TLBI


class Checker:
    def __init__(self, bbm_level):
        self.bbm_level = bbm_level
        self.memory = {}  # words of table memory
        self.known = set()  # pages of it
        self.live = {}  # address: Entry
        self.unclean = {}
        self.root = None
        self.vtcr = None
        self.linked = {}  # table: address of the entry that leads to it
        self.counts = dict.fromkeys(("writes", "breaks", "makes", "flushes"), 0)

    # --- shape

    def set_geometry(self):
        tg0 = self.vtcr >> 14 & 3
        self.granule_lg2 = {0: 12, 1: 16, 2: 14}[tg0]
        self.stride = self.granule_lg2 - 3
        bits = 64 - (self.vtcr & 63)
        sl0 = self.vtcr >> 6 & 3
        start = {12: {0: 2, 1: 1, 2: 0, 3: 3}, 14: {0: 3, 1: 2, 2: 1, 3: 0},
                 16: {0: 3, 1: 2, 2: 1}}[self.granule_lg2][sl0]
        self.root_level = 3 - start
        self.root_entries = 1 << max(0, bits - self.granule_lg2 - self.stride * self.root_level)

    def span(self, level):
        return 1 << (self.granule_lg2 + self.stride * level)

    def is_table(self, value, level):
        return level > 0 and value & 3 == 3

    def child(self, value):
        return value & ((1 << 48) - 1) & ~((1 << self.granule_lg2) - 1)

    def add_table(self, table, level, start, entries, leader):
        if table in self.linked:
            raise Broken(f"table {table:#x} is linked twice: at {leader:#x} and, "
                         f"not flushed or still, at {self.linked[table]:#x}")
        self.linked[table] = leader
        size = self.span(level)
        for i in range(entries):
            address = table + 8 * i
            if address & ~0xFFF not in self.known:
                raise Broken(f"table {table:#x} lies in memory that nobody initialised")
            value = self.memory.get(address, 0)
            self.live[address] = Entry(address, level, start + i * size, size, value)
            if self.is_table(value, level):
                self.add_table(self.child(value), level - 1, start + i * size,
                               1 << self.stride, address)

    def remove_table(self, table, level):
        self.linked.pop(table, None)
        for i in range(1 << self.stride):
            entry = self.live.pop(table + 8 * i, None)
            if entry is None:
                continue
            self.unclean.pop(entry.address, None)
            for value in {entry.value, entry.old or 0}:
                if self.is_table(value, level) and value & 1:
                    if self.linked.get(self.child(value)) == entry.address:
                        self.remove_table(self.child(value), level - 1)

    # --- the rule

    def must_break(self, old, new, level):
        if self.is_table(old, level) or self.is_table(new, level):
            if self.is_table(old, level) and self.is_table(new, level):
                return bool((old ^ new) & ~TABLE_FREE)
            return self.bbm_level < 2
        free = FREE | (CONTIG if self.bbm_level else 0)
        return bool((old ^ new) & ~free)

    def write(self, tid, address, value):
        self.memory[address] = value
        entry = self.live.get(address)
        if entry is None:
            return
        was, entry.value = entry.value, value
        if value & 1:
            before = was if was & 1 else entry.old
            if before is not None and self.must_break(before, value, entry.level):
                raise Broken(f"entry {address:#x} of level {entry.level} became {value:#x}; "
                             f"{before:#x} was not "
                             + ("broken" if was & 1 else f"flushed (step {entry.step} of 3)"))
            if not was & 1 and before is None:
                self.counts["makes"] += 1
            if self.is_table(value, entry.level):
                table = self.child(value)
                if self.linked.get(table) != address:
                    self.add_table(table, entry.level - 1, entry.start, 1 << self.stride, address)
            # The same as before, put back: there is nothing to flush any more.
            entry.old = None
            self.unclean.pop(address, None)
            if was & 1 and self.is_table(was, entry.level) and not self.is_table(value, entry.level):
                # Without a break: translations through the old table live on until it is flushed.
                left = Entry((address, self.child(was)), entry.level, entry.start, entry.size, 0)
                left.old, left.by = was, tid
                self.unclean[left.address] = left
        elif was & 1:
            self.counts["breaks"] += 1
            entry.old, entry.by, entry.step = was, tid, 0
            self.unclean[address] = entry

    def barrier(self, tid):
        for entry in list(self.unclean.values()):
            # One that went with its table is gone already.
            if entry.by != tid or entry.address not in self.unclean:
                continue
            if entry.step == 0:
                entry.step = 1
            elif entry.step == 2:
                old, entry.old = entry.old, None
                del self.unclean[entry.address]
                self.counts["flushes"] += 1
                if self.is_table(old, entry.level):
                    leader = entry.address[0] if isinstance(entry.address, tuple) else entry.address
                    if self.linked.get(self.child(old)) == leader:
                        self.remove_table(self.child(old), entry.level - 1)

    def tlbi(self, tid, page):
        for entry in self.unclean.values():
            if entry.by != tid or entry.step != 1:
                continue
            if page is None:
                entry.step = 2
            elif not self.is_table(entry.old, entry.level):
                if entry.start <= page << 12 < entry.start + entry.size:
                    entry.step = 2

    def sysreg(self, register, value):
        if register == "vtcr_el2":
            self.vtcr = value
            return
        root = value & ((1 << 48) - 2)
        if self.root is None:
            self.set_geometry()
            self.root = root
            self.add_table(root, self.root_level, 0, self.root_entries, 0)
        elif root != self.root:
            raise Broken("a second root; a trace tells of one page table")

    def line(self, text):
        record = RECORD.match(text)
        fields = record and record["kind"] in FIELDS and FIELDS[record["kind"]].match(record["rest"])
        if not fields:
            raise ValueError("no record that ports/casemate writes")
        tid = int(record["tid"])
        if record["kind"] == "mem-init":
            start, size = int(fields[1], 16), int(fields[2], 16)
            self.known.update(range(start, start + size, 4096))
        elif record["kind"] == "mem-write":
            self.counts["writes"] += 1
            self.write(tid, int(fields[2], 16), int(fields[3], 16))
        elif record["kind"] == "barrier":
            if fields[2] == "ish":
                self.barrier(tid)
        elif record["kind"] == "tlbi":
            # Invalidation of stage 1 alone leaves stage-2 translations.
            if fields[1] != "vmalle1is":
                self.tlbi(tid, int(fields[2], 16) if fields[2] else None)
        else:
            self.sysreg(fields[1], int(fields[2], 16))


def main(arguments):
    bbm_level = 0
    if arguments[:1] == ["--bbm-level"] and len(arguments) > 1 and arguments[1] in ("0", "2"):
        bbm_level = int(arguments[1])
        arguments = arguments[2:]
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr if arguments != ["--help"] else sys.stdout)
        return 0 if arguments == ["--help"] else 2
    checker = Checker(bbm_level)
    number = 0
    try:
        with open(arguments[0], encoding="ascii") as trace:
            for number, text in enumerate(trace, 1):
                checker.line(text.rstrip("\n"))
    except (OSError, ValueError) as error:
        print(f"check.py: {arguments[0]}, line {number}: {error}", file=sys.stderr)
        return 2
    except Broken as error:
        print(f"{arguments[0]}, line {number}: {error}")
        return 1
    if checker.root is None or not checker.counts["breaks"]:
        print(f"check.py: {arguments[0]} tells of no page table that changes: record "
              "ptw_trace_root() and some unmaps", file=sys.stderr)
        return 2
    print(f"{arguments[0]}: obeyed, " + ", ".join(f"{n} {k}" for k, n in checker.counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
