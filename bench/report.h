/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Figures for people and for programs. */
#ifndef PTW_BENCH_REPORT_H
#define PTW_BENCH_REPORT_H

#include "launch.h"

/*
 * [{id, value, goal, met, kept, total, detail}, ...]; kept and total are null where nothing was
 * timed, goal and met where there is none. Written under a temporary name and renamed, so that the file is there whole or not at all.
 * "-" is standard output.
 */
void report_json(const struct figures *figures, const char *path);

void report_table(const struct figures *figures);

#endif /* PTW_BENCH_REPORT_H */
