/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Partitions: parts that follow each other, are the range together, cut no leaf extent, and weigh
 * the same within one leaf table; by a count of the test's own.
 */
#include "tests/unit/owner.h"

#include <pthread.h>

#define PARTS_MAX 64u

static struct ptw_range part[PARTS_MAX];
static uint32_t parts;

/* What a harvest reads above and in leaf tables, counted from [low, high). */
struct weight {
	uint64_t low, high, sum;
};

static int weigh_visit(void *context, const struct ptw_visit *v)
{
	struct weight *w = context;

	for (unsigned int i = 0; i < v->count; i++) {
		const uint64_t start = v->ia + i * v->size, end = start + v->size;

		if (v->kind == PTW_VISIT_TABLE_PRE && v->level == 1)
			w->sum += ((end < w->high ? end : w->high) -
				   (start > w->low ? start : w->low)) / m.granule;
		else
			w->sum++;
	}
	return PTW_VISIT_NEXT;
}

static uint64_t weigh(uint64_t low, uint64_t high)
{
	struct weight weight = { low, high, 0 };
	const struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE,
		.min_level = 1,
		.holes = true,
		.visit = weigh_visit,
		.context = &weight,
	};

	if (m.info.levels == 1)
		return (high - low) / m.granule;
	cr_assert_eq(ptw_walk(m.pgtable, low, high, &walk, NULL), PTW_OK);
	return weight.sum;
}

static uint64_t table_pages(void)
{
	return (uint64_t)1 << m.info.index_lg2;
}

static uint64_t unit_bytes(void)
{
	return (table_pages() < 64 ? 64 : table_pages()) * m.granule;
}

/* A partition of [start, end), whatever is mapped. */
static void assert_partition(uint64_t start, uint64_t end, uint32_t wanted)
{
	cr_assert_geq(parts, 1u);
	cr_assert_leq(parts, wanted);
	cr_assert_eq(part[0].start, start);
	cr_assert_eq(part[parts - 1].end, end);
	for (uint32_t i = 0; i < parts; i++)
		cr_assert_lt(part[i].start, part[i].end);
	for (uint32_t i = 1; i < parts; i++) {
		cr_assert_eq(part[i - 1].end, part[i].start);
		cr_assert_eq(part[i].start % unit_bytes(), 0u, "%#" PRIx64, part[i].start);
	}
}

static void cut(uint64_t start, uint64_t end, uint32_t wanted)
{
	int ret;

	parts = 0;
	memset(part, 0xee, sizeof(part));
	ret = ptw_partition(m.pgtable, start, end, wanted, part, &parts);
	cr_assert_eq(ret, PTW_OK, "%s", ptw_strerror(ret));
	assert_partition(start, end, wanted);
}

/* Nothing runs next to it: no extent is cut, and all parts weigh as much. */
static void assert_even(uint64_t start, uint64_t end, uint32_t wanted)
{
	const uint64_t total = weigh(start, end), most = unit_bytes() / m.granule;
	/* What a part may have too much at each end: half of a table, or of what may not be cut. */
	uint64_t slack = most + 32;
	uint32_t expected = total / most < wanted ? (uint32_t)(total / most) : wanted;

	if (m.config.format == PTW_FORMAT_PERVERSE)
		slack += most; /* a unit is several tables, and the entries that lead to them */
	else
		cr_assert_eq(parts, expected ? expected : 1);
	for (uint32_t i = 0; i < parts; i++) {
		const uint64_t weight = weigh(part[i].start, part[i].end);
		struct ptw_query q = { .size = sizeof(q) };

		if (i && ptw_query(m.pgtable, part[i].start, &q) == PTW_OK)
			cr_assert_eq(q.extent_start, part[i].start);
		if (parts == expected)
			cr_assert(weight <= total / parts + slack && weight + slack >= total / parts,
				  "%s: part %u of %u weighs %" PRIu64 ", all together %" PRIu64,
				  m.info.format, i, parts, weight, total);
	}
}

