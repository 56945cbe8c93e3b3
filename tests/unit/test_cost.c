/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a call on one page costs in locked instructions, in a table that stays and keeps other pages:
 * two at most, one for the entry and one for the table's live count. The library is built with a hook
 * before each access; how many locked instructions of other libraries a call runs (none), ptw-bench
 * counts.
 */
#include <ptw/port.h>

#include "tests/unit/pgtable_machine.h"

__thread void (*test_hook)(int op, const void *address);

static struct machine m;

static struct {
	unsigned int locked;
	unsigned int exchanges; /* of those: compare-exchanges */
} counted;

/* On x86-64 these are locked instructions, on arm64 LSE atomics or loops of exclusives. */
static void count(int op, const void *address)
{
	(void)address;
	switch (op) {
	case PTW_OP_CAS:
		counted.exchanges++;
		/* fall through */
	case PTW_OP_XCHG:
	case PTW_OP_AND_CLEAR:
	case PTW_OP_OR_SET:
	case PTW_OP_ADD32:
	case PTW_OP_ADD64:
	case PTW_OP_OR64:
		counted.locked++;
		break;
	default:
		break;
	}
}

static void count_from_here(void)
{
	counted.locked = counted.exchanges = 0;
	test_hook = count;
}

static void map_one(uint64_t ia)
{
	struct ptw_map map = full_access(&m);
	int ret;

	map.page_levels = 1;
	count_from_here();
	ret = ptw_map(m.pgtable, ia, ia + m.granule, ia, &map, NULL);
	test_hook = NULL;
	cr_assert_eq(ret, PTW_OK, "map: %s", ptw_strerror(ret));
}

static void unmap_one(uint64_t ia)
{
	int ret;

	count_from_here();
	ret = ptw_unmap(m.pgtable, ia, ia + m.granule, NULL, NULL);
	test_hook = NULL;
	cr_assert_eq(ret, PTW_OK, "unmap: %s", ptw_strerror(ret));
}

static void assert_counts_right(void)
{
	int ret = ptw_check(m.pgtable, PTW_CHECK_COUNTS, NULL);

	cr_assert_eq(ret, PTW_OK, "check: %s", ptw_strerror(ret));
}

/* With other pages in the table before and after. */
static void one_page(const char *preset, uint32_t flags)
{
	machine_preset(&m, preset);
	m.config.flags = flags;
	machine_start(&m, 0);
	map_levels(&m, 0, 4 * m.granule, 0, 1);
}

static const char *const presets[] = {
	"ept4", "ept4-tracked", "x86-64", "arm64-s2-4k", "arm64-s2-16k-swaf", "arm64-s1-4k",
	"perverse",
};

#define PRESETS (sizeof(presets) / sizeof(presets[0]))

Test(cost, one_page_takes_two_locked_instructions)
{
	for (unsigned int i = 0; i < PRESETS; i++) {
		one_page(presets[i], 0);
		unmap_one(m.granule);
		cr_assert(counted.locked == 2 && counted.exchanges == 1,
			  "%s: %u locked instructions to unmap, %u of them compare-exchanges",
			  presets[i], counted.locked, counted.exchanges);
		map_one(m.granule);
		cr_assert(counted.locked == 2 && counted.exchanges == 1,
			  "%s: %u locked instructions to map, %u of them compare-exchanges",
			  presets[i], counted.locked, counted.exchanges);
		assert_counts_right();
		machine_close(&m);
	}
}

/* A caller who excludes other writers pays for processors alone: the exchange that unmaps. */
Test(cost, exclusive_writers_pay_for_the_processors_only)
{
	one_page("ept4", PTW_WRITERS_EXCLUSIVE);
	unmap_one(m.granule);
	cr_assert(counted.locked == 1 && !counted.exchanges, "%u locked instructions to unmap",
		  counted.locked);
	map_one(m.granule);
	cr_assert_eq(counted.locked, 0u, "%u locked instructions to map", counted.locked);
	assert_counts_right();
	machine_close(&m);
}

/* Of a range: one for each entry, and one for the count of each table. */
Test(cost, a_range_takes_one_for_each_entry)
{
	struct ptw_unmap strict = { .size = sizeof(strict), .flags = PTW_UNMAP_STRICT };
	struct ptw_map map;
	uint64_t end;

	one_page("ept4", 0);
	map = full_access(&m);
	map.page_levels = 1;
	map_levels(&m, 4 * m.granule, 1024 * m.granule, 4 * m.granule, 1);
	/* Without the last page, so that both tables keep one. */
	end = 511 * m.granule;
	for (uint64_t start = 0; start < 1024 * m.granule; start += 512 * m.granule) {
		count_from_here();
		cr_assert_eq(ptw_unmap(m.pgtable, start, start + end, &strict, NULL), PTW_OK);
		test_hook = NULL;
		/* Sections of 256 entries at most. */
		cr_assert(counted.exchanges == 511 && counted.locked <= 511 + 3,
			  "%u locked instructions to unmap 511 pages", counted.locked);
		count_from_here();
		cr_assert_eq(ptw_map(m.pgtable, start, start + end, start, &map, NULL), PTW_OK);
		test_hook = NULL;
		cr_assert(counted.exchanges == 511 && counted.locked <= 511 + 3,
			  "%u locked instructions to map 511 pages", counted.locked);
	}
	assert_counts_right();
	machine_close(&m);
}

/*
 * A table that is missing is filled in private: linking it is the only exchange. The others count: the
 * table above, all tables, and the pool's memory.
 */
Test(cost, a_new_table_takes_one_exchange)
{
	struct ptw_map map;

	one_page("ept4", 0);
	map = full_access(&m);
	map.page_levels = 1;
	count_from_here();
	cr_assert_eq(ptw_map(m.pgtable, 512 * m.granule, 1024 * m.granule, 0, &map, NULL), PTW_OK);
	test_hook = NULL;
	cr_assert(counted.exchanges == 1 && counted.locked <= 4,
		  "%u locked instructions, %u of them compare-exchanges", counted.locked,
		  counted.exchanges);
	assert_counts_right();
	machine_close(&m);
}
