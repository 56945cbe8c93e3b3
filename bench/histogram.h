/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Durations in buckets whose width grows with their value: 64 to each power of two, so that a
 * quantile is right to 1.6 %, in a fixed piece of memory however many durations there are.
 */
#ifndef PTW_BENCH_HISTOGRAM_H
#define PTW_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_LG2 6
/* Longer ones (half an hour in nanoseconds) count as this long. */
#define HISTOGRAM_MAX_LG2 41
#define HISTOGRAM_BUCKETS ((HISTOGRAM_MAX_LG2 - HISTOGRAM_SUB_LG2 + 1) << HISTOGRAM_SUB_LG2)

struct histogram {
	uint64_t count;
	uint64_t max;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_add_many(struct histogram *histogram, uint64_t value, uint64_t count);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that a share `q` of all values does not exceed, as the middle of its bucket; 0 if empty. */
double histogram_quantile(const struct histogram *histogram, double q);

/* The same among values above `floor`. */
double histogram_quantile_above(const struct histogram *histogram, double q, double floor);

/* Middle of a bucket. */
double histogram_value(unsigned int bucket);

#endif /* PTW_BENCH_HISTOGRAM_H */
