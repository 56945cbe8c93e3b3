#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Tests of examples/proc-age. Prints TAP.
#
#   tests/proc-age/run.sh PROC_AGE      proc-age-preload.so lies beside it
set -u
[ $# = 1 ] && [ -x "$1" ] || {
	echo "usage: tests/proc-age/run.sh PROC_AGE" >&2
	exit 2
}
. "$(dirname "$0")/../../scripts/lib/tap.sh"
program=$(realpath "$1")
cd "$(dirname "$0")" || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
# $1: description; the others: a command, whose output is shown only if it fails. It may leave in $scratch/skip why it could
# not run here.
try() {
	local what=$1 why
	shift
	rm -f "$scratch/skip"
	if "$@" >"$scratch/out" 2>&1; then
		check "$what" true
	elif why=$(cat "$scratch/skip" 2>/dev/null); then
		skip "$what" "$why"
	else
		sed 's/^/# /' "$scratch/out"
		check "$what" false
	fi
}

# $1: status wanted; a part of the message; the others: arguments.
refuses() {
	local wanted=$1 said=$2 status
	shift 2
	"$program" "$@" >"$scratch/said" 2>&1
	status=$?
	cat "$scratch/said"
	[ $status = "$wanted" ] && grep -q -e "$said" "$scratch/said"
}

child_of() {
	"$program" --writes --interval 0.4 --json "$scratch/writes.json" --metrics "$scratch/writes.prom" \
		"$scratch/child" 1024 100 5000 >"$scratch/table" 2>"$scratch/said"
	local status=$?
	cat "$scratch/table" "$scratch/said"
	if [ $status = 77 ]; then
		echo "this kernel cannot watch writes" >"$scratch/skip"
		return 1
	fi
	[ $status = 3 ] || {
		echo "status $status, 3 is the child's"
		return 1
	}
}

pages_of_child() {
	[ -e "$scratch/writes.json" ] || {
		echo "nothing was written" >"$scratch/skip"
		return 1
	}
	python3 check.py writes "$scratch/writes.json" 6124 &&
		python3 check.py metrics "$scratch/writes.prom" && grep -q '^idle scans' "$scratch/table"
}

# Unmapped and mapped at the same place, as allocators do.
mapped_again() {
	"$program" --writes --interval 0.4 --json "$scratch/again.json" "$scratch/child" 1000 again 1000 again 1000
	local status=$?
	[ $status = 77 ] && echo "this kernel cannot watch writes" >"$scratch/skip"
	[ $status = 3 ] && python3 check.py writes "$scratch/again.json" 3000
}

# Unmapped elsewhere, and given back in place.
given_back() {
	"$program" --writes --interval 0.4 --json "$scratch/back.json" "$scratch/child" 4000 drop 10 4000 move 10
	local status=$?
	[ $status = 77 ] && echo "this kernel cannot watch writes" >"$scratch/skip"
	[ $status = 3 ] && python3 check.py given-back "$scratch/back.json" 4000
}

# The report is not to wait for a child that goes on.
ends_before_child() {
	# shellcheck disable=SC2046
	timeout 60 "$program" --writes --scans 2 --interval 0.2 --json "$scratch/before.json" "$scratch/child" $(yes 9 | head -n 60)
	local status=$? child
	[ $status = 77 ] && echo "this kernel cannot watch writes" >"$scratch/skip"
	child=$(sed -n 's/^proc-age: process \([0-9]*\) goes on.*/\1/p' "$scratch/out")
	[ $status = 0 ] && [ -n "$child" ] && kill "$child" && python3 -m json.tool "$scratch/before.json" >/dev/null
}

# It has more than there are numbers for, all in all.
wandering_mappings() {
	"$scratch/child" wander &
	local child=$! status
	"$program" --interval 0.25 --scans 12 $child
	status=$?
	kill $child
	wait $child 2>/dev/null
	return $status
}

idle_mapping() {
	"$scratch/child" 8192 0 0 0 0 &
	local child=$!
	sleep 0.5
	"$program" --interval 0.4 --scans 6 --json "$scratch/reads.json" --metrics "$scratch/reads.prom" --mappings $child
	local status=$?
	kill $child
	wait $child 2>/dev/null
	[ $status = 0 ] && python3 check.py reads "$scratch/reads.json" 8192 &&
		python3 check.py metrics "$scratch/reads.prom"
}

process_that_ends() {
	"$scratch/child" 10 0 &
	"$program" --interval 0.3 --json - $! >"$scratch/ended.json" && python3 -m json.tool "$scratch/ended.json" >/dev/null
}

