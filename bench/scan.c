/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "scan.h"

#include <stdlib.h>

#include <ptw/ptw.h>

#include "figure.h"
#include "thread.h"

#define PLANT_EACH_PASS 64
/* Between two reports, where each may take a while. */
#define SMALL_PIECES ((uint64_t)256)

static bool is_writers(uint64_t page)
{
	return page / TABLE_ENTRIES == SCAN_WRITER_TABLE;
}

static void plant_some(struct scan *s, uint64_t count)
{
	while (count--) {
		uint64_t page = s->first + tables_random(s->tables) % s->range;
		uint64_t *entry = &s->tables->table[page / TABLE_ENTRIES][page % TABLE_ENTRIES];

		if (is_writers(page))
			continue;
		s->made +=
			!(__atomic_fetch_or(entry, EPT_ACCESSED, __ATOMIC_RELAXED) & EPT_ACCESSED);
		s->planted[page / 64] |= (uint64_t)1 << page % 64;
	}
}

/* By plain stores: nobody else changes these tables, and locked instructions would take as long as
 * the harvest itself. */
static void plant_all(struct scan *s, uint64_t at, uint64_t piece)
{
	for (uint64_t t = at / TABLE_ENTRIES; t < (at + piece) / TABLE_ENTRIES; t++) {
		uint64_t *table = s->tables->table[t];

		if (t == SCAN_WRITER_TABLE)
			continue;
		for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
			uint64_t e = __atomic_load_n(&table[i], __ATOMIC_RELAXED);

			s->made += !(e & EPT_ACCESSED);
			__atomic_store_n(&table[i], e | EPT_ACCESSED, __ATOMIC_RELAXED);
		}
		for (unsigned int w = 0; w < TABLE_ENTRIES / 64; w++)
			s->planted[t * (TABLE_ENTRIES / 64) + w] = UINT64_MAX;
	}
}

static void plant(struct scan *s)
{
	if (s->start == SCAN_ALL && s->mmu && !flag_read(&s->stop))
		plant_all(s, s->first, s->range);
	if (s->start == SCAN_ALL)
		return;
	if (s->start == SCAN_HUNDREDTH)
		plant_some(s, s->range / 100);
	else if (s->passes)
		plant_some(s, s->start == SCAN_FEW ? PLANT_EACH_PASS : 0);
	else
		plant_some(s, s->start == SCAN_FEW ? s->range / 10 : PLANT_EACH_PASS);
}

/* The piece that begins at entry `at`. */
static void ask_piece(struct scan *s, uint64_t at, uint64_t piece)
{
	struct ptw_mmu_ask ask = {
		.size = sizeof(ask),
		.flags = PTW_HARVEST_ACCESSED,
		.start = at,
		.end = at + piece,
		.young = s->found + at / 64,
		.resume = at + piece,
	};
	int error = s->mmu->ops->harvest(s->mmu->context, &ask);

	if (error)
		s->error = error;
	s->young += ask.young_pages;
}

static void harvest_piece(struct scan *s, uint64_t at, uint64_t piece)
{
	const struct ptw_harvest request = {
		.size = sizeof(request),
		.flags = PTW_HARVEST_ACCESSED,
		.young = s->found + at / 64,
	};
	struct ptw_harvest_result result = {.size = sizeof(result)};
	int error;

	s->kind->harvest_lock(s->lock);
	/* With the lock held, so that there is no pause between sections that are to be long. */
	if (s->start == SCAN_ALL && !flag_read(&s->stop))
		plant_all(s, at, piece);
	error = ptw_harvest(s->tables->pgtable, at << PAGE_LG2, (at + piece) << PAGE_LG2, &request,
			    &result);
	s->kind->harvest_unlock(s->lock);
	if (error)
		s->error = error;
	s->young += result.young_pages;
}

