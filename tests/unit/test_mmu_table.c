/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The MMU of page tables: frames like granules or smaller, and blocks that a question cuts. */
#include "tests/unit/mmu_table.h"

static bool in_extent(const struct ptw_extent *extent, uint64_t frame, uint32_t what)
{
	return extent->length && (extent->what & what) && frame >= extent->start &&
	       frame - extent->start < extent->length;
}

static void assert_whole(const struct ptw_extent *extent)
{
	struct ptw_query q;

	if (!extent->length)
		return;
	q = query_at(&m, extent->start << frame_lg2);
	cr_assert_eq(extent->start << frame_lg2, q.extent_start);
	cr_assert_eq(extent->length << frame_lg2, q.extent_size);
	cr_assert_eq(extent->level, q.level);
}

/*
 * One question, and all there is to say of its answer: it is what was set before; what it says is
 * gone afterwards; what is gone was said, in the bitmaps or as an extent that the question cuts.
 */
static void check_question(struct question *q, uint64_t end, uint64_t start, uint64_t stop,
			   uint32_t flags)
{
	static struct state before, after;
	const ptw_mmu_ask_fn fn = flags & (DIRTY | EXACT) ? mmu.ops->harvest_dirty :
							    mmu.ops->harvest;
	const struct ptw_mmu_ask *ask = &q->ask;

	look(&before, end);
	cr_assert_eq(fn(mmu.context, question(q, start, stop, flags)), PTW_OK);
	look(&after, end);
	assert_counted(q);
	cr_assert_eq(ask->resume, stop);
	cr_assert_eq(ask->cheap, 1u);
	cr_assert_gt(ask->entries, 0u);
	assert_whole(&ask->head);
	assert_whole(&ask->tail);
	if (ask->head.length)
		cr_assert(ask->head.start < start && ask->head.start + ask->head.length > start);
	if (ask->tail.length)
		cr_assert(ask->tail.start < stop && ask->tail.start + ask->tail.length > stop);
	for (uint64_t f = 0; f < end >> frame_lg2; f++) {
		const bool y = granule_bit(before.young, f), d = granule_bit(before.dirty, f);
		const bool y_gone = y && !granule_bit(after.young, f);
		const bool d_gone = d && !granule_bit(after.dirty, f);
		const bool y_out = in_extent(&ask->head, f, PTW_EXTENT_YOUNG) ||
				   in_extent(&ask->tail, f, PTW_EXTENT_YOUNG);
		const bool d_out = in_extent(&ask->head, f, PTW_EXTENT_DIRTY) ||
				   in_extent(&ask->tail, f, PTW_EXTENT_DIRTY);

		if (f >= start && f < stop) {
			cr_assert_eq(is_young(q, f), (flags & ACCESSED) && y);
			cr_assert_eq(is_dirty(q, f), (flags & DIRTY) && d);
			cr_assert_eq(y_gone, (flags & ACCESSED) && !(flags & PEEK) && y);
			cr_assert_eq(d_gone, (flags & DIRTY) && !(flags & PEEK) && d);
		} else {
			cr_assert(!y_gone || y_out, "%s: young frame %#" PRIx64 " is lost",
				  m.info.format, f);
			cr_assert(!d_gone || d_out, "%s: dirty frame %#" PRIx64 " is lost",
				  m.info.format, f);
			cr_assert(!y_out || y);
			cr_assert(!d_out || d);
		}
	}
}

static void check_preset(const char *preset, uint32_t lg2, unsigned int rounds)
{
	static const uint32_t some_flags[] = { ACCESSED, ACCESSED, ACCESSED | PEEK,
					       ACCESSED | DIRTY, DIRTY, ACCESSED | EXACT,
					       ACCESSED | DIRTY | PEEK };
	struct question *q = calloc(1, sizeof(*q));
	uint64_t random = test_seed(), end, frames;

	machine_open(&m, preset);
	open_mmu(lg2 ? lg2 : m.info.granule_lg2);
	end = plant_pages();
	frames = end >> frame_lg2;
	for (unsigned int i = 0; i < test_rounds(rounds); i++) {
		const uint64_t block = frames / 5;
		uint64_t start = random_below(&random, frames), stop;

		access_some(&random);
		/* In the middle of things that were just accessed. */
		if (random_chance(&random, 50))
			start = random_below(&random, 5) * block +
				random_below(&random, (uint64_t)4 << shift);
		stop = start + 1 + random_below(&random, random_chance(&random, 50) ?
								 (uint64_t)3 << shift : block);
		check_question(q, end, start, stop < frames ? stop : frames,
			       some_flags[random_below(&random, 7)]);
	}
	check_question(q, end, 0, frames, ACCESSED | DIRTY);
	close_mmu();
	machine_close(&m);
	free(q);
}

