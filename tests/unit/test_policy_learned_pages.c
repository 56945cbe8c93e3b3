/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The learned policy's pages: the queue, pages that leave on their own, spans, and a slow model of
 * who is in it.
 */
#include "tests/unit/learned_state.h"

/* By age, those of one step by number. */
Test(policy_learned_pages, order)
{
	uint64_t page[8];

	start(64);
	add(20, 3);
	step(64);
	add(10, 1);
	step(64);
	add(3, 2);
	step(64);
	use(21);
	step(64);
	cr_assert(!l->picked);
	cr_assert_eq(ops->pick(state, page, 3), 3u);
	cr_assert(l->picked);
	cr_assert_eq(page[0], (uint64_t)20);
	cr_assert_eq(page[1], (uint64_t)22);
	cr_assert_eq(page[2], (uint64_t)10);
	cr_assert_eq(ops->pick(state, page, 8), 3u);
	cr_assert_eq(page[0], (uint64_t)3);
	cr_assert_eq(page[1], (uint64_t)4);
	cr_assert_eq(page[2], (uint64_t)21);
	cr_assert_eq(ops->pick(state, page, 8), 0u);
	stop();
}

/* The lowest rank goes first where that is the rule, whatever the ages. */
Test(policy_learned_pages, order_by_rank)
{
	start(64);
	add(0, 3);
	step(64);
	l->rule = PTW_LEARNED_HAZARD;
	memset(l->rank, 100, sizeof(l->rank));
	l->rank[1][0] = 7;
	/* Page 1 is of class 1. */
	l->history[1] |= 16;
	l->population[0][1]--;
	l->population[1][1]++;
	ptw_learned_requeue(l);
	cr_assert_eq(pick_one(), (uint64_t)1);
	cr_assert_eq(pick_one(), (uint64_t)0);
	stop();
}

/* Found young outside ageing: passed over once, and younger then. */
Test(policy_learned_pages, again)
{
	start(64);
	add(0, 3);
	step(64);
	step(64);
	ops->accessed(state, 0, 3);
	cr_assert_eq(pick_one(), (uint64_t)2);
	cr_assert_eq(pick_one(), (uint64_t)0);
	cr_assert_eq(pick_one(), (uint64_t)1);
	cr_assert_eq(pick_one(), UINT64_MAX);
	/* Nothing is learned of a page that never came. */
	use(60);
	cr_assert_eq(l->history[60], 0);
	stop();
}

Test(policy_learned_pages, ends)
{
	start(64);
	add(0, 4);
	step(64);
	step(64);
	add(4, 1);
	/* Those that failed come last, also behind what was used just now, until the next step. */
	cr_assert_eq(pick_one(), (uint64_t)0);
	ops->ended(state, 0, PTW_POLICY_FAILED);
	cr_assert_eq(pick_one(), (uint64_t)1);
	l->entries = 0;
	ops->ended(state, 1, PTW_POLICY_YOUNG);
	/* Its line was read: 0, 2, 3, 4. */
	cr_assert_eq(l->entries, (uint64_t)4);
	cr_assert_eq(l->seen[1], (uint8_t)l->step);
	cr_assert_eq(pick_one(), (uint64_t)2);
	ops->ended(state, 2, PTW_POLICY_EVICTED);
	cr_assert_eq(pick_one(), (uint64_t)3);
	ops->ended(state, 3, PTW_POLICY_REMOVED);
	cr_assert_eq(pick_one(), (uint64_t)4);
	cr_assert_eq(pick_one(), (uint64_t)1);
	cr_assert_eq(pick_one(), (uint64_t)0);
	ops->ended(state, 0, PTW_POLICY_FAILED);
	step(64);
	cr_assert_eq(l->head[PTW_LEARNED_FAILED], 0u);
	/* The one put out is remembered, the one that left is not. */
	add(2, 2);
	cr_assert_eq(mean_of(2), 3u * 16);
	cr_assert_eq(mean_of(3), 0u);
	stop();
}

