/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the learned policy counts, and the rank that follows from it.
 *
 * In each step a page of some class and age is used or not: an exposure, and perhaps an event.
 * Their ratio is the hazard. A page's rank is its Gittins index: the best ratio, over all horizons,
 * of the chance to be used before it to the time that keeping the page until its use or until then
 * takes. Hazard alone would put out a page that is due soon but not just now; with it instead of
 * the index a third of what is gained is lost. Pages that were put out count as well, or long
 * intervals would never be seen: half of the gain.
 */
#include "lib/age/policy/learned.h"

/* Probability one. */
#define PTW_LEARNED_ONE ((uint32_t)1 << 24)
/*
 * What counts loses a 32nd in each step: half is forgotten in a round of memory. 1/16 does as well.
 */
#define PTW_LEARNED_DECAY 5
/*
 * Exposures, in 256ths, that a class is believed to have had beforehand, at the hazard of all
 * classes: 16 pages. 64 do as well.
 */
#define PTW_LEARNED_PRIOR (256u * 16)
/*
 * And those of all classes, at the hazard of the next older bucket: 4 pages, so that an age nobody
 * has had yet is like the one behind it.
 */
#define PTW_LEARNED_PRIOR_OLDER 1024u
/* A horizon that fewer than 1 in 2^14 reach tells nothing. */
#define PTW_LEARNED_ALIVE 10
/* Ranks are eighths of octaves of the index; 2^-6 of one in 2^24 is 0. */
#define PTW_LEARNED_RANK_FRACTION 3
#define PTW_LEARNED_RANK_BASE	  50

/* Ages of each bucket. */
static const uint8_t ptw_learned_length[PTW_LEARNED_BUCKETS] = {1, 1,  1,  2,  2,  4,  4, 7,
								9, 14, 18, 27, 37, 54, 59};

/*
 * floor(2^fraction log2 v) of 1 or more. Squaring 1 <= x < 2 gives the next binary digit of its
 * logarithm.
 */
uint32_t ptw_learned_log2(uint32_t v, unsigned int fraction)
{
	const unsigned int octave = 31u - (unsigned int)__builtin_clz(v);
	uint64_t x = octave >= 16 ? v >> (octave - 16) : v << (16 - octave);
	uint32_t log = octave;

	for (; fraction; fraction--) {
		x = x * x >> 16;
		log <<= 1;
		if (x >> 17) {
			x >>= 1;
			log |= 1;
		}
	}
	return log;
}

/* At the end of a step: all pages were exposed at their age, and what was before counts less. */
void ptw_learned_count(struct ptw_learned *l)
{
	for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++) {
		/* Those that were used in this step have counted already. */
		for (unsigned int a = 1; a < PTW_LEARNED_AGES; a++)
			l->exposures[c][ptw_learned_bucket(a)] +=
				(uint64_t)256 * l->population[c][(uint8_t)(l->step - a)];
		for (unsigned int b = 0; b < PTW_LEARNED_BUCKETS; b++) {
			l->events[c][b] -= l->events[c][b] >> PTW_LEARNED_DECAY;
			l->exposures[c][b] -= l->exposures[c][b] >> PTW_LEARNED_DECAY;
		}
	}
}

/* Events a step and page, where `weight` of exposures was like `prior` before. */
static uint32_t ptw_learned_hazard(uint64_t events, uint64_t exposures, uint32_t prior,
				   uint64_t weight)
{
	uint64_t hazard;

	/* So that 24 bits more fit in. */
	while (events >> 39) {
		events >>= 1;
		exposures >>= 1;
		weight >>= 1;
	}
	hazard = ((events << 24) + prior * weight) / (exposures + weight);
	return hazard < PTW_LEARNED_ONE ? (uint32_t)hazard : PTW_LEARNED_ONE;
}

static uint32_t ptw_learned_power(uint32_t base, unsigned int exponent)
{
	uint64_t power = PTW_LEARNED_ONE, square = base;

	for (; exponent; exponent >>= 1) {
		if (exponent & 1)
			power = power * square >> 24;
		square = square * square >> 24;
	}
	return (uint32_t)power;
}

/* Of each bucket, without classes. */
static void ptw_learned_hazard_of_all(const struct ptw_learned *l, uint32_t *hazard)
{
	uint32_t older = 0;

	for (unsigned int b = PTW_LEARNED_BUCKETS; b--;) {
		uint64_t events = 0, exposures = 0;

		for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++) {
			events += l->events[c][b];
			exposures += l->exposures[c][b];
		}
		older = ptw_learned_hazard(events, exposures, older, PTW_LEARNED_PRIOR_OLDER);
		hazard[b] = older;
	}
}

/* The ranks of a class, from what its pages live through in each bucket. */
static void ptw_learned_rank_class(struct ptw_learned *l, unsigned int class, const uint32_t *all)
{
	uint32_t stay[PTW_LEARNED_BUCKETS]; /* the chance not to be used in it */
	uint64_t time[PTW_LEARNED_BUCKETS]; /* expected steps in it, times ONE */

	for (unsigned int b = 0; b < PTW_LEARNED_BUCKETS; b++) {
		const uint32_t hazard = ptw_learned_hazard(
			l->events[class][b], l->exposures[class][b], all[b], PTW_LEARNED_PRIOR);

		stay[b] = ptw_learned_power(PTW_LEARNED_ONE - hazard, ptw_learned_length[b]);
		time[b] = (uint64_t)ptw_learned_length[b] << 24;
		if (hazard)
			time[b] = ((uint64_t)(PTW_LEARNED_ONE - stay[b]) << 24) / hazard;
	}
	for (unsigned int b = 0; b < PTW_LEARNED_BUCKETS; b++) {
		uint64_t alive = PTW_LEARNED_ONE, used = 0, spent = 0, best = 0;
		uint32_t rank;

		for (unsigned int to = b; to < PTW_LEARNED_BUCKETS && alive >> PTW_LEARNED_ALIVE;
		     to++) {
			uint64_t index;

			used += alive * (PTW_LEARNED_ONE - stay[to]) >> 24;
			spent += alive * time[to] >> 24;
			index = (used << 24) / (spent + 1);
			best = index > best ? index : best;
			alive = alive * stay[to] >> 24;
		}
		rank = best ? ptw_learned_log2((uint32_t)best, PTW_LEARNED_RANK_FRACTION) +
				       PTW_LEARNED_RANK_BASE :
			      0;
		l->rank[class][b] = (uint8_t)rank;
	}
}

/* The ranks of a new step. The greatest is 24 octaves: 8 * 24 + 50. */
void ptw_learned_rank(struct ptw_learned *l)
{
	uint32_t all[PTW_LEARNED_BUCKETS];

	ptw_learned_hazard_of_all(l, all);
	for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++)
		ptw_learned_rank_class(l, c, all);
}
