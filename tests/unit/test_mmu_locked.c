/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Any MMU behind a lock: who waits, who gives up, and questions that are asked in parts. */
#define QUESTION_WORDS 64

#include "tests/unit/mmu_question.h"

#include <pthread.h>

#define ACCESSED PTW_HARVEST_ACCESSED
#define DIRTY	 PTW_HARVEST_DIRTY
#define PEEK	 PTW_HARVEST_PEEK

/* A lock that says when it is misused. */
static struct lock {
	bool held, taken; /* by us, by somebody else */
	unsigned int locks, tries, unlocks, wrong;
	unsigned int give_up; /* from this try on, counting from 1, somebody else has it */
	uint64_t now;
	uint64_t wait; /* nanoseconds that lock() takes */
} lock;

static void lock_it(void *context)
{
	struct lock *l = context;

	l->wrong += l->held;
	l->held = true;
	l->locks++;
	l->now += l->wait;
}

static bool try_it(void *context)
{
	struct lock *l = context;

	l->wrong += l->held;
	l->tries++;
	if (l->taken || (l->give_up && l->tries >= l->give_up))
		return false;
	l->held = true;
	return true;
}

static void unlock_it(void *context)
{
	struct lock *l = context;

	l->wrong += !l->held;
	l->held = false;
	l->unlocks++;
}

static uint64_t clock_it(void *context)
{
	return ((struct lock *)context)->now;
}

/*
 * What is behind it: frames in leaf extents of several sizes, each with one accessed and one dirty
 * bit, which it answers as the table MMU does.
 */
#define FRAMES 3072u

static struct inner {
	uint16_t size[FRAMES]; /* of the extent that begins here, or 0 */
	bool young[FRAMES], dirty[FRAMES]; /* of the extent that begins here */
	uint64_t largest;    /* frames that were asked about in one go */
	unsigned int calls, outside; /* without the lock */
	uint64_t stop_at;    /* answer `error` there */
	int error;
	uint64_t resume; /* nonsense; 0: right */
	uint64_t budget; /* of the last question */
} inner;

static void inner_mark(struct ptw_mmu_ask *ask, uint64_t *words, uint64_t start, uint64_t end)
{
	for (uint64_t f = start < ask->start ? ask->start : start; f < end && f < ask->end; f++)
		words[f / 64 - ask->start / 64] |= (uint64_t)1 << f % 64;
}

static uint64_t inner_overlap(const struct ptw_mmu_ask *ask, uint64_t start, uint64_t end)
{
	if (start < ask->start)
		start = ask->start;
	if (end > ask->end)
		end = ask->end;
	return end - start;
}

static void inner_extent(struct inner *in, struct ptw_mmu_ask *ask, uint64_t f)
{
	const uint64_t end = f + in->size[f];
	struct ptw_extent extent = { f, in->size[f], in->size[f] > 1, 0 };

	ask->entries++;
	if ((ask->flags & ACCESSED) && in->young[f]) {
		extent.what |= PTW_EXTENT_YOUNG;
		inner_mark(ask, ask->young, f, end);
		ask->young_pages += inner_overlap(ask, f, end);
	}
	if ((ask->flags & DIRTY) && in->dirty[f]) {
		extent.what |= PTW_EXTENT_DIRTY;
		inner_mark(ask, ask->dirty, f, end);
		ask->dirty_pages += inner_overlap(ask, f, end);
	}
	if (extent.what && f < ask->start)
		ask->head = extent;
	if (extent.what && end > ask->end)
		ask->tail = extent;
	if (ask->flags & PEEK)
		return;
	if (ask->flags & ACCESSED)
		in->young[f] = false;
	if (ask->flags & DIRTY)
		in->dirty[f] = false;
}

