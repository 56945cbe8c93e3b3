/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where fuzz_engine.c takes its bytes from, and the callbacks of its engine: what they are asked is held against the
 * model, what they answer is taken from the input, and some make calls of their own.
 */
#ifndef PTW_FUZZ_ENGINE_CALLBACKS_H
#define PTW_FUZZ_ENGINE_CALLBACKS_H

#include "engine_model.h"

#include <ptw/engine_enable.h>
#include <ptw/engine_type.h>

#define DEPTH_MAX 3u
#define BROKEN	  (-77) /* what a callback returns that fails */

/* slot.kind: callbacks that it has not. */
#define NO_HARVEST 1u
#define NO_LOOK	   2u
#define NO_EVICT   4u

static const uint8_t *in;
static size_t left;
static struct ptw_engine *engine;
static const struct ptw_policy_ops *policy;
static uint32_t groups, enabled;
static uint64_t time_is, time_was_most, min_age;

static unsigned int take(void)
{
	if (!left)
		return 0;
	left--;
	return *in++;
}

static uint64_t take_page(void)
{
	const unsigned int high = take();

	/* Seldom one behind the last. */
	return (high << 8 | take()) % (pages + 1);
}

static struct slot *take_slot(void)
{
	return &slot[take() % SLOTS];
}

static unsigned int mix(unsigned int byte, uint64_t p)
{
	return (unsigned int)((byte + 1) * (p + 7) * 0x9e3779b97f4a7c15u >> 40);
}

static bool ordered(void)
{
	return policy->pick;
}

/* --- what of a page goes first */

/* No page of a type without a weight goes while there are others; nothing goes that is too young. */
static void may_go(const struct slot *s, uint64_t p)
{
	struct ptw_group_state state = {.size = sizeof(state)};

	if (calls != 1 || call->disturbed || call->command)
		return;
	for (uint64_t q = 0; !ordered() && !s->weight[page[p].type] && q < pages; q++)
		expect(page[q].slot != s->number || !page[q].resident || page[q].isolated ||
			       !s->weight[page[q].type],
		       "page %llu goes before %llu, whose type has a weight", (unsigned long long)p,
		       (unsigned long long)q);
	if (!min_age || call->least || call->older)
		return;
	expect(!ptw_group_state(s->group, &state), "state");
	expect(time_was_most - state.birth[state.oldest % PTW_GENERATIONS] >= min_age,
	       "page %llu goes, but the oldest generation is too young", (unsigned long long)p);
}

/* Of its type, the pages of the oldest tick go first. This takes in words, so it is not done always. */
static void oldest_goes(const struct slot *s, uint64_t p)
{
	int age;

	if (calls != 1 || call->disturbed || ordered() || !page[p].resident)
		return;
	age = ptw_page_age(engine, p);
	for (uint64_t q = 0; q < pages; q++)
		if (page[q].slot == s->number && page[q].type == page[p].type && page[q].resident &&
		    !page[q].isolated)
			expect(ptw_page_age(engine, q) <= age, "page %llu goes before %llu",
			       (unsigned long long)p, (unsigned long long)q);
}

/* --- callbacks */

static void one_operation(void);

/* A callback makes calls. */
static void nested(void)
{
	for (struct call *c = call; c; c = c->outer)
		c->disturbed = true;
	if (calls <= DEPTH_MAX)
		one_operation();
}

static uint64_t clock_says(void *context)
{
	(void)context;
	return time_is;
}

static void give_up(struct slot *s);

static void thrashing(void *context, struct ptw_group *group)
{
	const unsigned int byte = take();

	(void)context;
	expect(min_age, "thrashing, and no minimum age");
	call->told++;
	if (byte & 1) {
		min_age /= 2;
		expect(!ptw_engine_min_age(engine, min_age), "min age");
	}
	for (unsigned int i = 0; (byte & 2) && i < SLOTS; i++)
		if (group && slot[i].group == group && slot[i].calls == 1) {
			slot[i].calls = 0;
			give_up(&slot[i]);
			if (slot[i].group)
				slot[i].calls = 1;
		}
}

static int harvest(void *context, uint64_t first, uint64_t n, ptw_word_fn word, void *sink)
{
	const struct slot *s = context;
	const unsigned int byte = take();
	const uint64_t end = byte % 16 == 15 ? first + n / 2 : first + n;

	expect(n && first < pages && n <= pages - first, "harvest beyond the last page");
	expect(enabled & PTW_ENABLE_LEAF_WALK, "harvest, which is switched off");
	if (byte % 16 == 14)
		nested();
	for (uint64_t p = first; p < end; p = p / 64 * 64 + 64) {
		uint64_t found = 0;

		for (uint64_t i = p; i < end && i < p / 64 * 64 + 64; i++) {
			expect(page[i].slot == s->number, "harvest of another's page");
			found |= (uint64_t)page[i].young << i % 64;
			page[i].young = false;
		}
		if (found)
			expect(!word(sink, p / 64 * 64, found, 0), "word");
	}
	if (byte % 16 == 13)
		nested();
	if (byte % 16 == 15)
		call->error = BROKEN;
	return call->error;
}

