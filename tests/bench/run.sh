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

check "an unknown experiment is refused by name" refused "no experiment 'lock'; give batch, locks, " \
	experiment lock
check "no experiment" refused "which experiment?" experiment
check "two experiments" refused "'locks' is too many" experiment locks locks
check "two different experiments" refused "'reclaim' is too many" experiment locks reclaim
check "an unknown option" refused "bad option '--plot-it'" experiment locks --plot-it
check "an option without its value" refused "option --json needs a FILE" experiment locks --json
check "an option without its value, of figures" refused "option --json needs a FILE" --json
check "an unknown measurement" refused "no measurement 'write'" write
check "a file that cannot be written" refused "cannot write 'no/where.json'" \
	experiment locks --json no/where.json
touch file
if command -v gnuplot >/dev/null; then
	check "plots into a file" refused "'file' is no directory" experiment locks --plots file
	check "plots into nowhere" refused "cannot put pictures into folder 'no/where'" experiment locks --plots no/where
else
	skip "plots into a file" "no gnuplot"
	skip "plots into nowhere" "no gnuplot"
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
check "help shows an example" grep -q 'ptw-bench experiment locks --json' \
	<("$bench" experiment --help)

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
all(p["total"] > 0 and p["kept"] <= p["total"] for p in d["next_to_writer"])'
	fi
	check "batch says what it is not" grep -q 'nothing here measures an Arm core' batch.txt
	if [ ${#batch_drawings[@]} != 0 ]; then
		check "its pictures of batches, whole" test \
			"$(grep -l '^</svg>' batch-drawings/* | wc -l)" = \
			"$((3 - $(grep -c 'no picture' batch.err)))"
	fi
	if ! "$bench" experiment --help | grep -q "^  secondary "; then
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
		check "a folder without traces" refused "no trace in folder '.'" experiment secondary --traces .
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
		"$bench" --goals --quick --json goals.json >/dev/null
	}
	check "goals are measured" quick_goals
	check "with id, value, goal, met" holds goals.json \
		'd[0]["id"] == "G6" and d[-1]["id"].startswith("S3-") and all({"id", "value", "goal", "met"} <= g.keys() for g in d)'
fi

tap_end
