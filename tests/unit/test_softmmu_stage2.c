/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The software MMU on arm64 stage 2: accessed and dirty, start levels, addresses, registers. */
#include "softmmu_arm64.h"

/* ---- stage 2: accessed and dirty ---- */

Test(softmmu_arm64_s2, access_flag)
{
	struct ptw_softmmu *software = s2_cpu(VTCR_39, table(2), 0);
	struct ptw_softmmu *inert = s2_cpu(VTCR_39 | VTCR_HD, table(2), 0);
	struct ptw_softmmu *hardware = s2_cpu(VTCR_39 | VTCR_HA, table(2), 0);

	build_39(OA_4K | RW | PAGE);
	cr_assert_eq(access_at(software, IA_39, READ), PTW_SOFTMMU_ACCESS_FLAG);
	cr_assert_eq(result.level, 0u);
	cr_assert_eq(result.page_size, 4096u);
	cr_assert_eq(access_at(inert, IA_39, WRITE), PTW_SOFTMMU_ACCESS_FLAG);
	/* The access flag fault comes before the permission fault. */
	*entry(table(0), 9) = OA_4K | WB | PAGE;
	cr_assert_eq(access_at(software, IA_39, READ), PTW_SOFTMMU_ACCESS_FLAG);
	assert_entry(table(0), 9, OA_4K | WB | PAGE);
	cr_assert_eq(access_at(hardware, IA_39, READ), PTW_SOFTMMU_PERMISSION);
	assert_entry(table(0), 9, OA_4K | WB | PAGE);

	build_39(OA_4K | RW | PAGE);
	cr_assert_eq(access_at(hardware, IA_39, READ), PTW_SOFTMMU_OK);
	assert_oa(OA_4K | 0xabc);
	assert_entry(table(0), 9, OA_4K | RW | PAGE | AF);
	assert_entry(table(1), 7, table(0) | TABLE);
	assert_entry(table(2), 5, table(1) | TABLE);
	cr_assert_eq(access_at(software, IA_39, READ | WRITE | FETCH), PTW_SOFTMMU_OK);
	cr_assert_eq(ptw_softmmu_counters(hardware)->accessed_set, 1u);
	cr_assert_eq(ptw_softmmu_counters(hardware)->table_accessed_set, 0u);
	cr_assert_eq(ptw_softmmu_counters(software)->faults, 2u);
}

/* HA, HD, DBM, S2AP[1:0] and AF against a write: what is left behind, and what is answered. */
Test(softmmu_arm64_s2, writes)
{
	static const uint64_t controls[4] = {0, VTCR_HA, VTCR_HD, HAHD};
	struct ptw_softmmu *cpus[4];

	for (unsigned int c = 0; c < 4; c++)
		cpus[c] = s2_cpu(VTCR_39 | controls[c], table(2), 0);
	for (unsigned int i = 0; i < 4 * 32; i++) {
		const unsigned int c = i / 32;
		const bool ha = c & 1, hd = c == 3, af = i & 1, dbm = i & 2, w = i & 4, r = i & 8;
		const bool speculative = i & 16;
		const uint64_t before = OA_4K | WB | SH | PAGE | (af ? AF : 0) | (dbm ? DBM : 0) |
					(w ? S2_W : 0) | (r ? S2_R : 0);
		uint64_t after = before;
		int expect = PTW_SOFTMMU_OK;

		if (!af && !ha)
			expect = PTW_SOFTMMU_ACCESS_FLAG;
		else if (!w && !(dbm && hd))
			expect = PTW_SOFTMMU_PERMISSION;
		else
			after |= AF | (speculative ? 0 : S2_W);
		build_39(before);
		cr_assert_eq(access_at(cpus[c], IA_39,
				       WRITE | (speculative ? PTW_ACCESS_SPECULATIVE : 0)),
			     expect, "case %u", i);
		assert_entry(table(0), 9, after);
		if (expect != PTW_SOFTMMU_OK || speculative)
			continue;
		/* Reading what was written needs S2AP[0]. */
		cr_assert_eq(access_at(cpus[c], IA_39, READ),
			     r ? PTW_SOFTMMU_OK : PTW_SOFTMMU_PERMISSION);
	}
	cr_assert_eq(ptw_softmmu_counters(cpus[3])->dirty_set, 4u);
	cr_assert_eq(ptw_softmmu_counters(cpus[1])->dirty_set, 0u);
	cr_assert_eq(ptw_softmmu_counters(cpus[2])->dirty_set, 0u);
}

