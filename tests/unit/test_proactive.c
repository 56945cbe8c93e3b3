/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Proactive reclaim: steps that can be told by hand, what is put out by age, errors. */
#include "tests/harness/harness.h"

#include <ptw/engine.h>
#include <ptw/engine_save.h>
#include <ptw/error.h>
#include <ptw/proactive.h>

#define PAGES 128

static struct ptw_engine *engine;
static struct ptw_group *group;
static struct ptw_proactive *controller;
static bool young[PAGES], resident[PAGES];
static int harvest_returns, evict_returns;
static bool find_young; /* the last look finds the page young, once */
static bool at_once; /* another thread is done with what is pending before the callback returns */

static int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	(void)context;
	for (uint64_t page = first; page < first + pages; page += 64) {
		uint64_t found = 0;

		for (unsigned int i = 0; i < 64 && page + i < first + pages; i++) {
			found |= (uint64_t)young[page + i] << i;
			young[page + i] = false;
		}
		if (found)
			word(sink, page, found, 0);
	}
	return harvest_returns;
}

static int look(void *context, uint64_t page, uint64_t *around)
{
	const int found = find_young;

	(void)context;
	(void)page;
	(void)around;
	find_young = false;
	return found;
}

static int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	for (unsigned int i = 0; i < n && !evict_returns; i++) {
		cr_assert(resident[page[i]], "page %u was absent", (unsigned int)page[i]);
		resident[page[i]] = false;
		result[i] = at_once ? PTW_EVICT_PENDING : PTW_EVICTED;
		if (at_once)
			cr_assert_eq(ptw_page_settle(engine, page[i], PTW_EVICTED), PTW_OK);
	}
	return evict_returns;
}

static const struct ptw_group_config group_config = {
	.size = sizeof(group_config),
	.ops = {.harvest = harvest, .look = look, .evict = evict},
};

static void start(void)
{
	const struct ptw_engine_config config = {.size = sizeof(config), .pages = PAGES};

	cr_assert_eq(ptw_engine_create(&config, &engine), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &group_config, &group), PTW_OK);
	cr_assert_eq(ptw_group_attach(group, 0, PAGES), PTW_OK);
}

static void stop(void)
{
	ptw_proactive_destroy(controller);
	controller = NULL;
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	ptw_engine_destroy(engine);
}

/* A page is brought in by an access. */
static void bring(uint64_t page)
{
	cr_assert_eq(ptw_page_add(engine, page), PTW_OK);
	resident[page] = young[page] = true;
}

static void use(uint64_t first, uint64_t end)
{
	for (uint64_t page = first; page < end; page++)
		young[page] = true;
}

/* 64 pages, all used just now, and a controller of two steps a window. */
static void start_controller(uint32_t target)
{
	const struct ptw_proactive_config config = {
		.size = sizeof(config), .target = target, .steps = 2};

	start();
	for (uint64_t page = 0; page < 64; page++)
		bring(page);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	cr_assert_eq(ptw_proactive_create(group, &config, &controller), PTW_OK);
}

/* How many a step puts out. */
static uint64_t take_step(void)
{
	uint64_t evicted = 77;

	cr_assert_eq(ptw_proactive_step(controller, &evicted), PTW_OK);
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	return evicted;
}

static struct ptw_proactive_state known(void)
{
	struct ptw_proactive_state state = {.size = sizeof(state)};

	cr_assert_eq(ptw_proactive_state(controller, &state), PTW_OK);
	return state;
}

