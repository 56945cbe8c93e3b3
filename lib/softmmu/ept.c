/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Intel EPT, from the SDM volume 3C, chapter "VMX Support for Address Translation", section "The
 * Extended Page Table Mechanism (EPT)"; the parts named below are its subsections.
 *
 * Order of the checks ("Prioritization of EPT Misconfigurations and EPT Violations"): at every
 * entry first present, then configuration; permissions only when the leaf is found, as the AND of
 * all entries used. So a permission taken away high in the tree does not hide a hole below it.
 *
 * Order of the updates ("Accessed and Dirty Flags for EPT"): the processor sets the accessed flag
 * in every entry it uses for a translation, and the dirty flag in the entry that maps the page when
 * it is written. An entry that leads to a table is used as soon as the next table is read, so it
 * keeps the flag even if the access faults further down; the leaf is changed only if the access is
 * allowed.
 */
#include "softmmu_internal.h"

/* "Extended-Page-Table Pointer (EPTP)". */
#define EPTP_MEMTYPE	  SOFTMMU_BITS(2, 0)
#define EPTP_UNCACHEABLE  0
#define EPTP_WRITEBACK	  6
#define EPTP_LENGTH(eptp) ((eptp) >> 3 & 7) /* levels - 1 */
#define EPTP_AD		  SOFTMMU_BIT(6)
#define EPTP_RESERVED_LOW SOFTMMU_BITS(11, 7) /* bit 7: supervisor shadow stacks, not modelled */

/* "EPT Translation Mechanism", formats of the entries. Bits 0 to 2 are those of enum ptw_access. */
#define EPT_READ	   SOFTMMU_BIT(0)
#define EPT_WRITE	   SOFTMMU_BIT(1)
#define EPT_FETCH	   SOFTMMU_BIT(2)
#define EPT_RWX		   (EPT_READ | EPT_WRITE | EPT_FETCH)
#define EPT_MEMTYPE(entry) ((entry) >> 3 & 7)
#define EPT_LARGE	   SOFTMMU_BIT(7)
#define EPT_ACCESSED	   SOFTMMU_BIT(8)
#define EPT_DIRTY	   SOFTMMU_BIT(9)
#define EPT_ADDRESS	   SOFTMMU_BITS(51, 12)

/* "EPT Misconfigurations": memory types 2, 3 and 7 do not exist. */
#define EPT_BAD_MEMTYPES (1u << 2 | 1u << 3 | 1u << 7)

SOFTMMU_INLINE int ept_decode(const struct ptw_softmmu *cpu, const struct softmmu_walk *walk,
			      unsigned int level, uint64_t entry, struct softmmu_step *step)
{
	const uint64_t rwx = entry & EPT_RWX;
	uint32_t perms;

	if (rwx == 0)
		return PTW_SOFTMMU_TRANSLATION;
	if ((rwx & (EPT_READ | EPT_WRITE)) == EPT_WRITE)
		return PTW_SOFTMMU_MISCONFIG;
	if (rwx == EPT_FETCH && !(cpu->flags & PTW_SOFTMMU_EXEC_ONLY))
		return PTW_SOFTMMU_MISCONFIG;

	step->leaf = level == 0 || ((entry & EPT_LARGE) && (cpu->leaf_levels >> level & 1));
	step->next = entry & EPT_ADDRESS;
	step->path = walk->path & (uint32_t)rwx;
	step->desired = entry;
	if (!step->leaf) {
		if (entry & cpu->reserved_table[level])
			return PTW_SOFTMMU_MISCONFIG;
		if (cpu->tracks)
			step->desired |= EPT_ACCESSED;
		step->sets_accessed = step->desired != entry;
		return PTW_SOFTMMU_OK;
	}
	if ((entry & cpu->reserved_leaf[level]) || (EPT_BAD_MEMTYPES >> EPT_MEMTYPE(entry) & 1))
		return PTW_SOFTMMU_MISCONFIG;
	/* Mode-based execute control is off: user and supervisor accesses have the same rights. */
	perms = step->path | step->path << SOFTMMU_USER_SHIFT;
	if (walk->need & ~perms)
		return PTW_SOFTMMU_PERMISSION;
	if (cpu->tracks) {
		step->desired |= EPT_ACCESSED;
		if ((walk->access & PTW_ACCESS_WRITE) && !(walk->access & PTW_ACCESS_SPECULATIVE))
			step->desired |= EPT_DIRTY;
		if (!(step->desired & EPT_DIRTY))
			perms &= ~(uint32_t)SOFTMMU_ANY_WRITE;
	}
	step->perms = perms;
	step->sets_accessed = ~entry & step->desired & EPT_ACCESSED;
	step->sets_dirty = ~entry & step->desired & EPT_DIRTY;
	return PTW_SOFTMMU_OK;
}

int ptw_softmmu_ept_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk)
{
	return softmmu_walk_tables(cpu, walk, EPT_RWX, ept_decode, NULL);
}

int ptw_softmmu_ept_setup(struct ptw_softmmu *cpu, const struct ptw_regs *regs)
{
	const uint64_t eptp = regs->root;
	const uint64_t memtype = eptp & EPTP_MEMTYPE;
	const uint64_t levels = EPTP_LENGTH(eptp) + 1;
	uint64_t high;

	if (regs->pa_bits < 32 || regs->pa_bits > 52)
		return PTW_ERR_CONFIG;
	if (memtype != EPTP_UNCACHEABLE && memtype != EPTP_WRITEBACK)
		return PTW_ERR_CONFIG;
	if (levels != 4 && levels != 5)
		return PTW_ERR_CONFIG;
	if ((eptp & EPTP_RESERVED_LOW) || eptp >> regs->pa_bits)
		return PTW_ERR_CONFIG;

	cpu->walk = ptw_softmmu_ept_walk;
	cpu->root = eptp & EPT_ADDRESS;
	cpu->root_level = (uint8_t)(levels - 1);
	cpu->granule_lg2 = 12;
	cpu->stride_lg2 = 9;
	cpu->ia_bits = levels == 5 ? 57 : 48;
	cpu->oa_bits = (uint8_t)regs->pa_bits;
	cpu->tracks = eptp & EPTP_AD;
	/* "Operations that Invalidate Cached Mappings": EPT violations; misconfigurations are not
	 * among them. */
	cpu->fault_drops = 1 << PTW_SOFTMMU_TRANSLATION | 1 << PTW_SOFTMMU_PERMISSION;
	/* With the flags on, accesses to guest paging-structure entries are treated as writes. */
	cpu->guest_pt = cpu->tracks ? PTW_ACCESS_WRITE : 0;
	cpu->leaf_levels = 1 << 0 | 1 << 1;
	if (!(cpu->flags & PTW_SOFTMMU_NO_1G))
		cpu->leaf_levels |= 1 << 2;

	high = EPT_ADDRESS & ~(SOFTMMU_BIT(regs->pa_bits) - 1);
	/* Level 0 has no table entries; where leaves exist, bit 7 makes one. */
	for (unsigned int level = 1; level < levels; level++)
		cpu->reserved_table[level] = high | SOFTMMU_BITS(7, 3);
	cpu->reserved_leaf[0] = high;
	cpu->reserved_leaf[1] = high | SOFTMMU_BITS(20, 12);
	cpu->reserved_leaf[2] = high | SOFTMMU_BITS(29, 12);
	return PTW_OK;
}
