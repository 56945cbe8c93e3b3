/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Who plays which role when, what the answers were, and which pairs that made. */
#include <sched.h>

#include "stress.h"

const char stress_pairs[ROLE_COUNT][ROLE_COUNT] = STRESS_PAIRS;

typedef int (*role_fn)(struct worker *w, struct span span);

#define ROLE_ENTRY(letter, name) [ROLE_##letter] = stress_role_##letter,
static const role_fn functions[ROLE_COUNT] = { STRESS_ROLES(ROLE_ENTRY) };

#define BIT(outcome) (1u << OUTCOME_##outcome)

/* Answers that a role may get; any other ends the run. */
static const unsigned int allowed[ROLE_COUNT] = {
	[ROLE_H] = BIT(OK) | BIT(AGAIN) | BIT(HOLE) | BIT(BUDGET) | BIT(STOPPED),
	[ROLE_D] = BIT(OK) | BIT(BUDGET) | BIT(STOPPED),
	[ROLE_Q] = BIT(OK) | BIT(AGAIN) | BIT(HOLE),
	[ROLE_K] = BIT(OK),
	[ROLE_F] = BIT(OK) | BIT(AGAIN) | BIT(HOLE) | BIT(FAULT),
	[ROLE_M] = BIT(OK) | BIT(AGAIN) | BIT(EXISTS) | BIT(NOMEM),
	[ROLE_U] = BIT(OK) | BIT(AGAIN) | BIT(HOLE) | BIT(BLOCK) | BIT(BACKLOG),
	[ROLE_P] = BIT(OK) | BIT(AGAIN),
	[ROLE_S] = BIT(OK) | BIT(AGAIN) | BIT(NOMEM),
	[ROLE_C] = BIT(OK) | BIT(AGAIN) | BIT(BACKLOG),
	[ROLE_R] = BIT(OK) | BIT(AGAIN) | BIT(BACKLOG),
	[ROLE_X] = BIT(OK),
};

static enum outcome outcome_of(int ret)
{
	switch (ret) {
	case PTW_OK:
		return OUTCOME_OK;
	case PTW_ERR_AGAIN:
		return OUTCOME_AGAIN;
	case PTW_ERR_EXISTS:
		return OUTCOME_EXISTS;
	case PTW_ERR_HOLE:
		return OUTCOME_HOLE;
	case PTW_ERR_BLOCK:
		return OUTCOME_BLOCK;
	case PTW_ERR_FAULT:
		return OUTCOME_FAULT;
	case PTW_ERR_NOMEM:
		return OUTCOME_NOMEM;
	case PTW_ERR_BACKLOG:
		return OUTCOME_BACKLOG;
	case PTW_ERR_BUDGET:
		return OUTCOME_BUDGET;
	case PTW_ERR_STOPPED:
		return OUTCOME_STOPPED;
	default:
		return OUTCOMES;
	}
}

/* Who is inside an operation on an overlapping range while this one begins? */
static void count_cells(struct worker *w, enum stress_role role, struct span span)
{
	struct stress *s = w->stress;

	for (unsigned int i = 0; i < s->cpus + s->workers; i++) {
		struct worker *other = &s->threads[i];
		unsigned int slot = atomic_load_explicit(&other->slot, memory_order_relaxed);

		if (other != w && slot && get(&other->slot_start) < span.end &&
		    get(&other->slot_end) > span.start)
			add(&s->totals->cells[slot - 1][role], 1);
	}
}

/* Of those that PTW_WRITERS_EXCLUSIVE lets run one at a time. */
static bool writes(enum stress_role role)
{
	return role == ROLE_F || role == ROLE_M || role == ROLE_U || role == ROLE_P ||
	       role == ROLE_S || role == ROLE_C || role == ROLE_R;
}

int play_role(struct worker *w, enum stress_role role, struct span span)
{
	struct stress *s = w->stress;
	bool locks = s->exclusive && writes(role);
	enum outcome outcome;
	int ret;

	if (locks)
		pthread_mutex_lock(&s->writer_lock);
	/* Relaxed, and so not exact: an edge between the threads would excuse races. */
	atomic_store_explicit(&w->slot_start, span.start, memory_order_relaxed);
	atomic_store_explicit(&w->slot_end, span.end, memory_order_relaxed);
	atomic_store_explicit(&w->slot, role + 1, memory_order_relaxed);
	count_cells(w, role, span);
	w->worked = false;
	ret = functions[role](w, span);
	atomic_store_explicit(&w->slot, 0, memory_order_relaxed);
	if (locks)
		pthread_mutex_unlock(&s->writer_lock);

	outcome = outcome_of(ret);
	if (outcome == OUTCOMES || !(allowed[role] & 1u << outcome)) {
		stress_fail(s, "role %c on %#llx to %#llx answered: %s", STRESS_LETTERS[role],
			    (unsigned long long)span.start, (unsigned long long)span.end,
			    ptw_strerror(ret));
		return ret;
	}
	add(&s->totals->outcomes[role][outcome], 1);
	add(&s->totals->worked[role], w->worked);
	return ret;
}

