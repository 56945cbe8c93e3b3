/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Engines to be saved, their images, and what it means that one is refused. */
#ifndef PTW_TESTS_SAVED_ENGINE_H
#define PTW_TESTS_SAVED_ENGINE_H

#include "tests/harness/harness.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/engine_save.h>
#include <ptw/error.h>

#define PAGES  1000
#define GROUPS 2
/* What the image begins with, and where words of it are. */
#define HEADER	   88
#define WORD(n)	   (HEADER + 8 * (n))
#define TICKS_AGO  2
#define MS_AGO	   6
#define TICK	   10
#define YOUNGEST   11
#define OLDEST	   12
#define HAND	   14
#define RESIDENT   16
#define PARENT	   28
#define MIN	   29
#define LOW	   30
#define BELOW_LOW  31
#define POLICY	   32
#define BALANCE	   33
#define INTERVAL   35
#define SPAN_FIRST 37

/* An engine, what a page table would say, and who was put out. */
struct world {
	struct ptw_engine *engine;
	struct ptw_group *group[GROUPS];
	bool young[PAGES];
	uint64_t gone[4096], gone_count, asked;
	uint8_t result;
	uint64_t milliseconds;
};

static uint64_t random_state;
/* Of engines that are opened; null: generations. */
static const struct ptw_policy_ops *saved_policy;

static inline unsigned int pick(unsigned int below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned int)((random_state * 0x2545f4914f6cdd1du >> 32) % below);
}

static inline int harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word,
			  void *sink)
{
	struct world *w = context;

	for (uint64_t page = first; page < first + pages; page += 64) {
		uint64_t found = 0;

		for (unsigned int i = 0; i < 64 && page + i < first + pages; i++) {
			found |= (uint64_t)w->young[page + i] << i;
			w->young[page + i] = false;
		}
		if (found)
			word(sink, page, found, 0);
	}
	return 0;
}

static inline int look(void *context, uint64_t page, uint64_t *around)
{
	struct world *w = context;
	const bool young = w->young[page];

	(void)around;
	w->young[page] = false;
	return young;
}

static inline int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	struct world *w = context;

	for (unsigned int i = 0; i < n; i++) {
		w->gone[w->gone_count++ % 4096] = page[i];
		result[i] = w->result;
		/* Some stay, the same ones in each world. */
		if (w->result == PTW_EVICTED && ++w->asked % 7 == 0)
			result[i] = PTW_EVICT_FAILED;
	}
	return 0;
}

static inline uint64_t now(void *context)
{
	return ((struct world *)context)->milliseconds;
}

static inline void open_engine(struct world *w, uint64_t pages)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config), .pages = pages, .clock = now, .context = w,
		.policy = saved_policy};

	cr_assert_eq(ptw_engine_create(&config, &w->engine), PTW_OK);
}

static inline struct ptw_group *open_group(struct world *w)
{
	const struct ptw_group_config config = {
		.size = sizeof(config),
		.ops = {.harvest = harvest, .look = look, .evict = evict},
		.context = w};
	struct ptw_group *group;

	cr_assert_eq(ptw_group_create(w->engine, &config, &group), PTW_OK);
	return group;
}

/* Two groups, of two spans and of one, which is cut by the engine's end; in either order. */
static inline void open_world(struct world *w, bool other_order)
{
	struct ptw_group *idle;

	open_engine(w, PAGES);
	/* One without regions, and one that is gone: numbers are not what groups are told by. */
	idle = open_group(w);
	w->group[other_order] = open_group(w);
	cr_assert_eq(ptw_group_destroy(idle), PTW_OK);
	w->group[!other_order] = open_group(w);
	open_group(w);
	cr_assert_eq(ptw_group_attach(w->group[0], 576, 128), PTW_OK);
	cr_assert_eq(ptw_group_attach(w->group[1], 704, PAGES - 704), PTW_OK);
	cr_assert_eq(ptw_group_attach(w->group[0], 64, 448), PTW_OK);
}

static inline void close_world(struct world *w)
{
	cr_assert_eq(ptw_engine_check(w->engine), PTW_OK);
	ptw_engine_destroy(w->engine);
}

static inline struct ptw_group_state state_of(const struct ptw_group *group)
{
	struct ptw_group_state state = {.size = sizeof(state)};

	cr_assert_eq(ptw_group_state(group, &state), PTW_OK);
	return state;
}

/* Memory that ends where the image does. */
static inline uint8_t *save(struct world *w, uint64_t *bytes)
{
	const uint64_t need = ptw_engine_save_bytes(w->engine);
	uint8_t *image = malloc(need);

	cr_assert_eq(need % 8, 0u);
	cr_assert_not_null(image);
	memset(image, 0x5a, need);
	cr_assert_eq(ptw_engine_save(w->engine, image, need, bytes), PTW_OK);
	cr_assert_eq(*bytes, need);
	return image;
}

/* As the format says, not as the library does it. */
static inline uint64_t word_at(const uint8_t *image, uint64_t at)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | image[at + (unsigned int)i];
	return v;
}

