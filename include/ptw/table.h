/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file table.h
 * Page tables: creating them, attaching to others', and asking what they say. What changes them, and
 * which calls may run at the same time, stands in <ptw/change.h>.
 *
 * Input addresses of x86-64 may be given in canonical form, with their sign; results, visits and
 * flushes tell them without it, as the low 48 or 57 bits, and such addresses may be given as well. An
 * end of 0 then means the end of the upper half.
 */
#ifndef PTW_TABLE_H
#define PTW_TABLE_H

#include <ptw/config.h>
#include <ptw/entry.h>
#include <ptw/harvest.h>
#include <ptw/types.h>

PTW_BEGIN_DECLS

/** A page table: a tree of tables, with its configuration. Opaque. */
struct ptw_pgtable;

/**
 * Create an empty page table.
 * @param config format, sizes, features, memory, flush hook
 * @param out set on success; untouched otherwise
 * @return PTW_OK; PTW_ERR_ARG, PTW_ERR_SIZE; PTW_ERR_CONFIG, _LEVELS, _FEATURE, _MODE for what no
 *         hardware could have or the library would misread; PTW_ERR_UNSUPPORTED for a foreign
 *         layout, or a kernel or a way to clear that this machine has not; PTW_ERR_NOMEM
 *
 * Context: may allocate; registers the thread as by ptw_thread_register(). Ordering: none.
 * Progress: may block. Errors: as returned; nothing is left behind.
 */
PTW_API int ptw_pgtable_create(const struct ptw_config *config, struct ptw_pgtable **out);

/**
 * Destroy a page table: unlink, flush, wait for a grace period and for every callback, free.
 * @param pgtable no other call may be running on it or start; null is allowed
 * @return PTW_OK; PTW_ERR_CONTEXT inside a read-side section or an RCU callback, where waiting would
 *         never end: nothing was done
 *
 * Context: may block. Calls the flush hook. Ordering: everything done to the page table before
 * happens before the return. Progress: blocks for grace periods. Errors: as returned.
 */
PTW_API int ptw_pgtable_destroy(struct ptw_pgtable *pgtable);

/** A page table that somebody else built. */
struct ptw_attach {
	size_t size;      /**< sizeof(struct ptw_attach), so that it can grow */
	uint64_t root;    /**< physical address of the root table */
	/** Physical addresses where tables may lie, `bounds_count` ranges (1 to 8). */
	const struct ptw_range *bounds;
	uint32_t bounds_count; /**< how many */
	uint32_t reserved; /**< 0 */
	uint64_t table_budget; /**< most tables below the root that one call may enter; at least 1 */
};

/**
 * Look at a page table that somebody else built and maybe still changes.
 * @param config as for ptw_pgtable_create(); its layout may be foreign; pool is ignored
 * @param attach where its tables are
 * @param out set on success
 * @return as ptw_pgtable_create(), and PTW_ERR_CORRUPT_BOUNDS if the root is outside the bounds
 *
 * Attached page tables can be walked, harvested, queried, fixed, checked and dumped, not mapped or
 * unmapped: they have no metadata. Every walk checks each table against bounds, budget and its own
 * path, and each entry against reserved bits, and ends with PTW_ERR_CORRUPT_* in bounded time. Table
 * memory that the owner unlinks must stay readable for calls that run: within one process until a
 * grace period of this library (ptw_barrier()) has passed, elsewhere as long as the bounds say.
 *
 * Context, Ordering, Progress, Errors: as ptw_pgtable_create().
 */
PTW_API int ptw_pgtable_attach(const struct ptw_config *config, const struct ptw_attach *attach,
			       struct ptw_pgtable **out);

/** Answer to a query. */
struct ptw_query {
	size_t size;           /**< sizeof(struct ptw_query), so that it can grow */
	struct ptw_leaf leaf;  /**< of the entry; `oa` is that of the queried byte */
	uint32_t level;        /**< of the leaf, 0 = smallest pages */
	uint64_t extent_start; /**< leaf extent around the address: input address, bytes */
	uint64_t extent_size;  /**< bytes; of the whole contiguous group */
};

/**
 * What is mapped at an input address.
 * @param pgtable any page table
 * @param ia input address in bytes
 * @param query written whole on success, but for `size`; young and dirty are ORed over a group
 * @return PTW_OK; PTW_ERR_HOLE not mapped; PTW_ERR_AGAIN owned by another operation
 *
 * Context: any registered thread; one read-side section. Ordering: one relaxed snapshot.
 * Progress: wait-free. Errors: as returned, PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_RANGE, and
 * PTW_ERR_CORRUPT_* on attached page tables.
 */
PTW_API int ptw_query(struct ptw_pgtable *pgtable, uint64_t ia, struct ptw_query *query);

