/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The public walker: what a visitor is given, and what his answers do. */
#include "tests/unit/pgtable_machine.h"

#define ALL_KINDS (PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE | PTW_VISIT_TABLE_POST)

static struct machine m;
static struct ptw_walk_result result;

/* A record of the visits. */
struct seen {
	uint32_t kind, level, count;
	uint64_t ia, size, leaves;
};

static struct seen seen[4096];
static unsigned int visits;

static void record(const struct ptw_visit *v)
{
	if (visits < sizeof(seen) / sizeof(seen[0]))
		seen[visits] =
			(struct seen){ v->kind, v->level, v->count, v->ia, v->size, v->leaves };
	visits++;
}

static int record_visit(void *context, const struct ptw_visit *v)
{
	(void)context;
	record(v);
	return PTW_VISIT_NEXT;
}

static int walk(uint64_t start, uint64_t end, uint32_t kinds, ptw_visitor_fn visit, void *context)
{
	const struct ptw_walk w = {
		.size = sizeof(w),
		.kinds = kinds,
		.visit = visit,
		.context = context,
	};

	visits = 0;
	result = (struct ptw_walk_result){ .size = sizeof(result) };
	return ptw_walk(m.pgtable, start, end, &w, &result);
}

/* Everything a run says about its leaves is what a query says. */
static int compare_visit(void *context, const struct ptw_visit *v)
{
	uint64_t *pages = context;

	record(v);
	cr_assert_eq(v->pgtable, m.pgtable);
	cr_assert_eq(v->kind, PTW_VISIT_LEAF);
	cr_assert(v->count >= 1 && v->count <= 64);
	cr_assert_eq(v->size, entry_size(&m, v->level));
	cr_assert_eq(v->owned, 0u);
	cr_assert_eq(v->retries, 0u);
	for (unsigned int i = 0; i < v->count; i++) {
		struct ptw_leaf leaf = { .oa = 1 };
		struct ptw_query q = { .size = sizeof(q) };
		const int ret = ptw_visit_leaf(v, i, &leaf);

		cr_assert_eq(v->entries[i], v->slots[i]);
		cr_assert_eq(ptw_query(m.pgtable, v->ia + i * v->size, &q), ret);
		cr_assert_eq(ret, v->leaves >> i & 1 ? PTW_OK : PTW_ERR_HOLE);
		if (ret)
			continue;
		cr_assert_eq(q.level, v->level);
		cr_assert_eq(q.leaf.oa, leaf.oa);
		cr_assert_eq(q.leaf.prot, leaf.prot);
		*pages += v->size / m.granule;
	}
	cr_assert_eq(ptw_visit_leaf(v, v->count, &(struct ptw_leaf){ .oa = 0 }), PTW_ERR_ARG);
	return PTW_VISIT_NEXT;
}

Test(walk, runs_and_snapshots)
{
	const char *preset;

	for_each_preset(preset) {
		uint64_t pages = 0, g, block;

		machine_open(&m, preset);
		g = m.granule;
		block = entry_size(&m, 1);
		map_levels(&m, 10 * g, 210 * g, 0, 1);
		map_levels(&m, 300 * block, 303 * block, 0, 2);
		touch_write(&m, 100 * g);
		cr_assert_eq(walk(0, m.ia_end, PTW_VISIT_LEAF, compare_visit, &pages), PTW_OK);
		cr_assert_eq(pages, 200 + 3 * block / g);
		cr_assert_eq(result.resume, m.ia_end);
		machine_close(&m);
	}
}

Test(walk, runs_begin_at_multiples_of_64)
{
	machine_open(&m, "ept4");
	map_levels(&m, 0, 300 * m.granule, 0, 1);
	cr_assert_eq(walk(10 * m.granule, 200 * m.granule, PTW_VISIT_LEAF, record_visit, NULL),
		     PTW_OK);
	cr_assert_eq(visits, 4u);
	cr_assert_eq(seen[0].ia, 10 * m.granule);
	cr_assert_eq(seen[0].count, 54u);
	cr_assert_eq(seen[1].ia, 64 * m.granule);
	cr_assert_eq(seen[1].count, 64u);
	cr_assert_eq(seen[1].leaves, UINT64_MAX);
	cr_assert_eq(seen[3].ia, 192 * m.granule);
	cr_assert_eq(seen[3].count, 8u);
	machine_close(&m);
}

