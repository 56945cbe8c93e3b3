/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An MMU of a fetch function. Whatever a fetch says is forgotten at its source, so nothing of it
 * may get lost: what the question does not take away waits in two bitmaps, 2 bits a frame.
 *
 * Questions run next to each other. Each bit is in one place at a time: with the source, in the
 * words of the one fetch that got it, in the bitmaps, or with the one question that took it. So it
 * is answered once; but a question may miss what another one has in hand at that moment, and the
 * next one gets it.
 */
#include "lib/mmu/mmu.h"
#include "lib/walk/pgtable.h"

/* Words of one fetch. */
#define PTW_REMOTE_WORDS 8u
#define PTW_REMOTE_FRAMES (64u * PTW_REMOTE_WORDS)

struct ptw_remote {
	struct ptw_mmu_ops ops;
	struct ptw_mmu_remote config;
	uint64_t words; /* of one bitmap */
	uint64_t pending[]; /* young, then dirty */
};

/* A fetch, and where it puts what it finds. */
struct ptw_remote_fetch {
	struct ptw_mmu_ask ask;
	uint64_t young[PTW_REMOTE_WORDS];
	uint64_t dirty[PTW_REMOTE_WORDS];
	uint64_t not_asked[PTW_REMOTE_WORDS];
};

/* Bits of [start, end) in the word of 64 frames from `frame` on, which they touch. */
static uint64_t ptw_remote_mask(uint64_t frame, uint64_t start, uint64_t end)
{
	uint64_t mask = ~(uint64_t)0;

	if (start > frame)
		mask &= ~(uint64_t)0 << (start - frame);
	if (end - frame < 64)
		mask &= ~(~(uint64_t)0 << (end - frame));
	return mask;
}

/* Relaxed: only the bits count, and whoever takes them takes them from the word itself. */
static void ptw_remote_keep(uint64_t *word, uint64_t bits)
{
	if (bits & ~ptw_port_load(word))
		ptw_port_or64(word, bits);
}

/* Keep the part of [start, end) that is known. */
static void ptw_remote_keep_range(struct ptw_remote *r, uint64_t start, uint64_t end,
				  uint32_t what)
{
	const uint64_t last = r->config.first + r->config.frames;

	if (start < r->config.first)
		start = r->config.first;
	if (end > last)
		end = last;
	for (uint64_t frame = start & ~(uint64_t)63; frame < end; frame += 64) {
		const uint64_t word = (frame - r->config.first) / 64;
		const uint64_t bits = ptw_remote_mask(frame, start, end);

		if (what & PTW_EXTENT_YOUNG)
			ptw_remote_keep(&r->pending[word], bits);
		if (what & PTW_EXTENT_DIRTY)
			ptw_remote_keep(&r->pending[r->words + word], bits);
	}
}

/* A leaf extent that sticks out of what was fetched: its bits inside are there already. */
static void ptw_remote_keep_extent(struct ptw_remote *r, const struct ptw_mmu_ask *fetched,
				   const struct ptw_extent *extent)
{
	uint64_t end = extent->start + extent->length;

	if (!extent->length || end < extent->start)
		return;
	if (extent->start < fetched->start)
		ptw_remote_keep_range(r, extent->start, end < fetched->start ? end : fetched->start,
				      extent->what);
	if (end > fetched->end)
		ptw_remote_keep_range(r,
				      extent->start > fetched->end ? extent->start : fetched->end,
				      end, extent->what);
}

/* Fetch [start, end), whole words, a piece at most, and keep all of it. Whatever came is kept,
 * errors or not. */
