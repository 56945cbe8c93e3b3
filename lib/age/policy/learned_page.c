/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pages of the learned policy: which are the group's, what is known of them, and their queue.
 *
 * The queue has a singly linked list for each rank. A page that is used or removed while it is
 * queued stays where it is, and is put right when its turn comes: in the step after, when all are
 * queued anew, at the latest.
 */
#include <ptw/error.h>

#include "lib/age/policy/learned.h"

/* The moving mean takes a quarter of what is new. */
#define PTW_LEARNED_MEAN_SHIFT 2

/* Make room for one more span. */
static int ptw_learned_span_room(struct ptw_learned *l)
{
	const uint32_t room = l->spans_room ? 2 * l->spans_room : 4;
	struct ptw_learned_span *span;

	if (l->spans < l->spans_room)
		return PTW_OK;
	span = ptw_port_zalloc(room * sizeof(*span));
	if (!span)
		return PTW_ERR_NOMEM;
	if (l->span) {
		__builtin_memcpy(span, l->span, l->spans * sizeof(*span));
		ptw_port_free(l->span, l->spans_room * sizeof(*span));
	}
	l->span = span;
	l->spans_room = room;
	return PTW_OK;
}

int ptw_learned_attached(void *state, uint64_t first, uint64_t pages)
{
	struct ptw_learned *l = state;
	const uint32_t from = (uint32_t)first, end = (uint32_t)(first + pages);
	const int ret = ptw_learned_span_room(l);
	uint32_t at = 0;

	if (ret)
		return ret;
	/* What another group has left. Memory that nobody has written to is not written to here. */
	for (uint32_t p = from; p < end; p++) {
		if (l->link[p])
			l->link[p] = 0;
		if (l->history[p])
			l->history[p] = 0;
	}
	while (at < l->spans && l->span[at].end < from)
		at++;
	if (at < l->spans && l->span[at].end == from) {
		l->span[at].end = end;
	} else if (at < l->spans && l->span[at].first == end) {
		l->span[at].first = from;
	} else {
		for (uint32_t s = l->spans++; s > at; s--)
			l->span[s] = l->span[s - 1];
		l->span[at] = (struct ptw_learned_span){.first = from, .end = end};
	}
	if (at + 1 < l->spans && l->span[at].end == l->span[at + 1].first) {
		l->span[at].end = l->span[at + 1].end;
		l->spans--;
		for (uint32_t s = at + 1; s < l->spans; s++)
			l->span[s] = l->span[s + 1];
	}
	return PTW_OK;
}

/* The mean after a reuse at this age. */
static uint32_t ptw_learned_mean(uint32_t mean, uint32_t age)
{
	const uint32_t interval = age * 16;

	if (!mean)
		return interval;
	if (interval >= mean)
		return mean + ((interval - mean) >> PTW_LEARNED_MEAN_SHIFT);
	return mean - ((mean - interval) >> PTW_LEARNED_MEAN_SHIFT);
}

/* The page was used in this step: found young, or came in. */
void ptw_learned_seen(struct ptw_learned *l, uint32_t page)
{
	uint16_t *history = &l->history[page];
	uint32_t mean = *history & PTW_LEARNED_MEAN;
	const unsigned int class = ptw_learned_class_of(mean);

	if ((*history & PTW_LEARNED_KNOWN) && l->seen[page] == (uint8_t)l->step)
		return;
	ptw_learned_sample(l, page);
	if (*history & PTW_LEARNED_KNOWN) {
		uint32_t age = ptw_learned_age(l, page);

		if (age < PTW_LEARNED_AGES) {
			const unsigned int bucket = ptw_learned_bucket(age);

			l->events[class][bucket] += 256;
			l->exposures[class][bucket] += 256;
			l->population[class][l->seen[page]]--;
		}
		/* Hot pages are looked at late: it was used some time in between. */
		if (class >= 1 && class <= 3 && age <= 8)
			age = (age + 1) / 2;
		mean = ptw_learned_mean(mean, age);
	}
	*history = (uint16_t)((*history & ~PTW_LEARNED_MEAN) | PTW_LEARNED_KNOWN | mean);
	l->seen[page] = (uint8_t)l->step;
	l->population[ptw_learned_class_of(mean)][l->seen[page]]++;
}

