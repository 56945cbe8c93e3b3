/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The engine under threads that age, evict, fault, remove, look, settle what was pending, and make and give up groups
 * at the same time, below one another, and reclaim over all of them. A table of the test's own
 * stands for the page table: accessed bits are words that anybody sets.
 *
 * What must hold: a page is handed to one evictor at a time and only while it is resident; at the end sizes are
 * exact, page by page; every fault, eviction and removal was counted once; nothing found young was lost, as far as
 * one can tell: with everybody else at rest a page that was used since is not put out before one that was not.
 */
#include "tests/harness/harness.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include <ptw/engine_enable.h>
#include <ptw/engine_reclaim.h>
#include <ptw/engine_text.h>
#include <ptw/engine_tree.h>
#include <ptw/engine_type.h>
#include <ptw/error.h>
#include <ptw/thread.h>

#define PAGES	4096u
#define GROUPS	2u
#define THREADS 6u
/* Behind them, a region of a group that comes and goes, and one of a group that keeps some of its pages. */
#define GUESTS PAGES
#define KEPT   (PAGES + 64u)
#define KEEPS  40u

/* What the test knows of a page: relaxed but for the changes of `where`, which are compare-exchanges. */
enum {
	ABSENT,
	COMING,
	RESIDENT,
	GOING,
	WAITING
};

static struct ptw_engine *engine;
static struct ptw_group *group[GROUPS], *keeper;
static uint32_t where[PAGES];
static uint64_t accessed[PAGES / 64];
/* Tokens of pages that went, whoever's. */
static uint64_t tokens[64];
/* The first call whose answer was wrong, as its line and the answer: what a failure has to say. */
static uint64_t amiss;
static uint64_t stop_now, faults, evictions, removals, settled, guests_gone, refused;

