/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * G2, second half: two threads, each on a processor of its own, harvest the halves of a range, against
 * one thread that harvests both. Beside it the same of a plain read: what the machine's memory gives to
 * two that it does not give to one.
 *
 * They alternate block by block: a block is a piece of each half. Both threads wait for each other
 * before they begin, and what counts is the time from when the first one began until the last one was
 * done. Whoever waits spins, so that both processors run at all times. A block is dropped if the kernel
 * took either processor away.
 */
#include <stdio.h>
#include <stdlib.h>

#include <ptw/ptw.h>

#include "floor.h"
#include "room.h"
#include "speed.h"
#include "thread.h"
#include "trial.h"

#define ENTRIES	      ((uint64_t)128 << 20) /* 1 GiB of tables */
#define ENTRIES_QUICK ((uint64_t)4 << 20)
#define BLOCK	      ((uint64_t)1 << 17)
#define GOAL	      1.9
#define SHARES	      2
#define SECONDS_MAX   12

static const double shares[SHARES] = {0, 1};

enum kind {
	HARVEST_ONE,
	HARVEST_TWO,
	READ_ONE,
	READ_TWO,
	KINDS,
};

/* What one thread does of a block, and how that went. */
struct part {
	uint64_t first; /* page */
	uint64_t pages; /* 0: nothing */
	uint64_t start;
	uint64_t end;
	bool disturbed;
};

struct crew {
	struct ground *ground;
	struct floor_reader reader;
	struct samples samples[KINDS];
	uint64_t total[KINDS]; /* blocks */
	uint64_t want;
	double young;
	/* A block: what both are to do, which one it is, and who is there. */
	enum kind kind;
	struct part part[2];
	uint64_t go;   /* number of the block that may begin */
	uint64_t done; /* last one that the second thread is done with */
	bool stop;
};

/* Acquire and release: the parts of a block are handed over with its number. */
static uint64_t number_get(const uint64_t *number)
{
	return __atomic_load_n(number, __ATOMIC_ACQUIRE);
}

static void number_set(uint64_t *number, uint64_t value)
{
	__atomic_store_n(number, value, __ATOMIC_RELEASE);
}

static void do_part(struct crew *crew, struct part *part)
{
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = crew->ground->found + part->first / 64,
	};
	uint64_t *const *table = crew->ground->tables.table + part->first / TABLE_ENTRIES;
	long before = preemptions();
	volatile uint64_t sink = 0;
	int error = 0;

	part->start = now_ns();
	if (crew->kind < READ_ONE)
		error = ptw_harvest(crew->ground->tables.pgtable, part->first << PAGE_LG2,
				    (part->first + part->pages) << PAGE_LG2, &request, NULL);
	else
		sink = crew->reader.ahead(table, part->pages / TABLE_ENTRIES);
	part->end = now_ns();
	part->disturbed = preemptions() != before;
	(void)sink;
	if (error)
		bench_die(EXIT_WRONG, "harvest failed: %s", ptw_strerror(error));
}

static void *second_run(void *context)
{
	struct crew *crew = context;
	uint64_t number = 0;

	ptw_thread_register();
	for (;;) {
		while (number_get(&crew->go) == number && !flag_read(&crew->stop))
			cpu_relax();
		if (number_get(&crew->go) == number)
			break;
		number++;
		if (crew->part[1].pages)
			do_part(crew, &crew->part[1]);
		number_set(&crew->done, number);
	}
	ptw_thread_unregister();
	return NULL;
}

/* Block `b` of each half. */
static void run_block(struct crew *crew, enum kind kind, uint64_t b)
{
	const uint64_t half = crew->ground->tables.entries / 2;
	const bool alone = kind == HARVEST_ONE || kind == READ_ONE;
	struct part *part = crew->part;
	struct part after = {.first = half + b * BLOCK, .pages = BLOCK};
	uint64_t start, end;

	crew->kind = kind;
	part[0] = (struct part){.first = b * BLOCK, .pages = BLOCK};
	part[1] = (struct part){.first = half + b * BLOCK, .pages = alone ? 0 : BLOCK};
	number_set(&crew->go, crew->go + 1);
	do_part(crew, &part[0]);
	if (alone)
		do_part(crew, &after);
	while (number_get(&crew->done) != crew->go)
		cpu_relax();
	if (!alone)
		after = part[1];
	crew->total[kind]++;
	if (part[0].disturbed || after.disturbed)
		return;
	start = part[0].start < after.start ? part[0].start : after.start;
	end = part[0].end > after.end ? part[0].end : after.end;
	samples_add(&crew->samples[kind], (double)(end - start));
}

