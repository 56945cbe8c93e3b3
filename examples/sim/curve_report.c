/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "../common/size.h"
#include "csv.h"
#include "curve.h"
#include "report.h"
#include "svg.h"

static const unsigned int percents[] = {10, 15, 20, 25, 30, 40, 50, 60, 75, 90, 100};

#define PERCENTS (sizeof(percents) / sizeof(percents[0]))

static double off(const struct curve_job *job, uint32_t pages)
{
	const double exact = (double)job->exact[pages];

	return 100 * ((double)job->learned[pages] - exact) / exact;
}

static double per_miss(const struct curve_job *job, uint64_t count)
{
	return (double)count / (double)job->replay.faults;
}

void curve_print(const struct curve_job *job)
{
	char text[SIZE_TEXT];

	printf("trace      %s: %zu references, %u pages (%s)\n", job->path, job->trace.references,
	       job->trace.footprint, size_text(text, (uint64_t)job->trace.footprint * SIM_PAGE_SIZE));
	printf("memory     %u pages (%s), %" PRIu64 " faults\n", job->frames,
	       size_text(text, (uint64_t)job->frames * SIM_PAGE_SIZE), job->replay.faults);
	printf("sample     %" PRIu64 " of the pages used, each stands for %" PRIu64 "; %s of memory\n",
	       job->state.known, job->state.scale, size_text(text, job->state.bytes));
	printf("steps      %" PRIu64 ", %.2f entries read a miss (engine %.2f)\n\n",
	       job->state.steps, per_miss(job, job->reads),
	       per_miss(job, job->replay.counters.batch_reads));
	printf("  memory     pages       size   exact LRU     learned     off\n");
	for (unsigned int i = 0; i < PERCENTS; i++) {
		const uint32_t pages = curve_pages(job, percents[i]);

		printf("  %5u%% %9u %10s %11" PRIu64 " %11" PRIu64 " %+6.2f%%\n", percents[i], pages,
		       size_text(text, (uint64_t)pages * SIM_PAGE_SIZE), job->exact[pages],
		       job->learned[pages], off(job, pages));
	}
	printf("\narea       %.2f %% between the curves, from %u %% on\n", 100 * job->area,
	       CURVE_FROM);
}

static json_t *json_points(const struct curve_job *job)
{
	json_t *points = json_array();

	for (unsigned int i = 0; i < PERCENTS; i++) {
		const uint32_t pages = curve_pages(job, percents[i]);

		if (json_array_append_new(
			    points, json_pack("{s:i, s:I, s:I, s:I}", "percent", (int)percents[i],
					      "pages", (json_int_t)pages, "exact",
					      (json_int_t)job->exact[pages], "learned",
					      (json_int_t)job->learned[pages])))
			break;
	}
	return points;
}

char *curve_json(const struct curve_job *job)
{
	json_t *root = json_pack(
		"{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "trace",
		report_json_name(job->path), "references", (json_int_t)job->trace.references,
		"footprint_pages", (json_int_t)job->trace.footprint, "footprint_bytes",
		(json_int_t)job->trace.footprint * SIM_PAGE_SIZE, "memory_pages", (json_int_t)job->frames,
		"memory_bytes", (json_int_t)job->frames * SIM_PAGE_SIZE, "faults",
		(json_int_t)job->replay.faults, "area", job->area, "scale", (json_int_t)job->state.scale, "sampled",
		(json_int_t)job->state.known, "bytes", (json_int_t)job->state.bytes, "steps",
		(json_int_t)job->state.steps, "batch_reads", (json_int_t)job->reads,
		"engine_batch_reads", (json_int_t)job->replay.counters.batch_reads, "points",
		json_points(job));
	char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;

	json_decref(root);
	return text;
}

char *curve_csv(const struct curve_job *job)
{
	struct csv csv;
	FILE *out = csv_begin(&csv, "memory_percent,memory_pages,memory_bytes,exact_misses,learned_misses");

	if (!out)
		return NULL;
	for (unsigned int i = 0; i < PERCENTS; i++) {
		const uint32_t pages = curve_pages(job, percents[i]);

		fprintf(out, "%u,%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", percents[i], pages,
			(uint64_t)pages * SIM_PAGE_SIZE, job->exact[pages], job->learned[pages]);
	}
	return csv_end(out, &csv);
}

static void draw(const struct svg_plot *plot, const struct curve_job *job, const uint64_t *misses,
		 unsigned int index, const char *tip)
{
	svg_line_begin(plot, svg_colour(index));
	for (unsigned int percent = CURVE_FROM; percent <= 100; percent++)
		svg_line_point(plot, percent, (double)misses[curve_pages(job, percent)]);
	svg_line_end(plot, tip);
}

char *curve_html(const struct curve_job *job)
{
	static const char *const names[] = {"exact LRU", "learned"};
	char *html = NULL;
	size_t size;
	FILE *out = open_memstream(&html, &size);
	struct svg_plot plot = {
		.out = out,
		.title = "Misses against memory",
		.x_label = "memory, % of the footprint",
		.y_label = "misses",
		.x_min = CURVE_FROM,
		.x_max = 100,
		.y_max = (double)job->exact[curve_pages(job, CURVE_FROM)],
	};

	if (!out)
		return NULL;
	html_begin(out, "ptw-sim curve");
	fputs("<h2>", out);
	html_text(out, job->path);
	fprintf(out, "</h2>\n<p>area between the curves: %.2f %%; memory of the run: %u pages</p>\n",
		100 * job->area, job->frames);
	svg_legend(out, names, 2);
	svg_begin(&plot);
	draw(&plot, job, job->exact, 0, names[0]);
	draw(&plot, job, job->learned, 1, names[1]);
	svg_end(&plot);
	html_end(out);
	return fclose(out) ? (free(html), NULL) : html;
}
