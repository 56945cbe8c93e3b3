/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The image of an engine, which save.c writes and restore.c reads. All words have 64 bits and are little-endian.
 *
 *	header		magic, bytes of the whole image, version | header bytes << 32, pages, groups, capabilities, minimum
 *			age, and 32 bytes with the policy's name, zeroes behind it
 *	groups		those that have regions, in the order of the first region of each one's first span; then those above
 *			them that have none, in the order in which they are found from those before them:
 *		record	enum ptw_image_word
 *		spans	first region, regions | type << 56; in the order of attaching
 *		judged	none, or PTW_IMAGE_TIER words of each tier of each type: fields of struct ptw_tier
 *		policy	its bytes; then zeroes up to a multiple of 8 bytes
 *		runs	of the spans' pages, one after the other; then zeroes up to a multiple of 8 bytes
 *	checksum	of all before it
 *
 * A run is length << 2 | kind, as a small number (lib/age/numbers.h); then, but for absent pages, and where a policy
 * orders them, a byte: of resident pages the age in ticks, 0 to PTW_OLD_TICKS, or 255 for "older
 * than can be told"; of those that were put out how many generations have begun since the one that
 * they went from, 0 to 3, or 255 for more or unknown. Pages alike that are neighbours are one run,
 * and no byte is there that need not be: one state has one image.
 *
 * Magic, length and the checksum at the end stay where they are in all versions, so that another version can be told
 * from an accident. What changes the rest, the meaning of ages and ticks included, changes the
 * version. Version 1, which is read still, had a header of 40 bytes, records that end before
 * PTW_IMAGE_PARENT, no groups without regions, and of pages that were put out an age in ticks,
 * which tells nothing. Version 2 was not released before it was as it is here: its first forms had
 * shorter records, and are refused, as they say that they are longer than they are.
 */
#ifndef PTW_LIB_AGE_ENGINE_IMAGE_H
#define PTW_LIB_AGE_ENGINE_IMAGE_H

#include "lib/age/numbers.h"
#include "lib/age/engine/engine.h"

#define PTW_IMAGE_MAGIC	   0x736567612d777470u /* "ptw-ages" */
#define PTW_IMAGE_VERSION  2u
#define PTW_IMAGE_HEADER   88u /* bytes */
#define PTW_IMAGE_HEADER_1 40u /* of version 1 */
#define PTW_IMAGE_NAME	   56u /* where the policy's name is, */
#define PTW_IMAGE_NAME_MAX 32u /* and how long it may be */
#define PTW_IMAGE_CHECKSUM 8u  /* bytes */
#define PTW_IMAGE_SPAN	   16u /* bytes */

/* Words of a group's record. */
enum ptw_image_word {
	PTW_IMAGE_SPANS,
	PTW_IMAGE_RUNS, /* bytes, without the zeroes behind them */
	/* Before now, when a generation began; by sequence number modulo 4. */
	PTW_IMAGE_TICKS_AGO,
	PTW_IMAGE_MS_AGO = PTW_IMAGE_TICKS_AGO + PTW_GENERATIONS,
	/* Fields of struct ptw_group as they are. */
	PTW_IMAGE_FIELDS = PTW_IMAGE_MS_AGO + PTW_GENERATIONS,
	PTW_IMAGE_TICK = PTW_IMAGE_FIELDS,
	PTW_IMAGE_YOUNGEST,
	PTW_IMAGE_OLDEST,
	PTW_IMAGE_SINCE,
	PTW_IMAGE_HAND,
	PTW_IMAGE_HAND_TICK,
	PTW_IMAGE_RESIDENT,
	PTW_IMAGE_FAULTS,
	PTW_IMAGE_REFAULTS,
	PTW_IMAGE_EVICTED,
	PTW_IMAGE_FAILED,
	PTW_IMAGE_LOOKS,
	PTW_IMAGE_LOOKED,
	PTW_IMAGE_AROUND,
	PTW_IMAGE_AGINGS,
	PTW_IMAGE_TAKEN, /* words */
	PTW_IMAGE_AGED,
	PTW_IMAGE_EVICTIONS_SEEN,
	PTW_IMAGE_FIELDS_END,
	/* Since version 2. */
	PTW_IMAGE_PARENT = PTW_IMAGE_FIELDS_END, /* the group's place in the image; 0: none */
	PTW_IMAGE_MIN,
	PTW_IMAGE_LOW,
	PTW_IMAGE_BELOW_LOW,
	PTW_IMAGE_POLICY,  /* bytes, without the zeroes behind them */
	PTW_IMAGE_BALANCE, /* weights, a byte each */
	PTW_IMAGE_JUDGED,  /* words of tiers: 0 or PTW_IMAGE_TIERS */
	PTW_IMAGE_INTERVAL,
	PTW_IMAGE_AGED_AGO, /* before now, when it was last aged */
	PTW_IMAGE_WORDS
};

