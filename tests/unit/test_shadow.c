/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Shadow MMUs: what entries reached through a reverse map say, by format, level and range, and
 * what is left of them.
 */
#include <ptw/port.h>

#include "tests/unit/shadow_machine.h"

static struct shadow s;
static struct shadow_ask a;

static const char *const presets[] = { "ept4",	      "ept4-tracked", "x86-64",	 "arm64-s2-4k",
				       "arm64-s2-16k", "arm64-s1-64k", "perverse" };

/* ---- against a model: entries at random ---- */

#define FRAMES 1024
#define ENTRIES 600

static struct {
	uint64_t e;
	uint64_t was;
	uint64_t frame;
	unsigned int level;
} in[ENTRIES];

static uint64_t seed;

static unsigned int roll(unsigned int n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)((seed >> 33) % n);
}

static uint64_t frames_of(unsigned int level)
{
	return (uint64_t)1 << level * SHADOW_INDEX_LG2;
}

/* Singles, chains, blocks; a few entries are not present. */
static void populate(void)
{
	const unsigned int top = s.like->geometry.leaf_levels & 4 ? 3 : 2;

	for (unsigned int i = 0; i < ENTRIES; i++) {
		unsigned int level = roll(10) ? roll(10) ? 0 : 1 : top - 1;
		uint64_t frame = roll(FRAMES) & ~(frames_of(level) - 1);

		if (roll(6) == 0)
			frame = 16 * frames_of(level) % FRAMES;
		in[i].level = level;
		in[i].frame = frame;
		in[i].e = leaf_of(&s, i, level, roll(30) ? 0 : roll(4));
		if (roll(20) == 0)
			in[i].e = s.like->layout->empty;
		cr_assert_eq(ptw_rmap_add(s.rmap, frame, level, &in[i].e), PTW_OK);
	}
}

static void depopulate(void)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		(void)ptw_rmap_remove(s.rmap, in[i].frame, in[i].level, &in[i].e);
}

static bool overlaps(unsigned int i, uint64_t start, uint64_t end)
{
	return in[i].frame < end && in[i].frame + frames_of(in[i].level) > start;
}

/* What entry `i` must have become. */
static uint64_t changed(unsigned int i, uint32_t flags, bool unmap)
{
	const struct ptw_format *f = s.like->instance->format;
	const struct ptw_layout *l = s.like->layout;
	uint32_t what = state_of(&s, in[i].was, in[i].level);
	uint64_t e = in[i].was;

	if (unmap)
		return l->empty;
	if (flags & PTW_HARVEST_PEEK)
		return e;
	if ((flags & PTW_HARVEST_ACCESSED) && (what & PTW_EXTENT_YOUNG))
		e = f->make_old(l, e, in[i].level);
	if ((flags & PTW_HARVEST_DIRTY) && (what & PTW_EXTENT_DIRTY))
		e = f->make_clean(l, e, in[i].level);
	return e;
}

struct model {
	uint64_t young, dirty; /* frames */
	uint64_t head, tail;   /* longest extents cut */
	uint32_t head_what, tail_what;
	uint64_t entries;
};

static void model_entry(struct model *m, unsigned int i, uint32_t what)
{
	uint64_t end = in[i].frame + frames_of(in[i].level);

	if (what && in[i].frame < a.ask.start) {
		m->head_what |= what;
		m->head = m->head > frames_of(in[i].level) ? m->head : frames_of(in[i].level);
	}
	if (what && end > a.ask.end) {
		m->tail_what |= what;
		m->tail = m->tail > frames_of(in[i].level) ? m->tail : frames_of(in[i].level);
	}
}

static uint32_t model_frame(struct model *m, uint64_t frame, uint32_t flags)
{
	uint32_t what = 0;

	for (unsigned int i = 0; i < ENTRIES; i++)
		if (overlaps(i, frame, frame + 1))
			what |= state_of(&s, in[i].was, in[i].level) & flags;
	m->young += !!(what & PTW_EXTENT_YOUNG);
	m->dirty += !!(what & PTW_EXTENT_DIRTY);
	return what;
}

