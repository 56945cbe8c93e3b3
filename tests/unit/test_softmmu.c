/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The software MMU: EPT, x86-64, the perverse format, and the configuration.
 */
#include "softmmu_machine.h"

/* Indices 3, 5, 7, 9 in the tables of levels 3 to 0, byte 0xabc of the page; level 4: index 2. */
#define IA4 ((uint64_t)3 << 39 | (uint64_t)5 << 30 | 7u << 21 | 9u << 12 | 0xabc)
#define IA5 ((uint64_t)2 << 48 | IA4)

static const unsigned int index_at[5] = {9, 7, 5, 3, 2};

/* Level n's table is table(n); entries of all levels from `root_level` down to a leaf. */
static void build_x86(unsigned int root_level, uint64_t table_bits, unsigned int leaf_level,
		      uint64_t leaf)
{
	for (unsigned int level = root_level; level > leaf_level; level--)
		*entry(table(level), index_at[level]) = table(level - 1) | table_bits;
	*entry(table(leaf_level), index_at[leaf_level]) = leaf;
}

static uint64_t *at_level(unsigned int level)
{
	return entry(table(level), index_at[level]);
}

/* ---- EPT ---- */

#define EPTP_WB	  6u
#define EPTP_4	  (3u << 3)
#define EPTP_5	  (4u << 3)
#define EPTP_AD	  (1u << 6)
#define EPT_A	  BIT(8)
#define EPT_D	  BIT(9)
#define EPT_WB	  (6u << 3)
#define EPT_LARGE BIT(7)
#define PAGE_4K	  0x765432000ull /* leaves */
#define PAGE_2M	  0x765400000ull
#define PAGE_1G	  0x740000000ull

static struct ptw_softmmu_config ept_config(unsigned int root_level, uint64_t eptp, uint32_t flags)
{
	return make_config(PTW_REGIME_EPT, 46, table(root_level) | EPTP_WB | eptp, 0, 0, flags);
}

static struct ptw_softmmu *ept_cpu(unsigned int root_level, uint64_t eptp, uint32_t flags)
{
	struct ptw_softmmu_config config = ept_config(root_level, eptp, flags);

	return make_cpu(&config);
}

Test(softmmu_ept, accessed_on_every_level_dirty_on_the_leaf)
{
	for (unsigned int root = 3; root <= 4; root++) {
		const uint64_t ia = root == 4 ? IA5 : IA4;
		struct ptw_softmmu *cpu = ept_cpu(root, EPTP_AD | (root == 4 ? EPTP_5 : EPTP_4), 0);

		build_x86(root, 7, 0, PAGE_4K | EPT_WB | 7);
		cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_OK);
		assert_oa(PAGE_4K | 0xabc);
		cr_assert_eq(result.page_size, 4096u);
		cr_assert_eq(result.level, 0u);
		cr_assert_eq(result.tlb_hit, 0u);
		for (unsigned int level = 1; level <= root; level++)
			assert_entry(table(level), index_at[level], table(level - 1) | 7 | EPT_A);
		assert_entry(table(0), 9, PAGE_4K | EPT_WB | 7 | EPT_A);

		cr_assert_eq(access_at(cpu, ia, WRITE), PTW_SOFTMMU_OK);
		assert_entry(table(root), index_at[root], table(root - 1) | 7 | EPT_A);
		assert_entry(table(0), 9, PAGE_4K | EPT_WB | 7 | EPT_A | EPT_D);
		cr_assert_eq(access_at(cpu, ia, READ | WRITE), PTW_SOFTMMU_OK);
		cr_assert_eq(ptw_softmmu_counters(cpu)->accessed_set, 1u);
		cr_assert_eq(ptw_softmmu_counters(cpu)->dirty_set, 1u);
		cr_assert_eq(ptw_softmmu_counters(cpu)->table_accessed_set, root);
		cr_assert_eq(ptw_softmmu_counters(cpu)->accesses, 3u);
		cr_assert_eq(ptw_softmmu_counters(cpu)->walks, 3u);
		cr_assert_eq(ptw_softmmu_counters(cpu)->faults, 0u);
		cr_assert_eq(ptw_softmmu_counters(cpu)->cas_failures, 0u);
	}
}

