/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory full of tables, filled as the input says, and declared to the library whole or in part.
 *
 * Uniform bytes would hardly ever lead from one table to the next, so the input is a list of
 * records: raw words, but also entries as the manuals want them, with a bit flipped here and there.
 * Pages that nobody may touch lie before and behind; under AddressSanitizer also what was not
 * declared may not be touched.
 */
#ifndef PTW_FUZZ_ARENA_H
#define PTW_FUZZ_ARENA_H

#include "fuzz.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include <ptw/ptw.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define arena_forbid(p, bytes) __asan_poison_memory_region(p, bytes)
#define arena_allow(p, bytes)  __asan_unpoison_memory_region(p, bytes)
#else
#define arena_forbid(p, bytes) ((void)(p), (void)(bytes))
#define arena_allow(p, bytes)  ((void)(p), (void)(bytes))
#endif

/* Alignment of host and physical address, enough for sixteen concatenated tables of 64 KiB. */
#define ARENA_ALIGN ((size_t)1 << 20)
#define ARENA_MAX   ((size_t)384 << 10)
#define GROUP_BIT   ((uint64_t)1 << 52)

struct input {
	const uint8_t *data;
	size_t left;
};

struct arena {
	uint64_t *words;
	size_t bytes;
	size_t tables;
	uint64_t entries; /* of a full table */
	uint64_t pa;
	struct ptw_range bounds[8];
	uint32_t bounds_count;
	bool groups;			/* an entry may say that it is in a contiguous group */
	uint64_t before[ARENA_MAX / 8]; /* what was there before the operation */
};

static inline uint8_t take(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++;
}

static inline uint64_t take_le(struct input *in, unsigned int bytes)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < bytes; i++)
		v |= (uint64_t)take(in) << (8 * i);
	return v;
}

/* The perverse format keeps its fields at other positions on each level: arch/perverse. */
static inline uint64_t perverse_turn(uint64_t word, unsigned int level)
{
	const unsigned int by = 5 + 11 * level;

	return word << by | word >> (64 - by);
}

/* Entries for addresses below 2^48. EPT: SDM vol. 3C, 29.3.2; bit 11 says present to KVM. */
static inline uint64_t plausible_table(const struct ptw_config *c, uint64_t pa, unsigned int level)
{
	switch (c->format) {
	case PTW_FORMAT_EPT:
		return pa | 7 | 1 << 11;
	case PTW_FORMAT_X86_64:
		return pa | 7 | 1 << 11;
	case PTW_FORMAT_PERVERSE:
		return perverse_turn(pa << 6 | (level & 1 ? 2 : 1), level);
	default:
		return pa | 3;
	}
}

/* A leaf with some of its accessed, dirty and write bits, as `how` says. Arm ARM D8.3 for arm64. */
static inline uint64_t plausible_leaf(const struct ptw_config *c, uint64_t oa, unsigned int level,
				      unsigned int how)
{
	uint64_t a = how & 1, d = how >> 1 & 1, w = how >> 2 & 1, extra = how >> 3 & 1;

	switch (c->format) {
	case PTW_FORMAT_EPT:
		return oa | 5 | w << 1 | 6 << 3 | (uint64_t)(level > 0) << 7 | a << 8 | d << 9 |
		       1 << 11 | extra * ((uint64_t)3 << 57);
	case PTW_FORMAT_X86_64:
		return oa | 5 | w << 1 | a << 5 | d << 6 | (uint64_t)(level > 0) << 7 | 1 << 11 |
		       extra * ((uint64_t)3 << 58);
	case PTW_FORMAT_PERVERSE:
		return perverse_turn(oa << 6 | 1 << 2 | w << 3 | a << 5 | (d ^ 1) << 6 | w << 9 |
					     (level & 1 ? 0 :
					      level	? 3 :
							  1),
				     level);
	case PTW_FORMAT_ARM64_S2:
		return oa | (level ? 1 : 3) | 15 << 2 | 1 << 6 | w << 7 | 3 << 8 | a << 10 |
		       d << 51 | extra * GROUP_BIT;
	default:
		return oa | (level ? 1 : 3) | (w ^ 1) << 7 | 3 << 8 | a << 10 | d << 51 |
		       extra * GROUP_BIT;
	}
}

static inline void arena_put(struct arena *a, uint64_t at, uint64_t word)
{
	a->words[at % (a->bytes / 8)] = word;
	a->groups |= (word & GROUP_BIT) != 0;
}

static inline uint64_t arena_table_pa(const struct arena *a, uint64_t table)
{
	return a->pa + table % a->tables * a->entries * 8;
}

