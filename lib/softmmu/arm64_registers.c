/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * arm64: what VTCR_EL2 and VTTBR_EL2, or TCR_EL1, TCR2_EL1 and TTBR0_EL1, say about a page table.
 *
 * From the Arm Architecture Reference Manual (DDI 0487), chapter D8 "The AArch64 Virtual Memory
 * System Architecture" and the descriptions of the registers. Arm counts levels from the root, 3
 * being the last; ours count from the leaves, so Arm's level L is our level 3 - L.
 *
 * Registers with which real processors differ (CONSTRAINED UNPREDICTABLE), with which every access
 * faults, or which change the meaning of descriptor bits in ways not modelled here are refused.
 */
#include "softmmu_internal.h"

static unsigned int field(uint64_t reg, unsigned int low, unsigned int width)
{
	return (unsigned int)(reg >> low & ((1u << width) - 1));
}

/* VTCR_EL2. */
#define S2_VTCR_T0SZ(r) field(r, 0, 6)
#define S2_VTCR_SL0(r)  field(r, 6, 2)
#define S2_VTCR_TG0(r)  field(r, 14, 2)
#define S2_VTCR_PS(r)   field(r, 16, 3)
#define S2_VTCR_HA	SOFTMMU_BIT(21)
#define S2_VTCR_HD	SOFTMMU_BIT(22)
#define S2_VTCR_DS	SOFTMMU_BIT(32)
#define S2_VTCR_SL2     SOFTMMU_BIT(33)
#define S2_VTCR_HAFT	SOFTMMU_BIT(44)
/* AssuredOnly, TL1, S2PIE, S2POE, D128, GCSH, TL0, HDBSS. */
#define S2_VTCR_REFUSED (SOFTMMU_BITS(38, 34) | SOFTMMU_BITS(41, 40) | SOFTMMU_BIT(45))

/* TCR_EL1, the half for TTBR0. */
#define S1_TCR_T0SZ(r) field(r, 0, 6)
#define S1_TCR_EPD0    SOFTMMU_BIT(7)
#define S1_TCR_TG0(r)  field(r, 14, 2)
#define S1_TCR_IPS(r)  field(r, 32, 3)
#define S1_TCR_TBI0    SOFTMMU_BIT(37)
#define S1_TCR_HA	SOFTMMU_BIT(39)
#define S1_TCR_HD	SOFTMMU_BIT(40)
#define S1_TCR_HPD0    SOFTMMU_BIT(41)
#define S1_TCR_E0PD0   SOFTMMU_BIT(55)
#define S1_TCR_DS	SOFTMMU_BIT(59)
/* No walks from TTBR0 at all, or none for EL0: then the tables say nothing. */
#define S1_TCR_REFUSED (S1_TCR_EPD0 | S1_TCR_E0PD0)

/* TCR2_EL1: permission indirection and overlays, 128-bit descriptors and the like are refused. */
#define S1_TCR2_HAFT SOFTMMU_BIT(11)

/* Leaves: bit 7 is S2AP[1], set if written, at stage 2, and AP[2], clear if written, at stage 1. */
#define S2AP_WRITE SOFTMMU_BIT(7)

/* The granules; D8.2 "Translation process" and "The Contiguous bit". */
struct granule {
	uint8_t granule_lg2;
	uint8_t stride_lg2;
	uint8_t group_lg2[PTW_MAX_LEVELS]; /* log2 of the entries of a contiguous group, by level */
	uint8_t leaf_levels;		   /* always leaves: bit n for level n */
	uint8_t wide_leaf_levels;	   /* also leaves with 52-bit output addresses */
};

static const struct granule granule_4k = {12, 9, {4, 4, 4}, 1 << 0 | 1 << 1 | 1 << 2, 1 << 3};
static const struct granule granule_16k = {14, 11, {7, 5}, 1 << 0 | 1 << 1, 1 << 2};
static const struct granule granule_64k = {16, 13, {5, 5}, 1 << 0 | 1 << 1, 1 << 2};

/* TG0 of both registers. */
static const struct granule *decode_tg0(unsigned int tg0)
{
	static const struct granule *const granules[4] = {&granule_4k, &granule_64k, &granule_16k};

	return granules[tg0];
}

/* PS and IPS: physical address size in bits, 0 for values without meaning here. */
static unsigned int decode_ps(unsigned int ps)
{
	static const uint8_t bits[8] = {32, 36, 40, 42, 44, 48, 52, 0};

	return bits[ps];
}

static bool valid_pa_range(uint32_t pa_bits)
{
	for (unsigned int ps = 0; ps < 7; ps++) {
		if (decode_ps(ps) == pa_bits)
			return true;
	}
	return false;
}

