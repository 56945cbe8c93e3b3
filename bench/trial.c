/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "trial.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#define CALL_PAGES 64

void ground_build(struct ground *ground, uint64_t entries, const struct tables_how *how)
{
	tables_build_how(&ground->tables, entries, how);
	ground->planted = bench_new(entries / 64, sizeof(*ground->planted), "bitmaps");
	ground->found = bench_new(entries / 64, sizeof(*ground->found), "bitmaps");
}

void ground_free(struct ground *ground)
{
	tables_free(&ground->tables);
	free(ground->planted);
	free(ground->found);
}

/* What a floor left young. */
static void make_old(struct ground *ground, uint64_t first, uint64_t pages)
{
	for (uint64_t w = first / 64; w < (first + pages) / 64; w++) {
		for (uint64_t left = ground->planted[w]; left; left &= left - 1) {
			uint64_t page = w * 64 + (unsigned int)__builtin_ctzll(left);
			uint64_t *entry = tables_entry(&ground->tables, page);

			/* Nobody else is there. */
			__atomic_store_n(entry,
					 __atomic_load_n(entry, __ATOMIC_RELAXED) & ~EPT_ACCESSED,
					 __ATOMIC_RELAXED);
		}
		ground->planted[w] = 0;
	}
}

void ground_plant(struct ground *ground, uint64_t first, uint64_t pages, double percent)
{
	make_old(ground, first, pages);
	tables_plant_some(&ground->tables, first, pages, percent, ground->planted + first / 64);
}

void ground_even(const struct ground *ground)
{
	volatile uint64_t sink = floor_sum(ground->tables.table, ground->tables.count);

	(void)sink;
}

void ground_check(struct ground *ground, uint64_t first, uint64_t pages, const char *who)
{
	uint64_t *planted = ground->planted + first / 64;
	uint64_t *found = ground->found + first / 64;

	tables_check(planted, found, first, pages, who);
	memset(planted, 0, pages / 8);
	memset(found, 0, pages / 8);
}

static void harvest(struct ground *ground, uint64_t first, uint64_t pages)
{
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = ground->found + first / 64,
	};
	int error = ptw_harvest(ground->tables.pgtable, first << PAGE_LG2,
				(first + pages) << PAGE_LG2, &request, NULL);

	if (error)
		bench_die(EXIT_WRONG, "harvest failed: %s", ptw_strerror(error));
}

/* Entries that stay in the first-level cache. */
static uint64_t *hot_entries(void)
{
	static uint64_t hot[TABLE_ENTRIES] __attribute__((aligned(4096)));

	return hot;
}

static void work(const struct trial *trial, const struct way *way, uint64_t first)
{
	const uint64_t pages = trial->block;
	struct ground *ground = way->ground;
	uint64_t *const *table = ground->tables.table + first / TABLE_ENTRIES;
	volatile uint64_t sink = 0;

	switch (way->work) {
	case WORK_HARVEST:
		harvest(ground, first, pages);
		break;
	case WORK_CALLS:
		for (uint64_t p = first; p < first + pages; p += CALL_PAGES)
			harvest(ground, p, CALL_PAGES);
		break;
	case WORK_RIVAL:
		way->rival(ground->tables.root, first << PAGE_LG2, (first + pages) << PAGE_LG2,
			   ground->found + first / 64);
		break;
	case WORK_READ:
		sink = trial->reader.plain(table, pages / TABLE_ENTRIES);
		break;
	case WORK_READ_AHEAD:
		sink = trial->reader.ahead(table, pages / TABLE_ENTRIES);
		break;
	case WORK_SUM:
		sink = floor_sum(table, pages / TABLE_ENTRIES);
		break;
	case WORK_AND:
		floor_and(hot_entries(), pages);
		break;
	case WORK_PAIRS:
		floor_pairs(hot_entries(), pages);
		break;
	}
	(void)sink;
}

static bool clears(const struct way *way)
{
	return way->work <= WORK_RIVAL;
}

static const struct way *way_of(const struct trial *trial, uint64_t block)
{
	return &trial->way[measure_turn(trial->pass, block, trial->ways)];
}

static uint64_t blocks_of(const struct trial *trial)
{
	return trial->entries / trial->block;
}

static void trial_prepare(void *context)
{
	struct trial *trial = context;

	for (uint64_t b = 0; b < blocks_of(trial); b++) {
		const struct way *way = way_of(trial, b);

		ground_plant(way->ground, b * trial->block, trial->block, way->young);
	}
	for (unsigned int i = 0; i < trial->ways; i++) {
		unsigned int k = 0;

		while (trial->way[k].ground != trial->way[i].ground)
			k++;
		if (k == i)
			ground_even(trial->way[i].ground);
	}
}

static void trial_block(void *context, unsigned int side, uint64_t block)
{
	const struct trial *trial = context;

	work(trial, &trial->way[side], block * trial->block);
}

static void trial_verify(void *context)
{
	struct trial *trial = context;

	for (uint64_t b = 0; b < blocks_of(trial); b++) {
		const struct way *way = way_of(trial, b);

		if (clears(way))
			ground_check(way->ground, b * trial->block, trial->block, way->name);
	}
	trial->pass++;
}

void trial_init(struct trial *trial, const struct sink *sink, uint64_t entries, uint64_t block)
{
	*trial = (struct trial){
		.entries = entries,
		.block = block,
		.want = sink->quick ? KEPT_MIN : 3 * KEPT_MIN,
		.reader = floor_reader(),
	};
}

unsigned int trial_add(struct trial *trial, const struct way *way)
{
	_Static_assert(TRIAL_WAYS <= MEASURE_SIDES, "each way is a side");
	trial->way[trial->ways] = *way;
	return trial->ways++;
}

const double read_shares[READ_SHARES] = {0, 0.1, 1};

void trial_add_read(struct trial *trial, struct ground *ground, struct against_read *ways)
{
	ways->plain = trial_add(trial, &(const struct way){.ground = ground, .work = WORK_READ});
	ways->ahead =
		trial_add(trial, &(const struct way){.ground = ground, .work = WORK_READ_AHEAD});
	for (unsigned int i = 0; i < READ_SHARES; i++)
		ways->harvest[i] = trial_add(trial, &(const struct way){.name = "library",
									.ground = ground,
									.work = WORK_HARVEST,
									.young = read_shares[i]});
}

void trial_run(struct trial *trial, struct measured *measured)
{
	const struct measure measure = {
		.context = trial,
		.blocks = blocks_of(trial),
		.work = trial->block,
		.want = trial->want,
		.prepare = trial_prepare,
		.verify = trial_verify,
		.sides = trial->ways,
		.any = trial_block,
		.turns = true,
	};

	trial->pass = 0;
	measure_run(&measure, measured);
}

double faster_of(const struct measured *measured, unsigned int a, unsigned int b)
{
	return measured->ns[a] < measured->ns[b] ? measured->ns[a] : measured->ns[b];
}
