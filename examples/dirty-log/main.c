/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Dirty logging: copies the memory of a guest that goes on writing, in rounds, until little is left, and
 * stops it for the rest. docs/dirty-logging.md has the rules. What a page holds is one number here. */
#include <ptw/ptw.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPUS 4
#define PAGES 4096
#define HOT 16 /* pages that a CPU writes again and again */

static const char help[] =
	"usage: dirty-log [--preset NAME] [--protect] [--blocks] [--no-flush] [--no-bitmap]\n"
	"  --preset NAME   page-table format (default ept4)\n"
	"  --protect       write-protects before each harvest, so that a page's first write faults\n"
	"  --blocks        maps large leaves and splits them while the rounds go on\n"
	"  --no-flush, --no-bitmap   mistakes: no flush hook; what write protection reports is dropped\n"
	"Exit status: 0 if the copy equals the guest's memory, 1 if not, 2 if it could not run.\n"
	"Example: dirty-log --preset arm64-s2-4k --protect\n";

static struct cpu {
	pthread_t thread;
	pthread_mutex_t lock; /* held during an access: a flush comes between two */
	atomic_uint asked;    /* flushes that want the lock */
	struct ptw_softmmu *mmu;
} cpus[CPUS];
static struct ptw_pgtable *pgtable;
static struct ptw_info info = { .size = sizeof(info) };
static uint64_t size; /* of the guest's memory, bytes */
static _Atomic uint64_t guest[PAGES], writes;
static uint64_t copy[PAGES], bitmap[PAGES / 64];
static atomic_bool stop;
static int protect, blocks, no_flush, no_bitmap;
static const struct option options[] = {
	{ "preset", required_argument, NULL, 'p' }, { "help", no_argument, NULL, 'h' },
	{ "protect", no_argument, &protect, 1 }, { "blocks", no_argument, &blocks, 1 },
	{ "no-flush", no_argument, &no_flush, 1 }, { "no-bitmap", no_argument, &no_bitmap, 1 }, { 0 }
};

static void must(int ret, const char *what)
{
	if (ret && fprintf(stderr, "dirty-log: %s: %s; see --help\n", what, ptw_strerror(ret)))
		exit(2);
}

/* The flush hook: when it returns, no CPU writes through a translation from before. */
static void flush(void *context, const struct ptw_range *ranges, unsigned int count,
		  enum ptw_flush_kind kind, unsigned int level)
{
	(void)context, (void)kind, (void)level;
	for (struct cpu *cpu = cpus; cpu < cpus + CPUS; cpu++) {
		atomic_fetch_add(&cpu->asked, 1);
		pthread_mutex_lock(&cpu->lock);
		for (unsigned int i = 0; i < count; i++)
			ptw_softmmu_tlb_invalidate(cpu->mmu, ranges[i].start, ranges[i].end);
		pthread_mutex_unlock(&cpu->lock);
		atomic_fetch_sub(&cpu->asked, 1);
	}
}

static void cpu_write(struct cpu *cpu, uint64_t ia, uint64_t value)
{
	struct ptw_softmmu_result result;
	int status, ret = PTW_OK;

	do {
		while (atomic_load(&cpu->asked))
			sched_yield();
		pthread_mutex_lock(&cpu->lock);
		status = ptw_softmmu_access(cpu->mmu, ia, PTW_ACCESS_WRITE, &result);
		if (!status)
			atomic_store(&guest[result.oa >> info.granule_lg2], value);
		pthread_mutex_unlock(&cpu->lock);
		/* Unlocked: who owns the entry may be in the hook and wait for this CPU. */
		if (status)
			ret = ptw_fix_fault(pgtable, ia, PTW_ACCESS_WRITE);
	} while (status && (!ret || ret == PTW_ERR_AGAIN));
	must(status ? ret : PTW_OK, "write fault");
	atomic_fetch_add(&writes, 1);
}

static void *cpu_run(void *context)
{
	struct cpu *cpu = context;
	uint64_t number = (uint64_t)(cpu - cpus), random = number, page;

	for (uint64_t n = 1; !atomic_load(&stop); n++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		page = n % 16384 ? number * HOT + (random >> 40) % HOT : (random >> 40) % PAGES;
		cpu_write(cpu, page << info.granule_lg2, n << 8 | number);
	}
	return NULL;
}

/* Next to CPUs and rounds: with small leaves a write makes one page dirty and not a block of them. */
static void *split_run(void *unused)
{
	struct ptw_change_result result = { .size = sizeof(result) };
	int ret;

	while ((ret = ptw_split(pgtable, result.reached, size, 0, &result)) == PTW_ERR_AGAIN)
		sched_yield();
	return must(ret, "split"), unused;
}

