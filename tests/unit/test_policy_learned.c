/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The learned policy's parts: classes, counts, ranks, the schedule, the clock, the chooser; what
 * can be told by hand.
 */
#include "tests/unit/learned_state.h"

Test(policy_learned, arguments)
{
	struct ptw_policy_config config = {
		.size = sizeof(config), .pages = PTW_LEARNED_PAGES_MAX + 1, .page_data = page_data};
	void *none = NULL;

	cr_assert_eq(ops->init(&config, &none), PTW_ERR_LIMIT);
	cr_assert_null(none);
	/* The last page's link is the greatest number there is. */
	cr_assert_eq((uint32_t)(PTW_LEARNED_LINK + PTW_LEARNED_PAGES_MAX - 1), 0xffffffffu);
	cr_assert_eq(ops->page_bytes, 7u);
	cr_assert_str_eq(ops->name, "learned");
}

Test(policy_learned, classes)
{
	static const uint8_t class_of_octave[8][2] = {{1, 2},  {3, 4},	 {5, 6},   {7, 8},
						      {9, 10}, {11, 12}, {13, 14}, {15, 16}};
	unsigned int length[PTW_LEARNED_BUCKETS] = {0};

	cr_assert_eq(ptw_learned_class_of(0), 0u);
	cr_assert_eq(ptw_learned_class_of(1), 1u);
	for (uint32_t mean = 16; mean <= PTW_LEARNED_MEAN; mean++) {
		unsigned int octave = 0;

		while (mean >> (octave + 5))
			octave++;
		/* The upper half of an octave begins at its square root of 2. */
		cr_assert_eq(ptw_learned_class_of(mean),
			     class_of_octave[octave][mean * mean >= (uint32_t)512 << 2 * octave]);
	}
	for (uint32_t v = 1; v < 65536; v++)
		cr_assert_eq(ptw_learned_half_octaves(v), ptw_learned_log2(v, 1));
	cr_assert_eq(ptw_learned_log2(0x01000000, 3), 192u);
	/* 2^(3/8) is 1.2968. */
	cr_assert_eq(ptw_learned_log2(1297, 3) - ptw_learned_log2(1024, 3), 2u);
	cr_assert_eq(ptw_learned_log2(1329, 3) - ptw_learned_log2(1024, 3), 3u);
	for (uint32_t age = 1; age <= PTW_LEARNED_AGES; age++)
		length[ptw_learned_bucket(age)]++;
	cr_assert_eq(length[0], 1u);
	cr_assert_eq(length[5], 4u);
	cr_assert_eq(length[13], 54u);
	cr_assert_eq(length[14], 59u);
}

/* A mean is 16ths of a step, the first interval, then a quarter of each. */
Test(policy_learned, mean)
{
	start(64);
	add(5, 1);
	cr_assert_eq(mean_of(5), 0u);
	for (unsigned int i = 0; i < 20; i++)
		step(64);
	use(5);
	cr_assert_eq(mean_of(5), 320u);
	/* Once a step. */
	use(5);
	cr_assert_eq(mean_of(5), 320u);
	for (unsigned int i = 0; i < 4; i++)
		step(64);
	use(5);
	cr_assert_eq(mean_of(5), 320u - (320 - 64) / 4);
	for (unsigned int i = 0; i < 40; i++)
		step(64);
	use(5);
	cr_assert_eq(mean_of(5), 256u + (640 - 256) / 4);
	stop();
}

/* A page of class 1 to 3 that was seen after 8 steps at most was used half of them ago. */
Test(policy_learned, mean_of_hot)
{
	start(64);
	add(5, 1);
	step(64);
	use(5);
	cr_assert_eq(mean_of(5), 16u);
	for (unsigned int i = 0; i < 8; i++)
		step(64);
	use(5);
	cr_assert_eq(mean_of(5), 16u + (4 * 16 - 16) / 4);
	for (unsigned int i = 0; i < 3; i++)
		step(64);
	use(5);
	cr_assert_eq(mean_of(5), 28u + (2 * 16 - 28) / 4);
	for (unsigned int i = 0; i < 9; i++)
		step(64);
	use(5);
	cr_assert_eq(mean_of(5), 29u + (9 * 16 - 29) / 4);
	/* That is class 4. */
	for (unsigned int i = 0; i < 4; i++)
		step(64);
	use(5);
	cr_assert_eq(mean_of(5), 57u + (4 * 16 - 57) / 4);
	stop();
}

