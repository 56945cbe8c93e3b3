/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The limit on tables that wait for a grace period, while a reader sits in a section. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/unit/changes.h"

static struct machine m;

static pthread_t reader;
static atomic_bool reading;

static void *sit(void *argument)
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

static void reader_comes(void)
{
	cr_assert_eq(pthread_create(&reader, NULL, sit, NULL), 0);
	while (!atomic_load(&reading))
		sched_yield();
}

static void reader_goes(void)
{
	atomic_store(&reading, false);
	cr_assert_eq(pthread_join(reader, NULL), 0);
}

#define BLOCKS 6 /* all presets have as many in one table */

/* Tables of pages at blocks 0..5, at most `limit` of which may wait. */
static uint64_t open_limited(const char *preset, uint32_t flags, uint32_t limit)
{
	uint64_t block;

	machine_preset(&m, preset);
	m.config.flags |= flags;
	m.config.backlog_limit = limit;
	m.config.reclaim_delay = PTW_RECLAIM_NEVER;
	machine_start(&m, 0);
	block = entry_size(&m, 1);
	map_levels(&m, 0, BLOCKS * block, 0, 1);
	return block;
}

static uint64_t retired_now(void)
{
	machine_info(&m);
	return m.info.tables_retired;
}

Test(backlog, tells, .timeout = 240)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result;
		uint64_t block, before;
		unsigned int flushes;

		block = open_limited(preset, PTW_BACKLOG_TELL, 2);
		/* So that there is something to reclaim. */
		unmap_result(&m, 0, block / 2, 0, PTW_OK);
		unmap_result(&m, block / 2, block, 0, PTW_OK);
		cr_assert_eq(ptw_barrier(), PTW_OK);
		reader_comes();
		/* A call that begins below the limit may go beyond it. */
		unmap_result(&m, block, 2 * block, 0, PTW_OK);
		cr_assert_eq(retired_now(), 1u);
		cr_assert_eq(unmap_result(&m, 2 * block, 4 * block, 0, PTW_OK).tables, 2u);
		cr_assert_eq(retired_now(), 3u);
		before = fingerprint(&m);
		flushes = m.flushes;
		result = unmap_result(&m, 4 * block, 5 * block, 0, PTW_ERR_BACKLOG);
		cr_assert_eq(result.reached, 4 * block);
		cr_assert_eq(result.leaves | result.tables | result.holes, 0u);
		/* Also one that would not retire any; nobody can know before. */
		unmap_result(&m, 4 * block, 4 * block + m.granule, 0, PTW_ERR_BACKLOG);
		result = collapse_result(&m, 4 * block, 5 * block, 1, PTW_ERR_BACKLOG);
		cr_assert_eq(result.reached, 4 * block);
		result = reclaim_result(&m, 0, block, PTW_ERR_BACKLOG);
		cr_assert_eq(result.reached, 0u);
		reclaim_result(&m, 0, 0, PTW_ERR_BACKLOG);
		cr_assert_eq(fingerprint(&m), before);
		cr_assert_eq(m.flushes, flushes);
		cr_assert_eq(retired_now(), 3u);
		/* What retires nothing goes on. */
		map_levels(&m, 2 * block, 3 * block, 0, 2);
		split_result(&m, 2 * block, 3 * block, 0, PTW_OK);
		cr_assert_eq(ptw_protect(m.pgtable, 5 * block, 6 * block, PTW_PROT_READ, NULL,
					 NULL),
			     m.config.format == PTW_FORMAT_ARM64_S1 ? PTW_ERR_UNSUPPORTED : PTW_OK);
		reader_goes();
		cr_assert_eq(ptw_barrier(), PTW_OK);
		cr_assert_eq(retired_now(), 0u);
		unmap_result(&m, 4 * block, 5 * block, 0, PTW_OK);
		cr_assert_eq(reclaim_result(&m, 0, block, PTW_OK).tables, 1u);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* The limit is reached in the middle: what lies before is done, and the rest is as it was. */
