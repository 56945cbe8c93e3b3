/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Commands to the generation engine: which can be read, and what they do. */
#include "tests/unit/text_engine.h"

Test(engine_command, what_cannot_be_read)
{
	static const char *const bad[] = {
		/* nothing */
		"", " ", "\n", ",;\n \t",
		/* too little */
		"+", "-", "+ 1", "+ 1 0", "- 1 0", "1 0 0",
		/* no such command, group, node */
		"* 1 0 0", "a 1 0 0", "+ 0 0 0", "+ 2 0 0", "+ 64 0 0", "+ 65 0 0",
		"+ 4294967297 0 0", "+ 18446744073709551615 0 0", "+ 1 1 0", "+ 1 4294967296 0",
		/* no numbers */
		"+ -1 0 0", "+ 1 -0 0", "+ 1 0 -0", "+ 1 0 +0", "+ 1 0 x", "+ 1 0 0x0", "+ 1 0 0 x",
		"+ 18446744073709551617 0 0", "+ 1 0 18446744073709551616",
		"+ 1 0 99999999999999999999", "+ 1 18446744073709551616 0",
		/* swappiness */
		"+ 1 0 0 202", "+ 1 0 0 2000", "+ 1 0 0 -1", "+ 1 0 0 maxx", "+ 1 0 0 ma",
		"+ 1 0 0 MAX", "+ 1 0 0 max1", "+ 1 0 0 100x", "+ 1 0 0 18446744073709551616",
		/* more than there is */
		"+ 1 0 0 100 x", "+ 1 0 0 100 1x", "+ 1 0 0 100 1 1", "+ 1 0 0 100 -1",
		"+ 1 0 0 100 18446744073709551616", "+ 1 0 0.", "+ 1 0 0 100 1\xa0",
		/* sequence numbers */
		"+ 1 0 1", "+ 1 0 18446744073709551615", "- 1 0 0", "- 1 0 1",
		"- 1 0 18446744073709551615", "- 1 0 18446744073709551614"};
	size_t done = 5;

	start();
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect(bad[i], PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_command(engine, "+ 1 0 0", 8, &done), PTW_ERR_ARG, "a 0 byte");
	cr_assert_eq(done, 0u);
	/* No byte behind the last one is read. */
	cr_assert_eq(ptw_engine_command(engine, "+ 1 0 0max", 8, &done), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_command(engine, "+ 1 0 0 max ", 10, &done), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_command(engine, "+ 1 0 01", 7, &done), PTW_OK);
	cr_assert_eq(done, 7u);
	cr_assert_eq(harvests, 1u);
	stop();
}

Test(engine_command, what_can_be_read)
{
	static const char *const good[] = {
		/* blanks and separators */
		"+ 1 0 0", "+1 0 0", "  + 1\t0  0  ", "+ 1 0 0\n", ";;+ 1 0 0;", "+ 01 00 000",
		/* swappiness, and what may follow */
		"+ 1 0 0 0", "+ 1 0 0 201", "+ 1 0 0 max", "+ 1 0 0 max\t", "+ 1 0 0 max 0",
		"+ 1 0 0 60 1", "+ 1 0 0 60 18446744073709551615 \v\f\r"};
	const unsigned int n = sizeof(good) / sizeof(*good);

	start();
	for (unsigned int i = 0; i < n; i++)
		expect(good[i], PTW_OK);
	cr_assert_eq(harvests, n);
	cr_assert_eq(state_of(group).youngest, (uint64_t)n);
	cr_assert_eq(state_of(other).youngest, 0u);
	stop();
}

/* 7.3's rule: who names an older generation than the youngest has it aged, too. */
Test(engine_command, ageing)
{
	start();
	add(0, 10);
	for (unsigned int i = 0; i < 3; i++) {
		char text[30];

		snprintf(text, sizeof(text), "+ 1 0 %u", i);
		expect(text, PTW_OK);
		snprintf(text, sizeof(text), "+ 1 0 %u", i + 2);
		expect(text, PTW_ERR_ARG);
	}
	expect("+ 1 0 0", PTW_OK);
	cr_assert_eq(state_of(group).youngest, 4u);
	harvest_returns = -1234;
	expect("+ 1 0 4", -1234);
	harvest_returns = 0;
	/* Somebody else is at it; nothing happens twice. */
	nested = "+ 1 0 6";
	expect("+ 1 0 5", PTW_OK);
	cr_assert_eq(nested_returned, PTW_ERR_EXISTS);
	cr_assert_eq(state_of(group).youngest, 6u);
	stop();
}

Test(engine_command, no_callbacks)
{
	struct ptw_group_config nothing = {.size = sizeof(nothing)};

	start();
	cr_assert_eq(ptw_group_destroy(group), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &nothing, &group), PTW_OK);
	cr_assert_eq(ptw_group_attach(group, 0, 64), PTW_OK);
	expect("+ 1 0 0", PTW_ERR_UNSUPPORTED);
	add(0, 3);
	group->youngest = 2;
	group->birth_tick[1] = group->birth_tick[2] = group->tick = 5;
	expect("- 1 0 0", PTW_ERR_UNSUPPORTED);
	stop();
}

