#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Negative control of the stress tests: bugs planted in copies of the library must be found.

    plants.py [--seconds N] [--keep] [NAME...]
    plants.py --places

Each plant changes one place of the library in a private copy, builds ptw-stress there (or mmu-stress, for
those whose names begin with mmu-) and runs it until it fails, for N seconds of each configuration at most
(default 20). First the programs run unchanged, and must be content. TAP on standard output; what found each
plant stands behind it. A plant whose place is no longer in the source fails: then bring it up to date;
--places says which ones those are, and does nothing else.
Needs gcc and liburcu-bp. Example: tests/stress/plants.py free-at-once map-over-frozen
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PARTS = ("include", "lib", "arch", "ports", "tests")
ALL = ("ept4", "arm64-s2-4k-contig", "perverse")
SPACES = ("",)  # mmu-stress has no configurations

# name: (builds in order, configurations, [(file, text, replacement)...])
PLANTS = {
    "free-at-once": (("tsan",), ALL, [
        ("lib/table/gather.c", "ptw_port_rcu_call(&meta->rcu, ptw_table_freed);",
         "ptw_table_freed(&meta->rcu);")]),
    "free-before-flush": (("tsan",), ("ept4", "perverse"), [
        ("lib/table/gather.h", "	ptw_gather_flush(gather);\n	ptw_gather_retire(gather);",
         "	ptw_gather_retire(gather);\n	ptw_gather_flush(gather);")]),
    "unmap-by-plain-store": (("plain", "tsan"), ("ept4", "perverse"), [
        ("lib/walk/take_template.h", "else if (!ptw_port_cas(&slot[i], &e, gone))\n"
         "				continue;",
         "else\n				*(volatile uint64_t *)&slot[i] = gone;")]),
    "map-over-frozen": (("plain", "tsan"), ALL, [
        ("lib/table/map.c", "			if (!ptw_port_cas(&slot[i], &e, leaf))\n"
         "				return i;",
         "			if (!ptw_port_cas(&slot[i], &e, leaf) &&\n"
         "			    (e != p->layout->frozen || !ptw_port_cas(&slot[i], &e, leaf)))\n"
         "				return i;")]),
    "reclaim-without-recheck": (("plain", "tsan"), ALL, [
        ("lib/table/reclaim.c", "		if (ptw_port_cas(&table[i], &e, p->layout->frozen))\n"
         "			continue;",
         "		if (ptw_port_cas(&table[i], &e, p->layout->frozen) ||\n"
         "		    ptw_port_xchg(&table[i], p->layout->frozen))\n			continue;")]),
    "report-without-clearing": (("plain",), ("ept4",), [
        ("lib/walk/harvest_template.h",
         "return ptw_port_and_clear(slot, f->accessed) ? PTW_EXTENT_YOUNG : 0;",
         "return ptw_port_load(slot) & f->accessed ? PTW_EXTENT_YOUNG : 0;")]),
    "pair-reported-uncleared": (("plain",), ("ept4", "x86-64"), [
        ("ports/vector/pairs.c", "if (PTW_PAIR_CAS(pair, old, old[0] & ~bit, old[1] & ~bit))\n"
         "			return 3;",
         "if (PTW_PAIR_CAS(pair, old, old[0] & ~bit, old[1] & ~bit) || tries + 1)\n"
         "			return 3;")]),
    # With its window made wider, as the next one: as it is, it is a few instructions long.
    "pair-by-plain-store": (("plain",), ("ept4", "x86-64"), [
        ("ports/vector/pairs.c", "if (PTW_PAIR_CAS(pair, old, old[0] & ~bit, old[1] & ~bit))\n"
         "			return 3;",
         "{\n			for (volatile int i_ = 3000; i_; i_--)\n				;\n"
         "			((volatile uint64_t *)pair)[0] = old[0] & ~bit;\n"
         "			((volatile uint64_t *)pair)[1] = old[1] & ~bit;\n"
         "			return 3;\n		}")]),
    "blind-and-on-block": (("plain", "tsan"), ("ept4", "x86-64", "ept4"), [
        ("lib/walk/harvest_template.h",
         "	if (level == 0 && f->and_clear && !guarded && !grouped && !ask->filter &&",
         "	for (volatile int i_ = level == 1 ? 30000 : 0; i_; i_--)\n		;\n"
         "	if (level <= 1 && f->and_clear && !guarded && !grouped && !ask->filter &&")]),
    "clean-without-flush": (("plain", "tsan"), ("ept4", "arm64-s2-4k-swaf"), [
        ("lib/walk/harvest.c", "	if (flush && ((h->flags & (PTW_HARVEST_DIRTY | "
         "PTW_HARVEST_EXACT)) || job->dirty_extents))\n",
         "	if (flush && (h->flags & PTW_HARVEST_EXACT))\n")]),
    "use-after-unlock": (("tsan",), ALL, [
        ("lib/walk/template.h", "		ret = ptw_walk_section(f, l, guarded, ops, w, ctx);\n"
         "		ptw_port_read_unlock();\n",
         "		ptw_port_read_unlock();\n"
         "		ret = ptw_walk_section(f, l, guarded, ops, w, ctx);\n")]),
    "unmap-of-held": (("plain", "tsan"), ("ept4", "perverse"), [
        ("lib/walk/take_template.h", "keep = p->build->held(l, level) | f->group_bit;",
         "keep = f->group_bit;")]),
    "collapse-forgets-late-bits": (("plain", "tsan"), ("perverse", "ept4"), [
        ("lib/table/collapse.c", "		used |= ptw_used_bits(p, ptw_port_xchg(&at->table[i], "
         "p->layout->frozen),\n				      at->level);",
         "		used |= ptw_used_bits(p, ptw_port_load(&at->table[i]), at->level) *\n"
         "			!ptw_port_xchg(&at->table[i], p->layout->frozen);")]),
    "split-starts-old": (("plain",), ("ept4", "perverse"), [
        ("lib/table/split.c", "p->build->relevel(&p->geometry, p->layout, e, level, level - 1,",
         "p->build->relevel(&p->geometry, p->layout, ptw_plain_leaf(p, e, level), level, "
         "level - 1,")]),
    "live-count-off": (("plain",), ALL, [
        ("lib/table/map.c", "	ptw_live_add(p, spot->table, ia, spot->level, n);",
         "	ptw_live_add(p, spot->table, ia, spot->level, n + (n == 7));")]),
    "section-without-end": (("plain",), ("ept4",), [
        ("lib/walk/template.h", "#define PTW_SECTION_COST 4096", "#define PTW_SECTION_COST 400000")]),
    "mmu-chain-without-the-bit": (("tsan", "plain"), SPACES, [
        ("lib/mmu/rmap_age.c", "ret = ptw_rmap_hold(job->rmap, word, false, &w);",
         "w = ptw_port_load_table(word);\n"
         "		ret = w & PTW_RMAP_CHAIN ? PTW_OK : PTW_ERR_ABSENT;"),
        ("lib/mmu/rmap_age.c", "ptw_rmap_release(word, w);", "")]),
    "mmu-chain-freed-while-held": (("tsan", "plain"), SPACES, [
        ("lib/mmu/rmap.c", "			return PTW_ERR_ABSENT;\n"
         "		ret = ptw_rmap_hold(rmap, word, false, &w);",
         "			return PTW_ERR_ABSENT;\n"
         "		ret = w & PTW_RMAP_CHAIN ? PTW_OK : PTW_ERR_ABSENT;")]),
    "mmu-single-by-plain-store": (("plain", "tsan"), SPACES, [
        ("lib/walk/entries_template.h", "		if (ptw_port_cas(slot, &e, wanted))",
         "		*(volatile uint64_t *)slot = wanted;\n		if (true)")]),
    # With its window made wider: as it is, it is an instruction long.
    "mmu-single-without-second-look": (("plain", "tsan"), SPACES, [
        ("lib/walk/entries_template.h", "		e = ptw_port_load_table(slot);\n",
         "		for (volatile int i_ = 2000; i_; i_--)\n			;\n"
         "		e = ptw_port_load_table(slot);\n"),
        ("lib/walk/entries_template.h", "		if (ptw_port_load(word) != w)\n"
         "			continue;\n", "")]),
    "mmu-unmap-without-hold": (("plain", "tsan"), SPACES, [
        ("lib/mmu/rmap_unmap.c", "ret = ptw_rmap_hold(job->rmap, &words[i], true, &w);",
         "w = ptw_port_load_table(&words[i]);\n		ret = w ? PTW_OK : PTW_ERR_ABSENT;")]),
    "mmu-ticket-not-compared": (("plain",), SPACES, [
        ("lib/mmu/gate.c", "if (sum == ticket)", "if (true)")]),
    "mmu-sequence-not-raised-at-the-end": (("plain",), SPACES, [
        ("lib/mmu/gate.c", "PTW_GATE_SEQUENCE - PTW_GATE_ACTIVE", "-PTW_GATE_ACTIVE")]),
    "mmu-published-outside-the-section": (("tsan",), SPACES, [
        ("lib/mmu/ask_run.c", "	ptw_port_read_lock();\n	ptw_piece_deliver(q, run, a, &piece);\n"
         "	ptw_port_read_unlock();\n", "	ptw_piece_deliver(q, run, a, &piece);\n")]),
    "mmu-consumer-freed-at-once": (("tsan",), SPACES, [
        ("lib/mmu/consumer.c", "ptw_port_rcu_call(&consumer->rcu, ptw_consumer_retire);",
         "ptw_consumer_retire(&consumer->rcu);")]),
    "mmu-version-freed-at-once": (("tsan",), SPACES, [
        ("lib/mmu/space.c", "ptw_port_rcu_call(&old->rcu, ptw_version_retire);",
         "ptw_version_retire(&old->rcu);")]),
    "mmu-reference-after-the-section": (("tsan",), SPACES, [
        ("lib/mmu/space.c", "	ptw_port_add64(&version->refs, 1);\n	ptw_port_read_unlock();\n",
         "	ptw_port_read_unlock();\n	for (volatile int i_ = 100000; i_; i_--)\n		;\n"
         "	ptw_port_add64(&version->refs, 1);\n")]),
}

