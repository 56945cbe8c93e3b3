#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Tests the command line of ptw-bench from outside, with quick runs; prints TAP. Needs python3 to look
# into JSON, and gnuplot for the pictures.
# usage: run.sh PTW_BENCH
set -u
export LC_ALL=C
# shellcheck source=scripts/lib/tap.sh
. "$(dirname "$0")/../../scripts/lib/tap.sh" || exit 2

if [ $# -ne 1 ] || [ ! -x "$1" ]; then
	echo "usage: $0 PTW_BENCH" >&2
	exit 2
fi
bench=$(realpath "$1")
traces=$(realpath "$(dirname "$0")/../../examples/sim/traces")
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 2

# refused WORDS ARGUMENT...: bad input ends with status 2, nothing on standard output and one line on
# standard error that holds WORDS
refused() {
	local words=$1 status
	shift
	"$bench" "$@" >out 2>err
	status=$?
	if [ "$status" != 2 ] || [ -s out ] || [ "$(wc -l <err)" != 1 ] || ! grep -qF -e "$words" err; then
		echo "# status $status, standard error:"
		sed 's/^/# /' err
		return 1
	fi
}

# holds FILE EXPRESSION: true of the JSON in FILE, which the expression knows as d
holds() {
	python3 -c 'import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)' "$1" "$2"
}

# each EXPRESSION: true of every load of experiment reclaim, which it knows as p, its policies by name;
# `by` has those of all loads
each() {
	python3 -c 'import json, sys
loads = json.load(open("reclaim.json"))["loads"]
by = {l["load"]: {p["policy"]: p for p in l["policies"]} for l in loads}
sys.exit(0 if all(eval("(" + sys.argv[1] + ")", {"p": p, "by": by}) for p in by.values()) else 1)' "$1"
}

check "--csv is for cases" refused "--csv is for cases; experiments have --json" experiment locks --csv x
check "one file cannot be two" refused "are the same, 'x'" clear --json x --csv x
check "output below a file is refused before the run" refused "cannot write '$bench/x'" clear --csv "$bench/x"

# Files before, and status and files after a signal; the processes that measure are gone then. KILL: nobody can help it.
interrupted() { # SIGNAL STATUS ARGUMENT...
	local signal=$1 wanted=$2 running child status
	shift 2
	echo old >kept.json
	env --default-signal=INT "$bench" "$@" --json kept.json >out 2>err &
	running=$!
	for _ in $(seq 600); do
		child=$(cat /proc/$running/task/$running/children 2>/dev/null)
		[ -z "$child" ] || break
		sleep 0.05
	done
	kill "-$signal" $running
	wait $running 2>/dev/null
	status=$?
	for _ in $(seq 600); do
		[ -e "/proc/${child% }" ] || break
		sleep 0.05
	done
	[ "$status $(cat kept.json) $(echo *.tmp)" = "$wanted old *.tmp" ] && [ -n "$child" ] && [ ! -e "/proc/${child% }" ] || {
		echo "# status $status, child '$child', files: $(echo *)"
		return 1
	}
}
for how in "INT 130" "TERM 143" "KILL 137"; do
	# shellcheck disable=SC2086
	check "SIG${how% *} leaves the old file and no process" interrupted $how case bandwidth
done
rm -f kept.json

spreadsheet() {
	"$bench" case W2 --quick --verbose --csv figures.csv --json figures.json >out 2>err || return 1
	grep -q '^ptw-bench: process 1 of 1 measures' err && python3 - <<-'END'
		import csv, json
		rows = list(csv.DictReader(open("figures.csv", newline="")))
		figures = json.load(open("figures.json"))
		assert rows and [row["id"] for row in rows] == [figure["id"] for figure in figures]
		for row, figure in zip(rows, figures):
		    assert None not in row and None not in row.values()
		    assert row["detail"] == figure["detail"]
		    assert figure["value"] is None or abs(float(row["value"]) - figure["value"]) <= 1e-4 * abs(figure["value"])
	END
}
check "--csv has the figures that --json has, and --verbose tells what is done" spreadsheet

check "an unknown experiment is refused by name" refused "no experiment 'lock'; give batch, locks, " \
	experiment lock
check "no experiment" refused "which experiment? give batch, locks, " experiment
check "two experiments" refused "'locks' is too many" experiment locks locks
check "two different experiments" refused "'reclaim' is too many" experiment locks reclaim
check "an unknown option" refused "bad option '--plot-it'" experiment locks --plot-it
check "an option without its value" refused "option --json needs a FILE" experiment locks --json
check "an option without its value, of figures" refused "option --json needs a FILE" --json
check "a short option without its value" refused "option -j needs a FILE" clear -j
check "an option with a value that it has not" refused "option --quick takes no value" --quick=3 clear
check "an unknown case" refused "no case 'write'; give memory, " write
check "an unknown case after the word" refused "no case 'write'; give memory, " case write
check "it says that goals and all may be given" refused "a goal (G1 to G9, Q6, W1 to W4, S1 to S4) or all" write
check "a goal that there is not" refused "no case 'G10'" case G10
check "a goal of another tool" refused "no case 'Q1'" case Q1
check "half a goal" refused "no case 'G'" case G
check "a figure is no goal" refused "no case 'G3-entry-1m'" case G3-entry-1m
check "an experiment is no case" refused "'locks' is an experiment: ptw-bench experiment locks" --quick locks
check "a case is no experiment" refused "'clear' is a case: ptw-bench case clear" experiment clear
check "no case" refused "which case?" case
check "no case, but options" refused "which case?" case --quick
check "no case, and options before the word" refused "which case?" --quick case
check "a verb in the middle" refused "'experiment' must be the first word" clear experiment locks
check "list takes nothing" refused "'all' is too many" list all
check "an unknown kernel" refused "no kernel 'mmx' here; there are best, portable" --kernel mmx clear
check "a kernel without its name" refused "option --kernel needs a NAME" --kernel
check "no folder for pictures" refused "bad --plots ''" clear --plots=
check "a kernel is for cases" refused "--kernel is for cases; leave it out of experiments, of which curves and \
phases compare kernels" experiment locks --kernel portable
check "so are goals" refused "--goals is for cases" experiment locks --goals
check "folded stacks are for phases" refused "--folded is for experiment phases; leave it out" \
	experiment locks --folded x
check "folded stacks of cases" refused "--folded is for experiment phases; leave it out" --quick clear --folded x
check "traces are for secondary" refused "--traces is for experiment secondary; leave it out" \
	experiment locks --traces x
check "traces of cases" refused "--traces is for experiment secondary; leave it out" --quick clear --traces x
check "list writes no file" refused "list prints names alone; leave --json out" list --json file
check "list draws no pictures" refused "list prints names alone; leave --plots out" --plots x list

# prints WORDS ARGUMENT...: ends well, silent on standard error, with a line that matches WORDS
prints() {
	local words=$1
	shift
	"$bench" "$@" >out 2>err && [ ! -s err ] && grep -q -e "$words" out
}
check "help shows an example of its own" prints 'ptw-bench case bandwidth rivals --kernel avx2' --help
check "help shows an example of an experiment" prints 'ptw-bench experiment locks --json' experiment --help
check "help after a verb" prints '^Usage: ptw-bench' list --help
check "help before a verb" prints '^Usage: ptw-bench' --help experiment locks
check "the version, asked of an experiment" prints '^ptw-bench [0-9]' experiment --version
check "list after an option" prints '^  bandwidth ' --quick list
check "list says which goals a case gives" prints '^  clear  *G3  *[a-z]' list
check "list says that some have several" prints '^  writers  *W1 to W4  *[a-z]' list
check "list says that some have none" prints '^  memory  *-  *[a-z]' list
check "help says it, too" prints '^  space  *S1 to S4  *[a-z]' --help
narrow() {
	"$bench" --help >out && ! grep '.\{80\}' out
}
check "help fits into 79 columns" narrow
list_has() {
	local name

	"$bench" list >list.txt 2>&1 || return 1
	for name in bandwidth shuffled threads clear rivals calls writer grace prune age writers space \
		batch locks reclaim secondary; do
		grep -q "^  $name  *[a-zA-Z(]" list.txt || return 1
	done
}
check "list names cases and experiments, each with a line" list_has
# kind_of_build: whether help, list and messages agree about what was built
kind_of_build() {
	if "$bench" list | grep -q '^  secondary .*(not in this build'; then
		refused "secondary is not in this build: " experiment secondary &&
			! "$bench" --help | grep -q -e --traces &&
			refused "secondary is not in this build: " experiment secondary --traces x
	else
		prints '--traces=DIR' --help && refused "no trace in folder '.'" experiment secondary --traces .
	fi
}
check "what is not built is not offered, and said" kind_of_build
check "a file that cannot be written" refused "cannot write 'no/where.json'" \
	experiment locks --json no/where.json
touch file
if command -v gnuplot >/dev/null; then
	check "plots into a file" refused "'file' is no directory" experiment locks --plots file
	check "plots into nowhere" refused "cannot put pictures into folder 'no/where'" experiment locks --plots no/where
	check "plots of a case into a file" refused "'file' is no directory" case clear --plot file
else
	skip "plots into a file" "no gnuplot"
	skip "plots into nowhere" "no gnuplot"
	skip "plots of a case into a file" "no gnuplot"
fi
without_gnuplot() {
	PATH=$scratch/nothing refused "--plots needs gnuplot" experiment locks --plots plots
}
hide() {
	local status

	mkdir -p nothing && for tool in wc grep sed; do ln -sf "$(command -v $tool)" nothing/; done
	without_gnuplot
	status=$?
	[ ! -e plots ] && return "$status"
}
check "no gnuplot is said at once" hide

first_cpu=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
on_one() {
	local real=$bench status

	printf '#!/bin/sh\nexec taskset -c %s %s "$@"\n' "$first_cpu" "$real" >one && chmod +x one
	bench=./one
	refused "needs two processors" experiment locks
	status=$?
	bench=$real
	return "$status"
}
check "one processor is not enough" on_one
# without_second: figures that need two processors say so, in the table and in JSON, and none of them is met
without_second() {
	./one G6 w4 --quick --json single.json >single.txt 2>single.err &&
		[ "$(grep -c '^\(G6\|W4-[a-z]*\) .*  too few 0/1$' single.txt)" = 3 ] &&
		[ "$(grep -c 'not measured: needs two processors' single.txt)" = 3 ] &&
		[ "$(grep -c '^too few: not enough was kept' single.txt)" = 1 ] &&
		[ "$(grep -c '"few": true' single.json)" -ge 3 ] && ! grep -q '"met": true' <(
		grep -B2 '"few": true' single.json)
}
check "nor for some figures, which say so" without_second

reclaim_quick() {
	"$bench" experiment reclaim --quick --json reclaim.json "$@" >reclaim.txt 2>reclaim.err
}
if ! command -v python3 >/dev/null; then
	skip "a quick run of reclaim" "no python3 to read its JSON"
else
	drawings=()
	command -v gnuplot >/dev/null && drawings=(--plots drawings)
	check "a quick run of reclaim" reclaim_quick "${drawings[@]}"
	check "it is silent but for the tables" test ! -s reclaim.err
	check "its loads" holds reclaim.json '[l["load"] for l in d["loads"]] ==
["balloon", "swap", "report", "report-entries"]'
	check "its policies" each 'list(p) == ["never", "at once", "delay 8", "delay 64",
"delay 1024", "scan", "harvest+scan"]'
	check "each call has a cost" each 'all(c[k]["calls"] >= c[k]["kept"] and
