/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Every operation, with arguments as they are picked, on a page table and on its model. */
#ifndef PTW_TESTS_OPERATIONS_H
#define PTW_TESTS_OPERATIONS_H

#include "tests/property/harvests.h"

/* Every choice is picked on every format, so that the same bytes mean the same everywhere. */
static inline uint32_t random_prot(struct run *r)
{
	const uint32_t format = r->m.config.format;
	const bool write = chance(r, 80), exec = chance(r, 50), user = chance(r, 60),
		   odd = chance(r, 10) && !r->alike;
	uint32_t prot = PTW_PROT_READ;

	if (write)
		prot |= PTW_PROT_WRITE;
	if (exec)
		prot |= PTW_PROT_EXEC;
	if (format == PTW_FORMAT_X86_64 || format == PTW_FORMAT_ARM64_S1)
		prot |= user ? PTW_PROT_USER : 0;
	else if (format != PTW_FORMAT_EPT && odd)
		prot ^= PTW_PROT_READ | PTW_PROT_EXEC;
	return prot;
}

static inline struct ptw_map random_map(struct run *r)
{
	struct ptw_map map = { .size = sizeof(map), .prot = random_prot(r) };

	if (chance(r, 20)) {
		map.memtype = (uint32_t)pick(r, 3);
		if (r->m.config.format == PTW_FORMAT_PERVERSE)
			map.memtype = PTW_MEM_NORMAL;
	}
	map.page_levels = (uint32_t)pick(r, 3);
	if (chance(r, 30))
		map.flags |= PTW_LEAF_YOUNG;
	if (chance(r, 20) && (map.prot & PTW_PROT_WRITE))
		map.flags |= PTW_LEAF_DIRTY;
	if (chance(r, 20))
		map.flags |= PTW_LEAF_USER_BIT;
	return map;
}

static inline uint64_t tables_in_use(struct run *r)
{
	machine_info(&r->m);
	return r->m.info.tables;
}

/* Tables that the range covers whole are gone; without a delay, empty ones are gone everywhere. */
static inline void check_tables(struct run *r, const struct area *a, uint32_t from, uint32_t to)
{
	const bool no_empty = r->m.config.reclaim_delay == 0;

	model_tables(&r->model);
	for (unsigned int level = 1; level < PTW_MAX_LEVELS && a->table[level]; level++) {
		const uint32_t count = entry_pages(&r->model, level);

		for (uint32_t p = 0; p < a->pages; p += count) {
			bool used = false;

			if (!has_table(&r->model, a, p, level))
				continue;
			check(r, p < from || p + count > to, "a table of level %u stays at %#" PRIx64,
			      level - 1, ia_of(r, a, p));
			for (uint32_t i = 0; no_empty && i < count && !used; i++)
				used = a->page[p + i].count;
			check(r, used || !no_empty, "an empty table of level %u at %#" PRIx64,
			      level - 1, ia_of(r, a, p));
		}
	}
}

static inline void check_change(struct run *r, const struct area *a, const char *what, int ret,
				int expected, const struct ptw_change_result *got,
				const struct report *report)
{
	check(r, ret == expected, "%s: %s, not %s", what, ptw_strerror(ret),
	      ptw_strerror(expected));
	check_eq(r, "reached", got->reached, ia_of(r, a, report->reached));
	if (ret == PTW_OK)
		check_eq(r, "leaves", got->leaves, report->leaves);
	check_eq(r, "young extents", got->young_extents, report->young_extents);
	check_eq(r, "young pages", got->young_pages, report->young_pages);
	check_eq(r, "dirty extents", got->dirty_extents, report->dirty_extents);
	check_eq(r, "dirty pages", got->dirty_pages, report->dirty_pages);
	answer(r, (uint64_t)ret);
	answer(r, report->reached);
	answer(r, got->leaves);
	answer(r, got->young_pages);
	family_answer(r, got->dirty_pages);
}