static void in_the_middle(const char *preset, unsigned int blocks, uint32_t limit)
{
	struct ptw_change_result result;
	struct ptw_harvest_result found = { .size = sizeof(found) };
	const struct ptw_harvest dirty = { .size = sizeof(dirty), .flags = PTW_HARVEST_DIRTY };
	uint64_t block, end, total;

	block = open_limited(preset, PTW_BACKLOG_TELL, limit);
	end = blocks * block;
	map_levels(&m, BLOCKS * block, end, BLOCKS * block, 1);
	for (unsigned int i = 0; i < blocks; i++)
		touch_write(&m, i * block);
	reader_comes();
	result = unmap_result(&m, 0, end, 0, PTW_ERR_BACKLOG);
	cr_assert_gt(result.reached, 0u);
	cr_assert_lt(result.reached, end);
	cr_assert_eq(result.reached % block, 0u);
	/* Tables of tables that the range covers whole, as well. */
	cr_assert_eq(result.tables, result.reached / block + result.reached / entry_size(&m, 2));
	cr_assert_eq(result.dirty_extents, result.reached / block);
	cr_assert_geq(retired_now(), limit);
	cr_assert_eq(retired_now(), result.tables);
	total = result.dirty_extents;
	cr_assert_eq(query_error(&m, 0), PTW_ERR_HOLE);
	cr_assert_eq(query_error(&m, result.reached - 1), PTW_ERR_HOLE);
	look(&m, result.reached, end, result.reached);
	assert_sound(&m);
	cr_assert_eq(ptw_harvest(m.pgtable, 0, end, &dirty, &found), PTW_OK);
	cr_assert_eq(total + found.dirty_extents, blocks);
	/* A repeat with room goes on there. */
	reader_goes();
	while (result.reached < end) {
		int ret;

		cr_assert_eq(ptw_barrier(), PTW_OK);
		ret = ptw_unmap(m.pgtable, result.reached, end, NULL, &result);
		cr_assert(ret == PTW_OK || ret == PTW_ERR_BACKLOG, "%s", ptw_strerror(ret));
	}
	assert_sound(&m);
	cr_assert_eq(query_error(&m, end - 1), PTW_ERR_HOLE);
	machine_close(&m);
}

Test(backlog, tells_in_the_middle, .timeout = 240)
{
	in_the_middle("arm64-s2-4k", 100, 40);
	in_the_middle("ept4", 1200, 100);
	in_the_middle("arm64-s1-16k", 100, 1);
}

/* Without PTW_BACKLOG_TELL the call waits until the reader has gone. */
static atomic_int waited;
static atomic_bool waiting;
static uint64_t wait_start, wait_end;

static void *unmap_and_wait(void *argument)
{
	ptw_thread_register();
	atomic_store(&waiting, true);
	atomic_store(&waited, ptw_unmap(m.pgtable, wait_start, wait_end, NULL, NULL));
	ptw_thread_unregister();
	return argument;
}

static void waits(const char *preset)
{
	const struct timespec a_while = { .tv_nsec = 30 * 1000 * 1000 };
	pthread_t writer;
	uint64_t block;

	block = open_limited(preset, 0, 2);
	reader_comes();
	unmap_result(&m, 0, 2 * block, 0, PTW_OK);
	cr_assert_eq(retired_now(), 2u);
	atomic_store(&waited, 1);
	atomic_store(&waiting, false);
	wait_start = 2 * block;
	wait_end = 4 * block;
	cr_assert_eq(pthread_create(&writer, NULL, unmap_and_wait, NULL), 0);
	while (!atomic_load(&waiting))
		sched_yield();
	nanosleep(&a_while, NULL);
	cr_assert_eq(atomic_load(&waited), 1, "%s: did not wait", preset);
	/* It owns nothing meanwhile. */
	cr_assert_eq(query_error(&m, 2 * block), PTW_OK);
	map_levels(&m, 0, block, 0, 2);
	assert_sound(&m);
	reader_goes();
	/* With QSBR a registered thread that waits holds up the grace period that the writer waits for. */
	ptw_thread_unregister();
	cr_assert_eq(pthread_join(writer, NULL), 0);
	ptw_thread_register();
	cr_assert_eq(atomic_load(&waited), PTW_OK);
	cr_assert_eq(query_error(&m, 2 * block), PTW_ERR_HOLE);
	cr_assert_eq(query_error(&m, 4 * block), PTW_OK);
	cr_assert_leq(retired_now(), 2u, "the first two were freed before");
	assert_sound(&m);
	machine_close(&m);
}

Test(backlog, waits, .timeout = 240)
{
	waits("ept4");
	waits("arm64-s2-64k");
	waits("perverse");
}

/* The natural limit is far away. */
Test(backlog, default_limit)
{
	uint64_t block;

	block = open_limited("ept4", PTW_BACKLOG_TELL, 0);
	reader_comes();
	for (unsigned int i = 0; i < 1000; i++) {
		unmap_result(&m, 0, block, 0, PTW_OK);
		map_levels(&m, 0, block, 0, 1);
	}
	cr_assert_eq(retired_now(), 1000u);
	reader_goes();
	machine_close(&m);
}
