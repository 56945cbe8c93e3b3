# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Are synthetic traces what they are called? Prints what is not so.

usage: patterns.py PATTERN PAGES LENGTH < 32-BIT-WORDS
"""
import array
import collections
import sys

name, pages, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
words = array.array("I", sys.stdin.buffer.read())
if sys.byteorder == "big":
    words.byteswap()
TICK = 0xFFFFFFFF
trace = [w for w in words if w != TICK]


def expect(what, condition):
    if not condition:
        print("%s: not so: %s" % (name, what))


expect("as many references", len(trace) == length)
expect("a tick after every 50", all(words[i] == TICK for i in range(50, len(words), 51))
       and len(words) - len(trace) == length // 50)
expect("page numbers below the limit", max(trace) < pages)
used = set(trace)

if name == "sparse":
    live = set(trace[pages:])
    expect("all once, in order", trace[:pages] == list(range(pages)))
    expect("95 % idle after that", pages // 20 * 0.9 < len(live) <= pages // 20)
    expect("one of each twenty", len({p // 20 for p in live}) == len(live))
    hot = collections.Counter(trace[pages:]).most_common(len(live) // 5)
    expect("some are hotter", sum(n for _, n in hot) > 0.4 * (length - pages))
elif name == "phases":
    eighth = [set(trace[length * i // 8:length * (i + 1) // 8]) for i in range(8)]
    expect("a quarter at a time", all(pages * 0.2 < len(e) <= pages // 4 for e in eighth))
    expect("another one each time", all(len(a & b) < len(a) / 2 for a, b in zip(eighth, eighth[1:])))
    expect("most pages are used", len(used) > pages * 0.8)
elif name == "loop":
    expect("all pages", len(used) == pages)
    expect("a round later again", trace[pages:] == trace[:-pages])
elif name == "scan":
    hot = pages // 8
    cold = [p for p in trace if p >= hot]
    expect("the cold ones in order", all(b == a + 1 or b == hot for a, b in zip(cold, cold[1:])))
    expect("more hot than cold", 0.2 * length < len(cold) < 0.4 * length)
    expect("the whole hot set", len(used & set(range(hot))) > hot * 0.9)
elif name == "adversarial":
    # Runs of consecutive numbers, each four times a loop that is a little more than a share.
    at, sizes = 0, collections.Counter()
    while at < length:
        loop = next((i for i in range(at + 1, length) if trace[i] == trace[at]), length) - at
        if at + 4 * loop > length:
            break
        first = trace[at]
        expect("four rounds of one loop", trace[at:at + 4 * loop] ==
               [(first + i) % pages for _ in range(4) for i in range(loop)])
        sizes[loop] += 1
        at += 4 * loop
    shares = {pages * p // 100 + pages * p // 100 // 16 + 1 for p in (10, 25, 50, 75)}
    expect("loops a sixteenth above each share of memory", set(sizes) == shares)
elif name == "zipf":
    counts = [n for _, n in collections.Counter(trace).most_common()]
    harmonic = sum(1 / k for k in range(1, pages + 1))
    for k in (1, 2, 10, 100):
        due = length / harmonic / k
        expect("the %d-th page %d times (%d)" % (k, due, counts[k - 1]),
               abs(counts[k - 1] - due) < 6 * due ** 0.5)
    expect("not in order of numbers", collections.Counter(trace).most_common(1)[0][0] != 0)
else:
    print("no such pattern")
