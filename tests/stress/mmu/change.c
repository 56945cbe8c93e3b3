/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Those who change who maps what: MMUs come and go, slots move, the primary changes. */
#include <sched.h>
#include <stdlib.h>

#include "mmu_stress.h"

#define ALIVE 0x616c697665216d6dull
#define DEAD  0xdeaddeaddeaddeadull
#define TRIES 1000000u

static void expect(struct stress *s, const char *what, int ret, int wanted)
{
	if (ret != wanted)
		stress_fail(s, "%s: %s", what, ptw_strerror(ret));
}

/* Every operation of an MMU that comes and goes. */
static const struct ptw_mmu *inner(void *context)
{
	struct stay *stay = context;

	if (stay->magic != ALIVE) {
		/* Nothing of it can be relied on, but its memory is still there. */
		stress_fail(stay->stress, "an operation of an MMU after its release");
		abort();
	}
	return &stay->inner;
}

#define FORWARD(name)                                                                              \
	static int stay_##name(void *context, struct ptw_mmu_ask *ask)                             \
	{                                                                                          \
		const struct ptw_mmu *mmu = inner(context);                                        \
		const int ret = mmu->ops->name(mmu->context, ask);                                 \
                                                                                                   \
		inner(context);                                                                    \
		return ret;                                                                        \
	}

FORWARD(harvest)
FORWARD(harvest_fast_only)
FORWARD(harvest_dirty)
FORWARD(unmap)

static int stay_pinned(void *context, uint32_t as, uint64_t frame)
{
	inner(context);
	return as || frame >= AREA_PAGES ? PTW_ERR_ARG : 0;
}

static const struct ptw_mmu_ops stay_fast = {
	.size = sizeof(stay_fast),
	.harvest = stay_harvest,
	.harvest_fast_only = stay_harvest_fast_only,
	.harvest_dirty = stay_harvest_dirty,
	.unmap = stay_unmap,
	.pinned = stay_pinned,
};

static const struct ptw_mmu_ops stay_slow = {
	.size = sizeof(stay_slow),
	.harvest = stay_harvest,
	.harvest_dirty = stay_harvest_dirty,
	.unmap = stay_unmap,
	.pinned = stay_pinned,
};

static void released(void *context)
{
	struct stay *stay = context;

	if (stay->magic != ALIVE) {
		stress_fail(stay->stress, "an MMU is released twice");
		return;
	}
	stay->magic = DEAD;
	ptw_mmu_destroy(&stay->wrapper);
	stay->inner = (struct ptw_mmu){ .size = 0 };
	add(&stay->stress->events[EVENT_RELEASED], 1);
	atomic_store_explicit(&stay->released, true, memory_order_relaxed);
}

static void behind_lock(void *context)
{
	pthread_mutex_lock(context);
}

static bool behind_try(void *context)
{
	return pthread_mutex_trylock(context) == 0;
}

static void behind_unlock(void *context)
{
	pthread_mutex_unlock(context);
}

static struct stay *stay_open(struct stress *s, unsigned int mmu, bool behind)
{
	const struct ptw_mmu_lock lock = {
		.size = sizeof(lock),
		.context = &s->visitor[mmu].behind,
		.lock = behind_lock,
		.try_lock = behind_try,
		.unlock = behind_unlock,
		.frames = 32,
	};
	struct stay *stay = calloc(1, sizeof(*stay));

	if (!stay)
		abort();
	stay->magic = ALIVE;
	stay->stress = s;
	stay->inner = s->shadow[mmu];
	if (behind) {
		expect(s, "a wrapper", ptw_mmu_locked_create(&s->shadow[mmu], &lock, &stay->wrapper),
		       PTW_OK);
		stay->inner = stay->wrapper;
	}
	stay->next = atomic_load_explicit(&s->graveyard, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&s->graveyard, &stay->next, stay,
						      memory_order_relaxed, memory_order_relaxed))
		;
	return stay;
}