/*
 * A page that left while it was queued is skipped; if it came again before, it has its new place.
 */
Test(policy_learned_pages, removed)
{
	uint64_t page[16];

	start(64);
	add(0, 8);
	step(64);
	step(64);
	/* First, middle, last, and last again behind it. */
	ops->removed(state, 0);
	ops->removed(state, 3);
	ops->removed(state, 7);
	ops->removed(state, 5);
	cr_assert_eq(ptw_learned_check(l), PTW_OK);
	add(3, 1);
	add(7, 1);
	ops->removed(state, 7);
	add(7, 1);
	cr_assert_eq(ops->pick(state, page, 16), 6u);
	cr_assert_eq(page[0], (uint64_t)1);
	cr_assert_eq(page[1], (uint64_t)2);
	cr_assert_eq(page[2], (uint64_t)4);
	cr_assert_eq(page[3], (uint64_t)6);
	cr_assert_eq(page[4], (uint64_t)3);
	cr_assert_eq(page[5], (uint64_t)7);
	for (unsigned int i = 0; i < 6; i++)
		ops->ended(state, page[i], PTW_POLICY_FAILED);
	/* In the next step there is no trace of it. */
	ops->removed(state, 1);
	step(64);
	cr_assert_eq(l->link[1], 0u);
	add(1, 1);
	cr_assert_eq(ops->pick(state, page, 16), 6u);
	stop();
}

/* Picked, but removed before it could be isolated; and added again. */
Test(policy_learned_pages, removed_when_picked)
{
	start(64);
	add(0, 1);
	cr_assert_eq(pick_one(), (uint64_t)0);
	ops->removed(state, 0);
	cr_assert_eq(l->history[0], 0);
	add(0, 1);
	/* The first one who picked it has isolated it now. */
	ops->ended(state, 0, PTW_POLICY_EVICTED);
	cr_assert_eq(pick_one(), UINT64_MAX);
	add(0, 1);
	cr_assert_eq(pick_one(), (uint64_t)0);
	/* Found young by who does not know that it was picked. */
	step(64);
	use(0);
	cr_assert_eq(pick_one(), UINT64_MAX);
	ops->removed(state, 0);
	add(0, 1);
	ops->ended(state, 0, PTW_POLICY_YOUNG);
	cr_assert_eq(ptw_learned_check(l), PTW_OK);
	cr_assert_eq(pick_one(), (uint64_t)0);
	cr_assert_eq(pick_one(), UINT64_MAX);
	ops->ended(state, 0, PTW_POLICY_FAILED);
	cr_assert_eq(pick_one(), (uint64_t)0);
	stop();
}

/* Older than can be told stays so, and counts no more. */
Test(policy_learned_pages, old)
{
	uint64_t histogram[256];

	start(1024);
	add(0, 1024);
	for (unsigned int i = 0; i < 700; i++) {
		step(1024);
		if (i == 238)
			cr_assert_eq(ptw_learned_age(l, 700), 239u);
		if (i >= 239)
			cr_assert_eq(ptw_learned_age(l, 700), 240u);
		use(7);
	}
	ops->ages(state, histogram);
	cr_assert_eq(histogram[0], (uint64_t)1);
	cr_assert_eq(histogram[240], (uint64_t)1023);
	use(700);
	cr_assert_eq(mean_of(700), 240u * 16);
	cr_assert_eq(l->events[0][14], (uint64_t)0);
	ops->removed(state, 5);
	cr_assert_eq(pick_one(), (uint64_t)0);
	ops->ages(state, histogram);
	cr_assert_eq(histogram[0], (uint64_t)2);
	cr_assert_eq(histogram[240], (uint64_t)1020);
	stop();
}

