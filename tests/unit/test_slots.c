/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Slots: added, removed and moved, found again, and refused. */
#include "tests/unit/fake_mmu.h"

#include "lib/mmu/space.h"

static struct ptw_space *space;
static struct fake fake[4]; /* registered as 1 to 3; 0 is the primary */

static void open_space(void)
{
	for (unsigned int i = 0; i < 4; i++)
		fake_open(&fake[i], FAKE_FAST, 2, 4096);
	space = space_open(&fake[0].mmu);
	for (uint32_t i = 1; i < 4; i++)
		cr_assert_eq(space_register(space, &fake[i], 0), i);
}

static void close_space(void)
{
	space_close(space);
	for (unsigned int i = 0; i < 4; i++)
		fake_close(&fake[i]);
}

static uint32_t slots(void)
{
	return space_info(space).slots;
}

static int find(uint32_t mmu, uint32_t as, uint64_t frame, struct ptw_slot *slot)
{
	*slot = (struct ptw_slot){ .size = sizeof(*slot) };
	return ptw_space_find_slot(space, mmu, as, frame, slot);
}

#define assert_slot(mmu_, as_, at, frame_, pages_, page_)                                        \
	do {                                                                                     \
		struct ptw_slot found_;                                                          \
		cr_assert_eq(find(mmu_, as_, at, &found_), PTW_OK);                              \
		cr_assert(found_.size == sizeof(found_) && found_.mmu == (mmu_) &&               \
				  found_.as == (as_) && found_.frame == (frame_) &&              \
				  found_.pages == (pages_) && found_.page == (page_),            \
			  "slot of frame %" PRIu64 ": %" PRIu64 "+%" PRIu64 " at %" PRIu64,      \
			  (uint64_t)(at), found_.frame, found_.pages, found_.page);              \
	} while (0)

#define assert_no_slot(mmu_, as_, at)                                                            \
	do {                                                                                     \
		struct ptw_slot found_;                                                          \
		cr_assert_eq(find(mmu_, as_, at, &found_), PTW_ERR_ABSENT);                      \
	} while (0)

