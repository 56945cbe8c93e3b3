/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The clock of a group, its generations, and ageing. */
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

/* Below so many populated generations there is nothing to choose from. */
#define PTW_GENERATIONS_WANTED 3u
/* Evictions between two looks at whether three are well filled. */
#define PTW_LOOK_EVERY 32u

/*
 * The clock goes on, with `ticking` taken. Regions whose turn it is, and that may have pages old enough, are looked
 * through, so that no page gets as old as 255 ticks: a page that is old enough is found within PTW_TURNS ticks, and
 * who owned its region meanwhile, with an older tick at hand, is waited for here.
 */
static void ptw_clock_step(struct ptw_group *group)
{
	const uint64_t tick = ptw_port_load(&group->tick) + 1;
	const uint8_t now = ptw_tick_byte(tick);
	const struct ptw_span *span;
	/* Relaxed: who isolates a page meanwhile has a tick of it that is not old yet. */
	const bool isolated = ptw_port_load(&group->isolated);
	uint64_t left;

	ptw_port_publish(&group->tick, tick);
	ptw_port_publish(&group->since, 0);
	/*
	 * What two threads noted at once may be wrong, but not for long. Acquire; partner: the release in
	 * ptw_type_enter().
	 */
	for (uint64_t types = ptw_port_load_table(&group->types); types; types &= types - 1)
		ptw_port_publish(&group->type[__builtin_ctzll(types)]->none_before, 0);
	for (span = ptw_span_first(group, &left); span; span = ptw_span_next(span, &left)) {
		const uint64_t end = span->first + span->regions;
		uint64_t r = span->first + (tick + PTW_TURNS - span->first % PTW_TURNS) % PTW_TURNS;

		for (; r < end; r += PTW_TURNS) {
			const uint64_t control = ptw_port_load(&group->engine->region[r].control);
			const unsigned int bound = PTW_CONTROL_BOUND(control);
			struct ptw_owned o;

			/*
			 * What is owned now may have any bound; next to a page as old as can be
			 * there may be others that become it. No bound is kept for pages that are
			 * being evicted.
			 */
			if (!isolated && !(control & PTW_CONTROL_OWNED) &&
			    (!(control & PTW_CONTROL_USED) ||
			     ptw_tick_age(now, (uint8_t)bound) <= PTW_OLD_TICKS))
				continue;
			if (ptw_region_own(group->engine, r, true, &o)) {
				if (isolated)
					ptw_region_retire(&o);
				ptw_region_rebound(&o);
				ptw_region_leave(&o);
			}
		}
	}
}

void ptw_group_tick(struct ptw_group *group)
{
	ptw_clock_step(group);
	ptw_flag_drop(&group->ticking);
}

/* A new youngest generation begins, with a tick of its own. */
static void ptw_generation_begin(struct ptw_group *group)
{
	const uint64_t last = ptw_port_load(&group->birth[group->youngest % PTW_GENERATIONS]);
	const uint64_t now = ptw_engine_now(group->engine);
	uint64_t sizes[PTW_GENERATIONS], youngest, oldest;

	ptw_port_add64(&group->agings, 1);
	if (group->engine->ordered)
		return;
	ptw_flag_take(&group->ticking);
	ptw_group_sizes(group, sizes);
	youngest = ptw_port_load(&group->youngest);
	oldest = ptw_port_load(&group->oldest);
	/* Empty ones end; with four, the oldest joins the next one. */
	for (unsigned int i = 0; oldest + 1 < youngest && !sizes[i]; i++)
		oldest++;
	if (youngest - oldest == PTW_GENERATIONS - 1)
		oldest++;
	ptw_port_publish(&group->oldest, oldest);
	ptw_tiers_average(group);
	ptw_clock_step(group);
	youngest++;
	ptw_port_publish(&group->birth_tick[youngest % PTW_GENERATIONS],
			 ptw_port_load(&group->tick));
	ptw_port_publish(&group->birth[youngest % PTW_GENERATIONS], now > last ? now : last);
	/* Release; partner: the acquire in ptw_second_chance(). */
	ptw_port_publish(&group->youngest, youngest);
	ptw_flag_drop(&group->ticking);
}

/* How many regions ahead their pages are asked for: two lines each. */
#define PTW_AHEAD 8u

