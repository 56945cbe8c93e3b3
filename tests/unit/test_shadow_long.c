/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Shadow MMUs with long chains: sections and questions end between two of them. */
#include <ptw/port.h>

#include "tests/unit/shadow_machine.h"

static struct shadow s;
static struct shadow_ask a;

#define CHAIN 400

/* Of 64 frames every other one has a chain, and the rest one entry; all are young. */
static uint64_t *long_chains(void)
{
	uint64_t *e = calloc(64 * CHAIN, sizeof(*e));

	shadow_open(&s, "ept4", 256);
	for (unsigned int i = 0; i < 64 * CHAIN; i++) {
		e[i] = leaf_of(&s, i, 0, PTW_EXTENT_YOUNG);
		if (i / CHAIN % 2 || i % CHAIN == 0)
			cr_assert_eq(ptw_rmap_add(s.rmap, 64 + i / CHAIN, 0, &e[i]), PTW_OK);
	}
	return e;
}

static void ask_in_sections(uint32_t flags, bool unmap)
{
	struct ptw_rmap_job job = { .shadow = &s.config, .ask = &a.ask, .rmap = s.rmap,
				    .unmap = unmap };
	const uint64_t all = 32 * (CHAIN + 1) * (1 + PTW_CHANGED_COST);

	ask_for(&a, 64, 128, flags);
	cr_assert_eq(ptw_rmap_ask(&job), PTW_OK);
	cr_assert_eq(a.ask.young_pages, 64u);
	cr_assert_eq(a.ask.entries, 32u * (CHAIN + 1));
	cr_assert_geq(job.spent + job.cost, all);
	cr_assert_leq(job.spent + job.cost, all + 64);
	/* The last section is as short as all others: one chain more than what ends it. */
	cr_assert_gt(job.spent, all - PTW_SECTION_COST - CHAIN * (1 + PTW_CHANGED_COST));
	cr_assert(ptw_port_may_block());
}

/* Within 64 frames, too: between two chains a section that has cost enough ends. */
Test(shadow_long, sections_end_between_chains)
{
	const bool unmap[] = { false, false, true };

	for (unsigned int i = 0; i < 3; i++) {
		uint64_t *e = long_chains();

		/* With dirty, every word is held. */
		ask_in_sections(PTW_HARVEST_ACCESSED | (i == 1 ? PTW_HARVEST_DIRTY : 0), unmap[i]);
		shadow_close(&s);
		free(e);
	}
}

/* A question with a budget ends there, each time having done something, and tells each frame once. */
Test(shadow_long, questions_end_between_chains)
{
	static const uint32_t flags[] = { PTW_HARVEST_ACCESSED,
					  PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK };

	for (unsigned int i = 0; i < 2; i++) {
		const uint64_t one = i ? CHAIN : CHAIN * (1 + PTW_CHANGED_COST);
		uint64_t *e = long_chains(), block = s.like->layout->empty, pages = 0, told = 0;
		unsigned int calls = 0;
		int ret;

		a.ask.resume = 64;
		do {
			uint64_t at = a.ask.resume;

			ask_for(&a, at, 128, flags[i]);
			a.ask.budget = 1;
			ret = s.mmu.ops->harvest_fast_only(s.mmu.context, &a.ask);
			cr_assert(ret == PTW_OK || ret == PTW_ERR_BUDGET);
			pages += a.ask.young_pages;
			told |= a.young[0];
			calls++;
			/* Not for each chain: what comes next looks at these words again. */
			cr_assert(!ret || a.ask.entries * one / CHAIN + 64 >= PTW_SECTION_COST);
		} while (ret);
		cr_assert_eq(pages, 64u);
		cr_assert_eq(told, ~(uint64_t)0);
		cr_assert_geq(calls, 32 * one / (PTW_SECTION_COST + one));
		cr_assert_gt(calls, 2u);
		/* A budget that is not spent ends nothing. */
		ask_for(&a, 64, 128, PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK);
		a.ask.budget = 1 << 20;
		cr_assert_eq(s.mmu.ops->harvest_fast_only(s.mmu.context, &a.ask), PTW_OK);
		/* With blocks in the map, which would be asked again, too, all 64 are done. */
		cr_assert_eq(ptw_rmap_add(s.rmap, 64, 1, &block), PTW_OK);
		ask_for(&a, 64, 256, PTW_HARVEST_ACCESSED | PTW_HARVEST_PEEK);
		a.ask.budget = 1;
		cr_assert_eq(s.mmu.ops->harvest_fast_only(s.mmu.context, &a.ask), PTW_ERR_BUDGET);
		cr_assert_eq(a.ask.resume, 128u);
		shadow_close(&s);
		free(e);
	}
}
