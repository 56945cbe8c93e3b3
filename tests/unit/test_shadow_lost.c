/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Shadow MMUs and reverse maps whose entries and words change between two accesses of the
 * library: what somebody else does there is done by the port's hook, before the access happens.
 */
#include <ptw/port.h>

#include "tests/unit/shadow_machine.h"

__thread void (*test_hook)(int op, const void *address);

#define SOFTWARE ((uint64_t)1 << 56)
#define EPT_DIRTY ((uint64_t)1 << 9)

static struct shadow s;
static struct shadow_ask a;
static uint64_t entry[4];

/* What happens before which access, at which occurrence and how often from there on. */
static struct {
	int op;
	const void *address;
	unsigned int skip;
	unsigned int times;
	unsigned int seen;
	void (*act)(void);
} plan;

static void hook(int op, const void *address)
{
	if (op != plan.op || address != plan.address)
		return;
	if (plan.skip) {
		plan.skip--;
		return;
	}
	if (plan.seen >= plan.times)
		return;
	plan.seen++;
	/* What it does is not hooked itself. */
	test_hook = NULL;
	plan.act();
	test_hook = hook;
}

static void plan_act(int op, const void *address, unsigned int skip, unsigned int times,
		     void (*act)(void))
{
	plan.op = op;
	plan.address = address;
	plan.skip = skip;
	plan.times = times;
	plan.seen = 0;
	plan.act = act;
	test_hook = hook;
}

static void plan_done(unsigned int seen)
{
	test_hook = NULL;
	cr_assert_eq(plan.seen, seen, "it happened %u times", plan.seen);
}

static uint64_t *word(uint64_t frame)
{
	return &s.rmap->level[0].word[frame];
}

/* Frame 5 is mapped by entry 0, which is young. */
static void open_one(const char *preset)
{
	shadow_open(&s, preset, 64);
	for (unsigned int i = 0; i < 4; i++)
		entry[i] = leaf_of(&s, 10 + i, 0, PTW_EXTENT_YOUNG);
	cr_assert_eq(ptw_rmap_add(s.rmap, 5, 0, &entry[0]), PTW_OK);
}

static void ask_all(void)
{
	ask_for(&a, 0, 64, PTW_HARVEST_ACCESSED);
	cr_assert_eq(s.mmu.ops->harvest_fast_only(s.mmu.context, &a.ask), PTW_OK);
}

/* Its writer makes it map another page, which is frame 9. */
static void use_for_another(void)
{
	entry[0] = s.like->layout->empty;
	cr_assert_eq(ptw_rmap_remove(s.rmap, 5, 0, &entry[0]), PTW_OK);
	entry[0] = leaf_of(&s, 77, 0, PTW_EXTENT_YOUNG);
	cr_assert_eq(ptw_rmap_add(s.rmap, 9, 0, &entry[0]), PTW_OK);
}

static void used_for_another(int op, bool of_word, unsigned int skip)
{
	static const char *const presets[] = { "ept4", "ept4-tracked", "arm64-s2-4k", "perverse" };

	for (unsigned int i = 0; i < 4; i++) {
		uint64_t its;

		open_one(presets[i]);
		its = leaf_of(&s, 77, 0, PTW_EXTENT_YOUNG);
		/* Only frame 5 is asked: frame 9 keeps what it has. */
		plan_act(op, of_word ? word(5) : &entry[0], skip, 1, use_for_another);
		cr_assert_eq(young_at(&s, 5), op == PTW_OP_LOAD_TABLE && of_word ? PTW_ERR_HOLE : 0,
			     "%s", presets[i]);
		plan_done(1);
		cr_assert_eq(entry[0], its, "%s: another frame's access was taken", presets[i]);
		cr_assert_eq(young_at(&s, 9), 1);
		shadow_close(&s);
	}
}

/* Wherever it happens, the entry that maps another frame is left alone. */
Test(shadow_lost, entry_used_for_another_frame)
{
	/* Before the exchange; before the word is loaded again; before the entry is; before the
	 * word is. */
	used_for_another(PTW_OP_CAS, false, 0);
	used_for_another(PTW_OP_LOAD, true, 0);
	used_for_another(PTW_OP_LOAD_TABLE, false, 0);
	used_for_another(PTW_OP_LOAD_TABLE, true, 0);
}

static void make_dirty(void)
{
	entry[0] |= EPT_DIRTY;
}

static void flip_software(void)
{
	entry[0] ^= SOFTWARE;
}

Test(shadow_lost, hardware_is_faster)
{
	open_one("ept4");
	plan_act(PTW_OP_CAS, &entry[0], 0, 1, make_dirty);
	ask_all();
	plan_done(1);
	cr_assert_eq(a.young[0], 1u << 5);
	cr_assert_eq(entry[0], leaf_of(&s, 10, 0, PTW_EXTENT_DIRTY), "dirty was lost");
	shadow_close(&s);
}

