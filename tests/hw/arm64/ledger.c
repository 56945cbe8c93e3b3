/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The ledger: a page table over a few regions of leaf extents, and for each extent whether it must
 * be young and dirty now. Everything the library says is compared with it page by page.
 */
#include "hw.h"

#define WINDOW_PAGES ((uint64_t)1 << 18) /* the most one harvest looks at */

struct hw_ledger hw_ledger;
static uint64_t young_map[WINDOW_PAGES / 64 + 2];
static uint64_t dirty_map[WINDOW_PAGES / 64 + 2];

extern char hw_guest_code[];

static uint64_t page_bytes(void)
{
	return 1ull << hw_ledger.info.granule_lg2;
}

static uint64_t leaf_bytes(unsigned int level)
{
	return 1ull << (hw_ledger.info.granule_lg2 + level * hw_ledger.info.index_lg2);
}

/* Members of a group (table "Contiguous" of D8.5.5 for each granule). */
static unsigned int group_lg2(unsigned int level)
{
	switch (hw_ledger.info.granule_lg2) {
	case 14:
		return level ? 5 : 7;
	case 16:
		return 5;
	default:
		return 4;
	}
}

static bool fits(const struct hw_region *r)
{
	return r->size * r->count <= HW_SCRATCH_BYTES;
}

/* Extents follow each other in the scratch memory, or, if they are too large, all map the same. */
uint64_t hw_extent_oa(const struct hw_region *r, unsigned int i)
{
	if (fits(r))
		return HW_SCRATCH + i * r->size;
	return HW_SCRATCH & ~(r->size - 1);
}

/* An input address of extent i with RAM behind it: any page, any word but the first of a 4K frame,
 * where a RET stands. */
uint64_t hw_touch_at(const struct hw_region *r, unsigned int i, uint64_t random)
{
	const uint64_t oa = hw_extent_oa(r, i);
	const uint64_t from = oa > HW_SCRATCH ? oa : HW_SCRATCH;
	const uint64_t last = HW_SCRATCH + HW_SCRATCH_BYTES;
	const uint64_t to = oa + r->size < last ? oa + r->size : last;
	const uint64_t frames = (to - from) >> 12;

	return r->ia + i * r->size + (from - oa) + (random % frames << 12);
}

static void map_region(struct hw_region *r)
{
	struct hw_ledger *l = &hw_ledger;
	struct ptw_map map = {
		.size = sizeof(map),
		.prot = PTW_PROT_READ | PTW_PROT_WRITE | PTW_PROT_EXEC,
		.page_levels = r->level + 1,
	};
	const bool code = r == &l->regions[l->region_count - 1];
	struct ptw_query q = {.size = sizeof(q)};
	int ret;

	r->members = r->group ? 1u << group_lg2(r->level) : 1;
	r->size = leaf_bytes(r->level) * r->members;
	r->first_leaf = l->leaves;
	l->leaves += r->count * r->members;
	r->first = l->extents;
	l->extents += r->count;
	HW_CHECK(l->extents <= HW_EXTENTS && l->leaves <= HW_LEAVES);
	for (unsigned int i = 0; i < r->count; i++) {
		const uint64_t ia = r->ia + i * r->size;
		const uint64_t oa =
			code ? (uintptr_t)hw_guest_code & ~0xffffull : hw_extent_oa(r, i);

		ret = ptw_map(l->pgtable, ia, ia + r->size, oa, &map, NULL);
		if (ret != PTW_OK)
			hw_fail("map %lx: %s", ia, ptw_strerror(ret));
		ret = ptw_query(l->pgtable, ia, &q);
		if (ret != PTW_OK || q.level != r->level || q.extent_size != r->size)
			hw_fail("extent at %lx: level %u, size %lx instead of %u, %lx", ia, q.level,
				q.extent_size, r->level, r->size);
	}
}

