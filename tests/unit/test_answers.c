/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Answers to questions about ranges: leaves of all sizes, counts, bad answers, changes under a question. */
#include "tests/unit/fake_mmu.h"

#define ACCESSED PTW_HARVEST_ACCESSED
#define DIRTY	 PTW_HARVEST_DIRTY
#define PEEK	 PTW_HARVEST_PEEK
#define EXACT	 PTW_HARVEST_EXACT

#define PAGES 8192u
#define WORDS (PAGES / 64 + 2)

static struct ptw_space *space;
static struct fake primary, guest, slow;
static uint64_t young[WORDS], dirty[WORDS], not_asked[WORDS], said[PAGES];
static struct ptw_ask_result result;

static void open_space(uint32_t abilities)
{
	fake_open(&primary, abilities, 1, PAGES);
	fake_open(&guest, abilities, 2, PAGES);
	fake_open(&slow, abilities & ~FAKE_FAST, 1, PAGES);
	space = space_open(&primary.mmu);
	cr_assert_eq(space_register(space, &guest, 0), 1u);
	cr_assert_eq(space_register(space, &slow, 0), 2u);
}

static void close_space(void)
{
	space_close(space);
	fake_close(&primary);
	fake_close(&guest);
	fake_close(&slow);
}

static void forget(void)
{
	memset(young, 0, sizeof(young));
	memset(dirty, 0, sizeof(dirty));
	memset(not_asked, 0, sizeof(not_asked));
	memset(said, 0, sizeof(said));
	result = (struct ptw_ask_result){ .size = sizeof(result) };
}

static struct ptw_ask question(uint32_t flags, uint32_t effort)
{
	return (struct ptw_ask){ .size = sizeof(struct ptw_ask), .flags = flags, .effort = effort,
				 .young = young, .dirty = dirty, .not_asked = not_asked,
				 .said = said };
}

static int ask(uint64_t start, uint64_t end, uint32_t flags, uint32_t effort)
{
	const struct ptw_ask q = question(flags, effort);

	forget();
	return ptw_space_harvest(space, start, end, &q, &result);
}

/* Is a page's bit set, in a bitmap of a question from `start` on? */
static bool page_bit(const uint64_t *words, uint64_t start, uint64_t page)
{
	return bit_at(words, page - (start & ~(uint64_t)63));
}

/* Leaves that the question cuts: it gets its part, and hears of the whole. */
Test(answers, head_and_tail)
{
	open_space(FAKE_FAST | FAKE_PLAIN);
	space_slot(space, 1, 0, 512, 2048, 1024); /* page = frame + 512 */
	fake_leaves(&guest, 0, 0, PAGES, 9);
	fake_leaves(&primary, 0, 0, PAGES, 3);
	*fake_state(&guest, 0, 600) = FAKE_YOUNG;	 /* pages 1024 to 1536 */
	*fake_state(&guest, 0, 1500) = FAKE_YOUNG | FAKE_DIRTY; /* 1536 to 2048 */
	*fake_state(&primary, 0, 1700) = FAKE_YOUNG;	 /* 1696 to 1704 */
	cr_assert_eq(ask(1100, 1700, ACCESSED, PTW_EFFORT_FAST), PTW_OK);
	cr_assert_eq(bits_in(young, WORDS), 600u);
	cr_assert(result.head.start == 1024 && result.head.length == 512 &&
		  result.head.what == PTW_EXTENT_YOUNG);
	cr_assert(result.tail.start == 1536 && result.tail.length == 512 &&
		  result.tail.what == PTW_EXTENT_YOUNG, "the longest of all is told");
	cr_assert_eq(result.young_pages, 604u);
	for (uint64_t page = 1100; page < 1700; page++)
		cr_assert_eq(said[page - 1100], page < 1696 ? 2u : 3u, "page %" PRIu64, page);
	/* One leaf on both sides. */
	*fake_state(&guest, 0, 600) = FAKE_YOUNG | FAKE_DIRTY;
	cr_assert_eq(ask(1030, 1040, ACCESSED | DIRTY, PTW_EFFORT_ALL), PTW_OK);
	cr_assert(result.head.start == 1024 && result.head.length == 512 &&
		  result.head.what == (PTW_EXTENT_YOUNG | PTW_EXTENT_DIRTY));
	cr_assert(!memcmp(&result.head, &result.tail, sizeof(result.head)));
	cr_assert(result.young_pages == 10 && result.dirty_pages == 10 && bits_in(dirty, WORDS) == 10);
	/* None is cut. */
	*fake_state(&guest, 0, 600) = FAKE_YOUNG;
	cr_assert_eq(ask(1024, 1536, ACCESSED, PTW_EFFORT_FAST), PTW_OK);
	cr_assert_eq(bits_in(young, WORDS), 512u);
	cr_assert_eq(result.head.length + result.tail.length, 0u);
	close_space();
}