Test(slots, argument_errors_change_nothing)
{
	const uint64_t frames = (uint64_t)1 << 52;
	const struct {
		struct ptw_slot slot;
		int ret;
	} bad[] = {
		{ { .size = sizeof(struct ptw_slot) - 1, .mmu = 1, .pages = 1 }, PTW_ERR_SIZE },
		{ slot_of(0, 0, 0, 1, 0), PTW_ERR_ARG },
		{ slot_of(1, 256, 0, 1, 0), PTW_ERR_ARG },
		{ { .size = sizeof(struct ptw_slot), .mmu = 1, .pages = 1, .flags = 4 }, PTW_ERR_ARG },
		{ slot_of(1, 0, 0, 0, 0), PTW_ERR_RANGE },
		{ slot_of(1, 0, frames, 1, 0), PTW_ERR_RANGE },
		{ slot_of(1, 0, frames - 1, 2, 0), PTW_ERR_RANGE },
		{ slot_of(1, 0, 1, UINT64_MAX, 0), PTW_ERR_RANGE },
		{ slot_of(1, 0, 0, 1, PTW_PAGE_PRIVATE), PTW_ERR_RANGE },
		{ slot_of(1, 0, 0, 2, PTW_PAGE_PRIVATE - 1), PTW_ERR_RANGE },
		{ slot_of(1, 0, 0, 1, UINT64_MAX), PTW_ERR_RANGE },
		{ { .size = sizeof(struct ptw_slot), .mmu = 1, .pages = 1, .page = 1,
		    .flags = PTW_SLOT_PRIVATE }, PTW_ERR_RANGE },
		{ { .size = sizeof(struct ptw_slot), .mmu = 1, .pages = 1, .page = UINT64_MAX,
		    .flags = PTW_SLOT_PRIVATE }, PTW_ERR_RANGE },
		{ { .size = sizeof(struct ptw_slot), .mmu = 1, .frame = (uint64_t)1 << 40, .pages = 1,
		    .flags = PTW_SLOT_PRIVATE }, PTW_ERR_RANGE },
		{ { .size = sizeof(struct ptw_slot), .mmu = 1, .frame = ((uint64_t)1 << 40) - 1,
		    .pages = 2, .flags = PTW_SLOT_PRIVATE }, PTW_ERR_RANGE },
		{ { .size = sizeof(struct ptw_slot), .mmu = 1 << 15, .pages = 1,
		    .flags = PTW_SLOT_PRIVATE }, PTW_ERR_RANGE },
		/* Its last page is the last number there is. */
		{ { .size = sizeof(struct ptw_slot), .mmu = 0x7fff, .as = 255,
		    .frame = ((uint64_t)1 << 40) - 1, .pages = 1, .flags = PTW_SLOT_PRIVATE },
		  PTW_ERR_RANGE },
		{ slot_of(9, 0, 0, 1, 0), PTW_ERR_ABSENT },
	};
	struct ptw_slot good = slot_of(1, 0, 100, 10, 1000), slot;

	open_space();
	space_slot(space, 1, 0, 0, 10, 500);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct ptw_slot both[2] = { good, bad[i].slot };
		const struct ptw_slot gone = slot_of(1, 0, 0, 0, 0);

		cr_assert_eq(ptw_space_add_slot(space, &bad[i].slot), bad[i].ret, "slot %u", i);
		/* What is right beside it is not done either. */
		cr_assert_eq(ptw_space_slots(space, &gone, 1, both, 2), bad[i].ret, "slot %u", i);
	}
	cr_assert_eq(ptw_space_add_slot(NULL, &good), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_add_slot(space, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_slots(space, NULL, 1, NULL, 0), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_slots(NULL, NULL, 0, NULL, 0), PTW_ERR_ARG);
	slot = slot_of(1, 0, 0, 0, 0);
	slot.size--;
	cr_assert_eq(ptw_space_slots(space, &slot, 1, NULL, 0), PTW_ERR_SIZE);
	cr_assert_eq(ptw_space_remove_slot(NULL, 1, 0, 0), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_remove_slot(space, 1, 0, 1), PTW_ERR_ABSENT, "not its first frame");
	cr_assert_eq(ptw_space_remove_slot(space, 1, 1, 0), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_space_remove_slot(space, 2, 0, 0), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_space_remove_slot(space, 0, 0, 0), PTW_ERR_ABSENT);
	ptw_read_lock();
	cr_assert_eq(ptw_space_add_slot(space, &good), PTW_ERR_CONTEXT);
	cr_assert_eq(ptw_space_remove_slot(space, 1, 0, 0), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(ptw_space_find_slot(NULL, 1, 0, 0, &slot), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_find_slot(space, 1, 0, 0, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_find_slot(space, 1, 0, 0, &slot), PTW_ERR_SIZE);
	cr_assert_eq(slots(), 1u);
	assert_slot(1, 0, 9, 0, 10, 500);
	close_space();
}

/* The largest numbers that are allowed. */
Test(slots, limits_of_numbers)
{
	const uint64_t last = ((uint64_t)1 << 52) - 1;
	struct ptw_slot slot = slot_of(1, 255, last, 1, PTW_PAGE_PRIVATE - 1);

	open_space();
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_OK);
	assert_slot(1, 255, last, last, 1, PTW_PAGE_PRIVATE - 1);
	slot = slot_of(1, 0, ((uint64_t)1 << 40) - 8, 8, 0);
	slot.flags = PTW_SLOT_PRIVATE;
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_OK);
	assert_slot(1, 0, slot.frame + 7, slot.frame, 8, ptw_page_private(1, 0, slot.frame));
	slot = slot_of(2, 0, 5, 1, UINT64_MAX - 1);
	slot.flags = PTW_SLOT_PRIVATE;
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_OK);
	assert_slot(2, 0, 5, 5, 1, UINT64_MAX - 1);
	cr_assert_eq(ptw_space_test_young(space, UINT64_MAX - 1, PTW_EFFORT_FAST), 0);
	cr_assert_eq(fake[2].calls[FAKE_HARVEST_FAST], 1u);
	cr_assert_eq(fake[2].last.start, 5u);
	cr_assert_eq(fake[0].calls[FAKE_HARVEST_FAST], 0u, "the primary maps nothing private");
	close_space();
}