static int ptw_remote_fetch(struct ptw_remote *r, const struct ptw_mmu_ask *ask,
			    uint64_t start, uint64_t end, struct ptw_remote_fetch *fetch)
{
	const uint64_t first = (start - r->config.first) / 64;
	const uint64_t words = (end - start) / 64;
	int ret;

	*fetch = (struct ptw_remote_fetch){
		.ask = {
			.size = sizeof(fetch->ask),
			.as = r->config.as,
			.flags = (ask->flags & r->config.what) | (ask->flags & PTW_HARVEST_EXACT),
			.start = start,
			.end = end,
			.young = fetch->young,
			.dirty = fetch->dirty,
			.not_asked = fetch->not_asked,
			.resume = end,
		},
	};
	ret = r->config.fetch(r->config.context, &fetch->ask);
	/* Whether a bit is pending already is looked at after it was forgotten at its source: who has taken
	 * it meanwhile must get this one, too. */
	ptw_port_order_loads();
	for (uint64_t i = 0; i < words; i++) {
		ptw_remote_keep(&r->pending[first + i], fetch->young[i]);
		ptw_remote_keep(&r->pending[r->words + first + i], fetch->dirty[i]);
	}
	/* The question's bounds, not what the callback may have written there. */
	fetch->ask.start = start;
	fetch->ask.end = end;
	ptw_remote_keep_extent(r, &fetch->ask, &fetch->ask.head);
	ptw_remote_keep_extent(r, &fetch->ask, &fetch->ask.tail);
	if (ret > 0 || fetch->ask.resume < start || fetch->ask.resume > end ||
	    (!ret && fetch->ask.resume != end)) {
		fetch->ask.resume = start;
		return PTW_ERR_MMU;
	}
	return ret;
}

/* Of the pending word, the bits in `mask`: taken, or only looked at. */
static uint64_t ptw_remote_take(uint64_t *word, uint64_t mask, bool peek)
{
	uint64_t bits = ptw_port_load(word) & mask;

	/* Of two that take the same bit, one finds it set. */
	return bits && !peek ? ptw_port_and_clear(word, bits) : bits;
}

/* Answer [start, end), whose first word may be shared with frames before it, from what is pending.
 * Returns how many bits were taken. */
static uint64_t ptw_remote_answer(struct ptw_remote *r, struct ptw_mmu_ask *ask,
				  uint32_t what, uint64_t start, uint64_t end)
{
	const bool peek = ask->flags & PTW_HARVEST_PEEK;
	const uint64_t base = ask->start & ~(uint64_t)63;
	uint64_t young_pages = 0, dirty_pages = 0;

	for (uint64_t frame = start & ~(uint64_t)63; frame < end; frame += 64) {
		uint64_t *word = &r->pending[(frame - r->config.first) / 64];
		const uint64_t mask = ptw_remote_mask(frame, start, end);
		uint64_t bits;

		if (what & PTW_HARVEST_ACCESSED) {
			bits = ptw_remote_take(word, mask, peek);
			young_pages += ptw_popcount(bits);
			if (bits && ask->young)
				ask->young[(frame - base) / 64] |= bits;
		}
		if (what & PTW_HARVEST_DIRTY) {
			bits = ptw_remote_take(word + r->words, mask, peek);
			dirty_pages += ptw_popcount(bits);
			if (bits && ask->dirty)
				ask->dirty[(frame - base) / 64] |= bits;
		}
	}
	/* As in ptw_consumer_take(). Partner: the fetch and ptw_port_order_loads() in ptw_remote_fetch(). */
	if (dirty_pages && !peek)
		ptw_port_order_after_cas();
	ask->young_pages += young_pages;
	ask->dirty_pages += dirty_pages;
	return young_pages + dirty_pages;
}

/* What a fetch could not ask, of [start, end). */
static void ptw_remote_unknown(struct ptw_mmu_ask *ask, const struct ptw_remote_fetch *fetch,
			       uint64_t start, uint64_t end)
{
	const uint64_t base = ask->start & ~(uint64_t)63;

	for (uint64_t frame = fetch->ask.start; frame < end; frame += 64) {
		const uint64_t bits = fetch->not_asked[(frame - fetch->ask.start) / 64] &
				      ptw_remote_mask(frame, start, end);

		ask->not_asked_pages += ptw_popcount(bits);
		if (bits && ask->not_asked)
			ask->not_asked[(frame - base) / 64] |= bits;
	}
}

