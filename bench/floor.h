/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The floor everything is compared with: a scalar loop that reads every entry. */
#ifndef PTW_BENCH_FLOOR_H
#define PTW_BENCH_FLOOR_H

#include <stdint.h>

/* Sum of the entries of `count` tables of 512. */
uint64_t floor_sum(uint64_t *const *tables, uint64_t count);

/*
 * As many locked AND instructions as `count` says, which clear the accessed bit of entries that stay in
 * the first-level cache: `entries`, 512 of them.
 */
void floor_and(uint64_t *entries, uint64_t count);

#endif /* PTW_BENCH_FLOOR_H */
