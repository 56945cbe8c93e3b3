/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Laps, rounds, threads; and the configuration of each lap. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

#define PHYS_OFFSET ((uint64_t)1 << 24) /* host and physical addresses differ */
#define ROUND_SECONDS 0.1
#define MAX_LAP_SECONDS 20.0
/* A run that has not had every pair when its time is over goes on up to this many times as long. */
#define PATIENCE 8.0
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

static void wait_seconds(double seconds)
{
	struct timespec time = { (time_t)seconds,
				 (long)((seconds - (double)(time_t)seconds) * 1e9) };

	nanosleep(&time, NULL);
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
	s->config.flush = cpu_flush;
	s->config.flush_context = s;
	s->pool = (struct ptw_pool_config){ .size = sizeof(s->pool) };
	s->config.pool = &s->pool;
	if (next_random(random) % 4 == 0) {
		/* Too little for all of it, so that map and split run out of memory. */
		s->pool.max_tables = s->config.format == PTW_FORMAT_PERVERSE ? 40 : 10;
	}
}

static void open_lap(struct stress *s)
{
	uint64_t random = s->options->seed * 0x9e3779b97f4a7c15u + s->lap;
	struct ptw_info info = { .size = sizeof(info) };
	struct ptw_check_result check = { .size = sizeof(check) };
	int ret = ptw_preset(s->options->config, &s->config);

	pthread_mutex_init(&s->failure_lock, NULL);
	pthread_mutex_init(&s->writer_lock, NULL);
	configure(s, &random);
	if (!ret)
		ret = ptw_pgtable_create(&s->config, &s->pgtable);
	if (ret) {
		stress_fail(s, "create %s: %s", s->options->config, ptw_strerror(ret));
		return;
	}
	ptw_pgtable_info(s->pgtable, &info);
	ptw_pgtable_regs(s->pgtable, &s->regs);
	ptw_check(s->pgtable, PTW_CHECK_COUNTS, &check);
	s->root_tables = check.tables;
	s->granule_lg2 = info.granule_lg2;
	s->granule = (uint64_t)1 << info.granule_lg2;
	s->ia_bits = info.ia_bits;
	if (s->config.format == PTW_FORMAT_X86_64 || s->config.format == PTW_FORMAT_ARM64_S1)
		s->user = PTW_ACCESS_USER;
	s->hardware = s->config.features & PTW_FEATURE_HW_ACCESSED;
	s->write_is_dirty = s->config.format == PTW_FORMAT_ARM64_S2 ||
			    s->config.format == PTW_FORMAT_ARM64_S1;
	space_lay_out(s, &info, &random);
	s->page = calloc(s->pages, sizeof(*s->page));
	s->cpus = s->options->threads / 4 ? s->options->threads / 4 : 1;
	s->workers = s->options->threads - s->cpus;
	if (!s->page)
		abort();
	for (unsigned int i = 0; i < s->options->threads; i++) {
		struct worker *w = &s->threads[i];

		w->stress = s;
		w->number = i;
		w->random = next_random(&random);
		if (i < s->cpus) {
			cpu_open(s, i);
			continue;
		}
		w->young = calloc(s->bitmap_words * 4, 8);
		if (!w->young)
			abort();
		w->dirty = w->young + s->bitmap_words;
		w->young_out = w->dirty + s->bitmap_words;
		w->dirty_out = w->young_out + s->bitmap_words;
	}
	pthread_barrier_init(&s->barrier, NULL, s->options->threads + 1);
}

static void *worker_main(void *argument)
{
	struct worker *w = argument;
	struct stress *s = w->stress;

	for (;;) {
		pthread_barrier_wait(&s->barrier); /* a round begins */
		if (s->over)
			return NULL;
		/* With QSBR a registered thread that waits would hold up grace periods. */
		ptw_thread_register();
		while (!atomic_load_explicit(&s->pause, memory_order_relaxed)) {
			if (w->cpu)
				cpu_step(w);
			else
				play_step(w);
		}
		ptw_thread_unregister();
		pthread_barrier_wait(&s->barrier); /* all stand still */
	}
}

static unsigned int play_rounds(struct stress *s, double seconds)
{
	double end = now() + seconds;
	unsigned int rounds = 0;

	do {
		alarm(s->options->watchdog);
		s->resting = false;
		s->exact_round = rounds % 4 == 3;
		/* Translations of before would let accesses pass that leave nothing behind. */
		if (s->exact_round)
			cpu_flush_all(s);
		atomic_store_explicit(&s->pause, false, memory_order_relaxed);
		ptw_thread_unregister(); /* as in worker_main() */
		pthread_barrier_wait(&s->barrier);
		wait_seconds(ROUND_SECONDS);
		atomic_store_explicit(&s->pause, true, memory_order_relaxed);
		pthread_barrier_wait(&s->barrier);
		ptw_thread_register();
		s->resting = true;
		s->exact_round = false;
		rest_check(s);
		rounds++;
	} while (now() < end && !s->failed);
	s->over = true;
	if (!s->failed)
		rest_empty(s);
	alarm(0);
	return rounds;
}

static void close_lap(struct stress *s)
{
	struct worker *w = &s->threads[s->cpus];

	if (!s->failed && play_role(w, ROLE_X, space_all(s)) != PTW_OK)
		stress_fail(s, "destroy failed");
	for (unsigned int i = 0; i < s->cpus; i++)
		cpu_close(s, i);
	for (unsigned int i = s->cpus; i < s->options->threads; i++)
		free(s->threads[i].young);
	pthread_barrier_destroy(&s->barrier);
	free(s->page);
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
	open_lap(s);
	if (s->failed) {
		free(s);
		return false;
	}
	log_lap(s);
	for (unsigned int i = 0; i < options->threads; i++)
		if (pthread_create(&s->threads[i].thread, NULL, worker_main, &s->threads[i]))
			abort();
	*rounds += play_rounds(s, seconds);
	pthread_barrier_wait(&s->barrier);
	for (unsigned int i = 0; i < options->threads; i++)
		pthread_join(s->threads[i].thread, NULL);
	close_lap(s);
	failed = s->failed;
	free(s);
	return !failed;
}

bool stress_run(const struct options *options)
{
	struct totals *totals = calloc(1, sizeof(*totals));
	double begin = now(), lap_seconds = options->seconds / 4;
	bool full = options->seconds >= FULL_RUN_SECONDS;
	unsigned int laps = 0, rounds = 0;
	char missing[256] = "";
	bool ok = true;

	if (!totals)
		abort();
	if (lap_seconds > MAX_LAP_SECONDS)
		lap_seconds = MAX_LAP_SECONDS;
	log_begin(options);
	while (ok && (now() - begin < options->seconds ||
		      (full && now() - begin < options->seconds * PATIENCE &&
		       log_missing(totals, missing, sizeof(missing)))))
		ok = play_lap(options, totals, laps++, lap_seconds, &rounds);
	log_end(options, totals, laps, rounds, now() - begin);
	if (ok && full && log_missing(totals, missing, sizeof(missing))) {
		fprintf(options->log, "# FAILED: the run never had %s\n", missing);
		ok = false;
	}
	if (!ok)
		fprintf(options->log,
			"# to repeat: %s --config %s --seed %#llx --seconds %g --threads %u\n",
			options->program, options->config, (unsigned long long)options->seed,
			options->seconds, options->threads);
	fflush(options->log);
	free(totals);
	return ok;
}