whole_files() {
	"$scratch/child" 10 0 0 0 &
	local child=$! status
	"$program" --interval 0.2 --json "$scratch/cut.json" $child >/dev/null &
	local own=$!
	sleep 0.7
	kill -INT $own
	wait $own
	status=$?
	kill $child
	[ $status = 0 ] && python3 -m json.tool "$scratch/cut.json" >/dev/null && ! compgen -G "$scratch/*.json.*" >/dev/null
}

# A process that sleeps uses nothing, and one that works is not said to. It shares no library: the kernel counts a file's
# pages as used by all when some process ends that used them.
zero_is_explained() {
	local child
	echo 'int pause(void); int main(void) { return pause(); }' | cc -static -x c -o "$scratch/sleeper" - || return 1
	"$scratch/sleeper" &
	child=$!
	# It may begin late.
	until grep -qs '(sleeper) S' /proc/$child/stat; do
		kill -0 $child || return 1
	done
	"$program" --scans 3 --interval 0.2 $child >/dev/null 2>"$scratch/said"
	kill $child
	wait $child 2>/dev/null
	cat "$scratch/said"
	grep -q 'process slept' "$scratch/said" && grep -q 'docs/all-zero.md' "$scratch/said" || return 1
	bash -c 'while :; do :; done' &
	child=$!
	"$program" --scans 3 --interval 0.5 $child >/dev/null 2>"$scratch/said"
	kill $child
	wait $child 2>/dev/null
	[ ! -s "$scratch/said" ]
}

spreadsheet() {
	"$scratch/child" 10 0 0 0 &
	local child=$!
	"$program" --scans 3 --interval 0.1 --csv - --json "$scratch/csv.json" $child >"$scratch/scans.csv"
	kill $child
	wait $child 2>/dev/null
	cat "$scratch/scans.csv"
	[ "$(head -n 1 "$scratch/scans.csv")" = scan,seconds,used_bytes,known_bytes,scan_us ] &&
		[ "$(wc -l <"$scratch/scans.csv")" = 4 ] &&
		[ "$(cut -d, -f4 "$scratch/scans.csv" | tail -n 1)" = "$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["scans"][-1]["known_bytes"])' "$scratch/csv.json")" ]
}

cc -O1 -o "$scratch/child" child.c || exit 2
try "a child that writes keeps its status" child_of
try "each page that it wrote is told once a turn" pages_of_child
try "what is mapped where something else was is watched, too" mapped_again
try "what the child gives back or unmaps is not known any more" given_back
try "a child may outlive the scans" ends_before_child
try "numbers of mappings that went are used again" wandering_mappings
try "a mapping that nobody uses grows old" idle_mapping
try "a process may end" process_that_ends
try "Ctrl-C leaves whole files" whole_files
try "all zero is explained, and nothing else is" zero_is_explained
try "scans as comma-separated values" spreadsheet
try "one file cannot be two" refuses 2 "are the same" --json x --csv x $$
try "an unknown option" refuses 2 "'--fast' is no option" --fast $$
try "an option without its value" refuses 2 "'--json' is no option, or lacks its value" --json
try "no argument" refuses 2 "see --help"
try "not a number" refuses 2 "no number of a process" 12x
try "no such process" refuses 2 "there is no process" 4194303
try "an interval of nothing" refuses 2 "interval '0'" --interval 0 1
for number in 0 0.5 1.5 -1 many 1000000; do
	try "$number scans" refuses 2 "scans '$number' is no whole number" --scans $number 1
done
try "no such command" refuses 2 "no-such-command" --writes ./no-such-command
try "a file that cannot be written" refuses 2 "/no/such" --scans 1 --interval 0.1 --metrics /no/such/file $$
# What a link leads to is replaced, not the link; a pipe is written to.
links_and_pipes() {
	touch "$scratch/aim.prom" && ln -s aim.prom "$scratch/link.prom" && mkfifo "$scratch/pipe" || return 1
	"$program" --scans 1 --interval 0.1 --metrics "$scratch/link.prom" $$ >"$scratch/out" 2>&1 || return 1
	[ -L "$scratch/link.prom" ] && [ "$(tail -n 1 "$scratch/aim.prom")" = '# EOF' ] || return 1
	tail -n 1 "$scratch/pipe" >"$scratch/piped" &
	timeout 120 "$program" --scans 1 --interval 0.1 --metrics "$scratch/pipe" $$ >"$scratch/out" 2>&1 || return 1
	wait $!
	[ -p "$scratch/pipe" ] && [ "$(cat "$scratch/piped")" = '# EOF' ]
}
try "links and pipes stay what they are" links_and_pipes
try "--help has an example" refuses 0 "proc-age --scans 60" --help
try "--help says what scans do not tell" refuses 0 "scan took" --help
tap_end
