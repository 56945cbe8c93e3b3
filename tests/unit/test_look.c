/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Look-around, and the last look before a page goes. */
#include "tests/unit/fake_mmu.h"

#define PAGES 4096u

static struct ptw_space *space;
static struct fake primary, guest, slow;
static uint64_t young[PAGES / 64];
static struct ptw_ask_result result;

static void open_grouped(uint32_t abilities, uint32_t group)
{
	struct ptw_space_config config = { .size = sizeof(config), .primary = &primary.mmu,
					   .group = group };

	fake_open(&primary, FAKE_FAST | abilities, 1, PAGES);
	fake_open(&guest, FAKE_FAST | abilities, 2, PAGES);
	fake_open(&slow, abilities, 1, PAGES);
	cr_assert_eq(ptw_space_create(&config, &space), PTW_OK);
	cr_assert_eq(space_register(space, &guest, 0), 1u);
	cr_assert_eq(space_register(space, &slow, 0), 2u);
}

static void open_space(uint32_t abilities)
{
	open_grouped(abilities, 0);
}

static void close_space(void)
{
	space_close(space);
	fake_close(&primary);
	fake_close(&guest);
	fake_close(&slow);
}

static void group_slot(uint32_t mmu, uint64_t frame, uint64_t pages, uint64_t page, uint32_t group,
		       uint32_t flags)
{
	struct ptw_slot slot = slot_of(mmu, 0, frame, pages, page);

	slot.group = group;
	slot.flags = flags;
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_OK);
}

static int look(uint64_t page, uint32_t window, uint32_t skip, uint64_t said)
{
	const struct ptw_look_around how = { .size = sizeof(how), .window = window, .skip = skip,
					     .said = said, .young = young };

	memset(young, 0, sizeof(young));
	result = (struct ptw_ask_result){ .size = sizeof(result) };
	return ptw_space_look_around(space, page, &how, &result);
}

