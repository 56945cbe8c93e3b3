/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * arm64 stage 2: configuring, making, decoding and repairing descriptors (Arm ARM DDI 0487, D8.3.2,
 * D8.4 "Memory access control", D8.5 "Hardware updates to the translation tables").
 */
#include "arch/arm64/stage2.h"

#include "arch/arm64/vmsa_build.h"

/* "VTCR_EL2, Virtualization Translation Control Register". */
#define VTCR_SL0_SHIFT	  6
#define VTCR_PS_SHIFT	  16
#define VTCR_HA		  PTW_BIT(21)
#define VTCR_HD		  PTW_BIT(22)
#define VTCR_RES1	  PTW_BIT(31)
#define VTCR_DS		  PTW_BIT(32)
#define VTCR_SL2	  PTW_BIT(33)
#define VTCR_HAFT	  PTW_BIT(44)

#define S2_ROOT_LG2_EXTRA 4 /* 16 concatenated root tables */

/* "Stage 2 descriptors, direct permissions": RES0 in leaves; in tables, without attributes. */
#define S2_LEAF_RES0  (PTW_BIT(63) | PTW_BIT(50))
#define S2_TABLE_RES0 (PTW_BITS(63, 59) | PTW_BIT(50))
#define S2_XN0	      PTW_BIT(53) /* the half of XN that came with FEAT_XNX */

/* Values of XN: who may not execute. */
#define S2_XN_EL1 1u
#define S2_XN_EL0 3u

static const uint8_t s2_memattrs[] = {
	[PTW_MEM_NORMAL] = S2_MEMATTR_WB,
	[PTW_MEM_UNCACHED] = S2_MEMATTR_NC,
	[PTW_MEM_DEVICE] = S2_MEMATTR_DEVICE_NGNRE,
};

static int s2_configure(const struct ptw_config *config, struct ptw_geometry *g)
{
	int error = ptw_arm_configure(config, g, S2_ROOT_LG2_EXTRA);

	if (error != PTW_OK)
		return error;
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++) {
		g->table_reserved[level] |= S2_TABLE_RES0;
		g->leaf_reserved[level] |= S2_LEAF_RES0;
		if (!(g->features & PTW_FEATURE_XNX))
			g->leaf_reserved[level] |= S2_XN0;
	}
	return PTW_OK;
}

/* Start level, as SL2 and SL0 say it: by the number of levels, for 4K and for the others. */
static uint64_t s2_start_level(const struct ptw_geometry *g)
{
	static const uint8_t sl0_4k[PTW_MAX_LEVELS] = {3, 0, 1, 2, 0};

	if (g->granule_lg2 != 12)
		return (uint64_t)g->root_level << VTCR_SL0_SHIFT;
	return (uint64_t)sl0_4k[g->root_level] << VTCR_SL0_SHIFT |
	       (g->root_level == 4 ? VTCR_SL2 : 0);
}

static void s2_registers(const struct ptw_geometry *g, uint64_t root_pa, struct ptw_regs *regs)
{
	uint64_t vtcr = VTCR_RES1 | ARM_TCR_T0SZ(g->ia_bits) | s2_start_level(g) |
			ARM_TCR_IRGN0_WB | ARM_TCR_ORGN0_WB | ARM_TCR_SH0_INNER |
			ptw_arm_tg0(g) << ARM_TCR_TG0_SHIFT |
			ptw_arm_ps(g->oa_bits) << VTCR_PS_SHIFT;

	if (g->features & PTW_FEATURE_HW_ACCESSED)
		vtcr |= VTCR_HA;
	if (g->features & PTW_FEATURE_HW_DIRTY)
		vtcr |= VTCR_HD;
	if (g->features & PTW_FEATURE_HAFT)
		vtcr |= VTCR_HAFT;
	if (ptw_arm_ds(g))
		vtcr |= VTCR_DS;
	*regs = (struct ptw_regs){
		.regime = PTW_REGIME_ARM64_S2,
		.pa_bits = g->oa_bits,
		.root = ptw_arm_ttbr(g, root_pa),
		.control = vtcr,
	};
}

