/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file ask.h
 * Asking a space: were these pages used, by anybody? Over a range (ageing), around a page that was found
 * (look-around), and of one page before it goes (last look).
 *
 * An answer is young, old, or **not asked**: some MMU that maps the page was skipped, because it is not
 * fast enough for the effort chosen, or because its lock was taken just then.
 */
#ifndef PTW_ASK_H
#define PTW_ASK_H

#include <ptw/filter.h>
#include <ptw/harvest.h>
#include <ptw/space.h>
#include <ptw/types.h>

PTW_BEGIN_DECLS

struct ptw_consumer;

/** Whom to ask. Each value is another operation of the MMUs, or none. */
enum ptw_effort {
	PTW_EFFORT_PRIMARY = 0, /**< the question is about the primary alone: others count neither as
				  *  skipped nor as not asked (but ptw_space_covers() tells of them) */
	PTW_EFFORT_FAST = 1,    /**< and fast secondary ones; not for dirty, which nobody may be left out of */
	PTW_EFFORT_AGE = 2,     /**< and slow ones that were registered with PTW_REGISTER_AGE_SLOW */
	PTW_EFFORT_ALL = 3,     /**< everybody */
};

/** A question about a range. Outputs are optional. */
struct ptw_ask {
	size_t size;      /**< sizeof(struct ptw_ask), so that it can grow */
	uint32_t flags;   /**< enum ptw_harvest_flag */
	uint32_t effort;  /**< enum ptw_effort */
	/** Bitmaps, ORed into: bit = page - (start & ~63), or frame likewise; ptw_bitmap_words(start, end, 0)
	 *  words. Owned by the caller. Every page of the range is set that lies in a young leaf extent of
	 *  any MMU asked. */
	uint64_t *young;
	/** Of the same shape. Also where only accessed is asked for, an MMU whose clearing of accessed takes
	 *  dirty state along (as access tracking on foreign layouts) tells it here, and to consumers; without
	 *  either only dirty_pages of the result does. */
	uint64_t *dirty;
	uint64_t *not_asked; /**< of the same shape: pages of which an MMU that maps them was not asked */
	uint64_t *said;      /**< one mask for each page from `start` on: who said young; ORed into */
	/** Whose question it is: what others took since this consumer last asked is in the answer, too.
	 *  Null: nobody's. See <ptw/consumer.h>. */
	struct ptw_consumer *consumer;
	uint64_t budget;  /**< stop after about this cost (entries, 16 for a cleared one); 0: no limit */
	/** In: page (or frame) to go on at, 0 for the start. Out: where this call ended; at `end` there is
	 *  nothing left, so set it to 0 for the next pass. Bitmaps stay relative to `start`. Null: none. */
	uint64_t *cursor;
};

/** The answer. Masks have a bit for each MMU, see ptw_space_mmu_bit(). */
struct ptw_ask_result {
	size_t size;          /**< sizeof(struct ptw_ask_result), so that it can grow */
	uint64_t resume;      /**< page (or frame) reached; `end` when complete. All before it was asked */
	/** Pages found young, counted for each slot and the primary: a page that two of them said is in
	 *  here twice. What came from others by way of the consumer is not in it. */
	uint64_t young_pages;
	uint64_t dirty_pages; /**< likewise */
	uint64_t not_asked_pages; /**< likewise: pages in a slot (or the primary) that was not asked */
	uint64_t consumer_pages; /**< pages that were young by what others had taken before; dirty likewise,
			       *   a page that was both twice */
	uint64_t entries;     /**< entries read */
	uint64_t said;        /**< MMUs that said young for at least one page */
	uint64_t asked;       /**< MMUs that were asked */
	uint64_t skipped;     /**< MMUs that map pages of the range and were not asked about all of them */
	uint64_t cheap;       /**< MMUs at which looking around is cheap here */
	uint64_t failed;      /**< MMUs that returned an error */
	/** Leaf extents that `start` and `end` cut, whole, in pages: the longest of any MMU; length 0: none.
	 *  Consumers get the rest of them with their next question; others must remember it. */
	struct ptw_extent head;
	struct ptw_extent tail; /**< see head; not for frames, whose extents cut come in pages as well */
};

