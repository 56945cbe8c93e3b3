/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The smallest port that the core can be compiled against: no libc, no operating system. It shows
 * what a kernel has to provide, and the freestanding check sees from it that the core asks for
 * nothing else: whatever is not inline here stays an undefined symbol named ptw_port_*.
 */
#ifndef PTW_TESTS_FAKE_PORT_H
#define PTW_TESTS_FAKE_PORT_H

#include <ptw/port/atomic.h>

struct ptw_port_rcu_head {
	struct ptw_port_rcu_head *next;
	void (*func)(struct ptw_port_rcu_head *head);
};

struct ptw_pool;
struct ptw_pool_config;

/* Grace periods. */
void ptw_port_rcu_register(void);
void ptw_port_rcu_unregister(void);
void ptw_port_read_lock(void);
void ptw_port_read_unlock(void);
void ptw_port_rcu_call(struct ptw_port_rcu_head *head,
		       void (*func)(struct ptw_port_rcu_head *head));
void ptw_port_rcu_poll(void);
void ptw_port_rcu_barrier(void);
bool ptw_port_may_block(void);

/* Memory. */
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

/* Tracing may be left out. */

/* Processor. */
uint32_t ptw_port_cpu_features(void);

/* What a compiler may call by itself, and the core may use. */
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int byte, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);

#endif /* PTW_TESTS_FAKE_PORT_H */
