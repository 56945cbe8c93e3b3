/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "lock_ck.h"

#include <ck_pflock.h>
#include <ck_rwlock.h>
#include <ck_spinlock.h>

static void ticket_init(void *lock)
{
	ck_spinlock_ticket_init(lock);
}

static void ticket_lock(void *lock)
{
	ck_spinlock_ticket_lock(lock);
}

static void ticket_unlock(void *lock)
{
	ck_spinlock_ticket_unlock(lock);
}

const struct lock_kind lock_ck_ticket = {
	.name = "ck-ticket",
	.what = "ticket spin lock: waiters spin, first come first served",
	.init = ticket_init,
	.harvest_lock = ticket_lock,
	.harvest_unlock = ticket_unlock,
	.write_lock = ticket_lock,
	.write_unlock = ticket_unlock,
};

static void rwlock_init(void *lock)
{
	ck_rwlock_init(lock);
}

static void rwlock_read_lock(void *lock)
{
	ck_rwlock_read_lock(lock);
}

static void rwlock_read_unlock(void *lock)
{
	ck_rwlock_read_unlock(lock);
}

static void rwlock_write_lock(void *lock)
{
	ck_rwlock_write_lock(lock);
}

static void rwlock_write_unlock(void *lock)
{
	ck_rwlock_write_unlock(lock);
}

const struct lock_kind lock_ck_rwlock = {
	.name = "ck-rwlock",
	.what = "spinning rwlock that lets waiting writers go first; the harvester reads",
	.init = rwlock_init,
	.harvest_lock = rwlock_read_lock,
	.harvest_unlock = rwlock_read_unlock,
	.write_lock = rwlock_write_lock,
	.write_unlock = rwlock_write_unlock,
};

static void pflock_init(void *lock)
{
	ck_pflock_init(lock);
}

static void pflock_read_lock(void *lock)
{
	ck_pflock_read_lock(lock);
}

static void pflock_read_unlock(void *lock)
{
	ck_pflock_read_unlock(lock);
}

static void pflock_write_lock(void *lock)
{
	ck_pflock_write_lock(lock);
}

static void pflock_write_unlock(void *lock)
{
	ck_pflock_write_unlock(lock);
}

const struct lock_kind lock_ck_pflock = {
	.name = "ck-pflock",
	.what = "spinning phase-fair lock: readers and writers take turns; the harvester reads",
	.init = pflock_init,
	.harvest_lock = pflock_read_lock,
	.harvest_unlock = pflock_read_unlock,
	.write_lock = pflock_write_lock,
	.write_unlock = pflock_write_unlock,
};

_Static_assert(sizeof(ck_spinlock_ticket_t) <= LOCK_BYTES, "a lock holds a ticket lock");
_Static_assert(sizeof(ck_rwlock_t) <= LOCK_BYTES, "a lock holds a ck_rwlock");
_Static_assert(sizeof(ck_pflock_t) <= LOCK_BYTES, "a lock holds a ck_pflock");
