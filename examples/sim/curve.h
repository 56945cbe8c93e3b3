/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * ptw-sim curve: the what-if curve that the library learns while a trace runs under the engine, against the exact one
 * of the trace. **Area** is the area between the two over 10 to 100 % of the footprint, as a share of that
 * below the exact one.
 */
#ifndef PTW_SIM_CURVE_H
#define PTW_SIM_CURVE_H

#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "replay.h"
#include "trace.h"

#include <ptw/curve.h>

/* The area is measured from this share of the footprint on, in percent. */
#define CURVE_FROM 10u

struct curve_job {
	const char *path;
	struct arguments_common common;
	const char *html;
	struct memory_limit memory;
	struct ptw_curve_config config;
	bool rate_given;

	struct trace trace;
	uint32_t frames;
	struct replay replay;
	uint64_t reads; /* entries, for the curve alone */
	struct ptw_curve_state state;
	uint64_t *exact;  /* misses by pages of memory, 0 to the footprint */
	uint64_t *learned; /* likewise */
	double area;	  /* share of the area below the exact curve */
};

/* argv[0] is "curve". Returns the exit status, or ends in sim_die(). */
int curve_main(int argc, char **argv);

/* Pages of memory at so many percent of the footprint. */
uint32_t curve_pages(const struct curve_job *job, unsigned int percent);

/* curve_report.c: the text; JSON, to be freed, or NULL; the table as
 * comma-separated values and a page with the two curves, likewise. */
void curve_print(const struct curve_job *job);
char *curve_json(const struct curve_job *job);
char *curve_csv(const struct curve_job *job);
char *curve_html(const struct curve_job *job);

#endif /* PTW_SIM_CURVE_H */
