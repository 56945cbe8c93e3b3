/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The example of docs/mmus.md: a host process maps memory, a guest maps half of it through EPT, and a
 * nested hypervisor that only answers under a mutex maps some of that. Two consumers watch.
 */
#include <ptw/ptw.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PAGES      1024u /* of the host, from page 0 on */
#define GUEST_PAGE 512u  /* where the guest's memory begins in it */
#define FRAMES     512u

static void check(int ret, const char *what)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "spaces: %s: %s\n", what, ptw_strerror(ret));
	exit(1);
}

/* A page table with that many pages from address 0 on, and one page in `every` young. */
static struct ptw_pgtable *table(const char *preset, uint64_t pages, uint64_t every)
{
	struct ptw_map map = { .size = sizeof(map), .prot = PTW_PROT_READ | PTW_PROT_WRITE,
			       .page_levels = 1 };
	struct ptw_config config;
	struct ptw_pgtable *pgtable;

	check(ptw_preset(preset, &config), preset);
	check(ptw_pgtable_create(&config, &pgtable), "create");
	for (uint64_t page = 0; page < pages; page++) {
		map.flags = page % every ? 0 : PTW_LEAF_YOUNG;
		check(ptw_map(pgtable, page << 12, (page + 1) << 12, page << 12, &map, NULL), "map");
	}
	return pgtable;
}

static struct ptw_mmu table_mmu(struct ptw_pgtable *pgtable)
{
	const struct ptw_mmu_table config = { .size = sizeof(config), .pgtables = &pgtable,
					      .count = 1, .frame_lg2 = 12 };
	struct ptw_mmu mmu;

	check(ptw_mmu_table_create(&config, &mmu), "table MMU");
	return mmu;
}

static void take(void *mutex)
{
	pthread_mutex_lock(mutex);
}

static void give(void *mutex)
{
	pthread_mutex_unlock(mutex);
}

static void say(const char *who, const struct ptw_ask_result *result)
{
	printf("%-28s %4" PRIu64 " found young, %4" PRIu64 " by others before, %4" PRIu64
	       " not asked\n",
	       who, result->young_pages, result->consumer_pages, result->not_asked_pages);
}

int main(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	const struct ptw_mmu_lock lock = { .size = sizeof(lock), .context = &mutex, .lock = take,
					   .unlock = give };
	struct ptw_pgtable *host = table("x86-64", PAGES, 8);
	struct ptw_pgtable *ept = table("ept4", FRAMES, 4);
	struct ptw_pgtable *nested = table("ept4", FRAMES, 2);
	struct ptw_mmu primary = table_mmu(host), guest = table_mmu(ept), inner = table_mmu(nested);
	struct ptw_mmu slow;
	struct ptw_space *space;
	struct ptw_consumer *ageing, *debugger;
	uint32_t guest_id, slow_id;
	uint64_t uncovered;

	check(ptw_mmu_locked_create(&inner, &lock, &slow), "locked MMU");

	/* mmus.md begins */
	struct ptw_space_config config = { .size = sizeof(config), .primary = &primary,
					   .group = 1 };
	struct ptw_slot slot = { .size = sizeof(slot), .frame = 0, .pages = FRAMES,
				 .page = GUEST_PAGE, .group = 1 };

	check(ptw_space_create(&config, &space), "space");
	check(ptw_space_register(space, &guest, NULL, &guest_id), "register");
	check(ptw_space_register(space, &slow, NULL, &slow_id), "register");
	slot.mmu = guest_id;
	check(ptw_space_add_slot(space, &slot), "slot");
	slot.mmu = slow_id;
	slot.pages = FRAMES / 2;
	check(ptw_space_add_slot(space, &slot), "slot");

	struct ptw_consumer_config watch = { .size = sizeof(watch), .first = 0, .pages = PAGES,
					     .flags = PTW_HARVEST_ACCESSED };

	check(ptw_consumer_join(space, &watch, &ageing), "join");
	check(ptw_consumer_join(space, &watch, &debugger), "join");

	uint64_t young[PAGES / 64] = { 0 }, seen[PAGES / 64] = { 0 };
	struct ptw_ask ask = { .size = sizeof(ask), .flags = PTW_HARVEST_ACCESSED,
			       .effort = PTW_EFFORT_FAST, .young = young, .consumer = ageing };
	struct ptw_ask_result result = { .size = sizeof(result) };

	/* Ageing never waits: who answers under a mutex is skipped, and the answer says so. */
	check(ptw_space_harvest(space, 0, PAGES, &ask, &result), "harvest");
	say("ageing, fast only:", &result);
	if (!ptw_space_covers(space, 0, PAGES, PTW_EFFORT_FAST, &uncovered))
		printf("not covered: MMUs of mask %#" PRIx64 "\n", uncovered);

	/* The debugger may wait, and misses nothing that ageing took. */
	ask.effort = PTW_EFFORT_ALL;
	ask.young = seen;
	ask.consumer = debugger;
	check(ptw_space_harvest(space, 0, PAGES, &ask, &result), "harvest");
	say("debugger, everybody:", &result);

	/* The last look at a page, before it goes. */
	struct ptw_reference last = { .size = sizeof(last), .group = 1 };

	printf("references of page %u: %d\n", GUEST_PAGE + 3,
	       ptw_space_reference(space, GUEST_PAGE + 3, &last, NULL));
	/* mmus.md ends */

	check(ptw_consumer_leave(ageing), "leave");
	check(ptw_consumer_leave(debugger), "leave");
	check(ptw_space_unregister(space, slow_id), "unregister");
	check(ptw_space_settle(space), "settle"); /* now the MMU may go */
	ptw_mmu_destroy(&slow);
	check(ptw_space_destroy(space), "destroy");
	ptw_mmu_destroy(&primary);
	ptw_mmu_destroy(&guest);
	ptw_mmu_destroy(&inner);
	ptw_pgtable_destroy(host);
	ptw_pgtable_destroy(ept);
	ptw_pgtable_destroy(nested);
	return 0;
}