Test(mmu_table, frames_are_granules, .timeout = 600)
{
	const char *preset;

	for_each_preset(preset)
		check_preset(preset, 0, preset[0] == 'a' ? 8 : 40);
}

Test(mmu_table, frames_are_smaller, .timeout = 600)
{
	for (unsigned int i = 0; i < 3; i++) {
		static const char *const some[] = { "arm64-s2-64k", "arm64-s2-16k-contig",
						    "arm64-s1-16k-swaf" };

		for (uint32_t lg2 = 12; lg2 < (i ? 14 : 16); lg2++)
			check_preset(some[i], lg2, i ? 20 : 6);
	}
}

/* A question in bites: all of it is answered, each bite goes on, and bits are where they belong. */
static void in_bites(const char *preset, uint32_t lg2)
{
	static struct state before;
	struct question *q = calloc(1, sizeof(*q)), *all = calloc(1, sizeof(*all));
	uint64_t random = test_seed(), end, frames, bites = 0;

	machine_open(&m, preset);
	open_mmu(lg2 ? lg2 : m.info.granule_lg2);
	end = plant_pages();
	frames = (end >> frame_lg2) - 1;
	access_some(&random);
	look(&before, end);
	question(all, 1, frames, ACCESSED);
	for (uint64_t at = 1; at < frames; bites++) {
		struct ptw_mmu_ask *ask = question(q, at, frames, ACCESSED);
		int ret;

		ask->budget = 20;
		ret = mmu.ops->harvest(mmu.context, ask);
		cr_assert_gt(ask->resume, at);
		cr_assert_eq(ret, ask->resume == frames ? PTW_OK : PTW_ERR_BUDGET);
		assert_counted(q);
		for (uint64_t f = at; f < ask->resume; f++)
			if (is_young(q, f))
				all->young[f / 64] |= (uint64_t)1 << f % 64;
		/* What a bite cuts is told, as to the last one. */
		for (uint64_t f = 1; f < frames; f++)
			if (in_extent(&ask->head, f, PTW_EXTENT_YOUNG) ||
			    in_extent(&ask->tail, f, PTW_EXTENT_YOUNG))
				all->young[f / 64] |= (uint64_t)1 << f % 64;
		at = ask->resume;
	}
	cr_assert_gt(bites, 3u);
	for (uint64_t f = 1; f < frames; f++)
		cr_assert_eq(is_young(all, f), granule_bit(before.young, f));
	close_mmu();
	machine_close(&m);
	free(q);
	free(all);
}

Test(mmu_table, budget)
{
	in_bites("ept4", 0);
	in_bites("perverse", 0);
	in_bites("arm64-s2-16k", 12);
}

/* One frame: as the page table says; clearing one of a block clears the block. */
Test(mmu_table, single_frames)
{
	const char *preset;

	for_each_preset(preset) {
		const struct ptw_mmu_ops *ops;
		uint64_t block, frame;

		machine_open(&m, preset);
		open_mmu(12);
		ops = mmu.ops;
		block = entry_size(&m, 1);
		map_levels(&m, block, 2 * block, 0, 2);
		frame = block >> 12;
		touch(&m, block + 3 * m.granule);
		cr_assert_eq(ops->test_young(mmu.context, 0, frame + 5), 1);
		cr_assert_eq(ops->test_young(mmu.context, 0, frame), 1);
		cr_assert_eq(ops->clear_young(mmu.context, 0, frame + 1), 1);
		cr_assert_eq(ops->test_young(mmu.context, 0, frame), 0);
		cr_assert_eq(ops->clear_young(mmu.context, 0, frame), 0);
		cr_assert_eq(ops->test_young(mmu.context, 0, frame - 1), PTW_ERR_HOLE);
		cr_assert_eq(ops->clear_young(mmu.context, 0, 2 * frame), PTW_ERR_HOLE);
		/* No such frame, no such address space. */
		cr_assert_eq(ops->test_young(mmu.context, 0, m.ia_end >> 12), PTW_ERR_HOLE);
		cr_assert_eq(ops->test_young(mmu.context, 0, (uint64_t)1 << 52), PTW_ERR_HOLE);
		cr_assert_eq(ops->clear_young(mmu.context, 0, UINT64_MAX), PTW_ERR_HOLE);
		cr_assert_eq(ops->test_young(mmu.context, 1, frame), PTW_ERR_ARG);
		cr_assert_eq(ops->clear_young(mmu.context, UINT32_MAX, frame), PTW_ERR_ARG);
		close_mmu();
		machine_close(&m);
	}
}

