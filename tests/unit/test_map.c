/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Mapping and unmapping: which leaves are chosen, what is refused, what is reported and flushed. */
#include "tests/unit/pgtable_machine.h"

static struct machine m;

/* Memory of one chunk per table, of which the n-th request fails. */
struct chunks {
	unsigned int requests;
	unsigned int fail; /* this request, counting from 1; 0: none */
	uint64_t bytes; /* handed out and not given back */
};

static void *chunk_alloc(void *context, size_t bytes, size_t align)
{
	struct chunks *chunks = context;
	void *memory;

	if (++chunks->requests == chunks->fail)
		return NULL;
	memory = aligned_alloc(align, bytes < align ? align : bytes);
	if (memory) {
		memset(memory, 0, bytes);
		chunks->bytes += bytes;
	}
	return memory;
}

static void chunk_free(void *context, void *memory, size_t bytes)
{
	struct chunks *chunks = context;

	chunks->bytes -= bytes;
	free(memory);
}

static struct ptw_pool_config pool_of(struct chunks *chunks)
{
	return (struct ptw_pool_config){
		.size = sizeof(struct ptw_pool_config),
		.context = chunks,
		.chunk_alloc = chunk_alloc,
		.chunk_free = chunk_free,
		.chunk_lg2 = 1,
	};
}

static struct ptw_change_result map_result(uint64_t start, uint64_t end, uint64_t oa,
					   unsigned int levels, int expected)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	struct ptw_map map = full_access(&m);
	int ret;

	map.page_levels = levels;
	ret = ptw_map(m.pgtable, start, end, oa, &map, &result);
	cr_assert_eq(ret, expected, "map: %s", ptw_strerror(ret));
	return result;
}

static struct ptw_change_result unmap_result(uint64_t start, uint64_t end, uint32_t flags,
					     int expected)
{
	struct ptw_unmap unmap = { .size = sizeof(unmap), .flags = flags };
	struct ptw_change_result result = { .size = sizeof(result) };
	int ret = ptw_unmap(m.pgtable, start, end, &unmap, &result);

	cr_assert_eq(ret, expected, "unmap: %s", ptw_strerror(ret));
	return result;
}

static void assert_level(uint64_t ia, unsigned int level)
{
	const struct ptw_query q = query_at(&m, ia);

	cr_assert_eq(q.level, level, "%#" PRIx64 " has level %u, not %u", ia, q.level, level);
}

Test(map, largest_leaves_that_fit)
{
	const uint64_t k4 = 4096, m2 = 2u << 20, g1 = 1u << 30;
	struct ptw_change_result result;

	machine_open(&m, "ept4");
	/* 4 KiB before a 2-MiB boundary that lies 2 MiB before a 1-GiB boundary, and the mirror. */
	result = map_result(g1 - m2 - k4, 2 * g1 + m2 + k4, 5 * g1 - m2 - k4, 0, PTW_OK);
	cr_assert_eq(result.leaves, 5u);
	/* Two level-2 tables would be one here: all within the first 512 GiB. */
	cr_assert_eq(result.tables, 1u + 2u + 2u);
	cr_assert_eq(result.reached, 2 * g1 + m2 + k4);
	assert_level(g1 - m2 - k4, 0);
	assert_level(g1 - m2, 1);
	assert_level(g1, 2);
	assert_level(2 * g1, 1);
	assert_level(2 * g1 + m2, 0);
	cr_assert_eq(query_at(&m, 2 * g1 + m2 + 5).leaf.oa, 6 * g1 + m2 + 5);
	assert_sound(&m);
	machine_close(&m);
}

Test(map, page_levels_limits_the_leaves)
{
	const uint64_t g1 = 1u << 30;

	for (unsigned int levels = 1; levels <= 4; levels++) {
		machine_open(&m, "ept4");
		map_result(g1, 2 * g1, g1, levels, PTW_OK);
		assert_level(g1, levels < 3 ? levels - 1 : 2);
		machine_close(&m);
	}
}

