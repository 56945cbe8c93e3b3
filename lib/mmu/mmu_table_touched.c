/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* An MMU of page tables: where leaf tables were gone through, by the entries that lead to them. */
#include "lib/mmu/mmu_table.h"
#include "lib/walk/template.h"

/* Words of tables that are noted at a time: 8 GiB of 2 MiB tables. */
#define PTW_MMU_NOTE_WORDS 64u

/* Tell the runs of tables in `touched`, bit 0 the one at `at`, clipped to the addresses [at, stop). */
static void ptw_mmu_table_tell(const struct ptw_mmu_table_part *part, const uint64_t *touched,
			       uint64_t at, uint64_t stop, unsigned int table_lg2,
			       ptw_mmu_note_fn note, void *sink)
{
	const uint64_t first = at >> table_lg2, tables = ((stop - 1) >> table_lg2) - first + 1;

	for (uint64_t i = 0; i < tables; i++) {
		uint64_t from = (first + i) << table_lg2, to;

		if (!(touched[i / 64] >> (i & 63) & 1))
			continue;
		while (i + 1 < tables && (touched[(i + 1) / 64] >> ((i + 1) & 63) & 1))
			i++;
		to = (first + i + 1) << table_lg2;
		from = from < at ? at : from;
		to = to > stop ? stop : to;
		note(sink, (from >> part->frame_lg2) + part->sign,
		     (to >> part->frame_lg2) + part->sign);
	}
}

/* What is asked about of one half of the addresses. */
static int ptw_mmu_table_touched_part(const struct ptw_mmu_tables *t, uint32_t as, uint64_t start,
				      uint64_t end, ptw_mmu_note_fn note, void *sink)
{
	struct ptw_pgtable *p = t->one[as].pgtable;
	const unsigned int lg2 = ptw_span_lg2(p->instance->format, 1);
	struct ptw_mmu_table_part part;
	struct ptw_range range;
	bool cleared = false;
	int ret = PTW_OK;

	if (start >= end || !ptw_mmu_table_part(t, as, start, end, &part))
		return PTW_OK;
	/* Whole granules. */
	range.start = part.start >> part.one->shift << p->geometry.granule_lg2;
	range.end = (((part.end - 1) >> part.one->shift) + 1) << p->geometry.granule_lg2;
	for (uint64_t at = range.start; at < range.end && !ret;) {
		uint64_t touched[PTW_MMU_NOTE_WORDS] = { 0 };
		const uint64_t most = ((at >> lg2) + 64 * PTW_MMU_NOTE_WORDS) << lg2;
		const uint64_t stop = most < range.end ? most : range.end;

		ret = ptw_prune_note(p, at, stop, touched, &cleared);
		ptw_mmu_table_tell(&part, touched, at, stop, lg2, note, sink);
		at = stop;
	}
	/*
	 * A processor that has an entry cached would make leaves below it young and leave the entry old. One that was
	 * old before has nothing to flush: whoever cleared it does that before he reads leaves; unless it was a hint.
	 * Whoever clears by hints says so first (ptw_prune_harvest()): so it is looked at after the entries.
	 */
	ptw_port_order_loads();
	if (p->flush && (cleared || ptw_port_load(&p->hinted)))
		p->flush(p->flush_context, &range, 1, PTW_FLUSH_TABLE, 0);
	return ret;
}

int ptw_mmu_table_touched(void *context, uint32_t as, uint64_t start, uint64_t end,
				 ptw_mmu_note_fn note, void *sink)
{
	const struct ptw_mmu_tables *t = context;
	const struct ptw_mmu_table_one *one;
	struct ptw_pgtable *p;
	uint64_t middle;
	int ret;

	if (as >= t->count || !note)
		return PTW_ERR_ARG;
	one = &t->one[as];
	p = one->pgtable;
	if (!ptw_prune_able(p))
		return PTW_ERR_UNSUPPORTED;
	if (p->flush && !ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	if (start >= one->frames || !one->upper || end <= one->upper)
		return ptw_mmu_table_touched_part(t, as, start, end, note, sink);
	/* Both halves. What the upper one is without its sign would be cleared twice: it is worth a
	 * harvest in any case. */
	middle = one->frames / 2;
	ret = ptw_mmu_table_touched_part(t, as, start, middle, note, sink);
	note(sink, start > middle ? start : middle, one->frames);
	if (!ret)
		ret = ptw_mmu_table_touched_part(t, as, one->upper, end, note, sink);
	return ret;
}
