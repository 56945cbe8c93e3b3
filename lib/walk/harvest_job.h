/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One harvest under way: what is wanted, and where what is found goes. */
#ifndef PTW_LIB_HARVEST_JOB_H
#define PTW_LIB_HARVEST_JOB_H

#include <ptw/harvest.h>
#include <ptw/prune.h>

#include "lib/walk/pgtable.h"

/* What one extent is asked. */
struct ptw_extent_ask {
	uint32_t want; /* PTW_HARVEST_ACCESSED, PTW_HARVEST_DIRTY */
	bool peek;
	const struct ptw_harvest *filter; /* only output addresses in its range; null: all */
};

struct ptw_harvest_job {
	uint64_t *young;     /* dense bitmaps, or null */
	uint64_t *dirty;
	uint64_t first_page; /* of bit 0 */
	uint64_t start;      /* the range; leaf extents may stick out */
	uint64_t end;
	uint64_t range_start; /* of the range, also where a cursor goes on */
	struct ptw_extent_ask ask;
	uint8_t granule_lg2;
	uint8_t index_lg2;
	uint8_t changed_level;
	bool bitmaps_only; /* no output functions */
	bool sparse;       /* whole words go to ptw_job_report_words(), too */
	uint8_t prune;     /* enum ptw_pruning */
	uint64_t *summary; /* or null */
	const struct ptw_harvest *request;

	/* Results. */
	uint64_t entries;
	uint64_t young_extents;
	uint64_t young_pages;
	uint64_t dirty_extents;
	uint64_t dirty_pages;
	uint64_t owned;
	uint64_t busy;
	struct ptw_extent head;
	struct ptw_extent tail;

	/* Output that waits for its continuation. */
	uint64_t word_page;
	uint64_t word_young;
	uint64_t word_dirty;
	struct ptw_extent run;
	bool stopped;

	/* Span of input addresses that a flush must cover. */
	uint64_t changed_start;
	uint64_t changed_end;

	struct ptw_pruned *pruned; /* of a pruned walk */
};

/* What a pruned walk remembers. */
struct ptw_pruned {
	/* Which of up to 512 entries from `mask_start` on, all of one table, are worth a look. */
	uint64_t mask[PTW_SCAN_WORDS];
	uint64_t mask_start;
	unsigned int mask_words; /* 0: there is no mask */
	unsigned int mask_level;
	/* Exact: 1 + where the entry of level 1 lies that was taken last, and busy + owned then. */
	uint64_t taken;
	uint64_t owed;
	bool blocks;  /* to note tables is all there is: blocks above level 1 are noted, too */
	bool cleared; /* exact: table entries were cleared */
};

/* What a walk does about tables that nobody went through. */
enum ptw_pruning {
	PTW_PRUNING_NONE = 0,
	PTW_PRUNING_HINT,    /* leave them out, and clear the table entries of the others */
	PTW_PRUNING_FULL,    /* clear, and read all */
	PTW_PRUNING_COLLECT, /* exact, at first: clear, note the others, read nothing */
	PTW_PRUNING_TOUCHED, /* exact, after the flush: read what was noted */
	PTW_PRUNING_FILTER,  /* read what the region filter names */
};

/*
 * From the entry at `slot`, of a table of `level` (above 0), how many may be passed over? 0: go on with this
 * one.
 */
unsigned int ptw_prune_skip(struct ptw_walk_state *w, struct ptw_harvest_job *job, uint64_t *slot,
			    unsigned int level);

/* The leaf table that will be read after the one at w->ia; null: not known. */
const uint64_t *ptw_prune_ahead(const struct ptw_walk_state *w, const struct ptw_harvest_job *job);

/* The whole of a harvest that prunes; `harvest`: the walk of an instance. */
int ptw_prune_harvest(struct ptw_walk_state *w, struct ptw_harvest_job *job,
		      int (*harvest)(struct ptw_walk_state *w, struct ptw_harvest_job *job));

/* Can this page table's table entries tell? */
bool ptw_prune_able(const struct ptw_pgtable *p);

/*
 * Clear the table entries of level 1 of a range, multiples of the granule, and note in `touched` (one bit for each,
 * from the one at `start` on, ORed into) those that were accessed, those that the range cuts, and blocks that may be
 * young. Nothing is flushed, and no leaf is read. Where entries were cleared, a flush is owed: *cleared then becomes
 * true. Returns PTW_OK, or PTW_ERR_CORRUPT_* of an attached page table.
 */
int ptw_prune_note(struct ptw_pgtable *p, uint64_t start, uint64_t end, uint64_t *touched,
		   bool *cleared);

/* Arguments of a harvest that prunes. */
int ptw_prune_args(const struct ptw_pgtable *p, const struct ptw_harvest *h, uint64_t start,
		   uint64_t end);

/*
 * Young pages of `words` words from `page` on (bit i of the first: page + i), one at least, to what is not
 * a bitmap. PTW_OK or PTW_ERR_STOPPED.
 */
int ptw_job_report_words(struct ptw_harvest_job *job, uint64_t page, const uint64_t *young,
			 unsigned int words);

/*
 * Report one leaf extent, clipped to the range, to every output; not inlined. Extents come in
 * ascending order. Returns PTW_OK or PTW_ERR_STOPPED.
 */
int ptw_job_report(struct ptw_harvest_job *job, uint64_t start, uint64_t length, unsigned int level,
		   uint32_t what);

/* Report smallest pages, bit i for page + i, all in one word of output and inside the range. */
void ptw_job_report_pages(struct ptw_harvest_job *job, uint64_t page, uint64_t young,
			  uint64_t dirty);

/* The same of a harvest, which also flushes what it changed. */
void ptw_job_report_run(struct ptw_harvest_job *job, uint64_t page, uint64_t young, uint64_t dirty);

/* Set `count` bits from bit `first` on. */
void ptw_bits_set(uint64_t *words, uint64_t first, uint64_t count);

/*
 * Does making a leaf old take dirty state away? Where access tracking takes the write permission
 * and writable means dirty: then a harvest of accessed must flush as one of dirty does.
 */
bool ptw_old_is_clean(const struct ptw_layout *l);

/*
 * ptw_harvest() behind its arguments. The caller has set `w` (pgtable, start, ia, end, multiples of
 * the granule, and budget), and of `job` first_page, start and end, which say what to report and
 * may lie inside pages, and changed_start (all ones); all else is zero. PTW_ERR_CONTEXT: nothing was
 * done.
 */
int ptw_job_harvest(struct ptw_walk_state *w, struct ptw_harvest_job *job,
		    const struct ptw_harvest *h);

#endif /* PTW_LIB_HARVEST_JOB_H */
