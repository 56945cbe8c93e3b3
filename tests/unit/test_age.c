/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Ages of pages. */
#include "tests/harness/harness.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/age.h>
#include <ptw/error.h>

#define MAX_PAGES 256

static uint8_t bytes[MAX_PAGES + 1];
static struct ptw_age age;

static void start(uint64_t pages)
{
	memset(bytes, 0xaa, sizeof(bytes));
	cr_assert_eq(ptw_age_init(&age, bytes, pages), PTW_OK);
}

Test(age, arguments)
{
	cr_assert_eq(ptw_age_index(NULL, bytes), PTW_ERR_ARG);
	cr_assert_eq(ptw_age_init(NULL, bytes, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_age_init(&age, NULL, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_age_init(&age, bytes, 0), PTW_ERR_ARG);
}

Test(age, begins_at_the_greatest)
{
	start(3);
	for (unsigned int page = 0; page < 3; page++)
		cr_assert_eq(ptw_age_of(&age, page), PTW_AGE_MAX);
	cr_assert_eq(bytes[3], 0xaa);
}

/* Against counting by hand, for longer than a byte lasts. */
Test(age, ages_and_saturation)
{
	unsigned int expected[5] = { 255, 255, 255, 255, 255 };

	start(5);
	for (unsigned int epoch = 0; epoch < 1500; epoch++) {
		uint64_t young = 0;

		/* Page 0 never, 1 once, 2 now and then, 3 at every distance, 4 always. */
		if (epoch == 40)
			young |= 2;
		if (epoch % 17 == 3)
			young |= 4;
		if ((epoch >> 4) * (epoch >> 4) % 300 == epoch % 300)
			young |= 8;
		young |= 16;
		ptw_age_mark(&age, 0, young);
		for (unsigned int page = 0; page < 5; page++) {
			if (young >> page & 1)
				expected[page] = 0;
			cr_assert_eq(ptw_age_of(&age, page), expected[page],
				     "page %u, epoch %u: %u, not %u", page, epoch,
				     ptw_age_of(&age, page), expected[page]);
			if (expected[page] < PTW_AGE_MAX)
				expected[page]++;
		}
		ptw_age_advance(&age);
		for (unsigned int page = 0; page < 5; page++)
			cr_assert_eq(ptw_age_of(&age, page), expected[page]);
	}
	cr_assert_eq(expected[1], PTW_AGE_MAX);
	cr_assert_eq(bytes[5], 0xaa);
}

Test(age, odd_numbers_of_pages)
{
	for (uint64_t pages = 1; pages <= 200; pages++) {
		const uint64_t all[5] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
					  UINT64_MAX };

		start(pages);
		ptw_age_mark(&age, 0, UINT64_MAX);
		for (uint64_t page = 0; page < pages; page++)
			cr_assert_eq(ptw_age_of(&age, page), page < 64 ? 0 : PTW_AGE_MAX);
		ptw_age_advance(&age);
		cr_assert_eq(ptw_age_mark_bitmap(&age, 64, all, 4), pages > 64 ? pages - 64 : 0);
		for (uint64_t page = 0; page < pages; page++)
			cr_assert_eq(ptw_age_of(&age, page), page < 64 ? 1 : 0);
		ptw_age_mark(&age, (pages + 63) / 64 * 64, UINT64_MAX);
		cr_assert_eq(bytes[pages], 0xaa);
		cr_assert_eq(ptw_age_mark_bitmap(&age, 0, all, 5), pages);
	}
}

Test(age, histogram)
{
	uint64_t histogram[PTW_AGE_MAX + 1], member[3] = { 0 }, sum = 0;

	start(150);
	for (unsigned int epoch = 0; epoch < 150; epoch++) {
		/* Page i is young in epoch i for the last time. */
		const uint64_t young[3] = {
			epoch < 64 ? (uint64_t)1 << epoch : 0,
			epoch / 64 == 1 ? (uint64_t)1 << (epoch - 64) : 0,
			epoch / 64 == 2 ? (uint64_t)1 << (epoch - 128) : 0,
		};

		cr_assert_eq(ptw_age_mark_bitmap(&age, 0, young, 3), 1u);
		ptw_age_advance(&age);
	}
	memset(histogram, 0xee, sizeof(histogram));
	ptw_age_histogram(&age, NULL, histogram);
	for (unsigned int i = 0; i <= PTW_AGE_MAX; i++)
		cr_assert_eq(histogram[i], i >= 1 && i <= 150 ? 1u : 0u);
	/* 200 epochs later half of them have reached the end. */
	for (unsigned int epoch = 0; epoch < 200; epoch++)
		ptw_age_advance(&age);
	ptw_age_histogram(&age, NULL, histogram);
	cr_assert_eq(histogram[PTW_AGE_MAX], 150u - 54);
	cr_assert_eq(histogram[PTW_AGE_MAX - 1], 1u);
	for (unsigned int i = 0; i <= PTW_AGE_MAX; i++)
		sum += histogram[i];
	cr_assert_eq(sum, 150u);
	/* Some only: pages 0, 63, 64 and the last. */
	member[0] = (uint64_t)1 << 63 | 1;
	member[1] = 1;
	member[2] = (uint64_t)1 << 21;
	ptw_age_histogram(&age, member, histogram);
	cr_assert_eq(histogram[PTW_AGE_MAX], 3u);
	cr_assert_eq(histogram[201], 1u);
}

/* For more than two turns of the byte, nobody comes back from the dead. */
Test(age, never_young_again_by_itself)
{
	start(64);
	ptw_age_mark(&age, 0, UINT64_MAX);
	for (unsigned int epoch = 1; epoch <= 700; epoch++) {
		ptw_age_advance(&age);
		for (unsigned int page = 0; page < 64; page++)
			cr_assert_eq(ptw_age_of(&age, page), epoch < 255 ? epoch : 255);
	}
}

/*
 * Random operations against a model that keeps ages as numbers. Whatever was done, the histogram of all
 * pages, which is kept up to date, equals a recount, and each page has its age.
 */
#define MODEL_PAGES 700
#define MODEL_WORDS (MODEL_PAGES / 64 + 4)
#define GUARD	    0xaa

struct model {
	struct ptw_age age;
	uint64_t pages;
	uint64_t random;
	unsigned int step;
	uint8_t bytes[MODEL_PAGES + 1];
	uint8_t due[MODEL_WORDS];
	unsigned int expected[MODEL_PAGES];
};

static struct model m;

static uint64_t pick(uint64_t below)
{
	m.random ^= m.random << 13;
	m.random ^= m.random >> 7;
	m.random ^= m.random << 17;
	return (m.random >> 20) % below;
}

/* None, few, in a row, most or all. */
static uint64_t some_young(void)
{
	uint64_t young = 0;

	switch (pick(6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return ~((uint64_t)1 << pick(64));
	case 3:
		return (UINT64_MAX >> pick(56)) << pick(8);
	case 4:
		for (unsigned int i = 0; i < 64; i++)
			young |= (uint64_t)pick(2) << i;
		return young;
	default:
		for (uint64_t n = pick(4); n; n--)
			young |= (uint64_t)1 << pick(64);
		return young;
	}
}

/* The model's share of a mark; returns how many pages exist. */
static uint64_t model_mark(uint64_t page, uint64_t young)
{
	uint64_t marked = 0;

	for (unsigned int i = 0; i < 64; i++) {
		if (!(young >> i & 1) || page + i >= m.pages)
			continue;
		m.expected[page + i] = 0;
		marked++;
	}
	return marked;
}

static void model_check(void)
{
	/* Not on the stack: a kernel's is small. */
	static uint64_t histogram[PTW_AGE_MAX + 1], recount[PTW_AGE_MAX + 1];

	memset(recount, 0, sizeof(recount));
	for (uint64_t page = 0; page < m.pages; page++) {
		cr_assert_eq(ptw_age_of(&m.age, page), m.expected[page],
			     "step %u, page %u of %u, epoch %u: %u, not %u", m.step,
			     (unsigned int)page, (unsigned int)m.pages, (unsigned int)m.age.epoch,
			     ptw_age_of(&m.age, page), m.expected[page]);
		recount[m.expected[page]]++;
	}
	ptw_age_histogram(&m.age, NULL, histogram);
	for (unsigned int i = 0; i <= PTW_AGE_MAX; i++)
		cr_assert_eq(histogram[i], recount[i], "step %u, epoch %u: %u pages of age %u, not %u",
			     m.step, (unsigned int)m.age.epoch, (unsigned int)histogram[i], i,
			     (unsigned int)recount[i]);
	cr_assert_eq(m.bytes[m.pages], GUARD);
	cr_assert_eq(m.due[ptw_age_index_bytes(m.pages)], GUARD);
}

/* A bitmap that begins somewhere and may go beyond the last page: kept, drained, or drained by summary. */
static void model_bitmap(void)
{
	uint64_t young[MODEL_WORDS], was[MODEL_WORDS], summary = 0, expected = 0, marked;
	const uint64_t first = pick(m.pages / 64 + 2) * 64;
	const uint64_t words = pick(MODEL_WORDS) + 1, how = pick(3);

	for (uint64_t w = 0; w < words; w++) {
		was[w] = young[w] = pick(2) ? some_young() : 0;
		/* The harvest may have found nothing in a word that it names. */
		if (young[w] || !pick(4))
			summary |= (uint64_t)1 << w;
		expected += model_mark(first + w * 64, young[w]);
	}
	if (how == 0)
		marked = ptw_age_mark_bitmap(&m.age, first, young, words);
	else
		marked = ptw_age_drain_bitmap(&m.age, first, young, words,
					      how == 2 ? &summary : NULL);
	cr_assert_eq(marked, expected, "step %u: %u marked, not %u", m.step, (unsigned int)marked,
		     (unsigned int)expected);
	for (uint64_t w = 0; w < words; w++)
		cr_assert_eq(young[w], how ? 0 : was[w], "step %u: word %u of %u is left", m.step,
			     (unsigned int)w, (unsigned int)words);
	cr_assert(how != 2 || !summary);
}

/* Words as a harvest delivers them: ascending, and now and then one twice. */
static void model_feed(void)
{
	const uint64_t base = pick(3) * 64;
	struct ptw_age_feed feed;
	uint64_t expected = 0;

	ptw_age_feed_begin(&feed, &m.age, base);
	for (uint64_t page = 0; page < base + m.pages + 128; page += 64) {
		for (uint64_t n = pick(3); n; n--) {
			uint64_t young = some_young();

			cr_assert_eq(ptw_age_feed_word(&feed, page, young, UINT64_MAX), 0);
			if (page >= base)
				expected += model_mark(page - base, young);
		}
		if (!pick(8))
			cr_assert_eq(ptw_age_feed_end(&feed), expected);
	}
	cr_assert_eq(ptw_age_feed_end(&feed), expected, "step %u", m.step);
}

static void model_advance(void)
{
	ptw_age_advance(&m.age);
	for (uint64_t page = 0; page < m.pages; page++)
		if (m.expected[page] < PTW_AGE_MAX)
			m.expected[page]++;
}

static void model_step(void)
{
	const uint64_t page = pick(m.pages / 64 + 2) * 64;
	const uint64_t young = some_young();

	switch (pick(16)) {
	case 0:
		model_bitmap();
		break;
	case 1:
		model_feed();
		break;
	case 2:
	case 3:
	case 4:
		ptw_age_mark(&m.age, page, young);
		model_mark(page, young);
		break;
	case 5:
		/* Epochs without marks, up to more than there are bytes. */
		for (uint64_t n = pick(pick(4) ? 30 : 300); n; n--) {
			model_advance();
			model_check();
		}
		break;
	case 6:
		if (!pick(8))
			cr_assert_eq(ptw_age_index(&m.age, pick(3) ? m.due : NULL), PTW_OK);
		break;
	default:
		model_advance();
		break;
	}
}

static void model_run(uint64_t pages, unsigned int steps, bool index)
{
	m.pages = pages;
	memset(m.bytes, GUARD, sizeof(m.bytes));
	memset(m.due, GUARD, sizeof(m.due));
	cr_assert_eq(ptw_age_init(&m.age, m.bytes, pages), PTW_OK);
	if (index)
		cr_assert_eq(ptw_age_index(&m.age, m.due), PTW_OK);
	for (uint64_t page = 0; page < pages; page++)
		m.expected[page] = PTW_AGE_MAX;
	for (m.step = 0; m.step < steps; m.step++) {
		model_step();
		model_check();
	}
}

Test(age, model, .timeout = 600)
{
	static const uint64_t sizes[] = {1, 63, 64, 65, 128, 191, 320, MODEL_PAGES};

	m.random = test_seed();
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		model_run(sizes[i], 8000 / test_slowness() + 100, false);
		model_run(sizes[i], 8000 / test_slowness() + 100, true);
	}
}

/* Pages that are young now and then, every page with a period of its own, over five turns of the byte. */
Test(age, periods_with_and_without_an_index)
{
	m.random = test_seed();
	for (unsigned int index = 0; index < 2; index++) {
		model_run(MODEL_PAGES, 0, index);
		for (m.step = 0; m.step < 1300; m.step++) {
			for (uint64_t page = 0; page < m.pages; page += 64) {
				uint64_t young = 0;

				for (unsigned int i = 0; i < 64; i++)
					young |= (uint64_t)!((m.step + i) % (page + i + 1)) << i;
				ptw_age_mark(&m.age, page, young);
				model_mark(page, young);
			}
			model_check();
			model_advance();
			model_check();
		}
	}
}

/* More words than a summary word has bits; words that it does not name are not looked at. */
Test(age, summary_of_many_words)
{
	enum { WORDS = 150 };
	static uint8_t many[WORDS * 64];
	uint64_t young[WORDS] = {0}, summary[3] = {0};
	uint64_t histogram[PTW_AGE_MAX + 1];

	cr_assert_eq(ptw_age_init(&age, many, WORDS * 64), PTW_OK);
	for (unsigned int w = 0; w < WORDS; w += 7) {
		young[w] = (uint64_t)1 << (w % 64) | 1;
		summary[w / 64] |= (uint64_t)1 << (w % 64);
	}
	young[3] = 1;
	cr_assert_eq(ptw_age_drain_bitmap(&age, 0, young, WORDS, summary), 43u);
	cr_assert_eq(young[3], 1u);
	young[3] = 0;
	for (unsigned int w = 0; w < WORDS; w++) {
		cr_assert_eq(young[w], 0u);
		cr_assert_eq(ptw_age_of(&age, w * 64), w % 7 ? PTW_AGE_MAX : 0u);
	}
	cr_assert(!summary[0] && !summary[1] && !summary[2]);
	ptw_age_histogram(&age, NULL, histogram);
	cr_assert_eq(histogram[0], 43u);
	cr_assert_eq(histogram[PTW_AGE_MAX], WORDS * 64 - 43u);
}

/* The bytes end where their memory does: AddressSanitizer sees who reads or writes behind them. */
Test(age, end_of_memory)
{
	for (uint64_t pages = 1; pages < 130; pages++) {
		uint8_t *exact = malloc(pages), *due = malloc(ptw_age_index_bytes(pages));

		cr_assert(exact && due);
		cr_assert_eq(ptw_age_init(&age, exact, pages), PTW_OK);
		cr_assert_eq(ptw_age_index(&age, due), PTW_OK);
		for (unsigned int epoch = 0; epoch < 300; epoch++) {
			if (epoch % 140 == 9)
				for (uint64_t page = 0; page < pages; page += 64)
					ptw_age_mark(&age, page, UINT64_MAX >> 3);
			if (epoch == 200)
				ptw_age_index(&age, NULL);
			ptw_age_advance(&age);
		}
		cr_assert_eq(ptw_age_of(&age, 0), 300u - 289);
		free(exact);
		free(due);
	}
}
