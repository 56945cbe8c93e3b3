/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "experiment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "cases.h"
#include "curves.h"
#include "figure.h"
#include "options.h"
#include "output.h"
#include "plot.h"
#include "progress.h"
#include "thread.h"

/* Without ptw-sim this one is known, and cannot run. */
#ifdef PTW_BENCH_SIM
#define SECONDARY secondary_experiment
#define NO_SIM	  ""
#else
#define SECONDARY NULL
#define NO_SIM	  PTW_BENCH_NO_SIM
#endif

static const struct {
	const char *name;
	const char *what;
	experiment_fn run;	 /* null: not in this build */
	experiment_work_fn work; /* null: it starts no processes */
} experiments[] = {
	{"batch", "how many pages to ask about at a time, with locks and without",
	 batch_experiment, batch_work},
	{"locks", "a writer and a harvester, with locks around calls and without",
	 locks_experiment, NULL},
	{"reclaim", "when empty tables go back: never, at once, later, on request",
	 reclaim_experiment, NULL},
	{"curves", "what a harvest costs, by young pages, tables, threads and leaves",
	 curves_experiment, curves_work},
	{"phases", "where the time goes: walk, scan, atomics, output, waiting",
	 phases_experiment, NULL},
	{"secondary", "whom reclaim asks where a guest has pages in memory, too", SECONDARY, NULL},
};

#define EXPERIMENTS (sizeof(experiments) / sizeof(experiments[0]))

/* The number of this name; EXPERIMENTS: there is none. */
static size_t find(const char *name)
{
	size_t i = 0;

	while (i < EXPERIMENTS && strcmp(experiments[i].name, name) != 0)
		i++;
	return i;
}

bool experiment_known(const char *name)
{
	return find(name) < EXPERIMENTS;
}

/* "batch, locks or reclaim" */
static void names_of(char *names, size_t size)
{
	size_t last = EXPERIMENTS - 1;

	while (!experiments[last].run)
		last--;
	*names = '\0';
	for (size_t i = 0; i <= last; i++) {
		size_t at = strlen(names);

		if (experiments[i].run)
			snprintf(names + at, size - at, "%s%s",
				 !i ? "" : i < last ? ", " : " or ", experiments[i].name);
	}
}

void experiment_check(const char *name)
{
	const size_t i = find(name);
	char names[256];

	if (i < EXPERIMENTS && experiments[i].run)
		return;
	if (i < EXPERIMENTS)
		bench_die(EXIT_BAD_INPUT, "experiment %s is not in this build: it " NO_SIM,
			  name);
	if (case_known(name))
		bench_die(EXIT_BAD_INPUT, "'%s' is a case: ptw-bench case %s", name, name);
	names_of(names, sizeof(names));
	if (!*name)
		bench_die(EXIT_BAD_INPUT, "which experiment? give %s", names);
	bench_die(EXIT_BAD_INPUT, "no experiment '%s'; give %s", name, names);
}

void experiment_list(void)
{
	printf("Experiments (ptw-bench experiment NAME):\n");
	for (size_t i = 0; i < EXPERIMENTS; i++)
		printf("  %-10s %s\n", experiments[i].name,
		       experiments[i].run ? experiments[i].what :
					    "(not in this build: it " NO_SIM ")");
}

void experiment_begin(struct experiment_run *run, const struct experiment_options *options)
{
	run->quick = options->quick;
	run->load_before = machine_load();
	run->start = now_ns();
}

void experiment_end(struct experiment_run *run)
{
	progress_show(1);
	run->load_after = machine_load();
	run->seconds = 1e-9 * (double)(now_ns() - run->start);
}

static bool is_stdout(const char *file)
{
	return file && strcmp(file, "-") == 0;
}

int experiment_main(const struct options *o)
{
	const struct experiment_options options = {
		.quick = o->quick,
		.table = !is_stdout(o->json) && !is_stdout(o->folded),
		.plots = o->plots,
		.traces = o->traces,
		.folded = o->folded,
	};
	const size_t number = find(o->experiment);
	json_t *results;

	if (o->worker >= 0 && experiments[number].work) {
		experiments[number].work(o->worker, o->quick);
		return EXIT_SUCCESS;
	}
	if (is_stdout(o->json) && is_stdout(o->folded))
		bench_die(EXIT_BAD_INPUT, "--json and --folded cannot both be -; give one a file");
	if (o->json)
		output_check(o->json);
	if (o->folded)
		output_check(o->folded);
	if (o->plots)
		plot_check(o->plots);
	results = experiments[number].run(&options);
	if (o->json)
		output_json(o->json, results);
	output_flush();
	json_decref(results);
	return EXIT_SUCCESS;
}
