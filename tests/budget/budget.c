/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What harvests cost, in instructions. Runs under callgrind with
 *
 *   --collect-atstart=no --combine-dumps=yes
 *
 * which counts only what stands between count_begin() and count_end(), and dumps it under a name
 * and the number of units (entries, pages, tables) that were done. Each case is done with two
 * sizes: budget.py takes the difference, so that what a call costs once falls out. Every answer is
 * compared with what was made young, so that nobody stays in his budget by doing nothing.
 *
 * Standard output: "absent CASE" for what this processor has not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/callgrind.h>

#include <ptw/ptw.h>

#include "lib/walk/scan.h"

#define TABLE	 512u
#define TABLES	 256u
#define PAGES	 (TABLES * TABLE)
#define PAGE_LG2 12
#define ROOT	 3
/* Pruning looks at all entries of a table of level 1 together: it needs several of them. */
#define PRUNED	 2048u

/* What EPT entries look like, from the manual (Intel SDM vol. 3C, "EPT Translation Mechanism"). */
#define EPT_PRESENT  7u
#define EPT_ACCESSED ((uint64_t)1 << 8)
#define EPT_ADDRESS  ((((uint64_t)1 << 52) - 1) & ~(uint64_t)0xfff)

struct bed {
	struct ptw_pgtable *pgtable;
	uint64_t *table[PRUNED]; /* leaf tables in the order of their input addresses */
	unsigned int count;
	uint64_t *above[PRUNED / TABLE + 1]; /* entries of levels 2 and 3 */
	unsigned int count_above;
};

static uint64_t planted[PAGES / 64], found[PRUNED * TABLE / 64];
static uint64_t touched[PRUNED / 64];

static void die(const char *what, const char *which)
{
	fprintf(stderr, "budget: %s: %s\n", which, what);
	exit(1);
}

static void must(int ret, const char *which)
{
	if (ret != PTW_OK)
		die(ptw_strerror(ret), which);
}

static void collect(struct bed *bed, uint64_t *table, unsigned int level)
{
	if (!level) {
		bed->table[bed->count++] = table;
		return;
	}
	for (unsigned int i = 0; i < TABLE; i++)
		if (table[i] & EPT_PRESENT) {
			if (level > 1)
				bed->above[bed->count_above++] = &table[i];
			collect(bed, (uint64_t *)(uintptr_t)(table[i] & EPT_ADDRESS), level - 1);
		}
}

static void bed_open(struct bed *bed, uint32_t kernel, uint32_t flags, unsigned int tables)
{
	const struct ptw_map map = {
		.size = sizeof(map),
		.prot = PTW_PROT_READ | PTW_PROT_WRITE,
		.memtype = PTW_MEM_NORMAL,
		.page_levels = 1,
	};
	struct ptw_config config;
	struct ptw_regs regs;

	*bed = (struct bed){ 0 };
	must(ptw_preset("ept4", &config), "preset");
	config.kernel = kernel;
	config.flags = flags;
	must(ptw_pgtable_create(&config, &bed->pgtable), "create");
	must(ptw_map(bed->pgtable, 0, (uint64_t)tables * TABLE << PAGE_LG2, 0, &map, NULL),
	     "map");
	must(ptw_pgtable_regs(bed->pgtable, &regs), "regs");
	collect(bed, (uint64_t *)(uintptr_t)(regs.root & EPT_ADDRESS), ROOT);
	if (bed->count != tables)
		die("not as many tables as were mapped", "map");
}

static void bed_close(struct bed *bed)
{
	must(ptw_pgtable_destroy(bed->pgtable), "destroy");
}

/* Spread evenly, but without a period that the tables share. */
static int is_planted(uint64_t page, unsigned int percent)
{
	return (page * 0x9e3779b97f4a7c15u >> 32) % 100 < percent;
}

static void plant(struct bed *bed, unsigned int percent)
{
	memset(planted, 0, sizeof(planted));
	memset(found, 0, sizeof(found));
	for (uint64_t page = 0; page < PAGES; page++) {
		uint64_t *slot = &bed->table[page / TABLE][page % TABLE];

		*slot &= ~EPT_ACCESSED;
		if (!is_planted(page, percent))
			continue;
		*slot |= EPT_ACCESSED;
		planted[page / 64] |= (uint64_t)1 << page % 64;
	}
}

static void compare(uint64_t pages, const char *name)
{
	if (memcmp(planted, found, pages / 8))
		die("found is not planted", name);
}

static void count_begin(void)
{
	CALLGRIND_ZERO_STATS;
	CALLGRIND_TOGGLE_COLLECT;
}

static void count_end(const char *name, uint64_t units)
{
	char text[96];

	CALLGRIND_TOGGLE_COLLECT;
	snprintf(text, sizeof(text), "%s %llu", name, (unsigned long long)units);
	CALLGRIND_DUMP_STATS_AT(text);
}

static void harvest(struct bed *bed, uint64_t start, uint64_t end, uint64_t *young,
		    struct ptw_prune *prune)
{
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = PTW_HARVEST_ACCESSED,
		.young = young,
		.prune = prune,
	};

	must(ptw_harvest(bed->pgtable, start << PAGE_LG2, end << PAGE_LG2, &harvest, NULL),
	     "harvest");
}

