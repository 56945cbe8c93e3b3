# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Sourced by run.sh: ptw-sim curve, the learned curve against the exact one.

"$sim" make loop --pages 2000 --length 60000 --output "$scratch/loop.u32.zst"
"$sim" make zipf --pages 8000 --length 500000 --output "$scratch/zipf.u32.zst"

# curve_point PERCENT WHAT: exact or learned misses, of the JSON on standard input
curve_point() {
	tr -d ' \n' | sed "s/.*{\"percent\":$1,[^}]*\"$2\":\([0-9]*\).*/\1/"
}

exact_is_lru() { # MEMORY: another way to the same number
	same "$("$sim" curve "$scratch/zipf.u32.zst" --rate 6 --json - | curve_point "${1%\%}" exact)" \
		"$("$sim" run "$scratch/zipf.u32.zst" --policy lru --memory "$1" --json - 2> /dev/null | value faults)"
}
for memory in 10% 25% 50% 90% 100%; do
	check "the exact curve has the misses of lru at $memory" exact_is_lru $memory
done

area_below() { # LIMIT TRACE ARGUMENT...: in percent
	local limit=$1 area
	shift
	area=$("$sim" curve "$@" --json - | value area)
	perl -e 'exit !(length $ARGV[0] && 100 * $ARGV[0] < $ARGV[1])' "$area" "$limit" || same "$area" "below $limit %"
}
for memory in 10% 25% 100%; do
	check "zipf: the learned curve is within 1 % at $memory" area_below 1 "$scratch/zipf.u32.zst" --memory $memory
	check "zipf: with one of 4 pages within 5 % at $memory" area_below 5 "$scratch/zipf.u32.zst" --memory $memory \
		--rate 2
	check "loop: the learned curve is within 2 % at $memory" area_below 2 "$scratch/loop.u32.zst" --memory $memory
done
check "redis: the learned curve is within 2 %" area_below 2 "$redis" --memory 25%

# What the curve says of a loop: all miss until all fit.
loop_cliff() {
	local json
	json=$("$sim" curve "$scratch/loop.u32.zst" --memory 25% --json -)
	same "$(curve_point 90 learned <<< "$json")" 60000 && same "$(curve_point 90 exact <<< "$json")" 60000 &&
		same "$(curve_point 100 exact <<< "$json")" 2000
}
check "a loop misses always in 90 % of its pages" loop_cliff

area_by_hand() {
	printf '%s\n' 'R 1000' 'R 2000' 'R 1000' 'R 2000' > "$scratch/two.txt"
	# One of the two pages is sampled. Its reuse lies between no and two pages, in the middle of which a size of one is: of
	# the 4 misses with one page 3 are learned, with two pages all 2.
	same "$(printf '%.9f' "$("$sim" curve "$scratch/two.txt" --rate 1 --json - | value area)")" 0.166666667
}
check "the area of two pages" area_by_hand

curve_files() {
	local json
	json=$("$sim" curve "$scratch/zipf.u32.zst" --json r.json --plot p.html | sed -n 's/^area *\([0-9.]*\) %.*/\1/p')
	same "$(ls -A "$box" | tr '\n' ' ')" "p.html r.json " &&
		same "$json" "$(perl -e 'printf "%.2f", 100 * $ARGV[0]' "$(value area < r.json)")" &&
		same "$(grep -c '<polyline\|<path' p.html | sed 's/[1-9][0-9]*/some/')" some
	json=$?
	rm -f p.html r.json
	return $json
}
check "curve writes what it prints, and a picture" curve_files
check "curve without a trace is refused" refused "no trace named" curve
check "curve of two traces is refused" refused "one trace too many" curve a b
check "curve --memory=0 is refused" refused "bad --memory" curve "$redis" --memory=0
check "curve --rate=25 is refused" refused "bad --rate" curve "$redis" --rate=25
check "curve --run=7 is refused" refused "bad --run" curve "$redis" --run=7
check "curve --finer=0 is refused" refused "bad --finer" curve "$redis" --finer=0
check "curve onto its trace is refused" refused "would replace the trace" curve "$scratch/two.txt" \
	--json "$scratch/two.txt"
