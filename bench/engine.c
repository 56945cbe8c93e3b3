/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the generation engine costs on top of a harvest (Q6): for each page that is scanned, against a scalar relaxed
 * read of its entry; for each miss (one page put out, one added, nobody young), against a hot locked AND; and memory.
 *
 * The engine has a group for each block of the harvest, so that ageing a group is a timed block.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "aging.h"
#include "figure.h"
#include "floor.h"
#include "tables.h"
#include "thread.h"
#include "turns.h"

#define ENTRIES	      ((uint64_t)16 << 20)
#define BLOCK_ENTRIES ((uint64_t)1 << 15)
#define BLOCKS	      (ENTRIES / BLOCK_ENTRIES)
#define WORDS	      (ENTRIES / 64)
#define BLOCK_WORDS   (BLOCK_ENTRIES / 64)
#define GOAL_SCAN     2.0
#define GOAL_MISS     80.0
#define GOAL_BYTES    4.25

#define MISS_PAGES    ((uint64_t)1 << 20)
#define MISS_RESIDENT (MISS_PAGES / 2)
#define MISSES	      256u
#define MISS_BLOCKS   256u
#define ANDS	      ((uint64_t)1 << 13)

enum {
	READ,
	HARVEST,
	AGE,
	SIDES
};

struct scanned {
	struct tables tables;
	struct ptw_engine *engine;
	struct ptw_group *group[BLOCKS];
	uint64_t *planted;
	uint64_t *found;
	uint64_t planted_pages;
	uint64_t aged; /* before the pass */
	uint64_t sum;
	double percent;
	int error;
};

static int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	struct scanned *s = context;
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.word = word,
		.context = sink,
	};

	return ptw_harvest(s->tables.pgtable, first << PAGE_LG2, (first + pages) << PAGE_LG2,
			   &request, NULL);
}

static uint64_t aged_now(const struct scanned *s)
{
	struct ptw_group_state state = {.size = sizeof(state)};
	uint64_t aged = 0;

	for (uint64_t b = 0; b < BLOCKS; b++) {
		ptw_group_state(s->group[b], &state);
		aged += state.aged;
	}
	return aged;
}

static void prepare(void *context, unsigned int side)
{
	struct scanned *s = context;

	if (side == HARVEST)
		memcpy(s->found, s->planted, WORDS * sizeof(*s->found));
	tables_plant(&s->tables, s->percent, s->planted);
	s->planted_pages = 0;
	for (uint64_t w = 0; w < WORDS; w++)
		s->planted_pages += (uint64_t)__builtin_popcountll(s->planted[w]);
	s->aged = aged_now(s);
}

static void block(void *context, unsigned int side, uint64_t number)
{
	struct scanned *s = context;
	const uint64_t start = number * BLOCK_ENTRIES << PAGE_LG2;
	uint64_t *found = s->found + number * BLOCK_WORDS;
	const struct ptw_harvest request = {
		.size = sizeof(request), .flags = PTW_HARVEST_ACCESSED, .young = found};
	int error = 0;

	if (side == READ) {
		s->sum += floor_sum(s->tables.table + number * (BLOCK_ENTRIES / TABLE_ENTRIES),
				    BLOCK_ENTRIES / TABLE_ENTRIES);
	} else if (side == HARVEST) {
		memset(found, 0, BLOCK_WORDS * sizeof(*found));
		error = ptw_harvest(s->tables.pgtable, start, start + (BLOCK_ENTRIES << PAGE_LG2),
				    &request, NULL);
	} else {
		error = ptw_group_age(s->group[number]);
	}
	if (error)
		s->error = error;
}

static void verify(void *context, unsigned int side)
{
	struct scanned *s = context;

	if (s->error)
		bench_die(EXIT_WRONG, "ageing failed: %s", ptw_strerror(s->error));
	if (side == HARVEST && memcmp(s->found, s->planted, WORDS * sizeof(*s->found)))
		bench_die(EXIT_WRONG, "wrong harvest: not what was planted");
	if (side == AGE &&
	    (aged_now(s) - s->aged != s->planted_pages || ptw_engine_check(s->engine)))
		bench_die(EXIT_WRONG, "wrong ages: %llu pages were young, %llu became the youngest",
			  (unsigned long long)s->planted_pages,
			  (unsigned long long)(aged_now(s) - s->aged));
	/* What only was read is young still. */
	if (side == READ)
		for (uint64_t b = 0; b < BLOCKS; b++)
			block(s, HARVEST, b);
}

static void scan_one(struct sink *sink, struct scanned *s, double percent)
{
	const struct turns turns = {
		.context = s,
		.sides = SIDES,
		.blocks = {BLOCKS, BLOCKS, BLOCKS},
		.want = sink->quick ? KEPT_MIN : 2000,
		.prepare = prepare,
		.block = block,
		.verify = verify,
	};
	struct figure figure = {.goal = GOAL_SCAN};
	struct turned turned;
	double read, harvested, aged;

	s->percent = percent;
	turns_run(&turns, &turned);
	read = turned.side[READ].ns / (double)BLOCK_ENTRIES;
	harvested = turned.side[HARVEST].ns / (double)BLOCK_ENTRIES;
	aged = turned.side[AGE].ns / (double)BLOCK_ENTRIES;
	if (read > 0)
		figure.value = (aged - harvested) / read;
	figure.kept = turned.kept;
	figure.total = turned.total;
	snprintf(figure.id, sizeof(figure.id), "Q6-scan-%g", percent);
	snprintf(
		figure.detail, sizeof(figure.detail),
		"%g %% of 16 M pages young: harvest %.3f ns a page, ageing %.3f, a relaxed read %.3f",
		percent, harvested, aged, read);
	sink_figure(sink, &figure);
	sink_step(sink);
}

