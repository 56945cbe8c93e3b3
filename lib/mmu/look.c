/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Single pages: test, clear, look around, and the last look before a page goes. */
#include "lib/mmu/ask.h"

#include "lib/mmu/gate.h"
#include "lib/walk/template.h"

/* A question about one page or window, whose bitmap is ours. */
static void ptw_look_begin(struct ptw_asking *q, struct ptw_space *space,
			   const struct ptw_ask *ask, uint64_t start, uint64_t end)
{
	q->space = space;
	q->ask = ask;
	q->start = start;
	q->end = q->stop = end;
	q->bit0 = start & 63;
	q->budget = 0;
}

/* 1 young, 0 old, PTW_ERR_AGAIN not known, or an error. */
static int ptw_look_answer(struct ptw_asking *q)
{
	struct ptw_space *space = q->space;

	if (q->result.not_asked_pages)
		ptw_port_add64(&space->not_asked, q->result.not_asked_pages);
	if (q->result.young_pages || q->result.consumer_pages)
		return 1;
	if (q->error)
		return q->error;
	return q->result.not_asked_pages ? PTW_ERR_AGAIN : 0;
}

static int ptw_space_one(struct ptw_space *space, uint64_t page, uint32_t effort, uint32_t flags)
{
	uint64_t young = 0;
	const struct ptw_ask ask = { .size = sizeof(ask), .flags = flags, .effort = effort,
				     .young = &young };
	struct ptw_ask_result result = { .size = sizeof(result) };
	int ret;

	if (page == UINT64_MAX)
		return PTW_ERR_RANGE;
	ret = ptw_space_harvest(space, page, page + 1, &ask, &result);
	if (result.young_pages)
		return 1;
	if (ret)
		return ret;
	return result.not_asked_pages ? PTW_ERR_AGAIN : 0;
}

int ptw_space_test_young(struct ptw_space *space, uint64_t page, uint32_t effort)
{
	return ptw_space_one(space, page, effort, PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK);
}

int ptw_space_clear_young(struct ptw_space *space, uint64_t page, uint32_t effort)
{
	return ptw_space_one(space, page, effort, PTW_HARVEST_ACCESSED);
}

/* Ask one run. Where a region filter belongs to it, region by region, to know what is said of each. */
static void ptw_look_run(struct ptw_asking *q, const struct ptw_run *run, uint64_t low, uint64_t high,
			 const struct ptw_look_around *how)
{
	unsigned int lg2;

	if (!how->filter || run->member->id != how->filter_mmu || run->as != how->filter_as) {
		ptw_ask_run(q, run, low, high);
		return;
	}
	lg2 = how->filter_lg2 - q->space->page_lg2;
	while (low < high) {
		const uint64_t frame = run->frame + (low - run->page), region = frame >> lg2;
		const uint64_t young = q->result.young_pages;
		uint64_t pages = ((region + 1) << lg2) - frame;

		if (pages > high - low)
			pages = high - low;
		ptw_ask_run(q, run, low, low + pages);
		if (q->result.young_pages != young)
			ptw_filter_add(how->filter, region);
		low += pages;
	}
}

int ptw_space_look_around(struct ptw_space *space, uint64_t page, const struct ptw_look_around *how,
			  struct ptw_ask_result *result)
{
	struct ptw_ask ask = { .size = sizeof(ask), .flags = PTW_HARVEST_ACCESSED,
			       .effort = PTW_EFFORT_FAST };
	struct ptw_asking q = { .section = true };
	const struct ptw_version *version;
	uint64_t window, start, end, word, began;
	int ret;

