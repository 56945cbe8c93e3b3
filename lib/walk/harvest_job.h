/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One harvest under way: what is wanted, and where what is found goes. */
#ifndef PTW_LIB_HARVEST_JOB_H
#define PTW_LIB_HARVEST_JOB_H

#include <ptw/harvest.h>

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
	struct ptw_extent_ask ask;
	uint8_t granule_lg2;
	uint8_t changed_level;
	bool bitmaps_only; /* no output functions */
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
};

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
