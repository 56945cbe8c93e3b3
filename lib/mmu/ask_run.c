/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Asking one MMU about a run of pages, and giving its answer to everybody it is for: the caller's
 * bitmaps, and the consumers.
 *
 * Where bits of frames and of the caller's bitmap lie alike and nobody else wants to know, an MMU writes
 * whole words of the caller's bitmap itself. Otherwise it answers into words of ours, in pieces, which are
 * checked, shifted and handed on.
 */
#include "lib/mmu/ask.h"

#include "lib/walk/template.h"

/* Words of a piece, which need not begin at a multiple of 64. */
#define PTW_PIECE_WORDS (PTW_PIECE / 64 + 1)

struct ptw_piece {
	uint64_t young[PTW_PIECE_WORDS];
	uint64_t dirty[PTW_PIECE_WORDS];
	uint64_t not_asked[PTW_PIECE_WORDS];
};

void ptw_ask_or(const struct ptw_asking *q, uint64_t *bitmap, uint64_t page, uint64_t bits)
{
	uint64_t bit;
	unsigned int shift;

	bits &= ptw_word_mask(page, q->start, q->end);
	if (!bits)
		return;
	/* From the first page of the question on: `page` may lie before it. */
	if (page < q->start) {
		bits >>= q->start - page;
		page = q->start;
	}
	bit = q->bit0 + (page - q->start);
	shift = bit & 63;
	bitmap[bit / 64] |= bits << shift;
	if (shift && bits >> (64 - shift))
		bitmap[bit / 64 + 1] |= bits >> (64 - shift);
}

void ptw_ask_skip(struct ptw_asking *q, const struct ptw_member *member, uint64_t low, uint64_t high)
{
	uint64_t page = low & ~(uint64_t)63;

	if (low >= high)
		return;
	q->result.skipped |= member->mask;
	q->result.not_asked_pages += high - low;
	if (!q->ask->not_asked)
		return;
	do {
		ptw_ask_or(q, q->ask->not_asked, page, ptw_word_mask(page, low, high));
	} while (ptw_word_next(&page, high));
}

void ptw_ask_word(struct ptw_asking *q, const struct ptw_member *member, uint64_t page,
		  uint64_t young, uint64_t dirty)
{
	const struct ptw_ask *ask = q->ask;

	if (young && ask->young)
		ptw_ask_or(q, ask->young, page, young);
	if (dirty && ask->dirty)
		ptw_ask_or(q, ask->dirty, page, dirty);
	for (uint64_t bits = young; ask->said && bits; bits &= bits - 1)
		ask->said[q->said0 + (page + (unsigned int)__builtin_ctzll(bits) - q->start)] |=
			member->mask;
	if (q->blind || (ask->flags & PTW_HARVEST_PEEK))
		return;
	/* Dirty state that was taken along unasked, and has no place in the answer: the next one has it. */
	if (dirty && !ask->dirty && !(ask->flags & PTW_HARVEST_DIRTY)) {
		ptw_consumers_word(q->space, page, 0, dirty, NULL);
		dirty = 0;
	}
	ptw_consumers_word(q->space, page, young, dirty, ask->consumer);
}

/* Pages [low, high) of the question that a piece beside them has found, by a leaf that reaches here. */
static void ptw_ask_beside(struct ptw_asking *q, const struct ptw_member *member, uint32_t what,
			   uint64_t low, uint64_t high)
{
	uint64_t page = low & ~(uint64_t)63;

	if (low >= high)
		return;
	do {
		const uint64_t bits = ptw_word_mask(page, low, high);

		ptw_ask_word(q, member, page, what & PTW_EXTENT_YOUNG ? bits : 0,
			     what & PTW_EXTENT_DIRTY ? bits : 0);
	} while (ptw_word_next(&page, high));
	/* Nobody finds them again; but who peeks does. */
	if (q->ask->flags & PTW_HARVEST_PEEK)
		return;
	if (what & PTW_EXTENT_YOUNG)
		q->result.young_pages += high - low;
	if (what & PTW_EXTENT_DIRTY)
		q->result.dirty_pages += high - low;
}

/*
 * A leaf extent that sticks out of [low, high): its state is gone there, too. In the question it is
 * part of the answer; outside the caller learns of it, and consumers get it, the asking one as well.
 */