/* The part of the question that is known; false: none. */
static bool ptw_remote_clip(const struct ptw_remote *r, const struct ptw_mmu_ask *ask,
			    uint64_t *start, uint64_t *end)
{
	const uint64_t last = r->config.first + r->config.frames;

	*start = ask->start < r->config.first ? r->config.first : ask->start;
	*end = ask->end > last ? last : ask->end;
	return *start < *end;
}

/* One fetch, and its answer for [start, end). */
static int ptw_remote_piece(struct ptw_remote *r, struct ptw_mmu_ask *ask, uint32_t what,
			    uint64_t start, uint64_t end, uint64_t *cost)
{
	struct ptw_remote_fetch fetch;
	uint64_t reached, words;
	int ret;

	ret = ptw_remote_fetch(r, ask, start & ~(uint64_t)63, (end + 63) & ~(uint64_t)63, &fetch);
	reached = fetch.ask.resume < end ? fetch.ask.resume : end;
	if (reached < start)
		reached = start;
	ask->resume = reached;
	if (reached > start) {
		ptw_remote_unknown(ask, &fetch, start, reached);
		*cost += 16 * ptw_remote_answer(r, ask, what, start, reached);
	}
	/* Who does not count is counted by the word. */
	words = (fetch.ask.end - fetch.ask.start) / 64;
	*cost += fetch.ask.entries > words ? fetch.ask.entries : words;
	ask->entries += fetch.ask.entries;
	ask->waited += fetch.ask.waited;
	ask->cheap |= fetch.ask.cheap;
	return ret;
}

static int ptw_remote_ask(struct ptw_remote *r, struct ptw_mmu_ask *ask, uint32_t known)
{
	uint64_t start, end, next, cost = 0;
	uint32_t what;
	int ret = ptw_mmu_ask_check(ask, known & (r->config.what | PTW_HARVEST_PEEK |
						  PTW_HARVEST_EXACT));

	if (ret)
		return ret;
	if (ask->as != r->config.as)
		return ptw_mmu_refuse(ask, PTW_ERR_ARG);
	ask->resume = ask->end;
	if (!ptw_remote_clip(r, ask, &start, &end))
		return PTW_OK;
	what = ask->flags & r->config.what;
	for (; start < end; start = next) {
		if (ask->budget && cost >= ask->budget)
			return PTW_ERR_BUDGET;
		next = (start & ~(uint64_t)63) + PTW_REMOTE_FRAMES;
		/* Also where the last frame there is belongs to it, and `next` wraps. */
		if (next > end || next < start)
			next = end;
		ret = ptw_remote_piece(r, ask, what, start, next, &cost);
		if (ret)
			return ret;
	}
	ask->resume = ask->end;
	return PTW_OK;
}

static int ptw_remote_harvest(void *context, struct ptw_mmu_ask *ask)
{
	return ptw_remote_ask(context, ask, PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK);
}

static int ptw_remote_harvest_dirty(void *context, struct ptw_mmu_ask *ask)
{
	return ptw_remote_ask(context, ask,
			      PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK |
				      PTW_HARVEST_EXACT);
}

