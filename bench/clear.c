/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * G3: what an additional young entry costs, against a loop of locked instructions on entries in
 * the first-level cache, which is what a clear costs at least, one by one. And the ways to clear
 * more than one at a time, where all are young, against the same harvest without them.
 */
#include <stdio.h>

#include <ptw/ptw.h>

#include "speed.h"
#include "trial.h"

#define SMALL		  ((uint64_t)1 << 20)
#define LARGE		  ((uint64_t)16 << 20)
#define BLOCK		  ((uint64_t)1 << 15)
#define GOAL_ENTRY	  1.1
#define GOAL_PAIRS	  1.2
#define GOAL_TRANSACTIONS 6

/* A way to clear several at a time. */
struct wider {
	const char *name;
	const char *missing;
	uint32_t clear; /* enum ptw_clear */
	uint32_t flag;	/* enum ptw_config_flag */
	double goal;
	struct ground ground;
	bool here;
	unsigned int all; /* ways of the trial: all young, none */
	unsigned int none;
};

enum {
	PAIRS,
	TRANSACTIONS,
	WIDER,
};

static void add_wider(struct trial *trial, struct wider *wider)
{
	const struct tables_how how = {.flags = wider->flag};
	struct way way = {.name = wider->name, .ground = &wider->ground, .work = WORK_HARVEST};

	wider->here = ptw_clear_available(wider->clear);
	if (!wider->here)
		return;
	ground_build(&wider->ground, trial->entries, &how);
	wider->none = trial_add(trial, &way);
	way.young = 100;
	wider->all = trial_add(trial, &way);
}

static void report_wider(struct sink *sink, const struct wider *wider, const char *size,
			 const struct measured *m, unsigned int locked, unsigned int locked_none)
{
	struct figure figure = {.skipped = true};

	if (wider->here) {
		speed_figure(&figure, m, m->ns[locked], m->ns[wider->all], wider->goal);
		figure.at_least = true;
		snprintf(figure.detail, sizeof(figure.detail),
			 "times as fast as one by one, all young: %.3f ns, one by one %.3f ns per "
			 "entry; none young: %.3f and %.3f ns",
			 m->ns[wider->all], m->ns[locked], m->ns[wider->none], m->ns[locked_none]);
	} else {
		snprintf(figure.detail, sizeof(figure.detail), "skipped: %s", wider->missing);
	}
	snprintf(figure.id, sizeof(figure.id), "G3-%s-%s", wider->name, size);
	sink_figure(sink, &figure);
}

/* (with - without) / share, against a locked instruction. */
static void report_entry(struct sink *sink, const char *name, const char *size, double percent,
			 const struct measured *m, unsigned int with, unsigned int without,
			 unsigned int floor, double goal)
{
	double slope = (m->ns[with] - m->ns[without]) * 100 / percent;
	struct figure figure;

	speed_figure(&figure, m, slope, m->ns[floor], goal);
	snprintf(figure.id, sizeof(figure.id), "G3-%s-%s", name, size);
	snprintf(figure.detail, sizeof(figure.detail),
		 "an additional young entry %.3f ns (harvest at %g %% young %.3f ns, at 0 %% %.3f ns per "
		 "entry), hot `lock and` %.3f ns; block %.0f us",
		 slope, percent, m->ns[with], m->ns[without], m->ns[floor], m->longest_us);
	sink_figure(sink, &figure);
}

/* The floor of pairs, beside the others. */
static void report_pair_floor(struct sink *sink, const char *size, const struct measured *m,
			      unsigned int pairs, unsigned int floor)
{
	struct figure figure;

	speed_figure(&figure, m, m->ns[floor], m->ns[pairs], 0);
	snprintf(figure.id, sizeof(figure.id), "G3-cmpxchg16b-%s", size);
	snprintf(figure.detail, sizeof(figure.detail),
		 "hot cmpxchg16b %.3f ns, hot `lock and` %.3f ns per entry: what pairs can give",
		 m->ns[pairs], m->ns[floor]);
	sink_figure(sink, &figure);
}

static void measure_size(struct sink *sink, uint64_t entries, const char *size, bool large)
{
	struct wider wider[WIDER] = {
		[PAIRS] = {
			.name = "pairs",
			.missing = "no cmpxchg16b",
			.clear = PTW_CLEAR_PAIRS,
			.flag = PTW_CONFIG_PAIRS,
			.goal = GOAL_PAIRS,
		},
		[TRANSACTIONS] = {
			.name = "transactions",
			.missing = "no RTM",
			.clear = PTW_CLEAR_TRANSACTIONS,
			.flag = PTW_CONFIG_TRANSACTIONS,
			.goal = GOAL_TRANSACTIONS,
		},
	};
	unsigned int floor, pair_floor = 0, none, tenth, all;
	struct ground ground;
	struct trial trial;
	struct measured m;
	struct way way = {.name = "library", .ground = &ground, .work = WORK_HARVEST};

	ground_build(&ground, entries, &(const struct tables_how){0});
	trial_init(&trial, sink, entries, BLOCK);
	none = trial_add(&trial, &way);
	way.young = 10;
	tenth = trial_add(&trial, &way);
	way.young = 100;
	all = trial_add(&trial, &way);
	floor = trial_add(&trial, &(const struct way){.ground = &ground, .work = WORK_AND});
	if (floor_has_pairs())
		pair_floor = trial_add(&trial, &(const struct way){.ground = &ground,
								   .work = WORK_PAIRS});
	for (unsigned int i = 0; i < WIDER; i++)
		add_wider(&trial, &wider[i]);
	trial_run(&trial, &m);
	/* Of tables in memory, each young entry also writes to it, which no hot loop does. */
	report_entry(sink, "entry", size, 100, &m, all, none, floor, large ? 0 : GOAL_ENTRY);
	report_entry(sink, "entry-10", size, 10, &m, tenth, none, floor, large ? 0 : GOAL_ENTRY);
	if (pair_floor)
		report_pair_floor(sink, size, &m, pair_floor, floor);
	for (unsigned int i = 0; i < WIDER; i++) {
		if (large)
			wider[i].goal = 0;
		report_wider(sink, &wider[i], size, &m, all, none);
		if (wider[i].here)
			ground_free(&wider[i].ground);
	}
	ground_free(&ground);
	sink_step(sink);
}

void clear_measure(struct sink *sink)
{
	measure_size(sink, SMALL, "1m", false);
	measure_size(sink, sink->quick ? 2 * SMALL : LARGE, "16m", true);
}
