/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory of a page table beyond its tables: what ptw_pgtable_info() tells, and, since that could be
 * wrong, how much memory the process has taken from the kernel meanwhile.
 */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include <ptw/ptw.h>

#include "figure.h"
#include "tables.h"

/* With 4-KiB tables and 1 M entries or more, a share of the tables; otherwise bytes. */
#define SHARE_GOAL	1.016
#define BYTES_PER_TABLE 64
#define BYTES_ALWAYS	8192
#define SHARE_ENTRIES	((uint64_t)1 << 20)

/*
 * The cross-check sees everything that the process touches meanwhile, such as the stack and the
 * kernel's rounding to pages.
 */
#define RESIDENT_SLACK (64 * 1024)

struct subject {
	const char *id;
	const char *preset;
	uint64_t entries;
};

static const struct subject subjects[] = {
	{"memory-1m", "ept4", SHARE_ENTRIES},
	{"memory-16m", "ept4", 16 * SHARE_ENTRIES},
	{"memory-64k", "ept4", 64 * 1024},
	{"memory-1", "ept4", 1},
	{"memory-arm64-16k-1m", "arm64-s2-16k", SHARE_ENTRIES},
	{"memory-arm64-64k-1m", "arm64-s2-64k", SHARE_ENTRIES},
};

/* Anonymous memory in use, exactly: /proc/self/statm is some pages late per processor. */
static uint64_t resident(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	unsigned long long kib = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Anonymous: %llu kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib * 1024;
}

static void map_pages(const struct subject *s, struct ptw_pgtable **pgtable)
{
	struct ptw_config config;
	uint64_t granule;
	int error = ptw_preset(s->preset, &config);

	granule = config.granule_lg2;
	if (!error)
		error = ptw_pgtable_create(&config, pgtable);
	if (!error)
		error = ptw_map(*pgtable, 0, s->entries << granule, 0, &tables_map, NULL);
	if (error)
		bench_die(EXIT_WRONG, "cannot map %llu pages of %s: %s",
			  (unsigned long long)s->entries, s->preset, ptw_strerror(error));
}

static void memory_figure(struct sink *sink, const struct subject *s)
{
	struct ptw_info info = {.size = sizeof(info)};
	struct figure figure = {0};
	struct ptw_pgtable *pgtable;
	uint64_t before = resident();
	uint64_t table, root, all, bytes, grown;
	bool share;

	map_pages(s, &pgtable);
	grown = resident() - before;
	ptw_pgtable_info(pgtable, &info);
	table = (uint64_t)8 << info.index_lg2;
	root = (uint64_t)8 << info.root_lg2;
	if (root < table)
		root = table;
	all = info.tables * table + root;
	/* The one that is worse, less what the cross-check cannot tell. */
	bytes = info.bytes;
	if (before && grown > bytes + RESIDENT_SLACK)
		bytes = grown - RESIDENT_SLACK;
	share = table == 4096 && s->entries >= SHARE_ENTRIES;
	snprintf(figure.id, sizeof(figure.id), "%s", s->id);
	figure.value = share ? (double)bytes / (double)all : (double)bytes - (double)all;
	figure.goal =
		share ? SHARE_GOAL : (double)((info.tables + 1) * BYTES_PER_TABLE + BYTES_ALWAYS);
	snprintf(figure.detail, sizeof(figure.detail),
		 "%s: %llu tables of %llu KiB and the root; %llu bytes by "
		 "ptw_pgtable_info, %lld resident beyond the tables",
		 share ? "share of the tables" : "bytes beyond the tables",
		 (unsigned long long)info.tables, (unsigned long long)table / 1024,
		 (unsigned long long)(info.bytes - all), (long long)(grown - all));
	sink_figure(sink, &figure);
	ptw_pgtable_destroy(pgtable);
}

void memory_measure(struct sink *sink)
{
	struct ptw_pgtable *pgtable;

	/* Huge pages would count what was never touched: that is the kernel's policy, not ours. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	/* What is needed once, such as liburcu's thread, belongs to no page table. */
	map_pages(&subjects[0], &pgtable);
	ptw_pgtable_destroy(pgtable);
	resident();
	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		memory_figure(sink, &subjects[i]);
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
}
