/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Operations that change the shape of the tree and nothing that it says: split, collapse, reclaim;
 * and protect, which changes permissions only.
 *
 * Which leaves there are afterwards is looked up, and held against what the operations promise; what
 * the leaves say is known.
 */
#ifndef PTW_TESTS_CHANGES_H
#define PTW_TESTS_CHANGES_H

#include "tests/property/operations.h"

/* Take the shape of leaves from the page table; what they say must be what the model says. */
static inline void model_reshape(struct run *r, struct area *a, const char *what)
{
	const struct page *was = memcpy(r->shape, a->page, a->pages * sizeof(*was));

	for (uint32_t p = 0; p < a->pages; p++) {
		struct ptw_query q = { .size = sizeof(q) };
		struct page *page = &a->page[p];
		const int ret = ptw_query(r->m.pgtable, ia_of(r, a, p), &q);

		check_eq(r, what, (int64_t)ret, (int64_t)(page->count ? PTW_OK : PTW_ERR_HOLE));
		if (ret)
			continue;
		check(r,
		      q.leaf.oa == page->oa && q.leaf.prot == page->prot &&
			      q.leaf.memtype == page->memtype,
		      "%s: %#" PRIx64 " leads to %#" PRIx64 ", may %u, type %u", what,
		      ia_of(r, a, p), q.leaf.oa, q.leaf.prot, q.leaf.memtype);
		check(r, q.extent_start >= a->base, "%s: an extent larger than allowed", what);
		page->level = (uint8_t)q.level;
		page->group = q.leaf.flags & PTW_LEAF_GROUP;
		page->entry_count = entry_pages(&r->model, q.level);
		page->entry = p / page->entry_count * page->entry_count;
		page->first = (uint32_t)((q.extent_start - a->base) / r->m.granule);
		page->count = (uint32_t)(q.extent_size / r->m.granule);
		page->young = page->dirty = page->user = page->protected = false;
	}
	/* State that stood with the old extents goes to the new ones; no page's is lost or made up. */
	for (uint32_t p = 0; p < a->pages; p++) {
		struct page *extent = extent_of(a, p), *entry = &a->page[a->page[p].entry];

		if (!a->page[p].count)
			continue;
		extent->young |= was[was[p].first].young;
		extent->dirty |= was[was[p].first].dirty;
		extent->protected |= was[was[p].first].protected;
		entry->user |= was[was[p].entry].user;
	}
	for (uint32_t p = 0; p < a->pages; p++)
		check(r, !a->page[p].count || a->page[a->page[p].entry].user == was[was[p].entry].user,
		      "%s: user bit at %#" PRIx64, what, ia_of(r, a, p));
}

/* Tables in use, with those that any call may reclaim by the way when their time has come. */
static inline uint64_t tables_and_reclaimed(struct run *r)
{
	machine_info(&r->m);
	return r->m.info.tables + r->m.info.tables_reclaimed;
}

/* Mostly where there is something to split: the next larger leaf or group, if any. */
static inline void aim_at_large(struct run *r, const struct area *a, uint32_t *from, uint32_t *to)
{
	if (!chance(r, 60))
		return;
	for (uint32_t p = *from; p < a->pages; p++) {
		if (a->page[p].count > 1) {
			*from = p;
			*to = *to > p ? *to : p + 1;
			return;
		}
	}
}

static inline void do_split(struct run *r, struct area *a)
{
	const unsigned int level = (unsigned int)pick(r, 2);
	struct ptw_change_result got = { .size = sizeof(got) };
	uint64_t start, end, tables = tables_and_reclaimed(r);
	uint32_t from, to, made = 0;
	int ret;

	random_range(r, a, &from, &to);
	aim_at_large(r, a, &from, &to);
	start = ia_of(r, a, from);
	end = ia_of(r, a, to);
	any_range(r, &start, &end);
	if (level >= r->m.info.levels)
		return;
	ret = ptw_split(r->m.pgtable, start, end, level, &got);
	check(r, ret == PTW_OK, "split: %s", ptw_strerror(ret));
	check_eq(r, "reached", got.reached, ia_of(r, a, to));
	check_eq(r, "tables", got.tables, tables_and_reclaimed(r) - tables);
	check_eq(r, "reported", got.young_pages | got.dirty_pages, 0);
	model_reshape(r, a, "split");
	for (uint32_t p = 0; p < a->pages; p++) {
		const struct page *page = &a->page[p], *was = &r->shape[p];
		const bool touched = was->count && was->first < to && was->first + was->count > from;

		if (!page->count)
			continue;
		if (p >= from && p < to)
			check(r, page->count <= entry_pages(&r->model, level),
			      "split to level %u: %u pages at %#" PRIx64, level, page->count,
			      ia_of(r, a, p));
		check(r, touched || (page->first == was->first && page->count == was->count),
		      "split of what is not in the range, %#" PRIx64, ia_of(r, a, p));
		made += page->entry == p && page->level < was->level;
	}
	answer(r, made);
	family_answer(r, got.tables);
}