Test(proactive, arguments)
{
	struct ptw_proactive_config config = {.size = sizeof(config), .target = 1};
	struct ptw_proactive_state state = {.size = sizeof(state) - 1};
	struct ptw_group_config without = group_config;
	struct ptw_group *bare;
	uint64_t n = 5;

	start();
	cr_assert_eq(ptw_proactive_create(NULL, &config, &controller), PTW_ERR_ARG);
	cr_assert_eq(ptw_proactive_create(group, NULL, &controller), PTW_ERR_ARG);
	cr_assert_eq(ptw_proactive_create(group, &config, NULL), PTW_ERR_ARG);
	config.size--;
	cr_assert_eq(ptw_proactive_create(group, &config, &controller), PTW_ERR_SIZE);
	config.size++;
	config.target = 0;
	cr_assert_eq(ptw_proactive_create(group, &config, &controller), PTW_ERR_ARG);
	config.target = 1000001;
	cr_assert_eq(ptw_proactive_create(group, &config, &controller), PTW_ERR_ARG);
	config.target = 1000000;
	config.steps = 1;
	cr_assert_eq(ptw_proactive_create(group, &config, &controller), PTW_ERR_ARG);
	config.steps = PTW_PROACTIVE_STEPS + 1;
	cr_assert_eq(ptw_proactive_create(group, &config, &controller), PTW_ERR_ARG);
	config.steps = PTW_PROACTIVE_STEPS;
	without.ops.evict = NULL;
	cr_assert_eq(ptw_group_create(engine, &without, &bare), PTW_OK);
	cr_assert_eq(ptw_proactive_create(bare, &config, &controller), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_proactive_create(group, &config, &controller), PTW_OK);
	cr_assert_eq(ptw_proactive_step(NULL, &n), PTW_ERR_ARG);
	cr_assert_eq(ptw_proactive_step(controller, NULL), PTW_ERR_ARG);
	cr_assert_eq(n, 5u);
	cr_assert_eq(ptw_proactive_set_target(controller, 0), PTW_ERR_ARG);
	cr_assert_eq(ptw_proactive_set_target(controller, 1000001), PTW_ERR_ARG);
	cr_assert_eq(ptw_proactive_set_target(controller, 1000000), PTW_OK);
	cr_assert_eq(ptw_proactive_state(controller, &state), PTW_ERR_SIZE);
	cr_assert_eq(ptw_proactive_state(NULL, &state), PTW_ERR_ARG);
	cr_assert_eq(ptw_proactive_cost(NULL, 1), 0u);
	ptw_proactive_destroy(NULL);
	stop();
}

/* What is older goes, what is younger stays, and how old a page is can be asked. */
Test(proactive, evict_older)
{
	uint64_t n = 7;

	start();
	for (uint64_t page = 0; page < 12; page++)
		bring(page);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	use(4, 12);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	use(8, 12);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	/* 0 to 3 are 2 ticks old, 4 to 7 are 1, the rest has just been used. */
	cr_assert_eq(ptw_page_age(engine, 3), 2);
	cr_assert_eq(ptw_page_age(engine, 4), 1);
	cr_assert_eq(ptw_page_age(engine, 11), 0);
	cr_assert_eq(ptw_page_age(engine, 12), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_page_age(engine, PAGES), PTW_ERR_RANGE);
	cr_assert_eq(ptw_page_age(NULL, 0), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_evict_older(group, 3, 100, &n), PTW_OK);
	cr_assert_eq(n, 0u);
	cr_assert_eq(ptw_group_evict_older(group, 2, 1, &n), PTW_OK);
	cr_assert_eq(n, 1u);
	cr_assert(!resident[0] && resident[1]);
	/* The first that is asked was used at the last moment. */
	find_young = true;
	cr_assert_eq(ptw_group_evict_older(group, 2, 100, &n), PTW_OK);
	cr_assert_eq(n, 2u);
	cr_assert(resident[1] && !resident[2] && !resident[3] && resident[4]);
	cr_assert_eq(ptw_page_age(engine, 1), 0);
	cr_assert_eq(ptw_group_evict_older(group, 1000, 100, &n), PTW_OK);
	cr_assert_eq(n, 0u);
	cr_assert_eq(ptw_group_evict_older(group, 1, 100, &n), PTW_OK);
	cr_assert_eq(n, 4u);
	cr_assert(resident[8]);
	cr_assert_eq(ptw_group_evict_older(NULL, 1, 1, &n), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_evict_older(group, 1, 1, NULL), PTW_ERR_ARG);
	stop();
}

