/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Harvest and the single-page calls: what is reported, cleared, flushed, and in which shape. */
#include "tests/unit/pgtable_machine.h"

static struct machine m;
static struct ptw_harvest_result result;

#define WORDS 4096

static int harvest(uint64_t start, uint64_t end, struct ptw_harvest *h)
{
	h->size = sizeof(*h);
	result = (struct ptw_harvest_result){ .size = sizeof(result) };
	return ptw_harvest(m.pgtable, start, end, h, &result);
}

#define ACCESSED PTW_HARVEST_ACCESSED
#define DIRTY	 PTW_HARVEST_DIRTY
#define PEEK	 PTW_HARVEST_PEEK
#define EXACT	 PTW_HARVEST_EXACT

/* Counts only. */
static void count(uint64_t start, uint64_t end, uint32_t flags)
{
	struct ptw_harvest h = { .flags = flags };
	int ret = harvest(start, end, &h);

	cr_assert_eq(ret, PTW_OK, "harvest: %s", ptw_strerror(ret));
}

#define assert_counts(y_extents, y_pages, d_extents, d_pages)                                     \
	cr_assert(result.young_extents == (y_extents) && result.young_pages == (y_pages) &&       \
			  result.dirty_extents == (d_extents) && result.dirty_pages == (d_pages), \
		  "found %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, result.young_extents,     \
		  result.young_pages, result.dirty_extents, result.dirty_pages)

/* Outputs of the sinks, as bitmaps and as a list. */
struct sink {
	uint64_t base; /* page of bit 0 */
	uint64_t young[WORDS], dirty[WORDS];
	struct ptw_extent runs[64];
	unsigned int words, nruns;
	unsigned int stop; /* ask to stop at this call, counting from 1 */
};

static int take_word(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct sink *s = context;
	const uint64_t word = (page - s->base) / 64;

	if (word < WORDS) {
		s->young[word] |= young;
		s->dirty[word] |= dirty;
	}
	return ++s->words == s->stop;
}

static int take_run(void *context, const struct ptw_extent *run)
{
	struct sink *s = context;

	if (s->nruns < 64)
		s->runs[s->nruns] = *run;
	return ++s->nruns == s->stop;
}

static void set_pages(uint64_t *words, uint64_t first, uint64_t pages)
{
	for (; pages; pages--, first++)
		if (first / 64 < WORDS)
			words[first / 64] |= (uint64_t)1 << first % 64;
}

static int take_run_bits(void *context, const struct ptw_extent *run)
{
	struct sink *s = context;
	const uint64_t first = run->start / m.granule - s->base, pages = run->length / m.granule;

	s->nruns++;
	if (run->what & PTW_EXTENT_YOUNG)
		set_pages(s->young, first, pages);
	if (run->what & PTW_EXTENT_DIRTY)
		set_pages(s->dirty, first, pages);
	return 0;
}

/* Pages, two blocks, pages again, then groups where there are such; some of them accessed. */
static uint64_t plant(uint64_t *random)
{
	const uint64_t block = entry_size(&m, 1);
	const uint64_t end = 5 * block;

	map_levels(&m, 0, block, 0, 1);
	map_levels(&m, block, 3 * block, block, 2);
	map_levels(&m, 3 * block + 2 * m.granule, end, 3 * block + 2 * m.granule, 1);
	for (unsigned int i = 0; i < 60; i++) {
		const uint64_t ia = random_below(random, 5) * block + random_below(random, block);

		if (ia >= 3 * block && ia < 3 * block + 2 * m.granule)
			continue;
		access_fixed(&m, ia,
			     random_chance(random, 40) ? PTW_ACCESS_WRITE : PTW_ACCESS_READ);
	}
	return end;
}

/* All outputs tell the same, alone and together, peeking and clearing, in both loops. */
Test(harvest, outputs_agree)
{
	struct sink *dense = calloc(1, sizeof(*dense)), *other = calloc(1, sizeof(*other));
	struct sink *both = calloc(1, sizeof(*both));
	uint64_t random = test_seed();
	const char *preset;

	for_each_preset(preset) {
		struct ptw_harvest h = { .flags = ACCESSED | DIRTY | PEEK };
		uint64_t end, pages;

		machine_open(&m, preset);
		end = plant(&random);
		memset(dense, 0, sizeof(*dense));
		h.young = dense->young;
		h.dirty = dense->dirty;
		cr_assert_eq(harvest(0, end, &h), PTW_OK);
		cr_assert_neq(result.young_extents, 0u);
		cr_assert_neq(result.dirty_extents, 0u);
		pages = result.young_pages;
		/* Words, peeking again. */
		memset(other, 0, sizeof(*other));
		h = (struct ptw_harvest){ .flags = ACCESSED | DIRTY | PEEK,
					  .word = take_word,
					  .context = other };
		cr_assert_eq(harvest(0, end, &h), PTW_OK);
		cr_assert_not(memcmp(dense->young, other->young, sizeof(dense->young)));
		cr_assert_not(memcmp(dense->dirty, other->dirty, sizeof(dense->dirty)));
		/* Runs, together with a bitmap. */
		memset(other, 0, sizeof(*other));
		memset(both, 0, sizeof(*both));
		h = (struct ptw_harvest){ .flags = ACCESSED | DIRTY | PEEK,
					  .run = take_run_bits,
					  .context = other,
					  .young = both->young };
		cr_assert_eq(harvest(0, end, &h), PTW_OK);
		cr_assert_not(memcmp(dense->young, other->young, sizeof(dense->young)));
		cr_assert_not(memcmp(dense->dirty, other->dirty, sizeof(dense->dirty)));
		cr_assert_not(memcmp(dense->young, both->young, sizeof(dense->young)));
		/* The loop for dense bitmaps, clearing. */
		memset(both, 0, sizeof(*both));
		h = (struct ptw_harvest){ .flags = ACCESSED, .young = both->young };
		cr_assert_eq(harvest(0, end, &h), PTW_OK);
		cr_assert_not(memcmp(dense->young, both->young, sizeof(dense->young)), "%s",
			      preset);
		cr_assert_eq(result.young_pages, pages);
		/* Young is gone, dirty is not. */
		memset(other, 0, sizeof(*other));
		h = (struct ptw_harvest){ .flags = ACCESSED | DIRTY,
					  .young = other->young,
					  .dirty = other->dirty };
		cr_assert_eq(harvest(0, end, &h), PTW_OK);
		cr_assert_eq(result.young_extents, 0u);
		cr_assert_not(memcmp(dense->dirty, other->dirty, sizeof(dense->dirty)));
		count(0, end, ACCESSED | DIRTY);
		assert_counts(0, 0, 0, 0);
		assert_sound(&m);
		machine_close(&m);
	}
	free(dense);
	free(other);
	free(both);
}

Test(harvest, peek_changes_nothing)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t before;

		machine_open(&m, preset);
		map_levels(&m, 0, 10 * m.granule, 0, 1);
		touch_write(&m, 3 * m.granule);
		before = fingerprint(&m);
		m.flushes = 0;
		count(0, 10 * m.granule, ACCESSED | DIRTY | PEEK | EXACT);
		assert_counts(1, 1, 1, 1);
		cr_assert_eq(fingerprint(&m), before);
		cr_assert_eq(m.flushes, 0u);
		machine_close(&m);
	}
}

