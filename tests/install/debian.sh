#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# The Debian packages: they build from a clean copy, lintian finds nothing, and the installed whole works. Prints TAP.
#
# debian.sh WORK_FOLDER   keeps packages and logs there
work=$(realpath -m "${1:?usage: debian.sh WORK_FOLDER}")
cd "$(dirname "$0")/../.." || exit 2
. scripts/lib/tap.sh
top=$PWD
version=$(sed -n "s/^  version: '\([0-9.]*\)',/\1/p" meson.build)
source=$work/libptw-$version
rm -rf "$work" && mkdir -p "$source" || exit 2

# As git has the tree, with what is not committed yet.
copied() {
	{ git ls-files -z --cached --others --exclude-standard || find . -type f -not -path './build*/*' \
		-not -path './.git/*' -print0; } | tar --create --null --files-from=- | tar --extract --directory "$source"
}

same_version() {
	[ "$(dpkg-parsechangelog --file debian/changelog --show-field Version)" = "$version" ] || {
		echo "debian/changelog has another version than meson.build, $version" >&2
		return 1
	}
}

built() {
	(cd "$source" && dpkg-buildpackage -us -uc -j"$(nproc)") >"$work/build.log" 2>&1 || {
		tail -n 40 "$work/build.log" >&2
		return 1
	}
}

# Warnings count as errors; lintian says nothing if all is well.
lintian_clean() {
	lintian --fail-on error,warning,info --info --display-info --tag-display-limit 0 \
		--allow-root "$work"/*.changes >&2
}

unpacked() {
	local package

	for package in "$work"/lib*.deb "$work"/ptw-tools_*.deb; do
		dpkg-deb -x "$package" "$work/root" || return 1
	done
}

uses() {
	"$top/tests/install/check.sh" "$1" "$work/root"
}

tools() {
	local libdir program

	libdir=$(dirname "$(find "$work/root" -name 'libptw.so.0')") || return 1
	for program in ptw-sim ptw-bench; do
		LD_LIBRARY_PATH=$libdir "$work/root/usr/bin/$program" --version | grep -qF "$version" || return 1
		[ -e "$work/root/usr/share/man/man1/$program.1.gz" ] &&
			[ -e "$work/root/usr/share/bash-completion/completions/$program" ] || return 1
	done
}

check "a copy of the tree" copied
check "one version" same_version
check "dpkg-buildpackage" built
check "lintian finds nothing" lintian_clean
check "packages unpack" unpacked
for what in files shared static reload; do
	check "installed packages: $what" uses "$what"
done
check "installed packages: programs, their manuals and completion" tools
tap_end
