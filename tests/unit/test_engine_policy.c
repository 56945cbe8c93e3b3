/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the engine tells a policy and asks of it: one that is written down here, and the idle ages. */
#include "tests/harness/harness.h"

#include <stdio.h>
#include <string.h>

#include <ptw/engine.h>
#include <ptw/engine_save.h>
#include <ptw/error.h>

#define PAGES 1000

static char told[4096];
static uint64_t to_pick[64], now_is, runs_asked, last_now, last_resident;
static unsigned int to_pick_count, states;
static int init_returns, attached_returns, due_returns;
static uint8_t evict_result;
static uint64_t look_young, look_around, removed_by_look;
static struct ptw_engine *engine;
static struct ptw_group *group;

static void tell(const char *what, uint64_t page)
{
	const size_t at = strlen(told);

	snprintf(told + at, sizeof(told) - at, "%s%u ", what, (unsigned int)page);
}

/* What was told since the last time. */
static void expect(const char *what)
{
	cr_assert_str_eq(told, what);
	told[0] = '\0';
}

static int init(const struct ptw_policy_config *config, void **state)
{
	cr_assert_eq(config->pages, (uint64_t)PAGES);
	if (init_returns)
		return init_returns;
	memset(config->page_data, 0xff, 3 * PAGES);
	states++;
	*state = &states;
	return PTW_OK;
}

static void give_up(void *state)
{
	cr_assert_eq(state, &states);
	states--;
}

static int attached(void *state, uint64_t first, uint64_t pages)
{
	(void)state;
	(void)pages;
	tell("attached ", first);
	return attached_returns;
}

static void added(void *state, uint64_t page)
{
	cr_assert_eq(state, &states);
	tell("+", page);
}

static void accessed(void *state, uint64_t page, uint64_t young)
{
	(void)state;
	cr_assert_eq(page % 64, 0u);
	for (; young; young &= young - 1)
		tell("*", page + (unsigned int)__builtin_ctzll(young));
}

static void removed(void *state, uint64_t page)
{
	(void)state;
	tell("-", page);
}

static unsigned int pick(void *state, uint64_t *page, unsigned int want)
{
	unsigned int n = 0;

	(void)state;
	tell("pick ", want);
	while (to_pick_count && n < want) {
		page[n++] = to_pick[0];
		to_pick_count--;
		memmove(to_pick, to_pick + 1, to_pick_count * sizeof(*to_pick));
	}
	return n;
}

static void ended(void *state, uint64_t page, uint32_t end)
{
	static const char *const ends[] = {"evicted ", "removed ", "failed ", "young "};

	(void)state;
	tell(ends[end], page);
}

static void ages(void *state, uint64_t histogram[256])
{
	(void)state;
	histogram[7] = 70;
}

static int due(void *state, uint64_t now, uint64_t resident)
{
	(void)state;
	last_now = now;
	last_resident = resident;
	return due_returns;
}

/* Pages 64 to 71, and 80 to 95. */
static uint64_t next(void *state, uint64_t from, uint64_t *pages)
{
	(void)state;
	runs_asked++;
	*pages = from <= 64 ? 8 : 16;
	return from <= 64 ? 64 : from <= 80 ? 80 : UINT64_MAX;
}

static void aged(void *state, uint64_t now, uint64_t resident)
{
	(void)state;
	cr_assert_eq(now, now_is);
	tell("aged ", resident);
}

static const struct ptw_policy_ops policy = {
	.size = sizeof(policy),
	.name = "told",
	.page_bytes = 3,
	.init = init,
	.exit = give_up,
	.attached = attached,
	.added = added,
	.accessed = accessed,
	.removed = removed,
	.pick = pick,
	.ended = ended,
	.ages = ages,
	.due = due,
	.next = next,
	.aged = aged,
};

static int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	(void)context;
	tell("harvest ", first);
	tell("to ", first + pages);
	for (uint64_t page = first / 64 * 64; page < first + pages; page += 64)
		word(sink, page, (uint64_t)1 << 5, 0);
	return PTW_OK;
}

static int look(void *context, uint64_t page, uint64_t *around)
{
	(void)context;
	if (removed_by_look == page)
		cr_assert_eq(ptw_page_remove(engine, page), PTW_OK);
	*around = look_around;
	return look_young == page;
}

static int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	(void)page;
	for (unsigned int i = 0; i < n; i++)
		result[i] = evict_result;
	return PTW_OK;
}

static uint64_t now(void *context)
{
	(void)context;
	return now_is;
}

