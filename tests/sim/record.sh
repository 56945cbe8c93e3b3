# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Sourced by run.sh: scripts/record-trace, as its users call it; in the folder $box, which it must leave clean.

record() {
	PTW_SIM=$sim "$here/../../scripts/record-trace" "$@" > "$scratch/out" 2> "$scratch/err"
}

left_is() { # what is in the folder
	same "$(cd "$box" && find . -mindepth 1 -printf "%P\n" | sort | xargs)" "$*"
}

record_refused() { # PATTERN ARGUMENT...
	local pattern=$1 status
	shift
	record "$@" < /dev/null
	status=$?
	same "$status $(wc -l < "$scratch/err")" "2 1" && left_is &&
		{ grep -q "^record-trace: .*$pattern" "$scratch/err" || same "$(cat "$scratch/err")" "$pattern"; }
}

check "record-trace --help shows an example" grep -q 'example: scripts/record-trace' \
	<("$here/../../scripts/record-trace" --help)
check "record-trace without a command is refused" record_refused "no command"
check "record-trace of no program is refused" record_refused "no program 'no-such-program'" no-such-program
check "record-trace with an unknown option is refused" record_refused "no option '--fast'" --fast true
check "record-trace --output without a name is refused" record_refused "needs a value" --output
check "record-trace --filter 65537 is refused" record_refused "bad --filter" --filter 65537 true
check "record-trace --limit -1 is refused" record_refused "bad --limit" --limit -1 true
check "record-trace --seconds soon is refused" record_refused "bad --seconds" --seconds soon true
check "record-trace --recorder tape is refused" record_refused "bad --recorder" --recorder tape true
check "record-trace into a missing folder is refused" record_refused "cannot write" --output no/x true
check "record-trace onto a folder is refused" record_refused "is a folder" --output "$scratch" true

recorders=()
if "qemu-$(uname -m)" --version > /dev/null 2>&1 && [ -e "$(dirname "$sim")/record-pages.so" ]; then
	recorders+=(qemu)
else
	skip "record-trace by qemu" "qemu-user is not installed, or the plugin is not built"
fi
if command -v valgrind > /dev/null; then
	recorders+=(lackey)
else
	skip "record-trace by lackey" "valgrind is not installed"