static bool change(uint64_t page, uint32_t from, uint32_t to)
{
	return __atomic_compare_exchange_n(&where[page], &from, to, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static void went_wrong(unsigned int line, int answer)
{
	uint64_t none = 0;

	__atomic_compare_exchange_n(&amiss, &none, (uint64_t)line << 32 | (uint32_t)answer, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

#define WRONG(answer) went_wrong(__LINE__, answer)

static int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	(void)context;
	for (uint64_t w = first / 64; w < (first + pages) / 64; w++) {
		const uint64_t found = __atomic_exchange_n(&accessed[w], 0, __ATOMIC_RELAXED);

		if (found)
			word(sink, w * 64, found, 0);
	}
	return 0;
}

static int look(void *context, uint64_t page, uint64_t *around)
{
	const uint64_t bit = (uint64_t)1 << page % 64;
	uint64_t found;

	(void)context;
	if (!(__atomic_load_n(&accessed[page / 64], __ATOMIC_RELAXED) & bit))
		return 0;
	found = __atomic_exchange_n(&accessed[page / 64], 0, __ATOMIC_RELAXED);
	*around = found & ~bit;
	return !!(found & bit);
}

static int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t token;
		/* In one step, since a fault may come at once. Somebody may be removing it, or bringing it in. */
		const bool pending = page[i] % 7 == 0;

		/* Others may be removing it. */
		if (!ptw_page_token(engine, page[i], &token))
			__atomic_store_n(&tokens[page[i] % 64], token, __ATOMIC_RELAXED);
		if (page[i] % 11 == 0 || !change(page[i], RESIDENT, pending ? WAITING : GOING))
			result[i] = page[i] % 2 ? PTW_EVICT_FAILED : PTW_EVICT_YOUNG;
		else
			result[i] = pending ? PTW_EVICT_PENDING : PTW_EVICTED;
	}
	return 0;
}

static uint64_t pick(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x2545f4914f6cdd1du >> 32;
}

/* A page comes: absent, or put out by a call that has settled it since. */
static void fault(uint64_t page)
{
	int ret;

	if (!change(page, ABSENT, COMING) && !change(page, GOING, COMING))
		return;
	if (page % 5)
		ret = ptw_page_add(engine, page);
	else
		ret = ptw_page_add_token(engine, page,
					 __atomic_load_n(&tokens[page / 5 % 64], __ATOMIC_RELAXED));
	if (ret == PTW_ERR_EXISTS) {
		/* It was GOING, and the engine is not told yet that it is gone. */
		__atomic_store_n(&where[page], GOING, __ATOMIC_RELEASE);
		return;
	}
	if (ret)
		WRONG(ret);
	count(&faults);
	__atomic_store_n(&where[page], RESIDENT, __ATOMIC_RELEASE);
}

static void take_away(uint64_t page)
{
	int ret;

	if (!change(page, RESIDENT, COMING))
		return;
	ret = ptw_page_remove(engine, page);
	if (ret)
		WRONG(ret);
	count(&removals);
	__atomic_store_n(&where[page], ABSENT, __ATOMIC_RELEASE);
}

/* One that waits is settled; the engine may not know yet that it waits, but it is isolated already. */
static void settle(uint64_t page)
{
	const bool stays = page % 3 == 0;
	int ret;

	if (!change(page, WAITING, COMING))
		return;
	ret = ptw_page_settle(engine, page, stays ? PTW_EVICT_FAILED : PTW_EVICTED);
	if (ret)
		WRONG(ret);
	if (!stays)
		count(&settled);
	__atomic_store_n(&where[page], stays ? RESIDENT : ABSENT, __ATOMIC_RELEASE);
}

/* Pages that nobody knows but the engine. */
static int harvest_none(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	(void)context;
	word(sink, first, pages, 0);
	return 0;
}

static int evict_any(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	(void)page;
	for (unsigned int i = 0; i < n; i++) {
		result[i] = PTW_EVICTED;
		count(&guests_gone);
	}
	return 0;
}

/*
 * A group that comes and goes, below another one or with one below it, while others reclaim and run commands. Who is
 * at it makes it stay for a while, and begins no more with it.
 */
static void group_for_a_while(uint64_t kind)
{
	struct ptw_group_config config = {.size = sizeof(config),
					  .ops = {.harvest = harvest_none, .evict = evict_any},
					  .parent = kind % 2 ? group[1] : NULL};
	struct ptw_group *other, *below;
	int ret;

	ret = ptw_group_create(engine, &config, &other);
	if (ret) {
		WRONG(ret);
		return;
	}
	ret = ptw_group_attach_as(other, GUESTS, 64, kind % PTW_TYPES);
	if (ret)
		WRONG(ret);
	config.parent = other;
	ret = ptw_group_create(engine, &config, &below);
	if (ret) {
		WRONG(ret);
		return;
	}
	for (unsigned int i = 0; i < 64; i++) {
		ret = ptw_page_add(engine, GUESTS + i);
		if (ret)
			WRONG(ret);
	}
	ptw_group_protect(other, kind % 70, kind % 100);
	ret = ptw_group_destroy(other);
	if (ret != PTW_ERR_BUSY)
		WRONG(ret);
	/* Its turn should come. */
	for (unsigned int i = 0; i < 50; i++)
		sched_yield();
	while ((ret = ptw_group_destroy(below)) == PTW_ERR_AGAIN) {
		count(&refused);
		sched_yield();
	}
	if (ret)
		WRONG(ret);
	while ((ret = ptw_group_destroy(other)) == PTW_ERR_AGAIN) {
		count(&refused);
		sched_yield();
	}
	if (ret)
		WRONG(ret);
}

/* Over several groups, whichever there are. */
static void over_groups(uint64_t what)
{
	struct ptw_group_state sizes = {.size = sizeof(sizes)};
	static const char *const commands[] = {"+ 4 0 0", "- 4 0 0", "+ 5 0 0", "- 1 0 0"};
	const char *command = commands[what % 4];
	uint64_t evicted = 0;
	size_t done;
	int ret = PTW_OK;

	switch (what % 10) {
	case 0:
		ret = ptw_group_subtree_state(group[0], &sizes);
		break;
	case 1:
		ret = ptw_engine_command(engine, command, strlen(command), &done);
		/* No such group, no such generation, or it is being aged. */
		if (ret == PTW_ERR_ARG || ret == PTW_ERR_EXISTS || ret == PTW_ERR_UNSUPPORTED)
			ret = PTW_OK;
		break;
	case 2:
		ret = ptw_group_protect(group[what / 8 % 2], what / 16 % 3000, what / 16 % 5000);
		break;
	case 3:
		ret = ptw_engine_enable(engine,
					what / 8 % 4 ? PTW_ENABLE_ALL : PTW_ENABLE_LEAF_WALK);
		break;
	case 8:
		ret = ptw_group_set_balance(group[what / 8 % 2], what / 16 % PTW_TYPES,
					    what / 64 % (PTW_BALANCE_MAX + 1));
		break;
	case 9:
		ret = ptw_page_used(engine, what / 8 % PAGES);
		if (ret == PTW_ERR_ABSENT)
			ret = PTW_OK;
		break;
	default:
		ret = ptw_engine_reclaim(engine, what / 8 % 3 ? NULL : group[what / 24 % 2],
					 1 + what / 48 % 5, what / 8 % 2, &evicted);
	}
	if (ret && ret != PTW_ERR_THRASHING)
		WRONG(ret);
	__atomic_fetch_add(&evictions, evicted, __ATOMIC_RELAXED);
}

static void *run(void *context)
{
	const uint64_t self = *(const uint64_t *)context;
	uint64_t state = (test_seed() | 1) + 77777 * self;
	struct ptw_group_state sizes = {.size = sizeof(sizes)};
	uint64_t evicted;
	int ret;

	ptw_thread_register();
	while (!__atomic_load_n(&stop_now, __ATOMIC_RELAXED)) {
		const uint64_t page = pick(&state) % PAGES, what = pick(&state) % 1000;
		struct ptw_group *g = group[page * GROUPS / PAGES];

		if (what < 400) {
			__atomic_fetch_or(&accessed[page / 64], (uint64_t)1 << page % 64,
					  __ATOMIC_RELAXED);
			fault(page);
		} else if (what < 800) {
			fault(page);
		} else if (what < 850) {
			take_away(page);
		} else if (what < 900) {
			settle(page / 7 * 7);
		} else if (what < 920) {
			over_groups(pick(&state));
		} else if (what < 980) {
			ret = ptw_group_evict(g, 1 + page % 70, &evicted);
			if (ret && ret != PTW_ERR_THRASHING)
				WRONG(ret);
			__atomic_fetch_add(&evictions, evicted, __ATOMIC_RELAXED);
		} else if (what < 990) {
			ret = ptw_group_age(g);
			if (ret && ret != PTW_ERR_AGAIN && ret != PTW_ERR_UNSUPPORTED)
				WRONG(ret);
		} else if (what < 991 || self) {
			ptw_group_state(g, &sizes);
			ptw_group_wants_ageing(g);
		} else {
			group_for_a_while(pick(&state));
		}
	}
	ptw_thread_unregister();
	return NULL;
}

/* Asked between evictions, with nothing in hand: a group that is reclaimed may be given up at that moment. */
static uint64_t clock_that_yields(void *context)
{
	static uint64_t milliseconds;

	(void)context;
	sched_yield();
	return __atomic_add_fetch(&milliseconds, 1, __ATOMIC_RELAXED);
}

static void create(void)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config), .pages = PAGES + 128, .clock = clock_that_yields};
	struct ptw_group_config group_config = {
		.size = sizeof(group_config),
		.ops = {.harvest = harvest, .look = look, .evict = evict},
	};

	cr_assert_eq(ptw_engine_create(&config, &engine), PTW_OK);
	cr_assert_eq(ptw_engine_min_age(engine, 1), PTW_OK);
	for (unsigned int g = 0; g < GROUPS; g++) {
		cr_assert_eq(ptw_group_create(engine, &group_config, &group[g]), PTW_OK);
		/* One is of one type, the other of two. */
		cr_assert_eq(ptw_group_attach(group[g], g * (PAGES / GROUPS), PAGES / GROUPS / 2),
			     PTW_OK);
		cr_assert_eq(ptw_group_attach_as(group[g], (2 * g + 1) * (PAGES / GROUPS / 2),
						 PAGES / GROUPS / 2, g),
			     PTW_OK);
		group_config.parent = group[0];
	}
	group_config.ops.evict = evict_any;
	group_config.ops.harvest = NULL;
	group_config.ops.look = NULL;
	group_config.parent = NULL;
	cr_assert_eq(ptw_group_create(engine, &group_config, &keeper), PTW_OK);
	cr_assert_eq(ptw_group_attach(keeper, KEPT, 64), PTW_OK);
	cr_assert_eq(ptw_group_protect(keeper, KEEPS, 50), PTW_OK);
	for (unsigned int i = 0; i < 64; i++)
		cr_assert_eq(ptw_page_add(engine, KEPT + i), PTW_OK);
}

