/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The ledger of a space. Whatever the schedule was: what was set was found once, by whoever asked, or went
 * with its mapping, or is still set; each consumer was told of what came after it had joined, and not
 * more often than it happened; entries that are present are in the reverse map, as often as they map
 * something, and map what the primary maps; and whoever left was let go once.
 */
#include "tests/schedule/space_ledger.h"

#include "tests/schedule/schedule_memory.h"

static const char *const state_names[STATES] = {"accessed", "dirty"};

static uint32_t get(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void add(uint32_t *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_RELAXED);
}

static void put(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

void space_set(unsigned int frame, bool young, bool dirty)
{
	if (young)
		add(&space_world.live.set[STATE_YOUNG][frame]);
	if (dirty)
		add(&space_world.live.set[STATE_DIRTY][frame]);
}

void space_found(enum state_bit state, uint32_t frames)
{
	for (unsigned int f = 0; f < FRAMES; f++)
		if (frames >> f & 1)
			add(&space_world.live.found[state][f]);
}

void space_told(unsigned int consumer, enum state_bit state, uint32_t frames)
{
	struct told *t = &space_world.live.told[consumer];

	for (unsigned int f = 0; f < FRAMES; f++) {
		if (!(frames >> f & 1))
			continue;
		add(&t->told[state][f]);
		put(&t->covered[state][f], get(&space_world.live.set[state][f]));
	}
}

void space_joined(unsigned int consumer, struct ptw_consumer *c)
{
	struct told *t = &space_world.live.told[consumer];

	*t = (struct told){.consumer = c};
	for (unsigned int state = 0; state < STATES; state++)
		for (unsigned int f = 0; f < FRAMES; f++)
			t->before[state][f] = get(&space_world.live.set[state][f]);
}

void space_zapped(uint64_t e)
{
	const unsigned int f = entry_frame(e);

	for (unsigned int state = 0; state < STATES; state++) {
		put(&space_world.live.zapped[state][f], get(&space_world.live.set[state][f]));
		if (e & (state == STATE_YOUNG ? ENTRY_YOUNG : ENTRY_DIRTY))
			add(&space_world.live.found[state][f]);
	}
}

/* The entry as it is, without being a scheduling point. */
static uint64_t entry_now(unsigned int i)
{
	const struct lone_entry *entry = space_world.live.entry[i];
	uint64_t e = entry ? __atomic_load_n(&entry->word, __ATOMIC_RELAXED) : 0;

	return e & ENTRY_PRESENT ? e : 0;
}

void space_check_unmapped(unsigned int page)
{
	const unsigned int frame = page % SLOT_PAGES;

	for (unsigned int i = 0; i < ENTRIES; i++)
		if (entry_now(i) && entry_frame(entry_now(i)) == frame)
			scheduler_fail("entry %u maps page %u after its unmap returned", i, page);
}

/* Entries that map a frame, and how many of them have the bit. */
static unsigned int count_entries(unsigned int frame, uint64_t bit, unsigned int *set)
{
	unsigned int count = 0;

	*set = 0;
	for (unsigned int i = 0; i < ENTRIES; i++) {
		const uint64_t e = entry_now(i);

		if (!e || entry_frame(e) != frame)
			continue;
		count++;
		*set += !!(e & bit);
	}
	return count;
}

static void check_mappings(void)
{
	for (unsigned int i = 0; i < ENTRIES; i++) {
		const uint64_t e = entry_now(i);

		if (!e)
			continue;
		if (space_world.live.frame[i] != (int)entry_frame(e))
			scheduler_fail("entry %u maps frame %u, its owner wants %d", i,
				       entry_frame(e), space_world.live.frame[i]);
		if (entry_generation(e) != space_world.live.primary[entry_frame(e)])
			scheduler_fail("entry %u maps page %u as it was before %llu changes of %llu",
				       i, entry_frame(e),
				       (unsigned long long)(space_world.live.primary[entry_frame(e)] -
							    entry_generation(e)),
				       (unsigned long long)space_world.live.primary[entry_frame(e)]);
	}
	for (unsigned int f = 0; f < FRAMES; f++) {
		unsigned int set;
		const unsigned int count = count_entries(f, 0, &set);
		const int known = ptw_rmap_count(space_world.rmap, f, 0);

		if (known != (int)count)
			scheduler_fail("frame %u is mapped by %u entries, %d are in the reverse map", f,
				       count, known);
	}
}

static void check_found(enum state_bit state, unsigned int f)
{
	const uint32_t set = space_world.live.set[state][f];
	const uint32_t found = space_world.live.found[state][f];
	unsigned int still;

	count_entries(f, state == STATE_YOUNG ? ENTRY_YOUNG : ENTRY_DIRTY, &still);
	if (space_world.live.loose[state])
		return;
	if (found + still > set)
		scheduler_fail("frame %u: %s was set %u times, found %u times, is set in %u entries", f,
			       state_names[state], set, found, still);
	if (set && !found && !still)
		scheduler_fail("frame %u: %s was set %u times, never found, and is not set", f,
			       state_names[state], set);
	if (space_world.scenario->conserve == CONSERVE_EXACT && set != found + still)
		scheduler_fail("frame %u: %s was set %u times, found %u times, and is%s set", f,
			       state_names[state], set, found, still ? "" : " not");
}

static void check_told(const struct told *t, unsigned int number, enum state_bit state,
		       unsigned int f)
{
	const uint32_t set = space_world.live.set[state][f];
	const uint32_t zapped = space_world.live.zapped[state][f];
	const uint64_t page = f + space_world.live.slot;
	uint64_t bits = 0;
	unsigned int still;
	bool pending;
	int ret = ptw_consumer_read(t->consumer, page, page + 1,
				    PTW_HARVEST_PEEK | (state == STATE_YOUNG ? PTW_HARVEST_ACCESSED :
									       PTW_HARVEST_DIRTY),
				    state == STATE_YOUNG ? &bits : NULL,
				    state == STATE_DIRTY ? &bits : NULL, NULL);

	if (ret)
		scheduler_fail("read of consumer %u: %d", number, ret);
	pending = bits;
	count_entries(f, state == STATE_YOUNG ? ENTRY_YOUNG : ENTRY_DIRTY, &still);
	if (t->told[state][f] + pending + still > set)
		scheduler_fail("frame %u: %s was set %u times, consumer %u was told %u times, %s has it in "
			       "store, and it is set in %u entries", f, state_names[state], set, number,
			       t->told[state][f], pending ? "and" : "not", still);
	if (set > t->before[state][f] && set > t->covered[state][f] && set > zapped && !pending &&
	    !still)
		scheduler_fail("frame %u: %s was set %u times, %u before consumer %u joined; its last "
			       "answer was after %u", f, state_names[state], set,
			       t->before[state][f], number, t->covered[state][f]);
}

void space_check(void)
{
	struct ptw_space_info info = {.size = sizeof(info)};

	check_mappings();
	for (unsigned int f = 0; f < FRAMES; f++) {
		check_found(STATE_YOUNG, f);
		check_found(STATE_DIRTY, f);
		for (unsigned int c = 0; c < CONSUMERS; c++) {
			if (!space_world.live.told[c].consumer)
				continue;
			check_told(&space_world.live.told[c], c, STATE_YOUNG, f);
			check_told(&space_world.live.told[c], c, STATE_DIRTY, f);
		}
	}
	ptw_space_info(space_world.space, &info);
	if (info.unreleased || info.nonsense)
		scheduler_fail("%llu MMUs are not released, %llu answers were nonsense",
			       (unsigned long long)info.unreleased,
			       (unsigned long long)info.nonsense);
	for (unsigned int i = 0; i < PLAINS; i++)
		if (space_world.live.plain[i].unregistered && !space_world.live.plain[i].released)
			scheduler_fail("MMU %u was unregistered, and is never released", i);
}

void space_close(void)
{
	int ret = ptw_space_destroy(space_world.space);

	if (ret)
		scheduler_fail("destroy of the space: %d", ret);
	for (unsigned int i = 0; i < PLAINS; i++)
		if (space_world.live.plain[i].released != !!space_world.live.plain[i].id)
			scheduler_fail("MMU %u was released %u times", i,
				       space_world.live.plain[i].released);
	ptw_mmu_destroy(&space_world.shadow);
	ptw_rmap_destroy(space_world.rmap);
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (space_world.live.entry[i])
			ptw_port_free(space_world.live.entry[i], sizeof(struct lone_entry));
	ret = ptw_pgtable_destroy(space_world.like);
	if (ret)
		scheduler_fail("destroy of the page table: %d", ret);
	if (schedule_tables_live() || schedule_bytes_live())
		scheduler_fail("at the end %u tables and %zu bytes are in use",
			       schedule_tables_live(), schedule_bytes_live());
}
