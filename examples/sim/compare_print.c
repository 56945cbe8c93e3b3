/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <inttypes.h>
#include <stdio.h>

#include "../common/size.h"

#include "compare_extra.h"
#include "compare_report.h"

/* Sizes side by side in 100 columns. */
#define SIZES_WIDE 4

#define NAME_WIDTH 11

static void print_value(const struct sums_value *value, int width, int digits)
{
	if (value->is)
		printf(" %*.*f", width, digits, value->value);
	else
		printf(" %*s", width, "-");
}

/* Of 0.0 and -0.0, tables know only one. */
static double plain(double value, double half)
{
	return value > -half && value < half ? 0 : value;
}

static void print_percent(const struct sums_value *value, int width)
{
	if (value->is)
		printf(" %+*.1f", width, plain(value->value, 0.05));
	else
		printf(" %*s", width, "-");
}

static void print_gap(const struct sums_value *gap, int width)
{
	struct sums_value shown = *gap;

	shown.value = plain(gap->value, 0.5);
	print_value(&shown, width, 0);
}

static void print_sizes(const struct compare *compare, unsigned int trace, unsigned int first)
{
	unsigned int end = first + SIZES_WIDE;

	if (end > compare->size_count)
		end = compare->size_count;
	printf("%-*s", NAME_WIDTH, "");
	for (unsigned int size = first; size < end; size++)
		printf("  %20.15s", compare->sizes[size].text);
	printf("\n%-*s", NAME_WIDTH, "policy");
	for (unsigned int size = first; size < end; size++)
		printf(" %8s %6s %5s", "misses", "%LRU", "gap");
	putchar('\n');
	for (unsigned int policy = 0; policy < compare->policy_count; policy++) {
		printf("%-*s", NAME_WIDTH, compare->policies[policy]->name);
		for (unsigned int size = first; size < end; size++) {
			struct sums_value gap = sums_gap(compare, trace, size, policy);

			printf(" %8" PRIu64 " %+6.1f",
			       compare_at(compare, trace, size, policy)->misses,
			       plain(sums_against_lru(compare, trace, size, policy), 0.05));
			print_gap(&gap, 5);
		}
		putchar('\n');
	}
}

static void print_trace(const struct compare *compare, unsigned int trace)
{
	const struct compare_trace *of = &compare->traces[trace];
	char text[SIZE_TEXT];

	printf("%s: %zu references, footprint %u pages (%s)\n", of->name, of->trace.references,
	       of->trace.footprint, size_text(text, (uint64_t)of->trace.footprint * SIM_PAGE_SIZE));
	for (unsigned int first = 0; first < compare->size_count; first += SIZES_WIDE)
		print_sizes(compare, trace, first);
	putchar('\n');
}

static void print_sums(const struct compare *compare)
{
	printf("All traces: misses against LRU in percent, geometric mean; gap, and reads and "
	       "checks per\nmiss: mean\n");
	printf("%-*s %10s %9s %9s %9s %9s  %s\n", NAME_WIDTH, "", "10 & 25 %", "gap", "all sizes",
	       "batch", "single", "worst point");
	for (unsigned int policy = 0; policy < compare->policy_count; policy++) {
		struct sums sums;

		sums_of(&sums, compare, policy);
		printf("%-*s", NAME_WIDTH, compare->policies[policy]->name);
		print_percent(&sums.low, 10);
		print_gap(&sums.gap, 9);
		print_percent(&sums.all, 9);
		print_value(&sums.batch, 9, 2);
		print_value(&sums.single, 9, 3);
		printf("  %+.1f %%, %.25s at %s\n", plain(sums.worst.value, 0.05),
		       compare->traces[sums.worst.trace].name,
		       compare->sizes[sums.worst.size].text);
	}
}

static void print_goals(const struct compare *compare, unsigned int policy)
{
	struct sums_goal goals[SUMS_GOALS + EXTRA_GOALS];
	const unsigned int count = extra_goals(goals, compare, policy);

	for (unsigned int g = 0; g < count; g++) {
		const struct sums_goal *goal = &goals[g];

		printf("%-27s", goal->id);
		print_value(&goal->value, 9, 3);
		if (goal->needless)
			printf("\n    no point: %s\n", goal->detail);
		else
			printf("  %s %9.3f  %s\n    %s\n", sums_bound(goal), goal->goal,
			       sums_met(goal) ? "met" : "NOT MET", goal->detail);
	}
}

void compare_print(const struct compare *compare, bool goals)
{
	printf("Misses, first touches included; %%LRU: against exact LRU in percent; gap: share of "
	       "the way\nfrom LRU to opt, in percent. Memory in percent of the footprint, or pages.\n\n");
	for (unsigned int trace = 0; trace < compare->trace_count; trace++)
		print_trace(compare, trace);
	print_sums(compare);
	if (!goals)
		return;
	extra_print(compare);
	printf("\n%-27s %9s  %-17s\n", "figure", "value", "goal");
	for (unsigned int policy = 0; policy < compare->policy_count; policy++)
		if (compare_judged(compare, policy))
			print_goals(compare, policy);
}
