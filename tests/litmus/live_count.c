/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * docs/concurrency.md R9, live count: every operation adds what it changed, once, after it changed it,
 * with relaxed adds. Counts may be wrong for moments, even negative, but whoever's add makes it 0
 * notes the table: with two unmappers exactly one does, and with a mapper in between one still does
 * if the table ends empty. At rest the count is exact (the join orders). WEAKEN: load, then store.
 */
#define THREADS3
#include "litmus.h"

static entry_t slot[2];
static entry_t live;
static entry_t notes;

static void begin(void)
{
	init_entry(&slot[0], EMPTY);
	init_entry(&slot[1], LEAF);
	init_entry(&live, 1);
	init_entry(&notes, 0);
}

static void count(int n)
{
#ifdef WEAKEN
	int now = load(&live) + n;

	init_entry(&live, now);
#else
	int now = atomic_fetch_add_explicit(&live, n, memory_order_relaxed) + n;
#endif
	if (now == 0)
		atomic_fetch_add_explicit(&notes, 1, memory_order_relaxed);
}

/* A mapper, and the unmapper of what it maps. */
static void *first(void *unused)
{
	int old = EMPTY;

	if (cas(&slot[0], &old, LEAF))
		count(1);
	return unused;
}

static void *second(void *unused)
{
	int old = LEAF;

	if (cas(&slot[0], &old, EMPTY))
		count(-1);
	return unused;
}

static void *third(void *unused)
{
	int old = LEAF;

	if (cas(&slot[1], &old, EMPTY))
		count(-1);
	return unused;
}

static void end(void)
{
	int used = (load(&slot[0]) != EMPTY) + (load(&slot[1]) != EMPTY);

	assert(load(&live) == used);
	assert(used || load(&notes) >= 1);
}
