/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The library's generation engine in place of the MGLRU-like rule (generations.h), with the same questions. It is aged
 * when it has nothing left to choose from, as that rule is, and besides by two clocks, so that ages are fine.
 */
#ifndef PTW_SIM_MIXED_ENGINE_H
#define PTW_SIM_MIXED_ENGINE_H

#include <ptw/engine.h>

#include "generations.h"

/* Age after so many evictions: this part of memory. */
#define MIXED_ENGINE_EVICTIONS 32
/* Age so often in a trace, if there are ticks enough. */
#define MIXED_ENGINE_AGINGS 400

struct mixed_engine {
	struct generations_ask ask;
	struct ptw_engine *engine;
	struct ptw_group *group;
	uint32_t pages;
	uint64_t *young; /* what a harvest found; by who ages */
	uint32_t victim;
	uint64_t evictions; /* since it was aged last */
	uint64_t most_evictions;
	uint64_t ticks;
	uint64_t most_ticks;
};

/* False: not enough memory. `frames` fit in memory, `ticks` has the trace. */
bool mixed_engine_create(struct mixed_engine *engine, uint32_t pages, uint32_t frames,
			 uint64_t ticks, const struct generations_ask *ask);
void mixed_engine_destroy(struct mixed_engine *engine);

/* A page came into memory, or should go; a tick has passed. False: failed, a question said why or nothing is there. */
bool mixed_engine_add(struct mixed_engine *engine, uint32_t page);
bool mixed_engine_evict(struct mixed_engine *engine, uint32_t *victim);
bool mixed_engine_tick(struct mixed_engine *engine);

#endif /* PTW_SIM_MIXED_ENGINE_H */
