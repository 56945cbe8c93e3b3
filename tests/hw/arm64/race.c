/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Two CPUs: the guest runs on the other one, the library's calls on this one, at the same time, as
 * far as the emulator runs its CPUs in threads of their own.
 */
#include "hw.h"

#define HW_AD (PTW_FEATURE_HW_ACCESSED | PTW_FEATURE_HW_DIRTY)
#define START 0x10000000ull
#define PAGES 512
#define END   (START + PAGES * 4096ull)

/* Lost dirty states that show that the race is there. */
#define ENOUGH 10

/* Flags between the CPUs, relaxed: the work they end is joined by hw_join(). */
static uint32_t stop;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void set_stop(uint32_t value)
{
	__atomic_store_n(&stop, value, __ATOMIC_RELAXED);
}

static volatile uint64_t *page_word(unsigned int page)
{
	return (volatile uint64_t *)(HW_SCRATCH + page * 4096ull + 8);
}

static bool begin(uint32_t features, unsigned int pages)
{
	const struct ptw_config config = {
		.size = sizeof(config),
		.format = PTW_FORMAT_ARM64_S2,
		.granule_lg2 = 12,
		.ia_bits = 39,
		.features = features,
	};
	const struct hw_region region = {.level = 0, .ia = START, .count = pages};

	return hw_ledger_begin(&config, &region, 1, 0x1000);
}

/* The ledger's end wants to know what is young; the races have their own books. */
static void finish(void)
{
	struct hw_ledger *l = &hw_ledger;

	HW_CHECK(ptw_check(l->pgtable, PTW_CHECK_COUNTS, NULL) == PTW_OK);
	HW_CHECK(hw_vcpus[1].odd == 0);
	HW_CHECK(ptw_pgtable_destroy(l->pgtable) == PTW_OK);
	HW_CHECK(ptw_bare_spoiled() == 0);
	HW_CHECK(ptw_bare_free_bytes() == l->free_bytes);
}

/*
 * The other CPU: store to every page, harvest dirty, again and again: each store is reported, once.
 * This CPU changes a software bit of the same entries all the while.
 */
#define DUEL_END (START + HW_SWEEP_PAGES * 4096ull)

static struct {
	uint64_t rounds, lost, phantoms, busy;
} duel;

static uint64_t harvest_dirty(uint32_t flags)
{
	const struct ptw_harvest h = {.size = sizeof(h), .flags = PTW_HARVEST_DIRTY | flags};
	struct ptw_harvest_result result = {.size = sizeof(result)};
	uint64_t reported = 0;

	for (;;) {
		HW_CHECK(ptw_harvest(hw_ledger.pgtable, START, DUEL_END, &h, &result) == PTW_OK);
		reported += result.dirty_pages;
		if (!result.busy)
			return reported;
		duel.busy++;
	}
}

static void duel_guest(void)
{
	hw_use(&hw_ledger.regs);
	while (!stopped()) {
		uint64_t value = ++duel.rounds, reported;

		if (hw_guest(START + 8, HW_SWEEP, &value) != PTW_OK)
			hw_fail("store %lu: ESR %lx", duel.rounds, hw_vcpus[1].esr);
		reported = harvest_dirty(0);
		if (reported < HW_SWEEP_PAGES)
			__atomic_fetch_add(&duel.lost, HW_SWEEP_PAGES - reported, __ATOMIC_RELAXED);
		else
			duel.phantoms += reported - HW_SWEEP_PAGES;
		/* What was cleared and is set again; gone before the next stores. */
		reported = harvest_dirty(PTW_HARVEST_PEEK);
		if (reported) {
			duel.phantoms += reported;
			harvest_dirty(0);
		}
	}
}

static int find_slot(void *context, const struct ptw_visit *visit)
{
	*(uint64_t **)context = visit->slots;
	return PTW_VISIT_STOP;
}

static uint64_t *first_slot(void)
{
	uint64_t *slot = NULL;
	const struct ptw_walk walk = {.size = sizeof(walk),
				      .kinds = PTW_VISIT_LEAF,
				      .visit = find_slot,
				      .context = &slot};

	ptw_walk(hw_ledger.pgtable, START, START + 4096, &walk, NULL);
	return slot;
}

