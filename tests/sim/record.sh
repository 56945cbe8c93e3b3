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
check "record-trace into a missing folder is refused" record_refused "cannot write" --output no/x true
check "record-trace onto a folder is refused" record_refused "is a folder" --output "$scratch" true

if ! command -v valgrind > /dev/null; then
	skip "record-trace" "valgrind is not installed"
	return 0
fi

records_a_program() {
	local json
	echo something | record --output cat.u32.zst cat || { cat "$scratch/err"; return 1; }
	same "$(head -n 1 "$scratch/out")" something && left_is cat.u32.zst || return 1
	json=$("$sim" cat.u32.zst --policy lru --json - 2> /dev/null)
	rm -f cat.u32.zst
	# Program, loader, C library, stack: not below 50 pages, and each was a miss in the filter once.
	[ "$(value footprint_pages <<< "$json")" -gt 50 ] && [ "$(value ticks <<< "$json")" -gt 0 ] || same "$json" more
}
check "record-trace records a program, which has its input and output" records_a_program

same_as_lackey() { # the same program twice: about the same pages, since addresses differ a little
	local here_pages there_pages
	record --filter 0 --output a.u32.zst ls /dev/null || return 1
	valgrind -q --tool=lackey --trace-mem=yes --log-file="$scratch/log" ls /dev/null > /dev/null 2>&1
	here_pages=$("$sim" a.u32.zst -p lru --json - 2> /dev/null | value references)
	there_pages=$("$sim" "$scratch/log" -p lru --json - 2> /dev/null | value references)
	rm -f a.u32.zst "$scratch/log"
	perl -e 'exit !($ARGV[0] > 100000 && abs($ARGV[0] / $ARGV[1] - 1) < 0.02)' "$here_pages" "$there_pages" ||
		same "$here_pages" "$there_pages"
}
check "record-trace keeps what lackey tells" same_as_lackey

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
	PTW_SIM=$scratch/packer "$here/../../scripts/record-trace" sleep 60 > /dev/null 2> "$scratch/err"
	same "$?" 2 && left_is && [ $((SECONDS - start)) -lt 30 ] && grep -q 'nothing recorded' "$scratch/err"
}
check "record-trace ends when its packer does" packer_fails

interrupted() { # SIGNAL
	local start=$SECONDS
	timeout -s "$1" 2 env PTW_SIM="$sim" "$here/../../scripts/record-trace" sleep 60 > /dev/null 2>&1
	same "$?" 124 && left_is && [ $((SECONDS - start)) -lt 30 ]
}
for signal in INT TERM; do
	check "record-trace leaves nothing when it is interrupted, $signal" interrupted $signal
done
