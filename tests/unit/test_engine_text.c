/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The generation engine as text: the format to the byte, and every length of buffer. */
#include "tests/unit/text_engine.h"

#include <pthread.h>

/* Generations of 100, 7 and 40 pages, the last one born 2.5 s ago, and one of the other group. */
static void fill(void)
{
	add(0, 100);
	age(group, 250);
	add(100, 7);
	age(group, 12345);
	add(OTHERS, 1);
	add(107, 40);
	milliseconds += 2500;
}

static const char filled[] = "memcg 1 /1\n"
			     " node     0\n"
			     "          0      15095        100           0 \n"
			     "          1      14845          7           0 \n"
			     "          2       2500         40           0 \n"
			     "memcg 3 /3\n"
			     " node     0\n"
			     "          0      15095          1           0 \n";

Test(engine_text, to_the_byte)
{
	char buffer[1000];
	size_t needed;

	start();
	fill();
	cr_assert_eq(ptw_engine_text(engine, buffer, sizeof(buffer), &needed), PTW_OK);
	cr_assert_str_eq(buffer, filled);
	cr_assert_eq(needed, sizeof(filled));
	stop();
}

Test(engine_text, every_length)
{
	size_t needed;

	start();
	fill();
	for (size_t size = 0; size <= sizeof(filled) + 1; size++) {
		/* Of this size, so that AddressSanitizer sees what is behind it. */
		char *buffer = malloc(size ? size : 1);
		size_t lines = 0;

		memset(buffer, 'x', size ? size : 1);
		for (size_t i = 0; i < sizeof(filled) - 1 && i + 1 < size; i++)
			if (filled[i] == '\n')
				lines = i + 1;
		cr_assert_eq(ptw_engine_text(engine, size ? buffer : NULL, size, &needed),
			     size < sizeof(filled) ? PTW_ERR_SIZE : PTW_OK);
		cr_assert_eq(needed, sizeof(filled));
		if (size) {
			cr_assert_eq(strlen(buffer), lines, "%u", (unsigned int)size);
			cr_assert_eq(memcmp(buffer, filled, lines), 0);
		}
		for (size_t i = lines + 1; i < size; i++)
			cr_assert_eq(buffer[i], 'x');
		free(buffer);
	}
	stop();
}

Test(engine_text, no_groups)
{
	const struct ptw_engine_config engine_config = {.size = sizeof(engine_config), .pages = 1};
	size_t needed = 0;
	char c = 'x';

	cr_assert_eq(ptw_engine_create(&engine_config, &engine), PTW_OK);
	cr_assert_eq(ptw_engine_text(engine, NULL, 0, &needed), PTW_ERR_SIZE);
	cr_assert_eq(needed, 1u);
	cr_assert_eq(ptw_engine_text(engine, &c, 1, &needed), PTW_OK);
	cr_assert_eq(c, 0);
	ptw_engine_destroy(engine);
}