c[k]["pages"] >= c[k]["calls"] and c[k]["p50"] <= c[k]["p99"] for c in p.values()
for k in ("unmap", "map"))'
	check "all policies did the same" each 'all(len({(c[k]["calls"], c[k]["pages"])
for c in p.values()}) == 1 for k in ("unmap", "map"))'
	check "who never reclaims has not" each 'p["never"]["tables_reclaimed"] == 0 and
p["never"]["reclaim"] is None'
	check "who reclaims at once leaves none empty" each 'p["at once"]["tables_revived"] == 0 and
not any(p["at once"]["over_time"]["empty"])'
	check "who asks for it was answered" each 'p["scan"]["reclaim"]["calls"] > 0 and
p["harvest+scan"]["harvest"]["calls"] == p["harvest+scan"]["reclaim"]["calls"]'
	check "a delay finds tables again" each \
		'0 < by["swap"]["delay 8"]["tables_revived"] < by["swap"]["delay 64"]["tables_revived"]'
	check "reclaim saves memory" each 'by["swap"]["at once"]["tables_mean"] <
by["swap"]["delay 1024"]["tables_mean"] < by["swap"]["never"]["tables_mean"]'
	check "a table that goes with its range waits for nobody" each \
		'by["report"]["never"]["tables_built"] == by["report"]["at once"]["tables_built"] > 0 and
