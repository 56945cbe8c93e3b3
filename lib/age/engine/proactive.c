/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Proactive reclaim by a target share of the working set that may be brought back (docs/engine.md).
 *
 * A group counts its pages by tick. Those that had a tick at the last step and have it no more were used again since,
 * at an age that is known: so two histograms, one shifted by the ticks between them, tell the ages of uses. Pages
 * that are out are counted by age, too; of those that came back the group tells only how many, and each age is taken to
 * have its part of them.
 */
#include <ptw/error.h>
#include <ptw/port.h>
#include <ptw/proactive.h>

#include "lib/age/engine/engine.h"

#define PTW_STEPS_DEFAULT 10u
#define PTW_MILLION	  1000000u
/* Aim below the target: 3/4 of it. */
#define PTW_AIM_PART  3u
#define PTW_AIM_WHOLE 4u
/* In a step the share that may come back sinks by 1/128, the threshold by 1/256. */
#define PTW_SHARE_LG2	  7u
#define PTW_THRESHOLD_LG2 8u
/* Numbers below 2^40 are scaled by a ratio of numbers below 2^23, so that products fit. */
#define PTW_SCALE_LIMIT ((uint64_t)1 << 23)

#define PTW_BINS	(PTW_PROACTIVE_AGES + 1)

/* Of one step. */
struct ptw_proactive_past {
	uint64_t ticks;		 /* the group's clock at its end */
	uint64_t out;		 /* pages that were out at its end */
	uint64_t promotions;	 /* pages that came back in it */
	uint32_t used[PTW_BINS]; /* pages used again, by age; saturating */
};

struct ptw_proactive {
	struct ptw_group *group;
	uint32_t target;
	uint32_t steps;
	uint64_t taken;
	uint64_t working_set, allowed;
	uint64_t threshold; /* 8 bits behind the point */
	uint64_t share;	    /* in 1 / PTW_PROACTIVE_ONE */

	uint64_t ticks, refaults, evicted; /* of the group at the end of the last step */
	uint64_t restored;		   /* how often it had been restored then */
	uint64_t out_all;
	uint64_t out[PTW_BINS];	 /* pages that are out, by age */
	uint64_t last[PTW_BINS]; /* pages by age at the end of the last step */
	uint64_t now[PTW_BINS];
	uint64_t cost[PTW_BINS];	  /* of all steps of the window: pages used again, by age */
	uint64_t ages[256];		  /* what the group says; too large for a stack */
	struct ptw_proactive_past past[]; /* by number modulo steps */
};

static size_t ptw_proactive_bytes(uint32_t steps)
{
	return sizeof(struct ptw_proactive) + steps * sizeof(struct ptw_proactive_past);
}

/* value * part / whole, for part <= whole. */
static uint64_t ptw_part_of(uint64_t value, uint64_t part, uint64_t whole)
{
	while (whole >= PTW_SCALE_LIMIT) {
		whole >>= 1;
		part >>= 1;
	}
	return whole ? value * part / whole : 0;
}

static uint64_t ptw_most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Pages by age, those too old to be told apart in one. Who is changing them meanwhile may make counters negative. */
static void ptw_read_ages(struct ptw_proactive *p)
{
	ptw_group_ages(p->group, p->ages);
	for (unsigned int age = 0; age < PTW_BINS; age++)
		p->now[age] = 0;
	for (unsigned int age = 0; age < 256; age++)
		if ((int64_t)p->ages[age] > 0)
			p->now[age < PTW_BINS ? age : PTW_BINS - 1] += p->ages[age];
}

/* So many ticks have passed. */
static void ptw_shift(uint64_t bins[PTW_BINS], uint64_t ticks)
{
	const unsigned int by = ticks < PTW_BINS ? (unsigned int)ticks : PTW_BINS - 1;

	for (unsigned int age = PTW_BINS - by; by && age < PTW_BINS - 1; age++)
		bins[PTW_BINS - 1] += bins[age];
	if (by)
		bins[PTW_BINS - 1] += bins[PTW_BINS - 1 - by];
	for (unsigned int age = PTW_BINS - 1; by && age-- > by;)
		bins[age] = bins[age - by];
	for (unsigned int age = 0; age < by; age++)
		bins[age] = 0;
}

static void ptw_used(struct ptw_proactive *p, struct ptw_proactive_past *past, unsigned int age,
		     uint64_t pages)
{
	const uint64_t room = (uint32_t)-1 - past->used[age];

	pages = pages < room ? pages : room;
	past->used[age] += (uint32_t)pages;
	p->cost[age] += pages;
}

