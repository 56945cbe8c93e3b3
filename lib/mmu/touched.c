/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Which pages are worth a harvest, by what MMUs' tables say. */
#include "lib/mmu/ask.h"

#include "lib/walk/template.h"

/* From one run's frames to the caller. */
struct ptw_noting {
	const struct ptw_touched *how;
	const struct ptw_run *run;
	uint64_t low; /* pages */
	uint64_t high;
};

static void ptw_touched_note(void *sink, uint64_t start, uint64_t end)
{
	const struct ptw_noting *n = sink;
	const uint64_t frames = n->run->frame - n->run->page;
	const uint64_t low = n->low + frames, high = n->high + frames;

	/* Of an MMU that tells of more than it was asked about the rest is nobody's. */
	if (start < low)
		start = low;
	if (end > high)
		end = high;
	if (start < end)
		n->how->note(n->how->context, start - frames, end - frames, 1);
}

static void ptw_touched_run(const struct ptw_run *run, uint64_t start, uint64_t end,
			    const struct ptw_touched *how)
{
	const struct ptw_mmu_ops *ops = run->member->mmu.ops;
	struct ptw_noting noting = { .how = how, .run = run };
	const uint64_t frames = run->frame - run->page;

	noting.low = run->page > start ? run->page : start;
	noting.high = run->end < end ? run->end : end;
	if (noting.low >= noting.high || !run->member->age[how->effort])
		return;
	if (!ops->touched ||
	    ops->touched(run->member->mmu.context, run->as, noting.low + frames,
			 noting.high + frames, ptw_touched_note, &noting))
		how->note(how->context, noting.low, noting.high, 0);
}

int ptw_space_touched(struct ptw_space *space, uint64_t start, uint64_t end,
		      const struct ptw_touched *how)
{
	struct ptw_version *version;
	int ret;

	if (!space || !how)
		return PTW_ERR_ARG;
	ret = ptw_size_check(how, how->size, sizeof(*how));
	if (ret)
		return ret;
	if (how->effort > PTW_EFFORT_ALL || how->reserved || !how->note)
		return PTW_ERR_ARG;
	if (start >= end)
		return PTW_ERR_RANGE;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	version = ptw_version_get(space);
	if (space->primary.member)
		ptw_touched_run(&space->primary, start, end, how);
	for (uint32_t i = how->effort == PTW_EFFORT_PRIMARY ? version->runs : 0;
	     (i = ptw_version_next(version, i, start, end)) < version->runs; i++)
		ptw_touched_run(&version->run[i], start, end, how);
	ptw_version_put(version);
	return PTW_OK;
}
