/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * arm64 stage 1, EL1&0 through TTBR0_EL1: configuring, making, decoding and repairing descriptors
 * (Arm ARM DDI 0487, D8.3.1, D8.4 "Memory access control", D8.5 "Hardware updates to the
 * translation tables").
 *
 * A leaf with PTW_PROT_USER belongs to EL0: EL1 may read and write it, and does not execute it. One
 * without belongs to EL1 alone.
 */
#include "arch/arm64/stage1.h"

#include "arch/arm64/vmsa_build.h"

/* "TCR_EL1, Translation Control Register (EL1)". */
#define TCR_EPD1      PTW_BIT(23) /* no walks through TTBR1_EL1 */
#define TCR_IPS_SHIFT 32
#define TCR_HA	      PTW_BIT(39)
#define TCR_HD	      PTW_BIT(40)
#define TCR_DS	      PTW_BIT(59)

/* "TCR2_EL1, Extended Translation Control Register (EL1)". */
#define TCR2_HAFT PTW_BIT(11)

#define S1_GP PTW_BIT(50) /* guarded page, FEAT_BTI */

static const uint8_t s1_attrindx[] = {
	[PTW_MEM_NORMAL] = S1_ATTR_NORMAL,
	[PTW_MEM_UNCACHED] = S1_ATTR_NC,
	[PTW_MEM_DEVICE] = S1_ATTR_DEVICE,
};

static int s1_configure(const struct ptw_config *config, struct ptw_geometry *g)
{
	int error = ptw_arm_configure(config, g, 0);

	if (error != PTW_OK)
		return error;
	/* "Stage 1 descriptors": GP in leaves, RES0 in tables. */
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++)
		g->table_reserved[level] |= S1_GP;
	return PTW_OK;
}

static void s1_registers(const struct ptw_geometry *g, uint64_t root_pa, struct ptw_regs *regs)
{
	uint64_t tcr = TCR_EPD1 | ARM_TCR_T0SZ(g->ia_bits) | ARM_TCR_IRGN0_WB | ARM_TCR_ORGN0_WB |
		       ARM_TCR_SH0_INNER | ptw_arm_tg0(g) << ARM_TCR_TG0_SHIFT |
		       ptw_arm_ps(g->oa_bits) << TCR_IPS_SHIFT;

	if (g->features & PTW_FEATURE_HW_ACCESSED)
		tcr |= TCR_HA;
	if (g->features & PTW_FEATURE_HW_DIRTY)
		tcr |= TCR_HD;
	if (ptw_arm_ds(g))
		tcr |= TCR_DS;
	*regs = (struct ptw_regs){
		.regime = PTW_REGIME_ARM64_S1,
		.pa_bits = g->oa_bits,
		.root = ptw_arm_ttbr(g, root_pa),
		.control = tcr,
		.control3 = g->features & PTW_FEATURE_HAFT ? TCR2_HAFT : 0,
	};
}

static int s1_make_leaf(const struct ptw_geometry *g, const struct ptw_layout *l,
			const struct ptw_leaf *leaf, unsigned int level, uint64_t *e)
{
	uint64_t v;
	int error;

	error = ptw_arm_make_leaf(g, l, leaf, level, PTW_PROT_RWX | PTW_PROT_USER, &v);
	if (error != PTW_OK)
		return error;
	/* EL1 reads whatever is mapped. */
	if (!(leaf->prot & PTW_PROT_READ))
		return PTW_ERR_PERM;
	v |= (uint64_t)s1_attrindx[leaf->memtype] << S1_ATTRINDX_SHIFT;
	if (!(leaf->flags & PTW_LEAF_DIRTY))
		v |= S1_AP_RO;
	/* A user's mapping belongs to his address space (nG). */
	v |= leaf->prot & PTW_PROT_USER ? S1_AP_EL0 | S1_NG | S1_PXN : S1_UXN;
	if (!(leaf->prot & PTW_PROT_EXEC))
		v |= S1_PXN | S1_UXN;
	*e = v;
	return PTW_OK;
}

