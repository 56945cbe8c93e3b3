/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file mmu.h
 * What an MMU is to a space: somebody who can be asked whether pages were used. And the wrappers and
 * adapters that come with the library: table, shadow (<ptw/shadow.h>), remote, locked.
 *
 * An MMU numbers pages by **frame**: in a secondary MMU the guest's frame number, in the primary the
 * page of the space itself. Whatever its own granule is, frames are pages of the space's size.
 * An MMU may have several address spaces of its own, told apart by a number (`as`).
 *
 * **Fast** is a property an MMU declares and keeps: it has `harvest_fast_only`, which never waits. It
 * is lockless, or tries a lock and says so when it did not get it. Who asks fast MMUs only makes no
 * indirect call into others. How thoroughly to ask selects the operation; no operation is told.
 */
#ifndef PTW_MMU_H
#define PTW_MMU_H

#include <ptw/harvest.h>
#include <ptw/types.h>

PTW_BEGIN_DECLS

/** What an MMU is asked, for a run of frames of one of its address spaces, and what it answers. */
struct ptw_mmu_ask {
	size_t size;       /**< sizeof(struct ptw_mmu_ask), so that it can grow */
	uint32_t as;       /**< address space */
	uint32_t flags;    /**< enum ptw_harvest_flag */
	uint64_t start;    /**< first frame */
	uint64_t end;      /**< first frame behind, above `start` */
	/** Bitmaps, ORed into: bit = frame - (start & ~63). Bits outside [start, end) are nobody's: an
	 *  MMU that sets them returns nonsense. `young` is there if the flags ask for accessed, `dirty`
	 *  if for dirty (and maybe otherwise, for an MMU whose clearing of accessed takes dirty along). */
	uint64_t *young;
	uint64_t *dirty;     /**< likewise */
	uint64_t *not_asked; /**< of the same shape; null: only the count is wanted */
	uint64_t budget;     /**< stop after this cost (entries, 16 for a cleared one); 0: no limit */

	/* The answer; zero before, but for `resume`, which is `end`. */
	uint64_t resume;      /**< frame reached; below `end` if the budget was spent, or with an error */
	uint64_t young_pages; /**< frames in [start, end) found young */
	uint64_t dirty_pages; /**< likewise dirty */
	uint64_t not_asked_pages; /**< frames in it that could not be asked: a lock, a chain that was held */
	uint64_t entries;     /**< entries read */
	uint64_t waited;      /**< nanoseconds spent waiting for locks, where the MMU can tell */
	/** Leaf extents that `start` and `end` cut, whole, in frames; length 0: none. Their state is gone
	 *  outside [start, end), too, and the caller has to remember it. */
	struct ptw_extent head;
	struct ptw_extent tail; /**< see head */
	uint32_t cheap;       /**< 1: asking for neighbours of these frames, too, costs little */
	uint32_t reserved;    /**< 0 */
};

/**
 * An operation on a run of frames.
 * @param context of the MMU
 * @param ask question and answer
 * @return PTW_OK; PTW_ERR_BUDGET; PTW_ERR_AGAIN: frames from ask->resume on could not be asked for now
 *         (the same as setting them in not_asked); or a negative code: frames before ask->resume were
 *         dealt with, an error of the caller or of the MMU lies there
 */
typedef int (*ptw_mmu_ask_fn)(void *context, struct ptw_mmu_ask *ask);

/**
 * An operation on one frame.
 * @param context of the MMU
 * @param as address space
 * @param frame its number
 * @return 1 yes, 0 no, PTW_ERR_HOLE not mapped (old), PTW_ERR_AGAIN could not be asked, or an error
 */
typedef int (*ptw_mmu_frame_fn)(void *context, uint32_t as, uint64_t frame);

/**
 * What ptw_mmu_ops.touched tells.
 * @param sink as given
 * @param start, end frames: somebody went through the table that maps them
 */
typedef void (*ptw_mmu_note_fn)(void *sink, uint64_t start, uint64_t end);

