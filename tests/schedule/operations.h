/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * One page table, processors that use it, operations on it by several logical threads, and a ledger
 * of what must come out whatever the schedule was.
 */
#ifndef PTW_TESTS_OPERATIONS_H
#define PTW_TESTS_OPERATIONS_H

#include <ptw/ptw.h>

#include "tests/schedule/scheduler.h"

#define PAGES_MAX      128
#define OPERATIONS_MAX 8

enum operation_kind {
	OP_END,
	OP_MAP,
	OP_UNMAP,
	OP_HARVEST,    /* flags: enum ptw_harvest_flag */
	OP_TEST_CLEAR, /* one page */
	OP_QUERY,      /* one page */
	OP_WALK,
	OP_PROTECT,	  /* flags: enum ptw_prot */
	OP_WRITE_PROTECT, /* flags: 1 forever */
	OP_SET_USER,	  /* flags: 1 on */
	OP_SPLIT,	  /* to `level` */
	OP_COLLAPSE,	  /* to `level` */
	OP_RECLAIM,	  /* no pages: what is noted */
	OP_READ,	  /* a processor reads a byte of one page */
	OP_WRITE,	  /* or writes it; where software has to, the fault is fixed */
	OP_CHECK,
	OP_DUMP,
	OP_BARRIER,
	OP_KINDS,
};

struct operation {
	uint8_t kind;
	uint8_t level; /* map: levels of leaf sizes, 0 all; split, collapse: as they have it;
			* harvest: enum pruning */
	uint16_t page;
	uint16_t pages;
	uint16_t flags;
};

/* How a harvest goes by table entries: as any pass but the first, so not a full one. */
enum pruning {
	PRUNE_NOT,
	PRUNE_HINT,
	PRUNE_EXACT,
};

/* How strictly accessed and dirty are counted. */
enum conservation {
	/* For each page: as often set as reported or still set. Also over splits. */
	CONSERVE_EXACT,
	/* A collapse makes one of several: what was set is reported or set, and no more extents. */
	CONSERVE_MERGED,
	/* What was set is reported or set. */
	CONSERVE_KEPT,
};

struct scenario {
	const char *name;
	const char *preset;  /* null: perverse */
	unsigned int levels; /* 0: two */
	unsigned int ia_bits;
	uint32_t bbm_level; /* perverse: 2 changes entries like x86, 0 like arm64 */
	uint32_t features_off;
	uint32_t reclaim_delay;
	uint32_t backlog_limit;
	uint32_t config_flags;
	unsigned int pages; /* looked at; 0: 64 */
	enum conservation conserve;
	bool late;	    /* callbacks of grace periods only when waited for */
	bool reuse;	    /* freed tables are handed out at once */
	bool sizes_change;  /* leaves are split or collapsed: they cannot be counted */
	bool space;	    /* a space instead of a page table: see space_world.h */
	unsigned int bound; /* preemptions of the ordinary test */
	struct operation setup[OPERATIONS_MAX];
	struct operation thread[SCHEDULER_THREADS][OPERATIONS_MAX];
	void (*check)(void); /* what else must hold at the end, or null */
};

/* What became of an operation. */
struct outcome {
	int ret;
	bool done;
	uint64_t reached; /* page number */
	uint64_t leaves;
	uint64_t tables;
	uint64_t young_extents;
	uint64_t dirty_extents;
	uint64_t oa; /* query, read, write: 0 if there was nothing */
	uint32_t level;
};

/* Make the page table, do the set-up; every run then begins there. */
void world_open(const struct scenario *scenario);
/* One run, and the ledger. False if the policy gave it up. */
bool world_run(scheduler_policy_fn *policy, void *context);

/* Of the run, for checks. */
const struct outcome *world_outcome(unsigned int thread, unsigned int operation);
/* Does that operation unmap the page, and nothing else? */
bool world_unmaps(unsigned int thread, unsigned int operation, unsigned int page);
/* Who mapped the page, SCHEDULER_OUTSIDE for the set-up, or -1. */
int world_mapper(unsigned int page, unsigned int *level);
/* Pages that are young, and that a pass by table entries does not find. Takes the others. */
unsigned int world_hidden(void);
/* Tables below the root that are in use. */
unsigned int world_tables(void);

#endif /* PTW_TESTS_OPERATIONS_H */
