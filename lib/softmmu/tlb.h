/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file tlb.h
 * The translation cache of one software CPU.
 *
 * Sets and ways, indexed by the page number of the granule, replaced round-robin. A leaf larger
 * than the granule is cached as the piece that was accessed, and remembers how large the leaf was,
 * since invalidating any address of a leaf drops all its pieces (SDM volume 3A, "Operations that
 * Invalidate TLBs and Paging-Structure Caches"; Arm ARM, "TLB maintenance instructions").
 *
 * A translation whose leaf was clean is cached without write permission: a write then misses and
 * walks, which is what sets dirty. So "may write" here says both permission and dirty.
 */
#ifndef PTW_SOFTMMU_TLB_H
#define PTW_SOFTMMU_TLB_H

#include <ptw/types.h>

/** One cached translation. */
struct softmmu_tlb_entry {
	uint64_t page;	  /**< input page number, SOFTMMU_TLB_EMPTY if the entry is free */
	uint64_t oa;	  /**< output address of the page */
	uint8_t perms;	  /**< accesses answered from here; see struct softmmu_walk */
	uint8_t level;	  /**< of the leaf */
	uint8_t size_lg2; /**< log2 of the bytes the leaf maps */
};

#define SOFTMMU_TLB_EMPTY (~(uint64_t)0)

/** The cache; `entries` lies in the memory behind the CPU. */
struct softmmu_tlb {
	struct softmmu_tlb_entry *entries; /**< ways of set 0, ways of set 1, ... */
	uint8_t *victims;		   /**< per set: the way to replace next */
	uint64_t set_mask;
	uint32_t ways; /**< 0: there is no TLB */
	uint8_t granule_lg2;
	bool has_blocks; /**< a leaf larger than the granule may be cached */
};

/** Bytes for entries and victims of sets x ways, or 0 if the shape is invalid. */
size_t ptw_softmmu_tlb_bytes(uint32_t sets, uint32_t ways);

/** Set up an empty cache in `memory`, which has ptw_softmmu_tlb_bytes() bytes. */
void ptw_softmmu_tlb_setup(struct softmmu_tlb *tlb, void *memory, uint32_t sets, uint32_t ways,
			   unsigned int granule_lg2);

/** Put a translation in, in place of one of the same page or else of the oldest of the set. */
void ptw_softmmu_tlb_fill(struct softmmu_tlb *tlb, uint64_t ia, uint64_t oa, uint32_t perms,
			  unsigned int level, unsigned int size_lg2);

/** Drop the leaves that map any of [first, last], both inclusive. */
void ptw_softmmu_tlb_drop(struct softmmu_tlb *tlb, uint64_t first, uint64_t last);

/** The cached translation of `ia`, or null. */
static inline const struct softmmu_tlb_entry *softmmu_tlb_find(const struct softmmu_tlb *tlb,
							       uint64_t ia)
{
	uint64_t page = ia >> tlb->granule_lg2;
	const struct softmmu_tlb_entry *entry = &tlb->entries[(page & tlb->set_mask) * tlb->ways];

	for (uint32_t way = 0; way < tlb->ways; way++, entry++) {
		if (entry->page == page)
			return entry;
	}
	return NULL;
}

#endif /* PTW_SOFTMMU_TLB_H */