static void old_enough(uint64_t p)
{
	int age;

	if (!call->least || call->disturbed || !page[p].resident)
		return;
	age = ptw_page_age(engine, p);
	expect(age >= (int)call->least, "page %llu is of age %d only", (unsigned long long)p, age);
}

static int look(void *context, uint64_t p, uint64_t *around)
{
	struct call *const c = call;
	const unsigned int byte = take();
	bool young;

	model_given(context, p);
	old_enough(p);
	may_go(context, p);
	if (!c->n && (byte & 0x40))
		oldest_goes(context, p);
	expect(enabled & PTW_ENABLE_CORE || c->disturbed, "a look, where use does not matter");
	expect(c->n < PTW_EVICT_BATCH, "too many");
	if (byte % 16 == 14)
		nested();
	if (byte % 32 == 31) {
		model_settle(p, PTW_EVICT_FAILED);
		for (; c->n; c->n--)
			model_settle(c->kept[c->n - 1], PTW_EVICT_FAILED);
		return c->error = BROKEN;
	}
	young = page[p].young || byte % 16 == 13;
	page[p].young = false;
	if (!young) {
		c->kept[c->n++] = p;
		return 0;
	}
	for (uint64_t i = p / 64 * 64; (byte & 1) && i < p / 64 * 64 + 64 && i < pages; i++) {
		*around |= (uint64_t)page[i].young << i % 64;
		page[i].young = false;
	}
	c->refused = true;
	model_settle(p, PTW_EVICT_YOUNG);
	return 1;
}

static void settle(uint64_t p, uint32_t result)
{
	const int want = model_settle(p, result), got = ptw_page_settle(engine, p, result);

	expect(got == want, "settle of page %llu: %d, not %d", (unsigned long long)p, got, want);
}

/* What is said of one page. Some say what there is not. */
static uint8_t answer(unsigned int byte, uint64_t p)
{
	static const uint8_t answers[] = {PTW_EVICTED,	     PTW_EVICT_FAILED, PTW_EVICT_YOUNG,
					  PTW_EVICT_PENDING, PTW_EVICTED,      200};

	if (byte % 8 < 3)
		return PTW_EVICTED;
	return byte % 8 == 3 ? PTW_EVICT_PENDING : answers[mix(byte, p) % sizeof(answers)];
}

static int evict(void *context, const uint64_t *p, unsigned int n, uint8_t *result)
{
	struct call *const c = call;
	const unsigned int byte = take();

	expect(n && n <= PTW_EVICT_BATCH, "%u pages", n);
	expect(!c->n || c->n == n, "%u pages were old, and %u are to be put out", c->n, n);
	for (unsigned int i = 0; i < n; i++) {
		expect(result[i] == PTW_EVICT_FAILED, "result");
		if (c->n) {
			expect(c->kept[i] == p[i], "others were looked at");
		} else {
			model_given(context, p[i]);
			old_enough(p[i]);
			may_go(context, p[i]);
			if (!i && (byte & 0x80))
				oldest_goes(context, p[i]);
		}
		result[i] = answer(byte, p[i]);
		remember(result[i]);
		c->pending += result[i] == PTW_EVICT_PENDING;
		c->refused |= result[i] != PTW_EVICTED && result[i] != PTW_EVICT_PENDING;
	}
	c->n = 0;
	/* Some are over before it is said that they are under way. */
	for (unsigned int i = 0; byte % 8 == 5 && i < n; i++)
		if (mix(byte, p[i]) & 0x100)
			settle(p[i], mix(byte, p[i]) >> 9 & 1 ? PTW_EVICTED : PTW_EVICT_YOUNG);
	if (byte % 8 == 5)
		c->refused = c->early = true;
	if (byte % 8 == 6)
		nested();
	for (unsigned int i = 0; i < n; i++) {
		if (result[i] == PTW_EVICT_PENDING)
			page[p[i]].pending = page[p[i]].isolated;
		else if (!model_settle(p[i], result[i] < PTW_EVICT_PENDING ? result[i] : 1))
			c->gone += result[i] == PTW_EVICTED;
	}
	if (byte % 8 == 7 && (byte & 0x40))
		c->error = BROKEN;
	return c->error;
}

static int make_group(struct ptw_engine *of, struct slot *s, struct ptw_group *parent,
		      struct ptw_group **group)
{
	struct ptw_group_config config = {
		.size = sizeof(config),
		.ops = {.harvest = harvest, .look = look, .evict = evict},
		.context = s,
		.parent = parent,
	};

	if (s->kind & NO_HARVEST)
		config.ops.harvest = NULL;
	if (s->kind & NO_LOOK)
		config.ops.look = NULL;
	if (s->kind & NO_EVICT)
		config.ops.evict = NULL;
	return ptw_group_create(of, &config, group);
}

#endif /* PTW_FUZZ_ENGINE_CALLBACKS_H */