/* A leaf that sticks out of its slot is cut to it: the frames beside it are no pages of this slot. */
Test(answers, leaves_that_stick_out_of_their_slot)
{
	open_space(FAKE_FAST);
	space_slot(space, 1, 0, 520, 100, 1000);
	fake_leaves(&guest, 0, 0, PAGES, 9);
	*fake_state(&guest, 0, 600) = FAKE_YOUNG;
	cr_assert_eq(ask(900, 1200, ACCESSED, PTW_EFFORT_FAST), PTW_OK);
	cr_assert_eq(bits_in(young, WORDS), 100u);
	cr_assert(page_bit(young, 900, 1000) && page_bit(young, 900, 1099));
	cr_assert_eq(result.head.length + result.tail.length, 0u);
	*fake_state(&guest, 0, 600) = FAKE_YOUNG;
	cr_assert_eq(ask(1050, 1060, ACCESSED, PTW_EFFORT_FAST), PTW_OK);
	cr_assert(result.head.start == 1000 && result.head.length == 100);
	cr_assert(result.tail.start == 1000 && result.tail.length == 100);
	close_space();
}

/*
 * The answer of a question about many pages does not depend on the pieces in which MMUs are asked: leaves
 * of any size, in any phase, of both MMUs.
 */
Test(answers, mixed_leaf_sizes)
{
	uint64_t random = test_seed();

	for (unsigned int round = 0; round < 120 / test_slowness() + 8; round++) {
		const uint64_t frame = random_below(&random, 1500), page = random_below(&random, 1500);
		const uint64_t pages = 1 + random_below(&random, 4000);
		const uint64_t start = random_below(&random, 2000);
		const uint64_t end = start + 1 + random_below(&random, PAGES - start);
		static uint8_t who[PAGES];
		const unsigned int host = round % 3 == 0 ? 9 : round % 3 == 1 ? 0 : 4;
		const unsigned int nested = round % 3 == 0 ? 0 : round % 3 == 1 ? 9 : 11;
		uint64_t expected = 0, found[2] = { 0 };
		const uint32_t flags = ACCESSED | (round & 8 ? PEEK : 0);

		open_space(FAKE_FAST | FAKE_PLAIN);
		space_slot(space, 1, 0, frame, pages, page);
		fake_leaves(&primary, 0, 0, PAGES, host);
		fake_leaves(&guest, 0, 0, PAGES, nested);
		for (unsigned int i = 0; i < 6; i++) {
			*fake_state(&primary, 0, random_below(&random, PAGES)) = FAKE_YOUNG;
			*fake_state(&guest, 0, frame + random_below(&random, pages)) = FAKE_YOUNG;
		}
		memset(who, 0, sizeof(who));
		for (uint64_t p = start; p < end; p++) {
			for (uint64_t i = p >> host << host; i < ((p >> host) + 1) << host; i++)
				who[p] |= *fake_state(&primary, 0, i) & FAKE_YOUNG;
			if (p >= page && p < page + pages) {
				const uint64_t f = frame + p - page;

				for (uint64_t i = f >> nested << nested;
				     i < ((f >> nested) + 1) << nested && i < PAGES; i++)
					who[p] |= *fake_state(&guest, 0, i) & FAKE_YOUNG ? 2 : 0;
			}
			expected += (uint64_t)__builtin_popcount(who[p]);
			found[who[p] >> 1] |= (uint64_t)who[p];
		}
		cr_assert_eq(ask(start, end, flags, round & 4 ? PTW_EFFORT_ALL : PTW_EFFORT_FAST),
			     PTW_OK);
		for (uint64_t p = start; p < end; p++) {
			cr_assert_eq(page_bit(young, start, p), !!who[p], "round %u page %" PRIu64, round,
				     p);
			cr_assert_eq(said[p - start], (uint64_t)who[p], "round %u page %" PRIu64, round, p);
		}
		if (!(flags & PEEK))
			cr_assert_eq(result.young_pages, expected, "round %u", round);
		close_space();
	}
}

