/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * From memory to answer: tables written word by word as the manuals print them, attached, queried,
 * harvested; and the words that are there afterwards.
 */
#include "scenarios.h"

/* Tables of at most 64 KiB in each scenario. Aligned by hand: a kernel's loader aligns to its pages. */
#define TABLES	    4
#define TABLE_BYTES ((size_t)1 << 16)

static uint64_t room[(TABLES + 1) * TABLE_BYTES / 8];

static uint64_t *memory(void)
{
	return (uint64_t *)(((uintptr_t)room + TABLE_BYTES - 1) & ~(uintptr_t)(TABLE_BYTES - 1));
}

static uint64_t *entry(const struct scenario *s, unsigned int table, unsigned int index)
{
	return &memory()[((size_t)table << (s->table_lg2 - 3)) + index];
}

/* Write the tables, or compare them with what a harvest leaves. */
static void fill(const struct scenario *s)
{
	for (size_t i = 0; i < TABLES * TABLE_BYTES / 8; i++)
		memory()[i] = s->empty;
	for (unsigned int i = 0; i < COUNT(s->cells); i++) {
		const struct cell *c = &s->cells[i];

		if (c->before)
			for (unsigned int n = 0; n < c->count; n++)
				*entry(s, c->table, c->index + n) = c->before + n * c->step;
	}
}

/* Does a later cell say what the entry is? */
static bool replaced(const struct scenario *s, unsigned int cell, unsigned int index)
{
	const struct cell *c = &s->cells[cell];

	for (unsigned int i = cell + 1; i < COUNT(s->cells); i++)
		if (s->cells[i].before && s->cells[i].table == c->table &&
		    s->cells[i].index == index)
			return true;
	return false;
}

static void compare(const struct scenario *s, const char *when, bool harvested)
{
	for (unsigned int i = 0; i < COUNT(s->cells); i++) {
		const struct cell *c = &s->cells[i];

		for (unsigned int n = 0; n < c->count; n++) {
			uint64_t expected = (harvested ? c->after : c->before) + n * c->step;
			uint64_t got = *entry(s, c->table, c->index + n);

			if (c->before && !replaced(s, i, c->index + n))
				cr_assert_eq(got, expected,
					     "%s, %s: table %u, entry %u is %#" PRIx64
					     ", not %#" PRIx64,
					     s->name, when, c->table, c->index + n, got, expected);
		}
	}
}

static struct ptw_pgtable *attach(const struct scenario *s)
{
	const struct ptw_range bounds = {BASE, BASE + TABLES * TABLE_BYTES};
	const struct ptw_attach attach = {
		.size = sizeof(attach),
		.root = BASE,
		.bounds = &bounds,
		.bounds_count = 1,
		.table_budget = 64,
	};
	struct ptw_pgtable *p = NULL;
	struct ptw_config config;
	int error;

	fill(s);
	cr_assert_eq(ptw_preset(s->preset, &config), PTW_OK, "%s", s->name);
	if (s->levels) {
		config.levels = s->levels;
		config.ia_bits = s->ia_bits;
	}
	config.layout = s->layout ? s->layout : ptw_layout_own(&config);
	config.phys_offset = (uint64_t)(uintptr_t)memory() - BASE;
	error = ptw_pgtable_attach(&config, &attach, &p);
	cr_assert_eq(error, PTW_OK, "%s: error %d", s->name, error);
	return p;
}

