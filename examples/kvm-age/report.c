/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "../common/openmetrics.h"
#include "../common/size.h"

/* What the bars of the table are scaled to. */
#define BAR_WIDTH 40

/* Ages 0, 1, 2 to 3, 4 to 7, ... 128 and more. */
#define CLASSES 9u

static uint64_t page_bytes(const struct report *report)
{
	return (uint64_t)1 << report->guest->about.page_lg2;
}

/* Rows of the table: the oldest age of each. Longer ago, less exactly. */
static const unsigned int row_ends[] = {0, 1, 3, 7, 15, 31, 63, 127, PTW_AGE_MAX - 1, PTW_AGE_MAX};
#define ROWS (sizeof(row_ends) / sizeof(row_ends[0]))

static void print_row(FILE *out, unsigned int low, unsigned int high, uint64_t pages, uint64_t most,
		      const struct report *report)
{
	char scans[24], size[SIZE_TEXT];

	if (high == PTW_AGE_MAX)
		snprintf(scans, sizeof(scans), "%u+ or never", low);
	else if (low == high)
		snprintf(scans, sizeof(scans), "%u", low);
	else
		snprintf(scans, sizeof(scans), "%u-%u", low, high);
	fprintf(out, "%14s %10.1f %12" PRIu64 " %10s%s", scans, (double)low * report->interval_ms / 1000, pages,
		size_text(size, pages * page_bytes(report)), pages ? "  " : "");
	for (uint64_t n = most ? (pages * BAR_WIDTH + most - 1) / most : 0; n; n--)
		fputc('#', out);
	fputc('\n', out);
}

void report_table(FILE *out, const struct report *report)
{
	uint64_t sums[ROWS] = {0}, most = 0;
	unsigned int age = 0;

	for (unsigned int row = 0; row < ROWS; row++) {
		for (; age <= row_ends[row]; age++)
			sums[row] += report->histogram[age];
		most = sums[row] > most ? sums[row] : most;
	}
	fprintf(out, "\n%14s %10s %12s %10s  (pages of %u KiB)\n", "idle scans", "seconds", "pages", "size",
		(unsigned int)(page_bytes(report) >> 10));
	for (unsigned int row = 0; row < ROWS; row++)
		if (sums[row] || !row)
			print_row(out, row ? row_ends[row - 1] + 1 : 0, row_ends[row], sums[row], most,
				  report);
}

void report_judge(FILE *out, const struct report *report)
{
	const struct scan_sum *sum = &report->sums;

	fprintf(out,
		"\nKVM was asked about %" PRIu64 " pages: %" PRIu64 " differences (young: %" PRIu64
		" by the library, %" PRIu64 " by KVM)\n",
		report->pages, sum->differences, sum->young, sum->kvm_young);
	fprintf(out, "harvest %.3f ms, KVM page by page %.3f ms\n", (double)sum->ns / 1e6,
		(double)sum->kvm_ns / 1e6);
	if (sum->differences)
		fputs("the guest runs meanwhile: pages it touched between the two answers differ\n", out);
}

void report_json(FILE *out, const struct report *report)
{
	const struct kvm_age_attach *about = &report->guest->about;
	const struct scan_sum *last = &report->last, *judge = &report->sums;
	const char *comma = "";

	fprintf(out,
		"{\n  \"format\": \"%s\",\n  \"layout\": \"%s\",\n  \"lockless\": %s,\n"
		"  \"page_bytes\": %" PRIu64 ",\n  \"pages\": %" PRIu64 ",\n  \"scans\": %u,\n"
		"  \"interval_seconds\": %u.%03u,\n  \"exact\": %s,\n",
		about->format, about->layout, about->lockless ? "true" : "false", page_bytes(report),
		report->pages, report->scans, report->interval_ms / 1000, report->interval_ms % 1000,
		report->exact ? "true" : "false");
	fprintf(out,
		"  \"last_scan\": {\"young\": %" PRIu64 ", \"entries\": %" PRIu64 ", \"busy\": %" PRIu64
		", \"nanoseconds\": %" PRIu64 "},\n",
		last->young, last->entries, last->busy, last->ns);
	if (report->judge)
		fprintf(out,
			"  \"judge\": {\"differences\": %" PRIu64 ", \"young\": %" PRIu64
			", \"kvm_young\": %" PRIu64 ", \"nanoseconds\": %" PRIu64
			", \"kvm_nanoseconds\": %" PRIu64 "},\n",
			judge->differences, judge->young, judge->kvm_young, judge->ns, judge->kvm_ns);
	fprintf(out, "  \"never\": %u,\n  \"idle_scans\": [", PTW_AGE_MAX);
	for (unsigned int age = 0; age <= PTW_AGE_MAX; age++) {
		if (!report->histogram[age])
			continue;
		fprintf(out, "%s\n    {\"age\": %u, \"pages\": %" PRIu64 "}", comma, age,
			report->histogram[age]);
		comma = ",";
	}
	fputs("\n  ]\n}\n", out);
}

void report_csv(FILE *out, const struct report *report)
{
	fputs("idle_scans,idle_ms,pages,bytes\n", out);
	for (unsigned int age = 0; age <= PTW_AGE_MAX; age++)
		if (report->histogram[age])
			fprintf(out, "%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", age,
				(uint64_t)age * report->interval_ms, report->histogram[age],
				report->histogram[age] * page_bytes(report));
}

void report_metrics(FILE *out, void *context)
{
	const struct report *report = context;
	const uint64_t size = page_bytes(report);
	uint64_t class[CLASSES] = {0};
	char labels[80];

	for (unsigned int age = 0; age <= PTW_AGE_MAX; age++)
		class[age ? 32 - (unsigned int)__builtin_clz(age) : 0] += report->histogram[age] * size;
	snprintf(labels, sizeof(labels), "table=\"%.40s\"", report->guest->about.format);
	metrics_gauge(out, "ptw_kvm_memory_bytes", "bytes", "Memory slots of the guest.");
	metrics_sample(out, "ptw_kvm_memory_bytes", labels, report->pages * size);
	metrics_gauge(out, "ptw_kvm_used_bytes", "bytes", "Memory used since the scan before.");
	metrics_sample(out, "ptw_kvm_used_bytes", labels, report->last.young * size);
	metrics_gauge(out, "ptw_kvm_scans", NULL, "Scans so far.");
	metrics_sample(out, "ptw_kvm_scans", labels, report->scans);
	metrics_gauge(out, "ptw_kvm_read_entries", NULL, "Entries that the last scan read.");
	metrics_sample(out, "ptw_kvm_read_entries", labels, report->last.entries);
	metrics_gauge(out, "ptw_kvm_busy_entries", NULL, "Entries that the last scan left alone after lost races.");
	metrics_sample(out, "ptw_kvm_busy_entries", labels, report->last.busy);
	metrics_gauge(out, "ptw_kvm_idle_bytes", "bytes", "Memory idle for so many scans or fewer, or never used.");
	metrics_ages(out, "ptw_kvm_idle_bytes", labels, class, CLASSES);
	metrics_end(out);
}
