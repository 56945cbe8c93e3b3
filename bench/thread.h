/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Threads that stay where they are put, and what the kernel did to them. */
#ifndef PTW_BENCH_THREAD_H
#define PTW_BENCH_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* One processor for the writer, another one for the harvester. */
struct cpus {
	int writer;
	int harvester;
};

/*
 * The first and the last processor this process may use, which are not two halves of one core on
 * machines that have more than one. False: there is only one.
 */
bool cpus_pick(struct cpus *cpus);

/* Where the kernel has more than one policy, `idle` is the one that runs when nobody else wants to. */
void thread_start(pthread_t *thread, int cpu, bool idle, void *(*run)(void *), void *context);

/* A thread that does nothing but keep a processor busy. */
struct hog {
	pthread_t thread;
	bool stop;
};

void hog_start(struct hog *hog, int cpu);
void hog_stop(struct hog *hog);

uint64_t now_ns(void);

/* Load average of the last minute; negative: unknown. */
double machine_load(void);

/* How often the kernel took the processor away from this thread. */
long preemptions(void);

/* Flags between threads that order nothing: each run is followed by a join. */
static inline bool flag_read(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static inline void flag_set(bool *flag)
{
	__atomic_store_n(flag, true, __ATOMIC_RELAXED);
}

static inline void cpu_relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

#endif /* PTW_BENCH_THREAD_H */