/* False: this processor or the library has no such thing. */
bool hw_ledger_begin(const struct ptw_config *config, const struct hw_region *regions,
		     unsigned int count, uint64_t code)
{
	struct hw_ledger *l = &hw_ledger;
	int ret;

	memset(l, 0, sizeof(*l));
	l->free_bytes = ptw_bare_free_bytes();
	l->config = *config;
	l->config.flush = hw_flush;
	l->config.flush_context = &l->tlb;
	l->tlb.granule_lg2 = config->granule_lg2;
	l->soft_accessed = !(config->features & PTW_FEATURE_HW_ACCESSED);
	l->soft_dirty = !(config->features & PTW_FEATURE_HW_DIRTY);
	if (!l->config.oa_bits && hw_features.pa_bits < 48)
		l->config.oa_bits = hw_features.pa_bits;
	ret = ptw_pgtable_create(&l->config, &l->pgtable);
	if (ret != PTW_OK) {
		hw_fail("create: %s", ptw_strerror(ret));
		return false;
	}
	l->info.size = sizeof(l->info);
	HW_CHECK(ptw_pgtable_info(l->pgtable, &l->info) == PTW_OK);
	HW_CHECK(ptw_pgtable_regs(l->pgtable, &l->regs) == PTW_OK);
	for (unsigned int i = 0; i < count; i++)
		l->regions[i] = regions[i];
	l->regions[count] = (struct hw_region){.ia = code, .count = 1};
	l->region_count = count + 1;
	for (unsigned int i = 0; i < l->region_count; i++)
		map_region(&l->regions[i]);
	for (unsigned int i = 0; i < 2; i++) {
		memset(&hw_vcpus[i], 0, sizeof(hw_vcpus[i]));
		hw_vcpus[i].pgtable = l->pgtable;
		hw_vcpus[i].code = code;
	}
	/* A RET in each frame, for fetches. */
	for (uint64_t pa = HW_SCRATCH; pa < HW_SCRATCH + HW_SCRATCH_BYTES; pa += 4096)
		*(volatile uint32_t *)pa = 0xd65f03c0;
	__asm__ volatile("dsb ish\n\tic ialluis\n\tdsb ish\n\tisb" : : : "memory");
	hw_use(&l->regs);
	return true;
}

/*
 * Where software sets the accessed flag, the first touch of a leaf faults; where it sets the dirty
 * state, the first store, which gives write permission to all members of a group. One fault can do
 * both, but HW_ADD loads first.
 */
void hw_ledger_touched(const struct hw_region *r, unsigned int extent, uint64_t at, unsigned int op)
{
	struct hw_ledger *l = &hw_ledger;
	const uint64_t member = (at - r->ia - extent * r->size) / (r->size / r->members);
	uint8_t *marked = &l->marked[r->first_leaf + extent * r->members + member];
	uint8_t *dirty = &l->dirty[r->first + extent];
	const bool write = op == HW_STORE || op == HW_ADD;
	const bool access_fault = l->soft_accessed && !*marked;
	const bool write_fault = l->soft_dirty && write && !*dirty;

	l->faults += op == HW_ADD ? access_fault + write_fault : access_fault || write_fault;
	*marked = 1;
	l->young[r->first + extent] = 1;
	if (write)
		*dirty = 1;
}

void hw_ledger_touch(unsigned int region, unsigned int extent, unsigned int op)
{
	struct hw_ledger *l = &hw_ledger;
	const struct hw_region *r = &l->regions[region];
	const uint64_t at = hw_touch_at(r, extent, hw_random(1u << 20)) + (op == HW_FETCH ? 0 : 8);
	const uint64_t oa = hw_extent_oa(r, extent) + (at - r->ia - extent * r->size);
	volatile uint64_t *memory = (volatile uint64_t *)oa;
	uint64_t value = hw_random(1ull << 40);
	uint64_t want = value;
	int ret;

	if (op == HW_LOAD)
		*memory = want = value;
	else if (op == HW_ADD)
		want = *memory + value;
	if (op == HW_LOAD)
		value = 0;
	ret = hw_guest(at, op, &value);
	if (ret != PTW_OK)
		hw_fail("guest op %u at %lx: %s, ESR %lx", op, at, ptw_strerror(ret),
			hw_vcpus[0].esr);
	if (op == HW_LOAD ? value != want : op != HW_FETCH && *memory != want)
		hw_fail("op %u at %lx did not reach %lx", op, at, oa);
	l->touches++;
	hw_ledger_touched(&l->regions[l->region_count - 1], 0, hw_vcpus[0].code, HW_FETCH);
	hw_ledger_touched(r, extent, at, op);
}

void hw_ledger_touch_some(unsigned int count)
{
	struct hw_ledger *l = &hw_ledger;

	while (count--) {
		unsigned int region = (unsigned int)hw_random(l->region_count - 1);

		hw_ledger_touch(region, (unsigned int)hw_random(l->regions[region].count),
				(unsigned int)hw_random(4));
	}
}

/* Some pages of a region, often not a multiple of its extents. */
void hw_ledger_window(const struct hw_region *r, uint64_t *start, uint64_t *end)
{
	const uint64_t pages = r->size * r->count / page_bytes();
	uint64_t first = hw_random(4) ? hw_random(pages) : 0;
	uint64_t count = hw_random(4) ? 1 + hw_random(pages - first) : pages - first;

	if (count > WINDOW_PAGES)
		count = WINDOW_PAGES;
	*start = r->ia + first * page_bytes();
	*end = *start + count * page_bytes();
}

