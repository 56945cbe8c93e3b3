/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Cutting a range into parts that are equally much work.
 *
 * Twice the same walk over the entries above level 0: the first sums up how many entries a harvest
 * would read, the second cuts where the sum passes the share of each part. Tables of level 1 are
 * gone through here instead of by the walker, whose visits would take longer than reading the
 * entries does.
 */
#include <ptw/partition.h>

#include "lib/walk/template.h"

struct ptw_cutting {
	const struct ptw_pgtable *pgtable;
	uint64_t start;
	uint64_t end;
	uint64_t unit;  /* cuts are multiples of this, a power of two */
	uint64_t sum;   /* weight so far */
	uint64_t solid; /* where the last contiguous group ends */
	uint64_t total; /* weight of the range, by the first walk */
	uint64_t goal;  /* weight at which to cut next */
	uint32_t parts; /* wanted */
	uint32_t share; /* this one is being filled; some may come to nothing */
	uint32_t count; /* complete ones */
	struct ptw_range *part;
};

/* The weight of the first `share` of all parts, without overflow. */
static uint64_t ptw_cutting_goal(const struct ptw_cutting *c)
{
	if (c->share >= c->parts)
		return UINT64_MAX;
	return c->total / c->parts * c->share + c->total % c->parts * c->share / c->parts;
}

static void ptw_cutting_cut(struct ptw_cutting *c, uint64_t ia)
{
	if (ia > c->part[c->count].start) {
		c->part[c->count++].end = ia;
		c->part[c->count].start = ia;
	}
	c->share++;
	c->goal = ptw_cutting_goal(c);
}

/*
 * What ends at `ia` weighs so much more. Cutting at the first place behind each goal is as even as
 * looking for the nearest one: in either case no part differs from its share by more than a table.
 */
static ptw_always_inline void ptw_cutting_add(struct ptw_cutting *c, uint64_t ia, uint64_t weight)
{
	c->sum += weight;
	if ((ia & (c->unit - 1)) || ia < c->solid || ia >= c->end)
		return;
	while (c->sum >= c->goal)
		ptw_cutting_cut(c, ia);
}

/* A contiguous group is one leaf extent. `ia`: of a member. */
static void ptw_cutting_leaf(struct ptw_cutting *c, uint64_t e, uint64_t ia, unsigned int level)
{
	const struct ptw_format *f = c->pgtable->instance->format;
	uint64_t bytes = (uint64_t)1 << (ptw_span_lg2(f, level) + f->group_lg2[level]);

	if (e & f->group_bit)
		c->solid = (ia | (bytes - 1)) + 1;
}

/* Weight of what lies in the range of a leaf table. */
static uint64_t ptw_cutting_pages(const struct ptw_cutting *c, uint64_t ia, uint64_t bytes)
{
	uint64_t end = ia + bytes < c->end ? ia + bytes : c->end;

	return (end - (ia > c->start ? ia : c->start)) >> c->pgtable->geometry.granule_lg2;
}

static bool ptw_cutting_leads(const struct ptw_pgtable *p, uint64_t e)
{
	const struct ptw_format *f = p->instance->format;

	return f->present(p->layout, e, 1) && !f->leaf(e, 1);
}

/*
 * How many entries of a table of level 1 lead to leaf tables. Neighbours mostly differ in the
 * address alone, which says nothing of what they are: then the format need not be asked.
 */
static uint64_t ptw_cutting_count(const struct ptw_pgtable *p, const uint64_t *table)
{
	const uint64_t telling = ~(p->geometry.oa_mask | p->geometry.oa_high);
	const unsigned int entries = 1u << p->geometry.index_lg2;
	uint64_t count = 0, leads = 0, before = ~ptw_port_load(&table[0]);

	for (unsigned int i = 0; i < entries; i++) {
		/* Relaxed: the value alone is used, nobody goes where it leads. */
		const uint64_t e = ptw_port_load(&table[i]);

		if ((e ^ before) & telling)
			leads = ptw_cutting_leads(p, e);
		before = e;
		count += leads;
	}
	return count;
}

/* The entries of a table of level 1 that lie in the range; `ia`: of the first entry it has. */
static void ptw_cutting_table(struct ptw_cutting *c, const uint64_t *table, uint64_t ia)
{
	const struct ptw_pgtable *p = c->pgtable;
	const unsigned int lg2 = p->geometry.index_lg2;
	const uint64_t bytes = (uint64_t)1 << ptw_span_lg2(p->instance->format, 1);
	uint64_t end = ia + (bytes << lg2);

	/* All in the range, and the next cut farther than it can weigh: the sum alone counts. The
	 * entries that led here, at which nothing is cut, may have carried it past the goal. */
	if (ia >= c->start && end <= c->end && c->sum < c->goal &&
	    c->goal - c->sum > (uint64_t)1 << 2 * lg2) {
		const uint64_t tables = ptw_cutting_count(p, table);

		c->sum += ((uint64_t)1 << lg2) - tables + (tables << lg2);
		return;
	}
	if (end > c->end)
		end = c->end;
	for (; ia < end; ia += bytes, table++) {
		/* Relaxed, see above. */
		const uint64_t e = ptw_port_load(table);

		if (ia + bytes <= c->start)
			continue;
		if (ptw_cutting_leads(p, e)) {
			ptw_cutting_add(c, ia + bytes, ptw_cutting_pages(c, ia, bytes));
			continue;
		}
		if (p->instance->format->present(p->layout, e, 1))
			ptw_cutting_leaf(c, e, ia, 1);
		ptw_cutting_add(c, ia + bytes, 1);
	}
}

