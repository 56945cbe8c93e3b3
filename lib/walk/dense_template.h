/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The hot loop of harvests, as operations for the walker template: accessed bits of smallest pages, cleared,
 * in exact layouts. Tables are searched whole, then candidates are cleared; docs/performance.md says why.
 */
#ifndef PTW_LIB_DENSE_TEMPLATE_H
#define PTW_LIB_DENSE_TEMPLATE_H

#include "lib/walk/harvest_template.h"

/* Clear accessed in the entries that `young` marks; returns those in which this call cleared it. */
static ptw_always_inline uint64_t ptw_clear_word(const struct ptw_format *f,
						 const struct ptw_pgtable *p, uint64_t *slot,
						 uint64_t young)
{
	uint64_t lost = 0;

#ifdef PTW_PORT_PAIRS
	/* One pair of neighbours pays for the call. */
	if (p->pairs && (young & young >> 1 & 0x5555555555555555u))
		return ptw_clear_pairs(slot, young, f->accessed);
#endif
	(void)p;
	for (uint64_t rest = young; rest; rest &= rest - 1) {
		unsigned int k = (unsigned int)__builtin_ctzll(rest);

		/* Somebody else was faster. */
		if (__builtin_expect(!ptw_port_and_clear(slot + k, f->accessed), 0))
			lost |= (uint64_t)1 << k;
	}
	return young & ~lost;
}

/* Clear the candidates of word `*word` and go on to the next: returns how many were young, as young[] says. */
static ptw_always_inline unsigned int ptw_clear_next(const struct ptw_format *f,
						       const struct ptw_pgtable *p, uint64_t *slot,
						       uint64_t *young, unsigned int *word)
{
	const unsigned int w = (*word)++;

	if (young[w])
		young[w] = ptw_clear_word(f, p, slot + 64 * w, young[w]);
	return ptw_popcount(young[w]);
}

/* If the words of a table, laid over each other, have more bits than this, its candidates are many. */
#define PTW_SPREAD_MAX 20u

/*
 * Clear the candidates of `words` words, few of them and spread, up to the end of the word in which there
 * were `most` or more. young[] then says which were young and are not any more. Returns how many that are;
 * *word: words done.
 *
 * One loop over all words: a loop for each would be left at a moment that nobody can predict, some times in
 * a table, and a wrong guess costs more than a locked instruction, for those overlap with reading on as
 * long as the processor guesses right.
 */
static ptw_always_inline unsigned int ptw_clear_spread(const struct ptw_format *f, uint64_t *slot,
						       uint64_t *young, unsigned int words,
						       uint64_t most, unsigned int *word)
{
	uint64_t rest[PTW_SCAN_WORDS], some = 0;
	unsigned int count = 0, lost = 0;

	*word = words;
	for (unsigned int i = 0; i < words; i++) {
		rest[i] = young[i];
		some |= (uint64_t)!!young[i] << i;
	}
	while (some) {
		const unsigned int w = (unsigned int)__builtin_ctzll(some);
		const uint64_t bits = rest[w], left = bits & (bits - 1);
		const unsigned int k = (unsigned int)__builtin_ctzll(bits);

		count++;
		if (!ptw_port_and_clear(slot + 64 * w + k, f->accessed)) {
			/* Somebody else was faster. */
			young[w] &= ~((uint64_t)1 << k);
			lost++;
		}
		rest[w] = left;
		some &= ~((uint64_t)!left << w);
		/* Both asked at once: that the last one of a word is due nobody can guess. */
		if (__builtin_expect((count >= most) & (left == 0), 0)) {
			*word = w + 1;
			break;
		}
	}
	return count - lost;
}

#ifdef PTW_PORT_TRANSACTIONS
/* In a table with so many candidates, of 512, a transaction is tried. */
#define PTW_TRANSACTION_MIN 64u

/*
 * All candidates of `n` entries in one hardware transaction, if there are many. True: young[] says what was
 * young and is not any more, and *found how many. False: they are still to be cleared.
 */
static ptw_always_inline bool ptw_clear_at_once(const struct ptw_format *f, struct ptw_pgtable *p,
						uint64_t *slot, unsigned int n, uint64_t *young,
						uint64_t *found)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < n / 64; i++)
		count += ptw_popcount(young[i]);
	if (count < PTW_TRANSACTION_MIN ||
	    !ptw_clear_transaction(&p->transacted, slot, n / 64, f->accessed, young))
		return false;
	*found = 0;
	for (unsigned int i = 0; i < n / 64; i++)
		*found += ptw_popcount(young[i]);
	return true;
}
#endif