/* Pages came back: each age of those that are out has its part. */
static void ptw_came_back(struct ptw_proactive *p, struct ptw_proactive_past *past, uint64_t pages)
{
	const uint64_t all = p->out_all, back = pages < all ? pages : all;
	uint64_t sum = 0, given = 0;

	for (unsigned int age = 0; age < PTW_BINS; age++) {
		uint64_t part;

		sum += p->out[age];
		part = ptw_part_of(back, sum, all) - given;
		part = part < p->out[age] ? part : p->out[age];
		given += part;
		p->out[age] -= part;
		p->out_all -= part;
		ptw_used(p, past, age, part);
	}
	past->promotions = pages;
	/* Who was out without being known to be: as old as can be. */
	ptw_used(p, past, PTW_BINS - 1, pages - given);
}

/* The step of a window ago makes room for this one. */
static struct ptw_proactive_past *ptw_begin(struct ptw_proactive *p)
{
	struct ptw_proactive_past *past = &p->past[p->taken++ % p->steps];

	for (unsigned int age = 0; age < PTW_BINS; age++) {
		p->cost[age] -= past->used[age];
		past->used[age] = 0;
	}
	return past;
}

/* What happened since the last step; the group has just been aged. */
static void ptw_learn(struct ptw_proactive *p, struct ptw_proactive_past *past,
		      const struct ptw_group_state *state)
{
	const uint64_t ticks = state->ticks - p->ticks;

	ptw_shift(p->last, ticks);
	ptw_shift(p->out, ticks);
	ptw_read_ages(p);
	/* Pages that have just been used had age 0 before, too: these do not tell anything. */
	for (unsigned int age = 1; age < PTW_BINS; age++)
		if (p->last[age] > p->now[age])
			ptw_used(p, past, age, p->last[age] - p->now[age]);
	/* Others put pages out: nobody knows how old they were. */
	p->out[PTW_BINS - 1] += state->evicted - p->evicted;
	p->out_all += state->evicted - p->evicted;
	ptw_came_back(p, past, state->refaults - p->refaults);
	p->ticks = state->ticks;
	p->refaults = state->refaults;
}

uint64_t ptw_proactive_cost(const struct ptw_proactive *p, uint32_t age)
{
	uint64_t pages = 0;

	for (uint32_t a = age; p && a < PTW_BINS; a++)
		pages += p->cost[a];
	return pages;
}

/* Resident pages used since a tick. */
static uint64_t ptw_working_set(const struct ptw_proactive *p, uint64_t first_tick)
{
	const uint64_t ticks = p->ticks - first_tick;
	uint64_t pages = 0;

	for (unsigned int age = 0; age < PTW_BINS && age < ticks; age++)
		pages += p->now[age];
	return pages;
}

static uint64_t ptw_promotions(const struct ptw_proactive *p)
{
	uint64_t pages = 0;

	for (uint32_t i = 0; i < p->steps; i++)
		pages += p->past[i].promotions;
	return pages;
}

/* Of what was out, the share that came back in this window; at once if it is more than before, slowly if it is less. */
static void ptw_set_share(struct ptw_proactive *p, uint64_t out_then)
{
	const uint64_t out = ptw_most(out_then, p->out_all), back = ptw_promotions(p);
	uint64_t share;

	if (!out_then)
		return;
	share = ptw_part_of(PTW_PROACTIVE_ONE, back < out ? back : out, out);
	p->share -= p->share >> PTW_SHARE_LG2;
	p->share = ptw_most(ptw_most(share, p->share), 1);
}

/* The least age that would have cost no more than `aim` in this window. */
static void ptw_set_threshold(struct ptw_proactive *p, uint64_t aim)
{
	uint32_t best = PTW_BINS;
	uint64_t cost = 0;

	while (best > 1 && cost + p->cost[best - 1] <= aim)
		cost += p->cost[--best];
	p->threshold -= p->threshold >> PTW_THRESHOLD_LG2;
	p->threshold = ptw_most((uint64_t)best << 8, p->threshold);
}

static uint32_t ptw_threshold(const struct ptw_proactive *p)
{
	return (uint32_t)((p->threshold + 0xff) >> 8);
}

static int ptw_put_out_old(struct ptw_proactive *p, uint64_t *evicted)
{
	const uint64_t want = p->allowed > p->out_all ? p->allowed - p->out_all : 0;
	uint64_t left;
	int ret;

	if (!want || ptw_threshold(p) > PTW_PROACTIVE_AGES)
		return PTW_OK;
	for (unsigned int age = 0; age < PTW_BINS; age++)
		p->last[age] = p->now[age];
	ret = ptw_group_evict_older(p->group, ptw_threshold(p), want, evicted);
	ptw_read_ages(p);
	/* The oldest went first; those that were young at the last moment are among the rest. */
	left = *evicted;
	for (unsigned int age = PTW_BINS; age-- && left;) {
		uint64_t gone = p->last[age] > p->now[age] ? p->last[age] - p->now[age] : 0;

		gone = gone < left ? gone : left;
		p->out[age] += gone;
		left -= gone;
	}
	p->out[PTW_BINS - 1] += left;
	p->out_all += *evicted;
	return ret;
}

