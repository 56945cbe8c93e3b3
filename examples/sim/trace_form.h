/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the readers of the two trace forms share; only trace*.c include this. */
#ifndef PTW_SIM_TRACE_FORM_H
#define PTW_SIM_TRACE_FORM_H

#include "trace.h"

#define SOURCE_BUFFER 65536

/* A file that is read front to back in pieces, and where to say what is wrong with it. */
struct source {
	int fd;
	const char *name; /* as messages call it */
	size_t start;	  /* bytes [start, end) of the buffer are read but not used yet */
	size_t end;
	bool exhausted; /* nothing follows what is in the buffer */
	char *error;
	size_t error_size;
	unsigned char buffer[SOURCE_BUFFER];
};

/* Move what is left to the front and read more behind it. False: could not be read. */
bool source_fill(struct source *source);

/* Put down a message; always false, so that callers can return it. */
bool source_fail(struct source *source, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Add a word; counts references and ticks. False: it is no page number, or no memory is left. */
bool trace_append(struct trace *trace, uint32_t word, struct source *source);

bool trace_is_zstd(const struct source *source);
bool trace_read_zstd(struct trace *trace, struct source *source);
bool trace_read_text(struct trace *trace, struct source *source);

#endif /* PTW_SIM_TRACE_FORM_H */