	if (!space || !how)
		return PTW_ERR_ARG;
	ret = ptw_size_check(how, how->size, sizeof(*how));
	if (ret)
		return ret;
	if (result && result->size < sizeof(*result))
		return PTW_ERR_SIZE;
	window = how->window ? how->window : 64;
	if (window > PTW_LOOK_AROUND_MAX || (window & (window - 1)) || how->skip > 3 ||
	    (how->consumer && how->consumer->space != space) || how->reserved ||
	    (how->filter && (how->filter_lg2 < space->page_lg2 || how->filter_lg2 > 63)))
		return PTW_ERR_ARG;
	start = page & ~(window - 1);
	end = start + window;
	if (!end) /* the last window of all has no end that can be said */
		return PTW_ERR_RANGE;
	began = ptw_space_clock(space);
	ask.young = how->young;
	ask.consumer = how->consumer;
	ptw_look_begin(&q, space, &ask, start, end);
	ptw_port_read_lock();
	word = ptw_space_word(space);
	q.blind = !(word & PTW_SPACE_CONSUMERS);
	version = ptw_version_of(word);
	if (space->primary.member && !(how->skip & 1) && (how->said & 1) &&
	    start < PTW_PAGE_PRIVATE && space->primary_member.age[PTW_EFFORT_FAST])
		ptw_look_run(&q, &space->primary, start, end, how);
	/* Only slots that map the page itself, and who is fast. */
	for (uint32_t i = how->skip & 2 ? version->runs : 0;
	     (i = ptw_version_next(version, i, page, page + 1)) < version->runs; i++) {
		const struct ptw_run *run = &version->run[i];

		if (run->member->age[PTW_EFFORT_FAST])
			ptw_look_run(&q, run, run->page > start ? run->page : start,
				     run->end < end ? run->end : end, how);
	}
	q.stop = end; /* an MMU that stopped before is no reason to leave the rest there */
	if (ask.consumer)
		ptw_ask_consumer(&q, start);
	ptw_port_read_unlock();
	if (space->clock)
		ptw_space_stall_add(space, PTW_STALL_AGER, ptw_space_clock(space) - began);
	ptw_look_answer(&q);
	if (result) {
		q.result.size = result->size;
		q.result.resume = end;
		*result = q.result;
	}
	/* Not asked is no error here: it is what a look-around may leave out. */
	return q.error;
}

/* Is it pinned, by its slot or by what the MMU knows? PTW_ERR_PINNED, 0, or an error. */
static int ptw_run_pinned(struct ptw_space *space, const struct ptw_run *run, uint64_t page)
{
	const struct ptw_mmu_ops *ops = run->member->mmu.ops;
	int ret;

	if (run->flags & PTW_SLOT_PINNED)
		return PTW_ERR_PINNED;
	if (!ops->pinned)
		return 0;
	ret = ops->pinned(run->member->mmu.context, run->as, run->frame + (page - run->page));
	if (ret > 1 || ret < PTW_ERR_DROPPED) {
		ptw_port_add64(&space->nonsense, 1);
		return PTW_ERR_MMU;
	}
	return ret == 1 ? PTW_ERR_PINNED : ret == PTW_ERR_HOLE ? 0 : ret;
}

/* Is one mapping young? 1, 0, PTW_ERR_AGAIN, or an error. */
static int ptw_run_referenced(struct ptw_asking *q, const struct ptw_run *run, uint64_t page)
{
	const struct ptw_mmu_ops *ops = run->member->mmu.ops;
	const bool peek = q->ask->flags & PTW_HARVEST_PEEK;
	ptw_mmu_frame_fn one = peek ? ops->test_young : ops->clear_young;
	int ret;

	q->error = 0;
	q->stop = q->end;
	q->result.young_pages = q->result.not_asked_pages = 0;
	/* With consumers the rest of a leaf extent must go to them, which only a harvest tells. */
	if (!one || !q->blind) {
		/* And only a test tells of an entry that somebody owns: a harvest leaves it to him. */
		if (ops->test_young &&
		    ops->test_young(run->member->mmu.context, run->as,
				    run->frame + (page - run->page)) == PTW_ERR_AGAIN)
			return PTW_ERR_AGAIN;
		ptw_ask_run(q, run, page, page + 1);
		return ptw_look_answer(q);
	}
	ret = one(run->member->mmu.context, run->as, run->frame + (page - run->page));
	if (ret == PTW_ERR_HOLE)
		return 0;
	if (ret > 1 || ret < PTW_ERR_DROPPED) {
		ptw_port_add64(&q->space->nonsense, 1);
		return PTW_ERR_MMU;
	}
	if (ret == PTW_ERR_AGAIN)
		ptw_port_add64(&q->space->not_asked, 1);
	return ret;
}

