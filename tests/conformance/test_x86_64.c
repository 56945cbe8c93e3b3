/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* x86-64 paging in the library's own layout. */
#include "breaks.h"
#include "manual_x86_64.h"

#define X86_64(n, lv, oa, feat, leaves)                                                           \
	{                                                                                         \
		.name = n, .format = PTW_FORMAT_X86_64, .granule = 12, .levels = lv,              \
		.oa_bits = oa, .features = feat, .leaf_levels = leaves, .oracle = &x86_64_oracle, \
		.software = &x86_64_ours                                                          \
	}

static struct subject subjects[] = {
	X86_64("x86-64", 4, 52, HW_AD | PTW_FEATURE_1G | PTW_FEATURE_NX, 7),
	X86_64("x86-64, 5 levels, 46 bits", 5, 46, PTW_FEATURE_1G | PTW_FEATURE_NX, 7),
	X86_64("x86-64, no NX, no 1G", 4, 36, HW_AD, 3),
};

/* P W U PWT PCD A D PS, may write, held, user, PAT of a block, NX. */
static const uint8_t relevant[] = {0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 63};

Test(x86_64, every_choice_of_bits, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_choices(s, level, 0x0000000040000000, relevant, COUNT(relevant));
			check_choices(s, level, 0x7ff0000800000100, relevant, COUNT(relevant));
		}
		check_count(s, s->levels * 2 * 8192);
	}
}

Test(x86_64, every_bit_turned_over, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_flips(s, level, 0);
			check_flips(s, level, 0x0000000000000267 | BIT(7)); /* written leaf */
			check_flips(s, level, 0x0000000040000085);	    /* read-only leaf */
			check_flips(s, level, 0x0000000100000007);	    /* table */
		}
	}
}

Test(x86_64, leaves_and_tables, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		check_make(s);
		check_tables(s);
		check_constants(s, 9, BIT(5), true, false);
		/* These processors always have both flags. */
		same(s, 0, 0, "features", s->p.geometry.features, s->features | HW_AD);
	}
}

Test(x86_64, leaves_by_value)
{
	static const struct {
		unsigned int level;
		struct ptw_leaf leaf;
		uint64_t entry;
	} rows[] = {
		{0, {0x12345000, 15, PTW_MEM_NORMAL, 3}, 0x0000000012345267},
		{0, {0x12345000, 11, PTW_MEM_NORMAL, 1}, 0x8000000012345227},
		{0, {0x12345000, 13, PTW_MEM_NORMAL, 4}, 0x0000000012345205},
		{1, {0x12200000, 3, PTW_MEM_DEVICE, 2}, 0x80000000122002db},
		{2, {0xc0000000, 5, PTW_MEM_UNCACHED, 1}, 0x00000000c00000b1},
		{0, {0x1000, 5, PTW_MEM_NORMAL, 16 | 32}, 0x0000000000001c01},
	};

	subject_start(&subjects[0]);
	for (unsigned int i = 0; i < COUNT(rows); i++)
		same(&subjects[0], i, rows[i].level, "row",
		     make(&subjects[0], &rows[i].leaf, rows[i].level), rows[i].entry);
}

Test(x86_64, break_before_make, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		check_bbm_levels(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_breaks(s, level, 0);
			check_breaks(s, level, 0x0000000000000267 | BIT(7));
			check_breaks(s, level, 0x0000000040000085);
			check_breaks(s, level, 0x0000000100000007);
		}
		cr_assert_gt(s->values, s->levels * (1000 / test_share()));
	}
}

Test(x86_64, breaks_by_value)
{
	static const struct break_row rows[] = {
		/* Another address, memory type and permission; block to table and back. */
		{0, 0, 0x0000000012345267, 0x0000000012346267, "-", "-"},
		{0, 0, 0x0000000012345267, 0x000000001234527f, "-", "-"},
		{0, 0, 0x0000000012345267, 0x8000000012345205, "-", "-"},
		{0, 1, 0x80000000122002db, 0x0000000100001007, "-", "-"},
		{0, 2, 0x00000000800012e7, 0x0000000100001007, "-", "-"},
	};

	check_break_rows(subjects, rows, COUNT(rows));
}

/* PAT: bit 7 of a PTE, bit 12 of a leaf above it, where bit 7 is PS. */
Test(x86_64, relevel_by_value)
{
	static const struct {
		uint64_t page, mib2, gib1;
	} rows[] = {
		{0x0000000000000267, 0x00000000000002e7, 0x00000000000002e7},
		{0x80000000000002e7, 0x80000000000012e7, 0x80000000000012e7},
		{0x7ff0000000000b9d, 0x7ff0000000001b9d, 0x7ff0000000001b9d},
	};
	struct subject *s = &subjects[0];
	const struct ptw_build *b;

	subject_start(s);
	b = s->p.build;
	for (unsigned int i = 0; i < COUNT(rows); i++) {
		/* Bit 12 of a page's address is none of PAT's business. */
		const uint64_t low = rows[i].page | 0x40001000;
		const uint64_t middle = rows[i].mib2 | 0x40200000;
		const uint64_t high = rows[i].gib1 | 0x80000000;
		const struct ptw_geometry *g = &s->p.geometry;
		const struct ptw_layout *l = s->p.layout;

		same(s, low, 0, "to 1", b->relevel(g, l, low, 0, 1, 0x40200000, false), middle);
		same(s, low, 0, "to 2", b->relevel(g, l, low, 0, 2, 0x80000000, false), high);
		same(s, middle, 1, "to 0", b->relevel(g, l, middle, 1, 0, 0x40001000, false), low);
		same(s, middle, 1, "to 2", b->relevel(g, l, middle, 1, 2, 0x80000000, false), high);
		same(s, high, 2, "to 0", b->relevel(g, l, high, 2, 0, 0x40001000, false), low);
		same(s, high, 2, "to 1", b->relevel(g, l, high, 2, 1, 0x40200000, false), middle);
		/* Held goes. */
		same(s, low, 0, "held", b->relevel(g, l, low | BIT(10), 0, 1, 0x40200000, false),
		     middle);
	}
}
