/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The one mechanism through which tables leave: unlink, flush, then retire to a grace period.
 *
 * An operation collects in a gather what it unlinked, which input addresses changed, and which entries
 * stay frozen until the flush (formats that must break before they make). Outside any read-side section
 * it finishes the gather, once or, when it is full, several times.
 */
#ifndef PTW_LIB_GATHER_H
#define PTW_LIB_GATHER_H

#include <ptw/config.h>

#include "lib/walk/pgtable.h"

#define PTW_GATHER_RANGES 16
#define PTW_GATHER_THAWS 32
#define PTW_GATHER_TABLES 512

/* Up to 64 entries of one table that become empty after the flush. */
struct ptw_thaw {
	uint64_t *table;
	uint64_t ia;    /* of entry `first` */
	uint64_t mask;  /* bit i: entry first + i */
	uint32_t first;
	uint32_t level;
};

struct ptw_gather {
	struct ptw_pgtable *pgtable;
	struct ptw_range range[PTW_GATHER_RANGES]; /* ascending, not overlapping */
	unsigned int ranges;
	unsigned int level;    /* highest level of a changed leaf */
	enum ptw_flush_kind kind;
	uint64_t *tables;      /* unlinked, chained through their metadata */
	uint64_t table_count;  /* of those */
	uint64_t unlinked;     /* in all */
	struct ptw_thaw thaw[PTW_GATHER_THAWS];
	unsigned int thaws;
};

static inline void ptw_gather_init(struct ptw_gather *gather, struct ptw_pgtable *p)
{
	gather->pgtable = p;
	gather->ranges = 0;
	gather->level = 0;
	gather->kind = PTW_FLUSH_LEAF;
	gather->tables = NULL;
	gather->table_count = 0;
	gather->unlinked = 0;
	gather->thaws = 0;
}

/* Input addresses [start, end) changed at `level`. */
void ptw_gather_range(struct ptw_gather *gather, uint64_t start, uint64_t end, unsigned int level);

/* `table` was unlinked: no new walk reaches it, and all its entries are frozen. Its addresses are gathered
 * before. */
void ptw_gather_table(struct ptw_gather *gather, uint64_t *table);

/* Entries of `table`, frozen by the caller, become empty after the flush. */
void ptw_gather_thaw(struct ptw_gather *gather, uint64_t *table, uint64_t ia, unsigned int first,
		     uint64_t mask, unsigned int level);

/* Is the frozen entry at `slot` one of those? */
bool ptw_gather_owns(const struct ptw_gather *gather, const uint64_t *slot);

/*
 * Frozen entries of ours, bit i of `mask` for entry first + i of `table`, become empty and are counted
 * out of it; `ia` is in the table.
 */
void ptw_release_entries(struct ptw_pgtable *p, uint64_t *table, uint64_t ia, unsigned int first,
			 uint64_t mask, unsigned int level);

/* No room for what one step of an operation may add? Then finish it first. */
static inline bool ptw_gather_full(const struct ptw_gather *gather)
{
	return gather->thaws + 2 > PTW_GATHER_THAWS || gather->table_count >= PTW_GATHER_TABLES ||
	       gather->table_count >= gather->pgtable->backlog_limit;
}

/* Call the caller's hook, if anything changed. Outside read-side sections. */
void ptw_gather_flush(struct ptw_gather *gather);

/* After the flush: thaw, and hand the tables to a grace period. */
void ptw_gather_retire(struct ptw_gather *gather);

/* Both. Afterwards the gather is as new. */
static inline void ptw_gather_finish(struct ptw_gather *gather)
{
	ptw_gather_flush(gather);
	ptw_gather_retire(gather);
}

/* Tables that wait for a grace period. */
uint64_t ptw_backlog(const struct ptw_pgtable *p);

/*
 * Is there room for more tables that wait for a grace period? Waits for one, or PTW_ERR_BACKLOG.
 * Outside sections.
 */
int ptw_backlog_check(struct ptw_pgtable *p);

#endif /* PTW_LIB_GATHER_H */
