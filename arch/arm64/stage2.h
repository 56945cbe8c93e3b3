/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * arm64 stage 2 descriptors (Arm ARM DDI 0487, D8.3.2 "Block descriptor and Page descriptor
 * formats", stage 2; D8.5 "Hardware updates to the translation tables").
 *
 * DBM (bit 51) says that a leaf may be written; S2AP[1] says that it may be written now. With
 * hardware dirty state (HD) the processor sets S2AP[1] itself, without it the write faults and
 * software does: the encoding, and so the harvest, is the same. Dirty is S2AP[1].
 */
#ifndef PTW_ARCH_ARM64_STAGE2_H
#define PTW_ARCH_ARM64_STAGE2_H

#include "arch/arm64/vmsa.h"

#define S2_MEMATTR_SHIFT 2
#define S2_MEMATTR PTW_BITS(5, 2)
#define S2_MEMATTR_WB 0xfu
#define S2_MEMATTR_NC 0x5u
#define S2_MEMATTR_DEVICE_NGNRE 0x1u
#define S2_READ PTW_BIT(6)
#define S2_WRITE PTW_BIT(7)
#define S2_XN_SHIFT 53
#define S2_XN PTW_BITS(54, 53)
#define S2_XN_ALL 2u /* no execution at EL0 and EL1 */

static inline bool s2_dirty(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	(void)level;
	return e & S2_WRITE;
}

static inline uint64_t s2_make_clean(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	(void)level;
	return e & ~S2_WRITE;
}

#define S2_FORMAT(label, granule, ...)                                                             \
	ARM_FORMAT(label, granule, s2_dirty, s2_make_clean, __VA_ARGS__)

static const struct ptw_layout s2_layout = {
	.size = sizeof(struct ptw_layout),
	.name = "ptw-stage2",
	.exact = true,
	.frozen = ARM_OWN_FROZEN,
	.held = ARM_OWN_HELD,
	.user = ARM_OWN_USER,
	.may_write = ARM_DBM,
	.kinds = 1,
	.kind = { { .accessed = ARM_AF, .clean_write = true } },
};

extern const struct ptw_build ptw_s2_build;

#endif /* PTW_ARCH_ARM64_STAGE2_H */
