/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pictures of figures: a bar for each, and a mark where its goal is. */
#include "report.h"

#include <string.h>

#include "plot.h"

#define KIND_SIZE sizeof(((struct figure *)0)->id)

/* What the figure is of: its name up to the first '-'. */
static void kind_of(const struct figure *figure, char *kind)
{
	size_t length = strcspn(figure->id, "-");

	memcpy(kind, figure->id, length);
	kind[length] = '\0';
}

static bool is_of(const struct figure *figure, const char *kind)
{
	char own[KIND_SIZE];

	kind_of(figure, own);
	return !figure->skipped && strcmp(own, kind) == 0;
}

/* Within its kind; the kind itself where there is only one of it. */
static const char *name_of(const struct figure *figure, const char *kind)
{
	size_t length = strlen(kind);

	return figure->id[length] ? figure->id + length + 1 : figure->id;
}

/* Whether one logarithmic axis is needed, and possible. */
static bool is_wide(const struct figures *figures, const char *kind)
{
	double least = 0, most = 0;

	for (unsigned int f = 0; f < figures->count; f++) {
		double value = figures->figure[f].value;

		if (!is_of(&figures->figure[f], kind))
			continue;
		if (value <= 0)
			return false;
		if (least <= 0 || value < least)
			least = value;
		if (value > most)
			most = value;
	}
	return least > 0 && most > 20 * least;
}

static void plot_kind(const struct figures *figures, const char *directory, const char *kind)
{
	struct plot plot;
	unsigned int bars = 0;

	for (unsigned int f = 0; f < figures->count; f++)
		bars += is_of(&figures->figure[f], kind);
	if (!bars) {
		plot_skip(kind);
		return;
	}
	plot_begin(&plot, directory, kind);
	fputs("$data << EOD\n", plot.script);
	for (unsigned int f = 0; f < figures->count; f++) {
		const struct figure *figure = &figures->figure[f];

		if (!is_of(figure, kind))
			continue;
		fprintf(plot.script, "%s %.6g ", name_of(figure, kind), figure->value);
		if (figure->goal > 0)
			fprintf(plot.script, "%.6g\n", figure->goal);
		else
			fputs("NaN\n", plot.script);
	}
	fprintf(plot.script,
		"EOD\n"
		"set title \"%s: ratios, and their goals\"\nset style fill solid 0.8 border -1\n"
		"set boxwidth 0.7\nset xtics rotate by -50\nset ylabel 'ratio'\n%s"
		"set xrange [-0.6:%u.6]\n"
		"plot $data using 0:2:xtic(1) with boxes title 'measured', '' using 0:3 with points "
		"pointtype 7 linecolor 'black' title 'goal'\n",
		kind, is_wide(figures, kind) ? "set logscale y\n" : "set yrange [0:*]\n", bars - 1);
	plot_end(&plot);
}

void report_plot(const struct figures *figures, const char *directory)
{
	char kind[KIND_SIZE], earlier[KIND_SIZE];

	for (unsigned int f = 0; f < figures->count; f++) {
		unsigned int first = 0;

		kind_of(&figures->figure[f], kind);
		do
			kind_of(&figures->figure[first++], earlier);
		while (strcmp(earlier, kind) != 0);
		if (first - 1 == f)
			plot_kind(figures, directory, kind);
	}
}
