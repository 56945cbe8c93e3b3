/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Writes a trace as 32-bit words under zstd, the first form of trace.h. */
#ifndef PTW_SIM_TRACE_WRITE_H
#define PTW_SIM_TRACE_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "trace.h"

/*
 * Write flags are left out. On failure false, with one line in error, which calls the stream by
 * `name`. It is not closed.
 */
bool trace_write(const struct trace *trace, FILE *out, const char *name, char *error,
		 size_t error_size);

/* The same into a file that is there whole or not at all. */
bool trace_write_file(const struct trace *trace, const char *path, char *error, size_t error_size);

#endif /* PTW_SIM_TRACE_WRITE_H */
