/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Concurrency Kit's spinning locks, where it was found at configuration. */
#ifndef PTW_BENCH_LOCK_CK_H
#define PTW_BENCH_LOCK_CK_H

#include "lock.h"

#ifdef PTW_BENCH_CK
extern const struct lock_kind lock_ck_ticket;
extern const struct lock_kind lock_ck_rwlock;
extern const struct lock_kind lock_ck_pflock;

/* For a list of kinds. */
#define LOCK_CK &lock_ck_ticket, &lock_ck_rwlock, &lock_ck_pflock,
#else
#define LOCK_CK
#endif

#endif /* PTW_BENCH_LOCK_CK_H */
