/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Clearing tables by hardware transactions. Processors that have them are rare, so transaction.c is
 * compiled a second time, for one that the test plays: its transactions commit, or abort when they begin,
 * or when all is done, and then nothing has happened.
 */
#include "tests/harness/harness.h"

#if !defined(__x86_64__)

Test(transaction, is_for_x86)
{
	cr_skip("this processor has no RTM");
}

#else

/* Others wait while the played processor is in a transaction: that is how it isolates them. */
static void race_lock(void);
static void race_unlock(void);
#define RACE_LOCK()   race_lock()
#define RACE_UNLOCK() race_unlock()

#include "tests/unit/clear_race.h"

#include <setjmp.h>
#include <sys/mman.h>

#include <ptw/kernel.h>

#include "ports/vector/vector.h"

/* Status of an abort (SDM vol. 1, "RTM Abort Status Definition"). */
#define ABORT_EXPLICIT 0x1u
#define ABORT_RETRY    0x2u
#define ABORT_CONFLICT 0x4u
#define ABORT_CAPACITY 0x8u
#define ABORT_DEBUG    0x10u
#define ABORT_NESTED   0x20u
#define COMMITS	       0xffffffffu

/* ---- the processor that is played; each thread has one ---- */

static __thread struct {
	jmp_buf begin;
	uint32_t (*decide)(void); /* COMMITS, or with which status it aborts */
	bool at_end;		  /* aborts at the end, not at once */
	uint32_t status;	  /* of the transaction that runs */
	unsigned int begun, ended;
	uint64_t *slot;
	size_t bytes;
	uint64_t saved[RACE_ENTRIES];
	uint64_t random;
} fake;

static uint32_t fake_begin(void)
{
	fake.begun++;
	fake.status = fake.decide();
	if (fake.status != COMMITS && !fake.at_end)
		return fake.status;
	race_lock();
	memcpy(fake.saved, fake.slot, fake.bytes);
	return COMMITS;
}

static void fake_end(void)
{
	if (fake.status != COMMITS) {
		memcpy(fake.slot, fake.saved, fake.bytes);
		race_unlock();
		longjmp(fake.begin, 1);
	}
	race_unlock();
	fake.ended++;
}

#define PTW_TX_STARTED COMMITS
#define PTW_TX_RETRY   ABORT_RETRY
#define PTW_TX_BEGIN() (setjmp(fake.begin) ? fake.status : fake_begin())
#define PTW_TX_END()   fake_end()
bool fake_clear_transaction(struct ptw_transactions *state, uint64_t *slot, unsigned int words,
			    uint64_t bit, uint64_t *young);
#define ptw_clear_transaction fake_clear_transaction
/* What was changed after the begin is not used after a jump back to it. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wclobbered"
#endif
#include "ports/vector/transaction.c"
#undef ptw_clear_transaction

static bool on_fake(struct ptw_transactions *state, uint64_t *slot, unsigned int words, uint64_t bit,
		    uint64_t *young)
{
	fake.slot = slot;
	fake.bytes = 512 * words;
	return fake_clear_transaction(state, slot, words, bit, young);
}

static uint32_t commits(void)
{
	return COMMITS;
}

/* ---- results ---- */

#define TABLE (3 * RACE_ENTRIES) /* the middle is worked on */

static uint64_t table[TABLE] __attribute__((aligned(4096)));
static uint64_t before[TABLE];

static void fill(uint64_t *random, uint64_t bit, unsigned int percent)
{
	for (unsigned int k = 0; k < TABLE; k++)
		table[k] = (next_random(random) & ~bit) |
			   (next_random(random) % 100 < percent ? bit : 0);
	memcpy(before, table, sizeof(table));
}

/* Cleared, and all of it reported, in `words` words of the middle; nothing else changed. */
static void check_cleared(unsigned int words, uint64_t bit, const uint64_t *young)
{
	for (unsigned int k = 0; k < TABLE; k++) {
		const unsigned int i = k - RACE_ENTRIES;
		const bool inside = k >= RACE_ENTRIES && i < 64 * words;
		const uint64_t wanted = inside ? before[k] & ~bit : before[k];

		cr_assert_eq(table[k], wanted, "entry %u is %#" PRIx64 ", was %#" PRIx64, i,
			     table[k], before[k]);
		if (inside)
			cr_assert_eq(young[i / 64] >> i % 64 & 1, (uint64_t)!!(before[k] & bit),
				     "entry %u, was %#" PRIx64, i, before[k]);
	}
}

#define UNTOUCHED 0x123456789abcdef0u

