/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ptw-sim: replays a page trace with limited memory and reports who was used, idle and put out. */
#include <stdlib.h>
#include <string.h>

#include "console.h"
#include "guest.h"
#include "notes.h"
#include "options.h"
#include "output.h"
#include "replay.h"
#include "report.h"
#include "trace.h"

static void write_report(const struct report *report)
{
	char *text = report_json(report);

	if (!text)
		sim_die("not enough memory for the JSON report");
	output_json(report->options->json, text);
	free(text);
}

int main(int argc, char **argv)
{
	static struct replay replay;
	struct options options;
	struct trace trace;
	struct report report;
	char error[1024];
	bool only_json;

	options_parse(&options, argc, argv);
	only_json = options.json && strcmp(options.json, "-") == 0;
	if (options.json && !only_json) {
		if (!output_check(options.json, error, sizeof(error)))
			sim_die("%s", error);
		if (output_is_input(options.json, options.trace) ||
		    (options.guest && output_is_input(options.json, options.guest)))
			sim_die("--json '%s' would replace the trace; name another file",
				options.json);
	}
	if (options.guest) {
		guest_main(&options);
		return EXIT_SUCCESS;
	}
	if (!trace_load(&trace, options.trace, error, sizeof(error)))
		sim_die("%s", error);

	report = (struct report){
		.options = &options,
		.trace = &trace,
		.replay = &replay,
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
		.error = error,
	};
	if (!replay_run(&replay, options.policy, &config))
		sim_die("%s: %s", options.policy->name, error);

	/* Files first: the reader of the tables may have left, as in "ptw-sim ... | head". */
	if (options.json)
		write_report(&report);
	if (!only_json)
		report_print(&report);
	output_flush();
	/* Last, where they are seen below the tables; a run that failed says nothing else. */
	notes_print(&report);
	trace_free(&trace);
	return EXIT_SUCCESS;
}
