/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What proc-age prints: a line for each scan, a histogram, JSON (jansson), OpenMetrics text. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static double mib(uint64_t bytes)
{
	return (double)bytes / 1048576;
}

void report_begin(FILE *out, bool of_writes)
{
	fprintf(out, " scan  seconds  %8s      known     scan took\n", of_writes ? "written" : "used");
}

void report_line(FILE *out, const struct scan *scan)
{
	fprintf(out, "%5u  %7.2f  %8.1f MiB  %7.1f MiB  %6.1f ms\n", scan->number, scan->seconds,
		mib(scan->used), mib(scan->resident), (double)scan->own_microseconds / 1e3);
	fflush(out);
}

void report_ages(FILE *out, const struct scan *scan)
{
	uint64_t class[CLASSES], most = 1;

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
		fprintf(out, "  %8.1f MiB  ", mib(class[i]));
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

/* Edges are a label of a gauge, since node_exporter's reader knows no gauge histograms. */
void report_metrics(FILE *out, bool of_writes, const struct scan *last)
{
	const char *of = of_writes ? "writes" : "accesses";
	uint64_t class[CLASSES], sum = 0;

	classes_of(last, class);
	fprintf(out,
		"# TYPE ptw_process_used_bytes gauge\n# UNIT ptw_process_used_bytes bytes\n"
		"# HELP ptw_process_used_bytes Memory used since the scan before.\n"
		"ptw_process_used_bytes{of=\"%s\"} %" PRIu64 "\n"
		"# TYPE ptw_process_known_bytes gauge\n# UNIT ptw_process_known_bytes bytes\n"
		"# HELP ptw_process_known_bytes Memory whose age is known.\n"
		"ptw_process_known_bytes{of=\"%s\"} %" PRIu64 "\n"
		"# TYPE ptw_process_scans gauge\n# HELP ptw_process_scans Scans so far.\n"
		"ptw_process_scans{of=\"%s\"} %u\n"
		"# TYPE ptw_process_idle_bytes gauge\n# UNIT ptw_process_idle_bytes bytes\n"
		"# HELP ptw_process_idle_bytes Memory idle for so many scans or fewer.\n",
		of, last->used, of, last->resident, of, last->number);
	for (unsigned int i = 0; i < CLASSES; i++) {
		sum += class[i];
		if (i + 1 < CLASSES)
			fprintf(out, "ptw_process_idle_bytes{of=\"%s\",up_to=\"%u\"} %" PRIu64 "\n", of,
				i ? (1u << i) - 1 : 0, sum);
	}
	fprintf(out,
		"ptw_process_idle_bytes{of=\"%s\",up_to=\"+Inf\"} %" PRIu64 "\n# EOF\n", of, sum);
}

void report_file(const char *name, void (*write)(FILE *, void *), void *context)
{
	char *other = NULL;
	FILE *out;
	int fd;

	if (asprintf(&other, "%s.XXXXXX", name) < 0)
		give_up("no memory");
	fd = mkstemp(other);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		give_up("%s: %s; name a file in a folder you may write to", name, strerror(errno));
	/* As others make theirs; mkstemp() lets nobody else read it. */
	if (fchmod(fd, 0644))
		give_up("%s: %s", name, strerror(errno));
	write(out, context);
	if (fflush(out) || ferror(out) || fclose(out) || rename(other, name)) {
		unlink(other);
		give_up("%s: %s", name, strerror(errno));
	}
	free(other);
}
