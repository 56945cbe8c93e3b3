/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Figures for people and for programs. */
#ifndef PTW_BENCH_REPORT_H
#define PTW_BENCH_REPORT_H

#include "launch.h"

/*
 * [{id, value, goal, bound, met, few, kept, total, detail}, ...]; bound: "at least" or "at most"; few:
 * not enough was kept to measure by. few, kept and total are null where nothing was timed, goal, bound
 * and met where there is none, and all of them and the value where the figure was skipped. Written
 * under a temporary name and renamed, so that the file is there whole or not at all. "-" is standard
 * output.
 */
void report_json(const struct figures *figures, const char *path);

/* The same as comma-separated values; what is null there is empty. */
void report_csv(const struct figures *figures, const char *path);

void report_table(const struct figures *figures);

/* One picture for each kind of figures (what comes before the first '-'), as DIRECTORY/KIND.svg. */
void report_plot(const struct figures *figures, const char *directory);

#endif /* PTW_BENCH_REPORT_H */
