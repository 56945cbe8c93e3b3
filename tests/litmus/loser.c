/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * include/ptw/port.h, ptw_port_cas(): acquire on failure too. A mapper that loses the race for a
 * missing table goes on in the winner's: the value that made its compare-exchange fail leads it
 * there, and it must find that table complete.
 */
#include "litmus.h"

static entry_t top;
static entry_t table[2]; /* the first entries of the tables of two mappers */
static int owner[2];     /* metadata */

static void begin(void)
{
	init_entry(&top, EMPTY);
	init_entry(&table[0], -1);
	init_entry(&table[1], -1);
	owner[0] = owner[1] = -1;
}

static void map(int me)
{
	int old = EMPTY;

	owner[me] = me;
	init_entry(&table[me], LEAF);
	if (!cas(&top, &old, TABLE + me)) {
		assert(old == TABLE + !me);
		assert(load(&table[!me]) == LEAF);
		assert(owner[!me] == !me);
	}
}

static void *first(void *unused)
{
	map(0);
	return unused;
}

static void *second(void *unused)
{
	map(1);
	return unused;
}

static void end(void)
{
	assert(load(&top) == TABLE || load(&top) == TABLE + 1);
}
