/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "histogram.h"

#define SUB	   (1u << HISTOGRAM_SUB_LG2)
#define VALUE_LAST (((uint64_t)1 << HISTOGRAM_MAX_LG2) - 1)

/* The first two groups of buckets are one value wide; each later group doubles the width. */
static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value > VALUE_LAST)
		value = VALUE_LAST;
	if (value < SUB)
		return (unsigned int)value;
	shift = 63 - (unsigned int)__builtin_clzll(value) - HISTOGRAM_SUB_LG2;
	return (shift << HISTOGRAM_SUB_LG2) + (unsigned int)(value >> shift);
}

double histogram_value(unsigned int bucket)
{
	unsigned int group = bucket >> HISTOGRAM_SUB_LG2;
	unsigned int shift = group ? group - 1 : 0;
	uint64_t first = (uint64_t)(bucket - (shift << HISTOGRAM_SUB_LG2)) << shift;

	return (double)first + (double)(((uint64_t)1 << shift) - 1) / 2;
}

void histogram_add_many(struct histogram *histogram, uint64_t value, uint64_t count)
{
	histogram->count += count;
	histogram->bucket[bucket_of(value)] += count;
	if (value > histogram->max)
		histogram->max = value;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram_add_many(histogram, value, 1);
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->count += from->count;
	if (from->max > into->max)
		into->max = from->max;
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
}

double histogram_quantile_above(const struct histogram *histogram, double q, double floor)
{
	uint64_t count = histogram->count;
	uint64_t below = 0;
	unsigned int i = 0;
	uint64_t rank;

	for (; i < HISTOGRAM_BUCKETS && histogram_value(i) <= floor; i++)
		count -= histogram->bucket[i];
	rank = (uint64_t)(q * (double)count + 0.5);
	for (; i < HISTOGRAM_BUCKETS && count; i++) {
		below += histogram->bucket[i];
		if (below >= rank && below)
			return histogram_value(i);
	}
	return 0;
}

double histogram_quantile(const struct histogram *histogram, double q)
{
	return histogram_quantile_above(histogram, q, -1);
}
