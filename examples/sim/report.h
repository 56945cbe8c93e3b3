/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Says what a replay found: tables for people, JSON for programs. */
#ifndef PTW_SIM_REPORT_H
#define PTW_SIM_REPORT_H

#include <jansson.h>

#include "history.h"
#include "options.h"
#include "replay.h"
#include "trace.h"

struct report {
	const struct options *options;
	const struct trace *trace;
	const struct replay *replay;
	const struct history *history;
	uint32_t memory_pages; /* as asked for; may exceed the footprint */
};

/* Room for the widest "SETSxWAYS". */
#define REPORT_TLB_SIZE 24

/* The TLB as --tlb takes it: "64x8", or "off". */
void report_tlb(const struct options *options, char text[REPORT_TLB_SIZE]);

#define REPORT_UNIT_SIZE 48

/* What one idle age is: "64 ticks", or a step of a policy that counts its own. */
const char *report_age_unit(const struct report *report, char text[REPORT_UNIT_SIZE]);

/* To standard output; output_flush() says whether it got there. */
void report_print(const struct report *report);

/* The heat map of idle ages, as the last of the tables. */
void report_print_heat(const struct report *report);

/* A file name as a JSON string, whatever bytes it has. */
json_t *report_json_name(const char *name);

/* The text of the JSON form, to be freed; NULL: not enough memory. */
char *report_json(const struct report *report);

/* The same for the working set over time as comma-separated values, and for a page with pictures. */
char *report_csv(const struct report *report);
char *report_html(const struct report *report);

#endif /* PTW_SIM_REPORT_H */
