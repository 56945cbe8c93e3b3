/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Changing the leaves of a range in place: write protection and the caller's software bit. */
#include "lib/table/table.h"
#include "lib/walk/harvest_job.h"
#include "lib/walk/harvest_template.h"

struct ptw_protect_job {
	enum ptw_change change;
	uint64_t leaves;
	uint64_t seen_start; /* span of the leaves */
	uint64_t seen_end;
	unsigned int level;
	struct ptw_harvest_job dirty; /* state that went with the write permission */
	uint64_t dirty_end; /* of the last extent reported there */
};

/* Where writable means dirty, taking the permission takes the dirty state: hand it over. */
static void ptw_protect_dirty(struct ptw_protect_job *job, const struct ptw_visit *visit,
			      unsigned int i)
{
	const struct ptw_pgtable *p = visit->pgtable;
	const struct ptw_format *f = p->instance->format;
	uint64_t e = visit->entries[i];
	uint64_t after, start, size;

	if (job->change != PTW_CHANGE_WRITE_PROTECT && job->change != PTW_CHANGE_READ_ONLY)
		return;
	after = p->build->write_protect(p->layout, e, visit->level,
					job->change == PTW_CHANGE_READ_ONLY);
	if (!f->dirty_leaf(p->layout, e, visit->level) ||
	    f->dirty_leaf(p->layout, after, visit->level))
		return;
	/* A contiguous group is dirty as a whole, by any of its members. */
	size = visit->size << ptw_group_lg2(f, &p->geometry, e, visit->level);
	start = (visit->ia + i * visit->size) & ~(size - 1);
	if (start < job->dirty_end)
		return;
	job->dirty_end = start + size;
	ptw_job_report(&job->dirty, start, size, visit->level, PTW_EXTENT_DIRTY);
}

/* The walk may be wider than the range for a group's sake; what else lies there is left alone. */
static bool ptw_protect_wanted(const struct ptw_protect_job *job, const struct ptw_visit *visit,
			       unsigned int i)
{
	const struct ptw_pgtable *p = visit->pgtable;
	uint64_t size = visit->size << ptw_group_lg2(p->instance->format, &p->geometry,
						     visit->entries[i], visit->level);
	uint64_t start = (visit->ia + i * visit->size) & ~(size - 1);

	return start < job->dirty.end && start + size > job->dirty.start;
}

static int ptw_protect_visit(void *context, const struct ptw_visit *visit)
{
	struct ptw_protect_job *job = context;

	for (unsigned int i = 0; i < visit->count; i++) {
		uint64_t ia = visit->ia + i * visit->size;
		int ret;

		if (!(visit->leaves & (uint64_t)1 << i) || !ptw_protect_wanted(job, visit, i))
			continue;
		/* Leaves that are protected already count too: whoever did it may not have flushed
		 * yet, and access tracking takes the permission without a flush. */
		if (job->seen_start > ia)
			job->seen_start = ia;
		if (job->seen_end < ia + visit->size)
			job->seen_end = ia + visit->size;
		if (job->level < visit->level)
			job->level = visit->level;
		ret = ptw_visit_changed(visit, i, job->change);
		if (ret == PTW_ERR_AGAIN)
			return PTW_VISIT_RETRY;
		if (ret < 0)
			return ret;
		if (!ret)
			continue;
		ptw_protect_dirty(job, visit, i);
		job->leaves++;
	}
	return PTW_VISIT_NEXT;
}

/* Members of a contiguous group must agree, so the range takes in all of a group that it cuts. */
static void ptw_protect_widen(struct ptw_pgtable *p, uint64_t *start, uint64_t *end)
{
	struct ptw_query query = { .size = sizeof(query) };

	if (!ptw_query(p, *start, &query))
		*start = query.extent_start;
	if (!ptw_query(p, *end - 1, &query))
		*end = query.extent_start + query.extent_size;
}

static int ptw_protect_range(struct ptw_pgtable *p, uint64_t start, uint64_t end,
			     struct ptw_protect_job *job, struct ptw_change_result *result)
{
	struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF,
		.visit = ptw_protect_visit,
		.context = job,
	};
	struct ptw_walk_result walked = { .size = sizeof(walked) };
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
	if (result) {
		size_t size = result->size;

		*result = (struct ptw_change_result){ .size = size };
		/* The walk may have begun before the range and ended behind it. */
		result->reached = walked.resume < job->dirty.end ? walked.resume : job->dirty.end;
		if (result->reached < job->dirty.start)
			result->reached = job->dirty.start;
		result->leaves = job->leaves;
		result->dirty_extents = job->dirty.dirty_extents;
		result->dirty_pages = job->dirty.dirty_pages;
	}
	return ret;
}

int ptw_write_protect(struct ptw_pgtable *p, uint64_t start, uint64_t end, bool forever,
		      uint64_t *dirty, struct ptw_change_result *result)
{
	struct ptw_protect_job job = {
		.change = forever ? PTW_CHANGE_READ_ONLY : PTW_CHANGE_WRITE_PROTECT,
		.dirty.dirty = dirty,
	};
	struct ptw_range range;
	int ret;

	if (!p)
		return PTW_ERR_ARG;
	if (p->flush && !ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	ret = ptw_protect_range(p, start, end, &job, result);
	range.start = job.seen_start;
	range.end = job.seen_end;
	/* Not final before the flush: a processor may still write through a cached translation. */
	if (p->flush && range.start < range.end)
		p->flush(p->flush_context, &range, 1, PTW_FLUSH_LEAF, job.level);
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
