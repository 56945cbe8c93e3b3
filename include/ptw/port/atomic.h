/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file port/atomic.h
 * The primitives on entries and shared metadata words, as compiler builtins, which ThreadSanitizer
 * and model checkers see and which every compiler turns into the best instruction it knows
 * (`lock btr` for a one-bit and-clear by gcc on x86-64, `ldclr` with LSE on arm64).
 *
 * A port that wants to see each access (a test port that makes each one a scheduling point) defines
 * PTW_PORT_HOOK(op, address) before it includes this file; `op` is a value of enum ptw_port_op. The
 * hook runs before the access. One that wants to see what is written to entries also defines
 * PTW_PORT_WROTE(op, address, wrote, value), which runs after each primitive that may write one:
 * `wrote` is false after a compare-exchange that failed, `value` is what the entry then holds. The two
 * come in pairs, so a lock may be taken in the first and released in the second.
 */
#ifndef PTW_PORT_ATOMIC_H
#define PTW_PORT_ATOMIC_H

#include <ptw/types.h>

/** Which primitive a hook is called for. */
enum ptw_port_op {
	PTW_OP_LOAD,
	PTW_OP_LOAD_TABLE,
	PTW_OP_CAS,
	PTW_OP_XCHG,
	PTW_OP_AND_CLEAR,
	PTW_OP_OR_SET,
	PTW_OP_PUBLISH,
	PTW_OP_INIT_ENTRY,
	PTW_OP_LOAD32,
	PTW_OP_STORE32,
	PTW_OP_ADD32,
	PTW_OP_ADD64,
	PTW_OP_OR64,
};

#ifndef PTW_PORT_HOOK
#define PTW_PORT_HOOK(op, address) ((void)0)
#else
#define PTW_PORT_HOOKED 1
#endif

#ifdef PTW_PORT_WROTE
#define PTW_PORT_SEES_VALUES 1
#else
#define PTW_PORT_WROTE(op, address, wrote, value) ((void)0)
#endif