/* Pages, blocks, groups and holes at random, in a few places of the address space. */
static void map_at_random(uint64_t *random)
{
	const unsigned int top = m.info.levels - 1;

	for (unsigned int i = 0; i < 30; i++) {
		const unsigned int near = (unsigned int)random_below(random, top + 1) + 1;
		const uint64_t place = near > top ? m.ia_end : entry_size(&m, near) * 4;
		uint64_t start = random_below(random, (place < m.ia_end ? place : m.ia_end) /
							      m.granule) * m.granule;
		uint64_t bytes = (random_below(random, 20 * table_pages()) + 1) * m.granule;
		struct ptw_map map = full_access(&m);

		if (random_chance(random, 50)) {
			map.page_levels = 1;
		} else {
			const uint64_t block = entry_size(&m, 1);

			map.page_levels = 2;
			start &= ~(block * 32 - 1);
			bytes = (bytes / block + 1) * block;
		}
		if (bytes > m.ia_end - start)
			continue;
		ptw_map(m.pgtable, start, start + bytes, start & (((uint64_t)1 << 40) - 1), &map,
			NULL);
	}
}

Test(partition, random_maps, .timeout = 240)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t random = test_seed();

		for (unsigned int turn = 0; turn < 2; turn++) {
			machine_open(&m, preset);
			map_at_random(&random);
			for (unsigned int i = 0; i < 20 / test_slowness() + 4; i++) {
				const uint32_t wanted = (uint32_t)random_below(&random, 40) + 1;
				uint64_t start = random_below(&random, m.ia_end / m.granule);
				uint64_t end = random_below(&random, m.ia_end / m.granule);

				start = i & 1 ? start >> random_below(&random, 40) : 0;
				end = i & 2 ? end >> random_below(&random, 20) : m.ia_end / m.granule;
				if (start >= end)
					continue;
				cut(start * m.granule, end * m.granule, wanted);
				assert_even(start * m.granule, end * m.granule, wanted);
			}
			machine_close(&m);
		}
	}
}

/* Dense tables are the case that matters: as many parts as asked for, each the same number of tables. */
Test(partition, dense_maps_are_cut_evenly)
{
	machine_open(&m, "ept4");
	map_levels(&m, 0, 64 * entry_size(&m, 1), 0, 1);
	for (uint32_t wanted = 1; wanted <= 16; wanted *= 2) {
		cut(0, 64 * entry_size(&m, 1), wanted);
		cr_assert_eq(parts, wanted);
		for (uint32_t i = 0; i < parts; i++)
			cr_assert_eq(part[i].end - part[i].start,
				     64 / wanted * entry_size(&m, 1));
	}
	/* Two clusters far apart, one three times as large. */
	map_levels(&m, entry_size(&m, 3), entry_size(&m, 3) + 192 * entry_size(&m, 1), 0, 1);
	cut(0, m.ia_end, 4);
	cr_assert_eq(parts, 4u);
	cr_assert_lt(part[0].end, entry_size(&m, 3) + 10 * entry_size(&m, 1));
	assert_even(0, m.ia_end, 4);
	machine_close(&m);
}

/*
 * The entries that lead to a table of level 1 weigh one each, and nothing is cut at them: where they carry
 * the sum across a goal, the next cut is in that table, or the parts come out too few. The range ends in
 * a hole, whose size decides what the goals are.
 */
Test(partition, goals_between_tables_of_level_1)
{
	static const char *const some[] = { "x86-64", "ept4", "arm64-s1-4k" };

	for (unsigned int i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		uint64_t middle;

		machine_open(&m, some[i]);
		middle = entry_size(&m, 3);
		map_levels(&m, middle - entry_size(&m, 2),
			   middle - entry_size(&m, 2) + 100 * entry_size(&m, 1), 0, 1);
		map_levels(&m, middle, middle + 101 * entry_size(&m, 1), 0, 1);
		for (uint64_t holes = 0; holes < 8; holes++) {
			const uint64_t end = middle + (holes + 1) * entry_size(&m, 2);

			for (uint32_t wanted = 2; wanted <= 8; wanted *= 2) {
				cut(0, end, wanted);
				cr_assert_eq(parts, wanted, "%s: %u parts of %u, %u holes", some[i],
					     parts, wanted, (unsigned int)holes);
				assert_even(0, end, wanted);
			}
		}
		machine_close(&m);
	}
}