static int inner_ask(void *context, struct ptw_mmu_ask *ask)
{
	struct inner *in = context;

	in->calls++;
	in->outside += !lock.held;
	in->budget = ask->budget;
	if (ask->end - ask->start > in->largest)
		in->largest = ask->end - ask->start;
	ask->cheap = 1;
	ask->waited += 1;
	for (uint64_t f = 0; f < FRAMES; f += in->size[f]) {
		if (f + in->size[f] <= ask->start || f >= ask->end)
			continue;
		if (in->error && f + in->size[f] > in->stop_at) {
			ask->resume = f < ask->start ? ask->start : f;
			return in->error;
		}
		if (ask->budget && ask->entries >= ask->budget) {
			ask->resume = f;
			return PTW_ERR_BUDGET;
		}
		inner_extent(in, ask, f);
	}
	if (in->resume)
		ask->resume = in->resume;
	return PTW_OK;
}

static int inner_unmap(void *context, struct ptw_mmu_ask *ask)
{
	ask->flags |= ACCESSED | DIRTY;
	return inner_ask(context, ask);
}

static int inner_test(void *context, uint32_t as, uint64_t frame)
{
	struct inner *in = context;

	in->outside += !lock.held;
	return as == 5 ? 1 : frame == 7 ? PTW_ERR_HOLE : 0;
}

static int inner_clear(void *context, uint32_t as, uint64_t frame)
{
	return inner_test(context, as, frame) ? 1 : PTW_ERR_AGAIN;
}

static int inner_pinned(void *context, uint32_t as, uint64_t frame)
{
	return inner_test(context, as, frame) == PTW_ERR_HOLE;
}

static struct ptw_mmu_ops inner_ops;
static struct ptw_mmu inner_mmu, mmu;
static struct ptw_mmu_lock config;

/* Anything but what the test has chosen. */
static void open_locked(bool waits, bool tries, uint64_t frames)
{
	memset(&lock, 0, sizeof(lock));
	memset(&inner, 0, sizeof(inner));
	for (uint64_t f = 0; f < FRAMES; f += inner.size[f])
		inner.size[f] = 1;
	inner_ops = (struct ptw_mmu_ops){
		.size = sizeof(inner_ops),
		.test_young = inner_test,
		.clear_young = inner_clear,
		.harvest = inner_ask,
		.harvest_fast_only = inner_ask,
		.harvest_dirty = inner_ask,
		.unmap = inner_unmap,
		.pinned = inner_pinned,
	};
	inner_mmu = (struct ptw_mmu){ .size = sizeof(inner_mmu),
				      .ops = &inner_ops,
				      .context = &inner };
	config = (struct ptw_mmu_lock){
		.size = sizeof(config),
		.context = &lock,
		.lock = waits ? lock_it : NULL,
		.try_lock = tries ? try_it : NULL,
		.unlock = unlock_it,
		.clock = clock_it,
		.frames = frames,
	};
	cr_assert_eq(ptw_mmu_locked_create(&inner_mmu, &config, &mmu), PTW_OK);
}

static void close_locked(void)
{
	cr_assert_eq(lock.wrong + inner.outside, 0u);
	cr_assert(!lock.held);
	ptw_mmu_destroy(&mmu);
	cr_assert_null(mmu.ops);
	/* What it wrapped stays. */
	cr_assert_eq(inner_mmu.ops, &inner_ops);
}

Test(mmu_locked, waits)
{
	static struct question q;

	open_locked(true, false, 0);
	cr_assert_null(mmu.ops->harvest_fast_only, "waiting is not fast");
	lock.wait = 50;
	inner.young[9] = true;
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 3, 99, ACCESSED)), PTW_OK);
	assert_counted(&q);
	cr_assert(is_young(&q, 9));
	/* What the inner one waited for is in it. */
	cr_assert_eq(q.ask.waited, 51u);
	cr_assert_eq(q.ask.cheap, 1u);
	inner.dirty[9] = true;
	cr_assert_eq(mmu.ops->harvest_dirty(mmu.context, question(&q, 3, 99, DIRTY)), PTW_OK);
	cr_assert(is_dirty(&q, 9));
	inner.dirty[9] = inner.young[9] = true;
	cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, 3, 99, 0)), PTW_OK);
	cr_assert(is_dirty(&q, 9) && is_young(&q, 9));
	cr_assert_eq(mmu.ops->test_young(mmu.context, 5, 1), 1);
	cr_assert_eq(mmu.ops->test_young(mmu.context, 0, 7), PTW_ERR_HOLE);
	cr_assert_eq(mmu.ops->clear_young(mmu.context, 0, 1), PTW_ERR_AGAIN);
	cr_assert_eq(mmu.ops->clear_young(mmu.context, 5, 1), 1);
	cr_assert_eq(mmu.ops->pinned(mmu.context, 0, 7), 1);
	cr_assert_eq(mmu.ops->pinned(mmu.context, 0, 8), 0);
	cr_assert_eq(lock.locks, 9u);
	cr_assert_eq(lock.unlocks, 9u);
	/* An error: unlocked all the same, and passed on. */
	inner.error = PTW_ERR_NOMEM;
	inner.stop_at = 50;
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 3, 99, ACCESSED)), PTW_ERR_NOMEM);
	cr_assert_eq(q.ask.resume, 50u);
	close_locked();
}

