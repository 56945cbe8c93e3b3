#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Uses an installed libptw the way a program from outside would.
#
# check.sh CHECK ROOT   ROOT is the DESTDIR of an installation with prefix /usr
# CHECK: files, shared, static, reload, headers, refusal, examples
here=$(cd "$(dirname "$0")" && pwd) || exit 2
what=${1:-}
root=$(cd "${2:-/nonexistent}" 2>/dev/null && pwd) || {
	echo "usage: check.sh files|shared|static|reload|headers|refusal|examples ROOT" >&2
	exit 2
}
work=$(mktemp -d) || exit 2
trap 'rm -r "$work"' EXIT

pc=$(find "$root" -name libptw.pc)
libdir=$(dirname "$(dirname "$pc")")
include=$root/usr/include
# The installed libptw.pc says /usr; the rest comes from the system.
flags() {
	PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --define-variable=prefix="$root/usr" "$@" libptw
}
strict=(-std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Werror)

case $what in
files)
	status=0
	for file in usr/include/ptw/ptw.h usr/include/ptw/port.h "${libdir#"$root"/}/libptw.a" \
		"${libdir#"$root"/}/libptw.so.0" "${pc#"$root"/}"; do
		[ -e "$root/$file" ] || {
			echo "$file is not installed" >&2
			status=1
		}
	done
	exit "$status"
	;;
shared)
	# shellcheck disable=SC2046 # flags
	gcc "${strict[@]}" "$here/use.c" -o "$work/use" $(flags --cflags --libs) || exit 1
	readelf -d "$work/use" | grep -q 'NEEDED.*libptw\.so\.0' || {
		echo "the program does not ask for libptw.so.0" >&2
		exit 1
	}
	LD_LIBRARY_PATH=$libdir "$work/use"
	;;
static)
	# shellcheck disable=SC2046
	gcc "${strict[@]}" "$here/use.c" -o "$work/use" -static $(flags --static --cflags --libs) &&
		"$work/use"
	;;
reload)
	gcc -std=gnu11 -Wall -Wextra -Werror "$here/reload.c" -o "$work/reload" &&
		"$work/reload" "$libdir/libptw.so.0"
	;;
headers)
	# Each header alone, in C and C++ (the port's are for C: liburcu and kernels decide there).
	status=0
	for header in "$include"/ptw/*.h; do
		name=ptw/${header##*/}
		echo "#include <$name>" >"$work/one.c"
		# shellcheck disable=SC2046
		gcc "${strict[@]}" -fsyntax-only $(flags --cflags) -D_GNU_SOURCE "$work/one.c" ||
			status=1
		[ "$name" = ptw/port.h ] && continue
		# shellcheck disable=SC2046
		clang -x c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only $(flags --cflags) \
			"$work/one.c" || status=1
	done
	exit "$status"
	;;
refusal)
	# 32-bit and big-endian hosts are told so by the first header.
	echo '#include <ptw/types.h>' >"$work/one.c"
	gcc -m32 -ffreestanding -nostdinc -I "$include" -E "$work/one.c" 2>&1 >"$work/out" |
		grep -q 'error.*64-bit host' || {
		echo "a 32-bit host is not refused" >&2
		exit 1
	}
	aarch64-linux-gnu-gcc -mbig-endian -ffreestanding -nostdinc -I "$include" -E "$work/one.c" \
		2>&1 >"$work/out" | grep -q 'error.*little-endian' || {
		echo "a big-endian host is not refused" >&2
		exit 1
	}
	;;
examples)
	# As somebody who copied them builds them: nothing of the tree is near.
	cp -r "$here/../../examples" "$work/examples" && mkdir "$work/build" && cd "$work/build" || exit 1
	export PKG_CONFIG_PATH=${pc%/*} LD_LIBRARY_PATH=$libdir
	make -s -j2 -f "$work/examples/Makefile" CFLAGS='-O1 -Wall -Wextra -Werror' \
		PKG_CONFIG="pkg-config --define-variable=prefix=$root/usr" || exit 1
	# A new example must not be forgotten: each file that has a main() is somebody's.
	mains=$(grep -rl '^int main(' "$work/examples" | wc -l)
	programs=$(find . -type f -executable ! -name '*.so' | wc -l)
	[ "$mains" = "$programs" ] || {
		echo "examples/ has $mains programs, its Makefile makes $programs" >&2
		exit 1
	}
	./race-safe && ./spaces >"$work/out" && ./dirty-log >"$work/out" && ./kvm-age --help >"$work/out" &&
		./ptw-sim run "$work/examples/sim/traces/python.u32.zst" --memory 50% >"$work/out"
	;;
*)
	echo "check.sh: no check named $what" >&2
	exit 2
	;;
esac