Test(softmmu_arm64_s2, blocks_take_both)
{
	struct ptw_softmmu *cpu = s2_cpu(VTCR_39 | HAHD, table(2), 0);
	const uint64_t clean = WB | SH | S2_R | DBM | BLOCK;

	build_39(0);
	/* Bits 20:12 of a block are nT (16) and RES0: no address. */
	*entry(table(1), 7) = 0x76400000 | BIT(16) | BIT(13) | clean;
	cr_assert_eq(access_at(cpu, IA_39, WRITE), PTW_SOFTMMU_OK);
	assert_oa(0x76400000 | 0x9abc);
	cr_assert_eq(result.page_size, 0x200000u);
	assert_entry(table(1), 7, 0x76400000 | BIT(16) | BIT(13) | clean | AF | S2_W);
	*entry(table(2), 5) = 0x40000000 | clean;
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_OK);
	assert_oa(0x40000000 | 7u << 21 | 0x9abc);
	cr_assert_eq(result.level, 2u);
	assert_entry(table(2), 5, 0x40000000 | clean | AF);
}

Test(softmmu_arm64_s2, execution)
{
	/* XN[1:0] against EL1, EL0 with FEAT_XNX, and both without. */
	static const int may[4][3] = {{1, 1, 1}, {0, 1, 1}, {0, 0, 0}, {1, 0, 0}};
	struct ptw_softmmu *xnx = s2_cpu(VTCR_39, table(2), PTW_SOFTMMU_XNX);
	struct ptw_softmmu *plain = s2_cpu(VTCR_39, table(2), 0);

	for (uint64_t xn = 0; xn < 4; xn++) {
		/* No read permission: fetches do not need it. */
		build_39(OA_4K | WB | SH | AF | PAGE | xn << 53);
		cr_assert_eq(access_at(xnx, IA_39, FETCH) == PTW_SOFTMMU_OK, may[xn][0]);
		cr_assert_eq(access_at(xnx, IA_39, FETCH | USER) == PTW_SOFTMMU_OK, may[xn][1]);
		cr_assert_eq(access_at(plain, IA_39, FETCH) == PTW_SOFTMMU_OK, may[xn][2]);
		cr_assert_eq(access_at(plain, IA_39, FETCH | USER) == PTW_SOFTMMU_OK, may[xn][2]);
		cr_assert_eq(access_at(xnx, IA_39, READ), PTW_SOFTMMU_PERMISSION);
	}
}

Test(softmmu_arm64_s2, descriptor_types)
{
	struct ptw_softmmu *cpu = s2_cpu(VTCR_39 | HAHD, table(2), 0);

	/* Everything but bit 0 belongs to software then. */
	build_39(~1ull);
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_TRANSLATION);
	assert_entry(table(0), 9, ~1ull);
	build_39(OA_4K | RW | BLOCK);
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_TRANSLATION, "no block at level 3");
	cr_assert_eq(result.level, 0u);
	assert_entry(table(0), 9, OA_4K | RW | BLOCK);
	/* Table descriptors carry nothing but the address: all other bits are ignored. */
	build_39(OA_4K | RW | PAGE);
	*entry(table(1), 7) |= BIT(63) | BIT(62) | BIT(60) | BIT(59) | 0xffc;
	cr_assert_eq(access_at(cpu, IA_39, READ | WRITE | FETCH | USER), PTW_SOFTMMU_OK);
	assert_oa(OA_4K | 0xabc);
	*entry(table(1), 7) = 0;
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_TRANSLATION);
	cr_assert_eq(result.level, 1u);
}

