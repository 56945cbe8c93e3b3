/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pruned harvests next to writers: a pass that goes by table entries comes before any one access that a
 * writer makes, or in its flush.
 */
#include "tests/unit/prune_races.h"

/* The pass comes before this access. */
static unsigned int pass_at, accesses;
static uint64_t *spoiled; /* a member of a group to be: other than the rest from then on */

static void pass_before(int op, const void *address)
{
	(void)op;
	(void)address;
	if (accesses++ != pass_at)
		return;
	test_hook = NULL;
	hint_pass();
	if (spoiled && (*spoiled & 1) && !(*spoiled & held_bit(0)))
		*spoiled |= (uint64_t)1 << 55;
	test_hook = pass_before;
}

struct writer {
	const char *name;
	void (*prepare)(void);
	void (*act)(void);
	void (*finish)(void); /* or null */
	bool groups;	      /* arm64 only */
};

static void a_few_pages(void)
{
	map_levels(&m, 0, page(4), 0, 1);
}

static void map_next(void)
{
	cr_assert_eq(map_young(page(4), page(5)), PTW_OK);
}

/* Tables of several levels are missing. */
static void map_elsewhere(void)
{
	const uint64_t ia = m.ia_end / 2;

	cr_assert_eq(map_young(ia, ia + m.granule), PTW_OK);
}

static void map_over_the_end(void)
{
	cr_assert_eq(map_young(page(per_table() - 2), page(per_table() + 2)), PTW_OK);
}

static void fix(void)
{
	make_young(3);
}

static void one_by_one(void)
{
	for (uint64_t i = 0; i < per_table(); i++)
		map_levels(&m, page(i), page(i + 1), page(i), 1);
	make_young(3);
}

static void collapse(void)
{
	cr_assert_eq(collapse_result(&m, 0, page(per_table()), 1, PTW_OK).leaves, 1u);
}

static void a_young_block(void)
{
	map_levels(&m, 0, page(per_table()), 0, 2);
	assert_level(&m, 0, 1);
	make_young(3);
}

static void split(void)
{
	cr_assert_eq(split_result(&m, 0, page(per_table()), 0, PTW_OK).tables, 1u);
}

static void single_pages(void)
{
	for (uint64_t i = 0; i < 16; i++)
		map_levels(&m, page(i), page(i + 1), page(i), 1);
	make_young(3);
}

static void group(void)
{
	cr_assert_eq(collapse_result(&m, 0, page(16), 0, PTW_OK).leaves, 16u);
}

static void single_pages_to_spoil(void)
{
	single_pages();
	spoiled = slot_of(page(5), 0);
}

static void group_perhaps(void)
{
	const int ret = ptw_collapse(m.pgtable, 0, page(16), 0, NULL);

	cr_assert(ret == PTW_OK || ret == PTW_ERR_AGAIN);
}

static void a_young_group(void)
{
	map_levels(&m, 0, page(16), 0, 1);
	cr_assert_eq(query_at(&m, 0).extent_size, page(16));
	make_young(3);
}

static void ungroup(void)
{
	cr_assert_eq(split_result(&m, 0, page(16), 0, PTW_OK).leaves, 16u);
}

static void unmap_table(void)
{
	unmap_result(&m, 0, page(per_table()), 0, PTW_ERR_AGAIN);
}

static void unmap_two_levels(void)
{
	unmap_result(&m, 0, entry_size(&m, 2), 0, PTW_ERR_AGAIN);
}

static void protect(void)
{
	const uint32_t read = m.config.format == PTW_FORMAT_X86_64 || is_arm64(&m) ?
				      PTW_PROT_READ | PTW_PROT_USER : PTW_PROT_READ;

	cr_assert_eq(ptw_protect(m.pgtable, 0, page(16),
				 m.config.format == PTW_FORMAT_ARM64_S2 ? PTW_PROT_READ : read,
				 NULL, NULL), PTW_OK);
}

static const struct writer writers[] = {
	{ "map", a_few_pages, map_next, NULL, false },
	{ "map, tables are missing", a_few_pages, map_elsewhere, NULL, false },
	{ "map over the end of a table", a_few_pages, map_over_the_end, NULL, false },
	{ "fix_fault", a_few_pages, fix, NULL, false },
	{ "collapse", one_by_one, collapse, NULL, false },
	{ "split", a_young_block, split, NULL, false },
	{ "make a group", single_pages, group, NULL, true },
	{ "fail to make a group", single_pages_to_spoil, group_perhaps, NULL, true },
	{ "break a group", a_young_group, ungroup, NULL, true },
	{ "unmap gives up", pages_of_two, unmap_table, disown, false },
	{ "unmap of two levels gives up", pages_of_two, unmap_two_levels, disown, false },
	{ "protect", single_pages, protect, NULL, false },
};

