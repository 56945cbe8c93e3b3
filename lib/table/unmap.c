/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Unmapping: take entries out, keep what their accessed and dirty bits said, flush, retire tables.
 *
 * A table that the range covers whole is unlinked at its parent first; then each of its entries is
 * exchanged to frozen, since processors that cached the way to it may still set bits in them. Formats
 * that must break before they make keep removed entries frozen until the flush is over.
 */
#include "lib/table/table.h"
#include "lib/walk/harvest_job.h"
#include "lib/walk/harvest_template.h"

struct ptw_unmap_job {
	struct ptw_pgtable *pgtable;
	struct ptw_gather gather;
	struct ptw_harvest_job report;
	bool strict;
	bool thaw;    /* removed entries stay frozen until the flush */
	uint64_t leaves;
	uint64_t holes;
	uint64_t reached;
	/* Contiguous group under way: its members are one extent. */
	uint64_t group_start;
	uint64_t group_end;
	uint32_t group_what;
	unsigned int group_level;
};

static void ptw_unmap_group_done(struct ptw_unmap_job *job)
{
	if (job->group_end && job->group_what)
		ptw_job_report(&job->report, job->group_start, job->group_end - job->group_start,
			       job->group_level, job->group_what);
	job->group_end = 0;
	job->group_what = 0;
}

/* Leaf entry `e` was removed from `ia`. */
static void ptw_unmap_removed(struct ptw_unmap_job *job, uint64_t ia, uint64_t e,
			      unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	unsigned int lg2 = ptw_span_lg2(f, level);
	unsigned int group_lg2 = ptw_group_lg2(f, &p->geometry, e, level);
	uint32_t what = ptw_state(f, p->layout, e, level,
				  PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY);

	job->leaves++;
	ptw_gather_range(&job->gather, ia, ia + ((uint64_t)1 << lg2), level);
	if (ia >= job->group_end)
		ptw_unmap_group_done(job);
	if (group_lg2) {
		job->group_start = ia >> (lg2 + group_lg2) << (lg2 + group_lg2);
		job->group_end = job->group_start + ((uint64_t)1 << (lg2 + group_lg2));
		job->group_what |= what;
		job->group_level = level;
	} else if (what) {
		ptw_job_report(&job->report, ia, (uint64_t)1 << lg2, level, what);
	}
}

/*
 * Take [ia, end) out of `table`. `unlinked`: no new walk reaches the table, and nobody will use its
 * entries again.
 */
static int ptw_unmap_table(struct ptw_unmap_job *job, uint64_t *table, unsigned int level,
			   uint64_t ia, uint64_t end, bool unlinked)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	const unsigned int lg2 = ptw_span_lg2(f, level);
	uint64_t gone = unlinked || job->thaw ? p->layout->frozen : p->layout->empty;
	uint32_t removed = 0;
	int ret = PTW_OK;

	for (uint64_t next; ia < end && !ret; ia = next) {
		uint64_t *slot = &table[ptw_index(f, &p->geometry, ia, level)];
		uint64_t e = ptw_port_load_table(slot);
		uint64_t *child;

		next = ptw_entry_end(f, ia, end, level);
		job->reached = ia;
		if (!f->present(p->layout, e, level)) {
			if (job->strict)
				ret = PTW_ERR_HOLE;
			job->holes += (next - ia) >> f->granule_lg2;
			if (unlinked)
				ptw_port_xchg(slot, gone);
			continue;
		}
		if (f->leaf(e, level)) {
			ptw_unmap_removed(job, ia, ptw_port_xchg(slot, gone), level);
			removed++;
			continue;
		}
		child = ptw_table_at(p, f->address(&p->geometry, e, level));
		/* Strict calls may end anywhere, so they leave tables linked. */
		if (next - ia < (uint64_t)1 << lg2 || job->strict) {
			ret = ptw_unmap_table(job, child, level - 1, ia, next, false);
			continue;
		}
		ptw_port_xchg(slot, gone);
		removed++;
		ptw_gather_range(&job->gather, ia, next, 0);
		ret = ptw_unmap_table(job, child, level - 1, ia, next, true);
		ptw_gather_table(&job->gather, child);
	}
	if (removed && !unlinked)
		ptw_live_add(p, table, level, -removed);
	return ret;
}

/* After the flush: what is frozen in linked tables of the range becomes empty. */
static void ptw_unmap_thaw(struct ptw_unmap_job *job, uint64_t *table, unsigned int level,
			   uint64_t ia, uint64_t end)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;

	for (uint64_t next; ia < end; ia = next) {
		uint64_t *slot = &table[ptw_index(f, &p->geometry, ia, level)];
		uint64_t e = ptw_port_load_table(slot);

		next = ptw_entry_end(f, ia, end, level);
		if (e == p->layout->frozen)
			ptw_port_publish(slot, p->layout->empty);
		else if (f->present(p->layout, e, level) && !f->leaf(e, level))
			ptw_unmap_thaw(job, ptw_table_at(p, f->address(&p->geometry, e, level)),
				       level - 1, ia, next);
	}
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
	if (p->attached)
		return PTW_ERR_UNSUPPORTED;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	return ptw_range_check(p, start, end);
}

static void ptw_unmap_answer(const struct ptw_unmap_job *job, struct ptw_change_result *result)
{
	result->reached = job->reached;
	result->leaves = job->leaves;
	result->tables = job->gather.table_count;
	result->holes = job->holes;
	result->young_extents = job->report.young_extents;
	result->young_pages = job->report.young_pages;
	result->dirty_extents = job->report.dirty_extents;
	result->dirty_pages = job->report.dirty_pages;
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
	job.strict = unmap && (unmap->flags & PTW_UNMAP_STRICT);
	job.thaw = p->build->break_before_make;
	job.report.start = start;
	job.report.end = end;
	job.report.granule_lg2 = p->geometry.granule_lg2;
	job.report.first_page = (start >> p->geometry.granule_lg2) & ~(uint64_t)63;
	job.report.young = unmap ? unmap->young : NULL;
	job.report.dirty = unmap ? unmap->dirty : NULL;
	if (ptw_unmap_cuts(p, start, &job.reached) || ptw_unmap_cuts(p, end, &job.reached)) {
		ret = PTW_ERR_BLOCK;
	} else {
		ret = ptw_unmap_table(&job, p->root, p->geometry.root_level, start, end, false);
		ptw_unmap_group_done(&job);
		ptw_gather_flush(&job.gather);
		if (job.thaw)
			ptw_unmap_thaw(&job, p->root, p->geometry.root_level, start, end);
		ptw_gather_retire(&job.gather);
		if (!ret)
			job.reached = end;
	}
	if (result)
		ptw_unmap_answer(&job, result);
	return ret;
}