Test(softmmu_ept, large_leaves)
{
	struct ptw_softmmu *cpu = ept_cpu(3, EPTP_AD | EPTP_4, 0);
	struct ptw_softmmu *small = ept_cpu(3, EPTP_AD | EPTP_4, PTW_SOFTMMU_NO_1G);

	build_x86(3, 7, 1, PAGE_2M | EPT_LARGE | EPT_WB | 7);
	cr_assert_eq(access_at(cpu, IA4, WRITE), PTW_SOFTMMU_OK);
	assert_oa(PAGE_2M | 0x9abc);
	cr_assert_eq(result.page_size, 0x200000u);
	cr_assert_eq(result.level, 1u);
	assert_entry(table(1), 7, PAGE_2M | EPT_LARGE | EPT_WB | 7 | EPT_A | EPT_D);

	build_x86(3, 7, 2, PAGE_1G | EPT_LARGE | EPT_WB | 7);
	cr_assert_eq(access_at(small, IA4, WRITE), PTW_SOFTMMU_MISCONFIG);
	cr_assert_eq(result.level, 2u);
	cr_assert_eq(result.page_size, 0u);
	assert_entry(table(2), 5, PAGE_1G | EPT_LARGE | EPT_WB | 7);
	cr_assert_eq(access_at(cpu, IA4, READ), PTW_SOFTMMU_OK);
	assert_oa(PAGE_1G | 7u << 21 | 0x9abc);
	cr_assert_eq(result.page_size, 0x40000000u);
	assert_entry(table(2), 5, PAGE_1G | EPT_LARGE | EPT_WB | 7 | EPT_A);
}

Test(softmmu_ept, without_accessed_and_dirty_bits_8_and_9_are_ignored)
{
	struct ptw_softmmu *cpu = ept_cpu(3, EPTP_4, 0);

	build_x86(3, 7, 0, PAGE_4K | EPT_WB | 7);
	cr_assert_eq(access_at(cpu, IA4, WRITE), PTW_SOFTMMU_OK);
	for (unsigned int level = 1; level <= 3; level++)
		assert_entry(table(level), index_at[level], table(level - 1) | 7);
	assert_entry(table(0), 9, PAGE_4K | EPT_WB | 7);
	*at_level(0) = PAGE_4K | EPT_WB | 7 | EPT_A | EPT_D;
	cr_assert_eq(access_at(cpu, IA4, READ), PTW_SOFTMMU_OK);
	assert_entry(table(0), 9, PAGE_4K | EPT_WB | 7 | EPT_A | EPT_D);

	/* A guest's page walk is then a read. */
	*at_level(0) = PAGE_4K | EPT_WB | 1;
	cr_assert_eq(access_at(cpu, IA4, READ | PTW_ACCESS_GUEST_PT), PTW_SOFTMMU_OK);
	cr_assert_eq(ptw_softmmu_counters(cpu)->accessed_set, 0u);
	cr_assert_eq(ptw_softmmu_counters(cpu)->dirty_set, 0u);

	/* Access-tracked: permissions saved in bits 52 and 54, none left. */
	*at_level(0) = PAGE_4K | EPT_WB | EPT_A | BIT(52) | BIT(54);
	cr_assert_eq(access_at(cpu, IA4, READ), PTW_SOFTMMU_TRANSLATION);
	cr_assert_eq(result.level, 0u);
	assert_oa(0);
	assert_entry(table(0), 9, PAGE_4K | EPT_WB | EPT_A | BIT(52) | BIT(54));
}

Test(softmmu_ept, guest_page_walk_is_a_write)
{
	struct ptw_softmmu *cpu = ept_cpu(3, EPTP_AD | EPTP_4, 0);

	build_x86(3, 7, 0, PAGE_4K | EPT_WB | 5);
	cr_assert_eq(access_at(cpu, IA4, READ | PTW_ACCESS_GUEST_PT), PTW_SOFTMMU_PERMISSION);
	assert_entry(table(0), 9, PAGE_4K | EPT_WB | 5);
	*at_level(0) = PAGE_4K | EPT_WB | 3;
	cr_assert_eq(access_at(cpu, IA4, READ | PTW_ACCESS_GUEST_PT), PTW_SOFTMMU_OK);
	assert_entry(table(0), 9, PAGE_4K | EPT_WB | 3 | EPT_A | EPT_D);
}

