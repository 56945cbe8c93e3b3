/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Spaces: their beginning and end, who is registered, and when an MMU is let go. */
#include "tests/unit/fake_mmu.h"

#include <pthread.h>
#include <unistd.h>

/* Something that counts as time. */
static uint64_t ticks;

static uint64_t tick(void *context)
{
	return ticks += *(uint64_t *)context;
}

Test(space, create_refuses_what_is_wrong)
{
	struct ptw_space *const none = (struct ptw_space *)&ticks;
	struct ptw_space *space = none;
	struct ptw_space_config config = { .size = sizeof(config) };
	struct {
		struct ptw_space_config config;
		uint64_t more;
	} longer = { .config.size = sizeof(longer), .more = 1 };
	struct fake f;

	fake_open(&f, 0, 1, 64);
	cr_assert_eq(ptw_space_create(NULL, &space), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_create(&config, NULL), PTW_ERR_ARG);
	config.size--;
	cr_assert_eq(ptw_space_create(&config, &space), PTW_ERR_SIZE);
	config.size++;
	cr_assert_eq(ptw_space_create(&longer.config, &space), PTW_ERR_ARG, "unknown fields");
	config.page_lg2 = 11;
	cr_assert_eq(ptw_space_create(&config, &space), PTW_ERR_CONFIG);
	config.page_lg2 = 17;
	cr_assert_eq(ptw_space_create(&config, &space), PTW_ERR_CONFIG);
	config.page_lg2 = 0;
	config.primary = &f.mmu;
	f.mmu.size--;
	cr_assert_eq(ptw_space_create(&config, &space), PTW_ERR_SIZE);
	f.mmu.size++;
	f.mmu.ops = NULL;
	cr_assert_eq(ptw_space_create(&config, &space), PTW_ERR_ARG);
	f.mmu.ops = &f.ops;
	f.ops.size--;
	cr_assert_eq(ptw_space_create(&config, &space), PTW_ERR_SIZE);
	f.ops.size++;
	f.ops.harvest = NULL;
	cr_assert_eq(ptw_space_create(&config, &space), PTW_ERR_ARG);
	cr_assert_eq(space, none);
	f.ops.harvest = fake_harvest;
	for (config.page_lg2 = 12; config.page_lg2 <= 16; config.page_lg2++) {
		cr_assert_eq(ptw_space_create(&config, &space), PTW_OK);
		space_close(space);
	}
	longer.more = 0;
	cr_assert_eq(ptw_space_create(&longer.config, &space), PTW_OK);
	space_close(space);
	cr_assert_eq(fake_calls(&f), 0u);
	fake_close(&f);
}

Test(space, destroy)
{
	struct ptw_space *space = space_open(NULL);
	struct fake f[3];

	for (unsigned int i = 0; i < 3; i++) {
		fake_open(&f[i], FAKE_FAST, 1, 64);
		space_register(space, &f[i], 0);
	}
	space_slot(space, 1, 0, 0, 64, 0);
	cr_assert_eq(ptw_space_unregister(space, 2), PTW_OK);
	ptw_read_lock();
	cr_assert_eq(ptw_space_destroy(space), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(space_info(space).mmus, 2u, "a refused call changed something");
	cr_assert_eq(f[0].released + f[2].released, 0u);
	space_close(space);
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(f[i].released, 1u, "MMU %u was released %u times", i, f[i].released);
		fake_close(&f[i]);
	}
	cr_assert_eq(ptw_space_destroy(NULL), PTW_OK);
}

