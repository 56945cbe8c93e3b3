/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Counters and the histogram of idle ages as OpenMetrics text, for a collector that reads files. */
#include <inttypes.h>

#include "report.h"

/* Gauges all: node_exporter's reader and OpenMetrics name counters in ways that exclude each other. */
static void metric(FILE *out, const char *name, const char *help, uint64_t value)
{
	fprintf(out,
		"# TYPE ptw_guest_%s gauge\n# HELP ptw_guest_%s %s\nptw_guest_%s %" PRIu64 "\n",
		name, name, help, name, value);
}

/* Ages in steps; of each class the greatest is its edge. */
static void idle_ages(FILE *out, const struct history_column *column)
{
	uint64_t so_far = 0;

	fputs("# TYPE ptw_guest_idle_pages gauge\n"
	      "# HELP ptw_guest_idle_pages Pages ever used, idle for so many steps or fewer.\n",
	      out);
	for (unsigned int number = 0; number + 1 < HISTORY_AGES; number++) {
		so_far += column->idle[number];
		fprintf(out, "ptw_guest_idle_pages{up_to=\"%u\"} %" PRIu64 "\n", (1u << number) - 1,
			so_far);
	}
	fprintf(out, "ptw_guest_idle_pages{up_to=\"+Inf\"} %" PRIu64 "\n",
		so_far + column->idle[HISTORY_AGES - 1]);
}

void report_metrics(FILE *out, const struct guest *guest)
{
	const struct history *history = &guest->history;
	const struct history_column *last =
		history->columns ? &history->column[history->columns - 1] : NULL;
	struct report_sums sums;

	report_sums(guest, &sums);
	metric(out, "memory_bytes", "RAM of the guest.", history->pages << PAGE_SHIFT);
	metric(out, "steps", "Steps of ageing.", history->steps);
	metric(out, "instructions", "Instructions of the guest.", guest->instructions);
	metric(out, "loads", "Data loads.", sums.loads);
	metric(out, "stores", "Data stores.", sums.stores);
	metric(out, "walks", "Walks of the second-level table.", sums.walks);
	metric(out, "faults", "Pages used the first time.", guest->machine.faults);
	metric(out, "refaults", "Pages brought back.", guest->machine.refaults);
	metric(out, "evicted", "Pages put out.", guest->machine.evicted);
	metric(out, "step_microseconds", "Time spent in steps.", guest->step_ns / 1000);
	if (last) {
		metric(out, "working_set_pages", "Pages used in the last ten steps.",
		       last->working_set);
		metric(out, "used_pages", "Pages ever used.", last->ever);
		metric(out, "resident_pages", "Of these, not put out.", last->resident);
		idle_ages(out, last);
	}
	fputs("# EOF\n", out);
}