/* Compares a bitmap of the window with the ledger. */
static void compare(const struct hw_region *r, uint64_t start, uint64_t end, const uint64_t *map,
		    const uint8_t *want, const char *what)
{
	struct hw_ledger *l = &hw_ledger;
	const unsigned int lg2 = l->info.granule_lg2;
	const uint64_t base = (start >> lg2) & ~63ull;

	for (uint64_t page = start >> lg2; page < end >> lg2; page++) {
		const uint64_t bit = page - base;
		const uint64_t extent = ((page << lg2) - r->ia) / r->size;
		const uint64_t full = want[r->first + extent] ? ~0ull : 0;

		/* Whole words of one extent at once. */
		if (!(bit % 64) && page + 64 <= end >> lg2 && map[bit / 64] == full &&
		    (((page + 63) << lg2) - r->ia) / r->size == extent) {
			l->pages += 64;
			page += 63;
			continue;
		}
		l->pages++;
		if ((map[bit / 64] >> bit % 64 & 1) != (full & 1)) {
			l->differences++;
			hw_fail("page %lx is reported %s: %u, must be %u", page << lg2, what,
				(unsigned int)(map[bit / 64] >> bit % 64 & 1),
				(unsigned int)(full & 1));
		}
	}
}

static void clear_maps(uint64_t start, uint64_t end)
{
	const uint64_t words = ptw_bitmap_words(start, end, hw_ledger.info.granule_lg2);

	memset(young_map, 0, words * 8);
	memset(dirty_map, 0, words * 8);
}

/* Extents that [start, end) touches are old or clean now. */
static void made_old(const struct hw_region *r, uint64_t start, uint64_t end)
{
	const uint64_t first = (start - r->ia) / r->size, last = (end - 1 - r->ia) / r->size;

	memset(&hw_ledger.young[r->first + first], 0, last - first + 1);
	memset(&hw_ledger.marked[r->first_leaf + first * r->members], 0,
	       (last - first + 1) * r->members);
}

static void made_clean(const struct hw_region *r, uint64_t start, uint64_t end)
{
	const uint64_t first = (start - r->ia) / r->size, last = (end - 1 - r->ia) / r->size;

	memset(&hw_ledger.dirty[r->first + first], 0, last - first + 1);
}

void hw_ledger_harvest(const struct hw_region *r, uint64_t start, uint64_t end, uint32_t flags)
{
	struct hw_ledger *l = &hw_ledger;
	const struct ptw_harvest h = {
		.size = sizeof(h),
		.flags = flags,
		.young = flags & PTW_HARVEST_ACCESSED ? young_map : NULL,
		.dirty = flags & PTW_HARVEST_DIRTY ? dirty_map : NULL,
	};
	struct ptw_harvest_result result = {.size = sizeof(result)};
	int ret;

	clear_maps(start, end);
	ret = ptw_harvest(l->pgtable, start, end, &h, &result);
	if (ret != PTW_OK || result.busy || result.owned || result.resume != end)
		hw_fail("harvest %lx to %lx: %s, %lu busy, %lu owned", start, end,
			ptw_strerror(ret), result.busy, result.owned);
	/* Neither exact nor dirty: the caller flushes if he wants to know all. */
	if (flags == PTW_HARVEST_ACCESSED)
		hw_flush_all(false);
	if (h.young) {
		compare(r, start, end, young_map, l->young, "young");
		if (!(flags & PTW_HARVEST_PEEK))
			made_old(r, start, end);
	}
	if (h.dirty) {
		compare(r, start, end, dirty_map, l->dirty, "dirty");
		if (!(flags & PTW_HARVEST_PEEK))
			made_clean(r, start, end);
	}
}

void hw_ledger_write_protect(const struct hw_region *r, uint64_t start, uint64_t end)
{
	struct hw_ledger *l = &hw_ledger;
	int ret;

	clear_maps(start, end);
	ret = ptw_write_protect(l->pgtable, start, end, false, dirty_map, NULL);
	if (ret != PTW_OK)
		hw_fail("write protect %lx to %lx: %s", start, end, ptw_strerror(ret));
	compare(r, start, end, dirty_map, l->dirty, "dirty by write_protect");
	made_clean(r, start, end);
}

