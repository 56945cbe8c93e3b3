/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Register values of chosen configurations, written out: EPTP, CR3, CR4 and EFER, VTTBR_EL2 and
 * VTCR_EL2, TTBR0_EL1, TCR_EL1 and TCR2_EL1. The software MMU accepts them and finds the root where it lies.
 */
#include "conformance.h"

struct row {
	const char *preset;
	uint8_t levels, ia_bits, oa_bits; /* 0: as the preset says */
	uint32_t features;		  /* added */
	uint64_t root_pa;
	struct ptw_regs regs;
};

#define EPT(bits, eptp)                             \
	{                                           \
		PTW_REGIME_EPT, bits, eptp, 0, 0, 0 \
	}
#define X86(bits, cr3, cr4, efer)                          \
	{                                                  \
		PTW_REGIME_X86_64, bits, cr3, cr4, efer, 0 \
	}
#define S2(bits, vttbr, vtcr)                                \
	{                                                    \
		PTW_REGIME_ARM64_S2, bits, vttbr, vtcr, 0, 0 \
	}
#define S1(bits, ttbr, tcr) S1_TCR2(bits, ttbr, tcr, 0)
#define S1_TCR2(bits, ttbr, tcr, tcr2)                        \
	{                                                     \
		PTW_REGIME_ARM64_S1, bits, ttbr, tcr, 0, tcr2 \
	}
#define PV(bits, root, levels)                                \
	{                                                     \
		PTW_REGIME_PERVERSE, bits, root, levels, 0, 0 \
	}

