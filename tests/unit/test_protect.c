/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Permissions: from every set to every other one, on leaves of all kinds. */
#include "tests/unit/changes.h"

static struct machine m;

#define PROTS 16u /* sets of read, write, execute, user */
#define STATES 8u

static uint32_t state(unsigned int n)
{
	return (n & 1 ? PTW_LEAF_YOUNG : 0) | (n & 2 ? PTW_LEAF_DIRTY : 0) |
	       (n & 4 ? PTW_LEAF_USER_BIT : 0);
}

static struct ptw_map with(uint32_t prot, uint32_t flags)
{
	return (struct ptw_map){ .size = sizeof(struct ptw_map), .prot = prot, .flags = flags };
}

static int map_page(uint64_t ia, uint64_t oa, uint32_t prot, uint32_t flags)
{
	const struct ptw_map map = with(prot, flags);

	return ptw_map(m.pgtable, ia, ia + m.granule, oa, &map, NULL);
}

/* arm64 stage 1: a leaf that becomes global must not be there meanwhile. */
static bool must_break(uint32_t from, uint32_t to)
{
	return m.config.format == PTW_FORMAT_ARM64_S1 && (from & PTW_PROT_USER) &&
	       !(to & PTW_PROT_USER);
}

/* One page that was mapped with `from` and `flags`, against one mapped with `to`. */
static void from_to(uint32_t from, uint32_t to, uint32_t flags)
{
	const uint64_t ia = 5 * m.granule, oa = 7 * m.granule;
	struct ptw_change_result result = { .size = sizeof(result) };
	uint64_t dirty = 0, before, after;
	unsigned int flushes;
	struct ptw_query was, is, like;
	int ret, expected;
	bool lost;

	if (map_page(ia, oa, from, flags))
		return;
	was = query_at(&m, ia);
	before = fingerprint(&m);
	forget_flushes(&m);
	ret = ptw_protect(m.pgtable, ia, ia + m.granule, to, &dirty, &result);
	flushes = m.flushes;
	after = fingerprint(&m);
	is = query_at(&m, ia);
	unmap_result(&m, ia, ia + m.granule, PTW_UNMAP_STRICT, PTW_OK);
	/* As if it had been mapped with them. */
	expected = map_page(ia, oa, to, flags & ~(uint32_t)PTW_LEAF_DIRTY);
	if (!expected) {
		like = query_at(&m, ia);
		unmap_result(&m, ia, ia + m.granule, PTW_UNMAP_STRICT, PTW_OK);
		if (must_break(from, to))
			expected = PTW_ERR_UNSUPPORTED;
	}
	cr_assert_eq(ret, expected, "%s, from %u to %u: %s", m.info.format, from, to,
		     ptw_strerror(ret));
	if (ret) {
		cr_assert_eq(after, before);
		cr_assert_eq(dirty, 0u);
		if (ret == PTW_ERR_PERM)
			cr_assert_eq(flushes, 0u);
		return;
	}
	cr_assert_eq(result.reached, ia + m.granule);
	/* Where dirty is a permission it goes with that, to the caller. */
	lost = is_arm64(&m) && (was.leaf.flags & PTW_LEAF_DIRTY) && !(to & PTW_PROT_WRITE);
	cr_assert_eq(dirty, lost ? (uint64_t)1 << 5 : 0);
	cr_assert_eq(result.dirty_pages, lost);
	cr_assert_eq(result.dirty_extents, lost);
	cr_assert_eq(is.leaf.prot, like.leaf.prot);
	cr_assert_eq(is.leaf.memtype, was.leaf.memtype);
	cr_assert_eq(is.leaf.oa, oa);
	cr_assert_eq(is.leaf.flags,
		     (like.leaf.flags & ~(uint32_t)PTW_LEAF_DIRTY) |
			     (lost ? 0 : was.leaf.flags & PTW_LEAF_DIRTY),
		     "%s, from %u to %u: %#x", m.info.format, from, to, is.leaf.flags);
	cr_assert_eq(result.leaves, after != before);
	cr_assert_eq(flushes, 1u);
}

