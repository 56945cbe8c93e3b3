/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reclaim over groups. Whose turn it is: of all groups, the head of a queue; below a group, the place where the last
 * walk of its subtree ended. Whose turn comes is owed a part of its size, 1 / 4096 in the first round, twice that in
 * each next one, to 1 / 1; who has paid waits until all others were asked. What is owed below one page is kept for
 * the next time, so that small groups pay in proportion, too.
 *
 * That is what Linux does with its memcg LRU and its priorities (mm/vmscan.c, version 7.3) with one difference: there
 * a group gives as many pages as its generations have, here what it owes is counted.
 */
#include <ptw/engine_reclaim.h>
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

/* What is owed is counted in parts of a page, so that 1 / 4096 of a page can be. */
#define PTW_ROUNDS 12u
#define PTW_DEBT   ((uint64_t)1 << PTW_ROUNDS)

struct ptw_reclaim {
	struct ptw_engine *engine;
	struct ptw_group *root; /* null: all */
	uint64_t left;		/* pages that are wanted yet */
	uint64_t gone;
	uint64_t call;	    /* its number */
	uint64_t asked;	    /* groups whose turn has ended in this round */
	unsigned int round; /* PTW_ROUNDS: the gentlest; down to 0 */
	bool below_low;	    /* low does not protect any more */
	bool low_spared;    /* something was spared because of it */
	bool young;	    /* something was spared because of its age */
	bool any;	    /* a group of this round had something to give */
	/* Of the group that is being asked. */
	struct ptw_group *group;
	uint64_t want;
	uint64_t above_low; /* so many of `want` are above low */
	bool may_age;
};

void ptw_queue_enter(struct ptw_engine *engine, struct ptw_group *group)
{
	struct ptw_forest *forest = &engine->forest;

	group->node.behind = NULL;
	group->node.before = forest->last;
	if (forest->last)
		forest->last->node.behind = group;
	else
		forest->first = group;
	forest->last = group;
}

static void ptw_queue_out(struct ptw_engine *engine, struct ptw_group *group)
{
	struct ptw_forest *forest = &engine->forest;
	struct ptw_node *node = &group->node;

	if (node->before)
		node->before->node.behind = node->behind;
	else
		forest->first = node->behind;
	if (node->behind)
		node->behind->node.before = node->before;
	else
		forest->last = node->before;
}

void ptw_queue_leave(struct ptw_engine *engine, struct ptw_group *group)
{
	ptw_queue_out(engine, group);
	/* Where walks of subtrees go on. */
	for (struct ptw_group *above = group->node.parent; above; above = above->node.parent)
		if (above->node.turn == group)
			above->node.turn = ptw_tree_next(above, group, true);
}

/* Whose turn it is. */
static struct ptw_group *ptw_turn(const struct ptw_reclaim *r)
{
	if (!r->root)
		return r->engine->forest.first;
	return r->root->node.turn ? r->root->node.turn : r->root;
}

/* Its turn has ended, unless others have ended it already. */
static void ptw_turn_ends(struct ptw_reclaim *r, struct ptw_group *group)
{
	if (group != ptw_turn(r))
		return;
	if (r->root) {
		r->root->node.turn = ptw_tree_next(r->root, group, false);
	} else {
		ptw_queue_out(r->engine, group);
		ptw_queue_enter(r->engine, group);
	}
	r->asked++;
}

/* How much of `want` the group may give. */
static uint64_t ptw_may_give(struct ptw_reclaim *r, struct ptw_group *group, uint64_t want)
{
	struct ptw_room room;

	r->above_low = want;
	if (!r->engine->forest.claims || group == r->root)
		return want;
	ptw_tree_room(r->root, group, &room);
	if (want > room.room[0])
		want = room.room[0];
	if (r->above_low > want)
		r->above_low = want;
	if (r->above_low > room.room[1])
		r->above_low = room.room[1];
	if (r->below_low || r->above_low == want)
		return want;
	r->low_spared = true;
	return r->above_low;
}

