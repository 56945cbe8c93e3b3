/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * KVM on arm64, stage 2.
 *
 * An unmap gives tables back on the spot, under mmu_lock for write and without a grace period. So a
 * walk holds mmu_lock for read, section by section; faults that only set permissions or the access
 * flag go on meanwhile, and so does the guest.
 */
#include <asm/kvm_host.h>
#include <asm/kvm_pgtable.h>

#include "machine.h"

const bool age_lockless;

int age_shape(const struct age_root *root, struct ptw_config *config)
{
	if (ptw_preset(PAGE_SHIFT == 12	  ? "arm64-s2-4k"
		       : PAGE_SHIFT == 14 ? "arm64-s2-16k"
					  : "arm64-s2-64k",
		       config))
		return -EOPNOTSUPP;
	config->levels = root->levels;
	config->ia_bits = root->ia_bits;
	/* KVM sets HA where the processor has it and AF in the fault handler elsewhere; never HD. */
	config->features = PTW_FEATURE_HW_ACCESSED;
	config->layout = &ptw_layout_kvm_stage2_6_1;
	return 0;
}

int age_enter(struct kvm *kvm, struct age_root *root)
{
	struct kvm_pgtable *pgt;

	if (is_protected_kvm_enabled())
		return -EOPNOTSUPP;
	read_lock(&kvm->mmu_lock);
	pgt = kvm->arch.mmu.pgt;
	if (!pgt || pgt->ia_bits > 48) {
		read_unlock(&kvm->mmu_lock);
		return pgt ? -EOPNOTSUPP : -EAGAIN;
	}
	root->address = __pa(pgt->pgd);
	root->levels = 4 - pgt->start_level;
	root->ia_bits = pgt->ia_bits;
	/* Sparse cannot follow a lock that depends on the answer. */
	__release(&kvm->mmu_lock);
	return 0;
}

void age_leave(struct kvm *kvm)
{
	__acquire(&kvm->mmu_lock);
	read_unlock(&kvm->mmu_lock);
}