/* An extent that the range cuts is harvested whole, reported clipped, and told whole. */
static void cut_extent(uint64_t start, uint64_t size, unsigned int level, uint64_t touched,
		       bool dense)
{
	uint64_t *bits = calloc(WORDS, 8);
	struct ptw_harvest h = { .flags = dense ? ACCESSED : ACCESSED | DIRTY, .young = bits };
	const uint64_t g = m.granule, part = size / 4;

	/* The end of the extent, though something else of it was touched. */
	touch(&m, start + touched);
	cr_assert_eq(harvest(start + part, start + size + g, &h), PTW_OK);
	assert_counts(1, 3 * part / g, 0, 0);
	cr_assert_eq(result.head.start, start);
	cr_assert_eq(result.head.length, size);
	cr_assert_eq(result.head.level, level);
	cr_assert_eq(result.head.what, PTW_EXTENT_YOUNG);
	cr_assert_eq(result.tail.length, 0u);
	cr_assert_eq(result.resume, start + size + g);
	cr_assert_eq(ptw_test_young(m.pgtable, start), 0);
	/* The beginning. */
	touch(&m, start + touched);
	cr_assert_eq(harvest(start - g, start + part, &h), PTW_OK);
	assert_counts(1, part / g, 0, 0);
	cr_assert_eq(result.head.length, 0u);
	cr_assert_eq(result.tail.start, start);
	cr_assert_eq(result.tail.length, size);
	cr_assert_eq(result.resume, start + part);
	cr_assert_eq(ptw_test_young(m.pgtable, start), 0);
	/* The middle: head and tail are the same. */
	memset(bits, 0, WORDS * 8);
	touch_write(&m, start + touched);
	cr_assert_eq(harvest(start + part, start + 2 * part, &h), PTW_OK);
	assert_counts(1, part / g, dense ? 0 : 1, dense ? 0 : part / g);
	cr_assert_eq(result.head.start, start);
	cr_assert_eq(result.tail.start, start);
	cr_assert_eq(result.tail.length, size);
	for (uint64_t page = 0; page < size / g && page < 64; page++) {
		const uint64_t bit = (start / g + page) - ((start + part) / g & ~(uint64_t)63);

		if (start / g + page < ((start + part) / g & ~(uint64_t)63))
			continue;
		cr_assert_eq(bits[bit / 64] >> bit % 64 & 1,
			     page >= part / g && page < 2 * part / g);
	}
	cr_assert_eq(ptw_test_young(m.pgtable, start), 0);
	count(start, start + size, DIRTY);
	free(bits);
}

