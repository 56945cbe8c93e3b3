/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A guest on processor 1 that does not leave, while processors 0 and 2 harvest and change its EPT:
 * cached translations, flushes, and races with a walker that is not ours.
 */
#include "world.h"

#define ALL_OPERATIONS 15
#define TAKE	       (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY)
#define GUEST_CPU      1
#define OTHER_CPU      2
#define STALE_PAGES    512
#define ONCE_PAGES     4096ul
#define STORM_PAGES    2048ul
#define STORM_PASSES   30
#define STORM_BLOCKS   (STORM_PAGES / 512)

static uint64_t young[DATA_WORDS], dirty[DATA_WORDS], nothing[DATA_WORDS];

static void harvest(struct world *world, uint32_t flags)
{
	memset(young, 0, sizeof(young));
	memset(dirty, 0, sizeof(dirty));
	must(world_harvest(world, flags, young, dirty), "harvest");
}

static void compare_young(const char *name, const uint64_t *want)
{
	tap_compared(name, DATA_PAGES, differences(young, want, DATA_WORDS),
		     count_bits(young, DATA_WORDS));
}

static void test_stale(void)
{
	struct world world;

	world_create(&world, "ept4", 1, true);
	serve_start(&world, GUEST_CPU);
	for (uint64_t page = 100; page < 100 + STALE_PAGES; page++)
		touch(page, OP_LOAD);
	serve_round();
	harvest(&world, PTW_HARVEST_ACCESSED);
	compare_young("cached: first round, all are young", touches.young);
	serve_round();
	harvest(&world, PTW_HARVEST_ACCESSED);
	compare_young("cached: without INVEPT on the other processor none is young again", nothing);
	tap(world.flushes == 0, "cached: a harvest of accessed asked for no flush");
	vmx_shootdown(GUEST_CPU);
	serve_round();
	harvest(&world, PTW_HARVEST_ACCESSED);
	compare_young("cached: after NMI and INVEPT all are", touches.young);
	serve_stop(GUEST_CPU);
	world_destroy(&world);
}

/* Every round its own list, and each harvest must find just that. */
static void test_exact(void)
{
	uint64_t different = 0, set = 0, rounds = 12, before;
	struct world world;

	world_create(&world, "ept4", 1, true);
	world.shoot = GUEST_CPU;
	serve_start(&world, GUEST_CPU);
	before = vmx_answered(GUEST_CPU);
	for (uint64_t round = 0; round < rounds; round++) {
		touches_clear();
		touch_some(64, 1500, 2, ALL_OPERATIONS);
		serve_round();
		harvest(&world, PTW_HARVEST_ACCESSED | PTW_HARVEST_EXACT);
		different += differences(young, touches.young, DATA_WORDS);
		set += count_bits(young, DATA_WORDS);
	}
	tap_compared("exact mode: accessed, 12 rounds", rounds * DATA_PAGES, different, set);
	tap_compared("exact mode: shootdowns answered against rounds", rounds,
		     vmx_answered(GUEST_CPU) - before < rounds, vmx_answered(GUEST_CPU) - before);
	harvest(&world, TAKE | PTW_HARVEST_EXACT);

	different = set = 0;
	for (uint64_t round = 0; round < rounds; round++) {
		touches_clear();
		touch_some(64, 1500, 2, ALL_OPERATIONS);
		serve_round();
		harvest(&world, TAKE);
		different += differences(young, touches.young, DATA_WORDS) +
			     differences(dirty, touches.dirty, DATA_WORDS);
		set += count_bits(young, DATA_WORDS) + count_bits(dirty, DATA_WORDS);
	}
	tap_compared("accessed and dirty together are exact, 12 rounds", 2 * rounds * DATA_PAGES,
		     different, set);

	different = set = 0;
	for (uint64_t round = 0; round < rounds; round++) {
		touches_clear();
		touch_some(64, 1500, 2, ALL_OPERATIONS);
		serve_round();
		harvest(&world, PTW_HARVEST_DIRTY);
		different += differences(dirty, touches.dirty, DATA_WORDS);
		set += count_bits(dirty, DATA_WORDS);
	}
	tap_compared("dirty alone is exact, 12 rounds", rounds * DATA_PAGES, different, set);
	serve_stop(GUEST_CPU);
	world_destroy(&world);
}

/* A harvester that counts how often it found each page. */
struct harvester {
	struct world *world;
	uint32_t flags;
	uint32_t *stop; /* set with release by main, after the guest is done */
	uint64_t early; /* finds before that */
	uint64_t passes;
	uint64_t words[2][ONCE_PAGES / 64];
	uint8_t found[2][ONCE_PAGES];
};

