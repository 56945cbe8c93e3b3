/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Mapping: prepare, then commit.
 *
 * Prepare goes down the existing tables, refuses anything that is mapped, and builds in private
 * every subtree that is missing, with its leaves in it. Commit goes the same way, writes leaves
 * into existing tables and links the prepared subtrees, in the order in which they were prepared.
 * Nothing can fail in commit, since the caller serializes writers.
 */
#include "lib/table/table.h"

struct ptw_map_job {
	struct ptw_pgtable *pgtable;
	uint64_t start;
	uint64_t end;
	struct ptw_leaf leaf;  /* attributes; `oa` belongs to `start` */
	unsigned int max_level; /* of leaves */
	uint64_t *first;       /* prepared subtrees, chained through metadata */
	uint64_t *last;
	uint64_t reached;
	uint64_t leaves;
	uint64_t tables;
	int error; /* why no table could be built */
};

/* May one entry of `level` map `ia`, by size and alignment? */
static bool ptw_map_fits(const struct ptw_map_job *job, uint64_t ia, unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;
	uint64_t span = (uint64_t)1 << ptw_span_lg2(p->instance->format, level);
	uint64_t oa = job->leaf.oa + (ia - job->start);

	return level <= job->max_level && (p->geometry.leaf_levels & (1u << level)) &&
	       !((ia | oa) & (span - 1)) && job->end - ia >= span;
}

/*
 * Is the entry for `ia` a member of a contiguous group? The whole group must lie in the range, fit,
 * and have no table in it; `table` is null for a private table, which has none.
 */
static bool ptw_map_grouped(const struct ptw_map_job *job, const uint64_t *table, uint64_t ia,
			    unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	unsigned int lg2 = f->group_lg2[level];
	uint64_t size = (uint64_t)1 << (ptw_span_lg2(f, level) + lg2);
	uint64_t base = ia & ~(size - 1);
	unsigned int index;

	if (!lg2 || !(p->geometry.features & PTW_FEATURE_CONTIG) || base < job->start ||
	    job->end - base < size || ((job->leaf.oa + (base - job->start)) & (size - 1)))
		return false;
	if (level == p->geometry.root_level && p->geometry.root_lg2 < lg2)
		return false;
	if (!table || !level)
		return true;
	index = ptw_index(f, &p->geometry, base, level);
	for (unsigned int i = 0; i < 1u << lg2; i++) {
		uint64_t e = ptw_port_load(&table[index + i]);

		if (f->present(p->layout, e, level) && !f->leaf(e, level))
			return false;
	}
	return true;
}

/* The leaf entry for `ia`. */
static uint64_t ptw_map_leaf(const struct ptw_map_job *job, const uint64_t *table, uint64_t ia,
			     unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;
	struct ptw_leaf leaf = job->leaf;
	uint64_t e = 0;

	leaf.oa += ia - job->start;
	if (ptw_map_grouped(job, table, ia, level))
		leaf.flags |= PTW_LEAF_GROUP;
	/* Cannot fail: the attributes were tried before anything was prepared. */
	p->build->make_leaf(&p->geometry, p->layout, &leaf, level, &e);
	return e;
}

/* Table entries on the path of a young leaf have been accessed through. */
static uint64_t ptw_map_path_bits(const struct ptw_map_job *job, unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;

	if (!(job->leaf.flags & PTW_LEAF_YOUNG) || !p->build->table_accessed)
		return 0;
	return p->build->table_accessed(&p->geometry, level);
}

static uint64_t ptw_map_table_entry(const struct ptw_map_job *job, const uint64_t *table,
				    unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;

	return p->build->make_table(&p->geometry, p->layout, ptw_table_pa(p, table), level) |
	       ptw_map_path_bits(job, level);
}

/* Give back a private subtree. */
static void ptw_map_discard(struct ptw_map_job *job, uint64_t *table, unsigned int level)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;

	for (unsigned int i = 0; level && i < 1u << f->index_lg2; i++) {
		uint64_t e = ptw_port_load(&table[i]);

		if (f->present(p->layout, e, level) && !f->leaf(e, level))
			ptw_map_discard(job, ptw_table_at(p, f->address(&p->geometry, e, level)),
					level - 1);
	}
	ptw_port_table_free(p->pool, table);
}

/* Build a private table of `level` with everything of [ia, end) in it; null: see job->error. */
static uint64_t *ptw_map_build(struct ptw_map_job *job, uint64_t *parent, unsigned int level,
			       uint64_t ia, uint64_t end)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	uint64_t *table = ptw_port_table_alloc(p->pool);
	struct ptw_table_meta *meta;

	if (!table) {
		job->error = PTW_ERR_NOMEM;
		return NULL;
	}
	if (!ptw_table_fits(p, table)) {
		ptw_port_table_free(p->pool, table);
		job->error = PTW_ERR_OUTPUT;
		return NULL;
	}
	job->tables++;
	meta = ptw_meta(p, table);
	meta->parent = parent;
	meta->level = (uint8_t)level;
	meta->index = (uint16_t)ptw_index(f, &p->geometry, ia, level + 1);
	for (unsigned int i = 0; i < 1u << f->index_lg2; i++)
		ptw_port_init_entry(&table[i], p->layout->empty);
	while (ia < end) {
		uint64_t next = ptw_entry_end(f, ia, end, level);
		uint64_t *slot = &table[ptw_index(f, &p->geometry, ia, level)];
		uint64_t *child;

		if (ptw_map_fits(job, ia, level)) {
			ptw_port_init_entry(slot, ptw_map_leaf(job, NULL, ia, level));
			job->leaves++;
		} else {
			child = ptw_map_build(job, table, level - 1, ia, next);
			if (!child) {
				ptw_map_discard(job, table, level);
				return NULL;
			}
			ptw_port_init_entry(slot, ptw_map_table_entry(job, child, level));
		}
		meta->live++;
		ia = next;
	}
	return table;
}

