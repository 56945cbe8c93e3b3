/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The heat map of idle ages for terminals: by colour where there is one, by letters elsewhere. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"

#define LEVELS 10

/* How many pages stand for each level: by the square root, so that few are seen beside many. */
static unsigned int level_of(uint64_t pages, uint64_t most)
{
	if (!pages)
		return 0;
	return 1 + (unsigned int)(sqrt((double)pages / (double)most) * (LEVELS - 2) + 0.5);
}

/* https://no-color.org: colour is off where NO_COLOR is anything but empty. */
static bool has_colour(void)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* Colours of the usual 256, from nothing over blue and red to yellow. */
static void print_cell(unsigned int level, bool colour)
{
	static const unsigned char background[LEVELS] = {0,   17,  18,	54,  90,
							 126, 161, 202, 214, 227};

	if (!colour)
		putchar(" .:-=+*#%@"[level]);
	else if (level)
		printf("\033[48;5;%um ", background[level]);
	else
		fputs("\033[0m ", stdout);
}

void report_print_heat(const struct report *report)
{
	const struct history *history = report->history;
	uint64_t most = history_most_idle(history);
	bool colour = has_colour();
	char unit[REPORT_UNIT_SIZE];

	printf("\nIdle age over time, %s: columns of %.4g ticks, rows of ages (1 = %s)\n",
	       history->harvested ? "as harvested" : "from the trace",
	       (double)history->column[history->count - 1].end_tick / history->count,
	       report_age_unit(report, unit));
	for (unsigned int number = AGE_CLASSES; number-- > 0;) {
		char name[16];

		age_class_name(number, name);
		printf("%11s |", name);
		for (unsigned int i = 0; i < history->count; i++)
			print_cell(level_of(history->column[i].idle[number], most), colour);
		puts(colour ? "\033[0m|" : "|");
	}
	printf("%11s  the darkest and the brightest of all: 1 and %llu page%s\n", "",
	       (unsigned long long)most, most == 1 ? "" : "s");
}