static void harvest_once(struct harvester *h)
{
	const bool late = __atomic_load_n(h->stop, __ATOMIC_ACQUIRE);
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = h->flags,
		.young = h->words[0],
		.dirty = h->words[1],
	};

	memset(h->words, 0, sizeof(h->words));
	must(ptw_harvest(h->world->pgtable, GUEST_DATA, GUEST_DATA + ONCE_PAGES * PAGE, &harvest,
			 NULL),
	     "harvest");
	h->passes++;
	for (unsigned int kind = 0; kind < 2; kind++) {
		for (uint64_t i = 0; i < ONCE_PAGES / 64; i++) {
			for (uint64_t word = h->words[kind][i]; word; word &= word - 1) {
				h->found[kind][i * 64 + (uint64_t)__builtin_ctzll(word)]++;
				h->early += !late;
			}
		}
	}
}

static void harvest_job(void *argument)
{
	struct harvester *h = argument;

	while (!__atomic_load_n(h->stop, __ATOMIC_ACQUIRE))
		harvest_once(h);
	harvest_once(h);
}

static struct harvester one, two;

/*
 * Every page is touched once; two processors harvest while that happens. Each bit that hardware
 * set must have been found once, by one of them.
 */
static void test_once(uint32_t flags, const char *name)
{
	uint64_t compared = 0, different = 0, set = 0;
	struct world world;
	uint32_t stop = 0;

	world_create(&world, "ept4", 1, true);
	world.shoot = GUEST_CPU;
	serve_start(&world, GUEST_CPU);
	memset(&one, 0, sizeof(one));
	memset(&two, 0, sizeof(two));
	one.world = two.world = &world;
	one.flags = two.flags = flags;
	one.stop = two.stop = &stop;
	/* In an order that jumps; 4051 has no factor in common with the number of pages. */
	for (uint64_t n = 0; n < ONCE_PAGES; n++)
		touch(n * 4051 % ONCE_PAGES, n % 3 ? OP_LOAD : OP_STORE);

	cpu_give(OTHER_CPU, harvest_job, &two);
	*guest_mailbox(MAILBOX_LENGTH) = touches.length;
	*guest_mailbox(MAILBOX_PACE) = 250;
	__atomic_store_n(guest_mailbox(MAILBOX_WANTED), 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(guest_mailbox(MAILBOX_DONE), __ATOMIC_ACQUIRE))
		harvest_once(&one);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	cpu_wait(OTHER_CPU);
	harvest_once(&one);
	serve_stop(GUEST_CPU);

	for (unsigned int kind = 0; kind < 2; kind++) {
		const uint64_t *want = kind ? touches.dirty : touches.young;

		if (!(flags & (kind ? PTW_HARVEST_DIRTY : PTW_HARVEST_ACCESSED)))
			continue;
		for (uint64_t page = 0; page < ONCE_PAGES; page++) {
			const unsigned int times = one.found[kind][page] + two.found[kind][page];

			compared++;
			different += times != (want[page / 64] >> page % 64 & 1);
			set += times;
		}
	}
	tap_compared(name, compared, different, set);
	say("# while the guest ran, CPU 0 found %lu in %lu passes, CPU 2 %lu in %lu\n", one.early,
	    one.passes, two.early, two.passes);
	tap(one.passes > 5 && two.passes > 5 && one.early > ONCE_PAGES / 4 &&
		    two.early > ONCE_PAGES / 4,
	    "both harvesters were at work while the guest ran");
	world_destroy(&world);
}

/* A guest that stores without end. */
struct storm {
	struct world *world;
	uint64_t stores;
};

static struct vcpu storm_vcpu;
static uint64_t copies[STORM_PAGES];
static uint32_t storm_over;

static void storm_job(void *argument)
{
	struct storm *storm = argument;

	vmx_prepare(&storm_vcpu, storm->world->eptp, GUEST_CR3, guest_address(guest_storm));
	storm_vcpu.regs[RDI] = GUEST_MAILBOX;
	storm_vcpu.regs[RBP] = GUEST_DATA;
	storm_vcpu.regs[R12] = STORM_PAGES - 1;
	storm_vcpu.regs[R13] = 4711;
	world_finish(storm->world, &storm_vcpu);
	storm->stores = storm_vcpu.regs[RAX];
}

static uint64_t counter_of(uint64_t page)
{
	const uint64_t *words = (const uint64_t *)(DATA_AT + page * PAGE);

	return __atomic_load_n(words + 2, __ATOMIC_RELAXED);
}

