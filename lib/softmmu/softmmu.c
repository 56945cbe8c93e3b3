/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * One software CPU: its configuration, the access, speculation, and the counters.
 */
#include "softmmu_internal.h"

#define KNOWN_FLAGS                                                               \
	(PTW_SOFTMMU_CONTIG_FREEDOM | PTW_SOFTMMU_SPECULATE | PTW_SOFTMMU_NO_1G | \
	 PTW_SOFTMMU_EXEC_ONLY | PTW_SOFTMMU_LPA2 | PTW_SOFTMMU_XNX)

/* A CPU's memory is a whole number of cache lines, so that CPUs in one array do not share one. */
#define LINE ((size_t)64)

/* One access in this many makes the CPU look at the neighbouring page too. */
#define SPECULATION_PERIOD 16

static size_t lines(size_t bytes)
{
	return (bytes + LINE - 1) & ~(LINE - 1);
}

/* A CPU's memory: itself, its paging-structure cache, its TLB. */
static size_t cache_start(void)
{
	return lines(sizeof(struct ptw_softmmu));
}

static size_t tlb_start(const struct ptw_softmmu *cpu, const struct ptw_softmmu_config *config)
{
	return cache_start() +
	       lines(ptw_softmmu_cache_bytes(config->paging_cache, cpu->root_level));
}

/* A caller built against a newer header may pass a larger structure, as long as it asks for nothing
 * that this version does not know. */
static int check_config(const struct ptw_softmmu_config *config)
{
	const uint8_t *bytes = (const uint8_t *)config;

	if (!config)
		return PTW_ERR_ARG;
	if (config->size < sizeof(*config))
		return PTW_ERR_SIZE;
	for (size_t i = sizeof(*config); i < config->size; i++) {
		if (bytes[i])
			return PTW_ERR_ARG;
	}
	if (config->flags & ~(uint32_t)KNOWN_FLAGS)
		return PTW_ERR_ARG;
	/* Entries are accessed as whole 64-bit words. */
	if (config->phys_offset & 7)
		return PTW_ERR_ARG;
	if (!ptw_softmmu_cache_valid(config->paging_cache))
		return PTW_ERR_ARG;
	if (config->tlb_sets == 0 && config->tlb_ways == 0)
		return PTW_OK;
	if (ptw_softmmu_tlb_bytes(config->tlb_sets, config->tlb_ways) == 0)
		return PTW_ERR_ARG;
	return PTW_OK;
}

static int decode_registers(struct ptw_softmmu *cpu, const struct ptw_softmmu_config *config)
{
	*cpu = (struct ptw_softmmu){
		.phys_offset = config->phys_offset,
		.flags = config->flags,
		/* Never 0, which would stay 0; the low bits of neighbouring seeds are spread. */
		.random = ((uint64_t)config->seed + 1) * 0x9e3779b97f4a7c15ull,
	};
	switch (config->regs.regime) {
	case PTW_REGIME_EPT:
		return ptw_softmmu_ept_setup(cpu, &config->regs);
	case PTW_REGIME_X86_64:
		return ptw_softmmu_x86_64_setup(cpu, &config->regs);
	case PTW_REGIME_ARM64_S2:
		return ptw_softmmu_arm64_s2_setup(cpu, &config->regs);
	case PTW_REGIME_ARM64_S1:
		return ptw_softmmu_arm64_s1_setup(cpu, &config->regs);
	case PTW_REGIME_PERVERSE:
		return ptw_softmmu_perverse_setup(cpu, &config->regs);
	default:
		return PTW_ERR_ARG;
	}
}

size_t ptw_softmmu_size(const struct ptw_softmmu_config *config)
{
	struct ptw_softmmu cpu;

	if (check_config(config) != PTW_OK || decode_registers(&cpu, config) != PTW_OK)
		return 0;
	return tlb_start(&cpu, config) +
	       lines(ptw_softmmu_tlb_bytes(config->tlb_sets, config->tlb_ways));
}

