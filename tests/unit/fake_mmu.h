/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An MMU for tests of spaces: states of frames in an array, leaves of any size over it, a count of who was
 * called how, and a script that may answer instead. It obeys the contract of <ptw/mmu.h> and watches
 * whether the space does.
 */
#ifndef PTW_TESTS_FAKE_MMU_H
#define PTW_TESTS_FAKE_MMU_H

#include "tests/unit/pgtable_machine.h"

#include <ptw/port.h>

/* State of a frame. */
#define FAKE_YOUNG  1u
#define FAKE_DIRTY  2u
#define FAKE_HOLE   4u
#define FAKE_BUSY   8u /* cannot be asked */
#define FAKE_PINNED 16u

/* What a fake can do. */
#define FAKE_FAST	 1u
#define FAKE_KEEPS_DIRTY 2u
#define FAKE_UNMAPS	 4u
#define FAKE_FRAMES	 8u  /* test_young and clear_young */
#define FAKE_PINS	 16u
#define FAKE_TAKES_DIRTY 32u /* clearing accessed takes dirty along */
#define FAKE_PLAIN	 (FAKE_KEEPS_DIRTY | FAKE_UNMAPS)

enum fake_op {
	FAKE_HARVEST,
	FAKE_HARVEST_FAST,
	FAKE_HARVEST_DIRTY,
	FAKE_UNMAP,
	FAKE_TEST,
	FAKE_CLEAR,
	FAKE_IS_PINNED,
	FAKE_OPS
};

#define FAKE_GO_ON 1 /* a script's answer: do what is ordinary */

struct fake {
	struct ptw_mmu mmu;
	struct ptw_mmu_ops ops;
	uint32_t abilities;
	uint32_t spaces;
	uint64_t frames; /* of each address space */
	uint8_t *state;
	uint8_t *leaf_lg2; /* frames of the leaf that maps a frame, as a power of two */
	/* Instead of leaf_lg2, or null. */
	unsigned int (*leaf)(struct fake *f, uint32_t as, uint64_t frame);
	/* Called first; what it returns is answered, if it is not FAKE_GO_ON. */
	int (*script)(struct fake *f, struct ptw_mmu_ask *ask, enum fake_op op);
	/* Called with each leaf whose state is taken, before it is; or null. */
	void (*taken)(struct fake *f, uint32_t as, uint64_t start, uint64_t end, uint32_t what);
	void *user;
	unsigned int number; /* for scripts */
	uint32_t cheap;
	uint64_t waited;
	/* The record. */
	unsigned int calls[FAKE_OPS];
	struct ptw_mmu_ask last; /* as it was asked */
	bool last_wants_dirty;   /* there was a bitmap for it */
	unsigned int outside;    /* fast operation, not in a read-side section */
	unsigned int inside;     /* another one, in a section */
	unsigned int strange;    /* a question that breaks the contract */
	bool dead;               /* released: nobody may call */
	unsigned int released;
};

static inline uint8_t *fake_state(struct fake *f, uint32_t as, uint64_t frame)
{
	return &f->state[as * f->frames + frame];
}

static inline unsigned int fake_leaf(struct fake *f, uint32_t as, uint64_t frame)
{
	return f->leaf ? f->leaf(f, as, frame) : f->leaf_lg2[as * f->frames + frame];
}

