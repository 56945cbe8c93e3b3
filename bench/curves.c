/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a harvest costs, against everything that it may depend on: share of young pages, number of
 * tables, memory mapped, threads, and size of leaves. At each point what was harvested is what was
 * planted.
 *
 * Three processes measure, one after the other; this one puts together what they found.
 */
#include "curves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ptw/ptw.h>

#include "experiment.h"
#include "figure.h"
#include "launch.h"
#include "measure.h"
#include "progress.h"
#include "thread.h"

#define LEAF_TICS "'4 KiB' 4, '64 KiB' 64, '2 MiB' 2048, '1 GiB' 1048576"

const struct curve_shape curve_shapes[CURVES] = {
	[CURVE_YOUNG_SMALL] = {.name = "young-1m",
			       .title = "Harvest of 1 M entries (8 MiB of tables)",
			       .x = "% young",
			       .y = "ns an entry",
			       .percent = true},
	[CURVE_YOUNG_LARGE] = {.name = "young-16m",
			       .title = "Harvest of 16 M entries (128 MiB of tables)",
			       .x = "% young",
			       .y = "ns an entry",
			       .percent = true},
	[CURVE_TABLES] = {.name = "tables",
			  .title = "Harvest of so many tables, again and again",
			  .x = "leaf tables of 4 KiB",
			  .y = "ns a table",
			  .start = 1},
	[CURVE_TOUCHED] = {.name = "touched",
			   .title = "Pruned harvest of 64 GiB, by regions touched",
			   .x = "regions of 2 MiB touched, 10 % of their pages young",
			   .y = "us a pass",
			   .start = 1},
	[CURVE_MAPPED] = {.name = "mapped",
			  .title = "64 regions of 2 MiB touched, by memory mapped",
			  .x = "GiB mapped",
			  .y = "us a pass",
			  .start = 2},
	[CURVE_THREADS] = {.name = "threads",
			   .title = "Harvest of 16 M entries by several threads",
			   .x = "threads",
			   .y = "ns an entry",
			   .threads = true},
	[CURVE_EXTENT] = {.name = "extent",
			  .title = "Harvest into runs, by size of leaves",
			  .x = "size of a leaf extent",
			  .y = "ns a leaf extent",
			  .start = 2,
			  .tics = LEAF_TICS},
	[CURVE_GIB] = {.name = "gib",
		       .title = "Harvest into runs, by size of leaves",
		       .x = "size of a leaf extent",
		       .y = "ns a GiB mapped",
		       .start = 2,
		       .tics = LEAF_TICS},
};

void curves_send(const struct curves_work *work, enum curve curve, const char *series, double x,
		 double value, uint64_t kept, uint64_t total)
{
	struct curve_point point = {
		.curve = curve,
		.few = kept < KEPT_MIN,
		.x = x,
		.value = value,
		.min = value,
		.max = value,
		.share = work->share,
		.kept = kept,
		.total = total,
	};

	snprintf(point.series, sizeof(point.series), "%s", series);
	/* Below PIPE_BUF, so it goes out whole. */
	if (write(work->fd, &point, sizeof(point)) != (ssize_t)sizeof(point))
		bench_die(EXIT_WRONG, "the process that reports is gone");
}

void curves_work(int fd, bool quick)
{
	struct curves_work work = {.fd = fd, .quick = quick};

	ptw_thread_register();
	curves_young(&work, CURVE_YOUNG_SMALL, (uint64_t)1 << 20, 0.15);
	curves_young(&work, CURVE_YOUNG_LARGE, (uint64_t)(quick ? 2 : 16) << 20, 0.4);
	curves_tables(&work, 0.3);
	curves_threads(&work, 0.05);
	curves_leaves(&work, 0.1);
}

/* What all processes found. Each measures the same points in the same order. */
struct all {
	struct curve_point point[LAUNCHES_MAX][CURVES_POINTS_MAX];
	unsigned int points[LAUNCHES_MAX];
};

static void launch(struct all *all, bool quick, unsigned int number, unsigned int launches)
{
	const char *argv[] = {"ptw-bench", "experiment", "curves", quick ? "--quick" : NULL, NULL};
	struct curve_point point;
	struct child child;
	double share = 0;

	child_start(&child, argv);
	while (child_read(&child, &point, sizeof(point))) {
		if (point.curve >= CURVES || all->points[number] >= CURVES_POINTS_MAX)
			bench_die(EXIT_WRONG, "a measuring process answered nonsense");
		all->point[number][all->points[number]++] = point;
		share += point.share;
		progress_show((number + share) / launches);
	}
	child_end(&child);
}

/* The middle one of point `i`; of two, what lies between. */
static void merge(struct curve_point *point, const struct all *all, unsigned int launches,
		  unsigned int i)
{
	double values[LAUNCHES_MAX];
	unsigned int count = 0;

	*point = all->point[0][i];
	for (unsigned int l = 0; l < launches; l++) {
		const struct curve_point *one = &all->point[l][i];

		if (l) {
			point->kept += one->kept;
			point->total += one->total;
			point->few |= one->few;
		}
		/* A process that kept nothing measured nothing. */
		if (one->value > 0)
			values[count++] = one->value;
	}
	if (!count)
		return;
	point->value = median(values, count);
	point->min = values[0];
	point->max = values[count - 1];
}

static void merge_all(struct curves_results *r, const struct all *all)
{
	r->points = all->points[0];
	for (unsigned int l = 1; l < r->launches; l++)
		if (all->points[l] != r->points)
			bench_die(EXIT_WRONG, "measuring processes found %u and %u points",
				  r->points, all->points[l]);
	for (unsigned int i = 0; i < r->points; i++)
		merge(&r->point[i], all, r->launches, i);
}

const char *curves_series(const struct curves_results *r, enum curve curve, unsigned int n)
{
	for (unsigned int i = 0; i < r->points; i++) {
		bool again = false;

		if (r->point[i].curve != curve)
			continue;
		for (unsigned int k = 0; k < i && !again; k++)
			again = r->point[k].curve == curve &&
				strcmp(r->point[k].series, r->point[i].series) == 0;
		if (!again && !n--)
			return r->point[i].series;
	}
	return NULL;
}

json_t *curves_experiment(const struct experiment_options *options)
{
	struct curves_results *results = bench_new(1, sizeof(*results), "results");
	struct all *all = bench_new(1, sizeof(*all), "results");
	json_t *json;

	experiment_begin(&results->run, options);
	results->launches = options->quick ? 1 : LAUNCHES_MAX;
	results->cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	for (unsigned int i = 0; i < results->launches; i++)
		launch(all, options->quick, i, results->launches);
	merge_all(results, all);
	experiment_end(&results->run);
	if (options->table)
		curves_print(results);
	if (options->plots)
		curves_plot(results, options->plots);
	json = curves_json(results);
	free(all);
	free(results);
	return json;
}
