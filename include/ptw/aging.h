/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file aging.h
 * Groups of an engine age the memory of spaces: the harvest and the last look of a group (engine.h) made of
 * questions to spaces (ask.h), so that nobody has to write them.
 *
 * A **source** belongs to an engine. Runs of the engine's pages are attached to runs of pages of spaces, and
 * detached, at any time. What a harvest does follows from the engine's capabilities (engine_enable.h):
 *
 * | bit | on | off |
 * |---|---|---|
 * | PTW_ENABLE_CORE | | the engine asks nobody |
 * | PTW_ENABLE_LEAF_WALK | harvests ask the primary MMU | no harvests; last looks go on |
 * | PTW_ENABLE_NONLEAF | tables that nobody went through are left out | all are read, or what the filter names |
 * | PTW_ENABLE_SECONDARY_WALK | and secondary MMUs that are fast | they are asked in last looks only |
 *
 * A source is a consumer of each space (consumer.h): what others took since its last pass, it hears of.
 * docs/engine.md, "Ageing spaces".
 */
#ifndef PTW_AGING_H
#define PTW_AGING_H

#include <ptw/engine.h>
#include <ptw/space.h>
#include <ptw/types.h>

PTW_BEGIN_DECLS

/** Pages of a region of the filter: what is read or left out whole. */
#define PTW_AGING_REGION 512u

/** A source; opaque. */
struct ptw_aging;

/** Pages to put out, all of one run of a space. */
struct ptw_aging_victims {
	size_t size;		 /**< sizeof(struct ptw_aging_victims) */
	struct ptw_space *space; /**< whose pages they are; it stays until the call returns */
	void *owner;		 /**< of the run: ptw_aging_run.owner */
	const uint64_t *number;	 /**< what they are in the engine (for ptw_page_settle()) */
	const uint64_t *page;	 /**< and in the space */
	unsigned int n;		 /**< how many, 1 to PTW_EVICT_BATCH */
	uint8_t *result;	 /**< as of ptw_group_ops.evict */
};

/** What a source does. Values combine. */
enum ptw_aging_flag {
	/** Where an MMU's table entries cannot tell, or are not to be asked (PTW_ENABLE_NONLEAF),
	 *  read only regions in which pages were young the last time, or a last look found some.
	 *  Others wait for `full_every`. */
	PTW_AGING_FILTER = 1,
};

/** What a source is made for. */
struct ptw_aging_config {
	size_t size;		   /**< sizeof(struct ptw_aging_config) */
	struct ptw_engine *engine; /**< whose groups it serves */
	/**
	 * Put pages out, as ptw_group_ops.evict, which it becomes a part of. Null: groups are aged, and not reclaimed.
	 */
	int (*evict)(void *context, const struct ptw_aging_victims *victims);
	/**
	 * Called between two batches of a harvest (4096 pages at most), with nothing held: the place to yield. Anything
	 * but 0 ends the harvest with PTW_ERR_STOPPED, and the next one goes on there. Null: nothing is done.
	 */
	int (*between)(void *context);
	void *context;	     /**< of `evict` and `between` */
	uint32_t flags;	     /**< enum ptw_aging_flag */
	/** A region is read at the latest when it was left out so often, less one; 0: 64, 1: nothing is left out. */
	uint32_t full_every;
};

/** Pages of the engine that are pages of a space. */
struct ptw_aging_run {
	size_t size;		 /**< sizeof(struct ptw_aging_run) */
	uint64_t first;		 /**< in the engine, a multiple of 64 */
	uint64_t pages;		 /**< how many; they lie below PTW_ENGINE_PAGES_MAX, and those behind the engine's end do not matter */
	struct ptw_space *space; /**< stays until they are detached */
	uint64_t page;		 /**< first page in the space, a multiple of 64 */
	uint32_t group;	 /**< what the mappings are charged to that count in a last look (ptw_reference.group) */
	uint32_t foreign; /**< 1: those charged to others count, too */
	void *owner;	  /**< told with victims; any value */
};

