/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Logical threads as contexts of one thread: a run can be abandoned anywhere, and a switch is
 * cheap.
 */
#include "tests/schedule/scheduler.h"

#include <stddef.h>
#include <ucontext.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define FIBERS_ASAN 1
#endif

#define STACK_BYTES ((size_t)256 << 10)

static char stacks[SCHEDULER_THREADS][STACK_BYTES] __attribute__((aligned(64)));
static ucontext_t contexts[SCHEDULER_THREADS + 1];

#ifdef FIBERS_ASAN
/* Of the thread that everything runs in. */
static const void *outer_stack;
static size_t outer_bytes;
static void *fake_stacks[SCHEDULER_THREADS + 1];
static unsigned int came_from;

static void depart(unsigned int from, unsigned int to, bool for_good)
{
	came_from = from;
	__sanitizer_start_switch_fiber(for_good ? NULL : &fake_stacks[from],
				       to == SCHEDULER_OUTSIDE ? outer_stack : stacks[to],
				       to == SCHEDULER_OUTSIDE ? outer_bytes : STACK_BYTES);
}

static void arrive(void *fake_stack)
{
	const void *stack;
	size_t bytes;

	__sanitizer_finish_switch_fiber(fake_stack, &stack, &bytes);
	if (came_from == SCHEDULER_OUTSIDE) {
		outer_stack = stack;
		outer_bytes = bytes;
	}
}
#else
#define depart(from, to, for_good) ((void)(for_good))
#define arrive(fake_stack)	   ((void)0)
#endif

static void begin(int self)
{
	arrive(NULL);
	scheduler_body((unsigned int)self);
}

void scheduler_backend_start(unsigned int count)
{
	for (unsigned int t = 0; t < count; t++) {
#ifdef FIBERS_ASAN
		/* An abandoned run leaves the marks of its frames behind. */
		__asan_unpoison_memory_region(stacks[t], STACK_BYTES);
#endif
		getcontext(&contexts[t]);
		contexts[t].uc_stack.ss_sp = stacks[t];
		contexts[t].uc_stack.ss_size = STACK_BYTES;
		contexts[t].uc_link = NULL;
		makecontext(&contexts[t], (void (*)(void))begin, 1, (int)t);
	}
}

void scheduler_backend_switch(unsigned int from, unsigned int to)
{
	depart(from, to, false);
	swapcontext(&contexts[from], &contexts[to]);
	arrive(fake_stacks[from]);
}

void scheduler_backend_leave(unsigned int to)
{
	depart(SCHEDULER_THREADS + 1, to, true);
	setcontext(&contexts[to]);
}

void scheduler_backend_end(void)
{
}

void scheduler_backend_helper(void (*run)(void *argument), void *argument)
{
	run(argument);
}