void hw_ledger_query(void)
{
	struct hw_ledger *l = &hw_ledger;

	for (unsigned int i = 0; i < l->region_count; i++) {
		const struct hw_region *r = &l->regions[i];
		const unsigned int n = (unsigned int)hw_random(r->count);
		const uint64_t ia = r->ia + n * r->size + hw_random(r->size);
		struct ptw_query q = {.size = sizeof(q)};
		int ret = ptw_query(l->pgtable, ia, &q);
		const bool young = q.leaf.flags & PTW_LEAF_YOUNG,
			   dirty = q.leaf.flags & PTW_LEAF_DIRTY;

		l->pages++;
		if (ret != PTW_OK || young != l->young[r->first + n] ||
		    dirty != l->dirty[r->first + n] ||
		    ptw_test_young(l->pgtable, ia) != l->young[r->first + n]) {
			l->differences++;
			hw_fail("query %lx: %s, young %d, dirty %d, must be %d, %d", ia,
				ptw_strerror(ret), young, dirty, l->young[r->first + n],
				l->dirty[r->first + n]);
		}
	}
}

/* The same for every configuration: touches, and some call that reports them. All exact. */
void hw_ledger_rounds(unsigned int rounds, unsigned int touches)
{
	static const uint32_t flags[] = {
		PTW_HARVEST_ACCESSED, /* the one with the hot loop */
		PTW_HARVEST_ACCESSED | PTW_HARVEST_EXACT,
		PTW_HARVEST_DIRTY,
		PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | PTW_HARVEST_EXACT,
		PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK,
	};
	struct hw_ledger *l = &hw_ledger;
	unsigned int only;
	uint64_t start, end;

	for (unsigned int round = 0; round < rounds; round++) {
		hw_ledger_touch_some(1 + (unsigned int)hw_random(touches));
		/* One call alone shows whether it flushes by itself. */
		only = hw_random(2) ? (unsigned int)hw_random(l->region_count) : HW_REGIONS;
		for (unsigned int i = 0; i < l->region_count; i++) {
			if (only != HW_REGIONS && i != only)
				continue;
			hw_ledger_window(&l->regions[i], &start, &end);
			if (hw_random(6) == 0)
				hw_ledger_write_protect(&l->regions[i], start, end);
			else
				hw_ledger_harvest(&l->regions[i], start, end, flags[hw_random(5)]);
		}
		hw_ledger_query();
	}
}

static void unmap_region(const struct hw_region *r)
{
	struct hw_ledger *l = &hw_ledger;
	const struct ptw_unmap unmap = {
		.size = sizeof(unmap), .young = young_map, .dirty = dirty_map};
	struct ptw_change_result result = {.size = sizeof(result)};

	for (unsigned int i = 0; i < r->count; i++) {
		const uint64_t start = r->ia + i * r->size, end = start + r->size;
		/* Only small extents: the bitmap of a large one does not fit. */
		const bool small = r->size / page_bytes() <= WINDOW_PAGES;
		int ret;

		if (small)
			clear_maps(start, end);
		ret = ptw_unmap(l->pgtable, start, end, small ? &unmap : NULL, &result);
		if (ret != PTW_OK)
			hw_fail("unmap %lx: %s", start, ptw_strerror(ret));
		if (small) {
			compare(r, start, end, young_map, l->young, "young by unmap");
			compare(r, start, end, dirty_map, l->dirty, "dirty by unmap");
		}
		l->pages++;
		if (result.young_extents != l->young[r->first + i] ||
		    result.dirty_extents != l->dirty[r->first + i]) {
			l->differences++;
			hw_fail("unmap %lx counts %lu young, %lu dirty", start,
				result.young_extents, result.dirty_extents);
		}
	}
}

void hw_ledger_end(void)
{
	struct hw_ledger *l = &hw_ledger;
	uint64_t value = 0;
	int ret;

	ret = ptw_check(l->pgtable, PTW_CHECK_COUNTS, NULL);
	if (ret != PTW_OK)
		hw_fail("check: %s", ptw_strerror(ret));
	if (hw_vcpus[0].faults != l->faults)
		hw_fail("%lu faults, must be %lu", hw_vcpus[0].faults, l->faults);
	HW_CHECK(hw_vcpus[0].odd == 0);
	for (unsigned int i = 0; i < l->region_count; i++)
		unmap_region(&l->regions[i]);
	/* Nothing is left behind, in no TLB either. */
	HW_CHECK(hw_guest(hw_touch_at(&l->regions[0], 0, 0) + 8, HW_LOAD, &value) == PTW_ERR_HOLE);
	HW_CHECK(ptw_pgtable_destroy(l->pgtable) == PTW_OK);
	HW_CHECK(ptw_bare_spoiled() == 0);
	HW_CHECK(ptw_bare_free_bytes() == l->free_bytes);
}
