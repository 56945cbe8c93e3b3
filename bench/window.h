/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What counts: durations measured while neither thread lost its processor. The measuring thread sees
 * that for itself after each operation; the harvester tells after each pass, so durations are held
 * back for some milliseconds, from the end of one pass to the end of another, and then kept or not.
 */
#ifndef PTW_BENCH_WINDOW_H
#define PTW_BENCH_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

struct scan;

/* Adds up over several runs. */
struct latencies {
	struct histogram raw;
	struct histogram kept;
	/* Of requests that come every LATENCIES_EVERY_NS, and wait for those before them. */
	struct histogram arrivals;
	uint64_t stalled_ns; /* in operations of a millisecond and more */
	uint64_t ns;	     /* in all */
	uint64_t entries;    /* that the harvester read */
	uint64_t harvest_ns;
	uint64_t kept_entries; /* the same while the harvester kept its processor */
	uint64_t kept_ns;
	uint64_t preempted; /* times the harvester lost its processor */
};

/* One thread that waits does not ask again meanwhile, so its long waits look rarer than they are: a
 * wait of n times this stands for n requests that would have come, each later than the one before. */
#define LATENCIES_EVERY_NS 2048

struct window {
	const struct scan *scan; /* null: nobody else is there */
	struct latencies *latencies;
	/* One fills, the other waits for the harvester to tell. */
	struct {
		struct histogram kept;
		uint64_t lost; /* the harvester's count before it opened */
		bool spoiled;  /* the measuring thread lost its processor */
	} part[2];
	unsigned int filling;
	bool waiting;
	uint64_t reports; /* the harvester's when the waiting one was full */
	uint64_t end;
};

void window_open(struct window *window);

/* A duration; `preempted`: the measuring thread lost its processor in it. */
void window_add(struct window *window, uint64_t ns, bool preempted);

/* Between two durations: keep what turned out to be good. */
void window_turn(struct window *window);

#endif /* PTW_BENCH_WINDOW_H */