Test(policy_learned, counts)
{
	start(64);
	add(0, 10);
	cr_assert_eq(l->population[0][1], 10u);
	step(64);
	/* Its own step is no age yet. */
	cr_assert_eq(l->exposures[0][0], (uint64_t)0);
	use(3);
	cr_assert_eq(l->events[0][0], (uint64_t)256);
	cr_assert_eq(l->population[0][1], 9u);
	cr_assert_eq(l->population[1][2], 1u);
	step(64);
	/* Nine and the one used, less a 32nd. */
	cr_assert_eq(l->exposures[0][0], (uint64_t)2560 - 2560 / 32);
	cr_assert_eq(l->events[0][0], (uint64_t)256 - 256 / 32);
	cr_assert_gt(l->rank[0][0], 0);
	/* What was put out counts; what is gone does not. */
	cr_assert_eq(pick_one(), (uint64_t)0);
	ops->ended(state, 0, PTW_POLICY_EVICTED);
	ops->removed(state, 1);
	cr_assert_eq(l->population[0][1], 8u);
	step(64);
	cr_assert_eq(l->exposures[0][1], (uint64_t)8 * 256 - 8 * 256 / 32);
	stop();
}

Test(policy_learned, rank)
{
	start(64);
	/* Nothing is known: all alike. */
	ptw_learned_rank(l);
	for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++)
		for (unsigned int b = 0; b < PTW_LEARNED_BUCKETS; b++)
			cr_assert_eq(l->rank[c][b], 0);
	/*
	 * One in two is used at age 1, nobody later. That of all classes is 2^44 / (2^21 + 1024) =
	 * 8384513, with which class 0, that knows nothing, is content; class 1's own is 8388600. 8
	 * log2 of both is 183.99.
	 */
	l->events[1][0] = (uint64_t)1 << 20;
	l->exposures[1][0] = (uint64_t)1 << 21;
	ptw_learned_rank(l);
	cr_assert_eq(l->rank[0][0], 233);
	cr_assert_eq(l->rank[1][0], 233);
	cr_assert_eq(l->rank[0][1], 0);
	cr_assert_eq(l->rank[1][1], 0);
	l->events[1][0] = l->exposures[1][0] = 0;
	/*
	 * All are used at age 8 (bucket 5), for sure. There it takes a step: 8 log2 2^24, but for a
	 * unit less. From bucket 3 on (ages 4 and 5, then 6 and 7) it takes five: 8 log2 (2^24 / 5)
	 * = 173.4.
	 */
	for (unsigned int b = 0; b < PTW_LEARNED_BUCKETS; b++)
		l->exposures[2][b] = (uint64_t)1 << 40;
	l->events[2][5] = (uint64_t)1 << 40;
	ptw_learned_rank(l);
	cr_assert_eq(l->rank[2][5], 241);
	cr_assert_eq(l->rank[2][4], 50 + 179);
	cr_assert_eq(l->rank[2][3], 50 + 173);
	cr_assert_eq(l->rank[2][6], 0);
	/* Half are used at age 1, the others at 2, in 1.5 steps: 8 log2 (2^24 / 1.5) = 187.3. */
	l->events[3][0] = (uint64_t)1 << 39;
	l->exposures[3][0] = l->events[3][1] = l->exposures[3][1] = (uint64_t)1 << 40;
	/*
	 * From age 16 on (bucket 7, seven ages) all are used in the eighth step: 168, less a unit.
	 */
	for (unsigned int b = 0; b < PTW_LEARNED_BUCKETS; b++)
		l->exposures[4][b] = (uint64_t)1 << 40;
	l->events[4][8] = (uint64_t)1 << 40;
	ptw_learned_rank(l);
	cr_assert_eq(l->rank[3][0], 50 + 187);
	cr_assert_eq(l->rank[4][7], 50 + 167);
	/* Counts of 2^32 pages do not overflow. */
	for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++)
		l->events[c][5] = l->exposures[c][5] = (uint64_t)1 << 57;
	ptw_learned_rank(l);
	cr_assert_eq(l->rank[7][5], 241);
	memset(l->events, 0, sizeof(l->events));
	memset(l->exposures, 0, sizeof(l->exposures));
	stop();
}

