/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The program of docs/tutorial.md: a guest of 16 MiB that uses its memory in phases, and its working set, scan by
 * scan, from accessed bits of its EPT alone. Prints CSV: scan, pages used since the scan before, pages used in the
 * last 8 scans, pages idle for longer.
 */
#include <ptw/ptw.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGES 4096u
#define SCANS 48u

/* What the guest does between two scans: random pages of a part of memory, which depends on the phase. */
static void guest(struct ptw_softmmu *cpu, unsigned int scan)
{
	const unsigned int first = scan < 16 ? 0 : 2048, pages = scan < 32 ? 1024 : 256;
	struct ptw_softmmu_result result;

	for (unsigned int i = 0; i < 2000; i++) {
		const uint64_t page = first + (unsigned int)rand() % pages;

		ptw_softmmu_access(cpu, page << 12, PTW_ACCESS_READ, &result);
	}
}

static struct ptw_softmmu *cpu_of(const struct ptw_pgtable *pgtable)
{
	struct ptw_softmmu_config config = { .size = sizeof(config) };
	struct ptw_softmmu *cpu;
	size_t bytes;

	ptw_pgtable_regs(pgtable, &config.regs);
	bytes = ptw_softmmu_size(&config);
	return ptw_softmmu_init(&cpu, aligned_alloc(64, bytes), bytes, &config) ? NULL : cpu;
}

int main(void)
{
	struct ptw_map map = { .size = sizeof(map), .prot = PTW_PROT_READ | PTW_PROT_WRITE,
			       .page_levels = 1 };
	struct ptw_harvest harvest = { .size = sizeof(harvest), .flags = PTW_HARVEST_ACCESSED };
	struct ptw_harvest_result result = { .size = sizeof(result) };
	uint64_t young[PAGES / 64] = { 0 }, ages[PTW_AGE_MAX + 1], any = 0;
	static uint8_t last_seen[PAGES];
	struct ptw_config config;
	struct ptw_pgtable *pgtable;
	struct ptw_softmmu *cpu;
	struct ptw_age age;

	if (ptw_preset("ept4", &config) || ptw_pgtable_create(&config, &pgtable) ||
	    ptw_map(pgtable, 0, PAGES << 12, 0, &map, NULL) || !(cpu = cpu_of(pgtable)) ||
	    ptw_age_init(&age, last_seen, PAGES)) {
		fputs("working-set: no memory\n", stderr);
		return 1;
	}
	harvest.young = young;
	puts("scan,used,working_set,idle");
	for (unsigned int scan = 0; scan < SCANS; scan++) {
		uint64_t working_set = 0;

		guest(cpu, scan);
		/* An epoch passes; what this harvest finds was used in it, and has age 0. */
		ptw_age_advance(&age);
		if (ptw_harvest(pgtable, 0, PAGES << 12, &harvest, &result))
			return 1;
		any |= result.young_pages;
		ptw_age_drain_bitmap(&age, 0, young, PAGES / 64, NULL);
		/* The page's translation is cached, and it would not become young again. */
		ptw_softmmu_tlb_invalidate(cpu, 0, PAGES << 12);

		ptw_age_histogram(&age, NULL, ages);
		for (unsigned int i = 0; i < 8; i++)
			working_set += ages[i];
		printf("%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", scan, result.young_pages,
		       working_set, PAGES - working_set);
	}
	if (!any)
		fputs("working-set: no page was ever young: does the table have accessed bits, and is it the one that "
		      "the guest runs on? docs/all-zero.md tells more\n",
		      stderr);
	free(cpu);
	ptw_pgtable_destroy(pgtable);
	return 0;
}
