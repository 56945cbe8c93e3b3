/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The ledger: what CPUs did to each page, and what operations reported of it.
 *
 * No dirty page is lost: a CPU counts a write after it has been done, and before it answers a
 * flush. Whoever is told that a page was dirty reads the count after the call has returned: by then
 * the flush is over, so every write through an older translation has been counted, and any later
 * one sets dirty again. At rest each page has all its writes covered by a report, or is dirty.
 *
 * No young page is lost: harvests of accessed do not flush, so the CPU counts an access before it
 * begins. Both sides update the same word, so one of them sees the other: a reporter that comes
 * first has cleared A before the walk reads the entry. At rest each page has its last walk covered,
 * or is young.
 *
 * Nothing is reported too often: reports + still set = transitions of the leaf that maps the page,
 * page by page, where no collapse merges bits: split hands the state of a block to each page. A
 * CPU's transitions are read off its counters; one that ptw_fix_fault() made is known for sure
 * where only this thread could have set the bit and it was clear before; else it may have been one:
 * hence two bounds. A call that takes write permission away comes back to entries after lost races,
 * so its bitmap may show a page once that was dirty twice, and so may a harvest that meets a page
 * again as part of a larger leaf: then the page has no lower bound.
 */
#ifndef PTW_STRESS_LEDGER_H
#define PTW_STRESS_LEDGER_H

#include <ptw/port.h>

#include "stress.h"

/*
 * The edge between CPU and reporter. ThreadSanitizer must not see it, or it would excuse races in
 * the library; what it then compiles is a locked instruction all the same.
 */
#ifdef PTW_TSAN
#define LEDGER_ORDER memory_order_relaxed
#else
#define LEDGER_ORDER memory_order_acq_rel
#endif

/* Index of a page in the ledger, or UINT64_MAX if nothing is ever mapped there. */
uint64_t ledger_index(struct stress *s, uint64_t ia);

/* Make the bitmaps of an operation on `span` empty. */
void ledger_open(struct worker *w, struct span span);

/* Enter what the operation reported from `from` on; head and tail may be null. */
void ledger_close(struct worker *w, struct span span, uint64_t from, const struct ptw_extent *head,
		  const struct ptw_extent *tail);

/* One page (in the mixed area: its whole region, as the extent's size is not known) was young. */
void ledger_single(struct worker *w, uint64_t ia);

/* A leaf of `level` that maps page `index` was made young or dirty: `low` and `high` times. */
void ledger_set(struct stress *s, uint64_t index, bool dirty, unsigned int level, uint64_t low,
		uint64_t high);

/* Software mapped pages that are young or dirty at once; `sure`: all of them. */
void ledger_mapped(struct stress *s, struct span span, uint32_t flags, bool sure);

/* At rest. */
void ledger_check(struct stress *s, const uint64_t *const young[AREAS],
		  const uint64_t *const dirty[AREAS]);

static inline bool bit_of(const uint64_t *words, uint64_t bit)
{
	return words[bit / 64] >> bit % 64 & 1;
}

#endif /* PTW_STRESS_LEDGER_H */
