/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Files that are there whole or not at all: written under a temporary name and renamed. */
#ifndef PTW_BENCH_OUTPUT_H
#define PTW_BENCH_OUTPUT_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

/* From now on signals that end the program take the file with them that is being written. */
void output_guard(void);

/* Where a file is written, and what it is called then; the same for what cannot be replaced. */
struct target {
	char temporary[PATH_MAX + 32];
	char final[PATH_MAX];
};

/* A file descriptor to write to. Ends the program on failure. */
int target_open(struct target *target, const char *path);

/* After the descriptor was closed: keep it if `good`, else drop it and end the program. */
void target_close(const struct target *target, const char *path, bool good);

/* Says that `path` cannot be written, and why by errno. */
void target_fail(const char *path) __attribute__((noreturn));

/* Can this file be written? Ends the program if not, before minutes of work are in vain. */
void output_check(const char *path);

/* A stream to write to, and its end; "-" is standard output. Both end the program on failure. */
FILE *output_begin(struct target *target, const char *path);
void output_end(const struct target *target, const char *path, FILE *file);

/* "-" is standard output. Ends the program on failure. */
void output_json(const char *path, const json_t *json);

/* Not null, or the program ends for want of memory. */
json_t *json_checked(json_t *json);

/* Both checked. */
void json_add(json_t *array, json_t *one);

/* What was printed is out, or the program ends. */
void output_flush(void);

#endif /* PTW_BENCH_OUTPUT_H */