Test(attach, query)
{
	for (unsigned int i = 0; i < COUNT(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		struct ptw_pgtable *p = attach(s);

		for (unsigned int j = 0; j < COUNT(s->answers); j++) {
			const struct answer *a = &s->answers[j];
			struct ptw_query q = {.size = sizeof(q)};
			int error;

			if (!a->size && !a->error)
				break;
			error = ptw_query(p, a->ia, &q);
			cr_assert_eq(error, a->error, "%s, %#" PRIx64 ": error %d", s->name, a->ia,
				     error);
			if (error)
				continue;
			cr_assert_eq(q.leaf.oa, a->leaf.oa, "%s, %#" PRIx64 ": address %#" PRIx64,
				     s->name, a->ia, q.leaf.oa);
			cr_assert_eq(q.leaf.prot, a->leaf.prot, "%s, %#" PRIx64 ": permissions %#x",
				     s->name, a->ia, q.leaf.prot);
			cr_assert_eq(q.leaf.memtype, a->leaf.memtype, "%s, %#" PRIx64 ": type %u",
				     s->name, a->ia, q.leaf.memtype);
			cr_assert_eq(q.leaf.flags, a->leaf.flags, "%s, %#" PRIx64 ": flags %#x",
				     s->name, a->ia, q.leaf.flags);
			cr_assert_eq(q.level, a->level, "%s, %#" PRIx64 ": level %u", s->name,
				     a->ia, q.level);
			cr_assert_eq(q.extent_start, a->start, "%s, %#" PRIx64 ": start %#" PRIx64,
				     s->name, a->ia, q.extent_start);
			cr_assert_eq(q.extent_size, a->size, "%s, %#" PRIx64 ": size %#" PRIx64,
				     s->name, a->ia, q.extent_size);
		}
		compare(s, "queried", false);
		cr_assert_eq(ptw_pgtable_destroy(p), PTW_OK);
	}
}

struct runs {
	struct ptw_extent run[8];
	unsigned int count;
};

static int add_run(void *context, const struct ptw_extent *run)
{
	struct runs *runs = context;

	if (runs->count < COUNT(runs->run))
		runs->run[runs->count] = *run;
	runs->count++;
	return 0;
}

static void check_harvest(const struct scenario *s, struct ptw_pgtable *p, uint32_t flags,
			  bool expected)
{
	struct ptw_harvest_result result = {.size = sizeof(result)};
	struct runs runs = {0};
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | flags,
		.run = add_run,
		.context = &runs,
	};
	unsigned int young = 0, dirty = 0, owned = 0, n = 0;
	int error = ptw_harvest(p, s->start, s->end, &harvest, &result);

	cr_assert_eq(error, PTW_OK, "%s: error %d", s->name, error);
	for (; expected && n < COUNT(s->runs) && s->runs[n].length; n++) {
		const struct ptw_extent *want = &s->runs[n], *got = &runs.run[n];

		young += !!(want->what & Y);
		dirty += !!(want->what & D);
		cr_assert(got->start == want->start && got->length == want->length &&
				  got->level == want->level && got->what == want->what,
			  "%s, run %u: %#" PRIx64 ", length %#" PRIx64 ", level %u, what %u",
			  s->name, n, got->start, got->length, got->level, got->what);
	}
	cr_assert_eq(runs.count, n, "%s: %u runs", s->name, runs.count);
	cr_assert_eq(result.young_extents, young, "%s", s->name);
	cr_assert_eq(result.dirty_extents, dirty, "%s", s->name);
	/* Entries for which a query says "again", and no others, are left to their owner. */
	for (unsigned int i = 0; i < COUNT(s->answers); i++)
		owned += s->answers[i].error == PTW_ERR_AGAIN;
	cr_assert_eq(result.owned, owned, "%s: %" PRIu64 " owned entries", s->name, result.owned);
}

