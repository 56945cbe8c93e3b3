/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The MMU of a fetch function: what a fetch brings beyond the question is kept, whatever happens.
 * */
#include "tests/unit/mmu_question.h"

#include <pthread.h>

#define ACCESSED PTW_HARVEST_ACCESSED
#define DIRTY	 PTW_HARVEST_DIRTY
#define PEEK	 PTW_HARVEST_PEEK
#define EXACT	 PTW_HARVEST_EXACT

#define FIRST  (64u * 5)
#define FRAMES (64u * 40)

/* Somebody who knows, and forgets what it has said. */
static struct source {
	uint64_t young[FRAMES / 64], dirty[FRAMES / 64], not_asked[FRAMES / 64];
	unsigned int fetches, unmaps;
	uint32_t flags; /* of the last fetch */
	/* Answer `error` when frame `error_at` is asked for; with everything before it. */
	uint64_t error_at;
	int error;
	/* Of the next fetch. */
	uint64_t resume; /* 0: what is right */
	struct ptw_extent head, tail;
	uint64_t entries, waited;
	bool blocks;
} source;

static struct ptw_mmu mmu;

static void take_words(uint64_t *from, uint64_t *to, uint64_t start, uint64_t end)
{
	for (uint64_t w = (start - FIRST) / 64, i = 0; w < (end - FIRST) / 64; w++, i++)
		to[i] |= __atomic_exchange_n(&from[w], 0, __ATOMIC_RELAXED);
}

static int fetch(void *context, struct ptw_mmu_ask *ask)
{
	struct source *s = context;
	uint64_t end = ask->end;
	int ret = PTW_OK;

	__atomic_fetch_add(&s->fetches, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&s->flags, ask->flags, __ATOMIC_RELAXED);
	/* As promised. */
	if (ask->size != sizeof(*ask) || (ask->start | ask->end) & 63 || ask->start >= ask->end ||
	    ask->start < FIRST || ask->end > FIRST + FRAMES || ask->resume != ask->end ||
	    ask->budget || !ask->young || !ask->dirty || ask->young_pages || ask->as != 3)
		return 1;
	if (s->error && s->error_at < end && s->error_at >= ask->start) {
		ret = s->error;
		ask->resume = s->error_at;
		end = s->error_at & ~(uint64_t)63;
	}
	take_words(s->young, ask->young, ask->start, end);
	take_words(s->dirty, ask->dirty, ask->start, end);
	if (ask->not_asked)
		for (uint64_t f = ask->start; f < end; f += 64)
			ask->not_asked[(f - ask->start) / 64] |= s->not_asked[(f - FIRST) / 64];
	if (s->resume)
		ask->resume = s->resume;
	ask->head = s->head;
	ask->tail = s->tail;
	ask->entries = s->entries;
	ask->waited = s->waited;
	ask->cheap = 1;
	return ret;
}

static int unmap(void *context, struct ptw_mmu_ask *ask)
{
	struct source *s = context;

	s->unmaps++;
	if (ask->start < FIRST || ask->end > FIRST + FRAMES)
		return 1;
	/* The first frame was dirty, the last one young. */
	ask->dirty[0] |= (uint64_t)1 << ask->start % 64;
	ask->dirty_pages = 1;
	ask->young[(ask->end - 1) / 64 - ask->start / 64] |= (uint64_t)1 << (ask->end - 1) % 64;
	ask->young_pages = 1;
	ask->head = s->head;
	if (s->error) {
		ask->resume = s->error_at;
		return s->error;
	}
	if (s->resume)
		ask->resume = s->resume;
	return PTW_OK;
}

static struct ptw_mmu_remote remote_config(uint32_t what)
{
	return (struct ptw_mmu_remote){
		.size = sizeof(struct ptw_mmu_remote),
		.context = &source,
		.fetch = fetch,
		.unmap = unmap,
		.first = FIRST,
		.frames = FRAMES,
		.as = 3,
		.what = what,
		.fast = 1,
	};
}

