/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "reclaim_guest.h"

#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "figure.h"
#include "tables.h"
#include "thread.h"

/* Points of the curve: a check of a million entries takes its time. */
#define CHECK_EVERY 16

static void count_flush(void *context, const struct ptw_range *ranges, unsigned int count,
			enum ptw_flush_kind kind, unsigned int level)
{
	struct guest *g = context;

	(void)ranges;
	(void)count;
	(void)kind;
	(void)level;
	g->flushes++;
}

void guest_open(struct guest *g)
{
	struct ptw_config config;
	struct ptw_regs regs;
	int error = ptw_preset("ept4", &config);

	config.reclaim_delay = g->policy->delay;
	config.flush = count_flush;
	config.flush_context = g;
	if (!error)
		error = ptw_pgtable_create(&config, &g->pgtable);
	if (error)
		bench_die(EXIT_WRONG, "cannot make a page table: %s", ptw_strerror(error));
	ptw_pgtable_regs(g->pgtable, &regs);
	g->root = (uint64_t *)(uintptr_t)(regs.root & EPT_ADDRESS);
	g->state = bench_new(g->pages, 1, "a guest");
	g->found = bench_new(g->pages / 64, sizeof(uint64_t), "a guest");
	g->want = bench_new(g->pages / 64, sizeof(uint64_t), "a guest");
}

/* xorshift64 */
uint64_t guest_random(struct guest *g, uint64_t below)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return g->random % below;
}

/* A call of so many pages took so long. */
static void add(struct guest *g, enum reclaim_call call, uint64_t pages, uint64_t ns, bool kept)
{
	struct reclaim_cost *cost;
	double left = (double)ns - g->clock_ns;

	if (!g->cell)
		return;
	cost = &g->cell->cost[call];
	cost->calls++;
	cost->pages += pages;
	if (!kept)
		return;
	ns = left > 0 ? (uint64_t)(left + 0.5) : 0;
	histogram_add(&cost->kept, ns);
	g->sum[call].calls++;
	g->kept_pages[call] += pages;
	g->ns[call] += ns;
}

static void same(const char *what, uint64_t found, uint64_t want)
{
	if (found != want)
		bench_die(EXIT_WRONG, "wrong %s: %llu, and not %llu", what,
			  (unsigned long long)found, (unsigned long long)want);
}

static void done(const char *what, int error)
{
	if (error)
		bench_die(EXIT_WRONG, "%s failed: %s", what, ptw_strerror(error));
}

static void harvest(struct guest *g)
{
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = g->found,
	};
	struct ptw_harvest_result result = {.size = sizeof(result)};
	uint64_t start, ns;
	long before;
	int error;

	memset(g->found, 0, g->pages / 8);
	memset(g->want, 0, g->pages / 8);
	for (uint64_t page = 0; page < g->pages; page++) {
		if (!(g->state[page] & GUEST_YOUNG))
			continue;
		g->want[page / 64] |= (uint64_t)1 << page % 64;
		g->state[page] &= (uint8_t)~GUEST_YOUNG;
	}
	before = preemptions();
	start = now_ns();
	error = ptw_harvest(g->pgtable, 0, g->pages << PAGE_LG2, &request, &result);
	ns = now_ns() - start;
	add(g, RECLAIM_HARVEST, g->pages, ns, preemptions() == before);
	done("harvest", error);
	if (memcmp(g->found, g->want, g->pages / 8) != 0)
		bench_die(EXIT_WRONG, "wrong harvest: not the pages that were made young");
	g->told += result.young_pages;
}

static void scan(struct guest *g)
{
	struct ptw_change_result result = {.size = sizeof(result)};
	uint64_t start, ns;
	long before = preemptions();
	int error;

	start = now_ns();
	error = ptw_reclaim(g->pgtable, 0, 0, &result);
	ns = now_ns() - start;
	add(g, RECLAIM_SCAN, 0, ns, preemptions() == before);
	done("reclaim", error);
	g->tables -= result.tables;
}

static void after_call(struct guest *g)
{
	g->calls++;
	if (!g->policy->scan_every || g->calls % g->policy->scan_every)
		return;
	if (g->policy->harvest)
		harvest(g);
	scan(g);
}

void guest_unmap(struct guest *g, uint64_t first, uint64_t pages, bool strict)
{
	const struct ptw_unmap unmap = {
		.size = sizeof(unmap),
		.flags = strict ? PTW_UNMAP_STRICT : 0,
	};
	struct ptw_change_result result = {.size = sizeof(result)};
	uint64_t mapped = 0, young = 0, start, ns;
	long before = preemptions();
	int error;

	start = now_ns();
	error = ptw_unmap(g->pgtable, first << PAGE_LG2, (first + pages) << PAGE_LG2, &unmap,
			  &result);
	ns = now_ns() - start;
	add(g, RECLAIM_UNMAP, pages, ns, preemptions() == before);
	done("unmap", error);
	for (uint64_t page = first; page < first + pages; page++) {
		mapped += g->state[page] & GUEST_MAPPED;
		young += !!(g->state[page] & GUEST_YOUNG);
	}
	memset(g->state + first, 0, pages);
	same("number of pages unmapped", result.leaves, mapped);
	same("number of holes", result.holes, pages - mapped);
	same("number of young pages unmapped", result.young_pages, young);
	g->mapped -= mapped;
	g->told += young;
	g->tables -= result.tables;
	after_call(g);
}

