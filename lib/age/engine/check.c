/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Do an engine's counters say what its pages say? */
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

/* `count`: 256 counters of each type, all 0. */
static int ptw_group_check(const struct ptw_group *group, uint64_t (*count)[256])
{
	const struct ptw_engine *engine = group->engine;
	const uint8_t now = ptw_tick_byte(group->tick);
	uint64_t resident = 0, isolated = 0;

	for (const struct ptw_span *span = group->spans; span; span = span->next) {
		for (uint64_t r = span->first; r < span->first + span->regions; r++) {
			const uint64_t control = engine->region[r].control;

			if (PTW_CONTROL_GROUP(control) != group->number + 1 ||
			    (control & PTW_CONTROL_OWNED) ||
			    PTW_CONTROL_TYPE(control) != span->type || !group->type[span->type])
				return PTW_ERR_CORRUPT_COUNT;
			for (unsigned int i = 0; i < PTW_REGION_PAGES; i++) {
				const uint64_t page = r * PTW_REGION_PAGES + i;
				const uint8_t state = engine->state[page];

				resident += !!(state & PTW_PAGE_RESIDENT);
				isolated += !!(state & PTW_PAGE_ISOLATED);
				/* Uses are known of who is here, or was put out. */
				if ((state & PTW_PAGE_USES) &&
				    !(state & (PTW_PAGE_RESIDENT | PTW_PAGE_EVICTED)))
					return PTW_ERR_CORRUPT_COUNT;
				if ((state & (PTW_PAGE_RESIDENT | PTW_PAGE_ISOLATED)) !=
				    PTW_PAGE_RESIDENT)
					continue;
				if (engine->ordered) {
					count[span->type][PTW_ORDERED]++;
					continue;
				}
				count[span->type][engine->tick[page]]++;
				if (!(control & PTW_CONTROL_USED) || page >= engine->pages ||
				    ptw_tick_age(now, (uint8_t)PTW_CONTROL_BOUND(control)) <
					    ptw_tick_age(now, engine->tick[page]))
					return PTW_ERR_CORRUPT_COUNT;
			}
		}
	}
	for (unsigned int t = 0; t < PTW_TYPES; t++)
		for (unsigned int i = 0; group->type[t] && i < 256; i++)
			if (count[t][i] != group->type[t]->count[i])
				return PTW_ERR_CORRUPT_COUNT;
	if (resident != group->resident || isolated != group->isolated ||
	    group->youngest - group->oldest >= PTW_GENERATIONS)
		return PTW_ERR_CORRUPT_COUNT;
	return PTW_OK;
}

int ptw_engine_check(struct ptw_engine *engine)
{
	int ret = PTW_OK;

	if (!engine)
		return PTW_ERR_ARG;
	for (uint32_t i = 0; i < engine->groups_max && !ret; i++) {
		uint64_t(*count)[256];

		if (!engine->group[i])
			continue;
		/* Too large for a kernel's stack. */
		count = ptw_port_zalloc(PTW_TYPES * sizeof(*count));
		if (!count)
			return PTW_ERR_NOMEM;
		ret = ptw_group_check(engine->group[i], count);
		ptw_port_free(count, PTW_TYPES * sizeof(*count));
	}
	return ret;
}
