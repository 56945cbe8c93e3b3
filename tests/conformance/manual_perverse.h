/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Oracle for the perverse test format, from its description. Bits are found one by one where the
 * rotation puts them, instead of rotating the word back: bit n of level l is at n + 5 + 11 l,
 * modulo 64.
 */
#ifndef PTW_TESTS_MANUAL_PERVERSE_H
#define PTW_TESTS_MANUAL_PERVERSE_H

#include "conformance.h"

static inline uint64_t pv_at(unsigned int bit, unsigned int level)
{
	return BIT((bit + 5 + 11 * level) % 64);
}

static inline uint64_t pv_field(unsigned int high, unsigned int low, unsigned int level)
{
	uint64_t mask = 0;

	for (unsigned int bit = low; bit <= high; bit++)
		mask |= pv_at(bit, level);
	return mask;
}

/* Address bit n, of 51:6, is logical bit n + 6. */
static inline uint64_t pv_write_address(uint64_t oa, unsigned int level)
{
	uint64_t e = 0;

	for (unsigned int bit = 6; bit < 52; bit++)
		if (oa & BIT(bit))
			e |= pv_at(bit + 6, level);
	return e;
}

static void pv_oracle_read(const struct subject *s, uint64_t e, unsigned int level,
			   struct reading *r)
{
	const bool odd = level & 1;

	r->present = !!(e & pv_at(0, level)) != odd;
	r->leaf = level == 0 || !!(e & pv_at(1, level)) != odd;
	if (!r->present)
		return;
	for (unsigned int bit = 6; bit < 52; bit++)
		if (e & pv_at(bit + 6, level))
			r->address |= BIT(bit);
	if (e & (pv_field(11, 10, level) | pv_field(63, 58, level)) || r->address >> s->oa_bits)
		r->refused = true;
	if (!r->leaf) {
		/* R, W, X, clean, may write. */
		if (e & (pv_field(4, 2, level) | pv_at(6, level) | pv_at(9, level)))
			r->refused = true;
		return;
	}
	if (level > 2 || r->address & (BIT(12 + 3 * level) - 1))
		r->refused = true;
	r->young = e & pv_at(5, level);
	r->dirty = !(e & pv_at(6, level));
	r->memtype = PTW_MEM_NORMAL;
	if (e & pv_at(2, level))
		r->prot |= PTW_PROT_READ;
	if (e & pv_at(3, level))
		r->prot |= PTW_PROT_WRITE;
	if (e & pv_at(4, level))
		r->prot |= PTW_PROT_EXEC;
	if (e & pv_at(7, level))
		r->flags |= PTW_LEAF_USER_BIT;
	if (e & pv_at(8, level))
		r->flags |= PTW_LEAF_HELD;
	if (e & pv_at(9, level)) {
		r->flags |= PTW_LEAF_MAY_WRITE;
		r->prot |= PTW_PROT_WRITE;
	}
}

static uint64_t pv_oracle_old(const struct subject *s, uint64_t e, unsigned int level)
{
	(void)s;
	return e & ~pv_at(5, level);
}

static uint64_t pv_oracle_clean(const struct subject *s, uint64_t e, unsigned int level)
{
	(void)s;
	return e | pv_at(6, level);
}

static bool pv_oracle_fix(const struct subject *s, uint64_t e, unsigned int level, uint32_t access,
			  uint64_t *fixed)
{
	struct reading r = {0};

	pv_oracle_read(s, e, level, &r);
	if ((!(access & 6) || access & PTW_ACCESS_READ) && !(r.prot & PTW_PROT_READ))
		return false;
	if (access & PTW_ACCESS_WRITE && !(r.prot & PTW_PROT_WRITE))
		return false;
	if (access & PTW_ACCESS_FETCH && !(r.prot & PTW_PROT_EXEC))
		return false;
	e |= pv_at(5, level);
	if (access & PTW_ACCESS_WRITE)
		e = (e | pv_at(3, level)) & ~pv_at(6, level);
	*fixed = e;
	return true;
}

static uint64_t pv_oracle_protect(const struct subject *s, uint64_t e, unsigned int level,
				  bool forever)
{
	(void)s;
	return e & ~pv_at(3, level) & ~(forever ? pv_at(9, level) : 0);
}

static uint64_t pv_oracle_user(const struct subject *s, unsigned int level)
{
	(void)s;
	return pv_at(7, level);
}