static inline void do_map(struct run *r, struct area *a)
{
	const struct ptw_map map = random_map(r);
	struct ptw_change_result got = { .size = sizeof(got) };
	struct report report = { 0 };
	const uint64_t oa_end = (uint64_t)1 << r->oa_bits;
	uint64_t start, end, oa, tables;
	uint32_t from, to;
	int ret, expected;

	random_range(r, a, &from, &to);
	/* Something mapped is found at once in a full area: begin behind it, mostly. */
	if (chance(r, 80))
		while (from < to - 1 && a->page[from].count)
			from++;
	start = ia_of(r, a, from);
	end = ia_of(r, a, to);
	oa = pick(r, (oa_end - (end - start)) / r->m.granule) * r->m.granule;
	if (chance(r, 70)) {
		/* In step with the input addresses, so that blocks and groups fit. */
		const uint64_t mask = 2 * entry_size(&r->m, 2) - 1;

		oa = ((oa & ~mask) | (start & mask)) & (oa_end - 1);
		if (oa > oa_end - (end - start))
			oa = start & mask;
	}
	any_range(r, &start, &end);
	model_tables(&r->model);
	tables = tables_in_use(r);
	ret = ptw_map(r->m.pgtable, start, end, oa, &map, &got);
	expected = model_map(&r->model, a, from, to, oa, &map, &report);
	check_change(r, a, "map", ret, expected, &got, &report);
	check_eq(r, "tables", got.tables, tables_in_use(r) - tables);
}

static inline void do_unmap(struct run *r, struct area *a)
{
	struct ptw_unmap unmap = { .size = sizeof(unmap) };
	struct ptw_change_result got = { .size = sizeof(got) };
	struct report report = { 0 };
	const unsigned int flushes = r->m.flushes;
	const uint64_t tables = tables_in_use(r);
	uint64_t start, end, s, e;
	uint32_t from, to;
	int ret, expected;

	random_range(r, a, &from, &to);
	/* Seldom cut an extent, or hardly anything would ever be unmapped. */
	if (chance(r, 80)) {
		while (model_cut(a, from))
			from = a->page[from].first;
		while (model_cut(a, to))
			to = a->page[to].first + a->page[to].count;
	}
	start = s = ia_of(r, a, from);
	end = e = ia_of(r, a, to);
	if (chance(r, 30))
		unmap.flags = PTW_UNMAP_STRICT;
	unmap.young = chance(r, 80) ? r->young_words : NULL;
	unmap.dirty = chance(r, 80) ? r->dirty_words : NULL;
	fill_bitmap(r->young_words, ptw_bitmap_words(start, end, r->m.info.granule_lg2));
	fill_bitmap(r->dirty_words, ptw_bitmap_words(start, end, r->m.info.granule_lg2));
	memset(r->young, 0, r->pages);
	memset(r->dirty, 0, r->pages);
	any_range(r, &s, &e);
	ret = ptw_unmap(r->m.pgtable, s, e, &unmap, &got);
	expected = model_unmap(a, from, to, unmap.flags & PTW_UNMAP_STRICT, r->young,
			       r->dirty, &report);
	check_change(r, a, "unmap", ret, expected, &got, &report);
	if (unmap.young)
		check_bitmap(r, "young", a, start, end, r->young_words, r->young);
	if (unmap.dirty)
		check_bitmap(r, "dirty", a, start, end, r->dirty_words, r->dirty);
	check_eq(r, "tables", got.tables, tables - tables_in_use(r));
	if (ret == PTW_OK) {
		check_tables(r, a, from, unmap.flags & PTW_UNMAP_STRICT ? from : to);
		check_eq(r, "holes", got.holes, report.holes);
		check_eq(r, "flushed", r->m.flushes != flushes, got.leaves + got.tables != 0);
	}
}

static inline bool allowed(const struct page *page, uint32_t access)
{
	uint32_t needs = 0;

	if (access & PTW_ACCESS_READ)
		needs |= PTW_PROT_READ;
	if (access & PTW_ACCESS_WRITE)
		needs |= PTW_PROT_WRITE;
	if (access & PTW_ACCESS_FETCH)
		needs |= PTW_PROT_EXEC;
	return !(needs & ~page->prot);
}

