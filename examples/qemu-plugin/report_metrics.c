/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Counters and the histogram of idle ages as OpenMetrics text, for a collector that reads files. */
#include <inttypes.h>

#include "report.h"

static void metric(FILE *out, const char *name, const char *type, const char *help, uint64_t value)
{
	fprintf(out, "# TYPE ptw_guest_%s %s\n# HELP ptw_guest_%s %s\nptw_guest_%s%s %" PRIu64 "\n",
		name, type, name, help, name, *type == 'c' ? "_total" : "", value);
}

/* Ages in steps; of each class the greatest is its edge. */
static void idle_ages(FILE *out, const struct history_column *column)
{
	uint64_t so_far = 0;

	fputs("# TYPE ptw_guest_idle_pages gaugehistogram\n"
	      "# HELP ptw_guest_idle_pages Pages ever used, by steps since the last use.\n",
	      out);
	for (unsigned int number = 0; number < HISTORY_AGES; number++) {
		so_far += column->idle[number];
		if (number + 1 < HISTORY_AGES)
			fprintf(out, "ptw_guest_idle_pages_bucket{le=\"%u\"} %" PRIu64 "\n",
				(1u << number) - 1, so_far);
	}
	fprintf(out,
		"ptw_guest_idle_pages_bucket{le=\"+Inf\"} %" PRIu64
		"\nptw_guest_idle_pages_gcount %" PRIu64 "\n",
		so_far, so_far);
}

void report_metrics(FILE *out, const struct guest *guest)
{
	const struct history *history = &guest->history;
	const struct history_column *last =
		history->columns ? &history->column[history->columns - 1] : NULL;
	struct report_sums sums;

	report_sums(guest, &sums);
	metric(out, "memory_bytes", "gauge", "RAM of the guest.", history->pages << PAGE_SHIFT);
	metric(out, "steps", "counter", "Steps of ageing.", history->steps);
	metric(out, "instructions", "counter", "Instructions of the guest.", guest->instructions);
	metric(out, "loads", "counter", "Data loads.", sums.loads);
	metric(out, "stores", "counter", "Data stores.", sums.stores);
	metric(out, "walks", "counter", "Walks of the second-level table.", sums.walks);
	metric(out, "faults", "counter", "Pages used the first time.", guest->machine.faults);
	metric(out, "refaults", "counter", "Pages brought back.", guest->machine.refaults);
	metric(out, "evicted", "counter", "Pages put out.", guest->machine.evicted);
	metric(out, "step_microseconds", "counter", "Time spent in steps.", guest->step_ns / 1000);
	if (last) {
		metric(out, "working_set_pages", "gauge", "Pages used in the last ten steps.",
		       last->working_set);
		metric(out, "used_pages", "gauge", "Pages ever used.", last->ever);
		metric(out, "resident_pages", "gauge", "Of these, not put out.", last->resident);
		idle_ages(out, last);
	}
	fputs("# EOF\n", out);
}
