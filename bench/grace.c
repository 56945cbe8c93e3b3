/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "grace.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/port.h>
#include <ptw/ptw.h>

#include "figure.h"
#include "measure.h"

struct waiter {
	const struct grace *grace;
	struct window window;
	int error;
};

/* A thread that is not registered: grace periods do not wait for it. */
static void *wait_run(void *context)
{
	struct waiter *w = context;
	const struct histogram *kept = &w->window.latencies->kept;
	const uint64_t want = kept->count + w->grace->waits;
	uint64_t end = now_ns() + (uint64_t)(1e9 * w->grace->seconds_max);

	window_open(&w->window);
	while (kept->count < want && now_ns() < end && !w->error) {
		long before = preemptions();
		uint64_t start = now_ns();
		uint64_t ns;

		if (w->grace->wait == GRACE_SYNCHRONIZE)
			PTW_URCU(synchronize_rcu)();
		else
			w->error = ptw_barrier();
		ns = now_ns() - start;
		window_add(&w->window, ns, preemptions() != before);
		window_turn(&w->window);
	}
	return NULL;
}

void grace_run(struct arena *arena, const struct grace *grace, struct latencies *latencies)
{
	struct scan scan = {
		.tables = &arena->tables,
		.kind = grace->kind,
		.piece = grace->piece,
		.start = grace->young,
		.cpu = arena->cpus.harvester,
	};
	struct waiter waiter = {.grace = grace, .window = {.scan = &scan, .latencies = latencies}};
	const struct ptw_harvest clean = {.size = sizeof(clean), .flags = PTW_HARVEST_ACCESSED};
	pthread_t thread;

	ptw_harvest(arena->tables.pgtable, 0, SCAN_ENTRIES << PAGE_LG2, &clean, NULL);
	scan_start(&scan);
	thread_start(&thread, arena->cpus.writer, false, wait_run, &waiter);
	pthread_join(thread, NULL);
	scan_stop(&scan, 0);
	if (waiter.error)
		bench_die(EXIT_WRONG, "ptw_barrier failed: %s", ptw_strerror(waiter.error));
	latencies->entries += scan.entries;
	latencies->harvest_ns += scan.ns;
	latencies->preempted += scan.preempted;
}

#define SIDES	      3
#define BLOCK_ENTRIES ((uint64_t)1 << 15)
#define BLOCKS	      11
#define SPEED_ENTRIES (SIDES * BLOCKS * BLOCK_ENTRIES)
#define SHORT_PIECE   512

/*
 * Harvesting clears what it finds, so each part of the range is harvested by one side in a pass, and
 * by the next one in the pass after.
 */
struct speed {
	struct tables tables;
	uint64_t *found;
	enum scan_young young;
	uint64_t passes;
	int error;
};

static void speed_prepare(void *context)
{
	struct speed *s = context;

	s->passes++;
	memset(s->found, 0, SPEED_ENTRIES / 8);
	if (s->young != SCAN_ALL)
		return;
	for (uint64_t t = 0; t < s->tables.count; t++)
		for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
			__atomic_fetch_or(&s->tables.table[t][i], EPT_ACCESSED, __ATOMIC_RELAXED);
}

static void speed_verify(void *context)
{
	struct speed *s = context;
	uint64_t expected = s->young == SCAN_ALL ? UINT64_MAX : 0;

	if (s->error)
		bench_die(EXIT_WRONG, "harvest failed: %s", ptw_strerror(s->error));
	for (uint64_t i = 0; i < SPEED_ENTRIES / 64; i++)
		if (s->found[i] != expected)
			bench_die(EXIT_WRONG,
				  "wrong harvest: of pages %llu on %016llx were young, "
				  "harvested %016llx",
				  (unsigned long long)i * 64, (unsigned long long)expected,
				  (unsigned long long)s->found[i]);
}

static uint64_t speed_first(const struct speed *s, unsigned int side, uint64_t block)
{
	return (SIDES * block + (side + s->passes) % SIDES) * BLOCK_ENTRIES;
}

static void speed_harvest(struct speed *s, uint64_t at, uint64_t entries)
{
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = s->found + at / 64,
	};
	int error = ptw_harvest(s->tables.pgtable, at << PAGE_LG2, (at + entries) << PAGE_LG2,
				&request, NULL);

	if (error)
		s->error = error;
}

static void one_section(void *context, uint64_t block)
{
	struct speed *s = context;

	ptw_read_lock();
	speed_harvest(s, speed_first(s, 0, block), BLOCK_ENTRIES);
	ptw_read_unlock();
}

static void default_sections(void *context, uint64_t block)
{
	struct speed *s = context;

	speed_harvest(s, speed_first(s, 1, block), BLOCK_ENTRIES);
}

static void short_sections(void *context, uint64_t block)
{
	struct speed *s = context;
	uint64_t first = speed_first(s, 2, block);

	for (uint64_t at = 0; at < BLOCK_ENTRIES; at += SHORT_PIECE)
		speed_harvest(s, first + at, SHORT_PIECE);
}

void grace_speed_run(enum scan_young young, uint64_t want, struct grace_speed *speed)
{
	struct speed s = {.young = young};
	const struct measure measure = {
		.context = &s,
		.blocks = BLOCKS,
		.work = BLOCK_ENTRIES,
		.want = want,
		.prepare = speed_prepare,
		.verify = speed_verify,
		.sides = SIDES,
		.side = {one_section, default_sections, short_sections},
	};
	struct measured m;

	tables_build(&s.tables, SPEED_ENTRIES);
	s.found = bench_new(SPEED_ENTRIES / 64, sizeof(uint64_t), "bitmaps");
	measure_run(&measure, &m);
	memcpy(speed->ns, m.ns, sizeof(speed->ns));
	speed->kept = m.kept;
	speed->total = m.total;
	free(s.found);
	tables_free(&s.tables);
}
