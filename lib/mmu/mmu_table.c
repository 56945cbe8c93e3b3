/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An MMU of page tables: frame f is input address f << frame_lg2.
 *
 * Where a frame is a granule, the bits of a question are those of a harvest, which writes into the
 * caller's bitmaps. Where the granule is larger, a harvest of all granules touched hands its words
 * to ptw_spread(), which gives each bit to all frames of its granule that were asked about.
 */
#include <ptw/change.h>
#include <ptw/config.h>

#include "lib/mmu/mmu.h"
#include "lib/walk/template.h"

/* One address space. */
struct ptw_mmu_table_one {
	struct ptw_pgtable *pgtable;
	uint64_t frames; /* how many its input addresses have */
	uint64_t upper;  /* first frame of an address with its sign (x86-64), or 0 */
	uint64_t sign;   /* of such frames */
	uint32_t shift;  /* frames of a granule, as a power of two */
	bool dense;      /* accessed alone is the instance's harvest_dense() */
};

struct ptw_mmu_tables {
	struct ptw_mmu_ops ops;
	uint32_t count;
	uint32_t frame_lg2;
	struct ptw_mmu_table_one one[];
};

/* Of a question: what is in the page table. */
struct ptw_mmu_table_part {
	const struct ptw_mmu_table_one *one;
	uint32_t frame_lg2;
	uint64_t start; /* frames without a sign */
	uint64_t end;
	uint64_t sign;  /* that they had */
};

/* The part of [start, end) that the page table has; false: none, all of it is old. No bitmap
 * reaches from the lower half of the addresses to the upper one. */
static bool ptw_mmu_table_part(const struct ptw_mmu_tables *t, uint32_t as, uint64_t start,
			       uint64_t end, struct ptw_mmu_table_part *part)
{
	const struct ptw_mmu_table_one *one = &t->one[as];
	const uint64_t last = UINT64_MAX >> t->frame_lg2;

	part->one = one;
	part->frame_lg2 = t->frame_lg2;
	part->sign = 0;
	if (start >= one->frames && one->upper && end > one->upper && start <= last) {
		part->sign = one->sign;
		if (start < one->upper)
			start = one->upper;
		if (end > last)
			end = last + 1;
		start -= part->sign;
		end -= part->sign;
	} else if (end > one->frames) {
		end = one->frames;
	}
	part->start = start;
	part->end = end;
	return start < end;
}

/* An address that the walk has reached, as the frame to go on at; not before where it began. */
static uint64_t ptw_mmu_table_reached(const struct ptw_mmu_table_part *part, uint64_t ia)
{
	uint64_t frame = ia >> part->frame_lg2;

	if (frame < part->start)
		frame = part->start;
	if (frame > part->end)
		frame = part->end;
	return frame + part->sign;
}

static void ptw_mmu_table_extent(const struct ptw_mmu_table_part *part,
				 const struct ptw_extent *found, struct ptw_extent *extent)
{
	*extent = *found;
	if (!found->length)
		return;
	extent->start = (found->start >> part->frame_lg2) + part->sign;
	extent->length = found->length >> part->frame_lg2;
}

/* Pages that became a larger leaf under the walk may have been counted before and after. */
static uint64_t ptw_mmu_table_count(const struct ptw_mmu_table_part *part, uint64_t frames)
{
	return frames < part->end - part->start ? frames : part->end - part->start;
}

static __attribute__((__noinline__)) void
ptw_mmu_table_look_again(const struct ptw_mmu_tables *t, struct ptw_mmu_ask *ask);

static int ptw_mmu_table_answer(const struct ptw_mmu_tables *t,
				const struct ptw_mmu_table_part *part, struct ptw_mmu_ask *ask,
				const struct ptw_walk_state *w, const struct ptw_harvest_job *job,
				int ret)
{
	/* What lies behind the last address is old. */
	ask->resume = ret ? ptw_mmu_table_reached(part, w->ia) : ask->end;
	ask->young_pages = ptw_mmu_table_count(part, job->young_pages);
	ask->dirty_pages = ptw_mmu_table_count(part, job->dirty_pages);
	ask->entries = job->entries;
	ask->cheap = 1;
	if (job->head.length)
		ptw_mmu_table_extent(part, &job->head, &ask->head);
	if (job->tail.length)
		ptw_mmu_table_extent(part, &job->tail, &ask->tail);
	if (job->busy)
		ptw_mmu_table_look_again(t, ask);
	return ret;
}