Test(walk, a_leaf_that_is_cut_is_visited_whole)
{
	uint64_t block;

	machine_open(&m, "ept4");
	block = entry_size(&m, 1);
	map_levels(&m, block, 3 * block, 0, 2);
	cr_assert_eq(
		walk(block + m.granule, 2 * block + m.granule, PTW_VISIT_LEAF, record_visit, NULL),
		PTW_OK);
	cr_assert_eq(visits, 1u);
	cr_assert_eq(seen[0].ia, block);
	cr_assert_eq(seen[0].count, 2u);
	cr_assert_eq(result.resume, 2 * block + m.granule);
	machine_close(&m);
}

Test(walk, holes)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_walk w = { .size = sizeof(w),
				      .kinds = PTW_VISIT_LEAF,
				      .holes = true,
				      .visit = record_visit };
		uint64_t next = 0, last = 0;

		machine_open(&m, preset);
		map_levels(&m, 70 * m.granule, 71 * m.granule, 0, 1);
		cr_assert_eq(walk(0, m.ia_end, PTW_VISIT_LEAF, record_visit, NULL), PTW_OK);
		cr_assert_eq(visits, 1u, "%s: %u runs", preset, visits);
		visits = 0;
		cr_assert_eq(ptw_walk(m.pgtable, 0, m.ia_end, &w, NULL), PTW_OK);
		/* Without a gap from the beginning to the end. */
		for (unsigned int i = 0; i < visits && i < 4096; i++) {
			cr_assert_eq(seen[i].ia, next);
			next = seen[i].ia + seen[i].count * seen[i].size;
			last |= seen[i].leaves;
		}
		if (visits <= 4096)
			cr_assert_eq(next, m.ia_end);
		cr_assert_neq(last, 0u);
		machine_close(&m);
	}
}

Test(walk, kinds_and_min_level)
{
	machine_open(&m, "ept4");
	map_levels(&m, 0, 2 * m.granule, 0, 1);
	map_levels(&m, (uint64_t)1 << 21, (uint64_t)1 << 22, 0, 2);
	cr_assert_eq(walk(0, m.ia_end, PTW_VISIT_TABLE_PRE, record_visit, NULL), PTW_OK);
	cr_assert_eq(visits, 3u);
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(seen[i].kind, PTW_VISIT_TABLE_PRE);
		cr_assert_eq(seen[i].level, 3 - i);
		cr_assert_eq(seen[i].count, 1u);
		cr_assert_eq(seen[i].leaves, 0u);
		cr_assert_eq(seen[i].size, entry_size(&m, 3 - i));
	}
	cr_assert_eq(walk(0, m.ia_end, PTW_VISIT_TABLE_POST, record_visit, NULL), PTW_OK);
	cr_assert_eq(visits, 3u);
	for (unsigned int i = 0; i < 3; i++) {
		cr_assert_eq(seen[i].kind, PTW_VISIT_TABLE_POST);
		cr_assert_eq(seen[i].level, i + 1);
	}
	cr_assert_eq(walk(0, m.ia_end, ALL_KINDS, record_visit, NULL), PTW_OK);
	cr_assert_eq(visits, 8u);
	for (unsigned int level = 1; level <= 3; level++) {
		struct ptw_walk w = { .size = sizeof(w),
				      .kinds = ALL_KINDS,
				      .min_level = level,
				      .visit = record_visit };

		visits = 0;
		cr_assert_eq(ptw_walk(m.pgtable, 0, m.ia_end, &w, NULL), PTW_OK);
		/* Tables down to there; what they are entered for: the block at level 1. */
		cr_assert_eq(visits, (4 - level) + (3 - level) + (level == 1));
		for (unsigned int i = 0; i < visits; i++)
			cr_assert_geq(seen[i].level, level);
		w.kinds = PTW_VISIT_LEAF;
		visits = 0;
		cr_assert_eq(ptw_walk(m.pgtable, 0, m.ia_end, &w, NULL), PTW_OK);
		cr_assert_eq(visits, level == 1 ? 1u : 0u);
	}
	machine_close(&m);
}

static int skip_visit(void *context, const struct ptw_visit *v)
{
	const uint64_t *ia = context;

	record(v);
	return v->kind == PTW_VISIT_TABLE_PRE && v->level == 1 && v->ia == *ia ? PTW_VISIT_SKIP :
										 PTW_VISIT_NEXT;
}

