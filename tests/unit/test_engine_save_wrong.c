/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Images that are wrong, or of another engine, are refused, and nothing changes. */
#include "tests/unit/saved_engine.h"

Test(engine_save_wrong, one_wrong_byte, .timeout = 600)
{
	static struct world w;
	uint64_t bytes;
	uint8_t *image = small_image(&bytes);

	small_world(&w);
	for (unsigned int at = 0; at < bytes; at++)
		for (unsigned int flip = 1; flip < 256; flip++) {
			image[at] ^= (uint8_t)flip;
			refused(&w, image, bytes, 0, "byte", at);
			image[at] ^= (uint8_t)flip;
		}
	cr_assert_eq(ptw_engine_restore(w.engine, image, bytes), PTW_OK);
	close_world(&w);
	free(image);
}

/* Each in memory that ends where it does; also with a length and a checksum that fit. */
Test(engine_save_wrong, cut_off)
{
	static struct world w;
	uint64_t bytes;
	uint8_t *image = small_image(&bytes);

	small_world(&w);
	for (uint64_t n = 0; n < bytes; n++) {
		uint8_t *cut = malloc(n ? n : 1);

		memcpy(cut, image, n);
		refused(&w, cut, n, PTW_ERR_CORRUPT_BOUNDS, "cut at", (unsigned int)n);
		if (n >= 16 && n % 8 == 0) {
			put_word(cut, 8, n);
			seal(cut, n);
			refused(&w, cut, n, PTW_ERR_CORRUPT_BOUNDS, "sealed at", (unsigned int)n);
		}
		free(cut);
	}
	close_world(&w);
	free(image);
}

/* One word of the small image is another, and the checksum fits. */
Test(engine_save_wrong, wrong_words)
{
	static const struct {
		unsigned int at;
		uint64_t word;
		int error;
	} wrong[] = {
		{0, 0, PTW_ERR_CORRUPT_RESERVED},
		{8, 416, PTW_ERR_CORRUPT_RESERVED}, /* the checksum is not there */
		{8, 423, PTW_ERR_CORRUPT_BOUNDS},
		{8, 432, PTW_ERR_CORRUPT_BOUNDS},
		{8, 40, PTW_ERR_CORRUPT_BOUNDS},
		{8, 0, PTW_ERR_CORRUPT_BOUNDS},
		{16, 40ull << 32 | 2, PTW_ERR_UNSUPPORTED},
		{16, 88ull << 32 | 1, PTW_ERR_UNSUPPORTED},
		{16, 88ull << 32 | 3, PTW_ERR_UNSUPPORTED},
		{40, 16, PTW_ERR_CORRUPT_RESERVED},
		{40, 31, PTW_ERR_CORRUPT_RESERVED},
		{56, 0x69746172656e6568, PTW_ERR_POLICY},
		{64, 0, PTW_ERR_POLICY},
		{80, 1, PTW_ERR_POLICY},
		{WORD(PARENT), 1, PTW_ERR_CONFIG},
		{WORD(POLICY), 1, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(POLICY), 8, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(POLICY), UINT64_MAX, PTW_ERR_CORRUPT_BOUNDS},
		{24, 129, PTW_ERR_CONFIG},
		{24, 131, PTW_ERR_CONFIG},
		{32, 0, PTW_ERR_CORRUPT_BOUNDS}, /* something is left over */
		{32, 2, PTW_ERR_CORRUPT_BOUNDS},
		{32, UINT64_MAX, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(0), 0, PTW_ERR_CONFIG}, /* a group without regions, but nobody is below it */
		{WORD(0), 2, PTW_ERR_CORRUPT_BOUNDS}, /* no place for the runs */
		{WORD(0), (uint64_t)1 << 60, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(1), 0, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(1), 10, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(1), 12, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(1), 17, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(1), UINT64_MAX, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(TICKS_AGO), 1, PTW_ERR_CORRUPT_BOUNDS}, /* as the next generation */
		{WORD(TICKS_AGO + 2), 1, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(MS_AGO), 7, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(MS_AGO + 2), 9, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(YOUNGEST), 4, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(OLDEST), 3, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(HAND), 2, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(RESIDENT), 2, PTW_ERR_CORRUPT_COUNT},
		{WORD(RESIDENT), 4, PTW_ERR_CORRUPT_COUNT},
		{WORD(SPAN_FIRST), 0, PTW_ERR_CONFIG},
		{WORD(SPAN_FIRST), 2, PTW_ERR_CONFIG},
		{WORD(SPAN_FIRST), 3, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(SPAN_FIRST), UINT64_MAX, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(SPAN_FIRST + 1), 1, PTW_ERR_CONFIG},
		{WORD(SPAN_FIRST + 1), 3, PTW_ERR_CONFIG},
		/* Another type; weights beyond their end, or of more types; what was judged, without words for it. */
		{WORD(SPAN_FIRST + 1), (uint64_t)1 << 56 | 2, PTW_ERR_CONFIG},
		{WORD(BALANCE), 201, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(BALANCE), (uint64_t)201 << 24, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(BALANCE), (uint64_t)1 << 32, PTW_ERR_CORRUPT_RESERVED},
		{WORD(BALANCE + 1), 1, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(BALANCE + 1), 112, PTW_ERR_CORRUPT_BOUNDS},
		{WORD(BALANCE + 1), UINT64_MAX, PTW_ERR_CORRUPT_BOUNDS},
	};
	static struct world w;
	uint64_t bytes;
	uint8_t *image = small_image(&bytes);

	small_world(&w);
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const uint64_t was = word_at(image, wrong[i].at);

		put_word(image, wrong[i].at, wrong[i].word);
		seal(image, bytes);
		refused(&w, image, bytes, wrong[i].error, "row", i);
		put_word(image, wrong[i].at, was);
	}
	close_world(&w);
	free(image);
}

