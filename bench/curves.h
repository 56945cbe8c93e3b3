/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What experiment `curves` measured: points of curves, which are told apart by their names. */
#ifndef PTW_BENCH_CURVES_H
#define PTW_BENCH_CURVES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "experiment.h"

enum curve {
	CURVE_YOUNG_SMALL, /* ns an entry against percent young, 1 M entries */
	CURVE_YOUNG_LARGE, /* the same, 16 M */
	CURVE_TABLES,	   /* ns a table against leaf tables */
	CURVE_TOUCHED,	   /* pruned: us a pass against regions touched */
	CURVE_MAPPED,	   /* pruned: us a pass against GiB mapped */
	CURVE_THREADS,	   /* ns an entry, of all threads together, against threads */
	CURVE_EXTENT,	   /* ns a leaf extent against its bytes */
	CURVE_GIB,	   /* ns a GiB against the bytes of a leaf extent */
	CURVES,
};

struct curve_shape {
	const char *name; /* also of its picture: curves-NAME */
	const char *title;
	const char *x;
	const char *y;
	double start;	  /* of the x axis */
	const char *tics; /* on it, for gnuplot; null: where it likes */
	bool percent;	  /* x has a 0, and is logarithmic beyond */
	bool threads;	  /* x is small and not logarithmic */
};

extern const struct curve_shape curve_shapes[CURVES];

/* Travels from the process that measured to the one that reports. */
struct curve_point {
	char series[32]; /* empty: nothing but `share` */
	uint32_t curve;	 /* enum curve */
	uint32_t few;	 /* too few blocks were kept, in one process at least */
	double x;
	double value;
	double min; /* of all processes */
	double max;
	double share; /* of the work of its process that is done with it */
	uint64_t kept;
	uint64_t total; /* blocks */
};

#define CURVES_POINTS_MAX 512

/* Blocks of a point of a quick run: too few, and it says so. */
#define CURVES_KEPT_QUICK 20

struct curves_results {
	struct experiment_run run;
	unsigned int launches;
	unsigned int cpus;
	unsigned int points;
	struct curve_point point[CURVES_POINTS_MAX];
};

/*
 * Of a process that measures: where points go, and how large a share of the work the next ones are.
 */
struct curves_work {
	int fd;
	bool quick;
	double share;
};

/* In a process of its own: everything. */
void curves_work(int fd, bool quick);

/* In it: hand on a point. */
void curves_send(const struct curves_work *work, enum curve curve, const char *series, double x,
		 double value, uint64_t kept, uint64_t total);

/* The parts of it. `share` of the work is theirs. */
void curves_young(struct curves_work *work, enum curve curve, uint64_t entries, double share);
void curves_tables(struct curves_work *work, double share); /* TABLES, TOUCHED, MAPPED */
void curves_threads(struct curves_work *work, double share);
void curves_leaves(struct curves_work *work, double share); /* EXTENT, GIB */

/* Series of a curve in the order in which they were measured; null beyond the last. */
const char *curves_series(const struct curves_results *results, enum curve curve, unsigned int n);

void curves_print(const struct curves_results *results);
void curves_plot(const struct curves_results *results, const char *directory);
json_t *curves_json(const struct curves_results *results);

#endif /* PTW_BENCH_CURVES_H */
