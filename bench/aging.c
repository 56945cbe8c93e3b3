/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What ages of pages cost on top of a harvest (G9): a pass that harvests, gives what it found to
 * the ages, reads their histogram and lets an epoch pass, against one that only harvests into a
 * bitmap and zeroes it. Ages are drained from the harvest's bitmap, a block at a time, which leaves it
 * zero for the next pass and is the figure with a goal, or fed with words while the harvest runs.
 *
 * A pass costs as many median blocks as there are. Its end (histogram and advance, which are for
 * all pages at once) comes on top. Epochs differ in what their end costs, so it is the mean of a
 * whole round of them, and before these as many pass untimed, with the same share of pages young,
 * so that ages are spread as they are in the long run, in the marks that are timed, too.
 */
#include "aging.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/age.h>
#include <ptw/ptw.h>

#include "regions.h"
#include "tables.h"
#include "thread.h"
#include "turns.h"

#define ENTRIES	      ((uint64_t)16 << 20)
#define BLOCK_ENTRIES ((uint64_t)1 << 15)
#define BLOCKS	      (ENTRIES / BLOCK_ENTRIES)
#define WORDS	      (ENTRIES / 64)
#define BLOCK_WORDS   (BLOCK_ENTRIES / 64)
#define GOAL	      1.15

/* Until an epoch's byte comes again. */
#define EPOCHS	     255
#define EPOCHS_QUICK 8

enum {
	HARVEST,
	FEED,
	DRAIN,
	SIDES
};

struct aging {
	struct tables tables;
	struct ptw_age age;
	struct ptw_age_feed feed;
	uint8_t *last;
	uint8_t *due;
	uint64_t *planted;
	uint64_t *found;
	double percent;
	uint64_t planted_pages;
	uint64_t marked;
	uint64_t histogram[PTW_AGE_MAX + 1];
	int error;
};

static void prepare(void *context, unsigned int side)
{
	struct aging *a = context;

	/* Zeroed in time; until then as full as a pass leaves it. */
	if (side == HARVEST)
		memcpy(a->found, a->planted, WORDS * sizeof(*a->found));
	else
		memset(a->found, 0, WORDS * sizeof(*a->found));
	tables_plant(&a->tables, a->percent, a->planted);
	a->planted_pages = 0;
	for (uint64_t w = 0; w < WORDS; w++)
		a->planted_pages += (uint64_t)__builtin_popcountll(a->planted[w]);
	a->marked = 0;
}

static void block(void *context, unsigned int side, uint64_t number)
{
	struct aging *a = context;
	const uint64_t start = number * BLOCK_ENTRIES << PAGE_LG2;
	uint64_t *found = a->found + number * BLOCK_WORDS;
	struct ptw_harvest request = {.size = sizeof(request), .flags = PTW_HARVEST_ACCESSED};
	int error;

	if (side == HARVEST)
		memset(found, 0, BLOCK_WORDS * sizeof(*found));
	if (side == FEED && !number)
		ptw_age_feed_begin(&a->feed, &a->age, 0);
	if (side == FEED) {
		request.word = ptw_age_feed_word;
		request.context = &a->feed;
	} else {
		request.young = found;
	}
	error = ptw_harvest(a->tables.pgtable, start, start + (BLOCK_ENTRIES << PAGE_LG2), &request,
			    NULL);
	if (error)
		a->error = error;
	if (side == FEED && number == BLOCKS - 1)
		a->marked = ptw_age_feed_end(&a->feed);
	if (side == DRAIN)
		a->marked += ptw_age_drain_bitmap(&a->age, number * BLOCK_ENTRIES, found,
						  BLOCK_WORDS, NULL);
}

/* Pages that are of age 0 are those that were planted, and all are counted. */
static void check_ages(const struct aging *a)
{
	uint64_t sum = 0;

	for (uint64_t w = 0; w < WORDS; w++) {
		uint64_t marked = 0;

		for (unsigned int i = 0; i < 64; i++)
			marked |= (uint64_t)!ptw_age_of(&a->age, w * 64 + i) << i;
		if (marked != a->planted[w] || a->found[w])
			bench_die(
				EXIT_WRONG,
				"wrong ages: of pages %llu on %016llx were young, marked %016llx, "
				"left in the bitmap %016llx",
				(unsigned long long)w * 64, (unsigned long long)a->planted[w],
				(unsigned long long)marked, (unsigned long long)a->found[w]);
	}
	for (unsigned int i = 0; i <= PTW_AGE_MAX; i++)
		sum += a->histogram[i];
	if (sum != ENTRIES || a->histogram[0] != a->planted_pages || a->marked != a->planted_pages)
		bench_die(EXIT_WRONG,
			  "wrong ages: %llu pages were young, %llu marked, %llu of age 0, %llu in "
			  "all",
			  (unsigned long long)a->planted_pages, (unsigned long long)a->marked,
			  (unsigned long long)a->histogram[0], (unsigned long long)sum);
}

static void check_harvest(const struct aging *a)
{
	tables_check(a->planted, a->found, 0, ENTRIES, "library");
}

