/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a group is in the tree of groups. All of it belongs to whoever has engine->changing, who holds it for some
 * instructions, at most for a look at each group, and never while a callback runs. Nobody walks along pointers without
 * it: a walk takes a use of the group that it is at, and goes on from there.
 */
#ifndef PTW_LIB_AGE_ENGINE_TREE_H
#define PTW_LIB_AGE_ENGINE_TREE_H

#include <ptw/types.h>

struct ptw_engine;
struct ptw_group;

struct ptw_node {
	struct ptw_group *parent; /* null: a top-level one; does not change */
	struct ptw_group *child;  /* one of those below; the others by `next` */
	struct ptw_group *next;	  /* below the same parent */
	struct ptw_group **link;  /* what points here */
	uint32_t depth;		  /* 1: top-level; does not change */
	uint32_t offline;	  /* being given up: no use of it begins */
	uint64_t
		uses; /* who is at it without its owner knowing; it is not freed before they left */
	uint64_t groups; /* in this subtree, itself included */

	struct ptw_group *before; /* in the queue of those to be asked */
	struct ptw_group *behind;
	struct ptw_group *turn; /* below this one it is whose turn; null: this one's */

	uint64_t place;		 /* in an image, while one is written or read; 0: not in it */
	struct ptw_group *after; /* the next one in it */

	uint64_t protect[2]; /* min and low, as they were set */
	uint64_t below_low;  /* pages that were taken in spite of low */
	uint64_t debt;	     /* what it owes to reclaim, in parts of a page */
	uint64_t aged_by;    /* the last call of reclaim that let it age */
	uint64_t taking;     /* pages that those who reclaim are about to take */
	uint64_t usage;	     /* of the subtree, */
	uint64_t
		claimed[2]; /* and what those right below claim and use: when it was last weighed */
};

struct ptw_forest {
	struct ptw_group *top; /* a top-level group; the others by `next` */
	uint64_t groups;
	uint64_t claims;	 /* groups that are protected by anything */
	uint64_t calls;		 /* of reclaim */
	struct ptw_group *first; /* of the queue: asked longest ago */
	struct ptw_group *last;
};

/* How far a group is from what is protected. */
struct ptw_room {
	uint64_t usage;	       /* of its subtree */
	uint64_t effective[2]; /* of its min and low */
	uint64_t room[2]; /* how many of its pages may go before one on the way up is below that */
};

/* Enter a new group below its parent, with `changing` taken. PTW_OK, PTW_ERR_LIMIT or PTW_ERR_ABSENT. */
int ptw_tree_enter(struct ptw_engine *engine, struct ptw_group *group, struct ptw_group *parent);

/* Take out a group that nobody uses and that has none below it, with `changing` taken. */
void ptw_tree_leave(struct ptw_engine *engine, struct ptw_group *group);

/*
 * Begin giving up a group, with `changing` taken: from then on it is offline. PTW_OK, PTW_ERR_BUSY (and it is not), or
 * PTW_ERR_AGAIN while somebody uses it.
 */
int ptw_tree_close(struct ptw_group *group);

/*
 * The one after a group in a walk of all below root, or of all there are if that is null: parents before those below
 * them. Without those below it where `over` says so. Null: there is none. With `changing` taken.
 */
struct ptw_group *ptw_tree_next(const struct ptw_group *root, struct ptw_group *group, bool over);

/*
 * How much of a group may go when root is reclaimed, or everything if that is null; with `changing` taken. False: it is
 * not below root.
 */
bool ptw_tree_room(const struct ptw_group *root, struct ptw_group *group, struct ptw_room *room);

/* The queue of those to be asked, with `changing` taken: a new group comes last. */
void ptw_queue_enter(struct ptw_engine *engine, struct ptw_group *group);
void ptw_queue_leave(struct ptw_engine *engine, struct ptw_group *group);

/* The group of this id, in use until it is left; null: there is none, or it is being given up. */
struct ptw_group *ptw_group_use(struct ptw_engine *engine, uint64_t id);
void ptw_group_leave(struct ptw_group *group);

#endif /* PTW_LIB_AGE_ENGINE_TREE_H */
