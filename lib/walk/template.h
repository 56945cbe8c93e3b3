/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The walker, as an always-inlined template over a constant format and constant operations.
 *
 * A walk goes over [ia, end) in ascending order, from leaf table to leaf table, keeping the table of
 * each level in hand while it stays in one read-side section. Sections are bounded by cost: after
 * PTW_SECTION_COST the section ends, and the next one starts from the root at the address reached.
 * Each section gets past at least one entry, so a walk always ends.
 *
 * Why a snapshot is enough to step down: a table that is unlinked after the snapshot stays readable
 * until the section ends (RCU), and its entries are frozen by whoever unlinked it, so the walk finds
 * "in transition" there, never another table's mappings.
 */
#ifndef PTW_LIB_TEMPLATE_H
#define PTW_LIB_TEMPLATE_H

#include "lib/walk/note.h"
#include "lib/walk/pgtable.h"

/* Entries read plus 16 for each one changed, in one read-side section. Beyond about 16 000 entries
 * grace periods get longer by orders of magnitude, and 4096 changed ones already take that long. */
#define PTW_SECTION_COST 4096
#define PTW_CHANGED_COST 16

/* Where a walk is. */
struct ptw_walk_state {
	struct ptw_pgtable *pgtable;
	uint64_t start;
	uint64_t ia;   /* next input address to look at */
	uint64_t end;
	uint64_t cost; /* of this section */
	uint64_t spent; /* of the sections before */
	uint64_t budget; /* end the walk at this cost; 0: never */
	uint64_t entries; /* read by a public visitor's walk */
	uint64_t tables;
	uint64_t sections;
	uint64_t *table[PTW_MAX_LEVELS]; /* on the path to `ia`; valid inside a section */
	uint64_t entered[PTW_MAX_LEVELS]; /* 1 + input address of the last table entry gone through */
	/* Of the tables on the path: what runs saw in them that is not empty; all ones, too, if the walk
	 * came in behind the first entry. */
	uint64_t seen[PTW_MAX_LEVELS];
};

/* Answers of the operations below, besides errors: how many entries were dealt with (above 0), or */
#define PTW_RUN_RETRY 0 /* read the entry again */

struct ptw_walk_ops {
	/*
	 * Entries from `slot` on, at most `n`, all in one table of `level` and, at level 0, in one
	 * 64-page word; `e` is a snapshot of the first one. Above level 0 the first entry is no
	 * table entry. Returns how many entries were dealt with (more than `n` only to get past a
	 * leaf extent), PTW_RUN_RETRY, or an error. Adds to w->cost.
	 */
	int (*run)(struct ptw_walk_state *w, void *ctx, uint64_t *slot, unsigned int n,
		   unsigned int level, uint64_t e);
	/* Table entry at `slot`, before and after; may be null. Actions as enum ptw_visit_action. */
	int (*pre)(struct ptw_walk_state *w, void *ctx, uint64_t *slot, unsigned int level,
		   uint64_t e, uint64_t ia);
	int (*post)(struct ptw_walk_state *w, void *ctx, uint64_t *slot, unsigned int level,
		    uint64_t e, uint64_t ia);
	/* Above level 0: how many entries of this table to pass over, from the one at `slot` on; 0: look at
	 * it. May be null. */
	unsigned int (*skip)(struct ptw_walk_state *w, void *ctx, uint64_t *slot,
			     unsigned int level);
	/*
	 * Up to `n` entries of level 1 from `slot` on, which lie whole in the range; `e`, a table entry, is the
	 * first. PTW_OK: go on at w->ia, at or behind it; else as a section ends. May be null; if it is not,
	 * `run` takes up to 512 entries of level 0 at multiples of 64, not only one word.
	 */
	int (*tables)(struct ptw_walk_state *w, void *ctx, const uint64_t *slot, uint64_t e,
		      unsigned int n);
};

/* Private results of a section. */
#define PTW_SECTION_YIELD 1

/*
 * Attached page tables: may the walk enter the table at `pa`? `path[level]` and above are on its
 * path. With the table budget this bounds every walk.
 */
static inline int ptw_guard(const struct ptw_pgtable *p, uint64_t *const *path, uint64_t e,
			    uint64_t pa, unsigned int level)
{
	uint64_t *child = ptw_table_at(p, pa);
	uint64_t bytes = ptw_table_bytes(&p->geometry);
	unsigned int i;

	if (e & p->geometry.table_reserved[level])
		return PTW_ERR_CORRUPT_RESERVED;
	for (i = 0; i < p->bounds_count; i++)
		if (pa >= p->bounds[i].start && pa < p->bounds[i].end &&
		    p->bounds[i].end - pa >= bytes)
			break;
	if (i == p->bounds_count || (pa & (bytes - 1)))
		return PTW_ERR_CORRUPT_BOUNDS;
	/* On the path already, or over the root, which may be several tables, or less than one? */
	for (i = level; i < p->geometry.root_level; i++)
		if (path[i] == child)
			return PTW_ERR_CORRUPT_CYCLE;
	if (child < p->root + ((uint64_t)1 << p->geometry.root_lg2) && child + bytes / 8 > p->root)
		return PTW_ERR_CORRUPT_CYCLE;
	return PTW_OK;
}

