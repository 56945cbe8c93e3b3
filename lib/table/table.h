/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the operations that change page tables share.
 *
 * Ownership. An entry that an operation froze (not present) or holds (present) is changed by nobody
 * else. Nobody finishes unlinking a table before he owns every entry in it, so an owned entry also
 * keeps its table, and all tables above it, from being retired: its owner may keep pointers to it while
 * he is outside read-side sections, in the flush hook or in the allocator. Whoever owns nothing on
 * the path works inside a section.
 */
#ifndef PTW_LIB_TABLE_H
#define PTW_LIB_TABLE_H

#include <ptw/change.h>
#include <ptw/table.h>

#include "lib/table/gather.h"
#include "lib/walk/pgtable.h"
#include "lib/walk/template.h"

/* How often an operation comes back to an entry that changed under its hands. */
#define PTW_WRITE_TRIES 8

/* First input address behind the entry of `level` that maps `ia`, or `end` if that is smaller. */
static inline uint64_t ptw_entry_end(const struct ptw_format *f, uint64_t ia, uint64_t end,
				     unsigned int level)
{
	unsigned int lg2 = ptw_span_lg2(f, level);
	uint64_t next = ((ia >> lg2) + 1) << lg2;

	return next < end ? next : end;
}

/* Entries of a table of `level`. */
static inline unsigned int ptw_entries(const struct ptw_pgtable *p, unsigned int level)
{
	return 1u << (level == p->geometry.root_level ? p->geometry.root_lg2 :
							p->geometry.index_lg2);
}

/* Of any value in an own page table. */
static inline bool ptw_is_table(const struct ptw_pgtable *p, uint64_t e, unsigned int level)
{
	const struct ptw_format *f = p->instance->format;

	return level && f->present(p->layout, e, level) && !f->leaf(e, level);
}

static inline bool ptw_is_leaf(const struct ptw_pgtable *p, uint64_t e, unsigned int level)
{
	const struct ptw_format *f = p->instance->format;

	return f->present(p->layout, e, level) && f->leaf(e, level);
}

/* Does somebody own the entry? */
static inline bool ptw_is_owned(const struct ptw_pgtable *p, uint64_t e, unsigned int level)
{
	return e == p->layout->frozen ||
	       (ptw_is_leaf(p, e, level) && (e & p->build->held(p->layout, level)));
}

static inline uint64_t *ptw_child(const struct ptw_pgtable *p, uint64_t e, unsigned int level)
{
	return ptw_table_at(p, p->instance->format->address(&p->geometry, e, level));
}

/* A leaf without accessed, dirty and hold: what two leaves must have in common to be alike. */
static inline uint64_t ptw_plain_leaf(const struct ptw_pgtable *p, uint64_t e, unsigned int level)
{
	const struct ptw_format *f = p->instance->format;

	e = f->make_clean(p->layout, f->make_old(p->layout, e, level), level);
	return e & ~p->build->held(p->layout, level);
}

/* The bits that say in a table entry of `level` that it was accessed through; 0: the format has none. */
static inline uint64_t ptw_table_bits(const struct ptw_pgtable *p, unsigned int level)
{
	return p->build->table_accessed ? p->build->table_accessed(&p->geometry, level) : 0;
}

/*
 * Table entry `e`, which the caller froze, as it is put back: accessed. Meanwhile leaves below it may have
 * become young, and who wanted to say so here found it frozen.
 */
static inline uint64_t ptw_table_restored(const struct ptw_pgtable *p, uint64_t e,
					  unsigned int level)
{
	return e | ptw_table_bits(p, level);
}

/* Where a writer stands: the entry that decides about an address. Valid inside its section. */
struct ptw_spot {
	uint64_t *table;
	uint64_t *slot;
	uint64_t e;
	unsigned int level;
	uint64_t *path[PTW_MAX_LEVELS]; /* the tables gone through, by level, this one included */
};

/*
 * Go down from the root to the entry for `ia`: the first one that is no table entry, or that stands at
 * `bottom`, or that maps no more than [ia, end). Inside a section.
 */
void ptw_descend(const struct ptw_pgtable *p, uint64_t ia, uint64_t end, unsigned int bottom,
		 struct ptw_spot *spot);

/*
 * Add to the live count of `table`, which maps `ia` among others, and note the table if that makes it
 * empty: then true. Inside the section in which its entries changed, or while one of them is owned.
 */
bool ptw_live_add(struct ptw_pgtable *p, uint64_t *table, uint64_t ia, unsigned int level,
		  uint32_t n);

/* Find the leaf for `ia`, format at run time; inside a section. */
int ptw_find(const struct ptw_pgtable *p, uint64_t ia, struct ptw_found *found);

/*
 * An entry of `level` that maps `ia` has become visible, and is or leads to a leaf that software made young:
 * the table entries above it, in the tables `path`, have been accessed through. Say so there, or pruning
 * would miss the leaf. Afterwards, and inside the section in which the path was gone down, or in one that was
 * entered while the caller owned the entry: so by ownership the tables are there, whatever became of them.
 */
void ptw_mark_path(const struct ptw_pgtable *p, uint64_t *const *path, uint64_t ia,
		   unsigned int level);

/* Put back the table entry of `spot`, which maps `ia` and which the caller froze. Outside sections. */
void ptw_table_restore(const struct ptw_pgtable *p, const struct ptw_spot *spot, uint64_t ia);

/* May this thread change page table `p`, and is `result` large enough? */
int ptw_change_args(const struct ptw_pgtable *p, const struct ptw_change_result *result);

/* Write an answer: everything but the size is `answer`. */
static inline void ptw_change_answer(struct ptw_change_result *result,
				     const struct ptw_change_result *answer)
{
	size_t size;

	if (!result)
		return;
	size = result->size;
	*result = *answer;
	result->size = size;
}

/* A table for `level`, its entries undefined; null: *error says why. Outside sections. */
uint64_t *ptw_table_new(struct ptw_pgtable *p, unsigned int level, int *error);

/* Give back a table that nobody else has seen. */
void ptw_table_discard(struct ptw_pgtable *p, uint64_t *table);

/*
 * Freeze every entry of `table`, which hangs at a frozen parent entry of the caller's, if all of them
 * are empty: true, and the table is dead. Otherwise it is as before.
 */
bool ptw_table_kill_empty(struct ptw_pgtable *p, uint64_t *table, unsigned int level);

/* Finish a gather, with the empty tables that are due. Outside sections. */
void ptw_reclaim_finish(struct ptw_gather *gather);

#endif /* PTW_LIB_TABLE_H */