/* Eight lost races, then not asked; nothing is lost. */
static void lose_all(bool chain)
{
	open_one("ept4");
	entry[1] = leaf_of(&s, 11, 0, 0);
	if (chain)
		cr_assert_eq(ptw_rmap_add(s.rmap, 5, 0, &entry[1]), PTW_OK);
	plan_act(PTW_OP_CAS, &entry[0], 0, 1000, flip_software);
	ask_all();
	plan_done(8);
	cr_assert_eq(a.young[0], 0u);
	cr_assert_eq(a.not_asked[0], 1u << 5);
	cr_assert_eq(a.ask.not_asked_pages, 1u);
	cr_assert_eq(young_at(&s, 5), 1);
	cr_assert_eq(young_at(&s, 5), 0);
	shadow_close(&s);
}

Test(shadow_lost, eight_lost_races_are_not_asked)
{
	lose_all(false);
	lose_all(true);
}

/* An entry's place in the word is taken by another one, again and again. */
static void swap_entries(void)
{
	*word(5) ^= (uint64_t)(uintptr_t)&entry[0] ^ (uint64_t)(uintptr_t)&entry[1];
}

Test(shadow_lost, a_word_that_keeps_changing_is_not_asked)
{
	open_one("ept4");
	plan_act(PTW_OP_LOAD, word(5), 0, 1000, swap_entries);
	ask_all();
	plan_done(8);
	cr_assert_eq(a.not_asked[0], 1u << 5);
	cr_assert_eq(entry[0], leaf_of(&s, 10, 0, PTW_EXTENT_YOUNG));
	cr_assert_eq(entry[1], leaf_of(&s, 11, 0, PTW_EXTENT_YOUNG));
	shadow_close(&s);
}

static void unmap_entry(void)
{
	entry[0] = s.like->layout->empty;
}

Test(shadow_lost, entry_goes_away)
{
	open_one("ept4");
	plan_act(PTW_OP_CAS, &entry[0], 0, 1, unmap_entry);
	ask_all();
	plan_done(1);
	cr_assert_eq(a.young[0], 0u);
	cr_assert_eq(a.not_asked[0], 0u);
	cr_assert_eq(entry[0], s.like->layout->empty);
	shadow_close(&s);
}

static void add_second(void)
{
	cr_assert_eq(ptw_rmap_add(s.rmap, 5, 0, &entry[1]), PTW_OK);
}

static void remove_second(void)
{
	cr_assert_eq(ptw_rmap_remove(s.rmap, 5, 0, &entry[1]), PTW_OK);
}

/* Single when it was looked at first, a chain then; and the other way round. */
Test(shadow_lost, a_chain_comes_and_goes)
{
	for (unsigned int skip = 0; skip < 2; skip++) {
		open_one("ept4");
		plan_act(PTW_OP_LOAD_TABLE, word(5), skip, 1, add_second);
		ask_all();
		plan_done(1);
		cr_assert_eq(a.young[0], 1u << 5);
		cr_assert_eq(entry[0], leaf_of(&s, 10, 0, 0));
		cr_assert_eq(entry[1], leaf_of(&s, 11, 0, 0));
		shadow_close(&s);
	}
	open_one("ept4");
	add_second();
	entry[1] = s.like->layout->empty;
	plan_act(PTW_OP_CAS, word(5), 0, 1, remove_second);
	ask_all();
	plan_done(1);
	cr_assert_eq(a.young[0], 1u << 5);
	cr_assert_eq(entry[0], leaf_of(&s, 10, 0, 0));
	shadow_close(&s);
}

static void remove_first(void)
{
	cr_assert_eq(ptw_rmap_remove(s.rmap, 5, 0, &entry[0]), PTW_OK);
}

/* Adding and removing where somebody else does the same to the same word. */
Test(shadow_lost, words_are_changed_by_two)
{
	open_one("ept4");
	remove_first();
	plan_act(PTW_OP_CAS, word(5), 0, 1, add_second);
	cr_assert_eq(ptw_rmap_add(s.rmap, 5, 0, &entry[0]), PTW_OK);
	plan_done(1);
	cr_assert_eq(ptw_rmap_count(s.rmap, 5, 0), 2);
	/* A single entry that goes while a chain is to be made of it. */
	remove_first();
	plan_act(PTW_OP_CAS, word(5), 0, 1, remove_second);
	cr_assert_eq(ptw_rmap_add(s.rmap, 5, 0, &entry[0]), PTW_OK);
	plan_done(1);
	cr_assert_eq(*word(5), (uint64_t)(uintptr_t)&entry[0]);
	/* One that becomes part of a chain while it is to go. */
	plan_act(PTW_OP_CAS, word(5), 0, 1, add_second);
	cr_assert_eq(ptw_rmap_remove(s.rmap, 5, 0, &entry[0]), PTW_OK);
	plan_done(1);
	cr_assert_eq(*word(5), (uint64_t)(uintptr_t)&entry[1]);
	/* One that two want to remove. */
	plan_act(PTW_OP_CAS, word(5), 0, 1, remove_second);
	cr_assert_eq(ptw_rmap_remove(s.rmap, 5, 0, &entry[1]), PTW_ERR_ABSENT);
	plan_done(1);
	cr_assert_eq(ptw_rmap_count(s.rmap, 5, 0), 0);
	shadow_close(&s);
}

