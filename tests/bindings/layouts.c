/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The lines that `hot_pages --layouts` (bindings/rust) prints, from the C headers. */
#include <ptw/ptw.h>

#include <stddef.h>
#include <stdio.h>

#define FIELD(kind, field) printf(" %zu", offsetof(struct kind, field));
#define BEGIN(kind) printf(#kind " %zu", sizeof(struct kind));
#define END puts("");

int main(void)
{
	BEGIN(ptw_config)
	FIELD(ptw_config, size) FIELD(ptw_config, format) FIELD(ptw_config, oa_bits)
	FIELD(ptw_config, layout) FIELD(ptw_config, phys_offset) FIELD(ptw_config, flush)
	FIELD(ptw_config, flags) FIELD(ptw_config, kernel) FIELD(ptw_config, reserved)
	END
	BEGIN(ptw_info)
	FIELD(ptw_info, size) FIELD(ptw_info, format) FIELD(ptw_info, granule_lg2)
	FIELD(ptw_info, ia_bits) FIELD(ptw_info, kernel) FIELD(ptw_info, root) FIELD(ptw_info, bytes)
	FIELD(ptw_info, table_accessed)
	END
	BEGIN(ptw_map)
	FIELD(ptw_map, size) FIELD(ptw_map, prot) FIELD(ptw_map, memtype) FIELD(ptw_map, flags)
	FIELD(ptw_map, page_levels)
	END
	BEGIN(ptw_unmap)
	FIELD(ptw_unmap, size) FIELD(ptw_unmap, flags) FIELD(ptw_unmap, young)
	FIELD(ptw_unmap, dirty)
	END
	BEGIN(ptw_change_result)
	FIELD(ptw_change_result, size) FIELD(ptw_change_result, reached)
	FIELD(ptw_change_result, leaves) FIELD(ptw_change_result, tables)
	FIELD(ptw_change_result, holes) FIELD(ptw_change_result, young_extents)
	FIELD(ptw_change_result, young_pages) FIELD(ptw_change_result, dirty_extents)
	FIELD(ptw_change_result, dirty_pages) FIELD(ptw_change_result, head)
	FIELD(ptw_change_result, tail)
	END
	BEGIN(ptw_harvest)
	FIELD(ptw_harvest, size) FIELD(ptw_harvest, flags) FIELD(ptw_harvest, young)
	FIELD(ptw_harvest, dirty) FIELD(ptw_harvest, word) FIELD(ptw_harvest, run)
	FIELD(ptw_harvest, context) FIELD(ptw_harvest, oa_start) FIELD(ptw_harvest, oa_end)
	FIELD(ptw_harvest, budget) FIELD(ptw_harvest, summary) FIELD(ptw_harvest, prune)
	FIELD(ptw_harvest, cursor)
	END
	BEGIN(ptw_extent)
	FIELD(ptw_extent, start) FIELD(ptw_extent, length) FIELD(ptw_extent, level)
	FIELD(ptw_extent, what)
	END
	BEGIN(ptw_harvest_result)
	FIELD(ptw_harvest_result, size) FIELD(ptw_harvest_result, resume)
	FIELD(ptw_harvest_result, entries) FIELD(ptw_harvest_result, young_pages)
	FIELD(ptw_harvest_result, dirty_pages) FIELD(ptw_harvest_result, owned)
	FIELD(ptw_harvest_result, busy) FIELD(ptw_harvest_result, sections)
	FIELD(ptw_harvest_result, head) FIELD(ptw_harvest_result, tail)
	END
	BEGIN(ptw_regs)
	FIELD(ptw_regs, regime) FIELD(ptw_regs, pa_bits) FIELD(ptw_regs, root)
	FIELD(ptw_regs, control) FIELD(ptw_regs, control2) FIELD(ptw_regs, control3)
	END
	BEGIN(ptw_softmmu_config)
	FIELD(ptw_softmmu_config, size) FIELD(ptw_softmmu_config, regs)
	FIELD(ptw_softmmu_config, phys_offset) FIELD(ptw_softmmu_config, flags)
	FIELD(ptw_softmmu_config, tlb_sets) FIELD(ptw_softmmu_config, tlb_ways)
	FIELD(ptw_softmmu_config, seed) FIELD(ptw_softmmu_config, paging_cache)
	END
	BEGIN(ptw_softmmu_result)
	FIELD(ptw_softmmu_result, oa) FIELD(ptw_softmmu_result, page_size)
	FIELD(ptw_softmmu_result, level) FIELD(ptw_softmmu_result, tlb_hit)
	END
	return 0;
}
