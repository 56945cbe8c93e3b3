/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Logical threads as real ones, for ThreadSanitizer. Between the start and the end of a run, which
 * do order everything (pthread_create, pthread_join), nothing here is visible to it.
 */
#include "tests/schedule/scheduler.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Logical threads, the thread outside, and the helper. */
#define HELPER (SCHEDULER_THREADS + 1)

static pthread_t threads[SCHEDULER_THREADS];
static pthread_t helper;
static unsigned int started;
static uint32_t turns[HELPER + 1];

static struct {
	void (*run)(void *argument); /* null: end */
	void *argument;
	unsigned int caller;
} errand;

static SCHEDULER_INVISIBLE void wake(unsigned int whom)
{
	__atomic_store_n(&turns[whom], 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &turns[whom], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static SCHEDULER_INVISIBLE void wait_for_turn(unsigned int self)
{
	while (!__atomic_load_n(&turns[self], __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &turns[self], FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	__atomic_store_n(&turns[self], 0, __ATOMIC_RELAXED);
}

static SCHEDULER_INVISIBLE void *thread_main(void *argument)
{
	const unsigned int self = (unsigned int)(uintptr_t)argument;

	wait_for_turn(self);
	scheduler_body(self);
	return NULL;
}

static SCHEDULER_INVISIBLE void *helper_main(void *argument)
{
	for (;;) {
		wait_for_turn(HELPER);
		if (!errand.run)
			return argument;
		errand.run(errand.argument);
		wake(errand.caller);
	}
}

SCHEDULER_INVISIBLE void scheduler_backend_start(unsigned int count)
{
	started = count;
	if (pthread_create(&helper, NULL, helper_main, NULL))
		scheduler_fail("no thread could be started");
	for (unsigned int t = 0; t < count; t++)
		if (pthread_create(&threads[t], NULL, thread_main, (void *)(uintptr_t)t))
			scheduler_fail("no thread could be started");
}

SCHEDULER_INVISIBLE void scheduler_backend_switch(unsigned int from, unsigned int to)
{
	wake(to);
	wait_for_turn(from);
}

SCHEDULER_INVISIBLE void scheduler_backend_leave(unsigned int to)
{
	wake(to);
}

SCHEDULER_INVISIBLE void scheduler_backend_end(void)
{
	for (unsigned int t = 0; t < started; t++)
		pthread_join(threads[t], NULL);
	errand.run = NULL;
	wake(HELPER);
	pthread_join(helper, NULL);
}

SCHEDULER_INVISIBLE void scheduler_backend_helper(void (*run)(void *argument), void *argument)
{
	const unsigned int caller = scheduler_self();

	/* Set-up and checks have nobody to race with. */
	if (caller == SCHEDULER_OUTSIDE) {
		run(argument);
		return;
	}
	errand.run = run;
	errand.argument = argument;
	errand.caller = caller;
	wake(HELPER);
	wait_for_turn(caller);
}
