/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Linux port: grace periods, memory for handles, processor features. */
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>

#if defined(CONFIG_X86)
#include <asm/cpufeature.h>
#elif defined(CONFIG_ARM64)
#include <asm/lse.h>
#endif

#include <ptw/port.h>

#ifndef CONFIG_PREEMPT_COUNT
DEFINE_PER_CPU(unsigned int, ptw_port_sections);
#endif

/*
 * The vector registers are user space's here, so vector extensions are not told. LSE is told where the
 * kernel's own atomics use it, which it may be built without although the processor has it.
 */
uint32_t ptw_port_cpu_features(void)
{
	uint32_t features = 0;

#if defined(CONFIG_X86)
	if (boot_cpu_has(X86_FEATURE_CX16))
		features |= PTW_CPU_CX16;
	if (boot_cpu_has(X86_FEATURE_RTM))
		features |= PTW_CPU_RTM;
#elif defined(CONFIG_ARM64)
	if (system_uses_lse_atomics())
		features |= PTW_CPU_LSE;
#endif
	return features;
}

/* Not a cast of func: control-flow integrity checks the type of what is called. */
static void ptw_rcu_run(struct rcu_head *rcu)
{
	struct ptw_port_rcu_head *head = container_of(rcu, struct ptw_port_rcu_head, head);

	head->func(head);
}

void ptw_port_rcu_call(struct ptw_port_rcu_head *head,
		       void (*func)(struct ptw_port_rcu_head *head))
{
	head->func = func;
	call_rcu(&head->head, ptw_rcu_run);
}

/* Callbacks run by themselves. But this is a place where a long operation may let others on the
 * processor, which a kernel without preemption waits for. */
void ptw_port_rcu_poll(void)
{
	if (ptw_port_may_block()) {
		RCU_LOCKDEP_WARN(rcu_read_lock_held(),
				 "libptw: page table changed inside rcu_read_lock()");
		cond_resched();
	}
}

void ptw_port_rcu_barrier(void)
{
	might_sleep();
	rcu_barrier();
}

/*
 * RCU callbacks run with softirqs disabled, wherever they run. A spinlock of the caller, or a section of
 * his own, is seen where the kernel counts preemption; elsewhere might_sleep() of debug kernels is all there is.
 */
bool ptw_port_may_block(void)
{
	if (in_interrupt() || irqs_disabled())
		return false;
#ifdef CONFIG_PREEMPT_COUNT
	return !preempt_count() && !rcu_preempt_depth();
#else
	return !raw_cpu_read(ptw_port_sections);
#endif
}

void *ptw_port_zalloc(size_t bytes)
{
	/* Reverse maps and slots of large machines are megabytes. */
	return kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
}

void ptw_port_free(void *memory, size_t bytes)
{
	(void)bytes;
	kvfree(memory); /* in RCU callbacks, too */
}
