#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Tests ptw-sim from outside; prints TAP. Needs perl; zstd and python3 or jq where they are.
# usage: run.sh PTW_SIM TRACES_FOLDER
set -u
export LC_ALL=C
# shellcheck source=scripts/lib/tap.sh
. "$(dirname "$0")/../../scripts/lib/tap.sh" || exit 2

if [ $# -ne 2 ] || [ ! -x "$1" ] || [ ! -r "$2/redis.u32.zst" ]; then
	echo "usage: $0 PTW_SIM TRACES_FOLDER (the folder with redis.u32.zst)" >&2
	exit 2
fi
sim=$(realpath "$1")
traces=$(realpath "$2")
redis=$traces/redis.u32.zst
here=$(realpath "$(dirname "$0")")
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
box=$scratch/box # where ptw-sim runs; nothing else may appear in it
mkdir "$box"
cd "$box" || exit 2

# value KEY: of a plain member at the top level of the JSON on standard input
value() {
	sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p"
}

# without what two equal runs may differ in
comparable() {
	grep -v -e '"seconds"' -e '"trace"'
}

same() {
	if [ "$1" != "$2" ]; then
		echo "# expected: $2"
		echo "# got:      $1"
		return 1
	fi
}

# --- figures of an independent simulator -------------------------------------------------------

faults_are() { # POLICY MEMORY FAULTS
	same "$("$sim" run "$redis" --policy "$1" --memory "$2" --json - | value faults)" "$3"
}

while read -r policy memory faults; do
	check "redis, $policy at $memory: $faults faults" faults_are "$policy" "$memory" "$faults"
done <<'FIGURES'
lru 10% 669570
lru 25% 183364
lru 50% 75575
lru 75% 36573
opt 10% 300937
opt 25% 93556
opt 50% 39708
opt 75% 20260
FIGURES

# --- evictions that can be followed by hand: three frames, pages 0 1 803 0 3 1 4 803 ----------------

cat > "$scratch/hand.txt" <<'HAND'
# a comment, then a blank line

R 0x0fff
  w 1000 8 # page 1
I	7ffff0123abc	16
R 0000000000000000000000
R 3000
R 1000
R 4000
R 0x7FFFF0123000
HAND

# fnv PAGE...: FNV-1a 64 over the page numbers as little-endian 32-bit words
fnv() {
	perl -e 'use integer; my $h = -3750763034362895579;
		for my $b (map { unpack("C*", pack("V", $_)) } @ARGV) { $h ^= $b; $h *= 0x100000001b3; }
		printf "%016x\n", $h;' "$@"
}

evicted_by_hand() { # POLICY FAULTS PAGE...
	local policy=$1 faults=$2 json
	shift 2
	json=$("$sim" "$scratch/hand.txt" --policy "$policy" --memory 3 --json - 2> /dev/null)
	same "$(value faults <<< "$json") $(value evictions <<< "$json") $(value eviction_hash <<< "$json")" \
		"$faults $# $(fnv "$@")"
}

check "by hand, lru puts out 1 803 0 3" evicted_by_hand lru 7 1 803 0 3
check "by hand, clock puts out 0 803 1" evicted_by_hand clock 6 0 803 1
check "by hand, opt puts out the lowest of pages never used again" evicted_by_hand opt 5 0 1

# --- the same trace in both forms, and by standard input -------------------------------------------

# 140 000 accesses, so that two ticks pass; 24 tables far apart, visited in no order.
perl -e 'my $seed = 1; my %words = ("R" => 1, "W" => 2, "I" => 3);
	open my $text, ">", "$ARGV[0]/both.txt" or die;
	open my $raw, ">", "$ARGV[0]/both.u32" or die;
	for my $n (1 .. 140000) {
		$seed = ($seed * 1103515245 + 12345) % 2147483648;
		my $table = ($seed >> 16) % 24;
		my $index = ($seed >> 9) % 67 * 7;
		my $address = sprintf "%x%03x", $table * 104729 * 512 + 7 * 512 + $index, $seed & 0xfff;
		print $text ("R", "W", "I")[$n % 3], " ", ($n & 1 ? "0x$address" : uc $address), "\n";
		print $raw pack("V", $table * 512 + $index);
		print $raw pack("V", 0xffffffff) if $n % 65536 == 0;
	}' "$scratch"

replay_json() { # TRACE POLICY
	"$sim" run "$1" --policy "$2" --memory 30% --scan-interval 1 --json -
}

forms_agree() { # POLICY
	same "$(replay_json "$scratch/both.txt" "$1" | comparable | md5sum)" \
		"$(replay_json "$scratch/both.u32.zst" "$1" | comparable | md5sum)" &&
		same "$(replay_json "$scratch/both.txt" "$1" | value references)" 140000 &&
		same "$(replay_json "$scratch/both.txt" "$1" | value ticks)" 2
}

stdin_agrees() { # TRACE
	same "$(replay_json - lru < "$1" | comparable)" "$(replay_json "$1" lru | comparable)" &&
		same "$(tail -c +1 "$1" | replay_json - lru | value trace)" -
}

check "standard input, text through a pipe" stdin_agrees "$scratch/both.txt"
check "standard input, zstd through a pipe" stdin_agrees "$redis"
if command -v zstd > /dev/null; then
	zstd -q "$scratch/both.u32"
	for policy in lru clock opt; do
		check "text and 32-bit words give the same result, $policy" forms_agree "$policy"
	done
	for name in misnamed.txt misnamed.u32; do
		cp "$scratch/both.u32.zst" "$scratch/$name"
		check "zstd is known by its content, not by its name ($name)" same \
			"$(replay_json "$scratch/$name" lru | comparable)" \
			"$(replay_json "$scratch/both.u32.zst" lru | comparable)"
	done
else
	skip "text and 32-bit words give the same result" "zstd is not installed"
fi
check "raw words in a .u32 file give the same result" same \
	"$(replay_json "$scratch/both.u32" lru | comparable)" \
	"$(replay_json "$scratch/both.txt" lru | comparable)"

# --- bad input: one line, status 2, no file ---------------------------------------------------------

refused() { # PATTERN ARGUMENT...
	local pattern=$1 status lines
	shift
	"$sim" "$@" > "$scratch/out" 2> "$scratch/err" < /dev/null
	status=$?
	lines=$(wc -l < "$scratch/err")
	if [ "$status" -ne 2 ] || [ "$lines" -ne 1 ] || [ -s "$scratch/out" ] ||
		! grep -q "^ptw-sim: .*$pattern" "$scratch/err" || [ -n "$(ls -A "$box")" ]; then
		echo "# status $status, $lines lines, files left: $(ls -A "$box"), message:"
		sed 's/^/#   /' "$scratch/err"
		rm -rf "${box:?}"/* "${box:?}"/.[!.]*
		return 1
	fi
}

# bad_trace TEXT PATTERN: what is on standard input as a trace; an output file must not appear
bad_trace() {
	cat > "$scratch/bad"
	check "$1 is refused" refused "$2" run "$scratch/bad" --policy lru --json result.json
}

compressed() {
	if command -v zstd > /dev/null; then
		zstd -q -c | bad_trace "$1" "$2"
	else
		cat > /dev/null
		skip "$1 is refused" "zstd is not installed"
	fi
}

cp "$scratch/hand.txt" "$scratch/text.u32"
printf '\1\0\0\0\2' > "$scratch/half.u32"

# In a pipeline the last part would count its tests in vain.
shopt -s lastpipe

check "a missing trace is refused" refused "cannot open .*No such file" "$scratch/none" --json result.json
check "a folder as trace is refused" refused "cannot read .*Is a directory" "$scratch" --json result.json
check "a line break in a name does not break the message" refused "cannot open 'a?b'" $'a\nb'
bad_trace "an empty trace" "is empty" < /dev/null
head -c 1000000 "$redis" | bad_trace "a zstd trace cut short" "cut short"
head -c 6 "$redis" | bad_trace "a zstd trace of six bytes" "cut short"
head -c 4 "$redis" | bad_trace "a zstd magic number alone" "cut short"
(cat "$redis" && echo more) | bad_trace "a zstd trace with something behind it" "damaged\|cut short"
(head -c 1000000 "$redis" && tail -c +1000100 "$redis") | bad_trace "a zstd trace with a hole" "damaged"
perl -e 'print pack("V*", 1, 2, 3), "ab"' | compressed "half a word at the end" "cut short: 2 bytes"
perl -e 'print pack("V*", 1, 1 << 28)' | compressed "a page number of 2^28" "word 1 .*268435456"
perl -e 'print pack("V*", 1, 0xfffffffe)' | compressed "a page number just below the tick" "4294967294"
perl -e 'print "R 1000\n" x 100' | compressed "text under zstd" "is no page trace"
perl -e 'print pack("V*", 0xffffffff)' | compressed "a trace of ticks only" "no references"
printf '' | compressed "nothing under zstd" "no references"
printf '# nothing\n\n' | bad_trace "a trace of comments only" "no references"
head -c 300000 "$sim" | bad_trace "a program as trace" "line 1 is no access: .*no text"
bad_trace "raw words under another name" "no text: compress .* with zstd, .*\.u32" < "$scratch/both.u32"
check "text named .u32 is refused" refused "is no page trace: word 0" "$scratch/text.u32"
check "half a word at the end of a .u32 file is refused" refused "cut short: 1 bytes" "$scratch/half.u32"
tr '\0-\377' x < "$redis" | bad_trace "an endless line" "line 1 is longer"
printf 'R 1000\n\nX 1000\n' | bad_trace "an unknown kind of access" "line 3 is no access: 'X 1000'"
printf 'R\n' | bad_trace "an access without address" "line 1 is no access"
printf 'R 0x\n' | bad_trace "0x without digits" "line 1 is no access"
printf 'R 12g4\n' | bad_trace "an address that is not hexadecimal" "line 1 is no access"
printf 'R 11112222333344445\n' | bad_trace "an address of 17 digits" "line 1 is no access"
printf 'R 1000 8x\n' | bad_trace "no number after the address" "line 1 is no access: 'R 1000 8x'; write"
printf 'R 1000 8 8\n' | bad_trace "something after the size" "line 1 is no access"
printf 'R 8 1000g\n' | bad_trace "a size that is not decimal" "line 1 is no access"
printf 'R1000\n' | bad_trace "no blank before the address" "line 1 is no access"

check "no trace is refused" refused "no trace named"
check "no trace after the verb is refused" refused "no trace named" run
check "two traces are refused" refused "one trace too many" "$redis" "$redis"
check "an unknown option is refused by name" refused "bad option '--fast'" "$redis" --fast
check "an unknown letter is refused" refused "bad option '-x'" -x "$redis"
check "an option without value is refused" refused "option --json needs a value" "$redis" --json
for memory in 0 0% 101% 1e3 -5 5x% 4294967296 ''; do
	check "--memory=$memory is refused" refused "bad --memory" "$redis" "--memory=$memory"
done
for tlb in 3x4 64x0 64x17 0x4 64 64x4x2 x on; do
	check "--tlb=$tlb is refused" refused "bad --tlb" "$redis" "--tlb=$tlb"
done
for interval in 0 -1 10ms; do
	check "--scan-interval=$interval is refused" refused "bad --scan-interval" "$redis" \
		"--scan-interval=$interval"
done
check "an unknown policy is refused" refused "bad --policy 'fifo'; give generations, idle-age, learned, mglru, clock" "$redis" -p fifo
check "an unknown format is refused" refused "bad --format 'none'; give one of" "$redis" -f none

# The trace is missing too: that the output is named shows that it is looked at first.
check "output in a missing folder is refused before the run" refused "cannot write 'no/x.json'" \
	"$scratch/none" --json no/x.json
check "output onto a folder is refused before the run" refused "cannot write '$scratch'.*directory" \
	"$scratch/none" --json "$scratch"
check "output below a file is refused before the run" refused "cannot write" \
	"$scratch/none" --json "$redis/x.json"
check "output onto the trace is refused" refused "would replace the trace" \
	"$scratch/hand.txt" --json "$scratch/./hand.txt"
check "an empty output name is refused" refused "bad --json" "$scratch/none" --json=
check "output that fails in the end is told" refused "cannot write '/dev/full'" \
	"$scratch/hand.txt" --policy lru --json /dev/full

full_stdout() {
	local status
	"$sim" "$scratch/hand.txt" --policy lru > /dev/full 2> "$scratch/err"
	status=$?
	same "$status $(wc -l < "$scratch/err")" "2 1" && grep -q "standard output" "$scratch/err"
}
check "a full standard output is told" full_stdout

# --- output ----------------------------------------------------------------------------------------

well_formed() { # FILE
	if command -v python3 > /dev/null; then
		python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$1"
	elif command -v jq > /dev/null; then
		jq -e . "$1" > /dev/null
	else
		[ "$(head -c 1 "$1")" = "{" ] && [ "$(tail -n 1 "$1")" = "}" ]
	fi
}

json_file() {
	echo old > "$box/result.json"
	"$sim" run "$redis" --policy clock --json result.json > "$scratch/out" 2> "$scratch/err" || return 1
	same "$(ls -A "$box")" result.json || return 1
	same "$(wc -c < "$scratch/err")" 0 || return 1
	well_formed result.json || return 1
	for key in trace format policy tlb memory_pages footprint_pages references faults evictions \
		eviction_hash batch_reads single_checks harvested tlb_hits seconds working_set idle_age; do
		grep -q "^  \"$key\": " result.json || same "no $key" "all keys" || return 1
	done
}
check "--json replaces a file by a well-formed one with all keys, and nothing else appears" json_file

json_adds_up() {
	local pages resident
	same "$(value memory_pages < result.json) $(value footprint_pages < result.json)" "7398 14797" &&
		same "$(value references < result.json)" 2812670 || return 1
	# One line of 256 numbers.
	resident=$(sed -n 's/^  "idle_age": \[\([0-9, ]*\)\]$/\1/p' result.json |
		awk -F, '{ for (i = 1; i <= NF; i++) sum += $i; print NF, sum }')
	same "$resident" "256 7398" || return 1
	pages=$(sed -n '/"working_set"/,/]/p' result.json | grep '"faults"' |
		awk '{ gsub(/[^0-9]/, ""); sum += $0 } END { print sum }')
	same "$pages" "$(value faults < result.json)"
}
check "faults over time add up, idle ages add up to what is resident" json_adds_up
rm -f "$box/result.json"

json_through_link() {
	local good=1
	echo old > "$scratch/real.json"
	ln -s "$scratch/real.json" link.json
	"$sim" "$scratch/hand.txt" --policy lru --json link.json > /dev/null 2>&1
	[ -L link.json ] && well_formed "$scratch/real.json" && good=0
	rm -f link.json
	return $good
}
check "--json through a link writes the file and keeps the link" json_through_link

memory_is() { # OPTION PAGES
	same "$("$sim" "$redis" --policy lru --memory "$1" --json - | value memory_pages)" "$2"
}
check "12.5 % of 14797 pages are 1849" memory_is 12.5% 1849
check "a share below one page is one page" memory_is 0.001% 1
check "a number of pages is taken as it is" memory_is 123 123

default_is_run() {
	same "$("$sim" "$redis" -p lru -j - | comparable)" "$("$sim" run -p lru "$redis" -j - | comparable)"
}
check "without a verb, run is meant" default_is_run

tables() {
	"$sim" "$redis" --policy lru > "$scratch/out" 2> "$scratch/err" || return 1
	same "$(wc -c < "$scratch/err")" 0 &&
		same "$(sed -n '/^Working set/,/^$/p' "$scratch/out" | grep -c '^ *[0-9]*-[0-9]* ')" 20 &&
		same "$(sed -n '/^Idle age of/,/^$/p' "$scratch/out" | grep -c '^ *[0-9]')" 10 &&
		grep -q '^faults 75575 ' "$scratch/out"
}
check "20 rows of working set and 10 bins of idle age; no progress bar in a file" tables

# --- gen: the library on a real trace ----------------------------------------------------------

# What a run decided, whatever the format: faults, evictions, which pages, what was harvested.
decisions() {
	"$sim" "$redis" --format "$1" "${@:2}" --json - > "$scratch/gen.json" || return 1
	for key in faults evictions eviction_hash single_checks harvested; do
		echo "$key $(value $key < "$scratch/gen.json")"
	done
}

gen_agrees() {
	same "$(decisions "$1" --memory 25%)" "$gen_ept"
}

gen_ept=$(decisions ept4 --memory 25%)
check "generations finds faults and harvests pages" grep -qE 'harvested [0-9]{6,}' <<< "$gen_ept"
for format in arm64-s2-4k arm64-s2-16k arm64-s2-64k arm64-s2-4k-swaf arm64-s1-4k x86-64 ept5 \
	ept4-tracked perverse; do
	check "generations decides the same on $format as on ept4" gen_agrees "$format"
done

# Young bits behind a TLB are older, so decisions differ; they must stay reasonable.
gen_with_tlb() {
	local faults
	faults=$("$sim" "$redis" --memory 50% --tlb 64x8 --json - | value faults)
	[ "$faults" -gt 70000 ] && [ "$faults" -lt 90000 ]
}
check "generations works behind a TLB" gen_with_tlb

# Hits are told where there is a TLB, and only there.
tlb_is_told() {
	local json hits
	json=$("$sim" "$redis" --tlb 64x8 --json -)
	hits=$(value tlb_hits <<< "$json")
	same "$(value tlb <<< "$json")" 64x8 || return 1
	[ "$hits" -gt 500000 ] && [ "$hits" -lt 2812670 ] || same "$hits hits" "a share" || return 1
	same "$("$sim" "$redis" --tlb 64x8 | sed -n 's/^TLB \(.*\) (.*/\1/p')" "64x8: $hits hits" &&
		same "$("$sim" "$redis" | grep ^TLB)" "TLB off" &&
		same "$("$sim" "$redis" --json - | grep '"tlb' | tr -d ' \n')" '"tlb":"off","tlb_hits":0,' &&
		same "$("$sim" "$redis" -p lru --json - | grep '"tlb' | tr -d ' \n')" \
			'"tlb":null,"tlb_hits":null,' &&
		same "$("$sim" "$redis" -p lru | grep -c ^TLB)" 0
}
check "the TLB and its hits are in the tables and in the JSON" tlb_is_told

gen_near_lru() {
	local faults
	faults=$("$sim" "$redis" --memory 50% --json - | value faults)
	[ "$faults" -lt $((75575 * 102 / 100)) ]
}
check "generations at 50 % is within 2 % of exact lru" gen_near_lru

fewer_than() { # POLICY FAULTS
	local faults
	faults=$("$sim" "$redis" --policy "$1" --memory 25% --json - | value faults)
	[ "$faults" -lt "$2" ] || same "$1 has $faults faults" "less than $2"
}
check "idle-age at 25 % is within 1 % of exact lru" fewer_than idle-age $((183364 * 101 / 100))
check "learned at 25 % has a fifth less" fewer_than learned $((183364 * 80 / 100))

# The same again decides the same.
decides_alike() { # POLICY
	local first
	first=$("$sim" "$redis" --policy "$1" --memory 75% --json - | value eviction_hash)
	same "$("$sim" "$redis" --policy "$1" --memory 75% --json - | value eviction_hash)" "$first"
}
check "idle-age decides the same each time" decides_alike idle-age
check "learned decides the same each time" decides_alike learned

gen_speed() {
	local seconds
	seconds=$("$sim" "$redis" --memory 50% --json - | value seconds)
	echo "# 2812670 references in $seconds s"
	perl -e 'exit !($ARGV[0] > 0 && $ARGV[0] < 600)' "$seconds" # no speed is judged: that it ends
}
check "generations replays redis" gen_speed

# --- mglru: the rule as it is written down, on a page table ------------------------------------------

mglru() { # MEMORY [OPTION...]
	"$sim" "$redis" --policy mglru --memory "$@" --json -
}

# STATED is what another simulator of the same rule found, whose order of equals nobody wrote down; FAULTS
# is what a third one of our own, without any page table, finds with ours.
mglru_is() { # MEMORY FAULTS STATED
	local faults
	faults=$(mglru "$1" | value faults)
	same "$faults" "$2" || return 1
	perl -e 'exit abs($ARGV[0] / $ARGV[1] - 1) > 0.005' "$faults" "$3" ||
		same "$faults" "half a percent around $3"
}

while read -r memory faults stated; do
	check "mglru at $memory: $faults faults, $stated stated" mglru_is "$memory" "$faults" "$stated"
done <<'FIGURES'
10% 673097 675097
25% 183983 183831
50% 75795 75563
75% 36780 36607
FIGURES

check "mglru decides the same on arm64 and on the test format" same \
	"$(for f in arm64-s2-64k perverse; do mglru 25% --format $f | value eviction_hash; done | uniq)" \
	"$(mglru 25% | value eviction_hash)"

# --- two traces: host and guest --------------------------------------------------------------------

both() { # OPTION...: the same program twice, on the host and in a guest
	"$sim" "$redis" --guest "$redis" --memory 25% "$@" --json -
}

# part OBJECT KEY: of a member one level down
part() {
	sed -n "/^  \"$1\": {/,/^  }/s/^    \"$2\": \([^,]*\),\{0,1\}\$/\1/p"
}

for mode in never evict fast always; do
	both --secondary $mode > "$scratch/$mode.json"
done

hashes_differ() {
	same "$(for mode in never evict fast always; do value eviction_hash < "$scratch/$mode.json"; done |
		sort -u | wc -l)" 4
}
check "asking never, at eviction, fast or always are four different things" hashes_differ
check "the same run decides the same again" same "$(both --secondary evict | value eviction_hash)" \
	"$(value eviction_hash < "$scratch/evict.json")"
