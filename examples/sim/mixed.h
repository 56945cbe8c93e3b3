/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Mixed load: one trace runs on the host, whose pages are accessed through the primary MMU's table,
 * the other one in a guest, through a secondary MMU. Both compete for the same memory under the
 * MGLRU-like rule (generations.h). How much does it matter whom the rule asks?
 */
#ifndef PTW_SIM_MIXED_H
#define PTW_SIM_MIXED_H

#include <stdbool.h>
#include <stdint.h>

#include "merge.h"
#include "policy.h"

/* When the secondary MMU is asked. */
enum mixed_secondary {
	MIXED_NEVER,  /* never: a guest's page is young by its fault alone */
	MIXED_EVICT,  /* at the last look before a page goes, and if it is to be, in look-around */
	MIXED_FAST,   /* in ageing, too: it is fast */
	MIXED_ALWAYS, /* in ageing, too, although it has a lock that must be waited for */
	MIXED_SECONDARIES
};

/* Where to look around a page that was found young. Values combine. */
enum mixed_look {
	MIXED_LOOK_NONE = 0,
	MIXED_LOOK_HOST = 1,
	MIXED_LOOK_SECONDARY = 2,
	MIXED_LOOK_BOTH = 3,
	MIXED_LOOKS
};

/* "never", ... "always"; "none", ... "both". Null beyond. */
const char *mixed_secondary_name(unsigned int secondary);
const char *mixed_look_name(unsigned int look);

enum {
	MIXED_HOST,
	MIXED_GUEST,
	MIXED_SIDES
};

struct mixed_config {
	const struct merge *merge;
	const char *format; /* of the guest's page table; the host's is x86-64 */
	uint32_t frames;    /* pages that fit in memory */
	uint32_t tlb_sets;
	uint32_t tlb_ways;
	enum mixed_secondary secondary;
	enum mixed_look look;
	bool engine;	  /* the library's generation engine decides */
	bool flush;	  /* the CPUs forget what a harvest made old */
	bool fault_young; /* a guest's fault leaves the primary's mapping young */
	uint32_t isolate; /* pages that are taken off the lists at once, after their last looks */
	bool contend;	  /* somebody else takes the lock of the secondary MMU, if it has one */
	bool quiet;	  /* no progress bar */
	char *error;	  /* SIM_ERROR_SIZE bytes */
};

/* Of the host's pages, and of the guest's. */
struct mixed_side {
	uint64_t evictions;
	uint64_t late; /* of these: used between their last look and the unmap */
};

struct mixed {
	uint64_t misses[MIXED_SIDES];
	struct mixed_side side[MIXED_SIDES];
	uint64_t eviction_hash; /* FNV-1a 64 over the evicted pages, 4 bytes each */
	uint64_t agings;
	uint64_t single_checks;	  /* last looks */
	uint64_t single_young;	  /* of these: young */
	uint64_t batch_reads;	  /* entries read by ageing */
	uint64_t look_reads;	  /* ... and by look-around */
	uint64_t look_promoted;	  /* pages that look-around found young */
	uint64_t not_asked_pages; /* by ageing: pages whose MMU was left out, each time */
	uint64_t unanswered;	  /* last looks to which somebody could not answer */
	uint64_t flushes;	  /* times that the CPUs had to forget something for ageing */
	uint64_t retries;	  /* guest faults that an invalidation sent back */
	uint64_t tlb_hits;
	uint64_t ager_ns;    /* spent in the library's questions and unmaps */
	uint64_t lock_waits; /* times that a lock was waited for */
	uint64_t lock_wait_ns;
	uint64_t ager_wait_ns; /* of that, as operations told the space */
	uint64_t writer_waits; /* times that the other thread waited for ageing and reclaim */
	uint64_t writer_wait_ns;
	uint64_t writer_wait_most;
	double seconds;
};

/* False: config->error says why. */
bool mixed_run(struct mixed *mixed, const struct mixed_config *config);

/*
 * Misses of another policy on the same references in the same memory, all pages of one kind: of
 * exact LRU, or of the rule itself where one page table maps everything. False: error says why.
 */
bool mixed_policy(const struct merge *merge, const struct sim_policy *policy, uint32_t frames,
		  uint64_t misses[MIXED_SIDES], char *error);

/* Misses of a side against LRU in percent, and the distance between the two sides in points. */
double mixed_against(uint64_t misses, uint64_t lru);
double mixed_skew(const uint64_t misses[MIXED_SIDES], const uint64_t lru[MIXED_SIDES]);

#endif /* PTW_SIM_MIXED_H */
