/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One of the two, as far as it has been taken. */
struct part {
	const struct trace *trace;
	size_t at;	/* word */
	uint64_t ticks; /* taken */
	uint64_t all;	/* ticks in all, a last one that was not completed included */
	uint32_t base;	/* added to page numbers */
};

static void part_init(struct part *part, const struct trace *trace, uint32_t base)
{
	*part = (struct part){.trace = trace, .base = base};
	part->all = trace->ticks + (trace->words[trace->count - 1] != TRACE_TICK);
}

/* Up to and with the next tick. */
static void part_take(struct part *part, struct trace *to)
{
	const struct trace *from = part->trace;

	part->ticks++;
	while (part->at < from->count) {
		uint32_t word = from->words[part->at++];

		to->words[to->count++] = word == TRACE_TICK ? word : word + part->base;
		if (word == TRACE_TICK)
			break;
	}
}

bool merge_traces(struct merge *merge, const struct trace *first, const struct trace *second,
		  char *error, size_t error_size)
{
	struct trace *to = &merge->trace;
	struct part a, b;

	memset(merge, 0, sizeof(*merge));
	merge->base = (first->pages + 511) & ~511u;
	if (merge->base + second->pages > TRACE_PAGE_LIMIT) {
		snprintf(error, error_size,
			 "the two traces have more than %u pages together; use "
			 "smaller ones",
			 TRACE_PAGE_LIMIT);
		return false;
	}
	to->words = malloc((first->count + second->count) * sizeof(*to->words));
	if (!to->words) {
		snprintf(error, error_size,
			 "not enough memory for two traces at once; use shorter ones");
		return false;
	}
	part_init(&a, first, 0);
	part_init(&b, second, merge->base);
	/* Whoever is behind, by its share of its own ticks, is next. */
	while (a.at < first->count || b.at < second->count) {
		if (b.at == second->count ||
		    (a.at < first->count && a.ticks * b.all <= b.ticks * a.all))
			part_take(&a, to);
		else
			part_take(&b, to);
	}
	to->references = first->references + second->references;
	to->ticks = first->ticks + second->ticks;
	to->pages = merge->base + second->pages;
	to->footprint = first->footprint + second->footprint;
	merge->references[0] = first->references;
	merge->references[1] = second->references;
	merge->footprint[0] = first->footprint;
	merge->footprint[1] = second->footprint;
	return true;
}

void merge_free(struct merge *merge)
{
	trace_free(&merge->trace);
}