Test(mmu_locked, tries)
{
	static struct question q;

	open_locked(false, true, 0);
	cr_assert_not_null(mmu.ops->harvest_fast_only);
	inner.young[9] = true;
	cr_assert_eq(mmu.ops->harvest_fast_only(mmu.context, question(&q, 3, 99, ACCESSED)),
		     PTW_OK);
	cr_assert(is_young(&q, 9));
	cr_assert_eq(q.ask.not_asked_pages, 0u);
	/* Somebody else has it. */
	lock.taken = true;
	inner.young[9] = true;
	cr_assert_eq(mmu.ops->harvest_fast_only(mmu.context, question(&q, 3, 99, ACCESSED)),
		     PTW_OK);
	assert_counted(&q);
	cr_assert_eq(q.ask.resume, 99u);
	cr_assert_eq(q.ask.not_asked_pages, 96u);
	question(&q, 3, 99, ACCESSED)->not_asked = NULL;
	cr_assert_eq(mmu.ops->harvest_fast_only(mmu.context, &q.ask), PTW_OK);
	cr_assert_eq(q.ask.not_asked_pages, 96u);
	/* Those who might wait, but have no way to. */
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 3, 99, ACCESSED)), PTW_ERR_AGAIN);
	cr_assert_eq(q.ask.resume, 3u);
	cr_assert_eq(mmu.ops->harvest_dirty(mmu.context, question(&q, 3, 99, DIRTY)),
		     PTW_ERR_AGAIN);
	cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, 3, 99, 0)), PTW_ERR_AGAIN);
	cr_assert_eq(mmu.ops->test_young(mmu.context, 5, 1), PTW_ERR_AGAIN);
	cr_assert_eq(mmu.ops->clear_young(mmu.context, 5, 1), PTW_ERR_AGAIN);
	cr_assert_eq(mmu.ops->pinned(mmu.context, 5, 1), PTW_ERR_AGAIN);
	cr_assert_eq(inner.calls, 1u);
	lock.taken = false;
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 3, 99, ACCESSED)), PTW_OK);
	cr_assert(is_young(&q, 9));
	cr_assert_eq(lock.locks, 0u);
	close_locked();
}

/* Both ways: waits where it may, tries where it must not wait. */
Test(mmu_locked, waits_and_tries)
{
	static struct question q;

	open_locked(true, true, 0);
	lock.taken = true;
	cr_assert_eq(mmu.ops->harvest_fast_only(mmu.context, question(&q, 0, 9, ACCESSED)), PTW_OK);
	cr_assert_eq(q.ask.not_asked_pages, 9u);
	cr_assert_eq(lock.locks, 0u);
	cr_assert_eq(mmu.ops->pinned(mmu.context, 0, 7), PTW_ERR_AGAIN);
	cr_assert_eq(lock.locks, 0u);
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 0, 9, ACCESSED)), PTW_OK);
	cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, 0, 9, 0)), PTW_OK);
	cr_assert_eq(mmu.ops->test_young(mmu.context, 0, 1), 0);
	cr_assert_eq(lock.locks, 3u);
	close_locked();
}