static inline void fake_record(struct fake *f, const struct ptw_mmu_ask *ask, enum fake_op op)
{
	const uint32_t what = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;

	f->calls[op]++;
	f->strange += f->dead;
	if (op == FAKE_HARVEST_FAST)
		f->outside += ptw_port_may_block();
	else if (op != FAKE_IS_PINNED)
		f->inside += !ptw_port_may_block();
	if (!ask)
		return;
	f->last = *ask;
	f->last_wants_dirty = ask->dirty;
	f->strange += ask->size != sizeof(*ask) || ask->start >= ask->end || ask->reserved ||
		      ask->resume != ask->end || ask->young_pages || ask->dirty_pages ||
		      ask->not_asked_pages || ask->entries || ask->waited || ask->head.length ||
		      ask->tail.length || ask->cheap || ask->as >= f->spaces;
	f->strange += (ask->flags & PTW_HARVEST_ACCESSED) && !ask->young;
	if (op == FAKE_UNMAP)
		f->strange += !ask->young || !ask->dirty;
	else
		f->strange += !(ask->flags & what) ||
			      ((ask->flags & PTW_HARVEST_DIRTY) && !ask->dirty);
	if (op == FAKE_HARVEST || op == FAKE_HARVEST_FAST)
		f->strange += (ask->flags & ~(uint32_t)PTW_HARVEST_PEEK) != PTW_HARVEST_ACCESSED;
}

static inline void fake_bit(uint64_t *words, const struct ptw_mmu_ask *ask, uint64_t frame)
{
	const uint64_t bit = frame - (ask->start & ~(uint64_t)63);

	if (words)
		words[bit / 64] |= (uint64_t)1 << bit % 64;
}

/* One leaf; returns what it was. */
static inline uint32_t fake_ask_leaf(struct fake *f, struct ptw_mmu_ask *ask, enum fake_op op,
				     uint64_t first, uint64_t last)
{
	const uint64_t low = first > ask->start ? first : ask->start;
	const uint64_t high = last < ask->end ? last : ask->end;
	const bool gone = op == FAKE_UNMAP;
	struct ptw_extent extent = { .start = first, .length = last - first };
	uint32_t what = 0, state = 0, clear;

	for (uint64_t frame = first; frame < last; frame++)
		state |= *fake_state(f, ask->as, frame);
	if (state & FAKE_BUSY) {
		for (uint64_t frame = low; frame < high; frame++)
			fake_bit(ask->not_asked, ask, frame);
		ask->not_asked_pages += high - low;
		return 0;
	}
	if ((gone || (ask->flags & PTW_HARVEST_ACCESSED)) && (state & FAKE_YOUNG))
		what |= FAKE_YOUNG;
	if ((gone || (ask->flags & PTW_HARVEST_DIRTY)) && (state & FAKE_DIRTY))
		what |= FAKE_DIRTY;
	if ((f->abilities & FAKE_TAKES_DIRTY) && (what & FAKE_YOUNG) && (state & FAKE_DIRTY) &&
	    ask->dirty && !(ask->flags & PTW_HARVEST_PEEK))
		what |= FAKE_DIRTY;
	if (!what && !gone)
		return 0;
	for (uint64_t frame = low; frame < high; frame++) {
		if (what & FAKE_YOUNG)
			fake_bit(ask->young, ask, frame);
		if (what & FAKE_DIRTY)
			fake_bit(ask->dirty, ask, frame);
	}
	ask->young_pages += what & FAKE_YOUNG ? high - low : 0;
	ask->dirty_pages += what & FAKE_DIRTY ? high - low : 0;
	extent.what = what; /* the values agree with enum ptw_extent_flag */
	if (what && first < ask->start)
		ask->head = extent;
	if (what && last > ask->end)
		ask->tail = extent;
	if (ask->flags & PTW_HARVEST_PEEK && !gone)
		return what;
	if (f->taken && what)
		f->taken(f, ask->as, first, last, what);
	clear = gone ? 0xff : what;
	for (uint64_t frame = first; frame < last; frame++) {
		*fake_state(f, ask->as, frame) &= (uint8_t)~clear;
		if (gone)
			*fake_state(f, ask->as, frame) |= FAKE_HOLE;
	}
	return what;
}

