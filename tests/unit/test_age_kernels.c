/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Ages marked by vector code are those of the portable kernel. */
#include "tests/harness/harness.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/age.h>
#include <ptw/error.h>
#include <ptw/kernel.h>

/* Groups of 4096 pages, whole ones and a part at the end. */
#define PAGES  (3 * 4096 + 4096 / 2 + 7)
#define WORDS  ((PAGES + 63) / 64)
#define BEYOND 3

static uint8_t bytes[2][PAGES + 64], index_of[2][WORDS];
static uint64_t bitmap[2][WORDS + BEYOND], summary[2][(WORDS + BEYOND + 63) / 64];
static struct ptw_age ages[2];
static uint64_t random_state;

static uint64_t pick(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1du;
}

static unsigned int pick_below(unsigned int n)
{
	return (unsigned int)((pick() >> 32) % n);
}

static void need_vector(void)
{
	cr_assert_eq(ptw_age_init(&ages[0], bytes[0], 1), PTW_OK);
	if (ptw_age_kernel(&ages[0], PTW_KERNEL_AVX512) == PTW_ERR_UNSUPPORTED)
		cr_skip("no AVX-512 VBMI2 here");
}

Test(age_kernels, arguments)
{
	cr_assert_eq(ptw_age_init(&ages[0], bytes[0], 1), PTW_OK);
	cr_assert_eq(ptw_age_kernel(NULL, PTW_KERNEL_BEST), PTW_ERR_ARG);
	cr_assert_eq(ptw_age_kernel(&ages[0], 1000), PTW_ERR_ARG);
	cr_assert_eq(ptw_age_kernel(&ages[0], PTW_KERNEL_SSE2), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_age_kernel(&ages[0], PTW_KERNEL_PORTABLE), PTW_OK);
	cr_assert_eq(ages[0].kernel, PTW_KERNEL_PORTABLE);
	cr_assert_eq(ptw_age_kernel(&ages[0], PTW_KERNEL_BEST), PTW_OK);
	if (ptw_age_kernel(&ages[0], PTW_KERNEL_AVX512) == PTW_OK && test_slowness() == 1)
		cr_assert_neq(ages[0].kernel, PTW_KERNEL_PORTABLE);
}

/* Words of one kind: 0 empty, 1 few pages, 2 half, 3 nearly all, 4 all, 5 a run. */
static uint64_t word_of(unsigned int kind)
{
	const uint64_t v = pick();

	switch (kind) {
	case 0:
		return 0;
	case 1:
		return (uint64_t)1 << (v & 63) | (uint64_t)1 << (v >> 6 & 63);
	case 2:
		return v;
	case 3:
		return ~((uint64_t)1 << (v & 63));
	case 4:
		return ~(uint64_t)0;
	default:
		return ~(uint64_t)0 >> (v & 31) << (v >> 6 & 31);
	}
}

static void fill(void)
{
	/* Some epochs have one kind of words, so that pages grow old in most of them. */
	const unsigned int epoch_kind = pick_below(8);

	memset(summary, 0, sizeof(summary));
	for (unsigned int w = 0; w < WORDS + BEYOND; w++) {
		unsigned int kind = epoch_kind < 6 ? epoch_kind : pick_below(6);

		if (pick_below(4))
			kind = 0;
		bitmap[0][w] = bitmap[1][w] = word_of(kind);
		for (unsigned int side = 0; side < 2 && bitmap[0][w]; side++)
			summary[side][w / 64] |= (uint64_t)1 << (w % 64);
	}
}

static void check_alike(unsigned int epoch)
{
	static uint64_t histogram[2][PTW_AGE_MAX + 1];

	for (unsigned int page = 0; page < PAGES; page++)
		cr_assert_eq(ptw_age_of(&ages[0], page), ptw_age_of(&ages[1], page),
			     "page %u, epoch %u: %u, not %u", page, epoch,
			     ptw_age_of(&ages[1], page), ptw_age_of(&ages[0], page));
	for (unsigned int side = 0; side < 2; side++) {
		ptw_age_histogram(&ages[side], NULL, histogram[side]);
		for (unsigned int i = PAGES; i < sizeof(bytes[side]); i++)
			cr_assert_eq(bytes[side][i], 0xaa, "written behind the last page");
	}
	cr_assert_eq(memcmp(histogram[0], histogram[1], sizeof(histogram[0])), 0);
	cr_assert_eq(ages[0].marked, ages[1].marked);
}

