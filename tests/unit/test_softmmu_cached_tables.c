/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Software CPUs with paging-structure caches on page tables of the library: they translate and mark
 * leaves as CPUs without caches do, if the library flushes what it has to; and no CPU ever reads a
 * table that went back.
 */
#include "cpus.h"

#define PAGES	 96u  /* of the test, in three places of level 1 */
#define STEPS	 200u
#define OA_BASE	 ((uint64_t)1 << 30)

/* ---- the same operations on two page tables ---- */

struct twin {
	struct machine m;
	struct cpus cpus;
	struct ptw_change_result change;
	uint64_t young, dirty; /* found by the last harvest */
	uint64_t leaves;       /* a number made of all leaves */
};

static struct twin twins[2];

/* The test's pages, in the upper half of the input addresses: the end of what one table of level 0
 * maps, what two map, and the start of what the next one does. */
static uint64_t first_page(const struct machine *m)
{
	return m->ia_end / 2 + entry_size(m, 1) - PAGES / 3 * m->granule;
}

static uint64_t range_end(const struct machine *m)
{
	return m->ia_end / 2 + 3 * entry_size(m, 1) + PAGES / 3 * m->granule;
}

/* A random range of pages at one end of the test's range, or a block, or nearly all. */
static struct ptw_range pick(const struct machine *m, uint64_t *random)
{
	const uint64_t start = first_page(m), end = range_end(m), block = entry_size(m, 1);
	const uint64_t first = random_below(random, PAGES / 3);
	const uint64_t count = 1 + random_below(random, PAGES / 3 - first);

	switch (random_below(random, 4)) {
	case 0:
		return (struct ptw_range){ start + first * m->granule,
					   start + (first + count) * m->granule };
	case 1:
		return (struct ptw_range){ end - (first + count) * m->granule,
					   end - first * m->granule };
	case 2:
		return (struct ptw_range){ m->ia_end / 2 + block * (1 + random_below(random, 2)),
					   m->ia_end / 2 + block * 3 };
	default:
		return (struct ptw_range){ start, end };
	}
}

static int hash_leaves(void *context, const struct ptw_visit *visit)
{
	uint64_t *hash = context;

	*hash = (*hash ^ visit->ia ^ visit->level) * 0x100000001b3u;
	for (unsigned int i = 0; i < visit->count; i++)
		*hash = (*hash ^ visit->entries[i] ^ visit->entries[i] >> 32) * 0x100000001b3u;
	return PTW_VISIT_NEXT;
}

static void harvest(struct twin *t, uint32_t flags)
{
	const struct ptw_harvest request = { .size = sizeof(request), .flags = flags };
	struct ptw_harvest_result result = { .size = sizeof(result) };

	cr_assert_eq(ptw_harvest(t->m.pgtable, first_page(&t->m), range_end(&t->m), &request,
				 &result),
		     PTW_OK);
	t->young = result.young_pages;
	t->dirty = result.dirty_pages;
}

static int change(struct twin *t, unsigned int what, struct ptw_range r, uint64_t choice)
{
	struct ptw_map map = full_access(&t->m);
	const struct ptw_unmap unmap = { .size = sizeof(unmap) };
	struct ptw_pgtable *p = t->m.pgtable;
	const uint32_t levels = t->m.info.leaf_levels & 2 ? 2 : 1;

	t->change = (struct ptw_change_result){ .size = sizeof(t->change) };
	map.page_levels = choice & 1 ? 1 : levels;
	map.flags = choice & 2 ? PTW_LEAF_YOUNG : 0;
	switch (what) {
	case 0:
	case 1:
		/* Blocks fit, as the output address is congruent. */
		return ptw_map(p, r.start, r.end, OA_BASE + (r.start & (entry_size(&t->m, 2) - 1)),
			       &map, &t->change);
	case 2:
		return ptw_unmap(p, r.start, r.end, &unmap, &t->change);
	case 3:
		return ptw_split(p, r.start, r.end, 0, &t->change);
	case 4:
		r.start &= ~(entry_size(&t->m, 1) - 1);
		r.end = (r.end + entry_size(&t->m, 1) - 1) & ~(entry_size(&t->m, 1) - 1);
		return ptw_collapse(p, r.start, r.end, 1, &t->change);
	case 5:
		return ptw_write_protect(p, r.start, r.end, false, NULL, &t->change);
	case 6:
		return ptw_protect(p, r.start, r.end,
				   (choice & 1 ? PTW_PROT_WRITE : 0) | PTW_PROT_READ |
					   (map.prot & PTW_PROT_USER),
				   NULL, &t->change);
	default:
		return ptw_reclaim(p, r.start, r.end, &t->change);
	}
}

