/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Questions about frames, answered by the entries in a reverse map.
 *
 * A question goes from one word of output, 64 frames, to the next, and asks the entries of all
 * levels that begin there. What a larger one says reaches beyond that word: it is carried on to
 * the words that follow. So each frame is in hand once, with all that is known of it, and is
 * counted once.
 */
#include "lib/mmu/rmap.h"

static uint64_t ptw_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t ptw_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Bits of frames [from, to), all in one word of output. */
static uint64_t ptw_frame_bits(uint64_t from, uint64_t to)
{
	return (~(uint64_t)0 >> (64 - (to - from))) << (from & 63);
}

static void ptw_rmap_charge(struct ptw_rmap_job *job)
{
	struct ptw_entries *e = &job->entries;

	job->ask->entries += e->read;
	job->cost += e->read + (uint64_t)PTW_CHANGED_COST * e->changed;
	if (e->changed)
		job->changed = true;
	if (e->dirty)
		job->dirty = true;
}

/* All entries of a chain that is held. Its blocks are words that nobody changes. */
static uint32_t ptw_rmap_ask_chain(struct ptw_rmap_job *job, const struct ptw_rmap_block *block,
				   unsigned int level)
{
	const struct ptw_pgtable *like = job->shadow->like;
	struct ptw_entries *e = &job->entries;
	uint32_t what = 0;

	for (; block; block = block->next) {
		like->instance->entries(like, block->entry, block->count, level, e);
		ptw_rmap_charge(job);
		what |= (e->young ? PTW_EXTENT_YOUNG : 0) | (e->dirty ? PTW_EXTENT_DIRTY : 0) |
			(e->busy ? PTW_CLEAR_BUSY : 0);
	}
	return what;
}

/* A word that had a flag when it was looked at. */
static uint32_t ptw_rmap_ask_word(struct ptw_rmap_job *job, uint64_t *word, unsigned int level)
{
	const struct ptw_pgtable *like = job->shadow->like;
	struct ptw_entries *e = &job->entries;
	uint32_t what;
	uint64_t w;
	int ret;

	for (unsigned int tries = 0; tries < PTW_CLEAR_TRIES; tries++) {
		ret = ptw_rmap_hold(job->rmap, word, false, &w);
		if (ret == PTW_OK) {
			what = ptw_rmap_ask_chain(job, ptw_rmap_block(w), level);
			ptw_rmap_release(word, w);
			return what;
		}
		if (ret != PTW_ERR_ABSENT)
			return PTW_CLEAR_BUSY;
		if (!w)
			return 0;
		/* No chain any more. */
		like->instance->entries(like, word, 1, level, e);
		ptw_rmap_charge(job);
		if (!e->flagged)
			return (e->young ? PTW_EXTENT_YOUNG : 0) |
			       (e->dirty ? PTW_EXTENT_DIRTY : 0) | (e->busy ? PTW_CLEAR_BUSY : 0);
	}
	return PTW_CLEAR_BUSY;
}

/*
 * A word that somebody must not leave while it is asked, be it a single entry: while it is held,
 * its entries cannot map another frame, whatever they are used for before and after.
 */
static uint32_t ptw_rmap_ask_held(struct ptw_rmap_job *job, uint64_t *word, unsigned int level)
{
	const struct ptw_pgtable *like = job->shadow->like;
	struct ptw_entries *e = &job->entries;
	uint32_t what;
	uint64_t was;
	int ret;

	ret = ptw_rmap_hold(job->rmap, word, true, &was);
	if (ret)
		return ret == PTW_ERR_ABSENT ? 0 : PTW_CLEAR_BUSY;
	if (was & PTW_RMAP_CHAIN) {
		what = ptw_rmap_ask_chain(job, ptw_rmap_block(was), level);
	} else {
		like->instance->entries(like, &was, 1, level, e);
		ptw_rmap_charge(job);
		what = (e->young ? PTW_EXTENT_YOUNG : 0) | (e->dirty ? PTW_EXTENT_DIRTY : 0) |
		       (e->busy ? PTW_CLEAR_BUSY : 0);
	}
	ptw_rmap_release(word, was);
	return what;
}

