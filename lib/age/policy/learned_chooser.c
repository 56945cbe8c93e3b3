/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Rank or age? Where memory holds a loop but for a little, or what is learned does not repeat
 * itself, age is better, at some points by a third.
 *
 * Two miniatures tell. They have as many frames for the pages sampled as memory has for all, one
 * evicts by rank and one by age, and both see what the group sees. A page sampled has a bit for
 * each. The difference of their misses is summed up (CUSUM): far on one side, that rule is taken.
 * What is summed is bounded, so that a change is not waited for longer than it takes to see it.
 *
 * A miniature has got used to its rule, memory has not when the rule changes: what it put out
 * before comes back first, by as many misses as half of memory at worst. So it is memory's own
 * misses of pages sampled that count for the rank while it is the rule, and where all misses so far
 * are few, as when memory holds nearly everything, there must be more to gain than a change costs.
 */
#include "lib/age/policy/learned.h"

/* See PTW_LEARNED_SHIFT: so many frames a miniature has at least. */
#define PTW_LEARNED_FRAMES 128u
/*
 * And not more are sampled again before it has lost a quarter of these: changing costs what the
 * miniatures know.
 */
#define PTW_LEARNED_FRAMES_LOW 96u
/*
 * The rank is taken when it has missed less by a 16th of a miniature, at least 16 pages; in 256ths.
 */
#define PTW_LEARNED_TAKE_SHARE 16
#define PTW_LEARNED_TAKE_MIN   (16 * 256)
/*
 * As long as there were fewer misses than so many times the pages of memory, the bound is so many
 * times as high, by bits: as many misses as memory has pages must be gained.
 */
#define PTW_LEARNED_FEW	      8
#define PTW_LEARNED_FEW_SHIFT 2
/*
 * What the age misses must be more, in 256ths: where both are alike, the age costs less when it is
 * wrong. And what it misses seems more than it is, while the rank is taken: pages are looked at
 * later then, and a miniature cannot order by what was not seen. With 2 of them sqlite at 25 and
 * 50 % has 3 % more misses; the programs for which the rank is good have 10 % to gain.
 */
#define PTW_LEARNED_MARGIN 7
/* Where the miniature's eviction begins goes on by this in each step; odd. */
#define PTW_LEARNED_TURN 40503u

/* The page sampled of a group of 2^shift, by multiplicative hashing: no regular one. */
static uint64_t ptw_learned_sample_of(uint64_t group, uint32_t shift)
{
	const uint32_t hash = (uint32_t)group * 0x9E3779B1u >> 20;

	return group << shift | (hash & (((uint32_t)1 << shift) - 1));
}

bool ptw_learned_sampled(const struct ptw_learned *l, uint32_t page)
{
	return ptw_learned_sample_of(page >> l->shift, l->shift) == page;
}

/* It was used: those miniatures that do not have it miss. */
void ptw_learned_sample(struct ptw_learned *l, uint32_t page)
{
	if (!ptw_learned_sampled(l, page))
		return;
	for (uint32_t r = 0; r < PTW_LEARNED_RULES; r++) {
		if (l->history[page] & PTW_LEARNED_IN << r)
			continue;
		l->history[page] |= (uint16_t)(PTW_LEARNED_IN << r);
		l->held[r]++;
		l->missed[r]++;
	}
}

static void ptw_learned_drop(struct ptw_learned *l, uint32_t page, uint32_t rule)
{
	if (!(l->history[page] & PTW_LEARNED_IN << rule))
		return;
	l->history[page] &= (uint16_t) ~(PTW_LEARNED_IN << rule);
	l->held[rule]--;
}

/* It is to be forgotten. */
void ptw_learned_unsample(struct ptw_learned *l, uint32_t page)
{
	for (uint32_t r = 0; r < PTW_LEARNED_RULES; r++)
		ptw_learned_drop(l, page, r);
}

/*
 * Memory has another size. If other pages are sampled then, both miniatures begin with those that
 * are resident.
 */
void ptw_learned_resize(struct ptw_learned *l, uint64_t resident)
{
	uint32_t shift = l->shift;

	while (shift && resident >> shift < PTW_LEARNED_FRAMES_LOW)
		shift--;
	while (shift < PTW_LEARNED_SHIFT && resident >> (shift + 1) >= PTW_LEARNED_FRAMES)
		shift++;
	if (shift == l->shift)
		return;
	l->shift = shift;
	for (uint32_t r = 0; r < PTW_LEARNED_RULES; r++)
		l->held[r] = 0;
	for (uint32_t s = 0; s < l->spans; s++)
		for (uint32_t p = l->span[s].first; p < l->span[s].end; p++) {
			if (!(l->history[p] & PTW_LEARNED_KNOWN))
				continue;
			l->history[p] &= (uint16_t) ~(PTW_LEARNED_IN << PTW_LEARNED_RECENCY |
						      PTW_LEARNED_IN << PTW_LEARNED_HAZARD);
			if (l->link[p])
				ptw_learned_sample(l, p);
		}
	for (uint32_t r = 0; r < PTW_LEARNED_RULES; r++)
		l->missed[r] = 0;
	l->faults = 0;
}

