// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The stress test in the kernel: laps, rounds and threads. Roles, CPUs, ledger and what must be true at
 * rest are those of tests/stress; its run.c counts in floating point, which there is none of here, and
 * goes on until it had every pair, which an emulated machine takes too long for.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/stress/stress.h"

extern const bool ktest_public_only;
const bool ktest_public_only = true;

#define THREADS	     8
#define ROUND_MS     100
#define ROUNDS	     4 /* the last of them exact, as in tests/stress/run.c */
#define LAPS	     4

void stress_fail(struct stress *s, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&s->failure_lock);
	if (!atomic_load_explicit(&s->failed, memory_order_relaxed)) {
		va_start(args, format);
		vsnprintf(s->failure, sizeof(s->failure), format, args);
		va_end(args);
		atomic_store_explicit(&s->failed, true, memory_order_relaxed);
		plain_log(" lap %u: %s", s->lap, s->failure);
	}
	pthread_mutex_unlock(&s->failure_lock);
}

/* Every lap another mixture of when tables go, how many may wait, and how much memory there is. */
static void configure(struct stress *s)
{
	static const uint32_t delays[] = { 0, 3, PTW_RECLAIM_NEVER };
	const unsigned int n = s->lap;

	s->config.reclaim_delay = delays[n % 3];
	if (n % 2) {
		s->config.backlog_limit = 2 + 5 * (n / 2 % 3);
		s->config.flags |= n / 2 % 2 ? PTW_BACKLOG_TELL : 0;
	}
	s->exclusive = n % LAPS == LAPS - 1;
	if (s->exclusive)
		s->config.flags |= PTW_WRITERS_EXCLUSIVE;
	if (s->config.format == PTW_FORMAT_PERVERSE)
		s->config.bbm_level = n % 2 ? 2 : 0;
	else if (s->config.format == PTW_FORMAT_ARM64_S2 || s->config.format == PTW_FORMAT_ARM64_S1)
		s->config.bbm_level = n % 3;
	s->config.phys_offset = PHYS_OFFSET;
	s->config.flush = cpu_flush;
	s->config.flush_context = s;
	s->pool = (struct ptw_pool_config){ .size = sizeof(s->pool) };
	if (n % 4 == 2)
		s->pool.max_tables = s->config.format == PTW_FORMAT_PERVERSE ? 40 : 10;
	s->config.pool = &s->pool;
}

static bool open_lap(struct stress *s)
{
	uint64_t random = s->options->seed * 0x9e3779b97f4a7c15u + s->lap;
	struct ptw_info info = { .size = sizeof(info) };
	struct ptw_check_result check = { .size = sizeof(check) };

	pthread_mutex_init(&s->failure_lock, NULL);
	pthread_mutex_init(&s->writer_lock, NULL);
	cr_assert_eq(ptw_preset(s->options->config, &s->config), PTW_OK);
	configure(s);
	cr_assert_eq(ptw_pgtable_create(&s->config, &s->pgtable), PTW_OK);
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
	cr_assert_not_null(s->page);
	s->cpus = s->options->threads / 4;
	s->workers = s->options->threads - s->cpus;
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
		cr_assert_not_null(w->young);
		w->dirty = w->young + s->bitmap_words;
		w->young_out = w->dirty + s->bitmap_words;
		w->dirty_out = w->young_out + s->bitmap_words;
	}
	pthread_barrier_init(&s->barrier, NULL, s->options->threads + 1);
	return !s->failed;
}

static void *worker_main(void *argument)
{
	struct worker *w = argument;
	struct stress *s = w->stress;

	for (;;) {
		pthread_barrier_wait(&s->barrier); /* a round begins */
		if (s->over)
			return NULL;
		while (!atomic_load_explicit(&s->pause, memory_order_relaxed)) {
			if (w->cpu)
				cpu_step(w);
			else
				play_step(w);
			ktest_breathe();
		}
		pthread_barrier_wait(&s->barrier); /* all stand still */
	}
}