/* All pages resident, in groups of a block each. */
static void scanned_make(struct scanned *s)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config), .pages = ENTRIES, .groups = BLOCKS};
	const struct ptw_group_config group = {
		.size = sizeof(group), .ops = {.harvest = harvest}, .context = s};
	int error = ptw_engine_create(&config, &s->engine);

	for (uint64_t b = 0; b < BLOCKS && !error; b++) {
		error = ptw_group_create(s->engine, &group, &s->group[b]);
		if (!error)
			error = ptw_group_attach(s->group[b], b * BLOCK_ENTRIES, BLOCK_ENTRIES);
	}
	for (uint64_t page = 0; page < ENTRIES && !error; page++)
		error = ptw_page_add(s->engine, page);
	if (error)
		bench_die(EXIT_WRONG, "cannot make an engine: %s", ptw_strerror(error));
}

struct missed {
	struct ptw_engine *engine;
	struct ptw_group *group;
	uint64_t out[MISSES];
	uint64_t outs;
	uint64_t next;
	uint64_t *entries;
	int error;
};

static int nobody(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	(void)context;
	(void)first;
	(void)pages;
	(void)word;
	(void)sink;
	return 0;
}

static int never_young(void *context, uint64_t page, uint64_t *around)
{
	(void)context;
	(void)page;
	(void)around;
	return 0;
}

static int put_out(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	struct missed *m = context;

	for (unsigned int i = 0; i < n; i++) {
		m->out[m->outs++ % MISSES] = page[i];
		result[i] = PTW_EVICTED;
	}
	return 0;
}

static void miss_block(void *context, unsigned int side, uint64_t number)
{
	struct missed *m = context;
	uint64_t n;

	(void)number;
	if (!side) {
		floor_and(m->entries, ANDS);
		return;
	}
	for (unsigned int i = 0; i < MISSES && !m->error; i++) {
		m->error = ptw_group_evict(m->group, 1, &n);
		if (!m->error && n != 1)
			m->error = PTW_ERR_ABSENT;
		if (!m->error)
			m->error = ptw_page_add(m->engine, m->next++ % MISS_PAGES);
	}
}

static void miss_prepare(void *context, unsigned int side)
{
	(void)context;
	(void)side;
}

static void miss_verify(void *context, unsigned int side)
{
	struct missed *m = context;

	if (m->error || (side && ptw_engine_check(m->engine)))
		bench_die(EXIT_WRONG, "evicting failed: %s", ptw_strerror(m->error));
}

/* Pages come in by their numbers, and the oldest go by theirs: half of all stay. */
static void misses(struct sink *sink)
{
	const struct ptw_engine_config config = {.size = sizeof(config), .pages = MISS_PAGES};
	struct missed m = {.next = MISS_RESIDENT};
	const struct ptw_group_config group = {
		.size = sizeof(group),
		.ops = {.harvest = nobody, .look = never_young, .evict = put_out},
		.context = &m,
	};
	const struct turns turns = {
		.context = &m,
		.sides = 2,
		.blocks = {MISS_BLOCKS, MISS_BLOCKS},
		.want = sink->quick ? KEPT_MIN : 2000,
		.prepare = miss_prepare,
		.block = miss_block,
		.verify = miss_verify,
	};
	struct figure figure = {.goal = GOAL_MISS};
	struct turned turned;
	int error = ptw_engine_create(&config, &m.engine);

	if (!error)
		error = ptw_group_create(m.engine, &group, &m.group);
	if (!error)
		error = ptw_group_attach(m.group, 0, MISS_PAGES);
	for (uint64_t page = 0; page < MISS_RESIDENT && !error; page++)
		error = ptw_page_add(m.engine, page);
	if (error)
		bench_die(EXIT_WRONG, "cannot make an engine: %s", ptw_strerror(error));
	m.entries = bench_new(ANDS, sizeof(*m.entries), "entries");
	turns_run(&turns, &turned);
	if (turned.side[0].ns > 0)
		figure.value = turned.side[1].ns / MISSES / (turned.side[0].ns / (double)ANDS);
	figure.kept = turned.kept;
	figure.total = turned.total;
	snprintf(figure.id, sizeof(figure.id), "Q6-miss");
	snprintf(
		figure.detail, sizeof(figure.detail),
		"one page put out and one added, 512 K of 1 M resident, nobody young: %.0f ns; a hot "
		"locked AND %.1f ns",
		turned.side[1].ns / MISSES, turned.side[0].ns / (double)ANDS);
	sink_figure(sink, &figure);
	sink_step(sink);
	ptw_engine_destroy(m.engine);
	free(m.entries);
}

void engine_measure(struct sink *sink)
{
	static const double percents[ENGINE_SCANS] = {0, 1, 10, 100};
	struct scanned s = {0};
	struct figure bytes = {.goal = GOAL_BYTES, .kept = KEPT_MIN, .total = KEPT_MIN};

	tables_build(&s.tables, ENTRIES);
	scanned_make(&s);
	s.planted = bench_new(WORDS, sizeof(*s.planted), "bitmaps");
	s.found = bench_new(WORDS, sizeof(*s.found), "bitmaps");
	for (unsigned int i = 0; i < ENGINE_SCANS; i++)
		scan_one(sink, &s, percents[i]);
	ptw_engine_destroy(s.engine);
	tables_free(&s.tables);
	free(s.planted);
	free(s.found);
	misses(sink);
	bytes.value = (double)ptw_engine_bytes(ENTRIES) / (double)ENTRIES;
	snprintf(bytes.id, sizeof(bytes.id), "Q6-bytes");
	snprintf(bytes.detail, sizeof(bytes.detail),
		 "a page, its share of a region included; groups not");
	sink_figure(sink, &bytes);
	sink_step(sink);
}
