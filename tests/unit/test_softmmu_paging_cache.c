/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The software MMU's paging-structure cache, on tables made by hand: what is read, what is marked,
 * what is dropped. How it gets on with the library's page tables: test_softmmu_cached_tables.c.
 */
#include "softmmu_arm64.h"

#define ALL UINT64_MAX

/* EPT, and x86-64 with NXE. */
#define EPT_LEAF (6u << 3 | 7)
#define X86_LEAF 7ull
#define X86_NX	 BIT(63)
#define NXE	 BIT(11)

#define TLB_SETS 4u
#define TLB_WAYS 4u

/*
 * Four regimes that mark table entries, 4 KiB granules, root at level `root`; the table of level n
 * is table(n), and table(n + 8) is another one.
 */
struct kind {
	const char *name;
	uint32_t regime;
	unsigned int root;
	uint64_t root_bits, control, control2, control3;
	uint64_t table, accessed, leaf;
	bool fault_drops;
};

static const struct kind kinds[] = {
	{"EPT", PTW_REGIME_EPT, 3, 6 | 3 << 3 | 1 << 6, 0, 0, 0, 7, BIT(8), EPT_LEAF, true},
	{"x86-64", PTW_REGIME_X86_64, 3, 0, 0, NXE, 0, 7, BIT(5), X86_LEAF, true},
	{"arm64 stage 2", PTW_REGIME_ARM64_S2, 2, 0, VTCR_39 | VTCR_RES1 | HAHD | BIT(44), 0, 0,
	 TABLE, AF, RW | PAGE, false},
	{"arm64 stage 1", PTW_REGIME_ARM64_S1, 2, 0, T0SZ(39) | 2ull << 32 | BIT(39) | BIT(40), 0,
	 BIT(11), TABLE, AF, SH | BIT(6) | PAGE, false},
};

#define KINDS	(sizeof(kinds) / sizeof(kinds[0]))
#define OA(i)	(0x7000000ull | (uint64_t)(i) << 12)

/* Bytes that an entry of level n maps. */
static uint64_t span(unsigned int level)
{
	return (uint64_t)1 << (12 + 9 * level);
}

static struct ptw_softmmu_config cached_config(const struct kind *k, uint32_t entries)
{
	struct ptw_softmmu_config config =
		make_config(k->regime, 40, table(k->root) | k->root_bits, k->control, k->control2,
			    0);

	config.regs.control3 = k->control3;
	config.paging_cache = entries;
	return config;
}

/*
 * Entries 0 of all levels lead down to the 512 pages of table(0). Entries 1 lead to the other
 * tables, and so to the pages of table(8).
 */
static void build(const struct kind *k)
{
	memset(memory, 0, sizeof(memory));
	for (unsigned int level = k->root; level; level--) {
		*entry(table(level), 0) = table(level - 1) | k->table;
		*entry(table(level), 1) = table(level - 1 + 8) | k->table;
		/* The other table of this level. */
		for (unsigned int i = 0; level < k->root && i < 2; i++)
			*entry(table(level + 8), i) = table(level - 1 + 8) | k->table;
	}
	for (unsigned int i = 0; i < 512; i++) {
		*entry(table(0), i) = OA(i) | k->leaf;
		*entry(table(8), i) = OA(512 + i) | k->leaf;
	}
}

/* The tables as they are at first, and a CPU in the place of the last one. */
static struct ptw_softmmu *cached_cpu(const struct kind *k, uint32_t entries)
{
	static uint64_t space[(64u << 10) / 8] __attribute__((aligned(64)));
	const struct ptw_softmmu_config config = cached_config(k, entries);
	struct ptw_softmmu *cpu = NULL;

	build(k);
	cpu_error = ptw_softmmu_init(&cpu, space, sizeof(space), &config);
	cr_assert_eq(cpu_error, PTW_OK, "%s: error %d", k->name, cpu_error);
	return cpu;
}