static const struct row rows[] = {
	/* EPTP: 6 write-back, 3 or 4 << 3 for 4 or 5 levels, bit 6 A/D. */
	{"ept4", 0, 0, 0, 0, 0x12345000, EPT(52, 0x1234505e)},
	{"ept5", 0, 0, 46, 0, 0x12345000, EPT(46, 0x12345066)},
	{"ept4-tracked", 0, 0, 0, 0, 0x12345000, EPT(52, 0x1234501e)},
	{"ept5-tracked", 0, 0, 0, 0, 0x12345000, EPT(52, 0x12345026)},
	{"ept4", 0, 0, 0, 0, 0x000ffedcba987000, EPT(52, 0x000ffedcba98705e)},
	/* CR4 bit 12 is LA57, EFER bit 11 NXE. */
	{"x86-64", 0, 0, 0, 0, 0x12345000, X86(52, 0x12345000, 0, 0x800)},
	{"x86-64-la57", 0, 0, 0, 0, 0x12345000, X86(52, 0x12345000, 0x1000, 0x800)},
	{"x86-64", 0, 0, 0, 0, 0x000ffedcba987000, X86(52, 0x000ffedcba987000, 0, 0x800)},
	/* VTCR_EL2: T0SZ 16, SL0 2, WB WB inner (0x3500), TG0 at 14, PS at 16, HA, HD, RES1 31. */
	{"arm64-s2-4k", 0, 0, 0, 0, 0x12345000, S2(48, 0x12345000, 0x80653590)},
	{"arm64-s2-4k-swaf", 0, 0, 0, 0, 0x12345000, S2(48, 0x12345000, 0x80053590)},
	{"arm64-s2-4k-swaf", 0, 0, 0, 0, 0x0000fedcba987000, S2(48, 0xfedcba987000, 0x80053590)},
	/* 40 bits in 3 levels: SL0 1, T0SZ 24, PS 2, two tables in a row. */
	{"arm64-s2-4k-swaf", 3, 40, 40, 0, 0x12346000, S2(40, 0x12346000, 0x80023558)},
	/* 16 entries at the root, so the lowest address bit is 7. */
	{"arm64-s2-4k-swaf", 2, 25, 32, 0, 0x12345080, S2(32, 0x12345080, 0x80003527)},
	/* 2 levels: SL0 0; 1 level: SL0 3. */
	{"arm64-s2-4k-swaf", 2, 30, 32, 0, 0x12345000, S2(32, 0x12345000, 0x80003522)},
	{"arm64-s2-4k-swaf", 1, 21, 36, PTW_FEATURE_TTST, 0x12345000,
	 S2(36, 0x12345000, 0x800135eb)},
	/* LPA2: DS 32, SL2 33, PS 6; address bits 51:48 in 5:2. */
	{"arm64-s2-4k-lpa2", 0, 0, 0, 0, 0x0009000012345000, S2(52, 0x12345024, 0x38066350c)},
	{"arm64-s2-16k", 0, 0, 0, 0, 0x12348000, S2(48, 0x12348000, 0x8065b590)},
	{"arm64-s2-16k-lpa2", 0, 0, 0, 0, 0x000f000012344000, S2(52, 0x1234403c, 0x18066b5cc)},
	{"arm64-s2-16k-swaf", 2, 36, 42, 0, 0x12344000, S2(42, 0x12344000, 0x8003b55c)},
	{"arm64-s2-64k", 0, 0, 0, 0, 0x12340000, S2(48, 0x12340000, 0x80657590)},
	{"arm64-s2-64k-lpa", 0, 0, 0, 0, 0x0006000012340000, S2(52, 0x12340018, 0x8066758c)},
	{"arm64-s2-64k-swaf", 2, 42, 44, 0, 0x12340000, S2(44, 0x12340000, 0x80047556)},
	/* HAFT 44. */
	{"arm64-s2-4k-haft", 0, 0, 0, 0, 0x12345000, S2(48, 0x12345000, 0x100080653590)},
	{"arm64-s2-64k-swaf", 2, 42, 44, HAFT, 0x12340000, S2(44, 0x12340000, 0x100080247556)},
	/* TCR_EL1: EPD1 23, IPS at 32, HA 39, HD 40, DS 59. */
	{"arm64-s1-4k", 0, 0, 0, 0, 0x12345000, S1(48, 0x12345000, 0x0000018500803510)},
	{"arm64-s1-4k-swaf", 3, 39, 40, 0, 0x12345000, S1(40, 0x12345000, 0x0000000200803519)},
	{"arm64-s1-4k-lpa2", 0, 0, 0, 0, 0x0001000012345000,
	 S1(52, 0x12345004, 0x080001860080350c)},
	{"arm64-s1-16k", 0, 0, 0, 0, 0x12344000, S1(48, 0x12344000, 0x000001850080b510)},
	{"arm64-s1-16k-lpa2", 0, 0, 0, 0, 0x12344000, S1(52, 0x12344000, 0x080001860080b50c)},
	{"arm64-s1-64k", 0, 0, 0, 0, 0x12340000, S1(48, 0x12340000, 0x0000018500807510)},
	{"arm64-s1-64k-lpa", 0, 0, 0, 0, 0x0008000012340000,
	 S1(52, 0x12340020, 0x000001860080750c)},
	/* TCR2_EL1: HAFT 11. */
	{"arm64-s1-4k-haft", 0, 0, 0, 0, 0x12345000,
	 S1_TCR2(48, 0x12345000, 0x0000018500803510, 0x800)},
	{"arm64-s1-4k-swaf", 3, 39, 40, HAFT, 0x12345000,
	 S1_TCR2(40, 0x12345000, 0x0000008200803519, 0x800)},
	{"perverse", 0, 0, 0, 0, 0x12345040, PV(52, 0x12345040, 5)},
	{"perverse", 3, 0, 40, 0, 0x12345040, PV(40, 0x12345040, 3)},
};

static void start(const struct row *row, struct ptw_config *config, struct ptw_pgtable *p)
{
	cr_assert_eq(ptw_preset(row->preset, config), PTW_OK, "%s", row->preset);
	if (row->levels) {
		config->levels = row->levels;
		config->ia_bits = row->ia_bits;
	}
	if (row->oa_bits)
		config->oa_bits = row->oa_bits;
	config->features |= row->features;
	memset(p, 0, sizeof(*p));
	cr_assert_eq(ptw_instance_choose(config, false, p), PTW_OK, "%s", row->preset);
	cr_assert_eq(p->build->configure(config, &p->geometry), PTW_OK, "%s", row->preset);
}

