/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file harvest.h
 * Reading and clearing accessed and dirty bits of a range in one pass: the native call of the
 * library. Single-page calls are thin.
 */
#ifndef PTW_HARVEST_H
#define PTW_HARVEST_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

struct ptw_pgtable;
struct ptw_prune;

/** What a harvest does. Values combine; at least one of ACCESSED and DIRTY. */
enum ptw_harvest_flag {
	PTW_HARVEST_ACCESSED = 1, /**< report young leaf extents */
	PTW_HARVEST_DIRTY = 2,    /**< report dirty leaf extents */
	PTW_HARVEST_PEEK = 4,     /**< only look: change nothing */
	PTW_HARVEST_EXACT = 8,    /**< flush after clearing accessed, too: the next harvest misses nothing, unless it prunes without PTW_PRUNE_FLUSH */
};

/** What is known of a leaf extent; flags. */
enum ptw_extent_flag {
	PTW_EXTENT_YOUNG = 1,
	PTW_EXTENT_DIRTY = 2,
};

/** A leaf extent, or a run of equal ones. */
struct ptw_extent {
	uint64_t start;  /**< input address in bytes */
	uint64_t length; /**< bytes */
	uint32_t level;  /**< of the leaves, 0 = smallest pages */
	uint32_t what;   /**< enum ptw_extent_flag */
};

/**
 * Sparse output: called per touched bitmap word, ascending. The word in which a call ended may come
 * again, with other bits, when the harvest is resumed by its cursor.
 * @param context from the harvest
 * @param page number of the page of bit 0 (input address / granule), a multiple of 64
 * @param young, dirty the word of each bitmap
 * @return 0 to go on, else the harvest ends with PTW_ERR_STOPPED; what it had cleared by then is
 *         still delivered to each output function, up to 512 smallest pages or one large leaf extent, and
 *         the answers to that are ignored
 *
 * Do not act on dirty before ptw_harvest() has returned: a processor with a cached translation may
 * write until the flush that it does at its end.
 *
 * Context: inside a read-side section or at the end of the harvest; must not block.
 */
typedef int (*ptw_harvest_word_fn)(void *context, uint64_t page, uint64_t young, uint64_t dirty);

/**
 * Output as runs: neighbouring leaf extents of equal level and state are joined.
 * Context and return value: as ptw_harvest_word_fn.
 */
typedef int (*ptw_harvest_run_fn)(void *context, const struct ptw_extent *run);

/** A harvest. All outputs are optional and combine. */
struct ptw_harvest {
	size_t size;      /**< sizeof(struct ptw_harvest), so that it can grow */
	uint32_t flags;   /**< enum ptw_harvest_flag */
	uint32_t reserved; /**< 0 */
	/** Dense bitmaps, ORed into: bit = page - (start / granule & ~63), 64 to a word, lowest
	 *  first; ptw_bitmap_words() tells the size. Every in-range page of an extent is set. Owned
	 *  by the caller: not shared between threads. */
	uint64_t *young;
	uint64_t *dirty;  /**< of the same shape */
	ptw_harvest_word_fn word; /**< sparse output, or null */
	ptw_harvest_run_fn run;   /**< runs, or null */
	void *context;            /**< of word and run */
	/** Only leaves whose output address lies in [oa_start, oa_end); both 0: all. */
	uint64_t oa_start;
	uint64_t oa_end;  /**< first byte behind */
	uint64_t budget;  /**< stop after this cost (entries, 16 for a cleared one); 0: no limit */
	/** Which words of the bitmaps have bits that this harvest found: bit i stands for word i, 64 to a
	 *  word, ORed into, as wide as ptw_bitmap_words() of the range. With or without the bitmaps; whoever
	 *  visits and clears only those words need not zero a large bitmap for each pass. Null: none. */
	uint64_t *summary;
	struct ptw_prune *prune; /**< leave out what nobody went through (prune.h); null: read all */
	/** In: where to go on, 0 for the start. Out: where this call ended; at `end` there is nothing
	 *  left, so set it to 0 for the next pass. Outside the range: PTW_ERR_RANGE; inside a granule:
	 *  PTW_ERR_ALIGN. Bitmaps stay relative to `start`. Null: none. */
	uint64_t *cursor;
};