Test(map, without_1g_leaves)
{
	const uint64_t g1 = 1u << 30;

	machine_preset(&m, "ept4");
	m.config.features &= ~(uint32_t)PTW_FEATURE_1G;
	machine_start(&m, PTW_SOFTMMU_NO_1G);
	map_result(g1, 2 * g1, g1, 0, PTW_OK);
	assert_level(g1, 1);
	touch(&m, g1 + 12345);
	machine_close(&m);
}

/* Input and output must both be aligned to the leaf. */
Test(map, alignment_of_both_addresses)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		map_result(block, 2 * block, 3 * block, 0, PTW_OK);
		assert_level(block, 1);
		map_result(3 * block, 4 * block, 3 * block + m.granule, 0, PTW_OK);
		assert_level(3 * block, 0);
		map_result(5 * block + m.granule, 6 * block, 5 * block + m.granule, 0, PTW_OK);
		assert_level(6 * block - m.granule, 0);
		touch(&m, 2 * block - 1);
		touch_write(&m, 4 * block - 1);
		touch(&m, 6 * block - 1);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* The highest addresses there are, of both kinds. */
Test(map, top_of_both_address_spaces)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t oa_end, block;
		struct ptw_query q;

		machine_open(&m, preset);
		oa_end = (uint64_t)1 << m.info.oa_bits;
		block = entry_size(&m, 1);
		map_result(m.ia_end - block - m.granule, m.ia_end, oa_end - block - m.granule, 0,
			   PTW_OK);
		q = query_at(&m, m.ia_end - 1);
		cr_assert_eq(q.leaf.oa, oa_end - 1);
		cr_assert_eq(q.level, 1u);
		touch_write(&m, m.ia_end - 1);
		touch(&m, m.ia_end - block - 1);
		cr_assert_eq(map_result(0, 2 * m.granule, oa_end - m.granule, 0, PTW_ERR_OUTPUT).size,
			     sizeof(struct ptw_change_result));
		assert_sound(&m);
		unmap_result(0, m.ia_end, 0, PTW_OK);
		machine_info(&m);
		cr_assert_eq(m.info.tables, 0u);
		machine_close(&m);
	}
}

/* A leaf that begins its life young has been accessed through its tables, old or new ones. */
Test(map, young_leaves_mark_the_path)
{
	struct ptw_map map;

	machine_open(&m, "ept4");
	map_levels(&m, 0, m.granule, 0, 1);
	map = full_access(&m);
	map.flags = PTW_LEAF_YOUNG;
	cr_assert_eq(ptw_map(m.pgtable, m.granule, 2 * m.granule, 0, &map, NULL), PTW_OK);
	map.page_levels = 1;
	cr_assert_eq(ptw_map(m.pgtable, (uint64_t)1 << 30, ((uint64_t)1 << 30) + m.granule, 0, &map,
			     NULL), PTW_OK);
	touch(&m, m.granule);
	touch(&m, (uint64_t)1 << 30);
	cr_assert_eq(ptw_softmmu_counters(m.cpu)->accessed_set, 0u);
	cr_assert_eq(ptw_softmmu_counters(m.cpu)->table_accessed_set, 0u);
	machine_close(&m);
}

Test(map, upper_half_of_x86_64)
{
	machine_open(&m, "x86-64");
	map_levels(&m, 0xffff800000000000, 0xffff800000002000, 0x5000, 0);
	cr_assert_eq(query_at(&m, 0xffff800000001000).leaf.oa, 0x6000u);
	cr_assert_eq(query_at(&m, 0x800000001000).leaf.oa, 0x6000u);
	cr_assert_eq(query_error(&m, 0x7fff800000001000), PTW_ERR_RANGE);
	cr_assert_eq(query_error(&m, 0xfffe800000001000), PTW_ERR_RANGE);
	cr_assert_eq(query_error(&m, 0xffff000000001000), PTW_ERR_RANGE);
	unmap_result(0xffff800000000000, 0xffff800000002000, PTW_UNMAP_STRICT, PTW_OK);
	cr_assert_eq(query_error(&m, 0x800000001000), PTW_ERR_HOLE);
	machine_close(&m);
}

