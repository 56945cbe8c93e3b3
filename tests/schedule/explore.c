/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Exploration without saved states: each run starts from the beginning and repeats the decisions of
 * the run before, up to the one that is to differ.
 *
 * Preempting a thread that could go on costs one of the bound; choosing among threads when the last
 * one cannot go on is free (iterative context bounding). Two beginnings that differ only in the
 * order of what does not depend on each other lead to the same state (scheduler_signature()); where
 * one was explored with as many preemptions left, the other one is not.
 */
#include "tests/schedule/explore.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/schedule/scheduler.h"

struct decision {
	uint8_t chosen;
	uint8_t others;	 /* still to be tried */
	uint8_t current; /* who could have gone on */
	uint8_t runnable;
	uint8_t spent; /* preemptions before this decision */
};

/* States explored, with the preemptions that were left; open addressing, never full. */
#define SEEN_LG2 22

struct seen {
	uint64_t state;
	uint32_t search; /* of which this is an entry */
	uint32_t left;
};

static struct {
	struct decision *stack;
	size_t depth; /* decisions to repeat */
	size_t at;
	unsigned int bound;
	struct seen *seen;
	uint32_t search;
	uint32_t seen_count;
	bool prune;
	struct explore_log *log;
} x;

static SCHEDULER_INVISIBLE void note(size_t at, unsigned int chosen)
{
	if (at >= EXPLORE_DEPTH)
		scheduler_fail("more than %d decisions in one run", EXPLORE_DEPTH);
	x.log->digits[at] = (char)('0' + chosen);
	x.log->digits[at + 1] = 0;
}

static unsigned int lowest(unsigned int mask)
{
	return (unsigned int)__builtin_ctz(mask);
}

/* In the place of who could go on: the run is over. */
#define END (SCHEDULER_OUTSIDE + 1)

/* True if this state was explored with as much left; remembers it otherwise. */
static bool seen_before(unsigned int current, unsigned int left)
{
	const uint64_t state = scheduler_signature() * 8 + current;
	const uint32_t mask = (1u << SEEN_LG2) - 1;
	uint32_t at = (uint32_t)(state >> 20) & mask;

	for (; x.seen[at].search == x.search; at = (at + 1) & mask) {
		if (x.seen[at].state != state)
			continue;
		if (x.seen[at].left >= left)
			return true;
		x.seen[at].left = left;
		return false;
	}
	if (x.seen_count < mask / 4 * 3) {
		x.seen_count++;
		x.seen[at] = (struct seen){state, x.search, left};
	}
	return false;
}

static int explore_policy(void *context, unsigned int current, unsigned int runnable)
{
	struct decision *d = &x.stack[x.at];
	unsigned int spent = 0;

	(void)context;
	if (x.at < x.depth) {
		if (d->current != current || d->runnable != runnable)
			scheduler_fail("the same schedule does not give the same run");
		note(x.at++, d->chosen);
		return d->chosen;
	}
	if (x.at) {
		d = &x.stack[x.at - 1];
		spent = d->spent + (d->current != SCHEDULER_OUTSIDE && d->chosen != d->current);
		d++;
	}
	if (x.prune && seen_before(current, x.bound - spent))
		return SCHEDULER_STOP;
	d->current = (uint8_t)current;
	d->runnable = (uint8_t)runnable;
	d->spent = (uint8_t)spent;
	d->chosen = (uint8_t)(current != SCHEDULER_OUTSIDE ? current : lowest(runnable));
	d->others = 0;
	if (current == SCHEDULER_OUTSIDE || spent < x.bound)
		d->others = (uint8_t)(runnable & ~(1u << d->chosen));
	note(x.at, d->chosen);
	x.depth = ++x.at;
	return d->chosen;
}

/* Change the last decision that can be; false: there is none. */
static bool next_schedule(void)
{
	while (x.depth) {
		struct decision *d = &x.stack[x.depth - 1];

		if (d->others) {
			d->chosen = (uint8_t)lowest(d->others);
			d->others &= (uint8_t)(d->others - 1);
			return true;
		}
		x.depth--;
	}
	return false;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct explore_counts explore_all(explore_run_fn *run, void *context, unsigned int bound,
				  double seconds, bool prune, struct explore_log *log)
{
	struct explore_counts counts = {0};
	const double end = now() + seconds;
	uint64_t runs = 0;

	if (!x.stack)
		x.stack = calloc(EXPLORE_DEPTH + 1, sizeof(*x.stack));
	if (!x.seen)
		x.seen = calloc((size_t)1 << SEEN_LG2, sizeof(*x.seen));
	if (!x.stack || !x.seen)
		scheduler_fail("no memory");
	x.depth = 0;
	x.bound = bound;
	x.search++;
	x.seen_count = 0;
	x.prune = prune;
	x.log = log;
	do {
		x.at = 0;
		log->digits[0] = 0;
		if (run(context, explore_policy, NULL)) {
			counts.schedules++;
			counts.ends += !seen_before(END, 0);
		} else {
			counts.pruned++;
		}
		if ((++runs & 255) == 0 && now() > end)
			return counts;
	} while (next_schedule());
	counts.complete = true;
	return counts;
}

static SCHEDULER_INVISIBLE int replay_policy(void *context, unsigned int current,
					     unsigned int runnable)
{
	const char *digits = context;
	unsigned int next = current != SCHEDULER_OUTSIDE ? current : lowest(runnable);

	/* The text ends where nothing but this remains. */
	if (x.at < x.depth)
		next = (unsigned int)(digits[x.at] - '0');
	note(x.at++, next);
	return (int)next;
}

void explore_one(explore_run_fn *run, void *context, const char *digits, struct explore_log *log)
{
	x.at = 0;
	x.depth = strlen(digits);
	x.log = log;
	log->digits[0] = 0;
	run(context, replay_policy, (void *)(uintptr_t)digits);
}

static SCHEDULER_INVISIBLE int random_policy(void *context, unsigned int current,
					     unsigned int runnable)
{
	uint64_t *random = context;
	unsigned int next;

	/* xorshift64 */
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	if (current != SCHEDULER_OUTSIDE && (*random >> 8) % 12)
		next = current;
	else
		for (next = *random >> 40 & 3; !(runnable >> next & 1);)
			next = (next + 1) & 3;
	note(x.at++, next);
	return (int)next;
}

void explore_random(explore_run_fn *run, void *context, uint64_t seed, uint64_t runs,
		    struct explore_log *log)
{
	x.log = log;
	for (uint64_t i = 0; i < runs; i++) {
		uint64_t random = (seed + i) * 0x9e3779b97f4a7c15u | 1;

		x.at = 0;
		log->digits[0] = 0;
		run(context, random_policy, &random);
	}
}
