/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Guest pages by the library: sections, roots that are exchanged, and rests in between. */
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "machine.h"

/* Entries of one harvest call, after which a section may end. */
#define AGE_BUDGET 4096

/* Calls in one section at most: a grace period should not wait for longer than some 100 us. */
#define AGE_CALLS 16

/* A root that is exchanged this often in a row belongs to a machine that does nothing else. */
#define AGE_REROOTS 64

int age_attach(struct age_machine *m)
{
	/* Memory that is in the linear map; KVM takes its tables from there. */
	const struct ptw_range bounds = { 0, __pa(high_memory - 1) + 1 };
	struct ptw_attach attach = {
		.size = sizeof(attach),
		.bounds = &bounds,
		.bounds_count = 1,
		.table_budget = ~(uint64_t)0,
	};
	struct ptw_config config;
	struct age_root root;
	int ret = age_enter(m->kvm, &root);

	if (ret)
		return ret;
	/* Only its description is kept: before the root is followed it is looked up again. */
	age_leave(m->kvm);
	ret = age_shape(&root, &config);
	if (ret)
		return ret;
	attach.root = root.address;
	config.phys_offset = ptw_linear_offset();
	ptw_pgtable_destroy(m->pgtable);
	m->pgtable = NULL;
	ret = ptw_pgtable_attach(&config, &attach, &m->pgtable);
	if (ret) {
		pr_err("kvm-age: cannot attach to the page table at %#llx: %s\n", attach.root,
		       ptw_strerror(ret));
		return -EOPNOTSUPP;
	}
	m->root = root;
	return 0;
}

/*
 * One section. The cursor in `h` says how far it came.
 * Returns PTW_OK at the end, PTW_ERR_BUDGET to go on, PTW_ERR_AGAIN if the root is another one or
 * cannot be used, PTW_ERR_HOLE if there is none, PTW_ERR_CORRUPT_*.
 */
static int age_section(struct age_machine *m, struct kvm_age_scan *scan, uint64_t start,
		       uint64_t end, struct ptw_harvest *h)
{
	struct ptw_harvest_result result = { .size = sizeof(result) };
	struct age_root root;
	int calls = 0, ret;

	ret = age_enter(m->kvm, &root);
	if (ret)
		return ret == -EAGAIN ? PTW_ERR_HOLE : PTW_ERR_AGAIN;
	if (!m->pgtable || !age_same_root(&root, &m->root)) {
		age_leave(m->kvm);
		return PTW_ERR_AGAIN;
	}
	do {
		ret = ptw_harvest(m->pgtable, start, end, h, &result);
		scan->young += result.young_pages;
		scan->extents += result.young_extents;
		scan->entries += result.entries;
		scan->busy += result.busy;
	} while (ret == PTW_ERR_BUDGET && ++calls < AGE_CALLS && !need_resched() &&
		 (age_lockless || !rwlock_needbreak(&m->kvm->mmu_lock)));
	age_leave(m->kvm);
	scan->calls++;
	return ret;
}

int age_harvest(struct age_machine *m, struct kvm_age_scan *scan, uint64_t *bitmap)
{
	uint64_t start = scan->page << PAGE_SHIFT, end = start + (scan->pages << PAGE_SHIFT);
	uint64_t cursor = 0, began = ktime_get_ns();
	struct ptw_harvest h = {
		.size = sizeof(h),
		.flags = PTW_HARVEST_ACCESSED | (scan->flags & KVM_AGE_PEEK ? PTW_HARVEST_PEEK : 0),
		.young = bitmap,
		.budget = AGE_BUDGET,
		.cursor = &cursor,
	};
	unsigned int reroots = 0;
	int ret;

	do {
		ret = age_section(m, scan, start, end, &h);
		if (ret == PTW_ERR_AGAIN) {
			if (++reroots > AGE_REROOTS)
				return -EAGAIN;
			scan->reroots++;
			ret = age_attach(m);
			if (ret && ret != -EAGAIN)
				return ret;
			ret = PTW_ERR_BUDGET;
		} else if (ret == PTW_ERR_BUDGET) {
			reroots = 0;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	} while (ret == PTW_ERR_BUDGET);
	scan->ns = ktime_get_ns() - began;
	if (!ret || ret == PTW_ERR_HOLE)
		return 0; /* no root: nothing was touched since, or everything was dropped */
	if (ret == PTW_ERR_RANGE)
		return -ERANGE;
	pr_err_ratelimited("kvm-age: harvest ended at %#llx: %s\n", cursor, ptw_strerror(ret));
	return -EIO;
}
