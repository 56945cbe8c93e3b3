/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Any bytes as calls of the generation engine, by one thread, held against a plain model (engine_model.h). Callbacks
 * take what they answer from the same bytes, and make calls of their own. Each input runs twice, and must put out the
 * same pages.
 *
 * Input: four bytes (policy, two of how many pages, groups), then a byte for the operation and what
 * it takes. What is not there is 0.
 */
#include "engine_callbacks.h"

#include <ptw/engine_reclaim.h>
#include <ptw/engine_save.h>
#include <ptw/engine_text.h>
#include <ptw/engine_tree.h>

#define OPERATIONS_MAX 400u

static const struct ptw_policy_ops *const policies[] = {&ptw_policy_generations,
							&ptw_policy_idle_age, &ptw_policy_learned};

/* Pages that come, uses, types and tokens. */
#include "engine_types.h"

/* --- groups */

static void op_make(void)
{
	struct slot *s = take_slot(), *parent = take_slot();
	struct ptw_group *above = parent->group;
	const unsigned int kind = take();
	unsigned int there = 0;
	int ret;

	if (s->group)
		return;
	for (unsigned int i = 0; i < SLOTS; i++)
		there += slot[i].group != NULL;
	/* Few of them lack anything. */
	s->kind = kind % 8 == 7 ? kind >> 3 & 7 : 0;
	s->parent = above ? parent->number : NOBODY;
	s->depth = above ? parent->depth + 1 : 1;
	ret = make_group(engine, s, above, &s->group);
	if (there == groups)
		expect(ret == PTW_ERR_LIMIT, "%d", ret);
	else
		expect(ret == (above && parent->dying ? PTW_ERR_ABSENT : PTW_OK), "%d", ret);
	if (ret)
		*s = (struct slot){.number = s->number};
	else
		expect(ptw_group_parent(s->group) == above, "parent");
	s->made = ++groups_made;
	for (uint32_t t = 0; t < PTW_TYPES; t++)
		s->weight[t] = PTW_BALANCE_DEFAULT;
}

/* Calls that name it may not be under way. */
static void give_up(struct slot *s)
{
	int ret, want = PTW_OK;

	if (!s->group || s->calls)
		return;
	for (uint64_t p = 0; p < pages; p++)
		if (page[p].slot == s->number && page[p].isolated)
			want = PTW_ERR_AGAIN;
	for (unsigned int i = 0; i < SLOTS; i++)
		if (slot[i].group && slot[i].parent == s->number)
			want = PTW_ERR_BUSY;
	ret = ptw_group_destroy(s->group);
	/* A reclaim or a command may have it. */
	expect(ret == want || (!want && calls && ret == PTW_ERR_AGAIN), "give up: %d, not %d", ret,
	       want);
	if (!ret)
		model_given_up(s);
	else if (ret == PTW_ERR_AGAIN)
		s->dying = true;
}

static void op_give_up(void)
{
	give_up(take_slot());
}

static void op_attach(void)
{
	struct slot *s = take_slot();
	const uint64_t first = take() % (REGIONS + 1) * 64;
	const unsigned int byte = take();
	const uint32_t type = byte / 6 % PTW_TYPES;
	uint64_t n = (byte % 6 + 1) * 64;
	int ret, want = PTW_OK;

	if (!s->group || s->calls)
		return;
	/* In a reclaim any group may be the one that is asked. */
	if (calls && s->spans)
		return;
	if (first + n > pages && first < pages)
		n = pages - first;
	if (first >= pages)
		want = PTW_ERR_RANGE;
	for (uint64_t p = first; !want && p < first + n; p++)
		if (page[p].slot != NOBODY)
			want = PTW_ERR_OVERLAP;
	ret = ptw_group_attach_as(s->group, first, n, type);
	expect(ret == want, "attach: %d, not %d", ret, want);
	if (ret)
		return;
	for (uint64_t p = first; p < first + n; p++) {
		page[p].slot = s->number;
		page[p].type = type;
	}
	s->feedback |= type != PTW_TYPE_ANON;
	s->span[s->spans].first = first;
	s->span[s->spans].type = type;
	s->span[s->spans++].pages = n;
}

