/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Goals G8 and G9. Each ends the process with EXIT_WRONG if what was computed is wrong. */
#ifndef PTW_BENCH_AGING_H
#define PTW_BENCH_AGING_H

#include "figure.h"

/* Both count their steps themselves: so many. */
#define PRUNE_STEPS 3
void prune_measure(struct sink *sink);
#define AGE_STEPS 3
void age_measure(struct sink *sink);

#define ENGINE_SCANS 4
#define ENGINE_STEPS (ENGINE_SCANS + 2)
void engine_measure(struct sink *sink);

#endif /* PTW_BENCH_AGING_H */
