/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "notes.h"

#include "console.h"

/* Ages count scan intervals, whoever keeps them: a trace shorter than one has no ages to show. */
static void note_short_trace(const struct report *report)
{
	const struct options *options = report->options;
	size_t ticks = report->trace->ticks;

	if (ticks >= options->scan_interval || options->policy->own_ages)
		return;
	if (ticks)
		sim_note("the trace has %zu tick%s, less than one scan interval of %u, so every "
			 "idle age is 0; try --scan-interval 1",
			 ticks, ticks == 1 ? "" : "s", options->scan_interval);
	else
		sim_note("the trace ends before its first tick, so every idle age is 0; a tick is %d accesses "
			 "(lines, in a text trace): replay a longer one with --scan-interval 1",
			 TRACE_TICK_ACCESSES);
}

static void note_unused_option(const struct report *report, bool given, const char *option)
{
	if (given && !report->options->policy->format_name)
		sim_note("--%s changes nothing with --policy %s, which needs no page table", option,
			 report->options->policy->name);
}

void notes_print(const struct report *report)
{
	note_unused_option(report, report->options->format_given, "format");
	note_unused_option(report, report->options->tlb_given, "tlb");
	note_short_trace(report);
}
