/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Any MMU behind a lock of the caller's.
 *
 * With a limit of frames for one hold a question is asked in parts. A leaf extent that the end of a
 * part cuts is asked whole with that part, and old when the next one comes, so the rest of it is
 * answered here, and the next part begins behind it.
 */
#include "lib/mmu/mmu.h"

struct ptw_locked {
	struct ptw_mmu_ops ops;
	struct ptw_mmu_ops inner; /* as far as known here */
	void *context;            /* of the inner one */
	struct ptw_mmu_lock lock;
};

/* Take the lock for an operation that may wait: false if it could not, since nobody can wait for
 * it. */
static bool ptw_locked_take(const struct ptw_locked *l, uint64_t *waited)
{
	uint64_t since;

	if (!l->lock.lock)
		return l->lock.try_lock(l->lock.context);
	if (!l->lock.clock) {
		l->lock.lock(l->lock.context);
		return true;
	}
	since = l->lock.clock(l->lock.context);
	l->lock.lock(l->lock.context);
	*waited += l->lock.clock(l->lock.context) - since;
	return true;
}

/* The end of the part that begins at `at`: where a word of the bitmaps does, if possible. */
static uint64_t ptw_locked_end(const struct ptw_locked *l, const struct ptw_mmu_ask *ask,
			       uint64_t at)
{
	uint64_t end;

	if (!l->lock.frames || ask->end - at <= l->lock.frames)
		return ask->end;
	end = at + l->lock.frames;
	return (end & ~(uint64_t)63) > at ? end & ~(uint64_t)63 : end;
}

/* Frames [start, end) of the question share the state of an extent that a part found. */
static void ptw_locked_share(struct ptw_mmu_ask *ask, uint64_t start, uint64_t end, uint32_t what)
{
	if (start >= end)
		return;
	if (what & PTW_EXTENT_YOUNG) {
		ask->young_pages += end - start;
		if (ask->young)
			ptw_bits_set(ask->young, ptw_mmu_bit(ask->start, start), end - start);
	}
	if (what & PTW_EXTENT_DIRTY) {
		ask->dirty_pages += end - start;
		if (ask->dirty)
			ptw_bits_set(ask->dirty, ptw_mmu_bit(ask->start, start), end - start);
	}
}

static void ptw_locked_join(struct ptw_extent *extent, const struct ptw_extent *found)
{
	const uint32_t what = extent->length ? extent->what : 0;

	*extent = *found;
	extent->what |= what;
}

/*
 * The extents that the part [at, part->end) cuts, as far as the question goes; outside it, they are
 * the question's own. Returns where the next part begins.
 */
static uint64_t ptw_locked_extents(struct ptw_mmu_ask *ask, const struct ptw_mmu_ask *part)
{
	const struct ptw_extent *head = &part->head, *tail = &part->tail;
	uint64_t head_end = head->start + head->length, tail_end = tail->start + tail->length;
	uint64_t next = part->resume;

	/* It was old when the parts before asked for it. */
	if (head->length && head->start < part->start && head_end > part->start) {
		ptw_locked_share(ask, head->start > ask->start ? head->start : ask->start,
				 part->start, head->what);
		if (head->start < ask->start)
			ptw_locked_join(&ask->head, head);
	}
	if (tail->length && tail->start < part->end && tail_end > part->end) {
		if (next == part->end)
			next = tail_end < ask->end ? tail_end : ask->end;
		ptw_locked_share(ask, part->end, tail_end < ask->end ? tail_end : ask->end,
				 tail->what);
		if (tail_end > ask->end)
			ptw_locked_join(&ask->tail, tail);
	}
	return next;
}

static void ptw_locked_add(struct ptw_mmu_ask *ask, const struct ptw_mmu_ask *part)
{
	ask->young_pages += part->young_pages;
	ask->dirty_pages += part->dirty_pages;
	ask->not_asked_pages += part->not_asked_pages;
	ask->entries += part->entries;
	ask->waited += part->waited;
	ask->cheap |= part->cheap;
}

/* What a part may have cost, as far as its answer tells. */
static uint64_t ptw_locked_cost(const struct ptw_mmu_ask *part)
{
	uint64_t cleared = part->young_pages + part->dirty_pages;

	if (cleared > part->entries)
		cleared = part->entries;
	return part->entries + 16 * cleared;
}