static uint64_t pv_oracle_make(const struct subject *s, const struct ptw_leaf *leaf,
			       unsigned int level, uint64_t *e)
{
	uint64_t errors = 0, v;

	(void)s;
	if (leaf->prot & PTW_PROT_USER || leaf->memtype != PTW_MEM_NORMAL)
		errors |= ERROR(PTW_ERR_PERM);
	if (leaf->flags & PTW_LEAF_GROUP)
		errors |= ERROR(PTW_ERR_UNSUPPORTED);
	if (errors || level > 2)
		return errors;
	v = pv_write_address(leaf->oa, level);
	if (level & 1)
		v |= 0; /* present and leaf are zeros */
	else
		v |= pv_at(0, level) | (level ? pv_at(1, level) : 0);
	if (leaf->prot & PTW_PROT_READ)
		v |= pv_at(2, level);
	if (leaf->prot & PTW_PROT_WRITE)
		v |= pv_at(3, level);
	if (leaf->prot & PTW_PROT_EXEC)
		v |= pv_at(4, level);
	if (leaf->flags & PTW_LEAF_YOUNG)
		v |= pv_at(5, level);
	if (!(leaf->flags & PTW_LEAF_DIRTY))
		v |= pv_at(6, level);
	if (leaf->flags & PTW_LEAF_USER_BIT)
		v |= pv_at(7, level);
	if (leaf->flags & PTW_LEAF_HELD)
		v |= pv_at(8, level);
	if (leaf->prot & PTW_PROT_WRITE || leaf->flags & PTW_LEAF_MAY_WRITE)
		v |= pv_at(9, level);
	if (leaf->prot < 16 && leaf->flags < 64)
		*e = v;
	return 0;
}

static uint64_t pv_oracle_table(const struct subject *s, uint64_t pa, unsigned int level)
{
	(void)s;
	return pv_write_address(pa, level) | (level & 1 ? pv_at(1, level) : pv_at(0, level));
}

static uint64_t pv_oracle_table_accessed(const struct subject *s, unsigned int level)
{
	(void)s;
	return pv_at(5, level);
}

static uint64_t pv_oracle_held(const struct subject *s, unsigned int level)
{
	(void)s;
	return pv_at(8, level);
}

/* 2 R, 3 W, 4 X, 5 accessed, 6 clean, 7 user bit, 9 may write. */
static uint64_t pv_oracle_relevel(const struct subject *s, uint64_t e, unsigned int from,
				  unsigned int to, uint64_t oa, bool group)
{
	static const uint8_t kept[] = {2, 3, 4, 5, 6, 7, 9};
	uint64_t v = pv_write_address(oa, to);

	(void)s;
	(void)group;
	for (unsigned int i = 0; i < COUNT(kept); i++)
		if (e & pv_at(kept[i], from))
			v |= pv_at(kept[i], to);
	if (to == 0)
		v |= pv_at(0, to);
	else if (to % 2 == 0)
		v |= pv_at(0, to) | pv_at(1, to);
	return v;
}

/* At level 0 every entry is a leaf, whatever bit 1 says. */
static uint64_t pv_oracle_level_only(const struct subject *s, unsigned int level)
{
	(void)s;
	return level ? 0 : pv_at(1, 0);
}

static bool pv_oracle_breaks(const struct subject *s, uint64_t from, uint64_t to,
			     unsigned int level, unsigned int bbm)
{
	struct reading a = {0}, b = {0};

	pv_oracle_read(s, from, level, &a);
	pv_oracle_read(s, to, level, &b);
	return bbm != 2 && a.present && b.present && (a.leaf != b.leaf || a.address != b.address);
}

static const struct oracle pv_oracle = {
	.read = pv_oracle_read,
	.old = pv_oracle_old,
	.clean = pv_oracle_clean,
	.fix = pv_oracle_fix,
	.protect = pv_oracle_protect,
	.user = pv_oracle_user,
	.make = pv_oracle_make,
	.table = pv_oracle_table,
	.table_accessed = pv_oracle_table_accessed,
	.held = pv_oracle_held,
	.relevel = pv_oracle_relevel,
	.level_only = pv_oracle_level_only,
	.breaks = pv_oracle_breaks,
	.bbm_most = 2,
	.bbm_never = 2,
};

#endif /* PTW_TESTS_MANUAL_PERVERSE_H */
