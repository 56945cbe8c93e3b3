/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Saving and restoring an engine: it goes on as if nothing had been. */
#include "tests/unit/saved_engine.h"

#include <ptw/engine_enable.h>
#include <ptw/engine_tree.h>

Test(engine_save, goes_on_alike, .timeout = 600)
{
	static struct world a, b;
	const unsigned int rounds = 40 / test_slowness() + 2;

	random_state = test_seed() | 1;
	for (unsigned int round = 0; round < rounds; round++) {
		const unsigned int steps = pick(4) ? pick(4000) : pick(20);
		uint64_t bytes, again_bytes;
		uint8_t *image, *again;

		memset(&a, 0, sizeof(a));
		open_world(&a, false);
		for (unsigned int i = 0; i < steps; i++)
			take(&a, draw());
		image = save(&a, &bytes);
		cr_assert_eq(ptw_engine_check(a.engine), PTW_OK);
		b = a;
		b.milliseconds += 1000000;
		open_world(&b, round % 2);
		cr_assert_eq(ptw_engine_restore(b.engine, image, bytes), PTW_OK);
		cr_assert_eq(ptw_engine_check(b.engine), PTW_OK);
		alike(&a, &b);
		again = save(&b, &again_bytes);
		cr_assert_eq(bytes, again_bytes);
		cr_assert_eq(memcmp(image, again, bytes), 0);
		for (unsigned int i = 0; i < 2000; i++) {
			const struct step s = draw();

			take(&a, s);
			take(&b, s);
			if (i % 50 == 0)
				alike(&a, &b);
		}
		alike(&a, &b);
		cr_assert_gt(a.gone_count, 0u);
		free(image);
		free(again);
		close_world(&a);
		close_world(&b);
	}
}

Test(engine_save, format)
{
	/* Ticks: the four pages make 4, the two generations 1 each. */
	static const uint64_t words[] = {
		/* magic "ptw-ages", bytes, version and header, pages, groups */
		0x736567612d777470, 424, 88ull << 32 | 2, 130, 1,
		/* capabilities, minimum age, "generations" */
		15, 0, 0x69746172656e6567, 0x736e6f, 0, 0,
		/* a span, 11 bytes of runs; when generations began: ticks and milliseconds ago, and never */
		1, 11, 6, 1, 0, 6, 11, 8, 1, 16,
		/* tick, youngest, oldest, since, hand and its tick, resident */
		6, 2, 0, 0, 0, 0, 3,
		/* faults, refaults, evicted, failed, looks, looked, around */
		4, 0, 1, 0, 1, 0, 0,
		/* agings, words, aged, evictions seen */
		2, 2, 3, 0,
		/* parent, min, low, pages taken below low, bytes of the policy, weights, nothing judged */
		0, 0, 0, 0, 0, 0x64646464, 0,
		/* no interval, aged one millisecond ago */
		0, 1,
		/* the span: region 1, two of them */
		1, 2};
	static const uint8_t runs[16] = {
		0x90,	    1, /* 36 absent: 64 to 99 */
		1 << 2 | 2, 255, /* 100, put out; nobody judges when */
		1 << 2 | 1, 1, /* 101, one tick ago */
		1 << 2 | 1, 0, /* 102, now */
		1 << 2 | 1, 3, /* 103, when it came */
		26 << 2,       /* 26 absent: 104 to 129 */
	};
	uint64_t bytes;
	uint8_t *image = small_image(&bytes), sum[8];

	for (unsigned int i = 0; i < sizeof(words) / 8; i++)
		cr_assert_eq(word_at(image, 8 * i), words[i], "word %u: %u", i,
			     (unsigned int)word_at(image, 8 * i));
	cr_assert_eq(bytes, sizeof(words) + sizeof(runs) + 8);
	for (unsigned int i = 0; i < 16; i++)
		cr_assert_eq(image[sizeof(words) + i], runs[i], "%u: %u", i,
			     image[sizeof(words) + i]);
	memcpy(sum, image + bytes - 8, 8);
	seal(image, bytes);
	cr_assert_eq(memcmp(sum, image + bytes - 8, 8), 0);
	free(image);
}

