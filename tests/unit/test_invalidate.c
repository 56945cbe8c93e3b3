/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The order of changes of the primary and of faults in secondary MMUs; and unmaps, which return state. */
#include "tests/unit/fake_mmu.h"

#define PAGES	 8192u
#define WORDS	 (PAGES / 64 + 2)
#define RUN	 512u /* pages that share a gate */
#define GATES	 64u
#define AT_ONCE 65535u

static struct ptw_space *space;
static struct fake guest, other, follower;
static uint64_t young[WORDS], dirty[WORDS];
static struct ptw_ask_result result;

static void open_space(void)
{
	fake_open(&guest, FAKE_FAST | FAKE_PLAIN, 1, PAGES);
	fake_open(&other, FAKE_PLAIN, 1, PAGES);
	fake_open(&follower, FAKE_FAST | FAKE_KEEPS_DIRTY, 1, PAGES); /* has no unmap */
	space = space_open(NULL);
	cr_assert_eq(space_register(space, &guest, 0), 1u);
	cr_assert_eq(space_register(space, &other, 0), 2u);
	cr_assert_eq(space_register(space, &follower, 0), 3u);
}

static void close_space(void)
{
	space_close(space);
	fake_close(&guest);
	fake_close(&other);
	fake_close(&follower);
}

static void begin(uint64_t start, uint64_t end)
{
	cr_assert_eq(ptw_space_invalidate_begin(space, start, end), PTW_OK);
}

static void end(uint64_t start, uint64_t stop)
{
	cr_assert_eq(ptw_space_invalidate_end(space, start, stop), PTW_OK);
}

static int unmap(uint64_t start, uint64_t stop)
{
	const struct ptw_space_unmap how = { .size = sizeof(how), .young = young, .dirty = dirty };

	memset(young, 0, sizeof(young));
	memset(dirty, 0, sizeof(dirty));
	result = (struct ptw_ask_result){ .size = sizeof(result) };
	return ptw_space_unmap(space, start, stop, &how, &result);
}

/* Can a fault begin and install? */
static bool can_fault(uint64_t page, uint64_t pages)
{
	const uint64_t ticket = ptw_space_fault_begin(space, page, pages);
	const int ret = ptw_space_fault_enter(space, page, pages, ticket);

	if (!ret)
		ptw_space_fault_leave(space, page, pages);
	else
		cr_assert_eq(ret, PTW_ERR_AGAIN);
	return !ret;
}

