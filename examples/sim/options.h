/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef PTW_SIM_OPTIONS_H
#define PTW_SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "arguments.h"
#include "memory_limit.h"
#include "mixed.h"
#include "policy.h"
#include "trace.h"

/*
 * Ticks between two harvests. An age is a byte, so an interval covers 256 times its length: at 16
 * ticks the older half of a trace falls together into one age, at 256 recent pages do.
 */
#define SCAN_INTERVAL_DEFAULT 64
#define SCAN_INTERVAL_MAX     1000000000u

struct options {
	const char *trace;	    /* a path, or "-" */
	enum trace_form trace_form; /* of both traces */
	struct arguments_common common;
	const char *report;	    /* a page with pictures: a path, "-" for standard output, or NULL */
	const char *plot;	    /* a folder for pictures by gnuplot, or NULL */
	const struct sim_policy *policy;
	const char *format;
	struct memory_limit memory;
	uint32_t scan_interval;
	uint32_t tlb_sets;
	uint32_t tlb_ways;
	const char *guest; /* a second trace, which runs in a guest, or NULL */
	enum mixed_secondary secondary;
	enum mixed_look look;
	bool flush;
	bool fault_old;
	bool contend;
	uint32_t isolate;
	uint32_t shared; /* millionths of the smaller trace's pages that both guests map; 0: no */
	bool foreign;
	const char *guest_option; /* the first that was given and needs a guest, or NULL */
	const char *mixed_option; /* the last that means nothing with `shared`, or NULL */
	uint32_t promotion; /* millionths of the working set that may be brought back; 0: no target */
	bool policy_given;
	bool memory_given;
	bool format_given; /* on the command line, whether the policy cares or not */
	bool tlb_given;	   /* and it is not off */
};

/* Read the command line; --help and --version print and exit, a mistake ends in sim_die(). */
void options_parse(struct options *options, int argc, char **argv);

#endif /* PTW_SIM_OPTIONS_H */