/* One question about [start, end), and all of its answer. `pieces`: with a budget of 1. */
static void question(uint64_t start, uint64_t end, uint32_t flags, bool unmap, bool pieces)
{
	/* The extent flags have the values of the harvest flags. */
	const uint32_t want = unmap ? 3 : flags & 3;
	ptw_mmu_ask_fn ask = unmap ? s.mmu.ops->unmap :
			     flags & 2 ? s.mmu.ops->harvest_dirty : s.mmu.ops->harvest_fast_only;
	unsigned int flushes = s.flushes, calls = 0;
	struct model m = { 0 };
	bool any = false;
	int ret;

	for (unsigned int i = 0; i < ENTRIES; i++)
		in[i].was = in[i].e;
	ask_for(&a, start, end, flags);
	a.ask.budget = pieces;
	ret = ask(s.mmu.context, &a.ask);
	while (ret == PTW_ERR_BUDGET) {
		struct ptw_mmu_ask next = a.ask;

		cr_assert_lt(a.ask.resume, end);
		next.start = a.ask.resume;
		cr_assert_eq(next.start % 64, 0u);
		next.young += next.start / 64 - start / 64;
		next.dirty += next.start / 64 - start / 64;
		ret = ask(s.mmu.context, &next);
		cr_assert_gt(next.resume, a.ask.resume);
		a.ask.resume = next.resume;
		calls++;
	}
	cr_assert_eq(ret, PTW_OK);
	cr_assert(!pieces || calls >= (end - 1) / 64 - start / 64);
	cr_assert_eq(a.ask.resume, end);
	cr_assert_eq(a.ask.not_asked_pages, 0u);
	cr_assert_eq(a.ask.cheap, unmap ? 0u : 1u);
	for (unsigned int i = 0; i < ENTRIES; i++) {
		bool asked = overlaps(i, start, end);
		uint64_t wanted = asked ? changed(i, flags, unmap) : in[i].was;

		cr_assert_eq(in[i].e, wanted, "entry %u of level %u", i, in[i].level);
		any |= wanted != in[i].was;
		m.entries += asked;
		if (asked)
			model_entry(&m, i, state_of(&s, in[i].was, in[i].level) & want);
	}
	for (uint64_t frame = start; frame < end; frame++) {
		uint32_t what = model_frame(&m, frame, want);

		cr_assert_eq(bit_of(&a, a.young, frame), !!(what & 1), "frame %u",
			     (unsigned int)frame);
		cr_assert_eq(bit_of(&a, a.dirty, frame), !!(what & 2), "frame %u",
			     (unsigned int)frame);
	}
	/* And nothing beside. */
	cr_assert_eq(bits_in(a.young), m.young);
	cr_assert_eq(bits_in(a.dirty), m.dirty);
	cr_assert_eq(bits_in(a.not_asked), 0u);
	if (!pieces) {
		cr_assert_eq(a.ask.young_pages, m.young);
		cr_assert_eq(a.ask.dirty_pages, m.dirty);
		cr_assert_eq(a.ask.entries, m.entries);
		cr_assert_eq(a.ask.head.length, m.head);
		cr_assert_eq(a.ask.head.what, m.head_what);
		cr_assert_eq(a.ask.tail.length, m.tail);
		cr_assert_eq(a.ask.tail.what, m.tail_what);
		cr_assert_eq(s.flushes - flushes, any && (unmap || (flags & 10)) ? 1u : 0u);
	}
}

static void touch_all(void)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (in[i].e != s.like->layout->empty)
			in[i].e = leaf_of(&s, i, in[i].level, roll(30) ? 0 : roll(4));
}

/* Ranges of any alignment, long enough to reach over blocks of every level. */
static void questions(const char *preset)
{
	seed = test_seed();
	shadow_open(&s, preset, FRAMES);
	populate();
	for (unsigned int i = 0; i < 40; i++) {
		uint64_t start = roll(FRAMES - 1);
		uint64_t end = start + 1 + roll(roll(2) ? 70 : (unsigned int)(FRAMES - start));
		uint32_t flags = 1 + roll(3);

		if (end > FRAMES)
			end = FRAMES;
		flags |= roll(4) ? 0 : PTW_HARVEST_PEEK;
		flags |= roll(4) ? 0 : PTW_HARVEST_EXACT;
		if ((flags & 11) == 9)
			flags &= ~8u; /* not a question for the fast operation */
		question(start, end, flags, false, roll(3) == 0);
		touch_all();
	}
	question(0, FRAMES, PTW_HARVEST_ACCESSED, false, false);
	question(0, FRAMES, PTW_HARVEST_ACCESSED, false, false);
	depopulate();
	shadow_close(&s);
}