/* --- MMUs that do not behave --- */

/* Where an MMU goes wrong: a frame, or a bit of the first word it is asked about. */
#define FIRST_WORD ((uint64_t)1 << 32)
static uint64_t bad_frame;

static int answers(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)op;
	switch (f->number) {
	case 0: /* a code there is none of */
		return -1000;
	case 1:
		return 7;
	case 2: /* behind the end */
		a->resume = a->end + 1;
		return PTW_ERR_BUDGET;
	case 3:
		a->resume = a->start - 1;
		return PTW_ERR_BUDGET;
	case 4: /* no progress, no error */
		a->resume = a->start;
		return PTW_OK;
	case 5:
		a->resume = a->start;
		return PTW_ERR_BUDGET;
	case 6: /* more than were asked about */
		a->young_pages = a->end - a->start + 1;
		return PTW_OK;
	case 7:
		a->dirty_pages = UINT64_MAX;
		return PTW_OK;
	case 8:
		a->not_asked_pages = UINT64_MAX;
		return PTW_OK;
	default: /* 9: bits outside the question */
		fake_bit(a->young, a, bad_frame < FIRST_WORD ? bad_frame :
				      (a->start & ~(uint64_t)63) + (bad_frame & 63));
		a->young_pages = 1;
		return PTW_OK;
	}
}

/* Nonsense is refused, counted, and does no harm to the answers of others. */
Test(answers, nonsense)
{
	for (unsigned int what = 0; what < 10; what++)
		for (uint32_t effort = PTW_EFFORT_FAST; effort <= PTW_EFFORT_ALL; effort++) {
			int ret;

			open_space(FAKE_FAST | FAKE_PLAIN);
			space_slot(space, 1, 0, 3, 200, 1000);
			bad_frame = 3 + 20;
			guest.script = answers;
			guest.number = what;
			*fake_state(&primary, 0, 1030) = FAKE_YOUNG;
			*fake_state(&primary, 0, 1001) = FAKE_YOUNG;
			ret = ask(1021, 1040, ACCESSED, effort);
			cr_assert_eq(ret, PTW_ERR_MMU, "nonsense %u: %s", what, ptw_strerror(ret));
			cr_assert_eq(result.failed, (uint64_t)2);
			cr_assert_eq(space_info(space).nonsense, 1u);
			cr_assert(page_bit(young, 1021, 1030));
			cr_assert_eq(bits_in(young, WORDS), 1u, "a bit from outside came through");
			if (what < 9) {
				cr_assert_eq(result.resume, 1021u);
				cr_assert(page_bit(not_asked, 1021, 1021) &&
					  page_bit(not_asked, 1021, 1039));
			}
			close_space();
		}
}

/* The same by the short lane: part of a word, of which the MMU does not know that it is one. */
Test(answers, stray_bits_beside_a_short_question)
{
	const struct ptw_ask q = { .size = sizeof(q), .flags = ACCESSED, .effort = PTW_EFFORT_FAST,
				   .young = young };

	for (unsigned int bit = 0; bit < 64; bit++) {
		const bool inside = bit >= 10 && bit < 20;

		open_space(FAKE_FAST);
		space_slot(space, 1, 0, 64, 128, 640);
		guest.script = answers;
		guest.number = 9;
		bad_frame = 64 + bit;
		forget();
		cr_assert_eq(ptw_space_harvest(space, 650, 660, &q, &result),
			     inside ? PTW_OK : PTW_ERR_MMU);
		cr_assert_eq(young[0], inside ? (uint64_t)1 << bit : 0u);
		cr_assert_eq(space_info(space).nonsense, inside ? 0u : 1u);
		close_space();
	}
}

