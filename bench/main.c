/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ptw-bench: measures the library against floors and rivals of the same run. */
#include <stdlib.h>
#include <string.h>

#include "launch.h"
#include "options.h"
#include "report.h"

int main(int argc, char **argv)
{
	struct figures figures;
	struct options options;

	options_parse(&options, argc, argv);
	if (options.worker >= 0) {
		struct sink sink = {.fd = options.worker, .quick = options.quick};

		measurements_run(&sink, options.measurements);
		return EXIT_SUCCESS;
	}
	if (options.json)
		report_check(options.json);
	launch_all(&figures, options.measurements, options.quick);
	if (options.json)
		report_json(&figures, options.json);
	if (!options.json || strcmp(options.json, "-") != 0)
		report_table(&figures);
	return EXIT_SUCCESS;
}
