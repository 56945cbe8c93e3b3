/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which bits hardware sets, seen through the library and by hand, page by page. One processor:
 * every entry to the guest begins without cached translations, so nothing is missed.
 */
#include "world.h"

#define ALL_OPERATIONS 15
#define TAKE	       (PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY)
#define LOOK	       (TAKE | PTW_HARVEST_PEEK)

static uint64_t young[DATA_WORDS], dirty[DATA_WORDS], nothing[DATA_WORDS];

static void harvest(struct world *world, uint32_t flags)
{
	memset(young, 0, sizeof(young));
	memset(dirty, 0, sizeof(dirty));
	must(world_harvest(world, flags, young, dirty), "harvest");
}

/* Compares what was harvested with what was touched. */
static void compare(const char *name)
{
	tap_compared(name, 2 * DATA_PAGES,
		     differences(young, touches.young, DATA_WORDS) +
			     differences(dirty, touches.dirty, DATA_WORDS),
		     count_bits(young, DATA_WORDS) + count_bits(dirty, DATA_WORDS));
}

/* The leaf entries by hand: A and D of each against the touches. */
static void compare_raw(const struct world *world, const char *name)
{
	uint64_t different = 0, set = 0;

	for (uint64_t page = 0; page < DATA_PAGES; page++) {
		const uint64_t e = raw_entry(world->eptp, GUEST_DATA + page * PAGE, 0);
		const bool a = e & RAW_A, d = e & RAW_D;

		different += a != (touches.young[page / 64] >> page % 64 & 1);
		different += d != (touches.dirty[page / 64] >> page % 64 & 1);
		set += a + d;
	}
	tap_compared(name, 2 * DATA_PAGES, different, set);
}

static void test_pages(void)
{
	struct world world;

	world_create(&world, "ept4", 1, true);
	touch_some(0, 2048, 5, 1 << OP_LOAD);
	world_run(&world, world.eptp);
	compare_raw(&world, "4K: loads set A and not D (entries read by hand)");
	harvest(&world, TAKE);
	compare("4K: loads (harvested)");

	touches_clear();
	touch_some(100, 4000, 3, ALL_OPERATIONS);
	world_run(&world, world.eptp);
	compare_raw(&world, "4K: stores set A and D, fetches A (entries read by hand)");
	harvest(&world, LOOK);
	compare("4K: loads, stores, fetches, locked adds (looked at)");
	harvest(&world, TAKE);
	compare("4K: the same (harvested)");
	harvest(&world, TAKE);
	touches_clear();
	compare("4K: nothing is left after a harvest");

	/* Across the whole range, of both kinds one after the other. */
	touch_some(0, DATA_PAGES, 7, ALL_OPERATIONS);
	world_run(&world, world.eptp);
	memset(young, 0, sizeof(young));
	memset(dirty, 0, sizeof(dirty));
	must(world_harvest(&world, PTW_HARVEST_ACCESSED, young, NULL), "harvest");
	must(world_harvest(&world, PTW_HARVEST_DIRTY, NULL, dirty), "harvest");
	compare("4K: accessed first, dirty later");
	world_destroy(&world);
}

/* Table entries get A on the way to what is touched, only there, and never D. */
static void test_levels(void)
{
	static const char *const names[] = {
		"leaves on the way get A, the stored to D",
		"PDEs on the way get A only",
		"PDPTEs on the way get A only",
		"PML4Es on the way get A only",
	};
	struct world world;

	world_create(&world, "ept4", 1, true);
	/* Not on the way: another PML4E, another PDPTE. */
	world_map(&world, 1ul << 39, 1, DATA_AT, 1);
	world_map(&world, 3ul << 30, 1, DATA_AT, 1);
	touch(5 * 512 + 77, OP_STORE);
	touch(9 * 512 + 1, OP_LOAD);
	world_run(&world, world.eptp);
	for (unsigned int level = 0; level < 4; level++) {
		const uint64_t step = 1ul << (12 + 9 * level);
		const uint64_t start = level == 3 ? 0 : level == 2 ? 0 : GUEST_DATA;
		const uint64_t end = level == 3 ? 512 * step : level == 2 ? 512 * step : DATA_END;
		uint64_t compared = 0, different = 0, set = 0;

		for (uint64_t gpa = start; gpa < end; gpa += step) {
			const uint64_t e = raw_entry(world.eptp, gpa, level);
			const uint64_t block = (gpa - GUEST_DATA) / BLOCK;
			const uint64_t page = (gpa - GUEST_DATA) / PAGE;
			bool a, d = false;

			if (level == 3)
				a = gpa == 0;
			else if (level == 2)
				a = gpa == GUEST_INFRA || gpa == GUEST_DATA;
			else if (level == 1)
				a = block == 5 || block == 9;
			else
				a = page == 5 * 512 + 77 || page == 9 * 512 + 1;
			if (level == 0)
				d = page == 5 * 512 + 77;
			compared++;
			different += !!(e & RAW_A) != a || !!(e & RAW_D) != d;
			set += !!(e & RAW_A);
		}
		tap_compared(names[level], compared, different, set);
	}
	harvest(&world, TAKE);
	compare("entries of tables do not disturb the harvest");
	world_destroy(&world);
}

