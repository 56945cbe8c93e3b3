/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Bad arguments: each gets its own error, and nothing is changed. */
#include "tests/unit/pgtable_machine.h"

static struct machine m;

/* A call that is refused with `error` and leaves every entry as it was. */
static uint64_t before;
static unsigned int flushes;

#define assert_refused(call, error)                                                              \
	do {                                                                                     \
		const int got = (call);                                                          \
		cr_assert_eq(got, error, "%s: " #call ": %s", m.info.format, ptw_strerror(got)); \
		cr_assert_eq(fingerprint(&m), before, #call " changed something");               \
		cr_assert_eq(m.flushes, flushes);                                                \
	} while (0)

static int ignore_visit(void *context, const struct ptw_visit *v)
{
	(void)context;
	(void)v;
	return PTW_VISIT_NEXT;
}

/* The mistakes that every call with a range can be given. */
struct bad_range {
	uint64_t start, end;
	int error;
};

static unsigned int bad_ranges(struct bad_range *bad)
{
	const uint64_t g = m.granule, end = m.ia_end;
	const struct bad_range all[] = {
		{ 1, g, PTW_ERR_ALIGN },
		{ g / 2, g, PTW_ERR_ALIGN },
		{ 0, g + 8, PTW_ERR_ALIGN },
		{ 0, 0 - g + 1, PTW_ERR_ALIGN },
		{ g, g, PTW_ERR_RANGE },
		{ 2 * g, g, PTW_ERR_RANGE },
		{ g, 0, PTW_ERR_RANGE },
		{ 0, end + g, PTW_ERR_RANGE },
		{ end, end + g, PTW_ERR_RANGE },
		{ end - g, end + g, PTW_ERR_RANGE },
		{ (uint64_t)1 << 63, ((uint64_t)1 << 63) + g, PTW_ERR_RANGE },
		/* The highest page of canonical addresses on x86-64, wrapping elsewhere. */
		{ 0 - g, 0, PTW_ERR_RANGE },
	};

	memcpy(bad, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]) - (m.config.format == PTW_FORMAT_X86_64);
}

static void refuse_ranges(void)
{
	struct bad_range bad[16];
	const unsigned int count = bad_ranges(bad);
	const struct ptw_map map = full_access(&m);
	const struct ptw_harvest h = { .size = sizeof(h),
				       .flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY };
	const struct ptw_walk walk = { .size = sizeof(walk),
				       .kinds = PTW_VISIT_LEAF,
				       .visit = ignore_visit };
	struct text *text = calloc(1, sizeof(*text));

	for (unsigned int i = 0; i < count; i++) {
		const struct bad_range *b = &bad[i];

		assert_refused(ptw_map(m.pgtable, b->start, b->end, 0, &map, NULL), b->error);
		assert_refused(ptw_unmap(m.pgtable, b->start, b->end, NULL, NULL), b->error);
		assert_refused(ptw_harvest(m.pgtable, b->start, b->end, &h, NULL), b->error);
		assert_refused(ptw_walk(m.pgtable, b->start, b->end, &walk, NULL), b->error);
		assert_refused(ptw_write_protect(m.pgtable, b->start, b->end, true, NULL, NULL),
			       b->error);
		assert_refused(ptw_set_user_bit(m.pgtable, b->start, b->end, true, NULL), b->error);
		assert_refused(ptw_dump(m.pgtable, b->start, b->end, text_line, text), b->error);
	}
	cr_assert_eq(text->lines, 0u);
	free(text);
}

static void refuse_map(void)
{
	const uint64_t g = m.granule, oa_end = (uint64_t)1 << m.info.oa_bits;
	struct ptw_change_result result = { .size = sizeof(result) };
	const struct ptw_map good = full_access(&m);
	struct ptw_map map = good;

	assert_refused(ptw_map(NULL, 0, g, 0, &map, NULL), PTW_ERR_ARG);
	assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, NULL, NULL), PTW_ERR_ARG);
	map.size--;
	assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, &map, NULL), PTW_ERR_SIZE);
	map = good;
	result.size--;
	assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, &map, &result), PTW_ERR_SIZE);
	map.flags = PTW_LEAF_HELD;
	assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, &map, NULL), PTW_ERR_ARG);
	map.flags = 1u << 30;
	assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, &map, NULL), PTW_ERR_ARG);
	map = good;
	map.page_levels = 6;
	assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, &map, NULL), PTW_ERR_ARG);
	map = good;
	map.prot |= 1u << 9;
	assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, &map, NULL), PTW_ERR_ARG);
	map = good;
	map.memtype = 3;
	assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, &map, NULL), PTW_ERR_ARG);
	map = good;
	assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, g / 2, &map, NULL), PTW_ERR_ALIGN);
	assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, oa_end, &map, NULL), PTW_ERR_OUTPUT);
	assert_refused(ptw_map(m.pgtable, 8 * g, 10 * g, oa_end - g, &map, NULL), PTW_ERR_OUTPUT);
	assert_refused(ptw_map(m.pgtable, 8 * g, 10 * g, 0 - g, &map, NULL), PTW_ERR_OUTPUT);
	assert_refused(ptw_map(m.pgtable, 0, 9 * g, 0, &map, NULL), PTW_ERR_EXISTS);
	if (m.config.format == PTW_FORMAT_EPT) {
		map.prot = PTW_PROT_WRITE;
		assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, &map, NULL), PTW_ERR_PERM);
		map.prot = PTW_PROT_EXEC;
		assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, &map, NULL), PTW_ERR_PERM);
	}
	if (!(good.prot & PTW_PROT_USER)) {
		map.prot = good.prot | PTW_PROT_USER;
		assert_refused(ptw_map(m.pgtable, 8 * g, 9 * g, 0, &map, NULL), PTW_ERR_PERM);
	}
}

