/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pictures of experiment `batch`. */
#include "batch.h"
#include "plot.h"

/* Of batch_youngs: 1 %. */
#define YOUNG 1

static void print_number(FILE *f, double value)
{
	if (value > 0)
		fprintf(f, " %.5g", value);
	else
		fputs(" NaN", f);
}

/* Both axes logarithmic, questions from one page to the range. */
static void axes(FILE *f, const char *title, const char *what)
{
	fprintf(f,
		"set title \"%s\"\nset logscale xy\nset xlabel 'pages in a question'\n"
		"set ylabel '%s'\nset xtics ('1' 1, '8' 8, '64' 64, '512' 512, 'all' %llu)\n"
		"set xrange [0.8:%llu]\n",
		title, what, (unsigned long long)BATCH_PAGES, (unsigned long long)BATCH_PAGES * 2);
}

static void plot_cost(const struct batch_results *r, const char *directory)
{
	struct plot plot;
	unsigned int lines = 0;
	FILE *f;

	plot_begin(&plot, directory, "batch-cost");
	f = plot.script;
	for (unsigned int m = 0; m < BATCH_MODES; m++) {
		fprintf(f, "$d%u << EOD\n", m);
		for (unsigned int z = 0; z < BATCH_SIZES; z++) {
			const struct batch_value *v = &r->alone[m][z][YOUNG].ns;

			fprintf(f, "%llu", (unsigned long long)batch_sizes[z]);
			print_number(f, v->value);
			print_number(f, v->min);
			print_number(f, v->max);
			fputs("\n", f);
		}
		fputs("EOD\n", f);
	}
	axes(f, "Test and clear, 1 % young, nobody else there, by lock", "ns a page");
	fputs("plot", f);
	for (unsigned int m = 0; m < BATCH_MODES; m++)
		if (r->alone[m][0][YOUNG].measured)
			fprintf(f,
				"%s $d%u using 1:2:3:4 with yerrorlines linewidth 1.5 title '%s'",
				lines++ ? "," : "", m, batch_modes[m].name);
	fputs("\n", f);
	plot_end(&plot);
}

static void plot_young(const struct batch_results *r, const char *directory)
{
	struct plot plot;
	FILE *f;

	plot_begin(&plot, directory, "batch-young");
	f = plot.script;
	fputs("$data << EOD\n", f);
	for (unsigned int z = 0; z < BATCH_SIZES; z++) {
		fprintf(f, "%llu", (unsigned long long)batch_sizes[z]);
		for (unsigned int y = 0; y < BATCH_YOUNGS; y++)
			print_number(f, r->alone[BATCH_RCU][z][y].ns.value);
		fputs("\n", f);
	}
	fputs("EOD\n", f);
	axes(f, "Test and clear without a lock, by share of young pages", "ns a page");
	fputs("plot", f);
	for (unsigned int y = 0; y < BATCH_YOUNGS; y++)
		fprintf(f, "%s $data using 1:%u with linespoints linewidth 2 title '%g %% young'",
			y ? "," : "", y + 2, batch_youngs[y]);
	fputs("\n", f);
	plot_end(&plot);
}

/* A line needs a point. */
static bool has_writer(const struct batch_results *r, unsigned int m)
{
	for (unsigned int z = 0; z < BATCH_SIZES; z++)
		if (r->next[m][z][YOUNG].p99.value > 0)
			return true;
	return false;
}

static void plot_writer(const struct batch_results *r, const char *directory)
{
	struct plot plot;
	FILE *f;

	/* A picture without a single point is an error to gnuplot. */
	if (r->nobody.p99.value <= 0) {
		plot_skip("batch-writer");
		return;
	}
	plot_begin(&plot, directory, "batch-writer");
	f = plot.script;
	for (unsigned int m = 0; m < BATCH_MODES; m++) {
		fprintf(f, "$d%u << EOD\n", m);
		for (unsigned int z = 0; z < BATCH_SIZES; z++) {
			fprintf(f, "%llu", (unsigned long long)batch_sizes[z]);
			print_number(f, r->next[m][z][YOUNG].p99.value / 1e3);
			fputs("\n", f);
		}
		fputs("EOD\n", f);
	}
	axes(f, "99th percentile of a writer's operations next to it, 1 % young", "microseconds");
	fprintf(f, "plot %.5g title 'no harvester' with lines dashtype 2 linecolor 'black'",
		r->nobody.p99.value / 1e3);
	for (unsigned int m = 0; m < BATCH_MODES; m++)
		if (has_writer(r, m))
			fprintf(f, ", $d%u using 1:2 with linespoints linewidth 1.5 title '%s'", m,
				batch_modes[m].name);
	fputs("\n", f);
	plot_end(&plot);
}

void batch_plot(const struct batch_results *results, const char *directory)
{
	plot_cost(results, directory);
	plot_young(results, directory);
	plot_writer(results, directory);
}
