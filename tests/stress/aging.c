/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Ageing through spaces, with real page tables: processors use pages by a host's and by a guest's tables while
 * threads age, evict, fault, unmap, attach and detach, make and give up groups and spaces, and switch capabilities.
 *
 * What must hold, whenever all stand still: a page that was used since anybody last reported it is young in one of the
 * tables still, and found by the next whole harvest; sizes are exact; no callback uses a space that was detached.
 */
#include "tests/harness/harness.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ptw/ptw.h>

#define PHYS   ((uint64_t)1 << 24)
#define WORLDS 2u
#define PAGES  2048u /* of a world */
#define TOTAL  (WORLDS * PAGES)
#define VISIT  TOTAL /* pages of the engine for a space that comes and goes */
#define VISITS 512u
#define ROUNDS 4u

enum {
	ABSENT,
	COMING,
	RESIDENT,
	GOING
};

/* Host, guest. */
enum {
	HOST,
	GUEST,
	SIDES
};

struct world {
	struct ptw_pgtable *table[SIDES];
	struct ptw_softmmu *cpu[SIDES];
	struct ptw_mmu mmu[SIDES];
	struct ptw_space *space;
	struct ptw_group *group;
	uint64_t first; /* page of the engine */
};

static struct world world[WORLDS], visitor;
static struct ptw_engine *engine;
static struct ptw_aging *aging;
static uint32_t where[TOTAL];
/* Moments, by one counter: the last use by each side (taken before it), and the last report (after it). */
static uint64_t moment, used[SIDES][TOTAL], reported[TOTAL];
static uint64_t inside[SIDES]; /* odd: this processor is in the middle of an access */
static uint64_t stop_now, wrong, faults, evicted_pages, put_out, removals, accesses, agings, visits;

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static bool change(uint64_t page, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&where[page], &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static void settle_as(uint64_t page, uint32_t what)
{
	__atomic_store_n(&where[page], what, __ATOMIC_RELEASE);
}

static uint64_t now_is(void)
{
	return __atomic_add_fetch(&moment, 1, __ATOMIC_SEQ_CST);
}

static void report(uint64_t page, uint64_t young)
{
	const uint64_t now = now_is();

	for (; young; young &= young - 1) {
		const uint64_t at = page + (unsigned int)__builtin_ctzll(young);
		uint64_t last;

		if (at >= TOTAL)
			continue;
		last = __atomic_load_n(&reported[at], __ATOMIC_RELAXED);
		while (last < now && !__atomic_compare_exchange_n(&reported[at], &last, now, false,
								  __ATOMIC_RELAXED,
								  __ATOMIC_RELAXED))
			;
	}
}

/* Processors keep nothing; the flush is over when each has finished the access that it was in. */
static void flush(void *context, const struct ptw_range *ranges, unsigned int n,
		  enum ptw_flush_kind kind, unsigned int level)
{
	(void)context;
	(void)ranges;
	(void)n;
	(void)kind;
	(void)level;
	for (unsigned int side = 0; side < SIDES; side++) {
		const uint64_t was = __atomic_load_n(&inside[side], __ATOMIC_SEQ_CST);

		while (was % 2 && __atomic_load_n(&inside[side], __ATOMIC_SEQ_CST) == was)
			sched_yield();
	}
}

static void use(uint64_t page, unsigned int side)
{
	const struct world *w = &world[page / PAGES];
	const uint32_t access = PTW_ACCESS_READ | (side == HOST ? PTW_ACCESS_USER : 0);
	const uint64_t now = now_is();
	struct ptw_softmmu_result result;
	int ret;

	__atomic_add_fetch(&inside[side], 1, __ATOMIC_SEQ_CST);
	ret = ptw_softmmu_access(w->cpu[side], page % PAGES << 12, access, &result);
	__atomic_add_fetch(&inside[side], 1, __ATOMIC_SEQ_CST);
	if (ret)
		return;
	__atomic_store_n(&used[side][page], now, __ATOMIC_RELAXED);
	count(&accesses);
}

static void map(uint64_t page)
{
	struct world *w = &world[page / PAGES];
	const uint64_t ia = page % PAGES << 12;

	for (unsigned int side = 0; side < SIDES; side++) {
		const struct ptw_map how = {
			.size = sizeof(how),
			.prot = PTW_PROT_READ | PTW_PROT_WRITE | (side == HOST ? PTW_PROT_USER : 0),
			.page_levels = 1,
		};

		if (ptw_map(w->table[side], ia, ia + 4096, ia, &how, NULL))
			count(&wrong);
	}
}

/* Out of both tables. What it was is reported. */
static void unmap(uint64_t page)
{
	struct world *w = &world[page / PAGES];
	const uint64_t at = page % PAGES, ia = at << 12;
	uint64_t young = 0;
	const struct ptw_space_unmap guest = {.size = sizeof(guest), .young = &young};
	const struct ptw_unmap host = {.size = sizeof(host), .young = &young};

	if (ptw_space_invalidate_begin(w->space, at, at + 1) ||
	    ptw_space_unmap(w->space, at, at + 1, &guest, NULL) ||
	    ptw_unmap(w->table[HOST], ia, ia + 4096, &host, NULL))
		count(&wrong);
	ptw_space_invalidate_end(w->space, at, at + 1);
	report(page & ~(uint64_t)63, young);
}

static int evict(void *context, const struct ptw_aging_victims *v)
{
	const bool visiting = v->owner == &visitor;

	(void)context;
	if (v->space != ((const struct world *)v->owner)->space)
		count(&wrong);
	for (unsigned int i = 0; i < v->n; i++) {
		const uint64_t page = v->number[i];

		v->result[i] = PTW_EVICTED;
		if (visiting)
			continue;
		if (page % 11 == 0 || !change(page, RESIDENT, GOING)) {
			v->result[i] = PTW_EVICT_FAILED;
			continue;
		}
		unmap(page);
		count(&put_out);
		/* The engine hears of it at once. */
	}
	return 0;
}

/* Around the callbacks of the source: what is found is noted. */
static struct ptw_group_ops served;

struct sink {
	ptw_word_fn word;
	void *sink;
};

static int see(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	const struct sink *s = context;

	report(page, young);
	return s->word(s->sink, page, young, dirty);
}

static int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	struct sink s = {word, sink};

	return served.harvest(context, first, pages, see, &s);
}