static inline void do_access(struct run *r, struct area *a)
{
	static const uint32_t kinds[] = { PTW_ACCESS_READ, PTW_ACCESS_WRITE, PTW_ACCESS_FETCH,
					  PTW_ACCESS_READ | PTW_ACCESS_WRITE };
	uint32_t access = kinds[pick(r, 4)];
	const uint32_t p = (uint32_t)pick(r, a->pages);
	const uint64_t offset = pick(r, r->m.granule);
	const struct page *page = &a->page[p];
	const uint64_t ia = any_sign(r, ia_of(r, a, p) + offset);
	struct ptw_softmmu_result result;
	int status = -1, fixed = PTW_OK;
	unsigned int tries = 0;

	if (page->count && (page->prot & PTW_PROT_USER))
		access |= PTW_ACCESS_USER;
	while (status && fixed == PTW_OK && tries++ < 4) {
		status = ptw_softmmu_access(r->m.cpu, ia, access, &result);
		if (status)
			fixed = ptw_fix_fault(r->m.pgtable, ia, access);
	}
	if (!page->count) {
		check(r, status == PTW_SOFTMMU_TRANSLATION && fixed == PTW_ERR_HOLE,
		      "access %#" PRIx64 ": status %d, then %s", ia, status, ptw_strerror(fixed));
		return;
	}
	if (!allowed(page, access)) {
		check(r, status != PTW_SOFTMMU_OK && fixed == PTW_ERR_FAULT,
		      "access %#" PRIx64 " for %u: status %d, then %s", ia, access, status,
		      ptw_strerror(fixed));
		return;
	}
	check(r, status == PTW_SOFTMMU_OK, "access %#" PRIx64 " for %u of %u: status %d, %s", ia,
	      access, page->prot, status, ptw_strerror(fixed));
	check_eq(r, "output address", result.oa, page->oa + offset);
	extent_of(a, p)->young = true;
	if (access & PTW_ACCESS_WRITE)
		extent_of(a, p)->dirty = true;
	answer(r, result.oa);
}

static inline void do_single(struct run *r, struct area *a)
{
	const uint32_t p = (uint32_t)pick(r, a->pages);
	const uint64_t ia = any_sign(r, ia_of(r, a, p) + pick(r, r->m.granule));
	const bool clear = chance(r, 50);
	const int ret =
		clear ? ptw_test_clear_young(r->m.pgtable, ia) : ptw_test_young(r->m.pgtable, ia);

	answer(r, (uint64_t)(int64_t)ret);
	check_eq(r, "young", (int64_t)ret,
		 (int64_t)(a->page[p].count ? extent_of(a, p)->young : PTW_ERR_HOLE));
	if (clear && a->page[p].count)
		extent_of(a, p)->young = false;
}

static inline void do_query(struct run *r, struct area *a)
{
	const uint32_t p = (uint32_t)pick(r, a->pages);
	const uint64_t offset = pick(r, r->m.granule);
	const struct page *page = &a->page[p];
	struct ptw_query q = { .size = sizeof(q) };
	const int ret = ptw_query(r->m.pgtable, any_sign(r, ia_of(r, a, p) + offset), &q);
	uint32_t flags = 0;

	check_eq(r, "query", (int64_t)ret, (int64_t)(page->count ? PTW_OK : PTW_ERR_HOLE));
	if (!page->count)
		return;
	if (extent_of(a, p)->young)
		flags |= PTW_LEAF_YOUNG;
	if (extent_of(a, p)->dirty)
		flags |= PTW_LEAF_DIRTY;
	if (a->page[page->entry].user)
		flags |= PTW_LEAF_USER_BIT;
	if (page->group)
		flags |= PTW_LEAF_GROUP;
	if (page->prot & PTW_PROT_WRITE)
		flags |= PTW_LEAF_MAY_WRITE;
	answer(r, q.leaf.oa);
	answer(r, q.level);
	family_answer(r, q.leaf.flags);
	check_eq(r, "output address", q.leaf.oa, page->oa + offset);
	check_eq(r, "permissions", q.leaf.prot, page->prot);
	check_eq(r, "memory type", q.leaf.memtype, page->memtype);
	check_eq(r, "flags", q.leaf.flags, flags);
	check_eq(r, "level", q.level, page->level);
	check_eq(r, "extent start", q.extent_start, ia_of(r, a, page->first));
	check_eq(r, "extent size", q.extent_size, page->count * r->m.granule);
}