int ptw_softmmu_init(struct ptw_softmmu **out, void *memory, size_t bytes,
		     const struct ptw_softmmu_config *config)
{
	struct ptw_softmmu *cpu = memory;
	struct ptw_softmmu decoded;
	int error;

	if (!out || !memory)
		return PTW_ERR_ARG;
	if ((uintptr_t)memory % __alignof__(struct ptw_softmmu))
		return PTW_ERR_ALIGN;
	error = check_config(config);
	if (error != PTW_OK)
		return error;
	error = decode_registers(&decoded, config);
	if (error != PTW_OK)
		return error;
	if (bytes < ptw_softmmu_size(config))
		return PTW_ERR_SIZE;
	*cpu = decoded;
	if (config->tlb_ways)
		ptw_softmmu_tlb_setup(&cpu->tlb, (uint8_t *)memory + tlb_start(cpu, config),
				      config->tlb_sets, config->tlb_ways, cpu->granule_lg2);
	if (config->paging_cache)
		ptw_softmmu_cache_setup(&cpu->cache, (uint8_t *)memory + cache_start(),
					config->paging_cache, cpu->root_level, cpu->granule_lg2,
					cpu->stride_lg2);
	*out = cpu;
	return PTW_OK;
}

/* The input address without its sign or tag; false if it lies outside the input size. */
static bool strip(const struct ptw_softmmu *cpu, uint64_t *ia)
{
	unsigned int above = 64u - cpu->ia_bits;

	switch (cpu->ia_strip) {
	case SOFTMMU_STRIP_SIGN:
		if ((uint64_t)((int64_t)(*ia << above) >> above) != *ia)
			return false;
		*ia = *ia << above >> above;
		return true;
	case SOFTMMU_STRIP_TAG:
		*ia &= SOFTMMU_BITS(55, 0);
		return *ia >> cpu->ia_bits == 0;
	default:
		return false;
	}
}

/* Translate one address by TLB or walk, and fill *result. */
SOFTMMU_INLINE int translate(struct ptw_softmmu *cpu, uint64_t ia, uint32_t access,
			     struct ptw_softmmu_result *result)
{
	struct softmmu_walk walk;
	unsigned int size_lg2;
	int status;

	walk.need = access & SOFTMMU_ACCESS_KINDS;
	if (access & PTW_ACCESS_USER)
		walk.need <<= SOFTMMU_USER_SHIFT;
	if (cpu->tlb.ways) {
		const struct softmmu_tlb_entry *hit = softmmu_tlb_find(&cpu->tlb, ia);

		if (hit && !(walk.need & ~(uint32_t)hit->perms)) {
			result->oa = hit->oa | (ia & (SOFTMMU_BIT(cpu->granule_lg2) - 1));
			result->page_size = SOFTMMU_BIT(hit->size_lg2);
			result->level = hit->level;
			result->tlb_hit = 1;
			return PTW_SOFTMMU_OK;
		}
	}
	walk.ia = ia;
	walk.access = access;
	status = cpu->walk(cpu, &walk);
	size_lg2 = softmmu_level_shift(cpu, walk.level);
	result->level = walk.level;
	result->tlb_hit = 0;
	if (status != PTW_SOFTMMU_OK) {
		/* These two are found at a leaf only. */
		bool leaf = status == PTW_SOFTMMU_PERMISSION || status == PTW_SOFTMMU_ACCESS_FLAG;

		if ((cpu->fault_drops >> status & 1) && !(access & PTW_ACCESS_SPECULATIVE))
			ptw_softmmu_cache_drop(&cpu->cache, ia, ia);
		result->oa = 0;
		result->page_size = leaf ? SOFTMMU_BIT(size_lg2) : 0;
		return status;
	}
	result->oa = walk.oa;
	result->page_size = SOFTMMU_BIT(size_lg2);
	if (cpu->tlb.ways)
		ptw_softmmu_tlb_fill(&cpu->tlb, ia, walk.oa, walk.perms, walk.level, size_lg2);
	return PTW_SOFTMMU_OK;
}

