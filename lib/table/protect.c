/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Changing the leaves of a range in place: permissions, write protection, the caller's software bit.
 *
 * Each leaf by compare-exchange on its snapshot. A contiguous group is owned through its first member,
 * which is held while the others change, so that two calls cannot leave a mixture behind. Accessed state stays
 * where it is all the time, so no path has to be marked (ptw_mark_path()).
 */
#include "lib/table/table.h"
#include "lib/walk/harvest_job.h"
#include "lib/walk/harvest_template.h"

struct ptw_protect_job {
	enum ptw_change change; /* 0: to `prot` */
	uint32_t prot;
	uint64_t leaves;
	uint64_t seen_start; /* span of the leaves */
	uint64_t seen_end;
	unsigned int level;
	struct ptw_harvest_job dirty; /* state that went with the write permission */
	uint64_t dirty_end; /* of the last group reported there */
	uint64_t group_end; /* of the last group that was dealt with */
};

static int ptw_protect_make(const struct ptw_pgtable *p, uint64_t e, unsigned int level,
			    uint32_t prot, uint64_t *wanted)
{
	struct ptw_leaf leaf;
	int ret;

	p->build->decode(&p->geometry, p->layout, e, level, &leaf);
	leaf.prot = prot;
	leaf.flags &= ~(uint32_t)(PTW_LEAF_MAY_WRITE | PTW_LEAF_HELD);
	ret = p->build->make_leaf(&p->geometry, p->layout, &leaf, level, wanted);
	if (ret == PTW_ERR_PERM && (leaf.flags & PTW_LEAF_DIRTY)) {
		/* Where dirty is a permission, it goes with it. */
		leaf.flags &= ~(uint32_t)PTW_LEAF_DIRTY;
		ret = p->build->make_leaf(&p->geometry, p->layout, &leaf, level, wanted);
	}
	return ret;
}

static uint64_t ptw_protect_wanted(const struct ptw_protect_job *job, const struct ptw_pgtable *p,
				   uint64_t e, unsigned int level)
{
	uint64_t wanted = e;

	switch (job->change) {
	case PTW_CHANGE_WRITE_PROTECT:
	case PTW_CHANGE_READ_ONLY:
		return p->build->write_protect(p->layout, e, level,
					       job->change == PTW_CHANGE_READ_ONLY);
	case PTW_CHANGE_SET_USER:
	case PTW_CHANGE_CLEAR_USER:
		return p->build->set_user(p->layout, e, level, job->change == PTW_CHANGE_SET_USER);
	default:
		/* Cannot fail: the permissions were tried before. */
		ptw_protect_make(p, e, level, job->prot, &wanted);
		return wanted;
	}
}

/* Where writable means dirty, taking the permission takes the dirty state: that is to be told. */
static bool ptw_protect_cleans(const struct ptw_pgtable *p, uint64_t e, uint64_t after,
			       unsigned int level)
{
	const struct ptw_format *f = p->instance->format;

	return f->dirty_leaf(p->layout, e, level) && !f->dirty_leaf(p->layout, after, level);
}

/* Leaf `e` for `ia` was dirty. A contiguous group, of others' page tables, is so by any of its members. */
static void ptw_protect_dirty(struct ptw_protect_job *job, const struct ptw_pgtable *p, uint64_t e,
			      uint64_t ia, unsigned int level)
{
	const struct ptw_format *f = p->instance->format;
	unsigned int group_lg2 = ptw_group_lg2(f, &p->geometry, e, level);
	uint64_t size = (uint64_t)1 << (ptw_span_lg2(f, level) + group_lg2);

	ia &= ~(size - 1);
	if (group_lg2 && ia < job->dirty_end)
		return;
	if (group_lg2)
		job->dirty_end = ia + size;
	ptw_job_report(&job->dirty, ia, size, level, PTW_EXTENT_DIRTY);
}

/* One leaf, on its snapshot: 1 changed, 0 was so, PTW_ERR_AGAIN if it is another by now, or owned. */
static int ptw_protect_leaf(struct ptw_protect_job *job, const struct ptw_pgtable *p,
			    uint64_t *slot, uint64_t e, uint64_t ia, unsigned int level)
{
	uint64_t wanted, found = e;

	if (e & p->build->held(p->layout, level))
		return PTW_ERR_AGAIN;
	wanted = ptw_protect_wanted(job, p, e, level);
	if (wanted == e)
		return 0;
	/* Nobody may see an invalid entry for the sake of a permission. */
	if (p->build->must_break(&p->geometry, p->layout, e, wanted, level))
		return PTW_ERR_UNSUPPORTED;
	if (!ptw_port_cas(slot, &found, wanted))
		return PTW_ERR_AGAIN;
	if (ptw_protect_cleans(p, e, wanted, level))
		ptw_protect_dirty(job, p, e, ia, level);
	job->leaves++;
	return 1;
}

