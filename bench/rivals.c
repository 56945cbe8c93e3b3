/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * G4: harvest against other ways to do the same, and those against a scalar loop that only reads, so
 * that nobody wins by a rival that is slower than it need be. Where all are young everybody pays for a
 * locked instruction per entry, except for who clears two at a time: both ways have a row.
 */
#include <stdio.h>

#include <ptw/ptw.h>

#include "speed.h"
#include "trial.h"

#define SMALL  ((uint64_t)1 << 20)
#define LARGE  ((uint64_t)16 << 20)
#define BLOCK  ((uint64_t)1 << 15)
#define SHARES 3

static const double shares[SHARES] = {0, 1, 100};

/* Goals: at 1 M and 16 M entries with few young ones, or all young; against the scalar loop. */
static const struct contender {
	const char *name;
	rival_fn harvest;
	double goal[2]; /* up to 1 % young */
	double goal_all;
	double fair;
} contenders[] = {
	{"callback", rival_callback, {10, 5.5}, 2, 4.5},
	{"iterator", rival_iterator, {7, 4}, 1.2, 3.3},
	{"levels", rival_levels, {0}, 0, 0},
};

#define CONTENDERS (sizeof(contenders) / sizeof(contenders[0]))

/* What all reports of one trial share. */
struct run {
	const char *size;
	bool large;
	double young;
	struct measured measured;
	unsigned int library;
	unsigned int pairs; /* the library with PTW_CONFIG_PAIRS; 0: not here */
	unsigned int sum;
	unsigned int rival[CONTENDERS];
};

/* `subject`: the library, or the library by pairs. */
static void report(struct sink *sink, const struct run *run, size_t i, unsigned int subject)
{
	const struct contender *c = &contenders[i];
	const struct measured *m = &run->measured;
	double goal = run->young < 100 ? c->goal[run->large] : c->goal_all;
	struct figure figure;

	const bool pairs = subject != run->library;

	speed_figure(&figure, m, m->ns[run->rival[i]], m->ns[subject], goal);
	figure.at_least = true;
	snprintf(figure.id, sizeof(figure.id), "G4-%s-%s-%g%s", c->name, run->size, run->young,
		 pairs ? "-pairs" : "");
	snprintf(figure.detail, sizeof(figure.detail),
		 "times as fast as the %s at %g %% young: harvest%s %.3f ns, %s %.3f ns, scalar read "
		 "%.3f ns per entry; block %.0f us",
		 c->name, run->young, pairs ? " by pairs" : "", m->ns[subject], c->name,
		 m->ns[run->rival[i]], m->ns[run->sum], m->longest_us);
	sink_figure(sink, &figure);
}

/* No strawmen. */
static void report_fair(struct sink *sink, const struct run *run, size_t i)
{
	const struct contender *c = &contenders[i];
	const struct measured *m = &run->measured;
	struct figure figure;

	speed_figure(&figure, m, m->ns[run->rival[i]], m->ns[run->sum], c->fair);
	snprintf(figure.id, sizeof(figure.id), "G4-fair-%s", c->name);
	snprintf(figure.detail, sizeof(figure.detail),
		 "is the rival as good as it must be: %s %.3f ns, scalar read %.3f ns per entry, 16 M "
		 "entries, none young",
		 c->name, m->ns[run->rival[i]], m->ns[run->sum]);
	sink_figure(sink, &figure);
}

/* `by_pairs`: tables that are cleared by pairs; null: there are none. */
static void measure_share(struct sink *sink, struct ground *ground, struct ground *by_pairs,
			  struct run *run)
{
	struct trial trial;
	struct way way = {
		.name = "library",
		.ground = ground,
		.work = WORK_HARVEST,
		.young = run->young,
	};

	trial_init(&trial, sink, ground->tables.entries, BLOCK);
	run->library = trial_add(&trial, &way);
	run->pairs = 0;
	if (by_pairs) {
		way.ground = by_pairs;
		run->pairs = trial_add(&trial, &way);
		way.ground = ground;
	}
	way.work = WORK_RIVAL;
	for (size_t i = 0; i < CONTENDERS; i++) {
		way.name = contenders[i].name;
		way.rival = contenders[i].harvest;
		run->rival[i] = trial_add(&trial, &way);
	}
	way.work = WORK_SUM;
	run->sum = trial_add(&trial, &way);
	trial_run(&trial, &run->measured);
	for (size_t i = 0; i < CONTENDERS; i++)
		report(sink, run, i, run->library);
	for (size_t i = 0; i < CONTENDERS && run->pairs; i++)
		report(sink, run, i, run->pairs);
	for (size_t i = 0; i < CONTENDERS; i++)
		if (run->large && run->young <= 0 && contenders[i].fair > 0)
			report_fair(sink, run, i);
}

void rivals_measure(struct sink *sink)
{
	const bool pairs = ptw_clear_available(PTW_CLEAR_PAIRS);

	for (unsigned int large = 0; large < 2; large++) {
		uint64_t entries = large ? (sink->quick ? 2 * SMALL : LARGE) : SMALL;
		struct run run = {.size = large ? "16m" : "1m", .large = large};
		struct ground ground, by_pairs;

		ground_build(&ground, entries, &(const struct tables_how){0});
		if (pairs)
			ground_build(&by_pairs, entries,
				     &(const struct tables_how){.flags = PTW_CONFIG_PAIRS});
		for (unsigned int i = 0; i < SHARES; i++) {
			run.young = shares[i];
			/* They are for where many are young: neighbours. */
			measure_share(sink, &ground,
				      pairs && run.young >= 100 ? &by_pairs : NULL, &run);
		}
		ground_free(&ground);
		if (pairs)
			ground_free(&by_pairs);
		sink_step(sink);
	}
}