fi
[ ${#recorders[@]} != 0 ] || return 0

records_a_program() {
	local json
	echo something | record --recorder "$1" --output cat.u32.zst cat || { cat "$scratch/err"; return 1; }
	same "$(head -n 1 "$scratch/out")" something && left_is cat.u32.zst || return 1
	json=$("$sim" cat.u32.zst --policy lru --json - 2> /dev/null)
	rm -f cat.u32.zst
	# Program, loader, C library, stack: not below 50 pages, and each was a miss in the filter once.
	[ "$(value footprint_pages <<< "$json")" -gt 50 ] && [ "$(value ticks <<< "$json")" -gt 0 ] || same "$json" more
}
for recorder in "${recorders[@]}"; do
	check "record-trace by $recorder records a program, which has its input and output" records_a_program "$recorder"
done

# The stack is elsewhere under each recorder, so pages are compared by the order in which they appear.
by_appearance() {
	zstd -dcq --long=27 "$1" | perl -e 'binmode STDIN; my (%n, $w); local $/ = \4;
		while ($w = <STDIN>) { $w = unpack "V", $w; $n{$w} = keys %n if !exists $n{$w}; print $w == 0xffffffff ? "tick" : $n{$w}, "\n" }'
}

tiny() { # builds it
	cc -O1 -static -no-pie -nostdlib -fno-stack-protector -fno-builtin -o "$scratch/tiny" "$here/tiny.c"
}

recorders_agree() { # page by page, and every tick at its place
	record --recorder qemu --output q.u32.zst "$scratch/tiny" && record --recorder lackey --output l.u32.zst "$scratch/tiny" &&
		by_appearance q.u32.zst > "$scratch/q" && by_appearance l.u32.zst > "$scratch/l" &&
		[ "$(wc -l < "$scratch/q")" -gt 10000 ] && [ "$(grep -c tick "$scratch/q")" -gt 4 ] && cmp "$scratch/q" "$scratch/l"
}

filters_agree() { # the plugin's, and that of ptw-sim pack over everything
	local pages
	record --recorder qemu --filter 0 --output all.u32.zst "$scratch/tiny" || return 1
	for pages in 1 2 7 256; do
		record --recorder qemu --filter $pages --output q.u32.zst "$scratch/tiny" &&
			"$sim" pack --filter $pages all.u32.zst > "$scratch/p.zst" &&
			cmp q.u32.zst "$scratch/p.zst" || return 1
	done
}

children_are_silent() { # what a process does after a fork is no part of its parent's trace
	local one two
	record --recorder "$1" --output one.u32.zst perl -e 'wait' &&
		record --recorder "$1" --output two.u32.zst perl -e 'my @a; if (!fork) { push @a, "x" x 5000 for 1 .. 1000; exit } wait' || return 1
	one=$("$sim" one.u32.zst -p lru --json - 2> /dev/null | value footprint_pages)
	two=$("$sim" two.u32.zst -p lru --json - 2> /dev/null | value footprint_pages)
	[ "$((two - one))" -lt 200 ] || same "$two" "$one"
}

limited() { # RECORDER: exactly so many references of a program that would never end
	local references
	record --recorder "$1" --limit 3000 --output x.u32.zst perl -e 'push @a, "x" x 5000 while 1' || { cat "$scratch/err"; return 1; }
	references=$("$sim" x.u32.zst -p lru --json - 2> /dev/null | value references)
	same "$references $(grep -c 'stopped after 3000' "$scratch/err") $(wc -l < "$scratch/err")" "3000 1 1"
}

becomes_another() { # what it was before is recorded, and the other one is waited for
	record --recorder "$1" --output x.u32.zst sh -c 'exec sh -c "sleep 1; echo late"' || { cat "$scratch/err"; return 1; }
	same "$(head -n 1 "$scratch/out")" late && "$sim" x.u32.zst -p lru > /dev/null 2>&1
}

timed() { # on a slow machine a recorder has hardly begun after two seconds
	local seconds
	for seconds in 2 10 60; do
		if record --recorder "$1" --seconds $seconds --output x.u32.zst sleep 600; then
			grep -q "ended 'sleep' after $seconds seconds" "$scratch/err" && "$sim" x.u32.zst -p lru > /dev/null 2>&1
			return
		fi
	done
	cat "$scratch/err"
	return 1
}

script_is_run() {
	printf '#!/usr/bin/env perl\nprint "by $0 @ARGV\\n";\n' > "$scratch/script"
	chmod +x "$scratch/script"
	record --recorder qemu --output x.u32.zst "$scratch/script" one two || { cat "$scratch/err"; return 1; }
	same "$(head -n 1 "$scratch/out")" "by $scratch/script one two"
}

for recorder in "${recorders[@]}"; do
	check "record-trace by $recorder leaves children out" children_are_silent "$recorder"
	check "record-trace by $recorder stops at --limit" limited "$recorder"
	check "record-trace by $recorder waits for what a program becomes" becomes_another "$recorder"
	check "record-trace by $recorder stops after --seconds" timed "$recorder"
done
if [[ " ${recorders[*]} " == *" qemu "* ]]; then
	check "record-trace by qemu runs scripts" script_is_run
	if [ "$(uname -m)" = x86_64 ] && tiny; then
		check "the plugin's filter is that of ptw-sim pack" filters_agree
		if [[ " ${recorders[*]} " == *" lackey "* ]]; then
			check "qemu and lackey tell the same, page by page and tick by tick" recorders_agree
		fi
	fi
fi
rm -f ./*.u32.zst

own_status() {
	echo old > sh.u32.zst
	record sh -c 'exit 7' || return 1
	grep -q "note: 'sh' ended with status 7" "$scratch/err" && left_is sh.u32.zst &&
		"$sim" sh.u32.zst -p lru > /dev/null 2>&1
}
check "record-trace tells the program's own status, names the file after it and replaces it" own_status
rm -f sh.u32.zst

# A packer that gives up ends the recording, too, and leaves nothing.
packer_fails() {
	local start=$SECONDS
	printf '#!/bin/bash\nhead -c 1000 > /dev/null\necho "ptw-sim: no" >&2\nexit 2\n' > "$scratch/packer"
	chmod +x "$scratch/packer"
	PTW_SIM=$scratch/packer "$here/../../scripts/record-trace" sleep 900 > /dev/null 2> "$scratch/err"
	same "$?" 2 && left_is && [ $((SECONDS - start)) -lt 300 ] && grep -q 'nothing recorded' "$scratch/err"
}
check "record-trace ends when its packer does" packer_fails

interrupted() { # SIGNAL
	local start=$SECONDS
	timeout -s "$1" 2 env PTW_SIM="$sim" "$here/../../scripts/record-trace" sleep 900 > /dev/null 2>&1
	same "$?" 124 && left_is && [ $((SECONDS - start)) -lt 300 ]
}
for signal in INT TERM; do
	check "record-trace leaves nothing when it is interrupted, $signal" interrupted $signal
done
