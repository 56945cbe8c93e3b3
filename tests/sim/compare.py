# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What ptw-sim compare says, calculated again from single runs. Prints what differs.

usage: compare.py PTW_SIM TRACE...
"""
import json
import math
import subprocess
import sys

POLICIES = "generations mglru clock lru arc opt".split()
SIZES = "10% 25% 50% 75%".split()


def sim(*arguments):
    done = subprocess.run([SIM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout) if done.returncode == 0 else sys.exit("failed: %s" % (arguments,))


def close(what, got, expected):
    if got is None or expected is None:
        good = got is expected
    else:
        good = abs(got - expected) <= 1e-7 * max(1, abs(expected))
    if not good:
        print("%s: %s, not %s" % (what, got, expected))


def geometric(ratios):
    return 100 * (math.exp(sum(map(math.log, ratios)) / len(ratios)) - 1)


def mean(values):
    return sum(values) / len(values)


SIM, TRACES = sys.argv[1], sys.argv[2:]
runs = {(t, s, p): sim("run", t, "--memory", s, "--policy", p, "--json", "-")
        for t in TRACES for s in SIZES for p in POLICIES}
points = [(t, s) for t in TRACES for s in SIZES]
low = [(t, s) for t, s in points if s in ("10%", "25%")]

# Every replay.
found = sim("compare", *TRACES, "--policy", "arc,clock,mglru,gen", "--json", "-")
close("traces", len(found["traces"]), len(TRACES))
for trace, path in zip(found["traces"], TRACES):
    for point, size in zip(trace["points"], SIZES):
        names = [r["policy"] for r in point["replays"]]
        if names != POLICIES or point["memory"] != size or trace["path"] != path:
            print("not the replays that were asked for: %s" % names)
        for replay in point["replays"]:
            run = runs[path, size, replay["policy"]]
            lru = runs[path, size, "lru"]["faults"]
            opt = runs[path, size, "opt"]["faults"]
            what = "%s %s %s" % (path, size, replay["policy"])
            close(what, replay["misses"], run["faults"])
            close(what + " batch", replay["batch_reads"], run["batch_reads"])
            close(what + " single", replay["single_checks"], run["single_checks"])
            close(what + " %", replay["against_lru"], 100 * (run["faults"] / lru - 1))
            close(what + " gap", replay["gap_closed"],
                  100 * (lru - run["faults"]) / (lru - opt) if lru != opt else None)
            if replay["eviction_hash"] != run["eviction_hash"]:
                print("%s: another hash" % what)

# What they sum up to.
def misses(point, policy):
    return runs[point + (policy,)]["faults"]


def gap(point, policy):
    lru, opt = misses(point, "lru"), misses(point, "opt")
    return 100 * (lru - misses(point, policy)) / (lru - opt)


def per_miss(point, policy, key):
    return runs[point + (policy,)][key] / misses(point, policy)


sums = {}
for policy in POLICIES:
    has = runs[points[0] + (policy,)]["batch_reads"] is not None
    worst = max(points, key=lambda p: misses(p, policy) / misses(p, "lru"))
    sums[policy] = {
        "against_lru_10_25": geometric([misses(p, policy) / misses(p, "lru") for p in low]),
        "against_lru_all": geometric([misses(p, policy) / misses(p, "lru") for p in points]),
        "gap_closed_10_25": mean([gap(p, policy) for p in low]),
        "batch_per_miss": mean([per_miss(p, policy, "batch_reads") for p in low]) if has else None,
        "single_per_miss": mean([per_miss(p, policy, "single_checks") for p in low]) if has else None,
        "worst": 100 * (misses(worst, policy) / misses(worst, "lru") - 1),
    }
for policy in found["policies"]:
    for key, value in sums[policy["policy"]].items():
        got = policy[key]["against_lru"] if key == "worst" else policy[key]
        close("%s %s" % (policy["policy"], key), got, value)

# Goals, of gen alone: the others are references.
large, small = [], []
for p in points:
    least = min(misses(p, "lru"), misses(p, "mglru"))
    footprint = runs[p + ("lru",)]["footprint_pages"]
    above = misses(p, "generations") - least
    if least - footprint >= 10000:
        large.append(100 * above / least)
    else:
        small.append((100 * above / footprint, p))

# What would let a mistake pass.
if not large or not small:
    print("these traces do not have both kinds of points")
if not any(misses(p, "mglru") < misses(p, "lru") for p in points):
    print("mglru is nowhere better than lru")
if not any(10000 <= min(misses(p, "lru"), misses(p, "mglru")) for s, p in small if s == max(small)[0]):
    print("the worst of small points has few misses with first touches, too")
expected = [
    ("Q1-generations", sums["generations"]["against_lru_10_25"], -15),
    ("Q2-generations", max(large), 3),
    ("Q2-small-generations", max(small)[0], 1),
    ("Q3-batch-generations", sums["generations"]["batch_per_miss"], 8),
    ("Q3-single-generations", sums["generations"]["single_per_miss"], 1.05),
]
goals = sim("compare", *TRACES, "--policy", "gen", "--goals", "--json", "-")
# Behind these are Q4 and Q5 (proactive.sh).
if [g["id"] for g in goals][:5] != [e[0] for e in expected] or len(goals) != 10:
    print("other goals: %s" % [g["id"] for g in goals])
for goal, (name, value, bound) in zip(goals, expected):
    close(name, goal["value"], value)
    close(name + " goal", goal["goal"], bound)
    if goal["bound"] != "at most" or goal["met"] is not (value <= bound):
        print("%s: %s, met: %s" % (name, value, goal["met"]))
print("compared %d replays" % len(runs))
