/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Partitions: how much is read in one read-side section. Each begins at the root. */
#include <ptw/port.h>

#include "tests/unit/pgtable_machine.h"

__thread void (*test_hook)(int op, const void *address);

static const void *root_entry;
static unsigned int loads, most, sections;

static void count_loads(int op, const void *address)
{
	if (op != PTW_OP_LOAD && op != PTW_OP_LOAD_TABLE)
		return;
	if (!root_entry)
		root_entry = address;
	if (address == root_entry) {
		sections++;
		loads = 0;
	}
	if (++loads > most)
		most = loads;
}

Test(partition_sections, are_bounded)
{
	struct ptw_range part[4];
	struct machine m;
	uint32_t count = 0;

	machine_open(&m, "ept4");
	/* Tables of level 1, all below one entry of the root. */
	for (uint64_t i = 0; i < 64; i++)
		map_levels(&m, i * entry_size(&m, 2), i * entry_size(&m, 2) + m.granule, 0, 1);
	test_hook = count_loads;
	cr_assert_eq(ptw_partition(m.pgtable, 0, 64 * entry_size(&m, 2), 4, part, &count), PTW_OK);
	test_hook = NULL;
	cr_assert_eq(count, 4u);
	/* 4096 entries, and the table in hand is read to its end. */
	cr_assert_leq(most, 4096u + 512u + 100u);
	cr_assert_geq(sections, 2 * 64 * 512 / 4700u);
	machine_close(&m);
}
