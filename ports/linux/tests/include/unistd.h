/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Waiting only. */
#ifndef PTW_KTEST_UNISTD_H
#define PTW_KTEST_UNISTD_H

void ktest_usleep(unsigned long us);

#define usleep(us) ktest_usleep(us)

#endif /* PTW_KTEST_UNISTD_H */