static void assert_group(uint64_t ia, uint64_t start, uint64_t size)
{
	const struct ptw_query q = query_at(&m, ia);

	cr_assert(q.leaf.flags & PTW_LEAF_GROUP, "%#" PRIx64 " is in no group", ia);
	cr_assert_eq(q.extent_start, start);
	cr_assert_eq(q.extent_size, size);
}

static void contiguous(const char *preset, unsigned int pages, unsigned int blocks)
{
	uint64_t group, big, g;

	machine_open(&m, preset);
	g = m.granule;
	group = pages * g;
	big = blocks * entry_size(&m, 1);
	/* One page too early and one too late. */
	map_result(group - g, 2 * group + g, group - g, 1, PTW_OK);
	cr_assert_not(query_at(&m, group - g).leaf.flags & PTW_LEAF_GROUP);
	assert_group(group, group, group);
	assert_group(2 * group - 1, group, group);
	cr_assert_not(query_at(&m, 2 * group).leaf.flags & PTW_LEAF_GROUP);
	/* Output address out of step. */
	map_result(4 * group, 5 * group, 4 * group + g, 1, PTW_OK);
	cr_assert_not(query_at(&m, 4 * group).leaf.flags & PTW_LEAF_GROUP);
	/* Blocks. */
	map_result(big, 2 * big, 3 * big, 2, PTW_OK);
	assert_level(big, 1);
	assert_group(2 * big - 1, big, big);
	/* An empty table in the way: neither a block there nor a group around it. */
	map_result(3 * big, 3 * big + g, 0, 1, PTW_OK);
	unmap_result(3 * big, 3 * big + g, 0, PTW_OK);
	map_result(3 * big, 4 * big, 3 * big, 2, PTW_OK);
	assert_level(3 * big, 0);
	assert_level(4 * big - 1, 1);
	cr_assert_not(query_at(&m, 4 * big - 1).leaf.flags & PTW_LEAF_GROUP);
	assert_sound(&m);
	/* Cutting a group. */
	cr_assert_eq(unmap_result(group, group + g, 0, PTW_ERR_BLOCK).reached, group);
	cr_assert_eq(unmap_result(2 * group - g, 2 * group + g, 0, PTW_ERR_BLOCK).reached, group);
	cr_assert_eq(unmap_result(big, 2 * big - entry_size(&m, 1), 0, PTW_ERR_BLOCK).reached, big);
	assert_group(group, group, group);
	/* One extent, however many members were touched. */
	touch(&m, group);
	touch_write(&m, group + 3 * g);
	touch(&m, big);
	touch(&m, 2 * big - 1);
	{
		const struct ptw_change_result small = unmap_result(group, 2 * group, 0, PTW_OK);
		const struct ptw_change_result large = unmap_result(big, 2 * big, 0, PTW_OK);

		cr_assert_eq(small.leaves, pages);
		cr_assert_eq(small.young_extents, 1u);
		cr_assert_eq(small.young_pages, pages);
		cr_assert_eq(small.dirty_extents, 1u);
		cr_assert_eq(small.dirty_pages, pages);
		cr_assert_eq(large.leaves, blocks);
		cr_assert_eq(large.young_extents, 1u);
		cr_assert_eq(large.young_pages, big / g);
		cr_assert_eq(large.dirty_extents, 0u);
	}
	machine_close(&m);
}

Test(map, contiguous_groups)
{
	contiguous("arm64-s2-4k-contig", 16, 16);
	contiguous("arm64-s2-16k-contig", 128, 32);
	contiguous("arm64-s2-64k-contig", 32, 32);
}

