# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Units that people write and read, tables for spreadsheets, --verbose, and words when all is zero. Part of run.sh.

while read -r size pages; do
	check "--memory $size is $pages pages" memory_is "$size" "$pages"
done <<'SIZES'
16MiB 4096
16M 4096
16m 4096
0.5GiB 131072
1.5GiB 393216
64KiB 16
4096B 1
4095999KB 999999
SIZES
check "a blank before the unit is no harm" memory_is "16 MiB" 4096
for size in 4095B 1.5 16Mi 16X 16MiBs 1e3M .M -1M 20TiB MiB; do
	check "--memory=$size is refused" refused "bad --memory" "$redis" "--memory=$size"
done
check "curve and make take sizes, too" refused "bad --least '3QiB'" curve --least 3QiB "$redis"

made_of_a_size() {
	"$sim" make loop --pages 8MiB --length 10000 --output "$scratch/eight.u32.zst" || return 1
	same "$("$sim" "$scratch/eight.u32.zst" -p lru --json - 2> /dev/null | value footprint_bytes)" $((8 << 20)) &&
		same "$("$sim" "$scratch/eight.u32.zst" -p lru 2> /dev/null |
			sed -n '1s/.*footprint //p')" "2048 pages (8.0 MiB)" &&
		same "$("$sim" "$scratch/eight.u32.zst" -p lru --memory 25% --json - 2> /dev/null | value memory_bytes)" $((2 << 20))
}
check "sizes are in people's units in tables, and in bytes in JSON" made_of_a_size

# --- CSV: a line of names, then as many fields in each line ------------------------------------------

is_table() { # ROWS KEYS ARGUMENT...
	local rows=$1 keys=$2
	shift 2
	"$sim" "$@" --csv - > "$scratch/csv" 2> "$scratch/err" || return 1
	python3 - "$scratch/csv" "$rows" "$keys" <<-'END'
		import csv, sys
		rows = list(csv.DictReader(open(sys.argv[1], newline="")))
		assert len(rows) == int(sys.argv[2]), len(rows)
		assert all(None not in row and None not in row.values() for row in rows), "rows of unequal length"
		assert set(sys.argv[3].split()) <= set(rows[0]), rows[0].keys()
		for row in rows:
		    for name, value in row.items():
		        if name.endswith("_bytes"):
		            assert int(value) == int(row[name[:-5] + "pages"]) * 4096
	END
}
eight=$scratch/eight.u32.zst
"$sim" "$eight" -p lru --json "$scratch/eight.json" > /dev/null 2>&1
cp "$eight" "$scratch/with, comma.u32.zst"
if command -v python3 > /dev/null; then
	check "run --csv has the working set over time" is_table 20 "touched_bytes faults" "$redis" -p lru
	check "compare --csv has a line for each replay, whatever traces are called" is_table 6 \
		"trace memory_bytes policy misses" compare "$scratch/with, comma.u32.zst" --memory 10%,2MiB -p clock
	check "curve --csv has the table" is_table 11 "memory_bytes exact_misses" curve "$eight"
	"$sim" compare "$eight" --memory 10%,2MiB -p clock --json "$scratch/part.json" > /dev/null
	check "merge --csv has what compare has" is_table 6 "memory_bytes misses" merge "$scratch/part.json"
	"$sim" report "$scratch/part.json" > "$scratch/again"
	"$sim" compare "$eight" --memory 10%,2MiB -p clock > "$scratch/first"
	check "report prints what compare printed" cmp "$scratch/again" "$scratch/first"
	check "report of what run wrote is refused" refused "is it of ptw-sim compare --json" report "$scratch/eight.json"
	check "--promotion-target --csv has the windows" is_table 20 "saved_page_ticks" "$eight" --promotion-target 50%
else
	skip "--csv" "python3 is not installed"
fi
csv_adds_up() {
	same "$("$sim" "$redis" -p lru --csv - | awk -F, 'NR > 1 { sum += $6 } END { print sum }')" 75575
}
check "faults over time add up in CSV, too" csv_adds_up
check "--csv and --json into one file is refused" refused "are the same" "$redis" --json x --csv x
check "--csv onto the trace is refused" refused "would replace the trace" "$scratch/hand.txt" --csv "$scratch/hand.txt"
check "--csv with a guest is refused" refused "csv is about one trace" "$redis" --guest "$redis" --csv x

# --- words ---------------------------------------------------------------------------------------------

verbose() {
	"$sim" "$eight" -p lru --json "$scratch/v.json" -v > "$scratch/out" 2> "$scratch/err" || return 1
	grep -q "^ptw-sim: read '.*eight.u32.zst': 10000 references to 2048 pages" "$scratch/err" &&
		grep -q "^ptw-sim: replaying under lru" "$scratch/err" && grep -q "^ptw-sim: wrote '.*v.json'" "$scratch/err"
}
check "--verbose tells what is done" verbose
for verb in run compare report merge curve make pack; do
	check "$verb --help has --verbose, and an example" grep -qzE -- "-v, --verbose.*  ptw-sim ${verb/run/run }" \
		<("$sim" $verb --help)
	check "$verb refuses an unknown option in one line" refused "bad option '--fast'; ptw-sim.* --help" $verb --fast
done

explained() { # CAUSE ARGUMENT...
	local cause=$1
	shift
	"$sim" "$@" --json - 2> "$scratch/err" | grep -q '"harvested": 0' || return 1
	grep -q "$cause" "$scratch/err" && grep -q 'docs/all-zero.md' "$scratch/err"
}
check "all zero is explained" explained "nothing had to go" "$eight" --memory 100%
not_explained() {
	"$sim" "$redis" > "$scratch/out" 2> "$scratch/err" && same "$(cat "$scratch/err")" ""
}
check "what is not zero is not explained" not_explained

pack_output() {
	"$sim" pack -k 0 "$eight" --output "$scratch/packed" && cmp "$scratch/packed" <("$sim" pack -k 0 "$eight")
}
check "pack --output writes what standard output gets" pack_output
check "pack --output onto the trace is refused" refused "would replace the trace" pack "$eight" --output "$eight"