/* Candidates among fewer than 64 entries; ORs them all into `seen`. */
static ptw_always_inline uint64_t ptw_scan_part(const struct ptw_format *f, const uint64_t *slot,
						unsigned int n, uint64_t *seen)
{
	uint64_t young = 0;

	for (unsigned int k = 0; k < n; k++) {
		uint64_t e = ptw_port_load(slot + k);

		young |= (uint64_t)!!(e & f->accessed) << k;
		*seen |= e;
	}
	return young;
}

/*
 * What to prefetch while the entries from `slot` on are read: the next of the same table, or the table
 * after this one. A table that is gone by then costs a cache line, nothing else.
 */
static ptw_always_inline const uint64_t *ptw_ahead(const struct ptw_format *f,
						   const struct ptw_layout *l,
						   const struct ptw_walk_state *w,
						   const struct ptw_harvest_job *job,
						   const uint64_t *slot, unsigned int n)
{
	const struct ptw_pgtable *p = w->pgtable;
	const unsigned int lg2 = ptw_span_lg2(f, 0);
	uint64_t next = ((w->ia >> lg2) + n) << lg2;
	unsigned int index;
	uint64_t e;

	if (next >= w->end)
		return slot;
	if (ptw_index(f, &p->geometry, next, 0))
		return slot + n;
	if (job->prune == PTW_PRUNING_HINT || job->prune == PTW_PRUNING_TOUCHED) {
		const uint64_t *ahead = ptw_prune_ahead(w, job);

		return ahead ? ahead : slot;
	}
	index = ptw_index(f, &p->geometry, next, 1);
	if (!p->geometry.root_level || !index)
		return slot;
	e = ptw_port_load(w->table[1] + index);
	if (!f->present(l, e, 1) || f->leaf(e, 1))
		return slot;
	return ptw_table_at(p, f->address(&p->geometry, e, 1));
}

/* Smallest pages from `ia` on, `count` of them found young and cleared, in words: to every output. */
static ptw_always_inline int ptw_dense_report(const struct ptw_format *f, struct ptw_walk_state *w,
					      struct ptw_harvest_job *job, uint64_t ia,
					      const uint64_t *found, unsigned int words,
					      unsigned int count)
{
	const uint64_t page = ia >> f->granule_lg2;

	job->young_extents += count;
	job->young_pages += count;
	w->cost += PTW_CHANGED_COST * (uint64_t)count;
	if (job->young) {
		uint64_t *young = job->young + ((page - job->first_page) >> 6);

		for (unsigned int i = 0; i < words; i++)
			young[i] |= found[i] << (page & 63);
	}
	return job->sparse ? ptw_job_report_words(job, page, found, words) : PTW_OK;
}

/* What one section may cost, or less if the budget ends before. */
static ptw_always_inline uint64_t ptw_section_limit(const struct ptw_walk_state *w)
{
	if (w->budget && w->budget - w->spent < PTW_SECTION_COST)
		return w->budget - w->spent;
	return PTW_SECTION_COST;
}

/*
 * A locked instruction waits until all stores before it are done, so a store into a line of the bitmap that is
 * still in memory would hold up the next one. One line is for 512 pages: fetch that of the next ones.
 */
static ptw_always_inline void ptw_dense_fetch(const struct ptw_format *f,
					      const struct ptw_walk_state *w,
					      const struct ptw_harvest_job *job)
{
	if (job->young)
		ptw_port_prefetch(job->young +
				  ((((w->ia >> f->granule_lg2) - job->first_page) >> 6) +
				   PTW_SCAN_WORDS));
}

/* Fetch the lines of `words` words of 64 entries from `slot` on. */
static ptw_always_inline void ptw_fetch_words(const uint64_t *slot, unsigned int words)
{
	for (unsigned int i = 0; i < 64 * words; i += 8)
		ptw_port_prefetch(slot + i);
}

/*
 * Clear and report the candidates of `n` entries: whole words of them, or less than one. Returns how many
 * entries are done, all but where the section has cost `limit`, or PTW_ERR_STOPPED with w->ia behind them.
 * `ahead`: as many entries to fetch meanwhile, a word of them with each word, or null.
 */