/* The kind of which the fewest blocks were kept. */
static enum kind fewest(const struct crew *crew)
{
	enum kind least = 0;

	for (unsigned int k = 1; k < KINDS; k++)
		if (crew->samples[k].kept < crew->samples[least].kept)
			least = k;
	return least;
}

static void run_pass(struct crew *crew, uint64_t pass)
{
	const uint64_t half = crew->ground->tables.entries / 2;
	const uint64_t blocks = half / BLOCK;

	for (uint64_t b = 0; b < blocks; b++) {
		ground_plant(crew->ground, b * BLOCK, BLOCK, crew->young);
		ground_plant(crew->ground, half + b * BLOCK, BLOCK, crew->young);
	}
	ground_even(crew->ground);
	for (uint64_t b = 0; b < blocks; b++)
		run_block(crew, measure_turn(pass, b, KINDS), b);
	for (uint64_t b = 0; b < blocks; b++) {
		if (measure_turn(pass, b, KINDS) >= READ_ONE)
			continue;
		ground_check(crew->ground, b * BLOCK, BLOCK, "first half");
		ground_check(crew->ground, half + b * BLOCK, BLOCK, "second half");
	}
}

static void *first_run(void *context)
{
	struct crew *crew = context;
	uint64_t deadline = now_ns() + SECONDS_MAX * (uint64_t)1000000000;
	uint64_t pass = 0;

	ptw_thread_register();
	run_pass(crew, pass++);
	for (unsigned int k = 0; k < KINDS; k++)
		crew->samples[k].kept = crew->total[k] = 0;
	do
		run_pass(crew, pass++);
	while (crew->samples[fewest(crew)].kept < crew->want && now_ns() < deadline);
	ptw_thread_unregister();
	return NULL;
}

/* Median block of each kind, in microseconds. */
static void crew_run(struct crew *crew, const struct cpus *cpus, double us[KINDS])
{
	pthread_t first, second;

	thread_start(&second, cpus->harvester, false, second_run, crew);
	thread_start(&first, cpus->writer, false, first_run, crew);
	pthread_join(first, NULL);
	flag_set(&crew->stop);
	pthread_join(second, NULL);
	for (unsigned int k = 0; k < KINDS; k++)
		us[k] = median(crew->samples[k].ns, crew->samples[k].kept) / 1e3;
}

static void measure_share(struct sink *sink, struct ground *ground, double young)
{
	struct crew crew = {
		.ground = ground,
		.reader = floor_reader(),
		.want = sink->quick ? KEPT_MIN : 3 * KEPT_MIN,
		.young = young,
	};
	struct figure figure = {.goal = GOAL, .at_least = true, .total = 1};
	double us[KINDS] = {0};
	struct cpus cpus;

	snprintf(figure.id, sizeof(figure.id), "G2-threads-%g", young);
	if (cpus_pick(&cpus)) {
		crew_run(&crew, &cpus, us);
		figure.kept = crew.samples[fewest(&crew)].kept;
		figure.total = crew.total[fewest(&crew)];
		figure.value = us[HARVEST_TWO] > 0 ? us[HARVEST_ONE] / us[HARVEST_TWO] : 0;
		snprintf(figure.detail, sizeof(figure.detail),
			 "two halves by two threads at %g %% young: %llu K entries each in %.1f us, by "
			 "one thread in %.1f us; a plain read: %.1f and %.1f us, %.2fx; %llu MiB of "
			 "tables",
			 young, (unsigned long long)BLOCK >> 10, us[HARVEST_TWO], us[HARVEST_ONE],
			 us[READ_TWO], us[READ_ONE],
			 us[READ_TWO] > 0 ? us[READ_ONE] / us[READ_TWO] : 0,
			 (unsigned long long)ground->tables.entries >> 17);
	} else {
		snprintf(figure.detail, sizeof(figure.detail),
			 "not measured: " NEEDS_TWO);
	}
	sink_figure(sink, &figure);
	for (unsigned int k = 0; k < KINDS; k++)
		samples_free(&crew.samples[k]);
}

void threads_measure(struct sink *sink)
{
	const uint64_t entries = room_entries(sink->quick ? ENTRIES_QUICK : ENTRIES);
	struct ground ground;

	ground_build(&ground, entries, &(const struct tables_how){0});
	for (unsigned int i = 0; i < SHARES; i++)
		measure_share(sink, &ground, shares[i]);
	ground_free(&ground);
	sink_step(sink);
}
