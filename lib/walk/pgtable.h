/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The page table object, table metadata, and how an address finds its entry. */
#ifndef PTW_LIB_PGTABLE_H
#define PTW_LIB_PGTABLE_H

#include "arch/format.h"
#include <ptw/port.h>
#include <ptw/walk.h>

#include "lib/walk/scan.h"

struct ptw_pgtable;
struct ptw_walk_state;
struct ptw_harvest_job;
struct ptw_taken;
struct ptw_entries;

typedef unsigned int (*ptw_take_fn)(const struct ptw_pgtable *p, uint64_t *slot, unsigned int n,
				    unsigned int level, uint64_t gone, bool dead,
				    struct ptw_taken *taken);

/*
 * One format, instantiated: ordinary functions made from the walker templates. One indirect call
 * per range goes through this table, none per entry.
 */
struct ptw_instance {
	const struct ptw_format *format;
	int (*walk)(struct ptw_walk_state *w, const struct ptw_walk *walk);
	/* Accessed only, clearing, into a dense bitmap, exact layouts: the hot loop. Null: none. */
	int (*harvest_dense)(struct ptw_walk_state *w, struct ptw_harvest_job *job);
	/* The same for `n` pages of one word, at most 64: see ptw_dense_few(). Null: none. */
	int (*harvest_few)(const struct ptw_pgtable *p, uint64_t ia, unsigned int n, uint64_t *word);
	int (*harvest)(struct ptw_walk_state *w, struct ptw_harvest_job *job);
	int (*test_young)(const struct ptw_pgtable *pgtable, uint64_t ia);
	int (*test_clear_young)(const struct ptw_pgtable *pgtable, uint64_t ia);
	/* Own page tables: the hot loops of writers, see lib/table/take_template.h. */
	ptw_take_fn take;
	ptw_take_fn take_exclusive;
	/* Entries that lie anywhere, of the same format and layout: see lib/walk/entries_template.h. */
	void (*entries)(const struct ptw_pgtable *p, const uint64_t *words, unsigned int n,
			unsigned int level, struct ptw_entries *job);
};

/* Of ptw_instance.harvest_few(): an ordinary harvest has to do it. */
#define PTW_FEW_REST (-1)

/* Words that remember empty tables. */
#define PTW_NOTES 64

/* Memory in which the tables of an attached page table must lie: physical addresses. */
#define PTW_BOUNDS_MAX 8

struct ptw_pgtable {
	/* What a walk reads, first. */
	const struct ptw_instance *instance;
	uint64_t *root;
	uint64_t phys_offset;
	const struct ptw_layout *layout;
	struct ptw_geometry geometry;
	uint64_t held[PTW_MAX_LEVELS]; /* the bit that marks a leaf as held; attached: 0 */
	uint8_t kernel; /* enum ptw_kernel */
	bool few; /* instance->harvest_few() answers for it: smallest pages have no groups */
	bool pairs;
	bool transactions;
#ifdef PTW_PORT_TRANSACTIONS
	struct ptw_transactions transacted;
#endif

	const struct ptw_build *build;
	struct ptw_pool *pool; /* null: attached */
	ptw_flush_fn flush;
	void *flush_context;
	uint64_t root_bytes;
	uint32_t root_live; /* live count of the root, which has no metadata */
	bool attached;
	bool exact; /* nobody writes by other rules than ours */
	bool exclusive; /* the caller lets one writer in at a time */
	bool tell_backlog;
	uint32_t reclaim_delay;
	uint32_t backlog_limit;

	/* Attached only. */
	struct ptw_layout stripped; /* of software's bits */
	struct ptw_range bounds[PTW_BOUNDS_MAX];
	uint32_t bounds_count;
	uint64_t table_budget;

	/* Statistics; relaxed counters. */
	uint64_t tables_live;
	uint64_t tables_retired; /* handed to a grace period */
	uint64_t tables_freed;   /* given back after it */
	uint64_t tables_empty;   /* live, and their live count is 0 */
	uint64_t tables_reclaimed;
	uint64_t tables_revived;

	/* Tables that were seen empty: see lib/walk/note.h. */
	uint64_t note[PTW_NOTES];
	uint32_t note_next;
	uint32_t note_clock; /* calls that removed something while a table was empty */
	uint32_t notes_lost; /* some had to be forgotten: look everywhere */

	/* 1: a hint has cleared table entries, and nothing flushed them: others cannot go by entries being old. */
	uint64_t hinted;
};

/*
 * Metadata of one table, at most 64 bytes, in the port's keeping. A table that is prepared or retired
 * is reachable from nowhere else, and then says here what is to become of it.
 */
struct ptw_table_meta {
	union {
		struct ptw_port_rcu_head rcu; /* retired */
		struct {
			uint64_t start;  /* prepared: first input address it is for */
			uint64_t leaves; /* with all tables below it */
			uint64_t tables;
		} prepared;
	};
	struct ptw_pgtable *pgtable; /* retired: whose it was */
	union {
		uint64_t *link;  /* next table in a private list (prepared, or to be retired) */
		uint64_t *table; /* retired: this table */
	};
	/*
	 * Entries that are not empty. While writers are at work it may be behind the entries, even below
	 * zero; at rest it is right. Tables that were unlinked have PTW_LIVE_DEAD on top.
	 */
	uint32_t live;
	uint8_t level;
	uint8_t reserved[3];
};

#define PTW_LIVE_DEAD 0x40000000u

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

/* Set bits of a word, without the instruction or library call a builtin might choose. */
static ptw_always_inline unsigned int ptw_popcount(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555u;
	v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned int)(v * 0x0101010101010101u >> 56);
}

/*
 * Make an object zero that has a few hundred bytes and 8-byte alignment. Compilers would choose a string
 * instruction, which takes longer than all these stores.
 */
static ptw_always_inline void ptw_zero(void *object, size_t bytes)
{
	typedef uint64_t __attribute__((__may_alias__)) word;
	word *w = object;
	size_t i = bytes / 8;

	for (; i >= 8; i -= 8, w += 8) {
		w[0] = w[1] = w[2] = w[3] = 0;
		w[4] = w[5] = w[6] = w[7] = 0;
		__asm__("" : "+r"(w)); /* no string instruction */
	}
	for (; i; i--) {
		*w++ = 0;
		__asm__("" : "+r"(w));
	}
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

#endif /* PTW_LIB_PGTABLE_H */
