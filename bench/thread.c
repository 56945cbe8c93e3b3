/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* RUSAGE_THREAD, SCHED_IDLE, affinity */
#define _GNU_SOURCE
#include "thread.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "figure.h"

bool cpus_pick(struct cpus *cpus)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	*cpus = (struct cpus){-1, -1};
	if (sched_getaffinity(0, sizeof(set), &set))
		return false;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		if (cpus->writer < 0)
			cpus->writer = cpu;
		else
			cpus->harvester = cpu;
	}
	return cpus->harvester >= 0;
}

void thread_start(pthread_t *thread, int cpu, bool idle, void *(*run)(void *), void *context)
{
	const struct sched_param param = {0};
	pthread_attr_t attr;
	cpu_set_t set;
	int error;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	pthread_attr_init(&attr);
	error = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	if (!error)
		error = pthread_create(thread, &attr, run, context);
	/* From outside, so that the thread need not know. */
	if (!error && idle)
		error = pthread_setschedparam(*thread, SCHED_IDLE, &param);
	pthread_attr_destroy(&attr);
	if (error)
		bench_die(EXIT_WRONG, "cannot start a thread%s on processor %d: %s",
			  idle ? " with policy SCHED_IDLE" : "", cpu, strerror(error));
}

static void *hog_run(void *context)
{
	const struct hog *hog = context;

	while (!flag_read(&hog->stop))
		cpu_relax();
	return NULL;
}

void hog_start(struct hog *hog, int cpu)
{
	hog->stop = false;
	thread_start(&hog->thread, cpu, false, hog_run, hog);
}

void hog_stop(struct hog *hog)
{
	flag_set(&hog->stop);
	pthread_join(hog->thread, NULL);
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

double machine_load(void)
{
	double average = 0;

	return getloadavg(&average, 1) == 1 ? average : -1;
}

long preemptions(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nivcsw;
}
