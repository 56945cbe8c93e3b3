/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pruned harvests: large leaves, all kinds of output, adapting, the region filter, bad arguments. */
#include "tests/unit/prune_machine.h"

#include <ptw/filter.h>

static void map_all(unsigned int levels)
{
	map_levels(&m, 0, page_ia(pages), page_ia(pages) * 4, levels);
}

static void touch_page(uint64_t page)
{
	touch(&m, page_ia(page));
}

/* Blocks are looked at where they stand; old ones are passed over as tables are. */
Test(prune_more, blocks)
{
	static const char *const presets[] = { "ept4", "x86-64", "arm64-s2-4k-haft", "perverse" };

	for (unsigned int i = 0; i < 8; i++) {
		prune_open(presets[i / 2], i & 1 ? PTW_PRUNE_FLUSH : 0, 0);
		map_all(2);
		assert_level(&m, 0, 1);
		cr_assert_eq(pass(0, pages), 0u);
		touch_page(7 * per_table + 5);
		touch_page(90 * per_table);
		cr_assert_eq(pass(0, pages), 0u);
		cr_assert_eq(result.young_extents, 2u);
		cr_assert_eq(result.young_pages, 2u * per_table);
		/* The range cuts a block, which has one state. */
		touch_page(8 * per_table + 1);
		cr_assert_eq(pass(8 * per_table + 5, pages), 0u);
		prune_close();
	}
}

/* One level of tables, and a root that is the leaf table's parent. */
Test(prune_more, small_roots)
{
	for (unsigned int levels = 1; levels <= 2; levels++) {
		machine_preset(&m, "ept4");
		m.config.levels = levels;
		m.config.ia_bits = 0;
		if (ptw_pgtable_create(&m.config, &m.pgtable))
			continue; /* the format has no such table */
		ptw_pgtable_destroy(m.pgtable);
		m.pgtable = NULL;
	}
	machine_preset(&m, "perverse");
	m.config.levels = 2;
	machine_start(&m, 0);
	per_table = 1u << m.info.index_lg2;
	pages = m.ia_end / m.granule;
	before = calloc(pages / 64 + 2, sizeof(*before));
	after = calloc(pages / 64 + 2, sizeof(*after));
	found = calloc(pages / 64 + 2, sizeof(*found));
	for (uint32_t flags = 0; flags < 2; flags++) {
		prune = (struct ptw_prune){ .size = sizeof(prune), .flags = flags,
					    .touched = touched, .touched_words = 2 };
		if (!flags)
			map_levels(&m, 0, page_ia(pages), 0, 1);
		cr_assert_eq(pass(0, pages), 0u);
		touch_page(pages - 1);
		cr_assert_eq(pass(0, pages), 0u);
		cr_assert_eq(prune.read, 1u);
	}
	prune_close();
}

struct words {
	uint64_t *young;
	uint64_t calls;
	uint64_t last;
};

static int word(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct words *w = context;

	w->calls++;
	w->young[page / 64] |= young;
	return dirty || (w->last && page <= w->last);
}

/* Words, summary and bitmap say the same, with pruning and without. */
Test(prune_more, outputs)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct ptw_harvest harvest = { .size = sizeof(harvest),
					       .flags = PTW_HARVEST_ACCESSED };
		struct words words = { 0 };
		uint64_t summary[TABLES * 8 / 64 + 1] = { 0 }, random = test_seed() | 1, sum = 0;

		prune_open("ept4", i == 2 ? PTW_PRUNE_FLUSH : 0, 0);
		map_all(1);
		pass(0, pages);
		for (unsigned int k = 0; k < 300; k++)
			touch_page(any(&random) % pages);
		young_in(0, pages, before);
		words.young = after;
		memset(after, 0, pages / 8);
		memset(found, 0, pages / 8);
		harvest.prune = i ? &prune : NULL;
		harvest.young = found;
		harvest.summary = summary;
		harvest.word = word;
		harvest.context = &words;
		cr_assert_eq(ptw_harvest(m.pgtable, 0, page_ia(pages), &harvest, &result), PTW_OK);
		for (uint64_t w = 0; w < pages / 64; w++) {
			cr_assert_eq(found[w], before[w]);
			cr_assert_eq(after[w], before[w]);
			cr_assert_eq(summary[w / 64] >> w % 64 & 1, before[w] != 0);
			sum += before[w] != 0;
		}
		cr_assert_eq(words.calls, sum);
		prune_close();
	}
}

