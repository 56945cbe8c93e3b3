/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What experiment `secondary` measured. */
#ifndef PTW_BENCH_SECONDARY_H
#define PTW_BENCH_SECONDARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "examples/sim/groups.h"
#include "examples/sim/mixed.h"
#include "experiment.h"
#include "window.h"

#define SECONDARY_TRACES 3
#define SECONDARY_SIZES	 4
/* Loads: ordered pairs of traces, each at every size. */
#define SECONDARY_LOADS (SECONDARY_TRACES * (SECONDARY_TRACES - 1) * SECONDARY_SIZES)

/* TLBs of the CPUs, and whether harvests flush them. */
enum secondary_tlb {
	SECONDARY_WALK,	 /* no TLB: every reference sets accessed bits */
	SECONDARY_STALE, /* a TLB that harvests leave alone */
	SECONDARY_FLUSH, /* the same, flushed by them */
	SECONDARY_TLBS
};

extern const char *const secondary_tlb_names[SECONDARY_TLBS];

/* Pages that are taken off the lists at once, where that is measured. */
#define SECONDARY_ISOLATE 32u

/* Shares of pages that both groups map, in percent. */
#define SECONDARY_SHARES 2
extern const unsigned int secondary_shares[SECONDARY_SHARES];

struct secondary_cell {
	bool measured;
	struct mixed mixed;
};

/* One pair of traces in one size of memory. */
struct secondary_load {
	unsigned int host; /* number of a trace */
	unsigned int guest;
	unsigned int percent; /* memory, of the footprint of both */
	uint32_t frames;
	uint64_t lru[MIXED_SIDES];
	/* The rule where one page table maps everything: what of the skew is the load's own. */
	uint64_t one[MIXED_SIDES];
	struct secondary_cell cell[MIXED_SECONDARIES][MIXED_LOOKS][SECONDARY_TLBS];
	/* Look-around in both, no TLB: pages go so many evictions after their last looks; */
	struct secondary_cell isolated[MIXED_SECONDARIES];
	/* and a guest's fault does not count as a use of the host's mapping; */
	struct secondary_cell old[MIXED_SECONDARIES];
	/* and somebody else takes the lock, where there is one. */
	struct secondary_cell contended[MIXED_SECONDARIES];
	/* By share of pages that both map, without and with references by the other group. */
	struct groups groups[SECONDARY_SHARES][2];
};

/* A vCPU that maps and unmaps while somebody ages. */
struct secondary_point {
	const char *mode;
	const char *lock;
	uint64_t pages; /* asked about at a time */
	struct latencies latencies;
};

#define SECONDARY_POINTS 32

struct secondary_results {
	struct experiment_run run;
	char traces[SECONDARY_TRACES][32]; /* names */
	unsigned int trace_count;
	unsigned int loads;
	struct secondary_load load[SECONDARY_LOADS];
	unsigned int points; /* 0: there is one processor only */
	struct secondary_point point[SECONDARY_POINTS];
};

/* Averages over all loads of one way to do it. */
struct secondary_mean {
	unsigned int loads;
	double against; /* misses of both against LRU, percent, geometric mean */
	double skew;	/* points, mean */
	double skew_most;
	double excess;	/* points, mean: how far the load's own skew is missed */
	double singles; /* per miss */
	double batch;	/* entries read by ageing, per miss */
	double look;	/* by look-around, per miss */
	double late;	/* evicted pages that were used after their last look, percent */
	uint64_t not_asked;
	uint64_t waits;
	double wait_ns; /* of all loads */
	uint64_t writer_waits;
	double writer_wait_ns;
	double writer_wait_most;
};

/* Of which cells a mean is taken. */
struct secondary_way {
	unsigned int secondary;
	unsigned int look;
	unsigned int tlb;
	unsigned int percent; /* memory; 0: any */
};

/* The one cell of each load that `of` gives, if it was measured. */
void secondary_mean(const struct secondary_results *results,
		    const struct secondary_cell *(*of)(const struct secondary_load *load,
						       const struct secondary_way *way),
		    const struct secondary_way *way, struct secondary_mean *mean);

/* For secondary_mean(). */

const struct secondary_cell *secondary_cell(const struct secondary_load *load,
					    const struct secondary_way *way);
const struct secondary_cell *secondary_isolated(const struct secondary_load *load,
						const struct secondary_way *way);
const struct secondary_cell *secondary_old(const struct secondary_load *load,
					   const struct secondary_way *way);
const struct secondary_cell *secondary_contended(const struct secondary_load *load,
						 const struct secondary_way *way);

/* Is looking around the secondary MMU possible at all where it is asked like this? */
bool secondary_can_look(unsigned int secondary, unsigned int look);

double secondary_one_skew(const struct secondary_load *load);

/* Distance of the skew to the load's own, both with their signs; points. */
double secondary_excess(const struct secondary_load *load, const uint64_t misses[MIXED_SIDES]);

extern const unsigned int secondary_percents[SECONDARY_SIZES];

/* Everything that needs two processors. */
void secondary_live(struct secondary_results *results);

void secondary_print(const struct secondary_results *results);
void secondary_plot(const struct secondary_results *results, const char *directory);
json_t *secondary_json(const struct secondary_results *results);

#endif /* PTW_BENCH_SECONDARY_H */
