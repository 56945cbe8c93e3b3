/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Tables for spreadsheets: a line of names, which end in the unit, then a line for each row. */
#ifndef PTW_SIM_CSV_H
#define PTW_SIM_CSV_H

#include <stdio.h>

struct csv {
	char *text;
	size_t size;
};

/* A table in memory: what rows are written to. `names`: the first line, without its end. NULL: not enough memory. */
FILE *csv_begin(struct csv *csv, const char *names);

/* A field, quoted if it has to be. */
void csv_text(FILE *out, const char *text);

/* The table, without its last line break, since whoever prints it ends the line; NULL: not enough memory. */
char *csv_end(FILE *out, struct csv *csv);

#endif /* PTW_SIM_CSV_H */
