/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* One run of random operations on a page table and its model, and how they are compared. */
#ifndef PTW_TESTS_RUN_H
#define PTW_TESTS_RUN_H

#include "tests/property/model.h"

struct run {
	struct machine m;
	struct model model;
	const char *preset;
	/* Choices come from a generator of random numbers, or from bytes while there are any. */
	uint64_t random;
	const uint8_t *bytes;
	size_t bytes_left;
	bool from_bytes;
	bool alike; /* ask nothing that only some formats can do */
	unsigned int oa_bits; /* of output addresses to map to */
	unsigned int step;
	/* What was answered, as numbers: the same on all formats of a size, or of a family. */
	uint64_t answers, family_answers;
	/* Work space, one of each per page of the largest area. */
	uint32_t pages;
	uint64_t *young_words, *dirty_words;
	struct page *shape;		  /* pages before the operation */
	uint8_t *young, *dirty;		  /* expected */
	uint8_t *seen_young, *seen_dirty; /* through a sink */
};

/* Work space for the areas that the model has. */
static inline void run_open_space(struct run *r)
{
	r->pages = 0;
	for (unsigned int i = 0; i < r->model.areas; i++)
		if (r->pages < r->model.area[i].pages)
			r->pages = r->model.area[i].pages;
	r->young_words = calloc(r->pages / 64 + 2, 8);
	r->dirty_words = calloc(r->pages / 64 + 2, 8);
	r->shape = calloc(r->pages, sizeof(*r->shape));
	r->young = calloc(4, r->pages);
	cr_assert(r->young_words && r->dirty_words && r->shape && r->young);
	r->dirty = r->young + r->pages;
	r->seen_young = r->dirty + r->pages;
	r->seen_dirty = r->seen_young + r->pages;
}

static inline void run_close_space(struct run *r)
{
	free(r->young_words);
	free(r->dirty_words);
	free(r->shape);
	free(r->young);
}

/* A number below n. Behind the last byte there are only zeros. */
static inline uint64_t pick(struct run *r, uint64_t n)
{
	uint64_t v = 0;

	if (!r->from_bytes)
		return random_below(&r->random, n);
	for (unsigned int i = 0; i < 64 && (n - 1) >> i; i += 8)
		if (r->bytes_left) {
			v |= (uint64_t)*r->bytes++ << i;
			r->bytes_left--;
		}
	return v % n;
}

static inline bool chance(struct run *r, unsigned int percent)
{
	return pick(r, 100) < percent;
}

static inline void answer(struct run *r, uint64_t value)
{
	r->answers = (r->answers ^ value) * 0x100000001b3u;
}

static inline void family_answer(struct run *r, uint64_t value)
{
	r->family_answers = (r->family_answers ^ value) * 0x100000001b3u;
}

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
	if (*end == r->m.ia_end || *start < r->m.ia_end / 2 || !chance(r, 50))
		return;
	*start = any_sign(r, *start);
	*end = any_sign(r, *end);
}

/* A range of pages: often short, often on the boundary of a block. */
static inline void random_range(struct run *r, const struct area *a, uint32_t *start, uint32_t *end)
{
	const uint32_t block = entry_pages(&r->model, 1 + (uint32_t)pick(r, 2));
	const uint32_t most[] = { 1, 8, 70, block, 3 * block, a->pages };
	uint32_t length = 1 + (uint32_t)pick(r, most[pick(r, 6)]);

	*start = (uint32_t)pick(r, a->pages);
	if (chance(r, 40))
		*start = *start / block * block;
	if (length > a->pages - *start)
		length = a->pages - *start;
	*end = *start + length;
	if (chance(r, 40)) {
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