/* What the library never does: the entry is read and written back in two steps, and not at once. */
static uint64_t flip_plainly(void)
{
	const uint64_t bit = ptw_layout_own(&hw_ledger.config)->user;
	volatile uint64_t *slot = first_slot();

	for (unsigned int i = 0; i < HW_SWEEP_PAGES; i++) {
		uint64_t e = slot[i];

		for (unsigned int delay = 0; delay < 32; delay++)
			__asm__ volatile("nop");
		slot[i] = e ^ bit;
	}
	return HW_SWEEP_PAGES;
}

static uint64_t flip(void)
{
	static bool on;
	struct ptw_change_result result = {.size = sizeof(result), .reached = START};
	uint64_t leaves = 0;
	int ret;

	on = !on;
	do {
		ret = ptw_set_user_bit(hw_ledger.pgtable, result.reached, DUEL_END, on, &result);
		leaves += result.leaves;
	} while (ret == PTW_ERR_AGAIN);
	HW_CHECK(ret == PTW_OK);
	return leaves;
}

static void run_duel(const char *name, bool plainly, uint64_t us)
{
	struct hw_ledger *l = &hw_ledger;
	uint64_t begun, flips = 0;

	hw_begin_test(name);
	memset(&duel, 0, sizeof(duel));
	if (!begin(HW_AD, HW_SWEEP_PAGES))
		goto out;
	/* The first table's first entry is that of START. */
	HW_CHECK(START % (512 * 4096) == 0 && HW_SWEEP_PAGES <= 512);
	l->tlb.local = true; /* the CPU that flushes is the one that runs the guest */
	set_stop(0);
	hw_run_other(duel_guest);
	begun = hw_now_us();
	while (hw_now_us() - begun < us &&
	       !(plainly && __atomic_load_n(&duel.lost, __ATOMIC_RELAXED) >= ENOUGH))
		flips += plainly ? flip_plainly() : flip();
	set_stop(1);
	hw_join();
	if (!duel.rounds || !flips)
		hw_fail("nothing happened");
	if (plainly && !duel.lost)
		hw_fail("plain stores lost nothing: the race is not there, so the test above says nothing");
	if (!plainly && (duel.lost || duel.phantoms))
		hw_fail("%lu lost, %lu told twice", duel.lost, duel.phantoms);
	finish();
out:
	hw_end_test(
		"%lu stores, %lu dirty states lost, %lu told twice; %lu changes of another bit of the "
		"entries, %lu harvests busy",
		duel.rounds * HW_SWEEP_PAGES, duel.lost, duel.phantoms, flips, duel.busy);
}

#define ACCESSES       96 /* in a round */
#define LEAST_ACCESSES 4000
#define MIXED \
	10 /* otherwise all calls of a round are alike, so that none hides what another forgot */

/* All pages. The other CPU lets its guest load and store; this one harvests, protects, changes
 * sizes. */
static struct {
	unsigned int pages; /* that the guest touches */
	bool churn;	    /* tables come and go */
	unsigned int kind;  /* what this CPU does in this round */
	uint64_t sequence;  /* last value stored */
	/* Of the round; the guest's CPU writes these, joined before they are read. */
	uint32_t accesses[PAGES], stores[PAGES], attempts[PAGES];
	/* This CPU's. */
	uint32_t young[PAGES], dirty[PAGES];
	uint64_t copy[PAGES];
	uint64_t ops, again, lost, wrong, checked, reports;
} race;

static uint64_t young_map[PAGES / 64 + 1], dirty_map[PAGES / 64 + 1];

static void race_guest(void)
{
	struct hw_vcpu *v = &hw_vcpus[1];

	hw_use(&hw_ledger.regs);
	for (unsigned int i = 0; i < ACCESSES; i++) {
		const unsigned int page = (unsigned int)hw_random(race.pages);
		const unsigned int op = hw_random(2) ? HW_STORE : HW_LOAD;
		const uint64_t before = v->faults + v->refused, begun = hw_now_us();
		int ret;

		if (op == HW_STORE) {
			race.stores[page]++;
			race.sequence++;
		}
		/* Protected or unmapped for the moment. */
		do {
			uint64_t value = race.sequence;

			ret = hw_guest(START + page * 4096ull + 8, op, &value);
		} while ((ret == PTW_ERR_FAULT || ret == PTW_ERR_HOLE) &&
			 hw_now_us() - begun < 5000000);
		if (ret != PTW_OK)
			hw_fail("guest: %s, ESR %lx FAR %lx", ptw_strerror(ret), v->esr, v->far);
		race.accesses[page]++;
		race.attempts[page] += 1 + (uint32_t)(v->faults + v->refused - before);
	}
	set_stop(1);
}

