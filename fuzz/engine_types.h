/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What fuzz_engine.c does with types, uses and tokens (ptw/engine_type.h), held against the model:
 * which type and tier a page that comes back is counted in, whether it was gone for too long to be,
 * and that sums by type and tier add up.
 */
#ifndef PTW_FUZZ_ENGINE_TYPES_H
#define PTW_FUZZ_ENGINE_TYPES_H

#include "engine_callbacks.h"

/* A byte of a page that was put out tells generations apart that are fewer than so many apart. */
#define SEQUENCES 250u

/* By a call. */
static void used(uint64_t p)
{
	const int ret = ptw_page_used(engine, p);

	if (ordered()) {
		expect(ret == PTW_ERR_UNSUPPORTED, "used: %d", ret);
		return;
	}
	expect(ret == (page[p].resident ? PTW_OK : PTW_ERR_ABSENT), "used: %d", ret);
	if (ret)
		return;
	page[p].uses += page[p].uses < 7;
	slot[page[p].slot].feedback = true;
}

static void op_used(void)
{
	const uint64_t first = take_page();
	const unsigned int n = take() % 128 + 1, byte = take();

	for (uint64_t p = first; p < first + n && p < pages; p++)
		for (unsigned int i = byte & 8 ? mix(byte, p) % 8 : byte & 7; i; i--)
			used(p);
}

static void weigh(struct slot *s, uint32_t type, uint32_t weight)
{
	const int ret = ptw_group_set_balance(s->group, type, weight);

	expect(ret == (ordered() ? PTW_ERR_UNSUPPORTED : PTW_OK), "balance: %d", ret);
	if (!ret)
		s->weight[type] = weight;
}

static void op_weigh(void)
{
	struct slot *s = take_slot();
	const unsigned int type = take(), weight = take();

	if (!s->group)
		return;
	expect(ptw_group_set_balance(s->group, PTW_TYPES, 0) == PTW_ERR_ARG, "type 4");
	expect(ptw_group_set_balance(s->group, 0, 201) == PTW_ERR_ARG, "weight 201");
	weigh(s, type % PTW_TYPES, type & 0x10 ? 0 : weight % 201);
}

static void op_interval(void)
{
	struct slot *s = take_slot();
	const unsigned int byte = take();

	if (!s->group)
		return;
	s->interval = byte & 1 ? byte * 16 : 0;
	expect(!ptw_group_interval(s->group, s->interval), "interval");
	remember((uint64_t)ptw_group_wants_ageing(s->group));
}

static uint64_t refaults_of(const struct slot *s, uint32_t t, uint64_t tier[PTW_TIERS])
{
	struct ptw_group_state state = {.size = sizeof(state)};
	struct ptw_type_state type = {.size = sizeof(type)};

	expect(!ptw_group_state(s->group, &state), "state");
	expect(!ptw_group_type_state(s->group, t, &type), "type");
	memcpy(tier, type.refaulted, sizeof(type.refaulted));
	return state.refaults;
}

/*
 * A page came that was known, as `by` says: whether it is counted by type and tier, and in which; it has its uses then,
 * and one more. `before` and `tier` are what was counted before.
 */
static void came_back(uint64_t p, const struct token *by, uint64_t before, const uint64_t *tier)
{
	struct slot *s = &slot[page[p].slot];
	struct ptw_group_state state = {.size = sizeof(state)};
	uint64_t now[PTW_TIERS], sum = 0;
	unsigned int of = 0;

	expect(!ptw_group_state(s->group, &state), "state");
	s->refaults++;
	expect(refaults_of(s, by->type, now) == before + 1, "refaults");
	for (unsigned int i = 0; i < PTW_TIERS; i++) {
		sum += now[i] - tier[i];
		of = now[i] != tier[i] ? i : of;
	}
	expect(sum <= 1, "%llu refaults of one page", (unsigned long long)sum);
	if (!s->feedback || ordered())
		expect(!sum, "judged");
	else if (by->evicted && state.youngest - by->oldest < PTW_GENERATIONS)
		expect(sum, "page %llu went from one of the last generations", (unsigned long long)p);
	else if (by->evicted && state.youngest - by->youngest >= PTW_GENERATIONS &&
		 state.youngest - by->oldest < SEQUENCES)
		expect(!sum, "page %llu went long ago", (unsigned long long)p);
	if (!sum)
		return;
	expect(by->vague || of == tier_of(by->uses), "page %llu is of tier %u, not %u",
	       (unsigned long long)p, of, tier_of(by->uses));
	s->back[by->type]++;
	page[p].uses = by->uses + (by->uses < 7);
	page[p].vague = by->vague;
}

/* By a token that is none of the group's, perhaps: at most one refault, which may be of any type. */
static void came_by_chance(uint64_t p, uint64_t before)
{
	struct slot *s = &slot[page[p].slot];
	struct ptw_group_state state = {.size = sizeof(state)};

	expect(!ptw_group_state(s->group, &state), "state");
	expect(state.refaults <= before + 1, "refaults");
	s->refaults = state.refaults;
	page[p].vague = true;
	page[p].uses = 0;
	for (uint32_t t = 0; t < PTW_TYPES; t++) {
		uint64_t now[PTW_TIERS];

		refaults_of(s, t, now);
		s->back[t] = now[0] + now[1] + now[2] + now[3];
	}
	s->feedback |= state.refaults != before;
}

