/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * OpenMetrics text for collectors that read files, as the textfile collector of node_exporter.
 * Gauges all: that reader and OpenMetrics name counters in ways that exclude each other, and it
 * knows no gauge histograms, so edges of ages are a label, up_to.
 */
#ifndef PTW_EXAMPLES_OPENMETRICS_H
#define PTW_EXAMPLES_OPENMETRICS_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

/* What a gauge is; `unit` is what its name ends in, or NULL. Samples follow. */
static inline void metrics_gauge(FILE *out, const char *name, const char *unit, const char *help)
{
	fprintf(out, "# TYPE %s gauge\n", name);
	if (unit)
		fprintf(out, "# UNIT %s %s\n", name, unit);
	fprintf(out, "# HELP %s %s\n", name, help);
}

/* `labels` as in of="writes", or "". */
static inline void metrics_sample(FILE *out, const char *name, const char *labels, uint64_t value)
{
	fprintf(out, *labels ? "%s{%s} %" PRIu64 "\n" : "%s%s %" PRIu64 "\n", name, labels, value);
}

/*
 * Amounts by idle age in classes 0, 1, 2 to 3, 4 to 7 and so on, the last without an end: of each
 * edge how much is as old or younger.
 */
static inline void metrics_ages(FILE *out, const char *name, const char *labels, const uint64_t *class,
				unsigned int classes)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < classes; i++) {
		sum += class[i];
		fprintf(out, "%s{%s%sup_to=\"", name, labels, *labels ? "," : "");
		if (i + 1 < classes)
			fprintf(out, "%u", (1u << i) - 1);
		else
			fputs("+Inf", out);
		fprintf(out, "\"} %" PRIu64 "\n", sum);
	}
}

/* A file without this was cut short. */
static inline void metrics_end(FILE *out)
{
	fputs("# EOF\n", out);
}

#endif /* PTW_EXAMPLES_OPENMETRICS_H */
