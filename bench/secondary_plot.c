/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pictures of experiment `secondary`. */
#include "plot.h"
#include "secondary.h"

/* One bar for each way to look around, in groups by mode. */
static void plot_ways(const struct secondary_results *r, const char *directory, const char *name,
		      const char *title, const char *unit,
		      double (*value)(const struct secondary_mean *))
{
	bool any[MIXED_LOOKS] = {false};
	const char *separator = "";
	struct plot plot;
	FILE *f;

	plot_begin(&plot, directory, name);
	f = plot.script;
	fputs("$data << EOD\n", f);
	for (unsigned int s = 0; s < MIXED_SECONDARIES; s++) {
		fprintf(f, "%s", mixed_secondary_name(s));
		for (unsigned int l = 0; l < MIXED_LOOKS; l++) {
			const struct secondary_way way = {s, l, SECONDARY_WALK, 0};
			struct secondary_mean m;

			secondary_mean(r, secondary_cell, &way, &m);
			any[l] |= m.loads != 0;
			if (m.loads)
				fprintf(f, " %.4f", value(&m));
			else
				fputs(" NaN", f);
		}
		fputs("\n", f);
	}
	fprintf(f,
		"EOD\nset title \"%s\"\nset ylabel '%s'\nset xlabel 'the secondary MMU is asked'\n"
		"set yrange [*<0:*]\nset style data histogram\nset style fill solid 0.8 border -1\nplot",
		title, unit);
	for (unsigned int l = 0; l < MIXED_LOOKS; l++) {
		/* Columns without a single bar are an error to gnuplot. */
		if (!any[l])
			continue;
		fprintf(f, "%s $data using %u:xtic(1) title 'look-around: %s'", separator, l + 2,
			mixed_look_name(l));
		separator = ",";
	}
	fputs("\n", f);
	plot_end(&plot);
}

static double value_skew(const struct secondary_mean *m)
{
	return m->skew;
}

static double value_misses(const struct secondary_mean *m)
{
	return m->against;
}

/* Each load at eviction against in ageing; below the line it is less than half. */
static void plot_loads(const struct secondary_results *r, const char *directory)
{
	struct plot plot;
	FILE *f;

	plot_begin(&plot, directory, "secondary-loads");
	f = plot.script;
	fputs("$data << EOD\n", f);
	for (unsigned int i = 0; i < r->loads; i++) {
		const struct secondary_load *load = &r->load[i];
		const struct secondary_cell(*cell)[MIXED_LOOKS][SECONDARY_TLBS] = load->cell;
		/*
		 * Whoever is asked at eviction only has a lock today, and is not looked around in.
		 */
		unsigned int look = cell[MIXED_EVICT][MIXED_LOOK_HOST][0].measured ?
					    MIXED_LOOK_HOST :
					    MIXED_LOOK_NONE;

		fprintf(f, "%.4f %.4f %.4f %u\n",
			mixed_skew(cell[MIXED_EVICT][look][0].mixed.misses, load->lru),
			mixed_skew(cell[MIXED_FAST][MIXED_LOOK_BOTH][0].mixed.misses, load->lru),
			secondary_one_skew(load), load->percent);
	}
	fputs("EOD\n"
	      "set title \"Skew of each load: asked in ageing, against asked at eviction only\"\n"
	      "set xlabel 'points, at eviction only'\nset ylabel 'points'\n"
	      "set xrange [0:*]\nset yrange [0:*]\nset key outside bottom center horizontal\n"
	      "plot x / 2 with lines dashtype 2 linecolor 'black' title 'half', x with lines "
	      "linecolor '#a0a0a0' title 'equal', $data using 1:($4 <= 25 ? $2 : NaN) with points "
	      "pointtype 7 title 'fast, 10 and 25 % memory', $data using 1:($4 > 25 ? $2 : NaN) with "
	      "points pointtype 6 title 'fast, 50 and 75 %', $data using 1:3 with points pointtype 2 "
	      "linecolor 'black' title 'one table'\n",
	      f);
	plot_end(&plot);
}

static void plot_live(const struct secondary_results *r, const char *directory)
{
	struct plot plot;
	FILE *f;

	bool any = false;

	for (unsigned int i = 0; i < r->points; i++)
		any |= r->point[i].latencies.kept.count != 0;
	if (!any) {
		plot_skip("secondary-vcpu");
		return;
	}
	plot_begin(&plot, directory, "secondary-vcpu");
	f = plot.script;
	fputs("$data << EOD\n", f);
	for (unsigned int i = 0; i < r->points; i++) {
		const struct secondary_point *p = &r->point[i];

		fprintf(f, "\"%s %s %llu\"", p->mode, p->lock, (unsigned long long)p->pages);
		/* On a logarithmic axis nothing kept is no number. */
		if (p->latencies.kept.count)
			fprintf(f, " %.4f %.4f\n",
				histogram_quantile(&p->latencies.kept, 0.5) / 1e3,
				histogram_quantile(&p->latencies.kept, 0.99) / 1e3);
		else
			fputs(" NaN NaN\n", f);
	}
	fputs("EOD\n"
	      "set title \"A vCPU's map, unmap and touch next to ageing: mode, lock, pages of a "
	      "question\"\n"
	      "set logscale y\nset format y '%g'\nset ylabel 'microseconds'\n"
	      "set xtics rotate by 60 right\nset key outside top center horizontal\nset style data histogram\n"
	      "set style fill solid 0.8 border -1\n"
	      "plot $data using 3:xtic(1) title 'p99', '' using 2 title 'median'\n",
	      f);
	plot_end(&plot);
}

void secondary_plot(const struct secondary_results *r, const char *directory)
{
	plot_ways(r, directory, "secondary-skew",
		  "Skew between host and guest, mean of all loads, no TLB", "points", value_skew);
	plot_ways(r, directory, "secondary-misses",
		  "Misses of host and guest together against exact LRU", "%", value_misses);
	plot_loads(r, directory);
	if (r->points)
		plot_live(r, directory);
}
