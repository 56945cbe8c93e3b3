/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Eviction: the pages of the oldest tick, region by region from where the last search ended. They are taken out of
 * the generations first (isolated), asked then, and put out or back; so nobody's callback is called while a region is
 * owned, and two threads never have the same page.
 */
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

/*
 * How often the oldest tick is looked for again: words that nobody has taken in may make all pages
 * of a tick young, of each tick that there is, and others may have been faster.
 */
#define PTW_TRIES (PTW_TICKS + 4u)

/* Isolate pages of a region that have at least this age, and protect those of a tier beyond the limit. */
static void ptw_isolate(struct ptw_owned *o, unsigned int age, unsigned int tier,
			struct ptw_victims *v, unsigned int want)
{
	for (unsigned int i = 0; i < o->pages && v->n < want; i++) {
		if ((o->state[i] & (PTW_PAGE_RESIDENT | PTW_PAGE_ISOLATED)) != PTW_PAGE_RESIDENT ||
		    ptw_tick_age(o->now, o->tick[i]) < age)
			continue;
		if ((o->state[i] & PTW_PAGE_USES) && ptw_page_tier(o->state[i]) > tier &&
		    ptw_tier_protect(o, i))
			continue;
		ptw_page_isolate(o, i, v);
	}
}

/* Once around the group's regions, for pages of this type and age. */
static void ptw_search(struct ptw_group *group, uint32_t type, unsigned int age,
		       struct ptw_victims *v, unsigned int want)
{
	const uint64_t mask = PTW_CONTROL_OWNED | PTW_CONTROL_USED |
			      (uint64_t)(PTW_TYPES - 1) << PTW_CONTROL_TYPE_LG2;
	const uint64_t ready = PTW_CONTROL_USED | (uint64_t)type << PTW_CONTROL_TYPE_LG2;
	const unsigned int tier = ptw_tier_limit(group, type);
	struct ptw_engine *engine = group->engine;
	const uint8_t now = ptw_tick_byte(ptw_port_load(&group->tick));
	const uint64_t tick = ptw_port_load(&group->tick) - age;
	uint64_t behind;
	const struct ptw_span *span = ptw_span_first(group, &behind);
	const uint64_t regions = behind;
	uint64_t hand = ptw_port_load(&group->hand[type]) % regions;
	uint64_t skip = hand;

	/* Pages of one tick go in the order of their numbers. Those too old to be told apart are one. */
	if (age < PTW_TICKS && ptw_port_load(&group->hand_tick[type]) != tick) {
		ptw_port_publish(&group->hand_tick[type], tick);
		hand = skip = 0;
	}
	while (skip >= span->regions) {
		skip -= span->regions;
		span = ptw_span_next(span, &behind);
	}
	for (uint64_t left = regions; left && v->n < want; left--) {
		const uint64_t r = span->first + skip;
		const uint64_t control = ptw_port_load(&engine->region[r].control);
		struct ptw_owned o;

		if ((control & mask) == ready &&
		    ptw_tick_age(now, (uint8_t)PTW_CONTROL_BOUND(control)) >= age &&
		    ptw_region_own(engine, r, false, &o)) {
			ptw_isolate(&o, age, tier, v, want);
			/* With a full list there may be more of them here, and the bound holds. */
			if (v->n < want)
				ptw_region_rebound(&o);
			ptw_region_leave(&o);
		}
		/* There may be more in the last one. */
		if (v->n == want)
			break;
		hand++;
		if (++skip == span->regions) {
			skip = 0;
			span = ptw_span_next(span, &behind);
			if (!span) {
				span = group->spans;
				behind = regions;
				hand = 0;
			}
		}
	}
	/* Relaxed would do: where the next search begins does not matter to who is right. */
	ptw_port_publish(&group->hand[type], hand);
}

/* The greatest age that a page of a type may have, by the bounds of its regions, which a search has
 * just put right; -1: none. */