/* docs/engine.md has these steps in a table. */
Test(proactive, example)
{
	start_controller(500000);
	use(0, 32);
	cr_assert_eq(take_step(), 0u);
	cr_assert_eq(known().working_set, 64u);
	use(0, 16);
	cr_assert_eq(take_step(), 0u);
	cr_assert_eq(known().working_set, 32u);
	cr_assert_eq(known().threshold, PTW_PROACTIVE_AGES + 1);
	cr_assert_eq(known().aim, 40960u + 640u);
	/*
	 * Of 102.25 pages just used 59.125 were used again in the next step, and no older ones. So
	 * of the 16 just used 9.25 come in the next step, 5.35 of these in the one after.
	 */
	use(0, 16);
	cr_assert_eq(take_step(), 5u);
	cr_assert_eq(known().working_set, 16u);
	cr_assert_eq(known().threshold, 1u);
	cr_assert_eq(known().allowed, 5u);
	cr_assert_eq(ptw_proactive_cost(controller, 0), 14u);
	cr_assert_eq(ptw_proactive_cost(controller, 1), 0u);
	cr_assert(!resident[32] && !resident[36] && resident[37]);
	/*
	 * Two of 32 of age 4 come back. 30 are left, 1.875 come in the next step, 1.758 in the one
	 * after; 16 get as old, of which 1 and 0.9375 come. Each makes the clock go on, since memory is small.
	 */
	bring(32);
	bring(33);
	use(0, 16);
	cr_assert_eq(take_step(), 2u);
	cr_assert_eq(known().promotions, 2u);
	cr_assert_eq(known().working_set, 18u);
	cr_assert_eq(ptw_proactive_cost(controller, 1), 5u);
	cr_assert_eq(ptw_proactive_cost(controller, 3), 5u);
	cr_assert_eq(ptw_proactive_cost(controller, 4), 4u);
	cr_assert_eq(ptw_proactive_cost(controller, 5), 1u);
	cr_assert_eq(ptw_proactive_cost(controller, 6), 0u);
	cr_assert_eq(known().threshold, 4u);
	cr_assert_eq(known().share, 65536u - 8192u);
	cr_assert_eq(known().aim, 40960u + 640u + 650u);
	cr_assert_eq(known().allowed, 5u);
	cr_assert_eq(known().out, 5u);
	cr_assert(!resident[37] && !resident[38] && resident[39] && resident[16]);
	stop();
}

/* 40 steps in which only 16 of 64 pages are used: then all others are out. */
static void put_out_48(void)
{
	start_controller(500000);
	for (unsigned int i = 0; i < 40; i++) {
		use(0, 16);
		take_step();
	}
	cr_assert_eq(known().out, 48u);
}

/* All that was out comes back in the first step of a window. */
static void bring_48(void)
{
	use(0, 16);
	for (uint64_t page = 16; page < 64; page++)
		bring(page);
	take_step();
}

/* When more comes back than was promised, the next windows are to bring back less, by as much. */
Test(proactive, aim)
{
	uint32_t before;

	put_out_48();
	before = known().aim;
	cr_assert_lt(known().share, 65536u / 8);
	bring_48();
	cr_assert_eq(known().promotions, 48u);
	cr_assert_eq(known().share, 65536u);
	cr_assert_eq(known().aim, before);
	use(0, 16);
	take_step();
	/* Half of 64 may, and four fifths of these are the goal. */
	cr_assert_eq(known().aim, before * 25 / 48);
	before = known().aim;
	for (unsigned int i = 0; i < 2; i++) {
		use(0, 16);
		take_step();
	}
	cr_assert_eq(known().aim, before + before / 64);
	stop();
}

/* It falls by 7/10 in a window at most, and not below 1/20. */
Test(proactive, aim_least)
{
	uint32_t before;

	put_out_48();
	cr_assert_eq(ptw_proactive_set_target(controller, 1), PTW_OK);
	before = known().aim;
	bring_48();
	use(0, 16);
	take_step();
	cr_assert_eq(known().aim, before * 3 / 10);
	cr_assert_eq(ptw_proactive_set_target(controller, 500000), PTW_OK);
	for (unsigned int round = 0; round < 40; round++) {
		for (unsigned int i = 0; i < 60; i++) {
			use(0, 16);
			take_step();
		}
		cr_assert_eq(ptw_proactive_set_target(controller, 1), PTW_OK);
		for (uint64_t page = 0; page < 64; page++)
			if (!resident[page])
				bring(page);
		take_step();
		take_step();
		cr_assert_geq(known().aim, 65536u / 20);
		cr_assert_eq(ptw_proactive_set_target(controller, 500000), PTW_OK);
	}
	stop();
}