/* The summary tells of every word, whatever kind of leaf and whatever walk. */
Test(prune_more, summary_of_blocks_and_dirty)
{
	uint64_t summary[TABLES * 8 / 64 + 1] = { 0 };
	struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY,
		.summary = summary,
	};

	prune_open("ept4", 0, 0);
	map_levels(&m, 0, page_ia(per_table), 0, 2);
	map_levels(&m, page_ia(per_table), page_ia(2 * per_table), 0, 1);
	touch_page(100);
	touch_write(&m, page_ia(per_table + 200));
	cr_assert_eq(ptw_harvest(m.pgtable, 0, page_ia(pages), &harvest, NULL), PTW_OK);
	cr_assert_eq(summary[0], 0xffu | 1u << (8 + 200 / 64));
	prune_close();
}

/* All touched in every pass: it is left out, less and less often tried; then only a few are, and it comes back. */
Test(prune_more, adapts)
{
	uint64_t pruned_passes = 0, read = 0;

	prune_open("ept4", PTW_PRUNE_ADAPT, 0);
	map_all(1);
	for (unsigned int round = 0; round < 100; round++) {
		for (unsigned int t = 0; t < TABLES; t++)
			touch_page((uint64_t)t * per_table + round % 7);
		cr_assert_eq(pass(0, pages), 0u);
		pruned_passes += prune.full != 2;
	}
	cr_assert_lt(pruned_passes, 20u);
	cr_assert_gt(pruned_passes, 3u);
	for (unsigned int round = 0; round < 100; round++) {
		touch_page((round % TABLES) * (uint64_t)per_table);
		cr_assert_eq(pass(0, pages), 0u);
		read = prune.full ? read : prune.read;
	}
	cr_assert_eq(prune.full, 0u);
	cr_assert_eq(prune.rest, 0u);
	cr_assert_eq(read, 1u);
	prune_close();
}

/* The same in bites: what one call of a pass did is not taken for all of it. */
Test(prune_more, adapts_in_bites)
{
	unsigned int rests = 0;

	prune_open("ept4", PTW_PRUNE_ADAPT, 0);
	map_all(1);
	for (unsigned int round = 0; round < 40; round++) {
		uint64_t cursor = 0;

		for (unsigned int t = 0; t < TABLES; t += 8)
			touch_page((uint64_t)t * per_table + round);
		memset(found, 0, pages / 8);
		while (pruned(0, pages, 2000, &cursor) == PTW_ERR_BUDGET)
			;
		cr_assert_eq(young_in(0, pages, after), 0u);
		rests += prune.full == 2;
	}
	cr_assert_eq(rests, 0u);
	cr_assert_eq(prune.tables, TABLES);
	prune_close();
}

/* The tables that count become few: then it is the others that it is measured by. */
Test(prune_more, adapts_to_fewer_tables)
{
	unsigned int pruned_passes = 0;

	prune_open("ept4", PTW_PRUNE_ADAPT, 0);
	map_all(1);
	for (unsigned int round = 0; round < 5; round++)
		pass(0, pages);
	unmap_result(&m, page_ia(8 * per_table), page_ia(pages), 0, PTW_OK);
	for (unsigned int round = 0; round < 200; round++) {
		for (unsigned int t = 0; t < 8; t++)
			touch_page((uint64_t)t * per_table);
		cr_assert_eq(pass(0, pages), 0u);
		pruned_passes += round >= 100 && prune.full != 2;
	}
	cr_assert_lt(pruned_passes, 30u);
	prune_close();
}