Test(walk, skip)
{
	uint64_t block, skipped;

	machine_open(&m, "x86-64");
	block = skipped = entry_size(&m, 1);
	for (unsigned int i = 0; i < 3; i++)
		map_levels(&m, i * block, i * block + m.granule, 0, 1);
	/* From the middle of the first table. */
	cr_assert_eq(walk(m.granule, m.ia_end, ALL_KINDS, skip_visit, &skipped), PTW_OK);
	for (unsigned int i = 0; i < visits; i++)
		cr_assert_not(seen[i].level < 2 && seen[i].ia == block &&
			      seen[i].kind != PTW_VISIT_TABLE_PRE);
	/* Three levels in and out, two tables below, one more entry skipped, one leaf. */
	cr_assert_eq(visits, 2 + 2 + 4 + 1 + 1u);
	machine_close(&m);
}

struct stop {
	uint32_t kind;
	unsigned int after;
	int answer;
};

static int stop_visit(void *context, const struct ptw_visit *v)
{
	struct stop *stop = context;

	record(v);
	if (v->kind == stop->kind && !stop->after--)
		return stop->answer;
	return PTW_VISIT_NEXT;
}

Test(walk, stop_and_errors)
{
	struct stop stop = { PTW_VISIT_LEAF, 2, PTW_VISIT_STOP };
	uint64_t block;

	machine_open(&m, "ept4");
	block = entry_size(&m, 1);
	map_levels(&m, 0, 512 * m.granule, 0, 1);
	map_levels(&m, block, 2 * block, 0, 2);
	cr_assert_eq(walk(0, 2 * block, ALL_KINDS, stop_visit, &stop), PTW_ERR_STOPPED);
	cr_assert_eq(result.resume, 128 * m.granule);
	/* The run is seen again. */
	cr_assert_eq(walk(result.resume, block, PTW_VISIT_LEAF, record_visit, NULL), PTW_OK);
	cr_assert_eq(seen[0].ia, 128 * m.granule);
	cr_assert_eq(visits, 6u);
	stop = (struct stop){ PTW_VISIT_TABLE_PRE, 1, PTW_VISIT_STOP };
	cr_assert_eq(walk(m.granule, block, ALL_KINDS, stop_visit, &stop), PTW_ERR_STOPPED);
	cr_assert_eq(visits, 2u);
	cr_assert_eq(result.resume, m.granule);
	stop = (struct stop){ PTW_VISIT_TABLE_POST, 0, PTW_VISIT_STOP };
	cr_assert_eq(walk(0, 2 * block, ALL_KINDS, stop_visit, &stop), PTW_ERR_STOPPED);
	cr_assert_eq(result.resume, block);
	/* A leaf that sticks out does not carry the answer with it. */
	stop = (struct stop){ PTW_VISIT_TABLE_POST, 0, PTW_VISIT_STOP };
	cr_assert_eq(walk(block, block + m.granule, ALL_KINDS, stop_visit, &stop), PTW_ERR_STOPPED);
	cr_assert_eq(result.resume, block + m.granule);
	for (unsigned int kind = PTW_VISIT_LEAF; kind <= PTW_VISIT_TABLE_POST; kind <<= 1) {
		stop = (struct stop){ kind, 0, PTW_ERR_PERM };
		cr_assert_eq(walk(0, 2 * block, ALL_KINDS, stop_visit, &stop), PTW_ERR_PERM);
	}
	machine_close(&m);
}

struct retry {
	unsigned int limit; /* stop asking after so many */
	unsigned int calls;
};

static int retry_visit(void *context, const struct ptw_visit *v)
{
	struct retry *retry = context;

	cr_assert_eq(v->retries, retry->calls);
	return retry->calls++ < retry->limit ? PTW_VISIT_RETRY : PTW_VISIT_NEXT;
}

Test(walk, retry_sixteen_times)
{
	struct retry retry = { .limit = 1000 };

	machine_open(&m, "arm64-s2-4k");
	map_levels(&m, 0, m.granule, 0, 1);
	cr_assert_eq(walk(0, m.granule, PTW_VISIT_LEAF, retry_visit, &retry), PTW_ERR_AGAIN);
	cr_assert_eq(retry.calls, 17u);
	cr_assert_eq(result.resume, 0u);
	retry = (struct retry){ .limit = 16 };
	cr_assert_eq(walk(0, m.granule, PTW_VISIT_LEAF, retry_visit, &retry), PTW_OK);
	cr_assert_eq(retry.calls, 17u);
	machine_close(&m);
}

/* Every PRE has its POST, in the right order, and runs lie in the table that was entered last. */
struct pairs {
	struct seen stack[PTW_MAX_LEVELS];
	unsigned int depth, tables, most;
	uint64_t pages;
};