Test(engine_command, evicting)
{
	start();
	four();
	expect("- 1 0 2", PTW_ERR_ARG);
	cr_assert_eq(evictions, 0u);
	expect("- 1 0 1 max 0", PTW_OK);
	expect("- 1 0 1 0", PTW_OK);
	cr_assert_eq(evictions, 0u, "no pages wanted, and none but of files");
	expect("- 1 0 1 1 7", PTW_OK);
	cr_assert_eq(evictions, 7u);
	cr_assert_eq(count_resident(0, 300), 293u);
	expect("- 1 0 0 200 100", PTW_OK);
	cr_assert_eq(evictions, 107u);
	expect("- 1 0 0", PTW_OK);
	cr_assert_eq(count_resident(0, 300), 0u);
	cr_assert_eq(count_resident(300, 300), 300u, "generation 1 was not meant");
	expect("- 1 0 0", PTW_OK);
	cr_assert_eq(evictions, 300u);
	cr_assert_eq(harvests, 0u);
	cr_assert_eq(biggest, PTW_EVICT_BATCH);
	expect("- 1 0 1", PTW_OK);
	cr_assert_eq(count_resident(300, 100), 0u);
	cr_assert_eq(count_resident(400, 200), 200u);
	age(group, 0);
	cr_assert_gt(state_of(group).oldest, 1u);
	expect("- 1 0 1", PTW_OK);
	cr_assert_eq(evictions, 400u, "a generation that has ended");
	stop();
}

/* Generations 1 and 2 are empty, so that ptw_group_evict() would age: the command does not, and may be aged during. */
Test(engine_command, evicting_without_ageing)
{
	start();
	add(0, 300);
	for (unsigned int i = 0; i < 3; i++)
		age(group, 1000);
	add(300, 200);
	harvests = 0;
	expect("- 1 0 0 max 299", PTW_OK);
	cr_assert_eq(harvests, 0u);
	cr_assert_eq(count_resident(0, 300), 1u);
	cr_assert_eq(count_resident(300, 200), 200u);
	/* From within an ageing, which has ended generation 0 by then, and is still one afterwards. */
	nested = "- 1 0 1\n+ 1 0 3";
	expect("+ 1 0 3", PTW_OK);
	cr_assert_eq(nested_returned, PTW_ERR_EXISTS);
	cr_assert_eq(harvests, 1u);
	cr_assert_eq(count_resident(0, 300), 0u);
	cr_assert_eq(count_resident(300, 200), 200u);
	age(group, 0);
	stop();
}

/* The clock goes on by so much that no ages are left: the command ends, rather than take any page for an old one. */
Test(engine_command, evicting_too_slowly)
{
	start();
	four();
	ticks_at_look = PTW_OLD_TICKS + PTW_TURNS;
	expect("- 1 0 0", PTW_OK);
	cr_assert_gt(group->first.count[0], 0u);
	cr_assert_gt(evictions, 0u);
	cr_assert_leq(evictions, PTW_EVICT_BATCH);
	stop();
}

/* The same whatever the clock says; and pages whose age cannot be told any more are of the oldest generation. */
Test(engine_command, evicting_by_ticks)
{
	for (unsigned int ticks = 0; ticks < PTW_TICKS; ticks++) {
		start();
		for (unsigned int i = 0; i < ticks; i++)
			ptw_group_tick(group);
		four();
		expect("- 1 0 0", PTW_OK);
		cr_assert_eq(count_resident(0, 300), 0u, "%u", ticks);
		cr_assert_eq(count_resident(300, 300), 300u, "%u", ticks);
		stop();
	}
	start();
	add(600, 40);
	for (unsigned int i = 0; i < PTW_TICKS; i++)
		ptw_group_tick(group);
	cr_assert_eq(group->first.count[0], 40u);
	for (unsigned int i = 3; i < 6; i++) {
		age(group, 1000);
		add(100 * i, 100);
	}
	expect("- 1 0 0", PTW_OK);
	cr_assert_eq(count_resident(0, 300), 0u);
	cr_assert_eq(count_resident(600, 40), 0u);
	cr_assert_eq(count_resident(300, 300), 300u);
	stop();
}

/* What other threads may do meanwhile, done by hand. */
Test(engine_command, evicting_meanwhile)
{
	char text[30];

	start();
	four();
	group->oldest++;
	expect("- 1 0 0", PTW_OK);
	group->oldest--;
	age(group, 0);
	/* It has ended since the oldest was looked at. */
	cr_assert_eq(group->oldest, 1u);
	group->oldest = 0;
	expect("- 1 0 0", PTW_OK);
	group->oldest = 1;
	cr_assert_eq(evictions, 0u);
	expect("- 1 0 1", PTW_OK);
	cr_assert_eq(count_resident(0, OTHERS), 200u);
	/* Pages that nobody can get at. */
	group->first.count[0] += 5;
	snprintf(text, sizeof(text), "- 1 0 %u", (unsigned int)group->youngest - 2);
	expect(text, PTW_OK);
	group->first.count[0] -= 5;
	stop();
}