Test(registers, by_value)
{
	for (unsigned int i = 0; i < COUNT(rows); i++) {
		const struct ptw_regs *expected = &rows[i].regs;
		struct ptw_config config;
		struct ptw_pgtable p;
		struct ptw_regs regs;

		start(&rows[i], &config, &p);
		memset(&regs, 0x5a, sizeof(regs));
		p.build->registers(&p.geometry, rows[i].root_pa, &regs);
		cr_assert_eq(regs.regime, expected->regime, "%s: regime", rows[i].preset);
		cr_assert_eq(regs.pa_bits, expected->pa_bits, "%s: %u bits", rows[i].preset,
			     regs.pa_bits);
		cr_assert_eq(regs.root, expected->root, "row %u, %s: root %#" PRIx64, i,
			     rows[i].preset, regs.root);
		cr_assert_eq(regs.control, expected->control, "row %u, %s: control %#" PRIx64, i,
			     rows[i].preset, regs.control);
		cr_assert_eq(regs.control2, expected->control2, "row %u, %s: control2 %#" PRIx64, i,
			     rows[i].preset, regs.control2);
	}
}

/*
 * The software MMU reads the entry for the top input address from the last word of the root, which
 * tells that it found the same root, start level and number of root entries.
 */
Test(registers, software_mmu_agrees)
{
	/* Aligned by hand: a kernel's loader aligns to its pages. */
	static uint64_t room[2 * BIT(17)], cpu_memory[1024];
	uint64_t *root = (uint64_t *)(((uintptr_t)room + BIT(20) - 1) & ~(uintptr_t)(BIT(20) - 1));

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		struct ptw_softmmu_config cpu_config = {.size = sizeof(cpu_config)};
		struct ptw_softmmu_result result;
		struct ptw_softmmu *cpu = NULL;
		struct ptw_leaf leaf = {.prot = PTW_PROT_READ | PTW_PROT_EXEC,
					.flags = PTW_LEAF_YOUNG};
		struct ptw_config config;
		struct ptw_pgtable p;
		unsigned int level, entries, span;
		uint64_t ia, e;

		start(&rows[i], &config, &p);
		p.build->registers(&p.geometry, rows[i].root_pa, &cpu_config.regs);
		cpu_config.phys_offset = (uint64_t)(uintptr_t)root - rows[i].root_pa;
		if (config.features & PTW_FEATURE_DS)
			cpu_config.flags |= PTW_SOFTMMU_LPA2;
		cr_assert_eq(ptw_softmmu_init(&cpu, cpu_memory, sizeof(cpu_memory), &cpu_config),
			     PTW_OK, "row %u, %s", i, rows[i].preset);
		level = p.geometry.root_level;
		entries = 1u << p.geometry.root_lg2;
		span = p.geometry.granule_lg2 + level * p.geometry.index_lg2;
		ia = BIT(p.geometry.ia_bits) - 1;
		if (rows[i].regs.regime == PTW_REGIME_X86_64)
			ia = UINT64_MAX; /* canonical */

		/* A leaf where one may stand at the root; else a table: the root again. */
		for (unsigned int n = 0; n < entries; n++)
			root[n] = p.layout->empty;
		if (p.geometry.leaf_levels >> level & 1) {
			cr_assert_eq(p.build->make_leaf(&p.geometry, p.layout, &leaf, level, &e),
				     PTW_OK);
		} else {
			e = p.build->make_table(&p.geometry, p.layout, rows[i].root_pa, level);
		}
		root[entries - 1] = e;
		ptw_softmmu_access(cpu, ia, PTW_ACCESS_READ, &result);
		/* The last entry of the root was there: the walk ended at it or below. */
		if (p.geometry.leaf_levels >> level & 1) {
			cr_assert_eq(result.level, level, "row %u, %s: level %u", i, rows[i].preset,
				     result.level);
			cr_assert_eq(result.oa, ia & (BIT(span) - 1), "row %u, %s: %#" PRIx64, i,
				     rows[i].preset, result.oa);
		} else {
			cr_assert_lt(result.level, level, "row %u, %s", i, rows[i].preset);
			/* The registers say whether hardware marks the table entry, too. */
			cr_assert_eq(ptw_softmmu_counters(cpu)->table_accessed_set != 0,
				     p.build->table_accessed(&p.geometry, level) != 0,
				     "row %u, %s: %#" PRIx64, i, rows[i].preset, root[entries - 1]);
		}
		/* And nothing else is. */
		root[entries - 1] = p.layout->empty;
		cr_assert_eq(ptw_softmmu_access(cpu, ia, PTW_ACCESS_READ, &result),
			     PTW_SOFTMMU_TRANSLATION, "row %u, %s", i, rows[i].preset);
		cr_assert_eq(result.level, level, "row %u, %s", i, rows[i].preset);
	}
}
