/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The software MMU on arm64 stage 1. */
#include "softmmu_arm64.h"

#define TCR_HA	 BIT(39)
#define TCR_HD	 BIT(40)
#define TCR_HPD0 BIT(41)
#define TCR_TBI0 BIT(37)
#define TCR_DS	 BIT(59)
#define IPS(n)	 ((uint64_t)(n) << 32)
#define TCR_39	 (T0SZ(39) | IPS(2))
#define AP_EL0	 BIT(6)
#define AP_RO	 BIT(7)
#define PXN	 BIT(53)
#define UXN	 BIT(54)

static struct ptw_softmmu_config s1_config(uint64_t tcr, uint64_t ttbr, uint32_t flags)
{
	return make_config(PTW_REGIME_ARM64_S1, sizes(tcr >> 32 & 7), ttbr, tcr, 0, flags);
}

static struct ptw_softmmu *s1_cpu(uint64_t tcr, uint64_t ttbr, uint32_t flags)
{
	struct ptw_softmmu_config config = s1_config(tcr, ttbr, flags);

	return make_cpu(&config);
}

Test(softmmu_arm64_s1, accessed_and_dirty)
{
	static const uint64_t controls[4] = {0, TCR_HA, TCR_HD, TCR_HA | TCR_HD};
	struct ptw_softmmu *cpus[4];

	for (unsigned int c = 0; c < 4; c++)
		cpus[c] = s1_cpu(TCR_39 | controls[c], table(2) | 0x0012ull << 48 | 1, 0);
	for (unsigned int i = 0; i < 4 * 16; i++) {
		const unsigned int c = i / 16;
		const bool ha = c & 1, hd = c == 3, af = i & 1, dbm = i & 2, ro = i & 4,
			   write = i & 8;
		const uint64_t before =
			OA_4K | SH | PAGE | (af ? AF : 0) | (dbm ? DBM : 0) | (ro ? AP_RO : 0);
		uint64_t after = before;
		int expect = PTW_SOFTMMU_OK;

		if (!af && !ha)
			expect = PTW_SOFTMMU_ACCESS_FLAG;
		else if (write && ro && !(dbm && hd))
			expect = PTW_SOFTMMU_PERMISSION;
		else
			after = (after | AF) & ~(write ? AP_RO : 0);
		build_39(before);
		cr_assert_eq(access_at(cpus[c], IA_39, write ? WRITE : READ), expect, "case %u", i);
		assert_entry(table(0), 9, after);
	}
	cr_assert_eq(ptw_softmmu_counters(cpus[3])->dirty_set, 2u);
	cr_assert_eq(ptw_softmmu_counters(cpus[1])->dirty_set, 0u);
}

/* AP[2:1], UXN, PXN and the limits that a table descriptor sets (62:59), for EL1 and EL0. */
Test(softmmu_arm64_s1, permissions)
{
	struct ptw_softmmu *cpu = s1_cpu(TCR_39 | TCR_HA | TCR_HD, table(2), 0);
	struct ptw_softmmu *flat = s1_cpu(TCR_39 | TCR_HA | TCR_HD | TCR_HPD0, table(2), 0);

	for (unsigned int i = 0; i < 32 * 16 * 2; i++) {
		const bool el0 = i & 1, ro = i & 2, pxn = i & 4, uxn = i & 8, dbm = i & 16;
		const uint64_t limits = i / 32 % 16;
		const unsigned int hierarchical = i / 512;
		const uint64_t leaf = OA_4K | SH | AF | PAGE | (el0 ? AP_EL0 : 0) |
				      (ro ? AP_RO : 0) | (pxn ? PXN : 0) | (uxn ? UXN : 0) |
				      (dbm ? DBM : 0);
		bool user = el0, write = !ro || dbm, no_px = pxn, no_ux = uxn;

		if (hierarchical) {
			user &= !(limits & 4);
			write &= !(limits & 8);
			no_px |= limits & 1;
			no_ux |= limits & 2;
		}
		for (uint32_t access = 0; access < 6; access++) {
			static const uint32_t kinds[3] = {READ, WRITE, FETCH};
			const uint32_t kind = kinds[access % 3];
			bool may;

			if (kind == FETCH)
				may = access > 2 ? !no_ux : !no_px && !(user && write);
			else
				may = (access > 2 ? user : true) && (kind == READ || write);
			build_39(leaf);
			*entry(table(i & 1 ? 1 : 2), i & 1 ? 7 : 5) |= limits << 59;
			cr_assert_eq(access_at(hierarchical ? cpu : flat, IA_39,
					       kind | (access > 2 ? USER : 0)),
				     may ? PTW_SOFTMMU_OK : PTW_SOFTMMU_PERMISSION,
				     "case %u, access %u", i, access);
			assert_entry(table(0), 9, may && kind == WRITE ? leaf & ~AP_RO : leaf);
		}
	}
}

