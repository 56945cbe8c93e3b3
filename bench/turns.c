/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "turns.h"

#include <stdbool.h>
#include <string.h>

#include "measure.h"
#include "thread.h"

/* Give up on a machine that never lets a block through. */
#define SECONDS_MAX 12.0

struct side {
	struct samples all;
	struct samples pass;  /* of the pass that runs */
	struct samples means; /* median of each pass */
	uint64_t total;
};

static void run_block(const struct turns *t, unsigned int s, uint64_t block, struct side *side)
{
	long before = preemptions();
	uint64_t start = now_ns();
	uint64_t end;

	t->block(t->context, s, block);
	end = now_ns();
	if (preemptions() != before)
		return;
	samples_add(&side->all, (double)(end - start));
	samples_add(&side->pass, (double)(end - start));
}

static void run_pass(const struct turns *t, unsigned int s, struct side *side)
{
	t->prepare(t->context, s);
	side->pass.kept = 0;
	for (uint64_t block = 0; block < t->blocks[s]; block++)
		run_block(t, s, block, side);
	t->verify(t->context, s);
	side->total += t->blocks[s];
	/* Of fewer than half of the blocks it would not be the same median. */
	if (2 * side->pass.kept >= t->blocks[s])
		samples_add(&side->means, median(side->pass.ns, side->pass.kept));
}

/* Another side begins each time: none of them always follows the same one. */
static void run_round(const struct turns *t, uint64_t round, struct side *side)
{
	for (unsigned int i = 0; i < t->sides; i++) {
		unsigned int s = (unsigned int)((i + round) % t->sides);

		run_pass(t, s, &side[s]);
	}
}

static bool enough(const struct turns *t, uint64_t rounds, const struct side *side)
{
	for (unsigned int s = 0; s < t->sides; s++)
		if (side[s].all.kept < t->want)
			return false;
	return rounds >= t->passes;
}

static double mean(const struct samples *samples)
{
	double sum = 0;

	for (uint64_t i = 0; i < samples->kept; i++)
		sum += samples->ns[i];
	return samples->kept ? sum / (double)samples->kept : 0;
}

void turns_run(const struct turns *t, struct turned *turned)
{
	const double seconds = t->seconds > 0 ? t->seconds : SECONDS_MAX;
	struct side side[TURNS_SIDES] = {0};
	uint64_t deadline, rounds = 0;

	memset(turned, 0, sizeof(*turned));
	/* Once for the page faults and the branch predictors. */
	run_round(t, 0, side);
	for (unsigned int s = 0; s < t->sides; s++)
		side[s].all.kept = side[s].means.kept = side[s].total = 0;
	deadline = now_ns() + (uint64_t)(seconds * 1e9);
	do
		run_round(t, ++rounds, side);
	while (!enough(t, rounds, side) && now_ns() < deadline);
	for (unsigned int s = 0; s < t->sides; s++) {
		turned->side[s].kept = side[s].all.kept;
		turned->side[s].total = side[s].total;
		turned->side[s].mean = mean(&side[s].means);
		turned->side[s].ns = median(side[s].all.ns, side[s].all.kept);
		if (!s || side[s].all.kept < turned->kept) {
			turned->kept = side[s].all.kept;
			turned->total = side[s].total;
		}
		samples_free(&side[s].all);
		samples_free(&side[s].pass);
		samples_free(&side[s].means);
	}
}