/**
 * The operations of an MMU. `harvest` or `harvest_dirty` must be there; null elsewhere means unsupported.
 *
 * Context of all but harvest_fast_only: outside read-side sections where the caller of the space is;
 * may block. Any thread, several at a time. They may unmap, change slots and unregister MMUs, the one
 * that runs included: that takes effect for later calls. `harvest_fast_only` is called inside a
 * read-side section: it must not block, allocate, or call any of these.
 */
struct ptw_mmu_ops {
	size_t size; /**< sizeof(struct ptw_mmu_ops), so that it can grow */
	/** Is the frame young? Changes nothing. Null: a harvest of one frame with PEEK. */
	ptw_mmu_frame_fn test_young;
	/** The same, and makes it old. Tells no leaf extent: a space whose consumers must hear of one harvests
	 *  the frame instead. Null: a harvest of one frame. */
	ptw_mmu_frame_fn clear_young;
	/** Test and clear over a run of frames; accessed only. May wait. Null: keeps no accessed state, as a
	 *  dirty log: has nothing to say where that is asked, and counts neither as skipped nor as not
	 *  asked, but ptw_space_covers() tells of it. `harvest_fast_only` is null then, too. */
	ptw_mmu_ask_fn harvest;
	/** The same, never waiting. Null: this MMU is not fast. */
	ptw_mmu_ask_fn harvest_fast_only;
	/** With PTW_HARVEST_DIRTY, alone or (with `harvest`) with accessed; EXACT; flushes. Null: keeps no
	 *  dirty state. */
	ptw_mmu_ask_fn harvest_dirty;
	/** Unmap the frames and return in young and dirty what was removed; both bitmaps are there. Null:
	 *  this MMU need not be told of invalidations (it follows the primary by itself). */
	ptw_mmu_ask_fn unmap;
	/** Is the frame pinned (a device reaches it by this mapping)? Null: nothing here is. Should not
	 *  wait; behind a lock without try_lock it does. */
	ptw_mmu_frame_fn pinned;
	/** Does the address space exist, and can the MMU tell of all these frames? Asked when a slot is added:
	 *  1 yes, 0 no. Null: yes. */
	int (*knows)(void *context, uint32_t as, uint64_t frame, uint64_t frames);
	/**
	 * Which of the frames [start, end) may be young by what table entries say: tells runs of them, ascending or
	 * not, all that lie under a table that somebody went through since this was last asked, and forgets that. What
	 * is not told was not used since, if nobody else asks this; leaves are not read. A flush
	 * may be needed, and is done before it returns: it may wait. PTW_OK, PTW_ERR_UNSUPPORTED
	 * (table entries do not tell), or an error; then all may be young. Null: never supported.
	 */
	int (*touched)(void *context, uint32_t as, uint64_t start, uint64_t end,
		       ptw_mmu_note_fn note, void *sink);
	/** Frees what `context` points to: see ptw_mmu_destroy(). Null: nothing to free. */
	void (*destroy)(void *context);
};

/** An MMU: operations and what they work on. Copied by whoever takes it. */
struct ptw_mmu {
	size_t size; /**< sizeof(struct ptw_mmu), so that it can grow */
	const struct ptw_mmu_ops *ops; /**< must outlive every use */
	void *context;    /**< first argument of every operation */
	const char *name; /**< for people; may be null */
};

/** An MMU that is a page table, or one page table for each address space. */
struct ptw_mmu_table {
	size_t size;         /**< sizeof(struct ptw_mmu_table), so that it can grow */
	struct ptw_pgtable *const *pgtables; /**< own or attached; by address space; copied */
	uint32_t count;      /**< how many, 1 to 256 */
	uint32_t frame_lg2;  /**< bytes of a frame, as a power of two; from 12 to the granule of each */
	uint32_t flags;      /**< 0 */
	uint32_t reserved;   /**< 0 */
};

/**
 * Make an MMU of page tables. It is fast, but where a harvest of accessed must flush (a foreign layout
 * whose access tracking takes dirty state along, with a flush hook).
 * @param config which; the page tables must outlive the MMU
 * @param mmu set on success; give it back with ptw_mmu_destroy()
 * @return PTW_OK, PTW_ERR_NOMEM, or an argument error
 *
 * Context: may allocate. Ordering: none. Progress: may wait for memory. Errors: PTW_ERR_ARG,
 * PTW_ERR_SIZE, PTW_ERR_CONFIG (frames larger than a granule).
 */