static int pair_visit(void *context, const struct ptw_visit *v)
{
	struct pairs *p = context;
	const struct seen *top = p->depth ? &p->stack[p->depth - 1] : NULL;

	if (top) {
		cr_assert_geq(v->ia, top->ia);
		cr_assert_leq(v->ia + v->count * v->size, top->ia + top->size);
	}
	if (v->kind == PTW_VISIT_TABLE_PRE) {
		cr_assert(!top || v->level + 1 == top->level);
		cr_assert_lt(p->depth, (unsigned int)PTW_MAX_LEVELS);
		p->stack[p->depth++] =
			(struct seen){ .level = v->level, .ia = v->ia, .size = v->size };
		p->tables++;
	} else if (v->kind == PTW_VISIT_TABLE_POST) {
		cr_assert(top && v->level == top->level && v->ia == top->ia,
			  "POST of %#" PRIx64 " at level %u has no PRE", v->ia, v->level);
		p->depth--;
	} else {
		cr_assert(top && v->level + 1 == top->level);
		p->pages += (uint64_t)__builtin_popcountll(v->leaves) * v->size / m.granule;
	}
	return PTW_VISIT_NEXT;
}

Test(walk, pre_and_post_are_paired_over_sections)
{
	const char *preset;

	for_each_preset(preset) {
		struct pairs pairs = { .depth = 0 };
		uint64_t block, pages, tables;

		machine_open(&m, preset);
		block = entry_size(&m, 1);
		/* Tables of more than one section, where pages suffice for that. */
		pages = m.ia_end / m.granule / 4 < 20000 ? m.ia_end / m.granule / 4 : 20000;
		map_levels(&m, 0, pages * m.granule, 0, 1);
		map_levels(&m, m.ia_end / 2 - 3 * m.granule, m.ia_end / 2 + 2 * block, 0, 0);
		pages += 3 + 2 * block / m.granule;
		cr_assert_eq(walk(0, m.ia_end, ALL_KINDS, pair_visit, &pairs), PTW_OK);
		cr_assert_eq(pairs.depth, 0u);
		cr_assert_eq(pairs.pages, pages);
		machine_info(&m);
		tables = m.info.tables;
		cr_assert_eq(pairs.tables, tables, "%s", preset);
		/* However many sections it took. */
		cr_assert_geq(result.sections, pages > 8192 ? 3u : 1u);
		cr_assert_eq(result.tables, tables, "%s: %" PRIu64 " tables", preset,
			     result.tables);
		machine_close(&m);
	}
}

static int count_visit(void *context, const struct ptw_visit *v)
{
	uint64_t *pages = context;

	for (unsigned int i = 0; i < v->count; i++)
		if (v->leaves >> i & 1)
			pages[(v->ia + i * v->size) / m.granule]++;
	return PTW_VISIT_NEXT;
}

Test(walk, budget_and_resume)
{
	static uint64_t pages[4096];
	struct ptw_walk w = { .size = sizeof(w),
			      .kinds = PTW_VISIT_LEAF,
			      .visit = count_visit,
			      .context = pages,
			      .budget = 100 };
	uint64_t start = 0, end, calls = 0;
	int ret;

	machine_open(&m, "ept4");
	end = 2000 * m.granule;
	map_levels(&m, 0, end, 0, 1);
	result.size = sizeof(result);
	do {
		ret = ptw_walk(m.pgtable, start, end, &w, &result);
		calls++;
		cr_assert(ret == PTW_OK || ret == PTW_ERR_BUDGET);
		cr_assert_gt(result.resume, start);
		cr_assert_leq(result.resume - start, (100 + 64) * m.granule);
		start = result.resume;
	} while (ret == PTW_ERR_BUDGET);
	cr_assert_eq(start, end);
	cr_assert_geq(calls, 2000u / 164);
	for (unsigned int i = 0; i < 4096; i++)
		cr_assert_eq(pages[i], i < 2000 ? 1u : 0u);
	/* Less than one run is one run all the same. */
	w.budget = 1;
	cr_assert_eq(ptw_walk(m.pgtable, 0, end, &w, &result), PTW_ERR_BUDGET);
	cr_assert_gt(result.resume, 0u);
	machine_close(&m);
}

Test(walk, sections_are_bounded)
{
	uint64_t pages = 0;

	machine_open(&m, "arm64-s2-16k");
	map_levels(&m, 0, 40000 * m.granule, 0, 1);
	cr_assert_eq(walk(0, 40000 * m.granule, PTW_VISIT_LEAF, record_visit, &pages), PTW_OK);
	cr_assert_geq(result.entries, 40000u);
	/* Besides leaves, the entries of 21 tables were read, some before and after. */
	cr_assert_leq(result.entries, 40000u + 3 * 22);
	cr_assert_geq(result.sections, 40000u / (4096 + 64));
	cr_assert_leq(result.sections, 40000u / 4096 + 1);
	machine_close(&m);
}

