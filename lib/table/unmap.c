/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Unmapping: take entries out, keep what their accessed and dirty bits said, flush, retire tables.
 *
 * In a table that stays, leaves are taken one by one, inside a section. A table that the range covers
 * whole is frozen at its parent entry first, so that no new walk comes in and it is ours to work on
 * outside sections; then each of its entries is frozen, since processors that cached the way to it may
 * still set bits in them, and mappers may still be inside. If one of them belongs to somebody else, the
 * table goes back where it was, without what was taken out of it: nobody waits.
 */
#include "lib/table/table.h"
#include "lib/walk/harvest_job.h"
#include "lib/walk/harvest_template.h"
#include "lib/walk/take_template.h"

struct ptw_unmap_job {
	struct ptw_pgtable *pgtable;
	struct ptw_gather gather;
	struct ptw_harvest_job report;
	ptw_take_fn take;
	bool strict;
	uint64_t ia;    /* what lies before is done */
	uint64_t end;
	uint64_t leaves;
	uint64_t holes;
	unsigned int tries;
	unsigned int emptied; /* tables, since notes of them were followed */
};

/* Follow them before there is no room for more. */
#define PTW_UNMAP_EMPTIED (PTW_NOTES / 4)

/* `done` entries from `ia` on, of `level`: leaves as `taken` says, the others empty. */
static void ptw_unmap_count(struct ptw_unmap_job *job, uint64_t ia, unsigned int done,
			    unsigned int level, const struct ptw_taken *taken)
{
	const struct ptw_format *f = job->pgtable->instance->format;
	unsigned int lg2 = ptw_span_lg2(f, level);
	unsigned int removed = ptw_popcount(taken->removed);
	uint64_t young = taken->young, dirty = taken->dirty;

	job->leaves += removed;
	job->holes += (uint64_t)(done - removed) << (lg2 - f->granule_lg2);
	if (!removed)
		return;
	ptw_gather_range(&job->gather,
			 ia + ((uint64_t)__builtin_ctzll(taken->removed) << lg2),
			 ia + ((uint64_t)(64 - __builtin_clzll(taken->removed)) << lg2), level);
	if (!level) {
		ptw_job_report_pages(&job->report, ia >> f->granule_lg2, young, dirty);
		return;
	}
	for (uint64_t left = young | dirty; left; left &= left - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(left);

		ptw_job_report(&job->report, ia + ((uint64_t)i << lg2), (uint64_t)1 << lg2, level,
			       (young >> i & 1 ? PTW_EXTENT_YOUNG : 0) |
				       (dirty >> i & 1 ? PTW_EXTENT_DIRTY : 0));
	}
}

/*
 * The contiguous group of which `slot` is the first member: all or nothing. The first member is frozen
 * first, and so owns the group. Members become `gone` (those of a dead table: frozen). Returns whether
 * it was taken.
 */
static bool ptw_unmap_group(struct ptw_unmap_job *job, uint64_t *slot, unsigned int members,
			    uint64_t ia, unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	const uint64_t held = p->build->held(p->layout, level), frozen = p->layout->frozen;
	const uint32_t want = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;
	unsigned int lg2 = ptw_span_lg2(f, level);
	uint64_t size = (uint64_t)members << lg2;
	uint64_t e = ptw_port_load(slot);
	uint32_t what;

	do {
		if (!ptw_is_leaf(p, e, level) || (e & held) || !(e & f->group_bit))
			return false;
	} while (!ptw_port_cas(slot, &e, frozen));
	what = ptw_state(f, p->layout, e, level, want);
	/* Nobody makes or breaks the group now: each member stays one, whatever its bits do. */
	for (unsigned int i = 1; i < members; i++)
		what |= ptw_state(f, p->layout, ptw_port_xchg(&slot[i], frozen), level, want);
	job->leaves += members;
	ptw_gather_range(&job->gather, ia, ia + size, level);
	if (what)
		ptw_job_report(&job->report, ia, size, level, what);
	return true;
}

static unsigned int ptw_unmap_members(const struct ptw_pgtable *p, uint64_t e, unsigned int level)
{
	return 1u << ptw_group_lg2(p->instance->format, &p->geometry, e, level);
}

/* Runs end where a word of 64 pages does, so that one is reported in one word. */
static unsigned int ptw_unmap_run(const struct ptw_pgtable *p, uint64_t ia, unsigned int level,
				  uint64_t left)
{
	unsigned int lg2 = ptw_span_lg2(p->instance->format, level);
	unsigned int n = 64 - (unsigned int)(ia >> lg2 & 63);

	return left < n ? (unsigned int)left : n;
}

static int ptw_unmap_dead(struct ptw_unmap_job *job, uint64_t *table, unsigned int level,
			  uint64_t ia);

