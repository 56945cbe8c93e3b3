/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests of page tables share: a page table made from a preset, a processor that uses it, a
 * record of flushes, and ways to see whether anything changed.
 */
#ifndef PTW_TESTS_PGTABLE_MACHINE_H
#define PTW_TESTS_PGTABLE_MACHINE_H

#include "tests/harness/harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

/* Not zero, so that a forgotten translation between host and physical addresses is found out. A host
 * whose addresses have more bits than a page table's brings its own. */
#ifndef PHYS_OFFSET
#define PHYS_OFFSET ((uint64_t)1 << 24)
#endif

#define FLUSH_RANGES 16

struct machine {
	struct ptw_config config;
	struct ptw_pgtable *pgtable;
	struct ptw_info info;
	uint64_t granule;
	uint64_t ia_end; /* first input address that does not exist */
	struct ptw_softmmu *cpu;
	void *cpu_memory;
	/* The last flush, and how many there were. */
	unsigned int flushes;
	struct ptw_range range[FLUSH_RANGES];
	unsigned int ranges;
	enum ptw_flush_kind kind;
	unsigned int level;
	struct ptw_range flushed; /* from the first to the last of all flushes */
	/* Called from the flush hook. */
	void (*in_flush)(struct machine *m);
};

static inline void machine_flush(void *context, const struct ptw_range *ranges, unsigned int count,
				 enum ptw_flush_kind kind, unsigned int level)
{
	struct machine *m = context;

	m->flushes++;
	m->ranges = count < FLUSH_RANGES ? count : FLUSH_RANGES;
	memcpy(m->range, ranges, m->ranges * sizeof(*ranges));
	m->kind = kind;
	m->level = level;
	if (m->flushed.start > ranges[0].start)
		m->flushed.start = ranges[0].start;
	if (m->flushed.end < ranges[count - 1].end)
		m->flushed.end = ranges[count - 1].end;
	for (unsigned int i = 0; m->cpu && i < count; i++)
		ptw_softmmu_tlb_invalidate(m->cpu, ranges[i].start, ranges[i].end);
	if (m->in_flush)
		m->in_flush(m);
}

/* Count flushes from here on. */
static inline void forget_flushes(struct machine *m)
{
	m->flushes = 0;
	m->ranges = 0;
	m->flushed = (struct ptw_range){ UINT64_MAX, 0 };
}

/* Fill in the configuration, which the test may still change before machine_start(). */
static inline void machine_preset(struct machine *m, const char *preset)
{
	memset(m, 0, sizeof(*m));
	cr_assert_eq(ptw_preset(preset, &m->config), PTW_OK, "no preset %s", preset);
	m->config.phys_offset = PHYS_OFFSET;
	m->config.flush = machine_flush;
	m->config.flush_context = m;
	forget_flushes(m);
}

static inline void machine_info(struct machine *m)
{
	m->info = (struct ptw_info){ .size = sizeof(m->info) };
	cr_assert_eq(ptw_pgtable_info(m->pgtable, &m->info), PTW_OK);
}

static inline void machine_cpu(struct machine *m, uint32_t mmu_flags)
{
	struct ptw_softmmu_config config = {
		.size = sizeof(config),
		.phys_offset = PHYS_OFFSET,
		.flags = mmu_flags,
		.seed = (uint32_t)test_seed(),
	};
	size_t bytes;

	if (m->config.features & PTW_FEATURE_LPA2)
		config.flags |= PTW_SOFTMMU_LPA2;
	if (m->config.features & PTW_FEATURE_XNX)
		config.flags |= PTW_SOFTMMU_XNX;
	cr_assert_eq(ptw_pgtable_regs(m->pgtable, &config.regs), PTW_OK);
	bytes = ptw_softmmu_size(&config);
	cr_assert_neq(bytes, 0u, "the software MMU refuses the registers");
	m->cpu_memory = aligned_alloc(64, bytes);
	cr_assert_not_null(m->cpu_memory);
	cr_assert_eq(ptw_softmmu_init(&m->cpu, m->cpu_memory, bytes, &config), PTW_OK);
}

