/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Unmapping: the state it returns, holes and cut extents, flushing and retiring. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/unit/pgtable_machine.h"

static struct machine m;

Test(unmap, returns_the_state_it_removes)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t young[4] = { 0 }, dirty[4] = { 0 };
		struct ptw_unmap unmap = { .size = sizeof(unmap), .young = young, .dirty = dirty };
		struct ptw_change_result result = { .size = sizeof(result) };
		uint64_t g;

		machine_open(&m, preset);
		g = m.granule;
		/* 100 pages from page 60 on, so bit 0 of the bitmaps is page 0. */
		map_levels(&m, 60 * g, 160 * g, 1000 * g, 1);
		touch(&m, 60 * g);
		touch(&m, 64 * g + 1);
		touch_write(&m, 130 * g);
		touch_write(&m, 159 * g);
		young[3] = 5;
		cr_assert_eq(ptw_unmap(m.pgtable, 60 * g, 160 * g, &unmap, &result), PTW_OK);
		cr_assert_eq(young[0], (uint64_t)1 << 60);
		cr_assert_eq(young[1], (uint64_t)1 << 0);
		cr_assert_eq(young[2], (uint64_t)1 << 2 | (uint64_t)1 << 31);
		cr_assert_eq(young[3], 5u);
		cr_assert_eq(dirty[0] | dirty[1] | dirty[3], 0u);
		cr_assert_eq(dirty[2], (uint64_t)1 << 2 | (uint64_t)1 << 31);
		cr_assert_eq(result.leaves, 100u);
		cr_assert_eq(result.young_extents, 4u);
		cr_assert_eq(result.young_pages, 4u);
		cr_assert_eq(result.dirty_extents, 2u);
		cr_assert_eq(result.dirty_pages, 2u);
		cr_assert_eq(result.holes, 0u);
		cr_assert_eq(result.reached, 160 * g);
		assert_sound(&m);
		machine_close(&m);
	}
}

Test(unmap, holes_are_counted_or_refused)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result;
		uint64_t g, block;

		machine_open(&m, preset);
		g = m.granule;
		block = entry_size(&m, 1);
		map_levels(&m, 2 * g, 4 * g, 0, 1);
		map_levels(&m, block, 2 * block, 0, 2);
		map_levels(&m, 3 * block, 3 * block + g, 0, 1);
		machine_info(&m);
		result = unmap_result(&m, 0, 4 * block, 0, PTW_OK);
		cr_assert_eq(result.holes, 3 * block / g - 2 - 1);
		cr_assert_eq(result.leaves, 4u);
		/* Two in the range, and those above, which are empty now. */
		cr_assert_eq(m.info.tables, 2 + (m.info.levels - 2));
		cr_assert_eq(result.tables, m.info.tables);

		map_levels(&m, 2 * g, 4 * g, 0, 1);
		map_levels(&m, 5 * g, 6 * g, 0, 1);
		touch(&m, 3 * g);
		result = unmap_result(&m, 2 * g, 6 * g, PTW_UNMAP_STRICT, PTW_ERR_HOLE);
		cr_assert_eq(result.reached, 4 * g);
		cr_assert_eq(result.leaves, 2u);
		cr_assert_eq(result.young_pages, 1u);
		cr_assert_eq(query_error(&m, 3 * g), PTW_ERR_HOLE);
		cr_assert_eq(query_error(&m, 5 * g), PTW_OK);
		result = unmap_result(&m, 0, 6 * g, PTW_UNMAP_STRICT, PTW_ERR_HOLE);
		cr_assert_eq(result.reached, 0u);
		cr_assert_eq(result.leaves, 0u);
		assert_sound(&m);
		machine_close(&m);
	}
}

Test(unmap, cutting_a_block_changes_nothing)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, g, before;
		unsigned int flushes;

		machine_open(&m, preset);
		g = m.granule;
		block = entry_size(&m, 1);
		map_levels(&m, block - g, block, 0, 1);
		map_levels(&m, block, 2 * block, block, 2);
		map_levels(&m, 2 * block, 2 * block + g, 0, 1);
		touch_write(&m, block);
		before = fingerprint(&m);
		flushes = m.flushes;
		cr_assert_eq(unmap_result(&m, block - g, block + g, 0, PTW_ERR_BLOCK).reached,
			     block);
		cr_assert_eq(unmap_result(&m, 2 * block - g, 3 * block, 0, PTW_ERR_BLOCK).reached,
			     block);
		cr_assert_eq(
			unmap_result(&m, block + g, block + 2 * g, 0, PTW_ERR_BLOCK).young_pages,
			0u);
		cr_assert_eq(fingerprint(&m), before, "%s", preset);
		cr_assert_eq(m.flushes, flushes);
		cr_assert_eq(unmap_result(&m, block, 2 * block, 0, PTW_OK).dirty_pages, block / g);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* What the hook of the next tests sees. */
