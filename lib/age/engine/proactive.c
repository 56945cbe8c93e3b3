/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Proactive reclaim by a target share of the working set that may be brought back (docs/engine.md). */
#include <ptw/error.h>
#include <ptw/port.h>
#include <ptw/proactive.h>

#include "lib/age/engine/engine.h"
#include "lib/age/engine/reuse.h"

#define PTW_STEPS_DEFAULT 10u
#define PTW_MILLION	  1000000u
/* Pages are put out from the middle of the first window on, but not before this step. */
#define PTW_FIRST_STEP 3u
/* What it aims at, of what may come back: 5/8 of it at first, never less than 1/20. */
#define PTW_AIM_FIRST (PTW_PROACTIVE_ONE / 8 * 5)
#define PTW_AIM_LEAST (PTW_PROACTIVE_ONE / 20)
/* With each window the aim rises by 1/64, unless more than 4/5 of what may came back. */
#define PTW_AIM_LG2    6u
#define PTW_GOAL_PART  4u
#define PTW_GOAL_WHOLE 5u
/* It falls by 7/10 at once, at most. */
#define PTW_FALL_PART  3u
#define PTW_FALL_WHOLE 10u
/* In a step the share that may come back together sinks by 1/4 of the target. */
#define PTW_SHARE_PART 4u
/* It is kept finer than it is told: with a target of some millionths it sinks by less than 1 / PTW_PROACTIVE_ONE. */
#define PTW_SHARE_FINE_LG2 24u

/* Of one step. */
struct ptw_proactive_past {
	uint64_t out;	     /* pages that were out at its end */
	uint64_t promotions; /* pages that came back in it */
};

struct ptw_proactive {
	struct ptw_group *group;
	uint32_t target;
	uint32_t steps;
	uint64_t taken;
	uint64_t working_set, allowed;
	uint64_t promised;  /* how many may come back in a window */
	uint64_t back;	    /* how many did since this window began */
	uint32_t threshold; /* in steps */
	uint64_t share;	    /* in 1 / (PTW_PROACTIVE_ONE << PTW_SHARE_FINE_LG2) */
	uint64_t aim;	    /* in 1 / PTW_PROACTIVE_ONE */
	uint64_t refaults, evicted; /* of the group at the end of the last step */
	uint64_t restored;	    /* how often it had been restored then */
	struct ptw_reuse reuse;
	struct ptw_proactive_past past[]; /* by number modulo steps */
};

static size_t ptw_proactive_bytes(uint32_t steps)
{
	return sizeof(struct ptw_proactive) + steps * sizeof(struct ptw_proactive_past);
}

static uint64_t ptw_most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t ptw_least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t ptw_proactive_cost(const struct ptw_proactive *p, uint32_t age)
{
	return p ? ptw_reuse_cost(&p->reuse, age) : 0;
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
	const uint64_t out = ptw_most(out_then, p->reuse.out_all), back = ptw_promotions(p);
	uint64_t share;

	if (!out)
		return;
	share = ptw_part_of(PTW_PROACTIVE_ONE, ptw_least(back, out), out);
	p->share -= p->share * p->target / (PTW_SHARE_PART * PTW_MILLION);
	p->share = ptw_most(ptw_most(share, 1) << PTW_SHARE_FINE_LG2, p->share);
}

/* At the end of a window: if more came back than was meant to, the next ones aim lower, by as much. */
static void ptw_set_aim(struct ptw_proactive *p)
{
	const uint64_t goal = p->promised * PTW_GOAL_PART / PTW_GOAL_WHOLE;
	uint64_t aim = ptw_least(p->aim + (p->aim >> PTW_AIM_LG2), PTW_PROACTIVE_ONE);

	if (p->back > goal)
		aim = ptw_least(aim, ptw_most(ptw_part_of(p->aim, goal, p->back),
					      p->aim * PTW_FALL_PART / PTW_FALL_WHOLE));
	p->aim = ptw_most(aim, PTW_AIM_LEAST);
}

/* How many are to come back in a window, as far as it has gone: less if many have. */
static uint64_t ptw_budget(const struct ptw_proactive *p, uint64_t aimed)
{
	const uint64_t gone = p->taken % p->steps;
	const uint64_t left = aimed > p->back ? aimed - p->back : 0;

	return ptw_least(aimed, left * p->steps / (p->steps - gone));
}

