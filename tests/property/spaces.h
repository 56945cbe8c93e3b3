/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A space, and a model that knows who maps what and who must hear of what. */
#ifndef PTW_TESTS_SPACES_H
#define PTW_TESTS_SPACES_H

#include "tests/unit/fake_mmu.h"

#define MMUS	  5u /* 0 is the primary */
#define PAGES	  3072u
#define PRIVATES  1000u
#define PRIVATE_BASE (PTW_PAGE_PRIVATE + 4096)
#define FRAMES	  2048u /* whole ones of the largest leaves, as PAGES */
#define SPACES	  2u
#define SLOTS	  20u
#define LISTENERS 5u

/* Pages by number in arrays: those of the space, then private ones; with room for whole words behind each. */
#define INDICES (PAGES + PRIVATES + 2 * 512)

struct listener {
	struct ptw_consumer *consumer; /* null: nobody */
	uint64_t first, end;
	uint32_t flags;
	uint8_t due[INDICES]; /* by index of a page: FAKE_YOUNG, FAKE_DIRTY */
};

struct world {
	struct ptw_space *space;
	struct fake mmu[MMUS];
	uint32_t id[MMUS]; /* 0: not registered (or the primary) */
	uint32_t register_flags[MMUS];
	bool has_primary;
	struct ptw_slot slot[SLOTS];
	unsigned int slots;
	struct listener listener[LISTENERS];
	uint8_t taken[INDICES]; /* from MMUs, by the call that runs */
	uint64_t random;
	unsigned int step;
};

static inline unsigned int index_of(uint64_t page)
{
	return (unsigned int)(page < PTW_PAGE_PRIVATE ? page : PAGES + 512 + (page - PRIVATE_BASE));
}

/* Which of our MMUs has that number? */
static inline unsigned int mmu_of(const struct world *w, uint32_t id)
{
	for (unsigned int m = 1; m < MMUS; m++)
		if (w->id[m] == id)
			return m;
	cr_assert_fail("no MMU %u", id);
	return 0;
}

static inline const struct ptw_slot *slot_at(const struct world *w, uint32_t id, uint32_t as,
					     uint64_t frame)
{
	for (unsigned int i = 0; i < w->slots; i++) {
		const struct ptw_slot *s = &w->slot[i];

		if (s->mmu == id && s->as == as && frame >= s->frame && frame < s->frame + s->pages)
			return s;
	}
	return NULL;
}

/* The largest leaf of its liking that lies in one slot: as everywhere, leaves do not reach out of it. */
static inline unsigned int leaf_in_slot(struct fake *f, uint32_t as, uint64_t frame)
{
	const struct world *w = f->user;
	const struct ptw_slot *s = slot_at(w, w->id[f->number], as, frame);
	unsigned int lg2 = s ? f->leaf_lg2[as * f->frames + frame] : 0;

	while (lg2 && (frame >> lg2 << lg2 < s->frame ||
		       ((frame >> lg2) + 1) << lg2 > s->frame + s->pages))
		lg2--;
	return lg2;
}

/* State is taken from an MMU: of which pages? */
static inline void world_taken(struct fake *f, uint32_t as, uint64_t start, uint64_t end, uint32_t what)
{
	struct world *w = f->user;

	for (uint64_t frame = start; frame < end; frame++) {
		const struct ptw_slot *s = f->number ? slot_at(w, w->id[f->number], as, frame) : NULL;
		const uint64_t page = s ? s->page + (frame - s->frame) : frame;

		cr_assert(s || !f->number, "step %u: a frame outside of slots was asked about", w->step);
		w->taken[index_of(page)] |= (uint8_t)what;
	}
}

static inline uint32_t leaf_state(struct world *w, unsigned int m, uint32_t as, uint64_t frame)
{
	struct fake *f = &w->mmu[m];
	uint32_t state = 0;
	unsigned int lg2;
	uint64_t first, last;

	if (frame >= f->frames)
		return 0;
	lg2 = fake_leaf(f, as, frame);
	first = frame >> lg2 << lg2;
	last = first + ((uint64_t)1 << lg2);
	for (uint64_t i = first; i < last && i < f->frames; i++)
		state |= *fake_state(f, as, i);
	return state;
}

