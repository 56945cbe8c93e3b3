/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Entries in a reverse map that hardware uses and the layout does not call present: written by other
 * rules than the MMU was told. What they knew cannot be told, and they are alive: they are never
 * taken for "nothing there".
 */
#include <ptw/port.h>

#include <ptw/ask.h>
#include <ptw/invalidate.h>
#include <ptw/layout.h>
#include <ptw/space.h>

#include "tests/unit/shadow_machine.h"

/* By the manual alone: R, W, X, write-back, and a block above level 0; no bit of software. */
#define RAW ((uint64_t)0x37)
#define RAW_BLOCK ((uint64_t)1 << 7)
#define RAW_A ((uint64_t)1 << 8)
#define RAW_D ((uint64_t)1 << 9)
#define RAW_XU ((uint64_t)1 << 10)
#define MARKER ((uint64_t)1 << 11)

#define FRAMES 1024
#define BOTH (PTW_EXTENT_YOUNG | PTW_EXTENT_DIRTY)

static struct shadow s;
static struct shadow_ask a;
static uint64_t entry[64];

static uint64_t raw_of(uint64_t page, unsigned int level, uint64_t bits)
{
	return page << (12 + 9 * level) | RAW | (level ? RAW_BLOCK : 0) | bits;
}

static uint64_t frames_of(unsigned int level)
{
	return (uint64_t)1 << level * SHADOW_INDEX_LG2;
}

static void add(uint64_t frame, unsigned int level, uint64_t *e)
{
	cr_assert_eq(ptw_rmap_add(s.rmap, frame, level, e), PTW_OK);
}

static int unmap(uint64_t start, uint64_t end)
{
	ask_for(&a, start, end, 0);
	return s.mmu.ops->unmap(s.mmu.context, &a.ask);
}

