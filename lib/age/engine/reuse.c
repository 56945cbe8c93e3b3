/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "lib/age/engine/reuse.h"

#include <ptw/engine.h>
#include <ptw/port.h>

#define PTW_LAST (PTW_REUSE_AGES - 1)
/* Binary places of what is less than a page. */
#define PTW_PLACES 7u
/* What was counted weighs a 16th less with each step. */
#define PTW_FADE_LG2 4u
/* Numbers below 2^40 are scaled by a ratio of numbers below 2^23, so that products fit. */
#define PTW_SCALE_LIMIT ((uint64_t)1 << 23)
/* Ages in ticks are told apart below this (docs/engine.md). */
#define PTW_TOLD_TICKS 159u

uint64_t ptw_part_of(uint64_t value, uint64_t part, uint64_t whole)
{
	while (whole >= PTW_SCALE_LIMIT) {
		whole >>= 1;
		part >>= 1;
	}
	return whole ? value * part / whole : 0;
}

static unsigned int ptw_class(unsigned int age)
{
	unsigned int lg2;

	if (age == PTW_LAST)
		return PTW_REUSE_CLASSES - 1;
	if (age < 8)
		return age;
	lg2 = 31 - (unsigned int)__builtin_clz(age);
	return 8 + (lg2 - 3) * 4 + ((age >> (lg2 - 2)) & 3);
}

/* Ticks since the end of the step so many before this one. */
static uint64_t ptw_ticks_since(const struct ptw_reuse *r, unsigned int steps)
{
	return r->clock[r->head] - r->clock[(r->head + PTW_REUSE_AGES - steps) % PTW_REUSE_AGES];
}

/* The first age of which ticks cannot tell all pages: these, and what is older, have the last one. */
static unsigned int ptw_first_untold(const struct ptw_reuse *r)
{
	unsigned int age = 1;

	while (age < PTW_LAST && ptw_ticks_since(r, age) < PTW_TOLD_TICKS)
		age++;
	return age;
}

/* Pages by age. Who is changing them meanwhile may make counters negative. */
static void ptw_read_ages(struct ptw_reuse *r, struct ptw_group *group)
{
	const unsigned int untold = ptw_first_untold(r);
	unsigned int age = 0;

	ptw_group_ages(group, r->ages);
	__builtin_memset(r->now, 0, sizeof(r->now));
	for (unsigned int ticks = 0; ticks < 256; ticks++) {
		while (age < untold && ptw_ticks_since(r, age) < ticks)
			age++;
		if ((int64_t)r->ages[ticks] > 0)
			r->now[age < untold ? age : PTW_LAST] += r->ages[ticks];
	}
}

static void ptw_older(uint64_t pages[PTW_REUSE_AGES])
{
	pages[PTW_LAST] += pages[PTW_LAST - 1];
	for (unsigned int age = PTW_LAST - 1; age; age--)
		pages[age] = pages[age - 1];
	pages[0] = 0;
}

static void ptw_count(uint64_t of[PTW_REUSE_CLASSES], unsigned int age, uint64_t pages)
{
	of[ptw_class(age)] += pages << PTW_PLACES;
}

/* Pages came back: each age of those that are out has its part. */
static void ptw_came_back(struct ptw_reuse *r, uint64_t pages)
{
	const uint64_t all = r->out_all, back = pages < all ? pages : all;
	uint64_t sum = 0, given = 0;

	for (unsigned int age = 0; age < PTW_REUSE_AGES; age++) {
		uint64_t part;

		sum += r->out[age];
		part = ptw_part_of(back, sum, all) - given;
		part = part < r->out[age] ? part : r->out[age];
		given += part;
		r->out[age] -= part;
		r->out_all -= part;
		ptw_count(r->used, age, part);
	}
}

void ptw_reuse_start(struct ptw_reuse *r, struct ptw_group *group, uint64_t ticks)
{
	/* As if steps had been a tick each. */
	for (unsigned int age = 0; age < PTW_REUSE_AGES; age++)
		r->clock[(PTW_REUSE_AGES - age) % PTW_REUSE_AGES] = ticks - age;
	ptw_read_ages(r, group);
	ptw_reuse_end(r);
}

