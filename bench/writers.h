/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the parts of measurement `writers` share. */
#ifndef PTW_BENCH_WRITERS_H
#define PTW_BENCH_WRITERS_H

#include <stdbool.h>
#include <stdint.h>

struct figure;
struct ptw_pgtable;
struct sink;

/* Eight tables: the entries of one side stay in a first- or second-level cache. */
#define WRITERS_TABLES 8u
#define WRITERS_PAGES  (WRITERS_TABLES * 512u)

/*
 * A page table with `pages` pages from input address 0 on, not mapped, and behind them one that is and
 * stays, so that the tables above stay too. Empty tables stay. `flags`: enum ptw_config_flag.
 */
struct ptw_pgtable *writers_build(uint64_t pages, uint32_t flags);

/* [first, first + pages): ends the process if the library says anything but "done". */
uint64_t writers_map(struct ptw_pgtable *pgtable, uint64_t first, uint64_t pages);

/* `strict` unmaps entry by entry, so that tables stay. */
uint64_t writers_unmap(struct ptw_pgtable *pgtable, uint64_t first, uint64_t pages, bool strict);

/* Every count right, and so many pages mapped besides the one that stays? */
void writers_check(struct ptw_pgtable *pgtable, uint64_t pages);

/* Two writers on disjoint ranges against one (W4), `pages`: single pages or ranges of them. */
void writers_two(struct sink *sink, bool pages);

#endif /* PTW_BENCH_WRITERS_H */
