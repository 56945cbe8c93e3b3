/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pruned harvests: which tables are worth reading.
 *
 * Hint: a table entry is cleared just before its table is read; one that is not accessed is passed over with
 * all that is below it, at every level. A processor that cached the entry before it was cleared sets leaves
 * below it young without setting it again: those wait for a full pass.
 *
 * Exact: the entries of level 1, which lead to leaf tables, are cleared and noted over the whole range,
 * then comes one flush, then the noted tables are read. Levels above are not asked: a processor that
 * cached the entry of level 2 before the flush may set one of level 1 after it was looked at, and below an
 * entry of level 2 that stays old nobody would look again. (With a flush for each level one could.) All
 * entries of level 1 are 1/512 of the leaf entries.
 *
 * Orders. Clearing a table entry is a compare-exchange, acquire-release; partner: the processor's update of
 * that entry. If it comes before, the leaves it made young before are read here, after; if it
 * comes after, the entry is set again for the next pass. Writers who make a leaf young set the entries of
 * its path after the leaf, from the leaf up (ptw_mark_path()), with a full fence on either side: so either
 * this pass reads the leaf, or the writer sees the entry old, sets it, and the next pass comes there. Whoever
 * froze a table entry and puts it back sets it, too.
 */
#include <ptw/filter.h>
#include <ptw/prune.h>

#include "lib/walk/harvest_job.h"
#include "lib/walk/template.h"

/* ADAPT: of 16 tables so many must be worth it, or pruning is left out for a while. */
#define PTW_PRUNE_USELESS  15
#define PTW_PRUNE_REST_MAX 32u
/* ... and at least every so many passes all tables are counted. */
#define PTW_PRUNE_COUNT 64u

/* Values of ptw_prune.full besides 0 and 1. */
#define PTW_PRUNE_RESTING 2u

static uint64_t ptw_table_bit(const struct ptw_pgtable *p, unsigned int level)
{
	return p->build->table_accessed ? p->build->table_accessed(&p->geometry, level) : 0;
}

/* The bit that old entries of `level`, tables and blocks, all lack; 0: only the format can tell. */
static uint64_t ptw_level_bit(const struct ptw_pgtable *p, unsigned int level)
{
	uint64_t bit = ptw_table_bit(p, level);

	return !p->attached && bit == p->instance->format->accessed ? bit : 0;
}

int ptw_prune_args(const struct ptw_pgtable *p, const struct ptw_harvest *h, uint64_t start,
		   uint64_t end)
{
	const struct ptw_prune *prune = h->prune;
	const unsigned int table_lg2 = p->geometry.granule_lg2 + p->geometry.index_lg2;
	int ret = ptw_size_check(prune, prune->size, sizeof(*prune));

	if (ret)
		return ret;
	if ((prune->flags & ~(uint32_t)(PTW_PRUNE_FLUSH | PTW_PRUNE_ADAPT)) || prune->reserved)
		return PTW_ERR_ARG;
	if ((prune->flags & PTW_PRUNE_FLUSH) && !prune->touched)
		return PTW_ERR_ARG;
	if ((prune->flags & PTW_PRUNE_FLUSH) &&
	    prune->touched_words < ptw_prune_words(start, end, table_lg2))
		return PTW_ERR_SIZE;
	/* Dirty state is final only if every leaf was read, and a look changes no table entries. */
	if ((h->flags & (PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK)) || h->oa_end)
		return PTW_ERR_UNSUPPORTED;
	return PTW_OK;
}

/* Clear a table entry. False: it is none. */
static bool ptw_prune_clear(const struct ptw_pgtable *p, uint64_t *slot, unsigned int level)
{
	const struct ptw_format *f = p->instance->format;
	const uint64_t bit = ptw_table_bit(p, level);
	uint64_t e = ptw_port_load_table(slot);

	do {
		if (!f->present(p->layout, e, level) || f->leaf(e, level))
			return false;
	} while ((e & bit) && !ptw_port_cas(slot, &e, e & ~bit));
	/* Before the table is read. Partner: the fence in ptw_mark_path(), between leaf and table entry. */
	ptw_port_order_after_cas();
	return true;
}

