/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reads a page trace into memory. Three forms; content tells the first, the name the second:
 * - zstd-compressed little-endian 32-bit words: page numbers, and 0xFFFFFFFF for a tick (65 536 raw
 *   memory accesses have happened). It has no write flag; every reference is a read;
 * - the same words without zstd, in a file whose name ends in .u32;
 * - text, one raw access per line: R, W or I, small or capital, a hexadecimal address, and perhaps
 *   a decimal size, which is not looked at; blank lines and whatever follows a # are skipped.
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

void trace_free(struct trace *trace);

#endif /* PTW_SIM_TRACE_H */
