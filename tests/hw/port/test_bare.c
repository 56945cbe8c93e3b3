/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The bare port on a machine with an operating system: threads stand for CPUs. First step by step
 * on one thread that says which CPU it is, then two threads that race, for ThreadSanitizer.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/error.h>
#include <ptw/pool.h>
#include <ptw/port.h>

#define MEMORY (1u << 20)
#define ROUNDS 20000

static __thread unsigned int me;
static unsigned char memory[MEMORY];
static unsigned int failures, wrong;

unsigned int ptw_bare_cpu(void)
{
	return me;
}

#define CHECK(what)                                                 \
	do {                                                        \
		if (!(what)) {                                      \
			printf("# line %d: %s\n", __LINE__, #what); \
			wrong++;                                    \
		}                                                   \
	} while (0)

static void end_test(const char *name)
{
	printf("%s - %s\n", wrong ? "not ok" : "ok", name);
	failures += !!wrong;
	wrong = 0;
}

struct item {
	struct ptw_port_rcu_head head; /* first */
	unsigned int ran;
	bool may_block;
};

static void ran(struct ptw_port_rcu_head *head)
{
	struct item *item = (struct item *)(void *)head;

	item->ran++;
	item->may_block = ptw_port_may_block();
}

static void test_sections(void)
{
	struct item a = {.may_block = true}, b = {.ran = 0}, c = {.ran = 0};

	/* Open before: waited for, also when it nests. */
	me = 1;
	ptw_port_read_lock();
	ptw_port_read_lock();
	CHECK(!ptw_port_may_block());
	me = 0;
	CHECK(ptw_port_may_block());
	ptw_port_rcu_call(&a.head, ran);
	ptw_port_rcu_poll();
	CHECK(!a.ran);
	/* Queued later: the next batch, but the order stays. */
	ptw_port_rcu_call(&b.head, ran);
	me = 1;
	ptw_port_read_unlock();
	me = 0;
	ptw_bare_quiescent();
	CHECK(!a.ran && !b.ran);
	me = 1;
	ptw_port_read_unlock();
	CHECK(ptw_port_may_block());
	/* Begun after the batch was made: not waited for. */
	ptw_port_read_lock();
	me = 0;
	ptw_port_rcu_poll();
	CHECK(a.ran == 1 && !a.may_block && !b.ran);
	/* But for b this one is open. */
	ptw_port_rcu_poll();
	CHECK(!b.ran);
	me = 1;
	ptw_port_read_unlock();
	me = 0;
	ptw_port_rcu_poll();
	CHECK(b.ran == 1 && a.ran == 1);
	/* One's own section counts too. */
	ptw_port_read_lock();
	ptw_port_rcu_call(&c.head, ran);
	ptw_port_rcu_poll();
	CHECK(!c.ran);
	ptw_port_read_unlock();
	ptw_port_rcu_poll();
	CHECK(c.ran == 1);
	end_test("a grace period waits for the sections that were open, and no other");
}

static void test_barrier(void)
{
	struct item a = {.ran = 0}, b = {.ran = 0};

	me = 1;
	ptw_port_rcu_call(&a.head, ran);
	me = 0;
	ptw_port_rcu_call(&b.head, ran);
	ptw_port_rcu_barrier();
	CHECK(a.ran == 1 && b.ran == 1);
	end_test("a barrier runs what idle CPUs have queued");
}

static void test_memory(void)
{
	struct ptw_pool_config config = {.size = sizeof(config), .max_tables = 3};
	const uint64_t all = ptw_bare_free_bytes();
	struct ptw_pool *pool = NULL;
	uint64_t *t[4];
	unsigned int spoiled = 0;
	void *run;

	CHECK(ptw_port_pool_create(&config, 16384, 48, &pool) == PTW_OK);
	for (unsigned int i = 0; i < 3; i++) {
		t[i] = ptw_port_table_alloc(pool, 0);
		CHECK(t[i] && !((uintptr_t)t[i] & 16383));
		memset(t[i], 0x11, 16384);
		CHECK(*(char *)ptw_port_table_meta(pool, t[i]) == 0);
		memset(ptw_port_table_meta(pool, t[i]), (int)i + 1, 48);
	}
	CHECK(t[0] != t[1] && t[1] != t[2]);
	CHECK(*(char *)ptw_port_table_meta(pool, t[0]) == 1);
	CHECK(*(char *)ptw_port_table_meta(pool, t[2]) == 3);
	CHECK(!ptw_port_table_alloc(pool, 0)); /* the budget */
	CHECK(ptw_port_pool_bytes(pool) > 3 * 16384);
	ptw_port_table_free(pool, t[1]);
	for (unsigned int i = 0; i < 2048; i++)
		CHECK(t[1][i] == PTW_BARE_POISON);
	CHECK(ptw_bare_spoiled() == 0);
	t[1][77] = 5; /* a late write */
	CHECK(ptw_bare_spoiled() == 1);
	t[3] = ptw_port_table_alloc(pool, 0);
	CHECK(t[3] == t[1]);
	CHECK(ptw_bare_spoiled() == 1);
	run = ptw_port_run_alloc(pool, 65536);
	CHECK(run && !((uintptr_t)run & 65535));
	CHECK(!ptw_port_run_alloc(pool, MEMORY));
	ptw_port_run_free(pool, run, 65536);
	ptw_port_table_free(pool, t[0]);
	ptw_port_table_free(pool, t[2]);
	ptw_port_table_free(pool, t[3]);
	ptw_port_pool_destroy(pool);
	CHECK(ptw_bare_free_bytes() == all);
	spoiled = (unsigned int)ptw_bare_spoiled();
	CHECK(spoiled == 1);
	config.chunk_lg2 = 21;
	CHECK(ptw_port_pool_create(&config, 4096, 48, &pool) == PTW_ERR_UNSUPPORTED);
	end_test("memory is aligned, budgeted, poisoned, and comes back");
}

/* A table is replaced again and again; readers look at every word of what they find. */
static struct ptw_pool *pool;
static uint64_t current; /* address of the table */
static uint32_t done;
static uint64_t bad, seen; /* the latter atomic, relaxed */

struct table_meta {
	struct ptw_port_rcu_head head; /* first */
	void *table;
};

static void table_gone(struct ptw_port_rcu_head *head)
{
	ptw_port_table_free(pool, ((struct table_meta *)(void *)head)->table);
}

static uint64_t *new_table(uint64_t value)
{
	uint64_t *table = ptw_port_table_alloc(pool, 0);

	if (!table)
		return NULL;
	((struct table_meta *)ptw_port_table_meta(pool, table))->table = table;
	for (unsigned int i = 0; i < 512; i++)
		table[i] = value;
	return table;
}

static void *reader(void *arg)
{
	uint64_t sections = 0;

	(void)arg;
	me = 1;
	while (!ptw_port_load32(&done)) {
		const uint64_t *table;

		ptw_port_read_lock();
		table = (const uint64_t *)(uintptr_t)ptw_port_load_table(&current);
		for (unsigned int i = 0; i < 512; i += 8)
			bad += table[i] != table[0] || table[i] == PTW_BARE_POISON;
		ptw_port_read_unlock();
		__atomic_store_n(&seen, ++sections, __ATOMIC_RELAXED);
		/* It retires tables as well, and goes: others run its callbacks. */
		if (sections % 64 == 0) {
			uint64_t *mine = new_table(sections), *old;

			if (mine) {
				old = (uint64_t *)(uintptr_t)ptw_port_xchg(&current,
									   (uintptr_t)mine);
				ptw_port_rcu_call(ptw_port_table_meta(pool, old), table_gone);
			}
			ptw_bare_quiescent();
		}
	}
	return NULL;
}

static void test_race(void)
{
	const uint64_t all = ptw_bare_free_bytes(), spoiled = ptw_bare_spoiled();
	uint64_t replaced = 0;
	pthread_t thread;

	CHECK(ptw_port_pool_create(NULL, 4096, 48, &pool) == PTW_OK);
	current = (uintptr_t)new_table(1);
	CHECK(!pthread_create(&thread, NULL, reader, NULL));
	/* Until the reader, who may begin late, has seen some. */
	for (unsigned int i = 0; i < ROUNDS || !__atomic_load_n(&seen, __ATOMIC_RELAXED); i++) {
		uint64_t *table = new_table(i), *old;

		if (!table) {
			ptw_port_rcu_barrier();
			continue;
		}
		old = (uint64_t *)(uintptr_t)ptw_port_xchg(&current, (uintptr_t)table);
		ptw_port_rcu_call(ptw_port_table_meta(pool, old), table_gone);
		replaced++;
		ptw_port_rcu_poll();
	}
	ptw_port_store32(&done, 1);
	pthread_join(thread, NULL);
	ptw_port_rcu_barrier();
	ptw_port_table_free(pool, (void *)(uintptr_t)current);
	ptw_port_pool_destroy(pool);
	CHECK(bad == 0);
	CHECK(replaced);
	CHECK(ptw_bare_spoiled() == spoiled);
	CHECK(ptw_bare_free_bytes() == all);
	printf("# %lu tables replaced, %lu sections, %lu bad reads\n", (unsigned long)replaced,
	       (unsigned long)seen, (unsigned long)bad);
	end_test("readers race with tables that go");
}

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	CHECK(ptw_bare_init(memory, 4096, 2) == PTW_ERR_ARG);
	CHECK(ptw_bare_init(memory, sizeof(memory), PTW_BARE_CPUS + 1) == PTW_ERR_ARG);
	CHECK(ptw_bare_init(memory, sizeof(memory), 2) == PTW_OK);
	test_sections();
	test_barrier();
	test_memory();
	test_race();
	return failures ? 1 : 0;
}
