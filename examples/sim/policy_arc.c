/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Adaptive replacement cache: pages used once lately and pages used more than once, each in order of
 * last use, and as many pages that were put out, which say which of the two lists should have been
 * longer. Sees every reference; here for comparison only.
 *
 * N. Megiddo, D. S. Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003, figure 4.
 * The target is a real number as there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "page_list.h"
#include "policy.h"

/* T1, T2, B1 and B2 of the paper. */
enum {
	AWAY,
	ONCE,
	OFTEN,
	ONCE_GONE,
	OFTEN_GONE,
	LISTS
};

struct arc {
	uint32_t frames;
	double target; /* pages that the list of those used once should have; p of the paper */
	struct page_link *links;
	uint8_t *where; /* by page: which list */
	struct page_list list[LISTS];
};

static void arc_destroy(void *state)
{
	struct arc *arc = state;

	free(arc->links);
	free(arc->where);
	free(arc);
}

static void *arc_create(const struct sim_config *config)
{
	struct arc *arc = calloc(1, sizeof(*arc));

	if (arc) {
		arc->frames = config->frames;
		arc->links = calloc(config->pages, sizeof(*arc->links));
		arc->where = calloc(config->pages, sizeof(*arc->where));
		if (arc->links && arc->where)
			return arc;
		arc_destroy(arc);
	}
	snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for the lists of %u pages",
		 config->pages);
	return NULL;
}

static uint32_t length(const struct arc *arc, unsigned int list)
{
	return arc->list[list].pages;
}

/* The page becomes the newest of a list, wherever it was. */
static void arc_move(struct arc *arc, uint32_t page, unsigned int to)
{
	if (arc->where[page] != AWAY)
		page_list_remove(&arc->list[arc->where[page]], arc->links, page);
	if (to != AWAY)
		page_list_add(&arc->list[to], arc->links, page);
	arc->where[page] = (uint8_t)to;
}

static uint32_t arc_move_oldest(struct arc *arc, unsigned int from, unsigned int to)
{
	uint32_t page = page_list_oldest(&arc->list[from]);

	arc_move(arc, page, to);
	return page;
}

/* Memory is full: a page goes out, and is remembered. REPLACE of the paper. */
static uint32_t arc_replace(struct arc *arc, bool often_gone)
{
	uint32_t once = length(arc, ONCE);

	if (once && (once > arc->target || (often_gone && once == arc->target)))
		return arc_move_oldest(arc, ONCE, ONCE_GONE);
	return arc_move_oldest(arc, OFTEN, OFTEN_GONE);
}

/* By how much a page found in list `hit` moves the target. */
static double arc_step(const struct arc *arc, unsigned int hit, unsigned int other)
{
	double step = (double)length(arc, other) / length(arc, hit);

	return step > 1 ? step : 1;
}

/* A page that nobody remembers is to come in: make room in memory and in the lists. */
static uint32_t arc_make_room(struct arc *arc)
{
	uint32_t once = length(arc, ONCE) + length(arc, ONCE_GONE);
	uint32_t all = once + length(arc, OFTEN) + length(arc, OFTEN_GONE);

	if (once == arc->frames) {
		if (length(arc, ONCE) == arc->frames)
			return arc_move_oldest(arc, ONCE, AWAY);
		arc_move_oldest(arc, ONCE_GONE, AWAY);
		return arc_replace(arc, false);
	}
	if (all < arc->frames)
		return SIM_NO_PAGE;
	if (all == 2 * arc->frames)
		arc_move_oldest(arc, OFTEN_GONE, AWAY);
	return arc_replace(arc, false);
}

static struct sim_outcome arc_access(void *state, uint32_t page, bool write)
{
	struct sim_outcome outcome = {SIM_FAULT, SIM_NO_PAGE};
	struct arc *arc = state;

	(void)write;
	switch (arc->where[page]) {
	case ONCE:
	case OFTEN:
		outcome.event = SIM_HIT;
		break;
	case ONCE_GONE:
		arc->target += arc_step(arc, ONCE_GONE, OFTEN_GONE);
		if (arc->target > arc->frames)
			arc->target = arc->frames;
		outcome.evicted = arc_replace(arc, false);
		break;
	case OFTEN_GONE:
		arc->target -= arc_step(arc, OFTEN_GONE, ONCE_GONE);
		if (arc->target < 0)
			arc->target = 0;
		outcome.evicted = arc_replace(arc, true);
		break;
	default:
		outcome.evicted = arc_make_room(arc);
		arc_move(arc, page, ONCE);
		return outcome;
	}
	arc_move(arc, page, OFTEN);
	return outcome;
}

const struct sim_policy sim_policy_arc = {
	.name = "arc",
	.about = "adaptive: used once against used often; sees every reference",
	.reference = true,
	.create = arc_create,
	.destroy = arc_destroy,
	.access = arc_access,
};