/* Other runs for the 66 pages, of which 3 are to be resident, or 0; the checksum fits. */
Test(engine_save_wrong, wrong_runs)
{
#define ABSENT(n)  (uint8_t)((n) << 2)
#define HERE(n)	   (uint8_t)((n) << 2 | 1)
#define PUT_OUT(n) (uint8_t)((n) << 2 | 2)
	static const struct {
		uint8_t byte[16];
		uint64_t bytes;
		int error;
	} wrong[] = {
		/* What each of the others could be; the second has pages as old as can be told, and older. */
		{{ABSENT(31), HERE(3), 0, 0x80, 1}, 5, PTW_OK},
		{{ABSENT(31), HERE(1), 158, HERE(1), 255, HERE(1), 7, 0x80, 1}, 9, PTW_OK},
		/* 65 or 67 pages; a run of none; more bytes, or fewer, than pages need. */
		{{ABSENT(31), HERE(3), 0, ABSENT(31)}, 4, PTW_ERR_CORRUPT_BOUNDS},
		{{ABSENT(31), HERE(3), 0, 0x84, 1}, 5, PTW_ERR_CORRUPT_BOUNDS},
		{{ABSENT(31), HERE(3), 0, 0x84, 1, ABSENT(0)}, 6, PTW_ERR_CORRUPT_BOUNDS},
		{{ABSENT(31), HERE(3)}, 2, PTW_ERR_CORRUPT_BOUNDS},
		{{ABSENT(31), HERE(3), 0, ABSENT(0), 0x80, 1}, 6, PTW_ERR_CORRUPT_RESERVED},
		{{ABSENT(31), HERE(3), 0, 0x80, 1, ABSENT(1)}, 6, PTW_ERR_CORRUPT_BOUNDS},
		{{ABSENT(31), HERE(3), 0, 0x80, 1}, 4, PTW_ERR_CORRUPT_BOUNDS},
		{{0xfc, 1, HERE(3), 0}, 3, PTW_ERR_CORRUPT_BOUNDS},
		/* Not the shortest; two that are one; longer than any; a kind that is none; zeroes that are not. */
		{{ABSENT(31), HERE(3), 0, 0x80, 0x81, 0}, 6, PTW_ERR_CORRUPT_RESERVED},
		{{ABSENT(31), HERE(3), 0, ABSENT(16), ABSENT(16)}, 5, PTW_ERR_CORRUPT_RESERVED},
		{{ABSENT(31), HERE(2), 9, HERE(1), 9, 0x80, 1}, 7, PTW_ERR_CORRUPT_RESERVED},
		{{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}, 8, PTW_ERR_CORRUPT_BOUNDS},
		{{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1},
		 13,
		 PTW_ERR_CORRUPT_BOUNDS},
		{{0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 7, PTW_ERR_CORRUPT_BOUNDS},
		{{ABSENT(31), HERE(3), 0, 0x83, 1, 0}, 6, PTW_ERR_CORRUPT_RESERVED},
		{{ABSENT(31), HERE(3), 0, 0x80, 1, 0, 0, 1}, 5, PTW_ERR_CORRUPT_RESERVED},
		/* Older than can be told is 255 and nothing else. Other kinds do not count. */
		{{ABSENT(31), HERE(3), 159, 0x80, 1}, 5, PTW_ERR_CORRUPT_BOUNDS},
		{{ABSENT(31), HERE(3), 254, 0x80, 1}, 5, PTW_ERR_CORRUPT_BOUNDS},
		{{ABSENT(31), PUT_OUT(3), 0, 0x80, 1}, 5, PTW_ERR_CORRUPT_COUNT},
		/* What was put out went from one of the last four generations, or nobody knows. */
		{{ABSENT(30), PUT_OUT(1), 3, HERE(3), 0, 0x80, 1}, 7, PTW_OK},
		{{ABSENT(30), PUT_OUT(1), 255, HERE(3), 0, 0x80, 1}, 7, PTW_OK},
		{{ABSENT(30), PUT_OUT(1), 4, HERE(3), 0, 0x80, 1}, 7, PTW_ERR_CORRUPT_BOUNDS},
	};
	static struct world w;
	uint64_t bytes;
	uint8_t *image = small_image(&bytes);

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		small_world(&w);
		put_word(image, WORD(1), wrong[i].bytes);
		memcpy(image + WORD(SPAN_FIRST + 2), wrong[i].byte, 16);
		/* The image has a place for 16 bytes. */
		if (wrong[i].bytes <= 8) {
			put_word(image, 8, bytes - 8);
			seal(image, bytes - 8);
		} else {
			put_word(image, 8, bytes);
			seal(image, bytes);
		}
		if (wrong[i].error)
			refused(&w, image, bytes, wrong[i].error, "row", i);
		else
			cr_assert_eq(ptw_engine_restore(w.engine, image, bytes), PTW_OK, "row %u",
				     i);
		close_world(&w);
	}
	free(image);
}