by["report-entries"]["delay 64"]["tables_built"] == 0'
	check "curves over time" each 'all({len(v) for v in c["over_time"].values()} == {192} and
max(c["over_time"]["tables"]) == c["tables_most"] for c in p.values())'
	check "pages were made young" each 'all(c["young_made_and_found"] > 0 for c in p.values())'
	if [ ${#drawings[@]} != 0 ]; then
		check "its pictures, whole" test \
			"$(grep -l '^</svg>' drawings/* | wc -l) $(find drawings -type f | wc -l)" = "4 4"
	fi
	json_alone() {
		"$bench" experiment reclaim --quick --json - >alone.json 2>alone.err &&
			holds alone.json 'd["experiment"] == "reclaim"'
	}
	check "JSON instead of the tables" json_alone
	speed_drawings=()
	command -v gnuplot >/dev/null && speed_drawings=(--plot speed-drawings)
	quick_speed() {
		"$bench" --quick case bandwidth shuffled G3 rivals g5 --json speed.json "$@" \
			>speed.txt 2>speed.err
	}
	check "speed: a quick run" quick_speed "${speed_drawings[@]}"
	check "it is silent but for the table" test ! -s speed.err
	check "each figure has all members" holds speed.json 'all(list(f) == ["id", "value", "goal",
"bound", "met", "few", "kept", "total", "detail"] for f in d) and len({f["id"] for f in d}) == len(d)'
	check "what was measured took some time, and blocks are counted" holds speed.json \
		'all(f["value"] > 0 and 100 <= f["kept"] <= f["total"] for f in d if f["value"] is not None)'
	check "what was skipped says why and is nothing else" holds speed.json 'all(f["detail"].startswith("skipped: ")
