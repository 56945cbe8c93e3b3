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
	const char *unit;
	double (*value)(const struct history_column *column, unsigned int row);
	void (*labels)(const struct map *map); /* of rows */
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

/* What the colours mean: at the right, beside the title. */
static void key(const struct map *map)
{
	const double right = svg_x(&map->plot, map->plot.x_max), side = 11, y = 7;
	const double left = right - 60 - LEVELS * side;
	FILE *out = map->plot.out;

	fprintf(out, "<text x=\"%.1f\" y=\"16\" text-anchor=\"end\">", left - 5);
	html_text(out, map->unit);
	fputs(": 1</text>\n", out);
	for (unsigned int i = 0; i < LEVELS; i++)
		fprintf(out,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>",
			left + side * i, y, side, side, colours[i]);
	fprintf(out, "\n<text x=\"%.1f\" y=\"16\">%.0f</text>\n", left + side * LEVELS + 5,
		map->most);
}

static void draw(struct map *map)
{
	const struct history *history = map->history;

	find_most(map);
	map->plot.x_label = "million instructions of the guest";
	map->plot.x_max = (double)history->column[history->columns - 1].instructions / MILLION;
	map->plot.y_max = map->rows * map->row_height * REPORT_ROOM;
	svg_begin(&map->plot);
	report_phases(&map->plot, history);
	map->labels(map);
	for (unsigned int wanted = 1; wanted <= LEVELS; wanted++)
		cells(map, wanted);
	key(map);
	report_marks(&map->plot, history);
	svg_end(&map->plot);
}

static double touched_in_bin(const struct history_column *column, unsigned int row)
{
	return (double)column->bins[row] / column->steps;
}

/* Up to the end of memory, not of the picture. */
static void label_places(const struct map *map)
{
	const struct svg_plot *plot = &map->plot;
	const double memory = map->rows * map->row_height;
	char text[16];

	for (unsigned int quarter = 0; quarter <= 4; quarter++) {
		const double at = memory * quarter / 4;

		snprintf(text, sizeof(text), "%g", at);
		fprintf(plot->out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>", svg_x(plot, 0),
			svg_y(plot, at), svg_x(plot, plot->x_max));
		svg_y_mark(plot, at, text);
	}
}

void report_heat(FILE *out, const struct guest *guest)
{
	const struct history *history = &guest->history;
	struct map map = {
		.plot = {.out = out,
			 .title = "Where memory was in use",
			 .y_label = "place in guest memory, MiB",
			 .y_bare = true},
		.history = history,
		.rows = HISTORY_BINS,
		.row_height = (double)history->pages / MIB / HISTORY_BINS,
		.unit = "pages of a row in a step",
		.value = touched_in_bin,
		.labels = label_places,
	};

	draw(&map);
}

static double pages_of_age(const struct history_column *column, unsigned int row)
{
	return (double)column->idle[row];
}

/* Each class by its least age. */
static void label_ages(const struct map *map)
{
	char text[16];

	for (unsigned int row = 0; row < HISTORY_AGES; row++) {
		snprintf(text, sizeof(text), row + 1 < HISTORY_AGES ? "%u" : "%u+",
			 row ? 1u << (row - 1) : 0);
		svg_y_mark(&map->plot, row + 0.5, text);
	}
}

void report_idle(FILE *out, const struct guest *guest)
{
	struct map map = {
		.plot = {.out = out,
			 .title = "Idle age of all pages ever used",
			 .y_label = "age in steps",
			 .y_bare = true},
		.history = &guest->history,
		.rows = HISTORY_AGES,
		.row_height = 1,
		.unit = "pages",
		.value = pages_of_age,
		.labels = label_ages,
	};

	draw(&map);
}
