#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# No indirect call in the hot loop of the dense harvest, nor in what it calls for each table: one
# per range is the design's rule, and that one is made by whoever calls these functions.
#
# check.sh OBJECT_OR_ARCHIVE   status 1 if a hot function holds an indirect call or jump
# check.sh --selftest          shows that the check fails on a callback planted into a real format
cd "$(dirname "$0")/../.." || exit 2

# The hot functions, and the parts of them that a compiler split off: the loops, and what searches
# and clears tables.
hot='^ptw_([a-z0-9_]+_harvest_dense|scan_[a-z0-9]+|clear_(pairs|transaction))(\..*)?$'
# One loop per instantiation file, the portable scan and one by vector registers at least, or else
# the pattern has gone stale.
expected=$(find lib/walk/instances -name '*.c' | wc -l)
scans=2

# check FILE LOOPS SCANS: how many of each it must have at least
check() {
	local file=$1 loops=$2 scans=$3 objdump=objdump

	case $(LC_ALL=C objdump -f "$file" 2>/dev/null) in
	*aarch64* | *UNKNOWN*) objdump=aarch64-linux-gnu-objdump ;;
	esac
	"$objdump" -d --no-show-raw-insn "$file" | awk -v hot="$hot" -v loops="$loops" -v scans="$scans" '
		/^[0-9a-f]+ <.*>:$/ {
			name = $2
			gsub(/[<>:]/, "", name)
			inside = name ~ hot
			functions += inside
			dense += inside && name ~ /_harvest_dense/
			scan += inside && name ~ /^ptw_scan_/
			next
		}
		# x86-64: "call *", "jmp *" (a jump table counts as well: there is nothing to switch on
		# in a loop over a constant format). arm64: "blr", "br".
		inside && /(call|jmp)q? +\*|\t(blr|br)[a-z]*[ \t]/ {
			print name ": " $0
			bad++
		}
		END {
			if (dense < loops || scan < scans) {
				print "only " dense + 0 " loops and " scan + 0 " scans found, " \
					loops " and " scans " expected"
				exit 1
			}
			if (bad) {
				print bad " indirect calls or jumps in the dense harvest"
				exit 1
			}
			print functions " hot functions, no indirect call"
		}'
}

# must_find FILE LOOPS SCANS: a callback for each access to an entry in what the file has of them
must_find() {
	local dir said status

	dir=$(mktemp -d) || exit 2
	# shellcheck disable=SC2046 # flags
	gcc -std=gnu11 -O3 -fPIC -Wall -Wextra -Werror -I include -I . -D_LGPL_SOURCE \
		'-DPTW_PORT_HEADER="tests/disasm/planted_port.h"' $(pkg-config --cflags liburcu-bp) \
		-c "$1" -o "$dir/planted.o" || exit 2
	said=$(check "$dir/planted.o" "$2" "$3")
	status=$?
	rm -r "$dir"
	if [ "$status" != 1 ] || ! grep -q 'indirect calls or jumps' <<<"$said"; then
		echo "$1: a planted callback was not found: $said" >&2
		return 1
	fi
	echo "$1: found the planted callback: ${said##*$'\n'}"
}

selftest() {
	must_find lib/walk/instances/ept.c 1 0 && must_find lib/walk/scan.c 0 1
}

case ${1:-} in
--selftest) selftest ;;
'' | -*)
	echo "usage: check.sh OBJECT_OR_ARCHIVE | --selftest" >&2
	exit 2
	;;
*) check "$1" "$expected" "$scans" ;;
esac
