#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# examples/qemu-plugin, tried: TAP.
#
# run.sh PLUGIN [x86|arm64...]   PLUGIN: a guest-age.so that was built, with ptw-sim in ../sim
plugin=$(realpath -- "${1:?which guest-age.so?}") || exit 2
here=$(cd "$(dirname "$0")" && pwd) || exit 2
shift
. "$here/../../scripts/lib/tap.sh"
. "$here/guests.sh"
[ $# != 0 ] || set -- x86 arm64
box=$(mktemp -d) || exit 2
trap 'rm -rf "$box"' EXIT

# $1: what to check, $2: file
report_is() {
	"$here/check.py" "$@"
}

exact() {
	local arch=$1

	check "$arch: the guest is built" guest_build "$arch" "$box/$arch"
	check "$arch: it runs under the plugin" guest_run "$arch" "$box/$arch" \
		-plugin "$plugin,every=1M,verify=on,json=$box/$arch.json,record=$box/$arch.words"
	check "$arch: the pages harvested are those accessed, step by step" report_is exact "$box/$arch.json"
	check "$arch: the trace has the same pages" report_is trace "$box/$arch.words"
}

# A message has to say what was wrong.
refused() {
	local words=$1
	shift

	! guest_run "$@" >"$box/refused" 2>&1 && grep -q "guest-age: .*$words" "$box/refused"
}

for arch in "$@"; do
	exact "$arch"
done
arch=$1
check "an unknown argument is refused" refused "bad argument 'speed=1M'" "$arch" "$box/$arch" -plugin "$plugin,speed=1M"
check "no number is refused" refused "bad argument 'every=soon'" "$arch" "$box/$arch" -plugin "$plugin,every=soon"
check "two clocks are refused" refused "two ways" "$arch" "$box/$arch" -plugin "$plugin,every=1M,interval=10"
# shellcheck disable=SC2034 # for guest_run
guest_memory=memory-backend-ram
check "RAM that is not known is refused" refused "memory-backend-memfd" "$arch" "$box/$arch" -plugin "$plugin"
check "RAM that is told will do, without fetches" guest_run "$arch" "$box/$arch" \
	-plugin "$plugin,ram=256M,interval=50,json=$box/plain.json"
check "and the report says so" grep -q '"fetches":false' "$box/plain.json"
tap_end
