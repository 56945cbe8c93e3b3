/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The perverse test format. */
#include "breaks.h"
#include "manual_perverse.h"

#define PERVERSE(n, lv, oa, leaves)                                                           \
	{                                                                                     \
		.name = n, .format = PTW_FORMAT_PERVERSE, .granule = 12, .levels = lv,        \
		.oa_bits = oa, .features = HW_AD, .leaf_levels = leaves, .oracle = &pv_oracle \
	}

static struct subject subjects[] = {
	PERVERSE("perverse", 5, 52, 7),
	PERVERSE("perverse, 2 levels, 40 bits", 2, 40, 3),
};

/* Logical bits 0 to 11, and the lowest of the address: 14 in all. */
static unsigned int relevant(unsigned int level, uint8_t bits[14])
{
	for (unsigned int bit = 0; bit < 14; bit++)
		bits[bit] = (uint8_t)((bit + 5 + 11 * level) % 64);
	return 14;
}

Test(perverse, every_choice_of_bits, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			uint8_t bits[14];
			unsigned int count = relevant(level, bits);

			check_choices(s, level, pv_write_address(0x40000, level), bits, count);
			check_choices(s, level, pv_write_address(BIT(39), level), bits, count - 2);
		}
		check_count(s, s->levels * (16384 + 4096));
	}
}

Test(perverse, every_bit_turned_over, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_flips(s, level, 0);
			check_flips(s, level, pv_at(0, level));
			check_flips(s, level,
				    pv_at(0, level) | pv_at(1, level) | pv_field(9, 2, level));
			check_flips(s, level, pv_field(9, 1, level));
		}
	}
}

Test(perverse, leaves_and_tables, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		check_make(s);
		check_tables(s);
		/* Dirty is a zero, so no bit stands for it. */
		check_constants(s, 3, BIT(10), true, true);
	}
}

Test(perverse, leaves_by_value)
{
	static const struct {
		unsigned int level;
		struct ptw_leaf leaf;
		uint64_t entry;
	} rows[] = {
		/* Rotated by 5: address bit n at n + 11. */
		{0, {0x1000, 7, PTW_MEM_NORMAL, 3}, 0x00000000008047a0},
		{0, {0x1000, 1, PTW_MEM_NORMAL, 0}, 0x00000000008008a0},
		/* By 16: present and leaf are zeros; address bit n at n + 22. */
		{1, {0x8000, 3, PTW_MEM_NORMAL, 1}, 0x00000020026c0000},
		/* By 27: address bit n at n + 33. */
		{2, {0x40000, 5, PTW_MEM_NORMAL, 2 | 16 | 32}, 0x0008000cb8000000},
	};

	subject_start(&subjects[0]);
	for (unsigned int i = 0; i < COUNT(rows); i++)
		same(&subjects[0], i, rows[i].level, "row",
		     make(&subjects[0], &rows[i].leaf, rows[i].level), rows[i].entry);
}

Test(perverse, break_before_make, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(subjects); i++) {
		struct subject *s = &subjects[i];

		subject_start(s);
		check_bbm_levels(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_breaks(s, level, 0);
			check_breaks(s, level, pv_at(0, level));
			check_breaks(s, level,
				     pv_at(0, level) | pv_at(1, level) | pv_field(9, 2, level));
			check_breaks(s, level, pv_at(1, level));
			check_breaks(s, level, pv_field(9, 1, level));
		}
		cr_assert_gt(s->values, s->levels * (1000 / test_share()));
	}
}

Test(perverse, breaks_by_value)
{
	static const struct break_row rows[] = {
		/* Another address; dirty, W and user bit; empty and frozen. */
		{0, 0, 0x00000000008047a0, 0x00000000010047a0, "bb-", "bb-"},
		{0, 0, 0x00000000008047a0, 0x0000000000801ea0, "---", "---"},
		{0, 0, 0x00000000008047a0, 0x0000004000010000, "---", "---"},
		{0, 0, 0x00000000008047a0, 0x1000004000010000, "---", "---"},
		/* A leaf of level 1, other addresses, and tables. */
		{0, 1, 0x00000020026c0000, 0x00000040026c0000, "bb-", "bb-"},
		{0, 1, 0x00000020026c0000, 0x0040000800020000, "bb-", "bb-"},
		{0, 1, 0x0040000800020000, 0x0040000c00020000, "bb-", "bb-"},
		{0, 1, 0x0040000800020000, 0x0040000800220000, "---", "---"},
	};

	check_break_rows(subjects, rows, COUNT(rows));
}
