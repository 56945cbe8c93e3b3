/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What stage 1 and stage 2 descriptors encode alike (Arm ARM DDI 0487, D8.3 "Translation table
 * descriptor formats"), and the base address registers.
 */
#include "arch/arm64/vmsa_build.h"

/* D8.6.1, "Contiguous bit". */
static bool groups_at(const struct ptw_geometry *g, unsigned int level)
{
	static const uint8_t groups_4k[PTW_MAX_LEVELS] = ARM_GROUPS_4K;
	static const uint8_t groups_16k[PTW_MAX_LEVELS] = ARM_GROUPS_16K;
	static const uint8_t groups_64k[PTW_MAX_LEVELS] = ARM_GROUPS_64K;

	switch (g->granule_lg2) {
	case 12:
		return groups_4k[level];
	case 14:
		return groups_16k[level];
	default:
		return groups_64k[level];
	}
}

uint64_t ptw_arm_ttbr(const struct ptw_geometry *g, uint64_t root_pa)
{
	uint64_t ttbr = root_pa & PTW_BITS(47, 1);

	/* With a 52-bit PS a root table is aligned to 64 bytes, and 5:2 are address bits 51:48. */
	if (g->oa_bits > 48)
		ttbr |= (root_pa >> 48 & 0xf) << ARM_TTBR_HIGH_SHIFT;
	return ttbr;
}

int ptw_arm_make_leaf(const struct ptw_geometry *g, const struct ptw_layout *l,
		      const struct ptw_leaf *leaf, unsigned int level, uint32_t prot, uint64_t *e)
{
	uint64_t v;
	int error;

	error = ptw_build_check_leaf(g, l, leaf, level, prot);
	if (error != PTW_OK)
		return error;
	if (leaf->flags & PTW_LEAF_GROUP && !groups_at(g, level))
		return PTW_ERR_UNSUPPORTED;
	/* What was written may be written: dirty is a permission. */
	if (leaf->flags & PTW_LEAF_DIRTY && !(leaf->prot & PTW_PROT_WRITE))
		return PTW_ERR_PERM;

	v = arm_address_bits(g, leaf->oa) | (level ? ARM_BLOCK : ARM_TABLE) | l->present |
	    l->kind[0].value | ptw_build_software_bits(l, leaf);
	/* With DS, VTCR_EL2.SH0 or TCR_EL1.SH0 says it; for devices it is ignored. */
	if (!ptw_arm_ds(g) && leaf->memtype != PTW_MEM_DEVICE)
		v |= (uint64_t)ARM_SH_INNER << ARM_SH_SHIFT;
	if (leaf->flags & PTW_LEAF_YOUNG)
		v |= ARM_AF;
	if (leaf->flags & PTW_LEAF_GROUP)
		v |= ARM_CONTIG;
	*e = v;
	return PTW_OK;
}

uint32_t ptw_arm_leaf_flags(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			    unsigned int level)
{
	uint32_t flags = ptw_build_software_flags(l, e);

	if (e & ARM_AF)
		flags |= PTW_LEAF_YOUNG;
	if (e & ARM_CONTIG && groups_at(g, level))
		flags |= PTW_LEAF_GROUP;
	return flags;
}

uint64_t ptw_arm_make_table(const struct ptw_geometry *g, const struct ptw_layout *l,
			    uint64_t table_pa, unsigned int level)
{
	(void)level;
	return arm_address_bits(g, table_pa) | l->present | ARM_TABLE;
}

uint64_t ptw_arm_set_user(const struct ptw_layout *l, uint64_t e, unsigned int level, bool on)
{
	(void)level;
	return ptw_build_set_user(l, e, on);
}

uint64_t ptw_arm_held(const struct ptw_layout *l, unsigned int level)
{
	(void)level;
	return l->held;
}

/* All but type, address, nT and the contiguous bit stands at the same place in blocks and in pages.
 * nT is, for every granule, among the address bits of a page. */
uint64_t ptw_arm_relevel(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			 unsigned int from, unsigned int to, uint64_t oa, bool group)
{
	(void)from;
	e &= ~(g->oa_mask | g->oa_high | ARM_TYPE | ARM_CONTIG | l->held);
	e |= arm_address_bits(g, oa) | (to ? ARM_BLOCK : ARM_TABLE);
	return group ? e | ARM_CONTIG : e;
}

/*
 * D8.16, "Using break-before-make when updating translation table entries": for another address
 * (also of a table), another type of memory or shareability, and another size without FEAT_BBM
 * level 2. Not for permissions, AF, DBM and software's bits. Level 1 wants nT for blocks, which
 * nobody here uses.
 */
bool ptw_arm_must_break(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t from,
			uint64_t to, unsigned int level, uint64_t memory)
{
	const bool leaf = arm_leaf(from, level);

	if (!arm_present(l, from, level) || !arm_present(l, to, level))
		return false;
	/* From a block to a table that maps the same, or back: the caller sees to that. */
	if (leaf != arm_leaf(to, level))
		return g->bbm_level < ARM_BBM_RESIZE;
	if (arm_address(g, from, level) != arm_address(g, to, level))
		return true;
	if (!leaf)
		return false;
	/* With DS the address has just answered for 9:8. */
	if ((from ^ to) & (memory | ARM_SH))
		return true;
	return (from ^ to) & ARM_CONTIG && g->bbm_level < ARM_BBM_RESIZE;
}

uint64_t ptw_arm_table_accessed(const struct ptw_geometry *g, unsigned int level)
{
	(void)level;
	return g->features & PTW_FEATURE_HAFT ? ARM_AF : 0;
}

bool ptw_arm_malformed(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		       unsigned int level)
{
	(void)l;
	if (!arm_leaf(e, level))
		return false;
	if (!(g->leaf_levels >> level & 1))
		return true;
	/* Shareability 1 is reserved. */
	return !ptw_arm_ds(g) && (e & ARM_SH) == (uint64_t)1 << ARM_SH_SHIFT;
}