/* May the pages of one entry of `level` become one leaf? */
static inline bool model_alike(const struct run *r, const struct area *a, uint32_t p,
			       unsigned int level)
{
	const uint32_t count = entry_pages(&r->model, level);
	const struct page *first = &a->page[p];

	if (!(r->m.info.leaf_levels >> level & 1) || (first->oa & (count * r->m.granule - 1)))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const struct page *page = first + i;

		if (!page->count || page->oa != first->oa + i * r->m.granule ||
		    page->prot != first->prot || page->memtype != first->memtype ||
		    page->level > level || extent_of(a, p + i)->protected ||
		    a->page[page->entry].user != a->page[first->entry].user)
			return false;
	}
	return true;
}

/* Mostly where pages could be one leaf of `level` and are not: the next such place, if any. */
static inline void aim_at_alike(struct run *r, const struct area *a, unsigned int level,
				uint32_t *from, uint32_t *to)
{
	const uint32_t count = entry_pages(&r->model, level);

	if (!chance(r, 60) || !level || level >= r->m.info.levels || count > a->pages)
		return;
	for (uint32_t p = *from / count * count; p + count <= a->pages; p += count) {
		if (a->page[p].level < level && model_alike(r, a, p, level)) {
			*from = p;
			*to = *to > p + count ? *to : p + count;
			return;
		}
	}
}

static inline void do_collapse(struct run *r, struct area *a)
{
	const unsigned int level = (unsigned int)pick(r, 3);
	struct ptw_change_result got = { .size = sizeof(got) };
	uint64_t start, end, tables = tables_in_use(r);
	uint32_t from, to;
	int ret;

	random_range(r, a, &from, &to);
	aim_at_alike(r, a, level, &from, &to);
	start = ia_of(r, a, from);
	end = ia_of(r, a, to);
	any_range(r, &start, &end);
	if (level >= r->m.info.levels)
		return;
	/* Whether a page whose write permission was taken is like the others depends on the format. */
	for (uint32_t p = from; p < to && r->alike; p++)
		if (a->page[p].count && extent_of(a, p)->protected)
			return;
	ret = ptw_collapse(r->m.pgtable, start, end, level, &got);
	check(r, ret == PTW_OK, "collapse: %s", ptw_strerror(ret));
	check_eq(r, "reached", got.reached, ia_of(r, a, to));
	check_eq(r, "tables", got.tables, tables - tables_in_use(r));
	check_eq(r, "reported", got.young_pages | got.dirty_pages, 0);
	model_reshape(r, a, "collapse");
	for (uint32_t p = 0; p < a->pages; p++) {
		const struct page *page = &a->page[p], *was = &r->shape[p];

		check(r,
		      page->level == was->level ||
			      (page->level > was->level && page->level <= level &&
			       page->entry >= from && page->entry + page->entry_count <= to),
		      "collapse made level %u of level %u at %#" PRIx64, page->level, was->level,
		      ia_of(r, a, p));
	}
	for (unsigned int l = 1; l <= level && l < r->m.info.levels; l++) {
		const uint32_t count = entry_pages(&r->model, l);

		for (uint32_t p = (from + count - 1) / count * count; p + count <= to; p += count)
			check(r, a->page[p].level >= l || !model_alike(r, a, p, l),
			      "collapse to level %u left level %u at %#" PRIx64, level,
			      a->page[p].level, ia_of(r, a, p));
	}
	family_answer(r, got.tables);
}

