/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Tables for people. */
#include <stdio.h>

#include "goals.h"
#include "secondary.h"

/* Ways side by side: what is asked in ageing too, and what at eviction only. */
static const struct secondary_way sides[] = {
	{MIXED_NEVER, MIXED_LOOK_HOST, SECONDARY_WALK, 0},
	{MIXED_EVICT, MIXED_LOOK_NONE, SECONDARY_WALK, 0},
	{MIXED_EVICT, MIXED_LOOK_HOST, SECONDARY_WALK, 0},
	{MIXED_EVICT, MIXED_LOOK_BOTH, SECONDARY_WALK, 0},
	{MIXED_FAST, MIXED_LOOK_NONE, SECONDARY_WALK, 0},
	{MIXED_FAST, MIXED_LOOK_HOST, SECONDARY_WALK, 0},
	{MIXED_FAST, MIXED_LOOK_BOTH, SECONDARY_WALK, 0},
	{MIXED_ALWAYS, MIXED_LOOK_HOST, SECONDARY_WALK, 0},
};

#define SIDES (sizeof(sides) / sizeof(sides[0]))

static void print_head(const char *first)
{
	printf("%-22s %9s", first, "one table");
	for (unsigned int i = 0; i < SIDES; i++)
		printf(" %7s", mixed_secondary_name(sides[i].secondary));
	printf("\n%-22s %9s", "", "");
	for (unsigned int i = 0; i < SIDES; i++)
		printf(" %7s", mixed_look_name(sides[i].look));
	printf("\n");
}

static void print_loads(const struct secondary_results *r)
{
	printf("\nSkew by load, in points: |misses of guest pages against LRU in percent - the same for "
	       "host pages|.\nBelow the mode: where to look around; no TLB. One table: the same rule "
	       "where one page table maps\neverything, so the load's own.\n\n");
	print_head("host+guest, memory");
	for (unsigned int i = 0; i < r->loads; i++) {
		const struct secondary_load *load = &r->load[i];
		char name[80];

		snprintf(name, sizeof(name), "%s+%s", r->traces[load->host],
			 r->traces[load->guest]);
		printf("%-15s %4u %% %9.2f", name, load->percent, secondary_one_skew(load));
		for (unsigned int k = 0; k < SIDES; k++) {
			const struct secondary_cell *cell = secondary_cell(load, &sides[k]);

			if (cell->measured)
				printf(" %7.2f", mixed_skew(cell->mixed.misses, load->lru));
			else
				printf(" %7s", "-");
		}
		printf("\n");
	}
}

static double one_mean(const struct secondary_results *r, unsigned int percent)
{
	unsigned int count = 0;
	double sum = 0;

	for (unsigned int i = 0; i < r->loads; i++)
		if (!percent || r->load[i].percent == percent) {
			sum += secondary_one_skew(&r->load[i]);
			count++;
		}
	return count ? sum / count : 0;
}

static void print_size(const struct secondary_results *r, unsigned int percent, bool excess)
{
	char name[48];

	if (percent)
		snprintf(name, sizeof(name), "%s, %u %%", excess ? "excess" : "skew", percent);
	else
		snprintf(name, sizeof(name), "%s, all", excess ? "excess" : "skew");
	printf("%-22s %9.2f", name, excess ? 0 : one_mean(r, percent));
	for (unsigned int k = 0; k < SIDES; k++) {
		struct secondary_way way = sides[k];
		struct secondary_mean m;

		way.percent = percent;
		secondary_mean(r, secondary_cell, &way, &m);
		if (m.loads)
			printf(" %7.2f", excess ? m.excess : m.skew);
		else
			printf(" %7s", "-");
	}
	printf("\n");
}

static void print_sizes(const struct secondary_results *r)
{
	printf("\nMeans by memory; excess: how far the skew is from the load's own.\n\n");
	print_head("");
	for (unsigned int excess = 0; excess < 2; excess++) {
		for (unsigned int z = 0; z < SECONDARY_SIZES; z++)
			if (one_mean(r, secondary_percents[z]) > 0)
				print_size(r, secondary_percents[z], excess);
		print_size(r, 0, excess);
	}
}

static void print_ways(const struct secondary_results *r)
{
	printf("\nAll ways, means over the loads. Misses: of all pages against LRU. Per miss: single "
	       "checks, entries read\nby ageing and by look-around. Late: evicted pages that were used "
	       "after their last look.\n\n");
	printf("%-7s %-11s %-8s %9s %7s %7s %7s %8s %8s %8s %7s %9s %6s\n", "asked", "look-around",
	       "TLB", "misses", "skew", "worst", "excess", "single", "ageing", "look", "late",
	       "not asked", "waits");
	for (unsigned int s = 0; s < MIXED_SECONDARIES; s++)
		for (unsigned int l = 0; l < MIXED_LOOKS; l++)
			for (unsigned int t = 0; t < SECONDARY_TLBS; t++) {
				const struct secondary_way way = {s, l, t, 0};
				struct secondary_mean m;

				secondary_mean(r, secondary_cell, &way, &m);
				if (!m.loads)
					continue;
				printf("%-7s %-11s %-8s %+7.2f %% %7.2f %7.2f %7.2f %8.3f %8.2f "
				       "%8.2f %5.1f %% %9llu %6llu\n",
				       mixed_secondary_name(s), mixed_look_name(l),
				       secondary_tlb_names[t], m.against, m.skew, m.skew_most,
				       m.excess, m.singles, m.batch, m.look, m.late,
				       (unsigned long long)m.not_asked,
				       (unsigned long long)m.waits);
			}
}

