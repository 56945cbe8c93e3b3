/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Proactive reclaim on a trace: memory would hold everything, and the library's controller (ptw/proactive.h) puts out
 * what is idle, so that no more than a target share of the working set comes back in a window. A **window** is a
 * twentieth of the trace, a **step** a tenth of a window: there pages are aged and put out. The **oracle** knows the
 * future: it may put out any page at any step, has to bring back as many in each window as the controller
 * did, and chooses those whose next use is farthest.
 *
 * And how good idle ages are: **picks** are the coldest 30 % of all pages used so far, by the engine's idle age and by
 * exact LRU, at the end of each window but the last; a pick is **wrong** if it is used within a hundredth of the trace.
 */
#ifndef PTW_SIM_PROACTIVE_H
#define PTW_SIM_PROACTIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "trace.h"

#define PROACTIVE_WINDOWS 20u
#define PROACTIVE_STEPS	  10u /* of a window */
/* A shorter trace has no ticks to take steps at. */
#define PROACTIVE_TICKS (PROACTIVE_WINDOWS * PROACTIVE_STEPS)
/* Millionths of the working set, if nothing else is said: half of it. */
#define PROACTIVE_TARGET_DEFAULT 500000u

struct proactive_config {
	const struct trace *trace;
	const char *format;
	uint32_t target; /* millionths of the working set */
	bool quiet;	 /* no progress bar */
	char *error;	 /* SIM_ERROR_SIZE bytes */
};

struct proactive_window {
	uint64_t first_tick;
	uint64_t end_tick;
	uint64_t touched;    /* pages used in it: the working set */
	uint64_t promotions; /* pages brought back */
	uint64_t evictions;
	uint64_t saved;	    /* pages that were out, summed over its ticks */
	uint32_t threshold; /* at its end, in steps */
};

struct proactive {
	struct proactive_window windows[PROACTIVE_WINDOWS];
	uint64_t promotions;
	uint64_t evictions;
	uint64_t eviction_hash;
	uint64_t misses; /* first touches and promotions */
	uint64_t batch_reads;
	uint64_t single_checks;
	uint64_t saved;	 /* page ticks */
	uint64_t oracle; /* the same of the oracle */
	uint64_t whole;	 /* page ticks of all pages from their first touch on */
};

struct picks {
	uint64_t picked;
	uint64_t wrong;	    /* by idle age */
	uint64_t wrong_lru; /* by exact LRU */
	uint64_t batch_reads;
	uint64_t misses;
};

/* Has the trace PROACTIVE_TICKS? If not, error says so. */
bool proactive_possible(const struct proactive_config *config);

/* False: config->error says why. */
bool proactive_run(struct proactive *proactive, const struct proactive_config *config);
bool picks_run(struct picks *picks, const struct proactive_config *config);

/* Page ticks that the oracle saves. False: not enough memory. */
bool proactive_oracle(struct proactive *proactive, const struct trace *trace);

/* The tick at whose end the index-th step is, from 1 on; and the end of a window, from 0 on. */
static inline uint64_t proactive_step_tick(const struct trace *trace, uint64_t step)
{
	return trace->ticks * step / PROACTIVE_TICKS;
}

static inline uint64_t proactive_window_end(const struct trace *trace, unsigned int window)
{
	return proactive_step_tick(trace, (uint64_t)PROACTIVE_STEPS * (window + 1));
}

/* Windows in which no more came back than the target allows, in percent. */
double proactive_held(const struct proactive *proactive, uint32_t target);

/* What was saved, in percent of what the oracle saves. */
double proactive_savings(const struct proactive *proactive);

/* How many more of its picks are wrong than of exact LRU's, in points. */
double picks_excess(const struct picks *picks);

#endif /* PTW_SIM_PROACTIVE_H */
