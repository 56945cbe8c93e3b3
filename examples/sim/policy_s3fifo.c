/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Three queues, first in first out: a small one for pages that are new, with a tenth of memory, a
 * main one for those used more than once in it, and the names of pages that left the small one. Two
 * bits per page count its uses. Sees every reference; here for comparison only.
 *
 * J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, "FIFO queues are all you need for cache eviction",
 * SOSP 2023, algorithm 1. What it leaves open is decided so: a page is looked for among the names
 * before another one goes out; and if a page that moves to the main queue pushes one out there, that
 * is enough for this time, as one page needs one frame.
 */
#include <stdio.h>
#include <stdlib.h>

#include "page_list.h"
#include "policy.h"

#define SMALL_SHARE 10 /* one in so many frames is for new pages; at least one is */
#define USES_MAX    3  /* two bits */
#define USES_MAIN   2  /* uses after the first one that lead to the main queue */

enum {
	AWAY,
	SMALL,
	MAIN,
	GONE,
	QUEUES
};

struct s3fifo {
	uint32_t frames;
	uint32_t small_frames;
	struct page_link *links;
	uint8_t *where; /* by page: which queue */
	uint8_t *uses;	/* by page */
	struct page_list queue[QUEUES];
};

static void s3fifo_destroy(void *state)
{
	struct s3fifo *s = state;

	free(s->links);
	free(s->where);
	free(s->uses);
	free(s);
}

static void *s3fifo_create(const struct sim_config *config)
{
	struct s3fifo *s = calloc(1, sizeof(*s));
	uint32_t small = config->frames / SMALL_SHARE;

	if (s) {
		s->frames = config->frames;
		s->small_frames = small ? small : 1;
		s->links = calloc(config->pages, sizeof(*s->links));
		s->where = calloc(config->pages, sizeof(*s->where));
		s->uses = calloc(config->pages, sizeof(*s->uses));
		if (s->links && s->where && s->uses)
			return s;
		s3fifo_destroy(s);
	}
	snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for the queues of %u pages",
		 config->pages);
	return NULL;
}

static uint32_t main_frames(const struct s3fifo *s)
{
	return s->frames - s->small_frames;
}

static uint32_t take_oldest(struct s3fifo *s, unsigned int from)
{
	uint32_t page = page_list_take_oldest(&s->queue[from], s->links);

	s->where[page] = AWAY;
	return page;
}

static void put(struct s3fifo *s, uint32_t page, unsigned int to)
{
	page_list_add(&s->queue[to], s->links, page);
	s->where[page] = (uint8_t)to;
}

static uint32_t evict_from_main(struct s3fifo *s)
{
	for (;;) {
		uint32_t page = take_oldest(s, MAIN);

		if (!s->uses[page])
			return page;
		s->uses[page]--;
		put(s, page, MAIN);
	}
}

/* There are as many names as places in the main queue. */
static void remember(struct s3fifo *s, uint32_t page)
{
	put(s, page, GONE);
	if (s->queue[GONE].pages > main_frames(s))
		take_oldest(s, GONE);
}

static uint32_t s3fifo_evict(struct s3fifo *s)
{
	if (s->queue[SMALL].pages < s->small_frames)
		return evict_from_main(s);
	while (s->queue[SMALL].pages) {
		uint32_t page = take_oldest(s, SMALL);

		if (s->uses[page] < USES_MAIN) {
			remember(s, page);
			return page;
		}
		s->uses[page] = 0;
		put(s, page, MAIN);
		if (s->queue[MAIN].pages > main_frames(s))
			return evict_from_main(s);
	}
	return evict_from_main(s);
}

static struct sim_outcome s3fifo_access(void *state, uint32_t page, bool write)
{
	struct sim_outcome outcome = {SIM_HIT, SIM_NO_PAGE};
	struct s3fifo *s = state;
	bool known = s->where[page] == GONE;

	(void)write;
	if (s->where[page] == SMALL || s->where[page] == MAIN) {
		s->uses[page] += s->uses[page] < USES_MAX;
		return outcome;
	}
	outcome.event = SIM_FAULT;
	if (known)
		page_list_remove(&s->queue[GONE], s->links, page);
	if (s->queue[SMALL].pages + s->queue[MAIN].pages == s->frames)
		outcome.evicted = s3fifo_evict(s);
	s->uses[page] = 0;
	put(s, page, known ? MAIN : SMALL);
	return outcome;
}

const struct sim_policy sim_policy_s3fifo = {
	.name = "s3fifo",
	.about = "a small and a main queue, names of pages gone; sees every reference",
	.reference = true,
	.create = s3fifo_create,
	.destroy = s3fifo_destroy,
	.access = s3fifo_access,
};
