/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A state of the learned policy, for its tests. */
#ifndef PTW_TESTS_LEARNED_STATE_H
#define PTW_TESTS_LEARNED_STATE_H

#include "tests/harness/harness.h"

#include <string.h>

#include <ptw/error.h>

#include "lib/age/policy/learned.h"

#define PAGES 4096

static const struct ptw_policy_ops *const ops = &ptw_policy_learned;
static uint64_t page_data[PAGES * 7 / 8 + 1];
static void *state;
static struct ptw_learned *l;

static inline void start_bare(uint64_t pages)
{
	const struct ptw_policy_config config = {
		.size = sizeof(config), .pages = pages, .page_data = page_data};

	cr_assert_leq(pages, (uint64_t)PAGES);
	cr_assert_eq(ops->init(&config, &state), PTW_OK);
	l = state;
}

static inline void start(uint64_t pages)
{
	start_bare(pages);
	cr_assert_eq(ops->attached(state, 0, pages), PTW_OK);
}

static inline void stop(void)
{
	cr_assert_eq(ptw_learned_check(l), PTW_OK);
	ops->exit(state);
}

static inline void add(uint64_t first, uint64_t pages)
{
	for (uint64_t p = first; p < first + pages; p++)
		ops->added(state, p);
}

/* A page and no other is young. */
static inline void use(uint64_t page)
{
	ops->accessed(state, page & ~(uint64_t)63, (uint64_t)1 << (page & 63));
}

/* A step ends now, for what reason ever; nobody is found young in it. */
static inline void step(uint64_t resident)
{
	l->over = true;
	ops->aged(state, 0, resident);
	cr_assert_eq(ptw_learned_check(l), PTW_OK);
}

static inline uint64_t pick_one(void)
{
	uint64_t page = 0;

	return ops->pick(state, &page, 1) ? page : UINT64_MAX;
}

static inline unsigned int mean_of(uint64_t page)
{
	return l->history[page] & PTW_LEARNED_MEAN;
}

#endif /* PTW_TESTS_LEARNED_STATE_H */
