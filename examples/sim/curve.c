/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "curve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "console.h"
#include "exact_curve.h"
#include "output.h"

#include <ptw/error.h>

enum {
	KEY_PLOT = 0x100,
	KEY_RATE,
	KEY_RUN,
	KEY_FINER,
	KEY_LEAST,
	KEY_SEED,
};

static const struct argp_option option_table[] = {
	{"memory", 'm', "25%|1.5GiB|PAGES", 0,
	 "Resident memory: a share of the footprint, a size, or a number of pages of 4 KiB (50%)", 0},
	{"rate", KEY_RATE, "N|auto", 0, "Sample one of 2^N pages (auto: at most 16384 pages)", 0},
	{"run", KEY_RUN, "N", 0, "Sample aligned runs of 2^N pages, 0 to 6 (0)", 0},
	{"finer", KEY_FINER, "N", 0,
	 "A step ends when a 2^N-th of the least memory is new, 1 to 8 (2)", 0},
	{"least", KEY_LEAST, "64MiB|PAGES", 0,
	 "Smallest memory that the curve is for; 0: a tenth of the pages seen so far (0)", 0},
	{"seed", KEY_SEED, "S", 0, "Another number samples other pages (0)", 0},
	{"plot", KEY_PLOT, "FILE.html", 0, "Draw both curves into FILE, a page with SVG", 0},
	{0},
};

static void parse_rate(struct curve_job *job, const char *text)
{
	job->config.rate = strcmp(text, "auto") == 0 ?
				   PTW_CURVE_RATE_AUTO :
				   (uint32_t)argument_number("rate", NULL, text, 0, PTW_CURVE_RATE_MAX);
}

/* Pages, or a size; 0 is one, too. */
static uint32_t parse_least(const char *text)
{
	struct memory_limit limit;

	if (memory_limit_parse(&limit, text) && !limit.is_share && limit.pages <= TRACE_PAGE_LIMIT)
		return limit.pages;
	return (uint32_t)argument_number("least", "pages", text, 0, TRACE_PAGE_LIMIT);
}

