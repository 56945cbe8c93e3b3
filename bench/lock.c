/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "lock.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/thread.h>

#include "figure.h"
#include "lock_ck.h"

static void no_lock(void *lock)
{
	(void)lock;
}

const struct lock_kind lock_rcu = {
	.name = "rcu",
	.what = "no lock: the library as it is",
	.init = no_lock,
	.harvest_lock = no_lock,
	.harvest_unlock = no_lock,
	.write_lock = no_lock,
	.write_unlock = no_lock,
};

static void section_lock(void *lock)
{
	(void)lock;
	ptw_read_lock();
}

static void section_unlock(void *lock)
{
	(void)lock;
	ptw_read_unlock();
}

const struct lock_kind lock_section = {
	.name = "section",
	.what = "no lock, one read-side section around each call of the harvester",
	.init = no_lock,
	.harvest_lock = section_lock,
	.harvest_unlock = section_unlock,
	.write_lock = no_lock,
	.write_unlock = no_lock,
};

static void mutex_init(void *lock)
{
	pthread_mutex_init(lock, NULL);
}

static void mutex_lock(void *lock)
{
	pthread_mutex_lock(lock);
}

static void mutex_unlock(void *lock)
{
	pthread_mutex_unlock(lock);
}

static const struct lock_kind mutex = {
	.name = "mutex",
	.what = "pthread mutex: waiters sleep, whoever comes first takes it",
	.init = mutex_init,
	.harvest_lock = mutex_lock,
	.harvest_unlock = mutex_unlock,
	.write_lock = mutex_lock,
	.write_unlock = mutex_unlock,
};

static void rwlock_init(void *lock)
{
	pthread_rwlock_init(lock, NULL);
}

static void rwlock_read_lock(void *lock)
{
	pthread_rwlock_rdlock(lock);
}

static void rwlock_write_lock(void *lock)
{
	pthread_rwlock_wrlock(lock);
}

static void rwlock_unlock(void *lock)
{
	pthread_rwlock_unlock(lock);
}

static const struct lock_kind rwlock_read = {
	.name = "rwlock-read",
	.what = "pthread rwlock, the harvester reads",
	.init = rwlock_init,
	.harvest_lock = rwlock_read_lock,
	.harvest_unlock = rwlock_unlock,
	.write_lock = rwlock_write_lock,
	.write_unlock = rwlock_unlock,
};

static const struct lock_kind rwlock_write = {
	.name = "rwlock-write",
	.what = "pthread rwlock, the harvester writes too",
	.init = rwlock_init,
	.harvest_lock = rwlock_write_lock,
	.harvest_unlock = rwlock_unlock,
	.write_lock = rwlock_write_lock,
	.write_unlock = rwlock_unlock,
};

_Static_assert(sizeof(pthread_mutex_t) <= LOCK_BYTES, "a lock holds a mutex");
_Static_assert(sizeof(pthread_rwlock_t) <= LOCK_BYTES, "a lock holds an rwlock");

const struct lock_kind *const lock_kinds[] = {&mutex, &rwlock_read, &rwlock_write, LOCK_CK NULL};

void *lock_new(const struct lock_kind *kind)
{
	void *lock = aligned_alloc(LOCK_BYTES, LOCK_BYTES);

	if (!lock)
		bench_die(EXIT_WRONG, "not enough memory for a lock");
	kind->init(lock);
	return lock;
}

const struct lock_kind *lock_find(const char *name)
{
	for (const struct lock_kind *const *kind = lock_kinds; *kind; kind++)
		if (strcmp((*kind)->name, name) == 0)
			return *kind;
	return NULL;
}