static int ptw_reference_check(const struct ptw_space *space, uint64_t page,
			       const struct ptw_reference *how,
			       const struct ptw_reference_result *result)
{
	int ret;

	if (!space || !how)
		return PTW_ERR_ARG;
	ret = ptw_size_check(how, how->size, sizeof(*how));
	if (ret)
		return ret;
	if (result && result->size < sizeof(*result))
		return PTW_ERR_SIZE;
	if (how->flags & ~(uint32_t)(PTW_REFERENCE_FOREIGN | PTW_REFERENCE_PEEK))
		return PTW_ERR_ARG;
	if (page == UINT64_MAX)
		return PTW_ERR_RANGE;
	return ptw_port_may_block() ? PTW_OK : PTW_ERR_CONTEXT;
}

/* The mapping of a page in the order they are asked: the primary, then slots; null: no more. */
static const struct ptw_run *ptw_mapping(const struct ptw_space *space,
					 const struct ptw_version *version, uint64_t page,
					 uint32_t *next)
{
	uint32_t i;

	if (!*next) {
		*next = 1;
		if (space->primary.member && page < PTW_PAGE_PRIVATE)
			return &space->primary;
	}
	i = ptw_version_next(version, *next - 1, page, page + 1);
	*next = i + 2; /* none: stays behind all of them */
	return i < version->runs ? &version->run[i] : NULL;
}

/* Ask every mapping that counts. Returns the references, or the first error. */
static int ptw_reference_all(struct ptw_asking *q, const struct ptw_version *version, uint64_t page,
			     const struct ptw_reference *how, struct ptw_reference_result *found)
{
	const struct ptw_run *run;
	uint32_t next = 0;
	int references = 0, error = 0;

	while ((run = ptw_mapping(q->space, version, page, &next))) {
		int ret;

		if (run->group != how->group && !(how->flags & PTW_REFERENCE_FOREIGN)) {
			found->foreign++;
			continue;
		}
		/* Keeps no accessed state. */
		if (!run->member->mmu.ops->harvest)
			continue;
		found->mappings++;
		ret = ptw_run_referenced(q, run, page);
		if (ret > 0) {
			references++;
			found->said |= run->member->mask;
		} else if (ret < 0) {
			found->skipped |= run->member->mask;
			/* Not known is said only where nothing worse is. */
			if (!error || error == PTW_ERR_AGAIN)
				error = ret;
		}
	}
	return references ? references : error;
}

int ptw_space_reference(struct ptw_space *space, uint64_t page, const struct ptw_reference *how,
			struct ptw_reference_result *result)
{
	uint64_t young = 0;
	struct ptw_ask ask = { .size = sizeof(ask), .flags = PTW_HARVEST_ACCESSED,
			       .effort = PTW_EFFORT_ALL, .young = &young };
	struct ptw_reference_result found = { .size = sizeof(found) };
	struct ptw_asking q = { .section = false };
	struct ptw_version *version;
	const struct ptw_run *run;
	uint64_t began, ticket;
	uint32_t next = 0;
	int ret = ptw_reference_check(space, page, how, result);

	if (ret)
		return ret;
	ticket = ptw_space_fault_begin(space, page, 1);
	if (ptw_gate_closed(space, page))
		return PTW_ERR_DROPPED;
	began = ptw_space_clock(space);
	if (how->flags & PTW_REFERENCE_PEEK)
		ask.flags |= PTW_HARVEST_PEEK;
	ptw_look_begin(&q, space, &ask, page, page + 1);
	version = ptw_version_get(space);
	while (!ret && (run = ptw_mapping(space, version, page, &next)))
		ret = ptw_run_pinned(space, run, page);
	if (!ret) {
		ptw_ask_outside(&q);
		ret = ptw_reference_all(&q, version, page, how, &found);
		ptw_ask_outside_end(&q);
	}
	ptw_version_put(version);
	/*
	 * Where an invalidation has begun meanwhile, "nobody" means nothing: they may have been asked too
	 * late, also if it is over again. Who has seen an entry gone sees the sequence that was raised
	 * before: partner ptw_space_invalidate_begin(), and the release with which the entry went.
	 */
	ptw_port_order_loads();
	if (!ret && ptw_space_fault_begin(space, page, 1) != ticket)
		ret = PTW_ERR_DROPPED;
	if (space->clock)
		ptw_space_stall_add(space, PTW_STALL_AGER, ptw_space_clock(space) - began);
	if (result) {
		found.size = result->size;
		*result = found;
	}
	return ret;
}
