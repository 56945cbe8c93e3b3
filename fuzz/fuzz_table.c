/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Any bytes as a page table of somebody else's: attach, then every call that an attached page table
 * allows. Each ends in bounded time with an error code that its header names, touches declared
 * memory only, changes nothing where it says so, and what it reports lies in the range and adds up.
 *
 * Input: 12 bytes of configuration, operations of 8 bytes each, records for the arena (arena.h).
 */
#include "harvests.h"

/* --- walk */

struct walked {
	const struct op *op;
	struct span span;
	uint64_t next; /* leaves come in ascending order */
	uint64_t visits;
	const uint64_t *path[PTW_MAX_LEVELS]; /* the table of each level, if TABLE_PRE is wanted */
};

/*
 * Tables are aligned, an entry stands where its address says, and no table is below itself: rules
 * that the memory alone would not show broken.
 */
static void check_place(struct walked *w, const struct ptw_visit *v)
{
	const uint64_t *words = m.arena->words, entries = m.arena->entries;
	const uint64_t at = (uint64_t)(v->slots - words);
	const uint64_t *table = words + at / entries * entries;
	const uint64_t root = (m.info.root - m.arena->pa) / 8;

	/* The root may be shorter than a table, or several of them. */
	if (v->level == m.info.levels - 1)
		return;
	expect(at % entries == ((v->ia / v->size) & (entries - 1)), "entry %llu at level %u",
	       (unsigned long long)at, v->level);
	expect(at < root || at >= root + ((uint64_t)1 << m.info.root_lg2), "back in the root");
	for (unsigned int up = v->level + 1; up < m.info.levels - 1; up++)
		expect(w->path[up] != table, "a table of level %u is below itself", up);
	w->path[v->level] = w->op->flags & PTW_VISIT_TABLE_PRE ? table : NULL;
}

static int visit(void *context, const struct ptw_visit *v)
{
	struct walked *w = context;
	const uint64_t size = v->count * v->size;
	struct ptw_leaf leaf;

	expect(v->pgtable == m.pgtable && v->level < m.info.levels, "level %u", v->level);
	expect(v->count >= 1 && v->count <= 64 && !(v->ia & (v->size - 1)), "run");
	expect(v->ia < w->span.end && v->ia + size > w->span.start, "visit at %#llx",
	       (unsigned long long)v->ia);
	check_place(w, v);
	expect(++w->visits <= 17 * 3 * m.entries_max, "visits without end");
	for (unsigned int i = 0; i < v->count; i++) {
		expect(arena_declared(m.arena, &v->slots[i]), "a slot outside");
		expect(v->entries[i] == v->slots[i] || v->retries, "a snapshot of something else");
	}
	if (v->kind != PTW_VISIT_LEAF) {
		expect(v->count == 1 && v->level > 0, "a table entry at level %u", v->level);
		expect(v->kind == PTW_VISIT_TABLE_PRE || v->kind == PTW_VISIT_TABLE_POST, "kind");
		return v->kind == PTW_VISIT_TABLE_PRE && (w->op->misc & 0x70) == 0x70 ?
			       PTW_VISIT_SKIP :
			       PTW_VISIT_NEXT;
	}
	if (!v->retries) {
		expect(v->ia >= w->next || v->ia + size > w->next, "leaves go back");
		w->next = v->ia + size;
	}
	expect(v->count == 64 || !(v->leaves >> v->count), "leaves behind the run");
	expect(!(v->leaves & v->owned), "both leaf and owned");
	for (unsigned int i = 0; i < v->count; i++) {
		int ret = ptw_visit_leaf(v, i, &leaf);

		expect(ret == (v->leaves >> i & 1 ? PTW_OK : PTW_ERR_HOLE), "decoding: %d", ret);
		if ((w->op->flags & 0x80) && !ret) {
			ret = ptw_visit_change(v, i, PTW_CHANGE_OLD + w->op->misc % 6);
			/* Whoever holds a leaf lets nobody change more than its state. */
			expect(ret == PTW_OK || ret == PTW_ERR_UNSUPPORTED ||
				       (ret == PTW_ERR_AGAIN &&
					(v->retries || (leaf.flags & PTW_LEAF_HELD))),
			       "change: %d", ret);
		}
	}
	return w->op->misc == 0x42 ? PTW_VISIT_STOP :
	       w->op->misc == 0x43 ? PTW_VISIT_RETRY :
				     PTW_VISIT_NEXT;
}

