/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Oracles for arm64 stage 2 and stage 1: Arm ARM DDI 0487, D8.3 "Translation table descriptor
 * formats", D8.4 "Memory access control", D8.5 "Hardware updates to the translation tables", D8.6.1
 * "Contiguous bit". Our level is 3 less Arm's.
 */
#ifndef PTW_TESTS_MANUAL_ARM64_H
#define PTW_TESTS_MANUAL_ARM64_H

#include "conformance.h"

struct arm64_software {
	bool dbm; /* bit 51 promises write permission */
	uint64_t held;
	uint64_t user;
};

static const struct arm64_software arm64_ours = {
	.dbm = true,
	.held = BIT(57),
	.user = BIT(56),
};

/* How addresses are held. */
enum arm64_address {
	ARM64_48,   /* 47:granule */
	ARM64_LPA,  /* 64K: 51:48 in 15:12 */
	ARM64_LPA2, /* 4K and 16K with DS: 49:granule, and 51:50 in 9:8 */
};

static inline enum arm64_address arm64_address(const struct subject *s)
{
	if (s->features & PTW_FEATURE_DS)
		return ARM64_LPA2;
	if (s->features & PTW_FEATURE_LPA && s->oa_bits == 52)
		return ARM64_LPA;
	return ARM64_48;
}

/* The lowest address bit of a leaf: "OA low bit n" of the descriptor figures. */
static inline unsigned int arm64_leaf_lg2(unsigned int granule, unsigned int level)
{
	static const uint8_t lg2_4k[] = {12, 21, 30, 39}, lg2_16k[] = {14, 25, 36},
			     lg2_64k[] = {16, 29, 42};

	switch (granule) {
	case 12:
		return level < 4 ? lg2_4k[level] : 48;
	case 14:
		return level < 3 ? lg2_16k[level] : 47;
	default:
		return level < 3 ? lg2_64k[level] : 52;
	}
}

/* Blocks that the granule has; the widest ones came with 52-bit addresses. */
static inline bool arm64_leaf_exists(const struct subject *s, unsigned int level)
{
	const bool wide = arm64_address(s) != ARM64_48;

	if (s->granule == 12)
		return level <= 2 || (level == 3 && wide);
	return level <= 1 || (level == 2 && wide);
}

/* Entries of a contiguous group; 0: the bit is RES0. */
static inline unsigned int arm64_group(unsigned int granule, unsigned int level)
{
	static const uint8_t group_4k[] = {16, 16, 16}, group_16k[] = {128, 32},
			     group_64k[] = {32, 32};

	switch (granule) {
	case 12:
		return level < 3 ? group_4k[level] : 0;
	case 14:
		return level < 2 ? group_16k[level] : 0;
	default:
		return level < 2 ? group_64k[level] : 0;
	}
}

static inline uint64_t arm64_read_address(const struct subject *s, uint64_t e)
{
	switch (arm64_address(s)) {
	case ARM64_LPA2:
		return (e & BITS(49, s->granule)) | (e >> 8 & 3) << 50;
	case ARM64_LPA:
		return (e & BITS(47, 16)) | (e >> 12 & 15) << 48;
	default:
		return e & BITS(47, s->granule);
	}
}

static inline uint64_t arm64_write_address(const struct subject *s, uint64_t oa)
{
	switch (arm64_address(s)) {
	case ARM64_LPA2:
		return (oa & BITS(49, s->granule)) | (oa >> 50 & 3) << 8;
	case ARM64_LPA:
		return (oa & BITS(47, 16)) | (oa >> 48 & 15) << 12;
	default:
		return oa & BITS(47, s->granule);
	}
}

/* What both stages have in common. True if the rest is worth reading. */
static inline bool arm64_read_common(const struct subject *s, uint64_t e, unsigned int level,
				     struct reading *r)
{
	const struct arm64_software *sw = s->software;
	const enum arm64_address kind = arm64_address(s);
	const unsigned int lg2 = arm64_leaf_lg2(s->granule, level);

