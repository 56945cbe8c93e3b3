#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# examples/qemu-plugin, tried: TAP.
#
# run.sh PLUGIN [x86|arm64...]   PLUGIN: a guest-age.so that was built, with ptw-sim in ../sim
#
# PTW_QEMU_BOOT=no leaves out the boots of stock kernels, which take most of the time. PTW_KERNEL_CACHE: where kernels are kept, as for tests/kernel/run.sh
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
		-plugin "$plugin,every=250K,verify=on,json=$box/$arch.json,metrics=$box/$arch.prom,record=$box/$arch.words"
	check "$arch: the pages harvested are those accessed, step by step" report_is exact "$box/$arch.json"
	check "$arch: the trace has the same pages" report_is trace "$box/$arch.words"
	check "$arch: the figures are OpenMetrics" metrics "$box/$arch.prom"
}

# The machine without QEMU: there nobody can make a processor be so late.
late() {
	local tree=$here/../.. lib
	lib=$(realpath "$(dirname "$plugin")/../..") || return 1

	cc -std=gnu11 -O1 -Wall -Wextra -I"$tree" -I"$tree/include" -o "$box/late" "$here/late.c" \
		"$tree/examples/qemu-plugin/"{machine,say}.c -Wl,--wrap=ptw_unmap -L"$lib" -lptw -Wl,-rpath,"$lib" -lpthread &&
		"$box/late" ept4 arm64-s2-4k
}

# A stock kernel, by the demo.
boots() {
	local arch=$1

	check "$arch: the demo boots a stock kernel, and prints its phases" demo "$arch"
	check "$arch: its report shows the kernel's phases and those of the work" report_is boot "$box/demo/report.json"
	check "$arch: page and picture are there" pictures
	rm -rf "$box/demo"
}

# A report of three phases, the second one shorter than a column, as a table: each row is there, its end beside its peak.
table() {
	cat >"$box/table.json" <<-END
		{"format":"ptw-guest-age","target":"none","processors":1,"pages":131072,"page_size":4096,"table":"ept4",
		"instructions":400000000,"counters":{"loads":0,"stores":0,"evicted":0,"refaults":0},"columns":[
		{"instructions":100000000,"working_set":7680,"ever":10240,"resident":8960},
		{"instructions":300000000,"working_set":23040,"ever":51200,"resident":23040},
		{"instructions":400000000,"working_set":2560,"ever":51200,"resident":12800}],
		"marks":[{"text":"short one","instructions":110000000},{"text":"long one","instructions":120000000}]}
	END
	"$here/../../examples/qemu-plugin/summary.py" "$box/table.json" >"$box/table" &&
		row loader 110 30.0 MiB 30.0 MiB 40.0 MiB 35.0 MiB && row 'short one' 10 - - - - &&
		row 'long one' 280 90.0 MiB 10.0 MiB 200.0 MiB 50.0 MiB &&
		grep -q 'there, with' "$box/table" || { cat "$box/table" >&2; return 1; }
}

# A row of it, whatever the blanks.
row() {
	tr -s ' ' <"$box/table" | grep -qxF -- "$*"
}

# A console: its phases are told as they are seen, and it is passed on.
phases() {
	printf '%s\n' 'Linux version 6' 'phase: work' >"$box/said"
	"$here/../../examples/qemu-plugin/marks.py" <"$box/said" >"$box/passed" 2>"$box/told" && cmp "$box/said" "$box/passed" &&
		[ "$(sed 's/^ *[0-9]* s  //' "$box/told" | tr '\n' ,)" = loader,kernel,work, ] || { cat "$box/told" >&2; return 1; }
}

demo() {
	PTW_GUEST_AGE=$plugin "$here/../../examples/qemu-plugin/demo" --no-plain --output "$box/demo" "$1" >"$box/demo.out" &&
		grep -q '^4 MiB again ' "$box/demo.out" && grep -q '^user space ' "$box/demo.out" ||
		{ cat "$box/demo.out" >&2; return 1; }
}

# Ends as it must, and has what is a number where one is wanted.
metrics() {
	[ "$(tail -n 1 "$1")" = '# EOF' ] && grep -qx 'ptw_guest_idle_pages{up_to="+Inf"} [1-9][0-9]*' "$1" &&
		! grep -v '^#' "$1" | grep -vqE '^ptw_guest_[a-z_]+(\{up_to="[^"]+"\})? [0-9]+$|^ptw_guest_step_seconds [0-9]+\.[0-9]{6}$' &&
		grep -q '^ptw_guest_step_seconds ' "$1"
}

pictures() {
	python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$box/demo/picture.svg" &&
		grep -q '<td>user space</td>' "$box/demo/report.html" && grep -q '</html>' "$box/demo/report.html" &&
		! find "$box/demo" -name '.*' -type f | grep -q .
}

recorded() {
	local arch=$1

	PTW_SIM=$(dirname "$plugin")/../sim/ptw-sim "$here/../../scripts/record-guest" --output "$box/$arch.u32.zst" \
		--limit 100000 qemu-system-aarch64 -M virt -cpu max -m 256 -display none -serial none -monitor none \
		-nic none -kernel "$box/$arch" >"$box/recorded" 2>&1 &&
		"$(dirname "$plugin")/../sim/ptw-sim" run "$box/$arch.u32.zst" --memory 50% >"$box/replayed" ||
		{ cat "$box/recorded" >&2; return 1; }
}

# A message has to say what was wrong.
refused() {
	local words=$1
	shift

	! guest_run "$@" >"$box/refused" 2>&1 && grep -q "guest-age: .*$words" "$box/refused"
}

for arch in "$@"; do
	exact "$arch"
	[ "$arch" != arm64 ] || check "$arch: record-guest makes a trace that ptw-sim replays" recorded "$arch"
	[ "${PTW_QEMU_BOOT:-yes}" = no ] || boots "$arch"
done
check "the table has a row for each phase, and the working set at the end beside the most" table
check "phases on a console are told" phases
check "a page that is used between the last look and its unmap was used" late
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
