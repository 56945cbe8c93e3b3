/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file shadow.h
 * Reverse maps, and the MMU made of them: nested guests, whose frames are mapped by entries of
 * shadow tables at addresses that say nothing about the frame.
 *
 * A reverse map has one word for each frame and level: empty, the address of the only entry that
 * maps the frame, or a chain of several. Nearly all frames of nested paging have one entry, and a
 * reader of one takes nothing: it loads the word, the entry, the word again, and makes the entry
 * old by one compare-exchange on what it loaded. An entry that maps something else by then is
 * another value. A chain is **held** by a bit in its word while somebody reads or changes it; who
 * finds it held tries a bounded number of times, and then the frame is not asked, and counted. A
 * held chain is stable; its entries are not. Who unmaps, or takes dirty state, holds the words of
 * single entries, too.
 *
 * The rules for writers of shadow tables, which the protocol rests on:
 * - an entry is made non-present first, then taken out of the reverse map, then it may map another
 *   frame; a new mapping is written first, and added then (or added empty, and written then);
 * - who adds entries of frames that somebody unmaps at the same time needs the order of
 *   <ptw/invalidate.h>: unmapping takes out what it finds, not what comes;
 * - memory of entries is freed after they were taken out and a grace period (ptw_barrier(), or
 *   RCU);
 * - entries are changed by atomic compare-exchange or exchange, and a new mapping is written with
 *   release order, so that who sees it sees that the entry has left the frame before.
 *
 * Who asks looks at a chain as a whole: a few nanoseconds an entry, ten times that if all are young and
 * none is in the cache. Between two chains a read-side section that has cost enough (4096 entries, 16 for
 * a changed one) ends and another one begins. In a section of the caller's own nothing but a budget
 * shortens it, which is looked at after each 64 frames, and where such a section would end; but there
 * not while blocks are in the map: then the chains of 64 frames are asked together.
 * Where pages are shared by thousands, set chain_limit.
 *
 * What it cannot tell: between the two loads of the word an entry may leave the frame, map
 * another one and come back; if it then, before the compare-exchange, maps that other frame again
 * in the very same way, the other frame's access is reported for this one. That takes six changes
 * of one entry within three instructions, and costs one wrong answer; no entry is damaged, and dirty
 * state is never mistaken: the word is held while it is taken.
 */
#ifndef PTW_SHADOW_H
#define PTW_SHADOW_H

#include <ptw/mmu.h>
#include <ptw/types.h>

PTW_BEGIN_DECLS

struct ptw_pgtable;

/** A reverse map; opaque. */
struct ptw_rmap;

/** Limit of a chain if the configuration does not say: thousands of mappings of one page. */
#define PTW_RMAP_CHAIN_DEFAULT 4096u

/** Most entries a chain can be allowed to have. */
#define PTW_RMAP_CHAIN_MAX 65535u

/** What a reverse map covers. */
struct ptw_rmap_config {
	size_t size;        /**< sizeof(struct ptw_rmap_config), so that it can grow */
	uint64_t first;     /**< first frame */
	uint64_t frames;    /**< how many, at least 1; the last one is below 2^52 */
	uint32_t levels;    /**< 1 to 3: levels at which entries map these frames */
	uint32_t index_lg2; /**< frames of level n+1 per frame of level n, as a power of two */
	uint32_t chain_limit; /**< most entries of one frame and level; 0: PTW_RMAP_CHAIN_DEFAULT */
	uint32_t reserved;  /**< 0 */
};

/**
 * Make a reverse map: 8 bytes a frame, and a little for the higher levels.
 * @param config what it covers
 * @param out set on success
 * @return PTW_OK, PTW_ERR_NOMEM, or an argument error
 *
 * Context: may allocate. Ordering: none. Progress: may wait for memory. Errors: PTW_ERR_ARG,
 * PTW_ERR_SIZE, PTW_ERR_RANGE, PTW_ERR_LIMIT (chain_limit).
 */
PTW_API int ptw_rmap_create(const struct ptw_rmap_config *config, struct ptw_rmap **out);

/**
 * Free a reverse map and its chains. Entries are left alone.
 * @param rmap it, or null
 *
 * Context: no other call on it runs; MMUs made of it are gone. Ordering: none. Progress: linear
 * in frames. Errors: none.
 */
PTW_API void ptw_rmap_destroy(struct ptw_rmap *rmap);

/**
 * An entry maps a frame (now, or as soon as it is written).
 * @param rmap the reverse map
 * @param frame the frame, at level above 0 the first that the entry maps (aligned)
 * @param level level of the leaf entry, 0 = smallest pages
 * @param entry its address; an entry that is in the map twice must be removed twice
 * @return PTW_OK; PTW_ERR_AGAIN: the word was held too long; PTW_ERR_LIMIT: the chain is full;
 *         PTW_ERR_NOMEM; PTW_ERR_RANGE: what it maps is not in this map as a whole; PTW_ERR_ALIGN
 *         (frame, or the entry's address), PTW_ERR_ARG
 *
 * Context: any registered thread, next to any other call on the map; may allocate. Ordering:
 * release, partner the readers' acquire. Progress: lock-free with one entry; bounded tries where
 * the word is held. Errors: as returned; nothing was changed then. AGAIN is no reason to wait: the
 * holder asks a chain or changes it, and is done soon.
 */
