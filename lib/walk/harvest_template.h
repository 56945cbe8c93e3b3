/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Harvest, as operations for the walker template.
 *
 * Two clear rules. A level-0 leaf whose accessed bit is one bit of an exact layout: one atomic AND,
 * whose result says who saw the bit; it is safe whatever the entry has become, since accessed
 * positions are zero in every non-present value and a level-0 entry never becomes a table. Anything
 * else (blocks, tracked entries, dirty, contiguous groups, foreign layouts, an output address
 * filter): compare-exchange on the snapshot.
 */
#ifndef PTW_LIB_HARVEST_TEMPLATE_H
#define PTW_LIB_HARVEST_TEMPLATE_H

#include "lib/walk/harvest_job.h"
#include "lib/walk/template.h"

/* Lost races after which an extent is left alone. */
#define PTW_CLEAR_TRIES 8

/* Private results of clearing, besides what was found (enum ptw_extent_flag). */
#define PTW_CLEAR_BUSY 0x100  /* lost too many races */
#define PTW_CLEAR_GONE 0x200  /* no leaf any more: a table, empty, or owned */
#define PTW_CLEAR_RESERVED 0x400 /* attached: a member of the group is corrupt */
#define PTW_CLEAR_MIXED 0x800 /* attached: what is present in the group is not all members */
#define PTW_CLEAR_GROUPED 0x1000 /* a single leaf no more, but a member of a group */

static ptw_always_inline uint32_t ptw_state(const struct ptw_format *f, const struct ptw_layout *l,
					    uint64_t e, unsigned int level, uint32_t want)
{
	uint32_t what = 0;

	if ((want & PTW_HARVEST_ACCESSED) && f->young(l, e, level))
		what |= PTW_EXTENT_YOUNG;
	if ((want & PTW_HARVEST_DIRTY) && f->dirty_leaf(l, e, level))
		what |= PTW_EXTENT_DIRTY;
	return what;
}

/* Does the extent whose member `i` is the leaf `e` lie where the filter wants it? */
static ptw_always_inline bool ptw_filter_wants(const struct ptw_format *f,
					       const struct ptw_geometry *g,
					       const struct ptw_extent_ask *ask, uint64_t e,
					       unsigned int level, unsigned int i)
{
	uint64_t oa;

	if (!ask->filter)
		return true;
	oa = f->address(g, e, level) - ((uint64_t)i << ptw_span_lg2(f, level));
	return oa >= ask->filter->oa_start && oa < ask->filter->oa_end;
}

/* Members of the contiguous group that `e` belongs to, as a power of two; 0: none. */
static ptw_always_inline unsigned int ptw_group_lg2(const struct ptw_format *f,
						    const struct ptw_geometry *g, uint64_t e,
						    unsigned int level)
{
	unsigned int lg2;

	if (!f->group_bit || !(e & f->group_bit))
		return 0;
	lg2 = f->group_lg2[level];
	/* A root smaller than a group cannot hold one: the bit means nothing there. */
	return level == g->root_level && g->root_lg2 < lg2 ? 0 : lg2;
}

/*
 * Clear what is wanted of the leaf entry at `slot`, whose snapshot is `e`: member `i` of its group, if
 * it is in one (`grouped`). Returns what was cleared. What the entry is, and where it leads, is looked
 * at again after every lost race.
 *
 * Foreign layouts get one try, and what was lost is reported as young all the same: its owner may
 * have rewritten the entry for reasons of his own.
 */
static ptw_always_inline uint32_t ptw_clear_entry(const struct ptw_format *f,
						  const struct ptw_layout *l, const bool guarded,
						  const struct ptw_geometry *g, uint64_t *slot,
						  uint64_t e, unsigned int level,
						  const struct ptw_extent_ask *ask, unsigned int i,
						  const bool grouped)
{
	/* Not where a leaf may become a member of a group: its bit then stands for all of it. */
	if (level == 0 && f->and_clear && !guarded && !grouped && !ask->filter &&
	    ask->want == PTW_HARVEST_ACCESSED &&
	    !(f->group_bit && (g->features & PTW_FEATURE_CONTIG))) {
		if (!(e & f->accessed))
			return 0;
		return ptw_port_and_clear(slot, f->accessed) ? PTW_EXTENT_YOUNG : 0;
	}
	for (unsigned int tries = 0; tries < PTW_CLEAR_TRIES; tries++) {
		uint32_t what = ptw_state(f, l, e, level, ask->want);
		uint64_t wanted = e;

		if (!what || !ptw_filter_wants(f, g, ask, e, level, i))
			return 0;
		if (what & PTW_EXTENT_YOUNG)
			wanted = f->make_old(l, wanted, level);
		if (what & PTW_EXTENT_DIRTY)
			wanted = f->make_clean(l, wanted, level);
		/* Where writable means dirty, access tracking takes that away too: report it. */
		if (guarded && !l->exact && f->dirty_leaf(l, e, level) &&
		    !f->dirty_leaf(l, wanted, level))
			what |= PTW_EXTENT_DIRTY;
		if (wanted == e || ptw_port_cas(slot, &e, wanted))
			return what;
		if (guarded && !l->exact)
			return what & PTW_EXTENT_YOUNG;
		if (!f->present(l, e, level) || !f->leaf(e, level))
			return PTW_CLEAR_GONE;
		if (grouped && !(e & f->group_bit))
			return 0; /* no member any more: it is looked at on its own */
		if (!guarded && !grouped && ptw_group_lg2(f, g, e, level))
			return PTW_CLEAR_GROUPED;
	}
	return PTW_CLEAR_BUSY;
}

