/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "history.h"

#include <stdio.h>
#include <string.h>

void history_cut(struct history *history, uint64_t ticks)
{
	uint64_t count = ticks < HISTORY_COLUMNS ? ticks : HISTORY_COLUMNS;

	memset(history, 0, sizeof(*history));
	history->count = (unsigned int)count;
	for (uint64_t i = 0; i < count; i++) {
		history->column[i].first_tick = ticks * i / count;
		history->column[i].end_tick = ticks * (i + 1) / count;
	}
}

unsigned int age_class(unsigned int age)
{
	unsigned int lg2;

	if (age < 4)
		return age;
	if (age >= SIM_AGES - 1)
		return AGE_CLASSES - 1;
	lg2 = 31 - (unsigned int)__builtin_clz(age);
	/* 4-5, 6-7, 8-11, 12-15, ... */
	return 2 * lg2 + (age >> (lg2 - 1) & 1);
}

void age_class_name(unsigned int number, char text[16])
{
	unsigned int first, size;

	if (number < 4) {
		snprintf(text, 16, "%u", number);
		return;
	}
	if (number == AGE_CLASSES - 1) {
		snprintf(text, 16, "%d or more", SIM_AGES - 1);
		return;
	}
	size = 1u << (number / 2 - 1);
	first = (2 + (number & 1)) * size;
	snprintf(text, 16, "%u-%u", first,
		 number == AGE_CLASSES - 2 ? SIM_AGES - 2 : first + size - 1);
}

void history_take(struct history *history, struct history_column *column,
		  const struct sim_policy *policy, void *state, const struct sim_counters *counters,
		  const uint64_t true_age[SIM_AGES])
{
	const uint64_t *ages = counters->has_idle_age ? counters->idle_age : true_age;

	history->harvested = counters->has_idle_age;
	for (unsigned int age = 0; age < SIM_AGES; age++) {
		column->idle[age_class(age)] += ages[age];
		column->resident += ages[age];
	}
	/* Running totals; those of the columns before go off. */
	column->scans = counters->scans;
	column->scan_young = counters->scan_young;
	for (const struct history_column *c = history->column; c < column; c++) {
		column->scans -= c->scans;
		column->scan_young -= c->scan_young;
	}
	if (policy->generations)
		column->generations = policy->generations(state, column->generation);
}

uint64_t history_most_idle(const struct history *history)
{
	uint64_t most = 1;

	for (unsigned int i = 0; i < history->count; i++)
		for (unsigned int number = 0; number < AGE_CLASSES; number++)
			if (history->column[i].idle[number] > most)
				most = history->column[i].idle[number];
	return most;
}