static __attribute__((__noinline__)) int
ptw_mmu_table_dense_answer(const struct ptw_mmu_tables *t, struct ptw_mmu_ask *ask,
			   const struct ptw_walk_state *w, const struct ptw_harvest_job *job,
			   int ret)
{
	const struct ptw_mmu_table_part part = {
		.one = &t->one[ask->as],
		.frame_lg2 = t->frame_lg2,
		.start = ask->start,
		.end = ask->end,
	};

	return ptw_mmu_table_answer(t, &part, ask, w, job, ret);
}

/* Frames of one word: the shortest way, see ptw_dense_few(). Less than 0: not that way. */
static ptw_always_inline int ptw_mmu_table_few(const struct ptw_mmu_tables *t,
					       const struct ptw_mmu_ask *ask)
{
	const struct ptw_pgtable *p = t->one[ask->as].pgtable;

	if (!p->few || (ask->start ^ (ask->end - 1)) >> 6 ||
	    (ask->budget && ask->budget < PTW_SECTION_COST))
		return PTW_FEW_REST;
	return p->instance->harvest_few(p, ask->start << t->frame_lg2,
					(unsigned int)(ask->end - ask->start), ask->young);
}

/* The hot path: one indirect call, into the caller's bitmap. */
static ptw_always_inline int ptw_mmu_table_dense(const struct ptw_mmu_tables *t,
						 struct ptw_mmu_ask *ask)
{
	struct ptw_pgtable *p = t->one[ask->as].pgtable;
	struct ptw_walk_state w;
	struct ptw_harvest_job job;
	int ret = ptw_mmu_table_few(t, ask);

	if (ret >= 0) {
		ask->resume = ask->end;
		ask->young_pages = (unsigned int)ret;
		ask->entries = ask->end - ask->start;
		ask->cheap = 1;
		return PTW_OK;
	}
	ptw_zero(&w, sizeof(w));
	ptw_zero(&job, sizeof(job));
	w.pgtable = p;
	w.start = w.ia = job.start = ask->start << t->frame_lg2;
	w.end = job.end = ask->end << t->frame_lg2;
	w.budget = ask->budget;
	job.young = ask->young;
	job.first_page = ask->start & ~(uint64_t)63;
	job.ask.want = PTW_HARVEST_ACCESSED;
	job.granule_lg2 = (uint8_t)t->frame_lg2;
	job.bitmaps_only = true;
	job.changed_start = UINT64_MAX;
	ret = p->instance->harvest_dense(&w, &job);
	if (ret || (job.head.length | job.tail.length | job.busy) ||
	    job.young_pages > ask->end - ask->start)
		return ptw_mmu_table_dense_answer(t, ask, &w, &job, ret);
	ask->resume = ask->end;
	ask->young_pages = job.young_pages;
	ask->entries = job.entries;
	ask->cheap = 1;
	return PTW_OK;
}

/* A word of granules goes to their frames; see the top. */
struct ptw_spread {
	const struct ptw_mmu_table_part *part;
	struct ptw_mmu_ask *ask;
	uint64_t young_pages;
	uint64_t dirty_pages;
};

static uint64_t ptw_spread_bits(const struct ptw_spread *s, uint64_t *words, uint64_t page,
				uint64_t bits)
{
	const struct ptw_mmu_table_part *part = s->part;
	uint64_t frames = 0;

	while (bits) {
		unsigned int first = (unsigned int)__builtin_ctzll(bits);
		uint64_t gap = ~(bits >> first);
		unsigned int n = gap ? (unsigned int)__builtin_ctzll(gap) : 64;
		uint64_t start = (page + first) << part->one->shift;
		uint64_t end = (page + first + n) << part->one->shift;

		bits = first + n < 64 ? bits & ~(uint64_t)0 << (first + n) : 0;
		if (start < part->start)
			start = part->start;
		if (end > part->end)
			end = part->end;
		if (start >= end)
			continue;
		frames += end - start;
		if (words)
			ptw_bits_set(words, ptw_mmu_bit(s->ask->start, start), end - start);
	}
	return frames;
}