static inline int fake_ask(struct fake *f, struct ptw_mmu_ask *ask, enum fake_op op)
{
	uint64_t frame = ask->start, cost = 0;

	fake_record(f, ask, op);
	if (f->script) {
		int ret = f->script(f, ask, op);

		if (ret != FAKE_GO_ON)
			return ret;
	}
	ask->cheap = f->cheap;
	ask->waited = f->waited;
	while (frame < ask->end && frame < f->frames) {
		const unsigned int lg2 = fake_leaf(f, ask->as, frame);
		const uint64_t first = frame >> lg2 << lg2;
		uint64_t last = first + ((uint64_t)1 << lg2);

		if (ask->budget && cost >= ask->budget) {
			ask->resume = frame;
			return PTW_ERR_BUDGET;
		}
		if (last > f->frames)
			last = f->frames;
		ask->entries++;
		cost += fake_ask_leaf(f, ask, op, first, last) ? 17 : 1;
		frame = last;
	}
	ask->resume = ask->end;
	return PTW_OK;
}

static inline int fake_harvest(void *context, struct ptw_mmu_ask *ask)
{
	return fake_ask(context, ask, FAKE_HARVEST);
}

static inline int fake_harvest_fast(void *context, struct ptw_mmu_ask *ask)
{
	return fake_ask(context, ask, FAKE_HARVEST_FAST);
}

static inline int fake_harvest_dirty(void *context, struct ptw_mmu_ask *ask)
{
	return fake_ask(context, ask, FAKE_HARVEST_DIRTY);
}

static inline int fake_unmap(void *context, struct ptw_mmu_ask *ask)
{
	return fake_ask(context, ask, FAKE_UNMAP);
}

static inline int fake_frame(struct fake *f, uint32_t as, uint64_t frame, enum fake_op op)
{
	struct ptw_mmu_ask ask = { .start = frame, .end = frame + 1 };
	uint64_t first, last;
	uint32_t state = 0;
	unsigned int lg2;

	fake_record(f, NULL, op);
	if (f->script) {
		int ret = f->script(f, &ask, op);

		if (ret != FAKE_GO_ON)
			return ret;
	}
	if (frame >= f->frames)
		return PTW_ERR_HOLE;
	lg2 = fake_leaf(f, as, frame);
	first = frame >> lg2 << lg2;
	last = first + ((uint64_t)1 << lg2);
	for (uint64_t i = first; i < last && i < f->frames; i++)
		state |= *fake_state(f, as, i);
	/* A leaf that somebody has used is mapped, whatever became of other frames in it. */
	if ((*fake_state(f, as, frame) & FAKE_HOLE) && !(state & (FAKE_YOUNG | FAKE_BUSY)))
		return PTW_ERR_HOLE;
	if (op == FAKE_IS_PINNED)
		return !!(state & FAKE_PINNED);
	if (state & FAKE_BUSY)
		return PTW_ERR_AGAIN;
	for (uint64_t i = first; i < last && i < f->frames && op == FAKE_CLEAR; i++)
		*fake_state(f, as, i) &= (uint8_t)~FAKE_YOUNG;
	return !!(state & FAKE_YOUNG);
}

static inline int fake_test_young(void *context, uint32_t as, uint64_t frame)
{
	return fake_frame(context, as, frame, FAKE_TEST);
}

static inline int fake_clear_young(void *context, uint32_t as, uint64_t frame)
{
	return fake_frame(context, as, frame, FAKE_CLEAR);
}

static inline int fake_pinned(void *context, uint32_t as, uint64_t frame)
{
	return fake_frame(context, as, frame, FAKE_IS_PINNED);
}

static inline void fake_released(void *context)
{
	struct fake *f = context;

	f->released++;
	f->dead = true;
}

