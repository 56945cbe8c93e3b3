/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Threads and read-side sections: thin calls into the port. */
#include <ptw/error.h>
#include <ptw/port.h>
#include <ptw/thread.h>

void ptw_thread_register(void)
{
	ptw_port_rcu_register();
}

void ptw_thread_unregister(void)
{
	ptw_port_rcu_unregister();
}

void ptw_read_lock(void) PTW_BEGINS_SECTION
{
	ptw_port_read_lock();
}

void ptw_read_unlock(void) PTW_ENDS_SECTION
{
	ptw_port_read_unlock();
}

static void ptw_barrier_reached(struct ptw_port_rcu_head *head)
{
	(void)head;
}

int ptw_barrier(void)
{
	struct ptw_port_rcu_head head;

	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	/* A callback of our own: where none is queued, a port's barrier need not wait for anybody. */
	ptw_port_rcu_call(&head, ptw_barrier_reached);
	ptw_port_rcu_barrier();
	return PTW_OK;
}
