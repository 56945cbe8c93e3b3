/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a what-if curve is made of. docs/engine.md says why it works. */
#ifndef PTW_LIB_AGE_CURVE_H
#define PTW_LIB_AGE_CURVE_H

#include <ptw/curve.h>
#include <ptw/port.h>

/*
 * Steps that pages were last seen in are told apart by slots, ascending; 0: never seen. When they are used up,
 * old ones are joined: a slot may hold a 64th of the pages seen since.
 */
#define PTW_CURVE_SLOTS 1024u
/* Distances are counted in bins of equal width. */
#define PTW_CURVE_BINS 1024u
/* Parts of a page in a bin, since a page's distance is spread over what it may have been. */
#define PTW_CURVE_PARTS 256u

struct ptw_curve {
	uint64_t first;
	uint64_t pages;
	uint64_t least;	 /* as configured */
	uint64_t samples; /* entries of `slot` */
	uint64_t words;	 /* of `seen` and `gone` */
	uint32_t rate;
	uint32_t run;
	uint32_t finer;
	uint32_t window;
	uint32_t seed;
	uint32_t bin; /* sampled pages of a bin */

	/* Any thread. */
	uint64_t *seen; /* by sampled page: since the last step */
	uint64_t *out;	/* likewise: put out, so that nobody can use it */
	uint64_t *gone; /* likewise: removed since then, before it was seen perhaps */
	uint64_t faults;
	uint64_t faults_step; /* at the end of the last step */
	uint64_t target;      /* faults, and pages that are new, until a step ends */
	uint64_t last;	      /* time of the last step */
	uint64_t interval;    /* and until the next, at most */
	uint64_t busy;	      /* by one compare-exchange */

	/* Whoever is busy. */
	uint16_t *slot;	   /* by sampled page: when it was last seen */
	uint32_t now;	   /* youngest slot in use */
	uint64_t known;	   /* sampled pages that have a slot */
	uint64_t steps;
	uint64_t firsts;
	uint64_t reuses;
	uint64_t recent_firsts; /* in parts */
	uint64_t count[PTW_CURVE_SLOTS]; /* pages by slot */
	uint64_t moved[PTW_CURVE_SLOTS]; /* of these, seen in the step that ends */
	uint64_t all[PTW_CURVE_BINS];	 /* parts of reuses by distance */
	uint64_t recent[PTW_CURVE_BINS];
};

/* One run of each block of 2^rate is sampled; which one, the block's number decides. */
static inline uint64_t ptw_curve_choice(const struct ptw_curve *curve, uint64_t block)
{
	uint64_t x = block + ((uint64_t)curve->seed << 40) + 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	x ^= x >> 31;
	return x & (((uint64_t)1 << curve->rate) - 1);
}

/* The first page, counted from the curve's, of the run that a block is represented by. */
static inline uint64_t ptw_curve_run(const struct ptw_curve *curve, uint64_t block)
{
	return ((block << curve->rate) + ptw_curve_choice(curve, block)) << curve->run;
}

/* Enter and leave what one thread at a time may do. Acquire and release, so that each sees what the last one did. */
static inline bool ptw_curve_enter(struct ptw_curve *curve)
{
	uint64_t free = 0;

	return ptw_port_cas(&curve->busy, &free, 1);
}

static inline void ptw_curve_leave(struct ptw_curve *curve)
{
	ptw_port_publish(&curve->busy, 0);
}

/* learn.c: what was seen since the last step becomes reuses and distances. Returns what is new, in pages. */
uint64_t ptw_curve_learn(struct ptw_curve *curve, uint64_t near);

#endif /* PTW_LIB_AGE_CURVE_H */