Test(partition, few_tables_give_few_parts)
{
	const char *preset;

	for_each_preset(preset) {
		machine_open(&m, preset);
		cut(0, m.granule, PARTS_MAX);
		cr_assert_eq(parts, 1u, "one page");
		cut(0, m.ia_end, 1);
		cr_assert_eq(parts, 1u, "one part");
		cut(0, m.ia_end, PARTS_MAX);
		cr_assert_leq(parts, 16u, "%s: %u parts of nothing", preset, parts);
		map_levels(&m, 0, 3 * unit_bytes(), 0, 1);
		cut(0, 3 * unit_bytes(), PARTS_MAX);
		cr_assert_leq(parts, 4u, "%s: %u parts of three tables", preset, parts);
		cr_assert_geq(parts, 3u - (m.config.format == PTW_FORMAT_PERVERSE));
		/* A cut is where a table ends, however the range lies. */
		cut(5 * m.granule, 2 * unit_bytes() - m.granule, PARTS_MAX);
		cr_assert_leq(parts, 2u);
		machine_close(&m);
	}
}

Test(partition, contiguous_groups_are_not_cut)
{
	static const char *const contig[] = { "arm64-s2-4k-contig", "arm64-s2-16k-contig",
					      "arm64-s2-64k-contig" };

	for (unsigned int i = 0; i < 3; i++) {
		const uint64_t lg2[] = { 4, 5, 5 };
		uint64_t block, first;

		machine_open(&m, contig[i]);
		block = entry_size(&m, 1);
		/* Tables, then a group, then tables: in halves the middle of the group would do best. */
		first = (block << lg2[i]) - 2 * block;
		map_levels(&m, first, first + 2 * block, first, 1);
		map_levels(&m, block << lg2[i], 2 * block << lg2[i], block << lg2[i], 2);
		cr_assert_eq(query_at(&m, block << lg2[i]).extent_size, block << lg2[i],
			     "%s maps no group", contig[i]);
		map_levels(&m, 2 * block << lg2[i], (2 * block << lg2[i]) + 2 * block,
			   2 * block << lg2[i], 1);
		cut(first, (2 * block << lg2[i]) + 2 * block, 2);
		cr_assert_eq(parts, 2u);
		cr_assert(part[0].end == block << lg2[i] || part[0].end == 2 * block << lg2[i],
			  "%s: cut at %#" PRIx64, contig[i], part[0].end);
		machine_close(&m);
	}
}

/* The upper half of x86-64, whose end is 0, comes out without its sign. */
Test(partition, top_of_the_address_space)
{
	static const char *const signed_presets[] = { "x86-64", "x86-64-la57" };

	for (unsigned int i = 0; i < 2; i++) {
		uint64_t middle, found = 0;

		machine_open(&m, signed_presets[i]);
		middle = m.ia_end / 2;
		map_levels(&m, m.ia_end - 40 * entry_size(&m, 1), m.ia_end, 0, 1);
		map_levels(&m, middle, middle + 9 * m.granule, 0, 1);
		parts = 0;
		cr_assert_eq(ptw_partition(m.pgtable, 0 - middle, 0, 4, part, &parts), PTW_OK);
		assert_partition(middle, m.ia_end, 4);
		cr_assert_eq(parts, 4u);
		assert_even(middle, m.ia_end, 4);
		/* Each can be given to a harvest as it is. */
		touch(&m, m.ia_end - m.granule);
		touch(&m, m.ia_end - 30 * entry_size(&m, 1));
		touch(&m, middle + m.granule);
		for (uint32_t n = 0; n < parts; n++) {
			const struct ptw_harvest h = { .size = sizeof(h),
						       .flags = PTW_HARVEST_ACCESSED };
			struct ptw_harvest_result result = { .size = sizeof(result) };

			cr_assert_eq(ptw_harvest(m.pgtable, part[n].start, part[n].end, &h, &result),
				     PTW_OK);
			found += result.young_pages;
		}
		cr_assert_eq(found, 3u);
		cr_assert_eq(ptw_partition(m.pgtable, middle - m.granule, 0, 4, part, &parts),
			     PTW_ERR_RANGE, "across the gap");
		machine_close(&m);
	}
}

