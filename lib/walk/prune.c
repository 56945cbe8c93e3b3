/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pruned harvests: which tables are worth reading.
 *
 * Hint: a table entry is cleared just before its table is read; one that is not accessed is passed over with
 * all that is below it, at every level. A processor that cached the entry before it was cleared sets leaves
 * below it young without setting it again: those wait for a full pass.
 *
 * Exact: the entries of level 1, which lead to leaf tables, are cleared and noted over the whole range,
 * then comes one flush, then the noted tables are read. Levels above are not asked: a processor that
 * cached the entry of level 2 before the flush may set one of level 1 after it was looked at, and below an
 * entry of level 2 that stays old nobody would look again. (With a flush for each level one could.) All
 * entries of level 1 are 1/512 of the leaf entries.
 *
 * Orders. Clearing a table entry is a compare-exchange, acquire-release; partner: the processor's update of
 * that entry. If it comes before, the leaves it made young before are read here, after; if it
 * comes after, the entry is set again for the next pass. Writers who make a leaf young set the entries of
 * its path after the leaf, from the leaf up (ptw_mark_path()), with a full fence on either side: so either
 * this pass reads the leaf, or the writer sees the entry old, sets it, and the next pass comes there. Whoever
 * froze a table entry and puts it back sets it, too.
 */
#include <ptw/filter.h>

#include "lib/walk/prune.h"

/* ADAPT: of 16 tables so many must be worth it, or pruning is left out for a while. */
#define PTW_PRUNE_USELESS  15
#define PTW_PRUNE_REST_MAX 32u
/* ... and at least every so many passes all tables are counted. */
#define PTW_PRUNE_COUNT 64u

/* Values of ptw_prune.full besides 0 and 1. */
#define PTW_PRUNE_RESTING 2u

int ptw_prune_args(const struct ptw_pgtable *p, const struct ptw_harvest *h, uint64_t start,
		   uint64_t end)
{
	const struct ptw_prune *prune = h->prune;
	const unsigned int table_lg2 = p->geometry.granule_lg2 + p->geometry.index_lg2;
	int ret = ptw_size_check(prune, prune->size, sizeof(*prune));

	if (ret)
		return ret;
	if ((prune->flags & ~(uint32_t)(PTW_PRUNE_FLUSH | PTW_PRUNE_ADAPT)) || prune->reserved)
		return PTW_ERR_ARG;
	if ((prune->flags & PTW_PRUNE_FLUSH) && !prune->touched)
		return PTW_ERR_ARG;
	if ((prune->flags & PTW_PRUNE_FLUSH) &&
	    prune->touched_words < ptw_prune_words(start, end, table_lg2))
		return PTW_ERR_SIZE;
	/* Dirty state is final only if every leaf was read, and a look changes no table entries. */
	if ((h->flags & (PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK)) || h->oa_end)
		return PTW_ERR_UNSUPPORTED;
	return PTW_OK;
}

bool ptw_prune_able(const struct ptw_pgtable *p)
{
	return p->geometry.root_level && ptw_table_bit(p, p->geometry.root_level);
}

/* A pass begins. */
static void ptw_prune_begin(const struct ptw_pgtable *p, struct ptw_prune *prune)
{
	const bool able = ptw_prune_able(p);

	prune->last_read = prune->read;
	prune->last_skipped = prune->skipped;
	prune->read = prune->skipped = 0;
	prune->full = 0;
	/* Whatever was named until now; but a pass that was given up has not read it yet. */
	if (prune->filter && prune->pass && !prune->open)
		ptw_filter_turn(prune->filter);
	prune->open = 1;
	if (prune->rest) {
		prune->rest--;
		prune->full = PTW_PRUNE_RESTING;
	} else if (!able && !prune->filter) {
		prune->full = PTW_PRUNE_RESTING;
	} else if (!prune->pass || prune->fresh ||
		   (prune->full_every && prune->pass % prune->full_every == 0) ||
		   ((prune->flags & PTW_PRUNE_ADAPT) && prune->pass % PTW_PRUNE_COUNT == 0)) {
		prune->full = 1;
	}
	prune->fresh = 0;
}

/* A pass has come to its end. */
static void ptw_prune_end(struct ptw_prune *prune)
{
	prune->pass++;
	prune->open = 0;
	if (!(prune->flags & PTW_PRUNE_ADAPT))
		return;
	if (prune->full == PTW_PRUNE_RESTING) {
		/* All table entries are set by now: clear them before they can tell again. */
		prune->fresh = !prune->rest;
		return;
	}
	if (prune->full) {
		prune->tables = prune->read;
	} else if (prune->read * 16 > prune->tables * PTW_PRUNE_USELESS) {
		prune->backoff = prune->backoff ? prune->backoff * 2 : 2;
		if (prune->backoff > PTW_PRUNE_REST_MAX)
			prune->backoff = PTW_PRUNE_REST_MAX;
		prune->rest = prune->backoff;
	} else {
		prune->backoff = 0;
	}
}

static enum ptw_pruning ptw_prune_kind(const struct ptw_pgtable *p, const struct ptw_prune *prune)
{
	if (prune->full == PTW_PRUNE_RESTING)
		return PTW_PRUNING_NONE;
	if (!ptw_prune_able(p))
		return prune->full ? PTW_PRUNING_NONE : PTW_PRUNING_FILTER;
	if (prune->flags & PTW_PRUNE_FLUSH)
		return PTW_PRUNING_TOUCHED;
	return prune->full ? PTW_PRUNING_FULL : PTW_PRUNING_HINT;
}

