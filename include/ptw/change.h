/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file change.h
 * Changing page tables: map, unmap, protect, split, collapse, reclaim. No call here needs a lock.
 *
 * Which calls may run at the same time on one page table, on any ranges:
 * |                                           | H | D | Q | K | F | M | U | P | S | C | R | X |
 * |-------------------------------------------|---|---|---|---|---|---|---|---|---|---|---|---|
 * | H harvest of accessed, test_young, walk   | y | y | y | y | y | y | y | y | y | y | y | n |
 * | D harvest of dirty                        | y | y | y | y | y | y | y | y | y | y | y | n |
 * | Q query, dump, info                       | y | y | y | y | y | y | y | y | y | y | y | n |
 * | K check                                   | y | y | y | y | y | c | c | y | c | c | c | n |
 * | F fix_fault                               | y | y | y | y | y | y | y | y | y | y | y | n |
 * | M map                                     | y | y | y | c | y | y | y | y | y | y | y | n |
 * | U unmap                                   | y | y | y | c | y | y | y | y | y | y | y | n |
 * | P protect, write_protect, set_user_bit    | y | y | y | y | y | y | y | y | y | y | y | n |
 * | S split                                   | y | y | y | c | y | y | y | y | y | y | y | n |
 * | C collapse                                | y | y | y | c | y | y | y | y | y | y | y | n |
 * | R reclaim                                 | y | y | y | c | y | y | y | y | y | y | y | n |
 * | X destroy                                 | n | n | n | n | n | n | n | n | n | n | n | n |
 *
 * y: yes. c: yes, but PTW_CHECK_COUNTS needs rest. n: no. Processors and software MMUs that use the
 * page table run next to all of them but destroy. With PTW_WRITERS_EXCLUSIVE the caller lets only
 * one of F, M, U, P, S, C and R run at a time; each next to any number of the others.
 *
 * Nobody waits for anybody (but for memory, and at the limit of the backlog, see ptw_config). An entry
 * may be owned by an operation: frozen (not present) or held (present). A call that needs such an
 * entry answers PTW_ERR_AGAIN with the address in `reached`: all before it is done, and reported; call
 * again for the rest. Two calls that each need what the other owns may both be refused, so pause before
 * repeating. Do not spin with the vCPU stopped whose answer the owner's flush may wait for.
 */
#ifndef PTW_CHANGE_H
#define PTW_CHANGE_H

#include <ptw/table.h>

PTW_BEGIN_DECLS

/** What a change did. */
struct ptw_change_result {
	size_t size;      /**< sizeof(struct ptw_change_result), so that it can grow */
	uint64_t reached; /**< input address up to which all is done, or at which the error lies */
	uint64_t leaves;  /**< entries written (a contiguous group counts each member) */
	uint64_t tables;  /**< tables added (map, split) or unlinked (unmap, collapse, reclaim) */
	uint64_t holes;   /**< unmap: pages in the range that were not mapped */
	uint64_t young_extents; /**< unmap: removed leaf extents that were young */
	uint64_t young_pages;   /**< unmap: pages of them */
	uint64_t dirty_extents; /**< removed leaf extents that were dirty */
	uint64_t dirty_pages;   /**< pages of them */
	/** protect, write_protect: the extent that `start` cuts, whole, if its dirty state went; length
	 *  0: none. */
	struct ptw_extent head;
	struct ptw_extent tail; /**< likewise, the one that `end` cuts */
};

/** What to map with. */
struct ptw_map {
	size_t size;       /**< sizeof(struct ptw_map), so that it can grow */
	uint32_t prot;     /**< enum ptw_prot */
	uint32_t memtype;  /**< enum ptw_memtype */
	uint32_t flags;    /**< PTW_LEAF_YOUNG, PTW_LEAF_DIRTY, PTW_LEAF_USER_BIT: initial state */
	uint32_t page_levels; /**< most levels of leaf sizes to use: 1 smallest pages only; 0: all */
};

