/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * ptw-sim compare: every policy on every trace at every size of memory, against exact LRU and the
 * optimum. A **point** is a trace at a size; misses include first touches.
 */
#ifndef PTW_SIM_COMPARE_H
#define PTW_SIM_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "policy.h"
#include "trace.h"

struct extra;

#define COMPARE_SIZES	 16
#define COMPARE_POLICIES 32

/* What Q2 calls a point of enough misses, first touches not counted. */
#define COMPARE_LARGE 10000

struct compare_trace {
	const char *path;
	char *name; /* as tables call it: without folder and ending, where that is enough */
	struct trace trace;
};

struct compare_size {
	char text[16]; /* as it was given */
	struct memory_limit limit;
};

/* What one replay led to. */
struct compare_replay {
	uint64_t misses;
	uint64_t batch_reads;
	uint64_t single_checks;
	uint64_t eviction_hash;
	bool has_counters;
};

struct compare {
	struct compare_trace *traces;
	unsigned int trace_count;
	struct compare_size sizes[COMPARE_SIZES];
	unsigned int size_count;
	const struct sim_policy *policies[COMPARE_POLICIES];
	unsigned int policy_count;
	unsigned int lru; /* which of them; always there */
	unsigned int opt;
	unsigned int mglru; /* policy_count: not among them */
	uint32_t scan_interval;
	struct compare_replay *replays; /* by trace, size, policy */
	bool extra_wanted;		/* what Q4 and Q5 are about is run, too */
	uint32_t promotion;		/* for Q5, millionths of the working set */
	struct extra *extra;		/* compare_extra.h */
};

/* argv[0] is "compare". Returns the exit status, or ends in sim_die(). */
int compare_main(int argc, char **argv);

static inline unsigned int compare_index(const struct compare *compare, unsigned int trace,
					 unsigned int size, unsigned int policy)
{
	return (trace * compare->size_count + size) * compare->policy_count + policy;
}

static inline const struct compare_replay *compare_at(const struct compare *compare,
						      unsigned int trace, unsigned int size,
						      unsigned int policy)
{
	return &compare->replays[compare_index(compare, trace, size, policy)];
}

/* Pages of memory at a point, at most the footprint. */
uint32_t compare_frames(const struct compare *compare, unsigned int trace, unsigned int size);

/* compare_run.c: fill in all replays, by so many processes at once. A failure ends the program. */
void compare_run(struct compare *compare, unsigned int workers);

#endif /* PTW_SIM_COMPARE_H */