check "ageing behind a lock finds what ageing without one does" same \
	"$(both --secondary always --look-around host | value eviction_hash)" \
	"$(both --secondary fast --look-around host | value eviction_hash)"
check "a lock that is waited for is not looked around behind" same \
	"$(both --secondary always --look-around host | value eviction_hash)" \
	"$(value eviction_hash < "$scratch/always.json")"
check "looking around in the host, in the guest, in both and nowhere differ" same \
	"$(for look in host secondary both none; do both --look-around $look | value eviction_hash; done |
		sort -u | wc -l)" 4

skew_halves() { # at most half of what asking at eviction only gives
	local fast evict
	fast=$(value skew < "$scratch/fast.json")
	evict=$(both --secondary evict --look-around host | value skew)
	echo "# skew $evict points at eviction only, $fast in ageing"
	perl -e 'exit !($ARGV[0] > 0 && $ARGV[0] <= $ARGV[1] / 2)' "$fast" "$evict"
}
check "asked in ageing, the skew is at most half of that at eviction only" skew_halves

nobody_waits() {
	for key in lock_waits ager_wait_ns not_asked_pages unanswered; do
		same "$key $(value $key < "$scratch/fast.json")" "$key 0" || return 1
	done
}
check "a fast MMU never waits, and is never left out" nobody_waits

