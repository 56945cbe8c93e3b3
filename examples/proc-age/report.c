/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What proc-age prints: a line for each scan, a histogram, JSON (jansson), OpenMetrics text. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "../common/openmetrics.h"
#include "../common/size.h"
#include "../common/whole_file.h"
#include "proc_age.h"

#define CLASSES 9u

/* Ages 0, 1, 2 to 3, 4 to 7, ... 128 to 255. */
static unsigned int class_of(unsigned int age)
{
	return age ? 32 - (unsigned int)__builtin_clz(age) : 0;
}

static void classes_of(const struct scan *scan, uint64_t class[CLASSES])
{
	memset(class, 0, CLASSES * sizeof(*class));
	for (unsigned int age = 0; age < AGES; age++)
		class[class_of(age)] += scan->by_age[age];
}


void report_begin(FILE *out, bool of_writes)
{
	fprintf(out, " scan  seconds  %10s  %10s  scan took\n", of_writes ? "written" : "used", "known");
}

void report_line(FILE *out, const struct scan *scan)
{
	char used[SIZE_TEXT], known[SIZE_TEXT];

	fprintf(out, "%5u  %7.2f  %10s  %10s  %6.1f ms\n", scan->number, scan->seconds,
		size_text(used, scan->used), size_text(known, scan->resident),
		(double)scan->own_microseconds / 1e3);
	fflush(out);
}

void report_ages(FILE *out, const struct scan *scan)
{
	uint64_t class[CLASSES], most = 1;
	char size[SIZE_TEXT];

	classes_of(scan, class);
	for (unsigned int i = 0; i < CLASSES; i++)
		most = class[i] > most ? class[i] : most;
	fputs("\nidle scans        memory\n", out);
	for (unsigned int i = 0; i < CLASSES; i++) {
		const unsigned int low = i ? 1u << (i - 1) : 0, high = i ? (1u << i) - 1 : 0;

		if (low > scan->number)
			break;
		fprintf(out, low == high ? "%10u" : "%5u", low);
		if (low != high)
			fprintf(out, "-%4u", high);
		fprintf(out, "  %10s  ", size_text(size, class[i]));
		for (uint64_t n = (class[i] * 40 + most - 1) / most; n > 0; n--)
			fputc('#', out);
		fputc('\n', out);
	}
}

void report_json(FILE *out, bool of_writes, const struct scan *scan, unsigned int scans)
{
	json_t *all = json_array(), *ages = json_array(), *top;

	for (unsigned int i = 0; i < scans; i++)
		json_array_append_new(all, json_pack("{s:I, s:f, s:I, s:I, s:I}", "scan",
						     (json_int_t)scan[i].number, "seconds", scan[i].seconds,
						     "used_bytes", (json_int_t)scan[i].used, "known_bytes",
						     (json_int_t)scan[i].resident, "scan_us",
						     (json_int_t)scan[i].own_microseconds));
	for (unsigned int age = 0; scans && age < AGES; age++)
		json_array_append_new(ages, json_integer((json_int_t)scan[scans - 1].by_age[age]));
	top = json_pack("{s:s, s:o, s:o}", "of", of_writes ? "writes, by page" : "accesses, by mapping",
			"scans", all, "bytes_by_idle_scans", ages);
	if (!top || json_dumpf(top, out, JSON_INDENT(1)))
		give_up("no memory for JSON");
	fputc('\n', out);
	json_decref(top);
}

void report_csv(FILE *out, const struct scan *scan, unsigned int scans)
{
	fputs("scan,seconds,used_bytes,known_bytes,scan_us\n", out);
	for (unsigned int i = 0; i < scans; i++)
		fprintf(out, "%u,%.3f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", scan[i].number, scan[i].seconds,
			scan[i].used, scan[i].resident, scan[i].own_microseconds);
}

void report_metrics(FILE *out, bool of_writes, const struct scan *last)
{
	const char *labels = of_writes ? "of=\"writes\"" : "of=\"accesses\"";
	uint64_t class[CLASSES];

	classes_of(last, class);
	metrics_gauge(out, "ptw_process_used_bytes", "bytes", "Memory used since the scan before.");
	metrics_sample(out, "ptw_process_used_bytes", labels, last->used);
	metrics_gauge(out, "ptw_process_known_bytes", "bytes", "Memory whose age is known.");
	metrics_sample(out, "ptw_process_known_bytes", labels, last->resident);
	metrics_gauge(out, "ptw_process_scans", NULL, "Scans so far.");
	metrics_sample(out, "ptw_process_scans", labels, last->number);
	metrics_gauge(out, "ptw_process_idle_bytes", "bytes", "Memory idle for so many scans or fewer.");
	metrics_ages(out, "ptw_process_idle_bytes", labels, class, CLASSES);
	metrics_end(out);
}

void report_file(const char *name, void (*write)(FILE *, void *), void *context)
{
	if (!whole_file(name, write, context))
		give_up("%s: %s; name a file in a folder you may write to", name, strerror(errno));
}