Test(map, over_something)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, before;
		struct text *text;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		map_levels(&m, 2 * block + 3 * m.granule, 2 * block + 4 * m.granule, 0, 1);
		map_levels(&m, 4 * block, 5 * block, 0, 2);
		before = fingerprint(&m);
		text = dump_text(&m);
		cr_assert_eq(map_result(0, 3 * block, 0, 0, PTW_ERR_EXISTS).reached,
			     2 * block + 3 * m.granule);
		cr_assert_eq(map_result(3 * block, 6 * block, 0, 1, PTW_ERR_EXISTS).reached,
			     4 * block);
		/* In the middle of a block. */
		cr_assert_eq(map_result(5 * block - m.granule, 6 * block, 0, 1, PTW_ERR_EXISTS).reached,
			     5 * block - m.granule);
		cr_assert_eq(fingerprint(&m), before, "%s: something changed", preset);
		{
			struct text *after = dump_text(&m);

			cr_assert_str_eq(after->bytes, text->bytes);
			free(after);
		}
		free(text);
		machine_info(&m);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* A run over several root entries, with leaves of every size and tables that exist already. */
static int map_everywhere(void)
{
	const unsigned int top = m.info.levels - 1;
	const uint64_t middle = entry_size(&m, top), block = entry_size(&m, 1);
	struct ptw_map map = full_access(&m);

	map.flags = PTW_LEAF_YOUNG;
	return ptw_map(m.pgtable, middle - 3 * block - 5 * m.granule,
		       middle + 2 * block + 3 * m.granule, middle - 3 * block - 5 * m.granule, &map,
		       NULL);
}

static void allocation_failures(const char *preset)
{
	struct chunks chunks = { 0 };
	const struct ptw_pool_config pool = pool_of(&chunks);
	unsigned int failures = 0;
	int ret;

	for (unsigned int n = 1;; n++) {
		uint64_t before, bytes, tables;
		struct text *text, *after;

		memset(&chunks, 0, sizeof(chunks));
		machine_preset(&m, preset);
		m.config.pool = &pool;
		machine_start(&m, 0);
		map_levels(&m, entry_size(&m, m.info.levels - 1),
			   entry_size(&m, m.info.levels - 1) + m.granule, 0, 1);
		unmap_result(entry_size(&m, m.info.levels - 1),
			     entry_size(&m, m.info.levels - 1) + m.granule, 0, PTW_OK);
		touch(&m, (map_levels(&m, 0, m.granule, 0, 1), 0));
		machine_info(&m);
		tables = m.info.tables;
		before = fingerprint(&m);
		text = dump_text(&m);
		bytes = chunks.bytes;
		if (m.config.format == PTW_FORMAT_PERVERSE && chunks.requests < tables + 1) {
			/* With the larger metadata of ThreadSanitizer builds, two of its tiny
			 * tables fit into the smallest chunk. */
			free(text);
			machine_close(&m);
			return;
		}
		cr_assert_eq(chunks.requests, tables + 1, "%s: not one chunk per table", preset);
		chunks.fail = chunks.requests + n;
		ret = map_everywhere();
		if (ret == PTW_OK) {
			cr_assert_lt(chunks.requests, chunks.fail);
		} else {
			cr_assert_eq(ret, PTW_ERR_NOMEM, "%s", ptw_strerror(ret));
			failures++;
			cr_assert_eq(fingerprint(&m), before, "%s, request %u", preset, n);
			after = dump_text(&m);
			cr_assert_str_eq(after->bytes, text->bytes);
			free(after);
			machine_info(&m);
			cr_assert_eq(m.info.tables, tables);
			cr_assert_eq(m.info.tables_retired, 0u);
			assert_sound(&m);
			/* What was found stays for the next attempt, which asks for the rest only. */
			cr_assert_eq(chunks.requests - tables - 1, n);
			cr_assert_geq(chunks.bytes, bytes);
			chunks.fail = 0;
			chunks.requests = 0;
			cr_assert_eq(map_everywhere(), PTW_OK);
			machine_info(&m);
			cr_assert_eq(m.info.tables, tables + (n - 1) + chunks.requests);
		}
		assert_sound(&m);
		free(text);
		machine_close(&m);
		cr_assert_eq(chunks.bytes, 0u, "%s: %" PRIu64 " bytes not given back", preset,
			     chunks.bytes);
		if (ret == PTW_OK)
			break;
	}
	cr_assert_geq(failures, 2u, "%s: only %u points of failure", preset, failures);
}

