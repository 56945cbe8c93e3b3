/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Tables for people. */
#include <stdio.h>

#include "reclaim.h"

static void print_cost(const struct reclaim_results *r, const struct reclaim_cost *cost)
{
	printf(" %9.0f %7.2f %8.0f", reclaim_median(r, cost->ns), reclaim_median(r, cost->page),
	       histogram_quantile(&cost->kept, 0.99));
}

static void print_cell(const struct reclaim_results *r, const struct reclaim_cell *cell)
{
	const struct reclaim_cost *cost = cell->cost;
	uint64_t kept = 0, calls = 0;

	for (unsigned int i = 0; i < RECLAIM_CALLS; i++) {
		kept += cost[i].kept.count;
		calls += cost[i].calls;
	}
	printf("%-12s", cell->policy->name);
	print_cost(r, &cost[RECLAIM_UNMAP]);
	print_cost(r, &cost[RECLAIM_MAP]);
	if (cost[RECLAIM_SCAN].calls)
		printf(" %9.0f", reclaim_median(r, cost[RECLAIM_SCAN].ns));
	else
		printf(" %9s", "-");
	printf(" %7.2f %7.0f %7llu %8llu %9llu %8llu %8llu %8llu %5.1f %%\n",
	       reclaim_total(r, cell), cell->tables_mean, (unsigned long long)cell->tables_most,
	       (unsigned long long)cell->built, (unsigned long long)cell->reclaimed,
	       (unsigned long long)cell->revived, (unsigned long long)cell->flushes,
	       (unsigned long long)cell->retired_most,
	       calls ? 100.0 * (double)kept / (double)calls : 0);
}

void reclaim_print(const struct reclaim_results *r)
{
	printf("Load average %.2f before, %.2f after; %.0f s, %u rounds; %.0f ns of reading the "
	       "clock taken off.\n%s",
	       r->run.load_before, r->run.load_after, r->run.seconds, r->rounds, r->clock_ns,
	       r->run.quick ? "A quick run: no figure to quote.\n" : "");
	for (unsigned int l = 0; l < RECLAIM_LOADS; l++) {
		const struct reclaim_load *load = &r->load[l];

		printf("\n%s: %s\n\n", load->name, load->what);
		printf("%-12s %26s %26s %9s %7s %15s\n", "", "unmap, ns", "map, ns", "ptw_re-",
		       "all", "tables in use");
		printf("%-12s %9s %7s %8s %9s %7s %8s %9s %7s %7s %7s %8s %9s %8s %8s %8s %7s\n",
		       "policy", "call", "page", "p99", "call", "page", "p99", "claim, ns",
		       "ns/page", "mean", "most", "built", "reclaimed", "revived", "flushes",
		       "waiting", "kept");
		for (unsigned int p = 0; p < RECLAIM_POLICIES; p++)
			print_cell(r, &load->cell[p]);
	}
	printf("\nPolicies:\n");
	for (unsigned int p = 0; p < RECLAIM_POLICIES; p++)
		printf("  %-12s %s\n", reclaim_policies[p].name, reclaim_policies[p].what);
	printf("\nMeans of calls in which the thread kept its processor, median of the rounds. All: "
	       "unmap, map and\nptw_reclaim() together, for each page mapped or unmapped. Built, "
	       "reclaimed, revived, flushes: in one\nround, the same in each. Waiting: most tables "
	       "seen that wait for a grace period. Every call's answer\nand, 12 times a round, every "
	       "live count was checked; pages made young = pages reported young, page\nby page.\nThe "
	       "flush hook does nothing: a real one takes microseconds, so count the flushes.\n");
}
