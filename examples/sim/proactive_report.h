/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ptw-sim run --promotion-target: what proactive reclaim put out, what came back, and what that saved. */
#ifndef PTW_SIM_PROACTIVE_REPORT_H
#define PTW_SIM_PROACTIVE_REPORT_H

#include "options.h"

/* Runs and reports, or ends in sim_die(). */
void proactive_main(const struct options *options, const struct trace *trace);

#endif /* PTW_SIM_PROACTIVE_REPORT_H */
