// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The stress test in the kernel: which laps there are. Laps, roles, CPUs and ledger are those of
 * tests/stress; its run.c counts in floating point, which there is none of here, and goes on until it had
 * every pair, which an emulated machine takes too long for.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/stress/stress.h"

extern const bool ktest_public_only;
const bool ktest_public_only = true;

#define THREADS	     8
#define ROUNDS	     4 /* the last of them is exact */
#define LAPS	     4
#define LAPS_MOST    100 /* of an emulator that gets so little of a busy host that something has not happened yet */

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
static void configure(struct stress *s, uint64_t *random)
{
	static const uint32_t delays[] = { 0, 3, PTW_RECLAIM_NEVER };
	const unsigned int n = s->lap;

	(void)random;
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
	if (n % 4 == 2)
		s->pool.max_tables = s->config.format == PTW_FORMAT_PERVERSE ? 40 : 10;
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

/* What never happened; null: all did. */
static const char *missing(struct totals *t)
{
	static char text[] = "an effect of role ?";

	if (!t->exact_units)
		return "a transition that could be counted exactly";
	for (unsigned int i = 0; i < ROLE_COUNT; i++) {
		text[sizeof(text) - 2] = STRESS_LETTERS[i];
		if (!get(&t->worked[i]))
			return text;
	}
	return NULL;
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
	for (unsigned int lap = 0; !failed && (lap < LAPS || (lap < LAPS_MOST && missing(totals))); lap++) {
		struct stress *s = calloc(1, sizeof(*s));

		cr_assert_not_null(s);
		s->options = &options;
		s->totals = totals;
		s->lap = lap;
		cr_assert(lap_open(s, configure), "%s", s->failure);
		for (unsigned int round = 0; round < ROUNDS && !s->failed; round++)
			lap_round(s, round);
		lap_close(s);
		failed = s->failed;
		if (failed)
			cr_assert_fail("lap %u: %s", lap, s->failure);
		free(s);
	}
	log_totals(totals, config);
	cr_assert(!missing(totals), "the run never had %s", missing(totals));
	free(totals);
}

Test(stress, ept, .timeout = 300)
{
	stress("ept4");
}

Test(stress, ept_tracked, .timeout = 300)
{
	stress("ept4-tracked");
}

Test(stress, arm64_groups, .timeout = 300)
{
	stress("arm64-s2-4k-contig");
}

Test(stress, perverse, .timeout = 300)
{
	stress("perverse");
}
