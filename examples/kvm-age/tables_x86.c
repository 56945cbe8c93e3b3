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

/*
 * What KVM notes of a table, and what the table's struct page points to: first members of its
 * struct kvm_mmu_page as they are in 6.1, which no header outside of KVM has. machine.h admits no
 * other version, and age_note() believes it only if `table` leads back to the table.
 */
struct age_table_note {
	struct list_head link;
	struct hlist_node hash_link;
	bool tdp_mmu_page;
	bool unsync;
	u8 mmu_valid_gen;
	bool lpage_disallowed;
	union kvm_mmu_page_role role;
	gfn_t gfn;
	u64 *table;
};

static const struct age_table_note *age_note(uint64_t hpa)
{
	const struct age_table_note *note;

	if (!VALID_PAGE(hpa) || !pfn_valid(hpa >> PAGE_SHIFT))
		return NULL;
	note = (const struct age_table_note *)page_private(pfn_to_page(hpa >> PAGE_SHIFT));
	if (!note || !note->tdp_mmu_page || note->table != __va(hpa & PAGE_MASK))
		return NULL;
	return note;
}

static bool age_is_intel(void)
{
	return boot_cpu_data.x86_vendor == X86_VENDOR_INTEL;
}

int age_shape(const struct age_root *root, struct ptw_config *config)
{
	bool ept = age_is_intel();

	if (ptw_preset(ept ? "ept4" : "x86-64", config))
		return -EOPNOTSUPP;
	config->levels = root->levels;
	config->ia_bits = 0;
	config->layout = ept ? &ptw_layout_kvm_ept_6_1 : &ptw_layout_kvm_npt_6_1;
	return 0;
}

/* The root that the guest runs on; under mmu_lock, which a role changes under. */
static int age_find_root(struct kvm *kvm, struct age_root *root)
{
	union kvm_mmu_page_role role;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	lockdep_assert_held(&kvm->mmu_lock);
	kvm_for_each_vcpu(i, vcpu, kvm) {
		/* Not arch.mmu, which is another one while the guest runs a guest of its own. */
		uint64_t hpa = READ_ONCE(vcpu->arch.root_mmu.root.hpa);
		const struct age_table_note *note = age_note(hpa);

		if (!note)
			continue;
		role = note->role;
		/*
		 * When slots go, all roots become invalid at once, and each vCPU gives its own
		 * back when it runs next. One that is halted keeps it, with nothing below. The
		 * others share the new one, outside of system management mode.
		 */
		if (role.invalid || role.smm || role.guest_mode)
			continue;
		/*
		 * Without accessed bits, ageing takes permissions away, and with the write
		 * permission goes the only trace of a write, which KVM would have to be told about.
		 */
		if (!role.direct || role.ad_disabled || (role.level != 4 && role.level != 5))
			return -EOPNOTSUPP;
		root->address = hpa & PAGE_MASK;
		root->levels = role.level;
		root->ia_bits = role.level * 9 + PAGE_SHIFT;
		return 0;
	}
	return -EAGAIN;
}

int age_enter(struct kvm *kvm, struct age_root *root)
{
	int ret;

	/* Shadow paging frees its tables without a grace period, and its root is not the guest's. */
	if (!kvm->arch.tdp_mmu_enabled)
		return -EOPNOTSUPP;
	read_lock(&kvm->mmu_lock);
	ret = age_find_root(kvm, root);
	if (!ret)
		ptw_read_lock();
	read_unlock(&kvm->mmu_lock);
	return ret;
}

void age_leave(struct kvm *kvm)
{
	ptw_read_unlock();
}
