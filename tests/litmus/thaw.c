/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * docs/concurrency.md R4 with break before make: the owner of a frozen entry makes it empty with
 * release (ptw_port_publish()); a mapper's compare-exchange on it acquires. So what the owner did
 * while it owned the entry, its flush above all, happens before whatever the mapper does with the
 * page.
 */
#include "litmus.h"

static entry_t entry;
static int flushed; /* plain: written by the owner, read by whoever gets the entry after it */

static void begin(void)
{
	init_entry(&entry, LEAF);
	flushed = 0;
}

static void *first(void *unused)
{
	int old = LEAF;

	if (cas(&entry, &old, FROZEN)) {
		flushed = 1;
		publish(&entry, EMPTY);
	}
	return unused;
}

static void *second(void *unused)
{
	int old = EMPTY;

	if (cas(&entry, &old, LEAF))
		assert(flushed == 1);
	return unused;
}

static void end(void)
{
	assert(flushed == 1);
	assert(load(&entry) == EMPTY || load(&entry) == LEAF);
}