FLAGS = {
    "plain": ["-O2", "-D_LGPL_SOURCE"],
    "tsan": ["-O1", "-g", "-fsanitize=thread"],
}


class Copy:
    """A private copy of the library and of the stress programs. What a plant does not touch is compiled once."""

    def __init__(self, folder):
        self.folder = folder
        for part in PARTS:
            shutil.copytree(os.path.join(ROOT, part), os.path.join(folder, part))
        os.mkdir(self.path("generated"))
        os.mkdir(self.path("planted"))
        subprocess.run([sys.executable, self.path("tests/stress/pairs.py"), self.path("include/ptw/change.h"),
                        self.path("generated/pairs.h"), self.path("tests/stress/roles_read.c"),
                        self.path("tests/stress/roles_write.c")], check=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def sources(self, spaces):
        """Of ptw-stress, or of mmu-stress. What holds a test itself is another program."""
        found = ["tests/harness/environment.c"]
        for part in ("lib", "arch", "ports/user", "ports/vector"):
            for base, _, names in os.walk(self.path(part)):
                found += [os.path.relpath(os.path.join(base, name), self.folder)
                          for name in names if name.endswith(".c")]
        program = "tests/stress/mmu" if spaces else "tests/stress"
        for name in os.listdir(self.path(program)):
            if name.endswith(".c"):
                with open(self.path(f"{program}/{name}"), encoding="utf-8") as file:
                    if not re.search(r"^Test\(", file.read(), re.M):
                        found.append(f"{program}/{name}")
        return found

    def compiler(self, build):
        return ["gcc", "-std=gnu11", "-DPTW_PLAIN_TESTS", *FLAGS[build], "-w", "-I", "generated", "-I", "include",
                "-I", ".", "-I", "tests/harness"]

    def compile(self, build, sources, into):
        """Objects of the sources, a dictionary, with what each was made of beside it."""
        def compile_one(source):
            target = f"{into}/{build}-{source.replace('/', '_')}.o"
            if into == "planted" or not os.path.exists(self.path(target)):
                subprocess.run([*self.compiler(build), "-MMD", "-c", source, "-o", target], cwd=self.folder,
                               check=True)
            return source, target

        with ThreadPoolExecutor(max_workers=2) as pool:
            return dict(pool.map(compile_one, sources))

    def program(self, build, spaces, changes):
        """The program with these changes, (file, text, replacement); the copy is as before when it is made."""
        objects = self.compile(build, self.sources(spaces), "generated")
        changed = {path for path, _, _ in changes}
        touched = []
        for source, target in objects.items():
            with open(self.path(target[:-2] + ".d"), encoding="utf-8") as file:
                if changed & {os.path.normpath(name) for name in file.read().split()}:
                    touched.append(source)
        before = {}
        for path, old, new in changes:
            with open(self.path(path), encoding="utf-8") as file:
                text = file.read()
            before.setdefault(path, text)
            with open(self.path(path), "w", encoding="utf-8") as file:
                file.write(text.replace(old, new))
        objects.update(self.compile(build, touched, "planted"))
        for path, text in before.items():
            with open(self.path(path), "w", encoding="utf-8") as file:
                file.write(text)
        subprocess.run([*self.compiler(build), *objects.values(), "-o", f"planted/{build}", "-lurcu-bp", "-lpthread"],
                       cwd=self.folder, check=True)
        return self.path(f"planted/{build}")


def first_complaint(text):
    for line in text.splitlines():
        match = re.match(r"# FAILED[^:]*: (.*)|(WARNING: ThreadSanitizer: [a-z -]+)", line)
        if match:
            return (match[1] or match[2]).strip()
    return ""


def run(program, config, seconds):
    """What the run complained about; "" if it was content."""
    environment = dict(os.environ)
    environment["TSAN_OPTIONS"] = (f"halt_on_error=1 suppressions={ROOT}/tests/tsan.supp")
    command = [program, "--seconds", str(seconds)] + (["--config", config] if config else [])
    with open("/proc/sys/vm/mmap_rnd_bits", encoding="ascii") as file:
        if int(file.read()) > 28:
            command = ["setarch", os.uname().machine, "-R", *command]
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds * 12 + 300, check=False)
    except subprocess.TimeoutExpired:
        return "no end"
    text = done.stdout.decode(errors="replace")
    if done.returncode == 0:
        return ""
    return first_complaint(text) or f"exit status {done.returncode}"


