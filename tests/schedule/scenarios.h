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

#include "tests/schedule/space_world.h"

/* Terminated by one without a name. */
extern const struct scenario scenarios_walk[];
extern const struct scenario scenarios_map[];
extern const struct scenario scenarios_unmap[];
extern const struct scenario scenarios_reshape[];
extern const struct scenario scenarios_reclaim[];
extern const struct scenario scenarios_prune[];
extern const struct scenario scenarios_formats[];
extern const struct scenario scenarios_space[];
extern const struct scenario scenarios_shadow[];

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
#define HINT(page, pages)                                                 \
	{                                                                 \
		OP_HARVEST, PRUNE_HINT, page, pages, PTW_HARVEST_ACCESSED \
	}
#define EXACTLY(page, pages)                                               \
	{                                                                  \
		OP_HARVEST, PRUNE_EXACT, page, pages, PTW_HARVEST_ACCESSED \
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

/* Of spaces. */
#define ASK_FAST(page, pages)                                              \
	{                                                                  \
		OP_ASK, PTW_EFFORT_FAST, page, pages, PTW_HARVEST_ACCESSED \
	}
#define ASK_DIRECTLY(page, pages)                                                       \
	{                                                                               \
		OP_ASK, PTW_EFFORT_FAST, page, pages, PTW_HARVEST_ACCESSED | ASK_DIRECT \
	}
#define ASK_ALL(page, pages)                                              \
	{                                                                 \
		OP_ASK, PTW_EFFORT_ALL, page, pages, PTW_HARVEST_ACCESSED \
	}
#define DIRTY_ALL(page, pages)                                         \
	{                                                              \
		OP_ASK, PTW_EFFORT_ALL, page, pages, PTW_HARVEST_DIRTY \
	}
#define BOTH_ALL(page, pages)                                                                 \
	{                                                                                     \
		OP_ASK, PTW_EFFORT_ALL, page, pages, PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY \
	}
#define ASK_FAST_BY(consumer, page, pages)                                                    \
	{                                                                                     \
		OP_ASK, PTW_EFFORT_FAST, page, pages, PTW_HARVEST_ACCESSED | ASK_BY(consumer) \
	}
#define ASK_ALL_BY(consumer, page, pages)                                                    \
	{                                                                                    \
		OP_ASK, PTW_EFFORT_ALL, page, pages, PTW_HARVEST_ACCESSED | ASK_BY(consumer) \
	}
#define LOOK_AROUND(page)                     \
	{                                     \
		OP_LOOK_AROUND, 0, page, 1, 0 \
	}
#define REFERENCE(page)                     \
	{                                   \
		OP_REFERENCE, 0, page, 1, 0 \
	}
#define JOIN(consumer)                     \
	{                                  \
		OP_JOIN, 0, 0, 0, consumer \
	}
#define LEAVE(consumer)                     \
	{                                   \
		OP_LEAVE, 0, 0, 0, consumer \
	}
#define TAKE(consumer, page, pages)               \
	{                                         \
		OP_TAKE, 0, page, pages, consumer \
	}
#define REGISTER(number, kind)                             \
	{                                                  \
		OP_REGISTER, kind, 8 + (number), 1, number \
	}
#define UNREGISTER(number)                     \
	{                                      \
		OP_UNREGISTER, 0, 0, 0, number \
	}
#define SETTLE                        \
	{                             \
		OP_SETTLE, 0, 0, 0, 0 \
	}
#define MOVE_SLOT(page)                          \
	{                                        \
		OP_MOVE_SLOT, 0, page, SLOT_PAGES, 0 \
	}
#define ENTRY_MAP(entry, frame)                  \
	{                                        \
		OP_ENTRY_MAP, 0, frame, 1, entry \
	}
#define ENTRY_YOUNG_MAP(entry, frame)            \
	{                                        \
		OP_ENTRY_MAP, 1, frame, 1, entry \
	}
#define ENTRY_DIRTY_MAP(entry, frame)            \
	{                                        \
		OP_ENTRY_MAP, 3, frame, 1, entry \
	}
#define ENTRY_DROP(entry)                     \
	{                                     \
		OP_ENTRY_DROP, 0, 0, 0, entry \
	}
#define ENTRY_FREE(entry)                     \
	{                                     \
		OP_ENTRY_DROP, 1, 0, 0, entry \
	}
#define ENTRY_ACCESS(entry)                     \
	{                                       \
		OP_ENTRY_ACCESS, 0, 0, 0, entry \
	}
#define ENTRY_WRITE(entry)                      \
	{                                       \
		OP_ENTRY_ACCESS, 1, 0, 0, entry \
	}
#define INVALIDATE(page)                     \
	{                                    \
		OP_INVALIDATE, 0, page, 1, 0 \
	}
#define UNMAP_SPACE(page, pages)                  \
	{                                         \
		OP_UNMAP_SPACE, 0, page, pages, 0 \
	}
#define FAULT(page, entry)                  \
	{                                   \
		OP_FAULT, 0, page, 1, entry \
	}
#define FAULT_WIDE(page, pages, entry)          \
	{                                       \
		OP_FAULT, 0, page, pages, entry \
	}
#define ASK_DIRECTLY_BY(consumer, page, pages)                                  \
	{                                                                       \
		OP_ASK, PTW_EFFORT_FAST, page, pages,                           \
			PTW_HARVEST_ACCESSED | ASK_DIRECT | ASK_BY(consumer)    \
	}

#endif /* PTW_TESTS_SCENARIOS_H */
