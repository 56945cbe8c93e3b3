/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The example of the README, complete: harvest while processors go on using the page table. */
#include <ptw/ptw.h>

#include <inttypes.h>
#include <stdio.h>

#define SIZE ((uint64_t)1 << 21)

int main(void)
{
	/* README begins */
	struct ptw_config config;
	struct ptw_pgtable *pgtable;
	struct ptw_map map = { .size = sizeof(map), .prot = PTW_PROT_READ | PTW_PROT_WRITE,
			       .page_levels = 1, .flags = PTW_LEAF_YOUNG };
	uint64_t young[SIZE / 4096 / 64] = { 0 };
	struct ptw_harvest harvest = { .size = sizeof(harvest), .flags = PTW_HARVEST_ACCESSED,
				       .young = young };
	struct ptw_harvest_result result = { .size = sizeof(result) };

	ptw_preset("ept4", &config); /* or "arm64-s2-4k": any format on any host */
	if (ptw_pgtable_create(&config, &pgtable))
		return 1;
	ptw_map(pgtable, 0, SIZE, 0, &map, NULL);
	/* From any thread, next to vCPUs, mappers and other harvesters, with no lock: */
	if (!ptw_harvest(pgtable, 0, SIZE, &harvest, &result))
		printf("%" PRIu64 " pages were hot\n", result.young_pages);
	ptw_pgtable_destroy(pgtable);
	/* README ends */
	return 0;
}