Test(map, allocation_fails_at_every_point)
{
	const char *preset;

	for_each_preset(preset)
		allocation_failures(preset);
}

Test(map, allocation_of_the_root_fails)
{
	struct chunks chunks = { .fail = 1 };
	const struct ptw_pool_config pool = pool_of(&chunks);
	struct ptw_pgtable *pgtable = (struct ptw_pgtable *)&chunks;

	machine_preset(&m, "arm64-s2-16k");
	m.config.pool = &pool;
	cr_assert_eq(ptw_pgtable_create(&m.config, &pgtable), PTW_ERR_NOMEM);
	cr_assert_eq((void *)pgtable, (void *)&chunks);
	cr_assert_eq(chunks.bytes, 0u);
}

Test(unmap, returns_the_state_it_removes)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t young[4] = { 0 }, dirty[4] = { 0 };
		struct ptw_unmap unmap = { .size = sizeof(unmap), .young = young, .dirty = dirty };
		struct ptw_change_result result = { .size = sizeof(result) };
		uint64_t g;

		machine_open(&m, preset);
		g = m.granule;
		/* 100 pages from page 60 on, so bit 0 of the bitmaps is page 0. */
		map_levels(&m, 60 * g, 160 * g, 1000 * g, 1);
		touch(&m, 60 * g);
		touch(&m, 64 * g + 1);
		touch_write(&m, 130 * g);
		touch_write(&m, 159 * g);
		young[3] = 5;
		cr_assert_eq(ptw_unmap(m.pgtable, 60 * g, 160 * g, &unmap, &result), PTW_OK);
		cr_assert_eq(young[0], (uint64_t)1 << 60);
		cr_assert_eq(young[1], (uint64_t)1 << 0);
		cr_assert_eq(young[2], (uint64_t)1 << 2 | (uint64_t)1 << 31);
		cr_assert_eq(young[3], 5u);
		cr_assert_eq(dirty[0] | dirty[1] | dirty[3], 0u);
		cr_assert_eq(dirty[2], (uint64_t)1 << 2 | (uint64_t)1 << 31);
		cr_assert_eq(result.leaves, 100u);
		cr_assert_eq(result.young_extents, 4u);
		cr_assert_eq(result.young_pages, 4u);
		cr_assert_eq(result.dirty_extents, 2u);
		cr_assert_eq(result.dirty_pages, 2u);
		cr_assert_eq(result.holes, 0u);
		cr_assert_eq(result.reached, 160 * g);
		assert_sound(&m);
		machine_close(&m);
	}
}

Test(unmap, holes_are_counted_or_refused)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result;
		uint64_t g, block;

		machine_open(&m, preset);
		g = m.granule;
		block = entry_size(&m, 1);
		map_levels(&m, 2 * g, 4 * g, 0, 1);
		map_levels(&m, block, 2 * block, 0, 2);
		map_levels(&m, 3 * block, 3 * block + g, 0, 1);
		result = unmap_result(0, 4 * block, 0, PTW_OK);
		cr_assert_eq(result.holes, 3 * block / g - 2 - 1);
		cr_assert_eq(result.leaves, 4u);
		cr_assert_eq(result.tables, 2u);

		map_levels(&m, 2 * g, 4 * g, 0, 1);
		map_levels(&m, 5 * g, 6 * g, 0, 1);
		touch(&m, 3 * g);
		result = unmap_result(2 * g, 6 * g, PTW_UNMAP_STRICT, PTW_ERR_HOLE);
		cr_assert_eq(result.reached, 4 * g);
		cr_assert_eq(result.leaves, 2u);
		cr_assert_eq(result.young_pages, 1u);
		cr_assert_eq(query_error(&m, 3 * g), PTW_ERR_HOLE);
		cr_assert_eq(query_error(&m, 5 * g), PTW_OK);
		result = unmap_result(0, 6 * g, PTW_UNMAP_STRICT, PTW_ERR_HOLE);
		cr_assert_eq(result.reached, 0u);
		cr_assert_eq(result.leaves, 0u);
		assert_sound(&m);
		machine_close(&m);
	}
}