/* Nothing is said of frames [first, first + n) but that they were not asked; and of no others. */
static void not_asked(uint64_t first, uint64_t n, uint32_t flags)
{
	ask_for(&a, 0, FRAMES, flags);
	cr_assert_eq(s.mmu.ops->harvest_dirty(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(bits_in(a.young), 0u, "flags %x", flags);
	cr_assert_eq(bits_in(a.dirty), 0u, "flags %x", flags);
	cr_assert_eq(bits_in(a.not_asked), n, "flags %x", flags);
	cr_assert_eq(a.ask.not_asked_pages, n);
	for (uint64_t i = 0; i < n; i++)
		cr_assert(bit_of(&a, a.not_asked, first + i));
}

static const uint32_t questions[] = {
	PTW_HARVEST_ACCESSED,
	PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK,
	PTW_HARVEST_DIRTY,
	PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK,
	PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY,
	PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK,
};

static const char *const presets[] = { "ept4", "ept4-tracked" };

Test(shadow_raw, a_young_one_is_not_asked)
{
	for (unsigned int p = 0; p < 2; p++) {
		shadow_open(&s, presets[p], FRAMES);
		entry[0] = raw_of(77, 0, RAW_A | RAW_D);
		add(133, 0, &entry[0]);
		for (unsigned int i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
			not_asked(133, 1, questions[i]);
			cr_assert_eq(entry[0], raw_of(77, 0, RAW_A | RAW_D));
		}
		cr_assert_eq(young_at(&s, 133), PTW_ERR_AGAIN);
		cr_assert_eq(s.mmu.ops->test_young(s.mmu.context, 0, 133), PTW_ERR_AGAIN);
		cr_assert_eq(s.flushes, 0u);
		shadow_close(&s);
	}
}

/* Where hardware sets A, one without is old by all rules. Where it does not, nobody knows. */
Test(shadow_raw, an_old_one_is_old_only_if_hardware_says_so)
{
	for (unsigned int p = 0; p < 2; p++) {
		shadow_open(&s, presets[p], FRAMES);
		entry[0] = raw_of(77, 0, 0);
		add(133, 0, &entry[0]);
		for (unsigned int i = p ? 0 : 2; i < sizeof(questions) / sizeof(questions[0]); i++)
			not_asked(133, 1, questions[i]);
		cr_assert_eq(young_at(&s, 133), p ? PTW_ERR_AGAIN : 0);
		/* In a short question, too, which looks at words one by one. */
		ask_for(&a, 130, 135, PTW_HARVEST_ACCESSED);
		cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
		cr_assert_eq(a.ask.young_pages, 0u);
		cr_assert_eq(a.ask.not_asked_pages, p);
		cr_assert_eq(entry[0], raw_of(77, 0, 0));
		shadow_close(&s);
	}
}

/* Others in the chain are asked, and made old; the frame is both young and not asked. */
Test(shadow_raw, in_a_chain)
{
	const unsigned int many = 40;

	for (unsigned int at = 0; at < many; at += 13) {
		shadow_open(&s, "ept4", FRAMES);
		for (unsigned int i = 0; i < many; i++) {
			entry[i] = i == at ? raw_of(i, 0, RAW_A) : leaf_of(&s, i, 0, 0);
			add(7, 0, &entry[i]);
		}
		not_asked(7, 1, PTW_HARVEST_ACCESSED);
		not_asked(7, 1, PTW_HARVEST_DIRTY);
		entry[(at + 1) % many] = leaf_of(&s, 90, 0, BOTH);
		ask_for(&a, 0, 64, PTW_HARVEST_ACCESSED);
		cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
		cr_assert_eq(a.young[0], 1u << 7);
		cr_assert_eq(a.not_asked[0], 1u << 7);
		cr_assert_eq(entry[(at + 1) % many], leaf_of(&s, 90, 0, PTW_EXTENT_DIRTY));
		cr_assert_eq(entry[at], raw_of(at, 0, RAW_A));
		/* The frame is unmapped whole, or not at all. */
		cr_assert_eq(unmap(0, 64), PTW_ERR_UNSUPPORTED);
		cr_assert_eq(a.ask.resume, 7u);
		cr_assert_eq(a.ask.dirty_pages, 0u);
		cr_assert_eq(entry[(at + 1) % many], leaf_of(&s, 90, 0, PTW_EXTENT_DIRTY));
		cr_assert_eq(ptw_rmap_count(s.rmap, 7, 0), (int)many);
		cr_assert_eq(s.flushes, 0u);
		/* Its owner mends it: then it goes. */
		entry[at] |= MARKER;
		cr_assert_eq(unmap(7, 64), PTW_OK);
		cr_assert_eq(a.ask.dirty_pages, 1u);
		cr_assert_eq(ptw_rmap_count(s.rmap, 7, 0), 0);
		cr_assert_eq(entry[at], s.like->layout->empty);
		shadow_close(&s);
	}
}

Test(shadow_raw, blocks)
{
	for (unsigned int level = 1; level < 3; level++)
		for (unsigned int bits = 0; bits < 2; bits++) {
			const uint64_t frames = frames_of(level);
			const uint64_t e = raw_of(3, level, bits ? RAW_A | RAW_D : 0);

			shadow_open(&s, "ept4", FRAMES);
			entry[0] = e;
			entry[1] = entry[2] = entry[3] = leaf_of(&s, 8, 0, BOTH);
			add(256, level, &entry[0]);
			for (unsigned int i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
				not_asked(256, frames, questions[i]);
			add(255, 0, &entry[1]);
			add(256, 0, &entry[2]);
			add(256 + frames, 0, &entry[3]);
			cr_assert_eq(unmap(0, FRAMES), PTW_ERR_UNSUPPORTED);
			cr_assert_eq(a.ask.resume, 256u);
			cr_assert_eq(a.ask.dirty_pages, 1u);
			cr_assert(bit_of(&a, a.dirty, 255));
			cr_assert_eq(s.flushes, 1u);
			/* Its second half: there is no way around it. */
			cr_assert_eq(unmap(256 + frames / 2, FRAMES), PTW_ERR_UNSUPPORTED);
			cr_assert_eq(a.ask.resume, 256 + frames / 2);
			cr_assert_eq(s.flushes, 1u);
			cr_assert_eq(entry[0], e);
			cr_assert_eq(entry[2], leaf_of(&s, 8, 0, BOTH));
			cr_assert_eq(ptw_rmap_count(s.rmap, 256, level), 1);
			cr_assert_eq(unmap(256 + frames, FRAMES), PTW_OK);
			cr_assert_eq(a.ask.dirty_pages, 1u);
			shadow_close(&s);
		}
}

/* A block in the middle of a word of output: smaller entries before it are done, and none behind. */
Test(shadow_raw, unmap_ends_at_the_first_of_all_levels)
{
	shadow_open(&s, "ept4", FRAMES);
	for (unsigned int i = 0; i < 64; i++) {
		entry[i] = leaf_of(&s, i, 0, i & 1 ? BOTH : 0);
		if (i != 40)
			add(i, 0, &entry[i]);
	}
	entry[40] = raw_of(1, 1, RAW_A);
	add(32, 1, &entry[40]);
	cr_assert_eq(unmap(3, FRAMES), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(a.ask.resume, 32u);
	cr_assert_eq(a.dirty[0], 0xaaaaaaa8u);
	cr_assert_eq(a.young[0], 0xaaaaaaa8u);
	for (unsigned int i = 0; i < 64; i++)
		cr_assert_eq(ptw_rmap_count(s.rmap, i, 0), i != 40 && (i < 3 || i >= 32));
	/* And one of a smaller level before it. */
	entry[20] = raw_of(1, 0, 0);
	add(20, 0, &entry[20]);
	cr_assert_eq(unmap(3, FRAMES), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(a.ask.resume, 20u);
	cr_assert_eq(ptw_rmap_remove(s.rmap, 20, 0, &entry[20]), PTW_OK);
	cr_assert_eq(ptw_rmap_remove(s.rmap, 32, 1, &entry[40]), PTW_OK);
	cr_assert_eq(unmap(20, FRAMES), PTW_OK);
	cr_assert_eq(a.ask.dirty_pages, 16u);
	shadow_close(&s);
}

static uint64_t zap(void *context, uint64_t *e, unsigned int level)
{
	struct shadow *mine = context;
	uint64_t was = *e;

	(void)level;
	mine->zaps++;
	*e = 0x5550;
	return was;
}

Test(shadow_raw, unmap_leaves_it_alone)
{
	for (unsigned int own = 0; own < 2; own++)
		for (unsigned int bits = 0; bits < 2; bits++) {
			const uint64_t e = raw_of(77, 0, bits ? RAW_A | RAW_D : 0);

			shadow_open(&s, "ept4", FRAMES);
			s.config.zap = own ? zap : NULL;
			shadow_again(&s);
			entry[0] = entry[2] = leaf_of(&s, 1, 0, BOTH);
			entry[1] = e;
			for (unsigned int i = 0; i < 3; i++)
				add(131 + i, 0, &entry[i]);
			for (unsigned int tries = 0; tries < 3; tries++) {
				cr_assert_eq(unmap(tries ? a.ask.resume : 0, FRAMES),
					     PTW_ERR_UNSUPPORTED);
				cr_assert_eq(a.ask.resume, 132u);
				cr_assert_eq(a.ask.dirty_pages, !tries);
				cr_assert_eq(s.flushes, 1u);
				cr_assert_eq(s.zaps, own);
				cr_assert_eq(entry[1], e);
				cr_assert_eq(entry[2], leaf_of(&s, 1, 0, BOTH));
				cr_assert_eq(ptw_rmap_count(s.rmap, 131, 0), 0);
				cr_assert_eq(ptw_rmap_count(s.rmap, 132, 0), 1);
				cr_assert_eq(ptw_rmap_count(s.rmap, 133, 0), 1);
			}
			cr_assert_eq(ptw_rmap_remove(s.rmap, 132, 0, &entry[1]), PTW_OK);
			cr_assert_eq(unmap(132, FRAMES), PTW_OK);
			cr_assert_eq(a.ask.dirty_pages, 1u);
			shadow_close(&s);
		}
}

/* It was an entry when it was looked at, and is none when its owner zaps it: what that took is told and
 * flushed, and the frame is not done. */
static uint64_t zap_late(void *context, uint64_t *e, unsigned int level)
{
	*e &= ~MARKER;
	return zap(context, e, level);
}

Test(shadow_raw, written_while_it_is_zapped)
{
	for (unsigned int n = 1; n < 20; n += 6) {
		shadow_open(&s, "ept4", 64);
		s.config.zap = zap_late;
		shadow_again(&s);
		for (unsigned int i = 0; i < n; i++) {
			entry[i] = leaf_of(&s, i, 0, i == n - 1 ? BOTH : 0);
			add(5, 0, &entry[i]);
		}
		cr_assert_eq(unmap(0, 64), PTW_ERR_UNSUPPORTED);
		cr_assert_eq(a.ask.resume, 5u);
		cr_assert_eq(a.young[0], 1u << 5);
		cr_assert_eq(a.dirty[0], 1u << 5);
		cr_assert_eq(s.flushes, 1u);
		cr_assert_eq(ptw_rmap_count(s.rmap, 5, 0), (int)n);
		shadow_close(&s);
	}
}

/* ---- layouts of others ---- */

static uint64_t root[512] __attribute__((__aligned__(4096)));

/* The MMU once more, like an attached page table with that layout; null: hardware's rules alone. */
static void like_attached(const char *preset, const struct ptw_layout *layout)
{
	struct ptw_range bounds = { 1 << 20, (1 << 20) + sizeof(root) };
	struct ptw_attach attach = { .size = sizeof(attach), .root = bounds.start,
				     .bounds = &bounds, .bounds_count = 1,
				     .table_budget = 1 };
	struct ptw_config config;

	cr_assert_eq(ptw_pgtable_destroy(s.like), PTW_OK);
	cr_assert_eq(ptw_preset(preset, &config), PTW_OK);
	config.layout = layout;
	config.phys_offset = (uint64_t)(uintptr_t)root - bounds.start;
	cr_assert_eq(ptw_pgtable_attach(&config, &attach, &s.like), PTW_OK);
	s.config.like = s.like;
	shadow_again(&s);
}

/* "Nobody's" and "owned" are the layout's, whatever bits they have; others of these bits are not. */
Test(shadow_raw, frozen_and_empty_values_contradict_nothing)
{
	struct ptw_layout layout = ptw_layout_kvm_ept_7_3;
	const uint64_t quiet[] = { (uint64_t)1 << 63 | RAW_XU, RAW_XU | RAW_D | 7,
				   (uint64_t)1 << 63, 0, 0x5558 };

	layout.empty = quiet[0];
	layout.frozen = quiet[1];
	for (unsigned int level = 0; level < 2; level++) {
		shadow_open(&s, "ept4", FRAMES);
		like_attached("ept4", &layout);
		add(64, level, &entry[0]);
		for (unsigned int i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++) {
			/* The last one has XU, as a permission of this layout. */
			const bool quiet_one = i < 4;

			entry[0] = quiet[i];
			ask_for(&a, 0, FRAMES, PTW_HARVEST_ACCESSED);
			cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
			cr_assert_eq(a.ask.not_asked_pages, quiet_one ? 0u : frames_of(level),
				     "value %u", i);
			cr_assert_eq(a.ask.young_pages, 0u);
			if (!quiet_one)
				continue;
			cr_assert_eq(unmap(0, FRAMES), PTW_OK, "value %u", i);
			cr_assert_eq(entry[0], quiet[i]);
			cr_assert_eq(ptw_rmap_count(s.rmap, 64, level), 0);
			add(64, level, &entry[0]);
		}
		shadow_close(&s);
	}
}

/* Execution for users alone is a permission where the layout counts it. */
Test(shadow_raw, user_execution_counts_where_it_is_counted)
{
	for (unsigned int counted = 0; counted < 2; counted++) {
		shadow_open(&s, "ept4", FRAMES);
		like_attached("ept4", counted ? &ptw_layout_kvm_ept_7_3 : &ptw_layout_kvm_ept_6_1);
		entry[0] = 77 << 12 | RAW_XU;
		add(5, 0, &entry[0]);
		not_asked(5, counted, PTW_HARVEST_ACCESSED);
		cr_assert_eq(unmap(0, FRAMES), counted ? PTW_ERR_UNSUPPORTED : PTW_OK);
		cr_assert_eq(entry[0], 77u << 12 | RAW_XU);
		shadow_close(&s);
	}
}

/* The way for entries by the manual alone: without a layout they are entries as all others. */
Test(shadow_raw, without_a_layout_they_are_entries)
{
	shadow_open(&s, "ept4", FRAMES);
	like_attached("ept4", NULL);
	entry[0] = raw_of(77, 0, RAW_A | RAW_D);
	add(5, 0, &entry[0]);
	ask_for(&a, 0, FRAMES, PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY);
	cr_assert_eq(s.mmu.ops->harvest_dirty(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(a.young[0] & a.dirty[0], 1u << 5);
	cr_assert_eq(a.ask.not_asked_pages, 0u);
	cr_assert_eq(entry[0], raw_of(77, 0, 0));
	cr_assert_eq(unmap(0, FRAMES), PTW_OK);
	cr_assert_eq(entry[0], 0u);
	shadow_close(&s);
}

/* x86-64 has a present bit of its own; KVM's entries have a marker beside it. arm64 has the valid bit,
 * with a type that a level-0 entry must not have. */
Test(shadow_raw, other_formats)
{
	shadow_open(&s, "x86-64", FRAMES);
	entry[0] = 77 << 12 | 0x67;
	add(5, 0, &entry[0]);
	cr_assert_eq(young_at(&s, 5), 1);
	like_attached("x86-64", &ptw_layout_kvm_npt_7_3);
	entry[0] = 77 << 12 | 0x67;
	not_asked(5, 1, PTW_HARVEST_ACCESSED);
	cr_assert_eq(unmap(0, FRAMES), PTW_ERR_UNSUPPORTED);
	cr_assert_eq(a.ask.resume, 5u);
	cr_assert_eq(entry[0], 77u << 12 | 0x67);
	entry[0] |= MARKER;
	cr_assert_eq(young_at(&s, 5), 1);
	shadow_close(&s);

	shadow_open(&s, "arm64-s2-4k", FRAMES);
	entry[0] = leaf_of(&s, 77, 0, PTW_EXTENT_YOUNG) & ~(uint64_t)2;
	add(5, 0, &entry[0]);
	not_asked(5, 1, PTW_HARVEST_ACCESSED);
	cr_assert_eq(unmap(0, FRAMES), PTW_ERR_UNSUPPORTED);
	entry[0] = leaf_of(&s, 77, 0, PTW_EXTENT_YOUNG) & ~(uint64_t)1;
	cr_assert_eq(young_at(&s, 5), 0);
	cr_assert_eq(unmap(0, FRAMES), PTW_OK);
	shadow_close(&s);
}

/* ---- mixed, against a model ---- */

#define ENTRIES 500

static struct {
	uint64_t e;
	uint64_t was;
	uint64_t frame;
	unsigned int level;
	bool raw;
} in[ENTRIES];

static uint64_t seed;

static unsigned int roll(unsigned int n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned int)((seed >> 33) % n);
}

/* All are young, but for a few that are empty. */
static void populate(void)
{
	for (unsigned int i = 0; i < ENTRIES; i++) {
		unsigned int level = roll(12) ? 0 : 1 + roll(2);

		in[i].level = level;
		in[i].frame = roll(FRAMES) & ~(frames_of(level) - 1);
		in[i].raw = roll(level ? 4 : 40) == 0;
		in[i].e = in[i].raw ? raw_of(i, level, RAW_A | RAW_D) :
			  roll(20) ? leaf_of(&s, i, level, BOTH) : s.like->layout->empty;
		add(in[i].frame, level, &in[i].e);
	}
}

static bool overlaps(unsigned int i, uint64_t start, uint64_t end)
{
	return in[i].frame < end && in[i].frame + frames_of(in[i].level) > start;
}

static void mixed_ask(uint32_t flags)
{
	uint64_t start = roll(FRAMES - 200), end = start + 1 + roll(200), n = 0;

	for (unsigned int i = 0; i < ENTRIES; i++)
		in[i].was = in[i].e;
	ask_for(&a, start, end, flags);
	cr_assert_eq(s.mmu.ops->harvest_dirty(s.mmu.context, &a.ask), PTW_OK);
	for (uint64_t frame = start; frame < end; frame++) {
		bool raw = false;
		uint32_t what = 0;

		for (unsigned int i = 0; i < ENTRIES; i++)
			if (overlaps(i, frame, frame + 1)) {
				raw |= in[i].raw;
				what |= state_of(&s, in[i].was, in[i].level) & flags;
			}
		n += raw;
		cr_assert_eq(bit_of(&a, a.not_asked, frame), raw, "frame %u", (unsigned int)frame);
		cr_assert_eq(bit_of(&a, a.young, frame), !!(what & PTW_EXTENT_YOUNG));
		cr_assert_eq(bit_of(&a, a.dirty, frame), !!(what & PTW_EXTENT_DIRTY));
	}
	cr_assert_eq(a.ask.not_asked_pages, n);
	for (unsigned int i = 0; i < ENTRIES; i++)
		cr_assert(!in[i].raw || in[i].e == in[i].was, "entry %u", i);
}

/* One after the other, the raw entries at which unmapping ends are made non-present by their owner. */
static void mixed_unmap(void)
{
	uint64_t at = 0;
	int ret;

	do {
		uint64_t first = FRAMES;

		for (unsigned int i = 0; i < ENTRIES; i++)
			if (in[i].raw && in[i].frame < first)
				first = in[i].frame;
		ret = unmap(at, FRAMES);
		cr_assert_eq(ret, first < FRAMES ? PTW_ERR_UNSUPPORTED : PTW_OK);
		cr_assert_eq(a.ask.resume, first);
		at = first;
		for (unsigned int i = 0; i < ENTRIES; i++) {
			bool before = in[i].frame + frames_of(in[i].level) <= at;

			cr_assert(!before || in[i].e == s.like->layout->empty, "entry %u", i);
			cr_assert(!in[i].raw || in[i].e == raw_of(i, in[i].level, RAW_A | RAW_D));
		}
		for (unsigned int i = 0; i < ENTRIES; i++)
			if (in[i].raw && in[i].frame == at) {
				in[i].raw = false;
				in[i].e = s.like->layout->empty;
			}
	} while (ret);
	for (unsigned int i = 0; i < ENTRIES; i++)
		cr_assert_eq(ptw_rmap_remove(s.rmap, in[i].frame, in[i].level, &in[i].e),
			     PTW_ERR_ABSENT);
}

Test(shadow_raw, mixed_frames)
{
	for (unsigned int round = 0; round < 20; round++) {
		seed = test_seed() + round;
		shadow_open(&s, presets[round & 1], FRAMES);
		populate();
		for (unsigned int i = 0; i < 10; i++)
			mixed_ask(1 + roll(3));
		mixed_unmap();
		shadow_close(&s);
	}
}

/* ---- what a space makes of it ---- */

Test(shadow_raw, through_a_space)
{
	struct ptw_space_config config = { .size = sizeof(config) };
	struct ptw_slot slot = { .size = sizeof(slot), .pages = FRAMES, .page = 5000 };
	uint64_t young[3] = { 0 }, out[3] = { 0 };
	struct ptw_ask ask = { .size = sizeof(ask), .flags = PTW_HARVEST_ACCESSED,
			       .effort = PTW_EFFORT_FAST, .young = young, .not_asked = out };
	struct ptw_ask_result result = { .size = sizeof(result) };
	struct ptw_space_info info = { .size = sizeof(info) };
	struct ptw_space *space;

	shadow_open(&s, "ept4", FRAMES);
	cr_assert_eq(ptw_space_create(&config, &space), PTW_OK);
	cr_assert_eq(ptw_space_register(space, &s.mmu, NULL, &slot.mmu), PTW_OK);
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_OK);
	entry[0] = entry[2] = leaf_of(&s, 1, 0, BOTH);
	entry[1] = raw_of(77, 0, RAW_A | RAW_D);
	for (unsigned int i = 0; i < 3; i++)
		add(10 + i, 0, &entry[i]);
	cr_assert_eq(ptw_space_harvest(space, 5000, 5100, &ask, &result), PTW_OK);
	/* Bit 0 is page 5000 & ~63. */
	cr_assert_eq(young[0], (uint64_t)5 << (5010 & 63));
	cr_assert_eq(out[0], (uint64_t)2 << (5010 & 63));
	cr_assert_eq(result.not_asked_pages, 1u);
	cr_assert_eq(ptw_space_invalidate_begin(space, 5000, 5100), PTW_OK);
	for (unsigned int tries = 0; tries < 2; tries++) {
		cr_assert_eq(ptw_space_unmap(space, tries ? 5011 : 5000, 5100, NULL, &result),
			     PTW_ERR_UNSUPPORTED);
		cr_assert_eq(result.resume, 5011u);
		cr_assert_eq(result.dirty_pages, !tries);
		cr_assert_eq(result.failed, (uint64_t)1 << slot.mmu);
	}
	cr_assert_eq(entry[1], raw_of(77, 0, RAW_A | RAW_D));
	cr_assert_eq(ptw_space_invalidate_end(space, 5000, 5100), PTW_OK);
	cr_assert_eq(ptw_space_info(space, &info), PTW_OK);
	cr_assert_eq(info.nonsense, 0u);
	cr_assert_eq(ptw_space_destroy(space), PTW_OK);
	shadow_close(&s);
}
