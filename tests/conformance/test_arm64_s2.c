/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* arm64 stage 2 in the library's own layout: every granule, 48-bit, LPA and LPA2. */
#include "breaks.h"
#include "manual_arm64.h"

#define S2(n, g, lv, ia, oa, feat, leaves)                                                       \
	{                                                                                        \
		.name = "stage 2 " n, .format = PTW_FORMAT_ARM64_S2, .granule = g, .levels = lv, \
		.ia_bits = ia, .oa_bits = oa, .features = feat, .leaf_levels = leaves,           \
		.oracle = &s2_oracle, .software = &arm64_ours                                    \
	}

static struct subject subjects[] = {
	S2("4K", 12, 4, 48, 48, HW_AD, 7),
	S2("4K, 40 bits, XNX", 12, 3, 40, 40, PTW_FEATURE_XNX, 7),
	S2("4K LPA2", 12, 5, 52, 52, HW_AD | DS, 15),
	S2("4K LPA2, 48 bits", 12, 4, 48, 48, HW_AD | DS | PTW_FEATURE_XNX, 15),
	S2("16K", 14, 3, 47, 48, HW_AD, 3),
	S2("16K, 42 bits, XNX", 14, 3, 40, 42, PTW_FEATURE_XNX | PTW_FEATURE_CONTIG, 3),
	S2("16K LPA2", 14, 4, 52, 52, HW_AD | DS, 7),
	S2("64K", 16, 3, 48, 48, HW_AD, 3),
	S2("64K, 36 bits, XNX", 16, 2, 36, 36, PTW_FEATURE_XNX, 3),
	S2("64K LPA", 16, 3, 52, 52, HW_AD | PTW_FEATURE_LPA, 7),
	S2("64K LPA, 44 bits", 16, 3, 44, 44, PTW_FEATURE_LPA, 3),
	S2("4K HAFT", 12, 4, 48, 48, HW_AD | HAFT, 7),
	S2("16K LPA2, HAFT", 14, 4, 52, 52, HAFT | DS, 7),
	S2("64K LPA, HAFT", 16, 3, 52, 52, HAFT | PTW_FEATURE_LPA, 7),
};

/* Valid, type, MemAttr[0], [2], S2AP, SH or address, AF, DBM, contiguous, XN. */
static const uint8_t relevant[] = {0, 1, 2, 4, 6, 7, 8, 9, 10, 51, 52, 53, 54};
/* Software's bits, RES0 and PBHA. */
static const uint8_t others[] = {0, 1, 7, 10, 16, 50, 51, 55, 56, 57, 58, 62, 63};

Test(arm64_s2, every_choice_of_bits, .timeout = 600, .fini = log_values)
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

Test(arm64_s2, every_bit_turned_over, .timeout = 600, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_flips(s, level, 0);
			check_flips(s, level,
				    0x00080000000004fd | (level ? 0 : 2)); /* dirty leaf */
			check_flips(s, level, 0x0040000000000001 | (level ? 0 : 2)); /* no access */
			check_flips(s, level, 0x0000000080000003);		     /* table */
		}
	}
}

Test(arm64_s2, leaves_and_tables, .timeout = 600, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		check_make(s);
		check_tables(s);
		check_constants(s, s->granule - 3, BIT(10), true, true);
	}
}

Test(arm64_s2, contiguous_groups)
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

Test(arm64_s2, leaves_by_value)
{
	static const struct {
		unsigned int subject, level;
		struct ptw_leaf leaf;
		uint64_t entry;
	} rows[] = {
		/* Page, Normal WB, inner shareable, AF, dirty, DBM. */
		{0, 0, {0x12345000, 7, PTW_MEM_NORMAL, 3}, 0x00080000123457ff},
		{0, 0, {0x12345000, 3, PTW_MEM_NORMAL, 1}, 0x004800001234577f},
		{0, 0, {0x12345000, 3, PTW_MEM_DEVICE, 0}, 0x0048000012345047},
		{0, 1, {0x12200000, 5, PTW_MEM_UNCACHED, 8}, 0x0010000012200355},
		{0, 2, {0xc0000000, 7, PTW_MEM_NORMAL, 4 | 16 | 32}, 0x03080000c000037d},
		/* LPA2: address bits 51:50 in 9:8, no shareability. */
		{2, 0, {0x000f000012345000, 7, PTW_MEM_NORMAL, 1}, 0x000b00001234577f},
		{2, 3, {0x0008008000000000, 1, PTW_MEM_NORMAL, 1}, 0x004000800000067d},
		{6, 2, {0x0004001000000000, 5, PTW_MEM_NORMAL, 1}, 0x000000100000057d},
		{4, 1, {0x02000000, 5, PTW_MEM_NORMAL, 1}, 0x000000000200077d},
		{7, 1, {0x20000000, 5, PTW_MEM_NORMAL, 1}, 0x000000002000077d},
		/* LPA: address bits 51:48 in 15:12. */
		{9, 0, {0x000a123400010000, 7, PTW_MEM_NORMAL, 0}, 0x000812340001a37f},
		{9, 2, {0x0005040000000000, 5, PTW_MEM_NORMAL, 0}, 0x000004000000537d},
	};

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		struct subject *s = &subjects[rows[i].subject];

		subject_start(s);
		same(s, i, rows[i].level, "row", make(s, &rows[i].leaf, rows[i].level),
		     rows[i].entry);
	}
}

