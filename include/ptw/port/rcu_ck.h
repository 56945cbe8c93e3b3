/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file port/rcu_ck.h
 * Grace periods by Concurrency Kit's ck_epoch. Included by <ptw/port/user.h> only; for builds of
 * tests and benchmarks, as ports/user/rcu_ck.c tells.
 *
 * A thread's first section registers it, which allocates; a thread that exits is unregistered by
 * itself. Callbacks run on threads that call ptw_port_rcu_call(), ptw_port_rcu_poll() and
 * ptw_port_rcu_barrier(): there is no helper thread, so somebody has to poll.
 */
#ifndef PTW_PORT_RCU_CK_H
#define PTW_PORT_RCU_CK_H

#include <ck_epoch.h>

#include <ptw/port/tsan.h>
#include <ptw/types.h>

#define PTW_PORT_RCU_NAME "ck"

PTW_BEGIN_DECLS

/** Embedded in table metadata; one grace period at a time. */
struct ptw_port_rcu_head {
	struct ptw_port_rcu_head *next;
	void (*func)(struct ptw_port_rcu_head *head);
#ifdef PTW_TSAN
	uint64_t epoch; /* of the retirement, see <ptw/port/tsan.h> */
#endif
};

void ptw_port_rcu_register(void);
void ptw_port_rcu_unregister(void);
void ptw_port_rcu_call(struct ptw_port_rcu_head *head,
		       void (*func)(struct ptw_port_rcu_head *head));
void ptw_port_rcu_poll(void);
void ptw_port_rcu_barrier(void);
bool ptw_port_may_block(void);

/* This thread's record; null until it is registered. Exported for sections that are inlined into
 * benchmarks, which use the shared library. */
PTW_API extern __thread ck_epoch_record_t *ptw_ck_record;

PTW_API ck_epoch_record_t *ptw_ck_register(void);

static inline void ptw_port_read_lock(void)
{
	ck_epoch_record_t *record = ptw_ck_record;

	if (__builtin_expect(!record, 0))
		record = ptw_ck_register();
	ck_epoch_begin(record, NULL);
	/* What the section loads comes after the epoch it was entered in, which ck 0.7.1 leaves open on
	 * processors that reorder loads. Partner: the fence of ptw_ck_file(). */
	ck_pr_fence_load();
	ptw_tsan_read_lock();
}

static inline void ptw_port_read_unlock(void)
{
	ptw_tsan_read_unlock();
	ck_epoch_end(ptw_ck_record, NULL);
}

PTW_END_DECLS

#endif /* PTW_PORT_RCU_CK_H */
