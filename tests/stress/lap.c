/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A lap: one page table, its threads, and the rounds they play. Integers only: kernels run it, too. */
#include <stdlib.h>
#include <time.h>

#include "stress.h"

#define ROUND_MS 100

static void lap_lay_out(struct stress *s, uint64_t *random)
{
	struct ptw_info info = { .size = sizeof(info) };
	struct ptw_check_result check = { .size = sizeof(check) };

	ptw_pgtable_info(s->pgtable, &info);
	ptw_pgtable_regs(s->pgtable, &s->regs);
	ptw_check(s->pgtable, PTW_CHECK_COUNTS, &check);
	if (s->config.kernel && info.kernel != s->config.kernel)
		stress_fail(s, "kernel %u was asked for, and is %u", s->config.kernel, info.kernel);
	s->root_tables = check.tables;
	s->granule_lg2 = info.granule_lg2;
	s->granule = (uint64_t)1 << info.granule_lg2;
	s->ia_bits = info.ia_bits;
	if (s->config.format == PTW_FORMAT_X86_64 || s->config.format == PTW_FORMAT_ARM64_S1)
		s->user = PTW_ACCESS_USER;
	s->hardware = s->config.features & PTW_FEATURE_HW_ACCESSED;
	s->write_is_dirty = s->config.format == PTW_FORMAT_ARM64_S2 ||
			    s->config.format == PTW_FORMAT_ARM64_S1;
	space_lay_out(s, &info, random);
	s->page = calloc(s->pages, sizeof(*s->page));
	if (!s->page)
		abort();
}

static void lap_open_worker(struct stress *s, unsigned int i, uint64_t *random)
{
	struct worker *w = &s->threads[i];

	w->stress = s;
	w->number = i;
	w->random = next_random(random);
	if (i < s->cpus) {
		cpu_open(s, i);
		return;
	}
	w->young = calloc(s->bitmap_words * 4, 8);
	if (!w->young)
		abort();
	w->dirty = w->young + s->bitmap_words;
	w->young_out = w->dirty + s->bitmap_words;
	w->dirty_out = w->young_out + s->bitmap_words;
}

static void *lap_worker(void *argument)
{
	struct worker *w = argument;
	struct stress *s = w->stress;

	for (;;) {
		pthread_barrier_wait(&s->barrier); /* a round begins */
		if (s->over)
			return NULL;
		/* With QSBR a registered thread that waits would hold up grace periods. */
		ptw_thread_register();
		while (!atomic_load_explicit(&s->pause, memory_order_relaxed)) {
			if (w->cpu)
				cpu_step(w);
			else
				play_step(w);
			stress_breathe();
		}
		ptw_thread_unregister();
		pthread_barrier_wait(&s->barrier); /* all stand still */
	}
}

bool lap_open(struct stress *s, void (*configure)(struct stress *s, uint64_t *random))
{
	uint64_t random = s->options->seed * 0x9e3779b97f4a7c15u + s->lap;
	int ret = ptw_preset(s->options->config, &s->config);

	pthread_mutex_init(&s->failure_lock, NULL);
	pthread_mutex_init(&s->writer_lock, NULL);
	s->pool = (struct ptw_pool_config){ .size = sizeof(s->pool) };
	s->config.pool = &s->pool;
	s->config.flush = cpu_flush;
	s->config.flush_context = s;
	configure(s, &random);
	if (!ret)
		ret = ptw_pgtable_create(&s->config, &s->pgtable);
	if (ret) {
		stress_fail(s, "create %s: %s", s->options->config, ptw_strerror(ret));
		return false;
	}
	lap_lay_out(s, &random);
	s->cpus = s->options->threads / 4 ? s->options->threads / 4 : 1;
	s->workers = s->options->threads - s->cpus;
	for (unsigned int i = 0; i < s->options->threads; i++)
		lap_open_worker(s, i, &random);
	pthread_barrier_init(&s->barrier, NULL, s->options->threads + 1);
	for (unsigned int i = 0; i < s->options->threads; i++)
		if (pthread_create(&s->threads[i].thread, NULL, lap_worker, &s->threads[i]))
			abort();
	return true;
}

void lap_round(struct stress *s, unsigned int round)
{
	const struct timespec time = { .tv_nsec = ROUND_MS * 1000000L };

	s->resting = false;
	s->hot_round = round % 4 == 1;
	s->exact_round = round % 4 == 3;
	/* Translations of before would let accesses pass that leave nothing behind. */
	if (s->exact_round)
		cpu_flush_all(s);
	atomic_store_explicit(&s->pause, false, memory_order_relaxed);
	ptw_thread_unregister(); /* as in lap_worker() */
	pthread_barrier_wait(&s->barrier);
	nanosleep(&time, NULL);
	atomic_store_explicit(&s->pause, true, memory_order_relaxed);
	pthread_barrier_wait(&s->barrier);
	ptw_thread_register();
	s->resting = true;
	s->hot_round = false;
	s->exact_round = false;
	rest_check(s);
}

void lap_close(struct stress *s)
{
	s->over = true;
	if (!s->failed)
		rest_empty(s);
	pthread_barrier_wait(&s->barrier);
	for (unsigned int i = 0; i < s->options->threads; i++)
		pthread_join(s->threads[i].thread, NULL);
	if (!s->failed && play_role(&s->threads[s->cpus], ROLE_X, space_all(s)) != PTW_OK)
		stress_fail(s, "destroy failed");
	for (unsigned int i = 0; i < s->cpus; i++)
		cpu_close(s, i);
	for (unsigned int i = s->cpus; i < s->options->threads; i++)
		free(s->threads[i].young);
	pthread_barrier_destroy(&s->barrier);
	free(s->page);
}