Test(shadow, answers_are_right)
{
	for (unsigned int i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		questions(presets[i]);
}

Test(shadow, unmapping_answers_and_takes_out)
{
	for (unsigned int p = 0; p < sizeof(presets) / sizeof(presets[0]); p++) {
		struct ptw_rmap_info info = { .size = sizeof(info) };

		seed = test_seed() + p;
		shadow_open(&s, presets[p], FRAMES);
		populate();
		question(100, 300, 0, true, false);
		for (unsigned int i = 0; i < ENTRIES; i++)
			cr_assert_eq(ptw_rmap_remove(s.rmap, in[i].frame, in[i].level, &in[i].e),
				     overlaps(i, 100, 300) ? PTW_ERR_ABSENT : PTW_OK);
		cr_assert_eq(ptw_rmap_info(s.rmap, &info), PTW_OK);
		cr_assert_eq(info.entries, 0u);
		cr_assert_eq(info.chains, 0u);
		populate();
		question(0, FRAMES, 0, true, true);
		cr_assert_eq(ptw_rmap_info(s.rmap, &info), PTW_OK);
		cr_assert_eq(info.entries, 0u);
		cr_assert_eq(info.chains, 0u);
		cr_assert_lt(info.bytes, 3u * 8 * FRAMES);
		shadow_close(&s);
	}
}

/* What a large block says reaches over many words, to the end of the question, also if that comes
 * early. */
Test(shadow, blocks_are_carried_on)
{
	uint64_t e;

	shadow_open_at(&s, "ept4", 0, (uint64_t)1 << 19, 9);
	cr_assert_eq(ptw_rmap_add(s.rmap, (uint64_t)1 << 18, 2, &e), PTW_OK);
	e = leaf_of(&s, 1, 2, PTW_EXTENT_YOUNG);
	ask_for(&a, ((uint64_t)1 << 18) - 5, ((uint64_t)1 << 18) + 4000, PTW_HARVEST_ACCESSED);
	a.ask.budget = 200;
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_ERR_BUDGET);
	cr_assert_lt(a.ask.resume, a.ask.end);
	cr_assert_eq(a.ask.young_pages, 4000u);
	cr_assert_eq(bits_in(a.young), 4000u);
	cr_assert_eq(a.ask.tail.start, (uint64_t)1 << 18);
	cr_assert_eq(a.ask.tail.length, (uint64_t)1 << 18);
	cr_assert_eq(a.ask.tail.level, 2u);
	cr_assert_eq(a.ask.head.length, 0u);
	shadow_close(&s);
}

/* Grace periods do not wait for a whole question: its sections are bounded by cost. */
Test(shadow, sections_are_bounded)
{
	struct ptw_rmap_job job = { .shadow = &s.config, .ask = &a.ask };
	uint64_t *e = calloc(4096, sizeof(*e));

	shadow_open(&s, "ept4", 4096);
	job.rmap = s.rmap;
	for (unsigned int i = 0; i < 4096; i++) {
		e[i] = leaf_of(&s, i, 0, PTW_EXTENT_YOUNG);
		cr_assert_eq(ptw_rmap_add(s.rmap, i, 0, &e[i]), PTW_OK);
	}
	ask_for(&a, 0, 4096, PTW_HARVEST_ACCESSED);
	cr_assert_eq(ptw_rmap_ask(&job), PTW_OK);
	cr_assert_eq(a.ask.young_pages, 4096u);
	cr_assert_lt(job.cost, PTW_SECTION_COST + 64u * (1 + PTW_CHANGED_COST));
	cr_assert_eq(job.spent + job.cost, 4096u * (1 + PTW_CHANGED_COST));
	shadow_close(&s);
	free(e);
}

