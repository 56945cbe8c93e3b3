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

static void *age_symbol(const char *name)
{
	struct kprobe probe = { .symbol_name = name };
	void *address;

#ifdef CONFIG_X86_KERNEL_IBT
	/* Probes sit behind the instruction that an indirect call must land on. */
	if (cpu_feature_enabled(X86_FEATURE_IBT))
		return NULL;
#endif
	if (register_kprobe(&probe))
		return NULL;
	address = probe.addr;
	unregister_kprobe(&probe);
	return address;
}

#ifdef CONFIG_X86_64
static void age_flush_init(void)
{
}

int age_flush_guest(struct age_machine *m)
{
	kvm_flush_remote_tlbs(m->kvm);
	return 0;
}
#else
/* KVM is no module here, and exports less. */
static void (*age_flush)(struct kvm *kvm);

static void age_flush_init(void)
{
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
#endif

void age_ask_kvm_init(void)
{
	age_test_young = age_symbol("__mmu_notifier_test_young");
	age_clear_young = age_symbol("__mmu_notifier_clear_young");
	age_flush_init();
}

/*
 * The next pages from `*gfn` on, before `last`, that one slot has: [*gfn, *end) and the host address
 * of the first. What lies before them is in no slot. False: no slot has any.
 */
static bool age_next_slot(struct kvm *kvm, gfn_t last, gfn_t *gfn, gfn_t *end, unsigned long *hva)
{
	int idx = srcu_read_lock(&kvm->srcu);
	struct kvm_memory_slot *slot;
	struct kvm_memslot_iter iter;
	bool found = false;

	kvm_for_each_memslot_in_gfn_range(&iter, kvm_memslots(kvm), *gfn, last) {
		slot = iter.slot;
		*gfn = max(*gfn, slot->base_gfn);
		*end = min(last, slot->base_gfn + slot->npages);
		*hva = slot->userspace_addr + ((*gfn - slot->base_gfn) << PAGE_SHIFT);
		found = true;
		break;
	}
	srcu_read_unlock(&kvm->srcu, idx);
	return found;
}

int age_ask_kvm(struct age_machine *m, struct kvm_age_scan *scan, uint64_t *bitmap)
{
	gfn_t gfn = scan->page, last = scan->page + scan->pages, end;
	struct mm_struct *mm = m->kvm->mm;
	uint64_t began = ktime_get_ns();
	unsigned long hva;

	if (!age_test_young || !age_clear_young)
		return -EOPNOTSUPP;
	while (age_next_slot(m->kvm, last, &gfn, &end, &hva)) {
		for (; gfn < end; gfn++, hva += PAGE_SIZE) {
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
