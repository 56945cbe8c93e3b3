/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What must be true while nobody works: live counts, TLBs, ledger, mapped pages, tables. */
#include <inttypes.h>
#include <stdlib.h>

#include "ledger.h"

#define PROBES 48 /* pages looked at through each CPU's TLB */

/* A worker whose thread waits lends its name to the main thread. */
static struct worker *lender(struct stress *s)
{
	return &s->threads[s->cpus];
}

/*
 * No CPU has kept a translation that was taken away by an operation which has returned: each of
 * them has flushed. Old ones may be there for a page that only became old.
 */
static void probe(struct worker *w, uint64_t ia)
{
	struct stress *s = w->stress;
	struct ptw_query query = { .size = sizeof(query) };
	struct ptw_softmmu_result result;
	int ret = ptw_query(s->pgtable, ia, &query);

	if (ret && ret != PTW_ERR_HOLE)
		stress_fail(s, "query at rest: %s at %#" PRIx64, ptw_strerror(ret), ia);
	if (cpu_access(w, ia, PTW_ACCESS_WRITE, &result) != PTW_SOFTMMU_OK)
		return;
	if (ret || query.leaf.oa != result.oa) {
		stress_fail(s, "CPU %u writes %#" PRIx64 " to %#" PRIx64 ", which is mapped to %#"
			    PRIx64 " (%s)%s", w->number, ia, result.oa,
			    ret ? 0 : query.leaf.oa, ptw_strerror(ret),
			    result.tlb_hit ? " by its TLB" : "");
		return;
	}
	if (!result.tlb_hit)
		return;
	ptw_softmmu_tlb_invalidate(w->cpu->mmu, ia, ia + s->granule);
	if (cpu_access(w, ia, PTW_ACCESS_WRITE, &result) != PTW_SOFTMMU_PERMISSION)
		return;
	/* Access tracking takes all permissions of a page that becomes old, without a flush, and a read
	 * gives all but the write back; the page still is dirty, so nothing is lost by a write. */
	if (s->config.format == PTW_FORMAT_EPT && !s->hardware &&
	    (query.leaf.flags & PTW_LEAF_DIRTY) && (query.leaf.prot & PTW_PROT_WRITE))
		return;
	stress_fail(s, "CPU %u may write %#" PRIx64 " by its TLB alone (permissions %x, flags %x)",
		    w->number, ia, query.leaf.prot, query.leaf.flags);
}

static void probe_all(struct stress *s)
{
	for (unsigned int n = 0; n < s->cpus; n++) {
		struct worker *w = &s->threads[n];

		for (unsigned int i = 0; i < PROBES; i++) {
			const struct area *area = &s->areas[i % AREAS];
			uint64_t page = i < PROBES / 2 ? i / AREAS : below(w, area->busy);

			probe(w, area->base + page * s->granule);
		}
	}
}

static void look(struct stress *s, const struct area *area, uint64_t **young, uint64_t **dirty)
{
	struct span span = { area->base, area->base + area->pages * s->granule };
	uint64_t words = ptw_bitmap_words(span.start, span.end, s->granule_lg2);
	struct ptw_harvest h = {
		.size = sizeof(h),
		.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY | PTW_HARVEST_PEEK,
	};
	struct ptw_harvest_result result = { .size = sizeof(result) };
	int ret;

	h.young = *young = calloc(words, 8);
	h.dirty = *dirty = calloc(words, 8);
	if (!*young || !*dirty)
		abort();
	ret = ptw_harvest(s->pgtable, span.start, span.end, &h, &result);
	if (ret || result.owned || result.busy)
		stress_fail(s, "harvest at rest: %s, %" PRIu64 " entries owned, %" PRIu64
			    " busy (area %s)", ptw_strerror(ret), result.owned, result.busy,
			    area->name);
}

static void check_ledger(struct stress *s)
{
	uint64_t *young[AREAS], *dirty[AREAS];

	for (unsigned int i = 0; i < AREAS; i++)
		look(s, &s->areas[i], &young[i], &dirty[i]);
	ledger_check(s, (const uint64_t *const *)young, (const uint64_t *const *)dirty);
	for (unsigned int i = 0; i < AREAS; i++) {
		free(young[i]);
		free(dirty[i]);
	}
}

struct count {
	struct stress *s;
	uint64_t pages;
};