/* A fault leaves accessed bits above it behind, and the entry it is found in alone. */
Test(softmmu_ept, holes_and_permissions_by_level)
{
	static const uint32_t lacks[3][2] = {{6, READ}, {5, WRITE}, {3, FETCH}};
	struct ptw_softmmu *cpu = ept_cpu(3, EPTP_AD | EPTP_4, PTW_SOFTMMU_EXEC_ONLY);

	for (unsigned int hole = 0; hole <= 3; hole++) {
		build_x86(3, 7, 0, PAGE_4K | EPT_WB | 7);
		*at_level(hole) &= ~7ull;
		cr_assert_eq(access_at(cpu, IA4, READ), PTW_SOFTMMU_TRANSLATION);
		cr_assert_eq(result.level, hole);
		cr_assert_eq(result.page_size, 0u);
		for (unsigned int level = 0; level <= 3; level++)
			cr_assert_eq(!!(*at_level(level) & EPT_A), level > hole,
				     "level %u, hole %u", level, hole);
	}
	for (unsigned int weak = 0; weak <= 3; weak++) {
		/* Write without read is a misconfiguration, so reads are lost by fetch-only. */
		for (unsigned int i = 0; i < 3; i++) {
			build_x86(3, 7, 0, PAGE_4K | EPT_WB | 7);
			*at_level(weak) &= ~7ull;
			*at_level(weak) |= i == 0 ? 4 : lacks[i][0];
			cr_assert_eq(access_at(cpu, IA4, lacks[i][1]), PTW_SOFTMMU_PERMISSION);
			cr_assert_eq(result.level, 0u);
			cr_assert_eq(result.page_size, 4096u);
			cr_assert_eq(*at_level(0) & (EPT_A | EPT_D), 0u);
			cr_assert_eq(*at_level(1) & EPT_A, EPT_A);
		}
	}
	/* A read-modify-write needs both, and sets nothing if one is missing. */
	build_x86(3, 7, 0, PAGE_4K | EPT_WB | 1);
	cr_assert_eq(access_at(cpu, IA4, READ | WRITE), PTW_SOFTMMU_PERMISSION);
	assert_entry(table(0), 9, PAGE_4K | EPT_WB | 1);
	/* A hole below is found before a permission missing above. */
	*at_level(3) = table(2) | 1;
	*at_level(0) = 0;
	cr_assert_eq(access_at(cpu, IA4, WRITE), PTW_SOFTMMU_TRANSLATION);
}

/* All values of the low byte of a level-0 leaf, with and without execute-only. */
Test(softmmu_ept, every_low_byte_of_a_leaf)
{
	struct ptw_softmmu *plain = ept_cpu(3, EPTP_AD | EPTP_4, 0);
	struct ptw_softmmu *exec_only = ept_cpu(3, EPTP_AD | EPTP_4, PTW_SOFTMMU_EXEC_ONLY);

	for (unsigned int i = 0; i < 256 * 8 * 2; i++) {
		const unsigned int low = i % 256, access = i / 256 % 8, exec = i / 2048;
		const unsigned int rwx = low & 7, memtype = low >> 3 & 7;
		const unsigned int wants = access ? access : READ;
		int expect = PTW_SOFTMMU_OK;

		if (rwx == 0)
			expect = PTW_SOFTMMU_TRANSLATION;
		else if (rwx == 2 || rwx == 6 || (rwx == 4 && !exec) || memtype == 2 ||
			 memtype == 3 || memtype == 7)
			expect = PTW_SOFTMMU_MISCONFIG;
		else if (wants & ~rwx)
			expect = PTW_SOFTMMU_PERMISSION;
		build_x86(3, 7, 0, PAGE_4K | low);
		cr_assert_eq(access_at(exec ? exec_only : plain, IA4, access), expect,
			     "low %#x access %u exec %u", low, access, exec);
		assert_entry(table(0), 9,
			     PAGE_4K | low | (expect ? 0 : EPT_A | (access & WRITE ? EPT_D : 0)));
	}
}

Test(softmmu_ept, misconfigurations)
{
	static const struct {
		unsigned int leaf_level, level;
		uint64_t bits;
		int expect;
	} cases[] = {
		{0, 3, BIT(3), PTW_SOFTMMU_MISCONFIG},	{0, 3, BIT(7), PTW_SOFTMMU_MISCONFIG},
		{0, 3, BIT(46), PTW_SOFTMMU_MISCONFIG}, {0, 2, BIT(6), PTW_SOFTMMU_MISCONFIG},
		{0, 1, BIT(4), PTW_SOFTMMU_MISCONFIG},	{0, 1, BIT(5), PTW_SOFTMMU_MISCONFIG},
		{0, 1, BIT(51), PTW_SOFTMMU_MISCONFIG}, {0, 0, BIT(46), PTW_SOFTMMU_MISCONFIG},
		{0, 0, BIT(51), PTW_SOFTMMU_MISCONFIG}, {1, 1, BIT(12), PTW_SOFTMMU_MISCONFIG},
		{1, 1, BIT(20), PTW_SOFTMMU_MISCONFIG}, {1, 1, BIT(46), PTW_SOFTMMU_MISCONFIG},
		{2, 2, BIT(12), PTW_SOFTMMU_MISCONFIG}, {2, 2, BIT(29), PTW_SOFTMMU_MISCONFIG},
		{0, 0, BIT(6), PTW_SOFTMMU_OK},		{0, 0, BIT(7), PTW_SOFTMMU_OK},
		{0, 0, BIT(10), PTW_SOFTMMU_OK},	{0, 0, BIT(11), PTW_SOFTMMU_OK},
		{0, 0, BIT(52), PTW_SOFTMMU_OK},	{0, 0, BIT(63), PTW_SOFTMMU_OK},
		{0, 3, BIT(9), PTW_SOFTMMU_OK},		{0, 2, BIT(62), PTW_SOFTMMU_OK},
		{0, 1, BIT(11), PTW_SOFTMMU_OK},	{1, 1, BIT(6), PTW_SOFTMMU_OK},
	};
	static const uint64_t pages[3] = {PAGE_4K, PAGE_2M | EPT_LARGE, PAGE_1G | EPT_LARGE};
	struct ptw_softmmu *cpu = ept_cpu(3, EPTP_AD | EPTP_4, 0);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const unsigned int leaf_level = cases[i].leaf_level;
		uint64_t before;

		build_x86(3, 7, leaf_level, pages[leaf_level] | EPT_WB | 7);
		*at_level(cases[i].level) |= cases[i].bits;
		before = *at_level(cases[i].level);
		cr_assert_eq(access_at(cpu, IA4, READ), cases[i].expect, "case %zu", i);
		cr_assert_eq(result.level, cases[i].expect ? cases[i].level : leaf_level);
		cr_assert_eq(*at_level(cases[i].level), cases[i].expect ? before : before | EPT_A);
	}
	build_x86(3, 7, 1, PAGE_2M | EPT_LARGE | 2 << 3 | 7);
	cr_assert_eq(access_at(cpu, IA4, READ), PTW_SOFTMMU_MISCONFIG);
}

