/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pruned harvests, between the pass as a whole (prune.c) and what is passed over within it (prune_skip.c). */
#ifndef PTW_LIB_PRUNE_H
#define PTW_LIB_PRUNE_H

#include <ptw/prune.h>

#include "lib/walk/harvest_job.h"
#include "lib/walk/template.h"

/* The accessed bit of table entries of a level, or 0. */
static inline uint64_t ptw_table_bit(const struct ptw_pgtable *p, unsigned int level)
{
	return p->build->table_accessed ? p->build->table_accessed(&p->geometry, level) : 0;
}

/* Bit of `ia` in the caller's memory. */
static inline uint64_t ptw_touched_bit(const struct ptw_walk_state *w, const struct ptw_harvest_job *job,
				uint64_t ia)
{
	const unsigned int lg2 = ptw_span_lg2(w->pgtable->instance->format, 1);

	return (ia >> lg2) - (job->range_start >> lg2);
}

/* Exact: the table at `ia` is going to be read, and does not stay noted. */
void ptw_touched_take(const struct ptw_walk_state *w, struct ptw_harvest_job *job, uint64_t ia);

/* Exact: nothing is read in the table taken last any more. */
void ptw_touched_settle(const struct ptw_walk_state *w, struct ptw_harvest_job *job);

#endif /* PTW_LIB_PRUNE_H */
