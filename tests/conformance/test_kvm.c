/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * KVM's layouts: EPT, nested paging and arm64 stage 2 in Linux 6.1, 6.12 and 7.3. Bit numbers are
 * those of the kernels' sources.
 */
#include "manual_arm64.h"
#include "manual_ept.h"
#include "manual_x86_64.h"

/* Host-writable 57, MMU-writable 58; R and X kept 54 higher. */
static const struct ept_software kvm_6 = {
	.style = EPT_KVM_6,
	.may_write = BIT(57) | BIT(58),
	.promise = BIT(58),
	.permissions = 7,
	.saved = {{BIT(0), BIT(54)}, {BIT(2), BIT(56)}},
};

/* Host-writable 53, MMU-writable 55; R, X and XU (bit 10) kept 52 higher. */
static const struct ept_software kvm_7 = {
	.style = EPT_KVM_7,
	.may_write = BIT(53) | BIT(55),
	.promise = BIT(55),
	.permissions = 0x407,
	.saved = {{BIT(0), BIT(52)}, {BIT(2), BIT(54)}, {BIT(10), BIT(62)}},
};

static const struct x86_64_software kvm_npt = {
	.marker = BIT(11),
	.may_write = BIT(9) | BIT(10),
	.promise = BIT(10),
};

static const struct arm64_software kvm_stage2 = {.dbm = false};

#define EPT(n, feat, sw, lay)                                                                   \
	{                                                                                       \
		.name = n, .format = PTW_FORMAT_EPT, .granule = 12, .levels = 4, .oa_bits = 46, \
		.features = feat, .leaf_levels = 7, .oracle = &ept_oracle, .software = sw,      \
		.layout = lay                                                                   \
	}
#define NPT(n, lay)                                                                                \
	{                                                                                          \
		.name = n, .format = PTW_FORMAT_X86_64, .granule = 12, .levels = 4, .oa_bits = 48, \
		.features = HW_AD | PTW_FEATURE_1G | PTW_FEATURE_NX, .leaf_levels = 7,             \
		.oracle = &x86_64_oracle, .software = &kvm_npt, .layout = lay                      \
	}
#define S2(n, lay)                                                                             \
	{                                                                                      \
		.name = n, .format = PTW_FORMAT_ARM64_S2, .granule = 12, .levels = 4,          \
		.ia_bits = 48, .oa_bits = 48, .features = PTW_FEATURE_HW_ACCESSED,             \
		.leaf_levels = 7, .oracle = &s2_oracle, .software = &kvm_stage2, .layout = lay \
	}

static struct subject epts[] = {
	EPT("KVM EPT 6.1", HW_AD | PTW_FEATURE_1G, &kvm_6, &ptw_layout_kvm_ept_6_1),
	EPT("KVM EPT 6.12", HW_AD | PTW_FEATURE_1G, &kvm_6, &ptw_layout_kvm_ept_6_12),
	EPT("KVM EPT 7.3", HW_AD | PTW_FEATURE_1G, &kvm_7, &ptw_layout_kvm_ept_7_3),
	EPT("KVM EPT 6.1, no A/D", PTW_FEATURE_1G, &kvm_6, &ptw_layout_kvm_ept_6_1),
	EPT("KVM EPT 6.12, no A/D", PTW_FEATURE_1G | PTW_FEATURE_EXEC_ONLY, &kvm_6,
	    &ptw_layout_kvm_ept_6_12),
	EPT("KVM EPT 7.3, no A/D", PTW_FEATURE_1G | PTW_FEATURE_EXEC_ONLY, &kvm_7,
	    &ptw_layout_kvm_ept_7_3),
};

static struct subject npts[] = {
	NPT("KVM NPT 6.1", &ptw_layout_kvm_npt_6_1),
	NPT("KVM NPT 6.12", &ptw_layout_kvm_npt_6_12),
	NPT("KVM NPT 7.3", &ptw_layout_kvm_npt_7_3),
};

static struct subject stage2s[] = {
	S2("KVM stage 2 6.1", &ptw_layout_kvm_stage2_6_1),
	S2("KVM stage 2 6.12", &ptw_layout_kvm_stage2_6_12),
	S2("KVM stage 2 7.3", &ptw_layout_kvm_stage2_7_3),
};

Test(kvm, ept_every_choice_of_bits, .timeout = 300, .fini = log_values)
{
	/* R W X, A, D, XU, and software's: 6.x 52 53 54 56 57 58, 7.3 60 61 52 54 62 53 55. */
	static const uint8_t bits_6[] = {0, 1, 2, 8, 9, 10, 11, 52, 53, 54, 56, 57, 58};
	static const uint8_t bits_7[] = {0, 1, 2, 8, 9, 10, 60, 61, 52, 54, 62, 53, 55};

	for (unsigned int i = 0; i < COUNT(epts); i++) {
		struct subject *s = &epts[i];
		const bool old = s->software == &kvm_6;

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			const uint64_t leaf = 0x40000830 | (level ? 0x80 : 0);

			check_choices(s, level, leaf, old ? bits_6 : bits_7, 13);
			check_choices(s, level, 0x12345800, old ? bits_6 : bits_7, 12);
		}
	}
}

