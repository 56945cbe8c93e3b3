/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Races, one at a time and always the same: what somebody else does between two accesses of the
 * library to an entry is done by the port's hook, before the access happens, or by a flush or output
 * function. Each test is the reproducer of a mistake that was made once.
 */
#include <string.h>

#include <ptw/port.h>

#include "tests/unit/pgtable_machine.h"
#include "tests/unit/owner.h"

__thread void (*test_hook)(int op, const void *address);

/* What the hook does, to which entry, before which access, and how often. */
static struct {
	int op; /* enum ptw_port_op */
	uint64_t *slot;
	uint64_t flip; /* bits to change each time */
	unsigned int times;
	unsigned int seen;
} plan;

static void hook(int op, const void *address)
{
	if (op != plan.op || address != plan.slot || plan.seen >= plan.times)
		return;
	plan.seen++;
	__atomic_fetch_xor(plan.slot, plan.flip, __ATOMIC_RELAXED);
}

static void plan_flips(uint64_t *slot, enum ptw_port_op op, uint64_t flip, unsigned int times)
{
	plan.slot = slot;
	plan.op = op;
	plan.flip = flip;
	plan.times = times;
	plan.seen = 0;
	test_hook = hook;
}

/* Access tracking takes permissions without a flush: protecting afterwards must flush all the same. */
Test(races, protection_of_tracked_old_leaves_is_flushed)
{
	const struct ptw_harvest young = { .size = sizeof(young), .flags = PTW_HARVEST_ACCESSED };

	machine_open(&m, "ept4-tracked");
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	touch_write(&m, 0);
	cr_assert_eq(ptw_harvest(m.pgtable, 0, 16 * m.granule, &young, NULL), PTW_OK);
	m.flushes = 0;
	cr_assert_eq(ptw_write_protect(m.pgtable, 0, 16 * m.granule, true, NULL, NULL), PTW_OK);
	cr_assert_eq(m.flushes, 1u);
	machine_close(&m);
}

/* A second caller must not return before what the first one protected is flushed. */
static unsigned int inner_flushes;

static void protect_again(void *context, const struct ptw_range *ranges, unsigned int count,
			  enum ptw_flush_kind kind, unsigned int level)
{
	(void)ranges;
	(void)count;
	(void)kind;
	(void)level;
	if (inner_flushes++)
		return;
	cr_assert_eq(ptw_write_protect(*(struct ptw_pgtable **)context, 0, 4096, true, NULL, NULL),
		     PTW_OK);
	cr_assert_eq(inner_flushes, 2u, "the inner call returned without a flush");
}

Test(races, second_write_protect_flushes_too)
{
	struct ptw_map map = { .size = sizeof(map), .prot = PTW_PROT_READ | PTW_PROT_WRITE };
	static struct ptw_pgtable *pgtable;
	struct ptw_config config;

	cr_assert_eq(ptw_preset("ept4", &config), PTW_OK);
	config.flush = protect_again;
	config.flush_context = &pgtable;
	config.phys_offset = PHYS_OFFSET;
	cr_assert_eq(ptw_pgtable_create(&config, &pgtable), PTW_OK);
	cr_assert_eq(ptw_map(pgtable, 0, 4096, 0, &map, NULL), PTW_OK);
	cr_assert_eq(ptw_write_protect(pgtable, 0, 4096, true, NULL, NULL), PTW_OK);
	cr_assert_eq(inner_flushes, 2u);
	cr_assert_eq(ptw_pgtable_destroy(pgtable), PTW_OK);
}

static unsigned int words_seen;

static int stop_at_once(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	(void)context;
	(void)page;
	(void)young;
	(void)dirty;
	words_seen++;
	return 1;
}

/* The sink's word counts, also when the budget ends at the same entry, and at the top. */
Test(races, stop_and_budget_and_the_last_word)
{
	struct ptw_harvest h = { .size = sizeof(h), .flags = PTW_HARVEST_ACCESSED,
				 .word = stop_at_once };
	uint64_t start, cursor = 0;

	machine_open(&m, "ept4");
	start = m.ia_end - 256 * m.granule;
	map_levels(&m, start, m.ia_end, 0, 1);
	touch(&m, start);
	h.budget = 1;
	cr_assert_eq(ptw_harvest(m.pgtable, start, m.ia_end, &h, NULL), PTW_ERR_STOPPED);
	touch(&m, m.ia_end - 1);
	h.budget = 0;
	h.cursor = &cursor;
	cr_assert_eq(ptw_harvest(m.pgtable, start, m.ia_end, &h, NULL), PTW_ERR_STOPPED);
	cr_assert_eq(cursor, m.ia_end);
	cr_assert_eq(ptw_harvest(m.pgtable, start, m.ia_end, &h, NULL), PTW_OK);
	cr_assert_eq(words_seen, 2u);
	machine_close(&m);
}

