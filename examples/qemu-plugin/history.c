/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool history_create(struct history *history, uint64_t pages)
{
	*history = (struct history){.pages = pages, .each = 1};
	history->last = calloc(pages, sizeof(*history->last));
	return history->last != NULL;
}

/* The second column goes into the first. */
static void join(struct history_column *to, const struct history_column *from)
{
	struct history_column joined = *from;

	joined.steps += to->steps;
	joined.touched += to->touched;
	if (to->most > joined.most)
		joined.most = to->most;
	for (unsigned int bin = 0; bin < HISTORY_BINS; bin++)
		joined.bins[bin] += to->bins[bin];
	*to = joined;
}

static void make_room(struct history *history)
{
	for (unsigned int i = 0; i < HISTORY_COLUMNS / 2; i++) {
		history->column[i] = history->column[2 * i];
		join(&history->column[i], &history->column[2 * i + 1]);
	}
	history->columns = HISTORY_COLUMNS / 2;
	history->each *= 2;
}

static unsigned int age_class(uint32_t age)
{
	unsigned int number = age ? 32 - (unsigned int)__builtin_clz(age) : 0;

	return number < HISTORY_AGES ? number : HISTORY_AGES - 1;
}

static void count_ages(const struct history *history, struct history_column *column)
{
	for (uint64_t page = 0; page < history->pages; page++) {
		uint32_t age = history->steps - history->last[page];

		if (!history->last[page])
			continue;
		column->ever++;
		column->working_set += age < HISTORY_WINDOW;
		column->idle[age_class(age)]++;
	}
}

static void count_young(struct history *history, const uint64_t *young,
			struct history_column *column)
{
	for (uint64_t word = 0; word < history->pages / 64; word++) {
		for (uint64_t bits = young[word]; bits; bits &= bits - 1) {
			uint64_t page = word * 64 + (unsigned int)__builtin_ctzll(bits);

			history->last[page] = history->steps;
			column->touched++;
			column->bins[page * HISTORY_BINS / history->pages]++;
		}
	}
	column->most = column->touched;
}

void history_step(struct history *history, const uint64_t *young, const struct history_now *now)
{
	struct history_column column = {.steps = 1,
					.instructions = now->instructions,
					.ms = now->ms,
					.resident = now->resident,
					.refaults = now->refaults,
					.evicted = now->evicted};
	struct history_column *last =
		history->columns ? &history->column[history->columns - 1] : NULL;

	history->steps++;
	count_young(history, young, &column);
	count_ages(history, &column);
	if (last && last->steps < history->each) {
		join(last, &column);
		return;
	}
	if (history->columns == HISTORY_COLUMNS)
		make_room(history);
	history->column[history->columns++] = column;
}

void history_mark(struct history *history, uint64_t instructions, uint64_t ms, const char *text)
{
	struct history_mark *mark;

	if (history->marks == HISTORY_MARKS)
		return;
	mark = &history->mark[history->marks++];
	*mark = (struct history_mark){.instructions = instructions, .ms = ms};
	snprintf(mark->text, sizeof(mark->text), "%s", text);
	for (char *c = mark->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

uint64_t history_used(const struct history *history, uint32_t steps)
{
	uint64_t used = 0;

	for (uint64_t page = 0; page < history->pages; page++)
		used += history->last[page] &&
			(!steps || history->steps - history->last[page] < steps);
	return used;
}