Test(slots, found_by_any_frame)
{
	struct ptw_slot slot = slot_of(2, 1, 100, 50, 7);

	open_space();
	slot.group = 0xffffffff;
	slot.flags = PTW_SLOT_PINNED;
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_OK);
	assert_no_slot(2, 1, 99);
	assert_slot(2, 1, 100, 100, 50, 7);
	assert_slot(2, 1, 149, 100, 50, 7);
	assert_no_slot(2, 1, 150);
	assert_no_slot(2, 0, 120);
	assert_no_slot(1, 1, 120);
	assert_no_slot(0, 0, 120);
	slot.group = slot.flags = 0;
	cr_assert_eq(find(2, 1, 120, &slot), PTW_OK);
	cr_assert(slot.group == 0xffffffff && slot.flags == PTW_SLOT_PINNED);
	/* What was found can be given back. */
	cr_assert_eq(ptw_space_slots(space, &slot, 1, &slot, 1), PTW_OK);
	cr_assert_eq(ptw_space_remove_slot(space, 2, 1, 100), PTW_OK);
	assert_no_slot(2, 1, 120);
	cr_assert_eq(slots(), 0u);
	close_space();
}

Test(slots, overlap_is_refused)
{
	static const struct {
		uint64_t frame, pages;
	} over[] = { { 100, 10 }, { 109, 1 }, { 95, 6 }, { 95, 100 }, { 104, 2 }, { 100, 1 } };

	open_space();
	space_slot(space, 1, 0, 100, 10, 0);
	space_slot(space, 1, 0, 50, 20, 0);
	for (unsigned int i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
		struct ptw_slot slot = slot_of(1, 0, over[i].frame, over[i].pages, 5000);
		struct ptw_slot two[2] = { slot, slot };
		const struct ptw_slot gone = slot_of(1, 0, 50, 0, 0);

		cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_ERR_OVERLAP, "%u", i);
		cr_assert_eq(ptw_space_slots(space, &gone, 1, &slot, 1), PTW_ERR_OVERLAP);
		assert_slot(1, 0, 50, 50, 20, 0);
		/* In another address space, or of another MMU, it is none; with itself it is. */
		two[0].as = two[1].as = 1;
		cr_assert_eq(ptw_space_slots(space, NULL, 0, two, 2), PTW_ERR_OVERLAP);
		two[1].mmu = 2;
		cr_assert_eq(ptw_space_slots(space, NULL, 0, two, 2), PTW_OK);
		cr_assert_eq(ptw_space_slots(space, two, 2, NULL, 0), PTW_OK);
	}
	/* Side by side. */
	space_slot(space, 1, 0, 110, 1, 0);
	space_slot(space, 1, 0, 99, 1, 0);
	cr_assert_eq(slots(), 4u);
	close_space();
}

