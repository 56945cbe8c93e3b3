/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Empty tables go back. The parent entry is frozen, so that nobody comes in any more, then every entry
 * of the table, so that nobody who was inside before can fill one. If one is not empty, everything is put
 * back: a refill that races with reclaim wins, or is told to try again and finds no table.
 */
#include "lib/table/table.h"
#include "lib/walk/note.h"

/* Of a call: a level each, and what others leave meanwhile. */
#define PTW_RECLAIM_ROUNDS 16

/* Most tables that wait for their delay: the rest of the notes is room for what one call empties. */
#define PTW_NOTES_WAITING 48

enum ptw_reclaim_outcome {
	PTW_RECLAIM_GONE,     /* there is no such table */
	PTW_RECLAIM_UNLINKED,
	PTW_RECLAIM_REVIVED,  /* not empty */
	PTW_RECLAIM_OWNED,    /* somebody is at work on its parent entry */
};

bool ptw_table_kill_empty(struct ptw_pgtable *p, uint64_t *table, unsigned int level)
{
	unsigned int n = ptw_entries(p, level);

	for (unsigned int i = 0; i < n; i++) {
		uint64_t e = p->layout->empty;

		/* Partner: the compare-exchange by which a mapper fills the entry. One of us fails. */
		if (ptw_port_cas(&table[i], &e, p->layout->frozen))
			continue;
		while (i--)
			ptw_port_publish(&table[i], p->layout->empty);
		return false;
	}
	return true;
}

/* Unlink the table of `level` that maps `ia`, if it is empty. Outside sections. */
static enum ptw_reclaim_outcome ptw_reclaim_table(struct ptw_gather *gather, uint64_t ia,
						  unsigned int level)
{
	struct ptw_pgtable *p = gather->pgtable;
	unsigned int lg2 = ptw_span_lg2(p->instance->format, level + 1);
	enum ptw_reclaim_outcome outcome = PTW_RECLAIM_UNLINKED;
	uint64_t *table = NULL;
	struct ptw_spot spot;

	ia = ia >> lg2 << lg2;
	ptw_port_read_lock();
	ptw_descend(p, ia, ia, level + 1, &spot);
	/* Frozen, here or further up: who did that may put it back. */
	if (spot.e == p->layout->frozen)
		outcome = ptw_gather_owns(gather, spot.slot) ? PTW_RECLAIM_GONE :
							       PTW_RECLAIM_OWNED;
	else if (spot.level != level + 1 || !ptw_is_table(p, spot.e, spot.level))
		outcome = PTW_RECLAIM_GONE;
	if (outcome == PTW_RECLAIM_UNLINKED) {
		table = ptw_child(p, spot.e, spot.level);
		if (ptw_port_load32(&ptw_meta(p, table)->live))
			outcome = PTW_RECLAIM_REVIVED;
		else if (!ptw_port_cas(spot.slot, &spot.e, p->layout->frozen))
			outcome = PTW_RECLAIM_OWNED;
	}
	ptw_port_read_unlock();
	if (outcome != PTW_RECLAIM_UNLINKED)
		return outcome;
	if (!ptw_table_kill_empty(p, table, level)) {
		/* Filled, or an owner is about to leave an empty entry behind. */
		if (!ptw_port_load32(&ptw_meta(p, table)->live))
			outcome = PTW_RECLAIM_OWNED;
		else
			outcome = PTW_RECLAIM_REVIVED;
		ptw_table_restore(p, &spot, ia);
		return outcome;
	}
	ptw_live_add(p, table, ia, level, PTW_LIVE_DEAD);
	ptw_gather_table(gather, table);
	ptw_gather_range(gather, ia, ia + ((uint64_t)1 << lg2), 0);
	ptw_port_add64(&p->tables_reclaimed, 1);
	ptw_port_trace(table_reclaim, (uintptr_t)p, ia, level);
	if (p->geometry.break_before_make) {
		ptw_gather_thaw(gather, spot.table, ia, (unsigned int)(spot.slot - spot.table), 1,
				spot.level);
		return outcome;
	}
	ptw_release_entries(p, spot.table, ia, (unsigned int)(spot.slot - spot.table), 1, spot.level);
	return outcome;
}