/* Nothing is known but what the group says now. */
static void ptw_start(struct ptw_proactive *p)
{
	struct ptw_group_state state = {.size = sizeof(state)};

	ptw_group_state(p->group, &state);
	__builtin_memset(p->out, 0, sizeof(p->out));
	__builtin_memset(p->cost, 0, sizeof(p->cost));
	__builtin_memset(p->past, 0, p->steps * sizeof(*p->past));
	p->taken = 0;
	p->working_set = p->allowed = p->threshold = p->out_all = 0;
	p->share = PTW_PROACTIVE_ONE;
	p->ticks = state.ticks;
	p->refaults = state.refaults;
	p->evicted = state.evicted;
	p->restored = ptw_port_load(&p->group->restored);
	ptw_read_ages(p);
	for (unsigned int age = 0; age < PTW_BINS; age++)
		p->last[age] = p->now[age];
	for (uint32_t i = 0; i < p->steps; i++)
		p->past[i].ticks = state.ticks;
}

int ptw_proactive_step(struct ptw_proactive *p, uint64_t *evicted)
{
	struct ptw_group_state state = {.size = sizeof(state)};
	struct ptw_proactive_past *past;
	uint64_t first_tick, out_then, aim;
	int ret, aged;

	if (!p || !evicted)
		return PTW_ERR_ARG;
	*evicted = 0;
	/* Its clock and its counters are others: no difference tells anything. */
	if (p->restored != ptw_port_load(&p->group->restored))
		ptw_start(p);
	aged = ptw_group_age(p->group);
	if (aged == PTW_ERR_AGAIN)
		return aged;
	ptw_group_state(p->group, &state);
	first_tick = p->past[p->taken % p->steps].ticks;
	out_then = p->past[p->taken % p->steps].out;
	past = ptw_begin(p);
	ptw_learn(p, past, &state);
	p->working_set = ptw_working_set(p, first_tick);
	aim = p->working_set * p->target / PTW_MILLION * PTW_AIM_PART / PTW_AIM_WHOLE;
	ret = aged;
	/* In the first window there is nothing to go by. */
	if (p->taken > p->steps) {
		ptw_set_share(p, out_then);
		ptw_set_threshold(p, aim);
		p->allowed = aim * PTW_PROACTIVE_ONE / p->share;
		if (!ret)
			ret = ptw_put_out_old(p, evicted);
	}
	/* What others have put out meanwhile, and what was pending, is for the next step to count. */
	p->evicted = state.evicted + *evicted;
	past->ticks = p->ticks;
	past->out = p->out_all;
	for (unsigned int age = 0; age < PTW_BINS; age++)
		p->last[age] = p->now[age];
	return ret;
}

int ptw_proactive_create(struct ptw_group *group, const struct ptw_proactive_config *config,
			 struct ptw_proactive **out)
{
	struct ptw_proactive *p;
	uint64_t none;
	uint32_t steps;
	int ret;

	if (!group || !config || !out)
		return PTW_ERR_ARG;
	if (config->size < sizeof(*config))
		return PTW_ERR_SIZE;
	steps = config->steps ? config->steps : PTW_STEPS_DEFAULT;
	if (!config->target || config->target > PTW_MILLION || steps < 2 ||
	    steps > PTW_PROACTIVE_STEPS)
		return PTW_ERR_ARG;
	ret = ptw_group_evict_older(group, PTW_BINS, 0, &none);
	if (ret)
		return ret;
	p = ptw_port_zalloc(ptw_proactive_bytes(steps));
	if (!p)
		return PTW_ERR_NOMEM;
	p->group = group;
	p->target = config->target;
	p->steps = steps;
	ptw_start(p);
	*out = p;
	return PTW_OK;
}

void ptw_proactive_destroy(struct ptw_proactive *p)
{
	if (p)
		ptw_port_free(p, ptw_proactive_bytes(p->steps));
}

int ptw_proactive_set_target(struct ptw_proactive *p, uint32_t target)
{
	if (!p || !target || target > PTW_MILLION)
		return PTW_ERR_ARG;
	p->target = target;
	return PTW_OK;
}

int ptw_proactive_state(const struct ptw_proactive *p, struct ptw_proactive_state *state)
{
	if (!p || !state)
		return PTW_ERR_ARG;
	if (state->size < sizeof(*state))
		return PTW_ERR_SIZE;
	state->steps = p->taken;
	state->working_set = p->working_set;
	state->promotions = ptw_promotions(p);
	state->out = p->out_all;
	state->allowed = p->allowed;
	state->threshold = p->taken > p->steps ? ptw_threshold(p) : PTW_BINS;
	state->share = (uint32_t)p->share;
	return PTW_OK;
}