guest_is_seen() {
	local late
	# Never asked, a guest's page is in use whenever it goes; asked last, it never is.
	late=$(part guest_pages used_late < "$scratch/never.json")
	[ "$late" -gt $(($(part guest_pages evictions < "$scratch/never.json") / 2)) ] || return 1
	for mode in evict fast always; do
		same "$(part guest_pages used_late < "$scratch/$mode.json")" 0 || return 1
	done
	late=$(both --isolate 32 | part guest_pages used_late)
	[ "$late" -gt 0 ] || same "$late used late" "some, 32 evictions after their last looks"
}
check "what is used after the last look is found by the unmap" guest_is_seen

counts_add_up() {
	local misses
	for mode in never fast; do
		misses=$(($(value host_misses < "$scratch/$mode.json") + $(value guest_misses < "$scratch/$mode.json")))
		same "$(($(part host_pages evictions < "$scratch/$mode.json") + \
			$(part guest_pages evictions < "$scratch/$mode.json") + \
			$(value memory_pages < "$scratch/$mode.json")))" "$misses" || return 1
	done
	# 2 x 14797 pages, and the same trace twice.
	same "$(value memory_pages < "$scratch/fast.json") $(value references < "$scratch/fast.json")" \
		"7398 5625340"
}
check "misses are evictions and what fits in memory" counts_add_up

