/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Mapping: prepare, then commit.
 *
 * Prepare goes over the range, refuses anything that is mapped, and builds in private every subtree
 * that is missing, with its leaves in it. Commit goes the same way, writes leaves into tables that are
 * linked and links the prepared subtrees, each by one compare-exchange on an empty entry. Whoever loses
 * one to another mapper gives his subtree back and goes on in the winner's table, building what is
 * missing there as he comes to it.
 *
 * Memory is only looked for outside read-side sections.
 */
#include "lib/table/table.h"

struct ptw_map_job {
	struct ptw_pgtable *pgtable;
	uint64_t start;
	uint64_t end;
	struct ptw_leaf leaf;  /* attributes; `oa` belongs to `start` */
	unsigned int max_level; /* of leaves */
	uint64_t *first;       /* prepared subtrees in ascending order, chained through metadata */
	uint64_t *last;
	uint64_t ia;           /* what lies before is done */
	uint64_t leaves;
	uint64_t tables;
	unsigned int tries;
	/* Where a table is missing. */
	uint64_t missing_end;
	unsigned int missing_level;
};

/* A run of leaf entries of one table: the n-th is `first` + n * `step`, or made one by one. */
struct ptw_leaf_run {
	uint64_t first;
	uint64_t step;
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
 * Members of the contiguous group that `ia` begins, if the range has all of it; else 1. Groups stand at
 * multiples of their size, in input and output addresses.
 */
static unsigned int ptw_map_members(const struct ptw_map_job *job, uint64_t ia, unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;
	unsigned int lg2 = p->instance->format->group_lg2[level];
	uint64_t size = (uint64_t)1 << (ptw_span_lg2(p->instance->format, level) + lg2);

	if (!lg2 || !(p->geometry.features & PTW_FEATURE_CONTIG) ||
	    (level == p->geometry.root_level && p->geometry.root_lg2 < lg2) ||
	    ((ia | (job->leaf.oa + (ia - job->start))) & (size - 1)) || job->end - ia < size)
		return 1;
	return 1u << lg2;
}

static uint64_t ptw_map_leaf(const struct ptw_map_job *job, uint64_t ia, unsigned int level,
			     bool grouped)
{
	const struct ptw_pgtable *p = job->pgtable;
	struct ptw_leaf leaf = job->leaf;
	uint64_t e = 0;

	leaf.oa += ia - job->start;
	if (grouped)
		leaf.flags |= PTW_LEAF_GROUP;
	/* Cannot fail: the attributes were tried before anything was prepared. */
	p->build->make_leaf(&p->geometry, p->layout, &leaf, level, &e);
	return e;
}

/*
 * Values of `n` leaf entries from `ia` on. Mostly the output address is a field that counts up; whether it
 * is, first and last tell (split address fields carry elsewhere, and then this says false).
 */
static bool ptw_map_run(const struct ptw_map_job *job, uint64_t ia, unsigned int level,
			unsigned int n, bool grouped, struct ptw_leaf_run *run)
{
	unsigned int lg2 = ptw_span_lg2(job->pgtable->instance->format, level);

	run->first = ptw_map_leaf(job, ia, level, grouped);
	run->step = (uint64_t)1 << lg2;
	return n == 1 || ptw_map_leaf(job, ia + ((uint64_t)(n - 1) << lg2), level, grouped) ==
				 run->first + (n - 1) * run->step;
}

/* Table entries on the path of a young leaf have been accessed through. */
static uint64_t ptw_map_path_bits(const struct ptw_map_job *job, unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;

	return job->leaf.flags & PTW_LEAF_YOUNG ? ptw_table_bits(p, level) : 0;
}

static uint64_t ptw_map_table_entry(const struct ptw_map_job *job, const uint64_t *table,
				    unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;

	return p->build->make_table(&p->geometry, p->layout, ptw_table_pa(p, table), level) |
	       ptw_map_path_bits(job, level);
}

/* Give back a private subtree. */
static void ptw_map_discard(struct ptw_map_job *job, uint64_t *table)
{
	struct ptw_pgtable *p = job->pgtable;
	unsigned int level = ptw_meta(p, table)->level;

	for (unsigned int i = 0; level && i < ptw_entries(p, level); i++) {
		uint64_t e = ptw_port_load(&table[i]);

		if (ptw_is_table(p, e, level))
			ptw_map_discard(job, ptw_child(p, e, level));
	}
	ptw_table_discard(p, table);
}

/* Fill `n` entries of a private table. */
static void ptw_map_fill(const struct ptw_map_job *job, uint64_t *slot, unsigned int n, uint64_t ia,
			 unsigned int level, bool grouped)
{
	unsigned int lg2 = ptw_span_lg2(job->pgtable->instance->format, level);
	struct ptw_leaf_run run;
	bool counts = ptw_map_run(job, ia, level, n, grouped, &run);

	for (unsigned int i = 0; i < n; i++)
		ptw_port_init_entry(&slot[i], counts ? run.first + i * run.step :
					      ptw_map_leaf(job, ia + ((uint64_t)i << lg2), level,
							   grouped));
}

/* Build a private table of `level` with everything of [ia, end) in it; null: *error says why. */
static uint64_t *ptw_map_build(struct ptw_map_job *job, unsigned int level, uint64_t ia,
			       uint64_t end, int *error)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	unsigned int lg2 = ptw_span_lg2(f, level);
	uint64_t *table = ptw_table_new(p, level, error);
	struct ptw_table_meta *meta;
	uint64_t next;

