/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Experiment `curves`: cost against the share of young pages, of every kernel that there is, of
 * both wider clears with the best one, and of the rivals. Each way of the library has a page table
 * of its own, since a kernel is a property of page tables; the rivals share one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "curves.h"
#include "figure.h"
#include "floor.h"
#include "regions.h"
#include "rival.h"
#include "turns.h"

/* Blocks stay below 0.3 ms. */
#define BLOCK_LG2	16
#define BLOCK_DENSE_LG2 14 /* where many are young */
#define DENSE_PERCENT	20

static const double percents[] = {0, 0.1, 1, 3, 10, 30, 100};

#define PERCENTS (sizeof(percents) / sizeof(percents[0]))

struct way {
	char name[32];
	uint32_t kernel;
	uint32_t flags;
	bool floor;
	rival_fn rival;
	unsigned int slower_lg2; /* its blocks are smaller by this power of two */
	struct regions *regions;
};

struct young {
	struct way way[TURNS_SIDES];
	unsigned int ways;
	uint64_t entries;
	double percent;
	uint64_t *found;
	volatile uint64_t sum;
	int error;
};

static uint64_t block_entries(const struct young *y, unsigned int side)
{
	unsigned int lg2 = y->percent > DENSE_PERCENT ? BLOCK_DENSE_LG2 : BLOCK_LG2;

	return (uint64_t)1 << (lg2 - y->way[side].slower_lg2);
}

static void prepare(void *context, unsigned int side)
{
	struct young *y = context;
	struct way *way = &y->way[side];

	memset(y->found, 0, y->entries / 8);
	tables_plant(&way->regions->tables, way->floor ? 0 : y->percent, way->regions->planted);
}

static void block(void *context, unsigned int side, uint64_t number)
{
	struct young *y = context;
	struct way *way = &y->way[side];
	const uint64_t pages = block_entries(y, side);
	const uint64_t first = number * pages;
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = y->found + first / 64,
	};
	const uint64_t start = first << PAGE_LG2;
	const uint64_t end = (first + pages) << PAGE_LG2;
	struct tables *tables = &way->regions->tables;
	int error;

	if (way->floor) {
		y->sum = floor_sum(tables->table + first / TABLE_ENTRIES, pages / TABLE_ENTRIES);
		return;
	}
	if (way->rival) {
		way->rival(tables->root, start, end, request.young);
		return;
	}
	error = ptw_harvest(tables->pgtable, start, end, &request, NULL);
	if (error)
		y->error = error;
}

static void verify(void *context, unsigned int side)
{
	struct young *y = context;
	struct way *way = &y->way[side];

	if (y->error)
		bench_die(EXIT_WRONG, "harvest (%s) failed: %s", way->name, ptw_strerror(y->error));
	regions_check(way->regions, y->found, y->entries, way->name);
}

static struct regions *regions_new(const struct young *y, const struct way *way)
{
	struct regions *regions = malloc(sizeof(*regions));

	if (!regions)
		bench_die(EXIT_WRONG, "not enough memory for tables");
	regions_build(regions, y->entries,
		      &(const struct regions_how){.kernel = way->kernel, .flags = way->flags});
	return regions;
}

static struct way *add(struct young *y, const char *name)
{
	struct way *way;

	if (y->ways == TURNS_SIDES)
		bench_die(EXIT_WRONG, "too many ways to harvest");
	way = &y->way[y->ways++];
	snprintf(way->name, sizeof(way->name), "%s", name);
	return way;
}

static void add_clear(struct young *y, const char *kernel, uint32_t clear, uint32_t flag,
		      const char *name)
{
	struct way *way;

	if (!ptw_clear_available(clear))
		return;
	way = add(y, "");
	snprintf(way->name, sizeof(way->name), "%s, %s", kernel, name);
	way->flags = flag;
	way->regions = regions_new(y, way);
}

static void ways_make(struct young *y)
{
	const char *best = "portable";
	struct way *way;

	for (uint32_t k = PTW_KERNEL_PORTABLE; ptw_kernel_name(k); k++) {
		if (!ptw_kernel_available(k))
			continue;
		best = ptw_kernel_name(k);
		way = add(y, best);
		way->kernel = k;
		way->regions = regions_new(y, way);
	}
	add_clear(y, best, PTW_CLEAR_PAIRS, PTW_CONFIG_PAIRS, "pairs");
	add_clear(y, best, PTW_CLEAR_TRANSACTIONS, PTW_CONFIG_TRANSACTIONS, "transactions");
	/* On tables that a harvest works on, too: they cost memory. */
	for (const struct rival *r = rivals; r->name; r++) {
		way = add(y, r->name);
		way->rival = r->harvest;
		way->regions = y->way[0].regions;
		if (r->harvest == rival_page)
			way->slower_lg2 = 4;
		else
			way->slower_lg2 = 1;
	}
	way = add(y, "scalar read");
	way->floor = true;
	way->regions = y->way[0].regions;
}

static void ways_free(struct young *y)
{
	for (unsigned int i = 0; i < y->ways; i++)
		if (!y->way[i].floor && !y->way[i].rival) {
			regions_free(y->way[i].regions);
			free(y->way[i].regions);
		}
}

void curves_young(struct curves_work *work, enum curve curve, uint64_t entries, double share)
{
	struct young y = {.entries = entries};
	struct turned turned;
	struct turns turns = {
		.context = &y,
		.want = work->quick ? CURVES_KEPT_QUICK : 2 * KEPT_MIN,
		.prepare = prepare,
		.block = block,
		.verify = verify,
	};

	y.found = bench_new(entries / 64, sizeof(*y.found), "bitmaps");
	ways_make(&y);
	turns.sides = y.ways;
	work->share = share / (double)(PERCENTS * y.ways);
	for (unsigned int p = 0; p < PERCENTS; p++) {
		/* A quick run sees the ends and the middle. */
		if (work->quick && p % 3)
			continue;
		y.percent = percents[p];
		for (unsigned int s = 0; s < y.ways; s++)
			turns.blocks[s] = entries / block_entries(&y, s);
		turns_run(&turns, &turned);
		for (unsigned int s = 0; s < y.ways; s++)
			curves_send(work, curve, y.way[s].name, percents[p],
				    turned.side[s].ns / (double)block_entries(&y, s),
				    turned.side[s].kept, turned.side[s].total);
	}
	ways_free(&y);
	free(y.found);
}