static inline void fake_open(struct fake *f, uint32_t abilities, uint32_t spaces, uint64_t frames)
{
	memset(f, 0, sizeof(*f));
	f->abilities = abilities;
	f->spaces = spaces;
	f->frames = frames;
	f->state = calloc(spaces * frames, 1);
	f->leaf_lg2 = calloc(spaces * frames, 1);
	cr_assert(f->state && f->leaf_lg2);
	f->ops.size = sizeof(f->ops);
	f->ops.harvest = fake_harvest;
	if (abilities & FAKE_FAST)
		f->ops.harvest_fast_only = fake_harvest_fast;
	if (abilities & FAKE_KEEPS_DIRTY)
		f->ops.harvest_dirty = fake_harvest_dirty;
	if (abilities & FAKE_UNMAPS)
		f->ops.unmap = fake_unmap;
	if (abilities & FAKE_FRAMES) {
		f->ops.test_young = fake_test_young;
		f->ops.clear_young = fake_clear_young;
	}
	if (abilities & FAKE_PINS)
		f->ops.pinned = fake_pinned;
	f->mmu = (struct ptw_mmu){ .size = sizeof(f->mmu), .ops = &f->ops, .context = f,
				   .name = "fake" };
}

/* The space kept the contract. */
static inline void fake_close(struct fake *f)
{
	cr_assert_eq(f->outside, 0u, "a fast operation ran outside a section %u times", f->outside);
	cr_assert_eq(f->inside, 0u, "a slow operation ran in a section %u times", f->inside);
	cr_assert_eq(f->strange, 0u, "%u questions broke the contract; the last one: flags %#x, "
		     "[%" PRIu64 ", %" PRIu64 ")", f->strange, f->last.flags, f->last.start,
		     f->last.end);
	free(f->state);
	free(f->leaf_lg2);
}

/* Questions of any kind so far, single frames included. */
static inline unsigned int fake_calls(const struct fake *f)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < FAKE_IS_PINNED; i++)
		n += f->calls[i];
	return n;
}

/* Frames [start, end) are in leaves of that size. */
static inline void fake_leaves(struct fake *f, uint32_t as, uint64_t start, uint64_t end,
			       unsigned int lg2)
{
	memset(&f->leaf_lg2[as * f->frames + start], (int)lg2, end - start);
}

/* --- spaces --- */

static inline struct ptw_space *space_open(const struct ptw_mmu *primary)
{
	struct ptw_space_config config = { .size = sizeof(config), .primary = primary };
	struct ptw_space *space = NULL;

	cr_assert_eq(ptw_space_create(&config, &space), PTW_OK);
	return space;
}

static inline void space_close(struct ptw_space *space)
{
	cr_assert_eq(ptw_space_destroy(space), PTW_OK);
}

static inline uint32_t space_register(struct ptw_space *space, struct fake *f, uint32_t flags)
{
	struct ptw_register how = { .size = sizeof(how), .flags = flags,
				    .released = fake_released, .context = f };
	uint32_t id = 0;

	cr_assert_eq(ptw_space_register(space, &f->mmu, &how, &id), PTW_OK);
	cr_assert_neq(id, 0u);
	return id;
}

static inline struct ptw_slot slot_of(uint32_t mmu, uint32_t as, uint64_t frame, uint64_t pages,
				      uint64_t page)
{
	return (struct ptw_slot){ .size = sizeof(struct ptw_slot), .mmu = mmu, .as = as,
				  .frame = frame, .pages = pages, .page = page };
}

static inline void space_slot(struct ptw_space *space, uint32_t mmu, uint32_t as, uint64_t frame,
			      uint64_t pages, uint64_t page)
{
	const struct ptw_slot slot = slot_of(mmu, as, frame, pages, page);
	int ret = ptw_space_add_slot(space, &slot);

	cr_assert_eq(ret, PTW_OK, "slot: %s", ptw_strerror(ret));
}

static inline struct ptw_space_info space_info(struct ptw_space *space)
{
	struct ptw_space_info info = { .size = sizeof(info) };

	cr_assert_eq(ptw_space_info(space, &info), PTW_OK);
	return info;
}

static inline bool bit_at(const uint64_t *words, uint64_t bit)
{
	return words[bit / 64] >> bit % 64 & 1;
}

static inline unsigned int bits_in(const uint64_t *words, unsigned int count)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < count; i++)
		n += (unsigned int)__builtin_popcountll(words[i]);
	return n;
}

#endif /* PTW_TESTS_FAKE_MMU_H */
