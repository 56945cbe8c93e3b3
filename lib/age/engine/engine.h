/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the engine share: pages, regions, groups.
 *
 * A page has two bytes. `tick` is 0, "older than can be told", or 1 + the tick it was last seen used at, modulo 255, of
 * its group's clock. `state` says whether it is resident, being evicted, and what it was before,
 * and counts uses. Of a page that was put out, `tick` is 1 + the sequence number of the generation
 * that it went from, modulo 255, where refaults are judged, or else 0.
 *
 * A region has two words. `young` takes what harvests find and is emptied by who owns the region. `control` says whose
 * it is, of which type, who owns it, and a bound: no resident page's tick is older than the bound's.
 *
 * Ticks go on by one at a time (ptw_group_tick()), and each tick one region in PTW_TURNS is looked through: pages
 * older than PTW_OLD_TICKS get tick 0 there. So no tick is ever as old as 255, where its byte comes again.
 *
 * With a policy that orders pages itself there are no ticks: all pages that are resident and not isolated are counted
 * under PTW_ORDERED, bounds are not used, and one generation has everything.
 *
 * Lock order: group->ticking, then a region, then group->policing. Regions are not owned two at a time.
 */
#ifndef PTW_LIB_AGE_ENGINE_H
#define PTW_LIB_AGE_ENGINE_H

#include <ptw/engine.h>
#include <ptw/engine_enable.h>
#include <ptw/engine_type.h>
#include <ptw/policy.h>
#include <ptw/port.h>

#include "lib/age/engine/tree.h"

#define PTW_TICKS     255u
#define PTW_TURNS     48u
#define PTW_OLD_TICKS (PTW_TICKS - 1 - 2 * PTW_TURNS)
/* Ticks of a generation at most, so that four of them are told apart. */
#define PTW_GENERATION_TICKS (PTW_OLD_TICKS / PTW_GENERATIONS)

/* The byte that pages are counted under when a policy orders them: the present one of a clock that stands still. */
#define PTW_ORDERED 1u

/* As bits. */
#define PTW_TYPES_ALL ((1u << PTW_TYPES) - 1)
/* Weights as a group begins with them, a byte each. */
#define PTW_BALANCE_EVEN (PTW_BALANCE_DEFAULT * (uint64_t)0x01010101)

/* State of a page. */
#define PTW_PAGE_RESIDENT 0x01u
#define PTW_PAGE_ISOLATED 0x02u /* being evicted */
#define PTW_PAGE_EVICTED  0x04u /* absent, and was put out */
#define PTW_PAGE_USE	  0x08u /* one use, */
#define PTW_PAGE_USES	  0x38u /* up to seven of them */

struct ptw_region {
	uint64_t young;
	uint64_t control;
};

/* control: the group's number plus one, the bound, the type, the owner. */
#define PTW_CONTROL_OWNED    ((uint64_t)1 << 63)
#define PTW_CONTROL_CLOSED   ((uint64_t)1 << 62) /* alone: its group is being given up, or is not there yet */
#define PTW_CONTROL_GROUP(c) ((uint32_t)(c)&0xffffu)
#define PTW_CONTROL_BOUND(c) ((uint32_t)((c) >> 16) & 0xffu)
#define PTW_CONTROL_USED \
	((uint64_t)1 << 24) /* the bound is one: a page is resident and not isolated */

#define PTW_CONTROL_TYPE_LG2 25
#define PTW_CONTROL_TYPE(c)  ((uint32_t)((c) >> PTW_CONTROL_TYPE_LG2) & (PTW_TYPES - 1))
/* What a region keeps while it is a group's. */
#define PTW_CONTROL_WHOSE \
	((uint64_t)0xffff | (uint64_t)(PTW_TYPES - 1) << PTW_CONTROL_TYPE_LG2)

struct ptw_span {
	struct ptw_span *next;
	uint64_t first; /* regions */
	uint64_t regions;
	uint32_t type;
};