/* Bit of `ia` in the caller's memory. */
static uint64_t ptw_touched_bit(const struct ptw_walk_state *w, const struct ptw_harvest_job *job,
				uint64_t ia)
{
	const unsigned int lg2 = ptw_span_lg2(w->pgtable->instance->format, 1);

	return (ia >> lg2) - (job->range_start >> lg2);
}

/* The entry at `ia` is going to be read: it is not owed any more. */
static void ptw_touched_take(const struct ptw_walk_state *w, struct ptw_harvest_job *job,
			     uint64_t ia)
{
	const uint64_t bit = ptw_touched_bit(w, job, ia);

	job->request->prune->touched[bit >> 6] &= ~((uint64_t)1 << (bit & 63));
	job->pruned->taken = ia + 1;
	job->pruned->owed = job->busy + job->owned;
}

/*
 * The entry taken last is done with, unless the walk ended in it, or something in it was left to others, who
 * may put young state back: then the next pass reads it again.
 */
static void ptw_touched_settle(const struct ptw_walk_state *w, struct ptw_harvest_job *job)
{
	const unsigned int lg2 = ptw_span_lg2(w->pgtable->instance->format, 1);
	const uint64_t ia = job->pruned->taken - 1;
	const bool left = job->busy + job->owned != job->pruned->owed;

	if (job->pruned->taken && (left || w->ia - ia < (uint64_t)1 << lg2))
		ptw_bits_set(job->request->prune->touched, ptw_touched_bit(w, job, ia), 1);
	job->pruned->taken = 0;
}

/* What was noted of the `n` entries of the mask. */
static void ptw_mask_touched(const struct ptw_walk_state *w, struct ptw_harvest_job *job,
			     unsigned int n)
{
	const unsigned int lg2 = ptw_span_lg2(w->pgtable->instance->format, 1);
	const uint64_t *touched = job->request->prune->touched;

	for (unsigned int i = 0; i < job->pruned->mask_words; i++)
		job->pruned->mask[i] = 0;
	for (unsigned int i = 0; i < n; i++) {
		const uint64_t ia = job->pruned->mask_start + ((uint64_t)i << lg2);
		uint64_t bit;

		if (ia < job->range_start || ia >= job->end)
			continue;
		bit = ptw_touched_bit(w, job, ia);
		job->pruned->mask[i / 64] |= (touched[bit >> 6] >> (bit & 63) & 1) << (i & 63);
	}
}

/* The next entry of a mask from `index` on that is worth a look, or one behind all of them. */
static unsigned int ptw_mask_next(const uint64_t *mask, unsigned int words, unsigned int index)
{
	unsigned int word = index / 64;
	uint64_t rest;

	if (word >= words)
		return 64 * words;
	rest = mask[word] >> (index & 63) << (index & 63);
	while (!rest && ++word < words)
		rest = mask[word];
	return rest ? 64 * word + (unsigned int)__builtin_ctzll(rest) : 64 * words;
}

/* Does the entry at `slot` lead to a table? */
static const uint64_t *ptw_prune_child(const struct ptw_pgtable *p, const uint64_t *slot,
				       unsigned int level)
{
	const struct ptw_format *f = p->instance->format;
	uint64_t e = ptw_port_load_table(slot);

	if (!f->present(p->layout, e, level) || f->leaf(e, level))
		return NULL;
	return ptw_table_at(p, f->address(&p->geometry, e, level));
}

/* Of `n` entries from `slot` on, at most 64, those worth a look. */
static uint64_t ptw_prune_mask(const struct ptw_pgtable *p, const uint64_t *slot, unsigned int n,
			       unsigned int level)
{
	const struct ptw_format *f = p->instance->format;
	const uint64_t bit = ptw_table_bit(p, level), all = ptw_level_bit(p, level);
	uint64_t mask = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint64_t e = ptw_port_load_table(slot + i);
		bool old = all ? !(e & all) :
				 !f->present(p->layout, e, level) ||
					   (!f->leaf(e, level) && !(e & bit));

		mask |= (uint64_t)!old << i;
	}
	return mask;
}

/* Where the mask of the entries around `ia` begins: an index into their table. */
static unsigned int ptw_mask_index(const struct ptw_walk_state *w, unsigned int level)
{
	const struct ptw_pgtable *p = w->pgtable;
	const unsigned int index = ptw_index(p->instance->format, &p->geometry, w->ia, level);

	return index & (64 * PTW_SCAN_WORDS - 1);
}