static const struct ptw_group_config config = {
	.size = sizeof(config),
	.ops = {.harvest = harvest, .look = look, .evict = evict},
};

static void start(const struct ptw_policy_ops *ops)
{
	const struct ptw_engine_config of = {
		.size = sizeof(of),
		.pages = PAGES,
		.clock = now,
		.policy = ops,
	};

	told[0] = '\0';
	evict_result = PTW_EVICTED;
	look_young = removed_by_look = UINT64_MAX;
	look_around = now_is = to_pick_count = 0;
	init_returns = attached_returns = due_returns = 0;
	cr_assert_eq(ptw_engine_create(&of, &engine), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &config, &group), PTW_OK);
	cr_assert_eq(ptw_group_attach(group, 0, PAGES), PTW_OK);
}

static void stop(void)
{
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	ptw_engine_destroy(engine);
	cr_assert_eq(states, 0u);
}

static void add(uint64_t first, uint64_t pages)
{
	for (uint64_t page = first; page < first + pages; page++)
		cr_assert_eq(ptw_page_add(engine, page), PTW_OK);
}

static uint64_t put_out(uint64_t want)
{
	uint64_t n;

	cr_assert_eq(ptw_group_evict(group, want, &n), PTW_OK);
	return n;
}

Test(engine_policy, told)
{
	uint64_t histogram[256];
	struct ptw_group_state state = {.size = sizeof(state)};

	start(&policy);
	expect("attached 0 ");
	add(64, 3);
	expect("+64 +65 +66 ");
	cr_assert_eq(ptw_page_remove(engine, 65), PTW_OK);
	expect("-65 ");
	add(69, 1);
	expect("+69 ");
	/* Absent ones are not told. */
	cr_assert_eq(ptw_engine_young(engine, 64, 0x27, 0), 0);
	cr_assert_eq(ptw_page_add(engine, 69), PTW_ERR_EXISTS);
	expect("*64 *66 *69 ");
	/* One is gone, and told when it comes back as any. */
	to_pick[0] = 66;
	to_pick_count = 1;
	cr_assert_eq(put_out(1), 1u);
	expect("pick 1 evicted 66 ");
	add(66, 1);
	expect("+66 ");
	cr_assert_eq(ptw_group_state(group, &state), PTW_OK);
	cr_assert_eq(state.refaults, 1u);
	cr_assert_eq(state.resident, 3u);
	cr_assert_eq(state.pages[state.youngest % PTW_GENERATIONS], 3u);
	cr_assert_eq(ptw_group_ages(group, histogram), PTW_OK);
	cr_assert_eq(histogram[7], 70u);
	cr_assert_eq(histogram[0], 0u);
	stop();
}

Test(engine_policy, ends)
{
	start(&policy);
	add(0, 4);
	told[0] = '\0';
	/* Young at the last look, with a neighbour; then one that fails. */
	to_pick[0] = 1;
	to_pick[1] = 3;
	to_pick_count = 2;
	look_young = 1;
	look_around = 1 << 2;
	evict_result = PTW_EVICT_FAILED;
	cr_assert_eq(put_out(2), 0u);
	expect("pick 2 *2 young 1 failed 3 pick 2 ");
	/* Removed while it is looked at; absent ones, and some behind the last page, are left alone. */
	to_pick[0] = 2;
	to_pick[1] = 700;
	to_pick[2] = PAGES;
	to_pick_count = 3;
	removed_by_look = 2;
	evict_result = PTW_EVICTED;
	cr_assert_eq(put_out(3), 0u);
	expect("pick 3 removed 2 pick 3 ");
	/* Under way: settled later. */
	to_pick[0] = 0;
	to_pick_count = 1;
	removed_by_look = UINT64_MAX;
	evict_result = PTW_EVICT_PENDING;
	cr_assert_eq(put_out(1), 0u);
	expect("pick 1 ");
	cr_assert_eq(ptw_page_settle(engine, 0, PTW_EVICTED), PTW_OK);
	expect("evicted 0 ");
	stop();
}

Test(engine_policy, ageing)
{
	start(&policy);
	add(69, 1);
	add(80, 6);
	told[0] = '\0';
	now_is = 33;
	cr_assert_eq(ptw_group_wants_ageing(group), 0);
	cr_assert_eq(last_now, 33u);
	cr_assert_eq(last_resident, 7u);
	due_returns = 1;
	cr_assert_eq(ptw_group_wants_ageing(group), 1);
	runs_asked = 0;
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	/* The second run begins in the same word. */
	expect("harvest 64 to 72 harvest 80 to 96 *69 aged 7 ");
	cr_assert_eq(runs_asked, 3u);
	/* It is asked for before pages are put out, once. */
	to_pick[0] = 81;
	to_pick_count = 1;
	cr_assert_eq(put_out(1), 1u);
	expect("harvest 64 to 72 harvest 80 to 96 *69 aged 7 pick 1 evicted 81 ");
	stop();
}