static void make_old(const struct kind *k)
{
	for (unsigned int level = 0; level <= k->root; level++)
		for (unsigned int i = 0; i < 512; i++) {
			*entry(table(level), i) &= ~k->accessed;
			*entry(table(level + 8), i) &= ~k->accessed;
		}
}

/* Levels that have an accessed table entry, as bits. */
static unsigned int accessed_levels(const struct kind *k)
{
	unsigned int levels = 0;

	for (unsigned int level = 1; level <= k->root; level++)
		for (unsigned int i = 0; i < 512; i++)
			if ((*entry(table(level), i) | *entry(table(level + 8), i)) & k->accessed)
				levels |= 1u << level;
	return levels;
}

static unsigned int all_levels(const struct kind *k)
{
	return (2u << k->root) - 2;
}

static void assert_access(struct ptw_softmmu *cpu, const struct kind *k, uint64_t ia, uint64_t oa)
{
	cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_OK, "%s: %#" PRIx64, k->name, ia);
	cr_assert_eq(result.oa, oa, "%s: %#" PRIx64 " leads to %#" PRIx64, k->name, ia, result.oa);
	cr_assert_eq(result.tlb_hit, 0u);
}

/* One access after which these levels were marked, and one more hit or none. */
static void assert_marks(struct ptw_softmmu *cpu, const struct kind *k, uint64_t ia,
			 unsigned int levels, bool hit)
{
	const uint64_t hits = ptw_softmmu_counters(cpu)->paging_cache_hits;
	const uint64_t marks = ptw_softmmu_counters(cpu)->table_accessed_set;

	make_old(k);
	cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_OK, "%s: %#" PRIx64, k->name, ia);
	cr_assert_eq(accessed_levels(k), levels, "%s: %#" PRIx64 " marked levels %#x, not %#x",
		     k->name, ia, accessed_levels(k), levels);
	cr_assert_eq(ptw_softmmu_counters(cpu)->paging_cache_hits - hits, (uint64_t)hit,
		     "%s: %#" PRIx64, k->name, ia);
	cr_assert_eq(ptw_softmmu_counters(cpu)->table_accessed_set - marks,
		     (uint64_t)__builtin_popcount(levels), "%s: %#" PRIx64, k->name, ia);
}

Test(softmmu_paging_cache, a_hit_marks_the_leaf_and_nothing_above)
{
	for (unsigned int n = 0; n < KINDS; n++) {
		const struct kind *k = &kinds[n];
		struct ptw_softmmu *cpu = cached_cpu(k, 4);

		assert_marks(cpu, k, 0x3000, all_levels(k), false);
		assert_marks(cpu, k, 0x4000, 0, true);
		assert_entry(table(0), 3, OA(3) | k->leaf);
		assert_entry(table(0), 4, OA(4) | k->leaf | k->accessed);
		assert_oa(OA(4));
		cr_assert_eq(result.level, 0u);
		cr_assert_eq(result.page_size, 4096u);
		assert_marks(cpu, k, 0x3000, 0, true);
		/* Only an invalidation makes the walk begin at the root. */
		ptw_softmmu_tlb_invalidate(cpu, 0x5000, 0x6000);
		assert_marks(cpu, k, 0x3000, all_levels(k), false);
		assert_marks(cpu, k, 0x4000, 0, true);
		ptw_softmmu_tlb_invalidate(cpu, 0, ALL);
		assert_marks(cpu, k, 0x4000, all_levels(k), false);
	}
}

Test(softmmu_paging_cache, without_one_every_walk_marks_its_path)
{
	for (unsigned int n = 0; n < KINDS; n++) {
		struct ptw_softmmu *cpu = cached_cpu(&kinds[n], 0);

		for (unsigned int i = 0; i < 3; i++)
			assert_marks(cpu, &kinds[n], 0x3000, all_levels(&kinds[n]), false);
	}
}

/* A path that parts from a cached one at level n begins below the entry of level n + 1. Index 1 at
 * all levels from there down, so that no slot of the first path is taken. */
