/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Oracle for EPT: Intel SDM vol. 3C, chapter "VMX Support for Address Translation": tables "Format
 * of an EPT ... Entry", sections "EPT Misconfigurations" and "Accessed and Dirty Flags for EPT";
 * and the software bits of the library and of three versions of KVM.
 */
#ifndef PTW_TESTS_MANUAL_EPT_H
#define PTW_TESTS_MANUAL_EPT_H

#include "conformance.h"

enum ept_style {
	EPT_OURS,	  /* with A/D bits */
	EPT_OURS_TRACKED, /* without: software A and D at the same places */
	EPT_KVM_6,	  /* type in 53:52; with type 1 young and dirty are permissions */
	EPT_KVM_7,	  /* type in 61:60; with type 1 accessed is at bit 8 */
};

struct ept_software {
	enum ept_style style;
	uint64_t may_write; /* all of them: a write fault may set W */
	uint64_t promise;   /* of those, the one that goes when W goes for ever */
	uint64_t held;
	uint64_t user;
	uint64_t permissions; /* what access tracking takes away */
	uint64_t saved[3][2]; /* permission, and where it is kept */
};

static const struct ept_software ept_ours = {
	.style = EPT_OURS,
	.may_write = BIT(53),
	.promise = BIT(53),
	.held = BIT(55),
	.user = BIT(56),
};

static const struct ept_software ept_ours_tracked = {
	.style = EPT_OURS_TRACKED,
	.may_write = BIT(53),
	.promise = BIT(53),
	.held = BIT(55),
	.user = BIT(56),
	.permissions = 7,
	.saved = {{BIT(0), BIT(52)}, {BIT(2), BIT(54)}},
};

struct ept_kind {
	uint64_t accessed; /* 0: young unless tracked */
	uint64_t dirty;	   /* 0: dirty while W */
	bool tracked;
	bool clean_write;
};

static inline struct ept_kind ept_kind(const struct ept_software *sw, uint64_t e)
{
	const struct ept_kind hardware = {BIT(8), BIT(9), false, false};
	const struct ept_kind write_protect = {BIT(8), BIT(9), false, true};

	switch (sw->style) {
	case EPT_OURS:
		return hardware;
	case EPT_OURS_TRACKED:
		return (struct ept_kind){BIT(8), BIT(9), true, true};
	case EPT_KVM_6:
		if ((e >> 52 & 3) == 1)
			return (struct ept_kind){0, 0, true, true};
		return (e >> 52 & 3) == 2 ? write_protect : hardware;
	default:
		if ((e >> 60 & 3) == 1)
			return (struct ept_kind){BIT(8), 0, true, true};
		return (e >> 60 & 3) == 2 ? write_protect : hardware;
	}
}

/* Has access tracking taken the permissions away? */
static inline bool ept_is_tracked(const struct ept_software *sw, uint64_t e)
{
	return ept_kind(sw, e).tracked && !(e & sw->permissions);
}

static inline uint64_t ept_restored(const struct ept_software *sw, uint64_t e)
{
	for (unsigned int i = 0; i < COUNT(sw->saved); i++) {
		if (e & sw->saved[i][1])
			e |= sw->saved[i][0];
		e &= ~sw->saved[i][1];
	}
	return e;
}

/* "EPT Misconfigurations": write without read, execute alone where that does not exist; and not
 * present at all, where the software meant it to be. */
static inline bool ept_bad_permissions(const struct subject *s, uint64_t e)
{
	switch (e & 7) {
	case 4:
		return !(s->features & PTW_FEATURE_EXEC_ONLY);
	case 1:
	case 3:
	case 5:
	case 7:
		return false;
	default:
		return true;
	}
}

static void ept_oracle_read(const struct subject *s, uint64_t e, unsigned int level,
			    struct reading *r)
{
	const struct ept_software *sw = s->software;
	const struct ept_kind kind = ept_kind(sw, e);
	uint64_t rwx;