/*
 * An entry of a dead table that is not a plain leaf or empty: freeze it, with all below. PTW_OK;
 * PTW_ERR_AGAIN if it is owned, or what comes from below; 1 if it has changed and wants another look.
 * *done: entries.
 */
static int ptw_unmap_dead_entry(struct ptw_unmap_job *job, uint64_t *slot, uint64_t ia,
				unsigned int level, unsigned int *done)
{
	const struct ptw_pgtable *p = job->pgtable;
	uint64_t e = ptw_port_load_table(slot);
	unsigned int members;
	int ret;

	*done = 0;
	if (ptw_is_owned(p, e, level))
		return PTW_ERR_AGAIN;
	if (ptw_is_table(p, e, level)) {
		if (!ptw_port_cas(slot, &e, p->layout->frozen))
			return 1;
		ret = ptw_unmap_dead(job, ptw_child(p, e, level), level - 1, ia);
		if (ret) {
			ptw_port_publish(slot, ptw_table_restored(p, e, level));
			return ret;
		}
		*done = 1;
		return PTW_OK;
	}
	if (!ptw_is_leaf(p, e, level) || !(e & p->instance->format->group_bit))
		return 1;
	members = ptw_unmap_members(p, e, level);
	if (!ptw_unmap_group(job, slot, members, ia, level))
		return 1;
	*done = members;
	return PTW_OK;
}

/* Entries [0, n) of a table whose parent entry is ours were frozen by us: they are empty again. */
static void ptw_unmap_revive(struct ptw_unmap_job *job, uint64_t *table, unsigned int n)
{
	struct ptw_pgtable *p = job->pgtable;

	/* What was in them may be cached; where that matters it must be gone first. */
	if (p->geometry.break_before_make)
		ptw_gather_flush(&job->gather);
	for (unsigned int i = 0; i < n; i++)
		ptw_port_publish(&table[i], p->layout->empty);
}

/*
 * Freeze all of `table`, which maps what follows `ia` and hangs at an entry that the caller froze. On
 * PTW_ERR_AGAIN, or PTW_ERR_BACKLOG, the table is alive, without what was taken out before job->ia.
 */
static int ptw_unmap_dead(struct ptw_unmap_job *job, uint64_t *table, unsigned int level,
			  uint64_t ia)
{
	struct ptw_pgtable *p = job->pgtable;
	unsigned int lg2 = ptw_span_lg2(p->instance->format, level);
	unsigned int entries = ptw_entries(p, level), i = 0, done;
	uint64_t start = ia;
	uint32_t removed = 0;

	while (i < entries) {
		struct ptw_taken taken = { 0 };
		unsigned int n = ptw_unmap_run(p, ia, level, entries - i);
		int ret = PTW_OK;

		done = job->take(p, &table[i], n, level, p->layout->frozen, true, &taken);
		ptw_unmap_count(job, ia, done, level, &taken);
		removed += ptw_popcount(taken.removed);
		i += done;
		ia += (uint64_t)done << lg2;
		if (done < n) {
			ret = ptw_unmap_dead_entry(job, &table[i], ia, level, &done);
			removed += done;
			i += done;
			ia += (uint64_t)done << lg2;
		}
		/* What is gathered here hangs at entries that are ours: it can go. */
		if (!ret && ptw_gather_full(&job->gather)) {
			ptw_gather_finish(&job->gather);
			ret = ptw_backlog_check(p);
		}
		if (ret < 0) {
			/* A table below may have said where. */
			if (job->ia < ia)
				job->ia = ia;
			ptw_unmap_revive(job, table, i);
			ptw_live_add(p, table, start, level, -removed);
			return ret;
		}
	}
	ptw_live_add(p, table, start, level, PTW_LIVE_DEAD - removed);
	/* With its addresses, so that no flush can come between the two. */
	ptw_gather_range(&job->gather, start, ia, 0);
	ptw_gather_table(&job->gather, table);
	return PTW_OK;
}

/*
 * Unlink the table that the whole of the next part of the range is in; its parent entry `spot` is
 * frozen by us. Outside sections.
 */
static int ptw_unmap_table(struct ptw_unmap_job *job, const struct ptw_spot *spot)
{
	struct ptw_pgtable *p = job->pgtable;
	uint64_t start = job->ia;
	uint64_t end = start + ((uint64_t)1 << ptw_span_lg2(p->instance->format, spot->level));
	int ret;

	ret = ptw_unmap_dead(job, ptw_child(p, spot->e, spot->level), spot->level - 1, start);
	if (ret) {
		ptw_table_restore(p, spot, start);
		return ret;
	}
	job->ia = end;
	if (p->geometry.break_before_make) {
		ptw_gather_thaw(&job->gather, spot->table, start,
				(unsigned int)(spot->slot - spot->table), 1, spot->level);
		return PTW_OK;
	}
	ptw_release_entries(p, spot->table, start, (unsigned int)(spot->slot - spot->table), 1,
			    spot->level);
	return PTW_OK;
}