/* Does `e`, a present leaf of an attached page table at `level`, break the rules hardware checks? */
static inline int ptw_guard_leaf(const struct ptw_geometry *g, uint64_t e, unsigned int level)
{
	if (!(g->leaf_levels & (1u << level)) || (e & g->leaf_reserved[level]))
		return PTW_ERR_CORRUPT_RESERVED;
	return PTW_OK;
}

/* How many entries from `ia` on stay in one table, one 64-page word (level 0) and the range. */
static ptw_always_inline unsigned int ptw_run_length(const struct ptw_format *f,
						     const struct ptw_walk_state *w,
						     unsigned int index, unsigned int level,
						     const bool tables)
{
	unsigned int lg2 = ptw_span_lg2(f, level);
	unsigned int n = 64 - (unsigned int)((w->ia >> lg2) & 63);
	unsigned int root = level == w->pgtable->geometry.root_level;
	unsigned int entries = 1u << (root ? w->pgtable->geometry.root_lg2 : f->index_lg2);
	uint64_t left = ((w->end - 1) >> lg2) - (w->ia >> lg2) + 1;

	if (tables && !level && n == 64)
		n = 64 * PTW_SCAN_WORDS;
	if (n > entries - index)
		n = entries - index;
	return left < n ? (unsigned int)left : n;
}

/* How many entries of a level-1 table from `index`, that of w->ia, lie whole in the range; one may be cut. */
static ptw_always_inline unsigned int ptw_whole_entries(const struct ptw_format *f,
							const struct ptw_walk_state *w,
							unsigned int index)
{
	const struct ptw_geometry *g = &w->pgtable->geometry;
	const uint64_t left = (w->end - w->ia) >> ptw_span_lg2(f, 1);
	const unsigned int n = (1u << (g->root_level == 1 ? g->root_lg2 : f->index_lg2)) - index;

	return left < n ? (unsigned int)left : n;
}

/* One read-side section. The caller holds it. */
static ptw_always_inline int ptw_walk_section(const struct ptw_format *f, const struct ptw_layout *l,
					      const bool guarded, const struct ptw_walk_ops *ops,
					      struct ptw_walk_state *w, void *ctx)
{
	const struct ptw_pgtable *p = w->pgtable;
	const struct ptw_geometry *g = &p->geometry;
	const unsigned int root = g->root_level;
	unsigned int level = root;
	int ret;

	w->table[root] = p->root;
	for (;;) {
		unsigned int index = ptw_index(f, g, w->ia, level);
		unsigned int lg2 = ptw_span_lg2(f, level);
		uint64_t *slot = w->table[level] + index;
		uint64_t e;

		if (ops->skip && level) {
			ret = (int)ops->skip(w, ctx, slot, level);
			if (ret) {
				w->seen[level] = ~(uint64_t)0;
				goto advance;
			}
		}
		e = level ? ptw_port_load_table(slot) : ptw_port_load(slot);
		if (level && f->present(l, e, level) && !f->leaf(e, level)) {
			uint64_t base = w->ia >> lg2 << lg2;
			/* Once per entry, however many sections the table below it takes, and
			 * however often the walk comes down here again. */
			bool again = w->entered[level] == base + 1;
			bool first = (w->ia == base || w->ia == w->start) && !again;

			w->entered[level] = base + 1;
			w->seen[level] = ~(uint64_t)0;
			if (ops->tables && level == 1 && w->ia == base && !again &&
			    w->end - base >= (uint64_t)1 << lg2) {
				ret = ops->tables(w, ctx, slot, e, ptw_whole_entries(f, w, index));
				if (ret)
					return ret;
				if (w->ia != base)
					goto leave;
			}
			if (ops->pre) {
				if (first) {
					ret = ops->pre(w, ctx, slot, level, e, base);
					if (ret < 0)
						return ret;
					if (ret == PTW_VISIT_STOP)
						return PTW_ERR_STOPPED;
					if (ret == PTW_VISIT_SKIP) {
						ret = 1;
						goto advance;
					}
				}
				/* The visitor may have changed it. */
				e = ptw_port_load_table(slot);
				if (!f->present(l, e, level) || f->leaf(e, level))
					continue;
			}
			if (guarded) {
				ret = ptw_guard(p, w->table, e, f->address(g, e, level), level);
				if (ret)
					return ret;
				if (first && w->tables >= p->table_budget)
					return PTW_ERR_CORRUPT_BUDGET;
			}
			w->tables += first;
			level--;
			w->table[level] = ptw_table_at(p, f->address(g, e, level + 1));
			if (!again)
				w->seen[level] = w->ia == base ? 0 : ~(uint64_t)0;
			continue;
		}
		ret = ops->run(w, ctx, slot, ptw_run_length(f, w, index, level, !!ops->tables),
			       level, e);
		if (ret < 0)
			return ret;
		if (ret == PTW_RUN_RETRY) {
			/* Somebody else got on; but not without end in one section. */
			w->cost += PTW_CHANGED_COST;
			if (w->cost >= PTW_SECTION_COST)
				return PTW_SECTION_YIELD;
			level = root;
			continue;
		}
advance:
		w->ia = ((w->ia >> lg2) + (unsigned int)ret) << lg2;
leave:
		/* Leave every table whose end was reached. */
		while (level < root &&
		       (w->ia >= w->end || ptw_index(f, g, w->ia, level) == 0)) {
			/* Nothing in all of it. */
			if (!guarded && !w->seen[level] && ptw_index(f, g, w->ia, level) == 0)
				ptw_note_seen(w->pgtable, w->ia - 1, level, false);
			level++;
			if (ops->post) {
				uint64_t *up = w->table[level];
				uint64_t last = (w->ia - 1) >> ptw_span_lg2(f, level);

				up += ptw_index(f, g, w->ia - 1, level);
				e = ptw_port_load_table(up);
				/* Unlinked meanwhile? */
				if (!f->present(l, e, level) || f->leaf(e, level))
					continue;
				ret = ops->post(w, ctx, up, level, e,
						last << ptw_span_lg2(f, level));
				if (ret < 0)
					return ret;
				if (ret == PTW_VISIT_STOP)
					return PTW_ERR_STOPPED;
			}
		}
		if (w->ia >= w->end)
			return PTW_OK;
		if (w->cost >= PTW_SECTION_COST ||
		    (w->budget && w->spent + w->cost >= w->budget))
			return PTW_SECTION_YIELD;
	}
}