	if (!table)
		return NULL;
	meta = ptw_meta(p, table);
	meta->prepared.start = ia;
	meta->prepared.leaves = 0;
	meta->prepared.tables = 1;
	for (unsigned int i = 0; i < ptw_entries(p, level); i++)
		ptw_port_init_entry(&table[i], p->layout->empty);
	for (; ia < end; ia = next) {
		uint64_t *slot = &table[ptw_index(f, &p->geometry, ia, level)];

		if (ptw_map_fits(job, ia, level)) {
			unsigned int n = ptw_map_members(job, ia, level);
			uint64_t left = (end - ia) >> lg2;
			bool grouped = n > 1;

			/* Without groups, or before the first one, as far as it goes. */
			while (!grouped && n < left &&
			       ptw_map_members(job, ia + ((uint64_t)n << lg2), level) == 1)
				n++;
			ptw_map_fill(job, slot, n, ia, level, grouped);
			meta->prepared.leaves += n;
			meta->live += n;
			next = ia + ((uint64_t)n << lg2);
		} else {
			uint64_t *child;

			next = ptw_entry_end(f, ia, end, level);
			child = ptw_map_build(job, level - 1, ia, next, error);
			if (!child) {
				ptw_map_discard(job, table);
				return NULL;
			}
			ptw_port_init_entry(slot, ptw_map_table_entry(job, child, level));
			meta->prepared.leaves += ptw_meta(p, child)->prepared.leaves;
			meta->prepared.tables += ptw_meta(p, child)->prepared.tables;
			meta->live++;
		}
	}
	return table;
}

/* The range ends with more than whole blocks only in its last entry. */
static void ptw_map_missing(struct ptw_map_job *job, unsigned int level)
{
	const struct ptw_format *f = job->pgtable->instance->format;

	job->missing_level = level - 1;
	job->missing_end = ptw_entry_end(f, job->ia, job->end, level);
}

/* Most entries to write in one section. */
#define PTW_MAP_SECTION (PTW_SECTION_COST / PTW_CHANGED_COST)

/* Answers of one section, besides errors. */
#define PTW_MAP_ON 0
#define PTW_MAP_MISSING 1 /* a table, see job->missing_* */