/* Pages in use stay, and at most 64 others go for them. */
Test(engine_command, evicting_young)
{
	start();
	four();
	for (unsigned int i = 0; i < 100; i++)
		young[3 * i] = true;
	expect("- 1 0 0", PTW_OK);
	cr_assert_eq(count_resident(0, 300), 100u);
	for (unsigned int i = 0; i < 100; i++)
		cr_assert(resident[3 * i]);
	cr_assert_geq(count_resident(300, 300), 299u);
	stop();
	start();
	memset(resident, 0, sizeof(resident));
	four();
	memset(young, 1, 300);
	expect("- 1 0 0", PTW_OK);
	cr_assert_eq(count_resident(0, 300), 300u);
	cr_assert_geq(count_resident(300, 300), 300u - PTW_EVICT_BATCH);
	stop();
}

Test(engine_command, evicting_fails)
{
	size_t done;

	start();
	four();
	evict_result = PTW_EVICT_FAILED;
	expect("- 1 0 0", PTW_OK);
	cr_assert_gt(evictions, 0u);
	cr_assert_eq(count_resident(0, 600), 600u);
	stop();
	start();
	four();
	evict_returns = -77;
	evictions = 0;
	cr_assert_eq(command("+ 3 0 0 ; - 1 0 1;+ 1 0 3", &done), -77);
	cr_assert_eq(done, 9u);
	cr_assert_gt(evictions, 0u);
	cr_assert_leq(evictions, PTW_EVICT_BATCH, "it ends with the first error");
	cr_assert_eq(count_resident(0, 600), 600u - evictions);
	cr_assert_eq(state_of(group).youngest, 3u);
	stop();
}

/* From the beginning of what was not done, it can be gone on. */
Test(engine_command, done_so_far)
{
	static const char text[] = " + 1 0 0,+ 3 0 0;\n+ 1 0 1 max\n \n+ 3 0 2\n+ 1 0 2";
	size_t done, more;

	start();
	cr_assert_eq(command(text, &done), PTW_ERR_ARG);
	cr_assert_eq(state_of(group).youngest, 2u);
	cr_assert_eq(state_of(other).youngest, 1u);
	cr_assert_eq(done, (size_t)(strstr(text, "max") + 4 - text));
	cr_assert_eq(command(text + done, &more), PTW_ERR_ARG);
	cr_assert_eq(more, 0u);
	age(other, 1);
	cr_assert_eq(command(text + done, &more), PTW_OK);
	cr_assert_eq(more, strlen(text) - done);
	cr_assert_eq(state_of(group).youngest, 3u);
	cr_assert_eq(state_of(other).youngest, 3u);
	/* From within a callback. */
	nested = "- 1 0 0\n+ 3 0 3";
	expect("+ 1 0 0", PTW_OK);
	cr_assert_eq(nested_returned, PTW_OK);
	cr_assert_eq(state_of(other).youngest, 4u);
	stop();
}

static unsigned int next(uint64_t *seed, unsigned int n)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)((*seed >> 33) % n);
}

/* Bytes, pieces of commands, and both; of a text's own size, so that AddressSanitizer sees its end. */
Test(engine_command, random_bytes, .timeout = 300)
{
	static const char *const piece[] = {
		/* pieces */
		"+", "-", " 1", " 0", " 3", "\n", ",", ";", " max", "\t", "9", " 0 0",
		/* more of them */
		"+ 1 0 0", "- 1 0 0", "\n+ 3 0 1", " 2", "18446744073709551615"};
	const unsigned int rounds = 20000 / test_slowness();
	uint64_t seed = test_seed();
	unsigned int good = 0;

	start();
	add(0, 600);
	for (unsigned int i = 0; i < rounds; i++) {
		const unsigned int kind = next(&seed, 3), pieces = next(&seed, 12);
		char text[300] = "", *copy;
		size_t length = 0, done = 999;
		int ret;

		for (unsigned int k = 0; k < pieces; k++) {
			const char *p = piece[next(&seed, sizeof(piece) / sizeof(*piece))];

			if (kind == 0 || (kind == 1 && !next(&seed, 6))) {
				text[length++] = (char)next(&seed, 256);
			} else {
				memcpy(text + length, p, strlen(p));
				length += strlen(p);
			}
		}
		copy = malloc(length ? length : 1);
		memcpy(copy, text, length);
		ret = ptw_engine_command(engine, copy, length, &done);
		free(copy);
		cr_assert(ret == PTW_OK || ret == PTW_ERR_ARG, "%d", ret);
		cr_assert_leq(done, length);
		if (!ret)
			cr_assert_eq(done, length);
		good += !!done;
	}
	cr_assert_gt(good, 0u);
	stop();
}
