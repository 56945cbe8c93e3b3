#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Slow models of ptw-sim's reference policies, and random traces to hold them against.

usage: models.py FOLDER

Writes traces of 32-bit page numbers to FOLDER/*.u32 and prints for each, each policy and some sizes of memory:
trace, policy, frames, faults, evictions, FNV-1a 64 over the evicted pages. The models are plain lists that are
searched from one end to the other, written from the papers and not from the C files.
"""
import random
import struct
import sys


class Lru:
    def __init__(self, frames, trace):
        self.frames = frames
        self.pages = []  # the one used last at the end

    def access(self, page):
        if page in self.pages:
            self.pages.remove(page)
            self.pages.append(page)
            return True, None
        out = self.pages.pop(0) if len(self.pages) == self.frames else None
        self.pages.append(page)
        return False, out


class Clock:
    """The hand as a queue: who is at its front is looked at next."""

    def __init__(self, frames, trace):
        self.frames = frames
        self.round = []
        self.accessed = set()

    def access(self, page):
        hit, out = page in self.round, None
        if not hit:
            if len(self.round) == self.frames:
                while self.round[0] in self.accessed:
                    self.accessed.remove(self.round[0])
                    self.round.append(self.round.pop(0))
                out = self.round.pop(0)
            self.round.append(page)
        self.accessed.add(page)
        return hit, out


class Opt:
    def __init__(self, frames, trace):
        self.frames = frames
        self.trace = trace
        self.now = -1
        self.pages = set()

    def next_use(self, page):
        for when in range(self.now, len(self.trace)):
            if self.trace[when] == page:
                return when
        return len(self.trace)

    def access(self, page):
        self.now += 1
        if page in self.pages:
            return True, None
        out = None
        if len(self.pages) == self.frames:
            out = max(self.pages, key=lambda p: (self.next_use(p), -p))
            self.pages.remove(out)
        self.pages.add(page)
        return False, out


class TwoList:
    def __init__(self, frames, trace):
        self.frames = frames
        self.active, self.inactive = [], []  # head first
        self.accessed, self.seen = set(), set()

    def look(self, page):
        was = page in self.accessed
        self.accessed.discard(page)
        return was

    def evict(self):
        while True:
            while len(self.active) > len(self.inactive):
                page = self.active.pop()
                self.look(page)
                self.inactive.insert(0, page)
            page = self.inactive.pop()
            before = page in self.seen
            self.seen.discard(page)
            if not self.look(page):
                return page
            self.seen.add(page)
            (self.active if before else self.inactive).insert(0, page)

    def access(self, page):
        hit, out = page in self.active or page in self.inactive, None
        if not hit:
            if len(self.active) + len(self.inactive) == self.frames:
                out = self.evict()
            self.inactive.insert(0, page)
        self.accessed.add(page)
        return hit, out


class Arc:
    """Figure 4 of the paper, line by line; the page used last is at the end of each list."""

    def __init__(self, frames, trace):
        self.c, self.p = frames, 0.0
        self.t1, self.t2, self.b1, self.b2 = [], [], [], []

    def replace(self, page):
        if self.t1 and (len(self.t1) > self.p or (page in self.b2 and len(self.t1) == self.p)):
            out = self.t1.pop(0)
            self.b1.append(out)
        else:
            out = self.t2.pop(0)
            self.b2.append(out)
        return out

    def access(self, page):
        t1, t2, b1, b2, c = self.t1, self.t2, self.b1, self.b2, self.c
        if page in t1 or page in t2:
            (t1 if page in t1 else t2).remove(page)
            t2.append(page)
            return True, None
        if page in b1:
            self.p = min(c, self.p + max(len(b2) / len(b1), 1))
            out = self.replace(page)
            b1.remove(page)
            t2.append(page)
            return False, out
        if page in b2:
            self.p = max(0, self.p - max(len(b1) / len(b2), 1))
            out = self.replace(page)
            b2.remove(page)
            t2.append(page)
            return False, out
        out = None
        if len(t1) + len(b1) == c:
            if len(t1) < c:
                b1.pop(0)
                out = self.replace(page)
            else:
                out = t1.pop(0)
        elif len(t1) + len(t2) + len(b1) + len(b2) >= c:
            if len(t1) + len(t2) + len(b1) + len(b2) == 2 * c:
                b2.pop(0)
            out = self.replace(page)
        t1.append(page)
        return False, out


class Lirs:
    """The stack as a list, searched for everything; no list of what is gone."""

    def __init__(self, frames, trace):
        self.frames = frames
        self.low_frames = frames - max(1, frames // 100)
        self.low, self.stack, self.queue = set(), [], []

    def prune(self):
        while self.stack and self.stack[0] not in self.low:
            self.stack.pop(0)

    def to_top(self, page):
        if page in self.stack:
            self.stack.remove(page)
        self.stack.append(page)

    def promote(self, page):
        self.low.add(page)
        self.to_top(page)
        self.prune()
        if len(self.low) > self.low_frames:
            bottom = self.stack.pop(0)
            self.low.remove(bottom)
            self.queue.append(bottom)
        self.prune()

    def access(self, page):
        known = page in self.stack
        if page in self.low:
            self.to_top(page)
            self.prune()
            return True, None
        out = None
        hit = page in self.queue
        if hit:
            self.queue.remove(page)
        elif len(self.low) + len(self.queue) == self.frames:
            out = self.queue.pop(0)
            gone = [p for p in self.stack if p not in self.low and p not in self.queue and p != page]
            if len(gone) > 2 * self.frames:
                self.stack.remove(gone[0])
        if known or (not hit and len(self.low) < self.low_frames):
            self.promote(page)
        else:
            self.to_top(page)
            self.queue.append(page)
            self.prune()
        return hit, out


class S3Fifo:
    def __init__(self, frames, trace):
        self.frames = frames
        self.small_frames = max(1, frames // 10)
        self.small, self.main, self.ghost = [], [], []  # first in at the front
        self.freq = {}

    def evict_main(self):
        while self.freq[self.main[0]] > 0:
            page = self.main.pop(0)
            self.freq[page] -= 1
            self.main.append(page)
        return self.main.pop(0)

    def evict(self):
        if len(self.small) >= self.small_frames:
            while self.small:
                page = self.small.pop(0)
                if self.freq[page] <= 1:
                    self.ghost.append(page)
                    del self.ghost[:max(0, len(self.ghost) - (self.frames - self.small_frames))]
                    return page
                self.freq[page] = 0
                self.main.append(page)
                if len(self.main) > self.frames - self.small_frames:
                    return self.evict_main()
        return self.evict_main()

    def access(self, page):
        if page in self.small or page in self.main:
            self.freq[page] = min(3, self.freq[page] + 1)
            return True, None
        out, known = None, page in self.ghost
        if known:
            self.ghost.remove(page)
        if len(self.small) + len(self.main) == self.frames:
            out = self.evict()
        self.freq[page] = 0
        (self.main if known else self.small).append(page)
        return False, out


POLICIES = {
    "lru": Lru, "clock": Clock, "opt": Opt, "twolist": TwoList, "arc": Arc, "lirs": Lirs, "s3fifo": S3Fifo,
}


def fnv(value, page):
    for byte in struct.pack("<I", page):
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def replay(policy, frames, trace):
    model = POLICIES[policy](frames, trace)
    faults, evictions, digest = 0, 0, 0xCBF29CE484222325
    for page in trace:
        hit, out = model.access(page)
        faults += not hit
        if out is not None:
            evictions += 1
            digest = fnv(digest, out)
    return f"{faults} {evictions} {digest:016x}"


def uniform(rng, pages, length):
    return [rng.randrange(pages) for _ in range(length)]


def skewed(rng, pages, length):
    return [int(pages * rng.random() ** 3) for _ in range(length)]


def loops(rng, pages, length):
    """Loops of changing length over changing places, and some noise."""
    trace = []
    while len(trace) < length:
        start, size = rng.randrange(pages), rng.randrange(1, pages)
        for _ in range(rng.randrange(1, 4)):
            trace += [(start + i) % pages for i in range(size)]
            trace += skewed(rng, pages, rng.randrange(4))
    return trace[:length]


def main():
    rng = random.Random(20231023)
    plans = [("tiny", 6, 60, (1, 2, 3, 5)), ("small", 40, 1500, (1, 4, 11, 19, 30)),
             ("large", 700, 6000, (25, 210, 420))]
    for size, pages, length, memory in plans:
        for kind in (uniform, skewed, loops):
            for number in range(6 if size == "tiny" else 1):
                name = f"{size}-{kind.__name__}-{number}.u32"
                trace = kind(rng, pages, length)
                with open(f"{sys.argv[1]}/{name}", "wb") as file:
                    file.write(struct.pack(f"<{length}I", *trace))
                for frames in memory:
                    if frames > len(set(trace)):
                        continue
                    for policy in POLICIES:
                        if policy != "opt" or size != "large":
                            print(name, policy, frames, replay(policy, frames, trace))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