/**
 * Map a run of input addresses to a run of output addresses, with the largest leaves that fit.
 * @param pgtable own page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule
 * @param oa output address of `start`, multiple of the granule
 * @param map attributes
 * @param result may be null
 * @return PTW_OK; PTW_ERR_EXISTS if anything in the range is mapped (at result->reached),
 *         PTW_ERR_OUTPUT, PTW_ERR_PERM, PTW_ERR_NOMEM, PTW_ERR_AGAIN: nothing was changed, and
 *         result->leaves is 0; unless another writer was at work in the range meanwhile: then what
 *         lies before `reached` stays mapped, and result->leaves tells how many leaves that are. So
 *         go on at `start` if leaves is 0, at `reached` if not
 *
 * A first pass refuses what is mapped and prepares in private every table that is missing, with its
 * leaves in it; a second one publishes. Where another writer linked a table first, the prepared one
 * is given back and the call goes on in the winner's.
 *
 * Context: any registered thread. May allocate. In a read-side section or RCU callback:
 * PTW_ERR_CONTEXT.
 * Ordering: an entry is published by compare-exchange with release, partner the acquire load of
 * walkers; no flush is needed, since entries that are not present are not cached.
 * Progress: lock-free, but for memory; bounded tries on owned entries. Errors: as returned, and
 * PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_ALIGN, PTW_ERR_RANGE, PTW_ERR_UNSUPPORTED (attached).
 */
PTW_API int ptw_map(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end, uint64_t oa,
		    const struct ptw_map *map, struct ptw_change_result *result);

/** How to unmap. */
enum ptw_unmap_flag {
	/** End with PTW_ERR_HOLE at the first page that is not mapped. Takes entry by entry; tables go as
	 *  empty ones do (ptw_config.reclaim_delay). */
	PTW_UNMAP_STRICT = 1,
};

/**
 * Where unmap reports the state it removed; bitmaps of the same shape as a harvest's: bit 0 follows from
 * the call's own `start`, so a call that goes on at `reached` needs its bitmap moved along. Counts are of
 * one call, bitmaps are ORed into.
 */
struct ptw_unmap {
	size_t size;     /**< sizeof(struct ptw_unmap), so that it can grow */
	uint32_t flags;  /**< enum ptw_unmap_flag */
	uint32_t reserved; /**< 0 */
	uint64_t *young; /**< ORed into; null: not wanted */
	uint64_t *dirty; /**< likewise */
};

/**
 * Unmap a range, and return the accessed and dirty state that was removed.
 * @param pgtable own page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule
 * @param unmap may be null: tolerant of holes, counts only
 * @param result may be null; `tables` counts unlinked ones, empty ones that were reclaimed included
 * @return PTW_OK; PTW_ERR_BLOCK if the range cuts a leaf extent, which begins at result->reached, maybe
 *         before `start` (see ptw_split()): nothing was changed, unless another writer made it
 *         meanwhile; PTW_ERR_HOLE if strict, with everything before it done; PTW_ERR_AGAIN, likewise; PTW_ERR_BACKLOG
 *
 * Holes are skipped and counted. A table that the range covers whole is frozen at its parent first,
 * then its entries one by one; the flush hook is called, and only then is it retired to a grace
 * period. What processors set up to the exchange is in the result; with a cached dirty translation
 * a processor may write until the flush, without setting dirty again. Formats that must break before
 * they make (arm64) keep removed entries frozen until the flush is over.
 *
 * Context: any registered thread. Calls the flush hook. In a read-side section or RCU callback:
 * PTW_ERR_CONTEXT.
 * Ordering: each entry by acquire-release compare-exchange, partner every other update of the entry.
 * Progress: bounded by the range; may be refused again and again; never waits for walkers but at the
 * limit of the backlog. Errors: as returned, and PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_ALIGN,
 * PTW_ERR_RANGE, PTW_ERR_UNSUPPORTED (attached).
 */