static void open_remote(uint32_t what)
{
	const struct ptw_mmu_remote config = remote_config(what);

	memset(&source, 0, sizeof(source));
	cr_assert_eq(ptw_mmu_remote_create(&config, &mmu), PTW_OK);
}

static int ask(struct question *q, uint64_t start, uint64_t end, uint32_t flags)
{
	question(q, start, end, flags)->as = 3;
	return (flags & (DIRTY | EXACT) ? mmu.ops->harvest_dirty : mmu.ops->harvest)(mmu.context,
										    &q->ask);
}

static void set(uint64_t *words, uint64_t frame)
{
	words[(frame - FIRST) / 64] |= (uint64_t)1 << frame % 64;
}

static bool is_set(const uint64_t *words, uint64_t frame)
{
	return frame >= FIRST && frame < FIRST + FRAMES &&
	       words[(frame - FIRST) / 64] >> frame % 64 & 1;
}

/* What was set and not answered yet is in the answer; nothing else is. */
Test(mmu_remote, answers_what_is_true)
{
	static uint64_t young[FRAMES / 64], dirty[FRAMES / 64];
	static const uint32_t some_flags[] = { ACCESSED, ACCESSED | PEEK, DIRTY, DIRTY | PEEK,
					       ACCESSED | DIRTY, ACCESSED | DIRTY | EXACT };
	static struct question q;
	uint64_t random = test_seed();

	open_remote(ACCESSED | DIRTY);
	for (unsigned int round = 0; round < 3000; round++) {
		const uint64_t start = random_below(&random, FIRST + FRAMES + 100);
		const uint64_t end = start + 1 + random_below(&random, round % 2 ? 70 : 1700);
		const uint32_t flags = some_flags[random_below(&random, 6)];

		for (unsigned int i = 0; i < 20; i++) {
			const uint64_t f = FIRST + random_below(&random, FRAMES);

			set(young, f);
			set(source.young, f);
			if (!random_chance(&random, 40))
				continue;
			set(dirty, f);
			set(source.dirty, f);
		}
		cr_assert_eq(ask(&q, start, end, flags), PTW_OK);
		cr_assert_eq(q.ask.resume, end);
		assert_counted(&q);
		for (uint64_t f = start; f < end; f++) {
			cr_assert_eq(is_young(&q, f), (flags & ACCESSED) && is_set(young, f));
			cr_assert_eq(is_dirty(&q, f), (flags & DIRTY) && is_set(dirty, f));
			if ((flags & PEEK) || f < FIRST || f >= FIRST + FRAMES)
				continue;
			if (flags & ACCESSED)
				young[(f - FIRST) / 64] &= ~((uint64_t)1 << f % 64);
			if (flags & DIRTY)
				dirty[(f - FIRST) / 64] &= ~((uint64_t)1 << f % 64);
		}
	}
	ptw_mmu_destroy(&mmu);
}

/* What the fetch is told, and what of its answer is passed on. */
Test(mmu_remote, what_a_fetch_sees)
{
	static struct question q;

	open_remote(ACCESSED | DIRTY);
	cr_assert_eq(ask(&q, FIRST + 3, FIRST + 9, ACCESSED | PEEK), PTW_OK);
	cr_assert_eq(source.fetches, 1u);
	cr_assert_eq(source.flags, (uint32_t)ACCESSED);
	cr_assert_eq(q.ask.cheap, 1u);
	source.entries = 5;
	source.waited = 7;
	cr_assert_eq(ask(&q, FIRST + 3, FIRST + 3 + 1024, ACCESSED | DIRTY | EXACT), PTW_OK);
	/* Pieces of 512. */
	cr_assert_eq(source.fetches, 4u);
	cr_assert_eq(source.flags, (uint32_t)(ACCESSED | DIRTY | EXACT));
	cr_assert_eq(q.ask.entries, 15u);
	cr_assert_eq(q.ask.waited, 21u);
	/* Outside, nobody is asked. */
	source.fetches = 0;
	cr_assert_eq(ask(&q, 0, FIRST, ACCESSED), PTW_OK);
	cr_assert_eq(ask(&q, FIRST + FRAMES, FIRST + FRAMES + 99, DIRTY), PTW_OK);
	cr_assert_eq(source.fetches, 0u);
	ptw_mmu_destroy(&mmu);
}

