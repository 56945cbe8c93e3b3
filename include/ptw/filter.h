/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file filter.h
 * Region filter: which leaf tables are worth reading, where table entries have no accessed bits.
 *
 * Two Bloom filters. One says which regions this pass reads, the other collects, meanwhile, those
 * that turned out to have young pages; they change places between passes. Whoever finds young pages
 * by other means (looking around at eviction) adds to the second one, too. A region that becomes
 * hot without anybody noticing is found by the next pass that takes every region (`full_every` of
 * struct ptw_prune). So is one that has young pages because of a change that adds nothing here:
 * pages mapped young, and the leaf table that a young block was split into.
 *
 * A filter belongs to one struct ptw_prune, and that to one range: each pass turns it. Of two that
 * share a filter each turns away what the other has added, before it is read. So each part of a
 * partition (partition.h) has a struct ptw_prune and a filter of its own, also where the parts are
 * harvested one after the other; whoever adds by other means takes the filter of the part that the
 * region lies in.
 *
 * What was added is never missed: a region whose ptw_filter_add() returned before ptw_filter_turn()
 * was called is read in the pass that follows; one that was being added during a turn, in the pass
 * behind that turn or in the next. Regions that were not added are read in vain now and
 * then: with as many regions as the filter was made for, at most 1.4 % of them, with twice as many
 * 4.9 %.
 */
#ifndef PTW_FILTER_H
#define PTW_FILTER_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/** A region filter; opaque. */
struct ptw_filter;

/** Most regions that a filter can be made for. */
#define PTW_FILTER_REGIONS_MAX ((uint64_t)1 << 28)

/**
 * Make a filter. The first pass after this takes every region.
 * @param regions how many regions are expected to be hot at a time, 1 to PTW_FILTER_REGIONS_MAX;
 *        more make it less sharp, never wrong. It takes 4 to 8 bytes for each
 * @param filter set on success
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_NOMEM
 *
 * Context: may block. Ordering: none. Progress: allocates. Errors: as returned.
 */
PTW_API int ptw_filter_create(uint64_t regions, struct ptw_filter **filter);

/**
 * Free a filter.
 * @param filter it, or null
 *
 * Context: nobody uses it any more. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API void ptw_filter_destroy(struct ptw_filter *filter);

/**
 * The region has young pages: read it in the next pass.
 * @param filter it; null: does nothing
 * @param region number of a leaf table: input address without its sign >> (granule_lg2 + index_lg2)
 *        of ptw_info
 *
 * Context: any thread, at any time. Ordering: where a bit is news, a full fence, partner that in
 * ptw_filter_turn(); nothing else of the caller's is ordered by it, it is a hint.
 * Progress: wait-free, but for one try more for each ptw_filter_turn() that comes in between.
 * Errors: none.
 */
PTW_API void ptw_filter_add(struct ptw_filter *filter, uint64_t region);

/**
 * Is this pass to read the region?
 * @param filter it; null: every region
 * @param region as in ptw_filter_add()
 * @return 1 yes, or it only looks so; 0 no
 *
 * Context: any thread. Ordering: relaxed. Progress: wait-free. Errors: none.
 */
PTW_API int ptw_filter_test(const struct ptw_filter *filter, uint64_t region);

/**
 * This pass takes every region, whatever was added, up to the next ptw_filter_turn(). For a whole
 * pass call it between two, after the turn. What is added meanwhile counts for the next pass as
 * always.
 * @param filter it; null: does nothing
 *
 * Context: any thread, at any time. Ordering: relaxed. Progress: wait-free. Errors: none.
 */
PTW_API void ptw_filter_all(struct ptw_filter *filter);

/**
 * Between two passes: what was added is what the next one reads.
 * @param filter it; null: does nothing
 *
 * Context: one thread at a time, while no pass runs; ptw_filter_add() may. Ordering: release,
 * partner the acquire in ptw_filter_add(), which so finds the filter it adds to empty; then a full
 * fence, partner that in ptw_filter_add(), so that what is added meanwhile is seen by the pass that
 * follows or added once more. The caller orders that pass after this call. Progress: wait-free, in
 * time proportional to the filter. Errors: none.
 */
PTW_API void ptw_filter_turn(struct ptw_filter *filter);

PTW_END_DECLS

#endif /* PTW_FILTER_H */