/* What a call reported of [start, END): a migration's copy is made of each dirty page. */
static void take(uint64_t start)
{
	const unsigned int base = (unsigned int)((start - START) / 4096) & ~63u;

	for (unsigned int i = 0; base + i < PAGES; i++) {
		const uint64_t bit = 1ull << i % 64;

		if (young_map[i / 64] & bit) {
			race.young[base + i]++;
			race.reports++;
		}
		if (dirty_map[i / 64] & bit) {
			race.dirty[base + i]++;
			race.reports++;
			race.copy[base + i] = *page_word(base + i);
		}
	}
	memset(young_map, 0, sizeof(young_map));
	memset(dirty_map, 0, sizeof(dirty_map));
}

static void harvest(uint32_t flags)
{
	const struct ptw_harvest h = {
		.size = sizeof(h),
		.flags = flags,
		.young = flags & PTW_HARVEST_ACCESSED ? young_map : NULL,
		.dirty = flags & PTW_HARVEST_DIRTY ? dirty_map : NULL,
	};

	HW_CHECK(ptw_harvest(hw_ledger.pgtable, START, END, &h, NULL) == PTW_OK);
	take(START);
}

enum change {
	UNMAP,
	MAP_PAGES,
	MAP_BLOCK,
	SPLIT,
	COLLAPSE,
	PROTECT,
	UNPROTECT,
	WRITE_PROTECT
};

static void change(enum change what)
{
	struct ptw_pgtable *p = hw_ledger.pgtable;
	const uint32_t all = PTW_PROT_READ | PTW_PROT_WRITE | PTW_PROT_EXEC;
	const struct ptw_map map = {
		.size = sizeof(map), .prot = all, .page_levels = what == MAP_BLOCK ? 2 : 1};
	const struct ptw_unmap unmap = {
		.size = sizeof(unmap), .young = young_map, .dirty = dirty_map};
	struct ptw_change_result result = {.size = sizeof(result)};
	uint64_t start = START;
	int ret;

	for (unsigned int tries = 0; tries < 100000; tries++) {
		switch (what) {
		case UNMAP:
			ret = ptw_unmap(p, start, END, &unmap, &result);
			break;
		case SPLIT:
			ret = ptw_split(p, start, END, 0, &result);
			break;
		case COLLAPSE:
			ret = ptw_collapse(p, START, END, 1, &result);
			break;
		case PROTECT:
			ret = ptw_protect(p, start, END, all & ~PTW_PROT_WRITE, dirty_map, &result);
			break;
		case UNPROTECT:
			ret = ptw_protect(p, start, END, all, dirty_map, &result);
			break;
		case WRITE_PROTECT:
			ret = ptw_write_protect(p, start, END, false, dirty_map, &result);
			break;
		default:
			ret = ptw_map(p, start, END, HW_SCRATCH + (start - START), &map, &result);
			if (ret == PTW_ERR_AGAIN && !result.leaves)
				result.reached = start;
			break;
		}
		take(start);
		if (ret != PTW_ERR_AGAIN)
			break;
		race.again++;
		/* Extents are told whole: those that begin before the address reached come again.
		 */
		start = result.reached & ~4095ull;
	}
	if (ret != PTW_OK)
		hw_fail("change %d: %s", what, ptw_strerror(ret));
}

/* While pages are read-only nothing is stored. */
static void protect_all(void)
{
	uint64_t before[16];
	const unsigned int first = (unsigned int)hw_random(race.pages - 15);
	const uint64_t begun = hw_now_us();

	change(PROTECT);
	for (unsigned int i = 0; i < 16; i++)
		before[i] = *page_word(first + i);
	while (hw_now_us() - begun < 200)
		ptw_bare_pause();
	for (unsigned int i = 0; i < 16; i++) {
		race.checked++;
		if (*page_word(first + i) != before[i]) {
			race.wrong++;
			hw_fail("page %u was written while it was read-only", first + i);
		}
	}
	change(UNPROTECT);
}