Test(softmmu_arm64_s2, address_size)
{
	struct ptw_softmmu *cpu = s2_cpu(VTCR_39 | HAHD, table(2), 0);

	build_39(OA_4K | BIT(40) | RW | PAGE);
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_ADDRESS_SIZE);
	cr_assert_eq(result.level, 0u);
	assert_entry(table(0), 9, OA_4K | BIT(40) | RW | PAGE);
	build_39(OA_4K | BIT(39) | RW | PAGE);
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_OK);
	assert_oa(OA_4K | BIT(39) | 0xabc);
	*entry(table(1), 7) |= BIT(47);
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_ADDRESS_SIZE);
	cr_assert_eq(result.level, 1u);
	cr_assert_eq(access_at(cpu, IA_39 | BIT(39), READ), PTW_SOFTMMU_ADDRESS_SIZE);
	cr_assert_eq(access_at(cpu, BIT(56), READ), PTW_SOFTMMU_ADDRESS_SIZE, "no tags at stage 2");
}

/* ---- stage 2: start levels, concatenated roots, addresses ---- */

struct start {
	uint64_t tg0, sl, ds;
	unsigned int granule, index_bits, level; /* level as Arm counts, plus 1, so that -1 is 0 */
	unsigned int least, most;		 /* input sizes */
	unsigned int one_table;			 /* largest input size of a single root table */
};

/* Input sizes by granule and start level; T0SZ 48 bounds them below (47 for 64-KiB granules). */
static const struct start starts[] = {
	{TG0_4K, VTCR_SL2, VTCR_DS, 12, 9, 0, 49, 52, 57},
	{TG0_4K, SL0(2), 0, 12, 9, 1, 40, 48, 48},
	{TG0_4K, SL0(2), VTCR_DS, 12, 9, 1, 40, 52, 48},
	{TG0_4K, SL0(1), 0, 12, 9, 2, 31, 43, 39},
	{TG0_4K, SL0(0), 0, 12, 9, 3, 22, 34, 30},
	{TG0_4K, SL0(3), 0, 12, 9, 4, 16, 25, 21},
	{TG0_16K, SL0(3), VTCR_DS, 14, 11, 1, 48, 52, 58},
	{TG0_16K, SL0(2), 0, 14, 11, 2, 37, 48, 47},
	{TG0_16K, SL0(2), VTCR_DS, 14, 11, 2, 37, 51, 47},
	{TG0_16K, SL0(1), 0, 14, 11, 3, 26, 40, 36},
	{TG0_16K, SL0(0), 0, 14, 11, 4, 16, 29, 25},
	{TG0_64K, SL0(2), 0, 16, 13, 2, 43, 52, 55},
	{TG0_64K, SL0(1), 0, 16, 13, 3, 30, 46, 42},
	{TG0_64K, SL0(0), 0, 16, 13, 4, 17, 33, 29},
};

/* From the last entry of the root down to the last page, through the last entry of every table. */
static void check_start(const struct start *start, unsigned int ia_bits)
{
	static uint64_t cpu_memory[128] __attribute__((aligned(64)));
	const bool wide = start->ds || start->granule == 16;
	const unsigned int levels = 5 - start->level;
	const unsigned int resolved = start->granule + start->index_bits * (levels - 1);
	const uint64_t table_bytes = BIT(start->granule);
	const uint64_t root_entries = BIT(ia_bits - resolved);
	const uint64_t root_bytes = root_entries * 8;
	uint64_t pa = base, next = base + (root_bytes > table_bytes ? root_bytes : table_bytes);
	uint64_t last = root_entries - 1;
	/* 52-bit addresses: bits 51:48 go to other places in register and descriptors. */
	const uint64_t leaf_oa = BIT(wide ? 51 : 39) | 7 * BIT(start->granule + 3);
	uint64_t leaf = (leaf_oa & (BIT(48) - 1)) | WB | S2_R | S2_W | PAGE;
	struct ptw_softmmu_config config;
	struct ptw_softmmu *cpu = NULL;

	config = s2_config(T0SZ(ia_bits) | start->tg0 | start->sl | start->ds | HAHD |
				   PS(wide ? 6 : 5),
			   (base & (BIT(48) - 1)) | base >> 48 << 2, wide ? PTW_SOFTMMU_LPA2 : 0);
	cr_assert_eq(ptw_softmmu_init(&cpu, cpu_memory, sizeof(cpu_memory), &config), PTW_OK,
		     "granule %u level %u size %u", start->granule, start->level, ia_bits);
	memset(memory, 0, sizeof(memory));
	for (unsigned int level = levels - 1; level > 0; level--) {
		uint64_t high = next >> 48;

		*entry(pa, last) = (next & (BIT(48) - 1)) | TABLE;
		if (start->granule == 16)
			*entry(pa, last) |= high << 12;
		else
			*entry(pa, last) |= (high & 3) << 48 | high >> 2 << 8;
		pa = next;
		next += table_bytes;
		last = BIT(start->index_bits) - 1;
	}
	if (start->granule == 16)
		leaf |= leaf_oa >> 48 << 12;
	else if (start->ds)
		leaf |= leaf_oa >> 50 << 8;
	*entry(pa, last) = leaf;
	cr_assert_eq(access_at(cpu, BIT(ia_bits) - 1, WRITE), PTW_SOFTMMU_OK,
		     "granule %u level %u size %u", start->granule, start->level, ia_bits);
	assert_oa(leaf_oa | (table_bytes - 1));
	cr_assert_eq(result.page_size, table_bytes);
	assert_entry(pa, last, leaf | AF);
	cr_assert_eq(access_at(cpu, BIT(ia_bits), WRITE), PTW_SOFTMMU_ADDRESS_SIZE);
}

