/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* EPT, with A/D bits and access-tracked, in the library's own layouts. */
#include "breaks.h"
#include "manual_ept.h"

#define EPT(n, lv, oa, feat, leaves, sw)                                                         \
	{                                                                                        \
		.name = n, .format = PTW_FORMAT_EPT, .granule = 12, .levels = lv, .oa_bits = oa, \
		.features = feat, .leaf_levels = leaves, .oracle = &ept_oracle, .software = sw   \
	}

static struct subject subjects[] = {
	EPT("ept 4", 4, 52, HW_AD | PTW_FEATURE_1G, 7, &ept_ours),
	EPT("ept 5, 46 bits, execute-only", 5, 46, HW_AD | PTW_FEATURE_1G | PTW_FEATURE_EXEC_ONLY,
	    7, &ept_ours),
	EPT("ept 4, no 1G", 4, 39, HW_AD, 3, &ept_ours),
	EPT("ept 4 tracked", 4, 52, PTW_FEATURE_1G, 7, &ept_ours_tracked),
	EPT("ept 5 tracked, execute-only", 5, 48, PTW_FEATURE_1G | PTW_FEATURE_EXEC_ONLY, 7,
	    &ept_ours_tracked),
};

/* R W X, memory type, leaf, A, D, present, saved R, may write, saved X, held. */
static const uint8_t relevant[] = {0, 1, 2, 3, 7, 8, 9, 11, 52, 53, 54, 55, 4};

Test(ept, every_choice_of_bits, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_choices(s, level, 0x0000000040000000 | BIT(5), relevant,
				      COUNT(relevant));
			check_choices(s, level, 0x8400007fc0000040, relevant, COUNT(relevant) - 1);
		}
		check_count(s, s->levels * (8192 + 4096));
	}
}

Test(ept, every_bit_turned_over, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_flips(s, level, 0);
			check_flips(s, level, 0x0020000000000bb7); /* writable leaf, young, dirty */
			check_flips(s, level, 0x0050000040000880 | 6 << 3); /* tracked leaf */
			check_flips(s, level, 0x0000001000000807);	    /* table */
		}
	}
}

Test(ept, leaves_and_tables, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		check_make(s);
		check_tables(s);
		check_constants(s, 9, BIT(8), s->features & PTW_FEATURE_HW_ACCESSED, false);
	}
}

/* Rows as they stand in a dump. */
Test(ept, leaves_by_value)
{
	static const struct {
		unsigned int level;
		struct ptw_leaf leaf;
		uint64_t with_ad, tracked;
	} rows[] = {
		/* RWX, WB, young and dirty. */
		{0, {0x12345000, 7, PTW_MEM_NORMAL, 3}, 0x0020000012345b37, 0x0020000012345b37},
		/* Young and clean: hardware sets D; without A/D W has to fault. */
		{0, {0x12345000, 7, PTW_MEM_NORMAL, 1}, 0x0020000012345937, 0x0020000012345935},
		/* Old and clean: tracked, R at 52 and X at 54. */
		{0, {0x12345000, 7, PTW_MEM_NORMAL, 0}, 0x0020000012345837, 0x0070000012345830},
		{1, {0x12200000, 3, PTW_MEM_DEVICE, 2}, 0x0020000012200a83, 0x0030000012200a80},
		{2, {0xc0000000, 5, PTW_MEM_UNCACHED, 1}, 0x00000000c000098d, 0x00000000c000098d},
		{0, {0x1000, 1, PTW_MEM_NORMAL, 16 | 32}, 0x0180000000001831, 0x0190000000001830},
		{0, {0x1000, 5, PTW_MEM_NORMAL, 4}, 0x0020000000001835, 0x0070000000001830},
	};

	subject_start(&subjects[0]);
	subject_start(&subjects[3]);
	for (unsigned int i = 0; i < COUNT(rows); i++) {
		const struct ptw_leaf *leaf = &rows[i].leaf;
		const unsigned int level = rows[i].level;

		same(&subjects[0], i, level, "row", make(&subjects[0], leaf, level),
		     rows[i].with_ad);
		same(&subjects[3], i, level, "row", make(&subjects[3], leaf, level),
		     rows[i].tracked);
	}
}