/* The next group that owes a page, which is in use then. False: all were asked in this round. With `changing` taken. */
static bool ptw_ask_next(struct ptw_reclaim *r)
{
	const uint64_t groups = r->root ? r->root->node.groups : r->engine->forest.groups;

	while (r->asked < groups) {
		struct ptw_group *group = ptw_turn(r);
		struct ptw_node *node = &group->node;
		uint64_t resident = ptw_port_load(&group->resident), give = 0, part;

		if ((int64_t)resident <= 0 || node->offline || !group->ops.evict)
			resident = 0;
		part = resident << (PTW_ROUNDS - r->round);
		if (node->debt < PTW_DEBT)
			node->debt += part;
		/* What a call that took much has left is no reason to take much now. */
		if (node->debt > part + PTW_DEBT || !part)
			node->debt = part;
		r->any |= resident != 0;
		if (node->debt >= PTW_DEBT) {
			const uint64_t owed = node->debt >> PTW_ROUNDS;
			const uint64_t want = owed < r->left ? owed : r->left;

			give = ptw_may_give(r, group, want);
			/* Who is protected owes nothing. */
			node->debt = give < want ? 0 : node->debt - (give << PTW_ROUNDS);
		}
		if (node->debt < PTW_DEBT)
			ptw_turn_ends(r, group);
		if (!give)
			continue;
		r->group = group;
		r->want = give;
		r->may_age = node->aged_by != r->call;
		node->taking += give;
		node->uses++;
		return true;
	}
	return false;
}

/* What came of it. With `changing` taken. */
static void ptw_ask_done(struct ptw_reclaim *r, const struct ptw_evict_sum *sum)
{
	struct ptw_group *group = r->group;
	const uint64_t took = sum->gone + sum->pending;

	group->node.taking -= r->want;
	group->node.uses--;
	r->young |= sum->young;
	if (sum->aged)
		group->node.aged_by = r->call;
	if (took > r->above_low)
		group->node.below_low += took - r->above_low;
	/* It has no more, or a callback failed: others come first. */
	if (took < r->want) {
		group->node.debt = 0;
		ptw_turn_ends(r, group);
	}
	r->gone += sum->gone;
	r->left -= took < r->left ? took : r->left;
}

/* Ask all groups once. */
static int ptw_reclaim_round(struct ptw_reclaim *r)
{
	struct ptw_engine *engine = r->engine;
	int ret = PTW_OK;

	r->asked = 0;
	r->any = false;
	ptw_flag_take(&engine->changing);
	while (!ret && r->left && ptw_ask_next(r)) {
		struct ptw_evict_sum sum = {0};

		ptw_flag_drop(&engine->changing);
		ret = ptw_evict_some(r->group, 0, r->may_age ? 0 : PTW_EVICT_AS_IS, r->want, &sum);
		ptw_flag_take(&engine->changing);
		ptw_ask_done(r, &sum);
	}
	ptw_flag_drop(&engine->changing);
	return ret;
}

/*
 * Rounds that take more and more, until it is enough or there is nothing. The last one is repeated while it finds
 * anything: the less groups use, the less of what is promised to all of them is theirs.
 */
static int ptw_reclaim_rounds(struct ptw_reclaim *r)
{
	uint64_t before;
	int ret;

	r->round = PTW_ROUNDS;
	do {
		before = r->left;
		ret = ptw_reclaim_round(r);
		if (r->round)
			r->round--;
		else if (r->left == before)
			break;
	} while (r->left && r->any && !ret);
	return ret;
}

int ptw_engine_reclaim(struct ptw_engine *engine, struct ptw_group *root, uint64_t want,
		       uint32_t flags, uint64_t *evicted)
{
	struct ptw_reclaim r = {.engine = engine, .root = root, .left = want};
	int ret;

	if (!engine || !evicted || (flags & ~PTW_RECLAIM_KEEP_LOW) ||
	    (root && root->engine != engine))
		return PTW_ERR_ARG;
	ptw_flag_take(&engine->changing);
	r.call = ++engine->forest.calls;
	ptw_flag_drop(&engine->changing);
	ret = ptw_reclaim_rounds(&r);
	if (!ret && r.left && r.low_spared && !(flags & PTW_RECLAIM_KEEP_LOW)) {
		r.below_low = true;
		ret = ptw_reclaim_rounds(&r);
	}
	*evicted = r.gone;
	if (!ret && r.young && r.left == want)
		ret = ptw_engine_thrashes(engine, root);
	return ret;
}
