/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Questions about ranges: who is asked, about what, and how far. */
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

Test(ask, argument_errors_change_nothing)
{
	const struct ptw_ask good = question(ACCESSED, PTW_EFFORT_ALL);
	struct ptw_ask bad = good;
	struct {
		struct ptw_ask ask;
		uint64_t more;
	} longer = { good, 1 };
	struct ptw_consumer_config config = { .size = sizeof(config), .pages = 1, .flags = ACCESSED };
	struct ptw_ask_result small = { .size = sizeof(small) - 1 };
	struct ptw_space *other = space_open(NULL);
	uint64_t cursor = 99, mask = 77;

	open_space(FAKE_FAST | FAKE_PLAIN);
	space_slot(space, 1, 0, 0, 64, 100);
	memset(guest.state, FAKE_YOUNG, PAGES);
	forget();
#define refused(start, end, code)                                                                 \
	do {                                                                                      \
		cr_assert_eq(ptw_space_harvest(space, start, end, &bad, &result), code);          \
		cr_assert_eq(ptw_space_harvest_frames(space, 1, 0, start, end, &bad, &result), code); \
		bad = good;                                                                       \
	} while (0)
	cr_assert_eq(ptw_space_harvest(NULL, 0, 1, &good, &result), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_harvest_frames(NULL, 1, 0, 0, 1, &good, &result), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_harvest(space, 0, 1, NULL, &result), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_harvest_frames(space, 1, 0, 0, 1, NULL, &result), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_harvest(space, 0, 1, &good, &small), PTW_ERR_SIZE);
	cr_assert_eq(ptw_space_harvest_frames(space, 1, 0, 0, 1, &good, &small), PTW_ERR_SIZE);
	longer.ask.size = sizeof(longer);
	cr_assert_eq(ptw_space_harvest(space, 0, 1, &longer.ask, &result), PTW_ERR_ARG);
	bad.size--;
	refused(100, 164, PTW_ERR_SIZE);
	bad.flags = 0;
	refused(100, 164, PTW_ERR_ARG);
	bad.flags = PEEK;
	refused(100, 164, PTW_ERR_ARG);
	bad.flags = ACCESSED | 16;
	refused(100, 164, PTW_ERR_ARG);
	bad.effort = PTW_EFFORT_ALL + 1;
	refused(100, 164, PTW_ERR_ARG);
	bad.effort = PTW_EFFORT_FAST;
	bad.flags = DIRTY;
	refused(100, 164, PTW_ERR_UNSUPPORTED);
	bad.effort = PTW_EFFORT_FAST;
	bad.flags = ACCESSED | EXACT;
	refused(100, 164, PTW_ERR_UNSUPPORTED);
	refused(100, 100, PTW_ERR_RANGE);
	refused(100, 99, PTW_ERR_RANGE);
	bad.cursor = &cursor;
	refused(100, 164, PTW_ERR_RANGE);
	cursor = 165;
	bad.cursor = &cursor;
	refused(100, 164, PTW_ERR_RANGE);
	cr_assert_eq(cursor, 165u);
	cr_assert_eq(ptw_consumer_join(other, &config, &bad.consumer), PTW_OK);
	refused(100, 164, PTW_ERR_ARG);
	cr_assert_eq(ptw_space_harvest_frames(space, 9, 0, 0, 64, &good, &result), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_space_harvest_frames(space, 0, 0, 0, 64, &good, &result), PTW_ERR_ABSENT);
	ptw_read_lock();
	refused(100, 164, PTW_ERR_CONTEXT);
	bad.effort = PTW_EFFORT_AGE;
	refused(100, 164, PTW_ERR_CONTEXT);
	bad.effort = PTW_EFFORT_PRIMARY;
	bad.flags = DIRTY;
	refused(100, 164, PTW_ERR_CONTEXT);
	cr_assert_eq(ptw_space_clear_young(space, 100, PTW_EFFORT_ALL), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(ptw_space_test_young(NULL, 100, PTW_EFFORT_ALL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_test_young(space, 100, PTW_EFFORT_ALL + 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_test_young(space, UINT64_MAX, PTW_EFFORT_ALL), PTW_ERR_RANGE);
	cr_assert_eq(ptw_space_clear_young(NULL, 100, PTW_EFFORT_ALL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_clear_young(space, 100, 17), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_clear_young(space, UINT64_MAX, PTW_EFFORT_ALL), PTW_ERR_RANGE);
	cr_assert_eq(ptw_space_covers(NULL, 0, 1, 0, &mask), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_covers(space, 0, 1, PTW_EFFORT_ALL + 1, &mask), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_covers(space, 1, 1, 0, &mask), PTW_ERR_RANGE);
	cr_assert_eq(mask, 77u);
	cr_assert_eq(fake_calls(&primary) + fake_calls(&guest) + fake_calls(&slow), 0u);
	cr_assert(!result.resume && !result.asked && !bits_in(young, WORDS));
	close_space();
	space_close(other);
}

/* Frames against pages in every phase, and questions that begin and end anywhere. */
static void one_phase(unsigned int phase, uint64_t *random, bool with_consumer)
{
	struct ptw_consumer_config config = { .size = sizeof(config), .pages = 1, .flags = ACCESSED };
	const uint64_t frame = 64 + phase, page = 1000, pages = 700;
	struct ptw_consumer *consumer;

	open_space(FAKE_FAST | FAKE_PLAIN);
	if (with_consumer) /* who asks publishes then: no word goes straight to the caller */
		cr_assert_eq(ptw_consumer_join(space, &config, &consumer), PTW_OK);
	space_slot(space, 1, 1, frame, pages, page);
	for (unsigned int n = 0; n < 12; n++) {
		const uint64_t start = page - 70 + random_below(random, 300);
		const uint64_t end = start + 1 + random_below(random, n < 6 ? 64 : 600);
		uint32_t flags = ACCESSED;
		uint64_t expected = 0;
		struct ptw_ask q;

		for (uint64_t i = 0; i < pages; i++)
			*fake_state(&guest, 1, frame + i) = random_below(random, 4) & 3;
		if (n % 3 == 2)
			flags |= DIRTY;
		forget();
		q = question(flags, flags & DIRTY ? PTW_EFFORT_ALL : PTW_EFFORT_FAST);
		q.said = n & 1 ? said : NULL;
		q.not_asked = n & 4 ? not_asked : NULL;
		for (uint64_t i = 0; i < pages; i++) {
			if (page + i < start || page + i >= end)
				continue;
			expected += *fake_state(&guest, 1, frame + i) & FAKE_YOUNG;
			*fake_state(&guest, 1, frame + i) |= 64; /* a mark: in the question */
			if (*fake_state(&guest, 1, frame + i) & FAKE_YOUNG)
				*fake_state(&guest, 1, frame + i) |= 128;
		}
		cr_assert_eq(ptw_space_harvest(space, start, end, &q, &result), PTW_OK);
		cr_assert_eq(result.resume, end);
		cr_assert_eq(result.young_pages, expected, "phase %u", phase);
		cr_assert_eq(bits_in(young, WORDS), expected, "bits of others were set");
		cr_assert_eq(bits_in(dirty, WORDS), result.dirty_pages);
		for (uint64_t i = 0; i < pages; i++) {
			const uint8_t state = *fake_state(&guest, 1, frame + i);

			if (!(state & 64))
				continue;
			cr_assert_eq(page_bit(young, start, page + i), !!(state & 128),
				     "phase %u, page %" PRIu64, phase, page + i);
			if (q.said)
				cr_assert_eq(said[page + i - start], state & 128 ? 2u : 0u);
			cr_assert(!(state & FAKE_YOUNG));
			cr_assert(!(flags & DIRTY) || !(state & FAKE_DIRTY));
		}
	}
	close_space();
}

Test(ask, every_phase_of_frames_and_pages)
{
	uint64_t random = test_seed();

	for (unsigned int phase = 0; phase < 64; phase++) {
		one_phase(phase, &random, false);
		one_phase(phase, &random, true);
	}
}

/* The same seen as frames, with a hole between two slots. */
Test(ask, frames)
{
	uint64_t random = test_seed();

	for (unsigned int phase = 0; phase < 64; phase++) {
		const uint64_t first = 64 + phase, second = first + 200;
		const uint64_t start = first - 30 + random_below(&random, 100);
		const uint64_t end = second + random_below(&random, 130);
		struct ptw_ask q;

		open_space(FAKE_FAST | FAKE_PLAIN);
		space_slot(space, 1, 0, first, 100, 1000);
		space_slot(space, 1, 0, second, 100, 3000 + phase);
		for (uint64_t frame = 0; frame < PAGES; frame++)
			if (random_chance(&random, 30))
				*fake_state(&guest, 0, frame) = FAKE_YOUNG | 128;
		for (uint64_t page = 0; page < PAGES; page++)
			if (random_chance(&random, 10))
				*fake_state(&primary, 0, page) = FAKE_YOUNG | 128;
		forget();
		q = question(ACCESSED, phase & 1 ? PTW_EFFORT_FAST : PTW_EFFORT_ALL);
		cr_assert_eq(ptw_space_harvest_frames(space, 1, 0, start, end, &q, &result), PTW_OK);
		cr_assert_eq(result.resume, end);
		for (uint64_t frame = start & ~(uint64_t)63; frame < end; frame++) {
			const bool in1 = frame >= first && frame < first + 100;
			const bool in2 = frame >= second && frame < second + 100;
			const uint64_t page = in1 ? 1000 + frame - first :
						    3000 + phase + frame - second;
			uint64_t who = 0;

			if (frame >= start && (in1 || in2)) {
				who |= *fake_state(&primary, 0, page) & 128 ? 1 : 0;
				who |= *fake_state(&guest, 0, frame) & 128 ? 2 : 0;
				cr_assert(!(*fake_state(&guest, 0, frame) & FAKE_YOUNG));
			}
			cr_assert_eq(page_bit(young, start, frame), !!who, "phase %u frame %" PRIu64,
				     phase, frame);
			if (frame >= start)
				cr_assert_eq(said[frame - start], who);
		}
		cr_assert_eq(result.not_asked_pages, 0u);
		close_space();
	}
}

/* Slots that go on in frames and pages are one: a leaf of the host may lie across. */
Test(ask, frames_of_slots_side_by_side)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct ptw_ask q = question(ACCESSED, i ? PTW_EFFORT_ALL : PTW_EFFORT_FAST);

		open_space(FAKE_FAST);
		space_slot(space, 1, 0, 100, 100, 1100);
		space_slot(space, 1, 0, 200, 100, 1200);
		space_slot(space, 1, 0, 300, 100, 3000); /* goes on in frames only */
		fake_leaves(&primary, 0, 1024, 1536, 9);
		*fake_state(&primary, 0, 1500) = FAKE_YOUNG;
		*fake_state(&guest, 0, 310) = FAKE_YOUNG;
		forget();
		cr_assert_eq(ptw_space_harvest_frames(space, 1, 0, 150, 350, &q, &result), PTW_OK);
		for (uint64_t frame = 150; frame < 350; frame++) {
			const uint64_t who = frame < 300 ? 1 : frame == 310 ? 2 : 0;

			cr_assert_eq(said[frame - 150], who, "frame %" PRIu64, frame);
			cr_assert_eq(page_bit(young, 150, frame), !!who);
		}
		cr_assert_eq(result.young_pages, 151u);
		cr_assert(result.head.start == 1024 && result.tail.start == 1024);
		close_space();
	}
}

/* As far as numbers go: what is in no slot costs nothing. */
Test(ask, all_frames_there_are)
{
	struct ptw_ask q = { .size = sizeof(q), .flags = ACCESSED, .effort = PTW_EFFORT_FAST };
	struct ptw_slot slot = slot_of(1, 0, 7, 100, PTW_PAGE_PRIVATE + 12345);

	for (unsigned int i = 0; i < 4; i++) {
		open_space(FAKE_FAST);
		slot.flags = i & 1 ? PTW_SLOT_PRIVATE : 0;
		slot.page = i & 1 ? PTW_PAGE_PRIVATE + 12345 : 12345;
		q.effort = i & 2 ? PTW_EFFORT_ALL : PTW_EFFORT_FAST;
		cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_OK);
		memset(guest.state, FAKE_YOUNG, PAGES);
		forget();
		cr_assert_eq(ptw_space_harvest_frames(space, 1, 0, 0, UINT64_MAX, &q, &result), PTW_OK);
		cr_assert_eq(result.young_pages, 100u, "case %u", i);
		cr_assert_eq(result.resume, UINT64_MAX);
		close_space();
	}
}

/* Who is asked at which effort, and how. */
Test(ask, efforts)
{
	static const struct {
		uint32_t effort, flags;
		uint64_t asked, skipped;
		enum fake_op primary, guest, slow, opted;
	} cases[] = {
		{ PTW_EFFORT_PRIMARY, ACCESSED, 1, 0, FAKE_HARVEST_FAST, FAKE_OPS, FAKE_OPS, FAKE_OPS },
		{ PTW_EFFORT_FAST, ACCESSED, 3, 12, FAKE_HARVEST_FAST, FAKE_HARVEST_FAST, FAKE_OPS,
		  FAKE_OPS },
		{ PTW_EFFORT_AGE, ACCESSED, 11, 4, FAKE_HARVEST_FAST, FAKE_HARVEST_FAST, FAKE_OPS,
		  FAKE_HARVEST },
		{ PTW_EFFORT_ALL, ACCESSED, 15, 0, FAKE_HARVEST, FAKE_HARVEST, FAKE_HARVEST,
		  FAKE_HARVEST },
		{ PTW_EFFORT_PRIMARY, DIRTY, 1, 0, FAKE_HARVEST_DIRTY, FAKE_OPS, FAKE_OPS, FAKE_OPS },
		{ PTW_EFFORT_AGE, DIRTY, 11, 4, FAKE_HARVEST_DIRTY, FAKE_HARVEST_DIRTY, FAKE_OPS,
		  FAKE_HARVEST_DIRTY },
		{ PTW_EFFORT_ALL, ACCESSED | DIRTY, 15, 0, FAKE_HARVEST_DIRTY, FAKE_HARVEST_DIRTY,
		  FAKE_HARVEST_DIRTY, FAKE_HARVEST_DIRTY },
		{ PTW_EFFORT_ALL, ACCESSED | EXACT, 15, 0, FAKE_HARVEST_DIRTY, FAKE_HARVEST_DIRTY,
		  FAKE_HARVEST_DIRTY, FAKE_HARVEST_DIRTY },
	};
	struct fake opted, *all[4] = { &primary, &guest, &slow, &opted };

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const enum fake_op expected[4] = { cases[i].primary, cases[i].guest, cases[i].slow,
						   cases[i].opted };

		open_space(FAKE_FAST | FAKE_PLAIN);
		fake_open(&opted, FAKE_PLAIN, 1, PAGES);
		cr_assert_eq(space_register(space, &opted, PTW_REGISTER_AGE_SLOW), 3u);
		for (uint32_t id = 1; id < 4; id++)
			space_slot(space, id, 0, 0, 64, 640);
		cr_assert_eq(ask(640, 704, cases[i].flags, cases[i].effort), PTW_OK);
		cr_assert_eq(result.asked, cases[i].asked, "case %u", i);
		cr_assert_eq(result.skipped, cases[i].skipped, "case %u", i);
		for (unsigned int m = 0; m < 4; m++) {
			cr_assert_eq(fake_calls(all[m]), expected[m] != FAKE_OPS, "case %u MMU %u", i, m);
			if (expected[m] != FAKE_OPS) {
				cr_assert_eq(all[m]->calls[expected[m]], 1u, "case %u MMU %u", i, m);
				cr_assert_eq(all[m]->last.flags, cases[i].flags);
			}
		}
		cr_assert_eq(result.not_asked_pages,
			     64u * (unsigned int)__builtin_popcountll(cases[i].skipped));
		cr_assert_eq(bits_in(not_asked, WORDS), cases[i].skipped ? 64u : 0u);
		close_space();
		fake_close(&opted);
	}
}

