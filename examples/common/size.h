/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Sizes of memory as people write them, "1.5GiB", and as they read them, "1.5 GiB". */
#ifndef PTW_EXAMPLES_SIZE_H
#define PTW_EXAMPLES_SIZE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_TEXT 24

/* In the greatest unit of which there is one, as "1.5 GiB"; returns `text`. */
static inline const char *size_text(char text[SIZE_TEXT], uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	unsigned int unit = 0;

	if (bytes < 1024) {
		snprintf(text, SIZE_TEXT, "%u B", (unsigned int)bytes);
		return text;
	}
	/* What would be printed as 1024.0 is 1.0 of the next. */
	for (; value >= 1023.95 && unit < 5; unit++)
		value /= 1024;
	snprintf(text, SIZE_TEXT, "%.1f %s", value, units[unit]);
	return text;
}

/*
 * A number with a unit behind it, "64M", "1.5 GiB": K, M, G, T and KiB... are powers of 1024, KB...
 * powers of 1000, B is bytes; small letters are as good. False: it is something else, as a number
 * alone, or more than 2^62.
 */
static inline bool size_parse(const char *text, uint64_t *bytes)
{
	static const char letters[] = "kmgt";
	const size_t digits = strspn(text, "0123456789.");
	unsigned int steps = 0, base = 1024;
	double value;
	char *end;

	value = digits ? strtod(text, &end) : -1;
	if (value < 0 || end != text + digits)
		return false;
	while (*end == ' ')
		end++;
	if (!*end)
		return false;
	for (unsigned int i = 0; letters[i]; i++)
		if ((*end | 0x20) == letters[i])
			steps = i + 1;
	if (steps) {
		end++;
		if ((*end | 0x20) == 'i' && (end[1] | 0x20) == 'b')
			end += 2;
		else if ((*end | 0x20) == 'b') {
			base = 1000;
			end++;
		}
	} else if ((*end | 0x20) == 'b') {
		end++;
	}
	if (*end)
		return false;
	for (; steps; steps--)
		value *= base;
	if (!(value < 4611686018427387904.0))
		return false;
	*bytes = (uint64_t)value;
	return true;
}

#endif /* PTW_EXAMPLES_SIZE_H */
