/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A replay as a page with pictures over time. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "report.h"
#include "svg.h"

#define TIP_SIZE 160

static void summary(FILE *out, const struct report *report)
{
	const struct replay *replay = report->replay;
	const struct options *options = report->options;

	fputs("<table>\n<tr><td>trace</td><td>", out);
	html_text(out, options->trace);
	fprintf(out,
		"</td></tr>\n<tr><td>references</td><td>%zu</td></tr>\n"
		"<tr><td>ticks</td><td>%zu</td></tr>\n"
		"<tr><td>footprint</td><td>%u pages</td></tr>\n<tr><td>policy</td><td>%s</td></tr>\n",
		report->trace->references, report->trace->ticks, report->trace->footprint,
		options->policy->name);
	if (options->policy->format_name)
		fprintf(out, "<tr><td>format</td><td>%s</td></tr>\n", options->format);
	fprintf(out,
		"<tr><td>memory</td><td>%u pages</td></tr>\n<tr><td>faults</td><td>%" PRIu64
		"</td></tr>\n"
		"<tr><td>evictions</td><td>%" PRIu64 "</td></tr>\n",
		report->memory_pages, replay->faults, replay->evictions);
	if (replay->has_counters)
		fprintf(out,
			"<tr><td>batch reads</td><td>%" PRIu64 "</td></tr>\n"
			"<tr><td>single checks</td><td>%" PRIu64 "</td></tr>\n",
			replay->counters.batch_reads, replay->counters.single_checks);
	fprintf(out, "<tr><td>scan interval</td><td>%u ticks</td></tr>\n</table>\n",
		options->scan_interval);
}

static struct svg_plot over_time(FILE *out, const struct history *history, const char *title)
{
	return (struct svg_plot){
		.out = out,
		.title = title,
		.x_label = "ticks",
		.y_label = "pages",
		.x_max = (double)history->column[history->count - 1].end_tick,
	};
}

static void grow(struct svg_plot *plot, uint64_t value)
{
	if ((double)value > plot->y_max)
		plot->y_max = (double)value;
}

/* The middle of a column. */
static double middle(const struct history_column *column)
{
	return ((double)column->first_tick + (double)column->end_tick) / 2;
}

enum {
	TOUCHED,
	RESIDENT,
	PER_SCAN,
	WORKING_SETS
};

/* False: nothing to say of this column. */
static bool working_set(const struct history_column *column, unsigned int which, uint64_t *pages)
{
	*pages = which == TOUCHED ? column->pages : column->resident;
	if (which != PER_SCAN)
		return true;
	if (!column->scans)
		return false;
	*pages = column->scan_young / column->scans;
	return true;
}

static void plot_working_set(FILE *out, const struct history *history)
{
	static const char *const names[] = {"touched", "resident", "young in a scan"};
	struct svg_plot plot = over_time(out, history, "Working set");
	unsigned int shown = 0;
	uint64_t pages;

	for (unsigned int i = 0; i < history->count; i++) {
		for (unsigned int which = 0; which < WORKING_SETS; which++) {
			if (!working_set(&history->column[i], which, &pages))
				continue;
			grow(&plot, pages);
			shown = which > shown ? which : shown;
		}
	}
	svg_legend(out, names, shown + 1);
	svg_begin(&plot);
	for (unsigned int which = 0; which <= shown; which++) {
		svg_line_begin(&plot, svg_colour(which));
		for (unsigned int i = 0; i < history->count; i++)
			if (working_set(&history->column[i], which, &pages))
				svg_line_point(&plot, middle(&history->column[i]), (double)pages);
		svg_line_end(&plot, names[which]);
	}
	svg_end(&plot);
}

static void plot_faults(FILE *out, const struct history *history)
{
	struct svg_plot plot = over_time(out, history, "Faults");

	plot.y_label = "faults";
	for (unsigned int i = 0; i < history->count; i++)
		grow(&plot, history->column[i].faults);
	svg_begin(&plot);
	for (unsigned int i = 0; i < history->count; i++) {
		const struct history_column *column = &history->column[i];
		char tip[TIP_SIZE];

		snprintf(tip, sizeof(tip), "ticks %" PRIu64 " to %" PRIu64 ": %" PRIu64 " faults",
			 column->first_tick, column->end_tick - 1, column->faults);
		svg_box(&plot, (double)column->first_tick, 0, (double)column->end_tick,
			(double)column->faults, svg_colour(0), tip);
	}
	svg_end(&plot);
}