Test(softmmu_paging_cache, the_deepest_entry_wins)
{
	for (unsigned int n = 0; n < KINDS; n++) {
		const struct kind *k = &kinds[n];
		struct ptw_softmmu *cpu = cached_cpu(k, 4);
		uint64_t ia = 0;

		assert_marks(cpu, k, 0x3000, all_levels(k), false);
		for (unsigned int level = 1; level <= k->root; level++) {
			ia += span(level);
			assert_marks(cpu, k, ia, (2u << level) - 2, level < k->root);
			assert_oa(OA(512));
			assert_marks(cpu, k, ia + 0x5000, 0, true);
			assert_oa(OA(512 + 5));
			assert_marks(cpu, k, 0x3000, 0, true);
			assert_oa(OA(3));
		}
	}
}

/* Each level has as many slots as it was given, and an address has one of them. */
Test(softmmu_paging_cache, slots)
{
	for (unsigned int n = 0; n < KINDS; n++) {
		const struct kind *k = &kinds[n];
		struct ptw_softmmu *cpu = cached_cpu(k, 1);

		/* One: the second address takes the slot of level 1, and leaves those above. */
		assert_marks(cpu, k, 0, all_levels(k), false);
		assert_marks(cpu, k, span(1), 2, true);
		assert_marks(cpu, k, 0, 2, true);
		assert_marks(cpu, k, 0, 0, true);
		/* Elsewhere in the root: every slot is taken. */
		assert_marks(cpu, k, span(k->root), all_levels(k), false);
		assert_marks(cpu, k, 0, all_levels(k), false);

		cpu = cached_cpu(k, 2);
		*entry(table(1), 2) = table(0) | k->table;
		assert_marks(cpu, k, 0, all_levels(k), false);
		assert_marks(cpu, k, span(1), 2, true);
		assert_marks(cpu, k, 0, 0, true);
		assert_marks(cpu, k, span(1), 0, true);
		/* 0 and 2 share a slot. */
		make_old(k);
		cr_assert_eq(access_at(cpu, 2 * span(1), READ), PTW_SOFTMMU_OK);
		assert_marks(cpu, k, span(1), 0, true);
		assert_marks(cpu, k, 0, 2, true);
	}
}

Test(softmmu_paging_cache, invalidation_drops_what_maps_the_range)
{
	for (unsigned int n = 0; n < KINDS; n++) {
		const struct kind *k = &kinds[n];
		const uint64_t two_m = span(1);
		struct ptw_softmmu *cpu = cached_cpu(k, 4);

		/* Empty ranges, and everything else. */
		assert_marks(cpu, k, 0, all_levels(k), false);
		ptw_softmmu_tlb_invalidate(cpu, 0x1000, 0x1000);
		ptw_softmmu_tlb_invalidate(cpu, 0x2000, 0x1000);
		ptw_softmmu_tlb_invalidate(cpu, span(k->root), 7 * span(k->root));
		assert_marks(cpu, k, 0, 0, true);
		/* Elsewhere below the same entry of level 2: that one goes, the own one of level 1
		 * stays, and is found first. */
		assert_marks(cpu, k, two_m, 2, true);
		ptw_softmmu_tlb_invalidate(cpu, two_m, 2 * two_m);
		assert_marks(cpu, k, 0, 0, true);
		assert_marks(cpu, k, two_m, all_levels(k), false);
		/* The last byte of one, the first of the other. */
		ptw_softmmu_tlb_invalidate(cpu, two_m - 1, two_m);
		assert_marks(cpu, k, two_m, 0, true);
		assert_marks(cpu, k, 0, all_levels(k), false);
		ptw_softmmu_tlb_invalidate(cpu, two_m - 1, two_m + 1);
		assert_marks(cpu, k, two_m, all_levels(k), false);
		assert_marks(cpu, k, 0, 2, true);
		/* More entries than there are slots, and up to the top. */
		ptw_softmmu_tlb_invalidate(cpu, two_m, 300 * two_m);
		assert_marks(cpu, k, 0, 0, true);
		assert_marks(cpu, k, two_m, all_levels(k), false);
		ptw_softmmu_tlb_invalidate(cpu, two_m, 0);
		assert_marks(cpu, k, 0, 0, true);
		assert_marks(cpu, k, two_m, all_levels(k), false);
	}
}