/* Pages of a tier that were judged: relaxed counters, but where they say otherwise. */
struct ptw_tier {
	uint64_t evicted, refaulted, protected;
	/* By who has `ticking`: what the first three were when the youngest generation began, and averages before. */
	uint64_t gone_before, refaulted_before;
	uint64_t gone_average, refaulted_average;
};

/* A group's pages of one type. */
struct ptw_type {
	uint64_t count[256]; /* relaxed counters: pages by their tick's byte; isolated ones in none */
	uint64_t none_before; /* no page has an older tick, as far as is known; 0: nothing is known */
	struct ptw_tier tier[PTW_TIERS];
};

/* What one pass of ageing has counted, to be added to the group's counters at its end. */
struct ptw_tally {
	uint64_t *count;    /* the counters of the pages' type */
	uint32_t left[256]; /* pages that had this byte */
	uint64_t moved;	    /* and have `now` instead */
	uint64_t words;
	uint8_t now;
};

struct ptw_group {
	struct ptw_engine *engine;
	struct ptw_group_ops ops;
	void *context;
	uint32_t number;
	struct ptw_node node;
	uint64_t ageing;	/* 1: one thread ages it */
	uint64_t interval;	/* 0: none */
	uint64_t aged_at;	/* when it was last aged, by the engine's latest clock */
	uint64_t ticking;	/* 1: one thread moves the clock on, or begins a generation */
	struct ptw_span *spans; /* in the order of attaching */
	struct ptw_span **last_span;
	uint64_t regions; /* of the spans that are there */

	uint64_t tick;	   /* of the clock; the one byte of pages is made of */
	uint64_t youngest; /* sequence number */
	uint64_t oldest;
	uint64_t birth_tick[PTW_GENERATIONS]; /* by sequence number */
	uint64_t birth[PTW_GENERATIONS];
	uint64_t since;	    /* pages added in this tick */
	/* By type: the region of the group where the search for victims goes on, and whose victims they are. */
	uint64_t hand[PTW_TYPES];
	uint64_t hand_tick[PTW_TYPES];
	struct ptw_type *type[PTW_TYPES]; /* those in `types`; others are null, or have no pages */
	uint64_t types;	   /* bits of those that are there */
	uint64_t balance;  /* a byte for each type: its weight */
	uint64_t feedback; /* 1: evictions and refaults are counted by type and tier */
	uint32_t serial;   /* which group of the engine's it is, counted from the first; tokens have it */

	struct ptw_tally tally; /* of who has `ageing` */
	uint64_t restored;	/* how often all that is known of it became another past's */

	void *policy;	   /* the policy's state for this group */
	uint64_t policing; /* 1: one thread is in it */

	struct ptw_type first; /* type 0, which all have */

	/* Relaxed counters. */
	uint64_t resident, isolated, faults, refaults, evicted, failed, looks, looked, around,
		agings;
	uint64_t words, aged, evictions_seen;
};

struct ptw_engine {
	uint64_t pages;
	uint64_t regions;
	uint8_t *tick; /* null: a policy orders the pages */
	uint8_t *state;
	struct ptw_region *region;
	const struct ptw_policy_ops *policy;
	void *page_data; /* of the policy */
	bool ordered;	 /* by the policy, not by ticks */
	uint64_t (*clock)(void *context);
	void *context;
	uint32_t groups_max;
	uint32_t serial;   /* groups made so far */
	uint64_t changing; /* 1: the table of groups, or their tree, is being changed or read */
	struct ptw_forest forest;
	void (*thrashing)(void *context, struct ptw_group *group);
	uint64_t disabled; /* bits of enum ptw_enable */
	uint64_t min_age;
	uint64_t latest;	  /* that the clock has said, where that mattered */
	struct ptw_group **group; /* by number; null: free */
};

/* Pages that somebody is about to evict. */
struct ptw_victims {
	uint64_t page[PTW_EVICT_BATCH];
	uint8_t result[PTW_EVICT_BATCH];
	unsigned int n;
};