Test(slots, a_change_is_made_at_once)
{
	struct ptw_slot remove[4] = { slot_of(1, 0, 0, 0, 0), slot_of(1, 0, 100, 0, 0),
				      slot_of(1, 0, 200, 0, 0), slot_of(1, 0, 0, 0, 0) };
	struct ptw_slot add[2] = { slot_of(1, 0, 50, 100, 9000), slot_of(1, 0, 0, 50, 9100) };

	open_space();
	for (uint64_t i = 0; i < 3; i++)
		space_slot(space, 1, 0, 100 * i, 100, 1000 * i);
	/* One is moved to where others were. */
	cr_assert_eq(ptw_space_slots(space, remove, 2, add, 2), PTW_OK);
	assert_slot(1, 0, 149, 50, 100, 9000);
	assert_slot(1, 0, 0, 0, 50, 9100);
	assert_slot(1, 0, 200, 200, 100, 2000);
	assert_no_slot(1, 0, 150);
	/* The same one twice is not there the second time; nothing happens then. */
	remove[0] = remove[1] = remove[2];
	cr_assert_eq(ptw_space_slots(space, remove, 2, NULL, 0), PTW_ERR_ABSENT);
	remove[1].frame = 7;
	cr_assert_eq(ptw_space_slots(space, remove, 2, NULL, 0), PTW_ERR_ABSENT);
	cr_assert_eq(ptw_space_slots(space, remove, 4, NULL, 0), PTW_ERR_ABSENT, "more than there are");
	cr_assert_eq(slots(), 3u);
	cr_assert_eq(ptw_space_slots(space, NULL, 0, NULL, 0), PTW_OK);
	cr_assert_eq(slots(), 3u);
	close_space();
}

Test(slots, as_many_as_are_allowed)
{
	struct ptw_slot *many = calloc(PTW_SLOTS_MAX + 1, sizeof(*many));
	struct ptw_slot one = slot_of(2, 0, 0, 1, 0);

	open_space();
	for (uint64_t i = 0; i <= PTW_SLOTS_MAX; i++) /* from the last to the first */
		many[i] = slot_of(1, 0, 2 * (PTW_SLOTS_MAX - i), 1, i);
	cr_assert_eq(ptw_space_slots(space, NULL, 0, many, PTW_SLOTS_MAX + 1), PTW_ERR_LIMIT);
	cr_assert_eq(slots(), 0u);
	cr_assert_eq(ptw_space_slots(space, NULL, 0, many, PTW_SLOTS_MAX), PTW_OK);
	cr_assert_eq(ptw_space_add_slot(space, &one), PTW_ERR_LIMIT);
	cr_assert_eq(ptw_space_slots(space, many, 1, &one, 1), PTW_OK);
	cr_assert_eq(slots(), PTW_SLOTS_MAX);
	for (uint64_t i = 1; i < PTW_SLOTS_MAX; i += 997) {
		assert_slot(1, 0, many[i].frame, many[i].frame, 1, i);
		assert_no_slot(1, 0, many[i].frame + 1);
	}
	assert_no_slot(1, 0, many[0].frame);
	cr_assert_eq(ptw_space_unregister(space, 1), PTW_OK);
	cr_assert_eq(slots(), 1u);
	close_space();
	free(many);
}

static int asked_as, asked_frames, knows_answer;

static int knows(void *context, uint32_t as, uint64_t frame, uint64_t frames)
{
	(void)context;
	asked_as = (int)as;
	asked_frames = (int)(frame * 1000 + frames);
	return knows_answer;
}

/* An MMU says whether it can tell of the frames of a slot. */
Test(slots, frames_an_mmu_does_not_know)
{
	struct ptw_slot slot = slot_of(2, 1, 7, 64, 0), two[2] = { slot_of(1, 0, 0, 64, 0), slot };

	open_space();
	fake[2].ops.knows = knows;
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_ERR_RANGE);
	cr_assert(asked_as == 1 && asked_frames == 7064);
	cr_assert_eq(ptw_space_slots(space, NULL, 0, two, 2), PTW_ERR_RANGE);
	cr_assert_eq(slots(), 0u);
	knows_answer = 2;
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_ERR_MMU);
	knows_answer = -5;
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_ERR_MMU);
	cr_assert_eq(slots(), 0u);
	knows_answer = 1;
	cr_assert_eq(ptw_space_slots(space, NULL, 0, two, 2), PTW_OK);
	cr_assert_eq(slots(), 2u);
	close_space();
}