/* T0SZ: at most 48, or 47 with 64-KiB granules (FEAT_TTST assumed). */
static bool valid_input_size(const struct granule *granule, unsigned int ia_bits,
			     unsigned int largest)
{
	return ia_bits >= (granule == &granule_64k ? 17u : 16u) && ia_bits <= largest;
}

/*
 * What both stages have in common once granule, DS, input size and root level are known: how
 * descriptors hold addresses, where leaves are allowed, and the address of the root.
 */
static int setup_tables(struct ptw_softmmu *cpu, const struct ptw_regs *regs,
			const struct granule *granule, bool ds, unsigned int ps_bits)
{
	struct softmmu_arm64 *arm64 = &cpu->arm64;
	const bool lpa = granule == &granule_64k && ps_bits == 52 && regs->pa_bits == 52;
	const unsigned int root_index_bits =
		cpu->ia_bits - softmmu_level_shift(cpu, cpu->root_level);
	uint64_t root_bytes;

	/* A size above the implemented one counts as the implemented one; without LPA or LPA2 the
	 * descriptors hold 48 bits. */
	cpu->oa_bits = (uint8_t)(ps_bits < regs->pa_bits ? ps_bits : regs->pa_bits);
	if (cpu->oa_bits > 48 && !ds && !lpa)
		cpu->oa_bits = 48;

	/* D8.3 "Translation table descriptor formats": the address fields. */
	if (ds) {
		arm64->address_mask = SOFTMMU_BITS(49, granule->granule_lg2);
		arm64->high_shift = 8;
		arm64->high_bits = 2;
		arm64->high_oa = 50;
	} else {
		arm64->address_mask = SOFTMMU_BITS(47, granule->granule_lg2);
		if (lpa) {
			arm64->high_shift = 12;
			arm64->high_bits = 4;
			arm64->high_oa = 48;
		}
	}

	cpu->leaf_levels = granule->leaf_levels;
	if (granule == &granule_64k ? regs->pa_bits == 52 : ds)
		cpu->leaf_levels |= granule->wide_leaf_levels;

	/* A group that does not fit into the root is none. Without the freedom groups do not
	 * matter, since each entry then stands for itself. */
	for (unsigned int level = 0; level <= cpu->root_level; level++) {
		bool fits = level < cpu->root_level || granule->group_lg2[level] <= root_index_bits;

		if (fits && (cpu->flags & PTW_SOFTMMU_CONTIG_FREEDOM))
			arm64->group_lg2[level] = granule->group_lg2[level];
	}

	/* VTTBR_EL2 and TTBR0_EL1: BADDR is aligned to the root, concatenated tables included; bits
	 * 5:2 hold address bits 51:48 where those exist. Bit 0 is CnP, bits 63:48 VMID or ASID. */
	root_bytes = (uint64_t)8 << root_index_bits;
	cpu->root = regs->root & SOFTMMU_BITS(47, 1);
	if (ds || lpa) {
		cpu->root &= ~SOFTMMU_BITS(5, 2);
		cpu->root |= (uint64_t)field(regs->root, 2, 4) << 48;
		if (root_bytes < 64)
			root_bytes = 64;
	}
	if ((cpu->root & (root_bytes - 1)) || cpu->root >> cpu->oa_bits)
		return PTW_ERR_CONFIG;
	return PTW_OK;
}

/* VTCR_EL2.SL0 and SL2: our level of the root, or -1, also if the implemented physical address size
 * is too small for that level. */
static int s2_root_level(const struct granule *granule, uint64_t vtcr, bool ds,
			 unsigned int pa_bits)
{
	const unsigned int sl0 = S2_VTCR_SL0(vtcr);

	if (granule == &granule_4k) {
		if (vtcr & S2_VTCR_SL2)
			return ds && sl0 == 0 ? 4 : -1;
		if (sl0 == 3)
			return 0;
		if (sl0 == 2 && pa_bits < 44)
			return -1;
		return (int)sl0 + 1;
	}
	if (vtcr & S2_VTCR_SL2)
		return -1;
	if (sl0 == 3 && (granule == &granule_64k || !ds))
		return -1;
	if (sl0 == 2 && pa_bits < (granule == &granule_16k ? 42 : 44))
		return -1;
	return (int)sl0;
}

