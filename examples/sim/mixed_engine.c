/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "mixed_engine.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/error.h>

static int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	struct mixed_engine *e = context;
	const uint64_t end = (first + pages + 63) / 64;

	/* All pages are one run of the group: this is asked once in an ageing. */
	memset(e->young, 0, (e->pages + 63) / 64 * sizeof(*e->young));
	if (!e->ask.all(e->ask.context, e->young))
		return PTW_ERR_MMU;
	for (uint64_t i = first / 64; i < end; i++)
		if (e->young[i])
			word(sink, i * 64, e->young[i], 0);
	return PTW_OK;
}

static int look(void *context, uint64_t page, uint64_t *around)
{
	struct mixed_engine *e = context;
	int young = e->ask.one(e->ask.context, (uint32_t)page);

	if (young > 0 && !e->ask.around(e->ask.context, (uint32_t)page, around))
		return PTW_ERR_MMU;
	return young;
}

static int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	struct mixed_engine *e = context;

	for (unsigned int i = 0; i < n; i++) {
		e->victim = (uint32_t)page[i];
		result[i] = PTW_EVICTED;
	}
	return PTW_OK;
}

bool mixed_engine_create(struct mixed_engine *e, uint32_t pages, uint32_t frames, uint64_t ticks,
			 const struct generations_ask *ask)
{
	const struct ptw_engine_config engine = {.size = sizeof(engine), .pages = pages};
	const struct ptw_group_config group = {
		.size = sizeof(group),
		.ops = {.harvest = harvest, .look = look, .evict = evict},
		.context = e,
	};

	*e = (struct mixed_engine){
		.ask = *ask,
		.pages = pages,
		.most_evictions = frames / MIXED_ENGINE_EVICTIONS + 1,
		.most_ticks = ticks / MIXED_ENGINE_AGINGS + 1,
	};
	e->young = calloc((pages + 63) / 64, sizeof(*e->young));
	return e->young && !ptw_engine_create(&engine, &e->engine) &&
	       !ptw_group_create(e->engine, &group, &e->group) &&
	       !ptw_group_attach(e->group, 0, pages);
}

void mixed_engine_destroy(struct mixed_engine *e)
{
	ptw_engine_destroy(e->engine);
	free(e->young);
	*e = (struct mixed_engine){0};
}

bool mixed_engine_add(struct mixed_engine *e, uint32_t page)
{
	return !ptw_page_add(e->engine, page);
}

static bool age(struct mixed_engine *e)
{
	e->evictions = e->ticks = 0;
	return !ptw_group_age(e->group);
}

bool mixed_engine_tick(struct mixed_engine *e)
{
	return ++e->ticks < e->most_ticks || age(e);
}

bool mixed_engine_evict(struct mixed_engine *e, uint32_t *victim)
{
	uint64_t n;

	if (++e->evictions >= e->most_evictions && !age(e))
		return false;
	if (ptw_group_evict(e->group, 1, &n) || n != 1)
		return false;
	*victim = e->victim;
	return true;
}
