#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# The manual pages that -Ddocs=true would install, of all three sections. Prints TAP.
#
# manual.sh BUILD_FOLDER   where ptw-sim and ptw-bench are built
builds=$(cd "${1:-/nonexistent}" 2>/dev/null && pwd) || {
	echo "usage: manual.sh BUILD_FOLDER" >&2
	exit 2
}
cd "$(dirname "$0")/../.." || exit 2
. scripts/lib/tap.sh
work=$(mktemp -d) || exit 2
trap 'rm -r "$work"' EXIT

# A page has a name and a purpose that apropos finds, and no mark-up that groff complains of. Narrow columns of tables it may
# complain of.
well_formed() {
	local page status=0

	for page in "$@"; do
		grep -qE '^ptw[a-z0-9_-]*(, ptw_[a-z0-9_]+)* \\- .|^libptw[a-z-]* \\- .' "$page" || {
			echo "${page##*/}: no line 'name \\- purpose'" >&2
			status=1
		}
		! groff -Tutf8 -Kutf8 -t -man -ww -rLL=80n -z "$page" 2>&1 |
			grep -vE "(can't break|cannot adjust) line|around line|^  (table|column) " >&2 || {
			echo "${page##*/}: groff complains" >&2
			status=1
		}
	done
	return "$status"
}

section1() {
	local verb

	docs/man/section1.sh test ptw-sim 'replay' "$builds/examples/sim/ptw-sim" >"$work/ptw-sim.1" &&
		docs/man/section1.sh test ptw-bench 'measure' "$builds/bench/ptw-bench" >"$work/ptw-bench.1" || return 1
	for verb in compare report curve make pack; do
		docs/man/section1.sh test "ptw-sim-$verb" "$verb" "$builds/examples/sim/ptw-sim" "$verb" \
			>"$work/ptw-sim-$verb.1" || return 1
	done
	well_formed "$work"/*.1
}

section3() {
	docs/man/section3.py "$PWD/docs/Doxyfile" "$PWD" test "$work/man3" >&2 && well_formed "$work"/man3/*.h.3
}

every_function() {
	local name status=0

	for name in $(grep -oP '^\t\Kptw_\w+' lib/libptw.map); do
		grep -qs '^\.so man3/ptw_.*\.h\.3$' "$work/man3/$name.3" || {
			echo "$name has no page" >&2
			status=1
		}
	done
	return "$status"
}

section7() {
	docs/man/section7.sh libptw test docs/overview.md >"$work/libptw.7" &&
		docs/man/section7.sh libptw-concurrency test docs/concurrency.md >"$work/libptw-concurrency.7" &&
		docs/man/section7.sh libptw-porting test docs/porting.md >"$work/libptw-porting.7" &&
		well_formed "$work"/*.7
}

check "section 1: the programs and their verbs" section1
check "section 3: a page for each header" section3
check "section 3: every exported function has its page" every_function
check "section 7: overview, concurrency, porting" section7
check "bash completes verbs, options and their values" tests/install/completion.sh "$builds"
tap_end
