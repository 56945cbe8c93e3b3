/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * x86-64 4- and 5-level paging entries, also AMD nested paging (Intel SDM vol. 3A, section
 * "4-Level Paging and 5-Level Paging"; AMD APM vol. 2, sections 5.3 "Long-Mode Page Translation"
 * and 15.25 "Nested Paging").
 */
#ifndef PTW_ARCH_X86_X86_64_H
#define PTW_ARCH_X86_X86_64_H

#include "arch/format.h"

#define X86_P PTW_BIT(0)
#define X86_W PTW_BIT(1)
#define X86_U PTW_BIT(2)
#define X86_PWT PTW_BIT(3)
#define X86_PCD PTW_BIT(4)
#define X86_A PTW_BIT(5)
#define X86_D PTW_BIT(6)
#define X86_PS PTW_BIT(7) /* leaf above level 0; at level 0 the bit is PAT */
#define X86_PAT_PAGE PTW_BIT(7)
#define X86_NX PTW_BIT(63)
#define X86_ADDRESS PTW_BITS(51, 12)
#define X86_PAT_BLOCK PTW_BIT(12) /* in a block the lowest address bit is PAT */

#define X86_OWN_MAY_WRITE PTW_BIT(9)
#define X86_OWN_HELD PTW_BIT(10)
#define X86_OWN_USER (PTW_BIT(11) | PTW_BIT(52))
#define X86_OWN_FROZEN PTW_BIT(62)

static inline bool x86_64_present(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)level;
	if (l->present)
		return (e & l->present) == l->present;
	return e & X86_P;
}

static inline bool x86_64_leaf(uint64_t e, unsigned int level)
{
	return level == 0 || (e & X86_PS);
}

static inline uint64_t x86_64_address(const struct ptw_geometry *g, uint64_t e, unsigned int level)
{
	(void)g;
	return e & X86_ADDRESS & ~(level && e & X86_PS ? X86_PAT_BLOCK : 0);
}

static inline bool x86_64_young(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	(void)level;
	return e & X86_A;
}

static inline bool x86_64_dirty(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	(void)level;
	return e & X86_D;
}

static inline uint64_t x86_64_make_old(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	(void)level;
	return e & ~X86_A;
}

static inline uint64_t x86_64_make_clean(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	(void)level;
	return e & ~X86_D;
}

static const struct ptw_format x86_64_format = {
	.name = "x86-64",
	.granule_lg2 = 12,
	.index_lg2 = 9,
	.accessed = X86_A,
	.and_clear = true,
	.walked = X86_P,
	.present = x86_64_present,
	.leaf = x86_64_leaf,
	.address = x86_64_address,
	.young = x86_64_young,
	.dirty_leaf = x86_64_dirty,
	.make_old = x86_64_make_old,
	.make_clean = x86_64_make_clean,
};

static const struct ptw_layout x86_64_layout = {
	.size = sizeof(struct ptw_layout),
	.name = "ptw-x86-64",
	.exact = true,
	.frozen = X86_OWN_FROZEN,
	.held = X86_OWN_HELD,
	.user = X86_OWN_USER,
	.may_write = X86_OWN_MAY_WRITE,
	.kinds = 1,
	.kind = { { .accessed = X86_A, .dirty = X86_D } },
};

extern const struct ptw_build ptw_x86_64_build;

#endif /* PTW_ARCH_X86_X86_64_H */
