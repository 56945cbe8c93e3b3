/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Mapping: which leaves are chosen, what is refused, and failures of every allocation. */
#include "tests/unit/pgtable_machine.h"

static struct machine m;

/* Memory of one chunk per table, of which the n-th request fails. */
struct chunks {
	unsigned int requests;
	unsigned int fail; /* this request, counting from 1; 0: none */
	uint64_t bytes;	   /* handed out and not given back */
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

Test(map, largest_leaves_that_fit)
{
	const uint64_t k4 = 4096, m2 = 2u << 20, g1 = 1u << 30;
	struct ptw_change_result result;

	machine_open(&m, "ept4");
	/* 4 KiB before a 2-MiB boundary that lies 2 MiB before a 1-GiB boundary, and the mirror. */
	result = map_result(&m, g1 - m2 - k4, 2 * g1 + m2 + k4, 5 * g1 - m2 - k4, 0, PTW_OK);
	cr_assert_eq(result.leaves, 5u);
	/* Two level-2 tables would be one here: all within the first 512 GiB. */
	cr_assert_eq(result.tables, 1u + 2u + 2u);
	cr_assert_eq(result.reached, 2 * g1 + m2 + k4);
	assert_level(&m, g1 - m2 - k4, 0);
	assert_level(&m, g1 - m2, 1);
	assert_level(&m, g1, 2);
	assert_level(&m, 2 * g1, 1);
	assert_level(&m, 2 * g1 + m2, 0);
	cr_assert_eq(query_at(&m, 2 * g1 + m2 + 5).leaf.oa, 6 * g1 + m2 + 5);
	assert_sound(&m);
	machine_close(&m);
}

Test(map, page_levels_limits_the_leaves)
{
	const uint64_t g1 = 1u << 30;

	for (unsigned int levels = 1; levels <= 4; levels++) {
		machine_open(&m, "ept4");
		map_result(&m, g1, 2 * g1, g1, levels, PTW_OK);
		assert_level(&m, g1, levels < 3 ? levels - 1 : 2);
		machine_close(&m);
	}
}

Test(map, without_1g_leaves)
{
	const uint64_t g1 = 1u << 30;

	machine_preset(&m, "ept4");
	m.config.features &= ~(uint32_t)PTW_FEATURE_1G;
	machine_start(&m, PTW_SOFTMMU_NO_1G);
	map_result(&m, g1, 2 * g1, g1, 0, PTW_OK);
	assert_level(&m, g1, 1);
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
		map_result(&m, block, 2 * block, 3 * block, 0, PTW_OK);
		assert_level(&m, block, 1);
		map_result(&m, 3 * block, 4 * block, 3 * block + m.granule, 0, PTW_OK);
		assert_level(&m, 3 * block, 0);
		map_result(&m, 5 * block + m.granule, 6 * block, 5 * block + m.granule, 0, PTW_OK);
		assert_level(&m, 6 * block - m.granule, 0);
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
		map_result(&m, m.ia_end - block - m.granule, m.ia_end, oa_end - block - m.granule,
			   0, PTW_OK);
		q = query_at(&m, m.ia_end - 1);
		cr_assert_eq(q.leaf.oa, oa_end - 1);
		cr_assert_eq(q.level, 1u);
		touch_write(&m, m.ia_end - 1);
		touch(&m, m.ia_end - block - 1);
		cr_assert_eq(map_result(&m, 0, 2 * m.granule, oa_end - m.granule, 0, PTW_ERR_OUTPUT)
				     .size,
			     sizeof(struct ptw_change_result));
		assert_sound(&m);
		unmap_result(&m, 0, m.ia_end, 0, PTW_OK);
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
			     NULL),
		     PTW_OK);
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
	unmap_result(&m, 0xffff800000000000, 0xffff800000002000, PTW_UNMAP_STRICT, PTW_OK);
	cr_assert_eq(query_error(&m, 0x800000001000), PTW_ERR_HOLE);
	machine_close(&m);
	/* With fewer bits than the levels give, the sign would be another bit's. */
	machine_preset(&m, "x86-64");
	m.config.ia_bits = 40;
	machine_start(&m, 0);
	cr_assert_eq(query_error(&m, 0x8000000000), PTW_ERR_HOLE);
	cr_assert_eq(query_error(&m, 0xffffff8000000000), PTW_ERR_RANGE);
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

	/* Keeping empty tables: one is to be in the way. */
	machine_open_keeping(&m, preset);
	g = m.granule;
	group = pages * g;
	big = blocks * entry_size(&m, 1);
	/* One page too early and one too late. */
	map_result(&m, group - g, 2 * group + g, group - g, 1, PTW_OK);
	cr_assert_not(query_at(&m, group - g).leaf.flags & PTW_LEAF_GROUP);
	assert_group(group, group, group);
	assert_group(2 * group - 1, group, group);
	cr_assert_not(query_at(&m, 2 * group).leaf.flags & PTW_LEAF_GROUP);
	/* Output address out of step. */
	map_result(&m, 4 * group, 5 * group, 4 * group + g, 1, PTW_OK);
	cr_assert_not(query_at(&m, 4 * group).leaf.flags & PTW_LEAF_GROUP);
	/* Blocks. */
	map_result(&m, big, 2 * big, 3 * big, 2, PTW_OK);
	assert_level(&m, big, 1);
	assert_group(2 * big - 1, big, big);
	/* An empty table in the way: neither a block there nor a group around it. */
	map_result(&m, 3 * big, 3 * big + g, 0, 1, PTW_OK);
	unmap_result(&m, 3 * big, 3 * big + g, 0, PTW_OK);
	map_result(&m, 3 * big, 4 * big, 3 * big, 2, PTW_OK);
	assert_level(&m, 3 * big, 0);
	assert_level(&m, 4 * big - 1, 1);
	cr_assert_not(query_at(&m, 4 * big - 1).leaf.flags & PTW_LEAF_GROUP);
	assert_sound(&m);
	/* Cutting a group. */
	cr_assert_eq(unmap_result(&m, group, group + g, 0, PTW_ERR_BLOCK).reached, group);
	cr_assert_eq(unmap_result(&m, 2 * group - g, 2 * group + g, 0, PTW_ERR_BLOCK).reached,
		     group);
	cr_assert_eq(unmap_result(&m, big, 2 * big - entry_size(&m, 1), 0, PTW_ERR_BLOCK).reached,
		     big);
	assert_group(group, group, group);
	/* One extent, however many members were touched. */
	touch(&m, group);
	touch_write(&m, group + 3 * g);
	touch(&m, big);
	touch(&m, 2 * big - 1);
	{
		const struct ptw_change_result small =
			unmap_result(&m, group, 2 * group, 0, PTW_OK);
		const struct ptw_change_result large = unmap_result(&m, big, 2 * big, 0, PTW_OK);

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
		cr_assert_eq(map_result(&m, 0, 3 * block, 0, 0, PTW_ERR_EXISTS).reached,
			     2 * block + 3 * m.granule);
		cr_assert_eq(map_result(&m, 3 * block, 6 * block, 0, 1, PTW_ERR_EXISTS).reached,
			     4 * block);
		/* In the middle of a block. */
		cr_assert_eq(map_result(&m, 5 * block - m.granule, 6 * block, 0, 1, PTW_ERR_EXISTS)
				     .reached,
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
		uint64_t before, bytes, tables, kept;
		struct text *text, *after;

		memset(&chunks, 0, sizeof(chunks));
		machine_preset(&m, preset);
		m.config.pool = &pool;
		/* So that there are empty tables, too. */
		m.config.reclaim_delay = PTW_RECLAIM_NEVER;
		machine_start(&m, 0);
		map_levels(&m, entry_size(&m, m.info.levels - 1),
			   entry_size(&m, m.info.levels - 1) + m.granule, 0, 1);
		unmap_result(&m, entry_size(&m, m.info.levels - 1),
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
			/* What was found stays for the next attempt, unless the port gives it back. */
			cr_assert_eq(chunks.requests - tables - 1, n);
			cr_assert_geq(chunks.bytes, bytes);
			kept = chunks.bytes > bytes ? n - 1 : 0;
			chunks.fail = 0;
			chunks.requests = 0;
			cr_assert_eq(map_everywhere(), PTW_OK);
			machine_info(&m);
			cr_assert_eq(m.info.tables, tables + kept + chunks.requests);
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
