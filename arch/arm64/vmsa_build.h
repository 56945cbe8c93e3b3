/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The cold side that stage 1 and stage 2 of VMSAv8-64 share: register fields, and the parts of a
 * descriptor that mean the same in both.
 */
#ifndef PTW_ARCH_ARM64_VMSA_BUILD_H
#define PTW_ARCH_ARM64_VMSA_BUILD_H

#include "arch/arm64/vmsa.h"
#include "arch/build.h"

/* Fields that VTCR_EL2 and TCR_EL1 keep at the same place: table memory inner shareable, WB. */
#define ARM_TCR_T0SZ(ia_bits) ((uint64_t)(64 - (ia_bits)))
#define ARM_TCR_IRGN0_WB      ((uint64_t)1 << 8)
#define ARM_TCR_ORGN0_WB      ((uint64_t)1 << 10)
#define ARM_TCR_SH0_INNER     ((uint64_t)3 << 12)
#define ARM_TCR_TG0_SHIFT     14

/* FEAT_BBM: the highest level, and the first one at which sizes change without a break. */
#define ARM_BBM_MAX    2u
#define ARM_BBM_RESIZE 2u

/* Where a base address register keeps address bits 51:48 of the root. */
#define ARM_TTBR_HIGH_SHIFT 2

/* TG0: 0 for 4K, 1 for 64K, 2 for 16K. */
static inline uint64_t ptw_arm_tg0(const struct ptw_geometry *g)
{
	return g->granule_lg2 == 12 ? 0 : g->granule_lg2 == 16 ? 1 : 2;
}

/* Value of PS or IPS for an output address size; beyond the last one if there is none. */
uint64_t ptw_arm_ps(unsigned int oa_bits);

/* BADDR of VTTBR_EL2 or TTBR0_EL1. */
uint64_t ptw_arm_ttbr(const struct ptw_geometry *g, uint64_t root_pa);

/* Are 9:8 address bits rather than shareability? */
static inline bool ptw_arm_ds(const struct ptw_geometry *g)
{
	return g->features & PTW_FEATURE_DS;
}

/*
 * The part of a leaf that both stages encode alike: type, address, shareability, AF, contiguous
 * bit, software bits (DBM among them). Errors as of make_leaf; `prot`: what the stage knows.
 */
int ptw_arm_make_leaf(const struct ptw_geometry *g, const struct ptw_layout *l,
		      const struct ptw_leaf *leaf, unsigned int level, uint32_t prot, uint64_t *e);

/* The flags of that part. */
uint32_t ptw_arm_leaf_flags(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			    unsigned int level);

uint64_t ptw_arm_make_table(const struct ptw_geometry *g, const struct ptw_layout *l,
			    uint64_t table_pa, unsigned int level);

uint64_t ptw_arm_set_user(const struct ptw_layout *l, uint64_t e, unsigned int level, bool on);

uint64_t ptw_arm_held(const struct ptw_layout *l, unsigned int level);

uint64_t ptw_arm_relevel(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			 unsigned int from, unsigned int to, uint64_t oa, bool group);

/* `memory`: bits of a leaf that say, in this stage, what memory it is. */
bool ptw_arm_must_break(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t from,
			uint64_t to, unsigned int level, uint64_t memory);

/* AF of a table descriptor, which hardware sets and looks at with FEAT_HAFT only. */
uint64_t ptw_arm_table_accessed(const struct ptw_geometry *g, unsigned int level);

bool ptw_arm_malformed(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		       unsigned int level);

#endif /* PTW_ARCH_ARM64_VMSA_BUILD_H */
