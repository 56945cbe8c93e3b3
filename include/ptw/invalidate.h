/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file invalidate.h
 * The order of a primary change and the secondary mappings that follow it.
 *
 * Whoever changes what the primary maps tells the secondary MMUs, in this order:
 *
 *     ptw_space_invalidate_begin(space, start, end);
 *     ptw_space_unmap(space, start, end, ...);      // they drop the pages; state comes back
 *     ... change the primary ...
 *     ptw_space_invalidate_end(space, start, end);
 *
 * And whoever installs a secondary mapping in a fault:
 *
 *     ticket = ptw_space_fault_begin(space, page, pages);
 *     ... ask the primary what the page maps: may take long ...
 *     if (ptw_space_fault_enter(space, page, pages, ticket) == PTW_OK) {
 *             ... install; short ...
 *             ptw_space_fault_leave(space, page, pages);
 *     }                                               // else: begin again
 *
 * A fault that asked the primary before or during an invalidation is refused at enter, so that it cannot
 * install what the primary no longer maps; one that has entered is waited for by unmap. No lock is held
 * while the primary is asked. Pages are hashed to 64 gates by runs of 512: an invalidation refuses
 * faults elsewhere only where they share a gate.
 *
 * A gate is one word: a sequence, invalidations under way, and faults that have entered; each step is one
 * compare-exchange on it. The sequence grows at the begin and at the end of an invalidation: one that began
 * after the ticket was taken is told by it, and so is one that had begun before and changed the
 * primary after the fault asked.
 */
#ifndef PTW_INVALIDATE_H
#define PTW_INVALIDATE_H

#include <ptw/ask.h>
#include <ptw/space.h>

PTW_BEGIN_DECLS

/**
 * A primary change of these pages begins: no fault that is under way may install any more, none can
 * enter until the end.
 * @param space the space
 * @param start, end pages, half-open
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_RANGE; PTW_ERR_LIMIT: 65535 are under way in one gate
 *
 * Context: any. Invalidations may overlap. Ordering: acquire-release, partner ptw_space_fault_enter().
 * Progress: lock-free, at most 64 gates. Errors: as returned; nothing was begun then.
 */
PTW_API int ptw_space_invalidate_begin(struct ptw_space *space, uint64_t start, uint64_t end);

/**
 * It is over. With the arguments of the begin; PTW_ERR_ARG where none is under way.
 * @param space the space
 * @param start, end as in the begin
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_RANGE
 *
 * Context: any. Ordering: release, partner the acquire in ptw_space_fault_begin(): who begins a fault after
 * the end sees the primary's change. Progress: lock-free. Errors: as returned.
 */
PTW_API int ptw_space_invalidate_end(struct ptw_space *space, uint64_t start, uint64_t end);

/** Unmapping the secondary mappings of pages. */
struct ptw_space_unmap {
	size_t size;      /**< sizeof(struct ptw_space_unmap), so that it can grow */
	uint64_t *young;  /**< as in ptw_ask: state that was removed; null: not wanted */
	uint64_t *dirty;  /**< likewise */
	struct ptw_consumer *consumer; /**< all consumers but this one get it, too; null: all */
};

/**
 * Make every secondary MMU drop these pages; the primary is not asked. Accessed and dirty state that the
 * mappings had is in the answer: the one look that cannot come too late.
 * @param space the space
 * @param start, end pages, half-open; an invalidation of them must be under way
 * @param unmap may be null
 * @param result may be null; `skipped` has the MMUs that have no unmap
 * @return PTW_OK; PTW_ERR_AGAIN: a fault that had entered did not leave in time, or an MMU says so;
 *         done up to result->resume: call again, without an end in between; PTW_ERR_CONTEXT: no
 *         invalidation is under way; or the error of an MMU
 *
 * Context: outside read-side sections and RCU callbacks; may block where MMUs do. Ordering: acquire,
 * partner the release in ptw_space_fault_leave(). Progress: bounded wait for faults that have entered; else
 * that of the MMUs. Errors: as returned, PTW_ERR_SIZE, PTW_ERR_RANGE, PTW_ERR_CONTEXT.
 */
PTW_API int ptw_space_unmap(struct ptw_space *space, uint64_t start, uint64_t end,
			    const struct ptw_space_unmap *unmap, struct ptw_ask_result *result);

/**
 * A fault begins: take the ticket before asking the primary.
 * @param space the space
 * @param page first page
 * @param pages how many the mapping will cover, at least 1
 * @return the ticket
 *
 * Context: any. Ordering: acquire, partner ptw_space_invalidate_end(). Progress: wait-free. Errors: none.
 */
PTW_API uint64_t ptw_space_fault_begin(struct ptw_space *space, uint64_t page, uint64_t pages);

/**
 * The fault is about to install. Until ptw_space_fault_leave(), which must come soon, no invalidation of
 * these pages gets past its unmap.
 * @param space the space
 * @param page, pages as in the begin
 * @param ticket from ptw_space_fault_begin()
 * @return PTW_OK; PTW_ERR_AGAIN: an invalidation has begun since, or is under way: what the primary said
 *         may be stale, begin the fault again
 *
 * Context: any; do not block between enter and leave. Ordering: acquire-release, partner
 * ptw_space_invalidate_begin(). Progress: lock-free, at most 64 gates. Errors: as returned.
 */
PTW_API int ptw_space_fault_enter(struct ptw_space *space, uint64_t page, uint64_t pages,
				  uint64_t ticket);

/**
 * Installed.
 * @param space the space
 * @param page, pages as in the enter
 *
 * Context: any. Ordering: release, partner the acquire in ptw_space_unmap(). Progress: lock-free.
 * Errors: none.
 */
PTW_API void ptw_space_fault_leave(struct ptw_space *space, uint64_t page, uint64_t pages);

PTW_END_DECLS

#endif /* PTW_INVALIDATE_H */
