/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Runs a trace through a policy and keeps what the report needs. */
#ifndef PTW_SIM_REPLAY_H
#define PTW_SIM_REPLAY_H

#include "policy.h"

#define REPLAY_WINDOWS 20

/* A stretch of the trace. Its pages are counted exactly, whatever the policy can see. */
struct window {
	uint64_t first_tick;
	uint64_t end_tick; /* the first one not in it */
	uint64_t pages;	   /* distinct pages referenced */
	uint64_t faults;
	uint64_t scans;	     /* passes that the policy made, and ... */
	uint64_t scan_young; /* ... pages it found young in them, summed */
};

struct replay {
	uint64_t faults;
	uint64_t evictions;
	uint64_t eviction_hash; /* FNV-1a 64 over the evicted page numbers, 4 bytes each */
	double seconds;
	bool has_counters;
	struct sim_counters counters;
	uint64_t idle_age[SIM_AGES]; /* the policy's; if it has none, the true ages */
	struct window windows[REPLAY_WINDOWS];
	unsigned int window_count;
};

/* False: config->error says why. */
bool replay_run(struct replay *replay, const struct sim_policy *policy,
		const struct sim_config *config);

#endif /* PTW_SIM_REPLAY_H */
