/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * G5: harvest in calls of 64 pages, one after the other, each with a read-side section of its own,
 * against one call for all of them, and against a walk from root to leaf for each page.
 */
#include <stdio.h>

#include <ptw/ptw.h>

#include "speed.h"
#include "trial.h"

#define SMALL	  ((uint64_t)1 << 20)
#define LARGE	  ((uint64_t)16 << 20)
#define BLOCK	  ((uint64_t)1 << 15)
#define GOAL_PAGE 10
#define SHARES	  3

static const struct share {
	double young;
	double goal;
	double goal_page;
} shares[SHARES] = {
	{0, 1.15, GOAL_PAGE},
	{1, 1.4, GOAL_PAGE},
	{10, 1.15, 0},
};

static void measure_share(struct sink *sink, struct ground *ground, const char *size,
			  const struct share *share)
{
	struct way way = {.name = "library", .ground = ground, .young = share->young};
	unsigned int whole, calls, page;
	struct figure figure;
	struct trial trial;
	struct measured m;

	trial_init(&trial, sink, ground->tables.entries, BLOCK);
	way.work = WORK_HARVEST;
	whole = trial_add(&trial, &way);
	way.work = WORK_CALLS;
	calls = trial_add(&trial, &way);
	way.work = WORK_RIVAL;
	way.name = "page";
	way.rival = rival_page;
	page = trial_add(&trial, &way);
	trial_run(&trial, &m);

	speed_figure(&figure, &m, m.ns[calls], m.ns[whole], share->goal);
	snprintf(figure.id, sizeof(figure.id), "G5-calls-%s-%g", size, share->young);
	snprintf(figure.detail, sizeof(figure.detail),
		 "in calls of 64 pages %.3f ns, in one call %.3f ns per entry at %g %% young: %.1f ns "
		 "a call more; block %.0f us",
		 m.ns[calls], m.ns[whole], share->young, 64 * (m.ns[calls] - m.ns[whole]),
		 m.longest_us);
	sink_figure(sink, &figure);

	speed_figure(&figure, &m, m.ns[page], m.ns[calls], share->goal_page);
	figure.at_least = true;
	snprintf(figure.id, sizeof(figure.id), "G5-page-%s-%g", size, share->young);
	snprintf(figure.detail, sizeof(figure.detail),
		 "times as cheap as a walk from the root for each page: calls of 64 pages %.3f ns, walks "
		 "%.3f ns a page at %g %% young",
		 m.ns[calls], m.ns[page], share->young);
	sink_figure(sink, &figure);
}

void calls_measure(struct sink *sink)
{
	for (unsigned int large = 0; large < 2; large++) {
		uint64_t entries = large ? (sink->quick ? 2 * SMALL : LARGE) : SMALL;
		struct ground ground;

		ground_build(&ground, entries, &(const struct tables_how){0});
		for (unsigned int i = 0; i < SHARES; i++)
			measure_share(sink, &ground, large ? "16m" : "1m", &shares[i]);
		ground_free(&ground);
		sink_step(sink);
	}
}
