/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the learned policy share: the seven bytes of a page, the state of a group. The
 * rule, and where its constants come from, is told in docs/experiments/learned.md.
 *
 * learned.c		the operations
 * learned_page.c	pages: spans, seen, forgotten, the queue
 * learned_rank.c	what was counted, and the rank that follows from it
 * learned_schedule.c	when a step ends, and which pages are looked at then
 * learned_chooser.c	rank or age: two miniatures tell
 * learned_save.c	the state as bytes
 * learned_check.c	do the counts agree with the pages?
 *
 * All calls on a state come one after the other, so nothing here is atomic.
 */
#ifndef PTW_LIB_AGE_POLICY_LEARNED_H
#define PTW_LIB_AGE_POLICY_LEARNED_H

#include <ptw/policy.h>
#include <ptw/port.h>

/* Pages that were never reused, and half octaves of the mean reuse interval. */
#define PTW_LEARNED_CLASSES 17u
/* Steps; older is as old. With 120 of them 1.1 % more pages miss, with 1000 not fewer. */
#define PTW_LEARNED_AGES 240u
/* Half octaves of age. */
#define PTW_LEARNED_BUCKETS 15u
/*
 * Steps that as many misses as pages of memory are made of. With 16 of them 0.6 % more pages miss.
 */
#define PTW_LEARNED_STEPS 32u
/* Pages that are harvested together: a cache line of entries. */
#define PTW_LEARNED_LINE 8u
/* Of pages swept in each step, one in so many; PTW_LEARNED_AGES plus this must be below 256. */
#define PTW_LEARNED_SWEEPS 8u
/*
 * Buckets of the queue. Ranks are below the last one, which is for pages that could not be put out.
 */
#define PTW_LEARNED_RANKS  256u
#define PTW_LEARNED_FAILED (PTW_LEARNED_RANKS - 1)

/* A page in 8 is sampled, or in fewer where a miniature would have too few frames. */
#define PTW_LEARNED_SHIFT 3u
/*
 * So often the bound has been doubled at most, and is in the beginning; one less when 8 rounds of
 * memory went well.
 */
#define PTW_LEARNED_CAUTION    2u
#define PTW_LEARNED_GOOD_STEPS (8 * PTW_LEARNED_STEPS)

/* A page's history. */
#define PTW_LEARNED_MEAN 0x0fffu /* of reuse intervals, in 16ths of a step; 0: never reused */
#define PTW_LEARNED_IN	 0x1000u /* in the miniature by age; the next bit: in that by rank */
#define PTW_LEARNED_AGAIN \
	0x4000u /* queued, and used since: gets another place when its turn comes */
#define PTW_LEARNED_KNOWN 0x8000u /* seen before. Queued without it: removed, to be skipped */

/* A page's link: 0 not queued, 1 the last one of its bucket, else 2 + the next page. */
#define PTW_LEARNED_LAST 1u
#define PTW_LEARNED_LINK 2u
/* More pages cannot be linked. */
#define PTW_LEARNED_PAGES_MAX ((uint64_t)0xffffffff - 1)

/* What orders the queue. */
enum ptw_learned_rule {
	PTW_LEARNED_RECENCY, /* the greatest age goes first */
	PTW_LEARNED_HAZARD,  /* the lowest rank goes first */
	PTW_LEARNED_RULES,
};

/* How much is looked at, most first. */
enum ptw_learned_level {
	PTW_LEARNED_MUCH,
	PTW_LEARNED_LESS,
	PTW_LEARNED_LEAST,
	PTW_LEARNED_BY_RECENCY, /* the only one of that rule */
	PTW_LEARNED_LEVELS,
};

/* Pages of the group without a break: first to end - 1. */
struct ptw_learned_span {
	uint32_t first;
	uint32_t end;
};

struct ptw_learned {
	uint64_t pages; /* of the engine */
	uint32_t *link; /* of each page */
	uint16_t *history;
	uint8_t *seen; /* the step, modulo 256, in which it was seen last, if it is known */

	struct ptw_learned_span *span; /* by page, none touches the next */
	uint32_t spans;
	uint32_t spans_room;

	/* The queue: pages by rank, those of a rank in the order in which they came. */
	uint32_t head[PTW_LEARNED_RANKS]; /* as a link, 0: empty */
	uint32_t tail[PTW_LEARNED_RANKS]; /* a page; without a meaning in an empty one */
	uint32_t lowest;		  /* no bucket below it has a page */
	bool picked;			  /* at least once */

	/* The step. */
	uint64_t step;
	uint64_t misses;
	uint64_t step_misses;
	bool started; /* the clock has been told */
	bool over;    /* the step is, as soon as ageing has run */
	uint64_t origin;
	uint64_t origin_misses;
	uint64_t now;
	uint64_t step_began;
	uint64_t clock_from; /* what the clock said when the state was restored, */
	uint64_t clock_at;   /* and the time that was then */

	/* What was counted, by class and age. */
	/* Pages, absent ones too, by the byte of the step in which they were seen last. */
	uint32_t population[PTW_LEARNED_CLASSES][256];
	uint64_t events[PTW_LEARNED_CLASSES][PTW_LEARNED_BUCKETS];    /* in 256ths */
	uint64_t exposures[PTW_LEARNED_CLASSES][PTW_LEARNED_BUCKETS]; /* likewise */
	uint8_t rank[PTW_LEARNED_CLASSES][PTW_LEARNED_BUCKETS];

