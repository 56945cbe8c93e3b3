#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
# Shows that exploring schedules finds the mistakes that concurrent page tables and spaces invite.
#
#   tests/schedule/planted.sh SOURCE_DIR [NAME]
#
# Copies the library, and for each line of the table below (or the one named) makes one mistake in the
# copy, builds it together with the scheduler, and runs scenarios, of which one must fail. An
# expression that no longer finds its text is a failure of this test. At last a plain store to an entry
# is planted, which ThreadSanitizer must report on the inputs of fuzz_race: so it shows that handing
# over from thread to thread is invisible to it. Prints TAP; the exit status is 0 if every mistake was
# found. CC names the compiler.
set -u
# shellcheck source=tests/lib/plant.sh
. "$(dirname "$0")/../lib/plant.sh" || exit 2

give_up() {
	echo "planted.sh: $*" >&2
	exit 2
}

[ $# = 1 ] || [ $# = 2 ] || give_up "usage: planted.sh SOURCE_DIR [NAME]"
[ -f "$1/tests/schedule/scheduler.h" ] ||
	give_up "$1 is not the source folder: it has no tests/schedule/scheduler.h"
source_dir=$(cd "$1" && pwd) || exit 2
only=${2:-}
cc=${CC:-cc}
program=schedules
# Scenarios take moments: the time to build is what counts.
cflags=(-std=gnu11 -O0 -w '-DPTW_PORT_HEADER="tests/schedule/schedule_port.h"')

# Name; file; expression for sed -z -E; scenario that must fail; preemptions that it takes.
planted() {
	cat <<'END'
free without grace period|lib/table/gather.c|s/ptw_port_rcu_call\(&meta->rcu, ptw_table_freed\)/ptw_table_freed(\&meta->rcu)/|walk, unmap of its table|1
use after unlock|lib/table/unmap.c|s/(ptw_descend\(p, job->ia, job->strict \? job->ia : job->end, 0, &spot\);)/\1 ptw_port_read_unlock(); ptw_port_read_lock();/|unmap of a table, unmap of a page in it, arm|1
plain store instead of exchange in unmap|lib/walk/take_template.h|s/(else )if \(!ptw_port_cas\(&slot\[i\], &e, gone\)\)\s+continue;/\1ptw_port_publish(\&slot[i], gone);/|processor with a cached translation, unmap of the page|1
map ignores frozen|lib/table/map.c|s/if \(!ptw_port_cas\(&slot\[i\], &e, leaf\)\)/if (e = ptw_port_load(\&slot[i]), ptw_is_leaf(p, e, level) || !ptw_port_cas(\&slot[i], \&e, leaf))/|unmap of a table, map in it, x86|1
blind AND on a block|lib/walk/harvest_template.h|s/wanted == e \|\| ptw_port_cas\(slot, &e, wanted\)/wanted == e || (what == PTW_EXTENT_YOUNG ? (ptw_port_and_clear(slot, e \& ~wanted), true) : ptw_port_cas(slot, \&e, wanted))/|split, harvest of accessed|1
free before flush|lib/table/gather.h|s/ptw_gather_flush\(gather\);\s+ptw_gather_retire\(gather\);/ptw_gather_retire(gather); ptw_gather_flush(gather);/|harvest, unmap of its table, processor|1
reclaim without recheck|lib/table/reclaim.c|s/if \(ptw_port_cas\(&table\[i\], &e, p->layout->frozen\)\)/if (ptw_port_xchg(\&table[i], p->layout->frozen) \&\& e)/|reclaim, map, x86|1
cleaned dirty without flush|lib/walk/harvest.c|s/if \(flush && \(\(h->flags & \(PTW_HARVEST_DIRTY \| PTW_HARVEST_EXACT\)\) \|\| job->dirty_extents\)\)/if (0)/|dirty harvest, writing processor|1
protected without flush|lib/table/protect.c|s/if \(p->flush && range.start < range.end\)/if (0)/|write protection for good, writing processor|1
unmapped without flush|lib/table/gather.c|s/if \(p->flush && gather->ranges\)/if (0)/|processor with a cached translation, unmap of the page|1
table entry put back old|lib/table/writer.c|s/ptw_table_restored\(p, spot->e, spot->level\)/spot->e/|prune: map, reclaim, x86|2
path above what is put back stays old|lib/table/writer.c|s/ptw_mark_path\(p, spot->path, ia, spot->level\);//|prune: unmap gives up, hint, arm, three levels|2
path is marked from the root down|lib/table/writer.c|s/while \(level\+\+ < p->geometry.root_level\)/for (unsigned int leaf = level, top = p->geometry.root_level; (level = top) > leaf; top--)/|prune: map, hint, three levels|2
collapse does not mark the path|lib/table/collapse.c|s/if \(used\)\s+ptw_mark_path/if (0) ptw_mark_path/|prune: collapse, hint, x86|2
map publishes by a plain store|lib/table/map.c|s/if \(!ptw_port_cas\(&slot\[i\], &e, leaf\)\)/if (ptw_port_load(\&slot[i]) == empty ? (ptw_port_publish(\&slot[i], leaf), false) : true)/|map, map, one page of a table, arm|1
split publishes by a plain store|lib/table/split.c|s/linked = ptw_port_cas\(spot.slot, &spot.e, entry\);/ptw_port_publish(spot.slot, entry); linked = true;/|split, harvest, x86|1
collapse does not hold the block|lib/table/collapse.c|s/at\.block \| p->build->held\(p->layout, level\)/at.block/|collapse, unmap of the table, x86|1
empty entries of a dead table are not frozen|lib/walk/take_template.h|s/if \(!dead \|\| ptw_port_cas\(&slot\[i\], &e, gone\)\)/if (true)/|unmap of a table, map in it, x86|1
read, then clear|include/ptw/port/atomic.h|s/was = __atomic_fetch_and\(entry, ~bits, __ATOMIC_RELAXED\);/was = ptw_port_load(entry); PTW_PORT_HOOK(PTW_OP_PUBLISH, entry); __atomic_store_n(entry, was \& ~bits, __ATOMIC_RELAXED);/|two harvests, two processors|1
chain reader without the bit|lib/mmu/rmap_age.c|s/ret = ptw_rmap_hold\(job->rmap, word, false, &w\);/w = ptw_port_load_table(word); ret = w \& PTW_RMAP_CHAIN ? PTW_OK : PTW_ERR_ABSENT;/; s/ptw_rmap_release\(word, w\);//|one of two goes, question|1
chain freed while somebody holds it|lib/mmu/rmap.c|s/(if \(!\(w & PTW_WORD_FLAGS\)\)\s+return PTW_ERR_ABSENT;\s+)ret = ptw_rmap_hold\(rmap, word, false, &w\);/\1ret = w \& PTW_RMAP_CHAIN ? PTW_OK : PTW_ERR_ABSENT;/|one of two goes, question|1
single entry by a plain store|lib/walk/entries_template.h|s/if \(ptw_port_cas\(slot, &e, wanted\)\)/ptw_port_publish(slot, wanted); if (true)/|entry is used for another frame, question|1
single entry without the second look|lib/walk/entries_template.h|s/if \(ptw_port_load\(word\) != w\)\s+continue;//|entry is used for another frame, question|1
unmap does not hold a single entry|lib/mmu/rmap_unmap.c|s/ret = ptw_rmap_hold\(job->rmap, &words\[i\], true, &w\);/w = ptw_port_load_table(\&words[i]); ret = w ? PTW_OK : PTW_ERR_ABSENT;/|unmap, the owner drops|1
ticket is not compared|lib/mmu/gate.c|s/if \(sum == ticket\)/if (true)/|fault, invalidation|1
sequence is not raised at the end|lib/mmu/gate.c|s/PTW_GATE_SEQUENCE - PTW_GATE_ACTIVE/-PTW_GATE_ACTIVE/|fault, invalidation|2
unmap does not wait for faults|lib/mmu/unmap.c|s/!ptw_gates_left\(space, start, end\)/false/|fault, invalidation|1
last look does not compare the sequence|lib/mmu/look.c|s/ptw_space_fault_begin\(space, page, 1\) != ticket/ptw_gate_closed(space, page)/|last look, invalidation|2
consumers published outside a section|lib/mmu/ask_run.c|s/ptw_port_read_lock\(\);(\s+stray = )/\1/; s/(ptw_piece_deliver\(q, run, a, &piece\);)\s+ptw_port_read_unlock\(\);/\1/|leave, question that may block|1
join does not wait for questions that publish to nobody|lib/mmu/consumer.c|s/while \(ptw_port_load_table\(&space->blind\)\)/while (false)/|join, question that may block, processor|1
join does not wait for a grace period|lib/mmu/consumer.c|s/ptw_port_rcu_barrier\(\);//|join, question, processor|1
a consumer's bits are taken by load and store|lib/mmu/consumer.c|s/ptw_port_and_clear\(word, bits\) : bits/(ptw_port_publish(word, ptw_port_load(word) \& ~bits), bits) : bits/|consumer takes, others publish|1
consumer freed without grace period|lib/mmu/consumer.c|s/ptw_port_rcu_call\(&consumer->rcu, ptw_consumer_retire\)/ptw_consumer_retire(\&consumer->rcu)/|leave, question|1
list of consumers is read when it was published|lib/mmu/consumer.c|s/if \(!found \|\| full\) \{/if (!found \|\| new->count > PTW_CONSUMERS_MAX) {/|two join, question, processor|1
version freed without grace period|lib/mmu/space.c|s/ptw_port_rcu_call\(&old->rcu, ptw_version_retire\)/ptw_version_retire(\&old->rcu)/|slot moves, question|1
reference taken after the section|lib/mmu/space.c|s/(ptw_port_add64\(&version->refs, 1\);)\s+(ptw_port_read_unlock\(\);)/\2 \1/|slot moves, question that may block|1
END
}

# The mistake for ThreadSanitizer: file, expression.
plain_name="plain store to an entry"
plain_file=include/ptw/port/atomic.h
plain_change='s/__atomic_store_n\(entry, value, __ATOMIC_RELEASE\)/*entry = value/'

plant_copy "$source_dir" arch include lib tests/schedule fuzz

sources=()
while IFS= read -r file; do
	sources+=("$file")
done < <(find arch lib tests/schedule -name '*.c' ! -name scheduler_threads.c | sort)

chosen() {
	planted | awk -F '|' -v only="$only" 'only == "" || $1 == only'
}

# Does the compiler have ThreadSanitizer, and is it wanted?
with_tsan=0
if [ -z "$only" ] || [ "$only" = "$plain_name" ]; then
	echo 'int main(void) { return 0; }' >"$work/empty.c"
	"$cc" -fsanitize=thread -o "$work/empty" "$work/empty.c" 2>/dev/null && with_tsan=1
fi
[ -n "$(chosen)" ] || [ $with_tsan = 1 ] || give_up "no mistake is named '$only'"
echo "TAP version 13"
echo "1..$(($(chosen | grep -c .) + 1 + with_tsan))"
if plant_build; then
	report 0 "unchanged, it builds"
else
	report 1 "unchanged, it builds"
	explain "$work/errors"
	exit 1
fi

# Changes file $1 by $2; scenario $3 must pass before and fail after, within $4 preemptions.
found() {
	"$objects/schedules" --scenario "$3" --bound "$4" >"$work/why" 2>&1 &&
		plant "$1" -z -E "$2" || return 1
	if "$changed/schedules" --scenario "$3" --bound "$4" >"$work/why" 2>&1; then
		return 1
	fi
	# Not by a crash of something else: what was wrong has been said.
	grep -A 1 '^not ok' "$work/why" | grep -v '^not ok' | grep -v 'exit status' >"$work/proof"
}

while IFS='|' read -r name file rest; do
	bound=${rest##*|}
	rest=${rest%|*}
	scenario=${rest##*|}
	change=${rest%|*}
	if found "$file" "$change" "$scenario" "$bound"; then
		report 0 "$name: $scenario"
		cat "$work/proof"
	else
		report 1 "$name: $scenario"
		explain "$work/why"
	fi
	plant_undo
done < <(chosen)

# ThreadSanitizer on the inputs of fuzz_race, with real threads.
reported() {
	local file list=()

	plant_change "$plain_file" -E "$plain_change" || return 1
	for file in "${sources[@]}" tests/schedule/scheduler_threads.c fuzz/fuzz_race.c \
		fuzz/replay.c; do
		case $file in
		tests/schedule/scheduler_fibers.c | tests/schedule/main.c | \
			tests/schedule/explore.c | tests/schedule/scenarios_*) ;;
		*) list+=("$file") ;;
		esac
	done
	rm -rf "$changed" && mkdir "$changed" || return 1
	cflags+=(-g -fsanitize=thread)
	if ! compile "$changed" "${list[@]}" ||
		! "$cc" -fsanitize=thread -pthread -o "$work/replay" "$changed"/*.o \
			2>>"$work/errors"; then
		cp "$work/errors" "$work/why"
		return 1
	fi
	TSAN_OPTIONS=halt_on_error=1 "$work/replay" fuzz/corpus/race >"$work/why" 2>&1 && return 1
	grep 'SUMMARY: ThreadSanitizer: data race' "$work/why" | sed 's/^/# /' >"$work/proof"
	[ -s "$work/proof" ]
}

if [ $with_tsan = 1 ]; then
	if reported; then
		report 0 "$plain_name, by ThreadSanitizer"
		cat "$work/proof"
	else
		report 1 "$plain_name, by ThreadSanitizer"
		tail -n 20 "$work/why" | sed 's/^/# /'
	fi
fi
[ "$failed" = 0 ]