/* R, X and W of one leaf through ageing: W is not kept, and a read does not bring it back. */
Test(ept, access_tracking_round_trip)
{
	struct subject *s = &subjects[3];
	const struct ptw_build *b;
	const struct ptw_format *f;
	uint64_t e = 0x0020000012345b37;

	subject_start(s);
	b = s->p.build;
	f = s->p.instance->format;
	e = f->make_old(s->p.layout, e, 0);
	cr_assert_eq(e, 0x0070000012345a30, "%#" PRIx64, e);
	cr_assert(f->dirty_leaf(s->p.layout, e, 0), "ageing keeps dirty");
	e = f->make_clean(s->p.layout, e, 0);
	cr_assert_eq(e, 0x0070000012345830, "%#" PRIx64, e);
	cr_assert(b->fix(&s->p.geometry, s->p.layout, e, 0, PTW_ACCESS_READ, &e));
	cr_assert_eq(e, 0x0020000012345935, "%#" PRIx64, e);
	cr_assert(b->fix(&s->p.geometry, s->p.layout, e, 0, PTW_ACCESS_WRITE, &e));
	cr_assert_eq(e, 0x0020000012345b37, "%#" PRIx64, e);
	e = b->write_protect(s->p.layout, f->make_old(s->p.layout, e, 0), 0, true);
	cr_assert_eq(e, 0x0050000012345a30, "%#" PRIx64, e);
	cr_assert_not(b->fix(&s->p.geometry, s->p.layout, e, 0, PTW_ACCESS_WRITE, &e));
	cr_assert(b->fix(&s->p.geometry, s->p.layout, e, 0, PTW_ACCESS_FETCH, &e));
	cr_assert_eq(e, 0x0000000012345b35, "%#" PRIx64, e);
}

Test(ept, break_before_make, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		check_bbm_levels(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_breaks(s, level, 0);
			check_breaks(s, level, 0x0020000000000bb7);
			check_breaks(s, level, 0x0050000000000880 | 6 << 3);
			check_breaks(s, level, 0x0000001000000807);
		}
		cr_assert_gt(s->values, s->levels * (1000 / test_share()));
	}
}

Test(ept, breaks_by_value)
{
	static const struct break_row rows[] = {
		/* Another address, memory type and permission; block to table and back. */
		{0, 0, 0x0020000012345b37, 0x0020000012346b37, "-", "-"},
		{0, 0, 0x0020000012345b37, 0x0020000012345b07, "-", "-"},
		{0, 0, 0x0020000012345b37, 0x0020000012345b35, "-", "-"},
		{0, 1, 0x00200000122009b7, 0x0000000100001807, "-", "-"},
		{3, 1, 0x0030000012200880 | 6 << 3, 0x0000000100001807, "-", "-"},
	};

	check_break_rows(subjects, rows, COUNT(rows));
}

/* With hardware's flags, and access-tracked: R kept at 52, X at 54, may write at 53. */
Test(ept, relevel_by_value)
{
	static const struct {
		unsigned int subject, from, to;
		uint64_t before, oa, after;
	} rows[] = {
		{0, 0, 1, 0x0020000012345b37, 0x12200000, 0x0020000012200bb7},
		{0, 2, 0, 0x01200000c00009b7, 0xfffffffff000, 0x0120fffffffff937},
		/* Held goes, "ignore PAT" and write protection stay. */
		{0, 0, 2, 0x00a0000012345b75, 0x80000000, 0x0020000080000bf5},
		{3, 1, 0, 0x00700000122008b0, 0x12345000, 0x0070000012345830},
		{3, 0, 1, 0x00d0000012345a30, 0x40000000, 0x0050000040000ab0},
	};

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		struct subject *s = &subjects[rows[i].subject];

		subject_start(s);
		same(s, rows[i].before, rows[i].from, "releveled",
		     s->p.build->relevel(&s->p.geometry, s->p.layout, rows[i].before, rows[i].from,
					 rows[i].to, rows[i].oa, false),
		     rows[i].after);
	}
}
