/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What tables tell of a range before its leaves are read. */
#include "tests/unit/fake_mmu.h"

#define GIB ((uint64_t)1 << 30)
#define RUNS 8u

static struct machine m;
static struct ptw_mmu mmu;
static struct ptw_space *space;
static struct {
	uint64_t start;
	uint64_t end;
	int told;
} run[RUNS];
static unsigned int runs;

static void note(void *context, uint64_t start, uint64_t end, int told)
{
	cr_assert_eq(context, run);
	cr_assert_lt(runs, RUNS);
	run[runs].start = start;
	run[runs].end = end;
	run[runs++].told = told;
}

static int ask(uint64_t start, uint64_t end, uint32_t effort)
{
	const struct ptw_touched how = {
		.size = sizeof(how), .effort = effort, .note = note, .context = run};

	runs = 0;
	return ptw_space_touched(space, start, end, &how);
}

/* Runs that were told, one after the other. */
#define told(i, a, b, t)                              \
	do {                                          \
		cr_assert_eq(run[i].start, (a), "%u", (unsigned int)run[i].start); \
		cr_assert_eq(run[i].end, (b), "%u", (unsigned int)run[i].end);   \
		cr_assert_eq(run[i].told, (t));       \
	} while (0)

static void open_host(const char *preset)
{
	const struct ptw_mmu_table config = {
		.size = sizeof(config), .pgtables = &m.pgtable, .count = 1, .frame_lg2 = 12};

	machine_open(&m, preset);
	cr_assert_eq(ptw_mmu_table_create(&config, &mmu), PTW_OK);
	space = space_open(&mmu);
}

static void close_host(void)
{
	space_close(space);
	ptw_mmu_destroy(&mmu);
	machine_close(&m);
}

