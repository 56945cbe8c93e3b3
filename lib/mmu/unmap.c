/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Secondary MMUs drop pages, and return the state that went with them. */
#include "lib/mmu/ask.h"

#include "lib/mmu/gate.h"
#include "lib/walk/template.h"

static void ptw_unmap_run(struct ptw_asking *q, const struct ptw_run *run, uint64_t at)
{
	const uint64_t low = run->page > at ? run->page : at;
	const uint64_t high = run->end < q->stop ? run->end : q->stop;

	if (run->member->mmu.ops->unmap)
		ptw_ask_with(q, run, run->member->mmu.ops->unmap, low, high);
	else
		q->result.skipped |= run->member->mask;
}

int ptw_space_unmap(struct ptw_space *space, uint64_t start, uint64_t end,
		    const struct ptw_space_unmap *unmap, struct ptw_ask_result *result)
{
	struct ptw_ask ask = { .size = sizeof(ask),
			       .flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY,
			       .effort = PTW_EFFORT_ALL };
	struct ptw_asking q = { .start = start, .end = end, .clean = true, .insist = true };
	struct ptw_version *version;
	uint64_t at = start, began;
	int ret = PTW_OK;

	if (!space)
		return PTW_ERR_ARG;
	if (unmap)
		ret = ptw_size_check(unmap, unmap->size, sizeof(*unmap));
	if (!ret && result && result->size < sizeof(*result))
		ret = PTW_ERR_SIZE;
	if (ret)
		return ret;
	if (start >= end)
		return PTW_ERR_RANGE;
	if (unmap && unmap->consumer && unmap->consumer->space != space)
		return PTW_ERR_ARG;
	if (!ptw_gates_closed(space, start, end) || !ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	q.space = space;
	q.ask = &ask;
	q.flags = ask.flags;
	q.bit0 = start & 63;
	if (unmap) {
		ask.young = unmap->young;
		ask.dirty = unmap->dirty;
		ask.consumer = unmap->consumer;
	}
	began = ptw_space_clock(space);
	if (!ptw_gates_left(space, start, end)) {
		q.error = PTW_ERR_AGAIN;
	} else {
		version = ptw_version_get(space);
		/* With nobody else to tell, and bitmaps to tell it in, each MMU gets its pages in one
		 * operation, and need not split a leaf that goes whole. */
		ptw_ask_outside(&q);
		while (at < end && !q.error) {
			q.stop = end;
			for (uint32_t i = 0;
			     (i = ptw_version_next(version, i, at, q.stop)) < version->runs; i++)
				ptw_unmap_run(&q, &version->run[i], at);
			at = q.stop;
		}
		ptw_ask_outside_end(&q);
		ptw_version_put(version);
	}
	if (space->clock)
		ptw_space_stall_add(space, PTW_STALL_AGER, ptw_space_clock(space) - began);
	if (result) {
		q.result.size = result->size;
		q.result.resume = at;
		*result = q.result;
	}
	return q.error;
}
