#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# What tools say about the tree without running it: licences, spelling, conversions, cppcheck, clang-tidy. Prints TAP.
#
# run.sh [--selftest-only]   The self-test plants a mistake for each tool, which must find it.
cd "$(dirname "$0")/../.." || exit 2
. scripts/lib/tap.sh
work=$(mktemp -d) || exit 2
trap 'rm -r "$work"' EXIT

mapfile -t sources < <(find lib arch ports/user ports/vector -name '*.c' | sort)
# The harvest loops are one template: of its instances one of each architecture will do for clang-tidy.
mapfile -t tidied < <(printf '%s\n' "${sources[@]}" | grep -vE 'instances/(arm64_s1|arm64_s2_(16|64)k|perverse|x86_64)')
flags=(-std=gnu11 -pthread -Iinclude -I. -D_LGPL_SOURCE -D_FILE_OFFSET_BITS=64 -DPTW_PORT_USDT)
clang=$(command -v clang || command -v clang-14) || exit 2
tidy=$(command -v clang-tidy || command -v clang-tidy-14) || exit 2

# Each takes source files. Both processors have something to do.
conversions() {
	local compiler=$1
	shift
	printf '%s\0' "$@" | xargs -0 -P 2 -n 8 "$compiler" "${flags[@]}" -fsyntax-only -Wall -Wextra \
		-Wconversion -Werror >&2
}

clean_cppcheck() {
	cppcheck -j 2 --std=c11 --enable=warning,portability,performance --inline-suppr --quiet --error-exitcode=1 \
		-Iinclude -I. -D__SIZEOF_POINTER__=8 -D__ORDER_LITTLE_ENDIAN__=1 -D__BYTE_ORDER__=1 -D__x86_64__ \
		"$@" >&2
}

clean_tidy() {
	# clang-tidy counts on standard error what it leaves out in headers of others.
	printf '%s\0' "$@" | xargs -0 -P 2 -n 8 sh -c 'tidy=$1 first=$2; shift 2
		"$tidy" --quiet "$@" -- '"${flags[*]}"' 2>"$first.$$" || { cat "$first.$$"; exit 1; }' \
		sh "$tidy" "$work/tidy" >&2
}

licences() {
	reuse lint >"$work/reuse.log" 2>&1 && ! grep -q ERROR "$work/reuse.log" || {
		tail -n 20 "$work/reuse.log" >&2
		return 1
	}
}

spelling() {
	codespell -q 3 -L damon,nd,te,crate -S './build*,./LICENSES,./.git,./fuzz/corpus,*.zst,*.xml' "${1:-.}" >&2
}

# $1: what it must say.
refuses() {
	! "${@:2}" 2>"$work/refused.log" && grep -q -e "$1" "$work/refused.log" || {
		cat "$work/refused.log" >&2
		return 1
	}
}

# $1: name of the file, standard input: its text.
plant() {
	planted=$work/$1
	cat >"$planted"
}

if [ "${1:-}" != --selftest-only ]; then
	check "REUSE: every file has a licence" licences
	check "codespell" spelling
	check "-Wall -Wextra -Wconversion, gcc" conversions gcc "${sources[@]}"
	check "-Wall -Wextra -Wconversion, clang" conversions "$clang" "${sources[@]}"
	check "cppcheck" clean_cppcheck lib arch ports/user ports/vector examples
	check "clang-tidy" clean_tidy "${tidied[@]}"
fi
plant conversion.c <<<'unsigned char cut(unsigned long word); unsigned char cut(unsigned long word) { return word; }'
check "a conversion that loses bits is found, gcc" refuses conversion conversions gcc "$planted"
check "a conversion that loses bits is found, clang" refuses conversion conversions "$clang" "$planted"
plant beyond.c <<<'int beyond(void); int beyond(void) { int few[2] = {0}; return few[2]; }'
check "cppcheck finds what is read beyond an array" refuses arrayIndexOutOfBounds clean_cppcheck "$planted"
plant same.c <<<'int same(int a, int b); int same(int a, int b) { return a == b || a == b; }'
cp .clang-tidy "$work"
check "clang-tidy finds the same condition twice" refuses misc-redundant-expression clean_tidy "$planted"
# In two parts, since this file is checked, too.
plant spelling.txt <<<"rec""ieve"
check "codespell finds a word" refuses "==> rec""eive" spelling "$planted"
tap_end
