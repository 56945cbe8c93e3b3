/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Contiguous groups are made and broken up here. A group is owned by whoever owns its first member, so
 * that one is taken first and given back last.
 *
 * Below bbm_level 2 the contiguous bit may not change while an entry is valid: all members are frozen,
 * flushed, and published. With bbm_level 2 leaves that become a group are held and change in place.
 */
#include "lib/table/resize.h"
#include "lib/walk/harvest_template.h"

bool ptw_leaf_follows(const struct ptw_pgtable *p, uint64_t first, uint64_t e, int64_t i,
		      unsigned int level)
{
	const struct ptw_format *f = p->instance->format;
	uint64_t oa = f->address(&p->geometry, first, level) +
		      ((uint64_t)i << ptw_span_lg2(f, level));

	if (oa >> p->geometry.oa_bits)
		return false;
	/* Whether it is in a group is no difference. */
	return p->build->relevel(&p->geometry, p->layout, ptw_plain_leaf(p, first, level), level,
				 level, oa, false) ==
	       p->build->relevel(&p->geometry, p->layout, ptw_plain_leaf(p, e, level), level, level,
				 f->address(&p->geometry, e, level), false);
}

bool ptw_leaf_hold(const struct ptw_pgtable *p, uint64_t *slot, uint64_t first, unsigned int i,
		   unsigned int level, bool take, uint64_t *e)
{
	const uint64_t held = p->build->held(p->layout, level);
	uint64_t wanted;

	*e = ptw_port_load(slot);
	do {
		if (!ptw_is_leaf(p, *e, level) || (*e & held) ||
		    !ptw_leaf_follows(p, first, *e, i, level))
			return false;
		wanted = (take ? ptw_plain_leaf(p, *e, level) : *e) | held;
		/* Partner: every other writer's compare-exchange, which finds the hold. */
	} while (!ptw_port_cas(slot, e, wanted));
	return true;
}

void ptw_leaf_release(const struct ptw_pgtable *p, uint64_t *slot, unsigned int level, uint64_t used)
{
	uint64_t e = ptw_port_load(slot), wanted;

	/* Processors and harvests go on meanwhile. */
	do {
		wanted = ptw_plain_leaf(p, e, level) ^ (ptw_used_bits(p, e, level) | used);
	} while (!ptw_port_cas(slot, &e, wanted));
}

/*
 * The first member of a group, at `spot`, was given back last. If that put accessed state back which had been
 * taken out, a pruned harvest may have cleared the path and gone by in between. Inside a section that was
 * entered while the first member was ours.
 */
static void ptw_group_mark(const struct ptw_pgtable *p, const struct ptw_spot *spot, uint64_t ia,
			   uint64_t used)
{
	if (used)
		ptw_mark_path(p, spot->path, ia, spot->level);
}

/* Leaf `e`, of which only what it maps and how counts, as a member of a group or not, with `used` bits. */
static uint64_t ptw_member(const struct ptw_pgtable *p, uint64_t e, unsigned int level, bool grouped,
			   uint64_t used)
{
	return p->build->relevel(&p->geometry, p->layout, ptw_plain_leaf(p, e, level), level, level,
				 p->instance->format->address(&p->geometry, e, level), grouped) ^
	       used;
}

/*
 * Of what is carried, what goes to member i: all of it where each becomes a leaf extent of its own; of a
 * group only the first one, which is written last, or a harvest that comes in between would find the rest
 * of what it has cleared already.
 */
static uint64_t ptw_member_used(unsigned int i, bool grouped, uint64_t used)
{
	return grouped && i ? 0 : used;
}

/*
 * Through an invalid entry. All members are frozen by the caller, outside sections; they are published,
 * the first one last, with accessed and dirty of all: a processor that cached the group as one may have
 * set them in any member.
 */