/* Is an MMU asked at this effort, and about what? Nothing: it has nothing to say to such a question. */
static inline bool asked_about(const struct world *w, unsigned int m, uint32_t flags, uint32_t effort,
			       uint32_t *what)
{
	const uint32_t can = w->mmu[m].abilities;
	const bool asked_in_ageing = !m || (can & FAKE_FAST) ||
				     (w->register_flags[m] & PTW_REGISTER_AGE_SLOW);

	*what = flags & (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY);
	if (!(can & FAKE_KEEPS_DIRTY))
		*what &= PTW_HARVEST_ACCESSED;
	if (!*what)
		return false;
	switch (effort) {
	case PTW_EFFORT_PRIMARY:
		return !m;
	case PTW_EFFORT_FAST:
		return can & FAKE_FAST;
	case PTW_EFFORT_AGE:
		return asked_in_ageing;
	default:
		return true;
	}
}

static inline void forget_taken(struct world *w)
{
	memset(w->taken, 0, sizeof(w->taken));
}

/*
 * What was taken is due to everybody; but to the one who asked only where it is outside of his question,
 * or not `what` he got.
 */
static inline void publish(struct world *w, const struct listener *asker, uint64_t start, uint64_t end,
			   uint32_t what)
{
	for (unsigned int i = 0; i < LISTENERS; i++) {
		struct listener *l = &w->listener[i];

		for (uint64_t page = l->first; l->consumer && page < l->end; page++) {
			uint32_t news = w->taken[index_of(page)] & l->flags;

			if (l == asker && page >= start && page < end)
				news &= ~what;
			l->due[index_of(page)] |= (uint8_t)news;
		}
	}
}

static inline struct listener *random_listener(struct world *w)
{
	struct listener *l = &w->listener[random_below(&w->random, LISTENERS)];

	return l->consumer ? l : NULL;
}

static inline void do_access(struct world *w)
{
	const unsigned int m = (unsigned int)random_below(&w->random, MMUS);
	struct fake *f = &w->mmu[m];
	const uint32_t as = (uint32_t)random_below(&w->random, f->spaces);
	uint8_t *state = fake_state(f, as, random_below(&w->random, f->frames));

	*state = (uint8_t)((*state & ~FAKE_HOLE) | FAKE_YOUNG |
			   (random_chance(&w->random, 40) ? FAKE_DIRTY : 0));
}

static inline void no_busy(struct world *w)
{
	for (unsigned int m = 0; m < MMUS; m++)
		for (uint64_t i = 0; i < w->mmu[m].spaces * w->mmu[m].frames; i++)
			w->mmu[m].state[i] &= (uint8_t)~FAKE_BUSY;
}

/* Some leaves cannot be asked for a while. */
static inline void change_busy(struct world *w)
{
	no_busy(w);
	for (unsigned int m = 0; m < MMUS; m++) {
		struct fake *f = &w->mmu[m];

		for (unsigned int i = 0; i < 5 && random_chance(&w->random, 50); i++)
			f->state[random_below(&w->random, f->spaces * f->frames)] |= FAKE_BUSY;
	}
}

static inline bool overlaps(const struct world *w, const struct ptw_slot *slot)
{
	for (unsigned int i = 0; i < w->slots; i++)
		if (w->slot[i].mmu == slot->mmu && w->slot[i].as == slot->as &&
		    w->slot[i].frame < slot->frame + slot->pages &&
		    slot->frame < w->slot[i].frame + w->slot[i].pages)
			return true;
	return false;
}

/* One goes, one comes, at once. */
static inline void change_slots(struct world *w)
{
	const unsigned int m = 1 + (unsigned int)random_below(&w->random, MMUS - 1);
	const bool is_private = random_chance(&w->random, 25);
	const uint64_t pages = is_private ? PRIVATES : PAGES;
	struct ptw_slot gone, slot = { .size = sizeof(slot), .mmu = w->id[m] };
	unsigned int removals = 0;
	int ret;

	if (w->slots && (w->slots == SLOTS || random_chance(&w->random, 50))) {
		const unsigned int n = (unsigned int)random_below(&w->random, w->slots);

		gone = w->slot[n];
		w->slot[n] = w->slot[--w->slots];
		removals = 1;
	}
	slot.as = (uint32_t)random_below(&w->random, SPACES);
	slot.frame = random_below(&w->random, FRAMES);
	slot.page = random_below(&w->random, pages);
	slot.pages = 1 + random_below(&w->random, random_chance(&w->random, 50) ? 30 : 1200);
	if (slot.pages > FRAMES - slot.frame)
		slot.pages = FRAMES - slot.frame;
	if (slot.pages > pages - slot.page)
		slot.pages = pages - slot.page;
	if (is_private) {
		slot.page += PRIVATE_BASE;
		slot.flags = PTW_SLOT_PRIVATE;
	}
	slot.group = (uint32_t)random_below(&w->random, 3);
	slot.flags |= random_chance(&w->random, 5) ? PTW_SLOT_PINNED : 0;
	ret = ptw_space_slots(w->space, &gone, removals, &slot, 1);
	if (!w->id[m]) {
		cr_assert_eq(ret, PTW_ERR_ARG, "step %u", w->step);
	} else if (overlaps(w, &slot)) {
		cr_assert_eq(ret, PTW_ERR_OVERLAP, "step %u", w->step);
	} else {
		cr_assert_eq(ret, PTW_OK, "step %u: %s", w->step, ptw_strerror(ret));
		w->slot[w->slots++] = slot;
		return;
	}
	if (removals) /* nothing was changed */
		w->slot[w->slots++] = gone;
}

