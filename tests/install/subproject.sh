#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Uses libptw as a meson subproject by a wrap file, as docs/building.md says; the archive that the wrap names is made from
# this tree. Meson downloads nothing.
here=$(cd "$(dirname "$0")" && pwd) || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -r "$work"' EXIT
top=$here/../..
user=$work/user
name=libptw-0
mkdir -p "$work/$name" "$user/subprojects/packagecache"

cp "$here/subproject/meson.build" "$here/use.c" "$user" &&
	cp -r "$top"/meson.build "$top"/meson_options.txt "$top"/{arch,include,lib,ports,scripts} "$work/$name" &&
	tar -C "$work" -czf "$user/subprojects/packagecache/$name.tar.gz" "$name" || exit 1
cat >"$user/subprojects/libptw.wrap" <<-END
	[wrap-file]
	directory = $name
	source_url = http://localhost:1/$name.tar.gz
	source_filename = $name.tar.gz
	source_hash = $(sha256sum <"$user/subprojects/packagecache/$name.tar.gz" | cut -d ' ' -f 1)

	[provide]
	dependency_names = libptw
END

# Nothing installed may be taken instead of it; liburcu still comes from the system.
cd "$user" && meson setup build --wrap-mode=forcefallback -Doptimization=0 &&
	ninja -C build && meson test -C build --print-errorlogs || exit 1
if [ -e build/subprojects/libptw-0/examples ] || find build -name 'test_*' | grep -q .; then
	echo "a subproject builds more than the library" >&2
	exit 1
fi
readelf -d build/use-shared | grep -q 'NEEDED.*libptw\.so\.0' || {
	echo "use-shared is not linked with the library's shared form" >&2
	exit 1
}
if readelf -d build/use-static | grep -q 'NEEDED.*libptw'; then
	echo "use-static is not linked with the library's static form" >&2
	exit 1
fi