/* Frames that the source could not ask. */
Test(mmu_remote, not_asked_is_passed_on)
{
	static struct question q;

	open_remote(ACCESSED | DIRTY);
	set(source.not_asked, FIRST + 70);
	set(source.not_asked, FIRST + 80);
	set(source.not_asked, FIRST + 600);
	cr_assert_eq(ask(&q, FIRST + 75, FIRST + 700, ACCESSED), PTW_OK);
	assert_counted(&q);
	cr_assert_eq(q.ask.not_asked_pages, 2u);
	cr_assert(is_not_asked(&q, FIRST + 80) && is_not_asked(&q, FIRST + 600));
	question(&q, FIRST + 75, FIRST + 700, ACCESSED)->as = 3;
	q.ask.not_asked = NULL;
	cr_assert_eq(mmu.ops->harvest(mmu.context, &q.ask), PTW_OK);
	cr_assert_eq(q.ask.not_asked_pages, 2u);
	ptw_mmu_destroy(&mmu);
}

/* An error: what lies before is answered, what came from behind it is there later. */
static void error_in_the_middle(int error, uint64_t at, uint64_t start)
{
	static struct question q;
	const uint64_t words = at & ~(uint64_t)63;

	open_remote(ACCESSED | DIRTY);
	for (uint64_t f = FIRST; f < FIRST + 1200; f += 7)
		set(source.young, f);
	source.error = error;
	source.error_at = at;
	cr_assert_eq(ask(&q, start, FIRST + 1100, ACCESSED), error);
	cr_assert_eq(q.ask.resume, at > start ? at : start);
	assert_counted(&q);
	for (uint64_t f = start; f < FIRST + 1100; f++)
		cr_assert_eq(is_young(&q, f), f < words && (f - FIRST) % 7 == 0);
	source.error = 0;
	cr_assert_eq(ask(&q, FIRST, FIRST + 1200, ACCESSED), PTW_OK);
	for (uint64_t f = FIRST; f < FIRST + 1200; f++)
		cr_assert_eq(is_young(&q, f),
			     (f - FIRST) % 7 == 0 && (f < start || f >= words));
	ptw_mmu_destroy(&mmu);
}

Test(mmu_remote, errors)
{
	error_in_the_middle(PTW_ERR_AGAIN, FIRST + 700, FIRST + 10);
	error_in_the_middle(PTW_ERR_AGAIN, FIRST + 512, FIRST + 10);
	error_in_the_middle(PTW_ERR_NOMEM, FIRST + 30, FIRST + 10);
	/* In the word of the first frame, but before it. */
	error_in_the_middle(PTW_ERR_AGAIN, FIRST + 5, FIRST + 10);
}

/* A source that answers nonsense. */
Test(mmu_remote, nonsense)
{
	static struct question q;
	static const uint64_t resumes[] = { 1, FIRST - 1, FIRST + 513, UINT64_MAX, FIRST + 64 };

	for (unsigned int i = 0; i < 7; i++) {
		open_remote(ACCESSED | DIRTY);
		set(source.young, FIRST + 20);
		if (i < 5)
			source.resume = resumes[i];
		source.error = i == 5 ? 1 : i == 6 ? 1000 : 0;
		source.error_at = FIRST + 128;
		cr_assert_eq(ask(&q, FIRST + 10, FIRST + 600, ACCESSED), PTW_ERR_MMU);
		cr_assert_eq(q.ask.resume, FIRST + 10u);
		cr_assert_eq(bits_of(&q, q.young) + q.ask.young_pages, 0u);
		/* What it said is not lost. */
		source.resume = 0;
		source.error = 0;
		cr_assert_eq(ask(&q, FIRST + 10, FIRST + 600, ACCESSED), PTW_OK);
		cr_assert(is_young(&q, FIRST + 20));
		ptw_mmu_destroy(&mmu);
	}
}

