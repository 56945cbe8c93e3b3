/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Experiment `curves`: cost against the number of tables, of regions touched, and against memory
 * mapped. All are ranges of one page table, from its first page on: what lies behind a range costs
 * nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "curves.h"
#include "figure.h"
#include "floor.h"
#include "regions.h"
#include "turns.h"

#define MILLION ((uint64_t)1 << 20)
#define BLOCK	((uint64_t)1 << 16)
/* A gigabyte of tables, and what a quick run makes do with. */
#define ENTRIES	      (128 * MILLION)
#define ENTRIES_QUICK (4 * MILLION)
#define TOUCHED	      64
#define YOUNG_PERCENT 10.0
/* More regions than that in one call would take longer than the kernel leaves us alone. */
#define TOUCHED_MOST 512
#define PARTS_MAX    64
/* Leaf tables of a gigabyte, which one table of level 1 leads to. */
#define TOGETHER ((uint64_t)TABLE_ENTRIES)

/* Ways to go over a range. */
enum over {
	READ,
	HARVEST_NONE,
	HARVEST_FEW,
	OVER
};

static const char *const over_names[OVER] = {"scalar read", "0 % young", "1 % young"};

struct run {
	struct regions regions;
	uint64_t entries; /* of the range, from the first page on */
	uint64_t *found;
	volatile uint64_t sum;
	int error;
	/* Over again: */
	enum over over[OVER];
	/* Pruned: */
	uint64_t touched;
	uint64_t among;
	bool prune;
	uint64_t parts; /* calls of a pass */
	struct ptw_prune memory[PARTS_MAX];
};

static void harvest(struct run *r, uint64_t first, uint64_t pages, struct ptw_prune *prune)
{
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = r->found + first / 64,
		.prune = prune,
	};
	int error = ptw_harvest(r->regions.tables.pgtable, first << PAGE_LG2,
				(first + pages) << PAGE_LG2, &request, NULL);

	if (error)
		r->error = error;
}

static void check(const struct run *r, const char *who)
{
	if (r->error)
		bench_die(EXIT_WRONG, "harvest (%s) failed: %s", who, ptw_strerror(r->error));
	regions_check(&r->regions, r->found, r->entries, who);
}

/* --- The same tables again and again: they are in the cache that holds them. */

static void over_prepare(void *context, unsigned int side)
{
	struct run *r = context;
	struct tables part = r->regions.tables;

	memset(r->found, 0, r->entries / 8);
	part.entries = r->entries;
	part.count = r->entries / TABLE_ENTRIES;
	tables_plant(&part, r->over[side] == HARVEST_FEW ? 1 : 0, r->regions.planted);
	r->regions.tables.random = part.random;
}

/* Of what is smaller than a block, a block is many calls; they find nothing young. */
static void over_block(void *context, unsigned int side, uint64_t number)
{
	struct run *r = context;
	const uint64_t pages = r->entries < BLOCK ? r->entries : BLOCK;
	uint64_t *const *table = r->regions.tables.table + number * (BLOCK / TABLE_ENTRIES);

	for (uint64_t done = 0; done < BLOCK; done += pages) {
		if (r->over[side] == READ)
			r->sum = floor_sum(table, pages / TABLE_ENTRIES);
		else
			harvest(r, number * BLOCK, pages, NULL);
	}
}

static void over_verify(void *context, unsigned int side)
{
	struct run *r = context;

	check(r, over_names[r->over[side]]);
}

static void over_run(struct curves_work *work, struct run *r)
{
	struct turns turns = {
		.context = r,
		.want = work->quick ? CURVES_KEPT_QUICK : 4 * KEPT_MIN,
		.prepare = over_prepare,
		.block = over_block,
		.verify = over_verify,
	};
	struct turned turned;

	for (unsigned int o = 0; o < OVER; o++) {
		/* Young pages are gone when they were harvested once. */
		if (o == HARVEST_FEW && r->entries < BLOCK)
			continue;
		r->over[turns.sides] = o;
		turns.blocks[turns.sides++] = r->entries < BLOCK ? 1 : r->entries / BLOCK;
	}
	turns_run(&turns, &turned);
	for (unsigned int s = 0; s < turns.sides; s++)
		curves_send(work, CURVE_TABLES, over_names[r->over[s]],
			    (double)(r->entries / TABLE_ENTRIES),
			    turned.side[s].ns / (double)(BLOCK / TABLE_ENTRIES),
			    turned.side[s].kept, turned.side[s].total);
}

