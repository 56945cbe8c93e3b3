/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file engine.h
 * The generation engine: which pages have not been used for longest, told from accessed bits and faults
 * alone, by any number of threads at once.
 *
 * An engine has pages 0 to N - 1, numbered by address, so that 64 neighbours (a region) are a word of a harvest.
 * Runs of regions belong to groups (a virtual machine, a memcg, a tenant), which are aged and reclaimed each by
 * itself. A page is resident or absent. A resident one has a tick, which is when it was last seen
 * used, on its group's own clock; generations are intervals of ticks. See docs/engine.md.
 *
 * Harvests take no lock: ptw_engine_young() ORs a word into its region with one atomic. Whoever reads or changes
 * what is known of a region's pages owns it meanwhile, for some tens of instructions, and takes in what came. All
 * calls may run at once but where they say otherwise. None of them calls a callback while it owns a region.
 */
#ifndef PTW_ENGINE_H
#define PTW_ENGINE_H

#include <ptw/policy.h>
#include <ptw/types.h>

PTW_BEGIN_DECLS

/** Generations of a group, at most. */
#define PTW_GENERATIONS 4u
/** Pages of a region. */
#define PTW_REGION_PAGES 64u
/** Most groups of an engine. */
#define PTW_GROUPS_MAX 65535u
/** Most pages of an engine. */
#define PTW_ENGINE_PAGES_MAX ((uint64_t)1 << 40)
/** Pages that one call of an evict callback is given, at most. */
#define PTW_EVICT_BATCH 64u

struct ptw_engine;
struct ptw_group;

/** What an engine is made for. */
struct ptw_engine_config {
	size_t size;	 /**< sizeof(struct ptw_engine_config) */
	uint64_t pages;	 /**< page numbers are below this; at least 1, at most PTW_ENGINE_PAGES_MAX */
	uint32_t groups; /**< how many may be there at a time; 0: 64 */
	uint32_t flags;	 /**< 0 */
	/** Milliseconds of a clock that does not go back (if it does, time stands still), for the birth of
	 *  generations; null: it is always 0. Called without any region owned. */
	uint64_t (*clock)(void *context);
	void *context; /**< of `clock` and `thrashing` */
	const struct ptw_policy_ops *policy; /**< null: ptw_policy_generations */
	/** Nothing could be put out, of a group or, if that is null, of all, since all is younger than
	 *  ptw_engine_min_age() allows: what is in use does not fit. It may end what uses memory, give up groups, also
	 *  this one, or lower the age; the call that calls it returns PTW_ERR_THRASHING. Null: nobody is told. */
	void (*thrashing)(void *context, struct ptw_group *group);
};

/**
 * Takes one word of a harvest: ptw_engine_young() of a group's engine, and what a `harvest` callback is to call.
 * Has the type of ptw_harvest.word.
 */
typedef int (*ptw_word_fn)(void *sink, uint64_t page, uint64_t young, uint64_t dirty);

/** What came of an eviction, for each page. */
enum ptw_evicted {
	PTW_EVICTED,	   /**< it is gone */
	PTW_EVICT_FAILED,  /**< it stays, as the youngest but one */
	PTW_EVICT_YOUNG,   /**< it was young at the last moment: it stays, as the youngest */
	PTW_EVICT_PENDING, /**< ptw_page_settle() will tell */
};

/** How a group's pages are asked and put out. All are called without any region owned. */
struct ptw_group_ops {
	/**
	 * Test and clear accessed of the pages from `first` on, and give words with young ones to `word`. Regions
	 * that are not resident may be left out. 0, or an error that ends the ageing.
	 */
	int (*harvest)(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink);
	/**
	 * The last look: test and clear accessed of one page. If it was young, it may look around, at pages of
	 * the same region: *around then says which others it found young and cleared. 1 young, 0 old, or an error.
	 * Null: nobody is asked, or the evict callback looks (PTW_EVICT_YOUNG).
	 */
	int (*look)(void *context, uint64_t page, uint64_t *around);
	/**
	 * Put out `n` pages, 1 to PTW_EVICT_BATCH. result[i], PTW_EVICT_FAILED before, becomes an enum
	 * ptw_evicted. May take long. 0, or an error that ends ptw_group_evict(); what result says holds then, too.
	 */
	int (*evict)(void *context, const uint64_t *page, unsigned int n, uint8_t *result);
};

/** What a group is made for. */
struct ptw_group_config {
	size_t size; /**< sizeof(struct ptw_group_config) */
	struct ptw_group_ops
		ops;   /**< `evict` must be there for ptw_group_evict(), `harvest` for ageing */
	void *context; /**< first argument of each */
	/** The group that this one is below, of the same engine; null: a top-level one (engine_tree.h). */
	struct ptw_group *parent;
};

