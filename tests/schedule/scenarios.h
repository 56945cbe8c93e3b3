/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Scenarios: two or three operations that meet on one path of a small page table.
 *
 * The perverse format has 8 entries per table, here two levels: pages 0 to 7 are one table, or one
 * block, and there are 64. Names say who meets whom; "x86" entries need no break (bbm_level 2),
 * "arm" ones do.
 */
#ifndef PTW_TESTS_SCENARIOS_H
#define PTW_TESTS_SCENARIOS_H

#include "tests/schedule/operations.h"

/* Terminated by one without a name. */
extern const struct scenario scenarios_walk[];
extern const struct scenario scenarios_map[];
extern const struct scenario scenarios_unmap[];
extern const struct scenario scenarios_reshape[];
extern const struct scenario scenarios_reclaim[];
extern const struct scenario scenarios_formats[];

#define MAP(page, pages)                  \
	{                                 \
		OP_MAP, 0, page, pages, 0 \
	}
#define MAP_SMALL(page, pages)            \
	{                                 \
		OP_MAP, 1, page, pages, 0 \
	}
#define MAP_YOUNG(page, pages)                         \
	{                                              \
		OP_MAP, 1, page, pages, PTW_LEAF_YOUNG \
	}
#define MAP_DIRTY(page, pages)                                          \
	{                                                               \
		OP_MAP, 1, page, pages, PTW_LEAF_YOUNG | PTW_LEAF_DIRTY \
	}
#define BLOCK_DIRTY(page)                                           \
	{                                                           \
		OP_MAP, 0, page, 8, PTW_LEAF_YOUNG | PTW_LEAF_DIRTY \
	}
#define UNMAP(page, pages)                  \
	{                                   \
		OP_UNMAP, 0, page, pages, 0 \
	}
#define YOUNG(page, pages)                                       \
	{                                                        \
		OP_HARVEST, 0, page, pages, PTW_HARVEST_ACCESSED \
	}
#define DIRTY(page, pages)                                    \
	{                                                     \
		OP_HARVEST, 0, page, pages, PTW_HARVEST_DIRTY \
	}
#define BOTH(page, pages)                                                            \
	{                                                                            \
		OP_HARVEST, 0, page, pages, PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY \
	}
#define TEST_CLEAR(page)                     \
	{                                    \
		OP_TEST_CLEAR, 0, page, 1, 0 \
	}
#define QUERY(page)                     \
	{                               \
		OP_QUERY, 0, page, 1, 0 \
	}
#define WALK(page, pages)                  \
	{                                  \
		OP_WALK, 0, page, pages, 0 \
	}
#define READ_PAGE(page)                \
	{                              \
		OP_READ, 0, page, 1, 0 \
	}
#define WRITE_PAGE(page)                \
	{                               \
		OP_WRITE, 0, page, 1, 0 \
	}
#define WRITE_PROTECT(page, pages)                  \
	{                                           \
		OP_WRITE_PROTECT, 0, page, pages, 0 \
	}
#define READ_ONLY(page, pages)                      \
	{                                           \
		OP_WRITE_PROTECT, 0, page, pages, 1 \
	}
#define PROTECT(page, pages, prot)               \
	{                                        \
		OP_PROTECT, 0, page, pages, prot \
	}
#define SET_USER(page, pages)                  \
	{                                      \
		OP_SET_USER, 0, page, pages, 1 \
	}
#define SPLIT(page, pages)                  \
	{                                   \
		OP_SPLIT, 0, page, pages, 0 \
	}
#define COLLAPSE(page, pages)                  \
	{                                      \
		OP_COLLAPSE, 1, page, pages, 0 \
	}
#define GROUP(page, pages)                     \
	{                                      \
		OP_COLLAPSE, 0, page, pages, 0 \
	}
#define RECLAIM(page, pages)                  \
	{                                     \
		OP_RECLAIM, 0, page, pages, 0 \
	}
#define CHECK                        \
	{                            \
		OP_CHECK, 0, 0, 1, 0 \
	}
#define DUMP                        \
	{                           \
		OP_DUMP, 0, 0, 1, 0 \
	}

#endif /* PTW_TESTS_SCENARIOS_H */
