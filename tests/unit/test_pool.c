/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Huge pages behind tables: where they are asked for, where not, and what the page table says of
 * its memory. What the kernel really gave is read in /proc/self/smaps. And pools that several threads
 * take tables from: the budget, and the caller's allocator.
 */
#include "tests/unit/pgtable_machine.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <ptw/port.h>

#define HUGE ((uint64_t)2 << 20)
/* Of 4 KiB, with metadata, in a chunk of 2 MiB. */
#define PER_CHUNK 506u

static struct machine m;

/* Memory of this process. */
struct smaps {
	uint64_t resident;
	uint64_t huge; /* of that, by huge pages */
};

static struct smaps memory_now(void)
{
	struct smaps all = { 0, 0 };
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long long kib;
	char line[256];

	cr_assert_not_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Anonymous: %llu kB", &kib) == 1)
			all.resident += kib * 1024;
		if (sscanf(line, "AnonHugePages: %llu kB", &kib) == 1)
			all.huge += kib * 1024;
	}
	fclose(file);
	return all;
}

/* Does this system give huge pages to who asks? */
static bool system_has_huge_pages(void)
{
	char *memory = mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct smaps before = memory_now();
	uint64_t grown = 0;
	char *at;

	cr_assert_neq((void *)memory, MAP_FAILED);
	at = (char *)(((uintptr_t)memory + HUGE - 1) / HUGE * HUGE);
	if (!madvise(at, HUGE, MADV_HUGEPAGE)) {
		*(volatile char *)at = 1;
		grown = memory_now().huge - before.huge;
	}
	munmap(memory, 2 * HUGE);
	return grown >= HUGE;
}

static void skip_without_huge_pages(void)
{
	if (!system_has_huge_pages())
		cr_skip("the system gives no huge pages, or has none left");
}

/* So many huge pages more than before, unless the system has run out of them meanwhile. */
static void assert_huge(const struct smaps *before, uint64_t pages)
{
	const uint64_t grown = memory_now().huge - before->huge;

	if (grown < pages * HUGE)
		skip_without_huge_pages();
	cr_assert_eq(grown, pages * HUGE);
}

static void open_with(uint32_t flags)
{
	const struct ptw_pool_config pool = { .size = sizeof(pool), .flags = flags };

	machine_preset(&m, "ept4");
	m.config.pool = &pool;
	machine_start(&m, 0);
}

/* So many leaf tables more. */
static void grow(unsigned int from, unsigned int tables)
{
	for (unsigned int i = from; i < from + tables; i++)
		map_levels(&m, i * entry_size(&m, 1), i * entry_size(&m, 1) + m.granule, 0, 1);
	machine_info(&m);
}

/* The page table's memory is what it says, within what else the process took meanwhile. */
static void assert_honest(const struct smaps *before)
{
	const struct smaps now = memory_now();
	const uint64_t grown = now.resident - before->resident;

	cr_assert_leq(grown, m.info.bytes + (256u << 10), "%" PRIu64 " resident, %" PRIu64 " told",
		      grown, m.info.bytes);
	cr_assert_geq(grown + (256u << 10), m.info.bytes, "%" PRIu64 " resident, %" PRIu64 " told",
		      grown, m.info.bytes);
}

/* Sanitizers have memory of their own behind every byte, and tell of it as ours. */
static bool memory_is_ours(void)
{
	return test_slowness() == 1;
}

