/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Changing the size of leaves: what split and collapse share.
 *
 * Leaves that map one run of memory in one way differ in their output addresses and in what accessed and
 * dirty did to them. The latter is the difference of a leaf to its plain form, whatever bits a format uses
 * for it, and these differences can be ORed: that is how accessed and dirty are carried.
 */
#ifndef PTW_LIB_RESIZE_H
#define PTW_LIB_RESIZE_H

#include "lib/table/table.h"

struct ptw_resize_job {
	struct ptw_pgtable *pgtable;
	struct ptw_gather gather;
	uint64_t ia;    /* what lies before is done */
	uint64_t next;  /* collapse: where to look next */
	uint64_t end;
	unsigned int level;
	uint64_t leaves;
	uint64_t tables;
	unsigned int tries;
};

/* Most members of a contiguous group: arm64, 16K granule. */
#define PTW_GROUP_MAX 128

/* What accessed and dirty did to a leaf; hold aside. */
static inline uint64_t ptw_used_bits(const struct ptw_pgtable *p, uint64_t e, unsigned int level)
{
	e &= ~p->build->held(p->layout, level);
	return e ^ ptw_plain_leaf(p, e, level);
}

/* Is `e` what follows leaf `first` by `i` entries, which may be negative, accessed and dirty aside? */
bool ptw_leaf_follows(const struct ptw_pgtable *p, uint64_t first, uint64_t e, int64_t i,
		      unsigned int level);

/* Hold the leaf at `slot`, if it is one that follows `first` by `i`; *e becomes what was there. With
 * `take` its accessed and dirty bits are taken out in the same step, to be given back or carried. */
bool ptw_leaf_hold(const struct ptw_pgtable *p, uint64_t *slot, uint64_t first, unsigned int i,
		   unsigned int level, bool take, uint64_t *e);

/*
 * Give back the hold of the leaf at `slot`, and add `used` bits. Releases: what the owner did to the table
 * happens before the next owner, and so before the table can go.
 */
void ptw_leaf_release(const struct ptw_pgtable *p, uint64_t *slot, unsigned int level, uint64_t used);

/*
 * Break up the contiguous group that has job->ia, or make one: `spot` is its first entry, `members`
 * how many. PTW_OK, PTW_ERR_AGAIN, or 1 if there is none to break or make. Outside sections, from a
 * snapshot that may be old.
 */
int ptw_group_break(struct ptw_resize_job *job, uint64_t ia, unsigned int level);
int ptw_group_make(struct ptw_resize_job *job, uint64_t ia, unsigned int level);

#endif /* PTW_LIB_RESIZE_H */
