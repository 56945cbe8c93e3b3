/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A port in which every primitive is a scheduling point, for tests that decide who runs next.
 *
 * Entries and metadata words are those of <ptw/port/atomic.h>, each access announced before it
 * happens. Grace periods are simulated (schedule_rcu.c): a callback runs at the very moment at
 * which the last section that was open at its rcu_call closes, which is as early as the rules
 * allow. Memory (schedule_memory.c) knows which tables are free, so that any access to one is a
 * failure.
 */
#ifndef PTW_TESTS_SCHEDULE_PORT_H
#define PTW_TESTS_SCHEDULE_PORT_H

#include <ptw/types.h>

/* `op` is an enum ptw_port_op, which <ptw/port/atomic.h> defines. */
void schedule_access(int op, const void *address);

#define PTW_PORT_HOOK(op, address) schedule_access((op), (address))

#include <ptw/port/atomic.h>
#include <ptw/port/tsan.h>

#define PTW_PORT_RCU_NAME "scheduled"

/* Embedded in table metadata. */
struct ptw_port_rcu_head {
	struct ptw_port_rcu_head *next;
	void (*func)(struct ptw_port_rcu_head *head);
	uint64_t waits; /* bit t: the section that thread t had open has not closed yet */
	uint64_t epoch; /* number of the retirement: for ThreadSanitizer */
};

void ptw_port_rcu_register(void);
void ptw_port_rcu_unregister(void);
void ptw_port_read_lock(void);
void ptw_port_read_unlock(void);
void ptw_port_rcu_call(struct ptw_port_rcu_head *head,
		       void (*func)(struct ptw_port_rcu_head *head));
void ptw_port_rcu_poll(void);
void ptw_port_rcu_barrier(void);
bool ptw_port_may_block(void);

struct ptw_pool;
struct ptw_pool_config;

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

#endif /* PTW_TESTS_SCHEDULE_PORT_H */