/* What following notes did. */
struct ptw_reclaim_sum {
	bool unlinked;
	bool owned;
	unsigned int waiting; /* notes that were not old enough */
};

/* Follow the note at `slot`, if it still is `note`. */
static void ptw_reclaim_note(struct ptw_gather *gather, uint64_t *slot, uint64_t note,
			     struct ptw_reclaim_sum *sum)
{
	struct ptw_pgtable *p = gather->pgtable;
	uint64_t ia = ptw_note_ia(p, note), e = note;

	if (!ptw_port_cas(slot, &e, 0))
		return;
	switch (ptw_reclaim_table(gather, ia, ptw_note_level(note))) {
	case PTW_RECLAIM_UNLINKED:
		sum->unlinked = true;
		break;
	case PTW_RECLAIM_OWNED:
		/* Another time. */
		ptw_note_seen(p, ia, ptw_note_level(note), false);
		sum->owned = true;
		break;
	case PTW_RECLAIM_REVIVED:
	case PTW_RECLAIM_GONE:
		break;
	}
}

/* Follow the notes of tables that lie in [start, end) whole and are at least `age` calls old. */
static struct ptw_reclaim_sum ptw_reclaim_notes(struct ptw_gather *gather, uint64_t start,
						uint64_t end, uint32_t age)
{
	struct ptw_pgtable *p = gather->pgtable;
	struct ptw_reclaim_sum sum = { false, false, 0 };

	for (unsigned int i = 0; i < PTW_NOTES && !ptw_gather_full(gather); i++) {
		uint64_t note = ptw_port_load(&p->note[i]);
		uint64_t ia = ptw_note_ia(p, note), size;

		if (!note)
			continue;
		if (ptw_note_age(p, note) < age) {
			sum.waiting++;
			continue;
		}
		size = (uint64_t)1 << ptw_span_lg2(p->instance->format, ptw_note_level(note) + 1);
		if (ia >= start && ia < end && end - ia >= size)
			ptw_reclaim_note(gather, &p->note[i], note, &sum);
	}
	return sum;
}

/* Room for notes is running out: the oldest ones have waited long enough. */
static void ptw_reclaim_oldest(struct ptw_gather *gather, struct ptw_reclaim_sum *sum)
{
	struct ptw_pgtable *p = gather->pgtable;

	for (unsigned int tries = 0; tries < PTW_NOTES && !ptw_gather_full(gather); tries++) {
		unsigned int waiting = 0, oldest = 0;
		uint64_t note = 0;

		for (unsigned int i = 0; i < PTW_NOTES; i++) {
			uint64_t other = ptw_port_load(&p->note[i]);

			if (!other)
				continue;
			waiting++;
			if (!note || ptw_note_age(p, other) > ptw_note_age(p, note)) {
				note = other;
				oldest = i;
			}
		}
		if (waiting <= PTW_NOTES_WAITING)
			return;
		ptw_reclaim_note(gather, &p->note[oldest], note, sum);
	}
}

/* Unlink what is noted as empty and due. Outside sections. Returns whether anything was unlinked. */
static bool ptw_reclaim_due(struct ptw_gather *gather)
{
	struct ptw_pgtable *p = gather->pgtable;
	struct ptw_reclaim_sum sum;

	if (p->reclaim_delay == PTW_RECLAIM_NEVER || !ptw_port_load(&p->tables_empty))
		return false;
	sum = ptw_reclaim_notes(gather, 0, UINT64_MAX, p->reclaim_delay);
	if (sum.waiting > PTW_NOTES_WAITING)
		ptw_reclaim_oldest(gather, &sum);
	return sum.unlinked;
}