/*
 * --- Pruned: a pass is cold, and one call, or where many regions are touched several calls for
 * equal parts of the range, with about as many of them each.
 */

static void prune_prepare(void *context, unsigned int side)
{
	struct run *r = context;

	(void)side;
	memset(r->found, 0, r->entries / 8);
	regions_plant(&r->regions, r->touched, r->among, YOUNG_PERCENT);
}

static void prune_block(void *context, unsigned int side, uint64_t number)
{
	struct run *r = context;

	(void)side;
	if (r->prune)
		harvest(r, r->entries / r->parts * number, r->entries / r->parts,
			&r->memory[number]);
	else
		harvest(r, number * BLOCK, BLOCK, NULL);
}

static void prune_verify(void *context, unsigned int side)
{
	struct run *r = context;
	uint64_t read = 0;

	(void)side;
	check(r, r->prune ? "pruned" : "not pruned");
	/* The first pass is a full one. */
	if (!r->prune || r->memory[0].full)
		return;
	for (uint64_t i = 0; i < r->parts; i++)
		read += r->memory[i].read;
	if (read != r->touched)
		bench_die(EXIT_WRONG, "pruned harvest read %llu leaf tables of %llu touched",
			  (unsigned long long)read, (unsigned long long)r->touched);
}

static void prune_run(struct curves_work *work, struct run *r, enum curve curve, const char *series,
		      double x)
{
	const uint64_t blocks = r->prune ? r->parts : r->entries / BLOCK;
	const struct turns turns = {
		.context = r,
		.sides = 1,
		.blocks = {blocks},
		.want = work->quick ? CURVES_KEPT_QUICK : KEPT_MIN,
		.prepare = prune_prepare,
		.block = prune_block,
		.verify = prune_verify,
	};
	struct turned turned;

	for (uint64_t i = 0; i < r->parts; i++)
		r->memory[i] = (struct ptw_prune){.size = sizeof(r->memory[i])};
	turns_run(&turns, &turned);
	curves_send(work, curve, series, x, turned.side[0].ns * (double)blocks / 1e3, turned.kept,
		    turned.total);
}

static void touched_run(struct curves_work *work, struct run *r, uint64_t touched)
{
	r->touched = touched;
	r->parts = touched > TOUCHED_MOST ? touched / TOUCHED_MOST : 1;
	r->among = r->entries / TABLE_ENTRIES;
	r->prune = true;
	prune_run(work, r, CURVE_TOUCHED, "pruned", (double)touched);
	r->prune = false;
	prune_run(work, r, CURVE_TOUCHED, "not pruned", (double)touched);
}

static void mapped_run(struct curves_work *work, struct run *r)
{
	const double gib = (double)(r->entries << PAGE_LG2 >> 30);

	r->touched = TOUCHED;
	r->parts = 1;
	r->prune = true;
	r->among = TOGETHER;
	prune_run(work, r, CURVE_MAPPED, "pruned, in one GiB", gib);
	r->among = r->entries / TABLE_ENTRIES;
	prune_run(work, r, CURVE_MAPPED, "pruned, anywhere", gib);
	r->prune = false;
	prune_run(work, r, CURVE_MAPPED, "not pruned", gib);
}

void curves_tables(struct curves_work *work, double share)
{
	const uint64_t most = work->quick ? ENTRIES_QUICK : ENTRIES;
	const uint64_t middle = work->quick ? ENTRIES_QUICK : 16 * MILLION;
	struct run r = {0};

	regions_build(&r.regions, most, &(const struct regions_how){0});
	r.found = bench_new(most / 64, sizeof(*r.found), "bitmaps");
	/* About 70 points, of which the larger ones take longer. */
	work->share = share / 70;
	for (r.entries = 2 * TABLE_ENTRIES; r.entries <= most; r.entries *= 2)
		over_run(work, &r);
	r.entries = middle;
	for (uint64_t touched = 8; touched <= middle / TABLE_ENTRIES; touched *= 4)
		touched_run(work, &r, touched);
	for (r.entries = MILLION; r.entries <= most; r.entries *= 2)
		mapped_run(work, &r);
	regions_free(&r.regions);
	free(r.found);
}
