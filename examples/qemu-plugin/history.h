/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the guest used over time: a column for each step of ageing, or for some of them where there are many, and
 * marks that people have set.
 */
#ifndef PTW_QEMU_HISTORY_H
#define PTW_QEMU_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_COLUMNS 384u /* at most; then neighbours become one */
#define HISTORY_BINS	96u  /* of guest memory */
#define HISTORY_AGES	12u  /* classes: 0, 1, 2 and 3, 4 to 7, and so on */
#define HISTORY_MARKS	64u
#define HISTORY_WINDOW	10u /* steps of the working set */

struct history_column {
	uint32_t steps;
	uint64_t instructions;	     /* of the guest, at its end */
	uint64_t ms;		     /* since the beginning, likewise */
	uint64_t touched;	     /* pages used, added up over the steps */
	uint64_t most;		     /* of a step */
	uint64_t working_set;	     /* pages used in the window, at the end */
	uint64_t ever;		     /* pages used so far */
	uint64_t resident;	     /* of them, those that are not out */
	uint64_t refaults;	     /* so far */
	uint64_t evicted;	     /* so far */
	uint64_t idle[HISTORY_AGES]; /* pages by age in steps, at the end */
	uint64_t bins[HISTORY_BINS]; /* as touched, by place in memory */
};

struct history_mark {
	uint64_t instructions;
	uint64_t ms;
	char text[48];
};

/* What a step is told besides the pages. */
struct history_now {
	uint64_t instructions;
	uint64_t ms;
	uint64_t resident;
	uint64_t refaults;
	uint64_t evicted;
};

struct history {
	uint64_t pages;
	uint32_t *last;	      /* of each page, the step that found it used last; 0: none */
	uint32_t steps;	      /* so far */
	uint32_t each;	      /* steps of a column */
	unsigned int columns; /* the last one may have fewer steps */
	unsigned int marks;
	struct history_column column[HISTORY_COLUMNS];
	struct history_mark mark[HISTORY_MARKS];
};

bool history_create(struct history *history, uint64_t pages);

/* A step: bitmap of the pages used since the last one. */
void history_step(struct history *history, const uint64_t *young, const struct history_now *now);

/* Those beyond the last one there is room for are dropped. What is no printable ASCII becomes '?'. */
void history_mark(struct history *history, uint64_t instructions, uint64_t ms, const char *text);

/* Pages used in the last `steps` steps, by the end of the history; 0: ever. */
uint64_t history_used(const struct history *history, uint32_t steps);

#endif /* PTW_QEMU_HISTORY_H */
