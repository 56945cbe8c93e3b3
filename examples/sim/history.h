/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a replay looked like over time, for pictures; a **column** is a stretch of time. */
#ifndef PTW_SIM_HISTORY_H
#define PTW_SIM_HISTORY_H

#include "policy.h"

/* As many as a line of a terminal holds beside the ages. */
#define HISTORY_COLUMNS 80

/* Ages are counted in classes: 0 to 3 alone, then two for each power of two, and the last of all. */
#define AGE_CLASSES 17

struct history_column {
	uint64_t first_tick;
	uint64_t end_tick; /* the first one not in it */
	uint64_t pages;	   /* distinct pages referenced */
	uint64_t faults;
	uint64_t scans;	     /* passes that the policy made, and ... */
	uint64_t scan_young; /* ... pages it found young in them, summed */
	/* At its end: */
	uint64_t resident;
	uint64_t idle[AGE_CLASSES]; /* resident pages by age in scan intervals */
	uint64_t generation[SIM_GENERATIONS];
	unsigned int generations; /* 0: the policy has none */
};

struct history {
	struct history_column column[HISTORY_COLUMNS];
	unsigned int count;
	bool harvested; /* ages are the policy's, not those of the trace */
};

/* Columns share the ticks evenly; a short trace has fewer, each of one tick. */
void history_cut(struct history *history, uint64_t ticks);

/* Take down what the policy and the trace (true_age) say at the end of a column. */
void history_take(struct history *history, struct history_column *column,
		  const struct sim_policy *policy, void *state, const struct sim_counters *counters,
		  const uint64_t true_age[SIM_AGES]);

/* The class of an age, and the ages of a class as text. */
unsigned int age_class(unsigned int age);
void age_class_name(unsigned int number, char text[16]);

/* Most pages in any age class of any column, at least 1. */
uint64_t history_most_idle(const struct history *history);

#endif /* PTW_SIM_HISTORY_H */
