/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pictures of experiment `reclaim`. */
#include "plot.h"
#include "reclaim.h"

#define KIB_PER_TABLE 4

/* Of seven lines two would hide behind others. */
static bool is_drawn(const struct reclaim_cell *cell)
{
	return !cell->policy->harvest && cell->policy->delay != 8;
}

/* Memory of tables over the first half of the time, one line for each policy. */
static void plot_memory(const struct reclaim_load *load, const char *directory, const char *name)
{
	struct plot plot;
	FILE *f;

	plot_begin(&plot, directory, name);
	f = plot.script;
	for (unsigned int p = 0; p < RECLAIM_POLICIES; p++) {
		const struct reclaim_cell *cell = &load->cell[p];

		if (!is_drawn(cell))
			continue;
		fprintf(f, "$d%u << EOD\n", p);
		for (unsigned int i = 0; i < cell->points / 2; i++)
			fprintf(f, "%.4g %llu\n", 100.0 * (i + 1) / cell->points,
				(unsigned long long)cell->point[i].tables * KIB_PER_TABLE);
		fputs("EOD\n", f);
	}
	fprintf(f,
		"set title \"Memory of the tables in use: %s\"\nset xlabel '%% of the calls'\n"
		"set ylabel 'KiB'\nset yrange [0:*]\nplot",
		load->name);
	for (unsigned int p = 0; p < RECLAIM_POLICIES; p++)
		if (is_drawn(&load->cell[p]))
			fprintf(f, "%s $d%u using 1:2 with lines linewidth 1.5 title '%s'",
				p ? "," : "", p, load->cell[p].policy->name);
	fputs("\n", f);
	plot_end(&plot);
}

/* Cost of a page of all calls, one bar for each load. */
static void plot_cost(const struct reclaim_results *r, const char *directory)
{
	struct plot plot;
	FILE *f;

	plot_begin(&plot, directory, "reclaim-cost");
	f = plot.script;
	fputs("$data << EOD\n", f);
	for (unsigned int p = 0; p < RECLAIM_POLICIES; p++) {
		fprintf(f, "\"%s\"", r->load[0].cell[p].policy->name);
		for (unsigned int l = 0; l < RECLAIM_LOADS; l++) {
			double never = reclaim_total(r, &r->load[l].cell[0]);

			fprintf(f, " %.4g",
				never > 0 ? reclaim_total(r, &r->load[l].cell[p]) / never : 0);
		}
		fputs("\n", f);
	}
	fputs("EOD\n"
	      "set title \"Time of all map, unmap and reclaim calls, against never\"\n"
	      "set ylabel 'times'\nset yrange [0:*]\nset style data histogram\n"
	      "set style fill solid 0.8 border -1\n"
	      "set key outside bottom center horizontal\nplot",
	      f);
	for (unsigned int l = 0; l < RECLAIM_LOADS; l++)
		fprintf(f, "%s $data using %u%s title '%s'", l ? "," : "", l + 2,
			l ? "" : ":xtic(1)", r->load[l].name);
	fputs("\n", f);
	plot_end(&plot);
}

/* What became of the tables that were empty, over time, with the delay of 64. */
static void plot_tables(const struct reclaim_load *load, const char *directory, const char *name)
{
	static const char *const titles[] = {"in use", "empty", "reclaimed", "revived"};
	const struct reclaim_cell *cell = &load->cell[3];
	struct plot plot;
	FILE *f;

	plot_begin(&plot, directory, name);
	f = plot.script;
	fputs("$data << EOD\n", f);
	for (unsigned int i = 0; i < cell->points / 2; i++) {
		const struct reclaim_point *p = &cell->point[i];

		fprintf(f, "%.4g %llu %llu %llu %llu\n", 100.0 * (i + 1) / cell->points,
			(unsigned long long)p->tables, (unsigned long long)p->empty,
			(unsigned long long)p->reclaimed, (unsigned long long)p->revived);
	}
	fprintf(f,
		"EOD\nset title \"Tables, %s, policy %s; reclaimed and revived: so far\"\n"
		"set xlabel '%% of the calls'\nset ylabel 'tables'\nset y2label 'so far'\n"
		"set ytics nomirror\nset y2tics\nset key outside right top\nplot",
		load->name, cell->policy->name);
	for (unsigned int i = 0; i < 4; i++)
		fprintf(f, "%s $data using 1:%u %s with lines linewidth 2 title '%s'", i ? "," : "",
			i + 2, i < 2 ? "" : "axes x1y2", titles[i]);
	fputs("\n", f);
	plot_end(&plot);
}

void reclaim_plot(const struct reclaim_results *r, const char *directory)
{
	plot_cost(r, directory);
	plot_memory(&r->load[0], directory, "reclaim-balloon");
	plot_memory(&r->load[1], directory, "reclaim-swap");
	plot_tables(&r->load[1], directory, "reclaim-tables");
}
