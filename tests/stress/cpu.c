/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Software CPUs: they access pages, let faults be fixed, and have a TLB that only flushes clear.
 *
 * A CPU walks outside read-side sections, as hardware does: nothing but the flush keeps tables
 * alive for it.
 */
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>

#include "ledger.h"

#define TLB_SETS 16
#define TLB_WAYS 4

void cpu_open(struct stress *s, unsigned int number)
{
	struct cpu *cpu = &s->cpu[number];
	struct ptw_softmmu_config config = {
		.size = sizeof(config),
		.regs = s->regs,
		.phys_offset = s->config.phys_offset,
		.flags = s->config.features & PTW_FEATURE_LPA2 ? PTW_SOFTMMU_LPA2 : 0,
		.tlb_sets = TLB_SETS,
		.tlb_ways = TLB_WAYS,
		.seed = number,
	};
	size_t bytes;

	/* In a contiguous group hardware may choose the member that it marks. */
	if (s->lap & 1)
		config.flags |= PTW_SOFTMMU_CONTIG_FREEDOM;
	bytes = ptw_softmmu_size(&config);
	cpu->memory = bytes ? aligned_alloc(64, bytes) : NULL;
	if (!cpu->memory || ptw_softmmu_init(&cpu->mmu, cpu->memory, bytes, &config))
		stress_fail(s, "the software MMU refuses the registers");
	pthread_mutex_init(&cpu->lock, NULL);
	s->threads[number].cpu = cpu;
}

void cpu_close(struct stress *s, unsigned int number)
{
	struct cpu *cpu = &s->cpu[number];

	if (cpu->mmu) {
		const struct ptw_softmmu_counters *c = ptw_softmmu_counters(cpu->mmu);

		add(&s->totals->accesses, c->accesses);
		add(&s->totals->tlb_hits, c->tlb_hits);
		add(&s->totals->accessed_set, c->accessed_set);
		add(&s->totals->dirty_set, c->dirty_set);
		add(&s->totals->cas_failures, c->cas_failures);
	}
	pthread_mutex_destroy(&cpu->lock);
	free(cpu->memory);
	cpu->memory = NULL;
	cpu->mmu = NULL;
}

/*
 * The flush hook. A CPU that is in an access finishes it first; then it has lost the translations.
 */
void cpu_flush(void *context, const struct ptw_range *ranges, unsigned int count,
	       enum ptw_flush_kind kind, unsigned int level)
{
	struct stress *s = context;

	(void)kind; /* the software TLB holds leaves only */
	(void)level;
	add(&s->totals->flushes, 1);
	if (!ptw_port_may_block())
		stress_fail(s, "the flush hook was called inside a read-side section");
	if (count < 1 || count > 16)
		stress_fail(s, "the flush hook got %u ranges", count);
	for (unsigned int i = 0; i < count; i++)
		if (ranges[i].start >= ranges[i].end ||
		    (i && ranges[i].start < ranges[i - 1].end))
			stress_fail(s, "the flush hook got the range %#" PRIx64 " to %#" PRIx64,
				    ranges[i].start, ranges[i].end);
	for (unsigned int n = 0; n < s->cpus; n++) {
		struct cpu *cpu = &s->cpu[n];

		atomic_fetch_add_explicit(&cpu->waiting, 1, memory_order_relaxed);
		pthread_mutex_lock(&cpu->lock);
		atomic_fetch_sub_explicit(&cpu->waiting, 1, memory_order_relaxed);
		for (unsigned int i = 0; i < count; i++)
			ptw_softmmu_tlb_invalidate(cpu->mmu, ranges[i].start, ranges[i].end);
		pthread_mutex_unlock(&cpu->lock);
	}
}

void cpu_flush_all(struct stress *s)
{
	for (unsigned int n = 0; n < s->cpus; n++)
		ptw_softmmu_tlb_invalidate(s->cpu[n].mmu, 0, UINT64_MAX);
}

/* One access, entered in the ledger. */
int cpu_access(struct worker *w, uint64_t ia, uint32_t access, struct ptw_softmmu_result *result)
{
	struct stress *s = w->stress;
	struct cpu *cpu = w->cpu;
	uint64_t index = ledger_index(s, ia);
	struct page *page = &s->page[index];
	const struct ptw_softmmu_counters *c = ptw_softmmu_counters(cpu->mmu);
	uint64_t number, young, dirty;
	int status;

	/* Before the entry is read. Partner: ledger_close(). */
	number = atomic_fetch_add_explicit(&page->begun, 1, LEDGER_ORDER) + 1;
	pthread_mutex_lock(&cpu->lock);
	young = c->accessed_set;
	dirty = c->dirty_set;
	status = ptw_softmmu_access(cpu->mmu, ia, access | s->user, result);
	young = c->accessed_set - young;
	dirty = c->dirty_set - dirty;
	if (status == PTW_SOFTMMU_OK) {
		if (access & PTW_ACCESS_WRITE)
			add(&page->written, 1);
		if (!result->tlb_hit || s->exact_round)
			raise_to(&page->walked, number);
	}
	pthread_mutex_unlock(&cpu->lock);
	if (status == PTW_SOFTMMU_OK && !space_oa_right(s, ia, result->oa))
		stress_fail(s, "an access to %#" PRIx64 " went to %#" PRIx64 ", which was never "
			    "mapped there", ia, result->oa);
	if (status == PTW_SOFTMMU_MISCONFIG || status == PTW_SOFTMMU_ADDRESS_SIZE || status < 0)
		stress_fail(s, "an access to %#" PRIx64 " ended with status %d", ia, status);
	if (young > 1 || dirty > 1 || (status != PTW_SOFTMMU_OK && (young || dirty)))
		stress_fail(s, "an access to %#" PRIx64 " set %" PRIu64 " accessed and %" PRIu64
			    " dirty bits", ia, young, dirty);
	if (young)
		ledger_set(s, index, false, result->level, 1, 1);
	if (dirty)
		ledger_set(s, index, true, result->level, 1, 1);
	return status;
}

