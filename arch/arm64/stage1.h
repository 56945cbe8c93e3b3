/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * arm64 stage 1 descriptors of the EL1&0 regime (Arm ARM DDI 0487, D8.3.1 and D8.4), for the
 * primary MMU. Dirty is "may be written now": DBM = 1 and AP[2] = 0.
 */
#ifndef PTW_ARCH_ARM64_STAGE1_H
#define PTW_ARCH_ARM64_STAGE1_H

#include "arch/arm64/vmsa.h"

#define S1_ATTRINDX_SHIFT 2
#define S1_ATTRINDX PTW_BITS(4, 2)
/* Indexes into MAIR_EL1 that the library assumes: 0 normal, 1 non-cacheable, 2 device. */
#define S1_ATTR_NORMAL 0u
#define S1_ATTR_NC 1u
#define S1_ATTR_DEVICE 2u
#define S1_NS PTW_BIT(5)
#define S1_AP_EL0 PTW_BIT(6)  /* AP[1] */
#define S1_AP_RO PTW_BIT(7)   /* AP[2] */
#define S1_NG PTW_BIT(11)
#define S1_PXN PTW_BIT(53)
#define S1_UXN PTW_BIT(54)

static inline bool s1_dirty(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	(void)level;
	return (e & (ARM_DBM | S1_AP_RO)) == ARM_DBM;
}

static inline uint64_t s1_make_clean(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	(void)level;
	return e | S1_AP_RO;
}

#define S1_FORMAT(label, granule, ...)                                                             \
	ARM_FORMAT(label, granule, s1_dirty, s1_make_clean, __VA_ARGS__)

static const struct ptw_layout s1_layout = {
	.size = sizeof(struct ptw_layout),
	.name = "ptw-stage1",
	.exact = true,
	.frozen = ARM_OWN_FROZEN,
	.held = ARM_OWN_HELD,
	.user = ARM_OWN_USER,
	.may_write = ARM_DBM,
	.kinds = 1,
	.kind = { { .accessed = ARM_AF, .clean_write = true } },
};

extern const struct ptw_build ptw_s1_build;

#endif /* PTW_ARCH_ARM64_STAGE1_H */
