/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Questions that are asked in parts, one hold of the lock for each. */
#include "tests/unit/mmu_locked.h"

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
Test(mmu_locked_parts, parts)
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

Test(mmu_locked_parts, young_between_parts)
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
Test(mmu_locked_parts, parts_that_cannot_be_asked)
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
Test(mmu_locked_parts, parts_that_end_early)
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
Test(mmu_locked_parts, around_a_table)
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
