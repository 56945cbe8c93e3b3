/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The quick lane of questions: some words of accessed bits, from up to four fast mappings whose bits lie as
 * the caller's do. Nothing is set up that is not needed then; what does not fit is left to the others.
 *
 * Whole words that nobody else wants are written by the MMU itself. Parts of words, and what goes to
 * consumers, too, comes by way of words of ours.
 */
#include "lib/mmu/ask.h"

#include "lib/walk/template.h"

#define PTW_QUICK 4

/* Bits lie alike, all pages are in it, and it is fast? */
static inline bool ptw_quick_fits(const struct ptw_run *run, uint64_t start, uint64_t end)
{
	return run->page <= start && run->end >= end && !((run->frame - run->page) & 63) &&
	       run->member->age[PTW_EFFORT_FAST];
}

/* Everybody who maps the pages; 0: not for the quick lane, or nobody. */
static ptw_always_inline unsigned int
ptw_quick_find(const struct ptw_space *space, const struct ptw_version *version, uint64_t start,
	       uint64_t end, const struct ptw_run *run[PTW_QUICK], bool few)
{
	unsigned int n = 0;

	if (space->primary.member && start < PTW_PAGE_PRIVATE) {
		run[n++] = &space->primary;
		if (!ptw_quick_fits(run[0], start, end))
			return 0;
	}
	/* As ptw_version_next(); of few, each is looked at by one loop. */
	for (uint32_t i = few ? 0 : ptw_version_search(version, 0, start, end);
	     i < version->runs && version->run[i].page < end;
	     i = few ? i + 1 : ptw_version_search(version, i + 1, start, end)) {
		if (version->run[i].end <= start)
			continue;
		if (n == PTW_QUICK || !ptw_quick_fits(&version->run[i], start, end))
			return 0;
		run[n++] = &version->run[i];
	}
	return n;
}

/* Apart: where there are few, not even a call that is not made is to cost registers. */
static __attribute__((__noinline__)) unsigned int
ptw_quick_many_runs(const struct ptw_space *space, const struct ptw_version *version,
		    uint64_t start, uint64_t end, const struct ptw_run *run[PTW_QUICK])
{
	return ptw_quick_find(space, version, start, end, run, false);
}

static ptw_always_inline unsigned int ptw_quick_runs(const struct ptw_space *space,
						     const struct ptw_version *version,
						     uint64_t start, uint64_t end,
						     const struct ptw_run *run[PTW_QUICK])
{
	if (__builtin_expect(version->runs > PTW_FEW_RUNS, 0))
		return ptw_quick_many_runs(space, version, start, end, run);
	return ptw_quick_find(space, version, start, end, run, true);
}

/* What the quick lane has found so far. */
struct ptw_quick {
	uint64_t young;
	uint64_t entries;
	uint64_t said;
	uint64_t asked;
	uint64_t cheap;
	uint64_t taken;
};

/* Private: more is to be done than the quick lane can do. */
#define PTW_QUICK_REST 2

/* An answer with more to tell: an ordinary question takes over. */
static __attribute__((__noinline__)) int
ptw_quick_rest(struct ptw_asking *q, struct ptw_space *space, uint64_t start, uint64_t end,
	       const struct ptw_ask *ask, const struct ptw_quick *quick,
	       const struct ptw_run *const *run, unsigned int n, struct ptw_mmu_ask *a, int code,
	       const uint64_t *dirty, bool publish)
{
	*q = (struct ptw_asking){ .start = start, .end = end, .stop = end, .bit0 = start & 63,
				  .blind = !publish };
	ptw_ask_begin(q, space, ask);
	q->result.young_pages = quick->young;
	q->result.entries = quick->entries;
	q->result.said = quick->said;
	q->result.asked = quick->asked;
	q->result.cheap = quick->cheap;
	ptw_ask_took(q, run[0], a, code, start);
	ptw_ask_counted(q, run[0], a);
	/* Taken along unasked: it must not be lost. */
	for (unsigned int i = 0; i < PTW_PIECE / 64; i++)
		if (dirty[i])
			ptw_ask_word(q, run[0]->member, (start & ~(uint64_t)63) + 64 * i, 0, dirty[i]);
	for (unsigned int i = 1; i < n && q->stop > start; i++)
		ptw_ask_run(q, run[i], start, q->stop);
	if (ask->consumer)
		ptw_ask_consumer(q, start);
	return PTW_QUICK_REST;
}

