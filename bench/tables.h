/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Page tables to measure on: 4-level EPT, 4-KiB leaves from input address 0 on, made by the library
 * in ascending order, or in random order. What EPT entries look like is written here again, so that
 * the floor and the rivals owe nothing to the library (Intel SDM vol. 3C, "EPT Translation Mechanism").
 */
#ifndef PTW_BENCH_TABLES_H
#define PTW_BENCH_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#define TABLE_ENTRIES 512u
#define PAGE_LG2      12
#define INDEX_LG2     9
#define ROOT_LEVEL    3

#define EPT_PRESENT   7u /* R, W, X: any of them */
#define EPT_LEAF      ((uint64_t)1 << 7)
#define EPT_ACCESSED  ((uint64_t)1 << 8)
#define EPT_ADDRESS   ((((uint64_t)1 << 52) - 1) & ~(uint64_t)0xfff)

struct ptw_map;
struct ptw_pgtable;

/* What all of them map: pages of the smallest size that may be read and written. */
extern const struct ptw_map tables_map;

/* The kernel (enum ptw_kernel) of all page tables for which nothing else is said. */
extern uint32_t tables_kernel;

struct tables {
	struct ptw_pgtable *pgtable;
	uint64_t *root;
	uint64_t entries;
	uint64_t count;	  /* leaf tables */
	uint64_t **table; /* in the order of their input addresses */
	uint64_t random;  /* state of the generator */
};

/* `entries`: a multiple of 512. Fails for want of memory only, with one line. */
void tables_build(struct tables *tables, uint64_t entries);
/* With these flags of a page table (enum ptw_config_flag). */
void tables_build_as(struct tables *tables, uint64_t entries, uint32_t flags);

/* Other kinds; all zero is what tables_build() makes. */
struct tables_how {
	uint32_t flags;	 /* enum ptw_config_flag */
	uint32_t kernel; /* enum ptw_kernel; 0: tables_kernel */
	bool shuffled;	 /* leaf tables lie in memory in random order */
};

void tables_build_how(struct tables *tables, uint64_t entries, const struct tables_how *how);
void tables_free(struct tables *tables);

/*
 * Make `percent` of the pages young at random, and note them in `planted`, a bitmap of all pages,
 * which is cleared first. The others are left as they are. Then reads every entry, so that the
 * planted ones are no warmer in the cache than their neighbours.
 */
void tables_plant(struct tables *tables, double percent, uint64_t *planted);

/*
 * The same for `pages` of them from page `first` on, both multiples of 64; `planted` has their bits
 * alone, and they are added to it. Reads nothing.
 */
void tables_plant_some(struct tables *tables, uint64_t first, uint64_t pages, double percent,
		       uint64_t *planted);

/*
 * What was found of `pages` pages from page `first` on, whose bits alone the bitmaps have, is what was
 * planted, or the program ends; `who` found it.
 */
void tables_check(const uint64_t *planted, const uint64_t *found, uint64_t first, uint64_t pages,
		  const char *who);

/* Entry of a page. */
static inline uint64_t *tables_entry(const struct tables *tables, uint64_t page)
{
	return &tables->table[page / TABLE_ENTRIES][page % TABLE_ENTRIES];
}

uint64_t tables_random(struct tables *tables);

#endif /* PTW_BENCH_TABLES_H */