/*
 * The contiguous group whose first member is at `slot`, of an own page table. Partners of the hold are the
 * compare-exchanges of other writers, which find it and keep off the whole group.
 */
static int ptw_protect_group(struct ptw_protect_job *job, const struct ptw_pgtable *p,
			     uint64_t *slot, unsigned int members, uint64_t ia,
			     unsigned int level)
{
	const struct ptw_format *f = p->instance->format;
	const uint64_t held = p->build->held(p->layout, level);
	unsigned int lg2 = ptw_span_lg2(f, level);
	uint64_t e = ptw_port_load(slot), wanted;
	unsigned int changed = 0;
	bool dirty = false;

	wanted = ptw_protect_wanted(job, p, e & ~held, level);
	if (p->build->must_break(&p->geometry, p->layout, e, wanted, level))
		return PTW_ERR_UNSUPPORTED;
	do {
		if (!ptw_is_leaf(p, e, level) || (e & held) || !(e & f->group_bit))
			return PTW_ERR_AGAIN;
	} while (!ptw_port_cas(slot, &e, e | held));
	/* The first one last: that ends the ownership. */
	for (unsigned int i = members; i--;) {
		e = ptw_port_load(&slot[i]);
		do {
			wanted = ptw_protect_wanted(job, p, e & ~held, level);
		} while (wanted != e && !ptw_port_cas(&slot[i], &e, wanted));
		changed += wanted != (e & ~held);
		dirty |= ptw_protect_cleans(p, e, wanted, level);
	}
	if (dirty)
		ptw_job_report(&job->dirty, ia, (uint64_t)members << lg2, level, PTW_EXTENT_DIRTY);
	job->leaves += changed;
	return (int)changed;
}

/* The walk may be wider than the range for a group's sake; what else lies there is left alone. */
static bool ptw_protect_inside(const struct ptw_protect_job *job, uint64_t start, uint64_t size)
{
	return start < job->dirty.end && start + size > job->dirty.start;
}

/* Leaf i of a visit: as ptw_protect_leaf(). */
static int ptw_protect_one(struct ptw_protect_job *job, const struct ptw_visit *visit,
			   unsigned int i)
{
	const struct ptw_pgtable *p = visit->pgtable;
	const struct ptw_format *f = p->instance->format;
	uint64_t ia = visit->ia + i * visit->size, e = visit->entries[i];
	unsigned int members = 1u << ptw_group_lg2(f, &p->geometry, e, visit->level);
	uint64_t start = ia & ~(visit->size * members - 1);
	int ret;

	if (!ptw_protect_inside(job, start, visit->size * members) || ia < job->group_end)
		return 0;
	/* Leaves that are protected already count too: whoever did it may not have flushed yet, and
	 * access tracking takes the permission without a flush. */
	if (job->seen_start > start)
		job->seen_start = start;
	if (job->seen_end < start + visit->size * members)
		job->seen_end = start + visit->size * members;
	if (job->level < visit->level)
		job->level = visit->level;
	if (members == 1 || p->attached)
		return ptw_protect_leaf(job, p, &visit->slots[i], e, ia, visit->level);
	ret = ptw_protect_group(job, p, &visit->slots[i] - (ia - start) / visit->size, members,
				start, visit->level);
	if (ret >= 0)
		job->group_end = start + visit->size * members;
	return ret;
}

static int ptw_protect_visit(void *context, const struct ptw_visit *visit)
{
	struct ptw_protect_job *job = context;
	struct ptw_walk_state *w = visit->walk;

	for (unsigned int i = 0; i < visit->count; i++) {
		int ret;

		/* What is in transition may come back as a leaf that is not protected. */
		if ((visit->owned & (uint64_t)1 << i) &&
		    ptw_protect_inside(job, visit->ia + i * visit->size, visit->size))
			return PTW_ERR_AGAIN;
		if (!(visit->leaves & (uint64_t)1 << i))
			continue;
		ret = ptw_protect_one(job, visit, i);
		if (ret == PTW_ERR_AGAIN)
			return PTW_VISIT_RETRY;
		if (ret < 0)
			return ret;
		w->cost += PTW_CHANGED_COST * (uint64_t)ret;
	}
	return PTW_VISIT_NEXT;
}

