/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * KVM on x86, two-dimensional paging by the TDP MMU.
 *
 * Its tables and roots are freed by call_rcu() after they were unlinked, so an RCU read-side section
 * is all that a walk needs. The root is different: KVM drops a vCPU's reference first and forgets the
 * address afterwards, and a section that begins in between would not hold it. Both happen inside one
 * section of mmu_lock for write, so the address is read under mmu_lock for read, which is given back
 * before the first entry is looked at. Newer kernels drop roots under the lock for read.
 */
#include <asm/cpufeature.h>
#include <asm/kvm_host.h>

#include "machine.h"

const bool age_lockless = true;

static struct kvm_mmu *age_mmu(struct kvm_vcpu *vcpu)
{
	/* Not arch.mmu, which is another one while the guest runs a guest of its own. */
	return &vcpu->arch.root_mmu;
}

int age_shape(struct kvm *kvm, struct ptw_config *config)
{
	struct kvm_vcpu *vcpu = kvm_get_vcpu(kvm, 0);
	union kvm_mmu_page_role role;
	bool ept = boot_cpu_data.x86_vendor == X86_VENDOR_INTEL;

	/* Shadow paging frees its tables without a grace period, and its root is not the guest's. */
	if (!kvm->arch.tdp_mmu_enabled)
		return -EOPNOTSUPP;
	if (!vcpu)
		return -EAGAIN;
	role = age_mmu(vcpu)->root_role;
	/*
	 * Without accessed bits, ageing takes permissions away, and with the write permission goes the
	 * only trace of a write, which KVM would have to be told about.
	 */
	if (!role.direct || role.ad_disabled)
		return -EOPNOTSUPP;
	if (role.level < 4 || ptw_preset(ept ? "ept4" : "x86-64", config))
		return -EOPNOTSUPP;
	config->levels = role.level;
	config->ia_bits = 0;
	config->layout = ept ? &ptw_layout_kvm_ept_6_1 : &ptw_layout_kvm_npt_6_1;
	return 0;
}

bool age_enter(struct kvm *kvm, uint64_t *root)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	read_lock(&kvm->mmu_lock);
	/* vCPUs of one machine share their root, outside of system management mode. */
	kvm_for_each_vcpu(i, vcpu, kvm) {
		uint64_t hpa = READ_ONCE(age_mmu(vcpu)->root.hpa);

		if (!VALID_PAGE(hpa))
			continue;
		ptw_read_lock();
		read_unlock(&kvm->mmu_lock);
		*root = hpa & PAGE_MASK;
		return true;
	}
	read_unlock(&kvm->mmu_lock);
	return false;
}

void age_leave(struct kvm *kvm)
{
	ptw_read_unlock();
}