Test(engine_policy, refused)
{
	struct ptw_engine_config of = {.size = sizeof(of), .pages = PAGES};
	struct ptw_policy_ops wrong = policy;
	struct ptw_group *other;
	uint64_t used;
	char image[64];

	of.policy = &wrong;
	wrong.ended = NULL;
	cr_assert_eq(ptw_engine_create(&of, &engine), PTW_ERR_ARG);
	wrong = policy;
	wrong.due = NULL;
	cr_assert_eq(ptw_engine_create(&of, &engine), PTW_ERR_ARG);
	wrong = policy;
	wrong.size--;
	cr_assert_eq(ptw_engine_create(&of, &engine), PTW_ERR_SIZE);
	wrong = policy;
	wrong.name = NULL;
	cr_assert_eq(ptw_engine_create(&of, &engine), PTW_ERR_ARG);
	wrong = policy;
	wrong.flags = 1;
	cr_assert_eq(ptw_engine_create(&of, &engine), PTW_ERR_ARG);
	wrong = policy;
	wrong.page_bytes = 65;
	cr_assert_eq(ptw_engine_create(&of, &engine), PTW_ERR_ARG);

	start(&policy);
	cr_assert_eq(ptw_group_destroy(group), PTW_OK);
	cr_assert_eq(states, 0u);
	init_returns = PTW_ERR_NOMEM;
	cr_assert_eq(ptw_group_create(engine, &config, &other), PTW_ERR_NOMEM);
	init_returns = 0;
	cr_assert_eq(ptw_group_create(engine, &config, &group), PTW_OK);
	/* What could not be attached is nobody's. */
	attached_returns = PTW_ERR_NOMEM;
	cr_assert_eq(ptw_group_attach(group, 0, 128), PTW_ERR_NOMEM);
	cr_assert_eq(ptw_page_add(engine, 3), PTW_ERR_ABSENT);
	attached_returns = 0;
	cr_assert_eq(ptw_group_attach(group, 0, 128), PTW_OK);
	add(3, 1);
	/* Ticks are not kept. */
	cr_assert_eq(ptw_page_age(engine, 3), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_group_evict_older(group, 0, 1, &used), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_engine_save_bytes(engine), 0u);
	cr_assert_eq(ptw_engine_save(engine, image, sizeof(image), &used), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_engine_restore(engine, image, sizeof(image)), PTW_ERR_UNSUPPORTED);
	stop();
}

/* By idle age: wanted after a 32nd of memory, and as time goes by four times as long as that took. */
Test(engine_policy, idle_age)
{
	uint64_t histogram[256];

	start(&ptw_policy_idle_age);
	cr_assert_eq(ptw_group_wants_ageing(group), 0);
	for (unsigned int i = 0; i < 640; i++) {
		now_is += 10;
		add(i, 1);
	}
	cr_assert_eq(ptw_group_wants_ageing(group), 1);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	/* The harvest found page 5 of each region. */
	cr_assert_eq(ptw_group_ages(group, histogram), PTW_OK);
	cr_assert_eq(histogram[0], 10u);
	cr_assert_eq(ptw_group_wants_ageing(group), 0);
	/* A step is 640 / 32 + 1 = 21 pages. */
	add(640, 20);
	cr_assert_eq(ptw_group_wants_ageing(group), 0);
	add(660, 1);
	cr_assert_eq(ptw_group_wants_ageing(group), 1);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	/* 661 pages were 32 steps of 21: after 916, (6400 + 916) / 32 + 1 is no more than 916 / 4. */
	now_is += 915;
	cr_assert_eq(ptw_group_wants_ageing(group), 0);
	now_is += 1;
	cr_assert_eq(ptw_group_wants_ageing(group), 1);
	cr_assert_eq(ptw_group_age(group), PTW_OK);
	/* A clock that goes back stands still. */
	now_is -= 500;
	cr_assert_eq(ptw_group_wants_ageing(group), 0);
	/* The oldest goes first: of those that came in first, page 0. */
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(ptw_page_add(engine, 0), PTW_OK);
	cr_assert_eq(ptw_page_add(engine, 1), PTW_ERR_EXISTS);
	stop();
}