Test(policy_learned, due_ages)
{
	static const struct {
		uint8_t level, class, ages;
	} expected[] = {
		{PTW_LEARNED_MUCH, 0, 0xff},	   {PTW_LEARNED_MUCH, 1, 0xfc},
		{PTW_LEARNED_MUCH, 3, 0xfc},	   {PTW_LEARNED_MUCH, 4, 0xff},
		{PTW_LEARNED_MUCH, 9, 0xf8},	   {PTW_LEARNED_MUCH, 16, 0xc0},
		{PTW_LEARNED_LESS, 0, 0x54},	   {PTW_LEARNED_LESS, 2, 0xf8},
		{PTW_LEARNED_LESS, 9, 0xa8},	   {PTW_LEARNED_LESS, 16, 0x40},
		{PTW_LEARNED_LEAST, 0, 0x54},	   {PTW_LEARNED_LEAST, 2, 0xf8},
		{PTW_LEARNED_LEAST, 9, 0x50},	   {PTW_LEARNED_LEAST, 16, 0x80},
		{PTW_LEARNED_BY_RECENCY, 0, 0xfc}, {PTW_LEARNED_BY_RECENCY, 16, 0xfc},
	};

	start(64);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		cr_assert_eq(l->due[expected[i].level][expected[i].class], expected[i].ages,
			     "line %u", (unsigned int)i);
	stop();
}

/* This step's lines are due, then by age those of 4 and multiples of 8, in runs of lines. */
Test(policy_learned, due_lines)
{
	uint64_t pages = 0;

	start(1003);
	add(0, 1);
	add(9, 1);
	add(17, 2);
	add(100, 1);
	add(1002, 1);
	cr_assert_eq(ops->next(state, 0, &pages), (uint64_t)0);
	cr_assert_eq(pages, (uint64_t)24);
	cr_assert_eq(l->entries, (uint64_t)4);
	cr_assert_eq(ops->next(state, 24, &pages), (uint64_t)96);
	cr_assert_eq(pages, (uint64_t)8);
	/* Cut by the engine's last page. */
	cr_assert_eq(ops->next(state, 104, &pages), (uint64_t)1000);
	cr_assert_eq(pages, (uint64_t)3);
	cr_assert_eq(ops->next(state, 1003, &pages), UINT64_MAX);
	for (unsigned int age = 1; age <= 40; age++) {
		step(64);
		cr_assert_eq(ops->next(state, 20, &pages),
			     (age == 4 || age % 8 == 0 ? (uint64_t)96 : UINT64_MAX), "age %u", age);
	}
	/* Absent pages are not due, nor those that somebody has. */
	ops->removed(state, 100);
	cr_assert_eq(ops->next(state, 24, &pages), (uint64_t)1000);
	cr_assert_eq(pick_one(), (uint64_t)0);
	cr_assert_eq(ops->next(state, 0, &pages), (uint64_t)8);
	stop();
}

/* Under the hazard rule, by class and by what is left of the budget. */
Test(policy_learned, due_by_level)
{
	uint64_t pages;

	start(64);
	add(0, 1);
	l->rule = PTW_LEARNED_HAZARD;
	l->step += 2;
	l->level = PTW_LEARNED_MUCH;
	cr_assert_eq(ops->next(state, 0, &pages), (uint64_t)0);
	/* Multiples of 8 are looked at by recency only. */
	l->step += 22;
	cr_assert_eq(ops->next(state, 0, &pages), UINT64_MAX);
	l->step -= 22;
	l->level = PTW_LEARNED_LESS;
	cr_assert_eq(ops->next(state, 0, &pages), UINT64_MAX);
	l->step += 2;
	cr_assert_eq(ops->next(state, 0, &pages), (uint64_t)0);
	/* Hot ones wait for longer. */
	l->history[0] |= 16;
	cr_assert_eq(ops->next(state, 0, &pages), UINT64_MAX);
	l->history[0] &= (uint16_t)~PTW_LEARNED_MEAN;
	l->step -= 4;
	stop();
}

