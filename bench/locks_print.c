/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Tables for people. */
#include <stdio.h>

#include "goals.h"
#include "locks.h"

/* A grace period that interrupts a processor takes longer. */
#define ALONE_NS 4000

const char *locks_rival_name(enum rival rival)
{
	switch (rival) {
	case RIVAL_NONE:
		return "no harvester";
	case RIVAL_ELSEWHERE:
		return "harvester of another page table";
	case RIVAL_HARVESTER:
		return "harvester";
	default:
		return "harvester at SCHED_IDLE beside a busy thread";
	}
}

unsigned int locks_percent(enum scan_young young)
{
	return young == SCAN_ALL ? 100 : 0;
}

/* In the unit that suits it. */
static const char *time_text(double ns, char text[16])
{
	if (ns <= 0)
		return "-";
	if (ns < 10e3)
		snprintf(text, 16, "%.0f ns", ns);
	else if (ns < 10e6)
		snprintf(text, 16, "%.0f us", ns / 1e3);
	else
		snprintf(text, 16, "%.0f ms", ns / 1e6);
	return text;
}

static void print_times(const struct histogram *h)
{
	static const double q[] = {0.5, 0.9, 0.99};
	char text[16];

	for (unsigned int i = 0; i < 3; i++)
		printf(" %8s", time_text(histogram_quantile(h, q[i]), text));
	printf(" %8s", time_text((double)h->max, text));
}

/* p99 against p99. */
static const char *ratio_text(const struct histogram *h, const struct histogram *base,
			      char text[16])
{
	double value = histogram_quantile(h, 0.99);

	if (value <= 0 || !base->count)
		return "-";
	value /= histogram_quantile(base, 0.99);
	snprintf(text, 16, value < 100 ? "%.2f" : "%.0f", value);
	return text;
}

static void print_points(const struct locks_results *r)
{
	const struct latencies *alone = &r->point[LOCKS_ALONE].latencies;

	printf("A writer's operation on one page (unmap, map, write fault in turn) next to a "
	       "harvester that\nreads 1048576 entries a pass, in a loop, holding the lock for so "
	       "many entries at a time. Kept: while\nneither lost its processor; x: p99 against "
	       "alone, of those kept and of all (raw). Arrivals: p99 of\nrequests that come every 2 "
	       "us whether the writer waits or not, and against alone.\n\n");
	printf("%-12s %7s %8s %8s %8s %8s %7s %8s %8s %8s %17s %10s\n", "lock", "entries", "p50",
	       "p90", "p99", "longest", "x", "x raw", "arrivals", "x", "kept/all", "harvest");
	for (unsigned int i = 0; i < r->points; i++) {
		const struct locks_point *point = &r->point[i];
		const struct latencies *l = &point->latencies;
		char entries[24] = "-";
		char count[48];
		char text[16];

		if (point->rival == RIVAL_HARVESTER)
			snprintf(entries, sizeof(entries), "%llu",
				 (unsigned long long)point->piece);
		snprintf(count, sizeof(count), "%llu/%llu%s", (unsigned long long)l->kept.count,
			 (unsigned long long)l->raw.count,
			 l->kept.count < GOALS_OPERATIONS ? " few" : "");
		printf("%-12s %7s", point->name, entries);
		print_times(&l->kept);
		printf(" %7s", ratio_text(&l->kept, &alone->kept, text));
		printf(" %8s", ratio_text(&l->raw, &alone->raw, text));
		printf(" %8s", time_text(histogram_quantile(&l->arrivals, 0.99), text));
		printf(" %8s %17s", ratio_text(&l->arrivals, &alone->arrivals, text), count);
		if (l->entries)
			printf(" %5.3f ns/E", (double)l->harvest_ns / (double)l->entries);
		printf("\n");
	}
	printf("\n  %-12s behind a row: fewer than %d operations kept, too few to judge by, and left out of "
	       "goals.\n%15sThe machine was busy, or the run a quick one: look at raw and arrivals\n",
	       "few", GOALS_OPERATIONS, "");
	printf("  %-12s next to a harvester of another page table: the same load, nothing "
	       "shared\n",
	       "elsewhere");
	for (unsigned int k = 0; !k || lock_kinds[k - 1]; k++)
		printf("  %-12s %s\n", k ? lock_kinds[k - 1]->name : lock_rcu.name,
		       k ? lock_kinds[k - 1]->what : lock_rcu.what);
}