/* What the inner one lacks is lacking. */
Test(mmu_locked, operations_that_are_missing)
{
	open_locked(true, true, 0);
	ptw_mmu_destroy(&mmu);
	inner_ops = (struct ptw_mmu_ops){ .size = sizeof(inner_ops), .harvest = inner_ask };
	cr_assert_eq(ptw_mmu_locked_create(&inner_mmu, &config, &mmu), PTW_OK);
	cr_assert(mmu.ops->harvest && mmu.ops->destroy);
	cr_assert(!mmu.ops->test_young && !mmu.ops->clear_young && !mmu.ops->harvest_fast_only &&
		  !mmu.ops->harvest_dirty && !mmu.ops->unmap && !mmu.ops->pinned);
	close_locked();
	/* Fast, but behind a lock that is not. */
	open_locked(true, false, 0);
	cr_assert_null(mmu.ops->harvest_fast_only);
	close_locked();
}

/* Extents of all sizes, some of them young or dirty. */
static void plant(uint64_t *random)
{
	memset(inner.size, 0, sizeof(inner.size));
	for (uint64_t f = 0; f < FRAMES; f += inner.size[f]) {
		uint64_t size = 1;

		if (random_chance(random, 30))
			size = (uint64_t)1 << random_below(random, 10);
		inner.size[f] = (uint16_t)(size < FRAMES - f ? size : FRAMES - f);
		inner.young[f] = random_chance(random, 30);
		inner.dirty[f] = random_chance(random, 20);
	}
}

static void same_extent(const struct ptw_extent *a, const struct ptw_extent *b)
{
	cr_assert_eq(a->length, b->length);
	if (!a->length)
		return;
	cr_assert_eq(a->start, b->start);
	cr_assert_eq(a->what, b->what);
	cr_assert_eq(a->level, b->level);
}

/* In parts the answer is what it would be in one go, extents that parts cut included. */
Test(mmu_locked, parts)
{
	static const uint64_t limits[] = { 1, 7, 63, 64, 65, 100, 128, 500, 1000 };
	static const uint32_t some_flags[] = { ACCESSED, ACCESSED | DIRTY, DIRTY, ACCESSED | PEEK };
	static struct question q, whole;
	static struct inner before, after;
	uint64_t random = test_seed();

	for (unsigned int round = 0; round < 900; round++) {
		const uint64_t limit = limits[round % 9];
		const uint32_t flags = some_flags[random_below(&random, 4)];
		const uint64_t start = random_below(&random, FRAMES - 1);
		const uint64_t end = start + 1 + random_below(&random, FRAMES - start);
		const bool fast = flags == ACCESSED && round % 2;
		ptw_mmu_ask_fn fn;

		open_locked(!fast, true, limit);
		plant(&random);
		before = inner;
		/* In one go, and back. */
		lock.held = true;
		cr_assert_eq(inner_ask(&inner, question(&whole, start, end, flags)), PTW_OK);
		lock.held = false;
		after = inner;
		inner = before;
		fn = fast ? mmu.ops->harvest_fast_only :
			    flags & DIRTY ? mmu.ops->harvest_dirty : mmu.ops->harvest;
		lock.wait = 10;
		cr_assert_eq(fn(mmu.context, question(&q, start, end, flags)), PTW_OK);
		cr_assert_eq(q.ask.resume, end);
		assert_counted(&q);
		cr_assert_not(memcmp(q.young, whole.young, sizeof(q.young)));
		cr_assert_not(memcmp(q.dirty, whole.dirty, sizeof(q.dirty)));
		if (!(flags & PEEK))
			same_extent(&q.ask.head, &whole.ask.head);
		if (!(flags & PEEK))
			same_extent(&q.ask.tail, &whole.ask.tail);
		cr_assert_not(memcmp(inner.young, after.young, sizeof(inner.young)));
		cr_assert_not(memcmp(inner.dirty, after.dirty, sizeof(inner.dirty)));
		cr_assert_leq(inner.largest, limit);
		cr_assert_eq(q.ask.waited, (fast ? 0 : 10u * inner.calls) + inner.calls);
		cr_assert_eq(lock.locks + lock.tries, inner.calls);
		close_locked();
	}
}

/* An extent becomes young between two parts: all of it is, also what was asked before. */
static void unlock_and_touch(void *context)
{
	unlock_it(context);
	if (lock.unlocks == 2)
		inner.young[10] = true;
}