/* What the leaf allows once faults are fixed; execution, if EL0 or EL1 may. */
static uint32_t s1_prot(const struct ptw_layout *l, uint64_t e)
{
	uint32_t prot = PTW_PROT_READ;

	if (!(e & S1_AP_RO) || ptw_build_may_write(l, e))
		prot |= PTW_PROT_WRITE;
	if ((e & (S1_PXN | S1_UXN)) != (S1_PXN | S1_UXN))
		prot |= PTW_PROT_EXEC;
	if (e & S1_AP_EL0)
		prot |= PTW_PROT_USER;
	return prot;
}

/* By the MAIR_EL1 that the library assumes; other indexes are somebody's kinds of normal memory. */
static uint32_t s1_memtype(uint64_t e)
{
	switch ((e & S1_ATTRINDX) >> S1_ATTRINDX_SHIFT) {
	case S1_ATTR_NC:
		return PTW_MEM_UNCACHED;
	case S1_ATTR_DEVICE:
		return PTW_MEM_DEVICE;
	default:
		return PTW_MEM_NORMAL;
	}
}

static void s1_decode(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		      unsigned int level, struct ptw_leaf *leaf)
{
	*leaf = (struct ptw_leaf){
		.oa = arm_address(g, e, level),
		.prot = s1_prot(l, e),
		.memtype = s1_memtype(e),
		.flags = ptw_arm_leaf_flags(g, l, e, level),
	};
	if (s1_dirty(l, e, level))
		leaf->flags |= PTW_LEAF_DIRTY;
}

/* May this exception level execute? What EL0 may write, EL1 never executes. */
static bool s1_executable(uint64_t e, uint32_t prot, uint32_t access)
{
	const uint32_t user_write = PTW_PROT_USER | PTW_PROT_WRITE;

	if (access & PTW_ACCESS_USER)
		return !(e & S1_UXN);
	return !(e & S1_PXN) && (prot & user_write) != user_write;
}

static bool s1_fix(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		   unsigned int level, uint32_t access, uint64_t *fixed)
{
	const uint32_t needs = ptw_build_needs(access);
	const uint32_t prot = s1_prot(l, e);

	(void)g;
	(void)level;
	if (needs & ~prot)
		return false;
	if (needs & PTW_PROT_EXEC && !s1_executable(e, prot, access))
		return false;
	/* EL0 needs AP[1] for data only. */
	if (access & PTW_ACCESS_USER && needs != PTW_PROT_EXEC && !(prot & PTW_PROT_USER))
		return false;
	e |= ARM_AF;
	if (needs & PTW_PROT_WRITE)
		e &= ~S1_AP_RO;
	*fixed = e;
	return true;
}

/* AP[2] is dirty as well: the caller accounts for a dirty leaf before he takes it away. */
static uint64_t s1_write_protect(const struct ptw_layout *l, uint64_t e, unsigned int level,
				 bool forever)
{
	(void)level;
	e |= S1_AP_RO;
	return forever ? ptw_build_no_may_write(l, e) : e;
}

/* NS chooses the address space. Global entries must not meet others that are not (D8.16): a
 * leaf that becomes global is broken; one that stops being global is not. */
static bool s1_must_break(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t from,
			  uint64_t to, unsigned int level)
{
	if (ptw_arm_must_break(g, l, from, to, level, S1_ATTRINDX | S1_NS))
		return true;
	return arm_present(l, from, level) && arm_present(l, to, level) && arm_leaf(from, level) &&
	       arm_leaf(to, level) && from & S1_NG && !(to & S1_NG);
}

const struct ptw_build ptw_s1_build = {
	.id = PTW_FORMAT_ARM64_S1,
	.configure = s1_configure,
	.registers = s1_registers,
	.make_leaf = s1_make_leaf,
	.make_table = ptw_arm_make_table,
	.decode = s1_decode,
	.fix = s1_fix,
	.write_protect = s1_write_protect,
	.set_user = ptw_arm_set_user,
	.held = ptw_arm_held,
	.relevel = ptw_arm_relevel,
	.must_break = s1_must_break,
	.table_accessed = ptw_arm_table_accessed,
	.malformed = ptw_arm_malformed,
};
