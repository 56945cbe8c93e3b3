/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file paging_cache.h
 * The paging-structure cache of one software CPU: table entries, so that a walk need not read them.
 *
 * One array for each level that has table entries, indexed by the low bits of the part of the input
 * address that the entry stands for. A cached entry holds where the next table is and what the path
 * down to it allows, as the PML4E, PDPTE and PDE caches do (SDM volume 3A, "Paging-Structure
 * Caches"; volume 3C, "Caching Translation Information" of EPT; Arm ARM, "TLB maintenance": caches
 * of the levels of a walk). Only what a walk has used gets in, after its accessed bit was set where
 * hardware has one.
 *
 * Nothing is known here of what entries mean: a cached table is used until it is dropped or its
 * place is taken, whatever has become of the memory it points to.
 */
#ifndef PTW_SOFTMMU_PAGING_CACHE_H
#define PTW_SOFTMMU_PAGING_CACHE_H

#include <ptw/types.h>

/** One cached table entry. */
struct softmmu_cached_table {
	uint64_t prefix; /**< input address >> shift of the level; SOFTMMU_CACHE_EMPTY: free */
	uint64_t table;	 /**< address of the table that the entry leads to */
	uint32_t path;	 /**< what the path allows with this entry included, in the regime's code */
};

/** No prefix: input addresses have at most 57 bits. */
#define SOFTMMU_CACHE_EMPTY (~(uint64_t)0)

/** The cache; `entries` lies in the memory behind the CPU. */
struct softmmu_paging_cache {
	struct softmmu_cached_table *entries; /**< those of level 1, of level 2, ... */
	uint64_t mask;			      /**< entries of one level, less 1 */
	uint8_t levels;			      /**< 0: there is no cache, or no table entry */
	uint8_t shift[PTW_MAX_LEVELS];	      /**< log2 of the bytes an entry of a level maps */
};

/** The most entries of a level. */
#define SOFTMMU_CACHE_MAX ((uint32_t)1 << 16)

/** Is this a number of entries that a level can have? 0 is none. */
bool ptw_softmmu_cache_valid(uint32_t entries);

/** Bytes for `levels` levels of `entries` entries. */
size_t ptw_softmmu_cache_bytes(uint32_t entries, unsigned int levels);

/**
 * Set up an empty cache of the levels 1 to `levels` in `memory`, which has
 * ptw_softmmu_cache_bytes() bytes. An entry of level n maps 1 << granule_lg2 + n * stride_lg2.
 */
void ptw_softmmu_cache_setup(struct softmmu_paging_cache *cache, void *memory, uint32_t entries,
			     unsigned int levels, unsigned int granule_lg2,
			     unsigned int stride_lg2);

/** Drop what maps any of [first, last], both inclusive, at every level. */
void ptw_softmmu_cache_drop(struct softmmu_paging_cache *cache, uint64_t first, uint64_t last);

/** Where the entry of `level` for `ia` stands, if it is cached. */
static inline struct softmmu_cached_table *
softmmu_cache_slot(const struct softmmu_paging_cache *cache, uint64_t ia, unsigned int level)
{
	return &cache->entries[(level - 1) * (cache->mask + 1) +
			       (ia >> cache->shift[level] & cache->mask)];
}

/** The deepest cached entry on the path of `ia`, and its level; or null. */
static inline const struct softmmu_cached_table *
softmmu_cache_find(const struct softmmu_paging_cache *cache, uint64_t ia, unsigned int *level)
{
	for (unsigned int l = 1; l <= cache->levels; l++) {
		const struct softmmu_cached_table *entry = softmmu_cache_slot(cache, ia, l);

		if (entry->prefix == ia >> cache->shift[l]) {
			*level = l;
			return entry;
		}
	}
	return NULL;
}

/** Put a table entry in, in place of whatever has its slot. */
static inline void softmmu_cache_fill(struct softmmu_paging_cache *cache, uint64_t ia,
				      unsigned int level, uint64_t table, uint32_t path)
{
	struct softmmu_cached_table *entry = softmmu_cache_slot(cache, ia, level);

	entry->prefix = ia >> cache->shift[level];
	entry->table = table;
	entry->path = path;
}

#endif /* PTW_SOFTMMU_PAGING_CACHE_H */