/*
 * Any bytes with a length and a checksum that fit: they are refused, or are exactly what the engine that they make is
 * saved as, and that goes on.
 */
Test(engine_save_wrong, any_bytes, .timeout = 600)
{
	static struct world w;
	const unsigned int rounds = 60000 / test_slowness();
	unsigned int taken = 0;
	uint64_t bytes;
	uint8_t *image = small_image(&bytes), *wrong = malloc(bytes);

	random_state = test_seed() | 1;
	small_world(&w);
	for (unsigned int round = 0; round < rounds; round++) {
		uint64_t size = 16 + 8 * pick((unsigned int)bytes / 8 - 1), again_bytes, evicted;
		uint8_t *again;

		if (round % 8) {
			memcpy(wrong, image, bytes);
			size = bytes;
			for (unsigned int n = pick(3) + 1; n--;)
				wrong[16 + pick((unsigned int)bytes - 24)] = (uint8_t)pick(256);
		} else {
			for (uint64_t i = 0; i < size; i++)
				wrong[i] = (uint8_t)pick(256);
			memcpy(wrong, image, pick(40));
		}
		put_word(wrong, 8, size);
		seal(wrong, size);
		if (ptw_engine_restore(w.engine, wrong, size)) {
			refused(&w, wrong, size, 0, "round", round);
			continue;
		}
		taken++;
		cr_assert_eq(ptw_engine_check(w.engine), PTW_OK, "round %u", round);
		again = save(&w, &again_bytes);
		cr_assert_eq(size, again_bytes);
		cr_assert_eq(memcmp(wrong, again, size), 0, "round %u", round);
		free(again);
		w.result = PTW_EVICTED;
		for (unsigned int i = 0; i < 4; i++) {
			ptw_page_add(w.engine, 64 + pick(66));
			ptw_group_age(w.group[0]);
			ptw_group_evict(w.group[0], 2, &evicted);
		}
		close_world(&w);
		small_world(&w);
	}
	cr_assert_gt(taken, rounds / 50);
	close_world(&w);
	free(image);
	free(wrong);
}

/*
 * Before there was a release version 2 had records of 33 words, then of 35. Such an image is
 * refused, and nothing is changed: what it says is longer than it is.
 */
Test(engine_save_wrong, version_2_before_its_release)
{
	static const struct ptw_policy_ops *const policies[] = {NULL, &ptw_policy_idle_age, &ptw_policy_learned};
	static struct world w;

	for (unsigned int i = 0; i < 3; i++) {
		uint64_t bytes;
		uint8_t *image;

		saved_policy = policies[i];
		image = small_image(&bytes);
		small_world(&w);
		for (unsigned int words = 37; words > 33;) {
			const uint64_t at = WORD(words -= 2);

			memmove(&image[at], &image[at + 16], bytes - at - 16);
			bytes -= 16;
			put_word(image, 8, bytes);
			seal(image, bytes);
			refused(&w, image, bytes, 0, "words of a record:", words);
		}
		close_world(&w);
		free(image);
	}
}

