/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a page table should say, kept as flat arrays: one record per page, no tree.
 *
 * The one thing of the tree that shows is which tables exist, since a block is not put where a
 * table is. When empty tables go is a matter of configuration, so the model looks which there are
 * (model_tables()), and the operations are held to what they say of them.
 */
#ifndef PTW_TESTS_MODEL_H
#define PTW_TESTS_MODEL_H

#include "tests/unit/pgtable_machine.h"

/* Page numbers in the records are relative to the area. */
struct page {
	uint64_t oa;
	uint32_t first; /* leaf extent: its first page and how many */
	uint32_t count; /* 0: not mapped */
	uint32_t entry; /* leaf entry: likewise */
	uint32_t entry_count;
	uint8_t level;
	uint8_t prot;
	uint8_t memtype;
	bool group;
	bool young; /* in the record of the extent's first page */
	bool dirty;
	bool user; /* in the record of the entry's first page */
	bool protected; /* a write has to be allowed, or noticed, once more */
};

/* A piece of the input address space; whatever is mapped in it lies in it whole. */
struct area {
	uint64_t base; /* bytes */
	uint32_t pages;
	struct page *page;
	uint8_t *table
		[PTW_MAX_LEVELS]; /* does entry i of that level lead to a table? null: too large */
};

struct model {
	struct machine *m;
	unsigned int stride; /* lg2 of entries in a table */
	unsigned int group_lg2[PTW_MAX_LEVELS];
	struct area area[3];
	unsigned int areas;
};

/* What a change of the page table should have reported. */
struct report {
	uint64_t reached; /* page */
	uint64_t young_extents, young_pages, dirty_extents, dirty_pages;
	uint64_t holes, leaves;
};

/* Arm ARM, "Contiguous bit": members of a group by granule and level. */
static inline void model_groups(struct model *model)
{
	static const uint8_t lg2[3][3] = { { 4, 4, 4 }, { 7, 5, 0 }, { 5, 5, 0 } };
	const struct machine *m = model->m;

	if (!(m->config.features & PTW_FEATURE_CONTIG))
		return;
	for (unsigned int level = 0; level < 3; level++)
		model->group_lg2[level] = lg2[(m->info.granule_lg2 - 12) / 2][level];
}

static inline void model_area(struct model *model, uint64_t base, uint32_t pages)
{
	struct area *a = &model->area[model->areas++];

	a->base = base;
	a->pages = pages;
	a->page = calloc(pages, sizeof(*a->page));
	cr_assert_not_null(a->page);
	for (unsigned int level = 1; level < model->m->info.levels; level++) {
		const uint64_t span = entry_size(model->m, level);

		if (span > pages * model->m->granule || (base & (span - 1)))
			break;
		a->table[level] = calloc(pages * model->m->granule / span, 1);
		cr_assert_not_null(a->table[level]);
	}
}

static inline void model_close(struct model *model)
{
	for (unsigned int i = 0; i < model->areas; i++) {
		free(model->area[i].page);
		for (unsigned int level = 0; level < PTW_MAX_LEVELS; level++)
			free(model->area[i].table[level]);
	}
}

static inline int model_see_table(void *context, const struct ptw_visit *visit)
{
	struct area *a = context;

	if (visit->ia >= a->base && a->table[visit->level])
		a->table[visit->level][(visit->ia - a->base) / visit->size] = 1;
	return PTW_VISIT_NEXT;
}

/* Which tables are there? */
static inline void model_tables(struct model *model)
{
	for (unsigned int i = 0; i < model->areas; i++) {
		struct area *a = &model->area[i];
		const uint64_t bytes = a->pages * model->m->granule;
		struct ptw_walk walk = { .size = sizeof(walk),
					 .kinds = PTW_VISIT_TABLE_PRE,
					 .min_level = 1,
					 .visit = model_see_table,
					 .context = a };

		for (unsigned int level = 1; level < PTW_MAX_LEVELS && a->table[level]; level++)
			memset(a->table[level], 0, bytes / entry_size(model->m, level));
		cr_assert_eq(ptw_walk(model->m->pgtable, a->base, a->base + bytes, &walk, NULL),
			     PTW_OK);
	}
}

static inline uint32_t entry_pages(const struct model *model, unsigned int level)
{
	return 1u << (model->stride * level);
}

static inline bool has_table(const struct model *model, const struct area *a, uint32_t page,
			     unsigned int level)
{
	return level && a->table[level] && a->table[level][page >> (model->stride * level)];
}

static inline struct page *extent_of(const struct area *a, uint32_t page)
{
	return &a->page[a->page[page].first];
}

