/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ptw-sim: replays a page trace with limited memory and reports who was used, idle and put out. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "compare_merge.h"
#include "console.h"
#include "curve.h"
#include "guest.h"
#include "heat_plot.h"
#include "make.h"
#include "notes.h"
#include "options.h"
#include "output.h"
#include "pack.h"
#include "proactive_report.h"
#include "replay.h"
#include "report.h"
#include "trace.h"

static bool is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

/* Before a long run that would be in vain. */
static void check_file(const struct options *options, const char *option, const char *path)
{
	char error[1024];

	if (!path || is_stdout(path))
		return;
	if (!output_check(path, error, sizeof(error)))
		sim_die("%s", error);
	if (output_is_input(path, options->trace) ||
	    (options->guest && output_is_input(path, options->guest)))
		sim_die("--%s '%s' would replace the trace; name another file", option, path);
}

static void check_files(const struct options *options)
{
	if (options->json && options->report && strcmp(options->json, options->report) == 0)
		sim_die("--json and --report are the same, '%s'; name two files", options->json);
	check_file(options, "json", options->json);
	check_file(options, "report", options->report);
	if (options->plot)
		heat_plot_check(options->plot);
}

static void write_text(const char *path, char *text)
{
	if (!text)
		sim_die("not enough memory for '%s'", path);
	output_text(path, text);
	free(text);
}

/* Files first: the reader of the tables may have left, as in "ptw-sim ... | head". */
static void write_files(const struct report *report)
{
	const struct options *options = report->options;

	if (options->json)
		write_text(options->json, report_json(report));
	if (options->report)
		write_text(options->report, report_html(report));
	if (options->plot)
		heat_plot(options->plot, report);
}

int main(int argc, char **argv)
{
	static struct history history;
	static struct replay replay;
	struct trace_how how = {0};
	struct options options;
	struct trace trace;
	struct report report;
	char error[1024];
	bool only_file;

	if (argc > 1 && strcmp(argv[1], "pack") == 0)
		return pack_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "compare") == 0)
		return compare_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "merge") == 0)
		return compare_merge_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "make") == 0)
		return make_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "curve") == 0)
		return curve_main(argc - 1, argv + 1);
	options_parse(&options, argc, argv);
	check_files(&options);
	only_file = is_stdout(options.json) || is_stdout(options.report);
	if (options.guest) {
		guest_main(&options);
		return EXIT_SUCCESS;
	}
	how.form = options.trace_form;
	if (!trace_load_as(&trace, options.trace, &how, error, sizeof(error)))
		sim_die("%s", error);

	if (options.promotion) {
		proactive_main(&options, &trace);
		trace_free(&trace);
		return EXIT_SUCCESS;
	}
	report = (struct report){
		.options = &options,
		.trace = &trace,
		.replay = &replay,
		.history = &history,
		.memory_pages = memory_limit_pages(&options.memory, trace.footprint),
	};
	struct sim_config config = {
		.trace = &trace,
		.pages = trace.pages,
		.frames = report.memory_pages < trace.footprint ? report.memory_pages :
								  trace.footprint,
		.format = options.format,
		.scan_interval = options.scan_interval,
		.tlb_sets = options.tlb_sets,
		.tlb_ways = options.tlb_ways,
		.history = only_file && !options.report && !options.plot ? NULL : &history,
		.error = error,
	};
	if (!replay_run(&replay, options.policy, &config))
		sim_die("%s: %s", options.policy->name, error);

	write_files(&report);
	if (!only_file)
		report_print(&report);
	output_flush();
	/* Last, where they are seen below the tables; a run that failed says nothing else. */
	notes_print(&report);
	trace_free(&trace);
	return EXIT_SUCCESS;
}
