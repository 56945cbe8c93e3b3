/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What space_world.c, space_operations.c and space_ledger.c share. */
#ifndef PTW_TESTS_SPACE_LEDGER_H
#define PTW_TESTS_SPACE_LEDGER_H

#include <ptw/port.h>

#include "tests/schedule/space_world.h"

/* Accessed and dirty, as an index. */
enum state_bit {
	STATE_YOUNG,
	STATE_DIRTY,
	STATES
};

/* An entry of a shadow table, alone in its memory. */
struct lone_entry {
	uint64_t word;
	struct ptw_port_rcu_head rcu;
};

/* An MMU of ours: one word of accessed bits. */
struct plain {
	uint64_t young;
	uint32_t number;
	uint32_t kind;
};

/* What one consumer was told. */
struct told {
	struct ptw_consumer *consumer; /* null: not joined */
	uint32_t before[STATES][FRAMES];  /* transitions before it joined */
	uint32_t told[STATES][FRAMES];	  /* answers it was in */
	uint32_t covered[STATES][FRAMES]; /* transitions up to the last answer */
};

struct space_world {
	const struct scenario *scenario;
	struct ptw_space *space;
	struct ptw_rmap *rmap;
	struct ptw_pgtable *like;
	struct ptw_mmu shadow;
	uint32_t shadow_id;
	struct {
		struct lone_entry *entry[ENTRIES];
		int frame[ENTRIES]; /* that its owner has it map, -1: none */
		uint64_t primary[FRAMES]; /* what the primary maps: a generation */
		uint64_t slot;		  /* page of frame 0 */
		uint64_t looks;		  /* events of thread 0 after its last look's first step */
		uint32_t set[STATES][FRAMES];	 /* transitions made by processors and mappers */
		uint32_t found[STATES][FRAMES];	 /* answers that an MMU gave */
		uint32_t zapped[STATES][FRAMES]; /* transitions up to the last drop by an owner */
		bool loose[STATES];		 /* found cannot be counted */
		struct told told[CONSUMERS];
		struct {
			uint32_t id;
			uint32_t released;
			uint32_t unregistered; /* an answer said so */
		} plain[PLAINS];
	} live, saved;
	struct space_outcome outcome[SCHEDULER_THREADS][OPERATIONS_MAX];
};

extern struct space_world space_world;

/* Entries of EPT at level 0, in the library's layout, whose bit 11 says present. Frame and generation
 * are the output address. */
#define ENTRY_PRESENT  (1u << 11)
#define ENTRY_RWX      7u
#define ENTRY_WB       (6u << 3)
#define ENTRY_YOUNG    (1u << 8)
#define ENTRY_DIRTY    (1u << 9)
#define ENTRY_PLACE    0x1000u

static inline uint64_t entry_value(unsigned int frame, uint64_t generation)
{
	return (ENTRY_PLACE + generation * 16 + frame) << 12 | ENTRY_PRESENT | ENTRY_WB | ENTRY_RWX;
}

static inline unsigned int entry_frame(uint64_t e)
{
	return e >> 12 & 15;
}

static inline uint64_t entry_generation(uint64_t e)
{
	return ((e >> 12) - ENTRY_PLACE) >> 4;
}

/* space_operations.c */
void space_operation(const struct operation *op, struct space_outcome *out);

/* space_ledger.c. A transition of a frame, by a processor or a mapper. */
void space_set(unsigned int frame, bool young, bool dirty);
/* MMUs said so of these frames; bit = frame. */
void space_found(enum state_bit state, uint32_t frames);
/* A consumer was told of these frames. */
void space_told(unsigned int consumer, enum state_bit state, uint32_t frames);
void space_joined(unsigned int consumer, struct ptw_consumer *c);
/* The owner of an entry dropped it: what it knew is known. */
void space_zapped(uint64_t e);
/* Is a page still mapped by any entry? */
void space_check_unmapped(unsigned int page);
/* At the end: all adds up; then everything goes, and nothing is left. */
void space_check(void);
void space_close(void);

#endif /* PTW_TESTS_SPACE_LEDGER_H */