/* May an entry of `level` map page `p` of [start, end)? */
static inline bool model_fits(const struct model *model, const struct area *a, uint32_t p,
			      uint32_t end, uint64_t oa, unsigned int level, unsigned int levels)
{
	const uint64_t span = entry_size(model->m, level);

	return level < levels && (model->m->info.leaf_levels >> level & 1) &&
	       !((a->base + p * model->m->granule) & (span - 1)) && !(oa & (span - 1)) &&
	       end - p >= entry_pages(model, level) && !has_table(model, a, p, level);
}

/* The contiguous group that the entry for page `p` belongs to; 0 pages: none. */
static inline uint32_t model_group(const struct model *model, const struct area *a, uint32_t start,
				   uint32_t end, uint32_t p, uint64_t oa, unsigned int level,
				   uint32_t *pages)
{
	const uint32_t count = entry_pages(model, level) << model->group_lg2[level];
	const uint64_t in_group = (a->base / model->m->granule + p) & (count - 1);

	*pages = 0;
	if (!model->group_lg2[level] || in_group > p || p - in_group < start ||
	    end - (p - in_group) < count)
		return 0;
	if ((oa - in_group * model->m->granule) & (count * model->m->granule - 1))
		return 0;
	for (uint32_t i = 0; level && i < count; i += entry_pages(model, level))
		if (has_table(model, a, (uint32_t)(p - in_group + i), level))
			return 0;
	*pages = count;
	return (uint32_t)(p - in_group);
}

static inline int model_map(struct model *model, struct area *a, uint32_t start, uint32_t end,
			    uint64_t oa, const struct ptw_map *map, struct report *report)
{
	const unsigned int levels = map->page_levels ? map->page_levels : PTW_MAX_LEVELS;
	uint32_t first, pages;

	for (uint32_t p = start; p < end; p++) {
		if (a->page[p].count) {
			report->reached = p;
			return PTW_ERR_EXISTS;
		}
	}
	for (uint32_t p = start; p < end;) {
		const uint64_t here = oa + (p - start) * model->m->granule;
		unsigned int level = model->m->info.levels;
		uint32_t count;

		while (level-- > 0)
			if (model_fits(model, a, p, end, here, level, levels))
				break;
		count = entry_pages(model, level);
		first = model_group(model, a, start, end, p, here, level, &pages);
		for (uint32_t i = 0; i < count; i++) {
			a->page[p + i] = (struct page){
				.oa = here + i * model->m->granule,
				.first = pages ? first : p,
				.count = pages ? pages : count,
				.entry = p,
				.entry_count = count,
				.level = (uint8_t)level,
				.prot = (uint8_t)map->prot,
				.memtype = (uint8_t)map->memtype,
				.group = pages,
			};
		}
		a->page[p].user = map->flags & PTW_LEAF_USER_BIT;
		/* Of a group this is done for each member, always with the same outcome. */
		extent_of(a, p)->young = map->flags & PTW_LEAF_YOUNG;
		extent_of(a, p)->dirty = map->flags & PTW_LEAF_DIRTY;
		report->leaves++;
		p += count;
	}
	report->reached = end;
	return PTW_OK;
}

/* Is there an extent that begins before `page` and reaches across it? */
static inline bool model_cut(const struct area *a, uint32_t page)
{
	return page < a->pages && a->page[page].count && a->page[page].first != page;
}

static inline void report_extent(struct report *report, const struct page *extent, uint64_t pages)
{
	report->young_extents += extent->young;
	report->young_pages += extent->young ? pages : 0;
	report->dirty_extents += extent->dirty;
	report->dirty_pages += extent->dirty ? pages : 0;
}

/* `young` and `dirty`: one byte per page of the area, set. */
static inline int model_unmap(struct area *a, uint32_t start, uint32_t end, bool strict,
			      uint8_t *young, uint8_t *dirty, struct report *report)
{
	if (model_cut(a, start) || model_cut(a, end)) {
		report->reached = a->page[model_cut(a, start) ? start : end].first;
		return PTW_ERR_BLOCK;
	}
	for (uint32_t p = start; p < end;) {
		const struct page extent = a->page[p];

		if (!extent.count) {
			report->reached = p;
			if (strict)
				return PTW_ERR_HOLE;
			report->holes++;
			p++;
			continue;
		}
		report_extent(report, &extent, extent.count);
		report->leaves += extent.count / extent.entry_count;
		memset(young + p, extent.young, extent.count);
		memset(dirty + p, extent.dirty, extent.count);
		memset(&a->page[p], 0, extent.count * sizeof(extent));
		p += extent.count;
	}
	report->reached = end;
	return PTW_OK;
}

#endif /* PTW_TESTS_MODEL_H */
