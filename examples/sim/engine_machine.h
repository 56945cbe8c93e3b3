/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A page table, a software CPU, and a generation engine that learns from both; memory is as large as it needs. */
#ifndef PTW_SIM_ENGINE_MACHINE_H
#define PTW_SIM_ENGINE_MACHINE_H

#include "machine.h"

struct engine_machine {
	struct machine machine;
	struct ptw_engine *engine;
	struct ptw_group *group;
	uint32_t pages;
	uint32_t *frame;      /* by page, 1 + its frame while it is resident */
	uint32_t *free_frame; /* frames that pages left behind */
	uint32_t free_frames;
	uint32_t frames_used;
	uint64_t eviction_hash;
	char *error; /* of SIM_ERROR_SIZE */
};

/* False: error says why, and engine_machine_destroy() is still due. Must not move in memory. */
bool engine_machine_create(struct engine_machine *m, const struct machine_config *config);
void engine_machine_destroy(struct engine_machine *m);

/* A reference: 1, or 0 where the page had to be brought in. Negative: failed. */
int engine_machine_access(struct engine_machine *m, uint32_t page, bool write);

#endif /* PTW_SIM_ENGINE_MACHINE_H */