/* A page in several slots: everybody who maps it is asked, once for each mapping. */
Test(slots, aliases)
{
	uint64_t said[4] = { 0 }, young = 0;
	struct ptw_ask ask = { .size = sizeof(ask), .flags = PTW_HARVEST_ACCESSED,
			       .effort = PTW_EFFORT_FAST, .young = &young, .said = said };
	struct ptw_ask_result result = { .size = sizeof(result) };

	open_space();
	space_slot(space, 1, 0, 10, 4, 1000);
	space_slot(space, 1, 0, 20, 4, 1000); /* twice in the same address space */
	space_slot(space, 1, 1, 20, 2, 1002);
	space_slot(space, 2, 0, 500, 2, 1001);
	*fake_state(&fake[1], 0, 21) = FAKE_YOUNG;
	*fake_state(&fake[1], 1, 21) = FAKE_YOUNG;
	*fake_state(&fake[2], 0, 500) = FAKE_YOUNG;
	cr_assert_eq(ptw_space_harvest(space, 1000, 1004, &ask, &result), PTW_OK);
	cr_assert_eq(young >> (1000 & 63), (uint64_t)0xa);
	cr_assert(said[0] == 0 && said[1] == 6 && said[2] == 0 && said[3] == 2);
	cr_assert_eq(result.young_pages, 3u, "a page said by two counts twice");
	cr_assert_eq(result.asked, (uint64_t)7);
	cr_assert_eq(fake[1].calls[FAKE_HARVEST_FAST], 3u);
	close_space();
}

Test(slots, private_pages_are_not_the_primarys)
{
	struct ptw_slot slot = slot_of(3, 1, 64, 64, 0);
	const uint64_t page = ptw_page_private(3, 1, 64);
	uint64_t young[2] = { 0 };
	struct ptw_ask ask = { .size = sizeof(ask), .flags = PTW_HARVEST_ACCESSED,
			       .effort = PTW_EFFORT_ALL, .young = young };
	struct ptw_ask_result result = { .size = sizeof(result) };

	open_space();
	slot.flags = PTW_SLOT_PRIVATE;
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_OK);
	*fake_state(&fake[3], 1, 70) = FAKE_YOUNG;
	cr_assert_eq(ptw_space_harvest(space, page, page + 64, &ask, &result), PTW_OK);
	cr_assert_eq(young[0], (uint64_t)1 << 6);
	cr_assert_eq(result.asked, (uint64_t)8);
	cr_assert_eq(fake_calls(&fake[0]), 0u);
	for (uint32_t effort = 0; effort <= PTW_EFFORT_ALL; effort++)
		ptw_space_test_young(space, page, effort);
	cr_assert_eq(fake_calls(&fake[0]), 0u);
	/* A slot of a private page below them is the primary's, too. */
	cr_assert_eq(ptw_space_covers(space, page, page + 1, PTW_EFFORT_PRIMARY, NULL), 0);
	close_space();
}

/* --- against a naive model --- */

#define MODEL 40u

struct model {
	struct ptw_slot slot[MODEL];
	unsigned int count;
};

static bool model_overlaps(const struct model *model, const struct ptw_slot *slot)
{
	for (unsigned int i = 0; i < model->count; i++) {
		const struct ptw_slot *s = &model->slot[i];

		if (s->mmu == slot->mmu && s->as == slot->as && s->frame < slot->frame + slot->pages &&
		    slot->frame < s->frame + s->pages)
			return true;
	}
	return false;
}

static const struct ptw_slot *model_find(const struct model *model, uint32_t mmu, uint32_t as,
					 uint64_t frame)
{
	for (unsigned int i = 0; i < model->count; i++) {
		const struct ptw_slot *s = &model->slot[i];

		if (s->mmu == mmu && s->as == as && s->frame <= frame && frame < s->frame + s->pages)
			return s;
	}
	return NULL;
}

static uint64_t model_mappers(const struct model *model, uint64_t start, uint64_t end)
{
	uint64_t mask = 0;

	for (unsigned int i = 0; i < model->count; i++) {
		const struct ptw_slot *s = &model->slot[i];

		if (s->page < end && start < s->page + s->pages)
			mask |= (uint64_t)1 << s->mmu;
	}
	return mask;
}