/* Frames outside the map are holes, in questions that begin and end anywhere. */
Test(shadow, outside_the_map_nothing_is_young)
{
	uint64_t e[2];

	shadow_open_at(&s, "ept4", 1000, 100, 4);
	e[0] = e[1] = leaf_of(&s, 1, 0, PTW_EXTENT_YOUNG);
	cr_assert_eq(ptw_rmap_add(s.rmap, 1000, 0, &e[0]), PTW_OK);
	cr_assert_eq(ptw_rmap_add(s.rmap, 1099, 0, &e[1]), PTW_OK);
	ask_for(&a, 0, 1000, PTW_HARVEST_ACCESSED);
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(a.ask.young_pages, 0u);
	cr_assert_eq(a.ask.resume, 1000u);
	ask_for(&a, 1100, 4000, PTW_HARVEST_ACCESSED);
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(a.ask.young_pages, 0u);
	ask_for(&a, 0, 4000, PTW_HARVEST_ACCESSED);
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(a.ask.resume, 4000u);
	cr_assert_eq(bits_in(a.young), 2u);
	cr_assert(bit_of(&a, a.young, 1000) && bit_of(&a, a.young, 1099));
	cr_assert_eq(young_at(&s, 999), PTW_ERR_HOLE);
	cr_assert_eq(young_at(&s, 1001), PTW_ERR_HOLE);
	cr_assert_eq(young_at(&s, 1000), 0);
	shadow_close(&s);
}

Test(shadow, one_frame)
{
	uint64_t e = 0;

	shadow_open(&s, "ept4", 256);
	cr_assert_eq(ptw_rmap_add(s.rmap, 16, 1, &e), PTW_OK);
	e = leaf_of(&s, 1, 1, PTW_EXTENT_YOUNG);
	cr_assert_eq(s.mmu.ops->test_young(s.mmu.context, 0, 31), 1);
	cr_assert_eq(s.mmu.ops->test_young(s.mmu.context, 0, 31), 1);
	cr_assert_eq(s.mmu.ops->clear_young(s.mmu.context, 0, 20), 1);
	cr_assert_eq(s.mmu.ops->clear_young(s.mmu.context, 0, 16), 0);
	cr_assert_eq(s.mmu.ops->test_young(s.mmu.context, 0, 16), 0);
	cr_assert_eq(s.mmu.ops->test_young(s.mmu.context, 0, 32), PTW_ERR_HOLE);
	cr_assert_eq(s.mmu.ops->test_young(s.mmu.context, 1, 16), PTW_ERR_RANGE);
	cr_assert_eq(s.flushes, 0u);
	shadow_close(&s);
}

/* ---- held words ---- */

static void hold(uint64_t frame, unsigned int level, bool on)
{
	uint64_t *w = &s.rmap->level[level].word[frame >> s.rmap->level[level].lg2];

	*w = on ? *w | PTW_RMAP_HELD : *w & ~PTW_RMAP_HELD;
}

