/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a format is: constants, and a few pure functions on one entry value.
 *
 * A format knows no table, no walker, no lock and no memory. The hot functions are static inline
 * functions named in a `static const struct ptw_format`; a walker template that receives it as a
 * constant gets them inlined, with the level folded in where it is known. The cold side (making
 * entries, decoding them, checking them, choosing the geometry) is reached through ordinary function
 * pointers.
 *
 * Levels count from 0, the table that maps the smallest pages, up to the root.
 */
#ifndef PTW_ARCH_FORMAT_H
#define PTW_ARCH_FORMAT_H

#include <ptw/config.h>
#include <ptw/entry.h>
#include <ptw/error.h>
#include <ptw/layout.h>
#include <ptw/types.h>

#define PTW_BIT(n) ((uint64_t)1 << (n))
/* Bits hi..lo, both included. */
#define PTW_BITS(hi, lo) ((~(uint64_t)0 >> (63 - (hi))) & (~(uint64_t)0 << (lo)))

#define ptw_always_inline inline __attribute__((__always_inline__))

/*
 * The shape of one page table, derived from its configuration by the format. Addresses are spread
 * over an entry in at most two pieces: (e & oa_mask) | (e & oa_high) << oa_high_shift.
 */
struct ptw_geometry {
	uint8_t granule_lg2;
	uint8_t index_lg2;    /* of entries in one full table */
	uint8_t root_level;
	uint8_t root_lg2;     /* of entries at the root: all concatenated tables, or part of one */
	uint8_t ia_bits;
	uint8_t oa_bits;
	uint16_t leaf_levels; /* bit l: a leaf may stand at level l */
	uint8_t oa_high_shift;
	uint64_t oa_mask;
	uint64_t oa_high;
	uint64_t leaf_reserved[PTW_MAX_LEVELS];  /* zero in every present leaf */
	uint64_t table_reserved[PTW_MAX_LEVELS]; /* zero in every table entry */
	uint32_t features;    /* enum ptw_feature */
	uint8_t bbm_level;    /* 2: a leaf may change its size without a break */
	bool break_before_make; /* removed entries must stay unused until the flush is over (arm64) */
};

struct ptw_format {
	const char *name;
	uint8_t granule_lg2;
	uint8_t index_lg2;
	/* lg2 of the members of a contiguous group at each level; 0: none */
	uint8_t group_lg2[PTW_MAX_LEVELS];
	uint64_t group_bit;  /* marks a member; 0: the format has no groups */
	uint64_t accessed;   /* level 0, exact layouts: an entry without this bit is not young */
	bool and_clear;      /* level 0, exact layouts: clearing `accessed` alone makes a leaf old */
	/* Hardware uses no value in which all of these are zero, nor, where the layout counts them among
	 * saved_mask, those of walked_saved. 0: what is present is no layout's matter. */
	uint64_t walked;
	uint64_t walked_saved;
	/* Level 0, exact layouts: an entry without these and `accessed` is old, by whatever rules it was
	 * written. 0 where hardware sets `accessed`. */
	uint64_t unmarked;

	/* Of any value at `level`: is it present (a leaf or a table entry)? */
	bool (*present)(const struct ptw_layout *l, uint64_t e, unsigned int level);
	/* Of a present entry: leaf (true) or table entry? */
	bool (*leaf)(uint64_t e, unsigned int level);
	/* Of a present entry: output address, or address of the table. */
	uint64_t (*address)(const struct ptw_geometry *g, uint64_t e, unsigned int level);
	/* Of a leaf. */
	bool (*young)(const struct ptw_layout *l, uint64_t e, unsigned int level);
	bool (*dirty_leaf)(const struct ptw_layout *l, uint64_t e, unsigned int level);
	/* The same leaf, old or clean. */
	uint64_t (*make_old)(const struct ptw_layout *l, uint64_t e, unsigned int level);
	uint64_t (*make_clean)(const struct ptw_layout *l, uint64_t e, unsigned int level);
};

/* The cold side. All pure, but for what they write through their last argument. */
struct ptw_build {
	enum ptw_format_id id;
	/* Check a configuration and derive the geometry; PTW_ERR_CONFIG* and so on. */
	int (*configure)(const struct ptw_config *config, struct ptw_geometry *g);
	/* Registers that make a processor use root table `root_pa`. */
	void (*registers)(const struct ptw_geometry *g, uint64_t root_pa, struct ptw_regs *regs);
	/* A leaf entry; PTW_ERR_PERM if the format cannot express it. */
	int (*make_leaf)(const struct ptw_geometry *g, const struct ptw_layout *l,
			 const struct ptw_leaf *leaf, unsigned int level, uint64_t *e);
	/* A table entry. */
	uint64_t (*make_table)(const struct ptw_geometry *g, const struct ptw_layout *l,
			       uint64_t table_pa, unsigned int level);
	void (*decode)(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		       unsigned int level, struct ptw_leaf *leaf);
	/*
	 * What an access fault on leaf `e` does to it: the value that lets the access go on, with
	 * young and, for a write, dirty set. False if the mapping does not allow the access.
	 * `access` is enum ptw_access.
	 */
	bool (*fix)(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
		    unsigned int level, uint32_t access, uint64_t *fixed);
	/* The same leaf without write permission; `forever`: a write fault may not give it back. */
	uint64_t (*write_protect)(const struct ptw_layout *l, uint64_t e, unsigned int level,
				  bool forever);
	/* The same leaf with the layout's user bits `on` or off. */
	uint64_t (*set_user)(const struct ptw_layout *l, uint64_t e, unsigned int level, bool on);
	/* The bit that marks a leaf of `level` as held. */
	uint64_t (*held)(const struct ptw_layout *l, unsigned int level);
	/*
	 * The same leaf at level `to` instead of `from`, with output address `oa`: permissions, memory
	 * type, accessed, dirty and software's bits stay, held and group membership go. `group`: as a
	 * member of a contiguous group of `to`.
	 */
	uint64_t (*relevel)(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			    unsigned int from, unsigned int to, uint64_t oa, bool group);
	/*
	 * Must the entry be invalid and flushed between the present values `from` and `to` of
	 * `level`? (Arm ARM, D8.16 "Translation table updates", break-before-make.)
	 */
	bool (*must_break)(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t from,
			   uint64_t to, unsigned int level);
	/* Bits of a table entry that record accesses through it; 0: none. */
	uint64_t (*table_accessed)(const struct ptw_geometry *g, unsigned int level);
	/* Would hardware refuse this present entry, beyond the geometry's reserved masks? */
	bool (*malformed)(const struct ptw_geometry *g, const struct ptw_layout *l, uint64_t e,
			  unsigned int level);
};

/* Bytes one entry of `level` maps, as a power of two. */
static ptw_always_inline unsigned int ptw_span_lg2(const struct ptw_format *f, unsigned int level)
{
	return f->granule_lg2 + level * f->index_lg2;
}

/* The layout kind an entry belongs to; the first one when no other matches. */
static ptw_always_inline const struct ptw_layout_kind *ptw_layout_kind_of(const struct ptw_layout *l,
									 uint64_t e)
{
	for (unsigned int i = 1; i < l->kinds; i++)
		if ((e & l->kind_mask) == l->kind[i].value)
			return &l->kind[i];
	return &l->kind[0];
}

#endif /* PTW_ARCH_FORMAT_H */
