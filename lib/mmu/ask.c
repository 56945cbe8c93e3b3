/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Questions about ranges. Where all that are asked are fast, a question is a row of read-side sections, each
 * bounded by cost and looking at the version that is valid then. Where somebody may block, it takes a
 * reference to one version and holds no section.
 */
#include "lib/mmu/ask.h"

#include "lib/walk/template.h"

/* Ask a run about those of pages [at, q->stop) that it has; or, with `skip`, say that it is left out. */
static bool ptw_ask_one(struct ptw_asking *q, const struct ptw_run *run, uint64_t at, bool skip)
{
	const uint64_t low = run->page > at ? run->page : at;
	const uint64_t high = run->end < q->stop ? run->end : q->stop;

	if (low >= high)
		return true;
	if (!skip)
		return ptw_ask_run(q, run, low, high);
	if (ptw_ask_leaves_out(q, run->member))
		ptw_ask_skip(q, run->member, low, high);
	return true;
}

/* Everybody who maps the pages; false: somebody is left out. */
static bool ptw_ask_each(struct ptw_asking *q, const struct ptw_version *version, uint64_t at,
			 bool skip)
{
	bool complete = true;

	if (q->space->primary.member)
		complete &= ptw_ask_one(q, &q->space->primary, at, skip);
	if (q->ask->effort == PTW_EFFORT_PRIMARY)
		return complete;
	/* q->stop may fall on the way. */
	for (uint32_t i = 0; (i = ptw_version_next(version, i, at, q->stop)) < version->runs; i++)
		complete &= ptw_ask_one(q, &version->run[i], at, skip);
	return complete;
}

void ptw_ask_pages(struct ptw_asking *q, const struct ptw_version *version, uint64_t at)
{
	/* Who is left out is told of pages that all others were asked about: the rest comes again. */
	if (!ptw_ask_each(q, version, at, false))
		ptw_ask_each(q, version, at, true);
}

void ptw_ask_consumer(struct ptw_asking *q, uint64_t at)
{
	const struct ptw_ask *ask = q->ask;
	struct ptw_consumer *c = ask->consumer;
	const uint64_t low = at > c->first ? at : c->first;
	const uint64_t high = q->stop < c->end ? q->stop : c->end;
	uint64_t page = low & ~(uint64_t)63;

	if (low >= high)
		return;
	do {
		const uint64_t mask = ptw_word_mask(page, low, high);
		uint64_t young = 0, dirty = 0;

		ptw_consumer_take(c, page, mask, ask->flags & PTW_HARVEST_PEEK,
				  ask->flags & PTW_HARVEST_ACCESSED ? &young : NULL,
				  ask->flags & PTW_HARVEST_DIRTY ? &dirty : NULL);
		if (young && ask->young)
			ptw_ask_or(q, ask->young, page, young);
		if (dirty && ask->dirty)
			ptw_ask_or(q, ask->dirty, page, dirty);
		q->result.consumer_pages += ptw_popcount(young) + ptw_popcount(dirty);
	} while (ptw_word_next(&page, high));
}

/* Is nobody there to publish to? */
static bool ptw_ask_blind(const struct ptw_asking *q, uint64_t word)
{
	return !(word & PTW_SPACE_CONSUMERS) || (q->ask->flags & PTW_HARVEST_PEEK);
}

void ptw_ask_outside(struct ptw_asking *q)
{
	ptw_port_read_lock();
	q->blind = ptw_ask_blind(q, ptw_space_word(q->space));
	/* One that takes nothing need not be waited for. */
	q->counted = q->blind && !(q->ask->flags & PTW_HARVEST_PEEK);
	if (q->counted)
		ptw_port_add64(&q->space->blind, 1);
	ptw_port_read_unlock();
}

void ptw_ask_outside_end(struct ptw_asking *q)
{
	if (q->counted)
		ptw_ref_put(&q->space->blind);
}

/* Pages of one section where several map them. */
#define PTW_STRETCH 2048u

