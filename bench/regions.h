/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Page tables as those of tables.h, with the way to them: some regions of 2 MiB (what one leaf
 * table maps) are touched as hardware would touch them, which sets the accessed bit of each table
 * entry on the way from the root, too (Intel SDM vol. 3C, "Accessed and Dirty Flags for EPT").
 */
#ifndef PTW_BENCH_REGIONS_H
#define PTW_BENCH_REGIONS_H

#include <stdint.h>

#include <ptw/config.h>

#include "tables.h"

struct regions {
	struct tables tables; /* tables.table: the leaf tables */
	/* All tables of a level in the order of input addresses; level 0 is tables.table. */
	uint64_t **table[ROOT_LEVEL + 1];
	uint64_t count[ROOT_LEVEL + 1];
	uint64_t *planted; /* bitmap of the pages that were made young */
	uint64_t touched;  /* regions of the last planting */
	uint64_t young;	   /* pages of it */
};

/* How to make them; all zero: tables_kernel, no flags, no hook. */
struct regions_how {
	uint32_t kernel; /* enum ptw_kernel */
	uint32_t flags;	 /* enum ptw_config_flag */
	ptw_flush_fn flush;
	void *flush_context;
};

/* `entries`: a multiple of 512. Fails for want of memory only, with one line. */
void regions_build(struct regions *regions, uint64_t entries, const struct regions_how *how);
void regions_free(struct regions *regions);

/*
 * Touch `touched` regions of the first `among`, chosen at random, in which `young` percent of the
 * pages become young, one at least. Table entries that are not on the way to them are not accessed,
 * whatever they were before. Then it leaves the caches cold: nobody finds there what the planting
 * touched.
 */
void regions_plant(struct regions *regions, uint64_t touched, uint64_t among, double young);

/* All table entries are accessed, and no more pages young than before. */
void regions_touch_tables(struct regions *regions);

/* Read twice as much other memory as the caches hold. */
void regions_cool(void);

/*
 * Of the first `pages` pages what was found is what was planted, page by page, or the program ends;
 * `who` found it.
 */
void regions_check(const struct regions *regions, const uint64_t *found, uint64_t pages,
		   const char *who);

#endif /* PTW_BENCH_REGIONS_H */
