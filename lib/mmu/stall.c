/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Who lost how much time to ageing. */
#include "lib/mmu/space.h"

uint64_t ptw_space_clock(struct ptw_space *space)
{
	return space && space->clock ? space->clock(space->clock_context) : 0;
}

void ptw_space_stall_add(struct ptw_space *space, uint32_t kind, uint64_t nanoseconds)
{
	struct ptw_stall *stall;
	uint64_t most;

	if (!space || kind >= PTW_STALL_KINDS)
		return;
	stall = &space->stall[kind];
	ptw_port_add64(&stall->events, 1);
	ptw_port_add64(&stall->total, nanoseconds);
	most = ptw_port_load(&stall->most);
	while (most < nanoseconds && !ptw_port_cas(&stall->most, &most, nanoseconds))
		;
}

int ptw_space_stalls(struct ptw_space *space, struct ptw_stalls *stalls)
{
	if (!space || !stalls)
		return PTW_ERR_ARG;
	if (stalls->size < sizeof(*stalls))
		return PTW_ERR_SIZE;
	for (unsigned int i = 0; i < PTW_STALL_KINDS; i++) {
		stalls->kind[i].events = ptw_port_load(&space->stall[i].events);
		stalls->kind[i].total = ptw_port_load(&space->stall[i].total);
		stalls->kind[i].most = ptw_port_load(&space->stall[i].most);
	}
	return PTW_OK;
}
