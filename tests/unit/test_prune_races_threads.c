/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Pruned harvests next to writers, two of them, or one in the middle of a pass: a thread that stops before a
 * certain access until it is told to go on. And as it comes.
 */
#include "tests/unit/prune_races.h"

#include <pthread.h>
#include <sched.h>

static struct {
	pthread_mutex_t lock;
	pthread_cond_t turn;
	pthread_t thread;
	int op;
	const void *address;
	int (*run)(void);
	int ret;
	bool stopped, missed, go_on;
} other = { .lock = PTHREAD_MUTEX_INITIALIZER, .turn = PTHREAD_COND_INITIALIZER };

static void other_stops(int op, const void *address)
{
	if (op != other.op || address != other.address)
		return;
	test_hook = NULL;
	pthread_mutex_lock(&other.lock);
	other.stopped = true;
	pthread_cond_broadcast(&other.turn);
	while (!other.go_on)
		pthread_cond_wait(&other.turn, &other.lock);
	pthread_mutex_unlock(&other.lock);
}

static void *other_main(void *argument)
{
	int ret;

	test_hook = other_stops;
	ret = other.run();
	test_hook = NULL;
	pthread_mutex_lock(&other.lock);
	other.ret = ret;
	other.missed = !other.stopped;
	other.stopped = true;
	pthread_cond_broadcast(&other.turn);
	pthread_mutex_unlock(&other.lock);
	return argument;
}

/* Until it stops before that access. */
static void other_starts(int op, const void *address, int (*run)(void))
{
	other.op = op;
	other.address = address;
	other.run = run;
	other.stopped = other.missed = other.go_on = false;
	cr_assert_eq(pthread_create(&other.thread, NULL, other_main, NULL), 0);
	pthread_mutex_lock(&other.lock);
	while (!other.stopped)
		pthread_cond_wait(&other.turn, &other.lock);
	pthread_mutex_unlock(&other.lock);
}

static void other_ends(void)
{
	pthread_mutex_lock(&other.lock);
	other.go_on = true;
	pthread_cond_broadcast(&other.turn);
	pthread_mutex_unlock(&other.lock);
	pthread_join(other.thread, NULL);
	cr_assert_not(other.missed, "it never came there");
}

static int other_maps(void)
{
	return map_young(page(per_table() - 1), page(per_table()));
}

static int other_fixes(void)
{
	return ptw_fix_fault(m.pgtable, page(per_table() - 1), PTW_ACCESS_READ);
}

static uint64_t *parent; /* frozen meanwhile */

static void other_ends_below(void)
{
	cr_assert_eq(*parent, frozen_value());
	other_ends();
	cr_assert_eq(*parent, frozen_value(), "the path is marked in what is somebody's");
}

/*
 * Somebody is in a table when an entry above it is frozen, makes a page young, finds the entry frozen, and
 * then it is put back: accessed. Unmap freezes the entries of `levels` and below; goes on when that of `at`
 * is about to be put back.
 */
static void put_back(const char *preset, unsigned int bbm, bool fixes, unsigned int levels,
		     unsigned int at)
{
	const bool unmaps = levels;
	uint64_t *last;

	if (!open_haft(preset, bbm, 0))
		return;
	map_levels(&m, 0, page(1), 0, 1);
	if (fixes)
		map_levels(&m, page(per_table() - 1), page(per_table()), 0, 1);
	last = slot_of(page(per_table() - 1), 0);
	parent = slot_of(0, unmaps ? at : 1);
	if (unmaps)
		own(0, 0, false);
	else
		unmap_result(&m, 0, page(1), PTW_UNMAP_STRICT, PTW_OK);
	other_starts(PTW_OP_CAS, last, fixes ? other_fixes : other_maps);
	if (unmaps) {
		plan_act(PTW_OP_PUBLISH, parent, 1, other_ends_below);
		unmap_result(&m, 0, entry_size(&m, levels), 0, PTW_ERR_AGAIN);
		plan_done();
		disown();
	} else {
		plan_act(PTW_OP_CAS, last, 1, other_ends_below);
		cr_assert_eq(ptw_reclaim(m.pgtable, 0, entry_size(&m, 1), NULL), PTW_OK);
		plan_done();
	}
	cr_assert_eq(other.ret, PTW_OK);
	cr_assert_eq(young_now(), 1u);
	hint_pass();
	cr_assert_eq(young_now(), 0u, "%s, bbm %u: %s next to %s, levels %u, %u", preset, bbm,
		     fixes ? "fixed" : "mapped", unmaps ? "unmap" : "reclaim", levels, at);
	machine_close(&m);
}