/* Sizes by type are those of the group; what was judged went, and what came back of it had been judged. */
static void check_types(const struct ptw_group *g, const struct ptw_group_state *s)
{
	uint64_t pages[PTW_GENERATIONS] = {0}, evicted = 0, refaulted = 0, protected = 0;

	for (uint32_t t = 0; t < PTW_TYPES; t++) {
		struct ptw_type_state state = {.size = sizeof(state)};

		cr_assert_eq(ptw_group_type_state(g, t, &state), PTW_OK);
		for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
			pages[i] += state.pages[i];
		for (unsigned int i = 0; i < PTW_TIERS; i++) {
			evicted += state.evicted[i];
			refaulted += state.refaulted[i];
			protected += state.protected_[i];
		}
	}
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
		cr_assert_eq(pages[i], s->pages[i]);
	cr_assert_leq(evicted, s->evicted);
	cr_assert_leq(refaulted, s->refaults);
	cr_log_info("%llu evictions judged, %llu refaults, %llu protected",
		    (unsigned long long)evicted, (unsigned long long)refaulted,
		    (unsigned long long)protected);
}

/* The tree's sums are those of its groups, and what was promised to one that nobody else touches is there. */
static void check_tree(uint64_t counted)
{
	struct ptw_group_state s = {.size = sizeof(s)};

	cr_assert_eq(ptw_group_subtree_state(group[0], &s), PTW_OK);
	cr_assert_eq(s.resident, counted);
	cr_assert_eq(ptw_group_state(keeper, &s), PTW_OK);
	cr_assert_geq(s.resident, KEEPS);
	cr_assert_eq(s.resident + s.evicted, 64u);
	cr_log_info("%u kept, %llu of guests gone, groups not given up at once: %llu",
		    (unsigned int)s.resident, (unsigned long long)guests_gone,
		    (unsigned long long)refused);
}

