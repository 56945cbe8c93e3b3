/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pictures of experiment `curves`, one for each curve. */
#include <string.h>

#include "curves.h"
#include "plot.h"

/* Lines that are told apart by colour; others are dashed, too. */
#define COLOURS 8
#define SOLID	5

/* Where 0 % stands on a logarithmic axis. */
#define ZERO 0.03

static bool has_points(const struct curves_results *r, unsigned int curve)
{
	for (unsigned int i = 0; i < r->points; i++)
		if (r->point[i].curve == curve && r->point[i].value > 0)
			return true;
	return false;
}

static void print_series(FILE *f, const struct curves_results *r, unsigned int curve,
			 const char *series, unsigned int number)
{
	fprintf(f, "$d%u << EOD\n", number);
	for (unsigned int i = 0; i < r->points; i++) {
		const struct curve_point *p = &r->point[i];

		/* gnuplot leaves out what is not there. */
		if (p->curve != curve || strcmp(p->series, series) != 0 || p->value <= 0)
			continue;
		fprintf(f, "%.7g %.5g %.5g %.5g\n",
			curve_shapes[curve].percent && p->x <= 0 ? ZERO : p->x, p->value, p->min,
			p->max);
	}
	fputs("EOD\n", f);
}

static void print_axes(FILE *f, const struct curve_shape *shape)
{
	fprintf(f, "set title \"%s\"\nset xlabel '%s'\nset ylabel '%s'\n", shape->title, shape->x,
		shape->y);
	if (shape->threads) {
		fputs("set xtics 1\nset xrange [0.8:4.2]\nset logscale y\nset format y '%g'\n", f);
		return;
	}
	fputs("set logscale xy\nset format '%g'\n", f);
	if (shape->percent)
		fprintf(f,
			"set xtics ('0' %g, '0.1' 0.1, '1' 1, '3' 3, '10' 10, '30' 30, '100' 100)\n"
			"set xrange [%g:130]\n",
			ZERO, ZERO * 0.8);
	else
		fprintf(f, "set logscale x 2\nset xrange [%g:*]\n", shape->start);
	if (shape->tics)
		fprintf(f, "set xtics (%s)\nset xrange [%g:*]\n", shape->tics, shape->start);
}

static void plot_curve(const struct curves_results *r, unsigned int curve, const char *directory)
{
	struct plot plot;
	const char *series;
	char name[64];
	FILE *f;

	snprintf(name, sizeof(name), "curves-%s", curve_shapes[curve].name);
	/* A picture without a single point is an error to gnuplot. */
	if (!has_points(r, curve)) {
		plot_skip(name);
		return;
	}
	plot_begin(&plot, directory, name);
	f = plot.script;
	for (unsigned int n = 0; (series = curves_series(r, curve, n)); n++)
		print_series(f, r, curve, series, n);
	print_axes(f, &curve_shapes[curve]);
	fputs("plot", f);
	for (unsigned int n = 0; (series = curves_series(r, curve, n)); n++)
		fprintf(f,
			"%s $d%u using 1:2:3:4 with yerrorlines linetype %u dashtype %u linewidth "
			"1.5 pointsize 0.5 title '%s'",
			n ? "," : "", n, n % COLOURS + 1, n < SOLID ? 1u : 2u, series);
	fputs("\n", f);
	plot_end(&plot);
}

void curves_plot(const struct curves_results *r, const char *directory)
{
	for (unsigned int c = 0; c < CURVES; c++)
		plot_curve(r, c, directory);
}