/* Spans in any order; those that touch become one. Others' pages are left alone. */
Test(policy_learned_pages, spans)
{
	uint64_t page[16], pages;

	memset(page_data, 0xaa, sizeof(page_data));
	start_bare(1000);
	cr_assert_eq(ops->attached(state, 512, 64), PTW_OK);
	cr_assert_eq(ops->attached(state, 64, 64), PTW_OK);
	cr_assert_eq(ops->attached(state, 960, 40), PTW_OK);
	cr_assert_eq(ops->attached(state, 256, 64), PTW_OK);
	cr_assert_eq(ops->attached(state, 768, 64), PTW_OK);
	cr_assert_eq(l->spans, 5u);
	cr_assert_eq(ops->attached(state, 320, 192), PTW_OK);
	cr_assert_eq(l->spans, 4u);
	cr_assert_eq(ops->attached(state, 128, 64), PTW_OK);
	cr_assert_eq(ops->attached(state, 0, 64), PTW_OK);
	cr_assert_eq(l->spans, 4u);
	cr_assert_eq(l->span[0].first, 0u);
	cr_assert_eq(l->span[0].end, 192u);
	cr_assert_eq(l->span[1].first, 256u);
	cr_assert_eq(l->span[1].end, 576u);
	cr_assert_eq(l->span[3].first, 960u);
	cr_assert_eq(l->span[3].end, 1000u);
	add(999, 1);
	add(770, 1);
	add(3, 1);
	add(575, 1);
	cr_assert_eq(ops->next(state, 8, &pages), (uint64_t)568);
	cr_assert_eq(pages, (uint64_t)8);
	cr_assert_eq(ops->next(state, 576, &pages), (uint64_t)768);
	cr_assert_eq(ops->next(state, 776, &pages), (uint64_t)992);
	cr_assert_eq(ops->next(state, 1000, &pages), UINT64_MAX);
	for (unsigned int i = 0; i < 300; i++)
		step(4);
	cr_assert_eq(ptw_learned_age(l, 999), 240u);
	/* From a page in 8 to every one and back: the cut span's too. */
	step(4096);
	step(4);
	cr_assert_eq(l->held[PTW_LEARNED_HAZARD], 4u);
	cr_assert_eq(ops->pick(state, page, 16), 4u);
	cr_assert_eq(page[0], (uint64_t)3);
	cr_assert_eq(page[3], (uint64_t)999);
	for (uint64_t p = 0; p < 1000; p++)
		if ((p >= 192 && p < 256) || (p >= 576 && p < 768) || (p >= 832 && p < 960)) {
			cr_assert_eq(l->link[p], 0xaaaaaaaau);
			cr_assert_eq(l->history[p], 0xaaaa);
			cr_assert_eq(l->seen[p], 0xaa);
		}
	stop();
}

/* splitmix64 */
static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % limit;
}

/* What the engine knows: a page is absent, resident, or somebody's who picked it. */
enum model {
	ABSENT,
	RESIDENT,
	PICKED
};

static uint8_t model[PAGES];
static uint32_t resident, picked;
static uint64_t now;

static bool ours(uint64_t page)
{
	return (page >= 64 && page < 512) || (page >= 640 && page < 1021);
}

static uint64_t random_page(void)
{
	uint64_t page;

	do
		page = random_below(1021);
	while (!ours(page));
	return page;
}

static void model_end(uint64_t page)
{
	const uint32_t end = (uint32_t)random_below(4);

	ops->ended(state, page, end);
	picked--;
	model[page] = ABSENT;
	if (end == PTW_POLICY_FAILED || end == PTW_POLICY_YOUNG) {
		model[page] = RESIDENT;
		resident++;
	}
}

static void model_change(void)
{
	const uint64_t page = random_page();

	switch (model[page]) {
	case ABSENT:
		ops->added(state, page);
		model[page] = RESIDENT;
		resident++;
		break;
	case RESIDENT:
		if (random_below(4))
			break;
		ops->removed(state, page);
		model[page] = ABSENT;
		resident--;
		break;
	default:
		model_end(page);
		break;
	}
}

