/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Oracle for x86-64 paging and AMD nested paging: Intel SDM vol. 3A, "4-Level Paging and 5-Level
 * Paging", tables "Format of a ... Entry"; AMD APM vol. 2, 5.3 and 15.25; and the software bits of
 * the library and of KVM.
 */
#ifndef PTW_TESTS_MANUAL_X86_64_H
#define PTW_TESTS_MANUAL_X86_64_H

#include "conformance.h"

struct x86_64_software {
	uint64_t marker; /* software's own "present"; 0: bit 0 */
	uint64_t may_write;
	uint64_t promise;
	uint64_t held;
	uint64_t user;
};

static const struct x86_64_software x86_64_ours = {
	.may_write = BIT(9),
	.promise = BIT(9),
	.held = BIT(10),
	.user = BIT(11),
};

static void x86_64_oracle_read(const struct subject *s, uint64_t e, unsigned int level,
			       struct reading *r)
{
	const struct x86_64_software *sw = s->software;

	r->present = e & (sw->marker ? sw->marker : BIT(0));
	r->leaf = level == 0 || (e & BIT(7));
	if (!r->present)
		return;
	r->refused = !(e & BIT(0));
	if (s->oa_bits < 52 && (e & BITS(51, s->oa_bits % 52)))
		r->refused = true;
	if (e & BIT(63) && !(s->features & PTW_FEATURE_NX))
		r->refused = true;
	r->address = e & BITS(51, 12);
	if (!r->leaf)
		return;
	/* In a large leaf bit 12 is PAT. */
	switch (level) {
	case 0:
		break;
	case 1:
		r->refused = r->refused || (e & BITS(20, 13));
		r->address = e & BITS(51, 21);
		break;
	case 2:
		r->refused = r->refused || (e & BITS(29, 13)) || !(s->features & PTW_FEATURE_1G);
		r->address = e & BITS(51, 30);
		break;
	default:
		r->refused = true;
	}
	r->young = e & BIT(5);
	r->dirty = e & BIT(6);
	r->prot = PTW_PROT_READ;
	if (e & BIT(1))
		r->prot |= PTW_PROT_WRITE;
	if (e & BIT(2))
		r->prot |= PTW_PROT_USER;
	if (!(e & BIT(63)))
		r->prot |= PTW_PROT_EXEC;
	/* The PAT as processors come up: PCD and PWT count WB, WT, UC-, UC; PAT repeats it. */
	switch (e >> 3 & 3) {
	case 2:
		r->memtype = PTW_MEM_UNCACHED;
		break;
	case 3:
		r->memtype = PTW_MEM_DEVICE;
		break;
	default:
		r->memtype = PTW_MEM_NORMAL;
	}
	if (sw->may_write && (e & sw->may_write) == sw->may_write) {
		r->prot |= PTW_PROT_WRITE;
		r->flags |= PTW_LEAF_MAY_WRITE;
	}
	if (e & sw->held)
		r->flags |= PTW_LEAF_HELD;
	if (e & sw->user)
		r->flags |= PTW_LEAF_USER_BIT;
}

static uint64_t x86_64_oracle_old(const struct subject *s, uint64_t e, unsigned int level)
{
	(void)s;
	(void)level;
	return e & ~BIT(5);
}

static uint64_t x86_64_oracle_clean(const struct subject *s, uint64_t e, unsigned int level)
{
	(void)s;
	(void)level;
	return e & ~BIT(6);
}

static bool x86_64_oracle_fix(const struct subject *s, uint64_t e, unsigned int level,
			      uint32_t access, uint64_t *fixed)
{
	struct reading r = {0};
	uint32_t needs = 0;

	x86_64_oracle_read(s, e, level, &r);
	if (access & PTW_ACCESS_WRITE)
		needs |= PTW_PROT_WRITE;
	if (access & PTW_ACCESS_FETCH)
		needs |= PTW_PROT_EXEC;
	if (access & PTW_ACCESS_USER)
		needs |= PTW_PROT_USER;
	/* APM 15.25.5: the guest's page walk is a user write to the nested tables. */
	if (access & PTW_ACCESS_GUEST_PT)
		needs |= PTW_PROT_USER | PTW_PROT_WRITE;
	if (needs & ~r.prot)
		return false;
	e |= BIT(5);
	if (needs & PTW_PROT_WRITE)
		e |= BIT(1) | BIT(6);
	*fixed = e;
	return true;
}