/* --- pages */

static void op_add(void)
{
	const uint64_t first = take_page();
	const unsigned int n = take() % 128 + 1;

	for (uint64_t p = first; p < first + n; p++)
		comes(p, NULL);
}

static void op_remove(void)
{
	const uint64_t first = take_page();
	const unsigned int n = take() % 32 + 1;

	for (uint64_t p = first; p < first + n; p++) {
		int want = model_remove(p);
		const int got = ptw_page_remove(engine, p);

		expect(got == want, "remove of page %llu: %d, not %d", (unsigned long long)p, got,
		       want);
	}
}

static void op_accessed(void)
{
	const uint64_t first = take_page();
	const unsigned int n = take(), byte = take();

	for (uint64_t p = first; p < first + n && p < pages; p++) {
		page[p].young |= !byte || (mix(byte, p) & 0x100);
		if (byte & 2)
			used(p);
	}
}

static void op_word(void)
{
	const uint64_t first = take_page();
	const unsigned int byte = take();
	const uint64_t word =
		byte == 0xff ? UINT64_MAX : ((uint64_t)mix(byte, 1) << 32) ^ mix(byte, 2);

	expect(!ptw_engine_young(engine, first / 64 * 64, word, 0), "word");
	for (uint64_t p = first / 64 * 64; p < first / 64 * 64 + 64 && p < pages; p++)
		if ((word >> p % 64 & 1) && page[p].resident && !calls && !page[p].isolated &&
		    !ordered() && (enabled & PTW_ENABLE_CORE))
			expect(!ptw_page_age(engine, p), "young, and yet old");
}

/* From within a callback only what is known to be under way. */
static void op_settle(void)
{
	const uint64_t first = take_page();
	const unsigned int n = take() % 64 + 1, result = take() % 5;

	for (uint64_t p = first; p < first + n; p++)
		if (!calls || (p < pages && page[p].pending))
			settle(p, result);
}

/* --- ageing and eviction */

static void op_age(void)
{
	struct slot *s = take_slot();
	const unsigned int times = take();
	struct call c;

	if (!s->group)
		return;
	for (unsigned int i = 0; i <= (times >= 0xf0 ? times % 16 * 4 : 0); i++) {
		int ret;

		call_begins(&c, s, 0);
		ret = ptw_group_age(s->group);
		call_ends(&c, s);
		if (c.error)
			expect(ret == c.error, "age: %d", ret);
		else if (calls)
			expect(!ret || ret == PTW_ERR_AGAIN || ret == PTW_ERR_UNSUPPORTED, "%d",
			       ret);
		else if ((s->kind & NO_HARVEST) || !(enabled & PTW_ENABLE_CORE))
			expect(ret == PTW_ERR_UNSUPPORTED || c.disturbed, "age: %d", ret);
		else
			expect(!ret || c.disturbed, "age: %d", ret);
	}
}

/* What holds of each call that evicts, and ends with `ret`. */
static void put_out(const struct call *c, uint64_t want, uint64_t gone, int ret, uint64_t there)
{
	const uint64_t most = there < want ? there : want;

	remember(gone);
	expect(gone == c->gone, "%llu are gone, not %llu", (unsigned long long)c->gone,
	       (unsigned long long)gone);
	expect(gone + c->pending <= want, "too many");
	expect(c->told == (ret == PTW_ERR_THRASHING), "thrashing was told %u times", c->told);
	if (c->error)
		expect(ret == c->error, "%d", ret);
	else if (ret == PTW_ERR_THRASHING)
		expect(!gone && !c->pending, "thrashing, and yet some are gone");
	else
		expect(!ret, "%d", ret);
	if (!c->error && !c->disturbed && !c->refused && !min_age && there != UINT64_MAX)
		expect(gone + c->pending == most, "%llu, not %llu",
		       (unsigned long long)(gone + c->pending), (unsigned long long)most);
}