static void build(const char *preset)
{
	struct ptw_map map = { .size = sizeof(map), .prot = PTW_PROT_READ | PTW_PROT_WRITE,
			       .flags = PTW_LEAF_YOUNG, .page_levels = blocks ? 0 : 1 };
	struct ptw_softmmu_config cpu = { .size = sizeof(cpu), .tlb_sets = 64, .tlb_ways = 4 };
	struct ptw_config config;

	must(ptw_preset(preset, &config), preset);
	config.flush = no_flush ? NULL : flush;
	must(ptw_pgtable_create(&config, &pgtable), "create");
	must(ptw_pgtable_info(pgtable, &info), "info");
	size = (uint64_t)PAGES << info.granule_lg2;
	must(ptw_map(pgtable, 0, size, 0, &map, NULL), "map");
	must(ptw_pgtable_regs(pgtable, &cpu.regs), "registers");
	cpu.flags = config.features & PTW_FEATURE_LPA2 ? PTW_SOFTMMU_LPA2 : 0;
	for (unsigned int n = 0; n < CPUS; n++) {
		size_t bytes = ptw_softmmu_size(&cpu);

		pthread_mutex_init(&cpus[n].lock, NULL);
		must(ptw_softmmu_init(&cpus[n].mmu, aligned_alloc(64, bytes), bytes, &cpu), "CPU");
		must(pthread_create(&cpus[n].thread, NULL, cpu_run, &cpus[n]), "thread");
	}
}

/* Takes dirty state out of the page table, then copies those pages, and returns how many. */
static uint64_t round_copy(int number, struct ptw_harvest_result *result)
{
	const struct ptw_harvest harvest = { .size = sizeof(harvest), .dirty = bitmap,
					     .flags = PTW_HARVEST_DIRTY };
	struct ptw_change_result change = { .size = sizeof(change) };
	uint64_t pages = 0;
	int ret = protect ? PTW_ERR_AGAIN : PTW_OK;

	/* Reports what is dirty where that is the write permission; goes on at its part of the bitmap. */
	while (ret == PTW_ERR_AGAIN)
		ret = ptw_write_protect(pgtable, change.reached, size, false, no_bitmap ? NULL :
					&bitmap[change.reached >> info.granule_lg2 >> 6], &change);
	must(ret, "write protection");
	must(ptw_harvest(pgtable, 0, size, &harvest, result), "harvest");
	/* Not earlier: only now no CPU writes to these pages without making them dirty again. */
	for (uint64_t page = 0; page < PAGES; page++)
		if (bitmap[page / 64] >> page % 64 & 1)
			pages++, copy[page] = atomic_load(&guest[page]);
	memset(bitmap, 0, sizeof(bitmap));
	printf("round %d: %" PRIu64 " pages copied, %" PRIu64 " entries owned, %" PRIu64 " busy\n",
	       number, pages, result->owned, result->busy);
	return pages;
}

int main(int argc, char **argv)
{
	struct ptw_harvest_result result = { .size = sizeof(result) };
	const char *preset = "ept4";
	uint64_t pages = PAGES, last, until, differ = 0;
	pthread_t splitter;
	int option, round = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (option == 'p')
			preset = optarg;
		else if (option)
			return fputs(help, option == 'h' ? stdout : stderr) < 0 || option != 'h' ? 2 : 0;
	must(optind < argc ? PTW_ERR_ARG : PTW_OK, argv[optind]);
	build(preset);
	must(pthread_create(&splitter, NULL, split_run, NULL), "thread");
	memset(bitmap, 0xff, sizeof(bitmap)); /* the first round copies everything */
	do {
		last = pages;
		pages = round_copy(++round, &result);
		/* A network would take its time for them, and the CPUs go on. */
		for (until = atomic_load(&writes) + 8 * pages; atomic_load(&writes) < until;)
			sched_yield();
	} while (round < 3 || (pages < last && pages > PAGES / 32));
	/* Changes of the page table end too: what they own hides dirty state from a harvest. */
	pthread_join(splitter, NULL);
	atomic_store(&stop, true);
	for (struct cpu *cpu = cpus; cpu < cpus + CPUS; cpu++)
		pthread_join(cpu->thread, NULL);
	do
		round_copy(++round, &result);
	while (result.owned || result.busy);
	for (uint64_t page = 0; page < PAGES; page++)
		differ += copy[page] != atomic_load(&guest[page]);
	printf("%u pages compared, %" PRIu64 " differ\n", PAGES, differ);
	ptw_pgtable_destroy(pgtable);
	return differ != 0;
}
