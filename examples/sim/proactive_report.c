/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "proactive_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "../common/size.h"
#include "console.h"
#include "csv.h"
#include "output.h"
#include "proactive.h"
#include "report.h"

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0.0;
}

static void print(const struct options *options, const struct trace *trace,
		  const struct proactive *p)
{
	char text[SIZE_TEXT];

	printf("trace %s: %zu references, %zu ticks, footprint %u pages (%s)\n", options->trace,
	       trace->references, trace->ticks, trace->footprint,
	       size_text(text, (uint64_t)trace->footprint * SIM_PAGE_SIZE));
	printf("proactive reclaim on %s, target %.4g %% of the working set in a window, %u steps each\n\n",
	       options->format, options->promotion / 1e4, PROACTIVE_STEPS);
	printf("%17s %9s %9s %9s %8s %9s %9s\n", "ticks", "touched", "put out", "back", "% back",
	       "saved", "threshold");
	for (unsigned int i = 0; i < PROACTIVE_WINDOWS; i++) {
		const struct proactive_window *w = &p->windows[i];

		printf("%8" PRIu64 "-%-8" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64
		       " %8.1f %9" PRIu64 " %9u\n",
		       w->first_tick, w->end_tick - 1, w->touched, w->evictions, w->promotions,
		       percent(w->promotions, w->touched), w->saved / (w->end_tick - w->first_tick),
		       w->threshold);
	}
	printf("\nput out %" PRIu64 ", brought back %" PRIu64 ", hash %016" PRIx64 "\n",
	       p->evictions, p->promotions, p->eviction_hash);
	printf("target held in %.0f %% of windows\n", proactive_held(p, options->promotion));
	printf("saved %.1f %% of the memory of pages used so far; who knows the future, with as many "
	       "brought\nback, %.1f %%: %.1f %% of that\n",
	       percent(p->saved, p->whole), percent(p->oracle, p->whole), proactive_savings(p));
	printf("batch reads %" PRIu64 " (%.1f per miss), single checks %" PRIu64 "\n",
	       p->batch_reads, (double)p->batch_reads / (double)p->misses, p->single_checks);
}

static json_t *json_windows(const struct proactive *p)
{
	json_t *windows = json_array();

	for (unsigned int i = 0; i < PROACTIVE_WINDOWS; i++) {
		const struct proactive_window *w = &p->windows[i];
		json_t *row = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:i}", "first_tick",
					(json_int_t)w->first_tick, "end_tick",
					(json_int_t)w->end_tick, "pages", (json_int_t)w->touched,
					"evictions", (json_int_t)w->evictions, "promotions",
					(json_int_t)w->promotions, "saved_page_ticks",
					(json_int_t)w->saved, "threshold", (int)w->threshold);

		if (json_array_append_new(windows, row))
			break;
	}
	return windows;
}

static char *json(const struct options *options, const struct trace *trace,
		  const struct proactive *p)
{
	char hash[17];
	json_t *root;
	char *text;

	snprintf(hash, sizeof(hash), "%016" PRIx64, p->eviction_hash);
	root = json_pack(
		"{s:o, s:s, s:f, s:I, s:I, s:I, s:I, s:s, s:f, s:I, s:I, s:I, s:f, s:I, s:I, "
		"s:I, s:o}",
		"trace", report_json_name(options->trace), "format", options->format,
		"promotion_target", options->promotion / 1e4, "footprint_pages",
		(json_int_t)trace->footprint, "references", (json_int_t)trace->references,
		"evictions", (json_int_t)p->evictions, "promotions", (json_int_t)p->promotions,
		"eviction_hash", hash, "held_percent", proactive_held(p, options->promotion),
		"saved_page_ticks", (json_int_t)p->saved, "oracle_page_ticks",
		(json_int_t)p->oracle, "whole_page_ticks", (json_int_t)p->whole, "savings_percent",
		proactive_savings(p), "misses", (json_int_t)p->misses, "batch_reads",
		(json_int_t)p->batch_reads, "single_checks", (json_int_t)p->single_checks,
		"windows", json_windows(p));
	text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) : NULL;
	json_decref(root);
	return text;
}

/* The table of windows. */
static char *windows_csv(const struct proactive *p)
{
	struct csv csv;
	FILE *out = csv_begin(&csv, "first_tick,end_tick,touched_pages,put_out_pages,brought_back_pages,"
				    "saved_page_ticks,threshold_steps");

	if (!out)
		return NULL;
	for (unsigned int i = 0; i < PROACTIVE_WINDOWS; i++) {
		const struct proactive_window *w = &p->windows[i];

		fprintf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%u\n",
			w->first_tick, w->end_tick, w->touched, w->evictions, w->promotions, w->saved,
			w->threshold);
	}
	return csv_end(out, &csv);
}

void proactive_main(const struct options *options, const struct trace *trace)
{
	char error[SIM_ERROR_SIZE];
	const struct proactive_config config = {
		.trace = trace,
		.format = options->format,
		.target = options->promotion,
		.error = error,
	};
	struct proactive proactive;

	if (!proactive_run(&proactive, &config))
		sim_die("%s", error);
	if (options->common.json)
		output_made(options->common.json, json(options, trace, &proactive));
	if (options->common.csv)
		output_made(options->common.csv, windows_csv(&proactive));
	if (!output_is_stdout(options->common.json) && !output_is_stdout(options->common.csv))
		print(options, trace, &proactive);
	output_flush();
}
