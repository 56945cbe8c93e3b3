/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Any MMU behind a lock: who waits, who gives up, and what is passed through. */
#include "tests/unit/mmu_locked.h"

#include <pthread.h>

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

Test(mmu_locked, threads, .timeout = 240)
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