/* In a loop that waits for another processor. */
static inline void ptw_port_relax(void)
{
#if defined(__x86_64__)
	__asm__ volatile("pause");
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static inline uint64_t ptw_port_load(const uint64_t *entry)
{
	PTW_PORT_HOOK(PTW_OP_LOAD, entry);
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline uint64_t ptw_port_load_table(const uint64_t *entry)
{
	PTW_PORT_HOOK(PTW_OP_LOAD_TABLE, entry);
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

static inline bool ptw_port_cas(uint64_t *entry, uint64_t *old, uint64_t desired)
{
	bool done;

	PTW_PORT_HOOK(PTW_OP_CAS, entry);
	done = __atomic_compare_exchange_n(entry, old, desired, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE);
	PTW_PORT_WROTE(PTW_OP_CAS, entry, done, done ? desired : *old);
	return done;
}

static inline uint64_t ptw_port_xchg(uint64_t *entry, uint64_t desired)
{
	uint64_t was;

	PTW_PORT_HOOK(PTW_OP_XCHG, entry);
	was = __atomic_exchange_n(entry, desired, __ATOMIC_ACQ_REL);
	PTW_PORT_WROTE(PTW_OP_XCHG, entry, true, desired);
	return was;
}

/* Sanitizers must see the access, which inline assembly hides. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define PTW_PORT_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer) || \
	__has_feature(memory_sanitizer)
#define PTW_PORT_SANITIZED 1
#endif
#endif

/** Is ptw_port_and_clear() of one bit a single instruction (lock btr, ldclr), or a loop? */
#if defined(__OPTIMIZE__) && !defined(PTW_PORT_SANITIZED) &&                                       \
	(defined(__x86_64__) || defined(__ARM_FEATURE_ATOMICS))
#define PTW_PORT_CLEAR_WAIT_FREE 1
#else
#define PTW_PORT_CLEAR_WAIT_FREE 0
#endif

/* Always inline: with a constant one-bit mask gcc makes one `lock btr` of it on x86-64; clang would
 * make a compare-exchange loop, and so is told. */
static inline __attribute__((__always_inline__)) uint64_t ptw_port_and_clear(uint64_t *entry,
									  uint64_t bits)
{
	uint64_t was;

	PTW_PORT_HOOK(PTW_OP_AND_CLEAR, entry);
#if defined(__x86_64__) && defined(__clang__) && !defined(PTW_PORT_SANITIZED) && \
	!defined(PTW_PORT_SEES_VALUES)
	if (__builtin_constant_p(bits) && bits && !(bits & (bits - 1))) {
		bool set;

		__asm__ volatile("lock btrq %2, %0"
				 : "+m"(*entry), "=@ccc"(set)
				 : "Jr"((uint64_t)__builtin_ctzll(bits)));
		return set ? bits : 0;
	}
#endif
	was = __atomic_fetch_and(entry, ~bits, __ATOMIC_RELAXED);
	PTW_PORT_WROTE(PTW_OP_AND_CLEAR, entry, true, was & ~bits);
	return was & bits;
}

static inline uint64_t ptw_port_or_set(uint64_t *entry, uint64_t bits)
{
	uint64_t was;

	PTW_PORT_HOOK(PTW_OP_OR_SET, entry);
	was = __atomic_fetch_or(entry, bits, __ATOMIC_RELAXED);
	PTW_PORT_WROTE(PTW_OP_OR_SET, entry, true, was | bits);
	return was;
}

static inline void ptw_port_publish(uint64_t *entry, uint64_t value)
{
	PTW_PORT_HOOK(PTW_OP_PUBLISH, entry);
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
	PTW_PORT_WROTE(PTW_OP_PUBLISH, entry, true, value);
}

static inline void ptw_port_init_entry(uint64_t *entry, uint64_t value)
{
	PTW_PORT_HOOK(PTW_OP_INIT_ENTRY, entry);
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
	PTW_PORT_WROTE(PTW_OP_INIT_ENTRY, entry, true, value);
}

static inline uint32_t ptw_port_load32(const uint32_t *word)
{
	PTW_PORT_HOOK(PTW_OP_LOAD32, word);
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void ptw_port_store32(uint32_t *word, uint32_t value)
{
	PTW_PORT_HOOK(PTW_OP_STORE32, word);
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint32_t ptw_port_add32(uint32_t *word, uint32_t n)
{
	PTW_PORT_HOOK(PTW_OP_ADD32, word);
	return __atomic_add_fetch(word, n, __ATOMIC_RELAXED);
}

static inline uint64_t ptw_port_add64(uint64_t *word, uint64_t n)
{
	PTW_PORT_HOOK(PTW_OP_ADD64, word);
	return __atomic_add_fetch(word, n, __ATOMIC_RELAXED);
}

static inline uint64_t ptw_port_or64(uint64_t *word, uint64_t bits)
{
	PTW_PORT_HOOK(PTW_OP_OR64, word);
	return __atomic_fetch_or(word, bits, __ATOMIC_RELAXED);
}

/* ThreadSanitizer knows no fences (and gcc says so); what runs under it is ordered by the processor. */
static inline void ptw_port_order_loads(void)
{
#if defined(__SANITIZE_THREAD__)
	__atomic_signal_fence(__ATOMIC_ACQUIRE);
#else
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/* The old builtin is a fence that ThreadSanitizer's compilers take without a word. */
static inline void ptw_port_order_all(void)
{
	__sync_synchronize();
}

/* A full fence behind a read-modify-write. On x86 a locked instruction is one already. */
static inline void ptw_port_order_after_cas(void)
{
#if defined(__x86_64__) || defined(__SANITIZE_THREAD__)
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static inline void ptw_port_prefetch(const void *address)
{
	__builtin_prefetch(address);
}

#endif /* PTW_PORT_ATOMIC_H */