static int ptw_spread(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct ptw_spread *s = context;

	s->young_pages += ptw_spread_bits(s, s->ask->young, page, young);
	s->dirty_pages += ptw_spread_bits(s, s->ask->dirty, page, dirty);
	return 0;
}

/* Any flags, any granule. */
static int ptw_mmu_table_any(const struct ptw_mmu_tables *t, struct ptw_mmu_ask *ask,
			     const struct ptw_mmu_table_part *part)
{
	struct ptw_pgtable *p = part->one->pgtable;
	const uint64_t inside = ((uint64_t)1 << p->geometry.granule_lg2) - 1;
	struct ptw_walk_state w = { .pgtable = p };
	struct ptw_harvest_job job = { .changed_start = UINT64_MAX };
	struct ptw_spread spread = { .part = part, .ask = ask };
	struct ptw_harvest h = { .flags = ask->flags };
	int ret;

	/* Leaf extents are cut where the question cuts them; the walk is over whole granules. */
	job.start = part->start << t->frame_lg2;
	job.end = part->end << t->frame_lg2;
	w.start = w.ia = job.start & ~inside;
	w.end = (job.end + inside) & ~inside;
	w.budget = ask->budget;
	if (part->one->shift) {
		h.word = ptw_spread;
		h.context = &spread;
	} else {
		h.young = ptw_mmu_words(ask->young, ask->start, part->start + part->sign);
		h.dirty = ptw_mmu_words(ask->dirty, ask->start, part->start + part->sign);
		job.first_page = part->start & ~(uint64_t)63;
	}
	ret = ptw_job_harvest(&w, &job, &h);
	if (ret == PTW_ERR_CONTEXT)
		return ptw_mmu_refuse(ask, ret);
	if (part->one->shift) {
		job.young_pages = spread.young_pages;
		job.dirty_pages = spread.dirty_pages;
	}
	return ptw_mmu_table_answer(t, part, ask, &w, &job, ret);
}

static int ptw_mmu_table_ask(const struct ptw_mmu_tables *t, struct ptw_mmu_ask *ask,
			     uint32_t known)
{
	struct ptw_mmu_table_part part;
	int ret = ptw_mmu_ask_check(ask, known);

	if (ret)
		return ret;
	if (ask->as >= t->count)
		return ptw_mmu_refuse(ask, PTW_ERR_ARG);
	if (ptw_mmu_table_part(t, ask->as, ask->start, ask->end, &part))
		return ptw_mmu_table_any(t, ask, &part);
	ask->resume = ask->end;
	ask->cheap = 1;
	return PTW_OK;
}

/*
 * Some extents kept changing and were left as they were: what is still set after that is what could
 * not be asked (or was used again just now). That happens rarely enough to go over all of it.
 */
static void ptw_mmu_table_look_again(const struct ptw_mmu_tables *t, struct ptw_mmu_ask *ask)
{
	const uint32_t want = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;
	struct ptw_mmu_ask again = {
		.size = sizeof(again),
		.as = ask->as,
		.flags = (ask->flags & want) | PTW_HARVEST_PEEK,
		.start = ask->start,
		.end = ask->resume,
		.young = ask->not_asked,
		.dirty = ask->not_asked,
	};
	uint64_t frames;

	if (ask->start >= ask->resume ||
	    ptw_mmu_table_ask(t, &again, want | PTW_HARVEST_PEEK))
		return;
	frames = again.young_pages + again.dirty_pages;
	if (frames > again.end - again.start)
		frames = again.end - again.start;
	ask->not_asked_pages += frames;
}

