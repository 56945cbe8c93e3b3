/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Userspace port: grace periods by liburcu, and what happens at fork.
 *
 * liburcu starts a helper thread for callbacks. It is started here with every signal blocked, so
 * that the process's signals go to its own threads.
 */
#include <pthread.h>
#include <signal.h>

#include <ptw/port.h>

/* rcu_ck.c has the other backend. */
#ifndef PTW_PORT_RCU_CK

#ifdef PTW_TSAN
uint64_t ptw_tsan_epoch;
char ptw_tsan_tokens[PTW_TSAN_TOKENS];
__thread uint64_t ptw_tsan_my_epoch;
__thread unsigned int ptw_tsan_nesting;
#endif

#ifdef PTW_PORT_RCU_QSBR
__thread unsigned int ptw_qsbr_nesting;
#endif

#ifndef PTW_PORT_RCU_BP
static __thread bool ptw_rcu_registered;
#endif

static pthread_once_t ptw_rcu_once = PTHREAD_ONCE_INIT;

#ifdef PTW_PORT_RCU_QSBR
/* Across fork: was this thread online? */
static __thread bool ptw_qsbr_forks_online;
#endif

static void ptw_rcu_fork_prepare(void)
{
#ifdef PTW_PORT_RCU_QSBR
	/* The helper thread pauses after its grace period, which waits for this thread while online. */
	ptw_qsbr_forks_online = urcu_qsbr_read_ongoing();
	if (ptw_qsbr_forks_online)
		urcu_qsbr_thread_offline();
#endif
	PTW_URCU(call_rcu_before_fork)();
#ifdef PTW_PORT_RCU_BP
	urcu_bp_before_fork();
#endif
}

static void ptw_rcu_fork_parent(void)
{
#ifdef PTW_PORT_RCU_BP
	urcu_bp_after_fork_parent();
#endif
	PTW_URCU(call_rcu_after_fork_parent)();
#ifdef PTW_PORT_RCU_QSBR
	if (ptw_qsbr_forks_online)
		urcu_qsbr_thread_online();
#endif
}

static void ptw_rcu_fork_child(void)
{
	sigset_t all, before;

#ifdef PTW_PORT_RCU_BP
	urcu_bp_after_fork_child();
#endif
	/* Starts a new helper thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	PTW_URCU(call_rcu_after_fork_child)();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
#ifdef PTW_PORT_RCU_QSBR
	if (ptw_qsbr_forks_online)
		urcu_qsbr_thread_online();
#endif
}

static void ptw_rcu_init(void)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	PTW_URCU(get_default_call_rcu_data)();
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_atfork(ptw_rcu_fork_prepare, ptw_rcu_fork_parent, ptw_rcu_fork_child);
}

void ptw_port_rcu_register(void)
{
	pthread_once(&ptw_rcu_once, ptw_rcu_init);
#ifdef PTW_PORT_RCU_BP
	/* The first section of a thread allocates its registration; make it now. */
	urcu_bp_register_thread();
#else
	/* Page tables register their creator, who may do so himself as well. */
	if (!ptw_rcu_registered)
		PTW_URCU(register_thread)();
	ptw_rcu_registered = true;
#endif
}

void ptw_port_rcu_unregister(void)
{
#ifdef PTW_PORT_RCU_BP
	/* bp unregisters at thread exit by itself. */
#else
	if (ptw_rcu_registered)
		PTW_URCU(unregister_thread)();
	ptw_rcu_registered = false;
#endif
}

#ifdef PTW_TSAN
/* Callbacks come in order of their retirement on one helper thread. */
static uint64_t ptw_tsan_next;

/* What callbacks did happens before the return of a barrier. */
static char ptw_tsan_done;

static void ptw_tsan_callback(uint64_t epoch)
{
	for (; ptw_tsan_next <= epoch; ptw_tsan_next++)
		__tsan_acquire(&ptw_tsan_tokens[ptw_tsan_next % PTW_TSAN_TOKENS]);
}
#endif

static void ptw_rcu_run(struct rcu_head *rcu)
{
	struct ptw_port_rcu_head *head = caa_container_of(rcu, struct ptw_port_rcu_head, head);

#ifdef PTW_TSAN
	__tsan_acquire(head);
	ptw_tsan_callback(head->epoch);
#endif
	head->func(head);
#ifdef PTW_TSAN
	__tsan_release(&ptw_tsan_done);
#endif
}

void ptw_port_rcu_call(struct ptw_port_rcu_head *head,
		       void (*func)(struct ptw_port_rcu_head *head))
{
	pthread_once(&ptw_rcu_once, ptw_rcu_init);
	head->func = func;
#ifdef PTW_TSAN
	head->epoch = __atomic_fetch_add(&ptw_tsan_epoch, 1, __ATOMIC_RELAXED);
	__tsan_release(head);
#endif
	PTW_URCU(call_rcu)(&head->head, ptw_rcu_run);
}

void ptw_port_rcu_barrier(void)
{
	pthread_once(&ptw_rcu_once, ptw_rcu_init);
#ifdef PTW_PORT_RCU_QSBR
	/* The helper thread waits for this one as well: be offline meanwhile. */
	bool online = urcu_qsbr_read_ongoing();

	if (online)
		urcu_qsbr_thread_offline();
#endif
	PTW_URCU(barrier)();
#ifdef PTW_PORT_RCU_QSBR
	if (online)
		urcu_qsbr_thread_online();
#endif
#ifdef PTW_TSAN
	__tsan_acquire(&ptw_tsan_done);
#endif
}

/* True on liburcu's helper thread, that is inside any callback, ours or the program's own. */
static bool ptw_rcu_in_callback(void)
{
	struct call_rcu_data *data = PTW_URCU(get_thread_call_rcu_data)();

	return data && pthread_equal(PTW_URCU(get_call_rcu_thread)(data), pthread_self());
}

bool ptw_port_may_block(void)
{
#ifdef PTW_PORT_RCU_QSBR
	/* With QSBR every registered thread reads all the time, as far as liburcu can tell. */
	if (ptw_qsbr_nesting)
		return false;
#else
	if (PTW_URCU(read_ongoing)())
		return false;
#endif
	return !ptw_rcu_in_callback();
}

#endif /* !PTW_PORT_RCU_CK */
