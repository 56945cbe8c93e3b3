/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Harvest of entries that lie anywhere, reached through words that hold their addresses: the hot
 * loop of reverse maps (lib/mmu/rmap_age.c), as a template over a constant format.
 *
 * Nobody holds the words: an entry may leave its word, and map something else, at any moment. So
 * a bit is cleared by compare-exchange on a snapshot that was in the word before and after it was
 * taken, never by a blind AND, which would clear what the entry is by then.
 */
#ifndef PTW_LIB_ENTRIES_TEMPLATE_H
#define PTW_LIB_ENTRIES_TEMPLATE_H

#include "lib/walk/harvest_template.h"

/* Entries are aligned to 8 bytes. A word with one of these bits is no entry's address, but its
 * owner's matter. */
#define PTW_WORD_FLAGS ((uint64_t)7)

/* A question about up to 64 words, and its answer: bit i is word i. */
struct ptw_entries {
	uint32_t want; /* PTW_HARVEST_ACCESSED, PTW_HARVEST_DIRTY */
	bool peek;

	uint64_t young;
	uint64_t dirty;
	uint64_t busy;    /* of which nothing can be said: too many lost races, a contiguous group, an
			   * entry that contradicts its layout */
	uint64_t flagged; /* words with a flag: nothing was done */
	unsigned int read;    /* entries */
	unsigned int changed; /* entries that were made old or clean */
};

/*
 * A value that is no entry by the layout, and one by hardware's rules: written by somebody who goes
 * by others than we were told. It maps something, and of what it knows nothing can be said. Values
 * that stand for "nobody's" and "owned" are the layout's own, whatever bits they have.
 */
static ptw_always_inline bool ptw_contradicts(const struct ptw_format *f, const struct ptw_layout *l,
					      uint64_t e, unsigned int level)
{
	return (e & (f->walked | (f->walked_saved & l->saved_mask))) &&
	       !f->present(l, e, level) && e != l->empty && e != l->frozen;
}

/* The entry whose address is in `w`; an empty one's value if it is none. Without a branch, since
 * the next words can only be read ahead if nobody mispredicts here. */
static ptw_always_inline uint64_t ptw_word_entry(uint64_t w, const uint64_t *none)
{
	const uint64_t *slot = w ? (const uint64_t *)(uintptr_t)w : none;

	slot = w & PTW_WORD_FLAGS ? none : slot;
	/* Relaxed: the value alone counts. */
	return ptw_port_load(slot);
}

/* What eight words have, ORed. */
struct ptw_word_line {
	uint64_t word;
	uint64_t entry;
	unsigned int used; /* words that are not empty */
};

static ptw_always_inline void ptw_word_add(const uint64_t *word, const uint64_t *none,
					   struct ptw_word_line *line)
{
	/* Acquire, partner the release with which an entry's address gets into the word: its
	 * memory is seen as it was then, or later. */
	uint64_t w = ptw_port_load_table(word);

	line->used += !!w;
	line->word |= w;
	line->entry |= ptw_word_entry(w, none);
}

/*
 * First look at `n` words; returns those to look at again. What their entries say is a hint,
 * since they are loaded again. Level 0 of exact layouts, accessed only: eight words at a time,
 * all of which are looked at again if one entry is young. An entry that contradicts its layout is
 * not looked for: old ones are old by all rules, and others are found here.
 */
static ptw_always_inline uint64_t ptw_entries_hot(const struct ptw_format *f,
						  const struct ptw_layout *l, const uint64_t *words,
						  unsigned int n, struct ptw_entries *job)
{
	const uint64_t maybe_young = f->accessed | f->unmarked;
	const uint64_t none = l->empty;
	uint64_t again = 0, flagged = 0;
	unsigned int used = 0;
	unsigned int i;

	for (i = 0; i + 8 <= n; i += 8) {
		struct ptw_word_line line = { 0, 0, used };

		ptw_word_add(words + i, &none, &line);
		ptw_word_add(words + i + 1, &none, &line);
		ptw_word_add(words + i + 2, &none, &line);
		ptw_word_add(words + i + 3, &none, &line);
		ptw_word_add(words + i + 4, &none, &line);
		ptw_word_add(words + i + 5, &none, &line);
		ptw_word_add(words + i + 6, &none, &line);
		ptw_word_add(words + i + 7, &none, &line);
		again |= (uint64_t)!!(line.entry & maybe_young) << i;
		flagged |= (uint64_t)!!(line.word & PTW_WORD_FLAGS) << i;
		used = line.used;
	}
	again = (again | flagged) * 0xff;
	/* The odd end of a question. */
	for (; i < n; i++) {
		struct ptw_word_line line = { 0, 0, used };

		ptw_word_add(words + i, &none, &line);
		again |= (uint64_t)((line.entry & maybe_young) || (line.word & PTW_WORD_FLAGS)) << i;
		used = line.used;
	}
	job->read = used;
	return again;
}

/* The same for everything else. */
static ptw_always_inline uint64_t ptw_entries_look(const struct ptw_format *f,
						   const struct ptw_layout *l, const uint64_t *words,
						   unsigned int n, unsigned int level,
						   struct ptw_entries *job)
{
	const uint64_t none = l->empty;
	uint64_t again = 0;
	unsigned int used = 0;