/* Its writer is faster than an unmap: the entry is none of its business any more. */
Test(shadow_lost, unmap_leaves_what_has_left)
{
	open_one("ept4");
	plan_act(PTW_OP_CAS, word(5), 0, 1, use_for_another);
	ask_for(&a, 0, 8, 0);
	cr_assert_eq(s.mmu.ops->unmap(s.mmu.context, &a.ask), PTW_OK);
	plan_done(1);
	cr_assert_eq(a.ask.young_pages, 0u);
	cr_assert_eq(entry[0], leaf_of(&s, 77, 0, PTW_EXTENT_YOUNG));
	cr_assert_eq(s.flushes, 0u);
	/* And what hardware does before it is gone is in the answer. */
	entry[0] = leaf_of(&s, 77, 0, PTW_EXTENT_YOUNG);
	plan_act(PTW_OP_CAS, &entry[0], 0, 1, make_dirty);
	ask_for(&a, 0, 64, 0);
	cr_assert_eq(s.mmu.ops->unmap(s.mmu.context, &a.ask), PTW_OK);
	plan_done(1);
	cr_assert_eq(a.dirty[0], 1u << 9);
	cr_assert_eq(a.young[0], 1u << 9);
	shadow_close(&s);
}

/* Bits of hardware alone. */
static void write_raw(void)
{
	entry[1] = (uint64_t)99 << 12 | 0x337;
}

/* An entry that becomes one by others' rules while its frame is unmapped: it stays, and its frame is
 * not done. What went of the chain is told. */
Test(shadow_lost, unmap_finds_an_entry_by_others_rules)
{
	for (unsigned int n = 2; n < 4; n++) {
		open_one("ept4");
		cr_assert_eq(ptw_rmap_remove(s.rmap, 5, 0, &entry[0]), PTW_OK);
		for (unsigned int i = 1; i < n; i++)
			cr_assert_eq(ptw_rmap_add(s.rmap, 5, 0, &entry[i]), PTW_OK);
		plan_act(PTW_OP_CAS, &entry[1], 0, 1, write_raw);
		ask_for(&a, 0, 64, 0);
		cr_assert_eq(s.mmu.ops->unmap(s.mmu.context, &a.ask), PTW_ERR_UNSUPPORTED);
		plan_done(1);
		cr_assert_eq(a.ask.resume, 5u);
		cr_assert_eq(entry[1], (uint64_t)99 << 12 | 0x337);
		cr_assert_eq(a.young[0], n == 3 ? 1u << 5 : 0u);
		cr_assert_eq(s.flushes, n == 3 ? 1u : 0u);
		cr_assert_eq(ptw_rmap_count(s.rmap, 5, 0), (int)n - 1);
		/* Ageing does not touch it either. */
		ask_all();
		cr_assert_eq(a.not_asked[0], 1u << 5);
		cr_assert_eq(entry[1], (uint64_t)99 << 12 | 0x337);
		shadow_close(&s);
	}
}

static void remove_is_refused(void)
{
	cr_assert_eq(ptw_rmap_remove(s.rmap, 5, 0, &entry[0]), PTW_ERR_AGAIN);
	cr_assert_eq(ptw_rmap_add(s.rmap, 5, 0, &entry[1]), PTW_ERR_AGAIN);
	cr_assert_eq(s.mmu.ops->test_young(s.mmu.context, 0, 5), PTW_ERR_AGAIN);
}