static void forget(uint64_t *young)
{
	for (unsigned int i = 0; i < PTW_SCAN_WORDS; i++)
		young[i] = UNTOUCHED;
}

static void check_untouched(const uint64_t *young, unsigned int from)
{
	for (unsigned int i = from; i < PTW_SCAN_WORDS; i++)
		cr_assert_eq(young[i], UNTOUCHED, "word %u of the answer was written", i);
}

Test(transaction, commits_are_exact)
{
	static const unsigned int shares[] = { 0, 1, 10, 50, 90, 100 };
	static const unsigned int bits[] = { 5, 8, 10, 0, 14, 15, 63 };
	struct ptw_transactions state = { 0 };
	uint64_t random = test_seed(), young[PTW_SCAN_WORDS];
	const unsigned int calls = 4200 / test_slowness();

	fake.decide = commits;
	for (unsigned int n = 0; n < calls; n++) {
		const unsigned int words = 1 + n % PTW_SCAN_WORDS;
		const uint64_t bit = (uint64_t)1 << bits[n % 7];

		fill(&random, bit, shares[n % 6]);
		forget(young);
		cr_assert(on_fake(&state, table + RACE_ENTRIES, words, bit, young));
		check_cleared(words, bit, young);
		check_untouched(young, words);
	}
	cr_assert_eq(fake.begun, calls);
	cr_assert_eq(fake.ended, calls);
	cr_assert_eq(state.committed, calls);
	cr_assert_eq(state.aborted, 0u);
	cr_assert_eq(state.rest, 0u);
}

/* Entries that are not young are not written to: here some cannot be. */
Test(transaction, writes_only_young_entries)
{
	struct ptw_transactions state = { 0 };
	uint64_t young[PTW_SCAN_WORDS];
	char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *slot;

	cr_assert_neq((void *)memory, MAP_FAILED);
	/* Four words before the second page, four in it. */
	slot = (uint64_t *)(void *)(memory + 4096) - 256;
	for (unsigned int k = 0; k < 512; k++)
		slot[k] = k < 256 ? PRESENT | D : PRESENT | A;
	cr_assert_eq(mprotect(memory, 4096, PROT_READ), 0);
	fake.decide = commits;
	cr_assert(on_fake(&state, slot, 8, A, young));
	for (unsigned int i = 0; i < 8; i++)
		cr_assert_eq(young[i], i < 4 ? 0 : ~(uint64_t)0);
	for (unsigned int k = 0; k < 512; k++)
		cr_assert_eq(slot[k], k < 256 ? PRESENT | D : PRESENT);
	munmap(memory, 8192);
}

/* Statuses of the tries of one call; then commits. */
static const uint32_t *script;

static uint32_t by_script(void)
{
	return *script == COMMITS ? COMMITS : *script++;
}

Test(transaction, aborts_change_nothing)
{
	static const struct {
		uint32_t status[4]; /* of the tries, as far as they go */
		unsigned int tries;
		bool commits;
	} cases[] = {
		{ { 0, COMMITS }, 1, false },
		{ { ABORT_EXPLICIT, COMMITS }, 1, false },
		{ { ABORT_CONFLICT, COMMITS }, 1, false },
		{ { ABORT_CAPACITY, COMMITS }, 1, false },
		{ { ABORT_DEBUG, COMMITS }, 1, false },
		{ { ABORT_NESTED, COMMITS }, 1, false },
		{ { ABORT_EXPLICIT | 0xab000000u, COMMITS }, 1, false },
		{ { ABORT_RETRY, COMMITS }, 2, true },
		{ { ABORT_RETRY | ABORT_CONFLICT, COMMITS }, 2, true },
		{ { ABORT_RETRY, 0, COMMITS }, 2, false },
		{ { ABORT_RETRY, ABORT_CAPACITY, COMMITS }, 2, false },
		{ { ABORT_RETRY, ABORT_RETRY, COMMITS }, 2, false },
		{ { ABORT_RETRY, ABORT_RETRY, ABORT_RETRY, COMMITS }, 2, false },
	};
	uint64_t random = test_seed(), young[PTW_SCAN_WORDS];

	fake.decide = by_script;
	for (unsigned int n = 0; n < 2 * sizeof(cases) / sizeof(cases[0]); n++) {
		struct ptw_transactions state = { 0 };
		const unsigned int i = n / 2, failed = cases[i].tries - cases[i].commits;
		bool done;

		fake.at_end = n % 2;
		fake.begun = fake.ended = 0;
		script = cases[i].status;
		fill(&random, A, 50);
		forget(young);
		done = on_fake(&state, table + RACE_ENTRIES, 8, A, young);
		cr_assert_eq(done, cases[i].commits, "case %u: %d", n, done);
		cr_assert_eq(fake.begun, cases[i].tries, "case %u: %u tries", n, fake.begun);
		cr_assert_eq(fake.ended, (unsigned int)done, "case %u", n);
		cr_assert_eq(state.committed, (uint32_t)done, "case %u", n);
		cr_assert_eq(state.aborted, failed, "case %u: %u aborts", n, state.aborted);
		/* A table that was done in the end needs no rest. */
		cr_assert_eq(state.rest, done ? 0u : 1u, "case %u: rest %u", n, state.rest);
		if (done) {
			check_cleared(8, A, young);
			continue;
		}
		cr_assert_not(memcmp(table, before, sizeof(table)), "case %u", n);
		check_untouched(young, 0);
	}
}

