#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Traces of concurrent writers on arm64 stage-2 page tables, checked for break-before-make: by check.py,
# and by Casemate where it is installed. Also that each of them can fail. Prints TAP.
#
#   run.sh TRACE_RUN [FOLDER]    example: run.sh build/trace/tests/trace/trace_run /tmp/traces
#
# TRACE_RUN is built with -Dtrace=casemate. Traces stay in FOLDER, if one is given. PTW_SEED: the seed.
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -x "${1:-}" ]; then
	echo "run.sh: '${1:-}' is no program; build with meson setup -Dtrace=casemate and name" \
		"tests/trace/trace_run" >&2
	exit 2
fi
run=$1
if [ -n "${2:-}" ]; then
	folder=$2
	mkdir -p "$folder" || exit 2
else
	folder=$(mktemp -d) || exit 2
	trap 'rm -rf "$folder"' EXIT
fi
seed=${PTW_SEED:-1}
number=0

# $1: what, $2: the exit status wanted; the rest: a command.
expect() {
	local what=$1 wanted=$2 output status
	shift 2
	output=$("$@" 2>&1)
	status=$?
	number=$((number + 1))
	printf '%s\n' "$output" | tail -n 4 | sed 's/^/# /'
	if [ "$status" = "$wanted" ]; then
		echo "ok $number - $what"
	else
		echo "not ok $number - $what: status $status, not $wanted"
		failed=1
	fi
}

skip() {
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

# $1: name, then the arguments of trace_run.
record() {
	PTW_TRACE_FILE=$folder/$1.trace "$run" "${@:2}"
}

# $1: a checker, $2: a trace. Its status, if it also says what was not done; a crash does not count.
finds() {
	local output status

	output=$("$@" 2>&1)
	status=$?
	printf '%s\n' "$output"
	[[ $output == *'was not '* || $output == *'! BBM'* ]] || return 3
	return "$status"
}

# Casemate takes four threads, 4-KiB granules, and no locks where there are none (-R).
casemate() {
	casemate-check -T -R -q "$1"
}

failed=0
for preset in arm64-s2-4k arm64-s2-4k-contig arm64-s2-4k-swaf arm64-s2-16k-contig; do
	expect "record $preset" 0 record "$preset" all "$seed" 100 "$preset"
	expect "$preset breaks before it makes" 0 "$here/check.py" "$folder/$preset.trace"
done
expect 'record FEAT_BBM level 2' 0 record bbm2 all "$seed" 100 arm64-s2-4k-contig 2
expect 'what must still break with FEAT_BBM level 2 does' 0 "$here/check.py" --bbm-level 2 \
	"$folder/bbm2.trace"
expect 'check.py finds: sizes changed without a break' 1 finds "$here/check.py" "$folder/bbm2.trace"
expect 'record writers apart' 0 record apart apart "$seed" 200
expect 'writers apart break before they make' 0 "$here/check.py" "$folder/apart.trace"

# Planted: the flush forgotten; the break forgotten; another address flushed; half a file.
grep -v '^(tlbi' "$folder/apart.trace" >"$folder/no-flush.trace"
grep -v '(value 0x4000000000000000)' "$folder/apart.trace" >"$folder/no-break.trace"
sed 's/ipas2e1is (value 0x[0-9a-f]*)/ipas2e1is (value 0xfffff)/' "$folder/apart.trace" \
	>"$folder/wrong-address.trace"
head -c 5000 "$folder/apart.trace" >"$folder/cut.trace"
for plant in no-flush no-break wrong-address; do
	expect "check.py finds: $plant" 1 finds "$here/check.py" "$folder/$plant.trace"
done
expect 'check.py refuses what is no trace' 2 "$here/check.py" "$folder/cut.trace"

if command -v casemate-check >/dev/null; then
	expect 'Casemate accepts writers apart' 0 casemate "$folder/apart.trace"
	for plant in no-flush no-break wrong-address; do
		expect "Casemate finds: $plant" 1 finds casemate "$folder/$plant.trace"
	done
else
	skip 'Casemate accepts writers apart' 'casemate-check is not installed'
fi
echo "1..$number"
exit "$failed"