static int strays_before(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	if (op == FAKE_HARVEST_FAST && (a->start & 63) && f->calls[op] > 1)
		fake_bit(a->young, a, a->start - 1);
	return FAKE_GO_ON;
}

/* Also where it is inside the question, of which an MMU is asked in pieces. */
Test(answers, stray_bits_between_pieces)
{
	open_space(FAKE_FAST);
	space_slot(space, 1, 0, 5, 2000, 1000);
	guest.script = strays_before;
	cr_assert_eq(ask(1000, 3000, ACCESSED, PTW_EFFORT_FAST), PTW_ERR_MMU);
	cr_assert_gt(guest.calls[FAKE_HARVEST_FAST], 1u);
	cr_assert_eq(bits_in(young, WORDS), 0u);
	close_space();
}

static int touches_a_leaf(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)op;
	if (a->start > 1024)
		*fake_state(f, 0, 1024) = FAKE_YOUNG;
	return FAKE_GO_ON;
}

/* A leaf that is used between two pieces belongs to the answer, its part in the first piece, too. */
Test(answers, a_leaf_that_becomes_young_in_the_middle)
{
	struct ptw_consumer_config config = { .size = sizeof(config), .pages = PAGES, .flags = ACCESSED };
	struct ptw_consumer *consumer;
	uint64_t pages;

	open_space(FAKE_FAST);
	cr_assert_eq(ptw_consumer_join(space, &config, &consumer), PTW_OK);
	fake_leaves(&primary, 0, 1024, 2048, 10);
	primary.script = touches_a_leaf;
	cr_assert_eq(ask(900, 1700, ACCESSED, PTW_EFFORT_FAST), PTW_OK);
	for (uint64_t page = 900; page < 1700; page++) {
		cr_assert_eq(page_bit(young, 900, page), page >= 1024, "page %" PRIu64, page);
		cr_assert_eq(said[page - 900], page >= 1024);
	}
	cr_assert_eq(result.young_pages, 1700u - 1024);
	cr_assert_eq(ptw_consumer_read(consumer, 0, PAGES, ACCESSED, NULL, NULL, &pages), PTW_OK);
	cr_assert_eq(pages, 1024u);
	close_space();
}

static int claims_a_huge_leaf(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)f;
	(void)op;
	a->head = (struct ptw_extent){ 0, (uint64_t)1 << 62, 9, PTW_EXTENT_YOUNG };
	a->tail = (struct ptw_extent){ 1000, UINT64_MAX, 9, PTW_EXTENT_YOUNG };
	return PTW_OK;
}

/* The length of a leaf costs nothing. */
Test(answers, a_leaf_of_nonsense_size, .timeout = 120)
{
	open_space(FAKE_FAST);
	primary.script = claims_a_huge_leaf;
	cr_assert_eq(ask(1000, 1010, ACCESSED, PTW_EFFORT_FAST), PTW_OK);
	cr_assert_eq(result.head.start, 0u);
	close_space();
}

static int fails_at(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)op;
	if (bad_frame >= a->end || bad_frame < a->start)
		return FAKE_GO_ON;
	for (a->resume = a->start; a->resume < bad_frame; a->resume++) {
		if (*fake_state(f, a->as, a->resume) & FAKE_YOUNG) {
			fake_bit(a->young, a, a->resume);
			a->young_pages++;
		}
	}
	return (int)f->number;
}

/* An error ends the question there; what lies before it was asked of everybody. */
Test(answers, errors_of_an_mmu)
{
	for (unsigned int i = 0; i < 2; i++) {
		open_space(FAKE_FAST | FAKE_PLAIN);
		space_slot(space, 1, 0, 0, 4000, 100);
		space_slot(space, 2, 0, 0, 4000, 100);
		memset(primary.state, FAKE_YOUNG, PAGES);
		memset(guest.state, FAKE_YOUNG, PAGES);
		memset(slow.state, FAKE_YOUNG, PAGES);
		guest.script = fails_at;
		guest.number = (unsigned int)PTW_ERR_CORRUPT_BOUNDS;
		bad_frame = 1234;
		cr_assert_eq(ask(0, 3000, ACCESSED, i ? PTW_EFFORT_ALL : PTW_EFFORT_FAST),
			     PTW_ERR_CORRUPT_BOUNDS);
		cr_assert_eq(result.resume, 1334u);
		cr_assert_eq(result.failed, (uint64_t)2);
		for (uint64_t page = 0; page < 1334; page++)
			cr_assert_eq(said[page], page < 100 ? 1u : i ? 7u : 3u, "page %" PRIu64, page);
		cr_assert_eq(space_info(space).nonsense, 0u);
		close_space();
	}
}

