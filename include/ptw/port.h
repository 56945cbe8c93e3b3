/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file port.h
 * The only door to compiler, operating system and RCU.
 *
 * Everything the core needs from outside stands in this list; the names are final. A host
 * environment substitutes its own header by -DPTW_PORT_HEADER='"my_port.h"'; that header defines
 * every name below, and may include <ptw/port/atomic.h> for the first two groups.
 *
 * Entries (64-bit words that hardware and other CPUs change; <ptw/port/atomic.h>)
 * | name | what | ordering |
 * |---|---|---|
 * | ptw_port_load(e) | snapshot of an entry | relaxed: the value alone is used |
 * | ptw_port_load_table(e) | snapshot of an entry that may lead to a table | acquire, partner ptw_port_publish() and ptw_port_cas() |
 * | ptw_port_cas(e, &old, new) | compare-exchange; on failure old is the value found | acq_rel, on failure acquire |
 * | ptw_port_xchg(e, new) | exchange, returns the old value | acq_rel |
 * | ptw_port_and_clear(e, bits) | clear bits, returns those of them that were set | relaxed: only the bits count |
 * | ptw_port_or_set(e, bits) | set bits, returns the old value | relaxed: only the bits count |
 * | ptw_port_publish(e, new) | store by the owner of the entry | release, partner ptw_port_load_table() |
 * | ptw_port_init_entry(e, new) | store into a table nobody else can reach yet | relaxed, ordered by the publish that follows |
 *
 * Shared metadata words (<ptw/port/atomic.h>)
 * | name | what | ordering |
 * |---|---|---|
 * | ptw_port_load32(w), ptw_port_store32(w, v) | counters and states | relaxed |
 * | ptw_port_add32(w, n), ptw_port_add64(w, n) | add, return the new value | relaxed: counters |
 * | ptw_port_or64(w, bits) | OR into a shared bitmap word, returns the old value | relaxed |
 * | ptw_port_order_all() | what comes before it is seen by all before anything that comes after it is done | full fence |
 * | ptw_port_order_after_cas() | the same, right behind a compare-exchange that succeeded, or ptw_port_and_clear() | full fence |
 * | ptw_port_order_loads() | loads and read-modify-writes before it come before loads after it | acquire fence |
 *
 * Processor (<ptw/port/atomic.h>)
 * | name | what |
 * |---|---|
 * | ptw_port_prefetch(p) | hint that *p will be read |
 * | ptw_port_cpu_features() | enum ptw_cpu_feature bits of this processor |
 * | ptw_port_relax() | this loop waits for another processor |
 *
 * Grace periods
 * | name | what |
 * |---|---|
 * | struct ptw_port_rcu_head | embedded in table metadata |
 * | ptw_port_rcu_register(), ptw_port_rcu_unregister() | this thread will read, reads no more |
 * | ptw_port_read_lock(), ptw_port_read_unlock() | a read-side section; nests |
 * | ptw_port_rcu_call(head, func) | call func(head) after a grace period; not in a read-side section's hot path |
 * | ptw_port_rcu_poll() | let pending callbacks run, where nobody else makes them |
 * | ptw_port_rcu_barrier() | wait until every callback queued before has run; may block |
 * | ptw_port_may_block() | false in a read-side section or an RCU callback |
 *
 * Memory
 * | name | what |
 * |---|---|
 * | ptw_port_zalloc(bytes), ptw_port_free(p, bytes) | handles, zeroed |
 * | struct ptw_pool | where tables of one size come from; opaque to the core |
 * | ptw_port_pool_create(config, table_bytes, meta_bytes, &pool), ptw_port_pool_destroy(pool) | 0 or an error code; no table may be in use |
 * | ptw_port_table_alloc(pool, level), ptw_port_table_free(pool, table) | one table of a level (those above 0 may come from elsewhere, so that they lie together), aligned to its size, contents undefined |
 * | ptw_port_table_meta(pool, table) | its metadata (meta_bytes, 64 at most), zeroed at allocation |
 * | ptw_port_run_alloc(pool, bytes), ptw_port_run_free(pool, p, bytes) | memory for concatenated roots, aligned to its size |
 * | ptw_port_pool_bytes(pool) | bytes of memory in use: tables, metadata, administration |
 *
 * Tracing
 * | name | what |
 * |---|---|
 * | ptw_port_trace(point, a, b, c) | a macro that tells a tracer that the point, a name, was passed, with three numbers; a port may leave it out, and nothing is done (docs/tracing.md) |
 *
 * Physical to virtual is a field of the page table (`phys_offset`), not a call.
 * memcpy, memset, memmove and memcmp must link.
 */
#ifndef PTW_PORT_H
#define PTW_PORT_H

#include <ptw/types.h>

/** Processor features the library asks for. */
enum ptw_cpu_feature {
	PTW_CPU_SSE2 = 1 << 0,
	PTW_CPU_AVX2 = 1 << 1,
	PTW_CPU_AVX512 = 1 << 2, /**< F, BW, DQ and VL */
	PTW_CPU_CX16 = 1 << 3,   /**< cmpxchg16b */
	PTW_CPU_RTM = 1 << 4,
	PTW_CPU_NEON = 1 << 5,
	PTW_CPU_LSE = 1 << 6,
	PTW_CPU_SVE = 1 << 7,
	PTW_CPU_VBMI2 = 1 << 8, /**< AVX-512 with VBMI2 */
};

#if defined(PTW_PORT_HEADER)
#include PTW_PORT_HEADER
#else
#include <ptw/port/user.h>
#endif

#ifndef ptw_port_trace
/** Nobody traces. */
#define ptw_port_trace(point, a, b, c) ((void)(a), (void)(b), (void)(c))
#endif

#endif /* PTW_PORT_H */