Test(softmmu_ept, registers)
{
	static const struct {
		uint32_t pa_bits;
		uint64_t flip;
		int expect;
	} cases[] = {
		{46, 0, PTW_OK},
		{46, 6, PTW_OK},	       /* uncacheable */
		{46, 2, PTW_ERR_CONFIG},       /* memory type 4 */
		{46, 1, PTW_ERR_CONFIG},       /* 7 */
		{46, 7u << 3, PTW_OK},	       /* 5 levels: 3 becomes 4 */
		{46, 1u << 3, PTW_ERR_CONFIG}, /* 3 levels */
		{46, 6u << 3, PTW_ERR_CONFIG}, /* 6 levels */
		{46, BIT(6), PTW_OK},
		{46, BIT(7), PTW_ERR_CONFIG},
		{46, BIT(11), PTW_ERR_CONFIG},
		{46, BIT(45), PTW_OK},
		{46, BIT(46), PTW_ERR_CONFIG},
		{52, BIT(51), PTW_OK},
		{52, BIT(52), PTW_ERR_CONFIG},
		{53, 0, PTW_ERR_CONFIG},
		{31, 0, PTW_ERR_CONFIG},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ptw_softmmu_config config = ept_config(3, EPTP_4, 0);

		config.regs.pa_bits = cases[i].pa_bits;
		config.regs.root ^= cases[i].flip;
		cr_assert_eq(refusal(&config), cases[i].expect, "case %zu", i);
	}
}

Test(softmmu_ept, input_size)
{
	struct ptw_softmmu *cpu = ept_cpu(3, EPTP_AD | EPTP_4, 0);

	build_x86(3, 7, 0, PAGE_4K | EPT_WB | 7);
	cr_assert_eq(access_at(cpu, IA4 | BIT(48), READ), PTW_SOFTMMU_ADDRESS_SIZE);
	cr_assert_eq(access_at(cpu, IA4 | BIT(63), READ), PTW_SOFTMMU_ADDRESS_SIZE);
	assert_entry(table(3), 3, table(2) | 7);
	cr_assert_eq(ptw_softmmu_counters(cpu)->faults, 2u);
	cr_assert_eq(access_at(cpu, IA4, 64), PTW_ERR_ARG);
	cr_assert_eq(ptw_softmmu_counters(cpu)->accesses, 2u);
}

/* ---- x86-64 ---- */

#define X86_A  BIT(5)
#define X86_D  BIT(6)
#define X86_PS BIT(7)
#define X86_NX BIT(63)
#define LA57   BIT(12)
#define NXE    BIT(11)

static struct ptw_softmmu *x86_cpu(unsigned int root_level, uint64_t efer, uint32_t flags)
{
	struct ptw_softmmu_config config = make_config(PTW_REGIME_X86_64, 46, table(root_level),
						       root_level == 4 ? LA57 : 0, efer, flags);

	return make_cpu(&config);
}

Test(softmmu_x86_64, accessed_on_every_level_dirty_on_the_leaf)
{
	for (unsigned int root = 3; root <= 4; root++) {
		const uint64_t ia = root == 4 ? IA5 : IA4;
		struct ptw_softmmu *cpu = x86_cpu(root, NXE, 0);

		build_x86(root, 7, 0, PAGE_4K | 7);
		cr_assert_eq(access_at(cpu, ia, FETCH | USER), PTW_SOFTMMU_OK);
		assert_oa(PAGE_4K | 0xabc);
		for (unsigned int level = 1; level <= root; level++)
			assert_entry(table(level), index_at[level], table(level - 1) | 7 | X86_A);
		assert_entry(table(0), 9, PAGE_4K | 7 | X86_A);
		cr_assert_eq(access_at(cpu, ia, WRITE), PTW_SOFTMMU_OK);
		assert_entry(table(0), 9, PAGE_4K | 7 | X86_A | X86_D);
		assert_entry(table(1), 7, table(0) | 7 | X86_A);
		cr_assert_eq(ptw_softmmu_counters(cpu)->table_accessed_set, root);
	}
}

