/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Spaces: invalidations and faults, consumers, MMUs and slots that come and go while somebody asks. */
#include "tests/schedule/scenarios.h"

/*
 * A last look that finds nobody must not be one that came too late: what it missed is in what the unmap
 * returned. Thread 0 looks, thread 1 unmaps.
 */
static void looked_in_time(void)
{
	if (space_outcome(1, 0)->watched && space_outcome(0, 0)->ret == 0 &&
	    space_outcome(1, 0)->young)
		scheduler_fail("the last look says that page 0 is old, the unmap that it was young");
}

/* A fault that installed something after a change is none that asked before it. */
static void asked_in_time(void)
{
	for (unsigned int t = 0; t < 2; t++)
		if (space_outcome(t, 0)->ret && space_outcome(t, 0)->ret != PTW_ERR_AGAIN)
			scheduler_fail("thread %u: fault or invalidation answers %d", t,
				       space_outcome(t, 0)->ret);
}

/* The page was young all the time: thread 0 sees it in the one place or in the other. */
static void seen_once(void)
{
	if (!(space_outcome(0, 0)->young & 1))
		scheduler_fail("a question about all pages misses one whose slot moves");
}

/* One of two unregistered it. */
static void one_unregistered(void)
{
	if ((space_outcome(0, 0)->ret == PTW_OK) == (space_outcome(1, 0)->ret == PTW_OK))
		scheduler_fail("two that unregister one MMU are told %d and %d",
			       space_outcome(0, 0)->ret, space_outcome(1, 0)->ret);
}

