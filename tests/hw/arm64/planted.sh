#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Shows that run.sh turns red: plants one mistake after the other in a copy of the sources.
#
# planted.sh [SOURCE_DIR] [PATTERN]
#              TAP; status 1 if a planted mistake is not caught; with a PATTERN only those whose names
#              match it
# planted.sh --places
#              says which mistakes have no place in the sources any more, and runs nothing
places=no
[ "${1:-}" != --places ] || {
	places=yes
	shift
}
here=$(cd "$(dirname "$0")" && pwd) || exit 2
source=${1:-$here/../../..}
source=$(cd "$source" && pwd) || exit 2
only=${2:-.}
for tool in aarch64-linux-gnu-gcc qemu-system-aarch64 gcc; do
	[ "$places" = no ] || break
	command -v "$tool" >/dev/null || {
		echo "1..0 # SKIP no $tool: install gcc-aarch64-linux-gnu, qemu-system-arm and gcc"
		exit 0
	}
done
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
export HW_TIMEOUT=400

# $1: mistake; $2: file; $3: sed script (the file is one line to it); $4: pattern of a test that must
# fail; $5: processor. The build directory is used again, so that little is compiled.
count=0 failed=0
plant() {
	local name=$1 file=$2 script=$3 victim=$4 said
	grep -q "$only" <<<"$name" || return
	count=$((count + 1))
	cp -p "$work/tree/$file" "$work/before"
	sed -z -i "$script" "$work/tree/$file"
	if [ -n "$script" ] && cmp -s "$work/before" "$work/tree/$file"; then
		failed=$((failed + 1))
		echo "not ok $count - planted $name: $file has changed, so that nothing was planted"
		return
	fi
	if [ "$places" = yes ]; then
		cp "$work/before" "$work/tree/$file"
		return
	fi
	# A busy host may run both CPUs of the machine in turn: then a race takes longer to be met.
	for _ in 1 2 3; do
		said=$(HW_ONLY=$5 "$here/run.sh" --build "$work/build" "$work/tree" 2>&1)
		grep -q "^not ok .*$victim" <<<"$said" && break
	done
	# Newer than the objects made of the mistake.
	cp "$work/before" "$work/tree/$file"
	if grep -q "^not ok .*$victim" <<<"$said"; then
		echo "ok $count - planted $name is caught"
		echo "# $(grep -c '^not ok' <<<"$said") tests fail, among them:"
		grep -m 1 "^not ok .*$victim" <<<"$said" | cut -c 1-160 | sed 's/^/# /'
	else
		failed=$((failed + 1))
		echo "not ok $count - planted $name is not caught"
		tail -20 <<<"$said" | sed 's/^/# /'
	fi
}

mkdir "$work/tree"
(cd "$source" && find lib arch include ports/bare tests/hw/arm64 tests/hw/port -type f -print0 |
	xargs -0 cp -p --parents -t "$work/tree") || exit 2

echo "TAP version 13"
count=1
if [ "$places" = yes ]; then
	count=0
elif said=$("$here/run.sh" --build "$work/build" "$work/tree" 2>&1); then
	echo "ok 1 - nothing is planted: all tests pass"
else
	failed=1
	echo "not ok 1 - nothing is planted: all tests must pass"
	grep '^not ok' <<<"$said" | sed 's/^/# /'
fi

plant 'wrong accessed bit' arch/arm64/vmsa.h \
	's/#define ARM_AF PTW_BIT(10)/#define ARM_AF PTW_BIT(11)/' '4k, 48 bits' max
takes='(PTW_HARVEST_DIRTY | PTW_HARVEST_EXACT)'
plant 'missing TLBI where exactness is asked' lib/walk/harvest.c \
	"s/if (flush && ((h->flags & $takes)/if (flush \&\& ((h->flags \& PTW_HARVEST_DIRTY)/" \
	'a stale TLB' max
plant 'missing TLBI after a dirty harvest' lib/walk/harvest.c \
	"s/if (flush && ((h->flags & $takes) || job->dirty_extents)/if (flush \&\& (h->flags \& PTW_HARVEST_EXACT)/" \
	'hides a store' max
plant 'missing TLBI after write protection' lib/table/protect.c \
	's/p->flush(p->flush_context, &range, 1, PTW_FLUSH_LEAF, job->level);/(void)range;/' \
	'hides a store' max
plant 'forgotten group widening' lib/walk/harvest_template.h \
	's/if (!group_lg2) {/if (true) {/' 'contiguous group' max
# Slowly, so that the race is met within a second.
plain='done = __atomic_load_n(entry, __ATOMIC_ACQUIRE) == *old;\
	for (int i = 0; i < 64; i++)\
		__asm__ volatile("nop");\
	if (done)\
		__atomic_store_n(entry, desired, __ATOMIC_RELEASE);\
	else\
		*old = __atomic_load_n(entry, __ATOMIC_ACQUIRE);'
plant 'plain store instead of compare-exchange' include/ptw/port/atomic.h \
	"s/done = __atomic_compare_exchange_n(entry, old, desired[^;]*;/$plain/" \
	'dirty harvest against' max
# Each access that fails is told, which may take longer than the limit.
plant 'wrong start level' arch/arm64/stage2.c \
	's/sl0_4k\[PTW_MAX_LEVELS\] = {3, 0, 1, 2, 0}/sl0_4k[PTW_MAX_LEVELS] = {3, 1, 0, 2, 0}/' \
	'two concatenated roots\|did not come to its end' max
plant 'write permission given to no other member of a group' lib/table/query.c \
	's/ptw_fix_group(p, ia, &found, access);/(void)ptw_fix_group;/' \
	'software accessed flag, contiguous' cortex-a72
plant 'grace periods that wait for nobody' ports/bare/rcu.c \
	's/if (!(queue->seen\[i\] & 1))/if (true)/' 'port' port
echo "1..$count"
[ "$failed" = 0 ] || exit 1
