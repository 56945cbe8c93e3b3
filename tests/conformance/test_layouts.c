/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Layouts: the rules that the library's own ones keep, and what entries that are not present look
 * like in all of them.
 */
#include "conformance.h"

/* 63 is "suppress #VE". */
#define EPT_HARDWARE (BITS(10, 0) | BITS(51, 12) | BITS(58, 57) | BITS(61, 60) | BIT(63))

/* The library's own layouts, with the bits that hardware reads in a leaf of their format. */
static const struct own {
	const char *preset;
	uint64_t hardware; /* bits with a meaning to processors, also of optional features */
	uint64_t accessed; /* positions that must be zero in every other value */
	uint64_t dirty;
	uint64_t held, user, may_write;
} owns[] = {
	/* 10:0, 51:12, and the ones that newer processors read: 57, 58, 60, 61, 63. */
	{"ept5", EPT_HARDWARE, BIT(8), BIT(9), BIT(55), BIT(56) | BIT(59), BIT(53)},
	{"ept5-tracked", EPT_HARDWARE, BIT(8), BIT(9), BIT(55), BIT(56) | BIT(59), BIT(53)},
	/* 8:0, 51:12, protection keys 62:59, NX. */
	{"x86-64-la57", BITS(8, 0) | BITS(51, 12) | BITS(63, 59), BIT(5), BIT(6), BIT(10),
	 BIT(11) | BIT(52), BIT(9)},
	/* Everything but 57:56: 58 and 55 have meanings in some processors and worlds. */
	{"arm64-s2-4k-lpa2", ~BITS(57, 56), BIT(10), BIT(7), BIT(57), BIT(56), BIT(51)},
	{"arm64-s2-16k-lpa2", ~BITS(57, 56), BIT(10), BIT(7), BIT(57), BIT(56), BIT(51)},
	{"arm64-s2-64k-lpa", ~BITS(57, 56), BIT(10), BIT(7), BIT(57), BIT(56), BIT(51)},
	/* Dirty is DBM at stage 1, as long as AP[2] is 0. */
	{"arm64-s1-4k-lpa2", ~BITS(58, 55), BIT(10), BIT(51), BIT(57), BIT(56), BIT(51)},
	{"arm64-s1-16k-lpa2", ~BITS(58, 55), BIT(10), BIT(51), BIT(57), BIT(56), BIT(51)},
	{"arm64-s1-64k-lpa", ~BITS(58, 55), BIT(10), BIT(51), BIT(57), BIT(56), BIT(51)},
	/* As they are at level 0: 5, 8, 7 and 9, rotated by 5. No processor reads it. */
	{"perverse", 0, BIT(10), 0, BIT(13), BIT(12), BIT(14)},
};

static void start(const char *preset, struct ptw_pgtable *p)
{
	struct ptw_config config;

	memset(p, 0, sizeof(*p));
	cr_assert_eq(ptw_preset(preset, &config), PTW_OK, "%s", preset);
	cr_assert_eq(ptw_instance_choose(&config, false, p), PTW_OK, "%s", preset);
	cr_assert_eq(p->build->configure(&config, &p->geometry), PTW_OK, "%s", preset);
}

/* Neither present nor, read as a leaf, young; at any level. */
static void check_not_present(const struct ptw_pgtable *p, const struct ptw_layout *l, uint64_t e,
			      bool exact)
{
	for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++) {
		cr_assert_not(p->instance->format->present(l, e, level),
			      "%s: %#" PRIx64 " is present at level %u", l->name, e, level);
		if (exact)
			cr_assert_not(p->instance->format->young(l, e, level),
				      "%s: %#" PRIx64 " is young at level %u", l->name, e, level);
	}
}

