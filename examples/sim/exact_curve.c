/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The stack algorithm (Mattson et al., 1970): a page is found in m pages of memory if fewer than m
 * others were used since it was. Times of last uses are counted in a Fenwick tree; when its times
 * are used up, they are numbered anew.
 */
#include "exact_curve.h"

#include <stdlib.h>
#include <string.h>

#include "trace.h"

struct stack {
	uint32_t times; /* of the tree */
	uint32_t now;
	uint32_t pages; /* that have been used */
	uint32_t *tree; /* by time, from 1: whether it is some page's last use */
	uint32_t *last; /* by page: time of its last use, or 0 */
	uint32_t *page; /* by time: who was used */
};

static void stack_add(struct stack *s, uint32_t time, uint32_t n)
{
	for (; time <= s->times; time += time & -time)
		s->tree[time] += n;
}

static uint32_t stack_upto(const struct stack *s, uint32_t time)
{
	uint32_t sum = 0;

	for (; time; time -= time & -time)
		sum += s->tree[time];
	return sum;
}

/* Last uses get the times from 1 on, in the same order. */
static void stack_renumber(struct stack *s)
{
	uint32_t to = 0;

	memset(s->tree, 0, ((size_t)s->times + 1) * sizeof(*s->tree));
	for (uint32_t time = 1; time <= s->now; time++) {
		const uint32_t page = s->page[time];

		if (s->last[page] != time)
			continue;
		s->last[page] = ++to;
		s->page[to] = page;
		stack_add(s, to, 1);
	}
	s->now = to;
}

/* Pages used since this one was, itself included; 0: it never was. */
static uint32_t stack_use(struct stack *s, uint32_t page)
{
	uint32_t depth = 0;

	if (s->now == s->times)
		stack_renumber(s);
	if (s->last[page]) {
		depth = s->pages - stack_upto(s, s->last[page] - 1);
		stack_add(s, s->last[page], (uint32_t)-1);
	} else {
		s->pages++;
	}
	s->last[page] = ++s->now;
	s->page[s->now] = page;
	stack_add(s, s->now, 1);
	return depth;
}

bool exact_curve(const struct trace *trace, uint64_t *misses)
{
	struct stack s = {.times = trace->footprint * 2 + 1024};
	uint64_t hits = 0;
	bool done;

	s.tree = calloc((size_t)s.times + 1, sizeof(*s.tree));
	s.page = calloc((size_t)s.times + 1, sizeof(*s.page));
	s.last = calloc(trace->pages, sizeof(*s.last));
	done = s.tree && s.page && s.last;
	memset(misses, 0, ((size_t)trace->footprint + 1) * sizeof(*misses));
	for (size_t i = 0; done && i < trace->count; i++)
		if (trace->words[i] != TRACE_TICK)
			misses[stack_use(&s, trace->words[i] & ~TRACE_WRITE)]++;
	/* misses[0] has the first uses; a use at a depth is a hit in so many pages and more. */
	misses[0] = trace->references;
	for (uint32_t m = 1; m <= trace->footprint; m++) {
		hits += misses[m];
		misses[m] = trace->references - hits;
	}
	free(s.tree);
	free(s.page);
	free(s.last);
	return done;
}
