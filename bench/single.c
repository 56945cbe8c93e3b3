/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Is this page young? ptw_test_young() on random pages against a walk from root to leaf written by
 * hand for EPT, one read-side section for each call in both.
 */
#include <stdio.h>
#include <stdlib.h>

#include <ptw/port.h>
#include <ptw/ptw.h>

#include "figure.h"
#include "measure.h"
#include "speed.h"
#include "tables.h"

#define YOUNG_PERCENT 10.0
#define GOAL	      1.5
#define BLOCK_CALLS   ((uint64_t)1024)
/* Enough for a pass not to find in the cache what the pass before brought there. */
#define CALLS_MIN ((uint64_t)1 << 17)
#define CALLS_MAX ((uint64_t)1 << 20)
/* One table of leaves, without a goal: nothing but the instructions is left to measure. */
#define HOT_PAGES TABLE_ENTRIES

struct single {
	struct tables tables;
	uint64_t *planted;
	uint64_t *ia;
	uint64_t young_by_hand;
	uint64_t young_by_library;
};

/* 1 young, 0 old, -1 not mapped. */
__attribute__((noinline, aligned(64))) static int test_by_hand(const uint64_t *root, uint64_t ia)
{
	const uint64_t *table = root;
	int young = -1;

	ptw_port_read_lock();
	for (int level = ROOT_LEVEL; level >= 0; level--) {
		unsigned int shift = PAGE_LG2 + INDEX_LG2 * (unsigned int)level;
		uint64_t e = __atomic_load_n(&table[ia >> shift & (TABLE_ENTRIES - 1)],
					     __ATOMIC_ACQUIRE);

		if (!(e & EPT_PRESENT))
			break;
		if (!level || (e & EPT_LEAF)) {
			young = !!(e & EPT_ACCESSED);
			break;
		}
		table = (const uint64_t *)(uintptr_t)(e & EPT_ADDRESS);
	}
	ptw_port_read_unlock();
	return young;
}

static void single_prepare(void *context)
{
	struct single *s = context;

	s->young_by_hand = s->young_by_library = 0;
}

static void single_verify(void *context)
{
	const struct single *s = context;

	if (s->young_by_hand != s->young_by_library)
		bench_die(EXIT_WRONG,
			  "wrong single-page tests: %llu were young by hand, %llu by the library",
			  (unsigned long long)s->young_by_hand,
			  (unsigned long long)s->young_by_library);
}

static void hand_block(void *context, uint64_t block)
{
	struct single *s = context;
	const uint64_t *ia = s->ia + block * BLOCK_CALLS;
	uint64_t young = 0;

	for (uint64_t i = 0; i < BLOCK_CALLS; i++)
		young += (uint64_t)test_by_hand(s->tables.root, ia[i]);
	s->young_by_hand += young;
}

static void library_block(void *context, uint64_t block)
{
	struct single *s = context;
	const uint64_t *ia = s->ia + block * BLOCK_CALLS;
	uint64_t young = 0;

	for (uint64_t i = 0; i < BLOCK_CALLS; i++)
		young += (uint64_t)ptw_test_young(s->tables.pgtable, ia[i]);
	s->young_by_library += young;
}

/* Random calls on `pages` pages from the first one on. */
static void single_run(struct sink *sink, struct single *s, uint64_t pages, struct measured *m)
{
	uint64_t calls = pages;

	if (calls < CALLS_MIN)
		calls = CALLS_MIN;
	if (calls > CALLS_MAX)
		calls = CALLS_MAX;
	s->ia = bench_new(calls, sizeof(*s->ia), "addresses");
	for (uint64_t i = 0; i < calls; i++)
		s->ia[i] = tables_random(&s->tables) % pages << PAGE_LG2;
	measure_run(
		&(const struct measure){
			.context = s,
			.blocks = calls / BLOCK_CALLS,
			.work = BLOCK_CALLS,
			.want = sink->quick ? KEPT_MIN : 2000,
			.prepare = single_prepare,
			.verify = single_verify,
			.sides = 2,
			.side = {hand_block, library_block},
		},
		m);
	free(s->ia);
}

void single_measure(struct sink *sink, uint64_t entries)
{
	struct single s = {0};
	struct figure figure;
	struct measured all, hot;

	tables_build(&s.tables, entries);
	s.planted = bench_new(entries / 64, sizeof(uint64_t), "bitmaps");
	tables_plant(&s.tables, YOUNG_PERCENT, s.planted);
	single_run(sink, &s, entries, &all);
	single_run(sink, &s, HOT_PAGES, &hot);
	speed_figure(&figure, &all, all.ns[1], all.ns[0], GOAL);
	snprintf(figure.id, sizeof(figure.id), "single-%llum", (unsigned long long)entries >> 20);
	snprintf(figure.detail, sizeof(figure.detail),
		 "ptw_test_young %.1f ns, walk by hand %.1f ns a call; block %.0f us; on %u hot "
		 "pages %.1f and %.1f ns, %.2fx",
		 all.ns[1], all.ns[0], all.longest_us, HOT_PAGES, hot.ns[1], hot.ns[0],
		 hot.ns[1] / hot.ns[0]);
	sink_figure(sink, &figure);
	free(s.planted);
	tables_free(&s.tables);
}