/* Look at the entries of one table from job->ia on. */
static int ptw_map_look(struct ptw_map_job *job)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	const uint64_t empty = p->layout->empty;
	struct ptw_spot spot;
	unsigned int lg2, left, n = 0;
	uint64_t fit;

	ptw_descend(p, job->ia, job->ia, 0, &spot);
	if (spot.e != empty) {
		if (ptw_is_table(p, spot.e, spot.level))
			return PTW_MAP_ON;
		return ptw_is_leaf(p, spot.e, spot.level) ? PTW_ERR_EXISTS : PTW_ERR_AGAIN;
	}
	if (!ptw_map_fits(job, job->ia, spot.level)) {
		ptw_map_missing(job, spot.level);
		return PTW_MAP_MISSING;
	}
	/* What follows here is aligned as well. */
	lg2 = ptw_span_lg2(f, spot.level);
	left = ptw_entries(p, spot.level) - ptw_index(f, &p->geometry, job->ia, spot.level);
	fit = (job->end - job->ia) >> lg2;
	if (fit < left)
		left = (unsigned int)fit;
	if (left > PTW_SECTION_COST)
		left = PTW_SECTION_COST;
	while (n < left && ptw_port_load(&spot.slot[n]) == empty)
		n++;
	job->ia += (uint64_t)n << lg2;
	return PTW_MAP_ON;
}

static int ptw_map_prepare(struct ptw_map_job *job)
{
	struct ptw_pgtable *p = job->pgtable;

	while (job->ia < job->end) {
		uint64_t *child;
		int ret;

		ptw_port_read_lock();
		ret = ptw_map_look(job);
		ptw_port_read_unlock();
		if (ret == PTW_ERR_AGAIN && ++job->tries <= PTW_WRITE_TRIES)
			continue;
		if (ret < 0)
			return ret;
		if (ret != PTW_MAP_MISSING)
			continue;
		child = ptw_map_build(job, job->missing_level, job->ia, job->missing_end, &ret);
		if (!child)
			return ret;
		ptw_meta(p, child)->link = NULL;
		if (job->last)
			ptw_meta(p, job->last)->link = child;
		else
			job->first = child;
		job->last = child;
		job->ia = job->missing_end;
	}
	return PTW_OK;
}

static uint64_t *ptw_map_pop(struct ptw_map_job *job)
{
	uint64_t *table = job->first;

	job->first = ptw_meta(job->pgtable, table)->link;
	if (!job->first)
		job->last = NULL;
	return table;
}

/* The prepared subtree for job->ia at the missing level, if it is still of use; others go. */
static uint64_t *ptw_map_prepared(struct ptw_map_job *job)
{
	struct ptw_pgtable *p = job->pgtable;

	while (job->first) {
		struct ptw_table_meta *meta = ptw_meta(p, job->first);

		if (meta->prepared.start > job->ia)
			return NULL;
		if (meta->prepared.start == job->ia && meta->level == job->missing_level)
			return ptw_map_pop(job);
		ptw_map_discard(job, ptw_map_pop(job));
	}
	return NULL;
}

/* `n` entries were filled in the table of `spot`, from `ia` on. Inside the section. */
static void ptw_map_added(const struct ptw_map_job *job, const struct ptw_spot *spot, uint64_t ia,
			  unsigned int n)
{
	struct ptw_pgtable *p = job->pgtable;

	ptw_live_add(p, spot->table, ia, spot->level, n);
	/* Tables that were prepared have the bits already; those above were there before. */
	if (job->leaf.flags & PTW_LEAF_YOUNG)
		ptw_mark_path(p, spot->path, ia, spot->level);
}

/*
 * Link `child` for job->ia, if the entry is still empty. On success the child belongs to the page table.
 * The compare-exchange releases what the child says; partner: the acquire load of walkers.
 */
