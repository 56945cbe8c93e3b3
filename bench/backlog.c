/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "backlog.h"

#include <time.h>

#include <ptw/ptw.h>

#include "figure.h"
#include "scan.h"

/* Between two tables: less than 10 000 a second, 40 MB. */
#define PERIOD_NS 100000u
/* Half of the library's own limit, at which it would hold the writer up itself. */
#define MOST 32768

struct retirer {
	struct ptw_pgtable *pgtable;
	struct backlog *backlog;
	int error;
};

static int renew(struct retirer *r)
{
	struct ptw_change_result result = {.size = sizeof(result)};
	const uint64_t start = SCAN_WRITER_PAGE << PAGE_LG2;
	const uint64_t end = start + (TABLE_ENTRIES << PAGE_LG2);
	int error = ptw_unmap(r->pgtable, start, end, NULL, &result);

	r->backlog->retired += result.tables;
	return error ? error : ptw_map(r->pgtable, start, end, start, &tables_map, NULL);
}

static void *retire_run(void *context)
{
	const struct timespec period = {.tv_nsec = PERIOD_NS};
	struct ptw_info info = {.size = sizeof(info)};
	struct retirer *r = context;
	struct backlog *b = r->backlog;
	const double ns = 1e9 * b->seconds;
	uint64_t start = now_ns();
	double passed;

	ptw_thread_register();
	while (passed = (double)(now_ns() - start), passed < ns && !r->error) {
		uint64_t *point = &b->curve[(unsigned int)(passed / ns * BACKLOG_POINTS)];

		if (info.tables_retired < MOST)
			r->error = renew(r);
		else
			b->limited++;
		ptw_pgtable_info(r->pgtable, &info);
		if (*point < info.tables_retired)
			*point = info.tables_retired;
		if (b->most < info.tables_retired)
			b->most = info.tables_retired;
		nanosleep(&period, NULL);
	}
	ptw_thread_unregister();
	return NULL;
}

void backlog_run(struct arena *arena, struct backlog *b)
{
	/* Its own, as tables are replaced. */
	struct tables tables;
	struct retirer retirer = {.backlog = b};
	struct scan scan = {
		.tables = &tables,
		.kind = &lock_rcu,
		.piece = SCAN_WHOLE,
		.start = SCAN_FEW,
		.cpu = arena->cpus.harvester,
		.idle = b->rival == RIVAL_PREEMPTED,
	};
	struct hog hog;
	pthread_t thread;

	tables_build(&tables, SCAN_ENTRIES);
	retirer.pgtable = tables.pgtable;
	if (b->rival != RIVAL_NONE)
		scan_start(&scan);
	if (b->rival == RIVAL_PREEMPTED)
		hog_start(&hog, arena->cpus.harvester);
	thread_start(&thread, arena->cpus.writer, false, retire_run, &retirer);
	pthread_join(thread, NULL);
	if (b->rival == RIVAL_PREEMPTED)
		hog_stop(&hog);
	if (b->rival != RIVAL_NONE)
		scan_stop(&scan, 0);
	if (retirer.error)
		bench_die(EXIT_WRONG, "the writer failed: %s", ptw_strerror(retirer.error));
	tables_free(&tables);
}
