/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The public visitor, as operations for the walker template: one indirect call per run. */
#ifndef PTW_LIB_VISIT_TEMPLATE_H
#define PTW_LIB_VISIT_TEMPLATE_H

#include "lib/walk/template.h"

#define PTW_VISIT_RETRIES 16

static ptw_always_inline int ptw_visit_run(const struct ptw_format *f, const struct ptw_layout *l,
					   const bool guarded, struct ptw_walk_state *w,
					   const struct ptw_walk *walk, uint64_t *slot,
					   unsigned int n, unsigned int level)
{
	unsigned int lg2 = ptw_span_lg2(f, level);
	uint64_t entries[64];
	struct ptw_visit visit = {
		.pgtable = w->pgtable,
		.kind = PTW_VISIT_LEAF,
		.level = level,
		.ia = w->ia >> lg2 << lg2,
		.size = (uint64_t)1 << lg2,
		.entries = entries,
		.slots = slot,
		.walk = w,
	};
	int action;

	for (;;) {
		unsigned int i;

		visit.leaves = visit.owned = 0;
		for (i = 0; i < n; i++) {
			uint64_t e = level ? ptw_port_load_table(slot + i) :
					     ptw_port_load(slot + i);

			entries[i] = e;
			w->seen[level] |= e ^ l->empty;
			if (!f->present(l, e, level)) {
				if (e == l->frozen)
					visit.owned |= (uint64_t)1 << i;
				continue;
			}
			if (!f->leaf(e, level))
				break;
			if (guarded) {
				int ret = ptw_guard_leaf(&w->pgtable->geometry, e, level);

				/* What lies before it in this run is visited first. */
				if (ret && i)
					break;
				if (ret)
					return ret;
			}
			visit.leaves |= (uint64_t)1 << i;
		}
		if (!i)
			return PTW_RUN_RETRY;
		w->cost += i;
		w->entries += i;
		visit.count = i;
		if (!(walk->kinds & PTW_VISIT_LEAF) || (!visit.leaves && !walk->holes))
			return (int)i;
		action = walk->visit(walk->context, &visit);
		if (action < 0)
			return action;
		if (action == PTW_VISIT_STOP)
			return PTW_ERR_STOPPED;
		if (action != PTW_VISIT_RETRY)
			return (int)i;
		if (++visit.retries > PTW_VISIT_RETRIES)
			return PTW_ERR_AGAIN;
	}
}

static ptw_always_inline int ptw_visit_table(const struct ptw_format *f, struct ptw_walk_state *w,
					     const struct ptw_walk *walk, uint64_t *slot,
					     unsigned int level, uint64_t e, uint64_t ia,
					     enum ptw_visit_kind kind)
{
	struct ptw_visit visit = {
		.pgtable = w->pgtable,
		.kind = kind,
		.level = level,
		.ia = ia,
		.size = (uint64_t)1 << ptw_span_lg2(f, level),
		.count = 1,
		.entries = &e,
		.slots = slot,
		.walk = w,
	};
	int action = PTW_VISIT_NEXT;

	w->cost++;
	w->entries += kind == PTW_VISIT_TABLE_PRE;
	if (walk->kinds & (uint32_t)kind)
		action = walk->visit(walk->context, &visit);
	if (kind == PTW_VISIT_TABLE_PRE && action >= 0 && action != PTW_VISIT_STOP &&
	    level <= walk->min_level)
		return PTW_VISIT_SKIP;
	return action;
}

#endif /* PTW_LIB_VISIT_TEMPLATE_H */
