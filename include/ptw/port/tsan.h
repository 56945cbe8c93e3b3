/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file port/tsan.h
 * What ThreadSanitizer must be told about grace periods; empty in other builds.
 *
 * liburcu and libck are not instrumented, so their edges are annotated here. One global token would let a later
 * unlock of the same reader paper over a use after unlock, so retirements are numbered: a reader
 * remembers the number at its lock and releases that number's token at unlock; a callback acquires
 * the tokens up to the number of its retirement, and no later ones. Both backends run callbacks in the
 * order of their retirement, one at a time.
 */
#ifndef PTW_PORT_TSAN_H
#define PTW_PORT_TSAN_H

#include <ptw/types.h>

#if defined(__SANITIZE_THREAD__)
#define PTW_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PTW_TSAN 1
#endif
#endif

#ifdef PTW_TSAN

#define PTW_TSAN_TOKENS 65536u

void __tsan_acquire(void *address);
void __tsan_release(void *address);

PTW_BEGIN_DECLS
extern uint64_t ptw_tsan_epoch;
extern char ptw_tsan_tokens[PTW_TSAN_TOKENS];
extern __thread uint64_t ptw_tsan_my_epoch;
extern __thread unsigned int ptw_tsan_nesting;
PTW_END_DECLS

static inline void ptw_tsan_read_lock(void)
{
	if (ptw_tsan_nesting++ == 0)
		ptw_tsan_my_epoch = __atomic_load_n(&ptw_tsan_epoch, __ATOMIC_RELAXED);
}

static inline void ptw_tsan_read_unlock(void)
{
	if (--ptw_tsan_nesting == 0)
		__tsan_release(&ptw_tsan_tokens[ptw_tsan_my_epoch % PTW_TSAN_TOKENS]);
}

#else

static inline void ptw_tsan_read_lock(void)
{
}

static inline void ptw_tsan_read_unlock(void)
{
}

#endif

#endif /* PTW_PORT_TSAN_H */