Test(unmap, cutting_a_block_changes_nothing)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, g, before;
		unsigned int flushes;

		machine_open(&m, preset);
		g = m.granule;
		block = entry_size(&m, 1);
		map_levels(&m, block - g, block, 0, 1);
		map_levels(&m, block, 2 * block, block, 2);
		map_levels(&m, 2 * block, 2 * block + g, 0, 1);
		touch_write(&m, block);
		before = fingerprint(&m);
		flushes = m.flushes;
		cr_assert_eq(unmap_result(block - g, block + g, 0, PTW_ERR_BLOCK).reached, block);
		cr_assert_eq(unmap_result(2 * block - g, 3 * block, 0, PTW_ERR_BLOCK).reached, block);
		cr_assert_eq(unmap_result(block + g, block + 2 * g, 0, PTW_ERR_BLOCK).young_pages, 0u);
		cr_assert_eq(fingerprint(&m), before, "%s", preset);
		cr_assert_eq(m.flushes, flushes);
		cr_assert_eq(unmap_result(block, 2 * block, 0, PTW_OK).dirty_pages, block / g);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* What the hook of the next tests sees. */
static uint64_t probe;
static int probed;
static uint64_t retired_in_flush, tables_in_flush;

static void probe_in_flush(struct machine *machine)
{
	probed = query_error(machine, probe);
	machine_info(machine);
	retired_in_flush = machine->info.tables_retired;
	tables_in_flush = machine->info.tables;
}

Test(unmap, tables_are_unlinked_flushed_then_retired)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t block, tables, part;
		struct ptw_change_result result;
		bool arm64;

		machine_open(&m, preset);
		arm64 = m.config.format == PTW_FORMAT_ARM64_S2 ||
			m.config.format == PTW_FORMAT_ARM64_S1;
		block = entry_size(&m, 1);
		map_levels(&m, block, 3 * block, 0, 1);
		machine_info(&m);
		tables = m.info.tables;
		cr_assert_eq(tables, m.info.levels - 2 + 2);
		m.in_flush = probe_in_flush;
		probe = block + 3 * m.granule;
		probed = 1;
		retired_in_flush = UINT64_MAX;
		/* A part, not cutting a contiguous group: the table stays. */
		part = 2 * block - query_at(&m, block).extent_size;
		result = unmap_result(block, part, 0, PTW_OK);
		cr_assert_eq(result.tables, 0u);
		cr_assert_eq(m.kind, PTW_FLUSH_LEAF);
		cr_assert_eq(m.level, 0u);
		cr_assert_eq(m.ranges, 1u);
		cr_assert_eq(m.range[0].start, block);
		cr_assert_eq(m.range[0].end, part);
		/* arm64 must not make before it has broken. */
		cr_assert_eq(probed, arm64 ? PTW_ERR_AGAIN : PTW_ERR_HOLE, "%s: %d", preset, probed);
		cr_assert_eq(query_error(&m, probe), PTW_ERR_HOLE);
		/* Two whole tables. */
		m.flushes = 0;
		result = unmap_result(block, 3 * block, 0, PTW_OK);
		cr_assert_eq(result.tables, 2u);
		cr_assert_eq(m.flushes, 1u);
		cr_assert_eq(m.kind, PTW_FLUSH_TABLE);
		cr_assert_eq(m.level, 0u);
		cr_assert_eq(m.ranges, 1u);
		cr_assert_eq(m.range[0].start, block);
		cr_assert_eq(m.range[0].end, 3 * block);
		cr_assert_eq(retired_in_flush, 0u, "%s: retired before the flush", preset);
		cr_assert_eq(tables_in_flush, tables);
		cr_assert_eq(probed, arm64 ? PTW_ERR_AGAIN : PTW_ERR_HOLE);
		cr_assert_eq(query_error(&m, probe), PTW_ERR_HOLE);
		machine_info(&m);
		cr_assert_eq(m.info.tables, tables - 2);
		cr_assert_eq(ptw_barrier(), PTW_OK);
		machine_info(&m);
		cr_assert_eq(m.info.tables_retired, 0u);
		assert_sound(&m);
		m.in_flush = NULL;
		/* Again, now with a block where the table was. */
		map_levels(&m, block, 2 * block, 0, 0);
		assert_level(block, 1);
		touch(&m, block);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* Retired tables stay as long as somebody reads. */