static int do_walk(const struct op *op, uint64_t *resume)
{
	struct walked w = {.op = op, .span = span_of(op)};
	struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = op->flags & 7,
		.min_level = op->flags >> 4 & 3,
		.holes = op->flags & 8,
		.budget = op->misc & 0x80 ? op->misc : 0,
		.visit = visit,
		.context = &w,
	};
	struct ptw_walk_result r = {.size = sizeof(r), .resume = w.span.start};
	int ret;

	arena_begin(m.arena);
	ret = ptw_walk(m.pgtable, w.span.raw_start, w.span.raw_end, &walk, &r);
	arena_end(m.arena, op->flags & 0x80);
	expect(ret == PTW_OK || is_corrupt(ret) || is_refusal(&w.span, ret) ||
		       (ret == PTW_ERR_ARG && !walk.kinds) ||
		       (ret == PTW_ERR_BUDGET && walk.budget) ||
		       (ret == PTW_ERR_STOPPED && op->misc == 0x42) ||
		       (ret == PTW_ERR_AGAIN && op->misc == 0x43),
	       "walk: %d", ret);
	expect(r.resume >= w.span.start && r.resume <= w.span.end, "resume");
	expect(ret || r.resume == w.span.end || !w.span.legal, "complete, but not at the end");
	expect(r.tables <= m.budget, "%llu tables", (unsigned long long)r.tables);
	expect(r.entries <= (op->misc == 0x43 ? 17 : 1) * m.entries_max, "%llu entries",
	       (unsigned long long)r.entries);
	*resume = r.resume;
	return ret;
}

/* --- harvest */

/* What one pass has cleared, the next one cannot find: nobody else is here. */
static void do_harvest_twice(const struct op *op)
{
	const uint32_t want = op->flags % 3 + 1;
	struct ptw_harvest_result r;

	if (do_harvest(op, want, false, &r) || m.config.format == PTW_FORMAT_PERVERSE)
		return;
	do_harvest(op, want | PTW_HARVEST_PEEK, false, &r);
	expect(!(want & PTW_HARVEST_ACCESSED) || !r.young_extents, "young again: %llu extents",
	       (unsigned long long)r.young_extents);
	expect(!(want & PTW_HARVEST_DIRTY) || !r.dirty_extents, "dirty again: %llu extents",
	       (unsigned long long)r.dirty_extents);
}

/* Walk and harvest go the same way, so they end at the same place; groups are taken whole. */
static void do_compare(void)
{
	const struct op all = {.flags = 15, .shift = 0x80};
	struct ptw_harvest_result r;
	uint64_t resume;
	int walked = do_walk(&all, &resume);
	int found = do_harvest(&all, PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK,
			       false, &r);

	expect(m.arena->groups || (walked == found && resume == r.resume),
	       "walk ends with %d at %#llx, harvest with %d at %#llx", walked,
	       (unsigned long long)resume, found, (unsigned long long)r.resume);
}

/* --- single pages, and the rest */

static void check_single(int ret, int most)
{
	expect((ret >= 0 && ret <= most) || ret == PTW_ERR_HOLE || ret == PTW_ERR_AGAIN ||
		       ret == PTW_ERR_RANGE || is_corrupt(ret),
	       "one page: %d", ret);
}

static int on_leaf(void *context, const struct ptw_visit *v)
{
	unsigned int *leaves = context;

	*leaves += (unsigned int)__builtin_popcountll(v->leaves);
	return PTW_VISIT_NEXT;
}

/* A walk over that page alone sees what a query for it saw. */
static void check_query(uint64_t ia, int queried)
{
	unsigned int leaves = 0;
	const struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF,
		.visit = on_leaf,
		.context = &leaves,
	};
	int ret;

	ia &= ~(m.granule - 1);
	ret = ptw_walk(m.pgtable, ia, ia + m.granule, &walk, NULL);
	expect(ret == (is_corrupt(queried) ? queried : PTW_OK) ||
		       /* A walk looks at entries, not at the groups they are in. */
		       (!ret && (queried == PTW_ERR_CORRUPT_GROUP ||
				 queried == PTW_ERR_CORRUPT_RESERVED)), "query: %d, walk: %d", queried,
	       ret);
	expect(leaves == (queried == PTW_OK || (!ret && is_corrupt(queried))),
	       "query: %d, walk: %u leaves", queried, leaves);
}

