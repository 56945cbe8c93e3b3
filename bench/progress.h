/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A bar on standard error, if that is a terminal. */
#ifndef PTW_BENCH_PROGRESS_H
#define PTW_BENCH_PROGRESS_H

/* 0 to 1; 1 takes it away. */
void progress_show(double share);

#endif /* PTW_BENCH_PROGRESS_H */