/* The same accesses, which go the same way. */
static void access_both(uint64_t *random)
{
	for (unsigned int i = 0; i < 6; i++) {
		const struct machine *m = &twins[0].m;
		const struct ptw_range r = pick(m, random);
		const uint64_t ia = r.start + random_below(random, r.end - r.start);
		const uint32_t access = random_chance(random, 40) ? PTW_ACCESS_WRITE :
								    PTW_ACCESS_READ;
		struct ptw_softmmu_result result[2];
		int status[2];

		for (unsigned int t = 0; t < 2; t++)
			status[t] = cpus_access_fixed(&twins[t].cpus, 0, ia, access, &result[t]);
		cr_assert_eq(status[0], status[1], "%#" PRIx64 ": status %d and %d", ia, status[0],
			     status[1]);
		cr_assert_eq(result[0].oa, result[1].oa, "%#" PRIx64, ia);
		/* A split needs no flush: a TLB may know a larger leaf. */
		if (result[1].tlb_hit)
			continue;
		cr_assert_eq(result[0].page_size, result[1].page_size, "%#" PRIx64, ia);
		cr_assert_eq(result[0].level, result[1].level, "%#" PRIx64, ia);
	}
}

static void compare_leaves(void)
{
	for (unsigned int t = 0; t < 2; t++) {
		struct ptw_walk walk = {
			.size = sizeof(walk),
			.kinds = PTW_VISIT_LEAF,
			.visit = hash_leaves,
			.context = &twins[t].leaves,
		};

		twins[t].leaves = 0xcbf29ce484222325u;
		cr_assert_eq(ptw_walk(twins[t].m.pgtable, 0, twins[t].m.ia_end, &walk, NULL),
			     PTW_OK);
	}
	cr_assert_eq(twins[0].leaves, twins[1].leaves, "the leaves differ");
}

static void start_twins(const char *preset, const struct cpus_shape *shape)
{
	for (unsigned int t = 0; t < 2; t++) {
		static const struct cpus_shape plain;

		machine_preset(&twins[t].m, preset);
		/* So that emptied tables go back at once: what is cached of them dangles. */
		twins[t].m.config.reclaim_delay = 0;
		cpus_hook(&twins[t].cpus, &twins[t].m);
		machine_start(&twins[t].m, 0);
		cpus_open(&twins[t].cpus, 1, t ? shape : &plain);
	}
}

static void step_twins(uint64_t *random)
{
	const unsigned int what = (unsigned int)random_below(random, 8);
	const struct ptw_range range = pick(&twins[0].m, random);
	const uint64_t choice = next_random(random);
	int ret[2];

	for (unsigned int t = 0; t < 2; t++)
		ret[t] = change(&twins[t], what, range, choice);
	cr_assert_eq(ret[0], ret[1], "change %u: %d and %d", what, ret[0], ret[1]);
	access_both(random);
}

static uint64_t run_twins(const char *preset, const struct cpus_shape *shape, uint64_t seed)
{
	/* A CPU with a TLB marks a leaf again only after a flush. */
	const uint32_t exact = shape->tlb_ways ? PTW_HARVEST_EXACT : 0;
	uint64_t random = seed, hits;

	start_twins(preset, shape);
	for (unsigned int i = 0; i < STEPS / test_slowness() + 20; i++) {
		step_twins(&random);
		if (i % 8 == 0) {
			const uint32_t what = random_chance(&random, 50) ? PTW_HARVEST_DIRTY : 0;

			for (unsigned int t = 0; t < 2; t++)
				harvest(&twins[t], PTW_HARVEST_ACCESSED | what | exact);
			cr_assert_eq(twins[0].young, twins[1].young, "%s, step %u", preset, i);
			cr_assert_eq(twins[0].dirty, twins[1].dirty, "%s, step %u", preset, i);
		}
		compare_leaves();
	}
	hits = ptw_softmmu_counters(twins[1].cpus.cpu[0].mmu)->paging_cache_hits;
	for (unsigned int t = 0; t < 2; t++) {
		cpus_close(&twins[t].cpus);
		machine_close(&twins[t].m);
	}
	return hits;
}

static void twins_with(const struct cpus_shape *shape)
{
	uint64_t seed = test_seed();
	const char *preset;

	for_each_preset(preset) {
		cr_assert_gt(run_twins(preset, shape, seed), 100u / test_slowness(),
			     "%s: the cache is not used", preset);
		seed++;
	}
}

Test(softmmu_cached_tables, one_entry_a_level, .timeout = 240)
{
	twins_with(&(struct cpus_shape){ .paging_cache = 1 });
}

Test(softmmu_cached_tables, many_entries, .timeout = 240)
{
	twins_with(&(struct cpus_shape){ .paging_cache = 64 });
}

Test(softmmu_cached_tables, with_a_tlb, .timeout = 240)
{
	twins_with(&(struct cpus_shape){ .tlb_sets = 8, .tlb_ways = 2, .paging_cache = 16 });
}

/* ---- threads ---- */

#define CHANGES	 3000u
#define ENOUGH	 1000u /* accesses of each CPU that went well: changes go on until then */

struct walker {
	pthread_t thread;
	struct cpus *cpus;
	unsigned int number;
	uint64_t good, bad;
	uint64_t bad_ia;
	int bad_status;
};

static int stop;