static void do_single(const struct op *op)
{
	const uint64_t ia = address_of(op), inside = ia & (m.ia_end - 1);
	struct ptw_query q = {.size = sizeof(q)};
	int ret, young;

	arena_begin(m.arena);
	ret = ptw_query(m.pgtable, ia, &q);
	young = ptw_test_young(m.pgtable, ia);
	if (ret != PTW_ERR_RANGE)
		check_query(inside, ret);
	arena_end(m.arena, false);
	check_single(ret, 0);
	check_single(young, 1);
	if (ret) {
		expect(young == ret, "query: %d, test_young: %d", ret, young);
	} else {
		expect(young == !!(q.leaf.flags & PTW_LEAF_YOUNG), "young: %d, flags %#x", young,
		       q.leaf.flags);
		expect(q.level < m.info.levels && inside >= q.extent_start &&
			       inside - q.extent_start < q.extent_size,
		       "an extent elsewhere");
	}
	if (op->flags & 1) {
		int was;

		arena_begin(m.arena);
		was = ptw_test_clear_young(m.pgtable, ia);
		young = ptw_test_young(m.pgtable, ia);
		arena_end(m.arena, true);
		expect(was == (ret ? ret : !!(q.leaf.flags & PTW_LEAF_YOUNG)), "clear: %d", was);
		expect(was < 0 ? young == was : !young, "cleared, then %d", young);
	}
	if (op->flags & 2) {
		const uint32_t access = op->flags >> 2;
		int fixed;

		arena_begin(m.arena);
		fixed = ptw_fix_fault(m.pgtable, ia, access);
		arena_end(m.arena, true);
		expect(fixed == ret || fixed == PTW_ERR_ARG || (!ret && fixed == PTW_ERR_FAULT),
		       "fix_fault: %d", fixed);
	}
}

static void do_protect(const struct op *op)
{
	const struct span s = span_of(op);
	const struct harvested h = {.span = s, .strict = false};
	const uint64_t words = ptw_bitmap_words(s.start, s.end, m.info.granule_lg2);
	struct ptw_change_result r = {.size = sizeof(r), .reached = s.start};
	const bool user = op->flags & 2, bitmap = !user && words <= BITMAP_WORDS;
	int ret;

	if (bitmap)
		bitmap_open(dirty_words, words);
	arena_begin(m.arena);
	if (user)
		ret = ptw_set_user_bit(m.pgtable, s.raw_start, s.raw_end, op->flags & 1, &r);
	else
		ret = ptw_write_protect(m.pgtable, s.raw_start, s.raw_end, op->flags & 1,
					bitmap ? dirty_words + 1 : NULL, &r);
	arena_end(m.arena, true);
	/* Again: an entry is frozen or held, as far as bytes can tell. */
	expect(ret == PTW_OK || is_corrupt(ret) || is_refusal(&s, ret) || ret == PTW_ERR_AGAIN ||
		       (user && ret == PTW_ERR_UNSUPPORTED),
	       "%s: %d", user ? "set_user_bit" : "write_protect", ret);
	expect(r.reached >= s.start && r.reached <= s.end && r.leaves <= m.entries_max, "result");
	expect(ret || !s.legal || r.reached == s.end, "complete, but not at the end");
	if (bitmap)
		bitmap_close(&h, dirty_words, words, r.dirty_pages);
}

static void on_line(void *context, const char *text)
{
	uint64_t *lines = context;

	expect(++*lines <= 2 * m.entries_max + 1, "lines without end");
	expect(strlen(text) < 1000 && !strchr(text, '\n'), "a line: %s", text);
}

