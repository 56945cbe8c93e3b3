/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ptw-bench: measures the library against floors and rivals of the same run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "experiment.h"
#include "launch.h"
#include "options.h"
#include "output.h"
#include "plot.h"
#include "report.h"
#include "tables.h"

static int list_main(void)
{
	cases_list();
	putchar('\n');
	experiment_list();
	output_flush();
	return EXIT_SUCCESS;
}

static bool is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

static int measure_main(const struct options *options)
{
	/* Too large for a stack. */
	static struct figures figures;

	if (options->worker >= 0) {
		struct sink sink = {.fd = options->worker, .quick = options->quick};

		tables_kernel = options->kernel;
		cases_run(&sink, options->cases);
		return EXIT_SUCCESS;
	}
	if (options->json)
		output_check(options->json);
	if (options->csv)
		output_check(options->csv);
	if (options->plots)
		plot_check(options->plots);
	launch_all(&figures, options);
	if (options->json)
		report_json(&figures, options->json);
	if (options->csv)
		report_csv(&figures, options->csv);
	if (options->plots)
		report_plot(&figures, options->plots);
	if (!is_stdout(options->json) && !is_stdout(options->csv))
		report_table(&figures);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options options;

	output_guard();
	options_parse(&options, argc, argv);
	switch (options.verb) {
	case VERB_LIST:
		return list_main();
	case VERB_EXPERIMENT:
		return experiment_main(&options);
	default:
		return measure_main(&options);
	}
}
