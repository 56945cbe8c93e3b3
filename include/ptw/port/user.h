/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file port/user.h
 * The userspace port: liburcu or, by -DPTW_PORT_RCU_CK, Concurrency Kit for grace periods; an arena
 * of 2-MiB chunks for tables.
 */
#ifndef PTW_PORT_USER_H
#define PTW_PORT_USER_H

#include <ptw/port/atomic.h>
/* Threads here may use vector registers. A port that wants to see each access gets the portable kernel. */
#ifndef PTW_PORT_HOOKED
#define PTW_PORT_VECTOR 1
#endif
#if defined(PTW_PORT_RCU_CK)
#include <ptw/port/rcu_ck.h>
#else
#include <ptw/port/rcu_urcu.h>
#endif

#if defined(PTW_PORT_USDT)
#include <ptw/port/usdt.h>
#endif

PTW_BEGIN_DECLS

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

PTW_END_DECLS

#endif /* PTW_PORT_USER_H */
