/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Clearing two neighbours at a time: against a reference, with changes at the worst moment, and next to
 * threads that play processors, writers and other harvests.
 */
#include "tests/harness/harness.h"

#if !defined(__x86_64__)

Test(pairs, is_for_x86)
{
	cr_skip("this processor has no cmpxchg16b");
}

#else

#include "tests/unit/clear_race.h"

#include <ptw/kernel.h>

#include "ports/vector/vector.h"

#define ENTRIES 64u

/* A second copy, whose exchanges the test makes. */
static bool fake_cas(uint64_t *pair, uint64_t *old, uint64_t desired0, uint64_t desired1);
uint64_t fake_clear_pairs(uint64_t *slot, uint64_t young, uint64_t bit);
#define PTW_PAIR_CAS	fake_cas
#define ptw_clear_pairs fake_clear_pairs
#include "ports/vector/pairs.c"
#undef ptw_clear_pairs

typedef uint64_t clear_fn(uint64_t *slot, uint64_t young, uint64_t bit);

/* Does this processor have the instruction? The fake needs none. */
static void need_pairs(void)
{
	if (!ptw_clear_available(PTW_CLEAR_PAIRS))
		cr_skip("this processor has no cmpxchg16b");
}

/* 64 bits of which about `percent` are set. */
static uint64_t random_mask(uint64_t *random, unsigned int percent)
{
	uint64_t mask = 0;

	for (unsigned int k = 0; k < 64; k++)
		mask |= (uint64_t)(next_random(random) % 100 < percent) << k;
	return mask;
}

/* ---- against a reference ---- */

static void compare_with_reference(clear_fn *clear, unsigned int words)
{
	static uint64_t table[3 * ENTRIES] __attribute__((aligned(64)));
	static uint64_t before[3 * ENTRIES];
	static const unsigned int bits[] = { 5, 8, 10, 0, 31, 32, 63 };
	static const unsigned int shares[] = { 0, 3, 10, 30, 60, 90, 100 };
	uint64_t random = test_seed();

	for (unsigned int n = 0; n < words; n++) {
		const uint64_t bit = (uint64_t)1 << bits[n % 7];
		const uint64_t set = random_mask(&random, shares[n / 7 % 7]);
		const uint64_t young = random_mask(&random, shares[n / 49 % 7]);
		/* Also where the first entry is the second of a pair. */
		uint64_t *slot = table + ENTRIES + n % 3, found;

		for (unsigned int k = 0; k < 3 * ENTRIES; k++)
			table[k] = next_random(&random) | bit;
		for (unsigned int k = 0; k < ENTRIES; k++)
			slot[k] ^= set >> k & 1 ? 0 : bit;
		memcpy(before, table, sizeof(table));
		found = clear(slot, young, bit);
		cr_assert_eq(found, young & set, "word %u: %#" PRIx64 " cleared of %#" PRIx64
			     ", asked for %#" PRIx64, n, found, set, young);
		for (unsigned int k = 0; k < 3 * ENTRIES; k++) {
			const bool inside = table + k >= slot && table + k < slot + ENTRIES;
			const bool cleared = inside && found >> (table + k - slot) & 1;
			const uint64_t wanted = cleared ? before[k] & ~bit : before[k];

			cr_assert_eq(table[k], wanted, "word %u: entry %u is %#" PRIx64, n, k,
				     table[k]);
		}
	}
}

Test(pairs, words_against_a_reference)
{
	need_pairs();
	compare_with_reference(ptw_clear_pairs, 100000 / test_slowness());
}

/* ---- changes at the worst moment: between the look and the exchange ---- */

#define STEPS 4

static struct {
	unsigned int exchanges; /* so far */
	unsigned int steps;     /* changes still to come, one before each exchange */
	uint64_t xor[STEPS][2]; /* what happens to the two entries */
	uint64_t late[2];       /* and after the last exchange that these let fail */
} rival;

static bool fake_cas(uint64_t *pair, uint64_t *old, uint64_t desired0, uint64_t desired1)
{
	if (rival.exchanges < rival.steps) {
		pair[0] ^= rival.xor[rival.exchanges][0];
		pair[1] ^= rival.xor[rival.exchanges][1];
	}
	rival.exchanges++;
	if (pair[0] == old[0] && pair[1] == old[1]) {
		pair[0] = desired0;
		pair[1] = desired1;
		return true;
	}
	old[0] = pair[0];
	old[1] = pair[1];
	if (rival.exchanges == rival.steps) {
		pair[0] ^= rival.late[0];
		pair[1] ^= rival.late[1];
	}
	return false;
}

