/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Random spaces against a simple model. MMUs are arrays of states under leaves of random sizes; the model
 * knows who maps what, and for each consumer what it must still hear of. Nothing may get lost, nothing may be
 * told twice: whatever a call took from an MMU is in the caller's answer, and waits for everybody else.
 */
#include "tests/property/spaces.h"

/* --- questions --- */

/* What one question is about, and what it should find. */
struct expected {
	uint8_t young[INDICES];
	uint8_t dirty[INDICES];
	uint8_t not_asked[INDICES];
};

static void expect_mapping(struct world *w, struct expected *e, unsigned int m, uint32_t as,
			   uint64_t frame, unsigned int at, uint32_t flags, uint32_t effort)
{
	const uint32_t state = leaf_state(w, m, as, frame);
	uint32_t what;

	if (!asked_about(w, m, flags, effort, &what)) {
		e->not_asked[at] |= what != 0;
		return;
	}
	if (state & FAKE_BUSY) {
		e->not_asked[at] |= what != 0;
		return;
	}
	if ((what & PTW_HARVEST_ACCESSED) && (state & FAKE_YOUNG))
		e->young[at] = 1;
	if ((what & PTW_HARVEST_DIRTY) && (state & FAKE_DIRTY))
		e->dirty[at] = 1;
}

static void expect(struct world *w, struct expected *e, uint64_t start, uint64_t end, uint32_t flags,
		   uint32_t effort)
{
	memset(e, 0, sizeof(*e));
	for (uint64_t page = start; page < end; page++) {
		const unsigned int at = index_of(page);

		if (w->has_primary && page < PAGES)
			expect_mapping(w, e, 0, 0, page, at, flags, effort);
		for (unsigned int i = 0; i < w->slots && effort != PTW_EFFORT_PRIMARY; i++) {
			const struct ptw_slot *s = &w->slot[i];

			if (page >= s->page && page < s->page + s->pages)
				expect_mapping(w, e, mmu_of(w, s->mmu), s->as,
					       s->frame + (page - s->page), at, flags, effort);
		}
	}
}

static void random_range(struct world *w, uint64_t *start, uint64_t *end)
{
	const uint64_t base = random_chance(&w->random, 25) ? PRIVATE_BASE : 0;
	const uint64_t pages = base ? PRIVATES : PAGES;
	const uint64_t longest = random_chance(&w->random, 50) ? 70 : pages;

	*start = random_below(&w->random, pages);
	*end = *start + 1 + random_below(&w->random, longest);
	if (*end > pages)
		*end = pages;
	if (random_chance(&w->random, 20)) { /* whole words */
		*start &= ~(uint64_t)63;
		*end = (*end + 63) & ~(uint64_t)63;
	}
	*start += base;
	*end += base;
}

static uint64_t young[INDICES / 64 + 2], dirty[INDICES / 64 + 2], not_asked[INDICES / 64 + 2];

static void forget_answer(void)
{
	memset(young, 0, sizeof(young));
	memset(dirty, 0, sizeof(dirty));
	memset(not_asked, 0, sizeof(not_asked));
}

/* Is a consumer sure to hear of a page? At the edges of its range it may, or not. */
static bool hears_of(const struct listener *l, uint64_t page)
{
	return l->consumer && page >= l->first && page < l->end;
}

static void check_question(struct world *w, const struct expected *e, const struct listener *l,
			   uint64_t start, uint64_t end, const struct ptw_ask *q)
{
	for (uint64_t page = start; page < end; page++) {
		const unsigned int at = index_of(page);
		const uint64_t bit = page - (start & ~(uint64_t)63);
		uint32_t due = l && hears_of(l, page) ? l->due[at] : 0;
		const bool unsure = l && !hears_of(l, page);

		due &= q->flags; /* the values agree up to a shift that is none: see below */
		if (!unsure || e->young[at])
			cr_assert_eq(bit_at(young, bit), e->young[at] || (due & FAKE_YOUNG),
				     "step %u, page %#" PRIx64 " is %syoung", w->step, page,
				     e->young[at] ? "" : "not ");
		if (!unsure && (q->flags & PTW_HARVEST_DIRTY))
			cr_assert_eq(bit_at(dirty, bit), e->dirty[at] || (due & FAKE_DIRTY),
				     "step %u, page %#" PRIx64 " is %sdirty", w->step, page,
				     e->dirty[at] ? "" : "not ");
		if (q->not_asked)
			cr_assert_eq(bit_at(not_asked, bit), e->not_asked[at], "step %u, page %#" PRIx64,
				     w->step, page);
	}
}

