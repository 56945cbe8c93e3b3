/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* All replays of a comparison, for spreadsheets. */
#include <inttypes.h>
#include <stdio.h>

#include "compare_report.h"
#include "compare_sums.h"
#include "csv.h"

static void line(FILE *out, const struct compare *compare, unsigned int trace, unsigned int size,
		 unsigned int policy)
{
	const struct compare_replay *replay = compare_at(compare, trace, size, policy);
	const struct sums_value gap = sums_gap(compare, trace, size, policy);
	const uint64_t pages = compare_frames(compare, trace, size);

	csv_text(out, compare->traces[trace].name);
	fprintf(out, ",%s,%" PRIu64 ",%" PRIu64 ",%s,%" PRIu64 ",%.4f,", compare->sizes[size].text, pages,
		pages * SIM_PAGE_SIZE, compare->policies[policy]->name, replay->misses,
		sums_against_lru(compare, trace, size, policy));
	if (gap.is)
		fprintf(out, "%.4f", gap.value);
	if (replay->has_counters)
		fprintf(out, ",%" PRIu64 ",%" PRIu64 "\n", replay->batch_reads, replay->single_checks);
	else
		fputs(",,\n", out);
}

char *compare_csv(const struct compare *compare)
{
	struct csv csv;
	FILE *out = csv_begin(&csv, "trace,memory,memory_pages,memory_bytes,policy,misses,"
				    "against_lru_percent,gap_percent,batch_reads,single_checks");

	if (!out)
		return NULL;
	for (unsigned int trace = 0; trace < compare->trace_count; trace++)
		for (unsigned int size = 0; size < compare->size_count; size++)
			for (unsigned int policy = 0; policy < compare->policy_count; policy++)
				line(out, compare, trace, size, policy);
	return csv_end(out, &csv);
}