/* What a page of the test is mapped to, always: a page of another place is mapped elsewhere. */
static uint64_t oa_of(const struct machine *m, uint64_t ia)
{
	return OA_BASE + (ia - (m->ia_end / 2 - 8 * entry_size(m, 1)));
}

static void *run_walker(void *argument)
{
	struct walker *w = argument;
	const struct machine *m = w->cpus->m;
	uint64_t random = w->number;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		const struct ptw_range r = pick(m, &random);
		const uint64_t ia = r.start + random_below(&random, r.end - r.start);
		struct ptw_softmmu_result result;
		const int status = cpus_access(w->cpus, w->number, ia,
					       random_chance(&random, 40) ? PTW_ACCESS_WRITE :
									    PTW_ACCESS_READ,
					       &result);
		const bool right = status == PTW_SOFTMMU_OK ? result.oa == oa_of(m, ia) :
							      status == PTW_SOFTMMU_TRANSLATION;

		if (status == PTW_SOFTMMU_OK)
			__atomic_fetch_add(&w->good, 1, __ATOMIC_RELAXED);
		if (!right) {
			w->bad++;
			w->bad_ia = ia;
			w->bad_status = status;
		}
	}
	return NULL;
}

static bool served(const struct walker walkers[2])
{
	return __atomic_load_n(&walkers[0].good, __ATOMIC_RELAXED) >= ENOUGH &&
	       __atomic_load_n(&walkers[1].good, __ATOMIC_RELAXED) >= ENOUGH;
}

/* What the CPUs remember at the end is not in the way of what is mapped then. */
static void check_settled(struct cpus *cpus)
{
	struct machine *m = cpus->m;

	unmap_result(m, first_page(m), range_end(m), 0, PTW_OK);
	map_result(m, first_page(m), range_end(m), oa_of(m, first_page(m)), 1, PTW_OK);
	for (uint64_t ia = first_page(m); ia < range_end(m); ia += m->granule) {
		for (unsigned int n = 0; n < cpus->count; n++) {
			struct ptw_softmmu_result result;
			const int status = cpus_access(cpus, n, ia, PTW_ACCESS_READ, &result);

			cr_assert_eq(status, PTW_SOFTMMU_OK, "CPU %u at %#" PRIx64 ": status %d", n,
				     ia, status);
			cr_assert_eq(result.oa, oa_of(m, ia));
		}
	}
}

/* Tables come and go, and go to other places, under the feet of two CPUs that remember them. */
static void run_threads(const char *preset)
{
	struct walker walkers[2] = { { .number = 0 }, { .number = 1 } };
	const unsigned int changes = CHANGES / test_slowness();
	uint64_t random = test_seed();
	struct machine m;
	struct cpus cpus;

	machine_preset(&m, preset);
	cpus_hook(&cpus, &m);
	machine_start(&m, 0);
	cpus_open(&cpus, 2,
		  &(struct cpus_shape){ .tlb_sets = 4, .tlb_ways = 2, .paging_cache = 64 });
	stop = 0;
	for (unsigned int i = 0; i < 2; i++) {
		walkers[i].cpus = &cpus;
		cr_assert_eq(pthread_create(&walkers[i].thread, NULL, run_walker, &walkers[i]), 0);
	}
	for (unsigned int i = 0; i < changes || !served(walkers); i++) {
		const struct ptw_range r = pick(&m, &random);
		const struct ptw_unmap unmap = { .size = sizeof(unmap) };
		struct ptw_map map = full_access(&m);

		map.page_levels = random_chance(&random, 50) ? 1 : 2;
		switch (random_below(&random, 4)) {
		case 0:
			ptw_unmap(m.pgtable, r.start, r.end, &unmap, NULL);
			break;
		case 1:
			ptw_split(m.pgtable, r.start, r.end, 0, NULL);
			break;
		case 2:
			ptw_collapse(m.pgtable, m.ia_end / 2 + entry_size(&m, 1),
				     m.ia_end / 2 + 3 * entry_size(&m, 1), 1, NULL);
			break;
		default:
			ptw_map(m.pgtable, r.start, r.end, oa_of(&m, r.start), &map, NULL);
		}
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (unsigned int i = 0; i < 2; i++) {
		const struct walker *w = &walkers[i];

		pthread_join(w->thread, NULL);
		cr_assert_eq(w->bad, 0u, "%s: %" PRIu64 " wrong translations, the last of %#" PRIx64
			     " with status %d", preset, w->bad, w->bad_ia, w->bad_status);
		cr_assert_gt(ptw_softmmu_counters(cpus.cpu[i].mmu)->paging_cache_hits, 0u);
	}
	check_settled(&cpus);
	cpus_close(&cpus);
	machine_close(&m);
}

Test(softmmu_cached_tables, ept_two_cpus_and_a_writer, .timeout = 240)
{
	run_threads("ept4");
}

Test(softmmu_cached_tables, haft_two_cpus_and_a_writer, .timeout = 240)
{
	run_threads("arm64-s2-4k-haft");
}

Test(softmmu_cached_tables, perverse_two_cpus_and_a_writer, .timeout = 240)
{
	run_threads("perverse");
}
