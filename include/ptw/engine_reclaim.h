/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file engine_reclaim.h
 * Reclaim over groups: so many pages, from whichever groups have to give them.
 *
 * Groups give in turn, each a part of its size, the one that was asked longest ago first; what they are promised
 * (ptw_group_protect()) stays. See docs/engine.md.
 */
#ifndef PTW_ENGINE_RECLAIM_H
#define PTW_ENGINE_RECLAIM_H

#include <ptw/engine.h>

PTW_BEGIN_DECLS

/** Flag of ptw_engine_reclaim(): groups keep what is below their low protection, too. */
#define PTW_RECLAIM_KEEP_LOW 1u

/**
 * Put out pages of all groups, or of one and all below it, as ptw_group_evict() does for each. It
 * ends as soon as it has what was wanted; whose turn it was then goes on being asked by the next call.
 * @param engine the engine
 * @param root the group; null: all there are
 * @param want how many, those included that will be pending
 * @param flags 0 or PTW_RECLAIM_KEEP_LOW
 * @param evicted set to how many are gone, also on errors but PTW_ERR_ARG
 * @return PTW_OK (also if fewer could be found), PTW_ERR_ARG, PTW_ERR_THRASHING (engine_enable.h),
 *         or what a callback returned; the next call begins with another group then
 *
 * Context: may block if callbacks may; any number of threads at once. Groups may be made and given up meanwhile, but
 * for `root`; from within callbacks, too. Ordering: none. Progress: each group is asked some 26
 * times, each time as ptw_group_evict(), and again as long as pages are found; if any group is
 * protected each time costs a look at all groups below the same top-level group, for which those
 * who make, destroy or sum groups wait. Errors: as returned; what is gone is gone.
 */
PTW_API int ptw_engine_reclaim(struct ptw_engine *engine, struct ptw_group *root, uint64_t want,
			       uint32_t flags, uint64_t *evicted);

PTW_END_DECLS

#endif /* PTW_ENGINE_RECLAIM_H */