static inline void do_reclaim(struct run *r, struct area *a)
{
	const bool noted = chance(r, 30);
	struct ptw_change_result got = { .size = sizeof(got) };
	uint64_t start, end, tables = tables_in_use(r);
	uint32_t from, to;
	int ret;

	random_range(r, a, &from, &to);
	start = ia_of(r, a, from);
	end = ia_of(r, a, to);
	any_range(r, &start, &end);
	if (noted)
		start = end = 0;
	ret = ptw_reclaim(r->m.pgtable, start, end, &got);
	check(r, ret == PTW_OK, "reclaim: %s", ptw_strerror(ret));
	check_eq(r, "tables", got.tables, tables - tables_in_use(r));
	check_eq(r, "leaves or state", got.leaves | got.young_pages | got.dirty_pages, 0);
	check(r, !noted || !r->m.info.tables_empty, "%" PRIu64 " empty tables stay",
	      r->m.info.tables_empty);
	model_tables(&r->model);
	for (unsigned int level = 1; level < PTW_MAX_LEVELS && a->table[level]; level++) {
		const uint32_t count = entry_pages(&r->model, level);

		for (uint32_t p = 0; p < a->pages; p += count) {
			bool used = !has_table(&r->model, a, p, level) ||
				    (!noted && (p < from || p + count > to));

			for (uint32_t i = 0; i < count && !used; i++)
				used = a->page[p + i].count;
			check(r, used, "an empty table of level %u stays at %#" PRIx64, level - 1,
			      ia_of(r, a, p));
		}
	}
	family_answer(r, got.tables);
}

/* Where writable now is dirty, the dirty state goes with the permission, and is handed over. */
static inline void do_protect(struct run *r, struct area *a)
{
	const bool arm64 = r->m.config.format == PTW_FORMAT_ARM64_S2 ||
			   r->m.config.format == PTW_FORMAT_ARM64_S1;
	/* A leaf of stage 1 cannot be made global again without a break, which protect does not do. */
	const uint32_t prot = random_prot(r) | (r->m.config.format == PTW_FORMAT_ARM64_S1 ?
							PTW_PROT_USER :
							0);
	uint64_t *words = chance(r, 70) ? r->dirty_words : NULL;
	struct ptw_change_result got = { .size = sizeof(got) };
	struct report report = { 0 };
	uint64_t start, end, s, e;
	uint32_t from, to;
	int ret;

	random_range(r, a, &from, &to);
	start = s = ia_of(r, a, from);
	end = e = ia_of(r, a, to);
	fill_bitmap(r->dirty_words, ptw_bitmap_words(start, end, r->m.info.granule_lg2));
	memset(r->dirty, 0, r->pages);
	any_range(r, &s, &e);
	ret = ptw_protect(r->m.pgtable, s, e, prot, words, &got);
	check(r, ret == PTW_OK, "protect: %s", ptw_strerror(ret));
	for (uint32_t p = from; p < to;) {
		struct page *extent = extent_of(a, p);
		uint32_t next = p + 1;

		if (a->page[p].count) {
			next = extent->first + extent->count;
			for (uint32_t i = 0; i < extent->count; i++)
				extent[i].prot = (uint8_t)prot;
			extent->protected = true;
			if (arm64 && !(prot & PTW_PROT_WRITE)) {
				const uint32_t pages = (next < to ? next : to) - p;

				report.dirty_extents += extent->dirty;
				report.dirty_pages += extent->dirty ? pages : 0;
				memset(r->dirty + p, extent->dirty, pages);
				extent->dirty = false;
			}
		}
		p = next;
	}
	check_eq(r, "reached", got.reached, end);
	check_eq(r, "dirty extents", got.dirty_extents, report.dirty_extents);
	check_eq(r, "dirty pages", got.dirty_pages, report.dirty_pages);
	if (words)
		check_bitmap(r, "dirty", a, start, end, words, r->dirty);
}

static inline void one_step(struct run *r)
{
	struct area *a = &r->model.area[pick(r, r->model.areas)];
	const uint64_t dice = pick(r, 100);

	if (dice < 12)
		do_map(r, a);
	else if (dice < 17)
		do_unmap(r, a);
	else if (dice < 47)
		for (unsigned int i = 0; i < (r->from_bytes ? 4 : 16); i++)
			do_access(r, a);
	else if (dice < 63)
		do_harvest(r, a);
	else if (dice < 69)
		do_single(r, a);
	else if (dice < 77)
		do_query(r, a);
	else if (dice < 80)
		do_write_protect(r, a);
	else if (dice < 83)
		do_user_bit(r, a);
	else if (dice < 86)
		do_protect(r, a);
	else if (dice < 90)
		do_split(r, a);
	else if (dice < 95)
		do_collapse(r, a);
	else if (dice < 98)
		do_reclaim(r, a);
	else
		do_check(r);
}

#endif /* PTW_TESTS_CHANGES_H */
