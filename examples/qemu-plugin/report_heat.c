/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pictures with a cell for each stretch of time and something else: place in memory, or age. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "../sim/svg.h"
#include "report.h"

#define MILLION 1e6
#define MIB	(1u << (20 - PAGE_SHIFT)) /* pages */

/* From little to much; no page at all has no colour. */
static const char *const colours[] = {
	"#fff3d6", "#ffe3a8", "#ffcc70", "#ffae42", "#ff8a1f",
	"#f06210", "#d43d0c", "#ad1f0b", "#7d0d0a", "#4a0505",
};

#define LEVELS (sizeof(colours) / sizeof(colours[0]))

struct map {
	struct svg_plot plot;
	const struct history *history;
	unsigned int rows;
	double row_height;
	double most;
	double (*value)(const struct history_column *column, unsigned int row);
	void (*labels)(const struct svg_plot *plot); /* of rows, or null */
};

static unsigned int level(const struct map *map, unsigned int i, unsigned int row)
{
	const double value = map->value(&map->history->column[i], row);
	const double share = sqrt(value / map->most);

	if (value <= 0)
		return 0;
	return 1 + (unsigned int)(share < 1 ? share * LEVELS : LEVELS - 1);
}

static double begin(const struct history *history, unsigned int i)
{
	return i ? (double)history->column[i - 1].instructions / MILLION : 0;
}

/* Cells of one colour are one path, neighbours in a row one rectangle of it: the picture stays small. */
static void cells(const struct map *map, unsigned int wanted)
{
	const struct history *history = map->history;
	unsigned int end;

	fprintf(map->plot.out, "<path fill=\"%s\" d=\"", colours[wanted - 1]);
	for (unsigned int row = 0; row < map->rows; row++) {
		const double top = svg_y(&map->plot, (row + 1) * map->row_height);
		const double bottom = svg_y(&map->plot, row * map->row_height);

		for (unsigned int i = 0; i < history->columns; i = end) {
			double left = svg_x(&map->plot, begin(history, i));

			end = i + 1;
			if (level(map, i, row) != wanted)
				continue;
			while (end < history->columns && level(map, end, row) == wanted)
				end++;
			fprintf(map->plot.out, "M%.1f %.1fh%.1fv%.1fh-%.1fz", left, top,
				svg_x(&map->plot, begin(history, end)) - left, bottom - top,
				svg_x(&map->plot, begin(history, end)) - left);
		}
	}
	fputs("\"/>\n", map->plot.out);
}

static void find_most(struct map *map)
{
	map->most = 1;
	for (unsigned int i = 0; i < map->history->columns; i++)
		for (unsigned int row = 0; row < map->rows; row++)
			map->most = fmax(map->most, map->value(&map->history->column[i], row));
}

static void draw(struct map *map, const struct guest *guest)
{
	const struct history *history = map->history;

	find_most(map);
	map->plot.x_label = "million instructions of the guest";
	map->plot.x_max = (double)history->column[history->columns - 1].instructions / MILLION;
	svg_begin(&map->plot);
	for (unsigned int wanted = 1; wanted <= LEVELS; wanted++)
		cells(map, wanted);
	if (map->labels)
		map->labels(&map->plot);
	report_marks(&map->plot, guest);
	svg_end(&map->plot);
}

void report_marks(const struct svg_plot *plot, const struct guest *guest)
{
	const struct history *history = &guest->history;

	for (unsigned int i = 0; i < history->marks; i++) {
		const double x = svg_x(plot, (double)history->mark[i].instructions / MILLION);
		const double top = svg_y(plot, plot->y_max), bottom = svg_y(plot, plot->y_min);

		fprintf(plot->out,
			"<path stroke=\"#06c\" stroke-dasharray=\"3 2\" d=\"M%.1f %.1fV%.1f\"/>"
			"<text transform=\"translate(%.1f %.1f) rotate(-90)\" text-anchor=\"end\" "
			"style=\"font-size:9px;fill:#06c\">",
			x, top, bottom, x + 8, top + 3);
		html_text(plot->out, history->mark[i].text);
		fputs("</text>\n", plot->out);
	}
}

static double touched_in_bin(const struct history_column *column, unsigned int row)
{
	return (double)column->bins[row] / column->steps;
}

void report_heat(FILE *out, const struct guest *guest)
{
	const struct history *history = &guest->history;
	struct map map = {
		.plot = {.out = out,
			 .title = "Where the guest's memory was in use",
			 .y_label = "guest memory, MiB",
			 .y_max = (double)history->pages / MIB},
		.history = history,
		.rows = HISTORY_BINS,
		.row_height = (double)history->pages / MIB / HISTORY_BINS,
		.value = touched_in_bin,
	};

	draw(&map, guest);
}

static double pages_of_age(const struct history_column *column, unsigned int row)
{
	return (double)column->idle[row];
}

/* Each class by its least age. */
static void label_ages(const struct svg_plot *plot)
{
	char text[16];

	for (unsigned int row = 0; row < HISTORY_AGES; row++) {
		snprintf(text, sizeof(text), row + 1 < HISTORY_AGES ? "%u" : "%u and more",
			 row ? 1u << (row - 1) : 0);
		svg_y_mark(plot, row + 0.5, text);
	}
}

void report_idle(FILE *out, const struct guest *guest)
{
	struct map map = {
		.plot = {.out = out,
			 .title = "Idle age of all pages ever used",
			 .y_label = "age in steps",
			 .y_max = HISTORY_AGES,
			 .y_bare = true},
		.history = &guest->history,
		.rows = HISTORY_AGES,
		.row_height = 1,
		.value = pages_of_age,
		.labels = label_ages,
	};

	draw(&map, guest);
}