static void verify(void *context, unsigned int side)
{
	struct aging *a = context;

	if (a->error)
		bench_die(EXIT_WRONG, "harvest failed: %s", ptw_strerror(a->error));
	if (side == HARVEST) {
		check_harvest(a);
		return;
	}
	ptw_age_histogram(&a->age, NULL, a->histogram);
	check_ages(a);
	ptw_age_advance(&a->age);
}

/*
 * Epochs in which the planted pages, moved on by some words each time, are young. Returns the mean
 * time of their ends in nanoseconds.
 */
static double epochs_run(struct aging *a, unsigned int epochs, bool timed)
{
	double sum = 0;
	unsigned int kept = 0;

	for (unsigned int e = 0; e < epochs; e++) {
		const uint64_t shift = (uint64_t)e * 9973 % WORDS;
		long before;
		uint64_t ns;

		a->marked = ptw_age_mark_bitmap(&a->age, shift * 64, a->planted, WORDS - shift);
		a->marked += ptw_age_mark_bitmap(&a->age, 0, a->planted + WORDS - shift, shift);
		/* A harvest of all tables lies between the marks and this, elsewhere. */
		if (timed)
			regions_cool();
		before = preemptions();
		ns = now_ns();
		ptw_age_histogram(&a->age, NULL, a->histogram);
		ptw_age_advance(&a->age);
		ns = now_ns() - ns;
		if (preemptions() == before) {
			sum += (double)ns;
			kept++;
		}
		if (a->histogram[0] != a->planted_pages)
			bench_die(EXIT_WRONG, "wrong ages: %llu pages marked, %llu of age 0",
				  (unsigned long long)a->planted_pages,
				  (unsigned long long)a->histogram[0]);
	}
	return kept ? sum / kept : 0;
}

static void report(struct sink *sink, const struct aging *a, const struct turned *turned,
		   unsigned int side, double end)
{
	const double harvest = turned->side[HARVEST].ns / (double)BLOCK_ENTRIES;
	const double aged = turned->side[side].ns / (double)BLOCK_ENTRIES;
	struct figure figure = {.goal = side == DRAIN ? GOAL : 0, .total = turned->side[side].total};

	if (harvest > 0 && end > 0) {
		figure.value = (aged + end) / harvest;
		figure.kept = turned->side[side].kept < turned->side[HARVEST].kept ?
				      turned->side[side].kept :
				      turned->side[HARVEST].kept;
	}
	snprintf(figure.id, sizeof(figure.id), "G9-%s-%g", side == FEED ? "feed" : "age",
		 a->percent);
	snprintf(figure.detail, sizeof(figure.detail),
		 "%g %% of 16 M pages young: harvest %.3f ns, with ages %s %.3f ns an entry, and "
		 "%.4f for histogram and advance; blocks of %.0f and %.0f us",
		 a->percent, harvest, side == FEED ? "fed by words" : "drained from its bitmap",
		 aged, end, turned->side[HARVEST].ns / 1e3, turned->side[side].ns / 1e3);
	sink_figure(sink, &figure);
}

static void age_one(struct sink *sink, struct aging *a, double percent)
{
	const unsigned int epochs = sink->quick ? EPOCHS_QUICK : EPOCHS;
	const struct turns turns = {
		.context = a,
		.sides = SIDES,
		.blocks = {BLOCKS, BLOCKS, BLOCKS},
		.want = sink->quick ? KEPT_MIN : 2000,
		.prepare = prepare,
		.block = block,
		.verify = verify,
	};
	struct turned turned;
	double end;

	a->percent = percent;
	prepare(a, HARVEST);
	epochs_run(a, epochs, false);
	end = epochs_run(a, epochs, true) / (double)ENTRIES;
	/* What prepare() planted is found here, so that turns begin with nothing young. */
	for (uint64_t b = 0; b < BLOCKS; b++)
		block(a, HARVEST, b);
	turns_run(&turns, &turned);
	report(sink, a, &turned, DRAIN, end);
	report(sink, a, &turned, FEED, end);
	sink_step(sink);
}

void age_measure(struct sink *sink)
{
	static const double percents[AGE_STEPS] = {1, 10, 100};
	struct aging a = {0};

	tables_build(&a.tables, ENTRIES);
	a.last = malloc(ENTRIES);
	a.due = malloc(ptw_age_index_bytes(ENTRIES));
	a.planted = bench_new(WORDS, sizeof(*a.planted), "bitmaps");
	a.found = bench_new(WORDS, sizeof(*a.found), "bitmaps");
	if (!a.last || !a.due)
		bench_die(EXIT_WRONG, "not enough memory for ages");
	for (unsigned int i = 0; i < AGE_STEPS; i++) {
		if (ptw_age_init(&a.age, a.last, ENTRIES) || ptw_age_index(&a.age, a.due))
			bench_die(EXIT_WRONG, "cannot begin ages");
		age_one(sink, &a, percents[i]);
	}
	tables_free(&a.tables);
	free(a.last);
	free(a.due);
	free(a.planted);
	free(a.found);
}
