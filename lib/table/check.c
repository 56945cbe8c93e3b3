/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Checking a page table, as a visitor. */
#include "lib/table/table.h"
#include "lib/walk/harvest_template.h"

/* Looks at a contiguous group before it is called corrupt. */
#define PTW_CHECK_RETRIES 8

struct ptw_check_job {
	bool counts;
	struct ptw_check_result seen;
};

static int ptw_check_fail(struct ptw_check_job *job, const struct ptw_visit *visit, unsigned int i,
			  int error)
{
	job->seen.ia = visit->ia + i * visit->size;
	job->seen.entry = visit->entries[i];
	job->seen.level = visit->level;
	return error;
}

/*
 * Members of a contiguous group map neighbouring pages in the same way, and either all present leaves
 * of an aligned group say that they are members, or none.
 */
static bool ptw_check_group(const struct ptw_visit *visit, unsigned int i)
{
	const struct ptw_pgtable *p = visit->pgtable;
	const struct ptw_format *f = p->instance->format;
	unsigned int lg2 = ptw_group_lg2(f, &p->geometry, visit->entries[i], visit->level);
	unsigned int mask = (1u << lg2) - 1;
	unsigned int index = ptw_index(f, &p->geometry, visit->ia + i * visit->size, visit->level);
	const uint64_t *slot = visit->slots + i - (index & mask);
	struct ptw_leaf first, other;
	uint64_t base;

	/* Once for each group, or twice if it is longer than a run. */
	if (!lg2 || (i && (index & mask) && (visit->leaves >> (i - 1) & 1) &&
		     ptw_group_lg2(f, &p->geometry, visit->entries[i - 1], visit->level)))
		return true;
	/* Owned through its first member: changing at this moment. */
	if (!p->attached && ptw_is_owned(p, ptw_port_load(slot), visit->level))
		return true;
	p->build->decode(&p->geometry, p->layout, visit->entries[i], visit->level, &first);
	base = first.oa - (index & mask) * visit->size;
	if (base & ((visit->size << lg2) - 1))
		return false;
	for (unsigned int m = 0; m <= mask; m++) {
		uint64_t e = ptw_port_load(&slot[m]);

		if (!f->present(p->layout, e, visit->level))
			continue;
		if (!f->leaf(e, visit->level))
			return false;
		p->build->decode(&p->geometry, p->layout, e, visit->level, &other);
		/* Write permission changes one member after the other. */
		if (!(e & f->group_bit) || other.oa != base + m * visit->size ||
		    ((other.prot ^ first.prot) & ~(uint32_t)PTW_PROT_WRITE) ||
		    other.memtype != first.memtype)
			return false;
	}
	return true;
}

static int ptw_check_leaves(struct ptw_check_job *job, const struct ptw_visit *visit)
{
	const struct ptw_pgtable *p = visit->pgtable;

	for (unsigned int i = 0; i < visit->count; i++) {
		uint64_t e = visit->entries[i];

		if (!(visit->leaves & (uint64_t)1 << i))
			continue;
		if (ptw_guard_leaf(&p->geometry, e, visit->level) ||
		    p->build->malformed(&p->geometry, p->layout, e, visit->level))
			return ptw_check_fail(job, visit, i, PTW_ERR_CORRUPT_RESERVED);
		if (ptw_check_group(visit, i))
			continue;
		/* The snapshot may be older than the change of a group. */
		if (visit->retries < PTW_CHECK_RETRIES)
			return PTW_VISIT_RETRY;
		return ptw_check_fail(job, visit, i, PTW_ERR_CORRUPT_GROUP);
	}
	job->seen.leaves += ptw_popcount(visit->leaves);
	return PTW_VISIT_NEXT;
}

static uint32_t ptw_check_live(const struct ptw_pgtable *p, const uint64_t *table,
			       uint64_t entries)
{
	uint32_t live = 0;

	for (uint64_t i = 0; i < entries; i++)
		live += ptw_port_load(&table[i]) != p->layout->empty;
	return live;
}

static int ptw_check_table(struct ptw_check_job *job, const struct ptw_visit *visit)
{
	const struct ptw_pgtable *p = visit->pgtable;
	const struct ptw_format *f = p->instance->format;
	uint64_t e = visit->entries[0];
	const uint64_t *table;

	job->seen.tables++;
	if ((e & p->geometry.table_reserved[visit->level]) ||
	    p->build->malformed(&p->geometry, p->layout, e, visit->level))
		return ptw_check_fail(job, visit, 0, PTW_ERR_CORRUPT_RESERVED);
	if (p->attached || !job->counts)
		return PTW_VISIT_NEXT;
	table = ptw_table_at(p, f->address(&p->geometry, e, visit->level));
	if (ptw_check_live(p, table, (uint64_t)1 << f->index_lg2) !=
	    ptw_port_load32(&ptw_meta(p, table)->live))
		return ptw_check_fail(job, visit, 0, PTW_ERR_CORRUPT_COUNT);
	return PTW_VISIT_NEXT;
}

static int ptw_check_visit(void *context, const struct ptw_visit *visit)
{
	struct ptw_check_job *job = context;

	return visit->kind == PTW_VISIT_LEAF ? ptw_check_leaves(job, visit) :
					       ptw_check_table(job, visit);
}

/* The walk itself refused something at `ia`: find out what. */
static void ptw_check_where(const struct ptw_pgtable *p, uint64_t ia, struct ptw_check_result *seen)
{
	struct ptw_found found = { .e = 0 };

	ptw_port_read_lock();
	ptw_find(p, ia, &found);
	ptw_port_read_unlock();
	seen->ia = ia;
	seen->entry = found.e;
	seen->level = found.level;
}

int ptw_check(struct ptw_pgtable *p, uint32_t flags, struct ptw_check_result *result)
{
	struct ptw_check_job job = { .counts = flags & PTW_CHECK_COUNTS };
	struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE,
		.visit = ptw_check_visit,
		.context = &job,
	};
	struct ptw_walk_result walked = { .size = sizeof(walked) };
	int ret;

	if (!p || (flags & ~(uint32_t)PTW_CHECK_COUNTS))
		return PTW_ERR_ARG;
	if (result && result->size < sizeof(*result))
		return PTW_ERR_SIZE;
	ret = ptw_walk(p, 0, (uint64_t)1 << p->geometry.ia_bits, &walk, &walked);
	if (ret && !job.seen.entry)
		ptw_check_where(p, walked.resume, &job.seen);
	if (!ret && !p->attached && job.counts &&
	    ptw_check_live(p, p->root, (uint64_t)1 << p->geometry.root_lg2) !=
		    ptw_port_load32(&p->root_live))
		ret = PTW_ERR_CORRUPT_COUNT;
	if (result) {
		job.seen.size = result->size;
		*result = job.seen;
	}
	return ret;
}