static bool ptw_mmu_table_is_dense(const struct ptw_mmu_tables *t, const struct ptw_mmu_ask *ask)
{
	return ask && ask->size == sizeof(*ask) && ask->flags == PTW_HARVEST_ACCESSED &&
	       ask->as < t->count && ask->start < ask->end &&
	       ask->end <= t->one[ask->as].frames && t->one[ask->as].dense && ask->young;
}

static int ptw_mmu_table_harvest(void *context, struct ptw_mmu_ask *ask)
{
	if (ptw_mmu_table_is_dense(context, ask))
		return ptw_mmu_table_dense(context, ask);
	return ptw_mmu_table_ask(context, ask, PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK);
}

static int ptw_mmu_table_harvest_dirty(void *context, struct ptw_mmu_ask *ask)
{
	return ptw_mmu_table_ask(context, ask,
				 PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK |
					 PTW_HARVEST_EXACT);
}

/* The address of one frame; false: no such frame. */
static int ptw_mmu_table_address(const struct ptw_mmu_tables *t, uint32_t as, uint64_t frame,
				 uint64_t *ia)
{
	struct ptw_mmu_table_part part;

	if (as >= t->count)
		return PTW_ERR_ARG;
	if (frame == UINT64_MAX || !ptw_mmu_table_part(t, as, frame, frame + 1, &part))
		return PTW_ERR_HOLE;
	*ia = part.start << t->frame_lg2;
	return PTW_OK;
}

static int ptw_mmu_table_test_young(void *context, uint32_t as, uint64_t frame)
{
	const struct ptw_mmu_tables *t = context;
	uint64_t ia;
	int ret = ptw_mmu_table_address(t, as, frame, &ia);

	return ret ? ret : ptw_test_young(t->one[as].pgtable, ia);
}

static int ptw_mmu_table_clear_young(void *context, uint32_t as, uint64_t frame)
{
	const struct ptw_mmu_tables *t = context;
	uint64_t ia;
	int ret = ptw_mmu_table_address(t, as, frame, &ia);

	return ret ? ret : ptw_test_clear_young(t->one[as].pgtable, ia);
}

/* Tries to unmap a range whose ends others may be making leaves of. */
#define PTW_MMU_UNMAP_TRIES 8

/* What an unmap in several tries did. */
struct ptw_mmu_table_gone {
	uint64_t reached;
	uint64_t young_pages;
	uint64_t dirty_pages;
	uint64_t leaves;
};

/* Split what lies across `ia`, as little as possible: `page`, which begins or ends there, is to be
 * in a leaf that does so, too. */
static int ptw_mmu_table_cut(struct ptw_pgtable *p, uint64_t ia, uint64_t page)
{
	unsigned int level = 0;

	while (level < p->geometry.root_level &&
	       !(ia & (((uint64_t)1 << ptw_span_lg2(p->instance->format, level + 1)) - 1)))
		level++;
	return ptw_split(p, page, page + ((uint64_t)1 << p->geometry.granule_lg2), level, NULL);
}

/* Unmap [start, end) of input addresses, whole granules. */
static int ptw_mmu_table_take(struct ptw_pgtable *p, uint64_t start, uint64_t end, uint64_t *young,
			      uint64_t *dirty, struct ptw_mmu_table_gone *gone)
{
	const uint64_t granule = (uint64_t)1 << p->geometry.granule_lg2;
	struct ptw_unmap unmap = { .size = sizeof(unmap), .young = young, .dirty = dirty };
	int ret;

	gone->reached = start;
	for (unsigned int i = 0; i < PTW_MMU_UNMAP_TRIES; i++) {
		struct ptw_change_result r = { .size = sizeof(r), .reached = start };

		ret = ptw_unmap(p, start, end, &unmap, &r);
		/* The part before what others made may be gone, even if the range cuts it. */
		gone->young_pages += r.young_pages;
		gone->dirty_pages += r.dirty_pages;
		gone->leaves += r.leaves;
		if (ret != PTW_ERR_BLOCK) {
			gone->reached = r.reached;
			return ret;
		}
		if (r.reached < start)
			ret = ptw_mmu_table_cut(p, start, start);
		else
			ret = ptw_mmu_table_cut(p, end, end - granule);
		if (ret)
			return ret;
	}
	return PTW_ERR_AGAIN;
}

