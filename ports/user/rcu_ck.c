/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Userspace port: grace periods by ck_epoch of Concurrency Kit.
 *
 * Readers. Each thread has a record, which it gets at registration or in its first section and gives
 * back at exit (the destructor of a thread-specific key); ck never lets go of records, so the next
 * thread recycles it. A record outside a section never holds up an epoch.
 *
 * Callbacks. ck keeps them per record, and only the record's thread may run them: a thread that
 * exits, or never retires again, would strand its own. So all are in one place here:
 *
 *	incoming  a lock-free stack, where ptw_port_rcu_call() pushes; writers wait for nobody
 *	batch     what was taken from incoming, oldest first; it waits for one grace period as a whole
 *
 * The batch is one ck_epoch_call() on a record that no thread reads with. Batch, record and every
 * look at other threads' records belong to the driver: whoever holds ptw_ck_driver. That makes
 * ck_epoch_poll() right: in 0.7.1 it relies on nothing being filed between its look at the readers
 * and its dispatch. It also keeps callbacks in the order of their retirement, one at a time, and makes
 * a barrier simple: whoever holds the mutex knows that no callback is running, and that all there are
 * stand in these two lists.
 *
 * Nobody inside a section or a callback becomes the driver, and a barrier, which holds the mutex while it
 * waits for readers, therefore holds up no reader. Drivers on the way (call, poll) only try the lock: if
 * somebody else has it, he does the work. Callbacks run under the mutex, on a thread that may hold locks of
 * the caller: they take none but the pool's.
 *
 * There is no helper thread, and so nothing to start, to block signals for or to restart after fork; the
 * price is that callbacks wait for somebody to come along. For liburcu's way see rcu.c.
 *
 * fork. The driver's mutex is held across it, so that the child finds the lists whole. Hence no fork in
 * a section (<ptw/thread.h>): it would wait for the mutex of a barrier that waits for this section.
 * Readers of the parent do not exist in the child: their records are given back there.
 */
#include <ptw/port.h>

#ifdef PTW_PORT_RCU_CK

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* Every so many retirements the caller tries to drive, and runs at most so many callbacks: more than come
 * in, or a backlog would stay for good. */
#define CALLS_PER_POLL 32
#define CALLBACKS_PER_CALL (4 * CALLS_PER_POLL)

#ifdef PTW_TSAN
uint64_t ptw_tsan_epoch;
char ptw_tsan_tokens[PTW_TSAN_TOKENS];
__thread uint64_t ptw_tsan_my_epoch;
__thread unsigned int ptw_tsan_nesting;

/* The first token that no callback has acquired yet. Drivers only. */
static uint64_t ptw_tsan_next;
#endif

__thread ck_epoch_record_t *ptw_ck_record;

static __thread bool ptw_ck_in_callback;
static __thread unsigned int ptw_ck_calls;

static pthread_once_t ptw_ck_once = PTHREAD_ONCE_INIT;
static pthread_key_t ptw_ck_key;
static ck_epoch_t ptw_ck_epoch;

static struct ptw_port_rcu_head *ptw_ck_incoming;

static pthread_mutex_t ptw_ck_driver = PTHREAD_MUTEX_INITIALIZER;

/* The driver's. */
static ck_epoch_record_t ptw_ck_shared;
static struct {
	ck_epoch_entry_t entry;
	struct ptw_port_rcu_head *first;
	struct ptw_port_rcu_head *last;
	bool filed; /* waits for its grace period */
} ptw_ck_batch;

/* --- Threads. */

/* A record that is in use has a context; ck clears it when the record is given back. */
static void ptw_ck_give_back(void *record)
{
#ifdef PTW_TSAN
	__tsan_release(record);
#endif
	ck_epoch_unregister(record);
}

static void ptw_ck_thread_exit(void *record)
{
	ptw_ck_record = NULL;
	ptw_ck_give_back(record);
}

CK_STACK_CONTAINER(struct ck_epoch_record, record_next, ptw_ck_record_of)

static void ptw_ck_fork_prepare(void)
{
	pthread_mutex_lock(&ptw_ck_driver);
}

static void ptw_ck_fork_parent(void)
{
	pthread_mutex_unlock(&ptw_ck_driver);
}

static void ptw_ck_fork_child(void)
{
	ck_stack_entry_t *cursor;

	CK_STACK_FOREACH(&ptw_ck_epoch.records, cursor) {
		ck_epoch_record_t *record = ptw_ck_record_of(cursor);

		if (record != ptw_ck_record && record != &ptw_ck_shared &&
		    ck_epoch_record_ct(record))
			ptw_ck_give_back(record);
	}
	pthread_mutex_unlock(&ptw_ck_driver);
}

static void ptw_ck_init(void)
{
	ck_epoch_init(&ptw_ck_epoch);
	ck_epoch_register(&ptw_ck_epoch, &ptw_ck_shared, &ptw_ck_epoch);
	if (pthread_key_create(&ptw_ck_key, ptw_ck_thread_exit))
		abort(); /* no caller can be told; liburcu does the same */
	pthread_atfork(ptw_ck_fork_prepare, ptw_ck_fork_parent, ptw_ck_fork_child);
}

ck_epoch_record_t *ptw_ck_register(void)
{
	ck_epoch_record_t *record;

	pthread_once(&ptw_ck_once, ptw_ck_init);
	record = ck_epoch_recycle(&ptw_ck_epoch, &ptw_ck_epoch);
	if (record) {
#ifdef PTW_TSAN
		__tsan_acquire(record);
#endif
	} else {
		record = aligned_alloc(_Alignof(ck_epoch_record_t), sizeof(*record));
		if (!record)
			abort(); /* as above: a section cannot fail */
		ck_epoch_register(&ptw_ck_epoch, record, &ptw_ck_epoch);
	}
	ptw_ck_record = record;
	pthread_setspecific(ptw_ck_key, record);
	return record;
}