/* Leaf extents that stick out of what was fetched, also out of what there is. */
Test(mmu_remote, extents_are_kept)
{
	static struct question q;

	open_remote(ACCESSED | DIRTY);
	set(source.young, FIRST + 512);
	source.head = (struct ptw_extent){ FIRST + 400, 500, 1, PTW_EXTENT_YOUNG };
	source.tail = (struct ptw_extent){ FIRST + 570, FRAMES, 1, PTW_EXTENT_DIRTY };
	cr_assert_eq(ask(&q, FIRST + 512, FIRST + 513, ACCESSED), PTW_OK);
	cr_assert_eq(q.ask.young_pages, 1u);
	source.head.length = source.tail.length = 0;
	cr_assert_eq(ask(&q, FIRST, FIRST + 1800, ACCESSED | DIRTY), PTW_OK);
	assert_counted(&q);
	for (uint64_t f = FIRST; f < FIRST + 1800; f++) {
		cr_assert_eq(is_young(&q, f), (f >= FIRST + 400 && f < FIRST + 512) ||
						      (f >= FIRST + 576 && f < FIRST + 900));
		cr_assert_eq(is_dirty(&q, f), f >= FIRST + 576);
	}
	cr_assert_eq(ask(&q, FIRST + FRAMES - 50, FIRST + FRAMES + 50, DIRTY), PTW_OK);
	cr_assert_eq(q.ask.dirty_pages, 50u);
	/* Nonsense, and around everything. */
	source.head = (struct ptw_extent){ UINT64_MAX - 4, 100, 1, PTW_EXTENT_YOUNG };
	source.tail = (struct ptw_extent){ 0, UINT64_MAX, 1, PTW_EXTENT_YOUNG };
	cr_assert_eq(ask(&q, FIRST, FIRST + 1, ACCESSED), PTW_OK);
	source.head.length = source.tail.length = 0;
	cr_assert_eq(ask(&q, FIRST + 64, FIRST + 200, ACCESSED), PTW_OK);
	cr_assert_eq(q.ask.young_pages, 136u);
	ptw_mmu_destroy(&mmu);
}

Test(mmu_remote, budget)
{
	static struct question q;
	uint64_t at = FIRST + 3, found = 0;
	unsigned int calls = 0;

	open_remote(ACCESSED | DIRTY);
	for (uint64_t f = FIRST; f < FIRST + 1700; f += 5)
		set(source.young, f);
	while (at < FIRST + 1700) {
		int ret;

		question(&q, at, FIRST + 1700, ACCESSED)->as = 3;
		q.ask.budget = 100;
		ret = mmu.ops->harvest(mmu.context, &q.ask);
		cr_assert_gt(q.ask.resume, at);
		cr_assert_eq(ret, q.ask.resume < FIRST + 1700 ? PTW_ERR_BUDGET : PTW_OK);
		assert_counted(&q);
		found += q.ask.young_pages;
		at = q.ask.resume;
		calls++;
	}
	cr_assert_eq(calls, 4u);
	cr_assert_eq(found, 339u);
	ptw_mmu_destroy(&mmu);
}