static int ptw_oldest_bound(const struct ptw_group *group, uint32_t type)
{
	const uint8_t now = ptw_tick_byte(ptw_port_load(&group->tick));
	const struct ptw_span *span;
	uint64_t left;
	int oldest = -1;

	for (span = ptw_span_first(group, &left); span; span = ptw_span_next(span, &left))
		for (uint64_t r = 0; span->type == type && r < span->regions; r++) {
			const uint64_t control =
				ptw_port_load(&group->engine->region[span->first + r].control);
			const int age = (int)ptw_tick_age(now, (uint8_t)PTW_CONTROL_BOUND(control));

			if ((control & PTW_CONTROL_USED) && age > oldest)
				oldest = age;
		}
	return oldest;
}

/*
 * Pages of the oldest tick of a type, unless it is younger than `least`. Which that is the counters
 * say; while the group is aged they have pages under their old ticks that became young in this pass
 * (struct ptw_tally), whole ticks of them, and a search there finds nothing. The next one is no
 * older than the regions' bounds say, then.
 */
static void ptw_choose(struct ptw_group *group, int least, uint64_t types, struct ptw_victims *v,
		       unsigned int want)
{
	int most[PTW_TYPES];

	v->n = 0;
	for (unsigned int t = 0; t < PTW_TYPES; t++)
		most[t] = PTW_TICKS;
	if (group->engine->ordered) {
		/* What it picks may be gone by then; when it picks nothing, there is nothing. */
		for (unsigned int tries = 0; tries < PTW_TRIES && !v->n; tries++)
			if (!ptw_policy_choose(group, v, want))
				break;
		return;
	}
	for (unsigned int tries = 0; tries < PTW_TRIES * PTW_TYPES && !v->n; tries++) {
		int age;
		const uint32_t type = ptw_type_choose(group, types, least, most, &age);

		if (type == PTW_TYPES)
			return;
		ptw_search(group, type, (unsigned int)age, v, want);
		if (!v->n)
			most[type] = ptw_oldest_bound(group, type);
	}
}

/* A page that the last look found young goes back, and its neighbours with it. */
static void ptw_look_answered(struct ptw_group *group, uint64_t page, uint64_t around)
{
	const uint64_t word = page / PTW_REGION_PAGES;

	ptw_port_add64(&group->looked, 1);
	if (around) {
		uint64_t n = 0;

		for (uint64_t rest = around; rest; rest &= rest - 1)
			n++;
		ptw_port_add64(&group->around, n);
		ptw_engine_young(group->engine, word * PTW_REGION_PAGES, around, 0);
	}
	ptw_page_settle(group->engine, page, PTW_EVICT_YOUNG);
}

/* Ask all of them; those that were young are gone from the list. On an error all that are left go back. */
static int ptw_look_at(struct ptw_group *group, struct ptw_victims *v)
{
	unsigned int kept = 0;
	int ret = PTW_OK;

	for (unsigned int i = 0; i < v->n && group->ops.look; i++) {
		uint64_t around = 0;
		int young;

		if (ret) {
			ptw_page_settle(group->engine, v->page[i], PTW_EVICT_FAILED);
			continue;
		}
		ptw_port_add64(&group->looks, 1);
		young = group->ops.look(group->context, v->page[i], &around);
		if (young > 0) {
			ptw_look_answered(group, v->page[i], around);
		} else if (young < 0) {
			ret = young;
			ptw_page_settle(group->engine, v->page[i], PTW_EVICT_FAILED);
		} else {
			v->page[kept++] = v->page[i];
		}
	}
	if (group->ops.look)
		v->n = kept;
	for (unsigned int i = 0; ret && i < v->n; i++)
		ptw_page_settle(group->engine, v->page[i], PTW_EVICT_FAILED);
	if (ret)
		v->n = 0;
	return ret;
}

/* Put them out. Those that are under way count as asked for, not as gone. */
static int ptw_put_out(struct ptw_group *group, struct ptw_victims *v, struct ptw_evict_sum *sum)
{
	int ret;

	if (!v->n)
		return PTW_OK;
	for (unsigned int i = 0; i < v->n; i++)
		v->result[i] = PTW_EVICT_FAILED;
	ptw_port_trace(evict, group->number + 1, v->n, v->page[0]);
	ret = group->ops.evict(group->context, v->page, v->n, v->result);
	for (unsigned int i = 0; i < v->n; i++) {
		uint32_t result = v->result[i];

		if (result == PTW_EVICT_PENDING) {
			sum->pending++;
			continue;
		}
		if (result > PTW_EVICT_PENDING)
			result = PTW_EVICT_FAILED;
		/* It may have been removed meanwhile, and then is not ours to count. */
		if (!ptw_page_settle(group->engine, v->page[i], result) && result == PTW_EVICTED)
			sum->gone++;
	}
	return ret;
}

