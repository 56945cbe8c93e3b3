/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The translation cache of one software CPU: see tlb.h for the rules.
 */
#include "tlb.h"

#define MAX_WAYS 16

size_t ptw_softmmu_tlb_bytes(uint32_t sets, uint32_t ways)
{
	if (sets == 0 || (sets & (sets - 1)) != 0 || ways == 0 || ways > MAX_WAYS)
		return 0;
	return (size_t)sets * ways * sizeof(struct softmmu_tlb_entry) + sets;
}

static void drop_all(struct softmmu_tlb *tlb)
{
	for (uint64_t i = 0; i < (tlb->set_mask + 1) * tlb->ways; i++)
		tlb->entries[i].page = SOFTMMU_TLB_EMPTY;
	tlb->has_blocks = false;
}

void ptw_softmmu_tlb_setup(struct softmmu_tlb *tlb, void *memory, uint32_t sets, uint32_t ways,
			   unsigned int granule_lg2)
{
	tlb->entries = memory;
	tlb->victims = (uint8_t *)(tlb->entries + (size_t)sets * ways);
	tlb->set_mask = sets - 1;
	tlb->ways = ways;
	tlb->granule_lg2 = (uint8_t)granule_lg2;
	for (uint32_t set = 0; set < sets; set++)
		tlb->victims[set] = 0;
	drop_all(tlb);
}

void ptw_softmmu_tlb_fill(struct softmmu_tlb *tlb, uint64_t ia, uint64_t oa, uint32_t perms,
			  unsigned int level, unsigned int size_lg2)
{
	uint64_t page = ia >> tlb->granule_lg2;
	uint64_t set = page & tlb->set_mask;
	struct softmmu_tlb_entry *ways = &tlb->entries[set * tlb->ways];
	struct softmmu_tlb_entry *entry = NULL;

	for (uint32_t way = 0; way < tlb->ways; way++) {
		if (ways[way].page == page) {
			entry = &ways[way];
			break;
		}
		if (!entry && ways[way].page == SOFTMMU_TLB_EMPTY)
			entry = &ways[way];
	}
	if (!entry) {
		entry = &ways[tlb->victims[set]];
		tlb->victims[set] = (uint8_t)((tlb->victims[set] + 1u) % tlb->ways);
	}
	entry->page = page;
	entry->oa = oa >> tlb->granule_lg2 << tlb->granule_lg2;
	entry->perms = (uint8_t)perms;
	entry->level = (uint8_t)level;
	entry->size_lg2 = (uint8_t)size_lg2;
	if (size_lg2 > tlb->granule_lg2)
		tlb->has_blocks = true;
}

/* Drop entry if its leaf reaches into [first, last]. */
static void drop_if(const struct softmmu_tlb *tlb, struct softmmu_tlb_entry *entry, uint64_t first,
		    uint64_t last)
{
	uint64_t leaf_first, leaf_last;

	if (entry->page == SOFTMMU_TLB_EMPTY)
		return;
	leaf_first = entry->page << tlb->granule_lg2 >> entry->size_lg2 << entry->size_lg2;
	leaf_last = leaf_first + (((uint64_t)1 << entry->size_lg2) - 1);
	if (leaf_first <= last && leaf_last >= first)
		entry->page = SOFTMMU_TLB_EMPTY;
}

void ptw_softmmu_tlb_drop(struct softmmu_tlb *tlb, uint64_t first, uint64_t last)
{
	uint64_t pages = (last >> tlb->granule_lg2) - (first >> tlb->granule_lg2) + 1;

	if (first == 0 && last == UINT64_MAX) {
		drop_all(tlb);
		return;
	}
	/* Few pages, and every leaf is one page: only their own sets can hold them. */
	if (!tlb->has_blocks && pages <= tlb->set_mask) {
		uint64_t page = first >> tlb->granule_lg2;

		for (; pages; pages--, page++) {
			struct softmmu_tlb_entry *ways =
				&tlb->entries[(page & tlb->set_mask) * tlb->ways];

			for (uint32_t way = 0; way < tlb->ways; way++)
				drop_if(tlb, &ways[way], first, last);
		}
		return;
	}
	for (uint64_t i = 0; i < (tlb->set_mask + 1) * tlb->ways; i++)
		drop_if(tlb, &tlb->entries[i], first, last);
}