Test(layouts, empty_and_frozen)
{
	for (unsigned int i = 0; i < COUNT(owns); i++) {
		const struct own *own = &owns[i];
		const struct ptw_layout *l;
		struct ptw_pgtable p;

		start(own->preset, &p);
		l = p.layout;
		cr_assert(l->exact, "%s", l->name);
		cr_assert_eq(l->size, sizeof(*l), "%s", l->name);
		cr_assert_neq(l->empty, l->frozen, "%s", l->name);
		check_not_present(&p, l, l->empty, true);
		check_not_present(&p, l, l->frozen, true);
		if (p.build->id == PTW_FORMAT_PERVERSE) {
			/* Accessed is bit 5 and clean bit 6, rotated by 5 + 11 * level. */
			for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++) {
				const uint64_t ad =
					BIT((10 + 11 * level) % 64) | BIT((11 + 11 * level) % 64);

				cr_assert_eq((l->empty | l->frozen) & ad, 0, "level %u", level);
			}
			cr_assert_neq(l->empty, 0, "the test format's empty entry is not zero");
			continue;
		}
		cr_assert_eq(l->empty, 0, "%s: freshly zeroed memory is empty", l->name);
		cr_assert_eq(l->frozen, BIT(62), "%s: %#" PRIx64, l->name, l->frozen);
		cr_assert_eq((l->empty | l->frozen) & (own->accessed | own->dirty), 0, "%s",
			     l->name);
		/* L1TF: a value that is not present names no memory that could be in a cache. */
		cr_assert_eq((l->empty | l->frozen) & BITS(51, 12), 0, "%s", l->name);
	}
}

Test(layouts, software_bits)
{
	for (unsigned int i = 0; i < COUNT(owns); i++) {
		const struct own *own = &owns[i];
		const struct ptw_layout *l;
		struct ptw_pgtable p;

		start(own->preset, &p);
		l = p.layout;
		cr_assert_eq(l->held, own->held, "%s: %#" PRIx64, l->name, l->held);
		cr_assert_eq(l->user, own->user, "%s: %#" PRIx64, l->name, l->user);
		cr_assert_eq(l->may_write, own->may_write, "%s: %#" PRIx64, l->name, l->may_write);
		cr_assert_eq(l->kind[0].accessed, own->accessed, "%s", l->name);
		cr_assert_geq(__builtin_popcountll(l->user), 1, "%s", l->name);
		cr_assert_eq(__builtin_popcountll(l->held), 1, "%s", l->name);
		cr_assert_eq(__builtin_popcountll(l->may_write), 1, "%s", l->name);
		cr_assert_eq(l->user & (l->held | l->may_write | l->present), 0, "%s", l->name);
		cr_assert_eq(l->held & (l->may_write | l->present), 0, "%s", l->name);
		cr_assert_eq((l->user | l->held) & own->hardware, 0, "%s", l->name);
		cr_assert_eq((l->user | l->held) & (l->saved_mask << l->saved_shift), 0, "%s",
			     l->name);
		cr_assert_eq(l->may_write & (l->saved_mask << l->saved_shift), 0, "%s", l->name);
		/* What distinguishes a frozen entry is in no present one's way. */
		cr_assert_eq(l->kinds, 1u, "%s", l->name);
		cr_assert_eq(l->kind_mask, 0, "%s", l->name);
	}
}

/* Through the functions of the format: every software bit, at every leaf level, is one bit of its
 * own, which harvest, permissions and address do not depend on. */
Test(layouts, software_bits_are_single)
{
	for (unsigned int i = 0; i < COUNT(owns); i++) {
		struct ptw_pgtable p;

		start(owns[i].preset, &p);
		for (unsigned int level = 0; level <= p.geometry.root_level; level++) {
			struct ptw_leaf leaf = {.prot = PTW_PROT_READ | PTW_PROT_EXEC};
			uint64_t plain, user, held;

			if (!(p.geometry.leaf_levels >> level & 1))
				continue;
			p.build->make_leaf(&p.geometry, p.layout, &leaf, level, &plain);
			leaf.flags = PTW_LEAF_USER_BIT;
			p.build->make_leaf(&p.geometry, p.layout, &leaf, level, &user);
			leaf.flags = PTW_LEAF_HELD;
			p.build->make_leaf(&p.geometry, p.layout, &leaf, level, &held);
			cr_assert_eq(__builtin_popcountll(plain ^ user), 1, "%s", owns[i].preset);
			cr_assert_eq(__builtin_popcountll(plain ^ held), 1, "%s", owns[i].preset);
			cr_assert_neq(user, held, "%s", owns[i].preset);
			cr_assert_eq(p.build->held(p.layout, level), plain ^ held, "%s",
				     owns[i].preset);
			cr_assert_eq(p.build->set_user(p.layout, plain, level, true), user, "%s",
				     owns[i].preset);
			cr_assert_eq(p.build->set_user(p.layout, user, level, false), plain, "%s",
				     owns[i].preset);
		}
	}
}

