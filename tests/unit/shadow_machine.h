/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests of shadow MMUs share: a page table whose format the entries have, a reverse map,
 * and entries in an array, which lie in no table.
 */
#ifndef PTW_TESTS_SHADOW_MACHINE_H
#define PTW_TESTS_SHADOW_MACHINE_H

#include "tests/harness/harness.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/config.h>
#include <ptw/error.h>
#include <ptw/shadow.h>
#include <ptw/table.h>
#include <ptw/thread.h>

#include "lib/mmu/rmap.h"

/* Not zero, so that a forgotten translation is found out. A host whose addresses have more bits than a
 * page table's brings its own. */
#ifndef PHYS_OFFSET
#define PHYS_OFFSET ((uint64_t)1 << 24)
#endif

/* lg2 of frames of a level per frame of the one below: small, so that levels meet often. */
#define SHADOW_INDEX_LG2 4

struct shadow {
	struct ptw_pgtable *like;
	struct ptw_rmap *rmap;
	struct ptw_mmu_shadow config;
	struct ptw_mmu mmu;
	unsigned int flushes;
	unsigned int zaps;
};

static void shadow_flush(void *context)
{
	__atomic_fetch_add(&((struct shadow *)context)->flushes, 1, __ATOMIC_RELAXED);
}

static inline void shadow_open_at(struct shadow *s, const char *preset, uint64_t first,
				  uint64_t frames, uint32_t index_lg2)
{
	struct ptw_rmap_config map = {
		.size = sizeof(map), .first = first, .frames = frames, .levels = 3,
		.index_lg2 = index_lg2,
	};
	struct ptw_config config;

	memset(s, 0, sizeof(*s));
	cr_assert_eq(ptw_preset(preset, &config), PTW_OK, "no preset %s", preset);
	config.phys_offset = PHYS_OFFSET;
	cr_assert_eq(ptw_pgtable_create(&config, &s->like), PTW_OK);
	cr_assert_eq(ptw_rmap_create(&map, &s->rmap), PTW_OK);
	s->config = (struct ptw_mmu_shadow){
		.size = sizeof(s->config), .rmaps = &s->rmap, .count = 1, .like = s->like,
		.flush = shadow_flush, .context = s,
	};
	cr_assert_eq(ptw_mmu_shadow_create(&s->config, &s->mmu), PTW_OK);
}

static inline void shadow_open(struct shadow *s, const char *preset, uint64_t frames)
{
	shadow_open_at(s, preset, 0, frames, SHADOW_INDEX_LG2);
}

/* The MMU once more, after the configuration was changed. */
static inline void shadow_again(struct shadow *s)
{
	ptw_mmu_destroy(&s->mmu);
	cr_assert_eq(ptw_mmu_shadow_create(&s->config, &s->mmu), PTW_OK);
}

static inline void shadow_close(struct shadow *s)
{
	ptw_mmu_destroy(&s->mmu);
	ptw_rmap_destroy(s->rmap);
	cr_assert_eq(ptw_pgtable_destroy(s->like), PTW_OK);
}

/* An entry of a level that maps `page` of the host, writable, and young or dirty as `what` says. */
static inline uint64_t leaf_of(const struct shadow *s, uint64_t page, unsigned int level,
			       uint32_t what)
{
	const struct ptw_geometry *g = &s->like->geometry;
	struct ptw_leaf leaf = {
		.oa = page << (g->granule_lg2 + level * g->index_lg2),
		.prot = PTW_PROT_READ | PTW_PROT_WRITE,
		.flags = (what & PTW_EXTENT_YOUNG ? PTW_LEAF_YOUNG : 0) |
			 (what & PTW_EXTENT_DIRTY ? PTW_LEAF_DIRTY : 0),
	};
	uint64_t e = 0;
	int ret = s->like->build->make_leaf(g, s->like->layout, &leaf, level, &e);

	cr_assert_eq(ret, PTW_OK, "level %u: %s", level, ptw_strerror(ret));
	return e;
}

static inline uint32_t state_of(const struct shadow *s, uint64_t e, unsigned int level)
{
	const struct ptw_format *f = s->like->instance->format;
	const struct ptw_layout *l = s->like->layout;

	if (!f->present(l, e, level) || !f->leaf(e, level))
		return 0;
	return (f->young(l, e, level) ? PTW_EXTENT_YOUNG : 0) |
	       (f->dirty_leaf(l, e, level) ? PTW_EXTENT_DIRTY : 0);
}

#define SHADOW_WORDS 80

/* A question with its bitmaps. */
struct shadow_ask {
	struct ptw_mmu_ask ask;
	uint64_t young[SHADOW_WORDS];
	uint64_t dirty[SHADOW_WORDS];
	uint64_t not_asked[SHADOW_WORDS];
};

static inline void ask_for(struct shadow_ask *a, uint64_t start, uint64_t end, uint32_t flags)
{
	memset(a, 0, sizeof(*a));
	cr_assert_leq((end - 1) / 64 - start / 64, SHADOW_WORDS - 1);
	a->ask = (struct ptw_mmu_ask){
		.size = sizeof(a->ask), .flags = flags, .start = start, .end = end,
		.young = a->young, .dirty = a->dirty, .not_asked = a->not_asked, .resume = end,
	};
}

static inline bool bit_of(const struct shadow_ask *a, const uint64_t *map, uint64_t frame)
{
	uint64_t i = frame - (a->ask.start & ~(uint64_t)63);

	return map[i / 64] >> (i % 64) & 1;
}

static inline uint64_t bits_in(const uint64_t *map)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < SHADOW_WORDS; i++)
		n += (uint64_t)__builtin_popcountll(map[i]);
	return n;
}

/* Test and clear one frame's accessed state; the answer of the operation. */
static inline int young_at(struct shadow *s, uint64_t frame)
{
	return s->mmu.ops->clear_young(s->mmu.context, 0, frame);
}

#endif /* PTW_TESTS_SHADOW_MACHINE_H */