Test(mmu_locked, young_between_parts)
{
	static struct question q;

	open_locked(true, false, 64);
	ptw_mmu_destroy(&mmu);
	config.unlock = unlock_and_touch;
	cr_assert_eq(ptw_mmu_locked_create(&inner_mmu, &config, &mmu), PTW_OK);
	inner.size[10] = 1000;
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 20, 400, ACCESSED)), PTW_OK);
	assert_counted(&q);
	cr_assert_eq(q.ask.young_pages, 380u);
	cr_assert_eq(q.ask.head.start, 10u);
	cr_assert_eq(q.ask.tail.length, 1000u);
	cr_assert(!inner.young[10]);
	close_locked();
}

/* The lock is lost on the way. */
Test(mmu_locked, parts_that_cannot_be_asked)
{
	static struct question q;

	open_locked(false, true, 128);
	for (uint64_t f = 0; f < FRAMES; f++)
		inner.young[f] = true;
	lock.give_up = 3;
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 10, 1000, ACCESSED)),
		     PTW_ERR_AGAIN);
	cr_assert_eq(q.ask.resume, 256u);
	cr_assert_eq(q.ask.young_pages, 246u);
	assert_counted(&q);
	lock.tries = 0;
	cr_assert_eq(mmu.ops->harvest_fast_only(mmu.context, question(&q, 300, 1000, ACCESSED)),
		     PTW_OK);
	assert_counted(&q);
	cr_assert_eq(q.ask.resume, 1000u);
	cr_assert_eq(q.ask.young_pages, 512u - 300);
	cr_assert_eq(q.ask.not_asked_pages, 1000u - 512);
	cr_assert(is_not_asked(&q, 512) && !is_not_asked(&q, 511));
	close_locked();
}

/* Errors, budgets and nonsense from behind the lock, in one of several parts. */
Test(mmu_locked, parts_that_end_early)
{
	static struct question q;
	static const uint64_t resumes[] = { 1, 127, 5000, UINT64_MAX };
	uint64_t at = 10, young = 0;
	unsigned int calls = 0;

	open_locked(true, false, 128);
	for (uint64_t f = 0; f < FRAMES; f++)
		inner.young[f] = true;
	inner.error = PTW_ERR_AGAIN;
	inner.stop_at = 300;
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 10, 1000, ACCESSED)),
		     PTW_ERR_AGAIN);
	assert_counted(&q);
	cr_assert_eq(q.ask.resume, 300u);
	cr_assert_eq(q.ask.young_pages, 290u);
	inner.error = 0;
	for (unsigned int i = 0; i < 5; i++) {
		inner.error = i == 4 ? 17 : 0;
		inner.stop_at = 0;
		inner.resume = i < 4 ? resumes[i] : 0;
		cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 10, 1000, ACCESSED)),
			     PTW_ERR_MMU);
		cr_assert_eq(q.ask.resume, 10u);
		cr_assert(!lock.held);
	}
	inner.resume = 0;
	inner.error = 0;
	for (uint64_t f = 0; f < FRAMES; f++)
		inner.young[f] = true;
	for (; at < 1000; calls++) {
		int ret;

		question(&q, at, 1000, ACCESSED)->budget = 3000;
		ret = mmu.ops->harvest(mmu.context, &q.ask);
		cr_assert_gt(q.ask.resume, at);
		cr_assert_eq(ret, q.ask.resume == 1000 ? PTW_OK : PTW_ERR_BUDGET);
		assert_counted(&q);
		/* A part gets what the parts before left. */
		if (at == 10)
			cr_assert_eq(inner.budget, 3000u - 17 * 118);
		cr_assert_leq(inner.budget, 3000u);
		cr_assert_geq(inner.budget, 1u);
		young += q.ask.young_pages;
		at = q.ask.resume;
	}
	cr_assert_eq(young, 990u);
	cr_assert_gt(calls, 3u);
	close_locked();
}

