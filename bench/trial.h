/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Ways to test and clear young pages, floors and rivals among them, that take turns on the blocks of the
 * same tables: each block of a pass is done by one of them, and by another one in the next pass. So a
 * block is made young anew for whoever has it next, by the share of young pages that belongs to that
 * way, and comes from where the caches left it to all of them alike.
 */
#ifndef PTW_BENCH_TRIAL_H
#define PTW_BENCH_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "figure.h"
#include "floor.h"
#include "measure.h"
#include "rival.h"
#include "tables.h"

/* Tables, and what is young in them. */
struct ground {
	struct tables tables;
	uint64_t *planted; /* bitmap of the pages that are young now */
	uint64_t *found;   /* of those that were harvested since */
};

void ground_build(struct ground *ground, uint64_t entries, const struct tables_how *how);
void ground_free(struct ground *ground);

/* Make `percent` of the pages of a part young, and no others; both numbers are multiples of 64. */
void ground_plant(struct ground *ground, uint64_t first, uint64_t pages, double percent);

/* Read it all, so that what was planted is no warmer in the cache than the rest. */
void ground_even(const struct ground *ground);

/*
 * What was found of a part is what was planted there (and is gone), or the program ends; `who` found
 * it. Both bitmaps are zeroed.
 */
void ground_check(struct ground *ground, uint64_t first, uint64_t pages, const char *who);

/* What the ways do. */
enum work {
	WORK_HARVEST, /* one call */
	WORK_CALLS,   /* one call for each 64 pages */
	WORK_RIVAL,
	WORK_READ,	 /* the floors: they leave what is young as it is */
	WORK_READ_AHEAD,
	WORK_SUM,
	WORK_AND,
	WORK_PAIRS,
};

struct way {
	const char *name;
	struct ground *ground;
	enum work work;
	rival_fn rival; /* of WORK_RIVAL */
	double young;	/* percent */
};

#define TRIAL_WAYS 12

struct trial {
	struct way way[TRIAL_WAYS];
	unsigned int ways;
	uint64_t entries; /* of each ground, or the smallest */
	uint64_t block;	  /* entries: 32 K to 128 K, so that a block is short */
	uint64_t want;	  /* kept blocks of each way */
	struct floor_reader reader;
	uint64_t pass;
};

/* A trial without ways yet. */
void trial_init(struct trial *trial, const struct sink *sink, uint64_t entries, uint64_t block);

/* Adds one; returns its number. */
unsigned int trial_add(struct trial *trial, const struct way *way);

/* A harvest at three shares of young pages, against reads of the same tables. */
#define READ_SHARES 3
extern const double read_shares[READ_SHARES];

struct against_read {
	unsigned int plain; /* ways of the trial */
	unsigned int ahead; /* with prefetches */
	unsigned int harvest[READ_SHARES];
};

void trial_add_read(struct trial *trial, struct ground *ground, struct against_read *ways);

/* Nanoseconds per entry of each way. */
void trial_run(struct trial *trial, struct measured *measured);

/* The faster one of two ways. */
double faster_of(const struct measured *measured, unsigned int a, unsigned int b);

#endif /* PTW_BENCH_TRIAL_H */