	for (unsigned int i = 0; i < n; i++) {
		/* Acquire, as above. */
		uint64_t w = ptw_port_load_table(&words[i]);
		uint64_t e = ptw_word_entry(w, &none);
		bool found = f->present(l, e, level) && f->leaf(e, level) &&
			     ptw_state(f, l, e, level, job->want);

		used += !!w;
		found |= ptw_contradicts(f, l, e, level);
		again |= (uint64_t)(found || (w & PTW_WORD_FLAGS)) << i;
	}
	job->read = used;
	return again;
}

/* Private answers about one word, beside enum ptw_extent_flag and PTW_CLEAR_BUSY. */
#define PTW_WORD_FLAGGED 0x10000
#define PTW_WORD_CHANGED 0x20000

/*
 * The entry in `word`: what it was, and make it old or clean. The snapshot counts if the word
 * held the entry before and after: then the entry was this word's when it was taken, or has come
 * back to it, and if it is still the same value, so is the mapping.
 *
 * Foreign layouts get one compare-exchange, and what was lost is reported as young all the same, as
 * in a harvest: the snapshot was this word's.
 */
static ptw_always_inline uint32_t ptw_entries_one(const struct ptw_format *f,
						  const struct ptw_layout *l, const bool guarded,
						  const uint64_t *word, unsigned int level,
						  uint32_t want, bool peek)
{
	for (unsigned int tries = 0; tries < PTW_CLEAR_TRIES; tries++) {
		/* Acquire, as in the first look. */
		uint64_t w = ptw_port_load_table(word);
		uint64_t *slot = (uint64_t *)(uintptr_t)w;
		uint64_t e, wanted;
		uint32_t what;

		if (!w)
			return 0;
		if (w & PTW_WORD_FLAGS)
			return PTW_WORD_FLAGGED;
		/* Acquire, partner the release with which the entry's next mapping is written,
		 * after the entry was taken out of the word: who sees that mapping does not find
		 * the entry there again. */
		e = ptw_port_load_table(slot);
		/* Relaxed: only whether it is the same counts. */
		if (ptw_port_load(word) != w)
			continue;
		if (ptw_contradicts(f, l, e, level))
			return PTW_CLEAR_BUSY;
		if (!f->present(l, e, level) || !f->leaf(e, level))
			return 0;
		/* One of several that share their state, which cannot be told from here. */
		if (e & f->group_bit)
			return PTW_CLEAR_BUSY;
		what = ptw_state(f, l, e, level, want);
		if (!what || peek)
			return what;
		wanted = e;
		if (what & PTW_EXTENT_YOUNG)
			wanted = f->make_old(l, wanted, level);
		if (what & PTW_EXTENT_DIRTY)
			wanted = f->make_clean(l, wanted, level);
		/* Where writable means dirty, access tracking takes that away too: report it. */
		if (guarded && !l->exact && f->dirty_leaf(l, e, level) &&
		    !f->dirty_leaf(l, wanted, level))
			what |= PTW_EXTENT_DIRTY;
		if (wanted == e)
			return what;
		/* Acquire and release; partners are hardware and all others that change the
		 * entry. */
		if (ptw_port_cas(slot, &e, wanted))
			return what | PTW_WORD_CHANGED;
		if (guarded && !l->exact)
			return what & PTW_EXTENT_YOUNG;
	}
	return PTW_CLEAR_BUSY;
}

/*
 * Ask the entries in `words`, at most 64, all of `level`. Inside a read-side section, or where
 * the words cannot change.
 */
static ptw_always_inline void ptw_entries_run(const struct ptw_format *f, const struct ptw_layout *l,
					      const bool guarded, const uint64_t *words,
					      unsigned int n, unsigned int level,
					      struct ptw_entries *job)
{
	const uint32_t want = job->want;
	uint64_t again, young = 0, dirty = 0, busy = 0, flagged = 0;
	unsigned int changed = 0, used;

	if (!level && !guarded && want == PTW_HARVEST_ACCESSED)
		again = ptw_entries_hot(f, l, words, n, job);
	else
		again = ptw_entries_look(f, l, words, n, level, job);
	for (; again; again &= again - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(again);
		uint32_t what = ptw_entries_one(f, l, guarded, &words[i], level, want, job->peek);
		uint64_t bit = (uint64_t)1 << i;

		young |= what & PTW_EXTENT_YOUNG ? bit : 0;
		dirty |= what & PTW_EXTENT_DIRTY ? bit : 0;
		busy |= what & PTW_CLEAR_BUSY ? bit : 0;
		flagged |= what & PTW_WORD_FLAGGED ? bit : 0;
		changed += !!(what & PTW_WORD_CHANGED);
	}
	job->young = young;
	job->dirty = dirty;
	job->busy = busy;
	job->flagged = flagged;
	/* A word may have got its flag after the first look, which did not count it if it was
	 * empty. */
	used = ptw_popcount(flagged);
	job->read = job->read > used ? job->read - used : 0;
	job->changed = changed;
}

#endif /* PTW_LIB_ENTRIES_TEMPLATE_H */