static struct ptw_slot random_slot(uint64_t *random)
{
	const uint64_t longest = random_chance(random, 20) ? 300 : 20;
	struct ptw_slot slot = slot_of(1 + (uint32_t)random_below(random, 3),
				       (uint32_t)random_below(random, 2),
				       random_below(random, 400), 1 + random_below(random, longest),
				       random_below(random, 400));

	slot.group = (uint32_t)random_below(random, 3);
	slot.flags = random_chance(random, 10) ? PTW_SLOT_PINNED : 0;
	return slot;
}

/* Some slots go and some come at once, as the model says. */
static void random_change(struct model *model, uint64_t *random)
{
	const unsigned int additions = (unsigned int)random_below(random, 4);
	unsigned int removals = (unsigned int)random_below(random, 3);
	struct ptw_slot add[4], remove[3];
	struct model next = *model;
	int expected = PTW_OK, ret;

	if (removals > next.count)
		removals = next.count;
	for (unsigned int i = 0; i < removals; i++) {
		const unsigned int n = (unsigned int)random_below(random, next.count);

		remove[i] = next.slot[n];
		remove[i].pages = remove[i].page = UINT64_MAX; /* not read */
		next.slot[n] = next.slot[--next.count];
	}
	for (unsigned int i = 0; i < additions; i++) {
		add[i] = random_slot(random);
		if (next.count == MODEL)
			return;
		if (model_overlaps(&next, &add[i]))
			expected = PTW_ERR_OVERLAP;
		next.slot[next.count++] = add[i];
	}
	if (removals && random_chance(random, 5)) {
		remove[removals - 1].frame ^= 1 << 20;
		expected = PTW_ERR_ABSENT;
	}
	ret = ptw_space_slots(space, remove, removals, add, additions);
	cr_assert_eq(ret, expected, "change: %s", ptw_strerror(ret));
	if (!ret)
		*model = next;
}

static void compare_with_model(const struct model *model, uint64_t *random)
{
	cr_assert_eq(slots(), model->count);
	for (unsigned int i = 0; i < 30; i++) {
		const uint32_t mmu = 1 + (uint32_t)random_below(random, 3);
		const uint32_t as = (uint32_t)random_below(random, 2);
		const uint64_t frame = random_below(random, 750);
		const struct ptw_slot *expected = model_find(model, mmu, as, frame);
		struct ptw_slot slot;

		cr_assert_eq(find(mmu, as, frame, &slot), expected ? PTW_OK : PTW_ERR_ABSENT);
		if (expected)
			cr_assert(!memcmp(&slot, expected, sizeof(slot)));
	}
	for (unsigned int i = 0; i < 30; i++) {
		const uint64_t start = random_below(random, 750), end = start + 1 + random_below(random, 90);
		const uint64_t mappers = model_mappers(model, start, end);
		uint64_t mask = 99;

		/* Asking the primary alone leaves out all others: so the mask says who they are. */
		cr_assert_eq(ptw_space_covers(space, start, end, PTW_EFFORT_PRIMARY, &mask), !mappers);
		cr_assert_eq(mask, mappers, "pages [%" PRIu64 ", %" PRIu64 ")", start, end);
	}
}

Test(slots, as_a_naive_model)
{
	const unsigned int rounds = 4000 / test_slowness();
	struct model model = { .count = 0 };
	uint64_t random = test_seed();

	open_space();
	for (unsigned int i = 0; i < rounds; i++) {
		random_change(&model, &random);
		compare_with_model(&model, &random);
	}
	close_space();
}

/* --- runs by page --- */

#define SPAN 64u   /* pages that sets lie in */
#define RUNS 2500u /* no power of two */

static struct ptw_member nobody;

static struct ptw_run run_of(uint32_t i, uint64_t page, uint64_t pages)
{
	/* Frames of their own: of these none overlap. */
	return (struct ptw_run){ .page = page, .end = page + pages, .frame = 1000000u * (uint64_t)i,
				 .member = &nobody };
}

