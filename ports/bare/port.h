/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file ports/bare/port.h
 * The port for programs without an operating system: hypervisors, firmware, test images.
 *
 * Compile lib/, arch/, and pool.c, rcu.c and string.c of this folder with
 * -DPTW_PORT_HEADER='"ports/bare/port.h"', call ptw_bare_init() before anything else, and supply
 * ptw_bare_cpu(). string.c may stay out where the program has memcpy, memmove, memset and memcmp of its
 * own. Needs from the compiler only its atomic builtins, inlined.
 *
 * Nothing here may be called from interrupt handlers: the spin locks do not mask interrupts, and
 * the sections of a CPU are counted by plain stores.
 */
#ifndef PTW_PORTS_BARE_PORT_H
#define PTW_PORTS_BARE_PORT_H

#include <ptw/port/atomic.h>

PTW_BEGIN_DECLS

/** Most CPUs. */
#ifndef PTW_BARE_CPUS
#define PTW_BARE_CPUS 8
#endif

/** What each word of free memory holds. As an entry it would be young, dirty, and lead far away. */
#define PTW_BARE_POISON 0x00006b6b6b6b67e3ull

/**
 * Index of this CPU, below the number given to ptw_bare_init(). Supplied by the program.
 */
unsigned int ptw_bare_cpu(void);

/**
 * Begin. All memory the library will ever have; tables are aligned to their size by virtual
 * address, so map it such that physical addresses are aligned alike. Before this call there is no
 * memory, and ptw_pgtable_create() answers PTW_ERR_NOMEM.
 *
 * How much: for each page table two frames of 4 KiB for handles, its root, one table per level below the
 * root for each region in use, and one table of the lowest level per 2 MiB mapped with 4 KiB pages
 * (granules of 16 KiB and 64 KiB: larger tables, one per 32 MiB and 512 MiB). Tables that were removed
 * count until their grace period has passed. Metadata and alignment come on top.
 * @param memory any alignment; kept for ever
 * @param bytes its size; 64 bytes of metadata go with each frame of 4 KiB, 1/64 on top of it
 * @param cpus number of CPUs, 1 to PTW_BARE_CPUS
 * @return 0, or PTW_ERR_ARG
 *
 * Context: once, before any other call and before other CPUs call.
 */
int ptw_bare_init(void *memory, size_t bytes, unsigned int cpus);

/**
 * Run what a grace period has set free. CPUs outside read-side sections never hold up anybody, so
 * an idle one need not call this; its own callbacks then wait for its next call, or for a barrier.
 *
 * Context: as ptw_port_rcu_poll().
 */
void ptw_bare_quiescent(void);

/**
 * Count the words of free memory that were written after they became free. Words found at
 * allocation are included.
 *
 * Context: any; takes the memory lock for the whole scan.
 */
uint64_t ptw_bare_spoiled(void);

/** Bytes that are not in use. Context: any; takes the memory lock. */
uint64_t ptw_bare_free_bytes(void);

/** A lock for a few instructions. Zero: open. Acquire of lock, partner: release of unlock. */
struct ptw_bare_lock {
	uint32_t taken;
};

static inline void ptw_bare_pause(void)
{
#if defined(__aarch64__)
	__asm__ volatile("yield");
#elif defined(__x86_64__)
	__asm__ volatile("pause");
#endif
}

static inline void ptw_bare_lock(struct ptw_bare_lock *lock)
{
	while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE))
		ptw_bare_pause();
}

static inline void ptw_bare_unlock(struct ptw_bare_lock *lock)
{
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

/** Private: number of CPUs, for rcu.c. */
void ptw_bare_rcu_init(unsigned int cpus);

/* What <ptw/port.h> lists. */

struct ptw_port_rcu_head {
	struct ptw_port_rcu_head *next;
	void (*func)(struct ptw_port_rcu_head *head);
};

struct ptw_pool;
struct ptw_pool_config;

void ptw_port_rcu_register(void);
void ptw_port_rcu_unregister(void);
void ptw_port_read_lock(void);
void ptw_port_read_unlock(void);
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

uint32_t ptw_port_cpu_features(void);

void *memcpy(void *__restrict to, const void *__restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

PTW_END_DECLS

#endif /* PTW_PORTS_BARE_PORT_H */