/* Words of the bitmaps for a few granules; more are allocated. */
#define PTW_MMU_UNMAP_WORDS 8

/* A granule that the question cuts is gone whole: tell what it was. */
static void ptw_mmu_table_cut_granule(const struct ptw_mmu_table_part *part, uint64_t page,
				      uint64_t young, uint64_t dirty, uint64_t bit,
				      struct ptw_extent *extent)
{
	const uint32_t what = (young >> bit & 1 ? PTW_EXTENT_YOUNG : 0) |
			      (dirty >> bit & 1 ? PTW_EXTENT_DIRTY : 0);

	if (what)
		*extent = (struct ptw_extent){ page << part->one->shift,
					       (uint64_t)1 << part->one->shift, 0, what };
}

/* Unmap where frames are smaller than granules. */
static int ptw_mmu_table_unmap_wide(struct ptw_mmu_ask *ask, const struct ptw_mmu_table_part *part,
				    struct ptw_mmu_table_gone *gone)
{
	struct ptw_pgtable *p = part->one->pgtable;
	const uint32_t lg2 = p->geometry.granule_lg2, shift = part->one->shift;
	const uint64_t first = part->start >> shift, last = (part->end - 1) >> shift;
	const uint64_t base = first & ~(uint64_t)63, words = (last - base) / 64 + 1;
	const uint64_t cut = ((uint64_t)1 << shift) - 1;
	struct ptw_spread spread = { .part = part, .ask = ask };
	uint64_t local[2 * PTW_MMU_UNMAP_WORDS] = { 0 };
	uint64_t *young = local, *dirty;
	int ret;

	if (words > PTW_MMU_UNMAP_WORDS) {
		young = ptw_port_zalloc(2 * words * sizeof(*young));
		if (!young)
			return PTW_ERR_NOMEM;
	}
	dirty = young + words;
	ret = ptw_mmu_table_take(p, first << lg2, (last + 1) << lg2, young, dirty, gone);
	for (uint64_t i = 0; i < words; i++)
		if (young[i] | dirty[i])
			ptw_spread(&spread, base + i * 64, young[i], dirty[i]);
	gone->young_pages = spread.young_pages;
	gone->dirty_pages = spread.dirty_pages;
	if (part->start & cut)
		ptw_mmu_table_cut_granule(part, first, young[0], dirty[0], first & 63, &ask->head);
	if (part->end & cut)
		ptw_mmu_table_cut_granule(part, last, young[words - 1], dirty[words - 1], last & 63,
					  &ask->tail);
	if (young != local)
		ptw_port_free(young, 2 * words * sizeof(*young));
	return ret;
}

static int ptw_mmu_table_unmap(void *context, struct ptw_mmu_ask *ask)
{
	const struct ptw_mmu_tables *t = context;
	struct ptw_mmu_table_gone gone = { 0 };
	struct ptw_mmu_table_part part;
	int ret = ptw_mmu_ask_check(ask, 0);

	if (ret)
		return ret;
	if (ask->as >= t->count)
		return ptw_mmu_refuse(ask, PTW_ERR_ARG);
	ask->resume = ask->end;
	/* Whoever built an attached page table follows the primary by himself. */
	if (t->one[ask->as].pgtable->attached ||
	    !ptw_mmu_table_part(t, ask->as, ask->start, ask->end, &part))
		return PTW_OK;
	gone.reached = part.start << t->frame_lg2;
	if (part.one->shift)
		ret = ptw_mmu_table_unmap_wide(ask, &part, &gone);
	else
		ret = ptw_mmu_table_take(
			part.one->pgtable, part.start << t->frame_lg2, part.end << t->frame_lg2,
			ptw_mmu_words(ask->young, ask->start, part.start + part.sign),
			ptw_mmu_words(ask->dirty, ask->start, part.start + part.sign), &gone);
	if (ret)
		ask->resume = ptw_mmu_table_reached(&part, gone.reached);
	ask->young_pages = ptw_mmu_table_count(&part, gone.young_pages);
	ask->dirty_pages = ptw_mmu_table_count(&part, gone.dirty_pages);
	ask->entries = gone.leaves;
	return ret;
}

