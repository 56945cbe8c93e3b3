/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory that several map: a space, the page tables of its primary and its secondary MMUs with a
 * software CPU each, and the steps of a fault and of an eviction in the order the library wants.
 * Frames here are those of memory; what the library calls frames of a secondary MMU are pages of a
 * guest.
 */
#ifndef PTW_SIM_SHARED_H
#define PTW_SIM_SHARED_H

#include "contend.h"
#include "machine.h"

#define SHARED_GUESTS 2

/* How a secondary MMU can be asked. */
enum shared_access {
	SHARED_FREE, /* no lock, so it is fast */
	SHARED_TRY,  /* behind a lock that the fast operation only tries */
	SHARED_WAIT, /* behind a lock that all wait for; its owner wants it in ageing */
};

/*
 * A secondary MMU. Its pages below `split` are the same pages of the space, which others may map,
 * too; the rest is its own: page n of it is page base + n.
 */
struct shared_guest {
	struct machine machine;
	struct ptw_mmu table;
	struct ptw_mmu locked; /* the same behind a lock */
	struct contend lock;
	uint32_t id;
	uint64_t said; /* its bit in answer masks */
	uint32_t base;
	uint32_t split;
	uint32_t pages;
};

struct shared {
	struct ptw_space *space;
	struct machine host;
	struct ptw_mmu host_mmu;
	struct shared_guest guest[SHARED_GUESTS];
	uint32_t guests;
	uint64_t first;	      /* page 0 here in the numbers of the space: 0, or PTW_PAGE_PRIVATE */
	uint32_t pages;	      /* of the space */
	uint32_t *page_frame; /* by page: 1 + its frame, 0: not resident */
	uint64_t retries;     /* faults that were refused since an invalidation had passed */
	char *error;
};

/* What it is made from. `host` null: no primary. */
struct shared_config {
	const struct machine_config *host;
	uint32_t pages;
	char *error; /* SIM_ERROR_SIZE bytes */
};

/* False: error says why, and shared_destroy() is still due. Must not move in memory. */
bool shared_create(struct shared *shared, const struct shared_config *config);
void shared_destroy(struct shared *shared);

/* What a guest is made from; its mappings are charged to `group`. */
struct shared_guest_config {
	const struct machine_config *machine;
	uint32_t base;
	uint32_t split;
	uint32_t group;
	enum shared_access access;
	bool contend; /* somebody else takes the lock, too */
};

bool shared_add_guest(struct shared *shared, const struct shared_guest_config *config);

/* Puts down what failed; always false. */
bool shared_fail(struct shared *shared, const char *what, int error);

static inline uint32_t shared_page_of(const struct shared_guest *guest, uint32_t page)
{
	return page < guest->split ? page : guest->base + page;
}

static inline bool shared_resident(const struct shared *shared, uint32_t page)
{
	return shared->page_frame[page] != 0;
}

/*
 * The page gets a frame, and its mapping in the primary if there is one; `flags` as machine_map().
 */
bool shared_bring(struct shared *shared, uint32_t page, uint32_t frame, uint32_t flags);

/*
 * A resident page goes: from the secondary MMUs first, then from the primary. *frame is free
 * then, *young whether anybody had used it until it went.
 */
bool shared_drop(struct shared *shared, uint32_t page, uint32_t *frame, bool *young);

/* Where a fault of a guest begins: before anybody looks whether the page is resident. */
uint64_t shared_fault_begin(struct shared *shared, uint32_t page);

/*
 * Map page `guest_page` of the guest, which is resident page `page`; or count that the fault must
 * begin again, since an invalidation came between: not mapped then.
 */
bool shared_fault_end(struct shared *shared, struct shared_guest *guest, uint32_t guest_page,
		      uint32_t page, uint64_t ticket);

/* All CPUs forget these pages, half-open. */
void shared_forget(struct shared *shared, uint32_t start, uint32_t end);

#endif /* PTW_SIM_SHARED_H */