Test(harvest, head_and_tail)
{
	const char *preset;

	for_each_preset(preset) {
		machine_open(&m, preset);
		map_levels(&m, entry_size(&m, 1), 2 * entry_size(&m, 1), 0, 2);
		for (unsigned int dense = 0; dense < 2; dense++)
			for (unsigned int part = 0; part < 4; part++)
				cut_extent(entry_size(&m, 1), entry_size(&m, 1), 1,
					   part * entry_size(&m, 1) / 4 + 5, dense);
		machine_close(&m);
	}
}

/* Groups: what counts may be in a member outside the range. */
Test(harvest, head_and_tail_of_groups)
{
	static const char *const presets[] = { "arm64-s2-4k-contig", "arm64-s2-16k-contig",
					       "arm64-s2-64k-contig" };

	for (unsigned int i = 0; i < 3; i++) {
		uint64_t size;

		machine_open(&m, presets[i]);
		map_levels(&m, 0, entry_size(&m, 1), 0, 1);
		size = query_at(&m, 0).extent_size;
		cr_assert_gt(size, m.granule);
		for (unsigned int dense = 0; dense < 2; dense++)
			for (unsigned int part = 0; part < 4; part++)
				cut_extent(2 * size, size, 0, part * size / 4, dense);
		machine_close(&m);
	}
}

/* In small steps nothing is lost, found twice, or put elsewhere. */
Test(harvest, budget_and_cursor)
{
	uint64_t random = test_seed();
	uint64_t *once = calloc(WORDS, 8), *steps = calloc(WORDS, 8);
	const char *preset;

	for_each_preset(preset) {
		for (unsigned int dense = 0; dense < 2; dense++) {
			struct ptw_harvest h = { .flags = ACCESSED | PEEK, .young = once };
			uint64_t end, start, cursor = 0, found = 0, extents = 0, calls = 0, last;
			int ret;

			memset(once, 0, WORDS * 8);
			memset(steps, 0, WORDS * 8);
			machine_open(&m, preset);
			end = plant(&random);
			start = last = 3 * m.granule;
			cr_assert_eq(harvest(start, end, &h), PTW_OK);
			found = result.young_pages;
			extents = result.young_extents;
			h = (struct ptw_harvest){
				.flags = ACCESSED, .young = steps, .budget = 8, .cursor = &cursor
			};
			if (!dense)
				h.flags |= DIRTY;
			do {
				ret = harvest(start, end, &h);
				calls++;
				cr_assert(ret == PTW_OK || ret == PTW_ERR_BUDGET);
				cr_assert_gt(result.resume, last);
				cr_assert_eq(cursor, result.resume);
				last = cursor;
				found -= result.young_pages;
				extents -= result.young_extents;
			} while (ret == PTW_ERR_BUDGET);
			cr_assert_gt(calls, 3u);
			cr_assert_eq(last, end);
			cr_assert_eq(found, 0u);
			cr_assert_eq(extents, 0u);
			cr_assert_not(memcmp(once, steps, WORDS * 8), "%s", preset);
			/* At the end there is nothing more. */
			cr_assert_eq(harvest(start, end, &h), PTW_OK);
			cr_assert_eq(result.entries, 0u);
			machine_close(&m);
		}
	}
	free(once);
	free(steps);
}