/* Frames that no input address has are old, and no error. */
Test(mmu_table, frames_beyond_the_end)
{
	static struct question q;
	const char *preset;

	for_each_preset(preset) {
		uint64_t last;

		machine_open(&m, preset);
		open_mmu(12);
		last = m.ia_end >> 12;
		map_levels(&m, m.ia_end - m.granule, m.ia_end, 0, 1);
		for (unsigned int dirty = 0; dirty < 2; dirty++) {
			const ptw_mmu_ask_fn fn = dirty ? mmu.ops->harvest_dirty :
							  mmu.ops->harvest;
			const uint32_t flags = dirty ? DIRTY : ACCESSED;

			touch_write(&m, m.ia_end - 1);
			cr_assert_eq(fn(mmu.context, question(&q, last - 1, last + 200, flags)),
				     PTW_OK);
			cr_assert_eq(q.ask.resume, last + 200);
			cr_assert_eq(q.ask.young_pages + q.ask.dirty_pages, 1u);
			cr_assert(bit_of(&q, dirty ? q.dirty : q.young, last - 1));
			assert_counted(&q);
			cr_assert_eq(fn(mmu.context, question(&q, last, last + 1, flags)), PTW_OK);
			cr_assert_eq(q.ask.resume, last + 1);
			cr_assert_eq(q.ask.young_pages + q.ask.dirty_pages + q.ask.entries, 0u);
			cr_assert_eq(fn(mmu.context,
					question(&q, UINT64_MAX - 5, UINT64_MAX, flags)), PTW_OK);
			cr_assert_eq(q.ask.resume, UINT64_MAX);
			assert_counted(&q);
		}
		/* To the end of all frames there could be. */
		cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, last - 1, last + 99, 0)),
			     PTW_OK);
		cr_assert_eq(q.ask.resume, last + 99);
		cr_assert_eq(query_error(&m, m.ia_end - m.granule), PTW_ERR_HOLE);
		close_mmu();
		machine_close(&m);
	}
}

