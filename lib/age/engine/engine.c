/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Engines and their groups: making, giving up, sizes. */
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

#define PTW_GROUPS_DEFAULT 64u

int ptw_engine_create(const struct ptw_engine_config *config, struct ptw_engine **out)
{
	const struct ptw_policy_ops *policy;
	struct ptw_engine *engine;
	int ret;

	if (!config || !out)
		return PTW_ERR_ARG;
	if (config->size < sizeof(*config))
		return PTW_ERR_SIZE;
	policy = config->policy ? config->policy : &ptw_policy_generations;
	ret = ptw_policy_valid(policy);
	if (ret)
		return ret;
	if (!config->pages || config->pages > PTW_ENGINE_PAGES_MAX || config->flags ||
	    config->groups > PTW_GROUPS_MAX)
		return PTW_ERR_ARG;
	engine = ptw_port_zalloc(sizeof(*engine));
	if (!engine)
		return PTW_ERR_NOMEM;
	engine->pages = config->pages;
	engine->regions = (config->pages + PTW_REGION_PAGES - 1) / PTW_REGION_PAGES;
	engine->clock = config->clock;
	engine->context = config->context;
	engine->thrashing = config->thrashing;
	engine->groups_max = config->groups ? config->groups : PTW_GROUPS_DEFAULT;
	engine->policy = policy;
	engine->ordered = policy->pick;
	if (!engine->ordered)
		engine->tick = ptw_port_zalloc(engine->regions * PTW_REGION_PAGES);
	if (policy->page_bytes)
		engine->page_data = ptw_port_zalloc(engine->pages * policy->page_bytes);
	engine->state = ptw_port_zalloc(engine->regions * PTW_REGION_PAGES);
	engine->region = ptw_port_zalloc(engine->regions * sizeof(*engine->region));
	engine->group = ptw_port_zalloc(engine->groups_max * sizeof(struct ptw_group *));
	if ((!engine->tick && !engine->ordered) || (!engine->page_data && policy->page_bytes) ||
	    !engine->state || !engine->region || !engine->group) {
		ptw_engine_destroy(engine);
		return PTW_ERR_NOMEM;
	}
	*out = engine;
	return PTW_OK;
}

uint64_t ptw_engine_now(const struct ptw_engine *engine)
{
	return engine->clock ? engine->clock(engine->context) : 0;
}

static void ptw_group_free(struct ptw_group *group)
{
	if (group->engine->policy->exit)
		group->engine->policy->exit(group->policy);
	for (uint32_t t = 1; t < PTW_TYPES; t++)
		if (group->type[t])
			ptw_port_free(group->type[t], sizeof(*group->type[t]));
	while (group->spans) {
		struct ptw_span *span = group->spans;

		group->spans = span->next;
		ptw_port_free(span, sizeof(*span));
	}
	ptw_port_free(group, sizeof(*group));
}

static void ptw_free_if(void *memory, size_t bytes)
{
	if (memory)
		ptw_port_free(memory, bytes);
}

void ptw_engine_destroy(struct ptw_engine *engine)
{
	if (!engine)
		return;
	for (uint32_t i = 0; engine->group && i < engine->groups_max; i++)
		if (engine->group[i])
			ptw_group_free(engine->group[i]);
	ptw_free_if(engine->tick, engine->regions * PTW_REGION_PAGES);
	ptw_free_if(engine->page_data, engine->pages * engine->policy->page_bytes);
	ptw_free_if(engine->state, engine->regions * PTW_REGION_PAGES);
	ptw_free_if(engine->region, engine->regions * sizeof(*engine->region));
	ptw_free_if(engine->group, engine->groups_max * sizeof(struct ptw_group *));
	ptw_port_free(engine, sizeof(*engine));
}

/* The policy's state of a new group. */
static int ptw_policy_start(struct ptw_group *group)
{
	const struct ptw_engine *engine = group->engine;
	const struct ptw_policy_config config = {
		.size = sizeof(config),
		.pages = engine->pages,
		.page_data = engine->page_data,
	};

	return engine->policy->init ? engine->policy->init(&config, &group->policy) : PTW_OK;
}

int ptw_group_create(struct ptw_engine *engine, const struct ptw_group_config *config,
		     struct ptw_group **out)
{
	struct ptw_group *group;
	uint32_t number = 0;
	int ret;

