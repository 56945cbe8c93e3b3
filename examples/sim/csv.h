/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Tables for spreadsheets: a line of names, which end in the unit, then a line for each row. */
#ifndef PTW_SIM_CSV_H
#define PTW_SIM_CSV_H

#include <stdio.h>
#include <string.h>

/* A field, quoted if it has to be. */
static inline void csv_text(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

/* What was written to open_memstream(), without its last line break; NULL: not enough memory. */
char *csv_end(FILE *out, char **text);

#endif /* PTW_SIM_CSV_H */