static void ptw_ask_extent(struct ptw_asking *q, const struct ptw_run *run,
			   const struct ptw_extent *extent, uint64_t low, uint64_t high)
{
	struct ptw_extent pages = { .level = extent->level, .what = extent->what };
	struct ptw_extent *longest;
	uint64_t from = extent->start > run->frame ? extent->start - run->frame : 0;
	uint64_t to = extent->start + extent->length;

	if (!extent->length || to <= run->frame || to < extent->start)
		return;
	/* In pages of the run. */
	from += run->page;
	to = to - run->frame < run->end - run->page ? to - run->frame + run->page : run->end;
	if (from >= to || from >= high || to <= low)
		return;
	ptw_ask_beside(q, run->member, extent->what, from > q->start ? from : q->start, low);
	ptw_ask_beside(q, run->member, extent->what, high, to < q->end ? to : q->end);
	if (!q->blind && !(q->ask->flags & PTW_HARVEST_PEEK)) {
		if (from < q->start)
			ptw_consumers_run(q->space, from, q->start, extent->what, NULL);
		if (to > q->end)
			ptw_consumers_run(q->space, q->end, to, extent->what, NULL);
	}
	pages.start = from;
	pages.length = to - from;
	longest = from < q->start ? &q->result.head : &q->result.tail;
	if ((from < q->start || to > q->end) && longest->length < pages.length)
		*longest = pages;
	if (from < q->start && to > q->end && q->result.tail.length < pages.length)
		q->result.tail = pages;
}

/* Bits `shift` further up, from frames to pages: word i of the result. */
static uint64_t ptw_shifted(const uint64_t *words, unsigned int i, unsigned int shift)
{
	uint64_t word = i < PTW_PIECE_WORDS ? words[i] << shift : 0;

	if (shift && i)
		word |= words[i - 1] >> (64 - shift);
	return word;
}

/* Bits outside the frames that were asked about are nonsense. */
static bool ptw_piece_clip(uint64_t *words, const struct ptw_mmu_ask *a)
{
	const uint64_t base = a->start & ~(uint64_t)63;
	uint64_t stray = 0;

	for (unsigned int i = 0; i < PTW_PIECE_WORDS; i++) {
		uint64_t mask = ptw_word_mask(base + 64 * (uint64_t)i, a->start, a->end);

		stray |= words[i] & ~mask;
		words[i] &= mask;
	}
	return stray;
}

static uint64_t ptw_piece_count(const uint64_t *words)
{
	uint64_t count = 0;

	for (unsigned int i = 0; i < PTW_PIECE_WORDS; i++)
		count += words[i] ? ptw_popcount(words[i]) : 0;
	return count;
}

/* The answer in words of ours: to whom it concerns. */
static void ptw_piece_deliver(struct ptw_asking *q, const struct ptw_run *run,
			      const struct ptw_mmu_ask *a, const struct ptw_piece *piece)
{
	const uint64_t page = run->page + (a->start - run->frame);
	/* Words of pages begin up to 63 pages before, or after, words of frames. */
	const uint64_t base = page - (a->start & 63);
	const unsigned int shift = base & 63;

	for (unsigned int i = 0; i <= PTW_PIECE_WORDS; i++) {
		uint64_t young = ptw_shifted(piece->young, i, shift);
		uint64_t dirty = ptw_shifted(piece->dirty, i, shift);
		uint64_t word = (base & ~(uint64_t)63) + 64 * (uint64_t)i;

		if (!(young | dirty))
			continue;
		q->result.young_pages += ptw_popcount(young);
		q->result.dirty_pages += ptw_popcount(dirty);
		if (young)
			q->result.said |= run->member->mask;
		ptw_ask_word(q, run->member, word, young, dirty);
	}
	if (!a->not_asked_pages)
		return;
	q->result.skipped |= run->member->mask;
	for (unsigned int i = 0; i <= PTW_PIECE_WORDS; i++) {
		uint64_t bits = ptw_shifted(piece->not_asked, i, shift);

		if (bits && q->ask->not_asked)
			ptw_ask_or(q, q->ask->not_asked, (base & ~(uint64_t)63) + 64 * (uint64_t)i,
				   bits);
	}
}

static void ptw_ask_failed(struct ptw_asking *q, const struct ptw_member *member, int error)
{
	q->result.failed |= member->mask;
	if (error == PTW_ERR_MMU)
		ptw_port_add64(&q->space->nonsense, 1);
	if (!q->error)
		q->error = error;
}

/* What an operation returned, and how far it says it got. Returns the frame up to which it is answered. */
static uint64_t ptw_ask_judge(struct ptw_asking *q, const struct ptw_run *run,
			      struct ptw_mmu_ask *a, int *code)
{
	const uint64_t pages = a->end - a->start;
	const int ret = *code;

	if (!ptw_is_code(ret) || a->resume < a->start || a->resume > a->end ||
	    (ret == PTW_OK && a->resume != a->end) ||
	    (ret == PTW_ERR_BUDGET && a->resume == a->start) || a->young_pages > pages ||
	    a->dirty_pages > pages || a->not_asked_pages > pages) {
		*code = PTW_ERR_MMU;
		ptw_ask_failed(q, run->member, PTW_ERR_MMU);
		/* Nothing it says of itself can be relied on: it was not asked. */
		a->not_asked_pages = 0;
		a->young_pages = a->young_pages > pages ? pages : a->young_pages;
		a->dirty_pages = a->dirty_pages > pages ? pages : a->dirty_pages;
		return a->start;
	}
	if (ret && ret != PTW_ERR_BUDGET && (ret != PTW_ERR_AGAIN || q->insist))
		ptw_ask_failed(q, run->member, ret);
	return a->resume;
}

