/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "measure.h"

#include <stdlib.h>

#include "figure.h"
#include "thread.h"

/* Give up on a machine that never lets a block through. */
#define SECONDS_MAX 12

void samples_add(struct samples *samples, double ns)
{
	if (samples->kept == samples->room) {
		samples->room = samples->room ? 2 * samples->room : 1024;
		samples->ns = realloc(samples->ns, samples->room * sizeof(*samples->ns));
		if (!samples->ns)
			bench_die(EXIT_WRONG, "not enough memory for the samples");
	}
	samples->ns[samples->kept++] = ns;
}

void samples_free(struct samples *samples)
{
	free(samples->ns);
	*samples = (struct samples){0};
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return (x > y) - (x < y);
}

double median(double *values, uint64_t count)
{
	if (!count)
		return 0;
	qsort(values, count, sizeof(*values), compare);
	return count & 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void run_block(const struct measure *m, unsigned int side, uint64_t block,
		      struct samples *samples)
{
	long before = preemptions();
	uint64_t start = now_ns();
	uint64_t end;

	if (m->any)
		m->any(m->context, side, block);
	else
		m->side[side](m->context, block);
	end = now_ns();
	if (preemptions() == before)
		samples_add(samples, (double)(end - start));
}

/*
 * Side s is s / sides of the way round ahead of the first one: were they at the same block, the
 * second would find in the cache what the first had fetched, and nobody would measure memory.
 */
static void run_pass(const struct measure *m, struct samples *samples)
{
	m->prepare(m->context);
	for (uint64_t block = 0; block < m->blocks; block++)
		for (unsigned int s = 0; s < m->sides; s++)
			run_block(m, s, (block + s * m->blocks / m->sides) % m->blocks,
				  &samples[s]);
	m->verify(m->context);
}

static uint64_t fewest(const struct measure *m, const struct samples *samples)
{
	uint64_t kept = samples[0].kept;

	for (unsigned int s = 1; s < m->sides; s++)
		if (samples[s].kept < kept)
			kept = samples[s].kept;
	return kept;
}

void measure_run(const struct measure *m, struct measured *measured)
{
	struct samples samples[MEASURE_SIDES] = {0};
	uint64_t deadline = now_ns() + SECONDS_MAX * (uint64_t)1000000000;

	*measured = (struct measured){0};
	/* Once for the page faults and the branch predictors. */
	run_pass(m, samples);
	for (unsigned int s = 0; s < m->sides; s++)
		samples[s].kept = 0;
	do {
		run_pass(m, samples);
		measured->total += m->blocks;
		measured->kept = fewest(m, samples);
	} while (measured->kept < m->want && now_ns() < deadline);
	for (unsigned int s = 0; s < m->sides; s++) {
		double ns = median(samples[s].ns, samples[s].kept);

		measured->ns[s] = ns / (double)m->work;
		if (ns / 1e3 > measured->longest_us)
			measured->longest_us = ns / 1e3;
		samples_free(&samples[s]);
	}
}