/**
 * Ask about a range of pages: test and clear, the OR of all MMUs that map them.
 * @param space the space
 * @param start, end pages, half-open
 * @param ask what to ask
 * @param result may be null
 * @return PTW_OK; PTW_ERR_BUDGET; PTW_ERR_MMU: an MMU returned nonsense (its bits in the range are taken,
 *         others are not); or the first error an MMU returned. All before result->resume was asked of
 *         everybody; what the bitmaps hold beyond it was found, too, and is gone from the MMUs
 *
 * Flush: as ptw_harvest(), by each MMU. At efforts PRIMARY and FAST a question is a row of read-side sections, each
 * of bounded cost (4096 entries, 16 for a cleared one; up to 512 pages in one where nothing has to be told but
 * bits). At others no section is held while an MMU works that may wait.
 *
 * Where MMUs got to different pages in one section, the pages between are asked again: with PEEK they are then
 * counted again in young_pages. Bitmaps are right.
 *
 * Context: any registered thread, next to any other call. Inside a read-side section only accessed at
 * efforts PRIMARY and FAST. Not in an operation of an MMU of the same space but for other pages.
 * Ordering: acquire for slots and MMUs; bits as ptw_harvest(). Progress: PRIMARY and FAST: lock-free as
 * ptw_harvest(); otherwise that of the MMUs. Errors: PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_RANGE,
 * PTW_ERR_UNSUPPORTED (dirty or EXACT at effort FAST), PTW_ERR_CONTEXT change nothing; the rest as returned.
 */
PTW_API int ptw_space_harvest(struct ptw_space *space, uint64_t start, uint64_t end,
			      const struct ptw_ask *ask, struct ptw_ask_result *result);

/**
 * The same about frames of one address space of an MMU: bitmaps, cursor and resume are in frames. The
 * pages behind them are asked of everybody, the primary and other MMUs included.
 * @param space the space
 * @param mmu number of the MMU
 * @param as its address space
 * @param start, end frames, half-open; those in no slot are old. A page behind two of them is reported at one;
 *        of a leaf of another MMU that covers pages of slots that do not follow each other, the part in the later
 *        slot goes to consumers, head or tail
 * @param ask what to ask
 * @param result may be null
 * @return as ptw_space_harvest(), and PTW_ERR_ABSENT: no such MMU
 *
 * Context, Ordering, Progress, Errors: as ptw_space_harvest().
 */
PTW_API int ptw_space_harvest_frames(struct ptw_space *space, uint32_t mmu, uint32_t as,
				     uint64_t start, uint64_t end, const struct ptw_ask *ask,
				     struct ptw_ask_result *result);

/**
 * Is a page young? One page, changes nothing.
 * @param space the space
 * @param page its number
 * @param effort enum ptw_effort
 * @return 1 young, 0 old, PTW_ERR_AGAIN: nobody said young, and somebody was not asked; or an error
 *
 * Context, Ordering, Progress, Errors: as ptw_space_harvest().
 */
PTW_API int ptw_space_test_young(struct ptw_space *space, uint64_t page, uint32_t effort);

/**
 * The same, and make it old everywhere that was asked. A block goes old whole, and only consumers are told of
 * its other pages.
 * @param space the space
 * @param page its number
 * @param effort enum ptw_effort
 * @return as ptw_space_test_young()
 *
 * Context, Ordering, Progress, Errors: as ptw_space_harvest().
 */
PTW_API int ptw_space_clear_young(struct ptw_space *space, uint64_t page, uint32_t effort);

/**
 * Does ageing at an effort reach everybody who maps pages of a range?
 * @param space the space
 * @param start, end pages, half-open
 * @param effort enum ptw_effort
 * @param uncovered set to the mask of MMUs that would be skipped; may be null
 * @return 1 yes, 0 no: a page may look old for ever although it is in use; or an argument error
 *
 * Context: any registered thread; one read-side section. Ordering: acquire. Progress: wait-free, linear
 * in the slots of the range. Errors: PTW_ERR_ARG, PTW_ERR_RANGE.
 */
PTW_API int ptw_space_covers(struct ptw_space *space, uint64_t start, uint64_t end,
			     uint32_t effort, uint64_t *uncovered);

/** What tables tell of a range before its leaves are read. */
struct ptw_touched {
	size_t size;     /**< sizeof(struct ptw_touched), so that it can grow */
	uint32_t effort; /**< enum ptw_effort: whose tables */
	uint32_t reserved; /**< 0 */
	/**
	 * Called for runs of pages, in any order, perhaps several times for a page. `told` is 1: somebody went through
	 * the table that maps them since this was last asked; 0: an MMU that maps them cannot tell. Pages for
	 * which it is not called are old, if this is asked by nobody else.
	 */
	void (*note)(void *context, uint64_t start, uint64_t end, int told);
	void *context; /**< its first argument */
};

/**
 * Which pages of a range are worth a harvest, by accessed bits of table entries: ptw_mmu_ops.touched of the primary
 * and of who is asked at this effort. These bits are cleared, and each MMU flushes that has to, before this returns: a
 * harvest of what was noted then finds what a harvest of all would find. MMUs that are left out at this effort are
 * not heard of. Nothing else is taken, so nothing goes to consumers.
 * @param space the space
 * @param start, end pages, half-open
 * @param how whose tables, and whom to tell
 * @return PTW_OK or an argument error
 *
 * Context: any registered thread, outside read-side sections; not in an operation of an MMU of the space. May block.
 * Ordering: as a pruned harvest (prune.h). Progress: that of the MMUs; linear in tables. Errors: PTW_ERR_ARG,
 * PTW_ERR_SIZE, PTW_ERR_RANGE, PTW_ERR_CONTEXT; nothing was asked then.
 */
