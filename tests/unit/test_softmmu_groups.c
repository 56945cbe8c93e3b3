/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The software MMU on contiguous groups of arm64 stage 2. */
#include "softmmu_arm64.h"

Test(softmmu_arm64_s2, contiguous_without_freedom)
{
	struct ptw_softmmu *cpu = s2_cpu(VTCR_39 | HAHD, table(2), 0);
	unsigned int which = 99;

	build_group(WB | SH | S2_R | DBM);
	cr_assert_eq(access_at(cpu, IA_39, WRITE), PTW_SOFTMMU_OK);
	cr_assert_eq(group_bits(0, AF, &which), 1u);
	cr_assert_eq(which, 9u);
	cr_assert_eq(group_bits(0, S2_W, &which), 1u);
	cr_assert_eq(which, 9u);
	cr_assert_eq(access_at(cpu, IA_39 ^ 0x1000, READ), PTW_SOFTMMU_OK);
	cr_assert_eq(group_bits(0, AF, &which), 2u);
}

Test(softmmu_arm64_s2, contiguous_freedom)
{
	unsigned int used_accessed = 0, used_dirty = 0, which = 99;
	struct ptw_softmmu *cpu = s2_cpu(VTCR_39 | HAHD, table(2), PTW_SOFTMMU_CONTIG_FREEDOM);

	for (unsigned int i = 0; i < 400; i++) {
		build_group(WB | SH | S2_R | DBM);
		/* A hole, and an entry outside the group by its own bit, are no members. */
		*entry(table(0), 4) = 0x123050;
		*entry(table(0), 5) &= ~CONT;
		cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_OK);
		assert_oa(0x76549abc);
		cr_assert_eq(group_bits(0, AF, &which), 1u);
		cr_assert_eq(group_bits(0, S2_W, &which), 0u);
		used_accessed |= 1u << which;
		/* One has it, no other needs it. */
		cr_assert_eq(access_at(cpu, 5ull << 30 | 7u << 21 | 2u << 12, READ),
			     PTW_SOFTMMU_OK);
		cr_assert_eq(group_bits(0, AF, &which), 1u);

		/* Dirty goes anywhere too, and never without AF. */
		cr_assert_eq(access_at(cpu, IA_39, WRITE), PTW_SOFTMMU_OK);
		cr_assert_eq(group_bits(0, S2_W, &which), 1u);
		cr_assert_eq(*entry(table(0), which) & AF, AF);
		used_dirty |= 1u << which;
		cr_assert_eq(access_at(cpu, 5ull << 30 | 7u << 21 | 2u << 12, WRITE),
			     PTW_SOFTMMU_OK);
		cr_assert_eq(group_bits(0, S2_W, &which), 1u);

		/* Accessed cleared, dirty left: accessed is set again, dirty need not. */
		for (unsigned int page = 0; page < 16; page++) {
			if (page != 4)
				*entry(table(0), page) &= ~AF;
		}
		cr_assert_eq(access_at(cpu, IA_39, WRITE), PTW_SOFTMMU_OK);
		cr_assert_eq(group_bits(0, AF, &which), 1u);
		cr_assert_eq(group_bits(0, S2_W, &which), 1u);
		assert_entry(table(0), 4, 0x123050);
		cr_assert_eq(*entry(table(0), 5) & (AF | S2_W), 0u);
		cr_assert_eq(group_bits(16, AF | S2_W, &which), 0u);
	}
	cr_assert_eq(used_accessed, 0xffcfu, "members used: %#x", used_accessed);
	cr_assert_eq(used_dirty, 0xffcfu, "members used: %#x", used_dirty);
	cr_assert_eq(ptw_softmmu_counters(cpu)->dirty_set, 400u);
	cr_assert_geq(ptw_softmmu_counters(cpu)->accessed_set, 800u);
}