Test(softmmu_x86_64, large_leaves_and_their_pat_bit)
{
	struct ptw_softmmu *cpu = x86_cpu(3, NXE, 0);
	struct ptw_softmmu *small = x86_cpu(3, NXE, PTW_SOFTMMU_NO_1G);

	build_x86(3, 7, 1, PAGE_2M | X86_PS | BIT(12) | 7);
	cr_assert_eq(access_at(cpu, IA4 ^ 0x1000, WRITE), PTW_SOFTMMU_OK);
	assert_oa(PAGE_2M | 0x8abc);
	assert_entry(table(1), 7, PAGE_2M | X86_PS | BIT(12) | 7 | X86_A | X86_D);
	build_x86(3, 7, 2, PAGE_1G | X86_PS | BIT(12) | 7);
	cr_assert_eq(access_at(small, IA4, WRITE), PTW_SOFTMMU_MISCONFIG);
	cr_assert_eq(access_at(cpu, IA4 ^ 0x1000, WRITE), PTW_SOFTMMU_OK);
	assert_oa(PAGE_1G | 7u << 21 | 0x8abc);
	cr_assert_eq(result.level, 2u);
	/* At level 0 bit 7 is PAT and bit 12 address. */
	build_x86(3, 7, 0, (PAGE_4K ^ 0x3000) | X86_PS | 7);
	cr_assert_eq(access_at(cpu, IA4, READ), PTW_SOFTMMU_OK);
	assert_oa((PAGE_4K ^ 0x3000) | 0xabc);
}

Test(softmmu_x86_64, canonical_addresses)
{
	struct ptw_softmmu *cpu = x86_cpu(3, NXE, 0);
	const uint64_t high = IA4 | BIT(47); /* index 3 becomes 259 */

	build_x86(3, 7, 0, PAGE_4K | 7);
	*entry(table(3), 259) = table(2) | 7;
	cr_assert_eq(access_at(cpu, high | 0xffff000000000000ull, READ), PTW_SOFTMMU_OK);
	assert_oa(PAGE_4K | 0xabc);
	assert_entry(table(3), 259, table(2) | 7 | X86_A);
	cr_assert_eq(access_at(cpu, high, READ), PTW_SOFTMMU_OK, "sign stripped");
	cr_assert_eq(access_at(cpu, IA4 | 0xffff000000000000ull, READ), PTW_SOFTMMU_ADDRESS_SIZE);
	cr_assert_eq(access_at(cpu, high | BIT(63), READ), PTW_SOFTMMU_ADDRESS_SIZE);
	assert_entry(table(3), 3, table(2) | 7);
}

Test(softmmu_x86_64, rights_are_combined_over_the_levels)
{
	struct ptw_softmmu *cpu = x86_cpu(3, NXE, 0);

	for (unsigned int level = 0; level <= 3; level++) {
		build_x86(3, 7, 0, PAGE_4K | 7);
		*at_level(level) &= ~BIT(1);
		cr_assert_eq(access_at(cpu, IA4, WRITE), PTW_SOFTMMU_PERMISSION, "CR0.WP = 1");
		cr_assert_eq(access_at(cpu, IA4, WRITE | USER), PTW_SOFTMMU_PERMISSION);
		cr_assert_eq(result.level, 0u);
		cr_assert_eq(*at_level(0) & (X86_A | X86_D), 0u);
		cr_assert_eq(*at_level(1) & X86_A, X86_A);
		cr_assert_eq(access_at(cpu, IA4, READ | USER), PTW_SOFTMMU_OK);

		build_x86(3, 7, 0, PAGE_4K | 7);
		*at_level(level) &= ~BIT(2);
		cr_assert_eq(access_at(cpu, IA4, READ | USER), PTW_SOFTMMU_PERMISSION);
		cr_assert_eq(access_at(cpu, IA4, WRITE), PTW_SOFTMMU_OK);

		build_x86(3, 7, 0, PAGE_4K | 7);
		*at_level(level) |= X86_NX;
		cr_assert_eq(access_at(cpu, IA4, FETCH), PTW_SOFTMMU_PERMISSION);
		cr_assert_eq(access_at(cpu, IA4, FETCH | USER), PTW_SOFTMMU_PERMISSION);
		cr_assert_eq(access_at(cpu, IA4, READ | WRITE | USER), PTW_SOFTMMU_OK);

		build_x86(3, 7, 0, PAGE_4K | 7);
		*at_level(level) &= ~BIT(0);
		cr_assert_eq(access_at(cpu, IA4, READ), PTW_SOFTMMU_TRANSLATION);
		cr_assert_eq(result.level, level);
		cr_assert_eq(*at_level(level) & X86_A, 0u);
	}
	/* Nested paging: the guest's page walk is a user write. */
	build_x86(3, 7, 0, PAGE_4K | 5);
	cr_assert_eq(access_at(cpu, IA4, READ | PTW_ACCESS_GUEST_PT), PTW_SOFTMMU_PERMISSION);
	*at_level(0) = PAGE_4K | 3;
	cr_assert_eq(access_at(cpu, IA4, READ | PTW_ACCESS_GUEST_PT), PTW_SOFTMMU_PERMISSION);
	*at_level(0) = PAGE_4K | 7;
	cr_assert_eq(access_at(cpu, IA4, READ | PTW_ACCESS_GUEST_PT), PTW_SOFTMMU_OK);
	assert_entry(table(0), 9, PAGE_4K | 7 | X86_A | X86_D);
}