void ptw_reuse_learn(struct ptw_reuse *r, struct ptw_group *group, uint64_t ticks,
		     uint64_t others_out, uint64_t came_back)
{
	/* Where the clock stands still nothing gets older. */
	if (ticks != r->clock[r->head]) {
		unsigned int untold;

		r->head = (r->head + 1) % PTW_REUSE_AGES;
		r->clock[r->head] = ticks;
		ptw_older(r->last);
		ptw_older(r->out);
		untold = ptw_first_untold(r);
		for (unsigned int age = untold; age < PTW_LAST; age++) {
			r->last[PTW_LAST] += r->last[age];
			r->last[age] = 0;
		}
	}
	/* Others put pages out: nobody knows how old they were. */
	r->out[PTW_LAST] += others_out;
	r->out_all += others_out;
	for (unsigned int i = 0; i < PTW_REUSE_CLASSES; i++) {
		r->exposed[i] -= r->exposed[i] >> PTW_FADE_LG2;
		r->used[i] -= r->used[i] >> PTW_FADE_LG2;
	}
	ptw_read_ages(r, group);
	/* Pages that were used again at once had age 0 before, too. */
	for (unsigned int age = 1; age < PTW_REUSE_AGES; age++) {
		ptw_count(r->exposed, age, r->last[age] + r->out[age]);
		if (r->last[age] > r->now[age])
			ptw_count(r->used, age, r->last[age] - r->now[age]);
	}
	ptw_came_back(r, came_back);
}

/* Of an age that no page has had yet nothing is known: it is as the age before it, and of the first ones all come. */
static void ptw_set_hazards(struct ptw_reuse *r)
{
	uint64_t hazard = PTW_PROACTIVE_ONE;

	for (unsigned int i = 1; i < PTW_REUSE_CLASSES; i++) {
		const uint64_t used = r->used[i], exposed = r->exposed[i];

		if (exposed)
			hazard = ptw_part_of(PTW_PROACTIVE_ONE, used < exposed ? used : exposed,
					     exposed);
		r->hazard[i] = hazard;
	}
}

void ptw_reuse_foresee(struct ptw_reuse *r, uint32_t steps)
{
	ptw_set_hazards(r);
	__builtin_memset(r->foreseen, 0, sizeof(r->foreseen));
	for (unsigned int age = 0; age < PTW_REUSE_AGES; age++)
		r->played[age] = (r->now[age] + r->out[age]) << PTW_PLACES;
	for (uint32_t step = 0; step < steps; step++) {
		uint64_t used = 0;

		for (unsigned int age = 0; age < PTW_REUSE_AGES; age++) {
			const unsigned int next = age < PTW_LAST ? age + 1 : age;
			const uint64_t again =
				r->played[age] * r->hazard[ptw_class(next)] / PTW_PROACTIVE_ONE;

			r->foreseen[age] += again;
			r->played[age] -= again;
			used += again;
		}
		ptw_older(r->played);
		r->played[0] = used;
	}
}

uint64_t ptw_reuse_cost(const struct ptw_reuse *r, uint32_t age)
{
	uint64_t cost = 0;

	for (uint32_t a = age; a < PTW_REUSE_AGES; a++)
		cost += r->foreseen[a];
	return cost >> PTW_PLACES;
}

uint32_t ptw_reuse_age_of_cost(const struct ptw_reuse *r, uint64_t most)
{
	uint64_t left = most << PTW_PLACES;
	uint32_t age = PTW_REUSE_AGES;

	while (age > 1 && r->foreseen[age - 1] <= left)
		left -= r->foreseen[--age];
	return age;
}

uint64_t ptw_reuse_working_set(const struct ptw_reuse *r, uint32_t steps)
{
	uint64_t pages = 0;

	for (uint32_t age = 0; age < steps; age++)
		pages += r->now[age] + r->out[age];
	return pages;
}

uint32_t ptw_reuse_ticks(const struct ptw_reuse *r, uint32_t age)
{
	const unsigned int untold = ptw_first_untold(r);

	return (uint32_t)ptw_ticks_since(r, (age < untold ? age : untold) - 1) + 1;
}

void ptw_reuse_put_out(struct ptw_reuse *r, struct ptw_group *group, uint64_t pages)
{
	uint64_t left = pages;

	for (unsigned int age = 0; age < PTW_REUSE_AGES; age++)
		r->last[age] = r->now[age];
	ptw_read_ages(r, group);
	/* The oldest went first; those that were young at the last moment are among the rest. */
	for (unsigned int age = PTW_REUSE_AGES; age-- && left;) {
		uint64_t gone = r->last[age] > r->now[age] ? r->last[age] - r->now[age] : 0;

		gone = gone < left ? gone : left;
		r->out[age] += gone;
		left -= gone;
	}
	r->out[PTW_LAST] += left;
	r->out_all += pages;
}

void ptw_reuse_end(struct ptw_reuse *r)
{
	for (unsigned int age = 0; age < PTW_REUSE_AGES; age++)
		r->last[age] = r->now[age];
}