	r->present = level ? e & 1 : (e & 3) == 3;
	r->leaf = level == 0 || (e & 3) == 1;
	if (!r->present)
		return false;
	/* Address bits of larger sizes are RES0. */
	if (kind != ARM64_LPA2 && e & BITS(49, 48))
		r->refused = true;
	if (kind != ARM64_LPA && s->granule > 12 && e & BITS(s->granule - 1, 12))
		r->refused = true;
	r->address = arm64_read_address(s, e);
	if (r->address >> s->oa_bits)
		r->refused = true;
	if (!r->leaf)
		return false;

	if (!arm64_leaf_exists(s, level)) {
		r->refused = true;
		return false;
	}
	if (level) {
		/* Bit 16 of a block is nT. */
		uint64_t low = BITS(lg2 - 1, s->granule) & ~BIT(16);

		if (e & low)
			r->refused = true;
		r->address &= ~(BIT(lg2) - 1);
	}
	if (e & BIT(52)) {
		if (arm64_group(s->granule, level))
			r->flags |= PTW_LEAF_GROUP;
		else
			r->refused = true;
	}
	/* SH value 1 is reserved; with LPA2 these are address bits. */
	if (kind != ARM64_LPA2 && (e >> 8 & 3) == 1)
		r->refused = true;
	r->young = e & BIT(10);
	if (sw->dbm && e & BIT(51))
		r->flags |= PTW_LEAF_MAY_WRITE;
	if (e & sw->held)
		r->flags |= PTW_LEAF_HELD;
	if (e & sw->user)
		r->flags |= PTW_LEAF_USER_BIT;
	return true;
}

static uint64_t arm64_oracle_old(const struct subject *s, uint64_t e, unsigned int level)
{
	(void)s;
	(void)level;
	return e & ~BIT(10);
}

static uint64_t arm64_oracle_user(const struct subject *s, unsigned int level)
{
	(void)level;
	return ((const struct arm64_software *)s->software)->user;
}

static inline uint64_t arm64_promise(const struct subject *s)
{
	return ((const struct arm64_software *)s->software)->dbm ? BIT(51) : 0;
}

static inline uint32_t arm64_needs(uint32_t access)
{
	uint32_t needs = 0;

	if (!(access & 6) || access & PTW_ACCESS_READ)
		needs |= PTW_PROT_READ;
	if (access & PTW_ACCESS_WRITE)
		needs |= PTW_PROT_WRITE;
	if (access & PTW_ACCESS_FETCH)
		needs |= PTW_PROT_EXEC;
	return needs;
}

static inline uint64_t arm64_make_errors(const struct subject *s, const struct ptw_leaf *leaf,
					 unsigned int level)
{
	uint64_t errors = 0;

	if (leaf->flags & PTW_LEAF_GROUP && !arm64_group(s->granule, level))
		errors |= ERROR(PTW_ERR_UNSUPPORTED);
	/* Dirty is a permission in both stages. */
	if (leaf->flags & PTW_LEAF_DIRTY && !(leaf->prot & PTW_PROT_WRITE))
		errors |= ERROR(PTW_ERR_PERM);
	return errors;
}

static inline uint64_t arm64_make_common(const struct subject *s, const struct ptw_leaf *leaf,
					 unsigned int level)
{
	uint64_t v = arm64_write_address(s, leaf->oa) | (level ? 1 : 3);

	/* Inner shareable. */
	if (arm64_address(s) != ARM64_LPA2 && leaf->memtype != PTW_MEM_DEVICE)
		v |= BIT(9) | BIT(8);
	if (leaf->flags & PTW_LEAF_YOUNG)
		v |= BIT(10);
	if (leaf->prot & PTW_PROT_WRITE || leaf->flags & PTW_LEAF_MAY_WRITE)
		v |= BIT(51);
	if (leaf->flags & PTW_LEAF_GROUP)
		v |= BIT(52);
	if (leaf->flags & PTW_LEAF_USER_BIT)
		v |= BIT(56);
	if (leaf->flags & PTW_LEAF_HELD)
		v |= BIT(57);
	return v;
}

