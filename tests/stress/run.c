/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A run: how long, how many laps, and the configuration of each. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

#define PHYS_OFFSET ((uint64_t)1 << 24) /* host and physical addresses differ */
#define MAX_LAP_SECONDS 20.0
/*
 * A run that has not had every pair when its time is over goes on up to this many times as long, and at
 * least for so many seconds: on a busy machine threads meet rarely.
 */
#define PATIENCE	 8.0
#define PATIENCE_SECONDS 100.0
/* Shorter runs need not have every pair. */
#define FULL_RUN_SECONDS 1.0

void stress_fail(struct stress *s, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&s->failure_lock);
	if (!atomic_load_explicit(&s->failed, memory_order_relaxed)) {
		va_start(args, format);
		vsnprintf(s->failure, sizeof(s->failure), format, args);
		va_end(args);
		atomic_store_explicit(&s->failed, true, memory_order_relaxed);
		/* At once: what is broken may crash before the end of the round. */
		fprintf(s->options->log, "# FAILED in lap %u: %s\n", s->lap, s->failure);
		fflush(s->options->log);
	}
	pthread_mutex_unlock(&s->failure_lock);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* What varies from lap to lap: reclaim, backlog, breaks, memory. */
static void configure(struct stress *s, uint64_t *random)
{
	uint64_t seed = s->options->seed;

	switch ((seed + s->lap) % 3) {
	case 0:
		s->config.reclaim_delay = 0;
		break;
	case 1:
		s->config.reclaim_delay = 1 + (uint32_t)(next_random(random) % 8);
		break;
	default:
		s->config.reclaim_delay = PTW_RECLAIM_NEVER;
	}
	if ((seed / 3 + s->lap) % 2) {
		s->config.backlog_limit = 2 + (uint32_t)(next_random(random) % 16);
		if ((seed / 6 + s->lap / 2) % 2)
			s->config.flags |= PTW_BACKLOG_TELL;
	}
	s->exclusive = (seed + s->lap) % 5 == 4;
	if (s->exclusive)
		s->config.flags |= PTW_WRITERS_EXCLUSIVE;
	if (s->config.format == PTW_FORMAT_PERVERSE)
		s->config.bbm_level = (seed + s->lap) % 2 ? 2 : 0;
	else if (s->config.format == PTW_FORMAT_ARM64_S2 || s->config.format == PTW_FORMAT_ARM64_S1)
		s->config.bbm_level = (uint32_t)((seed + s->lap) % 3);
	s->config.phys_offset = PHYS_OFFSET;
	stress_choose_kernel(s);
	if (next_random(random) % 4 == 0) {
		/* Too little for all of it, so that map and split run out of memory. */
		s->pool.max_tables = s->config.format == PTW_FORMAT_PERVERSE ? 40 : 10;
	}
}

static unsigned int play_rounds(struct stress *s, double seconds)
{
	double end = now() + seconds;
	unsigned int rounds = 0;

	do {
		alarm(s->options->watchdog);
		lap_round(s, rounds++);
	} while (now() < end && !s->failed);
	return rounds;
}

static bool play_lap(const struct options *options, struct totals *totals, unsigned int lap,
		     double seconds, unsigned int *rounds)
{
	struct stress *s = calloc(1, sizeof(*s));
	bool failed;

	if (!s)
		abort();
	s->options = options;
	s->totals = totals;
	s->lap = lap;
	if (!lap_open(s, configure)) {
		free(s);
		return false;
	}
	log_lap(s);
	*rounds += play_rounds(s, seconds);
	lap_close(s);
	alarm(0);
	failed = s->failed;
	free(s);
	return !failed;
}

bool stress_run(const struct options *options)
{
	struct totals *totals = calloc(1, sizeof(*totals));
	double begin = now(), lap_seconds = options->seconds / 4;
	double patience = options->seconds * PATIENCE;
	bool full = options->seconds >= FULL_RUN_SECONDS;
	unsigned int laps = 0, rounds = 0;
	char missing[256] = "";
	bool ok = true;

	if (!totals)
		abort();
	if (lap_seconds > MAX_LAP_SECONDS)
		lap_seconds = MAX_LAP_SECONDS;
	if (patience < PATIENCE_SECONDS)
		patience = PATIENCE_SECONDS;
	log_begin(options);
	while (ok && (now() - begin < options->seconds ||
		      (full && now() - begin < patience &&
		       log_missing(totals, missing, sizeof(missing)))))
		ok = play_lap(options, totals, laps++, lap_seconds, &rounds);
	log_end(options, totals, laps, rounds, now() - begin);
	if (ok && full && log_missing(totals, missing, sizeof(missing))) {
		fprintf(options->log, "# FAILED: the run never had %s\n", missing);
		ok = false;
	}
	if (!ok)
		fprintf(options->log,
			"# to repeat: %s --config %s --seed %#llx --seconds %g --threads %u"
			" --kernel %s --clear %s\n",
			options->program, options->config, (unsigned long long)options->seed,
			options->seconds, options->threads,
			options->kernel ? ptw_kernel_name(options->kernel) : "rotate",
			stress_clear_names[options->clear]);
	fflush(options->log);
	free(totals);
	return ok;
}