/* Words of a tier, and of all of them. */
#define PTW_IMAGE_TIER	   7u
#define PTW_IMAGE_TIERS	   (PTW_IMAGE_TIER * PTW_TIERS * PTW_TYPES)
#define PTW_IMAGE_TYPE_LG2 56u

_Static_assert(sizeof(struct ptw_tier) == 8 * PTW_IMAGE_TIER, "its fields are words");

/* Kinds of pages. */
#define PTW_IMAGE_ABSENT   0u
#define PTW_IMAGE_HERE	   1u
#define PTW_IMAGE_PUT_OUT  2u
#define PTW_IMAGE_KINDS	   3u
#define PTW_IMAGE_KIND_LG2 2u

struct ptw_image_run {
	uint64_t length;
	uint8_t kind;
	uint8_t age; /* 0 for absent ones */
};

/* The field of a group that a word from PTW_IMAGE_FIELDS on is. */
static inline uint64_t *ptw_image_field(struct ptw_group *group, unsigned int word)
{
	static const uint16_t offset[PTW_IMAGE_FIELDS_END - PTW_IMAGE_FIELDS] = {
#define PTW_IMAGE_OFFSET(word, field) \
	[PTW_IMAGE_##word - PTW_IMAGE_FIELDS] = offsetof(struct ptw_group, field)
		PTW_IMAGE_OFFSET(TICK, tick),
		PTW_IMAGE_OFFSET(YOUNGEST, youngest),
		PTW_IMAGE_OFFSET(OLDEST, oldest),
		PTW_IMAGE_OFFSET(SINCE, since),
		PTW_IMAGE_OFFSET(HAND, hand),
		PTW_IMAGE_OFFSET(HAND_TICK, hand_tick),
		PTW_IMAGE_OFFSET(RESIDENT, resident),
		PTW_IMAGE_OFFSET(FAULTS, faults),
		PTW_IMAGE_OFFSET(REFAULTS, refaults),
		PTW_IMAGE_OFFSET(EVICTED, evicted),
		PTW_IMAGE_OFFSET(FAILED, failed),
		PTW_IMAGE_OFFSET(LOOKS, looks),
		PTW_IMAGE_OFFSET(LOOKED, looked),
		PTW_IMAGE_OFFSET(AROUND, around),
		PTW_IMAGE_OFFSET(AGINGS, agings),
		PTW_IMAGE_OFFSET(TAKEN, words),
		PTW_IMAGE_OFFSET(AGED, aged),
		PTW_IMAGE_OFFSET(EVICTIONS_SEEN, evictions_seen),
#undef PTW_IMAGE_OFFSET
	};

	return (uint64_t *)((char *)group + offset[word - PTW_IMAGE_FIELDS]);
}

/* Images have where the search for victims of type 0 goes on; for those of other types it begins anew. */
static inline void ptw_image_begin_searches(struct ptw_group *group)
{
	for (unsigned int t = 1; t < PTW_TYPES; t++)
		group->hand[t] = group->hand_tick[t] = 0;
}

/* The group whose record begins with this region, or null. */
static inline struct ptw_group *ptw_image_group(const struct ptw_engine *engine, uint64_t region)
{
	const uint32_t number = PTW_CONTROL_GROUP(engine->region[region].control);
	struct ptw_group *group = number ? engine->group[number - 1] : NULL;

	return group && group->spans->first == region ? group : NULL;
}

/*
 * Give the groups of an image their places, from 1 on, and link them in that order. Returns how many there are.
 * Places are used by nobody else.
 */
uint64_t ptw_image_order(const struct ptw_engine *engine, struct ptw_group **first);

/* Can this policy be saved? */
static inline bool ptw_image_policy(const struct ptw_policy_ops *policy)
{
	unsigned int length = 0;

	while (policy->name[length])
		if (++length > PTW_IMAGE_NAME_MAX)
			return false;
	return (policy->save && policy->restore) || !(policy->init || policy->page_bytes || policy->pick);
}

static inline uint64_t ptw_image_get(const uint8_t *from)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < 8; i++)
		v |= (uint64_t)from[i] << 8 * i;
	return v;
}

/*
 * Each step can be undone, so that bytes which differ in one word never have the same checksum; the shift brings high
 * bits down, where the product alone only brings low ones up.
 */
static inline uint64_t ptw_image_checksum(const uint8_t *from, uint64_t bytes)
{
	uint64_t sum = PTW_IMAGE_MAGIC;

	for (uint64_t i = 0; i < bytes; i += 8) {
		sum = (sum ^ ptw_image_get(from + i)) * 0x9e3779b97f4a7c15u;
		sum ^= sum >> 32;
	}
	return sum;
}

#endif /* PTW_LIB_AGE_ENGINE_IMAGE_H */