static error_t parse_option(int key, char *arg, struct argp_state *state);

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "TRACE",
	.children = arguments_files,
	.doc = "Learn from accessed bits and faults of some pages how many misses there would be "
	       "in any memory, and compare that with exact LRU.\v"
	       "The area between the two curves, from 10 to 100 % of the footprint, is given in "
	       "percent of that below the exact one.\n\nExample:\n"
	       "  ptw-sim curve redis.u32.zst --memory 25% --plot redis.html\n",
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct curve_job *job = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		arguments_init(state, &job->common);
		return 0;
	case 'm':
		argument_memory(&job->memory, arg);
		return 0;
	case KEY_RATE:
		parse_rate(job, arg);
		return 0;
	case KEY_RUN:
		job->config.run = (uint32_t)argument_number("run", NULL, arg, 0, PTW_CURVE_RUN_MAX);
		return 0;
	case KEY_FINER:
		job->config.finer = (uint32_t)argument_number("finer", NULL, arg, 1, 8);
		return 0;
	case KEY_LEAST:
		job->config.least = parse_least(arg);
		return 0;
	case KEY_SEED:
		job->config.seed = (uint32_t)argument_number("seed", NULL, arg, 0, UINT32_MAX);
		return 0;
	case KEY_PLOT:
		job->html = argument_file("plot", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (job->path)
			sim_die("'%s' is one trace too many; give one at a time", arg);
		job->path = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

uint32_t curve_pages(const struct curve_job *job, unsigned int percent)
{
	const uint32_t pages = (uint32_t)((uint64_t)job->trace.footprint * percent / 100);

	return pages ? pages : 1;
}

static uint32_t *count_references(const struct trace *trace)
{
	uint32_t *references = calloc(trace->ticks + 1, sizeof(*references));
	size_t tick = 0;

	if (!references)
		sim_die("not enough memory for %zu ticks", trace->ticks);
	for (size_t i = 0; i < trace->count; i++) {
		if (trace->words[i] == TRACE_TICK)
			tick++;
		else
			references[tick]++;
	}
	return references;
}

/* Runs the trace under the engine in the memory given; the curve learns from what the engine sees. */
static void learn(struct curve_job *job)
{
	uint32_t *references = count_references(&job->trace);
	struct sim_watch watch = {.references = references};
	char error[1024];
	const struct sim_config config = {
		.trace = &job->trace,
		.pages = job->trace.pages,
		.frames = job->frames,
		.format = sim_policy_generations.format_name(0),
		.scan_interval = SCAN_INTERVAL_DEFAULT,
		.watch = &watch,
		.error = error,
	};
	int ret;

	job->config.size = sizeof(job->config);
	job->config.pages = job->trace.pages;
	ret = ptw_curve_create(&job->config, &watch.curve);
	if (ret)
		sim_die("cannot make a curve: %s", ptw_strerror(ret));
	if (!replay_run(&job->replay, &sim_policy_generations, &config))
		sim_die("%s", error);
	/* Without a harvest: the page table is gone, and what the last step has seen is known. */
	ptw_curve_step(watch.curve, NULL, job->trace.ticks);
	for (uint64_t m = 0; m <= job->trace.footprint; m++)
		ptw_curve_misses(watch.curve, &m, 1, &job->learned[m], NULL);
	job->state.size = sizeof(job->state);
	ptw_curve_state(watch.curve, &job->state);
	job->reads = watch.reads;
	ptw_curve_destroy(watch.curve);
	free(references);
}

/* Both curves have a point for each page of memory; so the areas are sums. */
static double area(const struct curve_job *job)
{
	double between = 0, below = 0;

	for (uint32_t m = curve_pages(job, CURVE_FROM); m <= job->trace.footprint; m++) {
		const double exact = (double)job->exact[m], learned = (double)job->learned[m];

		between += learned > exact ? learned - exact : exact - learned;
		below += exact;
	}
	return between / below;
}

int curve_main(int argc, char **argv)
{
	struct curve_job job = {.common = {.verb = "ptw-sim curve"},
				.memory = {.is_share = true, .share = 500000},
				.config = {.rate = PTW_CURVE_RATE_AUTO}};
	char error[1024];

	arguments_parse(&argp, argc, argv, &job);
	if (!job.path)
		sim_die("no trace named; see ptw-sim curve --help");
	argument_check_apart("json", job.common.json, "plot", job.html);
	argument_check_apart("csv", job.common.csv, "plot", job.html);
	argument_check_apart("json", job.common.json, "csv", job.common.csv);
	argument_check_output("json", job.common.json, &job.path, 1);
	argument_check_output("csv", job.common.csv, &job.path, 1);
	argument_check_output("plot", job.html, &job.path, 1);
	if (!trace_load(&job.trace, job.path, error, sizeof(error)))
		sim_die("%s", error);
	sim_say("read '%s': %zu references to %u pages", job.path, job.trace.references, job.trace.footprint);
	memory_limit_note(&job.memory, job.trace.footprint);
	job.frames = memory_limit_pages(&job.memory, job.trace.footprint);
	job.frames = job.frames < job.trace.footprint ? job.frames : job.trace.footprint;
	job.exact = calloc((size_t)job.trace.footprint + 1, sizeof(*job.exact));
	job.learned = calloc((size_t)job.trace.footprint + 1, sizeof(*job.learned));
	if (!job.exact || !job.learned || !exact_curve(&job.trace, job.exact))
		sim_die("not enough memory for the curve of %u pages", job.trace.footprint);
	sim_say("the exact curve is there; learning from a run in %u pages", job.frames);
	learn(&job);
	job.area = area(&job);
	if (job.common.json)
		output_made(job.common.json, curve_json(&job));
	if (job.common.csv)
		output_made(job.common.csv, curve_csv(&job));
	if (job.html)
		output_made(job.html, curve_html(&job));
	if (!output_is_stdout(job.common.json) && !output_is_stdout(job.common.csv) && !output_is_stdout(job.html))
		curve_print(&job);
	output_flush();
	free(job.exact);
	free(job.learned);
	trace_free(&job.trace);
	return EXIT_SUCCESS;
}