/* Who can tell one thing only. */
Test(mmu_remote, what_is_known)
{
	static struct question q;

	open_remote(ACCESSED);
	cr_assert(mmu.ops->harvest_fast_only && !mmu.ops->harvest_dirty);
	ptw_mmu_destroy(&mmu);
	open_remote(DIRTY);
	cr_assert(!mmu.ops->harvest && !mmu.ops->harvest_fast_only && mmu.ops->harvest_dirty);
	set(source.dirty, FIRST + 5);
	set(source.not_asked, FIRST + 6);
	/* Who calls it nevertheless is refused. */
	cr_assert_eq(ask(&q, FIRST, FIRST + 1000, ACCESSED | DIRTY), PTW_ERR_ARG);
	cr_assert_eq(source.fetches, 0u);
	cr_assert_eq(ask(&q, FIRST, FIRST + 1000, DIRTY), PTW_OK);
	assert_counted(&q);
	cr_assert_eq(q.ask.dirty_pages, 1u);
	cr_assert_eq(q.ask.not_asked_pages, 1u);
	cr_assert_eq(source.flags, (uint32_t)DIRTY);
	ptw_mmu_destroy(&mmu);
	{
		struct ptw_mmu_remote slow = remote_config(ACCESSED);

		slow.fast = 0;
		slow.unmap = NULL;
		cr_assert_eq(ptw_mmu_remote_create(&slow, &mmu), PTW_OK);
		cr_assert(!mmu.ops->harvest_fast_only && !mmu.ops->unmap && mmu.ops->harvest);
		ptw_mmu_destroy(&mmu);
	}
}

/* Slots of frames it cannot tell of are refused. */
Test(mmu_remote, frames_it_knows)
{
	open_remote(ACCESSED);
	cr_assert_eq(mmu.ops->knows(mmu.context, 3, FIRST, FRAMES), 1);
	cr_assert_eq(mmu.ops->knows(mmu.context, 3, FIRST + FRAMES - 1, 1), 1);
	cr_assert_eq(mmu.ops->knows(mmu.context, 2, FIRST, FRAMES), 0);
	cr_assert_eq(mmu.ops->knows(mmu.context, 3, FIRST - 1, 2), 0);
	cr_assert_eq(mmu.ops->knows(mmu.context, 3, FIRST, FRAMES + 1), 0);
	cr_assert_eq(mmu.ops->knows(mmu.context, 3, FIRST + FRAMES - 1, 2), 0);
	cr_assert_eq(mmu.ops->knows(mmu.context, 3, FIRST + FRAMES, UINT64_MAX - 5), 0);
	ptw_mmu_destroy(&mmu);
}

/* What goes takes along what was known of it; nothing of its neighbours. */
Test(mmu_remote, unmap)
{
	static struct question q;

	open_remote(ACCESSED | DIRTY);
	set(source.young, FIRST + 2);
	set(source.young, FIRST + 40);
	set(source.dirty, FIRST + 41);
	set(source.young, FIRST + 60);
	cr_assert_eq(ask(&q, FIRST + 1, FIRST + 2, ACCESSED), PTW_OK);
	question(&q, FIRST + 10, FIRST + 50, 0)->as = 3;
	cr_assert_eq(mmu.ops->unmap(mmu.context, &q.ask), PTW_OK);
	cr_assert_eq(source.unmaps, 1u);
	assert_counted(&q);
	cr_assert_eq(q.ask.young_pages, 2u);
	cr_assert(is_young(&q, FIRST + 40) && is_young(&q, FIRST + 49));
	cr_assert_eq(q.ask.dirty_pages, 2u);
	cr_assert(is_dirty(&q, FIRST + 41) && is_dirty(&q, FIRST + 10));
	cr_assert_eq(ask(&q, FIRST, FIRST + 64, ACCESSED | DIRTY), PTW_OK);
	cr_assert_eq(q.young[0], (uint64_t)1 << 60 | 1 << 2);
	cr_assert_eq(q.dirty[0], 0u);
	/* From before all frames to behind: bitmaps move along. */
	source.head = (struct ptw_extent){ FIRST - 2, 4, 0, PTW_EXTENT_DIRTY };
	question(&q, FIRST - 100, FIRST + 70, 0)->as = 3;
	cr_assert_eq(mmu.ops->unmap(mmu.context, &q.ask), PTW_OK);
	assert_counted(&q);
	cr_assert(is_dirty(&q, FIRST) && is_young(&q, FIRST + 69));
	cr_assert_eq(q.ask.head.length, 4u);
	question(&q, 3, FIRST, 0)->as = 3;
	cr_assert_eq(mmu.ops->unmap(mmu.context, &q.ask), PTW_OK);
	cr_assert_eq(q.ask.resume, (uint64_t)FIRST);
	cr_assert_eq(source.unmaps, 2u);
	/* Only a part. */
	set(source.young, FIRST + 5);
	set(source.young, FIRST + 15);
	cr_assert_eq(ask(&q, FIRST + 1, FIRST + 2, ACCESSED), PTW_OK);
	source.error = PTW_ERR_AGAIN;
	source.error_at = FIRST + 10;
	question(&q, FIRST, FIRST + 20, 0)->as = 3;
	cr_assert_eq(mmu.ops->unmap(mmu.context, &q.ask), PTW_ERR_AGAIN);
	cr_assert_eq(q.ask.resume, FIRST + 10u);
	cr_assert(is_young(&q, FIRST + 5) && !is_young(&q, FIRST + 15));
	source.error = 0;
	source.resume = FIRST + 99;
	question(&q, FIRST, FIRST + 20, 0)->as = 3;
	cr_assert_eq(mmu.ops->unmap(mmu.context, &q.ask), PTW_ERR_MMU);
	cr_assert_eq(q.ask.resume, (uint64_t)FIRST);
	source.resume = 0;
	cr_assert_eq(ask(&q, FIRST, FIRST + 64, ACCESSED | PEEK), PTW_OK);
	cr_assert(is_young(&q, FIRST + 15));
	ptw_mmu_destroy(&mmu);
}

