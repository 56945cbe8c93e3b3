/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The software MMU's translation cache, and speculation.
 */
#include "softmmu_machine.h"

#define EPT_A	  BIT(8)
#define EPT_D	  BIT(9)
#define EPT_WB	  (6u << 3)
#define EPT_LARGE BIT(7)
#define X86_A	  BIT(5)
#define ALL	  UINT64_MAX

#define PAGES	  32
#define OA(i)	  (0x700000000ull | (uint64_t)(i) << 12)

/* EPT with A and D: pages 0 to 31 at IA 0, the block at IA 2 MiB; tables already accessed. */
static struct ptw_softmmu *cached_cpu(uint32_t sets, uint32_t ways, uint32_t flags, uint32_t seed)
{
	struct ptw_softmmu_config config =
		make_config(PTW_REGIME_EPT, 46, table(3) | 6 | 3 << 3 | 1 << 6, 0, 0, flags);

	*entry(table(3), 0) = table(2) | 7 | EPT_A;
	*entry(table(2), 0) = table(1) | 7 | EPT_A;
	*entry(table(1), 0) = table(0) | 7 | EPT_A;
	*entry(table(1), 1) = 0x600000000ull | EPT_LARGE | EPT_WB | 7;
	for (unsigned int i = 0; i < PAGES; i++)
		*entry(table(0), i) = OA(i) | EPT_WB | 7;
	config.tlb_sets = sets;
	config.tlb_ways = ways;
	config.seed = seed;
	return make_cpu(&config);
}

static uint32_t hit(struct ptw_softmmu *cpu, uint64_t ia, uint32_t access)
{
	cr_assert_eq(access_at(cpu, ia, access), PTW_SOFTMMU_OK);
	return result.tlb_hit;
}

Test(softmmu_tlb, a_hit_sets_no_accessed_bit_until_invalidation)
{
	struct ptw_softmmu *cpu = cached_cpu(4, 2, 0, 0);

	cr_assert_eq(hit(cpu, 0x3123, READ), 0u);
	assert_entry(table(0), 3, OA(3) | EPT_WB | 7 | EPT_A);
	*entry(table(0), 3) &= ~EPT_A;
	cr_assert_eq(hit(cpu, 0x3456, READ), 1u);
	assert_oa(OA(3) | 0x456);
	cr_assert_eq(result.page_size, 4096u);
	cr_assert_eq(result.level, 0u);
	assert_entry(table(0), 3, OA(3) | EPT_WB | 7);
	ptw_softmmu_tlb_invalidate(cpu, 0x3000, 0x4000);
	cr_assert_eq(hit(cpu, 0x3456, READ), 0u);
	assert_entry(table(0), 3, OA(3) | EPT_WB | 7 | EPT_A);
	cr_assert_eq(ptw_softmmu_counters(cpu)->tlb_hits, 1u);
	cr_assert_eq(ptw_softmmu_counters(cpu)->walks, 2u);
	cr_assert_eq(ptw_softmmu_counters(cpu)->accessed_set, 2u);
}

Test(softmmu_tlb, a_write_to_a_clean_translation_walks_and_sets_dirty)
{
	struct ptw_softmmu *cpu = cached_cpu(4, 2, 0, 0);

	cr_assert_eq(hit(cpu, 0x3000, READ), 0u);
	cr_assert_eq(hit(cpu, 0x3000, FETCH), 1u);
	cr_assert_eq(hit(cpu, 0x3000, WRITE), 0u);
	assert_entry(table(0), 3, OA(3) | EPT_WB | 7 | EPT_A | EPT_D);
	/* Cached dirty: cleaning is not seen until invalidation. */
	*entry(table(0), 3) &= ~EPT_D;
	cr_assert_eq(hit(cpu, 0x3000, WRITE), 1u);
	assert_entry(table(0), 3, OA(3) | EPT_WB | 7 | EPT_A);
	ptw_softmmu_tlb_invalidate(cpu, 0, ALL);
	cr_assert_eq(hit(cpu, 0x3000, WRITE), 0u);
	assert_entry(table(0), 3, OA(3) | EPT_WB | 7 | EPT_A | EPT_D);
	cr_assert_eq(ptw_softmmu_counters(cpu)->dirty_set, 2u);
}