static uint64_t x86_64_oracle_protect(const struct subject *s, uint64_t e, unsigned int level,
				      bool forever)
{
	const struct x86_64_software *sw = s->software;

	(void)level;
	return e & ~BIT(1) & ~(forever ? sw->promise : 0);
}

static uint64_t x86_64_oracle_user(const struct subject *s, unsigned int level)
{
	(void)level;
	return ((const struct x86_64_software *)s->software)->user;
}

static uint64_t x86_64_oracle_make(const struct subject *s, const struct ptw_leaf *leaf,
				   unsigned int level, uint64_t *e)
{
	/* PCD is bit 4, PWT bit 3. */
	static const uint64_t memtypes[4] = {0, BIT(4), BIT(4) | BIT(3), 0};
	uint64_t errors = 0, v;

	if (!(leaf->prot & PTW_PROT_READ))
		errors |= ERROR(PTW_ERR_PERM);
	if (!(leaf->prot & PTW_PROT_EXEC) && !(s->features & PTW_FEATURE_NX))
		errors |= ERROR(PTW_ERR_PERM);
	if (leaf->flags & PTW_LEAF_GROUP)
		errors |= ERROR(PTW_ERR_UNSUPPORTED);
	if (errors)
		return errors;
	v = leaf->oa | BIT(0) | memtypes[leaf->memtype & 3];
	if (level)
		v |= BIT(7);
	if (leaf->prot & PTW_PROT_WRITE)
		v |= BIT(1);
	if (leaf->prot & PTW_PROT_USER)
		v |= BIT(2);
	if (!(leaf->prot & PTW_PROT_EXEC))
		v |= BIT(63);
	if (leaf->flags & PTW_LEAF_YOUNG)
		v |= BIT(5);
	if (leaf->flags & PTW_LEAF_DIRTY)
		v |= BIT(6);
	if (leaf->prot & PTW_PROT_WRITE || leaf->flags & PTW_LEAF_MAY_WRITE)
		v |= BIT(9);
	if (leaf->flags & PTW_LEAF_HELD)
		v |= BIT(10);
	if (leaf->flags & PTW_LEAF_USER_BIT)
		v |= BIT(11);
	if (leaf->prot < 16 && leaf->memtype < 3 && leaf->flags < 64)
		*e = v;
	return 0;
}

static uint64_t x86_64_oracle_table(const struct subject *s, uint64_t pa, unsigned int level)
{
	(void)s;
	(void)level;
	return pa | BIT(0) | BIT(1) | BIT(2);
}

static uint64_t x86_64_oracle_table_accessed(const struct subject *s, unsigned int level)
{
	(void)s;
	(void)level;
	return BIT(5);
}

static uint64_t x86_64_oracle_held(const struct subject *s, unsigned int level)
{
	(void)level;
	return ((const struct x86_64_software *)s->software)->held;
}

/* 6:0, 11:8 and 63:52 are the same in all; PAT is bit 7 in a PTE, bit 12 where 7 is PS. */
static uint64_t x86_64_oracle_relevel(const struct subject *s, uint64_t e, unsigned int from,
				      unsigned int to, uint64_t oa, bool group)
{
	const uint64_t pat = e >> (from == 0 ? 7 : 12) & 1;

	(void)group;
	e &= (BITS(6, 0) | BITS(11, 8) | BITS(63, 52)) & ~x86_64_oracle_held(s, to);
	return e | oa | (to == 0 ? pat << 7 : BIT(7) | pat << 12);
}

static uint64_t x86_64_oracle_level_only(const struct subject *s, unsigned int level)
{
	(void)s;
	(void)level;
	return 0;
}

static bool x86_64_oracle_breaks(const struct subject *s, uint64_t from, uint64_t to,
				 unsigned int level, unsigned int bbm)
{
	(void)s;
	(void)from;
	(void)to;
	(void)level;
	(void)bbm;
	return false;
}

static const struct oracle x86_64_oracle = {
	.read = x86_64_oracle_read,
	.old = x86_64_oracle_old,
	.clean = x86_64_oracle_clean,
	.fix = x86_64_oracle_fix,
	.protect = x86_64_oracle_protect,
	.user = x86_64_oracle_user,
	.make = x86_64_oracle_make,
	.table = x86_64_oracle_table,
	.table_accessed = x86_64_oracle_table_accessed,
	.held = x86_64_oracle_held,
	.relevel = x86_64_oracle_relevel,
	.level_only = x86_64_oracle_level_only,
	.breaks = x86_64_oracle_breaks,
};

#endif /* PTW_TESTS_MANUAL_X86_64_H */