/* Pages of a miniature, one by one: from the `at`th sampled one on. */
struct ptw_learned_walk {
	uint32_t span;
	uint64_t group;
};

static bool ptw_learned_walk_next(const struct ptw_learned *l, struct ptw_learned_walk *w,
				  uint32_t *page)
{
	while (w->span < l->spans) {
		const struct ptw_learned_span *span = &l->span[w->span];
		const uint64_t first = span->first >> l->shift;
		uint64_t p;

		if (w->group < first)
			w->group = first;
		p = ptw_learned_sample_of(w->group++, l->shift);
		if (p < span->end) {
			*page = (uint32_t)p;
			return true;
		}
		/* Behind the span, or cut off by the engine's last page. */
		w->span++;
	}
	return false;
}

/* All below a rank, and `ties` of that rank: those from the nth page sampled on first. */
static void ptw_learned_evict(struct ptw_learned *l, uint32_t rule, uint32_t rank, uint32_t ties,
			      uint64_t nth)
{
	for (unsigned int round = 0; round < 2; round++) {
		struct ptw_learned_walk walk = {0};
		uint64_t at = 0;
		uint32_t p;

		for (; ptw_learned_walk_next(l, &walk, &p); at++) {
			uint32_t of;

			if (!(l->history[p] & PTW_LEARNED_IN << rule))
				continue;
			of = ptw_learned_rank_of(l, p, rule);
			if (of < rank) {
				ptw_learned_drop(l, p, rule);
			} else if (of == rank && ties && (round || at >= nth)) {
				ptw_learned_drop(l, p, rule);
				ties--;
			}
		}
		if (!ties)
			return;
	}
}

/*
 * Down to its frames. Pages used in this step came in first and are evicted now: a miniature is
 * only a step behind.
 */
static void ptw_learned_shrink(struct ptw_learned *l, uint32_t rule, uint32_t frames)
{
	uint32_t count[PTW_LEARNED_RANKS] = {0}, need, rank = 0, p;
	struct ptw_learned_walk walk = {0};
	uint64_t sampled = 0;

	if (l->held[rule] <= frames)
		return;
	for (; ptw_learned_walk_next(l, &walk, &p); sampled++)
		if (l->history[p] & PTW_LEARNED_IN << rule)
			count[ptw_learned_rank_of(l, p, rule)]++;
	need = l->held[rule] - frames;
	while (rank < PTW_LEARNED_RANKS - 1 && count[rank] < need)
		need -= count[rank++];
	ptw_learned_evict(l, rule, rank, need, sampled ? l->turn % sampled : 0);
}

static void ptw_learned_to_recency(struct ptw_learned *l)
{
	l->rule = PTW_LEARNED_RECENCY;
	l->good = 0;
	if (l->balance > 0)
		l->balance = 0;
}

/* At the beginning of a step. */
void ptw_learned_choose(struct ptw_learned *l, uint64_t resident)
{
	const uint32_t frames = (uint32_t)(resident >> l->shift);
	const int64_t recency = (int64_t)l->missed[PTW_LEARNED_RECENCY];
	int64_t hazard = (int64_t)l->missed[PTW_LEARNED_HAZARD];
	int64_t take = (int64_t)frames * 256 / PTW_LEARNED_TAKE_SHARE;

	if (l->rule == PTW_LEARNED_HAZARD)
		hazard = (int64_t)l->faults;
	l->turn += PTW_LEARNED_TURN;
	for (uint32_t r = 0; r < PTW_LEARNED_RULES; r++)
		ptw_learned_shrink(l, r, frames);
	if (take < PTW_LEARNED_TAKE_MIN)
		take = PTW_LEARNED_TAKE_MIN;
	take <<= l->caution;
	if (l->misses / PTW_LEARNED_FEW < resident)
		take <<= PTW_LEARNED_FEW_SHIFT;
	l->balance += (recency - hazard) * 256 - recency * PTW_LEARNED_MARGIN;
	l->missed[PTW_LEARNED_RECENCY] = l->missed[PTW_LEARNED_HAZARD] = l->faults = 0;
	if (l->balance > take)
		l->balance = take;
	if (l->balance < -take / 2)
		l->balance = -take / 2;
	if (!l->picked || ptw_learned_filling(l, resident)) {
		ptw_learned_to_recency(l);
		l->caution = PTW_LEARNED_CAUTION;
	} else if (l->rule == PTW_LEARNED_HAZARD && l->balance <= take / 4) {
		ptw_learned_to_recency(l);
		if (l->caution < PTW_LEARNED_CAUTION)
			l->caution++;
	} else if (l->rule == PTW_LEARNED_RECENCY && l->balance >= take) {
		l->rule = PTW_LEARNED_HAZARD;
	}
	if (l->rule == PTW_LEARNED_HAZARD && ++l->good > PTW_LEARNED_GOOD_STEPS) {
		l->good = 0;
		if (l->caution)
			l->caution--;
	}
}
