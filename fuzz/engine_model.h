/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What fuzz_engine.c knows by itself of an engine: which pages are resident, isolated, and whose they are; which
 * groups there are; and which calls are under way, since callbacks make calls of their own.
 */
#ifndef PTW_FUZZ_ENGINE_MODEL_H
#define PTW_FUZZ_ENGINE_MODEL_H

#include "fuzz.h"

#include <string.h>

#include <ptw/engine.h>
#include <ptw/engine_type.h>
#include <ptw/error.h>

#define PAGES_MAX 1000u
#define REGIONS	  ((PAGES_MAX + 63) / 64)
#define SLOTS	  10u
#define NOBODY	  SLOTS

struct page {
	bool resident;
	bool isolated;	   /* given to a callback; before that, nobody but the engine knows it */
	bool pending;	   /* and that callback has said that it is under way */
	bool evicted;	   /* absent, and was put out */
	bool young;	   /* the accessed bit of its entry */
	uint64_t left_at;  /* when it was removed last */
	unsigned int slot; /* whose it is */
	uint32_t type;
	unsigned int uses; /* by calls; of one that was put out, as it was then */
	bool vague;	   /* it may have been protected, and then has fewer */
	bool judged;	   /* evicted: and that was counted by type and tier */
	uint64_t youngest, oldest; /* generations of its group when it was put out */
};

struct slot {
	struct ptw_group *group; /* null: none */
	unsigned int number;
	unsigned int parent;
	unsigned int depth;
	unsigned int calls; /* that name it, and are under way */
	bool dying;	    /* it was to be given up, and could not be yet */
	uint8_t kind;	    /* which callbacks it has not */
	uint64_t faults, refaults, evicted;
	uint64_t resident, isolated, live; /* recount() */
	uint64_t min, low, interval;
	uint32_t weight[PTW_TYPES];
	bool feedback; /* evictions and refaults are counted by type and tier */
	/* Of these, by type, and by tier; and pages that were protected. */
	uint64_t gone[PTW_TYPES][PTW_TIERS], back[PTW_TYPES], protected;
	bool vague;	    /* a page was among them that may have been protected before */
	uint64_t made;	    /* which of all groups it is */
	unsigned int spans;
	struct {
		uint64_t first, pages;
		uint32_t type;
	} span[REGIONS];
};

/* A call that evicts or ages, under way. */
struct call {
	struct call *outer;
	uint64_t began;			/* in removals */
	unsigned int least;		/* pages it is given have at least this age */
	uint64_t kept[PTW_EVICT_BATCH]; /* looked at and old: to be put out next */
	unsigned int n;
	uint64_t gone, pending;
	int error;	   /* that a callback has returned */
	bool disturbed;	   /* a callback has made calls */
	bool refused;	   /* some page was young, or could not be put out */
	unsigned int told; /* how often `thrashing` was called */
	bool early;	   /* a callback has settled pages itself, which nobody counts for this call */
	bool command;	   /* it says itself which type goes, */
	bool older;	   /* or at which age, and so the minimum age does not matter */
};

/* A token that was taken. */
struct token {
	uint64_t token;
	uint64_t made; /* the group of its page */
	uint32_t type;
	unsigned int uses;
	bool vague;
	uint64_t youngest, oldest; /* no page of the token went from any other generation */
	bool evicted;		   /* when it was taken; and these are known */
};

#define TOKENS 16u

static struct page page[PAGES_MAX];
static struct slot slot[SLOTS];
static struct call *call;
static unsigned int calls;
static uint64_t pages, removals, hash, groups_made;
static struct token token[TOKENS];
static unsigned int tokens; /* taken so far */

static inline void remember(uint64_t what)
{
	hash = (hash ^ what) * 0x9e3779b97f4a7c15u;
	hash ^= hash >> 29;
}

static inline void model_reset(void)
{
	memset(page, 0, sizeof(page));
	memset(slot, 0, sizeof(slot));
	for (unsigned int i = 0; i < PAGES_MAX; i++)
		page[i].slot = NOBODY;
	for (unsigned int i = 0; i < SLOTS; i++)
		slot[i].number = i;
	call = NULL;
	calls = 0;
	removals = hash = groups_made = 0;
	memset(token, 0, sizeof(token));
	tokens = 0;
}

static inline void call_begins(struct call *c, struct slot *s, unsigned int least)
{
	*c = (struct call){.outer = call, .began = removals, .least = least};
	call = c;
	calls++;
	if (s)
		s->calls++;
}

static inline void call_ends(struct call *c, struct slot *s)
{
	expect(call == c, "calls");
	expect(!c->n, "%u pages were looked at and are kept", c->n);
	call = c->outer;
	calls--;
	if (s)
		s->calls--;
}

