/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The same question put to KVM: the notifiers by which memory reclaim asks, one host page a call.
 *
 * They are not exported, since modules have no business calling them. This one asks in order to be
 * judged by the answer, so it takes their addresses from the symbol table by way of a kprobe.
 */
#include <linux/kprobes.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/signal.h>

#include "machine.h"

static int (*age_test_young)(struct mm_struct *mm, unsigned long address);
static int (*age_clear_young)(struct mm_struct *mm, unsigned long start, unsigned long end);
static void (*age_flush)(struct kvm *kvm);

static void *age_symbol(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	void *address;

	if (register_kprobe(&probe))
		return NULL;
	address = probe.addr;
	unregister_kprobe(&probe);
	return address;
}

void age_ask_kvm_init(void)
{
	age_test_young = age_symbol("__mmu_notifier_test_young");
	age_clear_young = age_symbol("__mmu_notifier_clear_young");
	age_flush = age_symbol("kvm_flush_remote_tlbs");
	if (!age_flush)
		pr_info("kvm-age: no exact scans: kvm_flush_remote_tlbs cannot be called\n");
}

int age_flush_guest(struct age_machine *m)
{
	if (!age_flush)
		return -EOPNOTSUPP;
	age_flush(m->kvm);
	return 0;
}

/* Host addresses of [gfn, end) as far as one slot has them; false: `gfn` is in no slot. */
static bool age_slot_of(struct kvm *kvm, gfn_t gfn, unsigned long *hva, gfn_t *end)
{
	struct kvm_memory_slot *slot;
	int idx = srcu_read_lock(&kvm->srcu);
	bool found = false;

	slot = gfn_to_memslot(kvm, gfn);
	if (slot) {
		*hva = slot->userspace_addr + ((gfn - slot->base_gfn) << PAGE_SHIFT);
		*end = slot->base_gfn + slot->npages;
		found = true;
	}
	srcu_read_unlock(&kvm->srcu, idx);
	return found;
}

int age_ask_kvm(struct age_machine *m, struct kvm_age_scan *scan, uint64_t *bitmap)
{
	gfn_t gfn = scan->page, last = scan->page + scan->pages;
	struct mm_struct *mm = m->kvm->mm;
	uint64_t began = ktime_get_ns();

	if (!age_test_young || !age_clear_young)
		return -EOPNOTSUPP;
	while (gfn < last) {
		unsigned long hva;
		gfn_t end;

		if (!age_slot_of(m->kvm, gfn, &hva, &end)) {
			gfn++;
			continue;
		}
		for (end = min(end, last); gfn < end; gfn++, hva += PAGE_SIZE) {
			int young = scan->flags & KVM_AGE_PEEK ?
					    age_test_young(mm, hva) :
					    age_clear_young(mm, hva, hva + PAGE_SIZE);

			scan->calls++;
			if (young) {
				__set_bit(gfn - scan->page, (unsigned long *)bitmap);
				scan->young++;
			}
			if (!(scan->calls % 1024)) {
				if (fatal_signal_pending(current))
					return -EINTR;
				cond_resched();
			}
		}
	}
	scan->ns = ktime_get_ns() - began;
	return 0;
}