static void play_rounds(struct stress *s)
{
	const struct timespec round = { .tv_nsec = ROUND_MS * 1000000L };

	for (unsigned int i = 0; i < ROUNDS && !s->failed; i++) {
		s->resting = false;
		s->exact_round = i == ROUNDS - 1;
		/* Translations of before would let accesses pass that leave nothing behind. */
		if (s->exact_round)
			cpu_flush_all(s);
		atomic_store_explicit(&s->pause, false, memory_order_relaxed);
		pthread_barrier_wait(&s->barrier);
		nanosleep(&round, NULL);
		atomic_store_explicit(&s->pause, true, memory_order_relaxed);
		pthread_barrier_wait(&s->barrier);
		s->resting = true;
		s->exact_round = false;
		rest_check(s);
	}
	s->over = true;
	if (!s->failed)
		rest_empty(s);
}

static void close_lap(struct stress *s)
{
	if (!s->failed && play_role(&s->threads[s->cpus], ROLE_X, space_all(s)) != PTW_OK)
		stress_fail(s, "destroy failed");
	for (unsigned int i = 0; i < s->cpus; i++)
		cpu_close(s, i);
	for (unsigned int i = s->cpus; i < s->options->threads; i++)
		free(s->threads[i].young);
	free(s->page);
}

static void log_totals(struct totals *t, const char *config)
{
	uint64_t operations = 0;
	unsigned int pairs = 0, allowed = 0;

	for (unsigned int i = 0; i < ROLE_COUNT; i++) {
		for (unsigned int j = 0; j < OUTCOMES; j++)
			operations += get(&t->outcomes[i][j]);
		for (unsigned int j = 0; j <= i; j++) {
			if (stress_pairs[i][j] == 'n')
				continue;
			allowed++;
			pairs += get(&t->cells[i][j]) || get(&t->cells[j][i]);
		}
	}
	plain_log(" %s: %llu operations, %llu accesses, %llu accessed and %llu dirty bits set, "
		  "%llu updates lost to others, %llu flushes, %llu tables reclaimed",
		  config, operations, get(&t->accesses), get(&t->accessed_set),
		  get(&t->dirty_set), get(&t->cas_failures), get(&t->flushes), t->reclaimed);
	plain_log(" %s: %u of %u allowed pairs of roles, most tables retired %llu; transitions "
		  "counted exactly, page by page: %llu, 0 differences", config, pairs, allowed,
		  get(&t->most_retired), t->exact_units);
}

static void stress(const char *config)
{
	const struct options options = {
		.config = config,
		.seed = test_seed(),
		.threads = THREADS,
	};
	struct totals *totals = calloc(1, sizeof(*totals));
	bool failed = false;

	cr_assert_not_null(totals);
	for (unsigned int lap = 0; lap < LAPS && !failed; lap++) {
		struct stress *s = calloc(1, sizeof(*s));

		cr_assert_not_null(s);
		s->options = &options;
		s->totals = totals;
		s->lap = lap;
		cr_assert(open_lap(s), "%s", s->failure);
		for (unsigned int i = 0; i < options.threads; i++)
			cr_assert_eq(pthread_create(&s->threads[i].thread, NULL, worker_main,
						    &s->threads[i]), 0);
		play_rounds(s);
		pthread_barrier_wait(&s->barrier);
		for (unsigned int i = 0; i < options.threads; i++)
			pthread_join(s->threads[i].thread, NULL);
		close_lap(s);
		failed = s->failed;
		if (failed)
			cr_assert_fail("lap %u: %s", lap, s->failure);
		free(s);
	}
	log_totals(totals, config);
	for (unsigned int i = 0; i < ROLE_COUNT; i++)
		cr_assert(get(&totals->worked[i]), "role %c never had an effect",
			  STRESS_LETTERS[i]);
	cr_assert(totals->exact_units, "nothing was counted");
	free(totals);
}

Test(stress, ept, .timeout = 60)
{
	stress("ept4");
}

Test(stress, ept_tracked, .timeout = 60)
{
	stress("ept4-tracked");
}

Test(stress, arm64_groups, .timeout = 60)
{
	stress("arm64-s2-4k-contig");
}

Test(stress, perverse, .timeout = 60)
{
	stress("perverse");
}
