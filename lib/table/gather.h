/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The one mechanism through which tables leave: unlink, flush, then retire to a grace period.
 *
 * An operation collects in a gather what it unlinked and which input addresses changed, outside any
 * read-side section calls ptw_gather_flush(), and then ptw_gather_retire().
 */
#ifndef PTW_LIB_GATHER_H
#define PTW_LIB_GATHER_H

#include "lib/walk/pgtable.h"

#define PTW_GATHER_RANGES 16

struct ptw_gather {
	struct ptw_pgtable *pgtable;
	struct ptw_range range[PTW_GATHER_RANGES]; /* ascending, not overlapping */
	unsigned int ranges;
	unsigned int level;    /* highest level of a changed leaf */
	uint64_t *tables;      /* unlinked, chained through their metadata */
	uint64_t table_count;
};

static inline void ptw_gather_init(struct ptw_gather *gather, struct ptw_pgtable *p)
{
	gather->pgtable = p;
	gather->ranges = 0;
	gather->level = 0;
	gather->tables = NULL;
	gather->table_count = 0;
}

/* Input addresses [start, end) changed at `level`. Calls come in ascending order. */
void ptw_gather_range(struct ptw_gather *gather, uint64_t start, uint64_t end, unsigned int level);

/* `table` was unlinked: no new walk reaches it. */
void ptw_gather_table(struct ptw_gather *gather, uint64_t *table);

/* Call the caller's hook, if anything changed. Outside read-side sections. */
void ptw_gather_flush(const struct ptw_gather *gather);

/* Hand the tables to a grace period, after the flush. */
void ptw_gather_retire(struct ptw_gather *gather);

#endif /* PTW_LIB_GATHER_H */
