# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Notes: one line each on standard error, and all is well. Part of run.sh.

noted() { # PATTERNS(one per line, or nothing) ARGUMENT...
	local patterns=$1 pattern count=0
	shift
	"$sim" "$@" > "$scratch/out" 2> "$scratch/err" || return 1
	while IFS= read -r pattern; do
		[ -z "$pattern" ] && continue
		count=$((count + 1))
		grep -q "^ptw-sim: note: .*$pattern" "$scratch/err" || same "$(cat "$scratch/err")" "$pattern" ||
			return 1
	done <<< "$patterns"
	same "$(wc -l < "$scratch/err")" "$count"
}

check "a trace without a tick is noted" noted "before its first tick, so every idle age.*65536.*--scan-interval 1" \
	"$scratch/hand.txt" -p lru
check "a trace shorter than the interval is noted" noted "2 ticks, less than .* 3, .*--scan-interval 1" \
	"$scratch/both.txt" --scan-interval 3 -p mglru
check "a trace as long as the interval is not" noted "" "$scratch/both.txt" --scan-interval 2 -p clock
check "nor is one where a policy has ages of its own" noted "" "$scratch/hand.txt" -p generations
for policy in lru clock opt; do
	check "options that $policy does not use are noted" noted $'--format .*'"$policy"$'\n--tlb .*'"$policy" \
		"$redis" -p "$policy" --format ept4 --tlb 64x8
done
check "a share without its % is noted" noted "25 is 25 pages of [0-9]*; a share is written 25%" "$redis" -p lru -m 25
check "a number of pages that are few anyway is not" noted "" "$scratch/hand.txt" -p generations -m 3
check "generations uses them" noted "" "$redis" --format ept4 --tlb 64x8
check "--tlb off is no surprise to lru" noted "" "$redis" --tlb off -p lru
