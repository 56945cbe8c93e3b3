/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "notes.h"

#include "../common/all_zero.h"
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

/* Whoever harvests finds something, unless there was nothing to find. */
static void explain_zero(const struct report *report)
{
	static const char *const causes[] = {
		"nothing had to go, so that nobody looked: try a smaller --memory",
		"the trace ends before the first harvest: try a longer one, or a smaller --scan-interval",
		"the TLB held every translation, so that no accessed bit was set again: try a smaller --tlb, or off",
		NULL,
	};

	if (report->options->policy->format_name && !report->replay->counters.harvested)
		all_zero_explain(stderr, "ptw-sim", causes);
}

void notes_print(const struct report *report)
{
	note_unused_option(report, report->options->format_given, "format");
	note_unused_option(report, report->options->tlb_given, "tlb");
	note_short_trace(report);
	explain_zero(report);
}
