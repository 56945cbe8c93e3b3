/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Locks around the harvester's and the writer's calls: the one thing in which two measurements of
 * `experiment locks` differ. Each goes through the same indirect call, those that do nothing too.
 */
#ifndef PTW_BENCH_LOCK_H
#define PTW_BENCH_LOCK_H

/* Of memory for a lock, aligned to as much: alone in its cache lines. */
#define LOCK_BYTES 128

struct lock_kind {
	const char *name;
	const char *what; /* one line */
	void (*init)(void *lock);
	void (*harvest_lock)(void *lock);
	void (*harvest_unlock)(void *lock);
	void (*write_lock)(void *lock);
	void (*write_unlock)(void *lock);
};

/* Memory for one, initialised; free() ends it. */
void *lock_new(const struct lock_kind *kind);

/* By name; null: there is none here. */
const struct lock_kind *lock_find(const char *name);

/* The library as it is: no lock at all. */
extern const struct lock_kind lock_rcu;

/* No lock, but one read-side section around each of the harvester's calls, however long it is. */
extern const struct lock_kind lock_section;

/* The others; ended by null. */
extern const struct lock_kind *const lock_kinds[];

#endif /* PTW_BENCH_LOCK_H */
