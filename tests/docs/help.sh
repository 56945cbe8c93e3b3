#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# What every program and script for users tells by --help, and how it takes an option that it does not know. Prints TAP.
#
# help.sh BUILD_FOLDER   where the programs are built
builds=$(realpath -e -- "${1:-/nonexistent}" 2>/dev/null) || {
	echo "usage: help.sh BUILD_FOLDER" >&2
	exit 2
}
cd "$(dirname "$0")/../.." || exit 2
. scripts/lib/tap.sh
work=$(mktemp -d) || exit 2
trap 'rm -r "$work"' EXIT

# Only such as have been read: a script that takes no options might begin to work.
programs=("$builds"/examples/{sim/ptw-sim,proc-age/proc-age,kvm-age/kvm-age} "$builds"/bench/ptw-bench
	scripts/{abi,demo,export-kernel,fuzz,record-guest,record-judging,record-trace,stress,test}
	examples/qemu-plugin/demo)
[ ! -x "$builds/examples/vmm-min/vmm-min" ] || programs+=("$builds/examples/vmm-min/vmm-min")

helps() { # PROGRAM
	local status word missing=0

	"$1" --help >"$work/out" 2>"$work/err" </dev/null
	status=$?
	[ $status = 0 ] && [ ! -s "$work/err" ] || {
		echo "status $status, on standard error: $(cat "$work/err")" >&2
		return 1
	}
	for word in '[Ee]xamples\?\b' '[Ee]xit status'; do
		grep -q -e "$word" "$work/out" || {
			echo "nothing in it of: $word" >&2
			missing=1
		}
	done
	# One line that says what it is, among the first: not only how it is called.
	head -n 8 "$work/out" | grep -qE '^[A-Z][a-z]+ .{20,}' || {
		echo "no line that says what it does: $(head -n 3 "$work/out")" >&2
		missing=1
	}
	return $missing
}

refuses() { # PROGRAM
	local status

	"$1" --no-such-option >"$work/out" 2>"$work/err" </dev/null
	status=$?
	[ "$status $(wc -l <"$work/err") $(wc -c <"$work/out")" = "2 1 0" ] && grep -q -e "^$(basename "$1"):" "$work/err" || {
		echo "status $status:" >&2
		cat "$work/err" "$work/out" >&2
		return 1
	}
}

for program in "${programs[@]}"; do
	check "${program##*/} --help: what it is, an example, exit statuses" helps "$program"
	check "${program##*/}: an unknown option is one line and status 2" refuses "$program"
done
tap_end
