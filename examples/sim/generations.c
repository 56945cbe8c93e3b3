/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "generations.h"

#include <stdlib.h>
#include <string.h>

/* Evictions between two looks at the sizes of the generations. */
#define SIZES_EVERY 32

bool generations_create(struct generations *g, uint32_t pages, const struct generations_ask *ask)
{
	*g = (struct generations){.ask = *ask, .pages = pages};
	g->link = calloc(pages, sizeof(*g->link));
	g->place = calloc((size_t)pages + 64, sizeof(*g->place));
	g->young = calloc(pages / 64 + 1, sizeof(*g->young));
	if (g->link && g->place && g->young)
		return true;
	generations_destroy(g);
	return false;
}

void generations_destroy(struct generations *g)
{
	free(g->link);
	free(g->place);
	free(g->young);
	*g = (struct generations){0};
}

static struct generation *generation(struct generations *g, uint64_t number)
{
	return &g->list[GENERATION_OF(number)];
}

static void list_add(struct generations *g, uint64_t number, uint32_t page)
{
	struct generation *to = generation(g, number);

	g->link[page] = (struct generation_link){.older = to->newest};
	if (to->newest)
		g->link[to->newest - 1].newer = page + 1;
	else
		to->oldest = page + 1;
	to->newest = page + 1;
	to->pages++;
	g->place[page] = (uint8_t)(GENERATION_OF(number) + 1);
}

static void list_remove(struct generations *g, uint32_t page)
{
	struct generation *from = &g->list[g->place[page] - 1];
	const struct generation_link *link = &g->link[page];

	if (link->newer)
		g->link[link->newer - 1].older = link->older;
	else
		from->newest = link->older;
	if (link->older)
		g->link[link->older - 1].newer = link->newer;
	else
		from->oldest = link->newer;
	from->pages--;
	g->place[page] = 0;
}

static void promote(struct generations *g, uint32_t page)
{
	list_remove(g, page);
	list_add(g, g->youngest, page);
}

void generations_add(struct generations *g, uint32_t page)
{
	list_add(g, g->youngest, page);
	g->resident++;
}

void generations_remove(struct generations *g, uint32_t page)
{
	list_remove(g, page);
	g->resident--;
}

/* Generations from the oldest with any page to the youngest, both included. */
static uint64_t populated(struct generations *g)
{
	while (g->oldest < g->youngest && !generation(g, g->oldest)->pages)
		g->oldest++;
	return g->youngest - g->oldest + 1;
}

/* The oldest goes behind the next one, page by page, so that it stays the older part of it. */
static void join_oldest(struct generations *g)
{
	struct generation *to = generation(g, g->oldest + 1);
	struct generation *from = generation(g, g->oldest);

	while (from->newest) {
		uint32_t page = from->newest - 1;

		list_remove(g, page);
		g->link[page] = (struct generation_link){.newer = to->oldest};
		if (to->oldest)
			g->link[to->oldest - 1].older = page + 1;
		else
			to->newest = page + 1;
		to->oldest = page + 1;
		to->pages++;
		g->place[page] = (uint8_t)(GENERATION_OF(g->oldest + 1) + 1);
	}
	g->oldest++;
}

/* Promote the resident pages of a word in the order of their numbers; returns how many. */
static uint32_t promote_word(struct generations *g, uint32_t first, uint64_t young)
{
	uint32_t count = 0;

	for (; young; young &= young - 1) {
		uint32_t page = first + (uint32_t)__builtin_ctzll(young);

		if (!g->place[page])
			continue;
		promote(g, page);
		count++;
	}
	return count;
}

static bool age(struct generations *g)
{
	const uint32_t words = (g->pages + 63) / 64;

	memset(g->young, 0, words * sizeof(*g->young));
	if (!g->ask.all(g->ask.context, g->young))
		return false;
	if (populated(g) == GENERATIONS)
		join_oldest(g);
	g->youngest++;
	for (uint32_t word = 0; word < words; word++)
		g->aged += promote_word(g, word * 64, g->young[word]);
	g->agings++;
	return true;
}

/* Do the sizes of three generations ask for another one? */
static bool lopsided(struct generations *g)
{
	return 2 * (uint64_t)generation(g, g->youngest)->pages > g->resident ||
	       4 * (uint64_t)generation(g, g->oldest)->pages < g->resident;
}

/* At most once for each eviction: where all were young, a second pass would find nobody. */
static bool age_if_due(struct generations *g)
{
	uint64_t count = populated(g);

	if (count < 3 || (count == 3 && g->evictions % SIZES_EVERY == 0 && lopsided(g)))
		return age(g);
	return true;
}

bool generations_evict(struct generations *g, uint32_t *victim)
{
	if (!age_if_due(g))
		return false;
	for (;;) {
		uint64_t young = 0;
		uint32_t page;
		int ret;

		populated(g);
		page = generation(g, g->oldest)->oldest - 1;
		ret = g->ask.one(g->ask.context, page);
		if (ret < 0)
			return false;
		g->looks++;
		if (!ret) {
			generations_remove(g, page);
			g->evictions++;
			*victim = page;
			return true;
		}
		g->looked++;
		promote(g, page);
		if (!g->ask.around(g->ask.context, page, &young))
			return false;
		g->promoted += promote_word(g, page & ~63u, young & ~(UINT64_C(1) << (page & 63)));
	}
}
