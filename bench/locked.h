/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How many locked instructions a piece of code runs, whoever wrote them: a child process is run step
 * by step, and each instruction is looked at before it is executed.
 */
#ifndef PTW_BENCH_LOCKED_H
#define PTW_BENCH_LOCKED_H

/*
 * Locked instructions of run(context) in a copy of this process; no other thread is in it. Let it run
 * before, so that symbols are bound. Negative: cannot be told here (not x86-64, or no ptrace).
 */
int locked_count(void (*run)(void *context), void *context);

#endif /* PTW_BENCH_LOCKED_H */