Test(kvm, ept_every_bit_turned_over, .timeout = 300, .fini = log_values)
{
	for (unsigned int i = 0; i < COUNT(epts); i++) {
		struct subject *s = &epts[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_flips(s, level, 0x800);
			check_flips(s, level, 0x0600000000000bb7); /* 6.x, writable */
			check_flips(s, level, 0x0610000000000cb7); /* 6.x, A/D off */
			check_flips(s, level, 0x00a0000000000bb7); /* 7.3, writable */
			check_flips(s, level, 0x10b0000000000fb7); /* 7.3, A/D off */
			check_flips(s, level, s->p.layout->frozen);
		}
	}
}

Test(kvm, npt, .timeout = 300, .fini = log_values)
{
	static const uint8_t bits[] = {0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 63};

	for (unsigned int i = 0; i < COUNT(npts); i++) {
		struct subject *s = &npts[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_choices(s, level, 0x40000000, bits, COUNT(bits));
			check_flips(s, level, 0x0000000000000fe7);
			check_flips(s, level, s->p.layout->frozen);
		}
	}
}

Test(kvm, stage2, .timeout = 300, .fini = log_values)
{
	static const uint8_t bits[] = {0, 1, 6, 7, 8, 9, 10, 51, 54, 55, 56, 58, 60};

	for (unsigned int i = 0; i < COUNT(stage2s); i++) {
		struct subject *s = &stage2s[i];

		subject_start(s);
		for (unsigned int level = 0; level < s->levels; level++) {
			check_choices(s, level, 0x4000003c, bits, COUNT(bits));
			check_flips(s, level, 0x00000000000007fd | (level ? 0 : 2));
			check_flips(s, level, s->p.layout->frozen);
		}
	}
}

/* Entries as one finds them in a guest, what they say, and what a harvest makes of them. */
Test(kvm, rows)
{
	static const struct {
		struct subject *subject;
		uint64_t entry;
		bool young, dirty;
		uint64_t old, clean;
	} rows[] = {
		/* A/D on: bit 8 and 9. */
		{&epts[0], 0x0600000012345b77, true, true, 0x0600000012345a77, 0x0600000012345977},
		{&epts[2], 0x00a0000012345f77, true, true, 0x00a0000012345e77, 0x00a0000012345d77},
		/* Write-protect only: cleaning takes W away as well. */
		{&epts[1], 0x0620000012345b77, true, true, 0x0620000012345a77, 0x0620000012345975},
		{&epts[2], 0x20a0000012345f77, true, true, 0x20a0000012345e77, 0x20a0000012345d75},
		/* A/D off, 6.x: young by permission, dirty by W. R at 54, X at 56. */
		{&epts[3], 0x0610000012345877, true, true, 0x0750000012345870, 0x0610000012345875},
		{&epts[4], 0x0610000012345875, true, false, 0x0750000012345870, 0x0610000012345875},
		{&epts[3], 0x0750000012345870, false, false, 0x0750000012345870,
		 0x0750000012345870},
		/* Bits 8 and 9 say nothing there. */
		{&epts[3], 0x0750000012345b70, false, false, 0x0750000012345b70,
		 0x0750000012345b70},
		/* A/D off, 7.3: young is bit 8; R at 52, X at 54, XU at 62; bit 9 is history. */
		{&epts[5], 0x10a0000012345f77, true, true, 0x50f0000012345a70, 0x10a0000012345f75},
		{&epts[5], 0x50f0000012345a70, false, false, 0x50f0000012345a70,
		 0x50f0000012345a70},
		{&npts[0], 0x0000000012345e67, true, true, 0x0000000012345e47, 0x0000000012345e27},
		{&npts[2], 0x8000000012345e45, false, true, 0x8000000012345e45, 0x8000000012345e05},
		{&stage2s[0], 0x00400000123457ff, true, true, 0x00400000123453ff,
		 0x004000001234577f},
		{&stage2s[2], 0x008000001234577f, true, false, 0x008000001234537f,
		 0x008000001234577f},
	};

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		struct subject *s = rows[i].subject;
		const struct ptw_format *f;
		const uint64_t e = rows[i].entry;

		subject_start(s);
		f = s->p.instance->format;
		same(s, e, 0, "present", f->present(s->layout, e, 0), true);
		same(s, e, 0, "young", f->young(s->layout, e, 0), rows[i].young);
		same(s, e, 0, "dirty", f->dirty_leaf(s->layout, e, 0), rows[i].dirty);
		same(s, e, 0, "old", f->make_old(s->layout, e, 0), rows[i].old);
		same(s, e, 0, "clean", f->make_clean(s->layout, e, 0), rows[i].clean);
		check_value(s, e, 0);
	}
}

/* Access tracking there and back: R and X by any access they allow, W by a write alone. */
Test(kvm, restore)
{
	static const struct {
		struct subject *subject;
		uint64_t tracked, read, write;
	} rows[] = {
		{&epts[3], 0x0750000012345870, 0x0610000012345875, 0x0610000012345877},
		{&epts[5], 0x50f0000012345870, 0x10a0000012345d75, 0x10a0000012345d77},
	};

	for (unsigned int i = 0; i < COUNT(rows); i++) {
		struct subject *s = rows[i].subject;
		uint64_t e = 0;

		subject_start(s);
		cr_assert(s->p.build->fix(&s->p.geometry, s->layout, rows[i].tracked, 0,
					  PTW_ACCESS_READ, &e));
		same(s, rows[i].tracked, 0, "after a read", e, rows[i].read);
		cr_assert(s->p.build->fix(&s->p.geometry, s->layout, rows[i].tracked, 0,
					  PTW_ACCESS_WRITE, &e));
		same(s, rows[i].tracked, 0, "after a write", e, rows[i].write);
	}
}