/* ---- when it tries ---- */

static uint32_t aborts(void)
{
	return ABORT_CAPACITY;
}

/* Calls until the next one that tries; that one included. */
static unsigned int calls_to_try(struct ptw_transactions *state)
{
	const unsigned int begun = fake.begun;
	uint64_t young[PTW_SCAN_WORDS];
	unsigned int calls = 0;

	do {
		on_fake(state, table, 8, A, young);
		calls++;
	} while (fake.begun == begun && calls < 1000000);
	return calls;
}

Test(transaction, rests_double_until_it_is_switched_off)
{
	struct ptw_transactions state = { 0 };

	fake.decide = aborts;
	cr_assert_eq(calls_to_try(&state), 1u);
	for (unsigned int rest = 1; rest < 4096; rest *= 2)
		cr_assert_eq(calls_to_try(&state), rest + 1, "after a rest of %u", rest);
	/* Looked at now and then. */
	for (unsigned int n = 0; n < 5; n++)
		cr_assert_eq(calls_to_try(&state), 4097u, "probe %u", n);
	cr_assert_eq(state.committed, 0u);
	cr_assert_eq(state.aborted, fake.begun);
}

/* All that transactions which never commit cost: this many tries. */
Test(transaction, tries_are_few_where_all_abort)
{
	static const struct { unsigned int tables, tries; } most[] = {
		{ 1, 1 }, { 2, 1 }, { 16, 4 }, { 128, 7 }, { 2048, 11 }, { 32768, 19 },
	};
	struct ptw_transactions state = { 0 };
	uint64_t young[PTW_SCAN_WORDS];
	unsigned int tables = 0;

	fake.decide = aborts;
	for (unsigned int i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		for (; tables < most[i].tables; tables++)
			cr_assert_not(on_fake(&state, table, 8, A, young));
		cr_assert_leq(fake.begun, most[i].tries, "%u tries in %u tables", fake.begun,
			      tables);
	}
}

Test(transaction, a_commit_ends_the_resting)
{
	struct ptw_transactions state = { 0 };

	for (unsigned int round = 0; round < 3; round++) {
		fake.decide = aborts;
		for (unsigned int n = 0; n < 20; n++)
			calls_to_try(&state);
		fake.decide = commits;
		cr_assert_eq(calls_to_try(&state), 4097u);
		cr_assert_eq(state.committed, 101 * round + 1);
		/* Works again: every table, */
		for (unsigned int n = 0; n < 100; n++)
			cr_assert_eq(calls_to_try(&state), 1u);
		/* and an abort counts as the first one. */
		fake.decide = aborts;
		cr_assert_eq(calls_to_try(&state), 1u);
		cr_assert_eq(calls_to_try(&state), 2u);
		cr_assert_eq(calls_to_try(&state), 3u);
		cr_assert_eq(calls_to_try(&state), 5u);
	}
}

static uint32_t at_random(void)
{
	const uint64_t random = next_random(&fake.random);

	fake.at_end = random >> 32 & 1;
	return random % 4 ? COMMITS : (uint32_t)(random >> 40 & 0x3f);
}

Test(transaction, random_aborts)
{
	struct ptw_transactions state = { 0 };
	uint64_t random = test_seed(), young[PTW_SCAN_WORDS];
	unsigned int done = 0, tried = 0;

	fake.decide = at_random;
	fake.random = test_seed();
	for (unsigned int n = 0; n < 4000 / test_slowness(); n++) {
		const unsigned int words = 1 + n % PTW_SCAN_WORDS, begun = fake.begun;

		fill(&random, D, n % 101);
		forget(young);
		if (on_fake(&state, table + RACE_ENTRIES, words, D, young)) {
			check_cleared(words, D, young);
			check_untouched(young, words);
			done++;
		} else {
			cr_assert_not(memcmp(table, before, sizeof(table)), "call %u", n);
			check_untouched(young, 0);
		}
		cr_assert_leq(fake.begun - begun, 2u, "call %u", n);
		tried += fake.begun != begun;
	}
	cr_assert_eq(state.committed, done);
	cr_assert_eq(state.aborted, fake.begun - done);
	cr_assert(done && done < tried, "%u committed of %u", done, tried);
}