/* By a quarter of the target in a step, however small that is: in 4000 steps e to the power of
 * -1/100, or of -1/10, is left. */
Test(proactive, share_of_small_targets)
{
	static const uint32_t target[] = {10, 100}, left[] = {9900, 9048};

	for (unsigned int i = 0; i < 2; i++) {
		uint32_t before;
		uint64_t evicted;

		put_out_48();
		before = known().share;
		cr_assert_gt(before, 300u);
		cr_assert_lt(before, 8192u);
		cr_assert_eq(ptw_proactive_set_target(controller, target[i]), PTW_OK);
		for (unsigned int step = 0; step < 4000; step++) {
			use(0, 16);
			cr_assert_eq(ptw_proactive_step(controller, &evicted), PTW_OK);
		}
		cr_assert_geq(known().share, before * left[i] / 10000 - 1);
		cr_assert_leq(known().share, before * (left[i] + 1) / 10000 + 1);
		stop();
		for (uint64_t page = 0; page < PAGES; page++)
			young[page] = resident[page] = false;
	}
}

/* When as much came back in this window as is to, nothing goes that may come back in it, too. */
Test(proactive, budget)
{
	put_out_48();
	cr_assert_eq(known().threshold, 1u);
	/* Half of what is out comes back at once: 20 may, so no page may go of which one is foreseen to come. */
	use(0, 16);
	for (uint64_t page = 16; page < 40; page++)
		bring(page);
	cr_assert_eq(take_step(), 0u);
	cr_assert_eq(known().working_set, 40u);
	cr_assert_geq(ptw_proactive_cost(controller, 2), 4u);
	cr_assert_eq(ptw_proactive_cost(controller, known().threshold), 0u);
	cr_assert_gt(known().threshold, 2u);
	cr_assert_eq(known().out, 24u);
	/* They are idle again, and the threshold sinks. */
	for (unsigned int i = 0; i < 60; i++) {
		use(0, 16);
		take_step();
	}
	cr_assert_eq(known().out, 48u);
	stop();
}

/* With ten steps a window pages go from the fifth on. */
Test(proactive, first_step)
{
	const struct ptw_proactive_config config = {.size = sizeof(config), .target = 1000000};

	start();
	for (uint64_t page = 0; page < 64; page++)
		bring(page);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	cr_assert_eq(ptw_proactive_create(group, &config, &controller), PTW_OK);
	for (unsigned int i = 1; i < 5; i++) {
		use(0, 16);
		cr_assert_eq(take_step(), 0u);
		cr_assert_eq(known().threshold, PTW_PROACTIVE_AGES + 1);
	}
	/* All 64 were used in this window, also 16 to 63, which are 5 steps old: 40 may go, 2560/4096 of them. */
	use(0, 16);
	cr_assert_eq(take_step(), 40u);
	cr_assert_eq(known().working_set, 64u);
	/* That they are out now does not change that. */
	use(0, 16);
	take_step();
	cr_assert_eq(known().working_set, 64u);
	stop();
}

/* Pages too old to be told apart are of one age; nothing is lost. */
Test(proactive, many_ticks)
{
	start_controller(1000000);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(take_step(), 0u);
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < 400; i++)
			cr_assert_eq(ptw_group_age(group), PTW_OK);
		take_step();
		if (round)
			break;
		use(0, 64);
		take_step();
	}
	/* 64, 60 + 64, 116.25 + 64 were so old, of which 0, 64, 60 + 0 were used: a third, and a third of the rest. */
	cr_assert_eq(ptw_proactive_cost(controller, PTW_PROACTIVE_AGES), 35u);
	cr_assert_eq(ptw_proactive_cost(controller, 0), 35u);
	cr_assert_eq(ptw_proactive_cost(controller, PTW_PROACTIVE_AGES + 1), 0u);
	stop();
}

