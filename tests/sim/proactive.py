# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""ptw-sim run --promotion-target against its description: proactive.py PTW_SIM TRACE.u32 TARGET

Recomputes working sets, what the oracle saves, and the sums, from the trace and from what came back in each window.
"""
import json
import struct
import subprocess
import sys

SIM, TRACE, TARGET = sys.argv[1], sys.argv[2], float(sys.argv[3])
WINDOWS, STEPS = 20, 200

got = json.loads(subprocess.run([SIM, "run", TRACE, "--promotion-target", "%g%%" % TARGET, "--json", "-"],
                                check=True, stdout=subprocess.PIPE).stdout)
with open(TRACE, "rb") as file:
    data = file.read()
words = struct.unpack("<%dI" % (len(data) // 4), data)
ticks = words.count(0xFFFFFFFF)
steps = [ticks * k // STEPS for k in range(STEPS + 1)]
ends = [steps[10 * (w + 1)] for w in range(WINDOWS)]


def window_of(tick):
    return next((w for w, end in enumerate(ends) if tick < end), WINDOWS - 1)


def first_step(tick):
    return next((s for s in steps if s > tick), ticks)


touched = [set() for _ in range(WINDOWS)]
stretches = [[] for _ in range(WINDOWS)]
last, first, tick = {}, {}, 0
for word in words:
    if word == 0xFFFFFFFF:
        tick += 1
        continue
    now = window_of(tick)
    touched[now].add(word)
    if word in last and first_step(last[word]) < tick:
        stretches[now].append(tick - first_step(last[word]))
    last[word] = tick
    first.setdefault(word, tick)

oracle = sum(ticks - min(first_step(t), ticks) for t in last.values())
for w, window in enumerate(got["windows"]):
    oracle += sum(sorted(stretches[w], reverse=True)[:window["promotions"]])
held = sum(100 * w["promotions"] <= TARGET * len(t) for w, t in zip(got["windows"], touched))
windows = got["windows"]

for name, is_, should in (
        ("working sets", [w["pages"] for w in windows], [len(t) for t in touched]),
        ("ends of windows", [w["end_tick"] for w in windows], ends),
        ("oracle", got["oracle_page_ticks"], oracle),
        ("whole", got["whole_page_ticks"], sum(ticks - t for t in first.values())),
        ("held", got["held_percent"], 100 * held / WINDOWS),
        ("promotions", got["promotions"], sum(w["promotions"] for w in windows)),
        ("evictions", got["evictions"], sum(w["evictions"] for w in windows)),
        ("saved", got["saved_page_ticks"], sum(w["saved_page_ticks"] for w in windows)),
        ("misses", got["misses"], len(first) + got["promotions"]),
        ("savings", round(got["savings_percent"], 6), round(100 * got["saved_page_ticks"] / oracle, 6)),
        ("something came back", got["promotions"] > 0, True),
        ("nobody beats the oracle", got["saved_page_ticks"] <= oracle, True),
        ("what came back was out", got["promotions"] <= got["evictions"], True)):
    if is_ != should:
        print("%s: %s, not %s" % (name, is_, should))
