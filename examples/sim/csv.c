/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "csv.h"

#include <stdlib.h>
#include <string.h>

FILE *csv_begin(struct csv *csv, const char *names)
{
	FILE *out;

	*csv = (struct csv){0};
	out = open_memstream(&csv->text, &csv->size);
	if (out)
		fprintf(out, "%s\n", names);
	return out;
}

void csv_text(FILE *out, const char *text)
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

char *csv_end(FILE *out, struct csv *csv)
{
	if (fclose(out) || !csv->text) {
		free(csv->text);
		return NULL;
	}
	csv->text[strlen(csv->text) - 1] = '\0';
	return csv->text;
}
