/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the operations that change page tables share. */
#ifndef PTW_LIB_TABLE_H
#define PTW_LIB_TABLE_H

#include <ptw/table.h>

#include "lib/table/gather.h"
#include "lib/walk/pgtable.h"
#include "lib/walk/template.h"

/* The live count of a table: the root has no metadata. Only serialized writers change it. */
static inline void ptw_live_add(struct ptw_pgtable *p, uint64_t *table, unsigned int level,
				uint32_t n)
{
	ptw_port_add32(level == p->geometry.root_level ? &p->root_live : &ptw_meta(p, table)->live,
		       n);
}

/* First input address behind the entry of `level` that maps `ia`, or `end` if that is smaller. */
static inline uint64_t ptw_entry_end(const struct ptw_format *f, uint64_t ia, uint64_t end,
				     unsigned int level)
{
	unsigned int lg2 = ptw_span_lg2(f, level);
	uint64_t next = ((ia >> lg2) + 1) << lg2;

	return next < end ? next : end;
}

/* Find the leaf for `ia`, format at run time; inside a section. */
int ptw_find(const struct ptw_pgtable *p, uint64_t ia, struct ptw_found *found);

#endif /* PTW_LIB_TABLE_H */