_Static_assert((int)FAKE_YOUNG == (int)PTW_HARVEST_ACCESSED && (int)FAKE_DIRTY == (int)PTW_HARVEST_DIRTY,
	       "one number for what is asked and what is found");

/* All of a range, in as many calls as the budget needs; nothing changes between them. */
static void ask_all(struct world *w, struct ptw_ask *q, uint64_t start, uint64_t end)
{
	uint64_t cursor = 0, last = start;
	int ret;

	if (random_chance(&w->random, 30)) {
		q->budget = 1 + random_below(&w->random, 700);
		q->cursor = &cursor;
	}
	do {
		struct ptw_ask_result result = { .size = sizeof(result) };

		ret = ptw_space_harvest(w->space, start, end, q, &result);
		cr_assert(ret == PTW_OK || ret == PTW_ERR_BUDGET, "step %u: %s", w->step,
			  ptw_strerror(ret));
		cr_assert(ret == PTW_OK || result.resume > last, "step %u: no progress", w->step);
		last = result.resume;
	} while (ret);
	cr_assert_eq(last, end);
}

static void do_question(struct world *w)
{
	struct listener *l = random_chance(&w->random, 50) ? random_listener(w) : NULL;
	struct ptw_ask q = { .size = sizeof(q), .flags = PTW_HARVEST_ACCESSED, .young = young,
			     .effort = (uint32_t)random_below(&w->random, 4) };
	static struct expected e;
	uint64_t start, end;

	if (q.effort != PTW_EFFORT_FAST && random_chance(&w->random, 40))
		q.flags = random_chance(&w->random, 50) ? PTW_HARVEST_DIRTY :
							   PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;
	if (random_chance(&w->random, 15))
		q.flags |= PTW_HARVEST_PEEK;
	if ((q.flags & PTW_HARVEST_DIRTY) || random_chance(&w->random, 50))
		q.dirty = dirty;
	if (random_chance(&w->random, 50))
		q.not_asked = not_asked;
	random_range(w, &start, &end);
	expect(w, &e, start, end, q.flags, q.effort);
	q.consumer = l ? l->consumer : NULL;
	forget_answer();
	forget_taken(w);
	ask_all(w, &q, start, end);
	check_question(w, &e, l, start, end, &q);
	for (uint64_t page = start; l && page < end && !(q.flags & PTW_HARVEST_PEEK); page++)
		l->due[index_of(page)] &= (uint8_t)~(q.flags & 3);
	/* What was taken goes to all others, and to the one who asks where his answer has no room. */
	publish(w, l, start, end, q.dirty ? 3 : q.flags & 3);
}

/* The frames of an MMU: each bit is true, and everybody else hears of what was taken. */
static void do_frames(struct world *w)
{
	const struct ptw_slot *s = w->slots ? &w->slot[random_below(&w->random, w->slots)] : NULL;
	struct ptw_ask q = { .size = sizeof(q), .flags = PTW_HARVEST_ACCESSED, .young = young,
			     .effort = random_chance(&w->random, 50) ? PTW_EFFORT_FAST :
								       PTW_EFFORT_ALL };
	static struct expected e;
	uint64_t start, end;

	if (!s)
		return;
	/* Inside one slot it is a question about its pages. */
	start = random_below(&w->random, s->pages);
	end = start + 1 + random_below(&w->random, s->pages - start);
	expect(w, &e, s->page + start, s->page + end, q.flags, q.effort);
	forget_answer();
	forget_taken(w);
	cr_assert_eq(ptw_space_harvest_frames(w->space, s->mmu, s->as, s->frame + start, s->frame + end,
					      &q, NULL),
		     PTW_OK);
	for (uint64_t i = start; i < end; i++)
		cr_assert_eq(bit_at(young, s->frame + i - ((s->frame + start) & ~(uint64_t)63)),
			     e.young[index_of(s->page + i)], "step %u", w->step);
	publish(w, NULL, 0, 0, 0);
}

