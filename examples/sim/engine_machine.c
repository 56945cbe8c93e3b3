/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "engine_machine.h"

#include <stdio.h>
#include <stdlib.h>

#include "fnv.h"
#include "policy.h"

static int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink)
{
	struct engine_machine *m = context;

	return machine_harvest(&m->machine, first, pages, NULL, word, sink);
}

static int look(void *context, uint64_t page, uint64_t *around)
{
	struct engine_machine *m = context;

	(void)around;
	return machine_look(&m->machine, (uint32_t)page);
}

static int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	struct engine_machine *m = context;

	for (unsigned int i = 0; i < n; i++) {
		const uint32_t number = (uint32_t)page[i];

		if (machine_unmap(&m->machine, number) < 0)
			return PTW_ERR_MMU;
		result[i] = PTW_EVICTED;
		m->free_frame[m->free_frames++] = m->frame[number] - 1;
		m->frame[number] = 0;
		m->eviction_hash = fnv64_u32(m->eviction_hash, number);
	}
	return PTW_OK;
}

bool engine_machine_create(struct engine_machine *m, const struct machine_config *config)
{
	const struct ptw_engine_config engine = {.size = sizeof(engine), .pages = config->pages};
	const struct ptw_group_config group = {
		.size = sizeof(group),
		.ops = {.harvest = harvest, .look = look, .evict = evict},
		.context = m,
	};

	*m = (struct engine_machine){
		.pages = config->pages, .error = config->error, .eviction_hash = FNV64_START};
	m->frame = calloc(config->pages, sizeof(*m->frame));
	m->free_frame = calloc(config->pages, sizeof(*m->free_frame));
	if (!m->frame || !m->free_frame || ptw_engine_create(&engine, &m->engine) ||
	    ptw_group_create(m->engine, &group, &m->group) ||
	    ptw_group_attach(m->group, 0, config->pages)) {
		snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for %u pages",
			 config->pages);
		return false;
	}
	return machine_create(&m->machine, config);
}

void engine_machine_destroy(struct engine_machine *m)
{
	ptw_engine_destroy(m->engine);
	machine_destroy(&m->machine);
	free(m->frame);
	free(m->free_frame);
	*m = (struct engine_machine){0};
}

int engine_machine_access(struct engine_machine *m, uint32_t page, bool write)
{
	int done, hit = 1;

	while ((done = machine_access(&m->machine, page, write)) == 0) {
		uint32_t frame =
			m->free_frames ? m->free_frame[--m->free_frames] : m->frames_used++;
		int ret;

		hit = 0;
		if (!machine_map(&m->machine, page, frame, 0))
			return -1;
		m->frame[page] = frame + 1;
		ret = ptw_page_add(m->engine, page);
		if (ret) {
			machine_fail(&m->machine, "cannot add a page", ret);
			return -1;
		}
	}
	return done < 0 ? done : hit;
}
