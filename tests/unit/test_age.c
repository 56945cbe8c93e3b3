/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Ages of pages. */
#include "tests/harness/harness.h"

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
