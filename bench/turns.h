/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Ways to do the same work that destroy what they find, so that each needs it planted anew: they
 * take turns pass by pass (measure.h has those that alternate block by block). A pass is cut into
 * blocks, of which each way may have another number; a block is dropped if the kernel took the
 * processor away in it.
 */
#ifndef PTW_BENCH_TURNS_H
#define PTW_BENCH_TURNS_H

#include <stdint.h>

#define TURNS_SIDES 12

struct turns {
	void *context;
	unsigned int sides;
	uint64_t blocks[TURNS_SIDES]; /* of one pass of each side */
	uint64_t want;	 /* kept blocks of each side, after a first pass that does not count */
	uint64_t passes; /* and as many passes at least */
	double seconds;	 /* but no longer than this; 0: the usual */
	void (*prepare)(void *context, unsigned int side); /* before each pass */
	void (*block)(void *context, unsigned int side, uint64_t block);
	void (*verify)(void *context, unsigned int side); /* after each pass */
};

struct turned {
	struct {
		double ns;   /* median block */
		double mean; /* of the medians of the passes: sees what only some passes pay */
		uint64_t kept;
		uint64_t total;
	} side[TURNS_SIDES];
	uint64_t kept;	/* of the side with the fewest */
	uint64_t total; /* of the same */
};

void turns_run(const struct turns *turns, struct turned *turned);

/* A block is to be short, so that the kernel rarely interrupts one. */
#define TURNS_BLOCK_NS 300000u

#endif /* PTW_BENCH_TURNS_H */
