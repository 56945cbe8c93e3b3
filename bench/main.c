/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ptw-bench: measures the library against floors and rivals of the same run. */
#include <stdlib.h>
#include <string.h>

#include "experiment.h"
#include "launch.h"
#include "options.h"
#include "output.h"
#include "report.h"

int main(int argc, char **argv)
{
	struct figures figures;
	struct options options;

	if (argc > 1 && strcmp(argv[1], "experiment") == 0)
		return experiment_main(argc - 1, argv + 1);
	options_parse(&options, argc, argv);
	if (options.worker >= 0) {
		struct sink sink = {.fd = options.worker, .quick = options.quick};

		measurements_run(&sink, options.measurements);
		return EXIT_SUCCESS;
	}
	if (options.json)
		output_check(options.json);
	launch_all(&figures, options.measurements, options.quick);
	if (options.json)
		report_json(&figures, options.json);
	if (!options.json || strcmp(options.json, "-") != 0)
		report_table(&figures);
	return EXIT_SUCCESS;
}