/* One hold of the lock, which the caller has taken. *next: where the next one begins. */
static int ptw_locked_part(const struct ptw_locked *l, ptw_mmu_ask_fn fn,
			   struct ptw_mmu_ask *ask, uint64_t at, uint64_t end, uint64_t *next,
			   uint64_t *cost)
{
	struct ptw_mmu_ask part = {
		.size = sizeof(part),
		.as = ask->as,
		.flags = ask->flags,
		.start = at,
		.end = end,
		.young = ptw_mmu_words(ask->young, ask->start, at),
		.dirty = ptw_mmu_words(ask->dirty, ask->start, at),
		.not_asked = ptw_mmu_words(ask->not_asked, ask->start, at),
		.budget = ask->budget ? ask->budget - *cost : 0,
		.resume = end,
	};
	int ret = fn(l->context, &part);

	l->lock.unlock(l->lock.context);
	part.start = at;
	part.end = end;
	*next = at;
	if (ret > 0 || part.resume < at || part.resume > end || (!ret && part.resume != end))
		return PTW_ERR_MMU;
	ptw_locked_add(ask, &part);
	*cost += ptw_locked_cost(&part);
	*next = ptw_locked_extents(ask, &part);
	return ret;
}

/* Ask in parts; `fast`: never wait. */
static int ptw_locked_parts(const struct ptw_locked *l, ptw_mmu_ask_fn fn,
			    struct ptw_mmu_ask *ask, bool fast)
{
	uint64_t at = ask->start, cost = 0, next;
	int ret = PTW_OK;

	while (at < ask->end) {
		uint64_t end = ptw_locked_end(l, ask, at);

		if (ask->budget && cost >= ask->budget) {
			ret = PTW_ERR_BUDGET;
			break;
		}
		if (!fast && !ptw_locked_take(l, &ask->waited)) {
			ret = PTW_ERR_AGAIN;
			break;
		}
		if (fast && !l->lock.try_lock(l->lock.context)) {
			ptw_mmu_not_asked(ask, at, end);
			at = end;
			continue;
		}
		ret = ptw_locked_part(l, fn, ask, at, end, &next, &cost);
		at = next;
		if (ret)
			break;
	}
	ask->resume = at;
	/* An extent may have been asked for twice. */
	if (ask->young_pages > ask->end - ask->start)
		ask->young_pages = ask->end - ask->start;
	if (ask->dirty_pages > ask->end - ask->start)
		ask->dirty_pages = ask->end - ask->start;
	return ret;
}

static int ptw_locked_ask(const struct ptw_locked *l, ptw_mmu_ask_fn fn,
			  struct ptw_mmu_ask *ask)
{
	uint64_t waited = 0;
	int ret = ptw_mmu_ask_check(ask, 0);

	if (ret)
		return ret;
	if (l->lock.frames && ask->end - ask->start > l->lock.frames)
		return ptw_locked_parts(l, fn, ask, false);
	if (!ptw_locked_take(l, &waited))
		return ptw_mmu_refuse(ask, PTW_ERR_AGAIN);
	ret = fn(l->context, ask);
	l->lock.unlock(l->lock.context);
	ask->waited += waited;
	return ret;
}

static int ptw_locked_harvest(void *context, struct ptw_mmu_ask *ask)
{
	const struct ptw_locked *l = context;

	return ptw_locked_ask(l, l->inner.harvest, ask);
}

static int ptw_locked_harvest_dirty(void *context, struct ptw_mmu_ask *ask)
{
	const struct ptw_locked *l = context;

	return ptw_locked_ask(l, l->inner.harvest_dirty, ask);
}

static int ptw_locked_unmap(void *context, struct ptw_mmu_ask *ask)
{
	const struct ptw_locked *l = context;

	return ptw_locked_ask(l, l->inner.unmap, ask);
}