and f["met"] is f["goal"] is f["bound"] is f["few"] is f["kept"] is f["total"] is None for f in d if f["value"] is None)'
	check "a goal is met on its right side" holds speed.json 'all(f["met"] == (f["value"] >= f["goal"] if
f["id"][:2] in ("G1", "G2", "G4") and "fair" not in f["id"] or "-page-" in f["id"] or "-pairs-" in f["id"] or
"-transactions-" in f["id"] else f["value"] <= f["goal"]) for f in d if f["goal"] is not None)'
	check "and the bound says which one that is" holds speed.json 'all(f["met"] == (f["value"] >= f["goal"] if
f["bound"] == "at least" else f["value"] <= f["goal"]) and f["bound"] in ("at least", "at most") and not f["few"]
for f in d if f["goal"] is not None) and all(f["bound"] is None for f in d if f["goal"] is None)'
	# said FILE: the table says of each goal what FILE does, in words
	said() {
		python3 -c 'import json, re, sys
text = open(sys.argv[2]).read().split("\n")
rows = {l.split()[0]: l for l in text if re.match(r"[A-Za-z]\S* ", l)}
for f in json.load(open(sys.argv[1])):
    if f["goal"] is not None:
        verdict = "too few" if f["few"] else "met" if f["met"] else "NOT MET"
        want = r"%s +\S+ +%s +[0-9.]+  %s +%d/%d$" % (re.escape(f["id"]), f["bound"], verdict, f["kept"], f["total"])
        if not re.match(want, rows[f["id"]]):
            sys.exit("# %s does not match %s" % (rows[f["id"]], want))' "$1" "$2"
	}
	check "the table says at least, at most, and whether it was met" said speed.json speed.txt
	check "G1: each kernel, with three shares of young pages" holds speed.json \
		'(lambda g: {"best", "portable"} <= {f["id"].split("-")[-2] for f in g} and
