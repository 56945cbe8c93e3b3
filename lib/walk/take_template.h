/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Taking entries out of a table: the hot loop of unmapping, as a template over a constant format.
 *
 * One compare-exchange for each entry that is taken, none for the others. It is a compare-exchange and
 * not an exchange, since an entry may become somebody else's between the look and the update: an
 * exchange would take it away from its owner. With `exclusive` there is no other writer, and an
 * exchange does.
 */
#ifndef PTW_LIB_TAKE_TEMPLATE_H
#define PTW_LIB_TAKE_TEMPLATE_H

#include "lib/walk/pgtable.h"

/* What was taken out of a run of up to 64 entries: bit i for entry i. */
struct ptw_taken {
	uint64_t removed; /* leaves */
	uint64_t young;
	uint64_t dirty;
};

/*
 * From `slot` on, at most `n` entries (64 at most): leaves become `gone`, and so do empty entries of a
 * `dead` table. Ends before the first entry that wants more thought: a table entry, a member of a
 * contiguous group, or one that somebody owns. Returns how many were dealt with.
 *
 * Each successful compare-exchange is acquire-release; partners are all other updates of the entry:
 * what a processor or a harvester did to the bits before is in the value taken, what comes later fails.
 */
static ptw_always_inline unsigned int ptw_take_run(const struct ptw_format *f,
						   const struct ptw_layout *l, const bool exclusive,
						   const struct ptw_pgtable *p, uint64_t *slot,
						   unsigned int n, unsigned int level,
						   uint64_t gone, bool dead,
						   struct ptw_taken *taken)
{
	const uint64_t keep = p->build->held(l, level) | f->group_bit;
	/* Not in memory: a locked instruction waits for the stores before it. */
	uint64_t removed = 0, young = 0, dirty = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint64_t e = ptw_port_load_table(&slot[i]);

		for (;;) {
			if (e == l->empty) {
				if (!dead || ptw_port_cas(&slot[i], &e, gone))
					break;
				continue;
			}
			if (!f->present(l, e, level) || !f->leaf(e, level) || (e & keep))
				goto out;
			if (exclusive)
				e = ptw_port_xchg(&slot[i], gone);
			else if (!ptw_port_cas(&slot[i], &e, gone))
				continue;
			removed |= (uint64_t)1 << i;
			young |= (uint64_t)f->young(l, e, level) << i;
			dirty |= (uint64_t)f->dirty_leaf(l, e, level) << i;
			break;
		}
	}
out:
	taken->removed = removed;
	taken->young = young;
	taken->dirty = dirty;
	return i;
}

#endif /* PTW_LIB_TAKE_TEMPLATE_H */
