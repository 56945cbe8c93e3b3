/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "goals.h"

#include <stdio.h>
#include <stdlib.h>

#define WRITER_RATIO	1.1
#define WRITER_EXTRA_NS 1000
#define GRACE_RATIO	1.25
#define SPEED_RATIO	1.03
#define ROUNDS		4
#define GRACE_ROUNDS	12

static double p(const struct histogram *histogram, unsigned int percent)
{
	return histogram_quantile(histogram, percent / 100.0);
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* A figure of no block at all would be one that needs none. */
static uint64_t some(uint64_t count)
{
	return count ? count : 1;
}

void goal_writer(struct figure *figure, const struct latencies *alone,
		 const struct latencies *next_to)
{
	double base = p(&alone->kept, 99);
	double with = p(&next_to->kept, 99);

	*figure = (struct figure){
		.id = "G6",
		.value = ratio(with, base),
		.goal = WRITER_RATIO,
		.kept = next_to->kept.count,
		.total = some(next_to->raw.count),
	};
	if (base > 0 && (base + WRITER_EXTRA_NS) / base > figure->goal)
		figure->goal = (base + WRITER_EXTRA_NS) / base;
	/* Fewer make no 99th percentile. */
	if (alone->kept.count < GOALS_OPERATIONS || next_to->kept.count < GOALS_OPERATIONS)
		figure->kept = 0;
	snprintf(figure->detail, sizeof(figure->detail),
		 "writer's p99 next to a harvester %.0f ns, alone %.0f ns; raw %.0f and %.0f; p50 "
		 "%.0f and %.0f; goal: %.1fx or 1 us more",
		 with, base, p(&next_to->raw, 99), p(&alone->raw, 99), p(&next_to->kept, 50),
		 p(&alone->kept, 50), WRITER_RATIO);
}

void goal_grace(struct figure *figure, enum scan_young young, const struct latencies *usual,
		const struct latencies *shorter)
{
	unsigned int percent = young == SCAN_ALL ? 100 : 0;
	uint64_t kept =
		usual->kept.count < shorter->kept.count ? usual->kept.count : shorter->kept.count;

	*figure = (struct figure){
		.value = ratio(p(&usual->kept, 50), p(&shorter->kept, 50)),
		.goal = GRACE_RATIO,
		.kept = kept,
		.total = some(usual->raw.count),
	};
	snprintf(figure->id, sizeof(figure->id), "G7-grace-%u", percent);
	snprintf(figure->detail, sizeof(figure->detail),
		 "median synchronize_rcu at %u %% young %.1f us, with sections of 512 entries %.1f "
		 "us; p99 %.0f and %.0f us",
		 percent, p(&usual->kept, 50) / 1e3, p(&shorter->kept, 50) / 1e3,
		 p(&usual->kept, 99) / 1e3, p(&shorter->kept, 99) / 1e3);
}

void goal_speed(struct figure *figure, enum scan_young young, const struct grace_speed *speed)
{
	unsigned int percent = young == SCAN_ALL ? 100 : 0;

	*figure = (struct figure){
		.value = ratio(speed->ns[1], speed->ns[0]),
		.goal = SPEED_RATIO,
		.kept = speed->kept,
		.total = speed->total,
	};
	snprintf(figure->id, sizeof(figure->id), "G7-speed-%u", percent);
	snprintf(
		figure->detail, sizeof(figure->detail),
		"harvest at %u %% young %.3f ns, in one section of 32768 entries %.3f ns, in calls "
		"of 512 entries %.3f ns an entry",
		percent, speed->ns[1], speed->ns[0], speed->ns[2]);
}

void goal_grace_run(struct arena *arena, enum scan_young young, bool quick, struct latencies *usual,
		    struct latencies *shorter)
{
	struct grace grace = {
		.wait = GRACE_SYNCHRONIZE,
		.young = young,
		.waits = quick ? 100 : 500,
		.seconds_max = quick ? 0.05 : 0.4,
	};

	for (unsigned int i = 0; i < GRACE_ROUNDS; i++) {
		grace.kind = i & 1 ? &lock_section : &lock_rcu;
		grace.piece = i & 1 ? 512 : SCAN_CALL;
		grace_run(arena, &grace, i & 1 ? shorter : usual);
	}
}

static struct latencies *latencies_new(void)
{
	return bench_new(1, sizeof(struct latencies), "histograms");
}

static void not_measured(struct figure *figure)
{
	snprintf(figure->detail, sizeof(figure->detail), "not measured: " NEEDS_TWO);
}

void writer_measure(struct sink *sink)
{
	struct contest contest = {
		.kind = &lock_rcu,
		.piece = SCAN_WHOLE,
		.operations = GOALS_OPERATIONS / 2,
		.seconds_min = sink->quick ? 0.1 : 0.3,
		.seconds_max = 3,
	};
	struct latencies *side[2] = {latencies_new(), latencies_new()};
	struct figure figure;
	struct arena arena;
	bool built = arena_build(&arena);

	if (built) {
		for (unsigned int i = 0; i < 2 * ROUNDS; i++) {
			contest.rival = i & 1 ? RIVAL_HARVESTER : RIVAL_NONE;
			contest_run(&arena, &contest, side[i & 1]);
		}
		arena_free(&arena);
	}
	goal_writer(&figure, side[0], side[1]);
	if (!built)
		not_measured(&figure);
	sink_figure(sink, &figure);
	free(side[0]);
	free(side[1]);
}

void grace_measure(struct sink *sink)
{
	static const enum scan_young young[] = {SCAN_NONE, SCAN_ALL};
	struct figure figure;
	struct arena arena;
	bool built = arena_build(&arena);

	for (unsigned int i = 0; i < 2; i++) {
		struct latencies *usual = latencies_new();
		struct latencies *shorter = latencies_new();
		struct grace_speed speed;

		if (built)
			goal_grace_run(&arena, young[i], sink->quick, usual, shorter);
		goal_grace(&figure, young[i], usual, shorter);
		if (!built)
			not_measured(&figure);
		sink_figure(sink, &figure);
		grace_speed_run(young[i], sink->quick ? KEPT_MIN : 1000, &speed);
		goal_speed(&figure, young[i], &speed);
		sink_figure(sink, &figure);
		free(usual);
		free(shorter);
	}
	if (built)
		arena_free(&arena);
}
