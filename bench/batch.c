/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the size of a question costs: test and clear of the same range of one MMU in questions of 1, 8,
 * 64 and 512 pages and of all of it, everything else being equal, with one kind of lock around each
 * question, or none.
 *
 * Three processes measure, one after the other; this one puts together what they found.
 */
#include "batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ptw/ptw.h>

#include "experiment.h"
#include "launch.h"
#include "measure.h"
#include "progress.h"
#include "tables.h"
#include "thread.h"

const uint64_t batch_sizes[BATCH_SIZES] = {1, 8, 64, 512, BATCH_PAGES};
const double batch_youngs[BATCH_YOUNGS] = {0, 1, 10, 100};
const unsigned int batch_next[BATCH_NEXT] = {1, 3};

const struct batch_mode batch_modes[BATCH_MODES] = {
	{.name = "rcu", .what = "no lock: the MMU of a page table as it is", .bare = true},
	{.name = "nothing", .what = "the wrapper that takes locks, with a lock that does nothing"},
	{.name = "rwlock-read", .what = "pthread rwlock, taken to read", .lock = "rwlock-read"},
	{.name = "rwlock-write",
	 .what = "pthread rwlock, taken to write",
	 .lock = "rwlock-read",
	 .write = true},
	{.name = "spin-read",
	 .what = "spinning rwlock (ck_rwlock: waiting writers first), taken to read",
	 .lock = "ck-rwlock"},
	{.name = "spin-write",
	 .what = "the same, taken to write",
	 .lock = "ck-rwlock",
	 .write = true},
};

/* What all processes found of one point. */
struct found {
	struct batch_point point[LAUNCHES_MAX];
	unsigned int count;
};

struct all {
	struct found alone[BATCH_MODES][BATCH_SIZES][BATCH_YOUNGS];
	struct found next[BATCH_MODES][BATCH_SIZES][BATCH_YOUNGS];
	struct found nobody;
};

const struct lock_kind *batch_kind(const struct batch_mode *mode)
{
	return mode->lock ? lock_find(mode->lock) : &lock_rcu;
}

const char *batch_size_text(unsigned int size, char text[16])
{
	if (batch_sizes[size] == BATCH_PAGES)
		return "all";
	snprintf(text, 16, "%llu", (unsigned long long)batch_sizes[size]);
	return text;
}

void batch_mmu_make(struct batch_mmu *mmu, const struct batch_mode *mode,
		    struct ptw_pgtable *pgtable)
{
	const struct ptw_mmu_table config = {
		.size = sizeof(config),
		.pgtables = &pgtable,
		.count = 1,
		.frame_lg2 = PAGE_LG2,
	};
	struct ptw_mmu_lock lock = {.size = sizeof(lock)};
	int error;

	*mmu = (struct batch_mmu){.bare = mode->bare, .kind = batch_kind(mode)};
	mmu->lock = lock_new(mmu->kind);
	error = ptw_mmu_table_create(&config, &mmu->table);
	if (!error && !mode->bare) {
		lock.context = mmu->lock;
		lock.lock = mode->write ? mmu->kind->write_lock : mmu->kind->harvest_lock;
		lock.unlock = mode->write ? mmu->kind->write_unlock : mmu->kind->harvest_unlock;
		error = ptw_mmu_locked_create(&mmu->table, &lock, &mmu->mmu);
	}
	if (error)
		bench_die(EXIT_WRONG, "cannot make an MMU: %s", ptw_strerror(error));
	if (mode->bare)
		mmu->mmu = mmu->table;
}

void batch_mmu_free(struct batch_mmu *mmu)
{
	if (!mmu->bare)
		ptw_mmu_destroy(&mmu->mmu);
	ptw_mmu_destroy(&mmu->table);
	free(mmu->lock);
}

void batch_send(int fd, const struct batch_point *point)
{
	/* Below PIPE_BUF, so it goes out whole. */
	if (write(fd, point, sizeof(*point)) != (ssize_t)sizeof(*point))
		bench_die(EXIT_WRONG, "the process that reports is gone");
}