static void not_asked(unsigned int level, unsigned int entries)
{
	const uint64_t frames = frames_of(level);
	uint64_t e[3];
	struct ptw_rmap_info info = { .size = sizeof(info) };

	shadow_open(&s, "ept4", 1024);
	for (unsigned int i = 0; i < entries; i++) {
		e[i] = leaf_of(&s, i, level, PTW_EXTENT_YOUNG);
		cr_assert_eq(ptw_rmap_add(s.rmap, 256, level, &e[i]), PTW_OK);
	}
	hold(256, level, true);
	ask_for(&a, 200, 1000, PTW_HARVEST_ACCESSED);
	cr_assert_eq(s.mmu.ops->harvest_fast_only(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(a.ask.not_asked_pages, frames);
	cr_assert_eq(bits_in(a.not_asked), frames);
	cr_assert(bit_of(&a, a.not_asked, 256) && bit_of(&a, a.not_asked, 255 + frames));
	cr_assert_eq(bits_in(a.young), 0u);
	cr_assert_eq(e[0], leaf_of(&s, 0, level, PTW_EXTENT_YOUNG));
	cr_assert_eq(ptw_rmap_info(s.rmap, &info), PTW_OK);
	cr_assert_eq(info.held, 1u);
	cr_assert_eq(young_at(&s, 256), PTW_ERR_AGAIN);
	/* Without a bitmap the count is all. */
	a.ask.not_asked = NULL;
	a.ask.not_asked_pages = 0;
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(a.ask.not_asked_pages, frames);
	/* Unmapping says where it came to a halt. */
	ask_for(&a, 0, 1000, 0);
	cr_assert_eq(s.mmu.ops->unmap(s.mmu.context, &a.ask), PTW_ERR_AGAIN);
	cr_assert_eq(a.ask.resume, 256u);
	hold(256, level, false);
	ask_for(&a, 256, 1000, 0);
	cr_assert_eq(s.mmu.ops->unmap(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(a.ask.young_pages, frames);
	for (unsigned int i = 0; i < entries; i++)
		cr_assert_eq(e[i], s.like->layout->empty);
	shadow_close(&s);
}

Test(shadow, held_words_are_not_asked)
{
	for (unsigned int level = 0; level < 3; level++) {
		not_asked(level, 1);
		not_asked(level, 3);
	}
}

/* ---- flushes, contexts, arguments ---- */

Test(shadow, flushes)
{
	uint64_t e;

	shadow_open(&s, "ept4", 64);
	cr_assert_eq(ptw_rmap_add(s.rmap, 5, 0, &e), PTW_OK);
	for (unsigned int old = 0; old < 2; old++) {
		e = leaf_of(&s, 1, 0, old ? 0 : 3);
		ask_for(&a, 0, 64, PTW_HARVEST_ACCESSED);
		cr_assert_eq(s.mmu.ops->harvest_fast_only(s.mmu.context, &a.ask), PTW_OK);
		cr_assert_eq(s.flushes, 0u);
		e = leaf_of(&s, 1, 0, old ? 0 : 3);
		ask_for(&a, 0, 64, PTW_HARVEST_ACCESSED | PTW_HARVEST_EXACT);
		cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
		cr_assert_eq(s.flushes, !old);
		e = leaf_of(&s, 1, 0, old ? 1 : 3);
		ask_for(&a, 0, 64, PTW_HARVEST_DIRTY);
		cr_assert_eq(s.mmu.ops->harvest_dirty(s.mmu.context, &a.ask), PTW_OK);
		cr_assert_eq(e, leaf_of(&s, 1, 0, 1));
		cr_assert_eq(s.flushes, old ? 0u : 2u);
		s.flushes = 0;
	}
	/* What flushes may wait, and so has no place in a read-side section. */
	ptw_port_read_lock();
	ask_for(&a, 0, 64, PTW_HARVEST_DIRTY);
	cr_assert_eq(s.mmu.ops->harvest_dirty(s.mmu.context, &a.ask), PTW_ERR_CONTEXT);
	cr_assert_eq(s.mmu.ops->unmap(s.mmu.context, &a.ask), PTW_ERR_CONTEXT);
	ask_for(&a, 0, 64, PTW_HARVEST_ACCESSED);
	cr_assert_eq(s.mmu.ops->harvest_fast_only(s.mmu.context, &a.ask), PTW_OK);
	ptw_port_read_unlock();
	ask_for(&a, 0, 64, 0);
	cr_assert_eq(s.mmu.ops->unmap(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(s.flushes, 1u);
	cr_assert_eq(s.mmu.ops->unmap(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(s.flushes, 1u);
	shadow_close(&s);
}

/* The caller's own way to unmap: while the word is held, so that the entry stays what it is. */
static uint64_t zap(void *context, uint64_t *entry, unsigned int level)
{
	struct shadow *mine = context;
	uint64_t was = *entry;

	cr_assert_eq(level, 0u);
	cr_assert_eq(ptw_rmap_remove(mine->rmap, 5, 0, entry), PTW_ERR_AGAIN);
	*entry = 0x5550;
	mine->zaps++;
	return was;
}

Test(shadow, zapping_by_hand)
{
	uint64_t e[20];

	shadow_open(&s, "ept4", 64);
	s.config.zap = zap;
	shadow_again(&s);
	for (unsigned int n = 1; n <= 20; n++) {
		for (unsigned int i = 0; i < n; i++) {
			e[i] = leaf_of(&s, i, 0, i == n - 1 ? 2 : 0);
			cr_assert_eq(ptw_rmap_add(s.rmap, 5, 0, &e[i]), PTW_OK);
		}
		s.zaps = s.flushes = 0;
		ask_for(&a, 0, 64, 0);
		cr_assert_eq(s.mmu.ops->unmap(s.mmu.context, &a.ask), PTW_OK);
		cr_assert_eq(s.zaps, n);
		cr_assert_eq(s.flushes, 1u);
		cr_assert_eq(a.ask.dirty_pages, 1u);
		cr_assert_eq(a.ask.young_pages, 0u);
		cr_assert_eq(e[0], 0x5550u);
		cr_assert_eq(ptw_rmap_count(s.rmap, 5, 0), 0);
	}
	shadow_close(&s);
}

static int created(const struct ptw_mmu_shadow *config)
{
	struct ptw_mmu mmu = { 0 };
	int ret = ptw_mmu_shadow_create(config, &mmu);

	cr_assert(ret == PTW_OK || !mmu.ops);
	if (!ret)
		ptw_mmu_destroy(&mmu);
	return ret;
}

Test(shadow, arguments)
{
	struct ptw_rmap *rmaps[2];
	struct ptw_mmu_shadow config;
	struct ptw_pgtable *groups;
	struct ptw_config table;

	shadow_open(&s, "ept4", 64);
	config = s.config;
	cr_assert_eq(created(&config), PTW_OK);
	cr_assert_eq(ptw_mmu_shadow_create(NULL, &s.mmu), PTW_ERR_ARG);
	cr_assert_eq(ptw_mmu_shadow_create(&config, NULL), PTW_ERR_ARG);
	config.size = 8;
	cr_assert_eq(created(&config), PTW_ERR_SIZE);
	config = s.config;
	config.count = 0;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	config.count = 257;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	config = s.config;
	config.rmaps = NULL;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	rmaps[0] = s.rmap;
	rmaps[1] = NULL;
	config.rmaps = rmaps;
	config.count = 2;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	config = s.config;
	config.like = NULL;
	cr_assert_eq(created(&config), PTW_ERR_ARG);
	cr_assert_eq(ptw_preset("arm64-s2-4k-contig", &table), PTW_OK);
	table.phys_offset = PHYS_OFFSET;
	cr_assert_eq(ptw_pgtable_create(&table, &groups), PTW_OK);
	config.like = groups;
	cr_assert_eq(created(&config), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(ptw_pgtable_destroy(groups), PTW_OK);

	ask_for(&a, 0, 64, PTW_HARVEST_ACCESSED);
	a.ask.as = 1;
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_ERR_RANGE);
	cr_assert_eq(s.mmu.ops->unmap(s.mmu.context, &a.ask), PTW_ERR_RANGE);
	ask_for(&a, 0, 64, 0);
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_ERR_ARG);
	a.ask.flags = 1 << 10 | PTW_HARVEST_ACCESSED;
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_ERR_ARG);
	a.ask.end = a.ask.start;
	a.ask.flags = PTW_HARVEST_ACCESSED;
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_ERR_RANGE);
	a.ask.size = 8;
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_ERR_SIZE);
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, NULL), PTW_ERR_ARG);
	shadow_close(&s);
}

/* Address spaces are maps of their own. */
Test(shadow, address_spaces)
{
	struct ptw_rmap_config map = { .size = sizeof(map), .frames = 64, .levels = 1 };
	struct ptw_rmap *rmaps[2], *second;
	uint64_t e;

	shadow_open(&s, "ept4", 64);
	rmaps[0] = s.rmap;
	cr_assert_eq(ptw_rmap_create(&map, &second), PTW_OK);
	rmaps[1] = second;
	s.config.rmaps = rmaps;
	s.config.count = 2;
	shadow_again(&s);
	e = leaf_of(&s, 1, 0, PTW_EXTENT_YOUNG);
	cr_assert_eq(ptw_rmap_add(rmaps[1], 5, 0, &e), PTW_OK);
	/* The array was copied. */
	rmaps[0] = rmaps[1] = NULL;
	cr_assert_eq(s.mmu.ops->clear_young(s.mmu.context, 0, 5), PTW_ERR_HOLE);
	cr_assert_eq(s.mmu.ops->clear_young(s.mmu.context, 1, 5), 1);
	cr_assert_eq(s.mmu.ops->clear_young(s.mmu.context, 2, 5), PTW_ERR_RANGE);
	shadow_close(&s);
	ptw_rmap_destroy(second);
}