/* ---- next to others ---- */

static pthread_mutex_t isolation = PTHREAD_MUTEX_INITIALIZER;
static bool isolated; /* by the lock: the processor is played */
static struct ptw_transactions shared;

static void race_lock(void)
{
	if (isolated)
		pthread_mutex_lock(&isolation);
}

static void race_unlock(void)
{
	if (isolated)
		pthread_mutex_unlock(&isolation);
}

static _Atomic uint64_t race_committed;

/* By a transaction, or else by locked instructions. */
static void harvest(struct actor *a, bool (*clear)(struct ptw_transactions *, uint64_t *,
						   unsigned int, uint64_t, uint64_t *))
{
	const unsigned int words = (race_busy + 63) / 64;
	uint64_t young[PTW_SCAN_WORDS];

	if (clear(&shared, race_table, words, A, young)) {
		atomic_fetch_add_explicit(&race_committed, 1, memory_order_relaxed);
		for (unsigned int i = 0; i < words; i++)
			race_report(a, 64 * i, young[i], ~(uint64_t)0);
		return;
	}
	for (unsigned int i = 0; i < words; i++) {
		uint64_t candidates, found = 0;

		race_lock();
		candidates = race_young(64 * i);
		race_unlock();
		for (; candidates; candidates &= candidates - 1) {
			const unsigned int k = (unsigned int)__builtin_ctzll(candidates);

			race_lock();
			found |= (uint64_t)!!ptw_port_and_clear(&race_table[64 * i + k], A) << k;
			race_unlock();
		}
		race_report(a, 64 * i, found, ~(uint64_t)0);
	}
}

static void harvest_on_fake(struct actor *a)
{
	fake.decide = at_random;
	fake.random = next_random(&a->random);
	harvest(a, on_fake);
}

static void harvest_really(struct actor *a)
{
	harvest(a, ptw_clear_transaction);
}

static void race_with(void (*how)(struct actor *a), unsigned int entries, unsigned int harvests)
{
	memset(&shared, 0, sizeof(shared));
	atomic_store_explicit(&race_committed, 0, memory_order_relaxed);
	race(entries, harvests, how);
	cr_log_info("%" PRIu64 " transactions committed, counted %u, and %u aborts",
		    atomic_load_explicit(&race_committed, memory_order_relaxed), shared.committed,
		    shared.aborted);
}

/* Harvests share one state, next to processors and writers. */
Test(transaction, several_harvests_at_once, .timeout = 300)
{
	isolated = true;
	race_with(harvest_on_fake, 64, 1);
	cr_assert_eq(shared.committed, race_committed);
	cr_assert_neq(race_committed, 0u);
	race_with(harvest_on_fake, 64, 3);
	cr_assert_neq(race_committed, 0u);
	race_with(harvest_on_fake, 512, 3);
	cr_assert_neq(race_committed, 0u);
}

Test(transaction, real_ones_next_to_processors_and_writers, .timeout = 300)
{
	if (!ptw_clear_available(PTW_CLEAR_TRANSACTIONS))
		cr_skip("this processor has no RTM");
	race_with(harvest_really, 64, 1);
	race_with(harvest_really, 512, 1);
	race_with(harvest_really, 512, 3);
}

Test(transaction, real_ones_commit)
{
	struct ptw_transactions state = { 0 };
	uint64_t random = test_seed(), young[PTW_SCAN_WORDS];
	unsigned int done = 0;

	if (!ptw_clear_available(PTW_CLEAR_TRANSACTIONS))
		cr_skip("this processor has no RTM");
	for (unsigned int n = 0; n < 20000; n++) {
		const unsigned int words = 1 + n % PTW_SCAN_WORDS;

		fill(&random, A, n % 101);
		forget(young);
		if (ptw_clear_transaction(&state, table + RACE_ENTRIES, words, A, young)) {
			check_cleared(words, A, young);
			check_untouched(young, words);
			done++;
		} else {
			cr_assert_not(memcmp(table, before, sizeof(table)), "call %u", n);
			check_untouched(young, 0);
		}
	}
	/* A processor may abort all of them, so this is told, not judged. */
	cr_log_info("%u of 20000 committed, %u aborts", done, state.aborted);
}

#endif