static void op_evict(void)
{
	struct slot *s = take_slot();
	const unsigned int byte = take();
	const uint64_t want = byte < 0xf0 ? byte / 2 : byte == 0xff ? UINT64_MAX : 1000;
	const uint64_t had_min = min_age;
	uint64_t gone = 0, there;
	struct call c;
	int ret;

	if (!s->group)
		return;
	recount();
	there = calls || had_min ? UINT64_MAX : s->live;
	call_begins(&c, s, 0);
	ret = ptw_group_evict(s->group, want, &gone);
	call_ends(&c, s->group ? s : NULL);
	if (s->group && (s->kind & NO_EVICT))
		expect(ret == PTW_ERR_UNSUPPORTED, "%d", ret);
	else
		put_out(&c, want, gone, ret, there);
}

static void op_evict_older(void)
{
	struct slot *s = take_slot();
	const unsigned int least = take() * 2, want = take();
	uint64_t gone = 0;
	struct call c;
	int ret;

	if (!s->group)
		return;
	call_begins(&c, s, least < 255 ? least : 255);
	c.older = true;
	ret = ptw_group_evict_older(s->group, least, want, &gone);
	call_ends(&c, s);
	if (ordered() || (s->kind & NO_EVICT))
		expect(ret == PTW_ERR_UNSUPPORTED, "%d", ret);
	else
		put_out(&c, want, gone, ret, UINT64_MAX);
}

static void op_protect(void)
{
	struct slot *s = take_slot();
	const unsigned int byte = take();

	if (!s->group)
		return;
	s->min = byte & 1 ? byte * 2 : 0;
	s->low = byte == 0xff ? UINT64_MAX : take() * 2;
	expect(!ptw_group_protect(s->group, s->min, s->low), "protect");
	weigh(s, byte / 2 % PTW_TYPES, byte % 201);
}

/* Of those right below what was reclaimed, min holds in any case, and low if nothing was allowed to go below it. */
static void op_reclaim(void)
{
	struct slot *s = take_slot();
	const unsigned int byte = take(), flags = take() & 1;
	struct slot *root = s->group && (byte & 1) ? s : NULL;
	const uint64_t want = byte < 0xf0 ? byte / 2 : 1000;
	uint64_t before[SLOTS], gone = 0, there = 0;
	const uint64_t had_min = min_age;
	bool plain = true;
	struct call c;
	int ret;

	recount();
	for (unsigned int i = 0; i < SLOTS; i++) {
		before[i] = slot[i].group ? usage(&slot[i]) : 0;
		plain &= !slot[i].min && !slot[i].low;
		if (slot[i].group && !(slot[i].kind & NO_EVICT) && !slot[i].dying &&
		    (!root || below(&slot[i], root)))
			there += slot[i].live;
	}
	call_begins(&c, root, 0);
	ret = ptw_engine_reclaim(engine, root ? root->group : NULL, want, flags, &gone);
	call_ends(&c, root && root->group ? root : NULL);
	put_out(&c, want, gone, ret, calls || had_min || !plain ? UINT64_MAX : there);
	recount();
	for (unsigned int i = 0; !c.disturbed && !c.early && !c.told && i < SLOTS; i++) {
		const uint64_t most = flags && slot[i].low > slot[i].min ? slot[i].low : slot[i].min;
		const uint64_t promised = most < before[i] ? most : before[i];

		if (slot[i].group && slot[i].parent == (root ? root->number : NOBODY))
			expect(usage(&slot[i]) >= promised, "group %u was promised %llu", i,
			       (unsigned long long)promised);
	}
}

/* --- what is set, text */

static void op_clock(void)
{
	const unsigned int byte = take();

	if (byte & 1)
		time_is += (uint64_t)byte * 8;
	else
		time_is -= time_is < byte * 4u ? time_is : byte * 4u;
	time_was_most = time_is > time_was_most ? time_is : time_was_most;
}