def lost_places(names):
    """Says which plants have a place that is not in the source any more; their names."""
    lost = []
    for name in names:
        for path, old, _ in PLANTS[name][2]:
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                if old in file.read():
                    continue
            print(f"# {name}: its place is not in {path} any more; bring it up to date")
            lost.append(name)
    return lost


def try_plant(copy, name, seconds):
    builds, configs, changes = PLANTS[name]
    for build in builds:
        program = copy.program(build, configs == SPACES, changes)
        for config in configs:
            found = run(program, config, seconds)
            if found:
                return True, f"{config or 'spaces'}, {build}: {found}"
    return False, f"nobody noticed it in {len(builds) * len(configs)} runs"


def try_plants(names, seconds, keep):
    """How many were not found."""
    folder = tempfile.mkdtemp(prefix="ptw-plants-")
    failed = 0
    try:
        copy = Copy(folder)
        lost = lost_places(names)
        wrong = ""
        for build in FLAGS:
            for spaces in (False, True):
                wrong = wrong or run(copy.program(build, spaces, []), "" if spaces else "ept4", 3)
        failed += wrong != ""
        print(f"{'not ok' if wrong else 'ok'} 1 - nothing is planted, nothing is found\n# {wrong}", flush=True)
        for number, name in enumerate(names, 2):
            good, what = (False, "it was not planted") if name in lost else try_plant(copy, name, seconds)
            failed += not good
            print(f"{'ok' if good else 'not ok'} {number} - {name}\n# {what}", flush=True)
    finally:
        if not keep:
            shutil.rmtree(folder)
    return failed


def main(arguments):
    seconds, keep, names = 20, False, []
    while arguments:
        word = arguments.pop(0)
        if word in ("--help", "-h"):
            print(__doc__)
            return 0
        if word == "--places":
            return 1 if lost_places(PLANTS) else 0
        if word == "--keep":
            keep = True
        elif word == "--seconds" and arguments and arguments[0].isdigit() and int(arguments[0]):
            seconds = int(arguments.pop(0))
        elif word in PLANTS:
            names.append(word)
        else:
            print(f"plants.py: {word}: no such plant or option; there are: {' '.join(PLANTS)}",
                  file=sys.stderr)
            return 2
    names = names or list(PLANTS)
    print(f"1..{len(names) + 1}")
    return 1 if try_plants(names, seconds, keep) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
