/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Pruned harvests: which entries of a table the walk passes over. The kinds and their orders: prune.c. */
#include <ptw/filter.h>

#include "lib/walk/prune.h"

/* The bit that old entries of `level`, tables and blocks, all lack; 0: only the format can tell. */
static uint64_t ptw_level_bit(const struct ptw_pgtable *p, unsigned int level)
{
	uint64_t bit = ptw_table_bit(p, level);

	return !p->attached && bit == p->instance->format->accessed ? bit : 0;
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

/* The entry at `ia` is going to be read: it is not owed any more. */
void ptw_touched_take(const struct ptw_walk_state *w, struct ptw_harvest_job *job, uint64_t ia)
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
void ptw_touched_settle(const struct ptw_walk_state *w, struct ptw_harvest_job *job)
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