Test(pairs, fake_against_a_reference)
{
	compare_with_reference(fake_clear_pairs, 10000 / test_slowness());
}

#define BOTH (PRESENT | A), (PRESENT | A)

Test(pairs, changes_between_look_and_exchange)
{
	static const struct {
		const char *what;
		uint64_t xor[STEPS][2];
		unsigned int steps;
		uint64_t found, after[2];
		unsigned int exchanges;
		uint64_t late[2];
	} cases[] = {
		{ "nothing", { { 0 } }, 0, 3, { PRESENT, PRESENT }, 1, { 0 } },
		{ "D of the first", { { D, 0 } }, 1, 3, { PRESENT | D, PRESENT }, 2, { 0 } },
		{ "D of the second", { { 0, D } }, 1, 3, { PRESENT, PRESENT | D }, 2, { 0 } },
		{ "D, one after the other", { { D, 0 }, { 0, D } }, 2, 3,
		  { PRESENT | D, PRESENT | D }, 2, { 0 } },
		{ "A gone from the first", { { A, 0 } }, 1, 2, { PRESENT, PRESENT }, 1, { 0 } },
		{ "A gone from the second", { { 0, A } }, 1, 1, { PRESENT, PRESENT }, 1, { 0 } },
		{ "A gone from both", { { A, A } }, 1, 0, { PRESENT, PRESENT }, 1, { 0 } },
		{ "A gone after a retry", { { D, 0 }, { 0, A } }, 2, 1,
		  { PRESENT | D, PRESENT }, 2, { 0 } },
		{ "the first is empty", { { PRESENT | A, 0 } }, 1, 2, { 0, PRESENT }, 1, { 0 } },
		{ "both are empty", { { BOTH } }, 1, 0, { 0, 0 }, 1, { 0 } },
		{ "something else, with A", { { COUNT, 2 * COUNT } }, 1, 3,
		  { PRESENT | COUNT, PRESENT | 2 * COUNT }, 2, { 0 } },
		{ "a change each time", { { COUNT, 0 }, { D, 0 }, { COUNT, 0 }, { D, 0 } }, 4, 3,
		  { PRESENT | COUNT | D, PRESENT }, 2, { 0 } },
		{ "A gone from the second, then from the first", { { 0, A } }, 1, 0,
		  { PRESENT, PRESENT }, 1, { A, 0 } },
		{ "A gone from the first, then from the second", { { A, 0 } }, 1, 0,
		  { PRESENT, PRESENT }, 1, { 0, A } },
		{ "A gone when all exchanges failed", { { D, 0 }, { 0, D } }, 2, 2,
		  { PRESENT | D, PRESENT | D }, 2, { A, 0 } },
		{ "both empty when all exchanges failed", { { D, 0 }, { 0, D } }, 2, 0, { 0, 0 }, 2,
		  { PRESENT | A | D, PRESENT | A | D } },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static uint64_t slot[ENTRIES] __attribute__((aligned(64)));
		uint64_t found;

		slot[6] = slot[7] = PRESENT | A;
		memset(&rival, 0, sizeof(rival));
		memcpy(rival.xor, cases[i].xor, sizeof(rival.xor));
		memcpy(rival.late, cases[i].late, sizeof(rival.late));
		rival.steps = cases[i].steps;
		found = fake_clear_pairs(slot, (uint64_t)3 << 6, A);
		cr_assert_eq(found, cases[i].found << 6, "%s: found %#" PRIx64, cases[i].what,
			     found);
		cr_assert_eq(slot[6], cases[i].after[0], "%s: %#" PRIx64, cases[i].what, slot[6]);
		cr_assert_eq(slot[7], cases[i].after[1], "%s: %#" PRIx64, cases[i].what, slot[7]);
		cr_assert_eq(rival.exchanges, cases[i].exchanges, "%s: %u exchanges",
			     cases[i].what, rival.exchanges);
	}
}

