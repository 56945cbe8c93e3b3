/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The perverse test format: an encoding that differs at every level, so that code which looks at
 * bits it should not know breaks. There is no manual; this comment is it.
 *
 * Granule 4 KiB, 8 entries of 8 bytes per table, 1 to 5 levels, so input addresses have
 * 12 + 3 * levels bits. The stored word is the logical one rotated left by 5 + 11 * level. Logical
 * bits:
 *
 *	0      presence: present if 1 at even levels, if 0 at odd ones
 *	1      leaf: at level 1 and above, leaf if 1 at even levels, if 0 at odd ones; level 0 holds
 *	       leaves only and ignores it; leaves exist at levels 0, 1 and 2
 *	2,3,4  read, write, fetch allowed; leaves only, 0 in table entries
 *	5      accessed; set by hardware at every level
 *	6      clean; cleared by hardware when a leaf is written, 0 in table entries
 *	9:7    ignored by hardware: for users' software, held, may write
 *	11:10  0
 *	57:12  output address >> 6; a leaf's is aligned to its size
 *	63:58  0
 */
#include "softmmu_internal.h"

#define ENTRY_PRESENT  SOFTMMU_BIT(0)
#define ENTRY_LEAF     SOFTMMU_BIT(1)
#define ENTRY_RWX      SOFTMMU_BITS(4, 2)
#define ENTRY_ACCESSED SOFTMMU_BIT(5)
#define ENTRY_CLEAN    SOFTMMU_BIT(6)
#define ENTRY_ADDRESS  SOFTMMU_BITS(57, 12)
#define ENTRY_RESERVED (SOFTMMU_BITS(11, 10) | SOFTMMU_BITS(63, 58))
#define ADDRESS_SHIFT  6
#define RWX_SHIFT      2
#define HIGHEST_LEAF   2

static inline uint64_t rotate_left(uint64_t value, unsigned int bits)
{
	return value << bits | value >> (64 - bits);
}

SOFTMMU_INLINE int perverse_decode(const struct ptw_softmmu *cpu, const struct softmmu_walk *walk,
				   unsigned int level, uint64_t entry, struct softmmu_step *step)
{
	const unsigned int turn = 5 + 11 * level;
	const uint64_t logical = rotate_left(entry, 64 - turn);
	/* At odd levels the first two bits mean the opposite. */
	const uint64_t plain = level & 1 ? logical ^ (ENTRY_PRESENT | ENTRY_LEAF) : logical;
	uint64_t desired = logical | ENTRY_ACCESSED;
	uint32_t perms;

	if (!(plain & ENTRY_PRESENT))
		return PTW_SOFTMMU_TRANSLATION;
	if (logical & ENTRY_RESERVED)
		return PTW_SOFTMMU_MISCONFIG;
	step->leaf = level == 0 || (plain & ENTRY_LEAF);
	step->next = (logical & ENTRY_ADDRESS) >> (12 - ADDRESS_SHIFT);
	step->path = 0;
	step->sets_accessed = !(logical & ENTRY_ACCESSED);
	if (!step->leaf) {
		if (logical & (ENTRY_RWX | ENTRY_CLEAN))
			return PTW_SOFTMMU_MISCONFIG;
		if (step->next >> cpu->oa_bits)
			return PTW_SOFTMMU_ADDRESS_SIZE;
		step->desired = rotate_left(desired, turn);
		return PTW_SOFTMMU_OK;
	}
	if (level > HIGHEST_LEAF ||
	    (step->next & (SOFTMMU_BIT(softmmu_level_shift(cpu, level)) - 1)))
		return PTW_SOFTMMU_MISCONFIG;
	if (step->next >> cpu->oa_bits)
		return PTW_SOFTMMU_ADDRESS_SIZE;
	perms = (uint32_t)((logical & ENTRY_RWX) >> RWX_SHIFT);
	perms |= perms << SOFTMMU_USER_SHIFT;
	if (walk->need & ~perms)
		return PTW_SOFTMMU_PERMISSION;
	if ((walk->access & PTW_ACCESS_WRITE) && !(walk->access & PTW_ACCESS_SPECULATIVE))
		desired &= ~ENTRY_CLEAN;
	if (desired & ENTRY_CLEAN)
		perms &= ~(uint32_t)SOFTMMU_ANY_WRITE;
	step->perms = perms;
	step->sets_dirty = (logical ^ desired) & ENTRY_CLEAN;
	step->desired = rotate_left(desired, turn);
	return PTW_SOFTMMU_OK;
}

int ptw_softmmu_perverse_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk)
{
	return softmmu_walk_tables(cpu, walk, 0, perverse_decode, NULL);
}

int ptw_softmmu_perverse_setup(struct ptw_softmmu *cpu, const struct ptw_regs *regs)
{
	if (regs->control < 1 || regs->control > PTW_MAX_LEVELS)
		return PTW_ERR_CONFIG;
	if (regs->pa_bits < 12 || regs->pa_bits > 52)
		return PTW_ERR_CONFIG;
	/* A table is 64 bytes, aligned to its size. */
	if ((regs->root & 63) || regs->root >> regs->pa_bits)
		return PTW_ERR_CONFIG;

	cpu->walk = ptw_softmmu_perverse_walk;
	cpu->root = regs->root;
	cpu->root_level = (uint8_t)(regs->control - 1);
	cpu->granule_lg2 = 12;
	cpu->stride_lg2 = 3;
	cpu->ia_bits = (uint8_t)(12 + 3 * regs->control);
	cpu->oa_bits = (uint8_t)regs->pa_bits;
	return PTW_OK;
}