/* From words of ours to the caller and, with `publish`, to consumers. False: bits outside `mask`. */
static bool ptw_quick_deliver(struct ptw_space *space, const struct ptw_ask *ask, uint64_t start,
			      uint64_t end, const uint64_t *words, uint64_t mask, bool publish)
{
	const uint64_t base = start & ~(uint64_t)63;
	const uint64_t count = (end - base + 63) / 64;

	/* See ptw_ask_piece(). */
	if (publish)
		ptw_port_order_loads();
	for (uint64_t i = 0; i < count; i++) {
		uint64_t bits = words[i] & mask;

		if (!bits)
			continue;
		ask->young[i] |= bits;
		if (publish)
			ptw_consumers_word(space, base + 64 * i, bits, 0, ask->consumer);
	}
	return !(words[0] & ~mask);
}

/* What others had found for the consumer who asks. Returns how many pages. */
static uint64_t ptw_quick_consumer(const struct ptw_ask *ask, uint64_t start, uint64_t end)
{
	uint64_t count = 0;

	uint64_t page = start & ~(uint64_t)63, *young = ask->young;

	do {
		uint64_t bits;

		ptw_consumer_take(ask->consumer, page, ptw_word_mask(page, start, end), false, &bits,
				  NULL);
		*young++ |= bits;
		count += ptw_popcount(bits);
	} while (ptw_word_next(&page, end));
	/* Relaxed: a counter. */
	ptw_port_add64(&ask->consumer->epoch, 1);
	return count;
}

/* A question to one MMU. */
static ptw_always_inline int ptw_quick_call(const struct ptw_run *run, uint64_t start, uint64_t end,
					    uint64_t *young, uint64_t dirty[PTW_PIECE / 64],
					    struct ptw_mmu_ask *a)
{
	const uint64_t frames = run->frame - run->page;
	int code;

	ptw_zero(a, sizeof(*a));
	ptw_zero(dirty, PTW_PIECE / 8);
	a->size = sizeof(*a);
	a->as = run->as;
	a->flags = PTW_HARVEST_ACCESSED;
	a->start = start + frames;
	a->end = a->resume = end + frames;
	a->young = young;
	a->dirty = dirty;
	/* The section has an end: what is not done is left to the others. */
	a->budget = 2 * PTW_SECTION_COST;
	code = run->member->age[PTW_EFFORT_FAST](run->member->mmu.context, a);
	/* The question's bounds, not what the MMU may have written there. */
	a->start = start + frames;
	a->end = end + frames;
	return code;
}

/* Is there nothing more to its answer than how many are young? */
static ptw_always_inline bool ptw_quick_plain(const struct ptw_mmu_ask *a, int code)
{
	return !code && a->resume == a->end && !a->not_asked_pages &&
	       !(a->head.length | a->tail.length | a->waited | a->dirty_pages) &&
	       a->young_pages <= a->end - a->start;
}

static ptw_always_inline void ptw_quick_result(struct ptw_ask_result *result,
					       const struct ptw_quick *quick, uint64_t end)
{
	if (!result)
		return;
	ptw_zero(&result->resume, sizeof(*result) - offsetof(struct ptw_ask_result, resume));
	result->resume = end;
	result->young_pages = quick->young;
	result->consumer_pages = quick->taken;
	result->entries = quick->entries;
	result->said = quick->said;
	result->asked = quick->asked;
	result->cheap = quick->cheap;
}

