/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file stall.h
 * What ageing costs, and whom: its own time, and the time that writers and processors lost to it. A
 * space adds up what it sees itself (if its configuration has a clock) and what its owner reports.
 */
#ifndef PTW_STALL_H
#define PTW_STALL_H

#include <ptw/space.h>

PTW_BEGIN_DECLS

/** Who lost time. */
enum ptw_stall_kind {
	PTW_STALL_AGER = 0,   /**< ageing's own time, all of it: measured by the space */
	PTW_STALL_AGER_WAIT,  /**< of that: waiting for locks, as MMUs tell (ptw_mmu_ask.waited) */
	PTW_STALL_WRITER,     /**< writers, waiting for ageing: reported */
	PTW_STALL_CPU,        /**< processors (guests) stopped by it, as for a flush: reported */
	PTW_STALL_FAULT,      /**< faults that only ageing made: software accessed flag, access tracking: reported */
	PTW_STALL_KINDS
};

/** Sums of one kind. */
struct ptw_stall {
	uint64_t events; /**< how often */
	uint64_t total;  /**< nanoseconds */
	uint64_t most;   /**< nanoseconds of the longest */
};

/** All kinds. */
struct ptw_stalls {
	size_t size; /**< sizeof(struct ptw_stalls), so that it can grow */
	struct ptw_stall kind[PTW_STALL_KINDS]; /**< by enum ptw_stall_kind */
};

/**
 * The space's clock.
 * @param space the space
 * @return nanoseconds, or 0 without a clock
 *
 * Context, Ordering, Progress: those of the clock. Errors: none.
 */
PTW_API uint64_t ptw_space_clock(struct ptw_space *space);

/**
 * Report that somebody lost time.
 * @param space the space
 * @param kind enum ptw_stall_kind; unknown ones are ignored
 * @param nanoseconds how much
 *
 * Context: any. Ordering: relaxed counters. Progress: lock-free. Errors: none.
 */
PTW_API void ptw_space_stall_add(struct ptw_space *space, uint32_t kind, uint64_t nanoseconds);

/**
 * The sums so far.
 * @param space the space
 * @param stalls its `size` must be set; the rest is written
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any. Ordering: relaxed counters, not of one moment. Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_space_stalls(struct ptw_space *space, struct ptw_stalls *stalls);

PTW_END_DECLS

#endif /* PTW_STALL_H */
