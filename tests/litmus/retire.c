/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * docs/concurrency.md R10, the gather: unlink, flush, retire. The flush is a handshake: it asks and
 * returns when the processor has answered that it uses nothing older. A processor's last use of the
 * table, through its cached way, happens before the table is given back. Grace periods themselves
 * are not modelled here (tests/model has them); the port's flush hook owes exactly this acquire and
 * release. WEAKEN: the answer is relaxed, and giving the table back races with its last use.
 */
#include "litmus.h"

static entry_t top;
static int table; /* plain: what is left of it is the next owner's */
static entry_t answered;

static void begin(void)
{
	init_entry(&top, TABLE);
	init_entry(&answered, 0);
	table = LEAF;
}

static void *first(void *unused)
{
	int old = TABLE;

	cas(&top, &old, EMPTY);
	/* The hook: wait for the answer (bounded here, so that every execution ends). */
	if (atomic_load_explicit(&answered, ORDER_ACQUIRE))
		table = -1; /* given back, and somebody else's */
	return unused;
}

static void *second(void *unused)
{
	int used = table; /* through the cached way */

	atomic_store_explicit(&answered, 1, ORDER_RELEASE);
	assert(used == LEAF);
	return unused;
}

static void end(void)
{
	assert(load(&top) == EMPTY);
	assert(table == -1 || table == LEAF);
}
