/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Figures and the histogram of idle ages as OpenMetrics text, for a collector that reads files. */
#include "../common/openmetrics.h"
#include "report.h"

static void metric(FILE *out, const char *name, const char *unit, const char *help, uint64_t value)
{
	char full[64];

	snprintf(full, sizeof(full), "ptw_guest_%s", name);
	metrics_gauge(out, full, unit, help);
	metrics_sample(out, full, "", value);
}

void report_metrics(FILE *out, const struct guest *guest)
{
	const struct history *history = &guest->history;
	const struct history_column *last =
		history->columns ? &history->column[history->columns - 1] : NULL;
	struct report_sums sums;

	report_sums(guest, &sums);
	metric(out, "memory_bytes", "bytes", "RAM of the guest.", history->pages << PAGE_SHIFT);
	metric(out, "steps", NULL, "Steps of ageing.", history->steps);
	metric(out, "instructions", NULL, "Instructions of the guest.", guest->instructions);
	metric(out, "loads", NULL, "Data loads.", sums.loads);
	metric(out, "stores", NULL, "Data stores.", sums.stores);
	metric(out, "walks", NULL, "Walks of the second-level table.", sums.walks);
	metric(out, "faults", NULL, "Pages used the first time.", guest->machine.faults);
	metric(out, "refaults", NULL, "Pages brought back.", guest->machine.refaults);
	metric(out, "evicted", NULL, "Pages put out.", guest->machine.evicted);
	metrics_gauge(out, "ptw_guest_step_seconds", "seconds", "Time spent in steps.");
	fprintf(out, "ptw_guest_step_seconds %.6f\n", (double)guest->step_ns / 1e9);
	if (last) {
		metric(out, "working_set_pages", "pages", "Pages used in the last ten steps.",
		       last->working_set);
		metric(out, "used_pages", "pages", "Pages ever used.", last->ever);
		metric(out, "resident_pages", "pages", "Of these, there with proactive reclaim.",
		       last->resident);
		metrics_gauge(out, "ptw_guest_idle_pages", "pages",
			      "Pages ever used, idle for so many steps or fewer.");
		metrics_ages(out, "ptw_guest_idle_pages", "", last->idle, HISTORY_AGES);
	}
	metrics_end(out);
}
