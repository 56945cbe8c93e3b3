/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A harvester that scans a page table pass by pass until it is stopped, in pieces with a lock of the
 * caller's choice around each, and that knows which pages it has to find young: it makes them young
 * itself, before each pass or piece. One table of 512 pages is left to a writer.
 */
#ifndef PTW_BENCH_SCAN_H
#define PTW_BENCH_SCAN_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "lock.h"
#include "tables.h"

#define SCAN_ENTRIES ((uint64_t)1 << 20)
/* Pieces of a scan: the whole pass at once, and as much as a call of the library is worth. */
#define SCAN_WHOLE SCAN_ENTRIES
#define SCAN_CALL  ((uint64_t)1 << 16)

/* How many pages are young when a pass begins. */
enum scan_young {
	SCAN_FEW,  /* a tenth at first, then 64 in each pass */
	SCAN_NONE, /* 64 at first */
	SCAN_ALL,
	SCAN_HUNDREDTH, /* in each pass */
};

struct ptw_mmu;

struct scan {
	/* What the caller fills in, all before scan_start(). */
	struct tables *tables; /* of SCAN_ENTRIES */
	const struct lock_kind *kind;
	void *lock;
	/* Asked instead of the page table, which is what it is made of, with what lock it has of its own;
	 * null: none. */
	const struct ptw_mmu *mmu;
	/* Entries of a pass, and the first of them; 0: all. */
	uint64_t range;
	uint64_t first;
	/* Entries harvested with the lock held: a power of 2; 512 or more without `mmu`. */
	uint64_t piece;
	enum scan_young start;
	int cpu;
	bool idle; /* run only when nobody else wants the processor */
	/* What comes out of it, after scan_stop(). */
	uint64_t entries;   /* harvested */
	uint64_t ns;	    /* of harvesting, locks included */
	uint64_t preempted; /* times the kernel took the processor away */
	/* The same of parts in which it was not, without what planting and telling took. */
	uint64_t kept_entries;
	uint64_t kept_ns;
	/* Its own. */
	uint64_t passes;
	uint64_t reports;
	uint64_t lost;	   /* `preempted` as of the last report */
	uint64_t *planted; /* bitmaps of all pages that were ever young, and found */
	uint64_t *found;
	uint64_t made;	/* times a page was made young */
	uint64_t young; /* pages that were found young */
	int error;
	bool stop;
	sem_t ready;
	pthread_t thread;
};

/* The table that is the writer's, and its first page. */
#define SCAN_WRITER_TABLE (SCAN_ENTRIES / TABLE_ENTRIES / 2)
#define SCAN_WRITER_PAGE  (SCAN_WRITER_TABLE * TABLE_ENTRIES)

/* Returns when the first pass is over. */
void scan_start(struct scan *scan);

/*
 * While it runs, after each SCAN_CALL entries or each piece, what is longer (after 256 pieces of fewer
 * than 512 entries, since each may wait), it tells how often it had lost its processor by then.
 * Returns the number of such reports.
 */
uint64_t scan_reports(const struct scan *scan, uint64_t *lost);

/*
 * Stops, harvests what is left, and ends the process if what was found is not what was made young:
 * page by page, and their number, in which `writer` is that of the writer's table (made young by the
 * writer, less what its unmaps reported).
 */
void scan_stop(struct scan *scan, uint64_t writer);

#endif /* PTW_BENCH_SCAN_H */