Test(harvest, sections_are_bounded)
{
	uint64_t *bits = calloc(WORDS, 8);
	struct ptw_harvest h = { .flags = ACCESSED, .young = bits };

	machine_open(&m, "ept4");
	map_levels(&m, 0, 32768 * m.granule, 0, 1);
	cr_assert_eq(harvest(0, 32768 * m.granule, &h), PTW_OK);
	cr_assert_eq(result.entries, 32768u);
	cr_assert_geq(result.sections, 32768u / (4096 + 64));
	cr_assert_leq(result.sections, 32768u / 4096 + 1);
	/* Clearing counts sixteen times. */
	for (uint64_t page = 0; page < 4096; page++)
		touch(&m, page * m.granule);
	cr_assert_eq(harvest(0, 4096 * m.granule, &h), PTW_OK);
	assert_counts(4096, 4096, 0, 0);
	cr_assert_geq(result.sections, 4096u * 17 / (4096 + 64 * 17));
	machine_close(&m);
	free(bits);
}

Test(harvest, output_address_filter)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t young = 0;
		struct ptw_harvest h = { .flags = ACCESSED, .young = &young };

		machine_open(&m, preset);
		/* Page i is mapped to 100 - i. */
		for (uint64_t page = 0; page < 32; page++) {
			map_levels(&m, page * m.granule, (page + 1) * m.granule,
				   (100 - page) * m.granule, 1);
			touch(&m, page * m.granule);
		}
		h.oa_start = 80 * m.granule;
		h.oa_end = 90 * m.granule;
		cr_assert_eq(harvest(0, 32 * m.granule, &h), PTW_OK);
		cr_assert_eq(young, (uint64_t)0x3ff << 11);
		assert_counts(10, 10, 0, 0);
		count(0, 32 * m.granule, ACCESSED);
		assert_counts(22, 22, 0, 0);
		/* From the bottom of memory. */
		map_levels(&m, 40 * m.granule, 41 * m.granule, 0, 1);
		touch(&m, 40 * m.granule);
		h.oa_start = 0;
		h.oa_end = m.granule;
		cr_assert_eq(harvest(0, 64 * m.granule, &h), PTW_OK);
		assert_counts(1, 1, 0, 0);
		machine_close(&m);
	}
}

/* An extent lies where it begins, also for a range that begins in its middle. */
Test(harvest, output_address_filter_of_a_group)
{
	struct ptw_harvest h = { .flags = ACCESSED };

	machine_open(&m, "arm64-s2-4k-contig");
	map_levels(&m, 16 * m.granule, 32 * m.granule, 64 * m.granule, 1);
	touch(&m, 20 * m.granule);
	h.oa_start = 68 * m.granule;
	h.oa_end = 69 * m.granule;
	cr_assert_eq(harvest(20 * m.granule, 32 * m.granule, &h), PTW_OK);
	assert_counts(0, 0, 0, 0);
	h.oa_start = 64 * m.granule;
	h.oa_end = 65 * m.granule;
	cr_assert_eq(harvest(20 * m.granule, 32 * m.granule, &h), PTW_OK);
	assert_counts(1, 12, 0, 0);
	machine_close(&m);
}

static void touch_many(unsigned int pages)
{
	for (uint64_t page = 0; page < pages; page++)
		touch(&m, 2 * page * m.granule);
}

/* A sink that stops gets what was cleared already, and nothing after that. */
Test(harvest, sink_stops)
{
	struct sink *s = calloc(1, sizeof(*s));
	struct ptw_harvest h = { .flags = ACCESSED, .word = take_word, .context = s };
	uint64_t found = 0;

	machine_open(&m, "ept4");
	map_levels(&m, 0, 512 * m.granule, 0, 1);
	map_levels(&m, 512 * m.granule, 1024 * m.granule, 0, 1);
	touch_many(256);
	touch(&m, 1000 * m.granule);
	s->stop = 2;
	cr_assert_eq(harvest(0, 1024 * m.granule, &h), PTW_ERR_STOPPED);
	/* A leaf table at most was cleared by then. */
	cr_assert_leq(s->words, 8u);
	cr_assert_leq(result.resume, 512 * m.granule);
	touch(&m, 1000 * m.granule);
	cr_assert_eq(ptw_test_clear_young(m.pgtable, 1000 * m.granule), 1);
	for (unsigned int i = 0; i < 8; i++)
		found += (uint64_t)__builtin_popcountll(s->young[i]);
	cr_assert_eq(found, result.young_pages);
	count(0, result.resume, ACCESSED);
	assert_counts(0, 0, 0, 0);
	count(0, 512 * m.granule, ACCESSED);
	cr_assert_eq(found + result.young_pages, 256u);

	touch_many(256);
	memset(s, 0, sizeof(*s));
	s->stop = 3;
	h.word = NULL;
	h.run = take_run;
	cr_assert_eq(harvest(0, 512 * m.granule, &h), PTW_ERR_STOPPED);
	cr_assert_leq(s->nruns, 4u);
	cr_assert_eq(s->nruns, result.young_extents);
	count(0, 512 * m.granule, ACCESSED);
	cr_assert_eq(s->nruns + result.young_pages, 256u);

	/* The last word of all. */
	touch(&m, 0);
	memset(s, 0, sizeof(*s));
	s->stop = 1;
	cr_assert_eq(harvest(0, 512 * m.granule, &h), PTW_ERR_STOPPED);
	cr_assert_eq(result.resume, 512 * m.granule);
	machine_close(&m);
	free(s);
}