static void ptw_group_publish(struct ptw_resize_job *job, const struct ptw_spot *spot,
			      const uint64_t *e, unsigned int members, uint64_t ia, bool grouped,
			      uint64_t used)
{
	struct ptw_pgtable *p = job->pgtable;
	const unsigned int level = spot->level;
	uint64_t size = (uint64_t)members << ptw_span_lg2(p->instance->format, level);

	ptw_gather_range(&job->gather, ia, ia + size, level);
	ptw_gather_flush(&job->gather);
	ptw_port_read_lock();
	while (members--)
		ptw_port_publish(&spot->slot[members],
				 ptw_member(p, e[members], level, grouped,
					    ptw_member_used(members, grouped, used)));
	ptw_group_mark(p, spot, ia, used);
	ptw_port_read_unlock();
}

/*
 * In place: each leaf, held by the caller, becomes a member. The flush ends what processors still have of
 * single leaves, which next to the group might be a conflict. Then the holds go, that of the first last.
 */
static void ptw_group_swap(struct ptw_resize_job *job, const struct ptw_spot *spot,
			   unsigned int members, uint64_t ia, uint64_t used)
{
	struct ptw_pgtable *p = job->pgtable;
	const unsigned int level = spot->level;
	uint64_t *slot = spot->slot;
	const uint64_t held = p->build->held(p->layout, level);
	uint64_t size = (uint64_t)members << ptw_span_lg2(p->instance->format, level);

	for (unsigned int i = 0; i < members; i++) {
		uint64_t e = ptw_port_load(&slot[i]);

		/* Processors and harvests go on meanwhile. */
		while (!ptw_port_cas(&slot[i], &e,
				     held | ptw_member(p, e, level, true,
						       ptw_used_bits(p, e, level))))
			;
	}
	ptw_gather_range(&job->gather, ia, ia + size, level);
	ptw_gather_flush(&job->gather);
	ptw_port_read_lock();
	while (members--)
		ptw_leaf_release(p, &slot[members], level, ptw_member_used(members, true, used));
	ptw_group_mark(p, spot, ia, used);
	ptw_port_read_unlock();
}

/* Not all could be had: the first `n`, ours and as they were in `e`, go back as they were. */
static void ptw_group_undo(const struct ptw_pgtable *p, const struct ptw_spot *spot,
			   const uint64_t *e, unsigned int n, uint64_t ia, bool breaks)
{
	const unsigned int level = spot->level;
	uint64_t used = 0;

	ptw_port_read_lock();
	while (n--) {
		used |= ptw_used_bits(p, e[n], level);
		if (breaks)
			ptw_port_publish(&spot->slot[n], e[n] & ~p->build->held(p->layout, level));
		else
			ptw_leaf_release(p, &spot->slot[n], level, ptw_used_bits(p, e[n], level));
	}
	ptw_group_mark(p, spot, ia, used);
	ptw_port_read_unlock();
}

/*
 * Own the first member: frozen, or held and plain. *e is what was looked at, and becomes what it was; it may
 * only have been used meanwhile, or what was seen of the other members means nothing. Inside a section.
 */
static bool ptw_group_own(const struct ptw_pgtable *p, uint64_t *slot, unsigned int level,
			  bool breaks, uint64_t *e)
{
	const uint64_t held = p->build->held(p->layout, level);
	const uint64_t plain = ptw_plain_leaf(p, *e, level);

	do {
		if (!ptw_is_leaf(p, *e, level) || (*e & held) ||
		    ptw_plain_leaf(p, *e, level) != plain)
			return false;
	} while (!ptw_port_cas(slot, e,
			       breaks ? p->layout->frozen : ptw_plain_leaf(p, *e, level) | held));
	return true;
}

static bool ptw_group_breaks(const struct ptw_pgtable *p, uint64_t first, unsigned int level)
{
	return p->build->must_break(&p->geometry, p->layout,
				    ptw_member(p, first, level, false, 0),
				    ptw_member(p, first, level, true, 0), level);
}

/*
 * Always through an invalid entry. In place a processor that still sees the group may mark a member which
 * is single already for an access to another one, and a harvest would report the wrong page.
 */
