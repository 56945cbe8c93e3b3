/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "contest.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include <ptw/ptw.h>

#include "figure.h"

/* Between two operations, so that they come at any moment of the harvester's work. */
#define PAUSE_NS_MAX (2 * LATENCIES_EVERY_NS)

/*
 * Unmap a page, map it again, and write to it, as a VMM does for a guest: each one operation. The
 * fault makes the new page young, so each is a page that one harvest or the unmap has to report.
 */
enum operation {
	UNMAP,
	MAP,
	FAULT,
	OPERATIONS,
};

struct writer {
	const struct contest *contest;
	struct ptw_pgtable *pgtable;
	void *lock;
	struct window window;
	uint64_t faults;   /* pages made young */
	uint64_t reported; /* pages that unmap found young */
	uint64_t random;
	int error;
	bool stop;
	sem_t over;
};

bool arena_build(struct arena *arena)
{
	if (!cpus_pick(&arena->cpus))
		return false;
	tables_build(&arena->tables, SCAN_ENTRIES);
	tables_build(&arena->elsewhere, SCAN_ENTRIES);
	return true;
}

void arena_free(struct arena *arena)
{
	tables_free(&arena->tables);
	tables_free(&arena->elsewhere);
}

static uint64_t writer_random(struct writer *w)
{
	/* xorshift64 */
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

static int operate(struct writer *w, enum operation operation, uint64_t page)
{
	struct ptw_change_result result = {.size = sizeof(result)};
	uint64_t ia = page << PAGE_LG2;
	int error;

	switch (operation) {
	case UNMAP:
		error = ptw_unmap(w->pgtable, ia, ia + (1u << PAGE_LG2), NULL, &result);
		w->reported += result.young_pages;
		return error;
	case MAP:
		return ptw_map(w->pgtable, ia, ia + (1u << PAGE_LG2), ia, &tables_map, NULL);
	default:
		w->faults++;
		return ptw_fix_fault(w->pgtable, ia, PTW_ACCESS_READ | PTW_ACCESS_WRITE);
	}
}

static void pause_a_while(struct writer *w)
{
	uint64_t until = now_ns() + writer_random(w) % PAUSE_NS_MAX;

	while (now_ns() < until)
		cpu_relax();
}

/* One operation; `preempted`: the thread's count so far. */
static void measure_one(struct writer *w, enum operation operation, uint64_t page, long *preempted)
{
	const struct lock_kind *kind = w->contest->kind;
	uint64_t start, ns;
	long now;
	int error;

	pause_a_while(w);
	start = now_ns();
	kind->write_lock(w->lock);
	error = operate(w, operation, page);
	kind->write_unlock(w->lock);
	ns = now_ns() - start;
	now = preemptions();
	if (error)
		w->error = error;
	window_add(&w->window, ns, now != *preempted);
	*preempted = now;
}

static void *writer_run(void *context)
{
	struct writer *w = context;
	const struct contest *c = w->contest;
	struct latencies *l = w->window.latencies;
	const uint64_t want = l->kept.count + c->operations;
	uint64_t start = now_ns();
	uint64_t early = start + (uint64_t)(1e9 * c->seconds_min);
	long preempted;

	ptw_thread_register();
	window_open(&w->window);
	preempted = preemptions();
	do {
		uint64_t page = SCAN_WRITER_PAGE + writer_random(w) % TABLE_ENTRIES;

		for (unsigned int i = 0; i < OPERATIONS && !w->error; i++)
			measure_one(w, i, page, &preempted);
		window_turn(&w->window);
	} while (!flag_read(&w->stop) && !w->error && (l->kept.count < want || now_ns() < early));
	l->ns += now_ns() - start;
	ptw_thread_unregister();
	sem_post(&w->over);
	return NULL;
}

static void wait_at_most(sem_t *over, double seconds)
{
	struct timespec deadline;

	clock_gettime(CLOCK_REALTIME, &deadline);
	seconds += 1e-9 * (double)deadline.tv_nsec;
	deadline.tv_sec += (time_t)seconds;
	deadline.tv_nsec = (long)(1e9 * (seconds - (double)(time_t)seconds));
	while (sem_timedwait(over, &deadline) && errno == EINTR)
		;
}

/* What was left young in the writer's table by the run before. */
static void clean(struct arena *arena)
{
	const struct ptw_harvest request = {.size = sizeof(request), .flags = PTW_HARVEST_ACCESSED};

	ptw_harvest(arena->tables.pgtable, 0, SCAN_ENTRIES << PAGE_LG2, &request, NULL);
}

void contest_run(struct arena *arena, const struct contest *c, struct latencies *latencies)
{
	struct writer w = {
		.contest = c,
		.pgtable = arena->tables.pgtable,
		.window.latencies = latencies,
		.random = 0x2545f4914f6cdd1du,
	};
	struct scan scan = {
		.tables = c->rival == RIVAL_ELSEWHERE ? &arena->elsewhere : &arena->tables,
		.kind = c->kind,
		.piece = c->piece,
		.mmu = c->mmu,
		.range = c->range,
		.first = c->first,
		.start = c->young,
		.cpu = arena->cpus.harvester,
		.idle = c->rival == RIVAL_PREEMPTED,
	};
	struct hog hog;
	pthread_t thread;

	w.lock = scan.lock = c->lock ? c->lock : lock_new(c->kind);
	sem_init(&w.over, 0, 0);
	clean(arena);
	/* A preempted harvester is what that rival is about: nothing of it is dropped or kept. */
	if (c->rival == RIVAL_ELSEWHERE || c->rival == RIVAL_HARVESTER)
		w.window.scan = &scan;
	if (c->rival != RIVAL_NONE)
		scan_start(&scan);
	if (c->rival == RIVAL_PREEMPTED)
		hog_start(&hog, arena->cpus.harvester);
	thread_start(&thread, arena->cpus.writer, false, writer_run, &w);
	wait_at_most(&w.over, c->seconds_max);
	/* A writer that waits for the lock gets it once the harvester is gone. */
	flag_set(&w.stop);
	if (c->rival == RIVAL_PREEMPTED)
		hog_stop(&hog);
	if (c->rival != RIVAL_NONE)
		flag_set(&scan.stop);
	pthread_join(thread, NULL);
	if (c->rival != RIVAL_NONE) {
		scan_stop(&scan, c->rival == RIVAL_ELSEWHERE ? 0 : w.faults - w.reported);
		latencies->entries += scan.entries;
		latencies->harvest_ns += scan.ns;
		latencies->preempted += scan.preempted;
		latencies->kept_entries += scan.kept_entries;
		latencies->kept_ns += scan.kept_ns;
	}
	if (w.error)
		bench_die(EXIT_WRONG, "the writer failed: %s", ptw_strerror(w.error));
	sem_destroy(&w.over);
	if (!c->lock)
		free(w.lock);
}