static inline void put_word(uint8_t *image, uint64_t at, uint64_t v)
{
	for (unsigned int i = 0; i < 8; i++, v >>= 8)
		image[at + i] = (uint8_t)v;
}

static inline void seal(uint8_t *image, uint64_t bytes)
{
	uint64_t sum = word_at((const uint8_t *)"ptw-ages", 0);

	for (uint64_t at = 0; at < bytes - 8; at += 8) {
		sum = (sum ^ word_at(image, at)) * 0x9e3779b97f4a7c15u;
		sum ^= sum >> 32;
	}
	put_word(image, bytes - 8, sum);
}

/* Refused, with nothing changed: the engine says of itself what it said before. */
static inline void refused(struct world *w, const uint8_t *image, uint64_t bytes, int error,
			   const char *what, unsigned int n)
{
	uint64_t before_bytes, after_bytes;
	uint8_t *before = save(w, &before_bytes), *after;
	const int ret = ptw_engine_restore(w->engine, image, bytes);

	if (error)
		cr_assert_eq(ret, error, "%s %u: %d", what, n, ret);
	else
		cr_assert_lt(ret, 0, "%s %u", what, n);
	cr_assert_eq(ptw_engine_check(w->engine), PTW_OK);
	after = save(w, &after_bytes);
	cr_assert_eq(before_bytes, after_bytes, "%s %u", what, n);
	cr_assert_eq(memcmp(before, after, after_bytes), 0, "%s %u", what, n);
	free(before);
	free(after);
}

/* A small engine whose image is written down: 130 pages, of which 64 to 129 are a group's. */
static inline uint8_t *small_image(uint64_t *bytes)
{
	static struct world w;
	uint64_t evicted;
	uint8_t *image;

	memset(&w, 0, sizeof(w));
	w.milliseconds = 5;
	open_engine(&w, 130);
	w.group[0] = open_group(&w);
	cr_assert_eq(ptw_group_attach(w.group[0], 64, 66), PTW_OK);
	for (uint64_t page = 100; page < 104; page++)
		cr_assert_eq(ptw_page_add(w.engine, page), PTW_OK);
	w.young[101] = w.young[102] = true;
	w.milliseconds = 8;
	cr_assert_eq(ptw_group_age(w.group[0]), PTW_OK);
	w.young[102] = true;
	w.milliseconds = 15;
	cr_assert_eq(ptw_group_age(w.group[0]), PTW_OK);
	cr_assert_eq(ptw_group_evict(w.group[0], 1, &evicted), PTW_OK);
	cr_assert_eq(evicted, 1u);
	w.milliseconds = 16;
	image = save(&w, bytes);
	close_world(&w);
	return image;
}

static inline void small_world(struct world *w)
{
	memset(w, 0, sizeof(*w));
	/* Late enough for whatever an image may say. */
	w->milliseconds = UINT64_MAX;
	open_engine(w, 130);
	w->group[0] = open_group(w);
	cr_assert_eq(ptw_group_attach(w->group[0], 64, 66), PTW_OK);
}

/* A step of random use. All that is random is drawn before, so that two worlds may take the same one. */
struct step {
	unsigned int what, page, many;
};

static inline struct step draw(void)
{
	return (struct step){pick(100), pick(3) ? pick(PAGES) : 640 + pick(128), pick(40)};
}

static inline void take(struct world *w, struct step s)
{
	uint64_t evicted;

	w->milliseconds += s.many;
	if (s.what < 55)
		ptw_page_add(w->engine, s.page);
	else if (s.what < 80)
		w->young[s.page] = true;
	else if (s.what < 88)
		ptw_engine_young(w->engine, s.page / 64 * 64, (uint64_t)s.many << s.page % 32, 0);
	else if (s.what < 90)
		ptw_page_remove(w->engine, s.page);
	else if (s.what < 97)
		cr_assert_eq(ptw_group_evict(w->group[s.page % 2], s.many, &evicted), PTW_OK);
	else
		cr_assert_eq(ptw_group_age(w->group[s.page % 2]), PTW_OK);
}

static inline void alike(const struct world *a, const struct world *b)
{
	uint64_t ages[2][256];

	for (unsigned int g = 0; g < GROUPS; g++) {
		const struct ptw_group_state s = state_of(a->group[g]);
		struct ptw_group_state t = state_of(b->group[g]);

		/* Births stand as long ago on the other clock. */
		for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
			t.birth[i] -= b->milliseconds - a->milliseconds;
		cr_assert_eq(memcmp(&s, &t, sizeof(s)), 0, "group %u", g);
		cr_assert_eq(ptw_group_ages(a->group[g], ages[0]), PTW_OK);
		cr_assert_eq(ptw_group_ages(b->group[g], ages[1]), PTW_OK);
		cr_assert_eq(memcmp(ages[0], ages[1], sizeof(ages[0])), 0, "group %u", g);
	}
	cr_assert_eq(a->gone_count, b->gone_count);
	cr_assert_eq(memcmp(a->gone, b->gone, sizeof(a->gone)), 0, "other victims");
}

#endif /* PTW_TESTS_SAVED_ENGINE_H */
