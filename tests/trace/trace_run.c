/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Several writers on one arm64 stage-2 page table, put on record by ports/casemate:
 *
 *	PTW_TRACE_FILE=FILE trace_run all|apart [SEED [ROUNDS [PRESET [BBM_LEVEL]]]]
 *
 * all: everybody everywhere, with software CPUs that set accessed and dirty, and a harvester.
 * apart: each writer in a piece of its own, with what Casemate's model accepts. It holds writes below
 * a table that was unlinked but not yet flushed for wrong, a table put back without a flush, and a
 * change of permissions of a leaf that is not accessed; Arm's rules allow these.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/ptw.h>

#include "ports/casemate/trace.h"

#define WRITERS 3u
#define BLOCKS	2u /* of level 1, for each writer */

static struct {
	struct ptw_pgtable *pgtable;
	struct ptw_regs regs;
	struct ptw_info info;
	uint64_t granule, block;
	uint64_t seed;
	unsigned int rounds;
	bool apart;
	atomic_bool stop;
	atomic_ullong done, refused;
} t;

static uint64_t below(uint64_t *state, uint64_t n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 11) % n;
}

/* Errors that the calls may give here; any other ends the run. */
static void took(const char *what, int ret)
{
	if (ret == PTW_OK)
		atomic_fetch_add(&t.done, 1);
	else if (ret == PTW_ERR_EXISTS || ret == PTW_ERR_AGAIN || ret == PTW_ERR_BLOCK)
		atomic_fetch_add(&t.refused, 1);
	else {
		fprintf(stderr, "%s: %s (seed %" PRIu64 ")\n", what, ptw_strerror(ret), t.seed);
		exit(1);
	}
}

static void harvest(uint64_t start, uint64_t end, uint32_t flags)
{
	const struct ptw_harvest request = {.size = sizeof(request), .flags = flags};

	took("harvest", ptw_harvest(t.pgtable, start, end, &request, NULL));
}

/* One change somewhere in the blocks from `base` on. */
static void one_change(uint64_t *random, uint64_t base, uint64_t blocks)
{
	const uint64_t pages = t.block / t.granule, block = base + below(random, blocks) * t.block;
	const struct ptw_map map = {
		.size = sizeof(map),
		.prot = PTW_PROT_READ | PTW_PROT_WRITE | (below(random, 2) ? PTW_PROT_EXEC : 0),
		.flags = below(random, 2) ? PTW_LEAF_YOUNG | PTW_LEAF_DIRTY : 0,
		.page_levels = (uint32_t)below(random, 3),
	};
	const uint64_t oa = block + (below(random, 4) + 1) * ((uint64_t)1 << 32);
	const uint64_t first = below(random, pages), length = 1 + below(random, pages - first);
	uint64_t start = block + first * t.granule, end = start + length * t.granule;

	switch (below(random, 12)) {
	case 0:
	case 1: /* all of it */
		took("map", ptw_map(t.pgtable, block, block + t.block, oa, &map, NULL));
		break;
	case 2:
	case 3:
		took("map", ptw_map(t.pgtable, start, end, oa + first * t.granule, &map, NULL));
		break;
	case 4:
	case 5: /* all but one page, where whole tables must not go */
		if (t.apart)
			start = block + t.granule, end = block + t.block;
		else
			start = block, end = block + t.block;
		took("unmap", ptw_unmap(t.pgtable, start, end, NULL, NULL));
		if (t.apart)
			took("unmap", ptw_unmap(t.pgtable, block, start, NULL, NULL));
		break;
	case 6:
		took("unmap", ptw_unmap(t.pgtable, start, end, NULL, NULL));
		break;
	case 7:
		took("split", ptw_split(t.pgtable, start, end, 0, NULL));
		break;
	case 8:
		took("collapse", ptw_collapse(t.pgtable, block, block + t.block, 1, NULL));
		break;
	case 9:
		took("reclaim", ptw_reclaim(t.pgtable, block, block + t.block, NULL));
		break;
	case 10:
		took("set_user_bit",
		     ptw_set_user_bit(t.pgtable, start, end, below(random, 2), NULL));
		break;
	default:
		if (t.apart)
			harvest(start, end, PTW_HARVEST_ACCESSED);
		else if (below(random, 2))
			took("write_protect",
			     ptw_write_protect(t.pgtable, start, end, false, NULL, NULL));
		else
			took("protect",
			     ptw_protect(t.pgtable, start, end, PTW_PROT_READ, NULL, NULL));
	}
}