	/* What is looked at. */
	/* Ages, which are powers of two, so that they are their own bits. */
	uint8_t due[PTW_LEARNED_LEVELS][PTW_LEARNED_CLASSES];
	uint64_t entries; /* looked at in this step */
	int64_t debt;	  /* entries beyond what misses pay for */
	uint32_t level;

	/* Which rule. */
	uint32_t rule;
	uint32_t shift;			    /* a page in 2^shift is sampled */
	uint32_t held[PTW_LEARNED_RULES];   /* pages in each miniature */
	uint64_t missed[PTW_LEARNED_RULES]; /* what each has missed in this step */
	uint64_t faults;		    /* of pages sampled, in memory itself, likewise */
	uint32_t turn;
	uint32_t caution;
	uint32_t good; /* steps by rank since caution was set */
	int64_t balance;
};

/* floor(2 log2 v) of 1 to 65535. */
static inline unsigned int ptw_learned_half_octaves(uint32_t v)
{
	const unsigned int octave = 31u - (unsigned int)__builtin_clz(v);

	return 2 * octave + (v * v >> (2 * octave + 1));
}

/* A mean below a step tells nothing more, a step is what is seen of time. */
static inline unsigned int ptw_learned_class_of(uint32_t mean)
{
	return mean ? 1 + ptw_learned_half_octaves(mean < 16 ? 16 : mean) - 8 : 0;
}

/* Of an age from 1 on. No age has 1 half octave. */
static inline unsigned int ptw_learned_bucket(uint32_t age)
{
	const unsigned int h = ptw_learned_half_octaves(age);

	return h ? h - 1 : 0;
}

static inline unsigned int ptw_learned_class(const struct ptw_learned *l, uint32_t page)
{
	return ptw_learned_class_of(l->history[page] & PTW_LEARNED_MEAN);
}

static inline uint32_t ptw_learned_age(const struct ptw_learned *l, uint32_t page)
{
	const uint8_t age = (uint8_t)(l->step - l->seen[page]);

	return age < PTW_LEARNED_AGES ? age : PTW_LEARNED_AGES;
}

/* The page's bucket of the queue under a rule. This step's pages are as those of the last one. */
static inline uint32_t ptw_learned_rank_of(const struct ptw_learned *l, uint32_t page,
					   uint32_t rule)
{
	const uint32_t age = ptw_learned_age(l, page);

	if (rule == PTW_LEARNED_RECENCY)
		return PTW_LEARNED_RANKS - 1 - (age ? age : 1);
	return l->rank[ptw_learned_class(l, page)][ptw_learned_bucket(age ? age : 1)];
}

/* Is it queued and resident? */
static inline bool ptw_learned_queued(const struct ptw_learned *l, uint32_t page)
{
	return l->link[page] && (l->history[page] & PTW_LEARNED_KNOWN);
}

/* As many misses as pages of memory: nothing can be told before. */
static inline bool ptw_learned_filling(const struct ptw_learned *l, uint64_t resident)
{
	return l->misses < resident;
}

/* Pages (learned_page.c). */
int ptw_learned_attached(void *state, uint64_t first, uint64_t pages);
void ptw_learned_seen(struct ptw_learned *l, uint32_t page);
void ptw_learned_forget(struct ptw_learned *l, uint32_t page);
void ptw_learned_queue(struct ptw_learned *l, uint32_t page, uint32_t rank);
unsigned int ptw_learned_pick(void *state, uint64_t *page, unsigned int want);
void ptw_learned_requeue(struct ptw_learned *l);
void ptw_learned_sweep(struct ptw_learned *l);

/* Counts and ranks (learned_rank.c). */
uint32_t ptw_learned_log2(uint32_t v, unsigned int fraction);
void ptw_learned_count(struct ptw_learned *l);
void ptw_learned_rank(struct ptw_learned *l);

/* What is looked at, and when (learned_schedule.c). */
void ptw_learned_schedule(struct ptw_learned *l);
uint64_t ptw_learned_time(const struct ptw_learned *l, uint64_t now);
void ptw_learned_clock(struct ptw_learned *l, uint64_t now);
bool ptw_learned_step_over(const struct ptw_learned *l, uint64_t resident);
void ptw_learned_budget(struct ptw_learned *l, uint64_t resident);
uint64_t ptw_learned_next(void *state, uint64_t from, uint64_t *pages);
void ptw_learned_looked_around(struct ptw_learned *l, uint32_t page);

/* Which rule (learned_chooser.c). */
bool ptw_learned_sampled(const struct ptw_learned *l, uint32_t page);
void ptw_learned_sample(struct ptw_learned *l, uint32_t page);
void ptw_learned_unsample(struct ptw_learned *l, uint32_t page);
void ptw_learned_resize(struct ptw_learned *l, uint64_t resident);
void ptw_learned_choose(struct ptw_learned *l, uint64_t resident);

/* PTW_OK, or PTW_ERR_CORRUPT_COUNT (learned_check.c). Linear in pages, for tests. */
int ptw_learned_check(const struct ptw_learned *l);

#endif /* PTW_LIB_AGE_POLICY_LEARNED_H */