/* Entries of a mask of a table of `level`. */
static unsigned int ptw_mask_entries(const struct ptw_pgtable *p, unsigned int level)
{
	const struct ptw_geometry *g = &p->geometry;
	const unsigned int n = 1u << (level == g->root_level ? g->root_lg2 : g->index_lg2);

	return n > 64 * PTW_SCAN_WORDS ? 64 * PTW_SCAN_WORDS : n;
}

/* Which of `n` entries from `slot` on are worth a look; what comes after them is fetched from `ahead`. */
static void ptw_mask_read(const struct ptw_pgtable *p, const uint64_t *slot, unsigned int n,
			  unsigned int level, uint64_t *mask, const uint64_t *ahead)
{
	const uint64_t all = ptw_level_bit(p, level);

	if (all && n >= 64) {
		ptw_scan(p->kernel, slot, n / 64, all, mask, ahead ? ahead : slot);
		return;
	}
	for (unsigned int i = 0; i < n; i += 64)
		mask[i / 64] = ptw_prune_mask(p, slot + i, n - i < 64 ? n - i : 64, level);
}

/*
 * Fetch where the dense output for the leaf table at `ia` goes: 512 pages are a line, or parts of two (of more
 * pages, the first and the last line). It is far from
 * the last one, and a locked instruction waits for the store before it.
 */
static void ptw_prune_fetch_output(const struct ptw_walk_state *w,
				   const struct ptw_harvest_job *job, uint64_t ia)
{
	const struct ptw_format *f = w->pgtable->instance->format;
	const uint64_t last = (((uint64_t)1 << ptw_span_lg2(f, 1)) - 1) >> f->granule_lg2;
	const uint64_t page = (ia >> f->granule_lg2) - job->first_page;

	if (!job->young || ia < job->range_start || ia >= job->end)
		return;
	ptw_port_prefetch(job->young + (page >> 6));
	if (ia + (last << f->granule_lg2) < job->end)
		ptw_port_prefetch(job->young + ((page + last) >> 6));
}

/*
 * Fetch all lines of the first leaf table that a mask of level 1 names, of the entries from `slot` on, which is the one
 * at `ia`.
 */
static void ptw_mask_fetch(const struct ptw_walk_state *w, const struct ptw_harvest_job *job,
			   const uint64_t *slot, uint64_t ia, const uint64_t *mask,
			   unsigned int words, unsigned int index)
{
	const struct ptw_pgtable *p = w->pgtable;
	const unsigned int next = ptw_mask_next(mask, words, index);
	const uint64_t *table = next < 64 * words ? ptw_prune_child(p, slot + next, 1) : NULL;

	if (!table)
		return;
	for (unsigned int i = 0; i < 64 * PTW_SCAN_WORDS && !(i >> p->geometry.index_lg2); i += 8)
		ptw_port_prefetch(table + i);
	ptw_prune_fetch_output(w, job,
			       ia + ((uint64_t)next << ptw_span_lg2(p->instance->format, 1)));
}

/*
 * The table of level 1 behind the one that w->ia is in, and the first leaf table that it names, are fetched while
 * this one is worked on. Where few tables are worth reading, each would be waited for otherwise. What this look
 * says is not kept: it comes before the entry of level 2 is cleared, so an access in between would be missed.
 */
static void ptw_mask_fetch_next(const struct ptw_walk_state *w, const struct ptw_harvest_job *job)
{
	uint64_t mask[PTW_SCAN_WORDS];
	const struct ptw_pgtable *p = w->pgtable;
	const struct ptw_format *f = p->instance->format;
	const unsigned int lg2 = ptw_span_lg2(f, 2);
	const uint64_t next = ((w->ia >> lg2) + 1) << lg2;
	unsigned int index;
	const uint64_t *slot, *table;

	if (next >= w->end || p->geometry.root_level < 2 || p->geometry.index_lg2 != PTW_SCAN_LG2 ||
	    !ptw_level_bit(p, 1))
		return;
	index = ptw_index(f, &p->geometry, next, 2);
	if (!index)
		return;
	slot = w->table[2] + index;
	table = ptw_prune_child(p, slot, 2);
	if (!table)
		return;
	/* And the one behind that, line by line. */
	ptw_mask_read(p, table, 64 * PTW_SCAN_WORDS, 1, mask,
		      ptw_index(f, &p->geometry, next + ((uint64_t)1 << lg2), 2) ?
			      ptw_prune_child(p, slot + 1, 2) :
			      NULL);
	ptw_mask_fetch(w, job, table, next, mask, PTW_SCAN_WORDS, 0);
}