/*
 * The leaf extent around the entry at `slot`, at index `index` of its table: OR over the members of
 * a contiguous group, since hardware may set the bit in any one of them, and clear them all. Returns
 * what was found, and cleared unless `ask->peek`; gone is flagged only for single entries.
 */
static ptw_always_inline uint32_t ptw_extent(const struct ptw_format *f, const struct ptw_layout *l,
					     const bool guarded, const struct ptw_geometry *g,
					     uint64_t *slot, unsigned int index, uint64_t e,
					     unsigned int level, const struct ptw_extent_ask *ask)
{
	unsigned int group_lg2 = ptw_group_lg2(f, g, e, level);
	unsigned int members = 1u << group_lg2;
	uint32_t what = 0;

	if (!group_lg2) {
		if (!ask->peek)
			return ptw_clear_entry(f, l, guarded, g, slot, e, level, ask, 0, false);
		return ptw_filter_wants(f, g, ask, e, level, 0) ?
			       ptw_state(f, l, e, level, ask->want) : 0;
	}
	slot -= index & (members - 1);
	for (unsigned int i = 0; i < members; i++) {
		uint32_t one = 0;

		e = ptw_port_load(slot + i);
		if (!f->present(l, e, level))
			continue;
		if (!f->leaf(e, level) || !(e & f->group_bit)) {
			what |= guarded ? PTW_CLEAR_MIXED : 0;
			continue;
		}
		if (guarded && ptw_guard_leaf(g, e, level)) {
			what |= PTW_CLEAR_RESERVED;
			continue;
		}
		if (!ask->peek)
			one = ptw_clear_entry(f, l, guarded, g, slot + i, e, level, ask, i, true);
		else if (ptw_filter_wants(f, g, ask, e, level, i))
			one = ptw_state(f, l, e, level, ask->want);
		what |= one & (PTW_EXTENT_YOUNG | PTW_EXTENT_DIRTY | PTW_CLEAR_BUSY);
	}
	return what;
}

/* What a run found in smallest pages; bit i is entry i. */
struct ptw_found_pages {
	uint64_t young;
	uint64_t dirty;
};

/* Any level, any kind of entry, any output: one entry after the other. Somebody else's smallest pages that go
 * into nothing but bitmaps are left in `pages`, to be reported at once: a third off for young ones. For
 * own page tables that would cost more where nothing is young than it saves. */
static ptw_always_inline int ptw_harvest_entries(const struct ptw_format *f,
						 const struct ptw_layout *l, const bool guarded,
						 struct ptw_walk_state *w,
						 struct ptw_harvest_job *job, uint64_t *slot,
						 unsigned int n, unsigned int level,
						 struct ptw_found_pages *pages)
{
	const struct ptw_geometry *g = &w->pgtable->geometry;
	const uint64_t held = guarded ? 0 : w->pgtable->held[level];
	unsigned int lg2 = ptw_span_lg2(f, level);
	uint64_t first = w->ia >> lg2;
	unsigned int index = ptw_index(f, g, w->ia, level);