static uint64_t arm64_oracle_table(const struct subject *s, uint64_t pa, unsigned int level)
{
	(void)level;
	return arm64_write_address(s, pa) | 3;
}

/* "Hardware managed Table descriptor Access flag": bit 10, ignored without FEAT_HAFT. */
static uint64_t arm64_oracle_table_accessed(const struct subject *s, unsigned int level)
{
	(void)level;
	return s->features & PTW_FEATURE_HAFT ? BIT(10) : 0;
}

static uint64_t arm64_oracle_held(const struct subject *s, unsigned int level)
{
	(void)level;
	return ((const struct arm64_software *)s->software)->held;
}

/* Lower attributes 11:2, of which 9:8 are address bits with LPA2; upper attributes 63:50, of which 52
 * is the contiguous bit. */
static uint64_t arm64_oracle_relevel(const struct subject *s, uint64_t e, unsigned int from,
				     unsigned int to, uint64_t oa, bool group)
{
	uint64_t kept = BITS(7, 2) | BITS(11, 10) | BITS(51, 50) | BITS(63, 53);

	(void)from;
	if (arm64_address(s) != ARM64_LPA2)
		kept |= BITS(9, 8);
	return (e & kept & ~arm64_oracle_held(s, to)) | arm64_write_address(s, oa) | (to ? 1 : 3) |
	       (group ? BIT(52) : 0);
}

/* nT is a field of blocks. */
static uint64_t arm64_oracle_level_only(const struct subject *s, unsigned int level)
{
	(void)s;
	return level ? BIT(16) : 0;
}

/*
 * D8.16: an entry that is valid before and after is broken where the output address changes, the
 * shareability, or one of the attributes that say what memory it is (`memory`); where the size
 * changes, unless FEAT_BBM level 2 lets it.
 */
static inline bool arm64_breaks(const struct subject *s, uint64_t from, uint64_t to,
				unsigned int level, unsigned int bbm, uint64_t memory)
{
	struct reading a = {0}, b = {0};

	arm64_read_common(s, from, level, &a);
	arm64_read_common(s, to, level, &b);
	if (!a.present || !b.present)
		return false;
	if (a.leaf != b.leaf)
		return bbm < 2;
	if (a.address != b.address)
		return true;
	if (!a.leaf)
		return false;
	if (arm64_address(s) != ARM64_LPA2)
		memory |= BIT(9) | BIT(8);
	if ((from & memory) != (to & memory))
		return true;
	return bbm < 2 && (from & BIT(52)) != (to & BIT(52));
}

/* --- Stage 2: MemAttr 5:2, S2AP 7:6, XN 54:53. */

static inline unsigned int s2_xn(const struct subject *s, uint64_t e)
{
	/* Without FEAT_XNX bit 54 alone is XN. */
	if (!(s->features & PTW_FEATURE_XNX))
		return e & BIT(54) ? 2 : 0;
	return e >> 53 & 3;
}

static void s2_oracle_read(const struct subject *s, uint64_t e, unsigned int level,
			   struct reading *r)
{
	const struct arm64_software *sw = s->software;
	bool whole = arm64_read_common(s, e, level, r);

	if (!r->present)
		return;
	if (e & (BIT(63) | BIT(50)))
		r->refused = true;
	/* Tables have no attributes at stage 2. */
	if (!r->leaf && e & BITS(62, 59))
		r->refused = true;
	if (!whole)
		return;
	if (e & BIT(53) && !(s->features & PTW_FEATURE_XNX))
		r->refused = true;
	r->dirty = e & BIT(7);
	if (e & BIT(6))
		r->prot |= PTW_PROT_READ;
	if (e & BIT(7) || (sw->dbm && e & BIT(51)))
		r->prot |= PTW_PROT_WRITE;
	if (s2_xn(s, e) != 2)
		r->prot |= PTW_PROT_EXEC;
	/* Outer 5:4, inner 3:2; 00 is Device, 01 Non-cacheable. */
	if ((e >> 4 & 3) == 0)
		r->memtype = PTW_MEM_DEVICE;
	else if ((e >> 2 & 15) == 5)
		r->memtype = PTW_MEM_UNCACHED;
	else
		r->memtype = PTW_MEM_NORMAL;
}