Test(space, register_refuses_what_is_wrong)
{
	struct ptw_register how = { .size = sizeof(how) };
	struct {
		struct ptw_mmu mmu;
		uint64_t more;
	} longer;
	struct ptw_space *space = space_open(NULL);
	uint32_t id = 77;
	struct fake f;

	fake_open(&f, FAKE_FAST, 1, 64);
	cr_assert_eq(ptw_space_register(NULL, &f.mmu, &how, &id), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_register(space, NULL, &how, &id), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_register(space, &f.mmu, &how, NULL), PTW_ERR_ARG);
	f.mmu.size--;
	cr_assert_eq(ptw_space_register(space, &f.mmu, &how, &id), PTW_ERR_SIZE);
	f.mmu.size++;
	f.ops.size--;
	cr_assert_eq(ptw_space_register(space, &f.mmu, &how, &id), PTW_ERR_SIZE);
	f.ops.size++;
	f.ops.harvest = NULL;
	cr_assert_eq(ptw_space_register(space, &f.mmu, &how, &id), PTW_ERR_ARG);
	f.ops.harvest = fake_harvest;
	f.mmu.ops = NULL;
	cr_assert_eq(ptw_space_register(space, &f.mmu, &how, &id), PTW_ERR_ARG);
	f.mmu.ops = &f.ops;
	longer.mmu = f.mmu;
	longer.mmu.size = sizeof(longer);
	longer.more = 1;
	cr_assert_eq(ptw_space_register(space, &longer.mmu, &how, &id), PTW_ERR_ARG);
	how.size--;
	cr_assert_eq(ptw_space_register(space, &f.mmu, &how, &id), PTW_ERR_SIZE);
	how.size++;
	how.flags = 2;
	cr_assert_eq(ptw_space_register(space, &f.mmu, &how, &id), PTW_ERR_ARG);
	how.flags = 0;
	how.reserved = 1;
	cr_assert_eq(ptw_space_register(space, &f.mmu, &how, &id), PTW_ERR_ARG);
	how.reserved = 0;
	ptw_read_lock();
	cr_assert_eq(ptw_space_register(space, &f.mmu, &how, &id), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(id, 77u);
	cr_assert_eq(space_info(space).mmus, 0u);
	cr_assert_eq(ptw_space_register(space, &f.mmu, NULL, &id), PTW_OK);
	cr_assert_eq(id, 1u, "refused calls used up numbers");
	space_close(space);
	fake_close(&f);
}

Test(space, unregister_refuses_what_is_wrong)
{
	struct fake f;
	struct ptw_space *space;
	uint32_t id;

	fake_open(&f, FAKE_FAST, 1, 64);
	space = space_open(&f.mmu);
	id = space_register(space, &f, 0);
	space_slot(space, id, 0, 0, 64, 0);
	cr_assert_eq(ptw_space_unregister(NULL, id), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_unregister(space, PTW_MMU_PRIMARY), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_unregister(space, id + 1), PTW_ERR_ABSENT);
	ptw_read_lock();
	cr_assert_eq(ptw_space_unregister(space, id), PTW_ERR_CONTEXT);
	cr_assert_eq(ptw_space_settle(space), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(ptw_space_settle(NULL), PTW_ERR_ARG);
	cr_assert_eq(space_info(space).mmus, 1u);
	cr_assert_eq(space_info(space).slots, 1u);
	cr_assert_eq(space_info(space).unreleased, 0u);
	cr_assert_eq(ptw_space_unregister(space, id), PTW_OK);
	cr_assert_eq(ptw_space_unregister(space, id), PTW_ERR_ABSENT, "twice");
	cr_assert_eq(space_info(space).mmus, 0u);
	cr_assert_eq(space_info(space).slots, 0u);
	cr_assert_eq(ptw_space_settle(space), PTW_OK);
	cr_assert_eq(space_info(space).unreleased, 0u);
	cr_assert_eq(f.released, 1u);
	f.dead = false; /* it is the primary, too */
	space_close(space);
	cr_assert_eq(f.released, 1u);
	fake_close(&f);
}

Test(space, info_counts)
{
	struct ptw_space_info info = { .size = sizeof(info) - 1, .mmus = 99 };
	struct ptw_space *space = space_open(NULL);
	struct fake fast, slow;

	fake_open(&fast, FAKE_FAST, 1, 64);
	fake_open(&slow, 0, 1, 64);
	cr_assert_eq(ptw_space_info(space, &info), PTW_ERR_SIZE);
	cr_assert_eq(ptw_space_info(NULL, &info), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_info(space, NULL), PTW_ERR_ARG);
	cr_assert_eq(info.mmus, 99u);
	space_register(space, &fast, 0);
	space_register(space, &slow, PTW_REGISTER_AGE_SLOW);
	space_register(space, &slow, 0);
	space_slot(space, 1, 0, 0, 10, 0);
	space_slot(space, 2, 0, 0, 10, 0);
	info = space_info(space);
	cr_assert(info.mmus == 3 && info.fast_mmus == 1 && info.slots == 2 &&
		  info.consumers == 0 && info.unreleased == 0 && info.not_asked == 0 &&
		  info.nonsense == 0);
	cr_assert_eq(ptw_space_test_young(space, 3, PTW_EFFORT_FAST), PTW_ERR_AGAIN);
	cr_assert_eq(space_info(space).not_asked, 1u);
	space_close(space);
	fake_close(&fast);
	fake_close(&slow);
}

Test(space, numbers_are_never_used_twice)
{
	struct ptw_space *space = space_open(NULL);
	uint32_t last = 0;
	struct fake f;

	fake_open(&f, FAKE_FAST, 1, 64);
	for (unsigned int i = 0; i < 40; i++) {
		uint32_t id;

		cr_assert_eq(ptw_space_register(space, &f.mmu, NULL, &id), PTW_OK);
		cr_assert_eq(id, last + 1);
		last = id;
		if (i % 3 == 0)
			cr_assert_eq(ptw_space_unregister(space, id), PTW_OK);
	}
	space_close(space);
	fake_close(&f);
}

#define MANY 70u

/* Bits 1 to 62 go to the first who come; the rest share bit 63. */
Test(space, bits_of_more_mmus_than_there_are_bits)
{
	struct fake *f = calloc(MANY + 1, sizeof(*f));
	struct ptw_ask ask = { .size = sizeof(ask), .flags = PTW_HARVEST_ACCESSED,
			       .effort = PTW_EFFORT_FAST };
	struct ptw_ask_result result = { .size = sizeof(result) };
	uint64_t said[MANY] = { 0 };
	struct ptw_space *space;

	fake_open(&f[0], FAKE_FAST, 1, 1024);
	space = space_open(&f[0].mmu);
	ask.said = said;
	for (uint32_t i = 1; i <= MANY; i++) {
		fake_open(&f[i], FAKE_FAST, 1, 64);
		cr_assert_eq(space_register(space, &f[i], 0), i);
		/* Page i - 1 is its frame 5. */
		space_slot(space, i, 0, 5, 1, i - 1);
		*fake_state(&f[i], 0, 5) = FAKE_YOUNG;
	}
	cr_assert_eq(ptw_space_mmu_bit(NULL, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_mmu_bit(space, MANY + 1), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_space_mmu_bit(space, PTW_MMU_PRIMARY), 0);
	for (uint32_t i = 1; i <= MANY; i++)
		cr_assert_eq(ptw_space_mmu_bit(space, i), i <= 62 ? (int)i : 63);
	cr_assert_eq(ptw_space_harvest(space, 0, MANY, &ask, &result), PTW_OK);
	cr_assert_eq(result.young_pages, MANY);
	cr_assert_eq(result.said, ~(uint64_t)1);
	cr_assert_eq(result.asked, ~(uint64_t)0);
	for (uint32_t i = 1; i <= MANY; i++)
		cr_assert_eq(said[i - 1], (uint64_t)1 << (i <= 62 ? i : 63), "page %u", i - 1);
	/* A bit that became free goes to the next one, also while those behind 62 go on sharing. */
	cr_assert_eq(ptw_space_unregister(space, 17), PTW_OK);
	cr_assert_eq(ptw_space_mmu_bit(space, 17), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_space_settle(space), PTW_OK);
	cr_assert_eq(f[17].released, 1u);
	f[17].dead = false;
	cr_assert_eq(space_register(space, &f[17], 0), MANY + 1);
	cr_assert_eq(ptw_space_mmu_bit(space, MANY + 1), 17);
	cr_assert_eq(ptw_space_mmu_bit(space, 65), 63);
	space_close(space);
	for (uint32_t i = 0; i <= MANY; i++)
		fake_close(&f[i]);
	free(f);
}

Test(space, no_primary)
{
	struct ptw_space *space = space_open(NULL);

	cr_assert_eq(ptw_space_mmu_bit(space, PTW_MMU_PRIMARY), PTW_ERR_ABSENT);
	for (uint32_t effort = 0; effort <= PTW_EFFORT_ALL; effort++) {
		cr_assert_eq(ptw_space_test_young(space, 1, effort), 0);
		cr_assert_eq(ptw_space_covers(space, 0, 100, effort, NULL), 1);
	}
	space_close(space);
}

/* A question that runs, and what happens under it. */
struct under {
	struct ptw_space *space;
	uint32_t id;
	int ret;
	unsigned int released; /* when the callback ended */
};

static int unregister_itself(struct fake *f, struct ptw_mmu_ask *ask, enum fake_op op)
{
	struct under *u = f->user;

	(void)ask;
	(void)op;
	f->script = NULL;
	u->ret = ptw_space_unregister(u->space, u->id);
	/* A grace period would release it, if the call that runs did not hold it. */
	ptw_port_rcu_barrier();
	u->released = f->released;
	return FAKE_GO_ON;
}

/* An MMU may unregister itself in an operation; it is released when the call is over, by whoever ends it. */
Test(space, an_mmu_that_is_being_asked_stays)
{
	struct under under = { .space = space_open(NULL) };
	uint64_t young = 0;
	struct ptw_ask ask = { .size = sizeof(ask), .flags = PTW_HARVEST_ACCESSED,
			       .effort = PTW_EFFORT_ALL, .young = &young };
	struct fake f;

	fake_open(&f, 0, 1, 64);
	f.user = &under;
	f.script = unregister_itself;
	*fake_state(&f, 0, 3) = FAKE_YOUNG;
	under.id = space_register(under.space, &f, 0);
	space_slot(under.space, under.id, 0, 0, 64, 0);
	cr_assert_eq(ptw_space_harvest(under.space, 0, 64, &ask, NULL), PTW_OK);
	cr_assert_eq(under.ret, PTW_OK);
	cr_assert_eq(under.released, 0u, "released while it was being asked");
	cr_assert_eq(young, (uint64_t)1 << 3, "what it had found is lost");
	cr_assert_eq(ptw_space_settle(under.space), PTW_OK);
	cr_assert_eq(f.released, 1u);
	cr_assert_eq(ptw_space_harvest(under.space, 0, 64, &ask, NULL), PTW_OK);
	space_close(under.space);
	cr_assert_eq(f.released, 1u);
	fake_close(&f);
}

/* A question that another thread asks, and that takes its time. */
struct slow_question {
	struct ptw_space *space;
	unsigned int inside; /* atomic */
	unsigned int go_on;  /* atomic */
	unsigned int over;
	int ret;
};

static int takes_its_time(struct fake *f, struct ptw_mmu_ask *ask, enum fake_op op)
{
	struct slow_question *q = f->user;

	(void)ask;
	(void)op;
	__atomic_store_n(&q->inside, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&q->go_on, __ATOMIC_ACQUIRE))
		usleep(100);
	usleep(20000);
	q->over = 1; /* the space lets us know that it happened before: ThreadSanitizer looks */
	return FAKE_GO_ON;
}

static void *ask_slowly(void *argument)
{
	struct slow_question *q = argument;

	q->ret = ptw_space_test_young(q->space, 3, PTW_EFFORT_ALL);
	return NULL;
}

Test(space, settle_waits_for_questions)
{
	struct slow_question q = { .space = space_open(NULL) };
	pthread_t thread;
	struct fake f;
	uint32_t id;

	fake_open(&f, 0, 1, 64);
	f.user = &q;
	f.script = takes_its_time;
	*fake_state(&f, 0, 3) = FAKE_YOUNG;
	id = space_register(q.space, &f, 0);
	space_slot(q.space, id, 0, 0, 64, 0);
	cr_assert_eq(pthread_create(&thread, NULL, ask_slowly, &q), 0);
	while (!__atomic_load_n(&q.inside, __ATOMIC_ACQUIRE))
		usleep(100);
	cr_assert_eq(ptw_space_unregister(q.space, id), PTW_OK);
	ptw_port_rcu_barrier();
	cr_assert_eq(f.released, 0u);
	cr_assert_eq(space_info(q.space).unreleased, 1u);
	__atomic_store_n(&q.go_on, 1, __ATOMIC_RELEASE);
	cr_assert_eq(ptw_space_settle(q.space), PTW_OK);
	cr_assert_eq(f.released, 1u);
	cr_assert_eq(q.over, 1u, "it was still being asked");
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(q.ret, 1);
	space_close(q.space);
	fake_close(&f);
}

static void count_release(void *context)
{
	__atomic_fetch_add((unsigned int *)context, 1, __ATOMIC_RELAXED);
}

/* Changes of others make new versions of the space: all of them know the MMU, none forgets it. */
Test(space, released_once_however_many_versions_there_were)
{
	struct ptw_space *space = space_open(NULL);
	struct ptw_register how = { .size = sizeof(how), .released = count_release };
	unsigned int releases = 0;
	struct fake f, other;
	uint32_t id, id2;

	how.context = &releases;
	fake_open(&f, FAKE_FAST, 1, 4096);
	fake_open(&other, FAKE_FAST, 1, 4096);
	id = space_register(space, &f, 0);
	for (unsigned int i = 0; i < 30; i++) {
		space_slot(space, id, 0, i, 1, i);
		cr_assert_eq(ptw_space_register(space, &other.mmu, &how, &id2), PTW_OK);
		space_slot(space, id2, 0, i, 1, i);
		if (i & 1)
			cr_assert_eq(ptw_space_remove_slot(space, id, 0, i - 1), PTW_OK);
		if (i % 7 == 6)
			ptw_port_rcu_barrier();
		cr_assert_eq(ptw_space_unregister(space, id2), PTW_OK);
	}
	cr_assert_eq(ptw_space_settle(space), PTW_OK);
	cr_assert_eq(f.released, 0u);
	cr_assert_eq(__atomic_load_n(&releases, __ATOMIC_RELAXED), 30u);
	cr_assert_eq(space_info(space).slots, 15u);
	cr_assert_eq(ptw_space_unregister(space, id), PTW_OK);
	cr_assert_eq(ptw_space_settle(space), PTW_OK);
	cr_assert_eq(f.released, 1u);
	space_close(space);
	cr_assert_eq(f.released, 1u);
	fake_close(&f);
	fake_close(&other);
}

Test(space, times_are_added_up)
{
	uint64_t step = 5;
	struct fake f;
	struct ptw_space_config config = { .size = sizeof(config), .primary = &f.mmu,
					   .clock = tick, .clock_context = &step };
	struct ptw_stalls stalls = { .size = sizeof(stalls) - 1 };
	struct ptw_space *space;

	fake_open(&f, 0, 1, 64);
	f.waited = 3;
	cr_assert_eq(ptw_space_create(&config, &space), PTW_OK);
	cr_assert_eq(ptw_space_stalls(space, &stalls), PTW_ERR_SIZE);
	cr_assert_eq(ptw_space_stalls(NULL, &stalls), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_stalls(space, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_clock(NULL), 0u);
	stalls.size = sizeof(stalls);
	ticks = 100;
	cr_assert_eq(ptw_space_clock(space), 105u);
	for (unsigned int i = 0; i < 3; i++)
		ptw_space_test_young(space, 0, PTW_EFFORT_PRIMARY);
	ptw_space_stall_add(space, PTW_STALL_WRITER, 7);
	ptw_space_stall_add(space, PTW_STALL_WRITER, 20);
	ptw_space_stall_add(space, PTW_STALL_WRITER, 9);
	ptw_space_stall_add(space, PTW_STALL_KINDS, 1000);
	ptw_space_stall_add(space, UINT32_MAX, 1000);
	ptw_space_stall_add(NULL, PTW_STALL_CPU, 1000);
	cr_assert_eq(ptw_space_stalls(space, &stalls), PTW_OK);
	cr_assert(stalls.kind[PTW_STALL_AGER].events == 3 &&
		  stalls.kind[PTW_STALL_AGER].total == 15 &&
		  stalls.kind[PTW_STALL_AGER].most == 5);
	cr_assert(stalls.kind[PTW_STALL_AGER_WAIT].events == 3 &&
		  stalls.kind[PTW_STALL_AGER_WAIT].total == 9 &&
		  stalls.kind[PTW_STALL_AGER_WAIT].most == 3);
	cr_assert(stalls.kind[PTW_STALL_WRITER].events == 3 &&
		  stalls.kind[PTW_STALL_WRITER].total == 36 &&
		  stalls.kind[PTW_STALL_WRITER].most == 20);
	cr_assert_eq(stalls.kind[PTW_STALL_CPU].events + stalls.kind[PTW_STALL_FAULT].events, 0u);
	space_close(space);
	fake_close(&f);
	space = space_open(NULL);
	cr_assert_eq(ptw_space_clock(space), 0u);
	space_close(space);
}
