/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Tokens of pages that went, and what their numbers remember. */
#include "tests/unit/typed_engine.h"

static uint64_t token_for(uint64_t page)
{
	uint64_t token = 0;

	cr_assert_eq(ptw_page_token(engine, page, &token), PTW_OK);
	cr_assert_neq(token, 0u);
	return token;
}

/* Another page comes with that token. */
static void come(uint64_t page, uint64_t token)
{
	cr_assert_eq(ptw_page_add_token(engine, page, token), PTW_OK);
	resident[page] = true;
}

static uint64_t refaulted(uint32_t type)
{
	const struct ptw_type_state s = type_now(type);

	return s.refaulted[0] + s.refaulted[1] + s.refaulted[2] + s.refaulted[3];
}

Test(engine_token, arguments)
{
	uint64_t token = 77;

	start(1);
	cr_assert_eq(ptw_page_token(NULL, 0, &token), PTW_ERR_ARG);
	cr_assert_eq(ptw_page_token(engine, 0, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_page_token(engine, PAGES, &token), PTW_ERR_RANGE);
	cr_assert_eq(ptw_page_token(engine, RUN, &token), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_page_token(engine, 0, &token), PTW_ERR_ABSENT);
	add(0, 2);
	cr_assert_eq(ptw_page_token(engine, 0, &token), PTW_ERR_EXISTS);
	cr_assert_eq(ptw_page_add_token(engine, 0, 1), PTW_ERR_EXISTS);
	cr_assert_eq(ptw_page_add_token(NULL, 0, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_page_add_token(engine, PAGES, 1), PTW_ERR_RANGE);
	cr_assert_eq(ptw_page_add_token(engine, RUN, 1), PTW_ERR_ABSENT);
	evict_result = PTW_EVICT_PENDING;
	cr_assert_eq(put_out(1), 0u);
	cr_assert_eq(ptw_page_remove(engine, 0), PTW_OK);
	cr_assert_eq(ptw_page_token(engine, 0, &token), PTW_ERR_ABSENT, "being evicted, but gone");
	cr_assert_eq(token, 77u);
	cr_assert_eq(ptw_page_settle(engine, 0, PTW_EVICTED), PTW_ERR_ABSENT);
	stop();
}

/* The same is told while a page goes and afterwards. */
Test(engine_token, told)
{
	start(2);
	add(RUN, 4);
	use(RUN + 1, 1, 5);
	age();
	age();
	take_tokens = true;
	cr_assert_eq(put_out(4), 4u);
	for (unsigned int i = 0; i < 4; i++)
		cr_assert_eq(token_of[RUN + i], token_for(RUN + i));
	cr_assert_eq(token_of[RUN], token_of[RUN + 2]);
	cr_assert_neq(token_of[RUN], token_of[RUN + 1]);
	age();
	cr_assert_eq(token_of[RUN], token_for(RUN), "it does not change with time");
	stop();
}

/*
 * A page comes with a token: it counts for the type and the tier that the token says, wherever the page is now, and has
 * one use more than it had.
 */
Test(engine_token, restored)
{
	start(2);
	add(RUN, 3);
	use(RUN + 1, 1, 1);
	use(RUN + 2, 1, 7);
	age();
	age();
	take_tokens = true;
	cr_assert_eq(put_out(3), 3u);
	for (unsigned int i = 0; i < 3; i++)
		come(i, token_of[RUN + i]);
	cr_assert_eq(state_now().refaults, 3u);
	cr_assert_eq(type_now(1).refaulted[0], 1u);
	cr_assert_eq(type_now(1).refaulted[1], 1u);
	cr_assert_eq(type_now(1).refaulted[3], 1u);
	cr_assert_eq(refaulted(0), 0u);
	cr_assert_eq(put_out(3), 3u);
	cr_assert_eq(type_now(0).evicted[0], 0u);
	cr_assert_eq(type_now(0).evicted[1], 1u);
	cr_assert_eq(type_now(0).evicted[2], 1u);
	cr_assert_eq(type_now(0).evicted[3], 1u);
	stop();
}

/* A page goes from generation 0, and comes back when so many have begun: is it of the working set? */
static uint64_t back_after(unsigned int generations, bool by_number, bool soon)
{
	uint64_t counted;

	start(2);
	add(RUN, 1);
	if (!soon)
		age();
	take_tokens = true;
	cr_assert_eq(put_out(1), 1u);
	for (unsigned int i = !soon; i < generations; i++)
		age();
	if (by_number)
		add(RUN, 1);
	else
		come(3, token_of[RUN]);
	cr_assert_eq(state_now().refaults, 1u);
	counted = refaulted(1);
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(type_now(by_number).evicted[1], counted, "a use is added if so");
	stop();
	return counted;
}

Test(engine_token, recent)
{
	for (unsigned int n = 1; n < 250; n += n < 10 ? 1 : 40)
		for (unsigned int k = 0; k < 4; k++)
			cr_assert_eq(back_after(n, k & 1, k & 2), n < PTW_GENERATIONS, "%u %u", n, k);
}

/* A page that comes with a token is not what its number was before. */
Test(engine_token, not_the_number)
{
	start(2);
	add(0, 2);
	cr_assert_eq(put_out(2), 2u);
	come(0, 0);
	cr_assert_eq(state_now().refaults, 0u);
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(type_now(0).evicted[0], 3u);
	add(1, 1);
	cr_assert_eq(state_now().refaults, 1u);
	stop();
}

/* Tokens of others, and numbers that are none, are ignored; the page comes all the same. */
Test(engine_token, ignored)
{
	struct ptw_group_state others = {.size = sizeof(others)};
	uint64_t of_other, of_gone, good, x = test_seed() | 1;
	struct ptw_group *other;

	start(1);
	cr_assert_eq(ptw_group_create(engine, &config, &other), PTW_OK);
	cr_assert_eq(ptw_group_attach(other, RUN, RUN), PTW_OK);
	add(0, 1);
	add(RUN, 1);
	cr_assert_eq(put_out(1), 1u);
	cr_assert_eq(ptw_group_evict(other, 1, &good), PTW_OK);
	good = token_for(0);
	of_other = token_for(RUN);
	come(1, of_other);
	cr_assert_eq(state_now().refaults, 0u);
	/* The next group gets its number, and is another one. */
	cr_assert_eq(ptw_group_destroy(other), PTW_OK);
	come(2, of_other);
	of_gone = of_other;
	cr_assert_eq(ptw_group_create(engine, &config, &other), PTW_OK);
	cr_assert_eq(ptw_group_attach(other, RUN, RUN), PTW_OK);
	come(RUN, of_gone);
	cr_assert_eq(ptw_group_state(other, &others), PTW_OK);
	cr_assert_eq(others.refaults, 0u);
	come(3, 0);
	come(4, ~(uint64_t)0);
	/* Of a type that the group has none of. */
	come(5, good ^ (uint64_t)1 << 8);
	for (unsigned int i = 0; i < 500; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		come(10 + i, x);
	}
	cr_assert_eq(state_now().refaults, 0u);
	cr_assert_eq(refaulted(0), 0u);
	check();
	come(6, good);
	cr_assert_eq(state_now().refaults, 1u);
	stop();
}

/* One wrong bit: what gets by the check is a type, uses or a time that there are, and counts once. */
Test(engine_token, every_bit)
{
	uint64_t good, taken = 0;

	start(4);
	add(0, 1);
	use(0, 1, 3);
	cr_assert_eq(put_out(1), 1u);
	good = token_for(0);
	for (unsigned int bit = 0; bit < 64; bit++) {
		const uint64_t before = state_now().refaults;

		come(1 + bit, good ^ (uint64_t)1 << bit);
		cr_assert_leq(state_now().refaults - before, 1u);
		taken += state_now().refaults - before;
		check();
	}
	cr_assert_leq(taken, 4u);
	stop();
}

/* Before anything is judged, numbers do not remember from which generation a page went. */
Test(engine_token, judged_later)
{
	start(1);
	add(0, 3);
	age();
	cr_assert_eq(put_out(2), 2u);
	come(5, token_for(0));
	cr_assert_eq(state_now().refaults, 1u);
	cr_assert_eq(refaulted(0), 0u);
	add(1, 1);
	cr_assert_eq(state_now().refaults, 2u);
	cr_assert_eq(refaulted(0), 0u, "nor does its number");
	stop();
	/* Whatever the clock was when it went. */
	start(1);
	while (group->tick % PTW_TICKS != (group->youngest + 250) % PTW_TICKS) {
		if (state_now().ticks - group->birth_tick[group->youngest % PTW_GENERATIONS] >=
		    PTW_GENERATION_TICKS)
			age();
		add(9, 1);
		cr_assert_eq(ptw_page_remove(engine, 9), PTW_OK);
		resident[9] = false;
	}
	add(0, 3);
	cr_assert_eq(put_out(2), 2u);
	ptw_feedback_begin(group);
	add(0, 2);
	cr_assert_eq(refaulted(0), 0u);
	/* Now it is judged. */
	cr_assert_eq(put_out(1), 1u);
	come(6, token_for(2));
	cr_assert_eq(refaulted(0), 1u);
	stop();
}
