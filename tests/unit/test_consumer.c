/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Consumers: what one harvests, all see, each since it last looked. */
#include "tests/unit/fake_mmu.h"

#define ACCESSED PTW_HARVEST_ACCESSED
#define DIRTY	 PTW_HARVEST_DIRTY
#define PEEK	 PTW_HARVEST_PEEK

#define PAGES 8192u
#define WORDS (PAGES / 64 + 2)

static struct ptw_space *space;
static struct fake primary, guest;
static uint64_t young[WORDS], dirty[WORDS];
static struct ptw_ask_result result;

static void open_space(uint32_t abilities)
{
	fake_open(&primary, FAKE_FAST | FAKE_PLAIN | abilities, 1, PAGES);
	fake_open(&guest, FAKE_FAST | FAKE_PLAIN | abilities, 1, PAGES);
	space = space_open(&primary.mmu);
	cr_assert_eq(space_register(space, &guest, 0), 1u);
	space_slot(space, 1, 0, 0, 4000, 100);
}

static void close_space(void)
{
	space_close(space);
	fake_close(&primary);
	fake_close(&guest);
}

static struct ptw_consumer *join(uint64_t first, uint64_t pages, uint32_t flags)
{
	const struct ptw_consumer_config config = { .size = sizeof(config), .first = first,
						    .pages = pages, .flags = flags };
	struct ptw_consumer *consumer = NULL;

	cr_assert_eq(ptw_consumer_join(space, &config, &consumer), PTW_OK);
	return consumer;
}

static struct ptw_consumer *join_all(void)
{
	return join(0, PAGES, ACCESSED | DIRTY);
}

static int ask(struct ptw_consumer *consumer, uint64_t start, uint64_t end, uint32_t flags)
{
	const struct ptw_ask q = { .size = sizeof(q), .flags = flags,
				   .effort = flags & DIRTY ? PTW_EFFORT_ALL : PTW_EFFORT_FAST,
				   .young = young, .dirty = flags & DIRTY ? dirty : NULL,
				   .consumer = consumer };

	memset(young, 0, sizeof(young));
	memset(dirty, 0, sizeof(dirty));
	result = (struct ptw_ask_result){ .size = sizeof(result) };
	return ptw_space_harvest(space, start, end, &q, &result);
}

/* What waits for a consumer in [start, end). */
static uint64_t waiting(struct ptw_consumer *consumer, uint64_t start, uint64_t end, uint32_t what)
{
	uint64_t pages = 0;

	memset(young, 0, sizeof(young));
	memset(dirty, 0, sizeof(dirty));
	cr_assert_eq(ptw_consumer_read(consumer, start, end, what | PEEK, young, dirty, &pages), PTW_OK);
	return pages;
}

static struct ptw_consumer_info info_of(struct ptw_consumer *consumer)
{
	struct ptw_consumer_info info = { .size = sizeof(info) };

	cr_assert_eq(ptw_consumer_info(consumer, &info), PTW_OK);
	return info;
}

