/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "guest.h"

#include "console.h"
#include "guest_report.h"
#include "output.h"

#define MILLION 1000000u

static uint32_t at_most(uint32_t pages, uint32_t most)
{
	return pages < most ? pages : most;
}

/* Both traces as one, which is all that is kept of them. */
static void load(const struct options *options, struct merge *merge, uint32_t *smaller)
{
	const struct trace_how how = {.form = options->trace_form};
	struct trace host, guest;
	char error[1024];

	if (!trace_load_as(&host, options->trace, &how, error, sizeof(error)) ||
	    !trace_load_as(&guest, options->guest, &how, error, sizeof(error)) ||
	    !merge_traces(merge, &host, &guest, error, sizeof(error)))
		sim_die("%s", error);
	*smaller = at_most(host.pages, guest.pages);
	trace_free(&host);
	trace_free(&guest);
}

static void run_mixed(struct guest_report *report)
{
	const struct options *options = report->options;
	const uint32_t footprint = report->merge->trace.footprint;
	char error[SIM_ERROR_SIZE];
	struct mixed_config config = {
		.merge = report->merge,
		.format = options->format,
		.tlb_sets = options->tlb_sets,
		.tlb_ways = options->tlb_ways,
		.secondary = options->secondary,
		.look = options->look,
		.engine = options->policy == &sim_policy_generations,
		.flush = options->flush,
		.fault_young = !options->fault_old,
		.contend = options->contend,
		.error = error,
	};

	report->memory_pages[0] = memory_limit_pages(&options->memory, footprint);
	config.frames = at_most(report->memory_pages[0], footprint);
	config.isolate = at_most(options->isolate, config.frames);
	if (!mixed_policy(report->merge, &sim_policy_lru, config.frames, report->lru, error) ||
	    !mixed_run(&report->mixed, &config))
		sim_die("mixed load: %s", error);
}

static void run_groups(struct guest_report *report, uint32_t smaller)
{
	const struct options *options = report->options;
	char error[SIM_ERROR_SIZE];
	struct groups_config config = {
		.merge = report->merge,
		.format = options->format,
		.tlb_sets = options->tlb_sets,
		.tlb_ways = options->tlb_ways,
		.foreign = options->foreign,
		.error = error,
	};

	report->split = (uint32_t)((uint64_t)smaller * options->shared / MILLION);
	config.split = report->split;
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t footprint = report->merge->footprint[i];

		report->memory_pages[i] = memory_limit_pages(&options->memory, footprint);
		config.frames[i] = at_most(report->memory_pages[i], footprint);
	}
	if (!groups_run(&report->groups, &config))
		sim_die("group reclaim: %s", error);
}

void guest_main(const struct options *options)
{
	static struct guest_report report;
	struct merge merge;
	uint32_t smaller;
	bool groups = options->shared != 0;

	load(options, &merge, &smaller);
	sim_say("read two traces, %zu references to %u pages", merge.trace.references, merge.trace.footprint);
	report.options = options;
	report.merge = &merge;
	if (groups)
		run_groups(&report, smaller);
	else
		run_mixed(&report);
	if (options->common.json) {
		output_made(options->common.json,
			    groups ? groups_report_json(&report) : guest_report_json(&report));
	}
	if (!output_is_stdout(options->common.json)) {
		if (groups)
			groups_report_print(&report);
		else
			guest_report_print(&report);
	}
	output_flush();
	merge_free(&merge);
}