static void print_stalls(const struct locks_results *r)
{
	printf("\nThe harvester at SCHED_IDLE, on a processor that another thread keeps busy; the "
	       "lock held for\n512 entries at a time. Stalled: share of the time the writer spent in "
	       "operations of 1 ms or more.\n\n");
	printf("%-12s %8s %8s %8s %8s %9s %12s\n", "lock", "p50", "p90", "p99", "longest",
	       "stalled", "operations");
	for (unsigned int i = 0; i < r->stalls; i++) {
		const struct latencies *l = &r->stall[i].latencies;

		printf("%-12s", r->stall[i].name);
		print_times(&l->raw);
		printf(" %7.1f %% %12llu\n",
		       l->ns ? 100.0 * (double)l->stalled_ns / (double)l->ns : 0,
		       (unsigned long long)l->raw.count);
	}
	printf("\nWhat RCU pays instead: tables that wait for a grace period, while a writer unmaps "
	       "and maps whole\ntables, one every 0.1 ms or so.\n\n");
	printf("%-46s %10s %14s\n", "next to", "retired", "most waiting");
	for (unsigned int i = 0; i < LOCKS_BACKLOGS; i++) {
		const struct backlog *b = &r->backlog[i];

		printf("%-46s %10llu %14llu", locks_rival_name(b->rival),
		       (unsigned long long)b->retired, (unsigned long long)b->most);
		if (b->limited)
			printf(" (writer held back %llu times)", (unsigned long long)b->limited);
		printf("\n");
	}
}

double locks_median_wait(const struct locks_grace *grace)
{
	return histogram_quantile_above(&grace->latencies.raw, 0.5, ALONE_NS);
}

static void print_graces(const struct locks_results *r)
{
	char text[16];

	printf("\nMedian grace period (synchronize_rcu) next to a harvester whose read-side "
	       "sections are so many\nentries long (waits that found the harvester running):\n\n%-8s",
	       "% young");
	for (unsigned int i = 0; i < LOCKS_LENGTHS; i++)
		printf(" %8llu", (unsigned long long)r->curve[0][i].piece);
	printf("\n");
	for (unsigned int y = 0; y < LOCKS_YOUNGS; y++) {
		printf("%-8u", locks_percent(r->curve[y][0].young));
		for (unsigned int i = 0; i < LOCKS_LENGTHS; i++)
			printf(" %8s", time_text(locks_median_wait(&r->curve[y][i]), text));
		printf("\n");
	}
	printf("\nMedian ptw_barrier() (until all that was retired is free; liburcu's helper thread "
	       "collects callbacks\nfor some milliseconds):\n\n");
	for (unsigned int y = 0; y < LOCKS_YOUNGS; y++)
		for (unsigned int i = 0; i < 2; i++)
			printf("%3u %% young, sections of %s: %s\n",
			       locks_percent(r->barrier[y][i].young),
			       i ? "512 entries" : "the library",
			       time_text(locks_median_wait(&r->barrier[y][i]), text));
}

static void print_goals(const struct locks_results *r)
{
	printf("\n%-14s %9s %9s\n", "goal", "value", "at most");
	for (unsigned int i = 0; i < LOCKS_GOALS; i++) {
		const struct figure *f = &r->goal[i];

		printf("%-14s %9.3f %9.3f  %s\n    %s\n", f->id, f->value, f->goal,
		       figure_few(f) ? "not measured: too few" :
		       figure_met(f)	  ? "met" :
					    "NOT MET",
		       f->detail);
	}
}

void locks_print(const struct locks_results *r)
{
	printf("Writer on processor %d, harvester on %d; load average %.2f before, %.2f after; %.0f "
	       "s.\n%s\n",
	       r->cpus.writer, r->cpus.harvester, r->run.load_before, r->run.load_after,
	       r->run.seconds,
	       r->run.quick ? "A quick run: no figure to quote.\n" : "");
	print_points(r);
	print_stalls(r);
	print_graces(r);
	print_goals(r);
	printf("\nMethod: one process, two threads on two processors; the same code of harvester and "
	       "writer\nwith another lock around its calls, all through the same indirect call; "
	       "measurements alternate in\nrounds. Before each operation the writer waits 0 to 4 us, "
	       "at random. Every run is checked: pages\nharvested = pages made young, page by page "
	       "and in number, the writer's own included.\nWhat to look for: a lock held for a "
	       "whole pass makes single operations wait for the pass; a sleeping\nlock makes them wait "
	       "for a wake-up as well, whatever the length. A spinning lock held for 512 entries\ncomes "
	       "within a microsecond of no lock as long as nobody is preempted; but a holder that "
	       "loses its\nprocessor stops the writer, whatever the length. Without a lock the writer "
	       "waits for nothing but\ncache lines that the harvester has changed; what grows instead "
	       "is memory that waits for a grace\nperiod, up to the configured limit.\nFormats are "
	       "not hardware: nothing here measures an Arm core.\n");
}