/* Make the mask of the entries around the one at `slot`. */
static void ptw_mask_make(struct ptw_walk_state *w, struct ptw_harvest_job *job, uint64_t *slot,
			  unsigned int level)
{
	const struct ptw_pgtable *p = w->pgtable;
	const unsigned int lg2 = ptw_span_lg2(p->instance->format, level);
	const unsigned int index = ptw_mask_index(w, level);
	const unsigned int n = ptw_mask_entries(p, level);

	slot -= index;
	job->pruned->mask_words = (n + 63) / 64;
	job->pruned->mask_start = ((w->ia >> lg2) - index) << lg2;
	job->pruned->mask_level = level;
	w->cost += n / 8;
	if (job->prune == PTW_PRUNING_TOUCHED)
		ptw_mask_touched(w, job, n);
	else
		ptw_mask_read(p, slot, n, level, job->pruned->mask, NULL);
	if (level == 1 && job->prune != PTW_PRUNING_COLLECT)
		ptw_mask_fetch(w, job, slot, job->pruned->mask_start, job->pruned->mask,
			       job->pruned->mask_words, index);
	if (level == 1 && job->prune != PTW_PRUNING_TOUCHED)
		ptw_mask_fetch_next(w, job);
}

/* The mask of the entries around the one at `slot`; index of that one in it. */
static unsigned int ptw_mask_at(struct ptw_walk_state *w, struct ptw_harvest_job *job,
				uint64_t *slot, unsigned int level)
{
	const unsigned int lg2 = ptw_span_lg2(w->pgtable->instance->format, level);
	const unsigned int index = ptw_mask_index(w, level);

	if (!job->pruned->mask_words || job->pruned->mask_level != level ||
	    job->pruned->mask_start != ((w->ia >> lg2) - index) << lg2)
		ptw_mask_make(w, job, slot, level);
	return index;
}

const uint64_t *ptw_prune_ahead(const struct ptw_walk_state *w, const struct ptw_harvest_job *job)
{
	const unsigned int lg2 = ptw_span_lg2(w->pgtable->instance->format, 1);
	const uint64_t at = (w->ia - job->pruned->mask_start) >> lg2;
	unsigned int next;

	if (job->pruned->mask_level != 1 || w->ia < job->pruned->mask_start ||
	    at >= 64 * job->pruned->mask_words)
		return NULL;
	next = ptw_mask_next(job->pruned->mask, job->pruned->mask_words, (unsigned int)at + 1);
	if (next >= 64 * job->pruned->mask_words)
		return NULL;
	ptw_prune_fetch_output(w, job, job->pruned->mask_start + ((uint64_t)next << lg2));
	return ptw_prune_child(
		w->pgtable,
		w->table[1] +
			ptw_index(w->pgtable->instance->format, &w->pgtable->geometry, w->ia, 1) -
			at + next,
		1);
}

/* Entries of its table from the one at w->ia on that lie, all or in part, before the end. */
static unsigned int ptw_prune_rest(const struct ptw_walk_state *w, unsigned int index,
				   unsigned int level)
{
	const struct ptw_geometry *g = &w->pgtable->geometry;
	const unsigned int lg2 = ptw_span_lg2(w->pgtable->instance->format, level);
	const uint64_t left = ((w->end - 1) >> lg2) - (w->ia >> lg2) + 1;
	unsigned int n = 1u << (level == g->root_level ? g->root_lg2 : g->index_lg2);

	n = n > 64 * PTW_SCAN_WORDS ? 64 * PTW_SCAN_WORDS : n;
	n -= index;
	return left < n ? (unsigned int)left : n;
}

/* A block above level 1: whether it is young will be seen when it is read. */
static void ptw_prune_note_block(const struct ptw_walk_state *w, struct ptw_harvest_job *job,
				 unsigned int level)
{
	const uint64_t span = (uint64_t)1 << ptw_span_lg2(w->pgtable->instance->format, level);
	const uint64_t left = span - (w->ia & (span - 1));
	const uint64_t last = left < job->end - w->ia ? w->ia + left - 1 : job->end - 1;
	const uint64_t bit = ptw_touched_bit(w, job, w->ia);

	ptw_bits_set(job->request->prune->touched, bit, ptw_touched_bit(w, job, last) - bit + 1);
}

