/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Software bits of KVM's stage 2 descriptors on arm64, by kernel version.
 *
 * KVM does not use DBM and remembers no write permission in the descriptor: a write-protected leaf
 * is like one that may never be written, and the memory slot decides. While a leaf is
 * replaced, an invalid descriptor with a marker stands in its place, but for 6.1, which has none.
 */
#include "arch/arm64/stage2.h"

#define KVM_STAGE2_FIELDS                                                                          \
	.size = sizeof(struct ptw_layout), .kinds = 1,                                             \
	.kind = { { .accessed = ARM_AF, .clean_write = true } }

/* No marker: a value that KVM never writes, or every hole would look like an owned entry. */
const struct ptw_layout ptw_layout_kvm_stage2_6_1 = {
	.name = "kvm-stage2-6.1",
	.frozen = ARM_OWN_FROZEN,
	KVM_STAGE2_FIELDS,
};

/* The marker is bit 10, which in a valid leaf is AF. */
const struct ptw_layout ptw_layout_kvm_stage2_6_12 = {
	.name = "kvm-stage2-6.12",
	.frozen = PTW_BIT(10),
	KVM_STAGE2_FIELDS,
};

/* An invalid descriptor has a type in 63:60; 1 is the marker. */
const struct ptw_layout ptw_layout_kvm_stage2_7_3 = {
	.name = "kvm-stage2-7.3",
	.frozen = PTW_BIT(60),
	KVM_STAGE2_FIELDS,
};
