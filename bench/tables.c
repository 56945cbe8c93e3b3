/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "figure.h"
#include "floor.h"

#define SEED 0x9e3779b97f4a7c15u

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

void tables_build_as(struct tables *tables, uint64_t entries, uint32_t flags)
{
	const struct ptw_map map = {
		.size = sizeof(map),
		.prot = PTW_PROT_READ | PTW_PROT_WRITE,
		.memtype = PTW_MEM_NORMAL,
		.page_levels = 1,
	};
	struct ptw_config config;
	struct ptw_regs regs;
	int error;

	*tables = (struct tables){.entries = entries, .random = SEED};
	error = ptw_preset("ept4", &config);
	config.flags = flags;
	if (!error)
		error = ptw_pgtable_create(&config, &tables->pgtable);
	if (!error)
		error = ptw_map(tables->pgtable, 0, entries << PAGE_LG2, 0, &map, NULL);
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
static void plant_all(struct tables *tables, uint64_t *planted)
{
	memset(planted, 0xff, tables->entries / 8);
	for (uint64_t p = 0; p < tables->entries; p++) {
		uint64_t *entry = &tables->table[p / TABLE_ENTRIES][p % TABLE_ENTRIES];

		__atomic_store_n(entry, __atomic_load_n(entry, __ATOMIC_RELAXED) | EPT_ACCESSED,
				 __ATOMIC_RELAXED);
	}
}

void tables_plant(struct tables *tables, double percent, uint64_t *planted)
{
	double scale = 1 / log1p(-percent / 100);
	double page = -1;
	volatile uint64_t sink;

	memset(planted, 0, tables->entries / 8);
	while (percent < 100) {
		/* Pages between two young ones: geometrically distributed; u in (0, 1]. */
		double u = (double)((tables_random(tables) >> 11) + 1) * 0x1p-53;
		uint64_t p;

		page += 1 + floor(log(u) * scale);
		if (page >= (double)tables->entries)
			break;
		p = (uint64_t)page;
		__atomic_fetch_or(&tables->table[p / TABLE_ENTRIES][p % TABLE_ENTRIES],
				  EPT_ACCESSED, __ATOMIC_RELAXED);
		planted[p / 64] |= (uint64_t)1 << p % 64;
	}
	if (percent >= 100)
		plant_all(tables, planted);
	sink = floor_sum(tables->table, tables->count);
	(void)sink;
}
