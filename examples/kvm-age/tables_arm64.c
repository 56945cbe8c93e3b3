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

int age_shape(struct kvm *kvm, struct ptw_config *config)
{
	struct kvm_pgtable *pgt;
	int ret = -EAGAIN;

	if (is_protected_kvm_enabled())
		return -EOPNOTSUPP;
	if (ptw_preset(PAGE_SHIFT == 12	  ? "arm64-s2-4k"
		       : PAGE_SHIFT == 14 ? "arm64-s2-16k"
					  : "arm64-s2-64k",
		       config))
		return -EOPNOTSUPP;
	read_lock(&kvm->mmu_lock);
	pgt = kvm->arch.mmu.pgt;
	if (pgt) {
		config->levels = 4 - pgt->start_level;
		config->ia_bits = pgt->ia_bits;
		ret = pgt->ia_bits > 48 ? -EOPNOTSUPP : 0;
	}
	read_unlock(&kvm->mmu_lock);
	/* KVM sets HA where the processor has it and AF in the fault handler elsewhere; never HD. */
	config->features = PTW_FEATURE_HW_ACCESSED;
	config->layout = &ptw_layout_kvm_stage2_6_1;
	return ret;
}

bool age_enter(struct kvm *kvm, uint64_t *root)
{
	read_lock(&kvm->mmu_lock);
	if (!kvm->arch.mmu.pgt) {
		read_unlock(&kvm->mmu_lock);
		return false;
	}
	*root = __pa(kvm->arch.mmu.pgt->pgd);
	/* Sparse cannot follow a lock that depends on the answer. */
	__release(&kvm->mmu_lock);
	return true;
}

void age_leave(struct kvm *kvm)
{
	__acquire(&kvm->mmu_lock);
	read_unlock(&kvm->mmu_lock);
}