int ptw_softmmu_arm64_s2_setup(struct ptw_softmmu *cpu, const struct ptw_regs *regs)
{
	const uint64_t vtcr = regs->control;
	const struct granule *granule = decode_tg0(S2_VTCR_TG0(vtcr));
	const unsigned int ps_bits = decode_ps(S2_VTCR_PS(vtcr));
	const unsigned int ia_bits = 64 - S2_VTCR_T0SZ(vtcr);
	unsigned int smallest, largest;
	int level;
	bool ds;

	if ((vtcr & S2_VTCR_REFUSED) || !granule || ps_bits == 0 || !valid_pa_range(regs->pa_bits))
		return PTW_ERR_CONFIG;
	/* DS is RES0 without FEAT_LPA2, and means nothing for 64-KiB granules. */
	if ((vtcr & S2_VTCR_DS) && !(cpu->flags & PTW_SOFTMMU_LPA2))
		return PTW_ERR_CONFIG;
	ds = (vtcr & S2_VTCR_DS) && granule != &granule_64k;

	/* An intermediate address is no larger than a physical one, implemented and configured. */
	largest = ds || (granule == &granule_64k && regs->pa_bits == 52) ? 52 : 48;
	if (largest > ps_bits)
		largest = ps_bits;
	if (largest > regs->pa_bits)
		largest = regs->pa_bits;
	if (!valid_input_size(granule, ia_bits, largest))
		return PTW_ERR_CONFIG;

	/* D8.2 "Stage 2 start level": the root has at least 2 entries and is at most 16 tables. */
	level = s2_root_level(granule, vtcr, ds, regs->pa_bits);
	if (level < 0)
		return PTW_ERR_CONFIG;
	smallest = granule->granule_lg2 + granule->stride_lg2 * (unsigned int)level + 1;
	if (ia_bits < smallest || ia_bits > smallest - 1 + granule->stride_lg2 + 4)
		return PTW_ERR_CONFIG;

	cpu->walk = ptw_softmmu_arm64_s2_walk;
	cpu->root_level = (uint8_t)level;
	cpu->granule_lg2 = granule->granule_lg2;
	cpu->stride_lg2 = granule->stride_lg2;
	cpu->ia_bits = (uint8_t)ia_bits;
	cpu->arm64.ha = vtcr & S2_VTCR_HA;
	cpu->arm64.hd = (vtcr & S2_VTCR_HA) && (vtcr & S2_VTCR_HD);
	cpu->arm64.haft = (vtcr & S2_VTCR_HA) && (vtcr & S2_VTCR_HAFT);
	cpu->arm64.xnx = cpu->flags & PTW_SOFTMMU_XNX;
	cpu->arm64.dirty_value = S2AP_WRITE;
	return setup_tables(cpu, regs, granule, ds, ps_bits);
}

int ptw_softmmu_arm64_s1_setup(struct ptw_softmmu *cpu, const struct ptw_regs *regs)
{
	const uint64_t tcr = regs->control, tcr2 = regs->control3;
	const struct granule *granule = decode_tg0(S1_TCR_TG0(tcr));
	const unsigned int ps_bits = decode_ps(S1_TCR_IPS(tcr));
	const unsigned int ia_bits = 64 - S1_TCR_T0SZ(tcr);
	bool ds;

	if ((tcr & S1_TCR_REFUSED) || (tcr2 & ~S1_TCR2_HAFT))
		return PTW_ERR_CONFIG;
	if (!granule || ps_bits == 0 || !valid_pa_range(regs->pa_bits))
		return PTW_ERR_CONFIG;
	if ((tcr & S1_TCR_DS) && !(cpu->flags & PTW_SOFTMMU_LPA2))
		return PTW_ERR_CONFIG;
	ds = (tcr & S1_TCR_DS) && granule != &granule_64k;
	/* 64-KiB granules: FEAT_LVA assumed. */
	if (!valid_input_size(granule, ia_bits, ds || granule == &granule_64k ? 52 : 48))
		return PTW_ERR_CONFIG;

	cpu->walk = ptw_softmmu_arm64_s1_walk;
	/* As many levels as the input size needs; stage 1 concatenates nothing. */
	cpu->root_level = (uint8_t)((ia_bits - granule->granule_lg2 - 1) / granule->stride_lg2);
	cpu->granule_lg2 = granule->granule_lg2;
	cpu->stride_lg2 = granule->stride_lg2;
	cpu->ia_bits = (uint8_t)ia_bits;
	cpu->ia_strip = tcr & S1_TCR_TBI0 ? SOFTMMU_STRIP_TAG : SOFTMMU_STRIP_NONE;
	cpu->arm64.ha = tcr & S1_TCR_HA;
	cpu->arm64.hd = (tcr & S1_TCR_HA) && (tcr & S1_TCR_HD);
	cpu->arm64.haft = (tcr & S1_TCR_HA) && (tcr2 & S1_TCR2_HAFT);
	cpu->arm64.hierarchical = !(tcr & S1_TCR_HPD0);
	cpu->arm64.dirty_value = 0;
	return setup_tables(cpu, regs, granule, ds, ps_bits);
}