static ptw_always_inline int ptw_dense_clear(const struct ptw_format *f, struct ptw_walk_state *w,
					     struct ptw_harvest_job *job, uint64_t *slot,
					     unsigned int n, uint64_t *young, uint64_t limit,
					     const uint64_t *ahead)
{
	const struct ptw_pgtable *p = w->pgtable;
	const uint64_t start = w->ia >> f->granule_lg2 << f->granule_lg2;
	const unsigned int words = n < 64 ? 1 : n / 64;
	bool cleared = false, spread;
	uint64_t any = 0;
	int ret;

	for (unsigned int i = 0; i < words; i++)
		any |= young[i];
#ifdef PTW_PORT_TRANSACTIONS
	if (any && p->transactions && n >= 64)
		cleared = ptw_clear_at_once(f, w->pgtable, slot, n, young, &any);
#endif
	spread = ptw_popcount(any) <= PTW_SPREAD_MAX;
	if (ahead && (spread || cleared)) {
		ptw_fetch_words(ahead, words);
		ahead = NULL;
	}
	for (unsigned int word = 0, from = 0; any && word < words; from = word) {
		unsigned int count, done;

		if (cleared)
			count = (unsigned int)any, word = words;
		else if (spread)
			count = ptw_clear_spread(f, slot, young, words,
						 w->cost < limit ? (limit - w->cost) / PTW_CHANGED_COST :
								   0,
						 &word);
		else
			for (count = 0; word < words &&
					(word == from || w->cost + 64 * (word - from) +
								 PTW_CHANGED_COST * count < limit);) {
				if (ahead)
					ptw_fetch_words(ahead + 64 * word, 1);
				count += ptw_clear_next(f, p, slot, young, &word);
			}
		done = 64 * word < n ? 64 * word : n;
		w->cost += done - 64 * from;
		job->entries += done - 64 * from;
		ret = count ? ptw_dense_report(f, w, job,
					       start + ((uint64_t)64 * from << f->granule_lg2),
					       young + from, word - from, count) :
			      PTW_OK;
		if (ret) {
			w->ia = start + ((uint64_t)done << f->granule_lg2);
			return ret;
		}
		if (w->cost >= limit || word == words)
			return (int)done;
	}
	w->cost += n;
	job->entries += n;
	return (int)n;
}

/*
 * The hot loop: accessed only, cleared, exact layout, level 0. Up to 512 entries are searched first, by
 * the page table's kernel, while the next table is on its way from memory; then the candidates are
 * cleared, and only they are written to. So the processor reads ahead undisturbed, where a look and an
 * update for each entry in turn would mispredict and drain its loads about twice for each young one.
 *
 * `other` is ptw_harvest_run() for whatever is not that.
 *
 * Partner of the scan: nobody. It is a hint, from plain loads; ptw_port_and_clear() says what was young.
 */
static ptw_always_inline int ptw_dense_run(const struct ptw_format *f, const struct ptw_layout *l,
					   int (*other)(struct ptw_walk_state *w, void *job,
							uint64_t *slot, unsigned int n,
							unsigned int level),
					   struct ptw_walk_state *w, struct ptw_harvest_job *job,
					   uint64_t *slot, unsigned int n, unsigned int level)
{
	const struct ptw_pgtable *p = w->pgtable;
	uint64_t young[PTW_SCAN_WORDS], seen = 0;
	const uint64_t *ahead = NULL;

	if (level || !f->and_clear)
		return other(w, job, slot, n > 64 ? 64 : n, level);
	if (n < 64) {
		young[0] = ptw_scan_part(f, slot, n, &seen);
	} else {
		n &= ~63u;
		ahead = ptw_ahead(f, l, w, job, slot, n);
		seen = ptw_scan(p->kernel, slot, n / 64, f->accessed, young,
				job->prune ? slot : ahead);
	}
	/* A contiguous group is looked at whole, also where the range or a budget would cut it. */
	if (f->group_bit && (seen & f->group_bit))
		return other(w, job, slot, n > 64 ? 64 : n, level);
	/* Should the value of empty entries have bits, this misses some empty tables. */
	w->seen[0] |= seen ^ l->empty;
	ptw_dense_fetch(f, w, job);
	/*
	 * Tables that pruning leaves lie here and there, and usually have many young entries: the next one comes
	 * while these are cleared, where the lines of all of it at once would be waited for.
	 */
	return ptw_dense_clear(f, w, job, slot, n, young, ptw_section_limit(w),
			       job->prune && ahead != slot ? ahead : NULL);
}

/*
 * While one table is read the table after the next is asked for: the next alone comes too late where reading
 * is fast and locked instructions lie between. `slot`: its entry, which may have changed before its turn.
 */
static ptw_always_inline const uint64_t *ptw_dense_ahead(const struct ptw_format *f,
							  const struct ptw_layout *l,
							  const struct ptw_pgtable *p,
							  const uint64_t *slot,
							  const uint64_t *otherwise)
{
	/* Relaxed: it is prefetched from, not read. */
	const uint64_t e = ptw_port_load(slot);

	if (!f->present(l, e, 1) || f->leaf(e, 1))
		return otherwise;
	return ptw_table_at(p, f->address(&p->geometry, e, 1));
}

/*
 * The same for whole leaf tables, one after the other: those of `n` entries of level 1 from `slot` on, of
 * which `e` is the first. PTW_OK with w->ia at the first entry that is to be looked at in the ordinary way,
 * PTW_SECTION_YIELD, or an error.
 */
