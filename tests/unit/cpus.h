/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Several software CPUs that use one page table of the library, with TLBs and paging-structure
 * caches, and the flush hook that reaches them all:
 *
 *	machine_preset(&m, "ept4");
 *	cpus_hook(&cpus, &m);
 *	machine_start(&m, 0);
 *	cpus_open(&cpus, 2, &(struct cpus_shape){ .paging_cache = 16 });
 *	cpus_access(&cpus, 0, ia, PTW_ACCESS_READ, &result);
 *	cpus_close(&cpus);
 *	machine_close(&m);
 *
 * A CPU walks outside read-side sections, as hardware does: nothing but the flush, which waits for
 * the access that is under way, keeps tables alive for it. A flush of leaves keeps the cached table
 * entries, so that whoever needs more than that and does not say so is found out.
 */
#ifndef PTW_TESTS_CPUS_H
#define PTW_TESTS_CPUS_H

#include "pgtable_machine.h"

#include <pthread.h>
#include <sched.h>

#define CPUS_MAX 8

struct cpus_shape {
	uint32_t tlb_sets, tlb_ways; /* 0: no TLB */
	uint32_t paging_cache;	     /* entries of each level, a power of two; 0: none */
	uint32_t flags;		     /* enum ptw_softmmu_flags */
};

struct cpus {
	struct machine *m;
	unsigned int count;
	struct cpus_cpu {
		struct ptw_softmmu *mmu;
		void *memory;
		pthread_mutex_t lock;
		unsigned int waiting; /* flushes that want the lock */
	} cpu[CPUS_MAX];
};

/* The hook; `context` is struct cpus. What the machine records about flushes it records as ever. */
static inline void cpus_flush(void *context, const struct ptw_range *ranges, unsigned int count,
			      enum ptw_flush_kind kind, unsigned int level)
{
	struct cpus *cpus = context;

	for (unsigned int n = 0; n < cpus->count; n++) {
		struct cpus_cpu *cpu = &cpus->cpu[n];

		__atomic_fetch_add(&cpu->waiting, 1, __ATOMIC_RELAXED);
		pthread_mutex_lock(&cpu->lock);
		__atomic_fetch_sub(&cpu->waiting, 1, __ATOMIC_RELAXED);
		for (unsigned int i = 0; i < count; i++) {
			if (kind == PTW_FLUSH_LEAF)
				ptw_softmmu_tlb_invalidate_leaves(cpu->mmu, ranges[i].start,
								  ranges[i].end);
			else
				ptw_softmmu_tlb_invalidate(cpu->mmu, ranges[i].start,
							   ranges[i].end);
		}
		pthread_mutex_unlock(&cpu->lock);
	}
	machine_flush(cpus->m, ranges, count, kind, level);
}

/* Between machine_preset() and machine_start(). */
static inline void cpus_hook(struct cpus *cpus, struct machine *m)
{
	memset(cpus, 0, sizeof(*cpus));
	cpus->m = m;
	m->config.flush = cpus_flush;
	m->config.flush_context = cpus;
}

static inline void cpus_open(struct cpus *cpus, unsigned int count, const struct cpus_shape *shape)
{
	const struct ptw_config *table = &cpus->m->config;
	struct ptw_softmmu_config config = {
		.size = sizeof(config),
		.phys_offset = table->phys_offset,
		.flags = shape->flags,
		.tlb_sets = shape->tlb_sets,
		.tlb_ways = shape->tlb_ways,
		.paging_cache = shape->paging_cache,
	};
	size_t bytes;

	cr_assert_leq(count, (unsigned int)CPUS_MAX);
	if (table->features & PTW_FEATURE_LPA2)
		config.flags |= PTW_SOFTMMU_LPA2;
	if (table->features & PTW_FEATURE_XNX)
		config.flags |= PTW_SOFTMMU_XNX;
	cr_assert_eq(ptw_pgtable_regs(cpus->m->pgtable, &config.regs), PTW_OK);
	bytes = ptw_softmmu_size(&config);
	cr_assert_neq(bytes, 0u, "the software MMU refuses the configuration");
	for (unsigned int n = 0; n < count; n++) {
		struct cpus_cpu *cpu = &cpus->cpu[n];

		config.seed = (uint32_t)test_seed() + n;
		cpu->memory = aligned_alloc(64, bytes);
		cr_assert_not_null(cpu->memory);
		cr_assert_eq(ptw_softmmu_init(&cpu->mmu, cpu->memory, bytes, &config), PTW_OK);
		pthread_mutex_init(&cpu->lock, NULL);
	}
	cpus->count = count;
}

static inline void cpus_close(struct cpus *cpus)
{
	for (unsigned int n = 0; n < cpus->count; n++) {
		pthread_mutex_destroy(&cpus->cpu[n].lock);
		free(cpus->cpu[n].memory);
	}
	cpus->count = 0;
}

/* One access of one CPU, with no fault fixed; enum ptw_softmmu_status. */
static inline int cpus_access(struct cpus *cpus, unsigned int number, uint64_t ia, uint32_t access,
			      struct ptw_softmmu_result *result)
{
	struct cpus_cpu *cpu = &cpus->cpu[number];
	const uint32_t format = cpus->m->config.format;
	int status;

	if (format == PTW_FORMAT_X86_64 || format == PTW_FORMAT_ARM64_S1)
		access |= PTW_ACCESS_USER;
	/* Whoever waits goes first: a mutex does not see to that. */
	while (__atomic_load_n(&cpu->waiting, __ATOMIC_RELAXED))
		sched_yield();
	pthread_mutex_lock(&cpu->lock);
	status = ptw_softmmu_access(cpu->mmu, ia, access, result);
	pthread_mutex_unlock(&cpu->lock);
	return status;
}

/* With the faults that software has to fix: those of leaves that the page table has. */
static inline int cpus_access_fixed(struct cpus *cpus, unsigned int number, uint64_t ia,
				    uint32_t access, struct ptw_softmmu_result *result)
{
	const uint32_t format = cpus->m->config.format;
	int status = 0;

	for (unsigned int i = 0; i < 3; i++) {
		status = cpus_access(cpus, number, ia, access, result);
		if (status == PTW_SOFTMMU_OK)
			break;
		if (ptw_fix_fault(cpus->m->pgtable, ia,
				  format == PTW_FORMAT_X86_64 || format == PTW_FORMAT_ARM64_S1 ?
					  access | PTW_ACCESS_USER :
					  access) != PTW_OK)
			break;
	}
	return status;
}

/* The whole cache of everybody, and nothing else; not while CPUs run. */
static inline void cpus_forget(struct cpus *cpus)
{
	for (unsigned int n = 0; n < cpus->count; n++)
		ptw_softmmu_tlb_invalidate(cpus->cpu[n].mmu, 0, UINT64_MAX);
}

#endif /* PTW_TESTS_CPUS_H */
