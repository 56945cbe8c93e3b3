# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Sourced by run.sh: ptw-sim compare, against single runs and against its own rules.

# Two traces: one with points where mglru is better than lru, and one whose worst point has more than 10 000
# misses only because of its first touches; compare.py makes sure of that. And a small one.
"$sim" make adversarial --pages 3000 --length 120000 --output "$scratch/long.u32.zst"
"$sim" make scan --pages 3000 --length 36000 --output "$scratch/scan.u32.zst"
perl -e 'my $seed = 9;
	for my $n (1 .. 16000) {
		$seed = ($seed * 1103515245 + 12345) % 2147483648;
		print pack("V", int(1500 * ($seed / 2147483648) ** 2));
		print pack("V", 0xffffffff) if $n % 60 == 0;
	}' > "$scratch/short.u32"
pair=("$scratch/long.u32.zst" "$scratch/scan.u32.zst")

compare_adds_up() {
	python3 "$here/compare.py" "$sim" "${pair[@]}" > "$scratch/out" 2> "$scratch/err"
	same "$(cat "$scratch/out" "$scratch/err")" "compared 48 replays"
}

html_is_whole() { # FILE PICTURES
	same "$(python3 "$here/page.py" "$1" "$2" 2>&1 | head -n 5)" ""
}

compare_page() {
	cp "$scratch/short.u32" "$scratch/a<b>&\"c.u32"
	"$sim" compare "${pair[@]}" "$scratch/a<b>&\"c.u32" --goals --html page.html > "$scratch/out" || return 1
	html_is_whole page.html 6 && same "$(ls -A "$box")" page.html || return 1
	# Each replay is a bar: policies x sizes x traces.
	same "$(grep -c '<rect x=' page.html)" $(($("$sim" --help | sed -n '/^Policies:/,/^$/p' |
		grep -c '^  [a-z]') * 4 * 3))
}

if command -v python3 > /dev/null; then
	check "compare says what single runs say, and sums it up as its description does" compare_adds_up
	check "--html is one whole page, whatever names are in it" compare_page
	rm -f "$box/page.html"
else
	skip "compare says what single runs say" "python3 is not installed"
	skip "--html is one whole page" "python3 is not installed"
fi

same_with_jobs() { # N
	same "$("$sim" compare "${pair[@]}" -p gen,s3fifo --jobs "$1" --json - | md5sum)" "$compare_one"
}
compare_one=$("$sim" compare "${pair[@]}" -p gen,s3fifo --jobs 1 --json - | md5sum)
for jobs in 2 3 16; do
	check "compare with $jobs replays at once finds what one after the other finds" same_with_jobs $jobs
done

compare_redis() { # what is known of redis: misses of LRU and of the optimum
	local out
	out=$("$sim" compare "$redis" -p lru)
	same "$(awk '$1 == "lru" && NF == 13 { print $2, $5, $8, $11 }' <<< "$out")" \
		"669570 183364 75575 36573" &&
		same "$(awk '$1 == "opt" && NF == 13 { print $2, $5, $8, $11 }' <<< "$out")" \
			"300937 93556 39708 20260" &&
		same "$(awk '$1 == "opt" && NF == 13 { print $3, $4 }' <<< "$out")" "-55.1 100"
}
check "compare prints the known misses of redis" compare_redis

compare_fits() {
	"$sim" compare "${pair[@]}" --goals --memory 10% 2> /dev/null && return 1
	"$sim" compare "${pair[@]}" --memory 10%,25%,1234,75%,90%,100% > "$scratch/out" 2> "$scratch/err" &&
		same "$(wc -c < "$scratch/err")" 0 || return 1
	same "$(awk 'length > 100' "$scratch/out")" "" &&
		grep -q ' 1234 .* 75%' "$scratch/out" && grep -q ' 90% .*100%' "$scratch/out"
}
check "tables of compare fit in 100 columns, with six sizes, too" compare_fits

without_low() { # what is of 10 and 25 % is not there where one of them is not
	"$sim" compare "$scratch/short.u32" -p gen -m 10%,50% --json - > "$scratch/out" &&
		same "$(grep -c '"\(against_lru_10_25\|gap_closed_10_25\|batch_per_miss\|single_per_miss\)": null' \
			"$scratch/out")" 12
}
check "no figure of 10 and 25 % without both of them" without_low

goals_printed() {
	"$sim" compare "${pair[@]}" -p gen --goals > "$scratch/out" &&
		same "$(grep -c '^Q[123]-[a-z-]* .* at most .* \(NOT MET\|met\)$' "$scratch/out")" 5 &&
		same "$(grep -c '^mglru' "$scratch/out") $(awk 'length > 100' "$scratch/out")" "3 "
}
check "--goals prints Q1 to Q3 for a policy, and mglru has been run" goals_printed

vacuous_goal() { # no large point in the short trace
	head -c 32000 "$scratch/short.u32" > "$scratch/shorter.u32"
	"$sim" compare "$scratch/shorter.u32" -p gen --goals --json - > "$scratch/out" &&
		same "$(sed -n '/"Q2-generations"/,/}/p' "$scratch/out" | grep -c ': null')" 7
}
check "a goal without a point that it is about is neither met nor not met" vacuous_goal

for bad in "compare" "compare --policy gen"; do
	# shellcheck disable=SC2086
	check "$bad without a trace is refused" refused "no trace named" $bad