static ptw_always_inline void ptw_quick_add(struct ptw_quick *quick, const struct ptw_member *member,
					    const struct ptw_mmu_ask *a)
{
	quick->young += a->young_pages;
	quick->entries += a->entries;
	quick->asked |= member->mask;
	quick->said |= a->young_pages ? member->mask : 0;
	quick->cheap |= a->cheap ? member->mask : 0;
}

/* Several, parts of words, or consumers. */
static __attribute__((__noinline__)) int
ptw_quick_many(struct ptw_asking *q, struct ptw_space *space, uint64_t start, uint64_t end,
	       const struct ptw_ask *ask, struct ptw_quick *quick, const struct ptw_run *const *run,
	       unsigned int n, bool publish)
{
	const bool whole = !((start | end) & 63);
	const uint64_t mask = whole ? ~(uint64_t)0 :
				      ptw_word_mask(start & ~(uint64_t)63, start, end);

	for (unsigned int i = 0; i < n; i++) {
		uint64_t words[PTW_PIECE / 64], dirty[PTW_PIECE / 64];
		struct ptw_mmu_ask a;
		bool stray = false;
		int code;

		if (whole && !publish) {
			code = ptw_quick_call(run[i], start, end, ask->young, dirty, &a);
		} else {
			ptw_zero(words, sizeof(words));
			code = ptw_quick_call(run[i], start, end, words, dirty, &a);
			stray = !ptw_quick_deliver(space, ask, start, end, words, mask, publish);
		}
		if (stray || !ptw_quick_plain(&a, code))
			return ptw_quick_rest(q, space, start, end, ask, quick, &run[i], n - i, &a,
					      stray ? PTW_ERR_MMU : code, dirty, publish);
		ptw_quick_add(quick, run[i]->member, &a);
	}
	if (ask->consumer)
		quick->taken = ptw_quick_consumer(ask, start, end);
	return PTW_OK;
}

/* In the read-side section. `q` is set up for PTW_QUICK_REST only. */
static ptw_always_inline int ptw_quick_section(struct ptw_asking *q, struct ptw_space *space,
					       uint64_t start, uint64_t end,
					       const struct ptw_ask *ask, struct ptw_quick *quick)
{
	const uint64_t word = ptw_space_word(space);
	const struct ptw_run *run[PTW_QUICK];
	const unsigned int n = ptw_quick_runs(space, ptw_version_of(word), start, end, run);
	uint64_t dirty[PTW_PIECE / 64];
	struct ptw_mmu_ask a;
	int code;

	if (!n)
		return 1;
	if (n != 1 || ((start | end) & 63) || (word & PTW_SPACE_CONSUMERS))
		return ptw_quick_many(q, space, start, end, ask, quick, run, n,
				      word & PTW_SPACE_CONSUMERS);
	code = ptw_quick_call(run[0], start, end, ask->young, dirty, &a);
	if (__builtin_expect(!ptw_quick_plain(&a, code), 0))
		return ptw_quick_rest(q, space, start, end, ask, quick, run, 1, &a, code, dirty,
				      false);
	ptw_quick_add(quick, run[0]->member, &a);
	return PTW_OK;
}

int ptw_ask_quick(struct ptw_space *space, uint64_t start, uint64_t end, const struct ptw_ask *ask,
		  struct ptw_ask_result *result)
{
	struct ptw_quick quick = { 0 };
	struct ptw_asking q;
	int ret;

	if (end - start > PTW_PIECE || (((start | end) & 63) && start >> 6 != (end - 1) >> 6))
		return 1;
	ptw_port_read_lock();
	ret = ptw_quick_section(&q, space, start, end, ask, &quick);
	ptw_port_read_unlock();
	if (ret == PTW_QUICK_REST)
		return ptw_ask_finish(&q, q.stop, q.cost, result);
	if (!ret)
		ptw_quick_result(result, &quick, end);
	return ret;
}