lru_of_both() { # a share of memory in which nothing is ever put out
	local json
	json=$("$sim" "$redis" --guest "$redis" --memory 100% --json -)
	for side in host_pages guest_pages; do
		for key in misses lru_misses; do
			same "$key $(part $side $key <<< "$json")" "$key 14797" || return 1
		done
	done
	same "$(value skew <<< "$json" | cut -c1-3)" 0.0
}
check "with room for all, each page misses once, under exact lru too" lru_of_both

tlb_and_flush() {
	local walk kept flushed
	walk=$(value eviction_hash < "$scratch/fast.json")
	kept=$(both --tlb 64x8 | value eviction_hash)
	flushed=$(both --tlb 64x8 --flush | value eviction_hash)
	same "$flushed" "$walk" || return 1
	[ "$kept" != "$walk" ] || same "the same" "another decision behind a TLB"
}
check "a TLB that harvests flush is as good as none, one that they do not is not" tlb_and_flush
check "a mapping in the host that is left old is less young" [ \
	"$(both --fault-old | value eviction_hash)" != "$(value eviction_hash < "$scratch/fast.json")" ]
check "somebody at the lock changes times, not decisions" same \
	"$(both --secondary always --contend | value eviction_hash)" \
	"$(value eviction_hash < "$scratch/always.json")"

