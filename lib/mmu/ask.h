/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A question about a run of pages under way: who is asked, and where answers go. */
#ifndef PTW_LIB_ASK_H
#define PTW_LIB_ASK_H

#include <ptw/ask.h>

#include "lib/mmu/space.h"

/* Pages of one piece, where answers go through words of our own. */
#define PTW_PIECE 512u

/* What an operation costs besides entries: words are looked at. */
#define PTW_PIECE_COST 16u

struct ptw_asking {
	struct ptw_space *space;
	const struct ptw_ask *ask;
	uint64_t start; /* pages of the question, or of that part of it that lies in one slot */
	uint64_t end;
	uint64_t bit0;  /* bit of page `start` in the caller's bitmaps */
	uint64_t said0; /* index of page `start` in ask->said */
	uint64_t stop;  /* all asked so far were asked up to here */
	uint64_t budget; /* for each operation; 0: none */
	uint32_t flags;  /* for each operation: enum ptw_harvest_flag */
	bool brief;      /* the operation needs a section, which the question does not hold */
	uint64_t cost;
	bool clean;      /* dirty is asked for */
	bool section;    /* in a read-side section: all operations are fast */
	bool insist;     /* "again" ends it, instead of leaving pages out */
	bool counted;    /* in space->blind */
	bool blind;      /* nobody to publish to: answers may go straight to the caller's bitmaps */
	int error;       /* the first one */
	struct ptw_ask_result result;
};

/* Ask the primary and all runs of `version` about pages [at, q->stop). Afterwards q->stop is what was reached. */
void ptw_ask_pages(struct ptw_asking *q, const struct ptw_version *version, uint64_t at);

/* Is nobody of this MMU asked at this effort, although it would have something to say? */
bool ptw_ask_leaves_out(const struct ptw_asking *q, const struct ptw_member *member);

/* Ask one run about [low, high), pages of it; false: it is left out, and nothing was done. */
bool ptw_ask_run(struct ptw_asking *q, const struct ptw_run *run, uint64_t low, uint64_t high);

/* The same by another operation than the question's effort would choose; q->flags are its flags. */
void ptw_ask_with(struct ptw_asking *q, const struct ptw_run *run, ptw_mmu_ask_fn op, uint64_t low,
		  uint64_t high);

/*
 * What an operation said of the pages from `page` on, but for the bits and their number. Returns how many
 * pages further to go on: all that it was asked about, or fewer, to stop there (and so is q->stop).
 */
uint64_t ptw_ask_took(struct ptw_asking *q, const struct ptw_run *run, struct ptw_mmu_ask *a, int ret,
		      uint64_t page);

/* Bits that went straight to the caller's bitmaps are counted by what the operation says. */
void ptw_ask_counted(struct ptw_asking *q, const struct ptw_run *run, const struct ptw_mmu_ask *a);

/*
 * The quick lane: a few words of accessed at effort FAST, nobody but the caller to tell. Returns what
 * ptw_space_harvest() does, or 1: not for it, nothing was asked.
 */
int ptw_ask_quick(struct ptw_space *space, uint64_t start, uint64_t end, const struct ptw_ask *ask,
		  struct ptw_ask_result *result);

/* What others had found for the consumer who asks, about pages [at, q->stop). */
void ptw_ask_consumer(struct ptw_asking *q, uint64_t at);

/*
 * MMUs are asked outside sections from here to the end. With nobody to publish to the question is
 * counted, so that a consumer that joins meanwhile can wait for its end.
 */
void ptw_ask_outside(struct ptw_asking *q);
void ptw_ask_outside_end(struct ptw_asking *q);

/* A question is set up, but for its pages. */
void ptw_ask_begin(struct ptw_asking *q, struct ptw_space *space, const struct ptw_ask *ask);

/* The rest of a question about pages, from `at` on, and its answer. `spent`: the cost so far. */
int ptw_ask_finish(struct ptw_asking *q, uint64_t at, uint64_t spent, struct ptw_ask_result *result);

/* Young and dirty of the 64 pages from `page` on, found by `member`, go to whom they concern. */
void ptw_ask_word(struct ptw_asking *q, const struct ptw_member *member, uint64_t page,
		  uint64_t young, uint64_t dirty);

/* OR `bits`, for the 64 pages from `page` on, into a caller's bitmap, clipped to the question. */
void ptw_ask_or(const struct ptw_asking *q, uint64_t *bitmap, uint64_t page, uint64_t bits);

/* Mark [low, high) as not asked of `member`. */
void ptw_ask_skip(struct ptw_asking *q, const struct ptw_member *member, uint64_t low, uint64_t high);

/* The mask of pages [low, high) in the word of 64 pages from `page` on. */
static inline uint64_t ptw_word_mask(uint64_t page, uint64_t low, uint64_t high)
{
	uint64_t mask = ~(uint64_t)0;

	if (low > page)
		mask &= low - page < 64 ? ~(uint64_t)0 << (low - page) : 0;
	if (high <= page)
		return 0;
	return high - page < 64 ? mask & ~(uint64_t)0 >> (64 - (high - page)) : mask;
}

/* From a word to the next one with pages below `high`; false: there is none. `page` lies below `high`. The
 * last word of all has none behind it. */
static inline bool ptw_word_next(uint64_t *page, uint64_t high)
{
	if (high - *page <= 64)
		return false;
	*page += 64;
	return true;
}

/* Is it a code an MMU may return? */
static inline bool ptw_is_code(int ret)
{
	return ret <= 0 && ret >= PTW_ERR_DROPPED;
}

#endif /* PTW_LIB_ASK_H */
