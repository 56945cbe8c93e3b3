/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file error.h
 * The error codes of the library: one stable list, negative values, 0 for success.
 *
 * Rule: an argument error (PTW_ERR_ARG to PTW_ERR_CONTEXT) changes nothing, and does not touch results,
 * unless the call says that it can show later. Any other error leaves all work before it done and
 * reported, and the result tells the address reached.
 */
#ifndef PTW_ERROR_H
#define PTW_ERROR_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/** Error codes. Values never change; new ones are added at the end. */
enum ptw_error {
	PTW_OK = 0,
	PTW_ERR_ARG = -1,          /**< a null pointer, an unknown flag or enumerator */
	PTW_ERR_SIZE = -2,         /**< a size field or a buffer is too small */
	PTW_ERR_ALIGN = -3,        /**< an address is not aligned to the granule */
	PTW_ERR_RANGE = -4,        /**< a range is empty, wraps, or ends beyond the input address size, or the frames of an MMU */
	PTW_ERR_OUTPUT = -5,       /**< an output address, or a table, is beyond the output address size */
	PTW_ERR_PERM = -6,         /**< these permissions or this memory type cannot be expressed in the format */
	PTW_ERR_CONFIG = -7,       /**< a configuration that no hardware could have */
	PTW_ERR_CONFIG_LEVELS = -8,  /**< input address size against number of levels or concatenated roots */
	PTW_ERR_CONFIG_FEATURE = -9, /**< a feature the format lacks, or without the one it depends on, as DS without LPA2 */
	PTW_ERR_CONFIG_MODE = -10, /**< a mode that changes what entry bits mean, as S2PIE: refused, not misread */
	PTW_ERR_UNSUPPORTED = -11, /**< the format, layout or kind of page table cannot do this */
	PTW_ERR_CONTEXT = -12,     /**< called where it could deadlock: in an RCU callback or a read-side section; or out of order: an unmap outside an invalidation */
	PTW_ERR_EXISTS = -13,      /**< something is mapped in the range already */
	PTW_ERR_NOMEM = -14,       /**< no memory for a table */
	PTW_ERR_HOLE = -15,        /**< nothing is mapped at the address reached, and the caller asked for strictness */
	PTW_ERR_BLOCK = -16,       /**< the range cuts a leaf extent, which would have to be split */
	PTW_ERR_AGAIN = -17,       /**< the entry is owned by another operation or kept changing, or a lock or page is: try again later, not in a loop that keeps its owner's flush waiting */
	PTW_ERR_STOPPED = -18,     /**< the visitor or sink asked to stop */
	PTW_ERR_FAULT = -19,       /**< the access is not allowed by the mapping */
	PTW_ERR_CORRUPT_CYCLE = -20,    /**< a table is reached through itself */
	PTW_ERR_CORRUPT_BOUNDS = -21,   /**< a table lies outside the declared memory */
	PTW_ERR_CORRUPT_RESERVED = -22, /**< reserved bits are set, or an encoding no hardware accepts */
	PTW_ERR_CORRUPT_BUDGET = -23,   /**< more tables than the declared budget */
	PTW_ERR_CORRUPT_COUNT = -24,    /**< a table's live count differs from its entries */
	PTW_ERR_CORRUPT_GROUP = -25,    /**< members of a contiguous group contradict each other */
	PTW_ERR_BUDGET = -26,      /**< not an error: the work budget is spent; go on at the address reached */
	PTW_ERR_BACKLOG = -27,     /**< too many tables wait for a grace period; nothing more was done */
	PTW_ERR_ABSENT = -28,      /**< no such MMU, slot or entry is registered, or it is gone already */
	PTW_ERR_OVERLAP = -29,     /**< the frames are in another slot of the same address space */
	PTW_ERR_LIMIT = -30,       /**< a stated limit is reached: slots, consumers, entries of a chain */
	PTW_ERR_MMU = -31,         /**< an MMU returned nonsense: bits outside the question, an unknown code, no progress */
	PTW_ERR_PINNED = -32,      /**< the page must stay where it is */
	PTW_ERR_DROPPED = -33,     /**< the page, or one that shares its gate, is being invalidated: what its mappings knew is in what unmap returned */
	PTW_ERR_BUSY = -34,        /**< something is still below it, as groups below a group: give that up first */
	PTW_ERR_THRASHING = -35,   /**< all that could go is younger than the minimum age */
	PTW_ERR_POLICY = -36,      /**< what was saved is another policy's */
};

/**
 * Text of an error code.
 * @param error a value of enum ptw_error
 * @return a constant string in English, without a full stop; for an unknown code "unknown error"
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API const char *ptw_strerror(int error);

PTW_END_DECLS

#endif /* PTW_ERROR_H */