/* A foreign layout does not go with a page table of our own. */
Test(layouts, foreign_ones_are_for_attached_tables)
{
	static const struct {
		const char *preset;
		const struct ptw_layout *layout;
	} foreign[] = {
		{"ept4", &ptw_layout_kvm_ept_6_1},
		{"ept4-tracked", &ptw_layout_kvm_ept_6_12},
		{"ept5", &ptw_layout_kvm_ept_7_3},
		{"x86-64", &ptw_layout_kvm_npt_6_1},
		{"x86-64", &ptw_layout_kvm_npt_6_12},
		{"x86-64-la57", &ptw_layout_kvm_npt_7_3},
		{"arm64-s2-4k", &ptw_layout_kvm_stage2_6_1},
		{"arm64-s2-16k", &ptw_layout_kvm_stage2_6_12},
		{"arm64-s2-64k", &ptw_layout_kvm_stage2_7_3},
	};

	for (unsigned int i = 0; i < COUNT(foreign); i++) {
		struct ptw_pgtable *p = NULL;
		struct ptw_config config;

		cr_assert_eq(ptw_preset(foreign[i].preset, &config), PTW_OK);
		config.layout = foreign[i].layout;
		cr_assert_eq(ptw_pgtable_create(&config, &p), PTW_ERR_UNSUPPORTED, "%s",
			     foreign[i].layout->name);
		cr_assert_not(foreign[i].layout->exact, "%s", foreign[i].layout->name);
	}
}

/* KVM's values, as in the sources of Linux 6.1, 6.12 and 7.3. */
Test(layouts, kvm_empty_and_frozen)
{
	static const struct {
		const char *preset;
		const struct ptw_layout *layout;
		uint64_t empty, frozen;
	} rows[] = {
		{"ept4", &ptw_layout_kvm_ept_6_1, 0, 0x5a0},
		{"ept4", &ptw_layout_kvm_ept_6_12, 0x8000000000000000, 0x80000000000005a0},
		{"ept4", &ptw_layout_kvm_ept_7_3, 0x8000000000000000, 0x80000000000001a0},
		{"x86-64", &ptw_layout_kvm_npt_6_1, 0, 0x5a0},
		{"x86-64", &ptw_layout_kvm_npt_6_12, 0x8000000000000000, 0x80000000000005a0},
		{"x86-64", &ptw_layout_kvm_npt_7_3, 0x8000000000000000, 0x80000000000001a0},
		/* 6.1 has no marker, but its holes must not look like one. */
		{"arm64-s2-4k", &ptw_layout_kvm_stage2_6_1, 0, 0x4000000000000000},
		{"arm64-s2-4k", &ptw_layout_kvm_stage2_6_12, 0, 0x400},
		{"arm64-s2-4k", &ptw_layout_kvm_stage2_7_3, 0, 0x1000000000000000},
	};

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		const struct ptw_layout *l = rows[i].layout;
		struct ptw_pgtable p;

		start(rows[i].preset, &p);
		cr_assert_eq(l->empty, rows[i].empty, "%s: %#" PRIx64, l->name, l->empty);
		cr_assert_eq(l->frozen, rows[i].frozen, "%s: %#" PRIx64, l->name, l->frozen);
		cr_assert_neq(l->empty, l->frozen, "%s", l->name);
		check_not_present(&p, l, l->empty, false);
		check_not_present(&p, l, l->frozen, false);
		/* KVM's MMIO entries, which lack the marker, are no mappings: W and X, no R. */
		if (l->present)
			check_not_present(&p, l, 0x0000000012345006, false);
		cr_assert_eq(l->user | l->held, 0, "%s hands out no bits", l->name);
		cr_assert_eq((l->empty | l->frozen) & BITS(51, 12), 0, "%s", l->name);
	}
}