static ptw_always_inline int ptw_walk_template(const struct ptw_format *f,
					       const struct ptw_layout *l, const bool guarded,
					       const struct ptw_walk_ops *ops,
					       struct ptw_walk_state *w, void *ctx)
{
	int ret;

	do {
		if (w->budget && w->spent >= w->budget)
			return PTW_ERR_BUDGET;
		w->cost = 0;
		w->sections++;
		ptw_port_read_lock();
		ret = ptw_walk_section(f, l, guarded, ops, w, ctx);
		ptw_port_read_unlock();
		w->spent += w->cost;
	} while (ret == PTW_SECTION_YIELD);
	/* A block that the range cuts may have carried the walk beyond its end. */
	if (ret == PTW_OK)
		w->ia = w->end;
	return ret;
}

/* How a test of one address ends. */
struct ptw_found {
	uint64_t *slot;
	uint64_t e;
	unsigned int level;
};

/*
 * Find the leaf entry for `ia`. Inside a section. PTW_OK, PTW_ERR_HOLE, PTW_ERR_AGAIN (frozen), or an
 * error of an attached page table; `found` is also set for the entry that is corrupt.
 */
static ptw_always_inline int ptw_find_template(const struct ptw_format *f,
					       const struct ptw_layout *l, const bool guarded,
					       const struct ptw_pgtable *p, uint64_t ia,
					       struct ptw_found *found)
{
	const struct ptw_geometry *g = &p->geometry;
	uint64_t *path[PTW_MAX_LEVELS] = { NULL }; /* for the guard */
	uint64_t tables = 0;
	unsigned int level = g->root_level;
	/* The root takes all bits that are left of an address, so they need no mask. */
	uint64_t *table = p->root;
	uint64_t *slot = table + (ia >> ptw_span_lg2(f, level));
	uint64_t e;

	for (; level; level--) {
		e = ptw_port_load_table(slot);
		if (!f->present(l, e, level))
			return e == l->frozen ? PTW_ERR_AGAIN : PTW_ERR_HOLE;
		if (f->leaf(e, level))
			goto leaf;
		if (guarded) {
			int ret;

			path[level] = table;
			ret = ptw_guard(p, path, e, f->address(g, e, level), level);
			if (!ret && tables++ >= p->table_budget)
				ret = PTW_ERR_CORRUPT_BUDGET;
			if (ret) {
				*found = (struct ptw_found){ slot, e, level };
				return ret;
			}
		}
		table = ptw_table_at(p, f->address(g, e, level));
		slot = table + (ia >> ptw_span_lg2(f, level - 1) & ((1u << f->index_lg2) - 1));
	}
	e = ptw_port_load(slot);
	if (!f->present(l, e, 0))
		return e == l->frozen ? PTW_ERR_AGAIN : PTW_ERR_HOLE;
leaf:
	*found = (struct ptw_found){ slot, e, level };
	return guarded ? ptw_guard_leaf(g, e, level) : PTW_OK;
}

#endif /* PTW_LIB_TEMPLATE_H */
