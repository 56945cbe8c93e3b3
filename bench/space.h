/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Ways to ask about the same pages, compared: the range of one page table is given in blocks to each
 * way in turn, in another order each pass, so that all of them read the same memory.
 */
#ifndef PTW_BENCH_SPACE_H
#define PTW_BENCH_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include <ptw/mmu.h>
#include <ptw/space.h>

#include "figure.h"
#include "measure.h"
#include "tables.h"

#define SPACE_PAGES ((uint64_t)1 << 20)
/* Pages of a question. */
#define SPACE_BATCH ((uint64_t)64)

/* One way. */
struct space_way {
	struct ptw_space *space;       /* null: ptw_harvest() */
	struct ptw_consumer *consumer; /* who asks */
	uint32_t effort;
	bool result; /* wants to know more than the pages */
	bool floor;  /* asks nothing: locked AND instructions on memory in the cache, one a page */
	uint64_t pages; /* of a question; 0: SPACE_BATCH */
};

struct space_run {
	/* What the caller fills in. */
	struct ptw_pgtable *pgtable;
	uint64_t pages; /* asked about from page 0 on */
	uint64_t block; /* pages of a block */
	uint64_t want;	/* kept blocks of each way */
	const struct space_way *way;
	unsigned int ways; /* those that are floors last */
	/* Make pages young, and note in `planted` which. */
	void (*plant)(void *context, uint64_t *planted);
	/* What was found is in run->found, and right; each way found the words that space_run_is() says.
	 * Null: nothing else to look at. */
	void (*check)(void *context, const struct space_run *run);
	void *context;
	/* Its own. */
	uint64_t passes;
	unsigned int parts; /* ways that are no floors */
	uint64_t *planted;
	uint64_t *found;
	uint64_t hot[TABLE_ENTRIES];
};

void space_run(struct space_run *run, struct measured *measured);

/* Did this way ask about word `w` of the bitmaps in this pass? */
bool space_run_is(const struct space_run *run, unsigned int way, uint64_t w);

/* An MMU of a page table; and spaces with it as their only secondary MMU, or as their primary. */
void space_mmu(struct ptw_pgtable *pgtable, struct ptw_mmu *mmu);
struct ptw_space *space_with(const struct ptw_mmu *mmu, bool primary, uint64_t pages);

/* Ends the program if this is an error. */
void space_done(int error, const char *what);

/* The parts of space_measure(). */
void space_tables(struct sink *sink);
void space_shadows(struct sink *sink);
void space_consumers(struct sink *sink);

#endif /* PTW_BENCH_SPACE_H */
