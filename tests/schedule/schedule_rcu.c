/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Scheduled port: grace periods. Each pending callback knows whose sections it waits for, and runs
 * when the last of them closes, on a helper thread of its own as far as ThreadSanitizer is
 * concerned.
 *
 * ThreadSanitizer is told of the edges as in <ptw/port/tsan.h>: by the number of the retirement.
 */
#include <string.h>

#include <ptw/port.h>

#include "tests/schedule/schedule_memory.h"
#include "tests/schedule/scheduler.h"

#define TOKENS 1024u

static struct {
	struct ptw_port_rcu_head *first;
	struct ptw_port_rcu_head *last;
	unsigned int pending;
	unsigned int nesting[SCHEDULER_THREADS + 1];
	uint64_t my_epoch[SCHEDULER_THREADS + 1];
	unsigned int in_callback;
	uint64_t epoch;
	uint64_t barrier[SCHEDULER_THREADS + 1]; /* waited for: retirements before this one */
	uint64_t after[SCHEDULER_THREADS + 1]; /* events of the thread when its last barrier was over */
	bool late;
} rcu;

#ifdef PTW_TSAN
static char tokens[TOKENS];
static char done_token;
#endif

void schedule_rcu_reset(bool late)
{
	memset(&rcu, 0, sizeof(rcu));
	rcu.late = late;
}

SCHEDULER_INVISIBLE unsigned int schedule_rcu_pending(void)
{
	return rcu.pending;
}

static SCHEDULER_INVISIBLE struct ptw_port_rcu_head *take_ready(void)
{
	struct ptw_port_rcu_head **link = &rcu.first, *head;

	rcu.last = NULL;
	for (head = rcu.first; head; link = &head->next, head = head->next) {
		if (!head->waits)
			break;
		rcu.last = head;
	}
	if (!head)
		return NULL;
	*link = head->next;
	for (struct ptw_port_rcu_head *h = head->next; h; h = h->next)
		rcu.last = h;
	return head;
}

static SCHEDULER_INVISIBLE void run_callback(void *argument)
{
	struct ptw_port_rcu_head *head = argument;

#ifdef PTW_TSAN
	__tsan_acquire(head);
	for (uint64_t e = 0; e <= head->epoch; e++)
		__tsan_acquire(&tokens[e % TOKENS]);
#endif
	head->func(head);
#ifdef PTW_TSAN
	__tsan_release(&done_token);
#endif
}

static SCHEDULER_INVISIBLE void run_ready(void)
{
	struct ptw_port_rcu_head *head;

	if (rcu.in_callback)
		return;
	rcu.in_callback = 1;
	while ((head = take_ready())) {
		scheduler_helper(run_callback, head);
		rcu.pending--;
	}
	rcu.in_callback = 0;
}

void schedule_rcu_drain(void)
{
	for (unsigned int t = 0; t <= SCHEDULER_THREADS; t++)
		if (rcu.nesting[t])
			scheduler_fail("thread %u has left a read-side section open", t);
	run_ready();
	if (rcu.pending)
		scheduler_fail("%u callbacks have not run", rcu.pending);
}

void ptw_port_rcu_register(void)
{
}

void ptw_port_rcu_unregister(void)
{
}

SCHEDULER_INVISIBLE void ptw_port_read_lock(void)
{
	const unsigned int self = scheduler_self();

	scheduler_point();
	scheduler_event(SCHEDULER_AT_RCU, false);
	if (rcu.nesting[self]++ == 0)
		rcu.my_epoch[self] = rcu.epoch;
}

SCHEDULER_INVISIBLE void ptw_port_read_unlock(void)
{
	const unsigned int self = scheduler_self();

	scheduler_point();
	if (!rcu.nesting[self])
		scheduler_fail("thread %u ends a section that it has not begun", self);
	scheduler_event(SCHEDULER_AT_RCU, false);
	if (--rcu.nesting[self])
		return;
#ifdef PTW_TSAN
	__tsan_release(&tokens[rcu.my_epoch[self] % TOKENS]);
#endif
	for (struct ptw_port_rcu_head *h = rcu.first; h; h = h->next)
		h->waits &= ~((uint64_t)1 << self);
	if (!rcu.late)
		run_ready();
}

SCHEDULER_INVISIBLE void ptw_port_rcu_call(struct ptw_port_rcu_head *head,
					   void (*func)(struct ptw_port_rcu_head *head))
{
	scheduler_point();
	scheduler_event(SCHEDULER_AT_RCU, true);
	head->func = func;
	head->next = NULL;
	head->waits = 0;
	head->epoch = rcu.epoch++;
	for (unsigned int t = 0; t <= SCHEDULER_THREADS; t++)
		head->waits |= (uint64_t)(rcu.nesting[t] != 0) << t;
	if (rcu.last)
		rcu.last->next = head;
	else
		rcu.first = head;
	rcu.last = head;
	rcu.pending++;
#ifdef PTW_TSAN
	__tsan_release(head);
#endif
	if (!rcu.late)
		run_ready();
}

void ptw_port_rcu_poll(void)
{
}

static SCHEDULER_INVISIBLE bool barrier_ready(const void *argument)
{
	const uint64_t before = *(const uint64_t *)argument;

	for (const struct ptw_port_rcu_head *h = rcu.first; h; h = h->next)
		if (h->waits && h->epoch < before)
			return false;
	return true;
}

SCHEDULER_INVISIBLE void ptw_port_rcu_barrier(void)
{
	const unsigned int self = scheduler_self();

	scheduler_point();
	if (!ptw_port_may_block())
		scheduler_fail("thread %u waits for a grace period that waits for it", self);
	/* Barrier, one look, barrier: in a loop, in which real time would pass. */
	if (rcu.after[self] && scheduler_events(self) == rcu.after[self] + 1)
		scheduler_await_others();
	else
		scheduler_got_on();
	rcu.barrier[self] = rcu.epoch;
	scheduler_wait(barrier_ready, &rcu.barrier[self]);
	scheduler_event(SCHEDULER_AT_RCU, true);
	run_ready();
	rcu.after[self] = scheduler_events(self);
#ifdef PTW_TSAN
	__tsan_acquire(&done_token);
#endif
}

SCHEDULER_INVISIBLE bool ptw_port_may_block(void)
{
	return !rcu.nesting[scheduler_self()] && !rcu.in_callback;
}