/* What the entry of level 1 that w->ia lies in maps from. */
static uint64_t ptw_table_base(const struct ptw_walk_state *w)
{
	const unsigned int lg2 = ptw_span_lg2(w->pgtable->instance->format, 1);

	return w->ia >> lg2 << lg2;
}

/* Exact: table entries of the whole range, then the flush. */
static int ptw_prune_prepare(struct ptw_walk_state *w, struct ptw_harvest_job *job,
			     int (*harvest)(struct ptw_walk_state *w, struct ptw_harvest_job *job))
{
	struct ptw_pgtable *p = w->pgtable;
	const struct ptw_prune *prune = job->request->prune;
	const uint64_t at = w->ia, start = w->start, budget = w->budget;
	const struct ptw_range range = {at, w->end};
	int ret;

	/* Not in bites: one flush is for the whole pass. Tables that an earlier pass left stay noted. */
	w->budget = 0;
	job->prune = PTW_PRUNING_COLLECT;
	ret = harvest(w, job);
	w->ia = at;
	w->start = start;
	w->budget = budget;
	w->tables = w->spent = 0;
	job->pruned->mask_words = 0;
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++)
		w->entered[level] = 0;
	if (!ret && p->flush)
		p->flush(p->flush_context, &range, 1, PTW_FLUSH_TABLE, 0);
	/* Not by clearing once more: after the flush that would be a hint again. */
	if (!ret && prune->full)
		ptw_bits_set(prune->touched, ptw_touched_bit(w, job, at),
			     ptw_touched_bit(w, job, w->end - 1) - ptw_touched_bit(w, job, at) + 1);
	return ret;
}

int ptw_prune_harvest(struct ptw_walk_state *w, struct ptw_harvest_job *job,
		      int (*harvest)(struct ptw_walk_state *w, struct ptw_harvest_job *job))
{
	struct ptw_pgtable *p = w->pgtable;
	struct ptw_prune *prune = job->request->prune;
	struct ptw_pruned pruned;
	enum ptw_pruning kind;
	int ret = PTW_OK;

	ptw_zero(&pruned, sizeof(pruned));
	job->pruned = &pruned; /* cppcheck-suppress autoVariables; nobody looks at it after the call */
	if (w->ia == job->range_start)
		ptw_prune_begin(p, prune);
	kind = ptw_prune_kind(p, prune);
	/* Before any is cleared, by acquire-release compare-exchanges; partner: ptw_mmu_table_touched_part(). */
	if ((kind == PTW_PRUNING_HINT || kind == PTW_PRUNING_FULL) && !ptw_port_load(&p->hinted))
		ptw_port_publish(&p->hinted, 1);
	/* A pass that goes on has its tables noted. */
	if (kind == PTW_PRUNING_TOUCHED && w->ia == job->range_start)
		ret = ptw_prune_prepare(w, job, harvest);
	job->prune = (uint8_t)kind;
	/* It goes on in the middle of a table: when that is done, it is not owed any more. */
	if (kind == PTW_PRUNING_TOUCHED && w->ia != job->range_start && w->ia != ptw_table_base(w))
		ptw_touched_take(w, job, ptw_table_base(w));
	if (!ret)
		ret = harvest(w, job);
	if (kind == PTW_PRUNING_TOUCHED)
		ptw_touched_settle(w, job);
	if (kind == PTW_PRUNING_NONE)
		prune->read += w->tables;
	if (!ret || ((ret == PTW_ERR_STOPPED || ret == PTW_ERR_BUDGET) && w->ia >= w->end))
		ptw_prune_end(prune);
	return ret;
}

int ptw_prune_note(struct ptw_pgtable *p, uint64_t start, uint64_t end, uint64_t *touched,
		   bool *cleared)
{
	const uint64_t cut = ((uint64_t)1 << ptw_span_lg2(p->instance->format, 1)) - 1;
	struct ptw_prune prune = {.size = sizeof(prune), .touched = touched};
	const struct ptw_harvest h = {
		.size = sizeof(h), .flags = PTW_HARVEST_ACCESSED, .prune = &prune};
	struct ptw_harvest_job job;
	struct ptw_walk_state w;
	struct ptw_pruned pruned;
	int ret;

	ptw_zero(&w, sizeof(w));
	ptw_zero(&job, sizeof(job));
	ptw_zero(&pruned, sizeof(pruned));
	w.pgtable = p;
	w.start = w.ia = job.start = job.range_start = start;
	w.end = job.end = end;
	job.ask.want = PTW_HARVEST_ACCESSED;
	job.granule_lg2 = p->geometry.granule_lg2;
	job.index_lg2 = p->geometry.index_lg2;
	job.bitmaps_only = true;
	job.changed_start = UINT64_MAX;
	job.prune = PTW_PRUNING_COLLECT;
	job.request = &h;
	job.pruned = &pruned;
	pruned.blocks = true;
	if (start & cut)
		ptw_bits_set(touched, 0, 1);
	if (end & cut)
		ptw_bits_set(touched, ptw_touched_bit(&w, &job, end - 1), 1);
	ret = p->instance->harvest(&w, &job);
	*cleared |= pruned.cleared;
	return ret;
}