/* A few tables take no huge page, whatever the system does by itself; a large pool grows by huge pages. */
Test(huge, large_pools_only, .timeout = 120)
{
	struct smaps before;
	uint64_t bytes;

	skip_without_huge_pages();
	ptw_thread_register();
	before = memory_now();
	open_with(0);
	grow(0, 10);
	cr_assert_eq(memory_now().huge, before.huge);
	cr_assert_lt(m.info.bytes, 100u << 10);
	/* One chunk has the tables above leaf tables. */
	grow(10, 14 * PER_CHUNK);
	cr_assert_eq(memory_now().huge, before.huge, "below 32 MiB");
	if (memory_is_ours())
		assert_honest(&before);
	/* From the seventeenth chunk on. */
	grow(10 + 14 * PER_CHUNK, 2 * PER_CHUNK);
	assert_huge(&before, 2);
	if (memory_is_ours())
		assert_honest(&before);
	/* It was all counted when the chunk began, but for a table above them. */
	bytes = m.info.bytes;
	grow(10 + 16 * PER_CHUNK, 100);
	cr_assert_leq(m.info.bytes - bytes, 8u << 10);
	assert_sound(&m);
	machine_close(&m);
	cr_assert_eq(memory_now().huge, before.huge, "all gone");
}

Test(huge, always)
{
	struct smaps before;

	skip_without_huge_pages();
	ptw_thread_register();
	before = memory_now();
	open_with(PTW_POOL_HUGE_ALWAYS);
	grow(0, 1);
	assert_huge(&before, 1);
	cr_assert_geq(m.info.bytes, HUGE);
	cr_assert_lt(m.info.bytes, HUGE + (64u << 10));
	grow(1, PER_CHUNK);
	assert_huge(&before, 2);
	if (memory_is_ours())
		assert_honest(&before);
	assert_sound(&m);
	machine_close(&m);
}

Test(huge, never, .timeout = 120)
{
	struct smaps before;

	ptw_thread_register();
	before = memory_now();
	open_with(PTW_POOL_HUGE_NEVER);
	grow(0, 17 * PER_CHUNK);
	cr_assert_eq(memory_now().huge, before.huge);
	if (memory_is_ours())
		assert_honest(&before);
	machine_close(&m);
}

/* Where the process may have none, nothing is counted that is not there. */
Test(huge, asked_for_in_vain)
{
	struct smaps before;

	if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		cr_skip("huge pages cannot be switched off here");
	ptw_thread_register();
	before = memory_now();
	open_with(PTW_POOL_HUGE_ALWAYS);
	grow(0, 3);
	cr_assert_eq(memory_now().huge, before.huge);
	cr_assert_lt(m.info.bytes, 64u << 10);
	if (memory_is_ours())
		assert_honest(&before);
	machine_close(&m);
}

/* Tables larger than a page, in chunks larger than a huge page: only what is touched is counted. */
Test(huge, chunks_of_several)
{
	const struct ptw_pool_config pool = { .size = sizeof(pool), .flags = PTW_POOL_HUGE_ALWAYS };
	struct smaps before;

	skip_without_huge_pages();
	ptw_thread_register();
	before = memory_now();
	machine_preset(&m, "arm64-s2-64k");
	m.config.pool = &pool;
	machine_start(&m, 0);
	grow(0, 1);
	assert_huge(&before, 1);
	grow(1, 100);
	assert_huge(&before, 4);
	if (memory_is_ours())
		assert_honest(&before);
	assert_sound(&m);
	machine_close(&m);
}

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif

#ifdef ASAN
#include <sanitizer/asan_interface.h>
#endif

/* A table that went back is poison, its neighbours in the same huge page are not. */
Test(huge, poison)
{
#ifndef ASAN
	cr_skip("only AddressSanitizer has poison");
#else
	const struct ptw_pool_config config = { .size = sizeof(config),
						.flags = PTW_POOL_HUGE_ALWAYS };
	struct ptw_pool *pool;
	char *table[4];

	cr_assert_eq(ptw_port_pool_create(&config, 4096, 48, &pool), PTW_OK);
	for (unsigned int i = 0; i < 4; i++) {
		table[i] = ptw_port_table_alloc(pool, 0);
		cr_assert_not_null(table[i]);
		memset(table[i], 1, 4096);
	}
	ptw_port_table_free(pool, table[1]);
	for (unsigned int i = 0; i < 4; i++) {
		cr_assert_eq(__asan_address_is_poisoned(table[i]), i == 1);
		cr_assert_eq(__asan_address_is_poisoned(table[i] + 4095), i == 1);
	}
	cr_assert_eq((void *)ptw_port_table_alloc(pool, 0), (void *)table[1]);
	cr_assert_not(__asan_address_is_poisoned(table[1]));
	ptw_port_pool_destroy(pool);
#endif
}