/* What ageing would reach. */
Test(ask, covers)
{
	uint64_t mask;
	struct fake opted;

	open_space(FAKE_FAST);
	fake_open(&opted, 0, 1, PAGES);
	cr_assert_eq(space_register(space, &opted, PTW_REGISTER_AGE_SLOW), 3u);
	space_slot(space, 1, 0, 0, 100, 100);
	space_slot(space, 2, 0, 0, 100, 300);
	space_slot(space, 3, 0, 0, 100, 500);
#define assert_covers(start, end, effort, uncovered)                                              \
	do {                                                                                      \
		cr_assert_eq(ptw_space_covers(space, start, end, effort, &mask), !(uncovered));   \
		cr_assert_eq(mask, (uint64_t)(uncovered));                                        \
	} while (0)
	assert_covers(0, PAGES, PTW_EFFORT_PRIMARY, 14);
	assert_covers(0, PAGES, PTW_EFFORT_FAST, 12);
	assert_covers(0, PAGES, PTW_EFFORT_AGE, 4);
	assert_covers(0, PAGES, PTW_EFFORT_ALL, 0);
	assert_covers(0, 300, PTW_EFFORT_FAST, 0);
	assert_covers(0, 301, PTW_EFFORT_FAST, 4);
	assert_covers(399, 400, PTW_EFFORT_AGE, 4);
	assert_covers(400, 500, PTW_EFFORT_PRIMARY, 0);
	assert_covers(PTW_PAGE_PRIVATE, UINT64_MAX, PTW_EFFORT_PRIMARY, 0);
	space_close(space);
	space = space_open(&slow.mmu); /* a primary that is not fast */
	assert_covers(0, 1, PTW_EFFORT_PRIMARY, 0);
	assert_covers(0, 1, PTW_EFFORT_FAST, 1);
	assert_covers(0, 1, PTW_EFFORT_AGE, 0);
	slow.dead = false;
	cr_assert_eq(ptw_space_test_young(space, 0, PTW_EFFORT_FAST), PTW_ERR_AGAIN);
	cr_assert_eq(fake_calls(&slow), 0u);
	cr_assert_eq(ptw_space_test_young(space, 0, PTW_EFFORT_PRIMARY), 0);
	cr_assert_eq(ptw_space_test_young(space, 0, PTW_EFFORT_AGE), 0);
	cr_assert_eq(slow.calls[FAKE_HARVEST], 2u);
	close_space();
	fake_close(&opted);
}