/* A region that its owner works on. */
struct ptw_owned {
	struct ptw_engine *engine;
	struct ptw_region *region;
	struct ptw_group *group; /* or null */
	struct ptw_type *type;
	uint64_t number;
	uint64_t control;
	uint8_t *tick; /* null, if a policy orders them */
	uint8_t *state;
	unsigned int pages; /* 64, or fewer in the engine's last one */
	uint64_t at;	    /* the group's tick */
	uint8_t now;	    /* and its byte */
};

/* The byte of a tick. */
static inline uint8_t ptw_tick_byte(uint64_t tick)
{
	return (uint8_t)(1 + tick % PTW_TICKS);
}

/* How many ticks ago, seen from the byte of the present one; 255: cannot be told. */
static inline unsigned int ptw_tick_age(uint8_t now, uint8_t byte)
{
	if (!byte)
		return PTW_TICKS;
	return now >= byte ? (unsigned int)(now - byte) : now + PTW_TICKS - byte;
}

/* The byte of that age, less than PTW_TICKS. */
static inline uint8_t ptw_age_byte(uint8_t now, unsigned int age)
{
	return (uint8_t)(now > age ? now - age : now + PTW_TICKS - age);
}

/* A sum of counters as it is told: while others change them it may be below zero, in an ageing for
 * as long as its pass lasts. */
static inline uint64_t ptw_not_below(uint64_t pages)
{
	return (int64_t)pages > 0 ? pages : 0;
}

/* Relaxed: calls that are under way may go by what was before. */
static inline bool ptw_engine_may(const struct ptw_engine *e, uint32_t bit)
{
	return !(ptw_port_load(&e->disabled) & bit);
}

/* A flag: 0 free, 1 taken. Who takes it sees what who dropped it had done. */
static inline bool ptw_flag_try(uint64_t *flag)
{
	uint64_t expected = 0;

	return ptw_port_cas(flag, &expected, 1);
}

static inline void ptw_flag_take(uint64_t *flag)
{
	while (!ptw_flag_try(flag))
		ptw_port_relax();
}

static inline void ptw_flag_drop(uint64_t *flag)
{
	ptw_port_publish(flag, 0);
}

/*
 * The greatest age that may have pages, besides those too old to be told how old. All relaxed: where a page gets an
 * older tick while another thread notes that there is none, it is overlooked until the clock goes on.
 */
static inline unsigned int ptw_type_last_age(const struct ptw_type *of, uint64_t tick)
{
	const uint64_t none_before = ptw_port_load(&of->none_before);

	/* Also if it is ahead of `tick`, which was read before. */
	return none_before && tick - none_before < PTW_TICKS ?
		       (unsigned int)(tick - none_before) :
		       PTW_TICKS - 1u;
}

/*
 * The spans that a group has now; `left` are their regions that are not passed yet. Another thread may be attaching
 * one, so no pointer is read behind the last. Null: there is none, or no more.
 */
static inline const struct ptw_span *ptw_span_first(const struct ptw_group *of, uint64_t *left)
{
	/* Acquire; partner: the release in ptw_group_attach(), behind the span. */
	*left = ptw_port_load_table(&of->regions);
	return *left ? of->spans : NULL;
}

static inline const struct ptw_span *ptw_span_next(const struct ptw_span *span, uint64_t *left)
{
	*left -= span->regions;
	return *left ? span->next : NULL;
}

/*
 * Own a region and take in what harvests have left there. False: it is being owned by others, or has no group, and
 * `wait` did not say to wait for them.
 */
bool ptw_region_own(struct ptw_engine *engine, uint64_t number, bool wait, struct ptw_owned *owned);

/* The same for who ages the group: what came is counted in his tally. Owned for that moment only. */
void ptw_region_age(struct ptw_engine *engine, uint64_t number, struct ptw_tally *tally);