static void *writer_main(void *argument)
{
	const uint64_t number = (uint64_t)(uintptr_t)argument;
	uint64_t random = (t.seed + 1) * 0x9e3779b97f4a7c15u + number;

	ptw_thread_register();
	for (unsigned int i = 0; i < t.rounds; i++)
		if (t.apart)
			one_change(&random, number * BLOCKS * t.block, BLOCKS);
		else
			one_change(&random, 0, WRITERS * BLOCKS);
	ptw_thread_unregister();
	return NULL;
}

static void *cpu_main(void *argument)
{
	const struct ptw_softmmu_config config = {.size = sizeof(config), .regs = t.regs};
	const size_t bytes = ptw_softmmu_size(&config);
	void *memory = malloc(bytes);
	struct ptw_softmmu *cpu;
	uint64_t random = t.seed * 77 + 5;

	(void)argument;
	ptw_thread_register();
	if (!memory || ptw_softmmu_init(&cpu, memory, bytes, &config))
		abort();
	while (!atomic_load(&t.stop)) {
		const uint64_t ia = below(&random, WRITERS * BLOCKS * t.block);
		const uint32_t access = below(&random, 2) ? PTW_ACCESS_WRITE : PTW_ACCESS_READ;
		struct ptw_softmmu_result result;

		/* A walk is a read-side section here: flushing keeps tables alive in hardware. */
		ptw_read_lock();
		ptw_softmmu_access(cpu, ia, access, &result);
		ptw_read_unlock();
		if (below(&random, 64) == 0)
			harvest(0, WRITERS * BLOCKS * t.block,
				PTW_HARVEST_ACCESSED | (below(&random, 2) ? PTW_HARVEST_DIRTY : 0));
	}
	free(memory);
	ptw_thread_unregister();
	return NULL;
}

static void on_flush(void *context, const struct ptw_range *ranges, unsigned int count,
		     enum ptw_flush_kind kind, unsigned int level)
{
	(void)context;
	(void)level;
	ptw_trace_flush(ranges, count, kind, t.info.granule_lg2);
}

static uint64_t number(const char *text)
{
	char *end;
	const uint64_t value = strtoull(text, &end, 0);

	if (*end || end == text) {
		fprintf(stderr, "'%s' is no number\n", text);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	const struct ptw_map keep = {.size = sizeof(keep), .prot = PTW_PROT_READ, .page_levels = 1};
	struct ptw_config config;
	pthread_t writer[WRITERS], cpu;

	if (argc < 2 || argc > 6 || (strcmp(argv[1], "all") && strcmp(argv[1], "apart")) ||
	    !getenv("PTW_TRACE_FILE")) {
		fprintf(stderr,
			"usage: PTW_TRACE_FILE=FILE %s all|apart [SEED [ROUNDS [PRESET [BBM_LEVEL]]]]\n",
			argv[0]);
		return 2;
	}
	t.apart = !strcmp(argv[1], "apart");
	t.seed = argc > 2 ? number(argv[2]) : 1;
	t.rounds = argc > 3 ? (unsigned int)number(argv[3]) : 200;
	if (ptw_preset(argc > 4 ? argv[4] : "arm64-s2-4k", &config) ||
	    config.format != PTW_FORMAT_ARM64_S2) {
		fprintf(stderr, "'%s' is no preset of arm64 stage 2; try arm64-s2-4k\n", argv[4]);
		return 2;
	}
	config.flush = on_flush;
	config.bbm_level = argc > 5 ? (uint32_t)number(argv[5]) : 0;
	took("create", ptw_pgtable_create(&config, &t.pgtable));
	t.info.size = sizeof(t.info);
	took("info", ptw_pgtable_info(t.pgtable, &t.info));
	took("regs", ptw_pgtable_regs(t.pgtable, &t.regs));
	t.granule = (uint64_t)1 << t.info.granule_lg2;
	t.block = t.granule << t.info.index_lg2;
	ptw_trace_root(&t.regs);
	/* One page keeps the tables above the blocks in place. */
	took("map", ptw_map(t.pgtable, WRITERS * BLOCKS * t.block,
			    WRITERS * BLOCKS * t.block + t.granule, 0, &keep, NULL));
	for (unsigned int i = 0; i < WRITERS; i++)
		if (pthread_create(&writer[i], NULL, writer_main, (void *)(uintptr_t)i))
			abort();
	if (!t.apart && pthread_create(&cpu, NULL, cpu_main, NULL))
		abort();
	for (unsigned int i = 0; i < WRITERS; i++)
		pthread_join(writer[i], NULL);
	atomic_store(&t.stop, true);
	if (!t.apart)
		pthread_join(cpu, NULL);
	/* Destruction is no part of the trace: nobody makes anything after it. */
	printf("%s: seed %" PRIu64 ", %llu calls done, %llu refused\n", argv[1], t.seed,
	       (unsigned long long)t.done, (unsigned long long)t.refused);
	return 0;
}