Test(engine_text, arguments)
{
	char buffer[1000] = "x";
	size_t n = 5;

	start();
	cr_assert_eq(ptw_engine_text(NULL, buffer, sizeof(buffer), &n), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_text(engine, NULL, 1, &n), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_text(engine, buffer, sizeof(buffer), NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_command(NULL, "+ 1 0 0", 7, &n), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_command(engine, NULL, 0, &n), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_command(engine, "+ 1 0 0", 7, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_group_id(NULL), 0u);
	cr_assert_eq(n, 5u);
	cr_assert_str_eq(buffer, "x");
	stop();
}

/* Numbers wider than their columns, of clocks that go wrong, and counters below zero. */
Test(engine_text, extremes)
{
	char buffer[2000];
	size_t needed;

	start();
	cr_assert_eq(ptw_group_destroy(other), PTW_OK);
	group->youngest = UINT64_MAX - 1;
	group->oldest = UINT64_MAX - 2;
	group->birth_tick[group->youngest % PTW_GENERATIONS] = group->tick = 1000;
	group->first.count[ptw_tick_byte(1000)] = INT64_MAX;
	group->first.count[ptw_tick_byte(999)] = (uint64_t)-3;
	group->birth[group->youngest % PTW_GENERATIONS] = 5;
	group->birth[group->oldest % PTW_GENERATIONS] = 0;
	milliseconds = (uint64_t)UINT32_MAX + 1;
	cr_assert_eq(ptw_engine_text(engine, buffer, sizeof(buffer), &needed), PTW_OK);
	cr_assert_str_eq(buffer,
			 "memcg 1 /1\n"
			 " node     0\n"
			 " 18446744073709551613 4294967295          0           0 \n"
			 " 18446744073709551614 4294967291 9223372036854775807           0 \n");
	cr_assert_eq(needed, strlen(buffer) + 1);
	milliseconds = 4;
	cr_assert_eq(ptw_engine_text(engine, buffer, sizeof(buffer), &needed), PTW_OK);
	cr_assert_not_null(strstr(buffer, "\n 18446744073709551613          4 "));
	cr_assert_not_null(strstr(buffer, "\n 18446744073709551614          0 "));
	/* Sequence numbers may wrap. */
	group->youngest = 0;
	group->oldest = UINT64_MAX;
	cr_assert_eq(ptw_engine_text(engine, buffer, sizeof(buffer), &needed), PTW_OK);
	cr_assert_not_null(strstr(buffer, "\n 18446744073709551615 "));
	cr_assert_not_null(strstr(buffer, "\n          0 "));
	ptw_engine_destroy(engine);
}

/* As scripts do it: fields between blanks, the first one or their number telling what a line is. */
Test(engine_text, read_by_fields)
{
	char buffer[2000], *line, *rest = buffer;
	unsigned int memcg = 0, rows = 0;
	size_t needed;

	start();
	fill();
	for (unsigned int i = 0; i < 9; i++) {
		young[i] = young[OTHERS] = true;
		age(i % 2 ? other : group, 100 * i);
	}
	cr_assert_eq(ptw_engine_text(engine, buffer, sizeof(buffer), &needed), PTW_OK);
	while ((line = strtok_r(NULL, "\n", &rest))) {
		unsigned long long field[4];
		struct ptw_group_state state;
		char path[20];
		int node;

		if (sscanf(line, "memcg %u %19s", &memcg, path) == 2) {
			cr_assert_eq(path[0], '/');
			cr_assert_eq((unsigned int)atoi(path + 1), memcg);
			continue;
		}
		if (sscanf(line, " node %d", &node) == 1) {
			cr_assert_eq(node, 0);
			continue;
		}
		cr_assert_eq(sscanf(line, "%llu %llu %llu %llu", &field[0], &field[1], &field[2],
				    &field[3]),
			     4);
		cr_assert(memcg == 1 || memcg == 3);
		state = state_of(memcg == 1 ? group : other);
		cr_assert_geq(field[0], state.oldest);
		cr_assert_leq(field[0], state.youngest);
		cr_assert_eq(field[1], milliseconds - state.birth[field[0] % PTW_GENERATIONS]);
		cr_assert_eq(field[2], state.pages[field[0] % PTW_GENERATIONS]);
		cr_assert_eq(field[3], 0u);
		rows++;
	}
	cr_assert_eq(rows, state_of(group).youngest - state_of(group).oldest + 1 +
				   state_of(other).youngest - state_of(other).oldest + 1);
	cr_assert_geq(rows, 4u);
	stop();
}

static unsigned int stop_racing, racing_errors;

static void *make_groups(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop_racing, __ATOMIC_RELAXED)) {
		struct ptw_group *g;

		if (ptw_group_create(engine, &config, &g) || ptw_group_attach(g, 0, 64) ||
		    ptw_page_add(engine, 3) || ptw_group_destroy(g))
			__atomic_fetch_add(&racing_errors, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Groups come and go while the text is written; others are commanded. */
Test(engine_text, while_groups_change, .timeout = 240)
{
	const unsigned int rounds = 20000 / test_slowness();
	unsigned int seen = 0;
	pthread_t thread;

	start();
	cr_assert_eq(ptw_group_destroy(group), PTW_OK);
	cr_assert_eq(pthread_create(&thread, NULL, make_groups, NULL), 0);
	/* A slow thread may begin late: until a group of its own was seen. */
	for (unsigned int i = 0; i < rounds || !seen; i++) {
		char buffer[1000];
		size_t needed, done;

		cr_assert_eq(ptw_engine_text(engine, buffer, sizeof(buffer), &needed), PTW_OK);
		cr_assert_eq(strlen(buffer) + 1, needed);
		seen += !!strstr(buffer, "memcg 1 /1\n node     0\n          0 ");
		cr_assert_not_null(strstr(buffer, "memcg 3 /3\n"));
		if (i % 16 == 0)
			cr_assert_eq(command("+ 3 0 0", &done), PTW_OK);
	}
	__atomic_store_n(&stop_racing, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	cr_assert_eq(racing_errors, 0u);
	stop();
}