void ptw_port_rcu_register(void)
{
	if (!ptw_ck_record)
		ptw_ck_register();
}

void ptw_port_rcu_unregister(void)
{
	ck_epoch_record_t *record = ptw_ck_record;

	if (!record)
		return;
	pthread_setspecific(ptw_ck_key, NULL);
	ptw_ck_thread_exit(record);
}

bool ptw_port_may_block(void)
{
	return !ptw_ck_in_callback && !(ptw_ck_record && ck_pr_load_uint(&ptw_ck_record->active));
}

/* --- Callbacks. All of these are for the driver. */

/* Appends what came in to the batch, oldest first. */
static void ptw_ck_take_incoming(void)
{
	/* acquire, partner: the push in ptw_port_rcu_call() */
	struct ptw_port_rcu_head *head = __atomic_exchange_n(&ptw_ck_incoming, NULL, __ATOMIC_ACQUIRE);
	struct ptw_port_rcu_head *newest = head, *oldest = NULL;

	while (head) {
		struct ptw_port_rcu_head *older = head->next;

		head->next = oldest;
		oldest = head;
		head = older;
	}
	if (!oldest)
		return;
	if (ptw_ck_batch.first)
		ptw_ck_batch.last->next = oldest;
	else
		ptw_ck_batch.first = oldest;
	ptw_ck_batch.last = newest;
}

static void ptw_ck_grace_period_over(ck_epoch_entry_t *entry)
{
	(void)entry;
	ptw_ck_batch.filed = false;
}

static void ptw_ck_file(void)
{
	/*
	 * What the batch holds was unlinked before the epoch it is filed under is read. Partner: the
	 * fences after a section's first store and after its look at the epoch, in ck_epoch_begin()
	 * and ptw_port_read_lock(): a section that still finds something of the batch has an older epoch or
	 * this one, and is seen by every scan from here on.
	 */
	ck_pr_fence_memory();
	ptw_ck_batch.filed = true;
	ck_epoch_call(&ptw_ck_shared, &ptw_ck_batch.entry, ptw_ck_grace_period_over);
}

/* At most `limit` callbacks, 0: all of the batch. Its grace period is over. */
static void ptw_ck_run(unsigned int limit)
{
	unsigned int count = 0;

	ptw_ck_in_callback = true;
	while (ptw_ck_batch.first && (!limit || count++ < limit)) {
		struct ptw_port_rcu_head *head = ptw_ck_batch.first;

		ptw_ck_batch.first = head->next;
#ifdef PTW_TSAN
		for (; ptw_tsan_next <= head->epoch; ptw_tsan_next++)
			__tsan_acquire(&ptw_tsan_tokens[ptw_tsan_next % PTW_TSAN_TOKENS]);
#endif
		head->func(head);
	}
	ptw_ck_in_callback = false;
}

/* One step: an epoch if the readers allow it, callbacks if their grace period is over. */
static void ptw_ck_drive(unsigned int limit)
{
	if (!ptw_ck_batch.first) {
		ptw_ck_take_incoming();
		if (!ptw_ck_batch.first)
			return;
		ptw_ck_file();
	}
	if (ptw_ck_batch.filed)
		ck_epoch_poll(&ptw_ck_shared);
	if (!ptw_ck_batch.filed)
		ptw_ck_run(limit);
}

/* The reader may be preempted, or even of a lower priority: sleep. */
static void ptw_ck_wait(ck_epoch_t *epoch, ck_epoch_record_t *reader, void *context)
{
	static const struct timespec pause = { .tv_nsec = 20000 };

	(void)epoch;
	(void)reader;
	(void)context;
	nanosleep(&pause, NULL);
}

/* --- The seam. */

void ptw_port_rcu_call(struct ptw_port_rcu_head *head,
		       void (*func)(struct ptw_port_rcu_head *head))
{
	struct ptw_port_rcu_head *next = __atomic_load_n(&ptw_ck_incoming, __ATOMIC_RELAXED);

	head->func = func;
#ifdef PTW_TSAN
	head->epoch = __atomic_fetch_add(&ptw_tsan_epoch, 1, __ATOMIC_RELAXED);
#endif
	do {
		head->next = next;
		/* release, partner: the exchange in ptw_ck_take_incoming() */
	} while (!__atomic_compare_exchange_n(&ptw_ck_incoming, &next, head, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	if (++ptw_ck_calls < CALLS_PER_POLL || !ptw_port_may_block())
		return;
	pthread_once(&ptw_ck_once, ptw_ck_init);
	if (pthread_mutex_trylock(&ptw_ck_driver))
		return;
	ptw_ck_calls = 0;
	ptw_ck_drive(CALLBACKS_PER_CALL);
	pthread_mutex_unlock(&ptw_ck_driver);
}

void ptw_port_rcu_poll(void)
{
	pthread_once(&ptw_ck_once, ptw_ck_init);
	if (!ptw_port_may_block() || pthread_mutex_trylock(&ptw_ck_driver))
		return;
	ptw_ck_drive(0);
	pthread_mutex_unlock(&ptw_ck_driver);
}

void ptw_port_rcu_barrier(void)
{
	pthread_once(&ptw_ck_once, ptw_ck_init);
	pthread_mutex_lock(&ptw_ck_driver);
	/* An older batch may wait a second time; what came in since needs it. */
	ptw_ck_take_incoming();
	if (ptw_ck_batch.first) {
		ck_epoch_barrier_wait(&ptw_ck_shared, ptw_ck_wait, NULL);
		ptw_ck_run(0);
	}
	pthread_mutex_unlock(&ptw_ck_driver);
}

#endif /* PTW_PORT_RCU_CK */