/* The entry that decides about job->ia is no plain leaf that the range covers. Inside a section. */
static int ptw_unmap_special(struct ptw_unmap_job *job, const struct ptw_spot *spot)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	unsigned int lg2 = ptw_span_lg2(f, spot->level);
	uint64_t next = ptw_entry_end(f, job->ia, job->end, spot->level);
	uint64_t size;
	unsigned int first, members;

	if (spot->e == p->layout->empty) {
		if (job->strict)
			return PTW_ERR_HOLE;
		job->holes += (next - job->ia) >> f->granule_lg2;
		job->ia = next;
		return PTW_OK;
	}
	if (ptw_is_owned(p, spot->e, spot->level))
		return PTW_ERR_AGAIN;
	if (!ptw_is_leaf(p, spot->e, spot->level))
		return PTW_OK;
	members = ptw_unmap_members(p, spot->e, spot->level);
	size = (uint64_t)members << lg2;
	if ((job->ia & (size - 1)) || job->end - job->ia < size)
		return PTW_ERR_BLOCK;
	first = (unsigned int)(spot->slot - spot->table);
	if (members == 1 || !ptw_unmap_group(job, spot->slot, members, job->ia, spot->level))
		return PTW_OK;
	/* Groups are arm64's, which breaks before it makes. */
	for (unsigned int i = 0; i < members; i += 64) {
		unsigned int n = members - i < 64 ? members - i : 64;

		ptw_gather_thaw(&job->gather, spot->table, job->ia + ((uint64_t)i << lg2),
				first + i, ~(uint64_t)0 >> (64 - n), spot->level);
	}
	job->ia += size;
	return PTW_OK;
}

/* How many of the entries from `slot` on a strict call may take: up to the first hole. */
static unsigned int ptw_unmap_strict(const struct ptw_pgtable *p, const uint64_t *slot,
				     unsigned int n)
{
	unsigned int i = 0;

	while (i < n && ptw_port_load(&slot[i]) != p->layout->empty)
		i++;
	return i;
}

/*
 * Leaves of one table, one by one, as many as a section may take. Inside a section. Returns whether any
 * entry was dealt with.
 */
static bool ptw_unmap_leaves(struct ptw_unmap_job *job, const struct ptw_spot *spot)
{
	struct ptw_pgtable *p = job->pgtable;
	const bool thaw = p->geometry.break_before_make;
	const uint64_t gone = thaw ? p->layout->frozen : p->layout->empty;
	unsigned int lg2 = ptw_span_lg2(p->instance->format, spot->level);
	unsigned int first = (unsigned int)(spot->slot - spot->table), i = 0, n, done;
	uint64_t left = (job->end - job->ia) >> lg2, start = job->ia;
	uint32_t removed = 0;

	if (job->ia & (((uint64_t)1 << lg2) - 1))
		return false;
	if (left > ptw_entries(p, spot->level) - first)
		left = ptw_entries(p, spot->level) - first;
	if (left > PTW_SECTION_COST / PTW_CHANGED_COST)
		left = PTW_SECTION_COST / PTW_CHANGED_COST;
	while (i < left && !ptw_gather_full(&job->gather)) {
		struct ptw_taken taken = { 0 };

		n = ptw_unmap_run(p, job->ia, spot->level, left - i);
		if (job->strict)
			n = ptw_unmap_strict(p, &spot->slot[i], n);
		done = job->take(p, &spot->slot[i], n, spot->level, gone, false, &taken);
		ptw_unmap_count(job, job->ia, done, spot->level, &taken);
		if (thaw && taken.removed)
			ptw_gather_thaw(&job->gather, spot->table, job->ia, first + i,
					taken.removed, spot->level);
		else
			removed += ptw_popcount(taken.removed);
		i += done;
		job->ia += (uint64_t)done << lg2;
		if (done < n || !n)
			break;
	}
	/* Once for the run. */
	if (removed)
		job->emptied += ptw_live_add(p, spot->table, start, spot->level, -removed);
	return i;
}

