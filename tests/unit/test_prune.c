/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pruned harvests: what they leave out, what they find, and what they miss.
 *
 * A processor with a paging-structure cache makes pages young without setting table entries again. With the
 * flush nothing is missed; without it something is, until the next full pass, and the test says how much.
 */
#include "tests/unit/prune_machine.h"

static const char *const presets[] = { "ept4", "x86-64", "arm64-s2-4k-haft", "arm64-s1-4k-haft",
				       "perverse" };

#define PRESETS (sizeof(presets) / sizeof(presets[0]))

static void touch_page(uint64_t page)
{
	touch(&m, page_ia(page));
}

/* Pages of a few tables at random. */
static void touch_some(uint64_t *random, unsigned int tables, unsigned int each)
{
	for (unsigned int t = 0; t < tables; t++) {
		uint64_t table = any(random) % TABLES;

		for (unsigned int i = 0; i < each; i++)
			touch_page(table * per_table + any(random) % per_table);
	}
}

static void map_all(unsigned int levels)
{
	map_levels(&m, 0, page_ia(pages), page_ia(pages) * 4, levels);
}

/* The first pass reads all; after it only those tables that somebody went through. */
Test(prune, reads_what_was_touched)
{
	for (unsigned int i = 0; i < 2 * PRESETS; i++) {
		prune_open(presets[i / 2], i & 1 ? PTW_PRUNE_FLUSH : 0, 0);
		cr_assert_eq(m.info.table_accessed, 1u);
		map_all(1);
		cr_assert_eq(pass(0, pages), 0u);
		cr_assert_eq(prune.full, 1u);
		cr_assert_eq(prune.read, TABLES);
		for (unsigned int round = 0; round < 3; round++) {
			cr_assert_eq(pass(0, pages), 0u);
			cr_assert_eq(prune.read, 0u, "%s: %" PRIu64, presets[i / 2], prune.read);
			cr_assert_eq(prune.skipped, TABLES);
			cr_assert_eq(result.entries, 0u);
			touch_page(5 * per_table + 3);
			touch_page(5 * per_table + 4);
			touch_page((TABLES - 1) * (uint64_t)per_table);
			cr_assert_eq(pass(0, pages), 0u);
			cr_assert_eq(prune.read, 2u);
			cr_assert_eq(result.young_pages, 3u);
			cr_assert_eq(result.entries, 2u * per_table);
		}
		prune_close();
	}
}

/* Nothing is cached: a hint is as good. Whatever else happens to the page table meanwhile. */
static void random_passes(const char *preset, uint32_t flags, uint32_t cache, uint32_t tlb,
			  unsigned int rounds)
{
	uint64_t random = test_seed() | 1;

	prune_open(preset, flags, 0);
	prune_cpu(cache, tlb);
	map_all(1);
	for (unsigned int round = 0; round < test_rounds(rounds); round++) {
		uint64_t table = any(&random) % TABLES, at = table * per_table;

		touch_some(&random, (unsigned int)(any(&random) % 8), 5);
		switch (any(&random) % 6) {
		case 0: /* a larger leaf, young or not */
			ptw_collapse(m.pgtable, page_ia(at), page_ia(at + per_table), 1, NULL);
			break;
		case 1:
			ptw_split(m.pgtable, page_ia(at), page_ia(at + per_table), 0, NULL);
			break;
		case 2: { /* mapped young, which no processor has seen */
			struct ptw_map map = full_access(&m);

			map.flags = PTW_LEAF_YOUNG;
			map.page_levels = 1;
			ptw_split(m.pgtable, page_ia(at), page_ia(at + per_table), 0, NULL);
			unmap_result(&m, page_ia(at), page_ia(at + 3), 0, PTW_OK);
			cr_assert_eq(ptw_map(m.pgtable, page_ia(at), page_ia(at + 3),
					     page_ia(pages * 4 + at), &map, NULL),
				     PTW_OK);
			break;
		}
		case 3: /* young by software */
			ptw_fix_fault(m.pgtable, page_ia(at + 1), PTW_ACCESS_READ);
			break;
		default:
			break;
		}
		touch_some(&random, 1, 3);
		if (any(&random) % 4) {
			cr_assert_eq(pass(0, pages), 0u, "%s, round %u", preset, round);
		} else {
			/* Tables that it cuts are read in any case; the others lose nothing. */
			cr_assert_eq(pass(per_table / 2, pages - 3), 0u);
			cr_assert_eq(pass(0, pages), 0u);
		}
	}
	prune_close();
}

Test(prune, hint_without_caches, .timeout = 600)
{
	for (unsigned int i = 0; i < PRESETS; i++)
		random_passes(presets[i], 0, 0, 0, 40);
}

Test(prune, exact_without_caches, .timeout = 600)
{
	for (unsigned int i = 0; i < PRESETS; i++)
		random_passes(presets[i], PTW_PRUNE_FLUSH, 0, 0, 40);
}

/* With caches of table entries and of translations, and a flush that drops them. */
Test(prune, exact_with_caches, .timeout = 240)
{
	static const uint32_t sizes[] = { 1, 4, 64 };

	for (unsigned int i = 0; i < PRESETS; i++)
		for (unsigned int k = 0; k < 3; k++)
			random_passes(presets[i], PTW_PRUNE_FLUSH, sizes[k], k == 1 ? 16 : 0, 40);
}