/* Does it make sense to look for this pair? */
static bool may_pair(unsigned int a, unsigned int b)
{
	return stress_pairs[a][b] != 'n';
}

/* The role that was seen least next to `other`, of three at random. */
static enum stress_role rarest_next_to(struct worker *w, unsigned int other)
{
	struct stress *s = w->stress;
	enum stress_role best = ROLE_COUNT;

	for (unsigned int i = 0; i < 3 || best == ROLE_COUNT; i++) {
		enum stress_role role = (enum stress_role)below(w, ROLE_COUNT);

		if (may_pair(role, other) &&
		    (best == ROLE_COUNT || get(&s->totals->cells[other][role]) <
						   get(&s->totals->cells[other][best])))
			best = role;
	}
	return best;
}

/* Blocks again, where pages have taken their place, to be split when they are young. */
static void renew_block(struct worker *w)
{
	struct stress *s = w->stress;
	const struct area *area = &s->areas[AREA_BLOCKS];
	uint64_t bytes = area->region * s->granule;
	uint64_t start = area->base + below(w, area->pages / area->region) * bytes;
	struct span span = { start, start + bytes };

	play_role(w, ROLE_U, span);
	play_role(w, ROLE_R, span);
	play_role(w, ROLE_M, span);
	for (unsigned int i = (unsigned int)below(w, 4); i--;)
		play_role(w, ROLE_H, span);
	play_role(w, ROLE_S, space_fit(w, ROLE_S, span));
}

/* Tables that can be collapsed, and blocks that can be split, are rare: make one. */
static void recipe(struct worker *w)
{
	struct stress *s = w->stress;
	const struct area *area = &s->areas[AREA_MIXED];
	uint64_t table = s->areas[AREA_BLOCKS].region;
	uint64_t pages = below(w, 2) ? table : area->region;
	uint64_t start = area->base + below(w, area->pages / pages) * pages * s->granule;
	struct span span = { start, start + pages * s->granule };
	bool split = below(w, 2);

	w->want = split ? PTW_MAX_LEVELS : 1;
	play_role(w, ROLE_U, span);
	play_role(w, ROLE_M, span);
	w->want = 1;
	play_role(w, ROLE_P, span);
	w->want = split ? 1 : 3; /* one level more than the level */
	play_role(w, split ? ROLE_S : ROLE_C, span);
	w->want = 0;
}

/* Harvests meet each other and CPUs on few pages, some of which come and go. */
static void play_hot(struct worker *w)
{
	struct span span = space_hot(w->stress);
	enum stress_role role = ROLE_H;

	switch (below(w, 32)) {
	case 0:
		role = ROLE_U;
		span.end = span.start + w->stress->granule;
		break;
	case 1 ... 3:
		role = ROLE_M;
		break;
	case 4 ... 7:
		role = ROLE_D;
		break;
	default:
		break;
	}
	play_role(w, role, span);
	/* Where processors are few, let somebody run who makes some work. */
	if (!w->worked)
		sched_yield();
}

void play_step(struct worker *w)
{
	static const enum stress_role often[] = {
		ROLE_H, ROLE_H, ROLE_H, ROLE_D, ROLE_D, ROLE_Q, ROLE_Q, ROLE_K, ROLE_F, ROLE_M,
		ROLE_M, ROLE_M, ROLE_U, ROLE_U, ROLE_P, ROLE_S, ROLE_C, ROLE_R,
	};
	struct stress *s = w->stress;
	enum stress_role role = often[below(w, sizeof(often) / sizeof(often[0]))];
	struct span span = space_pick(w);
	struct worker *other = &s->threads[below(w, s->cpus + s->workers)];
	unsigned int slot = atomic_load_explicit(&other->slot, memory_order_relaxed);

	if (s->hot_round && below(w, 16)) {
		play_hot(w);
		return;
	}
	switch (below(w, 8)) {
	case 0:
		if (below(w, 4))
			recipe(w);
		else
			renew_block(w);
		return;
	case 1 ... 3:
		/* Join somebody. */
		if (other == w || !slot)
			break;
		role = rarest_next_to(w, slot - 1);
		span.start = get(&other->slot_start);
		span.end = get(&other->slot_end);
		if (span.start >= span.end) /* changed meanwhile */
			return;
		break;
	default:
		break;
	}
	play_role(w, role, space_fit(w, role, span));
}
