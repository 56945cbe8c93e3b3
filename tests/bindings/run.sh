#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Builds the bindings against an installed library, and runs their tests. Prints TAP.
#
#   tests/bindings/run.sh PREFIX      PREFIX: where `DESTDIR=... meson install` put the library, up to /usr
set -u
[ $# = 1 ] && [ -d "$1/include/ptw" ] || {
	echo "usage: tests/bindings/run.sh PREFIX, which has include/ptw" >&2
	exit 2
}
prefix=$(realpath "$1")
cd "$(dirname "$0")/../.." || exit 2
lib=$(dirname "$(find "$prefix" -name libptw.so)") || exit 2
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
count=0 status=0
# Debian's python3 and rustc are named by their path, whatever else PATH may lead to.

tap() {
	count=$((count + 1))
	if "${@:2}" >"$scratch/out" 2>&1; then
		echo "ok $count - $1"
	else
		echo "not ok $count - $1"
		sed 's/^/# /' "$scratch/out"
		status=1
	fi
}

build_python() {
	cp -r bindings/python "$scratch/python" && cd "$scratch/python" &&
		PTW_CFLAGS="-I$prefix/include" PTW_LIBS="-L$lib -lptw -Wl,-rpath,$lib" \
			/usr/bin/python3 setup.py -q build --build-lib "$scratch/built"
}
build_python_there() (build_python)

build_rust() {
	/usr/bin/rustc --edition 2021 -O -D warnings -o "$scratch/hot_pages" bindings/rust/hot_pages.rs \
		-L "native=$lib" -l ptw -C "link-arg=-Wl,-rpath,$lib"
}

same_layouts() {
	cc -I"$prefix/include" -o "$scratch/layouts" tests/bindings/layouts.c &&
		diff <("$scratch/layouts") <("$scratch/hot_pages" --layouts)
}

refuses() {
	"$scratch/hot_pages" no-such 2>"$scratch/said"
	[ $? = 2 ] && grep -q ept4 "$scratch/said"
}

tap "python: builds against the headers" build_python_there
mkdir -p "$scratch/tests"
cp bindings/python/test_ptw.py "$scratch/tests"
PYTHONPATH=$scratch/built /usr/bin/python3 "$scratch/tests/test_ptw.py" >"$scratch/python.tap" || status=1
while IFS= read -r line; do
	case $line in
	"ok "* | "not ok "*)
		count=$((count + 1))
		echo "${line%% [0-9]*} $count - ${line#* - }"
		;;
	"#"*) echo "$line" ;;
	esac
done <"$scratch/python.tap"
tap "rust: builds without a warning" build_rust
tap "rust: structures are laid out as the C headers say" same_layouts
for preset in ept4 ept5 arm64-s2-4k arm64-s2-64k; do
	tap "rust: what two processors used is found by harvests next to them ($preset)" "$scratch/hot_pages" $preset
done
tap "rust: an unknown preset is refused in words" refuses
echo "1..$count"
exit $status