# 1.5 M references to 4000 pages, most of them to a few.
perl -e 'my $seed = 1;
	for my $n (1 .. 1500000) {
		$seed = ($seed * 1103515245 + 12345) % 2147483648;
		my $share = $seed / 2147483648;
		print pack("V", int(4000 * $share ** 3));
		print pack("V", 0xffffffff) if $n % 1000 == 0;
	}' > "$scratch/busy.u32"

groups() { # OPTION...
	"$sim" "$redis" --guest "$scratch/busy.u32" --memory 25% --shared 100% "$@" --json -
}
groups > "$scratch/own.json"
groups --foreign > "$scratch/foreign.json"
foreign_counts() {
	# A page that somebody uses is never put out if everybody counts, and it is if not.
	same "$(part group_0 used_late < "$scratch/foreign.json")" 0 || return 1
	[ "$(part group_0 used_late < "$scratch/own.json")" -gt 0 ] || same 0 "used late" || return 1
	[ "$(part group_1 minor_faults < "$scratch/own.json")" -gt 0 ] || same 0 "minor faults"
}
check "references by the other group count only where they are to" foreign_counts
check "groups decide the same again" same "$(groups | value eviction_hash)" \
	"$(value eviction_hash < "$scratch/own.json")"

guest_json() {
	"$sim" "$redis" --guest "$redis" --json result.json > "$scratch/out" 2> "$scratch/err" &&
		same "$(ls -A "$box")" result.json && same "$(wc -c < "$scratch/err")" 0 &&
		well_formed result.json && grep -q '^skew [0-9.]* points' "$scratch/out" &&
		well_formed "$scratch/own.json"
}
check "--json with a guest is well-formed, and the tables are printed" guest_json
rm -f "$box/result.json"

