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

static void check_files(const struct options *options)
{
	const char *const inputs[] = {options->trace, options->guest};
	const struct arguments_common *common = &options->common;

	argument_check_apart("json", common->json, "report", options->report);
	argument_check_apart("csv", common->csv, "report", options->report);
	argument_check_apart("json", common->json, "csv", common->csv);
	argument_check_output("json", common->json, inputs, 2);
	argument_check_output("csv", common->csv, inputs, 2);
	argument_check_output("report", options->report, inputs, 2);
	if (options->plot)
		heat_plot_check(options->plot);
}

/* Files first: the reader of the tables may have left, as in "ptw-sim ... | head". */
static void write_files(const struct report *report)
{
	const struct options *options = report->options;

	if (options->common.json)
		output_made(options->common.json, report_json(report));
	if (options->common.csv)
		output_made(options->common.csv, report_csv(report));
	if (options->report)
		output_made(options->report, report_html(report));
	if (options->plot)
		heat_plot(options->plot, report);
}

/* Others than run. */
static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{"pack", pack_main},	      {"compare", compare_main}, {"merge", compare_merge_main},
	{"report", compare_merge_main}, {"make", make_main},	 {"curve", curve_main},
};

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

	output_guard();
	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	options_parse(&options, argc, argv);
	check_files(&options);
	only_file = output_is_stdout(options.common.json) || output_is_stdout(options.common.csv) ||
		    output_is_stdout(options.report);
	if (options.guest) {
		guest_main(&options);
		return EXIT_SUCCESS;
	}
	how.form = options.trace_form;
	if (!trace_load_as(&trace, options.trace, &how, error, sizeof(error)))
		sim_die("%s", error);
	sim_say("read '%s': %zu references to %u pages in %zu ticks", options.trace, trace.references,
		trace.footprint, trace.ticks);

	memory_limit_note(&options.memory, trace.footprint);

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
	sim_say("replaying under %s in memory of %u pages", options.policy->name, config.frames);
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
