/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "compare_sums.h"

#include <math.h>
#include <stdio.h>

/* The sizes that goals are about, in millionths of a footprint. */
#define LOW_FIRST  100000
#define LOW_SECOND 250000

double sums_against_lru(const struct compare *compare, unsigned int trace, unsigned int size,
			unsigned int policy)
{
	double lru = (double)compare_at(compare, trace, size, compare->lru)->misses;

	return 100 * ((double)compare_at(compare, trace, size, policy)->misses / lru - 1);
}

struct sums_value sums_gap(const struct compare *compare, unsigned int trace, unsigned int size,
			   unsigned int policy)
{
	uint64_t lru = compare_at(compare, trace, size, compare->lru)->misses;
	uint64_t opt = compare_at(compare, trace, size, compare->opt)->misses;
	uint64_t own = compare_at(compare, trace, size, policy)->misses;

	if (lru <= opt)
		return (struct sums_value){.is = false};
	return (struct sums_value){
		.is = true,
		.value = 100 * ((double)lru - (double)own) / (double)(lru - opt),
		.trace = trace,
		.size = size,
	};
}

static bool is_low(const struct compare_size *size)
{
	return size->limit.is_share &&
	       (size->limit.share == LOW_FIRST || size->limit.share == LOW_SECOND);
}

/* Both are there, since one alone would be another figure under the same name. */
static bool has_low(const struct compare *compare)
{
	unsigned int count = 0;

	for (unsigned int size = 0; size < compare->size_count; size++)
		count += is_low(&compare->sizes[size]);
	return count == 2;
}

static void raise_to(struct sums_value *most, double value, unsigned int trace, unsigned int size)
{
	if (!most->is || value > most->value)
		*most = (struct sums_value){true, value, trace, size};
}

/* What the points at hand sum up to so far. */
struct running {
	double logs;
	double gaps;
	double batch;
	double single;
	unsigned int points;
	unsigned int gap_points;
};

static void running_add(struct running *running, const struct compare *compare, unsigned int trace,
			unsigned int size, unsigned int policy)
{
	const struct compare_replay *own = compare_at(compare, trace, size, policy);
	const struct compare_replay *lru = compare_at(compare, trace, size, compare->lru);
	struct sums_value gap = sums_gap(compare, trace, size, policy);

	running->logs += log((double)own->misses / (double)lru->misses);
	running->batch += (double)own->batch_reads / (double)own->misses;
	running->single += (double)own->single_checks / (double)own->misses;
	running->points++;
	if (gap.is) {
		running->gaps += gap.value;
		running->gap_points++;
	}
}

static struct sums_value mean(double sum, unsigned int points)
{
	if (!points)
		return (struct sums_value){.is = false};
	return (struct sums_value){.is = true, .value = sum / points};
}

static struct sums_value geometric(const struct running *running)
{
	struct sums_value value = mean(running->logs, running->points);

	value.value = 100 * (exp(value.value) - 1);
	return value;
}

/* Never worse than the better one of the two that everybody has. */
static void look_above(struct sums *sums, const struct compare *compare, unsigned int trace,
		       unsigned int size, unsigned int policy)
{
	uint64_t own = compare_at(compare, trace, size, policy)->misses;
	uint64_t least = compare_at(compare, trace, size, compare->lru)->misses;
	uint32_t footprint = compare->traces[trace].trace.footprint;
	double above;

	if (compare->mglru < compare->policy_count) {
		uint64_t mglru = compare_at(compare, trace, size, compare->mglru)->misses;

		least = mglru < least ? mglru : least;
	}
	above = 100 * ((double)own - (double)least);
	if (least - footprint >= COMPARE_LARGE)
		raise_to(&sums->above_large, above / (double)least, trace, size);
	else
		raise_to(&sums->above_small, above / footprint, trace, size);
}

void sums_of(struct sums *sums, const struct compare *compare, unsigned int policy)
{
	struct running low = {0}, all = {0};

	*sums = (struct sums){0};
	for (unsigned int trace = 0; trace < compare->trace_count; trace++) {
		for (unsigned int size = 0; size < compare->size_count; size++) {
			running_add(&all, compare, trace, size, policy);
			if (has_low(compare) && is_low(&compare->sizes[size]))
				running_add(&low, compare, trace, size, policy);
			raise_to(&sums->worst, sums_against_lru(compare, trace, size, policy),
				 trace, size);
			look_above(sums, compare, trace, size, policy);
		}
	}
	sums->low = geometric(&low);
	sums->all = geometric(&all);
	sums->gap = mean(low.gaps, low.gap_points);
	if (compare_at(compare, 0, 0, policy)->has_counters) {
		sums->batch = mean(low.batch, low.points);
		sums->single = mean(low.single, low.points);
	}
}

static void where(char *text, size_t room, const struct compare *compare,
		  const struct sums_value *value)
{
	if (value->is)
		snprintf(text, room, "; worst: %.60s at %s", compare->traces[value->trace].name,
			 compare->sizes[value->size].text);
}

void sums_goals(struct sums_goal goals[SUMS_GOALS], const struct compare *compare,
		unsigned int policy)
{
	const char *name = compare->policies[policy]->name;
	char large[100] = "", small[100] = "";
	struct sums sums;

	sums_of(&sums, compare, policy);
	where(large, sizeof(large), compare, &sums.above_large);
	where(small, sizeof(small), compare, &sums.above_small);
	goals[0] = (struct sums_goal){.value = sums.low, .goal = -15};
	snprintf(goals[0].id, sizeof(goals[0].id), "Q1-%s", name);
	snprintf(goals[0].detail, sizeof(goals[0].detail),
		 "misses against exact LRU at 10 and 25 %%, geometric mean, in percent");
	goals[1] = (struct sums_goal){
		.value = sums.above_large, .goal = 3, .needless = !sums.above_large.is};
	snprintf(goals[1].id, sizeof(goals[1].id), "Q2-%s", name);
	snprintf(goals[1].detail, sizeof(goals[1].detail),
		 "percent above min(LRU, mglru), if %d of its misses are no first touches%s",
		 COMPARE_LARGE, large);
	goals[2] = (struct sums_goal){
		.value = sums.above_small, .goal = 1, .needless = !sums.above_small.is};
	snprintf(goals[2].id, sizeof(goals[2].id), "Q2-small-%s", name);
	snprintf(goals[2].detail, sizeof(goals[2].detail),
		 "the same if fewer are, in percent of the footprint%s", small);
	goals[3] = (struct sums_goal){.value = sums.batch, .goal = 8};
	snprintf(goals[3].id, sizeof(goals[3].id), "Q3-batch-%s", name);
	snprintf(goals[3].detail, sizeof(goals[3].detail),
		 "entries read by scans per miss, mean at 10 and 25 %%");
	goals[4] = (struct sums_goal){.value = sums.single, .goal = 1.05};
	snprintf(goals[4].id, sizeof(goals[4].id), "Q3-single-%s", name);
	snprintf(goals[4].detail, sizeof(goals[4].detail),
		 "single checks per miss, mean at 10 and 25 %%");
}