Test(softmmu_tlb, rights_are_cached_and_a_miss_of_rights_walks)
{
	struct ptw_softmmu *cpu = cached_cpu(4, 2, 0, 0);

	cr_assert_eq(hit(cpu, 0x5000, WRITE), 0u);
	*entry(table(0), 5) = 0;
	cr_assert_eq(hit(cpu, 0x5000, WRITE), 1u, "unmapped, not invalidated");
	ptw_softmmu_tlb_invalidate(cpu, 0x5000, 0x6000);
	cr_assert_eq(access_at(cpu, 0x5000, READ), PTW_SOFTMMU_TRANSLATION,
		     "faults are not cached");
	*entry(table(0), 5) = OA(5) | EPT_WB | 1;
	cr_assert_eq(hit(cpu, 0x5000, READ), 0u);
	cr_assert_eq(access_at(cpu, 0x5000, WRITE), PTW_SOFTMMU_PERMISSION);
	cr_assert_eq(access_at(cpu, 0x5000, FETCH), PTW_SOFTMMU_PERMISSION);
	*entry(table(0), 5) |= 6;
	cr_assert_eq(hit(cpu, 0x5000, FETCH), 0u, "no invalidation is needed to gain rights");
	cr_assert_eq(hit(cpu, 0x5000, FETCH), 1u);
}

Test(softmmu_tlb, without_dirty_tracking_a_write_hits_at_once)
{
	struct ptw_softmmu_config config =
		make_config(PTW_REGIME_EPT, 46, table(3) | 6 | 3 << 3, 0, 0, 0);
	struct ptw_softmmu *cpu;

	cached_cpu(1, 1, 0, 0);
	config.tlb_sets = 1;
	config.tlb_ways = 1;
	cpu = make_cpu(&config);
	cr_assert_eq(hit(cpu, 0x3000, READ), 0u);
	cr_assert_eq(hit(cpu, 0x3000, WRITE), 1u);
}

Test(softmmu_tlb, replacement_is_round_robin_within_a_set)
{
	struct ptw_softmmu *cpu = cached_cpu(2, 2, 0, 0);

	/* Even pages share set 0. */
	cr_assert_eq(hit(cpu, 0x0000, READ), 0u);
	cr_assert_eq(hit(cpu, 0x2000, READ), 0u);
	cr_assert_eq(hit(cpu, 0x1000, READ), 0u);
	cr_assert_eq(hit(cpu, 0x0000, READ), 1u);
	cr_assert_eq(hit(cpu, 0x4000, READ), 0u); /* in place of page 0, though just used */
	cr_assert_eq(hit(cpu, 0x2000, READ), 1u);
	cr_assert_eq(hit(cpu, 0x1000, READ), 1u);
	cr_assert_eq(hit(cpu, 0x0000, READ), 0u); /* in place of page 2 */
	cr_assert_eq(hit(cpu, 0x4000, READ), 1u);
	cr_assert_eq(hit(cpu, 0x2000, READ), 0u);
}

Test(softmmu_tlb, invalidation_is_half_open)
{
	struct ptw_softmmu *cpu = cached_cpu(8, 4, 0, 0);

	for (unsigned int wide = 0; wide < 2; wide++) {
		for (unsigned int i = 0; i < PAGES; i++)
			access_at(cpu, (uint64_t)i << 12, READ);
		if (wide) /* a block in the cache: no short cut by sets */
			access_at(cpu, 0x200000, READ);
		ptw_softmmu_tlb_invalidate(cpu, 0x4000, 0x4000);
		ptw_softmmu_tlb_invalidate(cpu, 0x5000, 0x4000);
		cr_assert_eq(hit(cpu, 0x4000, READ), 1u, "empty ranges");
		ptw_softmmu_tlb_invalidate(cpu, 0x4000, 0x7000);
		for (unsigned int i = 3; i <= 7; i++)
			cr_assert_eq(hit(cpu, (uint64_t)i << 12, READ), i < 4 || i > 6, "page %u",
				     i);
		ptw_softmmu_tlb_invalidate(cpu, 0x9fff, 0xa001);
		for (unsigned int i = 8; i <= 11; i++)
			cr_assert_eq(hit(cpu, (uint64_t)i << 12, READ), i < 9 || i > 10, "page %u",
				     i);
		/* More pages than sets, and up to the top. */
		ptw_softmmu_tlb_invalidate(cpu, 0x2000, 0x18000);
		cr_assert_eq(hit(cpu, 0x1000, READ), 1u);
		cr_assert_eq(hit(cpu, 0x18000, READ), 1u);
		cr_assert_eq(hit(cpu, 0x12000, READ), 0u);
		ptw_softmmu_tlb_invalidate(cpu, 0x18000, 0);
		cr_assert_eq(hit(cpu, 0x1f000, READ), 0u);
		cr_assert_eq(hit(cpu, 0x1000, READ), 1u);
		ptw_softmmu_tlb_invalidate(cpu, 0, ALL);
		for (unsigned int i = 0; i < PAGES; i++)
			cr_assert_eq(hit(cpu, (uint64_t)i << 12, READ), 0u);
	}
}