static void report(struct scan *s, uint64_t entries, uint64_t ns)
{
	uint64_t lost = (uint64_t)preemptions();

	if (lost == s->lost) {
		s->kept_entries += entries;
		s->kept_ns += ns;
	}
	__atomic_store_n(&s->lost, lost, __ATOMIC_RELAXED);
	/* Partner: scan_reports(). */
	__atomic_store_n(&s->reports, s->reports + 1, __ATOMIC_RELEASE);
}

static void pass(struct scan *s)
{
	const uint64_t part = s->piece < TABLE_ENTRIES ? SMALL_PIECES * s->piece : SCAN_CALL;
	uint64_t start, since;
	const uint64_t end = s->first + s->range;
	uint64_t at = s->first;
	uint64_t told = at;

	plant(s);
	/* Losing the processor while planting spoils no part, but it does spoil the writer's windows. */
	if (s->mmu)
		report(s, 0, 0);
	start = since = now_ns();
	while (at < end && !flag_read(&s->stop)) {
		if (s->mmu)
			ask_piece(s, at, s->piece);
		else
			harvest_piece(s, at, s->piece);
		at += s->piece;
		if (at % part == 0) {
			report(s, at - told, now_ns() - since);
			told = at;
			since = now_ns();
		}
	}
	s->ns += now_ns() - start;
	s->entries += at - s->first;
	s->passes++;
}

uint64_t scan_reports(const struct scan *s, uint64_t *lost)
{
	/* Partner: report(). The count may be that of a later report, which does no harm. */
	uint64_t reports = __atomic_load_n(&s->reports, __ATOMIC_ACQUIRE);

	*lost = __atomic_load_n(&s->lost, __ATOMIC_RELAXED);
	return reports;
}

static void *scan_run(void *context)
{
	struct scan *s = context;
	uint64_t before;

	ptw_thread_register();
	pass(s);
	/* Page faults and a tenth of young pages: not what is to be measured. */
	s->ns = s->entries = s->kept_ns = s->kept_entries = 0;
	before = s->lost;
	sem_post(&s->ready);
	while (!flag_read(&s->stop))
		pass(s);
	s->preempted = s->lost - before;
	ptw_thread_unregister();
	return NULL;
}

void scan_start(struct scan *s)
{
	s->entries = s->ns = s->passes = s->reports = s->lost = s->preempted = s->made = s->young =
		0;
	s->kept_entries = s->kept_ns = 0;
	s->error = 0;
	s->stop = false;
	if (!s->range)
		s->range = SCAN_ENTRIES;
	s->planted = bench_new(SCAN_ENTRIES / 64, sizeof(uint64_t), "bitmaps");
	s->found = bench_new(SCAN_ENTRIES / 64, sizeof(uint64_t), "bitmaps");
	sem_init(&s->ready, 0, 0);
	thread_start(&s->thread, s->cpu, s->idle, scan_run, s);
	sem_wait(&s->ready);
}

void scan_stop(struct scan *s, uint64_t writer)
{
	flag_set(&s->stop);
	pthread_join(s->thread, NULL);
	sem_destroy(&s->ready);
	harvest_piece(s, 0, SCAN_ENTRIES);
	if (s->error)
		bench_die(EXIT_WRONG, "harvest failed: %s", ptw_strerror(s->error));
	if (s->young != s->made + writer)
		bench_die(
			EXIT_WRONG,
			"wrong harvest: pages were made young %llu times, and harvested %llu times",
			(unsigned long long)(s->made + writer), (unsigned long long)s->young);
	for (uint64_t i = 0; i < SCAN_ENTRIES / 64; i++)
		if (!is_writers(i * 64) && s->found[i] != s->planted[i])
			bench_die(EXIT_WRONG,
				  "wrong harvest: of pages %llu on %016llx were young, "
				  "harvested %016llx",
				  (unsigned long long)i * 64, (unsigned long long)s->planted[i],
				  (unsigned long long)s->found[i]);
	free(s->planted);
	free(s->found);
}
