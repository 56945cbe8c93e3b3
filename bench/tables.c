/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "figure.h"
#include "floor.h"

#define SEED 0x9e3779b97f4a7c15u

uint32_t tables_kernel = PTW_KERNEL_BEST;

const struct ptw_map tables_map = {
	.size = sizeof(tables_map),
	.prot = PTW_PROT_READ | PTW_PROT_WRITE,
	.memtype = PTW_MEM_NORMAL,
	.page_levels = 1,
};

/* splitmix64 */
uint64_t tables_random(struct tables *tables)
{
	uint64_t v = tables->random += 0x9e3779b97f4a7c15u;

	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

static void collect(struct tables *tables, uint64_t *table, unsigned int level)
{
	if (!level) {
		tables->table[tables->count++] = table;
		return;
	}
	for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
		if (table[i] & EPT_PRESENT)
			collect(tables, (uint64_t *)(uintptr_t)(table[i] & EPT_ADDRESS), level - 1);
}

/* Numbers 0 to count - 1 in random order. */
static uint64_t *shuffle(struct tables *tables, uint64_t count)
{
	uint64_t *order = calloc(count, sizeof(*order));

	for (uint64_t i = 0; order && i < count; i++) {
		uint64_t k = tables_random(tables) % (i + 1);

		order[i] = order[k];
		order[k] = i;
	}
	return order;
}

/* Tables are handed out in ascending order, so what is mapped next lies next in memory. */
static int map_tables(struct tables *tables, bool shuffled)
{
	const uint64_t span = (uint64_t)TABLE_ENTRIES << PAGE_LG2;
	const uint64_t count = tables->entries / TABLE_ENTRIES;
	uint64_t *order;
	int error = 0;

	if (!shuffled)
		return ptw_map(tables->pgtable, 0, count * span, 0, &tables_map, NULL);
	order = shuffle(tables, count);
	if (!order)
		return PTW_ERR_NOMEM;
	for (uint64_t i = 0; i < count && !error; i++)
		error = ptw_map(tables->pgtable, order[i] * span, (order[i] + 1) * span,
				order[i] * span, &tables_map, NULL);
	free(order);
	return error;
}

void tables_build_how(struct tables *tables, uint64_t entries, const struct tables_how *how)
{
	struct ptw_config config;
	struct ptw_regs regs;
	int error;

	*tables = (struct tables){.entries = entries, .random = SEED};
	error = ptw_preset("ept4", &config);
	config.flags = how->flags;
	config.kernel = how->kernel ? how->kernel : tables_kernel;
	if (!error)
		error = ptw_pgtable_create(&config, &tables->pgtable);
	if (!error)
		error = map_tables(tables, how->shuffled);
	tables->table = calloc(entries / TABLE_ENTRIES, sizeof(*tables->table));
	if (error || !tables->table)
		bench_die(EXIT_WRONG, "cannot build tables of %llu entries: %s",
			  (unsigned long long)entries,
			  error ? ptw_strerror(error) : "not enough memory");
	ptw_pgtable_regs(tables->pgtable, &regs);
	tables->root = (uint64_t *)(uintptr_t)(regs.root & EPT_ADDRESS);
	collect(tables, tables->root, ROOT_LEVEL);
	if (tables->count != entries / TABLE_ENTRIES)
		bench_die(EXIT_WRONG, "%llu entries were mapped, and %llu leaf tables found",
			  (unsigned long long)entries, (unsigned long long)tables->count);
}

void tables_build_as(struct tables *tables, uint64_t entries, uint32_t flags)
{
	tables_build_how(tables, entries, &(const struct tables_how){.flags = flags});
}

void tables_build(struct tables *tables, uint64_t entries)
{
	tables_build_as(tables, entries, 0);
}

void tables_free(struct tables *tables)
{
	ptw_pgtable_destroy(tables->pgtable);
	free(tables->table);
}

/* By plain stores, since nobody else is there, and a million locked instructions take a while. */
static void plant_all(struct tables *tables, uint64_t first, uint64_t pages, uint64_t *planted)
{
	memset(planted, 0xff, pages / 8);
	for (uint64_t p = first; p < first + pages; p++) {
		uint64_t *entry = tables_entry(tables, p);

		__atomic_store_n(entry, __atomic_load_n(entry, __ATOMIC_RELAXED) | EPT_ACCESSED,
				 __ATOMIC_RELAXED);
	}
}

void tables_plant_some(struct tables *tables, uint64_t first, uint64_t pages, double percent,
		       uint64_t *planted)
{
	double scale = 1 / log1p(-percent / 100);
	double page = -1;

	if (percent >= 100)
		plant_all(tables, first, pages, planted);
	while (percent > 0 && percent < 100) {
		/* Pages between two young ones: geometrically distributed; u in (0, 1]. */
		double u = (double)((tables_random(tables) >> 11) + 1) * 0x1p-53;
		uint64_t p;

		page += 1 + floor(log(u) * scale);
		if (page >= (double)pages)
			break;
		p = (uint64_t)page;
		__atomic_fetch_or(tables_entry(tables, first + p), EPT_ACCESSED, __ATOMIC_RELAXED);
		planted[p / 64] |= (uint64_t)1 << p % 64;
	}
}

void tables_plant(struct tables *tables, double percent, uint64_t *planted)
{
	volatile uint64_t sink;

	memset(planted, 0, tables->entries / 8);
	tables_plant_some(tables, 0, tables->entries, percent, planted);
	sink = floor_sum(tables->table, tables->count);
	(void)sink;
}

void tables_check(const uint64_t *planted, const uint64_t *found, uint64_t first, uint64_t pages,
		  const char *who)
{
	for (uint64_t i = 0; i < pages / 64; i++)
		if (found[i] != planted[i])
			bench_die(EXIT_WRONG,
				  "wrong harvest (%s): of pages %llu on %016llx were young, found "
				  "%016llx",
				  who, (unsigned long long)(first + i * 64),
				  (unsigned long long)planted[i], (unsigned long long)found[i]);
}
