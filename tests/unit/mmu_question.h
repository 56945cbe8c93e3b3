/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A question to an MMU, with bitmaps of its own, and ways to look at the answer. */
#ifndef PTW_TESTS_MMU_QUESTION_H
#define PTW_TESTS_MMU_QUESTION_H

#include "tests/unit/pgtable_machine.h"

/* Words of a bitmap, and some behind it that nobody may touch. */
#ifndef QUESTION_WORDS
#define QUESTION_WORDS 32
#endif
#define QUESTION_FRAMES (64u * (QUESTION_WORDS - 2))

struct question {
	struct ptw_mmu_ask ask;
	uint64_t young[QUESTION_WORDS], dirty[QUESTION_WORDS], not_asked[QUESTION_WORDS];
};

/* Bitmaps empty, the answer as it has to be before. */
static inline struct ptw_mmu_ask *question(struct question *q, uint64_t start, uint64_t end,
					   uint32_t flags)
{
	const size_t words = (end - (start & ~(uint64_t)63) + 63) / 64 + 1;

	cr_assert_leq(words, (size_t)QUESTION_WORDS);
	memset(q->young, 0, 8 * words);
	memset(q->dirty, 0, 8 * words);
	memset(q->not_asked, 0, 8 * words);
	q->ask = (struct ptw_mmu_ask){
		.size = sizeof(q->ask),
		.flags = flags,
		.start = start,
		.end = end,
		.young = q->young,
		.dirty = q->dirty,
		.not_asked = q->not_asked,
		.resume = end,
	};
	return &q->ask;
}

static inline bool bit_of(const struct question *q, const uint64_t *words, uint64_t frame)
{
	const uint64_t bit = frame - (q->ask.start & ~(uint64_t)63);

	return words[bit / 64] >> bit % 64 & 1;
}

#define is_young(q, frame)     bit_of((q), (q)->young, (frame))
#define is_dirty(q, frame)     bit_of((q), (q)->dirty, (frame))
#define is_not_asked(q, frame) bit_of((q), (q)->not_asked, (frame))

/* Bits that are set, none of them outside [start, end). */
static inline uint64_t bits_of(const struct question *q, const uint64_t *words)
{
	const uint64_t base = q->ask.start & ~(uint64_t)63;
	const size_t n = (q->ask.end - base + 63) / 64 + 1;
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++)
		for (unsigned int b = 0; words[i] && b < 64; b++) {
			const uint64_t frame = base + i * 64 + b;

			if (!(words[i] >> b & 1))
				continue;
			bits++;
			cr_assert(frame >= q->ask.start && frame < q->ask.end,
				  "frame %#" PRIx64 " is outside [%#" PRIx64 ", %#" PRIx64 ")",
				  frame, q->ask.start, q->ask.end);
		}
	return bits;
}

/* The counts are those of the bitmaps. */
static inline void assert_counted(const struct question *q)
{
	cr_assert_eq(bits_of(q, q->young), q->ask.young_pages);
	cr_assert_eq(bits_of(q, q->dirty), q->ask.dirty_pages);
	cr_assert_eq(bits_of(q, q->not_asked), q->ask.not_asked_pages);
}

/* Every argument that is none. */
static inline void assert_refuses(ptw_mmu_ask_fn fn, void *context, struct question *q, bool flags)
{
	struct {
		struct ptw_mmu_ask ask;
		uint64_t more;
	} larger;

	cr_assert_eq(fn(context, NULL), PTW_ERR_ARG);
	question(q, 70, 80, PTW_HARVEST_ACCESSED)->size--;
	cr_assert_eq(fn(context, &q->ask), PTW_ERR_SIZE);
	larger.ask = *question(q, 70, 80, PTW_HARVEST_ACCESSED);
	larger.ask.size = sizeof(larger);
	larger.more = 1;
	cr_assert_eq(fn(context, &larger.ask), PTW_ERR_ARG);
	cr_assert_eq(larger.ask.resume, 70u);
	question(q, 70, 80, PTW_HARVEST_ACCESSED)->end = 70;
	cr_assert_eq(fn(context, &q->ask), PTW_ERR_RANGE);
	cr_assert_eq(q->ask.resume, 70u);
	question(q, 70, 80, PTW_HARVEST_ACCESSED)->end = 60;
	cr_assert_eq(fn(context, &q->ask), PTW_ERR_RANGE);
	question(q, 70, 80, PTW_HARVEST_ACCESSED)->as = 77;
	cr_assert_eq(fn(context, &q->ask), PTW_ERR_ARG);
	cr_assert_eq(q->ask.resume, 70u);
	if (!flags)
		return;
	cr_assert_eq(fn(context, question(q, 70, 80, 0)), PTW_ERR_ARG);
	cr_assert_eq(fn(context, question(q, 70, 80, PTW_HARVEST_PEEK)), PTW_ERR_ARG);
	cr_assert_eq(fn(context, question(q, 70, 80, PTW_HARVEST_ACCESSED | 16)), PTW_ERR_ARG);
	cr_assert_eq(q->ask.resume, 70u);
}

/* Those that ask for accessed only do nothing else. */
static inline void assert_accessed_only(ptw_mmu_ask_fn fn, void *context, struct question *q)
{
	const uint32_t accessed = PTW_HARVEST_ACCESSED;

	cr_assert_eq(fn(context, question(q, 70, 80, PTW_HARVEST_DIRTY)), PTW_ERR_ARG);
	cr_assert_eq(fn(context, question(q, 70, 80, accessed | PTW_HARVEST_DIRTY)), PTW_ERR_ARG);
	cr_assert_eq(fn(context, question(q, 70, 80, accessed | PTW_HARVEST_EXACT)), PTW_ERR_ARG);
}

#endif /* PTW_TESTS_MMU_QUESTION_H */
