/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How some ways to do the same work are compared on a machine that other programs use too.
 *
 * They alternate block by block in one thread, so that a slow spell hits all of them. A block is
 * short (0.3 ms at most) and is dropped if the kernel took the processor away in it. What counts is
 * the median of the blocks that were kept.
 */
#ifndef PTW_BENCH_MEASURE_H
#define PTW_BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#define MEASURE_SIDES 12

struct measure {
	void *context;
	uint64_t blocks;		/* of one pass; each side does each once, but see turns */
	uint64_t work;			/* units (entries, calls) in a block */
	uint64_t want;			/* kept blocks of each side */
	void (*prepare)(void *context); /* before each pass */
	void (*verify)(void *context);	/* after each pass */
	unsigned int sides;
	void (*side[MEASURE_SIDES])(void *context, uint64_t block);
	/* Instead of side[]: one function for all of them. */
	void (*any)(void *context, unsigned int side, uint64_t block);
	/* For sides that destroy what they find: one side does a block of a pass, measure_turn(). */
	bool turns;
};

/*
 * With `turns`: the side that does a block in pass 0 (which does not count), 1, ... At random, so that
 * none always has to follow the same one, whose writes may still be on their way to memory.
 */
static inline unsigned int measure_turn(uint64_t pass, uint64_t block, unsigned int sides)
{
	uint64_t v = (pass << 32 ^ block) * 0x9e3779b97f4a7c15u;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	return (unsigned int)((v >> 32) % sides);
}

struct measured {
	double ns[MEASURE_SIDES]; /* median, per unit of work */
	double longest_us;	  /* the slowest side's median block */
	uint64_t kept;		  /* of the side with the fewest */
	uint64_t total;		  /* blocks of that side */
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