/* The flush reaches everything at once, after the table entries and before the leaves. */
static unsigned int young_at_flush;

static void look_at_flush(struct machine *machine)
{
	(void)machine;
	young_at_flush += m.kind == PTW_FLUSH_TABLE && query_at(&m, page_ia(3)).leaf.flags &
								PTW_LEAF_YOUNG;
}

Test(prune, one_flush)
{
	prune_open("ept4", PTW_PRUNE_FLUSH, 0);
	map_all(1);
	pass(0, pages);
	touch_page(3);
	forget_flushes(&m);
	m.in_flush = look_at_flush;
	pass(0, pages);
	cr_assert_eq(young_at_flush, 1u);
	cr_assert_eq(m.flushes, 1u);
	cr_assert_eq(m.kind, (unsigned int)PTW_FLUSH_TABLE);
	cr_assert_eq(m.range[0].start, 0u);
	cr_assert_eq(m.range[0].end, page_ia(pages));
	m.in_flush = NULL;
	/* A hint asks for none. */
	prune.flags = 0;
	forget_flushes(&m);
	touch_page(3);
	pass(0, pages);
	cr_assert_eq(m.flushes, 0u);
	prune_close();
}

/*
 * Without the flush: of pages that became young in a pass, how many does it leave out? All of them are found
 * by the next full pass.
 */
static uint64_t loss(const char *preset, uint32_t cache, uint32_t full_every, uint64_t *young)
{
	const unsigned int rounds = test_slowness() > 4 ? 24 : 64;
	uint64_t random = test_seed() | 1, left = 0, sum = 0;

	prune_open(preset, 0, full_every);
	prune_cpu(cache, 0);
	map_all(1);
	*young = 0;
	for (unsigned int round = 0; round < rounds; round++) {
		touch_some(&random, 12, 8);
		left = pass(0, pages);
		*young += result.young_pages;
		sum += left;
		if (prune.full)
			cr_assert_eq(left, 0u);
	}
	if (full_every)
		cr_assert_eq(prune.full, ((rounds - 1) % full_every) == 0);
	*young /= rounds;
	prune_close();
	return sum / rounds;
}

Test(prune, loss_without_flush, .timeout = 600)
{
	for (unsigned int i = 0; i < (test_slowness() > 4 ? 1 : 4); i++) {
		uint64_t young, small, large, bounded;

		cr_assert_eq(loss(presets[i], 0, 0, &young), 0u);
		small = loss(presets[i], 4, 0, &young);
		large = loss(presets[i], 64, 0, &young);
		bounded = loss(presets[i], 64, 4, &young);
		cr_log_info("%s: young pages that a pass leaves out, on average: %" PRIu64
			    " with 4 cached table entries, %" PRIu64 " with 64, %" PRIu64
			    " with 64 and every fourth pass full; %" PRIu64 " found a pass",
			    presets[i], small, large, bounded, young);
		/* If nothing were lost here, the test of the flush would prove nothing. */
		cr_assert_gt(large, 0u);
		cr_assert_geq(large, small);
		cr_assert_lt(bounded, large);
	}
}

/* In bites, by a cursor: nothing is lost between them, nor found twice. */
static void in_bites(const char *preset, uint32_t flags, uint32_t cache)
{
	uint64_t random = test_seed() | 1;

	prune_open(preset, flags, 0);
	prune_cpu(cache, 0);
	map_all(1);
	for (unsigned int round = 0; round < 12; round++) {
		uint64_t cursor = 0, bites = 0, sum = 0;
		int ret = PTW_ERR_BUDGET;

		touch_some(&random, 20, 6);
		young_in(0, pages, before);
		memset(found, 0, (pages / 64 + 2) * sizeof(*found));
		for (; ret == PTW_ERR_BUDGET; bites++) {
			const uint64_t at = cursor;

			ret = pruned(0, pages, 100, &cursor);
			cr_assert(ret == PTW_OK || ret == PTW_ERR_BUDGET);
			cr_assert_gt(cursor, at);
			sum += result.young_pages;
		}
		cr_assert_gt(bites, 2u);
		cr_assert_eq(prune.pass, round + 1);
		cr_assert_eq(young_in(0, pages, after), 0u, "%s: round %u", preset, round);
		for (uint64_t w = 0; w < pages / 64; w++) {
			cr_assert_eq(found[w], before[w]);
			sum -= (uint64_t)__builtin_popcountll(found[w]);
		}
		cr_assert_eq(sum, 0u);
	}
	prune_close();
}

Test(prune, bites, .timeout = 600)
{
	for (unsigned int i = 0; i < PRESETS; i++) {
		in_bites(presets[i], 0, 0);
		in_bites(presets[i], PTW_PRUNE_FLUSH, 64);
	}
}

/* Given up in the middle: what was noted is read by the next pass, though it starts anew. */
Test(prune, exact_pass_given_up)
{
	uint64_t cursor = 0;

	prune_open("ept4", PTW_PRUNE_FLUSH, 0);
	prune_cpu(64, 0);
	map_all(1);
	cr_assert_eq(pass(0, pages), 0u);
	touch_page(10 * per_table);
	touch_page(20 * per_table + 7);
	cr_assert_eq(pruned(0, page_ia(pages) / m.granule, 70, &cursor), PTW_ERR_BUDGET);
	touch_page(30 * per_table);
	cr_assert_eq(pass(0, pages), 0u);
	prune_close();
}
