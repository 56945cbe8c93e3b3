/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The pages used last, exactly as the filter of ptw-sim pack (trace_filter.c) knows them, but for a
 * recorder: nearly every access finds its page here, so that path is a look into a hash table and one
 * store. Only a miss has to find out which page is the oldest.
 */
#ifndef PTW_SIM_RECORD_RECENT_H
#define PTW_SIM_RECORD_RECENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct recent_slot {
	uint64_t page;
	uint64_t stamp; /* when it was used last; 0: the slot is free */
};

/* An open hash table, at most half full. */
struct recent {
	struct recent_slot *slots;
	uint64_t mask;
	unsigned int shift; /* of the hash, so that it is a slot */
	uint32_t size;	    /* pages to be known at most */
	uint32_t count;
	uint64_t clock;
	uint64_t newest;
};

/* Size is not 0. False: no memory. */
static inline bool recent_init(struct recent *recent, uint32_t size)
{
	unsigned int bits = 1;

	while ((UINT64_C(1) << bits) < 2 * (uint64_t)size)
		bits++;
	*recent = (struct recent){.mask = (UINT64_C(1) << bits) - 1,
				  .shift = 64 - bits,
				  .size = size,
				  .newest = UINT64_MAX};
	recent->slots = calloc((size_t)1 << bits, sizeof(*recent->slots));
	return recent->slots != NULL;
}

static inline uint64_t recent_home(const struct recent *recent, uint64_t page)
{
	return (page * UINT64_C(0x9e3779b97f4a7c15)) >> recent->shift;
}

/* Free a slot; those behind it that could stand there, or nearer to it, move up. */
static inline void recent_free(struct recent *recent, uint64_t hole)
{
	struct recent_slot *slots = recent->slots;
	uint64_t at = hole;

	for (;;) {
		at = (at + 1) & recent->mask;
		if (!slots[at].stamp)
			break;
		if (((at - recent_home(recent, slots[at].page)) & recent->mask) <
		    ((at - hole) & recent->mask))
			continue;
		slots[hole] = slots[at];
		hole = at;
	}
	slots[hole].stamp = 0;
	recent->count--;
}

static inline void recent_drop_oldest(struct recent *recent)
{
	uint64_t oldest = 0, stamp = UINT64_MAX;

	for (uint64_t at = 0; at <= recent->mask; at++) {
		/* A free slot looks as if it were the youngest. */
		if (recent->slots[at].stamp - 1 < stamp) {
			stamp = recent->slots[at].stamp - 1;
			oldest = at;
		}
	}
	recent_free(recent, oldest);
}

static __attribute__((noinline)) void recent_add(struct recent *recent, uint64_t page)
{
	uint64_t at;

	if (recent->count == recent->size)
		recent_drop_oldest(recent);
	at = recent_home(recent, page);
	while (recent->slots[at].stamp)
		at = (at + 1) & recent->mask;
	recent->slots[at] = (struct recent_slot){page, ++recent->clock};
	recent->count++;
}

/* Is the page among them? It is the newest one now. */
static inline bool recent_hit(struct recent *recent, uint64_t page)
{
	uint64_t at;

	if (page == recent->newest)
		return true;
	recent->newest = page;
	for (at = recent_home(recent, page); recent->slots[at].stamp;
	     at = (at + 1) & recent->mask) {
		if (recent->slots[at].page == page) {
			recent->slots[at].stamp = ++recent->clock;
			return true;
		}
	}
	recent_add(recent, page);
	return false;
}

#endif /* PTW_SIM_RECORD_RECENT_H */