all({f["id"].rsplit("-", 1)[1] for f in g if f["id"].split("-")[-2] == k} == {"0", "0.1", "1"}
for k in {f["id"].split("-")[-2] for f in g}))([f for f in d if f["id"][:3] == "G1-"])'
	check "G2, tables in random order" holds speed.json \
		'[f["id"] for f in d if f["id"][:2] == "G2"] == ["G2-shuffled-" + y for y in ("0", "0.1", "1")]'
	quick_goal() {
		"$bench" --quick g2 --json g2.json >g2.txt 2>g2.err &&
			holds g2.json '{f["id"].split("-")[1] for f in d} == {"shuffled", "threads"}'
	}
	check "a goal stands for all cases that give it, and for no others" quick_goal
	check "G3: young entries, pairs and transactions" holds speed.json \
		'{"G3-" + k + "-" + n for k in ("entry", "entry-10", "pairs", "transactions") for n in ("1m", "16m")} <=
{f["id"] for f in d}'
	check "G4: each rival at each size and share, and whether it is fair" holds speed.json \
		'{f["id"] for f in d if f["id"][:2] == "G4" and f["id"][-6:] != "-pairs"} == {"G4-" + r + "-" + n + "-" + str(y) for r in ("callback",
"iterator", "levels") for n in ("1m", "16m") for y in (0, 1, 100)} | {"G4-fair-callback", "G4-fair-iterator"}'
	check "G5: calls and pages" holds speed.json '{f["id"] for f in d if f["id"][:2] == "G5"} == {"G5-" + k + "-" + n +
"-" + str(y) for k in ("calls", "page") for n in ("1m", "16m") for y in (0, 1, 10)}'
	if [ ${#speed_drawings[@]} != 0 ]; then
		check "its pictures, one for each goal, whole" test \
			"$(cd speed-drawings && grep -l '^</svg>' ./*.svg | tr '\n' ' ')" = \
			"./G1.svg ./G2.svg ./G3.svg ./G4.svg ./G5.svg "
	fi
	quick_forced() {
		"$bench" bandwidth --kernel portable --quick --json forced.json >forced.txt 2>forced.err
	}
	check "a forced kernel" quick_forced
	check "it is used, and no other" holds forced.json 'len(d) == 6 and
all("-portable-" in f["id"] and "(portable)" in f["detail"] for f in d)'
	if [ "$(nproc)" -lt 2 ]; then
		skip "two threads" "one processor"
	else
		quick_threads() {
			"$bench" case threads --quick --json threads.json >threads.txt 2>threads.err
		}
		check "two threads" quick_threads
		check "G2, two threads" holds threads.json '[f["id"] for f in d] == ["G2-threads-0", "G2-threads-1"] and
all(f["value"] > 0 and f["goal"] == 1.9 and 0 < f["kept"] <= f["total"] for f in d)'
	fi
	quick_writers() {
		"$bench" writers --quick --json writers.json >writers.txt 2>writers.err
	}
	check "writers" quick_writers
	check "their figures" holds writers.json '[f["id"] for f in d] == ["W1-harvest-1",
"W1-harvest-100", "W2-unmap-entries", "W2-map-entries", "W2-unmap-tables", "W2-map-tables",
"W3-unmap", "W3-map", "W4-ranges", "W4-pages"]'
	check "met is on the right side of the goal" holds writers.json 'all(not f["met"] or
(f["value"] >= f["goal"] if f["id"].startswith("W4") else f["value"] <= f["goal"]) for f in d)'
	quick_space() {
		"$bench" space --quick --json space.json >space.txt 2>space.err
	}
	check "spaces" quick_space
	check "their figures: the table, the shadow, consumers, the primary" holds space.json \
		'[f["id"] for f in d if f["id"][:2] in ("S1", "S4")] == [k + str(p)