/* Rounds of reclaim that one call makes at most: each unlinks something, and may empty the table above. */
#define PTW_FINISH_ROUNDS 64

void ptw_reclaim_finish(struct ptw_gather *gather)
{
	for (unsigned int i = 0; i < PTW_FINISH_ROUNDS; i++) {
		/* At the limit empty tables go back another time: what was asked for is done. */
		bool more = ptw_backlog(gather->pgtable) < gather->pgtable->backlog_limit &&
			    ptw_reclaim_due(gather);

		if (!more && !gather->ranges && !gather->tables && !gather->thaws)
			return;
		ptw_gather_finish(gather);
	}
}

/* Note what is empty among the tables that lie in [start, end) whole. */
static int ptw_reclaim_scan(struct ptw_gather *gather, uint64_t start, uint64_t end)
{
	struct ptw_pgtable *p = gather->pgtable;
	const struct ptw_format *f = p->instance->format;
	int ret = PTW_OK, backlog;

	for (uint64_t ia = start, next; ia < end; ia = next) {
		unsigned int lg2;
		struct ptw_spot spot;
		bool empty;

		ptw_port_read_lock();
		ptw_descend(p, ia, ia, 0, &spot);
		lg2 = ptw_span_lg2(f, spot.level + 1);
		empty = spot.level < p->geometry.root_level &&
			!ptw_port_load32(&ptw_meta(p, spot.table)->live);
		if (spot.e == p->layout->frozen && !ptw_gather_owns(gather, spot.slot))
			ret = PTW_ERR_AGAIN;
		ptw_port_read_unlock();
		/* Of a leaf table, or an empty one, there is no more to see. */
		next = spot.level && !empty ? ptw_entry_end(f, ia, end, spot.level) :
					      ptw_entry_end(f, ia, end, spot.level + 1);
		if (!empty || (ia >> lg2 << lg2) < start || (ia >> lg2) + 1 > end >> lg2)
			continue;
		if (ptw_gather_full(gather)) {
			ptw_gather_finish(gather);
			backlog = ptw_backlog_check(p);
			if (backlog)
				return backlog;
		}
		if (ptw_reclaim_table(gather, ia, spot.level) == PTW_RECLAIM_OWNED)
			ret = PTW_ERR_AGAIN;
	}
	return ret;
}

int ptw_reclaim(struct ptw_pgtable *p, uint64_t start, uint64_t end,
		struct ptw_change_result *result)
{
	struct ptw_change_result answer = { 0 };
	struct ptw_reclaim_sum sum;
	struct ptw_gather gather;
	bool noted = !start && !end, owned = false;
	int ret;

	ret = ptw_change_args(p, result);
	if (!ret && !noted)
		ret = ptw_range_check(p, &start, &end);
	if (ret)
		return ret;
	ptw_gather_init(&gather, p);
	ret = ptw_backlog_check(p);
	if (noted)
		end = (uint64_t)1 << p->geometry.ia_bits;
	if (!ret && (!noted || ptw_port_load32(&p->notes_lost))) {
		if (noted)
			ptw_port_store32(&p->notes_lost, 0);
		ret = ptw_reclaim_scan(&gather, start, end);
	}
	/* Each level that goes may empty the one above. */
	for (unsigned int i = 0; i < PTW_RECLAIM_ROUNDS && (!ret || ret == PTW_ERR_AGAIN); i++) {
		ptw_gather_finish(&gather);
		sum = ptw_reclaim_notes(&gather, start, end, 0);
		owned |= sum.owned;
		if (!sum.unlinked)
			break;
	}
	ptw_gather_finish(&gather);
	if (!ret && owned)
		ret = PTW_ERR_AGAIN;
	answer.reached = ret == PTW_ERR_BACKLOG ? start : end;
	answer.tables = gather.unlinked;
	ptw_change_answer(result, &answer);
	return ret;
}
