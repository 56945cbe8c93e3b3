/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The lock of a secondary MMU, and a thread that takes it now and then, as faults of other vCPUs
 * do. Times that the two wait for each other are told apart.
 */
#ifndef PTW_SIM_CONTEND_H
#define PTW_SIM_CONTEND_H

#include <pthread.h>
#include <stdbool.h>

#include <ptw/ptw.h>

struct contend {
	pthread_mutex_t mutex;
	bool has_mutex;
	bool running;
	bool stop;
	pthread_t thread;
	struct ptw_space *space; /* where the thread reports the time it lost */
	uint64_t waits;		 /* holds that were waited for by ageing and reclaim */
	uint64_t waited;	 /* nanoseconds of that */
};

/* Nanoseconds on a steady clock; the argument is not looked at. */
uint64_t contend_clock(void *context);

/* A lock for ptw_mmu_locked_create(): the caller waits for it, or with `try_too` may try it. */
bool contend_create(struct contend *contend, bool try_too, struct ptw_mmu_lock *lock);

/* Start the thread. False: the system gives none. */
bool contend_start(struct contend *contend, struct ptw_space *space);

/* End the thread, if it runs. */
void contend_stop(struct contend *contend);

/* Of one that was created, or is all zero. */
void contend_destroy(struct contend *contend);

#endif /* PTW_SIM_CONTEND_H */