/*
 * Only look which of `n` words need to be held and asked: all that have something to tell, or a
 * flag. What was read of the others is charged, and theirs is no answer.
 */
static uint64_t ptw_rmap_candidates(struct ptw_rmap_job *job, uint64_t *words, unsigned int n,
				    unsigned int level)
{
	const struct ptw_pgtable *like = job->shadow->like;
	struct ptw_entries *e = &job->entries;
	uint64_t some;
	unsigned int later;

	e->peek = true;
	like->instance->entries(like, words, n, level, e);
	e->peek = false;
	some = e->young | e->dirty | e->busy;
	later = ptw_popcount(some);
	/* A word may have got its entry after it was counted. */
	e->read = e->read > later ? e->read - later : 0;
	some |= e->flagged;
	e->young = e->dirty = e->busy = e->flagged = 0;
	return some;
}

/*
 * A question that ends behind word `done`, as chains of thousands have used up its budget. What was
 * taken of the words behind is told; what can be asked once more is not.
 */
static int ptw_rmap_ended(const struct ptw_rmap_job *job, unsigned int done,
			  struct ptw_rmap_found *found)
{
	const uint64_t before = ((uint64_t)1 << done) - 1;

	found->done = done;
	found->not_asked &= before;
	if (job->entries.peek) {
		found->young &= before;
		found->dirty &= before;
	}
	return PTW_ERR_BUDGET;
}

/*
 * Does the question end between two words that are held, now that a section has cost enough? Not
 * earlier, as what comes next looks at these words again. Blocks would be asked again, too, so where there
 * are some the words of a piece of output are asked together.
 */
static bool ptw_rmap_ends(const struct ptw_rmap_job *job)
{
	const uint64_t budget = job->ask->budget;

	return budget && job->levels == 1 && job->spent + job->cost >= budget;
}

/* Those of `n` words that are held while they are asked. PTW_OK, or PTW_ERR_BUDGET. */
static __attribute__((__noinline__)) int ptw_rmap_age_held(struct ptw_rmap_job *job, uint64_t *words,
							   unsigned int n, unsigned int level,
							   uint64_t later,
							   struct ptw_rmap_found *found)
{
	for (; later; later &= later - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(later);
		uint32_t what = job->hold ? ptw_rmap_ask_held(job, &words[i], level) :
					    ptw_rmap_ask_word(job, &words[i], level);
		uint64_t bit = (uint64_t)1 << i;

		found->young |= what & PTW_EXTENT_YOUNG ? bit : 0;
		found->dirty |= what & PTW_EXTENT_DIRTY ? bit : 0;
		found->not_asked |= what & PTW_CLEAR_BUSY ? bit : 0;
		if (__builtin_expect(job->cost < PTW_SECTION_COST, 1))
			continue;
		if (i + 1 < n && ptw_rmap_ends(job))
			return ptw_rmap_ended(job, i + 1, found);
		ptw_rmap_section(job);
	}
	return PTW_OK;
}

/* What the entries in `n` words say, 64 at most. */
static int ptw_rmap_age(struct ptw_rmap_job *job, uint64_t *words, unsigned int n,
			unsigned int level, struct ptw_rmap_found *found)
{
	const struct ptw_pgtable *like = job->shadow->like;
	struct ptw_entries *e = &job->entries;
	uint64_t later;

	if (job->hold) {
		later = ptw_rmap_candidates(job, words, n, level);
	} else {
		like->instance->entries(like, words, n, level, e);
		later = e->flagged;
	}
	/* Looking at a word costs, too, also if it is empty. */
	job->cost += n - e->read;
	ptw_rmap_charge(job);
	*found = (struct ptw_rmap_found){ e->young, e->dirty, e->busy, n };
	return later ? ptw_rmap_age_held(job, words, n, level, later, found) : PTW_OK;
}

/* Words [i, i + n) of a level. */
static int ptw_rmap_run(struct ptw_rmap_job *job, unsigned int level, uint64_t i, unsigned int n,
			struct ptw_rmap_found *found)
{
	uint64_t *words = job->rmap->level[level].word + (i - job->rmap->level[level].first);

	if (job->unmap)
		return ptw_rmap_unmap(job, words, n, level, found);
	return ptw_rmap_age(job, words, n, level, found);
}