static void do_dump(const struct op *op)
{
	const struct span s = span_of(op);
	uint64_t lines = 0;
	int ret;

	arena_begin(m.arena);
	ret = ptw_dump(m.pgtable, s.raw_start, s.raw_end, on_line, &lines);
	arena_end(m.arena, false);
	expect(ret == PTW_OK || is_corrupt(ret) || is_refusal(&s, ret), "dump: %d", ret);
}

static void do_check(void)
{
	struct ptw_check_result r = {.size = sizeof(r)};
	int ret;

	arena_begin(m.arena);
	ret = ptw_check(m.pgtable, PTW_CHECK_COUNTS, &r);
	arena_end(m.arena, false);
	expect(ret == PTW_OK || is_corrupt(ret) || ret == PTW_ERR_CORRUPT_GROUP, "check: %d", ret);
	expect(r.leaves <= m.entries_max && r.tables <= m.entries_max, "counts");
	expect(!ret || (r.ia < m.ia_end && r.level < m.info.levels), "where: %#llx, level %u",
	       (unsigned long long)r.ia, r.level);
}

static void do_op(const struct op *op)
{
	struct ptw_harvest_result r;
	uint64_t resume;

	switch (op->kind % 9) {
	case 0:
		do_walk(op, &resume);
		break;
	case 1:
	case 2:
		do_harvest(op, op->flags & 0x1f, true, &r);
		break;
	case 3:
		do_harvest_twice(op);
		break;
	case 4:
		do_single(op);
		break;
	case 5:
		do_protect(op);
		break;
	case 6:
		do_dump(op);
		break;
	case 7:
		do_check();
		break;
	default:
		do_compare();
	}
}

/* What the caller's flush gets: whole leaves, so that it may end behind the last address. */
static void on_flush(void *context, const struct ptw_range *ranges, unsigned int count,
		     enum ptw_flush_kind kind, unsigned int level)
{
	(void)context;
	expect(count >= 1 && count <= 16 && kind == PTW_FLUSH_LEAF && level < m.info.levels,
	       "flush");
	for (unsigned int i = 0; i < count; i++)
		expect(ranges[i].start < ranges[i].end && ranges[i].start < m.ia_end &&
			       (!i || ranges[i].start >= ranges[i - 1].end),
		       "flush of %#llx to %#llx", (unsigned long long)ranges[i].start,
		       (unsigned long long)ranges[i].end);
}

static const struct ptw_layout *layout_of(uint32_t format, unsigned int n)
{
	static const struct ptw_layout *const ept[] = {
		NULL,
		NULL,
		NULL,
		NULL,
		&ptw_layout_kvm_ept_6_1,
		&ptw_layout_kvm_ept_6_12,
		&ptw_layout_kvm_ept_7_3,
	};
	static const struct ptw_layout *const npt[] = {
		NULL,
		&ptw_layout_kvm_npt_6_1,
		&ptw_layout_kvm_npt_6_12,
		&ptw_layout_kvm_npt_7_3,
	};
	static const struct ptw_layout *const stage2[] = {
		NULL,
		&ptw_layout_kvm_stage2_6_1,
		&ptw_layout_kvm_stage2_6_12,
		&ptw_layout_kvm_stage2_7_3,
	};

	switch (format) {
	case PTW_FORMAT_EPT:
		return ept[n % 7];
	case PTW_FORMAT_X86_64:
		return npt[n % 4];
	case PTW_FORMAT_ARM64_S2:
		return stage2[n % 4];
	default:
		return NULL;
	}
}

static unsigned int presets(void)
{
	unsigned int n = 0;

	while (ptw_preset_name(n))
		n++;
	return n;
}

/* Zero keeps the preset as it is. */
static void configure(struct input *in)
{
	const unsigned int preset = take(in) % presets(), layout = take(in), levels = take(in),
			   ia_bits = take(in), oa_bits = take(in), feature = take(in);

	expect(!ptw_preset(ptw_preset_name(preset), &m.config), "no preset %u", preset);
	m.config.layout = layout_of(m.config.format, layout);
	/* Without hardware's bits there is no rule to attach by but the owner's. */
	if (!m.config.layout && m.config.format == PTW_FORMAT_EPT &&
	    !(m.config.features & PTW_FEATURE_HW_ACCESSED) && !(layout & 0x80))
		m.config.layout = ptw_layout_own(&m.config);
	if (levels & 0x80)
		m.config.levels = levels & 7;
	if (ia_bits)
		m.config.ia_bits = ia_bits & 63;
	if (oa_bits)
		m.config.oa_bits = oa_bits & 63;
	if (feature & 0x80)
		m.config.features ^= 1u << (feature & 31);
	m.config.flush = feature & 0x40 ? NULL : on_flush;
}

