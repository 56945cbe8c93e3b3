#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Builds the bindings against an installed library, and runs their tests. Prints TAP.
#
#   tests/bindings/run.sh PREFIX      PREFIX: where `DESTDIR=... meson install` put the library, up to /usr
set -u
. "$(dirname "$0")/../../scripts/lib/tap.sh"
[ $# = 1 ] && [ -d "$1/include/ptw" ] || {
	echo "usage: tests/bindings/run.sh PREFIX, which has include/ptw" >&2
	exit 2
}
prefix=$(realpath "$1")
cd "$(dirname "$0")/../.." || exit 2
lib=$(dirname "$(find "$prefix" -name libptw.so)") || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
# Debian's python3 and rustc are named by their path, whatever else PATH may lead to.

build_python() (
	cp -r bindings/python "$scratch/python" && cd "$scratch/python" &&
		PTW_CFLAGS="-I$prefix/include" PTW_LIBS="-L$lib -lptw -Wl,-rpath,$lib" \
			/usr/bin/python3 setup.py -q build --build-lib "$scratch/built"
)

# $1: source
build_rust() {
	/usr/bin/rustc --edition 2021 -O -D warnings -o "$scratch/$(basename "$1" .rs)" "$1" \
		-L "native=$lib" -l ptw -C "link-arg=-Wl,-rpath,$lib"
}

# It calls the library's own functions by dlsym() only.
build_planted() {
	cc -shared -fPIC -I"$prefix/include" -o "$scratch/again.so" tests/bindings/again.c \
		-Wl,--no-as-needed -L"$lib" -lptw -Wl,-rpath,"$lib"
}

same_layouts() {
	cc -I"$prefix/include" -o "$scratch/layouts" tests/bindings/layouts.c &&
		diff <("$scratch/layouts") <("$scratch/hot_pages" --layouts)
}

refuses() {
	"$scratch/hot_pages" no-such 2>"$scratch/said"
	[ $? = 2 ] && grep -q ept4 "$scratch/said"
}

# $1: what the Rust program is to look at; the other arguments: what is planted.
rust_again() {
	env "${@:2}" LD_PRELOAD="$scratch/again.so" "$scratch/again" "$1"
}

check "python: builds against the headers" quiet build_python
mkdir -p "$scratch/tests"
cp bindings/python/test_ptw.py tests/bindings/again.py "$scratch/tests"
PYTHONPATH=$scratch/built /usr/bin/python3 "$scratch/tests/test_ptw.py" >"$scratch/python.tap"
check "python: its tests ran to their end" grep -q '^1\.\.' "$scratch/python.tap"
while IFS= read -r line; do
	case $line in
	*"# SKIP "*) skip "$(sed 's/^ok [0-9]* - //; s/ # SKIP .*//' <<<"$line")" "${line#*# SKIP }" ;;
	"ok "*) check "${line#* - }" true ;;
	"not ok "*) check "${line#* - }" false ;;
	"#"*) echo "$line" ;;
	esac
done <"$scratch/python.tap"
check "a library that ends calls half-way builds" quiet build_planted
check "python: what was done half-way is told, and gone on with" \
	quiet env LD_PRELOAD="$scratch/again.so" PYTHONPATH="$scratch/built" /usr/bin/python3 "$scratch/tests/again.py"
check "rust: builds without a warning" quiet build_rust bindings/rust/hot_pages.rs
check "rust: structures are laid out as the C headers say" quiet same_layouts
for preset in ept4 ept5 arm64-s2-4k arm64-s2-64k; do
	check "rust: what two processors used is found by harvests next to them ($preset)" \
		quiet "$scratch/hot_pages" $preset
done
check "rust: an unknown preset is refused in words" quiet refuses
check "rust: the tests of calls that end half-way build" quiet build_rust tests/bindings/again.rs
check "rust: an unmap that another operation interrupts goes on" quiet rust_again goes-on PTW_PLANTED_TIMES=3
check "rust: another error tells what was unmapped before" \
	quiet rust_again tells PTW_PLANTED_TIMES=1 PTW_PLANTED_ERROR=-27
check "rust: a block in the way is told, and where to go on" \
	quiet rust_again block PTW_PLANTED_TIMES=2 PTW_PLANTED_BLOCK=1
check "rust: without any progress an unmap ends" \
	quiet rust_again ends PTW_PLANTED_TIMES=1000000 PTW_PLANTED_NOTHING=1
check "rust: of threads that unmap the same pages each page is told by one" quiet "$scratch/again" race
check "rust: a map goes on" quiet rust_again map PTW_PLANTED_TIMES=3 PTW_PLANTED_MAP=1
tap_end
