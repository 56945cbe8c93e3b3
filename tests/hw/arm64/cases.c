/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The configurations, and what is special about some of them.
 */
#include "hw.h"

#define HW_AD (PTW_FEATURE_HW_ACCESSED | PTW_FEATURE_HW_DIRTY)
#define DS    (PTW_FEATURE_LPA2 | PTW_FEATURE_DS)
#define G     (1ull << 30)
#define M     (1ull << 20)
#define T     (1ull << 40)

/* A region: level, contiguous groups, input address, extents. */
#define R(l, g, a, n)                                               \
	{                                                           \
		.level = (l), .group = (g), .ia = (a), .count = (n) \
	}

struct hw_case {
	const char *name;
	unsigned int granule_lg2, ia_bits, levels;
	uint32_t features;
	bool may_be_refused; /* by some emulators: a level 0 translation fault */
	uint64_t code;
	struct hw_region regions[HW_REGIONS - 1];
};

static const struct hw_case hw_case_list[] = {
	{
		.name = "4k, 48 bits, pages and blocks of 2M and 1G",
		.granule_lg2 = 12,
		.ia_bits = 48,
		.features = HW_AD,
		.code = 0x1234567000,
		.regions = {R(0, false, 0x10000000, 700),
			    R(1, false, 512 * G, 24),
			    R(2, false, 100 * T, 6)},
	},
	{
		.name = "4k, 40 bits, two concatenated roots",
		.granule_lg2 = 12,
		.ia_bits = 40,
		.levels = 3,
		.features = HW_AD,
		.code = 0x1000,
		.regions = {R(0, false, 512 * G - 300 * 4096, 600),
			    R(1, false, 1000 * G, 16),
			    R(2, false, 514 * G, 3)},
	},
	{
		.name = "4k, 43 bits, sixteen concatenated roots",
		.granule_lg2 = 12,
		.ia_bits = 43,
		.levels = 3,
		.features = HW_AD,
		.code = 7 * T,
		.regions = {R(0, false, 512 * G - 20 * 4096, 40),
			    R(0, false, 15 * 512 * G, 40),
			    R(1, false, T, 16),
			    R(2, false, 4 * T + 7 * G, 8)},
	},
	{
		.name = "16k, 48 bits, two concatenated roots, pages and blocks of 32M",
		.granule_lg2 = 14,
		.ia_bits = 48,
		.features = HW_AD,
		.code = 0x4000,
		.regions = {R(0, false, 128 * T - 16384 * 128, 256),
			    R(1, false, 200 * T, 16)},
	},
	{
		.name = "16k, 40 bits, sixteen concatenated roots",
		.granule_lg2 = 14,
		.ia_bits = 40,
		.levels = 2,
		.features = HW_AD,
		.code = 0,
		.regions = {R(0, false, 64 * G - 16384 * 20, 40),
			    R(1, false, 960 * G, 24)},
	},
	{
		.name = "64k, 48 bits, pages and blocks of 512M",
		.granule_lg2 = 16,
		.ia_bits = 48,
		.features = HW_AD,
		.code = 0x10000,
		.regions = {R(0, false, 0x20000000, 300),
			    R(1, false, 128 * T, 8)},
	},
	{
		.name = "64k, 46 bits, sixteen concatenated roots",
		.granule_lg2 = 16,
		.ia_bits = 46,
		.levels = 2,
		.features = HW_AD,
		.code = 0,
		.regions = {R(0, false, 4 * T - 65536 * 30, 60),
			    R(1, false, 60 * T, 16)},
	},
	{
		.name = "4k LPA2, 52 bits, start level -1, blocks of 512G",
		.granule_lg2 = 12,
		.ia_bits = 52,
		.levels = 5,
		.features = HW_AD | DS,
		.code = 0x1000,
		.regions = {R(0, false, 2048 * T, 300),
			    R(1, false, 255 * T, 16),
			    R(2, false, 300 * T, 4),
			    R(3, false, 3000 * T, 3)},
	},
	{
		.name = "16k LPA2, 51 bits, sixteen concatenated roots, blocks of 64G",
		.granule_lg2 = 14,
		.ia_bits = 51,
		.levels = 3,
		.features = HW_AD | DS,
		.code = 0x4000,
		.regions = {R(0, false, 1100 * T, 200),
			    R(1, false, 128 * T, 8),
			    R(2, false, 2000 * T, 3)},
	},
	{
		.name = "16k LPA2, 52 bits, start level 0",
		.granule_lg2 = 14,
		.ia_bits = 52,
		.levels = 4,
		.features = HW_AD | DS,
		.may_be_refused = true,
		.code = 0x4000,
		.regions = {R(0, false, 1100 * T, 200),
			    R(1, false, 128 * T, 8),
			    R(2, false, 4000 * T, 3)},
	},
	{
		.name = "64k LPA, 52 bits, blocks of 4T",
		.granule_lg2 = 16,
		.ia_bits = 52,
		.features = HW_AD | PTW_FEATURE_LPA,
		.code = 0x10000,
		.regions = {R(0, false, 2048 * T, 200),
			    R(1, false, 512 * T, 8),
			    R(2, false, 3072 * T, 3)},
	},
	{
		.name = "4k, contiguous groups of 16",
		.granule_lg2 = 12,
		.ia_bits = 48,
		.features = HW_AD | PTW_FEATURE_CONTIG,
		.code = 0x1000,
		.regions = {R(0, true, 0x10000000, 64),
			    R(1, true, 64 * G, 12),
			    R(2, true, T, 3)},
	},
	{
		.name = "16k, contiguous groups of 128 and 32",
		.granule_lg2 = 14,
		.ia_bits = 48,
		.features = HW_AD | PTW_FEATURE_CONTIG,
		.code = 0x4000,
		.regions = {R(0, true, 0x10000000, 24),
			    R(1, true, 64 * G, 6)},
	},
	{
		.name = "64k, contiguous groups of 32",
		.granule_lg2 = 16,
		.ia_bits = 48,
		.features = HW_AD | PTW_FEATURE_CONTIG,
		.code = 0x10000,
		.regions = {R(0, true, 0x10000000, 24),
			    R(1, true, 64 * G, 6)},
	},
	{
		.name = "4k, hardware accessed flag, software dirty state",
		.granule_lg2 = 12,
		.ia_bits = 39,
		.features = PTW_FEATURE_HW_ACCESSED,
		.code = 0x1000,
		.regions = {R(0, false, 0x10000000, 300),
			    R(1, false, 64 * G, 12)},
	},
	{
		.name = "4k, software accessed flag",
		.granule_lg2 = 12,
		.ia_bits = 39,
		.features = 0,
		.code = 0x1000,
		.regions = {R(0, false, 0x10000000, 300),
			    R(1, false, 64 * G, 12),
			    R(2, false, 128 * G, 3)},
	},
	{
		.name = "4k, software accessed flag, contiguous groups",
		.granule_lg2 = 12,
		.ia_bits = 39,
		.features = PTW_FEATURE_CONTIG,
		.code = 0x1000,
		.regions = {R(0, true, 0x10000000, 64),
			    R(1, true, 64 * G, 12)},
	},
	{
		.name = "16k, software accessed flag",
		.granule_lg2 = 14,
		.ia_bits = 39,
		.features = 0,
		.code = 0x4000,
		.regions = {R(0, false, 0x10000000, 300),
			    R(1, false, 64 * G, 12)},
	},
	{
		.name = "64k, software accessed flag",
		.granule_lg2 = 16,
		.ia_bits = 39,
		.features = 0,
		.code = 0x10000,
		.regions = {R(0, false, 0x10000000, 300),
			    R(1, false, 64 * G, 12)},
	},
};

