/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Random operations on a page table of every preset, and on a model that is a flat array of pages.
 * After each operation both must have said the same.
 */
#include "tests/property/harvests.h"

#define STEPS 3000

static struct ptw_map random_map(struct run *r)
{
	const uint32_t format = r->m.config.format;
	struct ptw_map map = { .size = sizeof(map), .prot = PTW_PROT_READ };

	if (random_chance(&r->random, 80))
		map.prot |= PTW_PROT_WRITE;
	if (random_chance(&r->random, 50))
		map.prot |= PTW_PROT_EXEC;
	if (format == PTW_FORMAT_X86_64 || format == PTW_FORMAT_ARM64_S1) {
		if (random_chance(&r->random, 60))
			map.prot |= PTW_PROT_USER;
	} else if (format != PTW_FORMAT_EPT && random_chance(&r->random, 10)) {
		map.prot ^= PTW_PROT_READ | PTW_PROT_EXEC;
	}
	if (format != PTW_FORMAT_PERVERSE && random_chance(&r->random, 20))
		map.memtype = (uint32_t)random_below(&r->random, 3);
	map.page_levels = (uint32_t)random_below(&r->random, 3);
	if (random_chance(&r->random, 30))
		map.flags |= PTW_LEAF_YOUNG;
	if ((map.prot & PTW_PROT_WRITE) && random_chance(&r->random, 20))
		map.flags |= PTW_LEAF_DIRTY;
	if (random_chance(&r->random, 20))
		map.flags |= PTW_LEAF_USER_BIT;
	return map;
}

static void check_change(struct run *r, const struct area *a, const char *what, int ret,
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
}

static void do_map(struct run *r, struct area *a)
{
	const struct ptw_map map = random_map(r);
	struct ptw_change_result got = { .size = sizeof(got) };
	struct report report = { 0 };
	const uint64_t oa_end = (uint64_t)1 << r->m.info.oa_bits;
	uint64_t start, end, oa;
	uint32_t from, to;
	int ret, expected;

	random_range(r, a, &from, &to);
	/* Something mapped is found at once in a full area: begin behind it, mostly. */
	while (from < to - 1 && a->page[from].count && random_chance(&r->random, 99))
		from++;
	start = ia_of(r, a, from);
	end = ia_of(r, a, to);
	oa = random_below(&r->random, (oa_end - (end - start)) / r->m.granule) * r->m.granule;
	if (random_chance(&r->random, 70)) {
		/* In step with the input addresses, so that blocks and groups fit. */
		const uint64_t mask = 2 * entry_size(&r->m, 2) - 1;

		oa = ((oa & ~mask) | (start & mask)) & (oa_end - 1);
		if (oa > oa_end - (end - start))
			oa = start & mask;
	}
	any_range(r, &start, &end);
	ret = ptw_map(r->m.pgtable, start, end, oa, &map, &got);
	expected = model_map(&r->model, a, from, to, oa, &map, &report);
	check_change(r, a, "map", ret, expected, &got, &report);
}

static void do_unmap(struct run *r, struct area *a)
{
	struct ptw_unmap unmap = { .size = sizeof(unmap) };
	struct ptw_change_result got = { .size = sizeof(got) };
	struct report report = { 0 };
	const unsigned int flushes = r->m.flushes;
	uint64_t start, end, s, e;
	uint32_t from, to;
	int ret, expected;

	random_range(r, a, &from, &to);
	/* Seldom cut an extent, or hardly anything would ever be unmapped. */
	if (random_chance(&r->random, 80)) {
		while (model_cut(a, from))
			from = a->page[from].first;
		while (model_cut(a, to))
			to = a->page[to].first + a->page[to].count;
	}
	start = s = ia_of(r, a, from);
	end = e = ia_of(r, a, to);
	if (random_chance(&r->random, 30))
		unmap.flags = PTW_UNMAP_STRICT;
	unmap.young = random_chance(&r->random, 80) ? r->young_words : NULL;
	unmap.dirty = random_chance(&r->random, 80) ? r->dirty_words : NULL;
	fill_bitmap(r->young_words, ptw_bitmap_words(start, end, r->m.info.granule_lg2));
	fill_bitmap(r->dirty_words, ptw_bitmap_words(start, end, r->m.info.granule_lg2));
	memset(r->young, 0, r->pages);
	memset(r->dirty, 0, r->pages);
	any_range(r, &s, &e);
	ret = ptw_unmap(r->m.pgtable, s, e, &unmap, &got);
	expected = model_unmap(&r->model, a, from, to, unmap.flags & PTW_UNMAP_STRICT, r->young,
			       r->dirty, &report);
	check_change(r, a, "unmap", ret, expected, &got, &report);
	if (unmap.young)
		check_bitmap(r, "young", a, start, end, r->young_words, r->young);
	if (unmap.dirty)
		check_bitmap(r, "dirty", a, start, end, r->dirty_words, r->dirty);
	if (ret == PTW_OK) {
		check_eq(r, "tables", got.tables, report.tables);
		check_eq(r, "holes", got.holes, report.holes);
		check_eq(r, "flushes", r->m.flushes - flushes, got.leaves + got.tables ? 1 : 0);
	}
}

