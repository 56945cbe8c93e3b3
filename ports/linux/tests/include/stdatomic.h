/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests use of C11's atomics, by the compiler's functions. Comes behind every kernel header,
 * which have functions of the same names and other arguments: see ktest.h.
 */
#ifndef PTW_KTEST_STDATOMIC_H
#define PTW_KTEST_STDATOMIC_H

#include "stdbool.h"

typedef _Atomic(bool) atomic_bool;
typedef _Atomic(int) atomic_int;
typedef _Atomic(unsigned int) atomic_uint;

#define memory_order_relaxed __ATOMIC_RELAXED
#define memory_order_acquire __ATOMIC_ACQUIRE
#define memory_order_release __ATOMIC_RELEASE
#define memory_order_acq_rel __ATOMIC_ACQ_REL
#define memory_order_seq_cst __ATOMIC_SEQ_CST

#undef atomic_fetch_add
#undef atomic_fetch_sub

#define atomic_load_explicit(word, order)	  __atomic_load_n(word, order)
#define atomic_store_explicit(word, value, order) __atomic_store_n(word, value, order)
#define atomic_exchange_explicit(word, value, order) __atomic_exchange_n(word, value, order)
#define atomic_fetch_add_explicit(word, n, order) __atomic_fetch_add(word, n, order)
#define atomic_fetch_sub_explicit(word, n, order) __atomic_fetch_sub(word, n, order)
#define atomic_compare_exchange_weak_explicit(word, old, value, success, failure) \
	__atomic_compare_exchange_n(word, old, value, true, success, failure)

#define atomic_load(word)	  __atomic_load_n(word, __ATOMIC_SEQ_CST)
#define atomic_store(word, value) __atomic_store_n(word, value, __ATOMIC_SEQ_CST)
#define atomic_fetch_add(word, n) __atomic_fetch_add(word, n, __ATOMIC_SEQ_CST)
#define atomic_fetch_sub(word, n) __atomic_fetch_sub(word, n, __ATOMIC_SEQ_CST)

#endif /* PTW_KTEST_STDATOMIC_H */