static void check_all_starts(unsigned int granule)
{
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		const struct start *start = &starts[i];
		uint32_t flags = start->ds ? PTW_SOFTMMU_LPA2 : 0;
		uint64_t vtcr = start->tg0 | start->sl | start->ds |
				PS(start->ds || start->granule == 16 ? 6 : 5);
		struct ptw_softmmu_config config;

		if (start->granule != granule)
			continue;
		/* Tables above 2^48, where descriptors can say so. */
		base = start->ds || granule == 16 ? 0xb000100000000 : 0x100000000;
		for (unsigned int ia_bits = start->least; ia_bits <= start->most; ia_bits++)
			check_start(start, ia_bits);
		config = s2_config(T0SZ(start->least - 1) | vtcr, 0, flags);
		cr_assert_eq(refusal(&config), PTW_ERR_CONFIG, "start %zu", i);
		if (start->most < 52) {
			config = s2_config(T0SZ(start->most + 1) | vtcr, 0, flags);
			cr_assert_eq(refusal(&config), PTW_ERR_CONFIG, "start %zu", i);
		}
		/* The root is aligned to all its tables together. */
		if (start->one_table < start->most) {
			uint64_t bytes = BIT(granule) << (start->most - start->one_table);

			config = s2_config(T0SZ(start->most) | vtcr, bytes, flags);
			cr_assert_eq(refusal(&config), PTW_OK, "start %zu", i);
			config.regs.root = bytes / 2;
			cr_assert_eq(refusal(&config), PTW_ERR_CONFIG, "start %zu", i);
		}
	}
}

Test(softmmu_arm64_s2, start_levels_4k)
{
	check_all_starts(12);
}

Test(softmmu_arm64_s2, start_levels_16k)
{
	check_all_starts(14);
}

Test(softmmu_arm64_s2, start_levels_64k)
{
	check_all_starts(16);
}

/* Two tables at Arm level 1 resolve 40 bits: bit 39 chooses the table. */
Test(softmmu_arm64_s2, concatenated_roots_are_one_table)
{
	struct ptw_softmmu *cpu = s2_cpu(T0SZ(40) | SL0(1) | PS(2) | VTCR_HA, table(4), 0);

	*entry(table(4), 1) = 0x40000000 | RW | BLOCK;
	*entry(table(5), 1) = 0x80000000 | RW | BLOCK;
	cr_assert_eq(access_at(cpu, 1ull << 30, READ), PTW_SOFTMMU_OK);
	assert_oa(0x40000000);
	cr_assert_eq(*entry(table(5), 1) & AF, 0u);
	cr_assert_eq(access_at(cpu, BIT(39) | 1ull << 30, READ), PTW_SOFTMMU_OK);
	assert_oa(0x80000000);
}