/* Pages that are too old to be told much longer how old become as old as can be, those being evicted included. */
void ptw_region_retire(struct ptw_owned *owned);

/* A page of the region has this tick now: the bound is at least as old. */
void ptw_region_bound(struct ptw_owned *owned, uint8_t byte);

/* Find the oldest page anew: a bound may be older than any page, and then the region is looked at for nothing. */
void ptw_region_rebound(struct ptw_owned *owned);

/* Set the tick of a page that is resident and not isolated. The bound must be as old. */
void ptw_page_mark(struct ptw_owned *owned, unsigned int i, uint8_t byte);

/* Give it back. */
void ptw_region_leave(struct ptw_owned *owned);

/* Add a tally to the group's counters, and empty it. */
void ptw_tally_flush(struct ptw_group *group, struct ptw_tally *tally);

/* Own the region of a page: PTW_OK, or why not. */
int ptw_page_own(struct ptw_engine *engine, uint64_t page, struct ptw_owned *owned, unsigned int *i);

/* ptw_page_add(), or ptw_page_add_token() if there is one. */
int ptw_page_come(struct ptw_engine *engine, uint64_t page, const uint64_t *token);

/* Take a page out of the generations, to be evicted. */
void ptw_page_isolate(struct ptw_owned *owned, unsigned int i, struct ptw_victims *victims);

/* What an eviction came to. */
struct ptw_evict_sum {
	uint64_t gone;
	uint64_t pending;
	bool aged;  /* the group was aged first */
	bool young; /* it ended since what is left is too young */
};

#define PTW_EVICT_AS_IS	  1u /* without ageing */
#define PTW_EVICT_ANY_AGE 2u /* the minimum age does not matter */
#define PTW_EVICT_OF(type) (4u << (type)) /* nothing but pages of these types; none given: all */

/* ptw_group_evict() of pages of at least an age in ticks, with how in flags; adds to the sum. */
int ptw_evict_some(struct ptw_group *group, unsigned int least, unsigned int how, uint64_t want,
		   struct ptw_evict_sum *sum);

/* ptw_group_age() of a group that has a harvest, whatever is switched off. */
int ptw_group_age_once(struct ptw_group *group);

/* The group is being made, or aged. */
void ptw_group_aged_now(struct ptw_group *group);

/* Was that longer ago than its interval? */
bool ptw_group_overdue(struct ptw_group *group);

/* Is the oldest generation that has pages younger than the minimum age? */
bool ptw_group_too_young(const struct ptw_group *group);

/* The least age in ticks of pages whose generation is not younger than that; PTW_TICKS + 1: there is none. */
unsigned int ptw_group_old_enough(const struct ptw_group *group);

/* Tell that nothing can be put out for this reason: of a group, or of all. Returns what the call returns. */
int ptw_engine_thrashes(struct ptw_engine *engine, struct ptw_group *group);

/* The clock goes on by one, with `ticking` taken, which is dropped: the group may be freed then. */
void ptw_group_tick(struct ptw_group *group);

/* The clock, in its unit; 0 without one. No region is owned. */
uint64_t ptw_engine_now(const struct ptw_engine *engine);

/* The policy's operations, where it has them; each with `policing` taken. The first four with the region owned. */
void ptw_policy_added(struct ptw_owned *owned, unsigned int i);
void ptw_policy_accessed(struct ptw_owned *owned, uint64_t young);
void ptw_policy_removed(struct ptw_owned *owned, unsigned int i);
void ptw_policy_ended(struct ptw_owned *owned, unsigned int i, enum ptw_policy_end end);
int ptw_policy_due(struct ptw_group *group);
void ptw_policy_ages(struct ptw_group *group, uint64_t histogram[256]);
void ptw_policy_aged(struct ptw_group *group);

/* Is it one? PTW_OK or why not. */
int ptw_policy_valid(const struct ptw_policy_ops *ops);

