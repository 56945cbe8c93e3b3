/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * include/ptw/change.h, ptw_map(): a table is published with release; include/ptw/walk.h: a
 * walker's snapshot of a table entry is an acquire load, its partner. A walker that sees the table
 * entry sees the table's own entries as they were before it was linked, never memory as it was
 * before. Plain metadata (level, parent) travels by the same pair.
 */
#include "litmus.h"

#define JUNK (-1)

static entry_t top;
static entry_t child;
static int level; /* metadata, written before the link only */

static void begin(void)
{
	init_entry(&top, EMPTY);
	init_entry(&child, JUNK);
	level = JUNK;
}

static void *first(void *unused)
{
	int old = EMPTY;

	level = 0;
	init_entry(&child, LEAF);
	cas(&top, &old, TABLE);
	return unused;
}

static void *second(void *unused)
{
	if (load_table(&top) == TABLE) {
		assert(load(&child) == LEAF);
		assert(level == 0);
	}
	return unused;
}

static void end(void)
{
	assert(load(&top) == TABLE);
}