uint64_t ptw_ask_took(struct ptw_asking *q, const struct ptw_run *run, struct ptw_mmu_ask *a, int ret,
		      uint64_t page)
{
	const uint64_t n = a->end - a->start;
	const uint64_t reached = ptw_ask_judge(q, run, a, &ret);
	uint64_t stop;

	q->result.asked |= run->member->mask;
	q->result.entries += a->entries;
	q->result.not_asked_pages += a->not_asked_pages;
	q->cost += PTW_PIECE_COST + a->entries + 16 * a->young_pages;
	if (a->cheap)
		q->result.cheap |= run->member->mask;
	if (a->not_asked_pages)
		q->result.skipped |= run->member->mask;
	if (a->waited)
		ptw_space_stall_add(q->space, PTW_STALL_AGER_WAIT, a->waited);
	if (a->head.length | a->tail.length) {
		/* For consumers, if there are any; sections nest. */
		ptw_port_read_lock();
		ptw_ask_extent(q, run, &a->head, page, page + n);
		/* One leaf may stick out on both sides. */
		if (!a->head.length || a->tail.start != a->head.start)
			ptw_ask_extent(q, run, &a->tail, page, page + n);
		ptw_port_read_unlock();
	}
	/* Unmapping must be whole: left out is not done. */
	if (q->insist && a->not_asked_pages && !q->error)
		ptw_ask_failed(q, run->member, PTW_ERR_AGAIN);
	if (reached == a->end && !(q->insist && a->not_asked_pages))
		return n;
	stop = q->insist && a->not_asked_pages ? page : page + (reached - a->start);
	if (ret != PTW_ERR_BUDGET && !q->insist)
		ptw_ask_skip(q, run->member, stop, page + n);
	/* Who could not be asked just now is asked about the next piece. */
	if (ret == PTW_ERR_AGAIN && !q->insist)
		return n;
	/* In a section of its own it goes on in another one, unless it is the caller's budget. */
	if (ret == PTW_ERR_BUDGET && q->brief && !q->ask->budget)
		return stop - page;
	if (q->stop > stop)
		q->stop = stop;
	return stop - page;
}

void ptw_ask_counted(struct ptw_asking *q, const struct ptw_run *run, const struct ptw_mmu_ask *a)
{
	q->result.young_pages += a->young_pages;
	q->result.dirty_pages += a->dirty_pages;
	if (a->young_pages)
		q->result.said |= run->member->mask;
}

/* A fast operation counts on a section. Where the question holds none, it gets a short one of its own. */
static int ptw_ask_call(const struct ptw_asking *q, const struct ptw_run *run, ptw_mmu_ask_fn op,
			struct ptw_mmu_ask *a)
{
	const uint64_t start = a->start, end = a->end;
	int ret;

	if (q->brief) {
		if (!a->budget || a->budget > PTW_SECTION_COST)
			a->budget = PTW_SECTION_COST;
		ptw_port_read_lock();
		ret = op(run->member->mmu.context, a);
		ptw_port_read_unlock();
	} else {
		ret = op(run->member->mmu.context, a);
	}
	/* The question's bounds, not what the MMU may have written there. */
	a->start = start;
	a->end = end;
	return ret;
}

/* Whole words, into the caller's bitmaps. */
static uint64_t ptw_ask_direct(struct ptw_asking *q, const struct ptw_run *run, ptw_mmu_ask_fn op,
			       struct ptw_mmu_ask *a, uint64_t page)
{
	const uint64_t word = (q->bit0 + (page - q->start)) / 64;
	const struct ptw_ask *ask = q->ask;
	uint64_t done;
	int ret;

	a->young = ask->young ? ask->young + word : NULL;
	a->dirty = ask->dirty ? ask->dirty + word : NULL;
	a->not_asked = ask->not_asked ? ask->not_asked + word : NULL;
	ret = ptw_ask_call(q, run, op, a);
	done = ptw_ask_took(q, run, a, ret, page);
	ptw_ask_counted(q, run, a);
	return done;
}

/* Into words of ours. */
static uint64_t ptw_ask_piece(struct ptw_asking *q, const struct ptw_run *run, ptw_mmu_ask_fn op,
			      struct ptw_mmu_ask *a, uint64_t page)
{
	struct ptw_piece piece;
	uint64_t done;
	bool stray;
	int ret;