static void do_one_page(struct world *w)
{
	const uint32_t effort = (uint32_t)random_below(&w->random, 4);
	const bool clear = random_chance(&w->random, 70);
	static struct expected e;
	uint64_t page, end;
	unsigned int at;
	int ret;

	random_range(w, &page, &end);
	at = index_of(page);
	expect(w, &e, page, page + 1, PTW_HARVEST_ACCESSED, effort);
	forget_taken(w);
	ret = clear ? ptw_space_clear_young(w->space, page, effort) :
		      ptw_space_test_young(w->space, page, effort);
	cr_assert_eq(ret, e.young[at] ? 1 : e.not_asked[at] ? PTW_ERR_AGAIN : 0, "step %u: %s", w->step,
		     ptw_strerror(ret));
	publish(w, NULL, 0, 0, 0);
}

/* Mappings of a page that count at a last look. */
static int expect_reference(struct world *w, uint64_t page, uint32_t group, bool foreign)
{
	int young_ones = 0;
	bool busy = false;

	for (unsigned int i = 0; i <= w->slots; i++) {
		const struct ptw_slot *s = i < w->slots ? &w->slot[i] : NULL;
		uint32_t state;

		if (s ? page < s->page || page >= s->page + s->pages : !w->has_primary || page >= PAGES)
			continue;
		if (s && (s->flags & PTW_SLOT_PINNED))
			return PTW_ERR_PINNED;
		if (!foreign && (s ? s->group : 0) != group)
			continue;
		state = s ? leaf_state(w, mmu_of(w, s->mmu), s->as, s->frame + (page - s->page)) :
			    leaf_state(w, 0, 0, page);
		young_ones += (state & (FAKE_YOUNG | FAKE_BUSY)) == FAKE_YOUNG;
		busy |= state & FAKE_BUSY;
	}
	return young_ones ? young_ones : busy ? PTW_ERR_AGAIN : 0;
}

/* Two mappings of one leaf by one MMU: the first look takes what the second would find. */
static bool has_twins(struct world *w, uint64_t page)
{
	for (unsigned int i = 0; i < w->slots; i++)
		for (unsigned int j = 0; j < i; j++)
			if (w->slot[i].mmu == w->slot[j].mmu && w->slot[i].as == w->slot[j].as &&
			    page - w->slot[i].page < w->slot[i].pages &&
			    page - w->slot[j].page < w->slot[j].pages)
				return true;
	return false;
}

static void do_reference(struct world *w)
{
	struct ptw_reference how = { .size = sizeof(how),
				     .group = (uint32_t)random_below(&w->random, 3) };
	uint64_t page, end;
	int ret, expected;

	how.flags = (uint32_t)random_below(&w->random, 4);
	random_range(w, &page, &end);
	expected = expect_reference(w, page, how.group, how.flags & PTW_REFERENCE_FOREIGN);
	if (expected >= 0 && has_twins(w, page))
		expected = expected ? -1000 : 0;
	forget_taken(w);
	ret = ptw_space_reference(w->space, page, &how, NULL);
	cr_assert(expected == -1000 ? ret > 0 : ret == expected, "step %u: %d instead of %d", w->step,
		  ret, expected);
	publish(w, NULL, 0, 0, 0);
}

static void do_look_around(struct world *w)
{
	struct ptw_look_around how = { .size = sizeof(how), .young = young,
				       .window = 1u << random_below(&w->random, 10),
				       .said = random_below(&w->random, 2) };
	struct listener *l = random_chance(&w->random, 50) ? random_listener(w) : NULL;
	uint64_t page, end, start;

	random_range(w, &page, &end);
	start = page & ~(uint64_t)(how.window - 1);
	end = start + how.window;
	how.consumer = l ? l->consumer : NULL;
	forget_answer();
	forget_taken(w);
	cr_assert_eq(ptw_space_look_around(w->space, page, &how, NULL), PTW_OK);
	for (uint64_t p = start; p < end; p++) {
		const unsigned int at = index_of(p);
		const bool due = l && hears_of(l, p) && (l->due[at] & FAKE_YOUNG);

		if (l && !hears_of(l, p))
			continue;
		cr_assert_eq(bit_at(young, p - (start & ~(uint64_t)63)), (w->taken[at] & FAKE_YOUNG) || due,
			     "step %u", w->step);
		if (l)
			l->due[at] &= (uint8_t)~FAKE_YOUNG;
	}
	publish(w, l, start, end, FAKE_YOUNG);
}

