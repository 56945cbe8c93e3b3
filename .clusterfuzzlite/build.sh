#!/bin/bash -eu
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Builds every fuzz target as OSS-Fuzz and ClusterFuzzLite want it: CC, CFLAGS and LIB_FUZZING_ENGINE
# say how, the programs go to $OUT with their seed corpora beside them. The source is $SRC/libptw.
for name in SRC OUT WORK CC LIB_FUZZING_ENGINE; do
	if [ -z "${!name:-}" ]; then
		echo "build.sh: $name is not set; this script runs in a fuzzing image" >&2
		exit 2
	fi
done

source=$SRC/libptw
build=$WORK/libptw
rm -rf "$build"
# Where the programs run there are no libraries but the C library's.
meson setup "$build" "$source" --buildtype=plain --default-library=static -Dprefer_static=true \
	-Dfuzz=true -Dtests=false -Dbench=false -Dzstd=enabled -Db_lundef=false
mapfile -t targets < <(ninja -C "$build" -t targets all |
	sed -n 's,^\(fuzz/fuzz_[a-z0-9_]*\): .*,\1,p')
ninja -C "$build" "${targets[@]}"

for target in "${targets[@]}"; do
	name=${target##*/}
	install -m 755 "$build/$target" "$OUT/$name"
	corpus=$source/fuzz/corpus/${name#fuzz_}
	rm -f "$OUT/${name}_seed_corpus.zip"
	[ ! -d "$corpus" ] || zip -q -j -r "$OUT/${name}_seed_corpus.zip" "$corpus"
done
