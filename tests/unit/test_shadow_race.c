/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Agers, writers, an unmapper and hardware on one reverse map, each a thread, with a ledger of
 * accesses: every one is reported once, for the frame that it was made to, or is still set at the
 * end. So are writes.
 *
 * Hardware has at most one access of a frame under way: it notes it in the ledger, and then sets
 * the bit in one of the frame's entries. Whoever reports the frame must find the note, and takes
 * it off.
 */
#include "tests/unit/shadow_machine.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <ptw/port.h>
#include <ptw/thread.h>

/* Of a host that has no preemption: let others run. */
#ifndef stress_breathe
#define stress_breathe() ((void)0)
#endif

#define FRAMES 192
#define ENTRIES 24 /* of one writer */
#define WRITERS 2
#define PATIENCE 10000 /* naps */
#define EPT_A ((uint64_t)1 << 8)
#define EPT_D ((uint64_t)1 << 9)

/* Memory of an entry, given back now and then. */
struct place {
	uint64_t e;
	struct ptw_port_rcu_head rcu;
};

struct owned {
	struct place *place;
	uint64_t frame;
	bool mapped;
};

static struct shadow s;
static struct owned owned[WRITERS][ENTRIES];
/* The ledger: accessed, dirty. */
static unsigned int pending[2][FRAMES];
static const uint64_t bit[2] = { EPT_A, EPT_D };
static unsigned int touched, reported;
static unsigned int wrong; /* reports nobody can explain, codes nobody expects */
static unsigned int stop, steps;
static uint64_t plain; /* an old leaf of frame 0 */
/* Adding waits while frames are unmapped: the order of <ptw/invalidate.h>, made simple. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static unsigned int next(uint64_t *seed, unsigned int n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)((*seed >> 33) % n);
}

static void count(unsigned int *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void report(unsigned int kind, uint64_t frame)
{
	if (__atomic_exchange_n(&pending[kind][frame], 0, __ATOMIC_ACQ_REL) != 1)
		count(&wrong);
	count(&reported);
}

/* Each frame is a page of the host, which the entry tells. */
static uint64_t frame_of(uint64_t e)
{
	return (e & (((uint64_t)1 << 52) - 4096)) >> 12;
}

/* Hardware walks the shadow tables, so it knows entries and no map. `slots` are published by
 * writers. */
static uint64_t *slots[WRITERS][ENTRIES];