/** What a harvest found. Extents count once, pages are granules inside the range. */
struct ptw_harvest_result {
	size_t size;       /**< sizeof(struct ptw_harvest_result), so that it can grow */
	uint64_t resume;   /**< input address reached; `end` when complete */
	uint64_t entries;  /**< entries read */
	uint64_t young_extents; /**< leaf extents that were young */
	uint64_t young_pages;   /**< in-range pages of them */
	uint64_t dirty_extents; /**< leaf extents that were dirty */
	uint64_t dirty_pages;   /**< in-range pages of them */
	/** Entries that another operation owns: frozen ones are skipped, held leaves may lack state that
	 *  their owner has in hand. An unmap reports it, split and collapse carry it, and a later harvest
	 *  finds it. So a last pass has none. A harvest of accessed alone, without runs and output address
	 *  filter, does not look for them in level-0 tables, and a pruned one not in what it leaves out. */
	uint64_t owned;
	uint64_t busy;     /**< extents of which something was left alone after 8 lost races */
	uint64_t sections; /**< read-side sections used */
	struct ptw_extent head; /**< the reported extent that `start` cuts, whole; length 0: none */
	struct ptw_extent tail; /**< the reported extent that `end` cuts, whole; length 0: none */
};

/**
 * 64-bit words a dense bitmap of a range needs.
 * @param start input address in bytes
 * @param end first byte behind, above `start`
 * @param granule_lg2 12, 14 or 16, as ptw_info tells it (not 0)
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
static inline uint64_t ptw_bitmap_words(uint64_t start, uint64_t end, unsigned int granule_lg2)
{
	uint64_t base = (start >> granule_lg2) & ~(uint64_t)63;

	return (((end - 1) >> granule_lg2) - base) / 64 + 1;
}

/**
 * Harvest a range: report accessed, dirty or both, and clear what was reported unless PEEK.
 * @param pgtable the page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule
 * @param harvest what to do and where to
 * @param result may be null
 * @return PTW_OK; PTW_ERR_BUDGET when the budget is spent; PTW_ERR_STOPPED by an output function,
 *         also if the budget was spent just then
 *
 * A leaf extent (page, block, contiguous group) that the range cuts is harvested whole: it has one
 * accessed and one dirty state. Exact layouts never report a bit that this call did not clear, and
 * every transition is reported by one harvest only. On a foreign layout a lost race may report
 * young without clearing, and where clearing accessed takes the write permission away that says
 * dirty (KVM's access-tracked EPT entries), the extent is reported as dirty although only accessed
 * was asked for.
 *
 * Flush: a young harvest asks for none, so a page with a cached translation may look old next time.
 * Clearing dirty calls the flush hook for the changed span before the call returns (also when it
 * ends early); EXACT does so for accessed, and so does any harvest that took dirty state along with
 * accessed; where a layout makes that possible, the call is not for read-side sections.
 *
 * Context: any registered thread, next to any other call; not in a flush hook. Never allocates or
 * blocks, the flush hook excepted; with dirty, EXACT or PTW_PRUNE_FLUSH not inside a read-side section.
 * Ordering: clearing accessed is a relaxed atomic AND on a level-0 leaf, else a compare-exchange;
 * clearing dirty is an acquire-release compare-exchange, partner the page walker's update.
 * Progress: lock-free; each extent is tried 8 times at most, then counted in `busy`.
 * Errors: PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_ALIGN, PTW_ERR_RANGE, PTW_ERR_CONTEXT and
 * PTW_ERR_UNSUPPORTED (pruning together with dirty, PEEK or an output address filter) change nothing;
 * PTW_ERR_CORRUPT_* on attached page tables end it at result->resume.
 */
PTW_API int ptw_harvest(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
			const struct ptw_harvest *harvest, struct ptw_harvest_result *result);

/**
 * Is the leaf extent at `ia` young?
 * @param pgtable the page table
 * @param ia any input address in bytes
 * @return 1 young, 0 old, PTW_ERR_HOLE not mapped, PTW_ERR_AGAIN owned by another operation
 *
 * Context: any registered thread; one read-side section. Ordering: relaxed. Progress: wait-free.
 * Errors: as returned; PTW_ERR_ARG, PTW_ERR_RANGE; PTW_ERR_CORRUPT_* on attached page tables.
 */
PTW_API int ptw_test_young(struct ptw_pgtable *pgtable, uint64_t ia);

/**
 * The same, and make it old. On a foreign layout 1 may mean that a race was lost, and where access
 * tracking takes dirty state along that goes unseen: harvest there.
 * @param pgtable the page table
 * @param ia any input address in bytes
 * @return 1 it was young and this call cleared it, 0 old, or an error as ptw_test_young();
 *         PTW_ERR_AGAIN also after 8 lost races
 *
 * Context: any registered thread; one read-side section. Ordering: as ptw_harvest().
 * Progress: lock-free, bounded. Errors: as returned.
 */
PTW_API int ptw_test_clear_young(struct ptw_pgtable *pgtable, uint64_t ia);

PTW_END_DECLS

#endif /* PTW_HARVEST_H */
