/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Empty tables: when they go back, how they are found, and what is counted. */
#include "lib/walk/pgtable.h"
#include "tests/unit/changes.h"

static struct machine m;

static void open_delayed(const char *preset, uint32_t delay)
{
	machine_preset(&m, preset);
	m.config.reclaim_delay = delay;
	machine_start(&m, 0);
}

static void assert_tables(uint64_t live, uint64_t empty, uint64_t reclaimed, uint64_t revived)
{
	machine_info(&m);
	cr_assert_eq(m.info.tables, live, "%" PRIu64 " tables", m.info.tables);
	cr_assert_eq(m.info.tables_empty, empty, "%" PRIu64 " empty", m.info.tables_empty);
	cr_assert_eq(m.info.tables_reclaimed, reclaimed, "%" PRIu64 " reclaimed",
		     m.info.tables_reclaimed);
	cr_assert_eq(m.info.tables_revived, revived, "%" PRIu64 " revived", m.info.tables_revived);
	assert_sound(&m);
}

static void map_page(uint64_t ia)
{
	map_levels(&m, ia, ia + m.granule, 0, 1);
}

static struct ptw_change_result unmap_page(uint64_t ia)
{
	const struct ptw_change_result result =
		unmap_result(&m, ia, ia + m.granule, PTW_UNMAP_STRICT, PTW_OK);

	cr_assert_eq(result.leaves, 1u);
	return result;
}

/* Tables below the root on the way to one page. */
static unsigned int path(void)
{
	return m.info.levels - 1;
}

/* The hook of the next test. */
static uint64_t retired_in_flush;
static int query_in_flush;

static void look_in_flush(struct machine *machine)
{
	struct ptw_info info = { .size = sizeof(info) };

	ptw_pgtable_info(machine->pgtable, &info);
	if (machine->kind == PTW_FLUSH_TABLE && retired_in_flush == UINT64_MAX) {
		retired_in_flush = info.tables_retired;
		query_in_flush = query_error(machine, 0);
	}
}

Test(reclaim, at_once_and_all_the_way_up)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		map_page(0);
		map_page(block - m.granule);
		map_page(block);
		assert_tables(path() + 1, 0, 0, 0);
		cr_assert_eq(unmap_page(0).tables, 0u);
		cr_assert_eq(unmap_page(block).tables, 1u);
		assert_tables(path(), 0, 1, 0);
		cr_assert_eq(ptw_barrier(), PTW_OK);
		/* The last entry takes its table along, and every table above. */
		forget_flushes(&m);
		retired_in_flush = UINT64_MAX;
		m.in_flush = look_in_flush;
		cr_assert_eq(unmap_page(block - m.granule).tables, path());
		m.in_flush = NULL;
		assert_tables(0, 0, 1 + path(), 0);
		/* Unlinked, flushed with what processors cached of the way, and then retired. */
		cr_assert_eq(m.kind, PTW_FLUSH_TABLE);
		cr_assert_eq(retired_in_flush, 0u);
		cr_assert_eq(query_in_flush, breaks_before_make(&m) ? PTW_ERR_AGAIN : PTW_ERR_HOLE);
		cr_assert_eq(m.flushed.start, 0u);
		cr_assert_eq(m.flushed.end, entry_size(&m, m.info.levels - 1));
		cr_assert_eq(ptw_barrier(), PTW_OK);
		machine_info(&m);
		cr_assert_eq(m.info.tables_retired, 0u);
		/* And back. */
		cr_assert_eq(map_result(&m, 0, m.granule, 0, 1, PTW_OK).tables, path());
		touch(&m, 0);
		assert_tables(path(), 0, 1 + path(), 0);
		machine_close(&m);
	}
}

/* A block may come where a table was, since that is gone. */
Test(reclaim, makes_room_for_a_block)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		map_page(block);
		map_page(2 * block);
		touch(&m, block);
		unmap_page(block);
		map_levels(&m, block, 2 * block, block, 2);
		assert_level(&m, block, 1);
		touch(&m, 2 * block - 1);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* Tables that the range covers whole are unmapped, not reclaimed. */
