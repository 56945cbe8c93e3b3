/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The ledger. Whatever the schedule was: what processors set is reported once or still set, what
 * they wrote was copied after the last write or is still dirty, what was mapped less what was
 * unmapped is there, nothing is left owned, and every table is reachable or free.
 */
#include "tests/schedule/ledger.h"

#include <string.h>

#include "tests/schedule/schedule_memory.h"

static bool bit(const uint64_t *words, unsigned int first, unsigned int page)
{
	const unsigned int at = page - (first & ~63u);

	return words[at / 64] >> (at % 64) & 1;
}

/* May anything in the scenario map the page, or give write permission back? */
static bool comes_back(unsigned int page, bool mapped_only)
{
	for (unsigned int i = 0; i < SCHEDULER_THREADS * OPERATIONS_MAX; i++) {
		const struct operation *op =
			&world.scenario->thread[i / OPERATIONS_MAX][i % OPERATIONS_MAX];

		if ((op->kind == OP_MAP || (!mapped_only && op->kind == OP_PROTECT)) &&
		    page >= op->page && page < op->page + op->pages)
			return true;
	}
	return false;
}

void ledger_set(unsigned int self, unsigned int page, unsigned int pages, bool young, bool dirty)
{
	struct account *a = &world.live.account[self];

	a->young_set_extents += young;
	for (unsigned int p = page; p < page + pages && p < PAGES_MAX; p++) {
		a->young_set[p] += young;
		a->dirty_set[p] += dirty;
	}
}

void ledger_seen(unsigned int page, uint64_t oa, uint64_t size, const char *by)
{
	const uint64_t low = oa & 0xffffffff, high = oa >> 32;
	const uint64_t ia = (uint64_t)page << world.info.granule_lg2;

	/* A leaf that is larger than a page may be told by its beginning. */
	if (!high || high > SCHEDULER_OUTSIDE + 1 || low > ia || ia - low >= (size ? size : 1))
		scheduler_fail("%s sees page %u at output address %#llx, where nobody put it", by,
			       page, (unsigned long long)oa);
}

void ledger_mapped(unsigned int self, const struct operation *op, const struct ptw_change_result *r)
{
	struct account *a = &world.live.account[self];
	const unsigned int reached = (unsigned int)(r->reached >> world.info.granule_lg2);

	/* Refused before anything was changed, a map tells what was in its way. */
	if (!r->leaves)
		return;
	a->leaves += r->leaves;
	for (unsigned int p = op->page; p < reached && p < op->page + op->pages; p++) {
		a->young_set[p] += !!(op->flags & PTW_LEAF_YOUNG);
		a->dirty_set[p] += !!(op->flags & PTW_LEAF_DIRTY);
	}
	if (op->flags & PTW_LEAF_YOUNG)
		a->young_set_extents += r->leaves;
}

/* Pages that were told dirty are copied now. */
static void copy(struct account *a, unsigned int page, bool dirty)
{
	if (!dirty)
		return;
	a->dirty_told[page]++;
	__atomic_store_n(&world.live.copied[page],
			 __atomic_load_n(&world.live.written[page], __ATOMIC_RELAXED),
			 __ATOMIC_RELAXED);
}

void ledger_unmapped(unsigned int self, const struct operation *op, int ret,
		     const struct ptw_change_result *r, const uint64_t *young,
		     const uint64_t *dirty)
{
	struct account *a = &world.live.account[self];
	const unsigned int reached = ret == PTW_OK ?
					     op->page + op->pages :
					     (unsigned int)(r->reached >> world.info.granule_lg2);

	a->leaves -= r->leaves;
	a->young_told_extents += r->young_extents;
	for (unsigned int p = op->page; p < op->page + op->pages; p++) {
		a->young_told[p] += bit(young, op->page, p);
		copy(a, p, bit(dirty, op->page, p));
		if (p < reached && ret != PTW_ERR_BLOCK && !comes_back(p, true))
			__atomic_store_n(&world.live.gone[p], 1, __ATOMIC_RELAXED);
	}
}

void ledger_harvested(unsigned int self, const struct operation *op,
		      const struct ptw_harvest_result *r, const uint64_t *young,
		      const uint64_t *dirty)
{
	struct account *a = &world.live.account[self];

	a->young_told_extents += r->young_extents;
	for (unsigned int p = op->page; p < op->page + op->pages; p++) {
		a->young_told[p] += bit(young, op->page, p);
		copy(a, p, bit(dirty, op->page, p));
	}
}

void ledger_protected(unsigned int self, const struct operation *op, int ret,
		      const struct ptw_change_result *r, const uint64_t *dirty)
{
	const bool forever = (op->kind == OP_WRITE_PROTECT && op->flags) ||
			     (op->kind == OP_PROTECT && !(op->flags & PTW_PROT_WRITE));
	const unsigned int reached = ret == PTW_OK ?
					     op->page + op->pages :
					     (unsigned int)(r->reached >> world.info.granule_lg2);

	for (unsigned int p = op->page; p < op->page + op->pages; p++) {
		copy(&world.live.account[self], p, bit(dirty, op->page, p));
		if (forever && p < reached && !comes_back(p, false))
			__atomic_store_n(&world.live.read_only[p], 1, __ATOMIC_RELAXED);
	}
}