static bool allowed(const struct page *page, uint32_t access)
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

static void do_access(struct run *r, struct area *a)
{
	static const uint32_t kinds[] = { PTW_ACCESS_READ, PTW_ACCESS_WRITE, PTW_ACCESS_FETCH,
					  PTW_ACCESS_READ | PTW_ACCESS_WRITE };
	uint32_t access = kinds[random_below(&r->random, 4)];
	const uint32_t p = (uint32_t)random_below(&r->random, a->pages);
	const uint64_t offset = random_below(&r->random, r->m.granule);
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
}

static void do_single(struct run *r, struct area *a)
{
	const uint32_t p = (uint32_t)random_below(&r->random, a->pages);
	const uint64_t ia = any_sign(r, ia_of(r, a, p) + random_below(&r->random, r->m.granule));
	const bool clear = random_chance(&r->random, 50);
	const int ret =
		clear ? ptw_test_clear_young(r->m.pgtable, ia) : ptw_test_young(r->m.pgtable, ia);

	check_eq(r, "young", (int64_t)ret,
		 (int64_t)(a->page[p].count ? extent_of(a, p)->young : PTW_ERR_HOLE));
	if (clear && a->page[p].count)
		extent_of(a, p)->young = false;
}

static void do_query(struct run *r, struct area *a)
{
	const uint32_t p = (uint32_t)random_below(&r->random, a->pages);
	const uint64_t offset = random_below(&r->random, r->m.granule);
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
	check_eq(r, "output address", q.leaf.oa, page->oa + offset);
	check_eq(r, "permissions", q.leaf.prot, page->prot);
	check_eq(r, "memory type", q.leaf.memtype, page->memtype);
	check_eq(r, "flags", q.leaf.flags, flags);
	check_eq(r, "level", q.level, page->level);
	check_eq(r, "extent start", q.extent_start, ia_of(r, a, page->first));
	check_eq(r, "extent size", q.extent_size, page->count * r->m.granule);
}

