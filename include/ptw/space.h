/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file space.h
 * Spaces: one address space, its primary MMU, the secondary MMUs that map the same memory, and the
 * slots that say which of their frames are which pages. Asking them is <ptw/ask.h>.
 *
 * A **page** is a number in the space: address / page size of what the primary MMU maps. A **slot** maps a
 * run of frames of one address space of a secondary MMU to a run of pages. A page may be in several
 * slots, of several MMUs. Guest memory that the primary does not map (private or file-backed guest
 * memory) is in a private slot: its pages are numbers above all addresses, PTW_PAGE_PRIVATE and what
 * ptw_page_private() makes of MMU and frame; the primary is never asked for them.
 *
 * Who may run next to whom: every call here and in <ptw/ask.h>, <ptw/consumer.h> and <ptw/invalidate.h>
 * next to every other, but destroy. Slots and MMUs are looked up under RCU and changed by publishing a
 * new version: a question that runs sees the version it began with, or, if it is a short one, a later one.
 */
#ifndef PTW_SPACE_H
#define PTW_SPACE_H

#include <ptw/mmu.h>
#include <ptw/types.h>

PTW_BEGIN_DECLS

/** A space; opaque. */
struct ptw_space;

/** Pages from here on have no host address: no primary MMU maps them. */
#define PTW_PAGE_PRIVATE ((uint64_t)1 << 63)

/** The primary MMU's number. Secondary ones get numbers from 1 up, never the same one twice. */
#define PTW_MMU_PRIMARY 0u

/**
 * Page number of private guest memory: one for each frame.
 * @param mmu number of the MMU, below 2^15
 * @param as its address space, below 256
 * @param frame frame number, below 2^40
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
static inline uint64_t ptw_page_private(uint32_t mmu, uint32_t as, uint64_t frame)
{
	return PTW_PAGE_PRIVATE | (uint64_t)mmu << 48 | (uint64_t)as << 40 | frame;
}

/** What a space is made from. */
struct ptw_space_config {
	size_t size;      /**< sizeof(struct ptw_space_config), so that it can grow */
	const struct ptw_mmu *primary; /**< copied; its `as` is 0. Null: nobody maps pages but slots */
	uint32_t page_lg2; /**< bytes of a page, as a power of two; 0: 12 */
	uint32_t group;   /**< what the primary's mappings are charged to; any number */
	/** Nanoseconds on any steady clock, for stall accounting (<ptw/stall.h>); null: times are not
	 *  measured. */
	uint64_t (*clock)(void *context);
	void *clock_context; /**< its argument */
};

/**
 * Make a space.
 * @param config how; copied
 * @param out set on success
 * @return PTW_OK, PTW_ERR_NOMEM, or an argument error
 *
 * Context: may allocate. Ordering: none. Progress: may wait for memory. Errors: PTW_ERR_ARG,
 * PTW_ERR_SIZE, PTW_ERR_CONFIG (page_lg2).
 */
PTW_API int ptw_space_create(const struct ptw_space_config *config, struct ptw_space **out);

/**
 * End a space: unregister every MMU, release them, free everything. Consumers go with it.
 * @param space the space, or null
 * @return PTW_OK, or PTW_ERR_CONTEXT in a read-side section or an RCU callback (nothing changed)
 *
 * Context: no other call on the space runs or comes. May block. Ordering: none. Progress: blocks for a
 * grace period. Errors: as returned.
 */
PTW_API int ptw_space_destroy(struct ptw_space *space);

/** How an MMU is registered. Values combine. */
enum ptw_register_flag {
	/** Its owner wants it asked in ageing although it is not fast: PTW_EFFORT_AGE waits for it. */
	PTW_REGISTER_AGE_SLOW = 1,
};

/** Registering an MMU. */
struct ptw_register {
	size_t size;    /**< sizeof(struct ptw_register), so that it can grow */
	uint32_t flags; /**< enum ptw_register_flag */
	uint32_t reserved; /**< 0 */
	/** Called once, when no call uses the MMU any more after it was unregistered, or null. In an
	 *  RCU callback, in the thread of the last call that used it, or in ptw_space_destroy(); must not
	 *  block. */
	void (*released)(void *context);
	void *context;  /**< its argument */
};

/**
 * Register a secondary MMU.
 * @param space the space
 * @param mmu operations and context; copied
 * @param how may be null: no flags
 * @param id set to its number, from 1 up, never used twice
 * @return PTW_OK, PTW_ERR_NOMEM, or an argument error
 *
 * It is asked for nothing before it has a slot. The answer masks (as ptw_ask_result.said) have one bit
 * for each MMU, see ptw_space_mmu_bit().
 *
 * Context: any registered thread, next to any other call. May allocate. Not in a read-side section or
 * RCU callback. Ordering: release, partner the acquire with which questions look MMUs up.
 * Progress: lock-free but for memory. Errors: PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_CONTEXT.
 */
PTW_API int ptw_space_register(struct ptw_space *space, const struct ptw_mmu *mmu,
			       const struct ptw_register *how, uint32_t *id);

/**
 * Unregister a secondary MMU and remove its slots. Calls that run may go on with it: its context must
 * stay until `released` was called, or ptw_space_settle() has returned.
 * @param space the space
 * @param id its number
 * @return PTW_OK; PTW_ERR_ABSENT: no such MMU, or unregistered already; PTW_ERR_NOMEM
 *
 * Context, Ordering, Progress: as ptw_space_register(); legal in a callback of the MMU itself.
 * Errors: as returned, PTW_ERR_ARG, PTW_ERR_CONTEXT.
 */
PTW_API int ptw_space_unregister(struct ptw_space *space, uint32_t id);