/* All that are asked are fast: as much as one section may take. The caller holds it. Returns the page reached. */
static uint64_t ptw_ask_fast(struct ptw_asking *q, uint64_t word, uint64_t at)
{
	q->blind = ptw_ask_blind(q, word);
	q->stop = q->end;
	/* So that all get through it in one section: pages asked of some only would be asked again. And
	 * where there are consumers, words are looked at also where nothing is mapped. */
	if ((word & PTW_SPACE_SLOTS) && q->stop - at > PTW_STRETCH)
		q->stop = at + PTW_STRETCH;
	else if ((word & PTW_SPACE_CONSUMERS) && q->stop - at > 16 * PTW_STRETCH)
		q->stop = at + 16 * PTW_STRETCH;
	q->cost = 0;
	q->budget = PTW_SECTION_COST;
	if (q->ask->budget && q->ask->budget < q->budget)
		q->budget = q->ask->budget;
	ptw_ask_pages(q, ptw_version_of(word), at);
	if (q->ask->consumer)
		ptw_ask_consumer(q, at);
	return q->stop;
}

/* A section of its own. */
static uint64_t ptw_ask_section(struct ptw_asking *q, uint64_t at)
{
	ptw_port_read_lock();
	at = ptw_ask_fast(q, ptw_space_word(q->space), at);
	ptw_port_read_unlock();
	return at;
}

/* Somebody may block: no section. */
static uint64_t ptw_ask_slow(struct ptw_asking *q, const struct ptw_version *version, uint64_t at)
{
	ptw_ask_outside(q);
	q->stop = q->end;
	q->cost = 0;
	/* In pieces only where the caller has a budget. */
	q->budget = q->ask->budget;
	if (q->budget && q->stop - at > PTW_SECTION_COST)
		q->stop = at + PTW_SECTION_COST;
	ptw_ask_pages(q, version, at);
	ptw_ask_outside_end(q);
	if (q->ask->consumer)
		ptw_ask_consumer(q, at);
	return q->stop;
}

/* Pages [at, q->end), of one version or of the newest; returns the page reached. */
static uint64_t ptw_ask_all(struct ptw_asking *q, const struct ptw_version *version, uint64_t at,
			    uint64_t *spent)
{
	while (at < q->end && !q->error) {
		at = version ? ptw_ask_slow(q, version, at) : ptw_ask_section(q, at);
		*spent += q->cost;
		if (q->ask->budget && *spent >= q->ask->budget)
			break;
	}
	return at;
}

static int ptw_ask_check(const struct ptw_space *space, uint64_t start, uint64_t end,
			 const struct ptw_ask *ask, const struct ptw_ask_result *result)
{
	const uint32_t what = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;
	const uint32_t known = what | PTW_HARVEST_PEEK | PTW_HARVEST_EXACT;
	int ret;

	if (!space || !ask)
		return PTW_ERR_ARG;
	ret = ptw_size_check(ask, ask->size, sizeof(*ask));
	if (ret)
		return ret;
	if (result && result->size < sizeof(*result))
		return PTW_ERR_SIZE;
	if ((ask->flags & ~known) || !(ask->flags & what) || ask->effort > PTW_EFFORT_ALL)
		return PTW_ERR_ARG;
	if (ask->effort == PTW_EFFORT_FAST && (ask->flags & (PTW_HARVEST_DIRTY | PTW_HARVEST_EXACT)))
		return PTW_ERR_UNSUPPORTED;
	if (start >= end ||
	    (ask->cursor && *ask->cursor && (*ask->cursor < start || *ask->cursor > end)))
		return PTW_ERR_RANGE;
	if (ask->consumer && ask->consumer->space != space)
		return PTW_ERR_ARG;
	return PTW_OK;
}

/* Can the question be asked inside sections? */
static bool ptw_ask_is_fast(const struct ptw_space *space, const struct ptw_ask *ask)
{
	if (ask->flags & (PTW_HARVEST_DIRTY | PTW_HARVEST_EXACT))
		return false;
	if (ask->effort == PTW_EFFORT_PRIMARY)
		return !space->primary.member || space->primary_member.mmu.ops->harvest_fast_only;
	return ask->effort == PTW_EFFORT_FAST;
}