/* From white over orange to dark red; by the square root, so that few are seen beside many. */
static void heat(char colour[8], uint64_t pages, uint64_t most)
{
	double share = sqrt((double)pages / (double)most);
	double red = share < 0.5 ? 255 : 255 - 220 * (share - 0.5);
	double green = 240 * (1 - share);
	double blue = share < 0.5 ? 220 * (1 - 2 * share) : 0;

	snprintf(colour, 8, "#%02x%02x%02x", (unsigned int)red & 255, (unsigned int)green & 255,
		 (unsigned int)blue & 255);
}

static void plot_idle(FILE *out, const struct history *history)
{
	struct svg_plot plot = over_time(out, history, "Idle age of resident pages");
	uint64_t most = history_most_idle(history);

	plot.y_label = "age in scan intervals";
	plot.y_max = AGE_CLASSES;
	plot.y_bare = true;
	svg_begin(&plot);
	for (unsigned int number = 0; number < AGE_CLASSES; number++) {
		char name[16];

		age_class_name(number, name);
		svg_y_mark(&plot, number + 0.5, name);
		for (unsigned int i = 0; i < history->count; i++) {
			const struct history_column *column = &history->column[i];
			char tip[TIP_SIZE], colour[8];

			if (!column->idle[number])
				continue;
			heat(colour, column->idle[number], most);
			snprintf(tip, sizeof(tip), "tick %" PRIu64 ", age %s: %" PRIu64 " pages",
				 column->end_tick - 1, name, column->idle[number]);
			svg_box(&plot, (double)column->first_tick, number, (double)column->end_tick,
				number + 1, colour, tip);
		}
	}
	svg_end(&plot);
}

static uint64_t sum_generations(const struct history_column *column)
{
	uint64_t sum = 0;

	for (unsigned int g = 0; g < column->generations; g++)
		sum += column->generation[g];
	return sum;
}

/* Stacked, the oldest at the bottom. */
static void plot_generations(FILE *out, const struct history *history)
{
	struct svg_plot plot = over_time(out, history, "Generations, the youngest on top");

	for (unsigned int i = 0; i < history->count; i++)
		grow(&plot, sum_generations(&history->column[i]));
	svg_begin(&plot);
	for (unsigned int i = 0; i < history->count; i++) {
		const struct history_column *column = &history->column[i];
		double below = 0;

		for (unsigned int g = column->generations; g-- > 0;) {
			double pages = (double)column->generation[g];
			char tip[TIP_SIZE];

			snprintf(tip, sizeof(tip),
				 "tick %" PRIu64 ", generation %u of %u from the youngest: %" PRIu64
				 " pages",
				 column->end_tick - 1, g + 1, column->generations,
				 column->generation[g]);
			if (pages > 0)
				svg_box(&plot, (double)column->first_tick, below,
					(double)column->end_tick, below + pages, svg_colour(g),
					tip);
			below += pages;
		}
	}
	svg_end(&plot);
}

static bool any_generations(const struct history *history)
{
	for (unsigned int i = 0; i < history->count; i++)
		if (history->column[i].generations)
			return true;
	return false;
}

char *report_html(const struct report *report)
{
	const struct history *history = report->history;
	char unit[REPORT_UNIT_SIZE];
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	html_begin(out, "ptw-sim run");
	summary(out, report);
	fputs("<h2>Working set over time</h2>\n", out);
	plot_working_set(out, history);
	fprintf(out,
		"<h2>Idle age over time</h2>\n<p>%s; one age is %s. The darker, the more "
		"pages; at most %" PRIu64 ".</p>\n",
		history->harvested ? "As harvested" : "From the trace",
		report_age_unit(report, unit),
		history_most_idle(history));
	plot_idle(out, history);
	if (any_generations(history)) {
		fputs("<h2>Generation sizes over time</h2>\n", out);
		plot_generations(out, history);
	}
	fputs("<h2>Faults over time</h2>\n", out);
	plot_faults(out, history);
	html_end(out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
