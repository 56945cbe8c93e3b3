/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The learned policy's operations. */
#include <ptw/error.h>

#include "lib/age/policy/learned_save.h"

static int ptw_learned_init(const struct ptw_policy_config *config, void **state)
{
	struct ptw_learned *l;

	if (config->pages > PTW_LEARNED_PAGES_MAX)
		return PTW_ERR_LIMIT;
	l = ptw_port_zalloc(sizeof(*l));
	if (!l)
		return PTW_ERR_NOMEM;
	l->pages = config->pages;
	l->link = config->page_data;
	l->history = (uint16_t *)(l->link + l->pages);
	l->seen = (uint8_t *)(l->history + l->pages);
	l->lowest = PTW_LEARNED_RANKS;
	/* A page whose byte is 0 by chance is not of this step. */
	l->step = 1;
	/* By age until something has been learned. */
	l->rule = PTW_LEARNED_RECENCY;
	l->level = PTW_LEARNED_MUCH;
	ptw_learned_schedule(l);
	*state = l;
	return PTW_OK;
}

static void ptw_learned_exit(void *state)
{
	struct ptw_learned *l = state;

	if (l->span)
		ptw_port_free(l->span, l->spans_room * sizeof(*l->span));
	ptw_port_free(l, sizeof(*l));
}

static void ptw_learned_added(void *state, uint64_t page)
{
	struct ptw_learned *l = state;
	const uint32_t p = (uint32_t)page;

	l->misses++;
	l->step_misses++;
	l->faults += ptw_learned_sampled(l, p);
	ptw_learned_seen(l, p);
	/*
	 * It may be queued still from before it was removed, at a place that is not its own any
	 * more.
	 */
	if (l->link[p])
		l->history[p] |= PTW_LEARNED_AGAIN;
	else
		ptw_learned_queue(l, p, ptw_learned_rank_of(l, p, l->rule));
}

static void ptw_learned_accessed(void *state, uint64_t page, uint64_t young)
{
	struct ptw_learned *l = state;

	for (; young; young &= young - 1) {
		const uint32_t p = (uint32_t)page + (uint32_t)__builtin_ctzll(young);

		/* Whoever picked a page may not have isolated it yet; he will tell how it ended. */
		if (!(l->history[p] & PTW_LEARNED_KNOWN))
			continue;
		ptw_learned_seen(l, p);
		/* In ageing this comes to nothing: the queue is made anew behind it. */
		if (l->link[p])
			l->history[p] |= PTW_LEARNED_AGAIN;
	}
}

static void ptw_learned_removed(void *state, uint64_t page)
{
	/* If it is queued it stays there until its turn comes. */
	ptw_learned_forget(state, (uint32_t)page);
}

static void ptw_learned_ended(void *state, uint64_t page, uint32_t end)
{
	struct ptw_learned *l = state;
	const uint32_t p = (uint32_t)page;
	/* It is, if it was removed and added again between being picked and being isolated. */
	const bool queued = l->link[p];

	switch (end) {
	case PTW_POLICY_EVICTED:
		if (queued)
			ptw_learned_forget(l, p);
		break;
	case PTW_POLICY_REMOVED:
		ptw_learned_forget(l, p);
		break;
	case PTW_POLICY_FAILED:
		/* Others come first; the next step gives it its place. */
		if (!queued)
			ptw_learned_queue(l, p, PTW_LEARNED_FAILED);
		break;
	default:
		ptw_learned_seen(l, p);
		ptw_learned_looked_around(l, p);
		if (!queued)
			ptw_learned_queue(l, p, ptw_learned_rank_of(l, p, l->rule));
		else
			l->history[p] |= PTW_LEARNED_AGAIN;
		break;
	}
}

static void ptw_learned_ages(void *state, uint64_t histogram[256])
{
	const struct ptw_learned *l = state;

	for (unsigned int a = 0; a < 256; a++)
		histogram[a] = 0;
	for (uint32_t s = 0; s < l->spans; s++)
		for (uint32_t p = l->span[s].first; p < l->span[s].end; p++)
			if (ptw_learned_queued(l, p))
				histogram[ptw_learned_age(l, p)]++;
}

static int ptw_learned_due(void *state, uint64_t now, uint64_t resident)
{
	struct ptw_learned *l = state;

	ptw_learned_clock(l, now);
	if (!l->over)
		l->over = ptw_learned_step_over(l, resident);
	return l->over;
}

static void ptw_learned_aged(void *state, uint64_t now, uint64_t resident)
{
	struct ptw_learned *l = state;

	ptw_learned_clock(l, now);
	/*
	 * Somebody wanted to know more than was due. What was found counts, but time does not go
	 * faster for it.
	 */
	if (!l->over)
		return;
	ptw_learned_count(l);
	ptw_learned_budget(l, resident);
	l->over = false;
	l->step_misses = 0;
	l->step_began = l->now;
	l->step++;
	for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++)
		l->population[c][(uint8_t)l->step] = 0;
	ptw_learned_sweep(l);
	ptw_learned_rank(l);
	ptw_learned_resize(l, resident);
	ptw_learned_choose(l, resident);
	ptw_learned_requeue(l);
}

const struct ptw_policy_ops ptw_policy_learned = {
	.size = sizeof(ptw_policy_learned),
	.name = "learned",
	.page_bytes = sizeof(uint32_t) + sizeof(uint16_t) + sizeof(uint8_t),
	.init = ptw_learned_init,
	.exit = ptw_learned_exit,
	.attached = ptw_learned_attached,
	.added = ptw_learned_added,
	.accessed = ptw_learned_accessed,
	.removed = ptw_learned_removed,
	.pick = ptw_learned_pick,
	.ended = ptw_learned_ended,
	.ages = ptw_learned_ages,
	.due = ptw_learned_due,
	.next = ptw_learned_next,
	.aged = ptw_learned_aged,
	.save = ptw_learned_save,
	.restore = ptw_learned_restore,
};
