/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "report.h"

#include <jansson.h>
#include <stdio.h>

#include "output.h"

static bool is_met(const struct figures *figures, unsigned int f)
{
	return !figures->few[f] && figure_met(&figures->figure[f]);
}

static json_t *figure_json(const struct figures *figures, unsigned int f)
{
	const struct figure *figure = &figures->figure[f];
	const char *bound = figure_bound(figure);
	bool timed = figure->total;

	return json_pack("{s:s, s:o, s:o, s:s?, s:o, s:o, s:o, s:o, s:s}", "id", figure->id,
			 "value", figure->skipped ? json_null() : json_real(figure->value), "goal",
			 bound ? json_real(figure->goal) : json_null(), "bound", bound, "met",
			 bound ? json_boolean(is_met(figures, f)) : json_null(), "few",
			 timed ? json_boolean(figures->few[f]) : json_null(), "kept",
			 timed ? json_integer((json_int_t)figure->kept) : json_null(), "total",
			 timed ? json_integer((json_int_t)figure->total) : json_null(), "detail",
			 figure->detail);
}

void report_json(const struct figures *figures, const char *path)
{
	json_t *array = json_checked(json_array());

	for (unsigned int f = 0; f < figures->count; f++)
		json_add(array, figure_json(figures, f));
	output_json(path, array);
	json_decref(array);
}

/* Quoted, as it may hold commas. */
static void csv_detail(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	fputs("\"\n", out);
}

static void csv_line(FILE *out, const struct figures *figures, unsigned int f)
{
	const struct figure *figure = &figures->figure[f];
	const char *bound = figure_bound(figure);

	fprintf(out, "%s,", figure->id);
	if (!figure->skipped)
		fprintf(out, "%.6g", figure->value);
	if (bound)
		fprintf(out, ",%.6g,%s,%s,", figure->goal, bound, is_met(figures, f) ? "yes" : "no");
	else
		fputs(",,,,", out);
	if (figure->total)
		fprintf(out, "%s,%llu,%llu,", figures->few[f] ? "yes" : "no", (unsigned long long)figure->kept,
			(unsigned long long)figure->total);
	else
		fputs(",,,", out);
	csv_detail(out, figure->detail);
}

void report_csv(const struct figures *figures, const char *path)
{
	struct target target;
	FILE *out = output_begin(&target, path);

	fputs("id,value,goal,bound,met,few,kept_blocks,total_blocks,detail\n", out);
	for (unsigned int f = 0; f < figures->count; f++)
		csv_line(out, figures, f);
	output_end(&target, path, out);
}

static const char *verdict(const struct figures *figures, unsigned int f)
{
	if (figures->few[f])
		return "too few";
	if (!figure_bound(&figures->figure[f]))
		return "";
	return is_met(figures, f) ? "met" : "NOT MET";
}

static void print_figure(const struct figures *figures, unsigned int f)
{
	const struct figure *figure = &figures->figure[f];
	const char *bound = figure_bound(figure);
	int digits = figure->goal < 1000 ? 3 : 0;
	char goal[32] = "";

	if (figure->skipped) {
		printf("%-27s %9s\n    %s\n", figure->id, "-", figure->detail);
		return;
	}
	if (bound)
		snprintf(goal, sizeof(goal), "%-8s %9.*f", bound, digits, figure->goal);
	printf("%-27s %9.*f  %-18s  %-7s ", figure->id, digits, figure->value, goal,
	       verdict(figures, f));
	if (figure->total)
		printf("%llu/%llu", (unsigned long long)figure->kept,
		       (unsigned long long)figure->total);
	printf("\n    %s\n", figure->detail);
}

void report_table(const struct figures *figures)
{
	bool few = false;

	printf("%-27s %9s  %-18s  %-7s %s\n", "figure", "value", "goal", "", "kept/total blocks");
	for (unsigned int f = 0; f < figures->count; f++) {
		print_figure(figures, f);
		few |= figures->few[f];
	}
	if (few)
		printf("too few: not enough was kept to measure by; try again on a quieter machine,\n"
		       "         or as it says.\n");
	if (figures->launches < LAUNCHES_MAX)
		printf("One process only: no figure to quote.\n");
	output_flush();
}
