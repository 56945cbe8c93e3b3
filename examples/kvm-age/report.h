/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What kvm-age found: tables for people, JSON and comma-separated values for programs, OpenMetrics for collectors. */
#ifndef KVM_AGE_REPORT_H
#define KVM_AGE_REPORT_H

#include <stdio.h>

#include "guest.h"

struct report {
	const struct guest *guest;
	uint32_t scans; /* so far */
	uint32_t interval_ms;
	bool exact;
	bool judge;
	uint64_t pages;	      /* of all slots */
	struct scan_sum last; /* scan */
	struct scan_sum sums; /* of the comparison, if `judge` */
	uint64_t histogram[PTW_AGE_MAX + 1];
};

void report_table(FILE *out, const struct report *report);
void report_judge(FILE *out, const struct report *report);
void report_json(FILE *out, const struct report *report);
/* A line for each age that a page has. */
void report_csv(FILE *out, const struct report *report);
/* For whole_file(): a struct report. */
void report_metrics(FILE *out, void *context);

#endif /* KVM_AGE_REPORT_H */
