/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* At rest: nobody works, and the ledger must be right. */
#include <stdlib.h>

#include "mmu_stress.h"

/* Entries as they are. */
struct seen {
	unsigned int still[STATES][ITEMS];
	unsigned int entries[MMUS][AREA_PAGES];
};

static const char *const names[STATES] = { "young", "dirty" };

static void see_entry(struct stress *s, struct seen *seen, const struct owned *owned, uint64_t e)
{
	const unsigned int item = entry_item(e);

	if (!(e & ENTRY_PRESENT))
		return;
	if (owned->item != (int)item)
		stress_fail(s, "an entry maps item %u, its owner wants %d", item, owned->item);
	if (entry_generation(e) != get(&s->item[item].generation))
		stress_fail(s, "an entry of MMU %u maps item %u as of change %llu, after %llu changes",
			    owned->mmu, item, (unsigned long long)entry_generation(e),
			    (unsigned long long)get(&s->item[item].generation));
	seen->entries[owned->mmu][item % AREA_PAGES]++;
	seen->still[YOUNG][item] += !!(e & ENTRY_YOUNG);
	seen->still[DIRTY][item] += !!(e & ENTRY_DIRTY);
}

static void see(struct stress *s, struct seen *seen)
{
	for (unsigned int t = 0; t < s->options->threads; t++) {
		struct worker *w = &s->worker[t];

		for (unsigned int b = 0; w->role == ROLE_MAPPER && b < BLOCKS; b++)
			for (unsigned int i = 0; i < BLOCK; i++)
				see_entry(s, seen, &w->owned[b][i],
					  ptw_port_load(&w->block[b]->word[i]));
	}
}

static void check_rmaps(struct stress *s, const struct seen *seen)
{
	for (unsigned int mmu = 0; mmu < MMUS; mmu++)
		for (unsigned int i = 0; i < AREA_PAGES; i++) {
			const int known = ptw_rmap_count(s->rmap[mmu], i, 0);

			if (known != (int)seen->entries[mmu][i])
				stress_fail(s, "MMU %u: frame %u is mapped by %u entries, %d are in the "
					       "reverse map", mmu, i, seen->entries[mmu][i], known);
		}
}

/* Even items at home never have two entries. */
static bool is_exact(const struct stress *s, unsigned int item, enum state state)
{
	return item < AREA_PAGES && item % 2 == 0 &&
	       !(state == YOUNG ? s->watch_quick : s->watch_dirty);
}

static void check_found(struct stress *s, const struct seen *seen, unsigned int i, enum state state)
{
	const uint64_t set = get(&s->item[i].set[state]), found = get(&s->item[i].found[state]);
	const unsigned int still = seen->still[state][i];

	if (found + still > set)
		stress_fail(s, "%s told too often, item %u: set %llu times, found %llu times, set in %u "
			       "entries", names[state], i, (unsigned long long)set,
			    (unsigned long long)found, still);
	if (is_exact(s, i, state) && found + still != set)
		stress_fail(s, "%s lost, item %u: set %llu times, found %llu times, set in %u entries",
			    names[state], i, (unsigned long long)set, (unsigned long long)found,
			    still);
}

static unsigned int in_store(struct stress *s, const struct watch *watch, enum state state,
			     unsigned int i)
{
	const uint32_t what = state == YOUNG ? PTW_HARVEST_ACCESSED : PTW_HARVEST_DIRTY;
	const unsigned int places = i < AREA_PAGES ? 1 : 2;
	uint64_t pages = 0, all = 0;

	for (unsigned int n = 0; n < places; n++) {
		const uint64_t page = i < AREA_PAGES ? i : PLACE(n) + i % AREA_PAGES;
		const int ret = ptw_consumer_read(watch->consumer, page, page + 1,
						  what | PTW_HARVEST_PEEK, NULL, NULL, &pages);

		if (ret)
			stress_fail(s, "reading a consumer at rest: %s", ptw_strerror(ret));
		all += pages;
	}
	return (unsigned int)all;
}

static void check_told(struct stress *s, const struct seen *seen, const struct watch *watch,
		       unsigned int i, enum state state)
{
	struct item *item = &s->item[i];
	const unsigned int store = in_store(s, watch, state, i);
	const uint64_t told = watch->told[state][i], left = get(&item->left[state]);
	const uint64_t most = get(&item->set[state]) - watch->found_before[state][i];
	const unsigned int still = seen->still[state][i];

	if (told + store + still > most)
		stress_fail(s, "%s told too often to a consumer, item %u: set %llu times since it joined, "
			       "told %llu times, %u in store, set in %u entries", names[state], i,
			    (unsigned long long)most, (unsigned long long)told, store, still);
	if (left > watch->joined[i] && left > watch->covered[state][i] &&
	    left > get(&item->zapped[state]) && !store && !still)
		stress_fail(s, "%s lost for a consumer, item %u: it joined at access %llu, was told last at "
			       "%llu, and the last one was %llu", names[state], i,
			    (unsigned long long)watch->joined[i],
			    (unsigned long long)watch->covered[state][i], (unsigned long long)left);
}

void rest_check(struct stress *s)
{
	struct ptw_space_info info = { .size = sizeof(info) };
	struct seen *seen = calloc(1, sizeof(*seen));

	if (!seen)
		abort();
	see(s, seen);
	check_rmaps(s, seen);
	for (unsigned int i = 0; i < ITEMS; i++) {
		check_found(s, seen, i, YOUNG);
		check_found(s, seen, i, DIRTY);
		for (unsigned int t = 0; t < s->options->threads; t++) {
			const struct watch *watch = s->worker[t].watch;

			if (!watch || !watch->consumer ||
			    (i >= AREA_PAGES && watch->end <= AREA_PAGES))
				continue;
			check_told(s, seen, watch, i, YOUNG);
			if (watch->dirty)
				check_told(s, seen, watch, i, DIRTY);
		}
	}
	free(seen);
	ptw_space_info(s->space, &info);
	if (info.nonsense)
		stress_fail(s, "%llu answers were refused as nonsense",
			    (unsigned long long)info.nonsense);
}
