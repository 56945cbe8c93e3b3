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

	mmu_cases
}

# Spaces and reverse maps.
mmu_cases() {
	echo "states rmap_single"
	echo "states rmap_single -DMOVES=4"
	echo "states rmap_single -DUNMAP -DMOVES=4"
	echo "states rmap_single -DDIRTY -DMOVES=4"
	echo "ends rmap_single -DUNMAP"
	echo "ends rmap_single -DDIRTY"
	mutations rmap_single "" NO_REREAD STORE AND FREE_EARLY ADD_FIRST MAP_FIRST NO_ZAP \
		SPLIT_ZAP
	mutations rmap_single -DUNMAP NO_HOLD HOLD_BLIND IGNORE_HELD
	mutations rmap_single -DDIRTY HOLD_BLIND IGNORE_HELD
	mutations rmap_single "-DDIRTY -DMOVES=3" NO_HOLD
	echo "mutation rmap_single -DSTRICT -DMOVES=3" # what a reader without a hold may get wrong

	echo "states rmap_chain -DSTART=1"
	echo "states rmap_chain -DSTART=2"
	echo "states rmap_chain -DSTART=4"
	echo "states rmap_chain -DSTART=4 -DADD"
	echo "states rmap_chain -DSTART=1 -DUNMAP"
	echo "states rmap_chain -DSTART=2 -DUNMAP"
	echo "states rmap_chain -DSTART=4 -DUNMAP"
	echo "states rmap_chain -DSTART=4 -DFREE_HELD"
	echo "ends rmap_chain -DSTART=4"
	echo "ends rmap_chain -DSTART=2 -DUNMAP"
	mutations rmap_chain -DSTART=2 NO_BIT FREE_FIRST FREE_NEVER NO_CHAIN_BIT STALE_WORD NO_RECHECK \
		HOLD_STORE NO_RELEASE CONVERT_STORE KEEP_ONE
	mutations rmap_chain "-DSTART=2 -DUNMAP" IGNORE_HELD

	echo "states gate"
	echo "states gate -DGATES=2"
	echo "states gate -DEND_ONLY -DGATES=2"
	echo "states gate -DTICKET_REFUSED -DGATES=2"
	echo "ends gate"
	mutations gate "" BEGIN_ONLY NO_SEQUENCE NO_ACTIVE NO_WAIT TICKET_LATE LOOK_THEN_ENTER \
		ACTIVE_FLAG CHANGE_EARLY
	mutations gate -DGATES=2 FIRST_GATE

	echo "states space"
	echo "states space -DTWICE"
	echo "ends space"
	mutations space "" REF_LATE NO_GRACE RELEASE_AT_UNREGISTER CHANGER_NO_REF MMUS_LATE PUT_SPLIT \
		PLAIN_STORE LOSER_LEAKS

	echo "states consumers"
	echo "states consumers -DALONE"
	echo "states consumers -DLEAVE"
	echo "ends consumers"
	echo "ends consumers -DALONE"
	mutations consumers "" LOOK_EARLY JOIN_NO_WAIT LIST_EARLY OR_STORE TAKE_STORE
	mutations consumers -DALONE JOIN_NO_WAIT NO_BLIND BLIND_LATE ANNOUNCE_LATE
	mutations consumers -DLEAVE LEAVE_EARLY LIST_EARLY
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
		"there are publish, unmap, collapse, reclaim, rmap_single, rmap_chain, gate, space" \
		"and consumers" >&2
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
