/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Intel EPT entries (SDM vol. 3C, chapter "VMX Support for Address Translation", section "EPT
 * Translation Mechanism" and tables "Format of an EPT ... Entry").
 *
 * Access-tracked entries: without hardware accessed bits a leaf is made old by taking R, W and X
 * away; R and X are kept in ignored bits, and the next access faults. In the library's own layout A
 * and D stay at bits 8 and 9 then too, as software bits, so "is young" reads the same.
 */
#ifndef PTW_ARCH_X86_EPT_H
#define PTW_ARCH_X86_EPT_H

#include "arch/format.h"

#define EPT_R PTW_BIT(0)
#define EPT_W PTW_BIT(1)
#define EPT_X PTW_BIT(2)
#define EPT_RWX (EPT_R | EPT_W | EPT_X)
#define EPT_MEMTYPE_SHIFT 3
#define EPT_MEMTYPE PTW_BITS(5, 3)
#define EPT_IPAT PTW_BIT(6)
#define EPT_LEAF PTW_BIT(7) /* ignored at level 0, where every entry is a leaf */
#define EPT_A PTW_BIT(8)
#define EPT_D PTW_BIT(9)
#define EPT_XU PTW_BIT(10) /* mode-based execute control; KVM counts it among the permissions */
#define EPT_ADDRESS PTW_BITS(51, 12)

/* Software bits of our own layout. A marker says present, since a tracked leaf has no permission. */
#define EPT_OWN_PRESENT PTW_BIT(11)
#define EPT_OWN_SAVED_SHIFT 52 /* R at 52, X at 54 */
#define EPT_OWN_MAY_WRITE PTW_BIT(53)
#define EPT_OWN_HELD PTW_BIT(55)
#define EPT_OWN_USER (PTW_BIT(56) | PTW_BIT(59))
#define EPT_OWN_FROZEN PTW_BIT(62)

static inline bool ept_present(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	(void)level;
	if (l->present)
		return (e & l->present) == l->present;
	return e & EPT_RWX;
}

static inline bool ept_leaf(uint64_t e, unsigned int level)
{
	return level == 0 || (e & EPT_LEAF);
}

static inline uint64_t ept_address(const struct ptw_geometry *g, uint64_t e, unsigned int level)
{
	(void)g;
	(void)level;
	return e & EPT_ADDRESS;
}

static inline bool ept_tracked(const struct ptw_layout *l, uint64_t e)
{
	(void)l;
	return !(e & (EPT_RWX | (l->saved_mask & EPT_XU)));
}

static inline bool ept_young(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	const struct ptw_layout_kind *k = ptw_layout_kind_of(l, e);

	(void)level;
	return k->accessed ? e & k->accessed : !ept_tracked(l, e);
}

static inline bool ept_dirty(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	const struct ptw_layout_kind *k = ptw_layout_kind_of(l, e);

	(void)level;
	return e & (k->dirty ? k->dirty : EPT_W);
}

static inline uint64_t ept_make_old(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	const struct ptw_layout_kind *k = ptw_layout_kind_of(l, e);

	(void)level;
	if (k->tracked && !ept_tracked(l, e)) {
		e &= ~(l->saved_mask << l->saved_shift);
		e |= (e & l->saved_mask) << l->saved_shift;
		e &= ~(EPT_RWX | l->saved_mask);
	}
	return e & ~k->accessed;
}

static inline uint64_t ept_make_clean(const struct ptw_layout *l, uint64_t e, unsigned int level)
{
	const struct ptw_layout_kind *k = ptw_layout_kind_of(l, e);

	(void)level;
	return e & ~(k->dirty | (k->clean_write ? EPT_W : 0));
}

#define EPT_FORMAT_FIELDS                                                                          \
	.granule_lg2 = 12, .index_lg2 = 9, .accessed = EPT_A, .walked = EPT_RWX,                   \
	.walked_saved = EPT_XU,                                                                    \
	.present = ept_present, .leaf = ept_leaf, .address = ept_address, .young = ept_young,      \
	.dirty_leaf = ept_dirty, .make_old = ept_make_old, .make_clean = ept_make_clean

static const struct ptw_format ept_format = { .name = "ept", .and_clear = true, EPT_FORMAT_FIELDS };
/* Somebody else's, whose layout says leaf by leaf whether accessed and dirty are bits or permissions. */
static const struct ptw_format ept_attached_format = { .name = "ept", EPT_FORMAT_FIELDS };
/* No hardware sets A here: an old entry is one without permissions. */
static const struct ptw_format ept_tracked_format = { .name = "ept-tracked", .unmarked = EPT_RWX,
						      EPT_FORMAT_FIELDS };

static const struct ptw_layout ept_layout = {
	.size = sizeof(struct ptw_layout),
	.name = "ptw-ept",
	.exact = true,
	.present = EPT_OWN_PRESENT,
	.frozen = EPT_OWN_FROZEN,
	.held = EPT_OWN_HELD,
	.user = EPT_OWN_USER,
	.may_write = EPT_OWN_MAY_WRITE,
	.kinds = 1,
	.kind = { { .accessed = EPT_A, .dirty = EPT_D } },
};

static const struct ptw_layout ept_tracked_layout = {
	.size = sizeof(struct ptw_layout),
	.name = "ptw-ept-tracked",
	.exact = true,
	.present = EPT_OWN_PRESENT,
	.frozen = EPT_OWN_FROZEN,
	.held = EPT_OWN_HELD,
	.user = EPT_OWN_USER,
	.may_write = EPT_OWN_MAY_WRITE,
	.saved_mask = EPT_R | EPT_X,
	.saved_shift = EPT_OWN_SAVED_SHIFT,
	.kinds = 1,
	.kind = { { .accessed = EPT_A, .dirty = EPT_D, .tracked = true, .clean_write = true } },
};

extern const struct ptw_build ptw_ept_build;

#endif /* PTW_ARCH_X86_EPT_H */
