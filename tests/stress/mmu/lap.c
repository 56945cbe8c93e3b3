/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A lap: one space, its threads, and the rounds they play. */
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "mmu_stress.h"

#define BUSY_MS	 30
#define QUIET_MS 20 /* every other round */

void stress_fail(struct stress *s, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&s->failure_lock);
	if (!atomic_load_explicit(&s->failed, memory_order_relaxed)) {
		atomic_store_explicit(&s->failed, true, memory_order_relaxed);
		fprintf(s->options->log, "# FAILED in lap %u: ", s->lap);
		va_start(args, format);
		vfprintf(s->options->log, format, args);
		va_end(args);
		fputc('\n', s->options->log);
		fflush(s->options->log);
	}
	pthread_mutex_unlock(&s->failure_lock);
}

void stress_pause(struct worker *w)
{
	const struct timespec time = { .tv_nsec = 1000 * (long)below(w, 100) };

	switch (below(w, 32)) {
	case 0:
		nanosleep(&time, NULL);
		break;
	case 1 ... 4:
		sched_yield();
		break;
	default:
		break;
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t nanoseconds(void *context)
{
	struct timespec time;

	(void)context;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void must(struct stress *s, const char *what, int ret)
{
	if (ret)
		stress_fail(s, "%s: %s", what, ptw_strerror(ret));
}

/* The space, and the MMU that stays. */
static void lap_open_space(struct stress *s)
{
	const struct ptw_space_config space = { .size = sizeof(space),
						.clock = s->quick ? NULL : nanoseconds };
	const struct ptw_rmap_config rmap = {
		.size = sizeof(rmap), .frames = AREA_PAGES, .levels = 1 };
	struct ptw_slot slot = { .size = sizeof(slot), .pages = AREA_PAGES };
	struct ptw_config config;

	must(s, "preset", ptw_preset("ept4", &config));
	must(s, "page table", ptw_pgtable_create(&config, &s->like));
	must(s, "space", ptw_space_create(&space, &s->space));
	for (unsigned int i = 0; i < MMUS && !s->failed; i++) {
		const struct ptw_mmu_shadow shadow = {
			.size = sizeof(shadow),
			.rmaps = &s->rmap[i],
			.count = 1,
			.like = s->like,
		};

		must(s, "reverse map", ptw_rmap_create(&rmap, &s->rmap[i]));
		must(s, "shadow MMU", ptw_mmu_shadow_create(&shadow, &s->shadow[i]));
		pthread_rwlock_init(&s->visitor[i].lock, NULL);
		pthread_mutex_init(&s->visitor[i].behind, NULL);
	}
	must(s, "register", ptw_space_register(s->space, &s->shadow[0], NULL, &s->home_id));
	slot.mmu = s->home_id;
	must(s, "slot", ptw_space_add_slot(s->space, &slot));
}

/* If so, it took a while; and there is nothing to do, for a mapper. */
static bool lap_is_quiet(struct stress *s, const struct worker *w)
{
	const struct timespec slow = { .tv_nsec = 20000 };

	if (!atomic_load_explicit(&s->quiet, memory_order_relaxed))
		return false;
	nanosleep(&slow, NULL);
	return w->role == ROLE_MAPPER;
}

static void *lap_worker(void *argument)
{
	static void (*const steps[])(struct worker *w) = {
		[ROLE_CPU] = cpu_step,	 [ROLE_MAPPER] = mapper_step,	[ROLE_WATCHER] = watcher_step,
		[ROLE_AGER] = ager_step, [ROLE_CHANGER] = changer_step,
	};
	struct worker *w = argument;
	struct stress *s = w->stress;

	for (;;) {
		pthread_barrier_wait(&s->barrier); /* a round begins */
		if (s->over)
			return NULL;
		/* With QSBR a registered thread that waits would hold up grace periods. */
		ptw_thread_register();
		while (!atomic_load_explicit(&s->pause, memory_order_relaxed))
			if (w->role > ROLE_MAPPER || !lap_is_quiet(s, w))
				steps[w->role](w);
		ptw_thread_unregister();
		pthread_barrier_wait(&s->barrier); /* all stand still */
	}
}

static void lap_open_workers(struct stress *s, uint64_t *random)
{
	static const enum role roles[] = { ROLE_CPU,	 ROLE_MAPPER, ROLE_WATCHER, ROLE_AGER,
					   ROLE_CHANGER, ROLE_CPU,    ROLE_MAPPER,  ROLE_WATCHER };

	for (unsigned int i = 0; i < s->options->threads; i++) {
		struct worker *w = &s->worker[i];

		w->stress = s;
		w->role = roles[i % (sizeof(roles) / sizeof(roles[0]))];
		w->number = s->roles[w->role]++;
		w->random = next_random(random);
		if (w->role == ROLE_MAPPER)
			mapper_open(w);
		if (w->role == ROLE_WATCHER)
			w->watch = calloc(1, sizeof(*w->watch));
		if (w->role == ROLE_WATCHER && !w->watch)
			abort();
	}
	for (unsigned int mmu = 1; mmu < MMUS; mmu++)
		changer_open(s, mmu, &s->worker[0]);
	pthread_barrier_init(&s->barrier, NULL, s->options->threads + 1);
	for (unsigned int i = 0; i < s->options->threads; i++)
		if (pthread_create(&s->worker[i].thread, NULL, lap_worker, &s->worker[i]))
			abort();
}

static void lap_round(struct stress *s, unsigned int round)
{
	const struct timespec busy = { .tv_nsec = BUSY_MS * 1000000L };
	const struct timespec quiet = { .tv_nsec = QUIET_MS * 1000000L };

	atomic_store_explicit(&s->quiet, false, memory_order_relaxed);
	atomic_store_explicit(&s->pause, false, memory_order_relaxed);
	ptw_thread_unregister(); /* as in lap_worker() */
	pthread_barrier_wait(&s->barrier);
	nanosleep(&busy, NULL);
	if (round & 1) {
		atomic_store_explicit(&s->quiet, true, memory_order_relaxed);
		nanosleep(&quiet, NULL);
	}
	atomic_store_explicit(&s->pause, true, memory_order_relaxed);
	pthread_barrier_wait(&s->barrier);
	ptw_thread_register();
	rest_check(s);
}

/* What was registered must be released, once, at the latest with the space. */
static void lap_bury(struct stress *s)
{
	struct stay *stay = s->graveyard;

	while (stay) {
		struct stay *next = stay->next;

		if (!stay->released)
			stress_fail(s, "the space is gone, but an MMU was not released");
		free(stay);
		stay = next;
	}
}

static void lap_close(struct stress *s)
{
	s->over = true;
	pthread_barrier_wait(&s->barrier);
	for (unsigned int i = 0; i < s->options->threads; i++) {
		pthread_join(s->worker[i].thread, NULL);
		if (s->worker[i].role == ROLE_MAPPER)
			mapper_drop_all(&s->worker[i]);
	}
	for (unsigned int i = 0; i < AREA_PAGES; i += 2) {
		add(&s->events[EVENT_EXACT], s->watch_quick ? 0 : get(&s->item[i].set[YOUNG]));
		add(&s->events[EVENT_EXACT], s->watch_dirty ? 0 : get(&s->item[i].set[DIRTY]));
	}
	must(s, "destroying the space", ptw_space_destroy(s->space));
	lap_bury(s);
	for (unsigned int i = 0; i < MMUS; i++) {
		struct ptw_rmap_info info = { .size = sizeof(info) };

		ptw_rmap_info(s->rmap[i], &info);
		if (info.entries || info.chains)
			stress_fail(s, "all entries are dropped, but MMU %u has %llu, and %llu chains", i,
				    (unsigned long long)info.entries,
				    (unsigned long long)info.chains);
		ptw_mmu_destroy(&s->shadow[i]);
		ptw_rmap_destroy(s->rmap[i]);
		pthread_rwlock_destroy(&s->visitor[i].lock);
		pthread_mutex_destroy(&s->visitor[i].behind);
	}
	/* Blocks of entries that wait for a grace period. */
	ptw_port_rcu_barrier();
	for (unsigned int i = 0; i < s->options->threads; i++) {
		if (s->worker[i].role == ROLE_MAPPER)
			mapper_close(&s->worker[i]);
		free(s->worker[i].watch);
	}
	must(s, "destroying the page table", ptw_pgtable_destroy(s->like));
	pthread_barrier_destroy(&s->barrier);
}

bool lap_run(const struct options *options, _Atomic uint64_t *events, unsigned int lap,
	     double seconds, unsigned int *rounds)
{
	struct stress *s = calloc(1, sizeof(*s));
	uint64_t random = options->seed * 0x9e3779b97f4a7c15u + lap;
	const double end = now() + seconds;
	bool failed;

	if (!s)
		abort();
	s->options = options;
	s->events = events;
	s->lap = lap;
	s->watch_dirty = (options->seed + lap) & 1;
	s->quick = (options->seed + lap) & 2;
	s->watch_quick = s->watch_dirty && s->quick;
	pthread_mutex_init(&s->failure_lock, NULL);
	lap_open_space(s);
	if (s->failed)
		return false;
	lap_open_workers(s, &random);
	do {
		alarm(options->watchdog);
		lap_round(s, (*rounds)++);
	} while (now() < end && !s->failed);
	lap_close(s);
	alarm(0);
	failed = s->failed;
	pthread_mutex_destroy(&s->failure_lock);
	free(s);
	return !failed;
}