static inline bool below(const struct slot *s, const struct slot *root)
{
	while (s != root && s->parent != NOBODY)
		s = &slot[s->parent];
	return s == root;
}

/* Count anew what groups have. */
static inline void recount(void)
{
	for (unsigned int i = 0; i < SLOTS; i++)
		slot[i].resident = slot[i].isolated = slot[i].live = 0;
	for (uint64_t p = 0; p < pages; p++) {
		struct slot *s = &slot[page[p].slot];

		if (page[p].slot == NOBODY)
			continue;
		s->resident += page[p].resident;
		s->isolated += page[p].isolated;
		s->live += page[p].resident && !page[p].isolated;
	}
}

/* Pages of a group and all below it that could be put out, as they were counted. */
static inline uint64_t usage(const struct slot *root)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < SLOTS; i++)
		if (slot[i].group && below(&slot[i], root))
			n += slot[i].live;
	return n;
}

static inline int model_add(uint64_t p)
{
	if (p >= pages)
		return PTW_ERR_RANGE;
	if (page[p].slot == NOBODY)
		return PTW_ERR_ABSENT;
	if (page[p].resident)
		return PTW_ERR_EXISTS;
	slot[page[p].slot].faults++;
	page[p].resident = true;
	page[p].evicted = false;
	page[p].uses = 0;
	page[p].vague = false;
	return PTW_OK;
}

static inline int model_remove(uint64_t p)
{
	if (p >= pages)
		return PTW_ERR_RANGE;
	if (!page[p].resident)
		return PTW_ERR_ABSENT;
	page[p].resident = false;
	page[p].uses = 0;
	page[p].left_at = ++removals;
	return PTW_OK;
}

static inline unsigned int tier_of(unsigned int uses)
{
	return uses > 3 ? 3 : uses > 1 ? 2 : uses;
}

/* Pages may have been protected, which takes all of their uses; nobody is told which. */
static inline void note_protected(struct slot *s)
{
	uint64_t sum = 0;

	if (!s->feedback)
		return;
	for (uint32_t t = 0; t < PTW_TYPES; t++) {
		struct ptw_type_state state = {.size = sizeof(state)};

		expect(!ptw_group_type_state(s->group, t, &state), "type");
		for (unsigned int i = 0; i < PTW_TIERS; i++)
			sum += state.protected_[i];
	}
	if (sum == s->protected)
		return;
	expect(sum > s->protected, "protected");
	s->protected = sum;
	for (uint64_t p = 0; p < pages; p++)
		page[p].vague |= page[p].slot == s->number && page[p].resident;
}

/* It is gone. */
static inline void model_gone(uint64_t p)
{
	struct ptw_group_state state = {.size = sizeof(state)};
	struct slot *s = &slot[page[p].slot];

	expect(!ptw_group_state(s->group, &state), "state");
	note_protected(s);
	page[p].resident = false;
	page[p].evicted = true;
	page[p].judged = s->feedback;
	page[p].youngest = state.youngest;
	page[p].oldest = state.oldest;
	s->evicted++;
	if (!s->feedback)
		return;
	s->gone[page[p].type][tier_of(page[p].uses)]++;
	s->vague |= page[p].vague;
}

static inline int model_settle(uint64_t p, uint32_t result)
{
	if (result >= PTW_EVICT_PENDING)
		return PTW_ERR_ARG;
	if (p >= pages)
		return PTW_ERR_RANGE;
	if (!page[p].isolated)
		return PTW_ERR_ABSENT;
	page[p].isolated = page[p].pending = false;
	if (!page[p].resident)
		return PTW_ERR_ABSENT;
	if (result == PTW_EVICTED)
		model_gone(p);
	return PTW_OK;
}

/* The engine gives a page to a callback. What was removed since the call began may be among them. */
static inline void model_given(const struct slot *s, uint64_t p)
{
	expect(p < pages, "page %llu", (unsigned long long)p);
	expect(page[p].slot == s->number, "page %llu of another group", (unsigned long long)p);
	expect(page[p].resident || page[p].left_at > call->began, "page %llu is absent",
	       (unsigned long long)p);
	expect(!page[p].isolated, "page %llu is being evicted already", (unsigned long long)p);
	page[p].isolated = true;
	remember(p);
}

/* The group is no more. */
static inline void model_given_up(struct slot *s)
{
	for (uint64_t p = 0; p < pages; p++)
		if (page[p].slot == s->number)
			page[p] = (struct page){.slot = NOBODY, .young = page[p].young};
	*s = (struct slot){.number = s->number};
}

#endif /* PTW_FUZZ_ENGINE_MODEL_H */