static int ptw_locked_harvest_fast_only(void *context, struct ptw_mmu_ask *ask)
{
	const struct ptw_locked *l = context;
	int ret = ptw_mmu_ask_check(ask, 0);

	if (ret)
		return ret;
	if (l->lock.frames && ask->end - ask->start > l->lock.frames)
		return ptw_locked_parts(l, l->inner.harvest_fast_only, ask, true);
	if (!l->lock.try_lock(l->lock.context)) {
		ask->resume = ask->end;
		ptw_mmu_not_asked(ask, ask->start, ask->end);
		return PTW_OK;
	}
	ret = l->inner.harvest_fast_only(l->context, ask);
	l->lock.unlock(l->lock.context);
	return ret;
}

static int ptw_locked_frame(const struct ptw_locked *l, ptw_mmu_frame_fn fn, uint32_t as,
			    uint64_t frame)
{
	uint64_t waited = 0;
	int ret;

	if (!ptw_locked_take(l, &waited))
		return PTW_ERR_AGAIN;
	ret = fn(l->context, as, frame);
	l->lock.unlock(l->lock.context);
	return ret;
}

static int ptw_locked_test_young(void *context, uint32_t as, uint64_t frame)
{
	const struct ptw_locked *l = context;

	return ptw_locked_frame(l, l->inner.test_young, as, frame);
}

static int ptw_locked_clear_young(void *context, uint32_t as, uint64_t frame)
{
	const struct ptw_locked *l = context;

	return ptw_locked_frame(l, l->inner.clear_young, as, frame);
}

/* Does not wait where it need not. */
static int ptw_locked_pinned(void *context, uint32_t as, uint64_t frame)
{
	const struct ptw_locked *l = context;
	int ret;

	if (!l->lock.try_lock)
		return ptw_locked_frame(l, l->inner.pinned, as, frame);
	if (!l->lock.try_lock(l->lock.context))
		return PTW_ERR_AGAIN;
	ret = l->inner.pinned(l->context, as, frame);
	l->lock.unlock(l->lock.context);
	return ret;
}

/* Does not change, and needs no lock. */
static int ptw_locked_knows(void *context, uint32_t as, uint64_t frame, uint64_t frames)
{
	const struct ptw_locked *l = context;

	return l->inner.knows(l->context, as, frame, frames);
}

static void ptw_locked_destroy(void *context)
{
	ptw_port_free(context, sizeof(struct ptw_locked));
}

static int ptw_locked_check(const struct ptw_mmu *inner, const struct ptw_mmu_lock *lock)
{
	int ret = ptw_mmu_check(inner);

	if (!ret)
		ret = ptw_size_check(lock, lock->size, sizeof(*lock));
	if (!ret && (!lock->unlock || (!lock->lock && !lock->try_lock)))
		ret = PTW_ERR_ARG;
	return ret;
}

int ptw_mmu_locked_create(const struct ptw_mmu *inner, const struct ptw_mmu_lock *lock,
			  struct ptw_mmu *mmu)
{
	const struct ptw_mmu_ops *ops;
	struct ptw_locked *l;
	int ret;

	if (!inner || !lock || !mmu)
		return PTW_ERR_ARG;
	ret = ptw_locked_check(inner, lock);
	if (ret)
		return ret;
	l = ptw_port_zalloc(sizeof(*l));
	if (!l)
		return PTW_ERR_NOMEM;
	ops = inner->ops;
	l->inner = *ops;
	l->context = inner->context;
	l->lock = *lock;
	l->ops = (struct ptw_mmu_ops){
		.size = sizeof(l->ops),
		.test_young = ops->test_young ? ptw_locked_test_young : NULL,
		.clear_young = ops->clear_young ? ptw_locked_clear_young : NULL,
		.harvest = ops->harvest ? ptw_locked_harvest : NULL,
		.harvest_fast_only = lock->try_lock && ops->harvest_fast_only ?
					     ptw_locked_harvest_fast_only : NULL,
		.harvest_dirty = ops->harvest_dirty ? ptw_locked_harvest_dirty : NULL,
		.unmap = ops->unmap ? ptw_locked_unmap : NULL,
		.pinned = ops->pinned ? ptw_locked_pinned : NULL,
		.knows = ops->knows ? ptw_locked_knows : NULL,
		.destroy = ptw_locked_destroy,
	};
	*mmu = (struct ptw_mmu){ .size = sizeof(*mmu), .ops = &l->ops, .context = l,
				 .name = "locked" };
	return PTW_OK;
}
