/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A small engine with two groups, for the tests of its text and its commands. */
#ifndef PTW_TESTS_TEXT_ENGINE_H
#define PTW_TESTS_TEXT_ENGINE_H

#include "tests/harness/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/engine_text.h>
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

#define PAGES 1024
/* The second group's pages begin here. */
#define OTHERS 640

static struct ptw_engine *engine;
static struct ptw_group *group, *other;
static bool young[PAGES], resident[PAGES];
static unsigned int harvests, evictions, biggest;
/* The clock goes on by so much during the next look. */
static unsigned int ticks_at_look;
static uint64_t milliseconds;
static int harvest_returns, evict_returns;
static uint8_t evict_result;
/* A harvest runs this command, or an eviction. */
static const char *nested;
static int nested_returned;

static inline int command(const char *text, size_t *done)
{
	return ptw_engine_command(engine, text, strlen(text), done);
}

static inline void run_nested(void)
{
	const char *text = nested;
	size_t done;

	nested = NULL;
	if (text)
		nested_returned = command(text, &done);
}

static inline int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word,
			  void *sink)
{
	(void)context;
	harvests++;
	run_nested();
	for (uint64_t page = first; page < first + pages; page += 64) {
		uint64_t found = 0;

		for (unsigned int i = 0; i < 64; i++) {
			found |= (uint64_t)young[page + i] << i;
			young[page + i] = false;
		}
		word(sink, page, found, 0);
	}
	return harvest_returns;
}

static inline int look(void *context, uint64_t page, uint64_t *around)
{
	(void)context;
	(void)around;
	for (; ticks_at_look; ticks_at_look--)
		ptw_group_tick(group);
	if (!young[page])
		return 0;
	young[page] = false;
	return 1;
}

static inline int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	biggest = biggest < n ? n : biggest;
	for (unsigned int i = 0; i < n; i++) {
		evictions++;
		result[i] = evict_result;
		if (evict_result == PTW_EVICTED)
			resident[page[i]] = false;
	}
	return evict_returns;
}

static inline uint64_t now(void *context)
{
	(void)context;
	return milliseconds;
}

static const struct ptw_group_config config = {
	.size = sizeof(config),
	.ops = {.harvest = harvest, .look = look, .evict = evict},
};

/* Groups 1 and 3; there was a 2. */
static inline void start(void)
{
	const struct ptw_engine_config engine_config = {
		.size = sizeof(engine_config), .pages = PAGES, .clock = now};
	struct ptw_group *between;

	evict_result = PTW_EVICTED;
	milliseconds = 1000;
	cr_assert_eq(ptw_engine_create(&engine_config, &engine), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &config, &group), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &config, &between), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &config, &other), PTW_OK);
	cr_assert_eq(ptw_group_id(group), 1u);
	cr_assert_eq(ptw_group_id(between), 2u);
	cr_assert_eq(ptw_group_id(other), 3u);
	cr_assert_eq(ptw_group_destroy(between), PTW_OK);
	cr_assert_eq(ptw_group_attach(group, 0, OTHERS), PTW_OK);
	cr_assert_eq(ptw_group_attach(other, OTHERS, PAGES - OTHERS), PTW_OK);
}

static inline void stop(void)
{
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	ptw_engine_destroy(engine);
}

static inline void add(uint64_t first, uint64_t pages)
{
	for (uint64_t page = first; page < first + pages; page++) {
		cr_assert_eq(ptw_page_add(engine, page), PTW_OK);
		resident[page] = true;
	}
}

static inline unsigned int count_resident(uint64_t first, uint64_t pages)
{
	unsigned int n = 0;

	for (uint64_t page = first; page < first + pages; page++)
		n += resident[page];
	return n;
}

static inline void age(struct ptw_group *g, uint64_t after)
{
	milliseconds += after;
	cr_assert_eq(ptw_group_age(g), PTW_OK);
}

static inline struct ptw_group_state state_of(const struct ptw_group *g)
{
	struct ptw_group_state state = {.size = sizeof(state)};

	cr_assert_eq(ptw_group_state(g, &state), PTW_OK);
	return state;
}

/* The command is carried out, or is not and has changed nothing in the table. */
static inline void expect(const char *text, int expected)
{
	const uint64_t agings = state_of(group).agings;
	size_t done = 77;

	cr_assert_eq(command(text, &done), expected, "'%s'", text);
	cr_assert_eq(done, expected ? 0 : strlen(text), "'%s'", text);
	if (expected == PTW_ERR_ARG)
		cr_assert_eq(state_of(group).agings, agings, "'%s'", text);
}

/* 300 pages in generation 0, 100 in 1, 100 in 2 and 100 in 3: nothing needs ageing before evicting. */
static inline void four(void)
{
	add(0, 300);
	for (unsigned int i = 3; i < 6; i++) {
		age(group, 1000);
		add(100 * i, 100);
	}
	harvests = 0;
}

#endif /* PTW_TESTS_TEXT_ENGINE_H */
