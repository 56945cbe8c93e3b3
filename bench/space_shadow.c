/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * S2: a shadow MMU through a space, a million frames of which 1 % are young, against a hot loop of
 * locked AND instructions, one a frame. Each frame has one entry, and they lie in the order of the
 * frames. Beside it: entries anywhere, so that each is a cache line of its own; a tenth of the frames with
 * chains of 2 or 8.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "floor.h"
#include "space.h"
#include "speed.h"

#define GOAL	2
#define PERCENT 1.0
/* Large questions are of so many pages, one a block. */
#define BLOCK	 ((uint64_t)1 << 13)
#define CHAIN_OF 10 /* every so many frames, by chance */

enum {
	LARGE,
	SMALL,
	FLOOR,
	WAYS,
};

struct shadow_case {
	const char *id;
	const char *what;
	unsigned int chain; /* entries of a tenth of the frames */
	bool shuffle;	    /* entries lie anywhere */
	double goal;
};

struct shadow_run {
	struct tables tables;
	struct ptw_rmap *rmap;
	/* Entries of frame f: entry[first[f]] to entry[first[f + 1]]. */
	uint64_t **entry;
	uint32_t *first;
};

static uint64_t random_below(struct shadow_run *s, uint64_t limit)
{
	return tables_random(&s->tables) % limit;
}

static void entries_choose(struct shadow_run *s, const struct shadow_case *c)
{
	uint64_t count = s->tables.entries;

	for (uint64_t i = 0; i < count; i++)
		s->entry[i] = &s->tables.table[i / TABLE_ENTRIES][i % TABLE_ENTRIES];
	/* Any order is as likely as any other. */
	for (uint64_t i = count - 1; i > 0 && c->shuffle; i--) {
		uint64_t other = random_below(s, i + 1);
		uint64_t *entry = s->entry[i];

		s->entry[i] = s->entry[other];
		s->entry[other] = entry;
	}
}

static void rmap_fill(struct shadow_run *s, const struct shadow_case *c)
{
	uint32_t next = 0;

	for (uint64_t f = 0; f < SPACE_PAGES; f++) {
		unsigned int entries = c->chain > 1 && !random_below(s, CHAIN_OF) ? c->chain : 1;

		s->first[f] = next;
		while (entries--)
			space_done(ptw_rmap_add(s->rmap, f, 0, s->entry[next++]),
				   "adding to a reverse map");
	}
	s->first[SPACE_PAGES] = next;
}

static void shadow_make(struct shadow_run *s, const struct shadow_case *c)
{
	const struct ptw_rmap_config config = {
		.size = sizeof(config),
		.frames = SPACE_PAGES,
		.levels = 1,
		.index_lg2 = INDEX_LG2,
	};

	/* Chains of 8 take 1.7 entries a frame. */
	tables_build(&s->tables, c->chain > 1 ? 2 * SPACE_PAGES : SPACE_PAGES);
	s->entry = bench_new(s->tables.entries, sizeof(*s->entry), "entries");
	s->first = bench_new(SPACE_PAGES + 1, sizeof(*s->first), "entries");
	space_done(ptw_rmap_create(&config, &s->rmap), "making a reverse map");
	entries_choose(s, c);
	rmap_fill(s, c);
}

static void shadow_free(struct shadow_run *s)
{
	ptw_rmap_destroy(s->rmap);
	tables_free(&s->tables);
	free(s->entry);
	free(s->first);
}

/* Any entry of the frame, and of a chain sometimes several. */
static void frame_touch(struct shadow_run *s, uint64_t f)
{
	uint32_t entries = s->first[f + 1] - s->first[f];

	do {
		uint64_t *entry = s->entry[s->first[f] + random_below(s, entries)];

		__atomic_fetch_or(entry, EPT_ACCESSED, __ATOMIC_RELAXED);
	} while (entries > 1 && random_below(s, 2));
}

static void plant(void *context, uint64_t *planted)
{
	struct shadow_run *s = context;
	const uint64_t count = (uint64_t)((double)SPACE_PAGES * PERCENT / 100);
	volatile uint64_t sink;

	memset(planted, 0, SPACE_PAGES / 8);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t f = random_below(s, SPACE_PAGES);

		frame_touch(s, f);
		planted[f / 64] |= (uint64_t)1 << f % 64;
	}
	/* Planted ones are to be no warmer in the cache than others. */
	sink = floor_sum(s->tables.table, s->tables.count);
	(void)sink;
}

/* A chain whose head alone was made old would be found young again. */
static void check(void *context, const struct space_run *run)
{
	const struct shadow_run *s = context;

	(void)run;
	for (uint64_t t = 0; t < s->tables.count; t++)
		for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
			if (s->tables.table[t][i] & EPT_ACCESSED)
				bench_die(
					EXIT_WRONG,
					"wrong answer: an entry of a page that was asked about is "
					"still young");
}

static void case_measure(struct sink *sink, const struct shadow_case *c, struct figure figures[2])
{
	struct shadow_run s = {0};
	struct space_way way[WAYS] = {
		[LARGE] = {.effort = PTW_EFFORT_FAST, .pages = BLOCK},
		[SMALL] = {.effort = PTW_EFFORT_FAST},
		[FLOOR] = {.floor = true},
	};
	struct space_run run = {
		.pages = SPACE_PAGES,
		.block = BLOCK,
		.want = sink->quick ? KEPT_MIN : 1000,
		.way = way,
		.ways = WAYS,
		.plant = plant,
		.check = check,
		.context = &s,
	};
	struct ptw_mmu_shadow config = {.size = sizeof(config), .count = 1};
	struct ptw_mmu mmu;
	struct measured m;

	shadow_make(&s, c);
	config.rmaps = &s.rmap;
	config.like = s.tables.pgtable;
	space_done(ptw_mmu_shadow_create(&config, &mmu), "making a shadow MMU");
	way[LARGE].space = way[SMALL].space = space_with(&mmu, false, SPACE_PAGES);
	space_run(&run, &m);
	for (unsigned int i = 0; i < 2; i++) {
		struct figure *figure = &figures[i];

		speed_figure(figure, &m, m.ns[i], m.ns[FLOOR], c->goal);
		snprintf(figure->id, sizeof(figure->id), "S2-%s-%s", c->id,
			 i == LARGE ? "all" : "64");
		snprintf(figure->detail, sizeof(figure->detail),
			 "%s, %g %% young, %s: %.3f ns a page, a locked AND %.3f ns; block %.0f "
			 "us",
			 c->what, PERCENT,
			 i == LARGE ? "8192 pages a question" : "64 pages a question", m.ns[i],
			 m.ns[FLOOR], m.longest_us);
		sink_figure(sink, figure);
	}
	space_done(ptw_space_destroy(way[LARGE].space), "ending a space");
	ptw_mmu_destroy(&mmu);
	shadow_free(&s);
}

void space_shadows(struct sink *sink)
{
	static const struct shadow_case cases[] = {
		{.id = "shadow", .what = "one entry a page, in order", .goal = GOAL},
		{.id = "anywhere", .what = "one entry a page, anywhere", .shuffle = true},
		{.id = "chains-2", .what = "chains of 2 for a tenth of the pages", .chain = 2},
		{.id = "chains-8", .what = "chains of 8 for a tenth of the pages", .chain = 8},
	};
	struct figure figures[2];

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		case_measure(sink, &cases[i], figures);
	sink_step(sink);
}