static void op_min_age(void)
{
	const unsigned int byte = take();

	min_age = byte & 1 ? byte * 4 : 0;
	expect(!ptw_engine_min_age(engine, min_age), "min age");
}

static void op_enable(void)
{
	const unsigned int byte = take();

	/* From within a callback harvests may be under way. */
	if (calls)
		return;
	enabled = byte & 0x10 ? PTW_ENABLE_ALL : byte & 15;
	expect(!ptw_engine_enable(engine, enabled), "enable");
	expect(ptw_engine_enable(engine, 16) == PTW_ERR_ARG, "enable 16");
	expect(ptw_engine_enabled(engine) == enabled, "enabled");
}

static void op_text(void)
{
	const size_t size = take() * 4u;
	size_t needed, again;
	char *whole, *part;
	int ret;

	ret = ptw_engine_text(engine, NULL, 0, &needed);
	expect(ret == PTW_ERR_SIZE, "text: %d", ret);
	whole = malloc(needed);
	part = malloc(size ? size : 1);
	expect(whole && part, "no memory");
	expect(!ptw_engine_text(engine, whole, needed, &again) && again == needed, "text");
	expect(strlen(whole) + 1 == needed, "length");
	ret = ptw_engine_text(engine, part, size, &again);
	expect(again == needed && ret == (size < needed ? PTW_ERR_SIZE : PTW_OK), "%d", ret);
	if (size)
		expect(!strncmp(whole, part, strlen(part)), "another text");
	for (const char *at = whole; *at; at++)
		remember((uint8_t)*at);
	free(whole);
	free(part);
}

static void op_command(void)
{
	struct slot *s = take_slot();
	const unsigned int byte = take();
	struct ptw_group_state state = {.size = sizeof(state)};
	char text[160];
	size_t length = 0, done = 77;
	struct call c;
	int ret;

	if (byte & 1 || !s->group) {
		while (length < byte % 64)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%c",
						   "+-,; \n01234max"[take() % 14]);
	} else {
		expect(!ptw_group_state(s->group, &state), "state");
		length = (size_t)snprintf(text, sizeof(text), "%c %u 0 %llu %u %u;",
					  byte & 2 ? '+' : '-', ptw_group_id(s->group),
					  (unsigned long long)(state.youngest - (byte >> 2 & 3)),
					  byte & 0x20 ? 200u : 0u, take());
	}
	call_begins(&c, NULL, 0);
	c.command = true;
	ret = ptw_engine_command(engine, text, length, &done);
	call_ends(&c, NULL);
	remember((uint64_t)ret);
	expect(done <= length && (ret || done == length), "done");
	expect(!c.error || ret == c.error, "command: %d", ret);
}

/* --- the engine */

static struct ptw_engine *make_engine(void)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config),
		.pages = pages,
		.groups = groups,
		.clock = clock_says,
		.policy = policy,
		.thrashing = thrashing,
	};
	struct ptw_engine *made;

	expect(!ptw_engine_create(&config, &made), "no memory");
	return made;
}

/* Groups with regions, and those above them. */
static bool in_image(const struct slot *s)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		if (slot[i].group && slot[i].spans && below(&slot[i], s))
			return true;
	return false;
}

/* The same groups in another engine, those above first. */
static void remake_groups(struct ptw_engine *other)
{
	struct ptw_group *made[SLOTS + 1] = {NULL};

	for (unsigned int depth = 1; depth <= SLOTS; depth++)
		for (unsigned int i = SLOTS; i--;) {
			struct slot *s = &slot[i];

			if (!s->group || s->depth != depth)
				continue;
			expect(!make_group(other, s, made[s->parent], &made[i]), "no memory");
			s->made = ++groups_made;
			if (!in_image(s)) {
				expect(!ptw_group_protect(made[i], s->min, s->low), "protect");
				expect(!ptw_group_interval(made[i], s->interval), "interval");
				for (uint32_t t = 0; !ordered() && t < PTW_TYPES; t++)
					expect(!ptw_group_set_balance(made[i], t, s->weight[t]),
					       "balance");
			}
			for (unsigned int k = 0; k < s->spans; k++)
				expect(!ptw_group_attach_as(made[i], s->span[k].first,
							    s->span[k].pages, s->span[k].type),
				       "attach");
		}
	for (unsigned int i = 0; i < SLOTS; i++) {
		slot[i].group = made[i];
		slot[i].dying = false;
	}
}