PTW_API int ptw_rmap_add(struct ptw_rmap *rmap, uint64_t frame, unsigned int level,
			 uint64_t *entry);

/**
 * An entry maps the frame no longer: it has been made non-present.
 * @param rmap the reverse map
 * @param frame, level, entry as in ptw_rmap_add()
 * @return PTW_OK; PTW_ERR_ABSENT: the entry is not in the map, or unmapping the frame took it out;
 *         PTW_ERR_AGAIN: the word was held too long, the entry is still in the map; PTW_ERR_RANGE,
 *         PTW_ERR_ALIGN, PTW_ERR_ARG
 *
 * Context: any registered thread, next to any other call. Never allocates. Ordering:
 * acquire-release: what the entry is used for next comes after, for every reader. Progress: as
 * ptw_rmap_add(), linear in the chain. Errors: as returned; nothing was changed then.
 */
PTW_API int ptw_rmap_remove(struct ptw_rmap *rmap, uint64_t frame, unsigned int level,
			    uint64_t *entry);

/**
 * How many entries map a frame at a level.
 * @param rmap the reverse map
 * @param frame, level as in ptw_rmap_add()
 * @return the number, or PTW_ERR_RANGE, PTW_ERR_ALIGN, PTW_ERR_ARG, PTW_ERR_AGAIN
 *
 * Context: any registered thread. Ordering: acquire. Progress: bounded. Errors: as returned.
 */
PTW_API int ptw_rmap_count(struct ptw_rmap *rmap, uint64_t frame, unsigned int level);

/** Numbers of a reverse map. */
struct ptw_rmap_info {
	size_t size;      /**< sizeof(struct ptw_rmap_info), so that it can grow */
	uint64_t entries; /**< in the map */
	uint64_t chains;  /**< frames (and levels) with more than one */
	uint64_t longest; /**< longest chain there ever was */
	uint64_t held;    /**< times a word was found held too long and given up */
	uint64_t bytes;   /**< memory, chains included */
};

/**
 * Numbers of a reverse map.
 * @param rmap the reverse map
 * @param info its `size` must be set; the rest is written
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any. Ordering: relaxed counters. Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_rmap_info(struct ptw_rmap *rmap, struct ptw_rmap_info *info);

/** An MMU of shadow tables. */
struct ptw_mmu_shadow {
	size_t size;            /**< sizeof(struct ptw_mmu_shadow), so that it can grow */
	/** By address space: the reverse map of its frames. Copied; they must outlive the MMU. */
	struct ptw_rmap *const *rmaps;
	uint32_t count;         /**< how many, 1 to 256 */
	uint32_t reserved;      /**< 0 */
	/** Any page table, own or attached, whose format, features and layout the entries have;
	 *  it need not hold them. Must outlive the MMU. Entries have the layout's software bits: in the
	 *  library's own EPT layout bit 11 in every present one (ptw_layout_own()). One without, which
	 *  hardware uses nevertheless, contradicts the layout: its frame is "not asked" (or old, if by
	 *  hardware's bits it is and accessed was all that was asked), and is not unmapped.
	 *  Entries by the manual alone: attach one without a layout. The layout of a page table that is
	 *  not attached is exact: nobody changes entries by other rules, and no young entry is reported
	 *  that was not made old. */
	struct ptw_pgtable *like;
	/**
	 * Makes one entry non-present and returns what it was: called for each entry when frames
	 * are unmapped, while its word is held, so that nobody can take the entry out of the
	 * reverse map; in a read-side section, must not block or call the map. Null: a
	 * compare-exchange to the layout's empty value, which a writer may use again before the
	 * flush; where that breaks the rules (break-before-make), zap to a value that keeps
	 * others off until `flush`.
	 * Not called for a frame with an entry that contradicts the layout.
	 * @return the entry's last value; the layout's empty one if it was not present any more
	 */
	uint64_t (*zap)(void *context, uint64_t *entry, unsigned int level);
	/** Drops translations of all that was zapped; once for each unmap or dirty harvest that
	 *  changed something, outside read-side sections. Null: nothing to drop. */
	void (*flush)(void *context);
	void *context;          /**< argument of both */
};

/**
 * Make an MMU of reverse maps. It is fast: ageing takes no lock, pages mapped more than once
 * included. Only with a foreign layout whose access tracking takes dirty state along, and a flush
 * hook, it is not.
 * @param config what
 * @param mmu set on success; give it back with ptw_mmu_destroy()
 * @return PTW_OK, PTW_ERR_NOMEM, or an argument error
 *
 * Unmapping takes entries out of the reverse map, too. It ends before the first frame with an entry
 * that hardware uses and the layout does not call present: PTW_ERR_UNSUPPORTED, with all before `resume`
 * done, and that entry alive and in the map. Trying again does not help, another `like` does. A page
 * that several entries map is young if any is, and made old in all of them. Frames that are in no entry,
 * or not in the map, are old.
 *
 * Context: may allocate. Ordering: none. Progress: may wait for memory. Errors: PTW_ERR_ARG,
 * PTW_ERR_SIZE, PTW_ERR_UNSUPPORTED (contiguous groups, whose young state takes more than an
 * entry to tell; without the feature, an entry that says it is a member is answered "not asked").
 */
PTW_API int ptw_mmu_shadow_create(const struct ptw_mmu_shadow *config, struct ptw_mmu *mmu);

PTW_END_DECLS

#endif /* PTW_SHADOW_H */