Test(softmmu_x86_64, reserved_bits)
{
	static const struct {
		unsigned int leaf_level, level;
		uint64_t bits;
		int expect; /* with NXE */
	} cases[] = {
		{0, 3, BIT(7), PTW_SOFTMMU_MISCONFIG},	{0, 3, BIT(46), PTW_SOFTMMU_MISCONFIG},
		{0, 1, BIT(51), PTW_SOFTMMU_MISCONFIG}, {0, 0, BIT(46), PTW_SOFTMMU_MISCONFIG},
		{1, 1, BIT(13), PTW_SOFTMMU_MISCONFIG}, {1, 1, BIT(20), PTW_SOFTMMU_MISCONFIG},
		{2, 2, BIT(13), PTW_SOFTMMU_MISCONFIG}, {2, 2, BIT(29), PTW_SOFTMMU_MISCONFIG},
		{0, 0, BIT(52), PTW_SOFTMMU_OK},	{0, 0, BIT(62), PTW_SOFTMMU_OK},
		{0, 3, BIT(6), PTW_SOFTMMU_OK},		{0, 1, BIT(8), PTW_SOFTMMU_OK},
		{0, 0, BIT(3), PTW_SOFTMMU_OK},		{0, 0, BIT(11), PTW_SOFTMMU_OK},
	};
	static const uint64_t pages[3] = {PAGE_4K, PAGE_2M | X86_PS, PAGE_1G | X86_PS};
	struct ptw_softmmu *cpu = x86_cpu(3, NXE, 0);
	struct ptw_softmmu *without_nx = x86_cpu(3, 0, 0);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const unsigned int leaf_level = cases[i].leaf_level;

		build_x86(3, 7, leaf_level, pages[leaf_level] | 7);
		*at_level(cases[i].level) |= cases[i].bits;
		cr_assert_eq(access_at(cpu, IA4, READ), cases[i].expect, "case %zu", i);
		cr_assert_eq(result.level, cases[i].expect ? cases[i].level : leaf_level);
	}
	for (unsigned int level = 0; level <= 3; level++) {
		build_x86(3, 7, 0, PAGE_4K | 7);
		*at_level(level) |= X86_NX;
		cr_assert_eq(access_at(without_nx, IA4, READ), PTW_SOFTMMU_MISCONFIG);
		cr_assert_eq(result.level, level);
		/* Not present comes first. */
		*at_level(level) &= ~BIT(0);
		cr_assert_eq(access_at(without_nx, IA4, READ), PTW_SOFTMMU_TRANSLATION);
	}
}

Test(softmmu_x86_64, registers)
{
	struct ptw_softmmu_config config =
		make_config(PTW_REGIME_X86_64, 46, table(3) | 0xfff, BIT(5), NXE, 0);

	cr_assert_eq(refusal(&config), PTW_OK, "CR3 11:0 are PCID or cache bits");
	config.regs.root = BIT(46);
	cr_assert_eq(refusal(&config), PTW_ERR_CONFIG);
	config.regs.root = table(3) | BIT(62);
	cr_assert_eq(refusal(&config), PTW_ERR_CONFIG, "LAM");
	config.regs.root = table(3);
	config.regs.pa_bits = 53;
	cr_assert_eq(refusal(&config), PTW_ERR_CONFIG);
	config.regs.pa_bits = 46;
	for (unsigned int bit = 20; bit <= 24; bit++) {
		config.regs.control = BIT(bit);
		cr_assert_eq(refusal(&config), PTW_ERR_CONFIG, "CR4 bit %u", bit);
	}
}

/* ---- the perverse format ---- */

static uint64_t perverse(unsigned int level, uint64_t logical)
{
	const unsigned int turn = 5 + 11 * level;

	return logical << turn | logical >> (64 - turn);
}