Test(reclaim, counts_only_empty_tables)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		map_levels(&m, block, 3 * block, m.granule, 1);
		map_page(4 * block);
		assert_tables(path() + 2, 0, 0, 0);
		cr_assert_eq(unmap_result(&m, block, 3 * block, 0, PTW_OK).tables, 2u);
		assert_tables(path(), 0, 0, 0);
		machine_close(&m);
	}
}

/* The table of block 1, while pages of block 0 come and go, waits for `delay` calls. */
static void delayed(const char *preset, uint32_t delay)
{
	uint64_t block;

	open_delayed(preset, delay);
	block = entry_size(&m, 1);
	map_levels(&m, 0, m.granule, 0, 1);
	map_levels(&m, m.granule, 8 * m.granule, 16 * m.granule, 1);
	map_page(block);
	cr_assert_eq(unmap_page(block).tables, 0u);
	assert_tables(path() + 1, 1, 0, 0);
	for (uint32_t call = 1; call < delay; call++) {
		cr_assert_eq(unmap_page(m.granule).tables, 0u, "%s: gone after %u of %u calls",
			     preset, call, delay);
		map_page(m.granule);
		if (call + 1 == delay)
			break;
		/* What removes nothing does not count. */
		unmap_result(&m, 100 * block % m.ia_end, 100 * block % m.ia_end + m.granule, 0,
			     PTW_OK);
	}
	assert_tables(path() + 1, 1, 0, 0);
	cr_assert_eq(unmap_page(m.granule).tables, 1u, "%s: there after %u calls", preset, delay);
	assert_tables(path(), 0, 1, 0);
	machine_close(&m);
}

Test(reclaim, after_a_delay)
{
	const char *preset;

	for_each_preset(preset) {
		delayed(preset, 1);
		delayed(preset, 2);
		delayed(preset, 7);
	}
	delayed("ept4", 1000);
	delayed("arm64-s2-4k", 1000);
}

/* A refill within the delay finds the table. */
Test(reclaim, a_refill_revives)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block;

		open_delayed(preset, 3);
		block = entry_size(&m, 1);
		map_levels(&m, 0, 8 * m.granule, 16 * m.granule, 1);
		map_page(block);
		unmap_page(block);
		assert_tables(path() + 1, 1, 0, 0);
		cr_assert_eq(map_result(&m, block + m.granule, block + 2 * m.granule, 0, 1, PTW_OK)
				     .tables,
			     0u);
		touch(&m, block + m.granule);
		machine_info(&m);
		cr_assert_eq(m.info.tables_empty, 0u);
		/* Another one that is empty, so that the clock goes on. */
		map_page(2 * block);
		unmap_page(2 * block);
		for (unsigned int i = 1; i < 8; i++)
			unmap_page(i * m.granule);
		assert_tables(path() + 1, 0, 1, 1);
		cr_assert_eq(query_error(&m, block + m.granule), PTW_OK);
		unmap_page(block + m.granule);
		assert_tables(path() + 1, 1, 1, 1);
		machine_close(&m);
	}
}

/* Only when somebody asks; then all that is empty, of all levels. */
Test(reclaim, on_request)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, top;

		machine_open_keeping(&m, preset);
		block = entry_size(&m, 1);
		top = entry_size(&m, m.info.levels - 1);
		map_page(0);
		map_page(block);
		map_page(2 * block);
		map_page(top);
		unmap_page(block);
		unmap_page(2 * block);
		unmap_page(top);
		if (top == block) {
			machine_close(&m);
			continue;
		}
		assert_tables(2 * path() + 2, 3, 0, 0);
		forget_flushes(&m);
		cr_assert_eq(reclaim_result(&m, 0, 0, PTW_OK).tables, 2 + path());
		cr_assert_eq(m.kind, PTW_FLUSH_TABLE);
		assert_tables(path(), 0, 2 + path(), 0);
		forget_flushes(&m);
		cr_assert_eq(reclaim_result(&m, 0, 0, PTW_OK).tables, 0u);
		cr_assert_eq(m.flushes, 0u);
		cr_assert_eq(query_error(&m, 0), PTW_OK);
		machine_close(&m);
	}
}