static struct ptw_slot slot_of(const struct visitor *visitor, unsigned int half, unsigned int place)
{
	return (struct ptw_slot){
		.size = sizeof(struct ptw_slot),
		.mmu = visitor->id,
		.frame = half * HALF,
		.pages = HALF,
		.page = PLACE(place) + half * HALF,
		.group = place,
	};
}

static void come(struct stress *s, unsigned int mmu, struct worker *w)
{
	struct visitor *visitor = &s->visitor[mmu];
	const unsigned int kind = below(w, 4);
	struct stay *stay = stay_open(s, mmu, kind == 3);
	const struct ptw_mmu as = {
		.size = sizeof(as),
		.ops = kind == 2 ? &stay_slow : &stay_fast,
		.context = stay,
	};
	const struct ptw_register how = {
		.size = sizeof(how),
		.flags = below(w, 2) ? PTW_REGISTER_AGE_SLOW : 0,
		.released = released,
		.context = stay,
	};
	struct ptw_slot slots[2];

	expect(s, "registering", ptw_space_register(s->space, &as, &how, &visitor->id), PTW_OK);
	visitor->stay = stay;
	for (unsigned int half = 0; half < 2; half++) {
		visitor->place[half] = below(w, 2);
		slots[half] = slot_of(visitor, half, visitor->place[half]);
	}
	expect(s, "adding slots", ptw_space_slots(s->space, NULL, 0, slots, 2), PTW_OK);
	visitor->here = true;
	count(w, EVENT_REGISTER, 1);
}

void changer_open(struct stress *s, unsigned int mmu, struct worker *w)
{
	come(s, mmu, w);
}

/* Which entries map an item; none may, where its gate is closed and everybody was told to drop it. */
static void check_unmapped(struct stress *s, unsigned int mmu, unsigned int frame)
{
	unsigned int tries = 0;
	int ret;

	while ((ret = ptw_rmap_count(s->rmap[mmu], frame, 0)) == PTW_ERR_AGAIN && ++tries < TRIES)
		sched_yield();
	if (ret)
		stress_fail(s, "%d entries of MMU %u map frame %u after its unmap", ret, mmu, frame);
}

static void unmap(struct worker *w, uint64_t start, uint64_t end)
{
	struct stress *s = w->stress;
	uint64_t young[WORDS], dirty[WORDS], all[WORDS];
	struct ptw_space_unmap unmap = { .size = sizeof(unmap), .young = young, .dirty = dirty };
	struct ptw_ask_result result = { .size = sizeof(result) };
	unsigned int tries = 0;
	int ret;

	do {
		for (unsigned int i = 0; i < WORDS; i++)
			young[i] = dirty[i] = 0;
		/* All of it again: slots may have moved into what was done. */
		ret = ptw_space_unmap(s->space, start, end, &unmap, &result);
		for (unsigned int i = 0; i < WORDS; i++)
			all[i] = i >= start / 64 ? young[i - start / 64] : 0;
		ledger_found(s, YOUNG, all);
		for (unsigned int i = 0; i < WORDS; i++)
			all[i] = i >= start / 64 ? dirty[i - start / 64] : 0;
		ledger_found(s, DIRTY, all);
		count(w, EVENT_REMOVED, result.young_pages + result.dirty_pages);
		if (ret == PTW_ERR_AGAIN)
			sched_yield();
	} while (ret == PTW_ERR_AGAIN && ++tries < TRIES);
	expect(s, "unmapping", ret, PTW_OK);
}

/* The primary changes at home: a few pages, or half of them. */
static void invalidate_home(struct worker *w)
{
	struct stress *s = w->stress;
	const unsigned int start = below(w, below(w, 2) ? 16 : AREA_PAGES);
	const unsigned int most = below(w, 8) ? 8 : HALF;
	const unsigned int end = start + 1 + below(w, most);
	const unsigned int stop = end < AREA_PAGES ? end : AREA_PAGES;

	expect(s, "beginning", ptw_space_invalidate_begin(s->space, start, stop), PTW_OK);
	unmap(w, start, stop);
	stress_pause(w);
	for (unsigned int i = start; i < stop; i++) {
		check_unmapped(s, 0, i);
		add(&s->item[i].generation, 1);
	}
	expect(s, "ending", ptw_space_invalidate_end(s->space, start, stop), PTW_OK);
	count(w, EVENT_INVALIDATE, 1);
}

