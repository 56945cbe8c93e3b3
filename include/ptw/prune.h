/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file prune.h
 * Harvests that leave out tables through which nobody went since the last one.
 *
 * Hardware sets accessed bits in table entries, too: EPT with A/D bits, x86-64, arm64 with FEAT_HAFT
 * (struct ptw_info tells: `table_accessed`). A pruned harvest clears them on its way, and does not read a
 * table whose entry had none. Elsewhere a region filter may stand in (filter.h).
 */
#ifndef PTW_PRUNE_H
#define PTW_PRUNE_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

struct ptw_filter;

/** How a harvest prunes. Values combine. */
enum ptw_prune_flag {
	/**
	 * Exact: first clear the table entries of the range, then flush it once (PTW_FLUSH_TABLE), then
	 * read the tables that were gone through. Finds all that an unpruned harvest would find, if every
	 * harvest of accessed that prunes is such a one. A page table without a flush hook has nobody who
	 * caches table entries, or its owner flushes: then he has to do it between two passes. The first
	 * step does not count for a budget. Without FLUSH a processor that still caches a table
	 * entry makes pages young below an entry that stays old: they are found when it is set again, or
	 * by a full pass.
	 */
	PTW_PRUNE_FLUSH = 1,
	/** Leave pruning out for some passes when nearly all tables were gone through. */
	PTW_PRUNE_ADAPT = 2,
};

/**
 * What pruned harvests of one range remember from pass to pass: all zero but for the first group of
 * members before the first one. One harvest at a time uses it. A pass ends where a harvest reaches the
 * end of its range; one that ends early goes on by its cursor. Tables that the range cuts are always read.
 *
 * Each pass: `cursor = 0; do r = ptw_harvest(...); while (r == PTW_ERR_BUDGET);`, or one call without a
 * budget, always with the same range and the same struct ptw_prune. The first pass reads everything.
 *
 * Whoever makes pages young by software must set the accessed bits of the path after it: this library does;
 * the owner of an attached page table may not, and what he prefaults waits for an access or a full pass.
 */
struct ptw_prune {
	size_t size;         /**< sizeof(struct ptw_prune), so that it can grow */
	uint32_t flags;      /**< enum ptw_prune_flag */
	uint32_t full_every; /**< every so many passes is a full one; 1: all. 0: none, and a hint may find nothing any more once processors cache every table entry */
	/** FLUSH: room to remember which tables to read, one bit for each entry of level 1 that the range
	 *  touches, ptw_prune_words() words, so that one flush does. Bits that stay set are tables owed to
	 *  the next pass. */
	uint64_t *touched;
	uint64_t touched_words; /**< words there; too few: PTW_ERR_SIZE */
	/** Where table entries have no accessed bits: what to read instead; each pass turns it at its
	 *  beginning, and FLUSH means nothing then. Not looked at where they have. With neither, everything
	 *  is read, and nothing is wrong. */
	struct ptw_filter *filter;

	uint32_t pass;    /**< passes so far */
	uint32_t rest;    /**< ADAPT: passes to come without pruning */
	uint32_t backoff; /**< ADAPT: how many the next time */
	uint32_t full;    /**< 1: this pass is a full one; 2: pruning is left out, nothing is cleared */
	uint64_t read;    /**< leaf tables read in this pass, or, between passes, in the last one; where pruning is left out, all tables */
	uint64_t skipped; /**< entries of level 1 left out in this pass, those of skipped tables included */
	uint64_t last_read;    /**< the same of the pass before */
	uint64_t last_skipped; /**< likewise */
	uint64_t tables; /**< ADAPT: what the last full pass read */
	uint32_t fresh;  /**< ADAPT: the next pass is a full one, which clears all table entries */
	uint32_t open;   /**< a pass has begun and not ended */
	uint32_t reserved; /**< 0 */
};

/**
 * 64-bit words that ptw_prune.touched needs for a range.
 * @param start input address in bytes
 * @param end first byte behind, above `start`
 * @param table_lg2 bytes that one leaf table maps, as a power of two: granule_lg2 + index_lg2 of ptw_info
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
static inline uint64_t ptw_prune_words(uint64_t start, uint64_t end, unsigned int table_lg2)
{
	return (((end - 1) >> table_lg2) - (start >> table_lg2)) / 64 + 1;
}

PTW_END_DECLS

#endif /* PTW_PRUNE_H */