/* A table entry: of level 2, or, where that is the root's, of level 1. */
static int ptw_cutting_down(struct ptw_cutting *c, const struct ptw_visit *visit)
{
	const struct ptw_pgtable *p = c->pgtable;
	const struct ptw_format *f = p->instance->format;
	struct ptw_walk_state *w = visit->walk;
	const uint64_t e = visit->entries[0];
	uint64_t pa;

	if (visit->level == 1) {
		ptw_cutting_add(c, visit->ia + visit->size,
				ptw_cutting_pages(c, visit->ia, visit->size));
		return PTW_VISIT_SKIP;
	}
	c->sum++;
	if (visit->level > 2)
		return PTW_VISIT_NEXT;
	pa = f->address(&p->geometry, e, 2);
	if (p->attached) {
		int ret = ptw_guard(p, w->table, e, pa, 2);

		if (ret)
			return ret;
		if (w->tables >= p->table_budget)
			return PTW_ERR_CORRUPT_BUDGET;
	}
	w->tables++;
	w->cost += (uint64_t)1 << p->geometry.index_lg2;
	/* The snapshot is an acquire load of the walker's: partner the release that linked the table. */
	ptw_cutting_table(c, ptw_table_at(p, pa), visit->ia);
	return PTW_VISIT_SKIP;
}

static int ptw_cutting_visit(void *context, const struct ptw_visit *visit)
{
	struct ptw_cutting *c = context;

	if (visit->kind == PTW_VISIT_TABLE_PRE)
		return ptw_cutting_down(c, visit);
	for (unsigned int i = 0; i < visit->count; i++) {
		const uint64_t ia = visit->ia + i * visit->size;

		if (visit->leaves >> i & 1)
			ptw_cutting_leaf(c, visit->entries[i], ia, visit->level);
		ptw_cutting_add(c, ia + visit->size, 1);
	}
	return PTW_VISIT_NEXT;
}

/* One walk; with a root of smallest pages all is known without. */
static int ptw_cutting_walk(struct ptw_cutting *c, struct ptw_pgtable *p)
{
	const uint64_t bytes = (uint64_t)1 << ptw_span_lg2(p->instance->format, 1);
	const struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE,
		.min_level = 1,
		.holes = true,
		.visit = ptw_cutting_visit,
		.context = c,
	};
	struct ptw_walk_state w;

	c->sum = c->solid = 0;
	c->goal = ptw_cutting_goal(c);
	if (p->geometry.root_level) {
		ptw_zero(&w, sizeof(w));
		w.pgtable = p;
		w.start = w.ia = c->start;
		w.end = c->end;
		return p->instance->walk(&w, &walk);
	}
	for (uint64_t ia = c->start & ~(bytes - 1); ia < c->end; ia += bytes)
		ptw_cutting_add(c, ia + bytes, ptw_cutting_pages(c, ia, bytes));
	return PTW_OK;
}

int ptw_partition(struct ptw_pgtable *p, uint64_t start, uint64_t end, uint32_t parts,
		  struct ptw_range *part, uint32_t *count)
{
	struct ptw_cutting c;
	uint64_t pages;
	int ret;

	if (!p || !parts || !part || !count)
		return PTW_ERR_ARG;
	ret = ptw_range_check(p, &start, &end);
	if (ret)
		return ret;
	ptw_zero(&c, sizeof(c));
	c.pgtable = p;
	c.start = start;
	c.end = end;
	c.part = part;
	/* A leaf table, and a word of a bitmap if that is more. */
	pages = (uint64_t)1 << p->geometry.index_lg2;
	if (pages < 64)
		pages = 64;
	c.unit = pages << p->geometry.granule_lg2;
	/* All in one part: the goal is out of reach. */
	ret = ptw_cutting_walk(&c, p);
	if (ret)
		return ret;
	c.total = c.sum;
	c.parts = c.total / pages < parts ? (uint32_t)(c.total / pages) : parts;
	c.share = 1;
	part[0].start = start;
	if (c.parts > 1)
		ret = ptw_cutting_walk(&c, p);
	if (ret)
		return ret;
	part[c.count].end = end;
	*count = c.count + 1;
	return PTW_OK;
}