/* However long the question is, pages that could not be asked are counted once. */
Test(ask, fast_only_never_calls_a_slow_mmu)
{
	open_space(FAKE_FAST | FAKE_PLAIN);
	space_slot(space, 2, 0, 0, PAGES, 0); /* first in the order of pages */
	space_slot(space, 1, 0, 0, PAGES - 1, 1);
	memset(guest.state, FAKE_YOUNG, PAGES); /* it gets less far in a section than the primary */
	memset(slow.state, FAKE_YOUNG, PAGES);
	cr_assert_eq(ask(0, PAGES, ACCESSED, PTW_EFFORT_FAST), PTW_OK);
	cr_assert_eq(fake_calls(&slow), 0u);
	cr_assert_gt(primary.calls[FAKE_HARVEST_FAST], 1u, "it takes several sections");
	cr_assert_eq(result.not_asked_pages, (uint64_t)PAGES);
	cr_assert_eq(bits_in(not_asked, WORDS), PAGES);
	cr_assert_eq(result.skipped, (uint64_t)4);
	cr_assert_eq(result.young_pages, (uint64_t)PAGES - 1);
	cr_assert_eq(space_info(space).not_asked, (uint64_t)PAGES);
	close_space();
}

/* Sections are short, also where there is a lot to do: each call of a fast MMU has a budget. */
Test(ask, a_fast_mmu_is_asked_in_short_sections)
{
	static const uint32_t efforts[] = { PTW_EFFORT_PRIMARY, PTW_EFFORT_FAST, PTW_EFFORT_AGE };

	for (unsigned int i = 0; i < 3; i++) {
		open_space(FAKE_FAST | FAKE_PLAIN);
		space_slot(space, 1, 0, 0, PAGES, 0);
		memset(primary.state, FAKE_YOUNG, PAGES);
		memset(guest.state, FAKE_YOUNG, PAGES);
		cr_assert_eq(ask(0, PAGES, ACCESSED, efforts[i]), PTW_OK);
		cr_assert_eq(result.young_pages, i ? 2 * PAGES : PAGES);
		cr_assert(primary.last.budget && primary.last.budget <= 4096);
		close_space();
	}
}

