/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file partition.h
 * Cutting a range into parts that are equally much work, for as many threads.
 */
#ifndef PTW_PARTITION_H
#define PTW_PARTITION_H

#include <ptw/config.h>
#include <ptw/types.h>

PTW_BEGIN_DECLS

struct ptw_pgtable;

/**
 * Cut a range by the tables that are there: each part holds about as many entries as any other,
 * where a leaf table counts as full and a block, or a hole, as one entry. Parts end where leaf
 * tables do, and at multiples of 64 pages, so that no two threads share a leaf table or a word of a
 * bitmap; and never inside a leaf extent. Each is harvested by a call of its own: into a bitmap of
 * its own, or into that of the whole range, from the word on in which the part begins, ((part.start
 * >> granule_lg2) - (start >> granule_lg2 & ~63)) / 64. A summary, a struct ptw_prune with its
 * region filter, and a cursor are each part's own, also where one thread harvests all parts: each
 * harvest of a part is a pass, and a pass turns the filter.
 * @param pgtable the page table
 * @param start, end input addresses in bytes, half-open, multiples of the granule
 * @param parts how many are wanted, 1 or more
 * @param part written: `*count` parts that follow each other and together are the range; without
 *        their sign, see <ptw/table.h>. There is room for `parts`
 * @param count written: how many there are; fewer than `parts` where there is less to do
 * @return PTW_OK; PTW_ERR_ARG, PTW_ERR_ALIGN, PTW_ERR_RANGE; PTW_ERR_CORRUPT_* of attached page
 * tables
 *
 * What changes meanwhile, or later, makes the parts less even, nothing else, unless a leaf extent
 * comes up across the end of a part: then it is a matter of the harvests' head and tail. So parts
 * may serve for many passes.
 *
 * Context: as ptw_walk(); reads all entries above level 0 twice, no leaf table. Ordering: as
 * ptw_walk(). Progress: lock-free. Errors: as returned; then `*count` is untouched and `part`
 * undefined.
 */
PTW_API int ptw_partition(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
			  uint32_t parts, struct ptw_range *part, uint32_t *count);

PTW_END_DECLS

#endif /* PTW_PARTITION_H */