check "a missing guest is refused" refused "cannot open '.*none'.*No such file" "$redis" --guest "$scratch/none"
check "two guests are refused" refused "one guest at a time" "$redis" --guest a --guest b
check "both traces from standard input are refused" refused "only one of the two traces" - --guest -
check "an unknown mode is refused" refused "bad --secondary 'maybe'; give never, evict, fast or always" \
	"$redis" --guest "$redis" --secondary maybe
check "an unknown place is refused" refused "bad --look-around 'x'; give none, host, secondary or both" \
	"$redis" --guest "$redis" --look-around x
for option in "--secondary evict" --flush --fault-old "--isolate 2" --contend "--look-around none" "--shared 5%" \
	--foreign; do
	# shellcheck disable=SC2086
	check "$option without a guest is refused" refused "--${option:2:5}.* about two traces" "$redis" $option
done
for isolate in 0 4097 x; do
	check "--isolate $isolate is refused" refused "bad --isolate" "$redis" --guest "$redis" --isolate $isolate
done
for share in 0% 101% 5 x%; do
	check "--shared $share is refused" refused "bad --shared" "$redis" --guest "$redis" --shared $share
done
check "--foreign without --shared is refused" refused "add --shared" "$redis" --guest "$redis" --foreign
check "--secondary with --shared is refused" refused "knows no --secondary" "$redis" --guest "$redis" \
	--shared 5% --secondary evict
