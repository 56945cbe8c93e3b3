/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file proactive.h
 * Proactive reclaim: pages that have been idle for long enough are put out before memory is short. How long is long
 * enough follows from a promise: of the working set no more than a target share is brought back in a window of time.
 *
 * A controller belongs to a group (engine.h). It is called so many times in a window, at even distances, and needs
 * nothing but what the group counts from accessed bits and faults: pages by age, and pages that
 * came back. From how often pages of each age were used again it plays out the next window, and so
 * tells what any threshold will cost. It takes the lowest that costs no more than it aims at; when
 * more came back than was promised, it aims lower. Besides, no more pages are out at a time than
 * may come back together, by what share of them came back at worst so far. See docs/engine.md, "Proactive reclaim".
 */
#ifndef PTW_PROACTIVE_H
#define PTW_PROACTIVE_H

#include <ptw/engine.h>

PTW_BEGIN_DECLS

/** Most steps of a window. */
#define PTW_PROACTIVE_STEPS 64u
/** Ages in steps are told apart below this; what is older, or older than 158 ticks, has this one. */
#define PTW_PROACTIVE_AGES 159u
/** A share of one in ptw_proactive_state.share. */
#define PTW_PROACTIVE_ONE 65536u

struct ptw_proactive;

/** What a controller is made for. */
struct ptw_proactive_config {
	size_t size; /**< sizeof(struct ptw_proactive_config) */
	uint32_t
		target; /**< millionths of the working set that may be brought back in a window, 1 to 1000000 */
	uint32_t steps; /**< of a window, 2 to PTW_PROACTIVE_STEPS; 0: 10 */
};

/** What a controller knows and does. */
struct ptw_proactive_state {
	size_t size;	      /**< sizeof(struct ptw_proactive_state), set by the caller */
	uint64_t steps;	      /**< taken */
	uint64_t working_set; /**< pages that were used in the window, also if they are out since */
	uint64_t promotions;  /**< pages that came back in the window */
	uint64_t out;	      /**< pages put out since the controller began, by whomever, and not back */
	uint64_t allowed;     /**< how many may be */
	uint32_t
		threshold; /**< age in steps, 1 to PTW_PROACTIVE_AGES; one more: nothing is old enough */
	uint32_t
		share; /**< of what is out, that may come back in a window, in 1 / PTW_PROACTIVE_ONE */
	uint32_t aim; /**< of what may come back, that it aims at, in 1 / PTW_PROACTIVE_ONE */
};

/**
 * Make a controller for a group, of about 10 KiB. The group must outlive it.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_NOMEM, PTW_ERR_UNSUPPORTED (no evict, or the engine's policy picks
 *         pages in an order of its own)
 *
 * Context: may block. Ordering: none. Progress: wait-free but for memory. Errors: as returned.
 */
PTW_API int ptw_proactive_create(struct ptw_group *group, const struct ptw_proactive_config *config,
				 struct ptw_proactive **out);

/**
 * Give it up. What is out stays out.
 *
 * Context: no other call on it. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API void ptw_proactive_destroy(struct ptw_proactive *proactive);

/**
 * One step: age the group, learn from it, set the threshold, put out what is at least as old. Nothing is put out
 * before the third step, nor in the first half of the first window. If the group was restored (engine_save.h) since the
 * last step, the controller begins anew before it does all that, as if it had just been made.
 * @param evicted set to how many are gone, also on errors
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_AGAIN (the group is being aged: nothing was learned), or as
 *         ptw_group_age() and ptw_group_evict_older(), in which case the step counts as taken
 *
 * Context: as those two; one thread at a time. Ordering: none. Progress: linear in the group's regions.
 * Errors: as returned.
 */
PTW_API int ptw_proactive_step(struct ptw_proactive *proactive, uint64_t *evicted);

/**
 * Another target, from the next step on.
 * @return PTW_OK, PTW_ERR_ARG
 *
 * Context: no other call on it. Ordering: none. Progress: wait-free. Errors: as returned, nothing changed.
 */
PTW_API int ptw_proactive_set_target(struct ptw_proactive *proactive, uint32_t target);

/**
 * What a threshold will cost: pages foreseen to be used in the next window after they had this age
 * or more, from what is resident or out now.
 * @param age in steps: not used in that many
 * @return pages; 0 for null
 *
 * Context: no other call on it. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API uint64_t ptw_proactive_cost(const struct ptw_proactive *proactive, uint32_t age);

/**
 * What it knows and does.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: no other call on it. Ordering: none. Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_proactive_state(const struct ptw_proactive *proactive,
				struct ptw_proactive_state *state);

PTW_END_DECLS

#endif /* PTW_PROACTIVE_H */