Test(invalidate, argument_errors_change_nothing)
{
	struct ptw_space_unmap how = { .size = sizeof(how) };
	struct ptw_ask_result small = { .size = sizeof(small) - 1 };
	struct ptw_consumer_config config = { .size = sizeof(config), .pages = 1,
					      .flags = PTW_HARVEST_ACCESSED };
	struct ptw_space *stranger = space_open(NULL);

	open_space();
	space_slot(space, 1, 0, 0, 100, 0);
	cr_assert_eq(ptw_space_invalidate_begin(NULL, 0, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_invalidate_begin(space, 1, 1), PTW_ERR_RANGE);
	cr_assert_eq(ptw_space_invalidate_begin(space, 2, 1), PTW_ERR_RANGE);
	cr_assert_eq(ptw_space_invalidate_end(NULL, 0, 1), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_invalidate_end(space, 1, 1), PTW_ERR_RANGE);
	cr_assert_eq(ptw_space_invalidate_end(space, 0, 1), PTW_ERR_ARG, "none is under way");
	cr_assert_eq(ptw_space_unmap(space, 0, 1, NULL, NULL), PTW_ERR_CONTEXT, "none is under way");
	begin(0, 100);
	cr_assert_eq(ptw_space_invalidate_end(space, 0, RUN + 1), PTW_ERR_ARG, "not all of it");
	cr_assert_eq(ptw_space_unmap(space, 0, RUN + 1, NULL, NULL), PTW_ERR_CONTEXT);
	cr_assert_eq(ptw_space_unmap(NULL, 0, 1, NULL, NULL), PTW_ERR_ARG);
	cr_assert_eq(ptw_space_unmap(space, 1, 1, NULL, NULL), PTW_ERR_RANGE);
	how.size--;
	cr_assert_eq(ptw_space_unmap(space, 0, 1, &how, NULL), PTW_ERR_SIZE);
	how.size++;
	cr_assert_eq(ptw_space_unmap(space, 0, 1, &how, &small), PTW_ERR_SIZE);
	cr_assert_eq(ptw_consumer_join(stranger, &config, &how.consumer), PTW_OK);
	cr_assert_eq(ptw_space_unmap(space, 0, 1, &how, NULL), PTW_ERR_ARG);
	how.consumer = NULL;
	ptw_read_lock();
	cr_assert_eq(ptw_space_unmap(space, 0, 1, &how, NULL), PTW_ERR_CONTEXT);
	ptw_read_unlock();
	cr_assert_eq(fake_calls(&guest), 0u);
	cr_assert_eq(ptw_space_unmap(space, 0, 1, &how, NULL), PTW_OK);
	cr_assert_eq(guest.calls[FAKE_UNMAP], 1u);
	end(0, 100);
	cr_assert(can_fault(0, 1));
	close_space();
	space_close(stranger);
}

/* A fault that began before or during an invalidation is refused, whenever it comes. */
Test(invalidate, which_faults_are_refused)
{
	uint64_t before, during, after;

	open_space();
	before = ptw_space_fault_begin(space, 10, 1);
	begin(0, 100);
	during = ptw_space_fault_begin(space, 10, 1);
	cr_assert_eq(ptw_space_fault_enter(space, 10, 1, before), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_space_fault_enter(space, 10, 1, during), PTW_ERR_AGAIN);
	end(0, 100);
	cr_assert_eq(ptw_space_fault_enter(space, 10, 1, before), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_space_fault_enter(space, 10, 1, during), PTW_ERR_AGAIN);
	after = ptw_space_fault_begin(space, 10, 1);
	cr_assert_eq(ptw_space_fault_enter(space, 10, 1, after), PTW_OK);
	/* Several may be in it, and a ticket may be used again. */
	cr_assert_eq(ptw_space_fault_enter(space, 10, 1, after), PTW_OK);
	begin(0, 100);
	cr_assert_eq(unmap(0, 100), PTW_ERR_AGAIN);
	ptw_space_fault_leave(space, 10, 1);
	cr_assert_eq(unmap(0, 100), PTW_ERR_AGAIN);
	ptw_space_fault_leave(space, 10, 1);
	cr_assert_eq(unmap(0, 100), PTW_OK);
	end(0, 100);
	close_space();
}

/* Invalidations of the same pages overlap: until the last one ends nobody enters. */
Test(invalidate, overlapping)
{
	open_space();
	begin(0, 100);
	begin(50, 2 * RUN);
	end(0, 100);
	cr_assert_not(can_fault(0, 1), "they share a gate");
	cr_assert_not(can_fault(RUN, 1));
	cr_assert(can_fault(2 * RUN, 1), "another gate");
	end(50, 2 * RUN);
	cr_assert(can_fault(0, 1));
	cr_assert(can_fault(RUN, 1));
	close_space();
}

/* Ranges over several gates: each part counts. */
Test(invalidate, ranges)
{
	open_space();
	for (uint64_t gate = 0; gate < GATES + 6; gate++) {
		const uint64_t page = gate * RUN + 7;
		uint64_t whole = ptw_space_fault_begin(space, 0, GATES * RUN);
		uint64_t part = ptw_space_fault_begin(space, 10 * RUN, 4 * RUN);
		const bool in = gate % GATES >= 10 && gate % GATES < 14;

		begin(page, page + 1);
		cr_assert_eq(can_fault(10 * RUN, 4 * RUN), !in, "gate %" PRIu64, gate);
		cr_assert_not(can_fault(0, (uint64_t)1 << 40));
		end(page, page + 1);
		cr_assert_eq(ptw_space_fault_enter(space, 0, GATES * RUN, whole), PTW_ERR_AGAIN);
		cr_assert_eq(ptw_space_fault_enter(space, 10 * RUN, 4 * RUN, part),
			     in ? PTW_ERR_AGAIN : PTW_OK);
		if (!in)
			ptw_space_fault_leave(space, 10 * RUN, 4 * RUN);
	}
	/* What was refused has left all gates: nobody is in the way of an unmap. */
	begin(0, UINT64_MAX);
	cr_assert_eq(unmap(0, UINT64_MAX), PTW_OK);
	cr_assert_not(can_fault(GATES * RUN * 1000, 1));
	end(0, UINT64_MAX);
	/* A fault over two gates is in both. */
	cr_assert_eq(ptw_space_fault_enter(space, RUN - 1, 2, ptw_space_fault_begin(space, RUN - 1, 2)),
		     PTW_OK);
	begin(0, 4 * RUN);
	cr_assert_eq(unmap(0, 1), PTW_ERR_AGAIN);
	cr_assert_eq(unmap(2 * RUN - 1, 2 * RUN), PTW_ERR_AGAIN);
	cr_assert_eq(unmap(2 * RUN, 2 * RUN + 1), PTW_OK);
	ptw_space_fault_leave(space, RUN - 1, 2);
	cr_assert_eq(unmap(0, 4 * RUN), PTW_OK);
	end(0, 4 * RUN);
	close_space();
}

Test(invalidate, limits)
{
	uint64_t ticket;

	open_space();
	for (unsigned int i = 0; i < AT_ONCE; i++)
		begin(RUN, RUN + 1);
	cr_assert_eq(ptw_space_invalidate_begin(space, RUN, RUN + 1), PTW_ERR_LIMIT);
	cr_assert_eq(ptw_space_invalidate_begin(space, 0, 3 * RUN), PTW_ERR_LIMIT);
	cr_assert(can_fault(0, 1), "a refused one closed other gates");
	cr_assert(can_fault(2 * RUN, 1));
	for (unsigned int i = 0; i < AT_ONCE; i++)
		end(RUN, RUN + 1);
	cr_assert_eq(ptw_space_invalidate_end(space, RUN, RUN + 1), PTW_ERR_ARG);
	cr_assert(can_fault(RUN, 1));
	ticket = ptw_space_fault_begin(space, RUN, 1);
	for (unsigned int i = 0; i < AT_ONCE; i++)
		cr_assert_eq(ptw_space_fault_enter(space, RUN, 1, ticket), PTW_OK);
	cr_assert_eq(ptw_space_fault_enter(space, RUN, 1, ticket), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_space_fault_enter(space, RUN - 1, 2, ticket), PTW_ERR_AGAIN);
	begin(0, 2 * RUN);
	cr_assert_eq(unmap(0, RUN), PTW_OK);
	cr_assert_eq(unmap(RUN, 2 * RUN), PTW_ERR_AGAIN);
	for (unsigned int i = 0; i < AT_ONCE; i++)
		ptw_space_fault_leave(space, RUN, 1);
	cr_assert_eq(unmap(0, 2 * RUN), PTW_OK);
	end(0, 2 * RUN);
	close_space();
}

/*
 * Every interleaving of a fault and an invalidation, step by step. A fault that looks at its ticket never
 * leaves a stale mapping; one that takes it too late does, in some of them: so the ticket is needed.
 */
enum { NOTHING, OLD, NEW };

struct race {
	uint64_t ticket;
	int primary;   /* what it maps */
	int secondary;
	int heard;     /* what the primary said to the fault */
	bool entered;
	bool late;     /* the fault takes its ticket when it enters */
	bool stale;
};

static void fault_step(struct race *r, unsigned int step)
{
	switch (step) {
	case 0:
		r->ticket = ptw_space_fault_begin(space, 5, 1);
		break;
	case 1:
		r->heard = r->primary;
		break;
	case 2:
		if (r->late)
			r->ticket = ptw_space_fault_begin(space, 5, 1);
		r->entered = !ptw_space_fault_enter(space, 5, 1, r->ticket);
		break;
	case 3:
		if (r->entered)
			r->secondary = r->heard;
		break;
	default:
		if (r->entered)
			ptw_space_fault_leave(space, 5, 1);
	}
}

/* False: it has to wait for the fault. */
static bool change_step(struct race *r, unsigned int step)
{
	switch (step) {
	case 0:
		begin(0, 100);
		return true;
	case 1:
		if (unmap(0, 100))
			return false;
		r->secondary = NOTHING;
		return true;
	case 2:
		r->primary = NEW;
		return true;
	default:
		end(0, 100);
		return true;
	}
}

/* Bit i of `order`: who makes step i. */
static bool race(unsigned int order, bool late)
{
	struct race r = { .primary = OLD, .secondary = NOTHING, .late = late };
	unsigned int fault = 0, change = 0;

	while (fault < 5 || change < 4) {
		const bool of_fault = fault < 5 && (change == 4 || (order & 1));

		order >>= 1;
		if (!of_fault && change_step(&r, change))
			change++;
		else
			fault_step(&r, fault++);
		/* Neither between unmap and end nor ever after may the old page be mapped. */
		if (change > 1 && r.secondary == OLD)
			r.stale = true;
	}
	return r.stale;
}

Test(invalidate, a_stale_mapping_is_not_installed)
{
	unsigned int late = 0;

	open_space();
	space_slot(space, 1, 0, 0, 100, 0);
	for (unsigned int order = 0; order < 1 << 9; order++) {
		cr_assert_not(race(order, false), "order %#x", order);
		late += race(order, true);
	}
	cr_assert_gt(late, 0u, "the ticket is good for nothing");
	close_space();
}

/* What the mappings knew is in the answer, of all MMUs; who follows by himself is named. */
Test(invalidate, unmap_returns_state)
{
	for (unsigned int phase = 0; phase < 64; phase += 7) {
		open_space();
		space_slot(space, 1, 0, phase, 700, 1000);
		space_slot(space, 2, 0, 3000, 700, 1100);
		space_slot(space, 3, 0, 0, 700, 1000);
		for (unsigned int i = 0; i < 700; i++) {
			*fake_state(&guest, 0, phase + i) = i % 5 == 0 ? FAKE_YOUNG : 0;
			*fake_state(&other, 0, 3000 + i) = i % 7 == 0 ? FAKE_YOUNG | FAKE_DIRTY : 0;
			*fake_state(&follower, 0, i) = FAKE_YOUNG;
		}
		begin(1003, 1703);
		cr_assert_eq(unmap(1003, 1703), PTW_OK);
		cr_assert_eq(result.resume, 1703u);
		for (uint64_t page = 1003; page < 1703; page++) {
			const bool a = page < 1700 && (page - 1000) % 5 == 0;
			const bool b = page >= 1100 && (page - 1100) % 7 == 0;
			const uint64_t bit = page - (1003 & ~63);

			cr_assert_eq(bit_at(young, bit), a || b, "page %" PRIu64, page);
			cr_assert_eq(bit_at(dirty, bit), b, "page %" PRIu64, page);
		}
		cr_assert_eq(result.dirty_pages, bits_in(dirty, WORDS));
		cr_assert(result.asked == 6 && result.said == 6 && result.skipped == 8);
		cr_assert_eq(fake_calls(&follower), 0u);
		/* Gone; and what lies outside is still there. */
		cr_assert_eq(*fake_state(&guest, 0, phase + 3), FAKE_HOLE);
		cr_assert_eq(*fake_state(&guest, 0, phase), FAKE_YOUNG);
		cr_assert_eq(*fake_state(&other, 0, 3000 + 602), FAKE_HOLE);
		cr_assert_eq(*fake_state(&other, 0, 3000 + 609), FAKE_YOUNG | FAKE_DIRTY);
		/* Without a wish for anything it is done as well. */
		begin(1700, 1800);
		cr_assert_eq(ptw_space_unmap(space, 1700, 1800, NULL, NULL), PTW_OK);
		cr_assert_eq(*fake_state(&other, 0, 3000 + 609), FAKE_HOLE);
		end(1700, 1800);
		end(1003, 1703);
		close_space();
	}
}

/* An MMU that unmaps whole leaves takes state outside of the range along: it is told. */
Test(invalidate, unmap_of_leaves)
{
	open_space();
	space_slot(space, 1, 0, 0, 4096, 0);
	fake_leaves(&guest, 0, 0, PAGES, 9);
	*fake_state(&guest, 0, 100) = FAKE_YOUNG;
	*fake_state(&guest, 0, 1500) = FAKE_DIRTY;
	begin(500, 1030);
	cr_assert_eq(unmap(500, 1030), PTW_OK);
	cr_assert(result.head.start == 0 && result.head.length == 512 &&
		  result.head.what == PTW_EXTENT_YOUNG);
	cr_assert(result.tail.start == 1024 && result.tail.length == 512 &&
		  result.tail.what == PTW_EXTENT_DIRTY);
	cr_assert(bits_in(young, WORDS) == 12 && bits_in(dirty, WORDS) == 6);
	cr_assert_eq(*fake_state(&guest, 0, 1535), FAKE_HOLE);
	end(500, 1030);
	close_space();
}

static int stops(struct fake *f, struct ptw_mmu_ask *a, enum fake_op op)
{
	static const int codes[] = { PTW_ERR_AGAIN, PTW_ERR_NOMEM, -1000 };

	if (op != FAKE_UNMAP || a->end <= 300 || f->number > 2)
		return FAKE_GO_ON;
	a->resume = 300;
	return codes[f->number];
}

/* Who cannot go on says so: what lies before was unmapped everywhere, and it can be called again. */
Test(invalidate, unmap_in_parts)
{
	static const int codes[] = { PTW_ERR_AGAIN, PTW_ERR_NOMEM, PTW_ERR_MMU };

	for (unsigned int i = 0; i < 3; i++) {
		open_space();
		space_slot(space, 1, 0, 0, 4000, 0);
		space_slot(space, 2, 0, 0, 4000, 0);
		guest.script = stops;
		guest.number = i;
		memset(other.state, FAKE_YOUNG, PAGES);
		begin(0, 4000);
		cr_assert_eq(unmap(0, 4000), codes[i]);
		cr_assert_eq(result.resume, i == 2 ? 0u : 300u);
		cr_assert_eq(result.failed, (uint64_t)2);
		cr_assert_eq(space_info(space).nonsense, i == 2 ? 1u : 0u);
		cr_assert_eq(*fake_state(&other, 0, 299), i == 2 ? FAKE_YOUNG : FAKE_HOLE);
		cr_assert_eq(*fake_state(&other, 0, 300), FAKE_YOUNG);
		cr_assert_eq(bits_in(young, WORDS), i == 2 ? 0u : 300u);
		guest.number = 3;
		cr_assert_eq(unmap(result.resume, 4000), PTW_OK);
		cr_assert_eq(result.young_pages, i == 2 ? 4000u : 3700u);
		end(0, 4000);
		close_space();
	}
}

/* What an MMU leaves out is not unmapped: that is said, also where the MMU makes no error of it. */
Test(invalidate, unmap_leaves_nothing_out)
{
	open_space();
	space_slot(space, 1, 0, 0, 4000, 0);
	memset(guest.state, FAKE_YOUNG, 4000);
	*fake_state(&guest, 0, 2000) |= FAKE_BUSY;
	begin(0, 4000);
	cr_assert_eq(unmap(0, 4000), PTW_ERR_AGAIN);
	cr_assert_leq(result.resume, 2000u, "a page behind is still mapped");
	for (uint64_t frame = 0; frame < result.resume; frame++)
		cr_assert_eq(*fake_state(&guest, 0, frame), FAKE_HOLE);
	cr_assert_eq(*fake_state(&guest, 0, 2000), FAKE_YOUNG | FAKE_BUSY);
	*fake_state(&guest, 0, 2000) = FAKE_YOUNG;
	cr_assert_eq(unmap(result.resume, 4000), PTW_OK);
	cr_assert_eq(*fake_state(&guest, 0, 2000), FAKE_HOLE);
	cr_assert_eq(result.resume, 4000u);
	end(0, 4000);
	close_space();
}

/* While a fault is in, nothing is unmapped. */
Test(invalidate, unmap_waits_for_faults)
{
	open_space();
	space_slot(space, 1, 0, 0, 100, 0);
	*fake_state(&guest, 0, 9) = FAKE_YOUNG;
	cr_assert_eq(ptw_space_fault_enter(space, 9, 1, ptw_space_fault_begin(space, 9, 1)), PTW_OK);
	begin(0, 100);
	cr_assert_eq(unmap(0, 100), PTW_ERR_AGAIN);
	cr_assert_eq(result.resume, 0u);
	cr_assert_eq(fake_calls(&guest), 0u);
	cr_assert_eq(space_info(space).nonsense, 0u);
	ptw_space_fault_leave(space, 9, 1);
	cr_assert_eq(unmap(0, 100), PTW_OK);
	cr_assert(bit_at(young, 9));
	end(0, 100);
	close_space();
}
