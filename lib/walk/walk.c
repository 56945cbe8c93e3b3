/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The public walker: argument checks, and what a visitor may do to an entry. */
#include <ptw/walk.h>

#include "lib/walk/pgtable.h"
#include "lib/walk/template.h"

int ptw_size_check(const void *object, size_t size, size_t known)
{
	const uint8_t *bytes = object;

	if (size < known)
		return PTW_ERR_SIZE;
	for (size_t i = known; i < size; i++)
		if (bytes[i])
			return PTW_ERR_ARG;
	return PTW_OK;
}

int ptw_range_check(const struct ptw_pgtable *p, uint64_t *start, uint64_t *end)
{
	uint64_t granule = (uint64_t)1 << p->geometry.granule_lg2;
	uint64_t last;

	if ((*start | *end) & (granule - 1))
		return PTW_ERR_ALIGN;
	/* The end of the address space, after the highest canonical address. */
	if (!*end && p->build->id == PTW_FORMAT_X86_64 && *start >> (p->geometry.ia_bits - 1))
		last = UINT64_MAX;
	else if (*start >= *end)
		return PTW_ERR_RANGE;
	else
		last = *end - 1;
	/* Across the gap between the canonical halves? */
	if (last >> 63 && !(*start >> (p->geometry.ia_bits - 1)))
		return PTW_ERR_RANGE;
	if (!ptw_strip_sign(p, start) || !ptw_strip_sign(p, &last) || *start > last)
		return PTW_ERR_RANGE;
	*end = last + 1;
	return PTW_OK;
}

int ptw_walk(struct ptw_pgtable *p, uint64_t start, uint64_t end, const struct ptw_walk *walk,
	     struct ptw_walk_result *result)
{
	const uint32_t kinds = PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE | PTW_VISIT_TABLE_POST;
	struct ptw_walk_state w = { .pgtable = p };
	int ret;

	if (!p || !walk || !walk->visit)
		return PTW_ERR_ARG;
	ret = ptw_size_check(walk, walk->size, sizeof(*walk));
	if (ret)
		return ret;
	if (result && result->size < sizeof(*result))
		return PTW_ERR_SIZE;
	if (!walk->kinds || (walk->kinds & ~kinds))
		return PTW_ERR_ARG;
	ret = ptw_range_check(p, &start, &end);
	if (ret)
		return ret;
	w.start = w.ia = start;
	w.end = end;
	w.budget = walk->budget;
	ret = p->instance->walk(&w, walk);
	if (result) {
		/* A leaf that the end cuts may have carried the walk past it. */
		result->resume = w.ia < end ? w.ia : end;
		result->entries = w.entries;
		result->tables = w.tables;
		result->sections = w.sections;
	}
	return ret;
}

int ptw_visit_leaf(const struct ptw_visit *visit, unsigned int i, struct ptw_leaf *leaf)
{
	const struct ptw_pgtable *p;

	if (!visit || !leaf || i >= visit->count)
		return PTW_ERR_ARG;
	if (!(visit->leaves & (uint64_t)1 << i))
		return PTW_ERR_HOLE;
	p = visit->pgtable;
	p->build->decode(&p->geometry, p->layout, visit->entries[i], visit->level, leaf);
	return PTW_OK;
}

int ptw_visit_change(const struct ptw_visit *visit, unsigned int i, enum ptw_change change)
{
	const struct ptw_pgtable *p;
	uint64_t e, wanted;

	if (!visit || i >= visit->count)
		return PTW_ERR_ARG;
	if (!(visit->leaves & (uint64_t)1 << i))
		return PTW_ERR_HOLE;
	p = visit->pgtable;
	e = visit->entries[i];
	/* Held: only accessed and dirty change, as hardware would. */
	if (change != PTW_CHANGE_OLD && change != PTW_CHANGE_CLEAN &&
	    (e & p->build->held(p->layout, visit->level)))
		return PTW_ERR_AGAIN;
	switch (change) {
	case PTW_CHANGE_OLD:
		wanted = p->instance->format->make_old(p->layout, e, visit->level);
		break;
	case PTW_CHANGE_CLEAN:
		wanted = p->instance->format->make_clean(p->layout, e, visit->level);
		break;
	case PTW_CHANGE_WRITE_PROTECT:
	case PTW_CHANGE_READ_ONLY:
		wanted = p->build->write_protect(p->layout, e, visit->level,
						 change == PTW_CHANGE_READ_ONLY);
		break;
	case PTW_CHANGE_SET_USER:
	case PTW_CHANGE_CLEAR_USER:
		if (!p->layout->user)
			return PTW_ERR_UNSUPPORTED;
		wanted = p->build->set_user(p->layout, e, visit->level,
					    change == PTW_CHANGE_SET_USER);
		break;
	default:
		return PTW_ERR_ARG;
	}
	if (wanted == e)
		return PTW_OK;
	((struct ptw_walk_state *)visit->walk)->cost += PTW_CHANGED_COST;
	return ptw_port_cas(&visit->slots[i], &e, wanted) ? PTW_OK : PTW_ERR_AGAIN;
}
