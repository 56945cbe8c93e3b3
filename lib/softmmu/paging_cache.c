/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The paging-structure cache of one software CPU: see paging_cache.h for the rules.
 */
#include "paging_cache.h"

bool ptw_softmmu_cache_valid(uint32_t entries)
{
	return (entries & (entries - 1)) == 0 && entries <= SOFTMMU_CACHE_MAX;
}

size_t ptw_softmmu_cache_bytes(uint32_t entries, unsigned int levels)
{
	return (size_t)entries * levels * sizeof(struct softmmu_cached_table);
}

void ptw_softmmu_cache_setup(struct softmmu_paging_cache *cache, void *memory, uint32_t entries,
			     unsigned int levels, unsigned int granule_lg2, unsigned int stride_lg2)
{
	cache->entries = memory;
	cache->mask = entries - 1;
	cache->levels = (uint8_t)levels;
	for (unsigned int level = 0; level <= levels && level < PTW_MAX_LEVELS; level++)
		cache->shift[level] = (uint8_t)(granule_lg2 + stride_lg2 * level);
	for (size_t i = 0; i < (size_t)entries * levels; i++)
		cache->entries[i].prefix = SOFTMMU_CACHE_EMPTY;
}

void ptw_softmmu_cache_drop(struct softmmu_paging_cache *cache, uint64_t first, uint64_t last)
{
	for (unsigned int level = 1; level <= cache->levels; level++) {
		struct softmmu_cached_table *entries =
			&cache->entries[(level - 1) * (cache->mask + 1)];
		const uint64_t low = first >> cache->shift[level];
		const uint64_t high = last >> cache->shift[level];

		/* Few of them: only their own slots can hold them. */
		if (high - low < cache->mask) {
			for (uint64_t prefix = low; prefix <= high; prefix++)
				if (entries[prefix & cache->mask].prefix == prefix)
					entries[prefix & cache->mask].prefix = SOFTMMU_CACHE_EMPTY;
			continue;
		}
		for (uint64_t i = 0; i <= cache->mask; i++)
			if (entries[i].prefix >= low && entries[i].prefix <= high)
				entries[i].prefix = SOFTMMU_CACHE_EMPTY;
	}
}