static void ptw_found_add(struct ptw_rmap_found *all, uint64_t bits, uint32_t what)
{
	all->young |= what & PTW_EXTENT_YOUNG ? bits : 0;
	all->dirty |= what & PTW_EXTENT_DIRTY ? bits : 0;
	all->not_asked |= what & PTW_CLEAR_BUSY ? bits : 0;
}

/* An extent that an end of the question cuts: the longest, with the state of all of them. */
static void ptw_rmap_cut(struct ptw_extent *cut, uint64_t start, uint64_t length, unsigned int level,
			 uint32_t what)
{
	what |= cut->what;
	if (length > cut->length)
		*cut = (struct ptw_extent){ .start = start, .length = length, .level = level };
	cut->what = what;
}

/* What is known of a block of frames that begins before `stop`: bits here, the rest is carried
 * on. */
static void ptw_rmap_block_found(struct ptw_rmap_job *job, unsigned int level, uint64_t start,
				 uint32_t what, uint64_t pos, uint64_t stop,
				 struct ptw_rmap_found *all)
{
	uint64_t length = (uint64_t)1 << job->rmap->level[level].lg2;
	uint64_t end = start + length;

	ptw_found_add(all, ptw_frame_bits(ptw_max(start, pos), ptw_min(end, stop)), what);
	if (end > stop) {
		job->carry[level].end = end;
		job->carry[level].what = what;
	}
	what &= PTW_EXTENT_YOUNG | PTW_EXTENT_DIRTY;
	if (what && start < job->ask->start)
		ptw_rmap_cut(&job->ask->head, start, length, level, what);
	if (what && end > job->ask->end)
		ptw_rmap_cut(&job->ask->tail, start, length, level, what);
}

/*
 * Blocks of a level above 0 that begin in [pos, *end), and the one that `pos` cuts if it is the first.
 * `stop` is where the word of output ends, `end` becomes the frame before which it had to end.
 */
static int ptw_rmap_blocks(struct ptw_rmap_job *job, unsigned int level, uint64_t pos, uint64_t *end,
			   uint64_t stop, struct ptw_rmap_found *all)
{
	const struct ptw_rmap_level *l = &job->rmap->level[level];
	uint64_t first = pos >> l->lg2;
	uint64_t last = (*end - 1) >> l->lg2;
	struct ptw_rmap_found found;
	uint64_t any;
	int ret;

	if (pos != job->first && first << l->lg2 != pos)
		first++;
	/* A level without words has a first one of 0 and a count of 0. */
	first = ptw_max(first, l->first);
	last = ptw_min(last + 1, l->first + l->count);
	if (first >= last)
		return PTW_OK;
	ret = ptw_rmap_run(job, level, first, (unsigned int)(last - first), &found);
	for (any = found.young | found.dirty | found.not_asked; any; any &= any - 1) {
		unsigned int i = (unsigned int)__builtin_ctzll(any);
		uint32_t what = (found.young >> i & 1 ? PTW_EXTENT_YOUNG : 0) |
				(found.dirty >> i & 1 ? PTW_EXTENT_DIRTY : 0) |
				(found.not_asked >> i & 1 ? PTW_CLEAR_BUSY : 0);

		ptw_rmap_block_found(job, level, (first + i) << l->lg2, what, pos, stop, all);
	}
	if (ret)
		*end = ptw_max(pos, (first + found.done) << l->lg2);
	return ret;
}

/* What larger blocks said that began earlier. */
static void ptw_rmap_carried(const struct ptw_rmap_job *job, uint64_t pos, uint64_t stop,
			     struct ptw_rmap_found *all)
{
	for (unsigned int n = 1; n < job->levels; n++)
		if (job->carry[n].end > pos)
			ptw_found_add(all,
				      ptw_frame_bits(pos, ptw_min(job->carry[n].end, stop)),
				      job->carry[n].what);
}

