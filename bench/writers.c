/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What writers pay for needing no lock: a lone thread against PTW_WRITERS_EXCLUSIVE, where the caller
 * excludes all other writers, and against a loop of compare-exchanges, below which nobody gets who
 * changes entries one by one next to processors that change them too.
 */
#include "speed.h"
#include "writers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "figure.h"
#include "locked.h"
#include "measure.h"
#include "tables.h"

#define GOAL_HARVEST	1.05
#define GOAL_RANGE	1.25
#define GOAL_LOCKED	2

#define HARVEST_ENTRIES ((uint64_t)1 << 20)
#define HARVEST_BLOCK	((uint64_t)1 << 15)

/* Calls of a block: every eighth page, in random order. */
#define SINGLES (WRITERS_PAGES / 8)

/* Sides of a comparison; a harvest has no loop. */
enum {
	DEFAULT,
	EXCLUSIVE,
	LOOP,
};

static const uint32_t flags_of[] = {0, PTW_WRITERS_EXCLUSIVE};

struct ptw_pgtable *writers_build(uint64_t pages, uint32_t flags)
{
	struct ptw_pgtable *pgtable;
	struct ptw_config config;
	int error = ptw_preset("ept4", &config);

	config.flags = flags;
	config.kernel = tables_kernel;
	config.reclaim_delay = PTW_RECLAIM_NEVER;
	if (!error)
		error = ptw_pgtable_create(&config, &pgtable);
	if (error)
		bench_die(EXIT_WRONG, "cannot make a page table: %s", ptw_strerror(error));
	writers_map(pgtable, pages, 1);
	return pgtable;
}

uint64_t writers_map(struct ptw_pgtable *pgtable, uint64_t first, uint64_t pages)
{
	struct ptw_change_result result = {.size = sizeof(result)};
	uint64_t start = first << PAGE_LG2;
	int error = ptw_map(pgtable, start, start + (pages << PAGE_LG2), start, &tables_map, &result);

	if (error)
		bench_die(EXIT_WRONG, "cannot map: %s", ptw_strerror(error));
	return result.leaves;
}

uint64_t writers_unmap(struct ptw_pgtable *pgtable, uint64_t first, uint64_t pages, bool strict)
{
	const struct ptw_unmap unmap = {
		.size = sizeof(unmap),
		.flags = strict ? PTW_UNMAP_STRICT : 0,
	};
	struct ptw_change_result result = {.size = sizeof(result)};
	uint64_t start = first << PAGE_LG2;
	int error = ptw_unmap(pgtable, start, start + (pages << PAGE_LG2), &unmap, &result);

	if (error)
		bench_die(EXIT_WRONG, "cannot unmap: %s", ptw_strerror(error));
	return result.leaves;
}

void writers_check(struct ptw_pgtable *pgtable, uint64_t pages)
{
	struct ptw_check_result result = {.size = sizeof(result)};
	int error = ptw_check(pgtable, PTW_CHECK_COUNTS, &result);

	if (error || result.leaves != pages + 1)
		bench_die(EXIT_WRONG, "wrong page table: %llu leaves for %llu pages; check says %s",
			  (unsigned long long)result.leaves, (unsigned long long)pages + 1,
			  ptw_strerror(error));
}

/* W1: harvest. */
struct harvests {
	struct tables tables[2];
	uint64_t *planted[2];
	uint64_t *found[2];
	double percent;
	unsigned int passes;
};

static void harvests_prepare(void *context)
{
	struct harvests *h = context;

	h->passes++;
	for (unsigned int k = 0; k < 2; k++) {
		/* What is planted last is warmer in the cache: take turns. */
		unsigned int i = (k + h->passes) & 1;

		memset(h->found[i], 0, HARVEST_ENTRIES / 8);
		tables_plant(&h->tables[i], h->percent, h->planted[i]);
	}
}

static void harvests_verify(void *context)
{
	const struct harvests *h = context;

	for (unsigned int i = 0; i < 2; i++)
		if (memcmp(h->found[i], h->planted[i], HARVEST_ENTRIES / 8) != 0)
			bench_die(EXIT_WRONG, "wrong harvest: not the pages that were young");
}

static void harvest_side(struct harvests *h, unsigned int side, uint64_t block)
{
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = h->found[side] + block * (HARVEST_BLOCK / 64),
	};
	uint64_t start = block * HARVEST_BLOCK << PAGE_LG2;
	int error = ptw_harvest(h->tables[side].pgtable, start, start + (HARVEST_BLOCK << PAGE_LG2),
				&request, NULL);

	if (error)
		bench_die(EXIT_WRONG, "harvest failed: %s", ptw_strerror(error));
}

static void harvest_default(void *context, uint64_t block)
{
	harvest_side(context, DEFAULT, block);
}

static void harvest_exclusive(void *context, uint64_t block)
{
	harvest_side(context, EXCLUSIVE, block);
}