static inline void machine_start(struct machine *m, uint32_t mmu_flags)
{
	int ret = ptw_pgtable_create(&m->config, &m->pgtable);

	cr_assert_eq(ret, PTW_OK, "create: %s", ptw_strerror(ret));
	machine_info(m);
	m->granule = (uint64_t)1 << m->info.granule_lg2;
	m->ia_end = (uint64_t)1 << m->info.ia_bits;
	machine_cpu(m, mmu_flags);
}

static inline void machine_open(struct machine *m, const char *preset)
{
	machine_preset(m, preset);
	machine_start(m, 0);
}

static inline void machine_close(struct machine *m)
{
	m->in_flush = NULL;
	cr_assert_eq(ptw_pgtable_destroy(m->pgtable), PTW_OK);
	free(m->cpu_memory);
	m->pgtable = NULL;
	m->cpu = NULL;
	m->cpu_memory = NULL;
}

/* A page table in which empty tables stay until somebody asks. */
static inline void machine_open_keeping(struct machine *m, const char *preset)
{
	machine_preset(m, preset);
	m->config.reclaim_delay = PTW_RECLAIM_NEVER;
	machine_start(m, 0);
}

static inline bool is_arm64(const struct machine *m)
{
	return m->config.format == PTW_FORMAT_ARM64_S2 || m->config.format == PTW_FORMAT_ARM64_S1;
}

/* Must a removed entry stay unused until the flush is over? */
static inline bool breaks_before_make(const struct machine *m)
{
	return is_arm64(m) || (m->config.format == PTW_FORMAT_PERVERSE && m->config.bbm_level != 2);
}

/* Bytes that one entry of `level` maps. */
static inline uint64_t entry_size(const struct machine *m, unsigned int level)
{
	return m->granule << level * m->info.index_lg2;
}

/* Everything allowed, for those who may be asked. */
static inline struct ptw_map full_access(const struct machine *m)
{
	struct ptw_map map = {
		.size = sizeof(map),
		.prot = PTW_PROT_READ | PTW_PROT_WRITE | PTW_PROT_EXEC,
	};

	if (m->config.format == PTW_FORMAT_X86_64 || m->config.format == PTW_FORMAT_ARM64_S1)
		map.prot |= PTW_PROT_USER;
	return map;
}

/* Map with smallest pages (`levels` 1) or larger ones. */
static inline void map_levels(struct machine *m, uint64_t start, uint64_t end, uint64_t oa,
			      unsigned int levels)
{
	struct ptw_map map = full_access(m);
	int ret;

	map.page_levels = levels;
	ret = ptw_map(m->pgtable, start, end, oa, &map, NULL);
	cr_assert_eq(ret, PTW_OK, "map %#" PRIx64 ": %s", start, ptw_strerror(ret));
}

/* One access, with the faults that software has to fix. Returns enum ptw_softmmu_status. */
static inline int access_once(struct machine *m, uint64_t ia, uint32_t access)
{
	struct ptw_softmmu_result result;

	return ptw_softmmu_access(m->cpu, ia, access, &result);
}

static inline void access_fixed(struct machine *m, uint64_t ia, uint32_t access)
{
	int status = -1;

	if (m->config.format == PTW_FORMAT_X86_64 || m->config.format == PTW_FORMAT_ARM64_S1)
		access |= PTW_ACCESS_USER;
	for (unsigned int i = 0; i < 3 && status; i++) {
		status = access_once(m, ia, access);
		if (status)
			cr_assert_eq(ptw_fix_fault(m->pgtable, ia, access), PTW_OK);
	}
	cr_assert_eq(status, PTW_SOFTMMU_OK, "access to %#" PRIx64 " ends with %d", ia, status);
}

static inline void touch(struct machine *m, uint64_t ia)
{
	access_fixed(m, ia, PTW_ACCESS_READ);
}

static inline void touch_write(struct machine *m, uint64_t ia)
{
	access_fixed(m, ia, PTW_ACCESS_WRITE);
}

static inline struct ptw_query query_at(struct machine *m, uint64_t ia)
{
	struct ptw_query query = { .size = sizeof(query) };
	int ret = ptw_query(m->pgtable, ia, &query);

	cr_assert_eq(ret, PTW_OK, "query %#" PRIx64 ": %s", ia, ptw_strerror(ret));
	return query;
}

