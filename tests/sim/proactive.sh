# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Sourced by run.sh: proactive reclaim, and goals Q4 and Q5 of the generation engine.

# A working set that moves, and comes back to what it left: 266 ticks.
perl -e 'my $seed = 7;
	for my $n (1 .. 16000) {
		$seed = ($seed * 1103515245 + 12345) % 2147483648;
		my $u = $seed / 2147483648;
		my $base = 300 * (int($n / 2000) % 4);
		print pack("V", $base + int(300 * $u ** 2));
		print pack("V", 0xffffffff) if $n % 60 == 0;
	}' > "$scratch/moving.u32"
"$sim" make scan --pages 2000 --length 24000 --output "$scratch/scans.u32.zst"

proactive_adds_up() { # TARGET
	same "$(python3 "$here/proactive.py" "$sim" "$scratch/moving.u32" "$1" 2>&1 | head -n 5)" ""
}
if command -v python3 > /dev/null; then
	for target in 5 30 100; do
		check "proactive reclaim at $target % and its oracle add up" proactive_adds_up $target
	done
else
	skip "proactive reclaim and its oracle add up" "python3 is not installed"
fi

proactive_hash() { # FORMAT
	"$sim" run "$scratch/moving.u32" --promotion-target 30% --format "$1" --json - | value eviction_hash
}
proactive_alike() {
	local one
	one=$(proactive_hash ept4)
	same "${#one}" 16 && same "$(proactive_hash arm64-s2-64k)" "$one" && same "$(proactive_hash perverse)" "$one"
}
check "proactive reclaim decides alike on every format" proactive_alike

proactive_holds() { # a half: at least 19 windows of redis hold it, and most of what idle ages can save is
	"$sim" run "$redis" --promotion-target 50% --json - > "$scratch/out" || return 1
	awk -v held="$(value held_percent < "$scratch/out")" -v saved="$(value savings_percent < "$scratch/out")" \
		'BEGIN { exit !(held >= 95 && saved >= 65) }'
}
check "redis: a target of 50 % is held, with 65 % of the oracle's savings" proactive_holds

goals_of_generations() {
	"$sim" compare "$scratch/scans.u32.zst" -p generations --goals > "$scratch/out" &&
		same "$(grep -c '^Q[12345][a-z-]* ' "$scratch/out")" 10 &&
		same "$(grep -c '^Q[45]-[a-z-]* .* at \(most\|least\) .* \(NOT MET\|met\)$' "$scratch/out")" 5 &&
		same "$(awk 'length > 100' "$scratch/out")" ""
}
check "--goals prints ten figures for generations, in 100 columns" goals_of_generations

extra_value() { # GOAL
	sed -n "/\"$1\"/,/}/s/.*\"value\": \([-0-9.]*\).*/\1/p" "$scratch/goals"
}
goals_say_what_runs_say() {
	local run skew memory
	"$sim" compare "$scratch/scans.u32.zst" -p generations --goals --promotion-target 40% --json - \
		> "$scratch/goals" || return 1
	"$sim" run "$scratch/scans.u32.zst" --promotion-target 40% --json - > "$scratch/out" || return 1
	same "$(extra_value Q5-held-generations)" "$(value held_percent < "$scratch/out")" || return 1
	run=$(value savings_percent < "$scratch/out")
	same "$(extra_value Q5-savings-generations | cut -c1-9)" "${run:0:9}" || return 1
	skew=$(for memory in 10% 25% 50% 75%; do
		"$sim" run "$scratch/scans.u32.zst" --guest "$scratch/scans.u32.zst" --policy generations \
			--memory $memory --json - | value skew
	done | awk '{ sum += $1 } END { printf "%.6f", sum / NR }')
	same "$(printf '%.6f' "$(extra_value Q4-generations)")" "$skew" &&
		same "$(extra_value Q4-waits-generations)" 0.0
}
check "goals Q4 and Q5 say what single runs say" goals_say_what_runs_say

too_short() {
	head -c 2000 "$scratch/moving.u32" > "$scratch/brief.u32"
	"$sim" compare "$scratch/brief.u32" -p generations --goals --json - > "$scratch/goals" &&
		same "$(extra_value Q5-held-generations)$(extra_value Q5-picks-generations)" "" &&
		same "$(sed -n '/"Q5-held/,/}/p' "$scratch/goals" | grep -c '"met": false')" 1
}
check "of a trace too short for Q5 it is not met" too_short

skew_of() { # MODE
	"$sim" run "$scratch/scans.u32.zst" --guest "$scratch/scans.u32.zst" --policy generations --memory 25% \
		--secondary "$1" --json - | value skew
}
asked_in_ageing() {
	awk -v fast="$(skew_of fast)" -v evict="$(skew_of evict)" -v never="$(skew_of never)" \
		'BEGIN { exit !(fast < 2 && evict > 5 && never > evict) }'
}
check "generations: skew falls where the guest's MMU is asked in ageing" asked_in_ageing

for target in 0% 101% 25 x ''; do
	check "--promotion-target '$target' is refused" refused "bad --promotion-target" run "$redis" \
		"--promotion-target=$target"
	check "compare --promotion-target '$target' is refused" refused "bad --promotion-target" compare "$redis" \
		-p generations --goals "--promotion-target=$target"
done
check "compare --promotion-target without --goals is refused" refused "add --goals" compare "$redis" \
	--promotion-target 25%
check "--promotion-target with --memory is refused" refused "leave --memory out" run "$redis" --promotion-target 25% -m 10%
check "--promotion-target with --policy lru is refused" refused "leave --policy out" run "$redis" \
	--promotion-target 25% -p lru
check "--promotion-target with --guest is refused" refused "about one trace" run "$redis" --promotion-target 25% \
	--guest "$redis"
check "--promotion-target with --tlb is refused" refused "knows no --tlb" run "$redis" --promotion-target 25% --tlb 64x8
check "--promotion-target with --report is refused" refused "leave --report out" run "$redis" --promotion-target 25% \
	--report x.html
check "--promotion-target on a trace too short is refused" refused "takes 200 steps" run "$scratch/brief.u32" \
	--promotion-target 25%
check "--shared with --policy generations is refused" refused "goes with --policy mglru only" run "$redis" --guest "$redis" \
	--shared 25% -p generations
