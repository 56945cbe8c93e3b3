# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Do the pictures of a report show what the same run says in JSON? Prints what differs.

usage: pictures.py HTML JSON GENERATIONS (yes or no)
"""
import json
import re
import sys

page = open(sys.argv[1], encoding="utf-8").read()
run = json.load(open(sys.argv[2], encoding="utf-8"))
ticks = run["ticks"]


def expect(what, got, due):
    if got != due:
        print("%s: %s, not %s" % (what, got, due))


def class_of(age):
    for low, high in CLASSES:
        if low <= age <= high:
            return low
    return None


# Faults: each column is as long as any other, and together they are all.
faults = [tuple(map(int, m)) for m in re.findall(r"ticks (\d+) to (\d+): (\d+) faults", page)]
expect("columns", len(faults), 80)
expect("faults", sum(n for _, _, n in faults), run["faults"])
expect("first and last", (faults[0][0], faults[-1][1] in (ticks, ticks - 1)), (0, True))
expect("no gap", [b[0] for b in faults[1:]], [a[1] + 1 for a in faults[:-1]])
for window in run["working_set"]:
    inside = [n for first, last, n in faults if window["first_tick"] <= first and last < window["end_tick"]]
    expect("faults of a twentieth", sum(inside), window["faults"])

# Ages at the end: those of the JSON, by class.
cells = [(int(t), a, int(n)) for t, a, n in
         re.findall(r"tick (\d+), age ([\d]+(?:-\d+| or more)?): (\d+) pages", page)]
CLASSES = [(n, n) for n in range(4)]
for lg2 in range(2, 8):
    CLASSES += [(1 << lg2, (3 << lg2 - 1) - 1), (3 << lg2 - 1, (2 << lg2) - 1)]
CLASSES[-1] = (192, 254)
CLASSES.append((255, 255))
due = {}
for age, pages in enumerate(run["idle_age"]):
    if pages:
        due[class_of(age)] = due.get(class_of(age), 0) + pages
end = faults[-1][1]
expect("ages at the end", {int(re.match(r"\d+", a).group()): n for t, a, n in cells if t == end}, due)
named = {(int(re.match(r"\d+", a).group()), int((re.findall(r"-(\d+)", a) or [re.match(r"\d+", a).group()])[0]))
         for _, a, _ in cells}
expect("names of classes", named - set(CLASSES), set())

# Who is in a generation is resident.
sums = {}
for tick, generation, count, pages in re.findall(
        r"tick (\d+), generation (\d+) of (\d+) from the youngest: (\d+) pages", page):
    expect("a generation of those there are", 1 <= int(generation) <= int(count) <= 4, True)
    sums[int(tick)] = sums.get(int(tick), 0) + int(pages)
if sys.argv[3] == "yes":
    resident = {}
    for tick, _, pages in cells:
        resident[tick] = resident.get(tick, 0) + pages
    expect("pages in generations", sums, resident)
else:
    expect("no generations", sums, {})

# The line of what is resident, by the scale at its side: as many as all ages together.
picture = page[page.index("<svg"):page.index("</svg>")]
marks = [(float(y), float(v.rstrip("k")) * (1000 if v.endswith("k") else 1)) for y, v in
         re.findall(r'y2="([\d.]+)"/><text[^>]*>([\d.]+k?)</text>', picture)]
(y0, v0), (y1, v1) = marks[0], marks[-1]
points = dict(zip(("touched", "resident"), re.findall(r'points="([^"]*)"', picture)))["resident"].split()
for at in (0, 40, -1):
    shown = v0 + (float(points[at].split(",")[1]) - y0) * (v1 - v0) / (y1 - y0)
    tick = faults[at][1]
    due = sum(n for t, _, n in cells if t == tick)
    if abs(shown - due) > 0.01 * v1:
        print("resident: %s, not %s" % (shown, due))