/* A lock that was taken leaves pages out, and does not end the question. */
Test(answers, again_leaves_pages_out)
{
	for (unsigned int i = 0; i < 2; i++) {
		open_space(FAKE_FAST | FAKE_PLAIN);
		space_slot(space, 1, 0, 64, 3000, 128);
		memset(guest.state, FAKE_YOUNG, PAGES);
		guest.script = fails_at;
		guest.number = (unsigned int)PTW_ERR_AGAIN;
		bad_frame = 700;
		cr_assert_eq(ask(128, 3128, ACCESSED, i ? PTW_EFFORT_ALL : PTW_EFFORT_FAST), PTW_OK);
		cr_assert_eq(result.resume, 3128u);
		cr_assert_eq(result.skipped, (uint64_t)2);
		cr_assert_eq(result.failed, 0u);
		cr_assert(page_bit(young, 128, 763) && !page_bit(young, 128, 764));
		cr_assert(!page_bit(not_asked, 128, 763) && page_bit(not_asked, 128, 764));
		cr_assert_eq(bits_in(young, WORDS) + bits_in(not_asked, WORDS), 3000u);
		cr_assert_eq(result.young_pages + result.not_asked_pages, 3000u);
		cr_assert_eq(space_info(space).not_asked, result.not_asked_pages);
		close_space();
	}
	/* Frames that an MMU could not ask, one by one, in any phase. */
	for (unsigned int phase = 0; phase < 64; phase++) {
		open_space(FAKE_FAST | FAKE_PLAIN);
		space_slot(space, 1, 0, 64 + phase, 300, 1000);
		*fake_state(&guest, 0, 64 + phase + 70) = FAKE_BUSY;
		*fake_state(&guest, 0, 64 + phase + 71) = FAKE_YOUNG;
		cr_assert_eq(ask(1003, 1300, ACCESSED, PTW_EFFORT_FAST), PTW_OK);
		cr_assert_eq(bits_in(not_asked, WORDS), 1u);
		cr_assert(page_bit(not_asked, 1003, 1070) && page_bit(young, 1003, 1071));
		cr_assert_eq(result.not_asked_pages, 1u);
		cr_assert_eq(result.skipped, (uint64_t)2);
		cr_assert_eq(ptw_space_test_young(space, 1070, PTW_EFFORT_ALL), PTW_ERR_AGAIN);
		cr_assert_eq(ptw_space_test_young(space, 1072, PTW_EFFORT_ALL), 0);
		close_space();
	}
}

/* An MMU without dirty state is asked for the rest of the question only, in words it knows. */
Test(answers, who_keeps_no_dirty_state)
{
	for (uint32_t effort = PTW_EFFORT_AGE; effort <= PTW_EFFORT_ALL; effort++) {
		const enum fake_op op = effort == PTW_EFFORT_ALL ? FAKE_HARVEST : FAKE_HARVEST_FAST;

		open_space(FAKE_FAST);
		space_slot(space, 1, 0, 0, 64, 0);
		memset(guest.state, FAKE_YOUNG | FAKE_DIRTY, PAGES);
		memset(primary.state, FAKE_DIRTY, PAGES);
		cr_assert_eq(ask(0, 64, DIRTY, effort), PTW_OK);
		cr_assert_eq(fake_calls(&guest) + fake_calls(&primary), 0u);
		cr_assert_eq(result.not_asked_pages, 0u, "it has nothing to say, so nothing is missing");
		cr_assert_eq(ask(0, 64, ACCESSED | DIRTY, effort), PTW_OK);
		cr_assert_eq(guest.calls[op], 1u);
		cr_assert_eq(guest.last.flags, (uint32_t)ACCESSED);
		cr_assert_eq(ask(0, 64, ACCESSED | EXACT | PEEK, effort), PTW_OK);
		cr_assert_eq(guest.calls[op], 2u);
		cr_assert_eq(guest.last.flags, (uint32_t)(ACCESSED | PEEK));
		cr_assert_eq(bits_in(dirty, WORDS), 0u);
		close_space();
	}
}