#define CASES (sizeof(hw_case_list) / sizeof(hw_case_list[0]))

static const char *cannot(const struct hw_case *c)
{
	const bool granule = c->granule_lg2 == 12 ? hw_features.granule_4k :
			     c->granule_lg2 == 14 ? hw_features.granule_16k :
						    hw_features.granule_64k;

	if (!granule)
		return "this processor has not the granule";
	if (c->features & PTW_FEATURE_HW_DIRTY && hw_features.hafdbs < 2)
		return "no hardware dirty state";
	if (c->features & PTW_FEATURE_HW_ACCESSED && hw_features.hafdbs < 1)
		return "no hardware accessed flag";
	if (c->ia_bits > hw_features.pa_bits)
		return "fewer physical address bits";
	if (c->features & PTW_FEATURE_DS &&
	    !(c->granule_lg2 == 12 ? hw_features.lpa2_4k : hw_features.lpa2_16k))
		return "no FEAT_LPA2";
	return NULL;
}

static struct ptw_config config_of(const struct hw_case *c)
{
	return (struct ptw_config){
		.size = sizeof(struct ptw_config),
		.format = PTW_FORMAT_ARM64_S2,
		.granule_lg2 = c->granule_lg2,
		.ia_bits = c->ia_bits,
		.levels = c->levels,
		.features = c->features,
	};
}