/* Blocks: Arm level, and the size they map, legal or not. */
Test(softmmu_arm64_s2, block_levels)
{
	static const struct {
		uint64_t vtcr;
		unsigned int shift; /* log2 of the block in the root */
		int expect;
	} cases[] = {
		{T0SZ(44) | TG0_4K | SL0(2) | PS(5), 39, PTW_SOFTMMU_TRANSLATION},
		{T0SZ(44) | TG0_4K | SL0(2) | PS(6) | VTCR_DS, 39, PTW_SOFTMMU_OK},
		{T0SZ(52) | TG0_4K | VTCR_SL2 | PS(6) | VTCR_DS, 48, PTW_SOFTMMU_TRANSLATION},
		{T0SZ(39) | TG0_4K | SL0(1) | PS(5), 30, PTW_SOFTMMU_OK},
		{T0SZ(30) | TG0_4K | SL0(0) | PS(5), 21, PTW_SOFTMMU_OK},
		{T0SZ(40) | TG0_16K | SL0(2) | PS(5), 36, PTW_SOFTMMU_TRANSLATION},
		{T0SZ(40) | TG0_16K | SL0(2) | PS(6) | VTCR_DS, 36, PTW_SOFTMMU_OK},
		{T0SZ(48) | TG0_16K | SL0(3) | PS(6) | VTCR_DS, 47, PTW_SOFTMMU_TRANSLATION},
		{T0SZ(36) | TG0_16K | SL0(1) | PS(5), 25, PTW_SOFTMMU_OK},
		{T0SZ(44) | TG0_64K | SL0(2) | PS(5), 42, PTW_SOFTMMU_TRANSLATION},
		{T0SZ(44) | TG0_64K | SL0(2) | PS(6), 42, PTW_SOFTMMU_OK},
		{T0SZ(36) | TG0_64K | SL0(1) | PS(5), 29, PTW_SOFTMMU_OK},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static uint64_t cpu_memory[128] __attribute__((aligned(64)));
		struct ptw_softmmu_config config =
			s2_config(cases[i].vtcr | HAHD, base, PTW_SOFTMMU_LPA2);
		const uint64_t block = BIT(cases[i].shift) | WB | S2_R | DBM | BLOCK;
		struct ptw_softmmu *cpu = NULL;

		cr_assert_eq(ptw_softmmu_init(&cpu, cpu_memory, sizeof(cpu_memory), &config),
			     PTW_OK);
		*entry(base, 1) = block;
		cr_assert_eq(access_at(cpu, BIT(cases[i].shift) | 0x12345, WRITE), cases[i].expect,
			     "case %zu", i);
		assert_entry(base, 1, cases[i].expect ? block : block | AF | S2_W);
		if (cases[i].expect == PTW_SOFTMMU_OK) {
			assert_oa(BIT(cases[i].shift) | 0x12345);
			cr_assert_eq(result.page_size, BIT(cases[i].shift));
		}
	}
}

/* LPA2: OA[51:50] in bits 9:8 and OA[49:48] in place, where without DS they are SH and RES0. */
Test(softmmu_arm64_s2, lpa2_addresses)
{
	const uint64_t leaf = OA_4K | BIT(48) | 2u << 8 | WB | S2_R | S2_W | PAGE;
	struct ptw_softmmu *lpa2 =
		s2_cpu(T0SZ(39) | SL0(1) | PS(6) | VTCR_DS | VTCR_HA, table(2), PTW_SOFTMMU_LPA2);
	struct ptw_softmmu *narrow =
		s2_cpu(T0SZ(39) | SL0(1) | PS(5) | VTCR_DS | VTCR_HA, table(2), PTW_SOFTMMU_LPA2);
	/* Without DS a size of 52 bits means 48. */
	struct ptw_softmmu *plain = s2_cpu(T0SZ(39) | SL0(1) | PS(6) | VTCR_HA, table(2), 0);

	build_39(leaf);
	cr_assert_eq(access_at(plain, IA_39, READ), PTW_SOFTMMU_OK);
	assert_oa(OA_4K | 0xabc);
	cr_assert_eq(access_at(lpa2, IA_39, READ), PTW_SOFTMMU_OK);
	assert_oa(BIT(51) | BIT(48) | OA_4K | 0xabc);
	cr_assert_eq(access_at(narrow, IA_39, READ), PTW_SOFTMMU_ADDRESS_SIZE);
}

