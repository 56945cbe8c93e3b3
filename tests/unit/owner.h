/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A page table with an owner, in memory of the test's, to attach to and to spoil by hand.
 *
 * The memory lies at a low physical address, so that addresses exist which no table may have, and
 * between pages that nobody may touch, so that reading outside it is seen.
 */
#ifndef PTW_TESTS_OWNER_H
#define PTW_TESTS_OWNER_H

#include "tests/unit/pgtable_machine.h"

#include <sys/mman.h>

/* Declared memory, at a low physical address; before and behind it nothing may be read. */
#ifndef ARENA_BYTES
#define ARENA_BYTES ((size_t)64 << 20)
#endif
#define ARENA_PA    ((uint64_t)1 << 32)
#define GUARD_BYTES ((size_t)1 << 20)

static struct machine m;
static struct ptw_pgtable *attached;
static char *arena;
static size_t arena_used;

static inline void *arena_alloc(void *context, size_t bytes, size_t align)
{
	size_t at = (arena_used + align - 1) / align * align;

	(void)context;
	if (at + bytes > ARENA_BYTES)
		return NULL;
	arena_used = at + bytes;
	return arena + at;
}

static inline void arena_free(void *context, void *memory, size_t bytes)
{
	(void)context;
	memset(memory, 0, bytes);
}

static const struct ptw_pool_config arena_pool = {
	.size = sizeof(struct ptw_pool_config),
	.chunk_alloc = arena_alloc,
	.chunk_free = arena_free,
	.chunk_lg2 = 1,
};

static const struct ptw_range whole_arena = { ARENA_PA, ARENA_PA + ARENA_BYTES };

/* Formats, one of each family and encoding. */
static const char *const presets[] = {
	"ept4",
	"ept4-tracked",
	"ept5",
	"x86-64",
	"x86-64-la57",
	"arm64-s2-4k",
	"arm64-s2-16k",
	"arm64-s2-64k",
	"arm64-s2-16k-contig",
	"arm64-s2-4k-lpa2",
	"arm64-s2-16k-lpa2",
	"arm64-s2-64k-lpa",
	"arm64-s1-4k",
	"arm64-s1-16k",
	"arm64-s1-64k",
	"arm64-s1-4k-lpa2",
	"perverse",
};

#define PRESETS (sizeof(presets) / sizeof(presets[0]))

static inline uint64_t root_pa(void)
{
	struct ptw_regs regs;

	cr_assert_eq(ptw_pgtable_regs(m.pgtable, &regs), PTW_OK);
	return regs.root & ~(uint64_t)(m.config.format == PTW_FORMAT_EPT ? 0xfff : 63);
}

static inline struct ptw_attach attach_to(const struct ptw_range *bounds, uint64_t budget)
{
	return (struct ptw_attach){
		.size = sizeof(struct ptw_attach),
		.root = root_pa(),
		.bounds = bounds,
		.bounds_count = 1,
		.table_budget = budget,
	};
}

static inline void attach(const struct ptw_range *bounds, uint64_t budget)
{
	const struct ptw_attach a = attach_to(bounds, budget);
	int ret;

	if (attached)
		cr_assert_eq(ptw_pgtable_destroy(attached), PTW_OK);
	ret = ptw_pgtable_attach(&m.config, &a, &attached);
	cr_assert_eq(ret, PTW_OK, "attach: %s", ptw_strerror(ret));
}

