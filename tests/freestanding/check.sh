#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Compiles the core (lib/ and arch/) without a libc and looks at what it still needs.
#
# check.sh CONFIGURATION [EXTRA.c...]   one of the configurations below; status 1 if the core needs
#                                       anything but the four memory functions and the port's
# check.sh --selftest                   shows that the check fails on planted violations
# check.sh --list                       the configurations
cd "$(dirname "$0")/../.." || exit 2

configurations='gcc-x86_64 clang-x86_64 gcc-aarch64 gcc-aarch64-lse age-alone'
allowed='^(memcpy|memset|memmove|memcmp|ptw_port_[a-z0-9_]+)$'

mapfile -t core < <(find lib arch -name '*.c' | sort)

# What a kernel compiles with, and a libc-free one.
common=(-std=gnu11 -ffreestanding -nostdinc -O2 -Wall -Wextra -Werror
	-Wstrict-prototypes -Wmissing-prototypes
	-fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables
	-I include -I . '-DPTW_PORT_HEADER="tests/freestanding/fake_port.h"')
x86_64=(-m64 -mgeneral-regs-only -mno-red-zone)
# No outline atomics: their helpers live in libgcc.
aarch64=(-mgeneral-regs-only -mno-outline-atomics)

# $1: configuration; the other arguments: the files.
check() {
	local configuration=$1 compiler binutils='' flags files work
	shift

	case $configuration in
	gcc-x86_64) compiler=gcc flags=("${x86_64[@]}") ;;
	clang-x86_64) compiler=clang flags=("${x86_64[@]}") ;;
	gcc-aarch64)
		compiler=aarch64-linux-gnu-gcc binutils=aarch64-linux-gnu-
		flags=("${aarch64[@]}")
		;;
	gcc-aarch64-lse)
		compiler=aarch64-linux-gnu-gcc binutils=aarch64-linux-gnu-
		flags=("${aarch64[@]}" -march=armv8.1-a)
		;;
	age-alone)
		# the ages without a port, as programs compile them that want nothing else.
		compiler=gcc flags=("${x86_64[@]}" -UPTW_PORT_HEADER -DPTW_AGE_ALONE)
		mapfile -t files < <(find lib/age -maxdepth 1 -name '*.c' | sort)
		set -- "${files[@]}"
		;;
	*)
		echo "check.sh: no configuration $configuration; there are: $configurations" >&2
		return 2
		;;
	esac

	work=$(mktemp -d) || return 2
	# Two at a time; the object of a/b.c is a_b.c.o.
	printf '%s\0' "$@" | xargs -0 -P 2 -n 1 bash -c '
		object=$1/${!#//\//_}.o
		shift
		"$@" -o "$object" || exit 1' compile "$work" "$compiler" "${common[@]}" \
		"${flags[@]}" -c || {
		echo "$configuration: does not compile without a libc" >&2
		rm -r "$work"
		return 1
	}

	"${binutils}ld" -r -o "$work/core.o" "$work"/*.c.o || {
		rm -r "$work"
		return 1
	}
	"${binutils}nm" --undefined-only --format=posix "$work/core.o" |
		awk '{ print $1 }' | grep -Ev "$allowed" >"$work/unwanted"
	if [ -s "$work/unwanted" ]; then
		echo "$configuration: the core needs what no port provides:" \
			"$(tr '\n' ' ' <"$work/unwanted")" >&2
		rm -r "$work"
		return 1
	fi
	echo "$configuration: $(find "$work" -name '*.c.o' | wc -l) files, needs:" \
		"$("${binutils}nm" --undefined-only --format=posix "$work/core.o" |
			awk '{ printf "%s ", $1 }')"
	rm -r "$work"
}

# $1: symbol that must be found; $2: configuration; the other arguments: files to plant beside;
# standard input: the planted file.
must_find() {
	local symbol=$1 configuration=$2 dir file said status
	shift 2

	dir=$(mktemp -d) || exit 2
	file=$dir/planted.c
	cat >"$file"
	said=$(check "$configuration" "$@" "$file" 2>&1)
	status=$?
	rm -r "$dir"
	if [ "$status" != 1 ] || ! grep -q "needs what no port provides:.*\<$symbol\>" <<<"$said"; then
		echo "$configuration: a planted call of $symbol was not found: $said" >&2
		return 1
	fi
	echo "$configuration: found the planted $symbol"
}

selftest() {
	local popcount malloc sixteen
	popcount='unsigned int ptw_planted(unsigned long long x);
		unsigned int ptw_planted(unsigned long long x) { return __builtin_popcountll(x); }'
	malloc='void *malloc(unsigned long); void *ptw_planted(void);
		void *ptw_planted(void) { return malloc(8); }'
	sixteen='unsigned __int128 ptw_planted(unsigned __int128 a, unsigned __int128 b);
		unsigned __int128 ptw_planted(unsigned __int128 a, unsigned __int128 b)
		{ return a / b; }'
	must_find __popcountdi2 gcc-x86_64 <<<"$popcount" &&
		must_find __popcountdi2 gcc-aarch64 <<<"$popcount" &&
		must_find malloc gcc-x86_64 "${core[@]}" <<<"$malloc" &&
		must_find __udivti3 clang-x86_64 <<<"$sixteen"
}

case ${1:-} in
--list) echo "$configurations" ;;
--selftest) selftest ;;
'' | -*)
	echo "usage: check.sh CONFIGURATION [EXTRA.c...] | --selftest | --list" >&2
	exit 2
	;;
*) check "$1" "${core[@]}" "${@:2}" ;;
esac