struct stopper {
	unsigned int words; /* that it takes */
};

static int stop_after(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct stopper *s = context;

	(void)dirty;
	found[page / 64] |= young;
	return s->words-- <= 1;
}

/*
 * A pass that is given up, or ends in the middle of a table, owes that table to the next one, also if that
 * begins anew.
 */
Test(prune_more, exact_pass_stopped)
{
	for (unsigned int words = 1; words < 9; words++) {
		struct stopper s = { words };
		struct ptw_harvest harvest = {
			.size = sizeof(harvest),
			.flags = PTW_HARVEST_ACCESSED,
			.word = stop_after,
			.context = &s,
			.prune = &prune,
		};

		prune_open("ept4", PTW_PRUNE_FLUSH, 0);
		map_all(1);
		pass(0, pages);
		for (uint64_t page = 3 * per_table; page < 4 * per_table; page += 64)
			touch_page(page);
		young_in(0, pages, before);
		memset(found, 0, pages / 8);
		cr_assert_eq(ptw_harvest(m.pgtable, 0, page_ia(pages), &harvest, NULL),
			     PTW_ERR_STOPPED);
		young_in(0, pages, after);
		for (uint64_t w = 0; w < pages / 64; w++)
			cr_assert_eq(found[w] | after[w], before[w]);
		cr_assert_eq(pass(0, pages), 0u, "stopped after %u words", words);
		prune_close();
	}
}

/* In bites smaller than a table: a table that was read to its end is owed no more. */
Test(prune_more, exact_in_small_bites)
{
	prune_open("ept4", PTW_PRUNE_FLUSH, 0);
	map_all(1);
	for (unsigned int round = 0; round < 4; round++) {
		uint64_t cursor = 0;

		touch_page(7 * per_table + round);
		while (pruned(0, pages, 200, &cursor) == PTW_ERR_BUDGET)
			;
		cr_assert_eq(touched[0] | touched[1], 0u);
		cr_assert_eq(young_in(0, pages, after), 0u);
		cr_assert_eq(prune.read, round ? 1u : TABLES);
	}
	prune_close();
}

/* Stopped at the very last word, it is a whole pass. */
Test(prune_more, stopped_at_the_end)
{
	struct stopper s = { 1 };
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = PTW_HARVEST_ACCESSED,
		.word = stop_after,
		.context = &s,
		.prune = &prune,
	};

	prune_open("ept4", 0, 0);
	map_all(1);
	touch_page(pages - 1);
	cr_assert_eq(ptw_harvest(m.pgtable, 0, page_ia(pages), &harvest, NULL), PTW_ERR_STOPPED);
	cr_assert_eq(prune.pass, 1u);
	prune_close();
}

/* A section is bounded while table entries are cleared, too. */
Test(prune_more, sections)
{
	prune_open("ept4", PTW_PRUNE_FLUSH, 0);
	map_all(1);
	pass(0, pages);
	for (unsigned int t = 0; t < TABLES; t++)
		touch_page((uint64_t)t * per_table);
	pass(0, pages);
	/* 96 * 16 for clearing, 96 * (512 + 32) for reading, 4096 a section and what one step may add. */
	cr_assert_geq(result.sections, 9u);
	prune_close();
}