done
check "compare with a missing trace is refused, before anything is written" refused "cannot open '.*none'" \
	compare "$scratch/short.u32" "$scratch/none" --json result.json --html page.html
head -c 1000000 "$redis" > "$scratch/cut.zst"
check "compare with a trace cut short is refused" refused "cut short" compare "$scratch/cut.zst" "$redis" --json r.json
check "compare with an unknown policy is refused" refused "no 'fifo'; ptw-sim --help" compare "$redis" -p gen,fifo,lru
for list in '' ',' 'gen,' ',gen' 'gen,,lru'; do
	check "compare --policy '$list' is refused" refused "bad --policy" compare "$redis" "--policy=$list"
done
for list in '' '10%,25%,10.0%' '0%' '10%,101%' '10%,' 1e3 '1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17'; do
	check "compare --memory '$list' is refused" refused "bad --memory" compare "$redis" "--memory=$list"
done
for jobs in 0 -1 1025 x; do
	check "compare --jobs=$jobs is refused" refused "bad --jobs" compare "$redis" "--jobs=$jobs"
done
check "compare --goals with --memory is refused" refused "leave --memory out" compare "$redis" --goals -m 10%
check "compare --goals of references alone is refused" refused "not about references" compare "$redis" --goals -p lru,arc
check "compare of standard input twice is refused" refused "only one trace" compare - -
check "compare onto one of its traces is refused" refused "would replace the trace" \
	compare "$redis" "$scratch/short.u32" --html "$scratch/./short.u32"
check "compare into a missing folder is refused" refused "cannot write 'no/x.html'" compare "$redis" --html no/x.html
check "compare into one file twice is refused" refused "are the same" compare "$redis" --html x --json x

compare_stdin() {
	same "$("$sim" compare - -p gen --json - < "$scratch/long.u32.zst" | grep -v '"\(name\|path\|trace\)"' | md5sum)" \
		"$("$sim" compare "$scratch/long.u32.zst" -p gen --json - | grep -v '"\(name\|path\|trace\)"' | md5sum)"
}
check "compare reads standard input" compare_stdin

# A process that is killed in the middle: one line, too, and it says which replay that was.
compare_killed() {
	local pid child status
	"$sim" compare "$traces"/*.zst -p gen --jobs 1 --json r.json > /dev/null 2> "$scratch/err" &
	pid=$!
	until child=$(pgrep -P $pid); do
		kill -0 $pid 2> /dev/null || return 1
	done
	kill -KILL "$child"
	wait $pid
	status=$?
	same "$status $(wc -l < "$scratch/err") $(ls -A "$box")" "2 1 " &&
		grep -q "^ptw-sim: .* on '.*zst' at 10%: the process .* ended early" "$scratch/err"
}
if command -v pgrep > /dev/null; then
	check "a replay whose process is killed is told" compare_killed
else
	skip "a replay whose process is killed is told" "pgrep is not installed"
fi

# A replay that fails: pages up to 2^28 take more memory than this process may have.
compare_fails() {
	perl -e 'print pack("V*", 0, (1 << 28) - 1)' > "$scratch/far.u32"
	(
		ulimit -v 600000
		refused "on '.*far.u32' at 10%: not enough memory" compare "$scratch/far.u32" -p lru --memory 10% --json r.json
	)
}
if (ulimit -v 600000 && "$sim" compare "$scratch/short.u32" -p lru > /dev/null 2>&1); then
	check "a replay that fails is told in one line" compare_fails
else
	skip "a replay that fails is told in one line" "this program needs more memory to start"
fi

# Jobs of others, merged.
merged_is_whole() { # what makes a JSON of each trace
	rm -rf "$scratch/parts" && mkdir "$scratch/parts" && "$@" || return 1
	"$sim" compare "${pair[@]}" -p gen,s3fifo --json "$scratch/whole.json" > "$scratch/whole.txt" &&
		"$sim" merge "$scratch/parts/long.json" "$scratch/parts/scan.json" --json "$scratch/merged.json" \
			> "$scratch/merged.txt" &&
		cmp "$scratch/whole.json" "$scratch/merged.json" && cmp "$scratch/whole.txt" "$scratch/merged.txt"
}
parts_in_turn() {
	for name in long scan; do
		"$sim" compare "$scratch/$name.u32.zst" -p gen,s3fifo --json "$scratch/parts/$name.json" > /dev/null || return 1
	done
}
parts_in_parallel() {
	parallel --will-cite --plus "$sim" compare --jobs 1 -p gen,s3fifo {} --json "$scratch/parts/{/..}.json" ::: "${pair[@]}" > /dev/null
}
check "comparisons of one trace each merge into one of all" merged_is_whole parts_in_turn
if command -v parallel > /dev/null; then
	check "the same by GNU parallel" merged_is_whole parts_in_parallel
else
	skip "the same by GNU parallel" "parallel is not installed"
fi
parts_in_turn
check "merging a trace twice is refused" refused "is there twice" merge "$scratch/parts/long.json" "$scratch/parts/long.json"
"$sim" compare "$scratch/scan.u32.zst" -p gen,clock --json "$scratch/parts/other.json" > /dev/null
check "merging other policies is refused" refused "run them alike" merge "$scratch/parts/long.json" "$scratch/parts/other.json"
echo '{}' > "$scratch/parts/empty.json"
check "merging what is no comparison is refused" refused "has no policies" merge "$scratch/parts/empty.json"
check "merging nothing is refused" refused "no file named" merge