int ptw_group_break(struct ptw_resize_job *job, uint64_t ia, unsigned int level)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	unsigned int members, lg2 = ptw_span_lg2(f, level);
	uint64_t e[PTW_GROUP_MAX], used;
	struct ptw_spot spot;
	bool owned;

	ptw_port_read_lock();
	ptw_descend(p, ia, ia, 0, &spot);
	if (spot.level != level || !ptw_is_leaf(p, spot.e, level) || !(spot.e & f->group_bit)) {
		ptw_port_read_unlock();
		return 1;
	}
	members = 1u << ptw_group_lg2(f, &p->geometry, spot.e, level);
	ia &= ~(((uint64_t)members << lg2) - 1);
	spot.slot = &spot.table[ptw_index(f, &p->geometry, ia, level)];
	e[0] = ptw_port_load(spot.slot);
	owned = ptw_is_leaf(p, e[0], level) && (e[0] & f->group_bit) &&
		ptw_group_own(p, spot.slot, level, true, &e[0]);
	ptw_port_read_unlock();
	if (!owned)
		return PTW_ERR_AGAIN;
	/* The first member is ours, and with it the group and the table: each member stays one. */
	used = ptw_used_bits(p, e[0], level);
	for (unsigned int i = 1; i < members; i++) {
		e[i] = ptw_port_xchg(&spot.slot[i], p->layout->frozen);
		used |= ptw_used_bits(p, e[i], level);
	}
	ptw_group_publish(job, &spot, e, members, ia, false, used);
	job->leaves += members;
	return PTW_OK;
}

/* Could the leaves from `slot` on be a group, at a look? *owned: one is somebody's. Inside a section. */
static bool ptw_group_alike(const struct ptw_pgtable *p, const uint64_t *slot, unsigned int n,
			    unsigned int level, uint64_t first, bool *owned)
{
	const struct ptw_format *f = p->instance->format;
	uint64_t size = (uint64_t)n << ptw_span_lg2(f, level);

	if (!ptw_is_leaf(p, first, level) || (f->address(&p->geometry, first, level) & (size - 1)))
		return false;
	for (unsigned int i = 1; i < n; i++) {
		uint64_t e = ptw_port_load(&slot[i]);

		*owned = ptw_is_owned(p, e, level);
		if (*owned || !ptw_is_leaf(p, e, level) ||
		    !ptw_leaf_follows(p, first, e, i, level))
			return false;
	}
	return true;
}

int ptw_group_make(struct ptw_resize_job *job, uint64_t ia, unsigned int level)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	unsigned int members = 1u << f->group_lg2[level], i;
	uint64_t e[PTW_GROUP_MAX], used = 0;
	struct ptw_spot spot;
	bool breaks, owned;

	ptw_port_read_lock();
	ptw_descend(p, ia, ia, 0, &spot);
	owned = ptw_is_owned(p, spot.e, spot.level);
	if (spot.level != level || !ptw_is_leaf(p, spot.e, level) || (spot.e & f->group_bit) ||
	    !ptw_group_alike(p, spot.slot, members, level, spot.e, &owned)) {
		ptw_port_read_unlock();
		/* Nothing of that size is here. */
		if (spot.level > level)
			job->next = ptw_entry_end(f, ia, job->end, spot.level);
		return owned ? PTW_ERR_AGAIN : 1;
	}
	e[0] = spot.e;
	breaks = ptw_group_breaks(p, e[0], level);
	owned = ptw_group_own(p, spot.slot, level, breaks, &e[0]);
	ptw_port_read_unlock();
	if (!owned)
		return PTW_ERR_AGAIN;
	for (i = 1; i < members; i++) {
		if (!ptw_leaf_hold(p, &spot.slot[i], e[0], i, level, !breaks, &e[i]))
			break;
		if (breaks)
			e[i] = ptw_port_xchg(&spot.slot[i], p->layout->frozen);
	}
	if (i < members) {
		/* Not alike any more, or somebody's. */
		ptw_group_undo(p, &spot, e, i, ia, breaks);
		return PTW_ERR_AGAIN;
	}
	while (i--)
		used |= ptw_used_bits(p, e[i], level);
	if (breaks)
		ptw_group_publish(job, &spot, e, members, ia, true, used);
	else
		ptw_group_swap(job, &spot, members, ia, used);
	job->leaves += members;
	return PTW_OK;
}
