/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Experiment `curves`: cost against the size of leaves. What is found comes as runs of leaf
 * extents, the one kind of output whose cost does not grow with the pages of a leaf.
 *
 * Hardware makes one member of a contiguous group young, here any one of its sixteen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "curves.h"
#include "figure.h"
#include "tables.h"
#include "turns.h"

/* Arm ARM, "VMSAv8-64 descriptor formats": bits 1:0 of a page, a table and a block; AF; address. */
#define ARM64_VALID    1u
#define ARM64_TABLE    3u
#define ARM64_ACCESSED ((uint64_t)1 << 10)
#define ARM64_ADDRESS  ((((uint64_t)1 << 48) - 1) & ~(uint64_t)0xfff)

#define EXTENTS	       ((uint64_t)1 << 18)
#define EXTENTS_QUICK  ((uint64_t)1 << 14)
#define BLOCK	       ((uint64_t)1 << 14) /* extents */
#define BLOCK_SLOW     ((uint64_t)1 << 11) /* of groups, where all are young */

static const struct leaf {
	const char *name;
	const char *preset;
	uint32_t page_levels;
	unsigned int level; /* of the leaf entries */
	unsigned int lg2;   /* bytes of an extent */
	unsigned int members_lg2;
} leaves[] = {
	{"4K", "ept4", 1, 0, 12, 0},
	{"64K contiguous", "arm64-s2-4k-contig", 1, 0, 16, 4},
	{"2M", "ept4", 2, 1, 21, 0},
	{"1G", "ept4", 3, 2, 30, 0},
};

#define LEAVES (sizeof(leaves) / sizeof(leaves[0]))

static const double percents[] = {0, 1, 10, 100};

#define PERCENTS (sizeof(percents) / sizeof(percents[0]))

struct run {
	const struct leaf *leaf;
	struct tables random; /* nothing but a generator */
	struct ptw_pgtable *pgtable;
	uint64_t extents;
	uint64_t **entry; /* the first of each extent */
	double percent;
	uint64_t block;
	uint64_t *planted; /* bit: extent */
	uint64_t *found;
	int error;
};

static bool is_arm64(const struct run *r)
{
	return r->leaf->members_lg2;
}

static uint64_t accessed(const struct run *r)
{
	return is_arm64(r) ? ARM64_ACCESSED : EPT_ACCESSED;
}

/* The leaf entries below a table, in order; returns how many extents are known then. */
static uint64_t collect(struct run *r, uint64_t *table, unsigned int level, uint64_t count)
{
	const uint64_t address = is_arm64(r) ? ARM64_ADDRESS : EPT_ADDRESS;
	const uint64_t present = is_arm64(r) ? ARM64_VALID : EPT_PRESENT;

	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		if (!(table[i] & present))
			continue;
		if (level > r->leaf->level) {
			count = collect(r, (uint64_t *)(uintptr_t)(table[i] & address), level - 1,
					count);
		} else if (!(i & ((1u << r->leaf->members_lg2) - 1))) {
			if (count < r->extents)
				r->entry[count] = &table[i];
			count++;
		}
	}
	return count;
}

static void build(struct run *r)
{
	const struct ptw_map map = {
		.size = sizeof(map),
		.prot = PTW_PROT_READ | PTW_PROT_WRITE,
		.memtype = PTW_MEM_NORMAL,
		.page_levels = r->leaf->page_levels,
	};
	struct ptw_info info = {.size = sizeof(info)};
	struct ptw_config config;
	int error = ptw_preset(r->leaf->preset, &config);

	if (!error)
		error = ptw_pgtable_create(&config, &r->pgtable);
	if (!error)
		error = ptw_map(r->pgtable, 0, r->extents << r->leaf->lg2, 0, &map, NULL);
	if (!error)
		error = ptw_pgtable_info(r->pgtable, &info);
	if (error)
		bench_die(EXIT_WRONG, "cannot build a page table of %s leaves: %s", r->leaf->name,
			  ptw_strerror(error));
	r->entry = bench_new(r->extents, sizeof(*r->entry), "a list of leaves");
	r->planted = bench_new(r->extents / 64, sizeof(*r->planted), "bitmaps");
	r->found = bench_new(r->extents / 64, sizeof(*r->found), "bitmaps");
	if (collect(r, (uint64_t *)(uintptr_t)info.root, info.levels - 1, 0) != r->extents)
		bench_die(EXIT_WRONG, "not as many %s leaves as were mapped", r->leaf->name);
}

