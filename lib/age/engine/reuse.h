/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * At which ages pages are used again, and what that makes of the next window: what proactive reclaim decides by.
 *
 * Ages are in steps: a page has age n if it was not used in the last n steps. A page that was used again in a step is
 * told by the age it would have otherwise, 1 or more. Two histograms, the first made a step older, tell these uses, for
 * what is missing was used. Pages that are out are counted by age, too; of those that came back only the number is
 * known, and each age is taken to have its part of them.
 */
#ifndef PTW_LIB_AGE_REUSE_H
#define PTW_LIB_AGE_REUSE_H

#include <ptw/proactive.h>

/* The last one is of all that is older, and of pages whose tick cannot be told. */
#define PTW_REUSE_AGES (PTW_PROACTIVE_AGES + 1)
/* Ages below 8 by themselves, then four classes an octave, then the last age. */
#define PTW_REUSE_CLASSES 26u

struct ptw_reuse {
	uint64_t clock[PTW_REUSE_AGES]; /* the group's at the end of steps: a ring */
	uint32_t head;			/* of the last step */
	uint64_t out_all;
	uint64_t now[PTW_REUSE_AGES];  /* resident pages by age */
	uint64_t last[PTW_REUSE_AGES]; /* at the end of the last step */
	uint64_t out[PTW_REUSE_AGES];  /* pages that are out */
	/* By class, a 16th less with each step, with binary places: pages that got so old, and used instead. */
	uint64_t exposed[PTW_REUSE_CLASSES], used[PTW_REUSE_CLASSES];
	uint64_t hazard[PTW_REUSE_CLASSES]; /* used / exposed, in 1 / PTW_PROACTIVE_ONE */
	uint64_t foreseen[PTW_REUSE_AGES];  /* uses in the next window, with binary places */
	uint64_t played[PTW_REUSE_AGES];    /* pages by age as that window goes on */
	uint64_t ages[256];		    /* what the group says; too large for a stack */
};

/* value * part / whole, for part <= whole and value < 2^40. */
uint64_t ptw_part_of(uint64_t value, uint64_t part, uint64_t whole);

/* Nothing is known but what the group says now. `r` is all zero. */
void ptw_reuse_start(struct ptw_reuse *r, struct ptw_group *group, uint64_t ticks);

/* A step is over, with the group aged: pages were put out by others, pages came back. */
void ptw_reuse_learn(struct ptw_reuse *r, struct ptw_group *group, uint64_t ticks,
		     uint64_t others_out, uint64_t came_back);

/* Play out a window of so many steps, from what is there now. */
void ptw_reuse_foresee(struct ptw_reuse *r, uint32_t steps);

/* Pages foreseen to be used again at this age or later; and the least age of which these are at most so many. */
uint64_t ptw_reuse_cost(const struct ptw_reuse *r, uint32_t age);
uint32_t ptw_reuse_age_of_cost(const struct ptw_reuse *r, uint64_t most);

/* Pages used in the last steps, also those that are out since. */
uint64_t ptw_reuse_working_set(const struct ptw_reuse *r, uint32_t steps);

/* The age in ticks from which on pages are of at least this age, 1 or more. */
uint32_t ptw_reuse_ticks(const struct ptw_reuse *r, uint32_t age);

/* Pages were put out, the oldest first. */
void ptw_reuse_put_out(struct ptw_reuse *r, struct ptw_group *group, uint64_t pages);

/* The step is over. */
void ptw_reuse_end(struct ptw_reuse *r);

#endif /* PTW_LIB_AGE_REUSE_H */