static uint64_t probe;
static int probed;
static uint64_t retired_in_flush, tables_in_flush;

static void probe_in_flush(struct machine *machine)
{
	probed = query_error(machine, probe);
	machine_info(machine);
	retired_in_flush = machine->info.tables_retired;
	tables_in_flush = machine->info.tables;
}

Test(unmap, tables_are_unlinked_flushed_then_retired)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, tables, part;
		struct ptw_change_result result;
		bool breaks;

		/* Only what the range covers. */
		machine_open_keeping(&m, preset);
		breaks = breaks_before_make(&m);
		block = entry_size(&m, 1);
		map_levels(&m, block, 3 * block, 0, 1);
		machine_info(&m);
		tables = m.info.tables;
		cr_assert_eq(tables, m.info.levels - 2 + 2);
		m.in_flush = probe_in_flush;
		probed = 1;
		forget_flushes(&m);
		retired_in_flush = UINT64_MAX;
		/* A part, not cutting a contiguous group: the table stays. */
		part = 2 * block - query_at(&m, block).extent_size;
		probe = part - m.granule;
		result = unmap_result(&m, block, part, 0, PTW_OK);
		cr_assert_eq(result.tables, 0u);
		cr_assert_eq(m.kind, PTW_FLUSH_LEAF);
		cr_assert_eq(m.level, 0u);
		cr_assert_eq(m.ranges, 1u);
		cr_assert_eq(m.flushed.start, block);
		cr_assert_eq(m.flushed.end, part);
		/* Where one must not make before one has broken. */
		cr_assert_eq(probed, breaks ? PTW_ERR_AGAIN : PTW_ERR_HOLE, "%s: %d", preset,
			     probed);
		cr_assert_eq(query_error(&m, probe), PTW_ERR_HOLE);
		/* Two whole tables. */
		m.flushes = 0;
		result = unmap_result(&m, block, 3 * block, 0, PTW_OK);
		cr_assert_eq(result.tables, 2u);
		cr_assert_eq(m.flushes, 1u);
		cr_assert_eq(m.kind, PTW_FLUSH_TABLE);
		cr_assert_eq(m.level, 0u);
		cr_assert_eq(m.ranges, 1u);
		cr_assert_eq(m.range[0].start, block);
		cr_assert_eq(m.range[0].end, 3 * block);
		cr_assert_eq(retired_in_flush, 0u, "%s: retired before the flush", preset);
		cr_assert_eq(tables_in_flush, tables);
		cr_assert_eq(probed, breaks ? PTW_ERR_AGAIN : PTW_ERR_HOLE);
		cr_assert_eq(query_error(&m, probe), PTW_ERR_HOLE);
		machine_info(&m);
		cr_assert_eq(m.info.tables, tables - 2);
		cr_assert_eq(ptw_barrier(), PTW_OK);
		machine_info(&m);
		cr_assert_eq(m.info.tables_retired, 0u);
		assert_sound(&m);
		m.in_flush = NULL;
		/* Again, now with a block where the table was. */
		map_levels(&m, block, 2 * block, 0, 0);
		assert_level(&m, block, 1);
		touch(&m, block);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* Retired tables stay as long as somebody reads. */
static atomic_bool reading;

static void *read_for_a_while(void *argument)
{
	ptw_thread_register();
	ptw_read_lock();
	atomic_store(&reading, true);
	while (atomic_load(&reading))
		sched_yield();
	ptw_read_unlock();
	ptw_thread_unregister();
	return argument;
}