/* Formats whose table entries tell nothing: regions that had young pages, and those that others name. */
Test(prune_more, region_filter)
{
	const char *presets[] = { "arm64-s2-4k", "ept4-tracked" };

	for (unsigned int i = 0; i < 2; i++) {
		struct ptw_filter *filter;

		prune_open(presets[i], 0, 4);
		cr_assert_eq(m.info.table_accessed, 0u);
		cr_assert_eq(ptw_filter_create(TABLES, &filter), PTW_OK);
		prune.filter = filter;
		map_all(1);
		touch_page(2 * per_table);
		touch_page(9 * per_table);
		cr_assert_eq(pass(0, pages), 0u);
		cr_assert_eq(prune.full, 1u);
		/* Hot before, hot again; one that nobody knows of. */
		touch_page(2 * per_table + 1);
		touch_page(20 * per_table);
		cr_assert_eq(pass(0, pages), 1u);
		cr_assert_lt(prune.read, TABLES / 4);
		/* Named by somebody: found by the pass after. */
		ptw_filter_add(filter, 20);
		cr_assert_eq(pass(0, pages), 0u, "%s", presets[i]);
		/* Every fourth pass is a full one. */
		touch_page(50 * per_table);
		pass(0, pages);
		cr_assert_eq(pass(0, pages), 0u);
		cr_assert_eq(prune.full, 1u);
		prune_close();
		ptw_filter_destroy(filter);
	}
}

/* Neither accessed bits in table entries nor a filter: every pass reads everything. */
Test(prune_more, nothing_to_go_by)
{
	prune_open("arm64-s2-4k", 0, 0);
	map_all(1);
	for (unsigned int round = 0; round < 3; round++) {
		touch_page(7);
		cr_assert_eq(pass(0, pages), 0u);
		cr_assert_eq(prune.skipped, 0u);
	}
	prune.flags = PTW_PRUNE_FLUSH;
	touch_page(7);
	cr_assert_eq(pass(0, pages), 0u);
	prune_close();
}

static int asked(uint32_t flags)
{
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = flags,
		.young = found,
		.prune = &prune,
	};

	return ptw_harvest(m.pgtable, 0, page_ia(pages), &harvest, NULL);
}

Test(prune_more, arguments)
{
	struct ptw_prune good;

	prune_open("ept4", PTW_PRUNE_FLUSH, 0);
	map_all(1);
	touch_page(1);
	good = prune;
	prune.size--;
	cr_assert_eq(asked(PTW_HARVEST_ACCESSED), PTW_ERR_SIZE);
	prune = good;
	prune.flags = 4;
	cr_assert_eq(asked(PTW_HARVEST_ACCESSED), PTW_ERR_ARG);
	prune = good;
	prune.touched = NULL;
	cr_assert_eq(asked(PTW_HARVEST_ACCESSED), PTW_ERR_ARG);
	prune = good;
	prune.touched_words = ptw_prune_words(0, page_ia(pages), 21) - 1;
	cr_assert_eq(asked(PTW_HARVEST_ACCESSED), PTW_ERR_SIZE);
	prune = good;
	cr_assert_eq(asked(PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(asked(PTW_HARVEST_DIRTY), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(asked(PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(prune.pass, 0u);
	cr_assert(query_at(&m, page_ia(1)).leaf.flags & PTW_LEAF_YOUNG);
	cr_assert_eq(asked(PTW_HARVEST_ACCESSED), PTW_OK);
	cr_assert_eq(prune.pass, 1u);
	prune_close();
}

static int in_section(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	int *ret = context;

	(void)page;
	(void)young;
	(void)dirty;
	/* The first words come in the middle, the last one at the end of the harvest. */
	if (!*ret)
		*ret = asked(PTW_HARVEST_ACCESSED);
	return 0;
}

/* The flush must not be called where nothing may block. */
Test(prune_more, not_in_a_section)
{
	int ret = 0;
	struct ptw_harvest harvest = { .size = sizeof(harvest), .flags = PTW_HARVEST_ACCESSED,
				       .run = NULL, .context = &ret };

	prune_open("ept4", PTW_PRUNE_FLUSH, 0);
	map_all(1);
	for (uint64_t page = 0; page < pages; page += 64)
		touch_page(page);
	harvest.word = in_section;
	cr_assert_eq(ptw_harvest(m.pgtable, 0, page_ia(pages), &harvest, NULL), PTW_OK);
	cr_assert_eq(ret, PTW_ERR_CONTEXT);
	prune_close();
}