Test(attach, harvest)
{
	for (unsigned int i = 0; i < COUNT(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		struct ptw_pgtable *p = attach(s);

		check_harvest(s, p, PTW_HARVEST_PEEK, true);
		compare(s, "peeked at", false);
		check_harvest(s, p, 0, true);
		compare(s, "harvested", true);
		check_harvest(s, p, 0, false);
		compare(s, "harvested again", true);
		cr_assert_eq(ptw_pgtable_destroy(p), PTW_OK);
	}
}

/* A check finds nothing; with one bit more, it and a query say what hardware would. */
Test(attach, reserved_bits)
{
	for (unsigned int i = 0; i < COUNT(scenarios); i++) {
		const struct scenario *s = &scenarios[i];
		struct ptw_pgtable *p = attach(s);
		struct ptw_query q = {.size = sizeof(q)};
		int error = ptw_check(p, PTW_CHECK_COUNTS, NULL);

		cr_assert_eq(error, PTW_OK, "%s: check says %d", s->name, error);
		*entry(s, s->table, s->index) |= BIT(s->bit);
		error = ptw_query(p, s->ia, &q);
		cr_assert_eq(error, PTW_ERR_CORRUPT_RESERVED, "%s: query says %d", s->name, error);
		error = ptw_check(p, PTW_CHECK_COUNTS, NULL);
		cr_assert_eq(error, PTW_ERR_CORRUPT_RESERVED, "%s: check says %d", s->name, error);
		cr_assert_eq(ptw_pgtable_destroy(p), PTW_OK);
	}
}

/* Tables of somebody who has no software bits at all: what hardware sees is what there is. */
Test(attach, ept_by_hardware_rules_alone)
{
	static uint64_t tables[4][512] __attribute__((aligned(4096)));
	static uint64_t young[8];
	const struct ptw_range bounds = {BASE, BASE + sizeof(tables)};
	const struct ptw_attach attach = {
		.size = sizeof(attach),
		.root = BASE,
		.bounds = &bounds,
		.bounds_count = 1,
		.table_budget = 3,
	};
	struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY,
		.young = young,
	};
	struct ptw_harvest_result result = {.size = sizeof(result)};
	struct ptw_check_result check = {.size = sizeof(check)};
	struct ptw_pgtable *p = NULL;
	struct ptw_config config;

	for (unsigned int level = 0; level < 3; level++)
		tables[level][0] = (BASE + (level + 1) * 4096) | 7;
	tables[3][0] = 0x100000 | 6 << 3 | 7 | 1 << 8;		/* young */
	tables[3][1] = 0x101000 | 6 << 3 | 7 | 1 << 8 | 1 << 9; /* young and dirty */
	tables[3][2] = 0x102000 | 6 << 3 | 7;
	tables[3][3] = 0x103000 | 6 << 3 | 1 << 8; /* no permission: not present, whatever else it says */
	cr_assert_eq(ptw_preset("ept4", &config), PTW_OK);
	config.phys_offset = (uint64_t)(uintptr_t)tables - BASE;
	cr_assert_eq(ptw_pgtable_attach(&config, &attach, &p), PTW_OK);
	cr_assert_eq(ptw_check(p, PTW_CHECK_COUNTS, &check), PTW_OK);
	cr_assert_eq(check.leaves, 3u);
	cr_assert_eq(ptw_harvest(p, 0, 512 * 4096, &harvest, &result), PTW_OK);
	cr_assert_eq(young[0], 3u);
	cr_assert_eq(result.dirty_extents, 1u);
	cr_assert_eq(tables[3][0], 0x100000u | 6 << 3 | 7);
	cr_assert_eq(tables[3][1], 0x101000u | 6 << 3 | 7);
	cr_assert_eq(tables[3][3], 0x103000u | 6 << 3 | 1 << 8);
	cr_assert_eq(ptw_pgtable_destroy(p), PTW_OK);
}

/* Bits that somebody else keeps in his entries mean nothing to us: bit 9 is not "may write". */
Test(attach, software_bits_of_others_are_left_alone)
{
	static uint64_t tables[4][512] __attribute__((aligned(4096)));
	const struct ptw_range bounds = {BASE, BASE + sizeof(tables)};
	const struct ptw_attach attach = {
		.size = sizeof(attach),
		.root = BASE,
		.bounds = &bounds,
		.bounds_count = 1,
		.table_budget = 3,
	};
	const uint64_t entry = 0x100000 | 1 | 1 << 2 | 1 << 9; /* read-only, user, bit 9 */
	struct ptw_info info = {.size = sizeof(info)};
	const struct ptw_layout *ept;
	struct ptw_pgtable *p = NULL;
	struct ptw_config config;

	for (unsigned int level = 0; level < 3; level++)
		tables[level][0] = (BASE + (level + 1) * 4096) | 7;
	tables[3][0] = entry;
	cr_assert_eq(ptw_preset("x86-64", &config), PTW_OK);
	config.phys_offset = (uint64_t)(uintptr_t)tables - BASE;
	cr_assert_eq(ptw_pgtable_attach(&config, &attach, &p), PTW_OK);
	cr_assert_eq(ptw_pgtable_info(p, &info), PTW_OK);
	cr_assert_eq(info.exact, 0u);
	cr_assert_eq(ptw_fix_fault(p, 0, PTW_ACCESS_WRITE | PTW_ACCESS_USER), PTW_ERR_FAULT);
	cr_assert_eq(ptw_set_user_bit(p, 0, 4096, true, NULL), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(tables[3][0], entry);
	cr_assert_eq(ptw_pgtable_destroy(p), PTW_OK);
	/* Refused: our layout of another format, and of the other kind of EPT. */
	cr_assert_eq(ptw_preset("ept4", &config), PTW_OK);
	ept = ptw_layout_own(&config);
	cr_assert_not_null(ept);
	cr_assert_eq(ptw_preset("x86-64", &config), PTW_OK);
	config.layout = ept;
	cr_assert_eq(ptw_pgtable_attach(&config, &attach, &p), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_preset("ept4-tracked", &config), PTW_OK);
	config.layout = ept;
	cr_assert_eq(ptw_pgtable_attach(&config, &attach, &p), PTW_ERR_UNSUPPORTED);
}