/**
 * Wait until every MMU that was unregistered so far has been released.
 * @param space the space
 * @return PTW_OK, or PTW_ERR_CONTEXT in a read-side section or an RCU callback
 *
 * Context: not in a callback of an MMU. Ordering: what calls did with these MMUs happens before the
 * return. Progress: blocks for a grace period, and for calls that run. Errors: as returned.
 */
PTW_API int ptw_space_settle(struct ptw_space *space);

/**
 * The bit of an MMU in answer masks: bit 0 is the primary, bits 1 to 62 go to the first that are free,
 * bit 63 stands for all others together.
 * @param space the space
 * @param id its number
 * @return the bit's number, or PTW_ERR_ABSENT
 *
 * Context: any registered thread. Ordering: acquire. Progress: wait-free. Errors: as returned,
 * PTW_ERR_ARG.
 */
PTW_API int ptw_space_mmu_bit(struct ptw_space *space, uint32_t id);

/** What kind of memory is in a slot. Values combine. */
enum ptw_slot_flag {
	/** No host mapping. `page` is given (PTW_PAGE_PRIVATE set), or 0: then ptw_page_private() of the
	 *  first frame. */
	PTW_SLOT_PRIVATE = 1,
	/** The pages must stay (a device reaches them): last looks refuse them with PTW_ERR_PINNED. */
	PTW_SLOT_PINNED = 2,
};

/**
 * A run of frames that are a run of pages. No leaf of the MMU may reach over an end of it: of such a leaf
 * the part outside the slot would be made old and not be told.
 */
struct ptw_slot {
	size_t size;    /**< sizeof(struct ptw_slot), so that it can grow */
	uint32_t mmu;   /**< number of the MMU */
	uint32_t as;    /**< its address space, below 256; whether it has this one, and these frames, only
			 *   questions show: they end with the MMU's error, or find holes */
	uint64_t frame; /**< first frame */
	uint64_t pages; /**< how many, at least 1 */
	uint64_t page;  /**< first page in the space */
	uint32_t group; /**< what mappings in it are charged to (a memcg, a VM, a tenant); any number */
	uint32_t flags; /**< enum ptw_slot_flag */
};

/** Most slots of a space. */
#define PTW_SLOTS_MAX 65536u

/**
 * Change slots, all at once: who asks sees all of it or nothing. A slot that moves is removed and
 * added in one call.
 * @param space the space
 * @param remove slots to remove: `mmu`, `as` and `frame` name them, the other fields are not read
 * @param removals how many
 * @param add slots to add
 * @param additions how many
 * @return PTW_OK; PTW_ERR_ABSENT: no such slot or MMU; PTW_ERR_OVERLAP: frames in two slots of the same
 *         address space; PTW_ERR_LIMIT: more than PTW_SLOTS_MAX; PTW_ERR_NOMEM; PTW_ERR_MMU: ptw_mmu_ops.knows
 *         returned nonsense. Nothing was changed then
 *
 * Context, Ordering: as ptw_space_register(). Progress: lock-free but for memory, linear in the number of
 * slots of the space. Errors: as returned, PTW_ERR_ARG, PTW_ERR_SIZE, PTW_ERR_RANGE (empty, wraps,
 * reaches into or out of private pages, or is not the MMU's: ptw_mmu_ops.knows), PTW_ERR_CONTEXT.
 */
PTW_API int ptw_space_slots(struct ptw_space *space, const struct ptw_slot *remove,
			    uint32_t removals, const struct ptw_slot *add, uint32_t additions);

/** Add one slot: see ptw_space_slots(). Context, Ordering, Progress, Errors: as there. */
PTW_API int ptw_space_add_slot(struct ptw_space *space, const struct ptw_slot *slot);

/**
 * Remove one slot: see ptw_space_slots().
 * @param space the space
 * @param mmu number of the MMU
 * @param as its address space
 * @param frame first frame of the slot
 * @return as ptw_space_slots()
 *
 * Context, Ordering, Progress, Errors: as there.
 */
PTW_API int ptw_space_remove_slot(struct ptw_space *space, uint32_t mmu, uint32_t as,
				  uint64_t frame);

/**
 * The slot of a frame.
 * @param space the space
 * @param mmu number of the MMU
 * @param as its address space
 * @param frame any frame
 * @param slot its `size` must be set; the rest is written on success
 * @return PTW_OK, or PTW_ERR_ABSENT: the frame is in no slot
 *
 * Context: any registered thread; one read-side section. Ordering: acquire. Progress: wait-free,
 * logarithmic in the number of slots. Errors: as returned, PTW_ERR_ARG, PTW_ERR_SIZE.
 */
PTW_API int ptw_space_find_slot(struct ptw_space *space, uint32_t mmu, uint32_t as, uint64_t frame,
				struct ptw_slot *slot);

/** Numbers of a space. */
struct ptw_space_info {
	size_t size;        /**< sizeof(struct ptw_space_info), so that it can grow */
	uint32_t mmus;      /**< registered, the primary not counted */
	uint32_t fast_mmus; /**< of these: fast */
	uint32_t slots;     /**< slots */
	uint32_t consumers; /**< registered */
	uint64_t unreleased; /**< MMUs unregistered, and not released yet */
	uint64_t not_asked; /**< pages that were answered "not asked", added up */
	uint64_t nonsense;  /**< answers that were refused: see PTW_ERR_MMU */
};

/**
 * Numbers of a space.
 * @param space the space
 * @param info its `size` must be set; the rest is written
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE
 *
 * Context: any registered thread; one read-side section. Ordering: relaxed counters.
 * Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_space_info(struct ptw_space *space, struct ptw_space_info *info);

PTW_END_DECLS

#endif /* PTW_SPACE_H */
