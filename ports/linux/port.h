/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The Linux kernel's side of the port: its atomics, its RCU, its page allocator. In the exported tree
 * this is <ptw/port/linux.h>, and <ptw/port.h> has the list of what every name means.
 *
 * The kernel's primitives are taken and not the compiler's builtins, since they are what the kernel's
 * sanitizers see, and since on arm64 they become LSE instructions at boot where the processor has them.
 */
#ifndef PTW_PORT_LINUX_H
#define PTW_PORT_LINUX_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/prefetch.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include <asm/page.h>

#define PTW_PORT_RCU_NAME "linux"

struct ptw_pool;
struct ptw_pool_config;

/*
 * What to add to a physical address to get its place in the linear map: phys_offset of page tables
 * whose tables the kernel allocated. Not __va(0): on arm64, address 0 need not be in the linear map.
 */
static inline uint64_t ptw_linear_offset(void)
{
#ifdef CONFIG_ARM64
	return (uint64_t)PAGE_OFFSET - (uint64_t)PHYS_OFFSET;
#else
	return (uint64_t)PAGE_OFFSET;
#endif
}

static inline uint64_t ptw_port_load(const uint64_t *entry)
{
	return READ_ONCE(*entry);
}

static inline uint64_t ptw_port_load_table(const uint64_t *entry)
{
	return smp_load_acquire(entry);
}

static inline bool ptw_port_cas(uint64_t *entry, uint64_t *old, uint64_t desired)
{
	if (likely(try_cmpxchg(entry, old, desired)))
		return true;
	/*
	 * A compare-exchange that failed orders nothing in the kernel's model; the caller may follow what
	 * it found into a table. Partner: ptw_port_publish() and ptw_port_cas() of whoever linked it.
	 */
	smp_acquire__after_ctrl_dep();
	return false;
}

static inline uint64_t ptw_port_xchg(uint64_t *entry, uint64_t desired)
{
	return xchg(entry, desired);
}

/* Always inline: for the constant one-bit mask of the hot loop x86 has `lock btr`, which never retries. */
static __always_inline uint64_t ptw_port_and_clear(uint64_t *entry, uint64_t bits)
{
#ifdef CONFIG_X86
	if (__builtin_constant_p(bits) && bits && !(bits & (bits - 1)))
		return test_and_clear_bit(__builtin_ctzll(bits), (unsigned long *)entry) ? bits : 0;
#endif
	return (uint64_t)atomic64_fetch_andnot_relaxed((s64)bits, (atomic64_t *)entry) & bits;
}

static inline uint64_t ptw_port_or_set(uint64_t *entry, uint64_t bits)
{
	return (uint64_t)atomic64_fetch_or_relaxed((s64)bits, (atomic64_t *)entry);
}

static inline void ptw_port_publish(uint64_t *entry, uint64_t value)
{
	smp_store_release(entry, value);
}

static inline void ptw_port_init_entry(uint64_t *entry, uint64_t value)
{
	WRITE_ONCE(*entry, value);
}

static inline uint32_t ptw_port_load32(const uint32_t *word)
{
	return READ_ONCE(*word);
}

static inline void ptw_port_store32(uint32_t *word, uint32_t value)
{
	WRITE_ONCE(*word, value);
}

static inline uint32_t ptw_port_add32(uint32_t *word, uint32_t n)
{
	return (uint32_t)atomic_add_return_relaxed((int)n, (atomic_t *)word);
}

static inline uint64_t ptw_port_add64(uint64_t *word, uint64_t n)
{
	return (uint64_t)atomic64_add_return_relaxed((s64)n, (atomic64_t *)word);
}

static inline uint64_t ptw_port_or64(uint64_t *word, uint64_t bits)
{
	return (uint64_t)atomic64_fetch_or_relaxed((s64)bits, (atomic64_t *)word);
}

static inline void ptw_port_order_loads(void)
{
	smp_rmb();
}

static inline void ptw_port_order_all(void)
{
	smp_mb();
}

static inline void ptw_port_order_after_cas(void)
{
	smp_mb__after_atomic();
}

static inline void ptw_port_relax(void)
{
	cpu_relax();
}

static inline void ptw_port_prefetch(const void *address)
{
	prefetch(address);
}

/*
 * Nobody is told of trace points (docs/tracing.md lists them). Define it by a tracepoint of your own where you want
 * them: `point` is a name, the rest are numbers.
 */
#define ptw_port_trace(point, a, b, c) ((void)(a), (void)(b), (void)(c))

uint32_t ptw_port_cpu_features(void);

/* Is clearing an accessed bit one instruction? arm64 has one where LSE was found at boot. */
#define PTW_PORT_CLEAR_WAIT_FREE                                                                    \
	(IS_ENABLED(CONFIG_X86) || (ptw_port_cpu_features() & PTW_CPU_LSE))

/* Embedded in table metadata; one grace period at a time. */
struct ptw_port_rcu_head {
	struct rcu_head head;
	void (*func)(struct ptw_port_rcu_head *head);
};

#ifndef CONFIG_PREEMPT_COUNT
/*
 * Where the kernel does not count preemption, rcu_read_lock() leaves no trace, and sections are counted
 * here, so that a call that may block can be refused inside. Such a kernel never moves a task that is
 * in a section, and an interrupt leaves the count as it was: neither atomic nor disabled interrupts needed.
 */
DECLARE_PER_CPU(unsigned int, ptw_port_sections);
#define ptw_port_count_section(n) __this_cpu_add(ptw_port_sections, n)
#else
#define ptw_port_count_section(n) ((void)0)
#endif

/* The kernel knows all its tasks. */
static inline void ptw_port_rcu_register(void)
{
}

static inline void ptw_port_rcu_unregister(void)
{
}

static inline void ptw_port_read_lock(void) __acquires(RCU)
{
	rcu_read_lock();
	ptw_port_count_section(1);
}

static inline void ptw_port_read_unlock(void) __releases(RCU)
{
	ptw_port_count_section(-1);
	rcu_read_unlock();
}

void ptw_port_rcu_call(struct ptw_port_rcu_head *head,
		       void (*func)(struct ptw_port_rcu_head *head));
void ptw_port_rcu_poll(void);
void ptw_port_rcu_barrier(void);
bool ptw_port_may_block(void);

void *ptw_port_zalloc(size_t bytes);
void ptw_port_free(void *memory, size_t bytes);
int ptw_port_pool_create(const struct ptw_pool_config *config, size_t table_bytes,
			 size_t meta_bytes, struct ptw_pool **pool);
void ptw_port_pool_destroy(struct ptw_pool *pool);
void *ptw_port_table_alloc(struct ptw_pool *pool, unsigned int level);
void ptw_port_table_free(struct ptw_pool *pool, void *table);
void *ptw_port_table_meta(const struct ptw_pool *pool, const void *table);
void *ptw_port_run_alloc(struct ptw_pool *pool, size_t bytes);
void ptw_port_run_free(struct ptw_pool *pool, void *memory, size_t bytes);
uint64_t ptw_port_pool_bytes(const struct ptw_pool *pool);

#endif /* PTW_PORT_LINUX_H */
