/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the readers of the trace forms share; only trace*.c include this. */
#ifndef PTW_SIM_TRACE_FORM_H
#define PTW_SIM_TRACE_FORM_H

#include "trace.h"

#define SOURCE_BUFFER 65536

/* The pages used last, the newest first; see trace_filter.c. */
struct trace_filter {
	uint32_t size; /* 0: no filter */
	uint32_t count;
	uint32_t page[TRACE_FILTER_MAX];
};

/* Is it among them? It is the newest one now. */
bool trace_filter_hit(struct trace_filter *filter, uint32_t page);

/* A file that is read front to back in pieces, and where to say what is wrong with it. */
struct source {
	int fd;
	const char *name; /* as messages call it */
	size_t start;	  /* bytes [start, end) of the buffer are read but not used yet */
	size_t end;
	bool exhausted;	      /* nothing follows what is in the buffer */
	enum trace_form form; /* unless it is zstd */
	struct trace_filter filter;
	uint64_t limit; /* references; 0: none */
	void (*watch)(uint64_t ticks, uint64_t references); /* at each tick; or NULL */
	char *error;
	size_t error_size;
	unsigned char buffer[SOURCE_BUFFER];
};

/* Move what is left to the front and read more behind it. False: could not be read. */
bool source_fill(struct source *source);

/* Put down a message; always false, so that callers can return it. */
bool source_fail(struct source *source, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Add a word, unless the filter holds it back; counts references and ticks. False: it is no page number,
 * or no memory is left.
 */
bool trace_append(struct trace *trace, uint32_t word, struct source *source);

/* Has the trace as many references as it may? What follows is not read then. */
bool trace_is_enough(const struct trace *trace, const struct source *source);

bool trace_is_zstd(const struct source *source);
bool trace_read_zstd(struct trace *trace, struct source *source);

/* Raw words look like anything, so only the name can promise them: it ends in .u32. */
bool trace_is_words(const char *path);
bool trace_read_words(struct trace *trace, struct source *source);

/* Last-level tables by VPN >> 9, in order of appearance; slots is an open hash table over them. */
struct trace_tables {
	uint64_t *keys;
	uint32_t count;
	uint32_t *slots; /* 1 + index into keys, 0 = free; a power of two, at most half full */
	uint32_t slot_count;
	uint32_t last; /* index of the table found last */
};

/* The word of a page, good until trace_renumber(). False: too many tables, or no memory is left. */
bool trace_tables_page(struct trace_tables *tables, uint64_t vpn, uint32_t *page,
		       struct source *source);

/* Give every word its page number: tables in address order. */
bool trace_renumber(struct trace *trace, const struct trace_tables *tables, struct source *source);

void trace_tables_free(struct trace_tables *tables);

/* 64-bit words: numbers of pages anywhere in the address space, and ticks of all ones. */
bool trace_read_vpn(struct trace *trace, struct source *source);

/* Bytes of a word that is not complete yet; a piece of input may end anywhere. */
struct pending {
	uint32_t word;
	unsigned int bytes;
};

/* Append the words that these bytes complete. */
bool trace_take_words(struct trace *trace, struct pending *pending, const unsigned char *bytes,
		      size_t size, struct source *source);

/* The input ends here; false if a word does not. */
bool trace_end_words(const struct pending *pending, struct source *source);

#endif /* PTW_SIM_TRACE_FORM_H */