Test(harvest, runs_are_joined)
{
	struct sink *s = calloc(1, sizeof(*s));
	struct ptw_harvest h = { .flags = ACCESSED | DIRTY, .run = take_run, .context = s };
	uint64_t g, block;

	machine_open(&m, "x86-64");
	g = m.granule;
	block = entry_size(&m, 1);
	map_levels(&m, block - 4 * g, block, 0, 1);
	map_levels(&m, block, 4 * block, 0, 2);
	touch(&m, block - 3 * g);
	touch(&m, block - 2 * g);
	touch_write(&m, block - g);
	touch_write(&m, block);
	touch_write(&m, 2 * block);
	touch(&m, 3 * block);
	cr_assert_eq(harvest(block - 4 * g, 4 * block, &h), PTW_OK);
	cr_assert_eq(s->nruns, 4u);
	{
		const struct ptw_extent want[] = {
			{ block - 3 * g, 2 * g, 0, PTW_EXTENT_YOUNG },
			{ block - g, g, 0, PTW_EXTENT_YOUNG | PTW_EXTENT_DIRTY },
			{ block, 2 * block, 1, PTW_EXTENT_YOUNG | PTW_EXTENT_DIRTY },
			{ 3 * block, block, 1, PTW_EXTENT_YOUNG },
		};

		cr_assert_not(memcmp(s->runs, want, sizeof(want)));
	}
	machine_close(&m);
	free(s);
}

Test(harvest, flush)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t g, block;

		machine_open(&m, preset);
		g = m.granule;
		block = entry_size(&m, 1);
		map_levels(&m, 0, block, 0, 1);
		map_levels(&m, 2 * block, 3 * block, 0, 2);
		touch_write(&m, 3 * g);
		touch_write(&m, 2 * block);
		touch(&m, g);
		m.flushes = 0;
		count(0, 3 * block, ACCESSED);
		cr_assert_eq(m.flushes, 0u, "%s: young harvest flushes", preset);
		count(0, 3 * block, DIRTY);
		cr_assert_eq(result.dirty_extents, 2u);
		cr_assert_eq(m.flushes, 1u);
		cr_assert_eq(m.ranges, 1u);
		cr_assert_eq(m.kind, PTW_FLUSH_LEAF);
		cr_assert_eq(m.level, 1u);
		cr_assert_leq(m.range[0].start, 3 * g);
		cr_assert_eq(m.range[0].end, 3 * block);
		/* Nothing dirty, nothing to flush. */
		count(0, 3 * block, DIRTY);
		cr_assert_eq(m.flushes, 1u);
		touch(&m, 2 * g);
		count(0, 3 * block, ACCESSED | EXACT);
		cr_assert_eq(m.flushes, 2u);
		cr_assert_eq(m.level, 0u);
		machine_close(&m);
	}
}

