# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=bash disable=SC2154
# Sourced by run.sh: what other programs record, and what ptw-sim pack makes of it.

cat > "$scratch/lackey" << 'LACKEY'
==4711== Lackey, an example Valgrind tool
==4711== Command: ./program
==4711== 
I  00001000,3
 L 1fff000628,8
 S 00002ffc,8
 M 00000ff8,8
SB 04016b80
--4711-- warning: something
 L 1fff000fff,1

I  00003fff,2
==4711== Exit code:       0
LACKEY
# The same accesses, page by page.
cat > "$scratch/lackey.txt" << 'PLAIN'
R 1000
R 1fff000628
W 2ffc
W 3000
W ff8
R 1fff000fff
R 3fff
R 4000
PLAIN

cat > "$scratch/view" << 'VIEW'
Output format:
<--record#-> <--instr#->: <---tid---> <record details>
------------------------------------------------------------
           1           0:     2765542 <marker: version 5>
           2           0:     2765542 <marker: page size 4096>
<...>
       47444       37769:     2765543 ifetch       3 byte(s) @ 0x0000000000001000 0f 84 5b    jz     $0x0000000000404bd9 (untaken)
       47446       37770:     2765543 read         8 byte(s) @ 0x0000001fff000628 by PC 0x0000000000001000
------------------------------------------------------------
       47447       37771:       W0.T3 write        8 byte(s) @ 0x0000000000002ffc by PC 0x0000000000001000
       47448       37771:       W0.T3 pref-r-L1    8 byte(s) @ 0x0000000000009000 by PC 0x0000000000001000
       47448       37771:       W0.T3 iflush       8 byte(s) @ 0x0000000000009000 by PC 0x0000000000001000
   173369: T1774669 write        8 byte(s) @ 0x0000000000000ff8
          10           4:       W0.T3                                             00000026
                                                   d9                jnz    $0x000000000040100b
: 1 byte(s) read @ 0x1fff000fff
       47449       37772:       W0.T3 ifetch       2 byte(s) @ 0x0000000000003fff 0f 05     syscall  @ -> %rcx %r11
       47451       37774:     2765543 <marker: system call 273>
       47452       37775:     2765543 <thread 2765543 exited>
View tool results:
              3 : total instructions
VIEW

# What a replay of a trace shows, name and time apart. mglru tells reads and writes apart nowhere, so
# that they are looked at by themselves below.
shows() { # TRACE [OPTION...]
	"$sim" "$@" --policy lru --memory 2 --json - 2> /dev/null | comparable
}

same_as_plain() { # TRACE [OPTION...]
	same "$(shows "$@")" "$(shows "$scratch/lackey.txt")" &&
		same "$(shows "$scratch/lackey.txt" | value references)" 8
}
check "lackey's output is known, and accesses over two pages count for both" same_as_plain "$scratch/lackey"
check "so is the view tool's" same_as_plain "$scratch/view"
check "lackey's by name" same_as_plain "$scratch/lackey" --trace-format lackey
check "the view tool's by name" same_as_plain "$scratch/view" --trace-format drcachesim
check "text by name" same_as_plain "$scratch/lackey.txt" --trace-format text
check "lackey's output without valgrind's messages is known, blank lines before it or not" same \
	"$( (printf '\n\n# x\n'; grep '^[ IMLS]' "$scratch/lackey") | shows - | md5sum)" \
	"$(shows - < "$scratch/lackey" | md5sum)"
check "so is it when it comes in pieces" same \
	"$( (printf '\n\n# x\n'; sleep 0.3; grep '^[ IMLS]' "$scratch/lackey") | shows - | md5sum)" \
	"$(shows - < "$scratch/lackey" | md5sum)"
check "lackey's output with carriage returns" same \
	"$(sed 's/$/\r/' "$scratch/lackey" | shows - | md5sum)" "$(shows - < "$scratch/lackey" | md5sum)"

through_a_slow_pipe() { # FILE: the first line arrives in two pieces
	same "$( (head -c 5 "$1"; sleep 0.2; tail -c +6 "$1") | shows - | md5sum)" "$(shows - < "$1" | md5sum)" &&
		same "$(shows - < "$1" | value references)" 8
}
check "what comes in pieces is known as well, lackey" through_a_slow_pipe "$scratch/lackey"
check "what comes in pieces is known as well, view" through_a_slow_pipe "$scratch/view"

# 70 000 accesses over two pages each: 140 000 references, and one tick.
ticks_are_accesses() {
	local json
	json=$(perl -e 'print " L 1ffc,8\n" x 70000' | "$sim" - --policy lru --json - 2> /dev/null)
	same "$(value references <<< "$json") $(value ticks <<< "$json")" "140000 1"
}
check "a tick is 65536 accesses, not references" ticks_are_accesses
check "words from standard input, by name" same \
	"$(shows - --trace-format u32 < "$scratch/both.u32")" "$(shows - < "$scratch/both.txt")"
