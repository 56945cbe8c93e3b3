/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "regions.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ptw/ptw.h>

#include "figure.h"

#define SEED 0x2545f4914f6cdd1du

/* As the kernel tells the last cache, but between these. */
#define COLD_MIN ((uint64_t)64 << 20)
#define COLD_MAX ((uint64_t)512 << 20)

void regions_cool(void)
{
	static uint64_t *cold;
	static uint64_t words;
	volatile uint64_t sink;
	uint64_t sum = 0;

	if (!cold) {
		long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
		uint64_t bytes = cache > 0 ? 2 * (uint64_t)cache : COLD_MIN;

		bytes = bytes < COLD_MIN ? COLD_MIN : bytes > COLD_MAX ? COLD_MAX : bytes;
		words = bytes / sizeof(*cold);
		cold = malloc(bytes);
		if (!cold)
			bench_die(EXIT_WRONG, "not enough memory to empty the caches with");
		/* Untouched memory is one page of zeros. */
		memset(cold, 1, bytes);
	}
	for (uint64_t i = 0; i < words; i += 8)
		sum += cold[i];
	sink = sum;
	(void)sink;
}

static uint64_t *entry_of(const struct regions *r, uint64_t region, unsigned int level)
{
	uint64_t table = region >> INDEX_LG2 * level;
	uint64_t index = region >> INDEX_LG2 * (level - 1) & (TABLE_ENTRIES - 1);

	return &r->table[level][table][index];
}

/* The tables below those of `level`, in order. */
static void collect(struct regions *r, unsigned int level)
{
	uint64_t below = 0;

	for (uint64_t t = 0; t < r->count[level]; t++)
		for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
			below += !!(r->table[level][t][i] & EPT_PRESENT);
	r->table[level - 1] = bench_new(below, sizeof(*r->table[0]), "a list of tables");
	for (uint64_t t = 0; t < r->count[level]; t++)
		for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
			uint64_t e = r->table[level][t][i];

			if (e & EPT_PRESENT)
				r->table[level - 1][r->count[level - 1]++] =
					(uint64_t *)(uintptr_t)(e & EPT_ADDRESS);
		}
}

void regions_build(struct regions *r, uint64_t entries, const struct regions_how *how)
{
	struct ptw_config config;
	struct ptw_regs regs;
	int error;

	*r = (struct regions){.tables.entries = entries, .tables.random = SEED};
	error = ptw_preset("ept4", &config);
	config.kernel = how->kernel ? how->kernel : tables_kernel;
	config.flags = how->flags;
	config.flush = how->flush;
	config.flush_context = how->flush_context;
	if (!error)
		error = ptw_pgtable_create(&config, &r->tables.pgtable);
	if (!error)
		error = ptw_map(r->tables.pgtable, 0, entries << PAGE_LG2, 0, &tables_map, NULL);
	r->planted = calloc(entries / 64, sizeof(*r->planted));
	r->table[ROOT_LEVEL] = malloc(sizeof(*r->table[0]));
	if (error || !r->planted || !r->table[ROOT_LEVEL])
		bench_die(EXIT_WRONG, "cannot build tables of %llu entries: %s",
			  (unsigned long long)entries,
			  error ? ptw_strerror(error) : "not enough memory");
	ptw_pgtable_regs(r->tables.pgtable, &regs);
	r->tables.root = (uint64_t *)(uintptr_t)(regs.root & EPT_ADDRESS);
	r->table[ROOT_LEVEL][0] = r->tables.root;
	r->count[ROOT_LEVEL] = 1;
	for (unsigned int level = ROOT_LEVEL; level; level--)
		collect(r, level);
	r->tables.table = r->table[0];
	r->tables.count = r->count[0];
	if (r->tables.count != entries / TABLE_ENTRIES)
		bench_die(EXIT_WRONG, "%llu entries were mapped, and %llu leaf tables found",
			  (unsigned long long)entries, (unsigned long long)r->tables.count);
}

void regions_free(struct regions *r)
{
	ptw_pgtable_destroy(r->tables.pgtable);
	for (unsigned int level = 0; level <= ROOT_LEVEL; level++)
		free(r->table[level]);
	free(r->planted);
}

/* By plain stores, here and below: nobody else is there. */
static void forget_paths(struct regions *r)
{
	for (unsigned int level = 1; level <= ROOT_LEVEL; level++)
		for (uint64_t t = 0; t < r->count[level]; t++)
			for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
				r->table[level][t][i] &= ~EPT_ACCESSED;
}

void regions_touch_tables(struct regions *r)
{
	for (unsigned int level = 1; level <= ROOT_LEVEL; level++)
		for (uint64_t t = 0; t < r->count[level]; t++)
			for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
				if (r->table[level][t][i] & EPT_PRESENT)
					r->table[level][t][i] |= EPT_ACCESSED;
}

static void make_young(struct regions *r, uint64_t region, uint64_t i)
{
	uint64_t page = region * TABLE_ENTRIES + i;

	r->tables.table[region][i] |= EPT_ACCESSED;
	r->planted[page / 64] |= (uint64_t)1 << page % 64;
}

/* `share` of 65536: the chance of a page. */
static void touch(struct regions *r, uint64_t region, uint64_t share)
{
	uint64_t found = 0;
	uint64_t random = 0;

	for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
		random = i % 4 ? random >> 16 : tables_random(&r->tables);
		if ((random & 0xffff) >= share)
			continue;
		make_young(r, region, i);
		found++;
	}
	if (!found) {
		make_young(r, region, tables_random(&r->tables) % TABLE_ENTRIES);
		found = 1;
	}
	r->young += found;
	for (unsigned int level = 1; level <= ROOT_LEVEL; level++)
		*entry_of(r, region, level) |= EPT_ACCESSED;
}

void regions_plant(struct regions *r, uint64_t touched, uint64_t among, double young)
{
	const uint64_t share = (uint64_t)(young / 100 * 65536 + 0.5);

	memset(r->planted, 0, r->tables.entries / 8);
	forget_paths(r);
	r->young = r->touched = 0;
	for (uint64_t i = 0; i < among && r->touched < touched; i++) {
		/* Each of the rest is as likely as any other. */
		if (tables_random(&r->tables) % (among - i) >= touched - r->touched)
			continue;
		touch(r, i, share);
		r->touched++;
	}
	regions_cool();
}

void regions_check(const struct regions *r, const uint64_t *found, uint64_t pages, const char *who)
{
	tables_check(r->planted, found, 0, pages, who);
}