/* All that is abroad, at both places at once, since slots may move in between. */
static void invalidate_abroad(struct worker *w, bool change)
{
	struct stress *s = w->stress;

	expect(s, "beginning", ptw_space_invalidate_begin(s->space, PLACE(0), PAGES), PTW_OK);
	unmap(w, PLACE(0), PAGES);
	for (unsigned int i = AREA_PAGES; change && i < ITEMS; i++)
		add(&s->item[i].generation, 1);
	expect(s, "ending", ptw_space_invalidate_end(s->space, PLACE(0), PAGES), PTW_OK);
	count(w, EVENT_INVALIDATE, 1);
}

static void go(struct worker *w, unsigned int mmu)
{
	struct stress *s = w->stress;
	struct visitor *visitor = &s->visitor[mmu];

	/* Nobody maps with it from here on. What is mapped goes while invalidations still reach it. */
	visitor->here = false;
	invalidate_abroad(w, false);
	for (unsigned int i = 0; i < AREA_PAGES; i++)
		check_unmapped(s, mmu, i);
	expect(s, "unregistering", ptw_space_unregister(s->space, visitor->id), PTW_OK);
	if (below(w, 8) == 0)
		expect(s, "unregistering again", ptw_space_unregister(s->space, visitor->id),
		       PTW_ERR_ABSENT);
	count(w, EVENT_UNREGISTER, 1);
}

static void settle(struct worker *w, const struct stay *stay)
{
	struct stress *s = w->stress;

	expect(s, "settling", ptw_space_settle(s->space), PTW_OK);
	if (!atomic_load_explicit(&stay->released, memory_order_relaxed))
		stress_fail(s, "settled, but an MMU that was unregistered before is not released");
	count(w, EVENT_SETTLE, 1);
}

static void come_or_go(struct worker *w, unsigned int mmu)
{
	struct visitor *visitor = &w->stress->visitor[mmu];
	struct stay *stay = NULL;

	pthread_rwlock_wrlock(&visitor->lock);
	if (visitor->here) {
		stay = visitor->stay;
		go(w, mmu);
	} else {
		come(w->stress, mmu, w);
	}
	pthread_rwlock_unlock(&visitor->lock);
	if (stay && below(w, 2))
		settle(w, stay);
}

static void move(struct worker *w, unsigned int mmu)
{
	struct visitor *visitor = &w->stress->visitor[mmu];
	struct ptw_slot from[2], to[2];
	const unsigned int first = below(w, 2), count_of = 1 + below(w, 2);

	if (!visitor->here)
		return;
	for (unsigned int i = 0; i < count_of; i++) {
		const unsigned int half = (first + i) % 2;

		from[i] = slot_of(visitor, half, visitor->place[half]);
		visitor->place[half] ^= 1;
		to[i] = slot_of(visitor, half, visitor->place[half]);
	}
	expect(w->stress, "moving slots",
	       ptw_space_slots(w->stress->space, from, count_of, to, count_of), PTW_OK);
	count(w, EVENT_MOVE, 1);
}

void changer_step(struct worker *w)
{
	const unsigned int changers = w->stress->roles[ROLE_CHANGER];
	/* Each has MMUs of his own. */
	const unsigned int mmu = 1 + (w->number + below(w, MMUS - 1) * changers) % (MMUS - 1);
	const bool mine = changers == 1 || (mmu - 1) % changers == w->number;

	switch (below(w, 16)) {
	case 0:
		if (mine)
			come_or_go(w, mmu);
		break;
	case 1:
		invalidate_abroad(w, true);
		break;
	case 2 ... 8:
		if (mine)
			move(w, mmu);
		break;
	default:
		invalidate_home(w);
	}
}