/* Neighbours belong together by their place, and lone ones are not exchanged together. */
Test(pairs, only_neighbours_in_one_16_bytes_are_paired)
{
	static uint64_t slot[ENTRIES] __attribute__((aligned(64)));

	for (unsigned int k = 0; k < ENTRIES; k++)
		slot[k] = PRESENT | A;
	memset(&rival, 0, sizeof(rival));
	/* 1 and 2 lie in two pairs; 4, 5, 6 are a pair and a lone one. */
	cr_assert_eq(fake_clear_pairs(slot, 0x76, A), 0x76u);
	cr_assert_eq(rival.exchanges, 1u);
	for (unsigned int k = 0; k < ENTRIES; k++)
		cr_assert_eq(slot[k], PRESENT | (k < 7 && 0x76 >> k & 1 ? 0 : A), "entry %u", k);
	/* From entry 9 on: 10 and 11 are one, 12 is alone. */
	cr_assert_eq(fake_clear_pairs(slot + 9, 0xe, A), 0xeu);
	cr_assert_eq(rival.exchanges, 2u);
	for (unsigned int k = 8; k < 14; k++)
		cr_assert_eq(slot[k], PRESENT | (k >= 10 && k <= 12 ? 0 : A), "entry %u", k);
}

/* ---- everybody at once ---- */

/* Candidates of a word are a hint: sometimes some are wrong, and some are missing. */
static void harvest_a_word(struct actor *a)
{
	const unsigned int first = a->random % race_busy & ~63u;
	uint64_t young = race_young(first);

	if (next_random(&a->random) % 4 == 0)
		young = random_mask(&a->random, 80);
	race_report(a, first, ptw_clear_pairs(race_table + first, young, A), young);
}

Test(pairs, one_harvest_next_to_processors_and_writers, .timeout = 300)
{
	need_pairs();
	race(2, 1, harvest_a_word);
	race(8, 1, harvest_a_word);
	race(64, 1, harvest_a_word);
	race(512, 1, harvest_a_word);
}

Test(pairs, several_harvests_at_once, .timeout = 300)
{
	need_pairs();
	race(2, 3, harvest_a_word);
	race(8, 2, harvest_a_word);
	race(64, 3, harvest_a_word);
	race(512, 3, harvest_a_word);
}

/* Changes a pair all the time, but never takes A away. */
static void *play_pest(void *argument)
{
	struct actor *a = argument;

	for (unsigned int k = 0; !atomic_load_explicit(&race_over, memory_order_relaxed); k ^= 1) {
		__atomic_fetch_add(&race_table[k], COUNT, __ATOMIC_RELAXED);
		a->counted[k]++;
	}
	return NULL;
}

#define MEETINGS 10000u

/* What nobody else clears is cleared, however busy the entries are. */
Test(pairs, lost_races_leave_nothing_behind, .timeout = 300)
{
	uint64_t random = test_seed(), calls = 0, left = 0, met = 0;
	const double end = race_now() + 5;
	struct actor *pest;

	need_pairs();
	memset(race_table, 0, sizeof(race_table));
	atomic_store_explicit(&race_over, false, memory_order_relaxed);
	pest = race_start(play_pest, &random, NULL);
	/* Until it was there often enough; where processors are few that takes long. */
	while (met < MEETINGS && (calls++ % 1024 || race_now() < end)) {
		uint64_t before;

		__atomic_fetch_or(&race_table[0], A, __ATOMIC_RELAXED);
		before = __atomic_fetch_or(&race_table[1], A, __ATOMIC_RELAXED);
		left += ptw_clear_pairs(race_table, 3, A) != 3;
		met += COUNTED(__atomic_load_n(&race_table[1], __ATOMIC_RELAXED)) != COUNTED(before);
	}
	atomic_store_explicit(&race_over, true, memory_order_relaxed);
	pthread_join(pest->thread, NULL);
	cr_assert_eq(left, 0u, "%" PRIu64 " calls left something", left);
	cr_assert_neq(met, 0u, "nobody was in the way");
	for (unsigned int k = 0; k < 2; k++)
		cr_assert_eq(race_table[k], (pest->counted[k] & 0xffffffffffu) << 12,
			     "entry %u lost something", k);
	cr_log_info("changed meanwhile: %" PRIu64 " of %" PRIu64 " calls", met, calls);
	free(pest);
}

#endif