static void prepare(void *context, unsigned int side)
{
	struct run *r = context;
	const uint64_t share = (uint64_t)(r->percent / 100 * 65536);
	const uint64_t members = (uint64_t)1 << r->leaf->members_lg2;

	(void)side;
	memset(r->planted, 0, r->extents / 8);
	memset(r->found, 0, r->extents / 8);
	for (uint64_t i = 0; i < r->extents; i++) {
		uint64_t random = tables_random(&r->random);
		uint64_t *entry = r->entry[i] + (random >> 32) % members;

		/* Every extent is written to, so that young ones are no warmer than others. */
		if ((random & 0xffff) < share) {
			r->planted[i / 64] |= (uint64_t)1 << i % 64;
			__atomic_store_n(entry, *entry | accessed(r), __ATOMIC_RELAXED);
		} else {
			__atomic_store_n(entry, *entry, __ATOMIC_RELAXED);
		}
	}
}

static int take_run(void *context, const struct ptw_extent *run)
{
	struct run *r = context;
	uint64_t first = run->start >> r->leaf->lg2;
	uint64_t behind = (run->start + run->length) >> r->leaf->lg2;

	if (run->length & (((uint64_t)1 << r->leaf->lg2) - 1))
		return -1;
	for (; first < behind; first++)
		r->found[first / 64] |= (uint64_t)1 << first % 64;
	return 0;
}

static void block(void *context, unsigned int side, uint64_t number)
{
	struct run *r = context;
	const uint64_t first = number * r->block;
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.run = take_run,
		.context = r,
	};
	int error = ptw_harvest(r->pgtable, first << r->leaf->lg2,
				(first + r->block) << r->leaf->lg2, &request, NULL);

	(void)side;
	if (error)
		r->error = error;
}

static void verify(void *context, unsigned int side)
{
	struct run *r = context;

	(void)side;
	if (r->error)
		bench_die(EXIT_WRONG, "harvest of %s leaves failed: %s", r->leaf->name,
			  ptw_strerror(r->error));
	if (memcmp(r->found, r->planted, r->extents / 8) != 0)
		bench_die(EXIT_WRONG, "wrong harvest of %s leaves at %g %% young", r->leaf->name,
			  r->percent);
}

static void leaf_run(struct curves_work *work, struct run *r)
{
	const double kib = (double)((uint64_t)1 << (r->leaf->lg2 - 10));
	struct turns turns = {
		.context = r,
		.sides = 1,
		.want = work->quick ? CURVES_KEPT_QUICK : 4 * KEPT_MIN,
		.prepare = prepare,
		.block = block,
		.verify = verify,
	};
	struct turned turned;
	char series[32];

	for (unsigned int p = 0; p < PERCENTS; p++) {
		double ns;

		r->percent = percents[p];
		r->block = r->leaf->members_lg2 || r->percent > 50 ? BLOCK_SLOW : BLOCK;
		turns.blocks[0] = r->extents / r->block;
		turns_run(&turns, &turned);
		ns = turned.side[0].ns / (double)r->block;
		snprintf(series, sizeof(series), "%g %% young", r->percent);
		curves_send(work, CURVE_EXTENT, series, kib, ns, turned.kept, turned.total);
		curves_send(work, CURVE_GIB, series, kib, ns * ((1 << 20) / kib), turned.kept,
			    turned.total);
	}
}

void curves_leaves(struct curves_work *work, double share)
{
	work->share = share / (2 * LEAVES * PERCENTS);
	for (unsigned int i = 0; i < LEAVES; i++) {
		struct run r = {
			.leaf = &leaves[i],
			.extents = work->quick ? EXTENTS_QUICK : EXTENTS,
			.random.random = 1,
		};

		build(&r);
		leaf_run(work, &r);
		ptw_pgtable_destroy(r.pgtable);
		free(r.entry);
		free(r.planted);
		free(r.found);
	}
}
