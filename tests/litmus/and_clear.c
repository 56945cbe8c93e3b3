/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * include/ptw/port.h, ptw_port_and_clear(): relaxed, since only the bits count. Two harvests clear
 * one accessed bit while a processor sets it once and dirty besides: each transition is seen by one
 * harvest or still set, never by both, and no other bit is touched. WEAKEN: load, then store.
 */
#define THREADS3
#include "litmus.h"

static entry_t entry;
static int seen[2];
static int made;

static void begin(void)
{
	init_entry(&entry, LEAF | A);
	seen[0] = seen[1] = made = 0;
}

static int harvest(void)
{
#ifdef WEAKEN
	int old = load(&entry);

	init_entry(&entry, old & ~A);
	return old & A ? 1 : 0;
#else
	return and_clear(&entry, A) ? 1 : 0;
#endif
}

static void *first(void *unused)
{
	seen[0] = harvest();
	return unused;
}

static void *second(void *unused)
{
	seen[1] = harvest();
	return unused;
}

static void *third(void *unused)
{
	made = !(hardware_set(&entry, A | D) & A);
	return unused;
}

static void end(void)
{
	int e = load(&entry);

	assert((e & ~A) == (LEAF | D));
	assert(1 + made == seen[0] + seen[1] + !!(e & A));
}