for k in ("S1-table-", "S4-primary-") for p in (0, 1, 10, 100)] and [f["id"] for f in d
if f["id"][:2] == "S2"] == ["S2-" + k + "-" + n for k in ("shadow", "anywhere", "chains-2", "chains-8")
for n in ("all", "64")] and sum(f["id"][:3] == "S3-" for f in d) == 5'
	check "everything took some time, and blocks are counted" holds space.json \
		'all(f["value"] > 0 and 0 < f["kept"] <= f["total"] for f in d)'
	quick_batch() {
		"$bench" experiment batch --quick --json batch.json "$@" >batch.txt 2>batch.err
	}
	batch_drawings=()
	command -v gnuplot >/dev/null && batch_drawings=(--plots batch-drawings)
	check "a quick run of batch" quick_batch "${batch_drawings[@]}"
	check "each lock has each size and share of young pages, and no more kept than there were" \
		holds batch.json '{(p["pages"], p["young_percent"]) for p in d["alone"]} ==
{(n, y) for n in (1, 8, 64, 512, d["range_pages"]) for y in (0, 1, 10, 100)} and
len(d["alone"]) == 20 * len({p["lock"] for p in d["alone"]}) and
{"rcu", "rwlock-read", "rwlock-write"} <= {p["lock"] for p in d["alone"]} and
all(p["kept"] <= p["total"] and p["page"]["min"] <= p["page"]["median"] <= p["page"]["max"]
for p in d["alone"])'
	check "a lock is in each question: single pages cost the most" holds batch.json \
		'(lambda c: all(c[k, 1, y] > c[k, 64, y] > 0 for (k, n, y) in c))({(p["lock"], p["pages"],
p["young_percent"]): p["page"]["median"] for p in d["alone"] if p["young_percent"] < 100 and
p["pages"] in (1, 64)})'
	if [ "$(nproc)" -lt 2 ]; then
		skip "batch next to a writer" "one processor"
	else
		check "batch next to a writer" holds batch.json '{(p["pages"], p["young_percent"])
for p in d["next_to_writer"]} == {(n, y) for n in (1, 8, 64, 512, d["range_pages"]) for y in (1, 100)} and
all(p["total"] > 0 and p["kept"] <= p["total"] and p["few"] == (p["kept"] < 4000) for p in d["next_to_writer"])'
	fi
	check "batch says what it is not" grep -q 'nothing here measures an Arm core' batch.txt
	if [ ${#batch_drawings[@]} != 0 ]; then
		check "its pictures of batches, whole" test \
			"$(grep -l '^</svg>' batch-drawings/* | wc -l)" = \
			"$((3 - $(grep -c 'no picture' batch.err)))"
	fi
	if "$bench" list | grep -q "^  secondary .*(not in this build"; then
		skip "a quick run of secondary" "this build has no ptw-sim"
	else
		quick_secondary() {
			"$bench" experiment secondary --quick --traces "$traces" --json secondary.json "$@" \
				>secondary.txt 2>secondary.err
		}
		secondary_drawings=()
		command -v gnuplot >/dev/null && secondary_drawings=(--plots secondary-drawings)
		check "a quick run of secondary" quick_secondary "${secondary_drawings[@]}"
		# way EXPRESSION: true of the results by mode, look-around and TLB, which it knows as w; l: the load
		way() {
			holds secondary.json '(lambda l: (lambda w: '"$1"')({(x["secondary"], x["look_around"],
x["tlb"]): x["result"] for x in l["ways"]}))(d["loads"][0])'
		}
		check "each mode with each look-around that can be, each with three TLBs" way \
			'len(w) == 3 * (2 + 3 + 3 + 2) and len(d["loads"]) == 1'
		check "who is fast never waits and is never left out" way 'all(r["lock_waits"] == r["not_asked_pages"] ==
	r["unanswered"] == 0 for k, r in w.items() if k[0] == "fast")'
		check "asked in ageing, the skew is at most half of that at eviction only" way \
			'0 < w["fast", "both", "none"]["skew"] <= w["evict", "host", "none"]["skew"] / 2'
		check "with all references seen it is as with one page table" way \
			'l["fault_old"]["fast"]["misses"] == l["one_table_misses"] and
