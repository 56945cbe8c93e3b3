/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file policy.h
 * Policies: in which order an engine's pages go, and when it looks which were used.
 *
 * The engine is the mechanism: it knows which pages are resident, takes in what harvests find, isolates, asks and puts
 * out. A policy orders them, by operations that it is told by. One is chosen when the engine is made, and each group
 * has a state of its own of it. Without one, pages go by generations (docs/engine.md), which cost 2 bytes a page.
 *
 * Operations on a state are called one at a time, but where they say otherwise, some of them while a region is owned:
 * they are short, call nothing of the engine, and neither block nor call back. docs/engine.md, "Policies".
 */
#ifndef PTW_POLICY_H
#define PTW_POLICY_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/** What a policy's state is made for. */
struct ptw_policy_config {
	size_t size;	/**< sizeof(struct ptw_policy_config) */
	uint64_t pages; /**< of the engine: page numbers are below it */
	/** page_bytes times `pages` bytes, zero where no group of the engine has been; all groups share them, and a
	 *  state may touch those of its own pages only. How they are laid out is the policy's
	 *  affair. 8-byte aligned. */
	void *page_data;
};

/** A page that was isolated is not any more. */
enum ptw_policy_end {
	PTW_POLICY_EVICTED, /**< it is gone, and may come back */
	PTW_POLICY_REMOVED, /**< it left for reasons of its own; nothing need be remembered */
	PTW_POLICY_FAILED,  /**< it could not be put out, and stays */
	PTW_POLICY_YOUNG,   /**< it was used at the last moment, and stays */
};

/** What the bytes of a policy's state are about. */
struct ptw_policy_image {
	size_t size;  /**< sizeof(struct ptw_policy_image) */
	uint64_t now; /**< of the engine's clock, 0 without one */
	/** Is a page of the group resident in what is saved or restored? One that is being evicted is, since nobody can
	 *  settle it later. Pages below the engine's. */
	bool (*resident)(const void *context, uint64_t page);
	const void *context; /**< of `resident` */
};

/** Operations of a policy. Those marked "may be null" need not be there. */
struct ptw_policy_ops {
	size_t size;	     /**< sizeof(struct ptw_policy_ops) */
	const char *name;    /**< as a user gives it */
	uint32_t page_bytes; /**< memory for each page */
	uint32_t flags;	     /**< 0 */

	/** A state for a new group. PTW_OK or an error. May block. May be null. */
	int (*init)(const struct ptw_policy_config *config, void **state);
	/** The group is given up. May be null. */
	void (*exit)(void *state);
	/** Pages became the group's; all absent, and none of them comes before this has returned.
	 *  What is in their page_data another group may have left there. PTW_OK or PTW_ERR_NOMEM.
	 *  May block. Next to it operations on pages that the group had before may run, but neither
	 *  `next` nor `aged`. May be null. */
	int (*attached)(void *state, uint64_t first, uint64_t pages);

	/** A page came into memory. Region owned. */
	void (*added)(void *state, uint64_t page);
	/** Bit i: page + i, resident and not isolated, was found young. Region owned. */
	void (*accessed)(void *state, uint64_t page, uint64_t young);
	/** A page that was not isolated left memory for reasons of its own. Region owned. */
	void (*removed)(void *state, uint64_t page);
	/**
	 * At most `want` pages that should go next, best first; they are the caller's until `ended`. No region is
	 * owned: one that is removed before it is isolated is told by `removed`, and never `ended`; if it has been
	 * added again by then, it is in the policy's order again, and may be isolated and `ended` nevertheless.
	 * @return how many
	 * Null: the engine's own order, and neither accessed, removed nor ended is called. Otherwise all but `ages`,
	 * `next`, `aged`, `attached`, `init`, `exit`, `save` and `restore` must be there.
	 */
	unsigned int (*pick)(void *state, uint64_t *page, unsigned int want);
	/** What became of a page that was isolated: enum ptw_policy_end. Region owned. */
	void (*ended)(void *state, uint64_t page, uint32_t end);
	/** Resident pages by age, 0 to 255, in the policy's own steps. May be null: all are of age 0. */
	void (*ages)(void *state, uint64_t histogram[256]);

	/**
	 * Would ageing help now? Null: the rule of generations.
	 * @param now of the engine's clock, 0 without one
	 * @param resident pages of the group
	 * @return 1 or 0
	 */
	int (*due)(void *state, uint64_t now, uint64_t resident);
	/**
	 * In ageing: the next pages to harvest, from `from` on, without a break. Whole lines of 8 pages, within
	 * what was attached.
	 * @param pages set to how many
	 * @return the first; or UINT64_MAX: there are no more
	 * May be null: all of them.
	 */
	uint64_t (*next)(void *state, uint64_t from, uint64_t *pages);
	/** Ageing is over, and everything that it found has been told by `accessed`. May be null. */
	void (*aged)(void *state, uint64_t now, uint64_t resident);

	/**
	 * What a state knows, as bytes that do not depend on the machine, the same for the same
	 * state (engine_save.h). The clock of who restores may be another one. Nothing else runs.
	 * @param to where they go; not more than `size` of them are written
	 * @return how many there are
	 * Null, or `restore` is: engines with this policy are not saved, unless it has neither state nor page_data.
	 */
	uint64_t (*save)(void *state, const struct ptw_policy_image *image, uint8_t *to, uint64_t size);
	/**
	 * The state becomes what was saved; it has the same pages. It is called twice for each
	 * group: for all groups of an engine without `commit`, when all that is read is checked,
	 * whatever the bytes are, and nothing is changed; then, if nobody found anything wrong,
	 * with it, when it may not fail. Nothing else runs. May block.
	 * @return PTW_OK, PTW_ERR_NOMEM, PTW_ERR_UNSUPPORTED (another version), PTW_ERR_CORRUPT_BOUNDS,
	 *         PTW_ERR_CORRUPT_RESERVED, PTW_ERR_CORRUPT_COUNT
	 */
	int (*restore)(void *state, const struct ptw_policy_image *image, const uint8_t *from,
		       uint64_t bytes, bool commit);
};

/** Generations, as without a policy. */
PTW_API extern const struct ptw_policy_ops ptw_policy_generations;
/** The engine's own order, aged whenever a 32nd of memory has come in, and at least every four times as long as that
 *  takes: idle ages are exact to a step. */
PTW_API extern const struct ptw_policy_ops ptw_policy_idle_age;
/** By learned chances of reuse, or by recency where that has been better. 7 bytes a page. */
PTW_API extern const struct ptw_policy_ops ptw_policy_learned;

PTW_END_DECLS

#endif /* PTW_POLICY_H */
