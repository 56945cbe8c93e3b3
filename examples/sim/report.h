/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Says what a replay found: tables for people, JSON for programs. */
#ifndef PTW_SIM_REPORT_H
#define PTW_SIM_REPORT_H

#include "options.h"
#include "replay.h"
#include "trace.h"

struct report {
	const struct options *options;
	const struct trace *trace;
	const struct replay *replay;
	uint32_t memory_pages; /* as asked for; may exceed the footprint */
};

/* To standard output. False: could not be written. */
bool report_print(const struct report *report);

/* The text of the JSON form, to be freed; NULL: not enough memory. */
char *report_json(const struct report *report);

#endif /* PTW_SIM_REPORT_H */
