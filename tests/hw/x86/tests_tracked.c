/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Access-tracked EPT: hardware sets nothing; an old page has no permissions, the violation is
 * repaired by the library, and so the violations can be counted in advance.
 */
#include "world.h"

#define ALL_OPERATIONS 15
#define TAKE	       (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY)

static uint64_t young[DATA_WORDS], dirty[DATA_WORDS];

static void compare(struct world *world, uint32_t flags, const char *name)
{
	memset(young, 0, sizeof(young));
	memset(dirty, 0, sizeof(dirty));
	must(world_harvest(world, flags, young, dirty), "harvest");
	tap_compared(name, 2 * DATA_PAGES,
		     differences(young, touches.young, DATA_WORDS) +
			     differences(dirty, touches.dirty, DATA_WORDS),
		     count_bits(young, DATA_WORDS) + count_bits(dirty, DATA_WORDS));
}

static void compare_faults(uint64_t got, uint64_t want, const char *name)
{
	tap_compared(name, want, got > want ? got - want : want - got, got);
}

/* Touches each page of the list and each table of the guest, so that later only data faults. */
static void warm(struct world *world)
{
	for (uint64_t n = 0; n < LIST_LENGTH; n++)
		touch(n % DATA_BLOCKS * 512 + 511, OP_STORE);
	world_run(world, world->eptp);
	must(world_harvest(world, TAKE, young, dirty), "harvest");
	touches_clear();
}

void tests_tracked(const struct vmx_caps *caps)
{
	struct world world;
	uint64_t pages;

	if (!caps->ept)
		return;
	world_create(&world, "ept4-tracked", 1, true);
	tap(!(world.eptp & RAW_AD), "tracked: the EPTP does not ask for A and D");
	warm(&world);

	for (uint64_t page = 0; page < DATA_PAGES; page += 5 + random32() % 7)
		touch(page, OP_LOAD);
	pages = count_bits(touches.young, DATA_WORDS);
	compare_faults(world_run(&world, world.eptp), pages,
		       "tracked: EPT violations against pages loaded");
	tap(world_run(&world, world.eptp) == 0, "tracked: what is young faults no more");
	compare(&world, TAKE | PTW_HARVEST_PEEK, "tracked: loads (looked at)");
	compare(&world, TAKE, "tracked: loads (harvested)");
	compare_faults(world_run(&world, world.eptp), pages,
		       "tracked: after the harvest each faults again");

	/* A load does not give W back: pages of both get one violation more. */
	for (uint64_t page = 0; page < DATA_PAGES; page += 16) {
		if (touches.young[page / 64] >> page % 64 & 1)
			touch(page, OP_STORE);
	}
	compare_faults(world_run(&world, world.eptp), count_bits(touches.dirty, DATA_WORDS),
		       "tracked: EPT violations against pages stored to after a load");
	compare(&world, TAKE, "tracked: loads and stores (harvested)");

	touches_clear();
	touch_some(0, DATA_PAGES, 6, ALL_OPERATIONS);
	compare_faults(world_run(&world, world.eptp), count_bits(touches.young, DATA_WORDS),
		       "tracked: EPT violations, one for each page whatever the access");
	compare(&world, TAKE, "tracked: loads, stores, fetches, locked adds");
	world_destroy(&world);

	world_create(&world, "ept4-tracked", 2, true);
	warm(&world);
	for (uint64_t block = 0; block < DATA_BLOCKS; block += 1 + random32() % 3) {
		touch(block * 512 + 3, OP_STORE);
		touch(block * 512 + 300, OP_LOAD);
		memset(touches.young + block * 8, 0xff, 64);
		memset(touches.dirty + block * 8, 0xff, 64);
	}
	compare_faults(world_run(&world, world.eptp), count_bits(touches.young, DATA_WORDS) / 512,
		       "tracked: EPT violations against 2-MiB leaves");
	compare(&world, TAKE, "tracked: 2-MiB leaves");
	world_destroy(&world);
}