/* Frames of the upper half of x86-64 are those of canonical addresses, or of their low bits. */
Test(mmu_table, canonical_frames)
{
	static struct question q;

	for (unsigned int la57 = 0; la57 < 2; la57++) {
		uint64_t half, upper, block;

		machine_open(&m, la57 ? "x86-64-la57" : "x86-64");
		open_mmu(12);
		half = m.ia_end / 2 >> 12;
		upper = (0 - m.ia_end / 2) >> 12;
		block = entry_size(&m, 1);
		map_levels(&m, m.ia_end / 2, m.ia_end / 2 + block, 0, 2);
		map_levels(&m, m.ia_end - m.granule, m.ia_end, 0, 1);
		for (unsigned int sign = 0; sign < 2; sign++) {
			const uint64_t base = sign ? upper : half;

			touch(&m, 0 - m.ia_end / 2 + 5 * m.granule);
			cr_assert_eq(mmu.ops->test_young(mmu.context, 0, base + 7), 1);
			cr_assert_eq(mmu.ops->harvest(mmu.context,
						      question(&q, base + 70, base + 80, ACCESSED)),
				     PTW_OK);
			assert_counted(&q);
			cr_assert_eq(q.ask.young_pages, 10u);
			cr_assert_eq(q.ask.resume, base + 80);
			cr_assert_eq(q.ask.head.start, base);
			cr_assert_eq(q.ask.tail.start, base);
			cr_assert_eq(q.ask.head.length, block >> 12);
			/* The last page of all, and what lies behind. */
			touch(&m, 0 - m.granule);
			cr_assert_eq(mmu.ops->harvest(mmu.context,
						      question(&q, base + half - 3, base + half + 9,
							       ACCESSED)), PTW_OK);
			assert_counted(&q);
			cr_assert_eq(q.ask.young_pages, 1u);
			cr_assert(is_young(&q, base + half - 1));
			/* From below the gap's end. */
			touch_write(&m, 0 - m.ia_end / 2 + 5 * m.granule);
			cr_assert_eq(mmu.ops->harvest_dirty(mmu.context,
							    question(&q, upper - 99, upper + 9,
								     DIRTY)), PTW_OK);
			assert_counted(&q);
			cr_assert_eq(q.ask.dirty_pages, 9u);
			cr_assert_eq(mmu.ops->harvest(mmu.context,
						      question(&q, upper - 99, upper + 9,
							       ACCESSED)), PTW_OK);
			assert_counted(&q);
			cr_assert_eq(q.ask.young_pages, 9u);
			/* In a budget: where to go on has its sign. */
			question(&q, base, base + 80 * 512, ACCESSED)->budget = 1;
			cr_assert_eq(mmu.ops->harvest(mmu.context, &q.ask), PTW_ERR_BUDGET);
			cr_assert_eq(q.ask.resume, base + 64 * 512);
		}
		cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, upper + 3, upper + 9, 0)),
			     PTW_OK);
		cr_assert_eq(query_error(&m, 0 - m.ia_end / 2 + 3 * m.granule), PTW_ERR_HOLE);
		assert_level(&m, 0 - m.ia_end / 2 + 9 * m.granule, 0);
		close_mmu();
		machine_close(&m);
	}
}

Test(mmu_table, address_spaces)
{
	static struct machine other;
	static struct question q;
	struct ptw_pgtable *two[2];

	machine_open(&m, "ept4");
	machine_open(&other, "arm64-s2-16k");
	two[0] = m.pgtable;
	two[1] = other.pgtable;
	cr_assert_eq(create(two, 2, 14), PTW_ERR_CONFIG);
	cr_assert_eq(create(two, 2, 12), PTW_OK);
	/* The caller's array was copied. */
	two[0] = two[1] = NULL;
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	map_levels(&other, 0, 16 * other.granule, 0, 1);
	touch(&m, 2 * m.granule);
	touch(&other, 2 * other.granule);
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 0, 64, ACCESSED)), PTW_OK);
	cr_assert_eq(q.young[0], 1u << 2);
	question(&q, 0, 64, ACCESSED)->as = 1;
	cr_assert_eq(mmu.ops->harvest(mmu.context, &q.ask), PTW_OK);
	cr_assert_eq(q.young[0], 0xf00u);
	question(&q, 0, 64, ACCESSED)->as = 2;
	cr_assert_eq(mmu.ops->harvest(mmu.context, &q.ask), PTW_ERR_ARG);
	cr_assert_eq(q.ask.resume, 0u);
	ptw_mmu_destroy(&mmu);
	machine_close(&other);
	machine_close(&m);
}

/* Inside a section the fast operation works, without a flush; those that flush refuse. */
Test(mmu_table, in_a_section)
{
	static struct question q;
	const char *preset;

	for_each_preset(preset) {
		machine_open(&m, preset);
		open_mmu(12);
		map_levels(&m, 0, 16 * m.granule, 0, 1);
		touch(&m, 2 * m.granule);
		forget_flushes(&m);
		ptw_read_lock();
		cr_assert_eq(mmu.ops->harvest_fast_only(mmu.context,
							question(&q, 0, 300, ACCESSED)), PTW_OK);
		assert_counted(&q);
		cr_assert(is_young(&q, 2 * m.granule >> 12));
		cr_assert_eq(mmu.ops->harvest_dirty(mmu.context, question(&q, 1, 300, DIRTY)),
			     PTW_ERR_CONTEXT);
		cr_assert_eq(q.ask.resume, 1u);
		cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, 1, 300, 0)), PTW_ERR_CONTEXT);
		cr_assert_eq(q.ask.resume, 1u);
		ptw_read_unlock();
		cr_assert_eq(m.flushes, 0u);
		cr_assert_eq(mmu.ops->harvest_dirty(mmu.context, question(&q, 0, 300, DIRTY)),
			     PTW_OK);
		close_mmu();
		machine_close(&m);
	}
}

