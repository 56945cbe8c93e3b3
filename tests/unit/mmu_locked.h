/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A lock that says when it is misused, an MMU to put behind it, and both together. */
#ifndef PTW_TESTS_MMU_LOCKED_H
#define PTW_TESTS_MMU_LOCKED_H

#define QUESTION_WORDS 64

#include "tests/unit/mmu_question.h"

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

static inline void lock_it(void *context)
{
	struct lock *l = context;

	l->wrong += l->held;
	l->held = true;
	l->locks++;
	l->now += l->wait;
}

static inline bool try_it(void *context)
{
	struct lock *l = context;

	l->wrong += l->held;
	l->tries++;
	if (l->taken || (l->give_up && l->tries >= l->give_up))
		return false;
	l->held = true;
	return true;
}

static inline void unlock_it(void *context)
{
	struct lock *l = context;

	l->wrong += !l->held;
	l->held = false;
	l->unlocks++;
}

static inline uint64_t clock_it(void *context)
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

static inline void inner_mark(struct ptw_mmu_ask *ask, uint64_t *words, uint64_t start,
			      uint64_t end)
{
	for (uint64_t f = start < ask->start ? ask->start : start; f < end && f < ask->end; f++)
		words[f / 64 - ask->start / 64] |= (uint64_t)1 << f % 64;
}

static inline uint64_t inner_overlap(const struct ptw_mmu_ask *ask, uint64_t start, uint64_t end)
{
	if (start < ask->start)
		start = ask->start;
	if (end > ask->end)
		end = ask->end;
	return end - start;
}

static inline void inner_extent(struct inner *in, struct ptw_mmu_ask *ask, uint64_t f)
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

static inline int inner_ask(void *context, struct ptw_mmu_ask *ask)
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

static inline int inner_unmap(void *context, struct ptw_mmu_ask *ask)
{
	ask->flags |= ACCESSED | DIRTY;
	return inner_ask(context, ask);
}

static inline int inner_test(void *context, uint32_t as, uint64_t frame)
{
	struct inner *in = context;

	in->outside += !lock.held;
	return as == 5 ? 1 : frame == 7 ? PTW_ERR_HOLE : 0;
}

static inline int inner_clear(void *context, uint32_t as, uint64_t frame)
{
	return inner_test(context, as, frame) ? 1 : PTW_ERR_AGAIN;
}

static inline int inner_pinned(void *context, uint32_t as, uint64_t frame)
{
	return inner_test(context, as, frame) == PTW_ERR_HOLE;
}

static struct ptw_mmu_ops inner_ops;
static struct ptw_mmu inner_mmu, mmu;
static struct ptw_mmu_lock config;

/* Anything but what the test has chosen. */
static inline void open_locked(bool waits, bool tries, uint64_t frames)
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

static inline void close_locked(void)
{
	cr_assert_eq(lock.wrong + inner.outside, 0u);
	cr_assert(!lock.held);
	ptw_mmu_destroy(&mmu);
	cr_assert_null(mmu.ops);
	/* What it wrapped stays. */
	cr_assert_eq(inner_mmu.ops, &inner_ops);
}

#endif /* PTW_TESTS_MMU_LOCKED_H */