/* Some short, some over half of what there is, some that begin where another does. */
static struct ptw_version *random_runs(uint32_t count, uint64_t base, uint64_t *random)
{
	const unsigned int longs = random_chance(random, 50) ? 0 : 15;
	const unsigned int twins = random_chance(random, 50) ? 0 : 30;
	struct ptw_version *version = ptw_version_alloc(0, count);

	cr_assert(version);
	for (uint32_t i = 0; i < count; i++) {
		const uint64_t at = random_below(random, SPAN - 1);
		const uint64_t most = random_chance(random, longs) ? SPAN - at : 1 + (SPAN - at) / 16;

		version->run[i] = run_of(i, base + at, 1 + random_below(random, most));
		if (i && random_chance(random, twins))
			version->run[i].page = version->run[i - 1].page;
		if (version->run[i].end <= version->run[i].page)
			version->run[i].end = version->run[i].page + 1;
	}
	/* One in front of all. */
	if (count && random_chance(random, 50))
		version->run[0] = run_of(0, base, SPAN);
	cr_assert(ptw_version_sort(version));
	return version;
}

static void all_questions(const struct ptw_version *version, uint64_t base)
{
	/* Offsets: the last end may be the last number there is. */
	for (uint64_t first = 0; first < SPAN; first++) {
		for (uint64_t last = first; last < SPAN; last++) {
			const uint64_t low = base + first, high = base + last + 1;
			uint32_t expected = version->runs;

			cr_assert_eq(ptw_version_next(version, version->runs, low, high), expected);
			for (uint32_t i = version->runs; i--;) {
				const struct ptw_run *run = &version->run[i];

				if (run->page < high && run->end > low)
					expected = i;
				cr_assert_eq(ptw_version_next(version, i, low, high), expected,
					     "run %u of %u, pages [%" PRIu64 ", %" PRIu64 ")", i,
					     version->runs, first, last + 1);
			}
		}
	}
}

/* The last set of pages there is ends where numbers do. */
Test(slots, runs_by_page_as_a_naive_scan)
{
	const unsigned int rounds = 140 / test_slowness() + 1;
	const uint64_t bases[] = { 0, PTW_PAGE_PRIVATE - SPAN / 2, UINT64_MAX - SPAN };
	uint64_t random = test_seed();

	for (unsigned int round = 0; round < rounds; round++) {
		/* Each number once, if there is time; what is left of it goes to any. */
		const uint32_t count = rounds > 70 ? round % 70 : (uint32_t)random_below(&random, 70);
		const uint64_t base = bases[random_below(&random, 3)];
		struct ptw_version *version = random_runs(count, base, &random);

		for (uint32_t i = 1; i < count; i++)
			cr_assert(version->run[i - 1].page <= version->run[i].page);
		all_questions(version, base);
		ptw_version_put(version);
	}
}

/*
 * All runs in [first, last) end too early. Make what is known of them wrong, but for the roots of the largest
 * subtrees that lie in the range: at most two on each level. Returns how many these are.
 */
static unsigned int spoil(struct ptw_version *version, uint32_t first, uint32_t last)
{
	unsigned int roots = 0;

	for (uint32_t i = first; i < last; i++)
		version->run[i].end = UINT64_MAX;
	while (first < last) {
		uint32_t size = first & -first;

		while (first + size > last)
			size /= 2;
		for (uint32_t below = size / 2; below; below /= 2)
			for (uint32_t i = first; i < first + size; i += below)
				version->reach[(version->width + i) / below] = UINT64_MAX;
		first += size;
		roots++;
	}
	return roots;
}