Test(protect, every_set_to_every_other)
{
	const char *preset;
	uint64_t number = 0;

	for_each_preset(preset) {
		machine_open(&m, preset);
		for (uint32_t from = 0; from < PROTS; from++)
			for (uint32_t to = 0; to < PROTS; to++)
				for (unsigned int n = 0; n < STATES; n++)
					if (test_takes(number++))
						from_to(from, to, state(n));
		machine_close(&m);
	}
}

/* What cannot be expressed is refused before anything is changed. */
Test(protect, refusal_changes_nothing)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result = { .size = sizeof(result) };
		unsigned int refused = 0;
		uint64_t before, dirty = 0;

		machine_open(&m, preset);
		map_levels(&m, 0, 8 * m.granule, 0, 1);
		touch_write(&m, 3 * m.granule);
		before = fingerprint(&m);
		forget_flushes(&m);
		for (uint32_t prot = 0; prot < 2 * PROTS; prot++) {
			const struct ptw_map map = with(prot, 0);
			const int ret = ptw_map(m.pgtable, 0, m.granule, 0, &map, NULL);

			cr_assert_neq(ret, PTW_OK);
			/* What map refuses for its permissions, and nothing else. */
			if (ret == PTW_ERR_EXISTS)
				continue;
			cr_assert_eq(ptw_protect(m.pgtable, 0, 8 * m.granule, prot, &dirty,
						 &result),
				     ret);
			refused++;
		}
		cr_assert_geq(refused, 17u);
		cr_assert_eq(fingerprint(&m), before);
		cr_assert_eq(m.flushes, 0u);
		cr_assert_eq(dirty, 0u);
		machine_close(&m);
	}
}

/* Processors obey, at once and in both directions. */
Test(protect, processors_obey)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result = { .size = sizeof(result) };
		uint32_t all, user;
		uint64_t g;

		machine_open(&m, preset);
		g = m.granule;
		all = full_access(&m).prot;
		user = all & PTW_PROT_USER ? PTW_ACCESS_USER : 0;
		map_levels(&m, 0, 8 * g, 0, 1);
		for (unsigned int i = 0; i < 8; i++)
			touch_write(&m, i * g);
		forget_flushes(&m);
		cr_assert_eq(ptw_protect(m.pgtable, 2 * g, 5 * g,
					 all & ~(uint32_t)PTW_PROT_WRITE, NULL, &result),
			     PTW_OK);
		cr_assert_eq(result.leaves, 3u);
		cr_assert_eq(m.flushes, 1u);
		cr_assert_eq(m.ranges, 1u);
		cr_assert_eq(m.range[0].start, 2 * g);
		cr_assert_eq(m.range[0].end, 5 * g);
		cr_assert_eq(m.kind, PTW_FLUSH_LEAF);
		for (unsigned int i = 0; i < 8; i++) {
			const bool taken = i >= 2 && i < 5;
			const uint32_t write = PTW_ACCESS_WRITE | user;

			cr_assert_eq(access_once(&m, i * g, write) == PTW_SOFTMMU_OK, !taken);
			if (taken)
				cr_assert_eq(ptw_fix_fault(m.pgtable, i * g, write),
					     PTW_ERR_FAULT);
			touch(&m, i * g);
		}
		cr_assert_eq(ptw_protect(m.pgtable, 0, 8 * g, all, NULL, &result), PTW_OK);
		cr_assert_eq(result.leaves, 3u);
		/* Again: nothing to change, but whoever did it may not have flushed yet. */
		cr_assert_eq(m.flushes, 2u);
		cr_assert_eq(ptw_protect(m.pgtable, 0, 8 * g, all, NULL, &result), PTW_OK);
		cr_assert_eq(result.leaves, 0u);
		cr_assert_eq(m.flushes, 3u);
		for (unsigned int i = 0; i < 8; i++)
			touch_write(&m, i * g);
		/* Holes are no error, and nothing is flushed for them. */
		cr_assert_eq(ptw_protect(m.pgtable, 8 * g, 16 * g, all, NULL, &result), PTW_OK);
		cr_assert_eq(result.leaves, 0u);
		cr_assert_eq(m.flushes, 3u);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* Leaves of all sizes; those that the range cuts are changed whole, and flushed whole. */