/**
 * Let an access that faulted go on, if the mapping allows it: sets the accessed flag where software
 * does that, gives access-tracked permissions back, and on a write makes the leaf writable and dirty.
 * @param pgtable any page table
 * @param ia input address in bytes
 * @param access enum ptw_access
 * @return PTW_OK: try the access again; PTW_ERR_HOLE not mapped; PTW_ERR_FAULT not allowed;
 *         PTW_ERR_AGAIN lost 8 races or owned by another operation
 *
 * In a contiguous group every member is fixed, since their permissions must agree.
 *
 * Context: any registered thread; one read-side section; the VMM's fault handler. After PTW_ERR_AGAIN
 * go back to where the vCPU answers flush requests, let it run and fault again: the owner of the entry
 * may be waiting for this very vCPU in its flush hook. No flush is needed: permissions only grow.
 * Ordering: compare-exchange, acquire-release. Progress: lock-free, bounded. Errors: as returned,
 * PTW_ERR_ARG, PTW_ERR_RANGE, PTW_ERR_CORRUPT_*.
 */
PTW_API int ptw_fix_fault(struct ptw_pgtable *pgtable, uint64_t ia, uint32_t access);

/** What to check. */
enum ptw_check_flag {
	PTW_CHECK_COUNTS = 1, /**< also every live count, which only a page table at rest has right */
};

/** What a check saw. */
struct ptw_check_result {
	size_t size;     /**< sizeof(struct ptw_check_result), so that it can grow */
	uint64_t ia;     /**< where the first error lies; of a wrong live count of the root: 0 */
	uint64_t entry;  /**< the entry there, as last read */
	uint32_t level;  /**< its level */
	uint32_t reserved; /**< 0 */
	uint64_t tables; /**< tables seen */
	uint64_t leaves; /**< leaf entries seen */
};

/**
 * Check a page table: reserved bits, impossible encodings, contiguous groups, tables inside the
 * declared memory, no cycle, budget; of own page tables on request also every live count.
 * @param pgtable any page table
 * @param flags enum ptw_check_flag
 * @param result may be null
 * @return PTW_OK or the first PTW_ERR_CORRUPT_*; PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any registered thread; with PTW_CHECK_COUNTS nobody may change the page table meanwhile.
 * Groups that an operation owns at the moment are passed over. Ordering: as ptw_walk().
 * Progress: bounded by the table budget. Errors: as returned.
 */
PTW_API int ptw_check(struct ptw_pgtable *pgtable, uint32_t flags, struct ptw_check_result *result);

/**
 * Receives one line of a dump, without newline; `text` is valid during the call. Printing is fine for
 * debugging: it holds up the freeing of tables meanwhile.
 */
typedef void (*ptw_line_fn)(void *context, const char *text);

/**
 * Describe a range as text, one line for each run of leaves alike.
 * @param pgtable any page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule; both 0: all
 * @param line called for every line, inside a read-side section but for the last one
 * @param context its first argument
 * @return PTW_OK, or as ptw_walk()
 *
 * Context: any registered thread. Ordering: as ptw_walk(). Progress: lock-free. Errors: as returned.
 */
PTW_API int ptw_dump(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end, ptw_line_fn line,
		     void *context);

/** Shape and use of a page table. */
struct ptw_info {
	size_t size;          /**< sizeof(struct ptw_info), so that it can grow */
	const char *format;   /**< name of the format */
	const char *layout;   /**< name of the layout */
	uint32_t granule_lg2; /**< bytes of a granule, as a power of two */
	uint32_t index_lg2;   /**< entries of a full table, as a power of two */
	uint32_t levels;      /**< number of levels */
	uint32_t root_lg2;    /**< entries of the root, concatenated tables together */
	uint32_t ia_bits;     /**< width of an input address */
	uint32_t oa_bits;     /**< width of an output address */
	uint32_t leaf_levels; /**< bit l: leaves may stand at level l */
	uint32_t attached;    /**< 1: built by somebody else */
	uint32_t exact;       /**< 1: conservation of accessed and dirty is guaranteed */
	uint32_t kernel;      /**< enum ptw_kernel that searches its tables */
	uint64_t root;        /**< physical address of the root table */
	uint64_t tables;      /**< tables in use, the root not counted */
	uint64_t tables_retired; /**< waiting for a grace period; after ptw_barrier() none of them is left */
	uint64_t bytes;       /**< memory held: tables, metadata, administration; kept for reuse till destroy */
	uint64_t tables_empty; /**< of those in use: without any entry, waiting for a refill or for reclaim */
	uint64_t tables_reclaimed; /**< empty ones that went back, since creation */
	uint64_t tables_revived; /**< empty ones that were filled again before their time came */
	uint32_t table_accessed; /**< 1: hardware sets accessed bits in table entries (see prune.h) */
	uint32_t reserved;       /**< 0 */
};

/**
 * Shape and use of a page table.
 * @param pgtable any page table
 * @param info written whole, but for `size`
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any. Ordering: relaxed counters. Progress: waits for the memory pool's lock at most.
 * Errors: as returned.
 */
PTW_API int ptw_pgtable_info(const struct ptw_pgtable *pgtable, struct ptw_info *info);

/**
 * The register values that make a processor (or a software MMU) use this page table.
 * @param pgtable any page table
 * @param regs written whole
 * @return PTW_OK or PTW_ERR_ARG
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_pgtable_regs(const struct ptw_pgtable *pgtable, struct ptw_regs *regs);

PTW_END_DECLS

#endif /* PTW_TABLE_H */