/* Two who ask and one who sets: every bit is answered once. */
#define RACE_ROUNDS 4000u

static uint64_t set_bits, got_bits;

static void *asker(void *number)
{
	const uint64_t base = FIRST;
	uint64_t random = test_seed() + *(const uint64_t *)number, got = 0;
	struct question *q = calloc(1, sizeof(*q));

	for (unsigned int i = 0; q && i < RACE_ROUNDS / test_slowness(); i++) {
		const uint64_t start = base + random_below(&random, 300);

		q->ask = (struct ptw_mmu_ask){
			.size = sizeof(q->ask),
			.as = 3,
			.flags = i % 3 ? ACCESSED : ACCESSED | PEEK,
			.start = start,
			.end = start + 1 + random_below(&random, 300),
			.young = q->young,
		};
		q->ask.resume = q->ask.end;
		if (mmu.ops->harvest(mmu.context, &q->ask))
			got += 1u << 30;
		if (!(q->ask.flags & PEEK))
			got += q->ask.young_pages;
	}
	free(q);
	__atomic_fetch_add(&got_bits, got, __ATOMIC_RELAXED);
	return NULL;
}

static void *setter(void *unused)
{
	uint64_t random = test_seed() + 99, n = 0;

	(void)unused;
	for (unsigned int i = 0; i < 20 * RACE_ROUNDS / test_slowness(); i++) {
		const uint64_t f = random_below(&random, 600), bit = (uint64_t)1 << f % 64;

		/* Set again while it is pending, it is one and the same. */
		n += !(__atomic_fetch_or(&source.young[f / 64], bit, __ATOMIC_RELAXED) & bit);
	}
	__atomic_fetch_add(&set_bits, n, __ATOMIC_RELAXED);
	return NULL;
}

Test(mmu_remote, two_questions_at_once, .timeout = 240)
{
	static struct question q;
	pthread_t thread[3];
	uint64_t number[2] = { 1, 2 };

	open_remote(ACCESSED | DIRTY);
	/* Each bit once, so that sums can be compared. */
	for (uint64_t f = 0; f < 600; f++)
		set(source.young, FIRST + f);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, asker, &number[i]), 0);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	cr_assert_eq(ask(&q, FIRST, FIRST + 640, ACCESSED), PTW_OK);
	cr_assert_eq(got_bits + q.ask.young_pages, 600u);
	/* And with somebody who sets them: none is answered that was not set. */
	got_bits = 0;
	cr_assert_eq(pthread_create(&thread[2], NULL, setter, NULL), 0);
	for (unsigned int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, asker, &number[i]), 0);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	cr_assert_eq(ask(&q, FIRST, FIRST + 640, ACCESSED), PTW_OK);
	cr_assert_leq(got_bits + q.ask.young_pages, set_bits);
	cr_assert_geq(got_bits + q.ask.young_pages, 1u);
	cr_assert_eq(ask(&q, FIRST, FIRST + 640, ACCESSED), PTW_OK);
	cr_assert_eq(q.ask.young_pages, 0u);
	ptw_mmu_destroy(&mmu);
}

