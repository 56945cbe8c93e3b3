/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What experiment `batch` measured. */
#ifndef PTW_BENCH_BATCH_H
#define PTW_BENCH_BATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <ptw/mmu.h>

#include "experiment.h"
#include "figure.h"
#include "lock.h"

/* The whole range: a gigabyte of pages. */
#define BATCH_PAGES  ((uint64_t)1 << 18)

#define BATCH_SIZES  5
#define BATCH_YOUNGS 4
#define BATCH_NEXT   2 /* shares of young pages at which a writer runs, too */
/* At most: without Concurrency Kit there are no spinning ones. */
#define BATCH_MODES 6

/* Of the modes. */
#define BATCH_RCU     0
#define BATCH_NOTHING 1

/* Pages of one question; the last is the whole range. */
extern const uint64_t batch_sizes[BATCH_SIZES];
extern const double batch_youngs[BATCH_YOUNGS];
/* Those next to a writer, of batch_youngs. */
extern const unsigned int batch_next[BATCH_NEXT];

/* What a question holds while it is answered. */
struct batch_mode {
	const char *name;
	const char *what; /* one line */
	const char *lock; /* name of a kind of lock; null: none */
	bool bare;	  /* no wrapper either */
	bool write;	  /* takes it as writers do */
};

extern const struct batch_mode batch_modes[BATCH_MODES];

/* Its lock; null: there is no such lock in this build, so the mode is left out. */
const struct lock_kind *batch_kind(const struct batch_mode *mode);

/* An MMU that is a page table, with a mode's lock around each question. */
struct batch_mmu {
	struct ptw_mmu table;
	struct ptw_mmu mmu; /* the one to ask */
	const struct lock_kind *kind;
	void *lock;
	bool bare;
};

void batch_mmu_make(struct batch_mmu *mmu, const struct batch_mode *mode,
		    struct ptw_pgtable *pgtable);
void batch_mmu_free(struct batch_mmu *mmu);

enum batch_table {
	BATCH_ALONE,	/* nobody else asks or changes anything */
	BATCH_NEXT_TO,	/* a writer takes the lock, too */
	BATCH_NOBODY,	/* the writer, without a harvester; mode, size and young mean nothing */
	BATCH_PROGRESS, /* nothing but `share` */
};

/* What one process measured of one mode, size and share of young pages; nanoseconds. */
struct batch_point {
	uint32_t table; /* enum batch_table */
	uint32_t mode;
	uint32_t size;
	uint32_t young;
	double share; /* of this process' work that is done */
	double ns;    /* for a page */
	double p50;   /* of the writer's operations */
	double p99;
	double arrivals; /* p99 of requests that come steadily */
	uint64_t kept;	 /* blocks, or operations of the writer */
	uint64_t total;
};

/* Of all processes: the median one, and the ends. */
struct batch_value {
	double value;
	double min;
	double max;
};

struct batch_cell {
	bool measured;
	struct batch_value ns;
	struct batch_value p50;
	struct batch_value p99;
	struct batch_value arrivals;
	uint64_t kept; /* of the process that kept fewest */
	uint64_t total;
};

struct batch_results {
	struct experiment_run run;
	bool two; /* processors: there is a writer */
	unsigned int launches;
	struct batch_cell alone[BATCH_MODES][BATCH_SIZES][BATCH_YOUNGS];
	struct batch_cell next[BATCH_MODES][BATCH_SIZES][BATCH_YOUNGS];
	struct batch_cell nobody;
};

/* A size as people write it. */
const char *batch_size_text(unsigned int size, char text[16]);

/* In a process of its own. */
void batch_work(int fd, bool quick);
void batch_alone(int fd, bool quick, double share);
void batch_writer(int fd, bool quick, double share);

/* Hand on. */
void batch_send(int fd, const struct batch_point *point);

void batch_print(const struct batch_results *results);
void batch_plot(const struct batch_results *results, const char *directory);
json_t *batch_json(const struct batch_results *results);

#endif /* PTW_BENCH_BATCH_H */