/* Tables that lie in the range whole, and those above as far as they do. */
Test(reclaim, in_a_range)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block;

		machine_open_keeping(&m, preset);
		block = entry_size(&m, 1);
		map_page(0);
		for (unsigned int i = 1; i < 5; i++) {
			map_page(i * block);
			unmap_page(i * block);
		}
		assert_tables(path() + 4, 4, 0, 0);
		cr_assert_eq(reclaim_result(&m, block + m.granule, 2 * block, PTW_OK).tables, 0u);
		cr_assert_eq(reclaim_result(&m, block, 2 * block - m.granule, PTW_OK).tables, 0u);
		cr_assert_eq(reclaim_result(&m, 5 * block, 6 * block, PTW_OK).tables, 0u);
		cr_assert_eq(reclaim_result(&m, block + m.granule, 4 * block - m.granule, PTW_OK)
				     .tables,
			     1u);
		assert_tables(path() + 3, 3, 1, 0);
		cr_assert_eq(reclaim_result(&m, block, 2 * block, PTW_OK).tables, 1u);
		unmap_page(0);
		/* The table above is not in the range whole. */
		cr_assert_eq(reclaim_result(&m, 0, 4 * block, PTW_OK).tables, 2u);
		assert_tables(path(), 1, 4, 0);
		cr_assert_eq(reclaim_result(&m, 0, m.ia_end, PTW_OK).tables, path());
		assert_tables(0, 0, 4 + path(), 0);
		machine_close(&m);
	}
}

/* More empty tables than can be noted: empty ones of blocks first..last, one page in block 0. */
static void many_empty(const char *preset, unsigned int tables, uint32_t delay)
{
	uint64_t block;

	open_delayed(preset, delay);
	block = entry_size(&m, 1);
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	for (unsigned int i = 1; i <= tables; i++) {
		map_page(i * block);
		unmap_page(i * block);
	}
}

#define WAITING 48u

static void more_than_can_be_noted(const char *preset)
{
	const uint64_t block = (uint64_t)1 << 21;

	for (unsigned int tables = 63; tables < 200; tables += tables < 66 ? 1 : 50) {
		many_empty(preset, tables, PTW_RECLAIM_NEVER);
		assert_tables(path() + tables, tables, 0, 0);
		cr_assert_eq(reclaim_result(&m, 0, 0, PTW_OK).tables, tables);
		assert_tables(path(), 0, tables, 0);
		machine_close(&m);
		/* With a delay at most 48 wait, the last ones. */
		many_empty(preset, tables, 10000);
		assert_tables(path() + WAITING, WAITING, tables - WAITING, 0);
		for (unsigned int i = 1; i <= tables; i++)
			cr_assert_eq(map_result(&m, i * block, i * block + m.granule, 0, 1, PTW_OK)
					     .tables,
				     i <= tables - WAITING);
		machine_close(&m);
	}
}

Test(reclaim, more_than_can_be_noted)
{
	more_than_can_be_noted("ept4");
}

/* Where each takes room in the gather as well. */
Test(reclaim, more_than_can_be_noted_or_thawed)
{
	more_than_can_be_noted("arm64-s2-4k");
}

/* Looking into a part of the range does not answer for the rest. */
Test(reclaim, what_was_forgotten_is_found_later)
{
	uint64_t block;

	many_empty("ept4", 100, PTW_RECLAIM_NEVER);
	block = entry_size(&m, 1);
	cr_assert_eq(reclaim_result(&m, block, 2 * block, PTW_OK).tables, 1u);
	/* Without a look at all of it in between: that would note them. */
	cr_assert_eq(reclaim_result(&m, 0, 0, PTW_OK).tables, 99u);
	assert_tables(path(), 0, 100, 0);
	machine_close(&m);
}