static bool ptw_map_link(struct ptw_map_job *job, uint64_t *child)
{
	struct ptw_pgtable *p = job->pgtable;
	unsigned int level = ptw_meta(p, child)->level + 1u;
	uint64_t leaves = ptw_meta(p, child)->prepared.leaves;
	uint64_t tables = ptw_meta(p, child)->prepared.tables;
	uint64_t e = p->layout->empty;
	struct ptw_spot spot;
	bool linked;

	ptw_port_read_lock();
	ptw_descend(p, job->ia, job->ia, level, &spot);
	linked = spot.level == level && spot.e == e &&
		 ptw_port_cas(spot.slot, &e, ptw_map_table_entry(job, child, level));
	if (linked)
		ptw_map_added(job, &spot, job->ia, 1);
	ptw_port_read_unlock();
	if (!linked)
		return false;
	job->leaves += leaves;
	job->tables += tables;
	job->ia = job->missing_end;
	return true;
}

/* Fill entries of a linked table; returns how many, up to the first that is not empty. */
static unsigned int ptw_map_write(const struct ptw_map_job *job, uint64_t *slot, unsigned int n,
				  unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;
	const uint64_t empty = p->layout->empty;
	unsigned int lg2 = ptw_span_lg2(p->instance->format, level);
	struct ptw_leaf_run run;
	bool counts = ptw_map_run(job, job->ia, level, n, false, &run);

	for (unsigned int i = 0; i < n; i++) {
		uint64_t e = empty, leaf = run.first + i * run.step;

		if (!counts)
			leaf = ptw_map_leaf(job, job->ia + ((uint64_t)i << lg2), level, false);
		if (!p->exclusive) {
			/* The one locked instruction of an entry. Releases what the caller wrote into
			 * the page; partner: whoever reads the entry and then the page. */
			if (!ptw_port_cas(&slot[i], &e, leaf))
				return i;
		} else {
			if (ptw_port_load(&slot[i]) != empty)
				return i;
			ptw_port_publish(&slot[i], leaf);
		}
	}
	return n;
}

/*
 * A contiguous group: its first member owns it. Frozen first and written last, it keeps everybody off the
 * whole group, so that no part of one is ever taken for all of it.
 */
static bool ptw_map_group(const struct ptw_map_job *job, uint64_t *slot, unsigned int n,
			  unsigned int level)
{
	const struct ptw_pgtable *p = job->pgtable;
	unsigned int lg2 = ptw_span_lg2(p->instance->format, level);
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint64_t e = p->layout->empty;

		if (!ptw_port_cas(&slot[i], &e, p->layout->frozen))
			break;
	}
	if (i < n) {
		while (i--)
			ptw_port_publish(&slot[i], p->layout->empty);
		return false;
	}
	while (i--)
		ptw_port_publish(&slot[i],
				 ptw_map_leaf(job, job->ia + ((uint64_t)i << lg2), level, true));
	return true;
}

/* How many of `left` entries from job->ia on to write one by one: up to the next group. */
static unsigned int ptw_map_singles(const struct ptw_map_job *job, unsigned int level,
				    unsigned int left)
{
	const struct ptw_format *f = job->pgtable->instance->format;
	unsigned int lg2 = ptw_span_lg2(f, level);
	uint64_t fit = (job->end - job->ia) >> lg2;
	unsigned int n = 1;

	if (left > PTW_MAP_SECTION)
		left = PTW_MAP_SECTION;
	if (fit < left)
		left = (unsigned int)fit;
	if (!f->group_lg2[level])
		return left;
	while (n < left && ptw_map_members(job, job->ia + ((uint64_t)n << lg2), level) == 1)
		n++;
	return n;
}

