/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Rivals: other ways to test and clear the accessed bits of a range, in the manner of walkers that
 * kernels use. Each is written here for the tables of tables.h, with nothing of the library but its
 * read-side sections, and gives the same bitmap.
 *
 * They are meant to be as fast as what they are named for can be: what makes them slow has to be
 * their shape. Hence small structures, no checks that a rival of that kind would not make, and
 * nothing written to entries that are not young.
 */
#ifndef PTW_BENCH_RIVAL_H
#define PTW_BENCH_RIVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "tables.h"

/*
 * Pages [start, end), in bytes, of the page table with this root: clear the young ones and set
 * their bits in `young`, whose bit 0 is page `start`, a multiple of 64 pages.
 */
typedef void (*rival_fn)(uint64_t *root, uint64_t start, uint64_t end, uint64_t *young);

/*
 * A recursive walk that fills in a context for each entry and calls a visitor through a pointer,
 * which clears by compare-exchange: KVM's stage-2 walks on arm64, while they share the page table.
 */
void rival_callback(uint64_t *root, uint64_t start, uint64_t end, uint64_t *young);

/*
 * An iterator that holds its place, steps down, sideways and up, and reads an entry again before it
 * steps down; clears by fetch-and: KVM's TDP MMU on x86.
 */
void rival_iterator(uint64_t *root, uint64_t start, uint64_t end, uint64_t *young);

/*
 * A function for each level, and the caller's functions for entries of each level through pointers:
 * Linux's mm/pagewalk.c.
 */
void rival_levels(uint64_t *root, uint64_t start, uint64_t end, uint64_t *young);

/* Page by page from the root, each in a read-side section of its own. */
void rival_page(uint64_t *root, uint64_t start, uint64_t end, uint64_t *young);

/* All of them, by name; ended by a null name. */
struct rival {
	const char *name;
	rival_fn harvest;
};

extern const struct rival rivals[];

/* What they have in common: how entries of tables.h are read. */

static inline uint64_t rival_load(const uint64_t *entry)
{
	/* Acquire, since it may lead to a table; on x86 it is a plain load. */
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

static inline bool rival_is_present(uint64_t e)
{
	return e & EPT_PRESENT;
}

static inline bool rival_is_leaf(uint64_t e, unsigned int level)
{
	return !level || (e & EPT_LEAF);
}

static inline bool rival_is_table(uint64_t e, unsigned int level)
{
	return rival_is_present(e) && !rival_is_leaf(e, level);
}

static inline uint64_t *rival_child(uint64_t e)
{
	return (uint64_t *)(uintptr_t)(e & EPT_ADDRESS);
}

static inline unsigned int rival_shift(unsigned int level)
{
	return PAGE_LG2 + INDEX_LG2 * level;
}

static inline unsigned int rival_index(uint64_t ia, unsigned int level)
{
	return (unsigned int)(ia >> rival_shift(level)) & (TABLE_ENTRIES - 1);
}

static inline void rival_mark(uint64_t *young, uint64_t start, uint64_t ia)
{
	uint64_t page = (ia - start) >> PAGE_LG2;

	young[page / 64] |= (uint64_t)1 << page % 64;
}

#endif /* PTW_BENCH_RIVAL_H */