static uint64_t s2_oracle_clean(const struct subject *s, uint64_t e, unsigned int level)
{
	(void)s;
	(void)level;
	return e & ~BIT(7);
}

static bool s2_oracle_fix(const struct subject *s, uint64_t e, unsigned int level, uint32_t access,
			  uint64_t *fixed)
{
	const uint32_t needs = arm64_needs(access);
	struct reading r = {0};

	s2_oracle_read(s, e, level, &r);
	if (needs & ~r.prot)
		return false;
	/* XN 1: EL0 only, 3: EL1 only. */
	if (needs & PTW_PROT_EXEC && s2_xn(s, e) == (access & PTW_ACCESS_USER ? 3 : 1))
		return false;
	*fixed = e | BIT(10) | (needs & PTW_PROT_WRITE ? BIT(7) : 0);
	return true;
}

static uint64_t s2_oracle_protect(const struct subject *s, uint64_t e, unsigned int level,
				  bool forever)
{
	(void)level;
	return e & ~BIT(7) & ~(forever ? arm64_promise(s) : 0);
}

static uint64_t s2_oracle_make(const struct subject *s, const struct ptw_leaf *leaf,
			       unsigned int level, uint64_t *e)
{
	/* Normal write-back, Normal Non-cacheable, Device-nGnRE. */
	static const uint64_t memattrs[4] = {0xf, 0x5, 0x1, 0};
	uint64_t errors = arm64_make_errors(s, leaf, level), v;

	if (leaf->prot & PTW_PROT_USER)
		errors |= ERROR(PTW_ERR_PERM);
	if (errors)
		return errors;
	v = arm64_make_common(s, leaf, level) | memattrs[leaf->memtype & 3] << 2;
	if (leaf->prot & PTW_PROT_READ)
		v |= BIT(6);
	if (leaf->flags & PTW_LEAF_DIRTY)
		v |= BIT(7);
	if (!(leaf->prot & PTW_PROT_EXEC))
		v |= BIT(54);
	if (leaf->prot < 16 && leaf->memtype < 3 && leaf->flags < 64)
		*e = v;
	return 0;
}

static bool s2_oracle_breaks(const struct subject *s, uint64_t from, uint64_t to,
			     unsigned int level, unsigned int bbm)
{
	return arm64_breaks(s, from, to, level, bbm, BITS(5, 2));
}

static const struct oracle s2_oracle = {
	.read = s2_oracle_read,
	.old = arm64_oracle_old,
	.clean = s2_oracle_clean,
	.fix = s2_oracle_fix,
	.protect = s2_oracle_protect,
	.user = arm64_oracle_user,
	.make = s2_oracle_make,
	.table = arm64_oracle_table,
	.table_accessed = arm64_oracle_table_accessed,
	.held = arm64_oracle_held,
	.relevel = arm64_oracle_relevel,
	.level_only = arm64_oracle_level_only,
	.breaks = s2_oracle_breaks,
	.bbm_most = 2,
	.bbm_never = 3,
};

/* --- Stage 1: AttrIndx 4:2, AP[2:1] 7:6, nG 11, GP 50, PXN 53, UXN 54. */

static void s1_oracle_read(const struct subject *s, uint64_t e, unsigned int level,
			   struct reading *r)
{
	bool whole = arm64_read_common(s, e, level, r);

	/* GP is a field of leaves only. */
	if (r->present && !r->leaf && e & BIT(50))
		r->refused = true;
	if (!whole)
		return;
	r->dirty = e & BIT(51) && !(e & BIT(7));
	r->prot = PTW_PROT_READ;
	if (!(e & BIT(7)) || e & BIT(51))
		r->prot |= PTW_PROT_WRITE;
	if (!(e & BIT(53)) || !(e & BIT(54)))
		r->prot |= PTW_PROT_EXEC;
	if (e & BIT(6))
		r->prot |= PTW_PROT_USER;
	/* MAIR_EL1 of the library: 1 non-cacheable, 2 device. */
	switch (e >> 2 & 7) {
	case 1:
		r->memtype = PTW_MEM_UNCACHED;
		break;
	case 2:
		r->memtype = PTW_MEM_DEVICE;
		break;
	default:
		r->memtype = PTW_MEM_NORMAL;
	}
}

