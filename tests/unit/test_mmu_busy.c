/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* An extent that keeps changing under a question: not old, but not asked. */
#include <ptw/port.h>

#include "tests/unit/mmu_question.h"
#include "tests/unit/owner.h"

__thread void (*test_hook)(int op, const void *address);

/* Another bit of the entry changes before each exchange, so that every one is lost. */
static uint64_t *slot;
static unsigned int lost;

static void lose(int op, const void *address)
{
	if (op != PTW_OP_CAS || address != slot)
		return;
	lost++;
	/* A bit of software's, on arm64. */
	__atomic_fetch_xor(slot, (uint64_t)1 << 55, __ATOMIC_RELAXED);
}

static void ask_in_vain(const char *preset, uint32_t lg2, uint32_t flags)
{
	static struct question q;
	struct ptw_mmu_table config = { .size = sizeof(config), .count = 1 };
	struct ptw_mmu mmu;
	uint64_t frames, first;

	open_owner(preset);
	map_levels(&m, 0, 16 * m.granule, 0, 1);
	config.pgtables = &m.pgtable;
	config.frame_lg2 = lg2;
	cr_assert_eq(ptw_mmu_table_create(&config, &mmu), PTW_OK);
	slot = slot_of(4 * m.granule, 0);
	*slot |= (uint64_t)1 << 10;
	*slot_of(2 * m.granule, 0) |= (uint64_t)1 << 10;
	frames = m.granule >> lg2;
	lost = 0;
	test_hook = lose;
	cr_assert_eq(mmu.ops->harvest_dirty(mmu.context, question(&q, 1, 6 * frames, flags)),
		     PTW_OK);
	test_hook = NULL;
	cr_assert_eq(lost, 8u);
	assert_counted(&q);
	first = 2 * frames > 1 ? 2 * frames : 1;
	cr_assert_eq(q.ask.young_pages, frames);
	cr_assert(is_young(&q, first));
	/* That one, and nothing else. */
	cr_assert_eq(q.ask.not_asked_pages, frames);
	cr_assert(is_not_asked(&q, 4 * frames) && is_not_asked(&q, 5 * frames - 1));
	cr_assert_eq(q.ask.resume, 6 * frames);
	/* Counted where nobody wants to know which. */
	*slot |= (uint64_t)1 << 10;
	question(&q, 1, 6 * frames, flags)->not_asked = NULL;
	test_hook = lose;
	cr_assert_eq(mmu.ops->harvest_dirty(mmu.context, &q.ask), PTW_OK);
	test_hook = NULL;
	cr_assert_eq(q.ask.not_asked_pages, frames);
	/* Nothing was lost. */
	cr_assert_eq(mmu.ops->harvest(mmu.context,
				      question(&q, 1, 6 * frames, PTW_HARVEST_ACCESSED)), PTW_OK);
	cr_assert_eq(q.ask.young_pages, frames);
	cr_assert_eq(q.ask.not_asked_pages, 0u);
	ptw_mmu_destroy(&mmu);
	close_owner();
}

/* Somebody owns a page in the middle: what lies before is done, and the call can go on there. */
Test(mmu_busy, unmap_up_to_what_is_owned)
{
	static const char *const some[] = { "ept4", "arm64-s2-16k" };

	for (unsigned int i = 0; i < 2; i++) {
		static struct question q;
		struct ptw_mmu_table config = { .size = sizeof(config), .count = 1 };
		struct ptw_mmu mmu;
		uint64_t frames, before;

		open_owner(some[i]);
		map_levels(&m, 0, 16 * m.granule, 0, 1);
		config.pgtables = &m.pgtable;
		config.frame_lg2 = 12;
		cr_assert_eq(ptw_mmu_table_create(&config, &mmu), PTW_OK);
		frames = m.granule >> 12;
		slot = slot_of(4 * m.granule, 0);
		before = *slot;
		*slot = ptw_layout_own(&m.config)->frozen;
		cr_assert_eq(mmu.ops->unmap(mmu.context, question(&q, 1, 9 * frames, 0)),
			     PTW_ERR_AGAIN);
		cr_assert_eq(q.ask.resume, 4 * frames);
		cr_assert_eq(query_error(&m, 3 * m.granule), PTW_ERR_HOLE);
		cr_assert_eq(query_error(&m, 5 * m.granule), PTW_OK);
		*slot = before;
		cr_assert_eq(mmu.ops->unmap(mmu.context,
					    question(&q, 4 * frames, 9 * frames, 0)), PTW_OK);
		cr_assert_eq(query_error(&m, 8 * m.granule), PTW_ERR_HOLE);
		ptw_mmu_destroy(&mmu);
		close_owner();
	}
}

/* A remote MMU's pending bits, with another question in the middle of the first one. */
static struct ptw_mmu remote;
static struct question other;
static uint64_t said[1]; /* by the source, next time */
static int at_op;

static int fetch(void *context, struct ptw_mmu_ask *ask)
{
	(void)context;
	ask->young[0] |= said[0];
	said[0] = 0;
	return PTW_OK;
}

static void ask_between(int op, const void *address)
{
	(void)address;
	if (op != at_op)
		return;
	test_hook = NULL;
	at_op = -1;
	said[0] |= 1u << 9;
	cr_assert_eq(remote.ops->harvest(remote.context,
					 question(&other, 5, 6, PTW_HARVEST_ACCESSED)), PTW_OK);
}

Test(mmu_busy, remote_questions_in_each_other)
{
	static const int ops[] = { PTW_OP_LOAD, PTW_OP_OR64, PTW_OP_AND_CLEAR };
	const struct ptw_mmu_remote config = {
		.size = sizeof(config),
		.fetch = fetch,
		.frames = 64,
		.what = PTW_HARVEST_ACCESSED,
	};

	for (unsigned int i = 0; i < 3; i++) {
		static struct question q, last;

		cr_assert_eq(ptw_mmu_remote_create(&config, &remote), PTW_OK);
		said[0] = 1u << 5 | 1u << 7;
		at_op = ops[i];
		test_hook = ask_between;
		cr_assert_eq(remote.ops->harvest(remote.context,
						 question(&q, 5, 7, PTW_HARVEST_ACCESSED)), PTW_OK);
		test_hook = NULL;
		cr_assert_eq(at_op, -1, "the point was never reached");
		/* Frame 5 is answered to one of them; what else came is kept. */
		cr_assert_eq(q.ask.young_pages + other.ask.young_pages, 1u);
		cr_assert_eq(remote.ops->harvest(remote.context,
						 question(&last, 0, 64, PTW_HARVEST_ACCESSED)),
			     PTW_OK);
		cr_assert_eq(last.young[0], 1u << 7 | 1u << 9);
		ptw_mmu_destroy(&remote);
	}
}

Test(mmu_busy, lost_races_are_not_old)
{
	const uint32_t both = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY;

	ask_in_vain("arm64-s2-4k", 12, both);
	ask_in_vain("arm64-s2-16k", 12, both);
	ask_in_vain("arm64-s2-64k", 12, both);
	ask_in_vain("arm64-s2-64k", 16, both);
}