/* Roots of all widths and levels, also of smallest pages alone. */
Test(partition, concatenated_roots)
{
	static const char *const stage2[] = { "arm64-s2-4k", "arm64-s2-16k", "arm64-s2-64k" };
	unsigned int made = 0, flat = 0;

	for (unsigned int i = 0; i < 3; i++) {
		for (uint32_t levels = 1; levels <= 3; levels++) {
			for (uint32_t wide = 0; wide <= 4; wide++) {
				uint64_t random = test_seed() + wide;

				machine_preset(&m, stage2[i]);
				m.config.features |= PTW_FEATURE_TTST;
				m.config.levels = levels;
				m.config.ia_bits = m.config.granule_lg2 +
						   levels * (m.config.granule_lg2 - 3) + wide;
				if (ptw_pgtable_create(&m.config, &m.pgtable))
					continue;
				ptw_pgtable_destroy(m.pgtable);
				machine_start(&m, 0);
				made++;
				flat += levels == 1;
				if (levels > 1)
					map_at_random(&random);
				for (uint32_t wanted = 1; wanted < 20; wanted += test_slowness()) {
					cut(0, m.ia_end, wanted);
					assert_even(0, m.ia_end, wanted);
				}
				if (levels == 1) {
					cut(0, m.ia_end, 64);
					cr_assert_eq(parts, 1u << wide);
					cut(m.granule, m.ia_end, 2);
					assert_even(m.granule, m.ia_end, 2);
				}
				machine_close(&m);
			}
		}
	}
	cr_log_info("%u shapes, %u of one level", made, flat);
	cr_assert_gt(made, 20u);
	cr_assert_gt(flat, 0u);
}

/* Reads no leaf table: they may not even be readable. */
Test(partition, of_attached_tables)
{
	for (unsigned int i = 0; i < PRESETS; i++) {
		struct ptw_range own[8];
		bool pages_of_own; /* is a table at least a page? */
		uint32_t count, untouched = 77;
		uint64_t first, *slot, old;
		char *leaf_table;

		open_owner(presets[i]);
		pages_of_own = m.config.format != PTW_FORMAT_PERVERSE;
		map_levels(&m, 0, 8 * unit_bytes(), 0, 1);
		map_levels(&m, m.ia_end / 2, m.ia_end / 2 + 4 * unit_bytes(), 0, 1);
		attach(&whole_arena, 1000);
		cut(0, m.ia_end, 8);
		memcpy(own, part, sizeof(own));
		count = parts;
		first = 3 * entry_size(&m, 1);
		leaf_table = (char *)slot_of(first, 0);
		if (pages_of_own)
			cr_assert_eq(mprotect(leaf_table, 4096, PROT_NONE), 0);
		cr_assert_eq(ptw_partition(attached, 0, m.ia_end, 8, part, &parts), PTW_OK);
		cr_assert_eq(ptw_partition(m.pgtable, 0, m.ia_end, 8, part, &parts), PTW_OK);
		if (pages_of_own)
			cr_assert_eq(mprotect(leaf_table, 4096, PROT_READ | PROT_WRITE), 0);
		cr_assert_eq(parts, count);
		cr_assert_eq(memcmp(own, part, count * sizeof(own[0])), 0);
		assert_even(0, m.ia_end, 8);
		/* Tables elsewhere, tables in a circle, more tables than there may be. */
		for (unsigned int level = 2; level < m.info.levels; level++) {
			slot = slot_of(first, level);
			old = *slot;
			*slot = table_entry(ARENA_PA - ((uint64_t)1 << 24), level);
			cr_assert_eq(ptw_partition(attached, 0, m.ia_end, 8, part, &untouched),
				     PTW_ERR_CORRUPT_BOUNDS);
			*slot = table_entry(root_pa(), level);
			cr_assert_eq(ptw_partition(attached, 0, m.ia_end, 8, part, &untouched),
				     PTW_ERR_CORRUPT_CYCLE);
			*slot = old;
		}
		attach(&whole_arena, 1);
		cr_assert_eq(ptw_partition(attached, 0, m.ia_end, 8, part, &untouched),
			     m.info.levels > 2 ? PTW_ERR_CORRUPT_BUDGET : PTW_OK);
		cr_assert(untouched == 77 || m.info.levels == 2);
		close_owner();
	}
}