Test(ask, budget_and_cursor)
{
	uint64_t random = test_seed();

	for (unsigned int effort = PTW_EFFORT_PRIMARY; effort <= PTW_EFFORT_ALL; effort++) {
		const uint64_t start = 37, end = PAGES - 100;
		uint64_t cursor = 0, spent = 0, found = 0, last = start;
		unsigned int calls = 0;
		struct ptw_ask q = question(ACCESSED, effort);
		int ret;

		open_space(FAKE_FAST | FAKE_PLAIN);
		space_slot(space, 1, 0, 5, 3000, 1000);
		for (uint64_t i = 0; i < PAGES; i++) {
			*fake_state(&primary, 0, i) = random_chance(&random, 20) ? FAKE_YOUNG | 128 : 0;
			*fake_state(&guest, 0, i) = random_chance(&random, 20) ? FAKE_YOUNG | 128 : 0;
		}
		forget();
		q.budget = 500;
		q.cursor = &cursor;
		do {
			result = (struct ptw_ask_result){ .size = sizeof(result) };
			ret = ptw_space_harvest(space, start, end, &q, &result);
			cr_assert(ret == PTW_OK || ret == PTW_ERR_BUDGET);
			cr_assert_eq(result.resume, cursor);
			cr_assert_gt(cursor, last, "no progress");
			cr_assert_eq(ret == PTW_OK, cursor == end);
			spent += result.entries;
			found += result.young_pages;
			last = cursor;
			calls++;
		} while (ret);
		cr_assert_gt(calls, 10u);
		for (uint64_t page = start; page < end; page++) {
			const uint64_t frame = page - 1000 + 5;
			uint64_t who = *fake_state(&primary, 0, page) & 128 ? 1 : 0;

			if (effort != PTW_EFFORT_PRIMARY && page >= 1000 && page < 4000)
				who |= *fake_state(&guest, 0, frame) & 128 ? 2 : 0;
			cr_assert_eq(page_bit(young, start, page), !!who, "page %" PRIu64, page);
			cr_assert_eq(said[page - start], who);
			found -= (uint64_t)__builtin_popcountll(who);
		}
		cr_assert_eq(found, 0u, "counts of the calls do not add up");
		cr_assert_geq(spent, end - start);
		/* At the end there is nothing left. */
		cr_assert_eq(ptw_space_harvest(space, start, end, &q, &result), PTW_OK);
		cr_assert_eq(result.entries, 0u);
		close_space();
	}
}