/* What is touched makes its whole leaf of `block` pages young. */
static void widen(uint64_t *words, uint64_t block)
{
	for (uint64_t page = 0; page < DATA_PAGES; page += block) {
		if (!count_bits(words + page / 64, block / 64))
			continue;
		memset(words + page / 64, 0xff, block / 8);
	}
}

static void test_blocks(void)
{
	struct world world;
	uint64_t different = 0, set = 0;

	world_create(&world, "ept4", 2, true);
	for (unsigned int n = 0; n < 20; n++)
		touch(random32() % (DATA_PAGES / 2), random32() % 4);
	for (unsigned int n = 0; n < 5; n++)
		touch(DATA_PAGES / 2 + random32() % (DATA_PAGES / 2), OP_LOAD);
	widen(touches.young, 512);
	widen(touches.dirty, 512);
	world_run(&world, world.eptp);
	for (uint64_t block = 0; block < DATA_BLOCKS; block++) {
		const uint64_t e = raw_entry(world.eptp, GUEST_DATA + block * BLOCK, 1);

		different += !(e & 0x80);
		different += !!(e & RAW_A) != (touches.young[block * 8] & 1);
		different += !!(e & RAW_D) != (touches.dirty[block * 8] & 1);
		set += !!(e & RAW_A) + !!(e & RAW_D);
	}
	tap_compared("2M: leaves get A and D (entries read by hand)", 2 * DATA_BLOCKS, different,
		     set);
	harvest(&world, TAKE);
	compare("2M: every page of a touched leaf (harvested)");

	/* Small leaves of one that was touched are touched; later each is for itself. */
	touches_clear();
	touch(3 * 512 + 9, OP_STORE);
	touch(17 * 512 + 9, OP_LOAD);
	world_run(&world, world.eptp);
	widen(touches.young, 512);
	widen(touches.dirty, 512);
	must(ptw_split(world.pgtable, GUEST_DATA, DATA_END, 0, NULL), "split");
	harvest(&world, TAKE);
	compare("2M split into 4K: accessed and dirty are inherited");
	touches_clear();
	for (uint64_t block = 0; block < DATA_BLOCKS; block++) {
		if (random32() % 3)
			touch_some(block * 512, 512, 11,
				   random32() % 2 ? 1 << OP_LOAD : ALL_OPERATIONS);
	}
	world_run(&world, world.eptp);
	harvest(&world, LOOK);
	compare("2M split into 4K: hardware sets bits of the small leaves");
	must(ptw_collapse(world.pgtable, GUEST_DATA, DATA_END, 1, NULL), "collapse");
	widen(touches.young, 512);
	widen(touches.dirty, 512);
	harvest(&world, TAKE);
	compare("4K collapsed into 2M: accessed and dirty are carried over");
	touches_clear();
	touch(30 * 512 + 511, OP_ADD);
	world_run(&world, world.eptp);
	widen(touches.young, 512);
	widen(touches.dirty, 512);
	harvest(&world, TAKE);
	compare("4K collapsed into 2M: hardware uses the large leaves");
	world_destroy(&world);
}

static void test_1g(void)
{
	struct world world;
	uint64_t e;

	world_create(&world, "ept4", 0, false);
	/* Host-physical 0 to 1 GiB, so that what is touched lies in DATA_AT again. */
	world_map(&world, GUEST_DATA, 1ul << 18, 0, 3);
	e = raw_entry(world.eptp, GUEST_DATA, 2);
	tap((e & (0x80 | RAW_A | RAW_D)) == 0x80, "1G: one leaf, old and clean");
	touch(DATA_AT / PAGE + 5, OP_LOAD);
	memset(touches.young, 0xff, sizeof(touches.young));
	world_run(&world, world.eptp);
	harvest(&world, TAKE);
	compare("1G: load");
	touch(DATA_AT / PAGE + 4711, OP_STORE);
	memset(touches.dirty, 0xff, sizeof(touches.dirty));
	world_run(&world, world.eptp);
	harvest(&world, TAKE);
	compare("1G: store");
	world_destroy(&world);
}

