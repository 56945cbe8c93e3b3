/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Reports of the guest, in several forms. All take the machine's lock as held. */
#ifndef PTW_QEMU_REPORT_H
#define PTW_QEMU_REPORT_H

#include <stdio.h>

#include "../sim/svg.h"
#include "guest.h"

/* Sums over the processors, which may be running. */
struct report_sums {
	unsigned int processors;
	uint64_t loads;
	uint64_t stores;
	uint64_t asked;
	uint64_t io;
	uint64_t outside;
	uint64_t wrong;
	uint64_t walks; /* of software MMUs */
	uint64_t tlb_hits;
};

void report_sums(const struct guest *guest, struct report_sums *sums);

/* Each writes one report; in a form of that name. */
void report_json(FILE *out, const struct guest *guest);
void report_html(FILE *out, const struct guest *guest);
void report_svg(FILE *out, const struct guest *guest);
void report_metrics(FILE *out, const struct guest *guest);

/* Memory over time: where the guest was at work, and how old pages were. In a page or picture that has begun. */
void report_heat(FILE *out, const struct guest *guest);
void report_idle(FILE *out, const struct guest *guest);
/*
 * Phases in a picture whose x axis is in million instructions: their shades, below what is drawn, and their limits and
 * names, above. What is drawn leaves room for the names: the y axis ends so many times higher.
 */
#define REPORT_ROOM  1.19
#define REPORT_FIRST "loader" /* the phase before the first mark */
void report_phases(const struct svg_plot *plot, const struct history *history);
void report_marks(const struct svg_plot *plot, const struct history *history);
/* Working set, memory that is there, and what has been put out. */
void report_curves(FILE *out, const struct guest *guest);

/* What proactive reclaim saved: the mean over time of pages out, those brought back aside, and its share. */
struct report_saved {
	uint64_t mean_pages;	/* out, over the time since the first page went */
	uint64_t last_pages;	/* out at the end */
	double share;		/* of pages ever used, mean */
	double refault_percent; /* of the working set, brought back in a window, mean */
};

void report_saved(const struct guest *guest, struct report_saved *saved);

/* The files that the options name; a failure is told. Temporary names, then renamed. */
void report_files(const struct guest *guest);
void report_metrics_file(const struct guest *guest);

#endif /* PTW_QEMU_REPORT_H */