Test(consumer, argument_errors_change_nothing)
{
	const struct ptw_consumer_config good = { .size = sizeof(good), .first = 10, .pages = 100,
						  .flags = ACCESSED };
	struct ptw_consumer_config bad = good;
	struct ptw_consumer_info small = { .size = sizeof(small) - 1 };
	struct ptw_consumer *consumer = NULL, *none = NULL;
	uint64_t pages = 55;

	open_space(0);
	cr_assert_eq(ptw_consumer_join(NULL, &good, &none), PTW_ERR_ARG);
	cr_assert_eq(ptw_consumer_join(space, NULL, &none), PTW_ERR_ARG);
	cr_assert_eq(ptw_consumer_join(space, &good, NULL), PTW_ERR_ARG);
#define refused(code)                                                                             \
	do {                                                                                      \
		cr_assert_eq(ptw_consumer_join(space, &bad, &none), code);                        \
		bad = good;                                                                       \
	} while (0)
	bad.size--;
	refused(PTW_ERR_SIZE);
	bad.flags = 0;
	refused(PTW_ERR_ARG);
	bad.flags = ACCESSED | PEEK;
	refused(PTW_ERR_ARG);
	bad.reserved = 1;
	refused(PTW_ERR_ARG);
	bad.pages = 0;
	refused(PTW_ERR_RANGE);
	bad.first = UINT64_MAX - 5;
	refused(PTW_ERR_RANGE);
	ptw_read_lock();
	refused(PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_null(none);
	cr_assert_eq(space_info(space).consumers, 0u);
	cr_assert_eq(ptw_consumer_join(space, &good, &consumer), PTW_OK);
	cr_assert_eq(space_info(space).consumers, 1u);
	*fake_state(&primary, 0, 20) = FAKE_YOUNG;
	cr_assert_eq(ask(NULL, 0, 64, ACCESSED), PTW_OK);
#define unread(c, start, end, flags, code)                                                        \
	cr_assert_eq(ptw_consumer_read(c, start, end, flags, young, dirty, &pages), code)
	unread(NULL, 10, 20, ACCESSED, PTW_ERR_ARG);
	unread(consumer, 10, 20, 0, PTW_ERR_ARG);
	unread(consumer, 10, 20, PEEK, PTW_ERR_ARG);
	unread(consumer, 10, 20, DIRTY, PTW_ERR_ARG);
	unread(consumer, 10, 20, ACCESSED | DIRTY, PTW_ERR_ARG);
	unread(consumer, 10, 20, ACCESSED | PTW_HARVEST_EXACT, PTW_ERR_ARG);
	unread(consumer, 20, 20, ACCESSED, PTW_ERR_RANGE);
	unread(consumer, 9, 30, ACCESSED, PTW_ERR_RANGE);
	unread(consumer, 10, 111, ACCESSED, PTW_ERR_RANGE);
	cr_assert_eq(pages, 55u);
	cr_assert_eq(ptw_consumer_info(consumer, &small), PTW_ERR_SIZE);
	cr_assert_eq(ptw_consumer_info(NULL, &small), PTW_ERR_ARG);
	cr_assert_eq(ptw_consumer_info(consumer, NULL), PTW_ERR_ARG);
	ptw_read_lock();
	cr_assert_eq(ptw_consumer_leave(consumer), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(waiting(consumer, 10, 110, ACCESSED), 1u);
	cr_assert_eq(info_of(consumer).epoch, 0u);
	cr_assert_eq(ptw_consumer_leave(NULL), PTW_OK);
	cr_assert_eq(ptw_consumer_leave(consumer), PTW_OK);
	cr_assert_eq(space_info(space).consumers, 0u);
	close_space();
}

Test(consumer, as_many_as_are_allowed)
{
	struct ptw_consumer *consumer[PTW_CONSUMERS_MAX], *more = NULL;
	const struct ptw_consumer_config config = { .size = sizeof(config), .pages = 1,
						    .flags = ACCESSED };

	open_space(0);
	for (unsigned int i = 0; i < PTW_CONSUMERS_MAX; i++)
		consumer[i] = join_all();
	cr_assert_eq(ptw_consumer_join(space, &config, &more), PTW_ERR_LIMIT);
	cr_assert_null(more);
	cr_assert_eq(space_info(space).consumers, PTW_CONSUMERS_MAX);
	*fake_state(&guest, 0, 3) = FAKE_YOUNG | FAKE_DIRTY;
	cr_assert_eq(ask(consumer[7], 0, PAGES, ACCESSED | DIRTY), PTW_OK);
	for (unsigned int i = 0; i < PTW_CONSUMERS_MAX; i++)
		cr_assert_eq(waiting(consumer[i], 0, PAGES, ACCESSED | DIRTY), i == 7 ? 0u : 2u);
	cr_assert_eq(ptw_consumer_leave(consumer[0]), PTW_OK);
	cr_assert_eq(ptw_consumer_join(space, &config, &more), PTW_OK);
	cr_assert_eq(waiting(more, 0, 1, ACCESSED), 0u);
	/* Who is still there goes with the space. */
	close_space();
}

/* Reading destroys for nobody else, at whatever rates they ask. */
Test(consumer, different_rates)
{
	struct ptw_consumer *often, *seldom, *never, *accessed_only;

	open_space(0);
	often = join_all();
	seldom = join_all();
	never = join_all();
	accessed_only = join(0, PAGES, ACCESSED);
	for (uint64_t round = 0; round < 50; round++) {
		*fake_state(&guest, 0, 10 * round) = FAKE_YOUNG | FAKE_DIRTY;
		*fake_state(&primary, 0, 5000 + round) = FAKE_YOUNG;
		cr_assert_eq(ask(often, 0, PAGES, ACCESSED), PTW_OK);
		cr_assert_eq(result.young_pages, 2u);
		cr_assert_eq(result.consumer_pages, 0u);
		cr_assert_eq(bits_in(young, WORDS), 2u, "round %" PRIu64, round);
		if (round % 10 == 9) {
			cr_assert_eq(ask(seldom, 0, PAGES, ACCESSED), PTW_OK);
			cr_assert_eq(result.young_pages, 0u);
			cr_assert_eq(result.consumer_pages, 20u);
			cr_assert_eq(bits_in(young, WORDS), 20u);
		}
	}
	cr_assert_eq(ask(never, 0, PAGES, ACCESSED | DIRTY), PTW_OK);
	cr_assert_eq(bits_in(young, WORDS), 100u);
	cr_assert_eq(bits_in(dirty, WORDS), 50u, "clearing accessed left dirty alone");
	cr_assert(result.consumer_pages == 100 && result.dirty_pages == 50);
	cr_assert_eq(waiting(often, 0, PAGES, DIRTY), 50u);
	cr_assert_eq(waiting(often, 0, PAGES, ACCESSED), 0u);
	cr_assert_eq(waiting(accessed_only, 0, PAGES, ACCESSED), 100u);
	cr_assert(info_of(often).epoch == 50 && info_of(seldom).epoch == 5 &&
		  info_of(never).epoch == 1 && info_of(accessed_only).epoch == 0);
	cr_assert(info_of(seldom).received == 150 && info_of(seldom).taken == 100);
	cr_assert(info_of(never).received == 100 && info_of(never).taken == 100);
	close_space();
}

/* A page accessed again and again is news once. */
Test(consumer, what_it_has_is_no_news)
{
	struct ptw_consumer *c, *asker;

	open_space(0);
	c = join_all();
	asker = join_all();
	for (unsigned int i = 0; i < 10; i++) {
		*fake_state(&guest, 0, 77) = FAKE_YOUNG;
		cr_assert_eq(ask(asker, 0, PAGES, ACCESSED), PTW_OK);
		cr_assert_eq(result.young_pages, 1u);
	}
	cr_assert_eq(info_of(c).received, 1u);
	cr_assert_eq(waiting(c, 0, PAGES, ACCESSED), 1u);
	cr_assert(bit_at(young, 177));
	close_space();
}

/* Reads: in parts, at any edge, with and without bitmaps. */
Test(consumer, read)
{
	uint64_t random = test_seed(), pages, sum = 0;
	struct ptw_consumer *c;

	open_space(0);
	c = join(33, 3001, ACCESSED | DIRTY);
	for (uint64_t i = 0; i < PAGES; i++)
		*fake_state(&primary, 0, i) = i % 3 == 0 ? FAKE_YOUNG : i % 3 == 1 ? FAKE_DIRTY : 0;
	cr_assert_eq(ask(NULL, 0, PAGES, ACCESSED | DIRTY), PTW_OK);
	cr_assert_eq(waiting(c, 33, 3034, ACCESSED | DIRTY), 2001u);
	for (uint64_t at = 33, end; at < 3034; at = end) {
		end = at + 1 + random_below(&random, 200);
		if (end > 3034)
			end = 3034;
		memset(young, 0, sizeof(young));
		memset(dirty, 0, sizeof(dirty));
		cr_assert_eq(ptw_consumer_read(c, at, end, ACCESSED | DIRTY, young, dirty, &pages),
			     PTW_OK);
		for (uint64_t i = at & ~(uint64_t)63; i < end; i++) {
			const uint64_t bit = i - (at & ~(uint64_t)63);

			cr_assert_eq(bit_at(young, bit), i >= at && i % 3 == 0);
			cr_assert_eq(bit_at(dirty, bit), i >= at && i % 3 == 1);
		}
		cr_assert_eq(pages, bits_in(young, WORDS) + bits_in(dirty, WORDS));
		sum += pages;
	}
	cr_assert_eq(sum, 2001u);
	cr_assert_eq(waiting(c, 33, 3034, ACCESSED | DIRTY), 0u);
	cr_assert_eq(info_of(c).taken, 2001u);
	*fake_state(&primary, 0, 100) = FAKE_YOUNG | FAKE_DIRTY;
	cr_assert_eq(ask(NULL, 0, PAGES, ACCESSED | DIRTY), PTW_OK);
	cr_assert_eq(ptw_consumer_read(c, 33, 3034, DIRTY, NULL, NULL, NULL), PTW_OK);
	cr_assert_eq(waiting(c, 33, 3034, ACCESSED | DIRTY), 1u);
	close_space();
}

/* Who peeks takes nothing: not from MMUs, not from himself. */
Test(consumer, peek)
{
	struct ptw_consumer *c, *other;

	open_space(0);
	c = join_all();
	other = join_all();
	*fake_state(&primary, 0, 5) = FAKE_YOUNG;
	cr_assert_eq(ask(other, 0, 64, ACCESSED), PTW_OK);
	*fake_state(&primary, 0, 6) = FAKE_YOUNG;
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(ask(c, 0, 64, ACCESSED | PEEK), PTW_OK);
		cr_assert_eq(young[0], (uint64_t)0x60);
		cr_assert(result.consumer_pages == 1 && result.young_pages == 1);
	}
	cr_assert_eq(info_of(c).epoch, 0u);
	cr_assert_eq(waiting(other, 0, PAGES, ACCESSED), 0u, "a peek was published");
	cr_assert_eq(ask(c, 0, 64, ACCESSED), PTW_OK);
	cr_assert_eq(young[0], (uint64_t)0x60);
	cr_assert_eq(ask(c, 0, 64, ACCESSED), PTW_OK);
	cr_assert_eq(young[0], 0u);
	cr_assert_eq(waiting(other, 0, PAGES, ACCESSED), 1u);
	close_space();
}

/*
 * A leaf that reaches beyond the question goes on to everybody: to the one who asked with his next
 * question about those pages, to others as a whole. Nobody hears of it twice.
 */
Test(consumer, leaves_beyond_the_question)
{
	for (unsigned int level = 4; level <= 12; level += 4) {
		const uint64_t size = (uint64_t)1 << level;
		struct ptw_consumer *c, *other, *part;

		open_space(0);
		c = join_all();
		other = join_all();
		part = join(4090, 20, ACCESSED | DIRTY);
		fake_leaves(&primary, 0, 0, PAGES, level);
		*fake_state(&primary, 0, 4096) = FAKE_YOUNG | FAKE_DIRTY;
		cr_assert_eq(ask(c, 4100, 4101, ACCESSED | DIRTY), PTW_OK);
		cr_assert_eq(result.young_pages, 1u);
		cr_assert(result.head.start == 4096 && result.head.length == size);
		cr_assert(result.tail.start == 4096 && result.tail.length == size);
		cr_assert_eq(bits_in(young, WORDS), 1u);
		cr_assert_eq(waiting(c, 4100, 4101, ACCESSED | DIRTY), 0u, "twice");
		cr_assert_eq(waiting(c, 0, PAGES, ACCESSED | DIRTY), 2 * (size - 1));
		cr_assert_eq(waiting(other, 0, PAGES, ACCESSED | DIRTY), 2 * size);
		cr_assert_eq(waiting(part, 4090, 4110, ACCESSED), size < 14 ? size : 14u);
		cr_assert_eq(ask(c, 4096, 4096 + size, ACCESSED), PTW_OK);
		cr_assert_eq(result.consumer_pages, size - 1);
		cr_assert_eq(bits_in(young, WORDS), size - 1);
		close_space();
	}
}

/* The same inside a question that is asked in many pieces and sections. */
Test(consumer, leaves_beyond_the_piece)
{
	struct ptw_consumer *c, *other;

	open_space(0);
	c = join_all();
	other = join_all();
	fake_leaves(&primary, 0, 0, PAGES, 12);
	*fake_state(&primary, 0, 1) = FAKE_YOUNG;
	*fake_state(&primary, 0, 5000) = FAKE_YOUNG;
	memset(guest.state, FAKE_YOUNG, 4000); /* makes sections end early */
	cr_assert_eq(ask(c, 37, PAGES, ACCESSED), PTW_OK);
	cr_assert_eq(bits_in(young, WORDS), PAGES - 37);
	cr_assert_eq(result.young_pages, PAGES - 37 + 4000u);
	cr_assert_eq(result.consumer_pages, 0u, "part of the answer came back as somebody else's");
	cr_assert_eq(waiting(c, 0, PAGES, ACCESSED), 37u);
	cr_assert_eq(waiting(other, 0, PAGES, ACCESSED), (uint64_t)PAGES);
	close_space();
}

/* Where clearing accessed takes dirty along, dirty is not lost for those who want it. */
Test(consumer, dirty_that_was_taken_along)
{
	struct ptw_consumer *c, *other;

	open_space(FAKE_TAKES_DIRTY);
	c = join_all();
	other = join_all();
	*fake_state(&guest, 0, 7) = FAKE_YOUNG | FAKE_DIRTY;
	cr_assert_eq(ask(c, 0, 200, ACCESSED), PTW_OK);
	cr_assert_eq(waiting(other, 0, PAGES, DIRTY), 1u);
	cr_assert_eq(waiting(c, 0, PAGES, DIRTY), 1u, "the next question wants it");
	cr_assert_eq(waiting(c, 0, PAGES, ACCESSED), 0u);
	cr_assert_eq(ask(c, 0, 200, ACCESSED | DIRTY), PTW_OK);
	cr_assert(bit_at(dirty, 107) && !bit_at(young, 107));
	close_space();
}

/* Who joins sees what is accessed from then on, however the space was asked before. */
Test(consumer, join_and_leave)
{
	struct ptw_consumer *c, *d;

	open_space(0);
	*fake_state(&primary, 0, 3) = FAKE_YOUNG;
	cr_assert_eq(ask(NULL, 0, 64, ACCESSED), PTW_OK);
	c = join_all();
	cr_assert_eq(waiting(c, 0, PAGES, ACCESSED), 0u);
	*fake_state(&primary, 0, 4) = FAKE_YOUNG;
	cr_assert_eq(ask(NULL, 0, 64, ACCESSED), PTW_OK);
	d = join_all();
	*fake_state(&primary, 0, 5) = FAKE_YOUNG;
	cr_assert_eq(ptw_space_clear_young(space, 5, PTW_EFFORT_FAST), 1);
	cr_assert_eq(waiting(d, 0, PAGES, ACCESSED), 1u);
	cr_assert_eq(waiting(c, 0, PAGES, ACCESSED), 2u);
	cr_assert_eq(ptw_consumer_leave(c), PTW_OK);
	*fake_state(&primary, 0, 6) = FAKE_YOUNG;
	cr_assert_eq(ask(d, 0, 64, ACCESSED), PTW_OK);
	cr_assert_eq(young[0], (uint64_t)0x60);
	cr_assert_eq(ptw_consumer_leave(d), PTW_OK);
	/* Nobody is left to tell: as before. */
	*fake_state(&primary, 0, 7) = FAKE_YOUNG;
	cr_assert_eq(ask(NULL, 0, 64, ACCESSED), PTW_OK);
	cr_assert_eq(young[0], (uint64_t)0x80);
	close_space();
}

Test(consumer, names)
{
	struct ptw_consumer_config config = { .size = sizeof(config), .pages = 1, .flags = ACCESSED };
	struct ptw_consumer *c;

	open_space(0);
	cr_assert_eq(ptw_consumer_join(space, &config, &c), PTW_OK);
	cr_assert_str_eq(info_of(c).name, "");
	config.name = "a name that is longer than thirty-one bytes";
	cr_assert_eq(ptw_consumer_join(space, &config, &c), PTW_OK);
	cr_assert_str_eq(info_of(c).name, "a name that is longer than thir");
	close_space();
}

/* Frames of a guest; and budgets, whose part of what others found is given once. */
Test(consumer, cursors_and_frames)
{
	uint64_t cursor = 0, sum = 0, own = 0;
	struct ptw_consumer *c, *other;
	struct ptw_ask q = { .size = sizeof(q), .flags = ACCESSED, .effort = PTW_EFFORT_FAST,
			     .young = young, .budget = 300, .cursor = &cursor };
	int ret;

	open_space(0);
	c = join_all();
	other = join_all();
	for (uint64_t i = 0; i < 4000; i += 2)
		*fake_state(&guest, 0, i) = FAKE_YOUNG;
	cr_assert_eq(ask(other, 0, PAGES, ACCESSED), PTW_OK);
	for (uint64_t i = 1; i < 4000; i += 2)
		*fake_state(&guest, 0, i) = FAKE_YOUNG;
	q.consumer = c;
	memset(young, 0, sizeof(young));
	do {
		result = (struct ptw_ask_result){ .size = sizeof(result) };
		ret = ptw_space_harvest_frames(space, 1, 0, 5, 3996, &q, &result);
		cr_assert(ret == PTW_OK || ret == PTW_ERR_BUDGET);
		sum += result.consumer_pages;
		own += result.young_pages;
	} while (ret);
	cr_assert_eq(sum, 1995u); /* even ones from 6 to 3994 */
	cr_assert_eq(own, 1996u); /* odd ones from 5 to 3995 */
	cr_assert_eq(bits_in(young, WORDS), 3991u);
	cr_assert(bit_at(young, 5) && bit_at(young, 3995) && !bit_at(young, 4) && !bit_at(young, 3996));
	cr_assert_eq(info_of(c).epoch, 1u, "many calls, one question");
	cr_assert_eq(waiting(c, 0, PAGES, ACCESSED), 5u);
	close_space();
}

/* Everybody who takes bits tells the others: last looks, look-arounds and unmaps, too. */
Test(consumer, other_calls_publish)
{
	const struct ptw_reference how = { .size = sizeof(how) };
	struct ptw_space_unmap unmap = { .size = sizeof(unmap), .young = young, .dirty = dirty };
	struct ptw_consumer *c, *other;

	open_space(FAKE_FRAMES);
	fake_leaves(&guest, 0, 0, PAGES, 4);
	c = join_all();
	other = join_all();
	*fake_state(&guest, 0, 35) = FAKE_YOUNG; /* pages 132 to 148 */
	cr_assert_eq(ptw_space_reference(space, 133, &how, NULL), 1);
	cr_assert_eq(guest.calls[FAKE_CLEAR], 0u, "it cannot tell of the rest of the leaf");
	cr_assert_eq(waiting(c, 0, PAGES, ACCESSED), 16u);
	cr_assert(bit_at(young, 132) && bit_at(young, 133) && bit_at(young, 147));
	*fake_state(&guest, 0, 64) = FAKE_YOUNG | FAKE_DIRTY; /* pages 164 to 180 */
	unmap.consumer = c;
	memset(young, 0, sizeof(young));
	memset(dirty, 0, sizeof(dirty));
	cr_assert_eq(ptw_space_invalidate_begin(space, 170, 172), PTW_OK);
	cr_assert_eq(ptw_space_unmap(space, 170, 172, &unmap, NULL), PTW_OK);
	cr_assert_eq(ptw_space_invalidate_end(space, 170, 172), PTW_OK);
	cr_assert(bits_in(young, WORDS) == 2 && bits_in(dirty, WORDS) == 2);
	cr_assert_eq(waiting(c, 160, 190, ACCESSED | DIRTY), 28u, "all but its own answer");
	cr_assert_eq(waiting(other, 160, 190, ACCESSED | DIRTY), 32u);
	close_space();
}

Test(consumer, look_around)
{
	struct ptw_look_around how = { .size = sizeof(how), .window = 64, .said = 1, .young = young };
	struct ptw_consumer *c, *other;

	open_space(0);
	c = join_all();
	other = join_all();
	*fake_state(&primary, 0, 130) = FAKE_YOUNG;
	cr_assert_eq(ask(other, 0, PAGES, ACCESSED), PTW_OK);
	*fake_state(&primary, 0, 131) = FAKE_YOUNG;
	how.consumer = c;
	memset(young, 0, sizeof(young));
	result = (struct ptw_ask_result){ .size = sizeof(result) };
	cr_assert_eq(ptw_space_look_around(space, 140, &how, &result), PTW_OK);
	cr_assert_eq(young[0], (uint64_t)0xc, "what others found is in the answer");
	cr_assert(result.young_pages == 1 && result.consumer_pages == 1);
	cr_assert_eq(waiting(c, 0, PAGES, ACCESSED), 0u);
	cr_assert_eq(waiting(other, 0, PAGES, ACCESSED), 1u);
	close_space();
}