Test(softmmu_arm64_s2, registers)
{
	static const struct {
		uint64_t flip, root;
		uint32_t pa_bits, flags;
		int expect;
	} cases[] = {
		{0, 0x1000, 40, 0, PTW_OK},
		{BIT(19), 0xabcd000000001001, 40, 0, PTW_OK}, /* 16-bit VMID, CnP */
		{0, 0x1002, 40, 0, PTW_ERR_CONFIG},	      /* BADDR not aligned */
		{0, 0x800, 40, 0, PTW_ERR_CONFIG},
		{0, BIT(40), 40, 0, PTW_ERR_CONFIG},	    /* root outside PS */
		{0, 0x1000, 36, 0, PTW_ERR_CONFIG},	    /* more input than PARange */
		{0, 0x1000, 39, 0, PTW_ERR_CONFIG},	    /* no such PARange */
		{PS(1 ^ 2), 0x1000, 40, 0, PTW_ERR_CONFIG}, /* more input than PS */
		{PS(7 ^ 2), 0x1000, 48, 0, PTW_ERR_CONFIG}, /* PS reserved */
		{3u << 14, 0x1000, 40, 0, PTW_ERR_CONFIG},  /* TG0 reserved */
		{VTCR_DS, 0x1000, 40, 0, PTW_ERR_CONFIG},   /* DS without LPA2 */
		{VTCR_DS, 0x1000, 40, PTW_SOFTMMU_LPA2, PTW_OK},
		{VTCR_SL2, 0x1000, 40, 0, PTW_ERR_CONFIG}, /* SL2 without DS */
		{VTCR_DS | VTCR_SL2, 0x1000, 40, PTW_SOFTMMU_LPA2,
		 PTW_ERR_CONFIG},			     /* SL2 and SL0 */
		{SL0(1 ^ 2), 0x1000, 40, 0, PTW_ERR_CONFIG}, /* level 0 with PARange below 44 */
		{BIT(34), 0x1000, 40, 0, PTW_ERR_CONFIG},    /* AssuredOnly */
		{BIT(36), 0x1000, 40, 0, PTW_ERR_CONFIG},    /* S2PIE */
		{BIT(37), 0x1000, 40, 0, PTW_ERR_CONFIG},    /* S2POE */
		{BIT(38), 0x1000, 40, 0, PTW_ERR_CONFIG},    /* D128 */
		{VTCR_HAFT, 0x1000, 40, 0, PTW_OK},	     /* without HA it does nothing */
		{BIT(45), 0x1000, 40, 0, PTW_ERR_CONFIG},    /* HDBSS */
		{BIT(25) | BIT(28), 0x1000, 40, 0, PTW_OK},  /* HWU */
	};

	/* Start levels that do not exist, or not with so small an address size. */
	static const struct {
		uint64_t vtcr;
		uint32_t flags;
	} small[] = {
		{T0SZ(37) | TG0_16K | SL0(2) | PS(2), 0},
		{T0SZ(42) | TG0_64K | SL0(2) | PS(3), 0},
		{T0SZ(40) | TG0_64K | SL0(3) | PS(5), 0},
		{T0SZ(48) | TG0_16K | SL0(3) | PS(6), 0},
		{T0SZ(36) | TG0_16K | SL0(1) | PS(6) | VTCR_SL2 | VTCR_DS, PTW_SOFTMMU_LPA2},
		{T0SZ(49) | TG0_4K | SL0(2) | PS(6), PTW_SOFTMMU_LPA2},
	};

	for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		struct ptw_softmmu_config config = s2_config(small[i].vtcr, 0, small[i].flags);

		cr_assert_eq(refusal(&config), PTW_ERR_CONFIG, "small %zu", i);
	}
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ptw_softmmu_config config =
			s2_config(VTCR_39 ^ cases[i].flip, cases[i].root, cases[i].flags);

		config.regs.pa_bits = cases[i].pa_bits;
		cr_assert_eq(refusal(&config), cases[i].expect, "case %zu", i);
	}
}

/* ---- accessed flags of tables (FEAT_HAFT) ---- */

