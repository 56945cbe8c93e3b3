/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A space with shadow tables, consumers and MMUs that come and go, operations on them by several logical
 * threads, and a ledger of what must come out whatever the schedule was.
 *
 * The shadow MMU has 4 frames, which are pages 0 to 3, or 64 to 67 after a move of its slot. Its entries
 * stand alone, each in a handle of its own, and have a thread that maps and drops them; anybody may
 * access what they map, as a processor.
 */
#ifndef PTW_TESTS_SPACE_WORLD_H
#define PTW_TESTS_SPACE_WORLD_H

#include "tests/schedule/operations.h"

#define FRAMES    4 /* of 64, that are used */
#define SLOT_PAGES 64
#define ENTRIES   4
#define CONSUMERS 3
#define PLAINS    4

/* Operations, in the fields of struct operation. */
enum space_operation {
	OP_ASK = OP_KINDS, /* level: effort; flags: enum ptw_harvest_flag, ASK_BY() */
	OP_LOOK_AROUND,	   /* the page; nobody's question */
	OP_REFERENCE,	   /* the page */
	OP_JOIN,	   /* flags: consumer */
	OP_LEAVE,	   /* flags: consumer */
	OP_TAKE,	   /* flags: consumer: what others found */
	OP_REGISTER,	   /* flags: number of a plain MMU; level: enum plain_kind; page: of its slot */
	OP_UNREGISTER,	   /* flags: number */
	OP_SETTLE,
	OP_MOVE_SLOT,	 /* page: to which */
	OP_ENTRY_MAP,	 /* flags: entry; page: frame; level: 1 young, 2 dirty, 4 added first */
	OP_ENTRY_DROP,	 /* flags: entry; level: 1 its memory is freed */
	OP_ENTRY_ACCESS, /* flags: entry; level: 1 a write */
	OP_INVALIDATE,	 /* the page: begin, unmap, change, end */
	OP_UNMAP_SPACE,	 /* likewise, without a change */
	OP_FAULT,	 /* the page, and gates up to `pages`; flags: entry */
};

enum plain_kind {
	PLAIN_FAST,
	PLAIN_SLOW,   /* only without a section */
	PLAIN_LEAVES, /* slow, and unregisters itself when it is asked first */
};

/* Whose question it is; without: nobody's. */
#define ASK_BY(consumer) (((consumer) + 1) << 8)
/* With nothing but a bitmap: the quick lane, where answers may go straight to it. Who of the MMUs said
 * what is not known then, so a consumer's are not counted. */
#define ASK_DIRECT (1 << 12)

/* What became of an operation. */
struct space_outcome {
	int ret;
	bool done;
	uint32_t young; /* frames found, or taken; bit = frame */
	uint32_t dirty;
	uint32_t not_asked;
	bool watched; /* invalidation: a last look was under way when it began */
};

void space_open(const struct scenario *scenario);
bool space_run(scheduler_policy_fn *policy, void *context);

/* Of the run, for checks. */
const struct space_outcome *space_outcome(unsigned int thread, unsigned int operation);

#endif /* PTW_TESTS_SPACE_WORLD_H */