/* As a migration does it: take the dirty pages, then copy them. Returns how many. */
static uint64_t copy_dirty(struct world *world, uint64_t *words)
{
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = PTW_HARVEST_DIRTY,
		.dirty = words,
	};
	uint64_t n = 0;

	memset(words, 0, STORM_PAGES / 8);
	must(ptw_harvest(world->pgtable, GUEST_DATA, GUEST_DATA + STORM_PAGES * PAGE, &harvest,
			 NULL),
	     "harvest");
	for (uint64_t page = 0; page < STORM_PAGES; page++) {
		uint64_t now, old;

		if (!(words[page / 64] >> page % 64 & 1))
			continue;
		n++;
		now = counter_of(page);
		old = __atomic_load_n(&copies[page], __ATOMIC_RELAXED);
		/* The other copier may have a newer value. */
		while (old < now &&
		       !__atomic_compare_exchange_n(&copies[page], &old, now, false,
						    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			;
	}
	return n;
}

static uint64_t other_copied;

static void copy_job(void *argument)
{
	static uint64_t words[STORM_PAGES / 64];

	while (!__atomic_load_n(&storm_over, __ATOMIC_ACQUIRE))
		other_copied += copy_dirty(argument, words);
}

/* Splits, collapses and protects what the guest stores to; all of that carries dirty along. */
static uint64_t storm_splits, storm_collapses;

static void change_job(void *argument)
{
	struct world *world = argument;

	while (!__atomic_load_n(&storm_over, __ATOMIC_ACQUIRE)) {
		const uint64_t start = GUEST_DATA + random32() % STORM_BLOCKS * BLOCK;
		struct ptw_change_result result = {.size = sizeof(result)};
		int error;

		switch (random32() % 3) {
		case 0:
			error = ptw_split(world->pgtable, start, start + BLOCK, 0, &result);
			storm_splits += result.tables;
			break;
		case 1:
			error = ptw_collapse(world->pgtable, start, start + BLOCK, 1, &result);
			storm_collapses += result.leaves;
			break;
		default:
			error = ptw_write_protect(world->pgtable, start, start + 3 * PAGE, false,
						  NULL, &result);
			break;
		}
		if (error != PTW_ERR_AGAIN)
			must(error, "change");
	}
}

static void test_storm(const char *preset, void (*job)(void *), uint32_t page_levels, bool deaf,
		       const char *name)
{
	static uint64_t words[STORM_PAGES / 64];
	struct world world;
	struct storm storm = {.world = &world};
	uint64_t passes, taken = 0, stale = 0, sum = 0;

	world_create(&world, preset, page_levels, true);
	world.shoot = GUEST_CPU;
	world.deaf = deaf;
	storm_over = 0;
	storm_splits = storm_collapses = other_copied = 0;
	memset(copies, 0, sizeof(copies));
	memset(guest_infra[INFRA_MAILBOX], 0, PAGE);
	cpu_give(GUEST_CPU, storm_job, &storm);
	cpu_give(OTHER_CPU, job, &world);
	for (passes = 0; passes < STORM_PASSES; passes++)
		taken += copy_dirty(&world, words);
	__atomic_store_n(guest_mailbox(MAILBOX_STOP), 1, __ATOMIC_RELEASE);
	cpu_wait(GUEST_CPU);
	__atomic_store_n(&storm_over, 1, __ATOMIC_RELEASE);
	cpu_wait(OTHER_CPU);
	taken += copy_dirty(&world, words);

	for (uint64_t page = 0; page < STORM_PAGES; page++) {
		stale += copies[page] != counter_of(page);
		sum += counter_of(page);
	}
	say("# %lu stores, dirty pages taken: %lu by CPU 0, %lu by CPU 2; %lu NMI exits, "
	    "%lu repairs\n",
	    storm.stores, taken, other_copied, storm_vcpu.nmis, storm_vcpu.fixed);
	if (deaf)
		tap(stale != 0, name);
	else
		tap_compared(name, STORM_PAGES, stale, taken);
	tap_compared("all stores of the storm arrived", storm.stores, sum != storm.stores, sum);
	if (job == change_job) {
		say("# meanwhile %lu splits, %lu collapses\n", storm_splits, storm_collapses);
		tap(storm_splits && storm_collapses && storm_vcpu.fixed,
		    "leaves were split, collapsed and protected meanwhile");
	} else if (!deaf) {
		tap(taken > STORM_PAGES / 2 && other_copied > STORM_PAGES / 2,
		    "both copiers were at work");
	}
	world_destroy(&world);
}

void tests_smp(const struct vmx_caps *caps, unsigned int cpus)
{
	if (!caps->ept || cpus < 3)
		return;
	if (caps->ad) {
		test_stale();
		test_exact();
		test_once(PTW_HARVEST_ACCESSED, "two harvesters: each accessed bit is found once");
		test_once(TAKE, "two harvesters: each accessed and dirty bit is found once");
		test_storm("ept4", copy_job, 1, false,
			   "two copiers of dirty pages: no store is lost");
		test_storm("ept4", copy_job, 1, true,
			   "the same without flushes loses stores, so this would show");
		test_storm("ept4", change_job, 2, false,
			   "one copier, one that changes leaves: no store is lost");
	}
	test_storm("ept4-tracked", copy_job, 1, false, "tracked, two copiers: no store is lost");
}