/* Go on with an engine that was made from this one's image. */
static void op_save(void)
{
	const uint64_t bytes = ptw_engine_save_bytes(engine);
	uint64_t used = 0, again = 0;
	struct ptw_group *before[SLOTS];
	struct ptw_engine *other;
	uint8_t *image, *copy;
	int ret;

	if (calls)
		return;
	for (unsigned int i = 0; i < SLOTS; i++)
		before[i] = slot[i].group;
	image = malloc(bytes ? bytes : 1);
	copy = malloc(bytes ? bytes : 1);
	expect(image && copy, "no memory");
	ret = ptw_engine_save(engine, image, bytes, &used);
	expect(!ret && used == bytes, "save: %d, %llu bytes, not %llu", ret,
	       (unsigned long long)used, (unsigned long long)bytes);
	expect(ptw_engine_save(engine, copy, bytes - 1, &again) == PTW_ERR_SIZE,
	       "too small");
	other = make_engine();
	remake_groups(other);
	ret = ptw_engine_restore(other, image, bytes);
	expect(!ret, "restore: %d", ret);
	expect(!ptw_engine_save(other, copy, bytes, &again) && again == bytes, "again");
	expect(!memcmp(image, copy, bytes), "another image");
	expect(ptw_engine_enabled(other) == enabled, "enabled");
	/* But for pages that are back, and a clock that went back: the other engine's begins anew. */
	for (unsigned int i = 0; i < SLOTS && time_is == time_was_most; i++)
		if (slot[i].group && !slot[i].isolated && in_image(&slot[i]))
			expect(ptw_group_wants_ageing(before[i]) ==
				       ptw_group_wants_ageing(slot[i].group),
			       "group %u does not want ageing alike", i);
	ptw_engine_destroy(engine);
	engine = other;
	for (uint64_t p = 0; p < pages; p++) {
		page[p].isolated = page[p].pending = page[p].vague = false;
		page[p].uses = 0;
	}
	/* Whose they are follows from the order in which groups are made. */
	memset(token, 0, sizeof(token));
	tokens = 0;
	free(image);
	free(copy);
}

static void (*const operations[])(void) = {
	op_make,    op_attach,	    op_add,	op_add,	    op_remove,	op_accessed,
	op_word,    op_settle,	    op_age,	op_age,	    op_evict,	op_evict,
	op_evict,   op_evict_older, op_protect, op_reclaim, op_reclaim, op_clock,
	op_min_age, op_enable,	    op_text,	op_command, op_save,	op_give_up,
};

static void (*const more_operations[])(void) = {
	op_used, op_used, op_used, op_token, op_token, op_come, op_come, op_come, op_weigh, op_interval,
};

/* Beyond the last multiple of the first ones, so that inputs from before there were others mean what they meant. */
static void one_operation(void)
{
	const unsigned int byte = take();
	const unsigned int n = sizeof(operations) / sizeof(*operations), end = 256 / n * n;

	if (byte < end)
		operations[byte % n]();
	else
		more_operations[(byte - end) %
				(sizeof(more_operations) / sizeof(*more_operations))]();
}

/* --- comparing */

static void compare_types(struct slot *s, const struct ptw_group_state *state)
{
	uint64_t pages_of[PTW_GENERATIONS] = {0};

	note_protected(s);

	for (uint32_t t = 0; t < PTW_TYPES; t++) {
		struct ptw_type_state type = {.size = sizeof(type)};

		expect(!ptw_group_type_state(s->group, t, &type), "type");
		expect(type.youngest - type.oldest <= state->youngest - state->oldest, "oldest");
		for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
			pages_of[i] += type.pages[i];
		compare_judged(s, t, &type);
	}
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
		expect(pages_of[i] == state->pages[i], "pages of types");
}