check "another policy with a guest is refused" refused "goes with --policy mglru or generations only" "$redis" \
	--guest "$redis" -p lru
check "a guest with larger pages is refused" refused "no pages of 4 KiB" "$redis" --guest "$redis" \
	--format arm64-s2-16k
check "output onto the guest's trace is refused" refused "would replace the trace" "$redis" \
	--guest "$scratch/hand.txt" --json "$scratch/./hand.txt"

# --- words -----------------------------------------------------------------------------------------

singular() {
	printf 'R 1000\n' | "$sim" - --memory 20 > "$scratch/out" 2> /dev/null || return 1
	same "$(sed -n '1s/.*: //p' "$scratch/out")" "1 reference, 0 ticks, footprint 1 page (4.0 KiB)" &&
		grep -q 'memory 20 pages (80.0 KiB, 100.0 % of the footprint)' "$scratch/out"
}
check "one page is no pages, and memory is at most all of the footprint" singular

help_shows() {
	"$sim" --help > "$scratch/out" 2> "$scratch/err" || return 1
	same "$(wc -c < "$scratch/err")" 0 && grep -q '^  ptw-sim run .*redis.u32.zst' "$scratch/out" &&
		grep -q 'every format decides alike' "$scratch/out" &&
		grep -q '^perverse is a test format' "$scratch/out" || return 1
	# No list goes on in the first column.
	same "$(sed -n '/^Policies:/,/^Formats:/p' "$scratch/out" | grep -cv '^  \|^$\|:$')" 0 &&
		same "$(sed -n '/^Formats:/,/^$/p' "$scratch/out" | grep -cv '^  \|^$\|:$')" 0
}
check "--help shows an example and indented lists" help_shows
check "--version names the program" grep -q '^ptw-sim [0-9]' <("$sim" --version)

# --- more, by subject ----------------------------------------------------------------------------------

for part in notes references forms record compare proactive make curve pictures people interrupt; do
	# shellcheck source=/dev/null
	. "$here/$part.sh"
done

tap_end
