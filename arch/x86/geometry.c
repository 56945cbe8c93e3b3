/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Geometry of EPT and of x86-64 paging (Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging";
 * vol. 3C, "EPT Translation Mechanism").
 */
#include "arch/x86/geometry.h"

#include "arch/build.h"

#define X86_GRANULE_LG2 12u
#define X86_INDEX_LG2	9u
#define X86_MIN_LEVELS	4u
#define X86_MAX_LEVELS	5u
/* "Physical-address width": MAXPHYADDR is at least 32 and at most 52. */
#define X86_MIN_OA_BITS 32u
#define X86_MAX_OA_BITS 52u

static unsigned int ia_bits_of(unsigned int levels)
{
	return X86_GRANULE_LG2 + levels * X86_INDEX_LG2;
}

int ptw_x86_geometry(const struct ptw_config *config, unsigned int block_low, uint64_t block_bit,
		     struct ptw_geometry *g)
{
	unsigned int levels = config->levels;
	uint64_t beyond;

	if (config->granule_lg2 != 0 && config->granule_lg2 != X86_GRANULE_LG2)
		return PTW_ERR_CONFIG;
	if (config->oa_bits != 0 &&
	    (config->oa_bits < X86_MIN_OA_BITS || config->oa_bits > X86_MAX_OA_BITS))
		return PTW_ERR_CONFIG;
	if (levels == 0)
		levels = config->ia_bits > ia_bits_of(X86_MIN_LEVELS) ? X86_MAX_LEVELS :
									X86_MIN_LEVELS;
	if (levels < X86_MIN_LEVELS || levels > X86_MAX_LEVELS)
		return PTW_ERR_CONFIG_LEVELS;
	if (config->ia_bits != 0 &&
	    (config->ia_bits <= X86_GRANULE_LG2 || config->ia_bits > ia_bits_of(levels)))
		return PTW_ERR_CONFIG_LEVELS;

	*g = (struct ptw_geometry){
		.granule_lg2 = X86_GRANULE_LG2,
		.index_lg2 = X86_INDEX_LG2,
		.root_level = (uint8_t)(levels - 1),
		/* The processor reads a whole root table, however few input addresses are used. */
		.root_lg2 = X86_INDEX_LG2,
		.ia_bits = (uint8_t)(config->ia_bits ? config->ia_bits : ia_bits_of(levels)),
		.oa_bits = (uint8_t)(config->oa_bits ? config->oa_bits : X86_MAX_OA_BITS),
		.leaf_levels = 1 << 0 | 1 << 1,
		.oa_mask = PTW_BITS(51, 12),
		.features = config->features,
	};
	if (config->features & PTW_FEATURE_1G)
		g->leaf_levels |= 1 << 2;
	beyond = PTW_BITS(51, g->oa_bits);
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++) {
		g->table_reserved[level] = beyond;
		g->leaf_reserved[level] = beyond;
		if (!(g->leaf_levels >> level & 1))
			g->leaf_reserved[level] |= block_bit;
		else if (level)
			g->leaf_reserved[level] |= PTW_BITS(ia_bits_of(level) - 1, block_low);
	}
	/* Leaves may change their size in place (SDM vol. 3A, "Details of TLB Use": until the flush a
	 * processor may use either translation), so there are no levels of it. */
	return ptw_build_bbm_level(config, 0, g);
}
