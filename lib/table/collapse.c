/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Collapsing: a table whose leaves map what one block would becomes that block.
 *
 * Every leaf is held first, so that what is verified stays true, then the table is replaced at its parent
 * entry, and only then are the leaves exchanged, one after the other, with what processors did to them
 * until that moment. Without a break the block is there before its accessed and dirty bits are: it is
 * held until they have been added. With a break the parent entry stays frozen until all is known.
 * Nothing is reported, and nothing is carried twice. A leaf that is held keeps its state: who gives up has
 * none in hand.
 */
#include "lib/table/resize.h"
#include "lib/walk/harvest_template.h"

/* A table on its way. */
struct ptw_collapse_at {
	struct ptw_spot parent;
	uint64_t *table;
	uint64_t ia;
	unsigned int level; /* of the leaves */
	unsigned int entries;
	uint64_t first;  /* its first leaf, without hold */
	uint64_t block;  /* what it becomes, plain */
};

/*
 * Could the table at `parent` be one leaf, as its first and its last entry have it? Then hold the first
 * leaf: the table is ours, and the rest can be looked at outside the section. Otherwise *owned tells
 * whether one of them is somebody else's.
 */
static bool ptw_collapse_claim(const struct ptw_pgtable *p, struct ptw_collapse_at *at, bool *owned)
{
	const struct ptw_format *f = p->instance->format;
	uint64_t size = (uint64_t)at->entries << ptw_span_lg2(f, at->level);
	uint64_t first = ptw_port_load(at->table), last = ptw_port_load(at->table + at->entries - 1);

	*owned = ptw_is_owned(p, first, at->level) || ptw_is_owned(p, last, at->level);
	if (*owned || !ptw_is_leaf(p, first, at->level) || !ptw_is_leaf(p, last, at->level) ||
	    (f->address(&p->geometry, first, at->level) & (size - 1)) ||
	    !ptw_leaf_follows(p, first, last, at->entries - 1, at->level) ||
	    !ptw_leaf_hold(p, at->table, first, 0, at->level, false,
			   &at->first))
		return false;
	at->block = p->build->relevel(&p->geometry, p->layout,
				      ptw_plain_leaf(p, at->first, at->level), at->level,
				      at->level + 1, f->address(&p->geometry, at->first, at->level),
				      false);
	return true;
}

/* Hold leaf i; if not, *owned tells whether somebody else owns it. */
static bool ptw_collapse_hold(const struct ptw_pgtable *p, const struct ptw_collapse_at *at,
			      unsigned int i, bool *owned)
{
	uint64_t e;

	if (ptw_leaf_hold(p, &at->table[i], at->first, i, at->level, false, &e))
		return true;
	*owned = ptw_is_owned(p, e, at->level);
	return false;
}

/* Give back the holds of the first `n` leaves. */
static void ptw_collapse_drop(const struct ptw_pgtable *p, const struct ptw_collapse_at *at,
			      unsigned int n)
{
	while (n--)
		ptw_leaf_release(p, &at->table[n], at->level, 0);
}

/*
 * Replace the table entry by `value`. Its accessed bit may change, and whoever wants to unlink the table
 * may have frozen it for the moment that he takes to find our holds.
 */
static bool ptw_collapse_replace(const struct ptw_pgtable *p, struct ptw_collapse_at *at,
				 uint64_t value)
{
	for (unsigned int tries = 0; tries < PTW_WRITE_TRIES; tries++) {
		uint64_t e = ptw_port_load_table(at->parent.slot);

		while (ptw_is_table(p, e, at->parent.level))
			/* Partner: walkers and writers who come down; from now on they find it. */
			if (ptw_port_cas(at->parent.slot, &e, value))
				return true;
	}
	return false;
}

/* Take the leaves out; what processors did to them, at the block's level. */
static uint64_t ptw_collapse_take(struct ptw_resize_job *job, const struct ptw_collapse_at *at)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	uint64_t plain = ptw_plain_leaf(p, at->first, at->level), used = 0;

	for (unsigned int i = 0; i < at->entries; i++)
		used |= ptw_used_bits(p, ptw_port_xchg(&at->table[i], p->layout->frozen),
				      at->level);
	ptw_live_add(p, at->table, at->ia, at->level, PTW_LIVE_DEAD - at->entries);
	ptw_gather_table(&job->gather, at->table);
	return p->build->relevel(&p->geometry, p->layout, plain ^ used, at->level, at->level + 1,
				 f->address(&p->geometry, at->first, at->level), false) ^
	       at->block;
}

static void ptw_collapse_finish(struct ptw_resize_job *job, const struct ptw_collapse_at *at,
				bool breaks)
{
	struct ptw_pgtable *p = job->pgtable;
	unsigned int level = at->level + 1;
	uint64_t end = at->ia + ((uint64_t)1 << ptw_span_lg2(p->instance->format, level));
	uint64_t used;

	ptw_gather_range(&job->gather, at->ia, end, level);
	if (breaks) {
		job->gather.kind = PTW_FLUSH_TABLE;
		ptw_gather_flush(&job->gather);
	}
	used = ptw_collapse_take(job, at);
	/* Until then the entry is ours, and with it the tables above. */
	ptw_port_read_lock();
	if (breaks)
		ptw_port_publish(at->parent.slot, at->block ^ used);
	else
		ptw_leaf_release(p, at->parent.slot, level, used);
	if (used)
		ptw_mark_path(p, at->parent.path, at->ia, level);
	ptw_port_read_unlock();
	job->leaves++;
}

