/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * include/ptw/change.h, ptw_unmap() against ptw_harvest() and a processor: the atomic update that
 * removes a leaf and the AND of a harvest see the accessed bit once between them: it is reported by
 * exactly one of them, and the AND is harmless on what the entry has become. Relaxed is enough: all
 * are read-modify-writes of one word, and only the bit counts. WEAKEN: the unmapper loads and
 * stores.
 */
#define THREADS3
#include "litmus.h"

static entry_t entry;
static int made, harvested, removed;

static void begin(void)
{
	init_entry(&entry, LEAF);
	made = harvested = removed = 0;
}

static void *first(void *unused)
{
#ifdef WEAKEN
	int old = load(&entry);

	init_entry(&entry, EMPTY);
#else
	int old = atomic_exchange_explicit(&entry, EMPTY, memory_order_relaxed);
#endif
	removed = (old & A) != 0;
	return unused;
}

static void *second(void *unused)
{
	harvested = and_clear(&entry, A) != 0;
	return unused;
}

static void *third(void *unused)
{
	int old = load(&entry);

	/* Hardware sets the bit of a present leaf in one update. */
	if ((old & LEAF) && atomic_compare_exchange_strong_explicit(
				    &entry, &old, old | A, memory_order_relaxed, memory_order_relaxed))
		made = 1;
	return unused;
}

static void end(void)
{
	assert(harvested + removed == made);
	assert(load(&entry) == EMPTY);
}