/* With a TLB: leaves go alone, or with the table entries. */
Test(softmmu_paging_cache, leaves_are_dropped_alone)
{
	for (unsigned int n = 0; n < KINDS; n++) {
		const struct kind *k = &kinds[n];
		static uint64_t space[(64u << 10) / 8] __attribute__((aligned(64)));
		struct ptw_softmmu_config config = cached_config(k, 4);
		struct ptw_softmmu *cpu = NULL;

		build(k);
		config.tlb_sets = TLB_SETS;
		config.tlb_ways = TLB_WAYS;
		cr_assert_leq(ptw_softmmu_size(&config), sizeof(space));
		cr_assert_eq(ptw_softmmu_init(&cpu, space, sizeof(space), &config), PTW_OK);

		assert_marks(cpu, k, 0x3000, all_levels(k), false);
		assert_marks(cpu, k, 0x3000, 0, false);
		cr_assert_eq(result.tlb_hit, 1u);
		assert_entry(table(0), 3, OA(3) | k->leaf);

		ptw_softmmu_tlb_invalidate_leaves(cpu, 0x4000, 0x3000);
		ptw_softmmu_tlb_invalidate_leaves(cpu, 0x3000, 0x3000);
		ptw_softmmu_tlb_invalidate_leaves(cpu, 0x4000, 0x5000);
		assert_marks(cpu, k, 0x3000, 0, false);
		cr_assert_eq(result.tlb_hit, 1u, "%s: another page", k->name);
		ptw_softmmu_tlb_invalidate_leaves(cpu, 0x3000, 0x4000);
		assert_marks(cpu, k, 0x3000, 0, true);
		cr_assert_eq(result.tlb_hit, 0u);
		assert_entry(table(0), 3, OA(3) | k->leaf | k->accessed);
		ptw_softmmu_tlb_invalidate_leaves(cpu, 0, ALL);
		assert_marks(cpu, k, 0x3000, 0, true);
		ptw_softmmu_tlb_invalidate(cpu, 0x3000, 0x4000);
		assert_marks(cpu, k, 0x3000, all_levels(k), false);
	}
}

/* Until it is dropped, a table that was unlinked is walked, read and written. */
Test(softmmu_paging_cache, a_table_is_used_until_it_is_dropped)
{
	for (unsigned int n = 0; n < KINDS; n++) {
		const struct kind *k = &kinds[n];

		for (unsigned int level = 1; level <= k->root; level++) {
			struct ptw_softmmu *cpu = cached_cpu(k, 4);

			assert_access(cpu, k, 0x3000, OA(3));
			*entry(table(level), 0) = table(level - 1 + 8) | k->table;
			assert_access(cpu, k, 0x4000, OA(4));
			assert_entry(table(0), 4, OA(4) | k->leaf | k->accessed);
			ptw_softmmu_tlb_invalidate_leaves(cpu, 0, ALL);
			assert_access(cpu, k, 0x4000, OA(4));
			ptw_softmmu_tlb_invalidate(cpu, 0, 0x1000);
			assert_access(cpu, k, 0x4000, OA(512 + 4));
			assert_entry(table(8), 4, OA(512 + 4) | k->leaf | k->accessed);

			/* Nor is a block that took its place seen. */
			if (level == 1) {
				*entry(table(1), 0) = 0;
				assert_access(cpu, k, 0x5000, OA(512 + 5));
				ptw_softmmu_tlb_invalidate(cpu, 0, ALL);
				cr_assert_eq(access_at(cpu, 0x5000, READ), PTW_SOFTMMU_TRANSLATION);
			}
		}
	}
}