static uint64_t judged(const struct ptw_group *g)
{
	uint64_t evicted = 0;

	for (uint32_t t = 0; t < PTW_TYPES; t++) {
		struct ptw_type_state state = {.size = sizeof(state)};

		ptw_group_type_state(g, t, &state);
		for (unsigned int i = 0; i < PTW_TIERS; i++)
			evicted += state.evicted[i];
	}
	return evicted;
}

/* Evictions by who makes some, such as waited, those of guests, and in both groups such as were judged. */
static bool all_happened(void)
{
	static bool any[GROUPS];
	bool all = __atomic_load_n(&evictions, __ATOMIC_RELAXED) &&
		   __atomic_load_n(&settled, __ATOMIC_RELAXED) &&
		   __atomic_load_n(&guests_gone, __ATOMIC_RELAXED);

	ptw_thread_register();
	for (unsigned int g = 0; g < GROUPS; g++) {
		any[g] = any[g] || judged(group[g]);
		all = all && any[g];
	}
	ptw_thread_unregister();
	return all;
}

Test(engine, threads, .timeout = 300)
{
	pthread_t thread[THREADS];
	uint64_t self[THREADS], resident = 0, counted = 0, faulted = 0, gone = 0, isolated = 0,
				waiting = 0, later;
	const unsigned int seconds = 4;

	create();
	for (uint64_t i = 0; i < THREADS; i++) {
		self[i] = i;
		cr_assert_eq(pthread_create(&thread[i], NULL, run, &self[i]), 0);
	}
	/* Longer where threads hardly run: until each thing has happened. */
	for (unsigned int i = 0; i < 10 * seconds || !all_happened(); i++) {
		struct timespec moment = {0, 100000000};

		nanosleep(&moment, NULL);
	}
	__atomic_store_n(&stop_now, 1, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	cr_assert_eq(amiss, 0u, "line %u: %s", (unsigned int)(amiss >> 32),
		     ptw_strerror((int)(uint32_t)amiss));
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	for (unsigned int page = 0; page < PAGES; page++) {
		resident += where[page] == RESIDENT || where[page] == WAITING;
		waiting += where[page] == WAITING;
		cr_assert_neq(where[page], COMING);
	}
	for (unsigned int g = 0; g < GROUPS; g++) {
		struct ptw_group_state s = {.size = sizeof(s)};
		uint64_t sum = 0;

		cr_assert_eq(ptw_group_state(group[g], &s), PTW_OK);
		for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
			sum += s.pages[i];
		cr_assert_eq(sum + s.isolated, s.resident);
		check_types(group[g], &s);
		counted += s.resident;
		faulted += s.faults;
		gone += s.evicted;
		isolated += s.isolated;
	}
	cr_assert_eq(counted, resident);
	cr_assert_eq(isolated, waiting);
	cr_assert_eq(faulted, faults);
	/* What was settled as evicted after it had waited is counted in the engine alone. */
	cr_assert_eq(faulted - gone - removals, resident);
	check_tree(counted);
	/* Of commands' evictions nobody was told how many. */
	cr_assert_leq(evictions, gone + guests_gone);
	later = gone + guests_gone - evictions;
	cr_log_info("%llu faults, %llu evictions, %llu settled later, %llu removals",
		    (unsigned long long)faults, (unsigned long long)evictions,
		    (unsigned long long)later, (unsigned long long)removals);
	ptw_engine_destroy(engine);
}
