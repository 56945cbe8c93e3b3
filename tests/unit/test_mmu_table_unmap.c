/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Unmapping by frames: what is cut is split, what was there is told. */
#include "tests/unit/mmu_table.h"

/* Unmap what a question says, and nothing else; what was there is told. */
static void unmap_some(const char *preset, uint32_t lg2, uint64_t first, uint64_t last)
{
	static struct state before;
	struct question *q = calloc(1, sizeof(*q));
	uint64_t random = test_seed(), end, start, stop;
	uint64_t granule;

	machine_open(&m, preset);
	open_mmu(lg2 ? lg2 : m.info.granule_lg2);
	end = plant_pages();
	granule = (uint64_t)1 << shift;
	start = first * (entry_size(&m, 1) >> frame_lg2) + 3 * granule + (shift ? 1 : 0);
	stop = last * (entry_size(&m, 1) >> frame_lg2) + 5 * granule + (shift ? 1 : 0);
	for (unsigned int i = 0; i < 4; i++)
		access_some(&random);
	/* On both edges, also outside. */
	touch_write(&m, start << frame_lg2);
	touch_write(&m, (stop - 1) << frame_lg2);
	look(&before, end);
	cr_assert_eq(mmu.ops->unmap(mmu.context, question(q, start, stop, 0)), PTW_OK);
	assert_counted(q);
	cr_assert_eq(q->ask.resume, stop);
	for (uint64_t f = 0; f < end >> frame_lg2; f++) {
		const uint64_t ia = f << frame_lg2, low = start & ~(granule - 1);
		const bool there = !query_error(&m, ia);

		if (f >= start && f < stop) {
			cr_assert_eq(is_young(q, f), granule_bit(before.young, f));
			cr_assert_eq(is_dirty(q, f), granule_bit(before.dirty, f));
		}
		cr_assert_eq(there, (f < low || f >= ((stop - 1) | (granule - 1)) + 1) &&
					    !(ia >= 3 * end / 5 &&
					      ia < 3 * end / 5 + 2 * m.granule),
			     "frame %" PRIu64, f);
	}
	/* The other frames of a granule that was cut. */
	cr_assert_eq(q->ask.head.length, shift ? granule : 0);
	cr_assert_eq(q->ask.tail.length, shift ? granule : 0);
	if (shift) {
		cr_assert_eq(q->ask.head.start, start - 1);
		cr_assert_eq(q->ask.head.what, (uint32_t)(PTW_EXTENT_YOUNG | PTW_EXTENT_DIRTY));
		cr_assert_eq(q->ask.tail.start, stop - 1);
	}
	/* Holes are fine. */
	cr_assert_eq(mmu.ops->unmap(mmu.context, question(q, start, stop, 0)), PTW_OK);
	cr_assert_eq(q->ask.young_pages + q->ask.dirty_pages, 0u);
	assert_sound(&m);
	close_mmu();
	machine_close(&m);
	free(q);
}

Test(mmu_table_unmap, ranges, .timeout = 600)
{
	/* Cuts blocks at both ends, and the same block. */
	for (uint64_t first = 0; first < 4; first += 3)
		unmap_some("ept4", 0, first, first + 1);
	unmap_some("ept4", 0, 1, 1);
	unmap_some("ept4", 0, 1, 2);
	unmap_some("ept4", 0, 0, 4);
	unmap_some("x86-64", 0, 1, 2);
	unmap_some("arm64-s2-4k-contig", 0, 0, 2);
	unmap_some("arm64-s1-4k", 0, 1, 3);
	unmap_some("perverse", 0, 1, 2);
	unmap_some("arm64-s2-16k", 12, 1, 1);
	unmap_some("arm64-s2-16k", 12, 1, 2);
	unmap_some("arm64-s2-16k-contig", 13, 0, 2);
}

/* What has to be split for an unmap is not split further than needed. */
Test(mmu_table_unmap, splits_little)
{
	struct ptw_pool_config pool = { .size = sizeof(pool) };
	static struct question q;
	uint64_t block, large;

	machine_preset(&m, "ept4");
	/* One more than the large leaf needs: none for a block of it. */
	pool.max_tables = 2;
	m.config.pool = &pool;
	machine_start(&m, 0);
	open_mmu(12);
	block = entry_size(&m, 1);
	large = entry_size(&m, 2);
	map_levels(&m, 0, large, 0, 3);
	cr_assert_eq(mmu.ops->unmap(mmu.context,
				    question(&q, 4 * block >> 12, 6 * block >> 12, 0)), PTW_OK);
	assert_level(&m, 3 * block, 1);
	assert_level(&m, 6 * block, 1);
	cr_assert_eq(query_error(&m, 4 * block), PTW_ERR_HOLE);
	cr_assert_eq(query_error(&m, 6 * block - 1), PTW_ERR_HOLE);
	machine_info(&m);
	cr_assert_eq(m.info.tables, 2u);
	close_mmu();
	machine_close(&m);
}

/* Somebody owns a part of the range: what lies before is done, and the call can go on there. */
static unsigned int refused;

static void unmap_in_flush(struct machine *machine)
{
	static struct question q;
	const uint64_t frames = machine->granule >> 12;

	/* Pages 4 to 7 are frozen now. */
	refused++;
	cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, 5 * frames, 7 * frames, 0)),
		     PTW_ERR_AGAIN);
	cr_assert_eq(q.ask.resume, 5 * frames);
	cr_assert_eq(mmu.ops->test_young(mmu.context, 0, 5 * frames), PTW_ERR_AGAIN);
}

Test(mmu_table_unmap, what_is_owned)
{
	machine_open(&m, "arm64-s2-16k");
	open_mmu(12);
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	m.in_flush = unmap_in_flush;
	unmap_result(&m, 4 * m.granule, 8 * m.granule, 0, PTW_OK);
	cr_assert_eq(refused, 1u);
	close_mmu();
	machine_close(&m);
}

/* No memory to split with: said, and nothing was unmapped. */
static void *no_memory(void *context, size_t bytes, size_t align)
{
	unsigned int *left = context;

	return (*left)-- ? aligned_alloc(align, bytes) : NULL;
}

static void give_back(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(memory);
}

Test(mmu_table_unmap, without_memory)
{
	static struct question q;
	unsigned int left = 1 + 3; /* the root; three tables down to a block and beside it */
	const struct ptw_pool_config pool = {
		.size = sizeof(pool),
		.context = &left,
		.chunk_alloc = no_memory,
		.chunk_free = give_back,
		.chunk_lg2 = 1,
	};

	machine_preset(&m, "ept4");
	m.config.pool = &pool;
	machine_start(&m, 0);
	open_mmu(12);
	map_levels(&m, 0, entry_size(&m, 1), 0, 2);
	left = 0;
	cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, 3, 9, 0)), PTW_ERR_NOMEM);
	cr_assert_eq(q.ask.resume, 3u);
	assert_level(&m, 0, 1);
	close_mmu();
	machine_close(&m);
}
