/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "contend.h"

#include <time.h>

/*
 * Of the thread: how long it has the lock, as a fault does, and how long it then does something
 * else.
 */
#define HOLD_NS	 3000
#define PAUSE_NS 50000

uint64_t contend_clock(void *context)
{
	struct timespec time;

	(void)context;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Counts by itself, since an operation on one frame has no place for it in its answer. */
static void contend_lock(void *context)
{
	struct contend *contend = context;
	uint64_t since;

	if (pthread_mutex_trylock(&contend->mutex) == 0)
		return;
	since = contend_clock(NULL);
	pthread_mutex_lock(&contend->mutex);
	contend->waited += contend_clock(NULL) - since;
	contend->waits++;
}

static bool contend_try(void *context)
{
	struct contend *contend = context;

	return pthread_mutex_trylock(&contend->mutex) == 0;
}

static void contend_unlock(void *context)
{
	struct contend *contend = context;

	pthread_mutex_unlock(&contend->mutex);
}

bool contend_create(struct contend *contend, bool try_too, struct ptw_mmu_lock *lock)
{
	*contend = (struct contend){0};
	if (pthread_mutex_init(&contend->mutex, NULL))
		return false;
	contend->has_mutex = true;
	*lock = (struct ptw_mmu_lock){
		.size = sizeof(*lock),
		.context = contend,
		.lock = contend_lock,
		.try_lock = try_too ? contend_try : NULL,
		.unlock = contend_unlock,
		.clock = contend_clock,
	};
	return true;
}

static void *contend_run(void *context)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct contend *contend = context;

	ptw_thread_register();
	/* Relaxed: nothing but the flag itself is told, and a join follows. */
	while (!__atomic_load_n(&contend->stop, __ATOMIC_RELAXED)) {
		uint64_t since = contend_clock(NULL), start;

		if (pthread_mutex_trylock(&contend->mutex)) {
			pthread_mutex_lock(&contend->mutex);
			start = contend_clock(NULL);
			ptw_space_stall_add(contend->space, PTW_STALL_WRITER, start - since);
		} else {
			start = since;
		}
		while (contend_clock(NULL) - start < HOLD_NS)
			;
		pthread_mutex_unlock(&contend->mutex);
		nanosleep(&pause, NULL);
	}
	ptw_thread_unregister();
	return NULL;
}

bool contend_start(struct contend *contend, struct ptw_space *space)
{
	contend->space = space;
	contend->running = pthread_create(&contend->thread, NULL, contend_run, contend) == 0;
	return contend->running;
}

void contend_stop(struct contend *contend)
{
	if (!contend->running)
		return;
	__atomic_store_n(&contend->stop, true, __ATOMIC_RELAXED);
	pthread_join(contend->thread, NULL);
	contend->running = false;
}

void contend_destroy(struct contend *contend)
{
	contend_stop(contend);
	if (contend->has_mutex)
		pthread_mutex_destroy(&contend->mutex);
	contend->has_mutex = false;
}