static void ptw_rmap_emit(struct ptw_mmu_ask *ask, uint64_t pos, const struct ptw_rmap_found *all)
{
	uint64_t at = (pos >> 6) - (ask->start >> 6);

	if (all->young && ask->young)
		ask->young[at] |= all->young;
	if (all->dirty && ask->dirty)
		ask->dirty[at] |= all->dirty;
	if (all->not_asked && ask->not_asked)
		ask->not_asked[at] |= all->not_asked;
	ask->young_pages += ptw_popcount(all->young);
	ask->dirty_pages += ptw_popcount(all->dirty);
	ask->not_asked_pages += ptw_popcount(all->not_asked);
}

/*
 * Frames [pos, stop), all in one word of output. Where a level has to end early, those below are asked
 * up to there, so that all before `reached` is done. What was found behind it is told all the same.
 */
static int ptw_rmap_word(struct ptw_rmap_job *job, uint64_t pos, uint64_t stop, uint64_t *reached)
{
	struct ptw_rmap_found all = { .done = 0 };
	struct ptw_rmap_found found;
	unsigned int shift = pos & 63;
	uint64_t end = stop;
	int ret = PTW_OK, low;

	/* Before the new ones, which replace them. */
	if (job->levels > 1)
		ptw_rmap_carried(job, pos, stop, &all);
	for (unsigned int n = job->levels - 1; n && end > pos; n--) {
		low = ptw_rmap_blocks(job, n, pos, &end, stop, &all);
		ret = low ? low : ret;
	}
	if (end > pos) {
		low = ptw_rmap_run(job, 0, pos, (unsigned int)(end - pos), &found);
		ret = low ? low : ret;
		end = pos + found.done;
		all.young |= found.young << shift;
		all.dirty |= found.dirty << shift;
		all.not_asked |= found.not_asked << shift;
	}
	if (all.young | all.dirty | all.not_asked)
		ptw_rmap_emit(job->ask, pos, &all);
	*reached = end;
	return ret;
}

/* The question ended at `pos`: what larger blocks said about frames behind is told all the same. */
static void ptw_rmap_spill(struct ptw_rmap_job *job, uint64_t pos, uint64_t end)
{
	uint64_t to = 0;

	for (unsigned int n = 1; n < job->levels; n++)
		to = ptw_max(to, job->carry[n].end);
	to = ptw_min(to, end);
	while (pos < to) {
		uint64_t stop = ptw_min((pos | 63) + 1, to);
		struct ptw_rmap_found all = { .done = 0 };

		ptw_rmap_carried(job, pos, stop, &all);
		ptw_rmap_emit(job->ask, pos, &all);
		pos = stop;
	}
}

/* Levels up to the highest that has entries. */
static uint32_t ptw_rmap_levels(const struct ptw_rmap *rmap)
{
	uint32_t levels = rmap->levels;

	/* Relaxed: an entry that was added before the question began is counted. */
	while (levels > 1 && !ptw_port_load(&rmap->live[levels - 1]))
		levels--;
	return levels;
}

int ptw_rmap_ask(struct ptw_rmap_job *job)
{
	struct ptw_mmu_ask *ask = job->ask;
	uint64_t pos = ptw_max(ask->start, job->rmap->first);
	uint64_t end = ptw_min(ask->end, job->rmap->end);
	uint64_t next = pos;
	int ret = PTW_OK;

	job->levels = ptw_rmap_levels(job->rmap);
	job->first = pos;
	job->entries.want = ask->flags & (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY);
	job->entries.peek = ask->flags & PTW_HARVEST_PEEK;
	/* A single entry that comes back to its word may be taken for what it was (<ptw/shadow.h>):
	 * not where dirty state is taken, which must not be lost. */
	job->hold = !job->unmap && !job->entries.peek &&
		    ((ask->flags & PTW_HARVEST_DIRTY) ||
		     ptw_old_is_clean(job->shadow->like->layout));
	ptw_port_read_lock();
	while (pos < end) {
		if (ask->budget && job->spent + job->cost >= ask->budget) {
			ret = PTW_ERR_BUDGET;
			break;
		}
		ptw_rmap_section(job);
		next = ptw_min((pos | 63) + 1, end);
		ret = ptw_rmap_word(job, pos, next, &pos);
		if (ret)
			break;
	}
	ptw_port_read_unlock();
	if (ret && job->levels > 1)
		ptw_rmap_spill(job, next, end);
	ask->resume = ret ? pos : ask->end;
	return ret;
}
