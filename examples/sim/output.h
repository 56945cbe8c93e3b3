/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A result file that is there whole or not at all: written under a temporary name in its own
 * directory, then renamed. Pipes and devices, which cannot be replaced, are written directly.
 */
#ifndef PTW_SIM_OUTPUT_H
#define PTW_SIM_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * output_check() and output_write(): on failure false, with one line in error that says what was
 * wrong and what to do.
 */

/* Could this path be written? Leaves nothing behind, so that a long run is not in vain. */
bool output_check(const char *path, char *error, size_t error_size);

bool output_write(const char *path, const char *text, char *error, size_t error_size);

/* The JSON text to a file, or for "-" to standard output; a failure ends the program. */
void output_json(const char *path, const char *text);

/* What was printed is out, or the program ends. */
void output_flush(void);

/* Do both paths lead to the same regular file? */
bool output_is_input(const char *output, const char *input);

#endif /* PTW_SIM_OUTPUT_H */
