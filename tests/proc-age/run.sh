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
program=$(realpath "$1")
cd "$(dirname "$0")" || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
count=0 failures=0

# $1: description; the others: a command.
tap() {
	count=$((count + 1))
	if "${@:2}" >"$scratch/out" 2>&1; then
		echo "ok $count - $1"
	elif [ -s "$scratch/skip" ]; then
		echo "ok $count - $1 # SKIP $(cat "$scratch/skip")"
	else
		echo "not ok $count - $1"
		sed 's/^/# /' "$scratch/out"
		failures=1
	fi
	rm -f "$scratch/skip"
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
	"$scratch/child" 10 &
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

cc -O1 -o "$scratch/child" child.c || exit 2
tap "a child that writes keeps its status" child_of
tap "each page that it wrote is told once a turn" pages_of_child
tap "what is mapped where something else was is watched, too" mapped_again
tap "a mapping that nobody uses grows old" idle_mapping
tap "a process may end" process_that_ends
tap "Ctrl-C leaves whole files" whole_files
tap "no argument" refuses 2 "see --help"
tap "not a number" refuses 2 "no number of a process" 12x
tap "no such process" refuses 2 "there is no process" 4194303
tap "an interval of nothing" refuses 2 "interval '0'" --interval 0 1
tap "no such command" refuses 2 "no-such-command" --writes ./no-such-command
tap "a file that cannot be written" refuses 2 "/no/such" --scans 1 --interval 0.1 --metrics /no/such/file $$
tap "--help has an example" refuses 0 "proc-age --scans 60" --help
echo "1..$count"
exit $failures