/** What harvests and looks of a source did so far. */
struct ptw_aging_state {
	size_t size;	    /**< sizeof(struct ptw_aging_state), set by the caller */
	uint64_t runs;	    /**< attached now */
	uint64_t harvests;  /**< of runs, or parts of them */
	uint64_t read;	    /**< regions read, parts of them included */
	uint64_t left_out;  /**< regions left out: nobody went through their tables, or the filter knows nothing of them */
	uint64_t entries;   /**< entries read */
	uint64_t young;	    /**< pages given to the engine */
	uint64_t consumed;  /**< pages of these, or some more, that others had taken */
	uint64_t not_fast;  /**< pages left out of a harvest, as an MMU that maps them is not fast */
	uint64_t busy;	    /**< pages left out as an MMU was busy, or for both reasons: their regions are read again */
	uint64_t failed;    /**< questions that an MMU ended by an error */
	int64_t error;	    /**< the last such error; 0: there was none */
	uint64_t stopped;   /**< harvests that `between` ended */
	uint64_t looks;	    /**< last looks */
	uint64_t looked;    /**< of these, young */
	uint64_t around;    /**< pages found young around them */
	uint64_t kept;	    /**< last looks at pages that stay, pinned or with an MMU that was busy: "young" to the engine */
	uint64_t dropped;   /**< last looks at pages that are being invalidated: "old" */
	uint64_t homeless;  /**< pages of looks and evictions that belong to no run: they stay */
};

/**
 * Make a source.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_NOMEM
 *
 * Context: may block. Ordering: none. Progress: wait-free but for memory. Errors: as returned.
 */
PTW_API int ptw_aging_create(const struct ptw_aging_config *config, struct ptw_aging **out);

/**
 * Detach all runs, and free a source. Its groups must be gone, or be aged and evicted from no more.
 * @param aging the source, or null
 * @return PTW_OK; PTW_ERR_CONTEXT, PTW_ERR_NOMEM: some runs are still there, all else works as before
 *
 * Context: no other call on it. May block, not in a read-side section. Ordering: none. Progress: blocks for a grace
 * period. Errors: as returned.
 */
PTW_API int ptw_aging_destroy(struct ptw_aging *aging);

/**
 * Set callbacks and context of a group that is to be served: ptw_group_create() takes them. `evict` only where the
 * source has one.
 * @param aging the source
 * @param config of a group of the source's engine; its other fields stay
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: as returned, nothing changed.
 */
PTW_API int ptw_aging_serve(struct ptw_aging *aging, struct ptw_group_config *config);

/**
 * Attach a run. Harvests that are under way may leave it out. It should lie in the pages of one group: two that are
 * aged at once might each leave to the other what it has noted, until `full_every`.
 * @param aging the source
 * @param run copied
 * @return PTW_OK; PTW_ERR_OVERLAP: some pages are attached; PTW_ERR_NOMEM; PTW_ERR_LIMIT: the space has too many
 *         consumers
 *
 * Context: next to any call but destroy; any registered thread, not in a read-side section, an RCU
 * callback, an operation of an MMU or a callback of the source (which a detach may be waiting for).
 * May block. Ordering: what is accessed after the return is found by the next whole harvest.
 * Progress: blocks for a grace period, and for others who attach or detach. Errors: as returned,
 * PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_RANGE, PTW_ERR_ALIGN, PTW_ERR_CONTEXT; nothing changed.
 */
PTW_API int ptw_aging_attach(struct ptw_aging *aging, const struct ptw_aging_run *run);

/**
 * Detach a run. After the return no callback uses its space. Its pages stay with the engine, where nobody can tell
 * any more that they are used, nor put them out: ptw_page_remove() them.
 * @param aging the source
 * @param first as it was attached
 * @return PTW_OK, PTW_ERR_ABSENT; PTW_ERR_NOMEM: it is attached still
 *
 * Context: as ptw_aging_attach(). Ordering: what callbacks did with the space happens
 * before the return. Progress: blocks for calls that use the run (a harvest ends with its batch) and for a grace
 * period. Errors: as returned, PTW_ERR_ARG, PTW_ERR_CONTEXT; nothing changed.
 */
PTW_API int ptw_aging_detach(struct ptw_aging *aging, uint64_t first);

/**
 * What was done so far.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any registered thread; one read-side section. Ordering: relaxed counters. Progress: wait-free. Errors: as
 * returned.
 */
PTW_API int ptw_aging_state(const struct ptw_aging *aging, struct ptw_aging_state *state);

PTW_END_DECLS

#endif /* PTW_AGING_H */
