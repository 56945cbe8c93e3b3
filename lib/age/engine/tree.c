/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The tree of groups: who is below whom, who uses one that may be given up meanwhile, and sums over a subtree. */
#include <ptw/engine_tree.h>
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

int ptw_tree_enter(struct ptw_engine *engine, struct ptw_group *group, struct ptw_group *parent)
{
	struct ptw_group **first = parent ? &parent->node.child : &engine->forest.top;
	struct ptw_node *node = &group->node;

	if (parent && parent->node.offline)
		return PTW_ERR_ABSENT;
	if (parent && parent->node.depth == PTW_GROUP_DEPTH)
		return PTW_ERR_LIMIT;
	node->parent = parent;
	node->depth = parent ? parent->node.depth + 1 : 1;
	node->groups = 1;
	node->link = first;
	node->next = *first;
	if (node->next)
		node->next->node.link = &node->next;
	*first = group;
	ptw_queue_enter(engine, group);
	engine->forest.groups++;
	for (; parent; parent = parent->node.parent)
		parent->node.groups++;
	return PTW_OK;
}

void ptw_tree_leave(struct ptw_engine *engine, struct ptw_group *group)
{
	struct ptw_node *node = &group->node;

	ptw_queue_leave(engine, group);
	*node->link = node->next;
	if (node->next)
		node->next->node.link = node->link;
	engine->forest.groups--;
	engine->forest.claims -= node->protect[0] || node->protect[1];
	for (struct ptw_group *above = node->parent; above; above = above->node.parent)
		above->node.groups--;
}

int ptw_tree_close(struct ptw_group *group)
{
	if (group->node.child)
		return PTW_ERR_BUSY;
	group->node.offline = 1;
	return group->node.uses ? PTW_ERR_AGAIN : PTW_OK;
}

struct ptw_group *ptw_tree_next(const struct ptw_group *root, struct ptw_group *group, bool over)
{
	if (group->node.child && !over)
		return group->node.child;
	for (; group && group != root; group = group->node.parent)
		if (group->node.next)
			return group->node.next;
	return NULL;
}

struct ptw_group *ptw_group_use(struct ptw_engine *engine, uint64_t id)
{
	struct ptw_group *group;

	if (!id || id > engine->groups_max)
		return NULL;
	ptw_flag_take(&engine->changing);
	group = engine->group[id - 1];
	if (group && group->node.offline)
		group = NULL;
	if (group)
		group->node.uses++;
	ptw_flag_drop(&engine->changing);
	return group;
}

void ptw_group_leave(struct ptw_group *group)
{
	struct ptw_engine *engine = group->engine;

	ptw_flag_take(&engine->changing);
	group->node.uses--;
	ptw_flag_drop(&engine->changing);
}

/* From one group of a subtree to the next, which is in use then instead. Those being given up are passed over. */
static struct ptw_group *ptw_subtree_next(const struct ptw_group *root, struct ptw_group *group)
{
	struct ptw_engine *engine = root->engine;
	struct ptw_group *next;

	ptw_flag_take(&engine->changing);
	next = ptw_tree_next(root, group, false);
	while (next && next->node.offline)
		next = ptw_tree_next(root, next, false);
	if (next)
		next->node.uses++;
	if (group != root)
		group->node.uses--;
	ptw_flag_drop(&engine->changing);
	return next;
}

/* Generations are added by how far they are from each group's youngest. */
static void ptw_state_add(struct ptw_group_state *sum, const struct ptw_group_state *one)
{
	uint64_t pages[PTW_GENERATIONS] = {0}, birth[PTW_GENERATIONS];
	const uint64_t youngest = sum->youngest > one->youngest ? sum->youngest : one->youngest;
	uint64_t n = sum->youngest - sum->oldest + 1;

	for (uint64_t i = 0; i < PTW_GENERATIONS; i++)
		birth[i] = UINT64_MAX;
	for (uint64_t i = 0; i < n; i++) {
		pages[i] = sum->pages[(sum->youngest - i) % PTW_GENERATIONS];
		birth[i] = sum->birth[(sum->youngest - i) % PTW_GENERATIONS];
	}
	for (uint64_t i = 0; i <= one->youngest - one->oldest; i++) {
		const uint64_t b = one->birth[(one->youngest - i) % PTW_GENERATIONS];

		pages[i] += one->pages[(one->youngest - i) % PTW_GENERATIONS];
		birth[i] = b < birth[i] ? b : birth[i];
		n = i < n ? n : i + 1;
	}
	sum->youngest = youngest;
	sum->oldest = youngest - (n - 1);
	for (uint64_t i = 0; i < PTW_GENERATIONS; i++) {
		sum->pages[(youngest - i) % PTW_GENERATIONS] = pages[i];
		sum->birth[(youngest - i) % PTW_GENERATIONS] = i < n ? birth[i] : 0;
	}
	sum->resident += one->resident;
	sum->isolated += one->isolated;
	sum->faults += one->faults;
	sum->refaults += one->refaults;
	sum->evicted += one->evicted;
	sum->failed += one->failed;
	sum->looks += one->looks;
	sum->looked += one->looked;
	sum->around += one->around;
	sum->agings += one->agings;
	sum->words += one->words;
	sum->aged += one->aged;
}

int ptw_group_subtree_state(struct ptw_group *root, struct ptw_group_state *state)
{
	struct ptw_group_state one = {.size = sizeof(one)};
	int ret;

	if (!root)
		return PTW_ERR_ARG;
	ret = ptw_group_state(root, state);
	if (ret)
		return ret;
	for (struct ptw_group *g = ptw_subtree_next(root, root); g; g = ptw_subtree_next(root, g)) {
		ptw_group_state(g, &one);
		ptw_state_add(state, &one);
	}
	return PTW_OK;
}

struct ptw_group *ptw_group_parent(const struct ptw_group *group)
{
	return group ? group->node.parent : NULL;
}