/* Ticks between steps do not matter: ages are in steps. */
Test(proactive, ages_in_steps)
{
	start_controller(1000000);
	for (unsigned int i = 0; i < 3; i++) {
		use(0, 16);
		for (unsigned int k = 0; k < 20; k++)
			cr_assert_eq(ptw_group_age(group), PTW_OK);
		use(0, 16);
		cr_assert_eq(take_step(), i < 2 ? 0u : 10u);
	}
	cr_assert_eq(known().working_set, 16u);
	cr_assert_eq(known().threshold, 1u);
	/* 48 of age 3, 38 resident and 10 out, come back: as many of that age are foreseen to. */
	use(0, 64);
	for (uint64_t page = 0; page < 64; page++)
		if (!resident[page])
			bring(page);
	take_step();
	cr_assert_eq(known().promotions, 10u);
	cr_assert_eq(known().working_set, 64u);
	for (unsigned int i = 0; i < 3; i++) {
		use(0, 16);
		take_step();
	}
	cr_assert_gt(ptw_proactive_cost(controller, 3), 0u);
	stop();
}

/* Others put pages out and bring them back: counted, though nobody knows how old they were. */
Test(proactive, others)
{
	uint64_t n;

	start_controller(1000000);
	take_step();
	cr_assert_eq(ptw_group_evict(group, 10, &n), PTW_OK);
	cr_assert_eq(n, 10u);
	for (uint64_t page = 0; page < 64; page++)
		if (!resident[page]) {
			bring(page);
			break;
		}
	take_step();
	cr_assert_eq(known().out, 9u);
	cr_assert_eq(known().promotions, 1u);
	stop();
}

/* What others put out while a step does counts, too; so does what was pending: no more goes than may be out. */
Test(proactive, others_meanwhile)
{
	start_controller(500000);
	at_once = true;
	for (unsigned int i = 0; i < 4; i++) {
		use(0, 16);
		/* The third puts out 5, which it hears of in the fourth. */
		cr_assert_eq(take_step(), 0u);
	}
	cr_assert(!resident[20] && resident[21]);
	cr_assert_eq(known().out, 5u);
	at_once = false;
	stop();
}

/* What fails is told, and the next step goes on. */
Test(proactive, failures)
{
	uint64_t n = 9;

	start_controller(1000000);
	use(0, 8);
	take_step();
	use(0, 8);
	take_step();
	evict_returns = PTW_ERR_MMU;
	use(0, 8);
	cr_assert_eq(ptw_proactive_step(controller, &n), PTW_ERR_MMU);
	cr_assert_eq(n, 0u);
	evict_returns = 0;
	harvest_returns = PTW_ERR_MMU;
	cr_assert_eq(ptw_proactive_step(controller, &n), PTW_ERR_MMU);
	cr_assert_eq(n, 0u);
	cr_assert_eq(known().steps, 4u);
	harvest_returns = 0;
	use(0, 8);
	take_step();
	use(0, 8);
	cr_assert_gt(take_step() + known().out, 0u);
	stop();
}

/* Another past is restored under a controller: the clock and the counters are others, and it begins anew. */
Test(proactive, restored)
{
	static uint8_t image[4096];
	uint64_t used, n;

	start_controller(500000);
	cr_assert_eq(ptw_engine_save(engine, image, sizeof(image), &used), PTW_OK);
	for (unsigned int i = 0; i < 4; i++) {
		use(0, 16);
		take_step();
	}
	cr_assert_eq(ptw_group_evict(group, 10, &n), PTW_OK);
	for (uint64_t page = 0; page < 64; page++)
		if (!resident[page])
			bring(page);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	use(0, 64);
	take_step();
	for (uint64_t page = 0; page < 64; page++)
		cr_assert_eq(ptw_page_remove(engine, page), PTW_OK);
	cr_assert_eq(ptw_engine_restore(engine, image, used), PTW_OK);
	for (uint64_t page = 0; page < 64; page++)
		young[page] = page < 32;
	/* As the first steps of the example. */
	cr_assert_eq(take_step(), 0u);
	cr_assert_eq(known().steps, 1u);
	cr_assert_eq(known().out, 0u);
	cr_assert_eq(known().promotions, 0u);
	cr_assert_eq(known().share, 65536u);
	cr_assert_eq(known().working_set, 64u);
	use(0, 16);
	cr_assert_eq(take_step(), 0u);
	use(0, 16);
	cr_assert_eq(take_step(), 5u);
	cr_assert_eq(known().threshold, 1u);
	stop();
}