/* With A/D on, the walk of the guest's own tables counts as writing to them: both bits are set. */
static void test_guest_tables(void)
{
	struct world world;
	uint64_t seen_young[INFRA_WORDS] = {0}, seen_dirty[INFRA_WORDS] = {0};
	uint64_t want_young[INFRA_WORDS] = {0}, want_dirty[INFRA_WORDS] = {0};

	world_create(&world, "ept4", 1, true);
	for (uint64_t block = 0; block < DATA_BLOCKS; block++) {
		const uint64_t pt = INFRA_PT + block;

		if (random32() % 3)
			continue;
		touch(block * 512 + random32() % 512, OP_LOAD);
		want_dirty[pt / 64] |= 1ul << pt % 64;
	}
	want_dirty[0] |= 1ul << INFRA_PML4 | 1ul << INFRA_PDPT | 3ul << INFRA_PD;
	memcpy(want_young, want_dirty, sizeof(want_young));
	want_young[0] |= 1ul << INFRA_CODE | 1ul << INFRA_LIST;
	world_run(&world, world.eptp);
	must(infra_harvest(&world, TAKE, seen_young, seen_dirty), "harvest");
	tap_compared("pages of the guest's tables get A and D, its code and list A",
		     2 * INFRA_PAGES,
		     differences(seen_young, want_young, INFRA_WORDS) +
			     differences(seen_dirty, want_dirty, INFRA_WORDS),
		     count_bits(seen_young, INFRA_WORDS) + count_bits(seen_dirty, INFRA_WORDS));
	harvest(&world, TAKE);
	compare("pages behind the guest's tables: loads only");
	world_destroy(&world);
}

/* The guest's own tables, attached in x86-64 format: A and D that the guest's walker sets. */
static void test_guest_entries(void)
{
	const struct ptw_range bounds = {GUEST_INFRA, INFRA_END};
	struct ptw_attach attach = {
		.size = sizeof(attach),
		.root = GUEST_CR3,
		.bounds = &bounds,
		.bounds_count = 1,
		.table_budget = INFRA_PAGES,
	};
	struct ptw_config config = {.size = sizeof(config)};
	struct world world, guest;

	world_create(&world, "ept4-tracked", 1, true);
	guest = (struct world){0};
	must(ptw_preset("x86-64", &config), "preset");
	config.phys_offset = (uint64_t)guest_infra - GUEST_INFRA;
	must(ptw_pgtable_attach(&config, &attach, &guest.pgtable), "attach");
	touch_some(0, DATA_PAGES, 5, ALL_OPERATIONS);
	world_run(&world, world.eptp);
	harvest(&guest, TAKE);
	compare("x86-64: the guest's own page tables");
	touches_clear();
	touch_some(777, 5000, 2, ALL_OPERATIONS);
	world_run(&world, world.eptp);
	harvest(&guest, TAKE);
	compare("x86-64: the same again after a harvest");
	must(ptw_pgtable_destroy(guest.pgtable), "destroy");
	world_destroy(&world);
}

/* With bit 6 of the EPTP clear hardware sets nothing. */
static void test_off(void)
{
	struct world world;

	world_create(&world, "ept4", 1, true);
	tap(world.eptp & RAW_AD, "the library's EPTP asks for A and D");
	touch_some(0, 4096, 3, ALL_OPERATIONS);
	world_run(&world, world.eptp & ~RAW_AD);
	harvest(&world, TAKE);
	tap_compared("A/D off in the EPTP: nothing is set", 2 * DATA_PAGES,
		     differences(young, nothing, DATA_WORDS) +
			     differences(dirty, nothing, DATA_WORDS),
		     count_bits(young, DATA_WORDS));
	world_run(&world, world.eptp);
	harvest(&world, TAKE);
	compare("A/D on again");
	world_destroy(&world);
}

/* Write protection: one fault for each page that is stored to, none for the others. */
static void test_protected(void)
{
	struct world world;
	uint64_t fixed;

	world_create(&world, "ept4", 1, true);
	must(ptw_write_protect(world.pgtable, GUEST_DATA, DATA_END, false, NULL, NULL), "protect");
	touch_some(0, 4096, 3, ALL_OPERATIONS);
	fixed = world_run(&world, world.eptp);
	tap_compared("write protected: EPT violations against pages stored to",
		     count_bits(touches.dirty, DATA_WORDS),
		     fixed != count_bits(touches.dirty, DATA_WORDS), fixed);
	harvest(&world, TAKE);
	compare("write protected and repaired");
	fixed = world_run(&world, world.eptp);
	tap(fixed == 0, "write protected and repaired: no fault the second time");
	world_destroy(&world);
}

void tests_bits(const struct vmx_caps *caps)
{
	test_guest_entries();
	if (!caps->ad)
		return;
	test_pages();
	test_levels();
	test_blocks();
	if (caps->large_1g)
		test_1g();
	test_guest_tables();
	test_off();
	test_protected();
}