Test(protect, blocks_that_the_range_cuts)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result = { .size = sizeof(result) };
		uint32_t less;
		uint64_t block, g, *dirty;

		machine_preset(&m, preset);
		m.config.features &= ~(uint32_t)PTW_FEATURE_CONTIG;
		machine_start(&m, 0);
		g = m.granule;
		block = entry_size(&m, 1);
		less = full_access(&m).prot & ~(uint32_t)PTW_PROT_WRITE;
		dirty = calloc(ptw_bitmap_words(0, 4 * block, m.info.granule_lg2), 8);
		cr_assert_not_null(dirty);
		map_levels(&m, 0, 3 * block, 0, 2);
		map_levels(&m, 3 * block, 3 * block + 2 * g, 0, 1);
		touch_write(&m, block);
		touch_write(&m, 3 * block);
		forget_flushes(&m);
		/* Bit 0 is page 64 * n at or before the range. */
		cr_assert_eq(ptw_protect(m.pgtable, 2 * block - 3 * g, 3 * block + g, less, dirty,
					 &result),
			     PTW_OK);
		cr_assert_eq(result.leaves, 3u);
		cr_assert_eq(result.reached, 3 * block + g);
		cr_assert_eq(m.flushed.start, block);
		cr_assert_eq(m.flushed.end, 3 * block + g);
		cr_assert_eq(m.level, 1u);
		cr_assert_eq(query_at(&m, 0).leaf.prot, full_access(&m).prot);
		cr_assert_eq(query_at(&m, block).leaf.prot, less);
		cr_assert_eq(query_at(&m, 2 * block).leaf.prot, less);
		cr_assert_eq(query_at(&m, 3 * block).leaf.prot, less);
		cr_assert_eq(query_at(&m, 3 * block + g).leaf.prot, full_access(&m).prot);
		/* Of the block that was dirty, the pages in the range. */
		cr_assert_eq(result.dirty_extents, is_arm64(&m) ? 2u : 0u);
		cr_assert_eq(result.dirty_pages, is_arm64(&m) ? 3u + 1 : 0u);
		if (is_arm64(&m)) {
			const uint64_t first = (2 * block / g - 3) & 63;

			cr_assert_eq(dirty[0], (uint64_t)7 << first);
		}
		free(dirty);
		assert_sound(&m);
		machine_close(&m);
	}
}

/* A group changes as one: permissions agree, dirty of any member is dirty of all. */
static void groups(const char *preset, unsigned int pages)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	uint64_t group, *dirty;
	uint32_t all;

	machine_preset(&m, preset);
	machine_start(&m, PTW_SOFTMMU_CONTIG_FREEDOM);
	group = pages * m.granule;
	all = full_access(&m).prot;
	dirty = calloc(ptw_bitmap_words(0, 4 * group, m.info.granule_lg2), 8);
	cr_assert_not_null(dirty);
	map_levels(&m, 0, 4 * group, 0, 1);
	touch_write(&m, group + 3 * m.granule);
	touch(&m, 2 * group);
	forget_flushes(&m);
	cr_assert_eq(ptw_protect(m.pgtable, group + m.granule, 2 * group + m.granule,
				 all & ~(uint32_t)PTW_PROT_WRITE, dirty, &result),
		     PTW_OK);
	cr_assert_eq(result.leaves, 2u * pages);
	cr_assert_eq(result.dirty_extents, 1u);
	cr_assert_eq(result.dirty_pages, pages - 1);
	cr_assert_eq(m.flushed.start, group);
	cr_assert_eq(m.flushed.end, 3 * group);
	{
		const struct seen seen = look(&m, group, 3 * group, group);

		cr_assert_eq(seen.prot_any & PTW_PROT_WRITE, 0u);
		cr_assert_eq(seen.flags_all & PTW_LEAF_GROUP, PTW_LEAF_GROUP);
		cr_assert_eq(seen.flags_any & PTW_LEAF_HELD, 0u);
		cr_assert_eq(seen.dirty, 0u);
	}
	cr_assert_eq(query_at(&m, group).leaf.flags & PTW_LEAF_YOUNG, PTW_LEAF_YOUNG);
	cr_assert_eq(query_at(&m, 2 * group).leaf.flags & PTW_LEAF_YOUNG, PTW_LEAF_YOUNG);
	cr_assert_eq(query_at(&m, 0).leaf.prot, all);
	cr_assert_eq(query_at(&m, 3 * group).leaf.prot, all);
	assert_sound(&m);
	cr_assert_eq(ptw_protect(m.pgtable, 0, 4 * group, all, NULL, &result), PTW_OK);
	cr_assert_eq(result.leaves, 2u * pages);
	for (unsigned int i = 0; i < 4 * pages; i++)
		touch_write(&m, i * m.granule);
	assert_sound(&m);
	free(dirty);
	machine_close(&m);
}