/*
 * Exact, at first: entries are cleared, those that were accessed noted, and all passed over. Those that the
 * range cuts are none of it: they will be read in any case.
 */
static unsigned int ptw_prune_collect(struct ptw_walk_state *w, struct ptw_harvest_job *job,
				      uint64_t *slot, unsigned int level)
{
	const struct ptw_pgtable *p = w->pgtable;
	const struct ptw_format *f = p->instance->format;
	const unsigned int lg2 = ptw_span_lg2(f, level);
	const uint64_t base = w->ia >> lg2 << lg2;
	const uint64_t whole = (w->end - base) >> lg2;
	unsigned int index, n;
	uint64_t bit;

	if (level > 1) {
		uint64_t e = ptw_port_load_table(slot);

		/* Blocks are read after the flush, noted or not; but who only notes has to be told. */
		if (job->pruned->blocks && f->present(p->layout, e, level) && f->leaf(e, level))
			ptw_prune_note_block(w, job, level);
		return !f->present(p->layout, e, level) || f->leaf(e, level);
	}
	index = ptw_mask_at(w, job, slot, level);
	n = ptw_prune_rest(w, index, level);
	bit = ptw_touched_bit(w, job, base);
	for (unsigned int i = ptw_mask_next(job->pruned->mask, job->pruned->mask_words, index);
	     i < index + n; i = ptw_mask_next(job->pruned->mask, job->pruned->mask_words, i + 1)) {
		if ((i == index && w->ia != base) || i - index >= whole)
			continue;
		job->pruned->cleared |= ptw_prune_clear(p, slot - index + i, level);
		ptw_bits_set(job->request->prune->touched, bit + i - index, 1);
		w->cost += PTW_CHANGED_COST;
		/* The rest in the next section. */
		if (w->cost >= PTW_SECTION_COST)
			return i - index + 1;
	}
	return n;
}

/* The filter knows leaf tables only. */
static unsigned int ptw_prune_filtered(const struct ptw_walk_state *w,
				       const struct ptw_harvest_job *job, const uint64_t *slot,
				       unsigned int level)
{
	return level == 1 && ptw_prune_child(w->pgtable, slot, level) &&
	       !ptw_filter_test(job->request->prune->filter,
				w->ia >> ptw_span_lg2(w->pgtable->instance->format, 1));
}

/* Old entries from the one at `slot` on, and none that the range cuts. */
static unsigned int ptw_prune_old(struct ptw_walk_state *w, struct ptw_harvest_job *job,
				  uint64_t *slot, unsigned int level)
{
	const unsigned int lg2 = ptw_span_lg2(w->pgtable->instance->format, level);
	const uint64_t whole = (w->end - w->ia) >> lg2;
	const unsigned int index = ptw_mask_at(w, job, slot, level);
	const unsigned int n = ptw_prune_rest(w, index, level);
	unsigned int old = ptw_mask_next(job->pruned->mask, job->pruned->mask_words, index) - index;

	old = old > n ? n : old;
	return old > whole ? (unsigned int)whole : old;
}

unsigned int ptw_prune_skip(struct ptw_walk_state *w, struct ptw_harvest_job *job, uint64_t *slot,
			    unsigned int level)
{
	struct ptw_prune *prune = job->request->prune;
	const struct ptw_format *f = w->pgtable->instance->format;
	const unsigned int lg2 = ptw_span_lg2(f, level);
	const uint64_t base = w->ia >> lg2 << lg2;
	unsigned int skip = 0;

	if (job->prune == PTW_PRUNING_COLLECT)
		return ptw_prune_collect(w, job, slot, level);
	/*
	 * What the walk is in the middle of is read to its end. What the range cuts is always read, and left
	 * as it is for those who ask about the rest.
	 */
	if (w->ia != base || w->entered[level] == base + 1 || w->end - base < (uint64_t)1 << lg2)
		return 0;
	if (job->prune == PTW_PRUNING_FILTER)
		skip = ptw_prune_filtered(w, job, slot, level);
	else if (job->prune == PTW_PRUNING_HINT ||
		 (job->prune == PTW_PRUNING_TOUCHED && level == 1))
		skip = ptw_prune_old(w, job, slot, level);
	if (!skip) {
		bool table;

		if (job->prune == PTW_PRUNING_HINT || job->prune == PTW_PRUNING_FULL)
			table = ptw_prune_clear(w->pgtable, slot, level);
		else
			table = ptw_prune_child(w->pgtable, slot, level);
		prune->read += table && level == 1;
		if (job->prune == PTW_PRUNING_TOUCHED && level == 1) {
			ptw_touched_settle(w, job);
			ptw_touched_take(w, job, base);
		}
	}
	w->cost += skip ? skip / 8 + 1 : PTW_CHANGED_COST;
	prune->skipped += (uint64_t)skip << f->index_lg2 * (level - 1);
	return skip;
}