/* Victims as the policy picks them, isolated. Returns how many it picked. */
unsigned int ptw_policy_choose(struct ptw_group *group, struct ptw_victims *victims, unsigned int want);

/* The next run of pages to harvest in this ageing pass, from page `from` on; false: no more. */
bool ptw_policy_next(struct ptw_group *group, uint64_t from, uint64_t *first, uint64_t *pages);

/* Harvest a run of pages. */
int ptw_group_harvest(struct ptw_group *group, uint64_t first, uint64_t pages);

/* Of the pages that belong to a generation, how many; by sequence number, oldest first. Returns how
 * many generations. */
unsigned int ptw_group_sizes(const struct ptw_group *group, uint64_t sizes[PTW_GENERATIONS]);

/* How many generations have pages of some types, of those in group->types: in some tens of
 * instructions, where sizes take hundreds. */
unsigned int ptw_group_populated(const struct ptw_group *group, uint64_t types);

/* The same for pages of some types, of those in group->types. */
unsigned int ptw_group_sizes_of(const struct ptw_group *group, uint64_t types,
				uint64_t sizes[PTW_GENERATIONS]);

/* Types 0 and on of which pages may go before those of all others do. */
uint64_t ptw_group_willing(const struct ptw_group *group);

/* Counters of a type, before a region is of it; not concurrent. PTW_OK or PTW_ERR_NOMEM. */
int ptw_type_prepare(struct ptw_group *group, uint32_t type);

/* It has pages from now on. */
void ptw_type_enter(struct ptw_group *group, uint32_t type);

/* The greatest age of pages of a type; negative: there are none. */
int ptw_type_oldest(const struct ptw_group *group, struct ptw_type *type);

/*
 * The type whose pages go next, of those in the mask that have any of at least an age, and the greatest age of them;
 * PTW_TYPES: none. `most` says of each type that its pages are no older, whatever its counters say.
 */
uint32_t ptw_type_choose(const struct ptw_group *group, uint64_t types, int least, const int *most,
			 int *age);

/* The same by weights that are given, a byte for each type. `most` may be null. */
uint32_t ptw_type_pick(const struct ptw_group *group, uint64_t balance, uint64_t types, int least,
		       const int *most, int *age);

/* From now on evictions and refaults are counted by type and tier. */
static inline void ptw_feedback_begin(struct ptw_group *of)
{
	if (!ptw_port_load(&of->feedback))
		ptw_port_publish(&of->feedback, 1);
}

/* The highest tier whose pages go; those above are protected. */
unsigned int ptw_tier_limit(const struct ptw_group *group, uint32_t type);

/* What all tiers of a type had evicted or protected, and refaulted, lately. */
void ptw_type_judged(const struct ptw_type *type, uint64_t *gone, uint64_t *refaulted);

/* A generation begins: averages go on. With `ticking` taken. */
void ptw_tiers_average(struct ptw_group *group);

/* A page that would be evicted goes to the end of the next generation, if there is one for it. */
bool ptw_tier_protect(struct ptw_owned *owned, unsigned int i);

/* The generation that a page's tick lies in: of one that is resident. */
uint64_t ptw_page_sequence(const struct ptw_owned *owned, unsigned int i);

/* A page was evicted, and that is counted. */
void ptw_page_judged(struct ptw_owned *owned, unsigned int i);

/* A page comes that was evicted, told by its own bytes or by a token: it is counted. Returns its
 * uses, as in `state`. */
uint8_t ptw_page_refaulted(struct ptw_owned *owned, unsigned int i, const uint64_t *token);

/* The tier of a page. */
static inline unsigned int ptw_page_tier(uint8_t state)
{
	const unsigned int uses = (state & PTW_PAGE_USES) / PTW_PAGE_USE;

	/* ceil(log2(uses + 1)) */
	return uses ? 32 - (unsigned int)__builtin_clz(uses) : 0;
}

#endif /* PTW_LIB_AGE_ENGINE_H */