static int look(void *context, uint64_t page, uint64_t *around)
{
	const int ret = served.look(context, page, around);

	if (ret > 0)
		report(page & ~(uint64_t)63, (uint64_t)1 << page % 64 | *around);
	return ret;
}

static uint64_t pick(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1du >> 32;
}

static void fault(uint64_t page)
{
	int ret;

	if (!change(page, ABSENT, COMING) && !change(page, GOING, COMING))
		return;
	ret = ptw_page_add(engine, page);
	if (ret == PTW_ERR_EXISTS) {
		/* It is being put out, and the engine is not told yet. */
		settle_as(page, GOING);
		return;
	}
	if (ret)
		count(&wrong);
	count(&faults);
	map(page);
	settle_as(page, RESIDENT);
}

static void take_away(uint64_t page)
{
	if (!change(page, RESIDENT, COMING))
		return;
	if (ptw_page_remove(engine, page))
		count(&wrong);
	count(&removals);
	unmap(page);
	settle_as(page, ABSENT);
}

static void make_table(struct world *w, unsigned int side)
{
	struct ptw_softmmu_config cpu = {.size = sizeof(cpu), .phys_offset = PHYS, .seed = 1};
	const struct ptw_mmu_table mmu = {
		.size = sizeof(mmu), .pgtables = &w->table[side], .count = 1, .frame_lg2 = 12};
	struct ptw_config config;
	size_t bytes;
	void *memory;

	cr_assert_eq(ptw_preset(side == HOST ? "x86-64" : "ept4", &config), PTW_OK);
	config.phys_offset = PHYS;
	config.flush = flush;
	config.reclaim_delay = PTW_RECLAIM_NEVER;
	cr_assert_eq(ptw_pgtable_create(&config, &w->table[side]), PTW_OK);
	cr_assert_eq(ptw_mmu_table_create(&mmu, &w->mmu[side]), PTW_OK);
	cr_assert_eq(ptw_pgtable_regs(w->table[side], &cpu.regs), PTW_OK);
	bytes = ptw_softmmu_size(&cpu);
	memory = aligned_alloc(64, bytes);
	cr_assert_not_null(memory);
	cr_assert_eq(ptw_softmmu_init(&w->cpu[side], memory, bytes, &cpu), PTW_OK);
}

static int make_space(struct world *w, uint64_t pages, bool guest)
{
	const struct ptw_space_config config = {.size = sizeof(config), .primary = &w->mmu[HOST]};
	struct ptw_slot slot = {.size = sizeof(slot), .pages = pages};
	int ret = ptw_space_create(&config, &w->space);

	if (!ret && guest)
		ret = ptw_space_register(w->space, &w->mmu[GUEST], NULL, &slot.mmu);
	if (!ret && guest)
		ret = ptw_space_add_slot(w->space, &slot);
	return ret;
}

