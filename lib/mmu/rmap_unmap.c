/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Unmapping by a reverse map: entries become non-present, and leave the map.
 *
 * The word is held all the while, also if it has a single entry: its owner cannot take the entry
 * out, and so not use it for another frame, until it is gone from here. Nobody else asks it
 * either, so what it knew is reported once.
 *
 * An entry that contradicts its layout may be alive, and nobody could say what it knew: it stays
 * where it is, in its table and in the map, and unmapping ends before its frame.
 */
#include "lib/mmu/rmap.h"

/* Make one entry non-present; its last value, of one that was not present the layout's empty one.
 * One that contradicts the layout is left alone, and returned, but for what the owner's own way did. */
static uint64_t ptw_rmap_zap(const struct ptw_rmap_job *job, uint64_t *entry, unsigned int level)
{
	const struct ptw_pgtable *like = job->shadow->like;
	const struct ptw_format *f = like->instance->format;
	const struct ptw_layout *l = like->layout;
	uint64_t e;

	if (job->shadow->zap)
		return job->shadow->zap(job->shadow->context, entry, level);
	e = ptw_port_load(entry);
	/* Fails only if somebody else got on: hardware set a bit, or cleared one was. Acquire and
	 * release: what was set before is in the value taken, what comes later fails. */
	while (f->present(l, e, level) && f->leaf(e, level))
		if (ptw_port_cas(entry, &e, l->empty))
			return e;
	return ptw_contradicts(f, l, e, level) ? e : l->empty;
}

/* Adds to `what` what the entry knew; PTW_CLEAR_BUSY: it has come to contradict its layout. */
static void ptw_rmap_zap_one(struct ptw_rmap_job *job, uint64_t entry, unsigned int level,
			     uint32_t *what)
{
	const struct ptw_pgtable *like = job->shadow->like;
	const struct ptw_format *f = like->instance->format;
	const struct ptw_layout *l = like->layout;
	uint64_t e = ptw_rmap_zap(job, (uint64_t *)(uintptr_t)entry, level);

	job->ask->entries++;
	job->cost++;
	if (ptw_contradicts(f, l, e, level)) {
		*what |= PTW_CLEAR_BUSY;
		if (!job->shadow->zap)
			return;
		/* Its owner has zapped it nevertheless: it is told by hardware's bits, and flushed. */
	} else if (!f->present(l, e, level) || !f->leaf(e, level)) {
		return;
	}
	job->cost += PTW_CHANGED_COST;
	job->changed = true;
	*what |= ptw_state(f, l, e, level, PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY);
}

static bool ptw_rmap_contradicts(const struct ptw_rmap_job *job, uint64_t entry, unsigned int level)
{
	const struct ptw_pgtable *like = job->shadow->like;

	/* Relaxed: it may change yet, and is looked at again as it goes. */
	return ptw_contradicts(like->instance->format, like->layout,
			       ptw_port_load((uint64_t *)(uintptr_t)entry), level);
}

/* Does an entry of a word that is held, and had `w`, contradict its layout? */
static bool ptw_rmap_refuses(struct ptw_rmap_job *job, uint64_t w, unsigned int level)
{
	const struct ptw_rmap_block *b;

	if (!(w & PTW_RMAP_CHAIN))
		return ptw_rmap_contradicts(job, w, level);
	for (b = ptw_rmap_block(w); b; b = b->next)
		for (uint32_t i = 0; i < b->count; i++)
			if (ptw_rmap_contradicts(job, b->entry[i], level))
				return true;
	return false;
}

/* A word that is held, and had `w`. PTW_CLEAR_BUSY: it was given back as it was. */
static uint32_t ptw_rmap_zap_word(struct ptw_rmap_job *job, uint64_t *word, uint64_t w,
				  unsigned int level)
{
	struct ptw_rmap *rmap = job->rmap;
	struct ptw_rmap_block *chain = NULL;
	uint64_t removed = 1;
	uint32_t what = 0;

	/* Before the first of a chain goes: the frame is done whole, or not at all. */
	if (ptw_rmap_refuses(job, w, level)) {
		ptw_rmap_release(word, w);
		return PTW_CLEAR_BUSY;
	}
	if (w & PTW_RMAP_CHAIN) {
		chain = ptw_rmap_block(w);
		removed = chain->total;
		for (const struct ptw_rmap_block *b = chain; b; b = b->next)
			for (uint32_t i = 0; i < b->count; i++)
				ptw_rmap_zap_one(job, b->entry[i], level, &what);
	} else {
		ptw_rmap_zap_one(job, w, level, &what);
	}
	if (what & PTW_CLEAR_BUSY) {
		ptw_rmap_release(word, w);
		return what;
	}
	ptw_rmap_release(word, 0);
	/* Relaxed: counters. */
	if (chain)
		ptw_port_add64(&rmap->chains, ~(uint64_t)0);
	ptw_port_add64(&rmap->live[level], ~removed + 1);
	ptw_rmap_free_chain(rmap, chain);
	return what;
}

int ptw_rmap_unmap(struct ptw_rmap_job *job, uint64_t *words, unsigned int n, unsigned int level,
		   struct ptw_rmap_found *found)
{
	*found = (struct ptw_rmap_found){ .done = n };
	job->cost += n;
	for (unsigned int i = 0; i < n; i++) {
		uint64_t bit = (uint64_t)1 << i;
		uint32_t what;
		uint64_t w;
		int ret;

		ret = ptw_rmap_hold(job->rmap, &words[i], true, &w);
		if (ret == PTW_ERR_ABSENT)
			continue;
		if (ret) {
			found->done = i;
			return ret;
		}
		what = ptw_rmap_zap_word(job, &words[i], w, level);
		found->young |= what & PTW_EXTENT_YOUNG ? bit : 0;
		found->dirty |= what & PTW_EXTENT_DIRTY ? bit : 0;
		if (what & PTW_CLEAR_BUSY) {
			found->done = i;
			return PTW_ERR_UNSUPPORTED;
		}
		ptw_rmap_section(job);
	}
	return PTW_OK;
}
