/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Reverse maps: every way in which a word changes, limits, levels, words that somebody holds. */
#include "tests/harness/harness.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/error.h>
#include <ptw/port.h>

#include "lib/mmu/rmap.h"

#define ENTRIES 5000

/* First frame there cannot be. */
#define TOP ((uint64_t)1 << 52)

static uint64_t entry[ENTRIES];
static struct ptw_rmap *rmap;

static struct ptw_rmap_config some_config(void)
{
	return (struct ptw_rmap_config){
		.size = sizeof(struct ptw_rmap_config),
		.first = 0,
		.frames = 4096,
		.levels = 3,
		.index_lg2 = 4,
	};
}

static void open_map(uint32_t limit)
{
	struct ptw_rmap_config config = some_config();

	config.chain_limit = limit;
	cr_assert_eq(ptw_rmap_create(&config, &rmap), PTW_OK);
}

static struct ptw_rmap_info info(void)
{
	struct ptw_rmap_info now = { .size = sizeof(now) };

	cr_assert_eq(ptw_rmap_info(rmap, &now), PTW_OK);
	return now;
}

static uint64_t word(uint64_t frame, unsigned int level)
{
	return rmap->level[level].word[(frame >> rmap->level[level].lg2) - rmap->level[level].first];
}

Test(rmap, a_word_is_empty_or_an_entry_or_a_chain)
{
	struct ptw_rmap_info at_first;

	open_map(0);
	at_first = info();
	cr_assert_eq(ptw_rmap_count(rmap, 7, 0), 0);

	cr_assert_eq(ptw_rmap_add(rmap, 7, 0, &entry[0]), PTW_OK);
	cr_assert_eq(word(7, 0), (uint64_t)(uintptr_t)&entry[0]);
	cr_assert_eq(ptw_rmap_count(rmap, 7, 0), 1);
	cr_assert_eq(info().chains, 0u);
	cr_assert_eq(info().bytes, at_first.bytes);

	cr_assert_eq(ptw_rmap_add(rmap, 7, 0, &entry[1]), PTW_OK);
	cr_assert(word(7, 0) & PTW_RMAP_CHAIN);
	cr_assert_eq(ptw_rmap_count(rmap, 7, 0), 2);
	cr_assert_eq(info().chains, 1u);
	cr_assert_eq(info().entries, 2u);
	cr_assert_eq(info().longest, 2u);
	cr_assert_gt(info().bytes, at_first.bytes);

	/* Whichever goes, the other one stays. */
	cr_assert_eq(ptw_rmap_remove(rmap, 7, 0, &entry[0]), PTW_OK);
	cr_assert_eq(word(7, 0), (uint64_t)(uintptr_t)&entry[1]);
	cr_assert_eq(info().chains, 0u);
	cr_assert_eq(info().bytes, at_first.bytes);
	cr_assert_eq(ptw_rmap_add(rmap, 7, 0, &entry[0]), PTW_OK);
	cr_assert_eq(ptw_rmap_remove(rmap, 7, 0, &entry[0]), PTW_OK);
	cr_assert_eq(word(7, 0), (uint64_t)(uintptr_t)&entry[1]);
	cr_assert_eq(ptw_rmap_remove(rmap, 7, 0, &entry[1]), PTW_OK);
	cr_assert_eq(word(7, 0), 0u);
	cr_assert_eq(info().entries, 0u);
	cr_assert_eq(info().longest, 2u);
	ptw_rmap_destroy(rmap);
}

