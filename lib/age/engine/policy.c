/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a policy is told and asked, one thread at a time for each group. */
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

#define PTW_POLICY_BYTES_MAX 64u

const struct ptw_policy_ops ptw_policy_generations = {
	.size = sizeof(ptw_policy_generations),
	.name = "generations",
};

int ptw_policy_valid(const struct ptw_policy_ops *ops)
{
	if (ops->size < sizeof(*ops))
		return PTW_ERR_SIZE;
	if (!ops->name || ops->flags || ops->page_bytes > PTW_POLICY_BYTES_MAX)
		return PTW_ERR_ARG;
	if (!ops->save != !ops->restore)
		return PTW_ERR_ARG;
	/* Whoever orders pages must know of all that happens to them. */
	if (ops->pick && !(ops->added && ops->accessed && ops->removed && ops->ended && ops->due))
		return PTW_ERR_ARG;
	return PTW_OK;
}

static const struct ptw_policy_ops *ptw_policy_enter(struct ptw_group *group)
{
	ptw_flag_take(&group->policing);
	return group->engine->policy;
}

static void ptw_policy_leave(struct ptw_group *group)
{
	ptw_flag_drop(&group->policing);
}

void ptw_policy_added(struct ptw_owned *o, unsigned int i)
{
	if (!o->engine->policy->added)
		return;
	ptw_policy_enter(o->group)->added(o->group->policy, o->number * PTW_REGION_PAGES + i);
	ptw_policy_leave(o->group);
}

void ptw_policy_accessed(struct ptw_owned *o, uint64_t young)
{
	if (!o->engine->ordered || !young)
		return;
	ptw_policy_enter(o->group)
		->accessed(o->group->policy, o->number * PTW_REGION_PAGES, young);
	ptw_policy_leave(o->group);
}

void ptw_policy_removed(struct ptw_owned *o, unsigned int i)
{
	if (!o->engine->ordered)
		return;
	ptw_policy_enter(o->group)->removed(o->group->policy, o->number * PTW_REGION_PAGES + i);
	ptw_policy_leave(o->group);
}

void ptw_policy_ended(struct ptw_owned *o, unsigned int i, enum ptw_policy_end end)
{
	if (!o->engine->ordered)
		return;
	ptw_policy_enter(o->group)->ended(o->group->policy, o->number * PTW_REGION_PAGES + i, end);
	ptw_policy_leave(o->group);
}

int ptw_policy_due(struct ptw_group *group)
{
	const uint64_t now = ptw_engine_now(group->engine);
	const uint64_t resident = ptw_port_load(&group->resident);
	const int due = ptw_policy_enter(group)->due(group->policy, now, resident);

	ptw_policy_leave(group);
	return due;
}

void ptw_policy_aged(struct ptw_group *group)
{
	const uint64_t now = ptw_engine_now(group->engine);
	const uint64_t resident = ptw_port_load(&group->resident);

	if (!group->engine->policy->aged)
		return;
	ptw_policy_enter(group)->aged(group->policy, now, resident);
	ptw_policy_leave(group);
}

void ptw_policy_ages(struct ptw_group *group, uint64_t histogram[256])
{
	for (unsigned int i = 0; i < 256; i++)
		histogram[i] = 0;
	ptw_policy_enter(group)->ages(group->policy, histogram);
	ptw_policy_leave(group);
}

bool ptw_policy_next(struct ptw_group *group, uint64_t from, uint64_t *first, uint64_t *pages)
{
	*pages = 0;
	*first = ptw_policy_enter(group)->next(group->policy, from, pages);
	ptw_policy_leave(group);
	return *first != UINT64_MAX && *pages;
}

/*
 * Between being picked and being isolated a page may be removed, and even come again; who removes it tells the
 * policy. What is not there to be isolated is nobody's affair any more.
 */
unsigned int ptw_policy_choose(struct ptw_group *group, struct ptw_victims *v, unsigned int want)
{
	uint64_t page[PTW_EVICT_BATCH];
	unsigned int picked;

	v->n = 0;
	picked = ptw_policy_enter(group)->pick(group->policy, page, want);
	ptw_policy_leave(group);
	for (unsigned int k = 0; k < picked; k++) {
		const unsigned int i = (unsigned int)(page[k] % PTW_REGION_PAGES);
		struct ptw_owned o;

		if (page[k] >= group->engine->pages ||
		    !ptw_region_own(group->engine, page[k] / PTW_REGION_PAGES, true, &o))
			continue;
		if (o.group == group && (o.state[i] & (PTW_PAGE_RESIDENT | PTW_PAGE_ISOLATED)) ==
						PTW_PAGE_RESIDENT)
			ptw_page_isolate(&o, i, v);
		ptw_region_leave(&o);
	}
	return picked;
}
