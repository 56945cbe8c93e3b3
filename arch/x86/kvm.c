/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Software bits of KVM's entries on x86, in EPT and in nested paging, by kernel version. The same
 * source defines the bits in each version, but they have moved between versions.
 *
 * A leaf says in a two-bit type how its accessed and dirty bits are to be read: 0 by hardware's
 * bits, 1 they are off (young by permissions), 2 by hardware's bits, but dirty is logged by
 * write-protection. Type 3 is not used; it reads like 0. Nested paging only has type 0.
 *
 * Write permission comes back on a fault if both the host and the MMU allow it: two bits.
 */
#include "arch/x86/ept.h"
#include "arch/x86/x86_64.h"

/* KVM's marker of entries it made; its MMIO entries, which are no mappings, lack it. */
#define KVM_PRESENT PTW_BIT(11)

/* Suppress #VE; in an empty entry since 6.12, so that all other entries may let #VE happen. */
#define KVM_SVE PTW_BIT(63)

#define KVM_6_FROZEN ((uint64_t)0x5a0)
#define KVM_7_FROZEN ((uint64_t)0x1a0)

/* 6.x: type in 53:52, saved R and X in 54 and 56, host-writable 57, MMU-writable 58. */
#define KVM_6_EPT_FIELDS                                                                           \
	.size = sizeof(struct ptw_layout), .present = KVM_PRESENT,                                 \
	.may_write = PTW_BIT(57) | PTW_BIT(58), .saved_mask = EPT_R | EPT_X, .saved_shift = 54,    \
	.kinds = 3, .kind_mask = PTW_BITS(53, 52), .kind = {                                       \
		{ .value = 0, .accessed = EPT_A, .dirty = EPT_D },                                 \
		{ .value = PTW_BIT(52), .tracked = true, .clean_write = true },                    \
		{ .value = PTW_BIT(53), .accessed = EPT_A, .dirty = EPT_D, .clean_write = true },  \
	}

const struct ptw_layout ptw_layout_kvm_ept_6_1 = {
	.name = "kvm-ept-6.1",
	.frozen = KVM_6_FROZEN,
	KVM_6_EPT_FIELDS,
};

const struct ptw_layout ptw_layout_kvm_ept_6_12 = {
	.name = "kvm-ept-6.12",
	.empty = KVM_SVE,
	.frozen = KVM_SVE | KVM_6_FROZEN,
	KVM_6_EPT_FIELDS,
};

/*
 * 7.3: type in 61:60, host-writable 53, MMU-writable 55; the user-mode execute bit counts among the
 * permissions, and R, X and it are saved in 52, 54 and 62. Type 1 keeps accessed in bit 8, as a
 * software bit; its bit 9 only says that the leaf was writable once, so dirty is still W.
 */
const struct ptw_layout ptw_layout_kvm_ept_7_3 = {
	.size = sizeof(struct ptw_layout),
	.name = "kvm-ept-7.3",
	.present = KVM_PRESENT,
	.empty = KVM_SVE,
	.frozen = KVM_SVE | KVM_7_FROZEN,
	.may_write = PTW_BIT(53) | PTW_BIT(55),
	.saved_mask = EPT_R | EPT_X | EPT_XU,
	.saved_shift = 52,
	.kinds = 3,
	.kind_mask = PTW_BITS(61, 60),
	.kind = {
		{ .value = 0, .accessed = EPT_A, .dirty = EPT_D },
		{ .value = PTW_BIT(60), .accessed = EPT_A, .tracked = true, .clean_write = true },
		{ .value = PTW_BIT(61), .accessed = EPT_A, .dirty = EPT_D, .clean_write = true },
	},
};

#define KVM_NPT_FIELDS                                                                             \
	.size = sizeof(struct ptw_layout), .present = KVM_PRESENT,                                 \
	.may_write = PTW_BIT(9) | PTW_BIT(10), .kinds = 1,                                         \
	.kind = { { .accessed = X86_A, .dirty = X86_D } }

const struct ptw_layout ptw_layout_kvm_npt_6_1 = {
	.name = "kvm-npt-6.1",
	.frozen = KVM_6_FROZEN,
	KVM_NPT_FIELDS,
};

const struct ptw_layout ptw_layout_kvm_npt_6_12 = {
	.name = "kvm-npt-6.12",
	.empty = KVM_SVE,
	.frozen = KVM_SVE | KVM_6_FROZEN,
	KVM_NPT_FIELDS,
};

const struct ptw_layout ptw_layout_kvm_npt_7_3 = {
	.name = "kvm-npt-7.3",
	.empty = KVM_SVE,
	.frozen = KVM_SVE | KVM_7_FROZEN,
	KVM_NPT_FIELDS,
};