#define WRITERS (sizeof(writers) / sizeof(writers[0]))

/* Returns whether the pass came. */
static bool one_order(const struct writer *w, uint64_t *found_after)
{
	uint64_t found;

	spoiled = NULL;
	w->prepare();
	accesses = 0;
	test_hook = pass_before;
	w->act();
	test_hook = NULL;
	if (w->finish)
		w->finish();
	found = hint_pass();
	cr_assert_eq(young_now(), 0u, "%s, bbm %u: %s: a pass before access %u, the next found %"
				      PRIu64 ", and %" PRIu64 " extents stay young",
		     m.info.format, m.config.bbm_level, w->name, pass_at, found,
		     young_now());
	*found_after += found;
	return accesses > pass_at;
}

static void all_orders(const char *preset, unsigned int bbm, uint32_t flags,
		       const struct writer *w)
{
	const unsigned int step = test_slowness() > 1 ? 7 : 1;
	uint64_t after = 0;
	bool came = true;

	if (!open_haft(preset, bbm, flags))
		return;
	for (pass_at = 0; came && (is_arm64(&m) || !w->groups); pass_at += step) {
		came = one_order(w, &after);
		start_again();
	}
	cr_assert(after || !pass_at, "%s: %s: nothing was young", preset, w->name);
	machine_close(&m);
}

static void all_formats(unsigned int from, unsigned int to, uint32_t flags)
{
	for (unsigned int w = from; w < to; w++)
		for (unsigned int i = 0; i < HAFT; i++)
			for (unsigned int bbm = 0; bbm < 3; bbm++)
				all_orders(haft[i], bbm, flags, &writers[w]);
}

Test(prune_races, a_pass_before_each_access_of_map_and_fix, .timeout = 600)
{
	all_formats(0, 4, 0);
	all_formats(0, 4, PTW_WRITERS_EXCLUSIVE);
}

Test(prune_races, a_pass_before_each_access_of_collapse, .timeout = 600)
{
	all_formats(4, 5, 0);
}

Test(prune_races, a_pass_before_each_access_of_the_others, .timeout = 600)
{
	all_formats(5, WRITERS, 0);
}

/* ---- passes in the flush of a change of groups, exact ones as well ---- */

static bool exactly, pass_due;
static uint64_t touched[8];

static uint64_t exact_pass(void)
{
	struct ptw_prune prune = {
		.size = sizeof(prune),
		.flags = PTW_PRUNE_FLUSH,
		.pass = 1,
		.touched = touched,
		.touched_words = 8,
	};
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = PTW_HARVEST_ACCESSED,
		.prune = &prune,
	};
	struct ptw_harvest_result result = { .size = sizeof(result) };

	/* Of each its own: nothing that an earlier one left is known. */
	memset(touched, 0, sizeof(touched));
	cr_assert_eq(ptw_harvest(m.pgtable, 0, page(64 * per_table()), &harvest, &result), PTW_OK);
	return result.young_extents;
}

static void pass_in_flush(struct machine *machine)
{
	(void)machine;
	if (!pass_due)
		return;
	pass_due = false;
	if (exactly)
		exact_pass();
	else
		hint_pass();
}

Test(prune_races, a_pass_in_the_flush)
{
	for (unsigned int w = 4; w < WRITERS; w++) {
		for (unsigned int i = 0; i < 30; i++) {
			exactly = i & 1;
			if (!open_haft(haft[i / 2 % HAFT], i / 10, 0))
				continue;
			if (!writers[w].groups || is_arm64(&m)) {
				spoiled = NULL;
				writers[w].prepare();
				m.in_flush = pass_in_flush;
				pass_due = true;
				writers[w].act();
				if (writers[w].finish)
					writers[w].finish();
				pass_due = false;
				if (exactly)
					exact_pass();
				else
					hint_pass();
				cr_assert_eq(young_now(), 0u, "%s, bbm %u: %s", haft[i / 2 % HAFT],
					     i / 10, writers[w].name);
			}
			machine_close(&m);
		}
	}
}
