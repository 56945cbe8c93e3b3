/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pages come and go. */
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

/* A generation has ticks by what comes in, so many for as many pages as are resident. */
#define PTW_TICKS_A_ROUND 64u

int ptw_page_own(struct ptw_engine *engine, uint64_t page, struct ptw_owned *o, unsigned int *i)
{
	if (!engine)
		return PTW_ERR_ARG;
	if (page >= engine->pages)
		return PTW_ERR_RANGE;
	if (!ptw_region_own(engine, page / PTW_REGION_PAGES, true, o))
		return PTW_ERR_ABSENT;
	*i = (unsigned int)(page % PTW_REGION_PAGES);
	return PTW_OK;
}

/* A page that is resident and not isolated joins the others, with the tick it has; or leaves them. */
static void ptw_page_join(struct ptw_owned *o, unsigned int i)
{
	const uint8_t byte = o->tick ? o->tick[i] : PTW_ORDERED;

	ptw_port_add64(&o->type->count[byte], 1);
	if (o->tick)
		ptw_region_bound(o, byte);
}

static void ptw_page_quit(struct ptw_owned *o, unsigned int i)
{
	ptw_port_add64(&o->type->count[o->tick ? o->tick[i] : PTW_ORDERED], (uint64_t)-1);
}

void ptw_page_isolate(struct ptw_owned *o, unsigned int i, struct ptw_victims *v)
{
	o->state[i] |= PTW_PAGE_ISOLATED;
	ptw_page_quit(o, i);
	ptw_port_add64(&o->group->isolated, 1);
	v->page[v->n++] = o->number * PTW_REGION_PAGES + i;
}

static void ptw_page_set(struct ptw_owned *o, unsigned int i, uint8_t byte)
{
	if (o->tick)
		o->tick[i] = byte;
}

/* Does the clock go on with this page? Its ticks may not fill a generation by themselves. */
static bool ptw_group_tick_due(struct ptw_group *group)
{
	uint64_t since, birth;

	if (group->engine->ordered)
		return false;
	since = ptw_port_add64(&group->since, 1);
	birth = ptw_port_load(
		&group->birth_tick[ptw_port_load(&group->youngest) % PTW_GENERATIONS]);
	/* Where none begins any more, ticks alone tell who came first. */
	return since * PTW_TICKS_A_ROUND >= ptw_port_load(&group->resident) &&
	       (ptw_port_load(&group->tick) - birth < PTW_GENERATION_TICKS ||
		!ptw_engine_may(group->engine, PTW_ENABLE_CORE));
}

int ptw_page_come(struct ptw_engine *engine, uint64_t page, const uint64_t *token)
{
	struct ptw_group *group;
	struct ptw_owned o;
	uint8_t uses = 0;
	unsigned int i;
	bool tick;
	int ret;

	ret = ptw_page_own(engine, page, &o, &i);
	if (ret)
		return ret;
	if (o.state[i] & PTW_PAGE_RESIDENT) {
		ptw_region_leave(&o);
		return PTW_ERR_EXISTS;
	}
	group = o.group;
	if (token || (o.state[i] & PTW_PAGE_EVICTED))
		uses = ptw_page_refaulted(&o, i, token);
	ptw_page_set(&o, i, o.now);
	/* Should somebody still be about to evict what it was before, he settles what it is now. */
	if (o.state[i] & PTW_PAGE_ISOLATED)
		o.state[i] |= PTW_PAGE_RESIDENT | uses;
	else
		o.state[i] = PTW_PAGE_RESIDENT | uses;
	if (!(o.state[i] & PTW_PAGE_ISOLATED)) {
		ptw_page_join(&o, i);
		ptw_policy_added(&o, i);
	}
	ptw_port_add64(&group->resident, 1);
	ptw_port_add64(&group->faults, 1);
	/* The group is not given up while the region is owned, nor before the flag is dropped. */
	tick = ptw_group_tick_due(group) && ptw_flag_try(&group->ticking);
	ptw_region_leave(&o);
	if (tick)
		ptw_group_tick(group);
	return PTW_OK;
}

int ptw_page_add(struct ptw_engine *engine, uint64_t page)
{
	return ptw_page_come(engine, page, NULL);
}