static inline int query_error(struct machine *m, uint64_t ia)
{
	struct ptw_query query = { .size = sizeof(query) };

	return ptw_query(m->pgtable, ia, &query);
}

/* Map and unmap, where the outcome is known. */
static inline struct ptw_change_result map_result(struct machine *m, uint64_t start, uint64_t end,
						  uint64_t oa, unsigned int levels, int expected)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	struct ptw_map map = full_access(m);
	int ret;

	map.page_levels = levels;
	ret = ptw_map(m->pgtable, start, end, oa, &map, &result);
	cr_assert_eq(ret, expected, "map: %s", ptw_strerror(ret));
	return result;
}

static inline struct ptw_change_result unmap_result(struct machine *m, uint64_t start, uint64_t end,
						    uint32_t flags, int expected)
{
	struct ptw_unmap unmap = { .size = sizeof(unmap), .flags = flags };
	struct ptw_change_result result = { .size = sizeof(result) };
	int ret = ptw_unmap(m->pgtable, start, end, &unmap, &result);

	cr_assert_eq(ret, expected, "unmap: %s", ptw_strerror(ret));
	return result;
}

static inline void assert_level(struct machine *m, uint64_t ia, unsigned int level)
{
	const struct ptw_query q = query_at(m, ia);

	cr_assert_eq(q.level, level, "%#" PRIx64 " has level %u, not %u", ia, q.level, level);
}

/* A number that changes with every bit of every entry that can be reached. */
static inline int fingerprint_visit(void *context, const struct ptw_visit *visit)
{
	uint64_t *hash = context;
	const uint64_t head[] = { visit->kind, visit->level, visit->ia, visit->count };

	for (unsigned int i = 0; i < 4; i++)
		*hash = (*hash ^ head[i]) * 0x100000001b3u;
	for (unsigned int i = 0; i < visit->count; i++) {
		*hash = (*hash ^ (visit->entries[i] & 0xffffffff)) * 0x100000001b3u;
		*hash = (*hash ^ visit->entries[i] >> 32) * 0x100000001b3u;
	}
	return PTW_VISIT_NEXT;
}

static inline uint64_t fingerprint(struct machine *m)
{
	uint64_t hash = 0xcbf29ce484222325u;
	struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE | PTW_VISIT_TABLE_POST,
		.holes = true,
		.visit = fingerprint_visit,
		.context = &hash,
	};

	cr_assert_eq(ptw_walk(m->pgtable, 0, m->ia_end, &walk, NULL), PTW_OK);
	return hash;
}

/* The dump, as one text. */
#define TEXT_BYTES (1u << 16)

struct text {
	size_t length;
	unsigned int lines;
	char bytes[TEXT_BYTES];
};

static inline void text_line(void *context, const char *line)
{
	struct text *text = context;
	size_t length = strlen(line);

	text->lines++;
	if (text->length + length + 2 > TEXT_BYTES)
		return;
	memcpy(text->bytes + text->length, line, length);
	text->length += length;
	text->bytes[text->length++] = '\n';
	text->bytes[text->length] = 0;
}

static inline struct text *dump_text(struct machine *m)
{
	struct text *text = calloc(1, sizeof(*text));

	cr_assert_not_null(text);
	cr_assert_eq(ptw_dump(m->pgtable, 0, 0, text_line, text), PTW_OK);
	return text;
}

static inline void assert_sound(struct machine *m)
{
	struct ptw_check_result result = { .size = sizeof(result) };
	int ret = ptw_check(m->pgtable, PTW_CHECK_COUNTS, &result);

	cr_assert_eq(ret, PTW_OK, "check: %s at %#" PRIx64 ", entry %#" PRIx64, ptw_strerror(ret),
		     result.ia, result.entry);
}

/* Pseudo-random numbers (splitmix64). */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return next_random(state) % n;
}

static inline bool random_chance(uint64_t *state, unsigned int percent)
{
	return random_below(state, 100) < percent;
}

/* Run `body` with `name` set to every preset in turn. */
#define for_each_preset(name)                                                                   \
	for (unsigned int preset_number = 0; ((name) = ptw_preset_name(preset_number)) != NULL; \
	     preset_number++)

#endif /* PTW_TESTS_PGTABLE_MACHINE_H */