const struct scenario scenarios_space[] = {
	{
		.name = "fault, invalidation",
		.space = true,
		.bound = 3,
		.thread = {{FAULT(0, 0)}, {INVALIDATE(0)}},
		.check = asked_in_time,
	},
	{
		.name = "fault, two invalidations",
		.space = true,
		.bound = 2,
		.thread = {{FAULT(0, 0)}, {INVALIDATE(0)}, {INVALIDATE(0)}},
	},
	{
		.name = "fault, invalidation that begins and ends twice",
		.space = true,
		.bound = 2,
		.thread = {{FAULT(0, 0)}, {INVALIDATE(0), INVALIDATE(0)}},
	},
	{
		.name = "two faults, invalidation",
		.space = true,
		.bound = 2,
		.conserve = CONSERVE_MERGED,
		.thread = {{FAULT(0, 0)}, {FAULT(0, 1)}, {INVALIDATE(0)}},
	},
	{
		.name = "fault over two gates, invalidations at both",
		.space = true,
		.bound = 2,
		.thread = {{FAULT_WIDE(0, 1024, 0)}, {INVALIDATE(0)}, {UNMAP_SPACE(512, 1)}},
	},
	{
		.name = "fault, invalidation, question, processor",
		.space = true,
		.bound = 1,
		.setup = {ENTRY_MAP(0, 0)},
		.thread = {{FAULT(1, 1)}, {INVALIDATE(0)}, {ASK_ALL(0, 4)}, {ENTRY_ACCESS(0)}},
	},
	{
		.name = "last look, invalidation",
		.space = true,
		.bound = 3,
		.setup = {ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{REFERENCE(0)}, {INVALIDATE(0)}},
		.check = looked_in_time,
	},
	{
		.name = "join, question, processor",
		.space = true,
		.bound = 3,
		.setup = {ENTRY_MAP(0, 0)},
		.thread = {{JOIN(0), ENTRY_ACCESS(0)}, {ASK_FAST(0, 4)}},
	},
	{
		.name = "join, quick question, processor",
		.space = true,
		.bound = 3,
		.setup = {ENTRY_MAP(0, 0)},
		.thread = {{JOIN(0), ENTRY_ACCESS(0)}, {ASK_DIRECTLY(0, 64), ASK_DIRECTLY(0, 4)}},
	},
	{
		.name = "join, question that may block, processor",
		.space = true,
		.bound = 3,
		.setup = {ENTRY_MAP(0, 0)},
		.thread = {{JOIN(0), ENTRY_ACCESS(0)}, {ASK_ALL(0, 4)}},
	},
	{
		.name = "join, last look, processor",
		.space = true,
		.bound = 3,
		.setup = {ENTRY_MAP(0, 0)},
		.thread = {{JOIN(0), ENTRY_ACCESS(0)}, {REFERENCE(0)}},
	},
	{
		.name = "join, look around, processor, read",
		.space = true,
		.bound = 2,
		.setup = {ENTRY_MAP(0, 0)},
		.thread = {{JOIN(0), ENTRY_ACCESS(0), TAKE(0, 0, 4)}, {LOOK_AROUND(0)}},
	},
	{
		.name = "join, unmap, processor",
		.space = true,
		.bound = 2,
		.setup = {ENTRY_MAP(0, 0)},
		.thread = {{JOIN(0), ENTRY_ACCESS(0)}, {UNMAP_SPACE(0, 1)}},
	},
	{
		.name = "two join, question, processor",
		.space = true,
		.bound = 2,
		.setup = {ENTRY_MAP(0, 0)},
		.thread = {{JOIN(0), ENTRY_ACCESS(0)}, {JOIN(1)}, {ASK_ALL(0, 4)}},
	},
	{
		.name = "leave, question",
		.space = true,
		.bound = 3,
		.setup = {JOIN(0), JOIN(1), ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{LEAVE(0)}, {ASK_FAST(0, 4)}},
	},
	{
		.name = "leave, quick question",
		.space = true,
		.bound = 3,
		.setup = {JOIN(0), JOIN(1), ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{LEAVE(0)}, {ASK_DIRECTLY(0, 64)}},
	},
	{
		.name = "leave, question that may block",
		.space = true,
		.bound = 3,
		.setup = {JOIN(0), JOIN(1), ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{LEAVE(0)}, {ASK_ALL(0, 4)}},
	},
	{
		.name = "leave, join, question",
		.space = true,
		.bound = 2,
		.setup = {JOIN(0), ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{LEAVE(0)}, {JOIN(1), ENTRY_ACCESS(0)}, {ASK_ALL(0, 4)}},
	},
	{
		.name = "leave, unmap",
		.space = true,
		.bound = 2,
		.setup = {JOIN(0), JOIN(1), ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{LEAVE(0)}, {UNMAP_SPACE(0, 1)}},
	},
	{
		.name = "two consumers ask, processor",
		.space = true,
		.bound = 2,
		.setup = {JOIN(0), JOIN(1), ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{ASK_FAST_BY(0, 0, 4)}, {ASK_ALL_BY(1, 0, 4)}, {ENTRY_ACCESS(0)}},
	},
	{
		.name = "two consumers ask quickly, processor",
		.space = true,
		.bound = 2,
		.setup = {JOIN(0), JOIN(1), ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{ASK_DIRECTLY_BY(0, 0, 64)},
			   {ASK_DIRECTLY_BY(1, 0, 4)},
			   {ENTRY_ACCESS(0)}},
	},
	{
		.name = "consumer takes, others publish",
		.space = true,
		.bound = 3,
		.setup = {JOIN(0), ENTRY_YOUNG_MAP(0, 0), ENTRY_YOUNG_MAP(1, 1), ASK_FAST(0, 1)},
		.thread = {{TAKE(0, 0, 4)}, {ASK_FAST(0, 4)}, {ENTRY_ACCESS(0)}},
	},
	{
		.name = "consumer asks, others publish, dirty",
		.space = true,
		.bound = 2,
		.setup = {JOIN(0), ENTRY_DIRTY_MAP(0, 0), ENTRY_DIRTY_MAP(1, 1), DIRTY_ALL(0, 1)},
		.thread = {{TAKE(0, 0, 4)}, {DIRTY_ALL(0, 4)}, {ENTRY_WRITE(0)}},
	},
	{
		.name = "slot moves, question",
		.space = true,
		.bound = 3,
		.setup = {ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{ASK_FAST(0, 128)}, {MOVE_SLOT(64)}},
		.check = seen_once,
	},
	{
		.name = "slot moves, quick question",
		.space = true,
		.bound = 3,
		.setup = {ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{ASK_DIRECTLY(0, 128)}, {MOVE_SLOT(64)}},
		.check = seen_once,
	},
	{
		.name = "slot moves, question that may block",
		.space = true,
		.bound = 3,
		.setup = {ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{ASK_ALL(0, 128)}, {MOVE_SLOT(64)}},
		.check = seen_once,
	},
	{
		.name = "slot moves twice, last look, question",
		.space = true,
		.bound = 1,
		.setup = {ENTRY_YOUNG_MAP(0, 0)},
		.thread = {{ASK_FAST(0, 128)}, {MOVE_SLOT(64), MOVE_SLOT(0)}, {REFERENCE(0)}},
	},
	{
		.name = "register, question",
		.space = true,
		.bound = 2,
		.thread = {{REGISTER(0, PLAIN_FAST)}, {ASK_FAST(0, 16)}},
	},
	{
		.name = "two register, question",
		.space = true,
		.bound = 2,
		.thread = {{REGISTER(0, PLAIN_FAST)}, {REGISTER(1, PLAIN_SLOW)}, {ASK_ALL(0, 16)}},
	},
	{
		.name = "unregister and settle, question",
		.space = true,
		.bound = 3,
		.setup = {REGISTER(0, PLAIN_FAST)},
		.thread = {{UNREGISTER(0), SETTLE}, {ASK_FAST(0, 16)}},
	},
	{
		.name = "unregister and settle, quick question",
		.space = true,
		.bound = 3,
		.setup = {REGISTER(0, PLAIN_FAST)},
		.thread = {{UNREGISTER(0), SETTLE}, {ASK_DIRECTLY(8, 1)}},
	},
	{
		.name = "unregister and settle, question that may block",
		.space = true,
		.bound = 3,
		.setup = {REGISTER(0, PLAIN_SLOW)},
		.thread = {{UNREGISTER(0), SETTLE}, {ASK_ALL(0, 16)}},
	},
	{
		.name = "unregister and settle, last look, slot moves",
		.space = true,
		.bound = 2,
		.setup = {REGISTER(0, PLAIN_SLOW)},
		.thread = {{UNREGISTER(0), SETTLE}, {REFERENCE(8)}, {MOVE_SLOT(64)}},
	},
	{
		.name = "two unregister one, question",
		.space = true,
		.bound = 2,
		.setup = {REGISTER(0, PLAIN_FAST)},
		.thread = {{UNREGISTER(0)}, {UNREGISTER(0), SETTLE}, {ASK_ALL(0, 16)}},
		.check = one_unregistered,
	},
	{
		.name = "register, unregister another and settle, question",
		.space = true,
		.bound = 2,
		.setup = {REGISTER(0, PLAIN_SLOW)},
		.thread = {{REGISTER(1, PLAIN_FAST)}, {UNREGISTER(0), SETTLE}, {ASK_ALL(0, 16)}},
	},
	{
		.name = "MMU that unregisters itself while it is asked",
		.space = true,
		.bound = 2,
		.setup = {REGISTER(0, PLAIN_LEAVES)},
		.thread = {{ASK_ALL(8, 1), SETTLE}, {ASK_ALL(8, 1)}},
	},
	{.name = NULL},
};
