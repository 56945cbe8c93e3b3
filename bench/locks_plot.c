/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pictures of experiment `locks`. */
#include "locks.h"
#include "plot.h"

/* For a logarithmic axis; gnuplot leaves out what is no number. */
static void print_us(FILE *f, double ns)
{
	if (ns > 0)
		fprintf(f, " %.3f", ns / 1e3);
	else
		fputs(" NaN", f);
}

/* 99th percentile of steady requests by lock, one bar for each section length. */
static void plot_latency(const struct locks_results *r, const char *directory)
{
	const double alone = histogram_quantile(&r->point[LOCKS_ALONE].latencies.arrivals, 0.99);
	struct plot plot;
	FILE *f;

	/* A picture without a single point is an error to gnuplot. */
	if (alone <= 0) {
		plot_skip("locks-latency");
		return;
	}
	plot_begin(&plot, directory, "locks-latency");
	f = plot.script;
	fputs("$data << EOD\n", f);
	for (unsigned int i = LOCKS_RCU; i < r->points; i += LOCKS_PIECES) {
		fprintf(f, "%s", r->point[i].name);
		for (unsigned int k = 0; k < LOCKS_PIECES; k++)
			print_us(f, histogram_quantile(&r->point[i + k].latencies.arrivals, 0.99));
		fputs("\n", f);
	}
	fprintf(f,
		"EOD\n"
		"set title \"99th percentile of a writer's requests, one every 2 us, by lock and "
		"section\"\n"
		"set logscale y\nset ylabel 'microseconds'\nset style data histogram\n"
		"set style fill solid 0.8 border -1\nset xtics rotate by -30\n"
		"plot $data using 2:xtic(1) title 'whole pass', '' using 3 title '4096 entries', "
		"'' using 4 title '512 entries', %.3f title 'no harvester' with lines dashtype 2 "
		"linecolor 'black'\n",
		alone / 1e3);
	plot_end(&plot);
}

/* A curve through all buckets would be large for nothing. */
#define CURVE_STEP 1.12

/* Share of operations that took longer, over the time. */
static void data_distribution(FILE *f, const struct histogram *h, unsigned int number)
{
	uint64_t below = 0;
	double last = 0;

	fprintf(f, "$d%u << EOD\n", number);
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS && below < h->count; i++) {
		below += h->bucket[i];
		if (!h->bucket[i] || (histogram_value(i) < last * CURVE_STEP && below < h->count))
			continue;
		last = histogram_value(i);
		fprintf(f, "%.4g %.4g\n", last / 1e3,
			(double)(h->count - below + 1) / (double)h->count);
	}
	fputs("EOD\n", f);
}

static void plot_distribution(const struct locks_results *r, const char *directory)
{
	struct plot plot;
	FILE *f;

	if (!r->point[LOCKS_ALONE].latencies.kept.count) {
		plot_skip("locks-distribution");
		return;
	}
	plot_begin(&plot, directory, "locks-distribution");
	f = plot.script;
	data_distribution(f, &r->point[LOCKS_ALONE].latencies.kept, 0);
	for (unsigned int i = LOCKS_RCU + 2; i < r->points; i += LOCKS_PIECES)
		data_distribution(f, &r->point[i].latencies.kept, i);
	fputs("set title \"Writer's operations longer than so long, harvester's sections of 512 "
	      "entries\"\n"
	      "set logscale xy\nset format y '%g'\nset xlabel 'microseconds'\n"
	      "set ylabel 'share of operations'\n"
	      "plot $d0 using 1:2 with lines linewidth 2 linecolor 'black' title 'no harvester'",
	      f);
	for (unsigned int i = LOCKS_RCU + 2; i < r->points; i += LOCKS_PIECES)
		if (r->point[i].latencies.kept.count)
			fprintf(f, ", $d%u using 1:2 with lines linewidth 2 title '%s'", i,
				r->point[i].name);
	fputs("\n", f);
	plot_end(&plot);
}

static void plot_grace(const struct locks_results *r, const char *directory)
{
	struct plot plot;
	FILE *f;

	if (locks_median_wait(&r->curve[0][0]) <= 0 || locks_median_wait(&r->curve[1][0]) <= 0) {
		plot_skip("locks-grace");
		return;
	}
	plot_begin(&plot, directory, "locks-grace");
	f = plot.script;
	fputs("$data << EOD\n", f);
	for (unsigned int i = 0; i < LOCKS_LENGTHS; i++) {
		fprintf(f, "%llu", (unsigned long long)r->curve[0][i].piece);
		for (unsigned int y = 0; y < LOCKS_YOUNGS; y++)
			print_us(f, locks_median_wait(&r->curve[y][i]));
		fputs("\n", f);
	}
	fputs("EOD\n"
	      "set title \"Median grace period next to a harvester\"\n"
	      "set logscale x 2\nset logscale y\nset yrange [10:*]\nset xlabel 'entries in a read-side section'\n"
	      "set ylabel 'microseconds'\n"
	      "plot $data using 1:2 with linespoints linewidth 2 title '0 % young', '' using 1:3 "
	      "with linespoints linewidth 2 title '100 % young'\n",
	      f);
	plot_end(&plot);
}

static void plot_backlog(const struct locks_results *r, const char *directory)
{
	struct plot plot;
	FILE *f;

	plot_begin(&plot, directory, "locks-backlog");
	f = plot.script;
	for (unsigned int i = 0; i < LOCKS_BACKLOGS; i++) {
		const struct backlog *b = &r->backlog[i];

		fprintf(f, "$d%u << EOD\n", i);
		for (unsigned int k = 0; k < BACKLOG_POINTS; k++)
			fprintf(f, "%.4g %llu\n", b->seconds * k / BACKLOG_POINTS,
				(unsigned long long)b->curve[k]);
		fputs("EOD\n", f);
	}
	fputs("set title \"Tables that wait for a grace period\"\n"
	      "set key inside left top\nset xlabel 'seconds'\nset ylabel 'tables'\nplot",
	      f);
	for (unsigned int i = 0; i < LOCKS_BACKLOGS; i++)
		fprintf(f, "%s $d%u using 1:2 with lines linewidth 2 title '%s'", i ? "," : "", i,
			locks_rival_name(r->backlog[i].rival));
	fputs("\n", f);
	plot_end(&plot);
}

void locks_plot(const struct locks_results *results, const char *directory)
{
	plot_latency(results, directory);
	plot_distribution(results, directory);
	plot_grace(results, directory);
	plot_backlog(results, directory);
}
