/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Bare port: grace periods by counters and polling.
 *
 * Each CPU has a counter that is odd while the CPU is in a section and moves on at both ends of the
 * outermost one. Callbacks collect in a queue per CPU. A poll takes what has collected as one batch
 * and notes every counter; the batch may run once each CPU's counter was even then or is another
 * one now. So a section that was open when the batch was made is waited for, one that begins later
 * is not, and neither is a CPU that does nothing.
 *
 * Ordered accesses and their partners:
 * - (A) the full fence in ptw_port_read_lock(), after the counter's store and before the section's
 *   loads; (B) the full fence in ptw_queue_begin(), after the unlinking stores and before the
 *   counters' loads. If A comes first, B's loads see the odd counter and the section is waited for.
 *   If B comes first, the section's loads see what was unlinked as gone. The unlinker may be another
 *   CPU than the one that polls: the lock of the queue passes its stores on.
 * - the counter's stores are releases (both ends: what is seen may be the beginning of a later
 *   section), partner the acquire loads in ptw_queue_begin() and ptw_queue_passed(): all that a
 *   section read was read before the callback runs.
 * - `done`: release after each callback, partner the acquire load in ptw_port_rcu_barrier().
 */
/* Without the macro the port for programs under an operating system would come, and its headers be missed. */
#ifdef PTW_PORT_HEADER
#include <ptw/port.h>
#endif
#ifndef PTW_PORTS_BARE_PORT_H
#error "compile with -DPTW_PORT_HEADER='\"ports/bare/port.h\"' and the source tree's top as -I"
#endif

/* One CPU's counter is read by all: a cache line pair for itself. */
struct ptw_bare_cpu_state {
	uint64_t count;	      /* odd: in a section */
	unsigned int nesting; /* the owner's */
	bool in_callback;     /* the owner's */
} __attribute__((aligned(128)));

struct ptw_bare_queue {
	struct ptw_bare_lock lock;
	bool running;			 /* somebody runs a batch of this queue */
	struct ptw_port_rcu_head *fresh; /* no counters were noted for these */
	struct ptw_port_rcu_head **fresh_end;
	struct ptw_port_rcu_head *batch; /* waits for `seen` to pass */
	uint64_t seen[PTW_BARE_CPUS];
	uint64_t queued; /* callbacks, since the beginning */
	uint64_t done;
} __attribute__((aligned(128)));

static struct ptw_bare_cpu_state ptw_bare_cpus[PTW_BARE_CPUS];
static struct ptw_bare_queue ptw_bare_queues[PTW_BARE_CPUS];
static unsigned int ptw_bare_cpu_count;

void ptw_bare_rcu_init(unsigned int cpus)
{
	ptw_bare_cpu_count = cpus;
	for (unsigned int i = 0; i < PTW_BARE_CPUS; i++)
		ptw_bare_queues[i].fresh_end = &ptw_bare_queues[i].fresh;
}

void ptw_port_rcu_register(void)
{
}

void ptw_port_rcu_unregister(void)
{
}

void ptw_port_read_lock(void)
{
	struct ptw_bare_cpu_state *cpu = &ptw_bare_cpus[ptw_bare_cpu()];

	if (cpu->nesting++ == 0) {
		__atomic_store_n(&cpu->count, cpu->count + 1, __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* (A) */
	}
}

void ptw_port_read_unlock(void)
{
	struct ptw_bare_cpu_state *cpu = &ptw_bare_cpus[ptw_bare_cpu()];

	if (--cpu->nesting == 0)
		__atomic_store_n(&cpu->count, cpu->count + 1, __ATOMIC_RELEASE);
}

/* Locked. Make a batch of what has collected. */
static void ptw_queue_begin(struct ptw_bare_queue *queue)
{
	queue->batch = queue->fresh;
	queue->fresh = NULL;
	queue->fresh_end = &queue->fresh;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* (B) */
	for (unsigned int i = 0; i < ptw_bare_cpu_count; i++)
		queue->seen[i] = __atomic_load_n(&ptw_bare_cpus[i].count, __ATOMIC_ACQUIRE);
}

/* Locked. A CPU that has passed is remembered as such: its counter is not looked at again. */
static bool ptw_queue_passed(struct ptw_bare_queue *queue)
{
	for (unsigned int i = 0; i < ptw_bare_cpu_count; i++) {
		if (!(queue->seen[i] & 1))
			continue;
		if (__atomic_load_n(&ptw_bare_cpus[i].count, __ATOMIC_ACQUIRE) == queue->seen[i])
			return false;
		queue->seen[i] = 0;
	}
	return true;
}

/* The callbacks of a queue run in order, so only one CPU at a time runs any of them. */
static struct ptw_port_rcu_head *ptw_queue_take(struct ptw_bare_queue *queue)
{
	struct ptw_port_rcu_head *ready = NULL;

	ptw_bare_lock(&queue->lock);
	if (!queue->running) {
		if (!queue->batch && queue->fresh)
			ptw_queue_begin(queue);
		if (queue->batch && ptw_queue_passed(queue)) {
			ready = queue->batch;
			queue->batch = NULL;
			queue->running = true;
		}
	}
	ptw_bare_unlock(&queue->lock);
	return ready;
}

static void ptw_queue_poll(struct ptw_bare_queue *queue)
{
	struct ptw_bare_cpu_state *cpu = &ptw_bare_cpus[ptw_bare_cpu()];
	struct ptw_port_rcu_head *ready, *next;
	bool nested = cpu->in_callback;

	ready = ptw_queue_take(queue);
	if (!ready)
		return;
	cpu->in_callback = true;
	for (; ready; ready = next) {
		next = ready->next;
		ready->func(ready);
		__atomic_fetch_add(&queue->done, 1, __ATOMIC_RELEASE);
	}
	cpu->in_callback = nested;
	ptw_bare_lock(&queue->lock);
	queue->running = false;
	ptw_bare_unlock(&queue->lock);
}

void ptw_port_rcu_call(struct ptw_port_rcu_head *head, void (*func)(struct ptw_port_rcu_head *head))
{
	struct ptw_bare_queue *queue = &ptw_bare_queues[ptw_bare_cpu()];

	head->func = func;
	head->next = NULL;
	ptw_bare_lock(&queue->lock);
	*queue->fresh_end = head;
	queue->fresh_end = &head->next;
	queue->queued++;
	ptw_bare_unlock(&queue->lock);
}

void ptw_port_rcu_poll(void)
{
	ptw_queue_poll(&ptw_bare_queues[ptw_bare_cpu()]);
}

void ptw_bare_quiescent(void)
{
	ptw_port_rcu_poll();
}

/* Also what other CPUs have queued, which may never poll again. */
void ptw_port_rcu_barrier(void)
{
	uint64_t wanted[PTW_BARE_CPUS];

	for (unsigned int i = 0; i < ptw_bare_cpu_count; i++) {
		ptw_bare_lock(&ptw_bare_queues[i].lock);
		wanted[i] = ptw_bare_queues[i].queued;
		ptw_bare_unlock(&ptw_bare_queues[i].lock);
	}
	for (unsigned int i = 0; i < ptw_bare_cpu_count; i++) {
		struct ptw_bare_queue *queue = &ptw_bare_queues[i];

		while (__atomic_load_n(&queue->done, __ATOMIC_ACQUIRE) < wanted[i]) {
			ptw_queue_poll(queue);
			ptw_bare_pause();
		}
	}
}

bool ptw_port_may_block(void)
{
	const struct ptw_bare_cpu_state *cpu = &ptw_bare_cpus[ptw_bare_cpu()];

	return cpu->nesting == 0 && !cpu->in_callback;
}