static int attach(struct world *w, uint64_t pages)
{
	const struct ptw_aging_run run = {.size = sizeof(run), .first = w->first, .pages = pages,
					  .space = w->space, .owner = w};

	return ptw_aging_attach(aging, &run);
}

static int make_group(struct world *w, uint64_t pages)
{
	struct ptw_group_config config = {.size = sizeof(config)};
	int ret = ptw_aging_serve(aging, &config);

	served = config.ops;
	config.ops.harvest = harvest;
	config.ops.look = look;
	if (!ret)
		ret = ptw_group_create(engine, &config, &w->group);
	return ret ? ret : ptw_group_attach(w->group, w->first, pages);
}

/* A space and a group that come, are aged and evicted from, by others, too, and go. */
static void visit(uint64_t n)
{
	struct ptw_group_config config = {.size = sizeof(config)};
	uint64_t evicted;
	int ret;

	ret = make_space(&visitor, VISITS, false);
	if (!ret)
		ret = ptw_aging_serve(aging, &config);
	if (!ret)
		ret = ptw_group_create(engine, &config, &visitor.group);
	if (!ret)
		ret = ptw_group_attach(visitor.group, VISIT, VISITS);
	if (!ret)
		ret = attach(&visitor, VISITS);
	for (uint64_t i = 0; !ret && i < VISITS; i++)
		ret = ptw_page_add(engine, VISIT + i);
	if (!ret && ptw_aging_attach(aging, &(struct ptw_aging_run){
					     .size = sizeof(struct ptw_aging_run), .first = VISIT,
					     .pages = 64, .space = visitor.space}) !=
			    PTW_ERR_OVERLAP)
		count(&wrong);
	if (!ret)
		ret = ptw_group_evict(visitor.group, n % 200, &evicted);
	/* It may be thrashed, or switched off; then it only goes. */
	if (ret && ret != PTW_ERR_STOPPED)
		count(&wrong);
	sched_yield();
	/* The space first, while others still have the group. */
	if (ptw_aging_detach(aging, VISIT) || ptw_space_destroy(visitor.space))
		count(&wrong);
	while ((ret = ptw_group_destroy(visitor.group)) == PTW_ERR_AGAIN)
		sched_yield();
	if (ret)
		count(&wrong);
	count(&visits);
}

static void come_and_go(uint64_t what)
{
	struct world *w = &world[what / 4 % WORLDS];
	struct ptw_aging_state sums = {.size = sizeof(sums)};

	switch (what % 4) {
	case 0:
		if (ptw_aging_detach(aging, w->first))
			count(&wrong);
		sched_yield();
		if (attach(w, PAGES))
			count(&wrong);
		break;
	case 1:
		if (ptw_engine_enable(engine, what / 16 % 3 ? PTW_ENABLE_ALL : what / 64 % 16))
			count(&wrong);
		break;
	case 2:
		if (ptw_aging_state(aging, &sums) || sums.failed || sums.busy)
			count(&wrong);
		break;
	default:
		visit(what / 4);
	}
}

enum {
	AGER,
	EVICTOR,
	EVICTOR_TOO,
	FAULTER,
	COMER,
	HOST_CPU,
	GUEST_CPU,
	THREADS
};

static void act(unsigned int role, uint64_t *state)
{
	const uint64_t page = pick(state) % TOTAL;
	struct ptw_group *g = world[page / PAGES].group;
	uint64_t evicted = 0;
	int ret = PTW_OK;

	switch (role) {
	case AGER:
		ret = ptw_group_age(g);
		if (!ret)
			count(&agings);
		break;
	case EVICTOR:
	case EVICTOR_TOO:
		if (page % 4)
			ret = ptw_group_evict(g, 1 + page % 70, &evicted);
		else
			ret = ptw_engine_reclaim(engine, NULL, 1 + page % 70, 0, &evicted);
		break;
	case FAULTER:
		if (pick(state) % 8)
			fault(page);
		else
			take_away(page);
		break;
	case COMER:
		come_and_go(pick(state));
		break;
	default:
		use(page, role - HOST_CPU);
	}
	if (ret && ret != PTW_ERR_AGAIN && ret != PTW_ERR_UNSUPPORTED)
		count(&wrong);
	__atomic_fetch_add(&evicted_pages, evicted, __ATOMIC_RELAXED);
}

static uint64_t seed;

static void *play(void *context)
{
	const unsigned int role = *(const unsigned int *)context;
	uint64_t state = (test_seed() | 1) + 77777 * (seed + role);

	/* Processors are no readers, flushes wait for them; registered, it would hold up QSBR's. */
	if (role < HOST_CPU)
		ptw_thread_register();
	while (!__atomic_load_n(&stop_now, __ATOMIC_RELAXED))
		act(role, &state);
	if (role < HOST_CPU)
		ptw_thread_unregister();
	return NULL;
}

