/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef PTW_KTEST_SCHED_H
#define PTW_KTEST_SCHED_H

void ktest_yield(void);

#define sched_yield() ktest_yield()

#endif /* PTW_KTEST_SCHED_H */