PTW_API int ptw_space_touched(struct ptw_space *space, uint64_t start, uint64_t end,
			      const struct ptw_touched *how);

/** Most pages of a look-around. */
#define PTW_LOOK_AROUND_MAX 512u

/** A look-around. */
struct ptw_look_around {
	size_t size;      /**< sizeof(struct ptw_look_around), so that it can grow */
	/** Pages of the window, a power of two up to PTW_LOOK_AROUND_MAX; 0: 64. The window is aligned to
	 *  its size, and so lies in one table; each MMU's part of it is clipped to its slot. */
	uint32_t window;
	/** Who said that the page is young: ptw_reference_result.said, or ptw_ask_result.said. The primary
	 *  is looked around in if its bit is set; secondary MMUs if they are fast, whatever they said. */
	uint32_t skip;    /**< 1: not in the primary, 2: not in secondary MMUs */
	uint64_t said;    /**< see above */
	uint64_t *young;  /**< ORed into: bit = page - (window's start & ~63); 1 word for each 64 pages */
	struct ptw_consumer *consumer; /**< as ptw_ask.consumer */
	/** Region filter of a page table that is harvested in a pruned way, or null: where its MMU says
	 *  young, the region is added. */
	struct ptw_filter *filter;
	uint32_t filter_mmu; /**< number of that MMU; PTW_MMU_PRIMARY is one, too */
	uint32_t filter_as;  /**< its address space that is the page table */
	/** Bytes that one of its leaf tables maps, as a power of two: granule_lg2 + index_lg2 of ptw_info. A
	 *  region is a frame's address (without its sign) by it. */
	uint32_t filter_lg2;
	uint32_t reserved;   /**< 0 */
};

/**
 * Look around a page that was found young: harvest its neighbours, where that is cheap.
 * @param space the space
 * @param page its number
 * @param how window, and where to
 * @param result may be null; `resume` is the window's end
 * @return as ptw_space_harvest()
 *
 * Context: any registered thread; one read-side section. Ordering: as ptw_space_harvest().
 * Progress: lock-free: only fast operations are called. Errors: PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_RANGE;
 * those of MMUs.
 */
PTW_API int ptw_space_look_around(struct ptw_space *space, uint64_t page,
				  const struct ptw_look_around *how,
				  struct ptw_ask_result *result);

/** What a last look counts. Values combine. */
enum ptw_reference_flag {
	/** References by mappings that are charged to others count, too. Without it they are not asked. */
	PTW_REFERENCE_FOREIGN = 1,
	/** Only look. */
	PTW_REFERENCE_PEEK = 2,
};

/** A last look at a page. */
struct ptw_reference {
	size_t size;     /**< sizeof(struct ptw_reference), so that it can grow */
	uint32_t flags;  /**< enum ptw_reference_flag */
	uint32_t group;  /**< who reclaims: mappings charged to it count */
};

/** What it found. */
struct ptw_reference_result {
	size_t size;       /**< sizeof(struct ptw_reference_result), so that it can grow */
	uint32_t mappings; /**< that were asked and map the page: the primary and slots */
	uint32_t foreign;  /**< that were not asked, since they are charged to others */
	uint64_t said;     /**< MMUs that said young, for the look-around */
	uint64_t skipped;  /**< MMUs that could not be asked */
};

/**
 * The last look: is a page that is to be evicted in use after all? Asks everybody, slow MMUs, too. A block
 * goes old whole, as in ptw_space_clear_young().
 * @param space the space
 * @param page its number
 * @param how what counts
 * @param result may be null
 * @return how many mappings had been used, 0 for none; PTW_ERR_PINNED: the page must stay (a pinned slot,
 *         or an MMU says so), nobody was asked; PTW_ERR_DROPPED: an invalidation of the page (or of
 *         one that shares its gate, see <ptw/invalidate.h>) is under way, so that secondary MMUs
 *         may have dropped it, and with it what they knew: use what ptw_space_unmap() returned;
 *         PTW_ERR_AGAIN: nobody said young, and somebody could not be asked; or an error of an MMU
 *
 * Context: any registered thread, outside read-side sections; before the unmap. Ordering: acquire; the
 * bits as ptw_harvest(). Progress: that of the MMUs. Errors: as returned, PTW_ERR_ARG, PTW_ERR_SIZE,
 * PTW_ERR_CONTEXT.
 */
PTW_API int ptw_space_reference(struct ptw_space *space, uint64_t page,
				const struct ptw_reference *how,
				struct ptw_reference_result *result);

PTW_END_DECLS

#endif /* PTW_ASK_H */