	r->present = e & BIT(11);
	r->leaf = level == 0 || (e & BIT(7));
	if (!r->present)
		return;
	r->address = e & BITS(51, 12);
	r->refused = s->oa_bits < 52 && (e & BITS(51, s->oa_bits % 52));
	if (!r->leaf) {
		r->refused = r->refused || (e & BITS(6, 3)) || ept_bad_permissions(s, e);
		return;
	}
	switch (level) {
	case 0:
		break;
	case 1:
		r->refused = r->refused || (e & BITS(20, 12));
		break;
	case 2:
		r->refused = r->refused || (e & BITS(29, 12)) || !(s->features & PTW_FEATURE_1G);
		break;
	default:
		r->refused = true;
	}
	switch (e >> 3 & 7) {
	case 0:
		r->memtype = PTW_MEM_DEVICE;
		break;
	case 1:
		r->memtype = PTW_MEM_UNCACHED;
		break;
	case 4:
	case 5:
	case 6:
		r->memtype = PTW_MEM_NORMAL;
		break;
	default:
		r->refused = true;
	}
	if (!ept_is_tracked(sw, e) && ept_bad_permissions(s, e))
		r->refused = true;

	r->young = kind.accessed ? e & kind.accessed : !ept_is_tracked(sw, e);
	r->dirty = e & (kind.dirty ? kind.dirty : BIT(1));
	rwx = ept_is_tracked(sw, e) ? ept_restored(sw, e) : e;
	r->prot = rwx & 7;
	if (sw->may_write && (e & sw->may_write) == sw->may_write) {
		r->prot |= PTW_PROT_WRITE;
		r->flags |= PTW_LEAF_MAY_WRITE;
	}
	if (e & sw->held)
		r->flags |= PTW_LEAF_HELD;
	if (e & sw->user)
		r->flags |= PTW_LEAF_USER_BIT;
}

static uint64_t ept_oracle_old(const struct subject *s, uint64_t e, unsigned int level)
{
	const struct ept_software *sw = s->software;
	const struct ept_kind kind = ept_kind(sw, e);

	(void)level;
	if (kind.tracked && !ept_is_tracked(sw, e)) {
		for (unsigned int i = 0; i < COUNT(sw->saved); i++) {
			e &= ~sw->saved[i][1];
			if (e & sw->saved[i][0])
				e |= sw->saved[i][1];
		}
		e &= ~sw->permissions;
	}
	return e & ~kind.accessed;
}

static uint64_t ept_oracle_clean(const struct subject *s, uint64_t e, unsigned int level)
{
	const struct ept_kind kind = ept_kind(s->software, e);

	(void)level;
	return e & ~kind.dirty & ~(kind.clean_write ? BIT(1) : 0);
}

static bool ept_oracle_fix(const struct subject *s, uint64_t e, unsigned int level, uint32_t access,
			   uint64_t *fixed)
{
	const struct ept_software *sw = s->software;
	const struct ept_kind kind = ept_kind(sw, e);
	struct reading r = {0};
	uint32_t needs = 0;

	ept_oracle_read(s, e, level, &r);
	if (!(access & 6) || access & PTW_ACCESS_READ)
		needs |= PTW_PROT_READ;
	if (access & PTW_ACCESS_WRITE)
		needs |= PTW_PROT_WRITE;
	if (access & PTW_ACCESS_FETCH)
		needs |= PTW_PROT_EXEC;
	/* With A/D flags on, the guest's own page walk writes. */
	if (access & PTW_ACCESS_GUEST_PT && s->features & PTW_FEATURE_HW_ACCESSED)
		needs |= PTW_PROT_WRITE;
	if (needs & ~r.prot)
		return false;
	if (ept_is_tracked(sw, e))
		e = ept_restored(sw, e);
	e |= kind.accessed;
	if (needs & PTW_PROT_WRITE)
		e |= BIT(1) | kind.dirty;
	/* No fault is fixed by an entry that hardware misconfigures. */
	if (ept_bad_permissions(s, e))
		return false;
	*fixed = e;
	return true;
}

static uint64_t ept_oracle_protect(const struct subject *s, uint64_t e, unsigned int level,
				   bool forever)
{
	const struct ept_software *sw = s->software;

	(void)level;
	return e & ~BIT(1) & ~(forever ? sw->promise : 0);
}

static uint64_t ept_oracle_user(const struct subject *s, unsigned int level)
{
	(void)level;
	return ((const struct ept_software *)s->software)->user;
}

