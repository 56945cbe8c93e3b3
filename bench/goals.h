/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Figures of goals G6 and G7, from the measurements of contest.h and grace.h. */
#ifndef PTW_BENCH_GOALS_H
#define PTW_BENCH_GOALS_H

#include "contest.h"
#include "figure.h"
#include "grace.h"

/* At least so many operations make a latency. */
#define GOALS_OPERATIONS 4000

/* G6: 99 of 100 operations of a writer, next to a harvester and alone. */
void goal_writer(struct figure *figure, const struct latencies *alone,
		 const struct latencies *next_to);

/* G7: median grace period by the library's sections and by those of 512 entries; speed of harvest. */
void goal_grace(struct figure *figure, enum scan_young young, const struct latencies *usual,
		const struct latencies *shorter);
void goal_speed(struct figure *figure, enum scan_young young, const struct grace_speed *speed);

/* The rounds of a grace-period comparison; what is measured alternates. */
void goal_grace_run(struct arena *arena, enum scan_young young, bool quick, struct latencies *usual,
		    struct latencies *shorter);

#endif /* PTW_BENCH_GOALS_H */