static void model_access(void)
{
	const uint64_t word = random_page() / 64 * 64;
	uint64_t young = 0;

	for (uint64_t i = 0; i < 64 && word + i < 1021; i++)
		if (model[word + i] == RESIDENT && !random_below(4))
			young |= (uint64_t)1 << i;
	ops->accessed(state, word, young);
}

static void model_pick(unsigned int want)
{
	uint64_t page[64];
	const unsigned int n = ops->pick(state, page, want);

	cr_assert(n == want || n == resident, "%u of %u, there are %u", n, want, resident);
	for (unsigned int i = 0; i < n; i++) {
		cr_assert(ours(page[i]));
		cr_assert_eq(model[page[i]], RESIDENT, "page %u", (unsigned int)page[i]);
		model[page[i]] = PICKED;
		resident--;
		picked++;
	}
}

/* Ageing: what is given has all of this step's pages, in whole lines, in order. */
static void model_age(uint64_t memory)
{
	uint64_t from = 0, first, pages;

	while ((first = ops->next(state, from, &pages)) != UINT64_MAX) {
		bool any = false;

		cr_assert_geq(first, from);
		cr_assert(!(first % 8) && pages && (!(pages % 8) || first + pages == 1021));
		for (uint64_t p = from; p < first; p++)
			cr_assert(!ours(p) || model[p] != RESIDENT ||
				  ptw_learned_age(l, (uint32_t)p));
		for (uint64_t p = first; p < first + pages; p++) {
			cr_assert(ours(p));
			any |= model[p] == RESIDENT;
			if (model[p] == RESIDENT && !random_below(3))
				use(p);
		}
		cr_assert(any);
		from = first + pages;
	}
	ops->aged(state, now, memory);
	cr_assert_eq(ptw_learned_check(l), PTW_OK);
}

/*
 * All are given out, each once, in the order of the rule if nothing happened since they were
 * queued.
 */
static void model_drain(bool ordered)
{
	uint32_t last = 0;
	uint64_t page;

	while ((page = pick_one()) != UINT64_MAX) {
		const uint32_t rank = ptw_learned_rank_of(l, (uint32_t)page, l->rule);

		cr_assert_eq(model[page], RESIDENT, "page %u", (unsigned int)page);
		model[page] = PICKED;
		resident--;
		picked++;
		cr_assert(!ordered || rank >= last);
		last = rank;
	}
	cr_assert_eq(resident, 0u);
	for (uint64_t p = 0; p < 1021; p++) {
		cr_assert_neq(model[p], RESIDENT);
		if (model[p] == PICKED)
			model_end(p);
	}
	cr_assert_eq(picked, 0u);
}

static void model_run(uint64_t seed, unsigned int actions)
{
	random_state = seed;
	memset(model, 0, sizeof(model));
	resident = picked = 0;
	now = 0;
	start_bare(1021);
	cr_assert_eq(ops->attached(state, 640, 1021 - 640), PTW_OK);
	cr_assert_eq(ops->attached(state, 64, 512 - 64), PTW_OK);
	for (unsigned int i = 0; i < actions; i++) {
		const uint64_t memory =
			random_below(20) ? resident : random_below((uint64_t)1 << random_below(33));

		switch (random_below(40)) {
		case 0:
			model_access();
			break;
		case 1:
			model_pick((unsigned int)random_below(65));
			break;
		case 2:
			now += random_below(1000);
			break;
		case 3:
			if (ops->due(state, now, memory))
				model_age(memory);
			break;
		case 4:
			if (random_below(100))
				break;
			/* Either rule, whatever the chooser thinks. */
			l->rule = (uint32_t)random_below(PTW_LEARNED_RULES);
			l->over = true;
			model_age(memory);
			model_drain(true);
			break;
		case 5:
			if (!random_below(100))
				model_drain(false);
			break;
		default:
			model_change();
			break;
		}
	}
	model_drain(false);
	stop();
}

Test(policy_learned_pages, model, .timeout = 300)
{
	for (unsigned int i = 0; i < 10; i++)
		model_run(test_seed() + i, 50000 / test_slowness());
}