PTW_API int ptw_unmap(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
		      const struct ptw_unmap *unmap, struct ptw_change_result *result);

/**
 * Give every leaf of a range these permissions, as if it had been mapped with them.
 * @param pgtable own page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule; leaf extents that
 *        the range cuts are changed whole
 * @param prot enum ptw_prot
 * @param dirty bitmap as ptw_harvest.dirty, or null: pages whose dirty state went with the write
 *        permission, where the format tells dirty from writable (arm64); elsewhere dirty stays set
 * @param result may be null; `leaves` counts changed entries, `dirty_extents` and `dirty_pages` what
 *        `dirty` says
 * @return PTW_OK; PTW_ERR_PERM if the format cannot express `prot`: nothing was changed; PTW_ERR_AGAIN
 *         if an entry is owned or kept changing (done up to result->reached); PTW_ERR_UNSUPPORTED,
 *         likewise, for a change that must break (arm64 stage 1: a user page becomes a kernel's):
 *         unmap and map
 *
 * Accessed, dirty, memory type and user bit stay. A contiguous group is owned through its first member
 * while its members change one after the other.
 *
 * Context: any registered thread, not in a read-side section: calls the flush hook for the span of
 * all leaves in the range before it returns. Ordering: compare-exchange, acquire-release.
 * Progress: lock-free. Errors: as returned, and PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_ALIGN,
 * PTW_ERR_RANGE, PTW_ERR_CONTEXT, PTW_ERR_UNSUPPORTED (attached).
 */
PTW_API int ptw_protect(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end, uint32_t prot,
			uint64_t *dirty, struct ptw_change_result *result);

/**
 * Take write permission from every leaf of a range; a write fault gives it back (ptw_fix_fault()),
 * and so does arm64 hardware with HD.
 * @param pgtable any page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule; leaf extents that
 *        the range cuts are protected whole
 * @param forever write faults (and hardware) may not give it back
 * @param dirty bitmap as ptw_harvest.dirty, or null: pages whose dirty state went with the
 *        permission, since the format tells dirty from writable (arm64); elsewhere dirty stays set
 * @param result may be null; `leaves` counts changed entries, `dirty_extents` and `dirty_pages` what
 *        `dirty` says
 * @return PTW_OK, or PTW_ERR_AGAIN if an entry is owned or kept changing (done up to result->reached)
 *
 * Context: any registered thread, not in a read-side section: calls the flush hook for the span of
 * all leaves in the range before it returns, also of those that were protected already, so that no
 * processor can write after it. Ordering: compare-exchange, acquire-release.
 * Progress: lock-free. Errors: as returned, as ptw_walk(), and PTW_ERR_CONTEXT.
 */
PTW_API int ptw_write_protect(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
			      bool forever, uint64_t *dirty, struct ptw_change_result *result);

/**
 * Set or clear the software bit of the library's caller on every leaf of a range.
 * @param pgtable any page table whose layout hands one out
 * @param start, end input addresses in bytes, half-open, multiples of the granule
 * @param on the new value
 * @param result may be null; `leaves` counts changed entries
 * @return PTW_OK; PTW_ERR_UNSUPPORTED if the layout has no such bit; PTW_ERR_AGAIN
 *
 * Context: any registered thread. Ordering: compare-exchange, acquire-release.
 * Progress: lock-free. Errors: as returned and as ptw_walk().
 */
PTW_API int ptw_set_user_bit(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end, bool on,
			     struct ptw_change_result *result);