/* Where writable now is dirty, the dirty state goes with the permission, and is handed over. */
static void do_write_protect(struct run *r, struct area *a)
{
	const bool arm64 = r->m.config.format == PTW_FORMAT_ARM64_S2 ||
			   r->m.config.format == PTW_FORMAT_ARM64_S1;
	const bool forever = random_chance(&r->random, 30);
	uint64_t *words = random_chance(&r->random, 70) ? r->dirty_words : NULL;
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

static void do_user_bit(struct run *r, struct area *a)
{
	const bool on = random_chance(&r->random, 50);
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
static void add_line(void *context, const char *line)
{
	uint64_t *bytes = context, start, end;

	if (!strstr(line, " table at ") && sscanf(line, " %" SCNx64 "-%" SCNx64, &start, &end) == 2)
		*bytes += end - start;
}

static void do_check(struct run *r)
{
	struct ptw_check_result result = { .size = sizeof(result) };
	uint64_t leaves = 0, pages = 0, bytes = 0;
	int ret = ptw_check(r->m.pgtable, &result);

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

static void one_step(struct run *r)
{
	struct area *a = &r->model.area[random_below(&r->random, r->model.areas)];
	const uint64_t dice = random_below(&r->random, 100);

	if (dice < 12)
		do_map(r, a);
	else if (dice < 18)
		do_unmap(r, a);
	else if (dice < 55)
		for (unsigned int i = 0; i < 16; i++)
			do_access(r, a);
	else if (dice < 73)
		do_harvest(r, a);
	else if (dice < 80)
		do_single(r, a);
	else if (dice < 92)
		do_query(r, a);
	else if (dice < 95)
		do_write_protect(r, a);
	else if (dice < 98)
		do_user_bit(r, a);
	else
		do_check(r);
}

/* The lowest addresses, some around the middle of the root, and the highest. */
static void make_areas(struct run *r)
{
	struct machine *m = &r->m;
	const uint64_t block = entry_size(m, 1);
	uint64_t bytes = 3 * block;

	/* All there is, where that is little. */
	if (m->ia_end / m->granule <= 40000) {
		model_area(&r->model, 0, (uint32_t)(m->ia_end / m->granule));
		return;
	}
	if (r->model.group_lg2[1] && m->granule == 4096)
		bytes = 3 * block << r->model.group_lg2[1];
	model_area(&r->model, 0, (uint32_t)(bytes / m->granule));
	model_area(&r->model, m->ia_end / 2 - bytes / block / 2 * block,
		   (uint32_t)(bytes / m->granule));
	model_area(&r->model, m->ia_end - bytes, (uint32_t)(bytes / m->granule));
}

/* A preset, in a geometry of its own where numbers are not 0. */
struct shape {
	const char *preset;
	uint32_t levels, ia_bits, features;
};

static void run_shape(const struct shape *shape, unsigned int steps)
{
	const char *preset = shape->preset;
	struct run *r = calloc(1, sizeof(*r));

	cr_assert_not_null(r);
	r->preset = preset;
	r->random = test_seed();
	for (const char *c = preset; *c; c++)
		r->random = r->random * 31 + (unsigned char)*c;
	machine_preset(&r->m, preset);
	if (shape->levels)
		r->m.config.levels = shape->levels;
	if (shape->ia_bits)
		r->m.config.ia_bits = shape->ia_bits;
	r->m.config.features |= shape->features;
	machine_start(&r->m, PTW_SOFTMMU_CONTIG_FREEDOM);
	r->model.m = &r->m;
	r->model.stride = r->m.info.index_lg2;
	model_groups(&r->model);
	make_areas(r);
	r->pages = r->model.area[0].pages;
	r->young_words = calloc(r->pages / 64 + 2, 8);
	r->dirty_words = calloc(r->pages / 64 + 2, 8);
	r->young = calloc(4, r->pages);
	cr_assert(r->young_words && r->dirty_words && r->young);
	r->dirty = r->young + r->pages;
	r->seen_young = r->dirty + r->pages;
	r->seen_dirty = r->seen_young + r->pages;
	for (r->step = 0; r->step < steps; r->step++)
		one_step(r);
	do_check(r);
	machine_close(&r->m);
	model_close(&r->model);
	free(r->young_words);
	free(r->dirty_words);
	free(r->young);
	free(r);
}

/* Every preset whose name begins so. */
static void run_family(const char *prefix)
{
	const char *preset;
	unsigned int found = 0;

	for_each_preset(preset) {
		if (strncmp(preset, prefix, strlen(prefix)))
			continue;
		cr_log_info("%s, seed %#" PRIx64, preset, test_seed());
		run_shape(&(struct shape){ .preset = preset }, STEPS / test_slowness());
		found++;
	}
	cr_assert_neq(found, 0u);
}

Test(differential, ept, .timeout = 120)
{
	run_family("ept");
}

Test(differential, x86_64, .timeout = 120)
{
	run_family("x86-64");
}

Test(differential, arm64_s2_4k, .timeout = 120)
{
	run_family("arm64-s2-4k");
}

Test(differential, arm64_s2_16k, .timeout = 120)
{
	run_family("arm64-s2-16k");
}

Test(differential, arm64_s2_64k, .timeout = 120)
{
	run_family("arm64-s2-64k");
}

Test(differential, arm64_s1, .timeout = 120)
{
	run_family("arm64-s1");
}

Test(differential, perverse, .timeout = 120)
{
	run_family("perverse");
}

/* Roots wider or shorter than a table, few levels, groups that are the whole root or wider. */
Test(differential, odd_shapes, .timeout = 120)
{
	static const struct shape shapes[] = {
		{ "arm64-s2-4k", 3, 40, 0 },
		{ "arm64-s2-4k", 3, 43, PTW_FEATURE_XNX },
		{ "arm64-s2-4k", 3, 31, 0 },
		{ "arm64-s2-4k-contig", 2, 25, 0 },
		{ "arm64-s2-4k-contig", 2, 23, PTW_FEATURE_TTST },
		{ "arm64-s2-4k-contig", 1, 18, PTW_FEATURE_TTST },
		{ "arm64-s2-16k-contig", 2, 28, 0 },
		{ "arm64-s2-64k-contig", 2, 33, 0 },
		{ "arm64-s1-16k", 2, 36, 0 },
		{ "arm64-s1-4k", 4, 40, PTW_FEATURE_CONTIG },
		{ "x86-64", 4, 40, 0 },
		{ "ept4", 4, 40, 0 },
		{ "ept5", 5, 49, 0 },
		{ "perverse", 1, 0, 0 },
		{ "perverse", 2, 0, 0 },
		{ "perverse", 3, 20, 0 },
	};

	for (unsigned int i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		cr_log_info("%s, %u levels, %u bits, seed %#" PRIx64, shapes[i].preset,
			    shapes[i].levels, shapes[i].ia_bits, test_seed());
		run_shape(&shapes[i], STEPS / test_slowness());
	}
}