static unsigned int regions_of(const struct hw_case *c)
{
	unsigned int n = 0;

	while (n < HW_REGIONS - 1 && c->regions[n].count)
		n++;
	return n;
}

/* QEMU before it learned of it takes some legal start levels for none. */
static bool refused(void)
{
	uint64_t value = 0;

	return hw_guest(hw_touch_at(&hw_ledger.regions[0], 0, 0) + 8, HW_LOAD, &value) != PTW_OK &&
	       (hw_vcpus[0].esr & 0x3f) == 0x04;
}

static void run_case(const struct hw_case *c)
{
	const struct ptw_config config = config_of(c);
	const char *why = cannot(c);
	struct hw_ledger *l = &hw_ledger;

	if (why) {
		hw_say("# not here: %s: %s\n", c->name, why);
		return;
	}
	hw_begin_test(c->name);
	if (hw_ledger_begin(&config, c->regions, regions_of(c), c->code)) {
		if (c->may_be_refused && refused()) {
			HW_CHECK(ptw_pgtable_destroy(l->pgtable) == PTW_OK);
			hw_skip(c->name, "the emulator refuses this start level");
			return;
		}
		hw_ledger_rounds(32, l->extents);
		hw_ledger_end();
	}
	hw_end_test("%lu pages compared, %lu differences; %lu touches, %lu faults, %lu flushes",
		    l->pages, l->differences, l->touches, hw_vcpus[0].faults, l->tlb.calls);
}

/* Young pages of a harvest that only counts. */
static uint64_t young_pages(uint64_t start, uint64_t end, uint32_t flags)
{
	const struct ptw_harvest h = {.size = sizeof(h), .flags = PTW_HARVEST_ACCESSED | flags};
	struct ptw_harvest_result result = {.size = sizeof(result)};

	HW_CHECK(ptw_harvest(hw_ledger.pgtable, start, end, &h, &result) == PTW_OK);
	return result.young_pages;
}

static void load_all(const struct hw_region *r)
{
	uint64_t value;

	for (unsigned int i = 0; i < r->count; i++)
		HW_CHECK(hw_guest(hw_touch_at(r, i, 0) + 8, HW_LOAD, &value) == PTW_OK);
}

