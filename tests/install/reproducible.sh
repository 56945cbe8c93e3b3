#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Builds the release twice, from copies in folders of other names and with other build folders, and compares.
cd "$(dirname "$0")/../.." || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -r "$work"' EXIT
export SOURCE_DATE_EPOCH=1700000000 TZ=UTC

# $1: folder of the copy, $2: of the build in it.
build() {
	mkdir -p "$work/$1" && cp -r meson.build meson_options.txt arch include lib ports scripts "$work/$1" &&
		cd "$work/$1" && meson setup "$2" --prefix=/usr -Dtests=false -Dbench=false -Dexamples=false &&
		ninja -C "$2" && DESTDIR=$work/installed-$1 meson install -C "$2" --no-rebuild --quiet
}

(build one build) >&2 || exit 1
sleep 1
(export TZ=Asia/Tokyo LC_ALL=C && build two-of-another-length out/build) >&2 || exit 1
# Static libraries are made of members with names and dates: compared as they are, too.
diff -r "$work/installed-one" "$work/installed-two-of-another-length" || {
	echo "two builds differ; diffoscope on them tells where" >&2
	exit 1
}
find "$work/installed-one" -type f | wc -l
