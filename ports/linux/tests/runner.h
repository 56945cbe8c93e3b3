/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Between runner.c, which runs the tests one by one, and shim.c, which gives them memory and threads. */
#ifndef PTW_KTEST_RUNNER_H
#define PTW_KTEST_RUNNER_H

#include <linux/types.h>

/* Is this the thread whose end is the end of the test? */
bool ktest_is_main(void);

/* The calling thread of a test ends, in whatever it may be. */
_Noreturn void ktest_end_thread(void);

/* Something else than a check failed. */
void ktest_wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Set by modules that have libptw's public functions only, which do not tell whether a thread is in a
 * read-side section. Kernels that count preemption tell it themselves. */
extern const bool ktest_public_only;

/* May this thread sleep? Tests look on from inside read-side sections. */
bool ktest_may_sleep(void);

/* shim.c. Before a test; and behind it: whether all threads have ended and all memory came back, which
 * then is given back. False: a thread does not end. */
void ktest_shim_open(void);
bool ktest_shim_close(bool passed);

/* Ends the calling thread if it was made by ktest_thread_create(); otherwise returns. */
void ktest_thread_exit(void);

#endif /* PTW_KTEST_RUNNER_H */
