/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The benchmark's histogram against sorted values. */
#include "tests/harness/harness.h"

#include <stdlib.h>

#include "bench/histogram.h"

#define VALUES 20000

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static struct histogram *new_histogram(void)
{
	struct histogram *h = calloc(1, sizeof(*h));

	cr_assert(h != NULL);
	return h;
}

/* Small values have buckets of their own; others are right to half a bucket, 1/128. */
Test(histogram, one_value)
{
	for (unsigned int lg2 = 0; lg2 < HISTOGRAM_MAX_LG2; lg2++) {
		for (int64_t off = -1; off <= 1; off++) {
			uint64_t value = ((uint64_t)1 << lg2) + (uint64_t)off;
			struct histogram *h = new_histogram();
			double found;

			histogram_add(h, value);
			found = histogram_quantile(h, 0.5);
			cr_assert(h->count == 1 && h->max == value);
			if (value < 128)
				cr_assert(found == (double)value);
			else
				cr_assert(found >= (double)value * (1 - 1.0 / 128) &&
					  found <= (double)value * (1 + 1.0 / 128));
			free(h);
		}
	}
}

Test(histogram, quantiles_of_many)
{
	static const double q[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
	uint64_t *values = calloc(VALUES, sizeof(*values));
	struct histogram *h = new_histogram();
	uint64_t state = 1;

	cr_assert(values != NULL);
	for (unsigned int i = 0; i < VALUES; i++) {
		values[i] = next_random(&state) >> (24 + next_random(&state) % 40);
		histogram_add(h, values[i]);
	}
	qsort(values, VALUES, sizeof(*values), compare);
	for (unsigned int i = 0; i < sizeof(q) / sizeof(q[0]); i++) {
		double exact = (double)values[(unsigned int)(q[i] * VALUES + 0.5) - 1];
		double found = histogram_quantile(h, q[i]);

		cr_assert(found >= exact * (1 - 1.0 / 128) && found <= exact * (1 + 1.0 / 128));
	}
	free(values);
	free(h);
}

Test(histogram, merge_and_limits)
{
	struct histogram *a = new_histogram();
	struct histogram *b = new_histogram();

	cr_assert(histogram_quantile(a, 0.99) == 0);
	histogram_add(a, 5);
	histogram_add_many(b, 100, 3);
	/* Beyond the last bucket: counted there, told as it was by max. */
	histogram_add(b, UINT64_MAX);
	histogram_merge(a, b);
	cr_assert(a->count == 5 && a->max == UINT64_MAX);
	cr_assert(histogram_quantile(a, 0.2) == 5);
	cr_assert(histogram_quantile(a, 0.8) == 100);
	cr_assert(histogram_quantile_above(a, 0.5, 5) == 100);
	cr_assert(histogram_quantile(a, 1) > (double)((uint64_t)1 << (HISTOGRAM_MAX_LG2 - 1)));
	free(a);
	free(b);
}
