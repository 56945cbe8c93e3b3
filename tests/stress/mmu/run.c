/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A run: how long, how many laps, and what it tells. */
#include <inttypes.h>
#include <time.h>

#include "mmu_stress.h"

#define MAX_LAP_SECONDS 20.0
/*
 * A run that has not had everything when its time is over goes on up to this many times as long, and
 * at least for so many seconds: on a busy machine threads meet rarely.
 */
#define PATIENCE	 8.0
#define PATIENCE_SECONDS 100.0
/* Shorter runs need not have everything. */
#define FULL_RUN_SECONDS 1.0

#define EVENT_TEXT(name, text) [EVENT_##name] = text,
static const char *const texts[EVENT_COUNT] = { EVENTS(EVENT_TEXT) };

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* What never happened; null: all did. */
static const char *missing(_Atomic uint64_t *events)
{
	for (unsigned int i = 0; i < EVENT_COUNT; i++)
		if (!get(&events[i]))
			return texts[i];
	return NULL;
}

static void tell(const struct options *o, _Atomic uint64_t *events, unsigned int laps,
		 unsigned int rounds, double seconds)
{
	static const enum event operations[] = { EVENT_MAP,    EVENT_DROP,  EVENT_HARVEST,
						 EVENT_FRAMES, EVENT_AROUND, EVENT_SINGLE,
						 EVENT_LAST,   EVENT_ASKED, EVENT_READ,
						 EVENT_MOVE,   EVENT_INVALIDATE };
	uint64_t sum = 0;

	for (unsigned int i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		sum += get(&events[operations[i]]);
	fprintf(o->log, "# %.1f s, %u laps, %u rounds, %" PRIu64 " operations, %" PRIu64
		" accesses\n", seconds, laps, rounds, sum, get(&events[EVENT_ACCESS]));
	for (unsigned int i = 0; i < EVENT_COUNT; i++)
		fprintf(o->log, "# %s: %" PRIu64 "\n", texts[i], get(&events[i]));
}

bool stress_run(const struct options *o)
{
	static _Atomic uint64_t events[EVENT_COUNT];
	const double begin = now();
	const bool full = o->seconds >= FULL_RUN_SECONDS;
	double lap_seconds = o->seconds / 4, patience = o->seconds * PATIENCE;
	unsigned int laps = 0, rounds = 0;
	bool ok = true;

	if (lap_seconds > MAX_LAP_SECONDS)
		lap_seconds = MAX_LAP_SECONDS;
	if (patience < PATIENCE_SECONDS)
		patience = PATIENCE_SECONDS;
	fprintf(o->log, "# stress of spaces: seed %#" PRIx64 ", %g s wanted, %u threads\n", o->seed,
		o->seconds, o->threads);
	fflush(o->log);
	while (ok && (now() - begin < o->seconds ||
		      (full && now() - begin < patience && missing(events))))
		ok = lap_run(o, events, laps++, lap_seconds, &rounds);
	tell(o, events, laps, rounds, now() - begin);
	if (ok && full && missing(events)) {
		fprintf(o->log, "# FAILED: the run never had: %s\n", missing(events));
		ok = false;
	}
	if (!ok)
		fprintf(o->log, "# to repeat: %s --seed %#" PRIx64 " --seconds %g --threads %u\n",
			o->program, o->seed, o->seconds, o->threads);
	fflush(o->log);
	return ok;
}