static void race_op(void)
{
	/* Back to back, flushes of all CPUs would keep the other one from running at all. */
	const uint64_t begun = hw_now_us();

	const unsigned int kinds = race.churn ? 10 : 6;

	race.ops++;
	switch (race.kind == MIXED ? hw_random(kinds) : race.kind) {
	case 0:
		harvest(PTW_HARVEST_ACCESSED);
		break;
	case 1:
		harvest(PTW_HARVEST_DIRTY);
		break;
	case 2:
		harvest(PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY);
		break;
	case 3:
		harvest(PTW_HARVEST_ACCESSED | PTW_HARVEST_EXACT);
		break;
	case 4:
		change(WRITE_PROTECT);
		break;
	case 5:
		protect_all();
		break;
	case 6:
	case 7:
		change(COLLAPSE);
		break;
	case 8:
		change(SPLIT);
		break;
	default:
		change(UNMAP);
		change(hw_random(2) ? MAP_PAGES : MAP_BLOCK);
		break;
	}
	while (hw_now_us() - begun < 50)
		ptw_bare_pause();
}

/* At rest: what the books of both CPUs say of each page. */
static void race_compare(void)
{
	for (unsigned int i = 0; i < race.pages; i++) {
		const bool missed = (race.accesses[i] && !race.young[i]) ||
				    (race.stores[i] && !race.dirty[i]) ||
				    race.copy[i] != *page_word(i);
		/* Larger extents are young and dirty by any of their pages. */
		const bool invented = !race.churn && (race.young[i] > race.attempts[i] ||
						      (race.dirty[i] > race.attempts[i]) ||
						      (race.dirty[i] && !race.stores[i]));

		race.checked++;
		race.lost += missed;
		race.wrong += invented;
		if (missed || invented)
			hw_fail("page %u: %u accesses, %u stores, %u tries; reported young %u times, "
				"dirty %u; holds %lu, copied %lu",
				i, race.accesses[i], race.stores[i], race.attempts[i],
				race.young[i], race.dirty[i], *page_word(i), race.copy[i]);
	}
	memset(race.accesses, 0, sizeof(race.accesses));
	memset(race.stores, 0, sizeof(race.stores));
	memset(race.attempts, 0, sizeof(race.attempts));
	memset(race.young, 0, sizeof(race.young));
	memset(race.dirty, 0, sizeof(race.dirty));
}

static void run_race(const char *name, uint32_t features, unsigned int pages, bool churn,
		     uint64_t us)
{
	uint64_t begun, rounds = 0, accesses;

	hw_begin_test(name);
	memset(&race, 0, sizeof(race));
	race.pages = pages;
	race.churn = churn;
	if (!begin(features, PAGES))
		goto out;
	for (unsigned int i = 0; i < PAGES; i++)
		*page_word(i) = 0;
	begun = hw_now_us();
	/* A busy host may give the other CPU little time. */
	while (hw_now_us() - begun < us ||
	       (rounds * ACCESSES < LEAST_ACCESSES && hw_now_us() - begun < 10 * us)) {
		race.kind = hw_random(2) ? MIXED : (unsigned int)hw_random(churn ? 10 : 6);
		set_stop(0);
		hw_run_other(race_guest);
		while (!stopped())
			race_op();
		hw_join();
		harvest(PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY);
		hw_flush_all(false);
		race_compare();
		rounds++;
	}
	if (!race.reports || !race.ops)
		hw_fail("nothing happened");
	finish();
out:
	accesses = rounds * ACCESSES;
	hw_end_test(
		"%lu accesses next to %lu calls, %lu states reported; %lu pages compared, %lu lost, "
		"%lu wrong; %lu times again, %lu faults",
		accesses, race.ops, race.reports, race.checked, race.lost, race.wrong, race.again,
		hw_vcpus[1].faults);
}

void hw_races(void)
{
	if (hw_features.cpus < 2) {
		hw_say("# not here: two CPUs\n");
		return;
	}
	if (hw_features.hafdbs >= 2) {
		run_duel("dirty harvest against changes of another bit", false, 1000000);
		run_duel("the same with plain stores loses dirty states", true, 20000000);
		run_race("guest against harvests and protection, hardware", HW_AD, 64, false,
			 1000000);
		run_race("guest against map, unmap, split, collapse, hardware", HW_AD, PAGES, true,
			 1000000);
	}
	run_race("guest against harvests and protection, software", 0, 64, false, 1000000);
	run_race("guest against map, unmap, split, collapse, software", 0, PAGES, true, 1000000);
}