/** Sizes of a group, taken one after the other while others may change them. */
struct ptw_group_state {
	size_t size;	   /**< sizeof(struct ptw_group_state), set by the caller */
	uint64_t resident; /**< pages, those being evicted included */
	uint64_t isolated; /**< pages being evicted, also if they were removed meanwhile */
	uint64_t youngest; /**< sequence number of the youngest generation */
	uint64_t oldest;   /**< and of the oldest, at most 3 less */
	uint64_t pages
		[PTW_GENERATIONS]; /**< by sequence number modulo 4; isolated ones are in none */
	uint64_t birth[PTW_GENERATIONS]; /**< milliseconds, likewise */
	uint64_t ticks;			 /**< of the group's clock */
	uint64_t faults;		 /**< pages added */
	uint64_t refaults;		 /**< of these, evicted before */
	uint64_t evicted;		 /**< pages put out */
	uint64_t failed;		 /**< pages that could not be */
	uint64_t looks;			 /**< last looks at single pages */
	uint64_t looked;		 /**< of these, young */
	uint64_t around;		 /**< pages found young by looking around */
	uint64_t agings;		 /**< generations that were begun */
	uint64_t words;			 /**< words that were taken in */
	uint64_t aged;			 /**< pages made young by them */
};

/**
 * Make an engine: 2 bytes for each page (1, and the policy's, if that orders the pages) and 16 for each region, all
 * absent.
 * @return PTW_OK, PTW_ERR_ARG (also for a policy that has not all it needs), PTW_ERR_SIZE, PTW_ERR_NOMEM
 *
 * Context: may block. Ordering: none. Progress: linear in pages. Errors: as returned.
 */
PTW_API int ptw_engine_create(const struct ptw_engine_config *config, struct ptw_engine **out);

/**
 * Memory that an engine takes for its pages, without what its groups take (some KiB each).
 * @param pages how many
 * @return bytes
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
static inline uint64_t ptw_engine_bytes(uint64_t pages)
{
	const uint64_t regions = pages / PTW_REGION_PAGES + (pages % PTW_REGION_PAGES != 0);

	return regions * (2 * PTW_REGION_PAGES + 16);
}

/**
 * Destroy an engine with all of its groups.
 *
 * Context: no other call at the same time. Ordering: none. Progress: linear in groups. Errors: none.
 */
PTW_API void ptw_engine_destroy(struct ptw_engine *engine);

/**
 * A word of a harvest: pages are young. Those that are absent, or in no group, do not matter.
 * @param engine a struct ptw_engine
 * @param page of bit 0, a multiple of 64
 * @param young bit i: page + i
 * @param dirty ignored
 * @return 0, so that a harvest goes on
 *
 * Context: any; also in a read-side section. Ordering: none. Progress: wait-free where an atomic OR is.
 * Errors: none; words beyond the last page do nothing.
 */
PTW_API int ptw_engine_young(void *engine, uint64_t page, uint64_t young, uint64_t dirty);

/**
 * Make a group, which has no pages yet.
 * @return PTW_OK, PTW_ERR_ARG (the parent is another engine's, too), PTW_ERR_SIZE, PTW_ERR_NOMEM, PTW_ERR_LIMIT (too
 *         many groups, or more than PTW_GROUP_DEPTH one below the other), PTW_ERR_ABSENT (the parent is being given up)
 *
 * Context: may block. Ordering: none. Progress: linear in groups. Errors: as returned.
 */
PTW_API int ptw_group_create(struct ptw_engine *engine, const struct ptw_group_config *config,
			     struct ptw_group **out);

/**
 * Give up a group. Its regions are nobody's afterwards, their pages absent.
 * @return PTW_OK; PTW_ERR_ARG; PTW_ERR_BUSY: it has groups below it; PTW_ERR_AGAIN: it is aged, pages of it are being
 *         evicted, or a command, a reclaim or a sum over the tree has it: try again, from then on they begin no more
 *         with it
 *
 * Context: no other call that names this group may be under way or begin meanwhile; those that find it by themselves
 * (ptw_engine_reclaim(), ptw_engine_text(), ptw_engine_command(), ptw_group_subtree_state()) may. Ordering: none.
 * Progress: linear in its regions. Errors: as returned, all else unchanged.
 */
PTW_API int ptw_group_destroy(struct ptw_group *group);

/**
 * Regions become the group's: pages first to first + pages - 1, all absent.
 * @param first a multiple of 64
 * @param pages at least 1; the last region may be cut by the engine's last page
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_RANGE, PTW_ERR_ALIGN, PTW_ERR_OVERLAP (some are a group's), PTW_ERR_NOMEM,
 *         PTW_ERR_AGAIN (a command or a reclaim ages the group, and its policy must not be told then), or what the
 *         policy said
 *
 * Context: may block; no other call that names this group. Those that find it by themselves may run, as for
 * ptw_group_destroy(). Ordering: none. Progress: linear in regions.
 * Errors: as returned, nothing changed.
 */
PTW_API int ptw_group_attach(struct ptw_group *group, uint64_t first, uint64_t pages);

/**
 * A page came into memory: into the youngest generation.
 * @return PTW_OK, PTW_ERR_RANGE, PTW_ERR_ABSENT (in no group), PTW_ERR_EXISTS
 *
 * Context: any but a callback that a harvest runs in a read-side section. Ordering: none. Progress: waits for who owns
 * the region. Errors: as returned, nothing changed.
 */