	if (!engine || !config || !out)
		return PTW_ERR_ARG;
	if (config->size < sizeof(*config))
		return PTW_ERR_SIZE;
	if (config->parent && config->parent->engine != engine)
		return PTW_ERR_ARG;
	group = ptw_port_zalloc(sizeof(*group));
	if (!group)
		return PTW_ERR_NOMEM;
	group->engine = engine;
	group->ops = config->ops;
	group->context = config->context;
	group->last_span = &group->spans;
	group->type[0] = &group->first;
	group->types = 1;
	group->balance = PTW_BALANCE_EVEN;
	group->birth[0] = ptw_engine_now(engine);
	ptw_group_aged_now(group);
	ret = ptw_policy_start(group);
	if (ret) {
		ptw_port_free(group, sizeof(*group));
		return ret;
	}
	ret = PTW_ERR_LIMIT;
	ptw_flag_take(&engine->changing);
	while (number < engine->groups_max && engine->group[number])
		number++;
	if (number < engine->groups_max)
		ret = ptw_tree_enter(engine, group, config->parent);
	if (!ret) {
		group->number = number;
		group->serial = ++engine->serial;
		engine->group[number] = group;
	}
	ptw_flag_drop(&engine->changing);
	if (ret)
		ptw_group_free(group);
	else
		*out = group;
	return ret;
}

/* Nobody's regions have a control word of 0. Returns how many nobody else can have now, before one was another's. */
static uint64_t ptw_span_claim(const struct ptw_group *group, uint64_t first, uint64_t regions)
{
	for (uint64_t i = 0; i < regions; i++) {
		uint64_t nobody = 0;

		/* Acquire: the pages of it are absent; partner: the release in ptw_span_open(). (Sparse
		 * takes a constant here for one that arm64's kernel would cut.) */
		if (!ptw_port_cas(&group->engine->region[first + i].control, &nobody,
				  nobody | PTW_CONTROL_CLOSED))
			return i;
	}
	return regions;
}

/* Regions are nobody's, but nobody can have them yet either; their pages are absent. */
static void ptw_span_close(struct ptw_group *group, uint64_t first, uint64_t regions)
{
	for (uint64_t i = 0; i < regions; i++) {
		struct ptw_owned o;

		if (!ptw_region_own(group->engine, first + i, true, &o))
			continue;
		for (unsigned int k = 0; k < o.pages; k++)
			o.state[k] = 0;
		for (unsigned int k = 0; o.tick && k < o.pages; k++)
			o.tick[k] = 0;
		ptw_port_publish(&o.region->control, PTW_CONTROL_CLOSED);
	}
}

/* Closed ones get another control word: 0, and they can be a group's again, or that of the group that they are now. */
static void ptw_span_open(const struct ptw_group *group, uint64_t first, uint64_t regions,
			  uint64_t control)
{
	for (uint64_t i = 0; i < regions; i++)
		/* Release; partners: the compare-exchanges in ptw_span_claim() and ptw_region_claim(). */
		ptw_port_publish(&group->engine->region[first + i].control, control);
}

/* A command or a reclaim may be ageing the group, and the policy goes through its pages then. */
static int ptw_policy_attached(struct ptw_group *group, uint64_t first, uint64_t pages)
{
	const struct ptw_policy_ops *policy = group->engine->policy;
	int ret;

	if (!policy->attached)
		return PTW_OK;
	if (!ptw_flag_try(&group->ageing))
		return PTW_ERR_AGAIN;
	ret = policy->attached(group->policy, first, pages);
	ptw_flag_drop(&group->ageing);
	return ret;
}

int ptw_group_attach(struct ptw_group *group, uint64_t first, uint64_t pages)
{
	return ptw_group_attach_as(group, first, pages, PTW_TYPE_ANON);
}