/* x86: what faults is looked up at the root the next time; arm64: not before a TLBI. */
Test(softmmu_paging_cache, faults_drop_on_x86)
{
	for (unsigned int n = 0; n < KINDS; n++) {
		const struct kind *k = &kinds[n];
		struct ptw_softmmu *cpu = cached_cpu(k, 4);

		assert_access(cpu, k, 0x3000, OA(3));
		assert_access(cpu, k, span(1), OA(512));
		*entry(table(0), 4) = 0;
		*entry(table(1), 0) = table(8) | k->table;
		cr_assert_eq(access_at(cpu, 0x4000, READ | PTW_ACCESS_SPECULATIVE),
			     PTW_SOFTMMU_TRANSLATION);
		cr_assert_eq(access_at(cpu, 0x4000, READ), PTW_SOFTMMU_TRANSLATION,
			     "%s: a speculative fault is none", k->name);
		if (!k->fault_drops) {
			cr_assert_eq(access_at(cpu, 0x4000, READ), PTW_SOFTMMU_TRANSLATION);
			ptw_softmmu_tlb_invalidate(cpu, 0x4000, 0x5000);
		}
		assert_access(cpu, k, 0x4000, OA(512 + 4));
		/* Other addresses' entries stay. */
		assert_marks(cpu, k, span(1), 0, true);
	}
}

/* "EPT violation" is not "EPT misconfiguration". */
Test(softmmu_paging_cache, an_ept_misconfiguration_drops_nothing)
{
	for (unsigned int n = 0; n < 2; n++) {
		const struct kind *k = &kinds[n];
		struct ptw_softmmu *cpu = cached_cpu(k, 4);

		assert_access(cpu, k, 0x3000, OA(3));
		*entry(table(0), 4) |= BIT(45); /* beyond the 40 bits of an address */
		*entry(table(1), 0) = table(8) | k->table;
		cr_assert_eq(access_at(cpu, 0x4000, READ), PTW_SOFTMMU_MISCONFIG);
		cr_assert_eq(access_at(cpu, 0x4000, READ),
			     n ? PTW_SOFTMMU_OK : PTW_SOFTMMU_MISCONFIG, "%s", k->name);
	}
}

/* ---- permissions of the path ---- */

struct path_right {
	unsigned int kind;
	uint64_t bit; /* in a table entry */
	bool denies;  /* if set; else if clear */
	uint32_t access;
};

static const struct path_right path_rights[] = {
	{0, BIT(1), false, WRITE},	   {0, BIT(2), false, FETCH},
	{1, BIT(1), false, WRITE},	   {1, BIT(2), false, USER | READ},
	{1, X86_NX, true, FETCH},	   {3, BIT(62), true, WRITE},
	{3, BIT(61), true, USER | READ},   {3, BIT(60), true, USER | FETCH},
	{3, BIT(59), true, FETCH},
};