static void refuse_unmap(void)
{
	const uint64_t g = m.granule;
	struct ptw_change_result result = { .size = sizeof(result) - 1 };
	struct ptw_unmap unmap = { .size = sizeof(unmap) };

	assert_refused(ptw_unmap(NULL, 0, g, NULL, NULL), PTW_ERR_ARG);
	assert_refused(ptw_unmap(m.pgtable, 0, g, NULL, &result), PTW_ERR_SIZE);
	unmap.flags = 2;
	assert_refused(ptw_unmap(m.pgtable, 0, g, &unmap, NULL), PTW_ERR_ARG);
	unmap.flags = 0;
	unmap.reserved = 1;
	assert_refused(ptw_unmap(m.pgtable, 0, g, &unmap, NULL), PTW_ERR_ARG);
	unmap.size--;
	assert_refused(ptw_unmap(m.pgtable, 0, g, &unmap, NULL), PTW_ERR_SIZE);
}

static void refuse_harvest(void)
{
	const uint64_t g = m.granule;
	struct ptw_harvest_result result = { .size = sizeof(result) - 1 };
	struct ptw_harvest h = { .size = sizeof(h), .flags = PTW_HARVEST_ACCESSED };
	uint64_t cursor = 0;

	assert_refused(ptw_harvest(NULL, 0, g, &h, NULL), PTW_ERR_ARG);
	assert_refused(ptw_harvest(m.pgtable, 0, g, NULL, NULL), PTW_ERR_ARG);
	assert_refused(ptw_harvest(m.pgtable, 0, g, &h, &result), PTW_ERR_SIZE);
	for (unsigned int i = 0; i < 4; i++) {
		static const uint32_t flags[] = { 0, PTW_HARVEST_PEEK, PTW_HARVEST_EXACT,
						  PTW_HARVEST_ACCESSED | 1u << 20 };

		h.flags = flags[i];
		assert_refused(ptw_harvest(m.pgtable, 0, g, &h, NULL), PTW_ERR_ARG);
	}
	h.flags = PTW_HARVEST_DIRTY;
	h.reserved = 1;
	assert_refused(ptw_harvest(m.pgtable, 0, g, &h, NULL), PTW_ERR_ARG);
	h.reserved = 0;
	h.oa_start = 2 * g;
	assert_refused(ptw_harvest(m.pgtable, 0, g, &h, NULL), PTW_ERR_RANGE);
	h.oa_end = 2 * g;
	assert_refused(ptw_harvest(m.pgtable, 0, g, &h, NULL), PTW_ERR_RANGE);
	h.oa_start = h.oa_end = 0;
	h.cursor = &cursor;
	cursor = g / 2;
	assert_refused(ptw_harvest(m.pgtable, 0, 2 * g, &h, NULL), PTW_ERR_ALIGN);
	cursor = 3 * g;
	assert_refused(ptw_harvest(m.pgtable, 0, 2 * g, &h, NULL), PTW_ERR_RANGE);
	cursor = g;
	assert_refused(ptw_harvest(m.pgtable, 2 * g, 3 * g, &h, NULL), PTW_ERR_RANGE);
	cr_assert_eq(cursor, g);
	h.size--;
	assert_refused(ptw_harvest(m.pgtable, 0, g, &h, NULL), PTW_ERR_SIZE);
}