/* Large leaves are many words of output: sections stay bounded. */
Test(races, blocks_cost_what_they_write)
{
	struct ptw_harvest_result result = { .size = sizeof(result) };
	struct ptw_harvest h = { .size = sizeof(h), .flags = PTW_HARVEST_ACCESSED };
	struct ptw_map map = { .size = sizeof(map), .prot = PTW_PROT_READ,
			       .flags = PTW_LEAF_YOUNG };

	machine_open(&m, "ept4");
	cr_assert_eq(ptw_map(m.pgtable, 0, (uint64_t)32 << 30, 0, &map, NULL), PTW_OK);
	cr_assert_eq(ptw_harvest(m.pgtable, 0, (uint64_t)32 << 30, &h, &result), PTW_OK);
	cr_assert_eq(result.young_extents, 32u);
	cr_assert_geq(result.sections, 30u);
	machine_close(&m);
}

/* A copy of a visit is as good as the visit. */
static int change_by_copy(void *context, const struct ptw_visit *visit)
{
	struct ptw_visit copy = *visit;

	for (unsigned int i = 0; i < copy.count; i++)
		if (copy.leaves >> i & 1 && ptw_visit_change(&copy, i, PTW_CHANGE_OLD))
			++*(unsigned int *)context;
	return PTW_VISIT_NEXT;
}

Test(races, a_copied_visit_can_change)
{
	unsigned int failed = 0;
	struct ptw_walk walk = { .size = sizeof(walk), .kinds = PTW_VISIT_LEAF,
				 .visit = change_by_copy, .context = &failed };

	machine_open(&m, "ept4");
	map_levels(&m, 0, 100 * m.granule, 0, 1);
	touch(&m, 5 * m.granule);
	cr_assert_eq(ptw_walk(m.pgtable, 0, 100 * m.granule, &walk, NULL), PTW_OK);
	cr_assert_eq(failed, 0u);
	cr_assert_eq(ptw_test_young(m.pgtable, 5 * m.granule), 0);
	machine_close(&m);
}

/* Some members say contiguous, others do not: hardware may take either. */
Test(races, half_a_group_is_no_group)
{
	struct ptw_check_result checked = { .size = sizeof(checked) };

	open_owner("arm64-s2-4k-contig");
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	cr_assert_eq(ptw_check(m.pgtable, PTW_CHECK_COUNTS, NULL), PTW_OK);
	for (unsigned int i = 8; i < 16; i++)
		*slot_of(i * m.granule, 0) &= ~((uint64_t)1 << 52);
	cr_assert_eq(ptw_check(m.pgtable, PTW_CHECK_COUNTS, &checked), PTW_ERR_CORRUPT_GROUP);
	for (unsigned int i = 8; i < 16; i++)
		*slot_of(i * m.granule, 0) |= (uint64_t)1 << 52;
	close_owner();
}

/* Where software gives write permission back, members of a group must go on agreeing. */
Test(races, a_write_fault_fixes_the_whole_group)
{
	open_owner("arm64-s2-4k-contig");
	close_owner();
	machine_preset(&m, "arm64-s2-4k-contig");
	m.config.features &= ~(uint32_t)PTW_FEATURE_HW_DIRTY;
	cr_assert_eq(ptw_pgtable_create(&m.config, &m.pgtable), PTW_OK);
	machine_info(&m);
	m.granule = (uint64_t)1 << m.info.granule_lg2;
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	cr_assert_eq(ptw_fix_fault(m.pgtable, 3 * m.granule, PTW_ACCESS_WRITE), PTW_OK);
	cr_assert_eq(ptw_check(m.pgtable, PTW_CHECK_COUNTS, NULL), PTW_OK);
	for (unsigned int i = 0; i < 16; i++)
		cr_assert(*slot_of(i * m.granule, 0) & 1 << 7, "member %u may not be written", i);
	cr_assert_eq(ptw_pgtable_destroy(m.pgtable), PTW_OK);
}

#define AF ((uint64_t)1 << 10)
#define SOFTWARE ((uint64_t)1 << 56)

/* A member of a group loses a race for reasons that are not its accessed bit: it is tried again. */
Test(races, a_group_survives_a_lost_race)
{
	uint64_t *slot;

	open_owner("arm64-s2-4k-contig");
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	slot = slot_of(4 * m.granule, 0);
	*slot |= AF;
	plan_flips(slot, PTW_OP_CAS, SOFTWARE, 1);
	cr_assert_eq(ptw_test_clear_young(m.pgtable, 9 * m.granule), 1);
	test_hook = NULL;
	cr_assert_eq(plan.seen, 1u);
	cr_assert_eq(ptw_test_young(m.pgtable, 4 * m.granule), 0);
	close_owner();
}

