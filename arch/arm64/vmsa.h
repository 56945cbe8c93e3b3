/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What stage 1 and stage 2 descriptors of VMSAv8-64 have in common (Arm ARM DDI 0487, D8.3
 * "Translation table descriptor formats"): types, address fields, AF, contiguous groups.
 */
#ifndef PTW_ARCH_ARM64_VMSA_H
#define PTW_ARCH_ARM64_VMSA_H

#include "arch/format.h"

#define ARM_VALID PTW_BIT(0)
#define ARM_TYPE PTW_BITS(1, 0)
#define ARM_BLOCK 1u /* above level 0; at level 0 a reserved encoding, treated as invalid */
#define ARM_TABLE 3u /* above level 0; at level 0 a page */
#define ARM_SH_SHIFT 8
#define ARM_SH PTW_BITS(9, 8) /* output address 51:50 when DS is 1 */
#define ARM_SH_INNER 3u
#define ARM_AF PTW_BIT(10)
#define ARM_NT PTW_BIT(16) /* block entries, with FEAT_BBML1 */
#define ARM_DBM PTW_BIT(51)
#define ARM_CONTIG PTW_BIT(52)

/* Bits 57:56 are software's in both stages, whatever else is switched on. */
#define ARM_OWN_USER PTW_BIT(56)
#define ARM_OWN_HELD PTW_BIT(57)
#define ARM_OWN_FROZEN PTW_BIT(62) /* in an invalid descriptor every other bit is software's */

static inline bool arm_present(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	return level ? e & ARM_VALID : (e & ARM_TYPE) == ARM_TABLE;
}

static inline bool arm_leaf(uint64_t e, unsigned int level)
{
	return level == 0 || (e & ARM_TYPE) == ARM_BLOCK;
}

static inline uint64_t arm_address(const struct ptw_geometry *g, uint64_t e, unsigned int level)
{
	uint64_t low = e & g->oa_mask;

	/* In a block, address bits below its size are other fields (nT). */
	if (level && (e & ARM_TYPE) == ARM_BLOCK)
		low &= ~(uint64_t)0 << (g->granule_lg2 + level * g->index_lg2);
	return low | (e & g->oa_high) << g->oa_high_shift;
}

static inline bool arm_young(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	(void)level;
	return e & ARM_AF;
}

static inline uint64_t arm_make_old(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	(void)level;
	return e & ~ARM_AF;
}

/* Members of a contiguous group (Arm ARM, D8.6.1 "Contiguous bit"), levels 0, 1, 2 of ours. */
#define ARM_GROUPS_4K { 4, 4, 4 }
#define ARM_GROUPS_16K { 7, 5 }
#define ARM_GROUPS_64K { 5, 5 }

/* Descriptor of a format; the stages differ in what dirty means. Last: the groups, with their braces. */
#define ARM_FORMAT(label, granule, is_dirty, clean, ...)                                           \
	{                                                                                          \
		.name = label, .granule_lg2 = (granule), .index_lg2 = (granule)-3,                 \
		.group_lg2 = __VA_ARGS__, .group_bit = ARM_CONTIG, .accessed = ARM_AF,             \
		.and_clear = true, .walked = ARM_VALID,                                            \
		.present = arm_present, .leaf = arm_leaf,                                          \
		.address = arm_address, .young = arm_young, .dirty_leaf = is_dirty,                \
		.make_old = arm_make_old, .make_clean = clean                                      \
	}

/* Field values that an output address contributes to a descriptor; arm_address() backwards. */
static inline uint64_t arm_address_bits(const struct ptw_geometry *g, uint64_t oa)
{
	return (oa & g->oa_mask) | ((oa >> g->oa_high_shift) & g->oa_high);
}

/*
 * Geometry of either stage: granule, levels, root, address fields, reserved address bits.
 * `max_root_lg2_extra`: by how many bits concatenation may widen the root (4 in stage 2, else 0).
 */
int ptw_arm_configure(const struct ptw_config *config, struct ptw_geometry *g,
		      unsigned int max_root_lg2_extra);

#endif /* PTW_ARCH_ARM64_VMSA_H */