Test(partition, arguments)
{
	uint32_t count = 77;

	machine_open(&m, "ept4");
	cr_assert_eq(ptw_partition(NULL, 0, m.granule, 1, part, &count), PTW_ERR_ARG);
	cr_assert_eq(ptw_partition(m.pgtable, 0, m.granule, 0, part, &count), PTW_ERR_ARG);
	cr_assert_eq(ptw_partition(m.pgtable, 0, m.granule, 1, NULL, &count), PTW_ERR_ARG);
	cr_assert_eq(ptw_partition(m.pgtable, 0, m.granule, 1, part, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_partition(m.pgtable, 1, m.granule, 1, part, &count), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_partition(m.pgtable, 0, m.granule + 1, 1, part, &count), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_partition(m.pgtable, 0, 0, 1, part, &count), PTW_ERR_RANGE);
	cr_assert_eq(ptw_partition(m.pgtable, m.granule, m.granule, 1, part, &count), PTW_ERR_RANGE);
	cr_assert_eq(ptw_partition(m.pgtable, 0, m.ia_end + m.granule, 1, part, &count),
		     PTW_ERR_RANGE);
	cr_assert_eq(count, 77u);
	machine_close(&m);
}

/* Threads, each with its part, into one bitmap. */
static struct worker {
	pthread_t thread;
	struct ptw_range range;
	uint64_t *young; /* from the word on where the part begins */
	uint64_t found;
	int error;
} worker[PARTS_MAX];

static void *harvest_part(void *context)
{
	struct worker *w = context;
	const struct ptw_harvest h = { .size = sizeof(h), .flags = PTW_HARVEST_ACCESSED,
				       .young = w->young };
	struct ptw_harvest_result result = { .size = sizeof(result) };

	ptw_thread_register();
	w->error = ptw_harvest(m.pgtable, w->range.start, w->range.end, &h, &result);
	w->found = result.young_pages;
	ptw_thread_unregister();
	return NULL;
}

static void harvest_by_threads(uint64_t start, uint64_t *young)
{
	for (uint32_t i = 0; i < parts; i++) {
		worker[i].range = part[i];
		worker[i].young = young + ((part[i].start / m.granule) -
					   (start / m.granule & ~(uint64_t)63)) / 64;
		cr_assert_eq(pthread_create(&worker[i].thread, NULL, harvest_part, &worker[i]), 0);
	}
	for (uint32_t i = 0; i < parts; i++) {
		pthread_join(worker[i].thread, NULL);
		cr_assert_eq(worker[i].error, PTW_OK);
	}
}

Test(partition, threads_harvest_the_whole, .timeout = 240)
{
	static const char *const some[] = { "ept4", "ept4-tracked", "x86-64", "arm64-s2-4k-contig",
					    "arm64-s2-16k-contig", "arm64-s1-4k", "perverse" };

	for (unsigned int i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		uint64_t random = test_seed(), start, end, words, *young, *expected, found = 0;
		unsigned int touched = 4000 / test_slowness();

		machine_open(&m, some[i]);
		/* A range that begins and ends in the middle of tables; a group or block in it. */
		start = 3 * m.granule;
		end = 13 * unit_bytes() - 7 * m.granule;
		map_levels(&m, start, 8 * unit_bytes(), start, 1);
		map_levels(&m, 8 * unit_bytes(), 10 * unit_bytes(), 8 * unit_bytes(), 2);
		map_levels(&m, 10 * unit_bytes(), end, 10 * unit_bytes(), 1);
		words = ptw_bitmap_words(start, end, m.info.granule_lg2);
		young = calloc(words, 8);
		expected = calloc(words, 8);
		cr_assert(young && expected);
		while (touched--) {
			const uint64_t ia = start + random_below(&random, (end - start) / m.granule) *
							    m.granule;

			touch(&m, ia);
		}
		{
			const struct ptw_harvest peek = {
				.size = sizeof(peek),
				.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK,
				.young = expected,
			};

			cr_assert_eq(ptw_harvest(m.pgtable, start, end, &peek, NULL), PTW_OK);
		}
		cut(start, end, 4);
		cr_assert_gt(parts, 1u);
		harvest_by_threads(start, young);
		cr_assert_eq(memcmp(young, expected, words * 8), 0, "%s", some[i]);
		for (uint32_t n = 0; n < parts; n++)
			found += worker[n].found;
		for (uint64_t n = 0; n < words; n++)
			found -= (uint64_t)__builtin_popcountll(expected[n]);
		cr_assert_eq(found, 0u);
		free(young);
		free(expected);
		machine_close(&m);
	}
}

/* Tables come and go meanwhile: still a partition. */
static bool stop_mapping;

static void *map_and_unmap(void *context)
{
	uint64_t random = test_seed(), *changes = context;

	ptw_thread_register();
	while (!__atomic_load_n(&stop_mapping, __ATOMIC_RELAXED)) {
		const uint64_t start = random_below(&random, 256) * unit_bytes();
		const struct ptw_unmap unmap = { .size = sizeof(unmap) };
		struct ptw_map map = full_access(&m);

		map.page_levels = (uint32_t)random_below(&random, 2) + 1;
		ptw_map(m.pgtable, start, start + unit_bytes(), start, &map, NULL);
		if (random_chance(&random, 60))
			ptw_unmap(m.pgtable, start, start + unit_bytes(), &unmap, NULL);
		__atomic_fetch_add(changes, 1, __ATOMIC_RELAXED);
	}
	ptw_thread_unregister();
	return NULL;
}

Test(partition, while_tables_come_and_go, .timeout = 240)
{
	uint64_t random = test_seed(), changes = 0, many = 0;
	bool failed = false;
	pthread_t mapper;

	machine_preset(&m, "ept4");
	m.config.flush = NULL;
	machine_start(&m, 0);
	map_levels(&m, 0, 64 * unit_bytes(), 0, 1);
	stop_mapping = false;
	cr_assert_eq(pthread_create(&mapper, NULL, map_and_unmap, &changes), 0);
	/* The cuts may be done before a slow thread has begun: go on until it has changed something. */
	for (unsigned int i = 0;
	     i < 5000 / test_slowness() || __atomic_load_n(&changes, __ATOMIC_RELAXED) <= 10; i++) {
		const uint32_t wanted = (uint32_t)random_below(&random, 12) + 1;
		const uint64_t end = (random_below(&random, 256) + 1) * unit_bytes();

		parts = 0;
		failed = ptw_partition(m.pgtable, 0, end, wanted, part, &parts) || parts < 1 ||
			 parts > wanted;
		if (failed)
			break;
		assert_partition(0, end, wanted);
		many += parts > 1;
	}
	__atomic_store_n(&stop_mapping, true, __ATOMIC_RELAXED);
	pthread_join(mapper, NULL);
	cr_assert(!failed, "%u parts", parts);
	cr_assert_gt(many, 0u);
	machine_close(&m);
}
