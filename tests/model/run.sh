#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Checks the models of the protocols with Spin; prints TAP.
#
#   tests/model/run.sh                     everything: every state of each model, and each mutation
#   tests/model/run.sh unmap               one model
#   tests/model/run.sh trail unmap -DBREAK -DMUTATE_NO_RESTORE
#                                          the steps of a counterexample, in words of the model
#
# A correct model is searched twice: for assertions and deadlock, and (smaller where that takes
# long) for cycles without end: there is none, so every operation comes to its end. A mutation must
# be found. PTW_JOBS sets how many run at once (2).
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd) || exit 2
jobs=${PTW_JOBS:-2}

for tool in spin gcc; do
	command -v "$tool" >/dev/null || {
		echo "1..1"
		echo "not ok 1 - $tool is installed"
		echo "$0: there is no $tool: the models were not checked; install the Debian package $tool" >&2
		exit 1
	}
done
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT

# One line: kind (states, ends, mutation), model, options. The models say what each mutation is.
cases() {
	echo "states publish"
	echo "ends publish"
	mutations publish "" PLAIN_STORE PUBLISH_EARLY LOSER_LEAKS LOSER_STOPS LEAF_STORE FREE_WINNER

	echo "states unmap"
	echo "states unmap -DBREAK"
	echo "ends unmap -DTOUCHES=1"
	echo "ends unmap -DTOUCHES=1 -DBREAK"
	mutations unmap "" PLAIN_STORE FREE_EARLY RETIRE_EARLY NO_FLUSH IGNORE_FROZEN NO_RESTORE \
		CHILD_NOT_FROZEN
	mutations unmap -DBREAK PLAIN_STORE FREE_EARLY NO_FLUSH IGNORE_FROZEN NO_RESTORE \
		CHILD_NOT_FROZEN THAW_EARLY ABORT_NO_FLUSH

	echo "states collapse"
	echo "states collapse -DBREAK"
	echo "ends collapse -DTOUCHES=2"
	echo "ends collapse -DTOUCHES=2 -DBREAK"
	mutations collapse "" LATE_BITS_LOST COPY_BITS NO_HOLD PLAIN_STORE IGNORE_HELD FREE_EARLY \
		NO_FLUSH PARENT_STORE DROP_STORE EARLY_DROP
	mutations collapse -DBREAK LATE_BITS_LOST NO_HOLD PLAIN_STORE IGNORE_HELD FREE_EARLY \
		NO_FLUSH PARENT_STORE NO_BREAK

	echo "states reclaim"
	echo "states reclaim -DBREAK"
	echo "states reclaim -DREADER"
	echo "states reclaim -DREADER -DBREAK"
	echo "ends reclaim"
	echo "ends reclaim -DBREAK"
	mutations reclaim "" NO_RECHECK PLAIN_STORE IGNORE_FROZEN RETIRE_EARLY NO_FLUSH NO_RESTORE \
		RESTORE_PARENT_ONLY PARENT_NOT_OWNED COUNT_LATE
	mutations reclaim -DREADER FREE_EARLY NO_RECHECK
	mutations reclaim -DBREAK NO_RECHECK PLAIN_STORE IGNORE_FROZEN NO_FLUSH NO_RESTORE \
		PARENT_NOT_OWNED COUNT_LATE
}

# mutations MODEL OPTION NAME...
mutations() {
	local model=$1 option=$2 name
	shift 2

	for name; do
		# A name that has gone stale would be found missing: the model is correct then.
		echo "mutation $model $option -DMUTATE_$name"
	done
}

# search KIND MODEL OPTION...: runs Spin in the current folder; its answer is in ./answer
search() {
	local kind=$1 model=$2 build='-DSAFETY -O1' run=
	shift 2

	case $kind in
	ends) build='-DNP -O1' run=-l ;;
	mutation) build='-DSAFETY -O0' ;; # found soon: compiling takes longer
	esac
	# shellcheck disable=SC2086 # several options
	spin "$@" -a "$here/$model.pml" >answer 2>&1 || return 1
	[ -f pan.c ] && gcc -w $build -DNOFAIR -o pan pan.c >>answer 2>&1 &&
		./pan $run -m100000 -w23 >>answer 2>&1
}

# one NUMBER KIND MODEL OPTION...: writes $scratch/NUMBER/line
one() {
	local number=$1 kind=$2 model=$3 words states ok=
	shift

	mkdir "$scratch/$number" && cd "$scratch/$number" || return
	search "$@"
	shift 2
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' answer)
	case $kind in
	mutation)
		words="$model${*:+ $*} is found"
		grep -qE '^pan:1: (assertion violated|invalid end state)' answer && ok=1
		;;
	*)
		words="$model${*:+ $*}: $states states"
		[ "$kind" = ends ] && words+=", every operation ends"
		grep -q 'errors: 0$' answer && ! grep -qiE 'too small|out of memory|^pan:[0-9]' answer &&
			[ "${states%%.*}" != "" ] && ok=1
		;;
	esac
	if [ -n "$ok" ]; then
		echo "ok $number - $words" >line
	else
		echo "not ok $number - $words" >line
		sed 's/^/# /' answer | head -n 40 >>line
		[ "$kind" = mutation ] || echo "# see: $0 trail $model $*" >>line
	fi
	rm -f pan* ./*.trail
}

if [ "${1:-}" = trail ] && [ $# -ge 2 ]; then
	shift
	cd "$scratch" || exit 2
	search states "$@"
	model=$1
	shift
	trail=$(compgen -G '*.trail') || {
		cat answer
		echo "$model $*: no counterexample"
		exit 0
	}
	spin "$@" -p -g -k "$trail" "$here/$model.pml"
	exit 1
fi

mapfile -t all < <(cases | if [ $# -gt 0 ]; then grep -E "^[a-z]+ $1( |\$)"; else cat; fi)
[ ${#all[@]} -gt 0 ] || {
	echo "usage: $0 [MODEL | trail MODEL OPTION...]; there is no model ${1:-}," \
		"there are publish, unmap, collapse and reclaim" >&2
	exit 2
}
echo "1..${#all[@]}"
for ((number = 1; number <= ${#all[@]}; number++)); do
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	read -ra words <<<"${all[number - 1]}"
	one "$number" "${words[@]}" &
done
wait
failed=0
for ((number = 1; number <= ${#all[@]}; number++)); do
	cat "$scratch/$number/line" || echo "not ok $number - ${all[number - 1]}: did not run"
	grep -q '^ok' "$scratch/$number/line" || failed=$((failed + 1))
done
[ "$failed" = 0 ]