/* Engines of other shapes refuse the image of open_world(); groups without regions do not matter. */
Test(engine_save_wrong, other_shapes)
{
	static const struct {
		uint64_t pages;
		/* Of three groups: which, from where, how many. */
		struct {
			unsigned int group;
			uint64_t first, pages;
		} span[4];
		int error;
	} shape[] = {
		{PAGES, {{0, 576, 128}, {1, 704, 296}, {0, 64, 448}}, PTW_OK},
		{PAGES, {{1, 576, 128}, {0, 704, 296}, {1, 64, 448}}, PTW_OK},
		{PAGES - 1, {{0, 576, 128}, {1, 704, 295}, {0, 64, 448}}, PTW_ERR_CONFIG},
		{PAGES + 1, {{0, 576, 128}, {1, 704, 297}, {0, 64, 448}}, PTW_ERR_CONFIG},
		/* No group, or one less, or one more. */
		{PAGES, {{0, 0, 0}}, PTW_ERR_CONFIG},
		{PAGES, {{0, 576, 128}, {0, 64, 448}}, PTW_ERR_CONFIG},
		{PAGES, {{1, 704, 296}}, PTW_ERR_CONFIG},
		{PAGES, {{0, 576, 128}, {1, 704, 296}, {0, 64, 448}, {2, 0, 64}}, PTW_ERR_CONFIG},
		/* A span too many, too few, longer, shorter, elsewhere, another group's. */
		{PAGES, {{0, 576, 128}, {1, 704, 296}, {0, 64, 448}, {0, 0, 64}}, PTW_ERR_CONFIG},
		{PAGES, {{0, 576, 128}, {1, 704, 296}}, PTW_ERR_CONFIG},
		{PAGES, {{0, 576, 128}, {1, 704, 296}, {0, 64, 512}}, PTW_ERR_CONFIG},
		{PAGES, {{0, 576, 128}, {1, 704, 296}, {0, 64, 384}}, PTW_ERR_CONFIG},
		{PAGES, {{0, 576, 128}, {1, 704, 296}, {0, 128, 448}}, PTW_ERR_CONFIG},
		{PAGES, {{0, 576, 128}, {1, 704, 296}, {1, 64, 448}}, PTW_ERR_CONFIG},
		/* Attached in another order, or by other calls. */
		{PAGES, {{0, 64, 448}, {1, 704, 296}, {0, 576, 128}}, PTW_ERR_CONFIG},
		{PAGES, {{0, 576, 64}, {0, 640, 64}, {1, 704, 296}, {0, 64, 448}}, PTW_ERR_CONFIG},
	};
	static struct world a, w;
	uint64_t bytes;
	uint8_t *image;

	open_world(&a, false);
	for (uint64_t page = 64; page < PAGES; page += 3)
		ptw_page_add(a.engine, page);
	image = save(&a, &bytes);
	close_world(&a);
	for (unsigned int i = 0; i < sizeof(shape) / sizeof(shape[0]); i++) {
		struct ptw_group *group[3];

		open_engine(&w, shape[i].pages);
		for (unsigned int g = 0; g < 3; g++)
			group[g] = open_group(&w);
		for (unsigned int k = 0; k < 4 && shape[i].span[k].pages; k++)
			cr_assert_eq(ptw_group_attach(group[shape[i].span[k].group],
						      shape[i].span[k].first,
						      shape[i].span[k].pages),
				     PTW_OK);
		if (shape[i].error)
			refused(&w, image, bytes, shape[i].error, "shape", i);
		else
			cr_assert_eq(ptw_engine_restore(w.engine, image, bytes), PTW_OK);
		close_world(&w);
	}
	free(image);
}

/* The same group twice instead of two: found although all lengths and the number of groups fit. */
Test(engine_save_wrong, one_group_twice)
{
	static struct world w;
	struct ptw_group *group[2];
	uint64_t bytes;
	uint8_t *image;

	open_engine(&w, 128);
	for (unsigned int i = 0; i < 2; i++) {
		group[i] = open_group(&w);
		cr_assert_eq(ptw_group_attach(group[i], 64 * i, 64), PTW_OK);
	}
	image = save(&w, &bytes);
	memcpy(image + HEADER + (bytes - HEADER - 8) / 2, image + HEADER, (bytes - HEADER - 8) / 2);
	seal(image, bytes);
	refused(&w, image, bytes, PTW_ERR_CORRUPT_RESERVED, "twice", 0);
	close_world(&w);
	free(image);
}
