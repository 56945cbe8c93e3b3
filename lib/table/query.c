/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Questions about one address, and faults on it. */
#include "lib/table/resize.h"
#include "lib/walk/harvest_template.h"

int ptw_find(const struct ptw_pgtable *p, uint64_t ia, struct ptw_found *found)
{
	return ptw_find_template(p->instance->format, p->layout, p->attached, p, ia, found);
}

/* State of the leaf extent around `found`; the error if its group is corrupt. Inside a section. */
static int ptw_look(const struct ptw_pgtable *p, uint64_t ia, const struct ptw_found *found,
		    uint32_t *what)
{
	const struct ptw_extent_ask ask = {
		.want = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY,
		.peek = true,
	};
	const struct ptw_format *f = p->instance->format;

	*what = ptw_extent(f, p->layout, p->attached, &p->geometry, found->slot,
			   ptw_index(f, &p->geometry, ia, found->level), found->e, found->level,
			   &ask);
	if (*what & PTW_CLEAR_RESERVED)
		return PTW_ERR_CORRUPT_RESERVED;
	return *what & PTW_CLEAR_MIXED ? PTW_ERR_CORRUPT_GROUP : PTW_OK;
}

int ptw_query(struct ptw_pgtable *p, uint64_t ia, struct ptw_query *query)
{
	const struct ptw_format *f;
	struct ptw_found found;
	unsigned int lg2, group_lg2;
	uint32_t what;
	int ret;

	if (!p || !query)
		return PTW_ERR_ARG;
	if (query->size < sizeof(*query))
		return PTW_ERR_SIZE;
	if (!ptw_strip_sign(p, &ia))
		return PTW_ERR_RANGE;
	f = p->instance->format;
	ptw_port_read_lock();
	ret = ptw_find(p, ia, &found);
	if (ret) {
		ptw_port_read_unlock();
		return ret;
	}
	ret = ptw_look(p, ia, &found, &what);
	ptw_port_read_unlock();
	if (ret)
		return ret;

	p->build->decode(&p->geometry, p->layout, found.e, found.level, &query->leaf);
	query->leaf.flags &= ~(uint32_t)(PTW_LEAF_YOUNG | PTW_LEAF_DIRTY);
	if (what & PTW_EXTENT_YOUNG)
		query->leaf.flags |= PTW_LEAF_YOUNG;
	if (what & PTW_EXTENT_DIRTY)
		query->leaf.flags |= PTW_LEAF_DIRTY;
	lg2 = ptw_span_lg2(f, found.level);
	query->leaf.oa += ia & (((uint64_t)1 << lg2) - 1);
	query->level = found.level;
	group_lg2 = ptw_group_lg2(f, &p->geometry, found.e, found.level);
	query->extent_size = (uint64_t)1 << (lg2 + group_lg2);
	query->extent_start = ia & ~(query->extent_size - 1);
	return PTW_OK;
}

/* The tables on the way to the leaf `found` of an attached page table, which are not trusted. */
static int ptw_fix_path(const struct ptw_pgtable *p, uint64_t ia, const struct ptw_found *found,
			uint64_t **path)
{
	const struct ptw_format *f = p->instance->format;
	uint64_t *table = p->root;

	for (unsigned int level = p->geometry.root_level; level > found->level; level--) {
		uint64_t e = ptw_port_load_table(&table[ptw_index(f, &p->geometry, ia, level)]);

		path[level] = table;
		/* It was right a moment ago. */
		if (!ptw_is_table(p, e, level) ||
		    ptw_guard(p, path, e, f->address(&p->geometry, e, level), level))
			return PTW_ERR_AGAIN;
		table = ptw_child(p, e, level);
	}
	return PTW_OK;
}

/*
 * Find the leaf for `ia`, and the tables on the way: before the leaf is made young, since afterwards an entry
 * above may be frozen and would end the way. As ptw_find().
 */
static int ptw_fix_find(const struct ptw_pgtable *p, uint64_t ia, struct ptw_found *found,
			struct ptw_spot *spot)
{
	int ret;

	if (p->attached) {
		ret = ptw_find(p, ia, found);
		return ret ? ret : ptw_fix_path(p, ia, found, spot->path);
	}
	ptw_descend(p, ia, ia, 0, spot);
	*found = (struct ptw_found){ spot->slot, spot->e, spot->level };
	if (ptw_is_leaf(p, spot->e, spot->level))
		return PTW_OK;
	return spot->e == p->layout->frozen ? PTW_ERR_AGAIN : PTW_ERR_HOLE;
}

/*
 * Members of a contiguous group must agree in their permissions, and where software gives write
 * permission back that is one: they all get it. The access itself is marked on the one that faulted
 * alone, since a group's state is the OR. A member that changes under our hands is left; its own fault
 * comes.
 */
static void ptw_fix_group(const struct ptw_pgtable *p, uint64_t ia, const struct ptw_found *found,
			  uint32_t access)
{
	const struct ptw_format *f = p->instance->format;
	unsigned int members = 1u << ptw_group_lg2(f, &p->geometry, found->e, found->level);
	unsigned int own = ptw_index(f, &p->geometry, ia, found->level) & (members - 1);
	uint64_t *slot = found->slot - own;

	for (unsigned int i = 0; members > 1 && i < members; i++) {
		uint64_t e = ptw_port_load(&slot[i]), fixed;

		for (unsigned int tries = 0; i != own && tries < PTW_CLEAR_TRIES; tries++) {
			if (!ptw_is_leaf(p, e, found->level) || !(e & f->group_bit) ||
			    !ptw_leaf_follows(p, found->e, e, (int64_t)i - own, found->level) ||
			    !p->build->fix(&p->geometry, p->layout, e, found->level, access,
					   &fixed))
				break;
			if (!f->young(p->layout, e, found->level))
				fixed = f->make_old(p->layout, fixed, found->level);
			if (fixed == e || ptw_port_cas(&slot[i], &e, fixed))
				break;
		}
	}
}

int ptw_fix_fault(struct ptw_pgtable *p, uint64_t ia, uint32_t access)
{
	const uint32_t known = PTW_ACCESS_READ | PTW_ACCESS_WRITE | PTW_ACCESS_FETCH |
			       PTW_ACCESS_USER | PTW_ACCESS_GUEST_PT | PTW_ACCESS_SPECULATIVE;
	int ret = PTW_ERR_AGAIN;

	if (!p || (access & ~known))
		return PTW_ERR_ARG;
	if (!ptw_strip_sign(p, &ia))
		return PTW_ERR_RANGE;
	ptw_port_read_lock();
	for (unsigned int tries = 0; tries < PTW_CLEAR_TRIES; tries++) {
		struct ptw_found found;
		struct ptw_spot spot;
		uint64_t fixed;
		uint32_t what;

		ret = ptw_fix_find(p, ia, &found, &spot);
		if (!ret)
			ret = ptw_look(p, ia, &found, &what);
		if (ret)
			break;
		if (!p->build->fix(&p->geometry, p->layout, found.e, found.level, access,
				   &fixed)) {
			ret = PTW_ERR_FAULT;
			break;
		}
		if (fixed == found.e || ptw_port_cas(found.slot, &found.e, fixed)) {
			ptw_fix_group(p, ia, &found, access);
			ptw_mark_path(p, spot.path, ia, found.level);
			ret = PTW_OK;
			break;
		}
		ret = PTW_ERR_AGAIN;
	}
	ptw_port_read_unlock();
	return ret;
}