Test(policy_learned, budget)
{
	start(64);
	l->rule = PTW_LEARNED_HAZARD;
	/* Five entries a miss; up to two for each page of memory are saved. */
	l->step_misses = 10;
	ptw_learned_budget(l, 100);
	cr_assert_eq(l->debt, -50);
	cr_assert_eq(l->level, (uint32_t)PTW_LEARNED_LESS);
	l->step_misses = 100;
	ptw_learned_budget(l, 100);
	cr_assert_eq(l->debt, -200);
	cr_assert_eq(l->level, (uint32_t)PTW_LEARNED_MUCH);
	l->step_misses = 0;
	l->entries = 200;
	ptw_learned_budget(l, 100);
	cr_assert_eq(l->debt, 0);
	cr_assert_eq(l->level, (uint32_t)PTW_LEARNED_LEAST);
	l->entries = 1000;
	ptw_learned_budget(l, 100);
	cr_assert_eq(l->debt, 200);
	cr_assert_eq(l->entries, (uint64_t)0);
	/* Memory has shrunk. */
	ptw_learned_budget(l, 10);
	cr_assert_eq(l->debt, 20);
	/* Twelve a miss by recency, where all is looked at nevertheless. */
	l->rule = PTW_LEARNED_RECENCY;
	l->step_misses = 1;
	ptw_learned_budget(l, 10);
	cr_assert_eq(l->debt, 8);
	cr_assert_eq(l->level, (uint32_t)PTW_LEARNED_MUCH);
	stop();
}

Test(policy_learned, step_by_misses)
{
	start(PAGES);
	cr_assert_eq(ops->due(state, 0, 64), 0);
	add(0, 31);
	cr_assert_eq(ops->due(state, 0, 64), 0);
	add(31, 1);
	/* A 32nd of memory. */
	cr_assert_eq(ops->due(state, 0, 33 * 32), 0);
	cr_assert_eq(ops->due(state, 0, 32 * 32), 1);
	/* It stays, whatever comes before ageing. */
	cr_assert_eq(ops->due(state, 0, 1 << 20), 1);
	ops->aged(state, 0, 32 * 32);
	cr_assert_eq(l->step, (uint64_t)2);
	cr_assert_eq(ops->due(state, 0, 0), 0);
	/* By age all is looked at, but the misses are noted. */
	cr_assert_eq(l->debt, -12 * 32);
	/* Ageing that nobody said was due does not end a step. */
	ops->aged(state, 0, 32 * 32);
	cr_assert_eq(l->step, (uint64_t)2);
	stop();
}

/*
 * 32 misses in 320 ms, then none: at a time t later than the beginning they take 32/33 t on
 * average, and that much has passed since the step began at 320 when t is 319 * 33 + 1.
 */
Test(policy_learned, step_by_time)
{
	start(64);
	cr_assert_eq(ops->due(state, 1000, 32), 0);
	add(0, 32);
	cr_assert_eq(ops->due(state, 1320, 32), 1);
	ops->aged(state, 1320, 32);
	/* A clock that stands still, or goes back. */
	cr_assert_eq(ops->due(state, 1320, 32), 0);
	cr_assert_eq(ops->due(state, 7, 32), 0);
	cr_assert_eq(ops->due(state, 11527, 32), 0);
	/* Not before there were as many misses as pages of memory. */
	cr_assert_eq(ops->due(state, 11528, 33), 0);
	/* With the least to look at, twice as long. */
	l->level = PTW_LEARNED_LEAST;
	cr_assert_eq(ops->due(state, 11528, 32), 0);
	l->level = PTW_LEARNED_MUCH;
	/* By recency with too much looked at, four times as long; by rank that is the level's affair. */
	l->debt = 1;
	cr_assert_eq(ops->due(state, 11528, 32), 0);
	l->rule = PTW_LEARNED_HAZARD;
	cr_assert_eq(ops->due(state, 11528, 32), 1);
	l->rule = PTW_LEARNED_RECENCY;
	l->over = false;
	l->debt = 0;
	cr_assert_eq(ops->due(state, 11528, 32), 1);
	ops->aged(state, 11528, 32);
	cr_assert_eq(ops->due(state, 11528, 32), 0);
	/* Far beyond what can be multiplied. */
	cr_assert_eq(ops->due(state, UINT64_MAX - 1, 32), 1);
	ops->aged(state, UINT64_MAX - 1, 32);
	cr_assert_eq(ops->due(state, UINT64_MAX, (uint64_t)1 << 32), 0);
	stop();
}