/* Adds and removals at random, against a list. */
static void against_a_list(unsigned int limit, unsigned int most, unsigned int steps)
{
	unsigned int list[64];
	unsigned int n = 0, refused = 0;
	uint64_t seed = test_seed() + limit, bytes;

	open_map(limit);
	bytes = info().bytes;
	for (unsigned int i = 0; i < steps; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		if ((seed >> 33) % (2 * most) >= n) {
			unsigned int who = (seed >> 40) % 100;
			int ret = ptw_rmap_add(rmap, 16, 1, &entry[who]);

			cr_assert_eq(ret, n < limit ? PTW_OK : PTW_ERR_LIMIT);
			refused += ret != PTW_OK;
			if (!ret)
				list[n++] = who;
		} else {
			unsigned int at = (seed >> 40) % n;

			cr_assert_eq(ptw_rmap_remove(rmap, 16, 1, &entry[list[at]]), PTW_OK);
			list[at] = list[--n];
		}
		cr_assert_eq(ptw_rmap_count(rmap, 16, 1), (int)n);
		cr_assert_eq(info().entries, n);
		cr_assert_eq(info().chains, n > 1);
	}
	cr_assert(limit > most || refused, "the limit was never met");
	/* Each entry as often as it was added, and then no more. */
	while (n--)
		cr_assert_eq(ptw_rmap_remove(rmap, 16, 1, &entry[list[n]]), PTW_OK);
	for (unsigned int i = 0; i < 100; i++)
		cr_assert_eq(ptw_rmap_remove(rmap, 16, 1, &entry[i]), PTW_ERR_ABSENT);
	cr_assert_eq(info().bytes, bytes, "blocks were lost");
	ptw_rmap_destroy(rmap);
}

Test(rmap, chains_are_lists)
{
	against_a_list(64, 20, 20000);
	against_a_list(64, 40, 20000);
}

Test(rmap, limits_are_kept)
{
	against_a_list(40, 40, 5000);
	against_a_list(2, 3, 1000);
	against_a_list(1, 2, 1000);
	/* Nothing is left of what was refused. */
	open_map(15);
	for (unsigned int i = 0; i < 15; i++)
		cr_assert_eq(ptw_rmap_add(rmap, 0, 0, &entry[i]), PTW_OK);
	cr_assert_eq(ptw_rmap_add(rmap, 0, 0, &entry[15]), PTW_ERR_LIMIT);
	cr_assert_eq(info().entries, 15u);
	cr_assert_eq(ptw_rmap_remove(rmap, 0, 0, &entry[15]), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_rmap_add(rmap, 1, 0, &entry[15]), PTW_OK);
	ptw_rmap_destroy(rmap);
}

Test(rmap, thousands_map_one_frame)
{
	uint64_t bytes;

	open_map(0);
	bytes = info().bytes;
	for (unsigned int lap = 0; lap < 2; lap++) {
		for (unsigned int i = 0; i < PTW_RMAP_CHAIN_DEFAULT; i++)
			cr_assert_eq(ptw_rmap_add(rmap, 4095, 0, &entry[i]), PTW_OK);
		cr_assert_eq(ptw_rmap_add(rmap, 4095, 0, &entry[4999]), PTW_ERR_LIMIT);
		cr_assert_eq(ptw_rmap_count(rmap, 4095, 0), (int)PTW_RMAP_CHAIN_DEFAULT);
		cr_assert_eq(info().longest, PTW_RMAP_CHAIN_DEFAULT);
		for (unsigned int i = 0; i < PTW_RMAP_CHAIN_DEFAULT; i++) {
			unsigned int who = lap ? PTW_RMAP_CHAIN_DEFAULT - 1 - i : i;

			cr_assert_eq(ptw_rmap_remove(rmap, 4095, 0, &entry[who]), PTW_OK);
		}
		cr_assert_eq(word(4095, 0), 0u);
		cr_assert_eq(info().bytes, bytes);
	}
	ptw_rmap_destroy(rmap);
}

/* Leak checkers see to it that all of them are freed. */
Test(rmap, destroy_frees_chains)
{
	open_map(0);
	for (unsigned int i = 0; i < 100; i++)
		for (unsigned int n = 0; n < 3; n++)
			cr_assert_eq(ptw_rmap_add(rmap, 256 * (i % 3), n, &entry[i]), PTW_OK);
	ptw_rmap_destroy(rmap);
	ptw_rmap_destroy(NULL);
}

