/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Whole-range harvest (accessed, clearing, dense bitmap) with 1 % of the pages young, against the
 * scalar floor. The range is harvested in consecutive pieces, one a block.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "figure.h"
#include "floor.h"
#include "measure.h"
#include "speed.h"
#include "tables.h"

#define YOUNG_PERCENT 1.0
#define BLOCK_ENTRIES ((uint64_t)1 << 16)
#define BLOCK_TABLES  (BLOCK_ENTRIES / TABLE_ENTRIES)

/* Ratios to the floor. More of the smaller one's entries come from caches, so that what is not
 * reading weighs more. */
#define GOAL_SMALL 2.2
#define GOAL_LARGE 1.6

struct harvest {
	struct tables tables;
	uint64_t *planted;
	uint64_t *found;
	volatile uint64_t sum;
	int error;
};

static void harvest_prepare(void *context)
{
	struct harvest *h = context;

	memset(h->found, 0, h->tables.entries / 8);
	tables_plant(&h->tables, YOUNG_PERCENT, h->planted);
}

static void harvest_verify(void *context)
{
	struct harvest *h = context;

	if (h->error)
		bench_die(EXIT_WRONG, "harvest failed: %s", ptw_strerror(h->error));
	tables_check(h->planted, h->found, 0, h->tables.entries, "library");
}

static void floor_block(void *context, uint64_t block)
{
	struct harvest *h = context;

	h->sum = floor_sum(h->tables.table + block * BLOCK_TABLES, BLOCK_TABLES);
}

static void harvest_block(void *context, uint64_t block)
{
	struct harvest *h = context;
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = h->found + block * (BLOCK_ENTRIES / 64),
	};
	uint64_t start = block * BLOCK_ENTRIES << PAGE_LG2;
	int error = ptw_harvest(h->tables.pgtable, start, start + (BLOCK_ENTRIES << PAGE_LG2),
				&request, NULL);

	if (error)
		h->error = error;
}

void harvest_measure(struct sink *sink, uint64_t entries)
{
	struct harvest h = {0};
	const struct measure measure = {
		.context = &h,
		.blocks = entries / BLOCK_ENTRIES,
		.work = BLOCK_ENTRIES,
		.want = sink->quick ? KEPT_MIN : 1000,
		.prepare = harvest_prepare,
		.verify = harvest_verify,
		.sides = 2,
		.side = {floor_block, harvest_block},
	};
	struct measured m;
	struct figure figure;

	tables_build(&h.tables, entries);
	h.planted = bench_new(entries / 64, sizeof(uint64_t), "bitmaps");
	h.found = bench_new(entries / 64, sizeof(uint64_t), "bitmaps");
	measure_run(&measure, &m);
	speed_figure(&figure, &m, m.ns[1], m.ns[0], entries >> 20 < 16 ? GOAL_SMALL : GOAL_LARGE);
	snprintf(figure.id, sizeof(figure.id), "harvest-%llum", (unsigned long long)entries >> 20);
	snprintf(figure.detail, sizeof(figure.detail),
		 "harvest at %g %% young %.3f ns, scalar read %.3f ns per entry; block %.0f us",
		 YOUNG_PERCENT, m.ns[1], m.ns[0], m.longest_us);
	sink_figure(sink, &figure);
	free(h.planted);
	free(h.found);
	tables_free(&h.tables);
}