static int ptw_map_prepare(struct ptw_map_job *job, uint64_t *table, unsigned int level,
			   uint64_t ia, uint64_t end)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	int ret;

	for (uint64_t next; ia < end; ia = next) {
		uint64_t e = ptw_port_load_table(&table[ptw_index(f, &p->geometry, ia, level)]);
		uint64_t *child;

		next = ptw_entry_end(f, ia, end, level);
		job->reached = ia;
		if (e == p->layout->frozen)
			return PTW_ERR_AGAIN;
		if (f->present(p->layout, e, level)) {
			if (f->leaf(e, level))
				return PTW_ERR_EXISTS;
			child = ptw_table_at(p, f->address(&p->geometry, e, level));
			ret = ptw_map_prepare(job, child, level - 1, ia, next);
			if (ret)
				return ret;
			continue;
		}
		if (ptw_map_fits(job, ia, level))
			continue;
		child = ptw_map_build(job, table, level - 1, ia, next);
		if (!child)
			return job->error;
		if (job->last)
			ptw_meta(p, job->last)->link = child;
		else
			job->first = child;
		job->last = child;
	}
	return PTW_OK;
}

static void ptw_map_commit(struct ptw_map_job *job, uint64_t *table, unsigned int level,
			   uint64_t ia, uint64_t end)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	uint32_t added = 0;

	for (uint64_t next; ia < end; ia = next) {
		uint64_t *slot = &table[ptw_index(f, &p->geometry, ia, level)];
		uint64_t e = ptw_port_load_table(slot);
		uint64_t *child;

		next = ptw_entry_end(f, ia, end, level);
		if (f->present(p->layout, e, level)) {
			uint64_t bits = ptw_map_path_bits(job, level);

			if (bits)
				ptw_port_or_set(slot, bits);
			child = ptw_table_at(p, f->address(&p->geometry, e, level));
			ptw_map_commit(job, child, level - 1, ia, next);
			continue;
		}
		/* Publish; the partner is the walker's acquire load of this entry. */
		if (ptw_map_fits(job, ia, level)) {
			ptw_port_publish(slot, ptw_map_leaf(job, table, ia, level));
			job->leaves++;
		} else {
			child = job->first;
			job->first = ptw_meta(p, child)->link;
			ptw_meta(p, child)->link = NULL;
			ptw_port_publish(slot, ptw_map_table_entry(job, child, level));
		}
		added++;
	}
	if (added)
		ptw_live_add(p, table, level, added);
}

static int ptw_map_args(struct ptw_pgtable *p, uint64_t *start, uint64_t *end, uint64_t oa,
			const struct ptw_map *map, const struct ptw_change_result *result)
{
	const uint32_t flags = PTW_LEAF_YOUNG | PTW_LEAF_DIRTY | PTW_LEAF_USER_BIT;
	uint64_t size;
	int ret;

	if (!p || !map)
		return PTW_ERR_ARG;
	ret = ptw_size_check(map, map->size, sizeof(*map));
	if (ret)
		return ret;
	if (result && result->size < sizeof(*result))
		return PTW_ERR_SIZE;
	if ((map->flags & ~flags) || map->page_levels > PTW_MAX_LEVELS)
		return PTW_ERR_ARG;
	if (p->attached)
		return PTW_ERR_UNSUPPORTED;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	ret = ptw_range_check(p, start, end);
	if (ret)
		return ret;
	size = *end - *start;
	if (oa & (((uint64_t)1 << p->geometry.granule_lg2) - 1))
		return PTW_ERR_ALIGN;
	if (oa >> p->geometry.oa_bits || (oa + size - 1) >> p->geometry.oa_bits ||
	    oa + size < oa)
		return PTW_ERR_OUTPUT;
	return PTW_OK;
}

int ptw_map(struct ptw_pgtable *p, uint64_t start, uint64_t end, uint64_t oa,
	    const struct ptw_map *map, struct ptw_change_result *result)
{
	struct ptw_map_job job = { .pgtable = p };
	struct ptw_leaf probe;
	uint64_t *table, *next, e;
	int ret;

	ret = ptw_map_args(p, &start, &end, oa, map, result);
	if (ret)
		return ret;
	job.start = start;
	job.end = end;
	job.leaf.oa = oa;
	job.leaf.prot = map->prot;
	job.leaf.memtype = map->memtype;
	job.leaf.flags = map->flags;
	job.max_level = map->page_levels ? map->page_levels - 1 : PTW_MAX_LEVELS - 1;
	job.reached = start;
	probe = job.leaf;
	ret = p->build->make_leaf(&p->geometry, p->layout, &probe, 0, &e);
	if (!ret)
		ret = ptw_map_prepare(&job, p->root, p->geometry.root_level, start, end);
	if (!ret) {
		ptw_port_add64(&p->tables_live, job.tables);
		ptw_map_commit(&job, p->root, p->geometry.root_level, start, end);
		job.reached = end;
	} else {
		for (table = job.first; table; table = next) {
			next = ptw_meta(p, table)->link;
			ptw_map_discard(&job, table, ptw_meta(p, table)->level);
		}
		job.leaves = job.tables = 0;
	}
	if (result) {
		size_t size = result->size;

		*result = (struct ptw_change_result){ .size = size };
		result->reached = job.reached;
		result->leaves = job.leaves;
		result->tables = job.tables;
	}
	return ret;
}