/**
 * Split leaves: afterwards no leaf extent of the range is larger than one leaf of `level`.
 * @param pgtable own page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule; leaf extents that
 *        the range cuts are split too
 * @param level 0 = smallest pages; contiguous groups of that level are broken up as well
 * @param result may be null; `leaves` counts the smaller ones, `tables` those that were linked
 * @return PTW_OK; PTW_ERR_NOMEM, PTW_ERR_AGAIN with everything before result->reached done
 *
 * The smaller leaves inherit accessed, dirty, permissions and software bits; nothing is reported. The
 * table is filled in private and linked over the block by one compare-exchange; where a break is needed
 * (arm64 below bbm_level 2) the block is frozen, flushed, and replaced. With bbm_level 2 the flush comes
 * after, on x86 there is none: old and new translations agree, and whoever changes a smaller leaf flushes
 * its addresses. A contiguous group is always broken up through frozen members and a flush.
 *
 * Context: any registered thread. May allocate; may call the flush hook. In a read-side section or
 * RCU callback: PTW_ERR_CONTEXT. Ordering: as ptw_map(). Progress: lock-free but for memory, bounded
 * tries for each block. Errors: as returned, and PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_ALIGN,
 * PTW_ERR_RANGE, PTW_ERR_OUTPUT (a table beyond the output address size), PTW_ERR_UNSUPPORTED.
 */
PTW_API int ptw_split(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end, unsigned int level,
		      struct ptw_change_result *result);

/**
 * Collapse tables whose leaves map what one larger leaf would, in the same way, into that leaf: one
 * aligned run of memory, with equal permissions, memory type and user bits; on x86 also equally write
 * protected.
 * @param pgtable own page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule; only tables and
 *        groups that lie in the range whole are looked at
 * @param level of the largest leaf to make; with PTW_FEATURE_CONTIG also contiguous groups of up to
 *        that level, so 0 makes groups of smallest pages
 * @param result may be null; `leaves` counts leaves made (of groups: members), `tables` unlinked ones,
 *        empty ones that were reclaimed included
 * @return PTW_OK, also if nothing could be collapsed; PTW_ERR_AGAIN with everything before
 *         result->reached done; PTW_ERR_BACKLOG
 *
 * Accessed and dirty of the small leaves are carried to the large one; nothing is reported. Between the
 * exchange of the table and the end of the call they are in transit: a harvest in that moment sees
 * them later.
 *
 * Context: any registered thread. Calls the flush hook. In a read-side section or RCU callback:
 * PTW_ERR_CONTEXT. Ordering: as ptw_unmap(). Progress: bounded; may be refused again and again by an
 * unmap of the same table. Errors: as returned, and
 * PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_ALIGN, PTW_ERR_RANGE, PTW_ERR_UNSUPPORTED.
 */
PTW_API int ptw_collapse(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
			 unsigned int level, struct ptw_change_result *result);

/**
 * Give empty tables back: unlink, flush, retire to a grace period.
 * @param pgtable own page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule: tables that lie in
 *        the range whole; both 0: those that the page table has noted as empty, and if it had to
 *        forget some, all
 * @param result may be null; `tables` counts unlinked ones
 * @return PTW_OK, also if there was none; PTW_ERR_AGAIN if an owner was in the way somewhere: the rest was
 *         done, repeat the same range; PTW_ERR_BACKLOG
 *
 * Tables are noted when their last entry goes, and when a harvest passes an empty one, so that a scan
 * on request costs nothing extra. A table that is filled at the same moment stays.
 *
 * Each table is flushed as the whole span of its parent entry, and a table above that this empties goes
 * back too, with the larger span: see ptw_flush_fn. That holds for what unmap and collapse give back.
 *
 * Context: any registered thread. Calls the flush hook. In a read-side section or RCU callback:
 * PTW_ERR_CONTEXT. Ordering: as ptw_unmap(). Progress: bounded; may be refused. Errors: as returned, and
 * PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_ALIGN, PTW_ERR_RANGE, PTW_ERR_UNSUPPORTED (attached).
 */
PTW_API int ptw_reclaim(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
			struct ptw_change_result *result);

PTW_END_DECLS

#endif /* PTW_CHANGE_H */