Test(softmmu_tlb, pieces_of_a_block_are_dropped_together)
{
	struct ptw_softmmu *cpu = cached_cpu(8, 4, 0, 0);

	cr_assert_eq(hit(cpu, 0x200000, READ), 0u);
	cr_assert_eq(hit(cpu, 0x201000, READ), 0u, "another piece");
	cr_assert_eq(hit(cpu, 0x201abc, READ), 1u);
	assert_oa(0x600001abc);
	cr_assert_eq(result.page_size, 0x200000u);
	cr_assert_eq(result.level, 1u);
	cr_assert_eq(hit(cpu, 0x1f000, READ), 0u);
	ptw_softmmu_tlb_invalidate(cpu, 0x3ff000, 0x400000);
	cr_assert_eq(hit(cpu, 0x200000, READ), 0u);
	cr_assert_eq(hit(cpu, 0x201000, READ), 0u);
	cr_assert_eq(hit(cpu, 0x1f000, READ), 1u);
	ptw_softmmu_tlb_invalidate(cpu, 0x400000, 0x600000);
	cr_assert_eq(hit(cpu, 0x200000, READ), 1u);
}

Test(softmmu_tlb, canonical_ranges)
{
	struct ptw_softmmu_config config = make_config(PTW_REGIME_X86_64, 46, table(3), 0, 0, 0);
	struct ptw_softmmu *cpu;

	config.tlb_sets = 4;
	config.tlb_ways = 4;
	cpu = make_cpu(&config);
	*entry(table(3), 0) = *entry(table(3), 511) = table(2) | 7;
	*entry(table(2), 0) = *entry(table(2), 511) = table(1) | 7;
	*entry(table(1), 0) = *entry(table(1), 511) = table(0) | 7;
	*entry(table(0), 0) = *entry(table(0), 511) = OA(0) | 7;
	cr_assert_eq(hit(cpu, 0xfffffffffffff000ull, READ), 0u);
	cr_assert_eq(hit(cpu, 0x0000fffffffff000ull, READ), 1u, "the same address, stripped");
	cr_assert_eq(hit(cpu, 0, READ), 0u);
	ptw_softmmu_tlb_invalidate(cpu, 0xffff800000000000ull, 0);
	cr_assert_eq(hit(cpu, 0, READ), 1u);
	cr_assert_eq(hit(cpu, 0xfffffffffffff000ull, READ), 0u);
	ptw_softmmu_tlb_invalidate(cpu, 0, 0x0000800000000000ull);
	cr_assert_eq(hit(cpu, 0xfffffffffffff000ull, READ), 1u);
	cr_assert_eq(hit(cpu, 0, READ), 0u);
}

/* arm64 with the top byte ignored: tags are no part of the address, in the cache too. */
Test(softmmu_tlb, tagged_ranges)
{
	struct ptw_softmmu_config config = make_config(PTW_REGIME_ARM64_S1, 40, table(2),
						       (64 - 39) | 2ull << 32 | BIT(37), 0, 0);
	struct ptw_softmmu *cpu;

	config.tlb_sets = 4;
	config.tlb_ways = 4;
	cpu = make_cpu(&config);
	*entry(table(2), 0) = table(1) | 3;
	*entry(table(1), 0) = table(0) | 3;
	*entry(table(0), 5) = 0x76543000 | BIT(10) | 3;
	cr_assert_eq(hit(cpu, 0x5000, READ), 0u);
	cr_assert_eq(hit(cpu, BIT(60) | 0x5000, READ), 1u);
	ptw_softmmu_tlb_invalidate(cpu, BIT(57) | 0x5000, BIT(57) | 0x6000);
	cr_assert_eq(hit(cpu, 0x5000, READ), 0u);
}

