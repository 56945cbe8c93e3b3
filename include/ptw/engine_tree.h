/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file engine_tree.h
 * Groups below groups: sums over a subtree, and what reclaim leaves to each.
 *
 * A group is below the one that ptw_group_config.parent names, or a top-level one. It may have pages of its own and
 * groups below it at the same time. Pages, generations and clocks are each group's own; what is asked of a subtree is
 * summed when it is read, so that faults and evictions cost the same at any depth. Groups are made and given up at run
 * time, from below: one that has others below it stays.
 */
#ifndef PTW_ENGINE_TREE_H
#define PTW_ENGINE_TREE_H

#include <ptw/engine.h>

PTW_BEGIN_DECLS

/** Groups one below the other, at most. */
#define PTW_GROUP_DEPTH 32u

/**
 * The group that a group is below.
 * @return null: it is a top-level one, or `group` is null
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API struct ptw_group *ptw_group_parent(const struct ptw_group *group);

/**
 * Sizes of a group and all below it, summed. Generations are added by how far they are from each group's youngest:
 * `youngest` is the greatest there is, `birth` the earliest of those that were added; `ticks` are
 * the group's own. Groups that are being given up (ptw_group_destroy() returned PTW_ERR_AGAIN) are left out.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any but where another thread that makes or destroys a group was interrupted; groups below may be made and
 * given up meanwhile. Ordering: none; exact when nothing else runs. Progress: linear in the subtree; waits for who
 * makes or destroys a group. Errors: as returned.
 */
PTW_API int ptw_group_subtree_state(struct ptw_group *group, struct ptw_group_state *state);

/** What a group is promised, and what of it holds. */
struct ptw_protection {
	size_t size;		/**< sizeof(struct ptw_protection), set by the caller */
	uint64_t min;		/**< as it was set */
	uint64_t low;		/**< likewise */
	uint64_t effective_min; /**< what of it holds; at most `usage` */
	uint64_t effective_low; /**< likewise */
	uint64_t usage; /**< pages of the group and all below it, without those being evicted */
	uint64_t
		below_low; /**< the group's own pages that ptw_engine_reclaim() took while it was below low */
};

/**
 * Promise a group, with all below it, that ptw_engine_reclaim() leaves it so many pages: `min` in
 * any case, `low` unless nothing else is found. What both exceed the parent's share counts as
 * docs/engine.md says. ptw_group_evict(), which names the group itself, does not ask.
 * @param min pages; 0: none
 * @param low pages; 0: none
 * @return PTW_OK or PTW_ERR_ARG
 *
 * Context: any but where another thread that makes or destroys a group was interrupted; at any time. Ordering: none.
 * Progress: waits for who makes or destroys a group. Errors: as returned, nothing changed.
 */
PTW_API int ptw_group_protect(struct ptw_group *group, uint64_t min, uint64_t low);

/**
 * What of a group's protection holds when `root` is reclaimed: those right below it have what they ask for, those
 * further down a part of that, root itself nothing.
 * @param group the group
 * @param root the group, or one above it; null: everything is reclaimed
 * @param protection filled
 * @return PTW_OK, PTW_ERR_ARG (also if the group is not below root), PTW_ERR_SIZE
 *
 * Context: as ptw_group_protect(). Ordering: none; exact when nothing else runs. Progress: linear in the subtree right
 * below root that the group is in; those who make, destroy, sum or
 * reclaim groups wait meanwhile. Errors: as returned, nothing changed.
 */
PTW_API int ptw_group_protection(struct ptw_group *group, const struct ptw_group *root,
				 struct ptw_protection *protection);

PTW_END_DECLS

#endif /* PTW_ENGINE_TREE_H */