void ptw_ask_begin(struct ptw_asking *q, struct ptw_space *space, const struct ptw_ask *ask)
{
	q->space = space;
	q->ask = ask;
	q->clean = ask->flags & (PTW_HARVEST_DIRTY | PTW_HARVEST_EXACT);
	q->section = ptw_ask_is_fast(space, ask);
}

/* The end of a question that got to `reached`, page or frame. */
static int ptw_ask_answer(struct ptw_asking *q, uint64_t reached, uint64_t end, uint64_t began,
			  struct ptw_ask_result *result)
{
	const struct ptw_ask *ask = q->ask;

	if (q->result.not_asked_pages)
		ptw_port_add64(&q->space->not_asked, q->result.not_asked_pages);
	if (q->space->clock)
		ptw_space_stall_add(q->space, PTW_STALL_AGER, ptw_space_clock(q->space) - began);
	if (ask->cursor)
		*ask->cursor = reached;
	if (ask->consumer && reached == end && !(ask->flags & PTW_HARVEST_PEEK))
		ptw_port_add64(&ask->consumer->epoch, 1);
	if (result) {
		q->result.size = result->size;
		q->result.resume = reached;
		*result = q->result;
	}
	if (q->error)
		return q->error;
	return reached < end ? PTW_ERR_BUDGET : PTW_OK;
}

int ptw_ask_finish(struct ptw_asking *q, uint64_t at, uint64_t spent, struct ptw_ask_result *result)
{
	return ptw_ask_answer(q, ptw_ask_all(q, NULL, at, &spent), q->end, 0, result);
}

/* Is it a question for the quick lane, and one without mistakes? */
static bool ptw_ask_is_short(const struct ptw_space *space, uint64_t start, uint64_t end,
			     const struct ptw_ask *ask, const struct ptw_ask_result *result)
{
	return space && ask && ask->size == sizeof(*ask) && start < end &&
	       ask->flags == PTW_HARVEST_ACCESSED && ask->effort == PTW_EFFORT_FAST && ask->young &&
	       !((uintptr_t)ask->not_asked | (uintptr_t)ask->said | (uintptr_t)ask->cursor |
		 ask->budget | (uintptr_t)space->clock) &&
	       (!ask->consumer || ask->consumer->space == space) &&
	       (!result || result->size == sizeof(*result));
}

static __attribute__((__noinline__)) int ptw_ask_long(struct ptw_space *space, uint64_t start,
						      uint64_t end, const struct ptw_ask *ask,
						      struct ptw_ask_result *result)
{
	struct ptw_version *version = NULL;
	struct ptw_asking q = { .start = start, .end = end };
	uint64_t at = start, spent = 0, began;