/* Numbers beyond what can be multiplied. */
Test(policy_learned, step_by_long_time)
{
	start(64);
	add(0, 32);
	cr_assert_eq(ops->due(state, 0, 32), 1);
	ops->aged(state, 0, 32);
	/* No miss since time began: 32 of them take longer than there is. */
	cr_assert_eq(ops->due(state, UINT64_MAX - 5, 32), 0);
	/* As many misses as units of time, 2^27 of them a step. */
	l->origin_misses = 0;
	l->misses = (uint64_t)1 << 38;
	l->now = (uint64_t)1 << 38;
	l->step_began = l->now - ((uint64_t)1 << 27) - 10;
	cr_assert(ptw_learned_step_over(l, (uint64_t)1 << 32));
	l->step_began = l->now - ((uint64_t)1 << 27) + 1000;
	cr_assert_not(ptw_learned_step_over(l, (uint64_t)1 << 32));
	stop();
}

/*
 * A miniature of 1024 frames: 64 misses turn the balance, 256 where caution has doubled it twice.
 */
static void start_chooser(void)
{
	start(64);
	l->picked = true;
	l->misses = 8 * 8192;
	ptw_learned_resize(l, 8192);
	cr_assert_eq(l->shift, 3u);
}

static void choose(uint64_t by_recency, uint64_t by_hazard)
{
	l->missed[PTW_LEARNED_RECENCY] = by_recency;
	l->missed[PTW_LEARNED_HAZARD] = l->faults = by_hazard;
	ptw_learned_choose(l, 8192);
}

Test(policy_learned, chooser)
{
	start_chooser();
	choose(65, 0);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_RECENCY, "seven 256ths are the margin");
	cr_assert_eq(l->balance, 65 * 249);
	cr_assert_eq(l->missed[PTW_LEARNED_RECENCY], (uint64_t)0);
	choose(1, 0);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_HAZARD);
	cr_assert_eq(l->balance, 64 * 256);
	/* Back at a quarter of it. */
	choose(0, 47);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_HAZARD);
	choose(0, 1);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_RECENCY);
	cr_assert_eq(l->balance, 0);
	/* Once bitten. */
	cr_assert_eq(l->caution, 1u);
	choose(0, 100);
	cr_assert_eq(l->balance, -64 * 256);
	choose(197, 0);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_RECENCY);
	choose(1, 0);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_HAZARD);
	stop();
}

/* Where there were few misses so far, four times as many must be gained. */
Test(policy_learned, chooser_of_few)
{
	start_chooser();
	l->misses = 8 * 8192 - 1;
	choose(260, 0);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_RECENCY);
	choose(4, 0);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_HAZARD);
	cr_assert_eq(l->balance, 4 * 64 * 256);
	/* What was gained beyond the lower bound is forgotten with the last of them. */
	l->misses++;
	choose(0, 0);
	cr_assert_eq(l->balance, 64 * 256);
	stop();
}

/* By rank, memory's own misses count, and not those of its miniature; by age the miniature's. */
Test(policy_learned, chooser_by_faults)
{
	start_chooser();
	l->faults = 1000;
	l->missed[PTW_LEARNED_RECENCY] = 66;
	ptw_learned_choose(l, 8192);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_HAZARD);
	cr_assert_eq(l->faults, (uint64_t)0);
	l->missed[PTW_LEARNED_HAZARD] = 1000;
	ptw_learned_choose(l, 8192);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_HAZARD);
	l->faults = 48;
	ptw_learned_choose(l, 8192);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_RECENCY);
	/* A page sampled that comes in is one, another is not. */
	for (uint64_t p = 0; p < 64; p += 8)
		for (uint32_t i = 0; i < 8; i++)
			if (ptw_learned_sampled(l, (uint32_t)p + i))
				add(p + i, 1);
			else if (p < 16)
				add(p + i, 1);
	cr_assert_eq(l->faults, (uint64_t)8);
	stop();
}

