/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reads a page trace into memory. Its form is found out: content tells zstd, the name raw words, and
 * the first line that says something what kind of text it is:
 * - zstd-compressed little-endian 32-bit words: page numbers, and 0xFFFFFFFF for a tick (65 536 raw
 *   memory accesses have happened). It has no write flag; every reference is a read;
 * - the same words without zstd, in a file whose name ends in .u32;
 * - text, one raw access per line: R, W or I, small or capital, a hexadecimal address, and perhaps
 *   a decimal size, which is not looked at; blank lines and whatever follows a # are skipped;
 * - what valgrind's lackey writes with --trace-mem=yes;
 * - what the view tool of drcachesim prints.
 *
 * In the last two an access that crosses pages is a reference to each.
 *
 * Page numbers keep the 512-entry table structure of the virtual addresses: number >> 9 is the rank
 * of the last-level table among those used, number & 511 the index in it.
 */
#ifndef PTW_SIM_TRACE_H
#define PTW_SIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_TICK	    UINT32_C(0xffffffff)
#define TRACE_WRITE	    UINT32_C(0x80000000)
#define TRACE_TICK_ACCESSES 65536

/* A page number from here on cannot be meant: 2^28 pages are 1 TiB. */
#define TRACE_PAGE_LIMIT (UINT32_C(1) << 28)

/* Longest list of pages that a filter may have. */
#define TRACE_FILTER_MAX 65536

enum trace_form {
	TRACE_FORM_AUTO, /* to be found out */
	TRACE_FORM_TEXT,
	TRACE_FORM_LACKEY,
	TRACE_FORM_DRCACHESIM,
	TRACE_FORM_U32,
	TRACE_FORM_VPN, /* 64-bit words of scripts/record-trace; never found out */
};

/* Name of the index-th form; NULL past the last. */
const char *trace_form_name(unsigned int index);

/* How to read; zeroed: as trace_load() does. */
struct trace_how {
	enum trace_form form; /* of what is not under zstd */
	/*
	 * Leave out references to the pages used last, so many of them, as a TLB would. 1: only
	 * those to the same page as the one before. 0: none. At most TRACE_FILTER_MAX.
	 */
	uint32_t filter;
	/* Read no further than so many references that are not left out. 0: to the end. */
	uint64_t limit;
	/* Called at each tick, to show that something happens; or NULL. */
	void (*watch)(uint64_t ticks, uint64_t references);
};

struct trace {
	uint32_t *words;    /* TRACE_TICK, or a page number, with TRACE_WRITE for a write */
	size_t count;	    /* words */
	size_t references;  /* words that are no ticks; at least 1, below 2^32 */
	size_t ticks;	    /* words that are */
	uint32_t pages;	    /* highest page number + 1 */
	uint32_t footprint; /* distinct pages */
};

/*
 * Read a file, or standard input for "-". On failure false, with one line in error that says what
 * was wrong and what to do, and nothing to free.
 */
bool trace_load(struct trace *trace, const char *path, char *error, size_t error_size);
bool trace_load_as(struct trace *trace, const char *path, const struct trace_how *how, char *error,
		   size_t error_size);

void trace_free(struct trace *trace);

#endif /* PTW_SIM_TRACE_H */
