/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What guests do to their memory. All of it in pages of 4 KiB: a table maps 512 of them. */
#include <stdlib.h>

#include "figure.h"
#include "reclaim_guest.h"
#include "tables.h"

/*
 * Balloon: three quarters of the memory are given up and taken back, in large runs of pages that begin
 * and end anywhere, others each time. A table that two runs share is emptied by the second of them; the
 * ones in between go with the call that takes all they map.
 */
#define BALLOON_CYCLES 8
#define BALLOON_RUN    8192u

static void balloon_way(struct guest *g, bool inflate)
{
	const uint64_t end = g->pages / 4 * 3;

	for (uint64_t page = 0; page < end;) {
		uint64_t run = 64 + guest_random(g, BALLOON_RUN - 64);

		if (run > end - page)
			run = end - page;
		if (inflate)
			guest_unmap(g, page, run, false);
		else
			guest_map(g, page, run);
		page += run;
		/* By how far it is, so that steps are the same for every sequence of runs. */
		for (uint64_t i = (page - run) / BALLOON_RUN; i < page / BALLOON_RUN; i++)
			guest_step(g);
	}
}

void load_balloon(struct guest *g, struct reclaim_cell *cell, double share)
{
	unsigned int cycles = (unsigned int)(BALLOON_CYCLES * share + 0.9);

	guest_map(g, 0, g->pages);
	for (unsigned int i = 0; i < cycles + 2; i++) {
		if (i == 2)
			guest_measure(g, cell, 2 * cycles * (g->pages / 4 * 3 / BALLOON_RUN));
		balloon_way(g, true);
		balloon_way(g, false);
	}
}

/*
 * Swap: single pages and clusters of eight come and go one by one at random, in waves between half a
 * cluster and six for each table.
 */
#define SWAP_CLUSTER 8u
#define SWAP_WAVES   4
#define SWAP_MOST    6 /* for each table */

struct swap {
	struct guest *guest;
	uint64_t *first; /* of each resident cluster: its first page, and how many */
	uint8_t *pages;
	uint64_t resident;
};

static void swap_out(struct swap *s)
{
	uint64_t i = guest_random(s->guest, s->resident);
	uint64_t first = s->first[i], pages = s->pages[i];

	s->resident--;
	s->first[i] = s->first[s->resident];
	s->pages[i] = s->pages[s->resident];
	guest_unmap(s->guest, first, pages, false);
}

static bool is_free(const struct guest *g, uint64_t first)
{
	for (unsigned int i = 0; i < SWAP_CLUSTER; i++)
		if (g->state[first + i])
			return false;
	return true;
}

static void swap_in(struct swap *s)
{
	struct guest *g = s->guest;
	uint64_t first;
	uint8_t pages = SWAP_CLUSTER;

	do
		first = guest_random(g, g->pages / SWAP_CLUSTER) * SWAP_CLUSTER;
	while (!is_free(g, first));
	if (guest_random(g, 2)) {
		first += guest_random(g, SWAP_CLUSTER);
		pages = 1;
	}
	s->first[s->resident] = first;
	s->pages[s->resident++] = pages;
	guest_map(g, first, pages);
}

/* Three in one direction, then one in the other. */
static void swap_way(struct swap *s, bool out, uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++) {
		for (unsigned int k = 0; k < 4; k++)
			if (out == (k < 3))
				swap_out(s);
			else
				swap_in(s);
		guest_step(s->guest);
	}
}

void load_swap(struct guest *g, struct reclaim_cell *cell, double share)
{
	const uint64_t most = g->pages / TABLE_ENTRIES * SWAP_MOST;
	/* Two fewer, or more, in each round. */
	const uint64_t rounds = most * 11 / 12 / 2;
	unsigned int waves = (unsigned int)(SWAP_WAVES * share + 0.9);
	struct swap s = {
		.guest = g,
		.first = bench_new(most + 4, sizeof(*s.first), "clusters"),
		.pages = bench_new(most + 4, sizeof(*s.pages), "clusters"),
	};

	while (s.resident < most)
		swap_in(&s);
	for (unsigned int i = 0; i < waves + 1; i++) {
		if (i == 1)
			guest_measure(g, cell, 2 * waves * rounds);
		swap_way(&s, true, rounds);
		swap_way(&s, false, rounds);
	}
	free(s.first);
	free(s.pages);
}

/* Free page reporting: a random 2-MiB run is given up, and needed at once. */
#define REPORT_RUNS 12000

static void report(struct guest *g, struct reclaim_cell *cell, double share, bool strict)
{
	uint64_t runs = (uint64_t)(REPORT_RUNS * share + 1);

	guest_map(g, 0, g->pages);
	for (uint64_t i = 0; i < runs + runs / 4; i++) {
		uint64_t first = guest_random(g, g->pages / TABLE_ENTRIES) * TABLE_ENTRIES;

		if (i == runs / 4)
			guest_measure(g, cell, runs);
		guest_unmap(g, first, TABLE_ENTRIES, strict);
		guest_map(g, first, TABLE_ENTRIES);
		guest_step(g);
	}
}

void load_report(struct guest *g, struct reclaim_cell *cell, double share)
{
	report(g, cell, share, false);
}

void load_report_entries(struct guest *g, struct reclaim_cell *cell, double share)
{
	report(g, cell, share, true);
}