static void harvests_measure(struct sink *sink, double percent)
{
	struct harvests h = {.percent = percent};
	const struct measure measure = {
		.context = &h,
		.blocks = HARVEST_ENTRIES / HARVEST_BLOCK,
		.work = HARVEST_BLOCK,
		.want = sink->quick ? KEPT_MIN : 1000,
		.prepare = harvests_prepare,
		.verify = harvests_verify,
		.sides = 2,
		.side = {harvest_default, harvest_exclusive},
	};
	struct measured m;
	struct figure figure;

	for (unsigned int i = 0; i < 2; i++) {
		tables_build_as(&h.tables[i], HARVEST_ENTRIES, flags_of[i]);
		h.planted[i] = bench_new(HARVEST_ENTRIES / 64, sizeof(uint64_t), "bitmaps");
		h.found[i] = bench_new(HARVEST_ENTRIES / 64, sizeof(uint64_t), "bitmaps");
	}
	measure_run(&measure, &m);
	speed_figure(&figure, &m, m.ns[DEFAULT], m.ns[EXCLUSIVE], GOAL_HARVEST);
	snprintf(figure.id, sizeof(figure.id), "W1-harvest-%.0f", percent);
	snprintf(
		figure.detail, sizeof(figure.detail),
		"harvest at %g %% young %.3f ns, with exclusive writers %.3f ns an entry; block %.0f "
		"us",
		percent, m.ns[DEFAULT], m.ns[EXCLUSIVE], m.longest_us);
	sink_figure(sink, &figure);
	for (unsigned int i = 0; i < 2; i++) {
		free(h.planted[i]);
		free(h.found[i]);
		tables_free(&h.tables[i]);
	}
}

/* W2 and W3: map and unmap. */
struct changes {
	struct ptw_pgtable *pgtable[2];
	uint64_t *loop;	  /* what the loop changes: as many entries as the others */
	uint64_t *single; /* pages, of SINGLES calls */
	bool map;	  /* what is measured; the other is done before each pass */
	bool whole;	  /* tables come and go; else they stay */
	bool singles;
	uint64_t leaves[3]; /* changed */
};

/*
 * The loop to beat. One compare-exchange for each entry, from empty to something, with nothing around
 * it; acquire-release costs nothing on x86-64.
 */