/* The extent is not told. Where pages are counted it is a page; elsewhere no larger than this. */
void ledger_cleared(unsigned int self, unsigned int page)
{
	const unsigned int pages = world.scenario->conserve == CONSERVE_EXACT ? 1 : 16;

	world.live.account[self].young_told_extents++;
	for (unsigned int p = page & ~(pages - 1); p < (page & ~(pages - 1)) + pages; p++)
		world.live.account[self].young_told[p]++;
}

static void check_bit(unsigned int page, const char *what, unsigned int set, unsigned int told,
		      bool now, bool loose)
{
	if (set && !told && !now)
		scheduler_fail("page %u: %s was set %u times, never reported, and is not set", page,
			       what, set);
	if (world.scenario->conserve == CONSERVE_EXACT && !loose && set != told + now)
		scheduler_fail("page %u: %s was set %u times, reported %u times, and is%s set",
			       page, what, set, told, now ? "" : " not");
}

/* One page; returns 1 at the beginning of a young extent. */
static unsigned int check_page(unsigned int page)
{
	const uint64_t ia = (uint64_t)page << world.info.granule_lg2;
	unsigned int young_set = 0, young_told = 0, dirty_set = 0, dirty_told = 0;
	struct ptw_query query = {.size = sizeof(query)};
	bool young, dirty, loose = false;
	int ret = ptw_query(world.pgtable, ia, &query);

	if (ret == PTW_ERR_AGAIN || (!ret && (query.leaf.flags & PTW_LEAF_HELD)))
		scheduler_fail("page %u is left owned", page);
	if (ret && ret != PTW_ERR_HOLE)
		scheduler_fail("query of page %u: %d", page, ret);
	if (!ret)
		ledger_seen(page, query.leaf.oa, 1, "the end");
	young = !ret && (query.leaf.flags & PTW_LEAF_YOUNG);
	dirty = !ret && (query.leaf.flags & PTW_LEAF_DIRTY);
	for (unsigned int t = 0; t <= SCHEDULER_THREADS; t++) {
		const struct account *a = &world.live.account[t];

		young_set += a->young_set[page];
		young_told += a->young_told[page];
		dirty_set += a->dirty_set[page];
		dirty_told += a->dirty_told[page];
		loose |= a->loose[page];
	}
	check_bit(page, "accessed", young_set, young_told, young, loose);
	check_bit(page, "dirty", dirty_set, dirty_told, dirty, loose);
	if (world.live.written[page] != world.live.copied[page] && !dirty)
		scheduler_fail("page %u: write %u is lost: copied as of %u, and not dirty", page,
			       world.live.written[page], world.live.copied[page]);
	return young && query.extent_start == ia;
}

void ledger_check(void)
{
	struct ptw_check_result checked = {.size = sizeof(checked)};
	struct ptw_info info = {.size = sizeof(info)};
	uint64_t set = 0, told = 0, leaves = 0, still = 0;
	int ret = ptw_check(world.pgtable, PTW_CHECK_COUNTS, &checked);

	if (ret)
		scheduler_fail("ptw_check: %d (%s) at %#llx, level %u", ret, ptw_strerror(ret),
			       (unsigned long long)checked.ia, checked.level);
	ptw_pgtable_info(world.pgtable, &info);
	if (info.tables != schedule_tables_live() || info.tables_retired)
		scheduler_fail("%u tables are allocated, %llu known, %llu not freed yet",
			       schedule_tables_live(), (unsigned long long)info.tables,
			       (unsigned long long)info.tables_retired);
	if (checked.tables != info.tables)
		scheduler_fail("a table is lost: %llu can be reached, %llu are in use",
			       (unsigned long long)checked.tables, (unsigned long long)info.tables);
	for (unsigned int p = 0; p < world.pages; p++)
		still += check_page(p);
	for (unsigned int t = 0; t <= SCHEDULER_THREADS; t++) {
		set += world.live.account[t].young_set_extents;
		told += world.live.account[t].young_told_extents;
		leaves += world.live.account[t].leaves;
	}
	if (world.scenario->conserve == CONSERVE_MERGED && told + still > set)
		scheduler_fail("%llu extents were young, %llu reported, %llu are still",
			       (unsigned long long)set, (unsigned long long)told,
			       (unsigned long long)still);
	if (!world.scenario->sizes_change && leaves != checked.leaves)
		scheduler_fail("%lld leaves were mapped and not unmapped, %llu are there",
			       (long long)leaves, (unsigned long long)checked.leaves);
}

void ledger_close(void)
{
	int ret = ptw_pgtable_destroy(world.pgtable);

	if (ret)
		scheduler_fail("destroy: %d", ret);
	if (schedule_tables_live() || schedule_bytes_live())
		scheduler_fail("after destroy %u tables and %zu bytes are in use",
			       schedule_tables_live(), schedule_bytes_live());
}
