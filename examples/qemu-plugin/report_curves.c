/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Amounts of memory over time, and what proactive reclaim saved of it. */
#include "../sim/svg.h"
#include "report.h"

#define MILLION 1e6
#define MIB	(1u << (20 - PAGE_SHIFT)) /* pages */

enum {
	EVER,
	RESIDENT,
	WORKING_SET,
	CURVES
};

static const char *const names[CURVES] = {
	[EVER] = "used so far",
	[RESIDENT] = "there, with proactive reclaim",
	[WORKING_SET] = "working set (ten steps)",
};

static const char *const colours[CURVES] = {
	[EVER] = "#b3261e",
	[RESIDENT] = "#1a5fb4",
	[WORKING_SET] = "#1e7b34",
};

static double curve(const struct history_column *column, unsigned int which)
{
	const uint64_t pages = which == EVER	 ? column->ever :
			       which == RESIDENT ? column->resident :
						   column->working_set;

	return (double)pages / MIB;
}

static double at(const struct history_column *column)
{
	return (double)column->instructions / MILLION;
}

/* In the picture, as it has no other place everywhere. */
static void legend(const struct svg_plot *plot)
{
	static const double from[CURVES] = {[EVER] = 0, [RESIDENT] = 115, [WORKING_SET] = 335};

	for (unsigned int which = 0; which < CURVES; which++) {
		fprintf(plot->out, "<text x=\"%.1f\" y=\"16\" style=\"fill:%s;font-weight:bold\">",
			svg_x(plot, 0) + from[which], colours[which]);
		html_text(plot->out, names[which]);
		fputs("</text>\n", plot->out);
	}
}

/* The area between two curves; below the last one there is nothing. */
static void area(const struct svg_plot *plot, const struct history *history, unsigned int which)
{
	fprintf(plot->out, "<path fill=\"%s\" fill-opacity=\"0.15\" d=\"M%.1f %.1f", colours[which],
		svg_x(plot, 0), svg_y(plot, 0));
	for (unsigned int i = 0; i < history->columns; i++)
		fprintf(plot->out, "L%.1f %.1f", svg_x(plot, at(&history->column[i])),
			svg_y(plot, curve(&history->column[i], which)));
	for (unsigned int i = history->columns; i > 0; i--)
		fprintf(plot->out, "L%.1f %.1f", svg_x(plot, at(&history->column[i - 1])),
			which + 1 < CURVES ?
				svg_y(plot, curve(&history->column[i - 1], which + 1)) :
				svg_y(plot, 0));
	fputs("z\"/>\n", plot->out);
}

void report_curves(FILE *out, const struct guest *guest)
{
	const struct history *history = &guest->history;
	const struct history_column *last = &history->column[history->columns - 1];
	struct svg_plot plot = {.out = out,
				.title = "",
				.x_label = "million instructions of the guest",
				.y_label = "MiB",
				.x_max = at(last),
				.y_max = curve(last, EVER) * REPORT_ROOM};

	svg_begin(&plot);
	report_phases(&plot, history);
	legend(&plot);
	for (unsigned int which = 0; which < CURVES; which++) {
		area(&plot, history, which);
		svg_line_begin(&plot, colours[which]);
		svg_line_point(&plot, 0, 0);
		for (unsigned int i = 0; i < history->columns; i++)
			svg_line_point(&plot, at(&history->column[i]),
				       curve(&history->column[i], which));
		svg_line_end(&plot, names[which]);
	}
	report_marks(&plot, history);
	svg_end(&plot);
}

/* Weighted by steps, from the column on in which the first page went. */
void report_saved(const struct guest *guest, struct report_saved *saved)
{
	const struct history *history = &guest->history;
	double steps = 0, out = 0, ever = 0, back = 0, working_set = 0;
	uint64_t refaults = 0;

	*saved = (struct report_saved){0};
	for (unsigned int i = 0; i < history->columns; i++) {
		const struct history_column *column = &history->column[i];

		if (!column->evicted)
			continue;
		steps += column->steps;
		out += (double)(column->ever - column->resident) * column->steps;
		ever += (double)column->ever * column->steps;
		back += (double)(column->refaults - refaults) * HISTORY_WINDOW;
		working_set += (double)column->working_set * column->steps;
		refaults = column->refaults;
		saved->last_pages = column->ever - column->resident;
	}
	if (!steps)
		return;
	saved->mean_pages = (uint64_t)(out / steps);
	saved->share = out / ever;
	saved->refault_percent = working_set > 0 ? 100 * back / working_set : 0;
}
