/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The MMU of shadow tables: reverse maps asked as <ptw/mmu.h> wants it. */
#include "lib/mmu/mmu.h"
#include "lib/mmu/rmap.h"

struct ptw_shadow {
	struct ptw_mmu_shadow config;
	struct ptw_rmap *rmaps[]; /* config.rmaps points here */
};

static size_t ptw_shadow_bytes(uint32_t count)
{
	return sizeof(struct ptw_shadow) + count * sizeof(struct ptw_rmap *);
}

static int ptw_shadow_args(const struct ptw_shadow *shadow, struct ptw_mmu_ask *ask, uint32_t known)
{
	if (!ask)
		return PTW_ERR_ARG;
	if (ask->size < sizeof(*ask))
		return PTW_ERR_SIZE;
	if (ask->as >= shadow->config.count || ask->start >= ask->end)
		return ptw_mmu_refuse(ask, PTW_ERR_RANGE);
	return ask->flags & ~known ? ptw_mmu_refuse(ask, PTW_ERR_ARG) : PTW_OK;
}

/*
 * Test and clear. A flush follows what took dirty state away, and EXACT; where neither was asked
 * for and the layout cannot take dirty along, there is none, and so nothing that could wait.
 */
static int ptw_shadow_harvest(void *context, struct ptw_mmu_ask *ask)
{
	const uint32_t final = PTW_HARVEST_DIRTY | PTW_HARVEST_EXACT;
	struct ptw_shadow *shadow = context;
	struct ptw_rmap_job job = { .shadow = &shadow->config, .ask = ask };
	bool flush;
	int ret;

	ret = ptw_shadow_args(shadow, ask, PTW_HARVEST_ACCESSED | final | PTW_HARVEST_PEEK);
	if (ret)
		return ret;
	if (!(ask->flags & (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY)))
		return ptw_mmu_refuse(ask, PTW_ERR_ARG);
	flush = shadow->config.flush && !(ask->flags & PTW_HARVEST_PEEK);
	if (flush && ((ask->flags & final) || ptw_old_is_clean(shadow->config.like->layout)) &&
	    !ptw_port_may_block())
		return ptw_mmu_refuse(ask, PTW_ERR_CONTEXT);
	job.rmap = shadow->rmaps[ask->as];
	ask->cheap = 1;
	ret = ptw_rmap_ask(&job);
	if (flush && job.changed && ((ask->flags & final) || job.dirty))
		shadow->config.flush(shadow->config.context);
	return ret;
}

static int ptw_shadow_unmap(void *context, struct ptw_mmu_ask *ask)
{
	struct ptw_shadow *shadow = context;
	struct ptw_rmap_job job = { .shadow = &shadow->config, .ask = ask, .unmap = true };
	int ret;

	ret = ptw_shadow_args(shadow, ask, ~(uint32_t)0);
	if (ret)
		return ret;
	if (!ptw_port_may_block())
		return ptw_mmu_refuse(ask, PTW_ERR_CONTEXT);
	job.rmap = shadow->rmaps[ask->as];
	ret = ptw_rmap_ask(&job);
	if (job.changed && shadow->config.flush)
		shadow->config.flush(shadow->config.context);
	return ret;
}

static int ptw_shadow_frame(void *context, uint32_t as, uint64_t frame, uint32_t flags)
{
	uint64_t young = 0;
	struct ptw_mmu_ask ask = { .size = sizeof(ask), .as = as, .flags = flags, .start = frame,
				   .end = frame + 1, .young = &young };
	int ret = ptw_shadow_harvest(context, &ask);

	if (ret)
		return ret;
	if (young)
		return 1;
	if (ask.not_asked_pages)
		return PTW_ERR_AGAIN;
	return ask.entries ? 0 : PTW_ERR_HOLE;
}

static int ptw_shadow_test_young(void *context, uint32_t as, uint64_t frame)
{
	return ptw_shadow_frame(context, as, frame, PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK);
}

static int ptw_shadow_clear_young(void *context, uint32_t as, uint64_t frame)
{
	return ptw_shadow_frame(context, as, frame, PTW_HARVEST_ACCESSED);
}

/* Frames outside a reverse map are in no entry: they are old. */
static int ptw_shadow_knows(void *context, uint32_t as, uint64_t frame, uint64_t frames)
{
	const struct ptw_shadow *shadow = context;

	(void)frame;
	(void)frames;
	return as < shadow->config.count;
}

static void ptw_shadow_destroy(void *context)
{
	struct ptw_shadow *shadow = context;

	ptw_port_free(shadow, ptw_shadow_bytes(shadow->config.count));
}

static const struct ptw_mmu_ops ptw_shadow_ops = {
	.size = sizeof(struct ptw_mmu_ops),
	.test_young = ptw_shadow_test_young,
	.clear_young = ptw_shadow_clear_young,
	.harvest = ptw_shadow_harvest,
	.harvest_fast_only = ptw_shadow_harvest,
	.harvest_dirty = ptw_shadow_harvest,
	.unmap = ptw_shadow_unmap,
	.knows = ptw_shadow_knows,
	.destroy = ptw_shadow_destroy,
};

/* Making an entry old may take dirty state away, and that must be flushed, and told: not fast,
 * and no operation that has no room for it. */
static const struct ptw_mmu_ops ptw_shadow_flushing_ops = {
	.size = sizeof(struct ptw_mmu_ops),
	.test_young = ptw_shadow_test_young,
	.harvest = ptw_shadow_harvest,
	.harvest_dirty = ptw_shadow_harvest,
	.unmap = ptw_shadow_unmap,
	.knows = ptw_shadow_knows,
	.destroy = ptw_shadow_destroy,
};

int ptw_mmu_shadow_create(const struct ptw_mmu_shadow *config, struct ptw_mmu *mmu)
{
	struct ptw_shadow *shadow;
	bool flushing;
	int ret;

	if (!config || !mmu)
		return PTW_ERR_ARG;
	ret = ptw_size_check(config, config->size, sizeof(*config));
	if (ret)
		return ret;
	if (config->reserved || !config->rmaps || !config->like || !config->count ||
	    config->count > 256)
		return PTW_ERR_ARG;
	for (uint32_t i = 0; i < config->count; i++)
		if (!config->rmaps[i])
			return PTW_ERR_ARG;
	/* Members of a contiguous group share their state, and say nothing about each other. */
	if (config->like->geometry.features & PTW_FEATURE_CONTIG)
		return PTW_ERR_UNSUPPORTED;
	shadow = ptw_port_zalloc(ptw_shadow_bytes(config->count));
	if (!shadow)
		return PTW_ERR_NOMEM;
	shadow->config = *config;
	for (uint32_t i = 0; i < config->count; i++)
		shadow->rmaps[i] = config->rmaps[i];
	shadow->config.rmaps = shadow->rmaps;
	flushing = config->flush && ptw_old_is_clean(config->like->layout);
	*mmu = (struct ptw_mmu){
		.size = sizeof(*mmu),
		.ops = flushing ? &ptw_shadow_flushing_ops : &ptw_shadow_ops,
		.context = shadow,
		.name = "shadow",
	};
	return PTW_OK;
}