static void print_others(const struct secondary_results *r)
{
	printf("\nLook-around in both, no TLB. %u: pages go up to %u evictions after their last look. "
	       "Old: a guest's fault\nleaves the host's mapping old. Contended: a thread takes the "
	       "lock for 3 us, every 50 us or so.\n\n",
	       SECONDARY_ISOLATE, SECONDARY_ISOLATE);
	printf("%-7s %8s %8s %9s %7s %14s %14s %14s %14s\n", "asked", "late, 32", "skew, 32",
	       "skew, old", "misses", "ager waits", "ns each", "vCPU waits", "longest, ns");
	for (unsigned int s = 0; s < MIXED_SECONDARIES; s++) {
		const struct secondary_way way = {s, 0, 0, 0};
		struct secondary_mean isolated, old, contended;

		secondary_mean(r, secondary_isolated, &way, &isolated);
		secondary_mean(r, secondary_old, &way, &old);
		secondary_mean(r, secondary_contended, &way, &contended);
		printf("%-7s %6.2f %% %8.2f %9.2f %+5.2f %%", mixed_secondary_name(s),
		       isolated.late, isolated.skew, old.skew, old.against);
		if (contended.loads)
			printf(" %14llu %14.0f %14llu %14.0f", (unsigned long long)contended.waits,
			       contended.waits ? contended.wait_ns / (double)contended.waits : 0,
			       (unsigned long long)contended.writer_waits,
			       contended.writer_wait_most);
		printf("\n");
	}
}

static void print_group(const struct secondary_results *r, const struct secondary_load *load,
			unsigned int share)
{
	const struct groups *own = &load->groups[share][0], *foreign = &load->groups[share][1];
	char name[80];

	snprintf(name, sizeof(name), "%s+%s", r->traces[load->host], r->traces[load->guest]);
	printf("%-15s %4u %% %4u %%", name, load->percent, secondary_shares[share]);
	for (unsigned int g = 0; g < SHARED_GUESTS; g++)
		printf(" %9llu %9llu %+7.2f %%", (unsigned long long)own->side[g].misses,
		       (unsigned long long)foreign->side[g].misses,
		       mixed_against(foreign->side[g].misses, own->side[g].misses));
	printf(" %8llu %8llu\n", (unsigned long long)(own->side[0].late + own->side[1].late),
	       (unsigned long long)(foreign->side[0].late + foreign->side[1].late));
}

static void print_groups(const struct secondary_results *r)
{
	printf("\nTwo groups with memory of its own each, a share of the smaller one's pages mapped by "
	       "both. Misses of each;\nlate: evicted pages that somebody had used after their last "
	       "look.\n\n");
	printf("%-15s %6s %6s %29s %29s %17s\n", "", "", "", "misses of group 0",
	       "misses of group 1", "late");
	printf("%-15s %6s %6s %9s %9s %9s %9s %9s %9s %8s %8s\n", "groups", "memory", "share",
	       "own only", "foreign", "change", "own only", "foreign", "change", "own only",
	       "foreign");
	for (unsigned int i = 0; i < r->loads; i++)
		for (unsigned int share = 0; share < SECONDARY_SHARES; share++)
			print_group(r, &r->load[i], share);
}

static void print_live(const struct secondary_results *r)
{
	double alone;

	if (!r->points) {
		printf("\nOnly one processor: no vCPU next to ageing.\n");
		return;
	}
	alone = histogram_quantile(&r->point[0].latencies.kept, 0.99);
	printf("\nA vCPU's operations on the page table (unmap, map, touch one page) next to somebody "
	       "who asks about it\n"
	       "in a loop; ns. Arrivals: p99 of requests that come steadily.\n\n");
	printf("%-8s %-13s %8s %10s %10s %10s %10s %12s %15s\n", "asked", "lock", "pages", "p50",
	       "p90", "p99", "to alone", "arrivals", "kept/all");
	for (unsigned int i = 0; i < r->points; i++) {
		const struct secondary_point *p = &r->point[i];
		const struct histogram *kept = &p->latencies.kept;
		double p99 = histogram_quantile(kept, 0.99);

		printf("%-8s %-13s %8llu %10.0f %10.0f %10.0f %10.2f %12.0f %7llu/%llu%s\n",
		       p->mode, p->lock, (unsigned long long)p->pages,
		       histogram_quantile(kept, 0.5), histogram_quantile(kept, 0.9), p99,
		       alone > 0 ? p99 / alone : 0,
		       histogram_quantile(&p->latencies.arrivals, 0.99),
		       (unsigned long long)kept->count, (unsigned long long)p->latencies.raw.count,
		       kept->count < GOALS_OPERATIONS ? " few" : "");
	}
}

void secondary_print(const struct secondary_results *r)
{
	printf("Load average %.2f before, %.2f after; %.0f s, %u loads.\n%s", r->run.load_before,
	       r->run.load_after, r->run.seconds, r->loads,
	       r->run.quick ? "A quick run: no figure to quote.\n" : "");
	print_loads(r);
	print_sizes(r);
	print_ways(r);
	print_others(r);
	print_groups(r);
	print_live(r);
}