/* Pages whose transitions must be known for sure belong to one CPU each. */
static uint64_t own_page(struct worker *w, const struct area *area, uint64_t i)
{
	struct stress *s = w->stress;
	uint64_t unit = area == &s->areas[AREA_BLOCKS] ? area->region : 1;
	uint64_t mine = (i / unit / s->cpus * s->cpus + w->number) * unit + i % unit;

	if (area == &s->areas[AREA_MIXED] || (area == &s->areas[AREA_PAGES] && s->hardware))
		return i;
	return mine < area->busy ? mine : (uint64_t)w->number * unit;
}

/*
 * Does a fault there go to ptw_fix_fault()? Where hardware sets the bits, and every transition is
 * to be counted, not after a hole: somebody may have mapped it meanwhile, and then software would
 * set them.
 */
static bool to_be_fixed(const struct stress *s, const struct area *area, int status)
{
	return !s->hardware || area == &s->areas[AREA_MIXED] ||
	       (area == &s->areas[AREA_PROTECTED] && status == PTW_SOFTMMU_PERMISSION);
}

static void fix(struct worker *w, const struct area *area, uint64_t ia, uint32_t access)
{
	struct stress *s = w->stress;
	struct ptw_query query = { .size = sizeof(query) };
	uint64_t index = ledger_index(s, ia);
	bool was_old = false, was_clean = false;
	int ret;

	/* Only this thread could set them, and it does so below. */
	if (area != &s->areas[AREA_MIXED] && !ptw_query(s->pgtable, ia, &query)) {
		was_old = !s->hardware && !(query.leaf.flags & PTW_LEAF_YOUNG);
		was_clean = !(query.leaf.flags & PTW_LEAF_DIRTY);
	}
	w->want = access | s->user;
	ret = play_role(w, ROLE_F, (struct span){ ia, ia + s->granule });
	w->want = 0;
	if (ret)
		return;
	/*
	 * This page for sure; perhaps all of its block, which may have been split or made
	 * meanwhile.
	 */
	ledger_set(s, index, false, 0, was_old, 0);
	ledger_set(s, index, false, 1, 0, 1);
	if (access & PTW_ACCESS_WRITE) {
		ledger_set(s, index, true, 0, was_clean, 0);
		ledger_set(s, index, true, 1, 0, 1);
	}
}

/* In a hot round: two neighbours. What the TLB has of them goes first, so that entries are read. */
static void hot_step(struct worker *w)
{
	struct stress *s = w->stress;
	const struct area *area = &s->areas[AREA_PAGES];
	const struct ptw_softmmu_counters *c = ptw_softmmu_counters(w->cpu->mmu);
	const uint64_t set = c->accessed_set + c->dirty_set;
	struct span hot = space_hot(s);
	uint64_t pages = (hot.end - hot.start) / s->granule;
	uint64_t page = below(w, pages) & ~(uint64_t)1;

	for (uint64_t i = page; i < page + 2; i++) {
		uint32_t access = below(w, 4) ? PTW_ACCESS_READ : PTW_ACCESS_WRITE;
		uint64_t ia = hot.start + own_page(w, area, i) * s->granule;
		struct ptw_softmmu_result result;
		int status;

		pthread_mutex_lock(&w->cpu->lock);
		ptw_softmmu_tlb_invalidate(w->cpu->mmu, ia, ia + s->granule);
		pthread_mutex_unlock(&w->cpu->lock);
		status = cpu_access(w, ia, access, &result);
		if (status != PTW_SOFTMMU_OK && to_be_fixed(s, area, status))
			fix(w, area, ia, access);
	}
	/* Where processors are few, let somebody run who takes it away. */
	if (c->accessed_set + c->dirty_set == set)
		sched_yield();
}

/* One access of a CPU's thread, and the fault it may end with. */
void cpu_step(struct worker *w)
{
	struct stress *s = w->stress;
	const struct area *area = &s->areas[below(w, AREAS)];
	static const uint32_t kinds[] = { PTW_ACCESS_READ, PTW_ACCESS_READ, PTW_ACCESS_WRITE,
					  PTW_ACCESS_READ | PTW_ACCESS_WRITE, PTW_ACCESS_FETCH };
	uint32_t access = kinds[below(w, sizeof(kinds) / sizeof(kinds[0]))];
	uint64_t hot = below(w, 4) ? 8 : area->busy;
	uint64_t ia;
	struct ptw_softmmu_result result;
	int status;

	/* Somebody wants to stop this CPU: let him, since the lock is not a fair one. */
	while (atomic_load_explicit(&w->cpu->waiting, memory_order_relaxed))
		sched_yield();
	if (s->hot_round && below(w, 16)) {
		hot_step(w);
		return;
	}
	ia = area->base + own_page(w, area, below(w, hot)) * s->granule;
	status = cpu_access(w, ia, access, &result);
	if (status != PTW_SOFTMMU_OK && to_be_fixed(s, area, status))
		fix(w, area, ia, access);
}