/* Eight rounds of memory that go well take a doubling back; a return puts it on, up to two. */
Test(policy_learned, caution)
{
	start_chooser();
	l->misses = 8191;
	choose(1000, 0);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_RECENCY, "memory is filling");
	cr_assert_eq(l->caution, 2u);
	l->misses = 8 * 8192;
	l->picked = false;
	choose(1000, 0);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_RECENCY, "nothing was put out");
	l->picked = true;
	choose(255, 0);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_RECENCY);
	choose(1000, 0);
	cr_assert_eq(l->rule, (uint32_t)PTW_LEARNED_HAZARD);
	for (unsigned int i = 0; i < 255; i++)
		choose(0, 0);
	cr_assert_eq(l->caution, 2u);
	choose(0, 0);
	cr_assert_eq(l->caution, 1u);
	choose(0, 10000);
	cr_assert_eq(l->caution, 2u);
	choose(1000, 0);
	for (unsigned int i = 0; i < 100; i++)
		choose(0, 0);
	choose(0, 10000);
	cr_assert_eq(l->caution, 2u);
	/* They are counted from the beginning then. */
	choose(1000, 0);
	for (unsigned int i = 0; i < 200; i++)
		choose(0, 0);
	cr_assert_eq(l->caution, 2u);
	stop();
}

/*
 * With fewer than 128 frames left of them, more pages are sampled; with less than memory, pages
 * leave.
 */
Test(policy_learned, miniatures)
{
	start(PAGES);
	add(0, 2048);
	step(2048);
	cr_assert_eq(l->shift, 3u);
	cr_assert_eq(l->held[PTW_LEARNED_RECENCY], 256u);
	cr_assert_eq(l->held[PTW_LEARNED_HAZARD], 256u);
	/* The older half goes where age is the rule. */
	for (uint64_t p = 1024; p < 2048; p++)
		use(p);
	step(1024);
	cr_assert_eq(l->shift, 3u);
	cr_assert_eq(l->held[PTW_LEARNED_RECENCY], 128u);
	cr_assert_eq(l->held[PTW_LEARNED_HAZARD], 128u);
	for (uint32_t p = 0; p < 2048; p++)
		if (ptw_learned_sampled(l, p))
			cr_assert_eq(!!(l->history[p] & PTW_LEARNED_IN), p >= 1024);
	/* A miss of each that does not have it. */
	add(2048, 8);
	cr_assert_eq(l->missed[PTW_LEARNED_RECENCY], (uint64_t)1);
	/* A little less does not change what is sampled, a quarter does. */
	step(96 * 8);
	cr_assert_eq(l->shift, 3u);
	step(95 * 8);
	cr_assert_eq(l->shift, 2u);
	cr_assert_eq(l->held[PTW_LEARNED_HAZARD], 190u);
	step(1023);
	cr_assert_eq(l->shift, 2u);
	step(1024);
	cr_assert_eq(l->shift, 3u);
	stop();
}

/* Of each eight pages one, and not always the same. */
Test(policy_learned, sampled)
{
	unsigned int at[8] = {0};

	start(64);
	for (l->shift = 0; l->shift <= 3; l->shift++)
		for (uint32_t group = 0; group < 4096; group++) {
			unsigned int sampled = 0;

			for (uint32_t i = 0; i < (uint32_t)1 << l->shift; i++) {
				const bool is = ptw_learned_sampled(l, (group << l->shift) + i);

				sampled += is;
				if (l->shift == 3)
					at[i] += is;
			}
			cr_assert_eq(sampled, 1u);
		}
	for (unsigned int i = 0; i < 8; i++)
		cr_assert(at[i] > 400 && at[i] < 624, "%u", at[i]);
	l->shift = 0;
	stop();
}