Test(softmmu_arm64_s1, tags_and_sizes)
{
	struct ptw_softmmu *plain = s1_cpu(TCR_39, table(2), 0);
	struct ptw_softmmu *tagged = s1_cpu(TCR_39 | TCR_TBI0, table(2), 0);
	struct ptw_softmmu *lpa2 = s1_cpu(T0SZ(52) | IPS(6) | TCR_DS, table(4), PTW_SOFTMMU_LPA2);

	build_39(OA_4K | SH | AF | PAGE);
	cr_assert_eq(access_at(plain, IA_39 | BIT(60), READ), PTW_SOFTMMU_ADDRESS_SIZE);
	cr_assert_eq(access_at(tagged, IA_39 | BIT(60), READ), PTW_SOFTMMU_OK);
	assert_oa(OA_4K | 0xabc);
	cr_assert_eq(access_at(tagged, IA_39 | BIT(55), READ), PTW_SOFTMMU_ADDRESS_SIZE);
	/* Five levels; bits 51:48 index a root of 16. */
	*entry(table(4), 15) = table(3) | TABLE;
	*entry(table(3), 0) = table(2) | TABLE;
	*entry(table(0), 9) = OA_4K | 3u << 8 | BIT(49) | AF | PAGE;
	cr_assert_eq(access_at(lpa2, IA_39 | 15ull << 48, READ), PTW_SOFTMMU_OK);
	assert_oa(BIT(51) | BIT(50) | BIT(49) | OA_4K | 0xabc);
	cr_assert_eq(access_at(lpa2, IA_39 | BIT(52), READ), PTW_SOFTMMU_ADDRESS_SIZE);
}

/* TCR2_EL1.HAFT, which needs TCR_EL1.HA. */
Test(softmmu_arm64_s1, haft)
{
	for (unsigned int i = 0; i < 4; i++) {
		const bool ha = i & 1, haft = i & 2;
		struct ptw_softmmu_config config =
			s1_config(TCR_39 | (ha ? TCR_HA : 0), table(2), 0);
		struct ptw_softmmu *cpu;

		config.regs.control3 = haft ? BIT(11) : 0;
		cpu = make_cpu(&config);
		cr_assert_not_null(cpu);
		build_39(OA_4K | SH | AF | PAGE);
		/* Limits of a table descriptor stay where they are. */
		*entry(table(1), 7) |= BIT(60) | BIT(62);
		cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_OK);
		cr_assert_eq(tables_accessed(), ha && haft ? 3u : 0u);
		cr_assert_eq(*entry(table(1), 7) & ~AF, table(0) | TABLE | BIT(60) | BIT(62));
		cr_assert_eq(ptw_softmmu_counters(cpu)->table_accessed_set, ha && haft ? 2u : 0u);
	}
	for (unsigned int bit = 0; bit < 64; bit++) {
		struct ptw_softmmu_config config = s1_config(TCR_39 | TCR_HA, table(2), 0);

		config.regs.control3 = BIT(bit);
		cr_assert_eq(refusal(&config), bit == 11 ? PTW_OK : PTW_ERR_CONFIG,
			     "TCR2_EL1 bit %u", bit);
	}
}

Test(softmmu_arm64_s1, registers)
{
	static const struct {
		uint64_t tcr, root;
		uint32_t flags;
		int expect;
	} cases[] = {
		{T0SZ(48) | IPS(5), 0x1000, 0, PTW_OK},
		{T0SZ(49) | IPS(6), 0x1000, 0, PTW_ERR_CONFIG},
		{T0SZ(52) | IPS(6) | TCR_DS, 0x1000, 0, PTW_ERR_CONFIG},
		{T0SZ(52) | IPS(6) | TCR_DS, 0x1000, PTW_SOFTMMU_LPA2, PTW_OK},
		{T0SZ(53) | IPS(6) | TCR_DS, 0x1000, PTW_SOFTMMU_LPA2, PTW_ERR_CONFIG},
		{T0SZ(52) | IPS(6) | TG0_64K, 0x2000, 0, PTW_OK},
		{T0SZ(52) | IPS(5) | TG0_64K, 0x2000, 0, PTW_OK}, /* FEAT_LVA without LPA */
		{T0SZ(16) | IPS(5), 0x1000, 0, PTW_OK},
		{T0SZ(15) | IPS(5), 0x1000, 0, PTW_ERR_CONFIG},
		{T0SZ(16) | IPS(5) | TG0_64K, 0x10000, 0, PTW_ERR_CONFIG},
		{T0SZ(39) | IPS(5), 0x800, 0, PTW_ERR_CONFIG},
		{T0SZ(39) | IPS(5) | BIT(7), 0x1000, 0, PTW_ERR_CONFIG},  /* EPD0 */
		{T0SZ(39) | IPS(5) | BIT(55), 0x1000, 0, PTW_ERR_CONFIG}, /* E0PD0 */
		{T0SZ(39) | IPS(5) | 3u << 14, 0x1000, 0, PTW_ERR_CONFIG},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ptw_softmmu_config config =
			s1_config(cases[i].tcr, cases[i].root, cases[i].flags);

		cr_assert_eq(refusal(&config), cases[i].expect, "case %zu", i);
	}
}

Test(softmmu_arm64_s1, contiguous_freedom)
{
	struct ptw_softmmu *cpu =
		s1_cpu(TCR_39 | TCR_HA | TCR_HD, table(2), PTW_SOFTMMU_CONTIG_FREEDOM);
	unsigned int which = 99, used = 0;

	for (unsigned int i = 0; i < 300; i++) {
		unsigned int clean;

		build_group(SH | AP_RO | DBM);
		cr_assert_eq(access_at(cpu, IA_39, WRITE), PTW_SOFTMMU_OK);
		cr_assert_eq(access_at(cpu, IA_39 ^ 0x1000, WRITE), PTW_SOFTMMU_OK);
		cr_assert_eq(group_bits(0, AF, &which), 1u);
		used |= 1u << which;
		clean = which;
		cr_assert_eq(group_bits(0, AP_RO, &which), 15u);
		cr_assert_eq(*entry(table(0), clean) & AP_RO, 0u, "dirty where accessed");
	}
	cr_assert_eq(used, 0xffffu);
}