l["fault_old"]["fast"]["excess"] == 0 < w["never", "none", "none"]["excess"]'
		check "a TLB that is flushed is as good as none, one that is not is not" way \
			'all(w[m, k, "flushed"]["misses"] == w[m, k, "none"]["misses"] != w[m, k, "kept"]["misses"]
for m, k, t in w if t == "none")'
		check "locks change nothing but times" way 'all(w["always", k, "none"]["misses"] ==
w["fast", k, "none"]["misses"] for k in ("none", "host"))'
		check "what was used after its last look" way 'w["never", "none", "none"]["used_late"]["guest"] > 0 ==
w["evict", "none", "none"]["used_late"]["guest"] < l["isolated"]["evict"]["used_late"]["guest"]'
		if [ ${#secondary_drawings[@]} != 0 ]; then
			check "its pictures, whole" test "$(grep -l '^</svg>' secondary-drawings/* | wc -l)" = \
				"$((4 - $(grep -c 'no picture' secondary.err)))"
		fi
	fi
	# Where ptrace may be used on x86-64; -1 elsewhere.
	check "locked instructions are whole numbers" holds writers.json \
		'all(f["value"] in (-1, 1, 2) for f in d if f["id"].startswith("W3"))'
fi

if [ "$(nproc)" -lt 2 ]; then
	skip "a quick run" "one processor"
elif ! command -v python3 >/dev/null; then
	skip "a quick run" "no python3 to read its JSON"
else
	plots=()
	command -v gnuplot >/dev/null && plots=(--plots pictures)
	quick_run() {
		"$bench" experiment locks --quick --json quick.json "${plots[@]}" >quick.txt 2>quick.err
	}
	check "a quick run" quick_run
	check "it names its latencies" holds quick.json \
		'[p["lock"] for p in d["latency"][:3]] == ["alone", "elsewhere", "rcu"]'
	check "it says which kept too few operations to judge by" holds quick.json \
		'all(p["few"] == (p["kept"]["count"] < 4000) for p in d["latency"] + d["preempted"]) and
all(g["few"] == (g["kept"] < 100) and not (g["met"] and g["few"]) and g["bound"] == "at most" for g in d["goals"])'
	check "each lock has three lengths" holds quick.json '(len(d["latency"]) - 2) % 3 == 0 and
{p["entries"] for p in d["latency"][2:]} == {1 << 20, 4096, 512}'
	check "each latency has operations, and no more kept than there were" holds quick.json \
		'all(p["raw"]["count"] > 0 and p["kept"]["count"] <= p["raw"]["count"]
for p in d["latency"] + d["preempted"])'
	check "percentiles ascend" holds quick.json \
		'all(p["raw"]["p50"] <= p["raw"]["p90"] <= p["raw"]["p99"] for p in d["latency"])'
	check "tables were retired, and their number over time is there" holds quick.json \
		'all(b["retired"] > 0 and max(b["waiting_over_time"]) == b["most_waiting"]
for b in d["backlog"])'
	check "goals G6 and G7" holds quick.json '[g["id"] for g in d["goals"]] ==
["G6", "G7-grace-0", "G7-speed-0", "G7-grace-100", "G7-speed-100"]'
	check "the table says what it is not" grep -q 'nothing here measures an Arm core' quick.txt
	if [ ${#plots[@]} != 0 ]; then
		# On a busy machine there may be nothing to draw.
		drawn=$((4 - $(grep -c 'no picture' quick.err)))
		check "whole pictures and nothing else" \
			test "$(grep -l '^</svg>' pictures/* | wc -l) $(find pictures -type f | wc -l)" = \
			"$drawn $drawn"
	fi
	quick_goals() {
		"$bench" --goals --quick --json goals.json >goals.txt
	}
	check "goals are measured" quick_goals
	check "the writer's table agrees" said goals.json goals.txt
	check "with id, value, goal, met" holds goals.json \
		'all({"id", "value", "goal", "met", "kept", "total"} <= g.keys() for g in d)'
	check "all of them" holds goals.json '{g["id"].split("-")[0] for g in d} ==
{k + str(n) for k, last in (("G", 9), ("W", 4), ("S", 4)) for n in range(1, last + 1)} | {"Q6"}'
fi

tap_end
