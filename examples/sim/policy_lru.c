/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Exact LRU: a list in order of last use, linked by page numbers. No machine can afford it, as it
 * needs to see every reference; it is the yardstick for ageing by accessed bits.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy.h"

/*
 * Links count pages from 1, so that zeroed memory says "not linked". links[0] closes the ring: its
 * newer is the oldest page, its older the newest one.
 */
struct link {
	uint32_t older;
	uint32_t newer;
};

struct lru {
	uint32_t frames;
	uint32_t resident;
	struct link *links; /* pages + 1 of them */
};

static void lru_destroy(void *state)
{
	struct lru *lru = state;

	free(lru->links);
	free(lru);
}

static void *lru_create(const struct sim_config *config)
{
	struct lru *lru = calloc(1, sizeof(*lru));

	if (lru)
		lru->links = calloc((size_t)config->pages + 1, sizeof(*lru->links));
	if (!lru || !lru->links) {
		free(lru);
		snprintf(config->error, SIM_ERROR_SIZE,
			 "not enough memory for the list of %u pages", config->pages);
		return NULL;
	}
	lru->frames = config->frames;
	return lru;
}

static void lru_unlink(struct link *links, uint32_t at)
{
	links[links[at].older].newer = links[at].newer;
	links[links[at].newer].older = links[at].older;
}

static void lru_append(struct link *links, uint32_t at)
{
	uint32_t newest = links[0].older;

	links[at].older = newest;
	links[at].newer = 0;
	links[newest].newer = at;
	links[0].older = at;
}

static struct sim_outcome lru_access(void *state, uint32_t page, bool write)
{
	struct sim_outcome outcome = {SIM_HIT, SIM_NO_PAGE};
	struct lru *lru = state;
	struct link *links = lru->links;
	uint32_t at = page + 1;

	(void)write;
	if (links[0].older == at)
		return outcome;
	/* The oldest page has 0 on its older side, as a page that is not linked has. */
	if (links[at].older || links[0].newer == at) {
		lru_unlink(links, at);
	} else {
		outcome.event = SIM_FAULT;
		if (lru->resident == lru->frames) {
			uint32_t oldest = links[0].newer;

			lru_unlink(links, oldest);
			links[oldest] = (struct link){0, 0};
			outcome.evicted = oldest - 1;
		} else {
			lru->resident++;
		}
	}
	lru_append(links, at);
	return outcome;
}

const struct sim_policy sim_policy_lru = {
	.name = "lru",
	.about = "exact least recently used; sees every reference",
	.reference = true,
	.create = lru_create,
	.destroy = lru_destroy,
	.access = lru_access,
};
