/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One run of random operations on a page table and its model, and how they are compared. */
#ifndef PTW_TESTS_RUN_H
#define PTW_TESTS_RUN_H

#include "tests/property/model.h"

struct run {
	struct machine m;
	struct model model;
	const char *preset;
	uint64_t random;
	unsigned int step;
	/* Work space, one of each per page of the largest area. */
	uint32_t pages;
	uint64_t *young_words, *dirty_words;
	uint8_t *young, *dirty;		  /* expected */
	uint8_t *seen_young, *seen_dirty; /* through a sink */
};

#define check(r, condition, ...)                                        \
	cr_assert(condition, "%s, step %u: %s", (r)->preset, (r)->step, \
		  (snprintf(why, sizeof(why), __VA_ARGS__), why))
static char why[512];

#define check_eq(r, what, a, b)                                                             \
	check(r, (uint64_t)(a) == (uint64_t)(b), "%s is %#" PRIx64 ", not %#" PRIx64, what, \
	      (uint64_t)(a), (uint64_t)(b))

static inline uint64_t ia_of(const struct run *r, const struct area *a, uint64_t page)
{
	return a->base + page * r->m.granule;
}

/* x86-64 takes the upper half with and without its sign. */
static inline uint64_t any_sign(struct run *r, uint64_t ia)
{
	const uint64_t half = r->m.ia_end / 2;

	if (r->m.config.format == PTW_FORMAT_X86_64 && ia >= half && ia < r->m.ia_end &&
	    !r->m.config.ia_bits)
		return ia | ~(r->m.ia_end - 1);
	return ia;
}

/* The end of a range gets the sign that its start has, if there is such an address. */
static inline void any_range(struct run *r, uint64_t *start, uint64_t *end)
{
	if (*end == r->m.ia_end || *start < r->m.ia_end / 2 || !random_chance(&r->random, 50))
		return;
	*start = any_sign(r, *start);
	*end = any_sign(r, *end);
}

/* A range of pages: often short, often on the boundary of a block. */
static inline void random_range(struct run *r, const struct area *a, uint32_t *start, uint32_t *end)
{
	const uint32_t block = entry_pages(&r->model, 1 + (uint32_t)random_below(&r->random, 2));
	const uint32_t most[] = { 1, 8, 70, block, 3 * block, a->pages };
	uint32_t length = 1 + (uint32_t)random_below(&r->random, most[random_below(&r->random, 6)]);

	*start = (uint32_t)random_below(&r->random, a->pages);
	if (random_chance(&r->random, 40))
		*start = *start / block * block;
	if (length > a->pages - *start)
		length = a->pages - *start;
	*end = *start + length;
	if (random_chance(&r->random, 40)) {
		*end = (*end + block - 1) / block * block;
		if (*end > a->pages)
			*end = a->pages;
	}
}

static inline bool test_bit(const uint64_t *words, uint32_t bit)
{
	return words[bit / 64] >> bit % 64 & 1;
}

/* Bits that were set before stay; all others are as expected, also those beside the range. */
static inline void check_bitmap(struct run *r, const char *what, const struct area *a,
				uint64_t start, uint64_t end, const uint64_t *words,
				const uint8_t *expected)
{
	const uint64_t base = start / r->m.granule & ~(uint64_t)63;
	const uint64_t count = ptw_bitmap_words(start, end, r->m.info.granule_lg2) * 64;

	for (uint64_t i = 0; i < count; i++) {
		const uint64_t page = base + i - a->base / r->m.granule;
		const bool inside =
			page < a->pages && ia_of(r, a, page) >= start && ia_of(r, a, page) < end;
		const bool want = i % 11 == 3 || (inside && expected[page]);

		check(r, test_bit(words, (uint32_t)i) == want, "%s bitmap: page %#" PRIx64 " is %d",
		      what, base + i, !want);
	}
}

static inline void fill_bitmap(uint64_t *words, uint64_t count)
{
	memset(words, 0, count * 8);
	for (uint64_t i = 3; i < count * 64; i += 11)
		words[i / 64] |= (uint64_t)1 << i % 64;
}

#endif /* PTW_TESTS_RUN_H */
