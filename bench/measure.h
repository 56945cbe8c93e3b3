/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How two or three ways to do the same work are compared on a machine that other programs use too.
 *
 * They alternate block by block in one thread, so that a slow spell hits all of them. A block is
 * short (0.3 ms at most) and is dropped if the kernel took the processor away in it. What counts is
 * the median of the blocks that were kept.
 */
#ifndef PTW_BENCH_MEASURE_H
#define PTW_BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#define MEASURE_SIDES 8

struct measure {
	void *context;
	uint64_t blocks;		/* of one pass; each side does each block once */
	uint64_t work;			/* units (entries, calls) in a block */
	uint64_t want;			/* kept blocks of each side */
	void (*prepare)(void *context); /* before each pass */
	void (*verify)(void *context);	/* after each pass */
	unsigned int sides;
	void (*side[MEASURE_SIDES])(void *context, uint64_t block);
	/* Instead of side[]: one function for all of them. */
	void (*any)(void *context, unsigned int side, uint64_t block);
};

struct measured {
	double ns[MEASURE_SIDES]; /* median, per unit of work */
	double longest_us;	  /* the slowest side's median block */
	uint64_t kept;		  /* of the side with the fewest */
	uint64_t total;		  /* blocks of one side */
};

void measure_run(const struct measure *measure, struct measured *measured);

/* Durations, of which there may be any number. */
struct samples {
	double *ns;
	uint64_t kept;
	uint64_t room;
};

void samples_add(struct samples *samples, double ns);
void samples_free(struct samples *samples);

/* Sorts. */
double median(double *values, uint64_t count);

#endif /* PTW_BENCH_MEASURE_H */