/* Clearing without a flush: the walker does not look again, so touched pages look old. */
static void stale_tlb(void)
{
	static const char name[] = "a stale TLB hides accesses, exact mode does not";
	const struct hw_region pages = R(0, false, 0x10000000, 32);
	const struct ptw_config config = {
		.size = sizeof(config),
		.format = PTW_FORMAT_ARM64_S2,
		.granule_lg2 = 12,
		.ia_bits = 39,
		.features = HW_AD,
	};
	struct hw_ledger *l = &hw_ledger;
	uint64_t start, end, first = 0, stale = 0, flushed = 0, exact = 0;

	if (hw_features.hafdbs < 2) {
		hw_say("# not here: %s: no hardware accessed flag\n", name);
		return;
	}
	hw_begin_test(name);
	if (!hw_ledger_begin(&config, &pages, 1, 0x1000))
		goto out;
	start = l->regions[0].ia;
	end = start + 32 * 4096;
	load_all(&l->regions[0]);
	first = young_pages(start, end, 0);
	load_all(&l->regions[0]);
	stale = young_pages(start, end, 0);
	hw_flush_all(false);
	load_all(&l->regions[0]);
	flushed = young_pages(start, end, PTW_HARVEST_EXACT);
	load_all(&l->regions[0]);
	exact = young_pages(start, end, PTW_HARVEST_EXACT);
	if (first != 32 || stale != 0 || flushed != 32 || exact != 32)
		hw_fail("%lu young, then %lu, after a flush %lu, after exact %lu", first, stale,
			flushed, exact);
	l->young[l->extents - 1] = 1;
	hw_ledger_end();
out:
	hw_end_test(
		"of 32 loaded pages %lu are young; again, without TLBI, %lu; after TLBI %lu; after "
		"an exact harvest %lu",
		first, stale, flushed, exact);
}

/* Stores that go through the TLB: how many were allowed. */
static unsigned int store_all(const struct hw_region *r)
{
	unsigned int allowed = 0;

	for (unsigned int i = 0; i < r->count; i++) {
		uint64_t value = i;
		int ret = hw_guest(hw_touch_at(r, i, 0) + 8, HW_STORE, &value);

		HW_CHECK(ret == PTW_OK || ret == PTW_ERR_FAULT);
		allowed += ret == PTW_OK;
	}
	return allowed;
}

static uint64_t dirty_pages(uint64_t start, uint64_t end)
{
	const struct ptw_harvest h = {.size = sizeof(h), .flags = PTW_HARVEST_DIRTY};
	struct ptw_harvest_result result = {.size = sizeof(result)};

	HW_CHECK(ptw_harvest(hw_ledger.pgtable, start, end, &h, &result) == PTW_OK);
	return result.dirty_pages;
}

/* What takes dirty state or write permission flushes before it returns, so the next store is seen.
 */
static void stale_dirty(void)
{
	static const char name[] = "no stale TLB hides a store";
	const struct hw_region pages = R(0, false, 0x10000000, 32);
	const struct ptw_config config = {
		.size = sizeof(config),
		.format = PTW_FORMAT_ARM64_S2,
		.granule_lg2 = 12,
		.ia_bits = 39,
		.features = hw_features.hafdbs >= 2 ? HW_AD : 0,
	};
	struct hw_ledger *l = &hw_ledger;
	struct ptw_change_result protected = {.size = sizeof(protected)};
	uint64_t start, end, first = 0, harvested = 0, allowed = 0;

	hw_begin_test(name);
	if (!hw_ledger_begin(&config, &pages, 1, 0x1000))
		goto out;
	start = l->regions[0].ia;
	end = start + 32 * 4096;
	store_all(&l->regions[0]);
	first = dirty_pages(start, end);
	store_all(&l->regions[0]);
	harvested = dirty_pages(start, end);
	store_all(&l->regions[0]);
	HW_CHECK(ptw_write_protect(l->pgtable, start, end, false, NULL, &protected) == PTW_OK);
	store_all(&l->regions[0]);
	if (first != 32 || harvested != 32 || protected.dirty_pages != 32 ||
	    dirty_pages(start, end) != 32)
		hw_fail("stores were not seen");
	store_all(&l->regions[0]);
	HW_CHECK(ptw_protect(l->pgtable, start, end, PTW_PROT_READ, NULL, &protected) == PTW_OK);
	allowed = store_all(&l->regions[0]);
	if (protected.dirty_pages != 32 || allowed)
		hw_fail("%lu stores to read-only pages", allowed);
	/* The books of the single steps are not those of the ledger. */
	HW_CHECK(ptw_check(l->pgtable, PTW_CHECK_COUNTS, NULL) == PTW_OK);
	HW_CHECK(ptw_pgtable_destroy(l->pgtable) == PTW_OK);
	HW_CHECK(ptw_bare_spoiled() == 0);
	HW_CHECK(ptw_bare_free_bytes() == l->free_bytes);
out:
	hw_end_test(
		"of 32 stores %lu are told, again %lu, by write_protect %lu; %lu get through to "
		"read-only pages",
		first, harvested, protected.dirty_pages, allowed);
}