static int s2_make_leaf(const struct ptw_geometry *g, const struct ptw_layout *l,
			const struct ptw_leaf *leaf, unsigned int level, uint64_t *e)
{
	uint64_t v;
	int error;

	error = ptw_arm_make_leaf(g, l, leaf, level, PTW_PROT_RWX, &v);
	if (error != PTW_OK)
		return error;
	v |= (uint64_t)s2_memattrs[leaf->memtype] << S2_MEMATTR_SHIFT;
	if (leaf->prot & PTW_PROT_READ)
		v |= S2_READ;
	if (!(leaf->prot & PTW_PROT_EXEC))
		v |= (uint64_t)S2_XN_ALL << S2_XN_SHIFT;
	/* Without a promise of write permission in the descriptor, it is given now. */
	if (leaf->flags & PTW_LEAF_DIRTY || (leaf->prot & PTW_PROT_WRITE && !l->may_write))
		v |= S2_WRITE;
	*e = v;
	return PTW_OK;
}

/* Value of XN; bit 53 says nothing without FEAT_XNX. */
static unsigned int s2_xn(const struct ptw_geometry *g, uint64_t e)
{
	if (!(g->features & PTW_FEATURE_XNX))
		e &= ~S2_XN0;
	return (unsigned int)((e & S2_XN) >> S2_XN_SHIFT);
}

/* What the leaf allows once faults are fixed; execution, if EL0 or EL1 may. */
static uint32_t s2_prot(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e)
{
	uint32_t prot = 0;

	if (e & S2_READ)
		prot |= PTW_PROT_READ;
	if (e & S2_WRITE || ptw_build_may_write(l, e))
		prot |= PTW_PROT_WRITE;
	if (s2_xn(g, e) != S2_XN_ALL)
		prot |= PTW_PROT_EXEC;
	return prot;
}

/* Device if the outer half says so; uncached if nothing is cached. */
static uint32_t s2_memtype(uint64_t e)
{
	const unsigned int attr = (unsigned int)((e & S2_MEMATTR) >> S2_MEMATTR_SHIFT);

	if (attr >> 2 == 0)
		return PTW_MEM_DEVICE;
	return attr == S2_MEMATTR_NC ? PTW_MEM_UNCACHED : PTW_MEM_NORMAL;
}

static void s2_decode(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		      unsigned int level, struct ptw_leaf *leaf)
{
	*leaf = (struct ptw_leaf){
		.oa = arm_address(g, e, level),
		.prot = s2_prot(g, l, e),
		.memtype = s2_memtype(e),
		.flags = ptw_arm_leaf_flags(g, l, e, level),
	};
	if (s2_dirty(l, e, level))
		leaf->flags |= PTW_LEAF_DIRTY;
}

static bool s2_fix(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		   unsigned int level, uint32_t access, uint64_t *fixed)
{
	const uint32_t needs = ptw_build_needs(access);
	const unsigned int denied = access & PTW_ACCESS_USER ? S2_XN_EL0 : S2_XN_EL1;

	(void)level;
	if (needs & ~s2_prot(g, l, e))
		return false;
	if (needs & PTW_PROT_EXEC && s2_xn(g, e) == denied)
		return false;
	e |= ARM_AF;
	if (needs & PTW_PROT_WRITE)
		e |= S2_WRITE;
	*fixed = e;
	return true;
}

/* S2AP[1] is dirty as well: the caller accounts for a dirty leaf before he takes it away. */
static uint64_t s2_write_protect(const struct ptw_layout *l, uint64_t e, unsigned int level,
				 bool forever)
{
	(void)level;
	e &= ~S2_WRITE;
	return forever ? ptw_build_no_may_write(l, e) : e;
}

static bool s2_must_break(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t from,
			  uint64_t to, unsigned int level)
{
	return ptw_arm_must_break(g, l, from, to, level, S2_MEMATTR);
}

const struct ptw_build ptw_s2_build = {
	.id = PTW_FORMAT_ARM64_S2,
	.configure = s2_configure,
	.registers = s2_registers,
	.make_leaf = s2_make_leaf,
	.make_table = ptw_arm_make_table,
	.decode = s2_decode,
	.fix = s2_fix,
	.write_protect = s2_write_protect,
	.set_user = ptw_arm_set_user,
	.held = ptw_arm_held,
	.relevel = ptw_arm_relevel,
	.must_break = s2_must_break,
	.table_accessed = ptw_arm_table_accessed,
	.malformed = ptw_arm_malformed,
};