static void compare_group(struct slot *s)
{
	struct ptw_group_state state = {.size = sizeof(state)}, sum = {.size = sizeof(sum)};
	struct ptw_protection protection = {.size = sizeof(protection)};
	uint64_t all = 0, generations = 0, aged = 0, histogram[256];

	expect(!ptw_group_state(s->group, &state), "state");
	expect(!ptw_group_subtree_state(s->group, &sum), "subtree");
	expect(!ptw_group_protection(s->group, NULL, &protection), "protection");
	expect(!ptw_group_ages(s->group, histogram), "ages");
	/* Those being given up are left out; what is below them cannot be. */
	for (unsigned int i = 0; i < SLOTS; i++)
		if (slot[i].group && (&slot[i] == s || !slot[i].dying) && below(&slot[i], s))
			all += slot[i].resident;
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
		generations += state.pages[i];
	for (unsigned int i = 0; i < 256; i++)
		aged += histogram[i];
	expect(state.resident == s->resident && state.isolated == s->isolated,
	       "group %u: %llu resident, %llu isolated; not %llu, %llu", s->number,
	       (unsigned long long)state.resident, (unsigned long long)state.isolated,
	       (unsigned long long)s->resident, (unsigned long long)s->isolated);
	expect(sum.resident == all, "group %u: %llu below it, not %llu", s->number,
	       (unsigned long long)sum.resident, (unsigned long long)all);
	expect(state.faults == s->faults && state.refaults == s->refaults, "faults");
	expect(state.evicted == s->evicted, "evicted");
	compare_types(s, &state);
	expect(state.youngest - state.oldest < PTW_GENERATIONS, "generations");
	expect(generations == s->live, "pages of generations");
	expect(aged == generations, "group %u: %llu ages, of %llu pages", s->number,
	       (unsigned long long)aged, (unsigned long long)generations);
	expect(protection.min == s->min && protection.low == s->low, "protected");
	expect(protection.effective_min <= protection.usage &&
		       protection.effective_low <= protection.usage,
	       "more than there is");
}

static void compare_pages(void)
{
	for (uint64_t p = 0; p < pages; p++) {
		const int age = ptw_page_age(engine, p);

		remember((uint64_t)age);
		if (page[p].slot == NOBODY)
			expect(age == PTW_ERR_ABSENT, "page %llu: %d", (unsigned long long)p, age);
		else if (ordered())
			expect(age == PTW_ERR_UNSUPPORTED, "%d", age);
		else
			expect(page[p].resident ? age >= 0 && age < 256 : age == PTW_ERR_ABSENT,
			       "page %llu: %d", (unsigned long long)p, age);
	}
}

static void compare(void)
{
	expect(!ptw_engine_check(engine), "sizes");
	recount();
	for (unsigned int i = 0; i < SLOTS; i++)
		if (slot[i].group)
			compare_group(&slot[i]);
}

static uint64_t run(const uint8_t *data, size_t size)
{
	in = data;
	left = size;
	policy = policies[take() % 3];
	pages = 1;
	pages += (take() << 8 | take()) % PAGES_MAX;
	groups = take() % SLOTS + 1;
	enabled = PTW_ENABLE_ALL;
	time_is = time_was_most = 1000;
	min_age = 0;
	model_reset();
	engine = make_engine();
	for (unsigned int n = 0; left && n < OPERATIONS_MAX; n++) {
		one_operation();
		compare();
		/* This owns regions, which takes in words: not always. */
		if (n % 8 == 7)
			compare_pages();
	}
	compare_pages();
	compare();
	ptw_engine_destroy(engine);
	return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t first = run(data, size);

	expect(run(data, size) == first, "another time it was otherwise");
	return 0;
}
