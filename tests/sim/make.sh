# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Sourced by run.sh: ptw-sim make, whose traces are looked at and replayed.

# made PATTERN PAGES LENGTH [SEED]: into the folder
made() {
	"$sim" make "$1" --pages "$2" --length "$3" --seed "${4:-1}" --output made.u32.zst > "$scratch/out" 2>&1 &&
		same "$(cat "$scratch/out")" "" && same "$(ls -A "$box")" made.u32.zst
}

is_as_called() { # PATTERN PAGES LENGTH
	made "$@" && same "$(zstd -dc made.u32.zst | python3 "$here/patterns.py" "$@" 2>&1)" ""
}

seeds_count() { # PATTERN
	local first second other
	made "$1" 1000 20000 5 && first=$(md5sum < made.u32.zst) &&
		made "$1" 1000 20000 5 && second=$(md5sum < made.u32.zst) &&
		made "$1" 1000 20000 6 && other=$(md5sum < made.u32.zst) || return 1
	same "$second" "$first" && { [ "$other" != "$first" ] || same "the same" "another trace by another seed"; }
}

# misses_of PATTERN PAGES LENGTH POLICY MEMORY
misses_of() {
	made "$1" "$2" "$3" > /dev/null && "$sim" made.u32.zst --policy "$4" --memory "$5" --json - 2> /dev/null |
		value faults
}

while read -r pattern pages length; do
	if command -v zstd > /dev/null && command -v python3 > /dev/null; then
		check "make $pattern makes what it is called" is_as_called "$pattern" "$pages" "$length"
	else
		skip "make $pattern makes what it is called" "zstd or python3 is not installed"
	fi
	check "make $pattern: same seed, same file; another one, another file" seeds_count "$pattern"
done << 'PATTERNS'
sparse 40000 200000
phases 6400 200000
loop 1000 10050
scan 8000 300000
adversarial 2000 200000
zipf 5000 300000
PATTERNS

check "lru misses always in a loop larger than memory" same "$(misses_of loop 1000 10000 lru 90%)" 10000
hit_by_opt() { # what lru never does: 900 pages stay, less what a page passes through
	[ "$(misses_of loop 1000 10000 opt 90%)" -lt 2200 ]
}
check "and the optimum does not" hit_by_opt
scan_resists() {
	perl -e 'exit !($ARGV[0] < 0.8 * $ARGV[1])' "$(misses_of scan 8000 400000 arc 10%)" \
		"$(misses_of scan 8000 400000 lru 10%)"
}
check "arc resists scans that lru does not" scan_resists
always_late() { # a quarter of the loops is for each size; lru has none of the pages that come back
	local misses
	misses=$(misses_of adversarial 2000 200000 lru 10%)
	[ "$misses" -gt 190000 ] || same "$misses" "nearly 200000"
}
check "adversarial pages come back just after lru put them out" always_late
rm -f "$box/made.u32.zst"

make_defaults() {
	same "$("$sim" make loop -o made.u32.zst && "$sim" made.u32.zst -p lru --json - | grep -c \
		-e '"references": 2000000,' -e '"footprint_pages": 16384,' -e '"ticks": 40000,')" 3
}
check "make loop has the size that --help tells" make_defaults
rm -f "$box/made.u32.zst"

check "make without a pattern is refused" refused "no pattern named" make -o x
check "make without a file is refused" refused "add --output loop.u32.zst" make loop
check "make of an unknown pattern is refused" refused "no pattern 'noise'; give sparse, phases, .* or zipf" make noise -o x
check "make of two patterns is refused" refused "one pattern too many" make loop zipf -o x
for pages in 255 -1 268435457 x ''; do
	check "make --pages '$pages' is refused" refused "bad --pages" make loop "--pages=$pages" -o x
done
for length in 0 1000000001 1e6; do
	check "make --length $length is refused" refused "bad --length" make loop --length $length -o x
done
check "make with too few references is refused" refused "too few for 1000 pages" make loop --pages 1000 --length 1999 -o x
check "make --seed -1 is refused" refused "bad --seed" make loop --seed -1 -o x
check "make into a missing folder is refused" refused "cannot write 'no/x'" make loop -o no/x
check "make onto a folder is refused" refused "cannot write" make loop -o "$scratch"
check "make onto a full device is told" refused "cannot write .*No space" make zipf -o /dev/full

make_interrupted() { # the file of the name is the old one until the new one is complete
	echo old > x.u32.zst
	(
		ulimit -f 100
		trap '' XFSZ
		exec "$sim" make zipf -o x.u32.zst
	) > /dev/null 2> "$scratch/err"
	same "$? $(wc -l < "$scratch/err") $(cat x.u32.zst) $(ls -A "$box")" "2 1 old x.u32.zst"
}
check "a trace that cannot be written leaves the old file" make_interrupted
rm -f "$box/x.u32.zst"