/* A scan notes empty tables as it passes. */
Test(reclaim, harvests_note_empty_tables)
{
	const char *preset;

	for_each_preset(preset) {
		const struct ptw_harvest young = { .size = sizeof(young),
						   .flags = PTW_HARVEST_ACCESSED };
		const struct ptw_harvest dirty = { .size = sizeof(dirty),
						   .flags = PTW_HARVEST_DIRTY };
		uint64_t bits[2] = { 0 }, block;
		struct ptw_harvest dense = young;

		machine_open_keeping(&m, preset);
		block = entry_size(&m, 1);
		map_page(0);
		for (unsigned int i = 1; i < 6; i++) {
			map_page(i * block);
			unmap_page(i * block);
		}
		memset(m.pgtable->note, 0, sizeof(m.pgtable->note));
		cr_assert_eq(reclaim_result(&m, 0, 0, PTW_OK).tables, 0u);
		assert_tables(path() + 5, 5, 0, 0);
		/* The checks walk too. */
		memset(m.pgtable->note, 0, sizeof(m.pgtable->note));
		cr_assert_eq(ptw_harvest(m.pgtable, 0, 2 * block, &young, NULL), PTW_OK);
		cr_assert_eq(ptw_harvest(m.pgtable, 2 * block, 3 * block, &dirty, NULL), PTW_OK);
		/* In part: whether the rest is empty was not seen. */
		dense.young = bits;
		cr_assert_eq(ptw_harvest(m.pgtable, 3 * block, 3 * block + m.granule, &dense,
					 NULL),
			     PTW_OK);
		cr_assert_eq(ptw_harvest(m.pgtable, 4 * block + m.granule, 5 * block, &young, NULL),
			     PTW_OK);
		cr_assert_eq(reclaim_result(&m, 0, 0, PTW_OK).tables, 2u);
		machine_info(&m);
		cr_assert_eq(m.info.tables, path() + 3);
		dense.young = calloc(ptw_bitmap_words(3 * block, 6 * block, m.info.granule_lg2), 8);
		cr_assert_not_null(dense.young);
		cr_assert_eq(ptw_harvest(m.pgtable, 3 * block, 6 * block, &dense, NULL), PTW_OK);
		free(dense.young);
		cr_assert_eq(reclaim_result(&m, 0, 0, PTW_OK).tables, 3u);
		assert_tables(path(), 0, 5, 0);
		/* A table with a leaf is not noted. */
		cr_assert_eq(ptw_harvest(m.pgtable, 0, m.ia_end, &young, NULL), PTW_OK);
		for (unsigned int i = 0; i < PTW_NOTES; i++)
			cr_assert_eq(m.pgtable->note[i], 0u);
		machine_close(&m);
	}
}

/* Nothing of it in a section, or on bad arguments. */
Test(reclaim, arguments)
{
	struct ptw_change_result result = { .size = sizeof(result) - 1 };

	machine_open_keeping(&m, "ept4");
	map_page(0);
	unmap_page(0);
	cr_assert_eq(ptw_reclaim(NULL, 0, 0, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_reclaim(m.pgtable, 0, 0, &result), PTW_ERR_SIZE);
	cr_assert_eq(ptw_reclaim(m.pgtable, 1, 4096, NULL), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_reclaim(m.pgtable, 4096, 4096, NULL), PTW_ERR_RANGE);
	cr_assert_eq(ptw_reclaim(m.pgtable, 0, 2 * m.ia_end, NULL), PTW_ERR_RANGE);
	ptw_read_lock();
	cr_assert_eq(ptw_reclaim(m.pgtable, 0, 0, NULL), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	assert_tables(3, 1, 0, 0);
	cr_assert_eq(ptw_reclaim(m.pgtable, 0, 0, NULL), PTW_OK);
	assert_tables(0, 0, 3, 0);
	machine_close(&m);
}

/* Nearly everything is a hole: passed over in large steps. */
Test(reclaim, sparse_huge_ranges, .timeout = 120)
{
	const char *preset;

	for_each_preset(preset) {
		machine_open_keeping(&m, preset);
		map_page(0);
		map_page(m.ia_end / 2);
		map_page(m.ia_end - m.granule);
		unmap_page(m.ia_end / 2);
		cr_assert_geq(reclaim_result(&m, 0, m.ia_end, PTW_OK).tables, 1u);
		cr_assert_eq(query_error(&m, m.ia_end - m.granule), PTW_OK);
		machine_info(&m);
		cr_assert_eq(m.info.tables_empty, 0u);
		machine_close(&m);
	}
}
