/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* arm64 stage 1 in the library's own layout: every granule, 48-bit, LPA and LPA2. */
#include "breaks.h"
#include "manual_arm64.h"

#define S1(n, g, lv, ia, oa, feat, leaves)                                                       \
	{                                                                                        \
		.name = "stage 1 " n, .format = PTW_FORMAT_ARM64_S1, .granule = g, .levels = lv, \
		.ia_bits = ia, .oa_bits = oa, .features = feat, .leaf_levels = leaves,           \
		.oracle = &s1_oracle, .software = &arm64_ours                                    \
	}

static struct subject subjects[] = {
	S1("4K", 12, 4, 48, 48, HW_AD, 7),
	S1("4K, 39 bits", 12, 3, 39, 40, 0, 7),
	S1("4K LPA2", 12, 5, 52, 52, HW_AD | DS, 15),
	S1("16K", 14, 4, 48, 48, HW_AD, 3),
	S1("16K LPA2", 14, 4, 52, 52, HW_AD | DS, 7),
	S1("64K", 16, 3, 48, 48, HW_AD | PTW_FEATURE_CONTIG, 3),
	S1("64K LPA", 16, 3, 52, 52, HW_AD | PTW_FEATURE_LPA | PTW_FEATURE_LVA, 7),
	S1("64K LVA, 48 bits", 16, 3, 52, 48, PTW_FEATURE_LVA, 3),
	S1("4K HAFT", 12, 4, 48, 48, HW_AD | HAFT, 7),
	S1("64K LPA, HAFT", 16, 3, 52, 52, HAFT | PTW_FEATURE_LPA | PTW_FEATURE_LVA, 7),
};

/* Valid, type, AttrIndx, AP, SH or address, AF, DBM, contiguous, PXN, UXN. */
static const uint8_t relevant[] = {0, 1, 2, 3, 6, 7, 8, 10, 51, 52, 53, 54, 9};
/* Global, guarded, nT, software's bits, PBHA. */
static const uint8_t others[] = {0, 1, 4, 7, 11, 16, 50, 51, 56, 57, 58, 62, 63};

Test(arm64_s1, every_choice_of_bits, .timeout = 600, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			uint64_t oa = BIT(arm64_leaf_lg2(s->granule, level) % s->oa_bits);

			check_choices(s, level, arm64_write_address(s, oa), relevant,
				      COUNT(relevant));
			check_choices(s, level, 0x40, others, COUNT(others));
		}
		check_count(s, s->levels * 2 * 8192);
	}
}

Test(arm64_s1, every_bit_turned_over, .timeout = 600, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_flips(s, level, 0);
			check_flips(s, level,
				    0x0008000000000441 | (level ? 0 : 2)); /* dirty leaf */
			check_flips(s, level, 0x0060000000000081 | (level ? 0 : 2)); /* read-only */
			check_flips(s, level, 0x0000000080000003);		     /* table */
		}
	}
}

Test(arm64_s1, leaves_and_tables, .timeout = 600, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		check_make(s);
		check_tables(s);
		check_constants(s, s->granule - 3, BIT(10), true, true);
	}
}

Test(arm64_s1, contiguous_groups)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		same(s, 0, 0, "contiguous bit", s->p.instance->format->group_bit, BIT(52));
		for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++) {
			unsigned int lg2 = s->p.instance->format->group_lg2[level];

			same(s, 0, level, "group", lg2 ? 1u << lg2 : 0,
			     arm64_group(s->granule, level));
		}
	}
}

Test(arm64_s1, leaves_by_value)
{
	static const struct {
		unsigned int subject, level;
		struct ptw_leaf leaf;
		uint64_t entry;
	} rows[] = {
		/* Page of EL0: AP[1], nG, PXN; dirty: AP[2] is 0; DBM. */
		{0, 0, {0x12345000, 15, PTW_MEM_NORMAL, 3}, 0x0028000012345f43},
		{0, 0, {0x12345000, 11, PTW_MEM_NORMAL, 1}, 0x0068000012345fc3},
		/* EL1's: UXN. */
		{0, 0, {0x12345000, 7, PTW_MEM_NORMAL, 1}, 0x0048000012345783},
		{0, 0, {0x12345000, 3, PTW_MEM_DEVICE, 0}, 0x006800001234508b},
		{0, 1, {0x12200000, 5, PTW_MEM_UNCACHED, 8}, 0x0050000012200385},
		{0, 2, {0xc0000000, 7, PTW_MEM_NORMAL, 4 | 16 | 32}, 0x03480000c0000381},
		{2, 0, {0x000f000012345000, 7, PTW_MEM_NORMAL, 1}, 0x004b000012345783},
		{2, 3, {0x0008008000000000, 1, PTW_MEM_NORMAL, 1}, 0x0060008000000681},
		{4, 2, {0x0004001000000000, 5, PTW_MEM_NORMAL, 1}, 0x0040001000000581},
		{3, 1, {0x02000000, 5, PTW_MEM_NORMAL, 1}, 0x0040000002000781},
		{5, 1, {0x20000000, 5, PTW_MEM_NORMAL, 1}, 0x0040000020000781},
		{6, 0, {0x000a123400010000, 7, PTW_MEM_NORMAL, 0}, 0x004812340001a383},
		{6, 2, {0x0005040000000000, 5, PTW_MEM_NORMAL, 0}, 0x0040040000005381},
	};

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		struct subject *s = &subjects[rows[i].subject];

		subject_start(s);
		same(s, i, rows[i].level, "row", make(s, &rows[i].leaf, rows[i].level),
		     rows[i].entry);
	}
}