/* Around a page table whose blocks the parts cut; and a lock around a lock. */
Test(mmu_locked, around_a_table)
{
	static struct machine m;
	static struct question q;
	struct ptw_mmu table, twice;
	struct ptw_mmu_table table_config = { .size = sizeof(table_config), .count = 1 };
	uint64_t block;

	open_locked(true, true, 64);
	ptw_mmu_destroy(&mmu);
	machine_open(&m, "arm64-s2-16k");
	block = entry_size(&m, 1);
	map_levels(&m, 0, block, 0, 2);
	table_config.pgtables = &m.pgtable;
	table_config.frame_lg2 = 12;
	cr_assert_eq(ptw_mmu_table_create(&table_config, &table), PTW_OK);
	cr_assert_eq(ptw_mmu_locked_create(&table, &config, &mmu), PTW_OK);
	touch_write(&m, block - 1);
	cr_assert_eq(mmu.ops->harvest_dirty(mmu.context,
					    question(&q, 5, 1005, ACCESSED | DIRTY)), PTW_OK);
	assert_counted(&q);
	cr_assert_eq(q.ask.young_pages, 1000u);
	cr_assert_eq(q.ask.dirty_pages, 1000u);
	cr_assert_eq(q.ask.head.length, block >> 12);
	cr_assert_eq(q.ask.tail.length, block >> 12);
	cr_assert_eq(lock.locks, 1u);
	cr_assert_eq(ptw_mmu_locked_create(&mmu, &config, &twice), PTW_OK);
	cr_assert_not_null(twice.ops->harvest_fast_only);
	lock.wrong = 0;
	cr_assert_eq(twice.ops->harvest_fast_only(twice.context, question(&q, 5, 9, ACCESSED)),
		     PTW_OK);
	/* The same lock, which is no recursive one: this test's own fault. */
	cr_assert_gt(lock.wrong, 0u);
	lock.wrong = 0;
	ptw_mmu_destroy(&twice);
	/* Unmapping in parts: all of it goes, and all of it is told. */
	touch_write(&m, block - 1);
	cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, 6, 1006, 0)), PTW_OK);
	assert_counted(&q);
	cr_assert_eq(q.ask.young_pages, 1000u);
	cr_assert_eq(q.ask.dirty_pages, 1000u);
	for (uint64_t f = 0; f < 1100; f++)
		cr_assert_eq(query_error(&m, f << 12), f >= 4 && f < 1008 ? PTW_ERR_HOLE : PTW_OK);
	close_locked();
	ptw_mmu_destroy(&table);
	machine_close(&m);
}

/* A real lock, and threads. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t inside, together, found;

static void mutex_lock(void *context)
{
	pthread_mutex_lock(context);
}

static bool mutex_try(void *context)
{
	return !pthread_mutex_trylock(context);
}

static void mutex_unlock(void *context)
{
	pthread_mutex_unlock(context);
}

static int count_inside(void *context, struct ptw_mmu_ask *ask)
{
	(void)context;
	/* Plain: the lock orders them, or ThreadSanitizer tells. */
	together += inside++;
	found += ask->end - ask->start;
	inside--;
	return PTW_OK;
}

static void *ask_often(void *unused)
{
	const unsigned int n = 3000 / test_slowness();
	uint64_t asked = 0;

	for (unsigned int i = 0; i < n; i++) {
		struct ptw_mmu_ask ask = { .size = sizeof(ask),
					   .flags = ACCESSED,
					   .start = 5,
					   .end = 205,
					   .resume = 205 };

		if ((i % 2 ? mmu.ops->harvest : mmu.ops->harvest_fast_only)(mmu.context, &ask))
			asked += 1u << 30;
		asked += 200 - ask.not_asked_pages;
	}
	(void)unused;
	return (void *)(uintptr_t)asked;
}

Test(mmu_locked, threads, .timeout = 120)
{
	pthread_t thread[3];
	uintptr_t asked = 0;

	inner_ops = (struct ptw_mmu_ops){ .size = sizeof(inner_ops),
					  .harvest = count_inside,
					  .harvest_fast_only = count_inside };
	inner_mmu = (struct ptw_mmu){ .size = sizeof(inner_mmu), .ops = &inner_ops };
	config = (struct ptw_mmu_lock){ .size = sizeof(config),
					.context = &mutex,
					.lock = mutex_lock,
					.try_lock = mutex_try,
					.unlock = mutex_unlock,
					.frames = 64 };
	cr_assert_eq(ptw_mmu_locked_create(&inner_mmu, &config, &mmu), PTW_OK);
	for (unsigned int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, ask_often, NULL), 0);
	for (unsigned int i = 0; i < 3; i++) {
		void *one;

		cr_assert_eq(pthread_join(thread[i], &one), 0);
		asked += (uintptr_t)one;
	}
	cr_assert_eq(together, 0u);
	cr_assert_eq(asked, found);
	ptw_mmu_destroy(&mmu);
}