	for (unsigned int i = 0; i < n; i++) {
		uint64_t e = level ? ptw_port_load_table(slot + i) : ptw_port_load(slot + i);
		uint64_t ia = (first + i) << lg2;
		unsigned int members;
		uint32_t what;

		w->seen[level] |= e ^ l->empty;
		if (!f->present(l, e, level)) {
			job->entries++;
			w->cost++;
			if (e == l->frozen)
				job->owned++;
			continue;
		}
		if (!f->leaf(e, level)) {
			/* Turned into a table since the walk looked: go down there. */
			return i ? (int)i : PTW_RUN_RETRY;
		}
		if (guarded) {
			int ret = ptw_guard_leaf(g, e, level);

			/* What lies before it in this run is done. */
			if (ret && i)
				return (int)i;
			if (ret)
				return ret;
		}
		/* Its owner may have taken state out, to put it in again. */
		if (e & held)
			job->owned++;
		members = 1u << ptw_group_lg2(f, g, e, level);
		if (members > 1)
			ia &= ~(((uint64_t)members << lg2) - 1);
		job->entries += members;
		w->cost += members;
		what = ptw_extent(f, l, guarded, g, slot + i, index + i, e, level, &job->ask);
		if (((what & PTW_CLEAR_GONE) && level) || (what & PTW_CLEAR_GROUPED)) {
			/* A table now, perhaps, or part of something larger. */
			return i ? (int)i : PTW_RUN_RETRY;
		}
		if (what & PTW_CLEAR_BUSY)
			job->busy++;
		if (!(what & (PTW_EXTENT_YOUNG | PTW_EXTENT_DIRTY))) {
			/* nothing to tell */
		} else if (guarded && !level && members == 1 && job->bitmaps_only) {
			pages->young |= (uint64_t)!!(what & PTW_EXTENT_YOUNG) << i;
			pages->dirty |= (uint64_t)!!(what & PTW_EXTENT_DIRTY) << i;
			w->cost += PTW_CHANGED_COST;
		} else {
			/* A large extent is many words of output. */
			w->cost += PTW_CHANGED_COST +
				   ((uint64_t)members << lg2 >> f->granule_lg2 >> 6);
			if (ptw_job_report(job, ia, (uint64_t)members << lg2, level,
					   what & (PTW_EXTENT_YOUNG | PTW_EXTENT_DIRTY))) {
				w->ia = ia + ((uint64_t)members << lg2);
				return PTW_ERR_STOPPED;
			}
		}
		if (guarded && (what & (PTW_CLEAR_RESERVED | PTW_CLEAR_MIXED))) {
			/* The first entry may be cut by the start. */
			if (i)
				w->ia = (first + i) << lg2;
			return what & PTW_CLEAR_RESERVED ? PTW_ERR_CORRUPT_RESERVED :
							   PTW_ERR_CORRUPT_GROUP;
		}
		/* Past the whole group, also when it ends beyond this run. */
		if (members > 1)
			i += members - 1 - ((index + i) & (members - 1));
		if (i >= n || w->cost >= PTW_SECTION_COST)
			return (int)i + 1;
	}
	return (int)n;
}

static ptw_always_inline int ptw_harvest_run(const struct ptw_format *f, const struct ptw_layout *l,
					     const bool guarded, struct ptw_walk_state *w,
					     struct ptw_harvest_job *job, uint64_t *slot,
					     unsigned int n, unsigned int level)
{
	struct ptw_found_pages pages = { 0, 0 };
	const uint64_t page = w->ia >> f->granule_lg2;
	int ret = ptw_harvest_entries(f, l, guarded, w, job, slot, n, level, &pages);

	if (pages.young | pages.dirty)
		ptw_job_report_run(job, page, pages.young, pages.dirty);
	return ret;
}

static ptw_always_inline int ptw_test_young_template(const struct ptw_format *f,
						     const struct ptw_layout *l,
						     const bool guarded,
						     const struct ptw_pgtable *p, uint64_t ia,
						     const bool clear)
{
	const struct ptw_extent_ask ask = { .want = PTW_HARVEST_ACCESSED, .peek = !clear };
	const struct ptw_geometry *g = &p->geometry;
	struct ptw_found found;
	uint32_t what;
	int ret;

	for (unsigned int tries = 0; tries < PTW_CLEAR_TRIES; tries++) {
		ret = ptw_find_template(f, l, guarded, p, ia, &found);
		if (ret)
			return ret;
		what = ptw_extent(f, l, guarded, g, found.slot, ptw_index(f, g, ia, found.level),
				  found.e, found.level, &ask);
		if (guarded && (what & (PTW_CLEAR_RESERVED | PTW_CLEAR_MIXED)))
			return what & PTW_CLEAR_RESERVED ? PTW_ERR_CORRUPT_RESERVED :
							   PTW_ERR_CORRUPT_GROUP;
		if (what & PTW_EXTENT_YOUNG)
			return 1;
		if (!(what & (PTW_CLEAR_GONE | PTW_CLEAR_BUSY | PTW_CLEAR_GROUPED)))
			return 0;
	}
	return PTW_ERR_AGAIN;
}

#endif /* PTW_LIB_HARVEST_TEMPLATE_H */
