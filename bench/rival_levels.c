/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "rival.h"

#include <ptw/port.h>

struct levels_walk;

typedef int (*levels_fn)(uint64_t *entry, uint64_t ia, uint64_t next, struct levels_walk *walk);

/* What the caller wants to see; null: nothing of that level. */
struct levels_ops {
	levels_fn entry[ROOT_LEVEL + 1];
	levels_fn hole;
};

struct levels_walk {
	const struct levels_ops *ops;
	uint64_t start;
	uint64_t *young;
};

typedef int (*range_fn)(uint64_t *table, uint64_t ia, uint64_t end, struct levels_walk *walk);

static inline uint64_t span_end(uint64_t ia, uint64_t end, unsigned int level)
{
	uint64_t span = (uint64_t)1 << rival_shift(level);
	uint64_t next = (ia + span) & ~(span - 1);

	return next < end ? next : end;
}

/*
 * The entries of one table of `level`, above 0. The compiler makes a function for each level of it,
 * since level and `below` are constants where it is called.
 */
static inline __attribute__((always_inline)) int walk_range(uint64_t *table, uint64_t ia,
							    uint64_t end,
							    struct levels_walk *walk,
							    unsigned int level, range_fn below)
{
	const struct levels_ops *ops = walk->ops;
	uint64_t *entry = &table[rival_index(ia, level)];
	uint64_t next;
	int error = 0;

	for (; ia < end && !error; ia = next, entry++) {
		uint64_t e = rival_load(entry);

		next = span_end(ia, end, level);
		if (!rival_is_present(e)) {
			if (ops->hole)
				error = ops->hole(entry, ia, next, walk);
			continue;
		}
		if (ops->entry[level])
			error = ops->entry[level](entry, ia, next, walk);
		if (error)
			break;
		/* It may be another one by now. */
		e = rival_load(entry);
		if (rival_is_table(e, level))
			error = below(rival_child(e), ia, next, walk);
	}
	return error;
}

__attribute__((aligned(64))) static int walk_pte_range(uint64_t *table, uint64_t ia, uint64_t end,
						       struct levels_walk *walk)
{
	const levels_fn entry = walk->ops->entry[0];
	uint64_t *pte = &table[rival_index(ia, 0)];
	int error = 0;

	for (; ia < end && !error; ia += (uint64_t)1 << PAGE_LG2, pte++)
		error = entry(pte, ia, ia + ((uint64_t)1 << PAGE_LG2), walk);
	return error;
}

__attribute__((noinline)) static int walk_pmd_range(uint64_t *table, uint64_t ia, uint64_t end,
						    struct levels_walk *walk)
{
	return walk_range(table, ia, end, walk, 1, walk_pte_range);
}

__attribute__((noinline)) static int walk_pud_range(uint64_t *table, uint64_t ia, uint64_t end,
						    struct levels_walk *walk)
{
	return walk_range(table, ia, end, walk, 2, walk_pmd_range);
}

__attribute__((noinline)) static int walk_pgd_range(uint64_t *table, uint64_t ia, uint64_t end,
						    struct levels_walk *walk)
{
	return walk_range(table, ia, end, walk, 3, walk_pud_range);
}

__attribute__((aligned(64))) static int age_pte(uint64_t *entry, uint64_t ia, uint64_t next,
						struct levels_walk *walk)
{
	uint64_t e = rival_load(entry);

	(void)next;
	if (!rival_is_present(e) || !(e & EPT_ACCESSED))
		return 0;
	/* Relaxed: only the bit itself counts. */
	if (__atomic_fetch_and(entry, ~EPT_ACCESSED, __ATOMIC_RELAXED) & EPT_ACCESSED)
		rival_mark(walk->young, walk->start, ia);
	return 0;
}

void rival_levels(uint64_t *root, uint64_t start, uint64_t end, uint64_t *young)
{
	/* Walk and function are in one file here: keep the compiler from joining them. */
	static const struct levels_ops ops = {.entry = {age_pte}};
	static const struct levels_ops *volatile wanted = &ops;
	struct levels_walk walk = {.ops = wanted, .start = start, .young = young};

	ptw_port_read_lock();
	walk_pgd_range(root, start, end, &walk);
	ptw_port_read_unlock();
}
