# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash
# Tests of programs from outside, as TAP. Sourced, before any cd: . "$(dirname "$0")/../../scripts/lib/tap.sh"
#
#   check TEXT COMMAND...   one line for whether the command succeeds
#   quiet COMMAND...        the command, for check; the end of its output is shown only if it fails
#   skip TEXT WHY           one line for a test that cannot run here
#   tap_end                 the plan, at the end; its status is that of the whole

tap_number=0
tap_failed=0

check() {
	local text=$1
	shift
	tap_number=$((tap_number + 1))
	if "$@"; then
		echo "ok $tap_number - $text"
	else
		echo "not ok $tap_number - $text"
		tap_failed=$((tap_failed + 1))
	fi
}

quiet() {
	local said
	said=$("$@" 2>&1) && return
	tail -n 30 <<<"$said" | sed 's/^/# /'
	return 1
}

skip() {
	tap_number=$((tap_number + 1))
	echo "ok $tap_number - $1 # SKIP $2"
}

tap_end() {
	echo "1..$tap_number"
	[ "$tap_failed" = 0 ]
}
