/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file port/rcu_urcu.h
 * Grace periods by liburcu, in any of its flavours. Included by <ptw/port/user.h> only.
 *
 * Outside sanitizer builds liburcu's small read-side functions are inlined (_LGPL_SOURCE). Under
 * ThreadSanitizer, which does not see into liburcu, the happens-before edges of a grace period are
 * annotated: see <ptw/port/tsan.h>.
 */
#ifndef PTW_PORT_RCU_URCU_H
#define PTW_PORT_RCU_URCU_H

#include <ptw/port/tsan.h>

#if defined(PTW_PORT_RCU_MEMB)
#include <urcu/urcu-memb.h>
#define PTW_URCU(name) urcu_memb_##name
#define PTW_PORT_RCU_NAME "memb"
#elif defined(PTW_PORT_RCU_MB)
#include <urcu/urcu-mb.h>
#define PTW_URCU(name) urcu_mb_##name
#define PTW_PORT_RCU_NAME "mb"
#elif defined(PTW_PORT_RCU_QSBR)
#include <urcu/urcu-qsbr.h>
#define PTW_URCU(name) urcu_qsbr_##name
#define PTW_PORT_RCU_NAME "qsbr"
#else
#include <urcu/urcu-bp.h>
#define PTW_URCU(name) urcu_bp_##name
#define PTW_PORT_RCU_NAME "bp"
#define PTW_PORT_RCU_BP 1
#endif
#include <urcu/call-rcu.h>

PTW_BEGIN_DECLS

/** Embedded in table metadata; one grace period at a time. */
struct ptw_port_rcu_head {
	struct rcu_head head;
	void (*func)(struct ptw_port_rcu_head *head);
#ifdef PTW_TSAN
	uint64_t epoch; /* of the retirement, see <ptw/port/tsan.h> */
#endif
};

void ptw_port_rcu_register(void);
void ptw_port_rcu_unregister(void);
void ptw_port_rcu_call(struct ptw_port_rcu_head *head,
		       void (*func)(struct ptw_port_rcu_head *head));
void ptw_port_rcu_barrier(void);
bool ptw_port_may_block(void);

#ifdef PTW_PORT_RCU_QSBR
/* QSBR knows no sections: the end of the outermost one is announced as a quiescent state. */
extern __thread unsigned int ptw_qsbr_nesting;

static inline void ptw_port_read_lock(void)
{
	ptw_tsan_read_lock();
	ptw_qsbr_nesting++;
}

static inline void ptw_port_read_unlock(void)
{
	ptw_tsan_read_unlock();
	if (--ptw_qsbr_nesting == 0)
		urcu_qsbr_quiescent_state();
}
#else
static inline void ptw_port_read_lock(void)
{
	PTW_URCU(read_lock)();
	ptw_tsan_read_lock();
}

static inline void ptw_port_read_unlock(void)
{
	ptw_tsan_read_unlock();
	PTW_URCU(read_unlock)();
}
#endif

/** Callbacks run on liburcu's helper thread: nothing to do here. */
static inline void ptw_port_rcu_poll(void)
{
}

PTW_END_DECLS

#endif /* PTW_PORT_RCU_URCU_H */