PTW_API int ptw_mmu_table_create(const struct ptw_mmu_table *config, struct ptw_mmu *mmu);

/**
 * What stands for an MMU that only somebody else can ask, all at once: a dirty log, another process, a
 * device. `fetch` says what happened since it last said so, and forgets it.
 */
struct ptw_mmu_remote {
	size_t size;     /**< sizeof(struct ptw_mmu_remote), so that it can grow */
	void *context;   /**< first argument of the functions */
	/**
	 * State of whole words of 64 frames since the last fetch of them: ask->start and ask->end are
	 * multiples of 64, both bitmaps may be there, budget is 0. Null: not possible.
	 */
	ptw_mmu_ask_fn fetch;
	/** As ptw_mmu_ops.unmap, or null. */
	ptw_mmu_ask_fn unmap;
	uint64_t first;  /**< first frame it knows, a multiple of 64; slots of others are refused */
	uint64_t frames; /**< how many, a multiple of 64 */
	uint32_t as;     /**< the one address space it has */
	/** PTW_HARVEST_ACCESSED, PTW_HARVEST_DIRTY: what fetch can tell. One that tells dirty only is an MMU
	 *  without `harvest`. */
	uint32_t what;
	uint32_t fast;   /**< 1: fetch never waits, and may be called in a read-side section */
	uint32_t reserved; /**< 0 */
};

/**
 * Make an MMU of a fetch function. What a fetch brings beyond the question (neighbours in the same word,
 * dirty where accessed was asked for) is kept for the question that asks for it: 2 bits a frame.
 * @param config how; copied
 * @param mmu set on success; give it back with ptw_mmu_destroy()
 * @return PTW_OK, PTW_ERR_NOMEM, or an argument error
 *
 * Context: may allocate. Ordering: none. Progress: may wait for memory. Errors: PTW_ERR_ARG,
 * PTW_ERR_SIZE, PTW_ERR_ALIGN, PTW_ERR_RANGE.
 */
PTW_API int ptw_mmu_remote_create(const struct ptw_mmu_remote *config, struct ptw_mmu *mmu);

/** A lock of the caller's. */
struct ptw_mmu_lock {
	size_t size;   /**< sizeof(struct ptw_mmu_lock), so that it can grow */
	void *context; /**< first argument of the functions */
	/** Take it, waiting: a mutex, the read or the write side of a rwlock. Null: not possible. */
	void (*lock)(void *context);
	/** Take it without waiting; false if somebody has it. Null: not possible. */
	bool (*try_lock)(void *context);
	/** Give it back. */
	void (*unlock)(void *context);
	/** Nanoseconds on any steady clock, to tell how long the lock was waited for; or null. */
	uint64_t (*clock)(void *context);
	/** At most this many frames in one hold of the lock; 0: the whole question. */
	uint64_t frames;
};

/**
 * Put any MMU behind a lock: each operation takes it. With `try_lock` the wrapper is fast if what it
 * wraps is: where the lock is taken, the frames are not asked. Without, it is not fast.
 * `harvest` and the others use `lock`; if that is null, `try_lock`, and answer PTW_ERR_AGAIN.
 * @param inner the MMU; must outlive the wrapper
 * @param lock the lock; copied
 * @param mmu set on success; give it back with ptw_mmu_destroy(), which leaves `inner` alone
 * @return PTW_OK, PTW_ERR_NOMEM, or an argument error
 *
 * Context: may allocate. Ordering: that of the lock. Progress: that of the lock. Errors: PTW_ERR_ARG,
 * PTW_ERR_SIZE.
 */
PTW_API int ptw_mmu_locked_create(const struct ptw_mmu *inner, const struct ptw_mmu_lock *lock,
				  struct ptw_mmu *mmu);

/**
 * Give back an MMU that the library made.
 * @param mmu the MMU, or one whose `ops` is null; its `ops` becomes null. Its space must be gone, or
 *        have released it (see ptw_space_unregister())
 *
 * Context: no call into the MMU runs. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API void ptw_mmu_destroy(struct ptw_mmu *mmu);

PTW_END_DECLS

#endif /* PTW_MMU_H */