/* A search that looked at more runs, or more of the tree, than it may would answer wrongly. */
Test(slots, behind_a_long_slot_few_are_looked_at)
{
	uint64_t random = test_seed();

	for (unsigned int round = 0; round < 64; round++) {
		struct ptw_version *version = ptw_version_alloc(0, RUNS);
		const uint32_t target = 1 + (uint32_t)random_below(&random, RUNS - 1);
		const uint64_t page = 2 * (uint64_t)target;
		unsigned int roots;

		cr_assert(version);
		version->run[0] = run_of(0, 0, 4 * RUNS);
		for (uint32_t i = 1; i < RUNS; i++)
			version->run[i] = run_of(i, 2 * (uint64_t)i, 1);
		cr_assert(ptw_version_sort(version));
		roots = spoil(version, 1, target);
		cr_assert_leq(roots, 24u);
		cr_assert_eq(ptw_version_next(version, 0, page, page + 1), 0u, "the long one");
		cr_assert_eq(ptw_version_next(version, 1, page, page + 1), target);
		cr_assert_eq(ptw_version_next(version, target + 1, page, page + 1), RUNS);
		/* Nothing but the long one is there. */
		cr_assert_eq(ptw_version_next(version, 1, page - 1, page), RUNS, "a gap");
		ptw_version_put(version);
	}
}

/* Every kind of question finds the same slots, however many there are. */
static void ask_all_ways(uint64_t page, uint64_t mappers)
{
	uint64_t young = 0, not_asked = 0, mask = 0;
	struct ptw_ask ask = { .size = sizeof(ask), .flags = PTW_HARVEST_ACCESSED,
			       .effort = PTW_EFFORT_FAST, .young = &young };
	struct ptw_ask_result result = { .size = sizeof(result) };
	const struct ptw_look_around around = { .size = sizeof(around), .window = 1, .said = 1,
						.young = &young };
	const struct ptw_reference last = { .size = sizeof(last) };
	struct ptw_reference_result found = { .size = sizeof(found) };

	cr_assert_eq(ptw_space_covers(space, page, page + 1, PTW_EFFORT_PRIMARY, &mask), !mappers);
	cr_assert_eq(mask, mappers);
	cr_assert_eq(ptw_space_harvest(space, page, page + 1, &ask, &result), PTW_OK);
	cr_assert_eq(result.asked, mappers | 1, "quick, page %" PRIu64, page);
	ask.not_asked = &not_asked; /* not for the quick lane */
	cr_assert_eq(ptw_space_harvest(space, page, page + 1, &ask, &result), PTW_OK);
	cr_assert_eq(result.asked, mappers | 1, "page %" PRIu64, page);
	cr_assert_eq(ptw_space_look_around(space, page, &around, &result), PTW_OK);
	cr_assert_eq(result.asked, mappers | 1, "look-around, page %" PRIu64, page);
	cr_assert_eq(ptw_space_reference(space, page, &last, &found), 0);
	cr_assert_eq(found.mappings, 1u + bits_in(&mappers, 1), "last look, page %" PRIu64, page);
	/* These MMUs cannot drop anything. */
	cr_assert_eq(ptw_space_invalidate_begin(space, page, page + 1), PTW_OK);
	cr_assert_eq(ptw_space_unmap(space, page, page + 1, NULL, &result), PTW_OK);
	cr_assert_eq(result.skipped, mappers, "unmap, page %" PRIu64, page);
	cr_assert_eq(ptw_space_invalidate_end(space, page, page + 1), PTW_OK);
}

Test(slots, questions_behind_a_long_slot)
{
	static const uint32_t counts[] = { 2, 14, 15, 900 };

	for (unsigned int n = 0; n < sizeof(counts) / sizeof(counts[0]); n++) {
		const uint64_t pages = 4 * (uint64_t)counts[n];

		open_space();
		space_slot(space, 2, 0, 0, 4096, 0);
		/* From the last to the first, each four pages of which it has one. */
		for (uint64_t i = counts[n]; i--;)
			space_slot(space, 1, 0, i, 1, 4 * i + 1);
		space_slot(space, 3, 0, 0, pages / 2, 1 + pages / 4);
		for (uint64_t page = 0; page < 4096; page += page < 64 ? 1 : 37) {
			const bool third = page > pages / 4 && page < 1 + pages / 4 + pages / 2;

			ask_all_ways(page, 4 | (page % 4 == 1 && page < pages ? 2 : 0) |
						   (third ? 8 : 0));
		}
		close_space();
	}
}