/* The guest reads a page: by hand, as a processor does. */
static void make_young(struct guest *g, uint64_t page)
{
	uint64_t *table = g->root;
	uint64_t *entry = NULL;

	for (int level = ROOT_LEVEL; level >= 0; level--) {
		entry = &table[page >> INDEX_LG2 * level & (TABLE_ENTRIES - 1)];
		if (!(__atomic_load_n(entry, __ATOMIC_ACQUIRE) & EPT_PRESENT))
			bench_die(EXIT_WRONG, "page %llu was mapped, and is not",
				  (unsigned long long)page);
		table = (uint64_t *)(uintptr_t)(*entry & EPT_ADDRESS);
	}
	g->made += !(__atomic_fetch_or(entry, EPT_ACCESSED, __ATOMIC_RELAXED) & EPT_ACCESSED);
	g->state[page] |= GUEST_YOUNG;
}

void guest_map(struct guest *g, uint64_t first, uint64_t pages)
{
	struct ptw_change_result result = {.size = sizeof(result)};
	uint64_t start, ns;
	long before = preemptions();
	int error;

	start = now_ns();
	error = ptw_map(g->pgtable, first << PAGE_LG2, (first + pages) << PAGE_LG2,
			first << PAGE_LG2, &tables_map, &result);
	ns = now_ns() - start;
	add(g, RECLAIM_MAP, pages, ns, preemptions() == before);
	done("map", error);
	same("number of pages mapped", result.leaves, pages);
	memset(g->state + first, GUEST_MAPPED, pages);
	g->mapped += pages;
	g->tables += result.tables;
	g->built += result.tables;
	if (guest_random(g, 4) == 0)
		make_young(g, first + guest_random(g, pages));
	after_call(g);
}

static struct reclaim_point look(struct guest *g)
{
	struct ptw_info info = {.size = sizeof(info)};

	ptw_pgtable_info(g->pgtable, &info);
	same("number of tables", info.tables, g->tables);
	return (struct reclaim_point){
		.tables = info.tables,
		.empty = info.tables_empty,
		.reclaimed = info.tables_reclaimed,
		.revived = info.tables_revived,
		.retired = info.tables_retired,
		.bytes = info.bytes,
	};
}

static void check(struct guest *g)
{
	struct ptw_check_result result = {.size = sizeof(result)};

	done("check", ptw_check(g->pgtable, PTW_CHECK_COUNTS, &result));
	same("number of leaves", result.leaves, g->mapped);
}

void guest_measure(struct guest *g, struct reclaim_cell *cell, uint64_t steps)
{
	g->cell = cell;
	g->begun = look(g);
	g->flushes = g->built = 0;
	g->steps = steps;
}

void guest_step(struct guest *g)
{
	struct reclaim_cell *cell = g->cell;
	struct reclaim_point point;
	uint64_t n;

	if (!cell)
		return;
	/* The n-th point is where n / RECLAIM_POINTS of the way is first passed. */
	n = ++g->step * RECLAIM_POINTS / g->steps;
	if (n == (g->step - 1) * RECLAIM_POINTS / g->steps)
		return;
	if (n % CHECK_EVERY == 0)
		check(g);
	point = look(g);
	point.reclaimed -= g->begun.reclaimed;
	point.revived -= g->begun.revived;
	if (cell->retired_most < point.retired)
		cell->retired_most = point.retired;
	if (g->round)
		return;
	cell->point[cell->points++] = point;
	cell->tables_mean += (double)point.tables / RECLAIM_POINTS;
	if (cell->tables_most < point.tables)
		cell->tables_most = point.tables;
}

/* One thread does the same in each round: so must the page table. */
static void same_each_round(const struct guest *g, const char *what, uint64_t *value, uint64_t now)
{
	if (!g->round)
		*value = now;
	same(what, now, *value);
}

void guest_close(struct guest *g)
{
	struct reclaim_cell *cell = g->cell;
	struct reclaim_point end = look(g);

	check(g);
	same_each_round(g, "number of reclaimed tables, other than in the first round",
			&cell->reclaimed, end.reclaimed - g->begun.reclaimed);
	same_each_round(g, "number of revived tables, other than in the first round",
			&cell->revived, end.revived - g->begun.revived);
	same_each_round(g, "number of tables built, other than in the first round", &cell->built,
			g->built);
	same_each_round(g, "number of flushes, other than in the first round", &cell->flushes,
			g->flushes);
	for (unsigned int i = 0; i < RECLAIM_CALLS; i++) {
		if (g->sum[i].calls)
			cell->cost[i].ns[g->round] = (double)g->ns[i] / (double)g->sum[i].calls;
		if (g->kept_pages[i])
			cell->cost[i].page[g->round] = (double)g->ns[i] / (double)g->kept_pages[i];
	}
	/* Not measured: what is left young is found, and everything goes. */
	g->cell = NULL;
	harvest(g);
	guest_unmap(g, 0, g->pages, false);
	scan(g);
	look(g);
	check(g);
	same("number of young pages reported", g->told, g->made);
	same("number of tables of an empty page table", g->tables, 0);
	cell->young += g->made;
	ptw_pgtable_destroy(g->pgtable);
	free(g->state);
	free(g->found);
	free(g->want);
}