/* With a TLB: what a young harvest misses, an exact one does not, and dirty never is. */
Test(harvest, flush_makes_exact)
{
	struct ptw_softmmu_config config = {
		.size = sizeof(config), .phys_offset = PHYS_OFFSET, .tlb_sets = 16, .tlb_ways = 4
	};
	size_t bytes;

	machine_open(&m, "ept4");
	free(m.cpu_memory);
	cr_assert_eq(ptw_pgtable_regs(m.pgtable, &config.regs), PTW_OK);
	bytes = ptw_softmmu_size(&config);
	m.cpu_memory = aligned_alloc(64, bytes);
	cr_assert_eq(ptw_softmmu_init(&m.cpu, m.cpu_memory, bytes, &config), PTW_OK);
	map_levels(&m, 0, m.granule, 0, 1);
	touch(&m, 0);
	count(0, m.granule, ACCESSED);
	touch(&m, 0);
	count(0, m.granule, ACCESSED | EXACT);
	assert_counts(0, 0, 0, 0);
	ptw_softmmu_tlb_invalidate(m.cpu, 0, m.granule);
	touch(&m, 0);
	count(0, m.granule, ACCESSED | EXACT);
	assert_counts(1, 1, 0, 0);
	touch(&m, 0);
	count(0, m.granule, ACCESSED);
	assert_counts(1, 1, 0, 0);
	for (unsigned int i = 0; i < 4; i++) {
		touch_write(&m, 0);
		count(0, m.granule, DIRTY);
		cr_assert_eq(result.dirty_extents, 1u);
	}
	machine_close(&m);
}

Test(harvest, context)
{
	struct ptw_harvest h = { .size = sizeof(h), .flags = DIRTY };

	machine_open(&m, "x86-64");
	map_levels(&m, 0, m.granule, 0, 1);
	touch_write(&m, 0);
	ptw_read_lock();
	cr_assert_eq(harvest(0, m.granule, &h), PTW_ERR_CONTEXT);
	h.flags = ACCESSED | EXACT;
	cr_assert_eq(harvest(0, m.granule, &h), PTW_ERR_CONTEXT);
	cr_assert_eq(ptw_write_protect(m.pgtable, 0, m.granule, false, NULL, NULL),
		     PTW_ERR_CONTEXT);
	h.flags = DIRTY | PEEK;
	cr_assert_eq(harvest(0, m.granule, &h), PTW_OK);
	assert_counts(0, 0, 1, 1);
	h.flags = ACCESSED;
	cr_assert_eq(harvest(0, m.granule, &h), PTW_OK);
	assert_counts(1, 1, 0, 0);
	ptw_read_unlock();
	machine_close(&m);
}

Test(harvest, single_pages)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t g, block;

		machine_open(&m, preset);
		g = m.granule;
		block = entry_size(&m, 1);
		map_levels(&m, 0, 200 * g < block ? 200 * g : block, 0, 1);
		map_levels(&m, block, 2 * block, 0, 2);
		cr_assert_eq(ptw_test_young(m.pgtable, 3 * g), 0);
		cr_assert_eq(ptw_test_clear_young(m.pgtable, 3 * g), 0);
		touch(&m, 3 * g);
		/* Two or more pages may be one group, far ones are not. */
		cr_assert_eq(ptw_test_young(m.pgtable, 3 * g + 7), 1);
		cr_assert_eq(ptw_test_young(m.pgtable, 3 * g), 1);
		cr_assert_eq(ptw_test_young(m.pgtable, block), 0);
		cr_assert_eq(ptw_test_clear_young(m.pgtable, 3 * g + 9), 1);
		cr_assert_eq(ptw_test_clear_young(m.pgtable, 3 * g), 0);
		touch(&m, 2 * block - 1);
		cr_assert_eq(ptw_test_young(m.pgtable, block), 1);
		cr_assert_eq(ptw_test_clear_young(m.pgtable, block + block / 2), 1);
		cr_assert_eq(ptw_test_young(m.pgtable, block), 0);
		cr_assert_eq(ptw_test_young(m.pgtable, 2 * block), PTW_ERR_HOLE);
		cr_assert_eq(ptw_test_clear_young(m.pgtable, m.ia_end - 1), PTW_ERR_HOLE);
		machine_close(&m);
	}
}

Test(harvest, single_pages_of_a_group)
{
	machine_open(&m, "arm64-s2-16k-contig");
	map_levels(&m, 0, 256 * m.granule, 0, 1);
	touch(&m, 100 * m.granule);
	cr_assert_eq(ptw_test_young(m.pgtable, 0), 1);
	cr_assert_eq(ptw_test_young(m.pgtable, 128 * m.granule), 0);
	touch(&m, 5 * m.granule);
	cr_assert_eq(ptw_test_clear_young(m.pgtable, 64 * m.granule), 1);
	cr_assert_eq(ptw_test_clear_young(m.pgtable, 100 * m.granule), 0);
	cr_assert_eq(ptw_test_young(m.pgtable, 5 * m.granule), 0);
	machine_close(&m);
}