/* Where dirty state is taken the entry cannot leave the word, and so not come back with another's. */
Test(shadow_lost, dirty_state_is_taken_in_a_held_word)
{
	static const uint32_t flags[] = { PTW_HARVEST_DIRTY,
					  PTW_HARVEST_DIRTY | PTW_HARVEST_ACCESSED };
	const uint32_t both = PTW_EXTENT_YOUNG | PTW_EXTENT_DIRTY;

	for (unsigned int i = 0; i < 2; i++) {
		open_one("ept4");
		entry[0] = leaf_of(&s, 10, 0, both);
		plan_act(PTW_OP_CAS, &entry[0], 0, 1, remove_is_refused);
		ask_for(&a, 0, 64, flags[i]);
		cr_assert_eq(s.mmu.ops->harvest_dirty(s.mmu.context, &a.ask), PTW_OK);
		plan_done(1);
		cr_assert_eq(a.dirty[0], 1u << 5);
		cr_assert_eq(a.young[0], i ? 1u << 5 : 0u);
		cr_assert_eq(a.ask.entries, 1u);
		cr_assert_eq(*word(5), (uint64_t)(uintptr_t)&entry[0], "the word was kept");
		/* Gone before it is held: nothing was taken. */
		entry[0] = leaf_of(&s, 10, 0, both);
		plan_act(PTW_OP_CAS, word(5), 0, 1, use_for_another);
		ask_for(&a, 0, 8, flags[i]);
		cr_assert_eq(s.mmu.ops->harvest_dirty(s.mmu.context, &a.ask), PTW_OK);
		plan_done(1);
		cr_assert_eq(a.dirty[0] | a.young[0] | a.not_asked[0], 0u);
		cr_assert_eq(entry[0], leaf_of(&s, 77, 0, PTW_EXTENT_YOUNG));
		shadow_close(&s);
	}
}

/* A member of a contiguous group, where there should be none. */
Test(shadow_lost, group_members_cannot_be_asked)
{
	open_one("arm64-s2-4k");
	entry[0] |= (uint64_t)1 << 52;
	ask_all();
	cr_assert_eq(a.young[0], 0u);
	cr_assert_eq(a.not_asked[0], 1u << 5);
	cr_assert(state_of(&s, entry[0], 0) & PTW_EXTENT_YOUNG);
	shadow_close(&s);
}

/* ---- entries by others' rules ---- */

static uint64_t root[512] __attribute__((__aligned__(4096)));

static void open_kvm(void)
{
	struct ptw_range bounds = { 1 << 20, (1 << 20) + sizeof(root) };
	struct ptw_attach attach = { .size = sizeof(attach), .root = bounds.start,
				     .bounds = &bounds, .bounds_count = 1,
				     .table_budget = 1 };
	struct ptw_config config;

	shadow_open(&s, "ept4", 64);
	cr_assert_eq(ptw_pgtable_destroy(s.like), PTW_OK);
	cr_assert_eq(ptw_preset("ept4", &config), PTW_OK);
	config.layout = &ptw_layout_kvm_ept_6_1;
	config.phys_offset = (uint64_t)(uintptr_t)root - bounds.start;
	cr_assert_eq(ptw_pgtable_attach(&config, &attach, &s.like), PTW_OK);
	s.config.like = s.like;
	shadow_again(&s);
	cr_assert_eq(ptw_rmap_add(s.rmap, 5, 0, &entry[0]), PTW_OK);
}

/* KVM's entry without hardware bits: accessed and dirty are permissions. */
#define KVM_NO_AD (((uint64_t)1 << 52) | (1 << 11) | 7)

Test(shadow_lost, foreign_entries)
{
	open_kvm();
	/* Clearing accessed takes dirty along, and must be flushed: nothing for a read-side
	 * section. */
	cr_assert_null(s.mmu.ops->harvest_fast_only);
	cr_assert_null(s.mmu.ops->clear_young);
	entry[0] = KVM_NO_AD;
	ask_for(&a, 0, 64, PTW_HARVEST_ACCESSED);
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
	cr_assert_eq(a.young[0], 1u << 5);
	cr_assert_eq(a.dirty[0], 1u << 5, "dirty state was lost");
	cr_assert_eq(s.flushes, 1u);
	cr_assert_eq(entry[0] & 7, 0u);
	cr_assert_eq(s.mmu.ops->test_young(s.mmu.context, 0, 5), 0);
	/* What takes dirty state along is done in a held word, too. */
	entry[0] = KVM_NO_AD;
	plan_act(PTW_OP_CAS, &entry[0], 0, 1, remove_is_refused);
	ask_for(&a, 0, 64, PTW_HARVEST_ACCESSED);
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
	plan_done(1);
	cr_assert_eq(s.flushes, 2u);
	/* A lost race is young all the same, and not tried again. */
	entry[0] = KVM_NO_AD;
	plan_act(PTW_OP_CAS, &entry[0], 0, 1000, flip_software);
	ask_for(&a, 0, 64, PTW_HARVEST_ACCESSED);
	cr_assert_eq(s.mmu.ops->harvest(s.mmu.context, &a.ask), PTW_OK);
	plan_done(1);
	cr_assert_eq(a.young[0], 1u << 5);
	cr_assert_eq(entry[0], KVM_NO_AD ^ SOFTWARE);
	cr_assert_eq(s.flushes, 2u);
	/* Without a hook there is nothing to wait for. */
	s.config.flush = NULL;
	shadow_again(&s);
	cr_assert_not_null(s.mmu.ops->harvest_fast_only);
	ask_all();
	cr_assert_eq(a.young[0], 1u << 5);
	shadow_close(&s);
}