Test(ask, budget_and_cursor_in_frames)
{
	uint64_t cursor = 0, start = 10, end = 6000, found = 0;
	struct ptw_ask q = question(ACCESSED, PTW_EFFORT_FAST);
	int ret;

	open_space(FAKE_FAST);
	space_slot(space, 1, 0, 70, 1000, 5000);
	space_slot(space, 1, 0, 3000, 2000, 1);
	memset(guest.state, FAKE_YOUNG, PAGES);
	forget();
	q.budget = 1000;
	q.cursor = &cursor;
	do {
		const uint64_t last = cursor;

		result = (struct ptw_ask_result){ .size = sizeof(result) };
		ret = ptw_space_harvest_frames(space, 1, 0, start, end, &q, &result);
		cr_assert(ret == PTW_OK || ret == PTW_ERR_BUDGET);
		cr_assert_gt(cursor, last);
		found += result.young_pages;
	} while (ret);
	cr_assert_eq(cursor, end);
	cr_assert_eq(found, 3000u);
	cr_assert_eq(bits_in(young, WORDS), 3000u);
	cr_assert(page_bit(young, start, 70) && page_bit(young, start, 1069) &&
		  page_bit(young, start, 3000) && page_bit(young, start, 4999));
	close_space();
}

/* --- page tables as MMUs --- */