/* Permissions and the access flag fault stay those of the entry accessed. */
Test(softmmu_arm64_s2, contiguous_freedom_changes_no_rule)
{
	struct ptw_softmmu *hardware =
		s2_cpu(VTCR_39 | VTCR_HA, table(2), PTW_SOFTMMU_CONTIG_FREEDOM);
	struct ptw_softmmu *software = s2_cpu(VTCR_39, table(2), PTW_SOFTMMU_CONTIG_FREEDOM);
	unsigned int which = 99;

	build_group(WB | SH | S2_R | DBM);
	*entry(table(0), 3) |= AF;
	cr_assert_eq(access_at(software, IA_39, READ), PTW_SOFTMMU_ACCESS_FLAG);
	cr_assert_eq(access_at(hardware, IA_39, WRITE), PTW_SOFTMMU_PERMISSION);
	cr_assert_eq(access_at(hardware, IA_39, READ), PTW_SOFTMMU_OK);
	cr_assert_eq(group_bits(0, AF, &which), 1u);
	cr_assert_eq(which, 3u);
}

/* Sizes of the groups: entries by granule and level. */
Test(softmmu_arm64_s2, contiguous_group_sizes)
{
	static const struct {
		uint64_t vtcr;
		unsigned int shift, members;
		uint64_t type;
	} cases[] = {
		{T0SZ(39) | TG0_4K | SL0(1) | PS(5), 30, 16, BLOCK},
		{T0SZ(30) | TG0_4K | SL0(0) | PS(5), 21, 16, BLOCK},
		{T0SZ(21) | TG0_4K | SL0(3) | PS(5), 12, 16, PAGE},
		{T0SZ(44) | TG0_4K | SL0(2) | PS(6) | VTCR_DS, 39, 1, BLOCK},
		{T0SZ(40) | TG0_16K | SL0(2) | PS(6) | VTCR_DS, 36, 1, BLOCK},
		{T0SZ(36) | TG0_16K | SL0(1) | PS(5), 25, 32, BLOCK},
		{T0SZ(25) | TG0_16K | SL0(0) | PS(5), 14, 128, PAGE},
		{T0SZ(47) | TG0_64K | SL0(2) | PS(6), 42, 1, BLOCK},
		{T0SZ(42) | TG0_64K | SL0(1) | PS(5), 29, 32, BLOCK},
		{T0SZ(29) | TG0_64K | SL0(0) | PS(5), 16, 32, PAGE},
		{T0SZ(33) | TG0_4K | SL0(1) | PS(5), 30, 1,
		 BLOCK}, /* a root of 8 has no group of 16 */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static uint64_t cpu_memory[128] __attribute__((aligned(64)));
		struct ptw_softmmu_config config =
			s2_config(cases[i].vtcr | VTCR_HA, base,
				  PTW_SOFTMMU_LPA2 | PTW_SOFTMMU_CONTIG_FREEDOM);
		const unsigned int entries = 1u << (64 - (cases[i].vtcr & 63) - cases[i].shift);
		const unsigned int shown = entries < 256 ? entries : 256;
		const unsigned int target = shown > 128 ? 130 : shown / 2 + 1;
		unsigned int lowest = 999, highest = 0;
		struct ptw_softmmu *cpu = NULL;

		cr_assert_eq(ptw_softmmu_init(&cpu, cpu_memory, sizeof(cpu_memory), &config),
			     PTW_OK);
		for (unsigned int round = 0; round < 3000; round++) {
			for (unsigned int e = 0; e < shown; e++)
				*entry(base, e) = WB | S2_R | CONT | cases[i].type;
			cr_assert_eq(access_at(cpu, (uint64_t)target << cases[i].shift, READ),
				     PTW_SOFTMMU_OK, "case %zu", i);
			for (unsigned int e = 0; e < shown; e++) {
				if (!(*entry(base, e) & AF))
					continue;
				lowest = e < lowest ? e : lowest;
				highest = e > highest ? e : highest;
			}
		}
		cr_assert_eq(lowest, target / cases[i].members * cases[i].members, "case %zu", i);
		cr_assert_eq(highest - lowest + 1, cases[i].members, "case %zu", i);
	}
}
