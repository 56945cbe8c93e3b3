/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Types of pages: sizes, which type goes first, balance, and the text. */
#include "tests/unit/typed_engine.h"

#include <ptw/engine_save.h>
#include <ptw/engine_text.h>

Test(engine_type, arguments)
{
	struct ptw_type_state state = {.size = sizeof(state) - 1};

	start(0);
	cr_assert_eq(ptw_group_attach_as(NULL, 0, 64, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_attach_as(group, 0, 64, PTW_TYPES), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_attach_as(group, 0, PAGES + 1, 1), PTW_ERR_RANGE);
	cr_assert_eq(ptw_group_attach_as(group, 0, 64, 1), PTW_OK);
	cr_assert_eq(ptw_group_attach_as(group, 0, 128, 2), PTW_ERR_OVERLAP);
	cr_assert_eq(group->types, 3u, "it has no pages of that type");
	cr_assert_eq(ptw_page_add(engine, 64), PTW_ERR_ABSENT, "what was claimed went back");
	cr_assert_eq(ptw_group_attach(group, 64, 64), PTW_OK);
	cr_assert_eq(ptw_group_set_balance(NULL, 0, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_set_balance(group, PTW_TYPES, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_set_balance(group, 0, PTW_BALANCE_MAX + 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_type_state(NULL, 0, &state), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_type_state(group, 0, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_type_state(group, PTW_TYPES, &state), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_type_state(group, 0, &state), PTW_ERR_SIZE);
	for (uint32_t t = 0; t < PTW_TYPES; t++)
		cr_assert_eq(type_now(t).weight, PTW_BALANCE_DEFAULT);
	cr_assert_eq(ptw_group_set_balance(group, 3, 7), PTW_OK);
	cr_assert_eq(ptw_group_set_balance(group, 0, PTW_BALANCE_MAX), PTW_OK);
	cr_assert_eq(type_now(0).weight, PTW_BALANCE_MAX);
	cr_assert_eq(type_now(1).weight, PTW_BALANCE_DEFAULT);
	cr_assert_eq(type_now(3).weight, 7u);
	stop();
}

/* Sizes of a generation are the sums of its types', and each type has its own oldest one. */
Test(engine_type, generations)
{
	struct ptw_type_state anon, file, own;

	start(3);
	add(RUN, 5);
	age();
	add(0, 3);
	age();
	add(2 * RUN, 7);
	age();
	anon = type_now(PTW_TYPE_ANON);
	file = type_now(PTW_TYPE_FILE);
	own = type_now(2);
	cr_assert_eq(state_now().oldest, 0u);
	cr_assert_eq(state_now().youngest, 3u);
	cr_assert_eq(file.oldest, 0u);
	cr_assert_eq(anon.oldest, 1u);
	cr_assert_eq(own.oldest, 2u, "the youngest but one at most");
	cr_assert_eq(type_now(3).oldest, 3u, "there is none of this type");
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
		cr_assert_eq(anon.pages[i] + file.pages[i] + own.pages[i], state_now().pages[i]);
	cr_assert_eq(file.pages[0], 5u);
	cr_assert_eq(anon.pages[1], 3u);
	cr_assert_eq(own.pages[2], 7u);
	/* The oldest joins the next one; words of harvests count by type. */
	young[RUN] = young[0] = young[2 * RUN] = true;
	age();
	check();
	cr_assert_eq(type_now(1).pages[1], 4u);
	for (uint32_t t = 0; t < 3; t++)
		cr_assert_eq(type_now(t).pages[0], 1u);
	cr_assert_eq(ptw_page_remove(engine, RUN + 1), PTW_OK);
	resident[RUN + 1] = false;
	cr_assert_eq(type_now(1).pages[1], 3u);
	stop();
}

/* Without refaults, weights alike: the oldest go, whatever they are. The youngest two generations are spared. */
Test(engine_type, oldest_first)
{
	start(2);
	add(0, 10);
	age();
	add(RUN, 10);
	age();
	add(10, 10);
	age();
	cr_assert_eq(put_out(10), 10u);
	cr_assert_eq(of_type(0), 10u);
	cr_assert_eq(of_type(1), 10u);
	cr_assert_eq(put_out(10), 10u);
	cr_assert_eq(of_type(1), 0u);
	cr_assert_eq(put_out(20), 10u);
	stop();
}

/* Ages count by weights: 7 x 50 against 4 x 100, then against 3 x 100, then 6 x 50 against that. */
Test(engine_type, weighted_ages)
{
	start(2);
	/* Each of so few makes a tick. */
	add(0, 2);
	age();
	add(RUN, 2);
	age();
	age();
	cr_assert_eq(ptw_page_age(engine, 0), 7);
	cr_assert_eq(ptw_page_age(engine, 1), 6);
	cr_assert_eq(ptw_page_age(engine, RUN), 4);
	cr_assert_eq(ptw_page_age(engine, RUN + 1), 3);
	cr_assert_eq(ptw_group_set_balance(group, 0, 50), PTW_OK);
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(gone[0], RUN);
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(gone[1], 0u);
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(gone[2], 1u, "alike: the lower type");
	stop();
}

/* A type without a weight stays while others have pages, however young; a type in use is passed over for older ones. */
Test(engine_type, weight_0)
{
	uint64_t n;

	start(2);
	add(0, 100);
	age();
	age();
	age();
	add(RUN, 10);
	cr_assert_eq(ptw_group_set_balance(group, 0, 0), PTW_OK);
	cr_assert_eq(put_out(9), 9u);
	cr_assert_eq(of_type(0), 100u);
	cr_assert_eq(ptw_group_set_balance(group, 0, 1), PTW_OK);
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(of_type(0), 99u, "it has old pages, the other has none");
	cr_assert_eq(ptw_group_set_balance(group, 0, 0), PTW_OK);
	cr_assert_eq(put_out(3), 3u);
	cr_assert_eq(of_type(1), 0u);
	cr_assert_eq(of_type(0), 97u, "there are no others");
	cr_assert_eq(ptw_group_evict(group, 97, &n), PTW_OK);
	cr_assert_eq(n, 97u);
	stop();
}

/* Nor does it go because the others' pages are younger than what is asked for. */
Test(engine_type, weight_0_by_age)
{
	uint64_t n;
	int oldest;

	start(2);
	add(0, 100);
	age();
	age();
	add(RUN, 10);
	oldest = ptw_page_age(engine, 0);
	cr_assert_gt(oldest, ptw_page_age(engine, RUN));
	cr_assert_eq(ptw_group_set_balance(group, 0, 0), PTW_OK);
	cr_assert_eq(ptw_group_evict_older(group, (uint32_t)oldest, 100, &n), PTW_OK);
	cr_assert_eq(n, 0u);
	for (uint64_t page = RUN; page < RUN + 10; page++)
		cr_assert_eq(ptw_page_remove(engine, page), PTW_OK);
	cr_assert_eq(ptw_group_evict_older(group, (uint32_t)oldest, 100, &n), PTW_OK);
	cr_assert_gt(n, 0u, "there are no others");
	stop();
}

/* Whether ageing is wanted is asked of pages that may go: here of type 1, which is all young. */
Test(engine_type, ageing_of_those_that_may_go)
{
	start(2);
	for (unsigned int i = 0; i < 3; i++) {
		add(10 * i, 10);
		age();
	}
	add(RUN, 10);
	cr_assert_eq(ptw_group_wants_ageing(group), 0);
	cr_assert_eq(ptw_group_set_balance(group, 0, 0), PTW_OK);
	cr_assert_eq(ptw_group_wants_ageing(group), 1);
	cr_assert_eq(put_out(10), 10u);
	cr_assert_eq(of_type(1), 0u);
	for (unsigned int i = 0; i < 10; i++)
		cr_assert_geq(gone[i], (uint64_t)RUN);
	stop();
}

/*
 * The example of docs/engine.md: 100 of 128 file pages go and come back; so 100 of 100 + 64 went in vain, at the weight
 * of 100: 100 * 2^20 / 164 * 200 / 100.
 */
Test(engine_type, example)
{
	const uint64_t cost = (100ull << 20) / 164 * 2;

	start(2);
	add(RUN, 128);
	age();
	add(0, 128);
	age();
	age();
	cr_assert_eq(type_now(1).cost, 0u);
	refault(1, 63);
	cr_assert_eq(type_now(1).cost, 0u, "too few to judge by");
	/* The next ones: those that came back are the youngest. */
	refault(1, 37);
	cr_assert_eq(type_now(1).evicted[0], 100u);
	cr_assert_eq(type_now(1).refaulted[0], 100u);
	cr_assert_eq(type_now(1).cost, cost);
	gone_count = 0;
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(gone[0], 0u, "28 file pages are older, and not worth it");
	/* With twice the weight it costs half; half of it is forgotten with each generation. */
	cr_assert_eq(ptw_group_set_balance(group, 1, 200), PTW_OK);
	cr_assert_eq(type_now(1).cost, (100ull << 20) / 164);
	cr_assert_eq(ptw_group_set_balance(group, 1, 100), PTW_OK);
	age();
	cr_assert_eq(type_now(1).cost, 0u, "50 are too few");
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(gone[1], RUN + 100);
	stop();
}

/* Of two that cost, the cheaper one goes, also by its weight. */
Test(engine_type, cheaper_first)
{
	start(2);
	add(0, 200);
	add(RUN, 300);
	age();
	age();
	age();
	refault(0, 100);
	refault(1, 80);
	/* 80 of 80 + 64 against 100 of 100 + 64. */
	gone_count = 0;
	cr_assert_eq(put_out(10), 10u);
	cr_assert_geq(gone[0], (uint64_t)RUN);
	/* 80 / 154 = 0.52 and 100 / 164 = 0.61: at 85 of 100 the other one is cheaper. */
	cr_assert_eq(ptw_group_set_balance(group, 1, 85), PTW_OK);
	cr_assert_eq(put_out(1), 1u);
	cr_assert_lt(gone[10], (uint64_t)RUN);
	stop();
}

static void text_is(const char *expected)
{
	char buffer[1000];
	size_t needed;

	cr_assert_eq(ptw_engine_text(engine, buffer, sizeof(buffer), &needed), PTW_OK);
	cr_assert_str_eq(buffer, expected);
}

static void command(const char *text)
{
	size_t done;

	cr_assert_eq(ptw_engine_command(engine, text, strlen(text), &done), PTW_OK, "%s", text);
	check();
}

/* Anonymous pages in the one column, all others in the other. */
Test(engine_type, text)
{
	start(4);
	add(0, 3);
	add(RUN, 4);
	age();
	add(3 * RUN, 5);
	text_is("memcg 1 /1\n"
		" node     0\n"
		"          0          0          3           4 \n"
		"          1          0          0           5 \n");
	stop();
}

/* swappiness chooses: 0 spares anonymous pages, 201 all others; without it the group's balance holds. */
Test(engine_type, commands)
{
	start(3);
	for (uint32_t t = 0; t < 3; t++)
		add(t * RUN, 50);
	age();
	age();
	command("- 1 0 0 0 10");
	cr_assert_eq(of_type(0), 50u);
	cr_assert_eq(of_type(1) + of_type(2), 90u);
	command("- 1 0 0 201 10");
	cr_assert_eq(of_type(0), 40u);
	command("- 1 0 0 max 10");
	cr_assert_eq(of_type(0), 30u);
	command("- 1 0 0 200 10");
	cr_assert_eq(of_type(0), 20u, "first");
	command("- 1 0 0 200 30");
	cr_assert_eq(of_type(0), 0u);
	cr_assert_eq(of_type(1) + of_type(2), 80u, "then others");
	command("- 1 0 0 201");
	cr_assert_eq(of_type(1) + of_type(2), 80u);
	cr_assert_eq(ptw_group_set_balance(group, 1, 0), PTW_OK);
	command("- 1 0 0");
	cr_assert_eq(of_type(2), 0u);
	command("- 1 0 0 0");
	cr_assert_eq(of_type(1), 0u);
	stop();
}

/* Pages of a generation that is not meant stay, of each type. */
Test(engine_type, commands_by_generation)
{
	start(2);
	add(0, 40);
	age();
	add(RUN, 40);
	age();
	age();
	cr_assert_eq(ptw_group_set_balance(group, 1, 200), PTW_OK);
	command("- 1 0 0");
	cr_assert_eq(of_type(0), 0u);
	cr_assert_eq(of_type(1), 40u);
	stop();
}

/* A policy that orders pages does not ask for types. */
Test(engine_type, ordered)
{
	uint64_t token;

	start_as(&ptw_policy_learned);
	cr_assert_eq(ptw_group_attach_as(group, 0, RUN, 1), PTW_OK);
	cr_assert_eq(ptw_group_attach(group, RUN, RUN), PTW_OK);
	add(0, 10);
	add(RUN, 20);
	cr_assert_eq(type_now(1).pages[0], 10u);
	cr_assert_eq(type_now(0).pages[0], 20u);
	cr_assert_eq(ptw_group_set_balance(group, 0, 1), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_page_used(engine, 0), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_page_token(engine, 0, &token), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(put_out(5), 5u);
	cr_assert_eq(ptw_page_add_token(engine, gone[0], 77), PTW_OK);
	cr_assert_eq(state_now().refaults, 0u);
	cr_assert_eq(ptw_page_add(engine, gone[1]), PTW_OK);
	cr_assert_eq(state_now().refaults, 1u);
	stop();
}

/* A group that is given up with several types leaves nothing behind, and its regions may be of others. */
Test(engine_type, given_up)
{
	start(4);
	add(0, 10);
	add(3 * RUN, 10);
	cr_assert_eq(ptw_group_destroy(group), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &config, &group), PTW_OK);
	cr_assert_eq(ptw_group_attach(group, 3 * RUN, RUN), PTW_OK);
	memset(resident, 0, sizeof(resident));
	add(3 * RUN, 5);
	cr_assert_eq(type_now(0).pages[0], 5u);
	cr_assert_eq(type_now(3).pages[0], 0u);
	stop();
}

/* An image has ages, weights, and what was judged of types and tiers. It has no uses of pages. */
Test(engine_type, restored)
{
	static uint8_t image[100000];
	struct ptw_type_state before[2];
	struct ptw_engine *saved;
	uint64_t used, token;

	start(2);
	add(0, 100);
	add(RUN, 200);
	age();
	age();
	refault(1, 90);
	cr_assert_eq(ptw_group_set_balance(group, 1, 70), PTW_OK);
	use(RUN + 90, 20, 2);
	cr_assert_eq(put_out(30), 30u);
	cr_assert_eq(ptw_page_token(engine, gone[gone_count - 1], &token), PTW_OK);
	cr_assert_eq(ptw_engine_save(engine, image, sizeof(image), &used), PTW_OK);
	before[0] = type_now(0);
	before[1] = type_now(1);
	cr_assert_gt(before[1].cost, 0u);
	saved = engine;
	start(1);
	cr_assert_eq(ptw_group_attach_as(group, RUN, RUN, 2), PTW_OK);
	cr_assert_eq(ptw_engine_restore(engine, image, used), PTW_ERR_CONFIG, "another type");
	ptw_engine_destroy(engine);
	start(2);
	cr_assert_eq(ptw_group_set_balance(group, 0, 50), PTW_OK);
	group->type[1]->tier[3].evicted = 5;
	cr_assert_eq(ptw_engine_restore(engine, image, used), PTW_OK);
	check();
	for (uint32_t t = 0; t < 2; t++) {
		const struct ptw_type_state s = type_now(t);

		cr_assert_eq(memcmp(s.pages, before[t].pages, sizeof(s.pages)), 0);
		cr_assert_eq(s.oldest, before[t].oldest);
		cr_assert_eq(s.cost, before[t].cost);
		cr_assert_eq(s.weight, before[t].weight);
		cr_assert_eq(s.tier, before[t].tier);
		cr_assert_eq(memcmp(s.evicted, before[t].evicted, sizeof(s.evicted)), 0);
		cr_assert_eq(memcmp(s.refaulted, before[t].refaulted, sizeof(s.refaulted)), 0);
		cr_assert_eq(memcmp(s.protected_, before[t].protected_, sizeof(s.protected_)), 0);
	}
	cr_assert_eq(type_now(1).weight, 70u);
	for (uint64_t page = 0; page < PAGES; page++)
		resident[page] = ptw_page_age(engine, page) >= 0;
	cr_assert_eq(of_type(0) + of_type(1), 270u);
	cr_assert_eq(ptw_page_add_token(engine, 900, token), PTW_OK);
	resident[900] = true;
	cr_assert_eq(state_now().refaults, 91u, "a token is good yet");
	cr_assert_eq(put_out(271), 271u);
	cr_assert_eq(type_now(0).evicted[0] + type_now(1).evicted[0],
		     before[0].evicted[0] + before[1].evicted[0] + 270, "none was used");
	cr_assert_eq(type_now(0).evicted[1], before[0].evicted[1] + 1, "but the one that came back");
	ptw_engine_destroy(saved);
	stop();
}

/* Which generation a page went from, however far the clock is ahead of generations. */
Test(engine_type, restored_refaults)
{
	static uint8_t image[100000];
	uint64_t used;

	start(2);
	for (unsigned int i = 0; i < 6; i++) {
		for (unsigned int k = 0; k < PTW_GENERATION_TICKS; k++) {
			add(0, 1);
			cr_assert_eq(ptw_page_remove(engine, 0), PTW_OK);
			resident[0] = false;
		}
		age();
	}
	cr_assert_gt(group->tick - group->youngest, (uint64_t)PTW_OLD_TICKS);
	add(RUN, 2);
	cr_assert_eq(put_out(2), 2u);
	age();
	age();
	age();
	add(RUN + 2, 2);
	cr_assert_eq(put_out(2), 2u);
	cr_assert_eq(ptw_engine_save(engine, image, sizeof(image), &used), PTW_OK);
	ptw_engine_destroy(engine);
	start(2);
	cr_assert_eq(ptw_engine_restore(engine, image, used), PTW_OK);
	add(RUN, 1);
	cr_assert_eq(type_now(1).refaulted[0], 1u, "three generations ago");
	age();
	add(RUN + 1, 1);
	cr_assert_eq(type_now(1).refaulted[0], 1u, "four");
	add(RUN + 2, 2);
	cr_assert_eq(type_now(1).refaulted[0], 3u);
	cr_assert_eq(state_now().refaults, 4u);
	stop();
}

/* An image without what was judged is none of a group of several types. */
Test(engine_type, restored_judged)
{
	static uint8_t image[100000];
	uint64_t used;

	start(2);
	group->feedback = 0;
	cr_assert_eq(ptw_engine_save(engine, image, sizeof(image), &used), PTW_OK);
	ptw_engine_destroy(engine);
	start(2);
	cr_assert_eq(ptw_engine_restore(engine, image, used), PTW_ERR_CORRUPT_RESERVED);
	stop();
}

/* Images may say anything of what was judged: sums that do not fit are as great as can be. */
Test(engine_type, restored_sums)
{
	static uint8_t image[100000];
	uint64_t used;

	start(2);
	group->type[1]->tier[0].evicted = INT64_MAX;
	group->type[1]->tier[1].evicted = INT64_MAX - 62;
	group->type[1]->tier[2].refaulted = 100;
	cr_assert_eq(ptw_engine_save(engine, image, sizeof(image), &used), PTW_OK);
	ptw_engine_destroy(engine);
	start(2);
	cr_assert_eq(ptw_engine_restore(engine, image, used), PTW_OK);
	cr_assert_eq(type_now(1).cost, 0u, "hardly any came back");
	add(0, 10);
	add(RUN, 10);
	cr_assert_eq(put_out(20), 20u);
	stop();
}

/* Where the search for victims of each type goes on is not what it was before. */
Test(engine_type, restored_search)
{
	static uint8_t image[100000];
	uint64_t used;

	start(2);
	add(RUN, 300);
	for (unsigned int i = 0; i < 300; i++)
		age();
	cr_assert_eq(put_out(100), 100u);
	cr_assert_eq(ptw_engine_save(engine, image, sizeof(image), &used), PTW_OK);
	ptw_engine_destroy(engine);
	start(2);
	group->hand[1] = 20;
	cr_assert_eq(ptw_engine_restore(engine, image, used), PTW_OK);
	for (uint64_t page = RUN; page < PAGES; page++)
		resident[page] = ptw_page_age(engine, page) >= 0;
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(gone[0], RUN + 100);
	stop();
}

static uint64_t random_state;

static unsigned int draw(unsigned int below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned int)((random_state * 0x2545f4914f6cdd1du >> 32) % below);
}

static void sums(void)
{
	uint64_t pages[PTW_GENERATIONS] = {0}, evicted = 0;
	const struct ptw_group_state state = state_now();

	check();
	for (uint32_t t = 0; t < PTW_TYPES; t++) {
		const struct ptw_type_state s = type_now(t);
		uint64_t all = 0;

		cr_assert_leq(s.oldest, s.youngest);
		cr_assert_leq(s.youngest - s.oldest, 3u);
		for (unsigned int i = 0; i < PTW_GENERATIONS; i++) {
			pages[i] += s.pages[i];
			all += s.pages[i];
		}
		cr_assert_eq(all, of_type(t), "type %u", t);
		for (uint64_t seq = state.oldest; seq < s.oldest; seq++)
			cr_assert_eq(s.pages[seq % PTW_GENERATIONS], 0u);
		for (unsigned int i = 0; i < PTW_TIERS; i++) {
			evicted += s.evicted[i];
			if (!i)
				cr_assert_eq(s.protected_[i], 0u);
		}
	}
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
		cr_assert_eq(pages[i], state.pages[i]);
	cr_assert_eq(evicted, state.evicted);
}

/* Anything at random: sizes by type and generation, and what went by type and tier, always add up. */
Test(engine_type, random, .timeout = 600)
{
	const unsigned int steps = 6000 / test_slowness();

	random_state = test_seed() | 1;
	start(4);
	take_tokens = true;
	for (unsigned int step = 0; step < steps; step++) {
		const unsigned int page = draw(PAGES), what = draw(100), n = draw(60) + 1;
		uint64_t evicted;

		for (unsigned int p = page; p < page + n && p < PAGES; p++) {
			if (what < 30 && !resident[p]) {
				add(p, 1);
			} else if (what < 45 && !resident[p]) {
				/* A page's token, or another one's, or what was never one. */
				const uint64_t token = what < 40 ? token_of[p] :
						       what < 43 ? token_of[draw(PAGES)] :
								   random_state;

				cr_assert_eq(ptw_page_add_token(engine, p, token), PTW_OK);
				resident[p] = true;
			} else if (what >= 45 && what < 65) {
				cr_assert_eq(ptw_page_used(engine, p),
					     resident[p] ? PTW_OK : PTW_ERR_ABSENT);
			} else if (what >= 65 && what < 75) {
				young[p] = true;
			} else if (what == 75 && resident[p]) {
				cr_assert_eq(ptw_page_remove(engine, p), PTW_OK);
				resident[p] = false;
			}
		}
		if (what >= 76 && what < 90)
			cr_assert_eq(ptw_group_evict(group, n, &evicted), PTW_OK);
		else if (what >= 90 && what < 97)
			age();
		else if (what == 97)
			cr_assert_eq(ptw_group_set_balance(group, draw(4), draw(201)), PTW_OK);
		else if (what == 98)
			cr_assert_eq(ptw_group_evict_older(group, draw(100), n, &evicted), PTW_OK);
		if (step % 8 == 0)
			sums();
	}
	sums();
	cr_assert_gt(state_now().evicted, 1000u / test_slowness());
	cr_assert_gt(state_now().refaults, 10u);
	stop();
}