/* By words, from a page number that is no multiple of anything larger; some come twice, some far apart. */
static uint64_t feed_words(struct ptw_age *age, const uint64_t *young, uint64_t seed)
{
	const uint64_t first = 64 * 77;
	const unsigned int end = (unsigned int)(seed % (WORDS + BEYOND));
	struct ptw_age_feed feed;
	uint64_t marked = 0;

	memset(&feed, 0x5a, sizeof(feed));
	ptw_age_feed_begin(&feed, age, first);
	for (unsigned int w = 0; w < WORDS + BEYOND; w++) {
		const unsigned int at =
			(unsigned int)((w * (seed & 64 ? 1 : 97)) % (WORDS + BEYOND));

		cr_assert_eq(ptw_age_feed_word(&feed, first + 64 * (uint64_t)at, young[at], 0), 0);
		if (at % 13 == 5)
			ptw_age_feed_word(&feed, first + 64 * (uint64_t)at, young[at] << 1, 0);
		if (w == end)
			ptw_age_feed_end(&feed);
	}
	marked = ptw_age_feed_end(&feed);
	/* Pages below the first one are nobody's. */
	ptw_age_feed_word(&feed, first - 64, ~(uint64_t)0, 0);
	cr_assert_eq(ptw_age_feed_end(&feed), marked);
	return marked;
}

/* Every page that is young in the words, or above one in a word that came twice, has age 0, and no other. */
static void check_fed(const struct ptw_age *age, const uint64_t *young)
{
	for (unsigned int page = 0; page < PAGES; page++) {
		uint64_t word = young[page / 64];

		if (page / 64 % 13 == 5)
			word |= word << 1;
		cr_assert_eq(ptw_age_of(age, page) == 0, word >> (page % 64) & 1, "page %u", page);
	}
}

static void run(bool indexed, uint64_t seed)
{
	random_state = seed | 1;
	memset(bytes, 0xaa, sizeof(bytes));
	for (unsigned int side = 0; side < 2; side++) {
		cr_assert_eq(ptw_age_init(&ages[side], bytes[side], PAGES), PTW_OK);
		cr_assert_eq(
			ptw_age_kernel(&ages[side], side ? PTW_KERNEL_AVX512 : PTW_KERNEL_PORTABLE),
			PTW_OK);
		if (indexed)
			cr_assert_eq(ptw_age_index(&ages[side], index_of[side]), PTW_OK);
	}
	for (unsigned int epoch = 0; epoch < 700 / (test_slowness() > 2 ? 2 : 1); epoch++) {
		const unsigned int way = pick_below(4);
		const uint64_t how = pick();
		uint64_t marked[2];

		fill();
		for (unsigned int side = 0; side < 2; side++) {
			if (way == 3)
				marked[side] = feed_words(&ages[side], bitmap[side], how);
			else if (way == 0)
				marked[side] = ptw_age_mark_bitmap(&ages[side], 0, bitmap[side],
								   WORDS + BEYOND);
			else
				marked[side] = ptw_age_drain_bitmap(
					&ages[side], 0, bitmap[side], WORDS + BEYOND,
					way == 1 ? NULL : summary[side]);
			for (unsigned int w = 0; w < WORDS + BEYOND && way % 3; w++)
				cr_assert_eq(bitmap[side][w], 0u);
		}
		cr_assert_eq(marked[0], marked[1]);
		if (way == 3)
			check_fed(&ages[0], bitmap[0]);
		check_alike(epoch);
		for (unsigned int side = 0; side < 2; side++)
			ptw_age_advance(&ages[side]);
		check_alike(epoch);
	}
}

Test(age_kernels, alike, .timeout = 600)
{
	need_vector();
	run(false, test_seed());
	run(false, test_seed() + 2);
}

Test(age_kernels, alike_with_an_index, .timeout = 600)
{
	need_vector();
	run(true, test_seed() + 4);
	run(true, test_seed() + 6);
}