	ptw_ask_begin(&q, space, ask);
	if (!q.section && !ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	began = ptw_space_clock(space);
	q.bit0 = start & 63;
	if (ask->cursor && *ask->cursor)
		at = *ask->cursor;
	if (!q.section)
		version = ptw_version_get(space);
	at = ptw_ask_all(&q, version, at, &spent);
	if (version)
		ptw_version_put(version);
	return ptw_ask_answer(&q, at, end, began, result);
}

int ptw_space_harvest(struct ptw_space *space, uint64_t start, uint64_t end,
		      const struct ptw_ask *ask, struct ptw_ask_result *result)
{
	int ret;

	if (ptw_ask_is_short(space, start, end, ask, result)) {
		ret = ptw_ask_quick(space, start, end, ask, result);
		if (ret <= 0)
			return ret;
	}
	ret = ptw_ask_check(space, start, end, ask, result);
	if (ret)
		return ret;
	return ptw_ask_long(space, start, end, ask, result);
}

/* Slots that one part of a question about frames goes over: a section has an end. */
#define PTW_PART_SLOTS 16

/*
 * That part of a question about frames [at, end) which lies in the first slot with any of them. `first` is
 * where the question began. Returns the frame at which the part begins; `end` if there is none.
 */
static uint64_t ptw_ask_part(struct ptw_asking *q, const struct ptw_version *version, uint32_t mmu,
			     uint32_t as, uint64_t first, uint64_t at, uint64_t end)
{
	const struct ptw_run *run = ptw_version_frame(version, mmu, as, at, true);

	if (!run || run->frame >= end)
		return end;
	if (at < run->frame)
		at = run->frame;
	q->start = run->page + (at - run->frame);
	q->end = end - at < UINT64_MAX - q->start ? q->start + (end - at) : UINT64_MAX;
	/* Slots that go on in frames and pages are one part: leaves of others may reach over both. */
	for (unsigned int i = 0; q->end > run->end; i++) {
		const struct ptw_run *next = ptw_version_frame(
			version, mmu, as, run->frame + (run->end - run->page), false);

		if (!next || next->page != run->end || i == PTW_PART_SLOTS) {
			q->end = run->end;
			break;
		}
		run = next;
	}
	q->bit0 = at - (first & ~(uint64_t)63);
	q->said0 = at - first;
	return at;
}

/* One step of a question about frames; returns the frame reached. */
static uint64_t ptw_ask_frames(struct ptw_asking *q, const struct ptw_version *version, uint32_t mmu,
			       uint32_t as, uint64_t first, uint64_t at, uint64_t end)
{
	uint64_t word, reached;

	if (version) {
		at = ptw_ask_part(q, version, mmu, as, first, at, end);
		return at == end ? end : at + (ptw_ask_slow(q, version, q->start) - q->start);
	}
	/* The slot and who is asked are of one version. */
	ptw_port_read_lock();
	word = ptw_space_word(q->space);
	at = ptw_ask_part(q, ptw_version_of(word), mmu, as, first, at, end);
	reached = at == end ? q->start : ptw_ask_fast(q, word, q->start);
	ptw_port_read_unlock();
	return at + (reached - q->start);
}

static bool ptw_space_knows(struct ptw_space *space, uint32_t mmu)
{
	bool known;

	ptw_port_read_lock();
	known = ptw_version_member(ptw_version_of(ptw_space_word(space)), mmu);
	ptw_port_read_unlock();
	return known;
}

int ptw_space_harvest_frames(struct ptw_space *space, uint32_t mmu, uint32_t as, uint64_t start,
			     uint64_t end, const struct ptw_ask *ask, struct ptw_ask_result *result)
{
	struct ptw_version *version = NULL;
	struct ptw_asking q = { .start = 0 };
	uint64_t at = start, spent = 0, began;
	int ret = ptw_ask_check(space, start, end, ask, result);

	if (ret)
		return ret;
	ptw_ask_begin(&q, space, ask);
	if (!q.section && !ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	if (!ptw_space_knows(space, mmu))
		return PTW_ERR_ABSENT;
	began = ptw_space_clock(space);
	if (ask->cursor && *ask->cursor)
		at = *ask->cursor;
	if (!q.section)
		version = ptw_version_get(space);
	while (at < end && !q.error && !(ask->budget && spent >= ask->budget)) {
		q.cost = 0;
		at = ptw_ask_frames(&q, version, mmu, as, start, at, end);
		spent += q.cost;
	}
	if (version)
		ptw_version_put(version);
	return ptw_ask_answer(&q, at, end, began, result);
}

int ptw_space_covers(struct ptw_space *space, uint64_t start, uint64_t end, uint32_t effort,
		     uint64_t *uncovered)
{
	const struct ptw_version *version;
	uint64_t mask = 0;

	if (!space || effort > PTW_EFFORT_ALL)
		return PTW_ERR_ARG;
	if (start >= end)
		return PTW_ERR_RANGE;
	ptw_port_read_lock();
	version = ptw_version_of(ptw_space_word(space));
	for (uint32_t i = 0; (i = ptw_version_next(version, i, start, end)) < version->runs; i++)
		if (!version->run[i].member->age[effort])
			mask |= version->run[i].member->mask;
	if (space->primary.member && start < PTW_PAGE_PRIVATE && !space->primary_member.age[effort])
		mask |= 1;
	ptw_port_read_unlock();
	if (uncovered)
		*uncovered = mask;
	return !mask;
}