static void refuse_others(void)
{
	const uint64_t g = m.granule, beyond = m.ia_end;
	struct ptw_change_result change = { .size = sizeof(change) - 1 };
	struct ptw_check_result check = { .size = sizeof(check) - 1 };
	struct ptw_walk_result walked = { .size = sizeof(walked) - 1 };
	struct ptw_query query = { .size = sizeof(query) - 1 };
	struct ptw_info info = { .size = sizeof(info) - 1 };
	struct ptw_walk walk = { .size = sizeof(walk),
				 .kinds = PTW_VISIT_LEAF,
				 .visit = ignore_visit };
	struct ptw_regs regs;

	assert_refused(ptw_walk(NULL, 0, g, &walk, NULL), PTW_ERR_ARG);
	assert_refused(ptw_walk(m.pgtable, 0, g, NULL, NULL), PTW_ERR_ARG);
	assert_refused(ptw_walk(m.pgtable, 0, g, &walk, &walked), PTW_ERR_SIZE);
	walk.kinds = 0;
	assert_refused(ptw_walk(m.pgtable, 0, g, &walk, NULL), PTW_ERR_ARG);
	walk.kinds = 8 | PTW_VISIT_LEAF;
	assert_refused(ptw_walk(m.pgtable, 0, g, &walk, NULL), PTW_ERR_ARG);
	walk.kinds = PTW_VISIT_LEAF;
	walk.visit = NULL;
	assert_refused(ptw_walk(m.pgtable, 0, g, &walk, NULL), PTW_ERR_ARG);
	walk.visit = ignore_visit;
	walk.size--;
	assert_refused(ptw_walk(m.pgtable, 0, g, &walk, NULL), PTW_ERR_SIZE);
	cr_assert_eq(ptw_visit_leaf(NULL, 0, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_visit_change(NULL, 0, PTW_CHANGE_OLD), PTW_ERR_ARG);

	assert_refused(ptw_query(NULL, 0, &query), PTW_ERR_ARG);
	assert_refused(ptw_query(m.pgtable, 0, NULL), PTW_ERR_ARG);
	assert_refused(ptw_query(m.pgtable, 0, &query), PTW_ERR_SIZE);
	query.size++;
	assert_refused(ptw_query(m.pgtable, beyond, &query), PTW_ERR_RANGE);
	assert_refused(ptw_query(m.pgtable, (uint64_t)1 << 63, &query), PTW_ERR_RANGE);
	assert_refused(ptw_test_young(NULL, 0), PTW_ERR_ARG);
	assert_refused(ptw_test_young(m.pgtable, beyond), PTW_ERR_RANGE);
	assert_refused(ptw_test_clear_young(NULL, 0), PTW_ERR_ARG);
	assert_refused(ptw_test_clear_young(m.pgtable, beyond), PTW_ERR_RANGE);
	assert_refused(ptw_fix_fault(NULL, 0, PTW_ACCESS_READ), PTW_ERR_ARG);
	assert_refused(ptw_fix_fault(m.pgtable, 0, 1u << 30), PTW_ERR_ARG);
	assert_refused(ptw_fix_fault(m.pgtable, beyond, PTW_ACCESS_READ), PTW_ERR_RANGE);

	assert_refused(ptw_write_protect(NULL, 0, g, false, NULL, NULL), PTW_ERR_ARG);
	assert_refused(ptw_write_protect(m.pgtable, 0, g, false, NULL, &change), PTW_ERR_SIZE);
	assert_refused(ptw_set_user_bit(NULL, 0, g, true, NULL), PTW_ERR_ARG);
	assert_refused(ptw_set_user_bit(m.pgtable, 0, g, true, &change), PTW_ERR_SIZE);

	assert_refused(ptw_check(NULL, PTW_CHECK_COUNTS, NULL), PTW_ERR_ARG);
	assert_refused(ptw_check(m.pgtable, PTW_CHECK_COUNTS, &check), PTW_ERR_SIZE);
	assert_refused(ptw_dump(NULL, 0, 0, text_line, NULL), PTW_ERR_ARG);
	assert_refused(ptw_dump(m.pgtable, 0, 0, NULL, NULL), PTW_ERR_ARG);
	assert_refused(ptw_pgtable_info(NULL, &info), PTW_ERR_ARG);
	assert_refused(ptw_pgtable_info(m.pgtable, NULL), PTW_ERR_ARG);
	assert_refused(ptw_pgtable_info(m.pgtable, &info), PTW_ERR_SIZE);
	assert_refused(ptw_pgtable_regs(NULL, &regs), PTW_ERR_ARG);
	assert_refused(ptw_pgtable_regs(m.pgtable, NULL), PTW_ERR_ARG);
}

Test(arguments, refused_and_nothing_changed)
{
	const char *preset;

	for_each_preset(preset) {
		machine_open(&m, preset);
		map_levels(&m, 0, 5 * m.granule, 0, 1);
		map_levels(&m, entry_size(&m, 1), 2 * entry_size(&m, 1), 0, 2);
		touch_write(&m, 0);
		touch(&m, entry_size(&m, 1));
		before = fingerprint(&m);
		flushes = m.flushes;
		refuse_ranges();
		refuse_map();
		refuse_unmap();
		refuse_harvest();
		refuse_others();
		assert_sound(&m);
		machine_close(&m);
	}
}