check "both traces of a mixed load have the form" same \
	"$("$sim" "$scratch/lackey" --guest "$scratch/lackey" --trace-format lackey --json - 2> /dev/null |
		value references)" 16

# form_refused TEXT FORM LINE PATTERN: a good line of the form, then this one
form_refused() {
	local good='I  00001000,3'
	[ "$2" = drcachesim ] && good='1: T1 read 8 byte(s) @ 0x1000'
	printf '%s\n%s\n' "$good" "$3" > "$scratch/bad"
	check "$2: $1 is refused" refused "line 2 is no access: .*$4" "$scratch/bad" -p lru --json result.json
}
form_refused "no size" lackey ' L 1000' valgrind
form_refused "a size of nothing" lackey ' L 1000,' valgrind
form_refused "a size of zero" lackey ' L 1000,0' valgrind
form_refused "a size of zero at address zero" lackey ' L 0,0' valgrind
form_refused "a size that is not decimal" lackey ' L 1000,8x' valgrind
form_refused "a size above all sense" lackey ' L 1000,1048577' valgrind
form_refused "a size of more than 64 bits" lackey ' L 1000,18446744073709551617' valgrind
form_refused "an access over the end of all addresses" lackey ' L fffffffffffffffc,8' valgrind
form_refused "an address of 17 digits" lackey ' L 11112222333344445,8' valgrind
form_refused "an address with 0x" lackey ' L 0x1000,8' valgrind
form_refused "an unknown kind" lackey ' X 1000,8' valgrind
form_refused "no blank behind the kind" lackey 'I1000,8' valgrind
form_refused "what the program printed" lackey 'hello, world' '--log-file'
form_refused "half a line" lackey ' S 1fff' valgrind
form_refused "plain text" lackey 'R 1000' valgrind
form_refused "no address" drcachesim '2: T1 read 8 byte(s) @' 'view tool'
form_refused "no @" drcachesim '2: T1 read 8 byte(s) 0x1000' 'view tool'
form_refused "an address without 0x" drcachesim '2: T1 read 8 byte(s) @ 1000' 'view tool'
form_refused "an address that is not hexadecimal" drcachesim '2: T1 read 8 byte(s) @ 0x1g' 'view tool'
form_refused "no size" drcachesim '2: T1 read byte(s) @ 0x1000' 'view tool'
form_refused "no unit" drcachesim '2: T1 read 8 @ 0x1000' 'view tool'
form_refused "no kind" drcachesim '2: T1 8 byte(s) @ 0x1000' 'view tool'
form_refused "another kind" drcachesim '2: T1 touch 8 byte(s) @ 0x1000' 'view tool'
form_refused "a size above all sense" drcachesim '2: T1 read 1048577 byte(s) @ 0x1000' 'view tool'
form_refused "something else" drcachesim 'hello, world' 'view tool'
check "an unknown form is refused" refused \
	"bad --trace-format 'din'; give auto, text, lackey, drcachesim, u32 or vpn" "$redis" --trace-format din
check "lackey's output under another form's name is refused" refused "line 1 is no access: .*write R, W or I" \
	"$scratch/lackey" --trace-format text
check "text under lackey's name is refused" refused "line 1 is no access: 'R 1000'; record it with valgrind" \
	"$scratch/lackey.txt" --trace-format lackey
printf '==1== Lackey\n==1== \n' | bad_trace "lackey's output without an access" "no references"

# --- ptw-sim pack ----------------------------------------------------------------------------------------

words() { # a packed trace on standard input, as numbers
	zstd -q -d --long=27 -c | od -An -v -t u4 -w4 | xargs
}

pack_is() { # "WORD..." OPTION...: of the trace on standard input
	local expected=$1
	shift
	same "$("$sim" pack "$@" - | words)" "$expected"
}