int ptw_group_attach_as(struct ptw_group *group, uint64_t first, uint64_t pages, uint32_t type)
{
	struct ptw_span *span;
	uint64_t claimed;
	int ret;

	if (!group || type >= PTW_TYPES)
		return PTW_ERR_ARG;
	if (!pages || first >= group->engine->pages || pages > group->engine->pages - first)
		return PTW_ERR_RANGE;
	if (first % PTW_REGION_PAGES ||
	    (pages % PTW_REGION_PAGES && first + pages != group->engine->pages))
		return PTW_ERR_ALIGN;
	span = ptw_port_zalloc(sizeof(*span));
	if (!span)
		return PTW_ERR_NOMEM;
	ret = ptw_type_prepare(group, type);
	if (ret) {
		ptw_port_free(span, sizeof(*span));
		return ret;
	}
	span->type = type;
	span->first = first / PTW_REGION_PAGES;
	span->regions = (pages + PTW_REGION_PAGES - 1) / PTW_REGION_PAGES;
	/*
	 * No page comes before all of it is the group's, and the policy knows: others may be adding
	 * pages here, which are absent until then.
	 */
	claimed = ptw_span_claim(group, span->first, span->regions);
	ret = claimed < span->regions ? PTW_ERR_OVERLAP : ptw_policy_attached(group, first, pages);
	if (ret) {
		ptw_span_open(group, span->first, claimed, 0);
		ptw_port_free(span, sizeof(*span));
		return ret;
	}
	ptw_type_enter(group, type);
	*group->last_span = span;
	group->last_span = &span->next;
	/* Release; partner: the acquire in ptw_span_first(), by who found the group by himself. */
	ptw_port_publish(&group->regions, group->regions + span->regions);
	ptw_span_open(group, span->first, span->regions,
		      (group->number + 1) | (uint64_t)type << PTW_CONTROL_TYPE_LG2);
	return PTW_OK;
}

int ptw_group_destroy(struct ptw_group *group)
{
	struct ptw_engine *engine;
	int ret;

	if (!group)
		return PTW_ERR_ARG;
	engine = group->engine;
	ptw_flag_take(&engine->changing);
	ret = ptw_tree_close(group);
	ptw_flag_drop(&engine->changing);
	if (!ret && (ptw_port_load(&group->isolated) || !ptw_flag_try(&group->ageing)))
		ret = PTW_ERR_AGAIN;
	if (ret)
		return ret;
	/*
	 * All, before another group may have any: pages that come in what is left would be linked by the policy to
	 * those of the other group.
	 */
	for (struct ptw_span *span = group->spans; span; span = span->next)
		ptw_span_close(group, span->first, span->regions);
	for (struct ptw_span *span = group->spans; span; span = span->next)
		ptw_span_open(group, span->first, span->regions, 0);
	/* Whoever added a page before may be moving the clock on. */
	ptw_flag_take(&group->ticking);
	ptw_flag_take(&engine->changing);
	ptw_tree_leave(engine, group);
	engine->group[group->number] = NULL;
	ptw_flag_drop(&engine->changing);
	ptw_group_free(group);
	return PTW_OK;
}

unsigned int ptw_group_sizes(const struct ptw_group *group, uint64_t sizes[PTW_GENERATIONS])
{
	/* Acquire; partner: the release in ptw_type_enter(). */
	return ptw_group_sizes_of(group, ptw_port_load_table(&group->types), sizes);
}

/* Pages of one type, added to the sizes of generations, oldest first. */
static void ptw_type_sizes(const struct ptw_group *group, const struct ptw_type *type,
			   uint64_t youngest, uint64_t oldest, uint64_t sizes[PTW_GENERATIONS])
{
	const uint64_t now = ptw_port_load(&group->tick);
	uint64_t seq = youngest;
	uint64_t birth = ptw_port_load(&group->birth_tick[seq % PTW_GENERATIONS]);
	const uint8_t byte = ptw_tick_byte(now);

	for (unsigned int age = 0; age < PTW_TICKS; age++) {
		while (seq > oldest && age > now - birth)
			birth = ptw_port_load(&group->birth_tick[--seq % PTW_GENERATIONS]);
		sizes[seq - oldest] += ptw_port_load(&type->count[ptw_age_byte(byte, age)]);
	}
	sizes[0] += ptw_port_load(&type->count[0]);
}

unsigned int ptw_group_sizes_of(const struct ptw_group *group, uint64_t types,
				uint64_t sizes[PTW_GENERATIONS])
{
	const uint64_t youngest = ptw_port_load(&group->youngest);
	uint64_t oldest = ptw_port_load(&group->oldest);

	/* Read while a generation begins, they may not belong together. */
	if (youngest - oldest >= PTW_GENERATIONS)
		oldest = youngest - (PTW_GENERATIONS - 1);
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
		sizes[i] = 0;
	for (; types; types &= types - 1)
		ptw_type_sizes(group, group->type[__builtin_ctzll(types)], youngest, oldest, sizes);
	return (unsigned int)(youngest - oldest) + 1;
}