Test(arm64_s2, tables_by_value)
{
	/* Subject, level, table, accessed bits. AF does not get in the way of address bits 51:50 at
	 * 9:8 (LPA2) or 51:48 at 15:12 (LPA). */
	static const struct table_row rows[] = {
		{0, 1, 0x0000000080000000, 0x0000000080000003, 0},
		{6, 3, 0x000f000080000000, 0x0003000080000303, 0},
		{11, 1, 0x0000000080000000, 0x0000000080000003, 0x400},
		{11, 3, 0x0000fffffffff000, 0x0000fffffffff003, 0x400},
		{12, 1, 0x000f000080000000, 0x0003000080000303, 0x400},
		{13, 2, 0x000f000080000000, 0x000000008000f003, 0x400},
	};

	check_table_rows(subjects, rows, COUNT(rows));
}

Test(arm64_s2, break_before_make, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		check_bbm_levels(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_breaks(s, level, 0);
			check_breaks(s, level, 0x00080000000004fd | (level ? 0 : 2));
			check_breaks(s, level, 0x0040000000000001 | (level ? 0 : 2));
			check_breaks(s, level, 0x03100000000007d5 | (level ? 0 : 2));
			check_breaks(s, level, 0x0000000080000003);
		}
		cr_assert_gt(s->values, s->levels * (1000 / test_share()));
	}
}

Test(arm64_s2, breaks_by_value)
{
	static const struct break_row rows[] = {
		/* AF; dirty; DBM and dirty; XN; S2AP[0]; user and held. */
		{0, 0, 0x00080000123457ff, 0x00080000123453ff, "---", "---"},
		{0, 0, 0x00080000123457ff, 0x000800001234577f, "---", "---"},
		{0, 0, 0x00080000123457ff, 0x000000001234577f, "---", "---"},
		{0, 0, 0x00080000123457ff, 0x00480000123457ff, "---", "---"},
		{0, 0, 0x00080000123457ff, 0x00080000123457bf, "---", "---"},
		{0, 0, 0x00080000123457ff, 0x03080000123457ff, "---", "---"},
		/* Empty, frozen. */
		{0, 0, 0x00080000123457ff, 0x0000000000000000, "---", "---"},
		{0, 0, 0x00080000123457ff, 0x4000000000000000, "---", "---"},
		/* Address; MemAttr; shareability; contiguous; that and the address. */
		{0, 0, 0x00080000123457ff, 0x00080000123467ff, "bbb", "bbb"},
		{0, 0, 0x00080000123457ff, 0x00080000123457d7, "bbb", "bbb"},
		{0, 0, 0x00080000123457ff, 0x00080000123457fb, "bbb", "bbb"},
		{0, 0, 0x00080000123457ff, 0x00080000123456ff, "bbb", "bbb"},
		{0, 0, 0x00080000123457ff, 0x00180000123457ff, "bb-", "bb-"},
		{0, 0, 0x00080000123457ff, 0x00180000123467ff, "bbb", "bbb"},
		/* A block: table, nT, the next address. */
		{0, 1, 0x00080000122007fd, 0x0000000080000003, "bb-", "bb-"},
		{0, 1, 0x00080000122007fd, 0x00080000122107fd, "---", "---"},
		{0, 1, 0x00080000122007fd, 0x00080000124007fd, "bbb", "bbb"},
		/* A table: another one, its AF and a software bit, none. */
		{0, 1, 0x0000000080000003, 0x0000000080001003, "bbb", "bbb"},
		{0, 1, 0x0000000080000003, 0x0100000080000403, "---", "---"},
		{11, 1, 0x0000000080000403, 0x0000000080000003, "---", "---"},
		{11, 1, 0x0000000080000403, 0x0000000080001403, "bbb", "bbb"},
		{0, 1, 0x0000000080000003, 0x4000000000000000, "---", "---"},
		/* LPA2: 9:8 are address bits; LPA: 15:12. */
		{2, 0, 0x000b00001234577f, 0x000b00001234567f, "bbb", "bbb"},
		{2, 3, 0x000800800000047d, 0x000800800000057d, "bbb", "bbb"},
		{9, 0, 0x000812340001a37f, 0x000812340001b37f, "bbb", "bbb"},
	};

	check_break_rows(subjects, rows, COUNT(rows));
}

Test(arm64_s2, relevel_by_value)
{
	static const struct {
		unsigned int subject, from, to;
		uint64_t before, oa;
		bool group;
		uint64_t after;
	} rows[] = {
		/* Split: held goes, the user bit stays; as members of a group, whose bit is 52. */
		{0, 1, 0, 0x03080000122007fd, 0x12345000, false, 0x01080000123457ff},
		{0, 1, 0, 0x03080000122007fd, 0x12345000, true, 0x01180000123457ff},
		/* nT of a block is an address bit of a page. */
		{0, 1, 0, 0x00080000122107fd, 0x12200000, false, 0x00080000122007ff},
		{0, 2, 1, 0x00080000c001037d, 0xc0200000, false, 0x00080000c020037d},
		{0, 0, 0, 0x00180000123457ff, 0x12345000, false, 0x00080000123457ff},
		/* Collapse. */
		{0, 0, 1, 0x0048000012345047, 0x12200000, false, 0x0048000012200045},
		/* LPA2: 49:48 and 9:8; LPA: 15:12. */
		{2, 0, 3, 0x000800001234577f, 0x000f008000000000, false, 0x000b00800000077d},
		{2, 3, 0, 0x000b00800000077d, 0x0004000012345000, false, 0x000800001234557f},
		{9, 0, 1, 0x00081234000103ff, 0x000a123420000000, false, 0x000812342000a3fd},
		{9, 1, 0, 0x000812342000a3fd, 0x0005123420010000, true, 0x00181234200153ff},
	};

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		struct subject *s = &subjects[rows[i].subject];

		subject_start(s);
		same(s, rows[i].before, rows[i].from, "releveled",
		     s->p.build->relevel(&s->p.geometry, s->p.layout, rows[i].before, rows[i].from,
					 rows[i].to, rows[i].oa, rows[i].group),
		     rows[i].after);
	}
}