/* A dirty log says nothing about accessed: nothing is missing then, but ageing does not cover its pages. */
Test(answers, who_keeps_no_accessed_state)
{
	struct ptw_reference how = { .size = sizeof(how) };
	struct ptw_reference_result found = { .size = sizeof(found) };
	uint64_t uncovered;

	fake_open(&primary, FAKE_FAST | FAKE_PLAIN, 1, PAGES);
	fake_open(&guest, FAKE_PLAIN, 2, PAGES);
	fake_open(&slow, 0, 1, PAGES);
	guest.ops.harvest = NULL;
	memset(guest.state, FAKE_YOUNG | FAKE_DIRTY, PAGES);
	space = space_open(&primary.mmu);
	cr_assert_eq(space_register(space, &guest, 0), 1u);
	space_slot(space, 1, 0, 0, 64, 0);
	for (uint32_t effort = PTW_EFFORT_FAST; effort <= PTW_EFFORT_ALL; effort++) {
		cr_assert_eq(ask(0, 64, ACCESSED, effort), PTW_OK);
		cr_assert_eq(result.not_asked_pages, 0u);
		cr_assert_eq(result.skipped, (uint64_t)0);
		cr_assert_eq(ptw_space_covers(space, 0, 64, effort, &uncovered), 0);
		cr_assert_eq(uncovered, (uint64_t)2);
	}
	cr_assert_eq(ask(0, 64, ACCESSED | EXACT, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(ptw_space_test_young(space, 5, PTW_EFFORT_ALL), 0);
	cr_assert_eq(ptw_space_reference(space, 5, &how, &found), 0);
	cr_assert_eq(found.mappings, 1u, "the primary");
	cr_assert_eq(found.skipped, (uint64_t)0);
	cr_assert_eq(fake_calls(&guest), 0u);
	cr_assert_eq(ask(0, 64, ACCESSED | DIRTY, PTW_EFFORT_ALL), PTW_OK);
	cr_assert_eq(guest.calls[FAKE_HARVEST_DIRTY], 1u);
	cr_assert_eq(guest.last.flags, (uint32_t)DIRTY);
	cr_assert_eq(bits_in(dirty, WORDS), 64u);
	cr_assert_eq(bits_in(young, WORDS), 0u);
	cr_assert_eq(result.not_asked_pages, 0u);
	space_close(space);
	/* One that keeps nothing, or is fast at nothing, is no MMU. */
	guest.ops.harvest_fast_only = fake_harvest_fast;
	space = space_open(NULL);
	cr_assert_eq(ptw_space_register(space, &guest.mmu, NULL, NULL), PTW_ERR_ARG);
	guest.ops.harvest_fast_only = NULL;
	guest.ops.harvest_dirty = NULL;
	cr_assert_eq(ptw_space_register(space, &guest.mmu, NULL, NULL), PTW_ERR_ARG);
	cr_assert_eq(space_info(space).mmus, 0u);
	close_space();
}

/* Peeking changes nothing. */
Test(answers, peek)
{
	open_space(FAKE_FAST | FAKE_PLAIN);
	space_slot(space, 1, 0, 0, 256, 77);
	for (unsigned int i = 0; i < 256; i += 3)
		*fake_state(&guest, 0, i) = FAKE_YOUNG | FAKE_DIRTY;
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(ask(70, 400, ACCESSED | DIRTY | PEEK, PTW_EFFORT_ALL), PTW_OK);
		cr_assert(result.young_pages == 86 && result.dirty_pages == 86);
		cr_assert(bits_in(young, WORDS) == 86 && bits_in(dirty, WORDS) == 86);
		cr_assert_eq(ptw_space_test_young(space, 77, PTW_EFFORT_FAST), 1);
	}
	cr_assert_eq(ptw_space_clear_young(space, 77, PTW_EFFORT_FAST), 1);
	cr_assert_eq(ptw_space_clear_young(space, 77, PTW_EFFORT_FAST), 0);
	cr_assert_eq(ptw_space_test_young(space, 77, PTW_EFFORT_FAST), 0);
	close_space();
}

/* Outputs are optional, and the counts do not need them. */
Test(answers, without_outputs)
{
	for (unsigned int i = 0; i < 32; i++) {
		struct ptw_ask q = question(ACCESSED | DIRTY, PTW_EFFORT_ALL);

		open_space(FAKE_FAST | FAKE_PLAIN);
		space_slot(space, 1, 0, 0, 640, 64);
		memset(guest.state, FAKE_YOUNG | FAKE_DIRTY, PAGES);
		if (i & 1)
			q.young = NULL;
		if (i & 2)
			q.dirty = NULL;
		if (i & 4)
			q.said = NULL;
		if (i & 8)
			q.not_asked = NULL;
		forget();
		cr_assert_eq(ptw_space_harvest(space, 64, 704, &q, i & 16 ? NULL : &result), PTW_OK);
		cr_assert_eq(bits_in(young, WORDS), i & 1 ? 0u : 640u);
		cr_assert_eq(bits_in(dirty, WORDS), i & 2 ? 0u : 640u);
		cr_assert(i & 16 || (result.young_pages == 640 && result.dirty_pages == 640));
		cr_assert(i & 4 || said[639] == 2);
		close_space();
	}
}

Test(answers, cheap_is_passed_on)
{
	open_space(FAKE_FAST);
	space_slot(space, 1, 0, 0, 64, 0);
	guest.cheap = 1;
	cr_assert_eq(ask(0, 64, ACCESSED, PTW_EFFORT_FAST), PTW_OK);
	cr_assert_eq(result.cheap, (uint64_t)2);
	close_space();
}

/*
 * Short questions that want nothing but young bits have a lane of their own. It answers as the long way
 * does, whoever maps the pages, and whatever they say.
 */
static void short_and_long(uint64_t *random, unsigned int round)
{
	static uint8_t states[3][2 * PAGES];
	struct fake *const all[3] = { &primary, &guest, &slow };
	struct ptw_ask q = { .size = sizeof(q), .flags = ACCESSED, .effort = PTW_EFFORT_FAST,
			     .young = young };
	static uint64_t first[WORDS];
	struct ptw_ask_result r;
	uint64_t start = random_below(random, 3000), end;
	int ret;

	end = start + 1 + random_below(random, random_chance(random, 50) ? 64 : 600);
	if (random_chance(random, 60)) {
		start &= ~(uint64_t)63;
		end = (end + 63) & ~(uint64_t)63;
	}
	for (unsigned int i = 0; i < 3; i++) {
		for (unsigned int n = 0; n < 300; n++)
			*fake_state(all[i], 0, random_below(random, PAGES)) = FAKE_YOUNG;
		for (unsigned int n = 0; n < round % 4; n++)
			*fake_state(all[i], 0, random_below(random, PAGES)) = FAKE_BUSY;
		memcpy(states[i], all[i]->state, all[i]->spaces * PAGES);
	}
	guest.number = (unsigned int)random_below(random, 10);
	if (guest.number == 7) /* a number of dirty pages is not looked at where nobody asked */
		guest.number = 6;
	guest.script = round % 5 ? NULL : answers;
	bad_frame = FIRST_WORD + random_below(random, 64);
	forget();
	ret = ptw_space_harvest(space, start, end, &q, &result);
	memcpy(first, young, sizeof(first));
	r = result;
	for (uint64_t bit = 0; bit < 64 * WORDS; bit++)
		if (bit < (start & 63) || bit - (start & 63) >= end - start)
			cr_assert_not(bit_at(first, bit), "round %u: a bit outside of the question", round);
	for (unsigned int i = 0; i < 3; i++)
		memcpy(all[i]->state, states[i], all[i]->spaces * PAGES);
	forget();
	q.not_asked = not_asked;
	cr_assert_eq(ptw_space_harvest(space, start, end, &q, &result), ret, "round %u: %s", round,
		     ptw_strerror(ret));
	/* After an error more or less may have been found beyond the page reached. */
	cr_assert(guest.script || !memcmp(young, first, sizeof(first)), "round %u: other bits", round);
	cr_assert(r.resume == result.resume && r.skipped == result.skipped &&
			  r.failed == result.failed && r.asked == result.asked,
		  "round %u", round);
	/* A long one may ask somebody again, and be told again of what cannot be asked. */
	cr_assert(guest.script || (r.young_pages == result.young_pages && r.said == result.said &&
				   r.not_asked_pages <= result.not_asked_pages &&
				   r.cheap == result.cheap &&
				   !memcmp(&r.head, &result.head, sizeof(r.head)) &&
				   !memcmp(&r.tail, &result.tail, sizeof(r.tail))),
		  "round %u", round);
}

Test(answers, short_questions_as_long_ones)
{
	uint64_t random = test_seed();

	for (unsigned int n = 0; n < 40; n += test_slowness() > 4 ? 3 : 1) {
		open_space(n & 7 ? FAKE_FAST : 0);
		fake_leaves(&primary, 0, 0, PAGES, n & 1 ? 0 : (unsigned int)random_below(&random, 12));
		fake_leaves(&guest, 0, 0, PAGES, n & 2 ? 0 : (unsigned int)random_below(&random, 12));
		for (uint32_t as = 0; as < 2; as++) /* alike, mostly, and all over it */
			space_slot(space, 1, as, 64 * (n & 3), 1500 + 37 * n,
				   n & 16 ? 5 : 64 * (n & 5));
		if (n & 32)
			space_slot(space, 2, 0, 0, 4096, 0);
		guest.cheap = 1;
		for (unsigned int round = 0; round < 40; round++)
			short_and_long(&random, round);
		close_space();
	}
}

/* --- what an operation may do --- */

static int unmaps(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)a;
	(void)op;
	f->script = NULL;
	cr_assert_eq(ptw_space_invalidate_begin(space, 0, 64), PTW_OK);
	cr_assert_eq(ptw_space_unmap(space, 0, 64, NULL, NULL), PTW_OK);
	cr_assert_eq(ptw_space_invalidate_end(space, 0, 64), PTW_OK);
	return FAKE_GO_ON;
}

