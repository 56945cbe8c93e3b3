/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Logical threads of which one runs at a time, and a policy that says which.
 *
 * Normally they are contexts of one thread. Under ThreadSanitizer, which has to see threads to see
 * races, they are real ones; then handing over from one to the next must not look like
 * synchronization, or it would order everything and hide every race: functions marked
 * SCHEDULER_INVISIBLE are not instrumented, and wait by futex.
 */
#ifndef PTW_TESTS_SCHEDULER_H
#define PTW_TESTS_SCHEDULER_H

#include <stdbool.h>
#include <stdint.h>

#include <ptw/port/tsan.h>

#define SCHEDULER_INVISIBLE __attribute__((no_sanitize("thread"), noinline))

#define SCHEDULER_THREADS   4
/* Who runs when no logical thread does: set-up and checks. */
#define SCHEDULER_OUTSIDE SCHEDULER_THREADS

/* More scheduling points than any operation needs: something goes in circles. */
#define SCHEDULER_POINTS_MAX 200000

struct scheduler_task {
	void (*run)(void *argument);
	void *argument;
};

#define SCHEDULER_STOP (-1)

/*
 * Asked at each point where more than one thread could go on. `current` is SCHEDULER_OUTSIDE where
 * the one that ran cannot; `runnable` has a bit for each that can. Returns a thread, or
 * SCHEDULER_STOP to abandon this run (not with real threads).
 */
typedef int scheduler_policy_fn(void *context, unsigned int current, unsigned int runnable);

/* Run all tasks to their end under the policy; false: abandoned. */
bool scheduler_run(const struct scheduler_task *tasks, unsigned int count,
		   scheduler_policy_fn *policy, void *context);

/* Somebody else may run now. Nothing happens outside, and while quiet. */
void scheduler_point(void);

/* Go on only when ready() says so. */
void scheduler_wait(bool (*ready)(const void *argument), const void *argument);

/* For loops that try again: go on only when another thread has got on, or none can. What a thread
 * does between this call and the other does not count as getting on. */
void scheduler_await_others(void);
void scheduler_got_on(void);

/* The logical thread that runs, or SCHEDULER_OUTSIDE. */
unsigned int scheduler_self(void);

/* Until scheduler_loud(), points are none: RCU callbacks. Nests. */
void scheduler_quiet(void);
void scheduler_loud(void);

/* Run it where a helper thread of its own would, at once. */
void scheduler_helper(void (*run)(void *argument), void *argument);

/*
 * What has happened, up to the order of what does not depend on each other: two runs with the same
 * value are in the same state. Events on one location depend on each other unless both only read.
 */
void scheduler_event(uintptr_t location, bool write);
/* How often in a row, without any other event, this thread has read the location. */
unsigned int scheduler_rereads(uintptr_t location);
/* How many events a thread has had. */
uint64_t scheduler_events(unsigned int thread);
uint64_t scheduler_signature(void);
/* Locations that are no address. */
enum scheduler_location {
	SCHEDULER_AT_RCU = 1,
	SCHEDULER_AT_POOL,
	SCHEDULER_AT_CPU, /* and the following ones, one for each CPU */
};

/* The test has found something: told to on_fail(), which does not return. */
extern void (*scheduler_on_fail)(const char *text);
_Noreturn void scheduler_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a backend does: scheduler_fibers.c, scheduler_threads.c. */
void scheduler_backend_start(unsigned int count);
void scheduler_backend_switch(unsigned int from, unsigned int to);
/* The last switch of a logical thread. */
void scheduler_backend_leave(unsigned int to);
void scheduler_backend_end(void);
void scheduler_backend_helper(void (*run)(void *argument), void *argument);
/* What each logical thread runs. */
void scheduler_body(unsigned int self);

#endif /* PTW_TESTS_SCHEDULER_H */
