/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>

#include "../common/size.h"

#define BAR_WIDTH    30
#define MIB_PER_PAGE (4096.0 / 1048576.0)

static void print_bar(uint64_t value, uint64_t most)
{
	/* Something, however little, is shown as something. */
	uint64_t length = most ? (value * BAR_WIDTH + most - 1) / most : 0;

	if (length)
		printf("  ");
	for (; length; length--)
		putchar('#');
	putchar('\n');
}

void report_tlb(const struct options *options, char text[REPORT_TLB_SIZE])
{
	if (options->tlb_sets)
		snprintf(text, REPORT_TLB_SIZE, "%ux%u", options->tlb_sets, options->tlb_ways);
	else
		snprintf(text, REPORT_TLB_SIZE, "off");
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void print_tlb(const struct report *report)
{
	const struct replay *replay = report->replay;
	char text[REPORT_TLB_SIZE];

	report_tlb(report->options, text);
	printf("TLB %s", text);
	if (report->options->tlb_sets)
		printf(": %" PRIu64 " hit%s (%.1f %% of references)", replay->counters.tlb_hits,
		       plural(replay->counters.tlb_hits),
		       100.0 * (double)replay->counters.tlb_hits /
			       (double)report->trace->references);
	putchar('\n');
}

static void print_summary(const struct report *report)
{
	const struct trace *trace = report->trace;
	const struct replay *replay = report->replay;
	const struct options *options = report->options;
	double references = (double)trace->references;
	char size[SIZE_TEXT];
	uint32_t usable =
		report->memory_pages < trace->footprint ? report->memory_pages : trace->footprint;

	printf("trace %s: %zu reference%s, %zu tick%s, footprint %u page%s (%s)\n",
	       options->trace, trace->references, plural(trace->references), trace->ticks,
	       plural(trace->ticks), trace->footprint, plural(trace->footprint),
	       size_text(size, (uint64_t)trace->footprint * SIM_PAGE_SIZE));
	printf("policy %s", options->policy->name);
	if (options->policy->format_name)
		printf(" on %s", options->format);
	printf(", memory %u page%s (%s, %.1f %% of the footprint)\n", report->memory_pages,
	       plural(report->memory_pages), size_text(size, (uint64_t)report->memory_pages * SIM_PAGE_SIZE),
	       100.0 * usable / trace->footprint);
	if (options->policy->format_name)
		print_tlb(report);
	printf("faults %" PRIu64 " (%.3f %% of references), evictions %" PRIu64 ", hash %016" PRIx64
	       "\n",
	       replay->faults, 100.0 * (double)replay->faults / references, replay->evictions,
	       replay->eviction_hash);
	if (replay->has_counters)
		printf("batch reads %" PRIu64 ", single checks %" PRIu64 ", harvested %" PRIu64
		       "\n",
		       replay->counters.batch_reads, replay->counters.single_checks,
		       replay->counters.harvested);
	printf("replayed in %.3f s, %.1f million references per second\n", replay->seconds,
	       replay->seconds > 0 ? references / replay->seconds / 1e6 : 0.0);
}

static void print_working_set(const struct report *report)
{
	const struct replay *replay = report->replay;
	bool scans = replay->counters.scans != 0;
	uint64_t most = 0;

	for (unsigned int i = 0; i < replay->window_count; i++)
		most = replay->windows[i].pages > most ? replay->windows[i].pages : most;

	printf("\nWorking set over time (1 tick = %d raw accesses)\n", TRACE_TICK_ACCESSES);
	printf("%17s %9s %8s", "ticks", "touched", "MiB");
	if (scans)
		printf(" %9s", "per scan");
	printf(" %9s\n", "faults");
	for (unsigned int i = 0; i < replay->window_count; i++) {
		const struct window *w = &replay->windows[i];

		printf("%8" PRIu64 "-%-8" PRIu64 " %9" PRIu64 " %8.1f", w->first_tick,
		       w->end_tick - 1, w->pages, (double)w->pages * MIB_PER_PAGE);
		if (scans && w->scans)
			printf(" %9" PRIu64, w->scan_young / w->scans);
		else if (scans)
			printf(" %9s", "-");
		printf(" %9" PRIu64, w->faults);
		print_bar(w->pages, most);
	}
}

const char *report_age_unit(const struct report *report, char text[REPORT_UNIT_SIZE])
{
	const uint32_t interval = report->options->scan_interval;

	if (report->options->policy->own_ages)
		return "a step of the policy";
	snprintf(text, REPORT_UNIT_SIZE, "%u tick%s", interval, interval == 1 ? "" : "s");
	return text;
}

static void print_idle_age(const struct report *report)
{
	const struct replay *replay = report->replay;
	char unit[REPORT_UNIT_SIZE];
	uint64_t bins[10] = {0}; /* ages 0, 1, 2-3, 4-7, ..., 128-254, and the last of all */
	uint64_t most = 0;

	for (unsigned int age = 0; age < SIM_AGES; age++) {
		unsigned int bin = age ? 32 - (unsigned int)__builtin_clz(age) : 0;

		bins[age == SIM_AGES - 1 ? 9 : bin] += replay->idle_age[age];
	}
	for (unsigned int i = 0; i < 10; i++)
		most = bins[i] > most ? bins[i] : most;

	printf("\nIdle age of resident pages at the end, %s (1 = %s)\n",
	       replay->counters.has_idle_age ? "as harvested" : "from the trace",
	       report_age_unit(report, unit));
	printf("%17s %9s %8s\n", "age", "pages", "MiB");
	for (unsigned int i = 0; i < 10; i++) {
		char range[32];

		if (i == 9)
			snprintf(range, sizeof(range), "%d or more", SIM_AGES - 1);
		else if (i < 2)
			snprintf(range, sizeof(range), "%u", i);
		else
			snprintf(range, sizeof(range), "%u-%u", 1u << (i - 1),
				 i == 8 ? SIM_AGES - 2 : (1u << i) - 1);
		printf("%17s %9" PRIu64 " %8.1f", range, bins[i], (double)bins[i] * MIB_PER_PAGE);
		print_bar(bins[i], most);
	}
}

void report_print(const struct report *report)
{
	print_summary(report);
	print_working_set(report);
	print_idle_age(report);
	report_print_heat(report);
}