static int changes_slots(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)a;
	(void)op;
	f->script = NULL;
	cr_assert_eq(ptw_space_remove_slot(space, 2, 0, 0), PTW_OK);
	space_slot(space, 2, 0, 1000, 64, 0);
	return FAKE_GO_ON;
}

static int unregisters(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)a;
	(void)op;
	f->script = NULL;
	cr_assert_eq(ptw_space_unregister(space, 2), PTW_OK);
	cr_assert_eq(ptw_space_unregister(space, 1), PTW_OK);
	ptw_port_rcu_barrier();
	return FAKE_GO_ON;
}

/* The question goes on with what it began with; later ones see the change. */
Test(answers, operations_that_change_the_space)
{
	int (*const script[])(struct fake *, struct ptw_mmu_ask *, enum fake_op) = {
		unmaps, changes_slots, unregisters
	};

	for (unsigned int i = 0; i < 3; i++) {
		open_space(FAKE_PLAIN);
		space_slot(space, 1, 0, 0, 64, 0);
		space_slot(space, 2, 0, 0, 64, 0);
		guest.script = script[i];
		*fake_state(&guest, 0, 7) = FAKE_YOUNG;
		*fake_state(&slow, 0, 8) = FAKE_YOUNG;
		*fake_state(&slow, 0, 1009) = FAKE_YOUNG;
		cr_assert_eq(ask(0, 64, ACCESSED, PTW_EFFORT_ALL), PTW_OK);
		cr_assert_eq(young[0], i ? (uint64_t)0x180 : 0u, "case %u", i);
		cr_assert_eq(result.asked, (uint64_t)7);
		cr_assert_eq(ask(0, 64, ACCESSED, PTW_EFFORT_ALL), PTW_OK);
		cr_assert_eq(young[0], i == 1 ? (uint64_t)0x200 : 0u, "case %u", i);
		cr_assert_eq(result.asked, i == 2 ? (uint64_t)1 : (uint64_t)7);
		close_space();
		cr_assert(guest.released == 1 && slow.released == 1);
	}
}

