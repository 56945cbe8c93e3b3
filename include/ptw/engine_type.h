/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file engine_type.h
 * Types of pages, tiers of use, and what comes back: which pages of a group go first where age alone does not say it.
 *
 * A type is a class of pages that costs alike to bring back: anonymous pages, pages of files, a caller's own. Pages
 * that are used by calls and not through page tables (as read() uses a page cache) are counted in tiers. Of each type
 * and tier the group counts what went and what came back soon; from these it learns which type to take from, and which
 * tiers to protect. See docs/engine.md, "Types" and "Tiers".
 *
 * The counting begins when a group first has pages of another type than PTW_TYPE_ANON, a use, or a token; before that
 * nothing of this costs anything. A policy that orders pages (policy.h) does not ask for types: then their sizes are
 * told, and calls that would change the order return PTW_ERR_UNSUPPORTED.
 */
#ifndef PTW_ENGINE_TYPE_H
#define PTW_ENGINE_TYPE_H

#include <ptw/engine.h>

PTW_BEGIN_DECLS

/** Types of pages; those from 2 on are a caller's own. */
enum ptw_page_type {
	PTW_TYPE_ANON,
	PTW_TYPE_FILE,
};

/** How many types there are. */
#define PTW_TYPES 4u
/** Tiers of a type: 0 pages that no call has used, 1 one use, 2 two or three, 3 more. */
#define PTW_TIERS 4u
/** The greatest weight of a type. */
#define PTW_BALANCE_MAX 200u
/** The weight that each type begins with. */
#define PTW_BALANCE_DEFAULT 100u

/** What a group knows of its pages of one type; taken one after the other while others may change them. */
struct ptw_type_state {
	size_t size;	   /**< sizeof(struct ptw_type_state), set by the caller */
	uint64_t youngest; /**< sequence number of the youngest generation, the group's */
	uint64_t oldest;   /**< and of the oldest one that has pages of this type, at most the youngest but one */
	uint64_t pages
		[PTW_GENERATIONS]; /**< by sequence number modulo 4; pages being evicted are in none */
	uint64_t evicted[PTW_TIERS];	/**< pages put out, by tier */
	uint64_t refaulted[PTW_TIERS];	/**< of these, came back soon, and were restored */
	uint64_t protected_[PTW_TIERS]; /**< pages that were to go and went to the next generation instead */
	uint64_t cost;	 /**< of bringing back what goes of this type, by which types are compared */
	uint32_t weight; /**< ptw_group_set_balance() */
	uint32_t tier;	 /**< the highest tier that goes; those above are protected */
};

/**
 * ptw_group_attach() of pages of a type. That one is of PTW_TYPE_ANON.
 * @param type below PTW_TYPES; all pages of the run are of it
 * @return as ptw_group_attach(); PTW_ERR_ARG also for a type that there is not
 *
 * Context: as ptw_group_attach(). Ordering: none. Progress: likewise. Errors: as returned, no page attached.
 */
PTW_API int ptw_group_attach_as(struct ptw_group *group, uint64_t first, uint64_t pages,
				uint32_t type);

/**
 * How readily pages of a type go, against those of the others: of two that cost alike, pages that
 * have been idle half as long go as soon if their type has twice the weight, and one that comes
 * back twice as often is as good to take.
 * @param weight 0 to PTW_BALANCE_MAX; 0: not while pages of types with a weight are there
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_UNSUPPORTED (a policy orders the pages)
 *
 * Context: any, at any time; calls that are under way may go by what was before. Ordering: none. Progress: lock-free.
 * Errors: as returned, nothing changed.
 */
PTW_API int ptw_group_set_balance(struct ptw_group *group, uint32_t type, uint32_t weight);

/**
 * What a group knows of a type. A type without pages has sizes and counters of 0.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any. Ordering: none; exact when nothing else runs. Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_group_type_state(const struct ptw_group *group, uint32_t type,
				 struct ptw_type_state *state);

/**
 * A resident page was used by a call, not through a page table: one use more, up to 7. It does not make the page
 * younger, but may protect it when it is the oldest. Being protected takes all of its uses.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_RANGE, PTW_ERR_ABSENT, PTW_ERR_UNSUPPORTED (a policy orders the pages;
 *         ptw_engine_young() tells it of uses)
 *
 * Context: as ptw_page_add(). Ordering: none. Progress: likewise. Errors: as returned, nothing changed.
 */
PTW_API int ptw_page_used(struct ptw_engine *engine, uint64_t page);

/**
 * What ptw_page_add_token() needs of a page that goes, to be kept in its place where its number will be another page's.
 * A page that comes back under its own number needs none: ptw_page_add() knows the same of it.
 * @param page is being evicted (as in an evict callback), or was evicted and has not come back
 * @param token set to the token, which is never 0
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_RANGE, PTW_ERR_ABSENT, PTW_ERR_EXISTS (it is resident), PTW_ERR_UNSUPPORTED (a
 *         policy orders the pages)
 *
 * Context: as ptw_page_add(). Ordering: none. Progress: likewise. Errors: as returned, nothing changed.
 */
PTW_API int ptw_page_token(struct ptw_engine *engine, uint64_t page, uint64_t *token);

/**
 * ptw_page_add() of a page whose token was kept. What its number was before does not matter. If the token is of this
 * group, it counts as a refault of the type and the tier that the token says; and if the generation that it went from
 * would be one of the group's yet, the page belongs to the working set: its uses are restored, and this one is added.
 * Others' tokens, those of groups that are gone, and numbers that are none are ignored. (The check
 * has 8 bits, a group's part 19: what was made up, or by another engine, may be taken for a token,
 * and then counts as one refault.)
 * @return as ptw_page_add()
 *
 * Context: as ptw_page_add(). Ordering: none. Progress: likewise. Errors: as returned, nothing changed.
 */
PTW_API int ptw_page_add_token(struct ptw_engine *engine, uint64_t page, uint64_t token);

PTW_END_DECLS

#endif /* PTW_ENGINE_TYPE_H */