__attribute__((noinline, aligned(64))) static uint64_t loop_run(uint64_t *entry, uint64_t count)
{
	uint64_t done = 0;

	for (uint64_t i = 0; i < count; i++) {
		uint64_t old = 0;

		done += __atomic_compare_exchange_n(&entry[i], &old, i << PAGE_LG2 | EPT_PRESENT,
						    false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	}
	return done;
}

static uint64_t changes_calls(const struct changes *c)
{
	return c->singles ? SINGLES : WRITERS_PAGES;
}

static uint64_t change(struct changes *c, unsigned int side, bool map)
{
	struct ptw_pgtable *pgtable = c->pgtable[side];
	uint64_t leaves = 0;

	if (!c->singles)
		return map ? writers_map(pgtable, 0, WRITERS_PAGES) :
			     writers_unmap(pgtable, 0, WRITERS_PAGES, !c->whole);
	for (unsigned int i = 0; i < SINGLES; i++)
		leaves += map ? writers_map(pgtable, c->single[i], 1) :
				writers_unmap(pgtable, c->single[i], 1, false);
	return leaves;
}

static void changes_prepare(void *context)
{
	struct changes *c = context;

	memset(c->loop, 0, WRITERS_PAGES * sizeof(*c->loop));
	memset(c->leaves, 0, sizeof(c->leaves));
	for (unsigned int i = 0; i < 2; i++)
		change(c, i, !c->map);
}

static void changes_verify(void *context)
{
	const struct changes *c = context;
	uint64_t want = changes_calls(c);
	uint64_t mapped = c->map ? WRITERS_PAGES : WRITERS_PAGES - want;

	for (unsigned int i = 0; i < 3; i++)
		if (c->leaves[i] != want)
			bench_die(EXIT_WRONG,
				  "%llu entries were to be changed, and %llu were, by side %u",
				  (unsigned long long)want, (unsigned long long)c->leaves[i], i);
	for (unsigned int i = 0; i < 2; i++)
		writers_check(c->pgtable[i], mapped);
}

static void change_default(void *context, uint64_t block)
{
	struct changes *c = context;

	(void)block;
	c->leaves[DEFAULT] = change(c, DEFAULT, c->map);
}

static void change_exclusive(void *context, uint64_t block)
{
	struct changes *c = context;

	(void)block;
	c->leaves[EXCLUSIVE] = change(c, EXCLUSIVE, c->map);
}

static void change_loop(void *context, uint64_t block)
{
	struct changes *c = context;

	(void)block;
	c->leaves[LOOP] = loop_run(c->loop, changes_calls(c));
}

/* A pass is one block, so that every one is verified. */
static void changes_run(struct sink *sink, struct changes *c, struct measured *m)
{
	const struct measure measure = {
		.context = c,
		.blocks = 1,
		.work = changes_calls(c),
		.want = sink->quick ? KEPT_MIN : 3000,
		.prepare = changes_prepare,
		.verify = changes_verify,
		.sides = 3,
		.side = {change_default, change_exclusive, change_loop},
	};

	/* What the first preparation expects, and for single pages a table that keeps others. */
	for (unsigned int i = 0; i < 2; i++) {
		if (c->map || c->singles)
			writers_map(c->pgtable[i], 0, WRITERS_PAGES);
		if (!c->map && c->singles)
			change(c, i, false);
	}
	measure_run(&measure, m);
	for (unsigned int i = 0; i < 2; i++)
		writers_unmap(c->pgtable[i], 0, WRITERS_PAGES, false);
}

static void ranges_measure(struct sink *sink, struct changes *c)
{
	struct figure figure;
	struct measured m;

	changes_run(sink, c, &m);
	speed_figure(&figure, &m, m.ns[DEFAULT], m.ns[LOOP], GOAL_RANGE);
	snprintf(figure.id, sizeof(figure.id), "W2-%s-%s", c->map ? "map" : "unmap",
		 c->whole ? "tables" : "entries");
	snprintf(figure.detail, sizeof(figure.detail),
		 "%s %u pages, %s %.2f ns a page, with exclusive writers %.2f ns (%.2fx), loop of "
		 "compare-exchanges %.2f ns; block %.0f us",
		 c->map ? "map" : "unmap", WRITERS_PAGES,
		 c->whole ? "with their tables" : "in tables that stay", m.ns[DEFAULT],
		 m.ns[EXCLUSIVE], m.ns[EXCLUSIVE] / m.ns[LOOP], m.ns[LOOP], m.longest_us);
	sink_figure(sink, &figure);
}

/* One page that a call maps or unmaps, for counting. */
struct one {
	struct ptw_pgtable *pgtable;
	bool map;
};

static void one_run(void *context)
{
	const struct one *one = context;

	if (one->map)
		writers_map(one->pgtable, WRITERS_PAGES / 2, 1);
	else
		writers_unmap(one->pgtable, WRITERS_PAGES / 2, 1, false);
}

/* In a table that stays and keeps other pages, next to others that do. */
static int count_one(struct ptw_pgtable *pgtable, bool map)
{
	struct one one = {.pgtable = pgtable};
	int locked;

	writers_map(pgtable, 0, WRITERS_PAGES);
	for (unsigned int i = 0; i < 2; i++) {
		one.map = i;
		one_run(&one);
	}
	if (map)
		writers_unmap(pgtable, WRITERS_PAGES / 2, 1, false);
	one.map = map;
	locked = locked_count(one_run, &one);
	/* That was in a copy. */
	writers_check(pgtable, WRITERS_PAGES - map);
	writers_unmap(pgtable, 0, WRITERS_PAGES, false);
	return locked;
}

static void singles_measure(struct sink *sink, struct changes *c)
{
	struct figure figure = {.goal = GOAL_LOCKED};
	int locked = count_one(c->pgtable[DEFAULT], c->map);
	int exclusive = count_one(c->pgtable[EXCLUSIVE], c->map);
	struct measured m;

	changes_run(sink, c, &m);
	snprintf(figure.id, sizeof(figure.id), "W3-%s", c->map ? "map" : "unmap");
	figure.value = locked;
	figure.kept = locked < 0 ? 0 : m.kept;
	figure.total = m.total;
	snprintf(
		figure.detail, sizeof(figure.detail),
		"locked instructions to %s one page; with exclusive writers %d; a call %.1f and %.1f "
		"ns, a compare-exchange %.2f ns; block %.0f us",
		c->map ? "map" : "unmap", exclusive, m.ns[DEFAULT], m.ns[EXCLUSIVE], m.ns[LOOP],
		m.longest_us);
	sink_figure(sink, &figure);
}

/* Every eighth page, shuffled. */
static void draw_singles(uint64_t *single)
{
	struct tables random = {.random = 1};

	for (unsigned int i = 0; i < SINGLES; i++) {
		uint64_t k = tables_random(&random) % (i + 1);

		single[i] = single[k];
		single[k] = i * 8;
	}
}

void writers_measure(struct sink *sink)
{
	struct changes c = {
		.loop = aligned_alloc(4096, WRITERS_PAGES * sizeof(*c.loop)),
		.single = bench_new(SINGLES, sizeof(*c.single), "pages"),
	};

	if (!c.loop)
		bench_die(EXIT_WRONG, "not enough memory for entries");
	draw_singles(c.single);
	harvests_measure(sink, 1);
	harvests_measure(sink, 100);
	sink_step(sink);
	for (unsigned int i = 0; i < 2; i++)
		c.pgtable[i] = writers_build(WRITERS_PAGES, flags_of[i]);
	for (unsigned int i = 0; i < 4; i++) {
		c.map = i & 1;
		c.whole = i & 2;
		ranges_measure(sink, &c);
	}
	sink_step(sink);
	c.whole = false;
	c.singles = true;
	for (unsigned int i = 0; i < 2; i++) {
		c.map = i;
		singles_measure(sink, &c);
	}
	sink_step(sink);
	writers_two(sink, false);
	writers_two(sink, true);
	sink_step(sink);
	for (unsigned int i = 0; i < 2; i++)
		ptw_pgtable_destroy(c.pgtable[i]);
	free(c.loop);
	free(c.single);
}