static int fetch_all(void *context, struct ptw_mmu_ask *question)
{
	(void)context;
	if (question->start >= question->end)
		return 1;
	question->young[0] = ~(uint64_t)0;
	return PTW_OK;
}

static int refuse_dirty(void *context, struct ptw_mmu_ask *question)
{
	return mmu.ops->harvest_dirty(context, question);
}

Test(mmu_remote, arguments)
{
	static struct question q;
	struct ptw_mmu_remote good = remote_config(ACCESSED | DIRTY), bad;

#define refuses(change, expected)                                         \
	do {                                                              \
		bad = good;                                               \
		change;                                                   \
		cr_assert_eq(ptw_mmu_remote_create(&bad, &mmu), expected); \
		cr_assert_null(mmu.ops);                                  \
	} while (0)
	mmu.ops = NULL;
	cr_assert_eq(ptw_mmu_remote_create(NULL, &mmu), PTW_ERR_ARG);
	cr_assert_eq(ptw_mmu_remote_create(&good, NULL), PTW_ERR_ARG);
	refuses(bad.size = 8, PTW_ERR_SIZE);
	refuses(bad.fetch = NULL, PTW_ERR_ARG);
	refuses(bad.what = 0, PTW_ERR_ARG);
	refuses(bad.what = ACCESSED | PEEK, PTW_ERR_ARG);
	refuses(bad.fast = 2, PTW_ERR_ARG);
	refuses(bad.reserved = 1, PTW_ERR_ARG);
	refuses(bad.first = 32, PTW_ERR_ALIGN);
	refuses(bad.frames = 65, PTW_ERR_ALIGN);
	refuses(bad.frames = 0, PTW_ERR_RANGE);
	refuses(bad.first = 0 - (uint64_t)64, PTW_ERR_RANGE);
	open_remote(ACCESSED | DIRTY);
	set(source.young, FIRST + 5);
	assert_refuses(mmu.ops->harvest, mmu.context, &q, false);
	assert_refuses(mmu.ops->harvest_fast_only, mmu.context, &q, false);
	assert_refuses(refuse_dirty, mmu.context, &q, false);
	assert_refuses(mmu.ops->unmap, mmu.context, &q, false);
	cr_assert_eq(ask(&q, FIRST, FIRST + 9, 0), PTW_ERR_ARG);
	cr_assert_eq(ask(&q, FIRST, FIRST + 9, PEEK), PTW_ERR_ARG);
	cr_assert_eq(ask(&q, FIRST, FIRST + 9, 16 | ACCESSED), PTW_ERR_ARG);
	question(&q, FIRST, FIRST + 9, DIRTY)->as = 3;
	cr_assert_eq(mmu.ops->harvest(mmu.context, &q.ask), PTW_ERR_ARG);
	cr_assert_eq(source.fetches + source.unmaps, 0u);
	ptw_mmu_destroy(&mmu);
	/* Up to the last frames there can be. */
	good.first = 0 - (uint64_t)128;
	good.frames = 64;
	good.fetch = fetch_all;
	cr_assert_eq(ptw_mmu_remote_create(&good, &mmu), PTW_OK);
	cr_assert_eq(ask(&q, UINT64_MAX - 120, UINT64_MAX, ACCESSED), PTW_OK);
	assert_counted(&q);
	cr_assert_eq(q.ask.young_pages, 57u);
	cr_assert_eq(ask(&q, UINT64_MAX - 40, UINT64_MAX, ACCESSED), PTW_OK);
	ptw_mmu_destroy(&mmu);
}
