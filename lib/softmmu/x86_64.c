/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * x86-64 paging, 4 and 5 levels, from the SDM volume 3A, chapter "Paging"; AMD nested paging uses
 * the same entries, with every access treated as a user access (APM volume 2, "Nested Paging").
 *
 * CR0.WP = 1 is assumed. SMEP, SMAP, protection keys and CET change who may do what and are
 * refused, as is linear-address masking.
 *
 * Order ("Access Rights", "Page-Fault Exceptions"): every entry is checked for P and for reserved
 * bits as it is met; access rights are combined from all of them and judged at the leaf. "Accessed
 * and Dirty Flags": the accessed flag is set in each entry as it is used, so entries that lead to
 * tables keep it when the access faults below; the leaf is changed only if the access is allowed.
 */
#include "softmmu_internal.h"

/* "Control Registers" and "4-Level Paging and 5-Level Paging". */
#define CR3_ADDRESS    SOFTMMU_BITS(51, 12)
#define CR3_RESERVED   SOFTMMU_BITS(63, 52) /* 62:61 are the enables of linear-address masking */
#define CR4_LA57       SOFTMMU_BIT(12)
#define CR4_SMEP       SOFTMMU_BIT(20)
#define CR4_SMAP       SOFTMMU_BIT(21)
#define CR4_PKE	       SOFTMMU_BIT(22)
#define CR4_CET	       SOFTMMU_BIT(23)
#define CR4_PKS	       SOFTMMU_BIT(24)
#define CR4_LAM_SUP    SOFTMMU_BIT(28)
#define CR4_UNKNOWN    (CR4_SMEP | CR4_SMAP | CR4_PKE | CR4_CET | CR4_PKS | CR4_LAM_SUP)
#define EFER_NXE       SOFTMMU_BIT(11)

#define ENTRY_PRESENT  SOFTMMU_BIT(0)
#define ENTRY_WRITE    SOFTMMU_BIT(1)
#define ENTRY_USER     SOFTMMU_BIT(2)
#define ENTRY_ACCESSED SOFTMMU_BIT(5)
#define ENTRY_DIRTY    SOFTMMU_BIT(6)
#define ENTRY_LARGE    SOFTMMU_BIT(7) /* PS; at level 0 the bit is PAT */
#define ENTRY_NX       SOFTMMU_BIT(63)
#define ENTRY_ADDRESS  SOFTMMU_BITS(51, 12)
#define LARGE_PAT      SOFTMMU_BIT(12) /* of large leaves; not part of the address */

/* The path collects what is still allowed, in this code. */
#define PATH_WRITE ((uint32_t)ENTRY_WRITE)
#define PATH_USER  ((uint32_t)ENTRY_USER)
#define PATH_FETCH ((uint32_t)1)
#define PATH_ALL   (PATH_WRITE | PATH_USER | PATH_FETCH)

SOFTMMU_INLINE int x86_64_decode(const struct ptw_softmmu *cpu, const struct softmmu_walk *walk,
				 unsigned int level, uint64_t entry, struct softmmu_step *step)
{
	uint32_t perms;

	if (!(entry & ENTRY_PRESENT))
		return PTW_SOFTMMU_TRANSLATION;

	step->leaf = level == 0 || ((entry & ENTRY_LARGE) && (cpu->leaf_levels >> level & 1));
	step->path = walk->path & (((uint32_t)entry & (PATH_WRITE | PATH_USER)) |
				   (entry & ENTRY_NX ? 0 : PATH_FETCH));
	step->desired = entry | ENTRY_ACCESSED;
	step->sets_accessed = step->desired != entry;
	if (!step->leaf) {
		if (entry & cpu->reserved_table[level])
			return PTW_SOFTMMU_MISCONFIG;
		step->next = entry & ENTRY_ADDRESS;
		return PTW_SOFTMMU_OK;
	}
	if (entry & cpu->reserved_leaf[level])
		return PTW_SOFTMMU_MISCONFIG;
	step->next = entry & ENTRY_ADDRESS & ~(level ? LARGE_PAT : 0);
	perms = SOFTMMU_READ;
	if (step->path & PATH_WRITE)
		perms |= SOFTMMU_WRITE;
	if (step->path & PATH_FETCH)
		perms |= SOFTMMU_FETCH;
	if (step->path & PATH_USER)
		perms |= perms << SOFTMMU_USER_SHIFT;
	if (walk->need & ~perms)
		return PTW_SOFTMMU_PERMISSION;
	if ((walk->access & PTW_ACCESS_WRITE) && !(walk->access & PTW_ACCESS_SPECULATIVE))
		step->desired |= ENTRY_DIRTY;
	if (!(step->desired & ENTRY_DIRTY))
		perms &= ~(uint32_t)SOFTMMU_ANY_WRITE;
	step->perms = perms;
	step->sets_dirty = ~entry & step->desired & ENTRY_DIRTY;
	return PTW_SOFTMMU_OK;
}

int ptw_softmmu_x86_64_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk)
{
	return softmmu_walk_tables(cpu, walk, PATH_ALL, x86_64_decode, NULL);
}

int ptw_softmmu_x86_64_setup(struct ptw_softmmu *cpu, const struct ptw_regs *regs)
{
	const bool la57 = regs->control & CR4_LA57;
	uint64_t reserved;

	if (regs->pa_bits < 32 || regs->pa_bits > 52)
		return PTW_ERR_CONFIG;
	if ((regs->root & CR3_RESERVED) || (regs->root & CR3_ADDRESS) >> regs->pa_bits)
		return PTW_ERR_CONFIG;
	if (regs->control & CR4_UNKNOWN)
		return PTW_ERR_CONFIG;

	cpu->walk = ptw_softmmu_x86_64_walk;
	cpu->root = regs->root & CR3_ADDRESS;
	cpu->root_level = la57 ? 4 : 3;
	cpu->granule_lg2 = 12;
	cpu->stride_lg2 = 9;
	cpu->ia_bits = la57 ? 57 : 48;
	cpu->ia_strip = SOFTMMU_STRIP_SIGN;
	/* "Operations that Invalidate TLBs and Paging-Structure Caches": page faults do. */
	cpu->fault_drops = 1 << PTW_SOFTMMU_TRANSLATION | 1 << PTW_SOFTMMU_PERMISSION |
			   1 << PTW_SOFTMMU_MISCONFIG;
	/* APM volume 2, "Nested Paging": the guest's own table walk is a user write to the nested
	 * tables. */
	cpu->guest_pt = PTW_ACCESS_WRITE | PTW_ACCESS_USER;
	cpu->oa_bits = (uint8_t)regs->pa_bits;
	cpu->leaf_levels = 1 << 0 | 1 << 1;
	if (!(cpu->flags & PTW_SOFTMMU_NO_1G))
		cpu->leaf_levels |= 1 << 2;

	reserved = ENTRY_ADDRESS & ~(SOFTMMU_BIT(regs->pa_bits) - 1);
	if (!(regs->control2 & EFER_NXE))
		reserved |= ENTRY_NX;
	/* Where PS makes no leaf, it must be 0. */
	for (unsigned int level = 1; level <= cpu->root_level; level++)
		cpu->reserved_table[level] = reserved | ENTRY_LARGE;
	cpu->reserved_leaf[0] = reserved;
	cpu->reserved_leaf[1] = reserved | SOFTMMU_BITS(20, 13);
	cpu->reserved_leaf[2] = reserved | SOFTMMU_BITS(29, 13);
	return PTW_OK;
}
