/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Misses of exact LRU in every size of memory, from one pass over a trace. */
#ifndef PTW_SIM_EXACT_CURVE_H
#define PTW_SIM_EXACT_CURVE_H

#include <stdbool.h>
#include <stdint.h>

struct trace;

/* misses[m] for m pages of memory, 0 to trace->footprint. False: not enough memory. */
bool exact_curve(const struct trace *trace, uint64_t *misses);

#endif /* PTW_SIM_EXACT_CURVE_H */