/* Logical bits of a leaf and of a table entry; at odd levels presence and leaf are inverted. */
static uint64_t perverse_leaf(unsigned int level, uint64_t oa, uint64_t bits)
{
	return (level % 2 ? 0 : 3) | oa << 6 | bits;
}

static uint64_t perverse_table(unsigned int level, uint64_t pa)
{
	return (level % 2 ? 2 : 1) | pa << 6;
}

#define P_RWX	0x1cull
#define P_A	BIT(5)
#define P_CLEAN BIT(6)
/* Indices 6, 5, 4, 3, 2 at levels 0 to 4. */
#define P_IA(levels)                                                    \
	((2ull << 24 | 3 << 21 | 4 << 18 | 5 << 15 | 6 << 12 | 0x123) & \
	 (BIT(12 + 3 * (levels)) - 1))

static struct ptw_softmmu *perverse_cpu(unsigned int levels, uint32_t pa_bits)
{
	struct ptw_softmmu_config config =
		make_config(PTW_REGIME_PERVERSE, pa_bits, base + (levels - 1) * 64, levels, 0, 0);

	return make_cpu(&config);
}

/* The table of level n lies at base + 64 * n. */
static uint64_t *perverse_at(unsigned int level)
{
	return entry(base + 64 * level, 6 - level);
}

static void build_perverse(unsigned int levels, unsigned int leaf_level, uint64_t logical)
{
	for (unsigned int level = levels - 1; level > leaf_level; level--)
		*perverse_at(level) =
			perverse(level, perverse_table(level, base + 64 * (level - 1)));
	*perverse_at(leaf_level) = perverse(leaf_level, logical);
}

static void check_perverse(unsigned int levels)
{
	static const uint64_t pages[3] = {0x7654321000, 0x7654328000, 0x7654340000};
	struct ptw_softmmu *cpu = perverse_cpu(levels, 40);
	const uint64_t ia = P_IA(levels);

	for (unsigned int leaf = 0; leaf < levels && leaf <= 2; leaf++) {
		const uint64_t size = 4096ull << (3 * leaf);
		uint64_t logical = perverse_leaf(leaf, pages[leaf],
						 P_RWX | P_CLEAN | BIT(7) | BIT(8) | BIT(9));

		build_perverse(levels, leaf, logical);
		cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_OK, "%u of %u", leaf, levels);
		assert_oa(pages[leaf] | (ia & (size - 1)));
		cr_assert_eq(result.page_size, size);
		cr_assert_eq(result.level, leaf);
		cr_assert_eq(*perverse_at(leaf), perverse(leaf, logical | P_A));
		for (unsigned int level = leaf + 1; level < levels; level++)
			cr_assert_eq(
				*perverse_at(level),
				perverse(level,
					 perverse_table(level, base + 64 * (level - 1)) | P_A));
		cr_assert_eq(access_at(cpu, ia, WRITE | USER), PTW_SOFTMMU_OK);
		cr_assert_eq(*perverse_at(leaf), perverse(leaf, (logical | P_A) & ~P_CLEAN));

		/* Absent, with every other bit as it was: bit 0 flipped. */
		*perverse_at(leaf) = perverse(leaf, logical ^ 1);
		cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_TRANSLATION);
		cr_assert_eq(*perverse_at(leaf), perverse(leaf, logical ^ 1));
	}
	cr_assert_eq(access_at(cpu, BIT(12 + 3 * levels), READ), PTW_SOFTMMU_ADDRESS_SIZE);
}

Test(softmmu_perverse, one_and_two_levels)
{
	check_perverse(1);
	check_perverse(2);
}

Test(softmmu_perverse, three_to_five_levels)
{
	check_perverse(3);
	check_perverse(4);
	check_perverse(5);
}

Test(softmmu_perverse, reserved_bits_and_permissions)
{
	struct ptw_softmmu *cpu = perverse_cpu(4, 40);
	const uint64_t ia = P_IA(4);
	static const unsigned int reserved[] = {10, 11, 58, 60, 63};

	for (unsigned int level = 0; level < 4; level++) {
		for (size_t i = 0; i < 5; i++) {
			build_perverse(4, 0, perverse_leaf(0, 0x5000, P_RWX));
			*perverse_at(level) ^= perverse(level, BIT(reserved[i]));
			cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_MISCONFIG);
			cr_assert_eq(result.level, level);
		}
		for (unsigned int bit = 2; level > 0 && bit <= 9; bit++) {
			build_perverse(4, 0, perverse_leaf(0, 0x5000, P_RWX));
			*perverse_at(level) ^= perverse(level, BIT(bit));
			cr_assert_eq(access_at(cpu, ia, READ),
				     bit == 5 || bit > 6 ? PTW_SOFTMMU_OK : PTW_SOFTMMU_MISCONFIG,
				     "level %u bit %u", level, bit);
		}
	}
	build_perverse(4, 1, perverse_leaf(1, 0x9000, P_RWX));
	cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_MISCONFIG, "leaf not aligned to 32 KiB");
	build_perverse(4, 3, perverse_leaf(3, 0, P_RWX));
	cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_MISCONFIG, "no leaves at level 3");
	build_perverse(4, 0, perverse_leaf(0, BIT(40), P_RWX));
	cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_ADDRESS_SIZE);
	*perverse_at(2) = perverse(2, perverse_table(2, BIT(40)));
	cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_ADDRESS_SIZE);
	cr_assert_eq(result.level, 2u);
	for (unsigned int rwx = 0; rwx < 8; rwx++) {
		for (unsigned int access = 1; access < 8; access++) {
			build_perverse(4, 0, perverse_leaf(0, 0x5000, rwx << 2));
			cr_assert_eq(access_at(cpu, ia, access),
				     access & ~rwx ? PTW_SOFTMMU_PERMISSION : PTW_SOFTMMU_OK);
		}
	}
}

