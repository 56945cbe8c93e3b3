/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The roles that change the page table: M, U, P, S, C, R, and X at the end. */
#include <inttypes.h>
#include <string.h>

#include "ledger.h"

static uint64_t pages_in(const struct stress *s, uint64_t start, uint64_t end)
{
	return (end - start) / s->granule;
}

static void check_reached(struct stress *s, const char *what, int ret, struct span span,
			  uint64_t reached)
{
	/* A leaf extent that the start cuts lies before it. */
	if (ret == PTW_ERR_BLOCK && reached < span.start)
		return;
	if (reached < span.start || reached > span.end || (ret == PTW_OK && reached != span.end))
		stress_fail(s, "%s of %#" PRIx64 " to %#" PRIx64 ": %s, reached %#" PRIx64, what,
			    span.start, span.end, ptw_strerror(ret), reached);
}

static uint32_t all_prot(const struct stress *s)
{
	return PTW_PROT_READ | PTW_PROT_WRITE | PTW_PROT_EXEC | (s->user ? PTW_PROT_USER : 0);
}

/*
 * Mapping a page that is young at once is a transition by software: only where that can be counted.
 */
static uint32_t initial_flags(struct worker *w, struct span span)
{
	struct stress *s = w->stress;
	const struct area *area = space_area(s, span.start);

	if (below(w, 16))
		return below(w, 8) ? 0 : PTW_LEAF_USER_BIT;
	if (area == &s->areas[AREA_MIXED])
		return span.end <= area->base + area->busy * s->granule ? PTW_LEAF_YOUNG : 0;
	if (area == &s->areas[AREA_PROTECTED] || !s->hardware)
		return 0;
	return below(w, 2) ? PTW_LEAF_YOUNG : PTW_LEAF_YOUNG | PTW_LEAF_DIRTY;
}

int stress_role_M(struct worker *w, struct span span)
{
	struct stress *s = w->stress;
	struct ptw_change_result result = { .size = sizeof(result) };
	struct ptw_map map = { .size = sizeof(map), .prot = all_prot(s) };
	struct span done = span;
	int ret;

	map.flags = w->want ? 0 : initial_flags(w, span);
	map.page_levels = w->want ? w->want : below(w, 3) ? 0 : 1;
	if (space_area(s, span.start) == &s->areas[AREA_BLOCKS])
		map.page_levels = 2; /* blocks of level 1 */
	ret = ptw_map(s->pgtable, span.start, span.end, space_oa(w, span.start), &map, &result);
	if (ret == PTW_OK)
		result.reached = span.end;
	check_reached(s, "map", ret, span, result.reached);
	/* With an error either nothing was changed, or what lies before `reached` stays. */
	done.end = ret == PTW_OK || result.leaves ? result.reached : span.start;
	w->worked = done.end > done.start;
	w->mapped += pages_in(s, done.start, done.end);
	ledger_mapped(s, done, map.flags, ret == PTW_OK);
	return ret;
}

int stress_role_U(struct worker *w, struct span span)
{
	struct stress *s = w->stress;
	struct ptw_change_result result = { .size = sizeof(result) };
	struct ptw_unmap unmap = { .size = sizeof(unmap), .young = w->young, .dirty = w->dirty };
	uint64_t pages = 0;
	int ret;

	ledger_open(w, span);
	if (below(w, 8) == 0)
		unmap.flags = PTW_UNMAP_STRICT;
	ret = ptw_unmap(s->pgtable, span.start, span.end, &unmap, &result);
	check_reached(s, "unmap", ret, span, result.reached);
	ledger_close(w, span, span.start, NULL, NULL);
	if (result.leaves && result.reached > span.start) {
		pages = pages_in(s, span.start, result.reached) - result.holes;
		w->worked = true;
	}
	w->removed += pages;
	if (result.young_pages > pages || result.dirty_pages > pages ||
	    (!pages && (result.leaves || result.young_extents || result.dirty_extents)))
		stress_fail(s, "unmap of %#" PRIx64 " to %#" PRIx64 ": %s at %#" PRIx64 ", %" PRIu64
			    " leaves, %" PRIu64 " holes, %" PRIu64 " young and %" PRIu64
			    " dirty pages", span.start, span.end, ptw_strerror(ret), result.reached,
			    result.leaves, result.holes, result.young_pages, result.dirty_pages);
	return ret;
}

int stress_role_P(struct worker *w, struct span span)
{
	struct stress *s = w->stress;
	struct ptw_change_result result = { .size = sizeof(result) };
	uint32_t prot = all_prot(s);
	int ret;

	const struct area *area = space_area(s, span.start);
	unsigned int kind = w->want ? 8 : (unsigned int)below(w, 10);

	/* Counts of the other areas of single pages and blocks stay exact. */
	if (s->write_is_dirty && kind < 4 && area != &s->areas[AREA_PROTECTED] &&
	    area != &s->areas[AREA_MIXED])
		kind = 4;
	ledger_open(w, span);
	w->merges = true;
	switch (kind) {
	case 0:
		prot &= ~(uint32_t)PTW_PROT_WRITE;
		ret = ptw_protect(s->pgtable, span.start, span.end, prot, w->dirty, &result);
		break;
	case 1:
		ret = ptw_write_protect(s->pgtable, span.start, span.end, true, w->dirty, &result);
		break;
	case 2 ... 3:
		ret = ptw_write_protect(s->pgtable, span.start, span.end, false, w->dirty,
					&result);
		break;
	case 4 ... 6: /* off more often than on, so that tables can be collapsed */
		ret = ptw_set_user_bit(s->pgtable, span.start, span.end, below(w, 4) == 0,
				       &result);
		break;
	default:
		ret = ptw_protect(s->pgtable, span.start, span.end, prot, w->dirty, &result);
		break;
	}
	check_reached(s, "protect", ret, span, result.reached);
	ledger_close(w, span, span.start, NULL, NULL);
	w->merges = false;
	w->worked = result.leaves != 0;
	return ret;
}

int stress_role_S(struct worker *w, struct span span)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	unsigned int level = w->want ? w->want - 1 : below(w, 4) == 0;
	int ret = ptw_split(w->stress->pgtable, span.start, span.end, level, &result);

	check_reached(w->stress, "split", ret, span, result.reached);
	w->worked = result.leaves != 0;
	return ret;
}

int stress_role_C(struct worker *w, struct span span)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	unsigned int level = w->want ? w->want - 1 : (unsigned int)below(w, 3);
	int ret = ptw_collapse(w->stress->pgtable, span.start, span.end, level, &result);

	check_reached(w->stress, "collapse", ret, span, result.reached);
	w->worked = result.leaves != 0;
	return ret;
}

int stress_role_R(struct worker *w, struct span span)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	int ret;

	if (below(w, 2))
		span = (struct span){ 0, 0 };
	ret = ptw_reclaim(w->stress->pgtable, span.start, span.end, &result);
	w->worked = result.tables != 0;
	return ret;
}

int stress_role_X(struct worker *w, struct span span)
{
	(void)span;
	w->worked = true;
	return ptw_pgtable_destroy(w->stress->pgtable);
}