int ptw_page_remove(struct ptw_engine *engine, uint64_t page)
{
	struct ptw_owned o;
	unsigned int i;
	int ret;

	ret = ptw_page_own(engine, page, &o, &i);
	if (ret)
		return ret;
	if (!(o.state[i] & PTW_PAGE_RESIDENT)) {
		ret = PTW_ERR_ABSENT;
	} else {
		if (!(o.state[i] & PTW_PAGE_ISOLATED)) {
			ptw_page_quit(&o, i);
			ptw_policy_removed(&o, i);
		}
		ptw_port_add64(&o.group->resident, (uint64_t)-1);
		/* Isolated it stays until it is settled: nobody else may begin to evict it before. */
		o.state[i] &= PTW_PAGE_ISOLATED;
		ptw_page_set(&o, i, 0);
	}
	ptw_region_leave(&o);
	return ret;
}

int ptw_page_age(struct ptw_engine *engine, uint64_t page)
{
	struct ptw_owned o;
	unsigned int i;
	int ret;

	ret = ptw_page_own(engine, page, &o, &i);
	if (ret)
		return ret;
	if (!o.tick) {
		ptw_region_leave(&o);
		return PTW_ERR_UNSUPPORTED;
	}
	ret = o.state[i] & PTW_PAGE_RESIDENT ? (int)ptw_tick_age(o.now, o.tick[i]) : PTW_ERR_ABSENT;
	ptw_region_leave(&o);
	return ret;
}

/*
 * The byte of the youngest generation but one: when it ended. A generation that began since the region was owned does
 * not count: its tick would be read as a very old one. Nor does it where none begins any more: its tick would be that
 * of those who go first, and in the end another one's.
 */
static uint8_t ptw_second_chance(const struct ptw_owned *o)
{
	const struct ptw_group *group = o->group;
	/* Acquire; partner: the release in ptw_generation_begin(), behind the birth. */
	const uint64_t youngest = ptw_port_load_table(&group->youngest);
	const uint64_t birth = ptw_port_load(&group->birth_tick[youngest % PTW_GENERATIONS]);

	return birth && birth <= o->at && o->at - birth <= PTW_GENERATION_TICKS ?
		       ptw_tick_byte(birth - 1) :
		       o->now;
}

static void ptw_page_put_back(struct ptw_owned *o, unsigned int i, uint32_t result)
{
	o->state[i] &= (uint8_t)~PTW_PAGE_ISOLATED;
	if (o->tick)
		o->tick[i] = result == PTW_EVICT_YOUNG ? o->now : ptw_second_chance(o);
	ptw_page_join(o, i);
	if (o->tick && o->at - ptw_tick_age(o->now, o->tick[i]) < ptw_port_load(&o->type->none_before))
		ptw_port_publish(&o->type->none_before, 0);
	ptw_policy_ended(o, i, result == PTW_EVICT_YOUNG ? PTW_POLICY_YOUNG : PTW_POLICY_FAILED);
}

static void ptw_page_gone(struct ptw_owned *o, unsigned int i)
{
	/* What is known of it stays for when it comes back. */
	o->state[i] = PTW_PAGE_EVICTED | (o->state[i] & PTW_PAGE_USES);
	/* Relaxed: it is switched on once, and counters begin about then. */
	if (!ptw_port_load(&o->group->feedback))
		ptw_page_set(o, i, 0);
	else
		ptw_page_judged(o, i);
	ptw_policy_ended(o, i, PTW_POLICY_EVICTED);
	ptw_port_add64(&o->group->resident, (uint64_t)-1);
	ptw_port_add64(&o->group->evicted, 1);
}

int ptw_page_settle(struct ptw_engine *engine, uint64_t page, uint32_t result)
{
	struct ptw_owned o;
	unsigned int i;
	int ret;

	if (result == PTW_EVICT_PENDING || result > PTW_EVICT_PENDING)
		return PTW_ERR_ARG;
	ret = ptw_page_own(engine, page, &o, &i);
	if (ret)
		return ret;
	if (!(o.state[i] & PTW_PAGE_ISOLATED)) {
		ptw_region_leave(&o);
		return PTW_ERR_ABSENT;
	}
	if (!(o.state[i] & PTW_PAGE_RESIDENT)) {
		o.state[i] = 0;
		ptw_policy_ended(&o, i, PTW_POLICY_REMOVED);
		ret = PTW_ERR_ABSENT;
	} else if (result == PTW_EVICTED) {
		ptw_page_gone(&o, i);
	} else {
		ptw_page_put_back(&o, i, result);
		if (result == PTW_EVICT_FAILED)
			ptw_port_add64(&o.group->failed, 1);
	}
	ptw_port_add64(&o.group->isolated, (uint64_t)-1);
	ptw_region_leave(&o);
	return ret;
}