static ptw_always_inline int ptw_dense_tables(const struct ptw_format *f,
					      const struct ptw_layout *l,
					      struct ptw_walk_state *w,
					      struct ptw_harvest_job *job, const uint64_t *slot,
					      uint64_t e, unsigned int n)
{
	const struct ptw_pgtable *p = w->pgtable;
	const unsigned int entries = 1u << f->index_lg2;
	const uint64_t limit = ptw_section_limit(w);
	bool more = f->and_clear && !job->prune && entries >= 64 &&
		    entries <= 64 * PTW_SCAN_WORDS;

	for (unsigned int i = 1; more; i++) {
		uint64_t *table = ptw_table_at(p, f->address(&p->geometry, e, 1));
		uint64_t young[PTW_SCAN_WORDS], seen;
		const uint64_t *ahead = table;
		int done;

		more = false;
		if (i < n) {
			e = ptw_port_load_table(slot + i);
			more = f->present(l, e, 1) && !f->leaf(e, 1);
			if (more && i + 1 < n)
				ahead = ptw_dense_ahead(f, l, p, slot + i + 1, table);
		}
		seen = ptw_scan(p->kernel, table, entries / 64, f->accessed, young, ahead);
		if (f->group_bit && (seen & f->group_bit))
			return PTW_OK;
		w->tables++;
		if (seen == l->empty)
			ptw_note_seen(w->pgtable, w->ia, 0, false);
		ptw_dense_fetch(f, w, job);
		w->entered[1] = w->ia + 1;
		/* Should the section end in it, the rest is not all of it. */
		w->seen[0] = ~(uint64_t)0;
		done = ptw_dense_clear(f, w, job, table, entries, young, limit, NULL);
		if (done < 0)
			return done;
		w->ia += (uint64_t)(unsigned int)done << f->granule_lg2;
		if (w->cost >= limit && w->ia < w->end)
			return PTW_SECTION_YIELD;
	}
	return PTW_OK;
}

/*
 * Whoever asks for a word of pages asks for the words behind it soon: fetch the same word of the next table, whose
 * entry is behind `above`. Nearer ones come too late where every call starts anew.
 */
static ptw_always_inline const uint64_t *ptw_few_ahead(const struct ptw_format *f,
						       const struct ptw_layout *l,
						       const struct ptw_pgtable *p, uint64_t ia,
						       const uint64_t *above, const uint64_t *slot)
{
	const unsigned int mask = (1u << f->index_lg2) - 1;
	uint64_t e;

	if (!above || !((ia >> ptw_span_lg2(f, 1) & mask) ^ mask))
		return slot;
	e = ptw_port_load_table(above + 1);
	if (!f->present(l, e, 1) || f->leaf(e, 1))
		return slot;
	return ptw_table_at(p, f->address(&p->geometry, e, 1)) + (ia >> f->granule_lg2 & mask);
}

/*
 * The same for up to 64 pages of one word of output, in a section of its own and with nothing set up for a
 * walk: few pages are asked about often, and then that is most of the work. ORs what was young into
 * *word and returns how many, or PTW_FEW_REST with nothing done: something else than smallest pages is
 * there.
 */
static ptw_always_inline int ptw_dense_few(const struct ptw_format *f, const struct ptw_layout *l,
					   const struct ptw_pgtable *p, uint64_t ia, unsigned int n,
					   uint64_t *word)
{
	const struct ptw_geometry *g = &p->geometry;
	const unsigned int mask = (1u << f->index_lg2) - 1;
	unsigned int level = g->root_level;
	/* As in ptw_find_template(). */
	uint64_t *slot = p->root + (ia >> ptw_span_lg2(f, level));
	const uint64_t *above = NULL;
	uint64_t young = 0, seen = 0;
	int ret = PTW_FEW_REST;

	ptw_port_read_lock();
	for (; level; level--) {
		uint64_t e = ptw_port_load_table(slot);

		if (!f->present(l, e, level) || f->leaf(e, level))
			goto out;
		above = slot;
		slot = ptw_table_at(p, f->address(g, e, level)) +
		       (ia >> ptw_span_lg2(f, level - 1) & mask);
	}
	if (n == 64)
		seen = ptw_scan(p->kernel, slot, 1, f->accessed, &young,
				ptw_few_ahead(f, l, p, ia, above, slot));
	else
		young = ptw_scan_part(f, slot, n, &seen);
	if (f->group_bit && (seen & f->group_bit))
		goto out;
	ret = 0;
	if (young) {
		young = ptw_clear_word(f, p, slot, young);
		ret = (int)ptw_popcount(young);
		*word |= young << (ia >> f->granule_lg2 & 63);
	}
out:
	ptw_port_read_unlock();
	return ret;
}

#endif /* PTW_LIB_DENSE_TEMPLATE_H */