Test(touched, tables_and_blocks)
{
	open_host("x86-64");
	/* Tables for pages 0 to 8191, a block of 512 pages at 8192, one of a GiB behind it. */
	map_levels(&m, 0, 32 << 20, 0, 1);
	map_levels(&m, 32 << 20, 34 << 20, 32 << 20, 0);
	map_levels(&m, GIB, 2 * GIB, GIB, 0);
	assert_level(&m, GIB, 2);
	touch(&m, 32 << 20);
	touch(&m, 0);
	forget_flushes(&m);
	cr_assert_eq(ask(0, 2 * GIB >> 12, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(m.flushes, 1u);
	cr_assert_eq(m.kind, PTW_FLUSH_TABLE);
	forget_flushes(&m);
	cr_assert_eq(ask(0, 2 * GIB >> 12, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(m.flushes, 0u, "no table entry was cleared");
	/* Young blocks are told until they are read, and one above level 1 always. */
	cr_assert_eq(runs, 2u);
	told(0, 8192, 8704, 1);
	told(1, GIB >> 12, 2 * GIB >> 12, 1);
	touch(&m, (uint64_t)1030 << 12);
	touch(&m, (uint64_t)2000 << 12);
	touch(&m, (uint64_t)5000 << 12);
	cr_assert_eq(ask(0, 8192, PTW_EFFORT_PRIMARY), PTW_OK);
	cr_assert_eq(runs, 2u);
	told(0, 1024, 2048, 1);
	told(1, 4608, 5120, 1);
	/* A table that the range cuts is told in any case, and left for who asks about the rest. */
	touch(&m, (uint64_t)100 << 12);
	for (unsigned int i = 0; i < 2; i++) {
		cr_assert_eq(ask(64, 1000, PTW_EFFORT_FAST), PTW_OK);
		cr_assert_eq(runs, 1u);
		told(0, 64, 1000, 1);
	}
	cr_assert_eq(ask(0, 1024, PTW_EFFORT_FAST), PTW_OK);
	cr_assert_eq(runs, 1u);
	told(0, 0, 512, 1);
	cr_assert_eq(ask(0, 1024, PTW_EFFORT_FAST), PTW_OK);
	cr_assert_eq(runs, 0u);
	close_host();
}

/* What a hint cleared is not flushed: a processor would go on using it, and the entry stay old. */
Test(touched, after_a_hint)
{
	struct ptw_prune prune = {.size = sizeof(prune), .full_every = 64};
	const struct ptw_harvest hint = {
		.size = sizeof(hint), .flags = PTW_HARVEST_ACCESSED, .prune = &prune};

	open_host("x86-64");
	map_levels(&m, 0, 2 << 20, 0, 1);
	touch(&m, 0);
	cr_assert_eq(ptw_harvest(m.pgtable, 0, 2 << 20, &hint, NULL), PTW_OK);
	forget_flushes(&m);
	cr_assert_eq(ask(0, 512, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(runs, 0u);
	cr_assert_eq(m.flushes, 1u, "an entry that is old may be cached as accessed");
	close_host();
}

/* More than is noted at a time. */
Test(touched, long_range)
{
	open_host("x86-64");
	for (uint64_t ia = 0; ia < 40 * GIB; ia += 4 * GIB)
		map_levels(&m, ia + 4096, ia + 8192, 0, 1);
	cr_assert_eq(ask(0, 40 * GIB >> 12, PTW_EFFORT_ALL), PTW_OK);
	forget_flushes(&m);
	touch(&m, 8 * GIB + 4096);
	touch(&m, 36 * GIB + 4096);
	cr_assert_eq(ask(0, 40 * GIB >> 12, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(m.flushes, 1u);
	cr_assert_eq(runs, 2u);
	told(0, 8 * GIB >> 12, (8 * GIB >> 12) + 512, 1);
	told(1, 36 * GIB >> 12, (36 * GIB >> 12) + 512, 1);
	close_host();
}

/* Nothing to flush: no entry was cleared, or those that were read are blocks, or cut by the range. */
Test(touched, flushes)
{
	open_host("x86-64");
	map_levels(&m, 0, 4 << 20, 0, 1);
	map_levels(&m, 4 << 20, 6 << 20, 4 << 20, 0);
	assert_level(&m, 4 << 20, 1);
	cr_assert_eq(ask(0, 2048, PTW_EFFORT_ALL), PTW_OK);
	forget_flushes(&m);
	touch(&m, 4 << 20);
	touch(&m, 4096);
	cr_assert_eq(ask(512, 2048, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(runs, 1u, "a block");
	cr_assert_eq(ask(0, 8, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(runs, 1u, "a table that is cut");
	cr_assert_eq(m.flushes, 0u);
	cr_assert_eq(ask(0, 512, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(runs, 1u);
	cr_assert_eq(m.flushes, 1u);
	cr_assert_eq(ask(0, 512, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(runs, 0u);
	cr_assert_eq(m.flushes, 1u);
	close_host();
}

/* The upper half of the addresses, with their sign: by itself, and behind the lower one. */
Test(touched, upper_half)
{
	const uint64_t upper = ~(uint64_t)0 << 47 >> 12, end = (uint64_t)1 << 52;
	const uint64_t middle = (uint64_t)1 << 35;

	open_host("x86-64");
	map_levels(&m, 0, 4 << 20, 0, 1);
	map_levels(&m, (uint64_t)1 << 47, ((uint64_t)1 << 47) + (4 << 20), 4 << 20, 1);
	map_levels(&m, ((uint64_t)1 << 48) - (4 << 20), (uint64_t)1 << 48, 8 << 20, 1);
	for (unsigned int i = 0; i < 2; i++) {
		cr_assert_eq(ask(0, GIB >> 12, PTW_EFFORT_ALL), PTW_OK);
		cr_assert_eq(ask(upper, upper + (GIB >> 12), PTW_EFFORT_ALL), PTW_OK);
		cr_assert_eq(ask(end - (GIB >> 12), end, PTW_EFFORT_ALL), PTW_OK);
	}
	cr_assert_eq(runs, 0u);
	forget_flushes(&m);
	touch(&m, ((uint64_t)1 << 47) + (2 << 20));
	touch(&m, ((uint64_t)1 << 48) - 4096);
	cr_assert_eq(ask(upper + 512, upper + 8192, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(runs, 1u);
	told(0, upper + 512, upper + 1024, 1);
	cr_assert_eq(ask(end - 8192, end, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(runs, 1u);
	told(0, end - 512, end, 1);
	cr_assert_eq(m.flushes, 2u);
	touch(&m, ((uint64_t)1 << 47) + (2 << 20));
	touch(&m, 2 << 20);
	cr_assert_eq(ask(512, upper + 8192, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(runs, 3u);
	told(0, 512, 1024, 1);
	told(1, middle, 2 * middle, 1);
	told(2, upper + 512, upper + 1024, 1);
	cr_assert_eq(m.flushes, 4u);
	cr_assert_eq(ask(512, upper + 8192, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(runs, 1u, "the same without its sign is told in any case");
	cr_assert_eq(ask(middle + 512, upper + 8192, PTW_EFFORT_ALL), PTW_OK);
	told(0, middle + 512, 2 * middle, 1);
	cr_assert_eq(m.flushes, 4u);
	close_host();
}

/* Who cannot tell, and who is not asked. */
Test(touched, who_is_asked)
{
	static struct fake fast, slow;

	open_host("x86-64");
	map_levels(&m, 0, 4 << 20, 0, 1);
	fake_open(&fast, FAKE_FAST | FAKE_PLAIN, 1, 4096);
	fake_open(&slow, FAKE_PLAIN, 1, 4096);
	space_register(space, &fast, 0);
	space_register(space, &slow, 0);
	space_slot(space, 1, 0, 0, 300, 100);
	space_slot(space, 2, 0, 0, 200, 1000);
	cr_assert_eq(ask(0, 1024, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(ask(0, 1024, PTW_EFFORT_PRIMARY), PTW_OK);
	cr_assert_eq(runs, 0u);
	cr_assert_eq(ask(0, 1024, PTW_EFFORT_FAST), PTW_OK);
	cr_assert_eq(runs, 1u);
	told(0, 100, 400, 0);
	cr_assert_eq(ask(200, 1100, PTW_EFFORT_ALL), PTW_OK);
	told(runs - 2, 200, 400, 0);
	told(runs - 1, 1000, 1100, 0);
	cr_assert_eq(fake_calls(&fast) + fake_calls(&slow), 0u);
	close_host();
	fake_close(&fast);
	fake_close(&slow);

	/* Entries of tables have no accessed bits here. */
	open_host("arm64-s1-4k");
	cr_assert_eq(ask(0, 1024, PTW_EFFORT_FAST), PTW_OK);
	cr_assert_eq(runs, 1u);
	told(0, 0, 1024, 0);
	close_host();
}

Test(touched, arguments)
{
	struct ptw_touched how = {.size = sizeof(how), .note = note, .context = run};

	open_host("x86-64");
	runs = 0;
	cr_assert_eq(ptw_space_touched(NULL, 0, 1, &how), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_touched(space, 0, 1, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_touched(space, 1, 1, &how), PTW_ERR_RANGE);
	how.effort = PTW_EFFORT_ALL + 1;
	cr_assert_eq(ptw_space_touched(space, 0, 1, &how), PTW_ERR_ARG);
	how.effort = 0;
	how.reserved = 1;
	cr_assert_eq(ptw_space_touched(space, 0, 1, &how), PTW_ERR_ARG);
	how.reserved = 0;
	how.note = NULL;
	cr_assert_eq(ptw_space_touched(space, 0, 1, &how), PTW_ERR_ARG);
	how.note = note;
	how.size--;
	cr_assert_eq(ptw_space_touched(space, 0, 1, &how), PTW_ERR_SIZE);
	how.size++;
	ptw_read_lock();
	cr_assert_eq(ptw_space_touched(space, 0, 1, &how), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(runs, 0u);
	close_host();
}