/* The emulated walker marks the touched member only; the extent is the group, also for a range that
 * has other members only. */
static void group_members(void)
{
	static const char name[] = "a contiguous group is young as a whole, by any member";
	const struct hw_region group = R(0, true, 0x10000000, 1);
	const struct ptw_config config = {
		.size = sizeof(config),
		.format = PTW_FORMAT_ARM64_S2,
		.granule_lg2 = 12,
		.ia_bits = 39,
		.features = HW_AD | PTW_FEATURE_CONTIG,
	};
	struct hw_ledger *l = &hw_ledger;
	const struct hw_region *r = &l->regions[0];
	uint64_t reported = 0, extents = 0, leftover = 0;

	if (hw_features.hafdbs < 2) {
		hw_say("# not here: %s: no hardware accessed flag\n", name);
		return;
	}
	hw_begin_test(name);
	if (!hw_ledger_begin(&config, &group, 1, 0x1000))
		goto out;
	for (unsigned int touched = 0; touched < 16; touched++) {
		for (unsigned int first = 0; first < 16; first += 3) {
			const uint64_t start = r->ia + first * 4096;
			const struct ptw_harvest h = {.size = sizeof(h),
						      .flags = PTW_HARVEST_ACCESSED |
							       PTW_HARVEST_DIRTY |
							       PTW_HARVEST_EXACT};
			struct ptw_harvest_result result = {.size = sizeof(result)};
			uint64_t value = 1;

			HW_CHECK(hw_guest(r->ia + touched * 4096 + 8, HW_STORE, &value) == PTW_OK);
			HW_CHECK(ptw_harvest(l->pgtable, start, start + 4096, &h, &result) ==
				 PTW_OK);
			reported += result.young_pages + result.dirty_pages;
			extents += result.young_extents + result.dirty_extents;
			if (result.head.length + result.tail.length == 0)
				hw_fail("no cut extent is told");
			leftover += young_pages(r->ia, r->ia + r->size, PTW_HARVEST_PEEK);
		}
	}
	if (reported != 2 * 16 * 6 || extents != 2 * 16 * 6 || leftover)
		hw_fail("%lu pages, %lu extents instead of 192 each; %lu left young", reported,
			extents, leftover);
	l->young[l->extents - 1] = 1;
	hw_ledger_end();
out:
	hw_end_test("%lu of 192 states reported, %lu left behind", reported, leftover);
}

void hw_cases(void)
{
	for (unsigned int i = 0; i < CASES; i++)
		run_case(&hw_case_list[i]);
	stale_tlb();
	stale_dirty();
	group_members();
}

void hw_main(void)
{
	hw_say("# processor: %u physical address bits, HAFDBS %u, %u CPUs\n", hw_features.pa_bits,
	       hw_features.hafdbs, hw_features.cpus);
	hw_cases();
	hw_races();
	hw_say("# done, %u tests failed\n", hw_failures);
}