/* One section. */
static int ptw_unmap_step(struct ptw_unmap_job *job)
{
	struct ptw_pgtable *p = job->pgtable;
	uint64_t before = job->ia;
	struct ptw_spot spot;
	bool frozen = false;
	int ret = PTW_OK;

	ptw_port_read_lock();
	/* Strict calls may end anywhere, so they go into every table. */
	ptw_descend(p, job->ia, job->strict ? job->ia : job->end, 0, &spot);
	if (ptw_is_table(p, spot.e, spot.level))
		frozen = ptw_port_cas(spot.slot, &spot.e, p->layout->frozen);
	else if (!ptw_unmap_leaves(job, &spot))
		ret = ptw_unmap_special(job, &spot);
	ptw_port_read_unlock();
	if (frozen)
		ret = ptw_unmap_table(job, &spot);
	if (job->ia != before) {
		job->tries = 0;
		return ret;
	}
	if ((ret == PTW_OK || ret == PTW_ERR_AGAIN) && ++job->tries <= PTW_WRITE_TRIES)
		return PTW_OK;
	return ret ? ret : PTW_ERR_AGAIN;
}

static int ptw_unmap_range(struct ptw_unmap_job *job)
{
	int ret = PTW_OK;

	while (!ret && job->ia < job->end) {
		if (ptw_gather_full(&job->gather) || job->emptied >= PTW_UNMAP_EMPTIED) {
			ptw_reclaim_finish(&job->gather);
			job->emptied = 0;
			ret = ptw_backlog_check(job->pgtable);
			if (ret)
				break;
		}
		ret = ptw_unmap_step(job);
	}
	return ret;
}

/* Does a leaf extent reach across `ia`? Then *start is where it begins. */
static bool ptw_unmap_cuts(struct ptw_pgtable *p, uint64_t ia, uint64_t *start)
{
	struct ptw_query query = { .size = sizeof(query) };

	if (!ia || ia >> p->geometry.ia_bits || ptw_query(p, ia, &query) ||
	    query.extent_start == ia)
		return false;
	*start = query.extent_start;
	return true;
}

static int ptw_unmap_args(struct ptw_pgtable *p, uint64_t *start, uint64_t *end,
			  const struct ptw_unmap *unmap, const struct ptw_change_result *result)
{
	int ret;

	if (!p)
		return PTW_ERR_ARG;
	ret = unmap ? ptw_size_check(unmap, unmap->size, sizeof(*unmap)) : PTW_OK;
	if (ret)
		return ret;
	if (result && result->size < sizeof(*result))
		return PTW_ERR_SIZE;
	if (unmap && ((unmap->flags & ~(uint32_t)PTW_UNMAP_STRICT) || unmap->reserved))
		return PTW_ERR_ARG;
	ret = ptw_change_args(p, result);
	return ret ? ret : ptw_range_check(p, start, end);
}

static void ptw_unmap_answer(const struct ptw_unmap_job *job, struct ptw_change_result *result)
{
	const struct ptw_change_result answer = {
		.reached = job->ia,
		.leaves = job->leaves,
		.tables = job->gather.unlinked,
		.holes = job->holes,
		.young_extents = job->report.young_extents,
		.young_pages = job->report.young_pages,
		.dirty_extents = job->report.dirty_extents,
		.dirty_pages = job->report.dirty_pages,
	};

	ptw_change_answer(result, &answer);
}

int ptw_unmap(struct ptw_pgtable *p, uint64_t start, uint64_t end, const struct ptw_unmap *unmap,
	      struct ptw_change_result *result)
{
	struct ptw_unmap_job job = { .pgtable = p };
	int ret;

	ret = ptw_unmap_args(p, &start, &end, unmap, result);
	if (ret)
		return ret;
	ptw_gather_init(&job.gather, p);
	job.take = p->exclusive ? p->instance->take_exclusive : p->instance->take;
	job.strict = unmap && (unmap->flags & PTW_UNMAP_STRICT);
	job.ia = start;
	job.end = end;
	job.report.start = start;
	job.report.end = end;
	job.report.granule_lg2 = p->geometry.granule_lg2;
	job.report.first_page = (start >> p->geometry.granule_lg2) & ~(uint64_t)63;
	job.report.young = unmap ? unmap->young : NULL;
	job.report.dirty = unmap ? unmap->dirty : NULL;
	ret = ptw_backlog_check(p);
	if (!ret && (ptw_unmap_cuts(p, start, &job.ia) || ptw_unmap_cuts(p, end, &job.ia)))
		ret = PTW_ERR_BLOCK;
	if (!ret) {
		ret = ptw_unmap_range(&job);
		ptw_reclaim_finish(&job.gather);
		/* After this call's own notes; nobody else looks at their age. */
		if (job.leaves && p->reclaim_delay && p->reclaim_delay != PTW_RECLAIM_NEVER &&
		    ptw_port_load(&p->tables_empty))
			ptw_port_add32(&p->note_clock, 1);
	}
	ptw_unmap_answer(&job, result);
	return ret;
}