Test(arm64_s1, tables_by_value)
{
	static const struct table_row rows[] = {
		{0, 1, 0x0000000080000000, 0x0000000080000003, 0},
		{8, 1, 0x0000000080000000, 0x0000000080000003, 0x400},
		{8, 3, 0x0000fffffffff000, 0x0000fffffffff003, 0x400},
		{9, 2, 0x000f000080000000, 0x000000008000f003, 0x400},
	};

	check_table_rows(subjects, rows, COUNT(rows));
}

Test(arm64_s1, break_before_make, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		check_bbm_levels(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_breaks(s, level, 0);
			check_breaks(s, level, 0x0008000000000441 | (level ? 0 : 2));
			check_breaks(s, level, 0x0060000000000081 | (level ? 0 : 2));
			check_breaks(s, level, 0x0310000000000f49 | (level ? 0 : 2));
			check_breaks(s, level, 0x0000000080000003);
		}
		cr_assert_gt(s->values, s->levels * (1000 / test_share()));
	}
}

Test(arm64_s1, breaks_by_value)
{
	static const struct break_row rows[] = {
		/* AF; AP[2]; DBM; PXN and UXN; AP[1]; user and held. */
		{0, 0, 0x0028000012345f43, 0x0028000012345b43, "---", "---"},
		{0, 0, 0x0028000012345f43, 0x0028000012345fc3, "---", "---"},
		{0, 0, 0x0028000012345f43, 0x0020000012345f43, "---", "---"},
		{0, 0, 0x0028000012345f43, 0x0048000012345f43, "---", "---"},
		{0, 0, 0x0028000012345f43, 0x0028000012345f03, "---", "---"},
		{0, 0, 0x0028000012345f43, 0x0328000012345f43, "---", "---"},
		/* Empty, frozen. */
		{0, 0, 0x0028000012345f43, 0x0000000000000000, "---", "---"},
		{0, 0, 0x0028000012345f43, 0x4000000000000000, "---", "---"},
		/* Address; AttrIndx; NS; shareability; contiguous. */
		{0, 0, 0x0028000012345f43, 0x0028000012346f43, "bbb", "bbb"},
		{0, 0, 0x0028000012345f43, 0x0028000012345f47, "bbb", "bbb"},
		{0, 0, 0x0028000012345f43, 0x0028000012345f53, "bbb", "bbb"},
		{0, 0, 0x0028000012345f43, 0x0028000012345f63, "bbb", "bbb"},
		{0, 0, 0x0028000012345f43, 0x0028000012345e43, "bbb", "bbb"},
		{0, 0, 0x0028000012345f43, 0x0038000012345f43, "bb-", "bb-"},
		/* Becomes global; does not any longer be. */
		{0, 0, 0x0028000012345f43, 0x0028000012345743, "bbb", "---"},
		/* A block and a table; two tables; bit 11 of a table is ignored. */
		{0, 1, 0x0008000012200f41, 0x0000000080000003, "bb-", "bb-"},
		{0, 1, 0x0000000080000003, 0x0000000080001003, "bbb", "bbb"},
		{0, 1, 0x0000000080000803, 0x0000000080000003, "---", "---"},
		/* LPA2: 9:8 are address bits; LPA: 15:12. */
		{2, 0, 0x004b000012345783, 0x004b000012345683, "bbb", "bbb"},
		{6, 0, 0x004812340001a383, 0x004812340001b383, "bbb", "bbb"},
	};

	check_break_rows(subjects, rows, COUNT(rows));
}