static void round_of_all(void)
{
	const struct timespec a_while = {0, 800000000};
	pthread_t thread[THREADS];
	unsigned int role[THREADS];

	__atomic_store_n(&stop_now, 0, __ATOMIC_RELAXED);
	/* With QSBR a registered thread that waits would hold up grace periods. */
	ptw_thread_unregister();
	for (unsigned int i = 0; i < THREADS; i++) {
		role[i] = i;
		cr_assert_eq(pthread_create(&thread[i], NULL, play, &role[i]), 0);
	}
	nanosleep(&a_while, NULL);
	__atomic_store_n(&stop_now, 1, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ptw_thread_register();
	seed += THREADS;
}

/* All stand still: nobody's use was lost, and sizes are exact. */
static void judge(void)
{
	uint64_t resident = 0, counted = 0, faulted = 0, missed = 0;

	cr_assert_eq(wrong, 0u);
	cr_assert_eq(ptw_engine_enable(engine, PTW_ENABLE_ALL), PTW_OK);
	for (unsigned int i = 0; i < WORLDS; i++) {
		struct ptw_group_state s = {.size = sizeof(s)};
		uint64_t sum = 0;

		cr_assert_eq(ptw_group_age(world[i].group), PTW_OK);
		cr_assert_eq(ptw_group_state(world[i].group, &s), PTW_OK);
		for (unsigned int k = 0; k < PTW_GENERATIONS; k++)
			sum += s.pages[k];
		cr_assert_eq(sum, s.resident);
		cr_assert_eq(s.isolated, 0u);
		counted += s.resident;
		faulted += s.faults;
	}
	for (unsigned int page = 0; page < TOTAL; page++) {
		cr_assert_neq(where[page], COMING);
		resident += where[page] == RESIDENT;
		for (unsigned int side = 0; side < SIDES; side++)
			missed += used[side][page] > reported[page];
	}
	cr_assert_eq(missed, 0u, "%llu uses were lost", (unsigned long long)missed);
	cr_assert_eq(counted, resident);
	cr_assert_eq(faulted, faults);
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
}

static void create(void)
{
	const struct ptw_engine_config config = {.size = sizeof(config), .pages = TOTAL + VISITS};
	struct ptw_aging_config source = {.size = sizeof(source), .evict = evict,
					  .full_every = 255};

	cr_assert_eq(ptw_engine_create(&config, &engine), PTW_OK);
	source.engine = engine;
	cr_assert_eq(ptw_aging_create(&source, &aging), PTW_OK);
	for (unsigned int i = 0; i < WORLDS; i++) {
		world[i].first = (uint64_t)i * PAGES;
		make_table(&world[i], HOST);
		make_table(&world[i], GUEST);
		cr_assert_eq(make_space(&world[i], PAGES, true), PTW_OK);
		cr_assert_eq(make_group(&world[i], PAGES), PTW_OK);
		cr_assert_eq(attach(&world[i], PAGES), PTW_OK);
	}
	visitor.first = VISIT;
	make_table(&visitor, HOST);
}

static void destroy(void)
{
	ptw_engine_destroy(engine);
	cr_assert_eq(ptw_aging_destroy(aging), PTW_OK);
	for (unsigned int i = 0; i <= WORLDS; i++) {
		struct world *w = i < WORLDS ? &world[i] : &visitor;

		if (i < WORLDS)
			cr_assert_eq(ptw_space_destroy(w->space), PTW_OK);
		for (unsigned int side = 0; side < SIDES; side++) {
			if (!w->table[side])
				continue;
			ptw_mmu_destroy(&w->mmu[side]);
			free(w->cpu[side]);
			cr_assert_eq(ptw_pgtable_destroy(w->table[side]), PTW_OK);
		}
	}
}

Test(aging, threads, .timeout = 300)
{
	ptw_thread_register();
	create();
	/* Where threads hardly run, more rounds: until each thing has happened. */
	for (unsigned int i = 0; i < ROUNDS || !put_out || !accesses || !removals; i++) {
		round_of_all();
		judge();
	}
	cr_log_info("%llu accesses, %llu faults, %llu evictions, %llu removals, %llu ageings, %llu visits",
		    (unsigned long long)accesses, (unsigned long long)faults,
		    (unsigned long long)evicted_pages, (unsigned long long)removals,
		    (unsigned long long)agings, (unsigned long long)visits);
	destroy();
}
