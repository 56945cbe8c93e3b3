/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Types: which one's pages go next. The rule is in docs/engine.md. */
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

/* Below so many refaults a type costs nothing: there is too little to judge by. */
#define PTW_REFAULTS_JUDGED 64u
/* Costs are in parts of a page that comes back for each that goes, for a type of the greatest weight. */
#define PTW_COST_LG2 20u
/* So that products fit. */
#define PTW_REFAULTS_MAX ((uint64_t)1 << 40)

int ptw_type_prepare(struct ptw_group *group, uint32_t type)
{
	if (!group->type[type])
		group->type[type] = ptw_port_zalloc(sizeof(*group->type[type]));
	return group->type[type] ? PTW_OK : PTW_ERR_NOMEM;
}

void ptw_type_enter(struct ptw_group *group, uint32_t type)
{
	if (group->types >> type & 1)
		return;
	ptw_feedback_begin(group);
	/* Release; partner: acquires of this mask, by who found the group by himself. */
	ptw_port_publish(&group->types, group->types | (uint64_t)1 << type);
}

int ptw_type_oldest(const struct ptw_group *group, struct ptw_type *type)
{
	const uint64_t tick = ptw_port_load(&group->tick);
	const uint8_t now = ptw_tick_byte(tick);
	unsigned int last = ptw_type_last_age(type, tick);

	if ((int64_t)ptw_port_load(&type->count[0]) > 0)
		return PTW_TICKS;
	for (;;) {
		for (unsigned int age = last + 1; age--;)
			if ((int64_t)ptw_port_load(&type->count[ptw_age_byte(now, age)]) > 0) {
				if (age != last)
					ptw_port_publish(&type->none_before, tick - age);
				return (int)age;
			}
		if (last == PTW_TICKS - 1)
			return -1;
		/* What was known may have been wrong. */
		last = PTW_TICKS - 1;
	}
}

static uint64_t ptw_type_cost(const struct ptw_type *type, uint32_t weight)
{
	uint64_t gone, refaulted;

	ptw_type_judged(type, &gone, &refaulted);
	if (refaulted < PTW_REFAULTS_JUDGED)
		return 0;
	if (!weight)
		return UINT64_MAX;
	refaulted = refaulted < PTW_REFAULTS_MAX ? refaulted : PTW_REFAULTS_MAX;
	return (refaulted << PTW_COST_LG2) / (gone + PTW_REFAULTS_JUDGED) * PTW_BALANCE_MAX / weight;
}

/* Are pages of this age older than the two youngest generations? */
static bool ptw_age_is_old(const struct ptw_group *group, int age)
{
	/* Acquire: the births of generations before it; partner: the release in ptw_generation_begin(). */
	const uint64_t youngest = ptw_port_load_table(&group->youngest);
	uint64_t birth;

	if (youngest < 1)
		return false;
	birth = ptw_port_load(&group->birth_tick[(youngest - 1) % PTW_GENERATIONS]);
	return age == (int)PTW_TICKS || (uint64_t)age > ptw_port_load(&group->tick) - birth;
}

/* What is known of a type that has pages to give. Those that come first in this order give them. */
struct ptw_candidate {
	unsigned int rank; /* 2: it has old pages; 1: young ones; 0: it has no weight */
	uint64_t cost;
	uint64_t idle; /* age x weight */
	int age;
};

static bool ptw_goes_first(const struct ptw_candidate *a, const struct ptw_candidate *b)
{
	if (a->rank != b->rank)
		return a->rank > b->rank;
	if (a->cost != b->cost)
		return a->cost < b->cost;
	return a->idle > b->idle;
}

static uint32_t ptw_balance_of(uint64_t balance, uint32_t type)
{
	return (uint32_t)(balance >> 8 * type) & 0xff;
}

uint32_t ptw_type_pick(const struct ptw_group *group, uint64_t balance, uint64_t types, int least,
		       const int *most, int *age)
{
	struct ptw_candidate best = {0}, c;
	uint32_t picked = PTW_TYPES;
	bool weighted = false;

	/* Acquire; partner: the release in ptw_type_enter(). */
	types &= ptw_port_load_table(&group->types);
	for (uint32_t t = 0; t < PTW_TYPES; t++) {
		const uint32_t weight = ptw_balance_of(balance, t);

		if (!(types >> t & 1))
			continue;
		c.age = ptw_type_oldest(group, group->type[t]);
		if (most && c.age > most[t])
			c.age = most[t];
		weighted |= weight && c.age >= 0;
		if (c.age < least)
			continue;
		c.rank = weight ? 1 + ptw_age_is_old(group, c.age) : 0;
		c.cost = ptw_type_cost(group->type[t], weight);
		c.idle = (uint64_t)c.age * weight;
		if (picked == PTW_TYPES || ptw_goes_first(&c, &best)) {
			best = c;
			picked = t;
		}
	}
	*age = best.age;
	/* Without a weight it stays while others have pages, also if these are too young. */
	return weighted && !best.rank ? PTW_TYPES : picked;
}