void batch_work(int fd, bool quick)
{
	ptw_thread_register();
	batch_alone(fd, quick, 0.4);
	batch_writer(fd, quick, 0.6);
}

static struct found *place(struct all *all, const struct batch_point *p)
{
	if (p->mode >= BATCH_MODES || p->size >= BATCH_SIZES || p->young >= BATCH_YOUNGS)
		bench_die(EXIT_WRONG, "a measuring process answered nonsense");
	switch (p->table) {
	case BATCH_ALONE:
		return &all->alone[p->mode][p->size][p->young];
	case BATCH_NEXT_TO:
		return &all->next[p->mode][p->size][p->young];
	case BATCH_NOBODY:
		return &all->nobody;
	default:
		return NULL;
	}
}

static void launch(struct all *all, bool quick, unsigned int done, unsigned int launches)
{
	const char *argv[] = {"ptw-bench", "experiment", "batch", quick ? "--quick" : NULL, NULL};
	struct batch_point point;
	struct child child;
	double share = 0;

	child_start(&child, argv);
	while (child_read(&child, &point, sizeof(point))) {
		struct found *found = place(all, &point);

		if (found && found->count < LAUNCHES_MAX)
			found->point[found->count++] = point;
		share += point.share;
		progress_show((done + share) / launches);
	}
	child_end(&child);
}

/* Of the double at `offset` in each point. */
static struct batch_value value(const struct found *found, size_t offset)
{
	double values[LAUNCHES_MAX];
	struct batch_value v = {0};
	unsigned int count = 0;

	for (unsigned int i = 0; i < found->count; i++) {
		const char *point = (const char *)&found->point[i];
		double one = *(const double *)(const void *)(point + offset);

		/* A process that kept nothing measured nothing. */
		if (one > 0)
			values[count++] = one;
	}
	if (!count)
		return v;
	v.value = median(values, count);
	v.min = values[0];
	v.max = values[count - 1];
	return v;
}

static void merge(struct batch_cell *cell, const struct found *found)
{
	if (!found->count)
		return;
	cell->measured = true;
	cell->ns = value(found, offsetof(struct batch_point, ns));
	cell->p50 = value(found, offsetof(struct batch_point, p50));
	cell->p99 = value(found, offsetof(struct batch_point, p99));
	cell->arrivals = value(found, offsetof(struct batch_point, arrivals));
	cell->kept = found->point[0].kept;
	cell->total = found->point[0].total;
	for (unsigned int i = 1; i < found->count; i++)
		if (found->point[i].kept < cell->kept) {
			cell->kept = found->point[i].kept;
			cell->total = found->point[i].total;
		}
}

static void merge_all(struct batch_results *r, const struct all *all)
{
	for (unsigned int m = 0; m < BATCH_MODES; m++)
		for (unsigned int z = 0; z < BATCH_SIZES; z++)
			for (unsigned int y = 0; y < BATCH_YOUNGS; y++) {
				merge(&r->alone[m][z][y], &all->alone[m][z][y]);
				merge(&r->next[m][z][y], &all->next[m][z][y]);
			}
	merge(&r->nobody, &all->nobody);
	r->two = r->nobody.measured;
}

json_t *batch_experiment(const struct experiment_options *options)
{
	struct batch_results *results = bench_new(1, sizeof(*results), "results");
	struct all *all = bench_new(1, sizeof(*all), "results");
	json_t *json;

	experiment_begin(&results->run, options);
	results->launches = options->quick ? 1 : LAUNCHES_MAX;
	for (unsigned int i = 0; i < results->launches; i++)
		launch(all, options->quick, i, results->launches);
	merge_all(results, all);
	experiment_end(&results->run);
	if (options->table)
		batch_print(results);
	if (options->plots)
		batch_plot(results, options->plots);
	json = batch_json(results);
	free(all);
	free(results);
	return json;
}
