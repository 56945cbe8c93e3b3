/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What was done to each item, and what was told of it.
 *
 * Nothing is lost: an access gets its number before the entry is read. Whoever is told of the item
 * reads the last number after the call has returned, by an update of the same word: so an access whose
 * number he does not see found the bit cleared, and has set it again. At rest the last access that left a bit
 * behind is covered by an answer, or the bit is set, or in store.
 *
 * Nothing is told twice: each answer of an MMU takes one transition at least. What was found before a
 * consumer began to join was published before, to others. So at rest what a consumer was told, and has in
 * store, and what is still set, is at most what was set less what was found before it joined.
 */
#include "mmu_stress.h"

/* As in tests/stress/ledger.h: ThreadSanitizer must not see an edge that would excuse races. */
#ifdef PTW_TSAN
#define LEDGER_ORDER memory_order_relaxed
#else
#define LEDGER_ORDER memory_order_acq_rel
#endif

uint64_t ledger_begin(struct item *item)
{
	/* Partner: ledger_last(). */
	return atomic_fetch_add_explicit(&item->begun, 1, LEDGER_ORDER) + 1;
}

/* Accesses begun so far; an update, not a load. Partner: ledger_begin(). */
static uint64_t ledger_last(struct item *item)
{
	return atomic_fetch_add_explicit(&item->begun, 0, LEDGER_ORDER);
}

void ledger_left(struct item *item, enum state state, uint64_t number)
{
	raise_to(&item->left[state], number);
}

void ledger_found(struct stress *s, enum state state, const uint64_t *pages)
{
	for (unsigned int i = 0; i < WORDS; i++)
		for (uint64_t bits = pages[i]; bits; bits &= bits - 1) {
			const uint64_t page = i * 64 + (unsigned int)__builtin_ctzll(bits);
			const int item = item_of(page);

			if (item < 0)
				stress_fail(s, "page %#llx is told to be used, but nothing is there",
					    (unsigned long long)page);
			else
				add(&s->item[item].found[state], 1);
		}
}

void ledger_told(struct worker *w, enum state state, const uint64_t *pages)
{
	struct watch *watch = w->watch;

	for (unsigned int i = 0; i < WORDS; i++)
		for (uint64_t bits = pages[i]; bits; bits &= bits - 1) {
			const uint64_t page = i * 64 + (unsigned int)__builtin_ctzll(bits);
			const int item = item_of(page);

			if (item < 0) {
				stress_fail(w->stress, "a consumer is told of page %#llx, where nothing is",
					    (unsigned long long)page);
				continue;
			}
			watch->told[state][item]++;
			watch->covered[state][item] = ledger_last(&w->stress->item[item]);
		}
}

void ledger_zapped(struct stress *s, uint64_t e)
{
	struct item *item = &s->item[entry_item(e)];

	for (unsigned int state = 0; state < STATES; state++) {
		raise_to(&item->zapped[state], ledger_last(item));
		if (e & (state == YOUNG ? ENTRY_YOUNG : ENTRY_DIRTY))
			add(&item->found[state], 1);
	}
}

void ledger_joining(struct worker *w)
{
	for (unsigned int i = 0; i < ITEMS; i++)
		for (unsigned int state = 0; state < STATES; state++) {
			w->watch->found_before[state][i] = get(&w->stress->item[i].found[state]);
			w->watch->told[state][i] = w->watch->covered[state][i] = 0;
		}
}

void ledger_joined(struct worker *w)
{
	for (unsigned int i = 0; i < ITEMS; i++)
		w->watch->joined[i] = ledger_last(&w->stress->item[i]);
}
