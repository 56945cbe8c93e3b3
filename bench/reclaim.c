/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * When should an empty table go back? What each answer costs a map and an unmap, and how much memory
 * it takes over time, under the loads of a balloon, of swap and of free page reporting. Policies
 * alternate within each load and round, so that a slow spell of the machine hits all of them; what a
 * load does is the same for all.
 */
#include "reclaim.h"

#include <stdlib.h>

#include <ptw/ptw.h>

#include "experiment.h"
#include "figure.h"
#include "measure.h"
#include "progress.h"
#include "reclaim_guest.h"
#include "thread.h"

#define SCAN_EVERY 256

const struct reclaim_policy reclaim_policies[RECLAIM_POLICIES] = {
	{"never", "empty tables stay", PTW_RECLAIM_NEVER, 0, false},
	{"at once", "by the call that empties them", 0, 0, false},
	{"delay 8", "8 calls later that removed something", 8, 0, false},
	{"delay 64", "64 later", 64, 0, false},
	{"delay 1024", "1024 later, or when 48 others wait", 1024, 0, false},
	{"scan", "by ptw_reclaim() after every 256 calls", PTW_RECLAIM_NEVER, SCAN_EVERY, false},
	{"harvest+scan", "the same, a harvest of everything before each", PTW_RECLAIM_NEVER,
	 SCAN_EVERY, true},
};

static const struct {
	const char *name;
	const char *what;
	uint64_t pages;
	void (*run)(struct guest *guest, struct reclaim_cell *cell, double share);
} loads[RECLAIM_LOADS] = {
	{"balloon", "3 of 4 GiB unmapped and mapped again, in runs of 64 to 8191 pages", 1 << 20,
	 load_balloon},
	{"swap",
	 "1 and 8 pages unmapped and mapped at random places of 1 GiB, in waves of 256 to 3072 "
	 "mapped places",
	 1 << 18, load_swap},
	{"report", "random 2-MiB runs of 1 GiB unmapped, and mapped again by the next call",
	 1 << 18, load_report},
	{"report-entries", "the same, unmapped entry by entry (PTW_UNMAP_STRICT)", 1 << 18,
	 load_report_entries},
};

double reclaim_median(const struct reclaim_results *r, const double *values)
{
	double sorted[RECLAIM_ROUNDS];
	unsigned int count = 0;

	for (unsigned int i = 0; i < r->rounds; i++)
		if (values[i] > 0)
			sorted[count++] = values[i];
	return median(sorted, count);
}

double reclaim_total(const struct reclaim_results *r, const struct reclaim_cell *cell)
{
	static const enum reclaim_call calls[] = {RECLAIM_UNMAP, RECLAIM_MAP, RECLAIM_SCAN};
	uint64_t pages = cell->cost[RECLAIM_UNMAP].pages + cell->cost[RECLAIM_MAP].pages;
	double ns = 0;

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		ns += reclaim_median(r, cell->cost[calls[i]].ns) *
		      (double)cell->cost[calls[i]].calls;
	return pages ? ns / (double)pages : 0;
}

static double clock_cost(void)
{
	double ns[1001];

	for (unsigned int i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		uint64_t start = now_ns();

		ns[i] = (double)(now_ns() - start);
	}
	return median(ns, sizeof(ns) / sizeof(ns[0]));
}

static void run(struct reclaim_results *r, unsigned int l, unsigned int policy, unsigned int round)
{
	struct guest guest = {
		.policy = &reclaim_policies[policy],
		.round = round,
		.clock_ns = r->clock_ns,
		.pages = loads[l].pages,
		.random = 0x2545f4914f6cdd1du,
	};

	guest_open(&guest);
	loads[l].run(&guest, &r->load[l].cell[policy], r->run.quick ? 0.1 : 1);
	guest_close(&guest);
}

json_t *reclaim_experiment(const struct experiment_options *options)
{
	struct reclaim_results *r = bench_new(1, sizeof(*r), "histograms");
	unsigned int done = 0;
	json_t *json;

	ptw_thread_register();
	experiment_begin(&r->run, options);
	r->rounds = r->run.quick ? 1 : RECLAIM_ROUNDS;
	r->clock_ns = clock_cost();
	for (unsigned int l = 0; l < RECLAIM_LOADS; l++) {
		r->load[l].name = loads[l].name;
		r->load[l].what = loads[l].what;
		r->load[l].pages = loads[l].pages;
		for (unsigned int p = 0; p < RECLAIM_POLICIES; p++)
			r->load[l].cell[p].policy = &reclaim_policies[p];
	}
	for (unsigned int i = 0; i < r->rounds; i++)
		for (unsigned int l = 0; l < RECLAIM_LOADS; l++)
			for (unsigned int p = 0; p < RECLAIM_POLICIES; p++) {
				/* Another one begins each round. */
				run(r, l, (p + i) % RECLAIM_POLICIES, i);
				progress_show((double)++done /
					      (r->rounds * RECLAIM_LOADS * RECLAIM_POLICIES));
			}
	experiment_end(&r->run);
	if (options->table)
		reclaim_print(r);
	if (options->plots)
		reclaim_plot(r, options->plots);
	json = reclaim_json(r);
	free(r);
	return json;
}
