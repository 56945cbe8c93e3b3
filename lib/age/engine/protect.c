/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What groups are promised, and what of it holds where those above cannot keep all promises. The rules are those of
 * Linux for memory.min and memory.low with the mount option memory_recursiveprot (mm/page_counter.c,
 * Documentation/admin-guide/cgroup-v2.rst, version 7.3); nothing that is effective exceeds what is used.
 */
#include <ptw/engine_tree.h>
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

enum {
	PTW_MIN,
	PTW_LOW
};

static uint64_t ptw_less(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* a * b / c, rounded down, for a <= c < 2^62; no division of 128 bits, which would be a call. */
static uint64_t ptw_part_of(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t product, quotient = 0, rest = 0;

	if (!__builtin_mul_overflow(a, b, &product))
		return product / c;
	for (unsigned int bit = 64; bit--;) {
		quotient *= 2;
		rest *= 2;
		rest += b >> bit & 1 ? a : 0;
		while (rest >= c) {
			rest -= c;
			quotient++;
		}
	}
	return quotient;
}

/* Pages that are a group's own and stay unless somebody goes on taking them. */
static uint64_t ptw_group_own(const struct ptw_group *group)
{
	const uint64_t going = ptw_port_load(&group->isolated) + group->node.taking;
	const uint64_t resident = ptw_port_load(&group->resident);

	/* Counters that others are changing may be below zero for a moment, or too small against each other. */
	return (int64_t)(resident - going) > 0 ? resident - going : 0;
}

static struct ptw_group *ptw_tree_first_leaf(struct ptw_group *group)
{
	for (;;) {
		group->node.usage = ptw_group_own(group);
		group->node.claimed[PTW_MIN] = group->node.claimed[PTW_LOW] = 0;
		if (!group->node.child)
			return group;
		group = group->node.child;
	}
}

/* Usage and claims of all in a subtree, from below. */
static void ptw_tree_weigh(struct ptw_group *top)
{
	struct ptw_group *group = ptw_tree_first_leaf(top);

	while (group != top) {
		struct ptw_node *node = &group->node, *above = &node->parent->node;

		above->usage += node->usage;
		for (unsigned int i = PTW_MIN; i <= PTW_LOW; i++)
			above->claimed[i] += ptw_less(node->protect[i], node->usage);
		group = node->next ? ptw_tree_first_leaf(node->next) : node->parent;
	}
}

/* What a group has of its parent's effective protection. */
static uint64_t ptw_effective(const struct ptw_node *node, unsigned int i, uint64_t above)
{
	const struct ptw_node *parent = &node->parent->node;
	const uint64_t own = ptw_less(node->protect[i], node->usage);
	uint64_t unclaimed, beyond;

	/* More is claimed than there is: each gets a part by what it claims and uses. */
	if (parent->claimed[i] > above)
		return ptw_part_of(own, above, parent->claimed[i]);
	/* What nobody claims goes to all by what they use beyond their claims; the parent's own
	 * pages are among them. */
	unclaimed = above - parent->claimed[i];
	beyond = parent->usage - parent->claimed[i];
	if (!unclaimed || node->usage == own)
		return own;
	return own + ptw_part_of(node->usage - own, unclaimed, beyond);
}

bool ptw_tree_room(const struct ptw_group *root, struct ptw_group *group, struct ptw_room *room)
{
	struct ptw_group *path[PTW_GROUP_DEPTH];
	uint64_t effective[2];
	unsigned int n = 0;

	*room = (struct ptw_room){.room = {UINT64_MAX, UINT64_MAX}};
	for (struct ptw_group *g = group; g != root; g = g->node.parent) {
		if (!g)
			return false;
		path[n++] = g;
	}
	if (!n) {
		ptw_tree_weigh(group);
		room->usage = group->node.usage;
		return true;
	}
	ptw_tree_weigh(path[n - 1]);
	for (unsigned int at = n; at--;) {
		const struct ptw_node *node = &path[at]->node;

		for (unsigned int i = PTW_MIN; i <= PTW_LOW; i++) {
			/* Those right below the root, or the engine, have what they ask for. */
			effective[i] = at == n - 1 ? ptw_less(node->protect[i], node->usage) :
						     ptw_effective(node, i, effective[i]);
			room->room[i] = ptw_less(room->room[i], node->usage - effective[i]);
			room->effective[i] = effective[i];
		}
		room->usage = node->usage;
	}
	return true;
}

int ptw_group_protect(struct ptw_group *group, uint64_t min, uint64_t low)
{
	struct ptw_engine *engine;

	if (!group)
		return PTW_ERR_ARG;
	engine = group->engine;
	ptw_flag_take(&engine->changing);
	engine->forest.claims -= group->node.protect[PTW_MIN] || group->node.protect[PTW_LOW];
	group->node.protect[PTW_MIN] = min;
	group->node.protect[PTW_LOW] = low;
	engine->forest.claims += min || low;
	ptw_flag_drop(&engine->changing);
	return PTW_OK;
}

int ptw_group_protection(struct ptw_group *group, const struct ptw_group *root,
			 struct ptw_protection *protection)
{
	struct ptw_room room;
	bool below;

	if (!group || !protection || (root && root->engine != group->engine))
		return PTW_ERR_ARG;
	if (protection->size < sizeof(*protection))
		return PTW_ERR_SIZE;
	ptw_flag_take(&group->engine->changing);
	below = ptw_tree_room(root, group, &room);
	if (below) {
		protection->min = group->node.protect[PTW_MIN];
		protection->low = group->node.protect[PTW_LOW];
		protection->effective_min = room.effective[PTW_MIN];
		protection->effective_low = room.effective[PTW_LOW];
		protection->usage = room.usage;
		protection->below_low = group->node.below_low;
	}
	ptw_flag_drop(&group->engine->changing);
	return below ? PTW_OK : PTW_ERR_ARG;
}
