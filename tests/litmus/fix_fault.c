/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * include/ptw/table.h, ptw_fix_fault() against ptw_unmap(): both compare-exchange on a snapshot.
 * Either the fault was put right first, and the unmapper's second try takes the bit with it and
 * reports it, or the page was gone, and the fault is told so: it never comes back to life. WEAKEN:
 * the fault is put right by a store.
 */
#include "litmus.h"

static entry_t entry;
static int fixed, reported;

static void begin(void)
{
	init_entry(&entry, LEAF);
	fixed = reported = 0;
}

static void *first(void *unused)
{
	int old = load(&entry);

	/* Two tries are enough here: the other thread changes the entry once. */
	if (!cas(&entry, &old, EMPTY) && !cas(&entry, &old, EMPTY))
		assert(0);
	reported = (old & A) != 0;
	return unused;
}

static void *second(void *unused)
{
	int old = load(&entry);

	if (old & LEAF) {
#ifdef WEAKEN
		init_entry(&entry, old | A);
		fixed = 1;
#else
		fixed = cas(&entry, &old, old | A);
#endif
	}
	return unused;
}

static void end(void)
{
	assert(load(&entry) == EMPTY);
	assert(reported == fixed);
}
