/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file walk.h
 * The generic walker: a visitor over the entries of a range, in runs of up to 64.
 */
#ifndef PTW_WALK_H
#define PTW_WALK_H

#include <ptw/entry.h>
#include <ptw/types.h>

PTW_BEGIN_DECLS

struct ptw_pgtable;

/** When a visitor is called. Values combine into a mask of wanted visits. */
enum ptw_visit_kind {
	PTW_VISIT_LEAF = 1,       /**< a run of entries of one table, none of which leads to a table */
	PTW_VISIT_TABLE_PRE = 2,  /**< one table entry, before what is below it */
	PTW_VISIT_TABLE_POST = 4, /**< the same entry, after what is below it */
};

/** What a visitor answers; a negative enum ptw_error ends the walk with that error. */
enum ptw_visit_action {
	PTW_VISIT_NEXT = 0, /**< go on */
	PTW_VISIT_SKIP = 1, /**< TABLE_PRE: not below this entry (TABLE_POST is not called either) */
	PTW_VISIT_STOP = 2, /**< end the walk here; a walk that goes on later sees this run again */
	PTW_VISIT_RETRY = 3, /**< take new snapshots of this run and call again, 16 times at most */
};

/** One visit. Valid during the call. */
struct ptw_visit {
	const struct ptw_pgtable *pgtable; /**< being walked */
	uint32_t kind;    /**< one enum ptw_visit_kind */
	uint32_t level;   /**< of the entries, 0 = smallest pages */
	uint64_t ia;      /**< input address of entry 0 */
	uint64_t size;    /**< bytes one entry maps */
	uint32_t count;   /**< entries in this run, 1 to 64 */
	uint32_t retries; /**< how often this run was called again */
	uint64_t leaves;  /**< bit i: entry i is a leaf */
	uint64_t owned;   /**< bit i: entry i is frozen, owned by another operation */
	const uint64_t *entries; /**< snapshots, to be decoded by ptw_visit_leaf() */
	uint64_t *slots;  /**< where they were read; change them only by ptw_visit_*() */
	void *walk;       /**< private: the walk, which pays for changes */
};

/**
 * A visitor.
 * Context: inside a read-side section; must not block, allocate, or leave the section. The
 * snapshots may be out of date at once.
 * @param context from the walk
 * @param visit the run or table entry
 * @return enum ptw_visit_action or a negative error
 */
typedef int (*ptw_visitor_fn)(void *context, const struct ptw_visit *visit);

/** What to walk. */
struct ptw_walk {
	size_t size;         /**< sizeof(struct ptw_walk), so that it can grow */
	uint32_t kinds;      /**< wanted visits, enum ptw_visit_kind */
	uint32_t min_level;  /**< do not enter tables below this level; their entries come as TABLE_PRE */
	bool holes;          /**< also call for runs without any leaf */
	uint64_t budget;     /**< stop after this cost (entries, 16 for a changed one); 0: no limit */
	ptw_visitor_fn visit; /**< the visitor */
	void *context;       /**< its first argument */
};

/** How a walk ended. */
struct ptw_walk_result {
	size_t size;      /**< sizeof(struct ptw_walk_result), so that it can grow */
	uint64_t resume;  /**< input address reached: what lies before it was visited; the end if complete */
	uint64_t entries; /**< entries read */
	uint64_t tables;  /**< tables entered */
	uint64_t sections; /**< read-side sections used */
};

/**
 * Walk a range.
 * @param pgtable the page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule
 * @param walk what to visit
 * @param result may be null
 * @return PTW_OK; PTW_ERR_STOPPED after PTW_VISIT_STOP; PTW_ERR_BUDGET when the budget is spent;
 *         PTW_ERR_AGAIN after 16 retries of one run; the visitor's error
 *
 * A leaf that the range cuts is visited whole. Runs start at multiples of 64 entries where they
 * can. Every present leaf that exists during the whole walk is visited once; one that comes, goes or
 * changes size meanwhile is seen as before or as after. A table whose TABLE_PRE was called gets its
 * TABLE_POST, unless it was unlinked in between.
 *
 * Context: any thread; takes read-side sections of bounded cost (4096 entries, changed ones
 * counting 16) and leaves them in between. Not inside a flush hook.
 * Ordering: a snapshot of a table entry is an acquire load, partner the release by which the table
 * was published; snapshots of leaves are relaxed.
 * Progress: lock-free; each section gets past at least one run.
 * Errors: PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_ALIGN, PTW_ERR_RANGE before anything is visited; on
 * attached page tables PTW_ERR_CORRUPT_*.
 */
PTW_API int ptw_walk(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
		     const struct ptw_walk *walk, struct ptw_walk_result *result);

/**
 * Decode one leaf of a visit.
 * @param visit the visit
 * @param i index into entries
 * @param leaf written whole on success
 * @return PTW_OK, or PTW_ERR_HOLE if that entry is no leaf
 *
 * Context: in the visitor. Ordering: none. Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_visit_leaf(const struct ptw_visit *visit, unsigned int i, struct ptw_leaf *leaf);

/** Changes a visitor can make to a leaf. */
enum ptw_change {
	PTW_CHANGE_OLD = 1,        /**< clear accessed */
	PTW_CHANGE_CLEAN,          /**< clear dirty; final only after a flush */
	PTW_CHANGE_WRITE_PROTECT,  /**< take write permission; a write fault may give it back */
	PTW_CHANGE_READ_ONLY,      /**< take write permission for good */
	PTW_CHANGE_SET_USER,       /**< set the software bit of the library's caller */
	PTW_CHANGE_CLEAR_USER,
};

/**
 * Change one leaf of a visit, on its snapshot.
 * @param visit the visit
 * @param i index into entries
 * @param change what to do
 * @return PTW_OK if the leaf now is so; PTW_ERR_AGAIN if the entry is no longer the snapshot, or is held
 *         by another operation and more than accessed or dirty was to change (answer
 *         PTW_VISIT_RETRY); PTW_ERR_HOLE if it is no leaf; PTW_ERR_UNSUPPORTED
 *
 * Context: in the visitor.
 * Ordering: one compare-exchange, acquire-release on success, acquire on failure, partner every
 * other update of the entry.
 * Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_visit_change(const struct ptw_visit *visit, unsigned int i, enum ptw_change change);

PTW_END_DECLS

#endif /* PTW_WALK_H */