	for (unsigned int i = 0; i < PTW_PIECE_WORDS; i++)
		piece.young[i] = piece.dirty[i] = piece.not_asked[i] = 0;
	a->young = piece.young;
	a->dirty = piece.dirty;
	a->not_asked = piece.not_asked;
	ret = ptw_ask_call(q, run, op, a);
	/* Whether a consumer has a bit already, and who the consumers are, is looked at after the bits
	 * were cleared: a consumer that took its own meanwhile must get these. Partner: the CPU whose
	 * access, made after that, the operation has found. */
	if (!q->blind)
		ptw_port_order_loads();
	stray = ptw_piece_clip(piece.young, a);
	stray |= ptw_piece_clip(piece.dirty, a);
	stray |= ptw_piece_clip(piece.not_asked, a);
	if (!a->not_asked_pages)
		a->not_asked_pages = ptw_piece_count(piece.not_asked);
	done = ptw_ask_took(q, run, a, ret, page);
	ptw_port_read_lock();
	ptw_piece_deliver(q, run, a, &piece);
	ptw_port_read_unlock();
	if (stray)
		ptw_ask_failed(q, run->member, PTW_ERR_MMU);
	return done;
}

void ptw_ask_with(struct ptw_asking *q, const struct ptw_run *run, ptw_mmu_ask_fn op, uint64_t low,
		  uint64_t high)
{
	const uint64_t frames = run->frame - run->page;
	const bool aligned = q->blind && !q->ask->said &&
			     !((q->bit0 + (low - q->start) - (low + frames)) & 63) &&
			     (q->ask->young || !(q->flags & PTW_HARVEST_ACCESSED)) &&
			     (q->ask->dirty || !(q->flags & PTW_HARVEST_DIRTY));

	while (low < high) {
		uint64_t n = high - low;
		uint64_t before = 64 - ((low + frames) & 63);
		const bool direct = aligned && before == 64 && n >= 64;
		struct ptw_mmu_ask a = { .size = sizeof(a), .as = run->as, .flags = q->flags,
					 .budget = q->budget };
		uint64_t done;

		if (direct)
			n &= ~(uint64_t)63;
		else if (aligned && before < 64 && n > PTW_PIECE)
			n = before;
		else if (n > PTW_PIECE - ((low + frames) & (PTW_PIECE - 1)))
			n = PTW_PIECE - ((low + frames) & (PTW_PIECE - 1));
		/* What is left of the section's cost; each operation gets something. */
		if (q->section && q->budget)
			a.budget = q->cost + 64 < q->budget ? q->budget - q->cost : 64;
		a.start = low + frames;
		a.end = a.resume = a.start + n;
		done = direct ? ptw_ask_direct(q, run, op, &a, low) :
				ptw_ask_piece(q, run, op, &a, low);
		if (done < n && !(q->brief && done && !q->error && !q->ask->budget))
			break;
		low += done;
		/* Sections are short; at least one piece is done in each. */
		if (q->section && q->cost >= PTW_SECTION_COST && low < high) {
			if (q->stop > low)
				q->stop = low;
			break;
		}
	}
}

bool ptw_ask_leaves_out(const struct ptw_asking *q, const struct ptw_member *member)
{
	/* Who keeps no accessed state is not left out where that is asked. */
	if (!q->clean)
		return !member->age[q->ask->effort] && member->mmu.ops->harvest;
	if (member->mmu.ops->harvest_dirty)
		return !member->clean[q->ask->effort];
	/* No dirty state to tell, but perhaps the other half of the question. */
	return (q->ask->flags & PTW_HARVEST_ACCESSED) && !member->age[q->ask->effort] &&
	       member->mmu.ops->harvest;
}

bool ptw_ask_run(struct ptw_asking *q, const struct ptw_run *run, uint64_t low, uint64_t high)
{
	const struct ptw_member *member = run->member;
	const uint32_t effort = q->ask->effort;
	const bool clean = q->clean && member->mmu.ops->harvest_dirty;
	ptw_mmu_ask_fn op = clean ? member->clean[effort] : member->age[effort];

	if (ptw_ask_leaves_out(q, member))
		return false;
	if (!op)
		return true;
	/* Each is asked for what it keeps. */
	q->flags = q->ask->flags;
	if (q->clean && !clean)
		q->flags &= PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK;
	if (!member->mmu.ops->harvest)
		q->flags &= ~(uint32_t)PTW_HARVEST_ACCESSED;
	if (!(q->flags & (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY)))
		return true;
	/* Everybody's operation may be the same function: then it is not the fast one that is meant. */
	q->brief = !q->section && !clean && effort < PTW_EFFORT_ALL &&
		   op == member->mmu.ops->harvest_fast_only;
	ptw_ask_with(q, run, op, low, high);
	q->brief = false;
	return true;
}