Test(look, around_refuses_what_is_wrong)
{
	const struct ptw_look_around good = { .size = sizeof(good), .young = young, .said = 1 };
	struct ptw_look_around bad = good;
	struct ptw_ask_result small = { .size = sizeof(small) - 1 };
	struct ptw_consumer_config config = { .size = sizeof(config), .pages = 1,
					      .flags = PTW_HARVEST_ACCESSED };
	struct ptw_space *other = space_open(NULL);
	struct ptw_filter *filter;

	open_space(0);
	cr_assert_eq(ptw_space_look_around(NULL, 0, &good, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_look_around(space, 0, NULL, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_look_around(space, 0, &good, &small), PTW_ERR_SIZE);
	cr_assert_eq(ptw_space_look_around(space, UINT64_MAX, &good, NULL), PTW_ERR_RANGE);
#define refused(code)                                                                             \
	do {                                                                                      \
		cr_assert_eq(ptw_space_look_around(space, 0, &bad, NULL), code);                  \
		bad = good;                                                                       \
	} while (0)
	bad.size--;
	refused(PTW_ERR_SIZE);
	bad.window = 1024;
	refused(PTW_ERR_ARG);
	bad.window = 48;
	refused(PTW_ERR_ARG);
	bad.skip = 4;
	refused(PTW_ERR_ARG);
	bad.reserved = 1;
	refused(PTW_ERR_ARG);
	cr_assert_eq(ptw_filter_create(1, &filter), PTW_OK);
	for (unsigned int i = 0; i < 3; i++) {
		static const uint32_t wrong[] = { 0, 11, 64 };

		bad.filter = filter;
		bad.filter_lg2 = wrong[i];
		refused(PTW_ERR_ARG);
	}
	ptw_filter_destroy(filter);
	cr_assert_eq(ptw_consumer_join(other, &config, &bad.consumer), PTW_OK);
	refused(PTW_ERR_ARG);
	cr_assert_eq(fake_calls(&primary), 0u);
	cr_assert_eq(ptw_space_look_around(space, 0, &good, NULL), PTW_OK);
	cr_assert_eq(fake_calls(&primary), 1u);
	close_space();
	space_close(other);
}

/* Whom: the primary if it said so itself, secondary MMUs if they are fast, and neither if told so. */
Test(look, around_whom)
{
	for (unsigned int i = 0; i < 8; i++) {
		const uint32_t skip = i & 3;
		const uint64_t said = i & 4 ? 1 : 2;
		const bool host = !(skip & 1) && said == 1;

		open_space(0);
		space_slot(space, 1, 0, 0, PAGES, 0);
		space_slot(space, 2, 0, 0, PAGES, 0);
		cr_assert_eq(look(100, 64, skip, said), PTW_OK);
		cr_assert_eq(primary.calls[FAKE_HARVEST_FAST], host ? 1u : 0u, "case %u", i);
		cr_assert_eq(guest.calls[FAKE_HARVEST_FAST], skip & 2 ? 0u : 1u, "case %u", i);
		cr_assert_eq(fake_calls(&slow), 0u, "it may wait");
		cr_assert_eq(result.asked, (host ? 1u : 0u) + (skip & 2 ? 0u : 2u));
		close_space();
	}
}

/* Where: a window that is aligned, and of it what is in the slot. */
Test(look, around_where)
{
	for (uint32_t window = 1; window <= PTW_LOOK_AROUND_MAX; window *= 2) {
		const uint64_t page = 1000, start = page & ~(uint64_t)(window - 1);
		unsigned int expected = 0;

		open_space(0);
		space_slot(space, 1, 0, 0, 300, 900);	/* frame = page - 900 */
		space_slot(space, 1, 0, 1000, 10, 1001);  /* these do not map the page */
		space_slot(space, 1, 0, 1020, 10, 985);
		memset(guest.state, FAKE_YOUNG, PAGES);
		cr_assert_eq(look(page, window, 0, 2), PTW_OK);
		cr_assert_eq(result.resume, start + window);
		for (uint64_t p = start; p < start + window; p++) {
			const bool in = p >= 900 && p < 1200;

			cr_assert_eq(bit_at(young, p - (start & ~(uint64_t)63)), in);
			expected += in;
		}
		cr_assert_eq(bits_in(young, PAGES / 64), expected);
		cr_assert_eq(result.young_pages, expected);
		cr_assert_eq(guest.calls[FAKE_HARVEST_FAST], 1u);
		close_space();
	}
	/* Zero means 64. */
	open_space(0);
	memset(primary.state, FAKE_YOUNG, PAGES);
	cr_assert_eq(look(1000, 0, 0, 1), PTW_OK);
	cr_assert_eq(result.young_pages, 64u);
	cr_assert(bit_at(young, 0) && bit_at(young, 63));
	/* No bitmap, no result: only clears. */
	cr_assert_eq(ptw_space_look_around(space, 64,
					   &(struct ptw_look_around){
						   .size = sizeof(struct ptw_look_around), .said = 1 },
					   NULL),
		     PTW_OK);
	cr_assert_eq(*fake_state(&primary, 0, 64), 0u);
	close_space();
}

static int fails(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)op;
	if (f->number == 1) {
		a->resume = a->start;
		return PTW_ERR_AGAIN;
	}
	a->resume = a->start;
	return f->number == 2 ? PTW_ERR_CORRUPT_RESERVED : -1000;
}

/* What failed is said, also if others found something; what could not be asked is left out. */
Test(look, around_and_errors)
{
	static const int codes[] = { PTW_OK, PTW_OK, PTW_ERR_CORRUPT_RESERVED, PTW_ERR_MMU };

	for (unsigned int i = 1; i < 4; i++) {
		open_space(0);
		space_slot(space, 1, 0, 0, PAGES, 0);
		*fake_state(&primary, 0, 70) = FAKE_YOUNG;
		guest.script = fails;
		guest.number = i;
		cr_assert_eq(look(100, 64, 0, 1), codes[i], "case %u", i);
		cr_assert_eq(result.failed, i == 1 ? 0u : 2u);
		cr_assert_eq(result.young_pages, 1u);
		cr_assert(bit_at(young, 6));
		close_space();
	}
}

/*
 * A region filter learns what its own MMU says, region by region. Pages 512 to 1023 are frames 400 to 911 of
 * the guest's address space 1, in regions of 512 frames: 0 and 1.
 */
Test(look, around_feeds_a_region_filter)
{
	static const struct {
		uint64_t frame;  /* young in the guest's address space 1 */
		uint64_t page;   /* young in the primary */
		uint32_t mmu;
		uint32_t as;
		uint32_t lg2;
		uint64_t region; /* and no other; UINT64_MAX: none */
	} cases[] = {
		{ 600, 0, 1, 1, 21, 1 },
		{ 511, 0, 1, 1, 21, 0 },
		{ 512, 0, 1, 1, 21, 1 },
		{ 600, 0, 1, 1, 15, 75 }, /* tables of 8 entries */
		{ 600, 0, 1, 1, 29, 0 },
		{ 600, 0, 1, 0, 21, UINT64_MAX },
		{ 600, 0, 2, 1, 21, UINT64_MAX },
		{ 600, 0, 0, 0, 21, UINT64_MAX },
		{ 399, 0, 1, 1, 21, UINT64_MAX }, /* not in the slot */
		{ 0, 700, 1, 1, 21, UINT64_MAX },
		{ 600, 700, 0, 0, 21, 1 },
		{ 600, 700, 0, 0, 16, 43 },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ptw_look_around how = { .size = sizeof(how), .window = 512, .said = 1,
					       .young = young, .filter_mmu = cases[i].mmu,
					       .filter_as = cases[i].as,
					       .filter_lg2 = cases[i].lg2 };
		unsigned int expected = 0;

		open_space(0);
		space_slot(space, 1, 1, 400, PAGES - 512, 512);
		if (cases[i].frame)
			*fake_state(&guest, 1, cases[i].frame) = FAKE_YOUNG;
		if (cases[i].page)
			*fake_state(&primary, 0, cases[i].page) = FAKE_YOUNG;
		cr_assert_eq(ptw_filter_create(1000, &how.filter), PTW_OK);
		cr_assert_eq(ptw_space_look_around(space, 600, &how, NULL), PTW_OK);
		ptw_filter_turn(how.filter);
		for (uint64_t r = 0; r < 1000; r++) {
			const bool there = ptw_filter_test(how.filter, r);

			expected += there;
			cr_assert_eq(there, r == cases[i].region, "case %u, region %u", i,
				     (unsigned int)r);
		}
		cr_assert_eq(expected, cases[i].region < 1000 ? 1u : 0u);
		/* With a filter as without, and nobody is asked outside the slot. */
		cr_assert_eq(*fake_state(&guest, 1, 399), cases[i].frame == 399 ? FAKE_YOUNG : 0u);
		if (cases[i].frame > 399)
			cr_assert(bit_at(young, cases[i].frame + 112 - 512));
		memset(young, 0, sizeof(young));
		ptw_filter_destroy(how.filter);
		close_space();
	}
}

/* --- the last look --- */

static struct ptw_reference_result found;

static int reference(uint64_t page, uint32_t group, uint32_t flags)
{
	const struct ptw_reference how = { .size = sizeof(how), .flags = flags, .group = group };

	found = (struct ptw_reference_result){ .size = sizeof(found) };
	return ptw_space_reference(space, page, &how, &found);
}

#define FOREIGN PTW_REFERENCE_FOREIGN
#define PEEK	PTW_REFERENCE_PEEK

Test(look, last_look_refuses_what_is_wrong)
{
	const struct ptw_reference good = { .size = sizeof(good) };
	struct ptw_reference bad = good;
	struct ptw_reference_result small = { .size = sizeof(small) - 1 };

	open_space(FAKE_FRAMES);
	cr_assert_eq(ptw_space_reference(NULL, 0, &good, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_reference(space, 0, NULL, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_reference(space, 0, &good, &small), PTW_ERR_SIZE);
	cr_assert_eq(ptw_space_reference(space, UINT64_MAX, &good, NULL), PTW_ERR_RANGE);
	bad.size--;
	cr_assert_eq(ptw_space_reference(space, 0, &bad, NULL), PTW_ERR_SIZE);
	bad.size++;
	bad.flags = 4;
	cr_assert_eq(ptw_space_reference(space, 0, &bad, NULL), PTW_ERR_ARG);
	ptw_read_lock();
	cr_assert_eq(ptw_space_reference(space, 0, &good, NULL), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(fake_calls(&primary), 0u);
	cr_assert_eq(ptw_space_reference(space, 0, &good, NULL), 0);
	cr_assert_eq(fake_calls(&primary), 1u);
	close_space();
}

/* Everybody is asked, the slow one too; by the frame where there is an operation for it. */
Test(look, last_look_asks_everybody)
{
	for (unsigned int i = 0; i < 4; i++) {
		const uint32_t flags = i & 1 ? PEEK : 0;
		const enum fake_op op = i & 2 ? flags ? FAKE_TEST : FAKE_CLEAR : FAKE_HARVEST;

		open_space(i & 2 ? FAKE_FRAMES : 0);
		space_slot(space, 1, 0, 50, 100, 1000);
		space_slot(space, 1, 1, 60, 100, 1000);
		space_slot(space, 2, 0, 70, 100, 1000);
		cr_assert_eq(reference(1005, 0, flags), 0);
		cr_assert(found.mappings == 4 && !found.foreign && !found.said && !found.skipped);
		cr_assert(primary.calls[op] == 1 && guest.calls[op] == 2 && slow.calls[op] == 1);
		*fake_state(&guest, 0, 55) = FAKE_YOUNG;
		*fake_state(&guest, 1, 65) = FAKE_YOUNG;
		*fake_state(&slow, 0, 75) = FAKE_YOUNG;
		*fake_state(&primary, 0, 1004) = FAKE_YOUNG;
		cr_assert_eq(reference(1005, 0, flags), 3);
		cr_assert_eq(found.said, (uint64_t)6);
		cr_assert_eq(reference(1005, 0, 0), flags ? 3 : 0, "a last look takes what it counts");
		cr_assert_eq(*fake_state(&primary, 0, 1004), FAKE_YOUNG, "not its neighbours");
		close_space();
	}
}

/* Only mappings of the group that reclaims count; others are not even asked. */
Test(look, last_look_and_groups)
{
	for (unsigned int i = 0; i < 2; i++) {
		open_grouped(i ? FAKE_FRAMES : 0, 7);
		group_slot(1, 0, 100, 1000, 8, 0);
		group_slot(1, 200, 100, 1000, 7, 0);
		group_slot(2, 0, 100, 1000, 9, 0);
		*fake_state(&guest, 0, 3) = FAKE_YOUNG;
		*fake_state(&guest, 0, 203) = FAKE_YOUNG;
		*fake_state(&slow, 0, 3) = FAKE_YOUNG;
		cr_assert_eq(reference(1003, 7, PEEK), 1);
		cr_assert(found.mappings == 2 && found.foreign == 2 && found.said == 2);
		cr_assert_eq(fake_calls(&slow), 0u);
		cr_assert_eq(reference(1003, 6, 0), 0);
		cr_assert(found.mappings == 0 && found.foreign == 4);
		cr_assert_eq(reference(1003, 9, 0), 1);
		cr_assert_eq(found.said, (uint64_t)4);
		cr_assert_eq(*fake_state(&guest, 0, 3), FAKE_YOUNG, "a foreign bit was taken");
		cr_assert_eq(reference(1003, 6, FOREIGN), 2);
		cr_assert(found.mappings == 4 && found.foreign == 0 && found.said == 2);
		cr_assert_eq(reference(1003, 7, FOREIGN), 0);
		close_space();
	}
}

/* A pinned page stays, whoever says so; nobody is asked then. */
Test(look, last_look_and_pins)
{
	open_space(FAKE_FRAMES | FAKE_PINS);
	group_slot(1, 0, 100, 1000, 0, 0);
	group_slot(2, 0, 100, 1000, 5, 0);
	*fake_state(&slow, 0, 4) = FAKE_PINNED;
	*fake_state(&guest, 0, 4) = FAKE_YOUNG;
	*fake_state(&primary, 0, 1003) = FAKE_HOLE; /* not mapped: not pinned */
	cr_assert_eq(reference(1003, 0, 0), 0);
	cr_assert_eq(reference(1004, 0, 0), PTW_ERR_PINNED, "also by a mapping of another group");
	cr_assert_eq(fake_calls(&guest), 1u);
	cr_assert_eq(found.mappings, 0u);
	cr_assert_eq(*fake_state(&guest, 0, 4), FAKE_YOUNG);
	cr_assert_eq(ptw_space_remove_slot(space, 2, 0, 0), PTW_OK);
	cr_assert_eq(reference(1004, 0, 0), 1);
	group_slot(2, 0, 100, 1000, 5, PTW_SLOT_PINNED);
	*fake_state(&slow, 0, 4) = 0;
	cr_assert_eq(reference(1004, 0, 0), PTW_ERR_PINNED);
	cr_assert_eq(reference(999, 0, 0), 0);
	close_space();
}

static int frame_answer(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)a;
	return op == FAKE_IS_PINNED ? FAKE_GO_ON : (int)f->number;
}

static int pin_answer(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)a;
	return op == FAKE_IS_PINNED ? (int)f->number : FAKE_GO_ON;
}

/* "Nobody" is only said if everybody was asked. */
Test(look, last_look_and_errors)
{
	static const struct {
		int answer, one, all; /* of the MMU; of the look, without and with another reference */
	} cases[] = {
		{ 0, 0, 1 },
		{ PTW_ERR_HOLE, 0, 1 },
		{ PTW_ERR_AGAIN, PTW_ERR_AGAIN, 1 },
		{ PTW_ERR_CORRUPT_CYCLE, PTW_ERR_CORRUPT_CYCLE, 1 },
		{ 2, PTW_ERR_MMU, 1 },
		{ -1000, PTW_ERR_MMU, 1 },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_space(FAKE_FRAMES | FAKE_PINS);
		space_slot(space, 1, 0, 0, 100, 1000);
		space_slot(space, 2, 0, 0, 100, 1000);
		guest.script = frame_answer;
		guest.number = (unsigned int)cases[i].answer;
		cr_assert_eq(reference(1003, 0, 0), cases[i].one, "case %u", i);
		cr_assert_eq(found.skipped, cases[i].one ? 2u : 0u);
		cr_assert_eq(found.mappings, 3u);
		*fake_state(&slow, 0, 3) = FAKE_YOUNG;
		cr_assert_eq(reference(1003, 0, 0), cases[i].all, "case %u", i);
		cr_assert_eq(found.said, (uint64_t)4);
		/* Whoever cannot tell of a pin may not be ignored. */
		if (cases[i].one) {
			guest.script = pin_answer;
			cr_assert_eq(reference(1003, 0, 0), cases[i].one);
			cr_assert_eq(found.mappings, 0u);
		}
		close_space();
	}
	/* AGAIN gives way to what is worse. */
	open_space(FAKE_FRAMES);
	space_slot(space, 1, 0, 0, 100, 1000);
	guest.script = primary.script = frame_answer;
	primary.number = (unsigned int)PTW_ERR_AGAIN;
	guest.number = (unsigned int)PTW_ERR_CORRUPT_CYCLE;
	cr_assert_eq(reference(1003, 0, 0), PTW_ERR_CORRUPT_CYCLE);
	cr_assert_eq(found.skipped, (uint64_t)3);
	close_space();
}

/* What could not be asked by harvests. */
Test(look, last_look_again)
{
	for (unsigned int i = 0; i < 2; i++) {
		open_space(i ? FAKE_FRAMES : 0);
		space_slot(space, 1, 0, 0, 100, 1000);
		*fake_state(&guest, 0, 3) = FAKE_BUSY | FAKE_YOUNG;
		cr_assert_eq(reference(1003, 0, 0), PTW_ERR_AGAIN);
		cr_assert_eq(found.skipped, (uint64_t)2);
		cr_assert_eq(space_info(space).not_asked, 1u, "it is counted either way");
		*fake_state(&primary, 0, 1003) = FAKE_YOUNG;
		cr_assert_eq(reference(1003, 0, 0), 1);
		cr_assert_eq(found.said, (uint64_t)1);
		close_space();
	}
}

static int invalidates(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	(void)a;
	(void)op;
	f->script = NULL;
	cr_assert_eq(ptw_space_invalidate_begin(space, 1003, 1004), PTW_OK);
	if (f->number) {
		cr_assert_eq(ptw_space_unmap(space, 1003, 1004, NULL, NULL), PTW_OK);
		cr_assert_eq(ptw_space_invalidate_end(space, 1003, 1004), PTW_OK);
	}
	return FAKE_GO_ON;
}

/*
 * Once an invalidation has begun, secondary MMUs may have dropped the page and what they knew: before,
 * during, or begun and over while the look went on.
 */
Test(look, last_look_comes_too_late)
{
	open_space(FAKE_FRAMES | FAKE_UNMAPS);
	space_slot(space, 1, 0, 0, 100, 1000);
	cr_assert_eq(ptw_space_invalidate_begin(space, 1003, 1004), PTW_OK);
	cr_assert_eq(reference(1003, 0, 0), PTW_ERR_DROPPED);
	cr_assert_eq(fake_calls(&primary) + fake_calls(&guest), 0u);
	cr_assert_eq(ptw_space_invalidate_end(space, 1003, 1004), PTW_OK);
	cr_assert_eq(reference(1003, 0, 0), 0);
	for (unsigned int i = 0; i < 2; i++) {
		*fake_state(&guest, 0, 3) = FAKE_YOUNG;
		primary.script = invalidates; /* asked first */
		primary.number = i;
		if (!i) {
			*fake_state(&guest, 0, 3) = 0;
			cr_assert_eq(reference(1003, 0, 0), PTW_ERR_DROPPED);
			cr_assert_eq(ptw_space_invalidate_end(space, 1003, 1004), PTW_OK);
		} else {
			cr_assert_eq(reference(1003, 0, 0), PTW_ERR_DROPPED,
				     "nobody knows of the access that the unmap returned");
		}
	}
	/* Who was found young counts nevertheless. */
	*fake_state(&primary, 0, 1003) = FAKE_YOUNG;
	primary.script = invalidates;
	cr_assert_eq(reference(1003, 0, 0), 1);
	close_space();
}