/* An allocator that takes its time, and tells how many are in it at once. */
static struct source {
	uint64_t inside, most, calls; /* relaxed: counters */
	uint64_t fail;		      /* 1: there is no memory */
	uint64_t hold;		      /* 1: nobody comes out */
} source;

static void *slow_alloc(void *context, size_t bytes, size_t align)
{
	struct source *s = context;
	const uint64_t inside = __atomic_add_fetch(&s->inside, 1, __ATOMIC_RELAXED);
	uint64_t most = __atomic_load_n(&s->most, __ATOMIC_RELAXED);
	void *memory = NULL;

	while (inside > most && !__atomic_compare_exchange_n(&s->most, &most, inside, false,
							     __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	__atomic_add_fetch(&s->calls, 1, __ATOMIC_RELAXED);
	do
		usleep(1000);
	while (__atomic_load_n(&s->hold, __ATOMIC_RELAXED));
	if (!__atomic_load_n(&s->fail, __ATOMIC_RELAXED))
		memory = aligned_alloc(align, bytes);
	__atomic_sub_fetch(&s->inside, 1, __ATOMIC_RELAXED);
	return memory;
}

static void slow_free(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(memory);
}

/* Chunks of so many bytes; of 8 KiB they hold one table each. */
static struct ptw_pool *slow_pool(uint32_t chunk_lg2, uint64_t max_tables)
{
	const struct ptw_pool_config config = {
		.size = sizeof(config),
		.context = &source,
		.chunk_alloc = slow_alloc,
		.chunk_free = slow_free,
		.chunk_lg2 = chunk_lg2,
		.max_tables = max_tables,
	};
	struct ptw_pool *pool;

	source = (struct source){ 0 };
	cr_assert_eq(ptw_port_pool_create(&config, 4096, 48, &pool), PTW_OK);
	return pool;
}

#define TAKERS	   6
#define TAKES	   10
#define TAKEN_MOST (TAKERS * TAKES)

static struct taker {
	pthread_t thread;
	pthread_barrier_t *start;
	struct ptw_pool *pool;
	void *table[TAKES];
	unsigned int tables;
} taker[TAKERS];

static void *take_tables(void *context)
{
	struct taker *t = context;

	t->tables = 0;
	pthread_barrier_wait(t->start);
	for (unsigned int i = 0; i < TAKES; i++) {
		t->table[t->tables] = ptw_port_table_alloc(t->pool, 0);
		if (!t->table[t->tables])
			continue;
		memset(t->table[t->tables], (int)(t - taker) + 1, 4096);
		t->tables++;
	}
	return NULL;
}

/* All at once; how many tables they got. */
static unsigned int take_by_threads(struct ptw_pool *pool)
{
	pthread_barrier_t start;
	unsigned int tables = 0;

	cr_assert_eq(pthread_barrier_init(&start, NULL, TAKERS), 0);
	for (unsigned int i = 0; i < TAKERS; i++) {
		taker[i].start = &start;
		taker[i].pool = pool;
		cr_assert_eq(pthread_create(&taker[i].thread, NULL, take_tables, &taker[i]), 0);
	}
	for (unsigned int i = 0; i < TAKERS; i++) {
		pthread_join(taker[i].thread, NULL);
		tables += taker[i].tables;
	}
	pthread_barrier_destroy(&start);
	return tables;
}

static void give_back(struct ptw_pool *pool)
{
	for (unsigned int i = 0; i < TAKERS; i++) {
		for (unsigned int n = 0; n < taker[i].tables; n++) {
			const unsigned char *table = taker[i].table[n];

			/* Nobody else had it. */
			cr_assert_eq(table[0], i + 1);
			cr_assert_eq(table[4095], i + 1);
			ptw_port_table_free(pool, taker[i].table[n]);
		}
	}
}

/* The budget holds while all who want a table wait for memory: not one more, and not one less. */
Test(pool_threads, budget)
{
	static const uint64_t budgets[] = { 1, 5, 20, TAKEN_MOST, TAKEN_MOST + 1, 0 };

	for (unsigned int i = 0; i < sizeof(budgets) / sizeof(budgets[0]); i++) {
		const uint64_t budget = budgets[i];
		const uint64_t room = budget && budget < TAKEN_MOST ? budget : TAKEN_MOST;
		struct ptw_pool *pool = slow_pool(13, budget);

		for (unsigned int turn = 0; turn < 2; turn++) {
			cr_assert_eq(take_by_threads(pool), room, "budget %u, turn %u",
				     (unsigned int)budget, turn);
			cr_assert_eq(source.calls, room, "in the second turn all are there");
			give_back(pool);
		}
		cr_assert_eq(source.most, 1u, "%u in the allocator at once",
			     (unsigned int)source.most);
		ptw_port_pool_destroy(pool);
	}
}

/* Who finds that somebody grows the pool waits for that, and does not make it grow once more. */
Test(pool_threads, one_chunk_for_all)
{
	struct ptw_pool *pool = slow_pool(21, 0);

	cr_assert_eq(take_by_threads(pool), (unsigned int)TAKEN_MOST);
	cr_assert_eq(source.calls, 1u, "%u chunks", (unsigned int)source.calls);
	give_back(pool);
	ptw_port_pool_destroy(pool);
}

/* A table for which there was no memory does not count. */
Test(pool_threads, budget_without_memory)
{
	struct ptw_pool *pool = slow_pool(13, 20);

	source.fail = 1;
	cr_assert_eq(take_by_threads(pool), 0u);
	cr_assert_gt(source.calls, 0u);
	cr_assert_eq(source.most, 1u);
	source.fail = 0;
	cr_assert_eq(take_by_threads(pool), 20u);
	give_back(pool);
	ptw_port_pool_destroy(pool);
}

/* Tables go back, and are handed out again, while somebody is in the allocator. */
Test(pool_threads, give_back_while_growing, .timeout = 120)
{
	struct ptw_pool *pool = slow_pool(13, 0);
	void *table[2], *again;
	pthread_barrier_t start;

	for (unsigned int i = 0; i < 2; i++) {
		table[i] = ptw_port_table_alloc(pool, 0);
		cr_assert_not_null(table[i]);
	}
	source.hold = 1;
	cr_assert_eq(pthread_barrier_init(&start, NULL, 1), 0);
	taker[0].start = &start;
	taker[0].pool = pool;
	cr_assert_eq(pthread_create(&taker[0].thread, NULL, take_tables, &taker[0]), 0);
	while (!__atomic_load_n(&source.inside, __ATOMIC_RELAXED))
		sched_yield();
	ptw_port_table_free(pool, table[0]);
	ptw_port_table_free(pool, table[1]);
	again = ptw_port_table_alloc(pool, 0);
	cr_assert_eq(again, table[1]);
	cr_assert_eq(__atomic_load_n(&source.inside, __ATOMIC_RELAXED), 1u);
	__atomic_store_n(&source.hold, 0, __ATOMIC_RELAXED);
	pthread_join(taker[0].thread, NULL);
	cr_assert_eq(taker[0].tables, (unsigned int)TAKES);
	/* 11 are in use, and the twelfth is the one that came back. */
	cr_assert_eq(source.calls, 2u + TAKES - 1, "%u chunks", (unsigned int)source.calls);
	pthread_barrier_destroy(&start);
	ptw_port_pool_destroy(pool);
}

static uintptr_t chunk_of(const void *table, unsigned int lg2)
{
	return (uintptr_t)table >> lg2;
}

/* From the second chunk on, leaf tables and those above lie in chunks of their own, also when used again. */
Test(pool_kinds, apart)
{
	enum { LG2 = 16, FIRST = 14, MORE = 40 };
	struct ptw_pool *pool = slow_pool(LG2, 0);
	void *first[FIRST], *table[MORE], *again;

	for (unsigned int i = 0; i < FIRST; i++) {
		first[i] = ptw_port_table_alloc(pool, i % 3);
		cr_assert_not_null(first[i]);
		cr_assert_eq(chunk_of(first[i], LG2), chunk_of(first[0], LG2), "table %u", i);
	}
	while (source.calls == 1) {
		again = ptw_port_table_alloc(pool, 0);
		cr_assert_not_null(again);
	}
	for (unsigned int i = 0; i < MORE; i++) {
		table[i] = ptw_port_table_alloc(pool, i % 2 ? 1 + i % 4 : 0);
		cr_assert_not_null(table[i]);
		for (unsigned int k = 0; k < i; k++)
			if (chunk_of(table[k], LG2) == chunk_of(table[i], LG2))
				cr_assert_eq(k % 2, i % 2, "tables %u and %u", k, i);
	}
	ptw_port_table_free(pool, table[2]);
	ptw_port_table_free(pool, table[3]);
	cr_assert_eq(ptw_port_table_alloc(pool, 2), table[3]);
	cr_assert_eq(ptw_port_table_alloc(pool, 0), table[2]);
	/* Without memory either kind does for the other. */
	source.fail = 1;
	ptw_port_table_free(pool, table[5]);
	for (again = table[0]; again && again != table[5];)
		again = ptw_port_table_alloc(pool, 0);
	cr_assert_eq(again, table[5]);
	ptw_port_table_free(pool, table[6]);
	for (again = table[0]; again && again != table[6];)
		again = ptw_port_table_alloc(pool, 1);
	cr_assert_eq(again, table[6]);
	cr_assert_null(ptw_port_table_alloc(pool, 0));
	cr_assert_null(ptw_port_table_alloc(pool, 1));
	ptw_port_pool_destroy(pool);
}

/* Kinds do not cost twice what was needed, and no memory is not asked for again and again. */
Test(pool_kinds, one_does_for_the_other)
{
	enum { LG2 = 16, TABLES = 600 };
	struct ptw_pool *pool = slow_pool(LG2, 0);
	static void *table[TABLES];
	uint64_t calls;

	for (unsigned int i = 0; i < TABLES; i++) {
		table[i] = ptw_port_table_alloc(pool, 0);
		cr_assert_not_null(table[i]);
	}
	calls = source.calls;
	for (unsigned int i = 0; i < TABLES; i++)
		ptw_port_table_free(pool, table[i]);
	for (unsigned int i = 0; i < TABLES; i++)
		cr_assert_not_null(table[i] = ptw_port_table_alloc(pool, 1));
	cr_assert_leq(source.calls, calls + 1, "%u chunks, then %u", (unsigned int)calls,
		      (unsigned int)source.calls);
	/* None is left, some come back, and there is no memory. */
	source.fail = 1;
	while (ptw_port_table_alloc(pool, 1))
		;
	for (unsigned int i = 0; i < 10; i++)
		ptw_port_table_free(pool, table[i]);
	calls = source.calls;
	for (unsigned int i = 0; i < 10; i++)
		cr_assert_not_null(ptw_port_table_alloc(pool, 1));
	cr_assert_leq(source.calls, calls + 1, "asked %u times", (unsigned int)(source.calls - calls));
	ptw_port_pool_destroy(pool);
}
