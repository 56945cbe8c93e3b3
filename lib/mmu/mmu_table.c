/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An MMU of page tables: frame f is input address f << frame_lg2.
 *
 * Where a frame is a granule, the bits of a question are those of a harvest, which writes into the
 * caller's bitmaps. Where the granule is larger, a harvest of all granules touched hands its words
 * to ptw_spread(), which gives each bit to all frames of its granule that were asked about.
 */
#include <ptw/config.h>

#include "lib/mmu/mmu_table.h"
#include "lib/walk/template.h"

/* The address of one frame; false: no such frame. */
static int ptw_mmu_table_address(const struct ptw_mmu_tables *t, uint32_t as, uint64_t frame,
				 uint64_t *ia)
{
	struct ptw_mmu_table_part part;

	if (as >= t->count)
		return PTW_ERR_ARG;
	if (frame == UINT64_MAX || !ptw_mmu_table_part(t, as, frame, frame + 1, &part))
		return PTW_ERR_HOLE;
	*ia = part.start << t->frame_lg2;
	return PTW_OK;
}

static int ptw_mmu_table_test_young(void *context, uint32_t as, uint64_t frame)
{
	const struct ptw_mmu_tables *t = context;
	uint64_t ia;
	int ret = ptw_mmu_table_address(t, as, frame, &ia);

	return ret ? ret : ptw_test_young(t->one[as].pgtable, ia);
}

static int ptw_mmu_table_clear_young(void *context, uint32_t as, uint64_t frame)
{
	const struct ptw_mmu_tables *t = context;
	uint64_t ia;
	int ret = ptw_mmu_table_address(t, as, frame, &ia);

	return ret ? ret : ptw_test_clear_young(t->one[as].pgtable, ia);
}

static size_t ptw_mmu_table_bytes(uint32_t count)
{
	return sizeof(struct ptw_mmu_tables) + count * sizeof(struct ptw_mmu_table_one);
}

static void ptw_mmu_table_destroy(void *context)
{
	struct ptw_mmu_tables *t = context;

	ptw_port_free(t, ptw_mmu_table_bytes(t->count));
}

static void ptw_mmu_table_add(struct ptw_mmu_tables *t, uint32_t as, struct ptw_pgtable *p)
{
	struct ptw_mmu_table_one *one = &t->one[as];
	uint64_t upper = ~(uint64_t)0 << (p->geometry.ia_bits - 1), ia = upper;
	bool taken = ptw_old_is_clean(p->layout);

	one->pgtable = p;
	one->shift = p->geometry.granule_lg2 - t->frame_lg2;
	one->frames = (uint64_t)1 << (p->geometry.ia_bits - t->frame_lg2);
	if (ptw_strip_sign(p, &ia)) {
		one->upper = upper >> t->frame_lg2;
		one->sign = (upper - ia) >> t->frame_lg2;
	}
	one->dense = p->instance->harvest_dense && !one->shift && !taken &&
		     !(p->geometry.features & PTW_FEATURE_CONTIG);
	/* To flush is not fast; and one bit cannot tell of dirty state that was taken along. */
	if (taken && p->flush)
		t->ops.harvest_fast_only = NULL;
	if (taken)
		t->ops.clear_young = NULL;
	if (!p->attached)
		t->ops.unmap = ptw_mmu_table_unmap;
}

/* Frames behind the last address are never mapped: they are old. */
static int ptw_mmu_table_knows(void *context, uint32_t as, uint64_t frame, uint64_t frames)
{
	const struct ptw_mmu_tables *t = context;

	(void)frame;
	(void)frames;
	return as < t->count;
}

int ptw_mmu_table_create(const struct ptw_mmu_table *config, struct ptw_mmu *mmu)
{
	struct ptw_mmu_tables *t;
	int ret;

	if (!config || !mmu)
		return PTW_ERR_ARG;
	ret = ptw_size_check(config, config->size, sizeof(*config));
	if (ret)
		return ret;
	if (!config->pgtables || !config->count || config->count > 256 || config->flags ||
	    config->reserved)
		return PTW_ERR_ARG;
	for (uint32_t i = 0; i < config->count; i++) {
		const struct ptw_pgtable *p = config->pgtables[i];

		if (!p)
			return PTW_ERR_ARG;
		/* No hardware has pages below 4 KiB. */
		if (config->frame_lg2 < 12 || config->frame_lg2 > p->geometry.granule_lg2)
			return PTW_ERR_CONFIG;
	}
	t = ptw_port_zalloc(ptw_mmu_table_bytes(config->count));
	if (!t)
		return PTW_ERR_NOMEM;
	t->count = config->count;
	t->frame_lg2 = config->frame_lg2;
	t->ops = (struct ptw_mmu_ops){
		.size = sizeof(t->ops),
		.test_young = ptw_mmu_table_test_young,
		.clear_young = ptw_mmu_table_clear_young,
		.harvest = ptw_mmu_table_harvest,
		.harvest_fast_only = ptw_mmu_table_harvest,
		.harvest_dirty = ptw_mmu_table_harvest_dirty,
		.knows = ptw_mmu_table_knows,
		.touched = ptw_mmu_table_touched,
		.destroy = ptw_mmu_table_destroy,
	};
	for (uint32_t i = 0; i < config->count; i++)
		ptw_mmu_table_add(t, i, config->pgtables[i]);
	*mmu = (struct ptw_mmu){ .size = sizeof(*mmu), .ops = &t->ops, .context = t,
				 .name = "table" };
	return PTW_OK;
}