bool ptw_prune_able(const struct ptw_pgtable *p)
{
	return p->geometry.root_level && ptw_table_bit(p, p->geometry.root_level);
}

/* A pass begins. */
static void ptw_prune_begin(const struct ptw_pgtable *p, struct ptw_prune *prune)
{
	const bool able = ptw_prune_able(p);

	prune->last_read = prune->read;
	prune->last_skipped = prune->skipped;
	prune->read = prune->skipped = 0;
	prune->full = 0;
	/* Whatever was named until now; but a pass that was given up has not read it yet. */
	if (prune->filter && prune->pass && !prune->open)
		ptw_filter_turn(prune->filter);
	prune->open = 1;
	if (prune->rest) {
		prune->rest--;
		prune->full = PTW_PRUNE_RESTING;
	} else if (!able && !prune->filter) {
		prune->full = PTW_PRUNE_RESTING;
	} else if (!prune->pass || prune->fresh ||
		   (prune->full_every && prune->pass % prune->full_every == 0) ||
		   ((prune->flags & PTW_PRUNE_ADAPT) && prune->pass % PTW_PRUNE_COUNT == 0)) {
		prune->full = 1;
	}
	prune->fresh = 0;
}

/* A pass has come to its end. */
static void ptw_prune_end(struct ptw_prune *prune)
{
	prune->pass++;
	prune->open = 0;
	if (!(prune->flags & PTW_PRUNE_ADAPT))
		return;
	if (prune->full == PTW_PRUNE_RESTING) {
		/* All table entries are set by now: clear them before they can tell again. */
		prune->fresh = !prune->rest;
		return;
	}
	if (prune->full) {
		prune->tables = prune->read;
	} else if (prune->read * 16 > prune->tables * PTW_PRUNE_USELESS) {
		prune->backoff = prune->backoff ? prune->backoff * 2 : 2;
		if (prune->backoff > PTW_PRUNE_REST_MAX)
			prune->backoff = PTW_PRUNE_REST_MAX;
		prune->rest = prune->backoff;
	} else {
		prune->backoff = 0;
	}
}

static enum ptw_pruning ptw_prune_kind(const struct ptw_pgtable *p, const struct ptw_prune *prune)
{
	if (prune->full == PTW_PRUNE_RESTING)
		return PTW_PRUNING_NONE;
	if (!ptw_prune_able(p))
		return prune->full ? PTW_PRUNING_NONE : PTW_PRUNING_FILTER;
	if (prune->flags & PTW_PRUNE_FLUSH)
		return PTW_PRUNING_TOUCHED;
	return prune->full ? PTW_PRUNING_FULL : PTW_PRUNING_HINT;
}

/* What the entry of level 1 that w->ia lies in maps from. */
static uint64_t ptw_table_base(const struct ptw_walk_state *w)
{
	const unsigned int lg2 = ptw_span_lg2(w->pgtable->instance->format, 1);

	return w->ia >> lg2 << lg2;
}