Test(mmu_locked, arguments)
{
	static struct question q;
	struct ptw_mmu_ops ops;
	struct ptw_mmu bad;
	struct ptw_mmu_lock lock_bad;

	open_locked(true, true, 4);
	/* Too small, empty, or of nobody's size: refused before the lock. */
	cr_assert_eq(mmu.ops->harvest(mmu.context, NULL), PTW_ERR_ARG);
	cr_assert_eq(mmu.ops->harvest_fast_only(mmu.context, NULL), PTW_ERR_ARG);
	question(&q, 70, 80, ACCESSED)->end = 70;
	cr_assert_eq(mmu.ops->harvest_fast_only(mmu.context, &q.ask), PTW_ERR_RANGE);
	cr_assert_eq(mmu.ops->unmap(mmu.context, &q.ask), PTW_ERR_RANGE);
	question(&q, 70, 80, ACCESSED)->size--;
	cr_assert_eq(mmu.ops->harvest_dirty(mmu.context, &q.ask), PTW_ERR_SIZE);
	cr_assert_eq(lock.locks + lock.tries, 0u);
	close_locked();
#define refuses(expected)                                                            \
	do {                                                                         \
		cr_assert_eq(ptw_mmu_locked_create(&bad, &lock_bad, &mmu), expected); \
		cr_assert_null(mmu.ops);                                             \
		bad = inner_mmu;                                                     \
		bad.ops = &ops;                                                      \
		ops = inner_ops;                                                     \
		lock_bad = config;                                                   \
	} while (0)
	bad = inner_mmu;
	bad.ops = NULL;
	lock_bad = config;
	refuses(PTW_ERR_ARG);
	cr_assert_eq(ptw_mmu_locked_create(NULL, &config, &mmu), PTW_ERR_ARG);
	cr_assert_eq(ptw_mmu_locked_create(&inner_mmu, NULL, &mmu), PTW_ERR_ARG);
	cr_assert_eq(ptw_mmu_locked_create(&inner_mmu, &config, NULL), PTW_ERR_ARG);
	bad.size--;
	refuses(PTW_ERR_SIZE);
	lock_bad.size = 0;
	refuses(PTW_ERR_SIZE);
	ops.size--;
	refuses(PTW_ERR_SIZE);
	ops.harvest = NULL;
	refuses(PTW_ERR_ARG);
	lock_bad.unlock = NULL;
	refuses(PTW_ERR_ARG);
	lock_bad.lock = NULL;
	lock_bad.try_lock = NULL;
	refuses(PTW_ERR_ARG);
	cr_assert_eq(ptw_mmu_locked_create(&bad, &lock_bad, &mmu), PTW_OK);
	ptw_mmu_destroy(&mmu);
}

/* An inner operation without an end of its own is none of ours; one with: not called for. */
static unsigned int destroyed;

static void count_destroyed(void *context)
{
	(void)context;
	destroyed++;
}

Test(mmu_locked, destroy)
{
	open_locked(true, true, 0);
	ptw_mmu_destroy(&mmu);
	inner_ops.destroy = count_destroyed;
	cr_assert_eq(ptw_mmu_locked_create(&inner_mmu, &config, &mmu), PTW_OK);
	close_locked();
	cr_assert_eq(destroyed, 0u);
	ptw_mmu_destroy(&inner_mmu);
	cr_assert_eq(destroyed, 1u);
	cr_assert_null(inner_mmu.ops);
	ptw_mmu_destroy(&inner_mmu);
	cr_assert_eq(destroyed, 1u);
	/* Nothing to free. */
	inner_mmu.ops = &inner_ops;
	inner_ops.destroy = NULL;
	ptw_mmu_destroy(&inner_mmu);
	cr_assert_null(inner_mmu.ops);
}