#define GIB ((uint64_t)1 << 30)

/* Host pages of 2 MiB against a guest's of 4 KiB, and the other way round, with real page tables. */
Test(ask, page_tables)
{
	for (unsigned int round = 0; round < 2; round++) {
		static struct machine host, nested;
		struct ptw_pgtable *tables[2];
		struct ptw_mmu_table config = { .size = sizeof(config), .count = 1, .frame_lg2 = 12 };
		struct ptw_mmu mmu[2];
		uint32_t id;

		machine_open(&host, "x86-64");
		machine_open(&nested, "ept4");
		map_levels(&host, GIB, GIB + (16 << 20), 0, round ? 1 : 2);
		map_levels(&nested, 0, 16 << 20, 0, round ? 2 : 1);
		tables[0] = host.pgtable;
		tables[1] = nested.pgtable;
		for (unsigned int i = 0; i < 2; i++) {
			config.pgtables = &tables[i];
			cr_assert_eq(ptw_mmu_table_create(&config, &mmu[i]), PTW_OK);
		}
		space = space_open(&mmu[0]);
		cr_assert_eq(ptw_space_register(space, &mmu[1], NULL, &id), PTW_OK);
		/* Guest memory from 4 MiB on is 4 MiB in the host, one page further than leaves lie. */
		space_slot(space, id, 0, 1024, 1024, (GIB >> 12) + 1025);
		touch(&host, GIB + (5 << 20));
		touch(&nested, (4 << 20) + 0x3000);
		touch_write(&nested, (7 << 20));
		cr_assert_eq(ask(GIB >> 12, (GIB >> 12) + 4096, ACCESSED | PEEK, PTW_EFFORT_FAST), PTW_OK);
		cr_assert_eq(ask(GIB >> 12, (GIB >> 12) + 4096, ACCESSED, PTW_EFFORT_FAST), PTW_OK);
		for (uint64_t i = 0; i < 4096; i++) {
			const uint64_t frame = i - 1; /* of the guest */
			uint64_t who = round ? i == 1280 : i >= 1024 && i < 1536;

			if (i >= 1025 && i < 2049 && (round || frame == 1027 || frame == 1792))
				who |= 2;
			cr_assert_eq(said[i], who, "round %u page %" PRIu64, round, i);
			cr_assert_eq(page_bit(young, GIB >> 12, (GIB >> 12) + i), !!who);
		}
		cr_assert_eq(ask(GIB >> 12, (GIB >> 12) + 4096, ACCESSED, PTW_EFFORT_ALL), PTW_OK);
		cr_assert_eq(result.young_pages, 0u);
		cr_assert_eq(ask(GIB >> 12, (GIB >> 12) + 4096, DIRTY, PTW_EFFORT_ALL), PTW_OK);
		cr_assert_eq(result.dirty_pages, round ? 512u : 1u);
		space_close(space);
		ptw_mmu_destroy(&mmu[0]);
		ptw_mmu_destroy(&mmu[1]);
		machine_close(&host);
		machine_close(&nested);
	}
}
