/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What kvm-age writes of a guest that is made up, so that no KVM is needed: metrics into the file that is named, and
 * whether they and CSV say what the histogram says.
 */
#include <stdlib.h>
#include <string.h>

#include "examples/common/whole_file.h"
#include "examples/kvm-age/report.h"

static int failures;

static void want(const char *text, const char *line)
{
	if (strstr(text, line))
		return;
	fprintf(stderr, "missing: %s\n", line);
	failures = 1;
}

int main(int argc, char **argv)
{
	static struct guest guest = {.about = {.page_lg2 = 12}};
	static struct report report = {.guest = &guest, .scans = 3, .interval_ms = 500, .pages = 1000};
	char *text = NULL;
	size_t size;
	FILE *out;

	if (argc != 2) {
		fputs("usage: kvm_age FILE\n", stderr);
		return 2;
	}
	strcpy((char *)guest.about.format, "ept4");
	report.last.young = 100;
	report.histogram[0] = 100;
	report.histogram[1] = 20;
	report.histogram[3] = 7;
	report.histogram[PTW_AGE_MAX] = 873;
	out = open_memstream(&text, &size);
	report_metrics(out, &report);
	report_csv(out, &report);
	fclose(out);
	want(text, "\nptw_kvm_used_bytes{table=\"ept4\"} 409600\n");
	want(text, "\nptw_kvm_idle_bytes{table=\"ept4\",up_to=\"0\"} 409600\n");
	want(text, "\nptw_kvm_idle_bytes{table=\"ept4\",up_to=\"1\"} 491520\n");
	want(text, "\nptw_kvm_idle_bytes{table=\"ept4\",up_to=\"3\"} 520192\n");
	want(text, "\nptw_kvm_idle_bytes{table=\"ept4\",up_to=\"127\"} 520192\n");
	want(text, "\nptw_kvm_idle_bytes{table=\"ept4\",up_to=\"+Inf\"} 4096000\n");
	want(text, "\n# EOF\nidle_scans,idle_ms,pages,bytes\n0,0,100,409600\n1,500,20,81920\n3,1500,7,28672\n"
		   "255,127500,873,3575808\n");
	free(text);
	if (!whole_file(argv[1], report_metrics, &report)) {
		perror(argv[1]);
		return 2;
	}
	return failures;
}