static void arena_fill(struct input *in)
{
	/* PV_EMPTY of arch/perverse: zero would be present on its odd levels. */
	const uint64_t empty = m.config.layout ? m.config.layout->empty :
			       m.config.format == PTW_FORMAT_PERVERSE ?
						 (uint64_t)1 << 16 | (uint64_t)1 << 38 :
						 0;

	arena_allow(m.arena->words, m.arena->bytes);
	m.arena->groups = false;
	for (size_t i = 0; i < m.arena->bytes / 8; i++)
		m.arena->words[i] = empty;
	while (in->left)
		arena_record(m.arena, &m.config, in);
	if (m.config.format != PTW_FORMAT_ARM64_S1 && m.config.format != PTW_FORMAT_ARM64_S2)
		m.arena->groups = false;
}

static bool attach(unsigned int budget, unsigned int root)
{
	const uint64_t bytes = m.arena->entries * 8;
	struct ptw_attach how = {
		.size = sizeof(how),
		.root = m.arena->pa + (root & 0x3f) % m.arena->tables * bytes + (root & 0x80),
		.bounds = m.arena->bounds,
		.bounds_count = m.arena->bounds_count,
	};
	int ret;

	m.budget = 1 + budget % (ENTRIES_MAX / m.arena->entries < 128 ?
					 ENTRIES_MAX / m.arena->entries :
					 128);
	how.table_budget = m.budget;
	ret = ptw_pgtable_attach(&m.config, &how, &m.pgtable);
	expect(ret == PTW_OK || ret == PTW_ERR_CORRUPT_BOUNDS || ret == PTW_ERR_ARG ||
		       ret == PTW_ERR_UNSUPPORTED || ret == PTW_ERR_ALIGN ||
		       (ret <= PTW_ERR_CONFIG && ret >= PTW_ERR_CONFIG_MODE),
	       "attach: %d", ret);
	if (ret)
		return false;
	m.info = (struct ptw_info){.size = sizeof(m.info)};
	expect(!ptw_pgtable_info(m.pgtable, &m.info) && m.info.attached, "info");
	expect(m.info.root == how.root && m.info.levels >= 1 && m.info.levels <= PTW_MAX_LEVELS &&
		       (uint64_t)1 << m.info.index_lg2 == m.arena->entries,
	       "shape");
	m.granule = (uint64_t)1 << m.info.granule_lg2;
	m.ia_end = (uint64_t)1 << m.info.ia_bits;
	m.entries_max = ((uint64_t)1 << m.info.root_lg2) + m.budget * m.arena->entries;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct op ops[8];
	unsigned int count, bounds, which, budget, root;

	configure(&in);
	bounds = take(&in);
	which = take(&in);
	budget = take(&in);
	root = take(&in);
	count = 1 + take(&in) % 8;
	m.arena = arena_for(&m.config);
	m.arena->pa =
		m.config.oa_bits && m.config.oa_bits < 34 ? (uint64_t)1 << 24 : (uint64_t)1 << 32;
	m.config.phys_offset = (uint64_t)(uintptr_t)m.arena->words - m.arena->pa;
	arena_bounds(m.arena, bounds, which);
	take(&in);
	for (unsigned int i = 0; i < count; i++) {
		ops[i].kind = take(&in);
		ops[i].flags = take(&in);
		ops[i].first = (uint16_t)take_le(&in, 2);
		ops[i].shift = take(&in);
		ops[i].length = (uint16_t)take_le(&in, 2);
		ops[i].misc = take(&in);
	}
	if (!attach(budget, root))
		return 0;
	arena_fill(&in);
	for (unsigned int i = 0; i < count; i++)
		do_op(&ops[i]);
	do_check();
	do_compare();
	expect(!ptw_pgtable_destroy(m.pgtable), "destroy");
	return 0;
}