uint32_t ptw_type_choose(const struct ptw_group *group, uint64_t types, int least, const int *most,
			 int *age)
{
	/* Acquire; partner: the release in ptw_type_enter(). */
	if (ptw_port_load_table(&group->types) != 1)
		return ptw_type_pick(group, ptw_port_load(&group->balance), types, least, most, age);
	*age = ptw_type_oldest(group, group->type[0]);
	if (*age > most[0])
		*age = most[0];
	return *age < least || !(types & 1) ? PTW_TYPES : 0;
}

uint64_t ptw_group_willing(const struct ptw_group *group)
{
	/* Acquire; partner: the release in ptw_type_enter(). */
	const uint64_t types = ptw_port_load_table(&group->types);
	const uint64_t balance = ptw_port_load(&group->balance);
	uint64_t willing = 0, any = 0;

	if (types == 1)
		return types;
	for (uint32_t t = 0; t < PTW_TYPES; t++) {
		if (!(types >> t & 1) || !ptw_balance_of(balance, t))
			continue;
		willing |= (uint64_t)1 << t;
		any |= ptw_type_oldest(group, group->type[t]) >= 0;
	}
	return any ? willing : types;
}

int ptw_group_set_balance(struct ptw_group *group, uint32_t type, uint32_t weight)
{
	uint64_t balance;

	if (!group || type >= PTW_TYPES || weight > PTW_BALANCE_MAX)
		return PTW_ERR_ARG;
	if (group->engine->ordered)
		return PTW_ERR_UNSUPPORTED;
	balance = ptw_port_load(&group->balance);
	while (!ptw_port_cas(&group->balance, &balance,
			     (balance & ~((uint64_t)0xff << 8 * type)) |
				     (uint64_t)weight << 8 * type))
		;
	return PTW_OK;
}

/* Sizes, and the first generation that is not empty, but for the two youngest. */
static void ptw_type_generations(const struct ptw_group *group, uint32_t type,
				 struct ptw_type_state *state)
{
	uint64_t sizes[PTW_GENERATIONS], oldest;
	const unsigned int n = ptw_group_sizes_of(group, (uint64_t)1 << type, sizes);

	state->youngest = ptw_port_load(&group->youngest);
	oldest = state->youngest - (n - 1);
	state->oldest = oldest;
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
		state->pages[(oldest + i) % PTW_GENERATIONS] = ptw_not_below(sizes[i]);
	for (unsigned int i = 0; i + 2 < n && (int64_t)sizes[i] <= 0; i++)
		state->oldest++;
}

int ptw_group_type_state(const struct ptw_group *group, uint32_t type, struct ptw_type_state *state)
{
	const struct ptw_type *t;

	if (!group || !state || type >= PTW_TYPES)
		return PTW_ERR_ARG;
	if (state->size < sizeof(*state))
		return PTW_ERR_SIZE;
	*state = (struct ptw_type_state){.size = state->size};
	state->weight = ptw_balance_of(ptw_port_load(&group->balance), type);
	state->tier = PTW_TIERS - 1;
	state->youngest = state->oldest = ptw_port_load(&group->youngest);
	/* Acquire; partner: the release in ptw_type_enter(). */
	if (!(ptw_port_load_table(&group->types) >> type & 1))
		return PTW_OK;
	ptw_type_generations(group, type, state);
	t = group->type[type];
	for (unsigned int i = 0; i < PTW_TIERS; i++) {
		state->evicted[i] = ptw_port_load(&t->tier[i].evicted);
		state->refaulted[i] = ptw_port_load(&t->tier[i].refaulted);
		state->protected_[i] = ptw_port_load(&t->tier[i].protected);
	}
	state->cost = ptw_type_cost(t, state->weight);
	state->tier = ptw_tier_limit(group, type);
	return PTW_OK;
}