Test(rmap, what_is_absent)
{
	open_map(0);
	cr_assert_eq(ptw_rmap_remove(rmap, 16, 0, &entry[0]), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_rmap_add(rmap, 16, 0, &entry[0]), PTW_OK);
	cr_assert_eq(ptw_rmap_remove(rmap, 16, 0, &entry[1]), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_rmap_remove(rmap, 16, 1, &entry[0]), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_rmap_remove(rmap, 17, 0, &entry[0]), PTW_ERR_ABSENT);
	for (unsigned int i = 1; i < 40; i++)
		cr_assert_eq(ptw_rmap_add(rmap, 16, 0, &entry[i]), PTW_OK);
	cr_assert_eq(ptw_rmap_remove(rmap, 16, 0, &entry[40]), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_rmap_count(rmap, 16, 0), 40);
	/* And the chain was given back. */
	cr_assert_eq(ptw_rmap_remove(rmap, 16, 0, &entry[20]), PTW_OK);
	cr_assert_eq(info().entries, 39u);
	ptw_rmap_destroy(rmap);
}

Test(rmap, levels_and_edges)
{
	struct ptw_rmap_config config = some_config();

	/* Frames 10 to 69: blocks of 16 from 16 on, to 63; no block of 256. */
	config.first = 10;
	config.frames = 60;
	cr_assert_eq(ptw_rmap_create(&config, &rmap), PTW_OK);
	cr_assert_eq(ptw_rmap_add(rmap, 9, 0, &entry[0]), PTW_ERR_RANGE);
	cr_assert_eq(ptw_rmap_add(rmap, 10, 0, &entry[0]), PTW_OK);
	cr_assert_eq(ptw_rmap_add(rmap, 69, 0, &entry[0]), PTW_OK);
	cr_assert_eq(ptw_rmap_add(rmap, 70, 0, &entry[0]), PTW_ERR_RANGE);
	cr_assert_eq(ptw_rmap_add(rmap, UINT64_MAX, 0, &entry[0]), PTW_ERR_RANGE);
	cr_assert_eq(ptw_rmap_add(rmap, 0, 1, &entry[0]), PTW_ERR_RANGE);
	cr_assert_eq(ptw_rmap_add(rmap, 16, 1, &entry[0]), PTW_OK);
	cr_assert_eq(ptw_rmap_add(rmap, 48, 1, &entry[0]), PTW_OK);
	cr_assert_eq(ptw_rmap_add(rmap, 64, 1, &entry[0]), PTW_ERR_RANGE);
	cr_assert_eq(ptw_rmap_add(rmap, 0, 2, &entry[0]), PTW_ERR_RANGE);
	cr_assert_eq(ptw_rmap_add(rmap, 17, 1, &entry[0]), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_rmap_add(rmap, 16, 2, &entry[0]), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_rmap_add(rmap, 16, 3, &entry[0]), PTW_ERR_ARG);
	cr_assert_eq(ptw_rmap_add(rmap, 16, 0, (uint64_t *)((char *)entry + 4)), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_rmap_add(rmap, 16, 0, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_rmap_add(NULL, 16, 0, &entry[0]), PTW_ERR_ARG);
	cr_assert_eq(ptw_rmap_remove(rmap, 70, 0, &entry[0]), PTW_ERR_RANGE);
	cr_assert_eq(ptw_rmap_remove(rmap, 17, 1, &entry[0]), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_rmap_remove(rmap, 16, 0, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_rmap_count(rmap, 70, 0), PTW_ERR_RANGE);
	cr_assert_eq(ptw_rmap_count(rmap, 17, 1), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_rmap_count(NULL, 17, 1), PTW_ERR_ARG);
	cr_assert_eq(info().entries, 4u);
	cr_assert_eq(info().bytes, sizeof(struct ptw_rmap) + 63 * sizeof(uint64_t));
	ptw_rmap_destroy(rmap);

	/* At the top of all frames. */
	config.first = TOP - 60;
	cr_assert_eq(ptw_rmap_create(&config, &rmap), PTW_OK);
	cr_assert_eq(ptw_rmap_add(rmap, TOP - 1, 0, &entry[0]), PTW_OK);
	cr_assert_eq(ptw_rmap_add(rmap, TOP, 0, &entry[0]), PTW_ERR_RANGE);
	cr_assert_eq(ptw_rmap_add(rmap, TOP - 32, 1, &entry[0]), PTW_OK);
	cr_assert_eq(ptw_rmap_add(rmap, TOP - 16, 1, &entry[0]), PTW_OK);
	ptw_rmap_destroy(rmap);
}

static int created(struct ptw_rmap_config config)
{
	struct ptw_rmap *untouched = NULL;
	int ret = ptw_rmap_create(&config, &untouched);

	cr_assert(ret != PTW_OK || untouched);
	cr_assert(ret == PTW_OK || !untouched);
	ptw_rmap_destroy(untouched);
	return ret;
}

Test(rmap, arguments_of_create)
{
	struct ptw_rmap_config config = some_config();
	struct ptw_rmap_info short_info = { .size = 8 };

	cr_assert_eq(created(config), PTW_OK);
	cr_assert_eq(ptw_rmap_create(NULL, &rmap), PTW_ERR_ARG);
	cr_assert_eq(ptw_rmap_create(&config, NULL), PTW_ERR_ARG);
	config.size = 16;
	cr_assert_eq(created(config), PTW_ERR_SIZE);
	config = some_config();
	config.levels = 0;
	cr_assert_eq(created(config), PTW_ERR_ARG);
	config.levels = 4;
	cr_assert_eq(created(config), PTW_ERR_ARG);
	config.levels = 1;
	config.index_lg2 = 0;
	cr_assert_eq(created(config), PTW_OK);
	config.levels = 2;
	cr_assert_eq(created(config), PTW_ERR_ARG);
	config.index_lg2 = 17;
	cr_assert_eq(created(config), PTW_ERR_ARG);
	config = some_config();
	config.reserved = 1;
	cr_assert_eq(created(config), PTW_ERR_ARG);
	config = some_config();
	config.frames = 0;
	cr_assert_eq(created(config), PTW_ERR_RANGE);
	config.frames = 2;
	config.first = UINT64_MAX - 1;
	cr_assert_eq(created(config), PTW_ERR_RANGE);
	config.first = TOP - 1;
	cr_assert_eq(created(config), PTW_ERR_RANGE);
	config.first = 0;
	config.frames = UINT64_MAX / 4;
	cr_assert_eq(created(config), PTW_ERR_RANGE);
	config = some_config();
	config.chain_limit = PTW_RMAP_CHAIN_MAX + 1;
	cr_assert_eq(created(config), PTW_ERR_LIMIT);
	config.chain_limit = PTW_RMAP_CHAIN_MAX;
	cr_assert_eq(created(config), PTW_OK);
	open_map(0);
	cr_assert_eq(ptw_rmap_info(rmap, &short_info), PTW_ERR_SIZE);
	cr_assert_eq(ptw_rmap_info(rmap, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_rmap_info(NULL, &short_info), PTW_ERR_ARG);
	ptw_rmap_destroy(rmap);
}

/* Nobody waits for a holder: tried a bounded number of times, counted, nothing changed. */
static void held_word(uint64_t frame, int absent)
{
	uint64_t *w = &rmap->level[0].word[frame];
	uint64_t was = *w, held = info().held;

	*w |= PTW_RMAP_HELD;
	cr_assert_eq(ptw_rmap_add(rmap, frame, 0, &entry[9]), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_rmap_remove(rmap, frame, 0, &entry[0]), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_rmap_count(rmap, frame, 0), PTW_ERR_AGAIN);
	cr_assert_eq(*w, was | PTW_RMAP_HELD);
	cr_assert_eq(info().held, held + 3);
	*w = was;
	cr_assert_eq(ptw_rmap_remove(rmap, frame, 0, &entry[9]), absent);
	cr_assert_eq(ptw_rmap_remove(rmap, frame, 0, &entry[0]), PTW_OK);
}

Test(rmap, held_words_are_given_up)
{
	open_map(0);
	cr_assert_eq(ptw_rmap_add(rmap, 3, 0, &entry[0]), PTW_OK);
	held_word(3, PTW_ERR_ABSENT);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(ptw_rmap_add(rmap, 4, 0, &entry[i]), PTW_OK);
	held_word(4, PTW_ERR_ABSENT);
	cr_assert_eq(info().entries, 2u);
	ptw_rmap_destroy(rmap);
}