/* KVM's access-tracked entries: making them old makes them clean, which takes a flush. */
static uint64_t foreign[4][512] __attribute__((aligned(4096)));

static struct ptw_pgtable *attach_foreign(ptw_flush_fn flush)
{
	const uint64_t pa = 1 << 20, marker = (uint64_t)1 << 11;
	const struct ptw_range bounds = { pa, pa + sizeof(foreign) };
	const struct ptw_attach attach = {
		.size = sizeof(attach),
		.root = pa,
		.bounds = &bounds,
		.bounds_count = 1,
		.table_budget = 3,
	};
	struct ptw_config config;
	struct ptw_pgtable *p;

	cr_assert_eq(ptw_preset("ept4-tracked", &config), PTW_OK);
	config.layout = &ptw_layout_kvm_ept_6_1;
	config.phys_offset = (uint64_t)(uintptr_t)foreign - pa;
	config.flush = flush;
	config.flush_context = &m;
	for (unsigned int level = 0; level < 3; level++)
		foreign[level][0] = (pa + (level + 1) * 4096) | 7 | marker;
	/* Page 3: access-tracked, young since it may be read, dirty since it may be written. */
	foreign[3][3] = 0x3000 | 7 | 6 << 3 | marker | (uint64_t)1 << 52;
	cr_assert_eq(ptw_pgtable_attach(&config, &attach, &p), PTW_OK);
	return p;
}

Test(mmu_table, foreign_access_tracking)
{
	static struct question q;
	struct ptw_pgtable *p = attach_foreign(machine_flush);

	forget_flushes(&m);
	cr_assert_eq(create(&p, 1, 12), PTW_OK);
	cr_assert(!mmu.ops->harvest_fast_only && !mmu.ops->clear_young && !mmu.ops->unmap);
	cr_assert(mmu.ops->test_young && mmu.ops->harvest_dirty);
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 0, 64, ACCESSED)), PTW_OK);
	assert_counted(&q);
	cr_assert_eq(q.young[0], 1u << 3);
	cr_assert_eq(q.dirty[0], 1u << 3, "dirty state was dropped");
	cr_assert_eq(m.flushes, 1u);
	ptw_mmu_destroy(&mmu);
	cr_assert_eq(ptw_pgtable_destroy(p), PTW_OK);
	/* Nobody to flush: fast. */
	p = attach_foreign(NULL);
	cr_assert_eq(create(&p, 1, 12), PTW_OK);
	cr_assert(mmu.ops->harvest_fast_only && !mmu.ops->clear_young);
	ptw_read_lock();
	cr_assert_eq(mmu.ops->harvest_fast_only(mmu.context, question(&q, 0, 64, ACCESSED)),
		     PTW_OK);
	ptw_read_unlock();
	cr_assert_eq(q.young[0] & q.dirty[0], 1u << 3);
	/* A corrupt table: everything before it is answered. */
	foreign[2][1] = 1 << 11 | 7 | 0x7000;
	cr_assert_eq(mmu.ops->harvest(mmu.context, question(&q, 100, 600, ACCESSED)),
		     PTW_ERR_CORRUPT_BOUNDS);
	cr_assert_eq(q.ask.resume, 512u);
	ptw_mmu_destroy(&mmu);
	cr_assert_eq(ptw_pgtable_destroy(p), PTW_OK);
}

Test(mmu_table, attached_next_to_own)
{
	static struct question q;
	struct ptw_pgtable *two[2];

	two[0] = attach_foreign(NULL);
	machine_open(&m, "ept4");
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	two[1] = m.pgtable;
	cr_assert_eq(create(two, 2, 12), PTW_OK);
	/* The attached one follows the primary by itself. */
	cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, 0, 64, 0)), PTW_OK);
	cr_assert_eq(q.ask.young_pages + q.ask.dirty_pages, 0u);
	cr_assert_eq(mmu.ops->test_young(mmu.context, 0, 3), 1);
	question(&q, 0, 64, 0)->as = 1;
	cr_assert_eq(mmu.ops->unmap(mmu.context, &q.ask), PTW_OK);
	cr_assert_eq(query_error(&m, 0), PTW_ERR_HOLE);
	ptw_mmu_destroy(&mmu);
	cr_assert_eq(ptw_pgtable_destroy(two[0]), PTW_OK);
	machine_close(&m);
}