/* Eight lost races, then busy: on pages by compare-exchange, in groups, and under a filter. */
static void lose_all(const char *preset, bool filter)
{
	struct ptw_harvest_result result = { .size = sizeof(result) };
	struct ptw_harvest h = { .size = sizeof(h),
				 .flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY };
	uint64_t *slot;

	open_owner(preset);
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	h.oa_end = filter ? 16 * m.granule : 0;
	slot = slot_of(4 * m.granule, 0);
	*slot |= AF;
	plan_flips(slot, PTW_OP_CAS, SOFTWARE, 1000);
	cr_assert_eq(ptw_harvest(m.pgtable, 0, 16 * m.granule, &h, &result), PTW_OK);
	test_hook = NULL;
	cr_assert_eq(plan.seen, 8u, "%s: %u tries", preset, plan.seen);
	cr_assert_eq(result.busy, 1u);
	cr_assert_eq(result.young_extents, 0u);
	cr_assert_eq(result.sections, 1u);
	/* Nothing was lost. */
	cr_assert_eq(ptw_harvest(m.pgtable, 0, 16 * m.granule, &h, &result), PTW_OK);
	cr_assert_eq(result.young_extents, 1u);
	close_owner();
}

Test(races, eight_lost_races_are_busy)
{
	lose_all("arm64-s2-4k", false);
	lose_all("arm64-s2-4k", true);
	lose_all("arm64-s2-4k-contig", false);
	lose_all("arm64-s2-4k-contig", true);
}

/* The page is another one by the time of the exchange: outside the filter it is left alone. */
static void filter_against_remap(const char *preset, enum ptw_port_op op)
{
	struct ptw_harvest_result result = { .size = sizeof(result) };
	struct ptw_harvest h = { .size = sizeof(h), .flags = PTW_HARVEST_ACCESSED };
	uint64_t *slot;

	open_owner(preset);
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	h.oa_end = 16 * m.granule;
	slot = slot_of(4 * m.granule, 0);
	*slot |= AF;
	plan_flips(slot, op, (uint64_t)1 << 30, 1);
	cr_assert_eq(ptw_harvest(m.pgtable, 0, 16 * m.granule, &h, &result), PTW_OK);
	test_hook = NULL;
	cr_assert_eq(plan.seen, 1u);
	cr_assert_eq(result.young_extents, 0u, "%s", preset);
	cr_assert_eq(*slot & AF, AF, "%s: another page's bit was cleared", preset);
	*slot ^= (uint64_t)1 << 30;
	close_owner();
}

Test(races, a_filter_is_asked_again)
{
	filter_against_remap("arm64-s2-4k", PTW_OP_CAS);
	filter_against_remap("arm64-s2-4k-contig", PTW_OP_CAS);
	filter_against_remap("arm64-s2-4k-contig", PTW_OP_LOAD);
}

/* A table linked while the walk stands before it: entered once, its visits paired. */
static unsigned int pre_calls, post_calls;
static uint64_t *link_slot;
static uint64_t link_value;

static void link_before_run(int op, const void *address)
{
	/* The second load of the entry is the one in the run. */
	if (op == PTW_OP_LOAD_TABLE && address == link_slot && plan.seen++ == 1)
		__atomic_store_n(link_slot, link_value, __ATOMIC_RELEASE);
}

static int count_tables(void *context, const struct ptw_visit *visit)
{
	(void)context;
	pre_calls += visit->kind == PTW_VISIT_TABLE_PRE;
	post_calls += visit->kind == PTW_VISIT_TABLE_POST;
	return PTW_VISIT_NEXT;
}

Test(races, a_table_that_comes_is_entered_once)
{
	struct ptw_walk walk = { .size = sizeof(walk),
				 .kinds = PTW_VISIT_TABLE_PRE | PTW_VISIT_TABLE_POST,
				 .visit = count_tables };

	open_owner("ept4");
	map_levels(&m, 0, 512 * m.granule, 0, 1);
	link_slot = slot_of(0, 1);
	link_value = *link_slot;
	*link_slot = 0;
	plan.seen = 0;
	test_hook = link_before_run;
	cr_assert_eq(ptw_walk(m.pgtable, 0, 512 * m.granule, &walk, NULL), PTW_OK);
	test_hook = NULL;
	cr_assert_geq(plan.seen, 2u);
	cr_assert_eq(pre_calls, 3u, "%u", pre_calls);
	cr_assert_eq(post_calls, 3u, "%u", post_calls);
	close_owner();
}