if command -v zstd > /dev/null; then
	# Pages 1 and 2 in turn, then 3, then 1: of two that are kept, 3 pushes one out.
	printf '%s\n' 'I  1000,4' ' L 1008,4' ' L 2000,4' ' S 1ffc,8' ' L 3000,4' ' L 1000,4' ' L 2000,4' > "$scratch/kept"
	check "pack without a filter" pack_is "1 1 2 1 2 3 1 2" --filter 0 < "$scratch/kept"
	check "pack joins neighbours that are equal" pack_is "1 2 1 2 3 1 2" --filter 1 < "$scratch/kept"
	check "pack behind a TLB of two pages" pack_is "1 2 3 1 2" --filter 2 < "$scratch/kept"
	check "pack behind a TLB of three pages" pack_is "1 2 3" --filter 3 < "$scratch/kept"
	check "pack numbers tables in the order of their addresses" pack_is "512 0 1" --filter 0 \
		< <(printf ' L 7f0000000000,1\n S 0,1\n I  1000,1\n')
	check "pack keeps ticks where they are" pack_is "1 4294967295 2" \
		< <(perl -e 'print " L 1000,1\n" x 65536, " L 2000,1\n"')
	packed_again() {
		"$sim" pack -k 0 "$redis" > "$scratch/again" &&
			same "$(zstd -q -d --long=27 -c < "$scratch/again" | md5sum)" \
				"$(zstd -q -d --long=27 -c < "$redis" | md5sum)" || return 1
		# Behind a TLB no page misses twice in a row.
		"$sim" pack -k 1 "$redis" > "$scratch/again" &&
			same "$(zstd -q -d --long=27 -c < "$scratch/again" | md5sum)" \
				"$(zstd -q -d --long=27 -c < "$redis" | md5sum)"
	}
	check "pack of a packed trace gives it back, with equal neighbours joined, too" packed_again
	zstd -q -t --long=27 "$scratch/again" && check "what pack writes has a checksum" \
		grep -q 'XXH64' <(zstd -l -v "$scratch/again" 2>&1)
else
	skip "ptw-sim pack" "zstd is not installed"
fi
for filter in -1 65537 x ''; do
	check "pack --filter=$filter is refused" refused "bad --filter" pack "--filter=$filter" "$scratch/lackey"
done
check "pack without a trace is refused" refused "no trace named" pack
check "pack of two traces is refused" refused "one trace too many" pack "$scratch/lackey" "$scratch/lackey"
check "pack of a missing trace is refused" refused "cannot open" pack "$scratch/none"
check "pack with an unknown option is refused" refused "bad option '--fast'" pack --fast x
check "pack of an unknown form is refused" refused "bad --trace-format" pack -f din "$scratch/lackey"
pack_full() {
	"$sim" pack "$redis" > /dev/full 2> "$scratch/err"
	same "$? $(wc -l < "$scratch/err")" "2 1" && grep -q 'cannot write standard output' "$scratch/err"
}
check "pack tells that there is no room" pack_full
check "pack --help shows an example" grep -q '^  ptw-sim pack lackey.log --output' <("$sim" pack --help)

# 64-bit page numbers: those of the accesses above, in reads.
perl -e 'print pack "Q<*", map hex, qw(1 1fff000 2 3 0 1fff000 3 4)' > "$scratch/vpn"
sed 's/^W/R/' "$scratch/lackey.txt" > "$scratch/reads.txt"
vpn_is_read() {
	same "$(shows "$scratch/vpn" --trace-format vpn)" "$(shows "$scratch/reads.txt")" &&
		same "$( (cat "$scratch/vpn"; perl -e 'print "\xff" x 8') | shows - --trace-format vpn | value ticks)" 1
}
check "words of 64 bits are page numbers, all ones a tick" vpn_is_read
cut_short() { # BYTES
	head -c "$1" "$scratch/vpn" | "$sim" - --trace-format vpn > /dev/null 2> "$scratch/err"
	same "$? $(wc -l < "$scratch/err")" "2 1" && grep -q "$2" "$scratch/err"
}
check "half a word of 64 bits is refused" cut_short 12 "cut short"
no_page() {
	perl -e 'print pack "Q<*", 1, 1 << 52' | "$sim" - --trace-format vpn > /dev/null 2> "$scratch/err"
	same "$? $(wc -l < "$scratch/err")" "2 1" && grep -q 'word 1 is no address' "$scratch/err"
}
check "a word that is no page number is refused" no_page

limit_keeps() { # FORM FILE: five references, in any form
	"$sim" pack --limit 5 --filter 0 -f "$1" "$2" > "$scratch/five" 2> "$scratch/err" &&
		same "$(shows "$scratch/five" | value references) $(grep -c 'stopped after 5 references' "$scratch/err")" "5 1"
}
"$sim" pack --filter 0 "$scratch/lackey.txt" > "$scratch/eight.u32.zst"
for form in "text $scratch/lackey.txt" "lackey $scratch/lackey" "drcachesim $scratch/view" "vpn $scratch/vpn" "auto $scratch/eight.u32.zst"; do
	# shellcheck disable=SC2086 # two words
	check "pack --limit keeps so many, ${form%% *}" limit_keeps $form
done
for limit in -1 x '' 4294967295; do
	check "pack --limit=$limit is refused" refused "bad --limit" pack "--limit=$limit" "$scratch/lackey"
done