int ptw_evict_some(struct ptw_group *group, unsigned int least, unsigned int how, uint64_t want,
		   struct ptw_evict_sum *sum)
{
	const uint64_t types = how / PTW_EVICT_OF(0) ? how / PTW_EVICT_OF(0) : PTW_TYPES_ALL;
	uint64_t tried = 0, most;
	struct ptw_victims v;
	int ret = PTW_OK;

	if (!group->ops.evict)
		return PTW_ERR_UNSUPPORTED;
	/* Acquire: ptw_search() finds them. */
	if (!ptw_port_load_table(&group->regions))
		return PTW_OK;
	most = 2 * ptw_port_load(&group->resident) + PTW_EVICT_BATCH;
	while (sum->gone + sum->pending < want && tried < most && !ret) {
		const uint64_t left = want - sum->gone - sum->pending;
		unsigned int old;

		/* Also after ageing: then the oldest may be another one. */
		sum->young = !(how & PTW_EVICT_ANY_AGE) && ptw_group_too_young(group);
		if (sum->young)
			break;
		/* Once a call: what it finds young is enough to choose from. */
		if (!sum->aged && !(how & PTW_EVICT_AS_IS) && group->ops.harvest &&
		    ptw_group_wants_ageing(group)) {
			sum->aged = true;
			/* The core may be switched off at this moment: no reason for an eviction to fail. */
			ret = ptw_group_age_once(group);
			/* Another thread is at it: there is something to choose from soon enough. */
			if (ret == PTW_ERR_AGAIN)
				ret = PTW_OK;
			if (ret)
				break;
			continue;
		}
		/* What seems old may be young by now: words that are taken in, or an ageing, say so. */
		old = how & PTW_EVICT_ANY_AGE ? 0 : ptw_group_old_enough(group);
		old = old > least ? old : least;
		do {
			ptw_choose(group, (int)old, types, &v,
				   left < PTW_EVICT_BATCH ? (unsigned int)left : PTW_EVICT_BATCH);
			tried += v.n;
			if (!v.n) {
				sum->young = old > least && ptw_group_too_young(group);
				return ret;
			}
			if (ptw_engine_may(group->engine, PTW_ENABLE_CORE))
				ret = ptw_look_at(group, &v);
			/* Who is left next may be too young. */
		} while (!ret && !v.n && tried < most && !ptw_port_load(&group->engine->min_age));
		if (!ret)
			ret = ptw_put_out(group, &v, sum);
	}
	return ret;
}

int ptw_group_evict(struct ptw_group *group, uint64_t want, uint64_t *evicted)
{
	struct ptw_evict_sum sum = {0};
	int ret;

	if (!group || !evicted)
		return PTW_ERR_ARG;
	ret = ptw_evict_some(group, 0, 0, want, &sum);
	*evicted = sum.gone;
	if (!ret && sum.young && !sum.gone && !sum.pending)
		ret = ptw_engine_thrashes(group->engine, group);
	return ret;
}

int ptw_group_evict_older(struct ptw_group *group, uint32_t age, uint64_t want, uint64_t *evicted)
{
	struct ptw_evict_sum sum = {0};
	int ret;

	if (!group || !evicted)
		return PTW_ERR_ARG;
	*evicted = 0;
	/* Who picks in an order of his own knows no ticks. */
	if (group->engine->ordered)
		return PTW_ERR_UNSUPPORTED;
	ret = ptw_evict_some(group, age < PTW_TICKS ? age : PTW_TICKS,
			     PTW_EVICT_AS_IS | PTW_EVICT_ANY_AGE, want, &sum);
	*evicted = sum.gone;
	return ret;
}
