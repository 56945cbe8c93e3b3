/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Region filters: turns that come before any one access of ptw_filter_add(), and the other way
 * round. Wherever they come, the region is there when the last of these passes begins, or it is in
 * the next one.
 */
#include <ptw/port.h>

#include "tests/unit/pgtable_machine.h"

__thread void (*test_hook)(int op, const void *address);

static struct ptw_filter *filter;
static unsigned int access_at, accesses, turns, locked;
static bool there;

#define REGION 0x123456u

static void turn_before(int op, const void *address)
{
	(void)address;
	locked += op == PTW_OP_OR64;
	if (accesses++ != access_at)
		return;
	test_hook = NULL;
	for (unsigned int i = 0; i < turns; i++)
		ptw_filter_turn(filter);
	there = ptw_filter_test(filter, REGION);
	test_hook = turn_before;
}

static void add_hooked(void)
{
	accesses = locked = 0;
	there = false;
	test_hook = turn_before;
	ptw_filter_add(filter, REGION);
	test_hook = NULL;
}

/* How many accesses an undisturbed one makes. */
static unsigned int add_undisturbed(void)
{
	access_at = UINT32_MAX;
	add_hooked();
	return accesses;
}

Test(filter_races, turns_while_a_region_is_added)
{
	for (unsigned int before = 0; before < 2; before++) {
		for (turns = 1; turns <= 4; turns++) {
			for (unsigned int at = 0; at < 16; at++) {
				bool next;

				cr_assert_eq(ptw_filter_create(100, &filter), PTW_OK);
				ptw_filter_turn(filter);
				/* Its bits are there already, so that they are only read. */
				if (before)
					ptw_filter_add(filter, REGION);
				access_at = at;
				add_hooked();
				ptw_filter_turn(filter);
				next = ptw_filter_test(filter, REGION);
				cr_assert(next || there, "%u turns before access %u", turns, at);
				/* It came after them. */
				if (at == 0)
					cr_assert(next);
				ptw_filter_turn(filter);
				cr_assert_not(ptw_filter_test(filter, REGION));
				ptw_filter_destroy(filter);
			}
		}
	}
}

static void add_before(int op, const void *address)
{
	(void)op;
	(void)address;
	if (accesses++ != access_at)
		return;
	test_hook = NULL;
	ptw_filter_add(filter, REGION);
	test_hook = add_before;
}

Test(filter_races, a_region_is_added_during_a_turn)
{
	unsigned int reached = 0;

	for (unsigned int at = 0; at < 64; at++) {
		cr_assert_eq(ptw_filter_create(100, &filter), PTW_OK);
		/* Its bits stand in the filter that is to be emptied, and nowhere else. */
		ptw_filter_add(filter, REGION);
		ptw_filter_turn(filter);
		access_at = at;
		accesses = 0;
		test_hook = add_before;
		ptw_filter_turn(filter);
		test_hook = NULL;
		if (accesses > at) {
			there = ptw_filter_test(filter, REGION);
			ptw_filter_turn(filter);
			cr_assert(there || ptw_filter_test(filter, REGION), "access %u", at);
			reached++;
		}
		ptw_filter_destroy(filter);
	}
	cr_assert_gt(reached, 30u, "a turn looks at every word");
	cr_assert_lt(reached, 64u);
}

/* Not even a line is taken from others for a region that is there. */
Test(filter_races, writes_only_what_is_news)
{
	cr_assert_eq(ptw_filter_create(100, &filter), PTW_OK);
	cr_assert_leq(add_undisturbed(), 6u);
	cr_assert_eq(locked, 2u);
	cr_assert_eq(add_undisturbed(), 4u);
	cr_assert_eq(locked, 0u);
	ptw_filter_turn(filter);
	add_undisturbed();
	cr_assert_eq(locked, 2u, "the other one is empty");
	ptw_filter_destroy(filter);
}
