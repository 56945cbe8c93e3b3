/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Speed of harvests, goals G1 to G5. Each ends the process with EXIT_WRONG if a harvest was wrong. */
#ifndef PTW_BENCH_SPEED_H
#define PTW_BENCH_SPEED_H

#include "figure.h"
#include "measure.h"

/* Each counts its steps itself: so many. */
#define BANDWIDTH_STEPS 2
void bandwidth_measure(struct sink *sink);
#define SHUFFLED_STEPS 1
void shuffled_measure(struct sink *sink);
#define THREADS_STEPS 1
void threads_measure(struct sink *sink);
#define CLEAR_STEPS 2
void clear_measure(struct sink *sink);
#define RIVALS_STEPS 2
void rivals_measure(struct sink *sink);
#define CALLS_STEPS 2
void calls_measure(struct sink *sink);

/* A figure without name and detail: a / b, met if at most `goal`; goal 0: none. */
void speed_figure(struct figure *figure, const struct measured *measured, double a, double b,
		  double goal);

#endif /* PTW_BENCH_SPEED_H */