/* Where writable now is dirty, the dirty state goes with the permission, and is handed over. */
static inline void do_write_protect(struct run *r, struct area *a)
{
	const bool arm64 = r->m.config.format == PTW_FORMAT_ARM64_S2 ||
			   r->m.config.format == PTW_FORMAT_ARM64_S1;
	const bool forever = chance(r, 30);
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
	ret = ptw_write_protect(r->m.pgtable, s, e, forever, words, &got);
	check(r, ret == PTW_OK, "write_protect: %s", ptw_strerror(ret));
	for (uint32_t p = from; p < to;) {
		struct page *extent = extent_of(a, p);
		uint32_t next = p + 1;

		if (a->page[p].count) {
			next = extent->first + extent->count;
			for (uint32_t i = 0; forever && i < extent->count; i++)
				extent[i].prot &= (uint8_t)~PTW_PROT_WRITE;
			extent->protected = true;
			if (arm64) {
				const uint32_t pages = (next < to ? next : to) - p;

				report.dirty_pages += extent->dirty ? pages : 0;
				memset(r->dirty + p, extent->dirty, pages);
				extent->dirty = false;
			}
		}
		p = next;
	}
	check_eq(r, "reached", got.reached, end);
	check_eq(r, "dirty pages", got.dirty_pages, report.dirty_pages);
	if (words)
		check_bitmap(r, "dirty", a, start, end, words, r->dirty);
}

static inline void do_user_bit(struct run *r, struct area *a)
{
	const bool on = chance(r, 50);
	struct ptw_change_result got = { .size = sizeof(got) };
	uint64_t start, end, leaves = 0;
	uint32_t from, to;
	int ret;

	random_range(r, a, &from, &to);
	start = ia_of(r, a, from);
	end = ia_of(r, a, to);
	any_range(r, &start, &end);
	ret = ptw_set_user_bit(r->m.pgtable, start, end, on, &got);
	check(r, ret == PTW_OK, "set_user_bit: %s", ptw_strerror(ret));
	check_eq(r, "reached", got.reached, ia_of(r, a, to));
	while (model_cut(a, from))
		from = a->page[from].first;
	while (model_cut(a, to))
		to = a->page[to].first + a->page[to].count;
	for (uint32_t p = from; p < to; p++) {
		if (!a->page[p].count || a->page[p].entry != p)
			continue;
		leaves += a->page[p].user != on;
		a->page[p].user = on;
	}
	check_eq(r, "leaves", got.leaves, leaves);
}

/* Pages of all lines that tell of leaves. */
static inline void add_line(void *context, const char *line)
{
	uint64_t *bytes = context, start, end;

	if (!strstr(line, " table at ") && sscanf(line, " %" SCNx64 "-%" SCNx64, &start, &end) == 2)
		*bytes += end - start;
}

static inline void do_check(struct run *r)
{
	struct ptw_check_result result = { .size = sizeof(result) };
	uint64_t leaves = 0, pages = 0, bytes = 0;
	int ret = ptw_check(r->m.pgtable, PTW_CHECK_COUNTS, &result);

	check(r, ret == PTW_OK, "check: %s at %#" PRIx64 ", level %u, entry %#" PRIx64,
	      ptw_strerror(ret), result.ia, result.level, result.entry);
	for (unsigned int i = 0; i < r->model.areas; i++) {
		const struct area *a = &r->model.area[i];

		for (uint32_t p = 0; p < a->pages; p++) {
			leaves += a->page[p].count && a->page[p].entry == p;
			pages += a->page[p].count != 0;
		}
	}
	check_eq(r, "leaves", result.leaves, leaves);
	machine_info(&r->m);
	check_eq(r, "tables", r->m.info.tables, result.tables);
	check_eq(r, "dump", ptw_dump(r->m.pgtable, 0, 0, add_line, &bytes), PTW_OK);
	check_eq(r, "dumped bytes", bytes, pages * r->m.granule);
}

#endif /* PTW_TESTS_OPERATIONS_H */