Test(unmap, refused_where_it_could_deadlock)
{
	struct ptw_map map = { .size = sizeof(map), .prot = PTW_PROT_READ };

	machine_open(&m, "ept4");
	map_levels(&m, 0, m.granule, 0, 1);
	ptw_read_lock();
	cr_assert_eq(ptw_unmap(m.pgtable, 0, m.granule, NULL, NULL), PTW_ERR_CONTEXT);
	cr_assert_eq(ptw_map(m.pgtable, m.granule, 2 * m.granule, 0, &map, NULL), PTW_ERR_CONTEXT);
	cr_assert_eq(ptw_barrier(), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(ptw_test_young(m.pgtable, 0), 0);
	machine_close(&m);
}

Test(unmap, retired_tables_wait_for_readers)
{
	const struct timespec wait = { .tv_nsec = 30 * 1000 * 1000 };
	pthread_t reader;
	uint64_t block;

	machine_open(&m, "ept4");
	block = entry_size(&m, 1);
	map_levels(&m, 0, block, 0, 1);
	/* A reader that may still be in the table. */
	cr_assert_eq(pthread_create(&reader, NULL, read_for_a_while, NULL), 0);
	while (!atomic_load(&reading))
		sched_yield();
	unmap_result(&m, 0, block, 0, PTW_OK);
	nanosleep(&wait, NULL);
	machine_info(&m);
	cr_assert_eq(m.info.tables_retired, 3u);
	atomic_store(&reading, false);
	pthread_join(reader, NULL);
	cr_assert_eq(ptw_barrier(), PTW_OK);
	machine_info(&m);
	cr_assert_eq(m.info.tables_retired, 0u);
	cr_assert_eq(m.info.tables, 0u);
	machine_close(&m);
}

/* The last flush: from `start` to `end`, ascending, with `size` bytes after every `step`. */
static void assert_flushed(uint64_t start, uint64_t end, uint64_t step, uint64_t size)
{
	unsigned int r = 0;

	cr_assert_eq(m.range[0].start, start);
	cr_assert_eq(m.range[m.ranges - 1].end, end);
	for (unsigned int i = 1; i < m.ranges; i++)
		cr_assert_lt(m.range[i - 1].end, m.range[i].start);
	for (uint64_t ia = start; ia < end; ia += step) {
		while (m.range[r].end <= ia)
			r++;
		cr_assert(m.range[r].start <= ia && m.range[r].end >= ia + size,
			  "%#" PRIx64 " was not flushed", ia);
	}
}

Test(unmap, flush_of_scattered_ranges)
{
	uint64_t g, block;

	/* Empty tables that went back would be flushed as well. */
	machine_open_keeping(&m, "x86-64");
	g = m.granule;
	block = entry_size(&m, 1);
	map_levels(&m, 0, g, 0, 1);
	map_levels(&m, 2 * g, 4 * g, 0, 1);
	map_levels(&m, block, 2 * block, 0, 2);
	unmap_result(&m, 0, 5 * block, 0, PTW_OK);
	cr_assert_eq(m.flushes, 1u);
	cr_assert_eq(m.kind, PTW_FLUSH_TABLE);
	cr_assert_eq(m.level, 1u);
	/* The table was unlinked, so all of its range; the block touches it. */
	cr_assert_eq(m.ranges, 1u);
	cr_assert_eq(m.range[0].start, 0u);
	cr_assert_eq(m.range[0].end, 2 * block);
	/* Nothing there, nothing to flush. */
	unmap_result(&m, 0, 5 * block, 0, PTW_OK);
	cr_assert_eq(m.flushes, 1u);
	/* Pieces of one word of pages are one range; ascending, and none is forgotten. */
	for (unsigned int i = 0; i < 40; i++)
		map_levels(&m, (2 * i + 1) * g, (2 * i + 2) * g, 0, 1);
	unmap_result(&m, 0, 100 * g, 0, PTW_OK);
	assert_flushed(g, 80 * g, 2 * g, g);
	cr_assert_eq(m.ranges, 2u);
	/* More pieces than the hook is given. */
	for (unsigned int i = 0; i < 40; i++)
		map_levels(&m, (2 * i + 1) * block, (2 * i + 1) * block + g, 0, 1);
	m.flushes = 0;
	unmap_result(&m, block, 100 * block, 0, PTW_OK);
	cr_assert_eq(m.flushes, 1u);
	cr_assert_eq(m.ranges, 16u);
	assert_flushed(block, 80 * block, 2 * block, block);
	machine_close(&m);
}

Test(unmap, everything_at_once)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result;
		uint64_t block, top, tables;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		top = entry_size(&m, m.info.levels - 1);
		map_levels(&m, block, block + 2 * m.granule, 0, 1);
		map_levels(&m, top, top + block, 0, 0);
		map_levels(&m, top - m.granule, top, 0, 1);
		touch(&m, top);
		machine_info(&m);
		tables = m.info.tables;
		result = unmap_result(&m, 0, m.ia_end, 0, PTW_OK);
		cr_assert_eq(result.tables, tables);
		cr_assert_eq(result.leaves, 4u);
		cr_assert_eq(result.young_extents, 1u);
		cr_assert_eq(result.young_pages, block / m.granule);
		cr_assert_eq(result.holes, (m.ia_end - block) / m.granule - 3);
		machine_info(&m);
		cr_assert_eq(m.info.tables, 0u);
		assert_sound(&m);
		map_levels(&m, 0, m.granule, 0, 0);
		assert_sound(&m);
		machine_close(&m);
	}
}