/* What the engine had noted of its pages before does not count. */
Test(engine_save, oldest_first)
{
	static struct world w;
	uint64_t bytes, n;
	struct ptw_group *group;
	uint8_t *image;

	w.result = PTW_EVICTED;
	open_engine(&w, 64);
	group = open_group(&w);
	cr_assert_eq(ptw_group_attach(group, 0, 64), PTW_OK);
	for (uint64_t page = 4; page--;)
		cr_assert_eq(ptw_page_add(w.engine, page), PTW_OK);
	image = save(&w, &bytes);
	for (uint64_t page = 1; page < 4; page++)
		cr_assert_eq(ptw_page_remove(w.engine, page), PTW_OK);
	cr_assert_eq(ptw_group_evict_older(group, 0, 1, &n), PTW_OK);
	cr_assert_eq(w.gone[0], 0u);
	cr_assert_eq(ptw_engine_restore(w.engine, image, bytes), PTW_OK);
	cr_assert_eq(ptw_group_evict_older(group, 0, 1, &n), PTW_OK);
	cr_assert_eq(w.gone[1], 3u);
	free(image);
	ptw_engine_destroy(w.engine);
}

Test(engine_save, arguments)
{
	static struct world w;
	uint64_t bytes, used = 77;
	uint8_t *image = small_image(&bytes), *large = malloc(bytes + 64), *tight;

	small_world(&w);
	cr_assert_eq(ptw_engine_save_bytes(NULL), 0u);
	cr_assert_eq(ptw_engine_save(NULL, large, bytes, &used), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_save(w.engine, NULL, bytes, &used), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_save(w.engine, large, bytes, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_restore(NULL, image, bytes), PTW_ERR_ARG);
	cr_assert_eq(ptw_engine_restore(w.engine, NULL, bytes), PTW_ERR_ARG);
	/* No byte behind a buffer that is too small; nothing behind the image in one that is larger. */
	for (uint64_t size = 0; size < ptw_engine_save_bytes(w.engine); size++) {
		tight = malloc(size ? size : 1);
		cr_assert_eq(ptw_engine_save(w.engine, tight, size, &used), PTW_ERR_SIZE);
		free(tight);
	}
	cr_assert_eq(used, 77u);
	/* Odd addresses, a larger buffer, and what is behind does not matter. */
	memset(large, 0xee, bytes + 64);
	memcpy(large + 3, image, bytes);
	cr_assert_eq(ptw_engine_restore(w.engine, large + 3, bytes + 61), PTW_OK);
	memset(large, 0xee, bytes + 64);
	cr_assert_eq(ptw_engine_save(w.engine, large + 5, bytes + 59, &used), PTW_OK);
	cr_assert_eq(used, bytes);
	cr_assert_eq(memcmp(large + 5, image, bytes), 0);
	for (unsigned int i = 0; i < 64; i++)
		cr_assert_eq(large[i < 5 ? i : bytes + i], 0xee);
	/* Now pages are resident. */
	refused(&w, image, bytes, PTW_ERR_EXISTS, "resident", 0);
	for (uint64_t page = 101; page < 104; page++)
		cr_assert_eq(ptw_page_remove(w.engine, page), PTW_OK);
	cr_assert_eq(ptw_engine_restore(w.engine, image, bytes), PTW_OK);
	close_world(&w);
	free(image);
	free(large);
}

/* A page that nobody has settled is there again, one that was removed meanwhile is not. */
Test(engine_save, being_evicted)
{
	static struct world a, b;
	struct ptw_group_state s;
	uint64_t bytes, evicted, ages[256];
	uint8_t *image;

	small_world(&a);
	for (uint64_t page = 64; page < 68; page++)
		cr_assert_eq(ptw_page_add(a.engine, page), PTW_OK);
	a.result = PTW_EVICT_PENDING;
	cr_assert_eq(ptw_group_evict(a.group[0], 4, &evicted), PTW_OK);
	cr_assert_eq(evicted, 0u);
	cr_assert_eq(state_of(a.group[0]).isolated, 4u);
	cr_assert_eq(ptw_page_settle(a.engine, 64, PTW_EVICT_YOUNG), PTW_OK);
	cr_assert_eq(ptw_page_remove(a.engine, 66), PTW_OK);
	image = save(&a, &bytes);
	cr_assert_eq(state_of(a.group[0]).isolated, 3u, "here they are still to be settled");
	small_world(&b);
	cr_assert_eq(ptw_engine_restore(b.engine, image, bytes), PTW_OK);
	s = state_of(b.group[0]);
	cr_assert_eq(s.resident, 3u);
	cr_assert_eq(s.isolated, 0u);
	cr_assert_eq(ptw_group_ages(b.group[0], ages), PTW_OK);
	/* Four ticks of coming in, one for each generation that the eviction began. */
	cr_assert_eq(ages[s.ticks - 1], 1u);
	cr_assert_eq(ages[s.ticks - 3], 1u);
	cr_assert_eq(ptw_page_settle(b.engine, 65, PTW_EVICTED), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_page_add(b.engine, 66), PTW_OK);
	/* One that is being evicted and was removed is in the way, too. */
	for (uint64_t page = 64; page < 68; page++)
		ptw_page_remove(a.engine, page);
	cr_assert_eq(state_of(a.group[0]).resident, 0u);
	cr_assert_eq(ptw_engine_restore(a.engine, image, bytes), PTW_ERR_EXISTS);
	cr_assert_eq(ptw_page_settle(a.engine, 65, PTW_EVICTED), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_page_settle(a.engine, 66, PTW_EVICTED), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_page_settle(a.engine, 67, PTW_EVICTED), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_engine_restore(a.engine, image, bytes), PTW_OK);
	close_world(&a);
	close_world(&b);
	free(image);
}

/* Words that nobody had taken in are saved as taken in; those for the pages that were here before are forgotten. */
Test(engine_save, words_that_wait)
{
	static struct world a, b;
	uint64_t bytes, ages[256];
	uint8_t *image;

	small_world(&a);
	for (uint64_t page = 64; page < 68; page++)
		cr_assert_eq(ptw_page_add(a.engine, page), PTW_OK);
	cr_assert_eq(ptw_group_age(a.group[0]), PTW_OK);
	ptw_engine_young(a.engine, 64, 6, 0);
	image = save(&a, &bytes);
	cr_assert_eq(state_of(a.group[0]).aged, 2u);
	small_world(&b);
	ptw_engine_young(b.engine, 64, UINT64_MAX, 0);
	cr_assert_eq(ptw_engine_restore(b.engine, image, bytes), PTW_OK);
	for (unsigned int i = 0; i < 2; i++) {
		cr_assert_eq(ptw_group_ages(b.group[0], ages), PTW_OK);
		cr_assert_eq(ages[0], 2u);
		cr_assert_eq(state_of(b.group[0]).aged, 2u);
		cr_assert_eq(state_of(b.group[0]).words, state_of(a.group[0]).words);
		/* Whoever comes to the region would take in what is there. */
		cr_assert_eq(ptw_page_add(b.engine, 64), PTW_ERR_EXISTS);
	}
	close_world(&a);
	close_world(&b);
	free(image);
}

/* Pages too old to be told how old, and those on their way there. */
Test(engine_save, old_pages)
{
	static struct world a, b;
	uint64_t bytes, ages[256];

	open_world(&a, false);
	for (uint64_t page = 64; page < 84; page++)
		cr_assert_eq(ptw_page_add(a.engine, page), PTW_OK);
	for (unsigned int n = 0; n < 230; n++) {
		uint8_t *image;

		a.young[65] = n % 3 == 0;
		cr_assert_eq(ptw_group_age(a.group[0]), PTW_OK);
		if (n < 130)
			continue;
		image = save(&a, &bytes);
		open_world(&b, true);
		cr_assert_eq(ptw_engine_restore(b.engine, image, bytes), PTW_OK);
		cr_assert_eq(ptw_engine_check(b.engine), PTW_OK);
		alike(&a, &b);
		ptw_engine_destroy(b.engine);
		free(image);
	}
	cr_assert_eq(ptw_group_ages(a.group[0], ages), PTW_OK);
	cr_assert_eq(ages[255], 19u);
	close_world(&a);
}

/*
 * Where victims are looked for, words are taken in, too. So a saved engine, too, looks only where they are: page 0
 * was the oldest of its region before it was seen used.
 */
Test(engine_save, where_victims_are)
{
	const struct ptw_group_config no_harvest = {
		.size = sizeof(no_harvest), .ops = {.evict = evict}, .context = NULL};
	static struct world w[2];
	uint64_t bytes, evicted, ages[2][256];
	uint8_t *image = NULL;

	for (unsigned int i = 0; i < 2; i++) {
		struct ptw_group_config config = no_harvest;

		config.context = &w[i];
		open_engine(&w[i], 130);
		cr_assert_eq(ptw_group_create(w[i].engine, &config, &w[i].group[0]), PTW_OK);
		cr_assert_eq(ptw_group_attach(w[i].group[0], 0, 130), PTW_OK);
	}
	cr_assert_eq(ptw_page_add(w[0].engine, 0), PTW_OK);
	cr_assert_eq(ptw_page_add(w[0].engine, 64), PTW_OK);
	ptw_engine_young(w[0].engine, 0, 1, 0);
	cr_assert_eq(ptw_page_add(w[0].engine, 0), PTW_ERR_EXISTS);
	image = save(&w[0], &bytes);
	cr_assert_eq(ptw_engine_restore(w[1].engine, image, bytes), PTW_OK);
	for (unsigned int i = 0; i < 2; i++) {
		cr_assert_eq(ptw_page_add(w[i].engine, 65), PTW_OK);
		ptw_engine_young(w[i].engine, 0, 1, 0);
		cr_assert_eq(ptw_group_evict(w[i].group[0], 1, &evicted), PTW_OK);
		cr_assert_eq(w[i].gone_count, 1u);
		cr_assert_eq(w[i].gone[0], 64u);
		cr_assert_eq(ptw_page_add(w[i].engine, 66), PTW_OK);
		cr_assert_eq(ptw_page_add(w[i].engine, 0), PTW_ERR_EXISTS);
		cr_assert_eq(ptw_group_ages(w[i].group[0], ages[i]), PTW_OK);
	}
	cr_assert_eq(ages[0][0], 1u);
	cr_assert_eq(memcmp(ages[0], ages[1], sizeof(ages[0])), 0);
	close_world(&w[0]);
	close_world(&w[1]);
	free(image);
}

/* A clock that began later: births before it are 0, and it goes on from there. */
Test(engine_save, younger_clock)
{
	static struct world w;
	uint64_t bytes;
	uint8_t *image = small_image(&bytes);
	struct ptw_group_state s;

	small_world(&w);
	w.milliseconds = 9;
	cr_assert_eq(ptw_engine_restore(w.engine, image, bytes), PTW_OK);
	s = state_of(w.group[0]);
	cr_assert_eq(s.youngest, 2u);
	cr_assert_eq(s.birth[0], 0u, "11 ago");
	cr_assert_eq(s.birth[1], 1u, "8 ago");
	cr_assert_eq(s.birth[2], 8u, "1 ago");
	w.milliseconds = 20;
	cr_assert_eq(ptw_group_age(w.group[0]), PTW_OK);
	cr_assert_eq(state_of(w.group[0]).birth[3], 20u);
	close_world(&w);
	free(image);
}

/* The interval goes on from where it was, on another clock. */
Test(engine_save, interval)
{
	static struct world a, b;
	uint64_t bytes, again_bytes;
	uint8_t *image, *again;

	memset(&a, 0, sizeof(a));
	a.milliseconds = 100;
	open_world(&a, false);
	for (unsigned int i = 0; i < 4; i++) {
		cr_assert_eq(ptw_page_add(a.engine, 64 + i), PTW_OK);
		a.milliseconds += 50;
		if (i < 3)
			cr_assert_eq(ptw_group_age(a.group[0]), PTW_OK);
	}
	cr_assert_eq(ptw_group_wants_ageing(a.group[0]), 0, "four generations have pages");
	cr_assert_eq(ptw_group_interval(a.group[0], 500), PTW_OK);
	image = save(&a, &bytes);
	memset(&b, 0, sizeof(b));
	b.milliseconds = 10000;
	open_world(&b, true);
	cr_assert_eq(ptw_group_interval(b.group[0], 3), PTW_OK);
	cr_assert_eq(ptw_group_interval(b.group[1], 3), PTW_OK);
	cr_assert_eq(ptw_engine_restore(b.engine, image, bytes), PTW_OK);
	again = save(&b, &again_bytes);
	cr_assert_eq(again_bytes, bytes);
	cr_assert_eq(memcmp(image, again, bytes), 0);
	b.milliseconds = 10449;
	cr_assert_eq(ptw_group_wants_ageing(b.group[0]), 0);
	b.milliseconds = 10450;
	cr_assert_eq(ptw_group_wants_ageing(b.group[0]), 1);
	close_world(&a);
	close_world(&b);
	free(image);
	free(again);
}

/* Absent pages cost nothing; no page costs more than two bytes. */
Test(engine_save, size)
{
	static struct world w;
	const uint64_t pages = (uint64_t)1 << 20;
	uint64_t fixed, bytes;
	uint8_t *image;

	open_engine(&w, pages);
	cr_assert_eq(ptw_engine_save_bytes(w.engine), HEADER + 8u);
	w.group[0] = open_group(&w);
	cr_assert_eq(ptw_group_attach(w.group[0], 0, pages), PTW_OK);
	fixed = HEADER + 8 * (SPAN_FIRST + 2) + 8;
	cr_assert_eq(ptw_engine_save_bytes(w.engine), fixed + 8, "one run");
	cr_assert_eq(ptw_page_add(w.engine, pages - 1), PTW_OK);
	cr_assert_eq(ptw_engine_save_bytes(w.engine), fixed + 8, "two runs");
	for (uint64_t page = 0; page < 4096; page++)
		cr_assert_eq(ptw_page_add(w.engine, page * 2 % 4096 + page / 2048), PTW_OK);
	cr_assert_leq(ptw_engine_save_bytes(w.engine), fixed + 2 * 4096 + 16);
	image = save(&w, &bytes);
	close_world(&w);
	open_engine(&w, pages);
	w.group[0] = open_group(&w);
	cr_assert_eq(ptw_group_attach(w.group[0], 0, pages), PTW_OK);
	cr_assert_eq(ptw_engine_restore(w.engine, image, bytes), PTW_OK);
	cr_assert_eq(state_of(w.group[0]).resident, 4097u);
	cr_assert_eq(ptw_page_add(w.engine, pages - 1), PTW_ERR_EXISTS);
	close_world(&w);
	free(image);
}

/* Where use does not matter, words that wait make no page young, and no image longer. */
Test(engine_save, size_without_core)
{
	static struct world w;
	uint64_t bytes, used;
	uint8_t *image;

	open_engine(&w, 64);
	w.group[0] = open_group(&w);
	cr_assert_eq(ptw_group_attach(w.group[0], 0, 64), PTW_OK);
	for (uint64_t page = 0; page < 64; page++)
		cr_assert_eq(ptw_page_add(w.engine, page), PTW_OK);
	/* These would be more runs, and fewer. */
	for (unsigned int round = 0; round < 2; round++) {
		cr_assert_eq(ptw_engine_enable(w.engine, 0), PTW_OK);
		ptw_engine_young(w.engine, 0, round ? UINT64_MAX : 0x5555555555555555u, 0);
		bytes = ptw_engine_save_bytes(w.engine);
		image = malloc(bytes);
		cr_assert_neq(image, NULL);
		cr_assert_eq(ptw_engine_save(w.engine, image, bytes, &used), PTW_OK);
		cr_assert_eq(used, bytes);
		free(image);
	}
	close_world(&w);
}

/* What small_image() was in version 1. */
static const uint8_t version_1[] = {
	0x70, 0x74, 0x77, 0x2d, 0x61, 0x67, 0x65, 0x73, 0x30, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x82, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x0b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x90, 0x01, 0x06, 0x00, 0x05, 0x01, 0x05, 0x00,
	0x05, 0x03, 0x68, 0x00, 0x00, 0x00, 0x00, 0x00, 0x53, 0x2d, 0x41, 0x03, 0xfe, 0xd4, 0x17, 0x0a,
};

/* It is read still, says the same, and leaves alone what it does not tell. */
Test(engine_save, version_1)
{
	static struct world w;
	uint8_t wrong[sizeof(version_1)];
	uint64_t bytes, again_bytes;
	uint8_t *image = small_image(&bytes), *again;

	small_world(&w);
	memcpy(wrong, version_1, sizeof(wrong));
	for (unsigned int at = 0; at < sizeof(wrong); at++) {
		wrong[at] ^= 1;
		refused(&w, wrong, sizeof(wrong), 0, "byte", at);
		wrong[at] ^= 0x81;
		refused(&w, wrong, sizeof(wrong), 0, "byte", at);
		wrong[at] ^= 0x80;
		refused(&w, wrong, at, PTW_ERR_CORRUPT_BOUNDS, "cut at", at);
	}
	cr_assert_eq(ptw_engine_min_age(w.engine, 7), PTW_OK);
	cr_assert_eq(ptw_engine_enable(w.engine, 13), PTW_OK);
	cr_assert_eq(ptw_group_protect(w.group[0], 3, 4), PTW_OK);
	cr_assert_eq(ptw_group_interval(w.group[0], 5), PTW_OK);
	cr_assert_eq(ptw_engine_restore(w.engine, version_1, sizeof(version_1)), PTW_OK);
	again = save(&w, &again_bytes);
	cr_assert_eq(word_at(again, 40), 13u);
	cr_assert_eq(word_at(again, 48), 7u);
	cr_assert_eq(word_at(again, WORD(MIN)), 3u);
	cr_assert_eq(word_at(again, WORD(LOW)), 4u);
	cr_assert_eq(word_at(again, WORD(INTERVAL)), 5u);
	free(again);
	cr_assert_eq(ptw_group_interval(w.group[0], 0), PTW_OK);
	cr_assert_eq(ptw_engine_min_age(w.engine, 0), PTW_OK);
	cr_assert_eq(ptw_engine_enable(w.engine, 15), PTW_OK);
	cr_assert_eq(ptw_group_protect(w.group[0], 0, 0), PTW_OK);
	again = save(&w, &again_bytes);
	cr_assert_eq(again_bytes, bytes);
	/* When it was aged last was not told. */
	put_word(again, WORD(INTERVAL + 1), word_at(image, WORD(INTERVAL + 1)));
	seal(again, bytes);
	cr_assert_eq(memcmp(again, image, bytes), 0);
	close_world(&w);
	free(again);
	free(image);
}