Test(protect, groups)
{
	groups("arm64-s2-4k-contig", 16);
	groups("arm64-s2-16k-contig", 128);
	groups("arm64-s2-64k-contig", 32);
}

/* Stage 1: from user to kernel a leaf would have to break. All before it is done. */
Test(protect, user_to_kernel)
{
	static const char *const stage1[] = { "arm64-s1-4k", "arm64-s1-16k-swaf",
					      "arm64-s1-64k-lpa" };
	const uint32_t kernel = PTW_PROT_READ | PTW_PROT_WRITE;

	for (unsigned int i = 0; i < 3; i++) {
		struct ptw_change_result result = { .size = sizeof(result) };
		uint64_t g;

		machine_open(&m, stage1[i]);
		g = m.granule;
		for (unsigned int page = 0; page < 200; page++)
			cr_assert_eq(map_page(page * g, page * g,
					      kernel | (page == 150 ? PTW_PROT_USER : 0), 0),
				     PTW_OK);
		forget_flushes(&m);
		cr_assert_eq(ptw_protect(m.pgtable, 0, 200 * g, PTW_PROT_READ, NULL, &result),
			     PTW_ERR_UNSUPPORTED);
		cr_assert_geq(result.reached, 128 * g);
		cr_assert_leq(result.reached, 150 * g);
		for (unsigned int page = 0; page < 128; page++)
			cr_assert_eq(query_at(&m, page * g).leaf.prot, PTW_PROT_READ);
		cr_assert_eq(query_at(&m, 150 * g).leaf.prot, kernel | PTW_PROT_USER);
		cr_assert_eq(query_at(&m, 199 * g).leaf.prot, kernel);
		cr_assert_eq(m.flushed.start, 0u);
		cr_assert_geq(m.flushed.end, result.reached);
		/* The other way is no break, and permissions of a user page are none either. */
		cr_assert_eq(ptw_protect(m.pgtable, 0, 200 * g, PTW_PROT_READ | PTW_PROT_USER, NULL,
					 &result),
			     PTW_OK);
		cr_assert_eq(result.leaves, 200u);
		assert_sound(&m);
		machine_close(&m);
	}
}

Test(protect, arguments)
{
	struct ptw_change_result result = { .size = sizeof(result) - 1 };

	machine_open(&m, "ept4");
	map_levels(&m, 0, m.granule, 0, 1);
	cr_assert_eq(ptw_protect(NULL, 0, 4096, 1, NULL, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_protect(m.pgtable, 0, 4096, 64, NULL, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_protect(m.pgtable, 0, 4096, 1, NULL, &result), PTW_ERR_SIZE);
	cr_assert_eq(ptw_protect(m.pgtable, 1, 4096, 1, NULL, NULL), PTW_ERR_ALIGN);
	cr_assert_eq(ptw_protect(m.pgtable, 4096, 4096, 1, NULL, NULL), PTW_ERR_RANGE);
	cr_assert_eq(ptw_protect(m.pgtable, 0, 2 * m.ia_end, 1, NULL, NULL), PTW_ERR_RANGE);
	ptw_read_lock();
	cr_assert_eq(ptw_protect(m.pgtable, 0, 4096, 1, NULL, NULL), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(query_at(&m, 0).leaf.prot, full_access(&m).prot);
	machine_close(&m);
}