/* Regions in which words wait are owned once, which takes them in. By who has `ageing`. */
static void ptw_group_take_in(struct ptw_group *group)
{
	struct ptw_engine *engine = group->engine;
	struct ptw_tally *tally = &group->tally;
	const struct ptw_span *span;
	uint64_t left;

	for (span = ptw_span_first(group, &left); span; span = ptw_span_next(span, &left)) {
		const uint64_t end = span->first + span->regions;
		uint64_t *count = group->type[span->type]->count;

		if (tally->count != count)
			ptw_tally_flush(group, tally);
		tally->count = count;
		for (uint64_t r = span->first; r < end; r++) {
			if (r + PTW_AHEAD < end &&
			    ptw_port_load(&engine->region[r + PTW_AHEAD].young)) {
				if (engine->tick)
					ptw_port_prefetch(engine->tick +
							  (r + PTW_AHEAD) * PTW_REGION_PAGES);
				ptw_port_prefetch(engine->state +
						  (r + PTW_AHEAD) * PTW_REGION_PAGES);
			}
			if (ptw_port_load(&engine->region[r].young))
				ptw_region_age(engine, r, tally);
		}
	}
	ptw_tally_flush(group, tally);
}

int ptw_engine_young(void *engine, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct ptw_engine *e = engine;

	(void)dirty;
	/* Relaxed: bits that nobody derives anything from but pages being young. */
	if (page / PTW_REGION_PAGES < e->regions && young)
		ptw_port_or64(&e->region[page / PTW_REGION_PAGES].young, young);
	return 0;
}

int ptw_group_harvest(struct ptw_group *group, uint64_t first, uint64_t pages)
{
	if (pages > group->engine->pages - first)
		pages = group->engine->pages - first;
	return group->ops.harvest(group->context, first, pages, ptw_engine_young, group->engine);
}

/* All pages, or those that the policy wants to know of. */
static int ptw_group_harvest_all(struct ptw_group *group)
{
	uint64_t first = 0, pages = 0, left;
	const struct ptw_span *span;
	int ret = PTW_OK;

	if (group->engine->policy->next) {
		while (!ret && ptw_policy_next(group, first + pages, &first, &pages))
			ret = ptw_group_harvest(group, first, pages);
		return ret;
	}
	for (span = ptw_span_first(group, &left); span && !ret; span = ptw_span_next(span, &left))
		ret = ptw_group_harvest(group, span->first * PTW_REGION_PAGES,
					span->regions * PTW_REGION_PAGES);
	return ret;
}

int ptw_group_age_once(struct ptw_group *group)
{
	int ret = PTW_OK;

	if (!ptw_flag_try(&group->ageing))
		return PTW_ERR_AGAIN;
	ptw_group_aged_now(group);
	ptw_port_trace(age_begin, group->number + 1, ptw_port_load(&group->youngest), 0);
	ptw_generation_begin(group);
	if (ptw_engine_may(group->engine, PTW_ENABLE_LEAF_WALK))
		ret = ptw_group_harvest_all(group);
	ptw_group_take_in(group);
	ptw_policy_aged(group);
	ptw_port_trace(age_end, group->number + 1, ptw_port_load(&group->youngest), (int64_t)ret);
	ptw_flag_drop(&group->ageing);
	return ret;
}

int ptw_group_age(struct ptw_group *group)
{
	if (!group)
		return PTW_ERR_ARG;
	if (!group->ops.harvest || !ptw_engine_may(group->engine, PTW_ENABLE_CORE))
		return PTW_ERR_UNSUPPORTED;
	return ptw_group_age_once(group);
}

int ptw_group_wants_ageing(struct ptw_group *group)
{
	uint64_t sizes[PTW_GENERATIONS], types, evicted, resident = 0;
	unsigned int n, populated, oldest = PTW_GENERATIONS, youngest = 0;

	if (!group || !ptw_engine_may(group->engine, PTW_ENABLE_CORE))
		return 0;
	if (ptw_group_overdue(group))
		return 1;
	if (group->engine->policy->due)
		return ptw_policy_due(group);
	types = ptw_group_willing(group);
	populated = ptw_group_populated(group, types);
	if (populated < PTW_GENERATIONS_WANTED)
		return 1;
	if (populated > PTW_GENERATIONS_WANTED)
		return 0;
	evicted = ptw_port_load(&group->evicted);
	if (evicted - ptw_port_load(&group->evictions_seen) < PTW_LOOK_EVERY)
		return 0;
	ptw_port_publish(&group->evictions_seen, evicted);
	n = ptw_group_sizes_of(group, types, sizes);
	for (unsigned int i = 0; i < n; i++) {
		/* Counters that others are changing may be below zero for a moment. */
		if ((int64_t)sizes[i] <= 0)
			continue;
		resident += sizes[i];
		youngest = i;
		oldest = oldest < i ? oldest : i;
	}
	/* Others may have put out all of them meanwhile. */
	if (oldest == PTW_GENERATIONS)
		return 1;
	return 2 * sizes[youngest] > resident || 4 * sizes[oldest] < resident;
}