static inline void change_mmus(struct world *w)
{
	const unsigned int m = 1 + (unsigned int)random_below(&w->random, MMUS - 1);
	unsigned int n = 0;

	if (!w->id[m]) {
		w->register_flags[m] = random_chance(&w->random, 50) ? PTW_REGISTER_AGE_SLOW : 0;
		w->mmu[m].dead = false;
		w->id[m] = space_register(w->space, &w->mmu[m], w->register_flags[m]);
		return;
	}
	cr_assert_eq(ptw_space_unregister(w->space, w->id[m]), PTW_OK);
	if (random_chance(&w->random, 50))
		cr_assert_eq(ptw_space_settle(w->space), PTW_OK);
	for (unsigned int i = 0; i < w->slots; i++)
		if (w->slot[i].mmu != w->id[m])
			w->slot[n++] = w->slot[i];
	w->slots = n;
	cr_assert_eq(space_info(w->space).slots, n);
	w->id[m] = 0;
	/* The next one who registers must not be taken for the one who is released later. */
	cr_assert_eq(ptw_space_settle(w->space), PTW_OK);
}

static inline void change_listeners(struct world *w)
{
	struct listener *l = &w->listener[random_below(&w->random, LISTENERS)];
	const bool is_private = random_chance(&w->random, 25);
	const uint64_t pages = is_private ? PRIVATES : PAGES;
	struct ptw_consumer_config config = { .size = sizeof(config) };

	if (l->consumer) {
		cr_assert_eq(ptw_consumer_leave(l->consumer), PTW_OK);
		l->consumer = NULL;
		return;
	}
	memset(l, 0, sizeof(*l));
	config.first = random_chance(&w->random, 50) ? 0 : random_below(&w->random, pages);
	config.pages = config.first ? 1 + random_below(&w->random, pages - config.first) : pages;
	config.flags = 1 + (uint32_t)random_below(&w->random, 3);
	if (is_private)
		config.first += PRIVATE_BASE;
	cr_assert_eq(ptw_consumer_join(w->space, &config, &l->consumer), PTW_OK);
	l->first = config.first;
	l->end = config.first + config.pages;
	l->flags = config.flags;
}

static inline struct world *world_open(uint64_t seed)
{
	static const unsigned int sizes[] = { 0, 0, 3, 5, 9 };
	struct world *w = calloc(1, sizeof(*w));

	cr_assert_not_null(w);
	w->random = seed;
	for (unsigned int m = 0; m < MMUS; m++) {
		struct fake *f = &w->mmu[m];
		uint32_t abilities = FAKE_UNMAPS;

		abilities |= random_chance(&w->random, 70) ? FAKE_FAST : 0;
		abilities |= random_chance(&w->random, 80) ? FAKE_KEEPS_DIRTY : 0;
		abilities |= random_chance(&w->random, 50) ? FAKE_FRAMES : 0;
		if ((abilities & FAKE_KEEPS_DIRTY) && random_chance(&w->random, 30))
			abilities |= FAKE_TAKES_DIRTY;
		fake_open(f, abilities, m ? SPACES : 1, m ? FRAMES : PAGES);
		for (uint64_t i = 0; i < f->spaces * f->frames; i += 512) {
			const uint64_t left = f->spaces * f->frames - i;

			memset(&f->leaf_lg2[i], (int)sizes[random_below(&w->random, 5)],
			       left < 512 ? left : 512);
		}
		f->user = w;
		f->number = m;
		f->taken = world_taken;
		f->leaf = m ? leaf_in_slot : NULL;
	}
	w->has_primary = random_chance(&w->random, 80);
	w->space = space_open(w->has_primary ? &w->mmu[0].mmu : NULL);
	for (unsigned int m = 1; m < MMUS; m++)
		change_mmus(w);
	for (unsigned int i = 0; i < 10; i++)
		change_slots(w);
	return w;
}

static inline void world_close(struct world *w)
{
	space_close(w->space);
	for (unsigned int m = 0; m < MMUS; m++)
		fake_close(&w->mmu[m]);
	free(w);
}

#endif /* PTW_TESTS_SPACES_H */
