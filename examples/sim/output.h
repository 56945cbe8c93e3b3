/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A result file that is there whole or not at all: written under a temporary name in its own
 * directory, then renamed. Pipes and devices, which cannot be replaced, are written directly.
 */
#ifndef PTW_SIM_OUTPUT_H
#define PTW_SIM_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * output_check(), _open(), _close() and _write(): on failure false, with one line in error that says
 * what was wrong and what to do.
 */

struct output_target;

struct output {
	const char *path;
	FILE *stream;
	struct output_target *target;
};

/* Could this path be written? Leaves nothing behind, so that a long run is not in vain. */
bool output_check(const char *path, char *error, size_t error_size);

/* A stream to write to; after success output_close() is due, which without `keep` leaves nothing. */
bool output_open(struct output *output, const char *path, char *error, size_t error_size);
bool output_close(struct output *output, bool keep, char *error, size_t error_size);

bool output_write(const char *path, const char *text, char *error, size_t error_size);

/* The text to a file, or for "-" to standard output; a failure ends the program. */
void output_text(const char *path, const char *text);

/* The same with text that was allocated, which is freed; NULL: there was no memory for it, and the program ends. */
void output_made(const char *path, char *text);

/* Is it "-"? */
bool output_is_stdout(const char *path);

/* From now on signals that end the program (Ctrl-C) take the file with them that is being written. */
void output_guard(void);

/* What was printed is out, or the program ends. */
void output_flush(void);

/* Do both paths lead to the same regular file? */
bool output_is_input(const char *output, const char *input);

#endif /* PTW_SIM_OUTPUT_H */