/* One record: kind, table, index, and four more bytes. */
static inline void arena_record(struct arena *a, const struct ptw_config *c, struct input *in)
{
	const unsigned int kind = take(in), table = take(in);
	const uint64_t at = table % a->tables * a->entries + take_le(in, 2);
	const unsigned int p = take(in), level = take(in) % PTW_MAX_LEVELS, q = take(in),
			   r = take(in);
	const unsigned int lg2 = c->format == PTW_FORMAT_PERVERSE ? 6 : 12;
	const uint64_t flip = kind & 0x80 ? (uint64_t)1 << (q & 63) : 0;

	switch (kind & 7) {
	case 0:
		arena_put(a, at, take_le(in, 8));
		break;
	case 1: /* tables, the same or one after the other */
		for (unsigned int i = 0; i <= r; i++)
			arena_put(a, at + i,
				  plausible_table(c, arena_table_pa(a, p + (kind & 8 ? i : 0)),
						  level) ^
					  flip);
		break;
	case 2: /* leaves, aligned to nothing in particular */
	case 3: /* aligned to their size */
		for (unsigned int i = 0; i <= r; i++) {
			unsigned int by = lg2;

			if ((kind & 7) == 3 && level)
				by += level * (unsigned int)__builtin_ctzll(a->entries);
			arena_put(a, at + i,
				  plausible_leaf(c, by < 48 ? (uint64_t)(q + i) << by : 0, level,
						 p + (kind & 8 ? i : 0)) ^
					  flip);
		}
		break;
	case 4: /* a path from here down, one table after the other */
		for (unsigned int i = 0; i < level; i++)
			arena_put(a, at + i * (a->entries + q),
				  plausible_table(c, arena_table_pa(a, table + i + 1), level - i) ^
					  flip);
		break;
	case 5:
		arena_put(a, at, a->words[at % (a->bytes / 8)] ^ (uint64_t)1 << (p & 63));
		break;
	case 6:
		if (c->layout)
			arena_put(a, at,
				  p & 1 ? c->layout->frozen :
				  p & 2 ? c->layout->held | a->words[at % (a->bytes / 8)] :
					  c->layout->empty);
		break;
	default: /* a piece of a table, many times */
		for (unsigned int i = 0; i <= r * 4; i++)
			arena_put(a, at + p + 1 + i, a->words[(at + i % (p + 1)) % (a->bytes / 8)]);
	}
}

static inline void arena_map(struct arena *a)
{
	char *memory = mmap(NULL, 3 * ARENA_ALIGN, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *aligned;

	expect(memory != MAP_FAILED, "no memory");
	/* At least one page before it that nobody may touch. */
	aligned = (char *)(((uintptr_t)memory + ARENA_ALIGN) / ARENA_ALIGN * ARENA_ALIGN);
	if (aligned == memory)
		aligned += ARENA_ALIGN;
	expect(!mprotect(aligned, a->bytes, PROT_READ | PROT_WRITE), "mprotect");
	a->words = (uint64_t *)(void *)aligned;
}

/* One arena for each size of table, so that what must not be touched follows at once. */
static inline struct arena *arena_for(const struct ptw_config *c)
{
	static struct arena arenas[4] = {
		{.bytes = (size_t)96 << 10, .tables = 24, .entries = 512},
		{.bytes = (size_t)128 << 10, .tables = 8, .entries = 2048},
		{.bytes = (size_t)384 << 10, .tables = 6, .entries = 8192},
		{.bytes = (size_t)4 << 10, .tables = 64, .entries = 8},
	};
	struct arena *a = &arenas[c->format == PTW_FORMAT_PERVERSE ? 3 :
				  c->granule_lg2 == 16		   ? 2 :
				  c->granule_lg2 == 14		   ? 1 :
								     0];

	if (!a->words)
		arena_map(a);
	return a;
}

/* All of it, the beginning, all but one table, or some tables. */
static inline void arena_bounds(struct arena *a, unsigned int how, unsigned int which)
{
	const uint64_t table = a->entries * 8, end = a->pa + a->bytes;
	const uint64_t hole = arena_table_pa(a, which);

	a->bounds_count = 1;
	a->bounds[0] = (struct ptw_range){a->pa, end};
	switch (how % 5) {
	case 1: /* perhaps half a table at the end */
		a->bounds[0].end = a->pa + (which % (2 * a->tables) + 1) * table / 2;
		break;
	case 2:
		a->bounds[0].end = hole;
		a->bounds[1] = (struct ptw_range){hole + table, end};
		a->bounds_count = 2;
		break;
	case 3:
		for (a->bounds_count = 0; a->bounds_count < 8; a->bounds_count++) {
			uint64_t pa = arena_table_pa(a, a->bounds_count * (which % 5 + 1));

			a->bounds[a->bounds_count] = (struct ptw_range){pa, pa + table};
		}
		break;
	case 4: /* one that is nothing */
		a->bounds[1] = (struct ptw_range){end, a->pa};
		a->bounds_count = 2;
		break;
	default:
		break;
	}
}

static inline bool arena_declared(const struct arena *a, const uint64_t *word)
{
	const uint64_t pa = a->pa + (uint64_t)((const char *)word - (const char *)a->words);

	for (uint32_t i = 0; i < a->bounds_count; i++)
		if (pa >= a->bounds[i].start && pa < a->bounds[i].end)
			return true;
	return false;
}

/* An operation begins: remember everything, and let only what was declared be touched. */
static inline void arena_begin(struct arena *a)
{
	memcpy(a->before, a->words, a->bytes);
	arena_forbid(a->words, a->bytes);
	for (uint32_t i = 0; i < a->bounds_count; i++)
		if (a->bounds[i].start < a->bounds[i].end)
			arena_allow((char *)a->words + (a->bounds[i].start - a->pa),
				    a->bounds[i].end - a->bounds[i].start);
}

/* It has ended: nothing may have changed, or only words of declared memory. */
static inline void arena_end(struct arena *a, bool may_change)
{
	arena_allow(a->words, a->bytes);
	if (!memcmp(a->before, a->words, a->bytes))
		return;
	for (size_t i = 0; i < a->bytes / 8; i++)
		if (a->words[i] != a->before[i])
			expect(may_change && arena_declared(a, &a->words[i]),
			       "word %zu was %#llx, is %#llx", i, (unsigned long long)a->before[i],
			       (unsigned long long)a->words[i]);
}

#endif /* PTW_FUZZ_ARENA_H */
