/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The floors that everything is compared with: reading every entry, and clearing one that is at hand. */
#ifndef PTW_BENCH_FLOOR_H
#define PTW_BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

/* Sum of the entries of `count` tables of 512. */
uint64_t floor_sum(uint64_t *const *tables, uint64_t count);

/* The widest loads that this processor has: OR of the entries of `count` tables. */
struct floor_reader {
	const char *name;
	uint64_t (*plain)(uint64_t *const *tables, uint64_t count);
	/* Prefetches the next table, a line for each that it reads. */
	uint64_t (*ahead)(uint64_t *const *tables, uint64_t count);
};

struct floor_reader floor_reader(void);

/*
 * As many locked AND instructions as `count` says, which clear the accessed bit of entries that stay in
 * the first-level cache: `entries`, 512 of them.
 */
void floor_and(uint64_t *entries, uint64_t count);

/*
 * The same by compare-exchanges of 16 bytes, two entries each, where the processor has them.
 * `entries` is aligned to 16 bytes.
 */
bool floor_has_pairs(void);
void floor_pairs(uint64_t *entries, uint64_t count);

#endif /* PTW_BENCH_FLOOR_H */