PTW_API int ptw_page_add(struct ptw_engine *engine, uint64_t page);

/**
 * A page left memory for reasons of its own, perhaps while it is being evicted: that eviction then comes to nothing,
 * unless the page is added again before it ends.
 * @return PTW_OK, PTW_ERR_RANGE, PTW_ERR_ABSENT
 *
 * Context: as ptw_page_add(). Ordering: none. Progress: likewise. Errors: as returned, nothing changed.
 */
PTW_API int ptw_page_remove(struct ptw_engine *engine, uint64_t page);

/**
 * A page's age in ticks, as ptw_group_ages() counts it.
 * @return 0 to 254; 255: older; PTW_ERR_ARG, PTW_ERR_RANGE, PTW_ERR_ABSENT, PTW_ERR_UNSUPPORTED (a policy orders the
 *         pages)
 *
 * Context: as ptw_page_add(). Ordering: none. Progress: likewise. Errors: as returned, nothing changed.
 */
PTW_API int ptw_page_age(struct ptw_engine *engine, uint64_t page);

/**
 * An eviction that was pending is over.
 * @param result PTW_EVICTED, PTW_EVICT_FAILED or PTW_EVICT_YOUNG
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_RANGE, PTW_ERR_ABSENT (it is not being evicted, or was removed meanwhile)
 *
 * Context: as ptw_page_add(). Ordering: none. Progress: likewise. Errors: as returned, nothing changed.
 */
PTW_API int ptw_page_settle(struct ptw_engine *engine, uint64_t page, uint32_t result);

/**
 * Age a group: a new youngest generation begins, all pages are harvested, the young ones join it.
 * With four generations the oldest joins the next one before.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_UNSUPPORTED (no harvest, or switched off: engine_enable.h), PTW_ERR_AGAIN (it
 *         is being aged), or what the harvest returned: then what it had found is taken in, the rest is young still
 *
 * Context: may block if the harvest may. Ordering: none. Progress: linear in the group's regions.
 * Errors: as returned.
 */
PTW_API int ptw_group_age(struct ptw_group *group);

/**
 * Would ageing help evicting? The rule is in docs/engine.md.
 * @return 1 or 0
 *
 * Context: any. Ordering: none. Progress: wait-free, lock-free with an interval (engine_enable.h),
 * whose clock it calls; with a policy that says when, waits for who is in its state. Errors: none.
 */
PTW_API int ptw_group_wants_ageing(struct ptw_group *group);

/**
 * Put out the pages unused for longest, each after a last look; age first where that is wanted, once a call.
 * @param group the group
 * @param want how many, those included that will be pending
 * @param evicted set to how many are gone, also on errors; pending ones do not count
 * @return PTW_OK (also if fewer could be found), PTW_ERR_ARG, PTW_ERR_UNSUPPORTED (no evict), PTW_ERR_THRASHING
 *         (engine_enable.h), or what a callback returned
 *
 * Context: may block if callbacks may; several threads may evict at once. Ordering: none. Progress: bounded by the
 * group's pages: each is looked at twice at most. To find up to 64 of them takes a search of the group's regions, and
 * another one for each age and type whose pages all turn out to have been used: 1036 at most. Errors: as returned; what
 * is gone is gone.
 */
PTW_API int ptw_group_evict(struct ptw_group *group, uint64_t want, uint64_t *evicted);

/**
 * The same for pages of at least an age only, as ptw_group_ages() counts them; the group is not aged before.
 * @param age in ticks; 255 and more: only those too old to be told apart
 * @return as ptw_group_evict(); PTW_ERR_UNSUPPORTED also if a policy orders the pages
 *
 * Context: as ptw_group_evict(). Ordering: none. Progress: likewise. Errors: as returned; what is gone is gone.
 */
PTW_API int ptw_group_evict_older(struct ptw_group *group, uint32_t age, uint64_t want,
				  uint64_t *evicted);

/**
 * Sizes of a group.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any. Ordering: none; exact when nothing else runs. Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_group_state(const struct ptw_group *group, struct ptw_group_state *state);

/**
 * Count a group's pages by age in ticks (or what its policy calls a step): 0 to 254, and 255 for "older". Pages
 * being evicted are not counted.
 * @param histogram 256 counters
 * @return PTW_OK or PTW_ERR_ARG
 *
 * Context: any. Ordering: none; exact when nothing else runs. Progress: wait-free; with a policy that orders pages,
 * waits for who is in its state, and linear in pages. Errors: as returned.
 */
PTW_API int ptw_group_ages(struct ptw_group *group, uint64_t histogram[256]);

/**
 * Check that sizes add up and that each page is in exactly one generation.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_NOMEM, PTW_ERR_CORRUPT_COUNT
 *
 * Context: may block; no other call on the engine. Ordering: none. Progress: linear in pages. Errors: as returned.
 */
PTW_API int ptw_engine_check(struct ptw_engine *engine);

PTW_END_DECLS

#endif /* PTW_ENGINE_H */