static void *hardware(void *context)
{
	uint64_t seed = test_seed();

	(void)context;
	/* It reads by itself: some flavours of RCU wait for registered threads only. */
	ptw_thread_register();
	while (!stopped()) {
		uint64_t **at = &slots[next(&seed, WRITERS)][next(&seed, ENTRIES)];
		unsigned int none = 0;
		unsigned int kind = next(&seed, 2);
		uint64_t *slot, e, frame;

		ptw_port_read_lock();
		slot = __atomic_load_n(at, __ATOMIC_ACQUIRE);
		e = slot ? __atomic_load_n(slot, __ATOMIC_RELAXED) : 0;
		frame = frame_of(e);
		/* Two steps: whoever sees the bit finds the note. */
		if (e && !(e & bit[kind]) &&
		    __atomic_compare_exchange_n(&pending[kind][frame], &none, 1, false,
						__ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
			if (__atomic_compare_exchange_n(slot, &e, e | bit[kind], false,
							__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
				count(&touched);
			else
				__atomic_store_n(&pending[kind][frame], 0, __ATOMIC_RELEASE);
		}
		ptw_port_read_unlock();
		stress_breathe();
	}
	ptw_thread_unregister();
	return NULL;
}

static void unmap_own(struct owned *o)
{
	uint64_t e = __atomic_exchange_n(&o->place->e, 0, __ATOMIC_ACQ_REL);
	int ret;

	for (unsigned int kind = 0; kind < 2; kind++)
		if (e & bit[kind])
			report(kind, o->frame);
	do {
		ret = ptw_rmap_remove(s.rmap, o->frame, 0, &o->place->e);
		if (ret == PTW_ERR_AGAIN)
			sched_yield();
	} while (ret == PTW_ERR_AGAIN);
	/* The unmapper may have been there. */
	if (ret != PTW_OK && ret != PTW_ERR_ABSENT)
		count(&wrong);
	o->mapped = false;
}

static void map_own(struct owned *o, uint64_t frame)
{
	int ret;

	pthread_mutex_lock(&gate);
	__atomic_store_n(&o->place->e, plain | frame << 12, __ATOMIC_RELEASE);
	do {
		ret = ptw_rmap_add(s.rmap, frame, 0, &o->place->e);
		if (ret == PTW_ERR_AGAIN)
			sched_yield();
	} while (ret == PTW_ERR_AGAIN);
	pthread_mutex_unlock(&gate);
	if (ret != PTW_OK)
		count(&wrong);
	o->frame = frame;
	o->mapped = true;
}

static void free_place(struct ptw_port_rcu_head *rcu)
{
	free((char *)rcu - offsetof(struct place, rcu));
}

/* Another place for an entry that is not mapped; the old one is freed after a grace period. */
static void move_own(struct owned *o, uint64_t **published)
{
	struct place *old = o->place;

	o->place = calloc(1, sizeof(*o->place));
	__atomic_store_n(published, &o->place->e, __ATOMIC_RELEASE);
	ptw_port_rcu_call(&old->rcu, free_place);
}

static void *writer(void *context)
{
	const unsigned int me = (unsigned int)(uintptr_t)context;
	uint64_t seed = test_seed() + me + 1;

	while (!stopped()) {
		unsigned int i = next(&seed, ENTRIES);
		struct owned *o = &owned[me][i];

		if (o->mapped)
			unmap_own(o);
		if (next(&seed, 4) == 0)
			move_own(o, &slots[me][i]);
		/* Frames 64 to 67 have chains. */
		map_own(o, next(&seed, 2) ? 64 + next(&seed, 4) : next(&seed, FRAMES));
		count(&steps);
		stress_breathe();
	}
	return NULL;
}

static void take_report(const struct shadow_ask *a)
{
	for (uint64_t frame = a->ask.start; frame < a->ask.end; frame++) {
		if (bit_of(a, a->young, frame))
			report(0, frame);
		if (bit_of(a, a->dirty, frame))
			report(1, frame);
	}
}

static void *ager(void *context)
{
	uint64_t seed = test_seed() + 100;
	struct shadow_ask a;

	(void)context;
	while (!stopped()) {
		uint64_t frame = next(&seed, 2) ? 64 + next(&seed, 4) : next(&seed, FRAMES);
		int ret;

		if (next(&seed, 4)) {
			ret = s.mmu.ops->clear_young(s.mmu.context, 0, frame);
			if (ret == 1)
				report(0, frame);
		} else if (next(&seed, 2)) {
			ask_for(&a, 0, FRAMES, 1 + next(&seed, 3));
			ret = s.mmu.ops->harvest_dirty(s.mmu.context, &a.ask);
			take_report(&a);
		} else {
			ask_for(&a, 0, FRAMES, PTW_HARVEST_ACCESSED);
			ret = s.mmu.ops->harvest_fast_only(s.mmu.context, &a.ask);
			take_report(&a);
		}
		if (ret < 0 && ret != PTW_ERR_HOLE && ret != PTW_ERR_AGAIN)
			count(&wrong);
		stress_breathe();
	}
	return NULL;
}

static void *unmapper(void *context)
{
	uint64_t seed = test_seed() + 200;
	struct shadow_ask a;

	(void)context;
	while (!stopped()) {
		uint64_t start = next(&seed, FRAMES - 8);
		int ret;

		pthread_mutex_lock(&gate);
		ask_for(&a, start, start + 1 + next(&seed, 8), 0);
		do {
			ret = s.mmu.ops->unmap(s.mmu.context, &a.ask);
		} while (ret == PTW_ERR_AGAIN);
		take_report(&a);
		pthread_mutex_unlock(&gate);
		if (ret != PTW_OK)
			count(&wrong);
		sched_yield();
	}
	return NULL;
}

static void settle(void)
{
	struct ptw_rmap_info info = { .size = sizeof(info) };
	unsigned int left = 0, noted = 0;

	for (unsigned int w = 0; w < WRITERS; w++)
		for (unsigned int i = 0; i < ENTRIES; i++)
			left += !!(owned[w][i].place->e & EPT_A) +
				!!(owned[w][i].place->e & EPT_D);
	for (unsigned int i = 0; i < FRAMES; i++)
		noted += pending[0][i] + pending[1][i];
	cr_assert_eq(wrong, 0u);
	cr_assert_eq(left, noted, "%u bits, %u notes", left, noted);
	cr_assert_eq(touched, reported + left, "%u accesses, %u reported, %u left", touched,
		     reported, left);
	for (unsigned int w = 0; w < WRITERS; w++)
		for (unsigned int i = 0; i < ENTRIES; i++) {
			if (owned[w][i].mapped)
				unmap_own(&owned[w][i]);
			free(owned[w][i].place);
		}
	cr_assert_eq(wrong, 0u);
	cr_assert_eq(ptw_rmap_info(s.rmap, &info), PTW_OK);
	cr_assert_eq(info.entries, 0u);
	cr_assert_eq(info.chains, 0u);
	cr_log_info("%u steps, %u accesses, %u times held", steps, touched, (unsigned int)info.held);
}

Test(shadow_race, every_access_is_reported_once, .timeout = 240)
{
	static void *(*const roles[])(void *) = { hardware, ager, ager, unmapper, writer, writer };
	const struct timespec nap = { .tv_nsec = 1000000 };
	unsigned int enough = 50000 / test_slowness();
	pthread_t thread[6];

	shadow_open(&s, "ept4", FRAMES);
	plain = leaf_of(&s, 0, 0, 0);
	for (unsigned int w = 0; w < WRITERS; w++)
		for (unsigned int i = 0; i < ENTRIES; i++) {
			owned[w][i].place = calloc(1, sizeof(struct place));
			slots[w][i] = &owned[w][i].place->e;
		}
	for (uintptr_t i = 0; i < 6; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, roles[i],
					    (void *)(i == 5 ? (uintptr_t)1 : 0)), 0);
	for (unsigned int naps = 0; __atomic_load_n(&steps, __ATOMIC_RELAXED) < enough ||
				    __atomic_load_n(&reported, __ATOMIC_RELAXED) < enough; naps++) {
		nanosleep(&nap, NULL);
		/* On a busy machine each step may wait for the scheduler: then fewer have to do. */
		if (naps == PATIENCE)
			enough = enough / 100 + 1;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < 6; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	settle();
	cr_assert_eq(ptw_barrier(), PTW_OK);
	shadow_close(&s);
}