/*
 * Members of a contiguous group must agree, so the range takes in all of a group that it cuts. Under the
 * short root of somebody else's page table a leaf extent may end beyond the input address size.
 */
static void ptw_protect_widen(struct ptw_pgtable *p, uint64_t *start, uint64_t *end)
{
	const uint64_t most = (uint64_t)1 << p->geometry.ia_bits;
	struct ptw_query query = { .size = sizeof(query) };

	if (!ptw_query(p, *start, &query))
		*start = query.extent_start;
	if (!ptw_query(p, *end - 1, &query))
		*end = query.extent_start + query.extent_size;
	if (*end > most)
		*end = most;
}

static int ptw_protect_range(struct ptw_pgtable *p, uint64_t start, uint64_t end,
			     struct ptw_protect_job *job, struct ptw_change_result *result)
{
	struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF,
		.holes = true, /* where nothing but frozen entries may be */
		.visit = ptw_protect_visit,
		.context = job,
	};
	struct ptw_walk_result walked = { .size = sizeof(walked) };
	struct ptw_change_result answer = { 0 };
	int ret;

	if (result && result->size < sizeof(*result))
		return PTW_ERR_SIZE;
	ret = ptw_range_check(p, &start, &end);
	if (ret)
		return ret;
	job->dirty.start = start;
	job->dirty.end = end;
	job->dirty.granule_lg2 = p->geometry.granule_lg2;
	job->dirty.first_page = (start >> p->geometry.granule_lg2) & ~(uint64_t)63;
	job->seen_start = UINT64_MAX;
	ptw_protect_widen(p, &start, &end);
	ret = ptw_walk(p, start, end, &walk, &walked);
	/* The walk may have begun before the range and ended behind it. */
	answer.reached = walked.resume < job->dirty.end ? walked.resume : job->dirty.end;
	if (answer.reached < job->dirty.start)
		answer.reached = job->dirty.start;
	answer.leaves = job->leaves;
	answer.dirty_extents = job->dirty.dirty_extents;
	answer.dirty_pages = job->dirty.dirty_pages;
	answer.head = job->dirty.head;
	answer.tail = job->dirty.tail;
	ptw_change_answer(result, &answer);
	return ret;
}

/* Not final before the flush: a processor may still write through a cached translation. */
static void ptw_protect_flush(const struct ptw_pgtable *p, const struct ptw_protect_job *job)
{
	struct ptw_range range = { job->seen_start, job->seen_end };

	if (p->flush && range.start < range.end)
		p->flush(p->flush_context, &range, 1, PTW_FLUSH_LEAF, job->level);
}

int ptw_protect(struct ptw_pgtable *p, uint64_t start, uint64_t end, uint32_t prot,
		uint64_t *dirty, struct ptw_change_result *result)
{
	struct ptw_protect_job job = { .prot = prot, .dirty.dirty = dirty };
	struct ptw_leaf leaf = { .prot = prot };
	uint64_t probe;
	int ret;

	ret = ptw_change_args(p, result);
	if (!ret)
		ret = p->build->make_leaf(&p->geometry, p->layout, &leaf, 0, &probe);
	if (ret)
		return ret;
	ret = ptw_protect_range(p, start, end, &job, result);
	ptw_protect_flush(p, &job);
	return ret;
}

int ptw_write_protect(struct ptw_pgtable *p, uint64_t start, uint64_t end, bool forever,
		      uint64_t *dirty, struct ptw_change_result *result)
{
	struct ptw_protect_job job = {
		.change = forever ? PTW_CHANGE_READ_ONLY : PTW_CHANGE_WRITE_PROTECT,
		.dirty.dirty = dirty,
	};
	int ret;

	if (!p)
		return PTW_ERR_ARG;
	if (p->flush && !ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	ret = ptw_protect_range(p, start, end, &job, result);
	ptw_protect_flush(p, &job);
	return ret;
}

int ptw_set_user_bit(struct ptw_pgtable *p, uint64_t start, uint64_t end, bool on,
		     struct ptw_change_result *result)
{
	struct ptw_protect_job job = {
		.change = on ? PTW_CHANGE_SET_USER : PTW_CHANGE_CLEAR_USER,
	};

	if (!p)
		return PTW_ERR_ARG;
	if (!p->layout->user)
		return PTW_ERR_UNSUPPORTED;
	return ptw_protect_range(p, start, end, &job, result);
}
