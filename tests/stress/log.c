/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a run tells: seed, operations, answers, and which pairs of the table were exercised. */
#include <inttypes.h>
#include <string.h>

#include "stress.h"

static const char *const outcome_names[OUTCOMES] = {
	[OUTCOME_OK] = "ok",
	[OUTCOME_AGAIN] = "again",
	[OUTCOME_EXISTS] = "exists",
	[OUTCOME_HOLE] = "hole",
	[OUTCOME_BLOCK] = "block",
	[OUTCOME_FAULT] = "fault",
	[OUTCOME_NOMEM] = "nomem",
	[OUTCOME_BACKLOG] = "backlog",
	[OUTCOME_BUDGET] = "budget",
	[OUTCOME_STOPPED] = "stopped",
};

#define ROLE_NAME(letter, name) [ROLE_##letter] = name,
static const char *const role_names[ROLE_COUNT] = { STRESS_ROLES(ROLE_NAME) };

void log_begin(const struct options *o)
{
	fprintf(o->log, "# stress %s: seed %#" PRIx64 ", %g s wanted, %u threads\n", o->config,
		o->seed, o->seconds, o->threads);
}

void log_lap(const struct stress *s)
{
	char delay[24] = "never", limit[24] = "default", memory[24] = "unbounded";

	if (s->config.reclaim_delay != PTW_RECLAIM_NEVER)
		snprintf(delay, sizeof(delay), "%u", s->config.reclaim_delay);
	if (s->config.backlog_limit)
		snprintf(limit, sizeof(limit), "%u%s", s->config.backlog_limit,
			 s->config.flags & PTW_BACKLOG_TELL ? " told" : " waited");
	if (s->pool.max_tables)
		snprintf(memory, sizeof(memory), "%" PRIu64, s->pool.max_tables);
	fprintf(s->options->log, "# lap %u: %u CPUs, %u workers, %" PRIu64
		" pages, bbm_level %u, reclaim_delay %s, backlog_limit %s, tables %s, kernel %s, "
		"clears %s%s\n",
		s->lap, s->cpus, s->workers, s->pages, s->config.bbm_level, delay, limit, memory,
		ptw_kernel_name(s->config.kernel), stress_clear_names[s->clear],
		s->exclusive ? ", writers exclusive" : "");
	fflush(s->options->log);
}

static void log_roles(const struct options *o, struct totals *t)
{
	for (unsigned int role = 0; role < ROLE_COUNT; role++) {
		fprintf(o->log, "# %c %s:", STRESS_LETTERS[role], role_names[role]);
		for (unsigned int i = 0; i < OUTCOMES; i++)
			if (get(&t->outcomes[role][i]))
				fprintf(o->log, " %s %" PRIu64, outcome_names[i],
					get(&t->outcomes[role][i]));
		fprintf(o->log, "; %" PRIu64 " had an effect\n", get(&t->worked[role]));
	}
}

static void log_cells(const struct options *o, struct totals *t)
{
	fprintf(o->log, "# pairs: how often the column's role began while the row's was "
			"inside\n# ");
	for (unsigned int i = 0; i < ROLE_COUNT; i++)
		fprintf(o->log, "%9c", STRESS_LETTERS[i]);
	fprintf(o->log, "\n");
	for (unsigned int i = 0; i < ROLE_COUNT; i++) {
		fprintf(o->log, "# %c", STRESS_LETTERS[i]);
		for (unsigned int j = 0; j < ROLE_COUNT; j++) {
			if (stress_pairs[i][j] == 'n' && !get(&t->cells[i][j]))
				fprintf(o->log, "        -");
			else
				fprintf(o->log, " %8" PRIu64, get(&t->cells[i][j]));
		}
		fprintf(o->log, "\n");
	}
}

/* The allowed pair that was had least often, either way round. */
static void log_rarest(const struct options *o, struct totals *t)
{
	unsigned int a = 0, b = 0;
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < ROLE_COUNT; i++)
		for (unsigned int j = 0; j <= i; j++) {
			uint64_t n = get(&t->cells[i][j]) + (i == j ? 0 : get(&t->cells[j][i]));

			if (stress_pairs[i][j] == 'n' || n >= least)
				continue;
			least = n;
			a = i;
			b = j;
		}
	fprintf(o->log, "# rarest pair: %c next to %c, %" PRIu64 " times\n", STRESS_LETTERS[a],
		STRESS_LETTERS[b], least);
}

void log_end(const struct options *o, struct totals *t, unsigned int laps, unsigned int rounds,
	     double seconds)
{
	uint64_t operations = 0;

	for (unsigned int role = 0; role < ROLE_COUNT; role++)
		for (unsigned int i = 0; i < OUTCOMES; i++)
			operations += get(&t->outcomes[role][i]);
	fprintf(o->log, "# %.1f s, %u laps, %u rounds, %" PRIu64 " operations, %" PRIu64
		" accesses\n", seconds, laps, rounds, operations, get(&t->accesses));
	log_roles(o, t);
	log_cells(o, t);
	log_rarest(o, t);
	fprintf(o->log, "# CPUs: %" PRIu64 " TLB hits, %" PRIu64 " accessed and %" PRIu64
		" dirty bits set, %" PRIu64 " updates lost to others\n", get(&t->tlb_hits),
		get(&t->accessed_set), get(&t->dirty_set), get(&t->cas_failures));
	fprintf(o->log, "# harvests: %" PRIu64 " entries owned by others, %" PRIu64
		" extents left after lost races\n", get(&t->owned), get(&t->busy));
	fprintf(o->log, "# %" PRIu64 " flushes; empty tables: %" PRIu64 " reclaimed, %" PRIu64
		" revived; most tables seen retired: %" PRIu64 "\n", get(&t->flushes), t->reclaimed,
		t->revived, get(&t->most_retired));
	fprintf(o->log, "# transitions counted exactly, page by page: %" PRIu64
		"\n", t->exact_units);
	fflush(o->log);
}

bool log_missing(struct totals *t, char *text, size_t bytes)
{
	for (unsigned int i = 0; i < ROLE_COUNT; i++) {
		for (unsigned int j = 0; j <= i; j++) {
			uint64_t n = get(&t->cells[i][j]) + get(&t->cells[j][i]);

			if ((stress_pairs[i][j] == 'n') == !n)
				continue;
			snprintf(text, bytes, n ? "to have %c next to %c, but had it" :
						  "%c next to %c",
				 STRESS_LETTERS[i], STRESS_LETTERS[j]);
			return true;
		}
		if (!get(&t->worked[i])) {
			snprintf(text, bytes, "an effect of role %c", STRESS_LETTERS[i]);
			return true;
		}
	}
	if (!t->exact_units) {
		snprintf(text, bytes, "a transition that could be counted exactly");
		return true;
	}
	return false;
}
