/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tiers: pages that calls have used stay a generation longer if such pages come back more often than those that no call
 * has used. The rule is that of Linux's lru_gen (mm/vmscan.c, version 7.3), in integers; docs/engine.md has it.
 */
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

/* Below so many refaults a tier is not protected; as many pages are added to those that are compared with. */
#define PTW_REFAULTS_JUDGED 64u
#define PTW_RATE_LG2	    20u
/* So that products fit. */
#define PTW_REFAULTS_MAX ((uint64_t)1 << 40)
/* What is judged of a tier at most, so that sums over tiers fit, whatever an image says. */
#define PTW_JUDGED_MAX ((uint64_t)1 << 61)
/* A tier is protected if its rate is more than 3/2 of tier 0's. */
#define PTW_MARGIN_PART	 3u
#define PTW_MARGIN_WHOLE 2u
/* No generation is left without its two youngest neighbours. */
#define PTW_GENERATIONS_SPARED 2u

int ptw_page_used(struct ptw_engine *engine, uint64_t page)
{
	struct ptw_owned o;
	unsigned int i;
	int ret;

	if (engine && engine->ordered)
		return PTW_ERR_UNSUPPORTED;
	ret = ptw_page_own(engine, page, &o, &i);
	if (ret)
		return ret;
	if (!(o.state[i] & PTW_PAGE_RESIDENT)) {
		ret = PTW_ERR_ABSENT;
	} else {
		if ((o.state[i] & PTW_PAGE_USES) != PTW_PAGE_USES)
			o.state[i] += PTW_PAGE_USE;
		ptw_feedback_begin(o.group);
	}
	ptw_region_leave(&o);
	return ret;
}

uint64_t ptw_page_sequence(const struct ptw_owned *o, unsigned int i)
{
	const struct ptw_group *group = o->group;
	const uint64_t oldest = ptw_port_load(&group->oldest);
	/* Acquire; partner: the release in ptw_generation_begin(), behind the birth. */
	uint64_t seq = ptw_port_load_table(&group->youngest);
	const int64_t age = ptw_tick_age(o->now, o->tick[i]);

	/* Those that cannot be told apart any more are of the oldest. A generation may have begun since o->at. */
	while (seq > oldest &&
	       (!o->tick[i] || age > (int64_t)(o->at - ptw_port_load(&group->birth_tick
									      [seq % PTW_GENERATIONS]))))
		seq--;
	return seq;
}

bool ptw_tier_protect(struct ptw_owned *o, unsigned int i)
{
	const struct ptw_group *group = o->group;
	/* Acquire; partner: the release in ptw_generation_begin(), behind the birth. */
	const uint64_t youngest = ptw_port_load_table(&group->youngest);
	const uint64_t seq = ptw_page_sequence(o, i);
	uint64_t end;

	if (seq + PTW_GENERATIONS_SPARED > youngest)
		return false;
	/* The last tick of the next one. */
	end = ptw_port_load(
		      &group->birth_tick[(seq + PTW_GENERATIONS_SPARED) % PTW_GENERATIONS]) - 1;
	if (end > o->at || o->at - end > PTW_OLD_TICKS)
		return false;
	ptw_port_add64(&o->type->tier[ptw_page_tier(o->state[i])].protected, 1);
	o->state[i] &= (uint8_t)~PTW_PAGE_USES;
	ptw_page_mark(o, i, ptw_tick_byte(end));
	return true;
}

/* Counters that others are changing may be below what they were for a moment. */
static uint64_t ptw_lately(uint64_t average, uint64_t total, uint64_t before)
{
	const uint64_t sum = average + (total - before);

	if ((int64_t)sum <= 0)
		return 0;
	return sum < PTW_JUDGED_MAX ? sum : PTW_JUDGED_MAX;
}

static uint64_t ptw_tier_gone(const struct ptw_tier *tier)
{
	return ptw_port_load(&tier->evicted) + ptw_port_load(&tier->protected);
}

/* In this generation, and in those before by halves. */
static void ptw_tier_judged(const struct ptw_tier *tier, uint64_t *gone, uint64_t *refaulted)
{
	*gone = ptw_lately(ptw_port_load(&tier->gone_average), ptw_tier_gone(tier),
			   ptw_port_load(&tier->gone_before));
	*refaulted = ptw_lately(ptw_port_load(&tier->refaulted_average),
				ptw_port_load(&tier->refaulted),
				ptw_port_load(&tier->refaulted_before));
}

void ptw_type_judged(const struct ptw_type *type, uint64_t *gone, uint64_t *refaulted)
{
	*gone = *refaulted = 0;
	for (unsigned int i = 0; i < PTW_TIERS; i++) {
		uint64_t g, r;

		ptw_tier_judged(&type->tier[i], &g, &r);
		*gone += g;
		*refaulted += r;
	}
}

void ptw_tiers_average(struct ptw_group *group)
{
	if (!ptw_port_load(&group->feedback))
		return;
	/* Acquire; partner: the release in ptw_type_enter(). */
	for (uint64_t types = ptw_port_load_table(&group->types); types; types &= types - 1) {
		struct ptw_type *type = group->type[__builtin_ctzll(types)];

		for (unsigned int i = 0; i < PTW_TIERS; i++) {
			struct ptw_tier *tier = &type->tier[i];
			const uint64_t gone_now = ptw_tier_gone(tier);
			const uint64_t refaulted_now = ptw_port_load(&tier->refaulted);
			uint64_t gone, refaulted;

			ptw_tier_judged(tier, &gone, &refaulted);
			ptw_port_publish(&tier->gone_average, gone / 2);
			ptw_port_publish(&tier->gone_before, gone_now);
			ptw_port_publish(&tier->refaulted_average, refaulted / 2);
			ptw_port_publish(&tier->refaulted_before, refaulted_now);
		}
	}
}

static uint64_t ptw_rate(uint64_t refaulted, uint64_t gone)
{
	refaulted = refaulted < PTW_REFAULTS_MAX ? refaulted : PTW_REFAULTS_MAX;
	return (refaulted << PTW_RATE_LG2) / (gone ? gone : 1);
}

unsigned int ptw_tier_limit(const struct ptw_group *group, uint32_t type)
{
	const struct ptw_tier *tier = group->type[type]->tier;
	uint64_t gone, refaulted, base;
	unsigned int limit = 0;

	if (!ptw_port_load(&group->feedback))
		return PTW_TIERS - 1;
	ptw_tier_judged(&tier[0], &gone, &refaulted);
	base = ptw_rate(refaulted + 1, gone + PTW_REFAULTS_JUDGED);
	for (; limit + 1 < PTW_TIERS; limit++) {
		ptw_tier_judged(&tier[limit + 1], &gone, &refaulted);
		if (refaulted >= PTW_REFAULTS_JUDGED &&
		    PTW_MARGIN_WHOLE * ptw_rate(refaulted, gone) > PTW_MARGIN_PART * base)
			break;
	}
	return limit;
}
