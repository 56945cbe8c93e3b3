/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of the engine share: pages, regions, groups.
 *
 * A page has two bytes. `tick` is 0, "older than can be told", or 1 + the tick it was last seen used at, modulo 255, of
 * its group's clock. `state` says whether it is resident, being evicted, and what it was before.
 *
 * A region has two words. `young` takes what harvests find and is emptied by who owns the region. `control` says whose
 * it is, who owns it, and a bound: no resident page's tick is older than the bound's.
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

/* State of a page. */
#define PTW_PAGE_RESIDENT 0x01u
#define PTW_PAGE_ISOLATED 0x02u /* being evicted */
#define PTW_PAGE_EVICTED  0x04u /* absent, and was put out: its tick says when */

struct ptw_region {
	uint64_t young;
	uint64_t control;
};

/* control: the group's number plus one, the bound, the owner. */
#define PTW_CONTROL_OWNED    ((uint64_t)1 << 63)
#define PTW_CONTROL_CLOSED   ((uint64_t)1 << 62) /* alone: its group is being given up */
#define PTW_CONTROL_GROUP(c) ((uint32_t)(c)&0xffffu)
#define PTW_CONTROL_BOUND(c) ((uint32_t)((c) >> 16) & 0xffu)
#define PTW_CONTROL_USED \
	((uint64_t)1 << 24) /* the bound is one: a page is resident and not isolated */

struct ptw_span {
	struct ptw_span *next;
	uint64_t first; /* regions */
	uint64_t regions;
};

/* What one pass of ageing has counted, to be added to the group's counters at its end. */
struct ptw_tally {
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
	uint64_t hand;	    /* the region of the group where the search for victims goes on */
	uint64_t hand_tick; /* whose victims they are */
	uint64_t none_before; /* no page has an older tick, as far as is known; 0: nothing is known */

	struct ptw_tally tally; /* of who has `ageing` */

	void *policy;	   /* the policy's state for this group */
	uint64_t policing; /* 1: one thread is in it */

	/* Relaxed counters. */
	uint64_t count[256]; /* pages by their tick's byte; isolated ones in none */
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
static inline unsigned int ptw_group_last_age(const struct ptw_group *group, uint64_t tick)
{
	const uint64_t none_before = ptw_port_load(&group->none_before);

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

/* A page of the region has this tick now: the bound is at least as old. */
void ptw_region_bound(struct ptw_owned *owned, uint8_t byte);

/* Find the oldest page anew: a bound may be older than any page, and then the region is looked at for nothing. */
void ptw_region_rebound(struct ptw_owned *owned);

/* Give it back. */
void ptw_region_leave(struct ptw_owned *owned);

/* Add a tally to the group's counters, and empty it. */
void ptw_tally_flush(struct ptw_group *group, struct ptw_tally *tally);

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

/* ptw_group_evict() of pages of at least an age in ticks, with how in flags; adds to the sum. */
int ptw_evict_some(struct ptw_group *group, unsigned int least, unsigned int how, uint64_t want,
		   struct ptw_evict_sum *sum);

/* The group is being made, or aged. */
void ptw_group_aged_now(struct ptw_group *group);

/* Was that longer ago than its interval? */
bool ptw_group_overdue(struct ptw_group *group);

/* Is the oldest generation that has pages younger than the minimum age? */
bool ptw_group_too_young(const struct ptw_group *group);

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

/* Of the pages that belong to a generation, how many; by sequence number, oldest first. Returns how many generations. */
unsigned int ptw_group_sizes(const struct ptw_group *group, uint64_t sizes[PTW_GENERATIONS]);

/* How many generations have pages: in some tens of instructions, where sizes take hundreds. */
unsigned int ptw_group_populated(const struct ptw_group *group);

#endif /* PTW_LIB_AGE_ENGINE_H */