/* HAFT does nothing without HA, and hardware ignores AF of tables without either. */
Test(softmmu_arm64_s2, haft_needs_ha)
{
	for (unsigned int i = 0; i < 4; i++) {
		const bool ha = i & 1, haft = i & 2;
		struct ptw_softmmu *cpu =
			s2_cpu(VTCR_39 | (ha ? VTCR_HA : 0) | (haft ? VTCR_HAFT : 0), table(2), 0);

		for (unsigned int before = 0; before < 4; before++) {
			build_39(OA_4K | RW | AF | PAGE);
			*entry(table(1), 7) |= before & 1 ? AF : 0;
			*entry(table(2), 5) |= before & 2 ? AF : 0;
			cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_OK);
			cr_assert_eq(tables_accessed(), ha && haft ? 3 : before);
			cr_assert_eq(*entry(table(1), 7) & ~AF, table(0) | TABLE);
			cr_assert_eq(*entry(table(2), 5) & ~AF, table(1) | TABLE);
		}
		cr_assert_eq(ptw_softmmu_counters(cpu)->table_accessed_set, ha && haft ? 4u : 0u);
		cr_assert_eq(ptw_softmmu_counters(cpu)->accessed_set, 0u);
	}
}

/* A table descriptor that was used keeps AF whatever happens below; an invalid one gets none. */
Test(softmmu_arm64_s2, haft_when_the_access_faults)
{
	struct ptw_softmmu *cpu = s2_cpu(VTCR_39 | HAHD | VTCR_HAFT, table(2), 0);

	build_39(0);
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_TRANSLATION);
	cr_assert_eq(tables_accessed(), 3u);
	assert_entry(table(0), 9, 0);

	build_39(OA_4K | WB | SH | S2_R | PAGE);
	cr_assert_eq(access_at(cpu, IA_39, WRITE), PTW_SOFTMMU_PERMISSION);
	cr_assert_eq(tables_accessed(), 3u);
	assert_entry(table(0), 9, OA_4K | WB | SH | S2_R | PAGE);

	build_39(OA_4K | RW | PAGE);
	*entry(table(1), 7) = table(0) | 2; /* not valid */
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_TRANSLATION);
	cr_assert_eq(tables_accessed(), 2u);
	assert_entry(table(1), 7, table(0) | 2);

	build_39(0);
	*entry(table(1), 7) = BIT(41) | TABLE; /* beyond PS */
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_ADDRESS_SIZE);
	cr_assert_eq(tables_accessed(), 2u);

	/* A block: one AF is the leaf's. */
	build_39(0);
	*entry(table(1), 7) = 0x76400000 | RW | BLOCK;
	cr_assert_eq(access_at(cpu, IA_39, READ), PTW_SOFTMMU_OK);
	cr_assert_eq(tables_accessed(), 3u);
	cr_assert_eq(ptw_softmmu_counters(cpu)->accessed_set, 1u);

	/* Speculation marks tables, too. */
	build_39(0);
	cr_assert_eq(access_at(cpu, IA_39, READ | PTW_ACCESS_SPECULATIVE), PTW_SOFTMMU_TRANSLATION);
	cr_assert_eq(tables_accessed(), 3u);
}

/* ---- speculation ---- */

Test(softmmu_arm64_s2, speculation_needs_hardware_access_flag)
{
	struct ptw_softmmu *software = s2_cpu(VTCR_39, table(2), PTW_SOFTMMU_SPECULATE);
	struct ptw_softmmu *hardware = s2_cpu(VTCR_39 | HAHD, table(2), PTW_SOFTMMU_SPECULATE);

	build_39(OA_4K | RW | AF | PAGE);
	*entry(table(0), 8) = OA_4K | WB | SH | S2_R | DBM | PAGE;
	for (unsigned int i = 0; i < 300; i++)
		cr_assert_eq(access_at(software, IA_39, WRITE), PTW_SOFTMMU_OK);
	assert_entry(table(0), 8, OA_4K | WB | SH | S2_R | DBM | PAGE);
	for (unsigned int i = 0; i < 300; i++)
		cr_assert_eq(access_at(hardware, IA_39, WRITE), PTW_SOFTMMU_OK);
	assert_entry(table(0), 8, OA_4K | WB | SH | S2_R | DBM | PAGE | AF);
	cr_assert_eq(ptw_softmmu_counters(software)->faults, 0u);
	cr_assert_eq(ptw_softmmu_counters(hardware)->speculative, 1u);
}
