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

/* What one side has taken so far. */
struct side {
	struct samples samples;
	uint64_t total;
};

static void run_block(const struct measure *m, unsigned int number, uint64_t block,
		      struct side *side)
{
	long before = preemptions();
	uint64_t start = now_ns();
	uint64_t end;

	if (m->any)
		m->any(m->context, number, block);
	else
		m->side[number](m->context, block);
	end = now_ns();
	side->total++;
	if (preemptions() == before)
		samples_add(&side->samples, (double)(end - start));
}

/*
 * Side s is s / sides of the way round ahead of the first one: were they at the same block, the
 * second would find in the cache what the first had fetched, and nobody would measure memory.
 */
static void run_pass(const struct measure *m, uint64_t pass, struct side *side)
{
	m->prepare(m->context);
	for (uint64_t block = 0; block < m->blocks; block++) {
		unsigned int turn = measure_turn(pass, block, m->sides);

		if (m->turns)
			run_block(m, turn, block, &side[turn]);
		for (unsigned int s = 0; s < m->sides && !m->turns; s++)
			run_block(m, s, (block + s * m->blocks / m->sides) % m->blocks, &side[s]);
	}
	m->verify(m->context);
}

static const struct side *fewest(const struct measure *m, const struct side *side)
{
	const struct side *least = side;

	for (unsigned int s = 1; s < m->sides; s++)
		if (side[s].samples.kept < least->samples.kept)
			least = &side[s];
	return least;
}

void measure_run(const struct measure *m, struct measured *measured)
{
	struct side side[MEASURE_SIDES] = {0};
	uint64_t deadline = now_ns() + SECONDS_MAX * (uint64_t)1000000000;
	uint64_t pass = 0;

	*measured = (struct measured){0};
	/* Once for the page faults and the branch predictors. */
	run_pass(m, pass++, side);
	for (unsigned int s = 0; s < m->sides; s++)
		side[s].samples.kept = side[s].total = 0;
	do
		run_pass(m, pass++, side);
	while (fewest(m, side)->samples.kept < m->want && now_ns() < deadline);
	measured->kept = fewest(m, side)->samples.kept;
	measured->total = fewest(m, side)->total;
	for (unsigned int s = 0; s < m->sides; s++) {
		double ns = median(side[s].samples.ns, side[s].samples.kept);

		measured->ns[s] = ns / (double)m->work;
		if (ns / 1e3 > measured->longest_us)
			measured->longest_us = ns / 1e3;
		samples_free(&side[s].samples);
	}
}