/* A page is added, by a token if there is one; `made_up`: it is not as it was. */
static void comes_by(uint64_t p, const struct token *by, bool made_up)
{
	const struct page was = page[p < pages ? p : 0];
	struct slot *s = p < pages && was.slot != NOBODY ? &slot[was.slot] : NULL;
	const struct token known = {.type = was.type, .uses = was.uses, .vague = was.vague,
				    .youngest = was.youngest, .oldest = was.oldest,
				    .evicted = was.judged};
	const int want = model_add(p);
	uint64_t tier[PTW_TIERS], before = 0;
	int got, age;

	/* Others that come are no refaults; that is seen when groups are compared. */
	if (s && (by || was.evicted)) {
		note_protected(s);
		before = refaults_of(s, by ? by->type : was.type, tier);
	}
	got = by ? ptw_page_add_token(engine, p, by->token) : ptw_page_add(engine, p);
	expect(got == want, "add of page %llu: %d, not %d", (unsigned long long)p, got, want);
	if (got)
		return;
	if (by && made_up)
		came_by_chance(p, before);
	else if (by ? by->made == s->made : was.evicted)
		came_back(p, by ? by : &known, before, tier);
	else if (by)
		expect(refaults_of(s, by->type, tier) == before, "another group's token");
	if (ordered() || page[p].isolated)
		return;
	age = ptw_page_age(engine, p);
	expect(age == 0 || age == 1, "age %d of a page that just came", age);
}

static void comes(uint64_t p, const struct token *by)
{
	comes_by(p, by, false);
}

static void token_of(uint64_t p)
{
	struct token *t = &token[tokens % TOKENS];
	uint64_t got = 0;
	const int ret = ptw_page_token(engine, p, &got);
	int want = PTW_OK;

	if (ordered())
		want = PTW_ERR_UNSUPPORTED;
	else if (p >= pages)
		want = PTW_ERR_RANGE;
	else if (page[p].slot == NOBODY || (!page[p].evicted && !page[p].resident))
		want = PTW_ERR_ABSENT;
	else if (!page[p].evicted && !page[p].isolated)
		want = PTW_ERR_EXISTS;
	/* Others that a call is about to look at are being evicted, too. */
	expect(ret == want || (want == PTW_ERR_EXISTS && calls && !ret),
	       "token of page %llu: %d, not %d", (unsigned long long)p, ret, want);
	if (ret)
		return;
	expect(got, "0 is a token");
	/* Nothing is known of the generation of one that is here yet, or that went before it was noted. */
	*t = (struct token){.token = got, .made = slot[page[p].slot].made, .type = page[p].type,
			    .uses = page[p].uses, .vague = page[p].vague || !page[p].evicted,
			    .youngest = page[p].youngest, .oldest = page[p].oldest,
			    .evicted = page[p].evicted && page[p].judged};
	slot[page[p].slot].feedback = true;
	tokens++;
}

static void op_token(void)
{
	const uint64_t first = take_page();
	const unsigned int n = take() % 64 + 1;

	for (uint64_t p = first; p < first + n; p++)
		token_of(p);
}

static void op_come(void)
{
	const uint64_t first = take_page();
	const unsigned int n = take() % 32 + 1, byte = take();
	uint64_t any = 0;

	for (uint64_t p = first; p < first + n; p++) {
		struct token by = token[(p + byte) % TOKENS];

		if (byte & 0x80 || !tokens || !by.token) {
			any = any << 8 | take();
			by = (struct token){.token = any};
			comes_by(p, &by, true);
		} else if (byte & 0x40) {
			by.token ^= (uint64_t)1 << mix(byte, p) % 64;
			comes_by(p, &by, true);
		} else {
			comes_by(p, &by, false);
		}
	}
}

/* What a group says of what went of a type, and came back. */
static void compare_judged(const struct slot *s, uint32_t t, const struct ptw_type_state *type)
{
	uint64_t gone = 0, back = 0, model = 0;

	expect(type->weight == s->weight[t], "weight");
	expect(!type->protected_[0], "tier 0 was protected");
	for (unsigned int i = 0; i < PTW_TIERS; i++) {
		gone += type->evicted[i];
		back += type->refaulted[i];
		model += s->gone[t][i];
		expect(s->vague || type->evicted[i] == s->gone[t][i],
		       "%llu of type %u and tier %u went, not %llu",
		       (unsigned long long)type->evicted[i], t, i, (unsigned long long)s->gone[t][i]);
	}
	expect(gone == model, "%llu of type %u went, not %llu", (unsigned long long)gone, t,
	       (unsigned long long)model);
	expect(back == s->back[t], "%llu of type %u came back, not %llu", (unsigned long long)back, t,
	       (unsigned long long)s->back[t]);
	expect(type->tier < PTW_TIERS, "tier %u", type->tier);
	/* There is too little to judge by. */
	if (back < 64)
		expect(type->tier == PTW_TIERS - 1 && !type->cost, "tier %u, cost %llu", type->tier,
		       (unsigned long long)type->cost);
}

#endif /* PTW_FUZZ_ENGINE_TYPES_H */
