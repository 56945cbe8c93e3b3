/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "report.h"

#include <jansson.h>
#include <stdio.h>

#include "output.h"

static bool is_met(const struct figures *figures, unsigned int f)
{
	return !figures->few[f] && figure_met(&figures->figure[f]);
}

static json_t *report_build(const struct figures *figures)
{
	json_t *array = json_array();

	for (unsigned int f = 0; f < figures->count; f++) {
		const struct figure *figure = &figures->figure[f];
		bool timed = figure->total;
		json_t *one = json_pack(
			"{s:s, s:f, s:o, s:o, s:o, s:o, s:s}", "id", figure->id, "value",
			figure->value, "goal",
			figure->goal > 0 ? json_real(figure->goal) : json_null(), "met",
			figure->goal > 0 ? json_boolean(is_met(figures, f)) : json_null(), "kept",
			timed ? json_integer((json_int_t)figure->kept) : json_null(), "total",
			timed ? json_integer((json_int_t)figure->total) : json_null(), "detail",
			figure->detail);

		if (!one || json_array_append_new(array, one))
			bench_die(EXIT_WRONG, "not enough memory for the JSON report");
	}
	return array;
}

void report_json(const struct figures *figures, const char *path)
{
	json_t *array = report_build(figures);

	output_json(path, array);
	json_decref(array);
}

void report_table(const struct figures *figures)
{
	printf("%-20s %9s %9s  %-7s %s\n", "figure", "value", "goal", "", "kept/total blocks");
	for (unsigned int f = 0; f < figures->count; f++) {
		const struct figure *figure = &figures->figure[f];
		int digits = figure->goal < 1000 ? 3 : 0;

		printf("%-20s %9.*f ", figure->id, digits, figure->value);
		if (figure->goal > 0)
			printf("%s%8.*f  %-7s ", figure->at_least ? ">" : " ", digits, figure->goal,
			       is_met(figures, f) ? "met" : "NOT MET");
		else
			printf("%9s  %-7s ", "", "");
		if (figure->total)
			printf("%llu/%llu%s", (unsigned long long)figure->kept,
			       (unsigned long long)figure->total,
			       figures->few[f] ? ": too few, not measured" : "");
		printf("\n    %s\n", figure->detail);
	}
	if (figures->launches < LAUNCHES_MAX)
		printf("One process only: no figure to quote.\n");
	output_flush();
}
