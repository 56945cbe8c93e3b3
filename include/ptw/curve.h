/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file curve.h
 * The what-if curve: how many misses there would have been with another size of memory under exact LRU, learned
 * from accessed bits and faults of a sample of the pages. See "What-if curve" in docs/engine.md.
 *
 * A curve watches a range of page numbers, of which it samples some. It learns in steps: a step ends by a look at
 * the sampled pages (ptw_curve_step()). Any thread may say meanwhile what it found young, and which pages came in.
 * The system that runs may have any size of memory and any policy.
 */
#ifndef PTW_CURVE_H
#define PTW_CURVE_H

#include <ptw/engine.h>

PTW_BEGIN_DECLS

/** Let the curve choose how many pages it samples: at most 16 384 and 64, about. */
#define PTW_CURVE_RATE_AUTO 0xffffffffu
/** Greatest rate. */
#define PTW_CURVE_RATE_MAX 24u
/** Longest runs. */
#define PTW_CURVE_RUN_MAX  6u

struct ptw_curve;

/** What a curve is made for. */
struct ptw_curve_config {
	size_t size;	  /**< sizeof(struct ptw_curve_config) */
	uint64_t first;	  /**< first page, a multiple of 64 */
	uint64_t pages;	  /**< at least 1; first + pages is at most 2^40 */
	uint32_t rate;	  /**< one of 2^rate pages is sampled; or PTW_CURVE_RATE_AUTO */
	uint32_t run;	  /**< sampled pages come in aligned runs of 2^run, 0 to 6; 3 is a line of entries */
	uint64_t least;	  /**< smallest memory that will be asked for; 0: a tenth of the pages seen so far */
	uint32_t finer;	  /**< a step ends when about a 2^finer-th of the least memory is new; 0: a quarter; at most 8 */
	uint32_t window;  /**< what is recent is halved after so many steps; 0: 1024 */
	uint32_t flags;	  /**< 0 */
	uint32_t seed;	  /**< of the choice of pages; any number */
};

/** How the sampled pages are asked. */
struct ptw_curve_ask {
	size_t size; /**< sizeof(struct ptw_curve_ask) */
	/** As ptw_group_ops.harvest: test and clear accessed of these pages, give words with young ones to `word`. */
	int (*harvest)(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink);
	void *context; /**< of `harvest` */
	/** Who else must learn what was young, ptw_engine_young() as a rule; or null. */
	ptw_word_fn also;
	void *sink; /**< of `also` */
};

/** What a curve has seen. */
struct ptw_curve_state {
	size_t size;	   /**< sizeof(struct ptw_curve_state), set by the caller */
	uint64_t bytes;	   /**< memory that it takes */
	uint64_t scale;	   /**< pages that a sampled one stands for */
	uint64_t sampled;  /**< pages that would be looked at if all had been used */
	uint64_t known;	   /**< of these, used so far and not removed */
	uint64_t steps;	   /**< steps that have ended */
	uint64_t reuses;   /**< uses of sampled pages that were used in an earlier step */
	uint64_t firsts;   /**< first uses of sampled pages */
	uint64_t faults;   /**< pages that came in, sampled or not */
	uint64_t interval; /**< longest step, in the caller's time */
};

/**
 * Make a curve, which has seen nothing.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_ALIGN (first), PTW_ERR_RANGE (pages), PTW_ERR_NOMEM,
 *         PTW_ERR_LIMIT (more than 2^27 sampled pages)
 *
 * Context: may block. Ordering: none. Progress: linear in sampled pages. Errors: as returned.
 */
PTW_API int ptw_curve_create(const struct ptw_curve_config *config, struct ptw_curve **out);

/**
 * Destroy a curve; null is none.
 *
 * Context: no other call at the same time. Ordering: none. Progress: constant. Errors: none.
 */
PTW_API void ptw_curve_destroy(struct ptw_curve *curve);

/**
 * A word of a harvest: pages are young. Those outside the range, or not sampled, do not matter.
 * @param curve a struct ptw_curve
 * @param page of bit 0, a multiple of 64
 * @param young bit i: page + i
 * @param dirty ignored
 * @return 0, so that a harvest goes on
 *
 * Context: any; also in a read-side section. Ordering: none. Progress: wait-free where an atomic OR is. Errors: none.
 */
PTW_API int ptw_curve_young(void *curve, uint64_t page, uint64_t young, uint64_t dirty);

/**
 * A page came into memory, because it was used.
 *
 * Context: any. Ordering: none. Progress: as ptw_curve_young(). Errors: none; pages outside the range do nothing.
 */
PTW_API void ptw_curve_fault(struct ptw_curve *curve, uint64_t page);

/**
 * A page was put out: it need not be looked at until ptw_curve_fault() says that it came in again. Whoever does not
 * tell has the same curve, for more entries read.
 *
 * Context: any; not at the same time as ptw_curve_fault() of this page. Ordering: none. Progress: as
 * ptw_curve_young(). Errors: none; pages outside the range do nothing.
 */
PTW_API void ptw_curve_evicted(struct ptw_curve *curve, uint64_t page);

/**
 * A page is no more, as after free(); when it comes again, that is a first use. Not for pages that are put out.
 *
 * Context: any. Ordering: none. Progress: as ptw_curve_young(). Errors: none; pages outside the range do nothing.
 */
PTW_API void ptw_curve_remove(struct ptw_curve *curve, uint64_t page);

/**
 * Should this step end? When enough pages came in, or when it has lasted as long as experience says.
 * @param now time in any unit that suits the caller, as milliseconds; does not go back
 * @return 1 or 0
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API int ptw_curve_wants_step(const struct ptw_curve *curve, uint64_t now);

/**
 * End a step: harvest the sampled pages that have been used at some time and not yet in this step, and learn.
 * @param ask null: nobody is asked, all was said by ptw_curve_young() already
 * @param now as for ptw_curve_wants_step()
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_AGAIN (another thread ends a step or reads), or what the harvest
 *         returned: then the step goes on, nothing that was found is lost
 *
 * Context: may block if the harvest may. Ordering: none. Progress: linear in sampled pages. Errors: as returned.
 */
PTW_API int ptw_curve_step(struct ptw_curve *curve, const struct ptw_curve_ask *ask, uint64_t now);

/**
 * Read the curve: misses that exact LRU would have had so far, first uses included.
 * @param memory sizes in pages, `n` of them; 0 pages miss at each use that was seen
 * @param all set to the misses since the curve was made; or null
 * @param recent set to the misses lately, old ones counting less; or null
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_AGAIN (another thread ends a step or reads)
 *
 * Sizes below the least one are told too few misses, since uses in one step count once.
 *
 * Context: any. Ordering: none. Progress: linear in sizes. Errors: as returned, nothing set.
 */
PTW_API int ptw_curve_misses(struct ptw_curve *curve, const uint64_t *memory, unsigned int n,
			     uint64_t *all, uint64_t *recent);

/**
 * What a curve has seen.
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_AGAIN (another thread ends a step or reads)
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: as returned, nothing set.
 */
PTW_API int ptw_curve_state(struct ptw_curve *curve, struct ptw_curve_state *state);

PTW_END_DECLS

#endif /* PTW_CURVE_H */