/* The table under the entry of `level` for job->ia. */
static int ptw_collapse_table(struct ptw_resize_job *job, unsigned int level)
{
	struct ptw_pgtable *p = job->pgtable;
	struct ptw_collapse_at at = { .ia = job->ia, .level = level - 1 };
	bool claimed = false, owned, breaks;
	unsigned int i;

	ptw_port_read_lock();
	ptw_descend(p, job->ia, job->ia, level, &at.parent);
	owned = at.parent.e == p->layout->frozen;
	if (at.parent.level == level && ptw_is_table(p, at.parent.e, level)) {
		at.table = ptw_child(p, at.parent.e, level);
		at.entries = ptw_entries(p, at.level);
		claimed = ptw_collapse_claim(p, &at, &owned);
	}
	ptw_port_read_unlock();
	if (!claimed) {
		/* Nothing of that size is here. */
		if (at.parent.level > level)
			job->next = ptw_entry_end(p->instance->format, job->ia, job->end,
						  at.parent.level);
		return owned ? PTW_ERR_AGAIN : PTW_OK;
	}
	for (i = 1; i < at.entries; i++) {
		if (ptw_collapse_hold(p, &at, i, &owned))
			continue;
		ptw_collapse_drop(p, &at, i);
		return owned ? PTW_ERR_AGAIN : PTW_OK;
	}
	breaks = p->build->must_break(&p->geometry, p->layout, at.parent.e, at.block, level);
	if (!ptw_collapse_replace(p, &at, breaks ? p->layout->frozen :
					  at.block | p->build->held(p->layout, level))) {
		ptw_collapse_drop(p, &at, i);
		return PTW_ERR_AGAIN;
	}
	ptw_collapse_finish(job, &at, breaks);
	return PTW_OK;
}

/* Where what `step` of `size` bytes each can be made in the range begins. */
static uint64_t ptw_collapse_begin(uint64_t start, uint64_t size)
{
	return (start + size - 1) & ~(size - 1);
}

/* Go over the range in steps of `size`; `make` works on job->ia. */
static int ptw_collapse_pass(struct ptw_resize_job *job, uint64_t start, uint64_t size,
			     unsigned int level,
			     int (*make)(struct ptw_resize_job *job, unsigned int level))
{
	int ret = PTW_OK, owned = PTW_OK;
	uint64_t refused = 0;

	for (job->ia = ptw_collapse_begin(start, size);
	     job->ia < job->end && job->end - job->ia >= size; job->ia = job->next) {
		job->tries = 0;
		job->next = job->ia + size;
		do {
			if (ptw_gather_full(&job->gather)) {
				ptw_gather_finish(&job->gather);
				ret = ptw_backlog_check(job->pgtable);
				if (ret)
					return ret;
			}
			ret = make(job, level);
		} while (ret == PTW_ERR_AGAIN && ++job->tries < PTW_WRITE_TRIES);
		if (ret == PTW_ERR_AGAIN && !owned) {
			owned = ret;
			refused = job->ia;
		}
	}
	if (owned)
		job->ia = refused;
	return owned;
}

static int ptw_collapse_group(struct ptw_resize_job *job, unsigned int level)
{
	int ret = ptw_group_make(job, job->ia, level);

	return ret == 1 ? PTW_OK : ret;
}

/* Can leaves of `level` be made a group, in a table that may be the root? */
static bool ptw_collapse_groups(const struct ptw_pgtable *p, unsigned int level)
{
	unsigned int lg2 = p->instance->format->group_lg2[level];

	return lg2 && (p->geometry.features & PTW_FEATURE_CONTIG) &&
	       (p->geometry.leaf_levels >> level & 1) &&
	       !(level == p->geometry.root_level && p->geometry.root_lg2 < lg2);
}

int ptw_collapse(struct ptw_pgtable *p, uint64_t start, uint64_t end, unsigned int level,
		 struct ptw_change_result *result)
{
	struct ptw_resize_job job = { .pgtable = p, .level = level };
	struct ptw_change_result answer = { 0 };
	uint64_t reached;
	int ret, worst;

	ret = ptw_change_args(p, result);
	if (!ret && level >= PTW_MAX_LEVELS)
		ret = PTW_ERR_ARG;
	if (!ret)
		ret = ptw_range_check(p, &start, &end);
	if (ret)
		return ret;
	if (level > p->geometry.root_level)
		level = p->geometry.root_level;
	ptw_gather_init(&job.gather, p);
	job.end = end;
	worst = ptw_backlog_check(p);
	reached = worst ? start : end;
	for (unsigned int l = 0; l <= level && worst != PTW_ERR_BACKLOG; l++) {
		unsigned int lg2 = ptw_span_lg2(p->instance->format, l);

		ret = PTW_OK;
		if (l && (p->geometry.leaf_levels >> l & 1))
			ret = ptw_collapse_pass(&job, start, (uint64_t)1 << lg2, l,
						ptw_collapse_table);
		if (ret && job.ia < reached)
			reached = job.ia;
		worst = ret ? ret : worst;
	}
	/* What could not become larger leaves. */
	for (unsigned int l = 0; l <= level && worst != PTW_ERR_BACKLOG; l++) {
		unsigned int lg2 = ptw_span_lg2(p->instance->format, l);

		if (!ptw_collapse_groups(p, l))
			continue;
		ret = ptw_collapse_pass(&job, start,
					(uint64_t)1 << (lg2 + p->instance->format->group_lg2[l]),
					l, ptw_collapse_group);
		if (ret && job.ia < reached)
			reached = job.ia;
		worst = ret ? ret : worst;
	}
	ptw_reclaim_finish(&job.gather);
	answer.reached = worst ? reached : end;
	answer.leaves = job.leaves;
	answer.tables = job.gather.unlinked;
	ptw_change_answer(result, &answer);
	return worst;
}
