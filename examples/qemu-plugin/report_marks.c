/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Phases in a picture over time: from each mark to the next one, with their names above. */
#include <string.h>

#include "report.h"

#define MILLION 1e6

/* Names that would touch stand below one another. */
#define ROWS	   3u
#define ROW_HEIGHT 11.5
#define LETTER	   6.0 /* at most, of this size */
#define GAP	   4.0

static double mark_x(const struct svg_plot *plot, const struct history *history, unsigned int mark)
{
	return svg_x(plot, mark < history->marks ?
				   (double)history->mark[mark].instructions / MILLION :
				   plot->x_max);
}

/* Every other one is shaded. */
void report_phases(const struct svg_plot *plot, const struct history *history)
{
	const double top = svg_y(plot, plot->y_max), bottom = svg_y(plot, plot->y_min);

	for (unsigned int i = 0; i < history->marks; i += 2)
		fprintf(plot->out, "<path fill=\"#eef1f6\" d=\"M%.1f %.1fH%.1fV%.1fH%.1fz\"/>\n",
			mark_x(plot, history, i), top, mark_x(plot, history, i + 1), bottom,
			mark_x(plot, history, i));
}

/* A name, in the first row with room for it, which is returned; at the right edge it ends with the picture. */
static unsigned int name(const struct svg_plot *plot, double x, const char *text, double *row_end)
{
	const double right = svg_x(plot, plot->x_max);
	const double width = LETTER * (double)strlen(text);
	double left = x + GAP;
	unsigned int row = 0;

	if (left + width > right)
		left = right - width - GAP;
	while (row + 1 < ROWS && row_end[row] > left)
		row++;
	row_end[row] = left + width;
	fprintf(plot->out, "<text x=\"%.1f\" y=\"%.1f\" style=\"fill:#1a4f8b\">", left,
		svg_y(plot, plot->y_max) + ROW_HEIGHT * (row + 1));
	html_text(plot->out, text);
	fputs("</text>\n", plot->out);
	return row;
}

void report_marks(const struct svg_plot *plot, const struct history *history)
{
	const double top = svg_y(plot, plot->y_max), bottom = svg_y(plot, plot->y_min);
	double row_end[ROWS] = {0};

	if (!history->marks)
		return;
	name(plot, svg_x(plot, plot->x_min), REPORT_FIRST, row_end);
	for (unsigned int i = 0; i < history->marks; i++) {
		const double x = mark_x(plot, history, i);
		const unsigned int row = name(plot, x, history->mark[i].text, row_end);

		/* From its name on: names of others above it stay readable. */
		fprintf(plot->out,
			"<path stroke=\"#1a4f8b\" stroke-width=\"0.7\" d=\"M%.1f %.1fV%.1f\"/>\n",
			x, top + ROW_HEIGHT * row, bottom);
	}
}
