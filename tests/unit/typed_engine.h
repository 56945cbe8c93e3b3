/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* An engine with a group of several types, for the tests of types, tiers and tokens. */
#ifndef PTW_TESTS_TYPED_ENGINE_H
#define PTW_TESTS_TYPED_ENGINE_H

#include "tests/harness/harness.h"

#include <string.h>

#include <ptw/engine_type.h>
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

/* A run of each type. */
#define RUN   1024u
#define PAGES (PTW_TYPES * RUN)

static struct ptw_engine *engine;
static struct ptw_group *group;
static bool young[PAGES], resident[PAGES];
static uint64_t gone[PAGES];
static unsigned int gone_count;
static uint8_t evict_result;
/* What the evict callback asks for: tokens of all that go, by page. */
static bool take_tokens;
static uint64_t token_of[PAGES];

static inline int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word,
			  void *sink)
{
	(void)context;
	for (uint64_t page = first; page < first + pages; page += 64) {
		uint64_t found = 0;

		for (unsigned int i = 0; i < 64; i++) {
			found |= (uint64_t)young[page + i] << i;
			young[page + i] = false;
		}
		if (found)
			word(sink, page, found, 0);
	}
	return 0;
}

static inline int look(void *context, uint64_t page, uint64_t *around)
{
	const bool was = young[page];

	(void)context;
	(void)around;
	young[page] = false;
	return was;
}

static inline int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	for (unsigned int i = 0; i < n; i++) {
		cr_assert(resident[page[i]], "page %u", (unsigned int)page[i]);
		if (take_tokens)
			cr_assert_eq(ptw_page_token(engine, page[i], &token_of[page[i]]), PTW_OK);
		result[i] = evict_result;
		if (evict_result != PTW_EVICTED)
			continue;
		resident[page[i]] = false;
		gone[gone_count++ % PAGES] = page[i];
	}
	return 0;
}

static const struct ptw_group_config config = {
	.size = sizeof(config),
	.ops = {.harvest = harvest, .look = look, .evict = evict},
};

static inline void start_as(const struct ptw_policy_ops *policy)
{
	const struct ptw_engine_config engine_config = {
		.size = sizeof(engine_config), .pages = PAGES, .groups = 3, .policy = policy};

	evict_result = PTW_EVICTED;
	gone_count = 0;
	take_tokens = false;
	memset(young, 0, sizeof(young));
	memset(resident, 0, sizeof(resident));
	cr_assert_eq(ptw_engine_create(&engine_config, &engine), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &config, &group), PTW_OK);
}

/* Type t has the pages from t * RUN on. */
static inline void start(uint32_t types)
{
	start_as(NULL);
	for (uint32_t t = 0; t < types; t++)
		cr_assert_eq(ptw_group_attach_as(group, t * RUN, RUN, t), PTW_OK);
}

static inline void check(void)
{
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
}

static inline void stop(void)
{
	check();
	ptw_engine_destroy(engine);
}

static inline void add(uint64_t first, uint64_t pages)
{
	for (uint64_t page = first; page < first + pages; page++) {
		cr_assert_eq(ptw_page_add(engine, page), PTW_OK);
		resident[page] = true;
	}
}

static inline void use(uint64_t first, uint64_t pages, unsigned int times)
{
	for (uint64_t page = first; page < first + pages; page++)
		for (unsigned int i = 0; i < times; i++)
			cr_assert_eq(ptw_page_used(engine, page), PTW_OK);
}

static inline void age(void)
{
	cr_assert_eq(ptw_group_age(group), PTW_OK);
}

static inline struct ptw_type_state type_now(uint32_t type)
{
	struct ptw_type_state state = {.size = sizeof(state)};

	cr_assert_eq(ptw_group_type_state(group, type, &state), PTW_OK);
	return state;
}

static inline struct ptw_group_state state_now(void)
{
	struct ptw_group_state state = {.size = sizeof(state)};

	cr_assert_eq(ptw_group_state(group, &state), PTW_OK);
	return state;
}

/* Without ageing, so that it is the test that says when. */
static inline uint64_t put_out(uint64_t want)
{
	struct ptw_evict_sum sum = {0};

	cr_assert_eq(ptw_evict_some(group, 0, PTW_EVICT_AS_IS, want, &sum), PTW_OK);
	check();
	return sum.gone;
}

static inline uint64_t of_type(uint32_t type)
{
	uint64_t sum = 0;

	for (uint64_t page = type * RUN; page < (type + 1) * RUN; page++)
		sum += resident[page];
	return sum;
}

/* So many pages of a type go and come back at once, by the generations that were there: all of them refault. */
static inline void refault(uint32_t type, unsigned int n)
{
	struct ptw_evict_sum sum = {0};
	const unsigned int from = gone_count;

	cr_assert_eq(ptw_evict_some(group, 0, PTW_EVICT_AS_IS | PTW_EVICT_OF(type), n, &sum), PTW_OK);
	cr_assert_eq(sum.gone, (uint64_t)n);
	for (unsigned int i = from; i < from + n; i++)
		add(gone[i % PAGES], 1);
}

#endif /* PTW_TESTS_TYPED_ENGINE_H */