/* Now and then, a speculative read of the neighbour of what was just accessed: the other leaf of
 * the pair of leaves of that size, so that it lies in the same table wherever the table ends. */
static __attribute__((__noinline__)) void speculate(struct ptw_softmmu *cpu, uint64_t ia,
						uint32_t access, uint64_t page_size)
{
	struct ptw_softmmu_result ignored;

	if (softmmu_random(cpu) % SPECULATION_PERIOD)
		return;
	if (page_size == 0)
		page_size = SOFTMMU_BIT(cpu->granule_lg2);
	translate(cpu, ia ^ page_size,
		  PTW_ACCESS_READ | PTW_ACCESS_SPECULATIVE | (access & PTW_ACCESS_USER), &ignored);
}

int ptw_softmmu_access(struct ptw_softmmu *cpu, uint64_t ia, uint32_t access,
		       struct ptw_softmmu_result *result)
{
	int status;

	if (access & ~(uint32_t)SOFTMMU_ACCESS_ALL)
		return PTW_ERR_ARG;
	if ((access & SOFTMMU_ACCESS_KINDS) == 0)
		access |= PTW_ACCESS_READ;
	if (access & PTW_ACCESS_GUEST_PT)
		access |= cpu->guest_pt;
	cpu->counters.accesses++;
	if (ia >> cpu->ia_bits && !strip(cpu, &ia)) {
		*result = (struct ptw_softmmu_result){.level = cpu->root_level};
		cpu->counters.walks++;
		cpu->counters.faults += !(access & PTW_ACCESS_SPECULATIVE);
		return PTW_SOFTMMU_ADDRESS_SIZE;
	}
	status = translate(cpu, ia, access, result);
	cpu->counters.tlb_hits += result->tlb_hit;
	cpu->counters.walks += !result->tlb_hit;
	if (status != PTW_SOFTMMU_OK && !(access & PTW_ACCESS_SPECULATIVE))
		cpu->counters.faults++;
	if (cpu->flags & PTW_SOFTMMU_SPECULATE)
		speculate(cpu, ia, access, result->page_size);
	return status;
}

/* [start, end) without sign or tag, as both ends inclusive; false if it is empty. */
static bool stripped_range(const struct ptw_softmmu *cpu, uint64_t start, uint64_t end,
			   uint64_t *first, uint64_t *last)
{
	if (start == end)
		return false;
	*first = start;
	*last = end - 1;
	if (start == 0 && end == UINT64_MAX) {
		*last = UINT64_MAX;
		return true;
	}
	/* Stripping keeps the order of the addresses that exist, so the range stays one range. */
	if (cpu->ia_strip == SOFTMMU_STRIP_SIGN) {
		*first &= SOFTMMU_BIT(cpu->ia_bits) - 1;
		*last &= SOFTMMU_BIT(cpu->ia_bits) - 1;
	} else if (cpu->ia_strip == SOFTMMU_STRIP_TAG) {
		*first &= SOFTMMU_BITS(55, 0);
		*last &= SOFTMMU_BITS(55, 0);
	}
	return *first <= *last;
}

void ptw_softmmu_tlb_invalidate(struct ptw_softmmu *cpu, uint64_t start, uint64_t end)
{
	uint64_t first, last;

	if (!stripped_range(cpu, start, end, &first, &last))
		return;
	if (cpu->tlb.ways)
		ptw_softmmu_tlb_drop(&cpu->tlb, first, last);
	ptw_softmmu_cache_drop(&cpu->cache, first, last);
}

void ptw_softmmu_tlb_invalidate_leaves(struct ptw_softmmu *cpu, uint64_t start, uint64_t end)
{
	uint64_t first, last;

	if (cpu->tlb.ways && stripped_range(cpu, start, end, &first, &last))
		ptw_softmmu_tlb_drop(&cpu->tlb, first, last);
}

const struct ptw_softmmu_counters *ptw_softmmu_counters(const struct ptw_softmmu *cpu)
{
	return &cpu->counters;
}