/* Words of tables that are noted at a time: 8 GiB of 2 MiB tables. */
#define PTW_MMU_NOTE_WORDS 64u

/* Tell the runs of tables in `touched`, bit 0 the one at `at`, clipped to the addresses [at, stop). */
static void ptw_mmu_table_tell(const struct ptw_mmu_table_part *part, const uint64_t *touched,
			       uint64_t at, uint64_t stop, unsigned int table_lg2,
			       ptw_mmu_note_fn note, void *sink)
{
	const uint64_t first = at >> table_lg2, tables = ((stop - 1) >> table_lg2) - first + 1;

	for (uint64_t i = 0; i < tables; i++) {
		uint64_t from = (first + i) << table_lg2, to;

		if (!(touched[i / 64] >> (i & 63) & 1))
			continue;
		while (i + 1 < tables && (touched[(i + 1) / 64] >> ((i + 1) & 63) & 1))
			i++;
		to = (first + i + 1) << table_lg2;
		from = from < at ? at : from;
		to = to > stop ? stop : to;
		note(sink, (from >> part->frame_lg2) + part->sign,
		     (to >> part->frame_lg2) + part->sign);
	}
}

/* What is asked about of one half of the addresses. */
static int ptw_mmu_table_touched_part(const struct ptw_mmu_tables *t, uint32_t as, uint64_t start,
				      uint64_t end, ptw_mmu_note_fn note, void *sink)
{
	struct ptw_pgtable *p = t->one[as].pgtable;
	const unsigned int lg2 = ptw_span_lg2(p->instance->format, 1);
	struct ptw_mmu_table_part part;
	struct ptw_range range;
	bool cleared = false;
	int ret = PTW_OK;

	if (start >= end || !ptw_mmu_table_part(t, as, start, end, &part))
		return PTW_OK;
	/* Whole granules. */
	range.start = part.start >> part.one->shift << p->geometry.granule_lg2;
	range.end = (((part.end - 1) >> part.one->shift) + 1) << p->geometry.granule_lg2;
	for (uint64_t at = range.start; at < range.end && !ret;) {
		uint64_t touched[PTW_MMU_NOTE_WORDS] = { 0 };
		const uint64_t most = ((at >> lg2) + 64 * PTW_MMU_NOTE_WORDS) << lg2;
		const uint64_t stop = most < range.end ? most : range.end;

		ret = ptw_prune_note(p, at, stop, touched, &cleared);
		ptw_mmu_table_tell(&part, touched, at, stop, lg2, note, sink);
		at = stop;
	}
	/*
	 * A processor that has an entry cached would make leaves below it young and leave the entry old. One that was
	 * old before has nothing to flush: whoever cleared it does that before he reads leaves; unless it was a hint.
	 */
	if (p->flush && (cleared || ptw_port_load(&p->hinted)))
		p->flush(p->flush_context, &range, 1, PTW_FLUSH_TABLE, 0);
	return ret;
}