static void do_unmap(struct world *w)
{
	struct ptw_space_unmap how = { .size = sizeof(how), .young = young, .dirty = dirty };
	struct listener *l = random_chance(&w->random, 50) ? random_listener(w) : NULL;
	uint64_t start, end;

	random_range(w, &start, &end);
	if (end - start > 200)
		end = start + 200;
	how.consumer = l ? l->consumer : NULL;
	forget_answer();
	forget_taken(w);
	cr_assert_eq(ptw_space_invalidate_begin(w->space, start, end), PTW_OK);
	if (random_chance(&w->random, 20))
		cr_assert_eq(ptw_space_fault_enter(w->space, start, 1,
						   ptw_space_fault_begin(w->space, start, 1)),
			     PTW_ERR_AGAIN);
	for (uint64_t at = start;;) {
		struct ptw_ask_result result = { .size = sizeof(result) };
		int ret = ptw_space_unmap(w->space, at, end, &how, &result);

		if (!ret)
			break;
		cr_assert_eq(ret, PTW_ERR_AGAIN, "step %u: %s", w->step, ptw_strerror(ret));
		cr_assert(result.resume >= at && result.resume < end);
		/* What lies before is done. Bitmaps begin with the word of the page to go on at. */
		at = result.resume;
		how.young = young + (at / 64 - start / 64);
		how.dirty = dirty + (at / 64 - start / 64);
		no_busy(w);
	}
	cr_assert_eq(ptw_space_invalidate_end(w->space, start, end), PTW_OK);
	for (uint64_t page = start; page < end; page++) {
		const uint64_t bit = page - (start & ~(uint64_t)63);

		cr_assert_eq(bit_at(young, bit), w->taken[index_of(page)] & FAKE_YOUNG, "step %u", w->step);
		cr_assert_eq(bit_at(dirty, bit), !!(w->taken[index_of(page)] & FAKE_DIRTY), "step %u",
			     w->step);
	}
	publish(w, l, start, end, 3);
}

/* What waits for a consumer, in parts or all of it: looked at, or taken. */
static void do_read(struct world *w)
{
	struct listener *l = random_listener(w);
	const bool peek = random_chance(&w->random, 80);
	uint64_t start, end;

	if (!l)
		return;
	start = l->first + (peek ? 0 : random_below(&w->random, l->end - l->first));
	end = peek ? l->end : start + 1 + random_below(&w->random, l->end - start);
	forget_answer();
	cr_assert_eq(ptw_consumer_read(l->consumer, start, end,
				       l->flags | (peek ? PTW_HARVEST_PEEK : 0), young, dirty, NULL),
		     PTW_OK);
	for (uint64_t page = start; page < end; page++) {
		const uint64_t bit = page - (start & ~(uint64_t)63);
		uint8_t *due = &l->due[index_of(page)];

		cr_assert_eq(bit_at(young, bit), *due & FAKE_YOUNG, "step %u, page %#" PRIx64, w->step,
			     page);
		cr_assert_eq(bit_at(dirty, bit), !!(*due & FAKE_DIRTY), "step %u, page %#" PRIx64, w->step,
			     page);
		if (!peek)
			*due = 0;
	}
}

static void step(struct world *w)
{
	const uint64_t n = random_below(&w->random, 100);

	for (unsigned int i = (unsigned int)random_below(&w->random, 12); i; i--)
		do_access(w);
	if (n < 35)
		do_question(w);
	else if (n < 42)
		do_frames(w);
	else if (n < 50)
		do_one_page(w);
	else if (n < 57)
		do_reference(w);
	else if (n < 63)
		do_look_around(w);
	else if (n < 70)
		do_unmap(w);
	else if (n < 85)
		do_read(w);
	else if (n < 92)
		change_slots(w);
	else if (n < 96)
		change_listeners(w);
	else if (n < 98)
		change_mmus(w);
	else
		change_busy(w);
}

Test(spaces, nothing_is_lost_and_nothing_told_twice, .timeout = 900)
{
	const unsigned int worlds = test_slowness() > 4 ? 3 : 12;
	uint64_t random = test_seed();

	for (unsigned int i = 0; i < worlds; i++) {
		struct world *w = world_open(next_random(&random));

		for (w->step = 0; w->step < 1500; w->step++)
			step(w);
		world_close(w);
	}
}
