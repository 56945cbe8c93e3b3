/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* An engine with a tree of groups, each with a run of pages of its own, for the tests of what goes over a tree. */
#ifndef PTW_TESTS_TREE_ENGINE_H
#define PTW_TESTS_TREE_ENGINE_H

#include "tests/harness/harness.h"

#include <string.h>

#include <ptw/engine_tree.h>
#include <ptw/error.h>

#define PAGES  16384u
#define GROUPS 16u
#define RUN    (PAGES / GROUPS) /* pages of group g are RUN * g on */

static struct ptw_engine *engine;
static struct ptw_group *group[GROUPS];
static bool young[PAGES], resident[PAGES];
static uint64_t milliseconds, gone_count, gone[PAGES];
static unsigned int harvests, looks;
static uint8_t evict_result = PTW_EVICTED;
static int harvest_returns, evict_returns;

static inline int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word,
			  void *sink)
{
	(void)context;
	harvests++;
	for (uint64_t page = first; page < first + pages; page += 64) {
		uint64_t found = 0;

		for (unsigned int i = 0; i < 64; i++) {
			found |= (uint64_t)young[page + i] << i;
			young[page + i] = false;
		}
		if (found)
			word(sink, page, found, 0);
	}
	return harvest_returns;
}

static inline int look(void *context, uint64_t page, uint64_t *around)
{
	const bool was = young[page];

	(void)context;
	(void)around;
	looks++;
	young[page] = false;
	return was;
}

static inline int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	for (unsigned int i = 0; i < n; i++) {
		cr_assert(resident[page[i]]);
		result[i] = evict_result;
		if (evict_result != PTW_EVICTED)
			continue;
		resident[page[i]] = false;
		gone[gone_count++ % PAGES] = page[i];
	}
	return evict_returns;
}

static inline uint64_t now(void *context)
{
	(void)context;
	return milliseconds;
}

static inline void start(void)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config), .pages = PAGES, .clock = now};

	cr_assert_eq(ptw_engine_create(&config, &engine), PTW_OK);
}

static inline void stop(void)
{
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	ptw_engine_destroy(engine);
}

static inline int make_group(unsigned int g, struct ptw_group *parent)
{
	const struct ptw_group_config config = {
		.size = sizeof(config),
		.ops = {.harvest = harvest, .look = look, .evict = evict},
		.parent = parent};
	int ret = ptw_group_create(engine, &config, &group[g]);

	if (!ret)
		ret = ptw_group_attach(group[g], (uint64_t)g * RUN, RUN);
	return ret;
}

/* Group g below the one of that number, or top-level if it is its own. */
static inline void make(unsigned int g, unsigned int parent)
{
	cr_assert_eq(make_group(g, parent == g ? NULL : group[parent]), PTW_OK);
}

static inline void give_up(unsigned int g)
{
	cr_assert_eq(ptw_group_destroy(group[g]), PTW_OK);
	memset(resident + (size_t)g * RUN, 0, RUN);
	group[g] = NULL;
}

static inline void add(uint64_t page)
{
	cr_assert_eq(ptw_page_add(engine, page), PTW_OK);
	resident[page] = true;
}

/* The first `pages` of a group. */
static inline void fill(unsigned int g, uint64_t pages)
{
	for (uint64_t i = 0; i < pages; i++)
		if (!resident[(uint64_t)g * RUN + i])
			add((uint64_t)g * RUN + i);
}

static inline uint64_t used(unsigned int g)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < RUN; i++)
		n += resident[g * RUN + i];
	return n;
}

static inline struct ptw_group_state sums(unsigned int g)
{
	struct ptw_group_state s = {.size = sizeof(s)};

	cr_assert_eq(ptw_group_subtree_state(group[g], &s), PTW_OK);
	return s;
}

static inline unsigned int next_random(uint64_t *state, unsigned int below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)((*state >> 33) % below);
}

#endif /* PTW_TESTS_TREE_ENGINE_H */
