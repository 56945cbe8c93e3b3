/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Traces of programs that nobody wrote: patterns that are easy or hard for a policy on purpose. */
#ifndef PTW_SIM_PATTERN_H
#define PTW_SIM_PATTERN_H

#include "trace.h"

/* Fewer pages do not hold the parts that patterns are made of. */
#define PATTERN_PAGES_MIN 256

/* References in a tick. Recorded traces have 44 to 61, since those in a TLB are left out. */
#define PATTERN_TICK 50

struct pattern_maker;

struct pattern {
	const char *name;
	const char *about; /* a line for --help */
	uint32_t pages;	   /* if nothing else is asked for */
	uint32_t length;   /* references */
	bool (*make)(struct pattern_maker *maker);
};

/* The index-th pattern; NULL past the last. */
const struct pattern *pattern_at(unsigned int index);

/*
 * A trace of `length` references to page numbers below `pages`; at least PATTERN_PAGES_MIN pages, and
 * twice as many references. The same numbers make the same trace, everywhere: all is integers.
 * False: not enough memory, and there is nothing to free.
 */
bool pattern_make(const struct pattern *pattern, struct trace *trace, uint32_t pages,
		  uint32_t length, uint64_t seed);

#endif /* PTW_SIM_PATTERN_H */
