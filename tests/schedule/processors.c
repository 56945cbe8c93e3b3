/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Processors: one software MMU for each logical thread, with a small TLB.
 *
 * As real ones do, a processor finishes what it is doing before it answers a flush, and forgets
 * then. Its walks are no read-side sections: only the flush protects the tables that they use.
 */
#include <stdio.h>

#include <ptw/port.h>

#include "tests/schedule/ledger.h"

#define TRIES 3

static struct {
	struct ptw_softmmu *mmu;
	uint64_t memory[CPU_BYTES / 8];
	uint32_t busy; /* in an access: a flush has to wait */
} cpus[SCHEDULER_THREADS + 1];

void cpus_open(bool count_anew)
{
	struct ptw_softmmu_config config = {
		.size = sizeof(config), .tlb_sets = 1, .tlb_ways = 4, .seed = 1};

	ptw_pgtable_regs(world.pgtable, &config.regs);
	for (unsigned int i = 0; i <= SCHEDULER_THREADS; i++) {
		if (cpus[i].mmu && !count_anew)
			continue;
		if (ptw_softmmu_init(&cpus[i].mmu, cpus[i].memory, sizeof(cpus[i].memory), &config))
			scheduler_fail("no software MMU for this page table");
		cpus[i].busy = 0;
	}
}

static SCHEDULER_INVISIBLE void set_busy(unsigned int self, uint32_t busy)
{
	scheduler_event(SCHEDULER_AT_CPU + self, true);
	__atomic_store_n(&cpus[self].busy, busy, __ATOMIC_RELAXED);
}

static SCHEDULER_INVISIBLE bool is_idle(const void *argument)
{
	return !__atomic_load_n((const uint32_t *)argument, __ATOMIC_RELAXED);
}

/* Processors with a TLB synchronize with those who flush it, and with nobody else. */
static void cpu_enter(unsigned int self)
{
	scheduler_point();
	set_busy(self, 1);
#ifdef PTW_TSAN
	__tsan_acquire(cpus[self].memory);
#endif
}

static void cpu_leave(unsigned int self)
{
#ifdef PTW_TSAN
	__tsan_release(cpus[self].memory);
#endif
	set_busy(self, 0);
}

void cpus_flush(void *context, const struct ptw_range *ranges, unsigned int count,
		enum ptw_flush_kind kind, unsigned int level)
{
	(void)context;
	(void)level;
	if (!ptw_port_may_block())
		scheduler_fail("thread %u flushes inside a read-side section", scheduler_self());
	if (!count || count > 16 || (kind != PTW_FLUSH_LEAF && kind != PTW_FLUSH_TABLE))
		scheduler_fail("a flush of %u ranges, kind %d", count, kind);
	for (unsigned int i = 0; i < count; i++)
		if (ranges[i].start >= ranges[i].end || (i && ranges[i].start < ranges[i - 1].end))
			scheduler_fail("a flush of ranges that are empty or out of order");
	for (unsigned int c = 0; c <= SCHEDULER_THREADS; c++) {
		if (!cpus[c].mmu)
			continue;
		scheduler_point();
		scheduler_wait(is_idle, &cpus[c].busy);
		scheduler_event(SCHEDULER_AT_CPU + c, true);
#ifdef PTW_TSAN
		__tsan_acquire(cpus[c].memory);
#endif
		for (unsigned int i = 0; i < count; i++)
			ptw_softmmu_tlb_invalidate(cpus[c].mmu, ranges[i].start, ranges[i].end);
#ifdef PTW_TSAN
		__tsan_release(cpus[c].memory);
#endif
	}
	scheduler_point();
}

/* What the processor did to the table, for the ledger. */
static void tell(unsigned int self, unsigned int page, const struct ptw_softmmu_result *r,
		 const struct ptw_softmmu_counters *before)
{
	const struct ptw_softmmu_counters *c = ptw_softmmu_counters(cpus[self].mmu);
	const unsigned int pages =
		r->page_size ? (unsigned int)(r->page_size >> world.info.granule_lg2) : 1;

	if (c->accessed_set - before->accessed_set > 1 || c->dirty_set - before->dirty_set > 1)
		scheduler_fail("one access set a bit twice");
	ledger_set(self, page & ~(pages - 1), pages, c->accessed_set != before->accessed_set,
		   c->dirty_set != before->dirty_set);
}

void cpu_access(const struct operation *op, struct outcome *out)
{
	const unsigned int self = scheduler_self(), page = op->page;
	const uint64_t ia = (uint64_t)page << world.info.granule_lg2;
	const uint32_t access = op->kind == OP_WRITE ? PTW_ACCESS_WRITE : PTW_ACCESS_READ;
	struct ptw_softmmu_result r;
	int status, ret;

	for (unsigned int tries = 0; tries < TRIES; tries++) {
		struct ptw_softmmu_counters before;
		bool gone, read_only;

		cpu_enter(self);
		before = *ptw_softmmu_counters(cpus[self].mmu);
		gone = __atomic_load_n(&world.live.gone[page], __ATOMIC_RELAXED);
		read_only = __atomic_load_n(&world.live.read_only[page], __ATOMIC_RELAXED);
		status = ptw_softmmu_access(cpus[self].mmu, ia, access, &r);
		if (status == PTW_SOFTMMU_OK) {
			if (gone)
				scheduler_fail("page %u is used after its unmap returned", page);
			if (read_only && op->kind == OP_WRITE)
				scheduler_fail("page %u is written after its protection returned",
					       page);
			ledger_seen(page, r.oa, 1, "a processor");
			tell(self, page, &r, &before);
			out->oa = r.oa;
			out->level = r.level;
			/* The data follow the translation; a flush waits for them. */
			if (op->kind == OP_WRITE) {
				scheduler_point();
				__atomic_fetch_add(&world.live.written[page], 1, __ATOMIC_RELAXED);
			}
		}
		cpu_leave(self);
		if (status != PTW_SOFTMMU_PERMISSION && status != PTW_SOFTMMU_ACCESS_FLAG)
			break;
		/* The extent may have become larger meanwhile. */
		for (unsigned int p = page & ~15u; p < (page | 15u) + 1; p++)
			world.live.account[self].loose[p] = true;
		ret = ptw_fix_fault(world.pgtable, ia, access);
		if (ret != PTW_OK && ret != PTW_ERR_AGAIN)
			break;
	}
	if (status == PTW_SOFTMMU_MISCONFIG || status == PTW_SOFTMMU_ADDRESS_SIZE || status < 0)
		scheduler_fail("thread %u: a processor meets a torn entry for page %u: status %d",
			       self, page, status);
	out->ret = status;
}