/* It is gone for good. If it is queued, it is skipped there. */
void ptw_learned_forget(struct ptw_learned *l, uint32_t page)
{
	if (!(l->history[page] & PTW_LEARNED_KNOWN))
		return;
	if (ptw_learned_age(l, page) < PTW_LEARNED_AGES)
		l->population[ptw_learned_class(l, page)][l->seen[page]]--;
	ptw_learned_unsample(l, page);
	l->history[page] = 0;
}

void ptw_learned_queue(struct ptw_learned *l, uint32_t page, uint32_t rank)
{
	l->history[page] &= (uint16_t)~PTW_LEARNED_AGAIN;
	l->link[page] = PTW_LEARNED_LAST;
	if (l->head[rank])
		l->link[l->tail[rank]] = PTW_LEARNED_LINK + page;
	else
		l->head[rank] = PTW_LEARNED_LINK + page;
	l->tail[rank] = page;
	if (rank < l->lowest)
		l->lowest = rank;
}

unsigned int ptw_learned_pick(void *state, uint64_t *page, unsigned int want)
{
	struct ptw_learned *l = state;
	unsigned int n = 0;

	while (n < want && l->lowest < PTW_LEARNED_RANKS) {
		const uint32_t head = l->head[l->lowest];
		uint32_t p;

		if (!head) {
			l->lowest++;
			continue;
		}
		p = head - PTW_LEARNED_LINK;
		l->head[l->lowest] = l->link[p] == PTW_LEARNED_LAST ? 0 : l->link[p];
		l->link[p] = 0;
		if (!(l->history[p] & PTW_LEARNED_KNOWN))
			continue;
		if (l->history[p] & PTW_LEARNED_AGAIN)
			ptw_learned_queue(l, p, ptw_learned_rank_of(l, p, l->rule));
		else
			page[n++] = p;
	}
	if (n)
		l->picked = true;
	return n;
}

/* All queued pages again, in a new step, by number. */
void ptw_learned_requeue(struct ptw_learned *l)
{
	for (unsigned int r = 0; r < PTW_LEARNED_RANKS; r++)
		l->head[r] = 0;
	l->lowest = PTW_LEARNED_RANKS;
	for (uint32_t s = 0; s < l->spans; s++)
		for (uint32_t p = l->span[s].first; p < l->span[s].end; p++) {
			if (!l->link[p])
				continue;
			if (l->history[p] & PTW_LEARNED_KNOWN)
				ptw_learned_queue(l, p, ptw_learned_rank_of(l, p, l->rule));
			else
				l->link[p] = 0;
		}
}

/*
 * Pages too old to be told apart stay as old, before their byte comes again. A region's turn comes
 * every eighth step: a page is at most PTW_LEARNED_AGES + 8 steps old then.
 */
void ptw_learned_sweep(struct ptw_learned *l)
{
	const uint64_t turn = l->step % PTW_LEARNED_SWEEPS;

	for (uint32_t s = 0; s < l->spans; s++)
		for (uint64_t p = l->span[s].first; p < l->span[s].end; p++) {
			if (p / 64 % PTW_LEARNED_SWEEPS != turn) {
				/* On to the last page of the region. */
				p |= 63;
				continue;
			}
			if ((l->history[p] & PTW_LEARNED_KNOWN) &&
			    (uint8_t)(l->step - l->seen[p]) > PTW_LEARNED_AGES)
				l->seen[p] = (uint8_t)(l->step - PTW_LEARNED_AGES);
		}
}