static int ptw_put_out_old(struct ptw_proactive *p, uint64_t *evicted)
{
	const uint64_t out = p->reuse.out_all, want = p->allowed > out ? p->allowed - out : 0;
	int ret;

	if (!want || p->threshold > PTW_PROACTIVE_AGES)
		return PTW_OK;
	ret = ptw_group_evict_older(p->group, ptw_reuse_ticks(&p->reuse, p->threshold), want,
				    evicted);
	ptw_reuse_put_out(&p->reuse, p->group, *evicted);
	return ret;
}

/* Nothing is known but what the group says now. */
static void ptw_start(struct ptw_proactive *p)
{
	struct ptw_group_state state = {.size = sizeof(state)};

	ptw_group_state(p->group, &state);
	__builtin_memset(&p->reuse, 0, sizeof(p->reuse));
	__builtin_memset(p->past, 0, p->steps * sizeof(*p->past));
	p->taken = 0;
	p->working_set = p->allowed = p->promised = p->back = 0;
	p->threshold = PTW_REUSE_AGES;
	p->share = (uint64_t)PTW_PROACTIVE_ONE << PTW_SHARE_FINE_LG2;
	p->aim = PTW_AIM_FIRST;
	p->refaults = state.refaults;
	p->evicted = state.evicted;
	p->restored = ptw_port_load(&p->group->restored);
	ptw_reuse_start(&p->reuse, p->group, state.ticks);
}

/* What happened since the last step; the group has just been aged. */
static void ptw_learn(struct ptw_proactive *p, const struct ptw_group_state *state)
{
	struct ptw_proactive_past *past = &p->past[p->taken++ % p->steps];
	const uint64_t out_then = past->out;

	past->promotions = state->refaults - p->refaults;
	p->refaults = state->refaults;
	p->back += past->promotions;
	ptw_reuse_learn(&p->reuse, p->group, state->ticks, state->evicted - p->evicted,
			past->promotions);
	p->working_set = ptw_reuse_working_set(&p->reuse, p->steps);
	p->promised = p->working_set * p->target / PTW_MILLION;
	ptw_set_share(p, out_then);
	if (p->taken % p->steps == 0) {
		ptw_set_aim(p);
		p->back = 0;
	}
}

static void ptw_decide(struct ptw_proactive *p)
{
	const uint64_t aimed = p->promised * p->aim / PTW_PROACTIVE_ONE;

	ptw_reuse_foresee(&p->reuse, p->steps);
	p->threshold = ptw_reuse_age_of_cost(&p->reuse, ptw_budget(p, aimed));
	p->allowed = aimed * PTW_PROACTIVE_ONE / (p->share >> PTW_SHARE_FINE_LG2);
}

int ptw_proactive_step(struct ptw_proactive *p, uint64_t *evicted)
{
	struct ptw_group_state state = {.size = sizeof(state)};
	int ret;

	if (!p || !evicted)
		return PTW_ERR_ARG;
	*evicted = 0;
	/* Its clock and its counters are others: no difference tells anything. */
	if (p->restored != ptw_port_load(&p->group->restored))
		ptw_start(p);
	ret = ptw_group_age(p->group);
	if (ret == PTW_ERR_AGAIN)
		return ret;
	ptw_group_state(p->group, &state);
	ptw_learn(p, &state);
	/* Before there is nothing to go by. */
	if (p->taken >= ptw_most(PTW_FIRST_STEP, p->steps / 2)) {
		ptw_decide(p);
		if (!ret)
			ret = ptw_put_out_old(p, evicted);
	}
	/* What others have put out meanwhile, and what was pending, is for the next step to count. */
	p->evicted = state.evicted + *evicted;
	p->past[(p->taken - 1) % p->steps].out = p->reuse.out_all;
	ptw_reuse_end(&p->reuse);
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
	ret = ptw_group_evict_older(group, PTW_PROACTIVE_AGES, 0, &none);
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
	state->out = p->reuse.out_all;
	state->allowed = p->allowed;
	state->threshold = p->threshold;
	state->share = (uint32_t)(p->share >> PTW_SHARE_FINE_LG2);
	state->aim = (uint32_t)p->aim;
	return PTW_OK;
}