static int ptw_mmu_table_touched(void *context, uint32_t as, uint64_t start, uint64_t end,
				 ptw_mmu_note_fn note, void *sink)
{
	const struct ptw_mmu_tables *t = context;
	const struct ptw_mmu_table_one *one;
	struct ptw_pgtable *p;
	uint64_t middle;
	int ret;

	if (as >= t->count || !note)
		return PTW_ERR_ARG;
	one = &t->one[as];
	p = one->pgtable;
	if (!ptw_prune_able(p))
		return PTW_ERR_UNSUPPORTED;
	if (p->flush && !ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	if (start >= one->frames || !one->upper || end <= one->upper)
		return ptw_mmu_table_touched_part(t, as, start, end, note, sink);
	/* Both halves. What the upper one is without its sign would be cleared twice: it is worth a harvest in any case. */
	middle = one->frames / 2;
	ret = ptw_mmu_table_touched_part(t, as, start, middle, note, sink);
	note(sink, start > middle ? start : middle, one->frames);
	if (!ret)
		ret = ptw_mmu_table_touched_part(t, as, one->upper, end, note, sink);
	return ret;
}

static size_t ptw_mmu_table_bytes(uint32_t count)
{
	return sizeof(struct ptw_mmu_tables) + count * sizeof(struct ptw_mmu_table_one);
}

static void ptw_mmu_table_destroy(void *context)
{
	struct ptw_mmu_tables *t = context;

	ptw_port_free(t, ptw_mmu_table_bytes(t->count));
}

static void ptw_mmu_table_add(struct ptw_mmu_tables *t, uint32_t as, struct ptw_pgtable *p)
{
	struct ptw_mmu_table_one *one = &t->one[as];
	uint64_t upper = ~(uint64_t)0 << (p->geometry.ia_bits - 1), ia = upper;
	bool taken = ptw_old_is_clean(p->layout);

	one->pgtable = p;
	one->shift = p->geometry.granule_lg2 - t->frame_lg2;
	one->frames = (uint64_t)1 << (p->geometry.ia_bits - t->frame_lg2);
	if (ptw_strip_sign(p, &ia)) {
		one->upper = upper >> t->frame_lg2;
		one->sign = (upper - ia) >> t->frame_lg2;
	}
	one->dense = p->instance->harvest_dense && !one->shift && !taken &&
		     !(p->geometry.features & PTW_FEATURE_CONTIG);
	/* To flush is not fast; and one bit cannot tell of dirty state that was taken along. */
	if (taken && p->flush)
		t->ops.harvest_fast_only = NULL;
	if (taken)
		t->ops.clear_young = NULL;
	if (!p->attached)
		t->ops.unmap = ptw_mmu_table_unmap;
}

/* Frames behind the last address are never mapped: they are old. */
static int ptw_mmu_table_knows(void *context, uint32_t as, uint64_t frame, uint64_t frames)
{
	const struct ptw_mmu_tables *t = context;

	(void)frame;
	(void)frames;
	return as < t->count;
}

int ptw_mmu_table_create(const struct ptw_mmu_table *config, struct ptw_mmu *mmu)
{
	struct ptw_mmu_tables *t;
	int ret;

	if (!config || !mmu)
		return PTW_ERR_ARG;
	ret = ptw_size_check(config, config->size, sizeof(*config));
	if (ret)
		return ret;
	if (!config->pgtables || !config->count || config->count > 256 || config->flags ||
	    config->reserved)
		return PTW_ERR_ARG;
	for (uint32_t i = 0; i < config->count; i++) {
		const struct ptw_pgtable *p = config->pgtables[i];

		if (!p)
			return PTW_ERR_ARG;
		/* No hardware has pages below 4 KiB. */
		if (config->frame_lg2 < 12 || config->frame_lg2 > p->geometry.granule_lg2)
			return PTW_ERR_CONFIG;
	}
	t = ptw_port_zalloc(ptw_mmu_table_bytes(config->count));
	if (!t)
		return PTW_ERR_NOMEM;
	t->count = config->count;
	t->frame_lg2 = config->frame_lg2;
	t->ops = (struct ptw_mmu_ops){
		.size = sizeof(t->ops),
		.test_young = ptw_mmu_table_test_young,
		.clear_young = ptw_mmu_table_clear_young,
		.harvest = ptw_mmu_table_harvest,
		.harvest_fast_only = ptw_mmu_table_harvest,
		.harvest_dirty = ptw_mmu_table_harvest_dirty,
		.knows = ptw_mmu_table_knows,
		.touched = ptw_mmu_table_touched,
		.destroy = ptw_mmu_table_destroy,
	};
	for (uint32_t i = 0; i < config->count; i++)
		ptw_mmu_table_add(t, i, config->pgtables[i]);
	*mmu = (struct ptw_mmu){ .size = sizeof(*mmu), .ops = &t->ops, .context = t,
				 .name = "table" };
	return PTW_OK;
}
