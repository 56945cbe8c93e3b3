/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Waiting only: a test that needs the time of day is not for the kernel. */
#ifndef PTW_KTEST_TIME_H
#define PTW_KTEST_TIME_H

#include <linux/time64.h>

/* The kernel has a timespec64 only. */
struct ktest_timespec {
	long long tv_sec;
	long tv_nsec;
};

#define timespec ktest_timespec

void ktest_sleep(const struct ktest_timespec *time);

#define nanosleep(time, left) ktest_sleep(time)

#endif /* PTW_KTEST_TIME_H */