Test(prune_races_threads, made_young_while_the_parent_is_frozen)
{
	for (unsigned int i = 0; i < HAFT; i++) {
		for (unsigned int bbm = 0; bbm < 3; bbm++) {
			put_back(haft[i], bbm, false, 0, 0);
			for (unsigned int how = 0; how < 6; how++)
				put_back(haft[i], bbm, how & 1, how < 2 ? 1 : 2, how < 4 ? 1 : 2);
		}
	}
}

/* Unmap of so many levels, which stops before it puts back the entry of that level. */
static unsigned int unmap_levels, stop_level;

static int other_unmaps(void)
{
	return ptw_unmap(m.pgtable, 0, entry_size(&m, unmap_levels), NULL, NULL);
}

static unsigned int starts_at, accesses;
static int last_op;

/*
 * The pass is at its n-th access, before which an unmap gets as far as to freeze the table. Loads after other
 * loads are not counted: it is between two changes that something can happen.
 */
static void unmap_before(int op, const void *address)
{
	const bool counts = op == PTW_OP_CAS || last_op == PTW_OP_CAS;

	(void)address;
	last_op = op;
	if (!counts || accesses++ != starts_at)
		return;
	test_hook = NULL;
	other_starts(PTW_OP_PUBLISH, parent, other_unmaps);
	test_hook = unmap_before;
}

/* A pass clears a table entry, finds it frozen then, and passes by: it is put back accessed. */
static bool passes_by(void)
{
	pages_of_two();
	parent = slot_of(0, stop_level);
	accesses = 0;
	last_op = PTW_OP_CAS;
	test_hook = unmap_before;
	hint_pass();
	test_hook = NULL;
	if (accesses > starts_at) {
		other_ends();
		cr_assert_eq(other.ret, PTW_ERR_AGAIN);
	}
	disown();
	hint_pass();
	cr_assert_eq(young_now(), 0u, "%s, bbm %u, frozen before access %u of a pass",
		     m.info.format, m.config.bbm_level, starts_at);
	start_again();
	return accesses > starts_at;
}

Test(prune_races_threads, frozen_in_the_middle_of_a_pass, .timeout = 240)
{
	for (unsigned int i = 0; i < 3 * HAFT; i++) {
		for (unsigned int how = 0; how < 3; how++) {
			if (!open_haft(haft[i / 3], i % 3, 0))
				continue;
			unmap_levels = how ? 2 : 1;
			stop_level = how < 2 ? 1 : 2;
			for (starts_at = 0; passes_by(); starts_at++)
				;
			cr_assert_gt(starts_at, 4u);
			machine_close(&m);
		}
	}
}

static unsigned int race_go, race_done;

static void wait_for(const unsigned int *word, unsigned int value)
{
	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value)
		sched_yield();
}

static void *reclaims(void *argument)
{
	const unsigned int *rounds = argument;

	/* Relaxed: the last one is said before its turn comes. */
	for (unsigned int n = 1; n <= __atomic_load_n(rounds, __ATOMIC_RELAXED); n++) {
		wait_for(&race_go, n);
		ptw_reclaim(m.pgtable, 0, m.ia_end, NULL);
		__atomic_store_n(&race_done, n, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* On a busy machine each round may wait for the scheduler twice: then fewer have to do. */
#define RACE_SECONDS 20

Test(prune_races_threads, map_next_to_reclaim, .timeout = 240)
{
	const time_t begun = time(NULL);
	unsigned int rounds = 60000 / test_slowness(), both = 0;
	uint64_t last;
	pthread_t thread;

	open_haft("x86-64", 0, 0);
	last = page(per_table() - 1);
	map_levels(&m, page(per_table()), page(2 * per_table()), 0, 1);
	race_go = race_done = 0;
	cr_assert_eq(pthread_create(&thread, NULL, reclaims, &rounds), 0);
	for (unsigned int n = 1; n <= rounds; n++) {
		struct ptw_change_result result = { .size = sizeof(result) };

		/* An empty table for it to look at, if it has taken the last one. */
		map_levels(&m, last, last + m.granule, 0, 1);
		unmap_result(&m, last, last + m.granule, PTW_UNMAP_STRICT, PTW_OK);
		hint_pass();
		if (time(NULL) - begun > RACE_SECONDS)
			__atomic_store_n(&rounds, n, __ATOMIC_RELAXED);
		__atomic_store_n(&race_go, n, __ATOMIC_RELEASE);
		for (volatile unsigned int i = 0; i < n * 7 % 400; i++)
			;
		if (!map_young(last, last + m.granule)) {
			wait_for(&race_done, n);
			both++;
			hint_pass();
			cr_assert_eq(young_now(), 0u, "round %u", n);
			unmap_result(&m, last, last + m.granule, PTW_UNMAP_STRICT, PTW_OK);
		}
		wait_for(&race_done, n);
	}
	pthread_join(thread, NULL);
	cr_assert_gt(both, 0u);
	machine_close(&m);
}