/* Generations that have pages of a type, a bit each; the youngest is bit 0. */
static unsigned int ptw_type_populated(const struct ptw_group *group, const struct ptw_type *type)
{
	const uint64_t now = ptw_port_load(&group->tick);
	const uint8_t byte = ptw_tick_byte(now);
	const uint64_t last = ptw_type_last_age(type, now);
	const uint64_t youngest = ptw_port_load(&group->youngest);
	uint64_t seq = youngest, oldest = ptw_port_load(&group->oldest);
	unsigned int populated = 0, age = 0;

	if (youngest - oldest >= PTW_GENERATIONS)
		oldest = youngest - (PTW_GENERATIONS - 1);
	for (;; seq--) {
		const uint64_t birth = ptw_port_load(&group->birth_tick[seq % PTW_GENERATIONS]);
		/* Of the ages of this generation the first with a page is enough. */
		const uint64_t end = seq > oldest && now - birth < last ? now - birth : last;
		bool found = false;

		for (; age <= end && !found; age++)
			found = (int64_t)ptw_port_load(&type->count[ptw_age_byte(byte, age)]) > 0;
		populated |= (unsigned int)found << (youngest - seq);
		if (seq == oldest)
			break;
		if (age <= end)
			age = (unsigned int)end + 1;
	}
	if ((int64_t)ptw_port_load(&type->count[0]) > 0)
		populated |= 1u << (youngest - oldest);
	return populated;
}

unsigned int ptw_group_populated(const struct ptw_group *group, uint64_t types)
{
	unsigned int bits = 0, populated = 0;

	for (; types; types &= types - 1)
		bits |= ptw_type_populated(group, group->type[__builtin_ctzll(types)]);
	for (; bits; bits &= bits - 1)
		populated++;
	return populated;
}

int ptw_group_state(const struct ptw_group *group, struct ptw_group_state *state)
{
	uint64_t sizes[PTW_GENERATIONS];
	unsigned int n;

	if (!group || !state)
		return PTW_ERR_ARG;
	if (state->size < sizeof(*state))
		return PTW_ERR_SIZE;
	n = ptw_group_sizes(group, sizes);
	state->youngest = ptw_port_load(&group->youngest);
	state->oldest = state->youngest - (n - 1);
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++) {
		const uint64_t seq = state->oldest + i;

		state->pages[seq % PTW_GENERATIONS] = ptw_not_below(sizes[i]);
		state->birth[i] = ptw_port_load(&group->birth[i]);
	}
	state->resident = ptw_port_load(&group->resident);
	state->isolated = ptw_port_load(&group->isolated);
	state->ticks = ptw_port_load(&group->tick);
	state->faults = ptw_port_load(&group->faults);
	state->refaults = ptw_port_load(&group->refaults);
	state->evicted = ptw_port_load(&group->evicted);
	state->failed = ptw_port_load(&group->failed);
	state->looks = ptw_port_load(&group->looks);
	state->looked = ptw_port_load(&group->looked);
	state->around = ptw_port_load(&group->around);
	state->agings = ptw_port_load(&group->agings);
	state->words = ptw_port_load(&group->words);
	state->aged = ptw_port_load(&group->aged);
	return PTW_OK;
}

int ptw_group_ages(struct ptw_group *group, uint64_t histogram[256])
{
	uint8_t now;

	if (!group || !histogram)
		return PTW_ERR_ARG;
	if (group->engine->policy->ages) {
		ptw_policy_ages(group, histogram);
		return PTW_OK;
	}
	now = ptw_tick_byte(ptw_port_load(&group->tick));
	for (unsigned int age = 0; age < 256; age++)
		histogram[age] = 0;
	/* Acquire; partner: the release in ptw_type_enter(). */
	for (uint64_t types = ptw_port_load_table(&group->types); types; types &= types - 1) {
		const uint64_t *count = group->type[__builtin_ctzll(types)]->count;

		for (unsigned int byte = 0; byte < 256; byte++)
			histogram[ptw_tick_age(now, (uint8_t)byte)] += ptw_port_load(&count[byte]);
	}
	for (unsigned int age = 0; age < 256; age++)
		histogram[age] = ptw_not_below(histogram[age]);
	return PTW_OK;
}