/* An owner with some pages and blocks, in which 44 bits of output address are in use. */
static inline void open_owner(const char *preset)
{
	if (!arena) {
		char *memory = mmap(NULL, 3 * ARENA_BYTES, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		cr_assert_neq((void *)memory, MAP_FAILED);
		arena = (char *)(((uintptr_t)memory + 2 * ARENA_BYTES - 1) / ARENA_BYTES *
				 ARENA_BYTES);
		cr_assert_eq(mprotect(arena, ARENA_BYTES, PROT_READ | PROT_WRITE), 0);
	}
	arena_used = 0;
	attached = NULL;
	machine_preset(&m, preset);
	m.config.pool = &arena_pool;
	m.config.phys_offset = (uint64_t)(uintptr_t)arena - ARENA_PA;
	/* So that there are address bits that no entry may have, but where all 52 are used. */
	if (m.config.ia_bits != 52)
		m.config.oa_bits = 44;
	/* Attached with all of the owner's software bits, which hardware's rules alone do not tell. */
	m.config.layout = ptw_layout_own(&m.config);
	cr_assert_eq(ptw_pgtable_create(&m.config, &m.pgtable), PTW_OK);
	machine_info(&m);
	m.granule = (uint64_t)1 << m.info.granule_lg2;
	m.ia_end = (uint64_t)1 << m.info.ia_bits;
}

static inline void close_owner(void)
{
	if (attached)
		cr_assert_eq(ptw_pgtable_destroy(attached), PTW_OK);
	attached = NULL;
	cr_assert_eq(ptw_pgtable_destroy(m.pgtable), PTW_OK);
}

/* Where is the entry of `level` on the path to `ia`? */
struct slot {
	unsigned int level;
	uint64_t ia;
	uint64_t *slot;
};

static inline int slot_visit(void *context, const struct ptw_visit *v)
{
	struct slot *s = context;

	if (v->level == s->level && s->ia >= v->ia && s->ia < v->ia + v->count * v->size)
		s->slot = &v->slots[(s->ia - v->ia) / v->size];
	return PTW_VISIT_NEXT;
}

static inline uint64_t *slot_of(uint64_t ia, unsigned int level)
{
	struct slot s = { level, ia, NULL };
	const struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE,
		.min_level = level,
		.holes = true,
		.visit = slot_visit,
		.context = &s,
	};
	const uint64_t start = ia & ~(m.granule - 1);

	cr_assert_eq(ptw_walk(m.pgtable, start, start + m.granule, &walk, NULL), PTW_OK);
	cr_assert_not_null(s.slot, "no entry at level %u for %#" PRIx64, level, ia);
	return s.slot;
}

/* Physical address of the table that an entry stands in. */
static inline uint64_t table_pa(const uint64_t *slot)
{
	const uint64_t pa = (uint64_t)(uintptr_t)slot - m.config.phys_offset;

	return pa & ~((uint64_t)(8 << m.info.index_lg2) - 1);
}

/* Entries as the manuals say, for addresses below 2^48; the perverse format by its comment. */
static inline uint64_t turn(uint64_t word, unsigned int level)
{
	const unsigned int by = 5 + 11 * level;

	return word << by | word >> (64 - by);
}

static inline uint64_t table_entry(uint64_t pa, unsigned int level)
{
	switch (m.config.format) {
	case PTW_FORMAT_EPT:
		return pa | 7 | 1 << 11;
	case PTW_FORMAT_X86_64:
		return pa | 7;
	case PTW_FORMAT_PERVERSE:
		return turn(pa << 6 | (level & 1 ? 2 : 1), level);
	default:
		return pa | 3;
	}
}

/* A leaf at a level where there are none. */
static inline uint64_t misplaced_leaf(unsigned int level)
{
	switch (m.config.format) {
	case PTW_FORMAT_EPT:
		return 7 | 6 << 3 | 1 << 7 | 1 << 8 | 1 << 11;
	case PTW_FORMAT_X86_64:
		return 7 | 1 << 5 | 1 << 7;
	case PTW_FORMAT_PERVERSE:
		return turn(1 << 2 | 1 << 5 | (level & 1 ? 0 : 3), level);
	default:
		return 1 | 1 << 10 | 3 << 8 | 3 << 6;
	}
}

/* Address bit 45, which does not exist here. */
static inline uint64_t reserved_bit(unsigned int level)
{
	const uint64_t bit = (uint64_t)1 << 45;

	return m.config.format == PTW_FORMAT_PERVERSE ? turn(bit << 6, level) : bit;
}

#endif /* PTW_TESTS_OWNER_H */
