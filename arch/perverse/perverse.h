/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The perverse test format: legal by every rule that walkers may rely on, and by no other.
 *
 * Tables have 8 entries, every level keeps its fields at other positions (the word is rotated by
 * 5 + 11 * level), odd levels have the opposite sense of "present" and of "leaf", "dirty" is a bit
 * that is zero, and an empty entry is not zero. Code that looks at bits by itself fails here.
 *
 * Logical fields, before the rotation: 0 presence, 1 leaf, 2 R, 3 W, 4 X, 5 accessed, 6 clean,
 * 7 user bit, 8 held, 9 may write, 11:10 zero, 57:12 address >> 6, 63:58 zero.
 */
#ifndef PTW_ARCH_PERVERSE_H
#define PTW_ARCH_PERVERSE_H

#include "arch/format.h"

#define PV_PRESENCE PTW_BIT(0)
#define PV_LEAF PTW_BIT(1)
#define PV_R PTW_BIT(2)
#define PV_W PTW_BIT(3)
#define PV_X PTW_BIT(4)
#define PV_A PTW_BIT(5)
#define PV_CLEAN PTW_BIT(6)
#define PV_USER PTW_BIT(7)
#define PV_HELD PTW_BIT(8)
#define PV_MAY_WRITE PTW_BIT(9)
#define PV_ADDRESS PTW_BITS(57, 12)
#define PV_ADDRESS_SHIFT 6

#define PV_ROTATION(level) (5 + 11 * (level))

/* Stored words that are present on no level: zero where even levels want one, one where odd levels
 * want zero; accessed and clean positions of every level are zero. */
#define PV_EMPTY (PTW_BIT(16) | PTW_BIT(38))
#define PV_FROZEN (PV_EMPTY | PTW_BIT(60))

static inline uint64_t pv_logical(uint64_t e, unsigned int level)
{
	unsigned int r = PV_ROTATION(level);

	return e >> r | e << (64 - r);
}

static inline uint64_t pv_stored(uint64_t w, unsigned int level)
{
	unsigned int r = PV_ROTATION(level);

	return w << r | w >> (64 - r);
}

static inline bool pv_present(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	return (pv_logical(e, level) & PV_PRESENCE) != (level & 1);
}

static inline bool pv_leaf(uint64_t e, unsigned int level)
{
	if (level == 0)
		return true;
	return !!(pv_logical(e, level) & PV_LEAF) != (level & 1);
}

static inline uint64_t pv_address(const struct ptw_geometry *g, uint64_t e, unsigned int level)
{
	(void)g;
	return (pv_logical(e, level) & PV_ADDRESS) >> PV_ADDRESS_SHIFT;
}

static inline bool pv_young(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	return pv_logical(e, level) & PV_A;
}

static inline bool pv_dirty(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	return !(pv_logical(e, level) & PV_CLEAN);
}

static inline uint64_t pv_make_old(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	return e & ~pv_stored(PV_A, level);
}

static inline uint64_t pv_make_clean(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)l;
	return e | pv_stored(PV_CLEAN, level);
}

static const struct ptw_format perverse_format = {
	.name = "perverse",
	.granule_lg2 = 12,
	.index_lg2 = 3,
	.accessed = PTW_BIT(10), /* PV_A at level 0 */
	.and_clear = true,
	.present = pv_present,
	.leaf = pv_leaf,
	.address = pv_address,
	.young = pv_young,
	.dirty_leaf = pv_dirty,
	.make_old = pv_make_old,
	.make_clean = pv_make_clean,
};

static const struct ptw_layout perverse_layout = {
	.size = sizeof(struct ptw_layout),
	.name = "ptw-perverse",
	.exact = true,
	.empty = PV_EMPTY,
	.frozen = PV_FROZEN,
	.held = PTW_BIT(13), /* at level 0; other levels rotate it */
	.user = PTW_BIT(12), /* likewise */
	.may_write = PTW_BIT(14),
	.kinds = 1,
	.kind = { { .accessed = PTW_BIT(10) } },
};

extern const struct ptw_build ptw_perverse_build;

#endif /* PTW_ARCH_PERVERSE_H */