Test(unmap, retired_tables_wait_for_readers)
{
	uint64_t block;

	machine_open(&m, "ept4");
	block = entry_size(&m, 1);
	map_levels(&m, 0, block, 0, 1);
	ptw_read_lock();
	unmap_result(0, block, 0, PTW_OK);
	machine_info(&m);
	cr_assert_eq(m.info.tables_retired, 1u);
	cr_assert_eq(ptw_barrier(), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(ptw_barrier(), PTW_OK);
	machine_info(&m);
	cr_assert_eq(m.info.tables_retired, 0u);
	cr_assert_eq(m.info.tables, 2u);
	machine_close(&m);
}

Test(unmap, flush_of_scattered_ranges)
{
	uint64_t g, block;

	machine_open(&m, "x86-64");
	g = m.granule;
	block = entry_size(&m, 1);
	map_levels(&m, 0, g, 0, 1);
	map_levels(&m, 2 * g, 4 * g, 0, 1);
	map_levels(&m, block, 2 * block, 0, 2);
	unmap_result(0, 5 * block, 0, PTW_OK);
	cr_assert_eq(m.flushes, 1u);
	cr_assert_eq(m.kind, PTW_FLUSH_TABLE);
	cr_assert_eq(m.level, 1u);
	/* The table was unlinked, so all of its range; the block touches it. */
	cr_assert_eq(m.ranges, 1u);
	cr_assert_eq(m.range[0].start, 0u);
	cr_assert_eq(m.range[0].end, 2 * block);
	/* Nothing there, nothing to flush. */
	unmap_result(0, 5 * block, 0, PTW_OK);
	cr_assert_eq(m.flushes, 1u);
	/* More pieces than the hook is given: ascending, and none is forgotten. */
	for (unsigned int i = 0; i < 40; i++)
		map_levels(&m, (2 * i + 1) * g, (2 * i + 2) * g, 0, 1);
	unmap_result(0, 100 * g, 0, PTW_OK);
	cr_assert_geq(m.ranges, 2u);
	cr_assert_eq(m.range[0].start, g);
	cr_assert_eq(m.range[0].end, 2 * g);
	cr_assert_eq(m.range[m.ranges - 1].end, 80 * g);
	for (unsigned int i = 1; i < m.ranges; i++)
		cr_assert_lt(m.range[i - 1].end, m.range[i].start);
	machine_close(&m);
}

Test(unmap, everything_at_once)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result;
		uint64_t block, top, tables;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		top = entry_size(&m, m.info.levels - 1);
		map_levels(&m, block, block + 2 * m.granule, 0, 1);
		map_levels(&m, top, top + block, 0, 0);
		map_levels(&m, top - m.granule, top, 0, 1);
		touch(&m, top);
		machine_info(&m);
		tables = m.info.tables;
		result = unmap_result(0, m.ia_end, 0, PTW_OK);
		cr_assert_eq(result.tables, tables);
		cr_assert_eq(result.leaves, 4u);
		cr_assert_eq(result.young_extents, 1u);
		cr_assert_eq(result.young_pages, block / m.granule);
		cr_assert_eq(result.holes, (m.ia_end - block) / m.granule - 3);
		machine_info(&m);
		cr_assert_eq(m.info.tables, 0u);
		assert_sound(&m);
		map_levels(&m, 0, m.granule, 0, 0);
		assert_sound(&m);
		machine_close(&m);
	}
}