static uint64_t ept_oracle_make(const struct subject *s, const struct ptw_leaf *leaf,
				unsigned int level, uint64_t *e)
{
	static const uint64_t memtypes[4] = {6, 1, 0, 0};
	const bool may_write = leaf->prot & PTW_PROT_WRITE || leaf->flags & PTW_LEAF_MAY_WRITE;
	uint64_t errors = 0, v;

	if (leaf->prot & PTW_PROT_USER)
		errors |= ERROR(PTW_ERR_PERM);
	if (leaf->flags & PTW_LEAF_GROUP)
		errors |= ERROR(PTW_ERR_UNSUPPORTED);
	if (ept_bad_permissions(s, leaf->prot | (may_write ? PTW_PROT_WRITE : 0)))
		errors |= ERROR(PTW_ERR_PERM);
	if (errors)
		return errors;

	v = leaf->oa | leaf->prot | memtypes[leaf->memtype & 3] << 3 | BIT(11);
	if (level)
		v |= BIT(7);
	if (leaf->flags & PTW_LEAF_YOUNG)
		v |= BIT(8);
	if (leaf->flags & PTW_LEAF_DIRTY)
		v |= BIT(9);
	if (may_write)
		v |= BIT(53);
	if (leaf->flags & PTW_LEAF_HELD)
		v |= BIT(55);
	if (leaf->flags & PTW_LEAF_USER_BIT)
		v |= BIT(56);
	/* Without A/D bits a clean leaf is one that cannot be written, an old one is tracked. */
	if (!(s->features & PTW_FEATURE_HW_ACCESSED)) {
		if (!(leaf->flags & PTW_LEAF_DIRTY))
			v &= ~BIT(1);
		if (!(leaf->flags & PTW_LEAF_YOUNG)) {
			v |= (v & BIT(0)) << 52 | (v & BIT(2)) << 52;
			v &= ~(uint64_t)7;
		}
	}
	if (leaf->prot < 16 && leaf->memtype < 3 && leaf->flags < 64)
		*e = v;
	return 0;
}

static uint64_t ept_oracle_table(const struct subject *s, uint64_t pa, unsigned int level)
{
	(void)s;
	(void)level;
	return pa | BIT(11) | 7;
}

static uint64_t ept_oracle_table_accessed(const struct subject *s, unsigned int level)
{
	(void)level;
	return s->features & PTW_FEATURE_HW_ACCESSED ? BIT(8) : 0;
}

static uint64_t ept_oracle_held(const struct subject *s, unsigned int level)
{
	(void)level;
	return ((const struct ept_software *)s->software)->held;
}

/* 6:0, 11:8 and 63:52 are the same in entries that map 4 KiB, 2 MiB and 1 GiB. */
static uint64_t ept_oracle_relevel(const struct subject *s, uint64_t e, unsigned int from,
				   unsigned int to, uint64_t oa, bool group)
{
	(void)from;
	(void)group;
	e &= (BITS(6, 0) | BITS(11, 8) | BITS(63, 52)) & ~ept_oracle_held(s, to);
	return e | oa | (to ? BIT(7) : 0);
}

/* Bit 7 is ignored in an entry that maps 4 KiB. */
static uint64_t ept_oracle_level_only(const struct subject *s, unsigned int level)
{
	(void)s;
	return level ? 0 : BIT(7);
}

static bool ept_oracle_breaks(const struct subject *s, uint64_t from, uint64_t to,
			      unsigned int level, unsigned int bbm)
{
	(void)s;
	(void)from;
	(void)to;
	(void)level;
	(void)bbm;
	return false;
}

static const struct oracle ept_oracle = {
	.read = ept_oracle_read,
	.old = ept_oracle_old,
	.clean = ept_oracle_clean,
	.fix = ept_oracle_fix,
	.protect = ept_oracle_protect,
	.user = ept_oracle_user,
	.make = ept_oracle_make,
	.table = ept_oracle_table,
	.table_accessed = ept_oracle_table_accessed,
	.held = ept_oracle_held,
	.relevel = ept_oracle_relevel,
	.level_only = ept_oracle_level_only,
	.breaks = ept_oracle_breaks,
};

#endif /* PTW_TESTS_MANUAL_EPT_H */