/* Exact: table entries of the whole range, then the flush. */
static int ptw_prune_prepare(struct ptw_walk_state *w, struct ptw_harvest_job *job,
			     int (*harvest)(struct ptw_walk_state *w, struct ptw_harvest_job *job))
{
	struct ptw_pgtable *p = w->pgtable;
	const struct ptw_prune *prune = job->request->prune;
	const uint64_t at = w->ia, start = w->start, budget = w->budget;
	const struct ptw_range range = {at, w->end};
	int ret;

	/* Not in bites: one flush is for the whole pass. Tables that an earlier pass left stay noted. */
	w->budget = 0;
	job->prune = PTW_PRUNING_COLLECT;
	ret = harvest(w, job);
	w->ia = at;
	w->start = start;
	w->budget = budget;
	w->tables = w->spent = 0;
	job->pruned->mask_words = 0;
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++)
		w->entered[level] = 0;
	if (!ret && p->flush)
		p->flush(p->flush_context, &range, 1, PTW_FLUSH_TABLE, 0);
	/* Not by clearing once more: after the flush that would be a hint again. */
	if (!ret && prune->full)
		ptw_bits_set(prune->touched, ptw_touched_bit(w, job, at),
			     ptw_touched_bit(w, job, w->end - 1) - ptw_touched_bit(w, job, at) + 1);
	return ret;
}

int ptw_prune_harvest(struct ptw_walk_state *w, struct ptw_harvest_job *job,
		      int (*harvest)(struct ptw_walk_state *w, struct ptw_harvest_job *job))
{
	struct ptw_pgtable *p = w->pgtable;
	struct ptw_prune *prune = job->request->prune;
	struct ptw_pruned pruned;
	enum ptw_pruning kind;
	int ret = PTW_OK;

	ptw_zero(&pruned, sizeof(pruned));
	job->pruned = &pruned; /* cppcheck-suppress autoVariables; nobody looks at it after the call */
	if (w->ia == job->range_start)
		ptw_prune_begin(p, prune);
	kind = ptw_prune_kind(p, prune);
	/* Before any is cleared, by acquire-release compare-exchanges; partner: ptw_mmu_table_touched_part(). */
	if ((kind == PTW_PRUNING_HINT || kind == PTW_PRUNING_FULL) && !ptw_port_load(&p->hinted))
		ptw_port_publish(&p->hinted, 1);
	/* A pass that goes on has its tables noted. */
	if (kind == PTW_PRUNING_TOUCHED && w->ia == job->range_start)
		ret = ptw_prune_prepare(w, job, harvest);
	job->prune = (uint8_t)kind;
	/* It goes on in the middle of a table: when that is done, it is not owed any more. */
	if (kind == PTW_PRUNING_TOUCHED && w->ia != job->range_start && w->ia != ptw_table_base(w))
		ptw_touched_take(w, job, ptw_table_base(w));
	if (!ret)
		ret = harvest(w, job);
	if (kind == PTW_PRUNING_TOUCHED)
		ptw_touched_settle(w, job);
	if (kind == PTW_PRUNING_NONE)
		prune->read += w->tables;
	if (!ret || ((ret == PTW_ERR_STOPPED || ret == PTW_ERR_BUDGET) && w->ia >= w->end))
		ptw_prune_end(prune);
	return ret;
}

int ptw_prune_note(struct ptw_pgtable *p, uint64_t start, uint64_t end, uint64_t *touched,
		   bool *cleared)
{
	const uint64_t cut = ((uint64_t)1 << ptw_span_lg2(p->instance->format, 1)) - 1;
	struct ptw_prune prune = {.size = sizeof(prune), .touched = touched};
	const struct ptw_harvest h = {
		.size = sizeof(h), .flags = PTW_HARVEST_ACCESSED, .prune = &prune};
	struct ptw_harvest_job job;
	struct ptw_walk_state w;
	struct ptw_pruned pruned;
	int ret;

	ptw_zero(&w, sizeof(w));
	ptw_zero(&job, sizeof(job));
	ptw_zero(&pruned, sizeof(pruned));
	w.pgtable = p;
	w.start = w.ia = job.start = job.range_start = start;
	w.end = job.end = end;
	job.ask.want = PTW_HARVEST_ACCESSED;
	job.granule_lg2 = p->geometry.granule_lg2;
	job.index_lg2 = p->geometry.index_lg2;
	job.bitmaps_only = true;
	job.changed_start = UINT64_MAX;
	job.prune = PTW_PRUNING_COLLECT;
	job.request = &h;
	job.pruned = &pruned;
	pruned.blocks = true;
	if (start & cut)
		ptw_bits_set(touched, 0, 1);
	if (end & cut)
		ptw_bits_set(touched, ptw_touched_bit(&w, &job, end - 1), 1);
	ret = p->instance->harvest(&w, &job);
	*cleared |= pruned.cleared;
	return ret;
}
