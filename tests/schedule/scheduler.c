/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "tests/schedule/scheduler.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* What an event hashes into: the history of a thread, and of each location. */
#define LOCATIONS_LG2 16

struct location {
	uint64_t run; /* of which this is the history */
	uintptr_t which;
	uint64_t write; /* hash of the last write, with all that it depended on */
	uint64_t reads; /* sum of the reads since then, in whatever order */
};

static struct location locations[1u << LOCATIONS_LG2];

/* What a thread did last. */
struct progress {
	uint64_t events; /* so far */
	uintptr_t read;
	unsigned int times; /* it was read in a row, nothing in between */
	uint64_t steps; /* events, but for those of trying again */
	bool again;
	uint64_t others; /* steps of all others when this one began to wait for them */
	uint64_t since;  /* when it did */
	unsigned int self;
};

static struct {
	const struct scheduler_task *tasks;
	scheduler_policy_fn *policy;
	void *context;
	unsigned int count;
	unsigned int running;
	unsigned int unfinished;
	unsigned int waiting;
	unsigned int quiet;
	unsigned int points;
	uint64_t waits;
	bool stopped;
	bool (*ready[SCHEDULER_THREADS])(const void *argument);
	const void *ready_argument[SCHEDULER_THREADS];
	uint64_t run;
	uint64_t history[SCHEDULER_THREADS + 1];
	struct progress progress[SCHEDULER_THREADS + 1];
} s = {.running = SCHEDULER_OUTSIDE};

void (*scheduler_on_fail)(const char *text);

_Noreturn SCHEDULER_INVISIBLE void scheduler_fail(const char *format, ...)
{
	static char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (scheduler_on_fail)
		scheduler_on_fail(text);
	fprintf(stderr, "%s\n", text);
	abort();
}

static SCHEDULER_INVISIBLE uint64_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * 0x9e3779b97f4a7c15u;
	a = (a ^ a >> 29) * 0xbf58476d1ce4e5b9u;
	return a ^ a >> 32;
}

SCHEDULER_INVISIBLE unsigned int scheduler_self(void)
{
	return s.running;
}

SCHEDULER_INVISIBLE void scheduler_quiet(void)
{
	s.quiet++;
}

SCHEDULER_INVISIBLE void scheduler_loud(void)
{
	s.quiet--;
}

static SCHEDULER_INVISIBLE struct location *location_of(uintptr_t which)
{
	uint64_t at = mix(which, 1);

	for (;; at++) {
		struct location *l = &locations[at & ((1u << LOCATIONS_LG2) - 1)];

		if (l->run != s.run)
			*l = (struct location){.run = s.run, .which = which};
		if (l->which == which)
			return l;
	}
}

SCHEDULER_INVISIBLE void scheduler_event(uintptr_t location, bool write)
{
	struct location *l;
	uint64_t *h = &s.history[s.running];
	struct progress *p = &s.progress[s.running];

	if (s.running == SCHEDULER_OUTSIDE)
		return;
	l = location_of(location);
	p->times = !write && p->read == location ? p->times + 1 : !write;
	p->read = write ? 0 : location;
	p->events++;
	p->steps += !p->again;
	*h = mix(mix(*h, location << 1 | write), l->write);
	if (write) {
		*h = mix(*h, l->reads);
		l->write = *h;
		l->reads = 0;
	} else {
		l->reads += mix(*h, 2);
	}
}

SCHEDULER_INVISIBLE unsigned int scheduler_rereads(uintptr_t location)
{
	const struct progress *p = &s.progress[s.running];

	return p->read == location ? p->times : 0;
}

SCHEDULER_INVISIBLE uint64_t scheduler_events(unsigned int thread)
{
	return s.progress[thread].events;
}

SCHEDULER_INVISIBLE uint64_t scheduler_signature(void)
{
	uint64_t h = 0;

	for (unsigned int t = 0; t < s.count; t++)
		h = mix(h, s.history[t]);
	return h;
}

static bool others_moved(const void *argument);

static SCHEDULER_INVISIBLE unsigned int runnable(void)
{
	unsigned int can = s.unfinished, oldest = SCHEDULER_THREADS;

	if (!s.waiting)
		return can;
	for (unsigned int t = 0; t < s.count; t++)
		if ((s.waiting >> t & 1) && !s.ready[t](s.ready_argument[t]))
			can &= ~(1u << t);
	/* All wait for others to get on: who has waited longest tries again. */
	for (unsigned int t = 0; !can && t < s.count; t++)
		if ((s.waiting >> t & 1) && s.ready[t] == others_moved &&
		    (oldest == SCHEDULER_THREADS || s.progress[t].since < s.progress[oldest].since))
			oldest = t;
	return oldest < SCHEDULER_THREADS ? 1u << oldest : can;
}