static int count_visit(void *context, const struct ptw_visit *v)
{
	struct count *count = context;
	struct stress *s = count->s;
	struct ptw_leaf leaf;

	if (v->owned)
		stress_fail(s, "entries at %#" PRIx64 " are owned at rest: %#" PRIx64, v->ia,
			    v->owned);
	for (unsigned int i = 0; i < v->count; i++) {
		uint64_t ia = v->ia + i * v->size;

		if (ptw_visit_leaf(v, i, &leaf))
			continue;
		count->pages += v->size / s->granule;
		if (leaf.flags & PTW_LEAF_HELD)
			stress_fail(s, "%#" PRIx64 " is held at rest", ia);
		if (!space_oa_right(s, ia, leaf.oa))
			stress_fail(s, "%#" PRIx64 " is mapped to %#" PRIx64 " at rest", ia,
				    leaf.oa);
	}
	return PTW_VISIT_NEXT;
}

/* What was mapped and not unmapped is mapped. */
static void check_mapped(struct stress *s)
{
	struct count count = { s, 0 };
	struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF,
		.holes = true, /* frozen entries, too */
		.visit = count_visit,
		.context = &count,
	};
	struct span all = space_all(s);
	uint64_t mapped = 0, removed = 0;
	int ret = ptw_walk(s->pgtable, all.start, all.end, &walk, NULL);

	for (unsigned int i = 0; i < s->cpus + s->workers; i++) {
		mapped += s->threads[i].mapped;
		removed += s->threads[i].removed;
	}
	if (ret || mapped - removed != count.pages)
		stress_fail(s, "walk: %s; %" PRIu64 " pages were mapped and %" PRIu64
			    " unmapped, %" PRIu64 " are there", ptw_strerror(ret), mapped, removed,
			    count.pages);
}

/* Every table in use can be reached, and every other one is free. */
static void check_tables(struct stress *s)
{
	struct ptw_check_result check = { .size = sizeof(check) };
	struct ptw_info info = { .size = sizeof(info) };
	int ret;

	ret = ptw_barrier();
	if (ret)
		stress_fail(s, "barrier: %s", ptw_strerror(ret));
	ptw_check(s->pgtable, PTW_CHECK_COUNTS, &check);
	ptw_pgtable_info(s->pgtable, &info);
	if (info.tables_retired || info.tables + s->root_tables != check.tables)
		stress_fail(s, "%" PRIu64 " tables are in use and %" PRIu64
			    " retired after a grace period; %" PRIu64 " can be reached",
			    info.tables + s->root_tables, info.tables_retired, check.tables);
}

void rest_check(struct stress *s)
{
	probe_all(s);
	play_role(lender(s), ROLE_K, space_all(s));
	check_ledger(s);
	check_mapped(s);
	check_tables(s);
}

/* At the limit of the backlog, at rest: what waits is free after a grace period. */
static bool again(struct stress *s, const char *what, int ret, unsigned int *tries)
{
	if (ret == PTW_ERR_BACKLOG && ++*tries < 1000)
		return ptw_barrier() == PTW_OK;
	if (ret)
		stress_fail(s, "%s at rest: %s", what, ptw_strerror(ret));
	return false;
}

void rest_empty(struct stress *s)
{
	struct worker *w = lender(s);
	struct span all = space_all(s);
	struct ptw_unmap unmap = { .size = sizeof(unmap), .young = w->young, .dirty = w->dirty };
	struct ptw_info info = { .size = sizeof(info) };
	struct ptw_change_result result;
	unsigned int tries = 0;
	int ret;

	do {
		ledger_open(w, all);
		result = (struct ptw_change_result){ .size = sizeof(result) };
		ret = ptw_unmap(s->pgtable, all.start, all.end, &unmap, &result);
		ledger_close(w, all, all.start, NULL, NULL);
		if (result.leaves)
			w->removed += (result.reached - all.start) / s->granule - result.holes;
	} while (again(s, "unmap", ret, &tries));
	do
		ret = ptw_reclaim(s->pgtable, 0, (uint64_t)1 << s->ia_bits, NULL);
	while (again(s, "reclaim", ret, &tries));
	play_role(w, ROLE_K, all);
	check_ledger(s);
	check_mapped(s);
	check_tables(s);
	ptw_pgtable_info(s->pgtable, &info);
	if (info.tables || info.tables_empty)
		stress_fail(s, "%" PRIu64 " tables are left (%" PRIu64 " of them empty) after all "
			    "was unmapped and reclaimed", info.tables, info.tables_empty);
	s->totals->reclaimed += info.tables_reclaimed;
	s->totals->revived += info.tables_revived;
}