Test(softmmu_perverse, registers)
{
	struct ptw_softmmu_config config = make_config(PTW_REGIME_PERVERSE, 40, base, 5, 0, 0);

	cr_assert_eq(refusal(&config), PTW_OK);
	config.regs.control = 6;
	cr_assert_eq(refusal(&config), PTW_ERR_CONFIG);
	config.regs.control = 0;
	cr_assert_eq(refusal(&config), PTW_ERR_CONFIG);
	config.regs.control = 5;
	config.regs.pa_bits = 53;
	cr_assert_eq(refusal(&config), PTW_ERR_CONFIG);
	config.regs.pa_bits = 40;
	config.regs.root = base + 32;
	cr_assert_eq(refusal(&config), PTW_ERR_CONFIG);
	config.regs.root = BIT(40);
	cr_assert_eq(refusal(&config), PTW_ERR_CONFIG);
}

/* ---- configuration ---- */

Test(softmmu, configuration)
{
	static uint64_t space[512];
	struct {
		struct ptw_softmmu_config config;
		uint64_t newer;
	} grown = {.config = ept_config(3, EPTP_4, 0)};
	struct ptw_softmmu_config config = ept_config(3, EPTP_4, 0);
	struct ptw_softmmu *cpu = NULL;
	size_t bytes = ptw_softmmu_size(&config);

	cr_assert_gt(bytes, 0u);
	cr_assert_eq(bytes % 64, 0u);
	cr_assert_eq(ptw_softmmu_size(NULL), 0u);
	cr_assert_eq(ptw_softmmu_init(NULL, space, sizeof(space), &config), PTW_ERR_ARG);
	cr_assert_eq(ptw_softmmu_init(&cpu, NULL, sizeof(space), &config), PTW_ERR_ARG);
	cr_assert_eq(ptw_softmmu_init(&cpu, space, sizeof(space), NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_softmmu_init(&cpu, space, bytes - 1, &config), PTW_ERR_SIZE);
	cr_assert_eq(ptw_softmmu_init(&cpu, (char *)space + 4, bytes, &config), PTW_ERR_ALIGN);
	cr_assert_null(cpu);
	cr_assert_eq(ptw_softmmu_init(&cpu, space, bytes, &config), PTW_OK);
	cr_assert_not_null(cpu);

	grown.config.size = sizeof(grown);
	cr_assert_eq(refusal(&grown.config), PTW_OK);
	grown.newer = 1;
	cr_assert_eq(refusal(&grown.config), PTW_ERR_ARG);
	config.size--;
	cr_assert_eq(refusal(&config), PTW_ERR_SIZE);
	config.size++;
	config.flags = 64;
	cr_assert_eq(refusal(&config), PTW_ERR_ARG);
	config.flags = 0;
	config.phys_offset ^= 4;
	cr_assert_eq(refusal(&config), PTW_ERR_ARG);
	config.phys_offset ^= 4;
	config.regs.regime = 0;
	cr_assert_eq(refusal(&config), PTW_ERR_ARG);
	config.regs.regime = PTW_REGIME_PERVERSE + 1;
	cr_assert_eq(refusal(&config), PTW_ERR_ARG);
}

Test(softmmu, tlb_shapes)
{
	static const struct {
		uint32_t sets, ways;
		int expect;
	} cases[] = {
		{0, 0, PTW_OK},	     {1, 1, PTW_OK},	  {8, 16, PTW_OK},	{0, 1, PTW_ERR_ARG},
		{1, 0, PTW_ERR_ARG}, {3, 4, PTW_ERR_ARG}, {4, 17, PTW_ERR_ARG},
	};
	struct ptw_softmmu_config config = ept_config(3, EPTP_4, 0);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config.tlb_sets = cases[i].sets;
		config.tlb_ways = cases[i].ways;
		cr_assert_eq(refusal(&config), cases[i].expect, "case %zu", i);
	}
}