/* Who goes on, when `current` (or nobody) could. */
static SCHEDULER_INVISIBLE unsigned int choose(unsigned int current)
{
	const unsigned int can = runnable();
	int next;

	if (++s.points > SCHEDULER_POINTS_MAX)
		scheduler_fail("no end after %u scheduling points", s.points);
	if (!can)
		scheduler_fail("deadlock: threads wait for each other, mask %#x", s.unfinished);
	if (current != SCHEDULER_OUTSIDE && !(can >> current & 1))
		current = SCHEDULER_OUTSIDE;
	if (!(can & (can - 1)))
		return (unsigned int)__builtin_ctz(can);
	next = s.policy(s.context, current, can);
	if (next == SCHEDULER_STOP) {
		s.stopped = true;
		return SCHEDULER_OUTSIDE;
	}
	if (next < 0 || next >= SCHEDULER_THREADS || !(can >> next & 1))
		scheduler_fail("the schedule runs thread %d, which cannot run", next);
	return (unsigned int)next;
}

static SCHEDULER_INVISIBLE void hand_over(unsigned int next)
{
	const unsigned int from = s.running;

	if (next == from)
		return;
	s.running = next;
	scheduler_backend_switch(from, next);
}

SCHEDULER_INVISIBLE void scheduler_point(void)
{
	if (s.running == SCHEDULER_OUTSIDE || s.quiet)
		return;
	/* This far, though nothing has happened since the last point, perhaps. */
	s.history[s.running] = mix(s.history[s.running], 3);
	hand_over(choose(s.running));
}

SCHEDULER_INVISIBLE void scheduler_wait(bool (*ready)(const void *argument), const void *argument)
{
	const unsigned int self = s.running;

	if (self == SCHEDULER_OUTSIDE || s.quiet) {
		if (!ready(argument))
			scheduler_fail("waits where nobody could help");
		return;
	}
	s.ready[self] = ready;
	s.ready_argument[self] = argument;
	s.waiting |= 1u << self;
	s.history[self] = mix(s.history[self], 4);
	hand_over(choose(self));
	s.waiting &= ~(1u << self);
}

static SCHEDULER_INVISIBLE uint64_t steps_of_others(unsigned int self)
{
	uint64_t steps = 0;

	for (unsigned int t = 0; t < s.count; t++)
		steps += t != self ? s.progress[t].steps : 0;
	return steps;
}

static SCHEDULER_INVISIBLE bool others_moved(const void *argument)
{
	const struct progress *p = argument;

	return steps_of_others(p->self) != p->others;
}

SCHEDULER_INVISIBLE void scheduler_await_others(void)
{
	struct progress *p = &s.progress[s.running];

	if (s.running == SCHEDULER_OUTSIDE || s.quiet)
		return;
	p->again = true;
	p->others = steps_of_others(s.running);
	p->since = ++s.waits;
	/* When it can go on depends on when it began to wait. */
	s.history[s.running] = mix(s.history[s.running], p->others);
	scheduler_wait(others_moved, p);
}

SCHEDULER_INVISIBLE void scheduler_got_on(void)
{
	s.progress[s.running].again = false;
}

SCHEDULER_INVISIBLE void scheduler_helper(void (*run)(void *argument), void *argument)
{
	s.quiet++;
	scheduler_backend_helper(run, argument);
	s.quiet--;
}

SCHEDULER_INVISIBLE void scheduler_body(unsigned int self)
{
	s.tasks[self].run(s.tasks[self].argument);
	s.unfinished &= ~(1u << self);
	s.running = s.unfinished ? choose(SCHEDULER_OUTSIDE) : SCHEDULER_OUTSIDE;
	scheduler_backend_leave(s.running);
}

SCHEDULER_INVISIBLE bool scheduler_run(const struct scheduler_task *tasks, unsigned int count,
				       scheduler_policy_fn *policy, void *context)
{
	s.tasks = tasks;
	s.policy = policy;
	s.context = context;
	s.count = count;
	s.unfinished = (1u << count) - 1;
	s.waiting = 0;
	s.quiet = 0;
	s.points = 0;
	s.stopped = false;
	s.run++;
	for (unsigned int t = 0; t < count; t++) {
		s.history[t] = t + 1;
		s.progress[t] = (struct progress){.self = t};
	}
	scheduler_backend_start(count);
	hand_over(choose(SCHEDULER_OUTSIDE));
	scheduler_backend_end();
	return !s.stopped;
}