Test(mmu_table, arguments)
{
	static struct question q;
	struct {
		struct ptw_mmu_table config;
		uint64_t more;
	} larger = { 0 };
	struct ptw_mmu_table good, bad;
	struct ptw_pgtable *none = NULL;

	machine_open(&m, "arm64-s2-64k");
	good = (struct ptw_mmu_table){
		.size = sizeof(good),
		.pgtables = &m.pgtable,
		.count = 1,
		.frame_lg2 = 16,
	};
#define refuses(change, error)                                              \
	do {                                                                \
		bad = good;                                                 \
		change;                                                     \
		cr_assert_eq(ptw_mmu_table_create(&bad, &mmu), error);      \
		cr_assert_null(mmu.ops);                                    \
	} while (0)
	mmu.ops = NULL;
	cr_assert_eq(ptw_mmu_table_create(NULL, &mmu), PTW_ERR_ARG);
	cr_assert_eq(ptw_mmu_table_create(&good, NULL), PTW_ERR_ARG);
	refuses(bad.size--, PTW_ERR_SIZE);
	refuses(bad.pgtables = NULL, PTW_ERR_ARG);
	refuses(bad.pgtables = &none, PTW_ERR_ARG);
	refuses(bad.count = 0, PTW_ERR_ARG);
	refuses(bad.count = 257, PTW_ERR_ARG);
	refuses(bad.flags = 1, PTW_ERR_ARG);
	refuses(bad.reserved = 1, PTW_ERR_ARG);
	refuses(bad.frame_lg2 = 17, PTW_ERR_CONFIG);
	refuses(bad.frame_lg2 = 11, PTW_ERR_CONFIG);
	refuses(bad.frame_lg2 = 0, PTW_ERR_CONFIG);
	refuses(bad.frame_lg2 = 64, PTW_ERR_CONFIG);
	refuses(bad.frame_lg2 = UINT32_MAX, PTW_ERR_CONFIG);
	larger.config = good;
	larger.config.size = sizeof(larger);
	cr_assert_eq(ptw_mmu_table_create(&larger.config, &mmu), PTW_OK);
	ptw_mmu_destroy(&mmu);
	larger.more = 1;
	cr_assert_eq(ptw_mmu_table_create(&larger.config, &mmu), PTW_ERR_ARG);
	/* Nothing to destroy, twice. */
	ptw_mmu_destroy(&mmu);
	ptw_mmu_destroy(NULL);
	for (uint32_t lg2 = 12; lg2 <= 16; lg2 += 4) {
		open_mmu(lg2);
		map_levels(&m, 0, 80 * m.granule, 0, 1);
		touch_write(&m, 75 << lg2);
		assert_refuses(mmu.ops->harvest, mmu.context, &q, true);
		assert_refuses(mmu.ops->harvest_fast_only, mmu.context, &q, true);
		assert_refuses(mmu.ops->harvest_dirty, mmu.context, &q, true);
		assert_refuses(mmu.ops->unmap, mmu.context, &q, false);
		assert_accessed_only(mmu.ops->harvest, mmu.context, &q);
		assert_accessed_only(mmu.ops->harvest_fast_only, mmu.context, &q);
		/* None of that did anything. */
		cr_assert_eq(ptw_test_young(m.pgtable, 75 << lg2), 1);
		/* Without bitmaps things are counted. */
		question(&q, 70, 80, ACCESSED);
		q.ask.young = q.ask.dirty = q.ask.not_asked = NULL;
		cr_assert_eq(mmu.ops->harvest(mmu.context, &q.ask), PTW_OK);
		cr_assert_eq(q.ask.young_pages, lg2 == 12 ? 10u : 1u);
		unmap_result(&m, 0, 80 * m.granule, 0, PTW_OK);
		close_mmu();
	}
	machine_close(&m);
}