struct change {
	enum ptw_change change;
	int expected;
	unsigned int calls;
};

static int change_visit(void *context, const struct ptw_visit *v)
{
	struct change *c = context;

	c->calls++;
	for (unsigned int i = 0; i < v->count; i++) {
		const int ret = ptw_visit_change(v, i, c->change);

		cr_assert_eq(ret, v->leaves >> i & 1 ? c->expected : PTW_ERR_HOLE);
	}
	return PTW_VISIT_NEXT;
}

static uint32_t change_all(enum ptw_change change, int expected)
{
	struct change c = { change, expected, 0 };

	cr_assert_eq(walk(0, 4 * m.granule, PTW_VISIT_LEAF, change_visit, &c), PTW_OK);
	cr_assert_geq(c.calls, 1u);
	return query_at(&m, m.granule).leaf.flags;
}

Test(walk, changes)
{
	const char *preset;

	for_each_preset(preset) {
		uint32_t flags;

		machine_open(&m, preset);
		map_levels(&m, m.granule, 3 * m.granule, 0, 1);
		touch_write(&m, m.granule);
		touch_write(&m, 2 * m.granule);
		flags = query_at(&m, m.granule).leaf.flags;
		cr_assert_eq(flags, PTW_LEAF_YOUNG | PTW_LEAF_DIRTY | PTW_LEAF_MAY_WRITE);
		flags = change_all(PTW_CHANGE_SET_USER, PTW_OK);
		cr_assert_eq(flags, PTW_LEAF_YOUNG | PTW_LEAF_DIRTY | PTW_LEAF_MAY_WRITE |
					    PTW_LEAF_USER_BIT);
		flags = change_all(PTW_CHANGE_OLD, PTW_OK);
		cr_assert_eq(flags, PTW_LEAF_DIRTY | PTW_LEAF_MAY_WRITE | PTW_LEAF_USER_BIT);
		flags = change_all(PTW_CHANGE_CLEAN, PTW_OK);
		cr_assert_eq(flags, PTW_LEAF_MAY_WRITE | PTW_LEAF_USER_BIT);
		flags = change_all(PTW_CHANGE_CLEAR_USER, PTW_OK);
		cr_assert_eq(flags, PTW_LEAF_MAY_WRITE);
		flags = change_all(PTW_CHANGE_WRITE_PROTECT, PTW_OK);
		cr_assert_eq(flags, PTW_LEAF_MAY_WRITE);
		flags = change_all(PTW_CHANGE_READ_ONLY, PTW_OK);
		cr_assert_eq(flags, 0u);
		/* It is so already. */
		cr_assert_eq(change_all(PTW_CHANGE_READ_ONLY, PTW_OK), 0u);
		cr_assert_eq(change_all((enum ptw_change)99, PTW_ERR_ARG), 0u);
		assert_sound(&m);
		machine_close(&m);
	}
}

static int stale_visit(void *context, const struct ptw_visit *v)
{
	unsigned int *calls = context;

	cr_assert_eq(ptw_visit_change(v, v->count, PTW_CHANGE_OLD), PTW_ERR_ARG);
	if (++*calls == 2) {
		/* The new snapshot has the bit. */
		struct ptw_leaf leaf;

		cr_assert_eq(ptw_visit_leaf(v, 0, &leaf), PTW_OK);
		cr_assert(leaf.flags & PTW_LEAF_USER_BIT);
		cr_assert_eq(v->retries, 1u);
		cr_assert_eq(ptw_visit_change(v, 0, PTW_CHANGE_OLD), PTW_OK);
		return PTW_VISIT_NEXT;
	}
	cr_assert_eq(ptw_visit_change(v, 0, PTW_CHANGE_SET_USER), PTW_OK);
	cr_assert_eq(ptw_visit_change(v, 0, PTW_CHANGE_OLD), PTW_ERR_AGAIN);
	return PTW_VISIT_RETRY;
}

Test(walk, change_of_a_stale_snapshot)
{
	const char *preset;

	for_each_preset(preset) {
		unsigned int calls = 0;

		machine_open(&m, preset);
		map_levels(&m, 0, m.granule, 0, 1);
		touch(&m, 0);
		cr_assert_eq(walk(0, m.granule, PTW_VISIT_LEAF, stale_visit, &calls), PTW_OK);
		cr_assert_eq(calls, 2u);
		cr_assert_eq(ptw_test_young(m.pgtable, 0), 0);
		machine_close(&m);
	}
}