Test(softmmu_paging_cache, permissions_of_the_path_are_cached)
{
	for (unsigned int i = 0; i < sizeof(path_rights) / sizeof(path_rights[0]); i++) {
		const struct path_right *r = &path_rights[i];
		const struct kind *k = &kinds[r->kind];

		for (unsigned int level = 1; level <= k->root; level++) {
			struct ptw_softmmu *cpu = cached_cpu(k, 4);
			uint64_t *e = entry(table(level), 0);
			const uint64_t denied = r->denies ? *e | r->bit : *e & ~r->bit;
			const uint64_t allowed = *e;

			/* EL1 does not execute what EL0 may write. */
			if (r->kind == 3 && r->access == FETCH)
				for (unsigned int page = 0; page < 512; page++)
					*entry(table(0), page) &= ~BIT(6);
			/* Cached as denied. */
			*e = denied;
			assert_access(cpu, k, 0x3000, OA(3));
			cr_assert_eq(ptw_softmmu_counters(cpu)->paging_cache_hits, 0u);
			cr_assert_eq(access_at(cpu, 0x4000, r->access), PTW_SOFTMMU_PERMISSION,
				     "right %u, level %u", i, level);
			cr_assert_eq(ptw_softmmu_counters(cpu)->paging_cache_hits, 1u);
			assert_entry(table(0), 4, *entry(table(0), 4) & ~k->accessed);
			/* Allowed now: x86 finds out by the fault, arm64 by an invalidation. */
			assert_access(cpu, k, 0x3000, OA(3));
			*e = allowed;
			cr_assert_eq(access_at(cpu, 0x4000, r->access), PTW_SOFTMMU_PERMISSION,
				     "right %u, level %u", i, level);
			if (!k->fault_drops) {
				cr_assert_eq(access_at(cpu, 0x4000, r->access),
					     PTW_SOFTMMU_PERMISSION);
				ptw_softmmu_tlb_invalidate(cpu, 0x4000, 0x5000);
			}
			cr_assert_eq(access_at(cpu, 0x4000, r->access), PTW_SOFTMMU_OK,
				     "right %u, level %u", i, level);
			/* Denied again: not before an invalidation. */
			*e = denied;
			cr_assert_eq(access_at(cpu, 0x5000, r->access), PTW_SOFTMMU_OK,
				     "right %u, level %u", i, level);
			ptw_softmmu_tlb_invalidate(cpu, 0, 0x1000);
			cr_assert_eq(access_at(cpu, 0x5000, r->access), PTW_SOFTMMU_PERMISSION,
				     "right %u, level %u", i, level);
		}
	}
}

/* ---- what else is cached, or not ---- */

/* No accessed bits of tables: cached all the same. */
Test(softmmu_paging_cache, tables_without_accessed_bits)
{
	struct kind plain[2] = {kinds[0], kinds[2]};

	plain[0].root_bits &= ~BIT(6); /* EPT without A and D */
	plain[1].control &= ~BIT(44);  /* no HAFT */
	for (unsigned int n = 0; n < 2; n++) {
		struct ptw_softmmu *cpu = cached_cpu(&plain[n], 4);

		assert_marks(cpu, &plain[n], 0x3000, 0, false);
		assert_marks(cpu, &plain[n], 0x4000, 0, true);
		cr_assert_eq(ptw_softmmu_counters(cpu)->table_accessed_set, 0u);
	}
}

Test(softmmu_paging_cache, blocks_are_not_cached)
{
	for (unsigned int n = 0; n < 2; n++) {
		const struct kind *k = &kinds[n];
		struct ptw_softmmu *cpu = cached_cpu(k, 4);
		const uint64_t block = 0x40000000ull | k->leaf | BIT(7);

		*entry(table(1), 0) = block;
		assert_access(cpu, k, 0x3000, 0x40003000);
		*entry(table(1), 0) = 0x40200000ull | k->leaf | BIT(7);
		assert_access(cpu, k, 0x3000, 0x40203000);
		cr_assert_eq(ptw_softmmu_counters(cpu)->paging_cache_hits, 1u,
			     "the entry above it was cached");
		assert_entry(table(1), 0, 0x40200000ull | k->leaf | BIT(7) | k->accessed);
	}
}

/* Speculation fills the cache, as it fills every cache. */
Test(softmmu_paging_cache, speculation_fills)
{
	const struct kind *k = &kinds[0];
	struct ptw_softmmu *cpu = cached_cpu(k, 4);

	cr_assert_eq(access_at(cpu, 0x3000, READ | PTW_ACCESS_SPECULATIVE), PTW_SOFTMMU_OK);
	cr_assert_eq(ptw_softmmu_counters(cpu)->paging_cache_hits, 0u);
	assert_marks(cpu, k, 0x4000, 0, true);
}