/* Write leaves into the table that has job->ia, as many as follow each other there. */
static int ptw_map_fill_linked(struct ptw_map_job *job)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	unsigned int lg2, left, added = 0;
	struct ptw_spot spot;
	uint64_t first = job->ia;
	int ret = PTW_MAP_ON;

	ptw_descend(p, job->ia, job->ia, 0, &spot);
	lg2 = ptw_span_lg2(f, spot.level);
	left = ptw_entries(p, spot.level) - ptw_index(f, &p->geometry, job->ia, spot.level);
	while (left && job->ia < job->end && added < PTW_MAP_SECTION) {
		unsigned int n, done;

		if (!ptw_map_fits(job, job->ia, spot.level)) {
			if (ptw_port_load(spot.slot) == p->layout->empty) {
				ptw_map_missing(job, spot.level);
				ret = PTW_MAP_MISSING;
			}
			break;
		}
		n = ptw_map_members(job, job->ia, spot.level);
		if (n > 1 && ptw_map_group(job, spot.slot, n, spot.level)) {
			done = n;
		} else {
			n = ptw_map_singles(job, spot.level, left);
			done = ptw_map_write(job, spot.slot, n, spot.level);
		}
		added += done;
		left -= done;
		spot.slot += done;
		job->ia += (uint64_t)done << lg2;
		if (done < n)
			break;
	}
	/* Once for the run. */
	if (added)
		ptw_map_added(job, &spot, first, added);
	job->leaves += added;
	return ret;
}

/* Nothing could be written at job->ia: why? */
static int ptw_map_refused(struct ptw_map_job *job)
{
	struct ptw_pgtable *p = job->pgtable;
	struct ptw_spot spot;

	ptw_descend(p, job->ia, job->ia, 0, &spot);
	if (ptw_is_leaf(p, spot.e, spot.level))
		return PTW_ERR_EXISTS;
	/* Free again, a table by now, or owned: owners get on without us. */
	return ++job->tries > PTW_WRITE_TRIES ? PTW_ERR_AGAIN : PTW_MAP_ON;
}

static int ptw_map_commit(struct ptw_map_job *job)
{
	while (job->ia < job->end) {
		uint64_t *child, before = job->ia;
		int ret;

		ptw_port_read_lock();
		ret = ptw_map_fill_linked(job);
		if (ret == PTW_MAP_ON && job->ia == before)
			ret = ptw_map_refused(job);
		ptw_port_read_unlock();
		if (ret < 0)
			return ret;
		if (job->ia != before)
			job->tries = 0;
		if (ret != PTW_MAP_MISSING)
			continue;
		child = ptw_map_prepared(job);
		if (!child)
			child = ptw_map_build(job, job->missing_level, job->ia, job->missing_end,
					      &ret);
		if (!child)
			return ret;
		if (!ptw_map_link(job, child)) {
			/* Somebody was faster: go on in his. */
			ptw_map_discard(job, child);
			if (++job->tries > PTW_WRITE_TRIES)
				return PTW_ERR_AGAIN;
			continue;
		}
		job->tries = 0;
	}
	return PTW_OK;
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
	ret = ptw_change_args(p, result);
	if (ret)
		return ret;
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
	struct ptw_change_result answer = { 0 };
	struct ptw_leaf probe;
	uint64_t e;
	int ret;

	ret = ptw_map_args(p, &start, &end, oa, map, result);
	if (ret)
		return ret;
	job.start = job.ia = start;
	job.end = end;
	job.leaf.oa = oa;
	job.leaf.prot = map->prot;
	job.leaf.memtype = map->memtype;
	job.leaf.flags = map->flags;
	job.max_level = map->page_levels ? map->page_levels - 1 : PTW_MAX_LEVELS - 1;
	probe = job.leaf;
	ret = p->build->make_leaf(&p->geometry, p->layout, &probe, 0, &e);
	/* One entry is prepared and committed by the same compare-exchange. */
	if (!ret && end - start > (uint64_t)1 << p->geometry.granule_lg2) {
		ret = ptw_map_prepare(&job);
		if (!ret) {
			job.ia = start;
			job.tries = 0;
		}
	}
	if (!ret)
		ret = ptw_map_commit(&job);
	while (job.first)
		ptw_map_discard(&job, ptw_map_pop(&job));
	answer.reached = job.ia;
	answer.leaves = job.leaves;
	answer.tables = job.tables;
	ptw_change_answer(result, &answer);
	return ret;
}
