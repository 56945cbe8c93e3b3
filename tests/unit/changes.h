/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Changes whose outcome is known, and what the leaves of a range say all together. */
#ifndef PTW_TESTS_CHANGES_H
#define PTW_TESTS_CHANGES_H

#include "tests/unit/pgtable_machine.h"

/* No change of size, and no reclaim, reports accessed or dirty state. */
static inline void assert_nothing_reported(const struct ptw_change_result *result)
{
	cr_assert_eq(result->young_extents | result->young_pages, 0u);
	cr_assert_eq(result->dirty_extents | result->dirty_pages, 0u);
	cr_assert_eq(result->holes, 0u);
}

static inline struct ptw_change_result split_result(struct machine *m, uint64_t start, uint64_t end,
						    unsigned int level, int expected)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	int ret = ptw_split(m->pgtable, start, end, level, &result);

	cr_assert_eq(ret, expected, "split: %s", ptw_strerror(ret));
	assert_nothing_reported(&result);
	if (!ret)
		cr_assert_eq(result.reached, end);
	return result;
}

static inline struct ptw_change_result collapse_result(struct machine *m, uint64_t start,
						       uint64_t end, unsigned int level,
						       int expected)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	int ret = ptw_collapse(m->pgtable, start, end, level, &result);

	cr_assert_eq(ret, expected, "collapse: %s", ptw_strerror(ret));
	assert_nothing_reported(&result);
	if (!ret)
		cr_assert_eq(result.reached, end);
	return result;
}

static inline struct ptw_change_result reclaim_result(struct machine *m, uint64_t start,
						      uint64_t end, int expected)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	int ret = ptw_reclaim(m->pgtable, start, end, &result);

	cr_assert_eq(ret, expected, "reclaim: %s", ptw_strerror(ret));
	assert_nothing_reported(&result);
	cr_assert_eq(result.leaves, 0u);
	return result;
}

/* All leaves of a range. */
struct seen {
	uint64_t delta; /* by which output addresses are ahead of input addresses */
	uint64_t bytes;
	uint64_t astray; /* leaves with another output address */
	uint64_t leaves[PTW_MAX_LEVELS];
	uint64_t young, dirty; /* leaves */
	uint32_t prot_all, prot_any;
	uint32_t memtype_any;
	uint32_t flags_all, flags_any; /* but for young and dirty */
};

static inline int seen_visit(void *context, const struct ptw_visit *visit)
{
	const uint32_t state = PTW_LEAF_YOUNG | PTW_LEAF_DIRTY;
	struct seen *seen = context;
	struct ptw_leaf leaf;

	for (unsigned int i = 0; i < visit->count; i++) {
		if (ptw_visit_leaf(visit, i, &leaf))
			continue;
		seen->bytes += visit->size;
		seen->leaves[visit->level]++;
		seen->astray += leaf.oa != visit->ia + i * visit->size + seen->delta;
		seen->young += !!(leaf.flags & PTW_LEAF_YOUNG);
		seen->dirty += !!(leaf.flags & PTW_LEAF_DIRTY);
		seen->prot_all &= leaf.prot;
		seen->prot_any |= leaf.prot;
		seen->memtype_any |= leaf.memtype;
		seen->flags_all &= leaf.flags & ~state;
		seen->flags_any |= leaf.flags & ~state;
	}
	return PTW_VISIT_NEXT;
}

/* Every byte of [start, end), which is mapped as by one ptw_map(). */
static inline struct seen look(struct machine *m, uint64_t start, uint64_t end, uint64_t oa)
{
	struct seen seen = { .delta = oa - start, .prot_all = ~0u, .flags_all = ~0u };
	const struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF,
		.visit = seen_visit,
		.context = &seen,
	};

	cr_assert_eq(ptw_walk(m->pgtable, start, end, &walk, NULL), PTW_OK);
	cr_assert_eq(seen.bytes, end - start, "%#" PRIx64 " bytes of %#" PRIx64 " are mapped",
		     seen.bytes, end - start);
	cr_assert_eq(seen.astray, 0u);
	return seen;
}

static inline uint64_t tables_now(struct machine *m)
{
	machine_info(m);
	return m->info.tables;
}

/* The highest level at which a leaf may stand. */
static inline unsigned int top_leaf_level(const struct machine *m)
{
	return 31 - (unsigned int)__builtin_clz(m->info.leaf_levels);
}

/* An input and an output address that leaves of every size may have, and that differ. */
static inline uint64_t somewhere(const struct machine *m)
{
	return entry_size(m, top_leaf_level(m));
}

static inline uint64_t elsewhere(const struct machine *m)
{
	return 2 * entry_size(m, top_leaf_level(m));
}

/* How many values of bbm_level the format knows. */
static inline unsigned int bbm_levels(const struct machine *m)
{
	return is_arm64(m) || m->config.format == PTW_FORMAT_PERVERSE ? 3 : 1;
}

/* Does a leaf change its size through an invalid entry? */
static inline bool breaks_to_resize(const struct machine *m)
{
	return breaks_before_make(m) && m->config.bbm_level != 2;
}

#endif /* PTW_TESTS_CHANGES_H */