/* The scan alone, a table at a time. */
static void scan_case(struct bed *bed, uint32_t kernel, unsigned int percent)
{
	char name[64];
	uint64_t seen;

	snprintf(name, sizeof(name), "scan-%s-%u", ptw_kernel_name(kernel), percent);
	for (unsigned int tables = TABLES / 2; tables <= TABLES; tables *= 2) {
		plant(bed, percent);
		seen = 0;
		count_begin();
		for (unsigned int t = 0; t < tables; t++)
			seen |= ptw_scan(kernel, bed->table[t], TABLE / 64, EPT_ACCESSED,
					 &found[t * (TABLE / 64)],
					 bed->table[t + 1 < tables ? t + 1 : t]);
		count_end(name, (uint64_t)tables * TABLE);
		compare((uint64_t)tables * TABLE, name);
		if (!(seen & EPT_ACCESSED) != !percent)
			die("the OR of all entries is wrong", name);
	}
}

/* A range from its first to its last page in one call. */
static void harvest_case(struct bed *bed, const char *kernel, unsigned int percent)
{
	char name[64];

	snprintf(name, sizeof(name), "harvest-%s-%u", kernel, percent);
	for (uint64_t pages = PAGES / 2; pages <= PAGES; pages *= 2) {
		plant(bed, percent);
		count_begin();
		harvest(bed, 0, pages, found, NULL);
		count_end(name, pages);
		compare(pages, name);
	}
}

/* The same by calls of 64 pages each. */
static void calls_case(struct bed *bed, const char *kernel, unsigned int percent)
{
	char name[64];

	snprintf(name, sizeof(name), "calls64-%s-%u", kernel, percent);
	for (uint64_t pages = PAGES / 2; pages <= PAGES; pages *= 2) {
		plant(bed, percent);
		count_begin();
		for (uint64_t page = 0; page < pages; page += 64)
			harvest(bed, page, page + 64, &found[page / 64], NULL);
		count_end(name, pages);
		compare(pages, name);
	}
}

static void kernel_cases(uint32_t kernel)
{
	const char *name = ptw_kernel_name(kernel);
	struct bed bed;

	if (!ptw_kernel_available(kernel)) {
		printf("absent %s\n", name);
		return;
	}
	bed_open(&bed, kernel, 0, TABLES);
	/* What only a first call does. */
	harvest(&bed, 0, PAGES, found, NULL);
	scan_case(&bed, kernel, 0);
	scan_case(&bed, kernel, 1);
	harvest_case(&bed, name, 0);
	harvest_case(&bed, name, 1);
	harvest_case(&bed, name, 100);
	calls_case(&bed, name, 0);
	bed_close(&bed);
}

static void pairs_case(void)
{
	struct bed bed;

	if (!ptw_clear_available(PTW_CLEAR_PAIRS)) {
		printf("absent pairs\n");
		return;
	}
	bed_open(&bed, PTW_KERNEL_SSE2, PTW_CONFIG_PAIRS, TABLES);
	harvest_case(&bed, "pairs", 100);
	bed_close(&bed);
}

/* Page by page, which no kernel has a part in. */
static void page_cases(struct bed *bed)
{
	for (uint64_t pages = PAGES / 64; pages <= PAGES / 32; pages *= 2) {
		plant(bed, 0);
		count_begin();
		for (uint64_t page = 0; page < pages; page++)
			if (ptw_test_young(bed->pgtable, page << PAGE_LG2))
				found[page / 64] |= (uint64_t)1 << page % 64;
		count_end("test-young-0", pages);
		compare(pages, "test-young");
	}
	for (uint64_t pages = PAGES / 64; pages <= PAGES / 32; pages *= 2) {
		plant(bed, 100);
		count_begin();
		for (uint64_t page = 0; page < pages; page++)
			if (ptw_test_clear_young(bed->pgtable, page << PAGE_LG2))
				found[page / 64] |= (uint64_t)1 << page % 64;
		count_end("test-clear-young-100", pages);
		compare(pages, "test-clear-young");
	}
}

/*
 * No table was gone through: what is left is one entry of level 1 for each. Those above are made
 * young, so that they are looked at.
 */
static void pruned_case(struct bed *bed, const char *name, uint32_t flags)
{
	struct ptw_prune prune = { .size = sizeof(prune), .flags = flags };

	if (flags & PTW_PRUNE_FLUSH) {
		prune.touched = touched;
		prune.touched_words = sizeof(touched) / sizeof(touched[0]);
	}
	/* Takes the accessed bits that new tables have. */
	harvest(bed, 0, PRUNED * TABLE, found, &prune);
	for (unsigned int tables = PRUNED / 2; tables <= PRUNED; tables *= 2) {
		for (unsigned int i = 0; i < bed->count_above; i++)
			*bed->above[i] |= EPT_ACCESSED;
		count_begin();
		harvest(bed, 0, (uint64_t)tables * TABLE, found, &prune);
		count_end(name, tables);
		if (prune.read || prune.skipped != tables)
			die("a table was read through which nobody had gone", name);
	}
}

int main(void)
{
	struct bed bed;

	kernel_cases(PTW_KERNEL_PORTABLE);
	kernel_cases(PTW_KERNEL_SSE2);
	kernel_cases(PTW_KERNEL_AVX2);
	pairs_case();
	bed_open(&bed, PTW_KERNEL_PORTABLE, 0, TABLES);
	harvest(&bed, 0, PAGES, found, NULL);
	page_cases(&bed);
	bed_close(&bed);
	bed_open(&bed, PTW_KERNEL_PORTABLE, 0, PRUNED);
	pruned_case(&bed, "pruned", 0);
	pruned_case(&bed, "pruned-flush", PTW_PRUNE_FLUSH);
	bed_close(&bed);
	return 0;
}