static uint64_t s1_oracle_clean(const struct subject *s, uint64_t e, unsigned int level)
{
	(void)s;
	(void)level;
	return e | BIT(7);
}

static bool s1_oracle_fix(const struct subject *s, uint64_t e, unsigned int level, uint32_t access,
			  uint64_t *fixed)
{
	const uint32_t needs = arm64_needs(access);
	const bool user = access & PTW_ACCESS_USER;
	struct reading r = {0};

	s1_oracle_read(s, e, level, &r);
	if (needs & ~r.prot)
		return false;
	if (needs & PTW_PROT_EXEC) {
		/* What EL0 may write, EL1 never executes. */
		if (e & (user ? BIT(54) : BIT(53)))
			return false;
		if (!user && r.prot & PTW_PROT_USER && r.prot & PTW_PROT_WRITE)
			return false;
	}
	if (user && needs & (PTW_PROT_READ | PTW_PROT_WRITE) && !(e & BIT(6)))
		return false;
	*fixed = (e | BIT(10)) & ~(needs & PTW_PROT_WRITE ? BIT(7) : 0);
	return true;
}

static uint64_t s1_oracle_protect(const struct subject *s, uint64_t e, unsigned int level,
				  bool forever)
{
	(void)level;
	return (e | BIT(7)) & ~(forever ? arm64_promise(s) : 0);
}

static uint64_t s1_oracle_make(const struct subject *s, const struct ptw_leaf *leaf,
			       unsigned int level, uint64_t *e)
{
	uint64_t errors = arm64_make_errors(s, leaf, level), v;

	if (!(leaf->prot & PTW_PROT_READ))
		errors |= ERROR(PTW_ERR_PERM);
	if (errors)
		return errors;
	v = arm64_make_common(s, leaf, level) | (uint64_t)leaf->memtype << 2;
	if (!(leaf->flags & PTW_LEAF_DIRTY))
		v |= BIT(7);
	/* EL0's: not global, and never executed by EL1. EL1's: never executed by EL0. */
	if (leaf->prot & PTW_PROT_USER)
		v |= BIT(6) | BIT(11) | BIT(53);
	else
		v |= BIT(54);
	if (!(leaf->prot & PTW_PROT_EXEC))
		v |= BIT(53) | BIT(54);
	if (leaf->prot < 16 && leaf->memtype < 3 && leaf->flags < 64)
		*e = v;
	return 0;
}

/* AttrIndx 4:2, and NS, which is an address bit in all but name. */
static bool s1_oracle_breaks(const struct subject *s, uint64_t from, uint64_t to,
			     unsigned int level, unsigned int bbm)
{
	struct reading a = {0}, b = {0};

	if (arm64_breaks(s, from, to, level, bbm, BITS(5, 2)))
		return true;
	s1_oracle_read(s, from, level, &a);
	s1_oracle_read(s, to, level, &b);
	/* nG: a global leaf after one that is not. */
	return a.present && b.present && a.leaf && b.leaf && (from & ~to & BIT(11));
}

static const struct oracle s1_oracle = {
	.read = s1_oracle_read,
	.old = arm64_oracle_old,
	.clean = s1_oracle_clean,
	.fix = s1_oracle_fix,
	.protect = s1_oracle_protect,
	.user = arm64_oracle_user,
	.make = s1_oracle_make,
	.table = arm64_oracle_table,
	.table_accessed = arm64_oracle_table_accessed,
	.held = arm64_oracle_held,
	.relevel = arm64_oracle_relevel,
	.level_only = arm64_oracle_level_only,
	.breaks = s1_oracle_breaks,
	.bbm_most = 2,
	.bbm_never = 3,
};

#endif /* PTW_TESTS_MANUAL_ARM64_H */