/* Sixteen concatenated roots: their entries are told apart. */
Test(softmmu_paging_cache, concatenated_roots)
{
	struct ptw_softmmu_config config =
		s2_config(T0SZ(43) | SL0(1) | PS(4) | VTCR_HA | BIT(44), table(16), 0);
	struct ptw_softmmu *cpu;

	config.paging_cache = 64;
	cpu = make_cpu(&config);
	cr_assert_not_null(cpu);
	for (unsigned int n = 0; n < 16; n++)
		*entry(table(16 + n), 5) = table(n & 1) | TABLE;
	for (unsigned int n = 0; n < 2; n++) {
		*entry(table(n), 0) = table(2 + n) | TABLE;
		*entry(table(2 + n), 0) = OA(n) | RW | PAGE;
	}
	for (unsigned int pass = 0; pass < 2; pass++)
		for (unsigned int n = 0; n < 16; n++) {
			const uint64_t ia = (uint64_t)n << 39 | 5ull << 30;

			cr_assert_eq(access_at(cpu, ia, READ), PTW_SOFTMMU_OK);
			assert_oa(OA(n & 1));
		}
	/* 5 + 512 n modulo 64 is one slot for all sixteen at level 2, and so it is at level 1. */
	cr_assert_eq(ptw_softmmu_counters(cpu)->paging_cache_hits, 0u);
	cr_assert_eq(access_at(cpu, 15ull << 39 | 5ull << 30, READ), PTW_SOFTMMU_OK);
	cr_assert_eq(ptw_softmmu_counters(cpu)->paging_cache_hits, 1u);
}

/* Sign and tag are no part of what is cached or invalidated. */
Test(softmmu_paging_cache, canonical_addresses_and_tags)
{
	const struct kind *x86 = &kinds[1];
	struct kind tagged = kinds[3];
	struct ptw_softmmu *cpu = cached_cpu(x86, 4);

	*entry(table(3), 511) = table(10) | 7;
	assert_access(cpu, x86, 0xffffff8000000000ull, OA(512));
	assert_marks(cpu, x86, 0x0000ff8000000000ull, 0, true);
	assert_access(cpu, x86, 0, OA(0));
	ptw_softmmu_tlb_invalidate(cpu, 0xffff800000000000ull, 0);
	assert_marks(cpu, x86, 0, 0, true);
	assert_marks(cpu, x86, 0xffffff8000000000ull, all_levels(x86), false);

	tagged.control |= BIT(37);
	cpu = cached_cpu(&tagged, 4);
	assert_access(cpu, &tagged, BIT(60) | 0x3000, OA(3));
	assert_marks(cpu, &tagged, 0x4000, 0, true);
	ptw_softmmu_tlb_invalidate(cpu, BIT(57), BIT(57) | 0x1000);
	assert_marks(cpu, &tagged, BIT(60) | 0x4000, all_levels(&tagged), false);
}

Test(softmmu_paging_cache, configuration)
{
	static const struct {
		uint32_t entries;
		int expect;
	} cases[] = {
		{1, PTW_OK},		{2, PTW_OK},		{64, PTW_OK},
		{3, PTW_ERR_ARG},	{48, PTW_ERR_ARG},	{65537, PTW_ERR_ARG},
		{131072, PTW_ERR_ARG},	{1u << 31, PTW_ERR_ARG}, {UINT32_MAX, PTW_ERR_ARG},
	};
	struct ptw_softmmu_config config = cached_config(&kinds[0], 0);
	const size_t none = ptw_softmmu_size(&config);
	size_t many;

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config.paging_cache = cases[i].entries;
		cr_assert_eq(refusal(&config), cases[i].expect, "case %u", i);
	}
	config.paging_cache = 65536;
	many = ptw_softmmu_size(&config);
	cr_assert_geq(many, none + 3 * 65536 * 20);
	cr_assert_eq(many % 64, 0u);
	/* A root of leaves has no table entries to cache. */
	config = make_config(PTW_REGIME_PERVERSE, 40, base, 1, 0, 0);
	config.paging_cache = 65536;
	cr_assert_lt(ptw_softmmu_size(&config), 65536u);
	cr_assert_eq(refusal(&config), PTW_OK);
}