/* ---- speculation ---- */

static unsigned int count_bits(uint64_t bit)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < PAGES; i++)
		count += !!(*entry(table(0), i) & bit);
	return count;
}

Test(softmmu_speculation, sets_accessed_on_the_neighbour_now_and_then)
{
	uint32_t seen[2] = {0, 0};

	for (unsigned int run = 0; run < 2; run++) {
		struct ptw_softmmu *cpu = cached_cpu(0, 0, PTW_SOFTMMU_SPECULATE, 7);

		for (unsigned int i = 0; i < 1600; i++) {
			*entry(table(0), 8) &= ~(EPT_A | EPT_D);
			*entry(table(0), 9) &= ~EPT_A;
			cr_assert_eq(access_at(cpu, 0x8000, i & 1 ? WRITE : READ), PTW_SOFTMMU_OK);
			if (*entry(table(0), 9) & EPT_A)
				seen[run] = seen[run] * 31 + i;
		}
		cr_assert_leq(count_bits(EPT_A), 2u, "only pages 8 and 9 are touched");
		cr_assert_eq(*entry(table(0), 9) & EPT_D, 0u);
		cr_assert_gt(ptw_softmmu_counters(cpu)->speculative, 60u);
		cr_assert_lt(ptw_softmmu_counters(cpu)->speculative, 160u);
		cr_assert_eq(ptw_softmmu_counters(cpu)->accessed_set,
			     1600u + ptw_softmmu_counters(cpu)->speculative);
		cr_assert_eq(ptw_softmmu_counters(cpu)->accesses, 1600u);
		cr_assert_eq(ptw_softmmu_counters(cpu)->walks, 1600u);
	}
	cr_assert_neq(seen[0], 0u);
	cr_assert_eq(seen[0], seen[1], "the seed decides");
}

Test(softmmu_speculation, never_faults_and_never_makes_dirty)
{
	struct ptw_softmmu *cpu = cached_cpu(0, 0, PTW_SOFTMMU_SPECULATE, 1);

	*entry(table(0), 9) = 0x123450ull; /* not present */
	for (unsigned int i = 0; i < 320; i++)
		cr_assert_eq(access_at(cpu, 0x8000, WRITE), PTW_SOFTMMU_OK);
	assert_entry(table(0), 9, 0x123450);
	cr_assert_eq(ptw_softmmu_counters(cpu)->faults, 0u);
	cr_assert_eq(ptw_softmmu_counters(cpu)->speculative, 0u);

	/* After a fault the next page may be looked at too. */
	*entry(table(0), 12) = 0;
	for (unsigned int i = 0; i < 320; i++)
		cr_assert_eq(access_at(cpu, 0xc000, WRITE), PTW_SOFTMMU_TRANSLATION);
	assert_entry(table(0), 13, OA(13) | EPT_WB | 7 | EPT_A);
	cr_assert_eq(ptw_softmmu_counters(cpu)->speculative, 1u);
	cr_assert_eq(ptw_softmmu_counters(cpu)->faults, 320u);

	/* An access that says itself that it is speculative. */
	cr_assert_eq(access_at(cpu, 0xa000, WRITE | PTW_ACCESS_SPECULATIVE), PTW_SOFTMMU_OK);
	assert_entry(table(0), 10, OA(10) | EPT_WB | 7 | EPT_A);
	cr_assert_eq(ptw_softmmu_counters(cpu)->dirty_set, 1u, "page 8 only");
	cr_assert_geq(ptw_softmmu_counters(cpu)->speculative, 2u);
	cr_assert_eq(access_at(cpu, 0x9000, READ | PTW_ACCESS_SPECULATIVE),
		     PTW_SOFTMMU_TRANSLATION);
	cr_assert_eq(access_at(cpu, ALL, READ | PTW_ACCESS_SPECULATIVE), PTW_SOFTMMU_ADDRESS_SIZE);
	cr_assert_eq(ptw_softmmu_counters(cpu)->faults, 320u);
}