/* What is unmapped takes along what was pending of it. */
static int ptw_remote_unmap(void *context, struct ptw_mmu_ask *ask)
{
	const uint32_t both = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;
	struct ptw_remote *r = context;
	struct ptw_mmu_ask inner;
	uint64_t start, end;
	int ret = ptw_mmu_ask_check(ask, 0);

	if (ret)
		return ret;
	if (ask->as != r->config.as)
		return ptw_mmu_refuse(ask, PTW_ERR_ARG);
	ask->resume = ask->end;
	if (!ptw_remote_clip(r, ask, &start, &end))
		return PTW_OK;
	inner = *ask;
	inner.size = sizeof(inner);
	inner.start = start;
	inner.end = inner.resume = end;
	inner.young = ptw_mmu_words(ask->young, ask->start, start);
	inner.dirty = ptw_mmu_words(ask->dirty, ask->start, start);
	inner.not_asked = ptw_mmu_words(ask->not_asked, ask->start, start);
	ret = r->config.unmap(r->config.context, &inner);
	if (ret > 0 || inner.resume < start || inner.resume > end ||
	    (!ret && inner.resume != end)) {
		ask->resume = start;
		return PTW_ERR_MMU;
	}
	ask->young_pages = inner.young_pages;
	ask->dirty_pages = inner.dirty_pages;
	ask->not_asked_pages = inner.not_asked_pages;
	ask->entries = inner.entries;
	ask->waited = inner.waited;
	ask->head = inner.head;
	ask->tail = inner.tail;
	if (inner.resume > start) {
		struct ptw_mmu_ask left = *ask;

		/* A page that both knew counts once. */
		left.flags = both;
		ptw_remote_answer(r, &left, both, start, inner.resume);
		ask->young_pages = left.young_pages < end - start ? left.young_pages : end - start;
		ask->dirty_pages = left.dirty_pages < end - start ? left.dirty_pages : end - start;
	}
	if (ret)
		ask->resume = inner.resume;
	return ret;
}

static int ptw_remote_knows(void *context, uint32_t as, uint64_t frame, uint64_t frames)
{
	const struct ptw_remote *r = context;

	return as == r->config.as && frame >= r->config.first && frames <= r->config.frames &&
	       frame - r->config.first <= r->config.frames - frames;
}

static size_t ptw_remote_bytes(uint64_t words)
{
	return sizeof(struct ptw_remote) + 2 * words * sizeof(uint64_t);
}

static void ptw_remote_destroy(void *context)
{
	struct ptw_remote *r = context;

	ptw_port_free(r, ptw_remote_bytes(r->words));
}

static int ptw_remote_check(const struct ptw_mmu_remote *config)
{
	const uint32_t known = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;
	int ret = ptw_size_check(config, config->size, sizeof(*config));

	if (ret)
		return ret;
	if (!config->fetch || !config->what || (config->what & ~known) || config->fast > 1 ||
	    config->reserved)
		return PTW_ERR_ARG;
	if ((config->first | config->frames) & 63)
		return PTW_ERR_ALIGN;
	if (!config->frames || config->first + config->frames < config->first)
		return PTW_ERR_RANGE;
	return PTW_OK;
}

int ptw_mmu_remote_create(const struct ptw_mmu_remote *config, struct ptw_mmu *mmu)
{
	struct ptw_remote *r;
	bool accessed;
	int ret;

	if (!config || !mmu)
		return PTW_ERR_ARG;
	ret = ptw_remote_check(config);
	if (ret)
		return ret;
	r = ptw_port_zalloc(ptw_remote_bytes(config->frames / 64));
	if (!r)
		return PTW_ERR_NOMEM;
	r->words = config->frames / 64;
	r->config = *config;
	r->config.size = sizeof(r->config);
	accessed = config->what & PTW_HARVEST_ACCESSED;
	r->ops = (struct ptw_mmu_ops){
		.size = sizeof(r->ops),
		.harvest = accessed ? ptw_remote_harvest : NULL,
		.harvest_fast_only = config->fast && accessed ? ptw_remote_harvest : NULL,
		.harvest_dirty = config->what & PTW_HARVEST_DIRTY ? ptw_remote_harvest_dirty : NULL,
		.unmap = config->unmap ? ptw_remote_unmap : NULL,
		.knows = ptw_remote_knows,
		.destroy = ptw_remote_destroy,
	};
	*mmu = (struct ptw_mmu){ .size = sizeof(*mmu), .ops = &r->ops, .context = r,
				 .name = "remote" };
	return PTW_OK;
}
