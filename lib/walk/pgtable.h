/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The page table object, table metadata, and how an address finds its entry. */
#ifndef PTW_LIB_PGTABLE_H
#define PTW_LIB_PGTABLE_H

#include "arch/format.h"
#include <ptw/port.h>
#include <ptw/walk.h>

struct ptw_walk_state;
struct ptw_harvest_job;

/*
 * One format, instantiated: ordinary functions made from the walker templates. One indirect call
 * per range goes through this table, none per entry.
 */
struct ptw_instance {
	const struct ptw_format *format;
	int (*walk)(struct ptw_walk_state *w, const struct ptw_walk *walk);
	/* Accessed only, clearing, into a dense bitmap, exact layouts: the hot loop. Null: none. */
	int (*harvest_dense)(struct ptw_walk_state *w, struct ptw_harvest_job *job);
	int (*harvest)(struct ptw_walk_state *w, struct ptw_harvest_job *job);
	int (*test_young)(const struct ptw_pgtable *pgtable, uint64_t ia);
	int (*test_clear_young)(const struct ptw_pgtable *pgtable, uint64_t ia);
};

/* Memory in which the tables of an attached page table must lie: physical addresses. */
#define PTW_BOUNDS_MAX 8

struct ptw_pgtable {
	/* What a walk reads, first. */
	const struct ptw_instance *instance;
	uint64_t *root;
	uint64_t phys_offset;
	const struct ptw_layout *layout;
	struct ptw_geometry geometry;

	const struct ptw_build *build;
	struct ptw_pool *pool; /* null: attached */
	ptw_flush_fn flush;
	void *flush_context;
	uint64_t root_bytes;
	uint32_t root_live; /* live count of the root, which has no metadata */
	bool attached;
	bool exact; /* nobody writes by other rules than ours */

	/* Attached only. */
	struct ptw_layout stripped; /* of software's bits */
	struct ptw_range bounds[PTW_BOUNDS_MAX];
	uint32_t bounds_count;
	uint64_t table_budget;

	/* Statistics; relaxed counters. */
	uint64_t tables_live;
	uint64_t tables_retired; /* handed to a grace period */
	uint64_t tables_freed;   /* given back after it */
};

/*
 * Metadata of one table, at most 64 bytes, in the port's keeping. A table that was retired is
 * reachable from nowhere else: `parent` and `link` then say who gets it back.
 */
struct ptw_table_meta {
	struct ptw_port_rcu_head rcu;
	union {
		uint64_t *parent;            /* table that leads here */
		struct ptw_pgtable *pgtable; /* retired */
	};
	union {
		uint64_t *link;  /* next table in a private list (prepared, or to be retired) */
		uint64_t *table; /* retired: this table */
	};
	uint32_t live;  /* entries that are not empty */
	uint8_t level;
	uint8_t reserved;
	uint16_t index; /* of the entry in the parent that leads here */
};

_Static_assert(sizeof(struct ptw_table_meta) <= 64, "table metadata is at most 64 bytes");

static inline struct ptw_table_meta *ptw_meta(const struct ptw_pgtable *p, const uint64_t *table)
{
	return ptw_port_table_meta(p->pool, table);
}

static ptw_always_inline uint64_t *ptw_table_at(const struct ptw_pgtable *p, uint64_t pa)
{
	return (uint64_t *)(uintptr_t)(pa + p->phys_offset);
}

static inline uint64_t ptw_table_pa(const struct ptw_pgtable *p, const uint64_t *table)
{
	return (uint64_t)(uintptr_t)table - p->phys_offset;
}

/* Can hardware reach a table there? */
static inline bool ptw_table_fits(const struct ptw_pgtable *p, const uint64_t *table)
{
	return !(ptw_table_pa(p, table) >> p->geometry.oa_bits);
}

static inline size_t ptw_table_bytes(const struct ptw_geometry *g)
{
	return (size_t)8 << g->index_lg2;
}

/* Index of `ia` in a table of `level`; the root's is wider or narrower than the others'. */
static ptw_always_inline unsigned int ptw_index(const struct ptw_format *f,
						const struct ptw_geometry *g, uint64_t ia,
						unsigned int level)
{
	unsigned int lg2 = level == g->root_level ? g->root_lg2 : f->index_lg2;

	return (unsigned int)(ia >> ptw_span_lg2(f, level)) & ((1u << lg2) - 1);
}

/*
 * An input address without its sign: the bits above the input address size are all zero, or, on
 * x86-64, all one (canonical form). False if neither.
 */
static inline bool ptw_strip_sign(const struct ptw_pgtable *p, uint64_t *ia)
{
	uint64_t high, sign;

	/* Nearly always, and single-page calls are short. */
	if (!(*ia >> p->geometry.ia_bits))
		return true;
	high = ~(uint64_t)0 << p->geometry.ia_bits;
	sign = high | high >> 1;
	/* Hardware extends the highest bit of all levels: fewer input bits have no sign. */
	if (p->build->id != PTW_FORMAT_X86_64 || (*ia & sign) != sign ||
	    p->geometry.ia_bits != p->geometry.granule_lg2 +
				   p->geometry.index_lg2 * (p->geometry.root_level + 1u))
		return false;
	*ia &= ~high;
	return true;
}

/*
 * The growth rule of structs that callers fill in: smaller than this version knows is PTW_ERR_SIZE
 * (there is no older version yet), larger is fine while all that is unknown here is zero.
 */
int ptw_size_check(const void *object, size_t size, size_t known);

/* Check a range of input addresses and strip the sign: PTW_ERR_ALIGN, PTW_ERR_RANGE or PTW_OK. */
int ptw_range_check(const struct ptw_pgtable *p, uint64_t *start, uint64_t *end);

/* ptw_visit_change() that tells whether the entry was so already: 1 changed, 0 not, or an error. */
int ptw_visit_changed(const struct ptw_visit *visit, unsigned int i, enum ptw_change change);

#endif /* PTW_LIB_PGTABLE_H */
