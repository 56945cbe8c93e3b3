/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Groups of an engine that are given up while others work on their pages: at the worst moment, by the port's hook. */
#include "tests/harness/harness.h"

#include <pthread.h>
#include <time.h>

#include <ptw/engine.h>
#include <ptw/engine_text.h>
#include <ptw/engine_type.h>
#include <ptw/error.h>

#include "lib/age/engine/engine.h"
#include "lib/age/policy/learned.h"

__thread void (*test_hook)(int op, const void *address);

static struct ptw_engine *engine;
static struct ptw_group *group;
static int waiting, destroyed; /* atomic */

static void start(const struct ptw_policy_ops *policy)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config), .pages = 1024, .policy = policy};
	const struct ptw_group_config group_config = {.size = sizeof(group_config)};

	cr_assert_eq(ptw_engine_create(&config, &engine), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &group_config, &group), PTW_OK);
	cr_assert_eq(ptw_group_attach(group, 0, 128), PTW_OK);
}

static void stop(void)
{
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	ptw_engine_destroy(engine);
}

static void *destroy(void *context)
{
	(void)context;
	while (!__atomic_load_n(&waiting, __ATOMIC_ACQUIRE))
		;
	cr_assert_eq(ptw_group_destroy(group), PTW_OK);
	__atomic_store_n(&destroyed, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Whoever is at the group waits a while for it to be given up. */
static void give_time(int op, const void *address)
{
	const struct timespec while_it_goes = {.tv_nsec = 2000000};
	const uintptr_t at = (uintptr_t)address, first = (uintptr_t)group;

	(void)op;
	if (at < first || at >= first + sizeof(*group))
		return;
	__atomic_store_n(&waiting, 1, __ATOMIC_RELEASE);
	nanosleep(&while_it_goes, NULL);
	cr_assert(!__atomic_load_n(&destroyed, __ATOMIC_ACQUIRE), "it is at a group that is gone");
}

/* A page came, and makes the clock go on: the group stays until it has. */
Test(engine_races, given_up_while_the_clock_goes_on)
{
	pthread_t thread;

	start(NULL);
	cr_assert_eq(pthread_create(&thread, NULL, destroy, NULL), 0);
	test_hook = give_time;
	cr_assert_eq(ptw_page_add(engine, 5), PTW_OK);
	test_hook = NULL;
	pthread_join(thread, NULL);
	cr_assert_eq(ptw_page_add(engine, 5), PTW_ERR_ABSENT);
	stop();
}

/*
 * Another group wants the first region as soon as it is free, while a page comes in the second: policies link pages of
 * one group to each other, in memory that all groups share.
 */
static struct ptw_group *other;
static int attached;

static void take_the_first(int op, const void *address)
{
	(void)op;
	if (address != &engine->region[1].control)
		return;
	test_hook = NULL;
	attached = ptw_group_attach(other, 0, 64);
	if (!attached)
		cr_assert_eq(ptw_page_add(engine, 7), PTW_OK);
	cr_assert_eq(ptw_page_add(engine, 64), PTW_OK);
}

Test(engine_races, given_up_region_by_region)
{
	const struct ptw_group_config config = {.size = sizeof(config)};

	start(&ptw_policy_learned);
	cr_assert_eq(ptw_group_create(engine, &config, &other), PTW_OK);
	cr_assert_eq(ptw_page_add(engine, 7), PTW_OK);
	test_hook = take_the_first;
	cr_assert_eq(ptw_group_destroy(group), PTW_OK);
	cr_assert_null(test_hook);
	cr_assert_eq(ptw_learned_check(other->policy), PTW_OK);
	cr_assert_eq(attached, PTW_ERR_OVERLAP);
	cr_assert_eq(ptw_group_attach(other, 0, 128), PTW_OK);
	cr_assert_eq(ptw_page_add(engine, 7), PTW_OK);
	cr_assert_eq(ptw_learned_check(other->policy), PTW_OK);
	stop();
}

/* Reclaim finds groups by itself, also while they get more pages: what it may count on is there before. */
static unsigned int told;

static void span_is_there(int op, const void *address)
{
	if (op != PTW_OP_PUBLISH || address != &group->regions)
		return;
	told++;
	cr_assert_not_null(group->spans->next);
	cr_assert_eq(group->spans->next->first, 3u);
	cr_assert_eq(group->spans->next->regions, 2u);
}

Test(engine_races, more_pages_while_reclaimed)
{
	start(NULL);
	test_hook = span_is_there;
	cr_assert_eq(ptw_group_attach(group, 192, 128), PTW_OK);
	test_hook = NULL;
	cr_assert_eq(told, 1u);
	stop();
}

/* And a policy is not told of them while the group is aged, when it goes through those that it has. */
static int harvest_meanwhile(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	(void)context;
	(void)first;
	(void)pages;
	(void)word;
	(void)sink;
	attached = ptw_group_attach(group, 192, 64);
	return 0;
}

Test(engine_races, more_pages_while_aged)
{
	start(&ptw_policy_learned);
	group->ops.harvest = harvest_meanwhile;
	cr_assert_eq(ptw_page_add(engine, 7), PTW_OK);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	cr_assert_eq(attached, PTW_ERR_AGAIN);
	cr_assert_eq(ptw_page_add(engine, 192), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_group_attach(group, 192, 64), PTW_OK);
	cr_assert_eq(ptw_page_add(engine, 192), PTW_OK);
	stop();
}

/*
 * Pages come while their region is being attached: they are absent until all of it is the group's. `comes_at` is the
 * region that is claimed at that moment.
 */
static uint64_t comes_at;
static int came;

static void page_comes(int op, const void *address)
{
	if (op != PTW_OP_CAS || address != &engine->region[comes_at].control)
		return;
	test_hook = NULL;
	came = ptw_page_add(engine, 195);
}

/* In vain: the last region is another group's. Nobody has that page then, and nobody counts it. */
Test(engine_races, page_comes_while_attaching_fails)
{
	const struct ptw_group_config config = {.size = sizeof(config)};
	struct ptw_group_state state = {.size = sizeof(state)};

	start(NULL);
	cr_assert_eq(ptw_group_create(engine, &config, &other), PTW_OK);
	cr_assert_eq(ptw_group_attach(group, 256, 64), PTW_OK);
	comes_at = 4;
	test_hook = page_comes;
	cr_assert_eq(ptw_group_attach(other, 192, 128), PTW_ERR_OVERLAP);
	cr_assert_null(test_hook);
	cr_assert_eq(ptw_group_state(other, &state), PTW_OK);
	cr_assert_eq(state.resident, 0u);
	cr_assert_eq(came, PTW_ERR_ABSENT);
	stop();
}

/* A policy knows of pages before they come. */
Test(engine_races, page_comes_while_attaching)
{
	start(&ptw_policy_learned);
	comes_at = 4;
	test_hook = page_comes;
	cr_assert_eq(ptw_group_attach(group, 192, 128), PTW_OK);
	cr_assert_null(test_hook);
	cr_assert_eq(ptw_learned_check(group->policy), PTW_OK);
	cr_assert_eq(came, PTW_ERR_ABSENT);
	cr_assert_eq(ptw_page_add(engine, 195), PTW_OK);
	cr_assert_eq(ptw_learned_check(group->policy), PTW_OK);
	stop();
}

/*
 * Another thread evicts while an ageing has found all pages of the oldest tick young, and not told
 * the counters yet: those of the next one go.
 */
static uint64_t gone;

static int first_are_young(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	(void)context;
	(void)first;
	(void)pages;
	return word(sink, 0, 0xf, 0);
}

static int harvest_nothing(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	(void)context;
	(void)first;
	(void)pages;
	(void)word;
	(void)sink;
	return 0;
}

static int put_out(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	cr_assert_eq(n, 1u);
	cr_assert_eq(page[0], 64u);
	result[0] = PTW_EVICTED;
	return 0;
}

static void evict_meanwhile(int op, const void *address)
{
	(void)op;
	if (address != &engine->region[1].young || ptw_port_load(&engine->region[0].young))
		return;
	test_hook = NULL;
	cr_assert_eq(group->tally.moved, 4u);
	cr_assert_eq(ptw_group_evict(group, 1, &gone), PTW_OK);
}

Test(engine_races, evicted_while_aged)
{
	start(NULL);
	group->ops.harvest = first_are_young;
	group->ops.evict = put_out;
	for (unsigned int i = 0; i < 4; i++)
		cr_assert_eq(ptw_page_add(engine, i), PTW_OK);
	for (unsigned int i = 64; i < 68; i++)
		cr_assert_eq(ptw_page_add(engine, i), PTW_OK);
	test_hook = evict_meanwhile;
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	cr_assert_null(test_hook);
	cr_assert_eq(gone, 1u);
	stop();
}

/* Likewise a command: pages that it does not mean stay, whatever the counters say. */
static int put_out_none(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	(void)result;
	cr_assert_fail("%u pages, %u is the first", n, (unsigned int)page[0]);
	return 0;
}

static void command_meanwhile(int op, const void *address)
{
	size_t done;

	(void)op;
	if (address != &engine->region[1].young || ptw_port_load(&engine->region[0].young))
		return;
	test_hook = NULL;
	cr_assert_eq(group->tally.moved, 4u);
	cr_assert_eq(ptw_engine_command(engine, "- 1 0 0", 7, &done), PTW_OK);
	gone = 1;
}

Test(engine_races, command_while_aged)
{
	start(NULL);
	for (unsigned int i = 0; i < 4; i++)
		cr_assert_eq(ptw_page_add(engine, i), PTW_OK);
	group->ops.harvest = harvest_nothing;
	group->ops.evict = put_out_none;
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	for (unsigned int i = 64; i < 68; i++)
		cr_assert_eq(ptw_page_add(engine, i), PTW_OK);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	group->ops.harvest = first_are_young;
	test_hook = command_meanwhile;
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	cr_assert_eq(gone, 1u);
	stop();
}

/* Another thread removes what that ageing has found young and not told: nowhere are there fewer pages than none. */
static void remove_meanwhile(int op, const void *address)
{
	struct ptw_group_state state = {.size = sizeof(state)};
	struct ptw_type_state type = {.size = sizeof(type)};
	uint64_t histogram[256];

	(void)op;
	if (address != &engine->region[1].young || ptw_port_load(&engine->region[0].young))
		return;
	test_hook = NULL;
	for (unsigned int i = 0; i < 4; i++)
		cr_assert_eq(ptw_page_remove(engine, i), PTW_OK);
	cr_assert_eq(ptw_group_state(group, &state), PTW_OK);
	cr_assert_eq(ptw_group_type_state(group, PTW_TYPE_ANON, &type), PTW_OK);
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++) {
		cr_assert_leq(state.pages[i], 8u);
		cr_assert_leq(type.pages[i], 8u);
	}
	cr_assert_eq(ptw_group_ages(group, histogram), PTW_OK);
	for (unsigned int age = 0; age < 256; age++)
		cr_assert_leq(histogram[age], 8u);
	gone = 4;
}

Test(engine_races, removed_while_aged)
{
	start(NULL);
	group->ops.harvest = first_are_young;
	for (unsigned int i = 0; i < 4; i++)
		cr_assert_eq(ptw_page_add(engine, i), PTW_OK);
	for (unsigned int i = 64; i < 68; i++)
		cr_assert_eq(ptw_page_add(engine, i), PTW_OK);
	test_hook = remove_meanwhile;
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	cr_assert_eq(gone, 4u);
	stop();
}

/* A pass moves more pages of one tick than its counters of 32 bits can count. */
static uint8_t old_byte;

static int much_is_young(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	struct ptw_tally *tally = &group->tally;

	(void)context;
	(void)first;
	(void)pages;
	/* So many were young before these, in regions that are not there. */
	tally->count = group->first.count;
	tally->now = ptw_tick_byte(group->tick);
	tally->left[old_byte] = UINT32_MAX - 63;
	tally->moved = UINT32_MAX - 63;
	group->first.count[old_byte] += UINT32_MAX - 63;
	return word(sink, 0, ~(uint64_t)0, 0);
}

Test(engine_races, more_pages_than_a_tally_counts)
{
	start(NULL);
	group->ops.harvest = much_is_young;
	for (unsigned int i = 0; i < 64; i++)
		cr_assert_eq(ptw_page_add(engine, i), PTW_OK);
	for (unsigned int i = 0; i < 64; i++) {
		struct ptw_owned o;

		cr_assert(ptw_region_own(engine, 0, true, &o));
		ptw_page_mark(&o, i, o.tick[0]);
		ptw_region_leave(&o);
	}
	old_byte = engine->tick[0];
	cr_assert_eq(group->first.count[old_byte], 64u);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	cr_assert_eq(group->first.count[old_byte], 0u);
	cr_assert_eq(group->first.count[ptw_tick_byte(group->tick)], (uint64_t)UINT32_MAX + 1);
	group->first.count[ptw_tick_byte(group->tick)] = 64;
	stop();
}
