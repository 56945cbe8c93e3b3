/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Low inter-reference recency set: 99 % of memory is for pages whose last two uses were close to each
 * other ("low"); the others pass through a short queue. A stack in order of last use says who becomes
 * low: a page that is used again while it is still above the oldest low one. Sees every reference;
 * here for comparison only.
 *
 * S. Jiang, X. Zhang, "LIRS: an efficient low inter-reference recency set replacement policy to
 * improve buffer cache performance", SIGMETRICS 2002. The paper keeps pages that were put out on the
 * stack without a bound; here at most twice as many as fit in memory, the newest ones.
 */
#include <stdio.h>
#include <stdlib.h>

#include "page_list.h"
#include "policy.h"

#define QUEUE_SHARE 100 /* one in so many frames is for pages that are not low; at least one is */
#define GONE_FACTOR 2

enum {
	AWAY,
	LOW,	/* in memory and on the stack */
	QUEUED, /* in memory and in the queue, perhaps on the stack, too */
	GONE	/* not in memory, on the stack */
};

struct lirs {
	uint32_t frames;
	uint32_t low_frames;
	uint32_t low;	/* pages */
	uint8_t *where; /* by page */
	uint8_t *on_stack;
	struct page_link *stack_links;
	struct page_list stack;
	struct page_link *links; /* of the queue and of those gone */
	struct page_list queue;
	struct page_list gone; /* in the order in which they are on the stack */
};

static void lirs_destroy(void *state)
{
	struct lirs *lirs = state;

	free(lirs->where);
	free(lirs->on_stack);
	free(lirs->stack_links);
	free(lirs->links);
	free(lirs);
}

static void *lirs_create(const struct sim_config *config)
{
	struct lirs *lirs = calloc(1, sizeof(*lirs));
	uint32_t queue = config->frames / QUEUE_SHARE;

	if (lirs) {
		lirs->frames = config->frames;
		lirs->low_frames = config->frames - (queue ? queue : 1);
		lirs->where = calloc(config->pages, sizeof(*lirs->where));
		lirs->on_stack = calloc(config->pages, sizeof(*lirs->on_stack));
		lirs->stack_links = calloc(config->pages, sizeof(*lirs->stack_links));
		lirs->links = calloc(config->pages, sizeof(*lirs->links));
		if (lirs->where && lirs->on_stack && lirs->stack_links && lirs->links)
			return lirs;
		lirs_destroy(lirs);
	}
	snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for the stack of %u pages",
		 config->pages);
	return NULL;
}

static void stack_remove(struct lirs *lirs, uint32_t page)
{
	if (lirs->on_stack[page])
		page_list_remove(&lirs->stack, lirs->stack_links, page);
	lirs->on_stack[page] = 0;
}

static void stack_to_top(struct lirs *lirs, uint32_t page)
{
	stack_remove(lirs, page);
	page_list_add(&lirs->stack, lirs->stack_links, page);
	lirs->on_stack[page] = 1;
}

static void forget_gone(struct lirs *lirs, uint32_t page)
{
	page_list_remove(&lirs->gone, lirs->links, page);
	lirs->where[page] = AWAY;
}

/* What is below the oldest low page can become low no more: off the stack. */
static void stack_prune(struct lirs *lirs)
{
	while (lirs->stack.pages) {
		uint32_t page = page_list_oldest(&lirs->stack);

		if (lirs->where[page] == LOW)
			break;
		stack_remove(lirs, page);
		if (lirs->where[page] == GONE)
			forget_gone(lirs, page);
	}
}

static void enqueue(struct lirs *lirs, uint32_t page)
{
	lirs->where[page] = QUEUED;
	page_list_add(&lirs->queue, lirs->links, page);
}

/* A page at the top of the stack becomes low; if they are too many, the oldest one no longer is. */
static void make_low(struct lirs *lirs, uint32_t page)
{
	lirs->where[page] = LOW;
	if (++lirs->low <= lirs->low_frames)
		return;
	stack_prune(lirs);
	page = page_list_oldest(&lirs->stack);
	stack_remove(lirs, page);
	enqueue(lirs, page);
	lirs->low--;
}

static uint32_t lirs_evict(struct lirs *lirs)
{
	uint32_t page = page_list_take_oldest(&lirs->queue, lirs->links);

	lirs->where[page] = AWAY;
	if (!lirs->on_stack[page])
		return page;
	/* Pages on the stack have come into the queue in the order of their last use. */
	lirs->where[page] = GONE;
	page_list_add(&lirs->gone, lirs->links, page);
	if (lirs->gone.pages > GONE_FACTOR * lirs->frames) {
		uint32_t oldest = page_list_oldest(&lirs->gone);

		stack_remove(lirs, oldest);
		forget_gone(lirs, oldest);
	}
	return page;
}

/* Returns the page that went out, or SIM_NO_PAGE. */
static uint32_t lirs_fault(struct lirs *lirs, uint32_t page)
{
	uint32_t evicted = SIM_NO_PAGE;
	bool known = lirs->where[page] == GONE;

	/* Found first: what goes out now must not push it out of memory's memory. */
	if (known)
		forget_gone(lirs, page);
	if (lirs->low + lirs->queue.pages == lirs->frames)
		evicted = lirs_evict(lirs);
	stack_to_top(lirs, page);
	if (known || lirs->low < lirs->low_frames)
		make_low(lirs, page);
	else
		enqueue(lirs, page);
	return evicted;
}

static struct sim_outcome lirs_access(void *state, uint32_t page, bool write)
{
	struct sim_outcome outcome = {SIM_HIT, SIM_NO_PAGE};
	struct lirs *lirs = state;
	bool was_on_stack = lirs->on_stack[page];

	(void)write;
	switch (lirs->where[page]) {
	case LOW:
		stack_to_top(lirs, page);
		break;
	case QUEUED:
		page_list_remove(&lirs->queue, lirs->links, page);
		stack_to_top(lirs, page);
		if (was_on_stack)
			make_low(lirs, page);
		else
			enqueue(lirs, page);
		break;
	default:
		outcome.event = SIM_FAULT;
		outcome.evicted = lirs_fault(lirs, page);
	}
	stack_prune(lirs);
	return outcome;
}

const struct sim_policy sim_policy_lirs = {
	.name = "lirs",
	.about = "low inter-reference recency set; sees every reference",
	.reference = true,
	.create = lirs_create,
	.destroy = lirs_destroy,
	.access = lirs_access,
};
